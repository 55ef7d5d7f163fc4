/* SPDX-License-Identifier: Apache-2.0
 *
 * pace.c -- see pace.h.
 *
 * The window counts by slots of a millisecond and lets go of a slot when it lies more than METER_MS behind: two parts
 * that are not in one window are then at least METER_MS apart, whatever their places within their slots.
 */
#include "queue/pace.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#define FINE_BELOW 20.0  /* a fraction of a rate below this is more than its hundredth part: see pace.h */
#define BURST_S    0.05  /* the bucket's depth when none is configured */
#define TICK_S     0.02  /* and at least what comes in while nobody looks */

/* ---- meter ----------------------------------------------------------------------------------------------- */

/* The clock stepped back by more than jitter: everything counts as if it were of now. */
static void meter_rebase(struct meter *m, int64_t slot)
{
	memset(m->n, 0, sizeof(m->n));
	m->n[slot & (METER_SLOTS - 1)] = m->sum;
	m->slot = slot;
}

static void meter_turn(struct meter *m, int64_t now_us)
{
	int64_t slot = now_us / 1000;

	if (slot < m->slot - METER_MS) {
		meter_rebase(m, slot);
		return;
	}
	if (slot - m->slot > METER_MS) {
		if (m->sum)
			memset(m->n, 0, sizeof(m->n));
		m->sum = 0;
		m->slot = slot;
		return;
	}
	while (m->slot < slot) {
		uint32_t *gone = &m->n[(++m->slot - METER_MS - 1) & (METER_SLOTS - 1)];

		m->sum -= *gone;
		*gone = 0;
	}
}

void meter_add(struct meter *m, unsigned n, int64_t now_us)
{
	meter_turn(m, now_us);
	m->n[m->slot & (METER_SLOTS - 1)] += n;
	m->sum += n;
}

unsigned meter_sum(struct meter *m, int64_t now_us)
{
	meter_turn(m, now_us);
	return m->sum;
}

double meter_rate(struct meter *m, unsigned ms, int64_t now_us)
{
	unsigned n = 0;

	meter_turn(m, now_us);
	for (unsigned i = 0; i < ms && i < METER_MS; i++)
		n += m->n[(m->slot - i) & (METER_SLOTS - 1)];
	return n * 1000.0 / ms;
}

/* Until `n` of what is counted have gone; the caller has turned the meter to now. */
static int64_t meter_wait_us(const struct meter *m, unsigned n, int64_t now_us)
{
	unsigned gone = 0;

	for (int64_t slot = m->slot - METER_MS; slot <= m->slot; slot++) {
		gone += m->n[slot & (METER_SLOTS - 1)];
		if (gone >= n)
			return (slot + METER_MS + 1) * 1000 - now_us;
	}
	return METER_MS * 1000;
}

/* ---- pace ------------------------------------------------------------------------------------------------ */

static bool by_distance(double tps)
{
	return tps < FINE_BELOW && tps != floor(tps);
}

void pace_set(struct pace *p, double tps, double limit, unsigned burst)
{
	double rate = tps * 1000 / METER_MS, max = by_distance(tps) ? ceil(tps) : floor(tps);

	if (limit > 0 && (tps <= 0 || limit < rate)) {
		max = tps > 0 && max < ceil(limit * METER_MS / 1000) ? max : ceil(limit * METER_MS / 1000);
		rate = limit;
	}
	if (p->rate <= 0) /* the bucket was not used: it is full */
		p->at_us = 0;
	p->rate = rate;
	if (rate <= 0)
		return;
	p->max = max < 1 ? 1 : max < UINT_MAX ? (unsigned)max : UINT_MAX;
	p->burst = burst ? burst : (limit > 0 || tps <= 0 ? rate : tps) * BURST_S;
	if (p->burst < rate * TICK_S)
		p->burst = rate * TICK_S;
	if (p->burst > p->max)
		p->burst = p->max;
	if (p->burst < 1 || by_distance(tps))
		p->burst = 1;
	if (p->full_us / 1000 > p->sent.slot) {
		meter_add(&p->sent, p->max, p->full_us);
		p->tokens = 0;
		p->at_us = p->full_us;
	}
	p->full_us = 0;
}

static void fill(struct pace *p, int64_t now_us)
{
	if (p->at_us == 0)
		p->tokens = p->burst;
	else if (now_us > p->at_us)
		p->tokens += p->rate * (double)(now_us - p->at_us) / 1e6;
	if (now_us > p->at_us || now_us < p->at_us - 1000000)
		p->at_us = now_us;
	if (p->tokens > p->burst)
		p->tokens = p->burst;
}

/* What others leave: a twentieth of the window, and of the bucket the next token. */
static unsigned window_spare(const struct pace *p, bool reserve)
{
	return reserve ? p->max / 20 : 0;
}

static unsigned bucket_spare(const struct pace *p, bool reserve)
{
	return reserve && p->max >= 20 && p->burst >= 2;
}

unsigned pace_room(struct pace *p, bool reserve, int64_t now_us)
{
	unsigned used;
	double tokens;

	if (p->rate <= 0)
		return UINT_MAX;
	fill(p, now_us);
	used = meter_sum(&p->sent, now_us) + p->held + window_spare(p, reserve);
	tokens = floor(p->tokens + 1e-6) - p->held - bucket_spare(p, reserve);
	if (used >= p->max || tokens < 1)
		return 0;
	return p->max - used < tokens ? p->max - used : (unsigned)tokens;
}

int64_t pace_wait_us(struct pace *p, bool reserve, int64_t now_us)
{
	int64_t wait = 0, window;
	double missing;
	unsigned used;

	if (p->rate <= 0)
		return 0;
	fill(p, now_us);
	used = meter_sum(&p->sent, now_us) + p->held + window_spare(p, reserve);
	missing = 1.0 + p->held + bucket_spare(p, reserve) - p->tokens;
	if (missing > 1e-6)
		wait = (int64_t)ceil(missing * 1e6 / p->rate);
	if (used < p->max)
		return wait;
	window = meter_wait_us(&p->sent, used - p->max + 1, now_us);
	return window > wait ? window : wait;
}

void pace_take(struct pace *p, unsigned n, int64_t now_us)
{
	if (p->rate > 0) {
		fill(p, now_us);
		p->tokens -= n;
	}
	p->held -= n;
	meter_add(&p->sent, n, now_us);
}

double pace_sent(struct pace *p, int64_t now_us)
{
	return meter_sum(&p->sent, now_us) * 1000.0 / METER_MS;
}
