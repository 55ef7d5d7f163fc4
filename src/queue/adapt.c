/* SPDX-License-Identifier: Apache-2.0 */
/* adapt.c -- see adapt.h. */
#include "queue/adapt.h"

#include <math.h>

#define DOWN          0.97    /* of what went: a carrier's steady limit is then used by 95 % and more */
#define DOWN_MOST     0.5
#define UP_PER_S      0.01
#define UP_STEADY_S   5.0     /* from here on the steps grow */
#define DOUBLE_S      0.5
#define RECENT_MS     250
#define FEW           16      /* parts per second, of which a quarter of a second has too few to tell */
#define USED          0.4     /* of a rate that doubles so, the last second has had 0.54 */
#define LEAST         1.0     /* part per second: slow for a carrier that takes nothing, quick to notice */
#define SETTLE_US     1000000 /* carriers count by the second */
#define BLOCKED_US    200000  /* nothing is taken: no need to wait for a second's count */
#define FORGET_US     300000000
#define PAUSE_MOST_MS 1000
#define RATE_MOST     1e6     /* as the configuration's */
#define FULL_LEAST    3
#define FULL_SHARE    10      /* a full queue is the link's when it is every tenth answer, else a recipient's */

#define USELESS       2       /* decreases in a row that did not help; after each mistake twice as many */
#define USELESS_MOST  8
#define USELESS_SHARE 0.75    /* so much of the share before them must be left: two that help leave less */
#define USELESS_US    2500000 /* refused so soon after a decrease; about the rate, it takes longer to climb back */
#define USELESS_N     4       /* answers; of fewer a share says nothing */
#define FALL_US       10000000 /* decreases no farther apart are one fall */
#define SHARE_LEAST   0.01
#define SHARE_MOST    0.2     /* half as much again as a limit makes a third be refused: that is about the rate */
#define SHARE_MORE    4       /* standard deviations: now it is about the rate */
#define STALE_US      10000000 /* a carrier that tells of congestion does so with each answer */

/* SMPP 5.0, 4.8.4.18: up to 79 low to high load, 80 to 89 optimum, 90 to 99 nearing congestion, 100 congested. */
#define CONGESTION_OPTIMUM 80
#define CONGESTION_NEAR    90
#define CONGESTION_FULL    100

static double least(double tps)
{
	return tps > 0 && tps < LEAST ? tps : LEAST;
}

/* What is being used of the rate, so that a link that was half idle is not cut by a rate it never had. */
static double base_of(const struct adapt *a, double tps, double sent)
{
	double bound = a->limit > 0 ? a->limit : tps > 0 ? tps : RATE_MOST;

	return sent < bound ? sent : bound;
}

/* What was taken of late: within a quarter of a second, which is enough to tell a carrier that is stuck from one that
 * is slow, and to follow a rate that doubles.  Small numbers ask for a second. */
static double recent(struct adapt *a, int64_t now_us)
{
	unsigned ms = a->limit > 0 && a->limit < FEW ? METER_MS : RECENT_MS;

	return meter_rate(&a->accepted, ms, now_us);
}

static bool is_doubling(const struct adapt *a)
{
	return a->limit > 0 && (a->known <= 0 || a->limit < a->known);
}

static void decrease(struct adapt *a, double to, double tps, double sent, unsigned in_flight, int64_t now_us)
{
	double before = a->limit > 0 ? a->limit : tps;

	if (to < least(tps))
		to = least(tps);
	/* The rate was used up and some of it was taken: what it falls to is what can be had.  Else the old one may
	 * still be right. */
	if (a->taken && a->limit > 0 && sent >= USED * a->limit && recent(a, now_us) > 0.25 * to)
		a->known = to;
	else if (a->known <= 0 && (a->taken || a->limit <= 0))
		a->known = before; /* but never what it fell to while nothing at all was taken */
	a->limit = to;
	a->old = in_flight;
	a->n_blocked = a->taken ? 0 : a->n_blocked + 1;
	a->taken = false;
	a->cut_us = a->grown_us = now_us;
	a->n_taken = a->n_refused = 0;
	a->cuts++;
}

