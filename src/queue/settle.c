/* SPDX-License-Identifier: Apache-2.0
 *
 * settle.c -- how attempts ended.
 *
 *     SENT       op_submit; the part goes to `sent` and waits for its receipt (or is unconfirmed at once on a link
 *                that gives none)
 *     RETRY      op_attempt with a due row; the link's attempts are counted over the message
 *     THROTTLED  no attempt is burnt: back to the head of its lane, the link slows down
 *     REJECTED   the next link of the route; after the last one: final.  So is a RETRY whose attempts are used up
 *     RECIPIENT  final: no other link will do better
 *     LINK_FAULT no attempt is burnt: it goes again when the link has bound anew, or over the next link meanwhile
 *     DUPLICATE  as SENT, with the code in the timeline
 *     UNKNOWN    the link's on_uncertain decides: resend, hold for evidence, fail
 *     UNSENT     nothing left us: the lease is released, it waits again
 *
 * Here are final states, SENT, and queue_settle(), which tells the others apart.  How RETRY, THROTTLED, REJECTED,
 * RECIPIENT and LINK_FAULT go on is refused.c, UNKNOWN is uncertain.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "queue/queue_impl.h"

/* ---- final states ---------------------------------------------------------------------------------------- */

void settle_account(struct queue *q, uint64_t id, enum msg_class class, int msg_state, bool correction)
{
	if (msg_state < 0)
		return;
	if (!correction)
		queue_resolved(q, id);
	queue_count_final(q, class, (enum msg_state)msg_state, correction);
}

struct final_job {
	struct op_final f;
	uint8_t class;
	uint64_t hash; /* of the entry in `sent` that says the same, say(); 0: none */
	uint32_t link; /* of a parked receipt that is tried again; 0: none */
	settle_then *then;
	void *then_arg;
	uint64_t a, b;
};

static void said_is_staged(struct final_job *j, struct sent_entry *e)
{
	j->hash = e->hash;
	e->n_staged += e->hash && e->n_staged < SENT_STAGED_MAX;
}

/* Memory says so from now on, the disk when this is committed. */
static void say(struct queue *q, struct final_job *j, struct sent_entry *e)
{
	said_is_staged(j, e);
	sent_settle(q->sent, e, j->f.state);
}

static void said_is_stored(struct queue *q, const struct final_job *j)
{
	struct sent_entry *e = j->hash ? sent_find_part(q->sent, j->hash, j->f.msg.id, j->f.part) : NULL;

	if (!e)
		return;
	e->n_staged -= e->n_staged > 0;
	if (j->f.op.r < 0 && !j->f.repeats) /* the receipt will come again and must find it open */
		sent_reopen(q->sent, e);
	else if (j->f.op.r == 0 && e->state == STATE_SENT) /* what it repeats was refused */
		sent_settle(q->sent, e, j->f.state);
}

static void final_done(struct store_op *op)
{
	struct final_job *j = (struct final_job *)op;
	struct queue *q = op->arg;

	if (!j->then && queue_again(q, op))
		return; /* a receipt comes again by itself, this does not */
	q->settling--;
	if (op->r == 0)
		settle_account(q, j->f.msg.id, j->class, j->f.ret_msg_state, j->f.ret_correction);
	else if (op->r != -EBUSY && op->r != -ENOENT)
		log_error("final_not_stored", "msg=%llu state=%s error=%s", (unsigned long long)j->f.msg.id,
			msg_state_name(j->f.state), strerror(-op->r));
	said_is_stored(q, j);
	if (op->r == 0 && j->link && j->f.ret_unparked)
		receipt_unparked(q, j->link, j->f.at);
	if (j->then)
		j->then(j->then_arg, j->a, j->b, op->r);
	pool_put(&q->pool_final, op);
}

static struct final_job *stage_final(struct queue *q, const struct store_msg *sm, unsigned part, enum msg_class class,
	enum msg_state state, enum msg_reason reason, const char *error)
{
	struct final_job *j = (struct final_job *)pool_get(q, &q->pool_final, OP_FINAL, final_done);

