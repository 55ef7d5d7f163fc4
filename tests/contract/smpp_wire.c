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

static struct peer *peer_new(const char *settings)
{
	struct peer *p = calloc(1, sizeof(*p));
	struct sockaddr_in addr;
	uv_tcp_t probe;
	uv_loop_t loop;
	int len = sizeof(addr), small = 4096; /* so that a peer that does not read is soon felt */
	char text[512];

	/* A free port first, since the link wants to know it. */
	uv_loop_init(&loop);
	uv_tcp_init(&loop, &probe);
	uv_ip4_addr("127.0.0.1", 0, &addr);
	assert_int_equal(uv_tcp_bind(&probe, (struct sockaddr *)&addr, 0), 0);
	uv_tcp_getsockname(&probe, (struct sockaddr *)&addr, &len);
	uv_close((uv_handle_t *)&probe, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	p->port = ntohs(addr.sin_port);
	snprintf(text, sizeof(text), "driver = \"smpp\"; host = \"127.0.0.1\"; port = %d; system_id = \"e\"; "
		"password = \"p\"; reconnect_min = 0.01; reconnect_max = 0.05; %s", p->port, settings);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_session),
		cmocka_unit_test(requests_are_answered_with_their_number),
		cmocka_unit_test(octets_come_one_by_one),
		cmocka_unit_test(inbound_is_answered_by_ack_alone),
		cmocka_unit_test(ports_told_by_tlvs_become_a_header),
		cmocka_unit_test(data_sm_is_a_message_as_deliver_sm_is),
		cmocka_unit_test(unacknowledged_messages_are_bounded),
		cmocka_unit_test(a_late_answer_is_told),
		cmocka_unit_test(enquire_link_keeps_a_quiet_session),
		cmocka_unit_test(unbind_is_answered),
		cmocka_unit_test(unsent_is_told_from_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
