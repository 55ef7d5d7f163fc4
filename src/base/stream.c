/* SPDX-License-Identifier: Apache-2.0 */
/* stream.c -- see stream.h for the promises.
 *
 *                      stream_connect()                stream_accept()
 *                             |                               |
 *                        ST_OPENING --- connected ---+--------+
 *                             |                      |
 *                    (next address)       tls: ST_HANDSHAKE     plain: at once
 *                                                    |                |
 *                                                    +---> ST_OPEN <--+
 *                                                            |
 *                                          stream_close(): ST_CLOSING   flush, goodbye, FIN, wait for the peer's
 *                                                            |
 *          stream_abort(), any error, any deadline:       ST_ENDED      uv_close() has been called
 *
 * How a write travels: `out` (what the protocol wrote) -> with TLS, records in the session's buffer -> uv_try_write() ->
 * the rest, if any, changes places with `fly`, which belongs to one uv_write() at a time.  The memory of empty buffers
 * goes to a small pool of the loop, so that an idle stream holds none and a busy one does not allocate.
 *
 * How a read travels: libuv reads into the loop's `rbuf`; with TLS it is decrypted into the loop's `pbuf`; the protocol
 * is lent what lies there.  What it gives back waits in `in` (TLS: what was not yet decrypted, in the session), and
 * the socket is not read until both are empty.
 *
 * Everything that must not happen inside the protocol's own call happens in on_prepare(), just before the loop waits:
 * first the streams that were resumed, then one flush for every stream that was written to.
 */
#include "base/stream.h"
#include "base/buf.h"
#include "base/stream_tls.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	READ_BUF = 64 * 1024,
	MAX_OUT = 64 * 1024,
	OPEN_TIMEOUT_MS = 10000,
	CLOSE_TIMEOUT_MS = 2000,
	TICK_MS = 50,            /* of the deadlines: they only catch what went wrong */
	MIN_ATTEMPT_MS = 1000,   /* for one address of several */
	POOL_BUFS = 64,          /* empty output buffers kept by the loop, */
	POOL_BUF_MAX = 64 * 1024, /* each of at most this size */
	BACKLOG = 1024,
	MIN_PROGRESS = 4096, /* octets fetched per close_timeout_ms by a peer that is still there */
	ADDRESS_TEXT = 128 /* more than the longest "[v6%zone]" */
};

/* ---- Lists: a stream can be on several, and leaves all of them when it ends. ---- */

struct node {
	struct node *prev, *next;
};

static void list_init(struct node *n)
{
	n->prev = n;
	n->next = n;
}

