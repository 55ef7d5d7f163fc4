/* SPDX-License-Identifier: Apache-2.0
 *
 * store_sqlite_detail.c -- one message with all that is known of it.
 *
 * No row says what state a message is in: it follows from the rows that its life has left (lease, submit, attempt,
 * final, correction), so that no state can disagree with what happened.  They are read in that order, the later word
 * wins, and what none of them says is derived at the end.
 */
#include "queue/store_sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

static struct store_part *part_of(struct store_detail *d, unsigned part)
{
	return part >= 1 && part <= d->n_parts ? &d->parts[part - 1] : NULL;
}

static int open_range(sqlite3_stmt *st, uint64_t id)
{
	BIND(st, msg_key(id, 0), msg_key(id + 1, 0));
	return step_row(st);
}

static int end_range(sqlite3_stmt *st, int rc)
{
	sqlite3_reset(st);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int add_parts(struct reader *r, struct store_detail *d)
{
	sqlite3_stmt *st = r->st[R_BOUND];
	int rc;

	d->n_parts = d->m->n_parts;
	BIND(st, d->m->id, d->m->id + 1);
	rc = step_row(st);
	if (rc == SQLITE_ROW) {
		d->n_parts = column(st, 3);
		d->link = column(st, 1);
	}
	sqlite3_reset(st);
	if (!d->n_parts)
		d->n_parts = 1;
	d->parts = calloc(d->n_parts, sizeof *d->parts);
	if (!d->parts)
		return SQLITE_NOMEM;
	for (unsigned i = 0; i < d->n_parts; i++) {
		d->parts[i].part = i + 1;
		d->parts[i].state = STATE_QUEUED;
	}
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int add_leases(struct reader *r, struct store_detail *d)
{
	sqlite3_stmt *st = r->st[R_LEASES];
	int rc;

	for (rc = open_range(st, d->m->id); rc == SQLITE_ROW; rc = step_row(st)) {
		struct store_part *p = part_of(d, msg_key_part(column(st, 0)));

		if (!p)
			continue;
		p->state = STATE_SENDING;
		p->link = column(st, 1);
		p->leased_at = column(st, 2);
	}
	return end_range(st, rc);
}

static int add_submits(struct reader *r, struct store_detail *d)
{
	sqlite3_stmt *st = r->st[R_SUBMITS];
	int rc;

	for (rc = open_range(st, d->m->id); rc == SQLITE_ROW; rc = step_row(st)) {
		struct store_part *p = part_of(d, msg_key_part(column(st, 0)));

		if (!p)
			continue;
		p->state = STATE_SENT;
		p->link = column(st, 1);
		p->submitted_at = column(st, 2);
		p->attempts++;
		column_copy(st, 3, p->smsc_id, sizeof p->smsc_id);
		column_copy(st, 4, p->sender, sizeof p->sender);
	}
	return end_range(st, rc);
}

/* The words of the receipt.  Where a part was delivered they are no error; see kept_error(), store_sqlite_settle.c. */
static void take_words(
	sqlite3_stmt *st, int at, enum msg_state state, uint16_t receipt, char *raw, char *error, size_t n)
{
	*raw = '\0';
	if (receipt && sqlite3_column_type(st, at) == SQLITE_NULL)
		snprintf(raw, n, "%s", state == STATE_DELIVERED ? PLAIN_RECEIPT : "");
	else if (receipt)
		column_copy(st, at, raw, n);
	*error = '\0';
	if (state != STATE_DELIVERED)
		column_copy(st, at, error, n);
}

static int add_finals(struct reader *r, struct store_detail *d)
{
	char raw[sizeof d->error];

	sqlite3_stmt *st = r->st[R_FINALS];
	int rc;

	for (rc = open_range(st, d->m->id); rc == SQLITE_ROW; rc = step_row(st)) {
		unsigned part = msg_key_part(column(st, 0));
		struct store_part *p = part_of(d, !part && d->n_parts == 1 ? 1 : part);

		if (!part) {
			d->state = d->first_state = column(st, 1);
			d->final_at = column(st, 2);
			d->reason = d->first_reason = column(st, 3);
			d->decided_by = column(st, 4);
			take_words(st, 5, d->state, column(st, 6), raw, d->error, sizeof d->error);
			memcpy(d->first_error, d->error, sizeof d->first_error);
		}
		if (!p)
			continue;
		p->state = p->first_state = column(st, 1);
		p->final_at = column(st, 2);
		p->reason = p->first_reason = column(st, 3);
		p->receipt = column(st, 6);
		take_words(st, 5, p->state, p->receipt, p->raw, p->error, sizeof p->error);
		memcpy(p->first_error, p->error, sizeof p->first_error);
	}
	return end_range(st, rc);
}

static int add_corrections(struct reader *r, struct store_detail *d)
{
	sqlite3_stmt *st = r->st[R_CORRECTIONS];
	char error[sizeof d->error];
	int rc;

	for (rc = open_range(st, d->m->id); rc == SQLITE_ROW; rc = step_row(st)) {
		unsigned part = msg_key_part(column(st, 0));
		struct store_part *p = part_of(d, !part && d->n_parts == 1 ? 1 : part);
		struct store_correction *c;

		if (grow(&d->corrections, d->n_corrections, sizeof *d->corrections) < 0) {
			rc = SQLITE_NOMEM;
			break;
		}
		c = &d->corrections[d->n_corrections++];
		*c = (struct store_correction){.part = part, .state = column(st, 1), .at = column(st, 2),
			.receipt = column(st, 4)};
		take_words(st, 3, c->state, c->receipt, c->raw, error, sizeof error);
		if (!part) {
			d->state = c->state;
			d->reason = REASON_RECEIPT;
			d->decided_by = 0;
			memcpy(d->error, error, sizeof d->error);
		}
		if (p) {
			p->state = c->state;
			p->reason = REASON_RECEIPT;
			memcpy(p->error, error, sizeof p->error);
		}
	}
	return end_range(st, rc);
}

static int add_notes(struct reader *r, struct store_detail *d)
{
	sqlite3_stmt *st = r->st[R_NOTES];
	int rc;

	for (rc = open_range(st, d->m->id); rc == SQLITE_ROW; rc = step_row(st)) {
		struct store_note *n;

		if (grow(&d->notes, d->n_notes, sizeof *d->notes) < 0) {
			rc = SQLITE_NOMEM;
			break;
		}
		n = &d->notes[d->n_notes++];
		*n = (struct store_note){.part = msg_key_part(column(st, 0)), .at = column(st, 1), .link = column(st, 2),
			.state = column(st, 3), .receipt = column(st, 4)};
		column_copy(st, 5, n->raw, sizeof n->raw);
	}
	return end_range(st, rc);
}

/* Throttling and faults of a session cost none; a duplicate has its submit row. */
static bool is_attempt(enum outcome o)
{
	return o != OUTCOME_THROTTLED && o != OUTCOME_LINK_FAULT && o != OUTCOME_UNSENT && o != OUTCOME_DUPLICATE;
}

static int add_attempts(struct reader *r, struct store_detail *d, bool keep, struct store_attempt *last)
{
	sqlite3_stmt *st = r->st[R_ATTEMPTS];
	struct store_attempt *a;
	int rc;

	*last = (struct store_attempt){0};
	for (rc = open_range(st, d->m->id); rc == SQLITE_ROW; rc = step_row(st)) {
		struct store_attempt now = {
			.part = msg_key_part(column(st, 0)),
			.n = column(st, 1),
			.at = column(st, 2),
			.next_at = column(st, 3),
			.link = column(st, 4),
			.code = column(st, 5),
			.outcome = column(st, 6),
			.reason = column(st, 7),
		};
		struct store_part *p = part_of(d, now.part);

		d->unanswered |= now.outcome == OUTCOME_UNKNOWN;
		if (p) {
			p->attempts += is_attempt(now.outcome);
			if (p->state == STATE_QUEUED)
				p->reason = now.reason;
			if (!p->link)
				p->link = now.link;
		}
		if (now.at >= last->at)
			*last = now;
		if (!keep)
			continue;
		if (grow(&d->attempts, d->n_attempts, sizeof *d->attempts) < 0) {
			rc = SQLITE_NOMEM;
			break;
		}
		a = &d->attempts[d->n_attempts++];
		*a = now;
		column_copy(st, 8, a->text, sizeof a->text);
		column_copy(st, 9, a->smsc_id, sizeof a->smsc_id);
	}
	return end_range(st, rc);
}

/* Covered by a tag that was cancelled, though its own final row is still to come. */
static bool is_cancelled(struct reader *r, const struct message *m)
{
	sqlite3_stmt *st = r->st[R_CANCELLED];
	int64_t yes = 0;

	if (!m->n_tag)
		return false;
	BIND(st, m->client, 0, m->id);
	bind_text(st, 2, m->tag);
	return first_column(st, &yes) == SQLITE_ROW && yes;
}

/* No final row: what do the others say? */
static void derive_state(struct reader *r, struct store_detail *d, const struct store_attempt *last)
{
	unsigned n_done = 0, n_begun = 0;
	int64_t now = clock_ms();

	for (unsigned i = 0; i < d->n_parts; i++) {
		n_done += d->parts[i].state >= STATE_SENT;
		n_begun += d->parts[i].state >= STATE_SENDING;
	}
	if (n_done == d->n_parts) {
		d->state = STATE_SENT;
	} else if (n_begun) {
		d->state = STATE_SENDING;
	} else if (is_cancelled(r, d->m)) {
		d->state = d->unanswered ? STATE_UNCONFIRMED : STATE_CANCELLED; /* as apply_final() will say */
		d->reason = REASON_CLIENT;
	} else if (d->m->send_at_ms > now && !last->n) {
		d->state = STATE_SCHEDULED;
		d->reason = REASON_SCHEDULED;
		d->next_try = d->m->send_at_ms;
	} else {
		d->state = STATE_QUEUED;
		if (last->next_at > now) {
			d->reason = last->reason;
			d->next_try = last->next_at;
		}
	}
}

/* A part that never left shares what became of its message. */
static void derive_parts(struct store_detail *d)
{
	for (unsigned i = 0; i < d->n_parts; i++) {
		struct store_part *p = &d->parts[i];

		if (p->state == STATE_QUEUED && (state_is_final(d->state) || d->state == STATE_SCHEDULED)) {
			p->state = d->state;
			p->reason = d->reason;
			p->final_at = d->final_at;
		}
		d->parts_delivered += p->state == STATE_DELIVERED;
	}
	if (d->parts[0].link)
		d->link = d->parts[0].link;
}

void free_detail(struct store_detail *d)
{
	message_free(d->m);
	free(d->parts);
	free(d->attempts);
	free(d->corrections);
	free(d->notes);
	*d = (struct store_detail){0};
}

int load_detail(struct reader *r, uint64_t id, bool attempts, struct store_detail *d)
{
	struct store_attempt last;
	int rc;

	*d = (struct store_detail){0};
	d->m = load_message(r, id, true, &rc);
	if (rc != SQLITE_ROW)
		return rc;
	rc = add_parts(r, d);
	if (!rc)
		rc = add_leases(r, d);
	if (!rc)
		rc = add_submits(r, d);
	if (!rc)
		rc = add_finals(r, d);
	if (!rc)
		rc = add_corrections(r, d);
	if (!rc)
		rc = add_attempts(r, d, attempts, &last);
	if (!rc && attempts)
		rc = add_notes(r, d);
	if (rc) {
		free_detail(d);
		return rc;
	}
	if (!d->final_at)
		derive_state(r, d, &last);
	derive_parts(d);
	return SQLITE_OK;
}

int read_message(struct reader *r, struct store_query *query)
{
	struct q_message *q = (struct q_message *)query;
	int rc = load_detail(r, q->id, true, &q->ret);

	if (rc == SQLITE_OK && q->client && q->ret.m->client != q->client) {
		free_detail(&q->ret);
		return -ENOENT;
	}
	return rc == SQLITE_DONE ? -ENOENT : to_errno(rc);
}
