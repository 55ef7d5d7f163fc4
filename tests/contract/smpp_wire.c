/* SPDX-License-Identifier: Apache-2.0 */
/* The SMPP driver against octets: the SMSC is this test, which says what stands here as hex and compares what comes. */
#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core.h"
#include "tests/unit/codec_hex.h"

struct peer {
	struct link *link;
	uv_tcp_t server, conn;
	bool connected, closed;
	uint8_t in[65536];
	size_t n_in;
	int port;
};

static void on_alloc(uv_handle_t *h, size_t want, uv_buf_t *ret)
{
	struct peer *p = h->data;

	*ret = uv_buf_init((char *)p->in + p->n_in, (unsigned)(sizeof(p->in) - p->n_in));
}

static void on_conn_closed(uv_handle_t *h)
{
	((struct peer *)h->data)->closed = true;
}

static void on_in(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct peer *p = s->data;

	if (n > 0)
		p->n_in += (size_t)n;
	else if (n < 0 && !uv_is_closing((uv_handle_t *)s))
		uv_close((uv_handle_t *)s, on_conn_closed);
}

static void on_connection(uv_stream_t *s, int status)
{
	struct peer *p = s->data;

	assert_int_equal(status, 0);
	if (p->connected && !p->closed)
		return;
	uv_tcp_init(s->loop, &p->conn);
	p->conn.data = p;
	assert_int_equal(uv_accept(s, (uv_stream_t *)&p->conn), 0);
	p->connected = true;
	p->closed = false;
	p->n_in = 0;
	uv_read_start((uv_stream_t *)&p->conn, on_alloc, on_in);
}

static void say(struct peer *p, const char *hex)
{
	static uint8_t out[65536];
	size_t n = from_hex(hex, out, sizeof(out));
	uv_buf_t buf = uv_buf_init((char *)out, (unsigned)n);

	assert_int_equal(uv_try_write((uv_stream_t *)&p->conn, &buf, 1), (int)n);
}

/* The next octets from the driver are these. */
static void hear(struct peer *p, const char *hex)
{
	uint8_t want[1024];
	size_t n = from_hex(hex, want, sizeof(want));

	WAIT(p->link, p->n_in >= n || p->closed);
	assert_true(p->n_in >= n);
	assert_memory_equal(p->in, want, n);
	p->n_in -= n;
	memmove(p->in, p->in + n, p->n_in);
}

#define BIND_SENT "00000019 00000009 00000000 00000001 6500 7000 00 34 00 00 00"
#define BIND_OK   "00000015 80000009 00000000 00000001 736d736300"

