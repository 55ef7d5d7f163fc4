/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_flow_test.c -- what a carrier's refusals do to the message, to those behind it and to the link.
 */
#include "queue_world.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "queue/queue_impl.h"

static const char *const CODE_NAME = "ESME_SOMETHING";

static void answer(struct world *w, struct fake *f, uint64_t key, struct settle s)
{
	s.key = key;
	s.text = CODE_NAME;
	s.smsc_id = s.outcome == OUTCOME_SENT || s.outcome == OUTCOME_DUPLICATE ? "77" : NULL;
	queue_settle(w->queue, &f->o, &s);
}

#define ANSWER(w, f, i, ...) answer(w, f, (f)->key[i], (struct settle){__VA_ARGS__})

static struct world *world_stopped(void)
{
	struct world *w = world_new(WORLD_LOOPBACK);

	world_up(w, false);
	world_stop_clock();
	return w;
}

static void end(struct world *w)
{
	world_halt(w);
	world_free(w);
}

static void add(struct world *w, unsigned n)
{
	uint64_t before = w->committed;

	world_add(w, n, (struct message){.class = CLASS_SERVICE}, NULL);
	RUN_UNTIL(w, w->committed == before + n);
	world_quiet(w);
}

/* Ten in flight are refused, answered in any order: they go again in their own, before those that had no turn.  It
 * costs none of them its only attempt. */
static void refused_messages_go_again_in_their_order(void **state)
{
	static const unsigned order[] = {3, 0, 9, 1, 2, 8, 7, 4, 6, 5};
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 10);

	(void)state;
	a->o.max_attempts = 1;
	fake_route(w, a, NULL);
	add(w, 15);
	assert_int_equal(a->n, 10);
	for (unsigned i = 0; i < 10; i++)
		ANSWER(w, a, order[i], .outcome = OUTCOME_THROTTLED, .code = 0x58);
	a->n_ended = 10;
	for (unsigned i = 0; i < 100 && a->n < 25; i++) {
		world_pass(w, 100);
		fake_end_all(w, a, OUTCOME_SENT);
	}
	assert_int_equal(a->n, 25);
	for (unsigned i = 10; i < 25; i++)
		assert_int_equal(a->key[i], a->key[0] + (uint64_t)(i - 10) * 256);
	assert_int_equal(a->o.throttled, 10);
	assert_int_equal(a->o.rejected, 0);
	end(w);
}

/* Fifty answers of one window: one decrease; and again one when as many are refused for whole seconds after it. */
static void a_window_of_refusals_slows_the_link_once(void **state)
{
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 50);
	double limit;

	(void)state;
	fake_route(w, a, NULL);
	add(w, 300);
	assert_int_equal(a->n, 50);
	for (unsigned i = 0; i < 25; i++)
		ANSWER(w, a, i, .outcome = OUTCOME_SENT);
	for (unsigned i = 25; i < 50; i++)
		ANSWER(w, a, i, .outcome = OUTCOME_THROTTLED, .code = 0x58);
	assert_int_equal(a->o.adapt.cuts, 1);
	limit = a->o.adapt.limit;
	assert_true(limit >= 24 && limit <= 49);
	world_quiet(w);
	assert_int_equal(a->n, 50); /* the second is used up */
	a->n_ended = 50;
	world_pass(w, 1100);
	assert_true(a->n > 50);
	for (unsigned i = 0; i < 100 && a->o.adapt.cuts == 1; i++) {
		for (; a->n_ended < a->n && a->o.adapt.cuts == 1; a->n_ended++)
			if (a->n_ended % 2)
				ANSWER(w, a, a->n_ended, .outcome = OUTCOME_SENT);
			else
				ANSWER(w, a, a->n_ended, .outcome = OUTCOME_THROTTLED, .code = 0x58);
		world_pass(w, 100);
	}
	assert_int_equal(a->o.adapt.cuts, 2);
	assert_true(a->o.adapt.limit < limit);
	end(w);
}

static void a_carrier_that_takes_nothing_is_asked_once_a_second(void **state)
{
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 50);
	unsigned n;

	(void)state;
	fake_route(w, a, NULL);
	add(w, 100);
	for (unsigned i = 0; i < 100; i++) {
		fake_end_all(w, a, OUTCOME_THROTTLED);
		world_pass(w, 100);
	}
	n = a->n;
	for (unsigned i = 0; i < 300; i++) {
		fake_end_all(w, a, OUTCOME_THROTTLED);
		world_pass(w, 100);
	}
	assert_in_range(a->n - n, 25, 32);
	assert_int_equal(a->key[a->n - 1], a->key[0]); /* the first of them is what it is asked with */
	end(w);
}

