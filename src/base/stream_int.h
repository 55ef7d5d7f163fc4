/* SPDX-License-Identifier: Apache-2.0 */
/* stream_int.h -- what stream.c (an open stream) and stream_open.c (how it comes to be) share.  Nobody else
 * includes it.
 */
#ifndef BASE_STREAM_INT_H
#define BASE_STREAM_INT_H

#include "base/buf.h"
#include "base/stream.h"

enum {
	READ_BUF = 64 * 1024,
	POOL_BUFS = 64, /* empty output buffers kept by the loop */
};

/* ---- Lists: a stream can be on several, and leaves all of them when it ends. ---- */

struct stream_node {
	struct stream_node *prev, *next;
};

static inline void stream_list_init(struct stream_node *n)
{
	n->prev = n;
	n->next = n;
}

static inline bool stream_list_empty(const struct stream_node *n)
{
	return n->next == n;
}

static inline void stream_list_del(struct stream_node *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	stream_list_init(n);
}

static inline void stream_list_add(struct stream_node *head, struct stream_node *n)
{
	n->prev = head->prev;
	n->next = head;
	head->prev->next = n;
	head->prev = n;
}

/* Move all of `from` to the empty list `to`, so that what is added meanwhile waits for the next turn. */
static inline void stream_list_take(struct stream_node *from, struct stream_node *to)
{
	stream_list_init(to);
	if (stream_list_empty(from))
		return;
	*to = *from;
	to->prev->next = to;
	to->next->prev = to;
	stream_list_init(from);
}

struct stream_mem {
	uint8_t *mem;
	size_t cap;
};

struct stream_loop {
	uv_loop_t *uv;
	uv_prepare_t prepare;
	uv_idle_t idle; /* runs while something waits for on_prepare(): the loop must neither sleep nor end */
	uv_timer_t timer;
	struct stream_node dirty; /* streams with something to flush */
	struct stream_node ready; /* resumed, or to be told that they are open */
	struct stream_node timed; /* with a deadline */
	struct stream_mem pool[POOL_BUFS];
	unsigned n_pool;
	unsigned n_streams;
	unsigned n_handles; /* still to be closed when stopping */
	uint8_t *pbuf;	    /* decrypted octets; NULL until a stream has TLS */
	uint8_t rbuf[READ_BUF];
};

enum stream_state { ST_OPENING, ST_HANDSHAKE, ST_OPEN, ST_CLOSING, ST_ENDED };

struct opening;

struct stream {
	uv_tcp_t tcp;
	struct stream_loop *sl;
	const struct stream_ops *ops;
	void *arg;
	struct stream_node dirty, ready, timed;
	struct buf out; /* written, not yet with the kernel or encrypted */
	struct buf fly; /* with uv_write() */
	struct buf in;	/* given back by the protocol */
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
	size_t fly_left;      /* of `fly`, what the kernel had not taken when the stream ended */
	size_t overhead;      /* octets by which the records under way are longer than what they hold */
	size_t unsent_before; /* when the deadline of ST_CLOSING was last set */
	size_t n_unread;      /* asked for inside on_read() */
	unsigned close_timeout_ms, keepalive_s;
	int err;
	enum stream_state state;
	bool is_tls, told_open, paused, reading, in_read, writing, want_drain, eof, said_bye, shut, reopening;
};

/* ---- stream.c ---- */

int stream_new(struct stream_loop *sl, const struct stream_conf *c, struct stream **ret_s);
void stream_discard(struct stream *s); /* one that was never handed out */
void stream_end(struct stream *s, int err);
void stream_set_deadline(struct stream *s, uint64_t at_ms);
int stream_begin_tls(struct stream *s, struct stream_tls *tls, const char *server_name);
void stream_stands(struct stream *s); /* the connection does */
void stream_closed_opening(uv_handle_t *h);

/* ---- stream_open.c ---- */

/* Is there another address to try?  Try it; without one the stream ends with `err`. */
bool stream_opening_has_next(const struct stream *s);
void stream_opening_next(struct stream *s, int err);
void stream_opening_leave(struct stream *s);

#endif
