/* SPDX-License-Identifier: Apache-2.0
 *
 * taken_test.c -- ids that come again: which of several parts a status report speaks of, by the time at which the
 * service centre took it.  First the choice alone, then in memory and on disk.
 */
#include "queue_world.h"

#include <stdio.h>
#include <string.h>

#include "queue/taken.h"

#define NOW   1700000000 /* the report comes */
#define HOUR  3600
#define TO    12025550142
#define ID    "000017-17-0a1b2"

/* ---- the choice ---- */

enum { MAX_PARTS = 3 };

static const struct choice {
	const char *why;
	int64_t at;   /* their stamp, behind NOW */
	int64_t off;  /* their clock */
	bool sure, strict;
	struct {
		int64_t sent; /* behind NOW */
		char is;      /* o: open  s: settled  u: its time is over  0: none */
	} part[MAX_PARTS];
	enum taken_end end;
	unsigned which;
} choices[] = {
	{ "the older of two", -5000, 0, true, false, { { -5003, 'o' }, { -60, 'o' } }, TAKEN_ONE, 0 },
	{ "the newer of two", -62, 0, true, false, { { -5003, 'o' }, { -60, 'o' } }, TAKEN_ONE, 1 },
	{ "by a clock that is two hours ahead", -5000 + 2 * HOUR, 2 * HOUR, true, false,
		{ { -5003, 'o' }, { -60, 'o' } }, TAKEN_ONE, 0 },
	{ "a repetition, and a newer one that waits", -5000, 0, true, false, { { -5003, 's' }, { -60, 'o' } }, TAKEN_ONE,
		0 },
	{ "of one that nobody remembers, and a newer one waits", -5000, 0, true, false, { { -60, 'o' } }, TAKEN_NONE, 0 },
	{ "of parts sent together, the one that waits", -61, 0, true, false, { { -62, 's' }, { -59, 'o' } }, TAKEN_ONE,
		1 },
	{ "its time was over, but the stamp says so", -90000, 0, true, false, { { -90003, 'u' } }, TAKEN_ONE, 0 },
	{ "its time was over, and the stamp says nothing", -90000, 0, false, false, { { -90003, 'u' } }, TAKEN_NONE, 0 },
	{ "sent after the report came", 500, 0, false, false, { { 600, 'o' } }, TAKEN_NONE, 0 },
	{ "the answer comes behind the report", -1, 0, true, false, { { 20, 'o' } }, TAKEN_ONE, 0 },
	{ "a centre that stamps the delivery", -10, 0, true, false, { { -5003, 'o' } }, TAKEN_ONE, 0 },
	{ "… and two that may be it", -10, 0, true, false, { { -5003, 'o' }, { -9000, 'o' } }, TAKEN_DOUBT, 0 },
	{ "a clock that is not known, one part", -60 + 7 * HOUR, 0, false, false, { { -60, 'o' } }, TAKEN_ONE, 0 },
	{ "… but nobody's is wrong by more than a day", -60 - 40 * HOUR, 0, false, false, { { -60, 'o' } }, TAKEN_NONE,
		0 },
	{ "… and two parts that are far apart", -60 + 2 * HOUR, 0, false, false, { { -9000, 'o' }, { -60, 'o' } },
		TAKEN_DOUBT, 0 },
	{ "… of which one agrees with a clock that is right", -8990, 0, false, false,
		{ { -9000, 'o' }, { -60, 'o' } }, TAKEN_ONE, 0 },
	{ "… or were sent together", -60 + 2 * HOUR, 0, false, false, { { -90, 'o' }, { -60, 'o' } }, TAKEN_ONE, 1 },
	{ "… and not all parts are there yet", -60 + 2 * HOUR, 0, false, true, { { -60, 'o' } }, TAKEN_DOUBT, 0 },
	{ "… which does not matter where it agrees", -65, 0, false, true, { { -60, 'o' } }, TAKEN_ONE, 0 },
	{ "no part", -60, 0, true, false, { { 0, 0 } }, TAKEN_NONE, 0 },
};

static void the_part_that_was_taken_then_is_meant(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(choices) / sizeof(*choices); i++) {
		const struct choice *k = &choices[i];
		struct taken_clock clock = { .off_s = k->off, .n = k->sure ? TAKEN_SURE : 0 };
		struct taken_claim c = taken_claim(&clock, NOW + k->at, NOW);
		struct taken_pick pick = { 0 };
		struct taken_part best;
		enum taken_end end;

		c.strict = k->strict;
		for (unsigned n = 0; n < MAX_PARTS && k->part[n].is; n++)
			taken_consider(&pick, &c, &(struct taken_part){ .ref = n, .sent_s = NOW + k->part[n].sent,
				.open = k->part[n].is == 'o', .over = k->part[n].is == 'u' });
		end = taken_choose(&pick, &c, &best);
		if (end != k->end || (end == TAKEN_ONE && best.ref != k->which))
			fail_msg("%s: %d, part %u", k->why, end, end == TAKEN_ONE ? (unsigned)best.ref : 0);
	}
}

