/* SPDX-License-Identifier: Apache-2.0 */
/* buf.c -- see buf.h for the promises.
 *
 * The invariant: start + len <= cap, len <= max, and start is 0 whenever len is 0.
 */
#include "base/buf.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	BUF_FIRST = 512,	/* octets of the first allocation: holds an answer or a PDU */
	BUF_EXACT = 64 * 1024,	/* more than this and than a doubling at once is all that will come */
};

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void buf_done(struct buf *b)
{
	free(b->mem);
	*b = (struct buf){.max = b->max};
}

void buf_reset(struct buf *b, size_t keep)
{
	if (b->cap > keep) {
		buf_done(b);
		return;
	}
	b->start = 0;
	b->len = 0;
}

static int grow(struct buf *b, size_t need)
{
	size_t cap = b->cap ? b->cap : BUF_FIRST;
	uint8_t *mem;

	if (need > BUF_EXACT && need > 2 * cap)
		cap = need;
	while (cap < need)
		cap *= 2;
	/* The last doubling may stop at the maximum: need is never above it. */
	if (cap > b->max)
		cap = b->max;
	mem = realloc(b->mem, cap);
	if (mem == NULL)
		return -ENOMEM;
	b->mem = mem;
	b->cap = cap;
	return 0;
}

int buf_reserve(struct buf *b, size_t n, uint8_t **ret_room)
{
	int r;

	if (n > b->max - b->len)
		return -ENOSPC;
	if (b->cap - b->start - b->len < n && b->start > 0) {
		memmove(b->mem, b->mem + b->start, b->len);
		b->start = 0;
	}
	if (b->cap - b->len < n) {
		r = grow(b, b->len + n);
		if (r < 0)
			return r;
	}
	*ret_room = n > 0 ? b->mem + b->start + b->len : NULL;
	return 0;
}

void buf_commit(struct buf *b, size_t n)
{
	assert(n <= b->cap - b->start - b->len);
	b->len += n;
}

int buf_add(struct buf *b, const void *data, size_t n)
{
	uint8_t *room;
	int r;

	if (n == 0)
		return 0;
	r = buf_reserve(b, n, &room);
	if (r < 0)
		return r;
	memcpy(room, data, n);
	b->len += n;
	return 0;
}

int buf_add_str(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

void buf_consume(struct buf *b, size_t n)
{
	assert(n <= b->len);
	b->len -= n;
	b->start = b->len > 0 ? b->start + n : 0;
}

void buf_truncate(struct buf *b, size_t n)
{
	assert(n <= b->len);
	b->len = n;
	if (n == 0)
		b->start = 0;
}
