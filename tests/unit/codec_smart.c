/* SPDX-License-Identifier: Apache-2.0 */
/* What smart encoding replaces, and that it does nothing for nothing.  The table is written by hand: what a reader
 * would accept as the same text.  The property test holds the promises of smart.h over texts put together at random. */
#include "codec/smart.h"
#include "codec/smart_tables.h"
#include "codec/unicode.h"
#include "codec/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEXT_MAX 8192

static struct unicode *unicode;
static char text[TEXT_MAX], result[SMART_ROOM(TEXT_MAX)];

#define DEFAULTS {.rules.concat = CONCAT_UDH8}
#define LANGUAGES(bits) {.rules = {.concat = CONCAT_UDH8, .languages = bits}}

/* `text` is filled up with `pad` behind to `n_chars` characters in all. */
static const struct {
	const char *why, *head, *pad;
	unsigned n_chars;
	struct segment_opts o;
	enum smart_step step;
	const char *want;
	unsigned parts;
} rows[] = {
	{"curly quotes in 71 characters: two parts become one", "“Sale”", "x", 71, DEFAULTS, SMART_MARKS, "\"Sale\"", 1},
	{"in 70 characters they cost nothing", "“Sale”", "x", 70, DEFAULTS, SMART_NONE, NULL, 0},
	{"German and French quotes", "„a“ «b» ‚c‘ ‹d›", "x", 71, DEFAULTS, SMART_MARKS, "\"a\" \"b\" 'c' 'd'", 1},
	{"an apostrophe of a word processor, and what stands for one", "it’s o`clock d´or ʼ", "x", 71, DEFAULTS, SMART_MARKS,
		"it's o'clock d'or '", 1},
	{"primes of feet and inches", "6′2″", "x", 71, DEFAULTS, SMART_MARKS, "6'2\"", 1},
	{"dashes of all widths, the minus, the hyphen that does not break", "a‐b‑c‒d–e—f―g−h", "x", 71, DEFAULTS,
		SMART_MARKS, "a-b-c-d-e-f-g-h", 1},
	{"an ellipsis grows to three", "wait…", "x", 71, DEFAULTS, SMART_MARKS, "wait...", 1},
	{"158 and an ellipsis just fit", "…", "x", 158, DEFAULTS, SMART_MARKS, "...x", 1},
	{"159 and an ellipsis are two parts instead of three", "…", "x", 159, DEFAULTS, SMART_MARKS, "...x", 2},
	{"bullets", "• a\n‣ b\n· c", "x", 71, DEFAULTS, SMART_MARKS, "- a\n- b\n. c", 1},
	{"blanks that do not break, of all widths", "1\u00a0000\u202f€\u2009x\u3000y", "x", 71, DEFAULTS, SMART_MARKS,
		"1 000 € x y", 1},
	{"a tab, which GSM-7 lacks", "a\tb", "x", 71, DEFAULTS, SMART_MARKS, "a b", 1},
	{"the line separator is a line end", "a\u2028b", "x", 71, DEFAULTS, SMART_MARKS, "a\nb", 1},
	{"full-width forms", "ＳＡＬＥ！　５０％", "x", 71, DEFAULTS, SMART_MARKS, "SALE! 50%", 1},
	{"ligatures", "oﬃce ﬁsh ﬂat", "x", 71, DEFAULTS, SMART_MARKS, "office fish flat", 1},
	{"trade mark signs, a number sign", "A™ B® C© №5", "x", 71, DEFAULTS, SMART_MARKS, "A(TM) B(R) C(c) No.5", 1},
	{"Ohm is Omega, Angstrom is A with a ring, Kelvin is K (canonical equivalents)", "5\u2126 3\u212b 1\u212a", "x", 71, DEFAULTS,
		SMART_MARKS, "5Ω 3Å 1K", 1},
	{"joiners and direction marks go with the rest", "a\u200db\u200ec", "x", 71, DEFAULTS, SMART_MARKS, "abc", 1},
	{"a zero-width space and a byte order mark, in Latin", "\ufeffa\u200bb", "x", 71, DEFAULTS, SMART_INVISIBLE, "ab", 1},
	{"invisible characters alone keep their step when marks would do no more", "\u200bПривет", "я", 71, DEFAULTS,
		SMART_INVISIBLE, "Привет", 1},
	{"a soft hyphen in a Cyrillic text of 71: 70 are one part", "При\u00adвет", "я", 71, DEFAULTS, SMART_INVISIBLE, "Привет", 1},
	{"a joiner stays where the text stays UCS-2: it shapes its neighbours", "بی\u200cم", "م", 71, DEFAULTS, SMART_NONE, NULL,
		0},
	{"quotes stay in a Cyrillic text: nothing would be saved", "«Привет»…", "я", 71, DEFAULTS, SMART_NONE, NULL, 0},
	{"one emoji keeps the whole text as it is", "“Sale” 😀", "x", 71, DEFAULTS, SMART_NONE, NULL, 0},
	{"accents are no look-alikes: č stays, and with it the quotes", "“Čau”", "x", 71, DEFAULTS, SMART_NONE, NULL, 0},
	{"é of two characters is é of one (NFC)", "cafe\u0301", "x", 71, DEFAULTS, SMART_INVISIBLE, "café", 1},
	{"й of two characters is й of one: 71 are 70", "мои\u0306", "я", 71, DEFAULTS, SMART_INVISIBLE, "мой", 1},
	{"two accents on one letter (Vietnamese), either order", "e\u0323\u0302 e\u0302\u0323", "ạ", 72, DEFAULTS, SMART_INVISIBLE,
		"ệ ệ", 1},
	{"an accent without a composed form stays", "x\u0301", "x", 71, DEFAULTS, SMART_NONE, NULL, 0},
	{"Cyrillic letters in a Latin word", "hellо wоrld", "x", 71, DEFAULTS, SMART_LETTERS, "hello world", 1},
	{"Greek letters that look Latin", "ΑΒΕ", "x", 71, DEFAULTS, SMART_LETTERS, "ABE", 1},
	{"letters are left alone where marks suffice", "“a”", "x", 71, DEFAULTS, SMART_MARKS, "\"a\"", 1},
	{"Cyrillic у is Latin y, У is no Y: nothing", "Уx", "x", 71, DEFAULTS, SMART_NONE, NULL, 0},
	{"composed first, then a look-alike: Cyrillic е with a grave", "е\u0300", "x", 80, DEFAULTS, SMART_LETTERS, "è", 1},
	{"Roman numerals", "Ⅷ ⅳ", "x", 71, DEFAULTS, SMART_LETTERS, "VIII iv", 1},
	{"UCS-2 is wished: marks are of no use", "“Sale”", "x", 71, {.wish = WISH_UCS2}, SMART_NONE, NULL, 0},
	{"GSM-7 is wished: what could not be sent can", "“Sale”", "x", 20, {.wish = WISH_GSM7}, SMART_MARKS, "\"Sale\"", 1},
	{"with the Turkish tables a quote is all that is in the way", "İstanbul’da", "ş", 80, LANGUAGES(1 << 1), SMART_MARKS,
		"İstanbul'da", 1},
	{"a link of ASCII cannot carry the Omega: nothing", "5\u2126", "x", 71, {.rules.max_char = 0x7f}, SMART_NONE, NULL, 0},
	{"only zero-width characters: a text never becomes empty", "", "\u200b", 100, DEFAULTS, SMART_NONE, NULL, 0},
};

