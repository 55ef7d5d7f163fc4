/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_impl.h -- what the files of the queue share and nobody else sees.
 *
 *     accept.c    messages come in (queue_add)
 *     queue.c     memory, ids, links, limits, start and stop
 *     views.c     what others see of it
 *     lane.c      lanes: which messages wait where, and for which link
 *     choice.c    routes that choose among their links
 *     serve.c     whose turn it is: lanes of a link, messages of a lane
 *     dispatch.c  from a lane to its link: room, cut, lease, submit
 *     refs.c      references that join the parts of a long message
 *     settle.c    how attempts ended: taken, final, and what the other ends lead to
 *     refused.c   not taken: again later, over the next link, or failed
 *     evidence.c  what receipts of unknown id and uncertain parts have in common
 *     uncertain.c parts that were written and never answered
 *     ask.c       parts whose receipt does not come: the carrier is asked
 *     receipt.c   what receipts say, of which part, and how their ids are read
 *     recur.c, taken.c  which of several parts of one id, by the time at which it was taken
 *     quota.c     what may leave over an account within a period
 *     refill.c    rows back into memory: backlog, restart
 *     due.c       what waits for a time: schedule, retry, deadline
 *     cancel.c    by id and by tag
 *     sweep.c     what the clock does: expiry, deadlines, low water, housekeeping
 */
#ifndef QUEUE_IMPL_H
#define QUEUE_IMPL_H

#include <stdatomic.h>

#include "driver.h"
#include "codec/unicode.h"
#include "queue/evidence.h"
#include "queue/fresh.h"
#include "queue/queue.h"
#include "queue/refs.h"
#include "queue/sent.h"

/* One message held in memory: it waits in a lane, or parts of it are in flight. */
struct qmsg {
	struct qmsg *next, *prev;   /* in its lane */
	struct qmsg *hash_next, *stall_next;
	struct message *m;
	struct lane *lane;
	struct outlet *out;         /* the link it is leased for or bound to */
	uint64_t todo;              /* bit p-1: part p still has to be leased */
	uint64_t leasing;           /* lease staged, not on disk yet */
	uint64_t leased;            /* lease on disk, not handed to the driver yet */
	uint64_t flying;            /* with the driver */
	uint64_t done;              /* taken by a carrier, or final */
	uint64_t later;             /* its due row will bring the part back */
	uint64_t tried;             /* parts that had their turn in attempt number `tries` */
	uint64_t refused;           /* for good, by its link: the next one may get the message when all of it is back */
	uint64_t answered;          /* under way again, but the carrier has taken the sending before: told late */
	uint32_t refused_code;
	uint8_t refused_reason;
	uint8_t n_faults;           /* answers that ended its link's session, in a row */
	uint8_t n_full;             /* answers that a queue is full, though others were taken since the one before */
	uint64_t full_at_sent;      /* the link's count of parts sent at the last of them */
	char refused_text[28];
	uint64_t row_seq;
	uint32_t row_lane;          /* its row in backlog; 0: none */
	uint32_t ref;               /* refs.h */
	uint16_t tries;
	uint8_t n_parts;            /* 0: not planned for a link yet */
	uint16_t cut;               /* segment_cut(); 0: not known */
	struct segment_rules rules; /* what gave this cut; not of one that was begun in another life */
	uint8_t reason;
	bool bound;                 /* parts and reference are fixed: something of it has left, or is about to */
	uint32_t bound_link;        /* the link of its bound row, written or on its way; 0: none that counts */
	bool bound_row;             /* it has such a row, which perhaps no longer counts */
	bool in_lane, stalled, blocked;
	bool again;                 /* it came back to its lane, and goes before those that never left it */
	bool row_ahead;             /* it got its row while it was here, and the lane has not read that yet */
	bool pending;               /* its accept commit is not done: nobody may touch it */
	int64_t since_ms;
};

struct qlist {
	struct qmsg *head, *tail;
	unsigned n;
};


