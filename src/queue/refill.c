/* SPDX-License-Identifier: Apache-2.0
 *
 * refill.c -- rows back into memory: backlog pages into lanes, and after a restart the leases, what is fresh, and the
 * counts of each lane.  There is one place that turns rows into waiting messages: take_loaded().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/oom.h"
#include "queue/queue_impl.h"

#define FRESH_PAGE 5000
#define HOLD_DELAYS 30 /* seconds for which what is uncertain waits for a scan that cannot go on */
#define ROOM_ROWS  64  /* for fewer no page is read … */
#define FED_LANES  256 /* … but so many lanes of a link get something when memory is full … */
#define FED_ROWS   16  /* … and no more than so much of each */

struct store_msg refill_msg(struct queue *q, const struct store_loaded *x)
{
	struct store_msg sm = queue_store_msg(q, x->m, x->bound_parts ? x->bound_parts : x->m->n_parts);

	sm.lane = x->lane;
	sm.seq = x->seq;
	return sm;
}

static void drop_done(struct store_op *op)
{
	struct queue *q = op->arg;

	pool_put(&q->pool_row, op);
}

/* A leftover row of a message that is final. */
static void drop_row(struct queue *q, uint32_t lane, uint64_t seq)
{
	struct op_backlog_delete *op =
		(struct op_backlog_delete *)pool_get(q, &q->pool_row, OP_BACKLOG_DELETE, drop_done);

	if (!op)
		return;
	op->lane = lane;
	op->seq = seq;
	queue_stage(q, STORE_SETTLE, &op->op);
}

/* Is there memory for wake()?  Asked before a row is passed over: nobody would read it again in this life. */
static bool has_room(struct queue *q, const struct store_loaded *x)
{
	return !x->m || (lane_get(q, x->m, x->skip) && qmsg_reserve(q));
}

/* A message whose rows say that parts are left to do: make it wait in memory. */
static struct qmsg *wake(struct queue *q, struct store_loaded *x, uint64_t todo)
{
	struct message *m = x->m;
	struct lane *l = lane_get(q, m, x->skip);
	struct outlet *o;
	struct qmsg *qm;

	if (!l)
		return NULL;
	qm = qmsg_new(q, m);
	if (!qm)
		return NULL;
	x->m = NULL;
	qm->row_lane = x->lane;
	qm->row_seq = x->seq;
	qm->tries = x->tries;
	qm->since_ms = q->now_ms;
	qm->todo = todo;
	qm->done = x->submitted | x->finals;
	qm->later = x->due & ~todo;
	qm->bound_row = x->bound_parts != 0;
	if (x->submitted | x->leased | x->finals | x->due)
		qm->n_parts = x->bound_parts; /* a single one has no cut that must be kept */
	if (qm->n_parts > 1) {
		o = queue_outlet_of(q, x->bound_link);
		qm->ref = x->bound_ref;
		qm->cut = x->bound_cut;
		qm->bound = true;
		qm->bound_link = x->bound_link;
		qm->out = o;
		if (o && lane_pinned(q, m, o))
			l = lane_pinned(q, m, o);
	}
	q->stats.waiting++;
	lane_append(q, l, qm);
	qm->lane->client->waiting++;
	return qm;
}

/* ---- what was leased when the last life ended ---------------------------------------------------------------
 *
 * Such a message is woken by its lease before the pages of the scan and of its lane are read, and it may have been sent
 * (or be due) and have left memory when a page comes that was read before those rows were committed: the page would
 * make it wait again, and it would go twice.  So pages do not wake it; only its due row may. */