/* A port that nobody listens on at this moment. */
static int free_port(void)
{
	struct sockaddr_in addr;
	uv_tcp_t probe;
	uv_loop_t loop;
	int len = sizeof(addr);

	uv_loop_init(&loop);
	uv_tcp_init(&loop, &probe);
	uv_ip4_addr("127.0.0.1", 0, &addr);
	assert_int_equal(uv_tcp_bind(&probe, (struct sockaddr *)&addr, 0), 0);
	uv_tcp_getsockname(&probe, (struct sockaddr *)&addr, &len);
	uv_close((uv_handle_t *)&probe, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	return ntohs(addr.sin_port);
}

static struct peer *peer_new(const char *settings)
{
	struct peer *p = calloc(1, sizeof(*p));
	struct sockaddr_in addr;
	int small = 4096; /* so that a peer that does not read is soon felt */
	char text[600];

	p->port = free_port(); /* first, since the link wants to know it */
	uv_ip4_addr("127.0.0.1", p->port, &addr);
	snprintf(text, sizeof(text), "driver = \"smpp\"; host = \"127.0.0.1\"; port = %d; system_id = \"e\"; "
		"password = \"p\"; reconnect_min = 0.01; reconnect_max = 0.05; reconnect_refused = 0.05; %s", p->port, settings);
	p->link = core_new(text);
	uv_tcp_init(&p->link->loop, &p->server);
	p->server.data = p;
	assert_int_equal(uv_tcp_bind(&p->server, (struct sockaddr *)&addr, 0), 0);
	uv_recv_buffer_size((uv_handle_t *)&p->server, &small);
	assert_int_equal(uv_listen((uv_stream_t *)&p->server, 8, on_connection), 0);
	core_start(p->link);
	WAIT(p->link, p->connected);
	return p;
}

static struct peer *peer_bound(const char *settings)
{
	struct peer *p = peer_new(settings);

	hear(p, BIND_SENT);
	say(p, BIND_OK);
	WAIT(p->link, p->link->up);
	return p;
}

static void peer_end(struct peer *p)
{
	uv_close((uv_handle_t *)&p->server, NULL);
	if (p->connected && !uv_is_closing((uv_handle_t *)&p->conn))
		uv_close((uv_handle_t *)&p->conn, on_conn_closed);
	core_free(p->link);
	free(p);
}

/* A short submit_sm, and how it looks with this sequence_number. */
static void submit(struct peer *p, const char *seq)
{
	struct part part = { .to = 12025550142, .from = "12345", .part = 1, .n_parts = 1, .encoding = ENC_GSM7 };
	char hex[256];

	part.wire.text[0] = 'x';
	part.wire.n_text = 1;
	assert_int_equal(core_submit_part(p->link, &part), 0);
	snprintf(hex, sizeof(hex), "00000032 00000004 00000000 %s 00 03 00 313233343500 01 01 313230323535353031343200 "
		"00 00 00 00 00 00 00 00 00 01 78", seq);
	hear(p, hex);
}

static void a_whole_session(void **state)
{
	struct peer *p = peer_bound("");

	submit(p, "00000002");
	say(p, "00000015 80000004 00000000 00000002 3061336600");
	WAIT(p->link, p->link->n_settled == 1);
	assert_string_equal(p->link->parts[1].id, "0a3f");
	p->link->driver->stop(p->link);
	hear(p, "00000010 00000006 00000000 00000003");
	say(p, "00000010 80000006 00000000 00000003");
	WAIT(p->link, p->link->stopped);
	peer_end(p);
}

static void requests_are_answered_with_their_number(void **state)
{
	struct peer *p = peer_bound("");

	say(p, "00000010 00000015 00000000 00000000");
	hear(p, "00000010 80000015 00000000 00000000");
	say(p, "00000010 00000015 00000000 fffffffe");
	hear(p, "00000010 80000015 00000000 fffffffe");
	say(p, "00000010 00000999 00000000 00000007"); /* no such command */
	hear(p, "00000010 80000000 00000003 00000007");
	say(p, "00000010 80000004 00000000 00000063"); /* answers nothing: dropped */
	say(p, "00000011 00000005 00000000 00000008 00");
	hear(p, "00000011 80000005 00000002 00000008 00"); /* deliver_sm without a body */
	say(p, "0000000f");
	hear(p, "00000010 80000000 00000002 00000000");
	WAIT(p->link, p->closed);
	assert_true(p->link->n_down >= 1);
	peer_end(p);
}

static void octets_come_one_by_one(void **state)
{
	struct peer *p = peer_bound("");
	uint8_t pdu[64];
	size_t n = from_hex("00000010 00000015 00000000 0000002a 00000010 00000015 00000000 0000002b", pdu, sizeof(pdu));

	for (size_t i = 0; i < n; i++) {
		char hex[3];

		snprintf(hex, sizeof(hex), "%02x", pdu[i]);
		say(p, hex);
		uv_run(&p->link->loop, UV_RUN_NOWAIT);
	}
	hear(p, "00000010 80000015 00000000 0000002a 00000010 80000015 00000000 0000002b");
	peer_end(p);
}

#define DELIVER "00 01 01 3439313700 01 01 3536373800 "

static void inbound_is_answered_by_ack_alone(void **state)
{
	struct peer *p = peer_bound("");
	struct link *l = p->link;

	l->ack = ACK_HOLD;
	/* a receipt by TLVs alone, esm_class 00 */
	say(p, "00000037 00000005 00000000 00000009 " DELIVER "00 00 00 00 00 00 00 00 00 00"
	       "001e 0005 3061336600 0427 0001 02");
	WAIT(l, l->n_receipts == 1);
	assert_string_equal(l->receipt_id, "0a3f");
	assert_int_equal(l->receipt.state, RECEIPT_DELIVERED);
	assert_int_equal(l->receipt.from, 4917);
	/* a part of a long message, by sar_ TLVs */
	say(p, "0000003a 00000005 00000000 0000000a " DELIVER "00 00 00 00 00 00 00 00 00 01 41"
	       "020c 0002 0007 020e 0001 02 020f 0001 01");
	WAIT(l, l->n_inbound == 1);
	assert_string_equal(l->in_text, "A");
	assert_int_equal(l->n_in_raw, 8);
	assert_memory_equal(l->in_raw, "\6\x08\4\0\7\2\1A", 8);
	assert_int_equal(p->n_in, 0); /* nothing yet */
	l->driver->ack(l, l->tokens[1], -EIO);
	hear(p, "00000011 80000005 00000064 0000000a 00");
	l->driver->ack(l, l->tokens[0], 0);
	hear(p, "00000011 80000005 00000000 00000009 00");
	peer_end(p);
}

/* ---- receipts as carriers write them ---- */

#define ID_TLV    "001e 0005 3061336600 " /* "0a3f" */
#define STATE(n)  "0427 0001 0" #n " "
#define ERROR(s)  "0423 0003 " s " "
#define MESSAGE   (-1)

#define TLV          1u /* the id is the TLV's */
#define INTERMEDIATE 2u
#define UNTYPED      4u /* a receipt only where the link says that they may come so */

static const struct written {
	const char *why;
	unsigned esm, dcs;
	const char *text, *udh, *tlvs; /* udh, tlvs: hex */
	int state;                     /* enum receipt_state; MESSAGE: it is none */
	const char *id, *id2, *stat, *err;
	unsigned flags;
} written[] = {
	{ "the suggestion of the standard", 4, 0, "id:77 stat:DELIVRD err:000 text:hi", "", "", RECEIPT_DELIVERED,
		"77", "", "DELIVRD", "000", 0 },
	{ "TLVs alone", 4, 0, "", "", ID_TLV STATE(5) ERROR("030022"), RECEIPT_UNDELIVERABLE, "0a3f", "", "5",
		"034", TLV },
	{ "TLVs alone, esm_class 0", 0, 0, "", "", ID_TLV STATE(2), RECEIPT_DELIVERED, "0a3f", "", "2", "", TLV },
	{ "both, the same id", 4, 0, "id:0a3f stat:DELIVRD err:000", "", ID_TLV STATE(2), RECEIPT_DELIVERED,
		"0a3f", "", "DELIVRD", "000", TLV },
	{ "both, another base", 4, 0, "id:2623 stat:DELIVRD err:000", "", ID_TLV STATE(2), RECEIPT_DELIVERED,
		"0a3f", "2623", "DELIVRD", "000", TLV },
	{ "the TLV wins: failed", 4, 0, "id:7 stat:DELIVRD", "", STATE(5), RECEIPT_UNDELIVERABLE, "7", "",
		"DELIVRD/5", "", 0 },
	{ "the TLV wins: delivered", 4, 0, "id:7 stat:EXPIRED", "", STATE(2), RECEIPT_DELIVERED, "7", "",
		"EXPIRED/2", "", 0 },
	{ "a TLV that says nothing beside a text that does", 4, 0, "id:7 stat:DELIVRD", "", STATE(1),
		RECEIPT_DELIVERED, "7", "", "DELIVRD/1", "", 0 },
	{ "TLV unknown, text known", 4, 0, "id:7 stat:EXPIRED", "", STATE(7), RECEIPT_EXPIRED, "7", "",
		"EXPIRED/7", "", 0 },
	{ "TLV unknown, text unknown", 4, 0, "id:7 stat:BADSTAT", "", STATE(7), RECEIPT_UNKNOWN, "7", "",
		"BADSTAT", "", 0 },
	{ "a state nobody defined", 4, 0, "id:7 stat:DELIVRD", "", "0427 0001 0b ", RECEIPT_DELIVERED, "7", "",
		"DELIVRD", "", 0 },
	{ "a word nobody knows, without an error", 4, 0, "id:7 stat:BADSTAT err:000", "", "", RECEIPT_UNKNOWN,
		"7", "", "BADSTAT", "000", INTERMEDIATE },
	{ "a word nobody knows, with an error", 4, 0, "id:7 stat:BADSTAT err:017", "", "", RECEIPT_UNKNOWN, "7",
		"", "BADSTAT", "017", 0 },
	{ "intermediate", 0x20, 0, "id:7 stat:ENROUTE", "", "", RECEIPT_ENROUTE, "7", "", "ENROUTE", "",
		INTERMEDIATE },
	{ "intermediate, whatever it says", 0x20, 0, "id:7 stat:DELIVRD", "", "", RECEIPT_DELIVERED, "7", "",
		"DELIVRD", "", INTERMEDIATE },
	{ "behind a header", 0x44, 0, "id:7 stat:DELIVRD", "0500032a0201", "", RECEIPT_DELIVERED, "7", "",
		"DELIVRD", "", 0 },
	{ "in message_payload", 4, 0, "", "", "0424 0012 69643a3720737461743a44454c49565244 00",
		RECEIPT_DELIVERED, "7", "", "DELIVRD", "", 0 },
	{ "UTF-16 without data_coding 8", 4, 0, "", "",
		"0424 0022 00690064003a00370020 0073007400610074003a 00440045004c004900560052 0044",
		RECEIPT_DELIVERED, "7", "", "DELIVRD", "", 0 },
	{ "data_coding 8 of plain ASCII", 4, 8, "id:7 stat:DELIVRD", "", "", RECEIPT_DELIVERED, "7", "",
		"DELIVRD", "", 0 },
	{ "an error of another network than GSM", 4, 0, "id:7 stat:UNDELIV err:000", "", ERROR("080022"),
		RECEIPT_UNDELIVERABLE, "7", "", "UNDELIV", "8/034", 0 },
	{ "three digits for network and error", 4, 0, "id:7 stat:UNDELIV", "", ERROR("303334"),
		RECEIPT_UNDELIVERABLE, "7", "", "UNDELIV", "034", 0 },
	{ "an error in the text, none in the TLV", 4, 0, "id:7 stat:UNDELIV err:21b", "", ERROR("030000"),
		RECEIPT_UNDELIVERABLE, "7", "", "UNDELIV", "21b", 0 },
	{ "no id", 4, 0, "stat:DELIVRD err:000", "", "", RECEIPT_DELIVERED, "", "", "DELIVRD", "000", 0 },
	{ "nothing at all", 4, 0, "", "", "", RECEIPT_NONE, "", "", "", "", 0 },
	{ "esm_class 0, text", 0, 0, "id:7 stat:DELIVRD", "", "", RECEIPT_DELIVERED, "7", "", "DELIVRD", "",
		UNTYPED },
	{ "esm_class 0, but it has no state", 0, 0, "id:7", "", "", MESSAGE, "", "", "", "", 0 },
	{ "esm_class 0, a word nobody knows", 0, 0, "id:7 stat:BADSTAT", "", "", MESSAGE, "", "", "", "", 0 },
	{ "esm_class 0, an id later on", 0, 0, "my id:7 stat:DELIVRD", "", "", MESSAGE, "", "", "", "", 0 },
	{ "a message of a handset", 0, 0, "hello", "", "", MESSAGE, "", "", "", "", 0 },
	{ "an answer of a handset", 8, 0, "id:7 stat:DELIVRD", "", "", MESSAGE, "", "", "", "", 0 }, /* 5.2.12 */
};

static void say_written(struct peer *p, const struct written *x, unsigned seq)
{
	char hex[2048], text[600] = "";
	size_t n_text = strlen(x->text), n = strlen(x->udh) / 2 + n_text, n_tlvs = 0;

	for (size_t i = 0; i < n_text; i++)
		snprintf(text + 2 * i, sizeof(text) - 2 * i, "%02x", (unsigned char)x->text[i]);
	for (const char *c = x->tlvs; *c; c++)
		n_tlvs += *c != ' ';
	snprintf(hex, sizeof(hex), "%08x 00000005 00000000 %08x " DELIVER "%02x 0000 00 00 00 00 %02x 00 %02x %s %s %s",
		(unsigned)(16 + 27 + n + n_tlvs / 2 - 2), seq, x->esm, x->dcs, (unsigned)n, x->udh, text, x->tlvs);
	say(p, hex);
}

static void judge_written(const struct link *l, const struct written *x)
{
	const struct link_receipt *r = &l->receipt;

	if (r->state != (enum receipt_state)x->state || strcmp(l->receipt_id, x->id) != 0 ||
		strcmp(l->receipt_id2, x->id2) != 0 || strcmp(l->receipt_stat, x->stat) != 0 ||
		strcmp(l->receipt_err, x->err) != 0 || r->smsc_id_tlv != !!(x->flags & TLV) ||
		r->intermediate != !!(x->flags & INTERMEDIATE))
		fail_msg("%s: state %d id \"%s\" \"%s\" stat \"%s\" err \"%s\"", x->why, r->state, l->receipt_id,
			l->receipt_id2, l->receipt_stat, l->receipt_err);
	assert_int_equal(r->from, 4917);
	assert_int_equal(r->other, 5678);
}

static void receipts_as_written(const char *settings, bool untyped)
{
	struct peer *p = peer_bound(settings);
	struct link *l = p->link;

	for (unsigned i = 0; i < sizeof(written) / sizeof(written[0]); i++) {
		const struct written *x = &written[i];
		unsigned before = l->n_receipts, inbound = l->n_inbound;
		bool is_receipt = x->state != MESSAGE && (untyped || !(x->flags & UNTYPED));

		say_written(p, x, i + 1);
		WAIT(l, l->n_receipts + l->n_inbound > before + inbound);
		if (l->n_receipts - before != (is_receipt ? 1 : 0))
			fail_msg("%s: %s", x->why, is_receipt ? "not seen as a receipt" : "seen as a receipt");
		if (is_receipt)
			judge_written(l, x);
	}
	peer_end(p);
}

static void receipts_are_read_as_carriers_write_them(void **state)
{
	receipts_as_written("", false);
	receipts_as_written("untyped_receipts = true;", true);
}

static void ports_told_by_tlvs_become_a_header(void **state)
{
	struct peer *p = peer_bound("");
	struct link *l = p->link;

	/* destination_port 2948, source_port 9200: SMPP 3.4, 5.3.2.21 and .20; 3GPP TS 23.040, 9.2.3.24.4 */
	say(p, "00000037 00000005 00000000 0000000a " DELIVER "00 00 00 00 00 00 00 04 00 02 0a0b"
	       "020b 0002 0b84 020a 0002 23f0");
	WAIT(l, l->n_inbound == 1);
	assert_string_equal(l->in_text, "0a0b");
	assert_int_equal(l->n_in_raw, 9);
	assert_memory_equal(l->in_raw, "\6\5\4\x0b\x84\x23\xf0\x0a\x0b", 9);
	peer_end(p);
}

static void data_sm_is_a_message_as_deliver_sm_is(void **state)
{
	struct peer *p = peer_bound("");
	struct link *l = p->link;

	/* SMPP 3.4, 4.7.1: all of the text is in message_payload; here a part behind its header */
	l->ack = ACK_HOLD;
	say(p, "0000002d 00000103 00000000 0000000a " DELIVER "40 00 00 0424 0007 050003070201 41");
	WAIT(l, l->n_inbound == 1);
	assert_string_equal(l->in_text, "A");
	assert_memory_equal(l->in_raw, "\5\0\3\7\2\1A", 7);
	l->driver->ack(l, l->tokens[0], -ENOSPC);
	hear(p, "00000011 80000103 00000064 0000000a 00");
	say(p, "0000002e 00000103 00000000 0000000b " DELIVER "04 00 00 001e 0003 613100 0427 0001 02");
	WAIT(l, l->n_receipts == 1);
	assert_string_equal(l->receipt_id, "a1");
	l->driver->ack(l, l->tokens[1], 0);
	hear(p, "00000011 80000103 00000000 0000000b 00");
	peer_end(p);
}

/* Beyond SESSION_MAX_UNACKED the peer is no longer read; nothing of what it said is lost. */
static void unacknowledged_messages_are_bounded(void **state)
{
	struct peer *p = peer_bound("");
	struct link *l = p->link;

	l->ack = ACK_HOLD;
	for (unsigned i = 0; i < 1500; i++) {
		char hex[128];

		snprintf(hex, sizeof(hex), "0000002a 00000005 00000000 %08x " DELIVER "00 00 00 00 00 00 00 00 00 01 41", i);
		say(p, hex);
	}
	WAIT(l, l->n_inbound >= 1000);
	submit(p, "00000002"); /* it still sends, and meanwhile reads no more */
	assert_int_equal(l->n_inbound, 1000);
	core_ack_all(l, 0);
	WAIT(l, l->n_inbound == 1500);
	core_ack_all(l, 0);
	WAIT(l, p->n_in >= 1500 * 17);
	assert_int_equal(p->n_in, 1500 * 17);
	peer_end(p);
}

static void a_late_answer_is_told(void **state)
{
	struct peer *p = peer_bound("response_timeout = 0.1; enquire_link = 30;");

	submit(p, "00000002");
	hear(p, "00000010 00000015 00000000 00000003"); /* no answer in time: is anybody there? */
	say(p, "00000010 80000015 00000000 00000003");
	assert_int_equal(p->link->parts[1].end.outcome, OUTCOME_UNKNOWN);
	say(p, "00000015 80000004 00000000 00000002 3061336600");
	WAIT(p->link, p->link->n_late == 1);
	assert_int_equal(p->link->parts[1].late, OUTCOME_SENT);
	peer_end(p);
}

/* SMPP 5.0, 4.8.4.18: in any response, beside what it settles. */
static void congestion_is_told(void **state)
{
	static const struct {
		const char *why, *hex;
		unsigned percent, n_told;
	} rows[] = {
		{ "behind the message_id", "0000001a 80000004 00000000 00000002 3061336600 0428 0001 5f", 95, 1 },
		{ "other TLVs first", "0000001f 80000004 00000000 00000003 3061336600 0420 0001 01 0428 0001 14", 20, 2 },
		{ "a refusal without body", "00000015 80000004 00000058 00000004 0428 0001 64", 100, 3 },
		{ "a refusal with an empty id", "00000016 80000004 00000058 00000005 00 0428 0001 63", 99, 4 },
		{ "above 100 is reserved", "00000016 80000004 00000058 00000006 00 0428 0001 65", 99, 4 },
		{ "cut", "0000001a 80000004 00000000 00000007 3061336600 0428 0002 5f", 99, 4 },
		{ "an id that looks like one", "00000015 80000004 00000000 00000008 0428000100", 99, 4 },
	};
	struct peer *p = peer_bound("");

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char seq[9];

		snprintf(seq, sizeof(seq), "%08zx", i + 2);
		submit(p, seq);
		say(p, rows[i].hex);
		WAIT(p->link, p->link->n_settled == i + 1);
		if (p->link->n_congestion != rows[i].n_told || p->link->congestion != rows[i].percent)
			fail_msg("%s: told %u times, last %u", rows[i].why, p->link->n_congestion, p->link->congestion);
	}
	say(p, "00000015 80000015 00000000 00000063 0428 0001 00"); /* enquire_link_resp */
	WAIT(p->link, p->link->n_congestion == 5);
	assert_int_equal(p->link->congestion, 0);
	peer_end(p);
}

