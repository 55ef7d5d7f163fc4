# SPDX-License-Identifier: Apache-2.0

CODEC_FUZZ = tests/fuzz/fuzz_utf8 tests/fuzz/fuzz_segment tests/fuzz/fuzz_receipt
check_PROGRAMS += $(CODEC_FUZZ)
FUZZ_TARGETS += $(CODEC_FUZZ)
EXTRA_DIST += tests/fuzz/corpus/fuzz_utf8 tests/fuzz/corpus/fuzz_segment tests/fuzz/corpus/fuzz_receipt
tests_fuzz_fuzz_utf8_SOURCES = tests/fuzz/fuzz_utf8.c tests/fuzz/replay.c
tests_fuzz_fuzz_utf8_LDADD = $(CODEC_LIBS)
tests_fuzz_fuzz_segment_SOURCES = tests/fuzz/fuzz_segment.c tests/fuzz/replay.c
tests_fuzz_fuzz_segment_LDADD = $(CODEC_LIBS)
tests_fuzz_fuzz_receipt_SOURCES = tests/fuzz/fuzz_receipt.c tests/fuzz/replay.c
tests_fuzz_fuzz_receipt_LDADD = $(CODEC_LIBS)
# What reads the configuration.
BASE_FUZZ = tests/fuzz/fuzz_conf
check_PROGRAMS += $(BASE_FUZZ)
FUZZ_TARGETS += $(BASE_FUZZ)
EXTRA_DIST += tests/fuzz/corpus/fuzz_conf
tests_fuzz_fuzz_conf_SOURCES = tests/fuzz/fuzz_conf.c tests/fuzz/replay.c
tests_fuzz_fuzz_conf_LDADD = $(POSTHORN_LIBS)

check_PROGRAMS += tests/fuzz/fuzz_http
FUZZ_TARGETS += tests/fuzz/fuzz_http
EXTRA_DIST += tests/fuzz/corpus/fuzz_http
tests_fuzz_fuzz_http_SOURCES = tests/fuzz/fuzz_http.c tests/fuzz/replay.c
tests_fuzz_fuzz_http_LDADD = $(POSTHORN_LIBS)
CLI_FUZZ = tests/fuzz/fuzz_csv
check_PROGRAMS += $(CLI_FUZZ)
FUZZ_TARGETS += $(CLI_FUZZ)
EXTRA_DIST += tests/fuzz/corpus/fuzz_csv
tests_fuzz_fuzz_csv_SOURCES = tests/fuzz/fuzz_csv.c tests/fuzz/replay.c src/base/buf.c src/base/csv.c src/cli/text.c
# What a carrier sends.
if HAVE_SMPP34
SMPP_FUZZ = tests/fuzz/fuzz_pdu
check_PROGRAMS += $(SMPP_FUZZ)
FUZZ_TARGETS += $(SMPP_FUZZ)
tests_fuzz_fuzz_pdu_SOURCES = tests/fuzz/fuzz_pdu.c tests/fuzz/replay.c
tests_fuzz_fuzz_pdu_LDADD = $(POSTHORN_LIBS)
endif
EXTRA_DIST += tests/fuzz/corpus/fuzz_pdu
# What clients post.
API_FUZZ = tests/fuzz/fuzz_message_json
check_PROGRAMS += $(API_FUZZ)
FUZZ_TARGETS += $(API_FUZZ)
EXTRA_DIST += tests/fuzz/corpus/fuzz_message_json
tests_fuzz_fuzz_message_json_SOURCES = tests/fuzz/fuzz_message_json.c tests/fuzz/replay.c
tests_fuzz_fuzz_message_json_LDADD = $(POSTHORN_LIBS)
# What is previewed.
PREVIEW_FUZZ = tests/fuzz/fuzz_preview
check_PROGRAMS += $(PREVIEW_FUZZ)
FUZZ_TARGETS += $(PREVIEW_FUZZ)
EXTRA_DIST += tests/fuzz/corpus/fuzz_preview
tests_fuzz_fuzz_preview_SOURCES = tests/fuzz/fuzz_preview.c tests/fuzz/replay.c
tests_fuzz_fuzz_preview_LDADD = $(POSTHORN_LIBS)
# Texts in every alphabet of the wire.
if HAVE_SMPP34
TEXT_FUZZ = tests/fuzz/fuzz_text
check_PROGRAMS += $(TEXT_FUZZ)
FUZZ_TARGETS += $(TEXT_FUZZ)
tests_fuzz_fuzz_text_SOURCES = tests/fuzz/fuzz_text.c tests/fuzz/replay.c
tests_fuzz_fuzz_text_LDADD = $(POSTHORN_LIBS)
endif
EXTRA_DIST += tests/fuzz/corpus/fuzz_text

# What phones and modems send.
TPDU_FUZZ = tests/fuzz/fuzz_tpdu tests/fuzz/fuzz_udh tests/fuzz/fuzz_gsm7
check_PROGRAMS += $(TPDU_FUZZ)
FUZZ_TARGETS += $(TPDU_FUZZ)
EXTRA_DIST += tests/fuzz/corpus/fuzz_tpdu tests/fuzz/corpus/fuzz_udh tests/fuzz/corpus/fuzz_gsm7
tests_fuzz_fuzz_tpdu_SOURCES = tests/fuzz/fuzz_tpdu.c tests/fuzz/replay.c
tests_fuzz_fuzz_tpdu_LDADD = $(CODEC_LIBS)
tests_fuzz_fuzz_udh_SOURCES = tests/fuzz/fuzz_udh.c tests/fuzz/replay.c
tests_fuzz_fuzz_udh_LDADD = $(CODEC_LIBS)
tests_fuzz_fuzz_gsm7_SOURCES = tests/fuzz/fuzz_gsm7.c tests/fuzz/replay.c
tests_fuzz_fuzz_gsm7_LDADD = $(CODEC_LIBS)

# What modems say.
AT_FUZZ = tests/fuzz/fuzz_at
check_PROGRAMS += $(AT_FUZZ)
FUZZ_TARGETS += $(AT_FUZZ)
EXTRA_DIST += tests/fuzz/corpus/fuzz_at
tests_fuzz_fuzz_at_SOURCES = tests/fuzz/fuzz_at.c tests/fuzz/replay.c $(VIRTUAL_TIMER)
tests_fuzz_fuzz_at_LDFLAGS = $(VIRTUAL_TIMER_WRAP)
tests_fuzz_fuzz_at_LDADD = libposthorn.a $(UV_LIBS)

# What terminal servers say, and modems that are asked who they are.
EXTRA_DIST += tests/fuzz/corpus/fuzz_telnet
if HAVE_SERIALPORT
TELNET_FUZZ = tests/fuzz/fuzz_telnet
check_PROGRAMS += $(TELNET_FUZZ)
FUZZ_TARGETS += $(TELNET_FUZZ)
tests_fuzz_fuzz_telnet_SOURCES = tests/fuzz/fuzz_telnet.c tests/fuzz/replay.c
tests_fuzz_fuzz_telnet_LDADD = $(POSTHORN_LIBS)
endif
