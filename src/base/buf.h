/* SPDX-License-Identifier: Apache-2.0 */
/* buf.h -- a byte buffer that grows up to a hard maximum and is emptied from the front.
 *
 * Every buffer in this program that holds what a peer sent, or waits to be sent, has a bound; this type
 * carries it. The maximum is fixed at init and no call can pass it.
 *
 *  - Growing doubles the memory, so that a buffer filled in small steps costs few reallocations; one large
 * piece gets what it needs.
 *  - Consuming from the front moves an offset only; octets move when room is wanted at the end, and an empty
 * buffer starts again at the beginning.  A buffer that is filled and emptied all day allocates once.
 *  - A call that fails leaves the buffer as it was.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *mem;
	size_t start; /* of the octets in mem[] */
	size_t len;   /* octets held */
	size_t cap;   /* octets allocated */
	size_t max;   /* octets that may ever be held at once */
};

/* No memory is taken before the first octet is added. */
void buf_init(struct buf *b, size_t max);

/* Free the memory; the buffer may be used again with the same maximum. */
void buf_done(struct buf *b);

/* Forget the content.  The memory is kept if it is at most `keep` octets, else freed. */
void buf_reset(struct buf *b, size_t keep);

/* Append.  -ENOSPC beyond the maximum, -ENOMEM. */
int buf_add(struct buf *b, const void *data, size_t n);
int buf_add_str(struct buf *b, const char *s);

/* Make room for `n` more octets in one piece and show where; buf_commit() says how many of them were used. */
int buf_reserve(struct buf *b, size_t n, uint8_t **ret_room);
void buf_commit(struct buf *b, size_t n);

/* Drop `n` octets from the front, or all but the first `n`. */
void buf_consume(struct buf *b, size_t n);
void buf_truncate(struct buf *b, size_t n);

/* NULL before the first octet. */
static inline uint8_t *buf_data(const struct buf *b)
{
	return b->mem != NULL ? b->mem + b->start : NULL;
}

static inline size_t buf_len(const struct buf *b)
{
	return b->len;
}

#endif
