/* SPDX-License-Identifier: Apache-2.0 */
/* hosts.c -- see hosts.h for the rules. */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smpp/hosts.h"

#define REFUSED_MOST 10u /* times refused_ms */

void hosts_init(struct hosts *h, const struct hosts_conf *conf, uint64_t seed)
{
	memset(h, 0, sizeof(*h));
	h->conf = *conf;
	h->random = seed | 1;
}

void hosts_done(struct hosts *h)
{
	for (unsigned i = 0; i < h->n; i++) {
		free(h->one[i].name);
		free(h->one[i].label);
	}
	h->n = 0;
}

int hosts_add(struct hosts *h, const char *name, int port)
{
	struct hosts_one *o = &h->one[h->n];
	bool colons = strchr(name, ':') != NULL;

	if (h->n == HOSTS_MAX)
		return -ENOSPC;
	o->name = strdup(name);
	if (!o->name)
		return -ENOMEM;
	if (asprintf(&o->label, colons ? "[%s]:%d" : "%s:%d", name, port) < 0) {
		free(o->name);
		o->name = o->label = NULL;
		return -ENOMEM;
	}
	o->port = port;
	o->parallel = 1;
	h->n++;
	return 0;
}

unsigned hosts_home(const struct hosts *h, unsigned i)
{
	return h->conf.round_robin ? i % h->n : 0;
}

/* ---- taking ---- */

static unsigned n_trying(const struct hosts *h)
{
	unsigned n = 0;

	for (unsigned i = 0; i < h->n; i++)
		n += h->one[i].n_trying;
	return n;
}

/* Home, if it is not left alone; else the next in order, or the one with the fewest binds.  -1: none. */
static int choose(const struct hosts *h, unsigned home, uint64_t now_ms)
{
	int best = -1;

	for (unsigned k = 0; k < h->n; k++) {
		unsigned i = (home + k) % h->n;
		const struct hosts_one *o = &h->one[i];

		if (o->not_before_ms > now_ms)
			continue;
		if (k == 0 || !h->conf.round_robin)
			return (int)i;
		if (best < 0 || o->n_bound + o->n_trying < h->one[best].n_bound + h->one[best].n_trying)
			best = (int)i;
	}
	return best;
}

static uint64_t first_time(const struct hosts *h)
{
	uint64_t first = HOSTS_NEVER;

	for (unsigned i = 0; i < h->n; i++)
		if (h->one[i].not_before_ms < first)
			first = h->one[i].not_before_ms;
	return first;
}

int hosts_take(struct hosts *h, struct hosts_seat *seat, uint64_t now_ms, uint64_t *ret_again_ms)
{
	struct hosts_one *o;
	int i = choose(h, seat->home, now_ms);

	assert(seat->phase == HOSTS_AWAY && h->n);
	if (i < 0) {
		*ret_again_ms = first_time(h);
		return -EAGAIN;
	}
	o = &h->one[i];
	if (o->n_trying >= o->parallel || (h->n_denied && n_trying(h))) {
		*ret_again_ms = HOSTS_NEVER;
		return -EAGAIN;
	}
	seat->host = (unsigned)i;
	seat->epoch = o->epoch;
	seat->phase = HOSTS_TRYING;
	o->n_trying++;
	return 0;
}

void hosts_bound(struct hosts *h, struct hosts_seat *seat)
{
	struct hosts_one *o = &h->one[seat->host];

	assert(seat->phase == HOSTS_TRYING);
	seat->phase = HOSTS_BOUND;
	o->n_trying--;
	o->n_bound++;
	h->n_denied = o->n_refused = 0;
	if (seat->epoch == o->epoch && o->parallel < HOSTS_PARALLEL)
		o->parallel++; /* so they double with each round */
}

void hosts_alive(struct hosts *h, const struct hosts_seat *seat)
{
	struct hosts_one *o = &h->one[seat->host];

	if (seat->phase == HOSTS_BOUND && seat->epoch == o->epoch)
		o->n_failures = 0;
}

/* ---- leaving ---- */

static uint64_t random_below(struct hosts *h, uint64_t n)
{
	/* xorshift64: that many links do not knock at the same moment asks for no more. */
	h->random ^= h->random << 13;
	h->random ^= h->random >> 7;
	h->random ^= h->random << 17;
	return n ? h->random % n : 0;
}

static uint64_t doubled(uint64_t first, uint32_t times, uint64_t most)
{
	uint64_t ms = first;

	while (times-- > 0 && ms < most)
		ms *= 2;
	return ms < most ? ms : most;
}

/* Give or take a quarter, never outside the bounds. */
static uint64_t lost_ms(struct hosts *h, uint32_t n_before)
{
	uint64_t min = h->conf.reconnect_min_ms, max = h->conf.reconnect_max_ms;
	uint64_t ms = doubled(min, n_before, max);

	ms = ms - ms / 4 + random_below(h, ms / 2 + 1);
	return ms < min ? min : ms > max ? max : ms;
}

/* Never less than what was asked for: a lock at the carrier's may count in whole minutes. */
static uint64_t refused_ms(struct hosts *h, uint32_t n_before)
{
	uint64_t ms = doubled(h->conf.refused_ms, n_before, h->conf.refused_ms * REFUSED_MOST);

	return ms + random_below(h, ms / 10 + 1);
}

static uint64_t pause_ms(struct hosts *h, const struct hosts_one *o, enum hosts_failure why)
{
	uint64_t ms = 0;

	switch (why) {
	case HOSTS_NONE:
		break;
	case HOSTS_LOST:
		ms = lost_ms(h, o->n_failures);
		break;
	case HOSTS_BUSY:
		ms = lost_ms(h, o->n_failures);
		if (ms < h->conf.linger_ms)
			ms = h->conf.linger_ms;
		if (ms > h->conf.reconnect_max_ms)
			ms = h->conf.reconnect_max_ms;
		break;
	case HOSTS_REFUSED:
		ms = refused_ms(h, o->n_refused);
		break;
	case HOSTS_DENIED:
		ms = refused_ms(h, h->n_denied);
		break;
	}
	return ms;
}

static void hold(struct hosts_one *o, uint64_t until_ms)
{
	o->epoch++;
	o->parallel = 1;
	if (o->not_before_ms < until_ms)
		o->not_before_ms = until_ms;
}

uint64_t hosts_leave(struct hosts *h, struct hosts_seat *seat, enum hosts_failure why, uint64_t now_ms)
{
	struct hosts_one *o = &h->one[seat->host];
	uint64_t ms;

	if (seat->phase == HOSTS_TRYING)
		o->n_trying--;
	else if (seat->phase == HOSTS_BOUND)
		o->n_bound--;
	else
		return 0;
	seat->phase = HOSTS_AWAY;
	if (why == HOSTS_NONE || seat->epoch != o->epoch)
		return 0;
	ms = pause_ms(h, o, why);
	o->n_failures++;
	o->n_refused += why == HOSTS_REFUSED;
	hold(o, now_ms + ms);
	if (why != HOSTS_DENIED)
		return ms;
	h->n_denied++;
	for (unsigned i = 0; i < h->n; i++)
		if (&h->one[i] != o)
			hold(&h->one[i], now_ms + ms);
	return ms;
}

void hosts_retry_one(struct hosts *h, unsigned host)
{
	h->one[host].not_before_ms = 0;
	h->one[host].n_failures = h->one[host].n_refused = 0;
}

void hosts_retry(struct hosts *h)
{
	for (unsigned i = 0; i < h->n; i++)
		hosts_retry_one(h, i);
	h->n_denied = 0;
}