	if (!j)
		return NULL;
	j->f.msg = *sm;
	j->f.part = part;
	j->f.at = q->now_ms;
	j->f.state = state;
	j->f.reason = reason;
	j->f.unless_submitted = j->f.while_parked = j->f.repeats = false;
	j->f.receipt = 0;
	j->f.hash = j->f.parked = 0;
	text_copy(j->f.error, sizeof(j->f.error), error);
	j->class = class;
	j->hash = 0;
	j->link = 0;
	j->then = NULL;
	j->f.op.rows = 4;
	queue_stage(q, STORE_SETTLE, &j->f.op);
	q->settling++;
	return j;
}

void settle_final(struct queue *q, struct qmsg *qm, unsigned part, enum msg_state state, enum msg_reason reason,
	const char *error)
{
	struct store_msg sm = qmsg_store_msg(q, qm);

	stage_final(q, &sm, part, qm->m->class, state, reason, error);
}

/* The whole message ends before anything of it left: expired, cancelled, refused. */
void settle_whole(struct queue *q, struct qmsg *qm, enum msg_state state, enum msg_reason reason)
{
	if (qm->done) { /* parts of it have left: only the rest ends here */
		for (uint64_t left = qm->todo; left; left &= left - 1)
			settle_final(q, qm, (unsigned)__builtin_ctzll(left) + 1, state, reason, "");
	} else {
		settle_final(q, qm, 0, state, reason, "");
	}
	if (state == STATE_EXPIRED)
		q->stats.expired_unsent++;
	qm->todo = 0;
	lane_take(q, qm);
	dispatch_gone(q, qm);
}

void settle_rows_final(struct queue *q, const struct store_msg *sm, unsigned part, enum msg_class class,
	enum msg_state state, enum msg_reason reason, bool unless_submitted)
{
	struct final_job *j = stage_final(q, sm, part, class, state, reason, "");

	if (j)
		j->f.unless_submitted = unless_submitted;
}

void queue_resolved(struct queue *q, uint64_t id)
{
	fresh_clear(q->fresh, id);
}

void queue_count_final(struct queue *q, enum msg_class class, enum msg_state state, bool correction)
{
	if (correction)
		q->stats.corrections++;
	else
		q->stats.final[state]++;
	if (q->events.on_final)
		q->events.on_final(q->events.arg, class, state);
}

/* ---- sent: receipts to come ------------------------------------------------------------------------------ */

int64_t settle_deadline(const struct outlet *o, const struct message *m, int64_t at_ms)
{
	if (at_ms < m->send_at_ms) /* the carrier keeps it until then */
		at_ms = m->send_at_ms;
	if (o && o->receipt_timeout_s)
		return at_ms / 1000 + o->receipt_timeout_s;
	return m->ttl_end_ms / 1000 + 24 * 3600;
}

/* Receipts of a message come behind it. */
static int64_t since_of(const struct message *m, int64_t sent_ms)
{
	return (m->created_ms < sent_ms ? m->created_ms : sent_ms) - PARKED_EARLY_MS;
}

static void remember(struct queue *q, const struct message *m, const struct store_msg *sm, struct outlet *o,
	uint32_t link, unsigned part, uint64_t hash, int64_t at_ms, enum msg_state state)
{
	struct sent_entry e = { .hash = hash, .msg = *sm, .to = m->to, .link = link, .part = (uint8_t)part,
		.state = (uint8_t)state, .class = m->class };

	e.deadline_s = (uint32_t)settle_deadline(o, m, at_ms);
	ask_plan(o, &e, at_ms < m->send_at_ms ? m->send_at_ms : at_ms, q->now_ms);
	e.sent_s = (uint32_t)(at_ms / 1000);
	e.since_s = (uint32_t)(since_of(m, at_ms) / 1000);
	if (sent_add(q->sent, &e) < 0)
		settle_spill(q, &e); /* no memory: the disk keeps it */
}

uint64_t settle_hash(const struct outlet *o, const char *smsc_id)
{
	char id[RECEIPT_ID_SIZE];

	if (receipt_id_key(smsc_id, o->receipt_form, id) < 0)
		return 0;
	if (o->idform)
		idform_response(o->idform, smsc_id);
	return sent_hash(o->id, id);
}

#define SPILL_ROWS 500

