/* SPDX-License-Identifier: Apache-2.0
 *
 * webhook.h -- the durable event outbox to the clients' endpoints (api.md "Webhooks").
 *
 * Events are rows, written in the commit that made them true.  A shard (id mod webhook.concurrency) is posted in
 * order, one batch at a time, and deleted after a 2xx; so order per message holds and nothing is skipped.
 */
#ifndef WEBHOOK_H
#define WEBHOOK_H

#include "base/conf.h"
#include "queue/names.h"
#include "queue/store.h"

struct webhooks;

struct webhooks *webhooks_new(uv_loop_t *loop, struct store *s, struct names *names, const struct conf *c);
/* At start and after a reload: the endpoints of `c`; starts reading what waits. */
int webhooks_set(struct webhooks *w, const struct conf *c);
/* New events wait (struct store_conf.on_events). */
void webhooks_wake(struct webhooks *w, uint32_t endpoint, unsigned shard);
/* Dead letters with at >= since wait again; done(n or -errno). */
int webhooks_replay(struct webhooks *w, uint32_t endpoint, int64_t since_ms, void (*done)(void *arg, int64_t n), void *arg);

struct webhook_view {
	const char *client, *url;   /* url without user and query */
	uint64_t posted, delivered, failed, dead;   /* requests; events; requests; events since start */
	const char *last_error;     /* "" */
	int64_t last_ok_ms, retry_at_ms;
	unsigned busy_shards;
};
void webhooks_each(struct webhooks *w, void (*each)(void *arg, uint32_t endpoint, const struct webhook_view *v), void *arg);

/* Finish the requests under way (at most deadline_ms), then stopped(). */
void webhooks_stop(struct webhooks *w, int64_t deadline_ms, void (*stopped)(void *arg), void *arg);
void webhooks_free(struct webhooks *w);

#endif
