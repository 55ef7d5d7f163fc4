/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/sent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define SENT_MIN (1u << 12)
#define NONE UINT32_MAX
#define RENUMBER_AT (1u << 31)

/* The ring holds entries [head, tail), both counted up without end; slot = number & (cap - 1).  The index is a chained
 * hash: bucket → newest number, next[slot] → older number of the same bucket.  Numbers fall along a chain, so the
 * first one below head ends it: what leaves the ring need not be taken out of its chain.  That matters with a carrier
 * that gives one id to all, where walking to the oldest of a chain would be walking through the whole ring. */
struct sent {
	struct sent_entry *ring;
	uint32_t *next, *bucket;
	uint32_t cap, head, tail, sweep, n_open;
	struct sent_bounds bounds;
	void (*spill)(void *arg, const struct sent_entry *e);
	void *arg;
};

struct sent *sent_new(void (*spill)(void *arg, const struct sent_entry *e), void *arg)
{
	return sent_new_within(&(struct sent_bounds){ SENT_MAX, RENUMBER_AT }, spill, arg);
}

struct sent *sent_new_within(const struct sent_bounds *b, void (*spill)(void *arg, const struct sent_entry *e),
	void *arg)
{
	struct sent *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->bounds = *b;
	s->spill = spill;
	s->arg = arg;
	return s;
}

void sent_free(struct sent *s)
{
	if (!s)
		return;
	free(s->ring);
	free(s->next);
	free(s->bucket);
	free(s);
}

uint64_t sent_hash(uint32_t link, const char *normalised_id)
{
	uint64_t h = hash_bytes(link, normalised_id, strlen(normalised_id));

	return h ? h : 1;
}

bool sent_same_number(uint64_t a, uint64_t b)
{
	return a == 0 || b == 0 || a % 10000000 == b % 10000000;
}

static struct sent_entry *at(const struct sent *s, uint32_t number)
{
	return &s->ring[number & (s->cap - 1)];
}

/* Whether a number met in a chain is still in the ring; also false for NONE. */
static bool in_ring(const struct sent *s, uint32_t number)
{
	return number - s->head < s->tail - s->head;
}

static void index_add(struct sent *s, uint32_t number)
{
	uint32_t *b = &s->bucket[at(s, number)->hash & (s->cap - 1)];

	if (at(s, number)->hash == 0) /* nothing can ask for it: it waits for its deadline only */
		return;
	s->next[number & (s->cap - 1)] = *b;
	*b = number;
}

/* Nothing of it is needed any more: it is delivered, or the disk has a row by which a correction finds it. */
static bool is_over(const struct sent_entry *e)
{
	return e->state != STATE_SENT && !e->n_staged;
}

/* Rebuild with room for `cap`.  Of the `old` oldest only what waits for its receipt comes along. */
static int resize(struct sent *s, uint32_t cap, uint32_t old)
{
	struct sent_entry *ring = malloc(cap * sizeof(*ring));
	uint32_t *next = malloc(cap * sizeof(*next)), *bucket = malloc(cap * sizeof(*bucket));
	uint32_t n = 0;

	if (!ring || !next || !bucket) {
		free(ring);
		free(next);
		free(bucket);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < s->tail - s->head; i++)
		if (i >= old || !is_over(at(s, s->head + i)))
			ring[n++] = *at(s, s->head + i);
	free(s->ring);
	free(s->next);
	free(s->bucket);
	s->ring = ring;
	s->next = next;
	s->bucket = bucket;
	s->cap = cap;
	s->head = s->sweep = 0;
	s->tail = n;
	memset(bucket, 0xff, cap * sizeof(*bucket));
	for (uint32_t i = 0; i < n; i++)
		index_add(s, i);
	return 0;
}

static void pop(struct sent *s)
{
	struct sent_entry *e = at(s, s->head);

	if (e->state == STATE_SENT)
		s->n_open--;
	if (!is_over(e))
		s->spill(s->arg, e);
	s->head++; /* a sweep that stood there goes on from the new head: sent_sweep() */
}

/* One entry that waits long must not make the ring grow around it: those that are over among the older three quarters
 * go first, and only when that does not free a quarter the ring doubles. */
static int make_room(struct sent *s)
{
	uint32_t old = s->cap - s->cap / 4, n_over = 0;

	if (!s->cap)
		return resize(s, s->bounds.max < SENT_MIN ? s->bounds.max : SENT_MIN, 0);
	for (uint32_t i = 0; i < old; i++)
		n_over += is_over(at(s, s->head + i));
	return n_over >= s->cap / 4 && n_over ? resize(s, s->cap, old) : resize(s, s->cap * 2, 0);
}

