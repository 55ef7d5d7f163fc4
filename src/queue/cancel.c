/* SPDX-License-Identifier: Apache-2.0
 *
 * cancel.c -- take back what has not left, by id and by tag.
 *
 * By id: the loop decides.  In memory and no part leased → blocked, committed, then answered.  On disk → the writer
 * refuses when a lease or a submit row exists (unless_submitted), and refill passes over the id meanwhile.
 *
 * By tag: one row cancel(client, tag, upto_id) is the decision; from its commit on nothing it covers is leased.  The
 * final states follow in steps.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "queue/queue_impl.h"

#define TAG_PAGE 1000

bool cancel_covers(const struct queue *q, const struct message *m)
{
	for (const struct tag_cancel *t = q->tag_cancels; t; t = t->next)
		if (t->client == m->client && m->id <= t->upto_id && strlen(t->tag) == m->n_tag &&
			memcmp(t->tag, m->tag, m->n_tag) == 0)
			return true;
	return false;
}

bool cancel_blocks(struct queue *q, struct store_loaded *x)
{
	for (struct blocked_id *b = q->blocked; b; b = b->next) {
		if (b->id != x->m->id)
			continue;
		if (!b->until_read && !b->kept.m) { /* should it not be cancelled after all, it waits again */
			b->kept = *x;
			b->kept.sent = NULL; /* no part has left: there is none */
			b->kept.n_sent = 0;
			x->m = NULL;
		}
		return true;
	}
	return false;
}

static bool blocked(const struct queue *q, uint64_t id)
{
	for (const struct blocked_id *b = q->blocked; b; b = b->next)
		if (b->id == id && !b->until_read)
			return true;
	return false;
}

static void blocked_free(struct blocked_id **p)
{
	struct blocked_id *b = *p;

	*p = b->next;
	message_free(b->kept.m);
	free(b);
}

/* The cancellation of `id` is decided.  Cancelled: pages that were read before the commit may still bring it, so it is
 * passed over until they have come.  Else what a page had brought meanwhile is taken now. */
static void unblock(struct queue *q, uint64_t id, bool cancelled)
{
	for (struct blocked_id **p = &q->blocked; *p; p = &(*p)->next) {
		struct blocked_id *b = *p;
		struct store_loaded kept = b->kept;

		if (b->id != id || b->until_read)
			continue;
		if (cancelled && q->reads_asked != q->reads_come) {
			b->until_read = q->reads_asked;
			return;
		}
		b->kept.m = cancelled ? kept.m : NULL;
		blocked_free(p);
		if (!cancelled && kept.m)
			refill_kept(q, &kept);
		return;
	}
}

static void tag_forget(struct tag_cancel **p)
{
	struct tag_cancel *t = *p;

	*p = t->next;
	free(t);
}

void cancel_pages_came(struct queue *q)
{
	struct blocked_id **b = &q->blocked;
	struct tag_cancel **t = &q->tag_cancels;

	while (*b)
		if ((*b)->until_read && (*b)->until_read <= q->reads_come)
			blocked_free(b);
		else
			b = &(*b)->next;
	while (*t)
		if ((*t)->until_read && (*t)->until_read <= q->reads_come)
			tag_forget(t);
		else
			t = &(*t)->next;
}

/* ---- one id ---------------------------------------------------------------------------------------------- */

struct id_job {
	struct op_final f;
	struct q_message read;
	struct queue *q;
	uint64_t id;
	uint32_t client;
	void (*done)(void *arg, int r);
	void *arg;
};

/* enum queue_cancelled, or -errno: it waits on. */
static int result_of(const struct op_final *f)
{
	if (f->op.r < 0)
		return f->op.r == -EBUSY ? CANCEL_IN_FLIGHT : f->op.r;
	if (!f->ret_new)
		return CANCEL_FINAL;
	return f->ret_msg_state == STATE_UNCONFIRMED ? CANCEL_UNCONFIRMED : CANCEL_DONE;
}

static bool is_over(int r)
{
	return r == CANCEL_DONE || r == CANCEL_UNCONFIRMED || r == CANCEL_FINAL;
}

static void id_answer(struct id_job *j, int r)
{
	unblock(j->q, j->id, is_over(r));
	j->done(j->arg, r);
	free(j);
}

