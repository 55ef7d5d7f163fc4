/* SPDX-License-Identifier: Apache-2.0 */
/* PDUs against octets put together by hand from the tables of SMPP 3.4 (chapter 4), and against libsmpp34, which knows
 * nothing of our reader and writer. */
#include <config.h>

#include "smpp/pdu.h"
#include "smpp/status.h"
#include "tests/unit/codec_hex.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libsmpp34/smpp34.h>
#include <libsmpp34/smpp34_structs.h>
#include <libsmpp34/smpp34_params.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_octets(const uint8_t *got, size_t n, const char *hex)
{
	uint8_t want[1024];

	assert_int_equal(n, from_hex(hex, want, sizeof(want)));
	assert_memory_equal(got, want, n);
}

/* ---- framing ---- */

static void framing_waits_and_refuses(void **state)
{
	static const struct {
		const char *why, *hex;
		int32_t length;
	} v[] = {
		{ "nothing yet", "", 0 },
		{ "half a length", "0000", 0 },
		{ "length without the rest", "00000010", 0 },
		{ "one octet is missing", "00000010 00000015 00000000 000000", 0 },
		{ "an enquire_link", "00000010 00000015 00000000 00000001", 16 },
		{ "two PDUs: the first", "00000010 00000015 00000000 00000001 00000010", 16 },
		{ "shorter than a header", "0000000f", -EBADMSG },
		{ "zero", "00000000", -EBADMSG },
		{ "just the largest", "00010000", 0 },
		{ "one more", "00010001", -EBADMSG },
		{ "text", "48545450", -EBADMSG },
		{ "negative, for a careless reader", "ffffffff", -EBADMSG },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		uint8_t buf[64];
		size_t n = from_hex(v[i].hex, buf, sizeof(buf));

		if (pdu_frame(buf, n) != v[i].length)
			fail_msg("%s", v[i].why);
	}
}

/* ---- what we write ---- */

static void bind_is_the_one_of_the_standard(void **state)
{
	/* SMPP 3.4, 4.1.1; the names are those of the example in its chapter 3. */
	const struct pdu_bind b = {
		.id = PDU_BIND_TRANSMITTER, .seq = 1, .system_id = "SMPP3TEST", .password = "secret08",
		.system_type = "SUBMIT1", .address_range = "", .interface_version = 0x34,
	};
	uint8_t pdu[PDU_BIND_MAX];
	int n = pdu_put_bind(pdu, &b);

	assert_true(n > 0);
	assert_octets(pdu, (size_t)n, "0000002f 00000002 00000000 00000001 534d5050335445535400"
				      "736563726574303800 5355424d49543100 34 00 00 00");
}

static void bind_refuses_what_does_not_fit(void **state)
{
	struct pdu_bind b = {
		.id = PDU_BIND_TRANSCEIVER, .seq = 1, .system_id = "123456789012345", .password = "12345678",
		.system_type = "123456789012", .address_range = "1234567890123456789012345678901234567890",
	};
	uint8_t pdu[PDU_BIND_MAX];

	b.interface_version = 0x50;
	assert_int_equal(pdu_put_bind(pdu, &b), 16 + 16 + 9 + 13 + 3 + 41);
	assert_octets(pdu + 16 + 16 + 9 + 13, 4, "50 00 00 31");
	b.password = "123456789"; /* C(9) is eight characters */
	assert_int_equal(pdu_put_bind(pdu, &b), -EINVAL);
	b.password = "";
	b.system_id = "1234567890123456";
	assert_int_equal(pdu_put_bind(pdu, &b), -EINVAL);
}

static void small_pdus(void **state)
{
	uint8_t pdu[PDU_SM_RESP_LEN];

	assert_octets(pdu, pdu_put_header(pdu, PDU_ENQUIRE_LINK, 0, 7), "00000010 00000015 00000000 00000007");
	assert_octets(pdu, pdu_put_header(pdu, PDU_RESP | PDU_ENQUIRE_LINK, 0, 0xfffffffe),
		"00000010 80000015 00000000 fffffffe");
	assert_octets(pdu, pdu_put_header(pdu, PDU_GENERIC_NACK, ESME_BAD_CMD_ID, 0),
		"00000010 80000000 00000003 00000000");
	assert_octets(pdu, pdu_put_sm_resp(pdu, PDU_RESP | PDU_DELIVER_SM, ESME_TEMPORARY, 9),
		"00000011 80000005 00000064 00000009 00");
	assert_octets(pdu, (size_t)pdu_put_unbind(pdu, PDU_UNBIND, 3), "00000010 00000006 00000000 00000003");
	assert_octets(pdu, (size_t)pdu_put_unbind(pdu, PDU_RESP | PDU_UNBIND, 0x80000001),
		"00000010 80000006 00000000 80000001");
}

