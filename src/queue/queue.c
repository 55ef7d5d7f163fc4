/* SPDX-License-Identifier: Apache-2.0
 *
 * queue.c -- memory, ids, links, limits, start and stop.  The promises are in queue.h, the files in queue_impl.h.
 */
#include "queue/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/oom.h"
#include "queue/queue_impl.h"

#define RESERVE_BELOW 16384 /* ids left when the next block is asked for */
#define POOL_KEEP 4096

/* ---- pools and lists ------------------------------------------------------------------------------------- */

struct store_op *pool_get(struct queue *q, struct pool *p, unsigned kind, void (*done)(struct store_op *op))
{
	struct store_op *op = p->free;

	if (op) {
		p->free = op->next;
		p->n_free--;
	} else {
		op = malloc(p->size);
		if (!op)
			return NULL;
	}
	memset(op, 0, sizeof(*op));
	op->kind = (uint8_t)kind;
	op->rows = 1;
	op->done = done;
	op->arg = q;
	return op;
}

void pool_put(struct pool *p, struct store_op *op)
{
	if (p->n_free >= POOL_KEEP) {
		free(op);
		return;
	}
	op->next = p->free;
	p->free = op;
	p->n_free++;
}

static void pool_done(struct pool *p)
{
	while (p->free) {
		struct store_op *op = p->free;

		p->free = op->next;
		free(op);
	}
}

void queue_stage(struct queue *q, enum store_list list, struct store_op *op)
{
	store_stage(q->store, list, op);
}

bool queue_again(struct queue *q, struct store_op *op)
{
	if (op->r != -ENOSPC && op->r != -EIO && op->r != -ENOLCK && op->r != -ENOMEM)
		return false;
	op->next = q->failed;
	q->failed = op;
	return true;
}

void queue_again_all(struct queue *q)
{
	struct store_op *op = q->failed, *next, *in_order = NULL;

	q->failed = NULL;
	for (; op; op = next) {
		next = op->next;
		op->next = in_order;
		in_order = op;
	}
	for (op = in_order; op; op = next) {
		next = op->next;
		if (op->kind == OP_ATTEMPT && !attempt_may_go(q, (struct op_attempt *)op)) {
			op->next = q->failed;
			q->failed = op;
			continue;
		}
		store_stage(q->store, STORE_SETTLE, op);
	}
}

void staged_add(struct queue *q, struct staged *st, uint64_t seq)
{
	st->seq = seq;
	st->next = &q->staged;
	st->prev = q->staged.prev;
	st->prev->next = st;
	q->staged.prev = st;
}

void staged_done(struct staged *st)
{
	st->prev->next = st->next;
	st->next->prev = st->prev;
}

uint64_t staged_low(const struct queue *q)
{
	return q->staged.next == &q->staged ? UINT64_MAX : q->staged.next->seq;
}

struct outlet *queue_outlet_of(const struct queue *q, uint32_t id)
{
	for (unsigned i = 0; i < q->n_outlets; i++)
		if (q->outlets[i]->id == id)
			return q->outlets[i];
	return NULL;
}

void qlist_append(struct qlist *l, struct qmsg *qm)
{
	qm->next = NULL;
	qm->prev = l->tail;
	if (l->tail)
		l->tail->next = qm;
	else
		l->head = qm;
	l->tail = qm;
	l->n++;
}

void qlist_insert(struct qlist *l, struct qmsg *after, struct qmsg *qm)
{
	qm->prev = after;
	qm->next = after ? after->next : l->head;
	if (after)
		after->next = qm;
	else
		l->head = qm;
	if (qm->next)
		qm->next->prev = qm;
	else
		l->tail = qm;
	l->n++;
}

void qlist_remove(struct qlist *l, struct qmsg *qm)
{
	if (qm->prev)
		qm->prev->next = qm->next;
	else
		l->head = qm->next;
	if (qm->next)
		qm->next->prev = qm->prev;
	else
		l->tail = qm->prev;
	qm->next = qm->prev = NULL;
	l->n--;
}