/* Receipts that came meanwhile found these parts neither in memory nor on disk, and were parked. */
static void spilled_late(struct queue *q, const struct op_spill *s)
{
	for (unsigned i = 0; i < q->n_outlets; i++) {
		unsigned k = 0;

		while (k < s->n_rows && s->rows[k].link != q->outlets[i]->id)
			k++;
		if (k < s->n_rows)
			queue_retry_parked(q, q->outlets[i]);
	}
}

static void spill_done(struct store_op *op)
{
	struct op_spill *s = (struct op_spill *)op;
	struct queue *q = op->arg;

	if (queue_again(q, op)) {
		s->again = true;
		return;
	}
	q->spilling -= s->n_rows;
	if (op->r == 0 && s->again)
		spilled_late(q, s);
	for (unsigned i = 0; op->r == 0 && i < s->n_rows; i++) {
		if (s->rows[i].deadline && s->rows[i].single)
			queue_resolved(q, msg_key_id(s->rows[i].key)); /* its due row knows it now */
		if (s->rows[i].deadline && s->rows[i].otp)
			due_code_made(q, s->rows[i].deadline, s->rows[i].key);
		else if (s->rows[i].deadline)
			due_row_made(q, s->rows[i].deadline);
	}
	if (op->r < 0)
		log_error("spill_failed", "rows=%u error=%s", s->n_rows, strerror(-op->r));
	free(s->rows);
	free(s);
}

static int by_hash(const void *a, const void *b)
{
	uint64_t x = ((const struct store_spill *)a)->hash, y = ((const struct store_spill *)b)->hash;

	return x < y ? -1 : x > y;
}

void settle_flush_spill(struct queue *q)
{
	struct op_spill *s = q->spill_op;

	if (!s)
		return;
	q->spill_op = NULL;
	qsort(s->rows, s->n_rows, sizeof(*s->rows), by_hash);
	s->op.rows = (uint16_t)(s->n_rows * 2);
	store_stage(q->store, STORE_SETTLE, &s->op);
}

/* Room for one row more; NULL: no memory. */
static struct op_spill *spill_room(struct queue *q, uint64_t id)
{
	struct op_spill *s = q->spill_op;

	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (s)
		s->rows = malloc(SPILL_ROWS * sizeof(*s->rows));
	if (!s || !s->rows) {
		free(s);
		log_error("spill_failed", "msg=%llu error=memory", (unsigned long long)id);
		return NULL;
	}
	s->op.kind = OP_SPILL;
	s->op.done = spill_done;
	s->op.arg = q;
	q->spill_op = s;
	return s;
}

/* It ended, and retention has taken it since: a receipt that came now would find nothing. */
static bool is_gone(const struct queue *q, const struct sent_entry *e)
{
	return e->state != STATE_SENT && q->row_age_ms && (int64_t)e->sent_s * 1000 < q->now_ms - q->row_age_ms;
}

void settle_spill(void *arg, const struct sent_entry *e)
{
	struct queue *q = arg;
	struct op_spill *s = is_gone(q, e) ? NULL : spill_room(q, e->msg.id);

	if (!s)
		return;
	s->rows[s->n_rows++] = (struct store_spill){ .hash = e->hash, .key = msg_key(e->msg.id, e->part),
		.deadline = e->state == STATE_SENT || e->n_staged ? (int64_t)e->deadline_s * 1000 : 0,
		.lane = e->msg.n_parts == 1 ? e->msg.lane : 0, .seq = e->msg.seq, .single = e->msg.n_parts == 1,
		.link = e->link };
	q->spilling++;
	if (s->n_rows == SPILL_ROWS)
		settle_flush_spill(q);
}

/* A due row instead of its place in the lane.  Without memory it stays where it is found after a restart. */
void settle_schedule(struct queue *q, struct qmsg *qm)
{
	struct op_spill *s = spill_room(q, qm->m->id);

	if (s) {
		s->rows[s->n_rows++] = (struct store_spill){ .key = msg_key(qm->m->id, 0), .deadline = qm->m->send_at_ms,
			.lane = qm->row_lane, .seq = qm->row_seq, .single = true, .scheduled = true,
			.otp = qm->m->class == CLASS_OTP };
		q->spilling++;
		settle_flush_spill(q);
	}
	qm->todo = 0;
	lane_take(q, qm);
	dispatch_gone(q, qm);
}

