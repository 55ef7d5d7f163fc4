# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += conf/posthorn.conf.example
carriersdir = $(pkgdatadir)/carriers
dist_carriers_DATA = \
	conf/carriers/gateway-as-smsc.conf \
	conf/carriers/generic-33.conf \
	conf/carriers/generic-34.conf \
	conf/carriers/hex-dec-ids.conf \
	conf/carriers/india-dlt.conf \
	conf/carriers/latin1.conf \
	conf/carriers/national-numbers.conf \
	conf/carriers/short-code-us.conf \
	conf/carriers/simulator.conf
