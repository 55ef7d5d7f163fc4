/* SPDX-License-Identifier: Apache-2.0 */
/* http_int.h -- what http.c, http_answer.c and http_request.c share.  Nobody else includes it.
 *
 * A connection is small and lives long; a `work` is large, lives for one request and comes from a pool of the
 * server.
 */
#ifndef INTAKE_HTTP_INT_H
#define INTAKE_HTTP_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/buf.h"
#include "intake/http.h"
#include "intake/http_head.h"
#include "intake/http_peers.h"

struct http_conn;
struct work; /* a request and its parser: http.c */

enum {
	LISTENERS_MAX = 8,
	HTTP_SMALL = 8 * 1024,	 /* bodies and answers up to here take no room: codes, single messages */
	HTTP_STREAM_HELD = 256 * 1024, /* room of a stream: a row that has not ended */
	SCRATCH_MAX = 16 * 1024, /* one head of an answer */
};

/* One request, from its first octet to its end. */
struct http_work {
	struct http_request q; /* first: a request is its work */
	struct http_conn *conn;
	struct http_head head;
	struct buf body;     /* HTTP_BODY_BUFFER, when it came in more than one piece */
	struct buf extra;    /* headers added for the answer */
	const uint8_t *span; /* the body when it came in one piece; lent by the stream */
	size_t n_span;
	size_t held;	 /* of the server's room */
	uint64_t n_body; /* octets of body so far, */
	uint64_t n_raw;	 /* the same with chunk sizes, extensions and trailers */
	enum http_body want;
	bool told;     /* the handler knows it */
	bool answered; /* the handler is done with it */
	bool begun;    /* http_respond_begin() */
	bool chunked;  /* the answer is */
	bool body_done;
	bool paused;
	bool keep;	/* the connection may go on after it */
	bool expects;	/* 100-continue */
	bool too_large; /* the body is */
	bool no_room;	/* is there for it */
};

/* ---- Connections and the server: http.c and http_server.c only ---- */

struct http_node {
	struct http_node *prev, *next;
};

enum conn_state { CONN_IDLE, CONN_HEAD, CONN_BODY, CONN_WORK, CONN_CLOSING };

/* Each has one length, so each list is in order. */
enum wait { WAIT_IDLE, WAIT_HEAD, WAIT_BODY, WAIT_WRITE, N_WAITS };

struct http_conn {
	struct http_server *srv;
	struct stream *s;
	struct work *w; /* NULL while idle */
	struct http_node all, timed;
	uint64_t deadline_ms;
	uint64_t mark; /* WAIT_BODY: octets in; WAIT_WRITE and WAIT_IDLE: octets fetched, when the wait began
			*/
	size_t n_answers; /* octets of large answers that may be unsent: room taken for */
	uint32_t answers_owner;
	enum conn_state state;
	enum wait wait;
	struct http_peer_key peer;
	bool counted; /* in max_connections and per address */
	bool running; /* inside on_read() or on_resume(): what ends a request there must not start the next */
	bool eof;
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
	struct http_node all;
	struct http_node waits[N_WAITS];
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

#define HTTP_CONN_OF(node, member) \
	((struct http_conn *)(void *)((char *)(node)-offsetof(struct http_conn, member)))

static inline void http_list_init(struct http_node *n)
{
	n->prev = n;
	n->next = n;
}

static inline void http_list_del(struct http_node *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	http_list_init(n);
}

static inline void http_list_add(struct http_node *head, struct http_node *n)
{
	n->prev = head->prev;
	n->next = head;
	head->prev->next = n;
	head->prev = n;
}

/* http.c */
extern const struct stream_ops http_conn_ops;
void http_conn_wait(struct http_conn *c, enum wait what);
void http_conn_expire(struct http_conn *c); /* its wait is over */
void http_conn_close(struct http_conn *c);
void http_conn_refuse(struct http_conn *c, int status, const char *code, const char *message);
void http_works_free(struct http_server *srv);

/* http_held.c */
bool http_hold_body(struct http_work *x, size_t n); /* room for n octets in all; false: there is none */
bool http_hold_more(struct http_work *x, size_t n); /* the same, of a body whose length nobody said */
void http_let_go_body(struct http_work *x);
bool http_hold_answer(struct http_work *x, size_t n); /* false: answer something shorter */
void http_let_go_answers(struct http_conn *c);	      /* nothing is unsent */

/* http_server.c: a connection is gone; was it the last that a stop waited for? */
void http_server_left(struct http_server *srv);

/* ---- What the answers need of a connection ---- */

struct stream *http_conn_stream(const struct http_conn *c);
struct buf *http_conn_scratch(struct http_conn *c); /* empty; for one head */
size_t http_conn_max_answer(const struct http_conn *c);
const char *http_conn_date(struct http_conn *c); /* RFC 9110, 5.6.7 */
bool http_conn_ends(const struct http_conn *c);	 /* no request after this one */
void http_conn_writing(struct http_conn *c);	 /* an answer in pieces has begun */
void http_conn_answered(struct http_conn *c);	 /* the answer is written; the request may be over */

/* May the rest of the body be read and thrown away, so that the connection can go on? */
bool http_work_discardable(const struct http_work *w);

/* Write an answer's head, and its body unless it is to HEAD.  For errors of the server `w` may be NULL. */
int http_answer(struct http_conn *c, struct http_work *w, int status, const char *type, const void *body,
	size_t n, bool keep);

/* {"error":{...}} into an empty buffer. */
int http_error_json(struct buf *b, const char *code, const char *message, const char *field);

static inline struct http_work *http_work_of(const struct http_request *q)
{
	return (struct http_work *)(uintptr_t)q;
}

#endif
