/* SPDX-License-Identifier: Apache-2.0 */
/* http_head.h -- the head of a request: collected, split into lines, held to the rules.  Private to http*.c.
 *
 * llhttp decides what the framing is; this part decides first what may reach it.  It is pure: no I/O, no
 * clock. The head stays in one piece until the answer, so that names and values are offsets and cost no
 * copies.
 */
#ifndef INTAKE_HTTP_HEAD_H
#define INTAKE_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum { HTTP_HEADERS_MAX = 64 };

/* What the server itself wants to know of the headers. */
enum http_known {
	HTTP_KNOWN_HOST,
	HTTP_KNOWN_CONTENT_LENGTH,
	HTTP_KNOWN_TRANSFER_ENCODING,
	HTTP_KNOWN_CONTENT_TYPE,
	HTTP_KNOWN_AUTHORIZATION,
	HTTP_KNOWN_IDEMPOTENCY_KEY,
	HTTP_KNOWN_EXPECT,
	HTTP_N_KNOWN,
};

struct http_header {
	uint16_t name, n_name, value, n_value; /* offsets and lengths in head.raw */
};

struct http_head {
	struct buf raw;
	size_t max;
	size_t line; /* start of the line that is being collected */
	uint16_t target, n_target;
	uint16_t path, n_path;	 /* raw, inside the target */
	uint16_t query, n_query; /* raw, without the "?" */
	uint16_t decoded;	 /* the decoded path, behind the head */
	uint16_t n_headers;
	uint8_t n_blank;	    /* empty lines before the request line */
	uint8_t minor;		    /* HTTP/1.minor */
	int8_t known[HTTP_N_KNOWN]; /* index in headers[]; -1: none */
	struct http_header headers[HTTP_HEADERS_MAX];
};

/* Why a head is refused: a row of the table of errors and a sentence. */
struct http_refusal {
	int status;
	const char *code;
	const char *message;
};

void http_head_init(struct http_head *h, size_t max);
void http_head_reset(struct http_head *h, size_t keep);
void http_head_done(struct http_head *h);

/* Collect.  1: the head is complete, *ret_used octets belonged to it; 0: more is wanted, all were taken; < 0:
 * refused. */
int http_head_collect(
	struct http_head *h, const uint8_t *data, size_t n, size_t *ret_used, struct http_refusal *ret_why);

/* Check every line of a complete head; fill in what is declared above.  Changes nothing in raw. */
int http_head_parse(struct http_head *h, struct http_refusal *ret_why);

/* After llhttp has seen the head: decode the path and put NULs behind names and values. */
int http_head_finish(struct http_head *h, struct http_refusal *ret_why);

static inline const char *http_head_at(const struct http_head *h, uint16_t offset)
{
	return (const char *)buf_data(&h->raw) + offset;
}

/* Value of a known header, NULL if it is not there.  With a NUL after http_head_finish(). */
const char *http_head_known(const struct http_head *h, enum http_known k, size_t *ret_n);

/* Decode n octets into buf with a NUL.  -EINVAL: bad encoding or NUL; -ENOSPC. */
int http_percent_decode(const char *s, size_t n, bool plus_is_blank, char *buf, size_t cap);

#endif
