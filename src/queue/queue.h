/* SPDX-License-Identifier: Apache-2.0
 *
 * queue.h -- what waits, in which order it leaves, and what happened to what left.
 *
 * PROMISES
 *  1. done(r = 0) of queue_add() means on disk and synced.
 *  2. Every accepted message reaches one final state, with a reason; while it waits it has reason, since, next_try.
 *  3. A part is leased on disk before its first octet leaves; after a crash a lease without an outcome is uncertain
 *     and the link's on_uncertain decides.
 *  4. Memory is bounded whatever the backlog: a lane holds queue.lane_window messages in memory, all of
 *     them queue.max_resident, the rest is rows.
 *  5. otp overtakes: it is served first, and while an otp came within the last 10 s other classes leave
 *     max(1, 5 %) of each window and 5 % of each rate free for it.
 *
 * WHERE AN UNRESOLVED MESSAGE IS FOUND AFTER A CRASH.  Its id is at or above low_water, or it has a row in backlog,
 * due or waiting.  low_water passes a message only when it is final or has such a row.  A backlog row stays until its
 * message is final, due or waiting, not only until it was sent: so a restart finds the receipts that are to come.
 *
 * LANE = (class, client, campaign, route, skip).  The lane's link is the first one of its route, after `skip`, that is
 * up.  A link serves otp lanes first, then the others by deficit round robin, one quantum = one part.  A route that
 * chooses among its links serves its lanes in the same way, and each message goes to the link that is chosen for it.
 *
 * Everything runs on the loop thread; callbacks never run from inside the call that they answer.
 */
#ifndef QUEUE_H
#define QUEUE_H

#include <uv.h>

#include "base/conf.h"
#include "base/period.h"
#include "codec/receipt.h"
#include "queue/adapt.h"
#include "queue/guard.h"
#include "queue/silence.h"
#include "queue/names.h"
#include "queue/pace.h"
#include "queue/store.h"

struct queue;
struct outlet;
struct part;
struct driver_question;
struct driver_answer;

/* ---- what the queue knows of a link (embedded in struct link; the fields above the line are link.c's) ---- */

struct outlet_ops {
	/* As driver.submit(): 0, or -EAGAIN / -ENOTCONN and the part is queued again. */
	int (*submit)(struct outlet *o, const struct part *p);
	/* What a sender becomes on this link, lent until the next call.  May be NULL: it never changes. */
	const char *(*sender)(struct outlet *o, const char *from, uint64_t to);
	/* As driver.ask().  NULL: it has no such question. */
	int (*ask)(struct outlet *o, const struct driver_question *question);
	/* As link_alarm() of drivers/driver.h: `text` NULL when it is over.  May be NULL. */
	void (*alarm)(struct outlet *o, const char *code, const char *text);
	void (*idle)(struct outlet *o); /* nothing is in flight any more; it may not be freed from inside */
};

#define QUEUE_ROUTE_LINKS 64

/* How much may leave over an account within periods; 0: no bound. */
struct quota_limits {
	bool any;
	uint64_t parts[QUOTA_KINDS];
	uint64_t recipients[QUOTA_KINDS]; /* of QUOTA_DAY and QUOTA_MONTH */
	unsigned reserve_otp;             /* per cent of each */
	struct period_rule rule;
};

/* What of it is used, for views. */
struct quota_view {
	struct quota_used {
		uint64_t limit, used;     /* limit 0: none, then `used` is of the period all the same */
		int64_t end_ms;           /* of the period; 0: it has not begun */
	} parts[QUOTA_KINDS], recipients[QUOTA_KINDS];
	int64_t until_ms;                 /* used up until then; 0: it is not */
};

struct account;
struct choice;

/* What a part costs to numbers that begin so. */
struct outlet_price {
	uint64_t digits;
	unsigned n_digits;
	double price;
};


