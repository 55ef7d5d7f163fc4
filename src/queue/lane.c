/* SPDX-License-Identifier: Apache-2.0
 *
 * lane.c -- lanes: which messages wait where, and for which link.
 *
 * A lane is made when its first message comes and forgotten when nothing of it waits.  Its number is stored (table
 * lane) before its first backlog row; until then it lives in memory only, so a campaign that always fits costs no row.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "queue/queue_impl.h"
#include "codec/msisdn.h"

#define LANES_KEPT 4096

static unsigned slot_of(const struct queue *q, const struct store_lane *k, uint32_t pin)
{
	uint64_t h = hash_mix64((uint64_t)k->client << 32 | k->campaign);

	h = hash_mix64(h + ((uint64_t)k->route << 32 | pin));
	h = hash_mix64(h + ((uint64_t)k->class << 8 | k->skip));
	return h % (sizeof(q->lane_hash) / sizeof(q->lane_hash[0]));
}

const struct queue_route *lane_route(const struct queue *q, uint32_t id)
{
	for (unsigned i = 0; id && i < q->n_routes; i++)
		if (q->routes[i].id == id)
			return &q->routes[i];
	return NULL;
}

const char *route_sender(const struct queue *q, const struct message *m)
{
	const struct queue_route *r = q->senders_change ? lane_route(q, m->route) : NULL;
	uint64_t number;
	const char *why;

	if (!r)
		return m->from;
	if (r->from && *r->from)
		return r->from;
	if (!r->from_fallback || !*r->from_fallback)
		return m->from;
	if (m->n_from && (r->from_mask >> sender_classify(m->from, m->n_from, &number, &why) & 1))
		return m->from;
	return r->from_fallback;
}

static struct lane *lane_make(struct queue *q, const struct store_lane *k, uint32_t pin, unsigned slot)
{
	struct lane *l = calloc(1, sizeof(*l));

	if (l)
		l->naming = calloc(1, sizeof(*l->naming));
	if (!l || !l->naming) {
		free(l);
		return NULL;
	}
	l->key = *k;
	l->pin = pin;
	l->client = queue_client_of(q, k->client);
	l->since_ms = q->now_ms;
	l->next_hash = q->lane_hash[slot];
	q->lane_hash[slot] = l;
	l->next_all = q->lanes;
	if (q->lanes)
		q->lanes->prev_all = l;
	q->lanes = l;
	q->n_lanes++;
	lane_home(q, l);
	return l;
}

static struct lane *lane_find(struct queue *q, const struct message *m, unsigned skip, uint32_t pin)
{
	struct store_lane k = { .client = m->client, .campaign = m->campaign, .route = m->route, .class = m->class,
		.skip = (uint8_t)skip };
	unsigned slot = slot_of(q, &k, pin);

	for (struct lane *l = q->lane_hash[slot]; l; l = l->next_hash)
		if (l->key.client == k.client && l->key.campaign == k.campaign && l->key.route == k.route &&
			l->key.class == k.class && l->key.skip == k.skip && l->pin == pin)
			return l;
	return lane_make(q, &k, pin, slot);
}

struct lane *lane_get(struct queue *q, const struct message *m, unsigned skip)
{
	return lane_find(q, m, skip, 0);
}

/* Half of a message went over `o`: the rest waits for it, in memory only (its rows belong to the lane of its route). */
struct lane *lane_pinned(struct queue *q, const struct message *m, const struct outlet *o)
{
	return lane_find(q, m, 0, o->id);
}

struct lane *lane_twin(struct queue *q, const struct store_lane *k)
{
	return lane_make(q, k, 0, slot_of(q, k, 0));
}

struct lane *lane_by_id(struct queue *q, uint32_t id)
{
	for (struct lane *l = q->lanes; l; l = l->next_all)
		if (l->key.id == id)
			return l;
	return NULL;
}

static void lane_named(struct store_op *op)
{
	free(op);
}

void lane_name(struct queue *q, struct lane *l)
{
	struct op_lane *op = l->naming;

	if (!op)
		return;
	l->naming = NULL;
	l->key.id = q->next_lane++;
	op->op = (struct store_op){ .kind = OP_LANE, .rows = 1, .done = lane_named };
	op->lane = l->key;
	store_stage(q->store, STORE_FIRST, &op->op);
}

/* ---- minutes: how many rows end when --------------------------------------------------------------------- */

