/* SPDX-License-Identifier: Apache-2.0 */
/* http.c -- one HTTP connection: its states, its deadlines, and the way of a request through llhttp.  The
 * only file that includes llhttp.h.
 *
 *      CONN_IDLE --first octet--> CONN_HEAD --headers complete: on_request()--> CONN_BODY --all of it-->
 * CONN_WORK ^                                                                      |     on_complete()      |
 *          +--------------------- answered, and the body was read ----------------+------------------------+
 *      any of them -- Connection: close, an error of the peer, a deadline, the server stops --> CONN_CLOSING
 *
 * Facts that shaped it:
 *
 *  1. The head is collected and checked by http_head.c and then given to llhttp in one piece: two readers
 * must agree. llhttp says where the body ends.
 *  2. While a request is with the handler the socket is still read, so that a lost client is noticed; the
 * first octet of a next request stops that (stream_unread()) until the answer is there.
 *  3. Deadlines have few lengths, so each length is a list in order of time and a tick looks at its first
 * elements only. A client that drips is not caught by a timer that each octet restarts, but by counting over
 * a window.
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

enum {
	SPARE_WORKS = 64,	   /* kept for the next requests, */
	SPARE_BUF_MAX = 64 * 1024, /* each with buffers of at most this size */
	DISCARD_MAX = 64 * 1024,   /* of a body nobody wants, to keep the connection */
	UNSENT_MAX = 32 * 1024,	   /* answers waiting, before the next pipelined request is read */
	OVERHEAD_MAX = 16 * 1024,  /* chunk sizes, extensions, trailers: this and, */
	OVERHEAD_PER_OCTET = 8,	   /* for each octet of body, one chunk's worth */
	EXTRA_MAX = 4096,	   /* http_header_add() */
};

struct work {
	struct http_work w; /* first */
	llhttp_t parser;
	struct work *spare; /* next in the pool */
};

static void request_over(struct http_conn *c);

/* ---- Deadlines ---- */

void http_conn_wait(struct http_conn *c, enum wait what)
{
	struct http_server *srv = c->srv;

	http_list_del(&c->timed);
	http_list_add(&srv->waits[what], &c->timed);
	c->wait = what;
	c->deadline_ms = uv_now(stream_loop_uv(srv->sl)) + srv->wait_ms[what];
	c->mark = what == WAIT_BODY ? c->w->w.n_raw : stream_octets_out(c->s);
}

static void wait_no_more(struct http_conn *c)
{
	http_list_del(&c->timed);
}

void http_conn_close(struct http_conn *c)
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
	http_conn_wait(c, c->wait);
}

static void check_body(struct http_conn *c)
{
	const struct http_conf *conf = &c->srv->conf;
	uint64_t rate = conf->body_min_rate, least;

	/* What holds room that others want must not do so for hours; where there is plenty, a bad line is no fault. */
	if (c->w->w.want == HTTP_BODY_BUFFER && c->w->w.held > 0 && http_room_is_scarce(conf->room) &&
		c->w->w.held * 1000 / conf->body_time_ms > rate)
		rate = c->w->w.held * 1000 / conf->body_time_ms;
	least = rate * conf->body_window_ms / 1000;
	if (c->w->w.n_raw - c->mark >= least) {
		http_conn_wait(c, WAIT_BODY);
		return;
	}
	c->srv->counters.timeouts++;
	http_conn_refuse(c, 408, "request_timeout", "the body came too slowly");
}