struct lane {
	struct lane *next_hash, *next_all, *prev_all;
	struct lane *next, *prev;    /* ring of the outlet's lanes with something to send */
	struct lane *next_hungry, *prev_hungry;
	struct outlet *hungry_at;    /* it waits there for memory to have room for its rows: refill.c */
	struct outlet *fed_at;       /* it is one of the lanes there that have something in memory, or are read */
	struct store_lane key;       /* id 0: not on disk yet … */
	struct op_lane *naming;      /* … and how it gets there; NULL: it is, or is on its way */
	uint32_t pin;                /* not 0: half-sent messages, for this link alone; such a lane has no rows */
	struct queue_client_state *client;
	const struct queue_route *route; /* NULL: none */
	struct outlet *out;          /* the link that serves it now; NULL: none is up */
	struct qlist wait;
	struct qmsg *again;          /* the last of those at the head that came back; NULL: none */
	unsigned n_pending;          /* accepted messages whose commit is not done, to be appended here */
	unsigned n_pending_wait;     /* of these: not leased with the commit */
	unsigned n_late;             /* parts of this lane in flight */
	unsigned n_held;             /* messages in memory that point here: it lives as long as they do */
	uint64_t n_rows;             /* rows of backlog beyond `cursor`, committed or staged */
	uint64_t n_rows_staged;      /* of these: not committed … */
	uint64_t staged_from;        /* … and all committed below this seq */
	uint64_t n_read_uncounted;   /* rows read while they were being counted */
	uint64_t cursor;             /* seq of the last row read */
	bool counting;               /* n_rows is not known yet, there may be some */
	bool refilling, expiring, active, asked_count;
	bool stale;                  /* the page that is being read may speak of what has left since */
	int deficit;
	bool in_turn;          /* it was given its quantum, and has not used it up */
	uint8_t reason;
	int64_t since_ms;
	struct store_minute *minutes; /* ttl ends of the rows, rising by minute */
	unsigned n_minutes, cap_minutes;
};

/* A route that chooses among its links: its lanes hang on `o`, which is no link. */
struct choice {
	struct choice *next;
	struct outlet o;
	uint32_t route;
	const struct queue_route *r; /* NULL: the route is gone, or does not choose any more */
	bool ticks;                  /* a lane waits for its client's rate */
};

struct queue_client_state {
	struct queue_client_state *next;
	struct queue_client conf;
	uint64_t waiting;
	double tokens;
	int64_t tokens_at_us;
};

/* A free list of operations of one kind. */
struct pool {
	struct store_op *free;
	size_t size;
	unsigned n_free;
};

/* A cancellation of this id is under way: pages do not wake it.  What one brought is kept, should the message live
 * on. */
struct blocked_id {
	uint64_t id, until_read; /* 0, or: until every page asked for before the commit has come */
	struct store_loaded kept;
	struct blocked_id *next;
};


/* A backlog row on its way (from a due row, or for a message that waits in memory), or a due row to be deleted. */
struct row_job {
	struct op_due_fire f;
	struct staged staged;
	struct lane *lane; /* held; NULL: only the due row goes */
	bool paged;        /* found with a page, which the next one waits for */
};

/* What was learned of a link; it outlives the outlet, as a link is made anew when its settings change. */
struct link_forms {
	struct link_forms *next;
	struct idform f;
	struct op_receipt_form op;
	struct queue *q;
	struct taken_clock clock; /* of who takes what it sends */
	bool storing;
	bool retry; /* its parked receipts may be found now */
};

/* Of a link that a reload took away, and may bring back. */
struct kept_pace {
	struct kept_pace *next;
	uint32_t link;
	struct pace pace;
};

struct tag_cancel {
	struct tag_cancel *next;
	uint64_t n, upto_id;
	uint64_t until_read; /* as in blocked_id */
	uint32_t client;
	char tag[MSG_REF_MAX + 1];
};

/* A code whose time has come is being read. */
struct code_query {
	struct q_load load;
	uint64_t key;
	bool asked;
};
#define CODES_ASKED 16 /* at once */

#define QUEUE_CLIENTS_MAX 4096 /* client names a database may ever have known */

