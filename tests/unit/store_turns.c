/* SPDX-License-Identifier: Apache-2.0
 *
 * store_turns.c -- arrays and everything else share the writer, whichever of them wants more of it.
 *
 * The clock is the test's.  A writer takes what waits, and a commit takes as long as its rows; four clients have an
 * array waiting at any time; a link has its next window so long after the commit with its last one, or single answers
 * come at a rate.  What each gets within a second is held against what it gets alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "queue/store_sqlite.h"

#define MS     UINT64_C(1000000)
#define SECOND (1000 * MS)
#define ROW_NS UINT64_C(1500)

#define CLIENTS    4
#define ARRAY_ROWS 1001

enum { WINDOW_ROWS = 700 }; /* 100 parts: submit rows, receipts, and the leases of the next 100 */

struct load {
	bool arrays;
	uint64_t window_ns; /* a link is back with its next window so long after a commit; 0: no link */
	uint64_t every_ns;  /* one answer of one row so often; 0: none */
	uint64_t sync_ns;
};

struct got {
	unsigned arrays, windows, answers;
	uint64_t latest_ns; /* that an answer waited for its commit */
};

static struct store_op array_ops[CLIENTS], window_op, answer_ops[100000];
static uint64_t asked_at[100000];

static void count(const struct batch *b, uint64_t now, struct got *g)
{
	for (size_t i = 0; i < b->n; i++) {
		struct store_op *op = b->ops[i];

		if (op == &window_op)
			g->windows++;
		else if (op >= array_ops && op < array_ops + CLIENTS)
			g->arrays++;
		else if (now - asked_at[op - answer_ops] > g->latest_ns)
			g->latest_ns = now - asked_at[op - answer_ops];
		g->answers += op >= answer_ops && op < answer_ops + 100000;
	}
}

/* As the writer does: sleeps until there is something, or bulk is no longer held. */
static struct got a_second(const struct load *l)
{
	static struct batch b;
	struct op_list waiting[STORE_LISTS] = {0};
	uint64_t now = SECOND, end = 2 * SECOND, window_at = l->window_ns ? now : UINT64_MAX, answer_at = now;
	struct got g = {0};
	unsigned n_asked = 0;

	memset(&b, 0, sizeof b);
	for (int i = 0; l->arrays && i < CLIENTS; i++) {
		array_ops[i] = (struct store_op){.rows = ARRAY_ROWS};
		op_list_add(&waiting[STORE_BULK], &array_ops[i]);
	}
	while (now < end) {
		uint64_t next = end, held;

		for (; l->every_ns && answer_at <= now; answer_at += l->every_ns) {
			asked_at[n_asked] = answer_at;
			answer_ops[n_asked] = (struct store_op){.rows = 1};
			op_list_add(&waiting[STORE_SETTLE], &answer_ops[n_asked++]);
		}
		if (window_at <= now) {
			window_op = (struct store_op){.rows = WINDOW_ROWS};
			op_list_add(&waiting[STORE_SETTLE], &window_op);
			window_at = UINT64_MAX;
		}
		held = batch_wait_ns(&b, waiting, now);
		if (held) {
			next = window_at < next ? window_at : next;
			next = l->every_ns && answer_at < next ? answer_at : next;
			now = held < next - now ? now + held : next;
			continue;
		}
		batch_gather(&b, waiting, now);
		b.sync_us = l->sync_ns / 1000;
		now += l->sync_ns + b.rows * ROW_NS;
		count(&b, now, &g);
		for (size_t i = 0; i < b.n; i++) {
			if (b.ops[i] == &window_op)
				window_at = now + l->window_ns;
			else if (b.ops[i] >= array_ops && b.ops[i] < array_ops + CLIENTS)
				op_list_add(&waiting[STORE_BULK], b.ops[i]); /* answered, and posts the next */
		}
		batch_committed(&b, b.rows * ROW_NS, now);
	}
	return g;
}

static void the_share(const struct load *l, double of_windows, double of_arrays)
{
	struct load no_arrays = *l, no_link = *l;
	struct got both, link, arrays;

	no_arrays.arrays = false;
	no_link.window_ns = no_link.every_ns = 0;
	both = a_second(l);
	link = a_second(&no_arrays);
	arrays = a_second(&no_link);
	print_message("windows %u of %u, arrays %u of %u, answers %u within %.1f ms\n", both.windows, link.windows,
		both.arrays, arrays.arrays, both.answers, (double)both.latest_ns / (double)MS);
	assert_true(both.windows >= of_windows * link.windows);
	assert_true(both.arrays >= of_arrays * arrays.arrays);
}

static void a_fast_link_and_clients_share_the_writer(void **state)
{
	(void)state;
	the_share(&(struct load){.arrays = true, .window_ns = MS / 2, .sync_ns = MS / 10}, 0.4, 0.25);
	the_share(&(struct load){.arrays = true, .window_ns = 2 * MS, .sync_ns = MS / 10}, 0.5, 0.25);
}

static void a_carrier_that_takes_its_time_hardly_notices_arrays(void **state)
{
	(void)state;
	the_share(&(struct load){.arrays = true, .window_ns = 20 * MS, .sync_ns = MS / 10}, 0.85, 0.6);
}

