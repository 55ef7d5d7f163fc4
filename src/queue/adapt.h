/* SPDX-License-Identifier: Apache-2.0
 *
 * adapt.h -- find the rate that a carrier takes, from what it refuses.
 *
 * A carrier that is asked for more than it allows answers ESME_RTHROTTLED or ESME_RMSGQFUL.  How much it allows is
 * not said, changes by the hour, and is counted in ways of its own: by a bucket, by the second of the clock, by the
 * distance of two.  Some refuse a share of all whatever the rate, as one node of many is full; to slow down for these
 * is of no use, and would never end.  Some do both.  So two numbers are sought of a carrier: the rate that it takes,
 * and the share that it refuses anyway.  Three states:
 *
 *  - CLIMB: the limit rises, at first by little, later by much: with the third power of time.  Each answer adds to
 *    the doubt whether more is refused than anyway, or takes from it.  When the doubt is large the limit falls to
 *    what was taken of late: at once, and so to a rate that is a guess.  When that was too low, the limit doubles.
 *  - MEASURE: the limit stays, for whole seconds, as carriers count by them.  When no more is refused than anyway, it
 *    climbs again.  Else what was taken per second is all that can be had, and what was refused is to be explained.
 *  - ASK: a little less than all that can be had goes.  If a limit was the reason, nothing is refused any more but
 *    the share that is refused anyway, which shows itself here.  If the same share goes on, the rate is not the
 *    reason: this is what is refused anyway, and the limit goes back to where it fell from.
 *
 * Four rules keep that sound:
 *
 *  - Only answers to what was sent after a decrease count; for the question, only those after the carrier's second.
 *  - They are weighed by how likely they are if the one or the other is true, and nothing that is dear is decided
 *    before one of the two is thousands of times as likely.  That takes as many answers as it takes, be it a tenth of
 *    a second or a minute, and does not need a loop that is on time.
 *  - For one question the rate is lowered once, by three hundredths of what was taken: it cannot sink without end.
 *  - A share that is put up with may be an error, or over.  It is asked about again, for a twentieth of the time at
 *    most.
 *
 * When nothing at all is taken, the limit halves down to one part per second, by which a carrier that is stuck is
 * asked whether it still is; after that it doubles, up to the rate that was good before.  Five minutes without a
 * decrease, or the configured rate reached: the limit is not known any more and goes.
 *
 * Pure: the clock comes from the caller (microseconds, monotonic).
 */
#ifndef ADAPT_H
#define ADAPT_H

#include <stdbool.h>
#include <stdint.h>

#include "queue/pace.h"

enum adapt_state { ADAPT_CLIMB, ADAPT_MEASURE, ADAPT_ASK };

struct adapt {
	enum adapt_state state;
	double limit;           /* parts per second; 0: none */
	double known;           /* good before: up to here it doubles; 0: not known, no bound to doubling */
	double good;            /* it climbed up to here, and nothing was refused */
	double before;          /* where it fell from, until it is known that a limit was the reason; 0: none */
	double fell_to;         /* by the last decrease */
	unsigned old;           /* answers to come of what was sent before the last decrease */
	unsigned n_blocked;     /* decreases in a row with nothing taken between them */
	int run;                /* answers of one kind in a row, to what was sent since: taken, or (below 0) refused */
	bool taken;             /* something was, since the last decrease */
	bool was_blocked;       /* nothing was, before it */
	bool is_below;          /* it is known that the carrier takes more */
	uint8_t congestion;     /* of the last answer that told it … */
	int64_t congestion_us;  /* … which was then */
	int64_t cut_us;         /* the last decrease; 0: none */
	int64_t climb_us;       /* CLIMB since then */
	int64_t grown_us;
	int64_t refused_us;     /* the last refusal */
	struct meter accepted;
	struct meter refused;
	uint64_t cuts;
	/* A period: the answers that count in this state. */
	unsigned n_taken, n_refused;
	bool begun;             /* of MEASURE: with a refusal */
	int64_t last_us;        /* the last of them; 0: none yet */
	int64_t busy_us;        /* from the first to the last, without the pauses of a link with little to send */
	int64_t second_us;      /* of busy_us: the next whole second */
	double doubt;           /* logarithm of how much likelier they are if they are refused too often */
	unsigned n_asked, n_refused_asked; /* the period that made us ask */
	unsigned n_took;        /* answers that the last question took */
	/* Refused anyway, whatever the rate: of so many, so many. */
	double n_anyway, n_refused_anyway;
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
 * second at most; not at all when some are refused anyway. */
unsigned adapt_pause_ms(const struct adapt *a, unsigned first_ms);

#endif
