# SPDX-License-Identifier: Apache-2.0

if HAVE_CMOCKA
CODEC_TESTS = \
	tests/unit/codec_utf8 \
	tests/unit/codec_gsm7 \
	tests/unit/codec_ucs2 \
	tests/unit/codec_udh \
	tests/unit/codec_segment \
	tests/unit/codec_msisdn \
	tests/unit/codec_receipt
check_PROGRAMS += $(CODEC_TESTS)
UNIT_TESTS += $(CODEC_TESTS)
CODEC_TEST_LIBS = libposthorn.a $(CMOCKA_LIBS)
tests_unit_codec_utf8_SOURCES = tests/unit/codec_utf8.c tests/unit/codec_hex.h
tests_unit_codec_utf8_LDADD = $(CODEC_TEST_LIBS)
tests_unit_codec_gsm7_SOURCES = tests/unit/codec_gsm7.c tests/unit/codec_hex.h
tests_unit_codec_gsm7_LDADD = $(CODEC_TEST_LIBS)
tests_unit_codec_ucs2_SOURCES = tests/unit/codec_ucs2.c tests/unit/codec_hex.h
tests_unit_codec_ucs2_LDADD = $(CODEC_TEST_LIBS)
tests_unit_codec_udh_SOURCES = tests/unit/codec_udh.c tests/unit/codec_hex.h
tests_unit_codec_udh_LDADD = $(CODEC_TEST_LIBS)
tests_unit_codec_segment_SOURCES = tests/unit/codec_segment.c tests/unit/codec_hex.h
tests_unit_codec_segment_LDADD = $(CODEC_TEST_LIBS)
tests_unit_codec_msisdn_SOURCES = tests/unit/codec_msisdn.c
tests_unit_codec_msisdn_LDADD = $(CODEC_TEST_LIBS)
tests_unit_codec_receipt_SOURCES = tests/unit/codec_receipt.c tests/unit/codec_hex.h
tests_unit_codec_receipt_LDADD = $(CODEC_TEST_LIBS)
BASE_TESTS = tests/unit/conf_test tests/unit/log_test
check_PROGRAMS += $(BASE_TESTS)
UNIT_TESTS += $(BASE_TESTS)
tests_unit_conf_test_SOURCES = tests/unit/conf_test.c
tests_unit_conf_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_log_test_SOURCES = tests/unit/log_test.c
tests_unit_log_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
STORE_TESTS = tests/unit/store_settle tests/unit/store_ops tests/unit/store_reads
check_PROGRAMS += $(STORE_TESTS)
UNIT_TESTS += $(STORE_TESTS)
tests_unit_store_settle_SOURCES = tests/unit/store_settle.c tests/unit/store_fixture.h
tests_unit_store_settle_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_store_ops_SOURCES = tests/unit/store_ops.c tests/unit/store_fixture.h
tests_unit_store_ops_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_store_reads_SOURCES = tests/unit/store_reads.c tests/unit/store_fixture.h
tests_unit_store_reads_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
endif
