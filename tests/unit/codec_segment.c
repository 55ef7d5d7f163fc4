/* SPDX-License-Identifier: Apache-2.0 */
/* Where texts are cut.  The table holds the figures of 3GPP TS 23.040, 9.2.3.24.1; the property tests hold
 * the promises: the parts joined are the text, none is too large, no pair is cut, and no cutting has fewer
 * parts. */
#include "codec/gsm7.h"
#include "codec/segment.h"
#include "codec/ucs2.h"
#include "codec/udh.h"
#include "codec/unicode.h"
#include "codec/utf8.h"
#include "tests/unit/codec_hex.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

#include <cmocka.h>

#define TEXT_MAX 65536

static char text[TEXT_MAX];

/* `n_before` times `pad`, then `mid`, then `n_after` times `pad`. */
static size_t make_text(const char *pad, unsigned n_before, const char *mid, unsigned n_after)
{
	size_t n = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < n_before + 1 + n_after; i++) {
		const char *s = i == n_before ? mid : pad;

		assert_true(n + strlen(s) < sizeof(text));
		memcpy(text + n, s, strlen(s));
		n += strlen(s);
	}
	return n;
}

static const struct {
	const char *why;
	const char *pad;
	unsigned n_before;
	const char *mid;
	unsigned n_after;
	enum encoding_wish wish;
	enum concat concat;
	enum encoding encoding;
	unsigned n_parts, units[4];
} cuts[] = {
	{"empty", "a", 0, "", 0, WISH_AUTO, CONCAT_UDH8, ENC_GSM7, 1, {0}},
	{"empty as UCS-2", "a", 0, "", 0, WISH_UCS2, CONCAT_UDH8, ENC_UCS2, 1, {0}},
	{"160 are one part", "a", 160, "", 0, WISH_AUTO, CONCAT_UDH8, ENC_GSM7, 1, {160}},
	{"160 are one part with sar", "a", 160, "", 0, WISH_AUTO, CONCAT_SAR, ENC_GSM7, 1, {160}},
	{"161 are 153 + 8", "a", 161, "", 0, WISH_AUTO, CONCAT_UDH8, ENC_GSM7, 2, {153, 8}},
	{"161 with 16 bit: 152 + 9", "a", 161, "", 0, WISH_AUTO, CONCAT_UDH16, ENC_GSM7, 2, {152, 9}},
	{"161 with sar: the header is the SMSC's", "a", 161, "", 0, WISH_AUTO, CONCAT_SAR, ENC_GSM7, 2,
		{153, 8}},
	{"161 as payload: the SMSC will cut so", "a", 161, "", 0, WISH_AUTO, CONCAT_PAYLOAD, ENC_GSM7, 2,
		{153, 8}},
	{"306 are two", "a", 306, "", 0, WISH_AUTO, CONCAT_UDH8, ENC_GSM7, 2, {153, 153}},
	{"307 are three", "a", 307, "", 0, WISH_AUTO, CONCAT_UDH8, ENC_GSM7, 3, {153, 153, 1}},
	{"304 with 16 bit are two", "a", 304, "", 0, WISH_AUTO, CONCAT_UDH16, ENC_GSM7, 2, {152, 152}},
	{"305 with 16 bit are three", "a", 305, "", 0, WISH_AUTO, CONCAT_UDH16, ENC_GSM7, 3, {152, 152, 1}},
	{"two octets of UTF-8, one septet", "é", 160, "", 0, WISH_AUTO, CONCAT_UDH8, ENC_GSM7, 1, {160}},
	{"80 euros are 160", "€", 80, "", 0, WISH_AUTO, CONCAT_UDH8, ENC_GSM7, 1, {160}},
	{"81 euros: 76 pairs fit into 153", "€", 81, "", 0, WISH_AUTO, CONCAT_UDH8, ENC_GSM7, 2, {152, 10}},
	{"a pair as the last of 160", "a", 158, "€", 0, WISH_AUTO, CONCAT_UDH8, ENC_GSM7, 1, {160}},
	{"a pair over the end of 160", "a", 159, "€", 0, WISH_AUTO, CONCAT_UDH8, ENC_GSM7, 2, {153, 8}},
	{"pair ends at the cut", "a", 151, "[", 10, WISH_AUTO, CONCAT_UDH8, ENC_GSM7, 2, {153, 10}},
	{"pair over the cut goes to the next", "a", 152, "[", 10, WISH_AUTO, CONCAT_UDH8, ENC_GSM7, 2,
		{152, 12}},
	{"pair behind the cut", "a", 153, "[", 10, WISH_AUTO, CONCAT_UDH8, ENC_GSM7, 2, {153, 12}},
	{"pair over the second cut", "a", 305, "[", 10, WISH_AUTO, CONCAT_UDH8, ENC_GSM7, 3, {153, 152, 12}},
	{"the lost septet makes a third part", "a", 152, "[", 152, WISH_AUTO, CONCAT_UDH8, ENC_GSM7, 3,
		{152, 153, 1}},
	{"pair over the cut with 16 bit", "a", 151, "[", 10, WISH_AUTO, CONCAT_UDH16, ENC_GSM7, 2, {151, 12}},
	{"70 are one part", "Ж", 70, "", 0, WISH_AUTO, CONCAT_UDH8, ENC_UCS2, 1, {70}},
	{"71 are 67 + 4", "Ж", 71, "", 0, WISH_AUTO, CONCAT_UDH8, ENC_UCS2, 2, {67, 4}},
	{"71 with 16 bit: 66 + 5", "Ж", 71, "", 0, WISH_AUTO, CONCAT_UDH16, ENC_UCS2, 2, {66, 5}},
	{"71 with sar", "Ж", 71, "", 0, WISH_AUTO, CONCAT_SAR, ENC_UCS2, 2, {67, 4}},
	{"134 are two", "Ж", 134, "", 0, WISH_AUTO, CONCAT_UDH8, ENC_UCS2, 2, {67, 67}},
	{"135 are three", "Ж", 135, "", 0, WISH_AUTO, CONCAT_UDH8, ENC_UCS2, 3, {67, 67, 1}},
	{"one quotation mark turns 160 letters", "a", 159, "“", 0, WISH_AUTO, CONCAT_UDH8, ENC_UCS2, 3,
		{67, 67, 26}},
	{"it does so as the first, too", "a", 0, "“", 159, WISH_AUTO, CONCAT_UDH8, ENC_UCS2, 3, {67, 67, 26}},
	{"35 emoji are 70", "😀", 35, "", 0, WISH_AUTO, CONCAT_UDH8, ENC_UCS2, 1, {70}},
	{"36 emoji: 33 fit into 67", "😀", 36, "", 0, WISH_AUTO, CONCAT_UDH8, ENC_UCS2, 2, {66, 6}},
	{"emoji over the end of 70", "Ж", 69, "😀", 0, WISH_AUTO, CONCAT_UDH8, ENC_UCS2, 2, {67, 4}},
	{"emoji ends at the cut", "Ж", 65, "😀", 9, WISH_AUTO, CONCAT_UDH8, ENC_UCS2, 2, {67, 9}},
	{"emoji over the cut", "Ж", 66, "😀", 9, WISH_AUTO, CONCAT_UDH8, ENC_UCS2, 2, {66, 11}},
	{"emoji behind the cut", "Ж", 67, "😀", 9, WISH_AUTO, CONCAT_UDH8, ENC_UCS2, 2, {67, 11}},
	{"emoji over the cut with 16 bit", "Ж", 65, "😀", 9, WISH_AUTO, CONCAT_UDH16, ENC_UCS2, 2, {65, 11}},
	{"UCS-2 when asked", "a", 71, "", 0, WISH_UCS2, CONCAT_UDH8, ENC_UCS2, 2, {67, 4}},
	{"an extension character costs one there", "[", 70, "", 0, WISH_UCS2, CONCAT_UDH8, ENC_UCS2, 1, {70}},
};

