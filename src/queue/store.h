/* SPDX-License-Identifier: Apache-2.0
 *
 * store.h -- the durable store: batches of operations in, look-ups out.  No SQL outside store_sqlite*.c.
 *
 * WRITING.  The loop thread stages operations in lists and hands them over once per loop turn (the store's own
 * uv_prepare handle does that); one writer thread, owner of the only write connection, takes what is staged and makes
 * it one BEGIN IMMEDIATE … COMMIT (WAL, synchronous=FULL), then wakes the loop once for the batch.  There is no
 * timer: the next commit begins when the last has ended.  At most 5,000 rows a commit; while settle or otp operations
 * wait, at most 1,000 of them bulk.  While codes come in commits are shorter still, one with codes takes no bulk unless
 * the one before it took none, and bulk is held to 100,000 rows a second.  Each list is first in, first out; within a
 * commit first goes before settle before otp before bulk.
 *
 * op->done() runs on the loop thread, in the order of the operations, after the commit: r = 0 means on disk, synced.
 * An operation is the caller's memory and is lent until done() runs; so is all it points to.
 *   -EEXIST   a defined outcome (idempotency key known, stream in other words): nothing of this operation was done
 *   -ENOSPC   the disk is full; -EIO it fails; -ENOLCK another program holds the write lock; nothing of this operation
 *             was done
 * When a commit fails, the batch is bisected so that only the guilty operation is refused.
 *
 * READING.  Two reader threads with a read connection each: STORE_QUEUE serves the queue and the webhooks (short,
 * latency matters), STORE_API serves lists.  A page examines at most 50,000 rows or 50 ms and ends its transaction;
 * a list also ends when its rows take 8 MB of memory.
 *
 * AGGREGATION IS THE WRITER'S.  Whether a part's final state makes the message final is decided inside the
 * transaction, from rows, so it needs no memory and survives every restart (op_final).
 */
#ifndef STORE_H
#define STORE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "message.h"
#include "queue/idform.h"
#include "queue/taken.h"

struct store;
struct store_op;
struct store_quota;
struct store_quota_recipient;

/* FIRST: what rows of others refer to by a number, lanes and names.  It is on disk with the first commit after its
 * hand-over, or nothing that was handed over with it or since is; it is not refused while the store is open.
 * LATER: nobody waits for it, so it goes down beside others, or after some milliseconds by itself and before them. */
enum store_list { STORE_FIRST, STORE_SETTLE, STORE_OTP, STORE_BULK, STORE_LATER, STORE_LISTS };

enum name_kind { NAME_CLIENT = 1, NAME_CAMPAIGN, NAME_ROUTE, NAME_LINK, NAME_ACCOUNT };

enum event_kind {
	EVENT_STATUS = 1, /* a message (part 0) or part changed its state */
	EVENT_CORRECTION, /* a final state was corrected to delivered */
	EVENT_INBOUND
};

/* ---- opening --------------------------------------------------------------------------------------------- */

struct store_conf {
	const char *path;      /* the database file */
	unsigned node;         /* 0 … 63, upper bits of ids */
	unsigned shards;       /* webhook.concurrency */
	const char *vfs;       /* NULL: SQLite's default (tests plug in one that loses unsynced writes) */
	unsigned max_inbound_sets; /* 0: INBOUND_SETS_MAX; see op_inbound_part */
	unsigned idem_bits;    /* tests only: keys of a segment (idem.h), as a power of two, 6 to 15; 0: as it is */
	uint64_t idem_filter_octets; /* of filters in memory, at most; 0: IDEM_FILTER_OCTETS; tests: 1 is none at all */
	bool unsafe_no_sync;   /* tests only: synchronous=OFF, to show that the power-cut test can fail */
	/* Loop thread, before the done() calls of a batch: new events wait for this endpoint and shard. */
	void (*on_events)(void *arg, uint32_t endpoint, unsigned shard);
	void *arg;
};

/* What must be known before the first operation. */
struct store_boot {
	uint64_t next_id;    /* first id of a block already reserved on disk; node bits included */
	uint64_t low_water;  /* every id below is final, or has a row in waiting, due or backlog */
	uint64_t indexed_to; /* the look-up table covers every id below */
	uint32_t next_lane;
	int64_t last_created; /* of the newest message: the clock may have gone back meanwhile */
	bool fresh;          /* the database was just made */
	int64_t written_ms;  /* when an earlier process wrote to it last, by its file; 0: never */
};

