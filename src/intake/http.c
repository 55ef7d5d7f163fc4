/* SPDX-License-Identifier: Apache-2.0 */
/* http.c -- the HTTP server: connections, their deadlines, and the way of a request through llhttp.  The only file that
 * includes llhttp.h.
 *
 *      CONN_IDLE --first octet--> CONN_HEAD --headers complete: on_request()--> CONN_BODY --all of it--> CONN_WORK
 *          ^                                                                      |     on_complete()      |
 *          +--------------------- answered, and the body was read ----------------+------------------------+
 *      any of them -- Connection: close, an error of the peer, a deadline, the server stops --> CONN_CLOSING
 *
 * Facts that shaped it:
 *
 *  1. The head is collected and checked by http_head.c and then given to llhttp in one piece: two readers must agree.
 *     llhttp says where the body ends.
 *  2. While a request is with the handler the socket is still read, so that a lost client is noticed; the first octet of
 *     a next request stops that (stream_unread()) until the answer is there.
 *  3. Deadlines have few lengths, so each length is a list in order of time and a tick looks at its first elements only.
 *     A client that drips is not caught by a timer that each octet restarts, but by counting over a window.
 *  4. A body that lies whole in what was read is lent as it lies; only others are copied together.
 */
#include "intake/http.h"

#include <assert.h>
#include <errno.h>
#include <llhttp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "intake/http_int.h"
#include "intake/http_peers.h"

enum {
	LISTENERS_MAX = 8,
	SPARE_WORKS = 64,             /* kept for the next requests, */
	SPARE_BUF_MAX = 64 * 1024,    /* each with buffers of at most this size */
	REFUSED_MAX = 64,             /* connections that are being told to come later */
	DISCARD_MAX = 64 * 1024,      /* of a body nobody wants, to keep the connection */
	UNSENT_MAX = 256 * 1024,      /* answers waiting, before the next pipelined request is read */
	OVERHEAD_MAX = 16 * 1024,     /* chunk sizes, extensions, trailers: this and, */
	OVERHEAD_PER_OCTET = 8,       /* for each octet of body, one chunk's worth */
	END_OF_CHUNKS = 16,           /* beyond max_answer, so that the last chunk always fits */
	EXTRA_MAX = 4096,             /* http_header_add() */
	SCRATCH_MAX = 16 * 1024,      /* one head of an answer */
};

struct node {
	struct node *prev, *next;
};

enum conn_state { CONN_IDLE, CONN_HEAD, CONN_BODY, CONN_WORK, CONN_CLOSING };

/* Each has one length, so each list is in order. */
enum wait { WAIT_IDLE, WAIT_HEAD, WAIT_BODY, WAIT_WRITE, N_WAITS };

struct http_conn {
	struct http_server *srv;
	struct stream *s;
	struct work *w; /* NULL while idle */
	struct node all, timed;
	uint64_t deadline_ms;
	uint64_t mark;    /* WAIT_BODY: octets in; WAIT_WRITE and WAIT_IDLE: octets fetched, when the wait began */
	enum conn_state state;
	enum wait wait;
	struct http_peer_key peer;
	bool counted; /* in max_connections and per address */
	bool running; /* inside on_read() or on_resume(): what ends a request there must not start the next */
	bool eof;
};

struct work {
	struct http_work w; /* first */
	llhttp_t parser;
	struct work *spare; /* next in the pool */
};

struct http_server {
	struct stream_loop *sl;
	struct http_conf conf;
	const struct http_ops *ops;
	void *arg;
	void (*on_stopped)(void *arg);
	struct stream_listener *listeners[LISTENERS_MAX];
	unsigned n_listeners;
	unsigned n_conns; /* all */
	unsigned n_refused;
	struct node all;
	struct node waits[N_WAITS];
	unsigned wait_ms[N_WAITS];
	struct http_peers *peers; /* NULL: no limit per address */
	struct work *spares;
	unsigned n_spares;
	uv_timer_t tick;
	unsigned tick_ms;
	uint64_t stop_at_ms;
	bool stopping, closing_tick;
	struct http_counters counters;
	struct buf scratch;
	time_t date_at;
	char date[32];
};

static void request_over(struct http_conn *c);
static void refuse(struct http_conn *c, int status, const char *code, const char *message);

/* ---- Lists ---- */

