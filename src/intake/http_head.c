/* SPDX-License-Identifier: Apache-2.0 */
/* http_head.c -- see http_head.h.
 *
 * The rules are RFC 9112's musts without its indulgences: a recipient MAY accept a bare LF, MAY unfold a
 * folded line, MAY take the first of two equal values.  Each such "may" is a chance that a proxy before us
 * reads the request in another way, and each is refused.  The one kept is an empty line before the request
 * line (2.2), which old clients send after a body.
 */
#include "intake/http_head.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

enum { BLANK_LINES_MAX = 2 };

static const struct {
	const char *name;
	const char *twice;
} known[HTTP_N_KNOWN] = {
	[HTTP_KNOWN_HOST] = {"host", "more than one Host header"},
	[HTTP_KNOWN_CONTENT_LENGTH] = {"content-length", "more than one Content-Length header"},
	[HTTP_KNOWN_TRANSFER_ENCODING] = {"transfer-encoding", "more than one Transfer-Encoding header"},
	[HTTP_KNOWN_CONTENT_TYPE] = {"content-type", "more than one Content-Type header"},
	[HTTP_KNOWN_AUTHORIZATION] = {"authorization", "more than one Authorization header"},
	[HTTP_KNOWN_IDEMPOTENCY_KEY] = {"idempotency-key", "more than one Idempotency-Key header"},
	[HTTP_KNOWN_EXPECT] = {"expect", "more than one Expect header"},
};

static int refuse(struct http_refusal *why, int status, const char *code, const char *message)
{
	*why = (struct http_refusal){status, code, message};
	return -EBADMSG;
}

static int bad(struct http_refusal *why, const char *message)
{
	return refuse(why, 400, "bad_request", message);
}

void http_head_init(struct http_head *h, size_t max)
{
	/* The decoded path, never longer than the raw one, goes behind the head. */
	buf_init(&h->raw, 2 * max + 2);
	h->max = max;
	http_head_reset(h, 0);
}

void http_head_reset(struct http_head *h, size_t keep)
{
	buf_reset(&h->raw, keep);
	h->line = 0;
	h->n_headers = 0;
	h->n_blank = 0;
	memset(h->known, -1, sizeof(h->known));
}

void http_head_done(struct http_head *h)
{
	buf_done(&h->raw);
}

/* ---- Collecting ---- */

/* RFC 9110, 5.6.2: token characters. */
static const uint8_t is_token[256] = {
	['!'] = 1,
	['#'] = 1,
	['$'] = 1,
	['%'] = 1,
	['&'] = 1,
	['\''] = 1,
	['*'] = 1,
	['+'] = 1,
	['-'] = 1,
	['.'] = 1,
	['^'] = 1,
	['_'] = 1,
	['`'] = 1,
	['|'] = 1,
	['~'] = 1,
	['0' ... '9'] = 1,
	['A' ... 'Z'] = 1,
	['a' ... 'z'] = 1,
};

/* A request begins with a method, which is a token.  Who speaks another protocol hears so at once instead of waiting
 * for the deadline of the head. */
static int check_first(uint8_t octet, struct http_refusal *why)
{
	if (is_token[octet] || octet == '\r')
		return 0;
	if (octet == 0x16) /* RFC 8446, 5.1: handshake */
		return bad(why, "TLS on a port that speaks plain HTTP; use http://");
	return bad(why, "not HTTP: a request begins with its method");
}

static int add(struct http_head *h, const uint8_t *data, size_t n, struct http_refusal *why)
{
	if (n > h->max - buf_len(&h->raw))
		return refuse(why, 431, "headers_too_large", "request line and headers are too long");
	if (n > 0 && buf_len(&h->raw) == 0 && check_first(data[0], why) < 0)
		return -EBADMSG;
	if (buf_add(&h->raw, data, n) < 0)
		return refuse(why, 500, "internal", "out of memory");
	return 0;
}

int http_head_collect(
	struct http_head *h, const uint8_t *data, size_t n, size_t *ret_used, struct http_refusal *ret_why)
{
	size_t from = 0; /* of what is not yet in raw */
	size_t pos = 0;
	const uint8_t *lf;

	while (pos < n && (lf = memchr(data + pos, '\n', n - pos)) != NULL) {
		size_t after = (size_t)(lf - data) + 1;
		size_t len = buf_len(&h->raw) + after - from; /* of the head with this line */
		uint8_t before = 0;

		if (after - from >= 2)
			before = lf[-1];
		else if (buf_len(&h->raw) > 0)
			before = buf_data(&h->raw)[buf_len(&h->raw) - 1];
		if (before != '\r')
			return bad(ret_why, "a line ends without CR");
		pos = after;
		if (len - h->line > 2) {
			h->line = len;
			continue;
		}
		if (h->line == 0) {
			if (++h->n_blank > BLANK_LINES_MAX)
				return bad(ret_why, "empty lines instead of a request");
			buf_truncate(&h->raw, 0);
			from = after;
			continue;
		}
		if (add(h, data + from, after - from, ret_why) < 0)
			return -EBADMSG;
		*ret_used = after;
		return 1;
	}
	*ret_used = n;
	return add(h, data + from, n - from, ret_why);
}