static bool list_empty(const struct node *n)
{
	return n->next == n;
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

/* Move all of `from` to the empty list `to`, so that what is added meanwhile waits for the next turn. */
static void list_take(struct node *from, struct node *to)
{
	list_init(to);
	if (list_empty(from))
		return;
	*to = *from;
	to->prev->next = to;
	to->next->prev = to;
	list_init(from);
}

#define STREAM_OF(node, member) ((struct stream *)(void *)((char *)(node) - offsetof(struct stream, member)))

struct mem {
	uint8_t *mem;
	size_t cap;
};

struct stream_loop {
	uv_loop_t *uv;
	uv_prepare_t prepare;
	uv_idle_t idle; /* runs while something waits for on_prepare(): the loop must neither sleep nor end */
	uv_timer_t timer;
	struct node dirty; /* streams with something to flush */
	struct node ready; /* resumed, or to be told that they are open */
	struct node timed; /* with a deadline */
	struct mem pool[POOL_BUFS];
	unsigned n_pool;
	unsigned n_streams;
	unsigned n_handles; /* still to be closed when stopping */
	uint8_t *pbuf;      /* decrypted octets; NULL until a stream has TLS */
	uint8_t rbuf[READ_BUF];
};

enum stream_state { ST_OPENING, ST_HANDSHAKE, ST_OPEN, ST_CLOSING, ST_ENDED };

/* What is needed until the connection stands.  Outlives the stream when the resolver cannot be cancelled. */
struct opening {
	uv_getaddrinfo_t resolve;
	uv_connect_t connect;
	struct stream *s; /* NULL: nobody waits any more */
	struct addrinfo *addrs, *next;
	struct sockaddr_storage source;
	bool has_source;
	bool resolving;
	int err; /* of the last attempt */
};

struct stream {
	uv_tcp_t tcp;
	struct stream_loop *sl;
	const struct stream_ops *ops;
	void *arg;
	struct node dirty, ready, timed;
	struct buf out; /* written, not yet with the kernel or encrypted */
	struct buf fly; /* with uv_write() */
	struct buf in;  /* given back by the protocol */
	struct tls_session *tls;
	struct opening *opening;
	stream_sink_cb sink; /* without a wire */
	void *sink_arg;
	union {
		uv_write_t write;
		uv_shutdown_t shutdown;
	} req; /* the second begins when the first has ended for good */
	uint64_t octets_in, octets_out;
	uint64_t open_until_ms; /* 0: the handshake is done */
	uint64_t deadline_ms;
	size_t unsent_before; /* when the deadline of ST_CLOSING was last set */
	size_t n_unread; /* asked for inside on_read() */
	unsigned close_timeout_ms, keepalive_s;
	int err;
	enum stream_state state;
	bool is_tls, told_open, paused, reading, in_read, writing, want_drain, eof, said_bye, shut, reopening;
};

static void flush(struct stream *s, bool may_call);
static void pump(struct stream *s);
static void end(struct stream *s, int err);
static void attempt(struct stream *s);

/* ---- The loop ---- */

static void on_idle(uv_idle_t *h)
{
}

static void wake_prepare(struct stream_loop *sl)
{
	uv_idle_start(&sl->idle, on_idle);
}

static void mark_dirty(struct stream *s)
{
	if (list_empty(&s->dirty)) {
		list_add(&s->sl->dirty, &s->dirty);
		wake_prepare(s->sl);
	}
}

static void mark_ready(struct stream *s)
{
	if (list_empty(&s->ready)) {
		list_add(&s->sl->ready, &s->ready);
		wake_prepare(s->sl);
	}
}

static void on_prepare(uv_prepare_t *h)
{
	struct stream_loop *sl = h->data;
	struct node now;

	list_take(&sl->ready, &now);
	while (!list_empty(&now)) {
		struct stream *s = STREAM_OF(now.next, ready);

		list_del(&s->ready);
		pump(s);
	}
	list_take(&sl->dirty, &now);
	while (!list_empty(&now)) {
		struct stream *s = STREAM_OF(now.next, dirty);

		list_del(&s->dirty);
		flush(s, true);
	}
	if (list_empty(&sl->ready) && list_empty(&sl->dirty))
		uv_idle_stop(&sl->idle);
}

/* A long last answer may take longer than the farewell's deadline, as long as the peer keeps fetching it. */
static bool still_moving(struct stream *s)
{
	size_t unsent = stream_unsent(s);

	if (unsent == 0 || unsent + MIN_PROGRESS > s->unsent_before)
		return false;
	s->unsent_before = unsent;
	s->deadline_ms = uv_now(s->sl->uv) + s->close_timeout_ms;
	return true;
}

static void on_tick(uv_timer_t *h)
{
	struct stream_loop *sl = h->data;
	uint64_t now_ms = uv_now(sl->uv);
	struct node *n, *next;

	for (n = sl->timed.next; n != &sl->timed; n = next) {
		struct stream *s = STREAM_OF(n, timed);

		next = n->next;
		if (s->deadline_ms > now_ms)
			continue;
		if (s->state == ST_OPENING && s->opening->next != NULL && !s->reopening) {
			/* This address is silent; leave time for the others. */
			s->opening->err = -ETIMEDOUT;
			attempt(s);
			continue;
		}
		if (s->state == ST_CLOSING && still_moving(s))
			continue;
		end(s, s->state == ST_CLOSING && s->shut ? 0 : -ETIMEDOUT);
	}
	if (list_empty(&sl->timed))
		uv_timer_stop(&sl->timer);
}

static void set_deadline(struct stream *s, uint64_t at_ms)
{
	struct stream_loop *sl = s->sl;

	s->deadline_ms = at_ms;
	if (list_empty(&s->timed))
		list_add(&sl->timed, &s->timed);
	if (!uv_is_active((uv_handle_t *)&sl->timer))
		uv_timer_start(&sl->timer, on_tick, TICK_MS, TICK_MS);
}

int stream_loop_new(uv_loop_t *loop, struct stream_loop **ret_sl)
{
	struct stream_loop *sl = malloc(sizeof(*sl));

	if (sl == NULL)
		return -ENOMEM;
	memset(sl, 0, offsetof(struct stream_loop, rbuf));
	sl->uv = loop;
	list_init(&sl->dirty);
	list_init(&sl->ready);
	list_init(&sl->timed);
	/* These three only note themselves in the loop and cannot fail. */
	uv_prepare_init(loop, &sl->prepare);
	uv_idle_init(loop, &sl->idle);
	uv_timer_init(loop, &sl->timer);
	sl->prepare.data = sl;
	sl->idle.data = sl;
	sl->timer.data = sl;
	sl->n_handles = 3;
	uv_prepare_start(&sl->prepare, on_prepare);
	uv_unref((uv_handle_t *)&sl->prepare);
	*ret_sl = sl;
	return 0;
}

static void on_loop_handle_closed(uv_handle_t *h)
{
	struct stream_loop *sl = h->data;

	if (--sl->n_handles > 0)
		return;
	while (sl->n_pool > 0)
		free(sl->pool[--sl->n_pool].mem);
	free(sl->pbuf);
	free(sl);
}

void stream_loop_stop(struct stream_loop *sl)
{
	assert(sl->n_streams == 0);
	uv_close((uv_handle_t *)&sl->prepare, on_loop_handle_closed);
	uv_close((uv_handle_t *)&sl->idle, on_loop_handle_closed);
	uv_close((uv_handle_t *)&sl->timer, on_loop_handle_closed);
}

uv_loop_t *stream_loop_uv(struct stream_loop *sl)
{
	return sl->uv;
}

static void take_mem(struct stream_loop *sl, struct buf *b)
{
	if (b->cap > 0 || sl->n_pool == 0)
		return;
	sl->n_pool--;
	b->mem = sl->pool[sl->n_pool].mem;
	b->cap = sl->pool[sl->n_pool].cap;
}

static void give_mem(struct stream_loop *sl, struct buf *b)
{
	if (b->cap == 0 || b->cap > POOL_BUF_MAX || sl->n_pool == POOL_BUFS) {
		buf_done(b);
		return;
	}
	sl->pool[sl->n_pool++] = (struct mem){ b->mem, b->cap };
	*b = (struct buf){ .max = b->max };
}

/* ---- Birth and death ---- */

static int stream_new(struct stream_loop *sl, const struct stream_conf *c, struct stream **ret_s)
{
	struct stream *s = calloc(1, sizeof(*s));
	size_t max_out = c->max_out > 0 ? c->max_out : MAX_OUT;
	int r;

	if (s == NULL)
		return -ENOMEM;
	r = uv_tcp_init(sl->uv, &s->tcp);
	if (r < 0) {
		free(s);
		return r;
	}
	s->tcp.data = s;
	s->sl = sl;
	s->ops = c->ops;
	s->arg = c->arg;
	buf_init(&s->out, max_out);
	buf_init(&s->fly, SIZE_MAX); /* it only ever gets what a bounded buffer held */
	buf_init(&s->in, 2 * READ_BUF);
	list_init(&s->dirty);
	list_init(&s->ready);
	list_init(&s->timed);
	s->open_until_ms = uv_now(sl->uv) + (c->open_timeout_ms > 0 ? c->open_timeout_ms : OPEN_TIMEOUT_MS);
	s->close_timeout_ms = c->close_timeout_ms > 0 ? c->close_timeout_ms : CLOSE_TIMEOUT_MS;
	s->keepalive_s = c->keepalive_s;
	sl->n_streams++;
	*ret_s = s;
	return 0;
}

static void stream_free(struct stream *s)
{
	buf_done(&s->out);
	buf_done(&s->fly);
	buf_done(&s->in);
	tls_session_free(s->tls);
	s->sl->n_streams--;
	free(s);
}

/* For a stream that was never handed out. */
static void on_discarded(uv_handle_t *h)
{
	stream_free(h->data);
}

static void discard(struct stream *s)
{
	s->state = ST_ENDED;
	list_del(&s->dirty);
	list_del(&s->ready);
	list_del(&s->timed);
	uv_close((uv_handle_t *)&s->tcp, on_discarded);
}

static void on_closed(uv_handle_t *h)
{
	struct stream *s = h->data;

	s->ops->on_closed(s->arg, s->err);
	stream_free(s);
}

static void opening_free(struct opening *o)
{
	uv_freeaddrinfo(o->addrs);
	free(o);
}

static void opening_leave(struct stream *s)
{
	struct opening *o = s->opening;

	s->opening = NULL;
	if (o == NULL)
		return;
	o->s = NULL;
	if (o->resolving)
		uv_cancel((uv_req_t *)&o->resolve); /* may fail; its callback frees in either case */
	else
		opening_free(o);
}

/* uv_connect_t lives in the opening, and libuv ends it before the close callback: only then may the opening go. */
static void on_closed_opening(uv_handle_t *h)
{
	opening_leave(h->data);
	on_closed(h);
}

static void end_with(struct stream *s, int err, bool reset)
{
	uv_close_cb cb = s->opening != NULL ? on_closed_opening : on_closed;

	if (s->state == ST_ENDED)
		return;
	s->state = ST_ENDED;
	s->err = err;
	list_del(&s->dirty);
	list_del(&s->ready);
	list_del(&s->timed);
	if (s->reopening)
		return; /* on_reopen() finishes it */
	if (reset && s->sink == NULL && s->opening == NULL && uv_tcp_close_reset(&s->tcp, cb) == 0)
		return;
	uv_close((uv_handle_t *)&s->tcp, cb);
}

static void end(struct stream *s, int err)
{
	end_with(s, err, false);
}

void stream_abort(struct stream *s, int err)
{
	end_with(s, err, true);
}

void stream_close(struct stream *s)
{
	if (s->state == ST_ENDED || s->state == ST_CLOSING)
		return;
	if (s->state != ST_OPEN) {
		end(s, 0);
		return;
	}
	s->state = ST_CLOSING;
	s->unsent_before = stream_unsent(s);
	set_deadline(s, uv_now(s->sl->uv) + s->close_timeout_ms);
	mark_dirty(s);
}

/* ---- Writing ---- */

static struct buf *wire(struct stream *s)
{
	return s->tls != NULL ? tls_session_out(s->tls) : &s->out;
}

size_t stream_unsent(const struct stream *s)
{
	size_t n = buf_len(&s->out) + (s->writing ? s->tcp.write_queue_size : 0);

	return s->tls != NULL ? n + buf_len(tls_session_out(s->tls)) : n;
}

void stream_want_drain(struct stream *s)
{
	s->want_drain = true;
	if (s->state == ST_OPEN)
		mark_dirty(s);
}

int stream_write(struct stream *s, const void *data, size_t n)
{
	int r;

	if (s->state >= ST_CLOSING)
		return -EPIPE;
	if (n == 0)
		return 0;
	if (n > s->out.max || stream_unsent(s) > s->out.max - n) {
		stream_want_drain(s);
		return -ENOBUFS;
	}
	take_mem(s->sl, &s->out);
	r = buf_add(&s->out, data, n);
	if (r < 0)
		return r;
	s->octets_out += n;
	mark_dirty(s);
	return 0;
}

static void drained(struct stream *s, bool may_call)
{
	if (!s->want_drain || s->state != ST_OPEN)
		return;
	if (!may_call) {
		mark_dirty(s); /* on_prepare() comes here again and may */
		return;
	}
	s->want_drain = false;
	if (s->ops->on_drain != NULL)
		s->ops->on_drain(s->arg);
}

static void on_written(uv_write_t *req, int status)
{
	struct stream *s = req->data;

	s->writing = false;
	if (status < 0)
		s->octets_out -= buf_len(&s->fly) < s->octets_out ? buf_len(&s->fly) : s->octets_out;
	buf_consume(&s->fly, buf_len(&s->fly));
	give_mem(s->sl, &s->fly);
	if (s->state == ST_ENDED)
		return;
	if (status < 0)
		end(s, status);
	else
		flush(s, true);
}

/* The kernel took only a part: the rest belongs to one uv_write() until on_written(). */
static void write_rest(struct stream *s, struct buf *w)
{
	struct buf empty = s->fly;
	uv_buf_t b;
	int r;

	s->fly.mem = w->mem;
	s->fly.start = w->start;
	s->fly.len = w->len;
	s->fly.cap = w->cap;
	*w = (struct buf){ .mem = empty.mem, .cap = empty.cap, .max = w->max };
	b = uv_buf_init((char *)buf_data(&s->fly), (unsigned)buf_len(&s->fly));
	s->req.write.data = s;
	s->want_drain = true;
	r = uv_write(&s->req.write, (uv_stream_t *)&s->tcp, &b, 1, on_written);
	if (r < 0)
		end(s, r);
	else
		s->writing = true;
}

static void write_wire(struct stream *s, bool may_call)
{
	struct buf *w = wire(s);
	uv_buf_t b;
	int n;

	if (s->writing)
		return;
	if (buf_len(w) > 0) {
		b = uv_buf_init((char *)buf_data(w), (unsigned)buf_len(w));
		n = uv_try_write((uv_stream_t *)&s->tcp, &b, 1);
		if (n < 0 && n != UV_EAGAIN) {
			end(s, n);
			return;
		}
		if (n > 0)
			buf_consume(w, (size_t)n);
		if (buf_len(w) > 0) {
			write_rest(s, w);
			return;
		}
	}
	give_mem(s->sl, w);
	drained(s, may_call);
}

static void encrypt(struct stream *s)
{
	int r;

	if (buf_len(&s->out) == 0 || s->writing)
		return;
	take_mem(s->sl, wire(s));
	r = tls_session_send(s->tls, buf_data(&s->out), buf_len(&s->out));
	if (r < 0) {
		end(s, r);
		return;
	}
	buf_consume(&s->out, buf_len(&s->out));
	give_mem(s->sl, &s->out);
}

static void start_reading(struct stream *s);

static void on_shutdown(uv_shutdown_t *req, int status)
{
	struct stream *s = req->data;

	if (s->state == ST_ENDED)
		return;
	if (status < 0 || s->eof) {
		end(s, 0);
		return;
	}
	set_deadline(s, uv_now(s->sl->uv) + s->close_timeout_ms);
	start_reading(s); /* on_data() discards until the peer's end */
}

static void say_goodbye(struct stream *s)
{
	if (s->shut || s->writing || buf_len(wire(s)) > 0 || buf_len(&s->out) > 0)
		return;
	s->shut = true;
	s->req.shutdown.data = s;
	if (uv_shutdown(&s->req.shutdown, (uv_stream_t *)&s->tcp, on_shutdown) < 0)
		end(s, 0);
}

static void flush_memory(struct stream *s)
{
	if (buf_len(&s->out) > 0) {
		s->sink(s->sink_arg, buf_data(&s->out), buf_len(&s->out));
		buf_consume(&s->out, buf_len(&s->out));
		give_mem(s->sl, &s->out);
	}
	if (s->state == ST_CLOSING)
		end(s, 0);
	else
		drained(s, true);
}

static void flush(struct stream *s, bool may_call)
{
	if (s->state == ST_OPENING || s->state == ST_ENDED)
		return;
	if (s->sink != NULL) {
		flush_memory(s);
		return;
	}
	if (s->tls != NULL && s->state != ST_HANDSHAKE) {
		encrypt(s);
		if (s->state == ST_CLOSING && !s->said_bye && buf_len(&s->out) == 0) {
			s->said_bye = true;
			tls_session_bye(s->tls);
		}
	}
	if (s->state != ST_ENDED)
		write_wire(s, may_call);
	if (s->state == ST_CLOSING)
		say_goodbye(s);
}

void stream_flush(struct stream *s)
{
	flush(s, false);
}

/* ---- Reading ---- */

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *b)
{
	struct stream *s = h->data;

	*b = uv_buf_init((char *)s->sl->rbuf, READ_BUF);
}