/* ---- messages in memory ---------------------------------------------------------------------------------- */

static struct qmsg **bucket_of(const struct queue *q, uint64_t id)
{
	return &q->by_id[id & q->mask_by_id];
}

struct qmsg *qmsg_find(const struct queue *q, uint64_t id)
{
	struct qmsg *qm = *bucket_of(q, id);

	while (qm && qm->m->id != id)
		qm = qm->hash_next;
	return qm;
}

bool qmsg_reserve(struct queue *q)
{
	struct qmsg *qm = q->free_qmsg ? NULL : malloc(sizeof(*qm));

	if (qm) {
		qm->next = NULL;
		q->free_qmsg = qm;
	}
	return q->free_qmsg;
}

struct qmsg *qmsg_new(struct queue *q, struct message *m)
{
	struct qmsg *qm = q->free_qmsg, **b;

	if (qm) {
		q->free_qmsg = qm->next;
	} else {
		qm = malloc(sizeof(*qm));
		if (!qm)
			return NULL;
	}
	memset(qm, 0, sizeof(*qm));
	qm->m = m;
	b = bucket_of(q, m->id);
	qm->hash_next = *b;
	*b = qm;
	q->n_by_id++;
	return qm;
}

void qmsg_set_lane(struct qmsg *qm, struct lane *l)
{
	unsigned n = (unsigned)__builtin_popcountll(qm->leasing | qm->leased | qm->flying);

	if (qm->lane) {
		qm->lane->n_held--;
		qm->lane->n_late -= n;
	}
	qm->lane = l;
	if (l) {
		l->n_held++;
		l->n_late += n;
	}
}

void qmsg_free(struct queue *q, struct qmsg *qm)
{
	struct qmsg **b = bucket_of(q, qm->m->id);

	if (qm->row_ahead)
		refill_left(q, qm);
	qmsg_set_lane(qm, NULL);

	while (*b != qm)
		b = &(*b)->hash_next;
	*b = qm->hash_next;
	q->n_by_id--;
	message_free(qm->m);
	qm->next = q->free_qmsg;
	q->free_qmsg = qm;
}

struct queue_client_state *queue_client_of(struct queue *q, uint32_t client)
{
	struct queue_client_state **b = &q->clients[client % 256], *c;

	for (c = *b; c; c = c->next)
		if (c->conf.id == client)
			return c;
	c = calloc(1, sizeof(*c));
	if (!c)
		oom_end("a client's counters"); /* a few dozen octets, once per client: without them nothing can be promised */
	c->conf.id = client;
	c->next = *b;
	*b = c;
	return c;
}

struct store_msg queue_store_msg(struct queue *q, const struct message *m, unsigned n_parts)
{
	const struct queue_client_state *c = queue_client_of(q, m->client);

	return (struct store_msg){ .id = m->id, .report = m->report, .n_parts = (uint8_t)n_parts,
		.endpoint = c->conf.webhook && m->report != REPORT_NONE ? m->client : 0 };
}

/* ---- ids ------------------------------------------------------------------------------------------------- */

static void reserved(struct store_op *op)
{
	struct queue *q = op->arg;

	q->reserving = false;
	if (op->r == 0)
		q->reserved_from = q->op_reserve.ret_from;
}

uint64_t queue_take_id(struct queue *q)
{
	if (q->next_id == q->id_end && q->reserved_from) {
		q->next_id = q->reserved_from;
		q->id_end = q->next_id + 65536;
		q->reserved_from = 0;
	}
	if (q->id_end - q->next_id < RESERVE_BELOW && !q->reserved_from && !q->reserving) {
		memset(&q->op_reserve, 0, sizeof(q->op_reserve));
		q->op_reserve.op.kind = OP_RESERVE;
		q->op_reserve.op.rows = 1;
		q->op_reserve.op.done = reserved;
		q->op_reserve.op.arg = q;
		q->reserving = true;
		store_stage(q->store, STORE_SETTLE, &q->op_reserve.op);
	}
	if (q->next_id == q->id_end)
		return 0;
	return q->next_id++;
}

