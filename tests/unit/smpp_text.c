/* SPDX-License-Identifier: Apache-2.0 */
/* Parts as submit_sm, octet for octet, and texts of deliver_sm as UTF-8. */
#include <config.h>

#include "smpp/smpp.h"
#include "smpp/text.h"
#include "tests/unit/codec_hex.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct smpp *new_link(void)
{
	struct smpp *m = calloc(1, sizeof(*m));

	m->source_ton = m->source_npi = m->dest_ton = m->dest_npi = -1;
	return m;
}

static struct part hello(void)
{
	struct part p = {
		.to = 12025550142, .from = "Shop", .part = 1, .n_parts = 1, .encoding = ENC_GSM7,
	};

	memcpy(p.wire.text, "hello", 5);
	p.wire.n_text = 5;
	return p;
}

static void assert_submit(struct smpp *m, const struct part *p, const char *body_hex)
{
	uint8_t want[512];
	size_t n = from_hex(body_hex, want, sizeof(want));

	assert_int_equal(smpp_encode(m, p, 1), PDU_HEADER + n);
	assert_memory_equal(m->pdu + PDU_HEADER, want, n);
}

#define TO "01 01 313230323535353031343200 "

static void addresses_have_their_ton_and_npi(void **state)
{
	static const struct {
		const char *why, *from, *hex;
	} v[] = {
		{ "alphanumeric: 5/0", "Shop", "05 00 53686f7000" },
		{ "international: 1/1, without plus", "+491711234567", "01 01 34393137313132333435363700" },
		{ "short code: 3/0", "12345", "03 00 313233343500" },
		{ "a leading zero of a short code counts", "0123", "03 00 3031323300" },
		{ "none: the SMSC's default", "", "00 00 00" },
	};
	struct smpp *m = new_link();
	struct part p = hello();
	char hex[256];

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		p.from = v[i].from;
		snprintf(hex, sizeof(hex), "00 %s " TO "00 00 00 00 00 00 00 00 00 05 68656c6c6f", v[i].hex);
		assert_submit(m, &p, hex);
		assert_submit(m, &p, hex); /* from the cache */
	}
	m->from_known = false;
	m->source_ton = 2;
	m->source_npi = 8;
	m->dest_ton = 0;
	m->dest_npi = 3;
	p.from = "Shop";
	assert_submit(m, &p, "00 02 08 53686f7000 00 03 313230323535353031343200 00 00 00 00 00 00 00 00 00 05 68656c6c6f");
	free(m);
}

static void receipts_validity_and_service_type(void **state)
{
	struct smpp *m = new_link();
	struct part p = hello();

	strcpy(m->service_type, "CMT");
	p.want_receipt = true;
	p.validity_s = 90061; /* a day, an hour, a minute and a second */
	assert_submit(m, &p, "434d5400 05 00 53686f7000 " TO "00 00 00 00 30303030303130313031303130303052 00 01 00 00 00 "
			     "05 68656c6c6f");
	free(m);
}

static void validity_periods(void **state)
{
	static const struct {
		uint32_t s;
		const char *text;
	} v[] = {
		{ 0, "" },
		{ 1, "000000000001000R" },
		{ 86400, "000001000000000R" },
		{ 31 * 86400, "000101000000000R" }, /* a month is 30 days */
		{ 63 * 86400, "000203000000000R" },
		{ 0xffffffff, "000203000000000R" },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		char text[PDU_TIME_LEN + 1];

		smpp_validity(v[i].s, text);
		assert_string_equal(text, v[i].text);
	}
}

#define HEAD "00 05 00 53686f7000 " TO

static void encodings(void **state)
{
	struct smpp *m = new_link();
	struct part p = hello();

	p.flash = true;
	assert_submit(m, &p, HEAD "00 00 00 00 00 00 00 10 00 05 68656c6c6f");
	p.encoding = ENC_UCS2;
	p.wire.n_text = 2;
	memcpy(p.wire.text, "\x04\x16", 2);
	assert_submit(m, &p, HEAD "00 00 00 00 00 00 00 18 00 02 0416");
	p.flash = false;
	assert_submit(m, &p, HEAD "00 00 00 00 00 00 00 08 00 02 0416");
	p.encoding = ENC_BINARY;
	assert_submit(m, &p, HEAD "00 00 00 00 00 00 00 04 00 02 0416");
	free(m);
}

