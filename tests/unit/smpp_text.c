/* SPDX-License-Identifier: Apache-2.0 */
/* Parts as submit_sm, octet for octet, and texts of deliver_sm as UTF-8. */
#include <config.h>

#include "codec/udh.h"
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

	m->addresses.source_ton = m->addresses.source_npi = m->addresses.dest_ton = m->addresses.dest_npi = -1;
	m->registered_delivery = 1;
	m->validity_max_s = 63 * 86400;
	for (unsigned i = 0; i < 3; i++)
		m->out.data_coding[i] = -1;
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
	m->addresses.from_known = false;
	m->addresses.source_ton = 2;
	m->addresses.source_npi = 8;
	m->addresses.dest_ton = 0;
	m->addresses.dest_npi = 3;
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
	struct smpp *m = new_link();

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		char text[PDU_TIME_LEN + 1];

		smpp_validity(m, v[i].s, 0, 0, text);
		assert_string_equal(text, v[i].text);
	}
	free(m);
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
	p.wire.n_udh = 0; /* as a plan for sar_ TLVs leaves it */
	assert_submit(m, &p, HEAD "00 00 00 00 00 00 00 00 00 05 68656c6c6f 020c00021234 020e000103 020f000102");
	p.part = p.n_parts = 1; /* and one for message_payload */
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

/* A part of these septets, with a header. */
static struct part septets(const char *hex, const char *udh_hex)
{
	struct part p = hello();

	p.wire.n_text = (uint8_t)from_hex(hex, p.wire.text, sizeof(p.wire.text));
	p.wire.n_udh = (uint8_t)from_hex(udh_hex, p.wire.udh, sizeof(p.wire.udh));
	return p;
}

static void every_alphabet_sends_the_octets_of_its_document(void **state)
{
	static const struct {
		const char *why;
		enum conf_alphabet alphabet;
		const char *udh, *septets, *tail; /* esm_class to registered_delivery, then data_coding to the end */
	} v[] = {
#define PLAIN "00 00 00 00 00 00 00 "
#define UDHI  "40 00 00 00 00 00 00 "
		{ "unpacked: @ is octet 00 in the middle, sm_length rules", CONF_ALPHABET_GSM7_UNPACKED, "", "61 00 62",
			PLAIN "00 00 03 610062" },
		{ "unpacked: an escape pair is two octets", CONF_ALPHABET_GSM7_UNPACKED, "", "1b 65", PLAIN "00 00 02 1b65" },
		{ "unpacked behind a header: no fill bits", CONF_ALPHABET_GSM7_UNPACKED, "0500034e0201", "41",
			UDHI "00 00 07 0500034e0201 41" },
		/* 3GPP TS 23.038, 6.1.2.1; "hello" by hand: 1101000 1100101 1101100 1101100 1101111 */
		{ "packed", CONF_ALPHABET_GSM7_PACKED, "", "68 65 6c 6c 6f", PLAIN "00 00 05 e8329bfd06" },
		{ "packed: @ in the middle is seven zero bits", CONF_ALPHABET_GSM7_PACKED, "", "61 00 62",
			PLAIN "00 00 03 618018" },
		{ "packed: an escape pair", CONF_ALPHABET_GSM7_PACKED, "", "1b 65", PLAIN "00 00 02 9b32" },
		{ "packed: eight septets fill seven octets", CONF_ALPHABET_GSM7_PACKED, "", "31 32 33 34 35 36 37 38",
			PLAIN "00 00 07 31d98c56b3dd70" },
		{ "packed: seven leave seven bits, which hold a CR (23.038, 6.1.2.3.1)", CONF_ALPHABET_GSM7_PACKED, "",
			"31 32 33 34 35 36 37", PLAIN "00 00 07 31d98c56b3dd1a" },
		{ "packed behind 6 octets: one fill bit, A is 41 << 1 (23.040, 9.2.3.24)", CONF_ALPHABET_GSM7_PACKED,
			"050003cc0201", "41", UDHI "00 00 07 050003cc0201 82" },
		{ "packed behind 7 octets: no fill bit", CONF_ALPHABET_GSM7_PACKED, "06080400cc0201", "41",
			UDHI "00 00 08 06080400cc0201 41" },
		{ "packed behind 4 octets: three fill bits", CONF_ALPHABET_GSM7_PACKED, "03240101", "41",
			UDHI "00 00 06 03240101 0802" },
		{ "packed behind 6 octets: eight septets leave seven bits after the fill bit", CONF_ALPHABET_GSM7_PACKED,
			"050003cc0201", "31 32 33 34 35 36 37 38", UDHI "00 00 0e 050003cc0201 62b219ad66bbe11a" },
		{ "Latin-1: one octet each, escapes are gone", CONF_ALPHABET_LATIN1, "", "05 1b28 6f", PLAIN "03 00 03 e97b6f" },
		{ "Latin-1 behind a header", CONF_ALPHABET_LATIN1, "0500034e0201", "00 05", UDHI "03 00 08 0500034e0201 40e9" },
		{ "ASCII", CONF_ALPHABET_ASCII, "", "00 1b28 6f", PLAIN "01 00 03 407b6f" },
	};
	struct smpp *m = new_link();
	char hex[256];

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct part p = septets(v[i].septets, v[i].udh);

		snprintf(hex, sizeof(hex), HEAD "%s", v[i].tail);
		m->out.alphabet = v[i].alphabet;
		print_message("%s\n", v[i].why);
		assert_submit(m, &p, hex);
	}
	free(m);
}

