/* SPDX-License-Identifier: Apache-2.0 */
/* What the Unicode library does for us.  Expected forms are written by hand: clusters after Unicode Standard Annex 29,
 * composed forms after Annex 15. */
#include "codec/unicode.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct unicode *unicode;

/* ---- grapheme clusters ---------------------------------------------------------------------------------- */

static const struct {
	const char *why, *before, *after; /* the cut is asked for between them */
	int back;                         /* octets that the cluster begins earlier */
} clusters[] = {
	{"two letters", "ab", "cd", 0},
	{"two Cyrillic letters", "аб", "вг", 0},
	{"CR and LF are one", "a\r", "\nb", 1},
	{"LF and CR are two", "a\n", "\rb", 0},
	{"an accent belongs to its letter", "xe", "\u0301y", 1},
	{"both accents do", "xe\u0323", "\u0302y", 3},
	{"a letter after an accent begins anew", "e\u0301", "y", 0},
	{"a family is one: emoji joined by ZWJ", "x👨\u200d👩\u200d", "👧y", 14},
	{"before the joiner, too", "x👨", "\u200d👩y", 4},
	{"a skin tone belongs to its hand", "x👍", "🏽y", 4},
	{"a flag is two letters", "x🇩", "🇪y", 4},
	{"two flags are two", "x🇩🇪", "🇫🇷", 0},
	{"the second of two flags", "x🇩🇪🇫", "🇷", 4},
	{"a keycap", "x1\ufe0f", "\u20e3", 4},
	{"a Devanagari vowel sign", "नम", "\u093f", 3},
	{"Hangul of parts", "x\u1112", "\u1161\u11ab", 3},
	{"the beginning and the end are boundaries", "", "abc", 0},
	{"the end", "abc", "", 0},
};

static void clusters_begin_where_the_standard_says(void **state)
{
	for (size_t i = 0; i < sizeof(clusters) / sizeof(clusters[0]); i++) {
		char s[128];
		size_t at = strlen(clusters[i].before), n = at + strlen(clusters[i].after), got;

		memcpy(s, clusters[i].before, at);
		memcpy(s + at, clusters[i].after, n - at + 1);
		got = unicode_cluster_start(unicode, s, n, at);
		if (got != at - (size_t)clusters[i].back)
			fail_msg("%s: %zu instead of %zu", clusters[i].why, got, at - (size_t)clusters[i].back);
	}
}

/* Whether a flag ends at a place is told by counting from the first of the row, however long it is. */
static void a_long_row_of_flags_is_cut_between_flags(void **state)
{
	enum { FLAGS = 300, OCTETS = 8 };
	static char s[1 + FLAGS * OCTETS + 1] = "x";

	for (unsigned i = 0; i < FLAGS; i++)
		memcpy(s + 1 + i * OCTETS, "🇩🇪", OCTETS);
	for (unsigned i = 1; i < FLAGS; i++) {
		size_t between = 1 + i * OCTETS;

		assert_int_equal(unicode_cluster_start(unicode, s, sizeof(s) - 1, between), between);
		assert_int_equal(unicode_cluster_start(unicode, s, sizeof(s) - 1, between + OCTETS / 2), between);
	}
}

/* ---- NFC -------------------------------------------------------------------------------------------------- */

static const struct {
	const char *why, *text, *want; /* NULL: as it is */
} forms[] = {
	{"ASCII", "abc", NULL},
	{"nothing", "", NULL},
	{"composed already", "é й ệ 한", NULL},
	{"a letter and its accent", "cafe\u0301", "café"},
	{"Cyrillic й of two", "мои\u0306", "мой"},
	{"two accents in the order of the standard", "e\u0323\u0302", "ệ"},
	{"and in the other", "e\u0302\u0323", "ệ"},
	{"no composed form: only put in order", "x\u0301\u0323", "x\u0323\u0301"},
	{"Hangul of parts", "\u1112\u1161\u11ab", "한"},
	{"kana with a sound mark", "か\u3099", "が"},
	{"singletons", "\u2126 \u212b \u212a", "Ω Å K"},
	{"excluded from composition: Devanagari qa stays two (Annex 15, 5)", "क\u093c", NULL},
	{"and the one becomes two, which is longer", "\u0958", "क\u093c"},
	{"three times as long in UTF-16 (Annex 15, table of expansion)", "\U0001d160", "\U0001d158\U0001d165\U0001d16e"},
	{"compatibility forms are left alone", "ﬁ Ａ ²", NULL},
	{"an emoji sequence", "👨\u200d👩", NULL},
};

static void texts_are_composed_as_the_standard_says(void **state)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		size_t n = strlen(forms[i].text), n_got;
		char got[64];
		int r = unicode_nfc(unicode, forms[i].text, n, got, sizeof(got), &n_got);

		if (!forms[i].want) {
			if (r != 0 || n_got != n)
				fail_msg("%s: returned %d", forms[i].why, r);
			continue;
		}
		if (r != 1 || n_got != strlen(forms[i].want) || memcmp(got, forms[i].want, n_got) != 0)
			fail_msg("%s: returned %d, \"%.*s\"", forms[i].why, r, (int)n_got, got);
	}
}

static void no_room_is_said(void **state)
{
	size_t n;
	char got[64];

	assert_int_equal(unicode_nfc(unicode, "cafe\u0301", 6, got, 4, &n), -ENOBUFS);
	assert_int_equal(unicode_nfc(unicode, "cafe\u0301", 6, got, 5, &n), 1);
}

static void long_texts_are_composed(void **state)
{
	enum { PAIRS = 13000 };
	static char s[PAIRS * 3], got[PAIRS * 3];
	size_t n;

	for (unsigned i = 0; i < PAIRS; i++)
		memcpy(s + i * 3, "e\u0301", 3);
	assert_int_equal(unicode_nfc(unicode, s, sizeof(s), got, sizeof(got), &n), 1);
	assert_int_equal(n, PAIRS * 2);
	for (unsigned i = 0; i < PAIRS; i++)
		assert_memory_equal(got + i * 2, "é", 2);
}

/* ---- names ------------------------------------------------------------------------------------------------ */

static void characters_have_their_names(void **state)
{
	char name[128], few[8];

	assert_string_equal(unicode_name(0x201c, name, sizeof(name)), "LEFT DOUBLE QUOTATION MARK");
	assert_string_equal(unicode_name(0x1f600, name, sizeof(name)), "GRINNING FACE");
	assert_string_equal(unicode_name(0xe000, name, sizeof(name)), ""); /* private use */
	assert_string_equal(unicode_name(0xffff, name, sizeof(name)), "");
	assert_string_equal(unicode_name(0x201c, few, sizeof(few)), ""); /* none rather than half of one */
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
		cmocka_unit_test(clusters_begin_where_the_standard_says),
		cmocka_unit_test(a_long_row_of_flags_is_cut_between_flags),
		cmocka_unit_test(texts_are_composed_as_the_standard_says),
		cmocka_unit_test(no_room_is_said),
		cmocka_unit_test(long_texts_are_composed),
		cmocka_unit_test(characters_have_their_names),
	};

	return cmocka_run_group_tests(tests, open_unicode, close_unicode);
}