/* Has the last decrease had its effect? */
static bool effective(const struct adapt *a, int64_t now_us)
{
	return a->cut_us == 0 ||
	       (a->old == 0 && now_us - a->cut_us >= (a->taken ? SETTLE_US : BLOCKED_US));
}

static double share_of(unsigned n_refused, unsigned n_taken)
{
	return n_refused ? (double)n_refused / (n_refused + n_taken) : 0;
}

/* Are as many refused as before the last decrease? */
static bool was_useless(const struct adapt *a, int64_t now_us)
{
	double share = share_of(a->n_refused, a->n_taken);

	return a->cut_us && now_us - a->cut_us <= USELESS_US && a->n_taken >= USELESS_N && share >= SHARE_LEAST &&
	       share <= SHARE_MOST && share >= a->share * USELESS_SHARE;
}

/* Of a constant share: is it larger now?  Also when nothing at all is taken any more. */
static bool is_larger(struct adapt *a, int64_t now_us)
{
	unsigned n_refused = meter_sum(&a->refused, now_us), n_taken = meter_sum(&a->accepted, now_us);
	double expected;

	if (n_taken == 0)
		return n_refused >= USELESS_N;
	expected = a->share * (n_refused + n_taken);
	return n_refused + n_taken >= FEW && n_refused > expected + SHARE_MORE * sqrt(expected) + 1;
}

/* The limit from which it falls: of one fall, though it be in several steps. */
static void note_before(struct adapt *a, int64_t now_us)
{
	if (a->cut_us == 0 || now_us - a->cut_us > FALL_US || a->limit <= 0)
		a->before = a->limit;
	else if (a->before > 0 && a->before < a->limit)
		a->before = a->limit;
}

/* True: what is refused is not about the rate, and nothing is decreased for it. */
static bool is_constant(struct adapt *a, int64_t now_us)
{
	if (a->constant)
		return !is_larger(a, now_us);
	if (!was_useless(a, now_us)) {
		a->n_useless = 0;
		a->share = share_of(meter_sum(&a->refused, now_us), meter_sum(&a->accepted, now_us));
		note_before(a, now_us);
		return false;
	}
	if (++a->n_useless < (a->useless ? a->useless : USELESS))
		return false;
	a->share = share_of(a->n_refused, a->n_taken);
	a->constant = true;
	a->limit = a->known = a->before;
	return true;
}

static bool refused(struct adapt *a, double tps, double sent, unsigned in_flight, int64_t now_us)
{
	double base = base_of(a, tps, sent), taken = meter_sum(&a->accepted, now_us) * 1000.0 / METER_MS, to;

	if (now_us - a->refused_us > FORGET_US)
		a->constant = false;
	a->refused_us = now_us;
	if (!effective(a, now_us) || is_constant(a, now_us))
		return false;
	if (is_doubling(a) && a->taken) {
		base = a->limit;
		taken = recent(a, now_us);
	}
	to = taken < base * DOWN ? taken : base * DOWN;
	if (to < base * DOWN_MOST)
		to = base * DOWN_MOST;
	decrease(a, to, tps, sent, in_flight, now_us);
	if (a->constant) { /* it was, up to here */
		a->constant = false;
		a->n_useless = 0;
		a->useless = a->useless ? a->useless * 2 : USELESS * 2;
		if (a->useless > USELESS_MOST)
			a->useless = USELESS_MOST;
		a->before = a->limit;
	}
	return true;
}