static void congestion_slows_the_link(void **state)
{
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 50);

	(void)state;
	a->o.tps = 1000;
	fake_route(w, a, NULL);
	add(w, 40);
	queue_congestion(w->queue, &a->o, 50);
	assert_true(a->o.adapt.limit == 0);
	queue_congestion(w->queue, &a->o, 100);
	assert_true(a->o.adapt.limit > 0 && a->o.adapt.limit < 40);
	end(w);
}

/* One recipient's queue is full.  The link rests for a moment, the message goes again; the third time, with others
 * taken in between, it steps aside for a second without losing an attempt, and the link goes on. */
static void a_full_queue_of_one_recipient_does_not_hold_the_others(void **state)
{
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 4);
	unsigned full = 0, before;
	uint64_t key;

	(void)state;
	a->o.max_attempts = 1;
	fake_route(w, a, NULL);
	add(w, 200);
	key = a->key[0];
	while (full < 3) {
		for (; a->n_ended < a->n; a->n_ended++) {
			if (a->key[a->n_ended] == key && ++full)
				ANSWER(w, a, a->n_ended, .outcome = OUTCOME_THROTTLED, .code = 0x14, .queue_full = true,
					.retry_after_ms = 100);
			else
				ANSWER(w, a, a->n_ended, .outcome = OUTCOME_SENT);
		}
		before = a->n;
		world_pass(w, 150); /* the rest of a tenth of a second is over */
		assert_true(a->n > before);
	}
	assert_int_equal(a->o.adapt.cuts, 0); /* the link is as fast as it was */
	before = a->n_ended;
	for (unsigned i = 0; i < 8; i++) {
		fake_end_all(w, a, OUTCOME_SENT);
		world_pass(w, 100);
	}
	assert_true(a->n >= before + 32);
	for (unsigned i = before; i < a->n; i++)
		assert_true(a->key[i] != key);
	for (unsigned i = 0; i < 80 && a->n < 203; i++) { /* it comes back, behind those that waited */
		fake_end_all(w, a, OUTCOME_SENT);
		world_seconds(w, 1);
	}
	assert_int_equal(a->n, 203);
	fake_end_all(w, a, OUTCOME_SENT);
	world_quiet(w);
	assert_int_equal(world_state(w, msg_key_id(key), 1), STATE_SENT);
	end(w);
}

/* The session is at fault twice: nothing is lost.  The third time in a row costs an attempt. */
static void a_fault_of_the_session_costs_no_attempt_twice(void **state)
{
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 10);

	(void)state;
	a->o.max_attempts = 1;
	fake_route(w, a, NULL);
	add(w, 1);
	for (unsigned i = 0; i < 2; i++) {
		ANSWER(w, a, i, .outcome = OUTCOME_LINK_FAULT, .code = 4);
		fake_up(w, a, false);
		world_quiet(w);
		assert_int_equal(a->n, i + 1);
		fake_up(w, a, true); /* bound anew: at once */
		RUN_UNTIL(w, a->n == i + 2);
	}
	ANSWER(w, a, 2, .outcome = OUTCOME_LINK_FAULT, .code = 4);
	RUN_UNTIL(w, w->final[STATE_REJECTED] == 1);
	end(w);
}

static void a_fault_of_the_session_hands_over_to_the_next_link(void **state)
{
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 10), *b = fake_new(w, "B", 10);

	(void)state;
	fake_route(w, a, b);
	add(w, 3);
	assert_int_equal(a->n, 3);
	ANSWER(w, a, 0, .outcome = OUTCOME_SENT);
	ANSWER(w, a, 1, .outcome = OUTCOME_LINK_FAULT, .code = 4);
	fake_up(w, a, false);
	ANSWER(w, a, 2, .outcome = OUTCOME_SENT);
	RUN_UNTIL(w, b->n == 1);
	assert_int_equal(b->key[0], a->key[1]);
	fake_end_all(w, b, OUTCOME_SENT);
	world_quiet(w);
	assert_int_equal(world_state(w, msg_key_id(a->key[1]), 1), STATE_SENT);
	end(w);
}

