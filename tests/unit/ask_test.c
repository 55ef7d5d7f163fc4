/* SPDX-License-Identifier: Apache-2.0
 *
 * ask_test.c -- parts whose receipt does not come, and what carriers answer when they are asked.
 */
#include "queue_world.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TO 12025550142

static struct fake *link_of(struct world *w)
{
	struct fake *a = fake_new(w, "A", 100);

	a->o.receipt_timeout_s = 3600;
	a->o.queries = true;
	a->o.query_after_ms = 10000;
	a->o.query_tps = 100;
	fake_route(w, a, NULL);
	fake_up(w, a, true);
	return a;
}

static struct world *up(struct fake **ret_a)
{
	struct world *w = world_new(WORLD_LOOPBACK);

	world_up(w, false);
	world_stop_clock();
	*ret_a = link_of(w);
	return w;
}

/* n messages that the carrier has taken. */
static void take(struct world *w, struct fake *a, unsigned n)
{
	unsigned before = a->n;

	world_add(w, n, (struct message){.class = CLASS_SERVICE, .from = "Shop", .n_from = 4}, NULL);
	RUN_UNTIL(w, a->n == before + n);
	fake_end_all(w, a, OUTCOME_SENT);
	world_quiet(w);
}

static void answer(struct world *w, struct fake *a, unsigned i, enum answer_kind kind, enum receipt_state state)
{
	struct driver_answer d = {.key = a->asked[i], .kind = kind, .state = state, .stat_raw = "5", .err = "8",
		.text = "ESME_RQUERYFAIL"};

	queue_answered(w->queue, &a->o, &d);
	world_quiet(w);
}

static void a_final_answer_is_as_good_as_a_receipt(void **state)
{
	static const struct {
		enum receipt_state says;
		enum msg_state wanted;
	} rows[] = {
		{RECEIPT_DELIVERED, STATE_DELIVERED}, {RECEIPT_EXPIRED, STATE_EXPIRED}, {RECEIPT_REJECTED, STATE_REJECTED},
		{RECEIPT_DELETED, STATE_UNDELIVERED}, {RECEIPT_UNDELIVERABLE, STATE_UNDELIVERED},
		{RECEIPT_SKIPPED, STATE_UNDELIVERED},
	};
	struct fake *a;
	struct world *w = up(&a);

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char id[32];

		take(w, a, 1);
		world_seconds(w, 9);
		assert_int_equal(a->n_asked, i); /* not yet late */
		world_seconds(w, 2);
		assert_int_equal(a->n_asked, i + 1);
		snprintf(id, sizeof(id), "%llu", (unsigned long long)a->key[i]);
		assert_string_equal(a->asked_id, id);
		assert_string_equal(a->asked_from, "Shop");
		assert_int_equal(a->asked[i], a->key[i]);
		answer(w, a, i, ANSWER_STATE, rows[i].says);
		assert_int_equal(world_state(w, msg_key_id(a->key[i]), 0), rows[i].wanted);
	}
	assert_int_equal(a->o.query_settled, 6);
	assert_int_equal(a->o.asking, 0);
	world_seconds(w, 100);
	assert_int_equal(a->n_asked, 6);
	world_down(w);
	world_free(w);
}

static void what_is_not_final_waits_longer_each_time(void **state)
{
	static const enum receipt_state says[] = {RECEIPT_ENROUTE, RECEIPT_ACCEPTED, RECEIPT_UNKNOWN, RECEIPT_NONE};
	static const unsigned pauses[] = {11, 18, 39, 80};
	struct fake *a;
	struct world *w = up(&a);

	(void)state;
	take(w, a, 1);
	for (unsigned i = 0; i < 4; i++) {
		world_seconds(w, pauses[i] - 2);
		assert_int_equal(a->n_asked, i);
		world_seconds(w, 3);
		assert_int_equal(a->n_asked, i + 1);
		answer(w, a, i, ANSWER_STATE, says[i]);
		assert_int_equal(world_state(w, msg_key_id(a->key[0]), 0), STATE_SENT);
	}
	/* 10, 30, 70, 150, 310 s. */
	world_seconds(w, 3500 - 155);
	assert_int_equal(a->n_asked, 5); /* the fifth one is not answered, so there is none after it */
	answer(w, a, 4, ANSWER_STATE, RECEIPT_ENROUTE);
	world_seconds(w, 45);
	assert_int_equal(world_state(w, msg_key_id(a->key[0]), 0), STATE_SENT);
	world_seconds(w, 70);
	assert_int_equal(world_state(w, msg_key_id(a->key[0]), 0), STATE_UNCONFIRMED);
	world_halt(w);
	world_free(w);
}

