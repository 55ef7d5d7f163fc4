/* SPDX-License-Identifier: Apache-2.0 */
/* segment.c -- choose the encoding of a text, cut it into parts, and make the octets of one part.
 *
 * One step does all the work: fill() tells how far a part reaches that begins at a given character.  Taking as much as
 * fits into each part is optimal: any other cutting has its k-th cut at the same place or earlier.  A text that fits
 * into one part, as most do, is read once, most of it by the block.  A character that the alphabet lacks ends the
 * reading at once; in the scripts where this is usual it is the first letter that does it. */
#include "codec/segment.h"

#include "codec/ucs2.h"
#include "codec/udh.h"
#include "codec/unicode.h"
#include "codec/utf8.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define COUNT_END 255 /* the total of a concatenation is one octet; beyond it there is nothing to count */

#define LANGUAGE_OCTETS 3 /* of an element 24 or 25 */

/* Octets of the concatenation element, its two head octets included. */
static unsigned element_octets(enum concat concat)
{
	return concat == CONCAT_UDH16 ? 6 : 5;
}

static unsigned parts_allowed(const struct segment_opts *o)
{
	return o->max_parts == 0 || o->max_parts > SEGMENT_MAX_PARTS ? SEGMENT_MAX_PARTS : o->max_parts;
}

/* Octets of the header of a part that stands alone, or is one of several. */
static unsigned header_octets(enum concat concat, struct gsm7_shift shift, bool alone)
{
	unsigned n = alone ? 0 : element_octets(concat);

	n += (shift.locking ? LANGUAGE_OCTETS : 0) + (shift.single ? LANGUAGE_OCTETS : 0);
	return n ? n + 1 : 0;
}

/* Units of text beside such a header. */
static unsigned text_capacity(enum encoding e, enum concat concat, struct gsm7_shift shift, bool alone)
{
	unsigned n_udh = header_octets(concat, shift, alone);

	if (e == ENC_GSM7)
		return SEGMENT_MAX_OCTETS * 8 / 7 - gsm7_header_septets(n_udh);
	return (SEGMENT_MAX_OCTETS - n_udh) / 2;
}

/* ---- blocks of octets ------------------------------------------------------------------------------------ */

/* Most octets of most texts are taken by the block: loops of a fixed length without branches, of which the compiler
 * makes a few vector instructions. */
#define BLOCK 16

/* Each octet is a character that is the same octet in ASCII and in the tables of GSM7_PLAIN. */
static inline bool is_plain(const char *s)
{
	uint8_t others = 0;

	for (unsigned i = 0; i < BLOCK; i++) {
		uint8_t c = (uint8_t)s[i];
		uint8_t same = ((uint8_t)(c - ' ') <= 'Z' - ' ') & (c != '$') & (c != '@');

		others |= !(same | ((uint8_t)(c - 'a') <= 'z' - 'a') | (c == '\n') | (c == '\r'));
	}
	return !others;
}

/* UTF-16 units by the octet: a character counts where it begins, one beyond the basic plane twice. */
static inline uint8_t units_of_octet(char c)
{
	return (uint8_t)((((uint8_t)c & 0xc0) != 0x80) + ((uint8_t)c >= 0xf0));
}

static inline unsigned units_of_block(const char *s)
{
	uint8_t units = 0;

	for (unsigned i = 0; i < BLOCK; i++)
		units += units_of_octet(s[i]);
	return units;
}

/* ---- how far one part reaches --------------------------------------------------------------------------- */

struct span {
	size_t end; /* the first character that is not in it */
	unsigned units;
	bool bad;   /* the alphabet lacks that character */
};

/* As gsm7_encode_shift(), by the shorter way where there is one. */
static inline int encode(uint32_t cp, struct gsm7_shift shift, bool is_default)
{
	return is_default && cp < 256 ? gsm7_low[cp] : gsm7_encode_shift(cp, shift);
}

/* What a code costs; 0 for -1.  Without a branch: where the pairs stand in a text is not to be foreseen. */
static inline unsigned septets_of(int code)
{
	return (unsigned)(1 + (code >> 12));
}

static struct span fill_gsm7(struct gsm7_shift shift, const char *text, size_t n, size_t i, unsigned cap)
{
	size_t len, no_block = GSM7_PLAIN >> shift.locking & 1 ? i : n; /* before here a block is not tried */
	bool is_default = !shift.locking && !shift.single;
	unsigned used = 0;

