/* SPDX-License-Identifier: Apache-2.0 */
/* segment.c -- choose the encoding of a text, cut it into parts, and make the octets of one part.
 *
 * The text is read once with the size of a part among several; only at the end is it known whether it fits
 * into one part alone, which holds a few units more.  That costs one comparison a character and saves a pass.
 * A character that GSM-7 lacks ends the pass at once and the text is read again as UTF-16; in the scripts
 * where this is usual it is the first letter that does it.
 *
 * Taking as much as fits into each part is optimal: any other cutting has its k-th cut at the same place or
 * earlier. */
#include "codec/segment.h"

#include "codec/gsm7.h"
#include "codec/ucs2.h"
#include "codec/udh.h"
#include "codec/utf8.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define COUNT_END 255 /* the total of a concatenation is one octet; beyond it there is nothing to count */

/* Capacities in the units of the encoding: [0] alone, [1] with an 8 bit reference, [2] with 16 bit
 * (3GPP TS 23.040, 9.2.3.24.1 and .8). */
static const uint8_t capacity[2][3] = {
	[ENC_GSM7] = {160, 153, 152},
	[ENC_UCS2] = {70, 67, 66},
};

/* Octets of the concatenation element, its two head octets included. */
static unsigned element_octets(enum concat concat)
{
	return concat == CONCAT_UDH16 ? 6 : 5;
}

/* Index into a row of capacity[]. */
static unsigned column(enum concat concat, unsigned n_parts)
{
	return n_parts == 1 ? 0 : concat == CONCAT_UDH16 ? 2 : 1;
}

static unsigned parts_allowed(const struct segment_opts *o)
{
	return o->max_parts == 0 || o->max_parts > SEGMENT_MAX_PARTS ? SEGMENT_MAX_PARTS : o->max_parts;
}

struct cut {
	struct segment_plan *plan;
	unsigned cap;	  /* units of one part */
	unsigned max;	  /* parts that may be written to the plan */
	unsigned n_parts; /* the open one counts */
	unsigned used;	  /* units in the open part */
	unsigned total;	  /* units in all; below 255 * 160 */
	size_t over_at;	  /* where part max + 1 begins */
};

/* Close the open part and begin another at offset `at`; false when there is no use in going on. */
static bool cut_here(struct cut *c, size_t at)
{
	if (c->n_parts <= c->max)
		c->plan->units[c->n_parts - 1] = (uint16_t)c->used;
	if (c->n_parts < c->max)
		c->plan->start[c->n_parts] = (uint32_t)at;
	else if (c->n_parts == c->max)
		c->over_at = at;
	if (c->n_parts == COUNT_END)
		return false;
	c->n_parts++;
	c->used = 0;
	return true;
}

static inline bool cut_add(struct cut *c, size_t at, unsigned cost)
{
	if (c->used + cost > c->cap && !cut_here(c, at))
		return false;
	c->used += cost;
	c->total += cost;
	return true;
}

/* The two passes: 0 at the end of the text, -E2BIG when the count has reached its end, and for GSM-7 -EILSEQ
 * with the offset of a character that the alphabet lacks. */
static int cut_gsm7(struct cut *c, const char *text, size_t n, size_t *ret_bad_at)
{
	size_t len;

	for (size_t i = 0; i < n; i += len) {
		uint32_t cp = (uint8_t)text[i];
		int code;

		len = 1;
		if (cp >= 0x80)
			len = utf8_next(text + i, n - i, &cp);
		code = gsm7_encode(cp);
		if (code < 0) {
			*ret_bad_at = i;
			return -EILSEQ;
		}
		if (!cut_add(c, i, code > 0x7f ? 2 : 1))
			return -E2BIG;
	}
	return 0;
}

static int cut_ucs2(struct cut *c, const char *text, size_t n)
{
	size_t len;

	for (size_t i = 0; i < n; i += len) {
		uint32_t cp = (uint8_t)text[i];

		len = 1;
		if (cp >= 0x80)
			len = utf8_next(text + i, n - i, &cp);
		if (!cut_add(c, i, cp > 0xffff ? 2 : 1))
			return -E2BIG;
	}
	return 0;
}

static void cut_begin(struct cut *c, struct segment_plan *plan, unsigned cap, unsigned max)
{
	*c = (struct cut){.plan = plan, .cap = cap, .max = max, .n_parts = 1};
	plan->start[0] = 0;
}

