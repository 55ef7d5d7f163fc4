/* SPDX-License-Identifier: Apache-2.0 */
/* http.h -- an HTTP/1.1 server for API calls: strict in what it takes, bounded in all it holds.
 *
 * Promises:
 *
 *  1. What two parsers could read in two ways is refused: two Content-Length, Content-Length with
 * Transfer-Encoding, bare CR or LF, NUL, folded headers, a missing or second Host, a second Authorization,
 * Idempotency-Key or Content-Type.
 *  2. Everything has a bound: head (16 kB), body, connections, connections per address, unsent answers. Every
 * wait for the peer has a deadline: a slow head, a dripping body, an idle connection, an answer nobody
 * fetches.
 *  3. One request of a connection is in work at a time; pipelined ones wait in the socket, so answers are in
 * order.
 *  4. A handler may answer at once or much later.  For each on_request() there is exactly one end: the
 * handler answers (http_respond(), http_respond_end()), or on_abort() says that nobody is left to be
 * answered.  After either the handler must not touch the request again.
 *  5. An idle connection holds about 1 kB; heads and bodies live in buffers shared by the server's
 * connections.
 *
 * Answers made by the server itself have the API's error form, with these codes: bad_request,
 * duplicate_header, missing_host (400), request_timeout (408), length_required (411), body_too_large (413),
 * expectation_failed (417), headers_too_large (431), internal (500), not_implemented (501),
 * room_full, too_many_connections (503), http_version (505).
 *
 * All calls belong to the thread that runs the loop.
 */
#ifndef INTAKE_HTTP_H
#define INTAKE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/stream.h"
#include "intake/http_room.h"

struct http_server;

enum http_method {
	HTTP_METHOD_GET,
	HTTP_METHOD_HEAD,
	HTTP_METHOD_POST,
	HTTP_METHOD_PUT,
	HTTP_METHOD_PATCH,
	HTTP_METHOD_DELETE,
	HTTP_METHOD_OPTIONS,
	HTTP_METHOD_OTHER,
};

/* The public half of a request; the server owns it. */
struct http_request {
	void *user; /* the handler's own; NULL at first */
	enum http_method method;
	const char *path;	/* percent-decoded, without the query; no NUL, no control characters */
	bool has_body;		/* false: on_complete() follows on_request() at once */
	int64_t content_length; /* -1: chunked */
	uint32_t owner;		/* whose room it takes; on_request() may set it */
	bool is_watch;		/* its answer tells how full things are, and is not refused for that; likewise */
};

enum http_body {
	HTTP_BODY_BUFFER, /* the whole body to on_complete(); more than max_body is refused with 413 */
	HTTP_BODY_STREAM, /* in pieces to on_body(), of any length */
};

struct http_ops {
	/* Headers are complete.  Answering already here is fine (401, 404): the return value is then ignored.
	 */
	enum http_body (*on_request)(void *arg, struct http_request *q);

	/* HTTP_BODY_STREAM: the next octets, lent for this call. */
	void (*on_body)(void *arg, struct http_request *q, const uint8_t *data, size_t n);

	/* The body is finished.  With HTTP_BODY_BUFFER it is lent for this call; else data is NULL. */
	void (*on_complete)(void *arg, struct http_request *q, const uint8_t *data, size_t n);

	/* Connection lost, or the rest of the body was refused, before the answer was complete: forget q.  A
	 * client that only closes its sending side may still read, so that alone does not abort a request in
	 * work; a handler may ask: http_request_is_left(). */
	void (*on_abort)(void *arg, struct http_request *q);

	/* Between http_respond_begin() and _end(): what was unsent has left; go on writing.  May be NULL. */
	void (*on_writable)(void *arg, struct http_request *q);
};

/* 0 means the default in brackets. */
struct http_conf {
	size_t max_head;	    /* request line and headers [16,384]; at most 32,000 */
	size_t max_body;	    /* octets of a buffered body [8 MiB] */
	size_t max_answer;	    /* unsent octets of one connection [16 MiB] */
	unsigned max_connections;   /* [4,096] */
	unsigned max_per_address;   /* IPv6: per /64 [max_connections] */
	unsigned header_timeout_ms; /* first octet of a head to its end, TLS handshake [10,000] */
	unsigned body_window_ms;    /* over which the body's rate is averaged [10,000] */
	unsigned body_min_rate;	    /* octets per second [1,024] */
	unsigned body_time_ms;	    /* in which a large body has to come, by its rate, while room is scarce [300,000] */
	unsigned idle_timeout_ms;   /* between requests [60,000] */
	unsigned write_timeout_ms;  /* without progress while an answer is unsent [30,000] */
	unsigned linger_ms;	    /* farewell of a closing connection [2,000] */
	struct http_room *room;	    /* for what is large; NULL: no bound over all; lent for the life of the server */
	struct stream_tls *tls;	    /* NULL: plain; lent for the life of the server */
};