/* Open or make the database, migrate it, start the threads.  -errno and a sentence in `err` on failure:
 * another process has it open, a newer schema, corrupt, not writable. */
int store_open(uv_loop_t *loop, const struct store_conf *c, struct store **ret, struct store_boot *ret_boot, char *err,
	size_t n_err);

/* Commit what is staged, end the threads, close; done() of everything staged runs before `closed` does. */
void store_close(struct store *s, void (*closed)(void *arg), void *arg);

/* Every stored name, once, at start (blocking; before the loop runs). */
int store_names(
	struct store *s, void (*each)(void *arg, enum name_kind kind, uint32_t id, const char *text), void *arg);
/* Every lane that has backlog rows; blocking, at start. */
struct store_lane {
	uint32_t id, client, campaign, route;
	uint8_t class, skip;
};
int store_lanes(struct store *s, void (*each)(void *arg, const struct store_lane *l), void *arg);
/* Every cancel row that is not done yet; blocking, at start. */
int store_cancels(struct store *s,
	void (*each)(void *arg, uint64_t n, uint32_t client, const char *tag, uint64_t upto_id), void *arg);
/* The references of the newest bound rows, newest first, at most `most`; blocking, at start. */
int store_refs(struct store *s, uint32_t most, void (*each)(void *arg, uint32_t ref), void *arg);
/* What was learned of the ids in receipts; blocking, at start. */
int store_forms(struct store *s, void (*each)(void *arg, uint32_t link, unsigned form, uint32_t hits), void *arg);

/* What accounts have used of the periods that go on at `now_ms`; blocking, at start. */
int store_quotas(struct store *s, int64_t now_ms, void (*each)(void *arg, const struct store_quota *v),
	void (*each_recipient)(void *arg, const struct store_quota_recipient *v), void *arg);

/* Rises with each hand-over: what was staged under the same number is still the loop's. */
uint64_t store_turn(const struct store *s);

/* While anything is staged or under way the store keeps the loop alive; idle, it does not. */
void store_stage(struct store *s, enum store_list list, struct store_op *op);

/* Operations staged or in the writer's hands, by list; what back-pressure looks at. */
size_t store_pending(const struct store *s, enum store_list list);

/* A damaged page that was met since the start; it stays.  What others need can be read, or … */
enum store_damage { DAMAGE_NONE, DAMAGE_READING, DAMAGE_WRITING /* … what becomes of messages cannot be stored */ };
enum store_damage store_damage(const struct store *s);

/* A read ended so, and whoever asked must say it: the store itself says once that a page is damaged. */
static inline bool store_untold(int r)
{
	return r < 0 && r != -EUCLEAN;
}

/* A read at start failed with r: the file, `what` it was, and what to do. */
void store_says(const struct store *s, int r, const char *what, char *err, size_t n_err);

/* What waits cannot be read, as it is damaged: say so. */
void store_says_damaged(const struct store *s);

struct store_stats {
	uint64_t commits, rows, busy_us; /* busy_us: time spent inside transactions */
	uint64_t wal_octets, db_octets, free_octets; /* free: of the file system, looked at once a second */
	uint32_t commit_us_p50, commit_us_p99;
	uint32_t inbound_open;   /* inbound messages of which parts are here and that are not joined yet */
	int last_error;          /* -errno of the last failed commit, 0 when the last one went well */
	enum store_damage damage;
	uint64_t parked;         /* receipts that wait for their message … */
	uint64_t parked_expired, parked_dropped; /* … and those since start that waited too long, or were too many */
};
void store_stats(struct store *s, struct store_stats *ret);
/* Of these, what decides whether more may be written; as it was at most a tenth of a second ago, while it writes. */
void store_disk(struct store *s, uint64_t *ret_free_octets, int *ret_last_error);

/* ---- operations ------------------------------------------------------------------------------------------ */