bool adapt_answer(struct adapt *a, enum adapt_answer answer, double tps, double sent, unsigned in_flight,
	int64_t now_us)
{
	unsigned full;

	if (a->old) {
		a->old--;
	} else {
		a->n_taken += answer == ADAPT_TAKEN;
		a->n_refused += answer == ADAPT_REFUSED || answer == ADAPT_FULL;
	}
	switch (answer) {
	case ADAPT_TAKEN:
		meter_add(&a->accepted, 1, now_us);
		if (a->old == 0) {
			a->taken = true;
			a->n_blocked = 0;
		}
		return false;
	case ADAPT_FULL:
		meter_add(&a->refused, 1, now_us);
		full = meter_sum(&a->refused, now_us);
		if (full < FULL_LEAST || full * (FULL_SHARE - 1) < meter_sum(&a->accepted, now_us))
			return false;
		return refused(a, tps, sent, in_flight, now_us);
	case ADAPT_REFUSED:
		meter_add(&a->refused, 1, now_us);
		return refused(a, tps, sent, in_flight, now_us);
	case ADAPT_OTHER:
		break;
	}
	return false;
}

bool adapt_congestion(struct adapt *a, unsigned percent, double tps, double sent, unsigned in_flight, int64_t now_us)
{
	double base = base_of(a, tps, sent);

	if (percent > CONGESTION_FULL)
		return false; /* reserved */
	a->congestion = (uint8_t)percent;
	a->congestion_us = now_us;
	if (percent < CONGESTION_NEAR || !effective(a, now_us))
		return false;
	a->constant = false;
	a->n_useless = 0;
	decrease(a, base * (percent == CONGESTION_FULL ? DOWN_MOST : DOWN), tps, sent, in_flight, now_us);
	return true;
}

void adapt_new_sessions(struct adapt *a)
{
	a->congestion = 0;
}

/* Per second, in parts per second: see the head of adapt.h. */
static double step(const struct adapt *a, int64_t now_us)
{
	double calm_s = (double)(now_us - a->cut_us) / 1e6;
	double of = a->known > a->limit ? a->known : a->limit;

	return of * UP_PER_S * (calm_s > UP_STEADY_S ? calm_s / UP_STEADY_S : 1);
}

void adapt_grow(struct adapt *a, double tps, int64_t now_us)
{
	double s = (double)(now_us - a->grown_us) / 1e6;
	bool doubling;
	unsigned taken;

	if (a->limit <= 0)
		return;
	if (now_us < a->cut_us) /* the clock stepped back */
		a->cut_us = a->grown_us = now_us;
	if (now_us - a->cut_us > FORGET_US) {
		a->limit = a->known = 0;
		a->congestion = 0;
		return;
	}
	if (s < 0.02)
		return;
	a->grown_us = now_us;
	if (s > 1)
		s = 1;
	if (a->congestion && now_us - a->congestion_us > STALE_US)
		a->congestion = 0;
	/* Nothing is learnt from a rate that is not used, nor gained while the carrier says that it is enough. */
	taken = meter_sum(&a->accepted, now_us);
	if (taken == 0 || !a->taken || a->congestion >= CONGESTION_OPTIMUM)
		return;
	doubling = is_doubling(a) && taken >= a->limit * USED;
	if (!a->constant && a->refused_us && now_us - a->refused_us < (doubling ? BLOCKED_US : SETTLE_US))
		return;
	if (doubling) {
		a->limit *= exp2(s / DOUBLE_S);
		if (a->known > 0 && a->limit > a->known)
			a->limit = a->known;
	} else {
		a->limit += s * step(a, now_us);
	}
	if (a->limit >= (tps > 0 ? tps : RATE_MOST))
		a->limit = a->known = 0;
}

unsigned adapt_pause_ms(const struct adapt *a, unsigned first_ms)
{
	unsigned ms = a->constant ? 0 : first_ms;

	for (unsigned i = 0; i < a->n_blocked && ms < PAUSE_MOST_MS; i++)
		ms *= 2;
	return ms < PAUSE_MOST_MS ? ms : PAUSE_MOST_MS;
}
