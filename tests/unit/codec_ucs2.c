/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-16BE and Latin-1 to UTF-8 and back: what a peer sends always becomes valid text. */
#include "codec/ucs2.h"
#include "codec/utf8.h"
#include "tests/unit/codec_hex.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct {
	const char *why, *hex, *text;
} decodes[] = {
	{"letter", "0041", "A"},
	{"Cyrillic", "0416", "Ж"},
	{"emoji as a pair", "d83dde00", "😀"},
	{"last code point", "dbffdfff", "\xf4\x8f\xbf\xbf"},
	{"byte order mark is taken off", "feff0041", "A"},
	{"mark of a little endian sender turns the reading", "fffe4100", "A"},
	{"only the first mark is one", "0041feff", "A\xef\xbb\xbf"},
	{"only a mark", "feff", ""},
	{"high surrogate alone at the end", "0041d83d", "A\xef\xbf\xbd"},
	{"high surrogate before a letter", "d83d0041",
		"\xef\xbf\xbd"
		"A"},
	{"low surrogate alone", "de000041",
		"\xef\xbf\xbd"
		"A"},
	{"two high ones: the second has its low one", "d83dd83dde00", "\xef\xbf\xbd😀"},
	{"odd NUL at the end is a counted terminator", "004100", "A"},
	{"odd octet at the end is half a character", "004104", "A\xef\xbf\xbd"},
	{"pair cut in the middle of its second half", "d83dde", "\xef\xbf\xbd\xef\xbf\xbd"},
	{"one octet", "41", "\xef\xbf\xbd"},
	{"nothing", "", ""},
};

static void any_octets_become_text(void **state)
{
	for (size_t i = 0; i < sizeof(decodes) / sizeof(decodes[0]); i++) {
		uint8_t octets[32], *exact;
		size_t n = from_hex(decodes[i].hex, octets, sizeof(octets)), len;
		char out[64];

		exact = malloc(n ? n : 1);
		memcpy(exact, octets, n);
		print_message("%s\n", decodes[i].why);
		assert_int_equal(ucs2_to_utf8(exact, n, out, UCS2_TO_UTF8_MAX(n), &len), 0);
		assert_int_equal(len, strlen(decodes[i].text));
		assert_memory_equal(out, decodes[i].text, len);
		assert_int_equal(utf8_check(out, len, NULL), 0);
		if (len > 0)
			assert_int_equal(ucs2_to_utf8(exact, n, out, len - 1, &len), -ENOBUFS);
		free(exact);
	}
}

static const struct {
	const char *why, *text, *hex;
} encodes[] = {
	{"one, two, three and four octets", "Aé€😀", "004100e920acd83dde00"},
	{"last of the basic plane", "\xef\xbf\xbf", "ffff"},
	{"first beyond it", "\xf0\x90\x80\x80", "d800dc00"},
	{"last of all", "\xf4\x8f\xbf\xbf", "dbffdfff"},
	{"nothing", "", ""},
};

static void text_becomes_utf16(void **state)
{
	for (size_t i = 0; i < sizeof(encodes) / sizeof(encodes[0]); i++) {
		size_t n = strlen(encodes[i].text), n_got, n_want;
		uint8_t want[32], got[32];

		n_want = from_hex(encodes[i].hex, want, sizeof(want));
		print_message("%s\n", encodes[i].why);
		assert_int_equal(ucs2_from_utf8(encodes[i].text, n, got, n_want, &n_got), 0);
		assert_int_equal(n_got, n_want);
		assert_memory_equal(got, want, n_want);
		if (n_want > 0)
			assert_int_equal(
				ucs2_from_utf8(encodes[i].text, n, got, n_want - 1, &n_got), -ENOBUFS);
	}
}

static void latin1_is_its_code_points(void **state)
{
	const uint8_t octets[] = {'A', 0x7f, 0x80, 0xa4, 0xe9, 0xff};
	const char *want = "A\x7f\xc2\x80¤éÿ";
	char out[LATIN1_TO_UTF8_MAX(sizeof(octets))];
	size_t n;

	assert_int_equal(latin1_to_utf8(octets, sizeof(octets), out, sizeof(out), &n), 0);
	assert_int_equal(n, strlen(want));
	assert_memory_equal(out, want, n);
	assert_int_equal(latin1_to_utf8(octets, sizeof(octets), out, n - 1, &n), -ENOBUFS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_octets_become_text),
		cmocka_unit_test(text_becomes_utf16),
		cmocka_unit_test(latin1_is_its_code_points),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