#define CONN_OF(node, member) ((struct http_conn *)(void *)((char *)(node) - offsetof(struct http_conn, member)))

static void list_init(struct node *n)
{
	n->prev = n;
	n->next = n;
}

static void list_del(struct node *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

static void list_add(struct node *head, struct node *n)
{
	n->prev = head->prev;
	n->next = head;
	head->prev->next = n;
	head->prev = n;
}

/* ---- Deadlines ---- */

static void wait_for(struct http_conn *c, enum wait what)
{
	struct http_server *srv = c->srv;

	list_del(&c->timed);
	list_add(&srv->waits[what], &c->timed);
	c->wait = what;
	c->deadline_ms = uv_now(stream_loop_uv(srv->sl)) + srv->wait_ms[what];
	c->mark = what == WAIT_BODY ? c->w->w.n_raw : stream_octets_out(c->s);
}

static void wait_no_more(struct http_conn *c)
{
	list_del(&c->timed);
}

static void close_conn(struct http_conn *c)
{
	c->state = CONN_CLOSING;
	wait_no_more(c);
	stream_close(c->s);
}

/* The answer lies unsent: has the client fetched enough of it meanwhile? */
static void check_fetching(struct http_conn *c)
{
	uint64_t least = (uint64_t)c->srv->conf.body_min_rate * c->srv->wait_ms[c->wait] / 1000;

	if (stream_unsent(c->s) > 0 && stream_octets_out(c->s) < c->mark + least) {
		c->srv->counters.timeouts++;
		stream_abort(c->s, -ETIMEDOUT);
		return;
	}
	wait_for(c, c->wait);
}

static void check_body(struct http_conn *c)
{
	uint64_t least = (uint64_t)c->srv->conf.body_min_rate * c->srv->conf.body_window_ms / 1000;

	if (c->w->w.n_raw - c->mark >= least) {
		wait_for(c, WAIT_BODY);
		return;
	}
	c->srv->counters.timeouts++;
	refuse(c, 408, "request_timeout", "the body came too slowly");
}

static void expire(struct http_conn *c)
{
	switch (c->wait) {
	case WAIT_IDLE:
		if (stream_unsent(c->s) > 0)
			check_fetching(c);
		else
			close_conn(c);
		break;
	case WAIT_HEAD:
		c->srv->counters.timeouts++;
		refuse(c, 408, "request_timeout", "the headers took too long");
		break;
	case WAIT_BODY: check_body(c); break;
	case WAIT_WRITE: check_fetching(c); break;
	case N_WAITS: break;
	}
}

static void abort_all(struct http_server *srv)
{
	for (struct node *n = srv->all.next; n != &srv->all; n = n->next)
		stream_abort(CONN_OF(n, all)->s, -ECONNABORTED);
}

static void on_tick(uv_timer_t *h)
{
	struct http_server *srv = h->data;
	uint64_t now_ms = uv_now(stream_loop_uv(srv->sl));

	for (int i = 0; i < N_WAITS; i++) {
		struct node *head = &srv->waits[i];

		while (head->next != head && CONN_OF(head->next, timed)->deadline_ms <= now_ms) {
			struct http_conn *c = CONN_OF(head->next, timed);

			wait_no_more(c); /* whatever comes of it, the loop goes on */
			expire(c);
		}
	}
	if (srv->stopping && now_ms >= srv->stop_at_ms)
		abort_all(srv);
}

/* ---- Works: the part of a connection that is there only during a request ---- */

static struct work *work_new(const struct http_server *srv)
{
	struct work *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	http_head_init(&w->w.head, srv->conf.max_head);
	buf_init(&w->w.body, srv->conf.max_body);
	buf_init(&w->w.extra, EXTRA_MAX);
	return w;
}

static void work_free(struct work *w)
{
	http_head_done(&w->w.head);
	buf_done(&w->w.body);
	buf_done(&w->w.extra);
	free(w);
}

static struct work *work_get(struct http_conn *c)
{
	struct http_server *srv = c->srv;
	struct work *w = srv->spares;

	if (w != NULL) {
		srv->spares = w->spare;
		srv->n_spares--;
	} else {
		w = work_new(srv);
	}
	if (w != NULL)
		w->w.conn = c;
	return w;
}

/* Everything but the memory of the buffers goes back to zero. */
static void work_put(struct http_server *srv, struct work *w)
{
	struct http_work *x = &w->w;

	if (srv->n_spares == SPARE_WORKS) {
		work_free(w);
		return;
	}
	http_head_reset(&x->head, SPARE_BUF_MAX);
	buf_reset(&x->body, SPARE_BUF_MAX);
	buf_reset(&x->extra, EXTRA_MAX);
	*x = (struct http_work){ .head = x->head, .body = x->body, .extra = x->extra };
	w->spare = srv->spares;
	srv->spares = w;
	srv->n_spares++;
}

/* ---- What the answers need of a connection ---- */

struct stream *http_conn_stream(const struct http_conn *c)
{
	return c->s;
}

struct buf *http_conn_scratch(struct http_conn *c)
{
	buf_truncate(&c->srv->scratch, 0);
	return &c->srv->scratch;
}

size_t http_conn_max_answer(const struct http_conn *c)
{
	return c->srv->conf.max_answer;
}

const char *http_conn_date(struct http_conn *c)
{
	struct http_server *srv = c->srv;
	time_t now = time(NULL);
	struct tm tm;

	if (now != srv->date_at) {
		srv->date_at = now;
		strftime(srv->date, sizeof(srv->date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
	}
	return srv->date;
}

bool http_conn_ends(const struct http_conn *c)
{
	return c->eof || c->srv->stopping;
}

void http_conn_writing(struct http_conn *c)
{
	if (c->state == CONN_WORK)
		wait_for(c, WAIT_WRITE);
}

bool http_work_discardable(const struct http_work *w)
{
	/* Who waits for "100 Continue" may or may not send the body now (RFC 9110, 10.1.1). */
	return !w->expects && w->q.content_length >= 0 &&
	       w->q.content_length - (int64_t)w->n_body <= DISCARD_MAX;
}

void http_conn_answered(struct http_conn *c)
{
	struct http_work *w = &c->w->w;

	w->answered = true;
	c->srv->counters.in_work--;
	if (c->state == CONN_CLOSING)
		return;
	if (w->body_done) {
		if (!c->running)
			request_over(c);
		return;
	}
	if (!w->keep) {
		close_conn(c);
		return;
	}
	/* The rest of the body is read and thrown away, still under its deadline. */
	if (w->paused)
		http_request_resume(&w->q);
}

/* ---- Errors of the peer ---- */

static void tell_abort(struct http_conn *c)
{
	struct http_work *w = c->w != NULL ? &c->w->w : NULL;

	if (w == NULL || !w->told || w->answered)
		return;
	w->answered = true;
	c->srv->counters.in_work--;
	c->srv->counters.aborted++;
	c->srv->ops->on_abort(c->srv->arg, &w->q);
}

/* Answer in the handler's stead and end the connection: what follows on it cannot be trusted. */
static void refuse(struct http_conn *c, int status, const char *code, const char *message)
{
	struct http_work *w = c->w != NULL ? &c->w->w : NULL;
	bool answered = w != NULL && w->answered, begun = w != NULL && w->begun;
	struct buf b;

	if (c->state == CONN_CLOSING)
		return;
	c->srv->counters.errors++;
	tell_abort(c);
	if (answered) {
		close_conn(c);
		return;
	}
	if (begun) {
		/* Half an answer must not look like a whole one. */
		c->state = CONN_CLOSING;
		wait_no_more(c);
		stream_abort(c->s, -EPROTO);
		return;
	}
	if (w != NULL)
		buf_reset(&w->extra, EXTRA_MAX);
	buf_init(&b, SCRATCH_MAX);
	if (http_error_json(&b, code, message, NULL) < 0 ||
		http_answer(c, w, status, "application/json", buf_data(&b), buf_len(&b), false) < 0)
		stream_abort(c->s, -ENOMEM);
	buf_done(&b);
	close_conn(c);
}

/* ---- llhttp's callbacks: they only note; what follows from it happens when llhttp has returned ---- */

static struct work *work_of(llhttp_t *p)
{
	return p->data;
}

static int on_llhttp_message_complete(llhttp_t *p)
{
	work_of(p)->w.body_done = true;
	return HPE_PAUSED; /* what follows belongs to the next request */
}

static int keep_body(struct work *w, const uint8_t *data, size_t n)
{
	struct http_work *x = &w->w;

	if (buf_len(&x->body) == 0 && x->q.content_length == (int64_t)n) {
		x->span = data;
		x->n_span = n;
		return 0;
	}
	if (buf_add(&x->body, data, n) == 0)
		return 0;
	x->too_large = true;
	return HPE_USER;
}

static int on_llhttp_body(llhttp_t *p, const char *at, size_t n)
{
	struct work *w = work_of(p);
	struct http_server *srv = w->w.conn->srv;

	w->w.n_body += n;
	if (w->w.answered || n == 0) /* none: llhttp goes on after a pause at the end of a span */
		return 0;
	if (w->w.want == HTTP_BODY_BUFFER)
		return keep_body(w, (const uint8_t *)at, n);
	srv->ops->on_body(srv->arg, &w->w.q, (const uint8_t *)at, n);
	if (w->w.conn->state == CONN_CLOSING)
		return HPE_USER;
	return w->w.paused ? HPE_PAUSED : 0;
}

static const llhttp_settings_t settings = {
	.on_body = on_llhttp_body,
	.on_message_complete = on_llhttp_message_complete,
};

static enum http_method method_of(uint8_t m)
{
	switch (m) {
	case HTTP_GET: return HTTP_METHOD_GET;
	case HTTP_HEAD: return HTTP_METHOD_HEAD;
	case HTTP_POST: return HTTP_METHOD_POST;
	case HTTP_PUT: return HTTP_METHOD_PUT;
	case HTTP_PATCH: return HTTP_METHOD_PATCH;
	case HTTP_DELETE: return HTTP_METHOD_DELETE;
	case HTTP_OPTIONS: return HTTP_METHOD_OPTIONS;
	default: return HTTP_METHOD_OTHER;
	}
}

/* ---- A request's way ---- */

static void refuse_why(struct http_conn *c, const struct http_refusal *why)
{
	refuse(c, why->status, why->code, why->message);
}

/* The second reader.  Whatever it makes of the head must be what http_head_parse() has let through. */
static int parse_with_llhttp(struct work *w, struct http_refusal *why)
{
	const struct buf *raw = &w->w.head.raw;
	const char *reason;
	enum llhttp_errno e;

	llhttp_init(&w->parser, HTTP_REQUEST, &settings);
	w->parser.data = w;
	e = llhttp_execute(&w->parser, (const char *)buf_data(raw), buf_len(raw));
	/* Paused: there is no body, the message is complete.  An upgrade that we do not know is no error: such a request
	 * is answered in HTTP/1.1 (RFC 9110, 7.8). */
	if (e == HPE_INVALID_METHOD || w->parser.method == HTTP_CONNECT) {
		*why = (struct http_refusal){ 501, "not_implemented", "this method is not known here" };
		return -EBADMSG;
	}
	if (e == HPE_OK || e == HPE_PAUSED)
		return 0;
	reason = llhttp_get_error_reason(&w->parser);
	*why = (struct http_refusal){ 400, "bad_request", reason != NULL ? reason : "malformed request" };
	return -EBADMSG;
}

static void describe(struct work *w)
{
	struct http_work *x = &w->w;
	bool chunked = x->head.known[HTTP_KNOWN_TRANSFER_ENCODING] >= 0;
	const char *length = http_head_known(&x->head, HTTP_KNOWN_CONTENT_LENGTH, NULL);

	x->keep = llhttp_should_keep_alive(&w->parser) != 0;
	x->q.method = method_of(w->parser.method);
	x->q.path = http_head_at(&x->head, x->head.decoded);
	x->q.content_length = chunked ? -1 : length != NULL ? strtoll(length, NULL, 10) : 0;
	x->q.has_body = !x->body_done;
	x->expects = x->q.has_body && x->head.minor == 1 && x->head.known[HTTP_KNOWN_EXPECT] >= 0;
}

/* The last request of an HTTP/1.0 client may have a body that ends with the connection: say what we want instead. */
static bool lacks_length(const struct http_work *x)
{
	return x->head.minor == 0 && x->head.known[HTTP_KNOWN_CONTENT_LENGTH] < 0 &&
	       (x->q.method == HTTP_METHOD_POST || x->q.method == HTTP_METHOD_PUT || x->q.method == HTTP_METHOD_PATCH);
}

static void complete(struct http_conn *c)
{
	struct http_work *x = &c->w->w;
	struct http_server *srv = c->srv;

	wait_no_more(c);
	if (!x->answered) {
		c->state = CONN_WORK;
		if (x->begun)
			wait_for(c, WAIT_WRITE);
		if (x->want == HTTP_BODY_STREAM)
			srv->ops->on_complete(srv->arg, &x->q, NULL, 0);
		else if (x->n_span > 0)
			srv->ops->on_complete(srv->arg, &x->q, x->span, x->n_span);
		else
			srv->ops->on_complete(srv->arg, &x->q, buf_data(&x->body), buf_len(&x->body));
		x->span = NULL;
		x->n_span = 0;
	}
	if (x->answered && c->state != CONN_CLOSING)
		request_over(c);
}

static void begin_body(struct http_conn *c)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct http_work *x = &c->w->w;

	if (!x->answered && x->want == HTTP_BODY_BUFFER && x->q.content_length > (int64_t)c->srv->conf.max_body) {
		refuse(c, 413, "body_too_large", "the body is larger than max_body");
		return;
	}
	if (!x->answered && !x->begun && x->expects)
		stream_write(c->s, go_on, sizeof(go_on) - 1); /* without room it goes on unasked */
	c->state = CONN_BODY;
	if (!x->paused)
		wait_for(c, WAIT_BODY);
}

static void start_request(struct http_conn *c)
{
	struct http_server *srv = c->srv;
	struct http_work *x = &c->w->w;
	struct http_refusal why;

	if (http_head_parse(&x->head, &why) < 0 || parse_with_llhttp(c->w, &why) < 0 ||
		http_head_finish(&x->head, &why) < 0) {
		refuse_why(c, &why);
		return;
	}
	describe(c->w);
	if (lacks_length(x)) {
		refuse(c, 411, "length_required", "a body needs Content-Length");
		return;
	}
	wait_no_more(c);
	c->state = CONN_BODY;
	x->told = true;
	srv->counters.requests++;
	srv->counters.in_work++;
	x->want = srv->ops->on_request(srv->arg, &x->q);
	if (c->state == CONN_CLOSING)
		return;
	if (x->body_done)
		complete(c);
	else
		begin_body(c);
}

static size_t take_head(struct http_conn *c, const uint8_t *data, size_t n)
{
	struct http_refusal why;
	size_t used = n;
	int r;

	if (c->w == NULL) {
		c->w = work_get(c);
		if (c->w == NULL) {
			stream_abort(c->s, -ENOMEM);
			c->state = CONN_CLOSING;
			return n;
		}
		c->state = CONN_HEAD;
	}
	r = http_head_collect(&c->w->w.head, data, n, &used, &why);
	if (r < 0)
		refuse_why(c, &why);
	else if (r == 1)
		start_request(c);
	else if (c->wait != WAIT_HEAD || c->timed.next == &c->timed)
		wait_for(c, WAIT_HEAD);
	return used;
}

static void refuse_body(struct http_conn *c, enum llhttp_errno e)
{
	const char *reason = llhttp_get_error_reason(&c->w->parser);

	if (c->w->w.too_large)
		refuse(c, 413, "body_too_large", "the body is larger than max_body");
	else
		refuse(c, 400, "bad_request", e != HPE_USER && reason != NULL ? reason : "malformed body");
}

/* With n = 0: go on where a pause stopped llhttp. */
static size_t take_body(struct http_conn *c, const uint8_t *data, size_t n)
{
	struct http_work *x = &c->w->w;
	size_t used = n;
	enum llhttp_errno e = llhttp_execute(&c->w->parser, (const char *)data, n);

	if (c->state == CONN_CLOSING)
		return n;
	if (e == HPE_PAUSED || e == HPE_PAUSED_UPGRADE) {
		used = (size_t)((const uint8_t *)llhttp_get_error_pos(&c->w->parser) - data);
		if (e == HPE_PAUSED)
			llhttp_resume(&c->w->parser);
	} else if (e != HPE_OK) {
		refuse_body(c, e);
		return n;
	}
	x->n_raw += used;
	if (x->n_raw - x->n_body > OVERHEAD_MAX + OVERHEAD_PER_OCTET * x->n_body) {
		refuse(c, 400, "bad_request", "chunk extensions or trailers are too long");
		return n;
	}
	/* What was lent as one piece is gone after this read. */
	if (x->body_done)
		complete(c);
	return used;
}

static bool can_take(const struct http_conn *c)
{
	switch (c->state) {
	case CONN_IDLE:
	case CONN_HEAD: return stream_unsent(c->s) <= UNSENT_MAX;
	case CONN_BODY: return !c->w->w.paused;
	case CONN_WORK:
	case CONN_CLOSING: return false;
	}
	return false;
}

static void request_over(struct http_conn *c)
{
	struct http_work *x = &c->w->w;
	bool keep = x->keep;

	work_put(c->srv, c->w);
	c->w = NULL;
	if (!keep || http_conn_ends(c)) {
		close_conn(c);
		return;
	}
	c->state = CONN_IDLE;
	wait_for(c, WAIT_IDLE);
	if (stream_unsent(c->s) > UNSENT_MAX)
		stream_want_drain(c->s);
	else if (!c->running)
		stream_resume(c->s);
}

/* ---- The stream's callbacks ---- */

static void on_read(void *arg, const uint8_t *data, size_t n)
{
	struct http_conn *c = arg;
	size_t used = 0;

	c->running = true;
	while (used < n && can_take(c)) {
		if (c->state == CONN_BODY)
			used += take_body(c, data + used, n - used);
		else
			used += take_head(c, data + used, n - used);
	}
	c->running = false;
	if (c->state == CONN_CLOSING)
		return;
	if (used < n)
		stream_unread(c->s, n - used);
	if (can_take(c))
		stream_resume(c->s);
}

/* A pause of the body may have stopped llhttp between the last octet and the end of the message. */
static void on_resume(void *arg)
{
	struct http_conn *c = arg;

	if (c->state != CONN_BODY || c->w->w.paused)
		return;
	c->running = true;
	take_body(c, (const uint8_t *)"", 0);
	c->running = false;
}

static void on_eof(void *arg)
{
	struct http_conn *c = arg;

	c->eof = true;
	switch (c->state) {
	case CONN_IDLE: close_conn(c); break;
	case CONN_HEAD:
	case CONN_BODY:
		tell_abort(c);
		close_conn(c);
		break;
	case CONN_WORK:
		c->w->w.keep = false; /* it may still want the answer */
		break;
	case CONN_CLOSING: break;
	}
}

static void on_drain(void *arg)
{
	struct http_conn *c = arg;
	struct http_work *x = c->w != NULL ? &c->w->w : NULL;

	if (x != NULL && x->begun && !x->answered && c->srv->ops->on_writable != NULL)
		c->srv->ops->on_writable(c->srv->arg, &x->q);
	else if (can_take(c))
		stream_resume(c->s);
}

static void finish_stop(struct http_server *srv);

static void on_closed(void *arg, int err)
{
	struct http_conn *c = arg;
	struct http_server *srv = c->srv;

	c->state = CONN_CLOSING;
	tell_abort(c);
	if (c->w != NULL)
		work_put(srv, c->w);
	srv->counters.octets_in += stream_octets_in(c->s);
	srv->counters.octets_out += stream_octets_out(c->s);
	if (c->counted) {
		srv->counters.open--;
		http_peers_leave(srv->peers, &c->peer);
	} else {
		srv->n_refused--;
	}
	list_del(&c->all);
	list_del(&c->timed);
	srv->n_conns--;
	free(c);
	finish_stop(srv);
}

static const struct stream_ops stream_ops = {
	.on_resume = on_resume,
	.on_read = on_read,
	.on_eof = on_eof,
	.on_drain = on_drain,
	.on_closed = on_closed,
};

/* ---- Back-pressure ---- */

void http_request_pause(struct http_request *q)
{
	struct http_work *x = http_work_of(q);

	if (x->paused || x->body_done)
		return;
	x->paused = true;
	wait_no_more(x->conn); /* now we are the slow ones */
	stream_pause(x->conn->s);
}

void http_request_resume(struct http_request *q)
{
	struct http_work *x = http_work_of(q);

	if (!x->paused)
		return;
	x->paused = false;
	if (x->conn->state != CONN_BODY)
		return;
	wait_for(x->conn, WAIT_BODY);
	stream_resume(x->conn->s);
}

void http_request_drop(struct http_request *q)
{
	struct http_work *x = http_work_of(q);
	struct http_conn *c = x->conn;

	assert(!x->answered);
	x->answered = true;
	c->srv->counters.in_work--;
	c->state = CONN_CLOSING;
	wait_no_more(c);
	stream_abort(c->s, -ECONNABORTED);
}

/* ---- Taking connections ---- */

static struct http_conn *conn_new(struct http_server *srv)
{
	struct http_conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->srv = srv;
	list_init(&c->all);
	list_init(&c->timed);
	return c;
}

static struct stream_conf stream_conf_of(const struct http_conn *c)
{
	const struct http_conf *conf = &c->srv->conf;

	return (struct stream_conf){
		.ops = &stream_ops,
		.arg = (void *)(uintptr_t)c,
		.max_out = conf->max_answer + END_OF_CHUNKS,
		.open_timeout_ms = conf->header_timeout_ms,
		.close_timeout_ms = conf->linger_ms,
	};
}

/* Under both limits?  If so it is counted. */
static bool admit(struct http_conn *c)
{
	struct http_server *srv = c->srv;
	struct sockaddr_storage addr;

	if (srv->counters.open >= srv->conf.max_connections)
		return false;
	stream_peer(c->s, &addr);
	http_peer_key_of(&addr, &c->peer);
	if (!http_peers_enter(srv->peers, &c->peer, srv->conf.max_per_address))
		return false;
	c->counted = true;
	srv->counters.open++;
	srv->counters.connections++;
	return true;
}

static void turn_away(struct http_conn *c)
{
	struct http_server *srv = c->srv;

	srv->counters.refused++;
	/* A handshake costs more than the answer is worth, and so does a crowd of refused ones. */
	if (++srv->n_refused > REFUSED_MAX || stream_is_tls(c->s)) {
		c->state = CONN_CLOSING;
		stream_abort(c->s, 0);
		return;
	}
	refuse(c, 503, "too_many_connections", "too many connections; try again later");
}

static void welcome(struct http_conn *c)
{
	c->srv->n_conns++;
	list_add(&c->srv->all, &c->all);
	if (admit(c))
		wait_for(c, WAIT_IDLE);
	else
		turn_away(c);
}

static void on_accept(void *arg, struct stream_listener *l)
{
	struct http_server *srv = arg;
	struct http_conn *c = conn_new(srv);
	struct stream_conf sc;

	if (c == NULL)
		return; /* the listener drops what was not taken */
	sc = stream_conf_of(c);
	if (stream_accept(l, &sc, &c->s) < 0) {
		free(c);
		return;
	}
	welcome(c);
}

int http_server_attach(struct http_server *srv, stream_sink_cb sink, void *sink_arg, struct stream **ret_s)
{
	struct http_conn *c = conn_new(srv);
	struct stream_conf sc;
	int r;

	if (c == NULL)
		return -ENOMEM;
	sc = stream_conf_of(c);
	r = stream_memory(srv->sl, &sc, sink, sink_arg, &c->s);
	if (r < 0) {
		free(c);
		return r;
	}
	*ret_s = c->s;
	welcome(c);
	return 0;
}

/* ---- Server ---- */

static unsigned or_default(unsigned value, unsigned def)
{
	return value > 0 ? value : def;
}

static void fill_in(struct http_conf *c)
{
	c->max_head = c->max_head > 0 ? c->max_head : 16384;
	c->max_head = c->max_head < 32000 ? c->max_head : 32000; /* offsets in a head have 16 bits */
	c->max_body = c->max_body > 0 ? c->max_body : 8u << 20;
	c->max_answer = c->max_answer > 0 ? c->max_answer : 16u << 20;
	c->max_connections = or_default(c->max_connections, 4096);
	c->max_per_address = or_default(c->max_per_address, c->max_connections);
	c->header_timeout_ms = or_default(c->header_timeout_ms, 10000);
	c->body_window_ms = or_default(c->body_window_ms, 10000);
	c->body_min_rate = or_default(c->body_min_rate, 1024);
	c->idle_timeout_ms = or_default(c->idle_timeout_ms, 60000);
	c->write_timeout_ms = or_default(c->write_timeout_ms, 30000);
	c->linger_ms = or_default(c->linger_ms, 2000);
}

/* A deadline is met within an eighth of the shortest, and within half a second in any case. */
static void set_waits(struct http_server *srv)
{
	srv->wait_ms[WAIT_IDLE] = srv->conf.idle_timeout_ms;
	srv->wait_ms[WAIT_HEAD] = srv->conf.header_timeout_ms;
	srv->wait_ms[WAIT_BODY] = srv->conf.body_window_ms;
	srv->wait_ms[WAIT_WRITE] = srv->conf.write_timeout_ms;
	srv->tick_ms = 500;
	for (int i = 0; i < N_WAITS; i++) {
		list_init(&srv->waits[i]);
		if (srv->wait_ms[i] / 8 < srv->tick_ms)
			srv->tick_ms = srv->wait_ms[i] / 8;
	}
	if (srv->tick_ms < 10)
		srv->tick_ms = 10;
}

int http_server_new(struct stream_loop *sl, const struct http_conf *c, const struct http_ops *ops, void *arg,
	struct http_server **ret_srv)
{
	struct http_server *srv = calloc(1, sizeof(*srv));
	int r = 0;

	if (srv == NULL)
		return -ENOMEM;
	srv->sl = sl;
	srv->conf = *c;
	srv->ops = ops;
	srv->arg = arg;
	fill_in(&srv->conf);
	set_waits(srv);
	list_init(&srv->all);
	buf_init(&srv->scratch, SCRATCH_MAX);
	if (srv->conf.max_per_address < srv->conf.max_connections)
		r = http_peers_new(srv->conf.max_connections, &srv->peers);
	if (r < 0) {
		free(srv);
		return r;
	}
	uv_timer_init(stream_loop_uv(sl), &srv->tick);
	srv->tick.data = srv;
	uv_timer_start(&srv->tick, on_tick, srv->tick_ms, srv->tick_ms);
	uv_unref((uv_handle_t *)&srv->tick); /* it is the connections that keep the loop alive */
	*ret_srv = srv;
	return 0;
}

int http_server_listen(struct http_server *srv, const char *where)
{
	struct stream_listener **l = &srv->listeners[srv->n_listeners];
	int r;

	if (srv->n_listeners == LISTENERS_MAX)
		return -ENOSPC;
	r = stream_listen(srv->sl, where, srv->conf.tls, on_accept, srv, l);
	if (r == 0)
		srv->n_listeners++;
	return r;
}

int http_server_port(const struct http_server *srv)
{
	return srv->n_listeners > 0 ? stream_listener_port(srv->listeners[0]) : 0;
}

static void on_tick_closed(uv_handle_t *h)
{
	struct http_server *srv = h->data;

	srv->on_stopped(srv->arg);
	while (srv->spares != NULL) {
		struct work *w = srv->spares;

		srv->spares = w->spare;
		work_free(w);
	}
	http_peers_free(srv->peers);
	buf_done(&srv->scratch);
	free(srv);
}

static void finish_stop(struct http_server *srv)
{
	if (!srv->stopping || srv->n_conns > 0 || srv->closing_tick)
		return;
	srv->closing_tick = true;
	uv_close((uv_handle_t *)&srv->tick, on_tick_closed);
}

void http_server_stop(struct http_server *srv, unsigned drain_ms, void (*on_stopped)(void *arg))
{
	uint64_t at_ms = uv_now(stream_loop_uv(srv->sl)) + drain_ms;

	if (!srv->stopping || at_ms < srv->stop_at_ms)
		srv->stop_at_ms = at_ms;
	if (!srv->stopping)
		uv_ref((uv_handle_t *)&srv->tick); /* the loop must last until the deadline */
	srv->stopping = true;
	srv->on_stopped = on_stopped;
	while (srv->n_listeners > 0)
		stream_listener_stop(srv->listeners[--srv->n_listeners]);
	for (struct node *n = srv->all.next; n != &srv->all; n = n->next) {
		struct http_conn *c = CONN_OF(n, all);

		if (c->state == CONN_IDLE || c->state == CONN_HEAD)
			close_conn(c);
	}
	if (drain_ms == 0)
		abort_all(srv);
	finish_stop(srv);
}

void http_server_counters(const struct http_server *srv, struct http_counters *ret_counters)
{
	*ret_counters = srv->counters;
	for (const struct node *n = srv->all.next; n != &srv->all; n = n->next) {
		const struct http_conn *c = CONN_OF(n, all);

		ret_counters->octets_in += stream_octets_in(c->s);
		ret_counters->octets_out += stream_octets_out(c->s);
	}
}