/* query_sm for the id 0a3f of a message from Shop (SMPP 3.4, 4.8.1). */
static int ask(struct peer *p, const char *id)
{
	const struct driver_question q = { .key = 77, .smsc_id = id, .from = "Shop", .to = 12025550142 };
	int r;

	p->link->in_submit = true;
	r = p->link->driver->ask(p->link, &q);
	p->link->in_submit = false;
	p->link->n_asked += r == 0;
	return r;
}

static void asked(struct peer *p, unsigned seq)
{
	char hex[100];

	assert_int_equal(ask(p, "0a3f"), 0);
	snprintf(hex, sizeof(hex), "0000001c 00000003 00000000 %08x 3061336600 05 00 53686f7000", seq);
	hear(p, hex);
}

static void questions_are_answered_as_carriers_do(void **state)
{
	static const struct {
		const char *why, *head, *tail; /* the sequence_number stands between */
		enum answer_kind kind;
		enum receipt_state says;
		const char *stat, *err;
	} rows[] = {
		{ "delivered, with its time", "00000028 80000003 00000000",
			"3061336600 3236303630313130313130303030302b00 02 00", ANSWER_STATE, RECEIPT_DELIVERED, "2", "0" },
		{ "on its way, no time", "00000018 80000003 00000000", "3061336600 00 01 00", ANSWER_STATE, RECEIPT_ENROUTE, "1", "0" },
		{ "undeliverable, with an error", "00000018 80000003 00000000", "3061336600 00 05 22", ANSWER_STATE,
			RECEIPT_UNDELIVERABLE, "5", "34" },
		{ "no error_code", "00000017 80000003 00000000", "3061336600 00 08", ANSWER_STATE, RECEIPT_REJECTED, "8", "" },
		{ "no message_id", "00000014 80000003 00000000", "00 00 03 00", ANSWER_STATE, RECEIPT_EXPIRED, "3", "0" },
		{ "a state that nobody defined", "00000014 80000003 00000000", "00 00 63 00", ANSWER_STATE, RECEIPT_NONE, "99", "0" },
		{ "skipped, of 5.0", "00000014 80000003 00000000", "00 00 09 00", ANSWER_STATE, RECEIPT_SKIPPED, "9", "0" },
		{ "good, and nothing else", "00000010 80000003 00000000", "", ANSWER_FAILED, RECEIPT_NONE, "", "" },
		{ "cut before the state", "00000016 80000003 00000000", "3061336600 00", ANSWER_FAILED, RECEIPT_NONE, "", "" },
		{ "ESME_RQUERYFAIL", "00000014 80000003 00000067", "00 00 00 00", ANSWER_FAILED, RECEIPT_NONE, "", "" },
		{ "the same without a body", "00000010 80000003 00000067", "", ANSWER_FAILED, RECEIPT_NONE, "", "" },
		{ "ESME_RINVMSGID", "00000010 80000003 0000000c", "", ANSWER_UNKNOWN, RECEIPT_NONE, "", "" },
		{ "ESME_RINVCMDID", "00000010 80000003 00000003", "", ANSWER_UNSUPPORTED, RECEIPT_NONE, "", "" },
		{ "a nack", "00000010 80000000 00000003", "", ANSWER_UNSUPPORTED, RECEIPT_NONE, "", "" },
		{ "ESME_RPROHIBITED", "00000010 80000003 00000101", "", ANSWER_UNSUPPORTED, RECEIPT_NONE, "", "" },
		{ "ESME_RTHROTTLED", "00000010 80000003 00000058", "", ANSWER_LATER, RECEIPT_NONE, "", "" },
		{ "a status that ends sessions, elsewhere", "00000010 80000003 00000004", "", ANSWER_FAILED, RECEIPT_NONE, "", "" },
		{ "the answer to something else", "00000015 80000004 00000000", "3061336600", ANSWER_FAILED, RECEIPT_NONE, "", "" },
	};
	struct peer *p = peer_bound("");
	struct link *l = p->link;
	unsigned i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char hex[200];

		asked(p, i + 2);
		snprintf(hex, sizeof(hex), "%s %08x %s", rows[i].head, i + 2, rows[i].tail);
		say(p, hex);
		WAIT(l, l->n_answered == i + 1);
		if (l->answer.key != 77 || l->answer.kind != rows[i].kind || l->answer.state != rows[i].says ||
			strcmp(l->answer_stat, rows[i].stat) != 0 || strcmp(l->answer_err, rows[i].err) != 0)
			fail_msg("%s: kind %d, state %d, %s:%s", rows[i].why, l->answer.kind, l->answer.state, l->answer_stat,
				l->answer_err);
	}
	submit(p, "00000014"); /* and the session lives */
	say(p, "00000015 80000004 00000000 00000014 3061336600");
	WAIT(l, l->n_settled == 1);
	assert_int_equal(l->n_down, 0);
	assert_int_equal(ask(p, ""), -EINVAL);
	assert_int_equal(ask(p, "12345678901234567890123456789012345678901234567890123456789012345"), -EINVAL);
	peer_end(p);
}

