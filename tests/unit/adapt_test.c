/* SPDX-License-Identifier: Apache-2.0
 *
 * adapt_test.c -- the rate follows what a carrier allows: most of it is used, little is refused, and none of it burns.
 *
 * Carriers count in ways of their own, so three kinds of them are played here: a token bucket, the second of the clock,
 * and any second.  The sender is a window over pace and adapt with a way of some milliseconds; the clock is the test's.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "queue/adapt.h"

#define SECOND 1000000
#define WAY_MAX 100 /* milliseconds */

enum counting { BUCKET, CLOCK_SECOND, ANY_SECOND }; /* any second of METER_MS: a carrier with a slow clock */

struct carrier {
	enum counting by;
	double rate; /* 0: takes nothing */
	double bucket;
	double tokens;
	int64_t at_us, second;
	unsigned used;
	struct meter m;
	unsigned taken, refused, asked;
	unsigned every; /* refuses one of so many, whatever the rate; 0: none */
	bool random;    /* … in no order */
	uint32_t seed;
};

static bool is_refused_anyway(struct carrier *c)
{
	if (!c->every)
		return false;
	c->seed = c->seed * 1664525u + 1013904223u;
	return c->random ? (c->seed >> 8) % c->every == 0 : c->asked % c->every == 0;
}

static bool takes(struct carrier *c, int64_t now_us)
{
	bool yes = false;

	c->asked++;
	if (is_refused_anyway(c)) {
		c->refused++;
		return false;
	}
	switch (c->by) {
	case BUCKET:
		c->tokens += c->rate * (double)(now_us - c->at_us) / 1e6;
		if (c->tokens > c->bucket)
			c->tokens = c->bucket;
		c->at_us = now_us;
		yes = c->tokens >= 1;
		c->tokens -= yes;
		break;
	case CLOCK_SECOND:
		if (now_us / SECOND != c->second)
			c->used = 0;
		c->second = now_us / SECOND;
		yes = c->used < c->rate;
		c->used += yes;
		break;
	case ANY_SECOND:
		yes = meter_sum(&c->m, now_us) < c->rate;
		if (yes)
			meter_add(&c->m, 1, now_us);
		break;
	}
	c->taken += yes;
	c->refused += !yes;
	return yes;
}

static double allowed_per_s(const struct carrier *c)
{
	return c->by == ANY_SECOND ? c->rate * 1000 / METER_MS : c->rate;
}

/* A link with `window`; answers come `way_ms` after what they answer. */
struct sender {
	double tps, demand; /* demand: parts per second that there are to send; 0: no end */
	double waiting;
	unsigned window, way_ms, in_flight;
	struct pace p;
	struct adapt a;
	struct {
		unsigned taken, refused;
	} ring[WAY_MAX];
	int64_t now_ms;
};

static void play(struct sender *s, struct carrier *c, unsigned ms)
{
	for (; ms; ms--, s->now_ms++) {
		int64_t now = s->now_ms * 1000;
		unsigned slot = (unsigned)(s->now_ms % s->way_ms), n;

		n = s->ring[slot].taken + s->ring[slot].refused;
		for (unsigned i = 0; i < n; i++) {
			bool was_taken = i < s->ring[slot].taken;

			s->in_flight--;
			adapt_answer(&s->a, was_taken ? ADAPT_TAKEN : ADAPT_REFUSED, s->tps,
				pace_sent(&s->p, now), s->in_flight, now);
			s->waiting += !was_taken;
		}
		s->ring[slot].taken = s->ring[slot].refused = 0;
		s->waiting = s->demand > 0 ? s->waiting + s->demand / 1000 : 1e9;
		adapt_grow(&s->a, s->tps, now);
		pace_set(&s->p, s->tps, s->a.limit, 0);
		while (s->in_flight < s->window && s->waiting >= 1 && pace_room(&s->p, false, now)) {
			pace_hold(&s->p, 1);
			pace_take(&s->p, 1, now);
			s->waiting--;
			s->in_flight++;
			if (takes(c, now))
				s->ring[slot].taken++;
			else
				s->ring[slot].refused++;
		}
	}
}

static struct sender *sender(double tps, unsigned window, unsigned way_ms)
{
	static struct sender s;

