/* SPDX-License-Identifier: Apache-2.0
 *
 * sent.h -- parts that a carrier took and whose receipt is to come: (link, normalised id) → part.
 *
 * A ring in order of submission with a hash index over it.  It grows to SENT_MAX entries; then the oldest leave: those
 * that wait for a receipt, or of which the end is not stored yet, are handed to `spill`, which keeps them on disk
 * (waiting).  Settled entries stay until they are pushed out, so that repeated receipts and corrections find them.
 * Receipts older than that are looked for on disk by the writer: what may be corrected has had its row in `waiting`
 * since it ended.
 */
#ifndef SENT_H
#define SENT_H

#include <stdbool.h>
#include <stdint.h>

#include "queue/store.h"

#define SENT_MAX (1u << 19)

struct sent_entry {
	uint64_t hash;      /* sent_hash(); 0: the carrier gave no id, no look-up finds it */
	struct store_msg msg;
	uint64_t to;
	uint32_t deadline_s; /* Unix; unconfirmed after that */
	uint32_t link;
	uint32_t since_s;   /* Unix; a receipt that was parked before speaks of another */
	uint8_t part;
	uint8_t state;      /* STATE_SENT until a receipt settled it */
	uint8_t class : 2;
	uint8_t n_staged : 6; /* operations on their way to the disk that say so: until then `state` may be lost */
	uint8_t n_asked;     /* how often the carrier was asked … */
	uint32_t ask_s;      /* … and when it is asked next; Unix, 0: not */
	uint32_t sent_s;     /* Unix; the carrier took it */
};

struct sent;

struct sent *sent_new(void (*spill)(void *arg, const struct sent_entry *e), void *arg);
/* The same with other bounds, for tests: sent_new() takes SENT_MAX and 2^31. */
struct sent_bounds {
	uint32_t max;         /* entries; a power of two */
	uint32_t renumber_at; /* entries are numbered up to here, then again from 0; above max, at most 2^31 */
};
struct sent *sent_new_within(const struct sent_bounds *b, void (*spill)(void *arg, const struct sent_entry *e),
	void *arg);
void sent_free(struct sent *s);

uint64_t sent_hash(uint32_t link, const char *normalised_id);

/* Copies.  -ENOMEM. */
int sent_add(struct sent *s, const struct sent_entry *e);
/* The newest entry of this hash and recipient (to = 0 or a number that ends alike), unsettled ones first; or NULL.
 * Valid until the next sent_add(). */
struct sent_entry *sent_find(struct sent *s, uint64_t hash, uint64_t to);
/* Every entry of this hash and recipient, newest first; at most `most`. */
void sent_each(struct sent *s, uint64_t hash, uint64_t to, unsigned most,
	void (*each)(void *arg, struct sent_entry *e), void *arg);
#define SENT_STAGED_MAX 63
/* A receipt (or its absence) said so: the entry stays for repeats and corrections. */
void sent_settle(struct sent *s, struct sent_entry *e, enum msg_state state);
void sent_reopen(struct sent *s, struct sent_entry *e); /* its commit failed */
/* The entry of a part, by walking what has its hash; NULL when it is gone. */
struct sent_entry *sent_find_part(struct sent *s, uint64_t hash, uint64_t id, unsigned part);
/* Look at the next `n` entries, oldest first and round again; calls late() for unsettled ones past their deadline,
 * ask() for those whose time to be asked about has come. */
void sent_sweep(struct sent *s, unsigned n, uint32_t now_s, void (*late)(void *arg, struct sent_entry *e),
	void (*ask)(void *arg, struct sent_entry *e), void *arg);
/* An unsettled entry of this link and recipient; also true when more than `most` would have to be looked at. */
bool sent_waits_for(const struct sent *s, uint32_t link, uint64_t to, unsigned most);
/* Push the oldest entries out while their id is below `id`. */
void sent_spill_below(struct sent *s, uint64_t id, unsigned at_most);
void sent_spill_all(struct sent *s);
unsigned sent_count(const struct sent *s); /* unsettled */

/* Do two spellings of a number mean one handset?  The last seven digits decide; 0 is unknown and fits all. */
bool sent_same_number(uint64_t a, uint64_t b);

#endif