static int cut_run(struct cut *c, enum encoding encoding, const char *text, size_t n, size_t *ret_bad_at)
{
	return encoding == ENC_GSM7 ? cut_gsm7(c, text, n, ret_bad_at) : cut_ucs2(c, text, n);
}

/* Cut `text` in the encoding of the plan. */
static int plan_as(
	const char *text, size_t n, const struct segment_opts *o, struct segment_plan *p, size_t *ret_bad_at)
{
	const uint8_t *cap = capacity[p->encoding];
	unsigned max = parts_allowed(o);
	struct cut c;
	int r;

	cut_begin(&c, p, cap[column(o->concat, 2)], max);
	r = cut_run(&c, p->encoding, text, n, ret_bad_at);
	if (r == -EILSEQ)
		return r;
	if (r == 0 && c.total <= cap[0]) {
		p->n_parts = 1;
		p->units[0] = (uint16_t)c.total;
		p->start[1] = (uint32_t)n;
		return 0;
	}
	p->n_parts = (uint8_t)c.n_parts;
	if (r == 0 && c.n_parts <= max) {
		p->units[c.n_parts - 1] = (uint16_t)c.used;
		p->start[c.n_parts] = (uint32_t)n;
		return 0;
	}
	if (max == 1) { /* the one part would have been a full one: find where that ends */
		cut_begin(&c, p, cap[0], 1);
		cut_run(&c, p->encoding, text, n, ret_bad_at);
	}
	*ret_bad_at = c.over_at;
	return -E2BIG;
}

int segment_plan(const char *text, size_t n, const struct segment_opts *o, struct segment_plan *ret,
	size_t *ret_bad_at)
{
	int r;

	ret->concat = o->concat;
	if (o->wish != WISH_UCS2) {
		ret->encoding = ENC_GSM7;
		r = plan_as(text, n, o, ret, ret_bad_at);
		if (r != -EILSEQ || o->wish == WISH_GSM7)
			return r;
	}
	ret->encoding = ENC_UCS2;
	return plan_as(text, n, o, ret, ret_bad_at);
}

/* Append the concatenation element, or make a header of it when there is none. */
static void add_concat(
	struct segment_wire *w, enum concat concat, uint16_t ref, unsigned total, unsigned part)
{
	uint8_t *u = w->udh;
	unsigned n = w->n_udh;

	if (n == 0)
		u[n++] = 0;
	if (concat == CONCAT_UDH16) {
		u[n++] = UDH_CONCAT16;
		u[n++] = 4;
		u[n++] = (uint8_t)(ref >> 8);
	} else {
		u[n++] = UDH_CONCAT8;
		u[n++] = 3;
	}
	u[n++] = (uint8_t)ref;
	u[n++] = (uint8_t)total;
	u[n++] = (uint8_t)part;
	u[0] = (uint8_t)(n - 1);
	w->n_udh = (uint8_t)n;
}

static bool wants_header(const struct segment_plan *p)
{
	return p->n_parts > 1 && (p->concat == CONCAT_UDH8 || p->concat == CONCAT_UDH16);
}

static int write_gsm7(const char *text, size_t n, struct segment_wire *w)
{
	unsigned at = 0;
	size_t len;

	for (size_t i = 0; i < n; i += len) {
		uint32_t cp = (uint8_t)text[i];
		int code;

		len = 1;
		if (cp >= 0x80)
			len = utf8_next(text + i, n - i, &cp);
		code = gsm7_encode(cp);
		if (code < 0 || at + 2 > sizeof(w->text) + (code <= 0x7f))
			return -EINVAL;
		if (code > 0x7f)
			w->text[at++] = GSM7_ESC;
		w->text[at++] = (uint8_t)(code & 0x7f);
	}
	w->n_text = (uint8_t)at;
	return 0;
}

static int write_ucs2(const char *text, size_t n, struct segment_wire *w)
{
	size_t n_octets;

	if (ucs2_from_utf8(text, n, w->text, SEGMENT_MAX_OCTETS, &n_octets) < 0)
		return -EINVAL;
	w->n_text = (uint8_t)n_octets;
	return 0;
}

