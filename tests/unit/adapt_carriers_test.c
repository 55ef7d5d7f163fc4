/* SPDX-License-Identifier: Apache-2.0
 *
 * adapt_carriers_test.c -- carriers that refuse by a limit, at random, or both: how much of each is used, and how much
 * it refuses, over many seeds.
 *
 * The clock is the test's, so the figures do not depend on the machine: a seed says when the carrier's second begins,
 * which messages it refuses at random, how long each answer takes and when our own loop is late.  ADAPT_SEEDS=200 asks
 * for more seeds than a build has time for, and ADAPT_ONLY=text for the carriers that have it in their name.
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

#define SECOND   1000000
#define SEEDS    10
#define SEARCH_S 10 /* it may take so long to find out; what is said of use is said of the minute behind it */
#define SLOW_S   60 /* … of a few messages a second, of which fewer are refused in a minute than it takes to tell */
#define WHOLE_S  120
#define WAY_MOST 4096 /* milliseconds: a power of two */

enum counting { NO_LIMIT, BUCKET, CLOCK_SECOND, ANY_SECOND };

static const struct carrier {
	const char *why;
	enum counting by;
	double rate, depth; /* per second; of the bucket, in messages */
	double share;       /* refused at random, whatever the rate */
	double low;         /* the rate while it is low: from 20 s to 40 s; 0: never */
	double tps;
	unsigned window, way_ms;
	double demand;      /* messages per second that there are to send; 0: no end */
	double clump;       /* … so many at a time */
	unsigned search_s;  /* 0: SEARCH_S */
	bool punctual;      /* our loop is never late: a bucket of one takes no part that comes too early */
	/* What is asked of every seed. */
	double used;        /* of what could be taken, after the search */
	double refused;     /* in that minute, beyond the share, of what could be taken */
} carriers[] = {
#define LINK  .window = 50, .way_ms = 10
#define MOST  .used = 0.95, .refused = 0.03
	/* A limit and nothing else. */
	{ "1000, bucket of 50", BUCKET, 1000, 50, .tps = 1500, LINK, MOST },
	{ "1000, bucket of 100", BUCKET, 1000, 100, .tps = 1500, LINK, MOST },
	{ "1000, bucket of 1000", BUCKET, 1000, 1000, .tps = 1500, LINK, MOST },
	{ "1000 by the clock", CLOCK_SECOND, 1000, .tps = 1500, LINK, MOST },
	{ "1000 by the clock, way of 200 ms", CLOCK_SECOND, 1000, .tps = 1500, .window = 1000, .way_ms = 200, MOST },
	{ "1000 in any second", ANY_SECOND, 1000, .tps = 1500, LINK, MOST },
	{ "1000 by the clock, nothing configured", CLOCK_SECOND, 1000, .window = 200, .way_ms = 20, MOST },
	{ "1000, bucket of 100, 1050 configured", BUCKET, 1000, 100, .tps = 1050, LINK, MOST },
	{ "100, bucket of 10, 150 configured", BUCKET, 100, 10, .tps = 150, LINK, MOST },
	{ "100 by the clock, 5000 configured", CLOCK_SECOND, 100, .tps = 5000, LINK, .used = 0.95, .refused = 0.05 },
	{ "100, bucket of 100, answers after 1 s", BUCKET, 100, 100, .tps = 1000, .window = 1000, .way_ms = 1000,
		.used = 0.95, .refused = 0.08 },
	/* Few a second: a refusal is a larger share of them. */
	{ "10 by the clock, 500 configured", CLOCK_SECOND, 10, .tps = 500, LINK, .search_s = SLOW_S, .used = 0.93,
		.refused = 0.06 },
	{ "1 by the clock, 50 configured", CLOCK_SECOND, 1, .tps = 50, LINK, .search_s = SLOW_S, .used = 0.93,
		.refused = 0.25 },
	{ "5, bucket of 5, answers after 1 s", BUCKET, 5, 5, .tps = 100, .window = 10, .way_ms = 1000,
		.search_s = SLOW_S, .used = 0.93, .refused = 0.3 },
	/* A distance: sent a little too fast, every second one is refused; what is taken is half of what could be. */
	{ "1000, bucket of 1", BUCKET, 1000, 1, .tps = 1500, LINK, .punctual = true, .used = 0.7, .refused = 0.05 },
	{ "10, bucket of 1, 15 configured", BUCKET, 10, 1, .tps = 15, LINK, .search_s = SLOW_S, .used = 0.7,
		.refused = 0.15 },
	{ "1, bucket of 1, 2 configured", BUCKET, 1, 1, .tps = 2, LINK, .search_s = SLOW_S, .used = 0.65,
		.refused = 0.4 },
	/* The minute begins with the fall, and has the time in which the limit climbs again. */
	{ "1000, 300 for 20 s, bucket of 100", BUCKET, 1000, 100, .low = 300, .tps = 1500, LINK, .used = 0.68,
		.refused = 0.04 },
	{ "1000, 300 for 20 s, by the clock", CLOCK_SECOND, 1000, .low = 300, .tps = 1500, LINK, .used = 0.68,
		.refused = 0.04 },
	/* A share and nothing else. */
	{ "1 of 211", NO_LIMIT, .share = 1 / 211.0, .tps = 1000, LINK, .used = 0.95 },
	{ "1 of 211, 20 configured", NO_LIMIT, .share = 1 / 211.0, .tps = 20, LINK, .used = 0.95 },
	{ "1 %", NO_LIMIT, .share = 0.01, .tps = 1000, LINK, .used = 0.95 },
	{ "10 %", NO_LIMIT, .share = 0.1, .tps = 1000, LINK, .used = 0.9 },
	{ "33 %", NO_LIMIT, .share = 0.33, .tps = 1000, LINK, .used = 0.9 },
	{ "33 %, 100 configured", NO_LIMIT, .share = 0.33, .tps = 100, LINK, .search_s = 30, .used = 0.9 },
	{ "10 %, 10 configured", NO_LIMIT, .share = 0.1, .tps = 10, LINK, .search_s = SLOW_S, .used = 0.8 },
	{ "10 %, answers after 1 s", NO_LIMIT, .share = 0.1, .tps = 1000, .window = 10, .way_ms = 1000,
		.search_s = SLOW_S, .used = 0.7 },
	{ "33 %, 5 configured", NO_LIMIT, .share = 0.33, .tps = 5, LINK, .search_s = SLOW_S, .used = 0.5 },
	/* Both. */
	{ "1000 and 1 %", BUCKET, 1000, 100, .share = 0.01, .tps = 1500, LINK, .used = 0.9, .refused = 0.03 },
	{ "1000 and 10 %", BUCKET, 1000, 100, .share = 0.1, .tps = 1500, LINK, .used = 0.9, .refused = 0.25 },
	{ "1000 by the clock and 10 %", CLOCK_SECOND, 1000, .share = 0.1, .tps = 1500, LINK, .used = 0.9,
		.refused = 0.12 },
	{ "100 and 10 %", BUCKET, 100, 10, .share = 0.1, .tps = 500, LINK, .search_s = SLOW_S, .used = 0.9, .refused = 0.25 },
	/* Little to send: used is what is not left lying. */
	{ "10 %, 3 per second, 5 at a time", NO_LIMIT, .share = 0.1, .tps = 1000, LINK, .demand = 3, .clump = 5,
		.search_s = SLOW_S, .used = 0.75 },
	{ "33 %, 3 per second, 5 at a time", NO_LIMIT, .share = 0.33, .tps = 100, LINK, .demand = 3, .clump = 5,
		.search_s = SLOW_S, .used = 0.75 },
	{ "10, bucket of 1, 3 per second, 20 at a time", BUCKET, 10, 1, .tps = 100, LINK, .demand = 3, .clump = 20,
		.search_s = SLOW_S, .used = 0.75, .refused = 0.8 },
};

