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
 *                                          stream_close(): ST_CLOSING   flush, goodbye, FIN, wait for the
 * peer's
 *                                                            |
 *          stream_abort(), any error, any deadline:       ST_ENDED      uv_close() has been called
 *
 * How a write travels: `out` (what the protocol wrote) -> with TLS, records in the session's buffer ->
 * uv_try_write() -> the rest, if any, changes places with `fly`, which belongs to one uv_write() at a time.
 * The memory of empty buffers goes to a small pool of the loop, so that an idle stream holds none and a busy
 * one does not allocate.
 *
 * How a read travels: libuv reads into the loop's `rbuf`; with TLS it is decrypted into the loop's `pbuf`;
 * the protocol is lent what lies there.  What it gives back waits in `in` (TLS: what was not yet decrypted,
 * in the session), and the socket is not read until both are empty.
 *
 * Everything that must not happen inside the protocol's own call happens in on_prepare(), just before the
 * loop waits: first the streams that were resumed, then one flush for every stream that was written to.
 */
#include "base/stream.h"
#include "base/stream_int.h"
#include "base/stream_tls.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_OUT = 64 * 1024,
	OPEN_TIMEOUT_MS = 10000,
	CLOSE_TIMEOUT_MS = 2000,
	TICK_MS = 50,		  /* of the deadlines: they only catch what went wrong */
	POOL_BUF_MAX = 64 * 1024, /* an empty output buffer that is kept */
	MIN_PROGRESS = 4096,	  /* octets fetched per close_timeout_ms by a peer that is still there */
};

static void flush(struct stream *s, bool may_call);
static void pump(struct stream *s);
static void handshake(struct stream *s);
static void start_reading(struct stream *s);

#define STREAM_OF(node, member) ((struct stream *)(void *)((char *)(node)-offsetof(struct stream, member)))

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
	if (stream_list_empty(&s->dirty)) {
		stream_list_add(&s->sl->dirty, &s->dirty);
		wake_prepare(s->sl);
	}
}

static void mark_ready(struct stream *s)
{
	if (stream_list_empty(&s->ready)) {
		stream_list_add(&s->sl->ready, &s->ready);
		wake_prepare(s->sl);
	}
}

static void on_prepare(uv_prepare_t *h)
{
	struct stream_loop *sl = h->data;
	struct stream_node now;

	stream_list_take(&sl->ready, &now);
	while (!stream_list_empty(&now)) {
		struct stream *s = STREAM_OF(now.next, ready);

		stream_list_del(&s->ready);
		pump(s);
	}
	stream_list_take(&sl->dirty, &now);
	while (!stream_list_empty(&now)) {
		struct stream *s = STREAM_OF(now.next, dirty);

		stream_list_del(&s->dirty);
		flush(s, true);
	}
	if (stream_list_empty(&sl->ready) && stream_list_empty(&sl->dirty))
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
	struct stream_node *n, *next;

	for (n = sl->timed.next; n != &sl->timed; n = next) {
		struct stream *s = STREAM_OF(n, timed);

		next = n->next;
		if (s->deadline_ms > now_ms)
			continue;
		if (s->state == ST_OPENING && stream_opening_has_next(s)) {
			/* This address is silent; leave time for the others. */
			stream_opening_next(s, -ETIMEDOUT);
			continue;
		}
		if (s->state == ST_CLOSING && still_moving(s))
			continue;
		stream_end(s, s->state == ST_CLOSING && s->shut ? 0 : -ETIMEDOUT);
	}
	if (stream_list_empty(&sl->timed))
		uv_timer_stop(&sl->timer);
}

void stream_set_deadline(struct stream *s, uint64_t at_ms)
{
	struct stream_loop *sl = s->sl;

	s->deadline_ms = at_ms;
	if (stream_list_empty(&s->timed))
		stream_list_add(&sl->timed, &s->timed);
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
	stream_list_init(&sl->dirty);
	stream_list_init(&sl->ready);
	stream_list_init(&sl->timed);
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
	sl->pool[sl->n_pool++] = (struct stream_mem){b->mem, b->cap};
	*b = (struct buf){.max = b->max};
}

