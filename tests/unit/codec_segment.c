/* SPDX-License-Identifier: Apache-2.0 */
/* Where texts are cut.  The table holds the figures of 3GPP TS 23.040, 9.2.3.24.1; the property tests hold
 * the promises: the parts joined are the text, none is too large, no pair is cut, and no cutting has fewer
 * parts. */
#include "codec/gsm7.h"
#include "codec/segment.h"
#include "codec/ucs2.h"
#include "codec/utf8.h"
#include "tests/unit/codec_hex.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

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
		cmocka_unit_test(refusals_name_the_culprit),
		cmocka_unit_test(sixty_four_full_parts_are_allowed),
		cmocka_unit_test(headers_are_those_of_the_specification),
		cmocka_unit_test(single_parts_carry_plain_octets),
		cmocka_unit_test(wrong_parts_and_texts_are_refused),
		cmocka_unit_test(parts_join_to_the_text_and_are_as_few_as_can_be),
		cmocka_unit_test(octets_are_cut_with_the_clients_header),
		cmocka_unit_test(a_full_header_leaves_no_room),
		cmocka_unit_test(units_left_are_those_of_the_last_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