	for (; i < n; i += len) {
		unsigned cost;
		uint32_t cp;

		if (i >= no_block && n - i >= BLOCK && used + BLOCK <= cap) {
			len = BLOCK;
			if (is_plain(text + i)) {
				used += BLOCK;
				continue;
			}
			no_block = i + BLOCK;
		}
		len = utf8_at(text, n, i, &cp);
		cost = septets_of(encode(cp, shift, is_default));
		if (cost == 0 || used + cost > cap)
			return (struct span){i, used, cost == 0};
		used += cost;
	}
	return (struct span){n, used, false};
}

static struct span fill_ucs2(const char *text, size_t n, size_t i, unsigned cap)
{
	unsigned used = 0;

	/* A block of 16 octets may have 17 units, when its last octet leads a character of two. */
	for (; n - i >= BLOCK && used + BLOCK < cap; i += BLOCK)
		used += units_of_block(text + i);
	while (i < n && used + units_of_octet(text[i]) <= cap)
		used += units_of_octet(text[i++]);
	return (struct span){i, used, false};
}

static struct span fill(const struct segment_plan *p, const char *text, size_t n, size_t from, unsigned cap)
{
	if (p->encoding == ENC_UCS2)
		return fill_ucs2(text, n, from, cap);
	return fill_gsm7(p->shift, text, n, from, cap);
}

/* ---- cutting in a given encoding ------------------------------------------------------------------------ */

static bool divides_cluster(const struct segment_plan *p, const char *text, size_t n, struct unicode *unicode)
{
	for (unsigned k = 1; k < p->n_parts; k++)
		if (unicode_cluster_start(unicode, text, n, p->start[k]) != p->start[k])
			return true;
	return false;
}

/* The last boundary in 0..at. */
static size_t boundary_before(const uint64_t *marks, size_t at)
{
	uint64_t word = marks[at / 64] << (63 - at % 64);

	if (word)
		return at - (size_t)__builtin_clzll(word);
	for (size_t i = at / 64; i-- > 0;)
		if (marks[i])
			return i * 64 + 63 - (size_t)__builtin_clzll(marks[i]);
	return 0;
}

/* How far the parts 1, 2, ... can reach when at most so many of their ends divide a cluster.  A reach that is longer is
 * never worse, so it is enough to know the longest. */
struct reach {
	uint32_t end[SEGMENT_MAX_PARTS + 1];
	uint32_t full[SEGMENT_MAX_PARTS + 1]; /* where part k would end that begins at end[k-1] and is filled */
	uint64_t divides; /* bit k-1: end[k] divides a cluster, and the ends before it are in the row above */
};

/* The row of no divided cluster.  False: it does not reach the end. */
static bool reach_whole(const struct segment_plan *p, const char *text, size_t n, unsigned cap,
	struct unicode *unicode, struct reach *ret)
{
	ret->end[0] = 0;
	ret->divides = 0;
	for (unsigned k = 1; k <= p->n_parts; k++) {
		size_t from = ret->end[k - 1], end = fill(p, text, n, from, cap).end;
		size_t start = unicode_cluster_start(unicode, text, n, end);

		if (start <= from)
			return false;
		ret->end[k] = (uint32_t)start;
	}
	return ret->end[p->n_parts] == n;
}

/* One row from the row above (NULL: there is none). */
static void reach_out(const struct segment_plan *p, const char *text, size_t n, unsigned cap, const uint64_t *marks,
	const struct reach *above, struct reach *ret)
{
	ret->end[0] = 0;
	ret->divides = 0;
	for (unsigned k = 1; k <= p->n_parts; k++) {
		uint32_t from = ret->end[k - 1], start;

		if (above && above->end[k - 1] == from)
			ret->full[k] = above->full[k];
		else if (k > 1 && ret->end[k - 2] == from)
			ret->full[k] = ret->full[k - 1];
		else
			ret->full[k] = (uint32_t)fill(p, text, n, from, cap).end;
		start = (uint32_t)boundary_before(marks, ret->full[k]);
		ret->end[k] = start > from ? start : from;
		if (above && above->full[k] > ret->end[k]) {
			ret->end[k] = above->full[k];
			ret->divides |= UINT64_C(1) << (k - 1);
		}
	}
}