enum store_op_kind {
	OP_ACCEPT, OP_LEASE, OP_UNLEASE, OP_SUBMIT, OP_ATTEMPT, OP_FINAL, OP_RECEIPT, OP_DUE_FIRE, OP_BACKLOG_DELETE,
	OP_SPILL, OP_CANCEL, OP_CANCEL_DONE, OP_INBOUND, OP_EVENTS_DONE, OP_EVENTS_DEAD, OP_EVENTS_REPLAY, OP_STREAM,
	OP_INBOUND_PART,
	OP_NAME, OP_LANE, OP_META, OP_LOOKUP, OP_PURGE, OP_IDEM_ROTATE, OP_RESERVE, OP_RECEIPT_NOTE, OP_RECEIPT_FORM,
	OP_QUOTA,
	OP_N
};

struct store_op {
	struct store_op *next; /* the store's */
	uint8_t kind;          /* enum store_op_kind; tells the struct it begins */
	uint8_t list;          /* the store's */
	uint16_t rows;         /* about how many rows it writes; at least 1 */
	int r;                 /* the outcome, set before done() */
	void (*done)(struct store_op *op); /* may be NULL */
	void *arg;
};

/* What the writer must know of a message to settle it. */
struct store_msg {
	uint64_t id;
	uint32_t endpoint;     /* client that gets events; 0: none (no webhook, or report none) */
	uint8_t report;        /* enum msg_report */
	uint8_t n_parts;       /* as bound */
	bool one_receipt;      /* its carrier gives one receipt for all parts */
	uint32_t lane;         /* its row in backlog, to be deleted when it is final; 0: none */
	uint64_t seq;
};

/* -- messages of one POST, or one chunk of a stream: all of it or nothing */
enum store_place {
	PLACE_MEMORY,  /* stays in memory, found again by the low-water scan */
	PLACE_BACKLOG, /* lane, seq */
	PLACE_DUE      /* a due row at m->send_at_ms, key part 0, reason scheduled */
};
struct store_accept {
	struct message *m;     /* lent until done() */
	uint8_t place;
	uint32_t lane;
	uint64_t seq;
	uint64_t leased;       /* bit p-1: a lease for part p goes with it */
	uint32_t link;
	uint32_t ref;          /* the bound row's, if leased (refs.h) */
	uint16_t cut;          /* likewise (segment_cut()) */
	uint8_t bound_parts;   /* likewise; 0: no bound row */
};
#define IDEM_FILTER_OCTETS (UINT64_C(32) << 20)
/* A key is known for 24 hours at least, by the clock, and about 48 at most.  Keys are the same when client and khash
 * are. */
struct store_idem {
	uint32_t client;
	uint8_t khash[16], bhash[16];
	const char *answer;    /* stored with the commit */
	char *ret_answer;      /* -EEXIST: malloc()ed copy of the stored one, the receiver frees it; */
	bool ret_same_body;    /* … and whether the body was the same */
};
struct store_progress {
	uint32_t client;
	const char *name;      /* the idempotency key */
	uint64_t rows, accepted, rejected; /* so far, this chunk included */
	uint8_t digest[16];
	bool done;
};
struct op_accept {
	struct store_op op;
	struct store_accept *items;
	unsigned n_items;      /* may be 0: only the progress row */
	struct store_idem *idem;
	struct store_progress *progress;
};

/* -- before the first octet of these parts is written */
struct op_lease {
	struct store_op op;    /* OP_LEASE, OP_UNLEASE */
	uint64_t id, parts;    /* bit p-1 */
	uint32_t link;
	uint32_t ref;          /* refs.h */
	uint16_t cut;          /* segment_cut() */
	uint8_t bound_parts;   /* not 0: (re)write the bound row */
};

/* -- a carrier took the part: submit row, lease gone; a parked receipt of this hash settles it in the same commit.
 * A second acceptance of a part (late answer, resent) becomes an attempt row with its smsc_id. */
