/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_pool_test.c -- a pool of four SIMs that do whatever SIMs do, in an order that nobody thought of: quotas are
 * kept in each hour and each day, and when all are well again everything leaves.
 *
 *     queue_pool_test [SEED [RUNS]]
 */
#include <config.h>

#include <stdio.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "queue_world.h"

#include "base/hash.h"
#include "queue/queue_impl.h"

#define N      4
#define STEPS  150
#define HOUR   INT64_C(3600000)
#define KEYS   2048

static uint64_t seed = 1;
static unsigned runs = 2;

struct sim {
	struct fake *f;
	unsigned n_seen;           /* of f->key: looked at */
	uint64_t flying[KEYS];
	unsigned n_flying;
	int64_t period[QUOTA_KINDS];
	unsigned left[QUOTA_KINDS]; /* parts in this period, by the end of the step in which they left */
	unsigned slack[QUOTA_KINDS]; /* in flight when it began: given back, they are of the one before */
};

static uint64_t next(void)
{
	seed += 0x9e3779b97f4a7c15ULL;
	return hash_mix64(seed);
}

static unsigned any(unsigned n)
{
	return (unsigned)(next() % n);
}

static void limits(struct world *w, struct sim *s, unsigned i)
{
	static const char *const names[N] = { "sim:1", "sim:2", "sim:3", "sim:4" };
	struct outlet *o = &s->f->o;

	o->quota = (struct quota_limits){ .any = true, .rule = { "UTC", 1, 0 }, .reserve_otp = 20,
		.parts = { [QUOTA_HOUR] = 5, [QUOTA_DAY] = 9 + i }, .recipients = { [QUOTA_DAY] = i % 2 ? 4 : 0 } };
	o->account = names_get(w->names, NAME_ACCOUNT, names[i]);
	queue_quota_changed(w->queue, o);
	queue_outlet_changed(w->queue, o);
}

static void route(struct world *w, struct sim s[N], enum queue_choose choose, unsigned mask)
{
	struct queue_route r = { .id = names_get(w->names, NAME_ROUTE, "r"), .choose = choose };

	for (unsigned i = 0; i < N; i++)
		if (mask >> i & 1)
			r.links[r.n_links++] = &s[i].f->o;
	queue_set_routes(w->queue, &r, 1);
}

/* What left since the last look, and in which hour and day. */
static void look(struct sim *s)
{
	static const int64_t lengths[QUOTA_KINDS] = { [QUOTA_HOUR] = HOUR, [QUOTA_DAY] = 24 * HOUR };

	for (unsigned k = QUOTA_HOUR; k <= QUOTA_DAY; k++) {
		int64_t now = clock_ms() / lengths[k];

		if (now == s->period[k])
			continue;
		s->period[k] = now;
		s->left[k] = 0;
		s->slack[k] = s->n_flying;
	}
	for (; s->n_seen < s->f->n; s->n_seen++) {
		s->flying[s->n_flying++] = s->f->key[s->n_seen];
		s->left[QUOTA_HOUR]++;
		s->left[QUOTA_DAY]++;
	}
	if (s->left[QUOTA_HOUR] > 5 + s->slack[QUOTA_HOUR] || s->left[QUOTA_DAY] > s->f->o.quota.parts[QUOTA_DAY] +
		s->slack[QUOTA_DAY])
		fail_msg("%u in an hour, %u in a day", s->left[QUOTA_HOUR], s->left[QUOTA_DAY]);
}

static void look_all(struct sim s[N])
{
	for (unsigned i = 0; i < N; i++)
		look(&s[i]);
}

static void pass(struct world *w, struct sim s[N], int64_t ms)
{
	look_all(s);
	world_pass(w, ms);
	look_all(s);
	world_seconds(w, 1);
	look_all(s);
}

static void answer(struct world *w, struct sim *s, unsigned i, enum outcome outcome)
{
	uint64_t key = s->flying[i];

	s->flying[i] = s->flying[--s->n_flying];
	if (outcome == OUTCOME_UNSENT || outcome == OUTCOME_THROTTLED)
		for (unsigned k = 0; k < QUOTA_KINDS; k++)
			s->left[k] -= s->left[k] > 0;
	fake_end(w, s->f, key, outcome);
	if (outcome == OUTCOME_SENT && any(3) == 0)
		fake_receipt(w, s->f, key, any(2) ? RECEIPT_DELIVERED : RECEIPT_UNDELIVERABLE);
}