static void full_parts_stay_within_their_octets(void **state)
{
	struct smpp *m = new_link();
	struct part p = hello();

	memset(p.wire.text, 0x41, sizeof(p.wire.text));
	m->out.alphabet = CONF_ALPHABET_GSM7_PACKED;
	for (unsigned n = 1; n <= 160; n++) {
		/* 3GPP TS 23.038, 6.1.2.1.1 */
		unsigned octets = (7 * n + 7) / 8;

		p.wire.n_text = (uint8_t)n;
		assert_int_equal(smpp_encode(m, &p, 1), PDU_HEADER + 32 + octets);
		assert_true(octets <= SEGMENT_MAX_OCTETS);
		/* Seven spare bits at the end are a CR, else the spare bits are zero. */
		assert_int_equal(m->pdu[PDU_HEADER + 31 + octets] >> (7 * n % 8 ? 7 * n % 8 : 8),
			n % 8 == 7 ? 0x0d : 0);
	}
	free(m);
}

/* Turkish, by the tables of 3GPP TS 23.038, A.3.1 and A.2.1: dotless i is 07 of the locking table, s with cedilla 1d
 * and 1b 73 with the single shift table. */
static void national_tables_go_with_a_header_even_alone(void **state)
{
	struct smpp *m = new_link();
	struct part p = septets("07 1d", "03250101");

	assert_submit(m, &p, HEAD UDHI "00 00 06 03250101 071d");
	/* three fill bits, 0000111, 0011101, and a CR in the seven left over */
	m->out.alphabet = CONF_ALPHABET_GSM7_PACKED;
	assert_submit(m, &p, HEAD UDHI "00 00 07 03250101 38741a");
	m->out.alphabet = CONF_ALPHABET_LATIN1; /* cut for another link: its letters would be other ones */
	assert_int_equal(smpp_encode(m, &p, 1), -EMSGSIZE);
	m->out.alphabet = CONF_ALPHABET_GSM7_UNPACKED;
	p = septets("1b 73", "080003cc0201240101");
	p.part = 1;
	p.n_parts = 2;
	assert_submit(m, &p, HEAD UDHI "00 00 0b 080003cc0201240101 1b73");
	free(m);
}

static void a_letter_is_never_replaced(void **state)
{
	struct smpp *m = new_link();
	struct part p = septets("10", ""); /* capital delta */

	m->out.alphabet = CONF_ALPHABET_LATIN1;
	assert_int_equal(smpp_encode(m, &p, 1), -EMSGSIZE);
	p = septets("05", ""); /* e acute */
	m->out.alphabet = CONF_ALPHABET_ASCII;
	assert_int_equal(smpp_encode(m, &p, 1), -EMSGSIZE);
	p = septets("", "");
	p.text = "\xc3\xa9";
	p.n_text = 2;
	assert_int_equal(smpp_encode(m, &p, 1), -EMSGSIZE);
	p.text = "\xd0\x96"; /* in no GSM alphabet of this message */
	m->out.alphabet = CONF_ALPHABET_GSM7_UNPACKED;
	assert_int_equal(smpp_encode(m, &p, 1), -EMSGSIZE);
	free(m);
}

