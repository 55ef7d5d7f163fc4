/* SPDX-License-Identifier: Apache-2.0
 *
 * uncertain_test.c -- what becomes of parts that were written and never answered, when a receipt tells of them all the
 * same.  The fakes answer with the key of the part in decimal digits; a receipt of an id that is none of these is of a
 * part whose answer was lost.
 */
#include "queue_world.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "queue/evidence.h"

#define TO   12025550142
#define TEXT "Your parcel arrives today at nine"
#define HEAD "Your parcel arrives "

static void a_quotation_fits_its_text_only(void **state)
{
	static const struct {
		const char *why, *quoted, *text;
		bool fits;
	} rows[] = {
		{"the first twenty characters, as the standard has it", HEAD, TEXT, true},
		{"cut shorter", "Your parcel", TEXT, true},
		{"too short to say anything", "Your pa", TEXT, false},
		{"a short text whole", "code 1", "code 1", true},
		{"padded with blanks", "code 1              ", "code 1", true},
		{"a blank behind the colon", " code 1", "code 1", true},
		{"more than there is", "code 12", "code 1", false},
		{"another text", "Your parcel comes to", TEXT, false},
		{"the case counts", "your parcel arrives ", TEXT, false},
		{"nothing", "", TEXT, false},
		{"nothing, of nothing", "", "", false},
		{"eight common characters, then what each alphabet writes in its way", "Price is\x02" "5", "Price is$5", true},
		{"too few of them", "Cost\x02", "Cost$5", false},
		{"a text of no common characters", "????", "Ваш код", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (evidence_quotes(rows[i].quoted, rows[i].text, strlen(rows[i].text)) != rows[i].fits)
			fail_msg("%s", rows[i].why);
}

static struct fake *link_of(struct world *w, int policy)
{
	struct fake *a = fake_new(w, "A", 100);

	a->o.receipt_form = RECEIPT_ID_TEXT;
	a->o.on_uncertain = (enum uncertain_policy)policy;
	a->o.receipt_timeout_s = 60;
	fake_route(w, a, NULL);
	fake_up(w, a, true);
	return a;
}

static void stored(void *arg, uint64_t a, uint64_t b, int r)
{
	struct world *w = arg;

	(void)a;
	(void)b;
	w->n_acks++;
	w->ack = r;
}

static void receive(struct world *w, struct fake *a, const char *id, uint64_t from, const char *quoted,
	enum receipt_state state)
{
	struct link_receipt r = {.smsc_id = id, .from = from, .state = state, .stat_raw = "X", .err = "", .quoted = quoted};
	unsigned n = w->n_acks;

	if (queue_receipt(w->queue, &a->o, &r, stored, w, 0, 0) == 0) {
		RUN_UNTIL(w, w->n_acks > n);
		assert_int_equal(w->ack, 0);
	}
	world_quiet(w);
}

/* Handed to A, and not answered yet. */
static uint64_t begin(struct world *w, struct fake *a, const char *text, uint64_t to)
{
	unsigned n = a->n;
	uint64_t id;

	world_add(w, 1, (struct message){.class = CLASS_SERVICE, .text = text, .n_text = (uint32_t)strlen(text), .to = to}, &id);
	RUN_UNTIL(w, a->n == n + 1);
	return id;
}

static uint64_t lost(struct world *w, struct fake *a, const char *text, uint64_t to)
{
	uint64_t id = begin(w, a, text, to);

	fake_end(w, a, a->key[a->n - 1], OUTCOME_UNKNOWN);
	world_quiet(w);
	return id;
}

static struct queue_stats stats(struct world *w)
{
	struct queue_stats s;

	queue_stats(w->queue, &s);
	return s;
}

static void a_receipt_that_quotes_a_held_part_settles_it(void **state)
{
	static const struct {
		enum receipt_state says;
		enum msg_state wanted;
	} rows[] = {
		{RECEIPT_DELIVERED, STATE_DELIVERED}, {RECEIPT_UNDELIVERABLE, STATE_UNDELIVERED}, {RECEIPT_EXPIRED, STATE_EXPIRED},
	};
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;
	char id[8];

	(void)state;
	world_up(w, false);
	world_stop_clock();
	a = link_of(w, UNCERTAIN_HOLD);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t m = lost(w, a, TEXT, TO + i);

		assert_false(state_is_final(world_state(w, m, 0)));
		snprintf(id, sizeof(id), "x%u", i);
		receive(w, a, id, TO + i, HEAD, rows[i].says);
		assert_int_equal(world_state(w, m, 0), rows[i].wanted);
		receive(w, a, id, TO + i, HEAD, rows[i].says); /* repeated: known, not parked */
	}
	assert_int_equal(stats(w).receipts_parked, 0);
	world_seconds(w, 70); /* the hold is over: nothing changes, nothing is sent again */
	assert_int_equal(a->n, 3);
	assert_int_equal(w->final[STATE_DELIVERED], 1);
	assert_int_equal(w->final[STATE_UNCONFIRMED], 0);
	world_down(w);
	world_free(w);
}

/* The usual order: a receipt within seconds, the time for the answer is over later. */
static void a_receipt_that_came_first_spares_the_second_sending(void **state)
{
	static const int policies[] = {UNCERTAIN_RESEND, UNCERTAIN_HOLD, UNCERTAIN_FAIL};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct world *w = world_new(WORLD_LOOPBACK);
		struct fake *a;
		uint64_t m;

		world_up(w, false);
		world_stop_clock();
		a = link_of(w, policies[i]);
		m = begin(w, a, TEXT, TO);
		receive(w, a, "x", TO, HEAD, RECEIPT_DELIVERED);
		assert_int_equal(stats(w).receipts_parked, 1);
		fake_end(w, a, a->key[0], OUTCOME_UNKNOWN);
		world_quiet(w);
		assert_int_equal(world_state(w, m, 0), STATE_DELIVERED);
		world_seconds(w, 70);
		assert_int_equal(a->n, 1);
		assert_int_equal(w->final[STATE_DELIVERED], 1);
		assert_int_equal(w->final[STATE_UNCONFIRMED], 0);
		world_down(w);
		world_free(w);
	}
}

