/* SPDX-License-Identifier: Apache-2.0
 *
 * dispatch.c -- from a lane to its link: whether the window and the rate have room, cut, lease, submit.  Whose turn it
 * is, serve.c says.
 *
 * While an otp came within the last ten seconds the other classes leave max(1, 5 %) of the window and 5 % of the rate
 * free, so that the next code finds room at once.  Each part costs one token.
 *
 * The lease is on disk before the driver sees the part: op_lease is staged here (or goes with the accept commit), and
 * dispatch_submit() runs when it is done.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "queue/queue_impl.h"

#define STORE_PAUSE_MS 1000 /* after a lease that the disk refused */

void dispatch_dirty(struct queue *q)
{
	q->dirty = true;
}

/* ---- rate and room --------------------------------------------------------------------------------------- */

void dispatch_rate(struct outlet *o)
{
	pace_set(&o->pace, o->tps, o->adapt.limit, o->burst);
}

/* What left over a link within the last second counts on when a reload makes the link anew. */
void dispatch_keep_rate(struct queue *q, const struct outlet *o)
{
	struct kept_pace *k;

	dispatch_drop_rates(q, clock_mono_us());
	k = calloc(1, sizeof(*k));
	if (!k)
		return;
	k->link = o->id;
	k->pace = o->pace;
	k->next = q->paces;
	q->paces = k;
}

/* Those of which nothing counts any more. */
void dispatch_drop_rates(struct queue *q, int64_t now_us)
{
	for (struct kept_pace **p = &q->paces, *k; (k = *p);) {
		if (meter_sum(&k->pace.sent, now_us)) {
			p = &k->next;
			continue;
		}
		*p = k->next;
		free(k);
	}
}

void dispatch_known_rate(struct queue *q, struct outlet *o)
{
	struct kept_pace **p = &q->paces, *k;

	while (*p && (*p)->link != o->id)
		p = &(*p)->next;
	k = *p;
	if (!k) { /* at once: whoever looks at the meter moves it past that moment */
		o->pace.full_us = q->written_us;
		pace_set(&o->pace, o->tps, 0, o->burst);
		return;
	}
	o->pace = k->pace;
	*p = k->next;
	free(k);
}

/* Parts that this class may still put into the window. */
static unsigned window_room(const struct queue *q, const struct outlet *o, enum msg_class class)
{
	unsigned spare = o->window / 20 ? o->window / 20 : 1;
	unsigned taken = o->in_flight + o->asking;
	unsigned room = taken < o->window ? o->window - taken : 0;

	if (class == CLASS_OTP || !otp_recent(q, o) || o->window < 2)
		return room;
	if (o->in_flight_bulk + spare >= o->window)
		return 0;
	return room < o->window - spare - o->in_flight_bulk ? room : o->window - spare - o->in_flight_bulk;
}

/* Must this class leave something for codes? */
static bool reserved(const struct queue *q, const struct outlet *o, enum msg_class class)
{
	return class != CLASS_OTP && otp_recent(q, o);
}

enum msg_reason dispatch_full(struct queue *q, struct outlet *o, enum msg_class class)
{
	if (o->used && quota_room(o, class) == 0)
		return REASON_QUOTA;
	if (guard_shut(&o->guard, o->in_flight))
		return REASON_GUARD; /* one at a time, until one is taken */
	if (o->pause_until_ms > q->now_us / 1000)
		return REASON_THROTTLED;
	if (window_room(q, o, class) == 0)
		return REASON_WINDOW_FULL;
	return pace_room(&o->pace, reserved(q, o, class), q->now_us) ? REASON_NONE : REASON_THROTTLED;
}

enum msg_reason dispatch_no_room(struct queue *q, struct outlet *o, enum msg_class class)
{
	dispatch_rate(o);
	return dispatch_full(q, o, class);
}

bool dispatch_room(struct queue *q, struct outlet *o, enum msg_class class)
{
	dispatch_rate(o);
	return !q->dispatch_stopped && !q->stopping && dispatch_full(q, o, class) == REASON_NONE;
}