struct queue {
	uv_loop_t *loop;
	_Atomic bool has_webhook[QUEUE_CLIENTS_MAX]; /* read by the writer thread */
	struct store *store;
	struct names *names;
	struct queue_events events;
	uint32_t (*route_of)(void *arg, const struct message *m);
	void *route_arg;

	uint64_t next_id, id_end, reserved_from; /* ids [next_id, id_end) are ours; the next block, 0: on its way */
	bool reserving;
	int64_t last_created_ms, now_ms;
	int64_t now_us;              /* monotonic */

	struct qmsg **by_id;
	unsigned n_by_id, mask_by_id;
	struct qmsg *free_qmsg;

	struct lane *lane_hash[1024], *lanes;
	unsigned n_lanes;
	uint32_t next_lane;
	struct queue_client_state *clients[256];
	struct queue_route *routes;
	unsigned n_routes;
	bool senders_change;         /* some route has a sender of its own */
	struct outlet *outlets[256];
	unsigned n_outlets;

	struct fresh *fresh;
	struct sent *sent;
	struct evidence *evidence;
	struct ask *asks;            /* questions under way */
	bool ask_walking;            /* a page of those on disk is being read … */
	int64_t ask_walk_ms, ask_walk_before_ms; /* … of the walk that began then, 0: none; the one before began then */
	int64_t ask_walk_at;         /* … behind this row of due */
	uint64_t ask_walk_key;
	unsigned ask_walk_pages;     /* read in this second */
	struct pool pool_lease, pool_submit, pool_attempt, pool_final, pool_receipt, pool_note, pool_due, pool_row;
	struct blocked_id *blocked;
	uint64_t reads_asked, reads_come; /* pages of lanes, from 1 on; they come in the order they were asked for */
	struct staged staged;        /* head of a ring, rising by seq */
	struct store_op *failed;     /* refused by the disk: staged again each second */
	unsigned n_firing;           /* due rows of pages fired, not committed */
	bool due_wanted;
	uint64_t fresh_again;        /* restart: this page has to be read again */
	bool leases_again;
	struct tag_cancel *tag_cancels;
	struct link_forms *forms;    /* by op.link */
	struct receipt_job *looking; /* receipts on their way to the writer: what it may park, no row tells of yet */
	uint32_t n_retries;          /* so often the meaning of what is parked has changed: queue_retry_parked() */
	struct account *accounts;
	bool aside_changed;          /* of some outlet */
	struct choice *choices;
	unsigned turn;               /* who begins: links with lanes of their own, or routes that choose */
	struct kept_pace *paces;
	int64_t written_us;          /* until then an earlier process may have sent; clock_mono_us(), 0: none did */
	bool any_parked;             /* when the last page of settled messages came */
	uint32_t parked_max;
	int64_t parked_age_ms;

	uv_check_t check;            /* dispatch after each poll */
	uv_timer_t tick;             /* tokens and pauses: only while something waits for time */
	uv_timer_t second;
	bool dirty;
	unsigned n_handles;          /* still to be closed */

	unsigned lane_window, max_resident;
	uint64_t n_asked; /* messages that pages under way may bring */
	uint64_t max_waiting, reserve_octets;
	bool intake_stopped, dispatch_stopped; /* by the disk reserve … */
	uint64_t disk_ms; /* … as it was then, by the loop's clock */
	bool damaged;     /* what becomes of messages cannot be stored: nothing is accepted or sent */
	bool disk_said;   /* what the log says of intake … */
	int64_t disk_say_ms; /* … and before then nothing else */

