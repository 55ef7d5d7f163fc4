/* SPDX-License-Identifier: Apache-2.0 */
/* stream_test.c -- buffers and streams: both ends are ours, the wire is the loopback interface.
 *
 * Certificates are made in the test.  Each wait names its event and fails after five seconds.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/stream.h"
#include "base/stream_int.h" /* for the socket */
#include "tests/unit/tls_pair.h"

enum { WAIT_MS = 5000 };

/* ---- buf ---- */

static void test_buf_never_passes_its_maximum(void **state)
{
	struct buf b;
	uint8_t *room;

	buf_init(&b, 10);
	assert_int_equal(buf_add(&b, "01234567", 8), 0);
	assert_int_equal(buf_add(&b, "89a", 3), -ENOSPC);
	assert_int_equal(buf_len(&b), 8);
	assert_int_equal(buf_reserve(&b, SIZE_MAX, &room), -ENOSPC);
	buf_consume(&b, 5);
	/* Room in front is room. */
	assert_int_equal(buf_add(&b, "89abcde", 7), 0);
	assert_memory_equal(buf_data(&b), "56789abcde", 10);
	assert_int_equal(buf_add(&b, "f", 1), -ENOSPC);
	assert_true(b.cap <= 10);
	buf_truncate(&b, 2);
	assert_memory_equal(buf_data(&b), "56", 2);
	buf_done(&b);
	assert_int_equal(buf_add_str(&b, "again"), 0);
	buf_done(&b);
}

static void test_buf_filled_and_emptied_allocates_once(void **state)
{
	struct buf b;
	const uint8_t *mem;

	buf_init(&b, 1 << 20);
	assert_int_equal(buf_add(&b, "x", 1), 0);
	mem = b.mem;
	for (int i = 0; i < 10000; i++) {
		assert_int_equal(buf_add(&b, "0123456789", 10), 0);
		buf_consume(&b, 10);
	}
	assert_ptr_equal(b.mem, mem);
	assert_int_equal(buf_len(&b), 1);
	buf_reset(&b, 0);
	assert_int_equal(b.cap, 0);
}

/* ---- Fixture ---- */

struct end {
	struct stream *s; /* NULL once closed */
	char in[70000];
	size_t n_in;
	unsigned n_open, n_eof, n_drain, n_closed, n_resume;
	int err;
	char text[160];
	bool echo, abort_on_read, close_on_read, pause_on_read, unread_once, take_one;
	size_t n_total;
	uint64_t n_out;       /* when it closed */
	unsigned char expect; /* with take_one */
};

struct net {
	uv_loop_t loop;
	uv_timer_t ticker;
	struct stream_loop *sl;
	struct stream_listener *l;
	struct end server, client;
	struct stream_conf conf; /* of the server's end */
	bool ignore;
};

static void on_open(void *arg)
{
	((struct end *)arg)->n_open++;
}

static void on_resume(void *arg)
{
	((struct end *)arg)->n_resume++;
}

static void on_read(void *arg, const uint8_t *data, size_t n)
{
	struct end *e = arg;

	assert_int_equal(e->n_closed, 0);
	assert_true(n > 0);
	if (e->unread_once) {
		e->unread_once = false;
		stream_unread(e->s, n);
		return;
	}
	if (e->take_one) {
		size_t some = n < 1000 ? n : 1000;

		for (size_t i = 0; i < some; i++)
			assert_int_equal(data[i], e->expect++);
		e->n_total += some;
		stream_unread(e->s, n - some);
		stream_resume(e->s);
		return;
	}
	e->n_total += n;
	if (n <= sizeof(e->in) - e->n_in - 1) {
		memcpy(e->in + e->n_in, data, n);
		e->n_in += n;
	}
	if (e->echo)
		assert_int_equal(stream_write(e->s, data, n), 0);
	if (e->pause_on_read)
		stream_pause(e->s);
	if (e->close_on_read)
		stream_close(e->s);
	if (e->abort_on_read)
		stream_abort(e->s, -ECANCELED);
}

static void on_eof(void *arg)
{
	struct end *e = arg;

	e->n_eof++;
	stream_close(e->s);
}

static void on_drain(void *arg)
{
	((struct end *)arg)->n_drain++;
}

