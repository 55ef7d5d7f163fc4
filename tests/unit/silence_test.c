/* SPDX-License-Identifier: Apache-2.0
 *
 * silence_test.c -- a SIM whose reports merely stop is set aside, phones that are off are not its fault.
 *
 * Texts leave at a steady pace by a clock of the test's, and a story says which of them get a report, and when. */
#include "queue_world.h"

#include <stdio.h>
#include <string.h>

#include "queue/silence.h"

#define LIMIT 20
#define HOUR  3600

/* The i-th text: to whom, and after how long its report comes; 0: never. */
struct fate {
	uint64_t to;
	int64_t after_s;
};

static struct fate well(unsigned i)
{
	return (struct fate){ 1000 + i, 5 + i % 20 };
}

static struct fate stops(unsigned i)
{
	return i < 60 ? well(i) : (struct fate){ 1000 + i, 0 };
}

static struct fate stops_early(unsigned i)
{
	return i < 10 ? well(i) : (struct fate){ 1000 + i, 0 };
}

static struct fate never_any(unsigned i)
{
	return (struct fate){ 1000 + i, 0 };
}

static struct fate one_phone_is_off(unsigned i)
{
	return i < 60 ? well(i) : (struct fate){ 7, 0 };
}

static struct fate few_phones_are_off(unsigned i)
{
	return i < 60 ? well(i) : (struct fate){ 7 + i % (LIMIT - 1), 0 };
}

static struct fate hardly_any(unsigned i)
{
	return i < 60 ? (struct fate){ 1000 + i, i % 5 < 3 ? 5 : 0 } : (struct fate){ 1000 + i, 0 };
}

static struct fate most_are_off_at_night(unsigned i)
{
	return i < 60 || i % 15 == 0 ? well(i) : (struct fate){ 1000 + i, 0 };
}

static struct fate on_again_in_the_morning(unsigned i)
{
	return i < 60 ? well(i) : (struct fate){ 1000 + i, 900 };
}

static struct fate slow(unsigned i)
{
	return (struct fate){ 1000 + i, 1500 };
}

static const struct story {
	const char *what;
	struct fate (*fate)(unsigned i);
	int pace_s;
	bool fires;
} stories[] = {
	{ "all is well", well, 30, false },
	{ "the reports stop", stops, 30, true },
	{ "they stop, and texts leave fast", stops, 2, true },
	{ "they stop before they were known", stops_early, 30, false },
	{ "there never were any", never_any, 30, false },
	{ "one phone is off, and texted all the time", one_phone_is_off, 30, false },
	{ "some phones are off, and texted all the time", few_phones_are_off, 30, false },
	{ "six of ten had one before", hardly_any, 30, false },
	{ "a few are on", most_are_off_at_night, 30, false },
	{ "all reports come late from now on", on_again_in_the_morning, 30, false },
	{ "reports always come late", slow, 30, false },
};

static void only_silence_where_there_were_reports_is_silence(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof(stories) / sizeof(stories[0]); k++) {
		const struct story *y = &stories[k];
		static struct silence s;
		bool fired = false;
		const int64_t begin = 1700000000;

		s = (struct silence){ 0 };
		for (int64_t t = 0; t < 400 * y->pace_s + HOUR; t++) {
			if (t % y->pace_s == 0 && t / y->pace_s < 400)
				silence_sent(&s, (uint64_t)(1 + t / y->pace_s), y->fate((unsigned)(t / y->pace_s)).to,
					begin + t);
			for (unsigned i = 0; i < 400; i++) {
				struct fate f = y->fate(i);

				if (f.after_s && t == (int64_t)i * y->pace_s + f.after_s)
					silence_report(&s, 1 + i, (double)f.after_s, begin + t);
			}
			fired = fired || silence_clock(&s, LIMIT, begin + t);
		}
		if (fired != y->fires)
			fail_msg("%s: %s", y->what, fired ? "silence" : "no silence");
	}
}

/* Ten minutes at least, and four times what is usual. */
static void in_time_is_what_the_link_is_used_to(void **state)
{
	static struct silence s;

	(void)state;
	assert_true(silence_in_time_s(&s) == SILENCE_MIN_S);
	for (unsigned i = 1; i <= 40; i++) {
		silence_sent(&s, i, i, 1700000000);
		silence_report(&s, i, i <= 39 ? 300 : 90000, 1700000300);
	}
	assert_true(silence_in_time_s(&s) == 1200);
}

/* ---- the link ---- */

static void stored(void *arg, uint64_t a, uint64_t b, int r)
{
	(void)arg;
	(void)a;
	(void)b;
	(void)r;
}

static void text_one(struct world *w, struct fake *f, unsigned i)
{
	unsigned n = f->n;

	world_add(w, 1, (struct message){ .to = 12025550000 + i, .ttl_end_ms = clock_ms() + 40 * HOUR * 1000 }, NULL);
	RUN_UNTIL(w, f->n == n + 1);
	fake_end_all(w, f, OUTCOME_SENT);
	world_quiet(w);
}