	/* due */
	struct q_load due_query;
	bool due_reading, due_again;
	bool lanes_again; /* a page of a backlog could not be read: asked for again each second */
	int64_t due_next_ms, due_after_at;
	uint64_t due_after_key;
	struct due_code *codes; /* due.c */
	unsigned n_codes, cap_codes;
	struct code_query code_queries[CODES_ASKED];
	uv_timer_t codes_timer;
	/* restart */
	bool started, recovering, leases_known;
	bool unreadable;             /* what waits is damaged: nothing new is taken or sent any more */
	bool remembering;            /* after recovering: what was settled before the restart */
	unsigned n_to_count;         /* lanes whose rows are not counted yet, then all of that is told */
	uint64_t recover_upto;
	uint64_t *retaken; /* ascending: woken because of their leases, see refill.c */
	unsigned n_retaken;
	struct held_back {
		uint64_t id, parts;
		uint32_t link;
	} *held_back; /* uncertain, and to be sent again when the scan has ended */
	unsigned n_held_back, n_delayed; /* n_delayed: times that a page of the scan could not be read */
	struct q_load recover_query;
	/* sweep */
	unsigned seconds;
	uint64_t stored_low;
	struct op_meta op_meta;
	struct op_reserve op_reserve;
	struct op_purge op_purge;
	struct store_op op_idem;
	struct op_lookup op_lookup;
	struct q_index q_index;
	unsigned n_indexed;      /* of its rows, on their way to the disk or there */
	uint32_t index_run;
	struct tag_job *tag_jobs;
	bool meta_busy, idem_busy, index_busy, purge_busy;
	bool purge_more; /* the last step found as much as it may take: the next one follows at once, or in a second */
	unsigned purge_left; /* steps of this second */
	int64_t purge_us, purge_ms; /* when the last one was staged; when to look again */
	int64_t body_age_ms, number_age_ms, row_age_ms;
	uint64_t spilling;
	struct op_spill *spill_op;

	bool stopping;
	int64_t stop_deadline_ms, stop_again_ms;
	void (*stopped)(void *arg);
	void *stopped_arg;
	uint64_t settling;           /* settle-list operations of ours that are not done */
	struct queue_stats stats;
	struct refs *refs;
	struct unicode *unicode; /* to keep grapheme clusters whole */
};

/* queue.c */
struct store_op *pool_get(struct queue *q, struct pool *p, unsigned kind, void (*done)(struct store_op *op));
void pool_put(struct pool *p, struct store_op *op);
void queue_stage(struct queue *q, enum store_list list, struct store_op *op);
/* The disk refused it, and nobody else will ask again: once more in a second.  True when the operation was kept. */
bool queue_again(struct queue *q, struct store_op *op);
void queue_again_all(struct queue *q);
void staged_add(struct queue *q, struct staged *st, uint64_t seq);
void staged_done(struct staged *st);
uint64_t staged_low(const struct queue *q); /* UINT64_MAX: nothing staged */
void queue_guard_moved(struct queue *q, struct outlet *o); /* its state is another one now */
struct outlet *queue_outlet_of(const struct queue *q, uint32_t id);
uint64_t queue_take_id(struct queue *q); /* 0: none reserved */
struct queue_client_state *queue_client_of(struct queue *q, uint32_t client);
struct store_msg queue_store_msg(struct queue *q, const struct message *m, unsigned n_parts);
bool qmsg_reserve(struct queue *q); /* the next qmsg_new() has its memory */
struct qmsg *qmsg_new(struct queue *q, struct message *m); /* takes m, unless it fails (NULL) */
struct qmsg *qmsg_find(const struct queue *q, uint64_t id);
void qmsg_free(struct queue *q, struct qmsg *qm);
void qmsg_set_lane(struct qmsg *qm, struct lane *l);
void qlist_append(struct qlist *l, struct qmsg *qm);
void qlist_insert(struct qlist *l, struct qmsg *after, struct qmsg *qm); /* after NULL: first */
void qlist_remove(struct qlist *l, struct qmsg *qm);
/* The message became final (or is out of our hands on disk): it is not fresh any more. */
void queue_resolved(struct queue *q, uint64_t id);
void queue_count_final(struct queue *q, enum msg_class class, enum msg_state state, bool correction);
static inline uint64_t parts_mask(unsigned n)
{
	return n >= 64 ? ~0ull : (1ull << n) - 1;
}

static inline struct store_msg qmsg_store_msg(struct queue *q, const struct qmsg *qm)
{
	struct store_msg sm = queue_store_msg(q, qm->m, qm->n_parts ? qm->n_parts : qm->m->n_parts);

	sm.lane = qm->row_lane;
	sm.seq = qm->row_seq;
	return sm;
}

