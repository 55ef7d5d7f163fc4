/* SPDX-License-Identifier: Apache-2.0
 *
 * dispatch.c -- from lanes to links: whose turn it is, whether the window and the rate have room, lease, submit.
 *
 * A link serves its otp lanes first, then the others by deficit round robin.  While an otp came within the last ten
 * seconds the others leave max(1, 5 %) of the window and 5 % of the rate free, so that the next code finds room at
 * once.  Each part costs one token; a message of N parts goes as they come, and nothing of another message of its lane
 * in between.
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

#define OTP_RECENT_MS 10000
#define QUANTUM_SERVICE 16  /* parts a lane may send before the next one's turn */
#define QUANTUM_MARKETING 4
#define STORE_PAUSE_MS 1000 /* after a lease that the disk refused */
#define LOOK_AHEAD 256      /* messages of a lane that may be passed over for those behind them */
#define LOOK_AGAIN_US 200000
#define REHOMES 8           /* times that lanes look for other links in one run */
#define TICK_US 2000        /* a shorter wait is not worth a wake: pace.h keeps what comes in meanwhile */

void dispatch_dirty(struct queue *q)
{
	q->dirty = true;
}

/* ---- tokens ---------------------------------------------------------------------------------------------- */

/* Refill a bucket; is there one token?  rate 0: always. */
bool tokens_has(double *tokens, int64_t *at_us, double rate, double burst, int64_t now_us)
{
	if (rate <= 0)
		return true;
	if (*at_us == 0)
		*tokens = burst;
	else
		*tokens += rate * (double)(now_us - *at_us) / 1e6;
	*at_us = now_us;
	if (*tokens > burst)
		*tokens = burst;
	return *tokens >= 1;
}

static bool otp_recent(const struct queue *q, const struct outlet *o)
{
	return o->otp_at_ms && q->now_us / 1000 - o->otp_at_ms < OTP_RECENT_MS;
}

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

static enum msg_reason no_room(struct queue *q, struct outlet *o, enum msg_class class)
{
	if (o->used && quota_room(o, class) == 0)
		return REASON_QUOTA;
	if (o->guard.state == GUARD_PROBE && o->in_flight)
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
	return no_room(q, o, class);
}

bool dispatch_room(struct queue *q, struct outlet *o, enum msg_class class)
{
	dispatch_rate(o);
	return !q->dispatch_stopped && !q->stopping && no_room(q, o, class) == REASON_NONE;
}

void dispatch_take(struct queue *q, struct outlet *o, struct qmsg *qm, unsigned n_parts)
{
	struct queue_client_state *c = qm->lane ? qm->lane->client : NULL;

	o->in_flight += n_parts;
	o->taken_us = q->now_us;
	if (o->used)
		quota_take(q, o, n_parts, qm->m->to);
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

/* Lease as many parts of the message as there is room for; how many, 0: no operation to be had. */
static unsigned lease(struct queue *q, struct outlet *o, struct qmsg *qm)
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
}

/* ---- the choice ------------------------------------------------------------------------------------------ */

static void lane_waits(struct queue *q, struct lane *l, enum msg_reason reason)
{
	if (l->reason != reason) {
		l->reason = (uint8_t)reason;
		l->since_ms = q->now_ms;
	}
}

/* Get rid of what is over, or is cancelled; true: it has left the lane. */
static bool over(struct queue *q, struct qmsg *qm)
{
	if (qm->m->ttl_end_ms <= q->now_ms && !(qm->leasing | qm->leased | qm->flying)) {
		settle_whole(q, qm, STATE_EXPIRED, REASON_TTL);
		return true;
	}
	if (q->tag_cancels && !(qm->leasing | qm->leased | qm->flying | qm->done) && cancel_covers(q, qm->m)) {
		settle_whole(q, qm, STATE_CANCELLED, REASON_CLIENT);
		return true;
	}
	return false;
}

/* Accepted for links that keep it; another one has its turn now, or the settings have changed. */
static bool too_early(struct queue *q, struct qmsg *qm, const struct outlet *o)
{
	if (qm->m->send_at_ms <= q->now_ms || o->schedules ||
		(qm->leasing | qm->leased | qm->flying | qm->done | qm->later))
		return false;
	settle_schedule(q, qm);
	return true;
}

