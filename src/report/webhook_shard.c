/* SPDX-License-Identifier: Apache-2.0 */
/* webhook_shard.c -- one shard of one endpoint: read, post, acknowledge, and what to do when that fails.
 *
 * The rule behind everything here: done_seq only moves past an event that a 2xx covered or that the store
 * has in `dead`.
 *
 *  - Acknowledging does not wait for the disk: deleting is repeatable, the next one covers it, and a
 *    crash in between means posting again, which is allowed.  Burying does wait: the acknowledgement of
 *    what follows deletes all rows before it, so a burial that failed unseen would be a loss.
 *  - Halving a refused batch needs no memory of its own but bad_seq: as long as it lies ahead, half of
 *    what is left up to it is posted.  That finds one guilty event of 100 in seven requests and survives
 *    dropping the page.
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "report/webhook_impl.h"
#include "report/webhook_json.h"

#define SOON 16 /* times retry_min_ms: no back-off is longer while the endpoint answers other shards */

/* ---- pages ------------------------------------------------------------------------------------------- */

static struct page *current(struct shard *sh)
{
	return &sh->pages[sh->cur];
}

static unsigned rows_left(const struct page *p)
{
	return p->loaded ? p->q.n_rows - p->pos : 0;
}

static void drop(struct page *p)
{
	if (p->loaded)
		store_query_done(&p->q.q);
	p->loaded = false;
	p->pos = 0;
}

/* What was read and not posted is read again when its time comes. */
static void drop_pages(struct shard *sh)
{
	if (rows_left(current(sh)) || current(sh)->q.more || sh->pages[!sh->cur].loaded || sh->reading)
		sh->woken = true;
	current(sh)->q.more = false;
	drop(current(sh));
	if (!sh->reading)
		drop(&sh->pages[!sh->cur]);
}

static void done_with(struct shard *sh, unsigned n)
{
	struct page *p = current(sh);

	p->pos += n;
	sh->done_seq = p->q.rows[p->pos - 1].seq;
}

/* The page read ahead becomes the current one when that is used up. */
static bool turn_page(struct shard *sh)
{
	struct page *next = &sh->pages[!sh->cur];

	if (sh->reading || !next->loaded)
		return false;
	drop(current(sh));
	sh->cur = !sh->cur;
	return true;
}

/* The disk may come back: a look from time to time, and no hurry to bury.  Memory does so at once. */
static void store_failed(struct shard *sh, int r)
{
	const struct webhook_times *t = &sh->ep->w->times;

	sh->expiring = false;
	sh->ep->excess = 0;
	sh->retry_mono_ms = clock_mono_ms() + (r == -ENOMEM ? t->retry_min_ms : t->check_ms);
}

static void on_read(struct store_query *q)
{
	struct shard *sh = q->arg;
	struct page *p = &sh->pages[!sh->cur];

	sh->reading = false;
	p->pos = 0;
	p->loaded = q->r == 0;
	if (q->r < 0) {
		if (store_untold(q->r))
			log_error("webhook_read_failed", "client=%s error=%s", sh->ep->client, strerror(-q->r));
		sh->woken = true;
		store_failed(sh, q->r);
	} else if (!rows_left(current(sh)) && p->q.after_seq != sh->done_seq) {
		drop(p); /* pages were dropped meanwhile, and this one lies behind the gap */
		sh->woken = true;
	}
	if (sh->state == SHARD_READING)
		shard_go(sh);
	else if (sh->state == SHARD_OFF || sh->state == SHARD_WAITING)
		drop_pages(sh);
	webhooks_went_quiet(sh->ep->w);
}

static void read_next(struct shard *sh)
{
	struct endpoint *ep = sh->ep;
	struct page *p = &sh->pages[!sh->cur], *cur = current(sh);
	unsigned limit = ep->batch > WEBHOOK_PAGE ? ep->batch : WEBHOOK_PAGE;

	drop(p);
	p->q = (struct q_events){
		.q = {.kind = Q_EVENTS, .done = on_read, .arg = sh},
		.endpoint = ep->id,
		.shard = sh->n,
		.after_seq = rows_left(cur) ? cur->q.rows[cur->q.n_rows - 1].seq : sh->done_seq,
		.limit = ep->excess && limit < WEBHOOK_BURY ? WEBHOOK_BURY : limit,
	};
	sh->woken = false;
	sh->reading = true;
	store_read(ep->w->store, STORE_QUEUE, &p->q.q);
}

/* ---- acknowledging ----------------------------------------------------------------------------------- */

static void stage_ack(struct shard *sh);