/* lane.c */
const struct queue_route *lane_route(const struct queue *q, uint32_t id); /* NULL: no such route */
struct lane *lane_get(struct queue *q, const struct message *m, unsigned skip);
struct lane *lane_pinned(struct queue *q, const struct message *m, const struct outlet *o);
struct lane *lane_twin(struct queue *q, const struct store_lane *k); /* one more of the same key, for its rows */
struct lane *lane_by_id(struct queue *q, uint32_t id);
const char *route_sender(const struct queue *q, const struct message *m); /* as its route wants it */
void lane_name(struct queue *q, struct lane *l);            /* make it durable: needed before its first row */
void lane_home(struct queue *q, struct lane *l);            /* choose its link again */
void lane_append(struct queue *q, struct lane *l, struct qmsg *qm);
void lane_return(struct queue *q, struct lane *l, struct qmsg *qm); /* it had its turn: before those that had none */
void lane_take(struct queue *q, struct qmsg *qm);           /* out of its lane */
void lane_activate(struct queue *q, struct lane *l);
void lane_deactivate(struct queue *q, struct lane *l);
void lane_minute_add(struct lane *l, uint32_t minute, unsigned n);
void lane_minute_sub(struct lane *l, uint32_t minute, unsigned n);
void lane_drop_if_idle(struct queue *q, struct lane *l);
void lane_row(struct queue *q, struct lane *l, struct qmsg *qm); /* give a waiting message a backlog row */
void lane_row_staged(struct queue *q, struct lane *l, struct row_job *j, int64_t ttl_end_ms);
static inline void lane_count_staged(struct lane *l, uint64_t seq)
{
	if (!l->n_rows_staged++)
		l->staged_from = seq;
	l->n_rows++;
}
void lane_row_done(struct queue *q, struct row_job *j); /* committed or not: counts, and lets go of the lane */
static inline uint32_t minute_of(int64_t ms)
{
	return (uint32_t)((ms + 59999) / 60000);
}

/* serve.c */
void serve_run(struct queue *q); /* all links, when something has changed: see dispatch_dirty() */

/* dispatch.c */
void dispatch_dirty(struct queue *q);
bool dispatch_room(struct queue *q, struct outlet *o, enum msg_class class);
void dispatch_take(struct queue *q, struct outlet *o, struct qmsg *qm, unsigned n_parts); /* slots and tokens */
void dispatch_settled(struct queue *q, struct qmsg *qm, unsigned n_parts);                   /* slots back */
void dispatch_unplaced(struct queue *q, struct qmsg *qm, unsigned n_parts); /* of parts that were never submitted */
void dispatch_rate(struct outlet *o);                       /* tps, burst or what the carrier takes has changed */
void dispatch_keep_rate(struct queue *q, const struct outlet *o); /* it goes, and may come back */
void dispatch_known_rate(struct queue *q, struct outlet *o);      /* it is back */
void dispatch_drop_rates(struct queue *q, int64_t now_us);
void dispatch_unsent(struct queue *q, struct qmsg *qm, uint64_t parts);
void dispatch_stalled(struct queue *q, struct outlet *o);
unsigned dispatch_bound_parts(const struct qmsg *qm);
int dispatch_plan(struct queue *q, struct qmsg *qm, struct outlet *o);
void dispatch_submit(struct queue *q, struct qmsg *qm);     /* hand what is leased to the driver */
void dispatch_requeue(struct queue *q, struct qmsg *qm);    /* todo is not empty: back to the lane that fits */
void dispatch_gone(struct queue *q, struct qmsg *qm);       /* nothing left to do in memory? then let it go */
/* Lease as many parts of the message as there is room for; how many, 0: no operation to be had. */
unsigned dispatch_lease(struct queue *q, struct outlet *o, struct qmsg *qm);
enum msg_reason dispatch_no_room(struct queue *q, struct outlet *o, enum msg_class class); /* REASON_NONE: room */
/* As dispatch_no_room(), of a link whose dispatch_rate() was called in this run. */
enum msg_reason dispatch_full(struct queue *q, struct outlet *o, enum msg_class class);

