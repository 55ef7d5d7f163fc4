/* SPDX-License-Identifier: Apache-2.0
 *
 * pace_test.c -- no second sees more than the rate, whichever second it is, and little of the rate is left unused.
 *
 * The clock is the test's.  A sender takes all that it is given at each tick, for many seconds; every moment at which a
 * part left is kept, and all seconds that begin with one of them are counted: no other second can hold more.
 */
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "queue/pace.h"

#define SECOND 1000000

static int64_t *left_at; /* each part that left */
static unsigned n_left, cap_left;

static void leaves(unsigned n, int64_t at)
{
	while (n--) {
		if (n_left == cap_left) {
			cap_left = cap_left ? cap_left * 2 : 1024;
			left_at = realloc(left_at, cap_left * sizeof(*left_at));
			assert_non_null(left_at);
		}
		left_at[n_left++] = at;
	}
}

/* The most that any [t, t + us) holds. */
static unsigned most_within(int64_t us)
{
	unsigned most = 0;

	for (unsigned i = 0, j = 0; i < n_left; i++) {
		while (j < n_left && left_at[j] < left_at[i] + us)
			j++;
		if (j - i > most)
			most = j - i;
	}
	return most;
}

static uint64_t dice = 1;

static unsigned random_below(unsigned n)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (unsigned)(dice % n);
}

/* At least a tick, at most what it says: late as loops are, now and then very late. */
static int64_t turn_us(int64_t wait)
{
	int64_t us = wait < 2000 ? 2000 : (wait + 999) / 1000 * 1000;

	us += random_below(1000);
	if (random_below(500) == 0)
		us += random_below(80000);
	return us;
}

/* Send all that may go from `from` until `until`; parts leave up to `lag` after they were given their tokens. */
static int64_t run(struct pace *p, int64_t from, int64_t until, int64_t lag)
{
	int64_t now = from;

	while (now < until) {
		unsigned n = pace_room(p, false, now);
		int64_t wait;

		if (n) {
			int64_t at = now + (lag ? random_below((unsigned)lag) : 0);

			pace_hold(p, n);
			pace_take(p, n, at);
			leaves(n, at);
			now = at;
		}
		wait = pace_wait_us(p, false, now);
		assert_true(wait >= 0);
		now += turn_us(wait);
	}
	return now;
}

static struct pace *fresh(double tps, double limit, unsigned burst)
{
	static struct pace p;

	memset(&p, 0, sizeof(p));
	n_left = 0;
	dice = 88172645463325252u;
	pace_set(&p, tps, limit, burst);
	return &p;
}

static const struct rate {
	const char *why;
	double tps;
	unsigned burst, seconds;
} rates[] = {
	{ "one in ten seconds", 0.1, 0, 600 },
	{ "a burst cannot be had of it", 0.5, 10, 120 },
	{ "a hundred a minute", 100 / 60.0, 0, 120 },
	{ "one", 1, 0, 60 },
	{ "all of a second at once", 10, 10, 60 },
	{ "two and a half", 2.5, 0, 60 },
	{ "ten", 10, 0, 60 },
	{ "what a fraction of a large rate adds is given up", 37.5, 0, 30 },
	{ "a burst of one in a loop that looks every two milliseconds", 400, 1, 30 },
	{ "a hundred", 100, 0, 60 },
	{ "a burst of a whole second", 100, 100, 60 },
	{ "a burst beyond the rate", 100, 1000, 60 },
	{ "a thousand", 1000, 0, 30 },
	{ "five thousand, burst of a second", 5000, 5000, 20 },
	{ "fifty thousand", 50000, 0, 10 },
};

static void no_second_holds_more_than_the_rate(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		const struct rate *r = &rates[i];
		double used;

		run(fresh(r->tps, 0, r->burst), 7 * SECOND, (7 + r->seconds) * SECOND, 0);
		if (most_within(SECOND) > ceil(r->tps))
			fail_msg("%s: %u in a second", r->why, most_within(SECOND));
		if (r->tps < 1 && most_within((int64_t)(SECOND / r->tps)) > 1)
			fail_msg("%s: two within its distance", r->why);
		used = n_left / (r->tps * r->seconds);
		if (used < 0.95 || used > 1.05) /* the seconds at both ends count as one */
			fail_msg("%s: %.1f %% used", r->why, used * 100);
	}
}

