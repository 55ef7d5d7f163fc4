# SPDX-License-Identifier: Apache-2.0
# The simulated carrier.  It links nothing of the gateway: an independent reading of SMPP 3.4.

bin_PROGRAMS += posthorn-smsc-sim
posthorn_smsc_sim_SOURCES = \
	tests/peers/smsc_conn.c \
	tests/peers/smsc_control.c \
	tests/peers/smsc_deliver.c \
	tests/peers/smsc_pdu.c \
	tests/peers/smsc_pdu.h \
	tests/peers/smsc_receipt.c \
	tests/peers/smsc_receipt.h \
	tests/peers/smsc_script.c \
	tests/peers/smsc_script.h \
	tests/peers/smsc_session.c \
	tests/peers/smsc_sim.c \
	tests/peers/smsc_sim.h \
	tests/peers/smsc_stats.c \
	tests/peers/smsc_stats.h
posthorn_smsc_sim_LDADD = $(UV_LIBS) $(JANSSON_LIBS) -lm

check_PROGRAMS += smpp_blast
smpp_blast_SOURCES = tests/peers/smpp_blast.c