static void stop_reading(struct stream *s)
{
	if (s->reading)
		uv_read_stop((uv_stream_t *)&s->tcp);
	s->reading = false;
}

static void on_data(uv_stream_t *h, ssize_t n, const uv_buf_t *b);

static void start_reading(struct stream *s)
{
	int r;

	if (s->reading || s->eof || s->sink != NULL)
		return;
	r = uv_read_start((uv_stream_t *)&s->tcp, on_alloc, on_data);
	if (r < 0)
		end(s, r);
	else
		s->reading = true;
}

/* Lend octets to the protocol; returns how many of the last ones it gave back. */
static size_t lend(struct stream *s, const uint8_t *data, size_t n)
{
	s->n_unread = 0;
	s->in_read = true;
	s->ops->on_read(s->arg, data, n);
	s->in_read = false;
	assert(s->n_unread <= n);
	s->octets_in += n - s->n_unread;
	return s->n_unread;
}

/* Lend octets that lie in the loop's buffer, which must be free again when this returns. */
static void deliver(struct stream *s, const uint8_t *data, size_t n)
{
	size_t kept = lend(s, data, n);

	if (kept > 0 && s->state == ST_OPEN && buf_add(&s->in, data + n - kept, kept) < 0)
		end(s, -ENOMEM);
}

