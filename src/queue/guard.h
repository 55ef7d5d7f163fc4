/* SPDX-License-Identifier: Apache-2.0
 *
 * guard.h -- a link that fails too often is set aside, and tried again by one message after a while.
 *
 * Of the parts that were answered within a sliding window, so many failures are too many.  A failure is what is not the
 * recipient's: refused (for good or for now), never answered, the session's fault.  Refusals that name the recipient,
 * and receipts that say undeliverable, are a sign of the link only when nearly everything ends so.
 */
#ifndef GUARD_H
#define GUARD_H

#include <stdbool.h>
#include <stdint.h>

struct guard_rule {
	double failures;   /* share; 0: no guard */
	unsigned of;       /* fewest answers */
	unsigned minutes, probe_minutes;
	unsigned silence;  /* recipients without a report, where there were reports before; 0: no matter (silence.h) */
};

enum guard_end { GUARD_TAKEN, GUARD_FAILED, GUARD_RECIPIENT, GUARD_UNDELIVERED, GUARD_ENDS };

#define GUARD_SLICES 32

struct guard {
	enum guard_state { GUARD_OPEN, GUARD_ASIDE, GUARD_PROBE } state;
	int64_t slice;     /* number of the newest, since the epoch */
	uint32_t n[GUARD_SLICES][GUARD_ENDS];
	int64_t probe_ms;  /* ASIDE: until then */
	int64_t since_ms;  /* what was sent before does not count any more */
	bool any_class;    /* PROBE: nothing else came for long, so a code will do */
	uint64_t trips;
	bool silent;       /* set aside as its reports ceased: only a report brings it back */
};

/* May nothing leave over it?  Of a probe, one at a time, and nobody waits for it who has another link. */
static inline bool guard_shut(const struct guard *g, unsigned in_flight)
{
	return g->state == GUARD_ASIDE || (g->state == GUARD_PROBE && in_flight);
}

/* A one-time code is no probe where another link takes it, or anything else may come soon. */
static inline bool guard_spares(const struct guard *g, bool otp)
{
	return otp && g->state == GUARD_PROBE && !g->any_class;
}

/* How a part ended, or what its receipt said.  True: the state has changed. */
bool guard_end(struct guard *g, const struct guard_rule *r, enum guard_end end, int64_t now_ms);
/* A receipt said so of what was sent then; of what left before the window it says nothing of the link as it is. */
bool guard_undelivered(struct guard *g, const struct guard_rule *r, int64_t sent_ms, int64_t now_ms);
/* Its reports ceased; one came.  True likewise. */
bool guard_silent(struct guard *g, const struct guard_rule *r, int64_t now_ms);
bool guard_reported(struct guard *g);
/* Time has passed.  True likewise. */
bool guard_clock(struct guard *g, const struct guard_rule *r, int64_t now_ms);
/* In the window. */
void guard_counts(const struct guard *g, const struct guard_rule *r, int64_t now_ms, unsigned *ret_failed,
	unsigned *ret_all);

#endif