struct op_submit {
	struct store_op op;
	struct store_msg msg;
	unsigned part;
	int64_t at;
	uint32_t link;
	uint64_t hash;         /* of (link, normalised id); 0: no receipt will come */
	uint64_t to;           /* recipient, to verify a parked receipt */
	int64_t since;         /* one that was parked before is another's; 0: any may be meant */
	char smsc_id[66];
	char sender[MSG_FROM_MAX + 1]; /* that went out; "": the message's */
	bool last;             /* with it every part is submitted: event "sent" when report is all */
	bool ended;            /* the message was final before: its receipt, which corrects, is waited for on disk */
	bool known;            /* its submit row was read from disk: only look for a parked receipt */
	struct taken_claim claim; /* at_s and come_s are those of the parked receipt */
	/* results */
	unsigned ret_claimed;  /* so many parked receipts were its; the last one … */
	int64_t ret_claimed_at; /* … came then … */
	int64_t ret_overtook_s; /* one of this id came right before the answer: taken then, by their clock; 0: none */
	uint8_t ret_form;      /* … and was found by this form */
	bool ret_settled;      /* a parked receipt made the part final */
	uint8_t ret_state;     /* … then: the part's state */
	int8_t ret_msg_state;  /* the message became final: its state; -1: it did not */
};

/* -- an attempt that did not end as SENT.  next_at > 0: a due row (skip, tries) is made and, for a message of one
 * part, its backlog row deleted. */
struct op_attempt {
	struct store_op op;
	struct store_msg msg;
	unsigned part;
	int64_t at, next_at;
	uint32_t link;
	uint8_t outcome, reason, skip;
	uint16_t tries;
	uint32_t code;
	char text[64];
	bool keep_lease;       /* the lease row is not its own any more, but that of the next attempt */
	bool otp;              /* the caller's: of class otp, and the due row brings it back */
};

/* -- a final state of a message (part 0) or of a part.  One part of one is the message.  For several: the first part
 * that failed for good gives the message its state, all delivered → delivered, all final → unconfirmed.  Cancelled
 * or out of time (REASON_CLIENT, REASON_TTL) after an attempt that was never answered → unconfirmed.  Final stays final
 * but for state_may_correct().  Deletes lease and, when the message is final, the backlog row. */
struct op_final {
	struct store_op op;
	struct store_msg msg;
	unsigned part;
	int64_t at;
	uint8_t state, reason;
	char error[40];
	bool unless_submitted; /* part 0: do nothing (r = -EBUSY) when a part has a lease or submit row */
	uint16_t receipt;      /* receipt_mark(), or 0 */
	uint64_t hash;         /* not 0: when it may still be corrected, a waiting row keeps it findable */
	uint64_t parked;       /* not 0: this parked receipt said so, and goes with it … */
	bool ret_unparked;     /* … if it was still there: its own submit may have claimed it */
	bool repeats;          /* it is on its way already, or there: most likely this changes nothing */
	bool while_parked;     /* do nothing (r = -ENOENT) when that is not parked any more: it was another's */
	/* results */
	bool ret_new;          /* it was not final before */
	bool ret_correction;
	int8_t ret_msg_state;  /* the message became final (or was corrected): its state; -1: it did not */
};

/* -- a receipt that memory does not know: looked for in waiting, else parked */
enum parked_why {
	PARKED_UNKNOWN_ID,     /* nothing of this id was sent over this link, or not yet */
	PARKED_NO_ID,          /* it names no message */
	PARKED_OTHER_NUMBER,   /* the id is known, but went to another number */
	PARKED_AMBIGUOUS,      /* its id fits several parts, each in another form */
	PARKED_N
};
const char *parked_why_name(enum parked_why why);

struct op_receipt {
	struct store_op op;
	uint64_t hash[IDFORM_TRIES_MAX]; /* what its id may mean, most likely first … */
	uint8_t form[IDFORM_TRIES_MAX];  /* … and by which form, which may be vague */
	unsigned n_hash, n_park;         /* n_park: so many of them are kept with a parked one */
	bool certain;          /* hash[0] is what it means if it is there: the others need not be asked */
	uint32_t link;
	uint64_t to, other;    /* the handset; the other number of the PDU (some swap them).  0: unknown */
	int64_t at;
	uint8_t state;         /* enum msg_state it leads to */
	uint8_t why;           /* enum parked_why, should it be parked */
	bool tlv, one_receipt; /* smsc_id is from the TLV; as in struct store_msg */
	char smsc_id[66], smsc_id2[66], stat[24], err[12];
	uint32_t parked_max;   /* the oldest go when there are more */
	uint64_t parked;       /* not 0: it is this parked one, tried again */
	/* Should its id be unknown on disk, too: the part it speaks of by other evidence, and which (evidence.h). */
	struct store_msg evidence;
	struct taken_claim claim; /* when the part was taken; at_s is what is kept with a parked one */
	uint8_t evidence_part, evidence_form; /* part 0: there is none */
	uint32_t (*endpoint_of)(void *arg, uint32_t client); /* writer thread: must be a pure table look-up */
	void *endpoint_arg;
	/* results */
	uint64_t ret_key;      /* 0: parked … */
	uint64_t ret_parked;   /* … as this row, if it was not before */
	bool ret_new, ret_correction;
	uint8_t ret_form;
	int8_t ret_msg_state;
};