static void flash_and_data_coding_as_the_link_says(void **state)
{
	static const struct {
		const char *why;
		enum conf_alphabet alphabet;
		enum conf_flash flash_as;
		int gsm7, ucs2, binary;
		enum encoding encoding;
		bool flash;
		const char *tail; /* data_coding to the end */
	} v[] = {
#define U CONF_ALPHABET_GSM7_UNPACKED
#define L CONF_ALPHABET_LATIN1
#define BIT CONF_FLASH_CLASS_BIT
#define GROUP CONF_FLASH_CLASS_GROUP
#define TLV CONF_FLASH_SUBUNIT
		/* SMPP 3.4, 5.2.19; 3GPP TS 23.038, 4; SMPP 3.4, 5.3.2.1 */
		{ "GSM-7", U, BIT, -1, -1, -1, ENC_GSM7, false, "00 00 02 4142" },
		{ "forced", U, BIT, 0xf1, -1, -1, ENC_GSM7, false, "f1 00 02 4142" },
		{ "flash by the class bit", U, BIT, -1, -1, -1, ENC_GSM7, true, "10 00 02 4142" },
		{ "flash by group 1111", U, GROUP, -1, -1, -1, ENC_GSM7, true, "f0 00 02 4142" },
		{ "flash by TLV: data_coding says the alphabet only", U, TLV, -1, -1, -1, ENC_GSM7, true,
			"00 00 02 4142 0005000101" },
		{ "a forced value is not of flash messages", U, BIT, 0xf1, -1, -1, ENC_GSM7, true, "10 00 02 4142" },
		{ "but where a TLV tells them", U, TLV, 0xf1, -1, -1, ENC_GSM7, true, "f1 00 02 4142 0005000101" },
		{ "UCS-2", U, BIT, -1, -1, -1, ENC_UCS2, false, "08 00 02 4142" },
		{ "forced to 18", U, BIT, -1, 0x18, -1, ENC_UCS2, false, "18 00 02 4142" },
		{ "forced to 19", U, BIT, -1, 0x19, -1, ENC_UCS2, false, "19 00 02 4142" },
		{ "flash", U, BIT, -1, 0x19, -1, ENC_UCS2, true, "18 00 02 4142" },
		{ "group 1111 has no UCS-2", U, GROUP, -1, -1, -1, ENC_UCS2, true, "18 00 02 4142" },
		{ "flash by TLV", U, TLV, -1, 0x19, -1, ENC_UCS2, true, "19 00 02 4142 0005000101" },
		{ "octets", U, BIT, -1, -1, -1, ENC_BINARY, false, "04 00 02 4142" },
		{ "forced to 2", U, BIT, -1, -1, 0x02, ENC_BINARY, false, "02 00 02 4142" },
		{ "forced to f5", U, BIT, -1, -1, 0xf5, ENC_BINARY, false, "f5 00 02 4142" },
		{ "flash", U, BIT, -1, -1, 0xf5, ENC_BINARY, true, "14 00 02 4142" },
		{ "flash by group 1111", U, GROUP, -1, -1, -1, ENC_BINARY, true, "f4 00 02 4142" },
		{ "Latin-1 as data_coding 0", L, BIT, 0, -1, -1, ENC_GSM7, false, "00 00 02 4142" },
		{ "flash has no data_coding of Latin-1", L, BIT, -1, -1, -1, ENC_GSM7, true, "10 00 02 4142" },
		{ "but by TLV it stays Latin-1", L, TLV, -1, -1, -1, ENC_GSM7, true, "03 00 02 4142 0005000101" },
#undef U
#undef L
#undef BIT
#undef GROUP
#undef TLV
	};
	struct smpp *m = new_link();
	char hex[256];

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct part p = septets("41 42", "");

		m->out = (struct text_out){ v[i].alphabet, v[i].flash_as, { v[i].gsm7, v[i].ucs2, v[i].binary } };
		p.encoding = v[i].encoding;
		p.flash = v[i].flash;
		snprintf(hex, sizeof(hex), HEAD PLAIN "%s", v[i].tail);
		print_message("%s\n", v[i].why);
		assert_submit(m, &p, hex);
		/* The same in one piece. */
		p.text = v[i].encoding == ENC_BINARY ? "\0" "AB" : v[i].encoding == ENC_UCS2 ? "\xe4\x85\x82" : "AB";
		p.n_text = v[i].encoding == ENC_GSM7 ? 2 : 3;
		p.wire.n_text = 0;
		assert_submit(m, &p, hex);
	}
	free(m);
}