	memset(&s, 0, sizeof(s));
	s.tps = tps;
	s.window = window;
	s.way_ms = way_ms;
	s.now_ms = 1000000;
	return &s;
}

static const struct steady {
	const char *why;
	struct carrier c;
	double tps;
	unsigned window, way_ms;
} steadies[] = {
	{ "a hundred by the bucket, nothing configured", { .by = BUCKET, .rate = 100, .bucket = 10 }, 0, 50, 10 },
	{ "a hundred by the bucket of a second", { .by = BUCKET, .rate = 100, .bucket = 100 }, 0, 50, 10 },
	{ "a hundred by the clock", { .by = CLOCK_SECOND, .rate = 100 }, 0, 50, 10 },
	{ "a hundred by any second", { .by = ANY_SECOND, .rate = 100 }, 0, 50, 10 },
	{ "a thousand by the bucket", { .by = BUCKET, .rate = 1000, .bucket = 100 }, 0, 50, 5 },
	{ "a thousand by the clock", { .by = CLOCK_SECOND, .rate = 1000 }, 0, 200, 10 },
	{ "a thousand by any second", { .by = ANY_SECOND, .rate = 1000 }, 0, 200, 10 },
	{ "twice as much is configured", { .by = BUCKET, .rate = 200, .bucket = 20 }, 400, 50, 10 },
	{ "fifty times as much is configured", { .by = CLOCK_SECOND, .rate = 20 }, 1000, 50, 10 },
	{ "a long way", { .by = ANY_SECOND, .rate = 300 }, 0, 100, 90 },
	{ "ten, counted by any second", { .by = ANY_SECOND, .rate = 10 }, 0, 10, 10 },
};

static void a_steady_limit_is_used(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(steadies) / sizeof(steadies[0]); i++) {
		const struct steady *t = &steadies[i];
		struct sender *s = sender(t->tps, t->window, t->way_ms);
		struct carrier c = t->c;
		double used, refused;

		play(s, &c, 10000); /* it is found within ten seconds */
		c.taken = c.refused = 0;
		play(s, &c, 60000);
		used = c.taken / (allowed_per_s(&c) * 60);
		refused = c.refused / (double)(c.taken + c.refused);
		print_message("%-60s %5.1f %% used, %4.1f %% refused\n", t->why, used * 100, refused * 100);
		if (used < 0.95)
			fail_msg("%s: %.1f %% used", t->why, used * 100);
		if (refused > 0.05)
			fail_msg("%s: %.1f %% refused", t->why, refused * 100);
	}
}

/* The search itself costs no more than three seconds. */
static void it_is_found_quickly(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(steadies) / sizeof(steadies[0]); i++) {
		struct sender *s = sender(steadies[i].tps, steadies[i].window, steadies[i].way_ms);
		struct carrier c = steadies[i].c;

		play(s, &c, 20000);
		if (c.taken < 0.85 * allowed_per_s(&c) * 20)
			fail_msg("%s: %.1f %% of the first 20 s", steadies[i].why,
				c.taken / (allowed_per_s(&c) * 20) * 100);
	}
}