/* A parked receipt that is older than the message by more than this is another's: clocks are set. */
#define PARKED_EARLY_MS 60000

/* The form by which a receipt found its part, as the rows keep it; 0 is "by no receipt". */
static inline uint16_t receipt_mark(unsigned form)
{
	return (uint16_t)((form & ~IDFORM_VAGUE) + 1);
}

/* -- a receipt that changed nothing; at most 16 are kept for a part */
struct op_receipt_note {
	struct store_op op;
	uint64_t key;
	int64_t at;
	uint32_t link;
	uint8_t state;         /* it would have led to; STATE_SENT: intermediate */
	uint16_t receipt;
	char error[40];
};

/* -- what was learned of a link's ids; all of it is replaced */
struct op_receipt_form {
	struct store_op op;
	uint32_t link;
	uint32_t hits[IDFORM_N];
};

/* -- what an account has used of its periods: absolute numbers, so the last one of an account holds.  Staged before the
 * leases that it counts, in the same list, it is on disk with them or before. */
enum quota_kind { QUOTA_MINUTE, QUOTA_HOUR, QUOTA_DAY, QUOTA_MONTH, QUOTA_KINDS };
struct store_quota {
	uint32_t account;
	uint8_t kind;
	int64_t start, end;    /* of the period */
	uint64_t n;            /* parts */
};
struct store_quota_recipient {
	uint32_t account;
	uint8_t kind;          /* QUOTA_DAY, QUOTA_MONTH */
	int64_t end;           /* of the period */
	uint64_t hash;
};
struct op_quota {
	struct store_op op;
	struct store_quota rows[QUOTA_KINDS];
	unsigned n_rows;
	struct store_quota_recipient *recipients;
	unsigned n_recipients, cap_recipients;
	int64_t purge_before;  /* not 0: periods that ended before go, some at a time */
};

/* -- a due row fired: it becomes a backlog row */
struct op_due_fire {
	struct store_op op;
	int64_t at;
	uint64_t key;
	uint32_t lane;         /* 0: only delete the due row */
	uint64_t seq;
	uint32_t end_minute;   /* ttl end in minutes, rounded up */
	bool ret_gone;         /* there was no such due row (any more): nothing was done */
};
struct op_backlog_delete {
	struct store_op op;
	uint32_t lane;
	uint64_t seq;
};

/* -- receipts to come, pushed out of memory; sorted by hash */
struct store_spill {
	uint64_t hash, key;
	int64_t deadline;      /* a due row of the same key, with REASON_NO_RECEIPT; 0: none */
	uint32_t lane;         /* backlog row to delete */
	uint64_t seq;
	bool single;           /* the caller's: a message of one part, … */
	uint32_t link;         /* … and who gives its receipt; 0: none to come */
	bool scheduled;        /* no receipt: the whole message waits for its time (REASON_SCHEDULED), key part 0 */
	bool otp;              /* the caller's: of class otp */
};
struct op_spill {
	struct store_op op;
	struct store_spill *rows;
	unsigned n_rows;
	bool again;            /* the caller's: the disk had refused it */
};

struct op_cancel {
	struct store_op op;    /* OP_CANCEL; OP_CANCEL_DONE uses n only */
	uint64_t n;            /* result of OP_CANCEL */
	uint32_t client;
	char tag[MSG_REF_MAX + 1];
	uint64_t upto_id;
	int64_t at;
};