static void texts_are_cut_where_the_specification_says(void **state)
{
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		struct segment_opts o = {.wish = cuts[i].wish, .rules.concat = cuts[i].concat};
		size_t n = make_text(cuts[i].pad, cuts[i].n_before, cuts[i].mid, cuts[i].n_after), bad_at;
		struct segment_plan p;

		print_message("%s\n", cuts[i].why);
		assert_int_equal(segment_plan(text, n, &o, &p, &bad_at), 0);
		assert_int_equal(p.encoding, cuts[i].encoding);
		assert_int_equal(p.concat, cuts[i].concat);
		assert_int_equal(p.n_parts, cuts[i].n_parts);
		for (unsigned k = 0; k < p.n_parts; k++)
			assert_int_equal(p.units[k], cuts[i].units[k]);
		assert_int_equal(p.start[0], 0);
		assert_int_equal(p.start[p.n_parts], n);
	}
}

/* An emoji that would be the 67th and 68th unit of a part, behind letters of one octet and of two in every proportion:
 * it is not taken for one unit wherever its octets lie. */
static void an_emoji_over_the_cut_is_not_half_taken(void **state)
{
	(void)state;
	for (unsigned n_two = 1; n_two <= 66; n_two++)
		for (unsigned room = 65; room <= 66; room++) {
			struct segment_opts o = {.rules.concat = room == 66 ? CONCAT_UDH8 : CONCAT_UDH16};
			struct segment_plan p;
			struct segment_wire w;
			size_t n = 0, bad_at;

			for (unsigned i = 0; i < room; i++) {
				memcpy(text + n, i < n_two ? "Ж" : "a", i < n_two ? 2 : 1);
				n += i < n_two ? 2 : 1;
			}
			memcpy(text + n, "😀😀😀", 12);
			assert_int_equal(segment_plan(text, n + 12, &o, &p, &bad_at), 0);
			assert_int_equal(p.n_parts, 2);
			assert_int_equal(p.start[1], n);
			assert_int_equal(p.units[0], room);
			assert_int_equal(segment_part(text, &p, 2, 1, &w), 0);
			assert_int_equal(w.n_text, 12);
		}
}

static const struct {
	const char *why;
	const char *pad;
	unsigned n_before;
	const char *mid;
	unsigned n_after;
	enum encoding_wish wish;
	unsigned max_parts;
	int r;
	size_t bad_at;
	unsigned n_parts; /* for -E2BIG */
} refusals[] = {
	{"GSM-7 asked, Cyrillic at the end", "a", 5, "Ж", 0, WISH_GSM7, 0, -EILSEQ, 5, 0},
	{"offset counts octets", "é", 5, "Ж", 3, WISH_GSM7, 0, -EILSEQ, 10, 0},
	{"the first of many", "Ж", 3, "", 0, WISH_GSM7, 0, -EILSEQ, 0, 0},
	{"161 in one part", "a", 161, "", 0, WISH_AUTO, 1, -E2BIG, 160, 2},
	{"pair over the end of one part", "a", 159, "€", 0, WISH_AUTO, 1, -E2BIG, 159, 2},
	{"310 in one part need three", "a", 310, "", 0, WISH_AUTO, 1, -E2BIG, 160, 3},
	{"71 in one part", "Ж", 71, "", 0, WISH_AUTO, 1, -E2BIG, 140, 2},
	{"307 in two parts", "a", 307, "", 0, WISH_AUTO, 2, -E2BIG, 306, 3},
	{"one more than 64 parts", "a", 64 * 153 + 1, "", 0, WISH_AUTO, 0, -E2BIG, 64 * 153, 65},
	{"a higher limit than 64 is 64", "a", 64 * 153 + 1, "", 0, WISH_AUTO, 200, -E2BIG, 64 * 153, 65},
	{"254 parts are counted", "a", 253 * 153 + 1, "", 0, WISH_AUTO, 10, -E2BIG, 1530, 254},
	{"beyond 255 the count stands", "a", 256 * 153, "", 0, WISH_AUTO, 10, -E2BIG, 1530, 255},
};

static void refusals_name_the_culprit(void **state)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct segment_opts o = {
			.wish = refusals[i].wish, .max_parts = (uint8_t)refusals[i].max_parts};
		size_t n = make_text(
			refusals[i].pad, refusals[i].n_before, refusals[i].mid, refusals[i].n_after);
		size_t bad_at = 99999;
		struct segment_plan p;

		print_message("%s\n", refusals[i].why);
		assert_int_equal(segment_plan(text, n, &o, &p, &bad_at), refusals[i].r);
		assert_int_equal(bad_at, refusals[i].bad_at);
		if (refusals[i].r == -E2BIG)
			assert_int_equal(p.n_parts, refusals[i].n_parts);
	}
}

static void sixty_four_full_parts_are_allowed(void **state)
{
	struct segment_opts o = {.wish = WISH_AUTO};
	size_t n = make_text("a", 64 * 153, "", 0), bad_at;
	struct segment_plan p;

	assert_int_equal(segment_plan(text, n, &o, &p, &bad_at), 0);
	assert_int_equal(p.n_parts, 64);
	assert_int_equal(p.units[63], 153);
	assert_int_equal(p.start[64], n);
}

static const struct {
	const char *why;
	enum concat concat;
	unsigned part;
	const char *udh;
} headers[] = {
	{"8 bit, from the worked example", CONCAT_UDH8, 1, "050003cc0201"},
	{"8 bit, second part", CONCAT_UDH8, 2, "050003cc0202"},
	{"16 bit", CONCAT_UDH16, 1, "060804abcc0201"},
	{"sar has none", CONCAT_SAR, 1, ""},
	{"payload has none", CONCAT_PAYLOAD, 2, ""},
};

