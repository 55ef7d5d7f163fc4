/* SPDX-License-Identifier: Apache-2.0 */
/* window.h -- the requests of one bind that wait for their response.
 *
 * Everything is O(1) and allocated once, when the link is opened.  The table has four times as many places as the
 * window, and a sequence_number lives at its low bits; numbers rise one by one, as SMPP 3.4, 5.1.4 asks, and a number
 * whose place is still taken by a slow request is left out.  All requests have the same time to be answered, so the
 * list in order of sending is the list in order of deadline.
 *
 * What timed out is remembered for a while, because its answer may still come and must then not be taken for nothing:
 * the message was sent after all. */
#ifndef SMPP_WINDOW_H
#define SMPP_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#define WINDOW_SEQ_MAX 0x7fffffffu /* SMPP 3.4, 5.1.4 */
#define WINDOW_LATE    1024u       /* timed-out requests remembered, a power of two */

/* ---- How long answers take, in milliseconds. ---- */

#define HISTOGRAM_BUCKETS 96u

/* Four buckets to an octave: an error of at most 19 %.  The counts are halved when they are many, so that what is shown
 * is of late, not of all time. */
struct histogram {
	uint32_t n[HISTOGRAM_BUCKETS];
	uint32_t total;
};

void histogram_add(struct histogram *h, uint64_t ms);
/* The value that `percent` of the answers do not exceed; 0 when there are none. */
uint32_t histogram_percentile(const struct histogram *h, unsigned percent);

/* ---- The window. ---- */

struct window_slot {
	uint64_t key;
	uint64_t sent_ms;
	uint64_t end_octet; /* of the bind's output: the request is with the kernel when this many octets are */
	uint32_t seq;       /* 0: free */
	uint32_t prev, next; /* indexes in order of sending */
};

struct window_late {
	uint64_t key;
	uint32_t seq; /* 0: none */
};

struct window {
	struct window_slot *slots;
	struct window_late *late;
	uint32_t mask;
	uint32_t size, n;
	uint32_t first, last; /* of the list; valid when n > 0 */
	uint32_t seq;         /* given out last */
};

int window_init(struct window *w, uint32_t size); /* 0 or -ENOMEM */
void window_done(struct window *w);

/* As many as that may wait from here on; those that wait already go on waiting.  0 or -ENOMEM: as it was. */
int window_resize(struct window *w, uint32_t size);

/* A new connection: numbers begin at 1 again, and late answers to the old one cannot come.  The window is empty. */
void window_reset(struct window *w);

static inline bool window_full(const struct window *w)
{
	return w->n >= w->size;
}

/* A sequence_number for a request that is not kept here (enquire_link, bind), never one that is waited for. */
uint32_t window_seq(struct window *w);

/* Keep a request under the number it is to be sent with, which window_seq() gave.  The window is not full. */
void window_add(struct window *w, uint32_t seq, uint64_t key, uint64_t now_ms, uint64_t end_octet);

/* The request that this response answers: false when there is none (any number may come from a peer). */
bool window_take(struct window *w, uint32_t seq, struct window_slot *ret);

/* The oldest one, or NULL.  Valid until the next call that changes the window. */
const struct window_slot *window_oldest(const struct window *w);

/* The oldest one is given up, and remembered if its answer may still come. */
void window_expire(struct window *w, struct window_slot *ret);
void window_drop(struct window *w, struct window_slot *ret);

/* The key of a request that was given up, once. */
bool window_take_late(struct window *w, uint32_t seq, uint64_t *ret_key);

#endif
