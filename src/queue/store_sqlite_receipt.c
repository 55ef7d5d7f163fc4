/* SPDX-License-Identifier: Apache-2.0
 *
 * store_sqlite_receipt.c -- receipts that memory could not place: found in `waiting`, or parked until their message is
 * known; and what is kept of those that change nothing.
 *
 * What the id of a receipt means is not certain before the link's form is known (idform.h), so a receipt comes with
 * several hashes, most likely first, and a parked one keeps them all: the response that comes later has but one.
 */
#include "queue/store_sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ID_OCTETS 9 /* of one entry in receipt_parked.ids: hash, highest octet first, and form */

/* Carriers give the number back with or without prefixes, so its tail is compared; 0 is unknown.  Some do not swap the
 * addresses, so the other one may be it. */
static bool same_number(uint64_t a, uint64_t b)
{
	return !a || !b || a == b || a % 10000000 == b % 10000000;
}

static bool is_handset(uint64_t to, uint64_t from, uint64_t other)
{
	return same_number(to, from) || (other && same_number(to, other));
}

static void error_text(char *to, size_t n, const char *stat, const char *err)
{
	snprintf(to, n, *err ? "%s:%s" : "%s", stat, err);
}

/* ---- parked ---------------------------------------------------------------------------------------------- */

struct parked_row {
	uint64_t n;
	int64_t at;
	enum msg_state state;
	uint8_t form;
	char error[40];
};

