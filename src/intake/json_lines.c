/* SPDX-License-Identifier: Apache-2.0 */
/* json_lines.c -- see json_lines.h. */
#include "intake/json_lines.h"

#include "base/hash.h"

#include <errno.h>
#include <string.h>

void json_lines_init(struct json_lines *l)
{
	memset(l, 0, sizeof(*l));
	buf_init(&l->b, JSON_LINES_HELD);
}

void json_lines_done(struct json_lines *l)
{
	buf_done(&l->b);
}

int json_lines_feed(struct json_lines *l, const void *data, size_t n)
{
	return buf_add(&l->b, data, n);
}

void json_lines_end(struct json_lines *l)
{
	l->ended = true;
}

static void drop(struct json_lines *l, size_t n)
{
	buf_consume(&l->b, n);
	l->scanned = 0;
}

static bool is_blank(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] != ' ' && s[i] != '\t' && s[i] != '\r')
			return false;
	return true;
}

/* The length of the first line and of it with its end; false: not complete yet. */
static bool first_line(struct json_lines *l, size_t *ret_n, size_t *ret_used)
{
	size_t len = buf_len(&l->b);
	const char *s, *lf;

	if (len == 0)
		return false;
	s = (const char *)buf_data(&l->b);
	lf = len > l->scanned ? memchr(s + l->scanned, '\n', len - l->scanned) : NULL;
	if (!lf && !l->ended) {
		l->scanned = len;
		return false;
	}
	*ret_n = lf ? (size_t)(lf - s) : len;
	*ret_used = *ret_n + (lf ? 1 : 0);
	if (*ret_n > 0 && s[*ret_n - 1] == '\r')
		(*ret_n)--;
	return true;
}

int json_lines_next(struct json_lines *l, const char **ret_line, size_t *ret_n)
{
	size_t n, used;

	if (l->used) {
		drop(l, l->used);
		l->used = 0;
	}
	while (first_line(l, &n, &used)) {
		if (l->skipping) {
			l->skipping = false;
			drop(l, used);
		} else if (n > JSON_LINE_MAX) {
			drop(l, used);
			return -E2BIG;
		} else if (is_blank((const char *)buf_data(&l->b), n)) {
			drop(l, used);
		} else {
			*ret_line = (const char *)buf_data(&l->b);
			*ret_n = n;
			l->used = used;
			return 1;
		}
	}
	if (l->skipping) {
		drop(l, buf_len(&l->b));
	} else if (buf_len(&l->b) > JSON_LINE_MAX + 1) { /* + 1: a CR whose LF is still to come */
		l->skipping = true;
		drop(l, buf_len(&l->b));
		return -E2BIG;
	}
	return 0;
}

void json_digest_init(struct json_digest *d, char kind)
{
	d->lane[0] = hash_bytes(1, &kind, 1);
	d->lane[1] = hash_bytes(2, &kind, 1);
}

void json_digest_row(struct json_digest *d, const void *row, size_t n)
{
	/* The length goes in, so that rows cannot trade octets with their neighbours. */
	d->lane[0] = hash_mix64(hash_bytes(d->lane[0], row, n) + n);
	d->lane[1] = hash_mix64(hash_bytes(d->lane[1] ^ 0x9e3779b97f4a7c15ULL, row, n) ^ n);
}

void json_digest_text(const struct json_digest *d, uint8_t ret[static 16])
{
	for (unsigned i = 0; i < 16; i++)
		ret[i] = (uint8_t)(d->lane[i / 8] >> (8 * (i % 8)));
}