static void what_may_be_anothers_is_not_believed(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	uint64_t m[4];
	struct fake *a;

	(void)state;
	world_up(w, false);
	world_stop_clock();
	a = link_of(w, UNCERTAIN_HOLD);
	m[0] = lost(w, a, TEXT, TO);
	receive(w, a, "x1", TO + 1, HEAD, RECEIPT_DELIVERED); /* another number */
	receive(w, a, "x2", 0, HEAD, RECEIPT_DELIVERED);      /* none */
	receive(w, a, "x3", TO, "Another text at all", RECEIPT_DELIVERED);
	receive(w, a, "x4", TO, NULL, RECEIPT_DELIVERED);
	receive(w, a, "", TO, HEAD, RECEIPT_DELIVERED); /* no id: it cannot be known that the id is unknown */
	receive(w, a, "x5", TO, HEAD, RECEIPT_ENROUTE); /* no final state */
	assert_false(state_is_final(world_state(w, m[0], 0)));
	/* The same text to the same number is in flight: it may be of that one. */
	m[1] = begin(w, a, TEXT, TO);
	receive(w, a, "x6", TO, HEAD, RECEIPT_DELIVERED);
	assert_false(state_is_final(world_state(w, m[0], 0)));
	/* Now both are held, and it may be of either. */
	fake_end(w, a, a->key[1], OUTCOME_UNKNOWN);
	world_quiet(w);
	receive(w, a, "x7", TO, HEAD, RECEIPT_DELIVERED);
	assert_false(state_is_final(world_state(w, m[0], 0)));
	assert_false(state_is_final(world_state(w, m[1], 0)));
	/* Another text tells them apart. */
	m[2] = lost(w, a, "Something quite different", TO);
	receive(w, a, "x8", TO, "Something quite diff", RECEIPT_DELIVERED);
	assert_int_equal(world_state(w, m[2], 0), STATE_DELIVERED);
	/* An id that is known is of its own part, whatever it quotes. */
	m[3] = begin(w, a, TEXT, TO + 5);
	fake_end(w, a, a->key[3], OUTCOME_SENT);
	fake_receipt(w, a, a->key[3], RECEIPT_DELIVERED);
	world_quiet(w);
	assert_int_equal(world_state(w, m[3], 0), STATE_DELIVERED);
	assert_int_equal(w->final[STATE_DELIVERED], 2);
	world_seconds(w, 70);
	assert_int_equal(w->final[STATE_UNCONFIRMED], 2);
	world_down(w);
	world_free(w);
}

/* While nobody knows how ids are read, the id may be that of a part that waits. */
static void while_ids_are_not_read_with_certainty_another_that_waits_is_a_rival(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;
	uint64_t m;

	(void)state;
	world_up(w, false);
	a = link_of(w, UNCERTAIN_HOLD);
	a->o.receipt_form = RECEIPT_ID_AUTO;
	begin(w, a, TEXT, TO);
	fake_end(w, a, a->key[0], OUTCOME_SENT);
	m = lost(w, a, TEXT, TO);
	receive(w, a, "x", TO, HEAD, RECEIPT_DELIVERED);
	assert_false(state_is_final(world_state(w, m, 0)));
	fake_receipt(w, a, a->key[0], RECEIPT_DELIVERED);
	world_quiet(w);
	receive(w, a, "y", TO, HEAD, RECEIPT_DELIVERED); /* nothing else waits any more */
	assert_int_equal(world_state(w, m, 0), STATE_DELIVERED);
	world_down(w);
	world_free(w);
}

