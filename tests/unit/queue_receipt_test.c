/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_receipt_test.c -- receipts and the queue: which part they find, what is learned of their ids, and what a
 * restart keeps.
 *
 * The fakes answer with the key of the part in decimal digits; what the receipts make of it is the test's.
 */
#include "queue_world.h"
#include "queue/sent.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#define TO 12025550142

static struct fake *link_of(struct world *w, enum receipt_id_form form)
{
	struct fake *a = fake_new(w, "A", 1000);

	a->o.receipt_form = form;
	a->o.match_alarm = 0.9;
	fake_route(w, a, NULL);
	fake_up(w, a, true);
	return a;
}

/* One message, taken by A under this id. */
static void hand_over_as(struct world *w, struct fake *a, const char *id)
{
	struct settle s = {.outcome = OUTCOME_SENT, .smsc_id = id};
	unsigned n = a->n;

	world_add(w, 1, (struct message){.to = TO}, NULL);
	RUN_UNTIL(w, a->n == n + 1);
	s.key = a->key[n];
	queue_settle(w->queue, &a->o, &s);
}

/* n messages to n numbers, all taken by A. */
static void hand_over(struct world *w, struct fake *a, unsigned n)
{
	unsigned from = a->n;

	for (unsigned i = 0; i < n; i++)
		world_add(w, 1, (struct message){.to = TO + from + i}, NULL);
	RUN_UNTIL(w, a->n == from + n);
	fake_end_all(w, a, OUTCOME_SENT);
	world_quiet(w);
}

static void stored(void *arg, uint64_t a, uint64_t b, int r)
{
	struct world *w = arg;

	w->n_acks++;
	w->ack = r;
}

static int receive(struct world *w, struct fake *a, const char *id, uint64_t from, enum receipt_state state)
{
	struct link_receipt r = {.smsc_id = id, .from = from, .state = state, .stat_raw = "X", .err = ""};

	return queue_receipt(w->queue, &a->o, &r, stored, w, 0, 0);
}

/* The receipt of the i-th part, its id in hexadecimal digits. */
static int receive_hex(struct world *w, struct fake *a, unsigned i, uint64_t from)
{
	char id[32];

	snprintf(id, sizeof(id), "%llX", (unsigned long long)a->key[i]);
	return receive(w, a, id, from, RECEIPT_DELIVERED);
}

static struct queue_stats stats(struct world *w)
{
	struct queue_stats s;

	queue_stats(w->queue, &s);
	return s;
}

static uint64_t parked(struct world *w)
{
	struct store_stats s;

	store_stats(w->store, &s);
	return s.parked;
}

static void a_form_is_learned_and_survives_the_process(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;

	(void)state;
	world_up(w, false);
	a = link_of(w, RECEIPT_ID_AUTO);
	hand_over(w, a, 30);
	assert_int_equal(idform_known(a->o.idform), -1);
	/* Not verified by a number, a guess is none: it is parked. */
	assert_int_equal(receive_hex(w, a, 29, 0), 0);
	world_quiet(w);
	assert_int_equal(stats(w).receipts_parked, 1);
	{ /* Nor when the one number that is there is not the handset's. */
		struct link_receipt r = {.smsc_id = "0", .other = 777, .state = RECEIPT_DELIVERED, .stat_raw = "X", .err = ""};
		char id[32];

		snprintf(id, sizeof(id), "%llX", (unsigned long long)a->key[27]);
		r.smsc_id = id;
		assert_int_equal(queue_receipt(w->queue, &a->o, &r, stored, w, 0, 0), 0);
		world_quiet(w);
		assert_int_equal(stats(w).receipts_parked, 2);
		assert_int_equal(a->o.idform->n_hits, 0);
		r.other = TO + 27; /* it is: addresses that were not swapped, of a sender with a name */
		assert_int_equal(queue_receipt(w->queue, &a->o, &r, stored, w, 0, 0), 0);
		assert_int_equal(a->o.idform->n_hits, 1);
		world_quiet(w);
		assert_int_equal(w->final[STATE_DELIVERED], 1);
	}
	/* Of another number it is not this one's, whatever the digits. */
	assert_int_equal(receive_hex(w, a, 28, TO + 7), 0);
	world_quiet(w);
	assert_int_equal(stats(w).receipts_parked, 3);
	for (unsigned i = 0; i < 25; i++)
		assert_int_equal(receive_hex(w, a, i, TO + i), 0);
	world_quiet(w);
	assert_int_equal(w->final[STATE_DELIVERED], 26);
	assert_int_equal(idform_known(a->o.idform), IDFORM_TEXT + RECEIPT_BASE_HEX);
	/* Known: now the parked ones that named no number are found, the one of another number is not. */
	world_seconds(w, 2);
	assert_int_equal(w->final[STATE_DELIVERED], 27);
	world_halt(w);

	world_up(w, false);
	a = link_of(w, RECEIPT_ID_AUTO);
	assert_int_equal(idform_known(a->o.idform), IDFORM_TEXT + RECEIPT_BASE_HEX);
	world_down(w);
	world_free(w);
}