/* No receipt by the deadline. */
void settle_late(void *arg, struct sent_entry *e)
{
	struct queue *q = arg;
	struct final_job *j = stage_final(q, &e->msg, e->part, e->class, STATE_UNCONFIRMED, REASON_NO_RECEIPT, "");
	struct outlet *o = queue_outlet_of(q, e->link);

	if (!j)
		return;
	/* To be corrected also after a restart; but a link that never gave a receipt gives none now. */
	if (!o || !o->idform || o->idform->received)
		j->f.hash = e->hash;
	say(q, j, e);
}

static struct final_job *stage_receipt(struct queue *q, const struct sent_entry *e, const struct op_final *f,
	settle_then *then, void *arg, uint64_t a, uint64_t b)
{
	struct final_job *j = stage_final(q, &e->msg, e->part, e->class, f->state, REASON_RECEIPT, f->error);

	if (!j)
		return NULL;
	j->f.receipt = f->receipt;
	j->f.parked = f->parked;
	j->f.at = f->at;
	j->f.msg.one_receipt = f->msg.one_receipt;
	j->f.hash = e->hash;
	j->then = then;
	j->then_arg = arg;
	j->a = a;
	j->b = b;
	return j;
}

int settle_receipt(struct queue *q, struct sent_entry *e, struct op_final *f, settle_then *then, void *arg, uint64_t a,
	uint64_t b)
{
	struct final_job *j = stage_receipt(q, e, f, then, arg, a, b);
	struct outlet *o = queue_outlet_of(q, e->link);

	if (!j)
		return -ENOMEM;
	if (o && f->state == STATE_UNDELIVERED && o->guard_rule.failures > 0 &&
		guard_undelivered(&o->guard, &o->guard_rule, (int64_t)e->sent_s * 1000, q->now_ms))
		queue_guard_moved(q, o);
	say(q, j, e);
	if (f->parked)
		j->link = e->link; /* counted when it was there */
	else
		q->stats.receipts_matched++;
	return 0;
}

/* Behind what it repeats, in the same list.  When that was refused, it is this that settles the part. */
int settle_receipt_again(struct queue *q, struct sent_entry *e, const struct op_final *f, settle_then *then, void *arg,
	uint64_t a, uint64_t b)
{
	struct final_job *j = e->n_staged < SENT_STAGED_MAX ? stage_receipt(q, e, f, then, arg, a, b) : NULL;

	if (!j)
		return -EAGAIN;
	j->f.repeats = true;
	said_is_staged(j, e);
	return 0;
}

int settle_asked(struct queue *q, const struct outlet *o, const struct store_msg *msg, unsigned part,
	enum msg_class class, uint64_t hash, const struct link_receipt *r)
{
	struct sent_entry *e = sent_find_part(q->sent, hash, msg->id, part);
	enum msg_state state = receipt_leads_to(r->state);
	struct final_job *j;
	char error[40];

	if (e && e->state != STATE_SENT && !state_may_correct(e->state, state))
		return 1;
	receipt_raw(r, error, sizeof(error));
	j = stage_final(q, msg, part, class, state, REASON_RECEIPT, error);
	if (!j)
		return -ENOMEM;
	j->f.receipt = receipt_mark(EVIDENCE_ASKED);
	j->f.msg.one_receipt = false; /* it was asked about this part */
	j->f.hash = hash;
	if (e)
		say(q, j, e);
	log_info("settled_by_query", "msg=%llu part=%u link=%s end=%s stat=%s", (unsigned long long)msg->id, part,
		names_text(q->names, NAME_LINK, o->id), msg_state_name(state), error);
	return 0;
}

int settle_by_evidence(struct queue *q, const struct evidence_part *p, const struct evidence_receipt *r)
{
	struct final_job *j = stage_final(q, &p->msg, p->part, p->class, r->state, REASON_RECEIPT, r->error);

	if (!j)
		return -ENOMEM;
	j->f.at = r->at_ms;
	j->f.receipt = receipt_mark(evidence_form(p, r));
	j->f.parked = r->n;
	j->f.while_parked = true;
	q->stats.receipts_matched++;
	return 0;
}

/* ---- SENT ------------------------------------------------------------------------------------------------ */