static void a_receipt_that_its_own_response_has_claimed_is_no_evidence(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;
	uint64_t m;
	char id[32];

	(void)state;
	world_up(w, false);
	world_stop_clock();
	a = link_of(w, UNCERTAIN_RESEND);
	m = begin(w, a, TEXT, TO);
	snprintf(id, sizeof(id), "%llu", (unsigned long long)a->key[0]);
	receive(w, a, id, TO, HEAD, RECEIPT_DELIVERED); /* before its response */
	fake_end(w, a, a->key[0], OUTCOME_SENT);
	world_quiet(w);
	assert_int_equal(world_state(w, m, 0), STATE_DELIVERED);
	m = begin(w, a, TEXT, TO); /* the clock stands: not later than that receipt */
	fake_end(w, a, a->key[1], OUTCOME_UNKNOWN);
	world_quiet(w);
	assert_false(state_is_final(world_state(w, m, 0)));
	world_seconds(w, 4);
	assert_int_equal(a->n, 3); /* sent again */
	fake_end(w, a, a->key[2], OUTCOME_SENT);
	world_quiet(w);
	world_halt(w);
	world_free(w);
}

static void what_ended_as_unconfirmed_is_corrected_by_a_receipt_that_quotes_it(void **state)
{
	static const int policies[] = {UNCERTAIN_HOLD, UNCERTAIN_FAIL};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct world *w = world_new(WORLD_LOOPBACK);
		struct fake *a;
		uint64_t m;

		world_up(w, false);
		world_stop_clock();
		a = link_of(w, policies[i]);
		m = lost(w, a, TEXT, TO);
		world_seconds(w, 70);
		assert_int_equal(world_state(w, m, 0), STATE_UNCONFIRMED);
		receive(w, a, "x", TO, HEAD, RECEIPT_DELIVERED);
		assert_int_equal(world_state(w, m, 0), STATE_DELIVERED);
		assert_int_equal(stats(w).corrections, 1);
		assert_int_equal(a->n, 1);
		world_down(w);
		world_free(w);
	}
}

static void a_late_response_to_what_is_unconfirmed_makes_its_receipt_known(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;
	uint64_t m;

	(void)state;
	world_up(w, false);
	world_stop_clock();
	a = link_of(w, UNCERTAIN_FAIL);
	m = lost(w, a, TEXT, TO);
	assert_int_equal(world_state(w, m, 0), STATE_UNCONFIRMED);
	fake_end_late(w, a, a->key[0]);
	world_quiet(w);
	assert_int_equal(world_rows(w, "SELECT count(*) FROM waiting"), 1); /* also long after a restart */
	fake_receipt(w, a, a->key[0], RECEIPT_DELIVERED);
	world_quiet(w);
	assert_int_equal(world_state(w, m, 0), STATE_DELIVERED);
	assert_int_equal(stats(w).receipts_parked, 0);
	assert_int_equal(stats(w).corrections, 1);
	world_down(w);
	world_free(w);
}

/* Sent again, and then the answer to the first sending comes: the carrier has it.  What it says of the second, a
 * duplicate to it, neither ends the message nor sends it once more, over this link or the next one. */
static void a_late_answer_outlives_the_end_of_the_second_sending(void **state)
{
	static const enum outcome ends[] = {OUTCOME_REJECTED, OUTCOME_RECIPIENT, OUTCOME_RETRY, OUTCOME_UNKNOWN,
		OUTCOME_UNSENT, OUTCOME_LINK_FAULT, OUTCOME_THROTTLED}; /* the last one slows the link */
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a, *b;

	(void)state;
	world_up(w, false);
	world_stop_clock();
	a = link_of(w, UNCERTAIN_RESEND);
	b = fake_new(w, "B", 10);
	fake_route(w, a, b);
	fake_up(w, b, true);
	for (unsigned i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		uint64_t m = begin(w, a, TEXT, TO + i), key = a->key[a->n - 1];

		fake_end(w, a, key, OUTCOME_UNKNOWN);
		RUN_UNTIL(w, a->n == 2 * i + 2);
		assert_int_equal(a->key[a->n - 1], key);
		fake_end_late(w, a, key);
		world_quiet(w);
		fake_end(w, a, key, ends[i]);
		world_quiet(w);
		world_seconds(w, 5);
		assert_int_equal(world_state(w, m, 0), STATE_SENT);
		assert_int_equal(a->n, 2 * i + 2);
		assert_int_equal(b->n, 0);
		fake_receipt(w, a, key, RECEIPT_DELIVERED);
		world_quiet(w);
		assert_int_equal(world_state(w, m, 0), STATE_DELIVERED);
	}
	assert_int_equal(w->final[STATE_REJECTED] + w->final[STATE_UNCONFIRMED], 0);
	world_down(w);
	world_free(w);
}