/* Octets of text in the most parts: three for a septet or a UTF-16 unit. */
#define OCTETS_MAX ((size_t)SEGMENT_MAX_PARTS * 160 * 3)

/* To ask for a boundary takes as long as the cluster is, and flags in a row are counted from the first: of more parts
 * than these all boundaries are marked at once. */
#define FEW_PARTS 8

/* Of all cuttings into as many parts the one that divides the fewest clusters: allow none, one, two, ... until the end
 * is reached.  That ends, as the cutting that is there divides one at each cut at the most.  None, which nearly always
 * will do, needs few boundaries and asks for them one by one; for more than none they are marked all at a time, so that
 * a text made to be difficult takes about a millisecond. */
static void move_cuts(struct segment_plan *p, const char *text, size_t n, struct unicode *unicode)
{
	unsigned cap = text_capacity(p->encoding, p->concat, p->shift, false), row = 0;
	struct reach rows[SEGMENT_MAX_PARTS];
	uint64_t marks[OCTETS_MAX / 64 + 1];

	if (p->n_parts > FEW_PARTS || !reach_whole(p, text, n, cap, unicode, &rows[0])) {
		if (n > OCTETS_MAX || unicode_cluster_marks(unicode, text, n, marks) < 0)
			return;
		reach_out(p, text, n, cap, marks, NULL, &rows[0]);
	}
	while (rows[row].end[p->n_parts] < n && row + 1 < p->n_parts) {
		row++;
		reach_out(p, text, n, cap, marks, &rows[row - 1], &rows[row]);
	}
	for (unsigned k = p->n_parts; k > 0; k--) {
		p->start[k] = rows[row].end[k];
		if (rows[row].divides >> (k - 1) & 1)
			row--;
	}
	for (unsigned k = 0; k < p->n_parts; k++)
		p->units[k] = (uint16_t)fill(p, text, p->start[k + 1], p->start[k], cap).units;
}

static void keep_clusters(struct segment_plan *p, const char *text, size_t n, struct unicode *unicode)
{
	if (unicode && divides_cluster(p, text, n, unicode))
		move_cuts(p, text, n, unicode);
}

/* Cut `text` in the encoding, shift and concatenation of the plan, without regard to clusters.  The first part is
 * filled as one of several; when the rest goes into the room of the concatenation's element, it is alone. */
static int cut_text(const char *text, size_t n, unsigned max, struct segment_plan *p, size_t *ret_bad_at)
{
	unsigned alone = text_capacity(p->encoding, p->concat, p->shift, true), parts = 1;
	unsigned cap = text_capacity(p->encoding, p->concat, p->shift, false);
	struct span s = fill(p, text, n, 0, cap), more = s;
	size_t over_at;

	if (s.end < n && !s.bad)
		more = fill(p, text, n, s.end, alone - s.units);
	over_at = more.end;
	p->start[0] = 0;
	p->start[1] = (uint32_t)s.end;
	p->units[0] = (uint16_t)s.units;
	p->n_parts = 1;
	if (more.end == n) {
		p->start[1] = (uint32_t)n;
		p->units[0] += (uint16_t)(s.end < n ? more.units : 0);
		return 0;
	}
	for (; s.end < n && !s.bad && parts < COUNT_END; parts++) {
		s = fill(p, text, n, s.end, cap);
		if (parts < max) {
			p->units[parts] = (uint16_t)s.units;
			p->start[parts + 1] = (uint32_t)s.end;
		}
		if (parts + 1 == max)
			over_at = s.end;
	}
	if (s.bad) {
		p->n_parts = 0;
		*ret_bad_at = s.end;
		return -EILSEQ;
	}
	p->n_parts = (uint8_t)parts;
	if (parts > max) {
		*ret_bad_at = over_at;
		return -E2BIG;
	}
	return 0;
}

/* ---- choosing among encodings --------------------------------------------------------------------------- */

/* Where the first character stands that the one-octet alphabet of the link lacks, or `n`.  ASCII and Latin-1 are the
 * beginning of Unicode, so the lead octets tell. */
static size_t first_beyond(const char *text, size_t n, uint32_t max_char)
{
	uint8_t limit = max_char >= 0xff ? 0xc3 : 0x7f;

	for (size_t i = 0; max_char && i < n; i++)
		if ((uint8_t)text[i] > limit)
			return i;
	return n;
}