static void deliver_kept(struct stream *s)
{
	size_t n = buf_len(&s->in);
	size_t kept = lend(s, buf_data(&s->in), n);

	buf_consume(&s->in, n - kept);
	if (kept == 0)
		buf_reset(&s->in, 0);
}

static bool may_read(const struct stream *s)
{
	return s->state == ST_OPEN && !s->paused && buf_len(&s->in) == 0;
}

static void got_eof(struct stream *s)
{
	s->eof = true;
	stop_reading(s);
	if (s->state == ST_CLOSING && s->shut)
		end(s, 0);
	else if (s->state == ST_CLOSING)
		return; /* flush first; on_shutdown() sees eof */
	else if (s->state == ST_OPEN && s->ops->on_eof != NULL)
		s->ops->on_eof(s->arg);
	else
		end(s, UV_EOF);
}

static void handshake(struct stream *s)
{
	int r = tls_session_handshake(s->tls);

	write_wire(s, false); /* also a fatal alert */
	if (s->state != ST_HANDSHAKE || r == -EAGAIN)
		return;
	if (r < 0) {
		end(s, r);
		return;
	}
	s->state = ST_OPEN;
	list_del(&s->timed);
	s->told_open = true;
	if (buf_len(&s->out) > 0)
		mark_dirty(s);
	if (s->ops->on_open != NULL)
		s->ops->on_open(s->arg);
}

