/* SPDX-License-Identifier: Apache-2.0
 *
 * due.c -- what waits for a time, and what is done when it has come.
 *
 * Everything that comes back from `due` takes the same way: its due row becomes a backlog row (one commit), and the
 * lane reads it from there.
 *
 * Rows are looked for once a second, page by page, in the order of their times; and not again before all that was found
 * is committed, as it would be found once more.  While arrays come in that may take seconds, and a campaign that was
 * scheduled for nine o'clock has many pages.  So codes are kept in memory, too, by time and key: each is asked for by
 * itself at its time, and goes with the list of codes.  Codes that are due since before a restart, or are too many,
 * come with the pages.
 *
 * A row may so be fired twice, before the first of the two is committed: the second finds it gone, and counts nothing
 * (op_due_fire).  So pages wait for what came with pages, and not for codes: of these some may always be under way.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "queue/queue_impl.h"

#define DUE_PAGE  500
#define CODES_MAX (1u << 18) /* 4 MB */

struct due_code {
	int64_t at;
	uint64_t key;
};

/* ---- rows, page by page ---------------------------------------------------------------------------------- */

static void due_read(struct store_query *sq);

static void due_ask(struct queue *q)
{
	if (q->due_reading || !q->leases_known || q->stopping)
		return;
	if (q->n_firing && !q->due_after_at) { /* what was fired is still there until it is committed */
		q->due_wanted = true;
		return;
	}
	q->due_reading = true;
	memset(&q->due_query, 0, sizeof(q->due_query));
	q->due_query.q.kind = Q_DUE;
	q->due_query.q.done = due_read;
	q->due_query.q.arg = q;
	q->due_query.upto = q->now_ms;
	q->due_query.limit = DUE_PAGE;
	q->due_query.after_at = q->due_after_at;
	q->due_query.after_key = q->due_after_key;
	store_read(q->store, STORE_QUEUE, &q->due_query.q);
}

void due_row_made(struct queue *q, int64_t at_ms)
{
	if (at_ms < q->due_next_ms)
		q->due_next_ms = at_ms;
	if (q->due_reading)
		q->due_again = true; /* the page under way may not have seen it */
	else if (q->due_next_ms <= q->now_ms)
		due_ask(q);
}

/* What is due could not be read or fired: a page finds it in a second, also behind one that is being read. */
static void due_look_soon(struct queue *q)
{
	q->due_again |= q->due_reading;
	if (q->due_next_ms > q->now_ms + 1000)
		q->due_next_ms = q->now_ms + 1000;
}

static void fired(struct store_op *op)
{
	struct row_job *j = (struct row_job *)op;
	struct queue *q = op->arg;

	q->settling--;
	q->n_firing -= j->paged;
	if (op->r < 0) { /* the due row is still there, and is read again */
		log_error("due_not_stored", "msg=%llu error=%s", (unsigned long long)msg_key_id(j->f.key),
			strerror(-op->r));
		due_look_soon(q);
	}
	lane_row_done(q, j);
	pool_put(&q->pool_due, op);
	if (!q->n_firing && q->due_wanted) {
		q->due_wanted = false;
		due_ask(q);
	}
}

static struct row_job *fire(struct queue *q, const struct store_loaded *x, bool paged)
{
	struct row_job *j = (struct row_job *)pool_get(q, &q->pool_due, OP_DUE_FIRE, fired);

	if (!j)
		return NULL;
	j->f.at = x->due_at;
	j->f.key = x->due_key;
	j->f.lane = 0;
	j->f.seq = 0;
	j->f.end_minute = 0;
	j->lane = NULL;
	q->settling++;
	j->paged = paged;
	q->n_firing += paged;
	return j;
}

/* Only the due row goes. */
static void fire_only(struct queue *q, const struct store_loaded *x, bool paged)
{
	struct row_job *j = fire(q, x, paged);

	if (j)
		queue_stage(q, STORE_SETTLE, &j->f.op);
}

/* Its message is in memory: the part joins the others, if it was to come back at all. */
static void due_joins(struct queue *q, struct qmsg *qm, struct store_loaded *x, bool paged)
{
	unsigned part = msg_key_part(x->due_key);
	uint64_t bit = part ? 1ull << (part - 1) : 0;

	if (qm->later & bit) {
		qm->later &= ~bit;
		qm->todo |= bit;
		dispatch_requeue(q, qm);
	}
	fire_only(q, x, paged);
}

/* The time of one due row has come. */
static void due_one(struct queue *q, struct store_loaded *x, bool paged)
{
	unsigned part = msg_key_part(x->due_key);
	struct qmsg *qm = x->m ? qmsg_find(q, x->m->id) : NULL;
	struct store_msg sm;
	struct row_job *j;
	struct lane *l;
	uint64_t seq;

	if (!x->m || x->final || (part && x->finals >> (part - 1) & 1)) {
		fire_only(q, x, paged);
		return;
	}
	sm = refill_msg(q, x);
	refill_retaken_forget(q, x->m->id);
	if (x->due_reason == REASON_NO_RECEIPT || x->due_reason == REASON_HOLD) {
		/* Part 0 speaks of all that is still open.  What was held has perhaps been answered late. */
		uint64_t settled = x->due_reason == REASON_HOLD ? x->finals | x->submitted : x->finals;

		for (uint64_t open = (part ? 1ull << (part - 1) : parts_mask(sm.n_parts)) & ~settled; open;
			open &= open - 1)
			settle_rows_final(q, &sm, (unsigned)__builtin_ctzll(open) + 1, x->m->class, STATE_UNCONFIRMED,
				x->due_reason == REASON_HOLD ? REASON_NO_ANSWER : REASON_NO_RECEIPT, false);
		fire_only(q, x, paged);
		return;
	}
	if (qm) {
		due_joins(q, qm, x, paged);
		return;
	}
	l = lane_get(q, x->m, x->skip);
	if (l && !l->route && q->route_of) {
		x->m->route = q->route_of(q->route_arg, x->m);
		l = lane_get(q, x->m, 0);
	}
	seq = l ? queue_take_id(q) : 0;
	j = seq ? fire(q, x, paged) : NULL;
	if (!j) {
		q->due_again = true; /* no id or no memory just now: its row stays */
		due_look_soon(q);
		return;
	}
	j->f.seq = seq;
	lane_row_staged(q, l, j, x->m->ttl_end_ms);
	queue_stage(q, l->key.class == CLASS_OTP ? STORE_OTP : STORE_BULK, &j->f.op);
}