#define OTP_RECENT_MS 10000 /* so long the other classes leave room for the next code */
static inline bool otp_recent(const struct queue *q, const struct outlet *o)
{
	return o->otp_at_ms && q->now_us / 1000 - o->otp_at_ms < OTP_RECENT_MS;
}

/* Refill a bucket; is there one token?  rate 0: always. */
static inline bool tokens_has(double *tokens, int64_t *at_us, double rate, double burst, int64_t now_us)
{
	if (rate <= 0)
		return true;
	if (*at_us == 0)
		*tokens = burst;
	else
		*tokens += rate * (double)(now_us - *at_us) / 1e6;
	*at_us = now_us;
	if (*tokens > burst)
		*tokens = burst;
	return *tokens >= 1;
}

/* choice.c */
#define SKIP_ONE 0x80 /* skip, of routes that choose: all links but the one of this index */
bool outlet_serves(const struct outlet *o, enum msg_class class);
/* What it is that outlet_serves() misses. */
enum msg_reason outlet_why_not(const struct outlet *o, enum msg_class class);
/* The link for a message of the lane that has room now; NULL and why. */
struct outlet *choice_pick(struct queue *q, const struct lane *l, const struct qmsg *qm, enum msg_reason *ret_why);
/* What stands for the links of the lane's route while one of them can send; NULL and why. */
struct outlet *choice_up(const struct lane *l, enum msg_reason *ret_why);
int choice_routes(struct queue *q, struct queue_route *routes, unsigned n); /* before the lanes are told */
void choice_sweep(struct queue *q);                                        /* after: what no route has goes */
int64_t choice_wait_us(struct queue *q, struct choice *c);

/* quota.c */
int quota_load(struct queue *q);
void quota_take(struct queue *q, struct outlet *o, unsigned n_parts, uint64_t to); /* leased … */
void quota_back(struct queue *q, struct outlet *o, unsigned n_parts);              /* … and not sent */
unsigned quota_room(const struct outlet *o, enum msg_class class);                 /* parts; UINT_MAX: no bound */
bool quota_fits(const struct outlet *o, enum msg_class class, uint64_t to, unsigned n_parts);
/* … which was next, and did not. */
void quota_close(struct queue *q, struct outlet *o, enum msg_class class, uint64_t to);
/* When what waits for it may go: wall clock; 0: it is not used up. */
int64_t quota_until(const struct outlet *o, enum msg_class class);
bool quota_takes_new(const struct outlet *o, uint64_t to);
double quota_share(const struct outlet *o); /* used of what is used most, 0 … 1 */
void quota_clock(struct queue *q, struct outlet *o); /* a period may have ended */
void quota_second(struct queue *q);
void quota_done(struct queue *q);
static inline bool quota_shut(const struct outlet *o, enum msg_class class)
{
	return class == CLASS_OTP ? o->no_quota_otp : o->no_quota;
}

/* receipt.c */
struct idform *receipt_forms(struct queue *q, uint32_t link); /* NULL: no memory */
int receipt_load_forms(struct queue *q);
void receipt_second(struct queue *q); /* alarms, and what was learned goes to disk */
void receipt_unparked(struct queue *q, uint32_t link, int64_t at);
/* A receipt that may tell of the part is on its way to the writer, which may park it. */
bool receipt_on_its_way(struct queue *q, const struct evidence_part *p);
void receipt_remember_settled(struct queue *q); /* after a restart */
void receipt_pools(struct queue *q);
void receipt_done_forms(struct queue *q);
/* What the carrier said when it was asked, and changes nothing. */
void receipt_note_asked(struct queue *q, struct outlet *o, uint64_t key, const struct link_receipt *r);
void receipt_raw(const struct link_receipt *r, char *error, size_t n); /* its words, as rows keep them */
enum msg_state receipt_leads_to(enum receipt_state s); /* STATE_SENT: to nothing */
void receipt_claimed(struct queue *q, uint32_t link, const struct op_submit *s);