/* One place of the window each; no answer, a late one, and the end of the connection. */
static void a_question_has_one_end(void **state)
{
	struct peer *p = peer_bound("window = 1; response_timeout = 0.1; enquire_link = 0;");
	struct link *l = p->link;

	asked(p, 2);
	assert_int_equal(ask(p, "0a3f"), -EAGAIN);
	WAIT(l, l->n_answered == 1);
	assert_int_equal(l->answer.kind, ANSWER_NONE);
	say(p, "00000018 80000003 00000000 00000002 3061336600 00 02 00"); /* late: nothing */
	assert_int_equal(ask(p, "0a3f"), 0);
	uv_close((uv_handle_t *)&p->conn, on_conn_closed);
	WAIT(l, l->n_answered == 2);
	assert_int_equal(l->answer.kind, ANSWER_UNSENT);
	assert_int_equal(l->n_settled + l->n_late, 0);
	peer_end(p);
}

static void enquire_link_keeps_a_quiet_session(void **state)
{
	struct peer *p = peer_bound("enquire_link = 0.02; response_timeout = 0.5;");

	for (unsigned i = 2; i < 7; i++) {
		char hex[64];

		snprintf(hex, sizeof(hex), "00000010 00000015 00000000 %08x", i);
		hear(p, hex);
		hex[9] = '8';
		say(p, hex);
	}
	assert_int_equal(p->link->n_down, 0);
	peer_end(p);
}