static size_t fill_text(const char *head, const char *pad, unsigned n_chars)
{
	size_t n = strlen(head);
	unsigned have = 0;

	memcpy(text, head, n);
	for (size_t i = 0; i < n; i++)
		have += ((uint8_t)text[i] & 0xc0) != 0x80;
	for (; have < n_chars; have++) {
		memcpy(text + n, pad, strlen(pad));
		n += strlen(pad);
	}
	assert_true(n < sizeof(text));
	return n;
}

static unsigned parts_of(const char *s, size_t n, const struct segment_opts *o)
{
	struct segment_plan p;
	size_t bad_at;

	return segment_plan(s, n, o, &p, &bad_at) < 0 ? 255 : p.n_parts;
}

static void what_looks_the_same_is_replaced_where_that_saves_parts(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = fill_text(rows[i].head, rows[i].pad, rows[i].n_chars);
		struct segment_opts o = rows[i].o;
		struct smart_result r;

		o.unicode = unicode;
		smart_text(text, n, parts_of(text, n, &o), &o, result, &r);
		if (r.step != rows[i].step)
			fail_msg("%s: step %d", rows[i].why, r.step);
		if (r.step == SMART_NONE)
			continue;
		if (r.n < strlen(rows[i].want) || memcmp(result, rows[i].want, strlen(rows[i].want)) != 0)
			fail_msg("%s: \"%.*s\"", rows[i].why, (int)r.n, result);
		if (r.plan.n_parts != rows[i].parts)
			fail_msg("%s: %u parts", rows[i].why, r.plan.n_parts);
	}
}