static int by_id(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t *retaken_find(const struct queue *q, uint64_t id)
{
	return q->n_retaken ? bsearch(&id, q->retaken, q->n_retaken, sizeof(id), by_id) : NULL;
}

void refill_retaken_forget(struct queue *q, uint64_t id)
{
	uint64_t *at = retaken_find(q, id);

	if (at)
		memmove(at, at + 1, (size_t)(q->retaken + --q->n_retaken - at) * sizeof(*at));
}

/* What a page brought.  Returns the message when it waits in memory now. */
static struct qmsg *take_loaded(struct queue *q, struct store_loaded *x)
{
	struct store_msg sm;
	struct qmsg *qm;
	uint64_t todo;

	if (!x->m)
		return NULL;
	if (x->final) {
		if (x->lane)
			drop_row(q, x->lane, x->seq);
		return NULL;
	}
	qm = qmsg_find(q, x->m->id);
	if (qm) { /* already here, and this is its row */
		if (!qm->row_lane) {
			qm->row_lane = x->lane;
			qm->row_seq = x->seq;
		}
		qm->row_ahead = false;
		return NULL;
	}
	if (cancel_blocks(q, x))
		return NULL;
	sm = refill_msg(q, x);
	for (unsigned i = 0; i < x->n_sent; i++)
		settle_remember(q, x->m, &sm, &x->sent[i]);
	if (retaken_find(q, x->m->id))
		return NULL;
	todo = parts_mask(sm.n_parts) & ~(x->submitted | x->finals | x->leased | x->due);
	if (!todo)
		return NULL;
	if (!x->submitted && !x->leased && !x->due && cancel_covers(q, x->m)) {
		settle_rows_final(q, &sm, 0, x->m->class, STATE_CANCELLED, REASON_CLIENT, true);
		return NULL;
	}
	if (x->m->ttl_end_ms <= q->now_ms && !x->submitted && !x->due) {
		q->stats.expired_unsent++;
		settle_rows_final(q, &sm, 0, x->m->class, STATE_EXPIRED, REASON_TTL, true);
		return NULL;
	}
	/* Without its text (store_read.h) it stays where it is, and low water behind it: it ends with its ttl, one that
	 * no lane has a row of at the start after that. */
	return x->m->text ? wake(q, x, todo) : NULL;
}

void refill_kept(struct queue *q, struct store_loaded *x)
{
	take_loaded(q, x);
	message_free(x->m);
	x->m = NULL;
}

/* ---- backlog --------------------------------------------------------------------------------------------- */

struct lane_query {
	struct q_load load;
	struct queue *q;
	struct lane *lane;
	unsigned n_asked;
	uint64_t n_known; /* rows that it had then, all of them committed; 0: not known */
	uint64_t below; /* rows before this one were committed when it was asked for; others may be missing in it */
};

/* It would wait once more, and go twice, if a page brought it that was read before. */
void refill_left(struct queue *q, const struct qmsg *qm)
{
	struct lane *l = qm->lane && qm->lane->key.id == qm->row_lane ? qm->lane : lane_by_id(q, qm->row_lane);

	if (l)
		l->stale = l->refilling;
}

/* Numbers are given when something is staged, and what is staged may be committed in another order: a code in an array
 * goes with bulk, one with a higher number before it.  Where no row of the lane is on its way it waits for nobody. */
static uint64_t all_committed_below(const struct queue *q, const struct lane *l)
{
	uint64_t low = l->n_rows_staged ? staged_low(q) : UINT64_MAX;

	if (l->n_rows_staged && low < l->staged_from)
		low = l->staged_from;
	return low < q->next_id ? low : q->next_id;
}

static void take_off(uint64_t *count, uint64_t n)
{
	*count -= n < *count ? n : *count;
}

static void rows_passed(struct queue *q, struct lane *l, uint64_t n)
{
	take_off(&l->n_rows, n);
	take_off(&q->stats.waiting, n);
	take_off(&l->client->waiting, n);
}

/* One row of a page has been passed over: it is in memory now, or needs nothing more. */
static void row_passed(struct queue *q, struct lane *l, const struct store_loaded *x)
{
	if (x->m)
		lane_minute_sub(l, minute_of(x->m->ttl_end_ms), 1);
	if (l->counting)
		l->n_read_uncounted++;
	else
		rows_passed(q, l, 1);
}

/* ---- room in memory ----------------------------------------------------------------------------------------
 *
 * All lanes together have queue.max_resident messages in memory.  Where what waits is of very many lanes, or of links
 * that are slow or down, those would have all of it, and others nothing: so beyond it each link may have a few messages
 * of a few lanes.  The lanes that have to wait for that stand in line, link by link. */

void refill_fed(struct lane *l)
{
	struct outlet *o = l->active || l->refilling ? l->out : NULL;

	if (o == l->fed_at)
		return;
	if (l->fed_at)
		l->fed_at->n_fed--;
	if (o)
		o->n_fed++;
	l->fed_at = o;
}

static void hunger(struct lane *l)
{
	struct outlet *o = l->out;

	if (!o || l->hungry_at)
		return;
	l->hungry_at = o;
	l->next_hungry = NULL;
	l->prev_hungry = o->hungry_tail;
	if (o->hungry_tail)
		o->hungry_tail->next_hungry = l;
	else
		o->hungry = l;
	o->hungry_tail = l;
}

void refill_sated(struct lane *l)
{
	struct outlet *o = l->hungry_at;

	if (!o)
		return;
	if (l->prev_hungry)
		l->prev_hungry->next_hungry = l->next_hungry;
	else
		o->hungry = l->next_hungry;
	if (l->next_hungry)
		l->next_hungry->prev_hungry = l->prev_hungry;
	else
		o->hungry_tail = l->prev_hungry;
	l->hungry_at = NULL;
}

/* How many rows of it may be read now. */
static unsigned room_for(const struct queue *q, const struct lane *l)
{
	uint64_t room = resident_room(q, l->key.class);
	unsigned window = q->lane_window;

	if (room < ROOM_ROWS)
		room = 0;
	if (!room && l->out && l->out->n_fed < FED_LANES + (l->fed_at != NULL) && l->wait.n < FED_ROWS / 2) {
		room = FED_ROWS;
		window = FED_ROWS;
	}
	if (l->wait.n >= window)
		return 0;
	return room < window - l->wait.n ? (unsigned)room : window - l->wait.n;
}

void refill_feed(struct queue *q, struct outlet *o)
{
	while (o->hungry && room_for(q, o->hungry)) {
		struct lane *l = o->hungry;

		refill_sated(l);
		refill_lane(q, l);
	}
}

/* May a page of this lane be asked for?  Without a link only to have the rules asked again (see routed() in lane.c). */
static bool wants_page(const struct queue *q, const struct lane *l)
{
	if (!l->out && (l->route || !q->route_of))
		return false;
	return l->wait.n < q->lane_window / 2 && (l->n_rows > l->n_rows_staged || l->counting);
}

static void lane_read(struct store_query *sq)
{
	struct lane_query *lq = (struct lane_query *)sq;
	struct queue *q = lq->q;
	struct lane *l = lq->lane;
	struct q_load *p = &lq->load;
	uint64_t upto = p->last_seq < lq->below ? p->last_seq : lq->below - 1;
	bool good = sq->r == 0 && !l->stale, moved, more = l->stale;
	uint64_t n_passed = 0;
	struct outlet *o;

	q->now_ms = clock_ms();
	q->reads_come++;
	q->n_asked -= lq->n_asked;
	l->refilling = l->stale = false;
	for (unsigned i = 0; good && i < p->n_rows; i++) {
		struct store_loaded *x = &p->rows[i];

		if (x->seq >= lq->below)
			break;
		x->skip = l->key.skip;
		if (!has_room(q, x)) {
			upto = x->seq - 1;
			lq->n_known = 0;
			q->lanes_again = true;
			log_error("backlog_not_read", "lane=%u error=%s", l->key.id, strerror(ENOMEM));
			break;
		}
		row_passed(q, l, x);
		n_passed++;
		take_loaded(q, x);
	}
	/* Of messages that had a row though they were in memory: they ended before it was read. */
	if (good && !p->more && lq->n_known > n_passed)
		rows_passed(q, l, lq->n_known - n_passed);
	moved = good && upto > l->cursor && p->n_rows;
	/* What was committed since did not ask, as this page was under way. */
	more |= good && !q->lanes_again && all_committed_below(q, l) > lq->below;
	if (moved)
		l->cursor = upto;
	q->lanes_again |= sq->r < 0;
	if (store_untold(sq->r))
		log_error("backlog_not_read", "lane=%u error=%s", l->key.id, strerror(-sq->r));
	store_query_done(sq);
	free(lq);
	cancel_pages_came(q);
	refill_fed(l);
	if ((moved || more) && wants_page(q, l))
		refill_lane(q, l);
	o = l->out;
	lane_drop_if_idle(q, l);
	if (o)
		refill_feed(q, o);
}

void refill_lane(struct queue *q, struct lane *l)
{
	struct lane_query *lq;
	unsigned room;

	if (l->refilling || l->expiring || !l->key.id || l->pin || !q->leases_known || q->stopping ||
		l->wait.n >= q->lane_window)
		return;
	if (!l->out && (l->route || !q->route_of))
		return;
	if (!l->counting && l->n_rows <= l->n_rows_staged)
		return;
	room = room_for(q, l);
	if (!room && l->wait.n < FED_ROWS / 2) /* else it asks again with the next one that leaves it */
		hunger(l);
	if (!room)
		return;
	refill_sated(l);
	lq = calloc(1, sizeof(*lq));
	q->lanes_again |= !lq;
	if (!lq)
		return;
	lq->q = q;
	lq->lane = l;
	lq->load.q.kind = Q_BACKLOG;
	lq->load.q.done = lane_read;
	lq->load.lane = l->key.id;
	lq->load.after_seq = l->cursor;
	lq->below = all_committed_below(q, l);
	lq->n_known = l->counting || l->n_rows_staged ? 0 : l->n_rows;
	lq->load.limit = room;
	lq->n_asked = l->counting || l->n_rows > room ? room : (unsigned)l->n_rows;
	q->n_asked += lq->n_asked;
	l->refilling = true;
	refill_fed(l);
	q->reads_asked++;
	store_read(q->store, STORE_QUEUE, &lq->load.q);
}

/* How many rows a lane has, and when they end: after a restart, behind everything else. */
struct count_query {
	struct q_lane_count count;
	struct queue *q;
	struct lane *lane;
};

static void say_recovered(struct queue *q)
{
	log_info("recovered", "waiting=%llu receipts_to_come=%u", (unsigned long long)q->stats.waiting,
		sent_count(q->sent));
}

static void lane_counted(struct store_query *sq)
{
	struct count_query *cq = (struct count_query *)sq;
	struct lane *l = cq->lane;
	struct queue *q = cq->q;

	l->asked_count = false;
	if (sq->r < 0) { /* it stays `counting`: refill_second() asks again */
		if (store_untold(sq->r))
			log_error("backlog_not_counted", "lane=%u error=%s", l->key.id, strerror(-sq->r));
		store_query_done(sq);
		free(cq);
		return;
	}
	l->counting = false;
	for (unsigned i = 0; sq->r == 0 && i < cq->count.ret_n_minutes; i++)
		lane_minute_add(l, cq->count.ret_minutes[i].minute, cq->count.ret_minutes[i].n);
	if (sq->r == 0) {
		uint64_t n = cq->count.ret_n > l->n_read_uncounted ? cq->count.ret_n - l->n_read_uncounted : 0;

		l->n_rows += n;
		q->stats.waiting += n;
		l->client->waiting += n;
	}
	store_query_done(sq);
	free(cq);
	if (q->n_to_count && --q->n_to_count == 0)
		say_recovered(q);
	refill_lane(q, l);
	lane_drop_if_idle(q, l);
}

void refill_count_lane(struct queue *q, struct lane *l)
{
	struct count_query *cq;

	if (l->asked_count)
		return;
	cq = calloc(1, sizeof(*cq));
	if (!cq)
		return;
	l->asked_count = true;
	cq->q = q;
	cq->lane = l;
	l->n_read_uncounted = 0;
	cq->count.q.kind = Q_LANE_COUNT;
	cq->count.q.done = lane_counted;
	cq->count.lane = l->key.id;
	cq->count.after_seq = l->cursor;
	cq->count.upto_seq = q->recover_upto;
	store_read(q->store, STORE_API, &cq->count.q);
}

/* ---- restart --------------------------------------------------------------------------------------------- */

static void fresh_read(struct store_query *sq);
static void held_back_go(struct queue *q);

static void fresh_ask(struct queue *q, uint64_t from)
{
	memset(&q->recover_query, 0, sizeof(q->recover_query));
	q->recover_query.q.kind = Q_FRESH;
	q->recover_query.q.done = fresh_read;
	q->recover_query.q.arg = q;
	q->recover_query.from_id = from;
	q->recover_query.upto_id = q->recover_upto;
	q->recover_query.limit = FRESH_PAGE;
	store_read(q->store, STORE_QUEUE, &q->recover_query.q);
}

static void recovered(struct queue *q)
{
	q->recovering = false;
	held_back_go(q);
	for (struct lane *l = q->lanes, *next; l; l = next) {
		next = l->next_all;
		if (l->counting) {
			q->n_to_count++;
			refill_count_lane(q, l);
		}
	}
	receipt_remember_settled(q);
	uncertain_load(q);
	if (!q->n_to_count)
		say_recovered(q);
}

static int fresh_one(struct queue *q, struct store_loaded *x)
{
	struct qmsg *qm;

	if (fresh_set(q->fresh, x->m->id) < 0 || !has_room(q, x))
		return -ENOMEM;
	qm = take_loaded(q, x);
	if (qm && qm->lane->wait.n > q->lane_window)
		lane_row(q, qm->lane, qm); /* more than a lane holds: it gets a row, and memory back when it is sent */
	return 0;
}

/* A damaged page cannot be read in a second either, and what lies behind it is not known.  Nothing new leaves: what is
 * in flight is answered and stored (main.c), so that starts in a row double nothing. */
static void recovery_failed(struct queue *q)
{
	store_query_done(&q->recover_query.q);
	store_says_damaged(q->store);
	q->unreadable = true;
	sweep_disk(q);
	if (q->events.on_damaged)
		q->events.on_damaged(q->events.arg);
}

/* What was not read must not be passed by low water: again in a second.  What is held back does not wait for ever, as
 * this ends no process. */
static void fresh_delayed(struct queue *q, uint64_t from, int r)
{
	log_error("recovery_delayed", "error=%s", strerror(-r));
	if (++q->n_delayed == HOLD_DELAYS)
		held_back_go(q);
	q->fresh_again = from;
	store_query_done(&q->recover_query.q);
	dispatch_dirty(q);
}

static void fresh_read(struct store_query *sq)
{
	struct queue *q = sq->arg;
	struct q_load *p = &q->recover_query;
	uint64_t next = p->next_id;
	bool more = p->more;

	q->now_ms = clock_ms();
	if (sq->r == -EUCLEAN) {
		recovery_failed(q);
		return;
	}
	if (sq->r < 0) {
		fresh_delayed(q, p->from_id, sq->r);
		return;
	}
	for (unsigned i = 0; i < p->n_rows; i++) {
		struct store_loaded *x = &p->rows[i];

		if (x->m && !x->final && fresh_one(q, x) < 0) {
			fresh_delayed(q, x->m->id, -ENOMEM);
			return;
		}
	}
	q->n_delayed = 0;
	store_query_done(sq);
	dispatch_dirty(q);
	if (more && !q->stopping)
		fresh_ask(q, next);
	else
		recovered(q);
}

/* How they end: by the policy of their link, or sent again where that is gone. */
static void lease_ends(struct queue *q, struct qmsg *qm, uint64_t parts, uint32_t link)
{
	struct outlet *o = queue_outlet_of(q, link), gone = { .id = link, .on_uncertain = UNCERTAIN_RESEND };

	for (uint64_t left = parts; left; left &= left - 1)
		uncertain_settle(q, qm, o ? o : &gone, (unsigned)__builtin_ctzll(left) + 1, 0, "restart");
}

/* Until the scan has ended well they are as if in flight, but for their places in a window; and their leases stay.  A
 * scan that meets damage ends the process, and a start that had sent them again by then would double them, and so would
 * the next.  What it costs: they wait for the scan, which takes half a second for a million messages, and are no more
 * than the windows hold.  All else goes on meanwhile. */
static bool hold_back(struct queue *q, struct qmsg *qm, uint64_t parts, uint32_t link)
{
	const struct outlet *o = queue_outlet_of(q, link);

	if (o && !uncertain_resends(o, qm->m->class))
		return false;
	qm->flying |= parts;
	qm->lane->n_late += (unsigned)__builtin_popcountll(parts);
	q->held_back[q->n_held_back++] = (struct held_back){ qm->m->id, parts, link };
	return true;
}

static void held_back_go(struct queue *q)
{
	for (unsigned i = 0; i < q->n_held_back && !q->stopping; i++) {
		const struct held_back *h = &q->held_back[i];
		struct qmsg *qm = qmsg_find(q, h->id);

		if (!qm)
			continue; /* which cannot be: what is in flight does not leave memory */
		qm->flying &= ~h->parts;
		qm->lane->n_late -= (unsigned)__builtin_popcountll(h->parts);
		lease_ends(q, qm, h->parts, h->link);
		if (qm->out)
			refused_decide(q, qm, qm->out);
		if (qm->todo)
			dispatch_requeue(q, qm);
		dispatch_gone(q, qm);
	}
	free(q->held_back);
	q->held_back = NULL;
	q->n_held_back = 0;
}

static void lease_one(struct queue *q, struct store_loaded *x)
{
	uint64_t leased = x->leased & ~(x->submitted | x->finals);
	uint32_t link = x->lease_link;
	struct store_msg sm;
	struct qmsg *qm;
	uint64_t todo;

	if (!x->m || x->final || !leased || x->m->id >= q->recover_upto)
		return; /* leased by this process already: no uncertainty */
	if (!x->m->text)
		return; /* what is lost cannot be sent again; the lease says what it was */
	todo = parts_mask(x->bound_parts ? x->bound_parts : x->m->n_parts) &
		~(x->submitted | x->finals | x->due | leased);
	log_warn("uncertain_after_restart", "msg=%llu parts=%d link=%s", (unsigned long long)x->m->id,
		__builtin_popcountll(leased), names_text(q->names, NAME_LINK, link));
	/* No page will: it finds the message in memory, or retaken. */
	sm = refill_msg(q, x);
	for (unsigned i = 0; i < x->n_sent; i++)
		settle_remember(q, x->m, &sm, &x->sent[i]);
	q->retaken[q->n_retaken++] = x->m->id;
	if (!has_room(q, x))
		oom_end("what was in flight when the last process ended"); /* nothing was sent by this one yet */
	qm = wake(q, x, todo | leased);
	lane_take(q, qm);
	qm->todo = todo;
	if (!hold_back(q, qm, leased, link))
		lease_ends(q, qm, leased, link);
	if (qm->todo)
		dispatch_requeue(q, qm);
	dispatch_gone(q, qm);
}

static void leases_read(struct store_query *sq)
{
	struct queue *q = sq->arg;
	struct q_load *p = &q->recover_query;

	q->now_ms = clock_ms();
	if (sq->r == -EUCLEAN) {
		recovery_failed(q);
		return;
	}
	if (sq->r < 0) {
		log_error("recovery_delayed", "error=%s", strerror(-sq->r));
		q->leases_again = true;
		store_query_done(sq);
		return;
	}
	q->retaken = calloc(p->n_rows ? p->n_rows : 1, sizeof(*q->retaken));
	q->held_back = calloc(p->n_rows ? p->n_rows : 1, sizeof(*q->held_back));
	if (!q->retaken || !q->held_back)
		oom_end("the list of what was in flight");
	for (unsigned i = 0; i < p->n_rows; i++)
		lease_one(q, &p->rows[i]);
	store_query_done(sq);
	q->leases_known = true; /* from here on old messages may be leased again */
	fresh_ask(q, q->stored_low);
	for (struct lane *l = q->lanes; l; l = l->next_all)
		if (l->out)
			refill_lane(q, l);
	q->due_next_ms = 0;
}

void refill_start(struct queue *q)
{
	q->recovering = true;
	memset(&q->recover_query, 0, sizeof(q->recover_query));
	q->recover_query.q.kind = Q_LEASES;
	q->recover_query.q.done = leases_read;
	q->recover_query.q.arg = q;
	q->recover_query.limit = UINT32_MAX;
	store_read(q->store, STORE_QUEUE, &q->recover_query.q);
}

void refill_second(struct queue *q)
{
	uint64_t from = q->fresh_again;

	if (q->leases_again) {
		q->leases_again = false;
		refill_start(q);
	}
	if (from) {
		q->fresh_again = 0;
		fresh_ask(q, from);
	}
	if (q->lanes_again) {
		q->lanes_again = false;
		for (struct lane *l = q->lanes; l; l = l->next_all)
			refill_lane(q, l);
	}
	if (q->recovering)
		return;
	for (struct lane *l = q->lanes; l; l = l->next_all) {
		if (l->counting)
			refill_count_lane(q, l);
		if (l->out)
			refill_feed(q, l->out);
		if (wants_page(q, l))
			refill_lane(q, l);
	}
}