static void unbind_is_answered(void **state)
{
	struct peer *p = peer_bound("");

	submit(p, "00000002");
	say(p, "00000010 00000006 00000000 00000005");
	hear(p, "00000010 80000006 00000000 00000005");
	WAIT(p->link, p->link->n_settled == 1);
	assert_int_equal(p->link->parts[1].end.outcome, OUTCOME_UNKNOWN);
	peer_end(p);
}

/* The peer does not read: what the kernel took is unknown, the rest was never sent. */
static void unsent_is_told_from_unknown(void **state)
{
	struct peer *p = peer_bound("window = 1000; response_timeout = 2; concat = \"payload\";");
	struct link *l = p->link;
	static char text[9000];
	struct part part = {
		.to = 12025550142, .from = "12345", .part = 1, .n_parts = 64, .encoding = ENC_GSM7,
		.text = text, .n_text = sizeof(text), /* long, so that the kernel's buffers are soon full */
	};
	unsigned n = 0;
	int r = 0;

	uv_read_stop((uv_stream_t *)&p->conn);
	memset(text, 'x', sizeof(text));
	while (n < 1000 && (r = core_submit_part(l, &part)) == 0) {
		n++;
		if (n % 10 == 0)
			uv_run(&l->loop, UV_RUN_NOWAIT);
	}
	assert_int_equal(r, -EAGAIN);
	uv_close((uv_handle_t *)&p->conn, on_conn_closed);
	WAIT(l, l->n_settled == n);
	assert_int_equal(l->n_by[OUTCOME_UNKNOWN] + l->n_by[OUTCOME_UNSENT], n);
	assert_true(l->n_by[OUTCOME_UNKNOWN] > 0);
	assert_true(l->n_by[OUTCOME_UNSENT] > 0);
	/* In the order of the wire: no unknown part behind an unsent one. */
	for (unsigned i = 2; i <= n; i++)
		assert_false(
			l->parts[i].end.outcome == OUTCOME_UNKNOWN && l->parts[i - 1].end.outcome == OUTCOME_UNSENT);
	peer_end(p);
}

