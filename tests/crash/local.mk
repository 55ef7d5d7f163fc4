# SPDX-License-Identifier: Apache-2.0

if HAVE_CMOCKA
check_PROGRAMS += tests/crash/powercut_store_test
UNIT_TESTS += tests/crash/powercut_store_test
tests_crash_powercut_store_test_SOURCES = tests/crash/powercut_store_test.c tests/crash/vfs_shim.c tests/crash/vfs_shim.h
tests_crash_powercut_store_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
endif
