#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Send one message with curl: send.sh TO TEXT.  POSTHORN_URL and POSTHORN_KEY say where and as whom.
# The Idempotency-Key makes it safe to repeat: curl tries again after a break, and one message is sent all the same.
set -eu
[ $# -eq 2 ] || { echo "usage: send.sh TO TEXT" >&2; exit 2; }
body=$(python3 -c 'import json, sys; print(json.dumps({"to": sys.argv[1], "text": sys.argv[2]}))' "$1" "$2")
# The key goes by standard input, because everybody on the machine can read a command line.
printf 'header = "Authorization: Bearer %s"\n' "$POSTHORN_KEY" |
	curl --fail-with-body -sS --retry 5 --retry-connrefused --max-time 30 --config - \
		-H 'Content-Type: application/json' \
		-H "Idempotency-Key: $(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" \
		--data-binary "$body" "${POSTHORN_URL:-http://127.0.0.1:8775}/v1/messages"
echo
