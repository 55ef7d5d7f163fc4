/* SPDX-License-Identifier: Apache-2.0 */
/* adapt.c -- see adapt.h. */
#include "queue/adapt.h"

#include <limits.h>
#include <math.h>

#define DOWN          0.97    /* of what was taken: a limit is then used by 95 % and more */
#define DOWN_MOST     0.5
#define CLIMB_S       20.0    /* within these the limit climbs to the e-fold; by three hundredths in six seconds */
#define DOUBLE_S      0.5
#define RECENT_MS     250
#define FEW           16      /* parts, or parts per second: of fewer a quarter of a second does not tell the rate */
#define USED          0.4     /* of a rate that doubles so, the last second has had 0.54 */
#define LEAST         1.0     /* part per second: slow for a carrier that takes nothing, quick to notice */
#define SETTLE_US     1000000 /* carriers count by the second */
#define BLOCKED_US    200000  /* nothing is taken: no need to wait for a second's count */
#define ROW           8       /* so many one after the other are no chance */
#define FORGET_US     300000000
#define STALE_US      10000000 /* a carrier that tells of congestion does so with each answer */
#define PAUSE_MOST_MS 1000
#define RATE_MOST     1e6     /* as the configuration's */
#define FULL_LEAST    3
#define FULL_SHARE    10      /* a full queue is the link's when it is every tenth answer, else a recipient's */

/* How sure is sure: natural logarithms of likelihood ratios, by what an error costs. */
#define SURE_WRONG    11.5    /* 1 in 100,000: that more is refused than anyway, at any of many answers */
#define SURE_STAYED   9.2     /* 1 in 10,000: that refusals go on at a rate at which no limit refuses */
#define SURE_GONE     6.9     /* 1 in 1,000: that they do not; if they do, it is asked again */
#define SURE_FINE     4.6     /* 1 in 100: that no more is refused than anyway; if it is, the doubt grows again */

/* Against what is refused anyway is weighed what would be worth to notice: half as much again, and a little. */
#define MORE_TIMES    1.5
#define MORE_BY       0.03
/* Against the share before the decrease, what no limit leaves of it: it leaves nothing, the second's edges a little. */
#define LESS_TIMES    0.25
#define SHARE_MOST    0.9     /* more than that is a carrier that is stuck */
#define PRIOR         100     /* one of so many is refused anyway, until more is known */
#define POOL          2000    /* answers that what is known rests on; older ones fade */
#define ENOUGH        20      /* refusals that tell a share */
#define UNDECIDED     250     /* answers: as many as tell whether a tenth is refused */
#define PUT_UP        0.02    /* a share: an error about less costs less than asking */
#define AGAIN_TIMES   20      /* as many answers as asking took go by before it is asked again … */
#define AGAIN_US      60000000 /* … and a minute */
#define NEAR          2.5     /* a carrier that wants distance takes every second one when it is a little too small: so
                               * a rate that was good within this much of what was taken may still be good */
#define STILL         1.01    /* of what it fell to: it has not climbed yet */

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
	unsigned ms = meter_sum(&a->accepted, now_us) < FEW ? METER_MS : RECENT_MS;

	return meter_rate(&a->accepted, ms, now_us);
}

static bool is_doubling(const struct adapt *a)
{
	return a->limit > 0 && (a->known <= 0 || a->limit < a->known);
}

static void new_period(struct adapt *a)
{
	a->n_taken = a->n_refused = 0;
	a->begun = false;
	a->last_us = a->busy_us = a->second_us = 0;
	a->doubt = 0;
}

