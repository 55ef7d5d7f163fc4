/* SPDX-License-Identifier: Apache-2.0 */
/* The alphabets as 3GPP TS 23.038 prints them, and packing against octets of documents and captures.
 *
 * The default alphabet is written down here whole.  Of the national tables the cells that a reader most often gets
 * wrong are written down here, and every cell is compared with its file (codec_tables.h), whose code points are
 * compared with the names beside them. */
#include "codec/gsm7.h"
#include "codec/unicode.h"
#include "codec/utf8.h"
#include "tests/unit/codec_hex.h"
#include "tests/unit/codec_tables.h"

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

/* ---- national languages --------------------------------------------------------------------------------- */

enum { TR = 1, ES, PT, BN, GU, HI, KN, ML, OR, PA, TA, TE, UR };

/* 3GPP TS 23.038, annex A; `esc`: in the single shift table. */
static const struct {
	const char *why;
	uint8_t language;
	bool esc;
	uint8_t code;
	uint16_t cp;
} cells[] = {
	{"Turkish euro takes the place of e grave", TR, false, 0x04, 0x20ac},
	{"Turkish dotless i takes the place of i grave", TR, false, 0x07, 0x131},
	{"Turkish G breve", TR, false, 0x0b, 0x11e},
	{"Turkish g breve", TR, false, 0x0c, 0x11f},
	{"Turkish delta stays at 10", TR, false, 0x10, 0x394},
	{"Turkish S cedilla", TR, false, 0x1c, 0x15e},
	{"Turkish s cedilla", TR, false, 0x1d, 0x15f},
	{"Turkish E acute", TR, false, 0x1f, 0xc9},
	{"Turkish I with dot", TR, false, 0x40, 0x130},
	{"Turkish c cedilla, small", TR, false, 0x60, 0xe7},
	{"Turkish C cedilla stays at 09", TR, false, 0x09, 0xc7},
	{"Turkish behind ESC: G breve", TR, true, 0x47, 0x11e},
	{"Turkish behind ESC: I with dot", TR, true, 0x49, 0x130},
	{"Turkish behind ESC: c cedilla", TR, true, 0x63, 0xe7},
	{"Turkish behind ESC: euro", TR, true, 0x65, 0x20ac},
	{"Turkish behind ESC: dotless i", TR, true, 0x69, 0x131},
	{"Spanish c cedilla, small", ES, true, 0x09, 0xe7},
	{"Spanish A acute", ES, true, 0x41, 0xc1},
	{"Spanish i acute", ES, true, 0x69, 0xed},
	{"Spanish u acute", ES, true, 0x75, 0xfa},
	{"Portuguese e circumflex", PT, false, 0x04, 0xea},
	{"Portuguese c cedilla, small", PT, false, 0x09, 0xe7},
	{"Portuguese feminine ordinal", PT, false, 0x12, 0xaa},
	{"Portuguese C cedilla", PT, false, 0x13, 0xc7},
	{"Portuguese A grave", PT, false, 0x14, 0xc0},
	{"Portuguese infinity", PT, false, 0x15, 0x221e},
	{"Portuguese circumflex in one septet", PT, false, 0x16, '^'},
	{"Portuguese backslash in one septet", PT, false, 0x17, '\\'},
	{"Portuguese euro in one septet", PT, false, 0x18, 0x20ac},
	{"Portuguese bar in one septet", PT, false, 0x1a, '|'},
	{"Portuguese masculine ordinal for the currency sign", PT, false, 0x24, 0xba},
	{"Portuguese a tilde", PT, false, 0x7b, 0xe3},
	{"Portuguese backtick", PT, false, 0x7d, '`'},
	{"Portuguese behind ESC: e circumflex", PT, true, 0x05, 0xea},
	{"Portuguese behind ESC: c cedilla", PT, true, 0x09, 0xe7},
	{"Portuguese behind ESC: phi", PT, true, 0x12, 0x3a6},
	{"Portuguese behind ESC: theta", PT, true, 0x19, 0x398},
	{"Portuguese behind ESC: a circumflex", PT, true, 0x7f, 0xe2},
	{"Bengali candrabindu", BN, false, 0x00, 0x981},
	{"Bengali a", BN, false, 0x03, 0x985},
	{"Gujarati candrabindu", GU, false, 0x00, 0xa81},
	{"Hindi candrabindu, not the Bengali one", HI, false, 0x00, 0x901},
	{"Hindi visarga", HI, false, 0x02, 0x903},
	{"Hindi comma, not an apostrophe", HI, false, 0x2c, ','},
	{"Hindi has small Latin letters", HI, false, 0x61, 'a'},
	{"Hindi behind ESC: danda", HI, true, 0x19, 0x964},
	{"Hindi behind ESC: zero", HI, true, 0x1c, 0x966},
	{"Hindi behind ESC: nine", HI, true, 0x25, 0x96f},
	{"Hindi behind ESC: capital Latin letters", HI, true, 0x41, 'A'},
	{"Hindi behind ESC: euro", HI, true, 0x65, 0x20ac},
	{"Kannada dda, where the document prints pa twice", KN, false, 0x24, 0xca1},
	{"Kannada pa", KN, false, 0x3d, 0xcaa},
	{"Kannada behind ESC: left bracket", KN, true, 0x3c, '['},
	{"Malayalam full stop, not a comma", ML, false, 0x2e, '.'},
	{"Oriya lla, where the document prints the nukta twice", OR, false, 0x47, 0xb33},
	{"Oriya behind ESC: four, not the Tamil one", OR, true, 0x20, 0xb6a},
	{"Punjabi behind ESC: seven, printed with a letter O", PA, true, 0x23, 0xa6d},
	{"Tamil behind ESC: eight, where the document prints nine twice", TA, true, 0x24, 0xbee},
	{"Telugu behind ESC: zero, not the Kannada one", TE, true, 0x1c, 0xc66},
	{"Telugu behind ESC: six", TE, true, 0x22, 0xc6c},
	{"Telugu behind ESC: seven", TE, true, 0x23, 0xc6d},
	{"Urdu alef", UR, false, 0x00, 0x627},
	{"Urdu behind ESC: capital Latin letters", UR, true, 0x5a, 'Z'},
};