bool segment_fits_gsm7(uint32_t cp, const struct segment_rules *rules)
{
	return gsm7_encode(cp) >= 0 && (!rules->max_char || cp <= rules->max_char);
}

static uint32_t count_chars(const char *text, size_t n)
{
	uint32_t n_chars = 0;

	for (size_t i = 0; i < n; i++)
		n_chars += ((uint8_t)text[i] & 0xc0) != 0x80;
	return n_chars;
}

/* For each locking table: what the text costs with it, and which single shift tables have all that it lacks.  What a
 * text costs does not depend on the single shift table: any character in it takes two septets. */
struct survey {
	uint32_t septets[GSM7_LANGUAGES];
	uint16_t singles[GSM7_LANGUAGES]; /* 0: none, the pair cannot carry the text */
};

static void survey_text(const char *text, size_t n, uint32_t n_chars, uint16_t languages, struct survey *ret)
{
	unsigned tables = (languages & ((1u << GSM7_LANGUAGES) - 1)) | 1, lockings = tables & GSM7_LOCKING;
	size_t len;

	for (unsigned l = 0; l < GSM7_LANGUAGES; l++) {
		ret->septets[l] = n_chars;
		ret->singles[l] = lockings >> l & 1 ? (uint16_t)tables : 0;
	}
	for (size_t i = 0; i < n && lockings; i += len) {
		const struct gsm7_char *c;
		uint32_t cp;

		len = utf8_at(text, n, i, &cp);
		c = gsm7_char(cp);
		for (unsigned left = lockings & ~c->in_main; left; left &= left - 1) {
			unsigned l = (unsigned)__builtin_ctz(left);

			ret->septets[l]++;
			ret->singles[l] &= c->in_single;
			if (!ret->singles[l])
				lockings &= ~(1u << l);
		}
	}
}

/* No cutting of so many septets can need less. */
static unsigned least_parts(unsigned septets, enum concat concat, struct gsm7_shift shift)
{
	unsigned cap = text_capacity(ENC_GSM7, concat, shift, false), parts;

	if (septets <= text_capacity(ENC_GSM7, concat, shift, true))
		return 1;
	parts = (septets + cap - 1) / cap;
	return parts < COUNT_END ? parts : COUNT_END;
}

/* Where the first character stands that none of the tables has; `bad_at` when it is only that they cannot all be in
 * force at the same time. */
static size_t first_in_no_table(const char *text, size_t n, uint16_t languages, size_t bad_at)
{
	size_t len;

	for (size_t i = 0; i < n; i += len) {
		const struct gsm7_char *c;
		uint32_t cp;

		len = utf8_at(text, n, i, &cp);
		c = gsm7_char(cp);
		if (!((c->in_main | c->in_single) & (languages | 1)))
			return i;
	}
	return bad_at;
}

/* What plans are chosen by: fewer parts, then fewer tables, then the lower identifier. */
static unsigned rank_of(unsigned n_parts, struct gsm7_shift shift)
{
	return n_parts << 8 | ((shift.locking > 0) + (shift.single > 0u)) << 4 | shift.locking;
}

/* The pair of tables that may give the lowest rank above `above`, and that rank; UINT_MAX when there is no other. */
static unsigned next_pair(const struct survey *sv, enum concat concat, unsigned above, struct gsm7_shift *ret)
{
	unsigned lowest = UINT_MAX;

	for (unsigned l = 0; l < GSM7_LANGUAGES; l++) {
		struct gsm7_shift shift = {.locking = (uint8_t)l};
		unsigned rank;

		if (!sv->singles[l])
			continue;
		shift.single = (uint8_t)__builtin_ctz(sv->singles[l]);
		rank = rank_of(least_parts(sv->septets[l], concat, shift), shift);
		if (rank > above && rank < lowest && (l || shift.single)) {
			lowest = rank;
			*ret = shift;
		}
	}
	return lowest;
}

/* Look among the language tables for a plan of fewer parts than `best` has (n_parts 0: than any).  `r` belongs to what
 * is in `best` before, the return to what is in it then. */
