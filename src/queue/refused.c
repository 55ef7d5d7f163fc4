/* SPDX-License-Identifier: Apache-2.0
 *
 * refused.c -- answers by which nothing was taken: whether the part goes again, when and over which link, or failed.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "queue/queue_impl.h"

#define FAULTS_FREE  2     /* answers of one message that ended its link's session, before they cost attempts */
#define FULL_FREE    2     /* answers of one message that a queue is full, before it is its recipient's */
#define ASIDE_MIN_MS 1000
#define ASIDE_MAX_MS 60000

static void attempt_done(struct store_op *op)
{
	struct op_attempt *a = (struct op_attempt *)op;
	struct queue *q = op->arg;

	if (queue_again(q, op))
		return;
	q->settling--;
	if (op->r < 0)
		log_error("attempt_not_stored", "msg=%llu part=%u error=%s", (unsigned long long)a->msg.id, a->part,
			strerror(-op->r));
	if (op->r == 0 && a->next_at) {
		if (a->msg.n_parts == 1)
			queue_resolved(q, a->msg.id); /* the due row knows it now */
		if (a->otp)
			due_code_made(q, a->next_at, msg_key(a->msg.id, a->part));
		else
			due_row_made(q, a->next_at);
	}
	pool_put(&q->pool_attempt, op);
}

void attempt_row(struct queue *q, struct qmsg *qm, struct outlet *o, unsigned part, enum outcome outcome,
	uint32_t code, const char *text, int64_t next_at, enum msg_reason reason, unsigned skip)
{
	struct op_attempt *a = (struct op_attempt *)pool_get(q, &q->pool_attempt, OP_ATTEMPT, attempt_done);

	if (!a)
		return;
	a->msg = qmsg_store_msg(q, qm);
	a->part = part;
	a->at = q->now_ms;
	a->next_at = next_at;
	a->link = o->id;
	a->outcome = outcome;
	a->reason = reason;
	a->skip = (uint8_t)skip;
	a->tries = qm->tries;
	a->code = code;
	a->keep_lease = false;
	a->otp = qm->m->class == CLASS_OTP && reason != REASON_HOLD;
	text_copy(a->text, sizeof(a->text), text);
	a->op.rows = 3;
	queue_stage(q, STORE_SETTLE, &a->op);
	q->settling++;
	qm->reason = (uint8_t)reason;
}

/* The part did not wait for its attempt's row. */
void attempt_overtaken(struct queue *q, uint64_t id, uint64_t parts)
{
	for (struct store_op *op = q->failed; op; op = op->next) {
		struct op_attempt *a = (struct op_attempt *)op;

		if (op->kind == OP_ATTEMPT && a->msg.id == id && (parts >> (a->part - 1) & 1))
			a->keep_lease = true;
	}
}

bool attempt_may_go(const struct queue *q, const struct op_attempt *a)
{
	const struct qmsg *qm = qmsg_find(q, a->msg.id);

	return !qm || !(qm->leasing >> (a->part - 1) & 1);
}

static int64_t back_off_ms(const struct outlet *o, unsigned tries, uint64_t salt)
{
	int64_t ms = o->retry_min_ms ? o->retry_min_ms : 1000;

	for (unsigned i = 1; i < tries && ms < o->retry_max_ms; i++)
		ms *= 2;
	if (o->retry_max_ms && ms > o->retry_max_ms)
		ms = o->retry_max_ms;
	return ms * (int64_t)(800 + salt % 400) / 1000; /* ± 20 % */
}

static int link_index(const struct qmsg *qm, const struct outlet *o)
{
	const struct queue_route *r = qm->lane ? qm->lane->route : NULL;

	for (unsigned i = 0; r && i < r->n_links; i++)
		if (r->links[i] == o)
			return (int)i;
	return -1;
}

/* Attempts are counted in rounds over the parts: five parts that were busy once each are one attempt, not five. */
unsigned attempt_count(struct qmsg *qm, unsigned part)
{
	uint64_t bit = 1ull << (part - 1);

	if (!qm->tried || (qm->tried & bit)) {
		qm->tries++;
		qm->tried = 0;
	}
	qm->tried |= bit;
	return qm->tries;
}

void refused_retry(struct queue *q, struct qmsg *qm, struct outlet *o, unsigned part, const struct settle *s)
{
	int64_t at;

	if (attempt_count(qm, part) >= o->max_attempts && o->max_attempts) {
		refused_for_good(q, qm, o, part, s, REASON_ATTEMPTS);
		return;
	}
	at = q->now_ms + back_off_ms(o, qm->tries, qm->m->id * 2654435761u >> 8);
	if (s->retry_after_ms && at < q->now_ms + s->retry_after_ms)
		at = q->now_ms + s->retry_after_ms;
	if (at > qm->m->ttl_end_ms)
		at = qm->m->ttl_end_ms;
	attempt_row(q, qm, o, part, s->outcome, s->code, s->text, at, REASON_RETRY, qm->lane ? qm->lane->key.skip : 0);
	qm->later |= 1ull << (part - 1);
}

/* The link that follows in the route, as an index; -1: none. */
static int next_link(const struct qmsg *qm, const struct outlet *o)
{
	int i = link_index(qm, o);

	if (i >= 0 && qm->lane->route->choice)
		return qm->lane->key.skip || qm->lane->route->n_links < 2 ? -1 : SKIP_ONE | i;
	return i >= 0 && (unsigned)i + 1 < qm->lane->route->n_links ? i + 1 : -1;
}