static void a_header_takes_the_concatenation_that_tlvs_must_not(void **state)
{
	struct smpp *m = new_link();
	struct part p = septets("00 ff 10", "0605040b8423f0");

	p.encoding = ENC_BINARY;
	p.part = 2;
	p.n_parts = 3;
	p.ref = 0x1234;
	assert_submit(m, &p, HEAD UDHI "04 00 0f 0b05040b8423f0 0003340302 00ff10");
	p.wire.n_udh = (uint8_t)from_hex("050003340302", p.wire.udh, sizeof(p.wire.udh)); /* it has one */
	assert_submit(m, &p, HEAD UDHI "04 00 09 050003340302 00ff10");
	p.wire.n_udh = 0;
	assert_submit(m, &p, HEAD PLAIN "04 00 03 00ff10 020c00021234 020e000103 020f000102");
	/* More than the plan would ever give. */
	p = septets("", "0605040b8423f0");
	p.encoding = ENC_BINARY;
	p.n_parts = 2;
	p.wire.n_text = 128;
	assert_int_equal(smpp_encode(m, &p, 1), PDU_HEADER + 32 + 140);
	p.wire.n_text = 129;
	assert_int_equal(smpp_encode(m, &p, 1), -EMSGSIZE);
	free(m);
}

static void one_piece_goes_as_short_message_while_one_part_holds_it(void **state)
{
	static const struct {
		const char *why;
		enum conf_alphabet alphabet;
		enum encoding encoding;
		const char *unit;
		unsigned fits, octets; /* so many units fit a part; octets of a unit in message_payload, times 8 */
	} v[] = {
		{ "160 septets", CONF_ALPHABET_GSM7_UNPACKED, ENC_GSM7, "a", 160, 8 },
		{ "80 escape pairs", CONF_ALPHABET_GSM7_UNPACKED, ENC_GSM7, "[", 80, 16 },
		{ "160 packed", CONF_ALPHABET_GSM7_PACKED, ENC_GSM7, "a", 160, 7 },
		{ "Latin-1 is counted in septets too: the carrier turns it into them", CONF_ALPHABET_LATIN1, ENC_GSM7, "[",
			80, 8 },
		{ "and letters are one each", CONF_ALPHABET_LATIN1, ENC_GSM7, "\xc3\xa9", 160, 8 },
		{ "70 units", CONF_ALPHABET_GSM7_UNPACKED, ENC_UCS2, "\xd0\x96", 70, 16 },
		{ "35 pairs", CONF_ALPHABET_GSM7_UNPACKED, ENC_UCS2, "\xf0\x9f\x98\x80", 35, 32 },
	};
	struct smpp *m = new_link();

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct part p = septets("", "");
		char text[1024];
		size_t n = strlen(v[i].unit);
		unsigned octets;

		p.encoding = v[i].encoding;
		p.text = text;
		m->out.alphabet = v[i].alphabet;
		for (unsigned k = 0; k <= v[i].fits; k++)
			memcpy(text + k * n, v[i].unit, n);
		print_message("%s\n", v[i].why);
		p.n_text = (uint32_t)(v[i].fits * n);
		octets = (v[i].fits * v[i].octets + 7) / 8;
		assert_int_equal(smpp_encode(m, &p, 1), PDU_HEADER + 32 + octets);
		assert_int_equal(m->pdu[PDU_HEADER + 31], octets); /* sm_length */
		p.n_text += (uint32_t)n;
		octets = ((v[i].fits + 1) * v[i].octets + 7) / 8;
		assert_int_equal(smpp_encode(m, &p, 1), PDU_HEADER + 32 + 4 + octets);
		assert_int_equal(m->pdu[PDU_HEADER + 31], 0);
		assert_memory_equal(m->pdu + PDU_HEADER + 32, "\x04\x24\0", 3); /* SMPP 3.4, 5.3.2.32 */
		assert_int_equal(m->pdu[PDU_HEADER + 35], octets);
	}
	free(m);
}