static void headers_are_those_of_the_specification(void **state)
{
	size_t n = make_text("a", 161, "", 0), bad_at;

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		struct segment_opts o = {.rules.concat = headers[i].concat};
		struct segment_plan p;
		struct segment_wire w;
		uint8_t want[16];
		size_t n_want = from_hex(headers[i].udh, want, sizeof(want));

		print_message("%s\n", headers[i].why);
		assert_int_equal(segment_plan(text, n, &o, &p, &bad_at), 0);
		assert_int_equal(segment_part(text, &p, headers[i].part, 0xabcc, &w), 0);
		assert_int_equal(w.n_udh, n_want);
		assert_memory_equal(w.udh, want, n_want);
	}
}

static const struct {
	const char *why, *text, *wire;
	enum encoding_wish wish;
} wires[] = {
	{"at sign is octet 00, letters follow", "@a", "0061", WISH_AUTO},
	{"euro is a pair", "a€", "611b65", WISH_AUTO},
	{"emoji", "😀", "d83dde00", WISH_AUTO},
	{"letters as UTF-16", "a€", "006120ac", WISH_UCS2},
	{"nothing", "", "", WISH_AUTO},
};

static void single_parts_carry_plain_octets(void **state)
{
	for (size_t i = 0; i < sizeof(wires) / sizeof(wires[0]); i++) {
		struct segment_opts o = {.wish = wires[i].wish};
		struct segment_plan p;
		struct segment_wire w;
		uint8_t want[16];
		size_t n_want = from_hex(wires[i].wire, want, sizeof(want)), bad_at;

		print_message("%s\n", wires[i].why);
		assert_int_equal(segment_plan(wires[i].text, strlen(wires[i].text), &o, &p, &bad_at), 0);
		assert_int_equal(segment_part(wires[i].text, &p, 1, 0, &w), 0);
		assert_int_equal(w.n_udh, 0);
		assert_int_equal(w.n_text, n_want);
		assert_memory_equal(w.text, want, n_want);
	}
}

static void wrong_parts_and_texts_are_refused(void **state)
{
	struct segment_opts o = {.wish = WISH_AUTO};
	struct segment_plan p;
	struct segment_wire w;
	size_t bad_at;

	assert_int_equal(segment_plan("abc", 3, &o, &p, &bad_at), 0);
	assert_int_equal(segment_part("abc", &p, 0, 0, &w), -EINVAL);
	assert_int_equal(segment_part("abc", &p, 2, 0, &w), -EINVAL);
	assert_int_equal(segment_part("ab[", &p, 1, 0, &w), -EINVAL);
	assert_int_equal(segment_part("a\xd0\x96", &p, 1, 0, &w), -EINVAL);
	assert_int_equal(segment_binary_part(NULL, 0, (const uint8_t *)"abc", &p, 1, 0, &w), -EINVAL);
}

/* ---- properties ---- */

static const char *const gsm_letters[] = {"a", "b", " ", "@", "é", "Δ", "€", "[", "~", "\n"};
static const char *const any_letters[] = {"a", "é", "€", "[", "Ж", "漢", "😀", "👍", "\xef\xbf\xbd", "z"};

#define MAX_CHARS 600

static unsigned cost[MAX_CHARS];
static unsigned n_chars;

/* A text of up to 599 characters, and what each of them costs, counted here by hand and not by the codec. */
static size_t random_text(uint32_t *seed, bool gsm)
{
	const char *const *letters = gsm ? gsm_letters : any_letters;
	unsigned rare = next_random(seed) % 4; /* 0: mostly plain letters */
	size_t n = 0;

	n_chars = next_random(seed) % MAX_CHARS;
	for (unsigned i = 0; i < n_chars; i++) {
		const char *s = letters[rare || next_random(seed) % 20 == 0 ? next_random(seed) % 10 : 0];

		memcpy(text + n, s, strlen(s));
		n += strlen(s);
		if (gsm)
			cost[i] = strcmp(s, "€") == 0 || s[0] == '[' || s[0] == '~' ? 2 : 1;
		else
			cost[i] = strlen(s) == 4 ? 2 : 1;
	}
	return n;
}

/* The fewest parts, by trying every cut. */
static unsigned fewest_parts(unsigned cap_alone, unsigned cap)
{
	static unsigned best[MAX_CHARS + 1];
	unsigned total = 0;

	for (unsigned i = 0; i < n_chars; i++)
		total += cost[i];
	if (total <= cap_alone)
		return 1;
	best[0] = 0;
	for (unsigned end = 1; end <= n_chars; end++) {
		unsigned used = 0;

		best[end] = UINT32_MAX;
		for (unsigned from = end; from-- > 0;) {
			used += cost[from];
			if (used > cap)
				break;
			if (best[from] + 1 < best[end])
				best[end] = best[from] + 1;
		}
	}
	return best[n_chars];
}

static void check_part(const struct segment_plan *p, unsigned part, unsigned cap, size_t *at)
{
	const struct gsm7_shift no_shift = {0, 0};
	size_t n = p->start[part] - p->start[part - 1], len;
	struct segment_wire w;
	char out[GSM7_UTF8_MAX(160)];

	assert_int_equal(segment_part(text, p, part, 7, &w), 0);
	if (p->encoding == ENC_GSM7) {
		assert_true(w.n_text <= cap);
		assert_true(w.n_text == 0 || w.text[w.n_text - 1] != GSM7_ESC);
		assert_int_equal(gsm7_decode(w.text, w.n_text, no_shift, out, sizeof(out), &len), 0);
	} else {
		assert_true(w.n_text <= cap * 2);
		assert_true(w.n_text == 0 || (w.text[w.n_text - 2] & 0xfc) != 0xd8);
		assert_int_equal(ucs2_to_utf8(w.text, w.n_text, out, sizeof(out), &len), 0);
	}
	assert_int_equal(len, n);
	assert_memory_equal(out, text + *at, n);
	*at += n;
}

static void parts_join_to_the_text_and_are_as_few_as_can_be(void **state)
{
	static const unsigned caps[2][2] = {{153, 67}, {152, 66}};
	uint32_t seed = 19850101;

	for (unsigned round = 0; round < 4000; round++) {
		bool gsm = next_random(&seed) % 2, wide = next_random(&seed) % 2;
		struct segment_opts o = {.wish = gsm ? WISH_AUTO : WISH_UCS2,
			.rules.concat = wide			   ? CONCAT_UDH16
				  : next_random(&seed) % 2 ? CONCAT_UDH8
							   : CONCAT_SAR};
		size_t n = random_text(&seed, gsm), at = 0, bad_at;
		unsigned cap = caps[wide][!gsm], alone = gsm ? 160 : 70;
		struct segment_plan p;

		assert_int_equal(segment_plan(text, n, &o, &p, &bad_at), 0);
		assert_int_equal(p.encoding, gsm ? ENC_GSM7 : ENC_UCS2);
		assert_int_equal(p.n_parts, fewest_parts(alone, cap));
		for (unsigned part = 1; part <= p.n_parts; part++)
			check_part(&p, part, p.n_parts == 1 ? alone : cap, &at);
		assert_int_equal(at, n);
	}
}

