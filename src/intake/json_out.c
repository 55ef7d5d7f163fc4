/* SPDX-License-Identifier: Apache-2.0 */
/* json_out.c -- see json_out.h.
 *
 * Runs of characters that need no escape are copied in one piece.  Control characters become \u00XX or their
 * short form, as RFC 8259, 7 demands; DEL and everything above are left as they are.
 */
#include "intake/json_out.h"

#include "base/clock.h"
#include "codec/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void json_out_init(struct json_out *o, size_t max)
{
	buf_init(&o->b, max);
	o->comma = false;
	o->full = false;
}

void json_out_done(struct json_out *o)
{
	buf_done(&o->b);
}

static void put(struct json_out *o, const void *s, size_t n)
{
	if (n > 0 && !o->full && buf_add(&o->b, s, n) < 0)
		o->full = true;
}

static void begin(struct json_out *o)
{
	if (o->comma)
		put(o, ",", 1);
	o->comma = true;
}

void json_out_open(struct json_out *o, char bracket)
{
	begin(o);
	put(o, &bracket, 1);
	o->comma = false;
}

void json_out_close(struct json_out *o, char bracket)
{
	put(o, &bracket, 1);
	o->comma = true;
}

void json_out_key(struct json_out *o, const char *key)
{
	begin(o);
	put(o, "\"", 1);
	put(o, key, strlen(key));
	put(o, "\":", 2);
	o->comma = false;
}

/* The escape of an octet below 0x20, of `"` and of `\`; returns its length. */
static size_t escape_one(unsigned char c, char dst[static 7])
{
	static const char shorts[] = "btn\0fr"; /* 08 … 0d */

	dst[0] = '\\';
	if (c == '"' || c == '\\') {
		dst[1] = (char)c;
		return 2;
	}
	if (c >= 8 && c <= 13 && shorts[c - 8]) {
		dst[1] = shorts[c - 8];
		return 2;
	}
	return (size_t)snprintf(dst, 7, "\\u%04x", c);
}

/* Octets from `s` that go out as they are. */
static size_t plain_run(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && (unsigned char)s[i] >= 0x20 && s[i] != '"' && s[i] != '\\')
		i++;
	return i;
}

static void put_escaped(struct json_out *o, const char *s, size_t n)
{
	char esc[7];

	while (n > 0) {
		size_t run = plain_run(s, n);

		put(o, s, run);
		s += run;
		n -= run;
		if (n > 0) {
			put(o, esc, escape_one((unsigned char)*s, esc));
			s++;
			n--;
		}
	}
}

void json_out_strn(struct json_out *o, const char *s, size_t n)
{
	size_t bad_at;

	begin(o);
	put(o, "\"", 1);
	while (utf8_check(s, n, &bad_at) < 0) {
		put_escaped(o, s, bad_at);
		put(o, "\xef\xbf\xbd", 3);
		s += bad_at + 1;
		n -= bad_at + 1;
	}
	put_escaped(o, s, n);
	put(o, "\"", 1);
}

void json_out_str(struct json_out *o, const char *s)
{
	json_out_strn(o, s, strlen(s));
}

static void put_number(struct json_out *o, const char *text, int n)
{
	begin(o);
	put(o, text, (size_t)n);
}

void json_out_u64(struct json_out *o, uint64_t v)
{
	char t[24];

	put_number(o, t, snprintf(t, sizeof(t), "%llu", (unsigned long long)v));
}

void json_out_i64(struct json_out *o, int64_t v)
{
	char t[24];

	put_number(o, t, snprintf(t, sizeof(t), "%lld", (long long)v));
}

void json_out_id(struct json_out *o, uint64_t id)
{
	char t[28];

	put_number(o, t, snprintf(t, sizeof(t), "\"%llu\"", (unsigned long long)id));
}

void json_out_real(struct json_out *o, double v)
{
	char t[40];

	if (!isfinite(v)) {
		json_out_null(o);
		return;
	}
	put_number(o, t, snprintf(t, sizeof(t), "%.10g", v));
}

void json_out_bool(struct json_out *o, bool v)
{
	put_number(o, v ? "true" : "false", v ? 4 : 5);
}

void json_out_null(struct json_out *o)
{
	put_number(o, "null", 4);
}

void json_out_time(struct json_out *o, int64_t ms)
{
	char t[CLOCK_TEXT_SIZE + 2];

	if (ms == 0) {
		json_out_null(o);
		return;
	}
	t[0] = '"';
	clock_format_rfc3339(ms, t + 1);
	t[1 + CLOCK_TEXT_LEN] = '"';
	put_number(o, t, CLOCK_TEXT_LEN + 2);
}

void json_out_raw(struct json_out *o, const char *s, size_t n)
{
	begin(o);
	put(o, s, n);
}

void json_out_kstr(struct json_out *o, const char *key, const char *s)
{
	json_out_key(o, key);
	json_out_str(o, s);
}

void json_out_ku64(struct json_out *o, const char *key, uint64_t v)
{
	json_out_key(o, key);
	json_out_u64(o, v);
}

void json_out_kid(struct json_out *o, const char *key, uint64_t id)
{
	json_out_key(o, key);
	json_out_id(o, id);
}

void json_out_kbool(struct json_out *o, const char *key, bool v)
{
	json_out_key(o, key);
	json_out_bool(o, v);
}

void json_out_ktime(struct json_out *o, const char *key, int64_t ms)
{
	json_out_key(o, key);
	json_out_time(o, ms);
}

void json_out_rewind(struct json_out *o, struct json_mark m)
{
	buf_truncate(&o->b, m.len);
	o->comma = m.comma;
	o->full = false;
}

int json_escape(char *dst, size_t cap, const char *s, size_t n)
{
	size_t used = 0;
	char esc[7];

	if (cap < 3)
		return -ENOSPC;
	dst[used++] = '"';
	while (n > 0) {
		size_t run = plain_run(s, n), len = 0;

		if (run < n)
			len = escape_one((unsigned char)s[run], esc);
		if (used + run + len + 2 > cap)
			return -ENOSPC;
		memcpy(dst + used, s, run);
		memcpy(dst + used + run, esc, len);
		used += run + len;
		s += run + (run < n);
		n -= run + (run < n);
	}
	dst[used++] = '"';
	dst[used] = '\0';
	return 0;
}