/* ---- Birth and death ---- */

int stream_new(struct stream_loop *sl, const struct stream_conf *c, struct stream **ret_s)
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
	stream_list_init(&s->dirty);
	stream_list_init(&s->ready);
	stream_list_init(&s->timed);
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

void stream_discard(struct stream *s)
{
	s->state = ST_ENDED;
	stream_list_del(&s->dirty);
	stream_list_del(&s->ready);
	stream_list_del(&s->timed);
	uv_close((uv_handle_t *)&s->tcp, on_discarded);
}

static void on_closed(uv_handle_t *h)
{
	struct stream *s = h->data;

	s->ops->on_closed(s->arg, s->err);
	stream_free(s);
}

/* uv_connect_t lives in the opening, and libuv ends it before the close callback: only then may the opening
 * go. */
void stream_closed_opening(uv_handle_t *h)
{
	stream_opening_leave(h->data);
	on_closed(h);
}

static void end_with(struct stream *s, int err, bool reset)
{
	uv_close_cb cb = s->opening != NULL ? stream_closed_opening : on_closed;

	if (s->state == ST_ENDED)
		return;
	if (s->state == ST_HANDSHAKE)
		tls_session_cut(s->tls, err);
	s->state = ST_ENDED;
	s->err = err;
	if (s->writing)
		s->fly_left = s->tcp.write_queue_size; /* libuv forgets it with the write */
	stream_list_del(&s->dirty);
	stream_list_del(&s->ready);
	stream_list_del(&s->timed);
	if (s->reopening)
		return; /* on_reopen() finishes it */
	if (reset && s->sink == NULL && s->opening == NULL && uv_tcp_close_reset(&s->tcp, cb) == 0)
		return;
	uv_close((uv_handle_t *)&s->tcp, cb);
}

void stream_end(struct stream *s, int err)
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
		stream_end(s, 0);
		return;
	}
	s->state = ST_CLOSING;
	s->unsent_before = stream_unsent(s);
	stream_set_deadline(s, uv_now(s->sl->uv) + s->close_timeout_ms);
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
	/* How much of it the kernel took before an error of its own nobody says: all of it may have gone. */
	buf_consume(&s->fly, buf_len(&s->fly));
	give_mem(s->sl, &s->fly);
	if (s->state == ST_ENDED)
		return;
	if (status < 0)
		stream_end(s, status);
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
	*w = (struct buf){.mem = empty.mem, .cap = empty.cap, .max = w->max};
	b = uv_buf_init((char *)buf_data(&s->fly), (unsigned)buf_len(&s->fly));
	s->req.write.data = s;
	s->want_drain = true;
	r = uv_write(&s->req.write, (uv_stream_t *)&s->tcp, &b, 1, on_written);
	s->writing = r == 0;
	if (r == 0)
		return;
	s->fly_left = buf_len(&s->fly);
	stream_end(s, r);
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
			stream_end(s, n);
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
		stream_end(s, r);
		return;
	}
	s->overhead = buf_len(wire(s)) - buf_len(&s->out);
	buf_consume(&s->out, buf_len(&s->out));
	give_mem(s->sl, &s->out);
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
	struct stream *s = req->data;

	if (s->state == ST_ENDED)
		return;
	if (status < 0 || s->eof) {
		stream_end(s, 0);
		return;
	}
	stream_set_deadline(s, uv_now(s->sl->uv) + s->close_timeout_ms);
	start_reading(s); /* on_data() discards until the peer's end */
}