/* ---- national languages --------------------------------------------------------------------------------- */

enum { L_TR = 1 << 1, L_ES = 1 << 2, L_PT = 1 << 3, L_HI = 1 << 6, L_UR = 1 << 13, L_ALL = 0x3ffe };

/* Which tables are taken: 1 Turkish, 2 Spanish, 3 Portuguese, 6 Hindi, 13 Urdu. */
static const struct {
	const char *why;
	const char *pad;
	unsigned n_before;
	const char *mid;
	unsigned n_after;
	struct segment_rules rules;
	enum encoding_wish wish;
	int r;
	enum encoding encoding;
	unsigned locking, single, n_parts, units[3];
} choices[] = {
	{"without languages Turkish is UCS-2", "ş", 100, "", 0, {0}, WISH_AUTO, 0, ENC_UCS2, 0, 0, 2, {67, 33}},
	{"one part in UCS-2 is as good and needs no table", "ş", 70, "", 0, {.languages = L_TR}, WISH_AUTO, 0, ENC_UCS2, 0, 0,
		1, {70}},
	{"71 take the locking table", "ş", 71, "", 0, {.languages = L_TR}, WISH_AUTO, 0, ENC_GSM7, 0, 1, 1, {142}},
	{"78 pairs do not fit beside one element, 78 septets do", "ş", 78, "", 0, {.languages = L_TR}, WISH_AUTO, 0,
		ENC_GSM7, 1, 0, 1, {78}},
	{"155 fill a part beside one element", "ş", 155, "", 0, {.languages = L_TR}, WISH_AUTO, 0, ENC_GSM7, 1, 0, 1, {155}},
	{"156 are 149 + 7", "ş", 156, "", 0, {.languages = L_TR}, WISH_AUTO, 0, ENC_GSM7, 1, 0, 2, {149, 7}},
	{"with 16 bit 148 + 8", "ş", 156, "", 0, {CONCAT_UDH16, L_TR, 0}, WISH_AUTO, 0, ENC_GSM7, 1, 0, 2, {148, 8}},
	{"few of them: the single shift table, as it is the lower identifier", "a", 150, "ş", 0, {.languages = L_TR}, WISH_AUTO,
		0, ENC_GSM7, 0, 1, 1, {152}},
	{"two pairs too many for it", "a", 154, "ş", 0, {.languages = L_TR}, WISH_AUTO, 0, ENC_GSM7, 1, 0, 1, {155}},
	{"a pair over the cut beside one element", "a", 148, "ç", 40, {.languages = L_ES}, WISH_AUTO, 0, ENC_GSM7, 0, 2, 2,
		{148, 42}},
	{"with 16 bit", "a", 147, "ç", 40, {CONCAT_UDH16, L_ES, 0}, WISH_AUTO, 0, ENC_GSM7, 0, 2, 2, {147, 42}},
	{"Hindi with Latin capitals needs both tables: 152 fill a part", "अ", 150, "A", 0, {.languages = L_HI}, WISH_AUTO, 0,
		ENC_GSM7, 6, 6, 1, {152}},
	{"153 are 146 + 7", "अ", 151, "A", 0, {.languages = L_HI}, WISH_AUTO, 0, ENC_GSM7, 6, 6, 2, {146, 7}},
	{"with 16 bit 145 + 8", "अ", 151, "A", 0, {CONCAT_UDH16, L_HI, 0}, WISH_AUTO, 0, ENC_GSM7, 6, 6, 2, {145, 8}},
	{"two languages in one text", "ş", 100, "ã", 0, {.languages = L_TR | L_PT}, WISH_AUTO, 0, ENC_GSM7, 1, 3, 1, {102}},
	{"they help only together", "ş", 100, "ã", 0, {.languages = L_TR | L_HI}, WISH_AUTO, 0, ENC_UCS2, 0, 0, 2, {67, 34}},
	{"many of both: the table of the more frequent is the locking one", "ãã", 60, "ş", 0, {.languages = L_TR | L_PT},
		WISH_AUTO, 0, ENC_GSM7, 3, 1, 1, {122}},
	{"two tables where UCS-2 would need two parts", "अ", 131, "A", 2, {.languages = L_HI}, WISH_AUTO, 0, ENC_GSM7, 6, 6, 1,
		{135}},
	{"where it needs as many, UCS-2", "अA", 67, "", 0, {.languages = L_HI}, WISH_AUTO, 0, ENC_UCS2, 0, 0, 2, {67, 67}},
	{"one character more, and the tables save a part", "अA", 67, "अ", 0, {.languages = L_HI}, WISH_AUTO, 0, ENC_GSM7, 6, 6,
		2, {145, 57}},
	{"of equals the lower identifier: Spanish", "a", 100, "ç", 0, {.languages = L_ES | L_PT}, WISH_AUTO, 0, ENC_GSM7, 0, 2,
		1, {102}},
	{"Latin text does not need them", "a", 161, "", 0, {.languages = L_ALL}, WISH_AUTO, 0, ENC_GSM7, 0, 0, 2, {153, 8}},
	{"circumflexes in one septet save two parts", "^", 155, "", 0, {.languages = L_PT}, WISH_AUTO, 0, ENC_GSM7, 3, 0, 1,
		{155}},
	{"two of them save nothing", "^", 80, "", 0, {.languages = L_PT}, WISH_AUTO, 0, ENC_GSM7, 0, 0, 1, {160}},
	{"a euro is one septet with Turkish", "€", 81, "", 0, {.languages = L_TR}, WISH_AUTO, 0, ENC_GSM7, 1, 0, 1, {81}},
	{"a character that no table has", "ş", 100, "😀", 0, {.languages = L_ALL}, WISH_AUTO, 0, ENC_UCS2, 0, 0, 2, {67, 35}},
	{"GSM-7 asked: the tables are GSM-7", "ş", 1, "", 0, {.languages = L_TR}, WISH_GSM7, 0, ENC_GSM7, 0, 1, 1, {2}},
	{"GSM-7 asked: none has it", "ş", 1, "Ж", 0, {.languages = L_ALL}, WISH_GSM7, -EILSEQ, ENC_GSM7, 0, 0, 0, {0}},
	{"UCS-2 asked", "ş", 100, "", 0, {.languages = L_TR}, WISH_UCS2, 0, ENC_UCS2, 0, 0, 2, {67, 33}},
	{"sar: the header would not be ours", "ş", 100, "", 0, {CONCAT_SAR, L_TR, 0}, WISH_AUTO, 0, ENC_UCS2, 0, 0, 2, {67, 33}},
	{"payload, too", "ş", 100, "", 0, {CONCAT_PAYLOAD, L_TR, 0}, WISH_AUTO, 0, ENC_UCS2, 0, 0, 2, {67, 33}},
	{"a Latin-1 wire has no tables", "ş", 100, "", 0, {.languages = L_TR, .max_char = 0xff}, WISH_AUTO, 0, ENC_UCS2, 0, 0, 2,
		{67, 33}},
	{"a Latin-1 wire carries e acute", "é", 160, "", 0, {.max_char = 0xff}, WISH_AUTO, 0, ENC_GSM7, 0, 0, 1, {160}},
	{"and no euro", "é", 70, "€", 0, {.max_char = 0xff}, WISH_AUTO, 0, ENC_UCS2, 0, 0, 2, {67, 4}},
	{"nor a delta", "é", 0, "Δ", 0, {.max_char = 0xff}, WISH_AUTO, 0, ENC_UCS2, 0, 0, 1, {1}},
	{"nor what the alphabet lacks", "é", 0, "í", 0, {.max_char = 0xff}, WISH_AUTO, 0, ENC_UCS2, 0, 0, 1, {1}},
	{"an ASCII wire carries no e acute", "a", 1, "é", 0, {.max_char = 0x7f}, WISH_AUTO, 0, ENC_UCS2, 0, 0, 1, {2}},
	{"but brackets", "[", 80, "", 0, {.max_char = 0x7f}, WISH_AUTO, 0, ENC_GSM7, 0, 0, 1, {160}},
	{"bits beyond the languages are nobody's", "ş", 100, "", 0, {.languages = 0xc000}, WISH_AUTO, 0, ENC_UCS2, 0, 0, 2,
		{67, 33}},
};