static void reads_as(const uint8_t *septets, size_t n, struct gsm7_shift shift, uint32_t cp)
{
	char out[16], want[4];
	size_t n_want = utf8_put(want, sizeof(want), cp), len;

	assert_int_equal(gsm7_decode(septets, n, shift, out, sizeof(out), &len), 0);
	assert_int_equal(len, n_want);
	assert_memory_equal(out, want, len);
}

static void cells_are_those_of_the_annex(void **state)
{
	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		const struct gsm7_shift locking = {cells[i].language, 0}, single = {0, cells[i].language};
		const struct gsm7_shift shift = cells[i].esc ? single : locking;
		const uint8_t pair[] = {GSM7_ESC, cells[i].code};
		int code = cells[i].code;

		print_message("%s\n", cells[i].why);
		reads_as(pair + !cells[i].esc, 1u + cells[i].esc, shift, cells[i].cp);
		/* The default main table comes first, where it has the character. */
		if (cells[i].esc && gsm7_encode(cells[i].cp) >= 0 && gsm7_encode(cells[i].cp) < 0x80)
			code = gsm7_encode(cells[i].cp);
		else if (cells[i].esc)
			code |= GSM7_ESC << 8;
		assert_int_equal(gsm7_encode_shift(cells[i].cp, shift), code);
	}
}

static const struct {
	const char *why;
	struct gsm7_shift shift;
	const char *hex, *text;
} national[] = {
	{"Turkish locking: C cedilla large and small", {TR, 0}, "0960", "Çç"},
	{"asterisk at 0B and 18 behind ESC", {0, HI}, "1b0b1b18", "**"},
	{"inverted exclamation mark at 13 and 15 behind ESC", {0, TA}, "1b131b15", "¡¡"},
	{"Telugu shows the euro", {0, TE}, "1b65", "€"},
	{"the two elements are independent", {TR, PT}, "1d1b7b", "şã"},
	{"ESC before what the single table lacks shows the locking table", {TR, PT}, "1b1d", "ş"},
	{"a language's table takes the place of the extension", {0, ES}, "1b09", "ç"},
	{"a blank cell is a space", {TA, 0}, "11", " "},
	{"ESC ESC is a space in all of them", {UR, UR}, "1b1b00", " ا"},
	{"ESC at the end", {HI, HI}, "031b", "अ "},
	{"CR2 is CR", {HI, HI}, "1b0d", "\r"},
	{"page break", {0, TR}, "1b0a", "\f"},
	{"unknown locking, known single", {14, TR}, "001b73", "@ş"},
	{"known locking, unknown single", {TR, 255}, "1d1b65", "ş€"},
	{"Spanish has no locking table: the default one", {ES, 0}, "0009", "@Ç"},
};