/* A probe begins or ends: whether other lanes have a turn here has changed. */
static void probes(struct queue *q, struct outlet *o)
{
	if (o->guard.state == GUARD_PROBE)
		q->aside_changed = o->aside_changed = true;
}

void dispatch_take(struct queue *q, struct outlet *o, struct qmsg *qm, unsigned n_parts)
{
	struct queue_client_state *c = qm->lane ? qm->lane->client : NULL;

	if (o->used)
		quota_take(q, o, n_parts, qm->m->to); /* first: a period may begin, of which this is */
	o->in_flight += n_parts;
	o->taken_us = q->now_us;
	if (qm->m->class == CLASS_OTP)
		o->otp_at_ms = q->now_us / 1000;
	else
		o->in_flight_bulk += n_parts;
	pace_hold(&o->pace, n_parts);
	if (c)
		c->tokens -= n_parts;
	if (qm->lane)
		qm->lane->n_late += n_parts;
	q->stats.in_flight += n_parts;
	probes(q, o);
}

static void slots_free(struct queue *q, struct outlet *o, struct qmsg *qm, unsigned n_parts)
{
	assert(o->in_flight >= n_parts); /* of the link that has them: it would never send again */
	o->in_flight -= n_parts;
	if (qm->m->class != CLASS_OTP)
		o->in_flight_bulk -= n_parts;
	if (qm->lane)
		qm->lane->n_late -= n_parts;
	q->stats.in_flight -= n_parts;
	probes(q, o);
	dispatch_dirty(q);
	if (o->in_flight == 0)
		o->ops->idle(o);
}

/* The slots of settled parts. */
void dispatch_settled(struct queue *q, struct qmsg *qm, unsigned n_parts)
{
	slots_free(q, qm->out, qm, n_parts);
}

void dispatch_unplaced(struct queue *q, struct qmsg *qm, unsigned n_parts)
{
	pace_unhold(&qm->out->pace, n_parts);
	quota_back(q, qm->out, n_parts);
	slots_free(q, qm->out, qm, n_parts);
}

/* ---- segmentation for the link that takes it ------------------------------------------------------------- */

/* Binary text is: octet count of the client's UDH, that UDH, the data. */
static void binary_of(const struct message *m, const uint8_t **ret_udh, size_t *ret_n_udh, const uint8_t **ret_data,
	size_t *ret_n)
{
	const uint8_t *t = (const uint8_t *)m->text;

	*ret_n_udh = m->n_text ? t[0] : 0;
	*ret_udh = t + 1;
	*ret_data = t + 1 + *ret_n_udh;
	*ret_n = m->n_text ? m->n_text - 1 - *ret_n_udh : 0;
}

static int binary_plan(const struct message *m, const struct segment_opts *o, struct segment_plan *ret)
{
	const uint8_t *udh, *data;
	size_t n_udh, n;

	binary_of(m, &udh, &n_udh, &data, &n);
	return segment_binary_plan(n_udh ? udh : NULL, n_udh, n, o, ret);
}

/* For a link that has not seen it yet.  The wish for GSM-7 was held against the first link of the route; where another
 * one lacks a character the text goes as UCS-2: it was accepted, and letters are never lost. */
static int plan_for(struct unicode *unicode, const struct message *m, const struct segment_rules *rules,
	struct segment_plan *ret)
{
	struct segment_opts o = { .wish = m->wish, .rules = *rules, .unicode = unicode };
	size_t bad;
	int r;

	if (m->flags & MSG_BINARY)
		return binary_plan(m, &o, ret);
	r = segment_plan(m->text, m->n_text, &o, ret, &bad);
	if (r != -EILSEQ)
		return r;
	o.wish = WISH_UCS2;
	return segment_plan(m->text, m->n_text, &o, ret, &bad);
}

/* A message that was begun before cuts were kept, when neither clusters nor languages were looked at. */
static int plan_old(const struct qmsg *qm, struct segment_plan *ret)
{
	const struct segment_rules *now = &qm->out->rules;
	struct segment_rules rules = { .concat = now->concat, .max_char = now->max_char };

	return plan_for(NULL, qm->m, &rules, ret);
}