/* recur.c */
/* What a receipt says that came then: that its part was taken at `taken_ms`, by their clock; 0: it does not. */
struct taken_claim recur_claim(struct queue *q, const struct outlet *o, int64_t taken_ms, int64_t come_ms);
/* In memory; *ret_doubt is set where it cannot be told. */
struct sent_entry *recur_find(struct queue *q, uint64_t hash, uint64_t to, const struct taken_claim *c,
	struct taken_pick *pick, bool *ret_doubt);
void recur_learn(struct queue *q, struct outlet *o, const struct taken_claim *c, const struct taken_pick *p);
/* From a report that came before the answer to its part. */
void recur_learn_overtaken(struct queue *q, const struct op_submit *s);

/* settle.c */
typedef void settle_then(void *arg, uint64_t a, uint64_t b, int r);
/* What a receipt says of a part that is held in memory; then() may be NULL.  -ENOMEM. */
int settle_receipt(struct queue *q, struct sent_entry *e, struct op_final *f, settle_then *then, void *arg, uint64_t a,
	uint64_t b);
/* Nothing new, but what memory says of the part is not on disk yet: then() follows when it is.  -EAGAIN. */
int settle_receipt_again(struct queue *q, struct sent_entry *e, const struct op_final *f, settle_then *then, void *arg,
	uint64_t a, uint64_t b);
/* What the carrier said of a part when it was asked.  1: its receipt was faster.  -ENOMEM. */
int settle_asked(struct queue *q, const struct outlet *o, const struct store_msg *msg, unsigned part,
	enum msg_class class, uint64_t hash, const struct link_receipt *r);
/* A carrier has taken a part: the row, and what to wait for.  `ended`: its message is final already. */
void settle_submit(struct queue *q, const struct message *m, const struct store_msg *sm, struct outlet *o,
	unsigned part, const char *smsc_id, bool last, bool ended);
void settle_took(struct queue *q, struct qmsg *qm, struct outlet *o, unsigned part, const char *smsc_id);
/* In seconds: until then a receipt may come for what left at `at_ms`. */
int64_t settle_deadline(const struct outlet *o, const struct message *m, int64_t at_ms);
uint64_t settle_hash(const struct outlet *o, const char *smsc_id); /* in `sent` and on disk; 0: there is no id */
void settle_account(struct queue *q, uint64_t id, enum msg_class class, int msg_state, bool correction);
void settle_pools(struct queue *q);
void settle_final(struct queue *q, struct qmsg *qm, unsigned part, enum msg_state state, enum msg_reason reason,
	const char *error);
void settle_whole(struct queue *q, struct qmsg *qm, enum msg_state state, enum msg_reason reason);
void settle_rows_final(struct queue *q, const struct store_msg *sm, unsigned part, enum msg_class class,
	enum msg_state state, enum msg_reason reason, bool unless_submitted);
void settle_spill(void *arg, const struct sent_entry *e);
void settle_flush_spill(struct queue *q);
/* Its time is to come and its link does not keep it: it waits here, and nothing of it has left. */
void settle_schedule(struct queue *q, struct qmsg *qm);
void settle_late(void *arg, struct sent_entry *e);
void settle_remember(struct queue *q, const struct message *m, const struct store_msg *sm, const struct store_sent *s);
/* What a parked receipt says of a part that nobody answered; nothing when it was another's meanwhile.  -ENOMEM. */
int settle_by_evidence(struct queue *q, const struct evidence_part *p, const struct evidence_receipt *r);

/* refused.c */
/* The row of an attempt that did not simply end with SENT.  next_at: its due row, 0: none. */
void attempt_row(struct queue *q, struct qmsg *qm, struct outlet *o, unsigned part, enum outcome outcome,
	uint32_t code, const char *text, int64_t next_at, enum msg_reason reason, unsigned skip);