/* A carrier counts its ids anew, and a receipt that met nothing is still parked, of the same number: it is none of the
 * message that gets its id now, neither when that is answered nor when parked ones are tried again. */
static void a_parked_receipt_is_none_of_a_later_message(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct settle s = {.outcome = OUTCOME_SENT, .smsc_id = "77"};
	struct fake *a;

	(void)state;
	world_up(w, false);
	world_stop_clock();
	a = link_of(w, RECEIPT_ID_TEXT);
	assert_int_equal(receive(w, a, "77", TO, RECEIPT_UNDELIVERABLE), 0);
	world_quiet(w);
	assert_int_equal(stats(w).receipts_parked, 1);
	world_pass(w, 600000);
	world_add(w, 1, (struct message){.to = TO}, NULL);
	RUN_UNTIL(w, a->n == 1);
	s.key = a->key[0];
	queue_settle(w->queue, &a->o, &s);
	world_quiet(w);
	assert_int_equal(world_state(w, msg_key_id(a->key[0]), 0), STATE_SENT);
	queue_retry_parked(w->queue, &a->o);
	world_seconds(w, 2);
	assert_int_equal(world_state(w, msg_key_id(a->key[0]), 0), STATE_SENT);
	world_halt(w); /* nor after a restart, when what is parked is looked through for what was sent */
	world_up(w, false);
	a = link_of(w, RECEIPT_ID_TEXT);
	RUN_UNTIL(w, !world_recovering(w));
	world_quiet(w);
	assert_int_equal(w->final[STATE_UNDELIVERED], 0);
	assert_int_equal(receive(w, a, "77", TO, RECEIPT_DELIVERED), 0); /* its own */
	world_quiet(w);
	assert_int_equal(w->final[STATE_DELIVERED], 1);
	world_down(w);
	world_free(w);
}

/* "10" is a part's id in both bases, and both parts went to one number. */
static void a_receipt_that_fits_two_parts_settles_neither(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	static const char *const ids[] = {"10", "16"};
	struct fake *a;

	(void)state;
	world_up(w, false);
	a = link_of(w, RECEIPT_ID_AUTO);
	for (unsigned i = 0; i < 2; i++)
		hand_over_as(w, a, ids[i]);
	assert_int_equal(receive(w, a, "10", TO, RECEIPT_DELIVERED), 0); /* "10", or hexadecimal for 16 */
	world_quiet(w);
	assert_int_equal(w->final[STATE_DELIVERED], 0);
	assert_int_equal(stats(w).receipts_parked, 1);
	assert_int_equal(a->o.idform->n_hits, 0);
	a->o.receipt_form = RECEIPT_ID_TEXT; /* the operator knows */
	queue_retry_parked(w->queue, &a->o);
	world_seconds(w, 2);
	assert_int_equal(w->final[STATE_DELIVERED], 1);
	assert_int_equal(world_state(w, msg_key_id(a->key[0]), 0), STATE_DELIVERED);
	assert_int_equal(world_state(w, msg_key_id(a->key[1]), 0), STATE_SENT);
	world_halt(w);
	world_free(w);
}

