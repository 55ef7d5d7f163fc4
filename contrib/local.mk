# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += \
	.ci/run \
	contrib/demo.py \
	contrib/install-packages.sh \
	contrib/posthorn.service \
	contrib/posthorn.sysusers \
	contrib/posthorn.tmpfiles \
	contrib/70-posthorn-modem.rules \
	contrib/quickstart.sh \
	contrib/run-tests.sh \
	contrib/samples/campaign.csv \
	contrib/samples/send.js \
	contrib/samples/send.php \
	contrib/samples/send.py \
	contrib/samples/send.sh \
	contrib/samples/webhook.py

EXTRA_DIST += contrib/posthorn.bash-completion