struct submit_job {
	struct op_submit s;
	uint8_t class;
	bool no_reports;
};

static void submit_done(struct store_op *op)
{
	struct submit_job *j = (struct submit_job *)op;
	struct queue *q = op->arg;
	struct sent_entry *e;

	if (queue_again(q, op))
		return;
	q->settling--;
	if (op->r < 0)
		log_error("submit_not_stored", "msg=%llu part=%u error=%s", (unsigned long long)j->s.msg.id, j->s.part,
			strerror(-op->r));
	if (op->r == 0 && j->s.ret_claimed)
		receipt_claimed(q, j->s.link, &j->s);
	if (op->r == 0 && j->s.ret_overtook_s)
		recur_learn_overtaken(q, &j->s);
	if (op->r == 0 && j->s.ret_settled) {
		e = sent_find_part(q->sent, j->s.hash, j->s.msg.id, j->s.part);
		if (e)
			sent_settle(q->sent, e, j->s.ret_state);
		settle_account(q, j->s.msg.id, j->class, j->s.ret_msg_state, false);
	}
	pool_put(&q->pool_submit, op);
}

/* After a restart, from rows.  Its receipt may have come before these rows were read: then it was parked, and nothing
 * but this would find it again.  Receipts that come from now on find the entry in memory, and those that came before
 * were staged before, in the same list: no gap is left between the two. */
void settle_remember(struct queue *q, const struct message *m, const struct store_msg *sm, const struct store_sent *s)
{
	struct outlet *o = queue_outlet_of(q, s->link), none = { .id = s->link, .receipt_form = RECEIPT_ID_AUTO };
	uint64_t hash = settle_hash(o ? o : &none, s->smsc_id);
	struct submit_job *j;

	if (hash && sent_find_part(q->sent, hash, m->id, s->part))
		return;
	remember(q, m, sm, o, s->link, s->part, hash, s->at, s->state);
	if (!hash)
		return; /* the carrier gave no id: only the deadline can settle it */
	if (s->state != STATE_SENT && !q->any_parked)
		return; /* nothing is looked for that could only repeat what is known */
	j = (struct submit_job *)pool_get(q, &q->pool_submit, OP_SUBMIT, submit_done);
	if (!j) {
		log_error("parked_not_looked_for", "msg=%llu error=memory", (unsigned long long)m->id);
		return;
	}
	j->s.known = true;
	j->s.at = s->at;
	j->s.claim = o ? recur_claim(q, o, 1, 0) : (struct taken_claim){ .any = false };
	j->s.msg = *sm;
	j->s.part = s->part;
	j->s.link = s->link;
	j->s.to = m->to;
	j->s.since = since_of(m, s->at);
	j->s.hash = hash;
	j->s.msg.one_receipt = o && o->one_receipt;
	j->class = m->class;
	queue_stage(q, STORE_SETTLE, &j->s.op);
	q->settling++;
}

/* What went out, if it is not what the client gave. */
static void note_sender(struct queue *q, const struct message *m, struct outlet *o, struct op_submit *s)
{
	const char *from = route_sender(q, m);

	if (o->ops->sender)
		from = o->ops->sender(o, from, m->to);
	if (strcmp(from, m->from) == 0)
		from = "";
	text_copy(s->sender, sizeof(s->sender), from);
}

/* What was learned of a SIM is of no other. */
static void watch_silence(struct outlet *o, uint64_t key, uint64_t to, int64_t now_s)
{
	if (o->silence.account != o->account)
		o->silence = (struct silence){ .account = o->account };
	silence_sent(&o->silence, key, to, now_s);
}

