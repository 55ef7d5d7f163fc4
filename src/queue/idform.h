/* SPDX-License-Identifier: Apache-2.0
 *
 * idform.h -- how the receipts of one link spell message ids: learned from hits, and how many receipts find their part.
 *
 * A *form* is the place where the id stands (TLV or text) and the way it differs from that of the response
 * (codec/receipt_id.h).  Nobody can see the right form in one id, so the forms are tried in turn, those with the most
 * hits first.  A hit counts only when link and recipient are the same and no other form finds one too or gives the same
 * key ("7" is 7 in both bases).  Some 20 such hits, nine in ten of all, make a form *known*: from then on it is believed
 * at once, and also when the receipt does not name the recipient.  The others are still tried when it misses, so a
 * carrier may change its mind; old hits fade.
 *
 * The match rate is that of the last thousand receipts or so.  One that is parked counts as missed until a late
 * response claims it.  A rate that was good and falls below the threshold is an alarm: nothing else tells an operator
 * that final states are being lost.
 *
 * Pure bookkeeping: no I/O, no clock.
 */
#ifndef IDFORM_H
#define IDFORM_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/receipt_id.h"

#define IDFORM_N         (2 * RECEIPT_WAYS) /* ways of the TLV, then ways of the text */
#define IDFORM_TEXT      RECEIPT_WAYS       /* first form of the text */
#define IDFORM_VAGUE     0x80               /* with a form: others give the same key, so a hit teaches nothing */
#define IDFORM_TRIES_MAX 12                 /* different keys that one receipt is looked for under */
#define IDFORM_BUCKETS   16

struct idform {
	uint32_t hits[IDFORM_N];
	uint32_t n_hits;
	uint8_t order[IDFORM_N];        /* forms by hits, most first; of equal ones the simpler first */
	char example[RECEIPT_ID_SIZE];  /* the id of the last response */
	bool dirty;                     /* hits changed since they were stored */
	/* ---- match rate ---- */
	struct idform_bucket {
		int64_t from_ms;
		uint32_t received, matched;
	} bucket[IDFORM_BUCKETS];       /* newest at `at` */
	unsigned at, n_buckets;
	uint64_t received, matched, alarms;
	bool was_good, alarm;
	double age_s;                   /* see idform_age() */
	unsigned n_aged;
};

void idform_init(struct idform *f);

/* What was stored of an earlier life.  A form that was known then says that receipts matched. */
void idform_restore(struct idform *f, unsigned form, uint32_t hits);

/* A response gave this id. */
void idform_response(struct idform *f, const char *id);

/* The known form; -1: not known yet. */
int idform_known(const struct idform *f);

/* A verified hit that was the only one; a vague form counts for nothing.  True: from now on this form is known (and
 * should be on disk soon). */
bool idform_hit(struct idform *f, unsigned form);

/* The keys under which to look, most promising first.  `verified`: the receipt names the recipient, so also guesses may
 * be tried. */
struct idform_walk {
	const struct idform *f;
	const char *tlv, *text;         /* NULL: not there */
	enum receipt_id_form setting;
	bool verified;
	unsigned i;
};
int idform_next(struct idform_walk *w, char key[RECEIPT_ID_SIZE]); /* the form, or -1 at the end */

/* "tlv", "text+dec", "text+cut-front+hex" … */
void idform_name(unsigned form, char *buf, unsigned n);

/* ---- match rate ---- */

void idform_received(struct idform *f, int64_t now_ms);
void idform_matched(struct idform *f, int64_t received_ms); /* one that was received then */

/* A first receipt came so long after its part was taken.  What is told is a mean of about the last 64; -1 while
 * there was none. */
void idform_aged(struct idform *f, double age_s);
double idform_age(const struct idform *f);

/* Of the window; returns 0 … 1, or -1 while there was none. */
double idform_rate(const struct idform *f, uint32_t *ret_received, uint32_t *ret_matched);

/* Once a second.  threshold: 0 … 1, 0 is never.  +1: the alarm goes off now; -1: it is over; else 0. */
int idform_judge(struct idform *f, double threshold, double *ret_rate);

#endif
