/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence.c -- the two lists of evidence.h and what fits what.  No queue, no store, no clock.
 */
#include "queue/evidence.h"

#include <stdlib.h>
#include <string.h>

#include "queue/sent.h"

#define BUCKETS 4096u

struct held {
	struct evidence_part p; /* first: callers hold a pointer to it */
	struct held *chain;     /* of its bucket */
	struct held *newer, *older;
	uint64_t settled_by;    /* hash of a receipt's id */
	bool settled;
};

struct evidence {
	struct held *bucket[BUCKETS];
	struct held *oldest, *newest;
	unsigned n;
	struct evidence_receipt *ring; /* EVIDENCE_UNMATCHED_MAX, when there is one */
	uint64_t n_ring;               /* ever put there */
};

struct evidence *evidence_new(void)
{
	return calloc(1, sizeof(struct evidence));
}

/* ---- what fits ------------------------------------------------------------------------------------------- */

/* The number of this character is the same in ASCII and in the GSM 7-bit default alphabet (3GPP TS 23.038, 6.2.1). */
static bool is_common(char c)
{
	return c == '\n' || c == '\r' || (c >= ' ' && c <= 'z' && !strchr("$@[\\]^_`", c));
}

bool evidence_quotes(const char *quoted, const char *text, size_t n_text)
{
	size_t n, i;

	for (; *quoted == ' '; quoted++) /* "text: …" */
		;
	for (; n_text && *text == ' '; text++)
		n_text--;
	n = strlen(quoted);
	while (n && quoted[n - 1] == ' ') /* padded */
		n--;
	if (n > EVIDENCE_HEAD)
		n = EVIDENCE_HEAD;
	for (i = 0; i < n && i < n_text && is_common(text[i]); i++)
		if (quoted[i] != text[i])
			return false;
	if (i < n && i == n_text)
		return false; /* it quotes more than there is */
	return i >= EVIDENCE_SAME || (i > 0 && i == n_text);
}

static bool is_number_of(uint64_t to, const struct evidence_receipt *r)
{
	return (r->from && sent_same_number(to, r->from)) || (r->other && sent_same_number(to, r->other));
}

unsigned evidence_form(const struct evidence_part *p, const struct evidence_receipt *r)
{
	if (p->numbered && r->numbered)
		return EVIDENCE_BY_NUMBER;
	return p->bare && r->bare ? EVIDENCE_BY_RECIPIENT : EVIDENCE_BY_TEXT;
}

bool evidence_fits(const struct evidence_part *p, const struct evidence_receipt *r)
{
	if (p->link != r->link || r->at_ms < p->created_ms || !is_number_of(p->to, r))
		return false;
	if (r->claim.any && taken_before(&r->claim, p->created_ms / 1000))
		return false;
	if (evidence_form(p, r) == EVIDENCE_BY_NUMBER)
		return p->number == r->number;
	return evidence_form(p, r) == EVIDENCE_BY_RECIPIENT || evidence_quotes(r->quoted, p->head, p->n_head);
}

/* ---- held ------------------------------------------------------------------------------------------------ */

static struct held **bucket_of(struct evidence *e, uint32_t link, uint64_t to)
{
	uint64_t h = (to % 10000000 + (uint64_t)link * 2654435761u) * 0x9e3779b97f4a7c15u;

	return &e->bucket[h >> 52];
}

static void drop(struct evidence *e, struct held *h)
{
	struct held **at = bucket_of(e, h->p.link, h->p.to);

	while (*at != h)
		at = &(*at)->chain;
	*at = h->chain;
	*(h->older ? &h->older->newer : &e->oldest) = h->newer;
	*(h->newer ? &h->newer->older : &e->newest) = h->older;
	e->n--;
	free(h);
}

void evidence_free(struct evidence *e)
{
	if (!e)
		return;
	while (e->oldest)
		drop(e, e->oldest);
	free(e->ring);
	free(e);
}

struct evidence_part *evidence_hold(struct evidence *e, const struct evidence_part *p)
{
	struct held **b = bucket_of(e, p->link, p->to);
	struct held *h;

