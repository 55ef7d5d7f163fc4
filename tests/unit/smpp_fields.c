/* SPDX-License-Identifier: Apache-2.0 */
/* What a link's settings make of a part, octet for octet: addresses, TLVs, and the small fields of submit_sm (SMPP 3.4,
 * 4.4.1).  Every octet expected here was written by hand. */
#include <config.h>

#include "base/conf.h"
#include "smpp/smpp.h"
#include "tests/unit/codec_hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct smpp *open_link(const char *settings)
{
	struct smpp *m = calloc(1, sizeof(*m));
	char text[2048], err[512] = "";
	struct conf *c;

	snprintf(text, sizeof(text), "links = ( { name = \"a\"; driver = \"smpp\"; host = \"h\"; %s } );", settings);
	if (conf_load_string(text, "t.conf", &c, err, sizeof(err)) < 0)
		fail_msg("%s", err);
	assert_int_equal(smpp_settings(m, &c->links[0]), 0);
	conf_free(c); /* as after a reload: nothing of it may be needed any more */
	return m;
}

static void close_link(struct smpp *m)
{
	smpp_settings_done(m);
	free(m);
}

static struct part hello(void)
{
	struct part p = { .key = 0x12345601, .to = 12025550142, .from = "Shop", .part = 1, .n_parts = 1,
		.encoding = ENC_GSM7, .class = CLASS_SERVICE };

	memcpy(p.wire.text, "hello", 5);
	p.wire.n_text = 5;
	return p;
}

static void assert_submit(struct smpp *m, const struct part *p, const char *why, const char *body_hex)
{
	uint8_t want[512];
	size_t n = from_hex(body_hex, want, sizeof(want));
	int r = smpp_encode(m, p, 1);

	if (r != (int)(PDU_HEADER + n))
		fail_msg("%s: %d octets instead of %zu", why, r, PDU_HEADER + n);
	for (size_t i = 0; i < n; i++)
		if (m->pdu[PDU_HEADER + i] != want[i])
			fail_msg("%s: octet %zu of the body is %02x instead of %02x", why, i, m->pdu[PDU_HEADER + i], want[i]);
}

#define SHOP "05 00 53686f7000 "
#define TO   "01 01 313230323535353031343200 "

/* ---- the small fields ---- */

static void small_fields(void **state)
{
	/* Between the addresses and the text: esm_class, protocol_id, priority_flag, schedule_delivery_time,
	 * validity_period, registered_delivery, replace_if_present_flag, data_coding, sm_default_msg_id; TLVs behind
	 * the text. */
	static const struct {
		const char *settings, *fields, *tlvs;
	} v[] = {
		{ "", "00 00 00 00 00 01 00 00 00", "" },
		{ "protocol_id = 0x41;", "00 41 00 00 00 01 00 00 00", "" },
		{ "priority_service = 2; priority_otp = 3;", "00 00 02 00 00 01 00 00 00", "" },
		{ "registered_delivery = \"failure\";", "00 00 00 00 00 02 00 00 00", "" },
		{ "registered_delivery = \"success\";", "00 00 00 00 00 03 00 00 00", "" },
		{ "intermediate = true;", "00 00 00 00 00 11 00 00 00", "" },
		{ "registered_delivery = \"failure\"; intermediate = true;", "00 00 00 00 00 12 00 00 00", "" },
		{ "replace_if_present = true;", "00 00 00 00 00 01 01 00 00", "" },
		{ "message_mode = \"datagram\";", "01 00 00 00 00 01 00 00 00", "" },
		{ "message_mode = \"forward\";", "02 00 00 00 00 01 00 00 00", "" },
		{ "message_mode = \"store-and-forward\";", "03 00 00 00 00 01 00 00 00", "" },
		/* 0204; of message 0x123456, part 1 */
		{ "user_message_reference = true;", "00 00 00 00 00 01 00 00 00", "0204 0002 3457" },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct smpp *m = open_link(v[i].settings);
		struct part p = hello();
		char hex[256];

		p.want_receipt = true;
		snprintf(hex, sizeof(hex), "00 " SHOP TO "%s 05 68656c6c6f %s", v[i].fields, v[i].tlvs);
		assert_submit(m, &p, v[i].settings, hex);
		close_link(m);
	}
}