void lane_minute_add(struct lane *l, uint32_t minute, unsigned n)
{
	unsigned i = l->n_minutes;
	struct store_minute *v;

	while (i > 0 && l->minutes[i - 1].minute > minute)
		i--;
	if (i > 0 && l->minutes[i - 1].minute == minute) {
		l->minutes[i - 1].n += n;
		return;
	}
	if (l->n_minutes == l->cap_minutes) {
		unsigned cap = l->cap_minutes ? l->cap_minutes * 2 : 8;

		v = realloc(l->minutes, cap * sizeof(*v));
		if (!v)
			return; /* found when it is read: expiry is late, never wrong */
		l->minutes = v;
		l->cap_minutes = cap;
	}
	memmove(l->minutes + i + 1, l->minutes + i, (l->n_minutes - i) * sizeof(*l->minutes));
	l->minutes[i] = (struct store_minute){ minute, n };
	l->n_minutes++;
}

void lane_minute_sub(struct lane *l, uint32_t minute, unsigned n)
{
	for (unsigned i = 0; i < l->n_minutes; i++) {
		if (l->minutes[i].minute != minute)
			continue;
		if (l->minutes[i].n > n) {
			l->minutes[i].n -= n;
			return;
		}
		memmove(l->minutes + i, l->minutes + i + 1, (l->n_minutes - i - 1) * sizeof(*l->minutes));
		l->n_minutes--;
		return;
	}
}

/* ---- which link ------------------------------------------------------------------------------------------ */

static struct lane **ring_of(struct lane *l)
{
	return l->key.class == CLASS_OTP ? &l->out->otp_lanes : &l->out->lanes;
}

void lane_activate(struct queue *q, struct lane *l)
{
	struct lane **ring;

	if (l->active && l->out->choice)
		dispatch_dirty(q); /* the new one may have another link than those before it */
	if (l->active || !l->out || !l->wait.head)
		return;
	ring = ring_of(l);
	if (*ring) { /* at the end: the ring's head is served next */
		l->next = *ring;
		l->prev = (*ring)->prev;
		l->prev->next = l;
		l->next->prev = l;
	} else {
		l->next = l->prev = l;
		*ring = l;
	}
	l->active = true;
	refill_fed(l);
	l->deficit = 0;
	l->in_turn = false;
	dispatch_dirty(q);
}

void lane_deactivate(struct queue *q, struct lane *l)
{
	struct lane **ring;

	if (!l->active)
		return;
	ring = ring_of(l);
	if (l->next == l) {
		*ring = NULL;
	} else {
		l->next->prev = l->prev;
		l->prev->next = l->next;
		if (*ring == l)
			*ring = l->next;
	}
	l->active = false;
	refill_fed(l);
}

static struct outlet *first_up(const struct queue *q, const struct lane *l, enum msg_reason *ret_reason)
{
	const struct queue_route *r = l->route;
	struct outlet *pinned = l->pin ? queue_outlet_of(q, l->pin) : NULL, *spared = NULL;

	if (pinned && !pinned->removed) {
		*ret_reason = outlet_why_not(pinned, l->key.class);
		return outlet_serves(pinned, l->key.class) ? pinned : NULL;
	}
	/* Without a pin, or with one to a link that is gone for good: what is left goes over what there is. */
	*ret_reason = REASON_NO_ROUTE;
	if (!r || r->n_links == 0)
		return NULL;
	if (r->choice)
		return choice_up(l, ret_reason);
	*ret_reason = REASON_LINK_DOWN;
	for (unsigned i = l->key.skip < r->n_links ? l->key.skip : 0; i < r->n_links; i++) {
		struct outlet *o = r->links[i];
		enum msg_reason why = outlet_why_not(o, l->key.class);

		if (outlet_serves(o, l->key.class) && !guard_spares(&o->guard, l->key.class == CLASS_OTP))
			return o;
		if (outlet_serves(o, l->key.class) && !spared)
			spared = o;
		if (why != REASON_LINK_DOWN)
			*ret_reason = why;
	}
	return spared;
}

void lane_home(struct queue *q, struct lane *l)
{
	enum msg_reason reason;
	struct outlet *o;

	l->route = lane_route(q, l->key.route);
	o = first_up(q, l, &reason);
	if (o && o == l->out) {
		lane_activate(q, l);
		return;
	}
	lane_deactivate(q, l);
	refill_sated(l);
	l->out = o;
	refill_fed(l);
	if (!o && l->reason != reason) {
		l->reason = reason;
		l->since_ms = q->now_ms;
	}
	lane_activate(q, l);
	if (o && (l->n_rows || l->counting))
		refill_lane(q, l);
}

/* ---- what waits ------------------------------------------------------------------------------------------ */

/* A lane whose rule is gone takes nothing more: the rules are asked again. */
static struct lane *routed(struct queue *q, struct lane *l, struct qmsg *qm)
{
	struct lane *to;

	if (l->route || l->pin || !q->route_of)
		return l;
	qm->m->route = q->route_of(q->route_arg, qm->m);
	to = lane_get(q, qm->m, 0);
	return to && to->route ? to : l;
}