static void the_last_question_is_a_minute_before_the_end(void **state)
{
	struct fake *a;
	struct world *w = up(&a);

	(void)state;
	a->o.receipt_timeout_s = 200;
	take(w, a, 1);
	for (unsigned i = 0; i < 3; i++) { /* 10, 30, 70; 150 would be the next, and 140 is a minute before the end */
		RUN_UNTIL(w, (world_seconds(w, 1), a->n_asked == i + 1));
		answer(w, a, i, ANSWER_STATE, RECEIPT_ENROUTE);
	}
	world_seconds(w, 120);
	assert_int_equal(a->n_asked, 4);
	answer(w, a, 3, ANSWER_STATE, RECEIPT_ENROUTE);
	world_seconds(w, 20);
	assert_int_equal(a->n_asked, 4);
	assert_int_equal(world_state(w, msg_key_id(a->key[0]), 0), STATE_UNCONFIRMED);
	world_down(w);
	world_free(w);
}

static void a_receipt_that_is_faster_wins(void **state)
{
	struct fake *a;
	struct world *w = up(&a);

	(void)state;
	take(w, a, 2);
	world_seconds(w, 12);
	assert_int_equal(a->n_asked, 2);
	for (unsigned i = 0; i < 2; i++)
		fake_receipt(w, a, a->asked[i], i ? RECEIPT_DELIVERED : RECEIPT_UNDELIVERABLE);
	world_quiet(w);
	answer(w, a, 0, ANSWER_STATE, RECEIPT_EXPIRED);
	answer(w, a, 1, ANSWER_STATE, RECEIPT_UNDELIVERABLE);
	assert_int_equal(world_state(w, msg_key_id(a->asked[0]), 0), STATE_UNDELIVERED);
	assert_int_equal(world_state(w, msg_key_id(a->asked[1]), 0), STATE_DELIVERED);
	assert_int_equal(a->o.query_settled, 0);
	/* And the other way round: a receipt corrects what the carrier said before. */
	take(w, a, 1);
	world_seconds(w, 12);
	answer(w, a, 2, ANSWER_STATE, RECEIPT_EXPIRED);
	fake_receipt(w, a, a->asked[2], RECEIPT_DELIVERED);
	world_quiet(w);
	assert_int_equal(world_state(w, msg_key_id(a->asked[2]), 0), STATE_DELIVERED);
	world_down(w);
	world_free(w);
}

static void an_unknown_id_is_asked_once(void **state)
{
	struct fake *a;
	struct world *w = up(&a);

	(void)state;
	take(w, a, 1);
	world_seconds(w, 12);
	answer(w, a, 0, ANSWER_UNKNOWN, RECEIPT_NONE);
	world_seconds(w, 100);
	assert_int_equal(a->n_asked, 1);
	assert_string_equal(a->o.query_off, "");
	world_halt(w);
	world_free(w);
}

static void failures_end_it_only_where_nothing_was_ever_answered(void **state)
{
	struct fake *a;
	struct world *w = up(&a);

	(void)state;
	take(w, a, 8);
	world_seconds(w, 12);
	assert_int_equal(a->n_asked, 8);
	for (unsigned i = 0; i < 4; i++)
		answer(w, a, i, i % 2 ? ANSWER_FAILED : ANSWER_NONE, RECEIPT_NONE);
	assert_string_equal(a->o.query_off, "");
	answer(w, a, 4, ANSWER_FAILED, RECEIPT_NONE);
	assert_string_equal(a->o.query_off, "ESME_RQUERYFAIL");
	for (unsigned i = 5; i < 8; i++)
		answer(w, a, i, ANSWER_UNSENT, RECEIPT_NONE);
	world_seconds(w, 100);
	assert_int_equal(a->n_asked, 8);
	a->o.query_off[0] = 0; /* as a restart of the link does */
	a->o.query_failures = 0;
	a->o.query_answered = 1;
	world_seconds(w, 2);
	assert_int_equal(a->n_asked, 16);
	for (unsigned i = 8; i < 16; i++)
		answer(w, a, i, ANSWER_FAILED, RECEIPT_NONE);
	assert_string_equal(a->o.query_off, "");
	world_halt(w);
	world_free(w);
}

static void a_link_that_knows_no_question_is_left_alone(void **state)
{
	struct fake *a;
	struct world *w = up(&a);

	(void)state;
	a->o.queries = false;
	take(w, a, 3);
	world_seconds(w, 100);
	assert_int_equal(a->n_asked, 0);
	a->o.queries = true; /* the configuration was read again */
	world_seconds(w, 2);
	assert_int_equal(a->n_asked, 3);
	answer(w, a, 0, ANSWER_UNSUPPORTED, RECEIPT_NONE);
	answer(w, a, 1, ANSWER_UNSUPPORTED, RECEIPT_NONE);
	answer(w, a, 2, ANSWER_UNSUPPORTED, RECEIPT_NONE);
	world_seconds(w, 100);
	assert_int_equal(a->n_asked, 3);
	assert_int_equal(a->o.asking, 0);
	world_halt(w);
	world_free(w);
}