static void priority_is_of_the_class(void **state)
{
	struct smpp *m = open_link("priority_otp = 3; priority_service = 2; priority_marketing = 1;");
	struct part p = hello();

	p.class = CLASS_OTP;
	assert_submit(m, &p, "otp", "00 " SHOP TO "00 00 03 00 00 00 00 00 00 05 68656c6c6f");
	p.class = CLASS_MARKETING;
	assert_submit(m, &p, "marketing", "00 " SHOP TO "00 00 01 00 00 00 00 00 00 05 68656c6c6f");
	close_link(m);
}

static void parts_do_not_replace_each_other(void **state)
{
	struct smpp *m = open_link("replace_if_present = true; message_mode = \"forward\";");
	struct part p = hello();

	p.n_parts = 2;
	p.wire.n_udh = 6;
	memcpy(p.wire.udh, "\5\0\3\7\2\1", 6);
	assert_submit(m, &p, "the mode stands beside the header's bit", "00 " SHOP TO "42 00 00 00 00 00 00 00 00 "
		"0b 050003070201 68656c6c6f");
	close_link(m);
}

static void a_part_keeps_its_number(void **state)
{
	struct smpp *m = open_link("user_message_reference = true;");
	struct part p = hello();
	uint8_t first[2];

	for (int i = 0; i < 2; i++) {
		int n = smpp_encode(m, &p, (uint32_t)i + 1);

		assert_true(n > 0);
		if (i == 0)
			memcpy(first, m->pdu + n - 2, 2);
		assert_memory_equal(first, m->pdu + n - 2, 2);
	}
	p.key++; /* the next part */
	assert_memory_not_equal(first, m->pdu + smpp_encode(m, &p, 3) - 2, 2);
	close_link(m);
}

static void validity(void **state)
{
	static const struct {
		const char *settings;
		uint32_t s;
		const char *text;
	} v[] = {
		{ "", 0, "" },
		{ "", 90061, "000001010101000R" },
		{ "validity_max = 3600;", 90061, "000000010000000R" },
		{ "validity_max = 31622400;", 31622400, "001206000000000R" }, /* 366 days are 12 months of 30 and 6 */
		{ "validity = \"none\";", 90061, "" },
		/* From 2026-02-28T23:59:59Z: the day after is in March. */
		{ "validity = \"absolute\";", 1, "260301000000000+" },
		{ "validity = \"absolute\";", 90061, "260302010100000+" },
		{ "validity = \"absolute\"; validity_max = 60;", 90061, "260301000059000+" },
		{ "validity = \"absolute\";", 0, "" },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct smpp *m = open_link(v[i].settings);
		char text[PDU_TIME_LEN + 1];

		smpp_validity(m, v[i].s, INT64_C(1772323199999), text);
		assert_string_equal(text, v[i].text);
		close_link(m);
	}
}

/* ---- addresses ---- */

static const char *const us = "sender_rules = ( { match = \"alphanumeric\"; to = [ \"1\", \"52\" ]; rewrite = \"12345\"; "
			      "ton = 6; npi = 1; }, { match = \"short\"; ton = 0; }, { match = \"44\"; strip = \"44\"; "
			      "add = \"0\"; ton = 2; } );";