/* One report of one part that was sent at NOW. */
static bool sample(struct taken_clock *clock, int64_t off)
{
	struct taken_claim c = taken_claim(clock, NOW + off, NOW + 5);
	struct taken_pick pick = { 0 };

	taken_consider(&pick, &c, &(struct taken_part){ .sent_s = NOW, .open = true });
	return taken_learn(clock, &pick, &c);
}

static void a_clock_is_known_when_three_agree_and_follows_when_it_is_set(void **state)
{
	struct taken_clock clock = { 0 };
	unsigned n;

	(void)state;
	assert_false(sample(&clock, 2 * HOUR));
	assert_false(sample(&clock, 0)); /* one that was repeated, say */
	assert_false(sample(&clock, 3));
	assert_true(sample(&clock, -2));
	assert_in_range(clock.off_s + 10, 0, 20);
	assert_false(sample(&clock, 1)); /* known already */
	for (n = 0; n < 50; n++)
		sample(&clock, 0);
	for (n = 1; !sample(&clock, HOUR) && n < 50; n++) /* summer time */
		;
	assert_in_range(n, 3, 12);
	assert_int_equal(clock.off_s, HOUR);
	clock = (struct taken_clock){ 0 };
	for (n = 0; n < 3; n++)
		sample(&clock, -20ll * 365 * 24 * HOUR); /* a lab's */
	assert_int_equal(clock.n, TAKEN_SURE);
}

/* ---- the queue ---- */

static void stored(void *arg, uint64_t a, uint64_t b, int r)
{
	struct world *w = arg;

	(void)a;
	(void)b;
	w->n_acks++;
	w->ack = r;
}

static struct fake *modem(struct world *w)
{
	struct fake *a = fake_new(w, "A", 1000);

	a->o.receipt_form = RECEIPT_ID_TEXT;
	a->o.own_ids = true;
	a->o.account = 7;
	fake_route(w, a, NULL);
	fake_up(w, a, true);
	return a;
}

/* One text, taken under this id; when, by our clock. */
static int64_t send_one(struct world *w, struct fake *a, const char *id, uint64_t *ret_msg)
{
	struct settle s = { .outcome = OUTCOME_SENT, .smsc_id = id };
	unsigned n = a->n;

	world_add(w, 1, (struct message){ .to = TO }, NULL);
	RUN_UNTIL(w, a->n == n + 1);
	s.key = a->key[n];
	queue_settle(w->queue, &a->o, &s);
	world_quiet(w);
	if (ret_msg)
		*ret_msg = msg_key_id(a->key[n]);
	return clock_ms();
}

static int report(struct world *w, struct fake *a, const char *id, int64_t taken_ms)
{
	struct link_receipt r = { .smsc_id = id, .smsc_id_tlv = true, .from = TO, .state = RECEIPT_DELIVERED,
		.stat_raw = "X", .err = "00", .recurs = true, .taken_ms = taken_ms };
	int x = queue_receipt(w->queue, &a->o, &r, stored, w, 0, 0);

	world_quiet(w);
	return x;
}

static uint64_t parked(struct world *w)
{
	struct store_stats s;

	store_stats(w->store, &s);
	return s.parked;
}

/* Three texts whose reports come at once tell how far the centre's clock is ahead. */
static void teach(struct world *w, struct fake *a, int64_t ahead_ms)
{
	char id[32];

	for (unsigned i = 0; i < TAKEN_SURE; i++) {
		snprintf(id, sizeof(id), "000017-%u-0a1b2", 200 + i);
		report(w, a, id, send_one(w, a, id, NULL) + ahead_ms);
	}
}

