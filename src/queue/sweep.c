/* SPDX-License-Identifier: Apache-2.0
 *
 * sweep.c -- what the clock does, once a second: messages whose ttl ended (in memory and in the backlog, also while
 * every link is down), receipts that did not come, due rows, the low-water mark, the disk reserve, and the housekeeping
 * of the store (look-up runs, idempotency generations, retention), one small step at a time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "queue/queue_impl.h"

#define EXPIRE_PAGE 1000
#define DISK_MORE   (UINT64_C(64) << 20) /* octets, at most */
#define DISK_SAY_MS 10000 /* between two lines: commits of a disk that is really full fail and succeed by turns */
#define SPAN_MAX (1u << 20) /* ids between low water and now before old ones are given rows */
#define PURGE_STEP 1000
#define PURGE_MS 60000     /* by the wall clock, which may be set */
#define PURGE_STEPS 20     /* in a second, one after the other … */
#define PURGE_US 20000     /* … while a step takes no longer, its wait for others' commits included */
#define LOOKUP_STEP  1000
#define LOOKUP_ROWS  250   /* of others: they are short, and in order */

/* ---- expiry ---------------------------------------------------------------------------------------------- */

static void expire_memory(struct queue *q)
{
	for (struct lane *l = q->lanes, *next_lane; l; l = next_lane) {
		next_lane = l->next_all;
		if (l->out) /* dispatch looks at the ttl of what it takes; here is what nobody takes */
			if (l->wait.n && l->reason == REASON_BACKLOG)
				continue;
		l->n_held++; /* keeps the lane while its messages leave it */
		for (struct qmsg *qm = l->wait.head, *next; qm; qm = next) {
			next = qm->next;
			if (qm->m->ttl_end_ms <= q->now_ms && !qm->blocked && !(qm->leasing | qm->leased | qm->flying))
				settle_whole(q, qm, STATE_EXPIRED, REASON_TTL);
		}
		l->n_held--;
		lane_drop_if_idle(q, l);
	}
}

struct expire_query {
	struct q_load load;
	struct queue *q;
	struct lane *lane;
	uint32_t minute;
};

/* Goes behind the final states of a lane's expired rows. */
struct expire_end {
	struct op_backlog_delete op; /* of no row */
	struct lane *lane;
};

static void expire_ask(struct expire_query *eq);

/* A row whose time is over.  Of a message that has begun to leave, the parts that have not end here. */
static void expire_row(struct queue *q, struct lane *l, const struct store_loaded *x)
{
	struct store_msg sm;
	uint64_t begun, open;

	if (!x->m || x->final || x->leased || qmsg_find(q, x->m->id))
		return;
	sm = queue_store_msg(q, x->m, x->bound_parts ? x->bound_parts : x->m->n_parts);
	sm.lane = x->lane;
	sm.seq = x->seq;
	begun = x->submitted | x->finals;
	open = begun ? parts_mask(sm.n_parts) & ~begun : 0;
	if (begun && !open)
		return; /* its row stays until the receipts have come, and is passed over like others */
	/* A part that failed makes the message final, so the row goes in any case. */
	lane_minute_sub(l, minute_of(x->m->ttl_end_ms), 1);
	if (x->seq > l->cursor && l->n_rows && !l->counting) {
		l->n_rows--;
		q->stats.waiting -= q->stats.waiting > 0;
		l->client->waiting -= l->client->waiting > 0;
	}
	for (uint64_t left = open; left; left &= left - 1)
		settle_rows_final(q, &sm, (unsigned)__builtin_ctzll(left) + 1, x->m->class, STATE_EXPIRED, REASON_TTL,
			false);
	if (begun)
		return;
	q->stats.expired_unsent++;
	settle_rows_final(q, &sm, 0, x->m->class, STATE_EXPIRED, REASON_TTL, true);
}

static void expire_over(struct queue *q, struct lane *l)
{
	l->expiring = false;
	refill_lane(q, l);
	lane_drop_if_idle(q, l);
}

static void expire_committed(struct store_op *op)
{
	struct expire_end *e = (struct expire_end *)op;
	struct queue *q = op->arg;

	if (q->failed && !q->stopping) { /* perhaps final states of ours: behind them once more, in a second */
		op->next = q->failed;
		q->failed = op;
		return;
	}
	expire_over(q, e->lane);
	free(e);
}