struct op_inbound {
	struct store_op op;
	uint64_t n;            /* result */
	int64_t at;
	uint32_t link, client, endpoint;
	const char *from, *to, *text;
	uint32_t n_text;
	const uint8_t *raw;
	uint32_t n_raw;
	uint8_t dcs, esm_class;
	uint8_t parts;         /* of how many parts it is; 0 counts as 1 */
	uint64_t digest;       /* as in struct link_inbound; one that is there already: nothing is written, n is 0 */
	const char *missing;   /* the numbers of those that never came: "2,5"; NULL: none */
	/* Joined from parts: the set that is done with it, and how many parts had been read.  -EEXIST: it was joined
	 * before; -ESTALE: one more has come since, read it again.  Neither writes anything.  0: no set. */
	uint64_t set;
	unsigned have;
};

/* -- a part of an inbound message.  Parts of one message form a set.  Its key is (link, from, to, wide, ref, total); of
 * the sets with one key the youngest takes parts.  What comes to it decides by number and octets:
 *
 *   not there            it is added; with the last one the set is due at once
 *   there, the same      a repetition: nothing is written
 *   there, but another   the sender began a new message under a used reference: a new set; the old one is due at once,
 *                        or gone when it had been joined
 *
 * A joined set stays until its deadline without its texts, to know repetitions by; what it has not got opens a new one.
 * Beyond max_inbound_sets open ones each new set makes the one that is nearest to its deadline due at once; beyond
 * twice as many parts are refused with -EBUSY. */
#define INBOUND_SETS_MAX 100000

struct op_inbound_part {
	struct store_op op;
	int64_t at, until;     /* it came; its set is joined with what is there */
	uint32_t link;
	const char *from, *to;
	bool wide;
	uint16_t ref;
	uint8_t total, seq;
	const char *text;
	uint32_t n_text;
	const uint8_t *raw;
	uint32_t n_raw;
	uint8_t dcs, esm_class;
	/* results */
	uint64_t ret_set;
	unsigned ret_have;     /* parts of it that are there now */
	bool ret_again;        /* a repetition */
	uint64_t ret_replaced; /* a set that became due at once because its reference came again; 0: none */
	uint64_t ret_forced;   /* likewise, because of the bound */
};

struct op_events {
	struct store_op op;    /* OP_EVENTS_DONE: delete up to seq.  OP_EVENTS_DEAD: move [from_seq, seq] to dead.
	                        * OP_EVENTS_REPLAY: dead rows of the endpoint with at >= since come back under new
	                        * seqs, at most 5,000 at once: stage it again while ret_n is 5,000. */
	uint32_t endpoint;
	unsigned shard;
	uint64_t from_seq, seq;
	int64_t since;
	char why[64];
	uint64_t ret_n;
};

/* -- begin a stream: a known one is -EEXIST with what was done so far (also when it is done) */
struct op_stream {
	struct store_op op;
	struct store_progress progress; /* in: client, name; out */
};

struct op_name {
	struct store_op op;
	uint8_t kind;
	uint32_t id;
	char text[MSG_REF_MAX + 1];
};
struct op_lane {
	struct store_op op;
	struct store_lane lane;
};
struct op_meta {
	struct store_op op;
	uint64_t low_water;
};
/* -- ids are reserved in blocks of 2^16, on disk before they are used */
struct op_reserve {
	struct store_op op;
	uint64_t ret_from;     /* 2^16 ids from here are ours */
};

struct store_lookup {
	uint64_t hash, id;
};
struct op_lookup {
	struct store_op op;
	uint32_t run;
	struct store_lookup *rows; /* sorted by hash */
	unsigned n_rows;
	uint64_t indexed_to;   /* not 0: the run is complete, look-ups may use it up to this id (not included) */
};

/* -- retention, one small step.  Only what is final goes.  With both limits 0 it still sweeps waiting and frees
 * pages. */
struct op_purge {
	struct store_op op;
	int64_t bodies_before, numbers_before, rows_before; /* created; 0 = leave */
	int64_t parked_before; /* received; 0 = leave */
	unsigned limit;
	uint64_t ret_n;        /* rows looked at; less than limit: nothing more to do for now */
};

#include "queue/store_read.h" /* look-ups */

#endif