static struct pdu_submit plain_submit(void)
{
	return (struct pdu_submit){
		.seq = 5, .service_type = "", .source_ton = 5, .source = "Shop", .dest_ton = 1, .dest_npi = 1,
		.dest = "12025550142", .validity = "",
	};
}

static void submit_sm_by_hand(void **state)
{
	struct pdu_submit s = plain_submit();
	uint8_t pdu[PDU_SUBMIT_MAX(300)];
	uint8_t long_text[300];

	/* 4.4.1, each line a row of the table */
	s.registered_delivery = 1;
	s.validity = "000001000000000R";
	s.text = (const uint8_t *)"a\0b"; /* `@` of GSM-7 in the middle */
	s.n_text = 3;
	assert_octets(pdu, pdu_put_submit_sm(pdu, sizeof(pdu), &s),
		"00000043 00000004 00000000 00000005 "
		"00 "                              /* service_type */
		"05 00 53686f7000 "                /* source_addr */
		"01 01 313230323535353031343200 "  /* destination_addr */
		"00 00 00 "                        /* esm_class, protocol_id, priority_flag */
		"00 "                              /* schedule_delivery_time */
		"30303030303130303030303030303052 00 "
		"01 00 00 00 "                     /* registered_delivery .. sm_default_msg_id */
		"03 610062");
	/* a part of two with a header, 3GPP TS 23.040, 9.2.3.24.1 */
	s = plain_submit();
	s.esm_class = 0x40;
	s.udh = (const uint8_t *)"\5\0\3\x2a\2\1";
	s.n_udh = 6;
	s.text = (const uint8_t *)"\x04\x16";
	s.n_text = 2;
	s.data_coding = 8;
	assert_octets(pdu, pdu_put_submit_sm(pdu, sizeof(pdu), &s),
		"00000038 00000004 00000000 00000005 00 05 00 53686f7000 01 01 313230323535353031343200 "
		"40 00 00 00 00 00 00 08 00 08 0500032a0201 0416");
	/* 5.3.2.22 to 5.3.2.24 */
	s = plain_submit();
	s.text = (const uint8_t *)"x";
	s.n_text = 1;
	s.sar_ref = 0xabcd;
	s.sar_total = 3;
	s.sar_seq = 2;
	assert_octets(pdu, pdu_put_submit_sm(pdu, sizeof(pdu), &s),
		"00000041 00000004 00000000 00000005 00 05 00 53686f7000 01 01 313230323535353031343200 "
		"00 00 00 00 00 00 00 00 00 01 78 020c0002abcd 020e000103 020f000102");
	/* 5.3.2.32 */
	memset(long_text, 'y', sizeof(long_text));
	s = plain_submit();
	s.payload = long_text;
	s.n_payload = 300;
	assert_int_equal(pdu_put_submit_sm(pdu, sizeof(pdu), &s), 0x30 + 4 + 300);
	assert_octets(pdu, 4, "00000160");
	assert_octets(pdu + 0x2f, 7, "00 0424 012c 79 79");
}

static void submit_sm_refuses_what_does_not_fit(void **state)
{
	struct pdu_submit s = plain_submit();
	uint8_t pdu[PDU_SUBMIT_MAX(0)], text[255] = { 0 };

	s.source = "123456789012345678901"; /* C(21) is 20 */
	assert_int_equal(pdu_put_submit_sm(pdu, sizeof(pdu), &s), 0);
	s = plain_submit();
	s.service_type = "123456";
	assert_int_equal(pdu_put_submit_sm(pdu, sizeof(pdu), &s), 0);
	s = plain_submit();
	s.schedule = "1";
	assert_int_equal(pdu_put_submit_sm(pdu, sizeof(pdu), &s), 0);
	s.schedule = NULL;
	s.validity = "1";
	assert_int_equal(pdu_put_submit_sm(pdu, sizeof(pdu), &s), 0);
	s = plain_submit();
	s.text = text;
	s.n_text = 255;
	assert_int_equal(pdu_put_submit_sm(pdu, sizeof(pdu), &s), 0);
	s.n_text = 254;
	assert_int_equal(pdu_put_submit_sm(pdu, sizeof(pdu) - 1, &s), 0);
	assert_int_equal(pdu_put_submit_sm(pdu, sizeof(pdu), &s), 0x30 + 254);
}

/* ---- the writer against libsmpp34 ---- */

#define ROUNDS 10000

static char *random_str(uint32_t *rnd, char *dst, size_t max)
{
	size_t n = next_random(rnd) % (max + 1);

	for (size_t i = 0; i < n; i++)
		dst[i] = (char)('!' + next_random(rnd) % 90);
	dst[n] = 0;
	return dst;
}