struct run {
	const struct carrier *c;
	uint64_t random;
	/* The carrier. */
	double tokens;
	int64_t at_us, phase_us, second;
	unsigned used;
	struct meter m;
	/* The link. */
	struct pace p;
	struct adapt a;
	unsigned in_flight;
	double waiting;
	struct {
		unsigned taken, refused;
	} ring[WAY_MOST];
	int64_t now_ms, late_ms;
	unsigned taken[WHOLE_S], refused[WHOLE_S];
};

static unsigned search_s(const struct carrier *c)
{
	return c->search_s ? c->search_s : SEARCH_S;
}

static double chance(struct run *r)
{
	r->random = r->random * 6364136223846793005u + 1442695040888963407u;
	return (double)(r->random >> 11) / (double)(1ull << 53);
}

static double rate_at(const struct carrier *c, unsigned s)
{
	return c->low > 0 && s >= 10 && s < 30 ? c->low : c->rate;
}

static bool takes(struct run *r, unsigned s, int64_t now_us)
{
	const struct carrier *c = r->c;
	double rate = rate_at(c, s);
	int64_t second = (now_us + r->phase_us) / SECOND;
	bool yes = true;

	if (c->share > 0 && chance(r) < c->share)
		return false;
	switch (c->by) {
	case NO_LIMIT:
		break;
	case BUCKET:
		r->tokens = fmin(c->depth, r->tokens + rate * (double)(now_us - r->at_us) / 1e6);
		r->at_us = now_us;
		yes = r->tokens >= 1;
		r->tokens -= yes;
		break;
	case CLOCK_SECOND:
		if (second != r->second)
			r->used = 0;
		r->second = second;
		yes = r->used < rate;
		r->used += yes;
		break;
	case ANY_SECOND:
		yes = meter_sum(&r->m, now_us) < rate;
		if (yes)
			meter_add(&r->m, 1, now_us);
		break;
	}
	return yes;
}