static int try_languages(const char *text, size_t n, const struct segment_opts *o, int r, struct segment_plan *best,
	size_t *ret_bad_at)
{
	unsigned have = best->n_parts ? rank_of(best->n_parts, best->shift) : UINT_MAX, rank = 0;
	struct segment_plan p = {.encoding = ENC_GSM7, .concat = best->concat, .shift.single = 1};
	uint32_t n_chars = count_chars(text, n);
	struct survey sv;

	if (rank_of(least_parts(n_chars, p.concat, p.shift), p.shift) > have)
		return r; /* one septet for each character would not do */
	survey_text(text, n, n_chars, o->rules.languages, &sv);
	while ((rank = next_pair(&sv, p.concat, rank, &p.shift)) < have) {
		size_t bad_at = 0;
		int q = cut_text(text, n, parts_allowed(o), &p, &bad_at);

		if (rank_of(p.n_parts, p.shift) >= have)
			continue;
		have = rank_of(p.n_parts, p.shift);
		*best = p;
		*ret_bad_at = bad_at;
		r = q;
	}
	if (r == -EILSEQ)
		*ret_bad_at = first_in_no_table(text, n, o->rules.languages, *ret_bad_at);
	return r;
}

static int cut_default(
	const char *text, size_t n, const struct segment_opts *o, struct segment_plan *p, size_t *ret_bad_at)
{
	size_t beyond = first_beyond(text, n, o->rules.max_char);

	p->encoding = ENC_GSM7;
	p->n_parts = 0;
	if (beyond < n) {
		*ret_bad_at = beyond;
		return -EILSEQ;
	}
	return cut_text(text, n, parts_allowed(o), p, ret_bad_at);
}

int segment_plan(const char *text, size_t n, const struct segment_opts *o, struct segment_plan *ret,
	size_t *ret_bad_at)
{
	const struct segment_rules *rules = &o->rules;
	bool shifts = rules->languages && rules->concat <= CONCAT_UDH16 && !rules->max_char && o->wish != WISH_UCS2;
	int r = -EILSEQ;

	ret->concat = rules->concat;
	ret->shift = (struct gsm7_shift){0, 0};
	if (o->wish != WISH_UCS2)
		r = cut_default(text, n, o, ret, ret_bad_at);
	if (r == -EILSEQ && o->wish != WISH_GSM7) {
		ret->encoding = ENC_UCS2;
		r = cut_text(text, n, parts_allowed(o), ret, ret_bad_at);
	}
	if (shifts && ret->n_parts != 1)
		r = try_languages(text, n, o, r, ret, ret_bad_at);
	if (r == 0)
		keep_clusters(ret, text, n, o->unicode);
	return r;
}

/* Bit 15 is always set; concatenation, encoding, locking table, single shift table. */
uint16_t segment_cut(const struct segment_plan *p)
{
	return (uint16_t)(0x8000 | p->concat << 12 | p->encoding << 8 | p->shift.locking << 4 | p->shift.single);
}

enum concat segment_cut_concat(uint16_t cut)
{
	return cut >> 12 & 3;
}

/* Language tables belong to the default alphabet, and to headers of ours. */
static bool is_lawful(const struct segment_plan *p)
{
	if (!p->shift.locking && !p->shift.single)
		return p->encoding < ENC_BINARY;
	return p->encoding == ENC_GSM7 && p->concat <= CONCAT_UDH16 && GSM7_LOCKING >> p->shift.locking & 1 &&
	       p->shift.single < GSM7_LANGUAGES;
}

int segment_again(const char *text, size_t n, uint16_t cut, struct unicode *unicode, struct segment_plan *ret)
{
	size_t bad_at;
	int r;

	ret->concat = segment_cut_concat(cut);
	ret->encoding = cut >> 8 & 3;
	ret->shift = (struct gsm7_shift){.locking = cut >> 4 & 0xf, .single = cut & 0xf};
	if (segment_cut(ret) != cut || !is_lawful(ret))
		return -EINVAL;
	r = cut_text(text, n, SEGMENT_MAX_PARTS, ret, &bad_at);
	if (r == 0)
		keep_clusters(ret, text, n, unicode);
	return r;
}

/* ---- the octets of one part ----------------------------------------------------------------------------- */