/* libsmpp34 writes what was added last first. */
static void add_tlv(tlv_t **list, uint16_t tag, uint16_t n, const void *value)
{
	tlv_t t;

	memset(&t, 0, sizeof(t));
	t.tag = tag;
	t.length = n;
	if (tag == TLVID_sar_msg_ref_num)
		memcpy(&t.value.val16, value, 2);
	else if (n == 1)
		t.value.val08 = *(const uint8_t *)value;
	else
		memcpy(t.value.octet, value, n);
	assert_int_equal(build_tlv(list, &t), 0);
}

static void submit_sm_equals_libsmpp34(void **state)
{
	static uint8_t ours[PDU_SUBMIT_MAX(1024)], theirs[2048], text[1024];
	uint32_t rnd = 20261121;

	for (unsigned round = 0; round < ROUNDS; round++) {
		char service[8], source[24], dest[24], validity[20] = "";
		const char *schedule = round % 2 ? "260708091011004+" : "";
		struct pdu_submit s = { .service_type = random_str(&rnd, service, 5) };
		submit_sm_t t;
		int n = 0;

		for (size_t i = 0; i < sizeof(text); i++)
			text[i] = (uint8_t)next_random(&rnd);
		if (next_random(&rnd) & 1)
			memset(validity, '0' + (int)(next_random(&rnd) % 10), 16);
		s.seq = next_random(&rnd) % 0x7fffffff + 1;
		s.source_ton = (uint8_t)(next_random(&rnd) % 7);
		s.source_npi = (uint8_t)(next_random(&rnd) % 2);
		s.dest_ton = (uint8_t)(next_random(&rnd) % 7);
		s.dest_npi = (uint8_t)(next_random(&rnd) % 2);
		s.source = random_str(&rnd, source, 20);
		s.dest = random_str(&rnd, dest, 20);
		s.validity = validity;
		s.schedule = round % 3 ? schedule : NULL;
		s.esm_class = (uint8_t)next_random(&rnd);
		s.registered_delivery = (uint8_t)next_random(&rnd);
		s.data_coding = (uint8_t)next_random(&rnd);
		s.n_udh = (uint8_t)(next_random(&rnd) % 100);
		s.udh = text;
		s.n_text = (uint8_t)(next_random(&rnd) % 155);
		s.text = text + s.n_udh;
		memset(&t, 0, sizeof(t));
		if (next_random(&rnd) % 3 == 0) {
			s.payload = text;
			s.n_payload = (uint16_t)(2 + next_random(&rnd) % 1000);
			add_tlv(&t.tlv, TLVID_message_payload, s.n_payload, text);
		}
		if (next_random(&rnd) % 3 == 0) {
			uint16_t ref;

			s.sar_ref = ref = (uint16_t)next_random(&rnd);
			s.sar_total = (uint8_t)(1 + next_random(&rnd) % 255);
			s.sar_seq = (uint8_t)next_random(&rnd);
			add_tlv(&t.tlv, TLVID_sar_segment_seqnum, 1, &s.sar_seq);
			add_tlv(&t.tlv, TLVID_sar_total_segments, 1, &s.sar_total);
			add_tlv(&t.tlv, TLVID_sar_msg_ref_num, 2, &ref);
		}
		t.command_id = SUBMIT_SM;
		t.sequence_number = s.seq;
		strcpy((char *)t.service_type, service);
		t.source_addr_ton = s.source_ton;
		t.source_addr_npi = s.source_npi;
		strcpy((char *)t.source_addr, source);
		t.dest_addr_ton = s.dest_ton;
		t.dest_addr_npi = s.dest_npi;
		strcpy((char *)t.destination_addr, dest);
		t.esm_class = s.esm_class;
		strcpy((char *)t.validity_period, validity);
		strcpy((char *)t.schedule_delivery_time, s.schedule ? schedule : "");
		t.registered_delivery = s.registered_delivery;
		t.data_coding = s.data_coding;
		if (!s.payload) {
			t.sm_length = (uint8_t)(s.n_udh + s.n_text);
			memcpy(t.short_message, text, t.sm_length);
		}
		if (smpp34_pack2(theirs, sizeof(theirs), &n, &t) != 0)
			fail_msg("libsmpp34: %s", smpp34_strerror);
		if (t.tlv)
			destroy_tlv(t.tlv);
		assert_int_equal(pdu_put_submit_sm(ours, sizeof(ours), &s), n);
		assert_memory_equal(ours, theirs, (size_t)n);
	}
}