static void received_texts(void **state)
{
#define U CONF_ALPHABET_GSM7_UNPACKED
#define P CONF_ALPHABET_GSM7_PACKED
#define L CONF_ALPHABET_LATIN1
#define A CONF_ALPHABET_ASCII
	static const struct {
		const char *why;
		enum conf_alphabet alphabet;
		uint8_t data_coding;
		const char *udh, *hex, *utf8;
	} v[] = {
		{ "GSM-7, one septet an octet", U, 0x00, "", "00611b65", "@a€" },
		{ "an octet with bit 7 is no septet: the link's alphabet is wrong", U, 0x00, "", "41e942", "A\ufffd" "B" },
		{ "behind an escape as well", U, 0x00, "", "1be9", " \ufffd" },
		{ "a lone escape at the end", U, 0x00, "", "411b", "A " },
		{ "GSM-7 packed", P, 0x00, "", "e8329bfd06", "hello" },
		{ "packed, eight septets", P, 0x00, "", "31d98c56b3dd70", "12345678" },
		{ "packed, seven septets and no ghost", P, 0x00, "", "31d98c56b3dd00", "1234567" },
		{ "packed, seven septets and a CR", P, 0x00, "", "31d98c56b3dd1a", "1234567" },
		{ "packed behind a header of 6: a fill bit", P, 0x00, "050003cc0201", "82", "A" },
		{ "packed behind a header of 7: none", P, 0x00, "06080400cc0201", "41", "A" },
		{ "packed, class 0", P, 0xf0, "", "9b32", "€" },
		{ "the SMSC's default is Latin-1", L, 0x00, "", "e961", "éa" },
		{ "the SMSC's default is ASCII", A, 0x00, "", "4061", "@a" },
		{ "but GSM-7 by TP-DCS is GSM-7", L, 0x10, "", "0061", "@a" },
		{ "ASCII", U, 0x01, "", "4041", "@A" },
		{ "ASCII with accents is Latin-1", U, 0x01, "", "e9", "é" },
		{ "Latin-1", U, 0x03, "", "e9", "é" },
		{ "a NUL that was counted", U, 0x03, "", "414200", "AB" },
		{ "a NUL in the middle", U, 0x03, "", "410042", "A\ufffd" "B" },
		{ "Cyrillic: ISO-8859-5", U, 0x06, "", "bfe0d8d2d5e2", "Привет" },
		{ "Hebrew: ISO-8859-8", U, 0x07, "", "f9ece5ed", "שלום" },
		{ "no letter of it", U, 0x07, "", "41a1", "A\ufffd" },
		/* JIS X 0208: row 4 and 5 are kana, 3441 and 3b7a kanji; the same in EUC-JP, Shift_JIS, ISO-2022-JP */
		{ "JIS X 0208 as pairs", U, 0x05, "", "34413b7a2422", "漢字あ" },
		{ "EUC-JP", U, 0x05, "", "b4c1bbfaa4a241", "漢字あA" },
		{ "Shift_JIS", U, 0x05, "", "8abf8e9a82a041", "漢字あA" },
		{ "plain letters with a blank are no pairs", U, 0x05, "", "4869204d", "Hi M" },
		{ "ISO-2022-JP", U, 0x0a, "", "41 1b2442 34413b7a 1b2842 42", "A漢字B" },
		{ "JIS X 0212 as pairs: row 16", U, 0x0d, "", "3021", "丂" },
		{ "the same in EUC-JP", U, 0x0d, "", "8fb0a1", "丂" },
		{ "KS C 5601", U, 0x0e, "", "c7d1b1db41", "한글A" },
		{ "half a Korean letter", U, 0x0e, "", "c7d1b1", "한\ufffd" },
		{ "UCS-2", U, 0x08, "", "0416d83dde00", "Ж😀" },
		{ "UCS-2, little endian by its mark", U, 0x08, "", "fffe1604", "Ж" },
		{ "UCS-2, cut inside a letter", U, 0x08, "", "041604", "Ж\ufffd" },
		{ "UCS-2, half a pair", U, 0x08, "", "d83d0041", "\ufffd" "A" },
		{ "UCS-2, a NUL at the end", U, 0x08, "", "04160000", "Ж" },
		{ "octets", U, 0x04, "", "00ff1b", "00ff1b" },
		{ "octets, the other number", U, 0x02, "", "a0", "a0" },
		{ "pictograms", U, 0x09, "", "f89f", "f89f" },
		{ "reserved in SMPP: not read as TP-DCS", U, 0x0c, "", "4100", "4100" },
		{ "flash", U, 0x10, "", "4100", "A@" },
		{ "class 1, 8 bit", U, 0x15, "", "4100", "4100" },
		{ "flash in UCS-2", U, 0x18, "", "0416", "Ж" },
		{ "class 1 in UCS-2", U, 0x19, "", "0416", "Ж" },
		{ "compressed: octets", U, 0x20, "", "4100", "4100" },
		{ "to be deleted, UCS-2", U, 0x48, "", "0416", "Ж" },
		{ "reserved group: GSM-7", U, 0x80, "", "00", "@" },
		{ "voicemail, discard", U, 0xc8, "", "00", "@" },
		{ "voicemail, store", U, 0xd8, "", "00", "@" },
		{ "voicemail in UCS-2", U, 0xe8, "", "0416", "Ж" },
		{ "class 0 by TP-DCS", U, 0xf0, "", "00", "@" },
		{ "8 bit by TP-DCS", U, 0xf5, "", "00", "00" },
		{ "nothing", P, 0x00, "", "", "" },
		{ "nothing behind a header", P, 0x00, "050003cc0201", "", "" },
		/* 3GPP TS 23.038, A.3.1, A.2.1: Turkish */
		{ "Turkish, locking", U, 0x00, "03250101", "071d", "ış" },
		{ "Turkish, single", U, 0x00, "03240101", "1b731b69", "şı" },
		{ "Turkish, packed behind three fill bits", P, 0x00, "03250101", "387400", "ış" },
		{ "a language nobody knows: the default table", U, 0x00, "03250163", "0700", "ì@" },
		{ "an element of no length is none", U, 0x00, "022500", "07", "ì" },
	};
	struct text_in in = { .charsets = charsets_new() };

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		uint8_t octets[64], udh[64];
		char out[TEXT_UTF8_MAX(64)];
		size_t n = from_hex(v[i].hex, octets, sizeof(octets)), n_udh = from_hex(v[i].udh, udh, sizeof(udh));
		struct gsm7_shift shift = { 0, 0 };

		if (n_udh)
			udh_find_shift(udh, n_udh, &shift);
		in.alphabet = v[i].alphabet;
		n = text_decode(&in, v[i].data_coding, octets, n, n_udh, shift, out, sizeof(out));
		if (n != strlen(v[i].utf8) || memcmp(out, v[i].utf8, n) != 0)
			fail_msg("%s: %.*s", v[i].why, (int)n, out);
	}
	charsets_free(in.charsets);
