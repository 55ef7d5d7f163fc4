/* SPDX-License-Identifier: Apache-2.0 */
/* json_out.h -- write JSON into a bounded buffer, value by value.
 *
 * Commas are put by the writer.  When the bound is reached the writer says so by json_out_full() and swallows
 * the rest, so that callers check once at the end, not after each value.  json_out_mark() and _rewind() take
 * back a value that did not fit, which is how a page ends early instead of failing.
 *
 * Strings must be UTF-8; what is not (a carrier's raw text) is shown with U+FFFD, as an answer must stay
 * valid JSON.
 */
#ifndef INTAKE_JSON_OUT_H
#define INTAKE_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct json_out {
	struct buf b;
	bool comma; /* the next value needs one */
	bool full;
};

void json_out_init(struct json_out *o, size_t max);
void json_out_done(struct json_out *o);

static inline bool json_out_full(const struct json_out *o)
{
	return o->full;
}

void json_out_open(struct json_out *o, char bracket);	/* '{' or '[' */
void json_out_close(struct json_out *o, char bracket);	/* '}' or ']' */
void json_out_key(struct json_out *o, const char *key); /* plain ASCII, needs no escapes */

void json_out_str(struct json_out *o, const char *s);
void json_out_strn(struct json_out *o, const char *s, size_t n);
void json_out_u64(struct json_out *o, uint64_t v);
void json_out_i64(struct json_out *o, int64_t v);
void json_out_id(struct json_out *o, uint64_t id); /* decimal, as a string: 55 bits do not fit a double */
void json_out_bool(struct json_out *o, bool v);
void json_out_null(struct json_out *o);
void json_out_time(struct json_out *o, int64_t ms); /* RFC 3339; 0 is null */
void json_out_real(struct json_out *o, double v);
void json_out_raw(struct json_out *o, const char *s, size_t n); /* a complete JSON value made elsewhere */

/* Key and value in one call. */
void json_out_kstr(struct json_out *o, const char *key, const char *s);
void json_out_ku64(struct json_out *o, const char *key, uint64_t v);
void json_out_kid(struct json_out *o, const char *key, uint64_t id);
void json_out_kbool(struct json_out *o, const char *key, bool v);
void json_out_ktime(struct json_out *o, const char *key, int64_t ms);

struct json_mark {
	size_t len;
	bool comma;
};
static inline struct json_mark json_out_mark(const struct json_out *o)
{
	return (struct json_mark){buf_len(&o->b), o->comma};
}
void json_out_rewind(struct json_out *o, struct json_mark m); /* also forgets that it was full */

/* `s` as a JSON string with its quotes into `dst`, with a NUL; -ENOSPC when `cap` is too small. */
int json_escape(char *dst, size_t cap, const char *s, size_t n);

#endif