static void on_ack(struct store_op *op)
{
	struct shard *sh = op->arg;

	sh->acking = false;
	/* Refused by the disk: the rows stay, and the next acknowledgement of this shard covers them. */
	if (op->r < 0)
		log_error("webhook_ack_failed", "client=%s error=%s", sh->ep->client, strerror(-op->r));
	else if (sh->ack_seq > sh->ack.seq)
		stage_ack(sh);
	webhooks_went_quiet(sh->ep->w);
}

static void stage_ack(struct shard *sh)
{
	sh->ack = (struct op_events){
		.op = {.kind = OP_EVENTS_DONE, .rows = 1, .done = on_ack, .arg = sh},
		.endpoint = sh->ep->id,
		.shard = sh->n,
		.seq = sh->ack_seq,
	};
	sh->acking = true;
	store_stage(sh->ep->w->store, STORE_LATER, &sh->ack.op);
}

static void acknowledge(struct shard *sh)
{
	sh->ack_seq = sh->done_seq;
	if (!sh->acking)
		stage_ack(sh);
}

/* ---- waiting ----------------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer)
{
	shard_retry_now(timer->data);
}

static void give_post(struct shard *sh)
{
	if (sh->post)
		webhook_post_give(sh->post);
	sh->post = NULL;
}

static bool must_end(const struct shard *sh)
{
	return sh->ep->w->stopping || !sh->ep->active;
}

static void wait_for_retry(struct shard *sh)
{
	int64_t wait_ms = sh->retry_mono_ms - clock_mono_ms();

	if (must_end(sh)) {
		shard_off(sh);
		return;
	}
	sh->state = SHARD_WAITING;
	sh->expiring = false;
	drop_pages(sh);
	give_post(sh);
	uv_timer_start(&sh->timer, on_timer, wait_ms > 0 ? wait_ms : 0, 0);
}

/* Half of it certain, half by chance: shards and endpoints that fell together do not come back together. */
static int64_t with_jitter(int64_t ms)
{
	uint32_t x = 0;

	uv_random(NULL, NULL, &x, sizeof(x), 0, NULL);
	return ms / 2 + (int64_t)(x % (uint64_t)(ms / 2 + 1));
}

static int64_t back_off_ms(const struct shard *sh)
{
	const struct webhook_times *t = &sh->ep->w->times;
	int64_t ms = t->retry_min_ms;

	for (unsigned i = 1; i < sh->failures && ms < t->retry_max_ms; i++)
		ms *= 2;
	return with_jitter(ms < t->retry_max_ms ? ms : t->retry_max_ms);
}

/* The endpoint has answered another shard, so it is not down. */
static void come_back_soon(struct shard *sh)
{
	int64_t soon = sh->failed_mono_ms + SOON * sh->ep->w->times.retry_min_ms, now = clock_mono_ms();

	if (sh->state != SHARD_WAITING || !sh->failed_mono_ms || sh->retry_mono_ms <= soon)
		return;
	sh->retry_mono_ms = soon > now ? soon : now;
	uv_timer_start(&sh->timer, on_timer, (uint64_t)(sh->retry_mono_ms - now), 0);
}

void shard_retry_now(struct shard *sh)
{
	if (sh->state != SHARD_WAITING)
		return;
	uv_timer_stop(&sh->timer);
	sh->retry_mono_ms = 0;
	sh->woken = true;
	shard_go(sh);
}

/* ---- burying ----------------------------------------------------------------------------------------- */

static void on_buried(struct store_op *op)
{
	struct shard *sh = op->arg;
	struct endpoint *ep = sh->ep;

	ep->n_burying--;
	if (op->r < 0) {
		log_error("webhook_bury_failed", "client=%s error=%s", ep->client, strerror(-op->r));
		store_failed(sh, op->r);
		sh->state = SHARD_READING;
		wait_for_retry(sh);
		webhooks_went_quiet(ep->w);
		return;
	}
	ep->dead += sh->n_bury;
	sh->expiring = sh->expiring && sh->n_bury == rows_left(current(sh));
	done_with(sh, sh->n_bury);
	if (sh->refusals || sh->too_large) { /* whoever was refused was the first, and is gone */
		sh->refusals = 0;
		sh->too_large = false;
	}
	shard_go(sh);
	webhooks_went_quiet(ep->w);
}

static void bury(struct shard *sh, unsigned n, const char *why)
{
	struct page *p = current(sh);

	sh->bury = (struct op_events){
		.op = {.kind = OP_EVENTS_DEAD, .rows = n, .done = on_buried, .arg = sh},
		.endpoint = sh->ep->id,
		.shard = sh->n,
		.from_seq = p->q.rows[p->pos].seq,
		.seq = p->q.rows[p->pos + n - 1].seq,
	};
	snprintf(sh->bury.why, sizeof(sh->bury.why), "%s", why);
	sh->n_bury = n;
	sh->state = SHARD_BURYING;
	sh->ep->n_burying++;
	sh->ep->count_stale = true;
	store_stage(sh->ep->w->store, STORE_SETTLE, &sh->bury.op);
}

