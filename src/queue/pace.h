/* SPDX-License-Identifier: Apache-2.0
 *
 * pace.h -- how many parts may leave now, so that no second sees more than the carrier allows.
 *
 * Two bounds hold at a time.  The WINDOW is the promise: what left within the last second, and a little more than a
 * second, never exceeds the rate; whichever second the carrier counts by, it finds no more.  The BUCKET is for
 * smoothness: it lets the parts of a second go one after the other instead of all at its beginning.  `burst` is the
 * depth of the bucket.  It says how many may go at once after a pause; those are then missing from the rest of their
 * second, so a burst spreads the rate in another way and never adds to it.
 *
 * A part is counted twice: it HOLDS a token from the moment its lease is staged, and TAKES it when it is handed to the
 * driver.  In between lies a commit, which may take long; counted by the lease alone, all that waited for a slow disk
 * would leave together, on top of what the second after it may hold.
 *
 * Rates below twenty with a fraction (0.1, 2.5) cannot be kept by counting a second: they are kept by distance, so many
 * parts per second as there are whole distances, and `burst` is one.
 *
 * Pure: the clock comes from the caller (microseconds, monotonic).  A clock that steps back lets nothing go early.
 */
#ifndef PACE_H
#define PACE_H

#include <stdbool.h>
#include <stdint.h>

#define METER_SLOTS 1024 /* of a millisecond each: a power of two above METER_MS */
/* A second, and what the way to the carrier may shorten it by: parts that leave 1,000 ms apart may arrive 990 ms
 * apart. */
#define METER_MS    1020

/* How many in the last METER_MS milliseconds. */
struct meter {
	int64_t slot; /* the newest, in milliseconds */
	unsigned sum;
	uint32_t n[METER_SLOTS];
};

void meter_add(struct meter *m, unsigned n, int64_t now_us);
unsigned meter_sum(struct meter *m, int64_t now_us);
/* Of these, in the last `ms` milliseconds; per second. */
double meter_rate(struct meter *m, unsigned ms, int64_t now_us);

struct pace {
	double rate;    /* of the bucket; 0: no limit */
	double burst;
	double tokens;
	int64_t at_us;  /* of `tokens`; 0: never looked at */
	unsigned max;   /* in any second */
	unsigned held;  /* by parts that have not left */
	int64_t full_us; /* all that may leave within a second had left then, as far as is known; 0: it is known */
	struct meter sent;
};

/* `tps`: what is configured, 0 = no limit.  `limit`: what the carrier was found to take (adapt.h), 0 = not known.
 * `burst` 0: a twentieth of a second.  What left before the change goes on counting. */
void pace_set(struct pace *p, double tps, double limit, unsigned burst);

/* Parts that may hold a token now; UINT_MAX: no limit.  `reserve`: leave a twentieth for others. */
unsigned pace_room(struct pace *p, bool reserve, int64_t now_us);
/* Microseconds until there is room for one; 0: now. */
int64_t pace_wait_us(struct pace *p, bool reserve, int64_t now_us);

static inline void pace_hold(struct pace *p, unsigned n)
{
	p->held += n;
}

/* It will not leave after all. */
static inline void pace_unhold(struct pace *p, unsigned n)
{
	p->held -= n;
}

/* Parts that hold a token leave. */
void pace_take(struct pace *p, unsigned n, int64_t now_us);

/* What left, per second, of late. */
double pace_sent(struct pace *p, int64_t now_us);

#endif