static void decrypt(struct stream *s)
{
	ssize_t n;

	if (s->state == ST_HANDSHAKE)
		handshake(s);
	while (may_read(s)) {
		n = tls_session_recv(s->tls, s->sl->pbuf, READ_BUF);
		if (n == -EAGAIN)
			break;
		if (n == 0)
			got_eof(s);
		else if (n < 0)
			end(s, (int)n);
		else
			deliver(s, s->sl->pbuf, (size_t)n);
		if (n <= 0)
			break;
	}
	if (s->state == ST_ENDED)
		return;
	if (tls_session_keep(s->tls) < 0)
		end(s, -ENOMEM);
	else if (buf_len(tls_session_out(s->tls)) > 0)
		mark_dirty(s); /* a key update is answered */
}

static void on_data(uv_stream_t *h, ssize_t n, const uv_buf_t *b)
{
	struct stream *s = h->data;

	if (n == 0 || s->state == ST_ENDED)
		return;
	if (n < 0) {
		s->reading = false;
		if (n == UV_EOF)
			got_eof(s);
		else
			end(s, s->state == ST_CLOSING ? s->err : (int)n);
		return;
	}
	if (s->state == ST_CLOSING)
		return; /* discarded */
	if (s->tls != NULL) {
		tls_session_lend(s->tls, (const uint8_t *)b->base, (size_t)n);
		decrypt(s);
	} else {
		deliver(s, (const uint8_t *)b->base, (size_t)n);
	}
	if (s->state == ST_OPEN && !may_read(s))
		stop_reading(s);
}