int segment_part(
	const char *text, const struct segment_plan *p, unsigned part, uint16_t ref, struct segment_wire *ret)
{
	const char *from;
	size_t n;
	int r;

	if (part == 0 || part > p->n_parts || p->n_parts > SEGMENT_MAX_PARTS || p->encoding == ENC_BINARY)
		return -EINVAL;
	from = text + p->start[part - 1];
	n = p->start[part] - p->start[part - 1];
	ret->n_udh = 0;
	r = p->encoding == ENC_GSM7 ? write_gsm7(from, n, ret) : write_ucs2(from, n, ret);
	if (r < 0)
		return r;
	if (ret->n_text != p->units[part - 1] * (p->encoding == ENC_UCS2 ? 2 : 1))
		return -EINVAL;
	if (wants_header(p))
		add_concat(ret, p->concat, ref, p->n_parts, part);
	return 0;
}

/* The client's header is sound and no longer than it says: what stands behind it would be taken for data. */
static int check_client_udh(const uint8_t *udh, size_t n_udh)
{
	size_t n;

	if (n_udh == 0)
		return 0;
	if (n_udh > SEGMENT_MAX_OCTETS)
		return -EMSGSIZE;
	if (udh_check(udh, n_udh, &n) < 0 || n != n_udh)
		return -EBADMSG;
	return 0;
}

/* Octets of data in a part among several; 0 when the header leaves none. */
static size_t binary_capacity(size_t n_udh, enum concat concat)
{
	size_t n_header = (n_udh ? n_udh : 1) + element_octets(concat);

	return n_header < SEGMENT_MAX_OCTETS ? SEGMENT_MAX_OCTETS - n_header : 0;
}

static void plan_octets(struct segment_plan *p, size_t n_data, size_t cap)
{
	for (unsigned i = 0; i < p->n_parts; i++) {
		size_t at = i * cap;

		p->start[i] = (uint32_t)at;
		p->units[i] = (uint16_t)(n_data - at < cap ? n_data - at : cap);
	}
	p->start[p->n_parts] = (uint32_t)n_data;
}

int segment_binary_plan(const uint8_t *udh, size_t n_udh, size_t n_data, const struct segment_opts *o,
	struct segment_plan *ret)
{
	struct udh_concat own;
	size_t cap, n_parts;
	int r;

	r = check_client_udh(udh, n_udh);
	if (r < 0)
		return r;
	ret->encoding = ENC_BINARY;
	ret->concat = o->concat;
	if (n_data <= SEGMENT_MAX_OCTETS - n_udh) {
		ret->n_parts = 1;
		plan_octets(ret, n_data, SEGMENT_MAX_OCTETS);
		return 0;
	}
	if (n_udh > 0 && udh_find_concat(udh, n_udh, &own) > 0)
		return -EEXIST;
	cap = binary_capacity(n_udh, o->concat);
	if (cap == 0)
		return -EMSGSIZE;
	n_parts = (n_data - 1) / cap + 1;
	ret->n_parts = (uint8_t)(n_parts < COUNT_END ? n_parts : COUNT_END);
	if (n_parts > parts_allowed(o))
		return -E2BIG;
	plan_octets(ret, n_data, cap);
	return 0;
}

int segment_binary_part(const uint8_t *udh, size_t n_udh, const uint8_t *data, const struct segment_plan *p,
	unsigned part, uint16_t ref, struct segment_wire *ret)
{
	unsigned n;

	if (part == 0 || part > p->n_parts || p->n_parts > SEGMENT_MAX_PARTS || p->encoding != ENC_BINARY)
		return -EINVAL;
	n = p->units[part - 1];
	if (n_udh + (wants_header(p) ? (n_udh ? 0 : 1) + element_octets(p->concat) : 0) + n >
		SEGMENT_MAX_OCTETS)
		return -EINVAL;
	if (n_udh > 0)
		memcpy(ret->udh, udh, n_udh);
	ret->n_udh = (uint8_t)n_udh;
	if (n > 0)
		memcpy(ret->text, data + p->start[part - 1], n);
	ret->n_text = (uint8_t)n;
	if (wants_header(p))
		add_concat(ret, p->concat, ref, p->n_parts, part);
	return 0;
}

unsigned segment_units_left(const struct segment_plan *p, size_t n_udh)
{
	size_t cap;

	if (p->encoding != ENC_BINARY)
		cap = capacity[p->encoding][column(p->concat, p->n_parts)];
	else if (p->n_parts == 1)
		cap = SEGMENT_MAX_OCTETS - n_udh;
	else
		cap = binary_capacity(n_udh, p->concat);
	return (unsigned)cap - p->units[p->n_parts - 1];
}
