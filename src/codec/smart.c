/* SPDX-License-Identifier: Apache-2.0 */
/* smart.c -- see smart.h.
 *
 * The first pass only asks which steps would find something to do; for most texts that is none, and it ends there.
 * Each step that has something to do is then carried out into the same room and planned, and the best one again when it
 * was not the last.  That is at most four passes over a text of several parts, without allocation.
 *
 * The steps that only pay in a 7 bit alphabet are planned with WISH_GSM7, so that a Cyrillic text with typographic
 * quotes is given up at its first letter. */
#include "codec/smart.h"

#include "codec/smart_tables.h"
#include "codec/unicode.h"
#include "codec/utf8.h"

#include <string.h>

#define UNSENDABLE 255

/* ---- composing ------------------------------------------------------------------------------------------- */

/* A character and the accents behind it, which NFC makes shorter. */
struct cluster {
	size_t n;        /* octets of them all; 0: nothing to compose here */
	unsigned n_more; /* accents */
	uint32_t more[SMART_COMPOSE_MAX];
	char with[8]; /* the composed form */
	size_t n_with;
};

/* Look at the character of `len` octets at `s` and what follows it.  A longer heap of accents than people write is left
 * as it is. */
static void compose(struct unicode *u, const char *s, size_t n, size_t len, struct cluster *ret)
{
	size_t i = len, step;
	uint32_t cp;

	ret->n = 0;
	ret->n_more = 0;
	if (!u || i >= n || !unicode_may_compose_here(s + i))
		return;
	for (; i < n; i += step) {
		step = utf8_next(s + i, n - i, &cp);
		if (!unicode_may_compose(cp))
			break;
		if (ret->n_more == SMART_COMPOSE_MAX)
			return;
		ret->more[ret->n_more++] = cp;
	}
	if (ret->n_more == 0 || unicode_nfc(u, s, i, ret->with, sizeof(ret->with) - 1, &ret->n_with) <= 0)
		return;
	if (ret->n_with >= i) /* nothing joined: it was put in order, if that */
		return;
	ret->with[ret->n_with] = '\0';
	ret->n = i;
}

/* ---- one step -------------------------------------------------------------------------------------------- */

/* What stands at one place, and what would stand there after `step`. */
struct place {
	size_t len; /* octets there */
	uint32_t cp;
	struct cluster c;
	const char *with; /* NULL: it stays */
	size_t n_with;
	enum smart_step step; /* that changes it */
};

static void look(struct unicode *u, const char *s, size_t n, size_t i, struct place *ret)
{
	const struct smart_char *look_alike;
	uint32_t cp;

	ret->len = utf8_at(s, n, i, &cp);
	ret->cp = cp;
	compose(u, s + i, n - i, ret->len, &ret->c);
	if (ret->c.n) {
		ret->len = ret->c.n;
		if (utf8_next(ret->c.with, ret->c.n_with, &cp) != ret->c.n_with)
			cp = 0; /* not one character: it has no look-alike */
	}
	look_alike = smart_char(cp);
	ret->step = look_alike->step;
	ret->with = look_alike->with;
	ret->n_with = look_alike->n;
}

/* What `step` makes of the place, not more than it may. */
static void hold_back(struct place *p, enum smart_step step)
{
	if (p->step != SMART_NONE && p->step <= step)
		return;
	p->with = p->c.n ? p->c.with : NULL;
	p->n_with = p->c.n_with;
}

/* The octets of a character that no step looks at, as nearly every one of nearly every text; else 0. */
static inline size_t plain(const char *s, size_t n, size_t i)
{
	uint32_t cp;
	size_t len = utf8_at(s, n, i, &cp);

	if (smart_char(cp)->step != SMART_NONE || (i + len < n && unicode_may_compose_here(s + i + len)))
		return 0;
	return len;
}

