# SPDX-License-Identifier: Apache-2.0
# The simulated carrier.  It links nothing of the gateway: an independent reading of SMPP 3.4.

bin_PROGRAMS += posthorn-smsc-sim
posthorn_smsc_sim_SOURCES = \
	tests/peers/smsc_conn.c \
	tests/peers/smsc_control.c \
	tests/peers/smsc_deliver.c \
	tests/peers/smsc_fault.c \
	tests/peers/smsc_judge.c \
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

# Scripts of misbehaviour: for our tests, and for users who want to rehearse a fault.
smscscriptsdir = $(pkgdatadir)/smsc-scripts
dist_smscscripts_DATA = \
	tests/peers/scripts/bind-password-twice.smsc \
	tests/peers/scripts/bind-refused.smsc \
	tests/peers/scripts/bind-silent.smsc \
	tests/peers/scripts/drop-after-100.smsc \
	tests/peers/scripts/drop-mid-window.smsc \
	tests/peers/scripts/garbage-after-20.smsc \
	tests/peers/scripts/half-pdu-after-20.smsc \
	tests/peers/scripts/id-dec-resp-hex-receipt.smsc \
	tests/peers/scripts/id-hex-resp-dec-receipt.smsc \
	tests/peers/scripts/id-hex.smsc \
	tests/peers/scripts/id-leading-zeros.smsc \
	tests/peers/scripts/id-uuid.smsc \
	tests/peers/scripts/invalid-destination.smsc \
	tests/peers/scripts/lose-fifth.smsc \
	tests/peers/scripts/mo-every-10.smsc \
	tests/peers/scripts/nack-third.smsc \
	tests/peers/scripts/no-enquire-answer.smsc \
	tests/peers/scripts/queue-full-once.smsc \
	tests/peers/scripts/receipt-first.smsc \
	tests/peers/scripts/receipt-none.smsc \
	tests/peers/scripts/receipt-other-bind.smsc \
	tests/peers/scripts/receipt-text-only.smsc \
	tests/peers/scripts/receipt-tlv-only.smsc \
	tests/peers/scripts/receipt-twice.smsc \
	tests/peers/scripts/receipt-unknown-id.smsc \
	tests/peers/scripts/slow-50ms.smsc \
	tests/peers/scripts/status-resp-short.smsc \
	tests/peers/scripts/swallow-fifth.smsc \
	tests/peers/scripts/system-error.smsc \
	tests/peers/scripts/throttle-every-10.smsc \
	tests/peers/scripts/throttle-twice.smsc \
	tests/peers/scripts/tps-100.smsc \
	tests/peers/scripts/tps-100-by-clock.smsc \
	tests/peers/scripts/unbind-mid-window.smsc \
	tests/peers/scripts/undelivered-prefix.smsc \
	tests/peers/scripts/unknown-command-after-20.smsc \
	tests/peers/scripts/wrong-length-after-20.smsc

dist_smscscripts_DATA += \
	tests/peers/scripts/id-name-in-front.smsc \
	tests/peers/scripts/id-tlv-differs.smsc \
	tests/peers/scripts/receipt-esm-class-0.smsc \
	tests/peers/scripts/receipt-first-part.smsc \
	tests/peers/scripts/receipt-then-undeliv.smsc \
	tests/peers/scripts/receipt-unswapped.smsc \
	tests/peers/scripts/receipt-utf16.smsc

EXTRA_DIST += tests/peers/test_smsc_sim.py tests/peers/test_net_smpp.pl

# The simulator judged by octets of the standard, by Net::SMPP and by Wireshark.
.PHONY: check-peers
check-peers: posthorn-smsc-sim$(EXEEXT)
	POSTHORN_SMSC_SIM=./posthorn-smsc-sim $(PYTHON3) $(srcdir)/tests/peers/test_smsc_sim.py
	if command -v perl >/dev/null; then \
		POSTHORN_SMSC_SIM=./posthorn-smsc-sim perl $(srcdir)/tests/peers/test_net_smpp.pl; fi

# Of sessions.
dist_smscscripts_DATA += \
	tests/peers/scripts/bind-closed-at-once.smsc \
	tests/peers/scripts/bind-limit-4.smsc \
	tests/peers/scripts/bind-never-answered.smsc \
	tests/peers/scripts/bind-already-bound.smsc \
	tests/peers/scripts/restart-every-second.smsc \
	tests/peers/scripts/huge-length-after-20.smsc \
	tests/peers/scripts/odd-pdus.smsc \
	tests/peers/scripts/fragmented.smsc \
	tests/peers/scripts/version-33.smsc \
	tests/peers/scripts/version-50.smsc