/* The plan that was made before; -EINVAL when it is another one. */
static int plan_again(const struct queue *q, const struct qmsg *qm, struct segment_plan *ret)
{
	const struct message *m = qm->m;
	struct segment_opts o = { .rules.concat = segment_cut_concat(qm->cut) };
	int r;

	if (!qm->cut)
		r = plan_old(qm, ret);
	else if (m->flags & MSG_BINARY)
		r = binary_plan(m, &o, ret);
	else
		r = segment_again(m->text, m->n_text, qm->cut, q->unicode, ret);
	return r == 0 && o.rules.concat != CONCAT_PAYLOAD && ret->n_parts != qm->n_parts ? -EINVAL : r;
}

static int wire_for(const struct message *m, const struct segment_plan *plan, unsigned part, uint16_t ref,
	struct segment_wire *ret)
{
	const uint8_t *udh, *data;
	size_t n_udh, n;

	if (m->flags & MSG_BINARY) {
		binary_of(m, &udh, &n_udh, &data, &n);
		return segment_binary_part(n_udh ? udh : NULL, n_udh, data, plan, part, ref, ret);
	}
	return segment_part(m->text, plan, part, ref, ret);
}

static bool same_rules(const struct segment_rules *a, const struct segment_rules *b)
{
	return a->concat == b->concat && a->languages == b->languages && a->max_char == b->max_char;
}

/* Fix parts and reference for link `o`; only while nothing of the message has left. */
int dispatch_plan(struct queue *q, struct qmsg *qm, struct outlet *o)
{
	struct segment_plan plan;
	int r;

	if (qm->bound) { /* cut already; another link only when the old one is gone for good */
		qm->out = o;
		return 0;
	}
	if (qm->n_parts && qm->cut && same_rules(&qm->rules, &o->rules)) {
		qm->out = o;
		return 0;
	}
	r = plan_for(q->unicode, qm->m, &o->rules, &plan);
	if (r < 0)
		return r;
	qm->cut = segment_cut(&plan);
	qm->rules = o->rules;
	qm->out = o;
	qm->bound_link = 0;
	qm->n_parts = o->rules.concat == CONCAT_PAYLOAD ? 1 : plan.n_parts;
	qm->todo = parts_mask(qm->n_parts);
	if (qm->n_parts > 1)
		qm->ref = refs_next(q->refs, qm->m->to);
	return 0;
}

/* ---- lease, then submit ---------------------------------------------------------------------------------- */

static void part_fill(const struct queue *q, const struct qmsg *qm, const struct segment_plan *plan, unsigned part,
	struct part *p)
{
	const struct message *m = qm->m;
	int64_t left_ms = m->ttl_end_ms - q->now_ms;

	p->key = msg_key(m->id, part);
	p->to = m->to;
	p->from = route_sender(q, m);
	p->part = (uint8_t)part;
	p->n_parts = qm->n_parts;
	p->ref = (uint16_t)qm->ref;
	p->encoding = plan->encoding;
	p->class = m->class;
	p->flash = m->flags & MSG_FLASH;
	p->want_receipt = qm->out->reports;
	p->send_at_ms = m->send_at_ms > q->now_ms ? m->send_at_ms : 0;
	p->validity_s = left_ms > 1000 ? (uint32_t)(left_ms / 1000) : 1;
	p->text = m->text;
	p->n_text = m->n_text;
	p->tlvs = m->tlvs;
	p->n_tlvs = m->n_tlvs;
}

static int make_part(const struct queue *q, const struct qmsg *qm, const struct segment_plan *plan, unsigned part,
	struct part *p)
{
	part_fill(q, qm, plan, part, p);
	if (segment_cut_concat(qm->cut) != CONCAT_PAYLOAD)
		return wire_for(qm->m, plan, part, (uint16_t)qm->ref, &p->wire);
	memset(&p->wire, 0, sizeof(p->wire));
	return 0;
}