static void on_closed(void *arg, int err)
{
	struct end *e = arg;

	e->n_closed++;
	e->err = err;
	snprintf(e->text, sizeof(e->text), "%s", stream_error_text(e->s));
	e->n_out = stream_octets_out(e->s);
	e->s = NULL;
}

static const struct stream_ops ops = {on_open, on_resume, on_read, on_eof, on_drain, on_closed};
static const struct stream_ops ops_without_eof = {on_open, NULL, on_read, NULL, NULL, on_closed};

static void on_accept(void *arg, struct stream_listener *l)
{
	struct net *n = arg;

	if (n->ignore)
		return;
	n->conf.arg = &n->server;
	assert_int_equal(stream_accept(l, &n->conf, &n->server.s), 0);
}

static void on_ticker(uv_timer_t *h)
{
}

static struct net *net_start(struct stream_tls *tls)
{
	struct net *n = calloc(1, sizeof(*n));

	assert_non_null(n);
	n->conf.ops = &ops;
	uv_loop_init(&n->loop);
	uv_timer_init(&n->loop, &n->ticker);
	uv_timer_start(&n->ticker, on_ticker, 1, 1);
	assert_int_equal(stream_loop_new(&n->loop, &n->sl), 0);
	assert_int_equal(stream_listen(n->sl, "127.0.0.1:0", tls, on_accept, n, &n->l), 0);
	return n;
}

#define TURN_UNTIL(n, what)                                                \
	do {                                                               \
		uint64_t until_ = uv_hrtime() / 1000000 + WAIT_MS;         \
		while (!(what)) {                                          \
			if (uv_hrtime() / 1000000 > until_)                \
				fail_msg("waited in vain for: %s", #what); \
			uv_run(&(n)->loop, UV_RUN_ONCE);                   \
		}                                                          \
	} while (0)

static void net_connect(struct net *n, const char *host, struct stream_tls *tls, const char *server_name)
{
	struct stream_target t = {
		.host = host, .port = stream_listener_port(n->l), .tls = tls, .server_name = server_name};
	struct stream_conf c = {.ops = &ops, .arg = &n->client};

	assert_int_equal(stream_connect(n->sl, &t, &c, &n->client.s), 0);
	assert_int_equal(n->client.n_open, 0); /* never from inside */
}

static void net_open(struct net *n, struct stream_tls *server, struct stream_tls *client)
{
	net_connect(n, "127.0.0.1", client, NULL);
	TURN_UNTIL(n, n->client.n_open == 1 && n->server.n_open == 1);
}

static void net_end(struct net *n)
{
	if (n->client.s != NULL)
		stream_abort(n->client.s, 0);
	if (n->server.s != NULL)
		stream_abort(n->server.s, 0);
	TURN_UNTIL(n, n->client.s == NULL && n->server.s == NULL);
	assert_true(n->client.n_closed <= 1 && n->server.n_closed <= 1);
	stream_listener_stop(n->l);
	stream_loop_stop(n->sl);
	uv_close((uv_handle_t *)&n->ticker, NULL);
	uv_run(&n->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&n->loop), 0);
	free(n);
}

/* ---- Plain and TLS alike ---- */

struct both {
	struct tls_pair pair;
	struct stream_tls *server, *client; /* NULL: plain */
};

static void both_make(struct both *b, bool tls)
{
	struct stream_tls_client_conf c = {.verify = false};

	*b = (struct both){0};
	if (!tls)
		return;
	tls_pair_make(&b->pair, "smsc.example");
	assert_int_equal(stream_tls_server_new(b->pair.cert, b->pair.key, &b->server), 0);
	assert_int_equal(stream_tls_client_new(&c, &b->client), 0);
}

static void both_done(struct both *b)
{
	if (b->server != NULL)
		tls_pair_remove(&b->pair);
	stream_tls_unref(b->server);
	stream_tls_unref(b->client);
}

static void each_way(void (*test)(struct net *n, struct both *b))
{
	for (int tls = 0; tls < 2; tls++) {
		struct both b;
		struct net *n;

		both_make(&b, tls);
		n = net_start(b.server);
		net_open(n, b.server, b.client);
		assert_int_equal(stream_is_tls(n->client.s), tls);
		test(n, &b);
		net_end(n);
		both_done(&b);
	}
}

