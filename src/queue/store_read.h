/* SPDX-License-Identifier: Apache-2.0
 *
 * store_read.h -- look-ups in the store: questions that its two readers answer, and what they find.  Part of store.h,
 * which says how they are served.
 */
#ifndef STORE_READ_H
#define STORE_READ_H

#include "queue/store.h"

enum store_reader { STORE_QUEUE, STORE_API };

enum store_query_kind {
	Q_BACKLOG, Q_DUE, Q_LEASES, Q_FRESH, Q_EXPIRED, Q_LANE_COUNT, Q_LOAD,    /* the queue's */
	Q_INBOUND_SET, Q_INBOUND_DUE,                                            /* inbound messages in parts */
	Q_EVENTS,                                                                /* the webhooks' */
	Q_MESSAGE, Q_LIST, Q_STREAM, Q_WEBHOOKS, Q_INBOUND, Q_PARKED, Q_TOTALS,  /* the API's */
	Q_TAGGED, Q_INDEX,                                                       /* background work */
	Q_N
};

struct store_query {
	struct store_query *next;
	uint8_t kind;
	int r;                 /* 0 or -errno */
	/* Loop thread; then store_query_done() frees the results, not the struct. */
	void (*done)(struct store_query *q);
	void *arg;
};

void store_read(struct store *s, enum store_reader reader, struct store_query *q);
void store_query_done(struct store_query *q);

/* A message on its way back into memory, with what its rows say. */
struct store_sent {
	unsigned part;
	int64_t at;
	uint32_t link;
	uint8_t state;         /* the final one, or STATE_SENT */
	char smsc_id[66];
};
struct store_loaded {
	/* The receiver may take it and set NULL here.  NULL: the row is there, its message gone.  Its text is NULL
	 * where it was not asked for, and where it is final and was scrubbed; of any other it is lost, which the store
	 * has told: that one must not be sent. */
	struct message *m;
	bool final;            /* the message is final: only its leftover rows are to be deleted */
	uint64_t submitted, finals, leased, due; /* bit p-1, by part; due: a due row brought it (bit 0.. of due_key) */
	uint32_t bound_link;   /* 0: not bound */
	uint32_t bound_ref;
	uint16_t bound_cut;    /* 0: written before cuts were kept */
	uint8_t bound_parts;
	uint32_t lease_link;
	uint32_t lane;         /* the backlog row that brought it, or 0 */
	uint64_t seq;
	int64_t due_at;        /* the due row that brought it, or 0 */
	uint64_t due_key;
	uint8_t due_reason, skip;
	uint16_t tries;        /* of the due row; else as many attempt rows as cost a try */
	struct store_sent *sent; /* parts submitted and not final (q_load.settled: all submitted) */
	unsigned n_sent;
};
struct q_load {
	struct store_query q;  /* Q_BACKLOG, Q_DUE, Q_LEASES, Q_FRESH, Q_EXPIRED, Q_LOAD */
	uint32_t lane;         /* Q_BACKLOG, Q_EXPIRED */
	uint64_t after_seq;
	int64_t upto;          /* Q_DUE: at <= upto; Q_EXPIRED: end <= this minute */
	int64_t after_at;      /* Q_DUE: rows after (after_at, after_key) */
	uint64_t after_key;
	/* Q_FRESH: [from, upto), from rising; unresolved and neither in backlog nor due.  Q_LOAD: from_id. */
	uint64_t from_id, upto_id;
	unsigned limit;
	bool no_body;
	/* Q_FRESH: the final ones instead, for receipts that repeat or correct.  Q_LOAD: `sent` has final parts too. */
	bool settled;
	bool held;             /* Q_DUE: only what is held for evidence; lease_link is that of its last attempt */
	bool unconfirmed;      /* Q_DUE: only what waits for its receipt */
	/* results */
	struct store_loaded *rows;
	unsigned n_rows;
	uint64_t last_seq;     /* of the last row examined */
	int64_t last_at;       /* Q_DUE, more: of the last row examined; else of the first one after upto, 0 = none */
	uint64_t last_key, next_id; /* Q_FRESH: go on here */
	bool more;
};

