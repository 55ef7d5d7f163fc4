# SPDX-License-Identifier: Apache-2.0

if HAVE_CMOCKA
check_PROGRAMS += tests/crash/powercut_store_test tests/crash/faults_store_test
CRASH_TESTS += tests/crash/powercut_store_test tests/crash/faults_store_test
STORY_WORLD = tests/crash/story.c tests/crash/story.h tests/crash/vfs_shim.c tests/crash/vfs_shim.h \
	src/queue/store_sqlite_care.c src/queue/store_sqlite_care_keys.c
tests_crash_powercut_store_test_SOURCES = tests/crash/powercut_store_test.c $(STORY_WORLD)
tests_crash_powercut_store_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
tests_crash_faults_store_test_SOURCES = tests/crash/faults_store_test.c $(STORY_WORLD)
tests_crash_faults_store_test_LDADD = $(POSTHORN_LIBS) $(CMOCKA_LIBS)
endif

# Not in `make check`: minutes of it, with another seed each time.
.PHONY: check-crash-long
check-crash-long: build-tests
	tests/crash/powercut_store_test 3000 $$(date +%s)
	tests/crash/faults_store_test 1
	$(PYTHON3) $(srcdir)/tests/crash/points.py --rounds 10 --table
	$(PYTHON3) $(srcdir)/tests/crash/memory.py --rounds 40
	$(PYTHON3) $(srcdir)/tests/crash/memory_start.py --rounds 0 --every 8
	$(PYTHON3) $(srcdir)/tests/crash/clock_jumps.py --rounds 20
	$(PYTHON3) $(srcdir)/tests/crash/kill9.py --rounds 100
	$(PYTHON3) $(srcdir)/tests/crash/receipts_later.py --messages 1000000
	$(PYTHON3) $(srcdir)/tests/crash/retention.py --days 40 --messages 20000

CRASH_TESTS += tests/crash/kill9.py tests/crash/kill9_can_fail.py
EXTRA_DIST += tests/crash/kill9.py tests/crash/kill9_can_fail.py

# The gateway with one promise broken, for the test that sees the audit fail.
check_PROGRAMS += tests/crash/posthornd-early
tests_crash_posthornd_early_SOURCES = src/main.c tests/crash/early_answer.c
tests_crash_posthornd_early_LDADD = $(POSTHORN_LIBS)
tests_crash_posthornd_early_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=queue_add

# Inbound messages in parts, and the gateway that answers for them too early.
CRASH_TESTS += tests/crash/inbound_parts.py tests/crash/inbound_parts_can_fail.py
EXTRA_DIST += tests/crash/inbound_parts.py tests/crash/inbound_parts_can_fail.py
check_PROGRAMS += tests/crash/posthornd-early-part
tests_crash_posthornd_early_part_SOURCES = src/main.c tests/crash/early_part.c
tests_crash_posthornd_early_part_LDADD = $(POSTHORN_LIBS)
tests_crash_posthornd_early_part_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=inbound_take,--wrap=link_ack

# The gateway that dies at named points, or whose disk fails.
POINTS_TESTS = tests/crash/points.py tests/crash/points_can_fail.py tests/crash/faults_gateway.py tests/crash/memory.py \
	tests/crash/memory_start.py tests/crash/clock_jumps.py tests/crash/refuses_to_start.py
CRASH_TESTS += $(POINTS_TESTS)
EXTRA_DIST += $(POINTS_TESTS) tests/crash/points_load.py
check_PROGRAMS += tests/crash/posthornd-points tests/crash/backup-dies
POINTS_WORLD = tests/crash/memory_fails.c tests/crash/memory_fails.h tests/crash/clock_moves.c tests/crash/clock_moves.h
tests_crash_posthornd_points_SOURCES = src/main.c tests/crash/points.c tests/crash/early_answer.c tests/crash/vfs_shim.c tests/crash/vfs_shim.h $(POINTS_WORLD)
tests_crash_posthornd_points_LDADD = $(POSTHORN_LIBS)
tests_crash_posthornd_points_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=store_open,--wrap=store_close,--wrap=store_stage \
	-Wl,--wrap=apply_accept,--wrap=apply_lease,--wrap=apply_submit,--wrap=apply_final,--wrap=apply_inbound \
	-Wl,--wrap=apply_lane,--wrap=apply_name,--wrap=apply_due_fire,--wrap=apply_attempt \
	-Wl,--wrap=apply_unlease,--wrap=apply_receipt,--wrap=apply_backlog_delete,--wrap=apply_spill,--wrap=apply_cancel \
	-Wl,--wrap=apply_cancel_done,--wrap=apply_events_dead,--wrap=apply_events_replay,--wrap=apply_stream \
	-Wl,--wrap=apply_inbound_part,--wrap=apply_meta,--wrap=apply_lookup,--wrap=apply_idem_rotate,--wrap=apply_reserve \
	-Wl,--wrap=apply_receipt_note,--wrap=apply_receipt_form,--wrap=apply_quota \
	-Wl,--wrap=queue_new,--wrap=sent_new,--wrap=queue_take_id,--wrap=webhooks_new \
	-Wl,--wrap=apply_events_done,--wrap=apply_purge,--wrap=pace_take,--wrap=queue_settle,--wrap=queue_receipt \
	-Wl,--wrap=inbound_take,--wrap=sqlite3_exec,--wrap=link_remove,--wrap=router_set,--wrap=notify_systemd,--wrap=queue_add,--wrap=link_ack
tests_crash_backup_dies_SOURCES = tests/crash/backup_dies.c src/queue/store_sqlite_care.c src/queue/store_sqlite_care_keys.c
tests_crash_backup_dies_LDADD = $(POSTHORN_LIBS)
tests_crash_backup_dies_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=sqlite3_backup_finish,--wrap=rename

# The gateway whose wall clock a test moves.
check_PROGRAMS += tests/crash/posthornd-clock
tests_crash_posthornd_clock_SOURCES = src/main.c tests/crash/clock_shim.c
tests_crash_posthornd_clock_LDADD = $(POSTHORN_LIBS)
tests_crash_posthornd_clock_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_ms
CRASH_TESTS += tests/crash/receipts_later.py tests/crash/retention.py
EXTRA_DIST += tests/crash/receipts_later.py tests/crash/retention.py tests/crash/clocks.py

# Faults on all sides and the books closed behind them: a short form in `make check`, in both builds, as it is memory that
# sanitizers look at; an hour by `make soak`, with sanitizers in a build folder of its own.
E2E_TESTS += tests/crash/soak.py
check_PROGRAMS += tests/crash/posthornd-heap
tests_crash_posthornd_heap_SOURCES = src/main.c tests/crash/live_heap.c
tests_crash_posthornd_heap_LDADD = $(POSTHORN_LIBS)
EXTRA_DIST += tests/crash/soak.py tests/crash/soak_audit.py tests/crash/soak_load.py tests/crash/soak_world.py
SECONDS = 3600
.PHONY: soak
soak:
	@mkdir -p soak-build
	test -f soak-build/Makefile || (cd soak-build && \
		$(abs_top_srcdir)/configure --enable-sanitizers CC="$(CC)" CFLAGS="-O1 -g" >configure.out)
	$(MAKE) -C soak-build all tests/crash/posthornd-heap
	cd soak-build && POSTHORN_BUILD=. $(PYTHON3) $(abs_top_srcdir)/tests/crash/soak.py --seconds $(SECONDS) --table soak.table