/* What becomes of refused parts is known when no part of the message is under way any more: none was taken, then all of
 * it goes over the next link, cut anew; else it has failed. */
void refused_decide(struct queue *q, struct qmsg *qm, struct outlet *o)
{
	struct lane *l;
	char error[40];
	int i;

	if (!qm->refused || (qm->flying | qm->leased | qm->leasing))
		return;
	i = qm->done | qm->later ? -1 : next_link(qm, o);
	l = i >= 0 ? lane_get(q, qm->m, (unsigned)i) : NULL;
	if (l) {
		lane_take(q, qm);
		qm->refused = 0;
		qm->todo = parts_mask(qm->n_parts);
		qm->bound = false;
		qm->bound_link = 0;
		qm->n_parts = 0; /* the next link segments anew */
		qm->out = NULL;
		qm->tries = 0;
		qm->tried = 0;
		lane_append(q, l, qm);
		return;
	}
	snprintf(error, sizeof(error), "%s:%u", qm->refused_text, qm->refused_code);
	for (uint64_t left = qm->refused; left; left &= left - 1)
		settle_final(q, qm, (unsigned)__builtin_ctzll(left) + 1, STATE_REJECTED, qm->refused_reason, error);
	qm->done |= qm->refused;
	qm->refused = 0;
}

/* Not by this link.  A failure of the link (REASON_REFUSED, REASON_ATTEMPTS) is not the recipient's: the next one is
 * asked.  For a number that does not exist it would answer the same, and charge for it. */
void refused_for_good(struct queue *q, struct qmsg *qm, struct outlet *o, unsigned part, const struct settle *s,
	enum msg_reason reason)
{
	char error[40];

	if (s->outcome != OUTCOME_RECIPIENT && !(qm->done | qm->later) && next_link(qm, o) >= 0) {
		attempt_row(q, qm, o, part, s->outcome, s->code, s->text, 0, REASON_NONE, 0);
		qm->refused |= 1ull << (part - 1);
		qm->refused_code = s->code;
		qm->refused_reason = (uint8_t)reason;
		text_copy(qm->refused_text, sizeof(qm->refused_text), s->text);
		return;
	}
	attempt_row(q, qm, o, part, s->outcome, s->code, s->text, 0, reason, 0);
	snprintf(error, sizeof(error), "%.28s:%u", s->text ? s->text : "", s->code);
	settle_final(q, qm, part, STATE_REJECTED, reason, error);
	qm->done |= 1ull << (part - 1);
}

/* The session was at fault; the link binds anew, which takes a moment, so this does not turn hot.  But when it happens
 * to one message again and again, the message is what the carrier cannot bear: then it costs attempts, and others get
 * their turn. */
void refused_fault(struct queue *q, struct qmsg *qm, struct outlet *o, unsigned part, const struct settle *s)
{
	if (qm->n_faults >= FAULTS_FREE) {
		o->retried++;
		refused_retry(q, qm, o, part, s);
		return;
	}
	qm->n_faults++;
	attempt_row(q, qm, o, part, s->outcome, s->code, s->text, 0, REASON_RETRY, 0);
	qm->todo |= 1ull << (part - 1);
	dispatch_requeue(q, qm);
}

/* Is it this recipient's queue that is full?  So it is when it was told so three times, with others taken between. */
static bool recipient_full(struct qmsg *qm, const struct outlet *o, const struct settle *s)
{
	if (!s->queue_full)
		return false;
	qm->n_full = refused_full_again(qm, o, s) ? qm->n_full + 1 : 1;
	qm->full_at_sent = o->sent;
	return qm->n_full > FULL_FREE;
}

/* Out of the way of others, for longer the longer it lasts.  Costs no attempt. */
static void set_aside(struct queue *q, struct qmsg *qm, struct outlet *o, unsigned part, const struct settle *s)
{
	int64_t wait = (q->now_ms - qm->m->created_ms) / 4, at;

	wait = wait < ASIDE_MIN_MS ? ASIDE_MIN_MS : wait > ASIDE_MAX_MS ? ASIDE_MAX_MS : wait;
	at = q->now_ms + wait;
	if (at > qm->m->ttl_end_ms)
		at = qm->m->ttl_end_ms;
	qm->flying &= ~(1ull << (part - 1));
	dispatch_settled(q, qm, 1);
	attempt_row(q, qm, o, part, OUTCOME_THROTTLED, s->code, s->text, at, REASON_THROTTLED,
		qm->lane ? qm->lane->key.skip : 0);
	qm->later |= 1ull << (part - 1);
}

void refused_throttled(struct queue *q, struct qmsg *qm, struct outlet *o, unsigned part, const struct settle *s)
{
	int64_t until = clock_mono_ms() + (s->retry_after_ms ? adapt_pause_ms(&o->adapt, s->retry_after_ms) : 0);

	o->throttled++;
	if (recipient_full(qm, o, s)) {
		set_aside(q, qm, o, part, s);
		return;
	}
	if (until > o->pause_until_ms)
		o->pause_until_ms = until;
	qm->reason = REASON_THROTTLED;
	dispatch_unsent(q, qm, 1ull << (part - 1));
}