/* ---- who we are, by version ---- */

static void binds_say_kind_and_version(void **state)
{
	static const struct {
		const char *settings, *bind;
	} rows[] = {
		{ "interface_version = 0x33; bind = \"transmitter\";",
			"00000019 00000002 00000000 00000001 6500 7000 00 33 00 00 00" },
		{ "interface_version = 0x33; bind = \"receiver\";",
			"00000019 00000001 00000000 00000001 6500 7000 00 33 00 00 00" },
		{ "bind = \"receiver\";", "00000019 00000001 00000000 00000001 6500 7000 00 34 00 00 00" },
		{ "interface_version = 0x50;", "00000019 00000009 00000000 00000001 6500 7000 00 50 00 00 00" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct peer *p = peer_new(rows[i].settings);

		hear(p, rows[i].bind);
		peer_end(p);
	}
}

static void on_bind_view(void *arg, const struct driver_bind *b)
{
	snprintf(arg, 200, "%u %s %s %s v%s out %u", b->n, b->kind, b->state, b->up ? "up" : "down", b->version,
		b->outstanding);
}

static void a_bind_is_shown(void **state)
{
	struct peer *p = peer_new("");
	char text[200] = "";

	hear(p, BIND_SENT);
	p->link->driver->binds(p->link, on_bind_view, text);
	assert_string_equal(text, "0 transceiver open down v out 0");
	say(p, "0000001a 80000009 00000000 00000001 736d736300 0210 0001 50");
	WAIT(p->link, p->link->up);
	submit(p, "00000002");
	p->link->driver->binds(p->link, on_bind_view, text);
	assert_string_equal(text, "0 transceiver bound_trx up v5.0 out 1");
	peer_end(p);
}

/* ---- good-byes ---- */

static void our_unbind_waits_for_the_window(void **state)
{
	struct peer *p = peer_bound("");

	submit(p, "00000002");
	submit(p, "00000003");
	p->link->driver->stop(p->link);
	say(p, "00000015 80000004 00000000 00000003 3061343000");
	WAIT(p->link, p->link->n_settled == 1);
	assert_int_equal(p->n_in, 0); /* one is still open */
	say(p, "00000015 80000004 00000000 00000002 3061336600");
	hear(p, "00000010 00000006 00000000 00000004");
	assert_int_equal(p->link->n_by[OUTCOME_SENT], 2);
	say(p, "00000010 80000006 00000000 00000004");
	WAIT(p->link, p->link->stopped);
	peer_end(p);
}

static void our_unbind_does_not_wait_for_ever(void **state)
{
	struct peer *p = peer_bound("response_timeout = 0.1; enquire_link = 0;");

	submit(p, "00000002");
	p->link->driver->stop(p->link);
	hear(p, "00000010 00000006 00000000 00000003");
	WAIT(p->link, p->link->stopped); /* nor for the answer to it */
	assert_int_equal(p->link->n_by[OUTCOME_UNKNOWN], 1);
	peer_end(p);
}

/* The SMSC unbinds with our window open, and answers it while it waits for our answer. */
static void their_unbind_waits_for_the_window(void **state)
{
	struct peer *p = peer_bound("");
	struct link *l = p->link;

	l->ack = ACK_HOLD;
	submit(p, "00000002");
	say(p, "0000002a 00000005 00000000 00000009 00 01 01 3439313700 01 01 3536373800 00 00 00 00 00 00 00 00 00 01 41");
	WAIT(l, l->n_tokens == 1);
	say(p, "00000010 00000006 00000000 00000005");
	WAIT(l, l->n_down == 1);
	assert_int_equal(core_submit(l), -ENOTCONN);
	say(p, "00000015 80000004 00000000 00000002 3061336600");
	WAIT(l, l->n_by[OUTCOME_SENT] == 1);
	assert_int_equal(p->n_in, 0); /* the deliver_sm is not stored yet */
	core_ack_all(l, 0);
	hear(p, "00000011 80000005 00000000 00000009 00 00000010 80000006 00000000 00000005");
	WAIT(l, p->closed);
	peer_end(p);
}

/* ---- bad input ---- */

/* What an SMSC should not say, and what it is told; the session lives, as an enquire_link shows. */
static void the_session_lives_through(void **state)
{
	static const struct {
		const char *why, *say, *hear;
	} rows[] = {
		{ "sequence_number 0", "00000010 00000015 00000000 00000000", "00000010 80000015 00000000 00000000" },
		{ "the largest", "00000010 00000015 00000000 7fffffff", "00000010 80000015 00000000 7fffffff" },
		{ "beyond", "00000010 00000015 00000000 80000000", "00000010 80000015 00000000 80000000" },
		{ "twice the same", "00000010 00000015 00000000 00000007 00000010 00000015 00000000 00000007",
			"00000010 80000015 00000000 00000007 00000010 80000015 00000000 00000007" },
		{ "a status in a request", "00000010 00000015 00000058 00000008", "00000010 80000015 00000000 00000008" },
		{ "a body where none belongs", "00000014 00000015 00000000 00000009 61626364",
			"00000010 80000015 00000000 00000009" },
		{ "no such command", "00000010 00000666 00000000 0000000a", "00000010 80000000 00000003 0000000a" },
		{ "a vendor's command", "00000012 00010200 00000000 0000000b 0102",
			"00000010 80000000 00000003 0000000b" },
		{ "broadcast_sm, of 5.0", "00000010 00000111 00000000 0000000c", "00000010 80000000 00000003 0000000c" },
		{ "a bind, from the SMSC", "00000019 00000009 00000000 0000000d 6500 7000 00 34 00 00 00",
			"00000010 80000000 00000003 0000000d" },
		{ "submit_sm, from the SMSC", "00000010 00000004 00000000 0000000e", "00000010 80000000 00000003 0000000e" },
		{ "query_sm, from the SMSC", "00000010 00000003 00000000 0000000f", "00000010 80000000 00000003 0000000f" },
		{ "a deliver_sm without a body", "00000010 00000005 00000000 00000010",
			"00000011 80000005 00000002 00000010 00" },
		{ "source_addr without its end", "00000016 00000005 00000000 00000011 00 01 01 343931",
			"00000011 80000005 0000000a 00000011 00" },
		{ "sm_length past the end",
			"0000002a 00000005 00000000 00000012 00 01 01 3439313700 01 01 3536373800 00 00 00 00 00 00 00 00 00 ff "
			"41", "00000011 80000005 00000001 00000012 00" },
		{ "a data_sm that is cut", "00000012 00000103 00000000 00000013 00 01",
			"00000011 80000103 00000002 00000013 00" },
		{ "an answer to no submit_sm", "00000011 80000004 00000000 00000063 00", "" },
		{ "an error to no submit_sm", "00000010 80000004 00000004 00000063", "" },
		{ "an answer to no bind", "00000015 80000009 00000000 00000001 736d736300", "" },
		{ "a refusal of no bind", "00000010 80000009 0000000e 00000001", "" },
		{ "an answer to no unbind", "00000010 80000006 00000000 00000063", "" },
		{ "an answer to no enquire_link", "00000010 80000015 00000000 00000063", "" },
		{ "an answer to what we never ask", "00000010 80000003 00000000 00000063", "" },
		{ "a response of no command", "00000010 80000666 00000000 00000063", "" },
		{ "a nack for nothing", "00000010 80000000 00000003 00000063", "" },
		{ "outbind on a bound session", "00000014 0000000b 00000000 00000064 7300 7000", "" },
		{ "half an outbind", "00000012 0000000b 00000000 00000065 7300", "" },
		{ "half an alert_notification", "00000012 00000102 00000000 00000066 0101", "" },
	};
	struct peer *p = peer_bound("");

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("%s\n", rows[i].why);
		say(p, rows[i].say);
		hear(p, rows[i].hear);
		say(p, "00000010 00000015 00000000 00001234");
		hear(p, "00000010 80000015 00000000 00001234");
	}
	assert_int_equal(p->link->n_down, 0);
	assert_int_equal(p->link->n_receipts + p->link->n_inbound, 0);
	/* An answer that comes twice settles once. */
	submit(p, "00000002");
	say(p, "00000015 80000004 00000000 00000002 3061336600 00000015 80000004 00000000 00000002 3061336600");
	submit(p, "00000003");
	assert_int_equal(p->link->n_settled, 1);
	peer_end(p);
}