#undef U
#undef P
#undef L
#undef A
}

/* The septets lie in the room that the letters go to (text.c). */
static void long_packed_texts_are_read_whole(void **state)
{
	enum { N = 7000 };
	struct text_in in = { CONF_ALPHABET_GSM7_PACKED, NULL };
	uint8_t *octets = malloc(N);
	char *out = malloc(TEXT_UTF8_MAX(N));
	struct gsm7_shift urdu = { 13, 13 };
	size_t n;

	for (size_t i = 0; i < N; i++)
		octets[i] = (uint8_t[]){ 0x31, 0xd9, 0x8c, 0x56, 0xb3, 0xdd, 0x70 }[i % 7];
	n = text_decode(&in, 0, octets, N, 0, (struct gsm7_shift){ 0, 0 }, out, TEXT_UTF8_MAX(N));
	assert_int_equal(n, N / 7 * 8);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(out[i], '1' + (int)(i % 8));
	/* Escape pairs across all the borders there could be, of the table with the longest letters. */
	memset(octets, 0xff, N);
	n = text_decode(&in, 0, octets, N, 0, urdu, out, TEXT_UTF8_MAX(N));
	assert_true(n > 0 && n <= TEXT_UTF8_MAX(N));
	free(octets);
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_have_their_ton_and_npi),
		cmocka_unit_test(receipts_validity_and_service_type),
		cmocka_unit_test(validity_periods),
		cmocka_unit_test(encodings),
		cmocka_unit_test(parts_of_a_long_message),
		cmocka_unit_test(every_alphabet_sends_the_octets_of_its_document),
		cmocka_unit_test(full_parts_stay_within_their_octets),
		cmocka_unit_test(national_tables_go_with_a_header_even_alone),
		cmocka_unit_test(a_letter_is_never_replaced),
		cmocka_unit_test(flash_and_data_coding_as_the_link_says),
		cmocka_unit_test(a_header_takes_the_concatenation_that_tlvs_must_not),
		cmocka_unit_test(one_piece_goes_as_short_message_while_one_part_holds_it),
		cmocka_unit_test(received_texts),
		cmocka_unit_test(long_packed_texts_are_read_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