static void parts_of_a_long_message(void **state)
{
	struct smpp *m = new_link();
	struct part p = hello();
	char text[161];

	p.part = 2;
	p.n_parts = 3;
	p.ref = 0x1234;
	memcpy(p.wire.udh, "\5\0\3\x34\3\2", 6);
	p.wire.n_udh = 6;
	assert_submit(m, &p, HEAD "40 00 00 00 00 00 00 00 00 0b 050003340302 68656c6c6f");
	m->concat = CONF_CONCAT_SAR;
	p.wire.n_udh = 0;
	assert_submit(m, &p, HEAD "00 00 00 00 00 00 00 00 00 05 68656c6c6f 020c00021234 020e000103 020f000102");
	m->concat = CONF_CONCAT_PAYLOAD;
	p.part = p.n_parts = 1;
	p.wire.n_text = 0;
	p.text = "@ab\xe2\x82\xac"; /* the euro is an escape pair, 3GPP TS 23.038, 6.2.1.1 */
	p.n_text = 6;
	assert_submit(m, &p, HEAD "00 00 00 00 00 00 00 00 00 05 0061621b65");
	p.encoding = ENC_UCS2;
	assert_submit(m, &p, HEAD "00 00 00 00 00 00 00 08 00 08 00400061006220ac");
	/* 161 septets do not fit a part: SMPP 3.4, 5.3.2.32 */
	memset(text, '@', sizeof(text));
	p.encoding = ENC_GSM7;
	p.text = text;
	p.n_text = 160;
	assert_int_equal(smpp_encode(m, &p, 1), PDU_HEADER + 32 + 160);
	p.n_text = 161;
	assert_int_equal(smpp_encode(m, &p, 1), PDU_HEADER + 32 + 4 + 161);
	assert_memory_equal(m->pdu + PDU_HEADER + 31, "\0\x04\x24\0\xa1\0\0", 7);
	p.encoding = ENC_BINARY;
	p.text = "\3\2\x70\0AB"; /* a header of three octets, as the client gave it */
	p.n_text = 6;
	assert_submit(m, &p, HEAD "40 00 00 00 00 00 00 04 00 05 0270004142");
	p.text = "\xff" "A";
	p.n_text = 2;
	assert_int_equal(smpp_encode(m, &p, 1), -EMSGSIZE);
	free(m);
}

static void other_alphabets(void **state)
{
	struct smpp *m = new_link();
	struct part p = hello();

	m->alphabet = CONF_ALPHABET_GSM7_PACKED; /* "hello" packed: 3GPP TS 23.038, 6.1.2.1 */
	assert_submit(m, &p, HEAD "00 00 00 00 00 00 00 00 00 05 e8329bfd06");
	p.wire.text[0] = 0x05; /* e acute, 6.2.1 */
	p.wire.text[1] = 0x1b;
	p.wire.text[2] = 0x28; /* { */
	p.wire.text[3] = 0x10; /* capital delta: in no Latin-1 */
	m->alphabet = CONF_ALPHABET_LATIN1;
	assert_submit(m, &p, HEAD "00 00 00 00 00 00 00 03 00 04 e97b3f6f");
	m->alphabet = CONF_ALPHABET_ASCII;
	assert_submit(m, &p, HEAD "00 00 00 00 00 00 00 01 00 04 3f7b3f6f");
	p.flash = true; /* flash has no data_coding of its own there */
	assert_submit(m, &p, HEAD "00 00 00 00 00 00 00 10 00 05 051b28106f");
	free(m);
}

static void received_texts(void **state)
{
	static const struct {
		const char *why;
		enum conf_alphabet alphabet;
		uint8_t data_coding;
		const char *hex, *utf8;
	} v[] = {
		{ "GSM-7, one septet an octet", CONF_ALPHABET_GSM7_UNPACKED, 0x00, "00611b65", "@a\xe2\x82\xac" },
		{ "GSM-7 packed", CONF_ALPHABET_GSM7_PACKED, 0x00, "e8329bfd06", "hello" },
		{ "packed, eight septets", CONF_ALPHABET_GSM7_PACKED, 0x00, "31d98c56b3dd70", "12345678" },
		{ "packed, seven septets and no ghost", CONF_ALPHABET_GSM7_PACKED, 0x00, "31d98c56b3dd00", "1234567" },
		{ "the SMSC's default is Latin-1", CONF_ALPHABET_LATIN1, 0x00, "e961", "\xc3\xa9"
										       "a" },
		{ "ASCII", CONF_ALPHABET_GSM7_UNPACKED, 0x01, "4041", "@A" },
		{ "Latin-1", CONF_ALPHABET_GSM7_UNPACKED, 0x03, "e9", "\xc3\xa9" },
		{ "UCS-2", CONF_ALPHABET_GSM7_UNPACKED, 0x08, "0416d83dde00", "\xd0\x96\xf0\x9f\x98\x80" },
		{ "octets", CONF_ALPHABET_GSM7_UNPACKED, 0x04, "00ff1b", "00ff1b" },
		{ "octets, the other number", CONF_ALPHABET_GSM7_UNPACKED, 0x02, "a0", "a0" },
		{ "flash", CONF_ALPHABET_GSM7_UNPACKED, 0x10, "4100", "A@" },
		{ "flash in UCS-2", CONF_ALPHABET_GSM7_UNPACKED, 0x18, "0416", "\xd0\x96" },
		{ "class 0 by TP-DCS", CONF_ALPHABET_GSM7_UNPACKED, 0xf0, "00", "@" },
		{ "8 bit by TP-DCS", CONF_ALPHABET_GSM7_UNPACKED, 0xf5, "00", "00" },
		{ "an alphabet without a table", CONF_ALPHABET_GSM7_UNPACKED, 0x0e, "b0a1", "b0a1" },
		{ "nothing", CONF_ALPHABET_GSM7_PACKED, 0x00, "", "" },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		uint8_t in[64];
		char out[256];
		size_t n = from_hex(v[i].hex, in, sizeof(in));

		n = text_decode(v[i].alphabet, v[i].data_coding, in, n, 0, (struct gsm7_shift){ 0, 0 }, out, sizeof(out));
		if (n != strlen(v[i].utf8) || memcmp(out, v[i].utf8, n) != 0)
			fail_msg("%s: %.*s", v[i].why, (int)n, out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_have_their_ton_and_npi),
		cmocka_unit_test(receipts_validity_and_service_type),
		cmocka_unit_test(validity_periods),
		cmocka_unit_test(encodings),
		cmocka_unit_test(parts_of_a_long_message),
		cmocka_unit_test(other_alphabets),
		cmocka_unit_test(received_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