static void due_read(struct store_query *sq)
{
	struct queue *q = sq->arg;
	struct q_load *p = &q->due_query;
	bool more = p->more;

	q->due_reading = false;
	q->now_ms = clock_ms();
	if (store_untold(sq->r))
		log_error("due_not_read", "error=%s", strerror(-sq->r));
	for (unsigned i = 0; sq->r == 0 && i < p->n_rows; i++)
		due_one(q, &p->rows[i], true);
	if (sq->r == 0 && p->n_rows) {
		/* The rows just fired are deleted a commit later: do not read them again meanwhile. */
		q->due_after_at = p->rows[p->n_rows - 1].due_at;
		q->due_after_key = p->rows[p->n_rows - 1].due_key;
	}
	if (!more) {
		q->due_next_ms = sq->r == 0 && p->last_at ? p->last_at : q->now_ms + 1000;
		q->due_after_at = 0;
		q->due_after_key = 0;
	}
	store_query_done(sq);
	if (more && !q->stopping)
		due_ask(q);
	else if (q->due_again && q->due_next_ms > q->now_ms + 1)
		q->due_next_ms = q->now_ms + 1;
	q->due_again = false;
}

/* ---- codes ----------------------------------------------------------------------------------------------- */

static bool earlier(const struct due_code *a, const struct due_code *b)
{
	return a->at != b->at ? a->at < b->at : a->key < b->key;
}

/* A heap: codes[0] is the first. */
static bool codes_push(struct queue *q, struct due_code c)
{
	unsigned i = q->n_codes, cap = q->cap_codes ? q->cap_codes * 2 : 64;
	struct due_code *v;

	if (q->n_codes == q->cap_codes) {
		v = cap <= CODES_MAX ? realloc(q->codes, cap * sizeof(*v)) : NULL;
		if (!v)
			return false;
		q->codes = v;
		q->cap_codes = cap;
	}
	q->n_codes++;
	for (; i && earlier(&c, &q->codes[(i - 1) / 2]); i = (i - 1) / 2)
		q->codes[i] = q->codes[(i - 1) / 2];
	q->codes[i] = c;
	return true;
}

static struct due_code codes_pop(struct queue *q)
{
	struct due_code first = q->codes[0], last = q->codes[--q->n_codes];
	unsigned i = 0, child;

	while ((child = 2 * i + 1) < q->n_codes) {
		child += child + 1 < q->n_codes && earlier(&q->codes[child + 1], &q->codes[child]);
		if (!earlier(&q->codes[child], &last))
			break;
		q->codes[i] = q->codes[child];
		i = child;
	}
	q->codes[i] = last;
	return first;
}

static void code_read(struct store_query *sq)
{
	struct code_query *c = (struct code_query *)sq;
	struct queue *q = sq->arg;

	c->asked = false;
	q->now_ms = clock_ms();
	if (sq->r < 0) {
		if (store_untold(sq->r))
			log_error("due_not_read", "error=%s", strerror(-sq->r));
		due_look_soon(q);
	}
	/* Its row may have been fired with a page; then this is another one of the same time. */
	if (sq->r == 0 && c->load.n_rows && c->load.rows[0].due_key == c->key)
		due_one(q, &c->load.rows[0], false);
	store_query_done(sq);
	due_codes(q);
}

static void code_ask(struct queue *q, struct code_query *c, struct due_code code)
{
	c->asked = true;
	c->key = code.key;
	memset(&c->load, 0, sizeof(c->load));
	c->load.q.kind = Q_DUE;
	c->load.q.done = code_read;
	c->load.q.arg = q;
	c->load.upto = c->load.after_at = code.at;
	c->load.after_key = code.key - 1;
	c->load.limit = 1;
	store_read(q->store, STORE_QUEUE, &c->load.q);
}

static void codes_time(uv_timer_t *t)
{
	struct queue *q = t->data;

	q->now_ms = clock_ms();
	due_codes(q);
}

void due_codes(struct queue *q)
{
	if (!q->leases_known || q->stopping)
		return;
	for (unsigned i = 0; i < CODES_ASKED; i++)
		if (!q->code_queries[i].asked && q->n_codes && q->codes[0].at <= q->now_ms)
			code_ask(q, &q->code_queries[i], codes_pop(q));
	/* The wall clock may be set meanwhile: sweep_second() looks, too. */
	if (q->n_codes && q->codes[0].at > q->now_ms && q->codes[0].at - q->now_ms < 1000)
		uv_timer_start(&q->codes_timer, codes_time, (uint64_t)(q->codes[0].at - q->now_ms), 0);
}

void due_code_made(struct queue *q, int64_t at_ms, uint64_t key)
{
	if (!codes_push(q, (struct due_code){ at_ms, key })) {
		due_row_made(q, at_ms);
		return;
	}
	if (at_ms < q->due_next_ms) /* a page looks behind it, within a second */
		q->due_next_ms = at_ms;
	due_codes(q);
}