static void on_a_slow_disk_too(void **state)
{
	(void)state;
	the_share(&(struct load){.arrays = true, .window_ns = MS / 2, .sync_ns = 10 * MS}, 0.5, 0.25);
}

static void answers_one_by_one_cost_the_clients_little(void **state)
{
	const struct load l = {.arrays = true, .every_ns = MS / 2, .sync_ns = MS / 10};
	struct got g = a_second(&l);

	(void)state;
	the_share(&l, 1, 0.6);
	assert_true(g.latest_ns <= 4 * MS); /* the commit that has begun, and its own */
}

static void who_is_alone_is_held_by_nobody(void **state)
{
	const struct load l = {.arrays = true, .sync_ns = MS / 10};
	struct got g = a_second(&l);

	(void)state;
	assert_true(g.arrays >= SECOND / (ARRAY_ROWS * ROW_NS + l.sync_ns / CLIENTS) - CLIENTS);
}

static void a_commit_that_took_long_holds_nobody_for_long(void **state)
{
	static struct batch b;
	struct op_list waiting[STORE_LISTS] = {0};
	struct store_op arrays[2] = {{.rows = ARRAY_ROWS}, {.rows = ARRAY_ROWS}}, settle = {.rows = 100};

	(void)state;
	op_list_add(&waiting[STORE_BULK], &arrays[0]);
	op_list_add(&waiting[STORE_SETTLE], &settle);
	batch_gather(&b, waiting, SECOND);
	assert_int_equal(b.n, 2);
	batch_committed(&b, 10 * SECOND, 11 * SECOND);
	op_list_add(&waiting[STORE_BULK], &arrays[1]);
	assert_in_range(batch_wait_ns(&b, waiting, 11 * SECOND), 1, 3 * MS);
	batch_gather(&b, waiting, 11 * SECOND + 50 * MS);
	assert_int_equal(b.n, 1);
}

/* Commits that a client needs for 100 messages which it posts one by one, each `think` after the answer to the last;
 * what comes of a message wants to be settled `settle` after its commit.  *waited_ns: how long the last post waited. */
static unsigned commits_for(uint64_t think, uint64_t settle, uint64_t sync, uint64_t *waited_ns)
{
	static struct batch b;
	struct op_list waiting[STORE_LISTS] = {0};
	struct store_op posts[100], settles[100];
	uint64_t now = SECOND, post_at = now, settle_at = UINT64_MAX, held;
	unsigned n_posts = 0, n_settles = 0, n_commits = 0, answered = 0;

	memset(&b, 0, sizeof b);
	b.sync_us = sync / 1000;
	while (answered < 100) {
		if (post_at <= now) {
			posts[n_posts] = (struct store_op){.rows = 1};
			op_list_add(&waiting[STORE_BULK], &posts[n_posts++]);
			*waited_ns = now - post_at;
			post_at = UINT64_MAX;
		}
		if (settle_at <= now) {
			settles[n_settles] = (struct store_op){.rows = 1};
			op_list_add(&waiting[STORE_SETTLE], &settles[n_settles++]);
			settle_at = UINT64_MAX;
		}
		held = batch_wait_ns(&b, waiting, now);
		if (held) {
			uint64_t next = post_at < settle_at ? post_at : settle_at;

			assert_true(held < UINT64_MAX || next < UINT64_MAX);
			now = next > now && next - now < held ? next : now + held;
			continue;
		}
		batch_gather(&b, waiting, now);
		now += sync;
		n_commits++;
		if (b.bulk_rows) {
			answered++;
			post_at = now + think;
			settle_at = now + settle;
		}
		batch_committed(&b, b.rows * ROW_NS, now);
	}
	return n_commits;
}

static void what_came_of_a_message_goes_with_the_next_one(void **state)
{
	uint64_t waited;

	(void)state;
	assert_in_range(commits_for(MS / 5, MS / 10, MS, &waited), 100, 102);
	assert_int_equal(waited, 0);
	assert_in_range(commits_for(MS, MS / 10, 10 * MS, &waited), 100, 102); /* FRONT_MAX_NS */
}

static void a_client_that_is_not_back_is_not_waited_for(void **state)
{
	uint64_t waited;

	(void)state;
	assert_int_equal(commits_for(50 * MS, MS / 10, MS, &waited), 199); /* the last one's is not awaited here */
	assert_int_equal(commits_for(5 * MS, MS / 10, 10 * MS, &waited), 199);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fast_link_and_clients_share_the_writer),
		cmocka_unit_test(a_carrier_that_takes_its_time_hardly_notices_arrays),
		cmocka_unit_test(on_a_slow_disk_too),
		cmocka_unit_test(answers_one_by_one_cost_the_clients_little),
		cmocka_unit_test(who_is_alone_is_held_by_nobody),
		cmocka_unit_test(a_commit_that_took_long_holds_nobody_for_long),
		cmocka_unit_test(what_came_of_a_message_goes_with_the_next_one),
		cmocka_unit_test(a_client_that_is_not_back_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