static void answers(struct run *r, int64_t at_ms, int64_t now_us)
{
	unsigned slot = (unsigned)at_ms & (WAY_MOST - 1);

	while (r->ring[slot].taken || r->ring[slot].refused) {
		unsigned left = r->ring[slot].taken + r->ring[slot].refused;
		bool taken = chance(r) * left < r->ring[slot].taken;

		r->ring[slot].taken -= taken;
		r->ring[slot].refused -= !taken;
		r->in_flight--;
		adapt_answer(&r->a, taken ? ADAPT_TAKEN : ADAPT_REFUSED, r->c->tps, pace_sent(&r->p, now_us),
			r->in_flight, now_us);
		r->waiting += !taken;
	}
}

/* All that the pace and the window let go now. */
static void send(struct run *r, unsigned s, int64_t now_us)
{
	const struct carrier *c = r->c;

	adapt_grow(&r->a, c->tps, now_us);
	pace_set(&r->p, c->tps, r->a.limit, 0);
	while (r->in_flight < c->window && r->waiting >= 1 && pace_room(&r->p, false, now_us)) {
		unsigned way = c->way_ms + (unsigned)(chance(r) * (c->way_ms / 4 + 1));
		unsigned slot = (unsigned)(r->now_ms + way) & (WAY_MOST - 1);

		pace_hold(&r->p, 1);
		pace_take(&r->p, 1, now_us);
		r->waiting--;
		r->in_flight++;
		if (takes(r, s, now_us)) {
			r->ring[slot].taken++;
			r->taken[s]++;
		} else {
			r->ring[slot].refused++;
			r->refused[s]++;
		}
	}
}

/* The machine is busy: now and then the loop is late, by up to 30 ms; all that came meanwhile is seen at once. */
static void play(struct run *r, const struct carrier *c, unsigned seed)
{
	int64_t seen;

	memset(r, 0, sizeof(*r));
	r->c = c;
	r->random = seed * 2654435761u + 12345;
	chance(r);
	chance(r);
	r->phase_us = (int64_t)(chance(r) * SECOND);
	r->tokens = c->depth;
	seen = r->now_ms = 1000000;
	r->at_us = r->now_ms * 1000;
	for (unsigned ms = 0; ms < (search_s(c) + 60) * 1000; ms++, r->now_ms++) {
		int64_t now_us = r->now_ms * 1000;

		if (c->demand <= 0)
			r->waiting = 1e9;
		else if (chance(r) * 1000 < c->demand / c->clump)
			r->waiting += c->clump;
		if (!c->punctual && r->late_ms == 0 && chance(r) < 0.002)
			r->late_ms = 1 + (int64_t)(chance(r) * 30);
		if (r->late_ms && --r->late_ms)
			continue;
		for (; seen <= r->now_ms; seen++)
			answers(r, seen, now_us);
		send(r, ms / 1000, now_us);
	}
}