/* ---- from links ------------------------------------------------------------------------------------------ */

static void outlet_known(struct queue *q, struct outlet *o)
{
	for (unsigned i = 0; i < q->n_outlets; i++)
		if (q->outlets[i] == o)
			return;
	if (q->n_outlets < sizeof(q->outlets) / sizeof(q->outlets[0]))
		q->outlets[q->n_outlets++] = o;
	o->idform = receipt_forms(q, o->id);
	dispatch_known_rate(q, o);
}

static bool lane_uses(const struct lane *l, const struct outlet *o)
{
	if (l->pin == o->id)
		return true;
	for (unsigned i = 0; l->route && i < l->route->n_links; i++)
		if (l->route->links[i] == o)
			return true;
	return false;
}

void queue_outlet_changed(struct queue *q, struct outlet *o)
{
	outlet_known(q, o);
	q->now_ms = clock_ms();
	dispatch_stalled(q, o);
	for (struct lane *l = q->lanes, *next; l; l = next) {
		next = l->next_all;
		if ((l->out == o) != outlet_serves(o, l->key.class) && lane_uses(l, o))
			lane_home(q, l);
		else if (l->out != o && (o->up || (l->out && l->out->choice)) && lane_uses(l, o))
			lane_home(q, l);
	}
	dispatch_dirty(q);
}

void queue_guard_moved(struct queue *q, struct outlet *o)
{
	char text[160];
	unsigned failed, all;

	guard_counts(&o->guard, &o->guard_rule, q->now_ms, &failed, &all);
	if (o->guard.silent)
		snprintf(text, sizeof(text), "no report came for texts to %u recipients, though %.0f of 100 had one before: "
			"set aside", o->silence.n_run, o->silence.share * 100);
	else
		snprintf(text, sizeof(text), "%u of %u parts failed within %u minutes: set aside", failed, all,
			o->guard_rule.minutes);
	if (o->ops->alarm && o->guard.state != GUARD_PROBE)
		o->ops->alarm(o, "guard", o->guard.state == GUARD_ASIDE ? text : NULL);
	q->aside_changed = o->aside_changed = true;
	dispatch_dirty(q);
}

/* What was begun over the link that went, and waited for the end of its last part there: pinned() in serve.c. */
static void rest_goes_on(struct queue *q)
{
	for (unsigned i = 0; i <= q->mask_by_id; i++)
		for (struct qmsg *qm = q->by_id[i]; qm; qm = qm->hash_next) {
			bool under_way = qm->leasing | qm->leased | qm->flying;

			if (!qm->out && qm->bound && !qm->pending && !qm->blocked && !under_way)
				dispatch_requeue(q, qm); /* nothing is done with one that is in its lane */
		}
}

void queue_forget_outlet(struct queue *q, struct outlet *o)
{
	o->up = false;
	queue_outlet_changed(q, o);
	for (unsigned i = 0; i < q->n_routes; i++) {
		struct queue_route *r = &q->routes[i];
		unsigned n = 0;

		for (unsigned k = 0; k < r->n_links; k++)
			if (r->links[k] != o)
				r->links[n++] = r->links[k];
		r->n_links = n;
	}
	for (unsigned i = 0; i < q->n_outlets; i++)
		if (q->outlets[i] == o)
			q->outlets[i] = q->outlets[--q->n_outlets];
	dispatch_keep_rate(q, o);
	for (unsigned i = 0; i <= q->mask_by_id; i++)
		for (struct qmsg *qm = q->by_id[i]; qm; qm = qm->hash_next)
			if (qm->out == o)
				qm->out = NULL;
	for (struct lane *l = q->lanes; l; l = l->next_all)
		lane_home(q, l);
	rest_goes_on(q);
	dispatch_dirty(q);
}

/* ---- configuration --------------------------------------------------------------------------------------- */