/* Of what is not about the rate a lower rate does not rid us: it costs its share, and no more. */
static void a_constant_share_does_not_slow_the_link_down(void **state)
{
	static const struct {
		const char *why;
		struct carrier c;
		double tps;
		unsigned window;
		double least; /* taken in a minute, per second */
	} v[] = {
		{ "every tenth, a thousand configured", { .every = 10 }, 1000, 50, 800 },
		{ "every tenth, nothing configured", { .every = 10 }, 0, 50, 3500 },
		{ "every tenth, ten configured", { .every = 10 }, 10, 50, 8 },
		{ "one of ten, a hundred configured", { .every = 10, .random = true }, 100, 50, 80 },
		{ "one of ten, a thousand configured", { .every = 10, .random = true }, 1000, 50, 800 },
		{ "one of fifty", { .every = 50, .random = true }, 100, 50, 80 },
		{ "one of a hundred", { .every = 100, .random = true }, 1000, 50, 800 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct sender *s = sender(v[i].tps, v[i].window, 10);
		struct carrier c = v[i].c;
		unsigned early;

		c.by = BUCKET;
		c.rate = c.bucket = 1e6;
		play(s, &c, 5000);
		early = c.taken;
		play(s, &c, 55000);
		print_message("%-40s %6.1f per second at first, then %6.1f\n", v[i].why, early / 5.0,
			(c.taken - early) / 55.0);
		if (c.taken < v[i].least * 60)
			fail_msg("%s: %.1f per second", v[i].why, c.taken / 60.0);
	}
}

/* … also of a carrier that has both: its limit is still found. */
static void a_limit_is_found_beside_a_constant_share(void **state)
{
	struct sender *s = sender(0, 50, 10);
	struct carrier c = { .by = BUCKET, .rate = 100, .bucket = 10, .every = 10, .random = true };

	(void)state;
	play(s, &c, 10000);
	c.taken = c.refused = 0;
	play(s, &c, 60000);
	print_message("%.1f per second, %.1f %% refused\n", c.taken / 60.0,
		100.0 * c.refused / (c.taken + c.refused));
	assert_true(c.taken >= 90 * 60);
	assert_true(c.refused <= c.taken / 4);
}

static void refused(struct adapt *a, unsigned n, unsigned in_flight, int64_t now, unsigned *cuts)
{
	for (*cuts = 0; n; n--)
		*cuts += adapt_answer(a, ADAPT_REFUSED, 0, 1000, --in_flight, now);
}

static void taken(struct adapt *a, unsigned n, int64_t now)
{
	while (n--)
		adapt_answer(a, ADAPT_TAKEN, 0, 1000, 100, now);
}

static void a_burst_of_refusals_decreases_once(void **state)
{
	struct adapt a = { 0 };
	unsigned cuts;
	double after;

	(void)state;
	taken(&a, 900, SECOND);
	refused(&a, 50, 50, SECOND, &cuts);
	assert_int_equal(cuts, 1);
	assert_true(a.limit >= 850 && a.limit <= 950);
	after = a.limit;
	/* All of the window has been answered: what comes now was sent at the new rate, but no second is over. */
	taken(&a, 1, SECOND + 500000);
	refused(&a, 20, 50, SECOND + 600000, &cuts);
	assert_int_equal(cuts, 0);
	taken(&a, 80, SECOND + 1100000);
	refused(&a, 1, 50, SECOND + 1700000, &cuts);
	assert_int_equal(cuts, 1);
	assert_true(a.limit < after);
	assert_int_equal(a.cuts, 2);
}

/* A refusal now and then is no reason: of a hundred that say nothing else. */
static void a_single_refusal_decreases_nothing(void **state)
{
	struct adapt a = { 0 };
	unsigned cuts;

	(void)state;
	for (unsigned i = 1; i <= 100; i++) {
		taken(&a, 100, i * SECOND);
		refused(&a, 1, 50, i * SECOND, &cuts);
		assert_int_equal(cuts, 0);
	}
	assert_true(a.limit == 0);
}

/* Sent before the decrease: its answers come more than a second after it. */
static void what_was_sent_before_says_nothing(void **state)
{
	struct adapt a = { 0 };
	unsigned cuts, more;

	(void)state;
	taken(&a, 100, SECOND);
	for (cuts = more = 0; !cuts && more < 20; more++)
		refused(&a, 1, 52, SECOND, &cuts);
	assert_int_equal(cuts, 1);
	assert_int_equal(a.old, 51);
	taken(&a, 10, SECOND + 1000);
	refused(&a, 41, 41, 4 * SECOND, &cuts);
	assert_int_equal(cuts, 0);
	assert_int_equal(a.old + a.n_taken + a.n_refused, 0);
	assert_false(a.taken);
	refused(&a, 8, 41, 4 * SECOND, &cuts); /* these are of the new rate */
	assert_int_equal(cuts, 1);
}

/* Nothing is taken for three minutes: it is asked once a second, and goes on at the rate that was good before. */
static void a_stuck_carrier_is_asked_once_a_second(void **state)
{
	struct sender *s = sender(0, 50, 10);
	struct carrier c = { .by = BUCKET, .rate = 100, .bucket = 10 };

	(void)state;
	play(s, &c, 20000);
	c.rate = 0;
	play(s, &c, 10000);
	c.asked = 0;
	play(s, &c, 180000);
	assert_in_range(c.asked, 150, 185);
	c.rate = 100;
	c.taken = 0;
	play(s, &c, 8000);
	assert_true(c.taken > 300); /* it has doubled up to 100 within five seconds */
	c.taken = 0;
	play(s, &c, 10000);
	assert_true(c.taken >= 930);
}

static void the_rate_climbs_when_the_carrier_takes_more(void **state)
{
	struct sender *s = sender(1000, 100, 10);
	struct carrier c = { .by = BUCKET, .rate = 100, .bucket = 10 };

	(void)state;
	play(s, &c, 60000);
	assert_true(s->a.limit > 90 && s->a.limit < 115);
	c.rate = 1e6;
	c.bucket = 1e5;
	play(s, &c, 10000);
	assert_true(s->a.limit > 105); /* a hundredth per second to begin with */
	play(s, &c, 110000);
	assert_true(s->a.limit == 0); /* all of what is configured goes again */
}

/* Refused before it had shown any rate: what it fell to was never good, and bounds nothing. */
static void a_link_that_was_refused_at_once_finds_its_rate_soon(void **state)
{
	for (double tps = 0; tps <= 2000; tps += 2000)
		for (unsigned window = 1; window <= 100; window *= 10) {
			struct carrier c = { .by = BUCKET, .rate = 0, .bucket = 100 };
			struct sender *s = sender(tps, window, 1);
			unsigned before;

			play(s, &c, 3500);
			assert_true(s->a.limit <= 1);
			c.rate = 1000;
			play(s, &c, 10000);
			before = c.taken;
			play(s, &c, 1000);
			if (c.taken - before < (window == 1 ? 300 : 700))
				fail_msg("tps %g, window %u: %u per second after ten seconds", tps, window,
					c.taken - before);
		}
}

static void a_link_that_is_half_idle_is_not_cut_by_a_rate_it_never_had(void **state)
{
	struct sender *s = sender(1000, 100, 10);
	struct carrier c = { .by = BUCKET, .rate = 1e6, .bucket = 1e5 };
	unsigned cuts;

	(void)state;
	s->demand = 20;
	play(s, &c, 5000);
	for (unsigned i = cuts = 0; i < 16 && !cuts; i++)
		cuts = adapt_answer(&s->a, ADAPT_REFUSED, 1000, pace_sent(&s->p, s->now_ms * 1000), s->in_flight,
			s->now_ms * 1000);
	assert_int_equal(cuts, 1);
	assert_true(s->a.limit >= 9 && s->a.limit <= 30);
	s->demand = 0; /* a campaign comes: the old rate is tried, doubling, not found anew by hundredths */
	play(s, &c, 5000);
	assert_true(s->a.limit == 0 || s->a.limit > 900);
}

/* One recipient of fifty has a full queue: the link goes on as it was.  All have: it slows down. */
static void a_full_queue_may_be_one_recipients(void **state)
{
	struct adapt a = { 0 };
	bool cut = false;

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		cut |= adapt_answer(&a, i % 50 ? ADAPT_TAKEN : ADAPT_FULL, 1000, 1000, 10, SECOND + i * 1000);
	assert_false(cut);
	a = (struct adapt){ 0 };
	taken(&a, 100, SECOND);
	for (unsigned i = 0; i < 30; i++)
		cut |= adapt_answer(&a, ADAPT_FULL, 1000, 1000, 10, 2 * SECOND + i * 10000);
	assert_true(cut);
}

static void a_pause_doubles_while_nothing_is_taken(void **state)
{
	struct adapt a = { 0 };
	int64_t now = SECOND;
	static const unsigned pauses[] = { 100, 200, 400, 800, 1000, 1000, 1000 };

	(void)state;
	taken(&a, 10, now);
	for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
		for (unsigned n = 0, cut = 0; n < 10 && !cut; n++) /* a whole window of them */
			cut = adapt_answer(&a, ADAPT_REFUSED, 0, 10, 0, now);
		assert_int_equal(adapt_pause_ms(&a, 100), pauses[i]);
		now += SECOND;
	}
	taken(&a, 1, now);
	assert_int_equal(adapt_pause_ms(&a, 100), 100);
}