/* The older one's report is late, and 256 texts later its reference comes again. */
static void after_the_reference_has_wrapped_the_right_one_is_settled(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	uint64_t old, new;
	int64_t old_ms, new_ms;
	struct fake *a;
	char id[32];

	(void)state;
	world_up(w, false);
	world_stop_clock();
	a = modem(w);
	old_ms = send_one(w, a, ID, &old);
	for (unsigned i = 0; i < 255; i++) {
		world_pass(w, 4000);
		snprintf(id, sizeof(id), "000017-%u-0a1b2", (18 + i) % 256);
		report(w, a, id, send_one(w, a, id, NULL) + 2 * HOUR * 1000ll);
	}
	world_pass(w, 4000);
	new_ms = send_one(w, a, ID, &new);
	assert_int_equal(report(w, a, ID, old_ms + 2 * HOUR * 1000ll), 0);
	world_quiet(w);
	assert_int_equal(world_state(w, old, 0), STATE_DELIVERED);
	assert_int_equal(world_state(w, new, 0), STATE_SENT);
	assert_int_equal(report(w, a, ID, old_ms + 2 * HOUR * 1000ll), 1); /* once more: none of the newer one */
	assert_int_equal(world_state(w, new, 0), STATE_SENT);
	assert_int_equal(report(w, a, ID, new_ms + 2 * HOUR * 1000ll), 0);
	assert_int_equal(world_state(w, new, 0), STATE_DELIVERED);
	assert_int_equal(parked(w), 0);
	world_down(w);
	world_free(w);
}

/* The same when the table of memory is too small, and after a restart: then the rows are asked. */
static void on_disk_the_same_rule_holds(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	uint64_t old, new;
	int64_t old_ms, new_ms;
	struct fake *a;

	(void)state;
	world_sent_max(4);
	world_up(w, false);
	world_stop_clock();
	a = modem(w);
	old_ms = send_one(w, a, ID, &old);
	world_pass(w, 3 * HOUR * 1000);
	new_ms = send_one(w, a, ID, &new);
	world_pass(w, 60000);
	for (unsigned i = 0; i < 6; i++) { /* they push both out */
		char id[32];

		snprintf(id, sizeof(id), "000017-%u-0a1b2", 100 + i);
		send_one(w, a, id, NULL);
	}
	teach(w, a, HOUR * 1000);
	assert_int_equal(report(w, a, ID, old_ms + HOUR * 1000), 0);
	assert_int_equal(world_state(w, old, 0), STATE_DELIVERED);
	assert_int_equal(world_state(w, new, 0), STATE_SENT);
	assert_int_equal(report(w, a, ID, old_ms + HOUR * 1000), 0); /* asked on disk again, and a repetition there */
	assert_int_equal(world_state(w, new, 0), STATE_SENT);
	assert_int_equal(report(w, a, ID, new_ms + HOUR * 1000), 0);
	assert_int_equal(world_state(w, new, 0), STATE_DELIVERED);
	assert_int_equal(parked(w), 0);
	world_halt(w);
	world_sent_max(0);
	world_free(w);
}

/* Nothing is known of the clock after a restart: what cannot be told waits until it is. */
static void what_is_in_doubt_waits_until_the_clock_is_known(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	uint64_t old, new;
	int64_t old_ms;
	struct fake *a;

	(void)state;
	world_up(w, false);
	world_stop_clock();
	a = modem(w);
	old_ms = send_one(w, a, ID, &old);
	world_pass(w, 2 * HOUR * 1000);
	send_one(w, a, ID, &new);
	world_pass(w, 1000);
	assert_int_equal(report(w, a, ID, old_ms + HOUR * 1000), 0); /* it could be of either */
	assert_int_equal(parked(w), 1);
	world_halt(w);
	world_up(w, false);
	a = modem(w);
	RUN_UNTIL(w, !world_recovering(w));
	world_seconds(w, 2);
	assert_int_equal(parked(w), 1);
	teach(w, a, HOUR * 1000);
	world_seconds(w, 2);
	assert_int_equal(world_state(w, old, 0), STATE_DELIVERED);
	assert_int_equal(world_state(w, new, 0), STATE_SENT);
	assert_int_equal(parked(w), 0);
	world_halt(w);
	world_free(w);
}

/* A report that matched nothing is none of a part that gets its id later, also when the answer was slow. */
static void an_answer_claims_only_what_was_taken_then(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	uint64_t msg;
	struct fake *a;

	(void)state;
	world_up(w, false);
	world_stop_clock();
	a = modem(w);
	teach(w, a, 0);
	world_add(w, 1, (struct message){ .to = TO }, &msg);
	RUN_UNTIL(w, a->n == TAKEN_SURE + 1);
	assert_int_equal(report(w, a, ID, clock_ms() - 2 * HOUR * 1000), 0);
	assert_int_equal(parked(w), 1);
	queue_settle(w->queue, &a->o, &(struct settle){ .outcome = OUTCOME_SENT, .smsc_id = ID, .key = a->key[TAKEN_SURE] });
	world_quiet(w);
	assert_int_equal(world_state(w, msg_key_id(a->key[TAKEN_SURE]), 0), STATE_SENT);
	assert_int_equal(parked(w), 1);
	world_add(w, 1, (struct message){ .to = TO }, NULL); /* this one's own comes before its answer */
	RUN_UNTIL(w, a->n == TAKEN_SURE + 2);
	report(w, a, "000017-18-0a1b2", clock_ms());
	assert_int_equal(parked(w), 2);
	world_pass(w, 5000);
	queue_settle(w->queue, &a->o, &(struct settle){ .outcome = OUTCOME_SENT, .smsc_id = "000017-18-0a1b2",
		.key = a->key[TAKEN_SURE + 1] });
	world_quiet(w);
	assert_int_equal(world_state(w, msg_key_id(a->key[TAKEN_SURE + 1]), 0), STATE_DELIVERED);
	assert_int_equal(parked(w), 1);
	world_down(w);
	world_free(w);
}