struct outlet {
	const struct outlet_ops *ops;
	uint32_t id;             /* NAME_LINK */
	uint32_t account;        /* NAME_ACCOUNT: whose quotas what leaves here uses up */
	bool up;                 /* can send */
	bool draining;           /* finish what was taken, take nothing new */
	bool removed;            /* no longer configured */
	bool reports;            /* receipts may come */
	bool one_receipt;        /* one for all parts of a message */
	bool schedules;          /* it can keep what is for later (schedule_delivery_time) */
	bool own_ids;            /* receipts name their parts by ids of the driver's making, and quote nothing */
	bool numbers;            /* its parts have numbers, which receipts may give back (msg_key_number()) */
	unsigned window;         /* parts in flight */
	double tps;              /* 0: no limit */
	unsigned burst;
	enum uncertain_policy { UNCERTAIN_RESEND, UNCERTAIN_HOLD, UNCERTAIN_FAIL, UNCERTAIN_N } on_uncertain;
	uint8_t on_uncertain_of[CLASS_N]; /* 0: as on_uncertain; else enum uncertain_policy + 1 */
	enum receipt_id_form receipt_form;
	double match_alarm;      /* share of receipts that must find their part; 0: no alarm */
	struct segment_rules rules;
	int64_t receipt_timeout_s; /* 0: ttl + 24 h */
	bool queries;            /* parts without a receipt are asked about … */
	int64_t query_after_ms;  /* … after so long … */
	double query_tps;        /* … and so many a second */
	unsigned max_attempts;
	int64_t retry_min_ms, retry_max_ms;
	struct quota_limits quota;
	struct guard_rule guard_rule;
	double price, weight;    /* see enum queue_choose; weight 0 is 1 */
	const struct outlet_price *prices;
	unsigned n_prices;
	/* ------ the queue's ------ */
	struct idform *idform;   /* how its receipts spell ids; NULL until it is known to the queue */
	unsigned in_flight;      /* leased, not settled */
	unsigned in_flight_bulk; /* of these: not otp */
	struct pace pace;        /* what left of late, and what may */
	struct adapt adapt;      /* what the carrier was found to take */
	int64_t pause_until_ms;  /* clock_mono_ms(); refused: nothing before */
	int64_t otp_at_ms;
	struct lane *lanes;      /* ring of lanes with something to send here */
	struct lane *otp_lanes;
	struct lane *hungry, *hungry_tail; /* lanes whose rows wait for room in memory, and … */
	unsigned n_fed;          /* … how many lanes have something there, or are being read */
	struct qmsg *stalled, *stalled_tail; /* leased, but the driver had no room */
	uint64_t sent, retried, rejected, throttled, uncertain;
	uint64_t waiting;        /* of queue_count_waiting() */
	unsigned asking;         /* questions chosen and not answered: each keeps a place of the window */
	unsigned query_failures; /* in a row */
	double query_tokens;
	int64_t query_tokens_at_us, query_rest_ms;
	char query_off[40];      /* why the carrier is asked no more; "": it is */
	uint64_t queried, query_answered, query_settled;
	int64_t taken_us;        /* when it was given a part last */
	struct choice *choice;   /* not a link: what stands for all links of a route that chooses among them */
	int64_t look_us;         /* no_new: lanes were looked through for known recipients, again then */
	struct account *used;    /* what counts for its quotas; NULL: it has none */
	bool no_quota, no_quota_otp; /* used up, for the others and for class otp */
	bool no_new;             /* … for recipients that it has not had */
	int64_t quota_end_ms;    /* when that may be otherwise; wall clock */
	struct guard guard;      /* set aside, as it failed too often? */
	struct silence silence;  /* do its reports still come? */
	bool aside_changed;      /* which of its lanes it serves is to be looked at again */
};

/* Which link of its route a message takes, of those that can take it: up, within their quotas, not set aside.
 *   ORDER   the first
 *   LOAD    the least busy: in flight by window and weight, then the share of its quota that is used, then the longest
 *           without a part; a message waits only while none has room
 *   PRICE   the cheapest for the recipient, of equally cheap ones the least busy; it waits for them
 *   STICKY  always the same for a recipient (the highest of a hash of both), the next one while that cannot take it */
