/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/taken.h"

#include <stddef.h>

#define SAMPLES_MAX 8 /* so that a clock that was set is believed soon */

struct taken_claim taken_claim(const struct taken_clock *c, int64_t at_s, int64_t come_s)
{
	bool sure = c->n >= TAKEN_SURE;

	return (struct taken_claim){ .any = true, .at_s = at_s, .off_s = sure ? c->off_s : 0, .sure = sure,
		.come_s = come_s };
}

static int64_t distance(int64_t a, int64_t b)
{
	return a < b ? b - a : a - b;
}

/* When the part was taken, by our clock. */
static int64_t taken_s(const struct taken_claim *c)
{
	return c->at_s - c->off_s;
}

void taken_consider(struct taken_pick *p, const struct taken_claim *c, const struct taken_part *one)
{
	int64_t far = distance(taken_s(c), one->sent_s);

	if (one->sent_s > c->come_s + TAKEN_EARLY_S)
		return;
	if (one->over && !(c->sure && far <= TAKEN_NEAR_S))
		return; /* it has waited too long to be guessed at */
	if (!p->n++ || far < p->far) {
		p->near = *one;
		p->far = far;
	}
	if (!one->open)
		return;
	if (!p->n_open || one->sent_s < p->first_s)
		p->first_s = one->sent_s;
	if (!p->n_open || one->sent_s > p->last_s)
		p->last_s = one->sent_s;
	if (!p->n_open++ || far < p->far_open) {
		p->near_open = *one;
		p->far_open = far;
	}
}

static enum taken_end choose_sure(const struct taken_pick *p, const struct taken_claim *c, struct taken_part *ret)
{
	if (p->far <= TAKEN_NEAR_S)
		return TAKEN_ONE;
	if (!p->n_open || taken_s(c) < p->first_s || c->strict)
		return TAKEN_NONE;
	*ret = p->near_open;
	return p->n_open == 1 ? TAKEN_ONE : TAKEN_DOUBT;
}

enum taken_end taken_choose(const struct taken_pick *p, const struct taken_claim *c, struct taken_part *ret)
{
	if (!p->n)
		return TAKEN_NONE;
	/* Of two that were sent within seconds, the one that still waits. */
	*ret = p->n_open && p->far_open <= p->far + TAKEN_SAME_S ? p->near_open : p->near;
	if (c->sure)
		return choose_sure(p, c, ret);
	if (p->far <= TAKEN_LIKELY_S)
		return TAKEN_ONE;
	if (p->n_open)
		*ret = p->near_open; /* their clock may well be wrong: rather that than a repetition */
	if (distance(taken_s(c), ret->sent_s) > TAKEN_WIDE_S)
		return TAKEN_NONE;
	return c->strict || p->last_s - p->first_s > TAKEN_CLUSTER_S ? TAKEN_DOUBT : TAKEN_ONE;
}

bool taken_is(const struct taken_claim *c, int64_t sent_s)
{
	return sent_s <= c->come_s + TAKEN_EARLY_S &&
		distance(taken_s(c), sent_s) <= (c->sure ? TAKEN_NEAR_S : TAKEN_LIKELY_S);
}

bool taken_overtook(const struct taken_claim *c, int64_t sent_s)
{
	return !c->sure && c->come_s <= sent_s && c->come_s + TAKEN_EARLY_S >= sent_s &&
		distance(taken_s(c), sent_s) <= TAKEN_WIDE_S;
}

bool taken_before(const struct taken_claim *c, int64_t made_s)
{
	return taken_s(c) + (c->sure ? TAKEN_NEAR_S : TAKEN_WIDE_S) < made_s;
}

bool taken_learn(struct taken_clock *clock, const struct taken_pick *p, const struct taken_claim *c)
{
	int64_t off;

	if (!p->n_open || p->last_s - p->first_s > TAKEN_CLUSTER_S)
		return false;
	off = c->at_s - p->last_s;
	if (clock->n && distance(off, clock->off_s) <= TAKEN_NEAR_S) {
		clock->off_s += (off - clock->off_s) / 4;
		clock->n += clock->n < SAMPLES_MAX;
		return clock->n == TAKEN_SURE && !c->sure;
	}
	if (clock->n > 1) {
		clock->n--;
		return false;
	}
	clock->off_s = off;
	clock->n = 1;
	return false;
}
