/* SPDX-License-Identifier: Apache-2.0
 *
 * store_sqlite_settle.c -- operations that say what became of a part, and what that makes of its message.
 *
 * A message of one part has one final row, at key part 0.  A message of several has one for each part and one of its
 * own at part 0, which is decided here, from rows:
 *
 *     a part failed for good           the message gets that state, naming the part
 *     all parts delivered              delivered
 *     all parts final, some unsure     unconfirmed
 *     final already, and now all of    corrected to delivered, where state_may_correct() says so
 *     its parts are delivered
 *     cancelled or out of time, and    unconfirmed: it may have arrived
 *     an attempt was never answered
 *
 * Parts that become final after their message are still stored: they count for parts_delivered and for a correction.
 * A carrier that gives one receipt for all parts (store_msg.one_receipt) means all that it has taken of the message.
 *
 * What is final may still be told of by a receipt: the rest of a message that has failed, and what may be corrected.
 * A restart does not bring final messages back into memory, so their parts get a row in `waiting` with the final row.
 */
#include "queue/store_sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "queue/sent.h"

/* ---- final states ---------------------------------------------------------------------------------------- */

struct tally {
	unsigned n_final, n_delivered;
};

static enum msg_state corrected(sqlite3_stmt *st)
{
	return column(st, sqlite3_column_type(st, 1) == SQLITE_NULL ? 0 : 1);
}

