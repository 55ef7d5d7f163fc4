/* SPDX-License-Identifier: Apache-2.0 */
/* The alphabet as 3GPP TS 23.038 prints it, and packing against octets of documents and captures. */
#include "codec/gsm7.h"
#include "codec/utf8.h"
#include "tests/unit/codec_hex.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* 3GPP TS 23.038, 6.2.1, read row by row; the cell of ESC is held by U+FFFD. */
static const char alphabet[] = "@£$¥èéùìòÇ\nØø\rÅå"
			       "Δ_ΦΓΛΩΠΨΣΘΞ\xef\xbf\xbdÆæßÉ"
			       " !\"#¤%&'()*+,-./"
			       "0123456789:;<=>?"
			       "¡ABCDEFGHIJKLMNO"
			       "PQRSTUVWXYZÄÖÑÜ§"
			       "¿abcdefghijklmno"
			       "pqrstuvwxyzäöñüà";

/* 6.2.1.1 */
static const struct {
	uint8_t code;
	uint32_t cp;
} extension[] = {
	{0x0a, 0x0c},
	{0x14, '^'},
	{0x28, '{'},
	{0x29, '}'},
	{0x2f, '\\'},
	{0x3c, '['},
	{0x3d, '~'},
	{0x3e, ']'},
	{0x40, '|'},
	{0x65, 0x20ac},
};

static const struct gsm7_shift no_shift;

static void alphabet_is_the_printed_one(void **state)
{
	size_t at = 0;

	for (unsigned code = 0; code < 128; code++) {
		uint8_t septet = (uint8_t)code;
		char out[8];
		uint32_t cp;
		size_t len = utf8_next(alphabet + at, sizeof(alphabet) - 1 - at, &cp), n;

		if (code != GSM7_ESC) {
			assert_int_equal(gsm7_encode(cp), code);
			assert_int_equal(gsm7_cost(cp), 1);
			assert_int_equal(gsm7_decode(&septet, 1, no_shift, out, sizeof(out), &n), 0);
			assert_int_equal(n, len);
			assert_memory_equal(out, alphabet + at, len);
		}
		at += len;
	}
	assert_int_equal(at, sizeof(alphabet) - 1);
}

static void extension_is_the_printed_one(void **state)
{
	for (size_t i = 0; i < sizeof(extension) / sizeof(extension[0]); i++) {
		uint8_t pair[2] = {GSM7_ESC, extension[i].code};
		char out[8], want[4];
		size_t n, len = utf8_put(want, sizeof(want), extension[i].cp);

		assert_int_equal(gsm7_encode(extension[i].cp), 0x1b00 | extension[i].code);
		assert_int_equal(gsm7_cost(extension[i].cp), 2);
		assert_int_equal(gsm7_decode(pair, 2, no_shift, out, sizeof(out), &n), 0);
		assert_int_equal(n, len);
		assert_memory_equal(out, want, len);
	}
}

/* 127 characters of the main table and 10 of the extension are all there is. */
static void nothing_else_is_encodable(void **state)
{
	unsigned n = 0;

	for (uint32_t cp = 0; cp <= 0x10ffff; cp++)
		n += gsm7_encode(cp) >= 0;
	assert_int_equal(n, 137);
}

static const struct {
	const char *why;
	uint32_t cp;
} strangers[] = {
	{"c with cedilla, small: the table has the capital", 0xe7},
	{"Greek capital alpha looks like A and is not A", 0x391},
	{"no-break space", 0xa0},
	{"backtick", '`'},
	{"tab", '\t'},
	{"ESC itself", 0x1b},
	{"NUL", 0},
	{"increment sign is not delta", 0x2206},
	{"ohm sign is not omega", 0x2126},
	{"right single quotation mark", 0x2019},
};

static void look_alikes_are_refused(void **state)
{
	for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
		print_message("%s\n", strangers[i].why);
		assert_int_equal(gsm7_encode(strangers[i].cp), -1);
		assert_int_equal(gsm7_cost(strangers[i].cp), 0);
	}
}

static const struct {
	const char *why, *hex, *text;
} lookups[] = {
	{"ESC before a code that the extension lacks vanishes", "1b41", "A"},
	{"ESC ESC is a space, then on", "1b1b41", " A"},
	{"ESC at the end is a space", "411b", "A "},
	{"ESC CR2 is CR", "1b0d", "\r"},
	{"ESC LF is a page break", "1b0a", "\f"},
	{"euro", "1b65", "€"},
	{"09 is the capital", "09", "Ç"},
	{"bit 7 does not count", "c1", "A"},
	{"nothing", "", ""},
};

static void lookup_follows_the_rules(void **state)
{
	for (size_t i = 0; i < sizeof(lookups) / sizeof(lookups[0]); i++) {
		uint8_t septets[16];
		size_t n = from_hex(lookups[i].hex, septets, sizeof(septets)), len;
		char out[64];

		print_message("%s\n", lookups[i].why);
		assert_int_equal(gsm7_decode(septets, n, no_shift, out, sizeof(out), &len), 0);
		assert_int_equal(len, strlen(lookups[i].text));
		assert_memory_equal(out, lookups[i].text, len);
	}
}

