/* SPDX-License-Identifier: Apache-2.0
 *
 * uncertain.c -- parts that were written and never answered, and the receipts that tell of them all the same.
 *
 * What is believed, and why, is said in evidence.h; here are the conditions that need the queue: what is in flight, and
 * whether ids are read with certainty.  Nothing of this runs for a message that was answered.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "queue/queue_impl.h"

#define SENT_LOOK_MAX 4096 /* parts that are looked through for one to the same recipient */
#define HELD_PAGE     1000

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

bool uncertain_evidence(struct queue *q, struct qmsg *qm, struct outlet *o, unsigned part)
{
	struct store_msg sm = queue_store_msg(q, qm->m, qm->n_parts ? qm->n_parts : qm->m->n_parts);
	struct evidence_part p, *held;
	struct evidence_receipt r;

	sm.lane = qm->row_lane;
	sm.seq = qm->row_seq;
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

void uncertain_hold(struct queue *q, struct qmsg *qm, struct outlet *o, unsigned part)
{
	struct store_msg sm = queue_store_msg(q, qm->m, qm->n_parts ? qm->n_parts : qm->m->n_parts);
	struct evidence_part p;

	/* A row of backlog that it has now may be gone, or another's, by the time of the receipt. */
	if (o->reports && describe(qm->m, &sm, o, part, &p) && !evidence_holds(q->evidence, &p))
		evidence_hold(q->evidence, &p);
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