/* What could be taken within that second. */
static double possible(const struct carrier *c, unsigned s)
{
	double sent = c->tps > 0 ? c->tps * 1000 / METER_MS : 1e6, most = c->window * 1000.0 / (c->way_ms * 1.125);

	sent = fmin(sent, most);
	if (c->by == NO_LIMIT)
		return sent * (1 - c->share);
	return fmin(sent * (1 - c->share), rate_at(c, s) * (c->by == ANY_SECOND ? 1000.0 / METER_MS : 1));
}

struct figures {
	double used, refused, early; /* refused: per minute; early: in the time of the search */
	unsigned found_s;
};

static struct figures figures_of(const struct run *r)
{
	const struct carrier *c = r->c;
	unsigned whole = search_s(c) + 60;
	struct figures f = { .found_s = whole };
	double taken = 0, could = 0;

	for (unsigned s = 0; s < whole; s++) {
		if (f.found_s == whole && r->taken[s] >= 0.9 * possible(c, s) - 1)
			f.found_s = s;
		if (s < search_s(c)) {
			f.early += r->refused[s];
			continue;
		}
		taken += r->taken[s];
		could += possible(c, s);
		f.refused += r->refused[s];
	}
	if (c->demand > 0) {
		could = taken + fmax(0, r->waiting - 2 * c->clump);
		f.found_s = 0;
	}
	f.used = taken / could;
	return f;
}

static double could_be_taken(const struct carrier *c)
{
	double n = 0;

	for (unsigned s = search_s(c); s < search_s(c) + 60; s++)
		n += c->demand > 0 ? c->demand : possible(c, s);
	return n;
}

/* True: every seed is as good as is asked. */
static bool plays(const struct carrier *c, unsigned n_seeds)
{
	static struct run run;
	struct figures worst = { .used = 9 }, mean = { 0 };
	double beyond;
	bool good;

	for (unsigned seed = 0; seed < n_seeds; seed++) {
		struct figures f;

		play(&run, c, seed);
		f = figures_of(&run);
		worst.used = fmin(worst.used, f.used);
		worst.refused = fmax(worst.refused, f.refused);
		worst.early = fmax(worst.early, f.early);
		worst.found_s = f.found_s > worst.found_s ? f.found_s : worst.found_s;
		mean.used += f.used / n_seeds;
		mean.refused += f.refused / n_seeds;
	}
	beyond = worst.refused / could_be_taken(c) - c->share / (1 - c->share);
	good = worst.used >= c->used && (c->by == NO_LIMIT || beyond <= c->refused);
	print_message("%-44s | %5.1f %5.1f | %5.0f %5.0f %5.1f | %4.0f %3u%s\n", c->why, worst.used * 100,
		mean.used * 100, worst.refused, mean.refused, fmax(0, beyond * 100), worst.early, worst.found_s,
		good ? "" : "  <--");
	return good;
}

static void each_carrier_is_used_and_little_is_refused(void **state)
{
	const char *n = getenv("ADAPT_SEEDS"), *only = getenv("ADAPT_ONLY");
	unsigned n_seeds = n ? (unsigned)atoi(n) : SEEDS, n_bad = 0;

	(void)state;
	print_message("used: %% of what could be taken, worst and mean of %u seeds; refused in a minute: worst, mean, and "
		      "worst beyond the share in %% of what could be taken; in the search: refused at most; found after "
		      "seconds at most\n", n_seeds);
	for (size_t i = 0; i < sizeof(carriers) / sizeof(carriers[0]); i++)
		if (!only || strstr(carriers[i].why, only))
			n_bad += !plays(&carriers[i], n_seeds);
	assert_int_equal(n_bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_carrier_is_used_and_little_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