static void echoes(struct net *n, struct both *b)
{
	n->server.echo = true;
	assert_int_equal(stream_write(n->client.s, "hel", 3), 0);
	assert_int_equal(stream_write(n->client.s, "lo", 2), 0);
	assert_int_equal(stream_unsent(n->client.s), 5);
	TURN_UNTIL(n, n->client.n_in == 5);
	assert_memory_equal(n->client.in, "hello", 5);
	assert_int_equal(stream_unsent(n->client.s), 0);
	assert_int_equal(stream_octets_out(n->client.s), 5);
	assert_int_equal(stream_octets_in(n->client.s), 5);
	/* A farewell reaches the other side as an end, not as an error. */
	stream_close(n->client.s);
	assert_int_equal(stream_write(n->client.s, "x", 1), -EPIPE);
	TURN_UNTIL(n, n->client.n_closed == 1 && n->server.n_closed == 1);
	assert_int_equal(n->client.err, 0);
	assert_int_equal(n->server.err, 0);
	assert_int_equal(n->server.n_eof, 1);
}

static void test_octets_go_both_ways(void **state)
{
	each_way(echoes);
}

static void large(struct net *n, struct both *b)
{
	enum { TOTAL = 4 << 20 };
	unsigned char piece[16384], next = 0;
	size_t sent = 0;

	/* The reader takes 1,000 octets at a time and gives back the rest: none lost, none twice. */
	n->server.take_one = true;
	while (n->server.n_total < TOTAL) {
		while (sent < TOTAL) {
			for (size_t i = 0; i < sizeof(piece); i++)
				piece[i] = (unsigned char)(next + i);
			if (stream_write(n->client.s, piece, sizeof(piece)) == -ENOBUFS)
				break;
			next = (unsigned char)(next + sizeof(piece));
			sent += sizeof(piece);
			assert_true(stream_unsent(n->client.s) <= 65536 + 4096);
		}
		assert_int_equal(n->client.n_closed + n->server.n_closed, 0);
		uv_run(&n->loop, UV_RUN_ONCE);
	}
	assert_int_equal(n->server.n_total, TOTAL);
	assert_true(n->client.n_drain > 0);
}

static void test_much_is_bounded_and_in_order(void **state)
{
	each_way(large);
}

static void fill_up(struct net *n)
{
	static const char piece[50001];

	for (unsigned turns = 0; turns < 50; turns++) {
		if (stream_unsent(n->client.s) == 0) {
			assert_int_equal(stream_write(n->client.s, piece, sizeof(piece)), 0);
			turns = 0;
		}
		uv_run(&n->loop, UV_RUN_ONCE);
	}
}

/* What the kernel has may have reached the peer: it is not taken back when the rest of the write is cancelled. */
static void cut_in_a_write(struct net *n, struct both *b, struct end *who)
{
	int size = 8192; /* so that the kernel takes no write at once */
	size_t first = 0, left = 0;
	uint64_t before;

	assert_int_equal(uv_send_buffer_size((uv_handle_t *)&n->client.s->tcp, &size), 0);
	assert_int_equal(uv_recv_buffer_size((uv_handle_t *)&n->server.s->tcp, &size), 0);
	n->server.pause_on_read = true;
	stream_pause(n->server.s);
	/* The peer reads on until the kernel has taken a second part of one write, and not all of it. */
	do {
		if (left == 0) {
			fill_up(n);
			first = stream_unsent(n->client.s);
		}
		stream_resume(n->server.s);
		uv_run(&n->loop, UV_RUN_ONCE);
		left = stream_unsent(n->client.s);
	} while (left == first || left == 0);
	before = stream_octets_out(n->client.s);
	stream_abort(who->s, -ECANCELED);
	TURN_UNTIL(n, n->client.n_closed == 1);
	assert_int_equal(n->client.n_out, before);
}

static void cut_by_us(struct net *n, struct both *b)
{
	cut_in_a_write(n, b, &n->client);
}

static void cut_by_the_peer(struct net *n, struct both *b)
{
	cut_in_a_write(n, b, &n->server);
}

static void test_what_the_kernel_took_stays_counted(void **state)
{
	each_way(cut_by_us);
	each_way(cut_by_the_peer);
}