unsigned attempt_count(struct qmsg *qm, unsigned part); /* one more; how many they are now */
/* These parts have a new lease on disk: attempts of before that the disk has refused must not take it away. */
void attempt_overtaken(struct queue *q, uint64_t id, uint64_t parts);
/* The disk has refused it.  Not again yet while a new lease of its part is on its way: that may be there, or not. */
bool attempt_may_go(const struct queue *q, const struct op_attempt *a);
void refused_retry(struct queue *q, struct qmsg *qm, struct outlet *o, unsigned part, const struct settle *s);
void refused_fault(struct queue *q, struct qmsg *qm, struct outlet *o, unsigned part, const struct settle *s);
void refused_throttled(struct queue *q, struct qmsg *qm, struct outlet *o, unsigned part, const struct settle *s);
void refused_for_good(struct queue *q, struct qmsg *qm, struct outlet *o, unsigned part, const struct settle *s,
	enum msg_reason reason);
void refused_decide(struct queue *q, struct qmsg *qm, struct outlet *o); /* after each part that came back */

/* A queue is full, though others were taken since this message was told so before: it is not the link's. */
static inline bool refused_full_again(const struct qmsg *qm, const struct outlet *o, const struct settle *s)
{
	return s->queue_full && qm->n_full && o->sent > qm->full_at_sent;
}

/* uncertain.c */
/* Written, never answered; also what a lease without an outcome is after a crash. */
void uncertain_settle(
	struct queue *q, struct qmsg *qm, struct outlet *o, unsigned part, uint32_t code, const char *text);
/* Answered after all, when it was settled as UNKNOWN already; qm NULL: not in memory any more. */
void uncertain_late(struct queue *q, struct qmsg *qm, struct outlet *o, unsigned part, const struct settle *s);
/* This receipt (arg: the queue) is parked now.  True: it tells of an uncertain part, and that is staged. */
bool uncertain_parked(void *arg, const struct evidence_receipt *r);
/* The only part that this receipt of unknown id can speak of, or NULL. */
struct evidence_part *uncertain_part_of(struct queue *q, struct outlet *o, const struct evidence_receipt *r);
void uncertain_load(struct queue *q); /* after a restart */
bool uncertain_resends(const struct outlet *o, enum msg_class class);

/* ask.c */
void ask_plan(const struct outlet *o, struct sent_entry *e, int64_t at_ms, int64_t now_ms); /* when it will be asked */
void ask_entry(void *arg, struct sent_entry *e); /* its time has come */
void ask_second(struct queue *q);
void ask_free_all(struct queue *q);

/* refill.c */
void refill_lane(struct queue *q, struct lane *l);
void refill_left(struct queue *q, const struct qmsg *qm);   /* a message leaves memory before its row was read */
void refill_feed(struct queue *q, struct outlet *o);        /* memory has room again, perhaps */
void refill_fed(struct lane *l);                            /* whether it is active, read, or at which link */
void refill_sated(struct lane *l);                          /* it waits for memory no more */
/* Has memory room for messages of this class?  A link that has few of them gets some beyond that: refill.c. */
static inline uint64_t resident_room(const struct queue *q, enum msg_class class)
{
	uint64_t most = class == CLASS_OTP ? 2 * (uint64_t)q->max_resident : q->max_resident;

	return q->n_by_id + q->n_asked < most ? most - q->n_by_id - q->n_asked : 0;
}
void refill_start(struct queue *q);                         /* after a restart */
void refill_count_lane(struct queue *q, struct lane *l);
void refill_kept(struct queue *q, struct store_loaded *x); /* what cancel.c had kept back */
void refill_second(struct queue *q);                       /* what failed is asked for again */
struct store_msg refill_msg(struct queue *q, const struct store_loaded *x);
void refill_retaken_forget(struct queue *q, uint64_t id); /* its due row may wake it again */

/* due.c */
void due_row_made(struct queue *q, int64_t at_ms); /* a due row of this time is on disk now */
void due_code_made(struct queue *q, int64_t at_ms, uint64_t key); /* likewise, and it brings a code back */
void due_codes(struct queue *q); /* those whose time has come */

/* cancel.c */
bool cancel_covers(const struct queue *q, const struct message *m);
bool cancel_blocks(struct queue *q, struct store_loaded *x); /* takes *x when it does */
void cancel_pages_came(struct queue *q);
int cancel_load(struct queue *q);

/* sweep.c */
void sweep_second(uv_timer_t *t);
void sweep_disk(struct queue *q);

#endif