static unsigned count_expired(const struct shard *sh, const struct page *p)
{
	const struct endpoint *ep = sh->ep;
	int64_t keep_ms = ep->w->conf.keep_hours * 3600 * 1000, now = clock_ms();
	unsigned n = 0;

	if (now - ep->replayed_ms < keep_ms)
		return 0;
	while (n < rows_left(p) && p->q.rows[p->pos + n].at < now - keep_ms)
		n++;
	return n;
}

static void tell_excess(struct endpoint *ep)
{
	if (!ep->told_excess)
		log_error("webhook_overflow", "client=%s url=%s max_events=%" PRId64 " dead=%" PRIu64,
			ep->client, ep->shown, ep->w->conf.max_events, ep->excess);
	ep->told_excess = true;
}

static void tell_expired(struct endpoint *ep)
{
	if (!ep->told_expired)
		log_warn("webhook_expired", "client=%s url=%s keep_hours=%" PRId64 " error=%s", ep->client,
			ep->shown, ep->w->conf.keep_hours, ep->last_error);
	ep->told_expired = true;
}

/* How many of the first events of this page are to go to the dead letters, and why; most often none. */
static bool bury_first(struct shard *sh)
{
	struct endpoint *ep = sh->ep;
	struct page *p = current(sh);
	unsigned n;
	char why[64];

	sh->expiring = false;
	if (ep->excess) {
		tell_excess(ep);
		n = ep->excess < rows_left(p) ? ep->excess : rows_left(p);
		ep->excess -= n; /* now: the other shards take from the same number */
		bury(sh, n, "beyond webhook.max_events");
		return true;
	}
	if (sh->too_large || (sh->refusals >= ep->w->times.refusals &&
				     clock_mono_ms() - sh->refused_mono_ms >= ep->w->times.refuse_ms)) {
		snprintf(why, sizeof(why), "%.*s", (int)sizeof(why) - 1,
			sh->too_large ? "too large" : ep->last_error);
		log_warn("webhook_dead", "client=%s url=%s event=evt_%u_%u_%" PRIu64 " why=%s", ep->client,
			ep->shown, ep->id, sh->n, p->q.rows[p->pos].seq, why);
		bury(sh, 1, why);
		return true;
	}
	n = sh->troubled ? count_expired(sh, p) : 0;
	if (!n)
		return false;
	tell_expired(ep);
	sh->expiring = true;
	snprintf(why, sizeof(why), "older than %" PRId64 " h: %.40s", ep->w->conf.keep_hours, ep->last_error);
	bury(sh, n, why);
	return true;
}

/* ---- posting ----------------------------------------------------------------------------------------- */

static void accepted(struct shard *sh)
{
	struct endpoint *ep = sh->ep;

	ep->delivered += sh->n_posted;
	ep->last_ok_ms = clock_ms();
	done_with(sh, sh->n_posted);
	sh->failures = 0;
	sh->refusals = 0;
	sh->failed_mono_ms = 0;
	for (unsigned i = 0; ep->n_troubled && i < ep->w->n_shards; i++)
		come_back_soon(&ep->shards[i]);
	if (sh->done_seq >= sh->bad_seq) /* else it is halfway to the event that it refuses */
		endpoint_relief(ep, sh);
	acknowledge(sh);
	if (current(sh)->q.more)
		endpoint_look_for_excess(ep); /* it answers, but may be slower than events come */
}

/* A 4xx means this request, not the endpoint: find the event that it cannot take. */
static void refused(struct shard *sh, const char *error)
{
	const struct webhook_times *t = &sh->ep->w->times;
	struct page *p = current(sh);

	sh->bad_seq = p->q.rows[p->pos + sh->n_posted - 1].seq;
	sh->failed_mono_ms = 0;
	endpoint_trouble(sh->ep, sh, "refusing", error);
	if (sh->n_posted > 1)
		return; /* half of it, at once */
	if (sh->refusals++ == 0)
		sh->refused_mono_ms = clock_mono_ms();
	if (sh->refusals >= t->refusals && clock_mono_ms() - sh->refused_mono_ms >= t->refuse_ms)
		return; /* dead, see bury_first() */
	sh->retry_mono_ms = clock_mono_ms() + t->refuse_ms / (t->refusals > 1 ? t->refusals - 1 : 1) + 1;
}

static void failed(struct shard *sh, int64_t retry_after_ms, const char *error)
{
	int64_t most = sh->ep->w->times.retry_after_max_ms, wait_ms;

	sh->failures++;
	endpoint_trouble(sh->ep, sh, "down", error);
	wait_ms = retry_after_ms > 0 ? (retry_after_ms < most ? retry_after_ms : most) : back_off_ms(sh);
	sh->retry_mono_ms = clock_mono_ms() + wait_ms;
	sh->failed_mono_ms = retry_after_ms > 0 ? 0 : sh->retry_mono_ms - wait_ms;
}