/* Two parts; the first was refused at its second sending, and waits for what becomes of the other.  Then the answer to
 * its first sending comes: the message stays with this link. */
static void a_late_answer_takes_back_a_refusal(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a, *b;
	uint64_t m;

	(void)state;
	world_up(w, false);
	world_stop_clock();
	a = link_of(w, UNCERTAIN_RESEND);
	b = fake_new(w, "B", 10);
	fake_route(w, a, b);
	fake_up(w, b, true);
	world_add_long(w, 2, 0, &m);
	RUN_UNTIL(w, a->n == 2);
	fake_end(w, a, msg_key(m, 1), OUTCOME_UNKNOWN);
	RUN_UNTIL(w, a->n == 3);
	fake_end(w, a, msg_key(m, 1), OUTCOME_REJECTED);
	fake_end_late(w, a, msg_key(m, 1));
	fake_end(w, a, msg_key(m, 2), OUTCOME_SENT);
	world_quiet(w);
	assert_int_equal(b->n, 0);
	fake_receipt(w, a, msg_key(m, 1), RECEIPT_DELIVERED);
	fake_receipt(w, a, msg_key(m, 2), RECEIPT_DELIVERED);
	world_quiet(w);
	assert_int_equal(world_state(w, m, 0), STATE_DELIVERED);
	world_down(w);
	world_free(w);
}

/* Sent twice, taken twice, under two ids: the receipt of either tells, also after a restart. */
static void both_ids_of_a_part_are_known_after_a_restart(void **state)
{
	static const char *const ids[] = {"first", "second"};
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;
	uint64_t m;

	(void)state;
	world_up(w, false);
	a = link_of(w, UNCERTAIN_RESEND);
	m = lost(w, a, TEXT, TO);
	RUN_UNTIL(w, a->n == 2);
	for (unsigned i = 0; i < 2; i++) {
		struct settle s = {.key = a->key[0], .outcome = OUTCOME_SENT, .smsc_id = ids[i], .late = i == 0};

		queue_settle(w->queue, &a->o, &s);
		world_quiet(w);
	}
	world_halt(w);
	world_up(w, false);
	a = link_of(w, UNCERTAIN_RESEND);
	RUN_UNTIL(w, !world_recovering(w));
	world_quiet(w);
	receive(w, a, "first", TO, "", RECEIPT_UNDELIVERABLE); /* a duplicate, says the carrier */
	assert_int_equal(world_state(w, m, 0), STATE_UNDELIVERED);
	receive(w, a, "second", TO, "", RECEIPT_DELIVERED);
	assert_int_equal(world_state(w, m, 0), STATE_DELIVERED);
	world_down(w);
	world_free(w);
}

static void what_is_held_is_known_after_a_restart(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;
	uint64_t m;

	(void)state;
	world_up(w, false);
	a = link_of(w, UNCERTAIN_HOLD);
	m = lost(w, a, TEXT, TO);
	world_halt(w);
	world_up(w, false);
	a = link_of(w, UNCERTAIN_HOLD);
	RUN_UNTIL(w, !world_recovering(w));
	world_quiet(w);
	receive(w, a, "x", TO, HEAD, RECEIPT_DELIVERED);
	assert_int_equal(world_state(w, m, 0), STATE_DELIVERED);
	assert_int_equal(a->n, 0);
	world_halt(w);
	world_free(w);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quotation_fits_its_text_only),
		cmocka_unit_test(a_receipt_that_quotes_a_held_part_settles_it),
		cmocka_unit_test(a_receipt_that_came_first_spares_the_second_sending),
		cmocka_unit_test(what_may_be_anothers_is_not_believed),
		cmocka_unit_test(while_ids_are_not_read_with_certainty_another_that_waits_is_a_rival),
		cmocka_unit_test(a_receipt_that_its_own_response_has_claimed_is_no_evidence),
		cmocka_unit_test(what_ended_as_unconfirmed_is_corrected_by_a_receipt_that_quotes_it),
		cmocka_unit_test(a_late_response_to_what_is_unconfirmed_makes_its_receipt_known),
		cmocka_unit_test(a_late_answer_outlives_the_end_of_the_second_sending),
		cmocka_unit_test(both_ids_of_a_part_are_known_after_a_restart),
		cmocka_unit_test(a_late_answer_takes_back_a_refusal),
		cmocka_unit_test(what_is_held_is_known_after_a_restart),
	};

	return WORLD_MAIN(tests, argc, argv);
}
