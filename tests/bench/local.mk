# SPDX-License-Identifier: Apache-2.0
EXTRA_PROGRAMS += bench_store
bench_store_SOURCES = tests/bench/bench_store.c
bench_store_LDADD = $(POSTHORN_LIBS)
CLEANFILES += bench_store
EXTRA_PROGRAMS += tests/bench/load
tests_bench_load_SOURCES = tests/bench/load.c
tests_bench_load_LDADD = $(UV_LIBS)
BENCHES += bench_store
CLEANFILES += tests/bench/load
EXTRA_DIST += tests/bench/bench.py tests/bench/bench_table.py tests/bench/bench_run.py tests/bench/bench_alone.py \
	tests/bench/bench_whole.py tests/bench/bench_fair.py tests/bench/bench_modem.py tests/bench/slow_sync.c tests/bench/README.md

# Loaded before a program: no part of any.
tests/bench/slow_sync.so: tests/bench/slow_sync.c
	@mkdir -p $(@D)
	$(AM_V_CC)$(CC) $(CPPFLAGS) -D_GNU_SOURCE $(CFLAGS) -fPIC -shared -o $@ $(srcdir)/tests/bench/slow_sync.c -ldl
CLEANFILES += tests/bench/slow_sync.so

# The text layer.
EXTRA_PROGRAMS += bench_codec
bench_codec_SOURCES = tests/bench/bench_codec.c
bench_codec_LDADD = $(CODEC_LIBS)
CLEANFILES += bench_codec
BENCHES += bench_codec

# One SMPP bind, without the queue.
if HAVE_SMPP34
EXTRA_PROGRAMS += bench_link
bench_link_SOURCES = tests/bench/bench_link.c tests/bench/answer.c tests/bench/answer.h
bench_link_LDADD = $(POSTHORN_LIBS)
CLEANFILES += bench_link
BENCHES += bench_link
endif

# Everything that a carrier's link can do wrong, as a table.
EXTRA_DIST += tests/bench/carrier_faults.py tests/bench/kannel_peer.py tests/bench/wire.py
FAULT_FLAGS =
.PHONY: check-faults
check-faults: all posthorn-smsc-sim
	$(PYTHON3) $(srcdir)/tests/bench/carrier_faults.py $(FAULT_FLAGS)
