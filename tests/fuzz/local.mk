# SPDX-License-Identifier: Apache-2.0

# What reads the configuration.
BASE_FUZZ = tests/fuzz/fuzz_conf
check_PROGRAMS += $(BASE_FUZZ)
FUZZ_TARGETS += $(BASE_FUZZ)
EXTRA_DIST += tests/fuzz/corpus/fuzz_conf
tests_fuzz_fuzz_conf_SOURCES = tests/fuzz/fuzz_conf.c tests/fuzz/replay.c
tests_fuzz_fuzz_conf_LDADD = $(POSTHORN_LIBS)
