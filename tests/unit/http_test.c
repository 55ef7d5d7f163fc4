/* SPDX-License-Identifier: Apache-2.0 */
/* http_test.c -- the HTTP server on a real socket, with a client that is nothing but a socket.
 *
 * Server and client live on one thread: turn() lets the loop run and then reads what the client got.  Each
 * wait names what it waits for and fails after five seconds.
 */
#include "config.h"

#include <arpa/inet.h>
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

#include "intake/http.h"
#include "tests/unit/tls_pair.h"

enum { WAIT_MS = 5000, LATER_MAX = 64, BIG = 4000000 };

/* ---- Fixture: a loop, a server, a handler whose behaviour hangs on the path ---- */

struct app {
	uv_loop_t loop;
	uv_timer_t ticker; /* makes each turn end */
	struct stream_loop *sl;
	struct http_server *srv;
	struct http_room *room;
	struct http_request *later[LATER_MAX];
	unsigned n_later, n_requests, n_aborts, n_completes, n_writable;
	size_t n_body, n_before_pause;
	struct http_request *paused;
	struct http_request *writer;
	size_t n_to_write;
	bool stopped;
};

static void write_more(struct app *a)
{
	static char piece[10000];
	struct http_request *q = a->writer;

	while (a->n_to_write > 0) {
		int r = http_respond_chunk(q, piece, sizeof(piece));

		if (r == -ENOBUFS)
			return;
		assert_int_equal(r, 0);
		a->n_to_write -= sizeof(piece);
	}
	a->writer = NULL;
	http_respond_end(q);
}

static enum http_body on_request(void *arg, struct http_request *q)
{
	struct app *a = arg;

	a->n_requests++;
	assert_null(q->user);
	q->user = a;
	q->owner = strncmp(q->path, "/other", 6) == 0 ? 40 : 7;
	q->is_watch = strcmp(q->path, "/big-watch") == 0;
	if (strcmp(q->path, "/early") == 0)
		assert_int_equal(http_respond_error(q, 401, "no_key", "say \"who\"", NULL), 0);
	else if (strcmp(q->path, "/drop") == 0)
		http_request_drop(q);
	else if (strncmp(q->path, "/stream", 7) == 0 || strcmp(q->path, "/pause") == 0 ||
		 strcmp(q->path, "/early-in-body") == 0)
		return HTTP_BODY_STREAM;
	return HTTP_BODY_BUFFER;
}

static void on_body(void *arg, struct http_request *q, const uint8_t *data, size_t n)
{
	struct app *a = arg;

	assert_true(n > 0);
	assert_ptr_not_equal(a->paused, q);
	a->n_body += n;
	if (strcmp(q->path, "/pause") == 0) {
		a->n_before_pause = a->n_body;
		a->paused = q;
		http_request_pause(q);
	} else if (strcmp(q->path, "/early-in-body") == 0) {
		http_respond_error(q, 403, "not_allowed", "no", "to");
	}
}

static void respond_query(struct http_request *q)
{
	char limit[16], ref[16], seg[32], text[256];
	int r1 = http_query_get(q, "limit", limit, sizeof(limit));
	int r2 = http_query_get(q, "ref", ref, sizeof(ref));
	int r3 = http_path_segment(q, 1, seg, sizeof(seg));
	int n = snprintf(text, sizeof(text), "%s|%d:%s|%d:%s|%d:%s", q->path, r1, r1 == 0 ? limit : "", r2,
		r2 == 0 ? ref : "", r3, r3 == 0 ? seg : "");

	http_respond(q, 200, "text/plain", text, (size_t)n);
}

static void on_complete(void *arg, struct http_request *q, const uint8_t *data, size_t n)
{
	struct app *a = arg;
	char text[64];

	a->n_completes++;
	assert_ptr_equal(q->user, a);
	if (strncmp(q->path, "/later", 6) == 0) {
		assert_true(a->n_later < LATER_MAX);
		a->later[a->n_later++] = q;
	} else if (strncmp(q->path, "/query", 6) == 0) {
		respond_query(q);
	} else if (strcmp(q->path, "/chunks") == 0) {
		assert_int_equal(http_header_add(q, "X-Extra", "yes"), 0);
		assert_int_equal(http_respond_begin(q, 200, "text/plain"), 0);
		a->writer = q;
		write_more(a);
	} else if (strncmp(q->path, "/stream", 7) == 0 || strcmp(q->path, "/pause") == 0) {
		assert_null(data);
		http_respond(
			q, 200, "text/plain", text, (size_t)snprintf(text, sizeof(text), "%zu", a->n_body));
	} else if (strncmp(q->path, "/big", 4) == 0) {
		static char big[BIG];

		if (http_respond(q, 200, "text/plain", big, sizeof(big)) < 0)
			http_respond_error(q, 503, "no_room_here", "no", NULL);
	} else if (strcmp(q->path, "/none") == 0) {
		http_respond(q, 204, NULL, NULL, 0);
	} else {
		a->n_body += n;
		http_respond(q, 200, "text/plain", data, n);
	}
}

static void on_abort(void *arg, struct http_request *q)
{
	struct app *a = arg;

	a->n_aborts++;
	for (unsigned i = 0; i < a->n_later; i++) {
		if (a->later[i] == q)
			a->later[i] = NULL;
	}
	if (a->paused == q)
		a->paused = NULL;
	if (a->writer == q)
		a->writer = NULL;
}

static void on_writable(void *arg, struct http_request *q)
{
	struct app *a = arg;

	a->n_writable++;
	assert_ptr_equal(a->writer, q);
	write_more(a);
}

static const struct http_ops ops = {on_request, on_body, on_complete, on_abort, on_writable};

static void on_ticker(uv_timer_t *h)
{
}

static uint64_t now_ms(void)
{
	return uv_hrtime() / 1000000;
}

static void app_start(struct app *a, const struct http_conf *conf)
{
	memset(a, 0, sizeof(*a));
	assert_int_equal(uv_loop_init(&a->loop), 0);
	uv_timer_init(&a->loop, &a->ticker);
	uv_timer_start(&a->ticker, on_ticker, 1, 1);
	assert_int_equal(stream_loop_new(&a->loop, &a->sl), 0);
	assert_int_equal(http_server_new(a->sl, conf, &ops, a, &a->srv), 0);
	assert_int_equal(http_server_listen(a->srv, "127.0.0.1:0"), 0);
}

static void on_stopped(void *arg)
{
	struct app *a = arg;

	a->stopped = true;
}

#define TURN_UNTIL(a, what)                                                \
	do {                                                               \
		uint64_t until_ = now_ms() + WAIT_MS;                      \
		while (!(what)) {                                          \
			if (now_ms() > until_)                             \
				fail_msg("waited in vain for: %s", #what); \
			uv_run(&(a)->loop, UV_RUN_ONCE);                   \
		}                                                          \
	} while (0)

static void app_end(struct app *a)
{
	if (!a->stopped)
		http_server_stop(a->srv, 0, on_stopped);
	TURN_UNTIL(a, a->stopped);
	stream_loop_stop(a->sl);
	uv_close((uv_handle_t *)&a->ticker, NULL);
	uv_run(&a->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&a->loop), 0);
}

/* ---- The client ---- */

struct client {
	int fd;
	char *in;
	size_t n, cap;
	bool eof, reset;
};