/* A modem may give the report once more that was stored last before the restart, and what it repeats is read last. */
static void a_repetition_after_a_restart_settles_no_other(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	uint64_t old, new;
	int64_t old_ms;
	struct fake *a;

	(void)state;
	world_up(w, false);
	world_stop_clock();
	a = modem(w);
	old_ms = send_one(w, a, ID, &old);
	report(w, a, ID, old_ms);
	world_pass(w, 2 * HOUR * 1000);
	send_one(w, a, ID, &new);
	world_halt(w);
	world_up(w, false);
	a = modem(w);
	RUN_UNTIL(w, !world_recovering(w));
	report(w, a, ID, old_ms);
	assert_int_equal(world_state(w, new, 0), STATE_SENT);
	world_seconds(w, 2);
	world_quiet(w);
	assert_int_equal(world_state(w, new, 0), STATE_SENT);
	assert_int_equal(parked(w), 0);
	assert_int_equal(report(w, a, ID, clock_ms()), 0);
	assert_int_equal(world_state(w, new, 0), STATE_DELIVERED);
	world_halt(w);
	world_free(w);
}

/* One text whose report overtakes its answer. */
static uint64_t send_overtaken(struct world *w, struct fake *a, const char *id, int64_t ahead_ms)
{
	unsigned n = a->n;

	world_add(w, 1, (struct message){ .to = TO }, NULL);
	RUN_UNTIL(w, a->n == n + 1);
	report(w, a, id, clock_ms() + ahead_ms);
	world_pass(w, 3000);
	queue_settle(w->queue, &a->o, &(struct settle){ .outcome = OUTCOME_SENT, .smsc_id = id, .key = a->key[n] });
	world_quiet(w);
	return msg_key_id(a->key[n]);
}

/* Nothing is known of the centre's clock yet, and no report waits for its answer: that teaches it as well. */
static void a_report_that_overtakes_its_answer_is_believed_by_any_clock(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;
	uint64_t msg;
	char id[32];

	(void)state;
	world_up(w, false);
	world_stop_clock();
	a = modem(w);
	for (unsigned i = 0; i < 12; i++) {
		snprintf(id, sizeof(id), "000017-%u-0a1b2", i);
		msg = send_overtaken(w, a, id, (i < 6 ? 2 : -1) * HOUR * 1000ll); /* their clock is set in between */
		if (i == 0 || i == 5 || i == 11)
			assert_int_equal(world_state(w, msg, 0), STATE_DELIVERED);
	}
	world_seconds(w, 2);
	assert_int_equal(parked(w), 0);
	world_down(w);
	world_free(w);
}

/* What one SIM's centre taught says nothing of another's. */
static void another_sim_has_another_clock(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	uint64_t msg;
	int64_t ms;
	struct fake *a;

	(void)state;
	world_up(w, false);
	world_stop_clock();
	a = modem(w);
	teach(w, a, 0);
	ms = send_one(w, a, ID, &msg);
	report(w, a, ID, ms - 5 * HOUR * 1000); /* of an older one */
	assert_int_equal(world_state(w, msg, 0), STATE_SENT);
	a->o.account = 8;
	report(w, a, ID, ms - 5 * HOUR * 1000);
	assert_int_equal(world_state(w, msg, 0), STATE_DELIVERED);
	world_down(w);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_part_that_was_taken_then_is_meant),
		cmocka_unit_test(a_clock_is_known_when_three_agree_and_follows_when_it_is_set),
		cmocka_unit_test(after_the_reference_has_wrapped_the_right_one_is_settled),
		cmocka_unit_test(on_disk_the_same_rule_holds),
		cmocka_unit_test(what_is_in_doubt_waits_until_the_clock_is_known),
		cmocka_unit_test(an_answer_claims_only_what_was_taken_then),
		cmocka_unit_test(a_repetition_after_a_restart_settles_no_other),
		cmocka_unit_test(a_report_that_overtakes_its_answer_is_believed_by_any_clock),
		cmocka_unit_test(another_sim_has_another_clock),
	};

	return cmocka_run_group_tests_name("taken", tests, NULL, NULL);
}
