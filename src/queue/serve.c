/* SPDX-License-Identifier: Apache-2.0
 *
 * serve.c -- whose turn it is: which message of which lane leaves next over a link, and when to look again.
 *
 * A link serves its otp lanes first, then the others by deficit round robin.  A message of N parts goes as there is
 * room, and nothing of another message of its lane in between.
 */
#include "base/clock.h"
#include "queue/queue_impl.h"

#define QUANTUM_SERVICE 16  /* parts a lane may send before the next one's turn */
#define QUANTUM_MARKETING 4
#define LOOK_AHEAD 256      /* messages of a lane that may be passed over for those behind them */
#define LOOK_AGAIN_US 200000
#define REHOMES 8           /* times that lanes look for other links in one run */
#define TICK_US 2000        /* a shorter wait is not worth a wake: pace.h keeps what comes in meanwhile */

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

/* What was begun goes on over its link; true: it has left the lane.  Of a link that is being removed the rest goes over
 * what there is, but only when nothing is under way there any more: the slots of what is belong to that link, and its
 * answers too.  queue_forget_outlet() brings it back. */
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

/* By the quota of its account. */
static bool may_begin(struct queue *q, struct outlet *o, const struct lane *l, const struct qmsg *qm)
{
	if (!o->used || begun(qm) ||
		quota_fits(o, l->key.class, qm->m->to, (unsigned)__builtin_popcountll(qm->todo)))
		return true;
	quota_close(q, o, l->key.class, qm->m->to);
	return false;
}

/* The lane of the next link of the route that can take a message which this one cannot have by its quota. */
static struct lane *lane_behind(struct queue *q, struct lane *l, const struct qmsg *qm, const struct outlet *o)
{
	const struct queue_route *r = l->route;
	struct lane *to;

	unsigned i = 0;

	if (!r || l->pin)
		return NULL;
	while (i < r->n_links && r->links[i] != o)
		i++;
	do
		i++;
	while (i < r->n_links && !outlet_serves(r->links[i], l->key.class));
	to = i < r->n_links ? lane_get(q, qm->m, i) : NULL;
	return to && to->wait.n < q->lane_window ? to : NULL;
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
	*ret_why = dispatch_full(q, o, l->key.class);
	*ret_all = *ret_why != REASON_NONE;
	if (!*ret_all && !may_begin(q, o, l, qm))
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
		no = dispatch_lease(q, to, qm) ? REASON_NONE : REASON_STORE;
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
		why = dispatch_full(q, o, l->key.class);
		if (why == REASON_NONE && !may_begin(q, o, l, qm))
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
		n = dispatch_lease(q, o, qm);
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
		guard_shut(&o->guard, o->in_flight))
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
	serve_run(q);
}

void serve_run(struct queue *q)
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
