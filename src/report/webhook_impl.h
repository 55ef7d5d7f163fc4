/* SPDX-License-Identifier: Apache-2.0 */
/* webhook_impl.h -- what webhook.c (endpoints, life) and webhook_shard.c (one shard's work) share.
 *
 *          wake, start                   page read                      2xx, more to post
 *     IDLE ───────────► READING ────────────────────────► POSTING ◄──────────────────────┐
 *       ▲                 ▲  │ page is to be buried          │ │ └───────────────────────┘
 *       │                 │  ▼                               │ │ refused, failed
 *       │                 │ BURYING ◄────────────────────────┘ ▼
 *       │ nothing waits   │  │        (refused for good)    WAITING ──► timer: READING
 *       └─────────────────┴──┘
 *
 * Every state may go to OFF: at a stop, and when the endpoint is gone.
 *
 * A shard has two pages: the one that is being posted and the next one, read meanwhile.  Rows are in
 * memory only while they are worked on; WAITING and IDLE hold none, so a thousand endpoints that are down
 * cost nothing.
 */
#ifndef WEBHOOK_IMPL_H
#define WEBHOOK_IMPL_H

#include <stdbool.h>

#include "report/webhook.h"
#include "report/webhook_http.h"

#define WEBHOOK_PAGE  100  /* rows read at once, or a batch if that is more */
#define WEBHOOK_BURY  1000 /* rows read at once when the oldest of too many are to be buried */
#define WEBHOOK_ERROR 96

enum shard_state { SHARD_OFF, SHARD_IDLE, SHARD_READING, SHARD_POSTING, SHARD_BURYING, SHARD_WAITING };

struct page {
	struct q_events q; /* its rows are ours until store_query_done() */
	unsigned pos;	   /* rows before it are done with */
	bool loaded;
};

struct shard {
	struct endpoint *ep;
	unsigned n;
	uint8_t state; /* enum shard_state */
	bool woken;    /* events may wait behind what was read */
	bool reading;  /* pages[!cur].q is the store's */
	bool expiring; /* the last page was too old as a whole: go on reading although we wait */
	bool troubled; /* since the last 2xx a request failed or was refused */
	unsigned cur;
	struct page pages[2];
	uint64_t done_seq; /* acknowledged or buried up to here, as far as this process cares */
	struct webhook_post *post;
	unsigned n_posted; /* events of the request under way */
	/* acknowledging: one operation for all that was acknowledged while the last was in the writer's
	 * hands */
	struct op_events ack;
	uint64_t ack_seq; /* wanted */
	bool acking;
	/* failing */
	uv_timer_t timer;
	unsigned failures;     /* in a row */
	int64_t retry_mono_ms; /* no request before; 0: at once */
	int64_t failed_mono_ms; /* what it waits for is its own back-off since then; 0: something else */
	/* refused: a guilty event lies in done_seq < seq <= bad_seq */
	uint64_t bad_seq;
	unsigned refusals;	 /* of one event alone */
	int64_t refused_mono_ms; /* the first of them */
	bool too_large;		 /* the first event fits no body */
	/* burying */
	struct op_events bury;
	unsigned n_bury;
};

struct endpoint {
	struct webhooks *w;
	uint32_t id;
	bool active; /* in the configuration, with a URL */
	char *client, *url, *shown, *secret;
	unsigned batch;
	uint64_t posted, delivered, failed, dead;
	char last_error[WEBHOOK_ERROR];
	int64_t last_ok_ms;
	unsigned n_troubled;  /* shards */
	uint64_t failures;    /* of this wave */
	int64_t down_mono_ms; /* since when; 0: up */
	bool told_private, told_expired, told_excess;
	int64_t replayed_ms; /* a replay brings old events back: age counts from here */
	/* max_events */
	uv_timer_t check; /* runs while n_troubled */
	struct q_webhooks count;
	bool counting;
	bool count_stale;   /* rows were buried since the count began */
	unsigned n_burying; /* shards */
	int64_t counted_mono_ms;
	uint64_t excess;      /* events to be buried, oldest first */
	struct shard *shards; /* w->n_shards */
};

struct webhooks {
	uv_loop_t *loop;
	struct store *store;
	struct names *names;
	struct webhook_http *http;
	struct conf_webhook conf;
	struct webhook_times times;
	unsigned n_shards;
	struct endpoint **endpoints; /* by id; NULL: not a client with a webhook */
	uint32_t n_endpoints;	     /* of the array */
	unsigned n_ops;		     /* replays under way */
	bool stopping, closing;
	uv_timer_t deadline;
	unsigned n_handles;
	void (*stopped)(void *arg);
	void *arg;
};

/* Decide what this shard does next; when it neither posts nor buries. */
void shard_go(struct shard *sh);
/* The endpoint is gone or all stops: whatever can end at once does. */
void shard_off(struct shard *sh);
/* Back-off is over, or worth nothing any more. */
void shard_retry_now(struct shard *sh);
/* At the deadline of a stop. */
void shard_break_off(struct shard *sh);
/* Nothing of this shard is lent to the store or to libcurl. */
bool shard_is_quiet(const struct shard *sh);

/* The endpoint's view of its shards: */
void endpoint_trouble(struct endpoint *ep, struct shard *sh, const char *state, const char *error);
void endpoint_relief(struct endpoint *ep, struct shard *sh);
void endpoint_look_for_excess(struct endpoint *ep);
/* A shard or query came to rest while stopping. */
void webhooks_went_quiet(struct webhooks *w);

#endif
