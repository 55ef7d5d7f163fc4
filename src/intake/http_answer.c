/* SPDX-License-Identifier: Apache-2.0 */
/* http_answer.c -- answers: status line, headers, body in one piece or in chunks.
 *
 * An answer is written whole or not at all: the head is put together in the server's scratch buffer, and only
 * when head and body both fit under the connection's limit does anything reach the stream.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "intake/http_int.h"

static const struct {
	int status;
	const char *reason;
} reasons[] = {
	{200, "OK"},
	{201, "Created"},
	{202, "Accepted"},
	{204, "No Content"},
	{304, "Not Modified"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{408, "Request Timeout"},
	{409, "Conflict"},
	{411, "Length Required"},
	{413, "Content Too Large"},
	{415, "Unsupported Media Type"},
	{417, "Expectation Failed"},
	{422, "Unprocessable Content"},
	{429, "Too Many Requests"},
	{431, "Request Header Fields Too Large"},
	{500, "Internal Server Error"},
	{501, "Not Implemented"},
	{502, "Bad Gateway"},
	{503, "Service Unavailable"},
	{504, "Gateway Timeout"},
	{505, "HTTP Version Not Supported"},
};

/* The reason phrase is for people; an unknown status goes without (RFC 9112, 4). */
static const char *reason_of(int status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].status == status)
			return reasons[i].reason;
	}
	return "";
}

static int add_number(struct buf *b, uint64_t n)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	return buf_add(b, digits + at, sizeof(digits) - at);
}

/* RFC 9110, 8.6: these never have a body, nor say its length. */
static bool is_bodiless(int status)
{
	return status < 200 || status == 204 || status == 304;
}

/* How the receiver learns where the body ends. */
enum framing { FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE };

static int add_framing(struct buf *b, enum framing f, size_t n)
{
	int r = 0;

	switch (f) {
	case FRAMING_LENGTH:
		r |= buf_add_str(b, "Content-Length: ");
		r |= add_number(b, n);
		r |= buf_add_str(b, "\r\n");
		break;
	case FRAMING_CHUNKED: r |= buf_add_str(b, "Transfer-Encoding: chunked\r\n"); break;
	case FRAMING_CLOSE: break;
	}
	return r;
}

static int add_head(struct http_conn *c, struct buf *b, const struct http_work *w, int status,
	const char *type, enum framing f, size_t n, bool keep)
{
	bool old = w != NULL && w->head.minor == 0;
	int r = 0;

	/* Only ever -ENOMEM or -ENOSPC; which of them does not matter here. */
	r |= buf_add_str(b, "HTTP/1.1 ");
	r |= add_number(b, (uint64_t)status);
	r |= buf_add_str(b, " ");
	r |= buf_add_str(b, reason_of(status));
	r |= buf_add_str(b, "\r\nServer: posthorn\r\nDate: ");
	r |= buf_add_str(b, http_conn_date(c));
	r |= buf_add_str(b, "\r\n");
	if (type != NULL) {
		r |= buf_add_str(b, "Content-Type: ");
		r |= buf_add_str(b, type);
		r |= buf_add_str(b, "\r\n");
	}
	if (!is_bodiless(status))
		r |= add_framing(b, f, n);
	if (!keep)
		r |= buf_add_str(b, "Connection: close\r\n");
	else if (old)
		r |= buf_add_str(b, "Connection: keep-alive\r\n");
	if (w == NULL && status == 503)
		r |= buf_add_str(b, "Retry-After: 1\r\n");
	if (w != NULL)
		r |= buf_add(b, buf_data(&w->extra), buf_len(&w->extra));
	r |= buf_add_str(b, "\r\n");
	return r != 0 ? -ENOMEM : 0;
}

/* Both or none.  The room was checked, so that only memory can fail, and then the connection is of no more
 * use. */
static int write_both(struct http_conn *c, const struct buf *head, const void *body, size_t n)
{
	struct stream *s = http_conn_stream(c);
	size_t unsent = stream_unsent(s), max = http_conn_max_answer(c);

	/* More than the limit while nothing is unsent would never fit; say so the same way. */
	if (n > max || buf_len(head) > max - n || unsent > max - n - buf_len(head))
		return -ENOBUFS;
	if (stream_write(s, buf_data(head), buf_len(head)) < 0 || stream_write(s, body, n) < 0)
		stream_abort(s, -ENOMEM);
	return 0;
}

int http_answer(struct http_conn *c, struct http_work *w, int status, const char *type, const void *body,
	size_t n, bool keep)
{
	bool no_body = is_bodiless(status) || (w != NULL && w->q.method == HTTP_METHOD_HEAD);
	struct buf *b = http_conn_scratch(c);
	int r = add_head(c, b, w, status, type, FRAMING_LENGTH, n, keep);

	return r < 0 ? r : write_both(c, b, body, no_body ? 0 : n);
}

static bool keeps(const struct http_work *w)
{
	return w->keep && !http_conn_ends(w->conn) && (w->body_done || http_work_discardable(w));
}

