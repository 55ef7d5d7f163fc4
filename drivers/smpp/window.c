/* SPDX-License-Identifier: Apache-2.0 */
/* window.c -- see window.h. */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "smpp/window.h"

/* ---- histogram ---- */

#define HISTOGRAM_MANY 65536u

/* 0..7 ms have a bucket each; from there on four buckets divide each octave. */
static unsigned bucket_of(uint64_t ms)
{
	unsigned octave, bucket;

	if (ms < 8)
		return (unsigned)ms;
	octave = 63u - (unsigned)__builtin_clzll(ms);
	bucket = 8 + (octave - 3) * 4 + (unsigned)(ms >> (octave - 2) & 3);
	return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The largest value of a bucket. */
static uint32_t bucket_top(unsigned bucket)
{
	unsigned octave, quarter;

	if (bucket < 8)
		return bucket;
	octave = 3 + (bucket - 8) / 4;
	quarter = (bucket - 8) % 4;
	return (uint32_t)(((5ull + quarter) << (octave - 2)) - 1);
}

void histogram_add(struct histogram *h, uint64_t ms)
{
	h->n[bucket_of(ms)]++;
	if (++h->total < HISTOGRAM_MANY)
		return;
	h->total = 0;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		h->n[i] /= 2;
		h->total += h->n[i];
	}
}

uint32_t histogram_percentile(const struct histogram *h, unsigned percent)
{
	uint64_t want = ((uint64_t)h->total * percent + 99) / 100;
	uint64_t seen = 0;

	if (!h->total)
		return 0;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->n[i];
		if (seen >= want && seen)
			return bucket_top(i);
	}
	return bucket_top(HISTOGRAM_BUCKETS - 1);
}

/* ---- window ---- */

int window_init(struct window *w, uint32_t size)
{
	uint32_t places = 4;

	memset(w, 0, sizeof(*w));
	while (places < size * 4)
		places *= 2;
	w->slots = calloc(places, sizeof(w->slots[0]));
	w->late = calloc(WINDOW_LATE, sizeof(w->late[0]));
	if (!w->slots || !w->late) {
		window_done(w);
		return -ENOMEM;
	}
	w->mask = places - 1;
	w->size = size;
	return 0;
}

void window_done(struct window *w)
{
	free(w->slots);
	free(w->late);
	w->slots = NULL;
	w->late = NULL;
}

void window_reset(struct window *w)
{
	assert(w->n == 0);
	w->seq = 0;
	memset(w->late, 0, WINDOW_LATE * sizeof(w->late[0]));
}

uint32_t window_seq(struct window *w)
{
	do
		w->seq = w->seq >= WINDOW_SEQ_MAX ? 1 : w->seq + 1;
	while (w->slots[w->seq & w->mask].seq);
	return w->seq;
}

/* At the end of the list. */
static void window_put(struct window *w, uint32_t seq, uint64_t key, uint64_t now_ms, uint64_t end_octet)
{
	uint32_t at = seq & w->mask;
	struct window_slot *slot = &w->slots[at];

	assert(!slot->seq && seq);
	*slot = (struct window_slot){
		.key = key, .sent_ms = now_ms, .end_octet = end_octet, .seq = seq, .prev = w->last,
	};
	if (w->n++)
		w->slots[w->last].next = at;
	else
		w->first = at;
	w->last = at;
}

void window_add(struct window *w, uint32_t seq, uint64_t key, uint64_t now_ms, uint64_t end_octet)
{
	assert(!window_full(w));
	window_put(w, seq, key, now_ms, end_octet);
}

/* The numbers that wait lie in places of their own by the low bits, so they do in a table with more bits. */
int window_resize(struct window *w, uint32_t size)
{
	uint32_t places = w->mask + 1;
	struct window bigger = { .size = size, .seq = w->seq, .late = w->late };

	while (places < size * 4)
		places *= 2;
	if (places == w->mask + 1) {
		w->size = size;
		return 0;
	}
	bigger.slots = calloc(places, sizeof(w->slots[0]));
	if (!bigger.slots)
		return -ENOMEM;
	bigger.mask = places - 1;
	for (uint32_t at = w->first, n = w->n; n; n--) {
		struct window_slot *slot = &w->slots[at];

		at = slot->next;
		window_put(&bigger, slot->seq, slot->key, slot->sent_ms, slot->end_octet);
	}
	free(w->slots);
	*w = bigger;
	return 0;
}

static void unlink_slot(struct window *w, struct window_slot *slot)
{
	uint32_t at = (uint32_t)(slot - w->slots);

	if (at == w->first)
		w->first = slot->next;
	else
		w->slots[slot->prev].next = slot->next;
	if (at == w->last)
		w->last = slot->prev;
	else
		w->slots[slot->next].prev = slot->prev;
	slot->seq = 0;
	w->n--;
}

bool window_take(struct window *w, uint32_t seq, struct window_slot *ret)
{
	struct window_slot *slot = &w->slots[seq & w->mask];

	if (!seq || slot->seq != seq)
		return false;
	*ret = *slot;
	unlink_slot(w, slot);
	return true;
}

const struct window_slot *window_oldest(const struct window *w)
{
	return w->n ? &w->slots[w->first] : NULL;
}

void window_drop(struct window *w, struct window_slot *ret)
{
	struct window_slot *slot = &w->slots[w->first];

	assert(w->n);
	*ret = *slot;
	unlink_slot(w, slot);
}

void window_expire(struct window *w, struct window_slot *ret)
{
	window_drop(w, ret);
	w->late[ret->seq & (WINDOW_LATE - 1)] = (struct window_late){ .key = ret->key, .seq = ret->seq };
}

bool window_take_late(struct window *w, uint32_t seq, uint64_t *ret_key)
{
	struct window_late *late = &w->late[seq & (WINDOW_LATE - 1)];

	if (!seq || late->seq != seq)
		return false;
	*ret_key = late->key;
	late->seq = 0;
	return true;
}