static void the_way_to_the_carrier_may_shorten_a_second(void **state)
{
	(void)state;
	run(fresh(100, 0, 100), SECOND, 30 * SECOND, 0);
	assert_true(most_within(1015000) <= 100);
}

/* Commits of up to 300 ms lie between the token and the wire. */
static void a_slow_disk_does_not_add_to_the_second_after_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		const struct rate *r = &rates[i];

		run(fresh(r->tps, 0, r->burst), SECOND, (int64_t)(1 + r->seconds / 2) * SECOND, 300000);
		if (most_within(SECOND) > ceil(r->tps))
			fail_msg("%s: %u in a second", r->why, most_within(SECOND));
	}
}

static void what_is_held_counts_before_it_leaves(void **state)
{
	struct pace *p = fresh(10, 0, 10);

	(void)state;
	assert_int_equal(pace_room(p, false, SECOND), 10);
	pace_hold(p, 7);
	assert_int_equal(pace_room(p, false, SECOND), 3);
	pace_unhold(p, 2); /* they do not leave after all */
	assert_int_equal(pace_room(p, false, SECOND), 5);
	pace_take(p, 5, 4 * SECOND); /* three seconds later: it is that second that they count for */
	assert_int_equal(pace_room(p, false, 4 * SECOND), 5);
	/* The bucket is full again, the second is not over. */
	assert_int_equal(pace_room(p, false, 4 * SECOND + 900000), 5);
	pace_hold(p, 5);
	assert_int_equal(pace_room(p, false, 4 * SECOND + 900000), 0);
	pace_unhold(p, 5);
	assert_int_equal(pace_room(p, false, 5 * SECOND + 30000), 10);
}

/* Codes take what others leave: with bulk at its bound, a twentieth of every second is theirs. */
static void a_twentieth_is_left_for_codes(void **state)
{
	struct pace *p = fresh(100, 0, 100);
	unsigned n = 0;

	(void)state;
	for (int64_t now = SECOND; now < SECOND + 900000; now += 2000) {
		unsigned room = pace_room(p, true, now);

		pace_hold(p, room);
		pace_take(p, room, now);
		n += room;
	}
	assert_int_equal(n, 95);
	assert_int_equal(pace_room(p, true, SECOND + 900000), 0);
	assert_int_equal(pace_room(p, false, SECOND + 900000), 5);
}

/* At ten a second the twentieth is no whole part: codes go first, and nobody is kept from sending. */
static void a_small_rate_has_no_reserve(void **state)
{
	struct pace *p = fresh(10, 0, 0);

	(void)state;
	assert_true(pace_room(p, true, SECOND) >= 1);
}

static void a_clock_that_jumps(void **state)
{
	struct pace *p = fresh(50, 0, 50);
	int64_t now = run(p, 100 * SECOND, 110 * SECOND, 0);
	unsigned before = n_left;

	(void)state;
	/* Back by an hour: what left counts as if it were of now. */
	assert_int_equal(pace_room(p, false, now - 3600 * (int64_t)SECOND), 0);
	n_left = 0;
	run(p, now - 3600 * (int64_t)SECOND, now - 3590 * (int64_t)SECOND, 0);
	assert_true(most_within(SECOND) <= 50);
	assert_true(n_left >= before * 8 / 10);
	/* Forward by a year: a second's worth, no more. */
	n_left = 0;
	run(p, now + 31536000 * (int64_t)SECOND, now + 31536005 * (int64_t)SECOND, 0);
	assert_true(most_within(SECOND) <= 50);
	/* Back by a little, as clocks of several cores may differ: nothing is let go early. */
	p = fresh(10, 0, 10);
	pace_hold(p, 10);
	pace_take(p, 10, 5 * SECOND);
	assert_int_equal(pace_room(p, false, 5 * SECOND - 500), 0);
	assert_int_equal(pace_room(p, false, 6 * SECOND + 10000), 0);
	assert_true(pace_room(p, false, 6 * SECOND + 30000) > 0);
}