int http_respond(struct http_request *q, int status, const char *content_type, const void *body, size_t n)
{
	struct http_work *w = http_work_of(q);
	int r;

	assert(!w->answered && !w->begun);
	if (!http_hold_answer(w, n))
		return -ENOBUFS;
	w->keep = keeps(w);
	r = http_answer(w->conn, w, status, content_type, body, n, w->keep);
	if (r == 0)
		http_conn_answered(w->conn);
	return r;
}

/* ---- In pieces ---- */

int http_respond_begin(struct http_request *q, int status, const char *content_type)
{
	struct http_work *w = http_work_of(q);
	struct buf *b = http_conn_scratch(w->conn);
	bool old = w->head.minor == 0;
	int r;

	assert(!w->answered && !w->begun);
	w->keep = !old && keeps(w);
	r = add_head(w->conn, b, w, status, content_type, old ? FRAMING_CLOSE : FRAMING_CHUNKED, 0, w->keep);
	if (r == 0)
		r = write_both(w->conn, b, NULL, 0);
	if (r < 0)
		return r;
	w->begun = true;
	w->chunked = !old && !is_bodiless(status);
	http_conn_writing(w->conn);
	return 0;
}

int http_respond_chunk(struct http_request *q, const void *data, size_t n)
{
	struct http_work *w = http_work_of(q);
	struct stream *s = http_conn_stream(w->conn);
	struct buf *b = http_conn_scratch(w->conn);
	char size[24];

	assert(w->begun && !w->answered);
	if (n == 0 || q->method == HTTP_METHOD_HEAD)
		return 0; /* an empty chunk would be the end */
	if (n > http_conn_max_answer(w->conn) / 2)
		return -EMSGSIZE; /* waiting would not help */
	if (!w->chunked)
		return stream_write(s, data, n);
	buf_add(b, size, (size_t)snprintf(size, sizeof(size), "%zx\r\n", n));
	if (stream_unsent(s) + buf_len(b) + n + 2 > http_conn_max_answer(w->conn)) {
		stream_want_drain(s);
		return -ENOBUFS;
	}
	if (stream_write(s, buf_data(b), buf_len(b)) < 0 || stream_write(s, data, n) < 0 ||
		stream_write(s, "\r\n", 2) < 0)
		stream_abort(s, -ENOMEM);
	return 0;
}

void http_respond_end(struct http_request *q)
{
	struct http_work *w = http_work_of(q);
	struct stream *s = http_conn_stream(w->conn);

	assert(w->begun && !w->answered);
	/* Five octets beyond the limit of the pieces: see max_out in http.c. */
	if (w->chunked && q->method != HTTP_METHOD_HEAD && stream_write(s, "0\r\n\r\n", 5) < 0)
		stream_abort(s, -ENOBUFS);
	http_conn_answered(w->conn);
}

/* ---- Headers and errors ---- */

static bool is_ours(const char *name)
{
	static const char *const ours[] = {
		"content-length", "content-type", "transfer-encoding", "connection", "server", "date"};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		if (strcasecmp(ours[i], name) == 0)
			return true;
	}
	return false;
}

int http_header_add(struct http_request *q, const char *name, const char *value)
{
	struct http_work *w = http_work_of(q);
	size_t before = buf_len(&w->extra);
	int r = 0;

	if (*name == '\0' || strpbrk(name, "\r\n: ") != NULL || strpbrk(value, "\r\n") != NULL ||
		is_ours(name))
		return -EINVAL;
	if (before + strlen(name) + strlen(value) + 4 > w->extra.max)
		return -ENOSPC;
	r |= buf_add_str(&w->extra, name);
	r |= buf_add_str(&w->extra, ": ");
	r |= buf_add_str(&w->extra, value);
	r |= buf_add_str(&w->extra, "\r\n");
	if (r == 0)
		return 0;
	buf_truncate(&w->extra, before);
	return -ENOMEM;
}

static int add_json_string(struct buf *b, const char *s)
{
	char escaped[8];
	int r = buf_add(b, "\"", 1);

	for (; *s != '\0' && r == 0; s++) {
		if (*s == '"' || *s == '\\')
			r = buf_add(b, "\\", 1);
		if ((unsigned char)*s < 0x20)
			r = buf_add(b, escaped, (size_t)snprintf(escaped, sizeof(escaped), "\\u%04x", *s));
		else if (r == 0)
			r = buf_add(b, s, 1);
	}
	return r < 0 ? r : buf_add(b, "\"", 1);
}

int http_error_json(struct buf *b, const char *code, const char *message, const char *field)
{
	int r = 0;

	r |= buf_add_str(b, "{\"error\":{\"code\":");
	r |= add_json_string(b, code);
	r |= buf_add_str(b, ",\"message\":");
	r |= add_json_string(b, message);
	if (field != NULL) {
		r |= buf_add_str(b, ",\"field\":");
		r |= add_json_string(b, field);
	}
	r |= buf_add_str(b, "}}");
	return r != 0 ? -ENOMEM : 0;
}

int http_respond_error(
	struct http_request *q, int status, const char *code, const char *message, const char *field)
{
	struct buf b;
	int r;

	buf_init(&b, 16384);
	r = http_error_json(&b, code, message, field);
	if (r == 0)
		r = http_respond(q, status, "application/json", buf_data(&b), buf_len(&b));
	buf_done(&b);
	return r;
}
