/* SPDX-License-Identifier: Apache-2.0
 *
 * uncertain.c -- parts that were written and never answered, and the receipts that tell of them all the same.
 *
 * The link's on_uncertain decides what becomes of such a part: resend, hold for evidence, fail.  What is believed of
 * receipts, and why, is said in evidence.h; here are the conditions that need the queue: what is in flight, and whether
 * ids are read with certainty.  Nothing of this runs for a message that was answered in time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "queue/queue_impl.h"

#define SENT_LOOK_MAX     4096 /* parts that are looked through for one to the same recipient */
#define HELD_PAGE         1000
#define EVIDENCE_DOUBT_MS 2000 /* a part that evidence spared comes back then, unless it is final */

/* Octets of at most EVIDENCE_HEAD characters. */
static size_t head_of(const char *text, size_t n)
{
	size_t i = 0;

	for (unsigned chars = 0; i < n; i++)
		if (((uint8_t)text[i] & 0xc0) != 0x80 && chars++ == EVIDENCE_HEAD)
			break;
	return i < EVIDENCE_HEAD * 4 ? i : EVIDENCE_HEAD * 4;
}

/* Only a first part begins as the text of its message does, and binary texts are not quoted.  False: nothing that a
 * receipt may say would tell of this part. */
static bool describe(const struct message *m, const struct store_msg *sm, const struct outlet *o, unsigned part,
	struct evidence_part *ret)
{
	bool quotable = part == 1 && !(m->flags & MSG_BINARY) && m->text && m->n_text;

	if (!quotable && !o->numbers && !o->own_ids)
		return false;
	*ret = (struct evidence_part){ .msg = *sm, .to = m->to, .created_ms = m->created_ms, .link = o->id,
		.part = (uint8_t)part, .class = m->class, .numbered = o->numbers,
		.number = msg_key_number(msg_key(m->id, part)), .bare = o->own_ids };
	if (quotable) {
		ret->n_head = (uint16_t)head_of(m->text, m->n_text);
		memcpy(ret->head, m->text, ret->n_head);
	}
	return true;
}

static bool fits_in_flight(const struct outlet *o, const struct qmsg *qm, const struct evidence_receipt *r)
{
	struct evidence_part p;

	if (qm->out != o)
		return false;
	for (uint64_t left = qm->flying; left; left &= left - 1)
		if (describe(qm->m, &(struct store_msg){ .id = qm->m->id }, o, (unsigned)__builtin_ctzll(left) + 1, &p) &&
			evidence_fits(&p, r))
			return true;
	return false;
}

/* Might it be the receipt of something else that waits for one? */
static bool is_anothers(struct queue *q, const struct outlet *o, const struct evidence_part *p,
	const struct evidence_receipt *r)
{
	unsigned form = evidence_form(p, r);
	bool sure = form == EVIDENCE_BY_NUMBER || (form == EVIDENCE_BY_TEXT && (o->receipt_form != RECEIPT_ID_AUTO ||
		(o->idform && idform_known(o->idform) >= 0)));

	if (!sure && sent_waits_for(q->sent, o->id, p->to, SENT_LOOK_MAX))
		return true;
	for (unsigned i = 0; i <= q->mask_by_id; i++)
		for (const struct qmsg *qm = q->by_id[i]; qm; qm = qm->hash_next)
			if (fits_in_flight(o, qm, r))
				return true;
	return false;
}

static void tell(struct queue *q, const struct outlet *o, const struct evidence_part *p,
	const struct evidence_receipt *r)
{
	const char *link = names_text(q->names, NAME_LINK, o->id);
	unsigned form = evidence_form(p, r);

	log_info("uncertain_settled", "msg=%llu part=%u link=%s end=%s by=receipt_that_%s_it",
		(unsigned long long)p->msg.id, p->part, link, msg_state_name(r->state),
		form == EVIDENCE_BY_NUMBER ? "numbers" : form == EVIDENCE_BY_RECIPIENT ? "can_be_of" : "quotes");
}

struct evidence_part *uncertain_part_of(struct queue *q, struct outlet *o, const struct evidence_receipt *r)
{
	struct evidence_part *p = evidence_count(q->evidence) ? evidence_find(q->evidence, r) : NULL;

	if (!p || is_anothers(q, o, p, r))
		return NULL;
	tell(q, o, p, r);
	return p;
}

bool uncertain_parked(void *arg, const struct evidence_receipt *r)
{
	struct queue *q = arg;
	struct outlet *o = queue_outlet_of(q, r->link);
	struct evidence_part *p = o && !q->stopping ? uncertain_part_of(q, o, r) : NULL;

	if (!p || settle_by_evidence(q, p, r) < 0)
		return false;
	evidence_settled(p, r->hash);
	return true;
}