static void the_cheapest_lawful_tables_are_taken(void **state)
{
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		struct segment_opts o = {.wish = choices[i].wish, .rules = choices[i].rules};
		size_t n = make_text(choices[i].pad, choices[i].n_before, choices[i].mid, choices[i].n_after);
		size_t bad_at = 0;
		struct segment_plan p;

		print_message("%s\n", choices[i].why);
		assert_int_equal(segment_plan(text, n, &o, &p, &bad_at), choices[i].r);
		if (choices[i].r < 0)
			continue;
		assert_int_equal(p.encoding, choices[i].encoding);
		assert_int_equal(p.shift.locking, choices[i].locking);
		assert_int_equal(p.shift.single, choices[i].single);
		assert_int_equal(p.n_parts, choices[i].n_parts);
		for (unsigned k = 0; k < p.n_parts; k++)
			assert_int_equal(p.units[k], choices[i].units[k]);
	}
}

static const struct {
	const char *why, *text;
	uint16_t languages;
	uint32_t max_char;
	size_t bad_at;
} culprits[] = {
	{"without tables it is the first", "aşЖ", 0, 0, 1},
	{"with its table it is the one behind", "aşЖ", L_TR, 0, 3},
	{"two tables for which there is one place: the first that the default lacks", "aÁَş", L_UR, 0, 1},
	{"a wire of one octet takes no tables", "aşЖ", L_TR, 0xff, 1},
	{"and ends before the euro", "a€", 0, 0xff, 1},
};

static void gsm7_names_what_no_table_has(void **state)
{
	for (size_t i = 0; i < sizeof(culprits) / sizeof(culprits[0]); i++) {
		struct segment_opts o = {.wish = WISH_GSM7,
			.rules = {.languages = culprits[i].languages, .max_char = culprits[i].max_char}};
		size_t bad_at = 99;
		struct segment_plan p;

		print_message("%s\n", culprits[i].why);
		assert_int_equal(segment_plan(culprits[i].text, strlen(culprits[i].text), &o, &p, &bad_at), -EILSEQ);
		assert_int_equal(bad_at, culprits[i].bad_at);
	}
}

static void tables_save_a_text_from_the_limit(void **state)
{
	struct segment_opts o = {.rules.languages = L_TR, .max_parts = 1};
	size_t n = make_text("ş", 155, "", 0), bad_at = 0;
	struct segment_plan p;

	assert_int_equal(segment_plan(text, n, &o, &p, &bad_at), 0);
	n = make_text("ş", 156, "", 0);
	assert_int_equal(segment_plan(text, n, &o, &p, &bad_at), -E2BIG);
	assert_int_equal(p.n_parts, 2);
	assert_int_equal(p.shift.locking, 1);
	assert_int_equal(bad_at, 2 * 155);
}

static void more_than_can_be_counted_is_too_long_not_unencodable(void **state)
{
	struct segment_opts o = {.wish = WISH_GSM7, .rules.languages = L_TR};
	const size_t n = 256 * 149 * strlen("ş");
	char *many = malloc(n);
	struct segment_plan p;
	size_t bad_at = 0;

	assert_non_null(many);
	for (size_t i = 0; i < n; i += 2)
		memcpy(many + i, "ş", 2);
	assert_int_equal(segment_plan(many, n, &o, &p, &bad_at), -E2BIG);
	assert_int_equal(p.n_parts, 255);
	assert_int_equal(bad_at, 64 * (149 / 2) * 2); /* pairs: beyond 255 one table is as good as the other */
	free(many);
}

static const struct {
	const char *why, *pad;
	unsigned n_before;
	const char *mid;
	unsigned n_after;
	struct segment_rules rules;
	unsigned part;
	const char *udh, *begins;
} language_headers[] = {
	{"locking, alone", "ş", 155, "", 0, {.languages = L_TR}, 1, "03250101", "1d1d"},
	{"single, alone", "a", 100, "ş", 0, {.languages = L_TR}, 1, "03240101", "6161"},
	{"both, alone", "अ", 100, "A", 0, {.languages = L_HI}, 1, "06250106240106", "0303"},
	{"two languages", "ş", 100, "ã", 0, {.languages = L_TR | L_PT}, 1, "06250101240103", "1d1d"},
	{"locking, second part", "ş", 156, "", 0, {.languages = L_TR}, 2, "080003cc0202250101", "1d1d"},
	{"single, second part", "a", 148, "ç", 40, {.languages = L_ES}, 2, "080003cc0202240102", "1b09"},
	{"both, first part", "अ", 151, "A", 0, {.languages = L_HI}, 1, "0b0003cc0201250106240106", "0303"},
	{"both, with 16 bit", "अ", 151, "A", 0, {CONCAT_UDH16, L_HI, 0}, 2, "0c0804abcc0202250106240106", "0303"},
};