/* A step of its own for what stream_resume() and the first opening promised. */
static void pump(struct stream *s)
{
	if (s->state == ST_OPEN && !s->told_open) {
		s->told_open = true;
		if (s->ops->on_open != NULL)
			s->ops->on_open(s->arg);
	}
	if (s->state == ST_OPEN && !s->paused && s->ops->on_resume != NULL)
		s->ops->on_resume(s->arg);
	if (s->state == ST_OPEN && !s->paused && buf_len(&s->in) > 0)
		deliver_kept(s);
	if (s->tls != NULL && may_read(s) && tls_session_has_input(s->tls))
		decrypt(s);
	if (may_read(s))
		start_reading(s);
	else if (s->state == ST_OPEN && !s->paused)
		mark_ready(s); /* given back and resumed within one call */
}

void stream_pause(struct stream *s)
{
	if (s->state != ST_OPEN)
		return;
	s->paused = true;
	stop_reading(s);
}

void stream_resume(struct stream *s)
{
	if (s->state != ST_OPEN || !s->paused)
		return;
	s->paused = false;
	mark_ready(s);
}

void stream_unread(struct stream *s, size_t n)
{
	assert(s->in_read);
	s->n_unread = n;
	stream_pause(s);
}

/* ---- Addresses ---- */

int stream_parse_address(const char *where, struct sockaddr_storage *ret_addr)
{
	const char *colon = strrchr(where, ':');
	char host[ADDRESS_TEXT], *end_of_port;
	size_t n = colon != NULL ? (size_t)(colon - where) : 0;
	long port;

	if (n == 0 || n >= sizeof(host) || colon[1] < '0' || colon[1] > '9')
		return -EINVAL;
	port = strtol(colon + 1, &end_of_port, 10);
	if (*end_of_port != '\0' || port > 65535)
		return -EINVAL;
	memcpy(host, where, n);
	host[n] = '\0';
	memset(ret_addr, 0, sizeof(*ret_addr));
	if (strcmp(host, "*") == 0)
		return uv_ip6_addr("::", (int)port, (struct sockaddr_in6 *)ret_addr);
	if (host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = '\0';
		return uv_ip6_addr(host + 1, (int)port, (struct sockaddr_in6 *)ret_addr);
	}
	return uv_ip4_addr(host, (int)port, (struct sockaddr_in *)ret_addr);
}

void stream_peer(const struct stream *s, struct sockaddr_storage *ret_addr)
{
	int n = sizeof(*ret_addr);

	memset(ret_addr, 0, sizeof(*ret_addr));
	if (s->sink == NULL)
		uv_tcp_getpeername(&s->tcp, (struct sockaddr *)ret_addr, &n);
}

/* ---- Listening ---- */

struct stream_listener {
	uv_tcp_t tcp;
	struct stream_loop *sl;
	struct stream_tls *tls;
	stream_accept_cb on_accept;
	void *arg;
	int port;
	uv_tcp_t drop;     /* takes what on_accept left */
	bool offered;      /* a connection waits in libuv */
	bool dropping;     /* `drop` is being closed */
	bool stopped, closed;
};

static void listener_free(struct stream_listener *l)
{
	if (!l->closed || l->dropping)
		return;
	stream_tls_unref(l->tls);
	free(l);
}

static void on_listener_closed(uv_handle_t *h)
{
	struct stream_listener *l = h->data;

	l->closed = true;
	listener_free(l);
}

void stream_listener_stop(struct stream_listener *l)
{
	if (l == NULL)
		return;
	l->stopped = true;
	uv_close((uv_handle_t *)&l->tcp, on_listener_closed);
}

int stream_listener_port(const struct stream_listener *l)
{
	return l->port;
}

static void on_dropped(uv_handle_t *h);

/* libuv listens no further while one waits, so what nobody could take (no memory) must go. */
static void drop_offered(struct stream_listener *l)
{
	if (l->dropping || l->stopped)
		return;
	uv_tcp_init(l->sl->uv, &l->drop);
	l->drop.data = l;
	l->dropping = true;
	l->offered = false;
	uv_accept((uv_stream_t *)&l->tcp, (uv_stream_t *)&l->drop);
	uv_close((uv_handle_t *)&l->drop, on_dropped);
}

static void on_dropped(uv_handle_t *h)
{
	struct stream_listener *l = h->data;

	l->dropping = false;
	if (l->offered)
		drop_offered(l);
	listener_free(l);
}