static void unknown_language_is_read_with_the_default_tables(void **state)
{
	const struct gsm7_shift unknown = {.locking = 99, .single = 99};
	const uint8_t septets[] = {0x00, 0x1b, 0x65};
	char out[16];
	size_t n;

	assert_int_equal(gsm7_decode(septets, 3, unknown, out, sizeof(out), &n), 0);
	assert_int_equal(n, 4);
	assert_memory_equal(out, "@€", 4);
}

static void decode_stops_at_its_buffer(void **state)
{
	const uint8_t septets[] = {0x41, 0x04}; /* A è: three octets */
	char out[3];
	size_t n = 99;

	assert_int_equal(gsm7_decode(septets, 2, no_shift, out, 2, &n), -ENOBUFS);
	assert_int_equal(n, 99);
	assert_int_equal(gsm7_decode(septets, 2, no_shift, out, 3, &n), 0);
}

static const struct {
	const char *why, *septets;
	unsigned fill;
	const char *packed;
} packings[] = {
	{"hellohello, widely printed example", "68656c6c6f68656c6c6f", 0, "e8329bfd4697d9ec37"},
	{"How are you?, from a captured SMS-DELIVER", "486f772061726520796f753f", 0,
		"c8f71d14969741f977fd07"},
	{"eight letters fit seven octets", "3132333435363738", 0, "31d98c56b3dd70"},
	{"seven leave room for a ghost @", "31323334353637", 0, "31d98c56b3dd00"},
	{"A behind a header of six octets: one fill bit", "41", 1, "82"},
	{"a sender, Design@Home", "44657369676e00486f6d65", 0, "c4f23c7d760390ef7619"},
	{"euro", "1b65", 0, "9b32"},
	{"six fill bits reach into the second octet", "7f", 6, "c01f"},
	{"nothing", "", 0, ""},
};

static void packing_gives_the_octets_of_the_documents(void **state)
{
	for (size_t i = 0; i < sizeof(packings) / sizeof(packings[0]); i++) {
		uint8_t septets[64], want[64], got[64], back[64];
		size_t n = from_hex(packings[i].septets, septets, sizeof(septets)), n_got;
		size_t n_want = from_hex(packings[i].packed, want, sizeof(want));

		print_message("%s\n", packings[i].why);
		assert_int_equal(gsm7_pack(septets, n, packings[i].fill, got, n_want, &n_got), 0);
		assert_int_equal(n_got, n_want);
		assert_memory_equal(got, want, n_want);
		assert_int_equal(gsm7_unpack(want, n_want, packings[i].fill, back, n), 0);
		assert_memory_equal(back, septets, n);
		if (n_want > 0) {
			assert_int_equal(
				gsm7_pack(septets, n, packings[i].fill, got, n_want - 1, &n_got), -ENOBUFS);
			assert_int_equal(gsm7_unpack(want, n_want - 1, packings[i].fill, back, n), -EBADMSG);
		}
	}
}

static void packing_and_unpacking_agree_for_all_lengths_and_fills(void **state)
{
	uint32_t seed = 20240601;

	for (size_t n = 0; n <= 160; n++) {
		for (unsigned fill = 0; fill < 7; fill++) {
			uint8_t septets[160], back[160], *packed = malloc(n + 1);
			size_t n_packed;

			for (size_t i = 0; i < n; i++)
				septets[i] = (uint8_t)(next_random(&seed) & 0x7f);
			assert_int_equal(gsm7_pack(septets, n, fill, packed, n + 1, &n_packed), 0);
			assert_int_equal(n_packed, (n * 7 + fill + 7) / 8);
			packed = realloc(packed, n_packed ? n_packed : 1); /* exact, for the sanitizer */
			assert_int_equal(gsm7_unpack(packed, n_packed, fill, back, n), 0);
			assert_memory_equal(back, septets, n);
			free(packed);
		}
	}
}

static void fill_bits_are_those_of_the_specification(void **state)
{
	static const struct {
		unsigned n_udh, septets, fill;
	} rows[] = {{0, 0, 0}, {6, 7, 1}, {7, 8, 0}, {4, 5, 3}, {9, 11, 5}, {12, 14, 2}, {15, 18, 6}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(gsm7_header_septets(rows[i].n_udh), rows[i].septets);
		assert_int_equal(gsm7_fill_bits(rows[i].n_udh), rows[i].fill);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alphabet_is_the_printed_one),
		cmocka_unit_test(extension_is_the_printed_one),
		cmocka_unit_test(nothing_else_is_encodable),
		cmocka_unit_test(look_alikes_are_refused),
		cmocka_unit_test(lookup_follows_the_rules),
		cmocka_unit_test(unknown_language_is_read_with_the_default_tables),
		cmocka_unit_test(decode_stops_at_its_buffer),
		cmocka_unit_test(packing_gives_the_octets_of_the_documents),
		cmocka_unit_test(packing_and_unpacking_agree_for_all_lengths_and_fills),
		cmocka_unit_test(fill_bits_are_those_of_the_specification),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
