/* SPDX-License-Identifier: Apache-2.0
 *
 * accept.c -- messages come in: may they, where does each begin, and what is done with them when they are on disk.
 */
#include "queue/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "queue/queue_impl.h"

#define STAGED_MAX 20000    /* operations of a list not yet committed: beyond it intake pauses */
#define DISK_MS    100      /* between two looks at what is left of the disk, while messages come in */

static bool ids_left(const struct queue *q, unsigned n)
{
	return q->id_end - q->next_id >= n || (q->id_end - q->next_id + (q->reserved_from ? 65536 : 0)) >= n;
}

static enum store_list list_of(const struct queue_batch *b)
{
	for (unsigned i = 0; i < b->n; i++)
		if (b->messages[i]->class != CLASS_OTP)
			return STORE_BULK;
	return b->n ? STORE_OTP : STORE_BULK;
}

static int admit(struct queue *q, const struct queue_batch *b)
{
	const struct queue_client_state *c;

	if (q->stopping || !q->started)
		return -ESHUTDOWN;
	if (store_pending(q->store, list_of(b)) >= STAGED_MAX || !ids_left(q, b->n))
		return -EAGAIN;
	if (!b->n)
		return 0;
	if (uv_now(q->loop) - q->disk_ms >= DISK_MS)
		sweep_disk(q);
	if (q->damaged)
		return -EUCLEAN;
	if (q->intake_stopped)
		return -ENOSPC;
	if (q->stats.waiting + b->n > q->max_waiting)
		return -ENOBUFS;
	for (c = q->clients[b->messages[0]->client % 256]; c; c = c->next)
		if (c->conf.id == b->messages[0]->client && c->conf.max_waiting &&
			c->waiting + b->n > c->conf.max_waiting)
			return -EDQUOT;
	return 0;
}

/* Nothing older waits before it, nobody else waits for the link, and there is room: lease with the accept commit. */
static void lease_at_once(struct queue *q, struct lane *l, struct qmsg *qm, struct store_accept *a)
{
	struct outlet *o = l->out;
	enum msg_reason why;
	unsigned n;

	if (!o || l->wait.head || l->n_pending_wait)
		return;
	if (l->key.class != CLASS_OTP && (o->lanes || o->otp_lanes))
		return; /* in turn, with the others */
	if (o->choice)
		o = choice_pick(q, l, qm, &why);
	if (!o || o->used || !dispatch_room(q, o, l->key.class))
		return; /* used: what it counts goes by another list, and must be on disk before the part leaves */
	if (l->client->conf.tps > 0 && !tokens_has(&l->client->tokens, &l->client->tokens_at_us, l->client->conf.tps,
		l->client->conf.burst ? l->client->conf.burst : l->client->conf.tps, q->now_us))
		return;
	if (dispatch_plan(q, qm, o) < 0)
		return;
	n = qm->n_parts;
	if (o->window - o->in_flight - o->asking < n || pace_room(&o->pace, false, q->now_us) < n ||
		o->guard.state != GUARD_OPEN)
		return;
	a->leased = qm->todo;
	a->link = o->id;
	a->ref = qm->ref;
	a->cut = qm->cut;
	a->bound_parts = (uint8_t)dispatch_bound_parts(qm);
	qm->leasing = qm->todo;
	qm->todo = 0;
	qm->bound = n > 1;
	qm->bound_row = a->bound_parts != 0;
	qm->bound_link = qm->bound_row ? o->id : 0;
	dispatch_take(q, o, qm, n);
}

/* Any link that may get it keeps it until its time: then it can leave at once. */
static bool waits_at_carrier(struct queue *q, const struct message *m)
{
	const struct queue_route *r = lane_route(q, m->route);

	for (unsigned i = 0; r && i < r->n_links; i++)
		if (!r->links[i]->schedules)
			return false;
	return r && r->n_links;
}

/* It has no lane before its time has come. */
static bool waits_in_due(struct queue *q, const struct message *m)
{
	return m->send_at_ms > q->now_ms && !waits_at_carrier(q, m);
}