static void paused(struct net *n, struct both *b)
{
	stream_pause(n->server.s);
	stream_write(n->client.s, "one", 3);
	stream_flush(n->client.s);
	for (int i = 0; i < 20; i++)
		uv_run(&n->loop, UV_RUN_ONCE);
	assert_int_equal(n->server.n_in, 0);
	n->server.unread_once = true;
	stream_resume(n->server.s);
	assert_int_equal(n->server.n_in, 0);
	/* Given back: it stays until asked for again. */
	TURN_UNTIL(n, !n->server.unread_once);
	for (int i = 0; i < 20; i++)
		uv_run(&n->loop, UV_RUN_ONCE);
	assert_int_equal(n->server.n_in, 0);
	stream_write(n->client.s, "two", 3);
	stream_resume(n->server.s);
	TURN_UNTIL(n, n->server.n_in == 6);
	assert_memory_equal(n->server.in, "onetwo", 6);
	assert_true(n->server.n_resume >= 2);
}

static void test_pause_and_unread(void **state)
{
	each_way(paused);
}

static void ends_inside(struct net *n, struct both *b)
{
	n->server.abort_on_read = true;
	n->client.close_on_read = true;
	stream_write(n->client.s, "x", 1);
	TURN_UNTIL(n, n->server.n_closed == 1 && n->client.n_closed == 1);
	assert_int_equal(n->server.err, -ECANCELED);
	assert_int_equal(n->client.err, UV_ECONNRESET);
}

static void test_a_stream_may_end_inside_its_callback(void **state)
{
	each_way(ends_inside);
}

static void answers_and_closes(struct net *n, struct both *b)
{
	static char much[60000];

	/* The answer arrives whole although the client was still sending. */
	n->server.close_on_read = true;
	n->server.echo = true;
	stream_write(n->client.s, much, sizeof(much));
	stream_flush(n->client.s);
	TURN_UNTIL(n, n->server.n_in > 0);
	for (int i = 0; i < 3; i++)
		stream_write(n->client.s, "more", 4);
	TURN_UNTIL(n, n->client.n_eof == 1);
	assert_int_equal(n->client.n_in, n->server.n_in);
	TURN_UNTIL(n, n->server.n_closed == 1 && n->client.n_closed == 1);
	assert_int_equal(n->server.err, 0);
}

static void test_the_farewell_saves_the_last_answer(void **state)
{
	each_way(answers_and_closes);
}

static void test_a_peer_that_says_no_goodbye_is_left(void **state)
{
	struct net *n = net_start(NULL);

	n->conf.close_timeout_ms = 100;
	net_open(n, NULL, NULL);
	stream_pause(n->client.s); /* never sees our end */
	stream_close(n->server.s);
	TURN_UNTIL(n, n->server.n_closed == 1);
	assert_int_equal(n->server.err, 0);
	net_end(n);
}

static void test_an_end_without_on_eof_ends_the_stream(void **state)
{
	struct net *n = net_start(NULL);

	n->conf.ops = &ops_without_eof;
	net_open(n, NULL, NULL);
	stream_close(n->client.s);
	TURN_UNTIL(n, n->server.n_closed == 1);
	assert_int_equal(n->server.err, UV_EOF);
	net_end(n);
}

/* ---- Connecting ---- */

static void test_connecting_fails_as_it_should(void **state)
{
	struct net *n = net_start(NULL);
	struct stream_target t = {.host = "127.0.0.1"};
	struct stream_conf c = {.ops = &ops, .arg = &n->client};
	struct stream_listener *gone;

	n->ignore = true; /* several come, and the fixture has one end */
	/* Nobody listens. */
	assert_int_equal(stream_listen(n->sl, "127.0.0.1:0", NULL, on_accept, n, &gone), 0);
	t.port = stream_listener_port(gone);
	stream_listener_stop(gone);
	uv_run(&n->loop, UV_RUN_ONCE);
	assert_int_equal(stream_connect(n->sl, &t, &c, &n->client.s), 0);
	TURN_UNTIL(n, n->client.n_closed == 1);
	assert_int_equal(n->client.err, UV_ECONNREFUSED);
	assert_int_equal(n->client.n_open, 0);
	/* The source is of another family. */
	t.source = "::1";
	t.port = stream_listener_port(n->l);
	assert_int_equal(stream_connect(n->sl, &t, &c, &n->client.s), 0);
	TURN_UNTIL(n, n->client.n_closed == 2);
	assert_int_equal(n->client.err, -EADDRNOTAVAIL);
	/* The source is no address. */
	t.source = "here";
	assert_int_equal(stream_connect(n->sl, &t, &c, &n->client.s), -EINVAL);
	n->client.s = NULL;
	/* Ended before it began: resolving, then connecting. */
	t.source = NULL;
	for (unsigned turns = 0; turns < 3; turns++) {
		assert_int_equal(stream_connect(n->sl, &t, &c, &n->client.s), 0);
		for (unsigned i = 0; i < turns; i++)
			uv_run(&n->loop, UV_RUN_NOWAIT);
		stream_abort(n->client.s, -ECANCELED);
		TURN_UNTIL(n, n->client.n_closed == 3 + turns);
		assert_int_equal(n->client.err, -ECANCELED);
	}
	n->client.n_closed = 0;
	net_end(n);
}