int sent_add(struct sent *s, const struct sent_entry *e)
{
	int r;

	if (s->tail >= s->bounds.renumber_at) { /* entries are numbered without end: begin again at 0 */
		r = resize(s, s->cap, 0);
		if (r < 0)
			return r;
	}
	if (s->tail - s->head == s->cap) {
		/* Grow only for what still waits: what is over has done its duty. */
		if (s->cap >= s->bounds.max || (s->cap && is_over(at(s, s->head)))) {
			pop(s);
		} else {
			r = make_room(s);
			if (r < 0)
				return r;
		}
	}
	*at(s, s->tail) = *e;
	index_add(s, s->tail);
	s->tail++;
	if (e->state == STATE_SENT)
		s->n_open++;
	return 0;
}

struct sent_entry *sent_find(struct sent *s, uint64_t hash, uint64_t to)
{
	struct sent_entry *settled = NULL, *e;

	if (!s->cap || !hash)
		return NULL;
	for (uint32_t n = s->bucket[hash & (s->cap - 1)]; in_ring(s, n); n = s->next[n & (s->cap - 1)]) {
		e = at(s, n);
		if (e->hash != hash || !sent_same_number(e->to, to))
			continue;
		if (e->state == STATE_SENT)
			return e;
		if (!settled)
			settled = e;
	}
	return settled;
}

void sent_each(struct sent *s, uint64_t hash, uint64_t to, unsigned most,
	void (*each)(void *arg, struct sent_entry *e), void *arg)
{
	struct sent_entry *e;

	if (!s->cap || !hash)
		return;
	for (uint32_t n = s->bucket[hash & (s->cap - 1)]; in_ring(s, n) && most; n = s->next[n & (s->cap - 1)]) {
		e = at(s, n);
		if (e->hash != hash || !sent_same_number(e->to, to))
			continue;
		most--;
		each(arg, e);
	}
}

void sent_settle(struct sent *s, struct sent_entry *e, enum msg_state state)
{
	if (e->state == STATE_SENT)
		s->n_open--;
	e->state = state;
}

void sent_reopen(struct sent *s, struct sent_entry *e)
{
	if (e->state != STATE_SENT)
		s->n_open++;
	e->state = STATE_SENT;
}

struct sent_entry *sent_find_part(struct sent *s, uint64_t hash, uint64_t id, unsigned part)
{
	struct sent_entry *e;

	if (!s->cap || !hash)
		return NULL;
	for (uint32_t n = s->bucket[hash & (s->cap - 1)]; in_ring(s, n); n = s->next[n & (s->cap - 1)]) {
		e = at(s, n);
		if (e->hash == hash && e->msg.id == id && e->part == part)
			return e;
	}
	return NULL;
}

void sent_sweep(struct sent *s, unsigned n, uint32_t now_s, void (*late)(void *arg, struct sent_entry *e),
	void (*ask)(void *arg, struct sent_entry *e), void *arg)
{
	struct sent_entry *e;

	if (s->head == s->tail)
		return;
	if (n > s->tail - s->head)
		n = s->tail - s->head;
	while (n--) {
		if (s->sweep - s->head >= s->tail - s->head)
			s->sweep = s->head;
		e = at(s, s->sweep++);
		if (e->state == STATE_SENT && e->deadline_s <= now_s)
			late(arg, e);
		else if (e->state == STATE_SENT && e->ask_s && e->ask_s <= now_s)
			ask(arg, e);
	}
}

void sent_spill_below(struct sent *s, uint64_t id, unsigned at_most)
{
	while (at_most-- && s->head != s->tail && at(s, s->head)->msg.id < id)
		pop(s);
}

void sent_spill_all(struct sent *s)
{
	while (s->head != s->tail)
		pop(s);
}

unsigned sent_count(const struct sent *s)
{
	return s->n_open;
}

bool sent_waits_for(const struct sent *s, uint32_t link, uint64_t to, unsigned most)
{
	if (s->n_open && s->tail - s->head > most)
		return true;
	for (uint32_t i = s->head; s->n_open && i != s->tail; i++) {
		const struct sent_entry *e = at(s, i);

		if (e->state == STATE_SENT && e->link == link && sent_same_number(e->to, to))
			return true;
	}
	return false;
}