/* Counts all rows, whatever their number (about 0.1 s a million): better asked of STORE_API. */
struct q_lane_count {
	struct store_query q;
	uint32_t lane;
	uint64_t after_seq, upto_seq; /* after_seq < seq < upto_seq */
	uint64_t ret_n;
	struct store_minute { uint32_t minute, n; } *ret_minutes; /* ttl ends, rising */
	unsigned ret_n_minutes;
};

struct store_event {
	uint64_t seq, key;
	uint8_t kind, state;
	int64_t at;
	unsigned part, parts, parts_delivered;
	char error[40];
	uint64_t id, to;       /* of the message */
	char ref[MSG_REF_MAX + 1];
	char *in_from, *in_to, *in_text, *in_raw_hex; /* EVENT_INBOUND; malloc()ed as one */
	char *in_missing;      /* "2,5"; "" or NULL: no part is missing.  How many there are: parts */
	uint8_t in_dcs, in_esm_class;
	uint32_t link;         /* EVENT_INBOUND */
};
struct q_events {
	struct store_query q;
	uint32_t endpoint;
	unsigned shard;
	uint64_t after_seq;
	unsigned limit;
	struct store_event *rows;
	unsigned n_rows;
	bool more;
};

/* One message with everything that is known of it. */
struct store_attempt {
	unsigned part, n;
	int64_t at, next_at;
	uint32_t link, code;
	uint8_t outcome, reason;
	char text[64], smsc_id[66];
};
struct store_part {
	unsigned part;
	uint8_t state;         /* enum msg_state */
	uint32_t link;
	char smsc_id[66], error[40];
	char sender[MSG_FROM_MAX + 1]; /* that went out; "": the message's */
	char raw[40];          /* state and code of the receipt that made it final, also when delivered; "" = none did */
	uint16_t receipt;      /* receipt_mark() */
	unsigned attempts;
	int64_t leased_at, submitted_at, final_at;
	uint8_t reason;
	uint8_t first_state, first_reason; /* before corrections; 0: not final by a row of its own */
	char first_error[40];
};
struct store_correction {
	unsigned part;
	uint8_t state;
	int64_t at;
	char raw[40];
	uint16_t receipt;
};
struct store_note {        /* a receipt that changed nothing */
	unsigned part;
	int64_t at;
	uint32_t link;
	uint8_t state;
	uint16_t receipt;
	char raw[40];
};
struct store_detail {
	struct message *m;     /* text NULL when the body was scrubbed or not asked for */
	uint8_t state, reason; /* from rows; the queue overlays what it holds in memory */
	int64_t final_at, next_try;
	unsigned decided_by;   /* the part that gave the message its state, 0 = none */
	char error[40];
	uint8_t first_state, first_reason; /* before corrections; 0: not final */
	char first_error[40];
	unsigned parts_delivered;
	uint32_t link;         /* of its first part */
	struct store_part *parts;
	unsigned n_parts;
	struct store_attempt *attempts;
	unsigned n_attempts;
	bool unanswered;       /* one of them was */
	struct store_correction *corrections;
	unsigned n_corrections;
	struct store_note *notes; /* with the attempts */
	unsigned n_notes;
};
struct q_message {
	struct store_query q;
	uint64_t id;
	uint32_t client;       /* not 0: -ENOENT unless it is this client's */
	struct store_detail ret;
};
struct q_list {
	struct store_query q;
	uint32_t client;       /* 0: all */
	uint32_t campaign;     /* 0: all */
	uint64_t to;           /* 0: all */
	char ref[MSG_REF_MAX + 1], tag[MSG_REF_MAX + 1]; /* "": all */
	int state;             /* -1: all */
	int64_t since, until;  /* since <= created < until; 0: open */
	uint64_t after;        /* ids below; 0: from the newest */
	unsigned limit;
	struct store_detail *rows; /* without attempts */
	unsigned n_rows;
	uint64_t next;         /* cursor; 0: at the end */
	bool complete;         /* false: the page ended early by its row or time bound */
};
struct q_stream {
	struct store_query q;  /* -ENOENT */
	struct store_progress progress; /* in: client, name; out: the rest */
};
struct q_webhooks {
	struct store_query q;
	uint32_t endpoint;
	uint64_t waiting, dead;
	int64_t oldest_at;
};
struct store_inbound {
	uint64_t n;
	int64_t at;
	uint32_t link, client;
	char *from, *to, *text, *raw_hex; /* digits in lower case */
	char *missing;         /* "2,5"; "": no part is missing */
	uint8_t dcs, esm_class, parts;
};
struct q_inbound {
	struct store_query q;
	uint32_t client;       /* 0: all */
	char from[24], to[24];
	int64_t since;
	uint64_t after;
	unsigned limit;
	struct store_inbound *rows;
	unsigned n_rows;
	uint64_t next;
	bool complete;         /* as in q_list */
};
/* The parts of a set that is not joined yet, by number.  -ENOENT: there is none. */
struct store_inbound_part {
	uint8_t seq, dcs, esm_class;
	char *text;            /* one malloc() with raw, which begins behind its NUL */
	const uint8_t *raw;
	uint32_t n_text, n_raw;
};
struct q_inbound_set {
	struct store_query q;
	uint64_t set;
	uint32_t link;
	char *from, *to;
	uint8_t total;
	struct store_inbound_part *parts;
	unsigned n_parts;
};
/* Sets to be joined now: complete, closed, or at their deadline. */
#define INBOUND_DUE_MAX 256
struct q_inbound_due {
	struct store_query q;
	int64_t now;
	uint64_t sets[INBOUND_DUE_MAX];
	unsigned n_sets;
	bool more;
};
/* Messages counted, those that retention has deleted among them: one page, a sum of its own. */
struct store_total {
	uint32_t day, client, campaign, link; /* day: of acceptance, since 1970 in UTC; link: 0 = none took it */
	uint8_t class, state;  /* STATE_QUEUED: not final yet, whatever else it is */
	uint64_t messages, parts, taken; /* taken: parts that a carrier took */
};
struct q_totals {
	struct store_query q;
	uint32_t client;       /* 0: all */
	uint32_t campaign;     /* 0: all */
	char tag[MSG_REF_MAX + 1]; /* "": all */
	uint32_t first_day, last_day;
	uint64_t after;        /* 0: from the beginning; else next of the page before */
	struct store_total *rows;
	unsigned n_rows;
	uint64_t next;         /* cursor; 0: at the end */
};
struct store_parked {
	uint64_t n;
	uint32_t link;
	char smsc_id[66], smsc_id2[66], stat[24], err[12];
	uint64_t to, other;
	int64_t at;
	int64_t taken;         /* struct link_receipt, taken_ms; 0: it did not say */
	uint8_t state, why;
	bool tlv;
};
struct q_parked {
	struct store_query q;
	uint32_t link;         /* 0: of all */
	uint64_t after;
	unsigned limit;
	struct store_parked *rows;
	unsigned n_rows;
	uint64_t next;
	bool complete;
};
/* Ids of a client with a tag, from from_id up to upto_id (included), that are not final; rising, resumable. */
struct q_tagged {
	struct store_query q;
	uint32_t client;
	char tag[MSG_REF_MAX + 1];
	uint64_t from_id, upto_id;
	unsigned limit;
	struct store_loaded *rows; /* without bodies */
	unsigned n_rows;
	uint64_t next_id;
	bool more;
};
/* The rows of one run of the look-up table, sorted.  ret_indexed_to is the end of the run, or 0: not complete yet.
 * A complete run may be empty (ids that a restart left unused). */
struct q_index {
	struct store_query q;
	uint32_t run;
	uint64_t below_id;     /* complete: every id of the run is below */
	struct store_lookup *rows;
	unsigned n_rows;
	uint64_t ret_indexed_to;
};
/* Hash of a value as the look-up table keeps it; `what` is 'r' ref, 't' tag, 'n' number (the uint64_t).  Only tags are
 * kept by client; for the others `client` is not looked at. */
uint64_t store_lookup_hash(char what, uint32_t client, const void *value, size_t n);

#endif