enum queue_choose { CHOOSE_ORDER, CHOOSE_LOAD, CHOOSE_PRICE, CHOOSE_STICKY };

struct queue_route {
	uint32_t id; /* NAME_ROUTE */
	unsigned n_links;
	struct outlet *links[QUEUE_ROUTE_LINKS];
	enum queue_choose choose;
	struct choice *choice;     /* the queue's */
	const char *from;          /* sender of all its messages; "": theirs.  Lent until the routes are set again */
	const char *from_fallback; /* of those that have none, or one of a kind that is not in from_mask */
	unsigned from_mask;        /* 1u << enum sender_kind */
};

/* ---- start and stop -------------------------------------------------------------------------------------- */

/* Called for each part-level and message-level change that others look at (webhooks, metrics): after the commit. */
struct queue_events {
	void (*on_final)(void *arg, enum msg_class class, enum msg_state state);
	/* What waits cannot all be read, as it is damaged; once.  Nothing new is taken or sent any more: stop in
	 * order, so that what was answered is stored. */
	void (*on_damaged)(void *arg);
	void *arg;
};

/* Also reads lanes and quotas from the store (blocking).  Configure it (queue_set_…), then start.  After -errno the
 * process must end: what was made until then stays. */
int queue_new(uv_loop_t *loop, struct store *s, const struct store_boot *boot, const struct conf *c,
	struct names *names, const struct queue_events *events, struct queue **ret);
/* Begin: leases first, then what is fresh, then the backlog; sending starts at once. */
void queue_start(struct queue *q);
/* Take nothing new; stopped() when nothing is in flight any more or deadline_ms has passed; leases are released. */
void queue_stop(struct queue *q, int64_t deadline_ms, void (*stopped)(void *arg), void *arg);
/* After the store is closed: has it all of how parts ended? */
bool queue_is_stored(const struct queue *q);
void queue_free(struct queue *q);

/* What the configuration says; again after every reload. */
struct queue_client {
	uint32_t id;
	double tps;
	unsigned burst;
	uint64_t max_waiting;
	bool webhook;        /* gets events */
};
void queue_set_limits(struct queue *q, const struct conf *c);
void queue_set_client(struct queue *q, const struct queue_client *c);
void queue_set_routes(struct queue *q, const struct queue_route *routes, unsigned n); /* copies; the old ones go */
/* Take an outlet out of every route before it is freed; what waits for it is routed again. */
void queue_forget_outlet(struct queue *q, struct outlet *o);
/* The router, for messages whose route is gone or that had none (after a reload). */
void queue_set_router(struct queue *q, uint32_t (*route_of)(void *arg, const struct message *m), void *arg);

/* ---- intake ---------------------------------------------------------------------------------------------- */

#define QUEUE_BATCH_MAX 1000

/* The queue's: sequence numbers given out and not yet committed (a page must not be believed beyond the lowest). */
struct staged {
	struct staged *next, *prev;
	uint64_t seq;
};

struct queue_batch {
	struct message **messages; /* message_new()ed, without id; the queue owns them when queue_add() returned 0 */
	unsigned n;                /* at most QUEUE_BATCH_MAX; 0 is allowed (only progress is stored) */
	struct store_idem *idem;   /* or NULL; lent until done() */
	struct store_progress *progress;
	void (*done)(struct queue_batch *b, int r); /* 0: on disk.  -EEXIST, -ENOSPC, -EIO, -ENOLCK: nothing of it */
	void *arg;
	uint64_t *ids;             /* caller's, n of them: filled by queue_add() */
	/* the queue's */
	struct op_accept op;
	struct store_accept *items, one;
	struct queue *queue;
	struct staged staged;
};

/* Give ids, choose lane, place and link, stage.  On failure nothing was taken:
 *   -EAGAIN   too much is staged: pause reading and try again       -EDQUOT  the client's max_waiting
 *   -ENOBUFS  queue.max_waiting                                     -ENOSPC  queue.disk_reserve_mb
 *   -ESHUTDOWN  stopping */
