/* SPDX-License-Identifier: Apache-2.0
 *
 * webhook.h -- the durable event outbox to the clients' endpoints (api.md "Webhooks").
 *
 * Events are rows, written in the commit that made them true.  A shard (id mod webhook.concurrency) is
 * posted in order, one batch at a time, and deleted after a 2xx; so order per message holds and nothing
 * is skipped.
 *
 * Promises:
 *  - At least once.  A row goes only after a 2xx, or into the dead letters with a reason, from where it
 *    can be replayed. After a crash what was acknowledged but not yet deleted is posted again, under the
 *    same event ids.
 *  - An endpoint that fails, or is slow, costs the others nothing: each (endpoint, shard) has its own
 *    request, its own place in the outbox and its own back-off, and holds no events in memory while it
 *    waits.
 *  - Nothing is polled.  A shard reads when it is woken, when its page was full, and when its back-off
 *    ends.
 *
 * How a request ends:
 *    2xx                   acknowledged
 *    other 4xx             refused: the batch is halved until one event stands alone.  Refused five times
 *                          over ten minutes it goes to the dead letters.  401, 404 and 410 are no
 *                          different: endpoints are misconfigured for an hour and come back.
 *    everything else       failed (no connection, time-out, 5xx, 408, 429, redirects): the shard backs
 *                          off, 1 s doubling to 5 min with jitter, or as long as Retry-After says, at
 *                          most 1 h
 * While it fails, what is older than webhook.keep_hours, and the oldest of what is beyond
 * webhook.max_events, go to the dead letters.
 */
#ifndef WEBHOOK_H
#define WEBHOOK_H

#include "base/conf.h"
#include "queue/names.h"
#include "queue/store.h"

struct webhooks;

/* No reading and no request before the first webhooks_set(); wakes before it are harmless. */
struct webhooks *webhooks_new(uv_loop_t *loop, struct store *s, struct names *names, const struct conf *c);
/* At start and after a reload: the endpoints of `c`, which is lent for the call; starts reading what
 * waits.  An endpoint that is not in it any more stops after the request under way; its rows stay.  A new
 * URL or secret counts from the next request on, and a new URL ends a back-off. */
int webhooks_set(struct webhooks *w, const struct conf *c);
/* New events wait (struct store_conf.on_events).  Cheap, and any number of times. */
void webhooks_wake(struct webhooks *w, uint32_t endpoint, unsigned shard);
/* Dead letters with at >= since wait again, as new events; done(n or -errno) once, later.  -ENOENT: no
 * such endpoint now. */
int webhooks_replay(struct webhooks *w, uint32_t endpoint, int64_t since_ms,
	void (*done)(void *arg, int64_t n), void *arg);

struct webhook_view {
	const char *client, *url;		  /* url without user and query */
	uint64_t posted, delivered, failed, dead; /* requests; events; requests; events since start */
	const char *last_error;			  /* "" */
	int64_t last_ok_ms, retry_at_ms;
	unsigned busy_shards;
};
void webhooks_each(struct webhooks *w,
	void (*each)(void *arg, uint32_t endpoint, const struct webhook_view *v), void *arg);

/* Finish the requests under way (at most deadline_ms from now) and what was staged in the store, then
 * stopped(). */
void webhooks_stop(struct webhooks *w, int64_t deadline_ms, void (*stopped)(void *arg), void *arg);
/* After stopped(). */
void webhooks_free(struct webhooks *w);

/* Times of the rules above; only tests have a reason to change them, before webhooks_set(). */
struct webhook_times {
	int64_t retry_min_ms, retry_max_ms; /* back-off */
	int64_t retry_after_max_ms;
	int64_t refuse_ms; /* a refused event is tried for so long */
	unsigned refusals; /* … and so often */
	int64_t check_ms;  /* between two looks at max_events */
};
void webhooks_times(struct webhooks *w, const struct webhook_times *t);

/* libcurl, once in a process and around everything else here.  -ENOMEM. */
int webhook_curl_start(void);
void webhook_curl_stop(void);

#endif