static void a_number_that_does_not_exist_is_not_asked_of_the_next_link(void **state)
{
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 10), *b = fake_new(w, "B", 10);

	(void)state;
	fake_route(w, a, b);
	add(w, 2);
	ANSWER(w, a, 0, .outcome = OUTCOME_RECIPIENT, .code = 0x0b);
	ANSWER(w, a, 1, .outcome = OUTCOME_REJECTED, .code = 0x0a);
	RUN_UNTIL(w, w->final[STATE_REJECTED] == 1 && b->n == 1);
	assert_int_equal(b->key[0], a->key[1]);
	assert_int_equal(world_state(w, msg_key_id(a->key[0]), 0), STATE_REJECTED);
	end(w);
}

/* Three attempts by A, then B has three of its own; a restart in between changes nothing. */
static void attempts_used_up_go_on_over_the_next_link(void **state)
{
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 10), *b = fake_new(w, "B", 10);
	uint64_t key;

	(void)state;
	a->o.max_attempts = b->o.max_attempts = 3;
	fake_route(w, a, b);
	add(w, 1);
	key = a->key[0];
	for (unsigned i = 0; i < 3; i++) {
		RUN_UNTIL(w, a->n == i + 1);
		ANSWER(w, a, i, .outcome = OUTCOME_RETRY, .code = 8);
		world_quiet(w);
		if (i < 2)
			world_seconds(w, 3);
	}
	RUN_UNTIL(w, b->n == 1);
	ANSWER(w, b, 0, .outcome = OUTCOME_RETRY, .code = 8);
	world_quiet(w);
	world_halt(w);
	world_up(w, false);
	a = fake_new(w, "A", 10);
	b = fake_new(w, "B", 10);
	a->o.max_attempts = b->o.max_attempts = 3;
	a->o.up = false;
	fake_route(w, a, b);
	RUN_UNTIL(w, !world_recovering(w));
	world_seconds(w, 3);
	RUN_UNTIL(w, b->n == 1);
	ANSWER(w, b, 0, .outcome = OUTCOME_RETRY, .code = 8); /* its second */
	world_quiet(w);
	assert_int_equal(w->final[STATE_REJECTED], 0);
	world_seconds(w, 5);
	RUN_UNTIL(w, b->n == 2);
	ANSWER(w, b, 1, .outcome = OUTCOME_RETRY, .code = 8);
	RUN_UNTIL(w, w->final[STATE_REJECTED] == 1);
	assert_int_equal(world_state(w, msg_key_id(key), 0), STATE_REJECTED);
	end(w);
}

static void a_duplicate_counts_as_sent(void **state)
{
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 10);

	(void)state;
	a->o.max_attempts = 1;
	fake_route(w, a, NULL);
	add(w, 1);
	ANSWER(w, a, 0, .outcome = OUTCOME_DUPLICATE, .code = 0x45);
	world_seconds(w, 5);
	assert_int_equal(a->n, 1);
	assert_int_equal(a->o.sent, 1);
	assert_int_equal(world_state(w, msg_key_id(a->key[0]), 1), STATE_SENT);
	end(w);
}

/* The parts of a long message cost a token each: no second has more than three. */
static void parts_of_one_message_are_spread_over_the_seconds(void **state)
{
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 50);

	(void)state;
	a->o.tps = 3;
	a->o.burst = 3;
	fake_route(w, a, NULL);
	world_add_long(w, 7, 0, NULL);
	RUN_UNTIL(w, w->committed == 1);
	world_quiet(w);
	assert_int_equal(a->n, 3);
	world_pass(w, 990);
	assert_int_equal(a->n, 3);
	world_pass(w, 100);
	assert_int_equal(a->n, 6);
	world_pass(w, 1100);
	assert_int_equal(a->n, 7);
	for (unsigned i = 0; i < 7; i++)
		assert_int_equal(msg_key_part(a->key[i]), i + 1);
	end(w);
}

/* Leases wait for the disk for a second: they do not leave on top of what that second's end may hold. */
static void a_slow_commit_does_not_add_to_the_rate(void **state)
{
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 50);

	(void)state;
	a->o.tps = 10;
	a->o.burst = 10;
	fake_route(w, a, NULL);
	world_add(w, 40, (struct message){.class = CLASS_SERVICE}, NULL);
	RUN_UNTIL(w, w->committed == 40);
	world_hold_op(OP_LEASE);
	world_pass(w, 1100);
	world_pass(w, 900);
	assert_true(a->n <= 10);
	world_release(w);
	world_quiet(w);
	assert_true(a->n <= 20);
	a->n_ended = a->n;
	world_pass(w, 500);
	assert_true(a->n <= 20); /* half a second after the release, which let ten go */
	end(w);
}

