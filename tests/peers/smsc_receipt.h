/* SPDX-License-Identifier: Apache-2.0 */
/* smsc_receipt.h -- deliver_sm that wait: receipts not yet due, receipts due but not yet acknowledged, MO.
 *
 * Millions may wait for an hour, so one costs 64 octets and nothing else: no timer, no allocation of its own,
 * not even the text of its message_id, which is spelt anew from its number.  Entries live in chunks and are
 * named by index. A wheel of two rings (1 ms and 1024 ms a slot) holds those with a time; what is due hangs
 * in a queue of its account until a bind of that account has room.  With `max` entries waiting, further
 * receipts are dropped and counted.
 *
 * The states of the newest messages, for query_sm and cancel_sm, are a ring of eight octets each.
 */
#ifndef SMSC_RECEIPT_H
#define SMSC_RECEIPT_H

#include "smsc_script.h"
#include "smsc_stats.h"

#define SMSC_NONE	  UINT32_MAX
#define SMSC_ACCOUNTS_MAX 255u
#define SMSC_INTERMEDIATE 0x80u
#define SMSC_DELIVER_MAX  (512u + SMSC_MO_TLVS_MAX)
#define SMSC_MO_TLVS_MAX  700u
#define SMSC_ID_MAX	  96u /* longest spelling of an id and its NUL */

struct smsc_item {
	uint32_t id_low;
	uint16_t id_high;
	uint8_t account;
	uint8_t origin;	    /* low octet of the serial of the connection that submitted */
	uint32_t next;	    /* in a slot, a queue or the free list */
	uint32_t due_ms;    /* since the start of the process */
	uint32_t submit_ms; /* the same */
	uint8_t outcome;    /* with SMSC_INTERMEDIATE: not yet */
	uint8_t tries : 5, mo : 1, strange_id : 1, other_bind : 1;
	uint8_t source_tn, dest_tn; /* TON and NPI, a nibble each */
	char source[20], dest[20];  /* as submitted; no NUL when full.  Of an MO: its index */
};
_Static_assert(sizeof(struct smsc_item) == 64, "the promise of this header");

/* A mobile originated message; few wait, so they may be large. */
struct smsc_mo {
	char from[21], to[21];
	uint8_t esm_class, data_coding, n_text;
	bool used;
	uint8_t text[254];
	uint16_t n_tlvs;
	uint8_t tlvs[SMSC_MO_TLVS_MAX]; /* as they go behind the mandatory part */
};

struct smsc_list {
	uint32_t head, tail;
};

struct smsc_receipts {
	struct smsc_item **chunks;
	uint32_t n_chunks, n_used, max, free;
	struct smsc_list near[1024], far[4096];
	struct smsc_list ready[SMSC_ACCOUNTS_MAX];
	uint32_t n_timed, n_ready, now_ms;
	struct smsc_mo *mo;
	uint32_t mo_hint; /* where to look for a free one */
	uint64_t *states; /* ring by id: due_ms, outcome, cancelled */
	char (*quotes)[21]; /* likewise: what receipts quote; NULL: nothing */
	uint64_t first_id, next_id;
	uint64_t start_wall_s;
	const struct smsc_script *script;
	struct smsc_stats *stats;
};

int smsc_receipts_init(struct smsc_receipts *q, const struct smsc_script *script, struct smsc_stats *stats,
	uint32_t max, uint64_t first_id, uint64_t start_wall_s);
void smsc_receipts_done(struct smsc_receipts *q);

struct smsc_item *smsc_item(const struct smsc_receipts *q, uint32_t i);

/* Give the message a number, remember its fate and return the number. */
uint64_t smsc_receipts_issue(struct smsc_receipts *q, struct smsc_str dest, uint32_t now_ms, uint32_t due_ms);
/* Keep what its receipt will quote, if the script says so. */
void smsc_receipts_quote(struct smsc_receipts *q, uint64_t id, const uint8_t *text, size_t n);
uint32_t smsc_receipts_due(const struct smsc_receipts *q, uint64_t id, uint32_t now_ms);

/* Bring the wheel up to `now_ms` first (smsc_receipts_tick): an idle wheel stands still.
 *
 * Write down the receipt that registered_delivery asks for, if any; SMSC_NONE: none is due or no room.  The
 * item is in no list yet: pass it to smsc_receipts_wait(), or send it at once. */
uint32_t smsc_receipts_new(struct smsc_receipts *q, uint64_t id, const struct smsc_message *m,
	uint8_t account, uint8_t origin, uint32_t now_ms);
uint32_t smsc_receipts_new_mo(struct smsc_receipts *q, uint8_t account, const struct smsc_mo *mo);
void smsc_receipts_wait(struct smsc_receipts *q, uint32_t i, uint32_t due_ms);
void smsc_receipts_ready(struct smsc_receipts *q, uint32_t i);
void smsc_receipts_free(struct smsc_receipts *q, uint32_t i);

/* Move what has come due to the queues of the accounts. */
void smsc_receipts_tick(struct smsc_receipts *q, uint32_t now_ms);
uint32_t smsc_receipts_peek(const struct smsc_receipts *q, uint8_t account);
void smsc_receipts_pop(struct smsc_receipts *q, uint8_t account);

/* Append the deliver_sm of item `i` to `o` (SMSC_DELIVER_MAX octets are enough). */
void smsc_receipts_write(const struct smsc_receipts *q, uint32_t i, uint32_t sequence, struct smsc_out *o);

/* The spelling of an id in submit_sm_resp (or, `receipt`, in a receipt); `buf` has SMSC_ID_MAX octets. */
size_t smsc_id_format(enum smsc_id_form form, bool receipt, uint64_t id, char *buf);

/* The state of a message by the id that its submit_sm_resp carried; -ENOENT when it is unknown or too old. */
int smsc_receipts_query(const struct smsc_receipts *q, struct smsc_str id, uint32_t now_ms,
	enum smsc_state *ret, uint32_t *ret_done_ms);
/* -ENOENT: unknown; -EALREADY: final already. */
int smsc_receipts_cancel(struct smsc_receipts *q, struct smsc_str id, uint32_t now_ms);

/* YYMMDDhhmmss in UTC of a moment of this process; 12 characters and a NUL. */
void smsc_receipts_date(const struct smsc_receipts *q, uint32_t ms, char *buf);

#endif