static void small_pdus_equal_libsmpp34(void **state)
{
	uint32_t rnd = 5;

	for (unsigned round = 0; round < ROUNDS; round++) {
		uint8_t ours[PDU_SM_RESP_LEN], theirs[64];
		uint32_t seq = next_random(&rnd) % 0x7fffffff + 1;
		deliver_sm_resp_t d;
		generic_nack_t g;
		int n = 0;

		memset(&d, 0, sizeof(d));
		d.command_id = DELIVER_SM_RESP;
		d.command_status = round % 2 ? ESME_RX_T_APPN : ESME_ROK;
		d.sequence_number = seq;
		assert_int_equal(smpp34_pack2(theirs, sizeof(theirs), &n, &d), 0);
		assert_int_equal(pdu_put_sm_resp(ours, DELIVER_SM_RESP, d.command_status, seq), n);
		assert_memory_equal(ours, theirs, (size_t)n);
		memset(&g, 0, sizeof(g));
		g.command_id = round % 3 == 0 ? GENERIC_NACK : round % 3 == 1 ? ENQUIRE_LINK : ENQUIRE_LINK_RESP;
		g.command_status = round % 3 == 0 ? ESME_RINVCMDID : 0;
		g.sequence_number = seq;
		assert_int_equal(smpp34_pack2(theirs, sizeof(theirs), &n, &g), 0);
		assert_int_equal(pdu_put_header(ours, g.command_id, g.command_status, seq), n);
		assert_memory_equal(ours, theirs, (size_t)n);
	}
}

/* ---- query_sm, both ways ---- */

static void query_sm_equals_libsmpp34(void **state)
{
	uint32_t rnd = 448;

	for (unsigned round = 0; round < ROUNDS; round++) {
		uint8_t ours[PDU_QUERY_MAX], theirs[512];
		char id[66], source[24];
		struct pdu_query q = { .message_id = random_str(&rnd, id, 64), .source = random_str(&rnd, source, 20) };
		struct pdu_query_resp r;
		query_sm_t t;
		query_sm_resp_t a;
		int n = 0;

		q.seq = next_random(&rnd) % 0x7fffffff + 1;
		q.source_ton = (uint8_t)(next_random(&rnd) % 7);
		q.source_npi = (uint8_t)(next_random(&rnd) % 2);
		memset(&t, 0, sizeof(t));
		t.command_id = QUERY_SM;
		t.sequence_number = q.seq;
		strcpy((char *)t.message_id, id);
		t.source_addr_ton = q.source_ton;
		t.source_addr_npi = q.source_npi;
		strcpy((char *)t.source_addr, source);
		assert_int_equal(smpp34_pack2(theirs, sizeof(theirs), &n, &t), 0);
		assert_int_equal(pdu_put_query_sm(ours, &q), n);
		assert_memory_equal(ours, theirs, (size_t)n);
		memset(&a, 0, sizeof(a));
		a.command_id = QUERY_SM_RESP;
		a.sequence_number = q.seq;
		strcpy((char *)a.message_id, id);
		strcpy((char *)a.final_date, round % 2 ? "260708091011004+" : "");
		a.message_state = (uint8_t)(1 + next_random(&rnd) % 8);
		a.error_code = (uint8_t)next_random(&rnd);
		assert_int_equal(smpp34_pack2(theirs, sizeof(theirs), &n, &a), 0);
		assert_int_equal(pdu_read_query_resp(theirs, (size_t)n, &r), 0);
		assert_true(r.message_id.n == strlen(id) && memcmp(r.message_id.s, id, r.message_id.n) == 0);
		assert_int_equal(r.final_date.n, round % 2 ? 16 : 0);
		assert_int_equal(r.message_state, a.message_state);
		assert_int_equal(r.error_code, a.error_code);
	}
}

static void query_sm_has_bounds(void **state)
{
	char id[66], source[22];
	struct pdu_query q = { .seq = 1, .message_id = id, .source = source };
	uint8_t pdu[PDU_QUERY_MAX];

	memset(id, 'x', 65);
	memset(source, '1', 21);
	id[64] = source[20] = 0;
	assert_int_equal(pdu_put_query_sm(pdu, &q), PDU_QUERY_MAX);
	id[64] = 'x';
	id[65] = 0;
	assert_int_equal(pdu_put_query_sm(pdu, &q), 0);
	id[64] = 0;
	source[20] = '1';
	source[21] = 0;
	assert_int_equal(pdu_put_query_sm(pdu, &q), 0);
}