static void changes_say_what_stood_where(void **state)
{
	struct segment_opts o = DEFAULTS;
	size_t n = fill_text("я\u200bи\u0306\u00ad", "я", 73);
	struct smart_result r;

	o.unicode = unicode;
	smart_text(text, n, parts_of(text, n, &o), &o, result, &r);
	assert_int_equal(r.n_changes, 3);
	assert_int_equal(r.changes[0].position, 1);
	assert_int_equal(r.changes[0].cp, 0x200b);
	assert_string_equal(r.changes[0].with, "");
	assert_int_equal(r.changes[1].position, 2);
	assert_int_equal(r.changes[1].cp, 0x438);
	assert_int_equal(r.changes[1].more[0], 0x306);
	assert_int_equal(r.changes[1].more[1], 0);
	assert_string_equal(r.changes[1].with, "й");
	assert_int_equal(r.changes[2].position, 4); /* the accent is a character of its own in the text as it was */
	assert_int_equal(r.changes[2].cp, 0xad);
}

static void changes_are_counted_beyond_those_listed(void **state)
{
	struct segment_opts o = DEFAULTS;
	size_t n = fill_text("", "“", 100);
	struct smart_result r;

	smart_text(text, n, parts_of(text, n, &o), &o, result, &r);
	assert_int_equal(r.step, SMART_MARKS);
	assert_int_equal(r.n_changes, 100);
	assert_int_equal(r.changes[SMART_CHANGES_MAX - 1].position, SMART_CHANGES_MAX - 1);
}

/* What a replacement must be: shown by the default alphabet, while the replaced is not. */
static void every_replacement_is_in_the_default_alphabet(void **state)
{
	unsigned n_found = 0;

	for (uint32_t cp = 0; cp <= 0x10ffff; cp++) {
		const struct smart_char *c = smart_char(cp);
		size_t len;

		if (c->step == SMART_NONE)
			continue;
		n_found++;
		assert_int_equal(c->n, strlen(c->with));
		if (gsm7_encode(cp) >= 0)
			fail_msg("U+%04X needs no replacement", (unsigned)cp);
		for (size_t i = 0; i < c->n; i += len) {
			uint32_t with;

			len = utf8_next(c->with + i, c->n - i, &with);
			if (gsm7_encode(with) < 0)
				fail_msg("U+%04X becomes U+%04X", (unsigned)cp, (unsigned)with);
		}
		if (c->step == SMART_INVISIBLE)
			assert_int_equal(c->n, 0);
	}
	assert_in_range(n_found, 300, 1000);
}

/* ---- properties ------------------------------------------------------------------------------------------ */

static uint32_t seed = 1;