/* As above, but the disk is slow: when what is parked is tried again, this receipt is not among it yet. */
static void a_receipt_that_is_parked_late_is_tried_again_all_the_same(void **state)
{
	static const char *const ids[] = {"10", "16"};
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;

	(void)state;
	world_up(w, false);
	a = link_of(w, RECEIPT_ID_AUTO);
	for (unsigned i = 0; i < 2; i++)
		hand_over_as(w, a, ids[i]);
	world_hold_op(OP_RECEIPT);
	assert_int_equal(receive(w, a, "10", TO, RECEIPT_DELIVERED), 0);
	a->o.receipt_form = RECEIPT_ID_TEXT;
	queue_retry_parked(w->queue, &a->o);
	world_seconds(w, 2);
	world_release(w);
	world_quiet(w);
	world_seconds(w, 2);
	assert_int_equal(parked(w), 0);
	assert_int_equal(world_state(w, msg_key_id(a->key[0]), 0), STATE_DELIVERED);
	world_halt(w);
	world_free(w);
}

/* It is read to be tried again, and claimed by its own response before that is written: one receipt, one match. */
static void a_receipt_that_is_claimed_while_it_is_tried_again_counts_once(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;
	char id[32];

	(void)state;
	world_up(w, false);
	a = link_of(w, RECEIPT_ID_TEXT);
	world_add(w, 1, (struct message){.to = TO}, NULL);
	RUN_UNTIL(w, a->n == 1);
	snprintf(id, sizeof(id), "%llu", (unsigned long long)a->key[0]);
	assert_int_equal(receive(w, a, id, TO, RECEIPT_DELIVERED), 0);
	world_quiet(w);
	assert_int_equal(parked(w), 1);
	world_hold_answer(Q_PARKED);
	queue_retry_parked(w->queue, &a->o);
	world_seconds(w, 2);
	assert_int_equal(world_held(), 1);
	fake_end(w, a, a->key[0], OUTCOME_SENT);
	world_quiet(w);
	world_release(w);
	world_quiet(w);
	assert_int_equal(parked(w), 0);
	assert_int_equal(w->final[STATE_DELIVERED], 1);
	assert_int_equal(stats(w).receipts_matched, 1);
	world_halt(w);
	world_free(w);
}

/* … and what is parked meanwhile is another receipt, which waits for its own response. */
static void a_receipt_is_not_taken_for_one_that_was_parked_before_it(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;
	char id[2][32];

	(void)state;
	world_up(w, false);
	a = link_of(w, RECEIPT_ID_TEXT);
	world_add(w, 1, (struct message){.to = TO}, NULL);
	world_add(w, 1, (struct message){.to = TO}, NULL);
	RUN_UNTIL(w, a->n == 2);
	for (unsigned i = 0; i < 2; i++)
		snprintf(id[i], sizeof(id[i]), "%llu", (unsigned long long)a->key[i]);
	assert_int_equal(receive(w, a, id[0], TO, RECEIPT_DELIVERED), 0);
	world_quiet(w);
	world_hold_answer(Q_PARKED);
	queue_retry_parked(w->queue, &a->o);
	world_seconds(w, 2);
	assert_int_equal(world_held(), 1);
	fake_end(w, a, a->key[0], OUTCOME_SENT);
	world_quiet(w);
	assert_int_equal(parked(w), 0);
	assert_int_equal(receive(w, a, id[1], TO, RECEIPT_DELIVERED), 0);
	world_quiet(w);
	world_release(w);
	world_quiet(w);
	assert_int_equal(parked(w), 1);
	fake_end(w, a, a->key[1], OUTCOME_SENT);
	world_quiet(w);
	assert_int_equal(parked(w), 0);
	assert_int_equal(w->final[STATE_DELIVERED], 2);
	assert_int_equal(stats(w).receipts_matched, 2);
	world_halt(w);
	world_free(w);
}