static void query_sm_resp_from_the_field(void **state)
{
	static const struct {
		const char *why, *hex;
		int r, message_state, error_code;
	} v[] = {
		{ "no error_code", "00000017 80000003 00000000 00000001 3061336600 00 02", 0, 2, -1 },
		{ "TLVs of 5.0 behind it", "0000001d 80000003 00000000 00000001 3061336600 00 02 00 0428 0001 14", 0, 2, 0 },
		{ "a date of twelve characters", "00000023 80000003 00000000 00000001 303100 32363037303830393130313100 05 08 0000", 0, 5, 8 },
		{ "no body", "00000010 80000003 00000000 00000001", -EBADMSG, 0, 0 },
		{ "an id without NUL", "00000014 80000003 00000000 00000001 30613366", -EBADMSG, 0, 0 },
		{ "no state", "00000016 80000003 00000000 00000001 3061336600 00", -EBADMSG, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		uint8_t pdu[64];
		struct pdu_query_resp q;
		size_t n = from_hex(v[i].hex, pdu, sizeof(pdu));
		int r = pdu_read_query_resp(pdu, n, &q);

		if (r != v[i].r ||
			(r == 0 && (q.message_state != v[i].message_state || q.error_code != v[i].error_code)))
			fail_msg("%s", v[i].why);
	}
}

/* ---- what we read ---- */

static bool str_is(struct pdu_str s, const char *want)
{
	return s.n == strlen(want) && (!s.n || memcmp(s.s, want, s.n) == 0);
}

#define DELIVER_HEAD "00 01 01 313230323535353031343200 01 01 3536373800 " /* service_type, source, destination */

/* Set the length, so that the rows below need not be counted. */
static size_t deliver(uint8_t *pdu, size_t cap, const char *body_hex)
{
	size_t n = PDU_HEADER + from_hex(body_hex, pdu + PDU_HEADER, cap - PDU_HEADER);

	pdu_put_header(pdu, PDU_DELIVER_SM, 0, 1);
	pdu[2] = (uint8_t)(n >> 8);
	pdu[3] = (uint8_t)n;
	return n;
}

static void deliver_sm_is_read(void **state)
{
	uint8_t pdu[512];
	struct pdu_sm sm;
	uint32_t status;
	size_t n = deliver(pdu, sizeof(pdu),
		"434d5400 01 01 313230323535353031343200 05 00 53686f7000 44 02 00 00 00 01 00 08 00 04 04160416");

	assert_int_equal(pdu_read_sm(pdu, n, &sm, &status), 0);
	assert_true(str_is(sm.service_type, "CMT"));
	assert_true(str_is(sm.source, "12025550142"));
	assert_true(str_is(sm.dest, "Shop"));
	assert_int_equal(sm.source_ton, 1);
	assert_int_equal(sm.dest_ton, 5);
	assert_int_equal(sm.dest_npi, 0);
	assert_int_equal(sm.esm_class, 0x44);
	assert_int_equal(sm.protocol_id, 2);
	assert_int_equal(sm.registered_delivery, 1);
	assert_int_equal(sm.data_coding, 8);
	assert_octets(sm.text, sm.n_text, "04160416");
	assert_int_equal(sm.message_state, -1);
	assert_null(sm.network_error);
	assert_int_equal(sm.sar_total, 0);
}

static void deliver_sm_from_the_field(void **state)
{
	static const struct {
		const char *why, *body;
		const char *id;
		int message_state;
		const char *text;
		const char *error;
	} v[] = {
		{ "a receipt in TLVs only, NUL in the id", DELIVER_HEAD "04 00 00 00 00 00 00 00 00 00"
			"001e 0006 3661613564 00 0427 0001 02 0423 0003 030000", "6aa5d", 2, "", "030000" },
		{ "the id without NUL", DELIVER_HEAD "04 00 00 00 00 00 00 00 00 00 001e 0005 3661613564", "6aa5d", -1, "",
			"" },
		{ "the id with a NUL too many", DELIVER_HEAD "04 00 00 00 00 00 00 00 00 00 001e 0004 61620000", "ab", -1,
			"", "" },
		{ "text in message_payload", DELIVER_HEAD "04 00 00 00 00 00 00 00 00 00 0424 0004 69643a31", "", -1,
			"69643a31", "" },
		{ "both texts: the payload is meant", DELIVER_HEAD "00 00 00 00 00 00 00 00 00 01 41 0424 0002 4243", "",
			-1, "4243", "" },
		{ "an empty payload beside a text", DELIVER_HEAD "00 00 00 00 00 00 00 00 00 01 41 0424 0000", "", -1, "41",
			"" },
		{ "unknown and vendor TLVs before the known one", DELIVER_HEAD
			"04 00 00 00 00 00 00 00 00 00 1401 0003 010203 3fff 0000 ffff 0001 00 0427 0001 05", "", 5, "", "" },
		{ "times that are not empty", DELIVER_HEAD "00 00 00 323630373038303931303131303034 2b 00"
			"303030303031303030303030303030 52 00 00 00 00 00 01 41", "", -1, "41", "" },
		{ "a TLV that runs past the end", DELIVER_HEAD "00 00 00 00 00 00 00 00 00 01 41 0427 0001 02 0424 0009 41",
			"", 2, "41", "" },
		{ "a TLV cut in its head", DELIVER_HEAD "00 00 00 00 00 00 00 00 00 01 41 0427 00", "", -1, "41", "" },
		{ "one stray octet", DELIVER_HEAD "00 00 00 00 00 00 00 00 00 01 41 00", "", -1, "41", "" },
		{ "message_state of a wrong length", DELIVER_HEAD "04 00 00 00 00 00 00 00 00 00 0427 0002 0002", "", -1, "",
			"" },
		{ "the first of two counts", DELIVER_HEAD "04 00 00 00 00 00 00 00 00 00 0427 0001 02 0427 0001 05", "", 2,
			"", "" },
		{ "three ASCII digits as network_error_code", DELIVER_HEAD "04 00 00 00 00 00 00 00 00 00 0423 0003 303231",
			"", -1, "", "303231" },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		uint8_t pdu[512], want[64];
		struct pdu_sm sm;
		uint32_t status;
		size_t n = deliver(pdu, sizeof(pdu), v[i].body), n_text = from_hex(v[i].text, want, sizeof(want));

		if (pdu_read_sm(pdu, n, &sm, &status) < 0)
			fail_msg("refused: %s", v[i].why);
		if (!str_is(sm.receipted_id, v[i].id) || sm.message_state != v[i].message_state ||
			sm.n_text != n_text || (n_text && memcmp(sm.text, want, n_text) != 0))
			fail_msg("%s", v[i].why);
		if (*v[i].error) {
			assert_non_null(sm.network_error);
			assert_octets(sm.network_error, 3, v[i].error);
		} else {
			assert_null(sm.network_error);
		}
	}
}

static void long_names_are_taken(void **state)
{
	uint8_t pdu[512];
	struct pdu_sm sm;
	uint32_t status;
	size_t n = deliver(pdu, sizeof(pdu), "4c4f4e475f5345525649434500 05 00"
		"31323334353637383930313233343536373839303132333435363738393000 01 01 3500 00 00 00 00 00 00 00 00 00 00");

	assert_int_equal(pdu_read_sm(pdu, n, &sm, &status), 0);
	assert_true(str_is(sm.service_type, "LONG_SERVICE"));
	assert_true(str_is(sm.source, "123456789012345678901234567890"));
}

static void malformed_deliver_sm_has_a_fitting_status(void **state)
{
	static const struct {
		const char *why, *body;
		uint32_t status;
	} v[] = {
		{ "no body at all", "", ESME_BAD_CMD_LEN },
		{ "service_type has no end", "434d54", ESME_BAD_SERVICE },
		{ "source_addr has no end", "00 01 01 3132", ESME_BAD_SOURCE },
		{ "ends behind the TON", "00 01", ESME_BAD_CMD_LEN },
		{ "destination_addr has no end", "00 01 01 3100 01 01 3233", ESME_BAD_DEST },
		{ "ends behind the addresses", "00 01 01 3100 01 01 3200", ESME_BAD_CMD_LEN },
		{ "schedule_delivery_time has no end", DELIVER_HEAD "00 00 00 31", ESME_BAD_SCHEDULE },
		{ "validity_period has no end", DELIVER_HEAD "00 00 00 00 31", ESME_BAD_EXPIRY },
		{ "ends before sm_length", DELIVER_HEAD "00 00 00 00 00 00 00 00 00", ESME_BAD_CMD_LEN },
		{ "sm_length past the end", DELIVER_HEAD "00 00 00 00 00 00 00 00 00 02 41", ESME_BAD_MSG_LEN },
		{ "sm_length 255 without that much", DELIVER_HEAD "00 00 00 00 00 00 00 00 00 ff 41", ESME_BAD_MSG_LEN },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		uint8_t pdu[512];
		struct pdu_sm sm;
		uint32_t status = 0;
		size_t n = deliver(pdu, sizeof(pdu), v[i].body);

		if (pdu_read_sm(pdu, n, &sm, &status) != -EBADMSG || status != v[i].status)
			fail_msg("%s: %x", v[i].why, status);
	}
}

/* A sound PDU, cut at every octet and with every octet changed: no read outside, which the sanitizer sees because each
 * input has an allocation of its own size. */
static void hostile_deliver_sm(void **state)
{
	uint8_t sound[512];
	size_t n = deliver(sound, sizeof(sound), DELIVER_HEAD "04 00 00 00 00 00 00 00 00 04 69643a31"
		"001e 0005 3661613564 0427 0001 02 020c 0002 0001 020e 0001 02 020f 0001 01 0424 0002 4142");
	static const uint8_t evil[] = { 0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff };
	unsigned n_ok = 0;

	for (size_t len = PDU_HEADER; len <= n; len++) {
		for (size_t at = PDU_HEADER - 1; at < len; at++) {
			for (size_t e = 0; e < sizeof(evil); e++) {
				uint8_t *pdu = malloc(len);
				struct pdu_sm sm;
				uint32_t status;

				memcpy(pdu, sound, len);
				if (at >= PDU_HEADER)
					pdu[at] = evil[e];
				if (pdu_read_sm(pdu, len, &sm, &status) == 0) {
					n_ok++;
					assert_true(
						sm.n_text == 0 || (sm.text >= pdu && sm.text + sm.n_text <= pdu + len));
					assert_true(sm.receipted_id.n == 0 ||
						(const uint8_t *)sm.receipted_id.s + sm.receipted_id.n <= pdu + len);
				}
				free(pdu);
			}
		}
	}
	assert_true(n_ok > 100);
}

/* ---- the reader against libsmpp34 ---- */

static void deliver_sm_equals_libsmpp34(void **state)
{
	static uint8_t pdu[2048], text[1024];
	uint32_t rnd = 7;

	for (unsigned round = 0; round < ROUNDS; round++) {
		char dump[24];
		bool data = round % 4 == 0;
		deliver_sm_t d;
		data_sm_t m;
		struct pdu_sm sm;
		uint32_t status;
		tlv_t **tlvs = data ? &m.tlv : &d.tlv;
		uint16_t n_payload = 0;
		uint8_t st = (uint8_t)(1 + next_random(&rnd) % 8), seg = (uint8_t)(1 + next_random(&rnd) % 4);
		uint16_t ref = (uint16_t)next_random(&rnd), number = (uint16_t)next_random(&rnd);
		bool numbered = true;
		int n = 0;

		memset(&d, 0, sizeof(d));
		memset(&m, 0, sizeof(m));
		for (size_t i = 0; i < sizeof(text); i++)
			text[i] = (uint8_t)next_random(&rnd);
		d.command_id = DELIVER_SM;
		m.command_id = DATA_SM;
		m.sequence_number = d.sequence_number = next_random(&rnd) % 0x7fffffff + 1;
		strcpy((char *)d.service_type, random_str(&rnd, dump, 5));
		strcpy((char *)m.service_type, dump);
		m.source_addr_ton = d.source_addr_ton = (uint8_t)(next_random(&rnd) % 7);
		m.dest_addr_npi = d.dest_addr_npi = (uint8_t)(next_random(&rnd) % 2);
		strcpy((char *)d.source_addr, random_str(&rnd, dump, 20));
		strcpy((char *)m.source_addr, dump);
		strcpy((char *)d.destination_addr, random_str(&rnd, dump, 20));
		strcpy((char *)m.destination_addr, dump);
		m.esm_class = d.esm_class = (uint8_t)next_random(&rnd);
		m.data_coding = d.data_coding = (uint8_t)next_random(&rnd);
		d.protocol_id = (uint8_t)next_random(&rnd);
		m.registered_delivery = d.registered_delivery = (uint8_t)next_random(&rnd);
		d.sm_length = (uint8_t)(next_random(&rnd) % 254); /* it refuses 254 here */
		memcpy(d.short_message, text, d.sm_length);
		if (next_random(&rnd) & 1)
			add_tlv(tlvs, TLVID_message_state, 1, &st);
		else
			st = 0;
		if (next_random(&rnd) & 1) {
			uint8_t total = 4;

			add_tlv(tlvs, TLVID_sar_msg_ref_num, 2, &ref);
			add_tlv(tlvs, TLVID_sar_total_segments, 1, &total);
			add_tlv(tlvs, TLVID_sar_segment_seqnum, 1, &seg);
		} else {
			seg = 0;
		}
		if (next_random(&rnd) & 1)
			add_tlv(tlvs, TLVID_user_message_reference, 2, &number);
		else
			numbered = false;
		if (next_random(&rnd) & 1) {
			n_payload = (uint16_t)(2 + next_random(&rnd) % 1000);
			add_tlv(tlvs, TLVID_message_payload, n_payload, text);
		}
		if (smpp34_pack2(pdu, sizeof(pdu), &n, data ? (void *)&m : (void *)&d) != 0)
			fail_msg("libsmpp34: %s", smpp34_strerror);
		if (*tlvs)
			destroy_tlv(*tlvs);
		assert_int_equal(pdu_frame(pdu, (size_t)n), n);
		assert_int_equal(pdu_read_sm(pdu, (size_t)n, &sm, &status), 0);
		assert_true(str_is(sm.service_type, (char *)d.service_type));
		assert_true(str_is(sm.source, (char *)d.source_addr));
		assert_true(str_is(sm.dest, (char *)d.destination_addr));
		assert_int_equal(sm.source_ton, d.source_addr_ton);
		assert_int_equal(sm.dest_npi, d.dest_addr_npi);
		assert_int_equal(sm.esm_class, d.esm_class);
		assert_int_equal(sm.data_coding, d.data_coding);
		assert_int_equal(sm.registered_delivery, d.registered_delivery);
		assert_int_equal(sm.protocol_id, data ? 0 : d.protocol_id);
		assert_int_equal(sm.message_state, st ? st : -1);
		assert_int_equal(sm.sar_total, seg ? 4 : 0);
		assert_int_equal(sm.sar_seq, seg);
		assert_int_equal(sm.number, numbered ? number : -1);
		assert_int_equal(sm.sar_ref, seg ? ref : 0);
		assert_int_equal(sm.n_text, n_payload ? n_payload : data ? 0 : d.sm_length);
		if (sm.n_text)
			assert_memory_equal(sm.text, text, sm.n_text);
	}
}

/* ---- ids of responses ---- */

static void message_ids(void **state)
{
	static const struct {
		const char *why, *hex, *id;
	} v[] = {
		{ "as it should be", "00000015 80000004 00000000 00000001 3061336600", "0a3f" },
		{ "no NUL", "00000014 80000004 00000000 00000001 30613366", "0a3f" },
		{ "no body", "00000010 80000004 00000000 00000001", "" },
		{ "empty", "00000011 80000004 00000000 00000001 00", "" },
		{ "TLVs of 5.0 behind it", "00000019 80000004 00000000 00000001 3061336600 04280001", "0a3f" },
	};
	char want[101];
	uint8_t pdu[256];
	struct pdu_str id;

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		size_t n = from_hex(v[i].hex, pdu, sizeof(pdu));

		if (!str_is(pdu_read_id(pdu, n), v[i].id))
			fail_msg("%s", v[i].why);
	}
	pdu_put_header(pdu, 0x80000004, 0, 1);
	memset(pdu + 16, 'x', 100);
	pdu[116] = 0;
	memset(want, 'x', 100);
	want[100] = 0;
	id = pdu_read_id(pdu, 117);
	assert_true(str_is(id, want));
}