/* It was not answered.  True: a receipt that is here already says what became of it, and that is staged, or will be as
 * soon as the receipt is parked. */
static bool has_evidence(struct queue *q, struct qmsg *qm, struct outlet *o, unsigned part)
{
	struct store_msg sm = qmsg_store_msg(q, qm);
	struct evidence_part p, *held;
	struct evidence_receipt r;

	if (!describe(qm->m, &sm, o, part, &p))
		return false;
	if (receipt_on_its_way(q, &p)) { /* it finds the part when it is parked */
		if (!evidence_holds(q->evidence, &p))
			evidence_hold(q->evidence, &p);
		return true;
	}
	if (!evidence_take(q->evidence, &p, &r))
		return false;
	/* Of two uncertain parts that fit, none is told by it. */
	if ((evidence_count(q->evidence) && evidence_rival(q->evidence, &p, &r)) || is_anothers(q, o, &p, &r)) {
		evidence_unmatched(q->evidence, &r);
		return false;
	}
	if (settle_by_evidence(q, &p, &r) < 0)
		return false;
	tell(q, o, &p, &r);
	held = evidence_hold(q->evidence, &p); /* for receipts that repeat it */
	if (held)
		evidence_settled(held, r.hash);
	return true;
}

/* It is not sent again: a receipt may still tell of it. */
static void hold(struct queue *q, struct qmsg *qm, struct outlet *o, unsigned part)
{
	struct store_msg sm = queue_store_msg(q, qm->m, qm->n_parts ? qm->n_parts : qm->m->n_parts);
	struct evidence_part p;

	/* A row of backlog that it has now may be gone, or another's, by the time of the receipt. */
	if (o->reports && describe(qm->m, &sm, o, part, &p) && !evidence_holds(q->evidence, &p))
		evidence_hold(q->evidence, &p);
}

static enum uncertain_policy policy_of(const struct outlet *o, enum msg_class class)
{
	return o->on_uncertain_of[class] ? o->on_uncertain_of[class] - 1u : o->on_uncertain;
}

bool uncertain_resends(const struct outlet *o, enum msg_class class)
{
	return policy_of(o, class) == UNCERTAIN_RESEND;
}

void uncertain_settle(
	struct queue *q, struct qmsg *qm, struct outlet *o, unsigned part, uint32_t code, const char *text)
{
	uint64_t bit = 1ull << (part - 1);
	bool known;

	o->uncertain++;
	known = has_evidence(q, qm, o, part);
	switch (policy_of(o, qm->m->class)) {
	case UNCERTAIN_RESEND:
		if (known) {
			/* Not again, unless the disk says that the receipt was another's: its row comes back then. */
			attempt_count(qm, part);
			attempt_row(q, qm, o, part, OUTCOME_UNKNOWN, code, text, q->now_ms + EVIDENCE_DOUBT_MS,
				REASON_RETRY, qm->lane ? qm->lane->key.skip : 0);
			qm->later |= bit;
			return;
		}
		if (attempt_count(qm, part) < o->max_attempts || !o->max_attempts) {
			attempt_row(q, qm, o, part, OUTCOME_UNKNOWN, code, text, 0, REASON_RETRY, 0);
			qm->todo |= bit;
			dispatch_requeue(q, qm);
			return;
		}
		break;
	case UNCERTAIN_HOLD:
		attempt_row(q, qm, o, part, OUTCOME_UNKNOWN, code, text, settle_deadline(o, qm->m, q->now_ms) * 1000,
			REASON_HOLD, 0);
		qm->later |= bit;
		hold(q, qm, o, part);
		return;
	case UNCERTAIN_FAIL:
	case UNCERTAIN_N:
		break;
	}
	attempt_row(q, qm, o, part, OUTCOME_UNKNOWN, code, text, 0, REASON_NO_ANSWER, 0);
	/* Behind what evidence said, if it said anything: what is final stays. */
	settle_final(q, qm, part, STATE_UNCONFIRMED, REASON_NO_ANSWER, "");
	qm->done |= bit;
	hold(q, qm, o, part);
}

/* ---- answered after all ------------------------------------------------------------------------------------ */

/* An answer that came after its part was settled as UNKNOWN.  Still here unsent: it need not go again.  Under way
 * again, or gone from memory: the id is kept all the same, so that the receipt finds its message (a second acceptance
 * is an attempt row; the writer sees to that).  What the carrier then says of the second sending ends nothing: it has
 * the first one. */