/* What was begun goes on over its link; true: it has left the lane.  Of a link that is being removed the rest goes over what
 * there is, but only when nothing is under way there any more: the slots of what is belong to that link, and its answers
 * too.  queue_forget_outlet() brings it back. */
static bool pinned(struct queue *q, struct lane *l, struct qmsg *qm)
{
	struct lane *to;

	if (!qm->bound || !qm->out || qm->out == l->out)
		return false;
	if (qm->out->removed) {
		if (!(qm->leasing | qm->leased | qm->flying))
			return false;
		lane_take(q, qm);
		return true;
	}
	to = lane_pinned(q, qm->m, qm->out);
	if (!to)
		return false;
	lane_take(q, qm);
	lane_append(q, to, qm);
	return true;
}

/* Get rid of a head that must not be sent, over this link or at all; true: the head changed. */
static bool unfit(struct queue *q, struct lane *l, struct qmsg *qm, struct outlet *o)
{
	if (over(q, qm) || too_early(q, qm, o) || pinned(q, l, qm))
		return true;
	if (dispatch_plan(q, qm, o) < 0) {
		settle_whole(q, qm, STATE_REJECTED, REASON_REFUSED);
		return true;
	}
	return false;
}

static bool client_may(struct queue *q, struct lane *l)
{
	struct queue_client_state *c = l->client;
	double burst = c->conf.burst ? c->conf.burst : c->conf.tps;

	return tokens_has(&c->tokens, &c->tokens_at_us, c->conf.tps, burst < 1 ? 1 : burst, q->now_us);
}

static bool begun(const struct qmsg *qm)
{
	return qm->done | qm->flying | qm->leased | qm->leasing | qm->later;
}

/* The lane of the next link of the route, if that one can take a message which this one cannot have by its quota. */
static struct lane *lane_behind(struct queue *q, struct lane *l, const struct qmsg *qm, const struct outlet *o)
{
	const struct queue_route *r = l->route;
	struct lane *to;

	for (unsigned i = 0; r && !l->pin && i + 1 < r->n_links; i++) {
		if (r->links[i] != o || !outlet_serves(r->links[i + 1], l->key.class))
			continue;
		to = lane_get(q, qm->m, i + 1);
		return to && to->wait.n < q->lane_window ? to : NULL;
	}
	return NULL;
}

/* The link for the next message to be looked at; NULL and why, and whether the others of the lane need no look. */
static struct outlet *link_for(struct queue *q, struct outlet *o, struct lane *l, struct qmsg *qm,
	enum msg_reason *ret_why, bool *ret_all)
{
	*ret_all = false;
	if (o->choice) {
		o = choice_pick(q, l, qm, ret_why);
		*ret_all = !o && l->route && l->route->choose == CHOOSE_LOAD && *ret_why != REASON_QUOTA;
		return o;
	}
	*ret_why = no_room(q, o, l->key.class);
	*ret_all = *ret_why != REASON_NONE;
	if (!*ret_all && !begun(qm) && !quota_takes_new(o, qm->m->to))
		*ret_why = REASON_QUOTA;
	return *ret_why == REASON_NONE ? o : NULL;
}

/* Like serve(), of a lane whose messages take different links, or of which some may not go now: those behind them are
 * looked at, too, as far as they are in memory and LOOK_AHEAD reaches. */
static enum msg_reason serve_any(struct queue *q, struct outlet *o, struct lane *l)
{
	enum msg_reason why = REASON_NONE, no;
	unsigned looked = 0, n_sent = 0;
	struct qmsg *qm, *next;

