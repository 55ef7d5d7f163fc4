/* SPDX-License-Identifier: Apache-2.0
 *
 * taken.h -- which of several parts a receipt speaks of, by the time at which the carrier took the part.
 *
 * The id of a part that a modem sent comes again: a reference is one octet (TP-MR, 3GPP TS 23.040, 9.2.3.6), so after
 * 256 texts there are two parts of one id, and often of one recipient.  A status report says when the service centre
 * took the text (TP-SCTS, 9.2.2.3), and that is the other half of its name.
 *
 * Clocks of centres are minutes wrong, their zones hours, and a few tell the time of a lab.  So the difference to ours
 * is learned of each link, from receipts that can be of one part only, and forgotten with the SIM.  Before three in a
 * row agree it is not believed: then the stamp only has to lie within a day, and where it would have to choose between
 * parts that are far apart, it chooses only what clocks that are right would say.  What cannot be told is parked, and
 * tried again when the difference is known.
 *
 * Once it is known, a part
 *   - whose time is near is meant, also one that has waited too long for its receipt, and also one that is settled:
 *     then the receipt repeats what was said;
 *   - that was sent well behind the stamp is not meant: it is the receipt of an older one that nobody remembers;
 *   - that was sent before the stamp is meant if it is the only one open and its time is not over: there are centres
 *     that stamp the delivery.
 * A part that was sent after the receipt came is never meant.  Pure; seconds since 1970.
 */
#ifndef TAKEN_H
#define TAKEN_H

#include <stdbool.h>
#include <stdint.h>

#define TAKEN_NEAR_S    600   /* a stamp whose clock is known, and the part */
#define TAKEN_LIKELY_S  120   /* a clock that is not known: it is right as a rule */
#define TAKEN_WIDE_S    93600 /* … and else wrong by a day at most: zones are from -12 to +14 hours */
#define TAKEN_SAME_S    30    /* parts as near as this are not told apart by it */
#define TAKEN_CLUSTER_S 300   /* all that are open were sent at one time, more or less */
#define TAKEN_EARLY_S   180   /* a receipt comes so much before the answer to its part at most */
#define TAKEN_SURE      3     /* samples that agree */

struct taken_clock {
	int64_t off_s;    /* theirs minus ours */
	uint8_t n;        /* samples that agree, a few at most */
	uint32_t account; /* the SIM that it was learned with */
};

/* What a receipt says.  any false: nothing, and no id of its link comes again. */
struct taken_claim {
	bool any;
	int64_t at_s;     /* taken, by their clock … */
	int64_t off_s;    /* … which is ahead of ours by so much … */
	bool sure;        /* … for certain */
	bool strict;      /* not all parts are known yet: only what is likely is believed */
	int64_t come_s;   /* it was received */
};

struct taken_part {
	uint64_t ref;     /* the caller's */
	int64_t sent_s;
	bool open;        /* no receipt yet, and its time is not over … */
	bool over;        /* … or it is */
};

enum taken_end { TAKEN_NONE, TAKEN_ONE, TAKEN_DOUBT };

/* All zero to begin with. */
struct taken_pick {
	struct taken_part near, near_open;
	int64_t far, far_open;      /* how far these two are */
	int64_t first_s, last_s;    /* sent, of the open ones */
	unsigned n, n_open;
};

struct taken_claim taken_claim(const struct taken_clock *c, int64_t at_s, int64_t come_s);
void taken_consider(struct taken_pick *p, const struct taken_claim *c, const struct taken_part *one);
enum taken_end taken_choose(const struct taken_pick *p, const struct taken_claim *c, struct taken_part *ret);
/* One part alone, without having seen the others: only what is near is believed. */
bool taken_is(const struct taken_claim *c, int64_t sent_s);
/* It came right before the answer to a part of its id, and nothing speaks against it: most likely it is of that one. */
bool taken_overtook(const struct taken_claim *c, int64_t sent_s);
/* It was too early for a part that was made then. */
bool taken_before(const struct taken_claim *c, int64_t made_s);

/* Learn from a receipt and the parts it could be of.  True: the clock is known from now on, and was not. */
bool taken_learn(struct taken_clock *clock, const struct taken_pick *p, const struct taken_claim *c);

#endif