/* "7" is 7 in both bases: whichever form is tried first would get the hit. */
static void an_id_that_is_the_same_in_both_bases_teaches_nothing(void **state)
{
	static const struct {
		const char *id;
		unsigned n_hits;
	} ids[] = {{"7", 0}, {"0009", 0}, {"a", 1}, {"12345", 2}};
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;

	(void)state;
	world_up(w, false);
	a = link_of(w, RECEIPT_ID_AUTO);
	for (unsigned i = 0; i < 4; i++) {
		hand_over_as(w, a, ids[i].id);
		assert_int_equal(receive(w, a, ids[i].id, TO, RECEIPT_DELIVERED), 0);
		assert_int_equal(a->o.idform->n_hits, ids[i].n_hits);
	}
	world_down(w);
	world_free(w);
}

static void a_repeated_receipt_is_known_after_a_restart(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	uint64_t key;
	struct fake *a;

	(void)state;
	world_up(w, false);
	a = link_of(w, RECEIPT_ID_AUTO);
	hand_over(w, a, 1);
	key = a->key[0];
	fake_receipt(w, a, key, RECEIPT_DELIVERED);
	world_quiet(w);
	world_halt(w);
	world_up(w, false);
	a = link_of(w, RECEIPT_ID_AUTO);
	RUN_UNTIL(w, !world_recovering(w));
	world_quiet(w);
	assert_int_equal(fake_receipt(w, a, key, RECEIPT_DELIVERED), 1);
	assert_int_equal(stats(w).receipts_repeated, 1);
	assert_int_equal(stats(w).receipts_parked, 0);
	assert_int_equal(stats(w).receipts_waiting, 0);
	world_halt(w);
	world_free(w);
}

/* Receipts come before the rows of the last life are read, and the disk is slow: what they speak of is read while their
 * parking is on its way.  Rows on disk do not tell of it. */
static void a_repeated_receipt_that_is_being_parked_is_claimed_after_a_restart(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;
	uint64_t key;

	(void)state;
	world_up(w, false);
	a = link_of(w, RECEIPT_ID_TEXT);
	hand_over(w, a, 1);
	key = a->key[0];
	fake_receipt(w, a, key, RECEIPT_DELIVERED);
	world_quiet(w);
	world_halt(w);
	world_up(w, false);
	a = link_of(w, RECEIPT_ID_TEXT);
	world_hold_op(OP_RECEIPT);
	assert_int_equal(fake_receipt(w, a, key, RECEIPT_DELIVERED), 0);
	RUN_UNTIL(w, !world_recovering(w));
	world_quiet(w);
	assert_int_equal(fake_receipt(w, a, key, RECEIPT_DELIVERED), 1); /* it is known by now */
	world_release(w);
	world_quiet(w);
	assert_int_equal(stats(w).receipts_parked, 1);
	assert_int_equal(parked(w), 0);
	world_halt(w);
	world_free(w);
}