static void senders(void **state)
{
	static const struct {
		const char *why, *settings, *from;
		uint64_t to;
		const char *hex;
	} v[] = {
		{ "none: letters", "", "Shop", 12025550142, "05 00 53686f7000" },
		{ "none: a number", "", "447700900123", 12025550142, "01 01 34343737303039303031323300" },
		{ "none: a short code", "", "12345", 12025550142, "03 00 313233343500" },
		{ "none: no sender", "", "", 12025550142, "00 00 00" },
		{ "forced for all", "source_ton = 2; source_npi = 8;", "Shop", 12025550142, "02 08 53686f7000" },
		{ "letters are rewritten for +1", us, "Shop", 12025550142, "06 01 313233343500" },
		{ "and for +52", us, "Shop", 525512345678, "06 01 313233343500" },
		{ "but not for +44", us, "Shop", 447700900123, "05 00 53686f7000" },
		{ "the second rule: short codes", us, "777", 12025550142, "00 00 37373700" },
		{ "the third: own country, national", us, "447700900123", 12025550142, "02 01 303737303039303031323300" },
		{ "no rule: another country", us, "491711234567", 12025550142, "01 01 34393137313132333435363700" },
		{ "digits of a rule are those of short codes, too", us, "4466", 12025550142, "00 00 3434363600" },
		{ "a rule's TON wins over the link's", "source_ton = 2; source_npi = 8; sender_rules = ( { ton = 4; } );", "Shop",
			12025550142, "04 08 53686f7000" },
		{ "a rewritten sender is known by what it is", "sender_rules = ( { rewrite = \"+447700900123\"; } );", "Shop",
			12025550142, "01 01 34343737303039303031323300" },
		{ "no sender at all can be rewritten", "sender_rules = ( { rewrite = \"Corp\"; } );", "", 12025550142,
			"05 00 436f727000" },
		{ "the first rule that matches, without effect, ends it",
			"sender_rules = ( { match = \"short\"; }, { rewrite = \"Corp\"; } );", "777", 12025550142, "03 00 37373700" },
		{ "add without strip", "sender_rules = ( { match = \"number\"; add = \"00\"; ton = 0; } );", "491711234567",
			12025550142, "00 01 3030343931373131323334353637 00" },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct smpp *m = open_link(v[i].settings);
		struct part p = hello();
		char hex[512], dest[64] = "";
		uint64_t to = v[i].to;

		for (; to; to /= 10) {
			memmove(dest + 2, dest, strlen(dest) + 1);
			memcpy(dest, (char[]){ '3', (char)('0' + to % 10) }, 2);
		}
		p.from = v[i].from;
		p.to = v[i].to;
		snprintf(hex, sizeof(hex), "00 %s 01 01 %s00 00 00 00 00 00 00 00 00 00 05 68656c6c6f", v[i].hex, dest);
		assert_submit(m, &p, v[i].why, hex);
		assert_submit(m, &p, v[i].why, hex); /* and again, from what is remembered of the sender */
		close_link(m);
	}
}

static void the_sender_is_remembered_but_not_the_rule(void **state)
{
	struct smpp *m = open_link(us);

	assert_string_equal(address_source(&m->addresses, "Shop", 12025550142)->text, "12345");
	assert_string_equal(address_source(&m->addresses, "Shop", 447700900123)->text, "Shop");
	assert_string_equal(address_source(&m->addresses, "Shop", 12025550142)->text, "12345");
	assert_string_equal(address_source(&m->addresses, "447700900123", 12025550142)->text, "07700900123");
	assert_string_equal(address_source(&m->addresses, "Shop", 447700900123)->text, "Shop");
	close_link(m);
}

static void recipients(void **state)
{
	static const char *const gb = "dest_rules = ( { prefix = [ \"44\" ]; strip = \"44\"; add = \"0\"; ton = 2; }, "
				      "{ prefix = [ \"1\", \"7\" ]; npi = 8; }, { add = \"00\"; ton = 0; npi = 0; } );";
	static const struct {
		const char *why, *settings;
		uint64_t to;
		const char *hex;
	} v[] = {
		{ "none", "", 12025550142, "01 01 313230323535353031343200" },
		{ "forced", "dest_ton = 2; dest_npi = 3;", 12025550142, "02 03 313230323535353031343200" },
		{ "national", NULL, 447700900123, "02 01 303737303039303031323300" },
		{ "the second", NULL, 12025550142, "01 08 313230323535353031343200" },
		{ "the rest", NULL, 491711234567, "00 00 303034393137313132333435363700" },
		{ "the longest number and the longest addition fill the field", "dest_rules = ( { add = \"12345\"; } );",
			999999999999999, "01 01 3132333435393939393939393939393939393939 00" },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct smpp *m = open_link(v[i].settings ? v[i].settings : gb);
		struct part p = hello();
		char hex[512];

		p.to = v[i].to;
		snprintf(hex, sizeof(hex), "00 " SHOP "%s 00 00 00 00 00 00 00 00 00 05 68656c6c6f", v[i].hex);
		assert_submit(m, &p, v[i].why, hex);
		close_link(m);
	}
}

/* ---- TLVs ---- */

static const char *const dlt = "tlvs = ( { tag = 0x1400; name = \"pe_id\"; value = \"11\"; }, "
			       "{ tag = 0x1401; name = \"template_id\"; type = \"cstring\"; }, "
			       "{ tag = 0x1402; type = \"int16\"; value = \"0x102\"; }, "
			       "{ tag = 0x1403; name = \"n\"; type = \"int32\"; }, "
			       "{ tag = 0x1404; name = \"h\"; type = \"hex\"; }, { tag = 0x0019; type = \"int8\"; value = \"1\"; } );";