static void test_source_address_is_used(void **state)
{
	struct net *n = net_start(NULL);
	struct stream_target t = {
		.host = "localhost", .port = stream_listener_port(n->l), .source = "127.0.0.7"};
	struct stream_conf c = {.ops = &ops, .arg = &n->client, .keepalive_s = 30};
	struct sockaddr_storage peer;

	assert_int_equal(stream_connect(n->sl, &t, &c, &n->client.s), 0);
	/* Written before there is a connection. */
	assert_int_equal(stream_write(n->client.s, "early", 5), 0);
	TURN_UNTIL(n, n->server.n_in == 5);
	stream_peer(n->server.s, &peer);
	assert_int_equal(peer.ss_family, AF_INET);
	assert_int_equal(ntohl(((struct sockaddr_in *)&peer)->sin_addr.s_addr), 0x7f000007);
	net_end(n);
}

static void test_what_is_not_accepted_is_dropped(void **state)
{
	struct net *n = net_start(NULL);

	n->ignore = true;
	net_connect(n, "127.0.0.1", NULL, NULL);
	TURN_UNTIL(n, n->client.n_closed == 1);
	n->ignore = false;
	n->client.n_closed = n->client.n_open = 0;
	net_open(n, NULL, NULL); /* and the listener listens on */
	net_end(n);
}

static void test_addresses(void **state)
{
	static const struct {
		const char *text;
		int r, family;
	} rows[] = {
		{"127.0.0.1:8775", 0, AF_INET},
		{"[::1]:0", 0, AF_INET6},
		{"*:65535", 0, AF_INET6},
		{"127.0.0.1", -EINVAL, 0},
		{"127.0.0.1:", -EINVAL, 0},
		{"127.0.0.1:65536", -EINVAL, 0},
		{"127.0.0.1:1x", -EINVAL, 0},
		{"127.0.0.1:-1", -EINVAL, 0},
		{"localhost:1", -EINVAL, 0},
		{":1", -EINVAL, 0},
		{"[::1:1", -EINVAL, 0},
	};
	struct sockaddr_storage a;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(stream_parse_address(rows[i].text, &a), rows[i].r);
		if (rows[i].r == 0)
			assert_int_equal(a.ss_family, rows[i].family);
	}
}

/* ---- TLS ---- */

static void verify_as(const char *ca, struct stream_tls *server, const char *name, bool good)
{
	struct stream_tls_client_conf conf = {.verify = true, .ca_file = ca};
	struct stream_tls *client;
	struct net *n = net_start(server);

	assert_int_equal(stream_tls_client_new(&conf, &client), 0);
	net_connect(n, "127.0.0.1", client, name);
	if (good) {
		TURN_UNTIL(n, n->client.n_open == 1);
	} else {
		TURN_UNTIL(n, n->client.n_closed == 1 && n->server.n_closed == 1);
		assert_int_equal(n->client.err, -EPROTO);
		assert_non_null(strstr(n->client.text, "certificate: "));
		assert_int_equal(n->client.n_open, 0);
	}
	net_end(n);
	stream_tls_unref(client);
}

static void test_certificates_are_checked(void **state)
{
	struct stream_tls_client_conf missing = {.verify = true, .ca_file = "/nonexistent"};
	struct tls_pair a, b;
	struct stream_tls *server, *none;

	tls_pair_make(&a, "smsc.example");
	tls_pair_make(&b, "smsc.example");
	assert_int_equal(stream_tls_server_new(a.cert, a.key, &server), 0);
	verify_as(a.cert, server, "smsc.example", true);
	verify_as(a.cert, server, "other.example", false);
	verify_as(a.cert, server, NULL, false); /* 127.0.0.1 is not in it */
	verify_as(b.cert, server, "smsc.example", false);
	assert_int_equal(stream_tls_server_new(a.cert, b.key, &none), -EINVAL);
	assert_int_equal(stream_tls_server_new("/nonexistent", a.key, &none), -ENOENT);
	assert_int_equal(stream_tls_client_new(&missing, &none), -ENOENT);
	stream_tls_unref(server);
	tls_pair_remove(&a);
	tls_pair_remove(&b);
}

