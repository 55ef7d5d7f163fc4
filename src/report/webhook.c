/* SPDX-License-Identifier: Apache-2.0 */
/* webhook.c -- endpoints: which there are, how they fare, and how all of it ends.
 *
 * An endpoint that goes at a reload is switched off, not freed: reads and operations of its shards may be
 * under way, and it may come back.  There are at most as many as clients were ever configured in the life
 * of the process.
 */
#include <config.h>

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/secret.h"
#include "report/webhook_impl.h"

#define CONNECT_TIMEOUT_MS 5000
#define IDLE_CONNECTIONS   1024 /* kept at most */
#define REPLAY_STEP	   5000 /* what one operation brings back at most, see store.h */

static const struct webhook_times default_times = {
	.retry_min_ms = 1000,
	.retry_max_ms = 5 * 60 * 1000,
	.retry_after_max_ms = 3600 * 1000,
	.refuse_ms = 10 * 60 * 1000,
	.refusals = 5,
	.check_ms = 30 * 1000,
};

/* ---- how an endpoint fares --------------------------------------------------------------------------- */

static void bury_excess(struct endpoint *ep)
{
	for (unsigned i = 0; i < ep->w->n_shards; i++) {
		struct shard *sh = &ep->shards[i];

		if (sh->state != SHARD_WAITING)
			continue; /* sees it before its next request */
		sh->woken = true;
		shard_go(sh);
	}
}

static void on_count(struct store_query *q)
{
	struct endpoint *ep = q->arg;
	uint64_t max = ep->w->conf.max_events;

	ep->counting = false;
	if (q->r == 0 && !ep->count_stale && ep->count.waiting > max && ep->active && !ep->w->stopping) {
		ep->excess = ep->count.waiting - max;
		bury_excess(ep);
	}
	webhooks_went_quiet(ep->w);
}

void endpoint_look_for_excess(struct endpoint *ep)
{
	int64_t now = clock_mono_ms();

	if (ep->counting || ep->excess || ep->n_burying || ep->w->stopping ||
		now - ep->counted_mono_ms < ep->w->times.check_ms)
		return;
	ep->counting = true;
	ep->count_stale = false;
	ep->counted_mono_ms = now;
	ep->count = (struct q_webhooks){
		.q = {.kind = Q_WEBHOOKS, .done = on_count, .arg = ep},
		.endpoint = ep->id,
	};
	/* Not the queue's reader: counting a million rows takes a tenth of a second. */
	store_read(ep->w->store, STORE_API, &ep->count.q);
}

static void on_check(uv_timer_t *timer)
{
	endpoint_look_for_excess(timer->data);
}

void endpoint_trouble(struct endpoint *ep, struct shard *sh, const char *state, const char *error)
{
	int64_t check_ms = ep->w->times.check_ms;

	ep->failed++;
	ep->failures++;
	snprintf(ep->last_error, sizeof(ep->last_error), "%s", error);
	if (!sh->troubled && ep->n_troubled++ == 0)
		uv_timer_start(&ep->check, on_check, check_ms, check_ms);
	sh->troubled = true;
	if (ep->down_mono_ms)
		return;
	ep->down_mono_ms = clock_mono_ms();
	log_warn("webhook_state", "client=%s url=%s state=%s error=%s", ep->client, ep->shown, state, error);
}

static void forget_trouble(struct endpoint *ep)
{
	uv_timer_stop(&ep->check);
	ep->down_mono_ms = 0;
	ep->failures = 0;
	ep->told_expired = ep->told_excess = false;
}

void endpoint_relief(struct endpoint *ep, struct shard *sh)
{
	if (!sh->troubled)
		return;
	sh->troubled = false;
	if (--ep->n_troubled)
		return; /* one line when the last shard is through: no up and down while some still fail */
	log_info("webhook_state", "client=%s url=%s state=up down_ms=%" PRId64 " failures=%" PRIu64,
		ep->client, ep->shown, clock_mono_ms() - ep->down_mono_ms, ep->failures);
	forget_trouble(ep);
}

/* ---- configuration ----------------------------------------------------------------------------------- */