/* Where one PDU ends and the next begins cannot be known any more. */
static void the_stream_is_lost_after(void **state)
{
	static const struct {
		const char *why, *say;
	} rows[] = {
		{ "command_length 0", "00000000" },
		{ "shorter than a header", "0000000f 00000015 00000000 00000007" },
		{ "65,537 octets", "00010001 00000005" },
		{ "2 GB", "7fffffff 00000005 00000000 00000001" },
		{ "4 GB", "ffffffff" },
		{ "text", "48545450 2f312e31" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct peer *p = peer_bound("");

		print_message("%s\n", rows[i].why);
		say(p, rows[i].say);
		hear(p, "00000010 80000000 00000002 00000000");
		WAIT(p->link, p->closed && p->link->n_down >= 1);
		assert_string_equal(p->link->reason, "command_length out of range");
		peer_end(p);
	}
}

/* It asks and asks and never reads what it is told: our answers are bounded, then it is let go. */
static void who_does_not_read_is_let_go(void **state)
{
	static uint8_t out[16 * 4096];
	struct peer *p = peer_bound("");
	size_t at = 0; /* in the PDU where the last write stopped */

	for (size_t i = 0; i < sizeof(out); i += 16)
		from_hex("00000010 00000666 00000000 0000000a", out + i, 16);
	uv_read_stop((uv_stream_t *)&p->conn);
	for (unsigned turns = 0; turns < 100000 && !p->link->n_down; turns++) {
		uv_buf_t buf = uv_buf_init((char *)out + at, (unsigned)(sizeof(out) - at));
		int r = uv_try_write((uv_stream_t *)&p->conn, &buf, 1);

		at = r > 0 ? (at + (size_t)r) % 16 : at;
		uv_run(&p->link->loop, UV_RUN_NOWAIT);
	}
	assert_true(p->link->n_down >= 1);
	assert_string_equal(p->link->reason, "the SMSC does not read");
	peer_end(p);
}

static void half_a_pdu_is_waited_for_and_no_longer(void **state)
{
	struct peer *p = peer_bound("response_timeout = 0.1; enquire_link = 30;");

	say(p, "00000032 00000005 00000000 00000009 00 01");
	hear(p, "00000010 80000000 00000002 00000000");
	WAIT(p->link, p->closed);
	assert_string_equal(p->link->reason, "half a PDU, and no more of it");
	peer_end(p);
}

static void messages_in_the_wrong_state_are_refused(void **state)
{
	struct peer *p = peer_new("");

	hear(p, BIND_SENT);
	say(p, "0000002a 00000005 00000000 00000009 " DELIVER "00 00 00 00 00 00 00 00 00 01 41");
	hear(p, "00000011 80000005 00000004 00000009 00");
	say(p, "00000010 00000015 00000000 00000001"); /* this one may always be asked */
	hear(p, "00000010 80000015 00000000 00000001");
	say(p, BIND_OK);
	WAIT(p->link, p->link->up);
	peer_end(p);
	p = peer_new("bind = \"transmitter\";");
	hear(p, "00000019 00000002 00000000 00000001 6500 7000 00 34 00 00 00");
	say(p, "00000015 80000002 00000000 00000001 736d736300");
	WAIT(p->link, p->link->up);
	say(p, "0000002a 00000005 00000000 00000009 " DELIVER "00 00 00 00 00 00 00 00 00 01 41");
	hear(p, "00000011 80000005 00000004 00000009 00");
	assert_int_equal(p->link->n_inbound, 0);
	peer_end(p);
}

/* ---- outbind ---- */

static void on_called(uv_connect_t *req, int status)
{
	struct peer *c = req->data;

	c->connected = true;
	if (status == UV_ECONNRESET) { /* hung up on before we have heard that it stands */
		uv_close((uv_handle_t *)&c->conn, on_conn_closed);
	} else {
		assert_int_equal(status, 0);
		uv_read_start((uv_stream_t *)&c->conn, on_alloc, on_in);
	}
	uv_stop(&c->link->loop);
}

/* An SMSC that calls; to be closed by call_end(). */
static struct peer *call(struct peer *p, int port)
{
	static uv_connect_t req;
	struct peer *c = calloc(1, sizeof(*c));
	struct sockaddr_in addr;

	c->link = p->link;
	uv_tcp_init(&p->link->loop, &c->conn);
	c->conn.data = req.data = c;
	uv_ip4_addr("127.0.0.1", port, &addr);
	assert_int_equal(uv_tcp_connect(&req, &c->conn, (struct sockaddr *)&addr, on_called), 0);
	WAIT(p->link, c->connected);
	return c;
}

static void call_end(struct peer *c)
{
	if (!uv_is_closing((uv_handle_t *)&c->conn))
		uv_close((uv_handle_t *)&c->conn, on_conn_closed);
	WAIT(c->link, c->closed);
	free(c);
}

static void on_place(void *arg, const struct driver_bind *b)
{
	*(bool *)arg |= strcmp(b->state, "listening") == 0;
}

static bool has_place(struct peer *p)
{
	bool yes = false;

	p->link->driver->binds(p->link, on_place, &yes);
	return yes;
}

#define OUTBIND "outbind_listen = \"127.0.0.1:%d\"; outbind_system_id = \"smsc\"; outbind_password = \"w\"; %s"

static struct peer *peer_to_call(int *ret_port, const char *more)
{
	char settings[300];

	*ret_port = free_port();
	snprintf(settings, sizeof(settings), OUTBIND, *ret_port, more);
	return peer_bound(settings);
}

/* SMPP 3.4, 2.2.2: it calls, says who it is, and gets a bind_receiver on the same connection. */
static void the_smsc_may_call(void **state)
{
	int port;
	struct peer *p = peer_to_call(&port, ""), *c = call(p, port);

	say(c, "00000017 0000000b 00000000 00000001 736d736300 7700");
	hear(c, "00000019 00000001 00000000 00000001 6500 7000 00 34 00 00 00");
	say(c, "00000015 80000001 00000000 00000001 736d736300");
	say(c, "0000002a 00000005 00000000 00000009 " DELIVER "00 00 00 00 00 00 00 00 00 01 41");
	hear(c, "00000011 80000005 00000000 00000009 00");
	assert_string_equal(p->link->in_text, "A");
	assert_int_equal(p->link->window, 50); /* it receives: nothing more can be sent */
	say(c, "00000010 00000006 00000000 00000002");
	hear(c, "00000010 80000006 00000000 00000002");
	call_end(c);
	WAIT(p->link, has_place(p));
	c = call(p, port); /* and again */
	say(c, "00000017 0000000b 00000000 00000001 736d736300 7700");
	hear(c, "00000019 00000001 00000000 00000001 6500 7000 00 34 00 00 00");
	call_end(c);
	peer_end(p);
}

static void who_calls_without_the_password_learns_nothing(void **state)
{
	static const struct {
		const char *why, *say, *hear;
	} rows[] = {
		{ "a wrong password", "00000017 0000000b 00000000 00000001 736d736300 7800", "" },
		{ "a longer one", "00000018 0000000b 00000000 00000001 736d736300 777700", "" },
		{ "none", "00000016 0000000b 00000000 00000001 736d736300 00", "" },
		{ "a wrong name", "00000017 0000000b 00000000 00000001 736d736400 7700", "" },
		{ "no name", "00000013 0000000b 00000000 00000001 00 7700", "" },
		{ "half an outbind", "00000012 0000000b 00000000 00000001 736d", "00000010 80000000 00000002 00000000" },
		{ "no SMPP", "47455420 2f204854", "00000010 80000000 00000002 00000000" },
		{ "a message first", "0000002a 00000005 00000000 00000009 " DELIVER "00 00 00 00 00 00 00 00 00 01 41",
			"00000011 80000005 00000004 00000009 00" },
		{ "silence", "", "" },
	};
	int port;
	struct peer *p = peer_to_call(&port, "response_timeout = 0.2; enquire_link = 30;");

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct peer *c = call(p, port);

		print_message("%s\n", rows[i].why);
		if (*rows[i].say)
			say(c, rows[i].say);
		hear(c, rows[i].hear);
		WAIT(p->link, c->closed);
		assert_int_equal(c->n_in, 0);
		call_end(c);
		WAIT(p->link, has_place(p));
	}
	assert_int_equal(p->link->n_inbound, 0);
	peer_end(p);
}

