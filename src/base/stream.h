/* SPDX-License-Identifier: Apache-2.0 */
/* stream.h -- a byte stream over TCP, with or without TLS, on libuv.
 *
 * HTTP (server) and SMPP (client) both want the same thing of the wire: many small writes that leave
 * together, reads without an allocation, an end that comes exactly once.  What this module promises:
 *
 *  1. stream_write() copies into a bounded buffer and touches no socket.  All that was written in one turn of
 * the loop goes out in one system call just before the loop waits again.  There is no allocation per write.
 *  2. on_read() lends octets of a buffer shared by all streams of the loop.  A reader that cannot go on
 * pauses and gives the rest back with stream_unread(); it comes again, in order, after stream_resume().
 *  3. Every stream that was handed out ends with exactly one on_closed(), on a later turn than the call that
 * ended it. After stream_close() or stream_abort() no other callback comes.  The stream is freed when
 * on_closed() returns, and nowhere else; so any callback may end its own stream.
 *  4. Every wait has a deadline: resolve and connect, the TLS handshake, the farewell.
 *
 * Not here: reconnecting, framing, idle deadlines.  Those belong to the protocol above.
 *
 * All calls belong to the thread that runs the loop.  Errors are 0 or -errno (libuv's codes are the same
 * numbers).
 */
#ifndef BASE_STREAM_H
#define BASE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

struct stream;
struct stream_listener;
struct stream_loop;
struct stream_tls;

/* ---- The part shared by all streams of one loop: read buffer, flush at the end of a turn, deadlines. ----
 */

int stream_loop_new(uv_loop_t *loop, struct stream_loop **ret_sl);

/* No stream or listener may be left.  The memory goes when libuv has closed the handles: run the loop once
 * more. */
void stream_loop_stop(struct stream_loop *sl);

uv_loop_t *stream_loop_uv(struct stream_loop *sl);

/* ---- Callbacks and settings of a stream. ---- */

struct stream_ops {
	/* Connected, and the TLS handshake is done.  On a later step than the call that made the stream.  May
	 * be NULL. */
	void (*on_open)(void *arg);

	/* What stream_resume() asked for begins: comes before any on_read().  May be NULL. */
	void (*on_resume)(void *arg);

	/* Lent for this call.  Never n = 0. */
	void (*on_read)(void *arg, const uint8_t *data, size_t n);

	/* The peer will send no more; we still can.  NULL: the stream ends with UV_EOF, unsent octets are
	 * dropped. */
	void (*on_eof)(void *arg);

	/* Unsent octets were in the way and are all with the kernel now.  May be NULL. */
	void (*on_drain)(void *arg);

	/* The last callback.  0: we ended it; UV_EOF: the peer did; else what broke (-EPROTO: TLS,
	 * -ETIMEDOUT, ...). */
	void (*on_closed)(void *arg, int err);
};

struct stream_conf {
	const struct stream_ops *ops;
	void *arg;		   /* first argument of every callback */
	size_t max_out;		   /* unsent octets; beyond it stream_write() refuses.  0: 64 KiB */
	unsigned open_timeout_ms;  /* resolve, connect and handshake together.  0: 10,000 */
	unsigned close_timeout_ms; /* flush and farewell after stream_close().  0: 2,000 */
	unsigned keepalive_s;	   /* TCP keepalive, idle time before the first probe.  0: off */
};

/* ---- TLS settings, shared by any number of streams.  Counted: each stream holds what it began with. ---- */

struct stream_tls_client_conf {
	bool verify;	       /* check chain and host name; false accepts anybody */
	const char *ca_file;   /* PEM; NULL: the system's store */
	const char *cert_file; /* PEM, our own certificate if the peer wants one; NULL: none */
	const char *key_file;
};

/* -ENOENT, -EACCES: a file cannot be read; -EINVAL: what is in it does not serve. */
int stream_tls_server_new(const char *cert_file, const char *key_file, struct stream_tls **ret_tls);
int stream_tls_client_new(const struct stream_tls_client_conf *c, struct stream_tls **ret_tls);

/* Read the files again for the connections to come.  On failure the old ones stay in use. */
int stream_tls_reload(struct stream_tls *tls);