/* The driver has no room on the wire: link_ready() hands it over again. */
static void stall(struct qmsg *qm)
{
	struct outlet *o = qm->out;

	qm->stalled = true;
	qm->stall_next = NULL;
	if (o->stalled_tail)
		o->stalled_tail->stall_next = qm;
	else
		o->stalled = qm;
	o->stalled_tail = qm;
}

/* Room again, or the link is gone: either way what was leased moves on. */
void dispatch_stalled(struct queue *q, struct outlet *o)
{
	struct qmsg *qm = o->stalled, *next;

	o->stalled = o->stalled_tail = NULL;
	for (; qm; qm = next) {
		next = qm->stall_next;
		qm->stalled = false;
		dispatch_submit(q, qm);
	}
}

static void unlease_done(struct store_op *op)
{
	struct queue *q = op->arg;

	pool_put(&q->pool_lease, op);
}

/* The link went away before these parts were written: the lease goes, the parts wait again. */
static void unlease(struct queue *q, struct qmsg *qm, uint64_t parts)
{
	struct op_lease *op = (struct op_lease *)pool_get(q, &q->pool_lease, OP_UNLEASE, unlease_done);

	if (op) {
		op->id = qm->m->id;
		op->parts = parts;
		op->link = qm->out->id;
		op->bound_parts = 0;
		queue_stage(q, STORE_SETTLE, &op->op);
	} /* else the lease row stays, and a crash would call it uncertain: safe */
	pace_unhold(&qm->out->pace, (unsigned)__builtin_popcountll(parts & ~qm->flying));
	quota_back(q, qm->out, (unsigned)__builtin_popcountll(parts));
	slots_free(q, qm->out, qm, (unsigned)__builtin_popcountll(parts));
	qm->leased &= ~parts;
	qm->flying &= ~parts;
	qm->todo |= parts;
}

void dispatch_unsent(struct queue *q, struct qmsg *qm, uint64_t parts)
{
	unlease(q, qm, parts);
	dispatch_requeue(q, qm);
}

void dispatch_submit(struct queue *q, struct qmsg *qm)
{
	struct outlet *o = qm->out;
	uint64_t id = qm->m->id;
	struct segment_plan plan;
	struct part p;
	int planned = 0, r = 0;

	if (qm->stalled || !qm->leased)
		return; /* stalled: it goes with the others of its list, in order */
	if (o->up && plan_again(q, qm, &plan) < 0)
		planned = -EMSGSIZE; /* begun in parts that its link does not make any more */
	while (qm->leased && r == 0 && o->up) {
		unsigned part = (unsigned)__builtin_ctzll(qm->leased) + 1;

		r = planned;
		p.key = msg_key(id, part);
		if (r == 0)
			r = make_part(q, qm, &plan, part, &p);
		if (r == 0)
			r = o->ops->submit(o, &p);
		if (r == 0) {
			pace_take(&o->pace, 1, clock_mono_us());
			qm->leased &= ~(1ull << (part - 1));
			qm->flying |= 1ull << (part - 1);
		}
		if (r == -EMSGSIZE || r == -EINVAL) { /* no wire of this link can carry it */
			struct settle s = { .key = p.key, .outcome = OUTCOME_REJECTED, .text = "too large for the link" };

			pace_unhold(&o->pace, 1);
			qm->leased &= ~(1ull << (part - 1));
			qm->flying |= 1ull << (part - 1);
			queue_settle(q, o, &s);
			if (qmsg_find(q, id) != qm)
				return;
			r = 0;
		}
	}
	if (!qm->leased)
		return;
	if (r == -EAGAIN && o->up) {
		stall(qm);
		return;
	}
	unlease(q, qm, qm->leased);
	dispatch_requeue(q, qm);
}

