/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence.h -- evidence for parts that were written and never answered.
 *
 * The answer that was lost had the message_id, so the receipt of such a part has an id that nobody here knows.  But a
 * receipt also names the recipient, and as a rule quotes the beginning of the text; and where the link numbers its
 * parts (user_message_reference) some carriers give that number back.  Two lists, both in memory and
 * bounded, bring the two together in whichever order they come:
 *
 *     held        parts that ended as UNKNOWN and are not sent again (hold, fail)
 *     unmatched   receipts that were just parked because their id is unknown
 *
 * WHEN A RECEIPT IS BELIEVED.  All of this holds, or it stays parked:
 *   - its id is known neither in memory nor on disk, and it names a final state;
 *   - it gives back the number of the part, or, where one of the two has none, it quotes the part's text: of two texts
 *     that are the same the number says which, and of a number that is another's the text says nothing;
 *   - it came over the link of the part, not before the message did, and one of its numbers is the recipient;
 *   - quoting is to have the beginning of the text: all of it, or at least EVIDENCE_SAME characters that every
 *     alphabet of a carrier writes alike.  A later part has no such beginning, so only the first one is settled so;
 *   - no other uncertain part, and no part in flight over the link, fits as well; nor does another unmatched receipt
 *     with another id;
 *   - without a number: ids are read with certainty, as the form of the link's ids is set or learned, or nothing else
 *     to this recipient waits for a receipt there.  Else it might be the receipt of a part whose id we fail to read.
 * On a link that makes its ids itself (a modem: its reports quote nothing) the recipient has to do, for any part: when
 * one uncertain part fits, and nothing else to this recipient is in flight or waits for a receipt there.
 * What remains: two programs that share one account and send one text to one number within one receipt window.
 */
#ifndef EVIDENCE_H
#define EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "queue/store.h"

#define EVIDENCE_HEAD 20 /* characters of a text that receipts quote: SMPP 3.4, appendix B */
#define EVIDENCE_SAME 8

#define EVIDENCE_HELD_MAX      16384
#define EVIDENCE_UNMATCHED_MAX 4096

/* By which evidence a final row was written: stands in the place of a form (receipt_mark()). */
#define EVIDENCE_BY_TEXT   0x60
#define EVIDENCE_BY_NUMBER 0x61
#define EVIDENCE_BY_RECIPIENT 0x63
#define EVIDENCE_ASKED     0x62 /* no receipt: the carrier was asked (ask.c) */

/* The quotation may be that of this text (UTF-8).  Pure. */
bool evidence_quotes(const char *quoted, const char *text, size_t n_text);

struct evidence_part {
	struct store_msg msg;
	uint64_t to;
	int64_t created_ms;
	uint32_t link;
	uint8_t part, class;
	bool numbered;                    /* it went out with a number … */
	uint16_t number;                  /* … this one */
	bool bare;                        /* of a link whose receipts say no more than the recipient */
	char head[EVIDENCE_HEAD * 4 + 1]; /* of the text, UTF-8 */
	uint16_t n_head;                  /* 0: there is nothing to quote */
};

struct evidence_receipt {
	uint64_t n;           /* its parked row */
	uint64_t from, other;
	int64_t at_ms;
	uint64_t hash;        /* of its id; 0: none */
	uint32_t link;
	uint8_t state;
	bool numbered;
	uint16_t number;
	bool bare;            /* as above … */
	struct taken_claim claim; /* … and when that was taken */
	char quoted[EVIDENCE_HEAD + 4];
	char error[40];
};

/* The receipt may be that of the part, as far as the two can say. */
bool evidence_fits(const struct evidence_part *p, const struct evidence_receipt *r);
/* Of two that fit: by what.  EVIDENCE_BY_TEXT … */
unsigned evidence_form(const struct evidence_part *p, const struct evidence_receipt *r);

struct evidence;
struct evidence *evidence_new(void);
void evidence_free(struct evidence *e);

/* Copies; the oldest is forgotten when there are too many.  NULL: memory is out. */
struct evidence_part *evidence_hold(struct evidence *e, const struct evidence_part *p);
/* It was answered after all. */
void evidence_forget(struct evidence *e, uint32_t link, uint64_t to, uint64_t id, unsigned part);
/* The only held part that fits; NULL: none, or several.  A part that was settled by a receipt fits that one only. */
struct evidence_part *evidence_find(struct evidence *e, const struct evidence_receipt *r);
/* Another held part fits the receipt as well. */
bool evidence_rival(struct evidence *e, const struct evidence_part *p, const struct evidence_receipt *r);
/* This part is held (or settled by a receipt) already. */
bool evidence_holds(struct evidence *e, const struct evidence_part *p);
void evidence_settled(struct evidence_part *p, uint64_t hash);
unsigned evidence_count(const struct evidence *e);

void evidence_unmatched(struct evidence *e, const struct evidence_receipt *r);
/* Those that are used are taken out. */
typedef bool evidence_use(void *arg, const struct evidence_receipt *r);
void evidence_try_unmatched(struct evidence *e, evidence_use *is_used, void *arg);
/* The only unmatched receipt (repeated ones count once) that fits; it is taken out.  False: none, or several. */
bool evidence_take(struct evidence *e, const struct evidence_part *p, struct evidence_receipt *ret);

#endif
