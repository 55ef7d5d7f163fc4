# SPDX-License-Identifier: Apache-2.0
EXTRA_PROGRAMS += bench_store
EXTRA_PROGRAMS = bench_store
bench_store_SOURCES = tests/bench/bench_store.c
bench_store_LDADD = $(POSTHORN_LIBS)
CLEANFILES += bench_store
BENCHES += bench_store