/* Bit k: step k has something to do. */
static unsigned steps_of_use(struct unicode *u, const char *s, size_t n)
{
	unsigned steps = 0;
	struct place p;

	for (size_t i = 0; i < n; i += p.len) {
		p.len = plain(s, n, i);
		if (p.len)
			continue;
		look(u, s, n, i, &p);
		steps |= 1u << p.step;
		if (p.c.n)
			steps |= 1u << SMART_INVISIBLE;
	}
	return steps;
}

static void note(struct smart_result *ret, const struct place *p, uint32_t position)
{
	struct smart_change *c;

	if (ret->n_changes++ >= SMART_CHANGES_MAX)
		return;
	c = &ret->changes[ret->n_changes - 1];
	c->position = position;
	c->cp = p->cp;
	memset(c->more, 0, sizeof(c->more));
	if (p->c.n)
		memcpy(c->more, p->c.more, p->c.n_more * sizeof(c->more[0]));
	memcpy(c->with, p->with, p->n_with);
	c->with[p->n_with] = '\0';
}

/* The text with everything replaced up to `step`. */
static void apply(struct unicode *u, const char *s, size_t n, enum smart_step step, char *dst, struct smart_result *ret)
{
	uint32_t position = 0;
	struct place p;

	ret->step = step;
	ret->n = 0;
	ret->n_changes = 0;
	for (size_t i = 0; i < n; i += p.len, position++) {
		p.len = plain(s, n, i);
		if (p.len) {
			memcpy(dst + ret->n, s + i, p.len);
			ret->n += p.len;
			continue;
		}
		look(u, s, n, i, &p);
		hold_back(&p, step);
		if (p.with)
			note(ret, &p, position);
		memcpy(dst + ret->n, p.with ? p.with : s + i, p.with ? p.n_with : p.len);
		ret->n += p.with ? p.n_with : p.len;
		position += p.c.n ? p.c.n_more : 0;
	}
}

/* ---- the best step --------------------------------------------------------------------------------------- */

/* Parts that the text in `dst` needs; UNSENDABLE when that is of no use. */
static unsigned plan(const char *dst, const struct segment_opts *o, struct smart_result *ret)
{
	struct segment_opts narrow = *o;
	size_t bad_at;

	if (ret->n == 0)
		return UNSENDABLE;
	if (ret->step > SMART_INVISIBLE) {
		narrow.wish = WISH_GSM7;
		if (segment_plan(dst, ret->n, &narrow, &ret->plan, &bad_at) < 0)
			return UNSENDABLE;
		if (!o->rules.languages)
			return ret->plan.n_parts;
	}
	/* Beside language tables UCS-2 can be the better choice even then. */
	if (segment_plan(dst, ret->n, o, &ret->plan, &bad_at) < 0)
		return UNSENDABLE;
	if (ret->step > SMART_INVISIBLE && ret->plan.encoding != ENC_GSM7)
		return UNSENDABLE;
	return ret->plan.n_parts;
}

void smart_text(const char *s, size_t n, unsigned before, const struct segment_opts *o, char *dst,
	struct smart_result *ret)
{
	enum smart_step best = SMART_NONE, tried = SMART_NONE;
	unsigned steps, least = before;

	ret->step = SMART_NONE;
	ret->n_changes = 0;
	if (before <= 1)
		return;
	steps = steps_of_use(o->unicode, s, n);
	for (unsigned k = SMART_INVISIBLE; k <= SMART_LETTERS && least > 1; k++) {
		unsigned parts;

		if (!(steps >> k & 1) || (k > SMART_INVISIBLE && o->wish == WISH_UCS2))
			continue;
		apply(o->unicode, s, n, k, dst, ret);
		tried = k;
		parts = plan(dst, o, ret);
		if (parts < least) {
			least = parts;
			best = k;
		}
	}
	if (best != tried && best != SMART_NONE) {
		apply(o->unicode, s, n, best, dst, ret);
		plan(dst, o, ret);
	}
	ret->step = best;
	if (best == SMART_NONE)
		ret->n_changes = 0;
}