	for (qm = l->wait.head; qm && looked < LOOK_AHEAD; qm = next) {
		struct lane *behind;
		struct outlet *to;
		bool all;

		next = qm->next;
		if (qm->blocked) {
			lane_take(q, qm);
			continue;
		}
		if (over(q, qm) || pinned(q, l, qm))
			continue;
		to = link_for(q, o, l, qm, &no, &all);
		if (!to) {
			behind = no == REASON_QUOTA && !o->choice ? lane_behind(q, l, qm, o) : NULL;
			if (behind) {
				lane_take(q, qm);
				lane_append(q, behind, qm);
				continue;
			}
			why = why == REASON_NONE ? no : why;
			looked++;
			if (all)
				break;
			continue;
		}
		if (too_early(q, qm, to))
			continue;
		if (!client_may(q, l)) {
			why = REASON_CLIENT_RATE;
			break;
		}
		if (unfit(q, l, qm, to))
			continue;
		if (l->deficit < __builtin_popcountll(qm->todo) && l->key.class != CLASS_OTP) {
			why = REASON_NONE;
			break;
		}
		no = lease(q, to, qm) ? REASON_NONE : REASON_STORE;
		if (no != REASON_NONE) {
			why = no;
			break;
		}
		n_sent++;
		l->deficit -= __builtin_popcountll(qm->leasing);
		if (qm->in_lane)
			pinned(q, l, qm); /* there was no room for all of it */
	}
	if (!n_sent && why == REASON_QUOTA)
		o->look_us = q->now_us + LOOK_AGAIN_US;
	lane_waits(q, l, why == REASON_NONE ? REASON_BACKLOG : why);
	return why;
}

/* Send from one lane until its deficit, the link or the client stops it. */
static enum msg_reason serve(struct queue *q, struct outlet *o, struct lane *l)
{
	enum msg_reason why = REASON_NONE;
	struct qmsg *qm;

	if (o->choice || o->no_new)
		return serve_any(q, o, l);
	while ((qm = l->wait.head)) {
		unsigned cost, n;

		if (qm->blocked) { /* a cancellation is being committed: it leaves the lane in a moment */
			lane_take(q, qm);
			continue;
		}
		if (unfit(q, l, qm, l->out))
			continue;
		why = no_room(q, o, l->key.class);
		if (why == REASON_NONE && o->used && !begun(qm) &&
			!quota_fits(q, o, l->key.class, qm->m->to, (unsigned)__builtin_popcountll(qm->todo)))
			why = REASON_QUOTA;
		if (why != REASON_NONE)
			break;
		if (!client_may(q, l)) {
			why = REASON_CLIENT_RATE;
			break;
		}
		cost = (unsigned)__builtin_popcountll(qm->todo);
		if (l->deficit < (int)cost && l->key.class != CLASS_OTP)
			break;
		n = lease(q, o, qm);
		if (n == 0) {
			why = REASON_STORE;
			break;
		}
		l->deficit -= (int)n;
	}
	lane_waits(q, l, why == REASON_NONE ? REASON_BACKLOG : why);
	return why;
}

/* One round over a ring; false when the link itself is full. */
static bool serve_ring(struct queue *q, struct outlet *o, struct lane **ring)
{
	unsigned idle = 0, n = 0;
	struct lane *l;

	if (*ring) {
		n = 1;
		for (l = (*ring)->next; l != *ring; l = l->next)
			n++;
	}
	while (*ring && idle < n) {
		enum msg_reason why;
		bool full;

		l = *ring;
		l->n_held++; /* its last message may leave it meanwhile */
		/* One quantum a turn: a link that is full after each part must not let the same lane begin again and
		 * again. */
		if (!l->in_turn && l->deficit < SEGMENT_MAX_PARTS)
			l->deficit += l->key.class == CLASS_MARKETING ? QUANTUM_MARKETING : QUANTUM_SERVICE;
		l->in_turn = true;
		why = serve(q, o, l);
		/* Of a route that chooses, another lane may have another link. */
		full = !o->choice && (why == REASON_WINDOW_FULL || why == REASON_GUARD || why == REASON_THROTTLED ||
			why == REASON_STORE || (why == REASON_QUOTA && quota_shut(o, l->key.class)));
		if (*ring == l && (!full || l->deficit <= 0)) { /* it had its turn */
			l->in_turn = false;
			*ring = l->next;
		}
		l->n_held--;
		lane_drop_if_idle(q, l);
		if (full)
			return false;
		if (o->choice && why == REASON_CLIENT_RATE)
			o->choice->ticks = true;
		if (why == REASON_CLIENT_RATE || why == REASON_QUOTA || (o->choice && why != REASON_NONE))
			idle++;
		else
			idle = 0;
	}
	return true;
}