#define MB	(UINT64_C(1) << 20)
#define RESERVE (512 * MB)

static int add_one(struct world *w)
{
	return world_try_add(w, 1, (struct message){.class = CLASS_SERVICE}, NULL);
}

/* At the edge of the reserve intake does not come and go with each look at the disk. */
static void intake_comes_back_when_there_is_more_than_the_reserve(void **state)
{
	static const struct {
		uint64_t free_octets;
		int error, add;
	} t[] = {
		{RESERVE, 0, 0},
		{RESERVE - 1, 0, -ENOSPC},
		{RESERVE, 0, -ENOSPC},
		{RESERVE + 64 * MB - 1, 0, -ENOSPC},
		{RESERVE + 64 * MB, 0, 0},
		{RESERVE, 0, 0},
		{RESERVE, -ENOSPC, -ENOSPC},
		{RESERVE, 0, -ENOSPC},
		{RESERVE + 64 * MB, -ENOSPC, -ENOSPC},
		{RESERVE + 64 * MB, 0, 0},
	};
	struct world *w = world_new(WORLD_LOOPBACK);

	(void)state;
	world_up(w, false);
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		world_disk(w, t[i].free_octets, t[i].error);
		if (add_one(w) != t[i].add)
			fail_msg("row %zu", i);
	}
	world_quiet(w);
	world_halt(w);
	world_free(w);
}

static unsigned lines_with(FILE *f, const char *text)
{
	char line[LOG_LINE_MAX];
	unsigned n = 0;

	rewind(f);
	while (fgets(line, sizeof line, f))
		n += strstr(line, text) != NULL;
	return n;
}

/* A disk that is full to the last block: commits fail and succeed by turns. */
static void the_log_tells_of_the_reserve_now_and_then(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	int err = dup(STDERR_FILENO);
	FILE *f = tmpfile();

	(void)state;
	assert_non_null(f);
	world_up(w, false);
	world_stop_clock();
	log_open(LOG_LEVEL_WARN);
	dup2(fileno(f), STDERR_FILENO);
	for (unsigned i = 0; i < 101; i++)
		world_disk(w, 2 * RESERVE, i % 2 ? 0 : -ENOSPC);
	dup2(err, STDERR_FILENO);
	assert_int_equal(lines_with(f, "disk_reserve_"), 1);
	world_disk(w, 2 * RESERVE, 0);
	dup2(fileno(f), STDERR_FILENO);
	world_seconds(w, 11);
	dup2(err, STDERR_FILENO);
	assert_int_equal(lines_with(f, "disk_reserve_reached"), 1);
	assert_int_equal(lines_with(f, "disk_reserve_free"), 1); /* how it is in the end is told */
	log_open(LOG_LEVEL_ERROR);
	fclose(f);
	close(err);
	world_halt(w);
	world_free(w);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused_messages_go_again_in_their_order),
		cmocka_unit_test(a_window_of_refusals_slows_the_link_once),
		cmocka_unit_test(intake_comes_back_when_there_is_more_than_the_reserve),
		cmocka_unit_test(the_log_tells_of_the_reserve_now_and_then),
		cmocka_unit_test(a_carrier_that_takes_nothing_is_asked_once_a_second),
		cmocka_unit_test(congestion_slows_the_link),
		cmocka_unit_test(a_full_queue_of_one_recipient_does_not_hold_the_others),
		cmocka_unit_test(a_fault_of_the_session_costs_no_attempt_twice),
		cmocka_unit_test(a_fault_of_the_session_hands_over_to_the_next_link),
		cmocka_unit_test(a_number_that_does_not_exist_is_not_asked_of_the_next_link),
		cmocka_unit_test(attempts_used_up_go_on_over_the_next_link),
		cmocka_unit_test(a_duplicate_counts_as_sent),
		cmocka_unit_test(parts_of_one_message_are_spread_over_the_seconds),
		cmocka_unit_test(a_slow_commit_does_not_add_to_the_rate),
	};

	return WORLD_MAIN(tests, argc, argv);
}