void queue_set_limits(struct queue *q, const struct conf *c)
{
	q->lane_window = (unsigned)c->queue.lane_window;
	q->max_resident = (unsigned)c->queue.max_resident;
	q->max_waiting = (uint64_t)c->queue.max_waiting;
	q->reserve_octets = (uint64_t)c->queue.disk_reserve_mb << 20;
	q->body_age_ms = c->retention.body_days * 86400000;
	q->number_age_ms = c->retention.number_days * 86400000;
	q->row_age_ms = c->retention.row_days * 86400000;
	q->parked_max = (uint32_t)c->queue.parked_max;
	q->parked_age_ms = c->queue.parked_keep_ms;
	sweep_disk(q);
}

void queue_set_client(struct queue *q, const struct queue_client *c)
{
	struct queue_client_state *s = queue_client_of(q, c->id);

	s->conf = *c;
	if (c->id < QUEUE_CLIENTS_MAX)
		atomic_store(&q->has_webhook[c->id], c->webhook);
}

void queue_set_router(struct queue *q, uint32_t (*route_of)(void *arg, const struct message *m), void *arg)
{
	q->route_of = route_of;
	q->route_arg = arg;
}

/* Messages whose route is gone, or that never had one, are asked for again: those in memory now, rows as they are
 * read. */
static void reroute(struct queue *q, struct lane *l)
{
	struct qlist all = l->wait;
	struct qmsg *qm, *next;

	if (l->route || l->pin || !q->route_of)
		return;
	l->n_held++;
	lane_deactivate(q, l);
	memset(&l->wait, 0, sizeof(l->wait));
	for (qm = all.head; qm; qm = next) {
		next = qm->next;
		qm->in_lane = false;
		lane_append(q, l, qm);
	}
	refill_lane(q, l);
	l->n_held--;
}

void queue_set_routes(struct queue *q, const struct queue_route *routes, unsigned n)
{
	struct queue_route *r = calloc(n ? n : 1, sizeof(*r));

	if (!r) {
		log_error("routes_not_set", "error=memory");
		for (unsigned i = 0; i < q->n_routes; i++) /* their strings go */
			q->routes[i].from = q->routes[i].from_fallback = "";
		return;
	}
	memcpy(r, routes, n * sizeof(*r));
	if (choice_routes(q, r, n) < 0)
		log_error("routes_do_not_choose", "error=memory");
	for (struct lane *l = q->lanes; l; l = l->next_all)
		l->route = NULL;
	free(q->routes);
	q->routes = r;
	q->n_routes = n;
	q->senders_change = false;
	for (unsigned i = 0; i < n; i++)
		q->senders_change |= (r[i].from && *r[i].from) || (r[i].from_fallback && *r[i].from_fallback);
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < r[i].n_links; k++)
			outlet_known(q, r[i].links[k]);
	q->now_ms = clock_ms();
	for (struct lane *l = q->lanes; l; l = l->next_all)
		lane_home(q, l);
	for (struct lane *l = q->lanes, *next; l; l = next) {
		next = l->next_all;
		reroute(q, l);
	}
	choice_sweep(q);
	dispatch_dirty(q);
}

/* ---- start, stop ----------------------------------------------------------------------------------------- */

static void checked(uv_check_t *c)
{
	struct queue *q = c->data;

	serve_run(q);
}

struct lanes_known {
	struct queue *q;
	bool missed; /* one of them, for want of memory: its rows would wait for the next start */
};

static void lane_known(void *arg, const struct store_lane *k)
{
	struct lanes_known *known = arg;
	struct queue *q = known->q;
	struct message m = { .client = k->client, .campaign = k->campaign, .route = k->route, .class = k->class };
	struct lane *l;

	l = lane_get(q, &m, k->skip);
	if (l && l->key.id && l->key.id != k->id)
		l = lane_twin(q, k); /* it was forgotten and made again: both have rows */
	known->missed |= !l;
	if (!l)
		return;
	l->key.id = k->id;
	free(l->naming);
	l->naming = NULL;
	l->counting = true;
}

