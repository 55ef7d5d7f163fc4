/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/guard.h"

#include <string.h>

#define NEARLY_ALL 0.9

static int64_t slice_ms(const struct guard_rule *r)
{
	return (int64_t)r->minutes * 60000 / GUARD_SLICES;
}

static int64_t probe_ms(const struct guard_rule *r)
{
	return (int64_t)r->probe_minutes * 60000;
}

/* Forget what has left the window. */
static void move(struct guard *g, const struct guard_rule *r, int64_t now_ms)
{
	int64_t now = now_ms / slice_ms(r);

	if (now - g->slice >= GUARD_SLICES || now < g->slice) /* also when the clock, or the rule, was changed */
		memset(g->n, 0, sizeof(g->n));
	else
		for (int64_t i = g->slice + 1; i <= now; i++)
			memset(g->n[i % GUARD_SLICES], 0, sizeof(g->n[0]));
	g->slice = now;
}

static unsigned sum(const struct guard *g, enum guard_end end)
{
	unsigned n = 0;

	for (unsigned i = 0; i < GUARD_SLICES; i++)
		n += g->n[i][end];
	return n;
}

static bool too_many(const struct guard *g, const struct guard_rule *r)
{
	unsigned failed = sum(g, GUARD_FAILED), recipient = sum(g, GUARD_RECIPIENT);
	unsigned all = sum(g, GUARD_TAKEN) + failed + recipient;

	return all >= r->of && (failed >= r->failures * all ||
		failed + recipient + sum(g, GUARD_UNDELIVERED) >= NEARLY_ALL * all);
}

static bool set_aside(struct guard *g, const struct guard_rule *r, int64_t now_ms)
{
	g->state = GUARD_ASIDE;
	g->probe_ms = now_ms + probe_ms(r);
	g->trips++;
	return true;
}

bool guard_end(struct guard *g, const struct guard_rule *r, enum guard_end end, int64_t now_ms)
{
	uint32_t *n;

	if (r->failures <= 0 && !g->silent)
		return false;
	move(g, r, now_ms);
	n = &g->n[now_ms / slice_ms(r) % GUARD_SLICES][end];
	*n += *n < UINT32_MAX / GUARD_SLICES / GUARD_ENDS;
	if (g->state == GUARD_OPEN)
		return end != GUARD_TAKEN && too_many(g, r) && set_aside(g, r, now_ms);
	if (g->state != GUARD_PROBE || end == GUARD_UNDELIVERED)
		return false; /* answers of before; a receipt is of before, too */
	if (end == GUARD_FAILED || g->silent)
		return set_aside(g, r, now_ms);
	memset(g->n, 0, sizeof(g->n));
	g->state = GUARD_OPEN;
	g->since_ms = now_ms;
	return true;
}

bool guard_undelivered(struct guard *g, const struct guard_rule *r, int64_t sent_ms, int64_t now_ms)
{
	if (sent_ms < g->since_ms || sent_ms < now_ms - (int64_t)r->minutes * 60000)
		return false;
	return guard_end(g, r, GUARD_UNDELIVERED, now_ms);
}

bool guard_silent(struct guard *g, const struct guard_rule *r, int64_t now_ms)
{
	if (g->silent || g->state != GUARD_OPEN)
		return false;
	g->silent = true;
	return set_aside(g, r, now_ms);
}

bool guard_reported(struct guard *g)
{
	if (!g->silent)
		return false;
	memset(g->n, 0, sizeof(g->n));
	g->silent = false;
	g->state = GUARD_OPEN;
	return true;
}

bool guard_clock(struct guard *g, const struct guard_rule *r, int64_t now_ms)
{
	if (g->state != GUARD_OPEN && (g->silent ? !r->silence : r->failures <= 0)) { /* a reload took the guard away */
		g->silent = false;
		g->state = GUARD_OPEN;
		return true;
	}
	if (g->state == GUARD_PROBE && !g->any_class && now_ms >= g->probe_ms + probe_ms(r)) {
		g->any_class = true;
		return true;
	}
	if (g->state != GUARD_ASIDE)
		return false;
	if (g->probe_ms > now_ms + probe_ms(r)) /* the clock was set back, or a reload made it shorter */
		g->probe_ms = now_ms + probe_ms(r);
	if (now_ms < g->probe_ms)
		return false;
	g->state = GUARD_PROBE;
	g->any_class = false;
	return true;
}

void guard_counts(const struct guard *g, const struct guard_rule *r, int64_t now_ms, unsigned *ret_failed,
	unsigned *ret_all)
{
	struct guard now = *g;

	*ret_failed = *ret_all = 0;
	if (r->failures <= 0)
		return;
	move(&now, r, now_ms);
	*ret_failed = sum(&now, GUARD_FAILED);
	*ret_all = sum(&now, GUARD_TAKEN) + *ret_failed + sum(&now, GUARD_RECIPIENT);
}