static void tlvs(void **state)
{
	static const struct {
		const char *why;
		const char *given[6];
		const char *hex;
	} v[] = {
		{ "the link's own values alone", { NULL }, "1400 0002 3131 1402 0002 0102 0019 0001 01" },
		{ "the message's win", { "pe_id", "2", NULL }, "1400 0001 32 1402 0002 0102 0019 0001 01" },
		{ "in the order of the link, each type", { "h", "00ff", "n", "66051", "template_id", "abc" },
			"1400 0002 3131 1401 0004 61626300 1402 0002 0102 1403 0004 00010203 1404 0002 00ff 0019 0001 01" },
		{ "a name that the link does not declare", { "other", "1", NULL }, "1400 0002 3131 1402 0002 0102 0019 0001 01" },
		{ "a value that does not fit any more", { "n", "x", NULL }, "1400 0002 3131 1402 0002 0102 0019 0001 01" },
		{ "an empty value is one", { "pe_id", "", NULL }, "1400 0000 1402 0002 0102 0019 0001 01" },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct smpp *m = open_link(dlt);
		struct part p = hello();
		uint8_t list[MSG_TLVS_MAX];
		size_t n = 0;
		char hex[512];

		for (unsigned k = 0; k < 6 && v[i].given[k]; k += 2) {
			const char *value = v[i].given[k + 1];

			assert_int_equal(msg_tlv_add(list, &n, v[i].given[k], value, strlen(value)), 0);
		}
		p.tlvs = list;
		p.n_tlvs = (uint16_t)n;
		snprintf(hex, sizeof(hex), "00 " SHOP TO "00 00 00 00 00 00 00 00 00 05 68656c6c6f %s", v[i].hex);
		assert_submit(m, &p, v[i].why, hex);
		close_link(m);
	}
}

static void tlvs_stand_behind_the_drivers_own_on_every_part(void **state)
{
	struct smpp *m = open_link("concat = \"sar\"; flash = \"subunit\"; user_message_reference = true; "
				   "tlvs = ( { tag = 0x1400; value = \"a\"; } );");
	struct part p = hello();

	p.flash = true;
	p.n_parts = 2;
	p.ref = 0x1234;
	assert_submit(m, &p, "first", "00 " SHOP TO "00 00 00 00 00 00 00 00 00 05 68656c6c6f 0204 0002 3457 0005 0001 01 "
		"020c 0002 1234 020e 0001 02 020f 0001 01 1400 0001 61");
	p.part = 2;
	p.key++;
	assert_submit(m, &p, "second", "00 " SHOP TO "00 00 00 00 00 00 00 00 00 05 68656c6c6f 0204 0002 3458 0005 0001 01 "
		"020c 0002 1234 020e 0001 02 020f 0001 02 1400 0001 61");
	close_link(m);
}

/* 16 TLVs of 255 octets behind the longest text: the buffer is made for it. */
/* UTF-8 is what no SMSC expects in an address; it may not be cut within a letter. */
static void senders_of_letters_are_in_the_alphabet_of_the_link(void **state)
{
	static const struct {
		const char *why, *settings, *from, *hex;
	} v[] = {
		{ "Latin-1", "", "Zürich_1", "05 00 5afc726963685f3100" },
		{ "eleven letters", "", "ÄÖÜÑäöüñàéù", "05 00 c4d6dcd1e4f6fcf1e0e9f900" },
		{ "a letter that Latin-1 lacks: as it is", "", "Ω1", "05 00 cea93100" },
		{ "ASCII", "", "A_[$", "05 00 415f5b2400" },
		{ "by the octets of the GSM alphabet", "sender_alphabet = \"gsm7\";", "Zürich_1", "05 00 5a7e726963681131 00" },
		{ "an extension takes two", "sender_alphabet = \"gsm7\";", "[Ω]", "05 00 1b3c151b3e00" },
		{ "no C-string holds @ there", "sender_alphabet = \"gsm7\";", "a@b", "05 00 61406200" },
		{ "a number", "sender_alphabet = \"gsm7\";", "12025550142", "01 01 313230323535353031343200" },
		{ "a name whose TON is forced", "source_ton = 0;", "Zürich", "00 00 5afc7269636800" },
		{ "a rewritten one", "sender_rules = ({ rewrite = \"A_B\"; });sender_alphabet = \"gsm7\";", "x", "05 00 41114200" },
		{ "UTF-8", "sender_alphabet = \"utf8\";", "Zürich", "05 00 5ac3bc7269636800" },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct smpp *m = open_link(v[i].settings);
		struct part p = hello();
		char hex[256];

		p.from = v[i].from;
		snprintf(hex, sizeof(hex), "00 %s " TO "00 00 00 00 00 00 00 00 00 05 68656c6c6f", v[i].hex);
		assert_submit(m, &p, v[i].why, hex);
		close_link(m);
	}
}