static void national_septets_are_read(void **state)
{
	for (size_t i = 0; i < sizeof(national) / sizeof(national[0]); i++) {
		uint8_t septets[16];
		size_t n = from_hex(national[i].hex, septets, sizeof(septets)), len;
		char out[64];

		print_message("%s\n", national[i].why);
		assert_int_equal(gsm7_decode(septets, n, national[i].shift, out, sizeof(out), &len), 0);
		assert_int_equal(len, strlen(national[i].text));
		assert_memory_equal(out, national[i].text, len);
	}
}

static const struct {
	const char *why;
	uint32_t cp;
	struct gsm7_shift shift;
	int code;
} sent[] = {
	{"of two asterisks the lower", '*', {0, HI}, '*'},
	{"of two inverted exclamation marks the lower", 0xa1, {HI, TA}, 0x1b13},
	{"Telugu takes no euro", 0x20ac, {TE, TE}, -1},
	{"but the default extension beside it does", 0x20ac, {TE, 0}, 0x1b65},
	{"Portuguese locking: circumflex", '^', {PT, 0}, 0x16},
	{"Portuguese locking: backslash, although single has it", '\\', {PT, PT}, 0x17},
	{"Portuguese locking: bar", '|', {PT, 0}, 0x1a},
	{"Portuguese locking: a brace still needs ESC", '{', {PT, 0}, 0x1b28},
	{"Turkish locking has no i grave", 0xec, {TR, 0}, -1},
	{"c cedilla, Portuguese locking", 0xe7, {PT, 0}, 0x09},
	{"C cedilla, Portuguese locking", 0xc7, {PT, 0}, 0x13},
	{"capital letters with Hindi locking", 'A', {HI, HI}, 0x1b41},
	{"no capital letters with the default extension", 'A', {HI, 0}, -1},
	{"ESC is never a character", 0x1b, {TR, TR}, -1},
	{"NUL is none", 0, {TA, TA}, -1},
	{"a blank cell does not make a second space", ' ', {TA, 0}, 0x20},
	{"emoji", 0x1f600, {TR, PT}, -1},
};

static void national_characters_are_sent(void **state)
{
	for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
		print_message("%s\n", sent[i].why);
		assert_int_equal(gsm7_encode_shift(sent[i].cp, sent[i].shift), sent[i].code);
	}
}

/* A locking table has all of its cells; a single shift table those of its file, behind which the main table shows. */
static uint32_t shown_by_file(bool esc, struct gsm7_shift shift, unsigned code)
{
	const struct alphabet *locking = &alphabets[0][shift.locking == ES ? 0 : shift.locking];

	if (esc && code == GSM7_ESC)
		return ' ';
	if (esc && code == '\r')
		return '\r';
	if (esc && alphabets[1][shift.single].shows[code])
		return alphabets[1][shift.single].shows[code];
	return locking->shows[code] ? locking->shows[code] : ' ';
}

static void every_cell_is_read_as_its_file_says(void **state)
{
	for (unsigned pair = 0; pair < ALPHABETS * ALPHABETS; pair++) {
		const struct gsm7_shift shift = {.locking = (uint8_t)(pair / ALPHABETS), .single = (uint8_t)(pair % ALPHABETS)};

		for (unsigned code = 0; code < 128; code++) {
			const uint8_t septets[] = {GSM7_ESC, (uint8_t)code};

			reads_as(septets, 2, shift, shown_by_file(true, shift, code));
			if (code != GSM7_ESC)
				reads_as(septets + 1, 1, shift, shown_by_file(false, shift, code));
		}
	}
}

