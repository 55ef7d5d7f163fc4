# SPDX-License-Identifier: Apache-2.0
dist_man_MANS += man/posthorn.conf.5

dist_man_MANS += man/posthorn-smsc-sim.1

dist_man_MANS += man/posthorn-modem-sim.1

dist_man_MANS += man/posthorn.1

dist_man_MANS += man/posthorn-api.7

dist_man_MANS += man/posthornd.8