static void names_are_read_in_the_alphabet_of_the_link(void **state)
{
	static const struct {
		enum conf_sender_alphabet alphabet;
		const char *octets, *name;
	} v[] = {
		{ CONF_SENDER_LATIN1, "Z\xfcrich", "Zürich" },
		{ CONF_SENDER_LATIN1, "Zürich", "Zürich" },
		{ CONF_SENDER_UTF8, "Z\xfcrich", "Zürich" },
		{ CONF_SENDER_GSM7, "Z~rich\x11", "Zürich_" },
		{ CONF_SENDER_GSM7, "\x1b\x3c", "[" },
		{ CONF_SENDER_LATIN1, "", "" },
	};
	char name[PDU_ADDRESS_MAX * 4];

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		address_name(v[i].alphabet, v[i].octets, strlen(v[i].octets), name, sizeof(name));
		assert_string_equal(name, v[i].name);
	}
	for (int a = CONF_SENDER_LATIN1; a <= CONF_SENDER_UTF8; a++) { /* an address as long as a PDU */
		char octets[300];

		memset(octets, 0xfc, sizeof(octets));
		address_name((enum conf_sender_alphabet)a, octets, sizeof(octets), name, sizeof(name));
		assert_true(strlen(name) < sizeof(name));
	}
}

static void as_many_tlvs_as_there_may_be(void **state)
{
	static char none[1];
	struct smpp *m = calloc(1, sizeof(*m));
	struct conf_tlv tlv[CONF_TLVS_MAX];
	struct conf_link c = { .service_type = none, .source_ton = -1, .source_npi = -1, .dest_ton = -1, .dest_npi = -1,
		.data_coding_gsm7 = -1, .data_coding_ucs2 = -1, .data_coding_binary = -1, .tlvs = tlv,
		.n_tlvs = CONF_TLVS_MAX };
	static char value[256], text[10000];
	struct part p = hello();

	memset(value, 'a', 255);
	memset(text, 'b', sizeof(text));
	for (unsigned i = 0; i < CONF_TLVS_MAX; i++)
		tlv[i] = (struct conf_tlv){ .name = none, .tag = 0x1400 + i, .value = value, .max = 255 };
	assert_int_equal(smpp_settings(m, &c), 0);
	p.wire.n_text = 0;
	p.text = text;
	p.n_text = sizeof(text);
	assert_int_equal(smpp_encode(m, &p, 1), PDU_HEADER + 1 + 7 + 14 + 10 + 4 + 10000 + 16 * 259);
	close_link(m);
}

/* What is stored may be damaged; it is read within its bounds. */
static void damaged_lists_end_early(void **state)
{
	static const char *const lists[] = { "", "05", "0561", "01610000ff", "0161ffff61", "ff" };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		uint8_t octets[16], *exact;
		struct msg_tlv v;
		size_t n = from_hex(lists[i], octets, sizeof(octets)), at = 0;

		exact = malloc(n + 1);
		memcpy(exact, octets, n);
		while (msg_tlv_next(exact, n, &at, &v))
			assert_true(at <= n);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_fields),
		cmocka_unit_test(priority_is_of_the_class),
		cmocka_unit_test(parts_do_not_replace_each_other),
		cmocka_unit_test(a_part_keeps_its_number),
		cmocka_unit_test(validity),
		cmocka_unit_test(senders),
		cmocka_unit_test(the_sender_is_remembered_but_not_the_rule),
		cmocka_unit_test(recipients),
		cmocka_unit_test(tlvs),
		cmocka_unit_test(tlvs_stand_behind_the_drivers_own_on_every_part),
		cmocka_unit_test(senders_of_letters_are_in_the_alphabet_of_the_link),
		cmocka_unit_test(names_are_read_in_the_alphabet_of_the_link),
		cmocka_unit_test(as_many_tlvs_as_there_may_be),
		cmocka_unit_test(damaged_lists_end_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