static void id_final_done(struct store_op *op)
{
	struct id_job *j = (struct id_job *)((char *)op - offsetof(struct id_job, f));
	struct queue *q = j->q;
	struct qmsg *qm = qmsg_find(q, j->id);

	if (op->r == 0 && j->f.ret_new) {
		queue_resolved(q, j->id);
		queue_count_final(q, CLASS_SERVICE, j->f.ret_msg_state, false);
	}
	if (qm) {
		qm->blocked = false;
		if (op->r == 0) {
			qm->todo = 0;
			dispatch_gone(q, qm);
		} else {
			dispatch_requeue(q, qm);
		}
	}
	id_answer(j, result_of(&j->f));
}

static void id_stage(struct id_job *j, const struct store_msg *sm)
{
	j->f.op.kind = OP_FINAL;
	j->f.op.rows = 4;
	j->f.op.done = id_final_done;
	j->f.op.arg = j->q;
	j->f.msg = *sm;
	j->f.part = 0;
	j->f.at = clock_ms();
	j->f.state = STATE_CANCELLED;
	j->f.reason = REASON_CLIENT;
	j->f.unless_submitted = true;
	store_stage(j->q->store, STORE_SETTLE, &j->f.op);
}

static void id_read(struct store_query *sq)
{
	struct id_job *j = (struct id_job *)((char *)sq - offsetof(struct id_job, read));
	const struct store_detail *d = &j->read.ret;
	struct store_msg sm;
	int r = sq->r;

	if (r == 0 && state_is_final(d->state))
		r = CANCEL_FINAL;
	else if (r == 0 && (d->state == STATE_SENDING || d->state == STATE_SENT))
		r = CANCEL_IN_FLIGHT;
	else if (r == -ENOENT)
		r = CANCEL_NOT_FOUND;
	else if (r == 0) {
		sm = queue_store_msg(j->q, d->m, d->m->n_parts);
		store_query_done(sq);
		id_stage(j, &sm);
		return;
	}
	store_query_done(sq);
	id_answer(j, r);
}

int queue_cancel(struct queue *q, uint64_t id, uint32_t client, void (*done)(void *arg, int r), void *arg)
{
	struct qmsg *qm = qmsg_find(q, id);
	struct id_job *j = calloc(1, sizeof(*j));
	struct blocked_id *b = calloc(1, sizeof(*b));
	struct store_msg sm;

	if (!j || !b || blocked(q, id)) {
		free(j);
		free(b);
		return blocked(q, id) ? -EBUSY : -ENOMEM;
	}
	j->q = q;
	j->id = id;
	j->client = client;
	j->done = done;
	j->arg = arg;
	b->id = id;
	b->next = q->blocked;
	q->blocked = b;
	if (qm && !qm->pending && (!client || qm->m->client == client) &&
		!(qm->leasing | qm->leased | qm->flying | qm->done)) {
		qm->blocked = true;
		lane_take(q, qm);
		sm = queue_store_msg(q, qm->m, qm->n_parts ? qm->n_parts : qm->m->n_parts);
		sm.lane = qm->row_lane;
		sm.seq = qm->row_seq;
		id_stage(j, &sm);
		return 0;
	}
	/* In flight, on disk, final, somebody else's or unknown: rows tell. */
	j->read.q.kind = Q_MESSAGE;
	j->read.q.done = id_read;
	j->read.id = id;
	j->read.client = client;
	store_read(q->store, STORE_QUEUE, &j->read.q);
	return 0;
}

/* ---- a tag ----------------------------------------------------------------------------------------------- */

struct tag_job {
	struct op_cancel op;
	struct q_tagged page;
	struct queue *q;
	struct tag_job *next;
	void (*each)(void *arg, uint64_t id, int r);
	void (*done)(void *arg, int r, const uint64_t counts[CANCEL_N]);
	void *arg;
	uint64_t counts[CANCEL_N];
	unsigned under_way;
	bool read_all;
	int r;
};

struct tag_final {
	struct op_final f;
	struct tag_job *job;
};

static void tag_read(struct store_query *sq);

