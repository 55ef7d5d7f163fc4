# SPDX-License-Identifier: Apache-2.0

if HAVE_CMOCKA
BASE_TESTS = tests/unit/conf_test tests/unit/log_test
check_PROGRAMS += $(BASE_TESTS)
UNIT_TESTS += $(BASE_TESTS)
tests_unit_conf_test_SOURCES = tests/unit/conf_test.c
tests_unit_conf_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_unit_log_test_SOURCES = tests/unit/log_test.c
tests_unit_log_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
endif
