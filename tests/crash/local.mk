# SPDX-License-Identifier: Apache-2.0
CRASH_TESTS += tests/crash/kill9.py tests/crash/kill9_can_fail.py
EXTRA_DIST += tests/crash/kill9.py tests/crash/kill9_can_fail.py

# The gateway with one promise broken, for the test that sees the audit fail.
check_PROGRAMS += tests/crash/posthornd-early
tests_crash_posthornd_early_SOURCES = src/main.c tests/crash/early_answer.c
tests_crash_posthornd_early_LDADD = $(POSTHORN_LIBS)
tests_crash_posthornd_early_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=queue_add