static void on_connection(uv_stream_t *h, int status)
{
	struct stream_listener *l = h->data;

	/* An error here is one connection that went before we took it, or no descriptors: libuv has then closed the
	 * waiting one.  The listener lives on. */
	if (status < 0)
		return;
	l->offered = true;
	l->on_accept(l->arg, l);
	if (l->offered)
		drop_offered(l);
}

static int learn_port(struct stream_listener *l)
{
	struct sockaddr_storage a;
	int n = sizeof(a);
	int r = uv_tcp_getsockname(&l->tcp, (struct sockaddr *)&a, &n);

	if (r < 0)
		return r;
	l->port = ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port :
						  ((struct sockaddr_in *)&a)->sin_port);
	return 0;
}

int stream_listen(struct stream_loop *sl, const char *where, struct stream_tls *tls, stream_accept_cb on_accept, void *arg,
	struct stream_listener **ret_l)
{
	struct stream_listener *l;
	struct sockaddr_storage a;
	int r = stream_parse_address(where, &a);

	if (r < 0)
		return r;
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return -ENOMEM;
	r = uv_tcp_init(sl->uv, &l->tcp);
	if (r < 0) {
		free(l);
		return r;
	}
	l->tcp.data = l;
	l->sl = sl;
	l->tls = stream_tls_ref(tls);
	l->on_accept = on_accept;
	l->arg = arg;
	r = uv_tcp_bind(&l->tcp, (struct sockaddr *)&a, 0);
	if (r == 0)
		r = uv_listen((uv_stream_t *)&l->tcp, BACKLOG, on_connection);
	if (r == 0)
		r = learn_port(l);
	if (r < 0) {
		stream_listener_stop(l);
		return r;
	}
	*ret_l = l;
	return 0;
}

static int begin_tls(struct stream *s, struct stream_tls *tls, const char *server_name)
{
	struct stream_loop *sl = s->sl;

	s->is_tls = true;
	if (sl->pbuf == NULL)
		sl->pbuf = malloc(READ_BUF);
	if (sl->pbuf == NULL)
		return -ENOMEM;
	return tls_session_new(tls, server_name, s->out.max, &s->tls);
}

static void set_options(struct stream *s)
{
	if (s->sink != NULL)
		return;
	/* Neither is worth losing a connection for. */
	uv_tcp_nodelay(&s->tcp, 1);
	if (s->keepalive_s > 0)
		uv_tcp_keepalive(&s->tcp, 1, s->keepalive_s);
}

/* The TCP connection stands: plain streams are open, others begin to shake hands. */
static void stands(struct stream *s)
{
	set_options(s);
	if (s->tls == NULL) {
		s->state = ST_OPEN;
		list_del(&s->timed);
		mark_ready(s);
		if (buf_len(&s->out) > 0)
			mark_dirty(s);
		return;
	}
	s->state = ST_HANDSHAKE;
	set_deadline(s, s->open_until_ms);
	start_reading(s);
	if (s->state == ST_HANDSHAKE)
		handshake(s);
}

int stream_accept(struct stream_listener *l, const struct stream_conf *c, struct stream **ret_s)
{
	struct stream *s;
	int r = stream_new(l->sl, c, &s);

	if (r < 0)
		return r;
	r = uv_accept((uv_stream_t *)&l->tcp, (uv_stream_t *)&s->tcp);
	l->offered = r < 0;
	if (r == 0 && l->tls != NULL)
		r = begin_tls(s, l->tls, NULL);
	if (r < 0) {
		discard(s);
		return r;
	}
	*ret_s = s;
	stands(s);
	return 0;
}

/* ---- Connecting ---- */

static void on_connected(uv_connect_t *req, int status)
{
	struct opening *o = req->data;
	struct stream *s = o->s;

	if (s->state == ST_ENDED || s->reopening)
		return;
	if (status < 0) {
		o->err = status;
		attempt(s);
		return;
	}
	opening_leave(s);
	stands(s);
}

/* Try the next address.  Each gets its share of the time that is left. */
static void connect_next(struct stream *s)
{
	struct opening *o = s->opening;
	struct addrinfo *a = o->next;
	uint64_t now_ms = uv_now(s->sl->uv), share_ms, left = 1;
	int r = 0;

	o->next = a->ai_next;
	for (struct addrinfo *x = a->ai_next; x != NULL; x = x->ai_next)
		left++;
	share_ms = s->open_until_ms > now_ms ? (s->open_until_ms - now_ms) / left : 0;
	if (share_ms < MIN_ATTEMPT_MS && left > 1)
		share_ms = MIN_ATTEMPT_MS;
	set_deadline(s, now_ms + share_ms < s->open_until_ms ? now_ms + share_ms : s->open_until_ms);
	o->connect.data = o;
	if (o->has_source)
		r = uv_tcp_bind(&s->tcp, (struct sockaddr *)&o->source, 0);
	if (r == 0)
		r = uv_tcp_connect(&o->connect, &s->tcp, a->ai_addr, on_connected);
	if (r < 0) {
		o->err = r;
		attempt(s);
	}
}