static void ref_known(void *arg, uint32_t ref)
{
	struct queue *q = arg;

	refs_seen(q->refs, ref);
}

/* What the database knows. */
static int load_all(struct queue *q)
{
	struct lanes_known known = { .q = q };
	int r = store_lanes(q->store, lane_known, &known);

	if (r == 0 && known.missed)
		r = -ENOMEM;
	if (r == 0)
		r = store_refs(q->store, REF_ROWS, ref_known, q);
	if (r == 0)
		r = receipt_load_forms(q);
	return r == 0 ? quota_load(q) : r;
}

int queue_new(uv_loop_t *loop, struct store *s, const struct store_boot *boot, const struct conf *c,
	struct names *names, const struct queue_events *events, struct queue **ret)
{
	struct queue *q = calloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	q->loop = loop;
	q->store = s;
	q->names = names;
	if (events)
		q->events = *events;
	q->next_id = boot->next_id;
	q->last_created_ms = boot->last_created;
	q->id_end = boot->next_id + 65536;
	q->recover_upto = boot->next_id;
	q->reads_asked = q->reads_come = 1;
	if (boot->written_ms && boot->written_ms <= clock_ms())
		q->written_us = clock_mono_us() - (clock_ms() - boot->written_ms) * 1000;
	q->stored_low = boot->low_water;
	q->index_run = (uint32_t)((boot->indexed_to & ((1ull << MSG_COUNTER_BITS) - 1)) >> 16);
	q->next_lane = boot->next_lane ? boot->next_lane : 1;
	q->now_ms = clock_ms();
	q->now_us = clock_mono_us();
	q->due_next_ms = INT64_MAX;
	q->staged.next = q->staged.prev = &q->staged;
	q->pool_lease.size = sizeof(struct op_lease);
	settle_pools(q);
	receipt_pools(q);
	q->pool_attempt.size = sizeof(struct op_attempt);
	q->pool_due.size = sizeof(struct row_job);
	q->pool_row.size = sizeof(struct op_backlog_delete);
	queue_set_limits(q, c);
	q->mask_by_id = 1;
	while (q->mask_by_id < q->max_resident * 2)
		q->mask_by_id <<= 1;
	q->by_id = calloc(q->mask_by_id, sizeof(struct qmsg *));
	q->mask_by_id--;
	q->fresh = fresh_new(boot->low_water);
	q->sent = sent_new(settle_spill, q);
	q->evidence = evidence_new();
	q->unicode = unicode_new();
	q->refs = refs_new();
	if (!q->by_id || !q->fresh || !q->sent || !q->evidence || !q->unicode || !q->refs)
		return -ENOMEM;
	uv_check_init(loop, &q->check);
	uv_timer_init(loop, &q->tick);
	uv_timer_init(loop, &q->second);
	uv_timer_init(loop, &q->codes_timer);
	q->check.data = q->tick.data = q->second.data = q->codes_timer.data = q;
	*ret = q;
	return load_all(q);
}

/* Without it, what was cancelled would be sent. */
static void must_load_cancels(struct queue *q)
{
	char err[400];
	int r = cancel_load(q);

	if (r == 0)
		return;
	store_says(q->store, r, "table cancel", err, sizeof(err));
	log_error("not_started", "error=%s", err);
	_exit(r == -EUCLEAN ? EX_DATAERR : EXIT_FAILURE); /* nothing was sent yet: the loop did not run */
}

void queue_start(struct queue *q)
{
	uv_check_start(&q->check, checked);
	uv_unref((uv_handle_t *)&q->check);
	uv_timer_start(&q->second, sweep_second, 1000, 1000);
	uv_unref((uv_handle_t *)&q->second);
	uv_unref((uv_handle_t *)&q->tick);
	uv_unref((uv_handle_t *)&q->codes_timer);
	q->started = true;
	must_load_cancels(q);
	refill_start(q);
}