static void decrease(struct adapt *a, double to, double tps, double sent, unsigned in_flight, int64_t now_us)
{
	double before = a->limit > 0 ? a->limit : tps, floor = a->taken ? least(tps) * DOWN : least(tps);

	if (to < floor)
		to = floor;
	/* The rate was used up and some of it was taken: what it falls to is what can be had.  Else the old one may
	 * still be right. */
	if (a->taken && before > 0 && sent >= USED * before && recent(a, now_us) > 0.25 * to)
		a->known = to;
	else if (a->known <= 0 && (a->taken || a->limit <= 0))
		a->known = before; /* but never what it fell to while nothing at all was taken */
	a->limit = a->fell_to = to;
	a->old = in_flight;
	a->n_blocked = a->taken ? 0 : a->n_blocked + 1;
	a->was_blocked = a->n_blocked > 0;
	a->taken = a->is_below = false;
	a->run = 0;
	a->cut_us = a->climb_us = a->grown_us = now_us;
	a->cuts++;
	new_period(a);
}

static void climb(struct adapt *a, int64_t now_us)
{
	a->state = ADAPT_CLIMB;
	a->climb_us = now_us;
	a->n_took = a->n_taken + a->n_refused;
	new_period(a);
}

/* The highest of one fall, though it be in several steps. */
static void note_before(struct adapt *a)
{
	if (a->limit <= 0 || (a->before > 0 && a->before < a->limit))
		a->before = a->limit;
}

/* ---- what is refused anyway ------------------------------------------------------------------------------ */

static double anyway(const struct adapt *a)
{
	double least_of = 1 / (a->n_anyway + PRIOR), share = a->n_anyway > 0 ? a->n_refused_anyway / a->n_anyway : 0;

	return share < least_of ? least_of : share < SHARE_MOST ? share : SHARE_MOST;
}

/* … and as much as it may well be: two standard deviations more. */
static double anyway_most(const struct adapt *a)
{
	double share = anyway(a), more = a->n_anyway > 0 ? 2 * sqrt(share * (1 - share) / a->n_anyway) : 0;

	return a->n_refused_anyway > 0 ? fmin(share + more, (1 + share) / 2) : share;
}

static void learn(struct adapt *a, unsigned n, unsigned n_refused)
{
	a->n_anyway += n;
	a->n_refused_anyway += n_refused;
	if (a->n_anyway > POOL) {
		a->n_refused_anyway *= POOL / a->n_anyway;
		a->n_anyway = POOL;
	}
}

static void learn_afresh(struct adapt *a)
{
	a->n_anyway = a->n_refused_anyway = 0;
	learn(a, a->n_taken + a->n_refused, a->n_refused);
}

/* ---- what answers say ------------------------------------------------------------------------------------ */

/* What one answer adds to the logarithm of how much likelier the share `more` is than `less`. */
static double weight(bool is_refused, double more, double less)
{
	return is_refused ? log(more / less) : log((1 - more) / (1 - less));
}

static double weight_more(const struct adapt *a, bool is_refused)
{
	double share = anyway_most(a), more = MORE_TIMES * share + MORE_BY, most = (1 + share) / 2;

	return weight(is_refused, more < most ? more : most, share);
}

/* The share that made us ask is not known better than by the answers before and since, so these foretell each one. */
static double weight_stays(const struct adapt *a, bool is_refused)
{
	double share = (a->n_refused_asked + a->n_refused + 0.5) / (a->n_asked + a->n_taken + a->n_refused + 1);

	if (share > SHARE_MOST)
		share = SHARE_MOST;
	return weight(is_refused, share, share * LESS_TIMES);
}