/* A socket that failed to connect is of no more use, and a handle is renewed only by closing it. */
static void on_reopen(uv_handle_t *h)
{
	struct stream *s = h->data;
	int r;

	s->reopening = false;
	if (s->state == ST_ENDED) {
		on_closed_opening(h);
		return;
	}
	r = uv_tcp_init(s->sl->uv, &s->tcp);
	assert(r == 0); /* without a socket it only fills in the struct */
	s->tcp.data = s;
	connect_next(s);
}

static void attempt(struct stream *s)
{
	struct opening *o = s->opening;

	while (o->next != NULL && o->has_source && o->next->ai_family != o->source.ss_family)
		o->next = o->next->ai_next;
	if (o->next == NULL) {
		end(s, o->err);
		return;
	}
	s->reopening = true;
	list_del(&s->timed);
	uv_close((uv_handle_t *)&s->tcp, on_reopen);
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *res)
{
	struct opening *o = req->data;
	struct stream *s = o->s;

	o->resolving = false;
	o->addrs = res;
	o->next = res;
	if (s == NULL) {
		opening_free(o);
		return;
	}
	if (s->state == ST_ENDED)
		return; /* on_closed_opening() is on its way */
	o->err = status < 0 ? status : -EADDRNOTAVAIL; /* the second: none of the source's family */
	attempt(s);
}

static int resolve(struct stream *s, const struct stream_target *t)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV };
	struct opening *o = s->opening;
	struct in6_addr numeric;
	char service[8];
	int r;

	/* AI_ADDRCONFIG would hide ::1 and 127.0.0.1 on a host without other addresses of the family. */
	if (uv_inet_pton(AF_INET, t->host, &numeric) == 0 || uv_inet_pton(AF_INET6, t->host, &numeric) == 0)
		hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
	snprintf(service, sizeof(service), "%u", (unsigned)t->port & 0xffff);
	o->resolve.data = o;
	r = uv_getaddrinfo(s->sl->uv, &o->resolve, on_resolved, t->host, service, &hints);
	o->resolving = r == 0;
	return r;
}

static int parse_source(struct opening *o, const char *source)
{
	if (source == NULL)
		return 0;
	o->has_source = true;
	if (uv_ip4_addr(source, 0, (struct sockaddr_in *)&o->source) == 0)
		return 0;
	return uv_ip6_addr(source, 0, (struct sockaddr_in6 *)&o->source);
}

int stream_connect(struct stream_loop *sl, const struct stream_target *t, const struct stream_conf *c,
	struct stream **ret_s)
{
	struct stream *s;
	int r = stream_new(sl, c, &s);

	if (r < 0)
		return r;
	s->opening = calloc(1, sizeof(*s->opening));
	r = s->opening != NULL ? 0 : -ENOMEM;
	if (r == 0) {
		s->opening->s = s;
		r = parse_source(s->opening, t->source);
	}
	if (r == 0 && t->tls != NULL)
		r = begin_tls(s, t->tls, t->server_name != NULL ? t->server_name : t->host);
	if (r == 0)
		r = resolve(s, t);
	if (r < 0) {
		opening_leave(s);
		discard(s);
		return r;
	}
	set_deadline(s, s->open_until_ms);
	*ret_s = s;
	return 0;
}

/* ---- Without a wire ---- */

int stream_memory(struct stream_loop *sl, const struct stream_conf *c, stream_sink_cb sink, void *sink_arg,
	struct stream **ret_s)
{
	struct stream *s;
	int r = stream_new(sl, c, &s);

	if (r < 0)
		return r;
	s->sink = sink;
	s->sink_arg = sink_arg;
	*ret_s = s;
	stands(s);
	return 0;
}

size_t stream_feed(struct stream *s, const uint8_t *data, size_t n)
{
	uint64_t before = s->octets_in;

	assert(s->sink != NULL);
	if (!s->told_open)
		pump(s);
	if (!may_read(s) || s->eof)
		return 0;
	if (n == 0) {
		got_eof(s);
		return 0;
	}
	deliver(s, data, n);
	return (size_t)(s->octets_in - before) + buf_len(&s->in);
}

/* ---- Questions ---- */

uint64_t stream_octets_in(const struct stream *s)
{
	return s->octets_in;
}

uint64_t stream_octets_out(const struct stream *s)
{
	size_t unsent = stream_unsent(s); /* with TLS in records, which are a little longer */

	return s->octets_out > unsent ? s->octets_out - unsent : 0;
}

bool stream_is_tls(const struct stream *s)
{
	return s->is_tls;
}

const char *stream_error_text(const struct stream *s)
{
	return s->tls != NULL ? tls_session_text(s->tls) : "";
}