static void on_answer(void *arg, const struct webhook_answer *a)
{
	struct shard *sh = arg;
	struct endpoint *ep = sh->ep;
	char error[WEBHOOK_ERROR];

	sh->state = SHARD_READING; /* nothing is under way; shard_go() says what is next */
	snprintf(error, sizeof(error), "%s", a->error);
	if (a->status)
		snprintf(error, sizeof(error), "HTTP %d", a->status);
	if (a->private_address && !ep->told_private) {
		log_error("webhook_refused_address", "client=%s url=%s reason=private_address", ep->client,
			ep->shown);
		ep->told_private = true;
	}
	if (a->status >= 200 && a->status < 300)
		accepted(sh);
	else if (a->status >= 400 && a->status < 500 && a->status != 408 && a->status != 429)
		refused(sh, error);
	else
		failed(sh, a->retry_after_ms, error);
	shard_go(sh);
	webhooks_went_quiet(ep->w);
}

/* A whole batch, or while something in it was refused half of what is left of the suspects. */
static unsigned batch_size(const struct shard *sh, const struct page *p)
{
	unsigned n = rows_left(p) < sh->ep->batch ? rows_left(p) : sh->ep->batch, suspects = 0;

	while (suspects < n && p->q.rows[p->pos + suspects].seq <= sh->bad_seq)
		suspects++;
	if (!suspects)
		return n;
	return suspects > 1 ? suspects / 2 : 1;
}

static void post(struct shard *sh)
{
	struct endpoint *ep = sh->ep;
	struct page *p = current(sh);
	struct webhook_source source = {ep->id, sh->n, ep->w->names};
	int n, r = -ENOMEM;

	if (!sh->post)
		sh->post = webhook_post_take(ep->w->http);
	if (!sh->post)
		goto failed;
	buf_reset(webhook_post_body(sh->post), WEBHOOK_BODY_MAX);
	n = r = webhook_json(webhook_post_body(sh->post), &source, p->q.rows + p->pos, batch_size(sh, p));
	if (r == -EMSGSIZE) {
		sh->too_large = true;
		bury_first(sh);
		return;
	}
	if (r > 0)
		r = webhook_post_send(sh->post, ep->url, ep->secret, on_answer, sh);
	if (r < 0)
		goto failed;
	sh->n_posted = n;
	sh->state = SHARD_POSTING;
	ep->posted++;
	if (sh->n_posted == rows_left(p) && p->q.more && !sh->reading && !sh->pages[!sh->cur].loaded)
		read_next(sh);
	return;

failed:
	failed(sh, 0, strerror(-r));
	wait_for_retry(sh);
}

/* ---- what next --------------------------------------------------------------------------------------- */

void shard_off(struct shard *sh)
{
	if (sh->state == SHARD_POSTING || sh->state == SHARD_BURYING)
		return; /* comes here again through shard_go() */
	sh->state = SHARD_OFF;
	uv_timer_stop(&sh->timer);
	drop_pages(sh);
	give_post(sh);
}

static void rest(struct shard *sh)
{
	sh->state = SHARD_IDLE;
	drop(current(sh));
	give_post(sh);
}

/* The pages are used up. */
static void find_more(struct shard *sh, bool waiting)
{
	struct endpoint *ep = sh->ep;
	bool more = current(sh)->q.more || sh->woken;

	sh->state = SHARD_READING;
	if (sh->reading)
		return;
	if (!more) {
		/* A count that is left over would bury what comes next; the next look counts anew. */
		ep->excess = 0;
		sh->expiring = false;
	}
	if (waiting && !ep->excess && !sh->expiring)
		wait_for_retry(sh);
	else if (more)
		read_next(sh);
	else
		rest(sh);
}

void shard_go(struct shard *sh)
{
	bool waiting;

	if (must_end(sh)) {
		shard_off(sh);
		return;
	}
	waiting = sh->retry_mono_ms && sh->retry_mono_ms > clock_mono_ms();
	if (!rows_left(current(sh)))
		turn_page(sh);
	if (!rows_left(current(sh))) {
		find_more(sh, waiting);
		return;
	}
	if (bury_first(sh))
		return;
	if (waiting)
		wait_for_retry(sh);
	else
		post(sh);
}

void shard_break_off(struct shard *sh)
{
	if (sh->state != SHARD_POSTING)
		return;
	give_post(sh);
	sh->state = SHARD_READING;
	shard_off(sh);
}

bool shard_is_quiet(const struct shard *sh)
{
	return sh->state == SHARD_OFF && !sh->reading && !sh->acking;
}