static void report(struct world *w, struct fake *f, unsigned i)
{
	char id[32];
	struct link_receipt r = { .smsc_id = id, .from = 12025550000 + i, .state = RECEIPT_DELIVERED, .stat_raw = "X",
		.err = "" };

	snprintf(id, sizeof(id), "%llu", (unsigned long long)f->key[i]);
	queue_receipt(w->queue, &f->o, &r, stored, w, 0, 0);
	world_quiet(w);
}

static void a_silent_link_comes_back_with_the_first_report(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *f;
	unsigned i = 0;

	(void)state;
	world_up(w, false);
	world_stop_clock();
	f = fake_new(w, "A", 1000);
	f->o.guard_rule = (struct guard_rule){ 0, 20, 30, 15, LIMIT };
	f->o.receipt_form = RECEIPT_ID_TEXT;
	fake_route(w, f, NULL);
	fake_up(w, f, true);
	for (; i < 40; i++) {
		text_one(w, f, i);
		world_pass(w, 20000);
		report(w, f, i);
		world_seconds(w, 1);
	}
	for (; i < 40 + LIMIT; i++) {
		text_one(w, f, i);
		world_pass(w, 20000);
		world_seconds(w, 1);
	}
	assert_int_equal(f->o.guard.state, GUARD_OPEN);
	world_pass(w, SILENCE_MIN_S * 1000);
	world_seconds(w, 1);
	assert_int_equal(f->o.guard.state, GUARD_ASIDE);
	/* One is let through, and taken: that says nothing. */
	world_add(w, 2, (struct message){ .to = 12025550999, .ttl_end_ms = clock_ms() + 40 * HOUR * 1000 }, NULL);
	world_quiet(w);
	assert_int_equal(f->n, i);
	world_pass(w, 15 * 60000);
	world_seconds(w, 1);
	RUN_UNTIL(w, f->n == i + 1);
	fake_end_all(w, f, OUTCOME_SENT);
	world_quiet(w);
	assert_int_equal(f->o.guard.state, GUARD_ASIDE);
	assert_int_equal(f->n, i + 1);
	report(w, f, 45);
	assert_int_equal(f->o.guard.state, GUARD_OPEN);
	RUN_UNTIL(w, f->n == i + 2);
	fake_end_all(w, f, OUTCOME_SENT);
	world_quiet(w);
	world_seconds(w, 1);
	assert_int_equal(f->o.guard.state, GUARD_OPEN);
	world_halt(w);
	world_free(w);
}

/* Some networks are faster than the modem's answer. */
static void a_report_that_overtakes_its_answer_counts(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *f;

	(void)state;
	world_up(w, false);
	world_stop_clock();
	f = fake_new(w, "A", 1000);
	f->o.guard_rule = (struct guard_rule){ 0, 20, 30, 15, LIMIT };
	f->o.receipt_form = RECEIPT_ID_TEXT;
	fake_route(w, f, NULL);
	fake_up(w, f, true);
	for (unsigned i = 0; i < 40; i++) {
		world_add(w, 1, (struct message){ .to = 12025550000 + i }, NULL);
		RUN_UNTIL(w, f->n == i + 1);
		report(w, f, i);
		world_pass(w, 2000);
		fake_end_all(w, f, OUTCOME_SENT);
		world_quiet(w);
	}
	world_pass(w, 2 * SILENCE_MIN_S * 1000);
	world_seconds(w, 1);
	assert_true(f->o.silence.n_known >= SILENCE_KNOWN);
	assert_true(f->o.silence.share > SILENCE_BEFORE);
	world_halt(w);
	world_free(w);
}

/* Nobody hears a report while the modem is away: that is no silence of the network's, and says nothing of before. */
static void a_link_that_is_down_is_not_silent(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *f;
	unsigned i = 0;

	(void)state;
	world_up(w, false);
	world_stop_clock();
	f = fake_new(w, "A", 1000);
	f->o.guard_rule = (struct guard_rule){ 0, 20, 30, 15, LIMIT };
	f->o.receipt_form = RECEIPT_ID_TEXT;
	fake_route(w, f, NULL);
	fake_up(w, f, true);
	for (; i < 40; i++) {
		text_one(w, f, i);
		world_pass(w, 20000);
		report(w, f, i);
		world_seconds(w, 1);
	}
	for (; i < 40 + LIMIT; i++)
		text_one(w, f, i);
	world_pass(w, 1000);
	fake_up(w, f, false);
	world_seconds(w, 1);
	world_pass(w, 3 * SILENCE_MIN_S * 1000);
	world_seconds(w, 1);
	assert_int_equal(f->o.guard.state, GUARD_OPEN);
	assert_true(f->o.silence.share == 1);
	fake_up(w, f, true);
	world_seconds(w, 2);
	assert_int_equal(f->o.guard.state, GUARD_OPEN);
	assert_true(f->o.silence.share == 1);
	world_halt(w);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_silence_where_there_were_reports_is_silence),
		cmocka_unit_test(in_time_is_what_the_link_is_used_to),
		cmocka_unit_test(a_silent_link_comes_back_with_the_first_report),
		cmocka_unit_test(a_report_that_overtakes_its_answer_counts),
		cmocka_unit_test(a_link_that_is_down_is_not_silent),
	};

	return cmocka_run_group_tests_name("silence", tests, NULL, NULL);
}