int is_parked(struct writer *w, uint64_t n, bool *ret)
{
	sqlite3_stmt *st = w->st[W_PARKED_IDS];
	int rc;

	BIND(st, n);
	rc = step_row(st);
	*ret = rc == SQLITE_ROW;
	sqlite3_reset(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int forget_parked(struct writer *w, uint64_t n)
{
	uint8_t ids[IDFORM_TRIES_MAX * ID_OCTETS];
	sqlite3_stmt *st = w->st[W_PARKED_IDS];
	size_t n_ids = 0;
	uint64_t hash = 0;
	int rc;

	BIND(st, n);
	rc = step_row(st);
	if (rc == SQLITE_ROW) {
		hash = column(st, 1);
		n_ids = sqlite3_column_bytes(st, 0);
		if (n_ids > sizeof ids)
			n_ids = sizeof ids;
		if (n_ids)
			memcpy(ids, sqlite3_column_blob(st, 0), n_ids);
	}
	sqlite3_reset(st);
	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? SQLITE_OK : rc;
	rc = SQLITE_OK;
	if (!n_ids) { /* of the time when there was one only */
		BIND(w->st[W_PARKED_ID_DELETE], hash, n);
		rc = run(w->st[W_PARKED_ID_DELETE]);
	}
	for (size_t i = 0; !rc && i + ID_OCTETS <= n_ids; i += ID_OCTETS) {
		hash = 0;
		for (unsigned k = 0; k < 8; k++)
			hash = hash << 8 | ids[i + k];
		BIND(w->st[W_PARKED_ID_DELETE], hash, n);
		rc = run(w->st[W_PARKED_ID_DELETE]);
	}
	if (rc)
		return rc;
	BIND(w->st[W_PARKED_DELETE], n);
	w->m.n_parked--;
	return run(w->st[W_PARKED_DELETE]);
}

/* One parked receipt of the right hash, link and number. */
static int use_parked(struct writer *w, struct op_submit *o, const struct parked_row *p)
{
	struct verdict v = {o->part, p->at, p->state, REASON_RECEIPT, p->error, receipt_mark(p->form)};
	struct verdict_result result = {.msg_state = -1};
	int rc = SQLITE_OK;

	if (state_is_final(v.state))
		rc = settle_verdict(w, &o->msg, &v, &result);
	if (!rc && result.new && state_may_correct(v.state, STATE_DELIVERED))
		rc = wait_for(w, o->hash, msg_key(o->msg.id, o->part));
	if (!rc && (result.new || result.correction)) {
		o->ret_settled = true;
		o->ret_state = v.state;
	}
	if (result.msg_state >= 0)
		o->ret_msg_state = result.msg_state;
	o->ret_claimed++;
	o->ret_claimed_at = p->at;
	o->ret_form = p->form;
	return rc ? rc : forget_parked(w, p->n);
}

/* A receipt that was parked then, of a part that was taken then, is not of another part of the same id. */
static bool was_taken(struct op_submit *o, int64_t taken, int64_t come, enum parked_why why)
{
	struct taken_claim c = o->claim;
	int64_t sent_s = o->at / 1000;

	if (!taken)
		return true;
	c.at_s = taken / 1000;
	c.come_s = come / 1000;
	if (why == PARKED_AMBIGUOUS) /* it had parts to be of already */
		return taken_is(&c, sent_s);
	if (!o->ret_overtook_s && c.come_s <= sent_s && c.come_s + TAKEN_EARLY_S >= sent_s)
		o->ret_overtook_s = c.at_s;
	return taken_is(&c, sent_s) || taken_overtook(&c, sent_s);
}

int look_in_parked(struct writer *w, struct op_submit *o)
{
	struct parked_row rows[16];
	sqlite3_stmt *st = w->st[W_PARKED_FIND];
	unsigned n = 0;
	int rc;

	BIND(st, o->hash); /* newest first */
	while ((rc = step_row(st)) == SQLITE_ROW && n < 16) {
		struct parked_row *p = &rows[n];

		if ((int64_t)column(st, 5) < o->since)
			break; /* carriers give an id again: nobody is told of a message before there is one */
		if (column(st, 1) != o->link || !is_handset(o->to, column(st, 2), column(st, 3)))
			continue;
		if (!was_taken(o, (int64_t)column(st, 9), (int64_t)column(st, 5), column(st, 10)))
			continue;
		p->n = column(st, 0);
		p->state = column(st, 4);
		p->at = column(st, 5);
		p->form = column(st, 6);
		error_text(p->error, sizeof p->error, (const char *)sqlite3_column_text(st, 7),
			(const char *)sqlite3_column_text(st, 8));
		n++;
	}
	sqlite3_reset(st);
	rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
	while (!rc && n > 0)
		rc = use_parked(w, o, &rows[--n]); /* in the order they came */
	return rc;
}

static int drop_oldest(struct writer *w)
{
	int64_t n;
	int rc;

	BIND(w->st[W_PARKED_OLDEST], INT64_MAX, 1);
	rc = first_column(w->st[W_PARKED_OLDEST], &n);
	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? SQLITE_OK : rc;
	w->m.n_parked_dropped++;
	return forget_parked(w, n);
}

static int park(struct writer *w, struct op_receipt *o)
{
	uint8_t ids[IDFORM_TRIES_MAX * ID_OCTETS];
	sqlite3_stmt *st = w->st[W_PARKED];
	unsigned n_ids = o->n_park < IDFORM_TRIES_MAX ? o->n_park : IDFORM_TRIES_MAX;
	uint64_t n = ++w->m.last_parked;
	int rc;

	for (unsigned i = 0; i < n_ids; i++) {
		for (unsigned k = 0; k < 8; k++)
			ids[i * ID_OCTETS + k] = o->hash[i] >> (56 - 8 * k);
		ids[i * ID_OCTETS + 8] = o->form[i];
	}
	BIND(st, n_ids ? o->hash[0] : 0, o->link, o->to, o->state, o->at, o->tlv, o->other, o->why);
	bind_text(st, 9, o->smsc_id);
	bind_text(st, 10, o->stat);
	bind_text(st, 11, o->err);
	bind_text(st, 12, o->smsc_id2);
	sqlite3_bind_blob(st, 13, ids, (int)(n_ids * ID_OCTETS), SQLITE_STATIC);
	sqlite3_bind_int64(st, 14, (int64_t)n);
	sqlite3_bind_int64(st, 15, o->claim.any ? o->claim.at_s * 1000 : 0);
	rc = run(st);
	o->ret_parked = n;
	w->m.n_parked++;
	for (unsigned i = 0; !rc && i < n_ids; i++) {
		BIND(w->st[W_PARKED_ID], o->hash[i], n, o->form[i]);
		rc = run(w->st[W_PARKED_ID]);
	}
	return rc || !o->parked_max || w->m.n_parked <= o->parked_max ? rc : drop_oldest(w);
}

/* ---- waiting --------------------------------------------------------------------------------------------- */

struct candidate {
	uint64_t key;
	int state;    /* < 0: not final */
	unsigned i;   /* of its hash */
	int64_t sent_ms;
	struct store_msg msg;
};

/* Is this waiting part the one the receipt speaks of?  SQLITE_DONE: no. */
static int check_candidate(struct writer *w, const struct op_receipt *o, struct candidate *c)
{
	sqlite3_stmt *st = w->st[W_SUBMITTED_TO];
	uint64_t id = msg_key_id(c->key);
	unsigned bits;
	int rc;

	BIND(st, c->key, id, o->link);
	rc = step_row(st);
	if (rc == SQLITE_ROW && (!column(st, 4) || !is_handset(column(st, 0), o->to, o->other)))
		rc = SQLITE_DONE;
	if (rc == SQLITE_ROW && o->parked && o->at < (int64_t)column(st, 5) - PARKED_EARLY_MS)
		rc = SQLITE_DONE; /* it was here before the message was */
	if (rc != SQLITE_ROW) {
		sqlite3_reset(st);
		return rc;
	}
	bits = column(st, 2);
	c->sent_ms = (int64_t)column(st, 6);
	c->msg = (struct store_msg){
		.id = id,
		.endpoint = o->endpoint_of ? o->endpoint_of(o->endpoint_arg, column(st, 1)) : 0,
		.report = bits_report(bits),
		.n_parts = column(st, 3) ? column(st, 3) : bits_parts(bits),
		.one_receipt = o->one_receipt,
	};
	sqlite3_reset(st);
	rc = final_state(w, c->msg.n_parts > 1 ? c->key : msg_key(id, 0), &c->state);
	return rc ? rc : SQLITE_ROW;
}

static bool is_better(const struct candidate *c, const struct candidate *best)
{
	return !best->key || (c->state < 0 && best->state >= 0);
}

/* Of all that have this hash, the one that was taken when the receipt says.  As in memory (taken.h). */
static int find_taken(struct writer *w, const struct op_receipt *o, unsigned i, struct candidate *ret_found,
	bool *ret_doubt)
{
	sqlite3_stmt *st = w->st[W_WAITING_FIND];
	struct taken_pick pick = {0};
	struct taken_part best;
	struct candidate c = {0};
	int rc, rc2 = SQLITE_DONE;

	*ret_found = c;
	BIND(st, o->hash[i]);
	while ((rc2 == SQLITE_ROW || rc2 == SQLITE_DONE) && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		c = (struct candidate){.key = column(st, 0), .i = i};
		rc2 = check_candidate(w, o, &c);
		if (rc2 == SQLITE_ROW)
			taken_consider(&pick, &o->claim, &(struct taken_part){.ref = c.key, .sent_s = c.sent_ms / 1000,
				.open = c.state < 0, .over = c.state == STATE_UNCONFIRMED});
	}
	sqlite3_reset(st);
	if (rc2 != SQLITE_ROW && rc2 != SQLITE_DONE)
		return rc2;
	if (rc != SQLITE_DONE)
		return rc;
	switch (taken_choose(&pick, &o->claim, &best)) {
	case TAKEN_NONE:
		return SQLITE_OK;
	case TAKEN_DOUBT:
		*ret_doubt = true;
		return SQLITE_OK;
	case TAKEN_ONE:
		break;
	}
	c = (struct candidate){.key = best.ref, .i = i};
	rc = check_candidate(w, o, &c); /* it was one */
	if (rc == SQLITE_ROW)
		*ret_found = c;
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The newest of this hash that is not settled; else the newest, whose receipt this repeats or corrects.
 * *ret_found->key 0: none. */
static int find_hash(struct writer *w, const struct op_receipt *o, unsigned i, struct candidate *ret_found)
{
	sqlite3_stmt *st = w->st[W_WAITING_FIND];
	int rc, rc2 = SQLITE_OK;

	*ret_found = (struct candidate){0};
	BIND(st, o->hash[i]);
	while ((rc = step_row(st)) == SQLITE_ROW) {
		struct candidate c = {.key = column(st, 0), .i = i};

		rc2 = check_candidate(w, o, &c);
		if (rc2 == SQLITE_ROW && is_better(&c, ret_found))
			*ret_found = c;
		if (rc2 != SQLITE_ROW && rc2 != SQLITE_DONE)
			break;
		rc2 = SQLITE_OK;
		if (ret_found->key && ret_found->state < 0)
			break;
	}
	sqlite3_reset(st);
	if (rc2)
		return rc2;
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* best->key 0: none, or several that it cannot be told apart. */
static int find_waiting(struct writer *w, const struct op_receipt *o, struct candidate *best, bool *ret_ambiguous)
{
	struct candidate c;
	int rc = SQLITE_OK;

	*best = (struct candidate){0};
	*ret_ambiguous = false;
	for (unsigned i = 0; !rc && i < o->n_hash && i < IDFORM_TRIES_MAX; i++) {
		rc = o->claim.any ? find_taken(w, o, i, &c, ret_ambiguous) : find_hash(w, o, i, &c);
		if (*ret_ambiguous)
			return rc;
		if (rc || !c.key)
			continue;
		if (o->certain && i == 0) {
			*best = c;
			return SQLITE_OK;
		}
		if (best->key && best->key != c.key && best->state < 0 && c.state < 0) {
			*best = (struct candidate){0};
			*ret_ambiguous = true;
			return SQLITE_OK;
		}
		if (is_better(&c, best))
			*best = c;
	}
	return rc;
}

int apply_receipt(struct writer *w, struct store_op *op)
{
	struct op_receipt *o = (struct op_receipt *)op;
	struct candidate best;
	struct verdict_result result;
	char error[40];
	uint8_t form = 0; /* of evidence */
	bool ambiguous, there;
	int rc;

	o->ret_key = o->ret_parked = 0;
	o->ret_new = o->ret_correction = false;
	o->ret_msg_state = -1;
	if (o->parked) { /* its own submit may have claimed it since it was read */
		rc = is_parked(w, o->parked, &there);
		if (rc || !there)
			return rc;
	}
	rc = find_waiting(w, o, &best, &ambiguous);
	if (rc)
		return rc;
	if (ambiguous)
		o->why = PARKED_AMBIGUOUS;
	if (!best.key && o->evidence_part && !ambiguous) {
		best.key = msg_key(o->evidence.id, o->evidence_part);
		best.msg = o->evidence;
		form = o->evidence_form;
		rc = final_state(w, best.msg.n_parts > 1 ? best.key : msg_key(best.msg.id, 0), &best.state);
		if (rc)
			return rc;
	}
	if (!best.key)
		return o->parked ? SQLITE_OK : park(w, o);
	o->ret_key = best.key;
	o->ret_form = form ? form : o->form[best.i];
	if (o->parked)
		rc = forget_parked(w, o->parked);
	/* The waiting row stays, for the receipts that repeat or correct this one; retention sweeps it. */
	error_text(error, sizeof error, o->stat, o->err);
	if (!rc)
		rc = settle_verdict(w, &best.msg, &(struct verdict){msg_key_part(best.key), o->at, o->state,
			REASON_RECEIPT, error, receipt_mark(o->ret_form)}, &result);
	if (rc)
		return rc;
	o->ret_new = result.new;
	o->ret_correction = result.correction;
	o->ret_msg_state = result.msg_state;
	if (!result.new && !result.correction && best.state >= 0 && best.state != o->state) {
		struct op_receipt_note note = {.key = best.key, .at = o->at, .link = o->link, .state = o->state,
			.receipt = receipt_mark(o->ret_form)};

		memcpy(note.error, error, sizeof note.error);
		rc = note_receipt(w, &note);
	}
	return rc;
}

/* ---- what changes nothing, and what was learned ------------------------------------------------------------ */

int note_receipt(struct writer *w, const struct op_receipt_note *o)
{
	sqlite3_stmt *st = w->st[W_NOTE];

	BIND(st, o->key, o->at, o->link, o->state, o->receipt);
	bind_text(st, 6, o->error);
	return run(st);
}

int apply_receipt_note(struct writer *w, struct store_op *op)
{
	return note_receipt(w, (struct op_receipt_note *)op);
}

int apply_receipt_form(struct writer *w, struct store_op *op)
{
	struct op_receipt_form *o = (struct op_receipt_form *)op;
	int rc;

	BIND(w->st[W_FORM_DELETE], o->link);
	rc = run(w->st[W_FORM_DELETE]);
	for (unsigned i = 0; !rc && i < IDFORM_N; i++) {
		if (!o->hits[i])
			continue;
		BIND(w->st[W_FORM], o->link, i, o->hits[i]);
		rc = run(w->st[W_FORM]);
	}
	return rc;
}

const char *parked_why_name(enum parked_why why)
{
	static const char *const names[PARKED_N] = {"unknown_id", "no_id", "other_number", "ambiguous"};

	return why < PARKED_N ? names[why] : "";
}