static void count(struct adapt *a, bool is_refused, int64_t now_us)
{
	bool begins = a->state == ADAPT_MEASURE && is_refused && !a->begun;
	int64_t pause;

	if (begins)
		new_period(a);
	if (a->last_us == 0) {
		a->last_us = now_us;
		a->second_us = SETTLE_US;
	}
	/* When the first is refused, all that the carrier allows for a second is used up, even what a pause had left:
	 * what it takes from then on is what it allows. */
	if (begins) {
		a->begun = true;
		return;
	}
	pause = now_us - a->last_us;
	a->busy_us += pause < 0 ? 0 : pause < SETTLE_US ? pause : SETTLE_US;
	a->last_us = now_us;
	a->doubt += a->state == ADAPT_ASK ? weight_stays(a, is_refused) : weight_more(a, is_refused);
	a->n_taken += !is_refused;
	a->n_refused += is_refused;
	if (a->state != ADAPT_CLIMB)
		return;
	if (a->doubt < 0)
		a->doubt = 0;
	if (a->is_below && a->limit > 0 && a->limit <= a->fell_to * STILL)
		learn(a, 1, is_refused);
	if (a->n_taken > UINT_MAX / 4) { /* months: older ones fade */
		a->n_taken /= 2;
		a->n_refused /= 2;
	}
}

static bool is_whole_second(struct adapt *a)
{
	if (a->busy_us < a->second_us)
		return false;
	a->second_us = (a->busy_us / SETTLE_US + 1) * SETTLE_US;
	return true;
}

/* ---- the states ------------------------------------------------------------------------------------------ */

/* Refusals have stopped, but for those that come anyway: the reason was a limit. */
static void gone(struct adapt *a, int64_t now_us)
{
	if (a->state == ADAPT_ASK) {
		a->before = a->known = a->limit;
		learn_afresh(a);
		a->is_below = true;
	} else if (anyway(a) >= PUT_UP && a->n_refused <= anyway(a) * (a->n_taken + a->n_refused)) {
		learn(a, a->n_taken + a->n_refused, a->n_refused);
	}
	if (a->known <= a->limit && a->good > a->limit && a->good <= NEAR * a->limit)
		a->known = a->good * DOWN;
	climb(a, now_us);
}

/* They go on: the reason is not the rate. */
static void stayed(struct adapt *a, double tps, int64_t now_us)
{
	learn_afresh(a);
	if (a->n_refused < ENOUGH)
		learn(a, a->n_asked, a->n_refused_asked);
	a->known = a->before > 0 ? a->before : tps;
	climb(a, now_us);
}

/* To a little less than what was taken: a limit refuses nothing then. */
static void ask(struct adapt *a, double taken, double tps, double sent, unsigned in_flight, int64_t now_us)
{
	unsigned n_refused = a->n_refused, n = a->n_taken + n_refused;

	decrease(a, taken * DOWN, tps, sent, in_flight, now_us);
	a->n_asked = n;
	a->n_refused_asked = n_refused;
	a->state = a->limit <= taken * DOWN ? ADAPT_ASK : ADAPT_MEASURE; /* there is no slower */
}

/* What is put up with may be an error, or over. */
static bool ask_again(struct adapt *a, double tps, double sent, unsigned in_flight, int64_t now_us)
{
	double bound = a->limit > 0 ? a->limit : tps;

	if (anyway(a) < PUT_UP || a->n_taken + a->n_refused < (uint64_t)AGAIN_TIMES * a->n_took ||
	    now_us - a->climb_us < AGAIN_US || sent < USED * bound)
		return false;
	a->before = a->limit;
	ask(a, meter_sum(&a->accepted, now_us) * 1000.0 / METER_MS, tps, sent, in_flight, now_us);
	return true;
}

/* Nothing is taken any more: the carrier is stuck, or its second has had what it may.  A second's worth is then no more
 * than was taken within one. */
static void note_used_up(struct adapt *a, unsigned taken)
{
	if (!a->taken && a->n_blocked == 0 && taken >= FEW && (a->known <= 0 || a->known > taken))
		a->known = taken;
}

/* At once, to what was taken of late and what is refused of it anyway; never below half of what went.  The first second
 * is not over when it is refused for the first time: when there is a bound to the error, its last quarter says more. */