static void each_part_names_its_tables(void **state)
{
	for (size_t i = 0; i < sizeof(language_headers) / sizeof(language_headers[0]); i++) {
		struct segment_opts o = {.rules = language_headers[i].rules};
		size_t n = make_text(language_headers[i].pad, language_headers[i].n_before, language_headers[i].mid,
			language_headers[i].n_after);
		struct gsm7_shift shift;
		struct segment_plan p;
		struct segment_wire w;
		uint8_t want[32];
		size_t n_want, bad_at;

		print_message("%s\n", language_headers[i].why);
		assert_int_equal(segment_plan(text, n, &o, &p, &bad_at), 0);
		assert_int_equal(segment_part(text, &p, language_headers[i].part, 0xabcc, &w), 0);
		n_want = from_hex(language_headers[i].udh, want, sizeof(want));
		assert_int_equal(w.n_udh, n_want);
		assert_memory_equal(w.udh, want, n_want);
		n_want = from_hex(language_headers[i].begins, want, sizeof(want));
		assert_memory_equal(w.text, want, n_want);
		assert_int_equal(udh_find_shift(w.udh, w.n_udh, &shift), 1);
		assert_memory_equal(&shift, &p.shift, sizeof(shift));
		assert_true(gsm7_header_septets(w.n_udh) + w.n_text <= 160);
	}
}

/* ---- a cut is kept ---------------------------------------------------------------------------------------- */

/* The layout of the 16 bits is stored in databases: 1, a zero, two bits of concatenation, four of encoding, four of
 * each table. */
static bool is_a_cut(unsigned cut)
{
	unsigned concat = cut >> 12 & 3, encoding = cut >> 8 & 0xf, locking = cut >> 4 & 0xf, single = cut & 0xf;

	if (cut >> 14 != 2 || encoding > 1)
		return false;
	if (locking == 0 && single == 0)
		return true;
	return encoding == 0 && (concat == CONCAT_UDH8 || concat == CONCAT_UDH16) && locking != 2 && locking < 14 &&
	       single < 14;
}

static void only_lawful_cuts_are_made_again(void **state)
{
	/* With letters of default, Turkish and Hindi tables: each fits some pairs. */
	static const char *const texts[] = {"", "hello", "aş", "अ", "😀"};
	unsigned n_lawful = 0;

	for (unsigned cut = 0; cut <= 0xffff; cut++) {
		for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
			struct segment_plan p;
			struct segment_wire w;
			int r = segment_again(texts[i], strlen(texts[i]), (uint16_t)cut, NULL, &p);

			if (!is_a_cut(cut)) {
				assert_int_equal(r, -EINVAL);
				continue;
			}
			n_lawful += i == 0;
			assert_true(r == 0 || (r == -EILSEQ && (cut >> 8 & 0xf) == 0));
			if (i == 0 || (cut >> 8 & 0xf) == 1)
				assert_int_equal(r, 0);
			if (r < 0)
				continue;
			assert_int_equal(segment_cut(&p), cut);
			assert_int_equal(segment_part(texts[i], &p, 1, 0, &w), 0);
		}
	}
	assert_int_equal(n_lawful, 4 * 2 + 2 * (13 * 14 - 1));
}

static void cuts_have_the_numbers_that_are_stored(void **state)
{
	static const struct {
		struct segment_plan p;
		unsigned cut;
	} rows[] = {
		{{.encoding = ENC_GSM7, .concat = CONCAT_UDH8}, 0x8000},
		{{.encoding = ENC_GSM7, .concat = CONCAT_UDH16, .shift = {13, 12}}, 0x90dc},
		{{.encoding = ENC_UCS2, .concat = CONCAT_SAR}, 0xa100},
		{{.encoding = ENC_BINARY, .concat = CONCAT_PAYLOAD}, 0xb200},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(segment_cut(&rows[i].p), rows[i].cut);
		assert_int_equal(segment_cut_concat((uint16_t)rows[i].cut), rows[i].p.concat);
	}
}

static void a_cut_that_does_not_carry_the_text_is_refused(void **state)
{
	size_t n = make_text("a", 64 * 153 + 1, "", 0);
	struct segment_plan p;

	assert_int_equal(segment_again(text, n, 0x8000, NULL, &p), -E2BIG);
	assert_int_equal(segment_again(text, n - 1, 0x8000, NULL, &p), 0);
	assert_int_equal(segment_again("Ж", 2, 0x8000, NULL, &p), -EILSEQ);
	assert_int_equal(segment_again("abc", 3, 0x8200, NULL, &p), -EINVAL); /* octets are not text */
}

/* ---- grapheme clusters ------------------------------------------------------------------------------------ */

#define FAMILY "👨\xe2\x80\x8d👩\xe2\x80\x8d👧\xe2\x80\x8d👦" /* eleven units */
#define ACUTE  "\xcc\x81"
#define TEN_ACUTES ACUTE ACUTE ACUTE ACUTE ACUTE ACUTE ACUTE ACUTE ACUTE ACUTE

static const struct {
	const char *why, *pad;
	unsigned n_before;
	const char *mid;
	unsigned n_after;
	unsigned n_parts, units[4];
} clusters[] = {
	{"family over the cut goes to the next part", "Ж", 60, FAMILY, 20, 2, {60, 31}},
	{"the fullest second part that still allows it", "Ж", 60, FAMILY, 56, 2, {60, 67}},
	{"one letter more, and it would cost a part: divided", "Ж", 60, FAMILY, 57, 2, {66, 62}},
	{"family that ends at the cut", "Ж", 56, FAMILY, 20, 2, {67, 20}},
	{"family behind the cut", "Ж", 67, FAMILY, 20, 2, {67, 31}},
	{"flag over the cut", "Ж", 65, "🇫🇷", 20, 2, {65, 24}},
	{"of two flags in a row the second", "Ж", 61, "🇫🇷🇩🇪", 20, 2, {65, 24}},
	{"skin tone stays with the hand", "Ж", 65, "👍🏽", 20, 2, {65, 24}},
	{"variation selector stays with the heart", "Ж", 66, "❤\xef\xb8\x8f", 20, 2, {66, 22}},
	{"accent stays with its letter", "Ж", 66, "e" ACUTE, 20, 2, {66, 22}},
	{"vowel sign stays with its letter", "Ж", 66, "कि", 20, 2, {66, 22}},
	{"virama stays with its letter", "Ж", 66, "क्", 20, 2, {66, 22}},
	{"Hangul jamo make one syllable", "Ж", 65, "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", 20, 2, {65, 23}},
	{"CR LF is one where that costs nothing", "a", 152, "\r\n", 20, 2, {152, 22}},
	{"CR LF is two where it would cost a part", "a", 152, "\r\n", 152, 2, {153, 153}},
	{"LF CR are two", "a", 152, "\n\r", 20, 2, {153, 21}},
	{"a cluster longer than a part", "e", 0, "e" TEN_ACUTES TEN_ACUTES TEN_ACUTES TEN_ACUTES TEN_ACUTES TEN_ACUTES TEN_ACUTES,
		0, 2, {67, 4}},
	{"it is divided once in any way", "Ж", 60, "e" TEN_ACUTES TEN_ACUTES TEN_ACUTES TEN_ACUTES TEN_ACUTES TEN_ACUTES TEN_ACUTES,
		60, 3, {67, 67, 57}},
	{"three divided families cost as much as one: the room for one is used", FAMILY, 6, FAMILY, 12, 4, {66, 66, 66, 11}},
};