static void tag_ask(struct tag_job *j, uint64_t from)
{
	memset(&j->page, 0, sizeof(j->page));
	j->page.q.kind = Q_TAGGED;
	j->page.q.done = tag_read;
	j->page.client = j->op.client;
	memcpy(j->page.tag, j->op.tag, sizeof(j->page.tag));
	j->page.from_id = from;
	j->page.upto_id = j->op.upto_id;
	j->page.limit = TAG_PAGE;
	store_read(j->q->store, STORE_API, &j->page.q);
}

static void tag_closed(struct store_op *op)
{
	struct tag_job *j = (struct tag_job *)((char *)op - offsetof(struct tag_job, op));
	struct queue *q = j->q;

	for (struct tag_job **p = &q->tag_jobs; *p; p = &(*p)->next)
		if (*p == j) {
			*p = j->next;
			break;
		}
	for (struct tag_cancel *t = q->tag_cancels; t; t = t->next)
		if (t->n == j->op.n && !t->until_read)
			t->until_read = q->reads_asked;
	if (q->reads_asked == q->reads_come)
		cancel_pages_came(q);
	if (j->done)
		j->done(j->arg, j->r, j->counts);
	free(j);
}

static void tag_step(struct tag_job *j)
{
	if (j->under_way)
		return;
	if (!j->read_all && j->r == 0 && !j->q->stopping) {
		tag_ask(j, j->page.next_id);
		return;
	}
	if (j->r < 0 || j->q->stopping) { /* the row stays: the next start goes on */
		for (struct tag_job **p = &j->q->tag_jobs; *p; p = &(*p)->next)
			if (*p == j) {
				*p = j->next;
				break;
			}
		if (j->done)
			j->done(j->arg, j->r ? j->r : -ESHUTDOWN, j->counts);
		free(j);
		return;
	}
	j->op.op.kind = OP_CANCEL_DONE;
	j->op.op.done = tag_closed;
	store_stage(j->q->store, STORE_SETTLE, &j->op.op);
}

static void tag_one_done(struct store_op *op)
{
	struct tag_final *f = (struct tag_final *)op;
	struct tag_job *j = f->job;
	struct queue *q = j->q;
	uint64_t id = f->f.msg.id;
	struct qmsg *qm = qmsg_find(q, id);
	int r = result_of(&f->f);

	if (op->r == 0 && f->f.ret_new) {
		queue_resolved(q, id);
		queue_count_final(q, CLASS_SERVICE, f->f.ret_msg_state, false);
	}
	if (qm && qm->blocked) {
		qm->blocked = false;
		if (is_over(r)) {
			qm->todo = 0;
			dispatch_gone(q, qm);
		} else {
			dispatch_requeue(q, qm);
		}
	}
	if (r >= 0)
		j->counts[r]++;
	else
		j->r = r;
	if (j->each)
		j->each(j->arg, id, r);
	free(f);
	j->under_way--;
	tag_step(j);
}

static void tag_read(struct store_query *sq)
{
	struct tag_job *j = (struct tag_job *)((char *)sq - offsetof(struct tag_job, page));
	struct queue *q = j->q;
	bool more = j->page.more;

	if (sq->r < 0)
		j->r = sq->r;
	j->under_way++; /* so that nothing ends before the page is through */
	for (unsigned i = 0; sq->r == 0 && i < j->page.n_rows; i++) {
		const struct store_loaded *x = &j->page.rows[i];
		struct qmsg *qm = x->m ? qmsg_find(q, x->m->id) : NULL;
		struct tag_final *f;

		if (!x->m || (qm && qm->pending))
			continue;
		if (x->final) {
			j->counts[CANCEL_FINAL]++;
			continue;
		}
		if ((qm && (qm->leasing | qm->leased | qm->flying | qm->done)) || x->submitted || x->leased) {
			j->counts[CANCEL_IN_FLIGHT]++;
			if (j->each)
				j->each(j->arg, x->m->id, CANCEL_IN_FLIGHT);
			continue;
		}
		f = calloc(1, sizeof(*f));
		if (!f) {
			j->r = -ENOMEM;
			break;
		}
		if (qm) {
			qm->blocked = true;
			lane_take(q, qm);
		}
		f->job = j;
		f->f.op.kind = OP_FINAL;
		f->f.op.rows = 4;
		f->f.op.done = tag_one_done;
		f->f.op.arg = q;
		f->f.msg = queue_store_msg(q, x->m, x->m->n_parts);
		f->f.msg.lane = qm ? qm->row_lane : x->lane;
		f->f.msg.seq = qm ? qm->row_seq : x->seq;
		f->f.at = q->now_ms;
		f->f.state = STATE_CANCELLED;
		f->f.reason = REASON_CLIENT;
		f->f.unless_submitted = true;
		j->under_way++;
		store_stage(q->store, STORE_SETTLE, &f->f.op);
	}
	j->read_all = !more;
	store_query_done(sq);
	j->under_way--;
	tag_step(j);
}

