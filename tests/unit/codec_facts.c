/* SPDX-License-Identifier: Apache-2.0 */
/* What data_coding says, for all values, and what is told of a received message. */
#include <config.h>

#include "codec/facts.h"
#include "tests/unit/codec_hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* SMPP 3.4, 5.2.19 below 10; 3GPP TS 23.038, 4 from there on.  A letter for each value of a row of sixteen:
 * d default, a ascii, l latin1, j and J Japanese, i ISO-2022-JP, c Cyrillic, h Hebrew, k Korean, g gsm7, u ucs2,
 * b octets. */
static const char *const rows[16] = {
	"dablbjchubibbJkb", /* 00 */
	"ggggbbbbuuuugggg", /* 10: general, with class */
	"bbbbbbbbbbbbbbbb", /* 20: compressed */
	"bbbbbbbbbbbbbbbb", /* 30 */
	"ggggbbbbuuuugggg", /* 40: to be deleted once read */
	"ggggbbbbuuuugggg", /* 50 */
	"bbbbbbbbbbbbbbbb", /* 60 */
	"bbbbbbbbbbbbbbbb", /* 70 */
	"gggggggggggggggg", /* 80: reserved */
	"gggggggggggggggg", /* 90 */
	"gggggggggggggggg", /* a0 */
	"gggggggggggggggg", /* b0 */
	"gggggggggggggggg", /* c0: message waiting, discard */
	"gggggggggggggggg", /* d0: store */
	"uuuuuuuuuuuuuuuu", /* e0: store, UCS-2 */
	"ggggbbbbggggbbbb", /* f0: class */
};

static void every_data_coding_has_its_alphabet(void **state)
{
	static const char letters[CODING_N] = {
		[CODING_DEFAULT] = 'd', [CODING_GSM7] = 'g', [CODING_ASCII] = 'a', [CODING_OCTETS] = 'b',
		[CODING_LATIN1] = 'l', [CODING_JIS_X_0208] = 'j', [CODING_ISO_8859_5] = 'c', [CODING_ISO_8859_8] = 'h',
		[CODING_UCS2] = 'u', [CODING_ISO_2022_JP] = 'i', [CODING_JIS_X_0212] = 'J', [CODING_KS_C_5601] = 'k',
	};

	for (unsigned v = 0; v < 256; v++) {
		struct data_coding d;

		data_coding_read((uint8_t)v, &d);
		if (letters[d.alphabet] != rows[v >> 4][v & 15])
			fail_msg("%02x: %s", v, data_coding_name(d.alphabet));
	}
}

static void every_data_coding_has_its_class(void **state)
{
	for (unsigned v = 0; v < 256; v++) {
		struct data_coding d;
		/* 3GPP TS 23.038, 4: bit 4 of the general groups announces a class, group 1111 is one. */
		bool has = v >= 0xf0 || (v >= 0x10 && v < 0x80 && (v & 0x10));

		data_coding_read((uint8_t)v, &d);
		assert_int_equal(d.message_class, has ? (int)(v & 3) : DCS_NO_CLASS);
		assert_int_equal(d.waiting, v >= 0xc0 && v < 0xf0 ?
			(v < 0xd0 ? DCS_WAITING_DISCARD : DCS_WAITING_STORE) : DCS_WAITING_NONE);
	}
}

/* As the views would tell it. */
static void tell(const struct facts *f, char *s, size_t n)
{
	int at = snprintf(s, n, "%s", f->encoding);

	if (f->coding.message_class >= 0)
		at += snprintf(s + at, n - (size_t)at, " class %d", f->coding.message_class);
	if (f->waiting)
		at += snprintf(s + at, n - (size_t)at, " %s %d", f->waiting, f->coding.waiting_active);
	if (f->n_udh)
		at += snprintf(s + at, n - (size_t)at, " udh %zu", f->n_udh);
	if (f->has_ports)
		at += snprintf(s + at, n - (size_t)at, " ports %u %u", f->ports.dst, f->ports.src);
	for (unsigned i = 0; i < f->n_languages; i++)
		at += snprintf(s + at, n - (size_t)at, " %s", f->languages[i]);
	if (f->binary)
		at += snprintf(s + at, n - (size_t)at, " octets");
	if (f->malformed)
		snprintf(s + at, n - (size_t)at, " malformed");
}

