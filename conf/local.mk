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
# What differs between makes of modems.
modemsdir = $(pkgdatadir)/modems
dist_modems_DATA = \
	conf/modems/huawei.conf \
	conf/modems/qualcomm.conf \
	conf/modems/quectel.conf \
	conf/modems/siemens.conf \
	conf/modems/sierra.conf \
	conf/modems/simcom-7600.conf \
	conf/modems/simcom-800.conf \
	conf/modems/telit.conf \
	conf/modems/u-blox.conf \
	conf/modems/wavecom.conf \
	conf/modems/zte.conf