static int code_by_file(uint32_t cp, unsigned locking, unsigned single)
{
	if (cp > 0xffff)
		return -1;
	if (alphabets[0][locking].code[cp] != NO_CODE)
		return alphabets[0][locking].code[cp];
	return alphabets[1][single].code[cp] != NO_CODE ? GSM7_ESC << 8 | alphabets[1][single].code[cp] : -1;
}

static void every_character_is_sent_as_its_files_say(void **state)
{
	for (unsigned pair = 0; pair < ALPHABETS * ALPHABETS; pair++) {
		const struct gsm7_shift shift = {.locking = (uint8_t)(pair / ALPHABETS), .single = (uint8_t)(pair % ALPHABETS)};

		for (uint32_t cp = 0; cp <= 0x110000; cp += cp < 0x3000 || cp >= 0x10ffff ? 1 : 255)
			if (gsm7_encode_shift(cp, shift) != code_by_file(cp, shift.locking, shift.single))
				fail_msg("U+%04X with %u and %u", cp, shift.locking, shift.single);
	}
	for (uint32_t cp = 0; cp <= 0x110000; cp++)
		if (gsm7_encode(cp) != code_by_file(cp, 0, 0) || gsm7_encode_shift(cp, (struct gsm7_shift){UR, UR}) !=
			code_by_file(cp, UR, UR))
			fail_msg("U+%04X", cp);
}

static void code_points_of_the_files_bear_the_names_beside_them(void **state)
{
	unsigned n = 0;

	for (unsigned i = 0; i < 2 * ALPHABETS; i++) {
		const struct alphabet *a = &alphabets[i / ALPHABETS][i % ALPHABETS];

		for (unsigned code = 0; code < 128; code++) {
			char name[128];

			if (a->shows[code] < ' ') /* none, or a control, which has no name */
				continue;
			assert_string_equal(unicode_name(a->shows[code], name, sizeof(name)), a->name[code]);
			n++;
		}
	}
	assert_in_range(n, 2200, 3456);
}

static void constants_describe_the_files(void **state)
{
	for (unsigned l = 0; l < ALPHABETS; l++) {
		bool plain = alphabets[0][l].there;

		assert_int_equal(GSM7_LOCKING >> l & 1, alphabets[0][l].there);
		assert_true(alphabets[1][l].there);
		for (unsigned c = 0; c < 128; c++)
			if (alphabets[0][0].code[c] == (int)c && alphabets[0][l].code[c] != (int)c)
				plain = false;
		assert_int_equal(GSM7_PLAIN >> l & 1, plain);
	}
	assert_int_equal(GSM7_LOCKING >> ALPHABETS, 0);
	assert_int_equal(GSM7_PLAIN >> ALPHABETS, 0);
}

static void languages_have_names(void **state)
{
	static const char *const names[] = {"tr", "es", "pt", "bn", "gu", "hi", "kn", "ml", "or", "pa", "ta", "te", "ur"};

	for (unsigned id = 1; id <= 13; id++) {
		assert_string_equal(gsm7_language_name(id), names[id - 1]);
		assert_int_equal(gsm7_language(names[id - 1]), id);
	}
	assert_null(gsm7_language_name(0));
	assert_null(gsm7_language_name(14));
	assert_int_equal(gsm7_language("de"), 0);
	assert_int_equal(gsm7_language(""), 0);
	assert_int_equal(gsm7_language("TR"), 0);
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
		cmocka_unit_test(cells_are_those_of_the_annex),
		cmocka_unit_test(national_septets_are_read),
		cmocka_unit_test(national_characters_are_sent),
		cmocka_unit_test(every_cell_is_read_as_its_file_says),
		cmocka_unit_test(every_character_is_sent_as_its_files_say),
		cmocka_unit_test(code_points_of_the_files_bear_the_names_beside_them),
		cmocka_unit_test(constants_describe_the_files),
		cmocka_unit_test(languages_have_names),
		cmocka_unit_test(decode_stops_at_its_buffer),
		cmocka_unit_test(packing_gives_the_octets_of_the_documents),
		cmocka_unit_test(packing_and_unpacking_agree_for_all_lengths_and_fills),
		cmocka_unit_test(fill_bits_are_those_of_the_specification),
	};

	assert(read_alphabets() == 27);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
