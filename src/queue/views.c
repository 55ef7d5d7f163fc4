/* SPDX-License-Identifier: Apache-2.0
 *
 * views.c -- what the queue tells of itself: lanes, counters, and what memory knows better than rows.
 */
#include "queue/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "queue/queue_impl.h"

/* A period of its quota ends, or it is probed. */
static int64_t link_opens(const struct lane *l, const struct outlet *o)
{
	if (l->reason == REASON_GUARD)
		return o->guard.state == GUARD_ASIDE ? o->guard.probe_ms : 0;
	return l->reason == REASON_QUOTA ? quota_until(o, l->key.class) : 0;
}

/* When what waits in a lane may go, where that is known: a pause ends, or the first of its links opens. */
static int64_t next_try(const struct queue *q, const struct lane *l)
{
	const struct outlet *pin = l->pin ? queue_outlet_of(q, l->pin) : NULL;
	int64_t at = pin ? link_opens(l, pin) : 0;

	for (unsigned i = 0; !pin && l->route && i < l->route->n_links; i++) {
		int64_t opens = link_opens(l, l->route->links[i]);

		if (opens && (!at || opens < at))
			at = opens;
	}
	if (at || !l->out || l->out->pause_until_ms <= q->now_us / 1000)
		return at;
	return q->now_ms + l->out->pause_until_ms - q->now_us / 1000;
}

void queue_overlay(struct queue *q, struct store_detail *d, int64_t *ret_since)
{
	const struct qmsg *qm = d->m ? qmsg_find(q, d->m->id) : NULL;
	const struct lane *l;

	*ret_since = 0;
	if (!d->m || state_is_final(d->state))
		return;
	*ret_since = d->m->created_ms;
	if (qm) {
		l = qm->lane;
		*ret_since = qm->since_ms;
		if (qm->leased | qm->flying | qm->leasing) {
			d->state = STATE_SENDING;
			d->reason = REASON_NONE;
			d->next_try = 0;
		} else if (qm->todo && l) {
			d->reason = l->out ? l->reason ? l->reason : REASON_BACKLOG : l->reason;
			if (qm->todo && l->wait.head != qm && l->out)
				d->reason = REASON_BACKLOG;
			if (!l->out)
				*ret_since = l->since_ms > qm->since_ms ? l->since_ms : qm->since_ms;
			d->next_try = next_try(q, l);
		}
		return;
	}
	if (d->state == STATE_QUEUED && d->reason == REASON_NONE) {
		d->reason = REASON_BACKLOG;
		for (l = q->lanes; l; l = l->next_all)
			if (l->key.client == d->m->client && l->key.campaign == d->m->campaign &&
				l->key.route == d->m->route && l->key.class == d->m->class && !l->out) {
				d->reason = l->reason;
				d->next_try = next_try(q, l);
			}
	}
}

void queue_lanes(struct queue *q, void (*each)(void *arg, const struct queue_lane_view *v), void *arg)
{
	for (struct lane *l = q->lanes; l; l = l->next_all) {
		struct queue_lane_view v = {
			.class = l->key.class,
			.client = l->key.client,
			.campaign = l->key.campaign,
			.route = l->key.route,
			.link = l->out ? l->out->id : 0,
			.waiting = l->n_rows + l->wait.n + l->n_pending,
			.in_memory = l->wait.n,
			.in_flight = l->n_late,
			.reason = l->reason,
			.since_ms = l->since_ms,
		};

		if (!v.waiting && !v.in_flight)
			continue;
		if (l->wait.head) {
			v.oldest_ms = l->wait.head->m->created_ms;
			v.oldest_id = l->wait.head->m->id;
		}
		v.next_try_ms = next_try(q, l);
		each(arg, &v);
	}
}

void queue_count_waiting(struct queue *q)
{
	for (unsigned i = 0; i < q->n_outlets; i++)
		q->outlets[i]->waiting = 0;
	for (struct lane *l = q->lanes; l; l = l->next_all) {
		uint64_t n = l->n_rows + l->wait.n + l->n_pending;
		const struct queue_route *r = l->out && l->out->choice ? l->out->choice->r : NULL;

		if (l->out && !r)
			l->out->waiting += n;
		for (unsigned i = 0; r && i < r->n_links; i++)
			r->links[i]->waiting += n;
	}
}

void queue_stats(const struct queue *q, struct queue_stats *ret)
{
	*ret = q->stats;
	ret->resident = q->n_by_id;
	ret->receipts_waiting = sent_count(q->sent);
	ret->next_id = q->next_id;
	ret->low_water = q->stored_low;
	ret->recovering = q->recovering;
	ret->disk_full = q->intake_stopped;
}

uint64_t queue_client_waiting(const struct queue *q, uint32_t client)
{
	for (const struct queue_client_state *c = q->clients[client % 256]; c; c = c->next)
		if (c->conf.id == client)
			return c->waiting;
	return 0;
}