static void add_element(struct segment_wire *w, uint8_t iei, const uint8_t *data, unsigned n)
{
	if (w->n_udh == 0)
		w->n_udh = 1;
	w->udh[w->n_udh++] = iei;
	w->udh[w->n_udh++] = (uint8_t)n;
	memcpy(w->udh + w->n_udh, data, n);
	w->n_udh += (uint8_t)n;
	w->udh[0] = (uint8_t)(w->n_udh - 1);
}

/* Append the concatenation element, or make a header of it when there is none. */
static void add_concat(
	struct segment_wire *w, enum concat concat, uint16_t ref, unsigned total, unsigned part)
{
	const uint8_t data[] = {(uint8_t)(ref >> 8), (uint8_t)ref, (uint8_t)total, (uint8_t)part};

	if (concat == CONCAT_UDH16)
		add_element(w, UDH_CONCAT16, data, 4);
	else
		add_element(w, UDH_CONCAT8, data + 1, 3);
}

static bool wants_concat(const struct segment_plan *p)
{
	return p->n_parts > 1 && (p->concat == CONCAT_UDH8 || p->concat == CONCAT_UDH16);
}

static int write_gsm7(struct gsm7_shift shift, const char *text, size_t n, struct segment_wire *w)
{
	size_t len, no_block = GSM7_PLAIN >> shift.locking & 1 ? 0 : n;
	bool is_default = !shift.locking && !shift.single;
	unsigned at = 0;

	for (size_t i = 0; i < n; i += len) {
		uint32_t cp;
		int code;

		if (i >= no_block && n - i >= BLOCK && at + BLOCK <= sizeof(w->text)) {
			len = BLOCK;
			if (is_plain(text + i)) {
				memcpy(w->text + at, text + i, BLOCK);
				at += BLOCK;
				continue;
			}
			no_block = i + BLOCK;
		}
		len = utf8_at(text, n, i, &cp);
		code = encode(cp, shift, is_default);
		if (code < 0 || at + septets_of(code) > sizeof(w->text))
			return -EINVAL;
		w->text[at] = GSM7_ESC;
		at += septets_of(code) - 1;
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
	r = p->encoding == ENC_GSM7 ? write_gsm7(p->shift, from, n, ret) : write_ucs2(from, n, ret);
	if (r < 0)
		return r;
	if (ret->n_text != p->units[part - 1] * (p->encoding == ENC_UCS2 ? 2 : 1))
		return -EINVAL;
	if (wants_concat(p))
		add_concat(ret, p->concat, ref, p->n_parts, part);
	if (p->shift.locking)
		add_element(ret, UDH_LOCKING, &p->shift.locking, 1);
	if (p->shift.single)
		add_element(ret, UDH_SINGLE, &p->shift.single, 1);
	return 0;
}

/* ---- octets ---------------------------------------------------------------------------------------------- */

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
	ret->concat = o->rules.concat;
	ret->shift = (struct gsm7_shift){0, 0};
	if (n_data <= SEGMENT_MAX_OCTETS - n_udh) {
		ret->n_parts = 1;
		plan_octets(ret, n_data, SEGMENT_MAX_OCTETS);
		return 0;
	}
	if (n_udh > 0 && udh_find_concat(udh, n_udh, &own) > 0)
		return -EEXIST;
	cap = binary_capacity(n_udh, o->rules.concat);
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
	if (n_udh + (wants_concat(p) ? (n_udh ? 0 : 1) + element_octets(p->concat) : 0) + n >
		SEGMENT_MAX_OCTETS)
		return -EINVAL;
	if (n_udh > 0)
		memcpy(ret->udh, udh, n_udh);
	ret->n_udh = (uint8_t)n_udh;
	if (n > 0)
		memcpy(ret->text, data + p->start[part - 1], n);
	ret->n_text = (uint8_t)n;
	if (wants_concat(p))
		add_concat(ret, p->concat, ref, p->n_parts, part);
	return 0;
}

unsigned segment_capacity(const struct segment_plan *p, size_t n_udh)
{
	if (p->encoding != ENC_BINARY)
		return text_capacity(p->encoding, p->concat, p->shift, p->n_parts == 1);
	return (unsigned)(p->n_parts == 1 ? SEGMENT_MAX_OCTETS - n_udh : binary_capacity(n_udh, p->concat));
}

unsigned segment_units_left(const struct segment_plan *p, unsigned part, size_t n_udh)
{
	return segment_capacity(p, n_udh) - p->units[part - 1];
}