/* The rate is changed while it runs: each second keeps to the larger of the two. */
static void a_rate_that_changes(void **state)
{
	struct pace *p = fresh(200, 0, 0);
	int64_t now = run(p, SECOND, 6 * SECOND, 0);
	unsigned at;

	(void)state;
	pace_set(p, 20, 0, 0);
	at = n_left;
	now = run(p, now, now + 5 * SECOND, 0);
	assert_true(n_left - at <= 100);
	assert_true(n_left - at >= 75); /* the first second is still full of the old rate */
	n_left = 0;
	now = run(p, now, now + 5 * SECOND, 0);
	assert_true(most_within(SECOND) <= 20);
	pace_set(p, 0, 0, 0);
	assert_int_equal(pace_room(p, false, now), UINT_MAX);
	assert_int_equal(pace_wait_us(p, false, now), 0);
	pace_set(p, 200, 0, 0);
	n_left = 0;
	run(p, now, now + 5 * SECOND, 0);
	assert_true(most_within(SECOND) <= 200);
}

/* What the carrier was found to take bounds the seconds as the configuration does. */
static void a_limit_that_was_found(void **state)
{
	(void)state;
	run(fresh(1000, 87.3, 0), SECOND, 31 * SECOND, 0);
	assert_true(most_within(SECOND) <= 90);
	assert_true(n_left >= 87 * 30 * 95 / 100);
	run(fresh(0, 1, 0), SECOND, 61 * SECOND, 0);
	assert_true(n_left >= 55 && n_left <= 61);
}

static void what_left_of_late(void **state)
{
	struct pace *p = fresh(0, 0, 0);

	(void)state;
	for (int64_t now = SECOND; now < 5 * SECOND; now += 10000) {
		pace_hold(p, 3);
		pace_take(p, 3, now);
	}
	assert_in_range((uint64_t)pace_sent(p, 5 * SECOND), 295, 305);
	assert_int_equal((int)pace_sent(p, 7 * SECOND), 0);
}

/* An earlier process may have used up its second up to then. */
static void what_an_earlier_process_may_have_sent_counts(void **state)
{
	static const struct {
		double tps;
		unsigned burst;
		int64_t ago_us, wait_us; /* at least, and not a twentieth of a second more than it takes for one */
	} t[] = {
		{ 100, 100, 300000, 700000 },
		{ 100, 0, 300000, 700000 },
		{ 100, 100, 1100000, 0 },
		{ 0.5, 1, 300000, 1700000 },
		{ 0.5, 1, 2100000, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		const int64_t now = 50000000;
		struct pace p = { .full_us = now - t[i].ago_us };
		int64_t wait;

		pace_set(&p, t[i].tps, 0, t[i].burst);
		wait = pace_wait_us(&p, false, now);
		assert_true(wait >= t[i].wait_us);
		assert_true(wait <= t[i].wait_us + (t[i].wait_us ? 50000 : 0));
		pace_set(&p, t[i].tps, 0, t[i].burst); /* once */
		assert_int_equal(pace_wait_us(&p, false, now + 3000000), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_second_holds_more_than_the_rate),
		cmocka_unit_test(the_way_to_the_carrier_may_shorten_a_second),
		cmocka_unit_test(a_slow_disk_does_not_add_to_the_second_after_it),
		cmocka_unit_test(what_is_held_counts_before_it_leaves),
		cmocka_unit_test(a_twentieth_is_left_for_codes),
		cmocka_unit_test(a_small_rate_has_no_reserve),
		cmocka_unit_test(a_clock_that_jumps),
		cmocka_unit_test(a_rate_that_changes),
		cmocka_unit_test(a_limit_that_was_found),
		cmocka_unit_test(what_left_of_late),
		cmocka_unit_test(what_an_earlier_process_may_have_sent_counts),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	free(left_at);
	return r;
}
