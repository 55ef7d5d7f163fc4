/* SPDX-License-Identifier: Apache-2.0
 *
 * adapt.h -- find the rate that a carrier takes, from what it refuses: additive increase, multiplicative decrease.
 *
 * A carrier that is asked for more than it allows answers ESME_RTHROTTLED or ESME_RMSGQFUL.  How much it allows is not
 * said, changes by the hour, and is counted in ways of its own, so it is sought:
 *
 *  - down: by three hundredths of what went, or to what was taken within the last second where that is less, never
 *    below half.  When nothing was taken at all: to half, and so on down to one part per second.  That is how a
 *    carrier that is stuck is asked whether it still is.
 *  - once for a burst: what was sent before a decrease says nothing about the rate after it, so the answers to it do
 *    not decrease again; and the effect of a decrease is not seen before a second has passed.
 *  - up, once nothing was refused for a second: by a hundredth per second, in larger steps the longer it
 *    lasts.  Below the rate that was good before (after the carrier was stuck) it doubles instead.
 *  - unless it is of no use: when two decreases in a row leave the share of refusals as it was, that share is not about
 *    the rate (it is the recipients' queues, say, or a node of many that is full).  It is put up with: the limit is
 *    again what it was before them, and grows in spite of refusals, until their share is clearly larger.
 *  - five minutes without a refusal, or the configured rate reached: nothing is known any more, the limit goes.
 *
 * Pure: the clock comes from the caller (microseconds, monotonic).
 */
#ifndef ADAPT_H
#define ADAPT_H

#include <stdbool.h>
#include <stdint.h>

#include "queue/pace.h"

struct adapt {
	double limit;           /* parts per second; 0: none */
	double known;           /* good before: up to here it doubles; 0: not known, no bound to doubling */
	unsigned old;           /* answers to come of what was sent before the last decrease */
	unsigned n_blocked;     /* decreases in a row with nothing taken between them */
	bool taken;             /* something was, since the last decrease */
	uint8_t congestion;     /* of the last answer that told it … */
	int64_t congestion_us;  /* … which was then */
	int64_t cut_us;         /* the last decrease; 0: none */
	int64_t grown_us;
	int64_t refused_us;     /* the last refusal that was about the rate */
	struct meter accepted;
	struct meter refused;
	uint64_t cuts;
	/* Is it about the rate? */
	unsigned n_taken, n_refused; /* answers to what was sent since the last decrease */
	double share;           /* of refusals, before the last decrease, or that is put up with */
	double before;          /* the limit from which it fell to this one; 0: none */
	unsigned n_useless;     /* of these, in a row */
	unsigned useless;       /* so many make it constant; 0: USELESS */
	bool constant;          /* the share is not about the rate */
};

/* What the carrier's answer to one part was. */
enum adapt_answer {
	ADAPT_TAKEN,   /* it was let in, whatever became of it */
	ADAPT_REFUSED, /* too fast */
	ADAPT_FULL,    /* a queue is full, perhaps only this recipient's */
	ADAPT_OTHER,   /* says nothing about the rate */
};

/* `sent`: parts per second that left of late; `in_flight`: parts without an answer, this one not counted; `tps`: what
 * is configured.  True: the rate was decreased. */
bool adapt_answer(struct adapt *a, enum adapt_answer answer, double tps, double sent, unsigned in_flight,
	int64_t now_us);

/* congestion_state (SMPP 5.0, 4.8.4.18): 0..100.  True: the rate was decreased. */
bool adapt_congestion(struct adapt *a, unsigned percent, double tps, double sent, unsigned in_flight, int64_t now_us);

/* The sessions are new ones: what the old ones told of congestion is over. */
void adapt_new_sessions(struct adapt *a);

/* Time has passed. */
void adapt_grow(struct adapt *a, double tps, int64_t now_us);

/* How long the link should rest after a refusal that says so: `first` for the first, doubling while nothing is taken, a
 * second at most; not at all when refusals are not about the rate. */
unsigned adapt_pause_ms(const struct adapt *a, unsigned first_ms);

#endif