static void clusters_stay_whole_where_it_costs_nothing(void **state)
{
	struct unicode *unicode = unicode_new();

	assert_non_null(unicode);
	for (size_t i = 0; i < sizeof(clusters) / sizeof(clusters[0]); i++) {
		struct segment_opts o = {.unicode = unicode};
		size_t n = make_text(clusters[i].pad, clusters[i].n_before, clusters[i].mid, clusters[i].n_after);
		size_t bad_at;
		struct segment_plan p, q;

		print_message("%s\n", clusters[i].why);
		assert_int_equal(segment_plan(text, n, &o, &p, &bad_at), 0);
		assert_int_equal(p.n_parts, clusters[i].n_parts);
		for (unsigned k = 0; k < p.n_parts; k++)
			assert_int_equal(p.units[k], clusters[i].units[k]);
		assert_int_equal(segment_again(text, n, segment_cut(&p), unicode, &q), 0);
		assert_int_equal(q.n_parts, p.n_parts);
		assert_memory_equal(q.start, p.start, (p.n_parts + 1) * sizeof(p.start[0]));
		/* As few parts as without regard to clusters. */
		o.unicode = NULL;
		assert_int_equal(segment_plan(text, n, &o, &q, &bad_at), 0);
		assert_int_equal(q.n_parts, p.n_parts);
	}
	unicode_free(unicode);
}

/* Room for one cut to go back by three, and then three clusters in the way: better one divided than three. */
static void the_fewest_clusters_are_divided_not_the_first_ones_kept(void **state)
{
	static const char four[] = "e" ACUTE ACUTE ACUTE, six[] = "e" ACUTE ACUTE ACUTE ACUTE ACUTE;
	struct segment_opts o = {.wish = WISH_UCS2, .unicode = unicode_new()};
	struct segment_plan p;
	size_t n = 0, bad_at;
	unsigned units = 0;

	/* Clusters from 64 to 70, and from 129 to 133, 196 to 200 and 263 to 267, where cuts after 64 would fall. */
	for (unsigned at = 0; at < 5 * 67 - 3;) {
		const char *s = at == 64 ? six : at == 129 || at == 196 ? four : "Ж";

		memcpy(text + n, s, strlen(s));
		n += strlen(s);
		at += at == 64 ? 6 : s == four ? 4 : 1;
		units = at;
	}
	assert_int_equal(units, 5 * 67 - 3);
	assert_int_equal(segment_plan(text, n, &o, &p, &bad_at), 0);
	assert_int_equal(p.n_parts, 5);
	units = 0;
	for (unsigned k = 1; k < p.n_parts; k++)
		units += unicode_cluster_start(o.unicode, text, n, p.start[k]) != p.start[k];
	assert_int_equal(units, 1);
	assert_int_equal(p.units[0], 67);
	unicode_free(o.unicode);
}

/* 30 full parts would divide a flag at each second cut: 33 letters of four octets and two units each fill one. */
static void thousands_of_flags_stay_whole(void **state)
{
	struct segment_opts o = {.wish = WISH_UCS2, .unicode = unicode_new()};
	struct segment_plan p;
	size_t bad_at;

	(void)state;
	for (unsigned i = 0; i < 30 * 32; i++)
		memcpy(text + 4 * i, "\xf0\x9f\x87\xab", 4); /* U+1F1EB */
	assert_int_equal(segment_plan(text, 30 * 32 * 4, &o, &p, &bad_at), 0);
	assert_int_equal(p.n_parts, 30);
	for (unsigned k = 0; k < 30; k++) {
		assert_int_equal(p.start[k], k * 32 * 4);
		assert_int_equal(p.units[k], 64);
	}
	unicode_free(o.unicode);
}

/* ---- octets ---- */

#define PORTS	"0605040b8423f0" /* seven octets */
#define OWN_REF "0500030a0201"

static const struct {
	const char *why, *udh;
	unsigned n_data;
	enum concat concat;
	int r;
	unsigned n_parts, units[3];
	const char *udh_of_2;
} binaries[] = {
	{"nothing", "", 0, CONCAT_UDH8, 0, 1, {0}, NULL},
	{"140 are one part", "", 140, CONCAT_UDH8, 0, 1, {140}, NULL},
	{"141 are 134 + 7", "", 141, CONCAT_UDH8, 0, 2, {134, 7}, "050003cc0202"},
	{"141 with 16 bit: 133 + 8", "", 141, CONCAT_UDH16, 0, 2, {133, 8}, "060804abcc0202"},
	{"141 with sar", "", 141, CONCAT_SAR, 0, 2, {134, 7}, ""},
	{"268 are two", "", 268, CONCAT_UDH8, 0, 2, {134, 134}, "050003cc0202"},
	{"269 are three", "", 269, CONCAT_UDH8, 0, 3, {134, 134, 1}, "050003cc0302"},
	{"ports alone", PORTS, 133, CONCAT_UDH8, 0, 1, {133}, NULL},
	{"ports and reference in one header", PORTS, 134, CONCAT_UDH8, 0, 2, {128, 6},
		"0b05040b8423f00003cc0202"},
	{"ports and 16 bit reference", PORTS, 134, CONCAT_UDH16, 0, 2, {127, 7},
		"0c05040b8423f00804abcc0202"},
	{"ports with sar", PORTS, 134, CONCAT_SAR, 0, 2, {128, 6}, PORTS},
	{"the client's own part", OWN_REF, 134, CONCAT_UDH8, 0, 1, {134}, NULL},
	{"the client's own part is too long", OWN_REF, 135, CONCAT_UDH8, -EEXIST, 0, {0}, NULL},
	{"length octet too large", "0605040b8423", 1, CONCAT_UDH8, -EBADMSG, 0, {0}, NULL},
	{"octets behind the header", "0605040b8423f000", 1, CONCAT_UDH8, -EBADMSG, 0, {0}, NULL},
	{"element too long", "0605050b8423f0", 1, CONCAT_UDH8, -EBADMSG, 0, {0}, NULL},
	{"64 full parts", "", 64 * 134, CONCAT_UDH8, 0, 64, {134, 134, 134}, "050003cc4002"},
	{"one octet more", "", 64 * 134 + 1, CONCAT_UDH8, -E2BIG, 65, {0}, NULL},
};