void stream_tls_unref(struct stream_tls *tls);

/* ---- Server side. ---- */

/* "127.0.0.1:8775", "[::1]:8775", "*:8775" (all addresses).  Numeric only: a listener must not wait for a
 * resolver. */
int stream_parse_address(const char *where, struct sockaddr_storage *ret_addr);

/* A connection waits; take it with stream_accept(), or it is dropped. */
typedef void (*stream_accept_cb)(void *arg, struct stream_listener *l);

/* `tls` may be NULL.  Port 0 takes a free one. */
int stream_listen(struct stream_loop *sl, const char *where, struct stream_tls *tls,
	stream_accept_cb on_accept, void *arg, struct stream_listener **ret_l);
int stream_listener_port(const struct stream_listener *l);
void stream_listener_stop(
	struct stream_listener *l); /* frees itself in libuv's close callback; no callback comes */

/* Call from on_accept. */
int stream_accept(struct stream_listener *l, const struct stream_conf *c, struct stream **ret_s);

/* ---- Client side. ---- */

struct stream_target {
	const char *host; /* name or address; all addresses of a name are tried in turn */
	int port;
	const char *source;	 /* numeric address to connect from; NULL: the kernel's choice */
	struct stream_tls *tls;	 /* NULL: plain */
	const char *server_name; /* for SNI and the check of the certificate; NULL: host */
};

/* 0: on_open() or on_closed() follows.  The target is lent for this call only. */
int stream_connect(struct stream_loop *sl, const struct stream_target *t, const struct stream_conf *c,
	struct stream **ret_s);

/* ---- Use. ---- */

/* Append to what goes out at the end of this turn; all or nothing.  -ENOBUFS: the limit; -ENOMEM; -EPIPE:
 * already ended.  Before on_open() it waits for the opening. */
int stream_write(struct stream *s, const void *data, size_t n);

/* Ask for on_drain() although nothing was refused.  It comes when nothing is unsent, on a later step. */
void stream_want_drain(struct stream *s);

/* Hand everything to the kernel now.  Seldom needed. */
void stream_flush(struct stream *s);

/* Stop reading, so that the peer feels it; go on.  No callback comes from inside stream_resume(). */
void stream_pause(struct stream *s);
void stream_resume(struct stream *s);

/* From inside on_read() only: keep the last `n` octets of what was lent, and pause.  They come again after
 * stream_resume(), before anything newer.  -ENOMEM ends the stream. */
void stream_unread(struct stream *s, size_t n);

/* Send what is unsent, say goodbye (TLS close_notify, FIN), discard what still comes until the peer says
 * goodbye too or close_timeout_ms is over: a reset would take our last answer out of the peer's hands. */
void stream_close(struct stream *s);

/* End at once.  A reset, so that a cut answer does not look like a finished one.  `err` is what on_closed()
 * will be told. */
void stream_abort(struct stream *s, int err);

/* ---- Questions. ---- */

size_t stream_unsent(const struct stream *s);
uint64_t stream_octets_in(const struct stream *s);  /* as the protocol above sees them: without TLS's own */
/* Written and no longer unsent; in doubt (an error within a write) more, never less than the peer may have. */
uint64_t stream_octets_out(const struct stream *s);
bool stream_is_tls(const struct stream *s);
/* The peer sends no more, also if what it sent before was not read yet. */
bool stream_is_left(const struct stream *s);
void stream_peer(const struct stream *s, struct sockaddr_storage *ret_addr);

/* A sentence about the last failure, for the log ("certificate: expired"); "" if there is nothing to add to
 * err. */
const char *stream_error_text(const struct stream *s);

/* ---- A stream without a wire: for fuzzing and for measuring without the kernel. ---- */

/* `sink` gets what would have been sent. */
typedef void (*stream_sink_cb)(void *arg, const uint8_t *data, size_t n);
int stream_memory(struct stream_loop *sl, const struct stream_conf *c, stream_sink_cb sink, void *sink_arg,
	struct stream **ret_s);

/* The peer says this; n = 0 is its end.  Returns the octets taken: 0 while reading is paused. */
size_t stream_feed(struct stream *s, const uint8_t *data, size_t n);

#endif