static void what_a_receipt_may_correct_is_found_after_a_restart(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	uint64_t key[3];
	struct fake *a;

	(void)state;
	world_up(w, false);
	a = link_of(w, RECEIPT_ID_AUTO);
	hand_over(w, a, 3);
	memcpy(key, a->key, sizeof(key));
	fake_receipt(w, a, key[0], RECEIPT_UNDELIVERABLE);
	fake_receipt(w, a, key[1], RECEIPT_REJECTED); /* never corrected */
	fake_receipt(w, a, key[2], RECEIPT_DELIVERED);
	world_quiet(w);
	world_halt(w);
	world_up(w, false);
	a = link_of(w, RECEIPT_ID_AUTO);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(fake_receipt(w, a, key[i], RECEIPT_DELIVERED), 0);
	world_quiet(w);
	assert_int_equal(stats(w).corrections, 1);
	assert_int_equal(stats(w).receipts_parked, 1);
	assert_int_equal(world_state(w, msg_key_id(key[0]), 0), STATE_DELIVERED);
	assert_int_equal(world_state(w, msg_key_id(key[1]), 0), STATE_REJECTED);
	world_halt(w);
	world_free(w);
}

/* One part of three has failed; the receipts of the others come in the next life, one of them before its response. */
static void the_parts_of_a_failed_message_are_found_after_a_restart(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;
	uint64_t key[3];

	(void)state;
	world_up(w, false);
	a = link_of(w, RECEIPT_ID_AUTO);
	world_add_long(w, 3, 0, NULL);
	RUN_UNTIL(w, a->n == 3);
	memcpy(key, a->key, sizeof(key));
	fake_end(w, a, key[0], OUTCOME_SENT);
	fake_end(w, a, key[1], OUTCOME_SENT);
	assert_int_equal(fake_receipt(w, a, key[0], RECEIPT_UNDELIVERABLE), 0);
	world_quiet(w);
	assert_int_equal(w->final[STATE_UNDELIVERED], 1);
	fake_end(w, a, key[2], OUTCOME_SENT); /* taken after the message was final */
	world_quiet(w);
	world_halt(w);
	world_up(w, false);
	a = link_of(w, RECEIPT_ID_AUTO);
	assert_int_equal(fake_receipt(w, a, key[1], RECEIPT_DELIVERED), 0);
	assert_int_equal(fake_receipt(w, a, key[2], RECEIPT_DELIVERED), 0);
	world_quiet(w);
	assert_int_equal(stats(w).receipts_parked, 0);
	assert_int_equal(world_state(w, msg_key_id(key[0]), 2), STATE_DELIVERED);
	assert_int_equal(world_state(w, msg_key_id(key[0]), 3), STATE_DELIVERED);
	assert_int_equal(fake_receipt(w, a, key[0], RECEIPT_DELIVERED), 0); /* and at last the one that failed */
	world_quiet(w);
	assert_int_equal(stats(w).corrections, 1);
	world_halt(w);
	world_free(w);
}

static void a_link_that_falls_silent_of_matches_raises_the_alarm_once(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;
	char id[32];

	(void)state;
	world_up(w, false);
	world_stop_clock();
	a = link_of(w, RECEIPT_ID_AUTO);
	for (unsigned i = 0; i < 10; i++) {
		hand_over(w, a, 80);
		for (unsigned k = 0; k < 80; k++)
			fake_receipt(w, a, a->key[i * 80 + k], RECEIPT_DELIVERED);
		world_seconds(w, 11);
	}
	assert_int_equal(w->final[STATE_DELIVERED], 800);
	assert_false(a->o.idform->alarm);
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned k = 0; k < 80; k++) {
			snprintf(id, sizeof(id), "no-%u", i * 80 + k);
			assert_int_equal(receive(w, a, id, TO, RECEIPT_DELIVERED), 0);
		}
		world_seconds(w, 11);
	}
	assert_true(a->o.idform->alarm);
	assert_int_equal(a->o.idform->alarms, 1);
	world_down(w);
	world_free(w);
}