static void tag_decided(struct store_op *op)
{
	struct tag_job *j = (struct tag_job *)((char *)op - offsetof(struct tag_job, op));
	struct tag_cancel *t;

	if (op->r == 0) {
		for (t = j->q->tag_cancels; t; t = t->next)
			if (t->upto_id == j->op.upto_id && t->client == j->op.client && !strcmp(t->tag, j->op.tag) && !t->n) {
				t->n = j->op.n;
				break;
			}
		tag_ask(j, 0);
		return;
	}
	for (struct tag_cancel **p = &j->q->tag_cancels; *p; p = &(*p)->next)
		if (!(*p)->n && (*p)->upto_id == j->op.upto_id && !strcmp((*p)->tag, j->op.tag)) {
			tag_forget(p); /* not decided: nothing is cancelled */
			break;
		}
	j->r = op->r;
	j->read_all = true;
	tag_step(j);
}

static struct tag_job *tag_job(struct queue *q, uint32_t client, const char *tag, uint64_t upto_id)
{
	struct tag_job *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->q = q;
	j->op.op.kind = OP_CANCEL;
	j->op.op.rows = 1;
	j->op.op.done = tag_decided;
	j->op.op.arg = q;
	j->op.client = client;
	j->op.upto_id = upto_id;
	j->op.at = clock_ms();
	strncpy(j->op.tag, tag, sizeof(j->op.tag) - 1);
	j->next = q->tag_jobs;
	q->tag_jobs = j;
	return j;
}

static int tag_remember(struct queue *q, uint64_t n, uint32_t client, const char *tag, uint64_t upto_id)
{
	struct tag_cancel *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->n = n;
	t->client = client;
	t->upto_id = upto_id;
	strncpy(t->tag, tag, sizeof(t->tag) - 1);
	t->next = q->tag_cancels;
	q->tag_cancels = t;
	return 0;
}

int queue_cancel_tag(struct queue *q, uint32_t client, const char *tag, void (*each)(void *arg, uint64_t id, int r),
	void (*done)(void *arg, int r, const uint64_t counts[CANCEL_N]), void *arg)
{
	uint64_t upto = q->next_id - 1;
	struct tag_job *j;

	if (strlen(tag) > MSG_REF_MAX)
		return -EINVAL;
	j = tag_job(q, client, tag, upto);
	if (!j || tag_remember(q, 0, client, tag, upto) < 0)
		return -ENOMEM; /* the job, if made, is freed with the queue */
	j->each = each;
	j->done = done;
	j->arg = arg;
	store_stage(q->store, STORE_SETTLE, &j->op.op);
	return 0;
}

struct cancels_known {
	struct queue *q;
	bool missed; /* one of them, for want of memory: what it covers would be sent */
};

/* At start: decisions whose work was not finished. */
static void load_one(void *arg, uint64_t n, uint32_t client, const char *tag, uint64_t upto_id)
{
	struct cancels_known *known = arg;
	struct queue *q = known->q;
	struct tag_job *j = tag_remember(q, n, client, tag, upto_id) == 0 ? tag_job(q, client, tag, upto_id) : NULL;

	known->missed |= !j;
	if (!j)
		return;
	j->op.n = n;
	tag_ask(j, 0);
}

int cancel_load(struct queue *q)
{
	struct cancels_known known = { .q = q };
	int r = store_cancels(q->store, load_one, &known);

	return r == 0 && known.missed ? -ENOMEM : r;
}