/* Expired rows were counted off when they were seen.  A page that was read before they are gone would bring them, and
 * count them off, again, and as many rows behind them would be forgotten: the lane asks for none until then. */
static void expire_end(struct queue *q, struct lane *l)
{
	struct expire_end *e = calloc(1, sizeof(*e));

	if (!e) {
		expire_over(q, l);
		return;
	}
	e->op.op.kind = OP_BACKLOG_DELETE;
	e->op.op.rows = 1;
	e->op.op.done = expire_committed;
	e->op.op.arg = q;
	e->lane = l;
	queue_stage(q, STORE_SETTLE, &e->op.op);
}

static void expire_read(struct store_query *sq)
{
	struct expire_query *eq = (struct expire_query *)sq;
	struct queue *q = eq->q;
	struct lane *l = eq->lane;
	struct q_load *p = &eq->load;
	bool more = sq->r == 0 && p->more;

	for (unsigned i = 0; sq->r == 0 && i < p->n_rows; i++)
		expire_row(q, l, &p->rows[i]);
	eq->load.after_seq = p->last_seq;
	store_query_done(sq);
	if (more && !q->stopping) {
		expire_ask(eq);
		return;
	}
	/* The whole lane was looked at: what the buckets still say of this time is stale. */
	while (l->n_minutes && l->minutes[0].minute <= eq->minute)
		lane_minute_sub(l, l->minutes[0].minute, l->minutes[0].n);
	free(eq);
	expire_end(q, l);
}

static void expire_ask(struct expire_query *eq)
{
	uint64_t after = eq->load.after_seq;

	memset(&eq->load, 0, sizeof(eq->load));
	eq->load.q.kind = Q_EXPIRED;
	eq->load.q.done = expire_read;
	eq->load.lane = eq->lane->key.id;
	eq->load.after_seq = after;
	eq->load.upto = eq->minute;
	eq->load.limit = EXPIRE_PAGE;
	eq->load.no_body = true;
	store_read(eq->q->store, STORE_QUEUE, &eq->load.q);
}

static void expire_backlog(struct queue *q)
{
	uint32_t minute = (uint32_t)(q->now_ms / 60000);

	for (struct lane *l = q->lanes; l; l = l->next_all) {
		struct expire_query *eq;

		if (l->expiring || l->refilling || !l->n_minutes || l->minutes[0].minute > minute)
			continue;
		eq = calloc(1, sizeof(*eq));
		if (!eq)
			return;
		eq->q = q;
		eq->lane = l;
		eq->minute = minute;
		l->expiring = true;
		expire_ask(eq);
	}
}

/* ---- low water ------------------------------------------------------------------------------------------- */

static void meta_done(struct store_op *op)
{
	struct queue *q = op->arg;

	if (op->r == 0)
		q->stored_low = q->op_meta.low_water;
	q->meta_busy = false;
}

static void store_low(struct queue *q)
{
	uint64_t low;

	if (q->meta_busy || q->recovering)
		return;
	low = fresh_low(q->fresh, q->next_id);
	if (low <= q->stored_low)
		return;
	memset(&q->op_meta, 0, sizeof(q->op_meta));
	q->op_meta.op.kind = OP_META;
	q->op_meta.op.rows = 1;
	q->op_meta.op.done = meta_done;
	q->op_meta.op.arg = q;
	q->op_meta.low_water = low;
	q->meta_busy = true;
	store_stage(q->store, STORE_SETTLE, &q->op_meta.op);
}

/* A few old messages must not make the next restart read everything that came after them: give them rows. */
static void bound_span(struct queue *q)
{
	uint64_t low, limit;

	if (q->recovering) /* fresh_low() would pass what was not read yet */
		return;
	low = fresh_low(q->fresh, q->next_id);
	if (q->next_id - low < SPAN_MAX)
		return;
	limit = q->next_id - SPAN_MAX / 2;
	for (struct lane *l = q->lanes; l; l = l->next_all)
		for (struct qmsg *qm = l->wait.head; qm; qm = qm->next)
			if (qm->m->id < limit && !qm->row_lane)
				lane_row(q, l, qm);
	sent_spill_below(q->sent, limit, 20000);
}