/* Where a new message waits until its commit is done, and after.  What low water would pass gets a row. */
static void place(struct queue *q, struct store_accept *a)
{
	struct message *m = a->m;
	struct lane *l;
	struct qmsg *qm;

	if (waits_in_due(q, m)) {
		a->place = PLACE_DUE;
		return;
	}
	l = lane_get(q, m, 0);
	q->stats.waiting++;
	l->client->waiting++;
	if (!l->n_rows && !l->counting && l->wait.n + l->n_pending < q->lane_window &&
		resident_room(q, m->class) && fresh_set(q->fresh, m->id) == 0) {
		qm = qmsg_new(q, m); /* the writer only reads it */
		if (qm) {
			a->place = PLACE_MEMORY;
			qmsg_set_lane(qm, l);
			qm->since_ms = q->now_ms;
			qm->pending = true;
			qm->todo = parts_mask(m->n_parts);
			l->n_pending++;
			lease_at_once(q, l, qm, a);
			l->n_pending_wait += qm->todo != 0;
			return;
		}
		fresh_clear(q->fresh, m->id);
	}
	a->place = PLACE_BACKLOG;
	lane_name(q, l);
	a->lane = l->key.id;
	a->seq = m->id;
	lane_count_staged(l, a->seq);
	lane_minute_add(l, minute_of(m->ttl_end_ms), 1);
}

/* The commit of one message is done (or failed): it joins what waits, or leaves with its lease. */
static void placed(struct queue *q, struct store_accept *a, int r)
{
	struct message *m = a->m;
	struct lane *l;
	struct qmsg *qm;

	if (a->place == PLACE_DUE) {
		if (r == 0 && m->class == CLASS_OTP)
			due_code_made(q, m->send_at_ms, msg_key(m->id, 0));
		else if (r == 0)
			due_row_made(q, m->send_at_ms);
		message_free(m);
		return;
	}
	if (a->place == PLACE_BACKLOG) {
		l = lane_get(q, m, 0);
		l->n_rows_staged--;
		if (r < 0) {
			l->n_rows--;
			q->stats.waiting--;
			l->client->waiting--;
			lane_minute_sub(l, minute_of(m->ttl_end_ms), 1);
		} else if (l->out) {
			refill_lane(q, l);
		}
		message_free(m);
		lane_drop_if_idle(q, l);
		return;
	}
	qm = qmsg_find(q, m->id);
	l = qm->lane;
	qm->pending = false;
	l->n_pending--;
	l->n_pending_wait -= qm->leasing == 0;
	if (r < 0) {
		if (qm->leasing)
			dispatch_unplaced(q, qm, (unsigned)__builtin_popcountll(qm->leasing));
		qm->leasing = qm->todo = 0;
		queue_resolved(q, m->id);
		dispatch_gone(q, qm);
		return;
	}
	if (qm->leasing) {
		qm->leased = qm->leasing;
		qm->leasing = 0;
		dispatch_submit(q, qm);
	} else {
		lane_append(q, l, qm);
	}
}

static void accepted(struct store_op *op)
{
	struct queue_batch *b = op->arg;
	struct queue *q = b->queue;

	q->now_ms = clock_ms();
	staged_done(&b->staged);
	for (unsigned i = 0; i < b->n; i++)
		placed(q, &b->items[i], op->r);
	if (op->r == 0)
		q->stats.accepted += b->n;
	if (b->items != &b->one)
		free(b->items);
	b->done(b, op->r);
}

/* Every lane that they need is there: what is placed must not fail half-way. */
static bool lanes_made(struct queue *q, const struct queue_batch *b)
{
	for (unsigned i = 0; i < b->n; i++)
		if (!waits_in_due(q, b->messages[i]) && !lane_get(q, b->messages[i], 0))
			return false;
	return true;
}

int queue_add(struct queue *q, struct queue_batch *b)
{
	int r = admit(q, b);

	if (r < 0)
		return r;
	q->now_ms = clock_ms();
	q->now_us = clock_mono_us();
	if (!lanes_made(q, b))
		return -ENOMEM;
	b->items = b->n == 1 ? &b->one : calloc(b->n ? b->n : 1, sizeof(*b->items));
	if (!b->items)
		return -ENOMEM;
	if (q->last_created_ms < q->now_ms) /* the clock may go back: created never does */
		q->last_created_ms = q->now_ms;
	b->queue = q;
	staged_add(q, &b->staged, q->next_id);
	memset(&b->op, 0, sizeof(b->op));
	b->op.op.kind = OP_ACCEPT;
	b->op.op.rows = (uint16_t)(b->n + 1);
	b->op.op.done = accepted;
	b->op.op.arg = b;
	b->op.items = b->items;
	b->op.n_items = b->n;
	b->op.idem = b->idem;
	b->op.progress = b->progress;
	for (unsigned i = 0; i < b->n; i++) {
		struct message *m = b->messages[i];

		memset(&b->items[i], 0, sizeof(b->items[i]));
		m->id = b->ids[i] = queue_take_id(q);
		m->created_ms = q->last_created_ms;
		b->items[i].m = m;
		place(q, &b->items[i]);
	}
	store_stage(q->store, list_of(b), &b->op.op);
	return 0;
}