int queue_add(struct queue *q, struct queue_batch *b);

/* ---- from links ------------------------------------------------------------------------------------------ */

struct settle;
void queue_outlet_changed(struct queue *q, struct outlet *o); /* up, down, window, rate, draining, ready */
void queue_settle(struct queue *q, struct outlet *o, const struct settle *s);
/* What came of a question. */
void queue_answered(struct queue *q, struct outlet *o, const struct driver_answer *a);
/* An answer told how busy the carrier is: congestion_state (SMPP 5.0), 0 to 100. */
void queue_congestion(struct queue *q, struct outlet *o, unsigned percent);

/* A receipt.  0: done() follows after the commit: acknowledge (0) or ask for it again (-errno).  1: it changes nothing
 * (intermediate, or a repetition of what is on disk): acknowledge at once.  -ENOMEM, -EAGAIN: ask for it again. */
struct link_receipt;
int queue_receipt(struct queue *q, struct outlet *o, const struct link_receipt *r,
	void (*done)(void *arg, uint64_t a, uint64_t b, int r), void *arg, uint64_t a, uint64_t b);

/* Its account or its limits are others now. */
void queue_quota_changed(struct queue *q, struct outlet *o);
void queue_quota(struct queue *q, const struct outlet *o, struct quota_view *ret);

/* How a link's ids are read has changed: what is parked may be found now. */
void queue_retry_parked(struct queue *q, struct outlet *o);

/* ---- control and views ----------------------------------------------------------------------------------- */

enum queue_cancelled {
	CANCEL_DONE,
	CANCEL_UNCONFIRMED, /* it goes no more, but an attempt was never answered */
	CANCEL_IN_FLIGHT,
	CANCEL_FINAL,
	CANCEL_NOT_FOUND,
	CANCEL_N
};

/* client 0: anybody's.  r: enum queue_cancelled, or -errno. */
int queue_cancel(struct queue *q, uint64_t id, uint32_t client, void (*done)(void *arg, int r), void *arg);

/* All of the client's that was answered 202 before now.  counts: by enum queue_cancelled.  each() for every id when it
 * is not NULL, before done(). */
int queue_cancel_tag(struct queue *q, uint32_t client, const char *tag, void (*each)(void *arg, uint64_t id, int r),
	void (*done)(void *arg, int r, const uint64_t counts[CANCEL_N]), void *arg);

/* Correct state, reason, since and next_try of what was read from rows by what is held in memory. */
void queue_overlay(struct queue *q, struct store_detail *d, int64_t *ret_since);

struct queue_lane_view {
	enum msg_class class;
	uint32_t client, campaign, route, link; /* link: 0 = none is up */
	uint64_t waiting;
	unsigned in_memory, in_flight;
	int64_t oldest_ms;        /* created of the oldest in memory; 0 unknown */
	uint64_t oldest_id;
	enum msg_reason reason;
	int64_t since_ms, next_try_ms;
};
void queue_lanes(struct queue *q, void (*each)(void *arg, const struct queue_lane_view *v), void *arg);

/* Set outlet.waiting of all links: messages that wait for it; those of a route that chooses wait for each of its
 * links. */
void queue_count_waiting(struct queue *q);

struct queue_stats {
	uint64_t accepted, waiting, resident, in_flight, receipts_waiting;
	uint64_t final[STATE_N];
	uint64_t receipts_matched, receipts_parked, receipts_claimed, receipts_repeated, receipts_ignored;
	uint64_t corrections, expired_unsent;
	uint64_t low_water, next_id;
	bool recovering;          /* the scan after a restart is still running */
	bool disk_full;           /* nothing is accepted: -ENOSPC */
};
void queue_stats(const struct queue *q, struct queue_stats *ret);
uint64_t queue_client_waiting(const struct queue *q, uint32_t client);

#endif