static void client_open(struct client *c, const struct app *a)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)http_server_port(a->srv))};

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*c = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .cap = 4 << 20};
	c->in = calloc(1, c->cap);
	assert_non_null(c->in);
	assert_int_equal(connect(c->fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(fcntl(c->fd, F_SETFL, O_NONBLOCK), 0);
}

static void client_close(struct client *c)
{
	close(c->fd);
	free(c->in);
}

/* Close with RST. */
static void client_reset(struct client *c)
{
	struct linger l = {1, 0};

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	client_close(c);
}

static void client_read(struct client *c)
{
	ssize_t n;

	while (c->n + 1 < c->cap && (n = read(c->fd, c->in + c->n, c->cap - c->n - 1)) != 0) {
		if (n < 0) {
			c->reset |= errno == ECONNRESET;
			break;
		}
		c->n += (size_t)n;
	}
	c->eof |= c->n + 1 < c->cap && recv(c->fd, (char[1]){0}, 1, MSG_PEEK) == 0;
	c->in[c->n] = '\0';
}

/* Send everything, letting the server run when the socket is full. */
static void client_send(struct app *a, struct client *c, const void *data, size_t n)
{
	const char *p = data;
	uint64_t until = now_ms() + WAIT_MS;

	while (n > 0) {
		ssize_t r = send(c->fd, p, n, MSG_NOSIGNAL);

		if (r > 0) {
			p += r;
			n -= (size_t)r;
			continue;
		}
		if (errno != EAGAIN)
			return; /* the server has closed; the test sees it in what comes back */
		assert_true(now_ms() < until);
		uv_run(&a->loop, UV_RUN_ONCE);
		client_read(c);
	}
}

static void client_say(struct app *a, struct client *c, const char *text)
{
	client_send(a, c, text, strlen(text));
}

/* strstr() of AddressSanitizer looks at all of the text each time, which is too slow for much of it. */
static unsigned count(const char *in, const char *what)
{
	size_t n_what = strlen(what);
	unsigned n = 0;

	while ((in = strchr(in, what[0])) != NULL) {
		bool is = strncmp(in, what, n_what) == 0;

		n += is;
		in += is ? n_what : 1;
	}
	return n;
}

#define CLIENT_UNTIL(a, c, what) TURN_UNTIL(a, (client_read(c), (what)))

static void client_until(struct app *a, struct client *c, const char *text)
{
	CLIENT_UNTIL(a, c, strstr((c)->in, text) != NULL);
}

#define GET(path)	 "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define POST(path, rest) "POST " path " HTTP/1.1\r\nHost: h\r\n" rest

/* ---- Strictness ---- */

static const struct strict {
	const char *why;
	const char *request;
	int status;
	const char *code;
} refused[] = {
	{"folded header (RFC 9112, 5.2)", "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", 400,
		"bad_request"},
	{"folded with a tab", "GET / HTTP/1.1\r\nHost: h\r\n\tc: d\r\n\r\n", 400, "bad_request"},
	{"blank before the colon (5.1)", "GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400, "bad_request"},
	{"no Host", "GET / HTTP/1.1\r\nA: b\r\n\r\n", 400, "missing_host"},
	{"two Hosts", "GET / HTTP/1.1\r\nHost: h\r\nhost: h\r\n\r\n", 400, "duplicate_header"},
	{"two lengths", POST("/", "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx"), 400,
		"duplicate_header"},
	{"a list of lengths", POST("/", "Content-Length: 1, 1\r\n\r\nx"), 400, "bad_request"},
	{"a length with a sign", POST("/", "Content-Length: +1\r\n\r\nx"), 400, "bad_request"},
	{"a length past 64 bits", POST("/", "Content-Length: 99999999999999999999\r\n\r\nx"), 400,
		"bad_request"},
	{"an empty length", POST("/", "Content-Length:\r\n\r\n"), 400, "bad_request"},
	{"length and chunks", POST("/", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
		400, "bad_request"},
	{"two Transfer-Encodings",
		POST("/", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"), 400,
		"duplicate_header"},
	{"gzip before chunked", POST("/", "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501,
		"not_implemented"},
	{"chunked with vertical tab", POST("/", "Transfer-Encoding: \vchunked\r\n\r\n"), 400, "bad_request"},
	{"chunks in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
		"bad_request"},
	{"bare CR in a value", "GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", 400, "bad_request"},
	{"bare CR in the target", "GET /\rx HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad_request"},
	{"LF only, first line", "GET / HTTP/1.1\nHost: h\n\n", 400, "bad_request"},
	{"LF only, later", "GET / HTTP/1.1\r\nHost: h\nA: b\r\n\r\n", 400, "bad_request"},
	{"two keys", "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: a\r\nauthorization: b\r\n\r\n", 400,
		"duplicate_header"},
	{"two idempotency keys",
		"GET / HTTP/1.1\r\nHost: h\r\nIdempotency-Key: a\r\nIdempotency-Key: a\r\n\r\n", 400,
		"duplicate_header"},
	{"two types", "GET / HTTP/1.1\r\nHost: h\r\nContent-Type: a/b\r\nContent-Type: a/b\r\n\r\n", 400,
		"duplicate_header"},
	{"another expectation", POST("/", "Expect: beer\r\nContent-Length: 1\r\n\r\n"), 417,
		"expectation_failed"},
	{"HTTP/2 in the clear", "PRI * HTTP/2.0\r\n\r\n", 505, "http_version"},
	{"HTTP/1.2", "GET / HTTP/1.2\r\nHost: h\r\n\r\n", 505, "http_version"},
	{"HTTP/0.9", "GET /\r\n\r\n", 400, "bad_request"},
	{"two blanks in the request line", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad_request"},
	{"no slash", "GET x HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad_request"},
	{"an octet above 127 in the target", "GET /\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad_request"},
	{"a fragment", "GET /#x HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad_request"},
	{"NUL in the path", "GET /a%00b HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad_request"},
	{"LF in the path", "GET /a%0ab HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad_request"},
	{"half a percent-encoding", "GET /a%4 HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad_request"},
	{"no percent-encoding", "GET /a%zz HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad_request"},
	{"a tunnel", "CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad_request"},
	{"a tunnel to a path", "CONNECT / HTTP/1.1\r\nHost: h\r\n\r\n", 501, "not_implemented"},
	{"an unknown method", "BREW / HTTP/1.1\r\nHost: h\r\n\r\n", 501, "not_implemented"},
	{"a TLS hello", "\x16\x03\x01\x02\r\n\r\n", 400, "bad_request"},
	{"HTTP/1.0 body without a length", "POST / HTTP/1.0\r\n\r\n", 411, "length_required"},
	{"three empty lines", "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad_request"},
	{"chunk size is no number", POST("/", "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"), 400,
		"bad_request"},
	{"chunk size past 64 bits", POST("/", "Transfer-Encoding: chunked\r\n\r\n11111111111111111\r\n"), 400,
		"bad_request"},
	{"chunk longer than its size", POST("/", "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n"),
		400, "bad_request"},
	{"chunk size ends with LF only", POST("/", "Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n"),
		400, "bad_request"},
	{"body announced too long", POST("/", "Content-Length: 100001\r\n\r\n"), 413, "body_too_large"},
};

/* The request in one piece, and octet by octet: a head must not depend on how it was cut. */
static void expect_refused(struct app *a, const struct strict *t, bool in_pieces)
{
	char status[32], code[64];
	struct client c;

	snprintf(status, sizeof(status), "HTTP/1.1 %d ", t->status);
	snprintf(code, sizeof(code), "{\"error\":{\"code\":\"%s\",\"message\":\"", t->code);
	client_open(&c, a);
	for (size_t i = 0; in_pieces && i < strlen(t->request); i++) {
		client_send(a, &c, t->request + i, 1);
		uv_run(&a->loop, UV_RUN_NOWAIT);
	}
	if (!in_pieces)
		client_say(a, &c, t->request);
	CLIENT_UNTIL(a, &c, strstr(c.in, "\"}}") != NULL);
	shutdown(c.fd, SHUT_WR);
	CLIENT_UNTIL(a, &c, c.eof);
	if (strncmp(c.in, status, strlen(status)) != 0 || strstr(c.in, code) == NULL)
		fail_msg("%s%s: got %s", t->why, in_pieces ? " (in pieces)" : "", c.in);
	assert_non_null(strstr(c.in, "Connection: close\r\n"));
	assert_false(c.reset);
	client_close(&c);
}

static void test_ambiguous_requests_are_refused(void **state)
{
	struct http_conf conf = {.max_body = 100000};
	struct app a;

	app_start(&a, &conf);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		expect_refused(&a, &refused[i], false);
		expect_refused(&a, &refused[i], true);
	}
	/* Nothing of it was answered by the handler. */
	assert_int_equal(a.n_completes, 0);
	app_end(&a);
}

static const struct {
	const char *why;
	const char *request;
	const char *body; /* what the handler answers */
} taken[] = {
	{"plain", GET("/query"), "/query|-2:|-2:|-2:"},
	{"an empty line before it (RFC 9112, 2.2)", "\r\n" GET("/query"), "/query|-2:|-2:|-2:"},
	{"absolute-form (3.2.2)", "GET http://h:1/query?limit=7 HTTP/1.1\r\nHost: h\r\n\r\n",
		"/query|0:7|-2:|-2:"},
	{"query decoded", GET("/query/x?a&limit=%31+2&ref=%D0%96"), "/query/x|0:1 2|0:Ж|0:x"},
	{"empty value, name encoded", GET("/query/?l%69mit=&&ref"), "/query/|0:|0:|0:"},
	{"%2F stays in its segment", GET("/query/a%2Fb/c"), "/query/a/b/c|-2:|-2:|0:a/b"},
	{"too long a value is said so", GET("/query?ref=0123456789abcdef"), "/query|-2:|-28:|-2:"},
	{"NUL in a value is said so", GET("/query?ref=a%00"), "/query|-2:|-22:|-2:"},
	{"an upgrade is ignored (RFC 9110, 7.8)",
		"GET /query HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
		"/query|-2:|-2:|-2:"},
	{"length", POST("/echo", "Content-Length: 5\r\n\r\nhello"), "hello"},
	{"blanks around the length", POST("/echo", "Content-Length:  5 \r\n\r\nhello"), "hello"},
	{"no length is no body (RFC 9112, 6.3)", POST("/query", "\r\n"), "/query|-2:|-2:|-2:"},
	{"chunks, an extension, a trailer",
		POST("/echo",
			"Transfer-Encoding: Chunked\r\n\r\n2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nX: y\r\n\r\n"),
		"hello"},
	{"streamed", POST("/stream", "Content-Length: 5\r\n\r\nhello"), "5"},
};

static void test_good_requests_are_taken_however_they_are_cut(void **state)
{
	struct http_conf conf = {0};
	struct app a;

	app_start(&a, &conf);
	for (size_t i = 0; i < 2 * sizeof(taken) / sizeof(taken[0]); i++) {
		const char *request = taken[i / 2].request;
		char want[128];
		struct client c;

		a.n_body = 0;
		snprintf(want, sizeof(want), "\r\nContent-Length: %zu\r\n\r\n%s", strlen(taken[i / 2].body),
			taken[i / 2].body);
		client_open(&c, &a);
		for (size_t at = 0, n = strlen(request); at < n; at += i % 2 ? 1 : n) {
			client_send(&a, &c, request + at, i % 2 ? 1 : n);
			uv_run(&a.loop, UV_RUN_NOWAIT);
		}
		client_until(&a, &c, "\r\n\r\n");
		if (c.n < strlen(want) || strcmp(c.in + c.n - strlen(want), want) != 0)
			fail_msg("%s: want %s, got %s", taken[i / 2].why, want, c.in);
		assert_memory_equal(c.in, "HTTP/1.1 200 OK\r\nServer: posthorn\r\nDate: ", 41);
		assert_null(strstr(c.in, "Connection:"));
		client_close(&c);
	}
	app_end(&a);
}

static void test_a_nul_anywhere_in_the_head_is_refused(void **state)
{
	static const char head[] = "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n";
	struct http_conf conf = {0};
	struct app a;

	app_start(&a, &conf);
	for (size_t i = 0; i < sizeof(head) - 3; i++) {
		char bad[sizeof(head) - 1];
		struct client c;

		memcpy(bad, head, sizeof(bad));
		if (bad[i] == '\r' || bad[i] == '\n')
			continue;
		bad[i] = '\0';
		client_open(&c, &a);
		client_send(&a, &c, bad, sizeof(bad));
		client_until(&a, &c, "HTTP/1.1 400 ");
		client_close(&c);
	}
	assert_int_equal(a.n_requests, 0);
	app_end(&a);
}

/* One octet says it; nobody waits for a line that never ends. */
static void test_other_protocols_are_refused_at_once(void **state)
{
	static const struct {
		const char *why, *begin, *message;
	} v[] = {
		{"a TLS hello (RFC 8446, 5.1)", "\x16\x03\x01", "TLS on a port"},
		{"a generic_nack of SMPP, without its zeros", "\x10", "not HTTP"},
		{"text in UTF-8", "\xd0\x96", "not HTTP"},
		{"the same behind an empty line", "\r\n\x16", "TLS on a port"},
		{"a blank first", " GET /", "not HTTP"},
	};
	struct http_conf conf = {.header_timeout_ms = 600000};
	struct app a;

	app_start(&a, &conf);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct client c;

		client_open(&c, &a);
		client_say(&a, &c, v[i].begin);
		client_until(&a, &c, "HTTP/1.1 400 ");
		client_until(&a, &c, "\"}}");
		if (strstr(c.in, v[i].message) == NULL)
			fail_msg("%s: got %s", v[i].why, c.in);
		client_close(&c);
	}
	assert_int_equal(a.n_requests, 0);
	app_end(&a);
}

static void test_heads_are_bounded(void **state)
{
	struct http_conf conf = {.max_head = 1000};
	struct client c;
	struct app a;
	char line[2000];

	app_start(&a, &conf);
	client_open(&c, &a);
	client_say(&a, &c, "GET / HTTP/1.1\r\nHost: h\r\nA: ");
	memset(line, 'x', sizeof(line));
	client_send(&a, &c, line, 1000 - 32); /* with the CRLFs to come, exactly 1,000 */
	client_say(&a, &c, "\r\n\r\n");
	client_until(&a, &c, "HTTP/1.1 200 ");
	client_close(&c);

	client_open(&c, &a);
	client_say(&a, &c, "GET / HTTP/1.1\r\nHost: h\r\nA: ");
	client_send(&a, &c, line, 1000 - 31);
	client_say(&a, &c, "\r\n\r\n");
	client_until(&a, &c, "HTTP/1.1 431 ");
	client_until(&a, &c, "\"headers_too_large\"");
	client_close(&c);

	client_open(&c, &a);
	client_say(&a, &c, "GET / HTTP/1.1\r\n");
	for (int i = 0; i < 65; i++)
		client_say(&a, &c, "a:b\r\n");
	client_say(&a, &c, "\r\n");
	client_until(&a, &c, "HTTP/1.1 431 ");
	client_close(&c);
	app_end(&a);
}

/* ---- Order, keep-alive, answers ---- */

static void test_pipelined_requests_are_answered_in_order(void **state)
{
	struct http_conf conf = {0};
	struct client c, d;
	struct app a;

	app_start(&a, &conf);
	client_open(&c, &a);
	client_open(&d, &a);
	client_say(&a, &c,
		GET("/later1") POST("/later2", "Content-Length: 2\r\n\r\nxx") GET("/query") GET("/later3"));
	TURN_UNTIL(&a, a.n_later == 1);
	client_say(&a, &d, GET("/later4"));
	TURN_UNTIL(&a, a.n_later == 2);
	/* The second of the first connection waits although another connection's is in work. */
	assert_string_equal(a.later[0]->path, "/later1");
	assert_string_equal(a.later[1]->path, "/later4");
	assert_int_equal(a.n_requests, 2);
	http_respond(a.later[1], 200, "text/plain", "four", 4); /* out of the order of arrival */
	client_until(&a, &d, "\r\n\r\nfour");
	client_read(&c);
	assert_int_equal(c.n, 0);
	http_respond(a.later[0], 200, "text/plain", "one", 3);
	assert_int_equal(a.n_requests, 2); /* the next does not begin inside the answer's call */
	TURN_UNTIL(&a, a.n_later == 3);
	assert_string_equal(a.later[2]->path, "/later2");
	http_respond(a.later[2], 200, "text/plain", "two", 3);
	TURN_UNTIL(&a, a.n_later == 4);
	http_respond(a.later[3], 200, "text/plain", "three", 5);
	client_until(&a, &c, "\r\n\r\nthree");
	assert_int_equal(count(c.in, "HTTP/1.1 200 OK\r\n"), 4);
	assert_true(strstr(c.in, "\r\n\r\noneHTTP") < strstr(c.in, "\r\n\r\ntwoHTTP"));
	assert_true(strstr(c.in, "\r\n\r\ntwoHTTP") < strstr(c.in, "\r\n\r\n/query|"));
	client_close(&c);
	client_close(&d);
	app_end(&a);
}

static void test_many_pipelined_requests_all_get_answers(void **state)
{
	enum { N = 5000 };
	static const char one[] = POST("/echo", "Content-Length: 5\r\n\r\nhello");
	struct http_conf conf = {0};
	struct client c;
	struct app a;

	app_start(&a, &conf);
	client_open(&c, &a);
	for (int i = 0; i < N; i++)
		client_say(&a, &c, one);
	CLIENT_UNTIL(&a, &c, count(c.in, "\r\n\r\nhello") == N);
	client_close(&c);
	app_end(&a);
}

static void test_connection_semantics(void **state)
{
	static const struct {
		const char *request;
		bool stays;
		const char *header; /* in the answer; NULL: no Connection header */
	} rows[] = {
		{GET("/echo"), true, NULL},
		{"GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", false,
			"Connection: close\r\n"},
		{"GET /echo HTTP/1.0\r\n\r\n", false, "Connection: close\r\n"},
		{"GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true, "Connection: keep-alive\r\n"},
	};
	struct http_conf conf = {0};
	struct app a;

	app_start(&a, &conf);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct client c;

		client_open(&c, &a);
		client_say(&a, &c, rows[i].request);
		client_until(&a, &c, "\r\n\r\n");
		if (rows[i].header != NULL)
			assert_non_null(strstr(c.in, rows[i].header));
		else
			assert_null(strstr(c.in, "Connection:"));
		client_say(&a, &c, GET("/query"));
		if (rows[i].stays)
			client_until(&a, &c, "/query|");
		else
			CLIENT_UNTIL(&a, &c, c.eof);
		client_close(&c);
	}
	app_end(&a);
}

static void test_head_and_204_have_no_body(void **state)
{
	struct http_conf conf = {0};
	struct client c;
	struct app a;

	app_start(&a, &conf);
	client_open(&c, &a);
	client_say(&a, &c, "HEAD /query HTTP/1.1\r\nHost: h\r\n\r\n" GET("/none") GET("/echo"));
	CLIENT_UNTIL(&a, &c, count(c.in, "HTTP/1.1 ") == 3 && strcmp(c.in + c.n - 4, "\r\n\r\n") == 0);
	assert_non_null(strstr(c.in, "Content-Length: 18\r\n\r\nHTTP/1.1 204 No Content\r\n"));
	assert_int_equal(count(c.in, "Content-Length:"), 2); /* none with 204 (RFC 9110, 8.6) */
	client_close(&c);
	app_end(&a);
}

static void test_a_chunked_answer_waits_for_its_reader(void **state)
{
	struct http_conf conf = {.max_answer = 100000};
	struct client c;
	struct app a;

	app_start(&a, &conf);
	a.n_to_write = 3000000;
	client_open(&c, &a);
	client_say(&a, &c, GET("/chunks") GET("/query"));
	client_until(&a, &c, "Transfer-Encoding: chunked\r\n");
	client_until(&a, &c, "X-Extra: yes\r\n\r\n2710\r\n"); /* 10,000 */
	CLIENT_UNTIL(&a, &c, c.n > 3000000 && memmem(c.in, c.n, "\r\n0\r\n\r\nHTTP/1.1 200 ", 20) != NULL);
	assert_true(a.n_writable > 0);
	client_close(&c);

	/* HTTP/1.0 knows no chunks: the end of the connection ends the body. */
	a.n_to_write = 20000;
	client_open(&c, &a);
	client_say(&a, &c, "GET /chunks HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	CLIENT_UNTIL(&a, &c, c.eof);
	assert_null(strstr(c.in, "chunked"));
	assert_int_equal((size_t)(c.in + c.n - (strstr(c.in, "\r\n\r\n") + 4)), 20000);
	client_close(&c);
	app_end(&a);
}

static void test_early_answers(void **state)
{
	struct http_conf conf = {0};
	struct client c;
	struct app a;

	app_start(&a, &conf);
	/* A short rest is read and thrown away; the connection goes on. */
	client_open(&c, &a);
	client_say(&a, &c, POST("/early", "Content-Length: 5\r\n\r\nhe"));
	client_until(&a, &c, "{\"error\":{\"code\":\"no_key\",\"message\":\"say \\\"who\\\"\"}}");
	client_say(&a, &c, "llo" GET("/query"));
	client_until(&a, &c, "/query|");
	client_close(&c);
	/* The same from within the body. */
	client_open(&c, &a);
	client_say(&a, &c, POST("/early-in-body", "Content-Length: 5\r\n\r\nhe"));
	client_until(&a, &c, "\"field\":\"to\"}}");
	client_say(&a, &c, "llo" GET("/query"));
	client_until(&a, &c, "/query|");
	client_close(&c);
	/* A long or endless one ends it, and the answer still arrives whole. */
	client_open(&c, &a);
	client_say(&a, &c, POST("/early", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"));
	CLIENT_UNTIL(&a, &c, c.eof);
	assert_non_null(strstr(c.in, "Connection: close\r\n"));
	assert_non_null(strstr(c.in, "no_key"));
	assert_false(c.reset);
	client_close(&c);
	assert_int_equal(a.n_aborts, 0);
	app_end(&a);
}

static void test_expect_100_continue(void **state)
{
	struct http_conf conf = {.max_body = 10};
	struct client c;
	struct app a;

	app_start(&a, &conf);
	client_open(&c, &a);
	client_say(&a, &c, POST("/echo", "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"));
	client_until(&a, &c, "HTTP/1.1 100 Continue\r\n\r\n");
	assert_int_equal(c.n, 25);
	client_say(&a, &c, "hello");
	client_until(&a, &c, "\r\n\r\nhello");
	/* Refused before the body is sent: no 100. */
	client_say(&a, &c, POST("/echo", "Expect: 100-continue\r\nContent-Length: 11\r\n\r\n"));
	CLIENT_UNTIL(&a, &c, c.eof);
	assert_non_null(strstr(c.in, "HTTP/1.1 413 "));
	assert_int_equal(count(c.in, "100 Continue"), 1);
	assert_int_equal(a.n_aborts, 1);
	client_close(&c);
	app_end(&a);
}

static void test_a_chunked_body_past_the_limit_is_cut(void **state)
{
	struct http_conf conf = {.max_body = 10};
	struct client c;
	struct app a;

	app_start(&a, &conf);
	client_open(&c, &a);
	client_say(&a, &c,
		POST("/echo", "Transfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n6\r\nabcdef\r\n0\r\n\r\n"));
	client_until(&a, &c, "\"body_too_large\"");
	assert_int_equal(a.n_aborts, 1);
	assert_int_equal(a.n_completes, 0);
	client_close(&c);
	/* An extension without end is no body, but must not be read for ever either. */
	client_open(&c, &a);
	client_say(&a, &c, POST("/echo", "Transfer-Encoding: chunked\r\n\r\n6;a="));
	for (int i = 0; i < 20; i++) {
		char ext[1000];

		memset(ext, 'x', sizeof(ext));
		client_send(&a, &c, ext, sizeof(ext));
		uv_run(&a.loop, UV_RUN_NOWAIT);
	}
	client_until(&a, &c, "HTTP/1.1 400 ");
	client_close(&c);
	app_end(&a);
}

/* ---- The room that all share ---- */

static size_t held(const struct app *a)
{
	struct http_counters n;

	http_server_counters(a->srv, &n);
	assert_int_equal(n.held, http_room_held(a->room));
	return n.held;
}

static void app_start_room(struct app *a, struct http_conf conf, size_t total)
{
	struct http_room *room;

	assert_int_equal(http_room_new(total, &room), 0);
	conf.room = room;
	app_start(a, &conf);
	a->room = room;
}

static void app_end_room(struct app *a)
{
	app_end(a);
	assert_int_equal(http_room_held(a->room), 0);
	http_room_free(a->room);
}

/* Alone a client gets half; others half of what is left; small bodies need none. */
static void test_large_bodies_share_a_room(void **state)
{
	struct client c[4];
	struct app a;
	char body[40000];

	memset(body, 'x', sizeof(body));
	app_start_room(&a, (struct http_conf){0}, 100000);
	for (int i = 0; i < 4; i++)
		client_open(&c[i], &a);
	client_say(&a, &c[0], POST("/echo", "Content-Length: 40000\r\n\r\nx"));
	TURN_UNTIL(&a, held(&a) == 40000);
	/* The same client, told before it sends. */
	client_say(&a, &c[1], POST("/echo", "Content-Length: 40000\r\nExpect: 100-continue\r\n\r\n"));
	client_until(&a, &c[1], "\"room_full\"");
	assert_non_null(strstr(c[1].in, "HTTP/1.1 503 "));
	assert_non_null(strstr(c[1].in, "Retry-After: "));
	assert_null(strstr(c[1].in, " 100 "));
	CLIENT_UNTIL(&a, &c[1], c[1].eof);
	assert_int_equal(a.n_aborts, 1);
	/* Another one has room, and who is small needs none. */
	client_say(&a, &c[2], POST("/other", "Content-Length: 30000\r\n\r\nx"));
	TURN_UNTIL(&a, held(&a) == 70000);
	client_say(&a, &c[3], POST("/echo", "Content-Length: 8192\r\n\r\n"));
	client_send(&a, &c[3], body, 8192);
	client_until(&a, &c[3], "HTTP/1.1 200 ");
	/* What is answered, or gone, gives it back. */
	client_send(&a, &c[0], body, 39999);
	client_until(&a, &c[0], "HTTP/1.1 200 ");
	TURN_UNTIL(&a, held(&a) == 30000);
	client_close(&c[2]);
	TURN_UNTIL(&a, held(&a) == 0);
	client_say(&a, &c[3], POST("/echo", "Content-Length: 40000\r\n\r\n"));
	client_send(&a, &c[3], body, sizeof(body));
	CLIENT_UNTIL(&a, &c[3], count(c[3].in, "HTTP/1.1 200 ") == 2);
	client_close(&c[0]);
	client_close(&c[1]);
	client_close(&c[3]);
	app_end_room(&a);
}

static void test_room_is_held_until_the_answer(void **state)
{
	struct client c;
	struct app a;
	char body[40000];

	memset(body, 'x', sizeof(body));
	app_start_room(&a, (struct http_conf){0}, 100000);
	client_open(&c, &a);
	client_say(&a, &c, POST("/later", "Content-Length: 40000\r\n\r\n"));
	client_send(&a, &c, body, sizeof(body));
	TURN_UNTIL(&a, a.n_later == 1);
	assert_int_equal(held(&a), 40000);
	assert_true(http_request_hold(a.later[0], 45000));
	/* What it became may have more than a body may, but not all. */
	assert_true(http_request_hold(a.later[0], 70000));
	assert_true(http_request_hold_more(a.later[0], 5000));
	assert_false(http_request_hold(a.later[0], 75001));
	assert_int_equal(held(&a), 75000);
	assert_int_equal(http_request_most(a.later[0]), 50000);
	http_respond(a.later[0], 202, NULL, NULL, 0);
	assert_int_equal(held(&a), 0);
	client_close(&c);
	app_end_room(&a);
}

static void test_bodies_without_a_length_take_room_as_they_come(void **state)
{
	struct client c, d;
	struct app a;
	char body[65536];

	memset(body, 'x', sizeof(body));
	app_start_room(&a, (struct http_conf){0}, 100000);
	client_open(&c, &a);
	client_open(&d, &a);
	client_say(&a, &c, POST("/echo", "Transfer-Encoding: chunked\r\n\r\n10000\r\n"));
	client_send(&a, &c, body, 8000);
	TURN_UNTIL(&a, a.n_requests == 1);
	assert_int_equal(held(&a), 0);
	client_send(&a, &c, body, 8000);
	TURN_UNTIL(&a, held(&a) == 16384);
	client_send(&a, &c, body, 16000);
	TURN_UNTIL(&a, held(&a) == 32768);
	client_send(&a, &c, body, 33536);
	client_until(&a, &c, "\"room_full\"");
	TURN_UNTIL(&a, (client_read(&c), c.eof));
	client_close(&c);
	TURN_UNTIL(&a, held(&a) == 0);
	client_say(&a, &d, POST("/stream", "Transfer-Encoding: chunked\r\n\r\n"));
	client_until(&a, &d, "\"room_full\"");
	client_close(&d);
	assert_int_equal(a.n_completes, 0);
	assert_int_equal(a.n_aborts, 2);
	app_end_room(&a);
}

static void test_bodies_that_fill_a_share_may_become_half_as_large_again(void **state)
{
	struct http_room *room;

	assert_int_equal(http_room_new(16000, &room), 0);
	for (int i = 0; i < 8; i++)
		assert_true(http_room_take(room, 7, 1000));
	assert_false(http_room_take(room, 7, 1));
	assert_false(http_room_is_scarce(room));
	for (int i = 0; i < 8; i++)
		assert_true(http_room_grow(room, 7, 500));
	assert_false(http_room_grow(room, 7, 1));
	assert_true(http_room_is_scarce(room));
	/* Half of the rest is another's. */
	assert_true(http_room_take(room, 8, 2000));
	assert_false(http_room_take(room, 8, 1));
	assert_true(http_room_take_anyway(room, 8, 9000));
	assert_false(http_room_grow(room, 9, 1));
	assert_false(http_room_grow(room, 7, 1));
	http_room_give(room, 8, 11000);
	http_room_give(room, 7, 12000);
	assert_int_equal(http_room_held(room), 0);
	http_room_free(room);
}

/* 40,000 octets in a second: 1,000 in a tenth of one are too few, although the least rate would let them pass.  It does
 * as long as there is room for others. */
static void test_a_large_body_must_come_in_time(void **state)
{
	struct client c, d, e;
	struct app a;
	uint64_t next, from = now_ms();
	char piece[100] = "";

	app_start_room(&a, (struct http_conf){.body_window_ms = 100, .body_min_rate = 1000, .body_time_ms = 1000}, 100000);
	client_open(&c, &a);
	client_open(&d, &a);
	client_open(&e, &a);
	client_say(&a, &c, POST("/echo", "Content-Length: 40000\r\n\r\n"));
	client_say(&a, &d, POST("/echo", "Content-Length: 8000\r\n\r\n"));
	for (next = now_ms(); strstr(c.in, "HTTP/1.1 408 ") == NULL; next += 10) {
		if (held(&a) == 40000 && now_ms() - from > 500)
			client_say(&a, &e, POST("/other", "Content-Length: 20000\r\n\r\n"));
		assert_true(held(&a) > 40000 || c.n == 0);
		client_send(&a, &c, piece, sizeof(piece));
		client_send(&a, &d, piece, sizeof(piece) / 2);
		TURN_UNTIL(&a, (client_read(&c), now_ms() >= next));
		assert_true(d.n == 0);
	}
	assert_true(now_ms() - from > 500);
	client_close(&c);
	client_close(&e);
	TURN_UNTIL(&a, held(&a) == 0);
	client_close(&d);
	app_end_room(&a);
}

static void test_room_for_an_answer_can_be_asked_for(void **state)
{
	struct http_counters n;
	struct client c[2];
	struct app a;

	app_start_room(&a, (struct http_conf){0}, (size_t)(2.5 * BIG));
	for (int i = 0; i < 2; i++)
		client_open(&c[i], &a);
	client_say(&a, &c[0], GET("/later"));
	TURN_UNTIL(&a, a.n_later == 1);
	assert_true(http_request_may_answer(a.later[0], BIG));
	assert_int_equal(held(&a), 0);
	client_say(&a, &c[1], GET("/big"));
	TURN_UNTIL(&a, held(&a) == BIG);
	assert_false(http_request_may_answer(a.later[0], BIG));
	assert_int_equal(held(&a), BIG);
	http_server_counters(a.srv, &n);
	assert_int_equal(n.no_room, 1);
	CLIENT_UNTIL(&a, &c[1], c[1].n >= BIG);
	TURN_UNTIL(&a, held(&a) == 0);
	assert_true(http_request_may_answer(a.later[0], BIG));
	http_respond(a.later[0], 200, "text/plain", "late", 4);
	for (int i = 0; i < 2; i++)
		client_close(&c[i]);
	app_end_room(&a);
}

static void test_answers_nobody_fetches_take_room(void **state)
{
	struct client c[4];
	struct http_counters n;
	struct app a;

	app_start_room(&a, (struct http_conf){0}, (size_t)(2.5 * BIG));
	for (int i = 0; i < 4; i++)
		client_open(&c[i], &a);
	client_say(&a, &c[0], GET("/big"));
	TURN_UNTIL(&a, held(&a) == BIG);
	client_say(&a, &c[1], GET("/big"));
	client_until(&a, &c[1], "\"no_room_here\"");
	client_say(&a, &c[1], GET("/other-small"));
	client_until(&a, &c[1], "HTTP/1.1 200 ");
	/* How full it is can be asked when it is full. */
	client_say(&a, &c[1], GET("/big-watch"));
	CLIENT_UNTIL(&a, &c[1], c[1].n >= BIG);
	/* What was done is said in any case. */
	client_say(&a, &c[2], POST("/big", "Content-Length: 1\r\n\r\nx"));
	client_until(&a, &c[2], "HTTP/1.1 200 ");
	CLIENT_UNTIL(&a, &c[0], c[0].n >= BIG);
	CLIENT_UNTIL(&a, &c[2], c[2].n >= BIG);
	TURN_UNTIL(&a, held(&a) == 0);
	client_say(&a, &c[3], GET("/big"));
	CLIENT_UNTIL(&a, &c[3], c[3].n >= BIG);
	http_server_counters(a.srv, &n);
	assert_int_equal(n.no_room, 1);
	for (int i = 0; i < 4; i++)
		client_close(&c[i]);
	app_end_room(&a);
}

/* ---- Deadlines and limits ---- */

static void test_a_dripping_head_is_cut(void **state)
{
	struct http_conf conf = {.header_timeout_ms = 100};
	struct client c;
	struct app a;
	uint64_t begin, next;

	app_start(&a, &conf);
	client_open(&c, &a);
	client_say(&a, &c, "GET / HTTP/1.1\r\nHost: h\r\nX: ");
	begin = now_ms();
	next = begin;
	/* An octet each five milliseconds must not buy more time. */
	while (strstr(c.in, "HTTP/1.1 408 ") == NULL) {
		assert_true(now_ms() - begin < WAIT_MS);
		if (now_ms() >= next) {
			client_say(&a, &c, "x");
			next += 5;
		}
		uv_run(&a.loop, UV_RUN_ONCE);
		client_read(&c);
	}
	assert_true(now_ms() - begin >= 80 && now_ms() - begin < 2000);
	client_close(&c);
	assert_int_equal(a.n_requests, 0);
	app_end(&a);
}

static void test_a_dripping_body_is_cut_and_a_slow_one_is_not(void **state)
{
	struct http_conf conf = {.body_window_ms = 100, .body_min_rate = 1000};
	struct http_counters n;
	struct client c, d;
	struct app a;
	uint64_t begin, last = 0;
	char piece[400];

	app_start(&a, &conf);
	memset(piece, 'x', sizeof(piece));
	client_open(&c, &a);
	client_open(&d, &a);
	client_say(&a, &c, POST("/stream-drip", "Content-Length: 1000\r\n\r\n"));
	client_say(&a, &d, POST("/stream-slow", "Content-Length: 4000\r\n\r\n"));
	begin = now_ms();
	/* One octet each 20 ms on c; on d 400 octets each 50 ms: four times the least, for half a second. */
	for (int sent = 0; sent < 10;) {
		if (now_ms() - begin >= last + 50) {
			last += 50;
			client_say(&a, &c, "x");
			client_send(&a, &d, piece, sizeof(piece));
			sent++;
		}
		uv_run(&a.loop, UV_RUN_ONCE);
		client_read(&c);
		client_read(&d);
	}
	client_until(&a, &c, "HTTP/1.1 408 ");
	client_until(&a, &c, "\"request_timeout\"");
	client_until(&a, &d, "HTTP/1.1 200 ");
	assert_int_equal(a.n_aborts, 1);
	http_server_counters(a.srv, &n);
	assert_int_equal(n.timeouts, 1);
	assert_int_equal(n.in_work, 0);
	client_close(&c);
	client_close(&d);
	app_end(&a);
}

static void test_idle_connections_are_closed_in_silence(void **state)
{
	struct http_conf conf = {.idle_timeout_ms = 80};
	struct client c, d;
	struct app a;

	app_start(&a, &conf);
	client_open(&c, &a);
	client_open(&d, &a);
	client_say(&a, &d, GET("/later"));
	CLIENT_UNTIL(&a, &c, c.eof);
	assert_int_equal(c.n, 0);
	/* A request in work is not idle, however long it takes. */
	client_read(&d);
	assert_false(d.eof);
	http_respond(a.later[0], 200, "text/plain", "done", 4);
	client_until(&a, &d, "done");
	CLIENT_UNTIL(&a, &d, d.eof);
	client_close(&c);
	client_close(&d);
	app_end(&a);
}

static void test_an_answer_nobody_fetches_is_dropped(void **state)
{
	struct http_conf conf = {.write_timeout_ms = 100, .max_answer = 1 << 20};
	struct client c;
	struct app a;
	int small = 4096;

	app_start(&a, &conf);
	a.n_to_write = 100000000;
	client_open(&c, &a);
	setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	client_say(&a, &c, GET("/chunks"));
	TURN_UNTIL(&a, a.n_aborts == 1);
	client_close(&c);
	app_end(&a);
}

static void test_connections_are_limited(void **state)
{
	struct http_conf conf = {.max_connections = 3, .max_per_address = 2};
	struct http_counters n;
	struct client c[3];
	struct app a;

	app_start(&a, &conf);
	for (int i = 0; i < 3; i++) {
		client_open(&c[i], &a);
		client_say(&a, &c[i], GET("/query"));
		client_until(&a, &c[i], i < 2 ? "/query|" : "HTTP/1.1 503 ");
	}
	client_until(&a, &c[2], "\"too_many_connections\"");
	assert_non_null(strstr(c[2].in, "\r\nRetry-After: "));
	CLIENT_UNTIL(&a, &c[2], c[2].eof);
	client_close(&c[2]);
	http_server_counters(a.srv, &n);
	assert_int_equal(n.refused, 1);
	assert_int_equal(n.open, 2);
	/* One leaves, one may come. */
	client_close(&c[0]);
	TURN_UNTIL(&a, (http_server_counters(a.srv, &n), n.open == 1));
	client_open(&c[0], &a);
	client_say(&a, &c[0], GET("/query"));
	client_until(&a, &c[0], "/query|");
	client_close(&c[0]);
	client_close(&c[1]);
	app_end(&a);
}

/* ---- Back-pressure ---- */

static void test_a_paused_body_stops_the_sender(void **state)
{
	enum { BODY = 10 << 20 };
	struct http_conf conf = {.body_window_ms = 50};
	struct http_counters n;
	static char piece[65536];
	struct client c;
	struct app a;
	size_t sent = 0;
	uint64_t quiet_since, seen;

	app_start(&a, &conf);
	client_open(&c, &a);
	client_say(&a, &c, POST("/pause", "Content-Length: 10485760\r\n\r\n"));
	/* Push until the kernel takes no more for 200 ms, four times the window of the rate: nobody reads. */
	quiet_since = now_ms();
	while (now_ms() - quiet_since < 200) {
		ssize_t r = send(c.fd, piece, sizeof(piece), MSG_NOSIGNAL);

		if (r > 0) {
			sent += (size_t)r;
			quiet_since = now_ms();
		}
		uv_run(&a.loop, UV_RUN_ONCE);
	}
	assert_non_null(a.paused);
	assert_true(sent < BODY);
	http_server_counters(a.srv, &n);
	seen = n.octets_in;
	assert_true(seen <= 65536);
	assert_true(a.n_before_pause <= 65536);
	/* From now on it pauses at every piece and is resumed from outside. */
	while (a.n_completes == 0) {
		size_t want = BODY - sent < sizeof(piece) ? BODY - sent : sizeof(piece);
		ssize_t r = want > 0 ? send(c.fd, piece, want, MSG_NOSIGNAL) : 0;

		if (r > 0)
			sent += (size_t)r;
		if (a.paused != NULL) {
			struct http_request *q = a.paused;

			a.paused = NULL;
			http_request_resume(q);
		}
		assert_int_equal(a.n_aborts, 0);
		uv_run(&a.loop, UV_RUN_ONCE);
	}
	client_until(&a, &c, "\r\n\r\n10485760");
	client_close(&c);
	app_end(&a);
}

static void test_pause_inside_chunks_keeps_every_octet(void **state)
{
	static const char request[] =
		POST("/pause", "Transfer-Encoding: chunked\r\n\r\n") "3\r\nabc\r\n4\r\ndefg\r\n1\r\nh\r\n0\r"
								     "\n\r\n" GET("/query");
	struct http_conf conf = {0};
	struct client c;
	struct app a;

	app_start(&a, &conf);
	client_open(&c, &a);
	client_say(&a, &c, request);
	for (size_t want = 3; want <= 8; want += want == 3 ? 4 : 1) {
		TURN_UNTIL(&a, a.paused != NULL);
		assert_int_equal(a.n_body, want);
		assert_int_equal(a.n_completes, 0);
		struct http_request *q = a.paused;

		a.paused = NULL;
		http_request_resume(q);
		assert_int_equal(a.n_body, want); /* not from inside */
	}
	client_until(&a, &c, "\r\n\r\n8HTTP/1.1 200 ");
	client_until(&a, &c, "/query|");
	client_close(&c);
	app_end(&a);
}

/* ---- Loss ---- */

static void test_loss_at_every_stage(void **state)
{
	static const struct {
		const char *why, *said;
		unsigned aborts;
	} rows[] = {
		{"nothing said", "", 0},
		{"half a head", "GET / HT", 0},
		{"half a body, buffered", POST("/echo", "Content-Length: 5\r\n\r\nhe"), 1},
		{"half a body, streamed", POST("/stream", "Content-Length: 5\r\n\r\nhe"), 1},
		{"a cut chunk", POST("/stream", "Transfer-Encoding: chunked\r\n\r\n5\r\nhe"), 1},
		{"cut before the last chunk", POST("/echo", "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n"),
			1},
		{"in work", GET("/later"), 1},
	};
	struct http_conf conf = {0};
	struct http_counters n;
	struct app a;

	app_start(&a, &conf);
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		struct client c;
		bool reset = i % 2 == 1;

		if (!reset && strcmp(rows[i / 2].why, "in work") == 0)
			continue; /* who only stops sending may still read */
		a.n_aborts = a.n_later = a.n_requests = 0;
		client_open(&c, &a);
		client_say(&a, &c, rows[i / 2].said);
		TURN_UNTIL(&a,
			(http_server_counters(a.srv, &n), n.octets_in > 0 || rows[i / 2].said[0] == '\0'));
		TURN_UNTIL(&a, a.n_requests == rows[i / 2].aborts);
		if (reset)
			client_reset(&c);
		else
			client_close(&c);
		TURN_UNTIL(&a, (http_server_counters(a.srv, &n), n.open == 0));
		if (a.n_aborts != rows[i / 2].aborts)
			fail_msg("%s: %u aborts", rows[i / 2].why, a.n_aborts);
		assert_int_equal(n.in_work, 0);
	}
	assert_int_equal(a.n_completes, 1); /* of "in work" */
	app_end(&a);
}

static void test_half_close_still_gets_its_answer(void **state)
{
	struct http_conf conf = {0};
	struct client c;
	struct app a;

	app_start(&a, &conf);
	client_open(&c, &a);
	client_say(&a, &c, GET("/later") GET("/query"));
	shutdown(c.fd, SHUT_WR);
	TURN_UNTIL(&a, a.n_later == 1);
	http_respond(a.later[0], 200, "text/plain", "late", 4);
	client_until(&a, &c, "/query|");
	CLIENT_UNTIL(&a, &c, c.eof);
	assert_non_null(strstr(c.in, "\r\n\r\nlateHTTP/1.1 200"));
	client_close(&c);
	app_end(&a);
}

static void test_who_sends_no_more_can_be_told(void **state)
{
	struct http_conf conf = {0};
	struct client c[3];
	struct app a;

	app_start(&a, &conf);
	for (int i = 0; i < 3; i++) {
		client_open(&c[i], &a);
		client_say(&a, &c[i], i == 0 ? GET("/later") : GET("/later") GET("/query")); /* then it is not read */
		TURN_UNTIL(&a, a.n_later == (unsigned)i + 1);
		assert_false(http_request_is_left(a.later[i]));
	}
	shutdown(c[0].fd, SHUT_WR);
	client_close(&c[1]);
	TURN_UNTIL(&a, http_request_is_left(a.later[0]) && http_request_is_left(a.later[1]));
	assert_false(http_request_is_left(a.later[2]));
	for (int i = 0; i < 3; i++)
		http_respond(a.later[i], 200, "text/plain", "late", 4);
	client_until(&a, &c[0], "late");
	client_until(&a, &c[2], "/query|");
	client_close(&c[0]);
	client_close(&c[2]);
	app_end(&a);
}

static void test_dropped_requests_leave_nothing(void **state)
{
	struct http_conf conf = {0};
	struct client c;
	struct app a;

	app_start(&a, &conf);
	client_open(&c, &a);
	client_say(&a, &c, POST("/drop", "Content-Length: 5\r\n\r\nhello"));
	CLIENT_UNTIL(&a, &c, c.reset || c.eof);
	assert_int_equal(c.n, 0);
	assert_int_equal(a.n_aborts, 0);
	client_close(&c);
	app_end(&a);
}

static void test_stop_lets_requests_in_work_finish(void **state)
{
	struct http_conf conf = {0};
	struct client idle, busy, stuck;
	struct app a;

	app_start(&a, &conf);
	client_open(&idle, &a);
	client_open(&busy, &a);
	client_open(&stuck, &a);
	client_say(&a, &idle, GET("/query"));
	client_until(&a, &idle, "/query|");
	client_say(&a, &busy, GET("/later"));
	TURN_UNTIL(&a, a.n_later == 1);
	client_say(&a, &stuck, GET("/later"));
	TURN_UNTIL(&a, a.n_later == 2);
	http_server_stop(a.srv, 3000, on_stopped);
	CLIENT_UNTIL(&a, &idle, idle.eof);
	http_respond(a.later[0], 200, "text/plain", "bye", 3);
	CLIENT_UNTIL(&a, &busy, busy.eof);
	assert_non_null(strstr(busy.in, "Connection: close\r\n"));
	assert_non_null(strstr(busy.in, "\r\n\r\nbye"));
	assert_false(a.stopped);
	client_close(&idle);
	client_close(&busy);
	http_server_stop(a.srv, 20, on_stopped); /* no longer patient */
	TURN_UNTIL(&a, a.stopped);
	assert_int_equal(a.n_aborts, 1);
	client_close(&stuck);
	app_end(&a);
}

static void test_headers_of_answers_cannot_be_injected(void **state)
{
	struct http_conf conf = {0};
	struct client c;
	struct app a;

	app_start(&a, &conf);
	client_open(&c, &a);
	client_say(&a, &c, "GET /later HTTP/1.1\r\nHost: h\r\nX-One: \t a b \r\n\r\n");
	TURN_UNTIL(&a, a.n_later == 1);
	assert_string_equal(http_header_get(a.later[0], "x-one"), "a b");
	assert_string_equal(http_header_get(a.later[0], "HOST"), "h");
	assert_null(http_header_get(a.later[0], "x-on"));
	assert_int_equal(http_header_add(a.later[0], "X-A", "a\r\nX-B: b"), -EINVAL);
	assert_int_equal(http_header_add(a.later[0], "X-A\r\nX-B", "b"), -EINVAL);
	assert_int_equal(http_header_add(a.later[0], "content-length", "7"), -EINVAL);
	assert_int_equal(http_header_add(a.later[0], "Retry-After", "7"), 0);
	http_respond(a.later[0], 503, "text/plain", "x", 1);
	client_until(&a, &c, "HTTP/1.1 503 Service Unavailable\r\n");
	client_until(&a, &c, "\r\nRetry-After: 7\r\n\r\nx");
	assert_null(strstr(c.in, "X-"));
	client_close(&c);
	app_end(&a);
}

static void test_an_answer_past_the_limit_can_be_replaced(void **state)
{
	struct http_conf conf = {.max_answer = 1000};
	static char big[2000];
	struct client c;
	struct app a;

	app_start(&a, &conf);
	client_open(&c, &a);
	client_say(&a, &c, GET("/later"));
	TURN_UNTIL(&a, a.n_later == 1);
	assert_int_equal(http_respond(a.later[0], 200, "text/plain", big, sizeof(big)), -ENOBUFS);
	assert_int_equal(http_respond(a.later[0], 500, "text/plain", "sorry", 5), 0);
	client_until(&a, &c, "sorry");
	assert_int_equal(count(c.in, "HTTP/1.1 "), 1);
	client_close(&c);
	app_end(&a);
}

/* ---- TLS: the same server, a client of our own stream ---- */

struct tls_client {
	struct stream *s;
	char in[4096];
	size_t n;
	bool eof;
	int err;
};

static void tls_on_read(void *arg, const uint8_t *data, size_t n)
{
	struct tls_client *c = arg;

	assert_true(n < sizeof(c->in) - c->n);
	memcpy(c->in + c->n, data, n);
	c->n += n;
}

static void tls_on_eof(void *arg)
{
	struct tls_client *c = arg;

	c->eof = true;
	stream_close(c->s);
}

static void tls_on_closed(void *arg, int err)
{
	struct tls_client *c = arg;

	c->s = NULL;
	c->err = err;
}

static void tls_connect(struct app *a, struct tls_client *c, struct stream_tls *tls)
{
	static const struct stream_ops client_ops = {
		.on_read = tls_on_read, .on_eof = tls_on_eof, .on_closed = tls_on_closed};
	struct stream_conf sc = {.ops = &client_ops, .arg = c};
	struct stream_target t = {.host = "127.0.0.1", .port = http_server_port(a->srv), .tls = tls};

	*c = (struct tls_client){0};
	assert_int_equal(stream_connect(a->sl, &t, &sc, &c->s), 0);
}

static void test_https(void **state)
{
	static const char requests[] = POST("/echo", "Content-Length: 5\r\n\r\nhello")
		GET("/later") "GET /query HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
	struct stream_tls_client_conf no_check = {.verify = false};
	struct http_conf conf = {.max_connections = 1};
	struct stream_tls *client;
	struct tls_client c, d;
	struct tls_pair pair;
	struct http_counters n;
	struct app a;

	tls_pair_make(&pair, "localhost");
	assert_int_equal(stream_tls_server_new(pair.cert, pair.key, &conf.tls), 0);
	assert_int_equal(stream_tls_client_new(&no_check, &client), 0);
	app_start(&a, &conf);
	tls_connect(&a, &c, client);
	assert_int_equal(stream_write(c.s, requests, strlen(requests)), 0);
	TURN_UNTIL(&a, a.n_later == 1);
	assert_true(http_request_is_tls(a.later[0]));
	/* One too many is dropped before the handshake costs anything. */
	tls_connect(&a, &d, client);
	TURN_UNTIL(&a, d.s == NULL);
	assert_int_not_equal(d.err, 0);
	http_server_counters(a.srv, &n);
	assert_int_equal(n.refused, 1);
	http_respond(a.later[0], 200, "text/plain", "late", 4);
	TURN_UNTIL(&a, c.s == NULL);
	assert_int_equal(c.err, 0);
	assert_true(c.eof);
	assert_int_equal(count(c.in, "HTTP/1.1 200 OK\r\n"), 3);
	assert_non_null(strstr(c.in, "\r\n\r\nhelloHTTP"));
	assert_non_null(strstr(c.in, "\r\n\r\nlateHTTP"));
	assert_non_null(strstr(c.in, "\r\n\r\n/query|"));
	app_end(&a);
	stream_tls_unref(client);
	stream_tls_unref(conf.tls);
	tls_pair_remove(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ambiguous_requests_are_refused),
		cmocka_unit_test(test_good_requests_are_taken_however_they_are_cut),
		cmocka_unit_test(test_a_nul_anywhere_in_the_head_is_refused),
		cmocka_unit_test(test_other_protocols_are_refused_at_once),
		cmocka_unit_test(test_heads_are_bounded),
		cmocka_unit_test(test_pipelined_requests_are_answered_in_order),
		cmocka_unit_test(test_many_pipelined_requests_all_get_answers),
		cmocka_unit_test(test_connection_semantics),
		cmocka_unit_test(test_head_and_204_have_no_body),
		cmocka_unit_test(test_a_chunked_answer_waits_for_its_reader),
		cmocka_unit_test(test_early_answers),
		cmocka_unit_test(test_expect_100_continue),
		cmocka_unit_test(test_a_chunked_body_past_the_limit_is_cut),
		cmocka_unit_test(test_a_dripping_head_is_cut),
		cmocka_unit_test(test_large_bodies_share_a_room),
		cmocka_unit_test(test_room_is_held_until_the_answer),
		cmocka_unit_test(test_bodies_without_a_length_take_room_as_they_come),
		cmocka_unit_test(test_bodies_that_fill_a_share_may_become_half_as_large_again),
		cmocka_unit_test(test_a_large_body_must_come_in_time),
		cmocka_unit_test(test_answers_nobody_fetches_take_room),
		cmocka_unit_test(test_room_for_an_answer_can_be_asked_for),
		cmocka_unit_test(test_a_dripping_body_is_cut_and_a_slow_one_is_not),
		cmocka_unit_test(test_idle_connections_are_closed_in_silence),
		cmocka_unit_test(test_an_answer_nobody_fetches_is_dropped),
		cmocka_unit_test(test_connections_are_limited),
		cmocka_unit_test(test_a_paused_body_stops_the_sender),
		cmocka_unit_test(test_pause_inside_chunks_keeps_every_octet),
		cmocka_unit_test(test_loss_at_every_stage),
		cmocka_unit_test(test_half_close_still_gets_its_answer),
		cmocka_unit_test(test_who_sends_no_more_can_be_told),
		cmocka_unit_test(test_dropped_requests_leave_nothing),
		cmocka_unit_test(test_stop_lets_requests_in_work_finish),
		cmocka_unit_test(test_headers_of_answers_cannot_be_injected),
		cmocka_unit_test(test_an_answer_past_the_limit_can_be_replaced),
		cmocka_unit_test(test_https),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