/* For logs and lists: what may hold a secret is left out. */
static char *url_to_show(const char *url)
{
	CURLU *u = curl_url();
	char *text = NULL, *copy = NULL;

	if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK) {
		curl_url_set(u, CURLUPART_USER, NULL, 0);
		curl_url_set(u, CURLUPART_PASSWORD, NULL, 0);
		curl_url_set(u, CURLUPART_QUERY, NULL, 0);
		curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
		if (curl_url_get(u, CURLUPART_URL, &text, 0) == CURLUE_OK)
			copy = strdup(text);
	} else {
		copy = strdup("(not a URL)");
	}
	curl_free(text);
	curl_url_cleanup(u);
	return copy;
}

static void endpoint_free(struct endpoint *ep)
{
	if (!ep)
		return;
	free(ep->client);
	free(ep->url);
	free(ep->shown);
	secret_free(ep->secret);
	free(ep->shards);
	free(ep);
}

static struct endpoint *endpoint_new(struct webhooks *w, uint32_t id, const char *client)
{
	struct endpoint *ep = calloc(1, sizeof(*ep));

	if (!ep)
		return NULL;
	ep->client = strdup(client);
	ep->shards = calloc(w->n_shards, sizeof(*ep->shards));
	if (!ep->client || !ep->shards) {
		endpoint_free(ep);
		return NULL;
	}
	ep->w = w;
	ep->id = id;
	uv_timer_init(w->loop, &ep->check);
	ep->check.data = ep;
	for (unsigned i = 0; i < w->n_shards; i++) {
		struct shard *sh = &ep->shards[i];

		sh->ep = ep;
		sh->n = i;
		uv_timer_init(w->loop, &sh->timer);
		sh->timer.data = sh;
	}
	w->n_handles += 1 + w->n_shards;
	return ep;
}

static struct endpoint *find(const struct webhooks *w, uint32_t id)
{
	return id < w->n_endpoints ? w->endpoints[id] : NULL;
}

static struct endpoint *find_or_make(struct webhooks *w, const char *client)
{
	uint32_t id = names_get(w->names, NAME_CLIENT, client), n = id + 64;
	struct endpoint **wider;

	if (!id)
		return NULL;
	if (id >= w->n_endpoints) { /* ids are small: names are numbered as they come */
		wider = realloc(w->endpoints, n * sizeof(*wider));
		if (!wider)
			return NULL;
		memset(wider + w->n_endpoints, 0, (n - w->n_endpoints) * sizeof(*wider));
		w->endpoints = wider;
		w->n_endpoints = n;
	}
	if (!w->endpoints[id])
		w->endpoints[id] = endpoint_new(w, id, client);
	return w->endpoints[id];
}

static void switch_off(struct endpoint *ep)
{
	if (!ep->active)
		return;
	ep->active = false;
	ep->excess = 0;
	ep->n_troubled = 0;
	forget_trouble(ep);
	for (unsigned i = 0; i < ep->w->n_shards; i++) {
		struct shard *sh = &ep->shards[i];

		sh->troubled = false;
		sh->failures = sh->refusals = 0;
		sh->retry_mono_ms = 0;
		shard_off(sh);
	}
	log_info("webhook_state", "client=%s url=%s state=removed", ep->client, ep->shown);
}

/* All three or nothing. */
static int set_texts(struct endpoint *ep, const struct conf_client_webhook *c)
{
	char *url = strdup(c->url), *secret = strdup(c->secret), *shown = url_to_show(c->url);

	if (!url || !secret || !shown) {
		free(url);
		secret_free(secret);
		free(shown);
		return -ENOMEM;
	}
	free(ep->url);
	secret_free(ep->secret);
	free(ep->shown);
	ep->url = url;
	ep->secret = secret;
	ep->shown = shown;
	return 0;
}

static int switch_on(struct endpoint *ep, const struct conf_client_webhook *c)
{
	bool moved = !ep->active || strcmp(ep->url, c->url) != 0;
	int r = set_texts(ep, c);

	if (r < 0)
		return r;
	ep->batch = c->batch;
	ep->told_private = false;
	ep->active = true;
	for (unsigned i = 0; i < ep->w->n_shards; i++) {
		struct shard *sh = &ep->shards[i];

		if (sh->state == SHARD_OFF) {
			sh->woken = true;
			shard_go(sh);
		} else if (moved) {
			shard_retry_now(sh);
		}
	}
	return 0;
}

