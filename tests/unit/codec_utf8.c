/* SPDX-License-Identifier: Apache-2.0 */
/* The check accepts exactly the well-formed sequences of Unicode 15, table 3-7, and says where it stopped. */
#include "codec/utf8.h"
#include "tests/unit/codec_hex.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define GOOD (-1)

static const struct {
	const char *why, *hex;
	int bad_at;
} checks[] = {
	{"empty", "", GOOD},
	{"NUL is a character", "00", GOOD},
	{"first and last of two octets", "c280 dfbf", GOOD},
	{"first and last of three octets", "e0a080 efbfbf", GOOD},
	{"on both sides of the surrogates", "ed9fbf ee8080", GOOD},
	{"first and last of four octets", "f0908080 f48fbfbf", GOOD},
	{"eight ASCII and one more", "414243444546474849", GOOD},
	{"lone continuation", "80", 0},
	{"overlong NUL", "c080", 0},
	{"overlong slash", "41c0af", 1},
	{"C1 is overlong always", "c1bf", 0},
	{"overlong in three octets", "e09fbf", 0},
	{"overlong in four octets", "f08fbfbf", 0},
	{"first surrogate", "eda080", 0},
	{"last surrogate", "edbfbf", 0},
	{"a pair of surrogates (CESU-8)", "eda0bdedb880", 0},
	{"above U+10FFFF", "f4908080", 0},
	{"F5 begins nothing", "f5808080", 0},
	{"five octet form", "f888808080", 0},
	{"FF", "ff", 0},
	{"two octets cut", "4142c3", 2},
	{"three octets cut", "e282", 0},
	{"four octets cut", "f09f98", 0},
	{"no continuation, second of two", "c341", 0},
	{"no continuation, third of three", "e28241", 0},
	{"no continuation, fourth of four", "f09f9841", 0},
	{"behind a block of eight", "4142434445464748 80", 8},
	{"last octet of a block of eight", "41424344454647 80", 7},
	{"behind valid letters", "d0b6d0b6ff", 4},
};

static void check_says_where_it_stops(void **state)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		uint8_t octets[64];
		size_t n = from_hex(checks[i].hex, octets, sizeof(octets)), at = 999;
		char *exact = malloc(n ? n : 1); /* so that a sanitizer sees a read behind the end */
		int r;

		memcpy(exact, octets, n);
		r = utf8_check(exact, n, &at);
		print_message("%s\n", checks[i].why);
		assert_int_equal(r, checks[i].bad_at == GOOD ? 0 : -EILSEQ);
		if (checks[i].bad_at != GOOD)
			assert_int_equal(at, checks[i].bad_at);
		free(exact);
	}
}

static void every_scalar_value_survives(void **state)
{
	for (uint32_t cp = 0; cp <= 0x10ffff; cp++) {
		uint32_t back = 0;
		char s[4];
		size_t n;

		if (cp >= 0xd800 && cp <= 0xdfff)
			continue;
		n = utf8_put(s, sizeof(s), cp);
		if (n != (cp < 0x80		? 1
				 : cp < 0x800	? 2
				 : cp < 0x10000 ? 3
						: 4) ||
			utf8_check(s, n, NULL) != 0 || utf8_next(s, n, &back) != n || back != cp)
			fail_msg("U+%04X", cp);
	}
}

static void put_writes_all_or_nothing(void **state)
{
	static const uint32_t cps[] = {'a', 0xe9, 0x20ac, 0x1f600};

	for (size_t len = 1; len <= 4; len++) {
		char s[5] = "....";

		assert_int_equal(utf8_put(s, len - 1, cps[len - 1]), 0);
		assert_string_equal(s, "....");
		assert_int_equal(utf8_put(s, len, cps[len - 1]), len);
	}
}

static void put_replaces_what_is_no_character(void **state)
{
	char s[4];

	assert_int_equal(utf8_put(s, 4, 0xd800), 3);
	assert_memory_equal(s, "\xef\xbf\xbd", 3);
	assert_int_equal(utf8_put(s, 4, 0x110000), 3);
	assert_memory_equal(s, "\xef\xbf\xbd", 3);
}

static void next_ends_on_broken_text(void **state)
{
	uint32_t cp = 0;

	assert_int_equal(utf8_next("", 0, &cp), 0);
	assert_int_equal(utf8_next("\xe2\x82", 2, &cp), 1);
	assert_int_equal(cp, 0xfffd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_says_where_it_stops),
		cmocka_unit_test(every_scalar_value_survives),
		cmocka_unit_test(put_writes_all_or_nothing),
		cmocka_unit_test(put_replaces_what_is_no_character),
		cmocka_unit_test(next_ends_on_broken_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
