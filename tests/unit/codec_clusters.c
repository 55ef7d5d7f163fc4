/* SPDX-License-Identifier: Apache-2.0 */
/* Where clusters begin, asked of ICU directly: the short cuts before it must agree with it. */
#include "codec/unicode.h"
#include "codec/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unicode/ubrk.h>

#include <cmocka.h>

static UBreakIterator *icu;
static struct unicode *unicode;

static bool is_boundary(const char *s, size_t n, size_t at)
{
	UErrorCode e = U_ZERO_ERROR;
	UText *t = utext_openUTF8(NULL, s, (int64_t)n, &e);
	bool r;

	ubrk_setUText(icu, t, &e);
	assert_true(U_SUCCESS(e));
	r = ubrk_isBoundary(icu, (int32_t)at);
	utext_close(t);
	return r;
}

/* Letters, marks, joiners, pieces of syllables and flags, controls: one of each kind that the rules know. */
static const uint32_t kinds[] = {'a', 0x4d6, 0x301, 0x200d, 0x1f468, 0x1f1eb, 0x0a, 0x0d, 0x1112, 0x1161, 0x11ab, 0xac00, 0x915,
	0x94d, 0x903, 0x600, 0xad, 0xa9, 0x1f3fd, 0xfe0f, 0x20e3, 0xe33};

static void pair_agrees(uint32_t first, uint32_t second)
{
	char s[16];
	size_t at = utf8_put(s, sizeof(s), first), n = at + utf8_put(s + at, sizeof(s) - at, second);
	size_t want = is_boundary(s, n, at) ? at : 0, got = unicode_cluster_start(unicode, s, n, at);

	if (got != want)
		fail_msg("U+%04X U+%04X: %zu, ICU says %zu", first, second, got, want);
}

static void every_character_beside_every_kind(void **state)
{
	for (uint32_t cp = 1; cp < 0x20000; cp += cp < 0x3100 ? 1 : 61) {
		if (cp >= 0xd800 && cp <= 0xdfff)
			continue;
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
			pair_agrees(cp, kinds[i]);
			pair_agrees(kinds[i], cp);
		}
	}
}

static void marks_are_the_boundaries(void **state)
{
	uint64_t marks[64];
	char s[2048];
	size_t n = 0;

	for (size_t i = 0; i < 20 * sizeof(kinds) / sizeof(kinds[0]); i++)
		n += utf8_put(s + n, sizeof(s) - n, kinds[(i * i + i / 7) % (sizeof(kinds) / sizeof(kinds[0]))]);
	assert_true(n / 64 + 1 <= sizeof(marks) / sizeof(marks[0]));
	memset(marks, 0xff, sizeof(marks));
	assert_int_equal(unicode_cluster_marks(unicode, s, n, marks), 0);
	for (size_t at = 0; at <= n; at++) {
		bool begins = at == n || ((uint8_t)s[at] & 0xc0) != 0x80;

		assert_int_equal(marks[at / 64] >> at % 64 & 1, begins && is_boundary(s, n, at));
	}
	assert_int_equal(unicode_cluster_marks(unicode, "", 0, marks), 0);
	assert_int_equal(marks[0], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_character_beside_every_kind),
		cmocka_unit_test(marks_are_the_boundaries),
	};
	UErrorCode e = U_ZERO_ERROR;
	int failed;

	icu = ubrk_open(UBRK_CHARACTER, "", NULL, 0, &e);
	unicode = unicode_new();
	if (U_FAILURE(e) || !unicode)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unicode_free(unicode);
	ubrk_close(icu);
	return failed;
}