static void stop_check(uv_timer_t *t)
{
	struct queue *q = t->data;
	int64_t now_ms = clock_mono_ms();
	bool late = now_ms >= q->stop_deadline_ms;

	if ((q->stats.in_flight || q->settling) && !late) {
		/* How parts ended is worth the wait when the disk has refused it: a start would send them again. */
		if (now_ms >= q->stop_again_ms) {
			q->stop_again_ms = now_ms + 1000;
			queue_again_all(q);
		}
		return;
	}
	uv_timer_stop(&q->second);
	uv_timer_stop(&q->tick);
	uv_timer_stop(&q->codes_timer);
	uv_check_stop(&q->check);
	settle_flush_spill(q);
	if (q->stats.in_flight)
		log_warn("stopped_with_parts_in_flight", "parts=%llu", (unsigned long long)q->stats.in_flight);
	q->stopped(q->stopped_arg);
}

bool queue_is_stored(const struct queue *q)
{
	return !q->settling;
}

void queue_stop(struct queue *q, int64_t deadline_ms, void (*stopped)(void *arg), void *arg)
{
	q->stopping = true;
	q->stop_again_ms = clock_mono_ms();
	q->stop_deadline_ms = q->stop_again_ms + deadline_ms;
	q->stopped = stopped;
	q->stopped_arg = arg;
	uv_timer_start(&q->second, stop_check, 0, 10);
	uv_ref((uv_handle_t *)&q->second);
}

static void handle_closed(uv_handle_t *h)
{
	struct queue *q = h->data;

	if (--q->n_handles == 0)
		free(q);
}

static void lane_free_all(struct queue *q)
{
	while (q->lanes) {
		struct lane *l = q->lanes;

		q->lanes = l->next_all;
		free(l->naming);
		free(l->minutes);
		free(l);
	}
}

void queue_free(struct queue *q)
{
	if (!q)
		return;
	for (unsigned i = 0; i <= q->mask_by_id; i++)
		while (q->by_id[i])
			qmsg_free(q, q->by_id[i]);
	free(q->by_id);
	while (q->free_qmsg) {
		struct qmsg *qm = q->free_qmsg;

		q->free_qmsg = qm->next;
		free(qm);
	}
	lane_free_all(q);
	for (unsigned i = 0; i < 256; i++)
		while (q->clients[i]) {
			struct queue_client_state *c = q->clients[i];

			q->clients[i] = c->next;
			free(c);
		}
	while (q->blocked) {
		struct blocked_id *b = q->blocked;

		q->blocked = b->next;
		message_free(b->kept.m);
		free(b);
	}
	while (q->failed) {
		struct store_op *op = q->failed;

		q->failed = op->next;
		free(op);
	}
	while (q->tag_cancels) {
		struct tag_cancel *t = q->tag_cancels;

		q->tag_cancels = t->next;
		free(t);
	}
	pool_done(&q->pool_lease);
	pool_done(&q->pool_submit);
	pool_done(&q->pool_attempt);
	pool_done(&q->pool_final);
	pool_done(&q->pool_receipt);
	pool_done(&q->pool_note);
	receipt_done_forms(q);
	ask_free_all(q);
	quota_done(q);
	for (unsigned i = 0; i < q->n_routes; i++)
		q->routes[i].choice = NULL;
	for (struct choice *c = q->choices; c; c = c->next)
		c->r = NULL;
	choice_sweep(q);
	dispatch_drop_rates(q, INT64_MAX);
	pool_done(&q->pool_due);
	pool_done(&q->pool_row);
	free(q->routes);
	free(q->retaken);
	free(q->held_back);
	free(q->codes);
	fresh_free(q->fresh);
	sent_free(q->sent);
	evidence_free(q->evidence);
	unicode_free(q->unicode);
	refs_free(q->refs);
	q->n_handles = 4;
	uv_close((uv_handle_t *)&q->check, handle_closed);
	uv_close((uv_handle_t *)&q->tick, handle_closed);
	uv_close((uv_handle_t *)&q->second, handle_closed);
	uv_close((uv_handle_t *)&q->codes_timer, handle_closed);
}