static bool has_webhook(const struct conf *c, const char *client)
{
	const struct conf_client *cl = conf_find_client(c, client);

	return cl && cl->webhook.url[0];
}

int webhooks_set(struct webhooks *w, const struct conf *c)
{
	struct webhook_limits limits = {
		.timeout_ms = c->webhook.timeout_ms,
		.connect_timeout_ms = CONNECT_TIMEOUT_MS,
		.allow_private = c->webhook.allow_private,
	};
	unsigned n = 0;
	int r = 0;

	w->conf = c->webhook;
	for (size_t i = 0; i < c->n_clients; i++)
		n += c->clients[i].webhook.url[0] ? w->n_shards : 0;
	limits.connections = n > IDLE_CONNECTIONS ? IDLE_CONNECTIONS : n + 1;
	webhook_http_limits(w->http, &limits);
	for (uint32_t id = 0; id < w->n_endpoints; id++) {
		struct endpoint *ep = w->endpoints[id];

		if (ep && !has_webhook(c, ep->client))
			switch_off(ep);
	}
	for (size_t i = 0; i < c->n_clients; i++) {
		const struct conf_client *cl = &c->clients[i];
		struct endpoint *ep = cl->webhook.url[0] ? find_or_make(w, cl->name) : NULL;

		if (cl->webhook.url[0] && (!ep || switch_on(ep, &cl->webhook) < 0)) {
			log_error("webhook_failed", "client=%s error=memory", cl->name);
			r = -ENOMEM;
		}
	}
	return r;
}

void webhooks_times(struct webhooks *w, const struct webhook_times *t)
{
	w->times = *t;
}

/* ---- calls ------------------------------------------------------------------------------------------- */

void webhooks_wake(struct webhooks *w, uint32_t endpoint, unsigned shard)
{
	struct endpoint *ep = find(w, endpoint);
	struct shard *sh;

	if (!ep || shard >= w->n_shards)
		return;
	sh = &ep->shards[shard];
	sh->woken = true;
	if (sh->state == SHARD_IDLE)
		shard_go(sh);
}

struct replay {
	struct op_events op;
	struct webhooks *w;
	int64_t n;
	void (*done)(void *arg, int64_t n);
	void *arg;
};

static void on_replayed(struct store_op *op)
{
	struct replay *rp = op->arg;
	struct webhooks *w = rp->w;

	rp->n += op->r == 0 ? (int64_t)rp->op.ret_n : 0;
	/* What dies again at once must not come back for ever. */
	if (op->r == 0 && rp->op.ret_n >= REPLAY_STEP && rp->n < w->conf.max_events && !w->stopping) {
		store_stage(w->store, STORE_SETTLE, op);
		return;
	}
	w->n_ops--;
	rp->done(rp->arg, op->r < 0 && !rp->n ? op->r : rp->n);
	free(rp);
	webhooks_went_quiet(w);
}

int webhooks_replay(struct webhooks *w, uint32_t endpoint, int64_t since_ms,
	void (*done)(void *arg, int64_t n), void *arg)
{
	struct endpoint *ep = find(w, endpoint);
	struct replay *rp;

	if (!ep || !ep->active || w->stopping)
		return -ENOENT;
	rp = calloc(1, sizeof(*rp));
	if (!rp)
		return -ENOMEM;
	rp->w = w;
	rp->done = done;
	rp->arg = arg;
	rp->op = (struct op_events){
		.op = {.kind = OP_EVENTS_REPLAY, .rows = 1000, .done = on_replayed, .arg = rp},
		.endpoint = endpoint,
		.since = since_ms,
	};
	ep->replayed_ms = clock_ms();
	w->n_ops++;
	store_stage(w->store, STORE_SETTLE, &rp->op.op);
	return 0;
}