int final_state(struct writer *w, uint64_t key, int *ret_state)
{
	sqlite3_stmt *st = w->st[W_FINAL_STATE];
	int rc;

	BIND(st, key);
	rc = step_row(st);
	*ret_state = rc == SQLITE_ROW ? (int)corrected(st) : -1;
	sqlite3_reset(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int count_parts(struct writer *w, const struct store_msg *m, struct tally *ret)
{
	sqlite3_stmt *st = w->st[W_FINAL_PARTS];
	int rc;

	*ret = (struct tally){0};
	BIND(st, msg_key(m->id, 1), msg_key(m->id, m->n_parts));
	while ((rc = step_row(st)) == SQLITE_ROW) {
		ret->n_final++;
		ret->n_delivered += corrected(st) == STATE_DELIVERED;
	}
	sqlite3_reset(st);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* What nearly every receipt says need not be written in every row; store_sqlite_detail.c puts it back. */
static const char *kept_error(const struct verdict *v)
{
	bool plain = v->receipt && v->state == STATE_DELIVERED && v->error && !strcmp(v->error, PLAIN_RECEIPT);

	return plain ? NULL : v->error;
}

/* *ret_new false: there was one already. */
static int insert_final(struct writer *w, uint64_t key, const struct verdict *v, unsigned decided_by, bool *ret_new)
{
	sqlite3_stmt *st = w->st[W_FINAL];
	const char *error = kept_error(v);
	int rc;

	if (w->plain) {
		*ret_new = true;
		return rows_put(w, ROWS_FINAL,
			ROW(cell_int(key), cell_int(v->state), cell_int(v->at), cell_int(v->reason),
				cell_int(decided_by), cell_string(error && *error ? error : NULL),
				cell_int(v->receipt)));
	}
	BIND(st, key, v->state, v->at, v->reason, decided_by, v->receipt);
	bind_text_or_null(st, 7, error);
	rc = run(st);
	*ret_new = rc == SQLITE_OK && sqlite3_changes(w->db) == 1;
	return rc;
}

static int insert_correction(struct writer *w, uint64_t key, const struct verdict *v)
{
	sqlite3_stmt *st = w->st[W_CORRECTION];

	BIND(st, key, STATE_DELIVERED, v->at, v->receipt);
	bind_text_or_null(st, 5, kept_error(v));
	return run(st);
}

static int delete_backlog(struct writer *w, const struct store_msg *m)
{
	return m->lane ? rows_drop_backlog(w, m->lane, m->seq) : SQLITE_OK;
}

static int tell(struct writer *w, const struct store_msg *m, enum event_kind kind, const struct verdict *v,
	unsigned key_part, unsigned n_delivered)
{
	if (!m->endpoint || m->report == REPORT_NONE)
		return SQLITE_OK;
	return add_event(w, m->endpoint, m->id % w->shards,
		&(struct store_event_row){
			.kind = kind,
			.state = v->state,
			.key = msg_key(m->id, key_part),
			.at = v->at,
			.parts_delivered = n_delivered,
			.part = v->part,
			.error = v->state == STATE_DELIVERED ? NULL : v->error, /* a delivery is no error */
		});
}

int wait_for(struct writer *w, uint64_t hash, uint64_t key)
{
	BIND(w->st[W_WAITING], hash, key);
	return run(w->st[W_WAITING]);
}

/* The message has failed while parts of it are with the carrier: their receipts are still to come. */
static int wait_for_the_rest(struct writer *w, const struct store_msg *m)
{
	struct { uint64_t key, hash; } parts[64];
	sqlite3_stmt *st = w->st[W_OPEN_PARTS];
	char id[RECEIPT_ID_SIZE];
	unsigned n = 0;
	int rc;

	BIND(st, msg_key(m->id, 1), msg_key(m->id, m->n_parts));
	while ((rc = step_row(st)) == SQLITE_ROW && n < 64) {
		const char *smsc_id = (const char *)sqlite3_column_text(st, 2);

		if (!smsc_id || receipt_id_key(smsc_id, RECEIPT_ID_AUTO, id) < 0)
			continue;
		parts[n].key = column(st, 0);
		parts[n++].hash = sent_hash(column(st, 1), id);
	}
	sqlite3_reset(st);
	rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
	for (unsigned i = 0; !rc && i < n; i++)
		rc = wait_for(w, parts[i].hash, parts[i].key);
	return rc;
}

/* The message itself becomes final. */
static int end_message(struct writer *w, const struct store_msg *m, const struct verdict *v, unsigned n_delivered,
	struct verdict_result *ret)
{
	bool new;
	int rc = insert_final(w, msg_key(m->id, 0), v, v->part, &new);

	if (rc || !new)
		return rc;
	ret->msg_state = v->state;
	rc = delete_backlog(w, m);
	if (!rc && m->n_parts > 1 && v->state != STATE_DELIVERED)
		rc = wait_for_the_rest(w, m);
	return rc ? rc : tell(w, m, EVENT_STATUS, v, 0, n_delivered);
}

/* Correct a final row where that is lawful; n_delivered is what the event will say. */
static int correct(struct writer *w, const struct store_msg *m, unsigned key_part, const struct verdict *v,
	unsigned n_delivered, bool loud, bool *ret_corrected)
{
	uint64_t key = msg_key(m->id, key_part);
	int was, rc = final_state(w, key, &was);

	*ret_corrected = false;
	if (rc || was < 0 || !state_may_correct(was, v->state))
		return rc;
	*ret_corrected = true;
	rc = insert_correction(w, key, v);
	return rc || !loud ? rc : tell(w, m, EVENT_CORRECTION, v, key_part, n_delivered);
}

/* The message as a whole (part 0), or the only part of one. */
static int settle_message(struct writer *w, const struct store_msg *m, const struct verdict *v,
	struct verdict_result *ret)
{
	struct tally t = {.n_delivered = v->state == STATE_DELIVERED};
	bool corrected_now;
	int rc = SQLITE_OK;

	if (m->n_parts > 1)
		rc = count_parts(w, m, &t);
	if (!rc)
		rc = end_message(w, m, v, t.n_delivered, ret);
	ret->new = ret->msg_state >= 0;
	if (rc || ret->new)
		return rc;
	rc = correct(w, m, 0, v, t.n_delivered, true, &corrected_now);
	if (corrected_now) {
		ret->correction = true;
		ret->msg_state = v->state;
	}
	return rc;
}

/* A part of several is final or corrected: what does that make of the message? */
static int settle_whole(struct writer *w, const struct store_msg *m, const struct verdict *v, const struct tally *t,
	struct verdict_result *ret)
{
	struct verdict whole = *v;
	bool corrected_now;
	int was, rc = final_state(w, msg_key(m->id, 0), &was);

	if (rc)
		return rc;
	if (t->n_delivered == m->n_parts) {
		whole.state = STATE_DELIVERED;
		whole.part = 0;
	}
	if (was >= 0) {
		if (t->n_delivered < m->n_parts)
			return SQLITE_OK;
		rc = correct(w, m, 0, &whole, t->n_delivered, true, &corrected_now);
		if (corrected_now)
			ret->msg_state = STATE_DELIVERED;
		return rc;
	}
	if (v->state == STATE_DELIVERED || v->state == STATE_UNCONFIRMED) {
		if (t->n_final < m->n_parts)
			return SQLITE_OK;
		if (t->n_delivered < m->n_parts) {
			whole.state = STATE_UNCONFIRMED;
			/* The reason is that of the silence, also when a delivered part came last. */
			if (v->state == STATE_DELIVERED) {
				whole.part = 0;
				whole.reason = REASON_NO_RECEIPT;
				whole.error = NULL;
			}
		}
	}
	return end_message(w, m, &whole, t->n_delivered, ret);
}

/* One receipt for all parts: what it says of one holds for each that the carrier has taken. */
static int settle_others(struct writer *w, const struct store_msg *m, const struct verdict *v)
{
	struct verdict same = *v;
	uint64_t keys[255];
	sqlite3_stmt *st = w->st[W_TAKEN_PARTS];
	unsigned n = 0;
	bool done;
	int rc;

	BIND(st, msg_key(m->id, 1), msg_key(m->id, m->n_parts));
	while ((rc = step_row(st)) == SQLITE_ROW && n < 255)
		keys[n++] = column(st, 0);
	sqlite3_reset(st);
	rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
	for (unsigned i = 0; !rc && i < n; i++) {
		same.part = msg_key_part(keys[i]);
		if (same.part == v->part)
			continue;
		rc = insert_final(w, keys[i], &same, 0, &done);
		if (!rc && !done)
			rc = correct(w, m, same.part, &same, 0, false, &done);
	}
	return rc;
}

static int settle_part(struct writer *w, const struct store_msg *m, const struct verdict *v, struct verdict_result *ret)
{
	bool loud = m->report == REPORT_ALL;
	struct tally t;
	int rc;

	rc = insert_final(w, msg_key(m->id, v->part), v, 0, &ret->new);
	if (!rc && !ret->new)
		rc = correct(w, m, v->part, v, 0, false, &ret->correction);
	if (rc || (!ret->new && !ret->correction))
		return rc;
	if (m->one_receipt && v->receipt)
		rc = settle_others(w, m, v);
	if (!rc)
		rc = count_parts(w, m, &t);
	if (!rc && loud)
		rc = tell(w, m, ret->new ? EVENT_STATUS : EVENT_CORRECTION, v, v->part, t.n_delivered);
	return rc ? rc : settle_whole(w, m, v, &t, ret);
}

int settle_verdict(struct writer *w, const struct store_msg *m, const struct verdict *v, struct verdict_result *ret)
{
	*ret = (struct verdict_result){.msg_state = -1};
	if (m->n_parts > 1 && v->part)
		return settle_part(w, m, v, ret);
	return settle_message(w, m, v, ret);
}

/* Has a part of it left, or is about to? */
static int has_left(struct writer *w, uint64_t id, bool *ret)
{
	sqlite3_stmt *st = w->st[W_LEFT];
	int rc;

	BIND(st, msg_key(id, 1), msg_key(id, 255));
	rc = step_row(st);
	*ret = rc == SQLITE_ROW && column(st, 0);
	sqlite3_reset(st);
	return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/* What is given up by us, not by a carrier, may have arrived all the same if an attempt was never answered.  A part
 * whose others have left ends as it is told: with it the message is final, and that is what its lane counts on. */
static int doubt(struct writer *w, const struct store_msg *m, struct verdict *v)
{
	sqlite3_stmt *st = w->st[W_DOUBT];
	int rc;

	if ((v->reason != REASON_CLIENT && v->reason != REASON_TTL) || (v->part && m->n_parts > 1))
		return SQLITE_OK;
	BIND(st, msg_key(m->id, 1), msg_key(m->id, 255), OUTCOME_UNKNOWN);
	rc = step_row(st);
	if (rc == SQLITE_ROW && column(st, 0))
		v->state = STATE_UNCONFIRMED;
	sqlite3_reset(st);
	return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

int apply_final(struct writer *w, struct store_op *op)
{
	struct op_final *o = (struct op_final *)op;
	struct verdict v = {o->part, o->at, o->state, o->reason, o->error, o->receipt};
	struct verdict_result result;
	bool left, there = false;
	int rc;

	o->ret_new = o->ret_correction = o->ret_unparked = false;
	o->ret_msg_state = -1;
	if (o->unless_submitted) {
		rc = has_left(w, o->msg.id, &left);
		if (rc)
			return rc;
		if (left) {
			op->r = -EBUSY;
			return SQLITE_OK;
		}
	}
	if (o->parked) {
		rc = is_parked(w, o->parked, &there);
		if (rc)
			return rc;
		if (!there && o->while_parked) {
			op->r = -ENOENT;
			return SQLITE_OK;
		}
	}
	rc = doubt(w, &o->msg, &v);
	if (!rc)
		rc = settle_verdict(w, &o->msg, &v, &result);
	if (!rc && o->parked)
		rc = forget_parked(w, o->parked);
	if (!rc && o->hash && result.new && state_may_correct(v.state, STATE_DELIVERED))
		rc = wait_for(w, o->hash, msg_key(o->msg.id, o->part));
	if (rc)
		return rc;
	o->ret_new = result.new;
	o->ret_correction = result.correction;
	o->ret_unparked = there;
	o->ret_msg_state = result.msg_state;
	return o->unless_submitted ? rc : rows_drop_lease(w, &o->msg, o->part);
}

/* ---- attempts -------------------------------------------------------------------------------------------- */

struct attempt_row {
	uint64_t key;
	int64_t at, next_at;
	uint32_t link, code;
	enum outcome outcome;
	enum msg_reason reason;
	const char *text, *smsc_id;
};

static int insert_attempt(struct writer *w, const struct attempt_row *a)
{
	sqlite3_stmt *st = w->st[W_ATTEMPT];

	BIND(st, a->key, a->at, a->link, a->outcome, a->code, 0, 0, a->next_at, a->reason);
	bind_text_or_null(st, 6, a->text);
	bind_text_or_null(st, 7, a->smsc_id);
	if (!a->next_at)
		sqlite3_bind_null(st, 8);
	return run(st);
}

int apply_attempt(struct writer *w, struct store_op *op)
{
	struct op_attempt *o = (struct op_attempt *)op;
	uint64_t key = msg_key(o->msg.id, o->part);
	int rc;

	rc = insert_attempt(w, &(struct attempt_row){
		.key = key, .at = o->at, .next_at = o->next_at, .link = o->link, .code = o->code, .outcome = o->outcome,
		.reason = o->reason, .text = o->text});
	if (!rc && !o->keep_lease)
		rc = rows_drop_lease(w, &o->msg, o->part);
	if (rc || o->next_at <= 0)
		return rc;
	BIND(w->st[W_DUE], o->next_at, key, o->reason, o->tries, o->skip);
	rc = run(w->st[W_DUE]);
	return rc || o->msg.n_parts > 1 ? rc : delete_backlog(w, &o->msg);
}

/* ---- what a carrier took --------------------------------------------------------------------------------- */

/* A part of several that was taken after the others: the message may be final already, and with a carrier that gives
 * one receipt for all, that receipt may have come. */
static int submit_among_others(struct writer *w, struct op_submit *o)
{
	struct verdict v = {.part = o->part, .at = o->at, .reason = REASON_RECEIPT};
	struct verdict_result result;
	sqlite3_stmt *st = w->st[W_RECEIVED_PART];
	int state, rc;

	if (o->msg.one_receipt) {
		BIND(st, msg_key(o->msg.id, 1), msg_key(o->msg.id, o->msg.n_parts), REASON_RECEIPT, STATE_DELIVERED);
		rc = step_row(st);
		v.receipt = rc == SQLITE_ROW ? column(st, 0) : 0;
		sqlite3_reset(st);
		if (rc != SQLITE_ROW && rc != SQLITE_DONE)
			return rc;
		if (v.receipt) {
			v.state = STATE_DELIVERED;
			v.error = PLAIN_RECEIPT;
			o->ret_settled = true;
			o->ret_state = v.state;
			rc = settle_verdict(w, &o->msg, &v, &result);
			o->ret_msg_state = result.msg_state;
			return rc;
		}
	}
	rc = final_state(w, msg_key(o->msg.id, 0), &state);
	return rc || state < 0 || !o->hash ? rc : wait_for(w, o->hash, msg_key(o->msg.id, o->part));
}

/* *ret_first false: it was taken before. */
static int insert_submit(struct writer *w, const struct op_submit *o, bool *ret_first)
{
	uint64_t key = msg_key(o->msg.id, o->part);
	sqlite3_stmt *st = w->st[W_SUBMIT];
	int rc;

	if (w->plain) {
		*ret_first = true;
		return rows_put(w, ROWS_SUBMIT,
			ROW(cell_int(key), cell_int(o->at), cell_int(o->link), cell_string(o->smsc_id),
				cell_string(*o->sender ? o->sender : NULL)));
	}
	BIND(st, key, o->at, o->link);
	bind_text(st, 4, o->smsc_id);
	bind_text_or_null(st, 5, o->sender);
	rc = run(st);
	*ret_first = sqlite3_changes(w->db) == 1;
	return rc;
}

int apply_submit(struct writer *w, struct store_op *op)
{
	struct op_submit *o = (struct op_submit *)op;
	uint64_t key = msg_key(o->msg.id, o->part);
	bool first;
	int rc;

	o->ret_settled = false;
	o->ret_claimed = 0;
	o->ret_overtook_s = 0;
	o->ret_state = 0;
	o->ret_msg_state = -1;
	if (o->known)
		return o->hash && w->m.n_parked ? look_in_parked(w, o) : SQLITE_OK;
	rc = insert_submit(w, o, &first);
	if (!rc && !first)
		rc = insert_attempt(w, &(struct attempt_row){.key = key, .at = o->at, .link = o->link,
			.outcome = OUTCOME_SENT, .smsc_id = o->smsc_id});
	if (!rc && (!first || o->ended) && o->hash) /* a restart does not bring this id back into memory */
		rc = wait_for(w, o->hash, key);
	if (!rc)
		rc = rows_drop_lease(w, &o->msg, o->part);
	if (!rc && first && o->last && o->msg.report == REPORT_ALL)
		rc = tell(w, &o->msg, EVENT_STATUS, &(struct verdict){.at = o->at, .state = STATE_SENT}, 0, 0);
	if (!rc && first && o->msg.n_parts > 1)
		rc = submit_among_others(w, o);
	if (rc || !o->hash || !w->m.n_parked)
		return rc;
	return look_in_parked(w, o);
}