/* ---- disk ------------------------------------------------------------------------------------------------ */

/* Once there was too little, some more than enough is needed: at the edge each commit, and each checkpoint that makes
 * room, would change it. */
static bool too_little(uint64_t free_octets, uint64_t needed, bool was)
{
	uint64_t more = needed / 8 < DISK_MORE ? needed / 8 : DISK_MORE;

	return free_octets < needed + (was ? more : 0);
}

static void say_disk(struct queue *q, uint64_t free_octets)
{
	int64_t now_ms = clock_mono_ms();

	if (q->intake_stopped == q->disk_said || now_ms < q->disk_say_ms)
		return;
	q->disk_said = q->intake_stopped;
	q->disk_say_ms = now_ms + DISK_SAY_MS;
	log_warn(q->disk_said ? "disk_reserve_reached" : "disk_reserve_free", "free_mb=%llu reserve_mb=%llu",
		(unsigned long long)(free_octets >> 20), (unsigned long long)(q->reserve_octets >> 20));
}

void sweep_disk(struct queue *q)
{
	uint64_t free_octets;
	int last_error;
	bool dispatch;

	store_disk(q->store, &free_octets, &last_error);
	q->disk_ms = uv_now(q->loop);
	q->intake_stopped = too_little(free_octets, q->reserve_octets, q->intake_stopped) || last_error == -ENOSPC;
	say_disk(q, free_octets);
	q->damaged = q->unreadable || store_damage(q->store) == DAMAGE_WRITING;
	dispatch = q->damaged || too_little(free_octets, q->reserve_octets / 4, q->dispatch_stopped);
	if (dispatch != q->dispatch_stopped)
		dispatch_dirty(q);
	q->dispatch_stopped = dispatch;
}

/* ---- housekeeping ---------------------------------------------------------------------------------------- */

static void idem_done(struct store_op *op)
{
	((struct queue *)op->arg)->idem_busy = false;
}

static void idem_rotate(struct queue *q)
{
	if (q->idem_busy)
		return;
	memset(&q->op_idem, 0, sizeof(q->op_idem));
	q->op_idem.kind = OP_IDEM_ROTATE;
	q->op_idem.rows = 1;
	q->op_idem.done = idem_done;
	q->op_idem.arg = q;
	q->idem_busy = true;
	store_stage(q->store, STORE_SETTLE, &q->op_idem);
}

static void purge(struct queue *q);

/* What comes in must not outrun what goes: a busy gateway takes more than a step a second.  A disk or writer that
 * others need is left alone until the next second. */
static void purge_done(struct store_op *op)
{
	struct queue *q = op->arg;

	q->purge_busy = false;
	q->purge_more = op->r == 0 && q->op_purge.ret_n >= PURGE_STEP;
	if (q->purge_more && q->purge_left && clock_mono_us() - q->purge_us <= PURGE_US)
		purge(q);
}

static void purge(struct queue *q)
{
	if (q->purge_busy || q->recovering)
		return; /* with both ages 0 it still sweeps what receipts left behind */
	memset(&q->op_purge, 0, sizeof(q->op_purge));
	q->op_purge.op.kind = OP_PURGE;
	q->op_purge.op.rows = PURGE_STEP;
	q->op_purge.op.done = purge_done;
	q->op_purge.op.arg = q;
	q->op_purge.bodies_before = q->body_age_ms ? q->now_ms - q->body_age_ms : 0;
	q->op_purge.numbers_before = q->number_age_ms ? q->now_ms - q->number_age_ms : 0;
	q->op_purge.rows_before = q->row_age_ms ? q->now_ms - q->row_age_ms : 0;
	q->op_purge.parked_before = q->parked_age_ms ? q->now_ms - q->parked_age_ms : 0;
	q->op_purge.limit = PURGE_STEP;
	q->purge_busy = true;
	q->purge_us = clock_mono_us();
	q->purge_ms = q->now_ms + PURGE_MS;
	q->purge_left -= q->purge_left > 0;
	store_stage(q->store, STORE_BULK, &q->op_purge.op);
}