static void step(struct world *w, struct sim s[N])
{
	static const enum outcome outcomes[] = { OUTCOME_SENT, OUTCOME_SENT, OUTCOME_SENT, OUTCOME_RETRY, OUTCOME_REJECTED,
		OUTCOME_RECIPIENT, OUTCOME_THROTTLED, OUTCOME_UNSENT, OUTCOME_UNKNOWN, OUTCOME_LINK_FAULT };
	unsigned i = any(N);
	uint64_t id;

	switch (any(12)) {
	case 0:
	case 1:
		world_add(w, 1 + any(3), (struct message){ .class = (enum msg_class)any(CLASS_N), .to = 79001234560u + any(12),
			.ttl_end_ms = clock_ms() + 3000 * HOUR }, NULL);
		break;
	case 2:
		world_add_long(w, 2 + any(6), clock_ms() + 3000 * HOUR, &id);
		break;
	case 3:
		fake_up(w, s[i].f, any(3) != 0);
		break;
	case 4:
		s[i].f->answer = any(3) ? 0 : -EAGAIN;
		queue_outlet_changed(w->queue, &s[i].f->o);
		break;
	case 5:
		pass(w, s, (int64_t)any(40) * 60000);
		break;
	case 6:
		route(w, s, (enum queue_choose)any(CHOOSE_STICKY + 1), 1 + any(15));
		break;
	default:
		for (unsigned n = any(4); n && s[i].n_flying; n--)
			answer(w, &s[i], any(s[i].n_flying), outcomes[any(sizeof(outcomes) / sizeof(outcomes[0]))]);
	}
	world_quiet(w);
}

/* All are up, take and answer: what waits leaves by and by. */
static void recover(struct world *w, struct sim s[N])
{
	struct queue_stats st;

	for (unsigned i = 0; i < N; i++) {
		s[i].f->answer = 0;
		fake_up(w, s[i].f, true);
	}
	route(w, s, (enum queue_choose)any(CHOOSE_STICKY + 1), 15);
	for (unsigned n = 0; n < 2500; n++) {
		queue_stats(w->queue, &st);
		if (!st.waiting && !st.in_flight)
			return;
		for (unsigned i = 0; i < N; i++)
			while (s[i].n_flying)
				answer(w, &s[i], 0, OUTCOME_SENT);
		world_quiet(w);
		pass(w, s, n % 3 == 2 ? HOUR : 0);
	}
	fail_msg("%llu wait, %llu are in flight", (unsigned long long)st.waiting, (unsigned long long)st.in_flight);
}

static void whatever_happens_quotas_are_kept_and_nothing_stays(void **state)
{
	static const char *const names[N] = { "A", "B", "C", "D" };

	(void)state;
	for (unsigned run = 0; run < runs; run++) {
		struct world *w = world_new(WORLD_LOOPBACK);
		struct sim s[N] = { 0 };

		print_message("seed %llu\n", (unsigned long long)seed);
		world_up(w, false);
		world_stop_clock();
		world_set_clock(24 * HOUR - clock_ms() % (24 * HOUR)); /* a seed begins at midnight */
		for (unsigned i = 0; i < N; i++) {
			s[i].f = fake_new(w, names[i], 1 + any(4));
			s[i].f->o.price = any(2);
			s[i].f->o.guard_rule = (struct guard_rule){ 0.5, 4, 30, 15, 0 };
			limits(w, &s[i], i);
		}
		route(w, s, (enum queue_choose)any(CHOOSE_STICKY + 1), 15);
		for (unsigned n = 0; n < STEPS; n++) {
			step(w, s);
			look_all(s);
		}
		recover(w, s);
		world_halt(w);
		world_free(w);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(whatever_happens_quotas_are_kept_and_nothing_stays) };

	seed = argc > 1 ? strtoull(argv[1], NULL, 10) : seed;
	runs = argc > 2 ? (unsigned)atoi(argv[2]) : runs;
	return WORLD_MAIN(tests, 1, argv);
}