static void fall(struct adapt *a, double tps, double sent, unsigned in_flight, int64_t now_us)
{
	double base = base_of(a, tps, sent), to = base;
	unsigned taken = meter_sum(&a->accepted, now_us);

	if (is_doubling(a) && a->taken) {
		base = a->limit;
		to = recent(a, now_us);
	} else if (a->limit <= 0 && tps > 0 && a->taken && taken >= FEW) {
		to = fmax(recent(a, now_us), taken * 1000.0 / METER_MS);
		base = fmax(base, fmin(tps, to + meter_rate(&a->refused, RECENT_MS, now_us)));
	} else if (!a->taken || taken + meter_sum(&a->refused, now_us) >= FEW) {
		to = taken * 1000.0 / METER_MS;
	}
	to = fmin(to / (1 - anyway(a)), base) * DOWN;
	note_before(a);
	note_used_up(a, taken);
	a->good *= DOWN;
	decrease(a, to > base * DOWN_MOST ? to : base * DOWN_MOST, tps, sent, in_flight, now_us);
	a->state = ADAPT_MEASURE;
}

/* Does this answer say that nothing is taken at all? */
static bool is_blocked(const struct adapt *a, int64_t now_us)
{
	return !a->taken && (a->n_blocked || a->run <= -ROW) && (a->cut_us == 0 || now_us - a->cut_us >= BLOCKED_US);
}

/* Enough to ask about?  Also when it cannot be told whether that is more than what is refused anyway. */
static bool is_measured(const struct adapt *a)
{
	return (a->doubt >= SURE_STAYED && (a->n_taken >= FEW || a->n_refused >= 4 * FEW)) ||
	       (a->begun && a->n_taken >= FEW && a->n_taken + a->n_refused >= UNDECIDED);
}

/* True: the rate was decreased. */
static bool judge(struct adapt *a, bool is_refused, double tps, double sent, unsigned in_flight, int64_t now_us)
{
	if (is_refused && is_blocked(a, now_us)) {
		fall(a, tps, sent, in_flight, now_us);
		return true;
	}
	if (!a->taken || (a->state == ADAPT_ASK && now_us - a->cut_us < SETTLE_US))
		return false;
	count(a, is_refused, now_us);
	switch (a->state) {
	case ADAPT_CLIMB:
		if (!is_refused || a->doubt < SURE_WRONG)
			return is_refused && ask_again(a, tps, sent, in_flight, now_us);
		fall(a, tps, sent, in_flight, now_us);
		return true;
	case ADAPT_MEASURE:
		if (a->doubt <= -SURE_FINE)
			gone(a, now_us);
		else if (is_whole_second(a) && is_measured(a)) {
			ask(a, (a->n_taken - 1.0) * 1e6 / (double)a->busy_us, tps, sent, in_flight, now_us);
			return true;
		}
		return false;
	case ADAPT_ASK:
		if (a->doubt <= -SURE_GONE)
			gone(a, now_us);
		else if (is_whole_second(a) && a->doubt >= SURE_STAYED)
			stayed(a, tps, now_us);
		return false;
	}
	return false;
}

/* A full queue that is not only this recipient's? */
static bool is_links(struct adapt *a, int64_t now_us)
{
	unsigned full = meter_sum(&a->refused, now_us);

	return full >= FULL_LEAST && full * (FULL_SHARE - 1) >= meter_sum(&a->accepted, now_us);
}

bool adapt_answer(struct adapt *a, enum adapt_answer answer, double tps, double sent, unsigned in_flight,
	int64_t now_us)
{
	bool is_refused = answer != ADAPT_TAKEN;

	if (answer == ADAPT_TAKEN)
		meter_add(&a->accepted, 1, now_us);
	else if (answer != ADAPT_OTHER)
		meter_add(&a->refused, 1, now_us);
	if (a->old) { /* sent before the decrease */
		a->old--;
		return false;
	}
	if (answer == ADAPT_OTHER || (answer == ADAPT_FULL && !is_links(a, now_us)))
		return false;
	a->run = is_refused ? (a->run < 0 ? a->run : 0) - 1 : (a->run > 0 ? a->run : 0) + 1;
	if (is_refused && a->refused_us && now_us - a->refused_us > FORGET_US)
		a->n_anyway = a->n_refused_anyway = 0;
	if (is_refused) {
		a->refused_us = now_us;
	} else {
		a->taken = true;
		a->n_blocked = 0;
	}
	return judge(a, is_refused, tps, sent, in_flight, now_us);
}