static void questions_keep_to_rate_and_window(void **state)
{
	struct fake *a;
	struct world *w = up(&a);

	(void)state;
	a->o.window = 16;
	a->o.query_tps = 1;
	take(w, a, 10);
	world_seconds(w, 9);
	world_seconds(w, 1);
	assert_true(a->n_asked <= 1);
	world_seconds(w, 10);
	assert_int_equal(a->n_asked, 2); /* an eighth of the window, none of them answered */
	/* Two places of sixteen are taken. */
	world_add(w, 20, (struct message){.class = CLASS_SERVICE}, NULL);
	RUN_UNTIL(w, a->n == 24);
	world_quiet(w);
	assert_int_equal(a->o.in_flight, 14);
	answer(w, a, 0, ANSWER_STATE, RECEIPT_DELIVERED);
	RUN_UNTIL(w, a->n == 25);
	fake_end_all(w, a, OUTCOME_SENT);
	world_quiet(w);
	fake_end_all(w, a, OUTCOME_SENT);
	for (unsigned i = 1; i < 10; i++) {
		RUN_UNTIL(w, (world_seconds(w, 1), a->n_asked > i));
		assert_true(a->n_asked <= i + 2);
		answer(w, a, i, ANSWER_STATE, RECEIPT_DELIVERED);
	}
	world_halt(w);
	world_free(w);
}

/* The driver has no room, or goes down: nothing is lost. */
static void what_cannot_be_asked_now_is_asked_later(void **state)
{
	struct fake *a;
	struct world *w = up(&a);

	(void)state;
	take(w, a, 1);
	a->ask_answer = -EAGAIN;
	world_seconds(w, 14);
	assert_int_equal(a->o.asking, 1);
	a->ask_answer = 0;
	world_seconds(w, 1);
	assert_int_equal(a->n_asked, 1);
	answer(w, a, 0, ANSWER_UNSENT, RECEIPT_NONE);
	fake_up(w, a, false);
	world_seconds(w, 30);
	assert_int_equal(a->n_asked, 1);
	fake_up(w, a, true);
	world_seconds(w, 2);
	assert_int_equal(a->n_asked, 2);
	answer(w, a, 1, ANSWER_LATER, RECEIPT_NONE); /* too many: a rest of some seconds */
	world_seconds(w, 4);
	assert_int_equal(a->n_asked, 2);
	world_seconds(w, 3);
	assert_int_equal(a->n_asked, 3);
	answer(w, a, 2, ANSWER_STATE, RECEIPT_DELIVERED);
	assert_int_equal(world_state(w, msg_key_id(a->key[0]), 0), STATE_DELIVERED);
	world_down(w);
	world_free(w);
}

static void what_was_pushed_out_of_memory_is_asked_about(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	unsigned seen[100] = {0};
	struct fake *a;

	(void)state;
	world_sent_max(16);
	world_up(w, false);
	world_stop_clock();
	a = link_of(w);
	take(w, a, 100);
	world_seconds(w, 2);
	world_seconds(w, 20); /* each once */
	for (unsigned n = 0; n < a->n_asked; n++) {
		for (unsigned k = 0; k < 100; k++)
			seen[k] += a->asked[n] == a->key[k];
		answer(w, a, n, ANSWER_STATE, RECEIPT_DELIVERED);
		if (n + 1 == a->n_asked)
			world_seconds(w, 3);
	}
	for (unsigned k = 0; k < 100; k++)
		if (seen[k] != 1)
			fail_msg("part %u was asked about %u times", k, seen[k]);
	assert_int_equal(w->final[STATE_DELIVERED], 100);
	world_down(w);
	world_free(w);
}

static void a_restart_asks_at_once(void **state)
{
	struct fake *a;
	struct world *w = up(&a);

	(void)state;
	take(w, a, 2);
	world_seconds(w, 12);
	assert_int_equal(a->n_asked, 2);
	world_halt(w);
	world_up(w, false);
	world_stop_clock();
	a = link_of(w);
	RUN_UNTIL(w, !world_recovering(w));
	world_quiet(w);
	world_seconds(w, 2);
	assert_int_equal(a->n_asked, 2);
	answer(w, a, 0, ANSWER_STATE, RECEIPT_DELIVERED);
	answer(w, a, 1, ANSWER_STATE, RECEIPT_ENROUTE);
	assert_int_equal(w->final[STATE_DELIVERED], 1);
	world_seconds(w, 17); /* it goes on where the pauses were: twenty seconds now */
	assert_int_equal(a->n_asked, 2);
	world_seconds(w, 5);
	assert_int_equal(a->n_asked, 3);
	world_halt(w);
	world_free(w);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_final_answer_is_as_good_as_a_receipt),
		cmocka_unit_test(what_is_not_final_waits_longer_each_time),
		cmocka_unit_test(the_last_question_is_a_minute_before_the_end),
		cmocka_unit_test(a_receipt_that_is_faster_wins),
		cmocka_unit_test(an_unknown_id_is_asked_once),
		cmocka_unit_test(failures_end_it_only_where_nothing_was_ever_answered),
		cmocka_unit_test(a_link_that_knows_no_question_is_left_alone),
		cmocka_unit_test(questions_keep_to_rate_and_window),
		cmocka_unit_test(what_cannot_be_asked_now_is_asked_later),
		cmocka_unit_test(what_was_pushed_out_of_memory_is_asked_about),
		cmocka_unit_test(a_restart_asks_at_once),
	};

	return WORLD_MAIN(tests, argc, argv);
}