# TPDUs judged by Wireshark and by gammu.
check_PROGRAMS += tests/peers/tpdu_probe
tests_peers_tpdu_probe_SOURCES = tests/peers/tpdu_probe.c
tests_peers_tpdu_probe_LDADD = $(CODEC_LIBS) $(JANSSON_LIBS)
PEER_TESTS += tests/peers/test_tpdu.py
EXTRA_DIST += tests/peers/test_tpdu.py
# What the driver writes to a modem, judged by the same.
if HAVE_SERIALPORT
PEER_TESTS += tests/peers/test_modem_tpdus.py
endif
EXTRA_DIST += tests/peers/test_modem_tpdus.py
# The text layer judged by programs of others.
check_PROGRAMS += tests/peers/text_probe
tests_peers_text_probe_SOURCES = tests/peers/text_probe.c
tests_peers_text_probe_LDADD = $(CODEC_LIBS)
TEXT_PEERS = tests/peers/test_text_peers.py tests/peers/test_gsm0338.pl
PEER_TESTS += $(TEXT_PEERS)
EXTRA_DIST += $(TEXT_PEERS) tests/peers/node-text/npmrc tests/peers/node-text/package.json \
	tests/peers/node-text/package-lock.json tests/peers/node-text/count.mjs

# The simulated modems.  They link nothing of the gateway: an independent reading of TS 27.005 and TS 23.040.
bin_PROGRAMS += posthorn-modem-sim
posthorn_modem_sim_SOURCES = \
	tests/peers/modem_action.c \
	tests/peers/modem_at.c \
	tests/peers/modem_at.h \
	tests/peers/modem_at_base.c \
	tests/peers/modem_at_sim.c \
	tests/peers/modem_at_sms.c \
	tests/peers/modem_commands.c \
	tests/peers/modem_conf.c \
	tests/peers/modem_control.c \
	tests/peers/modem_life.c \
	tests/peers/modem_mo.c \
	tests/peers/modem_net.c \
	tests/peers/modem_port.c \
	tests/peers/modem_profile.c \
	tests/peers/modem_profile.h \
	tests/peers/modem_rules.c \
	tests/peers/modem_script.h \
	tests/peers/modem_sim.c \
	tests/peers/modem_sim.h \
	tests/peers/modem_stats.c \
	tests/peers/modem_stats.h \
	tests/peers/modem_store.c \
	tests/peers/modem_text.c \
	tests/peers/modem_text.h \
	tests/peers/modem_tpdu.c \
	tests/peers/modem_tpdu.h \
	tests/peers/modem_words.c
posthorn_modem_sim_LDADD = $(UV_LIBS) $(JANSSON_LIBS)

# Scripts of misbehaviour, one fault each.
modemscriptsdir = $(pkgdatadir)/modem-scripts
dist_modemscripts_DATA = \
	tests/peers/modem-scripts/answer-lost.modem \
	tests/peers/modem-scripts/bytes-lost.modem \
	tests/peers/modem-scripts/cmgs-lost.modem \
	tests/peers/modem-scripts/cms-21.modem \
	tests/peers/modem-scripts/cms-500.modem \
	tests/peers/modem-scripts/cms-permanent.modem \
	tests/peers/modem-scripts/cms-temporary.modem \
	tests/peers/modem-scripts/cnma-late.modem \
	tests/peers/modem-scripts/garbage.modem \
	tests/peers/modem-scripts/hang-at-reset.modem \
	tests/peers/modem-scripts/lte-only.modem \
	tests/peers/modem-scripts/make-e173.modem \
	tests/peers/modem-scripts/make-ec25.modem \
	tests/peers/modem-scripts/make-mc35.modem \
	tests/peers/modem-scripts/make-wavecom.modem \
	tests/peers/modem-scripts/make-zte.modem \
	tests/peers/modem-scripts/memory-full-322.modem \
	tests/peers/modem-scripts/mo-long-reverse.modem \
	tests/peers/modem-scripts/mr-always-0.modem \
	tests/peers/modem-scripts/network-gone-20s.modem \
	tests/peers/modem-scripts/no-prompt.modem \
	tests/peers/modem-scripts/ok-lost.modem \
	tests/peers/modem-scripts/pin-wrong.modem \
	tests/peers/modem-scripts/pin.modem \
	tests/peers/modem-scripts/prompt-late.modem \
	tests/peers/modem-scripts/prompt-lost.modem \
	tests/peers/modem-scripts/puk.modem \
	tests/peers/modem-scripts/radio.modem \
	tests/peers/modem-scripts/report-before-answer.modem \
	tests/peers/modem-scripts/report-memory-wrong.modem \
	tests/peers/modem-scripts/report-national.modem \
	tests/peers/modem-scripts/report-never.modem \
	tests/peers/modem-scripts/report-polled.modem \
	tests/peers/modem-scripts/report-reordered.modem \
	tests/peers/modem-scripts/report-twice.modem \
	tests/peers/modem-scripts/restart-after-late.modem \
	tests/peers/modem-scripts/restart-after.modem \
	tests/peers/modem-scripts/restart-before.modem \
	tests/peers/modem-scripts/silent-15s.modem \
	tests/peers/modem-scripts/silent-forever.modem \
	tests/peers/modem-scripts/silent-until-reopen.modem \
	tests/peers/modem-scripts/sim-full.modem \
	tests/peers/modem-scripts/sim-out-20s.modem \
	tests/peers/modem-scripts/slow-start.modem \
	tests/peers/modem-scripts/storage-after-reset.modem \
	tests/peers/modem-scripts/unplug-every-minute.modem \
	tests/peers/modem-scripts/urc-between.modem \
	tests/peers/modem-scripts/urc-inside.modem
PEER_TESTS += tests/peers/test_modem_sim.py
EXTRA_DIST += tests/peers/test_modem_sim.py
