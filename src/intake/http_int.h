/* SPDX-License-Identifier: Apache-2.0 */
/* http_int.h -- what http.c, http_answer.c and http_request.c share.  Nobody else includes it.
 *
 * A connection is small and lives long; a `work` is large, lives for one request and comes from a pool of the server.
 */
#ifndef INTAKE_HTTP_INT_H
#define INTAKE_HTTP_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "intake/http.h"
#include "intake/http_head.h"

struct http_conn;

/* One request, from its first octet to its end. */
struct http_work {
	struct http_request q; /* first: a request is its work */
	struct http_conn *conn;
	struct http_head head;
	struct buf body;     /* HTTP_BODY_BUFFER, when it came in more than one piece */
	struct buf extra;    /* headers added for the answer */
	const uint8_t *span; /* the body when it came in one piece; lent by the stream */
	size_t n_span;
	uint64_t n_body; /* octets of body so far, */
	uint64_t n_raw;  /* the same with chunk sizes, extensions and trailers */
	enum http_body want;
	bool told;      /* the handler knows it */
	bool answered;  /* the handler is done with it */
	bool begun;     /* http_respond_begin() */
	bool chunked;   /* the answer is */
	bool body_done;
	bool paused;
	bool keep;      /* the connection may go on after it */
	bool expects;   /* 100-continue */
	bool too_large; /* the body is */
};

/* What the answers need of a connection; http.c keeps the rest. */
struct stream *http_conn_stream(const struct http_conn *c);
struct buf *http_conn_scratch(struct http_conn *c);    /* empty; for one head */
size_t http_conn_max_answer(const struct http_conn *c);
const char *http_conn_date(struct http_conn *c);       /* RFC 9110, 5.6.7 */
bool http_conn_ends(const struct http_conn *c);        /* no request after this one */
void http_conn_writing(struct http_conn *c);           /* an answer in pieces has begun */
void http_conn_answered(struct http_conn *c);          /* the answer is written; the request may be over */

/* May the rest of the body be read and thrown away, so that the connection can go on? */
bool http_work_discardable(const struct http_work *w);

/* Write an answer's head, and its body unless it is to HEAD.  For errors of the server `w` may be NULL. */
int http_answer(struct http_conn *c, struct http_work *w, int status, const char *type, const void *body, size_t n,
	bool keep);

/* {"error":{...}} into an empty buffer. */
int http_error_json(struct buf *b, const char *code, const char *message, const char *field);

static inline struct http_work *http_work_of(const struct http_request *q)
{
	return (struct http_work *)(uintptr_t)q;
}

#endif