static uint32_t draw(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

/* Few kinds of characters a text, so that every outcome is frequent. */
static size_t random_text(void)
{
	static const char *const kinds[] = {"x", "e", " ", "é", "[", "“", "…", "–", "\u00a0", "\t", "\u200b", "\u00ad",
		"\u200d", "\u0301", "\u0308", "Ａ", "ﬁ", "™", "о", "а", "Ж", "я", "😀", "ş", "Ω", "\u2126", "ẹ", "漢"};
	const unsigned n_kinds = sizeof(kinds) / sizeof(kinds[0]);
	const char *of[6];
	unsigned n_chars = 1 + draw(300), n_of = 1 + draw(6);
	size_t n = 0;

	of[0] = draw(4) ? "x" : "я";
	for (unsigned i = 1; i < n_of; i++)
		of[i] = kinds[draw(n_kinds)];
	for (unsigned i = 0; i < n_chars; i++) {
		const char *s = draw(3) ? of[0] : of[draw(n_of)];

		memcpy(text + n, s, strlen(s));
		n += strlen(s);
	}
	return n;
}

/* Carry the listed changes out on the old text; the outcome must be the new one. */
static void check_changes(size_t n, const struct smart_result *r)
{
	uint32_t position = 0, k = 0;
	size_t at = 0, len;

	for (size_t i = 0; i < n; i += len, position++) {
		uint32_t cp;

		len = utf8_next(text + i, n - i, &cp);
		if (k < r->n_changes && r->changes[k].position == position) {
			const struct smart_change *c = &r->changes[k++];

			assert_int_equal(c->cp, cp);
			assert_memory_equal(result + at, c->with, strlen(c->with));
			at += strlen(c->with);
			for (unsigned m = 0; m < SMART_COMPOSE_MAX && c->more[m]; m++, position++) {
				i += len;
				len = utf8_next(text + i, n - i, &cp);
				assert_int_equal(c->more[m], cp);
			}
		} else {
			assert_memory_equal(result + at, text + i, len);
			at += len;
		}
	}
	assert_int_equal(at, r->n);
	assert_int_equal(k, r->n_changes);
}

static void smart_never_costs_and_never_acts_for_nothing(void **state)
{
	static const struct segment_rules rules[] = {{.concat = CONCAT_UDH8}, {.concat = CONCAT_UDH16, .languages = 1 << 1 | 1 << 3},
		{.concat = CONCAT_SAR, .max_char = 0xff}};
	unsigned n_steps[SMART_LETTERS + 1] = {0};

	for (unsigned i = 0; i < 30000; i++) {
		size_t n = random_text();
		struct segment_opts o = {.wish = draw(3), .rules = rules[draw(3)], .max_parts = (uint8_t)draw(5), .unicode = unicode};
		unsigned before = parts_of(text, n, &o);
		struct smart_result r;
		struct segment_plan p;
		size_t bad_at;

		smart_text(text, n, before, &o, result, &r);
		n_steps[r.step]++;
		if (r.step == SMART_NONE)
			continue;
		assert_true(before > 1 && r.plan.n_parts < before);
		assert_true(r.n > 0 && r.n <= SMART_ROOM(n));
		assert_int_equal(utf8_check(result, r.n, NULL), 0);
		assert_int_equal(segment_plan(result, r.n, &o, &p, &bad_at), 0);
		assert_int_equal(p.n_parts, r.plan.n_parts);
		assert_int_equal(p.encoding, r.plan.encoding);
		assert_memory_equal(p.start, r.plan.start, (p.n_parts + 1) * sizeof(p.start[0]));
		assert_memory_equal(&p.shift, &r.plan.shift, sizeof(p.shift));
		if (r.n_changes <= SMART_CHANGES_MAX)
			check_changes(n, &r);
	}
	for (unsigned k = 0; k <= SMART_LETTERS; k++)
		if (n_steps[k] < 100)
			fail_msg("step %u came %u times: these texts test nothing", k, n_steps[k]);
}

static int open_unicode(void **state)
{
	unicode = unicode_new();
	return unicode ? 0 : -1;
}

static int close_unicode(void **state)
{
	unicode_free(unicode);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_looks_the_same_is_replaced_where_that_saves_parts),
		cmocka_unit_test(changes_say_what_stood_where),
		cmocka_unit_test(changes_are_counted_beyond_those_listed),
		cmocka_unit_test(every_replacement_is_in_the_default_alphabet),
		cmocka_unit_test(smart_never_costs_and_never_acts_for_nothing),
	};

	return cmocka_run_group_tests(tests, open_unicode, close_unicode);
}