static void pump(struct queue *q, struct outlet *o)
{
	if (!o->up || o->draining)
		return;
	adapt_grow(&o->adapt, o->tps, q->now_us);
	dispatch_rate(o);
	if (o->used)
		quota_clock(q, o);
	if (o->no_new && o->look_us > q->now_us)
		return;
	serve_ring(q, o, &o->otp_lanes);
	serve_ring(q, o, &o->lanes);
}

static void pump_choices(struct queue *q, bool otp)
{
	for (struct choice *c = q->choices; c; c = c->next) {
		c->ticks = otp ? false : c->ticks;
		serve_ring(q, &c->o, otp ? &c->o.otp_lanes : &c->o.lanes);
	}
}

/* Codes of routes that choose come first; then links and such routes begin in turn, as both want the same windows. */
static void pump_all(struct queue *q)
{
	bool choices_first = q->choices && (q->turn++ & 1);

	if (q->choices)
		pump_choices(q, true);
	if (choices_first)
		pump_choices(q, false);
	for (unsigned i = 0; i < q->n_outlets; i++)
		pump(q, q->outlets[i]);
	if (q->choices && !choices_first)
		pump_choices(q, false);
}

/* Quotas were used up while lanes were served: now that nobody walks over the rings, the lanes look for other links. */
static bool rehome(struct queue *q)
{
	if (!q->aside_changed)
		return false;
	q->aside_changed = false;
	for (unsigned i = 0; i < q->n_outlets; i++) {
		if (!q->outlets[i]->aside_changed)
			continue;
		q->outlets[i]->aside_changed = false;
		queue_outlet_changed(q, q->outlets[i]);
	}
	return true;
}

/* Until this link should be looked at again, should nothing else happen; INT64_MAX: only something else will do. */
static int64_t outlet_wait_us(struct queue *q, struct outlet *o)
{
	int64_t pause = o->pause_until_ms * 1000 - q->now_us, wait;

	if (!o->up || !(o->lanes || o->otp_lanes) || o->in_flight + o->asking >= o->window ||
		(o->guard.state == GUARD_PROBE && o->in_flight))
		return INT64_MAX;
	wait = pace_wait_us(&o->pace, !o->otp_lanes && otp_recent(q, o), q->now_us);
	if (wait < pause)
		wait = pause;
	if (o->no_new && wait < o->look_us - q->now_us)
		wait = o->look_us - q->now_us;
	return wait < TICK_US ? TICK_US : wait; /* at least: a client's rate, and codes that are not recent any more */
}

/* The nearest time at which what waits may go: a link that is refused everything costs a wake a second. */
static int64_t next_wait_us(struct queue *q)
{
	int64_t next = INT64_MAX;

	for (unsigned i = 0; i < q->n_outlets; i++) {
		int64_t wait = outlet_wait_us(q, q->outlets[i]);

		if (wait < next)
			next = wait;
	}
	for (struct choice *c = q->choices; c; c = c->next) {
		int64_t wait = c->ticks ? TICK_US : choice_wait_us(q, c);

		if (wait < next)
			next = wait < TICK_US ? TICK_US : wait;
	}
	return next;
}

static void tick(uv_timer_t *t)
{
	struct queue *q = t->data;

	q->dirty = true;
	dispatch_run(q);
}

void dispatch_run(struct queue *q)
{
	int64_t wait;
	bool again;

	if (!q->dirty || !q->started)
		return;
	q->dirty = false;
	q->now_us = clock_mono_us();
	q->now_ms = clock_ms();
	again = rehome(q);
	for (unsigned i = 0; i < REHOMES && !q->dispatch_stopped && !q->stopping; i++) {
		pump_all(q);
		again = rehome(q);
		if (!again)
			break;
	}
	q->dirty |= again;
	wait = q->dispatch_stopped || q->stopping ? INT64_MAX : next_wait_us(q);
	if (again && wait > TICK_US)
		wait = TICK_US;
	if (wait < INT64_MAX)
		uv_timer_start(&q->tick, tick, (uint64_t)(wait + 999) / 1000, 0);
	else
		uv_timer_stop(&q->tick);
}