static void look_at(const struct endpoint *ep, struct webhook_view *v)
{
	int64_t now = clock_mono_ms(), first = 0;

	*v = (struct webhook_view){
		.client = ep->client,
		.url = ep->shown,
		.posted = ep->posted,
		.delivered = ep->delivered,
		.failed = ep->failed,
		.dead = ep->dead,
		.last_error = ep->last_error,
		.last_ok_ms = ep->last_ok_ms,
	};
	for (unsigned i = 0; i < ep->w->n_shards; i++) {
		const struct shard *sh = &ep->shards[i];

		v->busy_shards += sh->state == SHARD_POSTING;
		if (sh->state == SHARD_WAITING && (!first || sh->retry_mono_ms < first))
			first = sh->retry_mono_ms;
	}
	v->retry_at_ms = first ? clock_ms() + (first > now ? first - now : 0) : 0;
}

void webhooks_each(struct webhooks *w,
	void (*each)(void *arg, uint32_t endpoint, const struct webhook_view *v), void *arg)
{
	struct webhook_view v;

	for (uint32_t id = 0; id < w->n_endpoints; id++) {
		if (!w->endpoints[id] || !w->endpoints[id]->active)
			continue;
		look_at(w->endpoints[id], &v);
		each(arg, id, &v);
	}
}

/* ---- life -------------------------------------------------------------------------------------------- */

struct webhooks *webhooks_new(uv_loop_t *loop, struct store *s, struct names *names, const struct conf *c)
{
	struct webhooks *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	if (webhook_http_new(loop, &w->http) < 0) {
		free(w);
		return NULL;
	}
	w->loop = loop;
	w->store = s;
	w->names = names;
	w->conf = c->webhook;
	w->times = default_times;
	w->n_shards = c->webhook.concurrency;
	uv_timer_init(loop, &w->deadline);
	w->deadline.data = w;
	w->n_handles = 1;
	return w;
}

/* From a clean stack, so that libcurl may go: the end of a stop may have been seen from one of its
 * callbacks. */
static void on_closed(uv_handle_t *handle)
{
	struct webhooks *w = handle->data;

	if (--w->n_handles == 0)
		webhook_http_stop(w->http, w->stopped, w->arg);
}

static void close_timer(struct webhooks *w, uv_timer_t *timer)
{
	timer->data = w;
	uv_close((uv_handle_t *)timer, on_closed);
}

static bool is_quiet(const struct webhooks *w)
{
	if (w->n_ops)
		return false;
	for (uint32_t id = 0; id < w->n_endpoints; id++) {
		const struct endpoint *ep = w->endpoints[id];

		if (ep && ep->counting)
			return false;
		for (unsigned i = 0; ep && i < w->n_shards; i++) {
			if (!shard_is_quiet(&ep->shards[i]))
				return false;
		}
	}
	return true;
}

void webhooks_went_quiet(struct webhooks *w)
{
	if (!w->stopping || w->closing || !is_quiet(w))
		return;
	w->closing = true;
	for (uint32_t id = 0; id < w->n_endpoints; id++) {
		struct endpoint *ep = w->endpoints[id];

		for (unsigned i = 0; ep && i < w->n_shards; i++)
			close_timer(w, &ep->shards[i].timer);
		if (ep)
			close_timer(w, &ep->check);
	}
	close_timer(w, &w->deadline);
}

static void each_shard(struct webhooks *w, void (*f)(struct shard *sh))
{
	for (uint32_t id = 0; id < w->n_endpoints; id++) {
		for (unsigned i = 0; w->endpoints[id] && i < w->n_shards; i++)
			f(&w->endpoints[id]->shards[i]);
	}
}

static void on_deadline(uv_timer_t *timer)
{
	struct webhooks *w = timer->data;

	each_shard(w, shard_break_off);
	webhooks_went_quiet(w);
}

void webhooks_stop(struct webhooks *w, int64_t deadline_ms, void (*stopped)(void *arg), void *arg)
{
	w->stopping = true;
	w->stopped = stopped;
	w->arg = arg;
	uv_timer_start(&w->deadline, on_deadline, deadline_ms > 0 ? deadline_ms : 0, 0);
	each_shard(w, shard_off);
	webhooks_went_quiet(w);
}

void webhooks_free(struct webhooks *w)
{
	if (!w)
		return;
	for (uint32_t id = 0; id < w->n_endpoints; id++)
		endpoint_free(w->endpoints[id]);
	free(w->endpoints);
	webhook_http_free(w->http);
	free(w);
}