static void facts_follow_from_the_octets(void **state)
{
	static const struct {
		const char *why;
		uint8_t data_coding, esm_class;
		const char *raw, *text, *facts;
	} v[] = {
		{ "a plain text", 0x00, 0x00, "6869", "hi", "default" },
		{ "flash", 0x10, 0x00, "6869", "hi", "gsm7 class 0" },
		{ "octets without a header: all of it is data", 0x04, 0x00, "0a0b", "0a0b", "binary octets" },
		{ "ports of 16 bits, 23.040, 9.2.3.24.4: destination first", 0x04, 0x40, "0605040b8423f0ff", "ff",
			"binary udh 7 ports 2948 9200 octets" },
		{ "ports of 8 bits", 0xf5, 0x40, "040402f0f1ff", "ff", "binary class 1 udh 5 ports 240 241 octets" },
		{ "a part", 0x08, 0x40, "0500034e02010416", "Ж", "ucs2 udh 6" },
		{ "two languages", 0x00, 0x40, "06250101240102 41", "A", "default udh 7 tr es" },
		{ "one language in both", 0x00, 0x40, "06250101240101 41", "A", "default udh 7 tr" },
		{ "a language nobody knows", 0x00, 0x40, "03250163 41", "A", "default udh 4" },
		{ "languages mean nothing to UCS-2", 0x08, 0x40, "03250101 0416", "Ж", "ucs2 udh 4" },
		{ "a header longer than the text", 0x00, 0x40, "2041", " A", "default malformed" },
		{ "an element longer than the header", 0x04, 0x40, "030504 0b84", "030504" "0b84", "binary octets malformed" },
		{ "a header without the bit is text", 0x00, 0x00, "0605040b8423f0", "x", "default" },
		{ "nothing, with the bit", 0x00, 0x40, "", "", "default malformed" },
		{ "what could not be read", 0x08, 0x00, "041604", "Ж\ufffd", "ucs2 malformed" },
		{ "voicemail is there", 0xc8, 0x00, "", "", "gsm7 voicemail 1" },
		{ "no fax any more", 0xd1, 0x00, "", "", "gsm7 fax 0" },
		{ "other than the first three, in UCS-2", 0xeb, 0x00, "", "", "ucs2 other 1" },
		{ "reply path and receipt bits are no header", 0x03, 0x84, "e9", "é", "latin1" },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		uint8_t raw[64];
		char told[256], hex[129];
		size_t n = from_hex(v[i].raw, raw, sizeof(raw));
		struct facts f;

		facts_read(v[i].data_coding, v[i].esm_class, raw, n, v[i].text, &f);
		tell(&f, told, sizeof(told));
		if (strcmp(told, v[i].facts) != 0)
			fail_msg("%s: %s", v[i].why, told);
		for (size_t k = 0; k <= n; k++)
			snprintf(hex + 2 * k, 3, k < n ? (i % 2 ? "%02X" : "%02x") : "", raw[k]);
		facts_read_hex(v[i].data_coding, v[i].esm_class, hex, v[i].text, &f);
		tell(&f, told, sizeof(told));
		assert_string_equal(told, v[i].facts);
	}
}

/* 255 octets behind the length octet are the longest header; what follows makes no difference. */
static void the_longest_header_is_read_from_hexadecimal(void **state)
{
	char hex[2 * 300 + 1];
	struct facts f;

	memset(hex, '0', 2 * 300);
	hex[2 * 300] = '\0';
	memcpy(hex, "ff70f7", 6);                  /* an element 70 of 247 octets */
	memcpy(hex + 2 * (1 + 2 + 247), "05040b8423f0", 12); /* and ports */
	facts_read_hex(0x04, 0x40, hex, "", &f);
	assert_int_equal(f.n_udh, 256);
	assert_true(f.has_ports);
	assert_int_equal(f.ports.dst, 2948);
	hex[2 * 256] = '\0';
	facts_read_hex(0x04, 0x40, hex, "", &f);
	assert_int_equal(f.n_udh, 256);
	hex[2 * 255] = '\0';
	facts_read_hex(0x04, 0x40, hex, "", &f);
	assert_true(f.malformed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_data_coding_has_its_alphabet),
		cmocka_unit_test(every_data_coding_has_its_class),
		cmocka_unit_test(facts_follow_from_the_octets),
		cmocka_unit_test(the_longest_header_is_read_from_hexadecimal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