static int64_t n_waiting(const struct world *w)
{
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;
	int64_t n = -1;

	assert_int_equal(sqlite3_open(w->db, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM waiting", -1, &st, NULL), SQLITE_OK);
	if (sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

/* A link that never gave a receipt is not expected to: no rows are kept for corrections. */
static void silence_keeps_rows_only_where_receipts_come(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;

	(void)state;
	world_up(w, false);
	world_stop_clock();
	a = link_of(w, RECEIPT_ID_AUTO);
	a->o.receipt_timeout_s = 5;
	hand_over(w, a, 2);
	world_seconds(w, 120);
	assert_int_equal(w->final[STATE_UNCONFIRMED], 2);
	assert_int_equal(n_waiting(w), 0);
	hand_over(w, a, 2);
	fake_receipt(w, a, a->key[2], RECEIPT_DELIVERED);
	world_seconds(w, 120);
	assert_int_equal(w->final[STATE_UNCONFIRMED], 3);
	assert_int_equal(n_waiting(w), 1);
	world_down(w);
	world_free(w);
}

/* ---- receipts that come again before the first is on disk --------------------------------------------------- */

static int64_t finals(struct world *w)
{
	return world_rows(w, "SELECT count(*) FROM final");
}

/* One message that A has taken; its receipts are those of key[0]. */
static struct fake *one_taken(struct world *w)
{
	struct fake *a;

	world_up(w, false);
	a = link_of(w, RECEIPT_ID_TEXT);
	hand_over(w, a, 1);
	return a;
}

static int answers[3];

static void answered(void *arg, uint64_t a, uint64_t b, int r)
{
	struct world *w = arg;

	w->n_acks++;
	answers[a] = r;
}

/* Its answer is the i-th. */
static int deliver(struct world *w, struct fake *a, unsigned i)
{
	struct link_receipt r = {.state = RECEIPT_DELIVERED, .stat_raw = "DELIVRD", .err = ""};
	char id[32];

	snprintf(id, sizeof(id), "%llu", (unsigned long long)a->key[0]);
	r.smsc_id = id;
	return queue_receipt(w->queue, &a->o, &r, answered, w, i, 0);
}

/* Whatever they say: when they are acknowledged, a part is final on disk. */
static void a_repetition_is_acknowledged_when_the_first_is_stored(void **state)
{
	static const enum receipt_state repeats[] = {RECEIPT_DELIVERED, RECEIPT_UNDELIVERABLE};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct world *w = world_new(WORLD_LOOPBACK);
		struct fake *a = one_taken(w);

		world_hold_op(OP_FINAL);
		assert_int_equal(fake_receipt(w, a, a->key[0], RECEIPT_DELIVERED), 0);
		assert_int_equal(fake_receipt(w, a, a->key[0], repeats[i]), 0);
		world_quiet(w);
		assert_int_equal(w->n_acks, 0);
		assert_int_equal(finals(w), 0);
		world_release(w);
		RUN_UNTIL(w, w->n_acks == 2);
		assert_int_equal(w->ack, 0);
		assert_int_equal(finals(w), 1);
		assert_int_equal(world_state(w, a->key[0] >> 8, 0), STATE_DELIVERED);
		assert_int_equal(w->final[STATE_DELIVERED], 1);
		assert_int_equal(w->final[STATE_UNDELIVERED], 0);
		assert_int_equal(world_rows(w, "SELECT count(*) FROM correction"), 0);
		assert_int_equal(stats(w).receipts_matched, 1);
		assert_int_equal(stats(w).receipts_repeated + stats(w).receipts_ignored, 1);
		/* Now that it is there. */
		assert_int_equal(fake_receipt(w, a, a->key[0], repeats[i]), 1);
		world_down(w);
		world_free(w);
	}
}

/* The first is refused, the repetition is not: it has settled the part, and what comes then repeats that. */
static void a_repetition_stands_in_for_what_was_refused(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a = one_taken(w);

	(void)state;
	world_refuse(OP_FINAL, 1);
	assert_int_equal(deliver(w, a, 0), 0);
	assert_int_equal(deliver(w, a, 1), 0);
	RUN_UNTIL(w, w->n_acks == 2);
	assert_int_equal(answers[0], -ENOSPC);
	assert_int_equal(answers[1], 0);
	assert_int_equal(finals(w), 1);
	assert_int_equal(stats(w).receipts_waiting, 0);
	assert_int_equal(w->final[STATE_DELIVERED], 1);
	assert_int_equal(deliver(w, a, 2), 1);
	world_down(w);
	world_free(w);
}

/* Both are refused: neither is acknowledged, and the part is open for the next. */
static void a_repetition_is_refused_with_the_first(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a = one_taken(w);

	(void)state;
	world_refuse(OP_FINAL, 2);
	assert_int_equal(deliver(w, a, 0), 0);
	assert_int_equal(deliver(w, a, 1), 0);
	RUN_UNTIL(w, w->n_acks == 2);
	assert_int_equal(answers[0], -ENOSPC);
	assert_int_equal(answers[1], -ENOSPC);
	assert_int_equal(stats(w).receipts_waiting, 1);
	assert_int_equal(deliver(w, a, 2), 0);
	RUN_UNTIL(w, w->n_acks == 3);
	assert_int_equal(answers[2], 0);
	assert_int_equal(finals(w), 1);
	world_down(w);
	world_free(w);
}

/* The commit of the repetition alone is refused: the part stays settled. */
static void a_repetition_that_is_refused_opens_nothing(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a = one_taken(w);

	(void)state;
	assert_int_equal(deliver(w, a, 0), 0);
	world_refuse(OP_FINAL, 1);
	assert_int_equal(deliver(w, a, 1), 0);
	RUN_UNTIL(w, w->n_acks == 2);
	assert_int_equal(answers[0], 0);
	assert_int_equal(answers[1], -ENOSPC);
	assert_int_equal(stats(w).receipts_waiting, 0);
	assert_int_equal(deliver(w, a, 2), 1);
	world_down(w);
	world_free(w);
}

/* Beyond a bound they are to come again. */
static void repetitions_that_wait_are_bounded(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a = one_taken(w);
	unsigned n = 0;
	int x;

	(void)state;
	world_hold_op(OP_FINAL);
	while ((x = fake_receipt(w, a, a->key[0], RECEIPT_DELIVERED)) == 0 && n < 1000)
		n++;
	assert_int_equal(x, -EAGAIN);
	assert_int_equal(n, SENT_STAGED_MAX);
	world_release(w);
	RUN_UNTIL(w, w->n_acks == n);
	assert_int_equal(w->ack, 0);
	assert_int_equal(w->final[STATE_DELIVERED], 1);
	assert_int_equal(fake_receipt(w, a, a->key[0], RECEIPT_DELIVERED), 1);
	world_down(w);
	world_free(w);
}

/* Others push the part out of memory while its receipt is on its way, which is refused then.  The receipt comes again,
 * or its deadline. */
static void what_is_pushed_out_before_its_receipt_is_stored_is_not_forgotten(void **state)
{
	(void)state;
	for (unsigned again = 0; again < 2; again++) {
		struct world *w = world_new(WORLD_LOOPBACK);
		uint64_t id;
		struct fake *a;

		world_sent_max(16);
		world_up(w, false);
		world_stop_clock();
		a = link_of(w, RECEIPT_ID_TEXT);
		world_add(w, 40, (struct message){.to = TO}, NULL);
		RUN_UNTIL(w, a->n == 40);
		id = a->key[0] >> 8;
		fake_end(w, a, a->key[0], OUTCOME_SENT);
		world_quiet(w);
		world_refuse(OP_FINAL, 1);
		assert_int_equal(fake_receipt(w, a, a->key[0], RECEIPT_DELIVERED), 0);
		for (unsigned i = 1; i < 40; i++)
			fake_end(w, a, a->key[i], OUTCOME_SENT);
		RUN_UNTIL(w, w->n_acks == 1);
		assert_int_equal(w->ack, -ENOSPC);
		world_seconds(w, 2);
		if (again) {
			assert_int_equal(fake_receipt(w, a, a->key[0], RECEIPT_DELIVERED), 0);
			RUN_UNTIL(w, w->n_acks == 2);
			assert_int_equal(w->ack, 0);
			assert_int_equal(world_state(w, id, 0), STATE_DELIVERED);
		} else {
			world_pass(w, (int64_t)4 * 86400000);
			for (unsigned i = 0; i < 100 && world_state(w, id, 0) == STATE_SENT; i++)
				world_seconds(w, 1);
			assert_int_equal(world_state(w, id, 0), STATE_UNCONFIRMED);
		}
		world_sent_max(0);
		world_halt(w);
		world_free(w);
	}
}

/* The disk refuses what memory lets go, and its receipt comes before it is staged again: found nowhere, it is parked,
 * and looked at again when the part is there. */
static void a_receipt_that_met_its_part_on_the_way_to_disk_finds_it(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;

	(void)state;
	world_sent_max(16);
	world_up(w, false);
	world_stop_clock();
	a = link_of(w, RECEIPT_ID_TEXT);
	world_add(w, 40, (struct message){.to = TO}, NULL);
	RUN_UNTIL(w, a->n == 40);
	world_quiet(w);
	fake_end_all(w, a, OUTCOME_SENT);
	world_refuse(OP_SPILL, 1);
	assert_int_equal(fake_receipt(w, a, a->key[0], RECEIPT_DELIVERED), 0);
	RUN_UNTIL(w, w->n_acks == 1);
	world_quiet(w);
	assert_int_equal(world_refusals_left(), 0);
	assert_int_equal(parked(w), 1);
	for (unsigned i = 0; i < 5 && parked(w); i++) {
		world_seconds(w, 1);
		world_quiet(w);
	}
	assert_int_equal(parked(w), 0);
	assert_int_equal(w->final[STATE_DELIVERED], 1);
	assert_int_equal(world_state(w, a->key[0] >> 8, 0), STATE_DELIVERED);
	world_sent_max(0);
	world_halt(w);
	world_free(w);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_form_is_learned_and_survives_the_process),
		cmocka_unit_test(a_parked_receipt_is_none_of_a_later_message),
		cmocka_unit_test(a_receipt_that_fits_two_parts_settles_neither),
		cmocka_unit_test(a_receipt_that_is_parked_late_is_tried_again_all_the_same),
		cmocka_unit_test(a_receipt_that_is_claimed_while_it_is_tried_again_counts_once),
		cmocka_unit_test(a_receipt_is_not_taken_for_one_that_was_parked_before_it),
		cmocka_unit_test(an_id_that_is_the_same_in_both_bases_teaches_nothing),
		cmocka_unit_test(a_repeated_receipt_is_known_after_a_restart),
		cmocka_unit_test(a_repeated_receipt_that_is_being_parked_is_claimed_after_a_restart),
		cmocka_unit_test(what_a_receipt_may_correct_is_found_after_a_restart),
		cmocka_unit_test(the_parts_of_a_failed_message_are_found_after_a_restart),
		cmocka_unit_test(a_link_that_falls_silent_of_matches_raises_the_alarm_once),
		cmocka_unit_test(silence_keeps_rows_only_where_receipts_come),
		cmocka_unit_test(a_receipt_that_met_its_part_on_the_way_to_disk_finds_it),
		cmocka_unit_test(a_repetition_is_acknowledged_when_the_first_is_stored),
		cmocka_unit_test(a_repetition_stands_in_for_what_was_refused),
		cmocka_unit_test(a_repetition_is_refused_with_the_first),
		cmocka_unit_test(a_repetition_that_is_refused_opens_nothing),
		cmocka_unit_test(repetitions_that_wait_are_bounded),
		cmocka_unit_test(what_is_pushed_out_before_its_receipt_is_stored_is_not_forgotten),
	};

	return WORLD_MAIN(tests, argc, argv);
}