void settle_submit(struct queue *q, const struct message *m, const struct store_msg *sm, struct outlet *o,
	unsigned part, const char *smsc_id, bool last, bool ended)
{
	struct submit_job *j = (struct submit_job *)pool_get(q, &q->pool_submit, OP_SUBMIT, submit_done);

	o->sent++;
	if (!j) {
		log_error("submit_not_stored", "msg=%llu part=%u error=memory", (unsigned long long)sm->id, part);
		return; /* the lease row stays: a restart calls it uncertain */
	}
	j->s.known = false; /* a used one comes from the pool as it was, perhaps from settle_remember() */
	j->s.msg = *sm;
	j->s.part = part;
	j->s.at = q->now_ms;
	j->s.link = o->id;
	j->s.to = m->to;
	j->s.since = since_of(m, q->now_ms);
	j->s.claim = recur_claim(q, o, 1, 0);
	j->class = m->class;
	j->s.msg.one_receipt = o->one_receipt;
	text_copy(j->s.smsc_id, sizeof(j->s.smsc_id), smsc_id);
	note_sender(q, m, o, &j->s);
	j->s.hash = o->reports ? settle_hash(o, j->s.smsc_id) : 0;
	j->s.last = last;
	j->s.ended = ended;
	j->s.op.rows = 2;
	queue_stage(q, STORE_SETTLE, &j->s.op);
	q->settling++;
	if (!o->reports)
		stage_final(q, sm, part, m->class, STATE_UNCONFIRMED, REASON_NO_REPORTS, "");
	else
		remember(q, m, sm, o, o->id, part, j->s.hash, q->now_ms, STATE_SENT);
	if (o->reports && o->guard_rule.silence)
		watch_silence(o, msg_key(sm->id, part), m->to, q->now_ms / 1000);
}

void settle_took(struct queue *q, struct qmsg *qm, struct outlet *o, unsigned part, const char *smsc_id)
{
	struct store_msg sm = qmsg_store_msg(q, qm);

	qm->done |= 1ull << (part - 1);
	settle_submit(q, qm->m, &sm, o, part, smsc_id, (qm->done & parts_mask(qm->n_parts)) == parts_mask(qm->n_parts),
		false);
}

/* ---- what an answer says of the link --------------------------------------------------------------------- */

/* `limit`, `sent`: as they were, per second.  The first time is an event, what follows is how a limit is kept to. */
static void slowed(struct queue *q, struct outlet *o, double limit, double sent)
{
	const char *link = names_text(q->names, NAME_LINK, o->id);

	dispatch_rate(o);
	dispatch_dirty(q);
	if (limit > 0)
		log_debug("link_slowed", "link=%s from_per_s=%.4g to_per_s=%.4g", link, limit, o->adapt.limit);
	else
		log_info("link_slowed", "link=%s from_per_s=%.4g to_per_s=%.4g", link, sent, o->adapt.limit);
}

/* What an answer says about the rate. */
static void told_rate(struct queue *q, const struct qmsg *qm, struct outlet *o, const struct settle *s)
{
	static const enum adapt_answer answers[OUTCOME_N] = {
		[OUTCOME_SENT] = ADAPT_TAKEN, [OUTCOME_RETRY] = ADAPT_TAKEN, [OUTCOME_REJECTED] = ADAPT_TAKEN,
		[OUTCOME_RECIPIENT] = ADAPT_TAKEN, [OUTCOME_DUPLICATE] = ADAPT_TAKEN,
		[OUTCOME_THROTTLED] = ADAPT_REFUSED, [OUTCOME_UNKNOWN] = ADAPT_OTHER, [OUTCOME_UNSENT] = ADAPT_OTHER,
		[OUTCOME_LINK_FAULT] = ADAPT_OTHER,
	};
	enum adapt_answer answer = refused_full_again(qm, o, s) ? ADAPT_OTHER :
		s->queue_full ? ADAPT_FULL : answers[s->outcome];
	int64_t now_us = clock_mono_us();
	double sent = pace_sent(&o->pace, now_us), limit = o->adapt.limit;

	if (adapt_answer(&o->adapt, answer, o->tps, sent, o->in_flight - o->pace.held - 1, now_us))
		slowed(q, o, limit, sent);
}

/* What an answer, or a receipt, says of the link itself. */
static void told_guard(struct queue *q, struct outlet *o, enum guard_end end)
{
	if ((o->guard_rule.failures > 0 || o->guard.silent) && guard_end(&o->guard, &o->guard_rule, end, q->now_ms))
		queue_guard_moved(q, o);
}