static void say_goodbye(struct stream *s)
{
	if (s->shut || s->writing || buf_len(wire(s)) > 0 || buf_len(&s->out) > 0)
		return;
	s->shut = true;
	s->req.shutdown.data = s;
	if (uv_shutdown(&s->req.shutdown, (uv_stream_t *)&s->tcp, on_shutdown) < 0)
		stream_end(s, 0);
}

static void flush_memory(struct stream *s)
{
	if (buf_len(&s->out) > 0) {
		s->sink(s->sink_arg, buf_data(&s->out), buf_len(&s->out));
		buf_consume(&s->out, buf_len(&s->out));
		give_mem(s->sl, &s->out);
	}
	if (s->state == ST_CLOSING)
		stream_end(s, 0);
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
		stream_end(s, r);
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
		stream_end(s, -ENOMEM);
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
		stream_end(s, 0);
	else if (s->state == ST_CLOSING)
		return; /* flush first; on_shutdown() sees eof */
	else if (s->state == ST_OPEN && s->ops->on_eof != NULL)
		s->ops->on_eof(s->arg);
	else
		stream_end(s, UV_EOF);
}

static void handshake(struct stream *s)
{
	int r = tls_session_handshake(s->tls);

	write_wire(s, false); /* also a fatal alert */
	if (s->state != ST_HANDSHAKE || r == -EAGAIN)
		return;
	if (r < 0) {
		stream_end(s, r);
		return;
	}
	s->state = ST_OPEN;
	stream_list_del(&s->timed);
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
			stream_end(s, (int)n);
		else
			deliver(s, s->sl->pbuf, (size_t)n);
		if (n <= 0)
			break;
	}
	if (s->state == ST_ENDED)
		return;
	if (tls_session_keep(s->tls) < 0)
		stream_end(s, -ENOMEM);
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
			stream_end(s, s->state == ST_CLOSING ? s->err : (int)n);
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

/* ---- Opening ---- */

int stream_begin_tls(struct stream *s, struct stream_tls *tls, const char *server_name)
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
void stream_stands(struct stream *s)
{
	set_options(s);
	if (s->tls == NULL) {
		s->state = ST_OPEN;
		stream_list_del(&s->timed);
		mark_ready(s);
		if (buf_len(&s->out) > 0)
			mark_dirty(s);
		return;
	}
	s->state = ST_HANDSHAKE;
	stream_set_deadline(s, s->open_until_ms);
	start_reading(s);
	if (s->state == ST_HANDSHAKE)
		handshake(s);
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
	stream_stands(s);
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

void stream_peer(const struct stream *s, struct sockaddr_storage *ret_addr)
{
	int n = sizeof(*ret_addr);

	memset(ret_addr, 0, sizeof(*ret_addr));
	if (s->sink == NULL)
		uv_tcp_getpeername(&s->tcp, (struct sockaddr *)ret_addr, &n);
}

uint64_t stream_octets_in(const struct stream *s)
{
	return s->octets_in;
}

/* With TLS what is under way lies in records, which are longer than what they hold. */
uint64_t stream_octets_out(const struct stream *s)
{
	size_t coded = s->writing ? s->tcp.write_queue_size : s->fly_left, plain = buf_len(&s->out);

	if (s->tls != NULL) {
		coded += buf_len(tls_session_out(s->tls));
		coded -= coded < s->overhead ? coded : s->overhead;
	}
	plain += coded;
	return s->octets_out > plain ? s->octets_out - plain : 0;
}

bool stream_is_tls(const struct stream *s)
{
	return s->is_tls;
}

bool stream_is_left(const struct stream *s)
{
	struct pollfd p = {.events = POLLRDHUP};

	if (s->eof || s->state == ST_ENDED)
		return true;
	return s->sink == NULL && uv_fileno((const uv_handle_t *)&s->tcp, &p.fd) == 0 && poll(&p, 1, 0) == 1;
}

const char *stream_error_text(const struct stream *s)
{
	return s->tls != NULL ? tls_session_text(s->tls) : "";
}
