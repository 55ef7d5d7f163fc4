/* SPDX-License-Identifier: Apache-2.0 */
/* codec_dcs.c -- every TP-DCS octet means what 3GPP TS 23.038, 4 says, the reserved ones too. */
#include "codec/dcs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Four values a row, which differ in bits 1 and 0 only.  The letters, in the document's order:
 *
 *   7 8 U   GSM 7 bit, 8 bit data, UCS-2      z  compressed            a  automatic deletion
 *   c       bits 1 and 0 are a class          -  they mean nothing: reserved unless both are 0
 *   D S     message waiting: discard, store; then + or - for set or clear, and bits 1 and 0 are the kind
 *   r       all four are reserved
 */
static const struct {
	uint8_t first;
	const char *means;
} rows[] = {
	/* 00xx: general, bits 3 and 2 are the alphabet, 11 reserved */
	{ 0x00, "7-" }, { 0x04, "8-" }, { 0x08, "U-" }, { 0x0c, "7-r" },
	{ 0x10, "7c" }, { 0x14, "8c" }, { 0x18, "Uc" }, { 0x1c, "7cr" },
	{ 0x20, "7z-" }, { 0x24, "8z-" }, { 0x28, "Uz-" }, { 0x2c, "7z-r" },
	{ 0x30, "7zc" }, { 0x34, "8zc" }, { 0x38, "Uzc" }, { 0x3c, "7zcr" },
	/* 01xx: the same, to be deleted once read */
	{ 0x40, "7a-" }, { 0x44, "8a-" }, { 0x48, "Ua-" }, { 0x4c, "7a-r" },
	{ 0x50, "7ac" }, { 0x54, "8ac" }, { 0x58, "Uac" }, { 0x5c, "7acr" },
	{ 0x60, "7za-" }, { 0x64, "8za-" }, { 0x68, "Uza-" }, { 0x6c, "7za-r" },
	{ 0x70, "7zac" }, { 0x74, "8zac" }, { 0x78, "Uzac" }, { 0x7c, "7zacr" },
	/* 1000 to 1011: reserved, read as 00 */
	{ 0x80, "7r" }, { 0x84, "7r" }, { 0x88, "7r" }, { 0x8c, "7r" },
	{ 0x90, "7r" }, { 0x94, "7r" }, { 0x98, "7r" }, { 0x9c, "7r" },
	{ 0xa0, "7r" }, { 0xa4, "7r" }, { 0xa8, "7r" }, { 0xac, "7r" },
	{ 0xb0, "7r" }, { 0xb4, "7r" }, { 0xb8, "7r" }, { 0xbc, "7r" },
	/* 1100, 1101, 1110: message waiting; bit 3 sets or clears, bit 2 is reserved */
	{ 0xc0, "7D-" }, { 0xc4, "7D-r" }, { 0xc8, "7D+" }, { 0xcc, "7D+r" },
	{ 0xd0, "7S-" }, { 0xd4, "7S-r" }, { 0xd8, "7S+" }, { 0xdc, "7S+r" },
	{ 0xe0, "US-" }, { 0xe4, "US-r" }, { 0xe8, "US+" }, { 0xec, "US+r" },
	/* 1111: alphabet and class; bit 3 is reserved */
	{ 0xf0, "7c" }, { 0xf4, "8c" }, { 0xf8, "7cr" }, { 0xfc, "8cr" },
};

static bool says(const char *means, char c)
{
	return strchr(means, c) != NULL;
}

static void every_value_has_its_meaning(void **state)
{
	unsigned n_seen = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *m = rows[i].means;
		bool waiting = says(m, 'D') || says(m, 'S');

		for (unsigned low = 0; low < 4; low++, n_seen++) {
			struct dcs d;

			dcs_read((uint8_t)(rows[i].first | low), &d);
			print_message("%02x %s\n", rows[i].first | low, m);
			assert_int_equal(d.alphabet, m[0] == '7' ? DCS_GSM7 : m[0] == '8' ? DCS_OCTETS : DCS_UCS2);
			assert_int_equal(d.message_class, says(m, 'c') ? (int)low : DCS_NO_CLASS);
			assert_int_equal(d.compressed, says(m, 'z'));
			assert_int_equal(d.auto_delete, says(m, 'a'));
			assert_int_equal(d.reserved, says(m, 'r') || (!waiting && says(m, '-') && low != 0));
			assert_int_equal(d.waiting, says(m, 'D') ? DCS_WAITING_DISCARD :
						    says(m, 'S') ? DCS_WAITING_STORE :
								   DCS_WAITING_NONE);
			assert_int_equal(d.waiting_active, waiting && says(m, '+'));
			assert_int_equal(d.waiting_kind, waiting ? low : 0);
		}
	}
	assert_int_equal(n_seen, 256);
}

static void what_we_send_is_not_reserved(void **state)
{
	static const struct {
		enum encoding encoding;
		bool flash;
		uint8_t octet;
		enum dcs_alphabet alphabet;
	} sent[] = {
		{ ENC_GSM7, false, 0x00, DCS_GSM7 },     { ENC_GSM7, true, 0x10, DCS_GSM7 },
		{ ENC_BINARY, false, 0x04, DCS_OCTETS }, { ENC_BINARY, true, 0x14, DCS_OCTETS },
		{ ENC_UCS2, false, 0x08, DCS_UCS2 },     { ENC_UCS2, true, 0x18, DCS_UCS2 },
	};

	for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
		struct dcs d;

		assert_int_equal(dcs_make(sent[i].encoding, sent[i].flash), sent[i].octet);
		dcs_read(sent[i].octet, &d);
		assert_int_equal(d.alphabet, sent[i].alphabet);
		assert_int_equal(d.message_class, sent[i].flash ? 0 : DCS_NO_CLASS);
		assert_false(d.reserved);
	}
}

static void alphabets_have_names(void **state)
{
	assert_string_equal(dcs_alphabet_name(DCS_GSM7), "gsm7");
	assert_string_equal(dcs_alphabet_name(DCS_OCTETS), "octets");
	assert_string_equal(dcs_alphabet_name(DCS_UCS2), "ucs2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_value_has_its_meaning),
		cmocka_unit_test(what_we_send_is_not_reserved),
		cmocka_unit_test(alphabets_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
