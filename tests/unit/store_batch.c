/* SPDX-License-Identifier: Apache-2.0
 *
 * store_batch.c -- which of the waiting operations go into the next commit, and when there is one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "queue/store_sqlite.h"

static struct batch batch;
static struct op_list waiting[STORE_LISTS];
static struct store_op ops[50000];
static unsigned n_ops;

static int begin(void **state)
{
	batch = (struct batch){.alone = false};
	for (int i = 0; i < STORE_LISTS; i++)
		waiting[i] = (struct op_list){0};
	n_ops = 0;
	return 0;
}

static void stage(enum store_list list, unsigned n)
{
	while (n--) {
		struct store_op *op = &ops[n_ops++];

		*op = (struct store_op){.kind = OP_META, .rows = 1, .list = list};
		op_list_add(&waiting[list], op);
	}
}

static unsigned left(enum store_list list)
{
	unsigned n = 0;

	for (const struct store_op *op = waiting[list].head; op; op = op->next)
		n++;
	return n;
}

static void a_commit_is_bounded(void **state)
{
	static const struct {
		uint64_t sync_us;
		unsigned rows;
	} rows[] = {{0, 5000}, {400, 5000}, {5000, 5000}, {12000, 12000}, {500000, 20000}};

	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		begin(state);
		stage(STORE_SETTLE, 30000);
		batch.sync_us = rows[i].sync_us;
		batch_gather(&batch, waiting, uv_hrtime());
		assert_int_equal(batch.rows, rows[i].rows);
		assert_int_equal(left(STORE_SETTLE), 30000 - rows[i].rows);
	}
}

static void bulk_keeps_a_share(void **state)
{
	stage(STORE_SETTLE, 9000);
	stage(STORE_BULK, 9000);
	batch_gather(&batch, waiting, uv_hrtime());
	assert_int_equal(left(STORE_SETTLE), 5000);
	assert_int_equal(left(STORE_BULK), 8000);
	batch_gather(&batch, waiting, uv_hrtime());
	batch_gather(&batch, waiting, uv_hrtime());
	assert_int_equal(left(STORE_SETTLE), 0);
	assert_int_equal(left(STORE_BULK), 6000);
}

/* The store says so after a commit: as much time as an array took, twice, is of those who wait for the next one. */
static void after_an_array_it_is_the_turn_of_others(void **state)
{
	stage(STORE_BULK, 9000);
	stage(STORE_SETTLE, 1);
	batch_gather(&batch, waiting, uv_hrtime());
	assert_int_equal(left(STORE_BULK), 8000);
	batch.turn_ns = uv_hrtime() + 1000000000; /* batch_committed() */
	stage(STORE_SETTLE, 1);
	batch_gather(&batch, waiting, uv_hrtime());
	assert_int_equal(batch.n, 1);
	assert_int_equal(left(STORE_BULK), 8000);
	/* Nobody else is there: bulk is not held, or only until they may be back. */
	assert_int_equal(batch_wait_ns(&batch, waiting, uv_hrtime()), 0);
	batch.back_ns = uv_hrtime() + 900000000;
	assert_in_range(batch_wait_ns(&batch, waiting, uv_hrtime()), 1, 900000000);
}

/* A commit with codes has nothing that can wait; the one after it has. */
static void codes_go_without_what_can_wait(void **state)
{
	stage(STORE_OTP, 1);
	stage(STORE_BULK, 10);
	stage(STORE_LATER, 10);
	assert_int_equal(batch_wait_ns(&batch, waiting, uv_hrtime()), 0);
	batch_gather(&batch, waiting, uv_hrtime());
	assert_int_equal(batch.n, 1);
	stage(STORE_OTP, 1);
	batch_gather(&batch, waiting, uv_hrtime());
	assert_int_equal(batch.n, 21);
}

static void nothing_waits_for_ever(void **state)
{
	assert_true(batch_wait_ns(&batch, waiting, uv_hrtime()) == UINT64_MAX);
	stage(STORE_BULK, 1);
	assert_int_equal(batch_wait_ns(&batch, waiting, uv_hrtime()), 0);
}

static void what_can_wait_goes_beside_others(void **state)
{
	stage(STORE_LATER, 3);
	assert_in_range(batch_wait_ns(&batch, waiting, uv_hrtime()), 1, LATER_NS);
	batch_gather(&batch, waiting, uv_hrtime());
	assert_int_equal(batch.n, 0);
	stage(STORE_SETTLE, 2);
	assert_int_equal(batch_wait_ns(&batch, waiting, uv_hrtime()), 0);
	batch_gather(&batch, waiting, uv_hrtime());
	assert_int_equal(batch.n, 5);
	assert_true(batch_wait_ns(&batch, waiting, uv_hrtime()) == UINT64_MAX);
}

/* Each has its ten milliseconds, and nobody is kept waiting for what follows from it. */
static void what_can_wait_counts_from_its_own_time(void **state)
{
	uint64_t now = uv_hrtime();

	stage(STORE_LATER, 100);
	assert_int_equal(batch_wait_ns(&batch, waiting, now), LATER_NS);
	batch_gather(&batch, waiting, now + LATER_NS);
	assert_int_equal(batch.n, 100);
	batch_committed(&batch, 1000000, now + LATER_NS);
	assert_int_equal(batch.back_ns, 0);
	stage(STORE_LATER, 1);
	assert_int_equal(batch_wait_ns(&batch, waiting, now + 2 * LATER_NS), LATER_NS);
}

static void what_can_wait_goes_alone_in_the_end(void **state)
{
	uint64_t wait;

	stage(STORE_LATER, 3);
	wait = batch_wait_ns(&batch, waiting, uv_hrtime());
	batch.later_ns -= LATER_NS; /* as if that time had gone */
	assert_in_range(wait, 1, LATER_NS);
	assert_int_equal(batch_wait_ns(&batch, waiting, uv_hrtime()), 0);
	batch_gather(&batch, waiting, uv_hrtime());
	assert_int_equal(batch.n, 3);
}

/* Others fill each commit to its last place. */
static void what_can_wait_has_a_place_in_the_end(void **state)
{
	uint64_t now = uv_hrtime();

	batch.sync_us = COMMIT_MOST;
	stage(STORE_LATER, 3);
	stage(STORE_SETTLE, COMMIT_MOST + 1);
	assert_int_equal(batch_wait_ns(&batch, waiting, now), 0);
	batch_gather(&batch, waiting, now);
	assert_int_equal(batch.n, COMMIT_MOST);
	assert_int_equal(left(STORE_LATER), 3);
	stage(STORE_SETTLE, COMMIT_MOST);
	batch.sync_us = COMMIT_MOST;
	assert_int_equal(batch_wait_ns(&batch, waiting, now + LATER_NS), 0);
	batch_gather(&batch, waiting, now + LATER_NS);
	assert_int_equal(batch.n, COMMIT_MOST);
	assert_int_equal(left(STORE_LATER), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_commit_is_bounded, begin),
		cmocka_unit_test_setup(bulk_keeps_a_share, begin),
		cmocka_unit_test_setup(after_an_array_it_is_the_turn_of_others, begin),
		cmocka_unit_test_setup(codes_go_without_what_can_wait, begin),
		cmocka_unit_test_setup(nothing_waits_for_ever, begin),
		cmocka_unit_test_setup(what_can_wait_goes_beside_others, begin),
		cmocka_unit_test_setup(what_can_wait_counts_from_its_own_time, begin),
		cmocka_unit_test_setup(what_can_wait_goes_alone_in_the_end, begin),
		cmocka_unit_test_setup(what_can_wait_has_a_place_in_the_end, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