struct late_query {
	struct q_load load;
	struct queue *q;
	uint32_t link;
	unsigned part;
	char smsc_id[66];
};

static void late_loaded(struct store_query *sq)
{
	struct late_query *lq = (struct late_query *)sq;
	struct queue *q = lq->q;
	struct store_loaded *x = sq->r == 0 && lq->load.n_rows ? &lq->load.rows[0] : NULL;
	struct outlet *o = queue_outlet_of(q, lq->link);
	struct store_msg sm;

	/* Also when it is final: unconfirmed, its receipt may still correct it. */
	if (x && x->m && o && !q->stopping) {
		evidence_forget(q->evidence, lq->link, x->m->to, x->m->id, lq->part);
		sm = queue_store_msg(q, x->m, x->bound_parts ? x->bound_parts : x->m->n_parts);
		settle_submit(q, x->m, &sm, o, lq->part, lq->smsc_id, false, x->final);
	}
	store_query_done(sq);
	free(lq);
}

/* Is the part that this link has taken still a part of the message?  Another link may have been given all of it, cut in
 * its own way. */
static bool is_cut_for(const struct qmsg *qm, const struct outlet *o)
{
	return (qm->bound && qm->bound_link == o->id) || (qm->n_parts ? qm->n_parts : qm->m->n_parts) == 1;
}

void uncertain_late(struct queue *q, struct qmsg *qm, struct outlet *o, unsigned part, const struct settle *s)
{
	uint64_t bit = 1ull << (part - 1);
	struct late_query *lq;

	if (s->outcome != OUTCOME_SENT)
		return;
	if (qm && !is_cut_for(qm, o))
		qm = NULL;
	if (qm && ((qm->todo | qm->refused) & bit)) {
		qm->todo &= ~bit;
		qm->refused &= ~bit;
		if (!qm->todo)
			lane_take(q, qm);
		settle_took(q, qm, o, part, s->smsc_id);
		refused_decide(q, qm, o);
		dispatch_gone(q, qm);
		return;
	}
	if (qm && (qm->later & bit)) { /* its due row brings nothing back */
		qm->later &= ~bit;
		qm->done |= bit;
	}
	if (qm)
		qm->answered |= (qm->leasing | qm->leased | qm->flying) & bit;
	lq = calloc(1, sizeof(*lq));
	if (!lq)
		return;
	lq->q = q;
	lq->link = o->id;
	lq->part = part;
	snprintf(lq->smsc_id, sizeof(lq->smsc_id), "%s", s->smsc_id ? s->smsc_id : "");
	lq->load.q.kind = Q_LOAD;
	lq->load.q.done = late_loaded;
	lq->load.from_id = msg_key_id(s->key);
	lq->load.no_body = true;
	lq->load.limit = 1;
	store_read(q->store, STORE_QUEUE, &lq->load.q);
}

/* ---- after a restart --------------------------------------------------------------------------------------- */

struct held_load {
	struct q_load load;
	struct queue *q;
};

static void held_read(struct store_query *sq)
{
	struct held_load *t = (struct held_load *)sq;
	struct queue *q = t->q;
	bool more = sq->r == 0 && t->load.more && !q->stopping;
	struct evidence_part p;

	for (unsigned i = 0; sq->r == 0 && i < t->load.n_rows; i++) {
		const struct store_loaded *x = &t->load.rows[i];
		struct outlet *o = queue_outlet_of(q, x->lease_link);
		unsigned part = msg_key_part(x->due_key);
		struct store_msg sm;

		if (!x->m || x->final || !o)
			continue;
		sm = queue_store_msg(q, x->m, x->bound_parts ? x->bound_parts : x->m->n_parts);
		if (describe(x->m, &sm, o, part, &p) && !evidence_holds(q->evidence, &p))
			evidence_hold(q->evidence, &p);
	}
	t->load.after_at = t->load.last_at;
	t->load.after_key = t->load.last_key;
	store_query_done(sq);
	if (more) {
		store_read(q->store, STORE_API, &t->load.q);
		return;
	}
	if (!q->stopping) /* receipts that came before these pages */
		evidence_try_unmatched(q->evidence, uncertain_parked, q);
	free(t);
}

void uncertain_load(struct queue *q)
{
	struct held_load *t = calloc(1, sizeof(*t));

	if (!t)
		return;
	t->q = q;
	t->load.q.kind = Q_DUE;
	t->load.q.done = held_read;
	t->load.upto = INT64_MAX;
	t->load.limit = HELD_PAGE;
	t->load.held = true;
	store_read(q->store, STORE_API, &t->load.q);
}