static void test_reload_changes_the_certificate_or_nothing(void **state)
{
	struct tls_pair a, b;
	struct stream_tls *server;

	tls_pair_make(&a, "smsc.example");
	tls_pair_make(&b, "smsc.example");
	assert_int_equal(stream_tls_server_new(a.cert, a.key, &server), 0);
	assert_int_equal(unlink(a.key), 0);
	assert_int_equal(stream_tls_reload(server), -ENOENT);
	verify_as(a.cert, server, "smsc.example", true);
	assert_int_equal(rename(b.key, a.key), 0);
	assert_int_equal(rename(b.cert, a.cert), 0);
	assert_int_equal(stream_tls_reload(server), 0);
	verify_as(a.cert, server, "smsc.example", true); /* the file is now b's */
	stream_tls_unref(server);
	tls_pair_remove(&a);
}

static void test_a_broken_handshake_ends_with_eproto(void **state)
{
	struct both b;
	struct net *n;

	both_make(&b, true);
	n = net_start(b.server);
	net_connect(n, "127.0.0.1", NULL, NULL);
	TURN_UNTIL(n, n->client.n_open == 1 && n->server.s != NULL);
	stream_write(n->client.s, "GET / HTTP/1.1\r\n\r\n", 18);
	TURN_UNTIL(n, n->server.n_closed == 1);
	assert_int_equal(n->server.err, -EPROTO);
	assert_int_not_equal(n->server.text[0], '\0');
	assert_int_equal(n->server.n_open, 0);
	net_end(n);
	both_done(&b);
}

static void test_a_silent_handshake_has_a_deadline(void **state)
{
	struct both b;
	struct net *n;

	both_make(&b, true);
	n = net_start(b.server);
	n->conf.open_timeout_ms = 100;
	net_connect(n, "127.0.0.1", NULL, NULL);
	TURN_UNTIL(n, n->server.n_closed == 1);
	assert_int_equal(n->server.err, -ETIMEDOUT);
	net_end(n);
	both_done(&b);
}

static void test_a_handshake_may_be_cut_anywhere(void **state)
{
	struct both b;

	both_make(&b, true);
	for (unsigned turns = 0; turns < 12; turns++) {
		struct net *n = net_start(b.server);

		net_connect(n, "127.0.0.1", b.client, NULL);
		for (unsigned i = 0; i < turns; i++)
			uv_run(&n->loop, UV_RUN_NOWAIT);
		stream_abort(n->client.s, -ECANCELED);
		TURN_UNTIL(n, n->client.n_closed == 1);
		net_end(n);
	}
	both_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buf_never_passes_its_maximum),
		cmocka_unit_test(test_buf_filled_and_emptied_allocates_once),
		cmocka_unit_test(test_octets_go_both_ways),
		cmocka_unit_test(test_much_is_bounded_and_in_order),
		cmocka_unit_test(test_what_the_kernel_took_stays_counted),
		cmocka_unit_test(test_pause_and_unread),
		cmocka_unit_test(test_a_stream_may_end_inside_its_callback),
		cmocka_unit_test(test_the_farewell_saves_the_last_answer),
		cmocka_unit_test(test_a_peer_that_says_no_goodbye_is_left),
		cmocka_unit_test(test_an_end_without_on_eof_ends_the_stream),
		cmocka_unit_test(test_connecting_fails_as_it_should),
		cmocka_unit_test(test_source_address_is_used),
		cmocka_unit_test(test_what_is_not_accepted_is_dropped),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_certificates_are_checked),
		cmocka_unit_test(test_reload_changes_the_certificate_or_nothing),
		cmocka_unit_test(test_a_broken_handshake_ends_with_eproto),
		cmocka_unit_test(test_a_silent_handshake_has_a_deadline),
		cmocka_unit_test(test_a_handshake_may_be_cut_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
