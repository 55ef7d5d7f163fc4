/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_receipt_test.c -- receipts and the queue: which part they find, what is learned of their ids, and what a
 * restart keeps.
 *
 * The fakes answer with the key of the part in decimal digits; what the receipts make of it is the test's.
 */
#include "queue_world.h"

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
	for (unsigned i = 0; i < 2; i++) {
		struct settle s = {.outcome = OUTCOME_SENT, .smsc_id = ids[i]};

		world_add(w, 1, (struct message){.to = TO}, NULL);
		RUN_UNTIL(w, a->n == i + 1);
		s.key = a->key[i];
		queue_settle(w->queue, &a->o, &s);
	}
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
		struct settle s = {.outcome = OUTCOME_SENT, .smsc_id = ids[i].id};

		world_add(w, 1, (struct message){.to = TO}, NULL);
		RUN_UNTIL(w, a->n == i + 1);
		s.key = a->key[i];
		queue_settle(w->queue, &a->o, &s);
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

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_form_is_learned_and_survives_the_process),
		cmocka_unit_test(a_parked_receipt_is_none_of_a_later_message),
		cmocka_unit_test(a_receipt_that_fits_two_parts_settles_neither),
		cmocka_unit_test(an_id_that_is_the_same_in_both_bases_teaches_nothing),
		cmocka_unit_test(a_repeated_receipt_is_known_after_a_restart),
		cmocka_unit_test(what_a_receipt_may_correct_is_found_after_a_restart),
		cmocka_unit_test(the_parts_of_a_failed_message_are_found_after_a_restart),
		cmocka_unit_test(a_link_that_falls_silent_of_matches_raises_the_alarm_once),
		cmocka_unit_test(silence_keeps_rows_only_where_receipts_come),
	};

	return WORLD_MAIN(tests, argc, argv);
}