void lane_append(struct queue *q, struct lane *l, struct qmsg *qm)
{
	l = routed(q, l, qm);
	qmsg_set_lane(qm, l);
	qm->in_lane = true;
	qlist_append(&l->wait, qm);
	lane_activate(q, l);
}

/* A window of refused messages comes back answer by answer; each goes behind those of them that are older, as a rule
 * behind the last. */
void lane_return(struct queue *q, struct lane *l, struct qmsg *qm)
{
	struct qmsg *after;

	l = routed(q, l, qm);
	qmsg_set_lane(qm, l);
	qm->in_lane = qm->again = true;
	after = l->again;
	while (after && after->m->id > qm->m->id)
		after = after->prev;
	qlist_insert(&l->wait, after, qm);
	if (after == l->again)
		l->again = qm;
	lane_activate(q, l);
}

void lane_take(struct queue *q, struct qmsg *qm)
{
	struct lane *l = qm->lane;

	if (!qm->in_lane)
		return;
	if (l->again == qm)
		l->again = qm->prev;
	qlist_remove(&l->wait, qm);
	qm->in_lane = qm->again = false;
	if (!l->wait.head)
		lane_deactivate(q, l);
	if (l->n_rows && l->wait.n < q->lane_window / 2)
		refill_lane(q, l);
}

/* Counted as rows are, until a page has passed over it. */
void lane_row_staged(struct queue *q, struct lane *l, struct row_job *j, int64_t ttl_end_ms)
{
	lane_name(q, l);
	j->lane = l;
	j->f.lane = l->key.id;
	j->f.end_minute = minute_of(ttl_end_ms);
	staged_add(q, &j->staged, j->f.seq);
	l->n_held++;
	lane_count_staged(l, j->f.seq);
	lane_minute_add(l, j->f.end_minute, 1);
	q->stats.waiting++;
	l->client->waiting++;
}

void lane_row_done(struct queue *q, struct row_job *j)
{
	struct lane *l = j->lane;

	if (!l)
		return;
	staged_done(&j->staged);
	l->n_rows_staged--;
	if (j->f.op.r < 0 || j->f.ret_gone) {
		l->n_rows--;
		lane_minute_sub(l, j->f.end_minute, 1);
		q->stats.waiting--;
		l->client->waiting--;
	} else if (l->out || !l->route) {
		refill_lane(q, l);
	}
	l->n_held--;
	lane_drop_if_idle(q, l);
}

static void row_done(struct store_op *op)
{
	struct row_job *j = (struct row_job *)op;
	struct queue *q = op->arg;
	struct qmsg *qm = qmsg_find(q, msg_key_id(j->f.key));

	if (op->r == 0)
		fresh_clear(q->fresh, msg_key_id(j->f.key)); /* the row knows it from here on */
	else if (qm && qm->row_seq == j->f.seq)
		qm->row_lane = qm->row_ahead = 0;
	lane_row_done(q, j);
	pool_put(&q->pool_due, op);
}

void lane_row(struct queue *q, struct lane *l, struct qmsg *qm)
{
	struct row_job *j;

	if (l->pin)
		l = lane_get(q, qm->m, 0);
	j = l ? (struct row_job *)pool_get(q, &q->pool_due, OP_DUE_FIRE, row_done) : NULL;
	if (!j)
		return;
	j->f.at = 0;
	j->f.key = msg_key(qm->m->id, 0);
	j->f.seq = queue_take_id(q);
	if (j->f.seq == 0) {
		pool_put(&q->pool_due, &j->f.op);
		return;
	}
	lane_row_staged(q, l, j, qm->m->ttl_end_ms);
	qm->row_lane = j->f.lane;
	qm->row_seq = j->f.seq;
	qm->row_ahead = true;
	store_stage(q->store, STORE_SETTLE, &j->f.op);
}

void lane_drop_if_idle(struct queue *q, struct lane *l)
{
	struct lane **p;

	if (!l->naming && q->n_lanes < LANES_KEPT) /* it has a number on disk: do not use up another one */
		return;
	if (l->wait.head || l->n_pending || l->n_rows || l->n_held || l->counting || l->refilling || l->expiring)
		return;
	for (p = &q->lane_hash[slot_of(q, &l->key, l->pin)]; *p != l; p = &(*p)->next_hash)
		;
	*p = l->next_hash;
	if (l->prev_all)
		l->prev_all->next_all = l->next_all;
	else
		q->lanes = l->next_all;
	if (l->next_all)
		l->next_all->prev_all = l->prev_all;
	q->n_lanes--;
	refill_sated(l);
	free(l->naming);
	free(l->minutes);
	free(l);
}