bool adapt_congestion(struct adapt *a, unsigned percent, double tps, double sent, unsigned in_flight, int64_t now_us)
{
	double base = base_of(a, tps, sent);

	if (percent > CONGESTION_FULL)
		return false; /* reserved */
	a->congestion = (uint8_t)percent;
	a->congestion_us = now_us;
	if (percent < CONGESTION_NEAR || a->old || (a->cut_us && now_us - a->cut_us < SETTLE_US))
		return false;
	decrease(a, base * (percent == CONGESTION_FULL ? DOWN_MOST : DOWN), tps, sent, in_flight, now_us);
	a->state = ADAPT_MEASURE;
	return true;
}

void adapt_new_sessions(struct adapt *a)
{
	a->congestion = 0;
}

/* So much per second after `s` seconds; the slower, the more time. */
static double step(const struct adapt *a, double s)
{
	if (a->limit < FEW)
		s *= a->limit / FEW;
	return a->limit * 3 * s * s / (CLIMB_S * CLIMB_S * CLIMB_S);
}

/* May it grow already, or does it wait for more answers? */
static bool is_held(struct adapt *a, bool doubling, int64_t now_us)
{
	if (doubling && a->state == ADAPT_MEASURE && a->old == 0 && now_us - a->refused_us >= BLOCKED_US &&
	    (a->was_blocked || a->run >= ROW))
		climb(a, now_us); /* what it fell to was a guess, and too low */
	return a->state == ADAPT_ASK || (a->state == ADAPT_MEASURE && a->begun) || a->doubt > SURE_WRONG / 2;
}

static void forget(struct adapt *a)
{
	a->limit = a->known = 0;
	if (a->state != ADAPT_CLIMB)
		climb(a, a->grown_us);
}

void adapt_grow(struct adapt *a, double tps, int64_t now_us)
{
	double s = (double)(now_us - a->grown_us) / 1e6;
	bool doubling;
	unsigned n;

	if (a->limit <= 0)
		return;
	if (now_us < a->cut_us) /* the clock stepped back */
		a->cut_us = a->climb_us = a->grown_us = now_us;
	if (now_us - a->cut_us > FORGET_US) {
		forget(a);
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
	n = meter_sum(&a->accepted, now_us);
	if (n == 0 || !a->taken || a->congestion >= CONGESTION_OPTIMUM)
		return;
	doubling = is_doubling(a) && n + meter_sum(&a->refused, now_us) >= a->limit * USED;
	if (is_held(a, doubling, now_us))
		return;
	if (doubling) {
		a->limit *= exp2(s / DOUBLE_S);
		if (a->known > 0 && a->limit > a->known)
			a->limit = a->known;
	} else {
		if (a->state == ADAPT_CLIMB && a->doubt <= 0 && now_us - a->climb_us > SETTLE_US)
			a->good = a->limit;
		a->limit += s * step(a, (double)(now_us - a->climb_us) / 1e6);
	}
	if (a->limit >= (tps > 0 ? tps : RATE_MOST))
		forget(a);
}

unsigned adapt_pause_ms(const struct adapt *a, unsigned first_ms)
{
	unsigned ms = anyway(a) >= PUT_UP ? 0 : first_ms;

	for (unsigned i = 0; i < a->n_blocked && ms < PAUSE_MOST_MS; i++)
		ms *= 2;
	return ms < PAUSE_MOST_MS ? ms : PAUSE_MOST_MS;
}