/* ---- Checking ---- */

static size_t token_length(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && is_token[(uint8_t)s[i]])
		i++;
	return i;
}

/* RFC 9112, 3.2: origin-form, absolute-form, or "*".  Without the authority, which Host repeats. */
static int split_target(struct http_head *h, struct http_refusal *why)
{
	const char *base = http_head_at(h, 0);
	const char *s = base + h->target, *end = s + h->n_target, *mark;

	for (const char *p = s; p < end; p++) {
		if ((uint8_t)*p <= 0x20 || (uint8_t)*p >= 0x7f || *p == '#')
			return bad(why, "the request target has a character that must be percent-encoded");
	}
	if (h->n_target > 7 && strncasecmp(s, "http://", 7) == 0)
		s += 7;
	else if (h->n_target > 8 && strncasecmp(s, "https://", 8) == 0)
		s += 8;
	if (s != base + h->target)
		s += strcspn(s, "/? ");
	mark = memchr(s, '?', (size_t)(end - s));
	h->path = (uint16_t)(s - base);
	h->n_path = (uint16_t)((mark != NULL ? mark : end) - s);
	h->query = mark != NULL ? (uint16_t)(mark + 1 - base) : (uint16_t)(end - base);
	h->n_query = (uint16_t)(end - base - h->query);
	if (h->n_path > 0 && *s != '/' && !(h->n_path == 1 && *s == '*'))
		return bad(why, "the request target does not begin with a slash");
	return 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int parse_request_line(struct http_head *h, size_t n, struct http_refusal *why)
{
	const char *s = http_head_at(h, 0);
	size_t method = token_length(s, n);
	const char *target, *version;

	if (method == 0 || method >= n || s[method] != ' ')
		return bad(why, "the request line does not begin with a method");
	target = s + method + 1;
	version = memchr(target, ' ', n - method - 1);
	if (version == NULL || version == target)
		return bad(why, "the request line is not METHOD TARGET HTTP/1.1");
	h->target = (uint16_t)(target - s);
	h->n_target = (uint16_t)(version - target);
	version++;
	if ((size_t)(s + n - version) != 8 || memcmp(version, "HTTP/", 5) != 0 || version[6] != '.' ||
		!is_digit(version[5]) || !is_digit(version[7]))
		return bad(why, "the request line is not METHOD TARGET HTTP/1.1");
	if (version[5] != '1' || (version[7] != '0' && version[7] != '1'))
		return refuse(why, 505, "http_version", "this server speaks HTTP/1.1 and HTTP/1.0");
	h->minor = (uint8_t)(version[7] - '0');
	return 0;
}

static int note_known(struct http_head *h, const char *name, size_t n, struct http_refusal *why)
{
	for (int k = 0; k < HTTP_N_KNOWN; k++) {
		if (strncasecmp(known[k].name, name, n) != 0 || known[k].name[n] != '\0')
			continue;
		if (h->known[k] >= 0)
			return refuse(why, 400, "duplicate_header", known[k].twice);
		h->known[k] = (int8_t)h->n_headers;
	}
	return 0;
}

static int parse_header(struct http_head *h, size_t at, size_t n, struct http_refusal *why)
{
	const char *base = http_head_at(h, 0), *s = base + at, *end = s + n, *value;
	size_t n_name = token_length(s, n);

	if (*s == ' ' || *s == '\t')
		return bad(why, "a header line begins with a blank (folded headers are not taken)");
	if (n_name == 0 || n_name >= n || s[n_name] != ':')
		return bad(why, "a header line is not NAME: VALUE");
	for (value = s + n_name + 1; value < end && (*value == ' ' || *value == '\t'); value++)
		;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	for (const char *p = value; p < end; p++) {
		if (((uint8_t)*p < 0x20 && *p != '\t') || *p == 0x7f)
			return bad(why, "a header value has a control character");
	}
	if (h->n_headers == HTTP_HEADERS_MAX)
		return refuse(why, 431, "headers_too_large", "more than 64 headers");
	if (note_known(h, s, n_name, why) < 0)
		return -EBADMSG;
	h->headers[h->n_headers++] = (struct http_header){
		(uint16_t)at, (uint16_t)n_name, (uint16_t)(value - base), (uint16_t)(end - value)};
	return 0;
}

const char *http_head_known(const struct http_head *h, enum http_known k, size_t *ret_n)
{
	const struct http_header *x;

	if (h->known[k] < 0)
		return NULL;
	x = &h->headers[h->known[k]];
	if (ret_n != NULL)
		*ret_n = x->n_value;
	return http_head_at(h, x->value);
}

static bool known_is(const struct http_head *h, enum http_known k, const char *want)
{
	size_t n;
	const char *v = http_head_known(h, k, &n);

	return v != NULL && n == strlen(want) && strncasecmp(v, want, n) == 0;
}

static bool all_digits(const char *v, size_t n)
{
	while (n && *v >= '0' && *v <= '9') {
		v++;
		n--;
	}
	return n == 0;
}

/* RFC 9112, 3.2 and 6; RFC 9110, 8.6 and 10.1.1. */
static int check_known(const struct http_head *h, struct http_refusal *why)
{
	bool has_te = h->known[HTTP_KNOWN_TRANSFER_ENCODING] >= 0;
	size_t n = 0;
	const char *v;

	if (h->minor == 1 && h->known[HTTP_KNOWN_HOST] < 0)
		return refuse(why, 400, "missing_host", "HTTP/1.1 wants a Host header");
	v = http_head_known(h, HTTP_KNOWN_CONTENT_LENGTH, &n);
	if (v != NULL && has_te)
		return bad(why, "Content-Length together with Transfer-Encoding");
	if (v != NULL && (n == 0 || n > 18 || !all_digits(v, n)))
		return bad(why, "Content-Length is not a number");
	if (has_te && h->minor == 0)
		return bad(why, "Transfer-Encoding in HTTP/1.0");
	if (has_te && !known_is(h, HTTP_KNOWN_TRANSFER_ENCODING, "chunked"))
		return refuse(why, 501, "not_implemented", "the only Transfer-Encoding taken is chunked");
	if (h->known[HTTP_KNOWN_EXPECT] >= 0 && !known_is(h, HTTP_KNOWN_EXPECT, "100-continue"))
		return refuse(why, 417, "expectation_failed", "the only expectation met is 100-continue");
	return 0;
}

int http_head_parse(struct http_head *h, struct http_refusal *ret_why)
{
	const char *s = http_head_at(h, 0);
	size_t len = buf_len(&h->raw), at = 0, n;

	/* Every LF was seen to have its CR; the last line is empty. */
	n = (size_t)((const char *)memchr(s, '\n', len) - s) - 1;
	if (parse_request_line(h, n, ret_why) < 0)
		return -EBADMSG;
	for (at = n + 2; at < len - 2; at += n + 2) {
		n = (size_t)((const char *)memchr(s + at, '\n', len - at) - (s + at)) - 1;
		if (parse_header(h, at, n, ret_why) < 0)
			return -EBADMSG;
	}
	if (split_target(h, ret_why) < 0)
		return -EBADMSG;
	return check_known(h, ret_why);
}

/* ---- Decoding ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int http_percent_decode(const char *s, size_t n, bool plus_is_blank, char *buf, size_t cap)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		int c = (uint8_t)s[i];

		if (c == '%') {
			int hi = n - i > 2 ? hex_digit(s[i + 1]) : -1;
			int lo = n - i > 2 ? hex_digit(s[i + 2]) : -1;

			if (hi < 0 || lo < 0)
				return -EINVAL;
			c = hi << 4 | lo;
			i += 2;
		} else if (c == '+' && plus_is_blank) {
			c = ' ';
		}
		if (c == '\0')
			return -EINVAL;
		if (len + 1 >= cap)
			return -ENOSPC;
		buf[len++] = (char)c;
	}
	if (cap == 0)
		return -ENOSPC;
	buf[len] = '\0';
	return 0;
}

int http_head_finish(struct http_head *h, struct http_refusal *ret_why)
{
	uint8_t *room, *raw;

	if (buf_reserve(&h->raw, (size_t)h->n_path + 2, &room) < 0)
		return refuse(ret_why, 500, "internal", "out of memory");
	raw = buf_data(&h->raw);
	if (http_percent_decode(
		    (char *)raw + h->path, h->n_path, false, (char *)room, (size_t)h->n_path + 1) < 0)
		return bad(ret_why, "the path has a bad percent-encoding");
	for (const uint8_t *p = room; *p != '\0'; p++) {
		if (*p < 0x20 || *p == 0x7f)
			return bad(ret_why, "the path has a control character");
	}
	if (h->n_path == 0)
		memcpy(room, "/", 2); /* absolute-form without a path, RFC 9110, 4.2.3 */
	h->decoded = (uint16_t)(room - raw);
	buf_commit(&h->raw, (size_t)h->n_path + 2);
	/* Behind a name stands its colon, behind a value a blank or CR: room for the NUL. */
	for (unsigned i = 0; i < h->n_headers; i++) {
		raw[h->headers[i].name + h->headers[i].n_name] = '\0';
		raw[h->headers[i].value + h->headers[i].n_value] = '\0';
	}
	return 0;
}