/* The look-up table follows the ids run by run: read a complete run off the loop, store it sorted, a step at a time, as
 * others wait for the commits that it goes with. */
static void lookup_done(struct store_op *op);
static void index_next(struct queue *q);

static void lookup_step(struct queue *q)
{
	unsigned left = q->q_index.n_rows - q->n_indexed, n = left < LOOKUP_STEP ? left : LOOKUP_STEP;

	memset(&q->op_lookup, 0, sizeof(q->op_lookup));
	q->op_lookup.op.kind = OP_LOOKUP;
	q->op_lookup.op.rows = LOOKUP_ROWS;
	q->op_lookup.op.done = lookup_done;
	q->op_lookup.op.arg = q;
	q->op_lookup.run = q->q_index.run;
	q->op_lookup.rows = q->q_index.rows + q->n_indexed;
	q->op_lookup.n_rows = n;
	q->op_lookup.indexed_to = n == left ? q->q_index.ret_indexed_to : 0;
	q->n_indexed += n;
	store_stage(q->store, STORE_LATER, &q->op_lookup.op);
}

static void lookup_done(struct store_op *op)
{
	struct queue *q = op->arg;

	if (op->r == 0 && !q->stopping && !q->op_lookup.indexed_to) {
		lookup_step(q);
		return;
	}
	store_query_done(&q->q_index.q);
	q->index_busy = false;
	if (op->r || q->stopping)
		return; /* the same run again, from its beginning */
	q->index_run++;
	index_next(q);
}

static void index_read(struct store_query *sq)
{
	struct queue *q = sq->arg;

	if (sq->r < 0 || !q->q_index.ret_indexed_to || q->stopping) {
		store_query_done(sq);
		q->index_busy = false;
		return;
	}
	q->n_indexed = 0;
	lookup_step(q);
}

static void index_next(struct queue *q)
{
	if (q->index_busy || q->recovering || q->stopping)
		return;
	memset(&q->q_index, 0, sizeof(q->q_index));
	q->q_index.q.kind = Q_INDEX;
	q->q_index.q.done = index_read;
	q->q_index.q.arg = q;
	/* A run is complete when nothing of it is still on its way to the disk. */
	q->q_index.below_id = staged_low(q) < q->next_id ? staged_low(q) : q->next_id;
	q->q_index.run = q->index_run;
	q->index_busy = true;
	store_read(q->store, STORE_API, &q->q_index.q);
}

/* ---- the second ------------------------------------------------------------------------------------------ */

static void guard_second(struct queue *q, struct outlet *o)
{
	if (guard_clock(&o->guard, &o->guard_rule, q->now_ms))
		queue_guard_moved(q, o);
	if (!o->up)
		silence_deaf(&o->silence);
	if (silence_clock(&o->silence, o->guard_rule.silence, q->now_ms / 1000) &&
		guard_silent(&o->guard, &o->guard_rule, q->now_ms))
		queue_guard_moved(q, o);
}

void sweep_second(uv_timer_t *t)
{
	struct queue *q = t->data;

	q->seconds++;
	q->now_ms = clock_ms();
	q->now_us = clock_mono_us();
	sweep_disk(q);
	if (q->due_next_ms <= q->now_ms)
		due_row_made(q, q->due_next_ms);
	due_codes(q);
	if (q->seconds % 5 == 0) {
		expire_memory(q);
		expire_backlog(q);
	}
	sent_sweep(q->sent, SENT_MAX / 60, (uint32_t)(q->now_ms / 1000), settle_late, ask_entry, q);
	ask_second(q);
	queue_again_all(q);
	receipt_second(q);
	quota_second(q);
	for (unsigned i = 0; i < q->n_outlets; i++)
		guard_second(q, q->outlets[i]);
	refill_second(q);
	bound_span(q);
	settle_flush_spill(q);
	store_low(q);
	index_next(q);
	q->purge_left = PURGE_STEPS;
	if (q->purge_more || q->now_ms >= q->purge_ms || q->now_ms < q->purge_ms - PURGE_MS)
		purge(q);
	if (q->seconds % 3600 == 1)
		idem_rotate(q);
	dispatch_dirty(q);
	serve_run(q);
}
