/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_segment.c -- plan and cut any text and any octets, with any header.
 *
 * The first octet chooses wish and way of concatenation, the second the limit of parts; the rest is the text
 * (read as Latin-1 when it is no UTF-8) and also user data with a header.  Promises held: parts join to the
 * text, none exceeds its capacity, headers that we make are sound and say which part this is, header elements
 * lie inside the header. */
#include "codec/gsm7.h"
#include "codec/segment.h"
#include "codec/ucs2.h"
#include "codec/udh.h"
#include "codec/utf8.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void has_sound_header(const struct segment_wire *w, const struct segment_plan *p, unsigned part)
{
	struct udh_concat c;

	if (p->n_parts == 1 || p->concat == CONCAT_SAR || p->concat == CONCAT_PAYLOAD)
		return;
	assert(udh_find_concat(w->udh, w->n_udh, &c) == 1);
	assert(c.seq == part && c.total == p->n_parts && c.ref == (c.wide ? 0xabcd : 0xcd));
	assert(c.wide == (p->concat == CONCAT_UDH16));
}

/* Decode one part and compare it with its slice of the text. */
static void is_its_slice(
	const struct segment_wire *w, const struct segment_plan *p, const char *slice, size_t n)
{
	const struct gsm7_shift shift = {0, 0};
	char out[GSM7_UTF8_MAX(160)];
	uint8_t wide[SEGMENT_MAX_OCTETS];
	size_t len;

	if (p->encoding == ENC_UCS2) { /* compared as UTF-16, where a mark at the start is kept */
		assert(ucs2_from_utf8(slice, n, wide, sizeof(wide), &len) == 0);
		assert(len == w->n_text && memcmp(wide, w->text, len) == 0);
		return;
	}
	assert(gsm7_decode(w->text, w->n_text, shift, out, sizeof(out), &len) == 0);
	assert(len == n && memcmp(out, slice, n) == 0);
}

static size_t capacity(const struct segment_plan *p)
{
	static const uint8_t caps[2][3] = {{160, 153, 152}, {140, 134, 132}}; /* octets as we carry them */

	return caps[p->encoding == ENC_UCS2][p->n_parts == 1 ? 0 : p->concat == CONCAT_UDH16 ? 2 : 1];
}

static void cut_text(const char *text, size_t n, const struct segment_opts *o)
{
	struct segment_plan p;
	struct segment_wire w;
	size_t bad_at = n, at = 0;
	int r = segment_plan(text, n, o, &p, &bad_at);

	if (r < 0) {
		assert((r == -EILSEQ && o->wish == WISH_GSM7) || r == -E2BIG);
		assert(bad_at < n);
		return;
	}
	assert(p.n_parts >= 1 && p.n_parts <= (o->max_parts && o->max_parts < 64 ? o->max_parts : 64));
	for (unsigned part = 1; part <= p.n_parts; part++) {
		assert(p.start[part - 1] == at && p.start[part] >= at);
		assert(segment_part(text, &p, part, 0xabcd, &w) == 0);
		assert(w.n_text <= capacity(&p));
		has_sound_header(&w, &p, part);
		is_its_slice(&w, &p, text + at, p.start[part] - at);
		at = p.start[part];
	}
	assert(at == n);
}

static void cut_octets(const uint8_t *ud, size_t n, size_t n_udh, const struct segment_opts *o)
{
	struct segment_plan p;
	struct segment_wire w;
	size_t at = 0;

	if (segment_binary_plan(ud, n_udh, n - n_udh, o, &p) < 0)
		return;
	for (unsigned part = 1; part <= p.n_parts; part++) {
		assert(segment_binary_part(ud, n_udh, ud + n_udh, &p, part, 0xabcd, &w) == 0);
		assert(w.n_udh + w.n_text <= SEGMENT_MAX_OCTETS);
		has_sound_header(&w, &p, part);
		assert(memcmp(w.text, ud + n_udh + at, w.n_text) == 0);
		at += w.n_text;
	}
	assert(at == n - n_udh);
}

static void read_header(const uint8_t *ud, size_t n, const struct segment_opts *o)
{
	struct gsm7_shift shift;
	struct udh_concat c;
	struct udh_ports ports;
	struct udh_walk w;
	struct udh_ie ie;
	size_t n_udh;

	cut_octets(ud, n, 0, o);
	udh_find_ports(ud, n, &ports);
	udh_find_shift(ud, n, &shift);
	if (udh_find_concat(ud, n, &c) > 0)
		assert(c.seq >= 1 && c.seq <= c.total);
	if (udh_open(&w, ud, n, &n_udh) < 0)
		return;
	while (udh_next(&w, &ie) > 0)
		assert(ie.data >= ud + 1 && ie.data + ie.n <= ud + n_udh);
	cut_octets(ud, n, n_udh, o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct segment_opts o = {0};
	char *text;
	size_t n;

	if (size < 2)
		return 0;
	o.wish = (enum encoding_wish)(data[0] % 3);
	o.rules.concat = (enum concat)(data[0] / 3 % 4);
	o.max_parts = data[1];
	data += 2;
	size -= 2;
	text = malloc(2 * size + 1);
	assert(text);
	memcpy(text, data, size);
	n = size;
	if (utf8_check(text, n, NULL) < 0)
		assert(latin1_to_utf8(data, size, text, 2 * size, &n) == 0);
	cut_text(text, n, &o);
	read_header(data, size, &o);
	free(text);
	return 0;
}