static void calls_are_bounded(void **state)
{
	int port;
	struct peer *p = peer_to_call(&port, ""), *first = call(p, port), *second;

	uv_run(&p->link->loop, UV_RUN_NOWAIT);
	second = call(p, port); /* binds is 1: no place */
	WAIT(p->link, second->closed);
	call_end(second);
	assert_false(first->closed);
	call_end(first);
	peer_end(p);
	p = peer_to_call(&port, "outbind_from = [ \"192.0.2.0/24\" ];");
	first = call(p, port);
	WAIT(p->link, first->closed);
	call_end(first);
	peer_end(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_session),
		cmocka_unit_test(requests_are_answered_with_their_number),
		cmocka_unit_test(octets_come_one_by_one),
		cmocka_unit_test(inbound_is_answered_by_ack_alone),
		cmocka_unit_test(receipts_are_read_as_carriers_write_them),
		cmocka_unit_test(ports_told_by_tlvs_become_a_header),
		cmocka_unit_test(data_sm_is_a_message_as_deliver_sm_is),
		cmocka_unit_test(unacknowledged_messages_are_bounded),
		cmocka_unit_test(a_late_answer_is_told),
		cmocka_unit_test(congestion_is_told),
		cmocka_unit_test(questions_are_answered_as_carriers_do),
		cmocka_unit_test(a_question_has_one_end),
		cmocka_unit_test(enquire_link_keeps_a_quiet_session),
		cmocka_unit_test(unbind_is_answered),
		cmocka_unit_test(binds_say_kind_and_version),
		cmocka_unit_test(a_bind_is_shown),
		cmocka_unit_test(our_unbind_waits_for_the_window),
		cmocka_unit_test(our_unbind_does_not_wait_for_ever),
		cmocka_unit_test(their_unbind_waits_for_the_window),
		cmocka_unit_test(the_session_lives_through),
		cmocka_unit_test(the_stream_is_lost_after),
		cmocka_unit_test(who_does_not_read_is_let_go),
		cmocka_unit_test(half_a_pdu_is_waited_for_and_no_longer),
		cmocka_unit_test(messages_in_the_wrong_state_are_refused),
		cmocka_unit_test(the_smsc_may_call),
		cmocka_unit_test(who_calls_without_the_password_learns_nothing),
		cmocka_unit_test(calls_are_bounded),
		cmocka_unit_test(unsent_is_told_from_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