/* ---- notices ---- */

static void notices_are_described(void **state)
{
	uint8_t pdu[512];
	char text[256];
	size_t n = from_hex("0000001d 0000000b 00000000 00000001 736d736300 6f70656e73657300", pdu, sizeof(pdu));

	assert_int_equal(pdu_describe(pdu, n, text, sizeof(text)), 0);
	assert_string_equal(text, "system_id=smsc"); /* the password is not for the log */
	assert_int_equal(pdu_describe(pdu, n - 1, text, sizeof(text)), -EBADMSG);
	n = from_hex("00000020 00000102 00000000 00000001 01 01 313200 01 01 353600 0422 0001 00", pdu, sizeof(pdu));
	assert_int_equal(pdu_describe(pdu, n, text, sizeof(text)), 0);
	assert_string_equal(text, "source_addr=12 esme_addr=56");
	n = from_hex("00000010 00000015 00000000 00000001", pdu, sizeof(pdu));
	assert_int_equal(pdu_describe(pdu, n, text, sizeof(text)), -ENOTSUP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(framing_waits_and_refuses),
		cmocka_unit_test(bind_is_the_one_of_the_standard),
		cmocka_unit_test(bind_refuses_what_does_not_fit),
		cmocka_unit_test(small_pdus),
		cmocka_unit_test(submit_sm_by_hand),
		cmocka_unit_test(submit_sm_refuses_what_does_not_fit),
		cmocka_unit_test(submit_sm_equals_libsmpp34),
		cmocka_unit_test(small_pdus_equal_libsmpp34),
		cmocka_unit_test(deliver_sm_is_read),
		cmocka_unit_test(deliver_sm_from_the_field),
		cmocka_unit_test(long_names_are_taken),
		cmocka_unit_test(malformed_deliver_sm_has_a_fitting_status),
		cmocka_unit_test(hostile_deliver_sm),
		cmocka_unit_test(query_sm_equals_libsmpp34),
		cmocka_unit_test(query_sm_has_bounds),
		cmocka_unit_test(query_sm_resp_from_the_field),
		cmocka_unit_test(deliver_sm_equals_libsmpp34),
		cmocka_unit_test(message_ids),
		cmocka_unit_test(notices_are_described),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