static void told_health(struct queue *q, struct outlet *o, enum outcome outcome)
{
	switch (outcome) {
	case OUTCOME_SENT:
	case OUTCOME_DUPLICATE:
		told_guard(q, o, GUARD_TAKEN);
		break;
	case OUTCOME_RETRY:
	case OUTCOME_REJECTED:
	case OUTCOME_UNKNOWN:
	case OUTCOME_LINK_FAULT:
		told_guard(q, o, GUARD_FAILED);
		break;
	case OUTCOME_RECIPIENT:
		told_guard(q, o, GUARD_RECIPIENT);
		break;
	case OUTCOME_THROTTLED:
	case OUTCOME_UNSENT:
	case OUTCOME_N:
		break;
	}
}

void queue_congestion(struct queue *q, struct outlet *o, unsigned percent)
{
	int64_t now_us = clock_mono_us();
	double sent = pace_sent(&o->pace, now_us), limit = o->adapt.limit;

	if (adapt_congestion(&o->adapt, percent, o->tps, sent, o->in_flight - o->pace.held, now_us))
		slowed(q, o, limit, sent);
}

/* ---- what an answer says of its part ---------------------------------------------------------------------- */

/* The second sending of what the carrier has taken: it is over, however it ended. */
static void second_ended(struct queue *q, struct qmsg *qm, struct outlet *o, unsigned part, const struct settle *s)
{
	uint64_t bit = 1ull << (part - 1);

	qm->flying &= ~bit;
	qm->done |= bit;
	dispatch_settled(q, qm, 1);
	attempt_row(q, qm, o, part, s->outcome, s->code, s->text, 0, REASON_NONE, 0);
	refused_decide(q, qm, o);
	dispatch_gone(q, qm);
}

void queue_settle(struct queue *q, struct outlet *o, const struct settle *s)
{
	struct qmsg *qm = qmsg_find(q, msg_key_id(s->key));
	unsigned part = msg_key_part(s->key);
	uint64_t bit = part ? 1ull << (part - 1) : 0;

	q->now_ms = clock_ms(); /* as in queue_receipt() */
	if (s->late) {
		uncertain_late(q, qm, o, part, s);
		return;
	}
	if (!qm || !(qm->flying & bit)) {
		log_error("settle_unknown", "link=%s msg=%llu part=%u end=%s", names_text(q->names, NAME_LINK, o->id),
			(unsigned long long)msg_key_id(s->key), part, outcome_name(s->outcome));
		return;
	}
	told_rate(q, qm, o, s);
	told_health(q, o, s->outcome);
	if ((qm->answered & bit) && s->outcome != OUTCOME_SENT && s->outcome != OUTCOME_DUPLICATE) {
		second_ended(q, qm, o, part, s);
		return;
	}
	if (s->outcome == OUTCOME_THROTTLED) {
		refused_throttled(q, qm, o, part, s);
		refused_decide(q, qm, o);
		dispatch_gone(q, qm);
		return;
	}
	if (s->outcome == OUTCOME_UNSENT) {
		dispatch_unsent(q, qm, bit);
		refused_decide(q, qm, o);
		return;
	}
	qm->flying &= ~bit;
	dispatch_settled(q, qm, 1);
	switch (s->outcome) {
	case OUTCOME_SENT:
		settle_took(q, qm, o, part, s->smsc_id);
		break;
	case OUTCOME_DUPLICATE:
		attempt_row(q, qm, o, part, s->outcome, s->code, s->text, 0, REASON_NONE, 0);
		settle_took(q, qm, o, part, s->smsc_id);
		break;
	case OUTCOME_RETRY:
		o->retried++;
		refused_retry(q, qm, o, part, s);
		break;
	case OUTCOME_LINK_FAULT:
		refused_fault(q, qm, o, part, s);
		break;
	case OUTCOME_REJECTED:
	case OUTCOME_RECIPIENT:
		o->rejected++;
		refused_for_good(q, qm, o, part, s, REASON_REFUSED);
		break;
	case OUTCOME_UNKNOWN:
		uncertain_settle(q, qm, o, part, s->code, s->text);
		break;
	case OUTCOME_THROTTLED:
	case OUTCOME_UNSENT:
	case OUTCOME_N:
		break;
	}
	refused_decide(q, qm, o);
	dispatch_gone(q, qm);
}

void settle_pools(struct queue *q)
{
	q->pool_submit.size = sizeof(struct submit_job);
	q->pool_final.size = sizeof(struct final_job);
}