	evidence_forget(e, p->link, p->to, p->msg.id, p->part);
	if (e->n == EVIDENCE_HELD_MAX)
		drop(e, e->oldest);
	h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->p = *p;
	h->chain = *b;
	*b = h;
	h->older = e->newest;
	*(e->newest ? &e->newest->newer : &e->oldest) = h;
	e->newest = h;
	e->n++;
	return &h->p;
}

void evidence_forget(struct evidence *e, uint32_t link, uint64_t to, uint64_t id, unsigned part)
{
	for (struct held *h = *bucket_of(e, link, to); h; h = h->chain) {
		if (h->p.msg.id == id && h->p.part == part) {
			drop(e, h);
			return;
		}
	}
}

static struct held *find_in(struct evidence *e, uint64_t number, const struct evidence_receipt *r, bool *ret_several)
{
	struct held *found = NULL;

	for (struct held *h = *bucket_of(e, r->link, number); h; h = h->chain) {
		if (h->settled && (!r->hash || h->settled_by != r->hash))
			continue;
		if (!evidence_fits(&h->p, r))
			continue;
		if (found)
			*ret_several = true;
		found = h;
	}
	return found;
}

struct evidence_part *evidence_find(struct evidence *e, const struct evidence_receipt *r)
{
	bool several = false;
	struct held *a = r->from ? find_in(e, r->from, r, &several) : NULL;
	struct held *b = r->other ? find_in(e, r->other, r, &several) : NULL;

	if (several || (a && b && a != b))
		return NULL;
	a = a ? a : b;
	return a ? &a->p : NULL;
}

bool evidence_rival(struct evidence *e, const struct evidence_part *p, const struct evidence_receipt *r)
{
	for (struct held *h = *bucket_of(e, p->link, p->to); h; h = h->chain)
		if (!h->settled && h->p.msg.id != p->msg.id && evidence_fits(&h->p, r))
			return true;
	return false;
}

bool evidence_holds(struct evidence *e, const struct evidence_part *p)
{
	for (struct held *h = *bucket_of(e, p->link, p->to); h; h = h->chain)
		if (h->p.msg.id == p->msg.id && h->p.part == p->part)
			return true;
	return false;
}

void evidence_settled(struct evidence_part *p, uint64_t hash)
{
	struct held *h = (struct held *)p;

	h->settled = true;
	h->settled_by = hash;
}

unsigned evidence_count(const struct evidence *e)
{
	return e->n;
}

/* ---- unmatched ------------------------------------------------------------------------------------------- */

void evidence_unmatched(struct evidence *e, const struct evidence_receipt *r)
{
	if (!e->ring)
		e->ring = calloc(EVIDENCE_UNMATCHED_MAX, sizeof(*e->ring));
	if (e->ring && r->n)
		e->ring[e->n_ring++ % EVIDENCE_UNMATCHED_MAX] = *r;
}

void evidence_try_unmatched(struct evidence *e, evidence_use *is_used, void *arg)
{
	unsigned n = e->n_ring < EVIDENCE_UNMATCHED_MAX ? (unsigned)e->n_ring : EVIDENCE_UNMATCHED_MAX;

	for (unsigned i = 0; i < n; i++)
		if (e->ring[i].n && is_used(arg, &e->ring[i]))
			e->ring[i].n = 0;
}

bool evidence_take(struct evidence *e, const struct evidence_part *p, struct evidence_receipt *ret)
{
	unsigned n = e->n_ring < EVIDENCE_UNMATCHED_MAX ? (unsigned)e->n_ring : EVIDENCE_UNMATCHED_MAX;
	struct evidence_receipt *found = NULL;

	for (unsigned i = 0; i < n; i++) {
		struct evidence_receipt *r = &e->ring[i];

		if (!r->n || !evidence_fits(p, r))
			continue;
		if (found && (!r->hash || r->hash != found->hash))
			return false;
		/* What was delivered has been: a repetition, or news that came before it, say no more. */
		if (!found || found->state != STATE_DELIVERED)
			found = r;
	}
	if (!found)
		return false;
	*ret = *found;
	found->n = 0;
	return true;
}