static void octets_are_cut_with_the_clients_header(void **state)
{
	static uint8_t data[64 * 134 + 1], joined[sizeof(data)];
	uint32_t seed = 4711;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)next_random(&seed);
	for (size_t i = 0; i < sizeof(binaries) / sizeof(binaries[0]); i++) {
		struct segment_opts o = {.rules.concat = binaries[i].concat};
		uint8_t udh[32], want[32];
		size_t n_udh = from_hex(binaries[i].udh, udh, sizeof(udh)), at = 0;
		struct segment_plan p;

		print_message("%s\n", binaries[i].why);
		assert_int_equal(segment_binary_plan(udh, n_udh, binaries[i].n_data, &o, &p), binaries[i].r);
		if (binaries[i].r == -E2BIG)
			assert_int_equal(p.n_parts, binaries[i].n_parts);
		if (binaries[i].r < 0)
			continue;
		assert_int_equal(p.encoding, ENC_BINARY);
		assert_int_equal(p.n_parts, binaries[i].n_parts);
		for (unsigned part = 1; part <= p.n_parts; part++) {
			struct segment_wire w;

			assert_int_equal(segment_binary_part(udh, n_udh, data, &p, part, 0xabcc, &w), 0);
			assert_int_equal(w.n_text, p.units[part - 1]);
			if (part <= 3)
				assert_int_equal(w.n_text, binaries[i].units[part - 1]);
			assert_true(w.n_udh + w.n_text <= 140);
			memcpy(joined + at, w.text, w.n_text);
			at += w.n_text;
			if (p.n_parts == 1) {
				assert_int_equal(w.n_udh, n_udh);
				assert_memory_equal(w.udh, udh, n_udh);
			}
			if (part == 2) {
				assert_int_equal(w.n_udh, from_hex(binaries[i].udh_of_2, want, sizeof(want)));
				assert_memory_equal(w.udh, want, w.n_udh);
			}
		}
		assert_int_equal(at, binaries[i].n_data);
		assert_memory_equal(joined, data, at);
	}
}

static void a_full_header_leaves_no_room(void **state)
{
	struct segment_opts o = {.rules.concat = CONCAT_UDH8};
	struct segment_plan p;
	uint8_t udh[141] = {139, 0x90, 137};

	assert_int_equal(segment_binary_plan(udh, 140, 0, &o, &p), 0);
	assert_int_equal(segment_binary_plan(udh, 140, 1, &o, &p), -EMSGSIZE);
	assert_int_equal(segment_binary_plan(udh, 141, 0, &o, &p), -EMSGSIZE);
	udh[0] = 135;
	udh[2] = 133;
	assert_int_equal(segment_binary_plan(udh, 136, 5, &o, &p), -EMSGSIZE); /* less than none */
	udh[0] = 133;
	udh[2] = 131;
	assert_int_equal(segment_binary_plan(udh, 134, 7, &o, &p), 0); /* 139 octets of header, one of data */
	assert_int_equal(p.n_parts, 7);
}

static void units_left_are_those_of_the_last_part(void **state)
{
	static const struct {
		const char *pad;
		unsigned n, left;
		enum concat concat;
	} rows[] = {{"a", 0, 160, CONCAT_UDH8}, {"a", 160, 0, CONCAT_UDH8}, {"a", 173, 133, CONCAT_UDH8},
		{"a", 173, 131, CONCAT_UDH16}, {"a", 173, 133, CONCAT_SAR}, {"Ж", 70, 0, CONCAT_UDH8},
		{"Ж", 71, 63, CONCAT_UDH8}, {"Ж", 71, 61, CONCAT_UDH16}};
	struct segment_opts o = {.wish = WISH_AUTO};
	const uint8_t ports[] = {6, 5, 4, 0x0b, 0x84, 0x23, 0xf0};
	struct segment_plan p;
	size_t bad_at;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = make_text(rows[i].pad, rows[i].n, "", 0);

		o.rules.concat = rows[i].concat;
		assert_int_equal(segment_plan(text, n, &o, &p, &bad_at), 0);
		assert_int_equal(segment_units_left(&p, p.n_parts, 0), rows[i].left);
	}
	o.rules.concat = CONCAT_UDH8;
	assert_int_equal(segment_binary_plan(NULL, 0, 141, &o, &p), 0);
	assert_int_equal(segment_units_left(&p, p.n_parts, 0), 127);
	assert_int_equal(segment_binary_plan(ports, sizeof(ports), 100, &o, &p), 0);
	assert_int_equal(segment_units_left(&p, p.n_parts, sizeof(ports)), 33);
	assert_int_equal(segment_binary_plan(ports, sizeof(ports), 134, &o, &p), 0);
	assert_int_equal(segment_units_left(&p, p.n_parts, sizeof(ports)), 122);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_cut_where_the_specification_says),
		cmocka_unit_test(an_emoji_over_the_cut_is_not_half_taken),
		cmocka_unit_test(refusals_name_the_culprit),
		cmocka_unit_test(sixty_four_full_parts_are_allowed),
		cmocka_unit_test(headers_are_those_of_the_specification),
		cmocka_unit_test(single_parts_carry_plain_octets),
		cmocka_unit_test(wrong_parts_and_texts_are_refused),
		cmocka_unit_test(parts_join_to_the_text_and_are_as_few_as_can_be),
		cmocka_unit_test(the_cheapest_lawful_tables_are_taken),
		cmocka_unit_test(gsm7_names_what_no_table_has),
		cmocka_unit_test(tables_save_a_text_from_the_limit),
		cmocka_unit_test(more_than_can_be_counted_is_too_long_not_unencodable),
		cmocka_unit_test(each_part_names_its_tables),
		cmocka_unit_test(only_lawful_cuts_are_made_again),
		cmocka_unit_test(cuts_have_the_numbers_that_are_stored),
		cmocka_unit_test(a_cut_that_does_not_carry_the_text_is_refused),
		cmocka_unit_test(clusters_stay_whole_where_it_costs_nothing),
		cmocka_unit_test(the_fewest_clusters_are_divided_not_the_first_ones_kept),
		cmocka_unit_test(thousands_of_flags_stay_whole),
		cmocka_unit_test(octets_are_cut_with_the_clients_header),
		cmocka_unit_test(a_full_header_leaves_no_room),
		cmocka_unit_test(units_left_are_those_of_the_last_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