static void lease_done(struct store_op *op)
{
	struct op_lease *l = (struct op_lease *)op;
	struct queue *q = op->arg;
	struct qmsg *qm = qmsg_find(q, l->id);
	uint64_t parts = l->parts;
	bool l_bound = l->bound_parts != 0;
	int r = op->r;

	if (r == 0)
		attempt_overtaken(q, l->id, parts);
	pool_put(&q->pool_lease, op);
	if (!qm)
		return;
	qm->leasing &= ~parts;
	if (r == 0) {
		qm->leased |= parts;
		dispatch_submit(q, qm);
		return;
	}
	/* The disk refused: nothing left, so it waits again; not at once, or this would spin. */
	qm->out->pause_until_ms = q->now_us / 1000 + STORE_PAUSE_MS;
	if (l_bound)
		qm->bound_link = 0;
	dispatch_unplaced(q, qm, (unsigned)__builtin_popcountll(parts));
	qm->todo |= parts;
	dispatch_requeue(q, qm);
}

/* The number of parts for the bound row, 0 when it needs none: a single part does, where the rows would speak of more,
 * be it the client's answer or an older cut for another link. */
unsigned dispatch_bound_parts(const struct qmsg *qm)
{
	return qm->n_parts > 1 || qm->n_parts != qm->m->n_parts || qm->bound_row ? qm->n_parts : 0;
}

unsigned dispatch_lease(struct queue *q, struct outlet *o, struct qmsg *qm)
{
	struct op_lease *op = (struct op_lease *)pool_get(q, &q->pool_lease, OP_LEASE, lease_done);
	unsigned room = window_room(q, o, qm->m->class), n = 0;
	unsigned tokens = pace_room(&o->pace, reserved(q, o, qm->m->class), q->now_us);
	uint64_t parts = 0;

	if (!op)
		return 0;
	if (room > tokens)
		room = tokens;
	if (o->guard.state == GUARD_PROBE)
		room = 1;
	if (room > quota_room(o, qm->m->class))
		room = quota_room(o, qm->m->class);
	for (uint64_t left = qm->todo; left && n < room; left &= left - 1, n++)
		parts |= left & -left;
	qm->todo &= ~parts;
	qm->leasing |= parts;
	op->id = qm->m->id;
	op->parts = parts;
	op->link = o->id;
	op->ref = qm->ref;
	op->cut = qm->cut;
	op->bound_parts = qm->bound_link != o->id ? (uint8_t)dispatch_bound_parts(qm) : 0;
	op->op.rows = (uint16_t)(n + (op->bound_parts != 0));
	if (op->bound_parts) {
		qm->bound_row = true;
		qm->bound_link = o->id;
	}
	qm->bound = qm->n_parts > 1;
	if (!qm->todo)
		lane_take(q, qm);
	dispatch_take(q, o, qm, n);
	queue_stage(q, STORE_SETTLE, &op->op);
	return n;
}

/* ---- back into a lane, or out of memory ------------------------------------------------------------------ */

/* Parts are left to do.  Once a part has left (or its lease has), the rest goes over the same link: pinned. */
void dispatch_requeue(struct queue *q, struct qmsg *qm)
{
	bool begun = qm->done | qm->flying | qm->leased | qm->leasing | qm->later;
	struct lane *l = qm->lane;

	if (!qm->todo || qm->in_lane)
		return;
	if (qm->n_parts > 1 && !begun) { /* nothing has left: another link may take it, with its own segmentation */
		qm->bound = false;
		qm->bound_link = 0;
	} else if (qm->n_parts > 1 && qm->out && qm->out != l->out) {
		l = lane_pinned(q, qm->m, qm->out);
	}
	qm->since_ms = q->now_ms;
	lane_return(q, l ? l : qm->lane, qm);
}

/* Every part was taken or is final: rows know the rest. */
void dispatch_gone(struct queue *q, struct qmsg *qm)
{
	struct lane *l = qm->lane;
	struct outlet *o = l ? l->out : NULL;

	if (qm->todo | qm->leasing | qm->leased | qm->flying | qm->refused || qm->blocked)
		return;
	lane_take(q, qm);
	if (qm->lane && qm->lane->client->waiting)
		qm->lane->client->waiting--;
	if (q->stats.waiting)
		q->stats.waiting--;
	qmsg_free(q, qm);
	if (l)
		lane_drop_if_idle(q, l);
	if (o)
		refill_feed(q, o);
}
