/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_segment.c -- plan and cut any text and any octets, with any header.
 *
 * Seven octets of wishes come first: wish and way of concatenation; the limit of parts; clusters and the end of the
 * wire's alphabet; the languages (2); a cut (2).  The rest is the text (read as Latin-1 when it is no UTF-8) and also
 * user data with a header.  Promises held: parts join to the text as a receiver reads it, by the tables that the header
 * names; none exceeds its capacity; headers that we make are sound and say which part this is; neither clusters nor
 * languages cost parts; a cut gives the same plan again and any other number is refused or is a cut; header elements
 * lie inside the header. */
#include "codec/gsm7.h"
#include "codec/segment.h"
#include "codec/ucs2.h"
#include "codec/udh.h"
#include "codec/unicode.h"
#include "codec/utf8.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEAD 7

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

/* Decode one part by the tables that its header names and compare it with its slice of the text. */
static void is_its_slice(
	const struct segment_wire *w, const struct segment_plan *p, const char *slice, size_t n)
{
	struct gsm7_shift shift = {0, 0};
	char out[GSM7_UTF8_MAX(160)];
	uint8_t wide[SEGMENT_MAX_OCTETS];
	size_t len;

	if (w->n_udh > 0)
		assert(udh_find_shift(w->udh, w->n_udh, &shift) >= 0);
	assert(shift.locking == p->shift.locking && shift.single == p->shift.single);
	if (p->encoding == ENC_UCS2) { /* compared as UTF-16, where a mark at the start is kept */
		assert(ucs2_from_utf8(slice, n, wide, sizeof(wide), &len) == 0);
		assert(len == w->n_text && memcmp(wide, w->text, len) == 0);
		return;
	}
	assert(gsm7_decode(w->text, w->n_text, shift, out, sizeof(out), &len) == 0);
	assert(len == n && memcmp(out, slice, n) == 0);
}

/* Units, by concatenation (none, 8 bit, 16 bit) and language elements; 3GPP TS 23.040, 9.2.3.24. */
static unsigned capacity(const struct segment_plan *p)
{
	static const unsigned septets[3][3] = {{160, 155, 152}, {153, 149, 146}, {152, 148, 145}};
	static const unsigned units[3] = {70, 67, 66};
	unsigned row = p->n_parts == 1 ? 0 : p->concat == CONCAT_UDH16 ? 2 : 1;

	if (p->encoding == ENC_UCS2)
		return units[row];
	return septets[row][(p->shift.locking > 0) + (p->shift.single > 0)];
}

static void joins(const struct segment_plan *p, const char *text, size_t n)
{
	struct segment_wire w;
	size_t at = 0;

	for (unsigned part = 1; part <= p->n_parts; part++) {
		assert(p->start[part - 1] == at && p->start[part] >= at);
		assert(segment_part(text, p, part, 0xabcd, &w) == 0);
		assert(p->units[part - 1] == w.n_text / (p->encoding == ENC_UCS2 ? 2 : 1));
		assert(p->units[part - 1] <= capacity(p));
		has_sound_header(&w, p, part);
		is_its_slice(&w, p, text + at, p->start[part] - at);
		at = p->start[part];
	}
	assert(at == n);
}

static void is_the_same_again(const struct segment_plan *p, const char *text, size_t n, struct unicode *unicode)
{
	struct segment_plan again;

	assert(segment_again(text, n, segment_cut(p), unicode, &again) == 0);
	assert(again.encoding == p->encoding && again.concat == p->concat && again.n_parts == p->n_parts);
	assert(memcmp(again.start, p->start, (p->n_parts + 1u) * sizeof(p->start[0])) == 0);
	assert(memcmp(again.units, p->units, p->n_parts * sizeof(p->units[0])) == 0);
}

/* Without languages, and without regard to clusters: never fewer parts, but for the former; never more, but for it. */
static void costs_nothing(const struct segment_plan *p, const char *text, size_t n, struct segment_opts o)
{
	struct segment_plan other;
	size_t bad_at;

	o.unicode = NULL;
	assert(segment_plan(text, n, &o, &other, &bad_at) == 0 && other.n_parts == p->n_parts);
	o.rules.languages = 0;
	if (segment_plan(text, n, &o, &other, &bad_at) == 0)
		assert(other.n_parts > p->n_parts || segment_cut(&other) == segment_cut(p));
}

static void cut_text(const char *text, size_t n, const struct segment_opts *o)
{
	unsigned allowed = o->max_parts && o->max_parts < SEGMENT_MAX_PARTS ? o->max_parts : SEGMENT_MAX_PARTS;
	struct segment_plan p;
	size_t bad_at = n;
	int r = segment_plan(text, n, o, &p, &bad_at);

	if (r < 0) {
		assert((r == -EILSEQ && o->wish == WISH_GSM7) || (r == -E2BIG && p.n_parts > allowed));
		assert(bad_at < n && ((uint8_t)text[bad_at] & 0xc0) != 0x80);
		return;
	}
	assert(p.n_parts >= 1 && p.n_parts <= allowed);
	joins(&p, text, n);
	is_the_same_again(&p, text, n, o->unicode);
	costs_nothing(&p, text, n, *o);
}

static void cut_again(const char *text, size_t n, uint16_t cut, struct unicode *unicode)
{
	struct segment_plan p;
	int r = segment_again(text, n, cut, unicode, &p);

	assert(r == 0 || r == -EINVAL || r == -EILSEQ || r == -E2BIG);
	if (r < 0)
		return;
	assert(segment_cut(&p) == cut);
	joins(&p, text, n);
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
	static const uint32_t max_chars[] = {0, 0x7f, 0xff, 0};
	static struct unicode *unicode; /* opened once, as in the program */
	struct segment_opts o = {0};
	uint16_t cut;
	char *text;
	size_t n;

	if (size < HEAD)
		return 0;
	if (!unicode)
		unicode = unicode_new();
	o.wish = (enum encoding_wish)(data[0] % 3);
	o.rules.concat = (enum concat)(data[0] / 3 % 4);
	o.max_parts = data[1];
	o.unicode = data[2] & 1 ? unicode : NULL;
	o.rules.max_char = max_chars[data[2] >> 1 & 3];
	o.rules.languages = (uint16_t)(data[3] << 8 | data[4]);
	cut = (uint16_t)(data[5] << 8 | data[6]);
	data += HEAD;
	size -= HEAD;
	n = size;
	text = malloc(2 * size + 1);
	assert(text);
	memcpy(text, data, size);
	if (utf8_check(text, n, NULL) < 0)
		assert(latin1_to_utf8(data, size, text, 2 * size, &n) == 0);
	text = realloc(text, n ? n : 1); /* exact, for the sanitizer */
	assert(text);
	cut_text(text, n, &o);
	cut_again(text, n, cut, o.unicode);
	read_header(data, size, &o);
	free(text);
	return 0;
}