/* ---- Server. ---- */

int http_server_new(struct stream_loop *sl, const struct http_conf *c, const struct http_ops *ops, void *arg,
	struct http_server **ret_srv);

/* May be called for several addresses (at most 8).  Port 0 takes a free one. */
int http_server_listen(struct http_server *srv, const char *where);
int http_server_port(const struct http_server *srv); /* of the first address; 0: none */

/* Take no new connections, close idle ones, let requests in work be answered for `drain_ms`, then abort them.
 * on_stopped() comes once, from a later turn; the server is freed when it returns.  A second call only
 * shortens the time left. */
void http_server_stop(struct http_server *srv, unsigned drain_ms, void (*on_stopped)(void *arg));

struct http_counters {
	uint64_t connections; /* taken */
	uint64_t refused;     /* connections beyond a limit */
	uint64_t requests;    /* given to the handler */
	uint64_t errors;      /* answered by the server itself */
	uint64_t timeouts;    /* cut by a deadline */
	uint64_t aborted;     /* on_abort() calls */
	uint64_t octets_in, octets_out;
	uint64_t no_room;  /* refused, as the room was full */
	uint64_t held;	   /* octets of the room that are taken now */
	unsigned open;	  /* connections now */
	unsigned in_work; /* requests with the handler now */
};
void http_server_counters(const struct http_server *srv, struct http_counters *ret_counters);

/* ---- Questions about a request.  Everything lent stays valid until the answer or on_abort(). ---- */

/* Percent-decoded value of the first parameter `name`, with a NUL.  -ENOENT; -ENOSPC: longer than cap - 1;
 * -EINVAL: bad percent-encoding or a NUL in it.  A parameter without "=" is the empty string. */
int http_query_get(const struct http_request *q, const char *name, char *buf, size_t cap);

/* Decoded segment i (from 0) of the path: "/v1/messages/17" has three.  Here %2F stays part of its segment.
 * -ENOENT, -ENOSPC. */
int http_path_segment(const struct http_request *q, unsigned i, char *buf, size_t cap);

/* The i-th parameter of the query in order, decoded, so that unknown names can be refused.  -ENOENT after the
 * last; -ENOSPC and -EINVAL as above. */
int http_query_at(
	const struct http_request *q, unsigned i, char *name, size_t name_cap, char *value, size_t value_cap);

/* First header of that name (any case), blanks trimmed; NULL if there is none. */
const char *http_header_get(const struct http_request *q, const char *name);

void http_request_peer(const struct http_request *q, struct sockaddr_storage *ret_addr);
bool http_request_is_tls(const struct http_request *q);

/* What became of the body holds so many octets until the answer.  false: there is no room for that much.  Beyond
 * http_request_most() there will never be. */
bool http_request_hold(struct http_request *q, size_t n);
bool http_request_hold_more(struct http_request *q, size_t n); /* … beside what it holds */
size_t http_request_most(const struct http_request *q);
/* Would an answer of n octets find room?  None is taken; false is counted as a refusal. */
bool http_request_may_answer(struct http_request *q, size_t n);
/* The peer has closed its sending side, whatever it sent before: it may be gone altogether. */
bool http_request_is_left(const struct http_request *q);

/* ---- Back-pressure of a streamed body: reading stops at the socket and the rate is not measured meanwhile.
 * on_body() never comes from inside http_request_resume(). ---- */
void http_request_pause(struct http_request *q);
void http_request_resume(struct http_request *q);

/* ---- Answers. ---- */

/* For the answer to come.  -EINVAL: CR, LF or NUL in it, or one of Content-Length, Content-Type,
 * Transfer-Encoding, Connection, Server, Date, which are the server's; -ENOSPC: 4 kB are full. */
int http_header_add(struct http_request *q, const char *name, const char *value);

/* The whole answer.  content_type may be NULL when n = 0.  0: q is over.  -ENOBUFS, -ENOMEM: it is not,
 * nothing was written; answer something shorter. */
int http_respond(struct http_request *q, int status, const char *content_type, const void *body, size_t n);

/* The API's error form; `field` may be NULL. */
int http_respond_error(
	struct http_request *q, int status, const char *code, const char *message, const char *field);

/* An answer in pieces.  -ENOBUFS from _chunk: nothing of it was taken; on_writable() follows.  -EMSGSIZE:
 * more than half of max_answer in one piece. */
int http_respond_begin(struct http_request *q, int status, const char *content_type);
int http_respond_chunk(struct http_request *q, const void *data, size_t n);
void http_respond_end(struct http_request *q);

/* Cut the connection instead of (or in the middle of) an answer.  q is over; on_abort() does not come. */
void http_request_drop(struct http_request *q);

/* ---- A connection without a wire: for fuzzing and measuring.  See stream_memory(). ---- */
int http_server_attach(struct http_server *srv, stream_sink_cb sink, void *sink_arg, struct stream **ret_s);

#endif