static void congestion_state(void **state)
{
	static const struct {
		const char *why;
		unsigned percent;
		double least, most; /* of the rate after it, which was 100 */
		bool grows;
	} v[] = {
		{ "low load: the rate may grow", 10, 80, 80, true },
		{ "high load: it may", 79, 80, 80, true },
		{ "optimum: it stays", 85, 80, 80, false },
		{ "nearing congestion: a twentieth less", 95, 70, 79, false },
		{ "congested: half", 100, 35, 45, false },
		{ "reserved: says nothing", 101, 80, 80, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct adapt a = { .limit = 80, .known = 80, .cut_us = SECOND, .grown_us = 9 * SECOND };
		double after;

		adapt_answer(&a, ADAPT_TAKEN, 100, 80, 10, 9 * SECOND);
		adapt_congestion(&a, v[i].percent, 100, 80, 10, 9 * SECOND);
		after = a.limit;
		if (after < v[i].least || after > v[i].most)
			fail_msg("%s: %g", v[i].why, after);
		adapt_grow(&a, 100, 9 * SECOND + 500000);
		if ((a.limit > after) != v[i].grows)
			fail_msg("%s: %g to %g", v[i].why, after, a.limit);
	}
}

/* Old news of congestion holds nothing back: the sessions are new, or the carrier has not said so for long. */
static void congestion_is_over_when_nobody_tells_of_it(void **state)
{
	struct adapt a = { .limit = 80, .known = 80, .cut_us = SECOND, .grown_us = 9 * SECOND };

	(void)state;
	adapt_congestion(&a, 85, 100, 80, 10, 9 * SECOND);
	for (unsigned i = 0; i < 9; i++) {
		adapt_answer(&a, ADAPT_TAKEN, 100, 80, 10, (10 + i) * SECOND);
		adapt_grow(&a, 100, (10 + i) * SECOND);
		assert_true(a.limit == 80);
	}
	adapt_answer(&a, ADAPT_TAKEN, 100, 80, 10, 20 * SECOND);
	adapt_grow(&a, 100, 20 * SECOND);
	assert_true(a.limit > 80);
	a.limit = 80;
	adapt_congestion(&a, 85, 100, 80, 10, 20 * SECOND);
	adapt_new_sessions(&a);
	adapt_answer(&a, ADAPT_TAKEN, 100, 80, 10, 21 * SECOND);
	adapt_grow(&a, 100, 21 * SECOND);
	assert_true(a.limit > 80);
}

static void five_minutes_of_calm_forget_it(void **state)
{
	struct adapt a = { 0 };
	unsigned cuts;

	(void)state;
	taken(&a, 10, SECOND);
	refused(&a, 10, 10, SECOND, &cuts);
	adapt_grow(&a, 0, 290 * (int64_t)SECOND);
	assert_true(a.limit > 0);
	adapt_grow(&a, 0, 302 * (int64_t)SECOND);
	assert_true(a.limit == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_steady_limit_is_used),
		cmocka_unit_test(it_is_found_quickly),
		cmocka_unit_test(a_constant_share_does_not_slow_the_link_down),
		cmocka_unit_test(a_limit_is_found_beside_a_constant_share),
		cmocka_unit_test(a_burst_of_refusals_decreases_once),
		cmocka_unit_test(a_single_refusal_decreases_nothing),
		cmocka_unit_test(what_was_sent_before_says_nothing),
		cmocka_unit_test(a_stuck_carrier_is_asked_once_a_second),
		cmocka_unit_test(the_rate_climbs_when_the_carrier_takes_more),
		cmocka_unit_test(a_link_that_was_refused_at_once_finds_its_rate_soon),
		cmocka_unit_test(a_link_that_is_half_idle_is_not_cut_by_a_rate_it_never_had),
		cmocka_unit_test(a_full_queue_may_be_one_recipients),
		cmocka_unit_test(a_pause_doubles_while_nothing_is_taken),
		cmocka_unit_test(congestion_state),
		cmocka_unit_test(congestion_is_over_when_nobody_tells_of_it),
		cmocka_unit_test(five_minutes_of_calm_forget_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