void http_conn_expire(struct http_conn *c)
{
	switch (c->wait) {
	case WAIT_IDLE:
		if (stream_unsent(c->s) > 0)
			check_fetching(c);
		else
			http_conn_close(c);
		break;
	case WAIT_HEAD:
		c->srv->counters.timeouts++;
		http_conn_refuse(c, 408, "request_timeout", "the headers took too long");
		break;
	case WAIT_BODY: check_body(c); break;
	case WAIT_WRITE: check_fetching(c); break;
	case N_WAITS: break;
	}
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

void http_works_free(struct http_server *srv)
{
	while (srv->spares != NULL) {
		struct work *w = srv->spares;

		srv->spares = w->spare;
		work_free(w);
	}
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

	http_let_go_body(x);
	if (srv->n_spares == SPARE_WORKS) {
		work_free(w);
		return;
	}
	http_head_reset(&x->head, SPARE_BUF_MAX);
	buf_reset(&x->body, SPARE_BUF_MAX);
	buf_reset(&x->extra, EXTRA_MAX);
	*x = (struct http_work){.head = x->head, .body = x->body, .extra = x->extra};
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
		http_conn_wait(c, WAIT_WRITE);
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
		http_conn_close(c);
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
void http_conn_refuse(struct http_conn *c, int status, const char *code, const char *message)
{
	struct http_work *w = c->w != NULL ? &c->w->w : NULL;
	bool answered = w != NULL && w->answered, begun = w != NULL && w->begun;
	struct buf b;

	if (c->state == CONN_CLOSING)
		return;
	c->srv->counters.errors++;
	tell_abort(c);
	if (answered) {
		http_conn_close(c);
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
	if (w != NULL && status == 503)
		http_header_add(&w->q, "Retry-After", "1");
	buf_init(&b, SCRATCH_MAX);
	if (http_error_json(&b, code, message, NULL) < 0 ||
		http_answer(c, w, status, "application/json", buf_data(&b), buf_len(&b), false) < 0)
		stream_abort(c->s, -ENOMEM);
	buf_done(&b);
	http_conn_close(c);
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
	x->too_large = n > x->body.max - buf_len(&x->body);
	x->no_room = !x->too_large && !http_hold_more(x, buf_len(&x->body) + n);
	if (!x->too_large && !x->no_room && buf_add(&x->body, data, n) == 0)
		return 0;
	x->no_room = !x->too_large; /* or out of memory */
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
	http_conn_refuse(c, why->status, why->code, why->message);
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
	/* Paused: there is no body, the message is complete.  An upgrade that we do not know is no error:
	 * such a request is answered in HTTP/1.1 (RFC 9110, 7.8). */
	if (e == HPE_INVALID_METHOD || w->parser.method == HTTP_CONNECT) {
		*why = (struct http_refusal){501, "not_implemented", "this method is not known here"};
		return -EBADMSG;
	}
	if (e == HPE_OK || e == HPE_PAUSED)
		return 0;
	reason = llhttp_get_error_reason(&w->parser);
	*why = (struct http_refusal){400, "bad_request", reason != NULL ? reason : "malformed request"};
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

/* The last request of an HTTP/1.0 client may have a body that ends with the connection: say what we want
 * instead. */
static bool lacks_length(const struct http_work *x)
{
	return x->head.minor == 0 && x->head.known[HTTP_KNOWN_CONTENT_LENGTH] < 0 &&
	       (x->q.method == HTTP_METHOD_POST || x->q.method == HTTP_METHOD_PUT ||
		       x->q.method == HTTP_METHOD_PATCH);
}

static void complete(struct http_conn *c)
{
	struct http_work *x = &c->w->w;
	struct http_server *srv = c->srv;

	wait_no_more(c);
	if (!x->answered) {
		c->state = CONN_WORK;
		if (x->begun)
			http_conn_wait(c, WAIT_WRITE);
		if (x->want == HTTP_BODY_STREAM)
			srv->ops->on_complete(srv->arg, &x->q, NULL, 0);
		else if (x->n_span > 0)
			srv->ops->on_complete(srv->arg, &x->q, x->span, x->n_span);
		else
			srv->ops->on_complete(srv->arg, &x->q, buf_data(&x->body), buf_len(&x->body));
		x->span = NULL;
		x->n_span = 0;
		buf_reset(&x->body, SPARE_BUF_MAX); /* it was lent for that call only */
	}
	if (x->answered && c->state != CONN_CLOSING)
		request_over(c);
}

static void refuse_room(struct http_conn *c)
{
	http_conn_refuse(c, 503, "room_full",
		"the room for large bodies is full, or this client has its share of it; try again");
}

static void begin_body(struct http_conn *c)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct http_work *x = &c->w->w;
	bool buffers = !x->answered && x->want == HTTP_BODY_BUFFER;

	if (buffers && x->q.content_length > (int64_t)c->srv->conf.max_body) {
		http_conn_refuse(c, 413, "body_too_large", "the body is larger than max_body");
		return;
	}
	if (buffers && x->q.content_length > 0 && !http_hold_body(x, (size_t)x->q.content_length)) {
		refuse_room(c);
		return;
	}
	if (!x->answered && !x->begun && x->expects)
		stream_write(c->s, go_on, sizeof(go_on) - 1); /* without room it goes on unasked */
	c->state = CONN_BODY;
	if (!x->paused)
		http_conn_wait(c, WAIT_BODY);
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
		http_conn_refuse(c, 411, "length_required", "a body needs Content-Length");
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
	if (!x->answered && x->want == HTTP_BODY_STREAM && !http_hold_body(x, HTTP_STREAM_HELD))
		refuse_room(c);
	else if (x->body_done)
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
		http_conn_wait(c, WAIT_HEAD);
	return used;
}

static void refuse_body(struct http_conn *c, enum llhttp_errno e)
{
	const char *reason = llhttp_get_error_reason(&c->w->parser);

	if (c->w->w.no_room)
		refuse_room(c);
	else if (c->w->w.too_large)
		http_conn_refuse(c, 413, "body_too_large", "the body is larger than max_body");
	else
		http_conn_refuse(
			c, 400, "bad_request", e != HPE_USER && reason != NULL ? reason : "malformed body");
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
		http_conn_refuse(c, 400, "bad_request", "chunk extensions or trailers are too long");
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
		http_conn_close(c);
		return;
	}
	c->state = CONN_IDLE;
	http_conn_wait(c, WAIT_IDLE);
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
	case CONN_IDLE: http_conn_close(c); break;
	case CONN_HEAD:
	case CONN_BODY:
		tell_abort(c);
		http_conn_close(c);
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

	http_let_go_answers(c);
	if (x != NULL && x->begun && !x->answered && c->srv->ops->on_writable != NULL)
		c->srv->ops->on_writable(c->srv->arg, &x->q);
	else if (can_take(c))
		stream_resume(c->s);
}

static void on_closed(void *arg, int err)
{
	struct http_conn *c = arg;
	struct http_server *srv = c->srv;

	c->state = CONN_CLOSING;
	tell_abort(c);
	if (c->w != NULL)
		work_put(srv, c->w);
	http_let_go_answers(c);
	srv->counters.octets_in += stream_octets_in(c->s);
	srv->counters.octets_out += stream_octets_out(c->s);
	if (c->counted) {
		srv->counters.open--;
		http_peers_leave(srv->peers, &c->peer);
	} else {
		srv->n_refused--;
	}
	http_list_del(&c->all);
	http_list_del(&c->timed);
	srv->n_conns--;
	free(c);
	http_server_left(srv);
}

const struct stream_ops http_conn_ops = {
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
	http_conn_wait(x->conn, WAIT_BODY);
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
