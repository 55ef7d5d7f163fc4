/* SPDX-License-Identifier: Apache-2.0
 *
 * store_sqlite_load.c -- reads of the queue and of the webhooks: messages on their way back into memory.
 *
 * What the rows say of a message is collected through five cursors that all rise by id (final, submit, lease, bound,
 * attempt).  For one message each is opened on its range; for the scan after a restart they are opened once on the
 * whole range and merged, so that a million messages cost a million steps and not five million look-ups.
 *
 * The scan skips what lies in backlog or due by a bitmap made when it begins.  Rows that change while it runs do no
 * harm: what leaves backlog or due is in the queue's hands by then, and new messages have ids beyond the range.
 */
#include "queue/store_sqlite.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"

#define TEXTLESS_TOLD 10 /* by a line each */

/* ---- growing arrays -------------------------------------------------------------------------------------- */

/* Doubles at powers of two, so no capacity needs to be kept. */
int grow(void *array, unsigned n, size_t size)
{
	void **a = array, *p;

	if (n & (n - 1))
		return 0;
	p = realloc(*a, (n ? n * 2 : 1) * size);
	if (!p)
		return -ENOMEM;
	*a = p;
	return 0;
}

/* ---- which ids wait, as a sparse bitmap ------------------------------------------------------------------ */

#define LEAF_BITS 65536

struct bitmap {
	uint64_t from, n_leaves;
	uint64_t *leaves[]; /* of LEAF_BITS bits each; NULL: all clear */
};

static struct bitmap *bitmap_new(uint64_t from, uint64_t upto)
{
	uint64_t n = upto > from ? (upto - from) / LEAF_BITS + 1 : 0;
	struct bitmap *b = calloc(1, sizeof *b + n * sizeof *b->leaves);

	if (b) {
		b->from = from;
		b->n_leaves = n;
	}
	return b;
}

static void bitmap_free(struct bitmap *b)
{
	if (!b)
		return;
	for (uint64_t i = 0; i < b->n_leaves; i++)
		free(b->leaves[i]);
	free(b);
}

static int bitmap_set(struct bitmap *b, uint64_t id)
{
	uint64_t bit = id - b->from, leaf = bit / LEAF_BITS;

	if (id < b->from || leaf >= b->n_leaves)
		return 0;
	if (!b->leaves[leaf])
		b->leaves[leaf] = calloc(LEAF_BITS / 64, sizeof(uint64_t));
	if (!b->leaves[leaf])
		return -ENOMEM;
	b->leaves[leaf][bit % LEAF_BITS / 64] |= UINT64_C(1) << bit % 64;
	return 0;
}

static bool bitmap_test(const struct bitmap *b, uint64_t id)
{
	uint64_t bit = id - b->from, leaf = bit / LEAF_BITS;

	if (id < b->from || leaf >= b->n_leaves || !b->leaves[leaf])
		return false;
	return b->leaves[leaf][bit % LEAF_BITS / 64] >> bit % 64 & 1;
}

/* ---- cursors --------------------------------------------------------------------------------------------- */

#define SEEK_STEPS 16
#define ID_MAX     ((UINT64_C(1) << 55) - 1) /* its keys are still signed 64-bit integers */

struct cursor {
	sqlite3_stmt *st;
	uint64_t upto;
	uint64_t at; /* column 0 of the row it stands on */
	bool on_row;
	int rc;
};

/* Its rows rise.  In a b-tree that is damaged they need not, and whoever went by their order would never arrive. */
static bool cursor_step(struct cursor *c, uint64_t from)
{
	c->rc = sqlite3_step(c->st);
	c->on_row = c->rc == SQLITE_ROW;
	if (c->on_row)
		c->at = column(c->st, 0);
	if (c->on_row && c->at < from) {
		c->rc = SQLITE_CORRUPT;
		c->on_row = false;
	}
	return c->on_row;
}

static bool cursor_next(struct cursor *c)
{
	return cursor_step(c, c->at);
}

static void cursor_open(struct cursor *c, sqlite3_stmt *st, uint64_t from, uint64_t upto)
{
	c->st = st;
	c->upto = upto;
	BIND(st, from, upto);
	cursor_step(c, from);
}

static int cursor_close(struct cursor *c)
{
	sqlite3_reset(c->st);
	return c->rc == SQLITE_ROW || c->rc == SQLITE_DONE ? SQLITE_OK : c->rc;
}

/* Stand on the first row at or after `from`; true when it is before `upto`.  A few rows are stepped over, which is
 * cheaper than to search; more are jumped over. */
static bool cursor_seek(struct cursor *c, uint64_t from, uint64_t upto)
{
	for (unsigned n = 0; c->on_row && c->at < from; n++) {
		if (n == SEEK_STEPS) {
			sqlite3_reset(c->st);
			BIND(c->st, from, c->upto);
			cursor_step(c, from);
			break;
		}
		cursor_next(c);
	}
	return c->on_row && c->at < upto;
}

struct row_cursors {
	struct cursor final, submit, lease, bound, tries;
	sqlite3_stmt *is_due;
};

static void open_cursors(struct reader *r, struct row_cursors *c, uint64_t from, uint64_t upto)
{
	cursor_open(&c->final, r->st[R_FINALS], msg_key(from, 0), msg_key(upto, 0));
	cursor_open(&c->submit, r->st[R_SUBMITS], msg_key(from, 0), msg_key(upto, 0));
	cursor_open(&c->lease, r->st[R_LEASES], msg_key(from, 0), msg_key(upto, 0));
	cursor_open(&c->bound, r->st[R_BOUND], from, upto);
	cursor_open(&c->tries, r->st[R_TRIES], msg_key(from, 0), msg_key(upto, 0));
	c->is_due = r->st[R_IS_DUE];
}

static int close_cursors(struct row_cursors *c)
{
	struct cursor *all[] = {&c->final, &c->submit, &c->lease, &c->bound, &c->tries};
	int rc = SQLITE_OK;

	for (int i = 0; i < 5; i++) {
		int rc2 = cursor_close(all[i]);

		rc = rc ? rc : rc2;
	}
	return rc;
}

/* ---- one message ----------------------------------------------------------------------------------------- */

/* False: no memory for it. */
static bool take_text(sqlite3_stmt *st, int i, const char **ret, size_t *ret_n)
{
	*ret = (const char *)sqlite3_column_text(st, i);
	*ret_n = sqlite3_column_bytes(st, i);
	return *ret || sqlite3_column_type(st, i) == SQLITE_NULL;
}

/* Of a row that has MESSAGE_COLUMNS from column `i` on.  Text NULL: scrubbed or not asked for.  NULL with SQLITE_DONE:
 * no such message. */
static struct message *take_message(sqlite3_stmt *st, int i, int *ret_rc)
{
	struct message m = {.id = column(st, i)}, *copy;
	unsigned bits = column(st, i + 4);
	size_t n_from, n_ref, n_tag;

	*ret_rc = SQLITE_DONE;
	if (!m.id)
		return NULL;
	m.client = column(st, i + 1);
	m.route = column(st, i + 2);
	m.campaign = column(st, i + 3);
	m.class = bits & 3;
	m.report = bits_report(bits);
	m.flags = bits >> 4 & 0xf;
	m.encoding = bits >> 8 & 0xf;
	m.wish = bits >> 12 & 0xf;
	m.n_parts = bits_parts(bits);
	m.to = column(st, i + 5);
	m.created_ms = column(st, i + 6);
	m.send_at_ms = column(st, i + 7);
	m.ttl_end_ms = column(st, i + 8);
	*ret_rc = SQLITE_NOMEM;
	if (!take_text(st, i + 9, &m.from, &n_from) || !take_text(st, i + 10, &m.ref, &n_ref) ||
		!take_text(st, i + 11, &m.tag, &n_tag))
		return NULL;
	m.n_from = n_from;
	m.n_ref = n_ref;
	m.n_tag = n_tag;
	m.text = sqlite3_column_blob(st, i + 12);
	m.n_text = sqlite3_column_bytes(st, i + 12);
	m.tlvs = sqlite3_column_blob(st, i + 13);
	m.n_tlvs = sqlite3_column_bytes(st, i + 13);
	copy = message_new(&m);
	*ret_rc = copy ? SQLITE_ROW : SQLITE_NOMEM;
	if (copy && sqlite3_column_type(st, i + 12) == SQLITE_NULL)
		copy->text = NULL;
	return copy;
}

struct message *load_message(struct reader *r, uint64_t id, bool body, int *ret_rc)
{
	sqlite3_stmt *st = r->st[R_MESSAGE];
	struct message *m = NULL;

	BIND(st, id, body);
	*ret_rc = sqlite3_step(st);
	if (*ret_rc == SQLITE_ROW)
		m = take_message(st, 0, ret_rc);
	sqlite3_reset(st);
	return m;
}

static uint64_t part_bit(unsigned part)
{
	return part >= 1 && part <= 64 ? UINT64_C(1) << (part - 1) : 0;
}

static int add_sent(struct store_loaded *l, const struct cursor *c, enum msg_state state)
{
	struct store_sent *sent;

	if (grow(&l->sent, l->n_sent, sizeof *l->sent) < 0)
		return SQLITE_NOMEM;
	sent = &l->sent[l->n_sent++];
	sent->part = msg_key_part(c->at);
	sent->state = state;
	sent->link = column(c->st, 1);
	sent->at = column(c->st, 2);
	column_copy(c->st, 3, sent->smsc_id, sizeof sent->smsc_id);
	return SQLITE_OK;
}

static bool costs_a_try(enum outcome o)
{
	return o == OUTCOME_RETRY || o == OUTCOME_REJECTED || o == OUTCOME_RECIPIENT || o == OUTCOME_UNKNOWN;
}

/* Attempts are counted as the queue does, in rounds over the parts, anew with each link; and which parts does a due row
 * bring back? */
static int load_attempts(struct row_cursors *c, uint64_t from, uint64_t upto, struct store_loaded *l)
{
	sqlite3_stmt *st = c->is_due;
	unsigned part = 0, tries = 0;
	uint32_t link = 0, now;
	int64_t next_at;
	int rc = SQLITE_OK;

	while (!rc && cursor_seek(&c->tries, from, upto)) {
		if (msg_key_part(c->tries.at) != part)
			tries = 0;
		part = msg_key_part(c->tries.at);
		now = column(c->tries.st, 3);
		if (link && now != link)
			tries = l->tries = 0;
		link = now;
		tries += costs_a_try(column(c->tries.st, 1));
		if (tries > l->tries)
			l->tries = tries;
		next_at = column(c->tries.st, 2);
		if (next_at && !((l->submitted | l->finals) & part_bit(part))) {
			BIND(st, next_at, c->tries.at);
			rc = sqlite3_step(st);
			if (rc == SQLITE_ROW)
				l->due |= part_bit(part);
			sqlite3_reset(st);
			rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
		}
		cursor_next(&c->tries);
	}
	return rc;
}

/* What the rows of one message say; the cursors may stand before them, never after. */
static int load_rows(struct row_cursors *c, uint64_t id, bool settled, struct store_loaded *l)
{
	uint64_t from = msg_key(id, 0), upto = msg_key(id + 1, 0);
	uint8_t states[256] = {0};
	int rc = SQLITE_OK;

	while (cursor_seek(&c->final, from, upto)) {
		states[msg_key_part(c->final.at)] = column(c->final.st, 1);
		if (c->final.at == from)
			l->final = true;
		l->finals |= part_bit(msg_key_part(c->final.at));
		cursor_next(&c->final);
	}
	while (!rc && cursor_seek(&c->submit, from, upto)) {
		uint8_t state = states[msg_key_part(c->submit.at)];

		l->submitted |= part_bit(msg_key_part(c->submit.at));
		if (!state && l->m && l->m->n_parts == 1)
			state = states[0]; /* one part is the message */
		if (settled || (!l->final && !(l->finals & part_bit(msg_key_part(c->submit.at)))))
			rc = add_sent(l, &c->submit, state ? state : STATE_SENT);
		cursor_next(&c->submit);
	}
	while (cursor_seek(&c->lease, from, upto)) {
		l->leased |= part_bit(msg_key_part(c->lease.at));
		l->lease_link = column(c->lease.st, 1);
		cursor_next(&c->lease);
	}
	if (cursor_seek(&c->bound, id, id + 1)) {
		l->bound_link = column(c->bound.st, 1);
		l->bound_ref = column(c->bound.st, 2);
		l->bound_parts = column(c->bound.st, 3);
		l->bound_cut = column(c->bound.st, 4);
	}
	return rc ? rc : load_attempts(c, from, upto, l);
}

/* SQLITE_ROW, or SQLITE_DONE: no such message. */
int load_one(struct reader *r, uint64_t id, bool body, struct store_loaded *ret)
{
	struct row_cursors c;
	int rc, rc2;

	ret->m = load_message(r, id, body, &rc);
	if (rc != SQLITE_ROW)
		return rc;
	open_cursors(r, &c, id, id + 1);
	rc = load_rows(&c, id, false, ret);
	rc2 = close_cursors(&c);
	rc = rc ? rc : rc2;
	return rc ? rc : SQLITE_ROW;
}

/* Only what is final is ever scrubbed, and an empty text has a row: a page was lost, or is an old one.  The message is
 * brought all the same, without its text, and whoever gets it must not send it; others of the same page are whole. */
static void look_at_text(struct reader *r, const struct q_load *q, const struct store_loaded *l)
{
	if (q->no_body || l->final || !l->m || l->m->text)
		return;
	if (r->n_textless++ < TEXTLESS_TOLD)
		log_error("text_lost", "msg=%llu why=%s", (unsigned long long)l->m->id,
			"it waits and its text cannot be found: it is not sent");
	damage_met(r->store, DAMAGE_READING, SQLITE_CORRUPT);
}

void free_loaded(struct store_loaded *rows, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		message_free(rows[i].m);
		free(rows[i].sent);
	}
	free(rows);
}

void free_load(struct q_load *q)
{
	free_loaded(q->rows, q->n_rows);
	q->rows = NULL;
	q->n_rows = 0;
}

/* ---- pages ----------------------------------------------------------------------------------------------- */

static void reset_load(struct q_load *q)
{
	q->rows = NULL;
	q->n_rows = 0;
	q->last_seq = q->after_seq;
	q->last_at = 0;
	q->last_key = 0;
	q->next_id = q->from_id;
	q->more = false;
}

/* Append a cleared row.  It counts at once, so that an error half way frees what it got. */
static struct store_loaded *add_row(struct q_load *q)
{
	if (grow(&q->rows, q->n_rows, sizeof *q->rows) < 0)
		return NULL;
	memset(&q->rows[q->n_rows], 0, sizeof *q->rows);
	return &q->rows[q->n_rows++];
}

static bool is_full(const struct q_load *q)
{
	return q->limit && q->n_rows >= q->limit;
}

/* The cursors of one page.  Ids mostly rise, so they are opened once and go along; what waits has few rows in these
 * tables, and then they stand far ahead and cost nothing. */
struct page {
	struct row_cursors c;
	bool open;
	uint64_t last_id;
};

static int page_close(struct page *p)
{
	bool was_open = p->open;

	p->open = false;
	return was_open ? close_cursors(&p->c) : SQLITE_OK;
}

static int page_seek(struct page *p, struct reader *r, uint64_t id)
{
	int rc = SQLITE_OK;

	if (p->open && id <= p->last_id)
		rc = page_close(p);
	if (!p->open)
		open_cursors(r, &p->c, id, ID_MAX);
	p->open = true;
	p->last_id = id;
	return rc;
}

/* A row whose message is gone is no error (somebody may have deleted by hand): it comes back without one, as final.
 * `st` stands on a row with its columns from `i` on, or is NULL. */
static int append(struct reader *r, struct q_load *q, struct page *p, uint64_t id, sqlite3_stmt *st, int i,
	struct store_loaded **ret)
{
	int rc;

	*ret = add_row(q);
	if (!*ret)
		return SQLITE_NOMEM;
	(*ret)->m = st ? take_message(st, i, &rc) : load_message(r, id, !q->no_body, &rc);
	(*ret)->final = rc == SQLITE_DONE;
	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? SQLITE_OK : rc;
	rc = page_seek(p, r, id);
	if (!rc)
		rc = load_rows(&p->c, id, q->settled, *ret);
	if (!rc)
		look_at_text(r, q, *ret);
	return rc;
}

/* An error frees what was read so far; SQLITE_ROW and SQLITE_DONE are none. */
static int finish(struct q_load *q, struct page *p, int rc)
{
	int rc2 = p ? page_close(p) : SQLITE_OK;

	if (rc2)
		rc = rc2;
	if (rc == SQLITE_OK || rc == SQLITE_ROW || rc == SQLITE_DONE)
		return 0;
	free_load(q);
	return db_errno(rc);
}

/* Q_BACKLOG and Q_EXPIRED walk a lane alike; the second loads only what ends by `end`. */
static int walk_lane(struct reader *r, struct q_load *q, int64_t end)
{
	sqlite3_stmt *st = r->st[R_BACKLOG];
	struct page page = {0};
	struct store_loaded *l;
	int rc, rc2;

	reset_load(q);
	BIND(st, q->lane, q->after_seq, end, !q->no_body);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (is_full(q) || page_over(r)) {
			q->more = true;
			break;
		}
		q->last_seq = column(st, 0);
		if (column(st, 2) > end)
			continue;
		rc2 = append(r, q, &page, column(st, 1), st, 3, &l);
		if (rc2) {
			rc = rc2;
			break;
		}
		l->lane = q->lane;
		l->seq = q->last_seq;
	}
	sqlite3_reset(st);
	return finish(q, &page, rc);
}

int read_backlog(struct reader *r, struct store_query *q)
{
	return walk_lane(r, (struct q_load *)q, INT64_MAX);
}

int read_expired(struct reader *r, struct store_query *q)
{
	return walk_lane(r, (struct q_load *)q, ((struct q_load *)q)->upto);
}

static void set_due(struct store_loaded *l, sqlite3_stmt *st)
{
	l->due_at = column(st, 0);
	l->due_key = column(st, 1);
	l->due_reason = column(st, 2);
	l->tries = column(st, 3);
	l->skip = column(st, 4);
	l->due |= part_bit(msg_key_part(l->due_key));
}

/* Of the attempt that made this due row, which need not be the last: one that the disk had refused comes late.  0:
 * there is none, which cannot be. */
static uint32_t attempt_link(struct reader *r, uint64_t key, int64_t next_at)
{
	sqlite3_stmt *st = r->st[R_ATTEMPT_LINK];
	uint32_t link;

	BIND(st, key, next_at);
	link = sqlite3_step(st) == SQLITE_ROW ? column(st, 0) : 0;
	sqlite3_reset(st);
	return link;
}

int read_due(struct reader *r, struct store_query *query)
{
	struct q_load *q = (struct q_load *)query;
	sqlite3_stmt *st = r->st[R_DUE];
	struct page page = {0};
	struct store_loaded *l;
	int64_t last_at = q->after_at;
	unsigned only = q->held ? REASON_HOLD : q->unconfirmed ? REASON_NO_RECEIPT : REASON_NONE;
	int rc, rc2;

	reset_load(q);
	q->last_key = q->after_key;
	BIND(st, q->after_at, q->after_key, only, !q->no_body);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (column(st, 0) > q->upto) {
			q->last_at = column(st, 0);
			break;
		}
		if (is_full(q) || page_over(r)) {
			q->more = true;
			q->last_at = last_at;
			break;
		}
		last_at = column(st, 0);
		q->last_key = column(st, 1);
		if (only && column(st, 2) != only)
			continue;
		rc2 = append(r, q, &page, msg_key_id(q->last_key), st, 5, &l);
		if (rc2) {
			rc = rc2;
			break;
		}
		set_due(l, st);
		if (q->held)
			l->lease_link = attempt_link(r, q->last_key, last_at);
	}
	sqlite3_reset(st);
	return finish(q, &page, rc);
}

/* n_rows = 0: no such message. */
int read_load(struct reader *r, struct store_query *query)
{
	struct q_load *q = (struct q_load *)query;
	struct page page = {0};
	struct store_loaded *l;
	int rc;

	reset_load(q);
	rc = append(r, q, &page, q->from_id, NULL, 0, &l);
	if (!rc && !l->m)
		free_load(q);
	return finish(q, &page, rc);
}

/* Leases never exceed the open windows, so they all come at once (limit 0) or by pages from from_id. */
int read_leases(struct reader *r, struct store_query *query)
{
	struct q_load *q = (struct q_load *)query;
	uint64_t *ids = NULL, id;
	unsigned n = 0;
	struct page page = {0};
	struct store_loaded *l;
	sqlite3_stmt *st = r->st[R_LEASES];
	int rc;

	reset_load(q);
	BIND(st, msg_key(q->from_id, 0), INT64_MAX);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		id = msg_key_id(column(st, 0));
		if (n && ids[n - 1] == id)
			continue;
		q->next_id = id;
		q->more = q->limit && n == q->limit;
		if (q->more)
			break;
		if (grow(&ids, n, sizeof *ids) < 0) {
			rc = SQLITE_NOMEM;
			break;
		}
		ids[n++] = id;
	}
	/* append() needs this statement. */
	sqlite3_reset(st);
	for (unsigned i = 0; i < n && (rc == SQLITE_DONE || rc == SQLITE_ROW); i++) {
		int rc2 = append(r, q, &page, ids[i], NULL, 0, &l);

		rc = rc2 ? rc2 : rc;
	}
	if (!q->more && n)
		q->next_id = ids[n - 1] + 1;
	free(ids);
	return finish(q, &page, rc);
}

/* ---- the scan after a restart ---------------------------------------------------------------------------- */

void waiting_free(struct reader *r)
{
	bitmap_free(r->waiting);
	bitmap_free(r->parts_due);
	r->waiting = r->parts_due = NULL;
}

static int mark_waiting(struct reader *r)
{
	sqlite3_stmt *backlog = r->st[R_BACKLOG_FRESH], *due = r->st[R_DUE_FRESH];
	int rc, r2 = 0;

	r->waiting = bitmap_new(r->fresh_from, r->fresh_upto);
	r->parts_due = bitmap_new(r->fresh_from, r->fresh_upto);
	if (!r->waiting || !r->parts_due)
		return SQLITE_NOMEM;
	/* seq is never less than id, so what has an id in the range has a seq in it or above. */
	BIND(backlog, r->fresh_from);
	while (!r2 && (rc = sqlite3_step(backlog)) == SQLITE_ROW)
		r2 = bitmap_set(r->waiting, column(backlog, 0));
	sqlite3_reset(backlog);
	if (!r2 && rc != SQLITE_DONE)
		return rc;
	while (!r2 && (rc = sqlite3_step(due)) == SQLITE_ROW) {
		uint64_t key = column(due, 0);

		/* Part 0 speaks of the whole message; a part only of itself, and other parts may be nobody's. */
		if (msg_key_part(key) == 0)
			r2 = bitmap_set(r->waiting, msg_key_id(key));
		else if (msg_key_part(key) == 1)
			r2 = bitmap_set(r->parts_due, msg_key_id(key));
	}
	sqlite3_reset(due);
	return r2 ? SQLITE_NOMEM : rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static bool is_final(struct row_cursors *c, uint64_t id)
{
	return cursor_seek(&c->final, msg_key(id, 0), msg_key(id, 0) + 1);
}

static int load_fresh(struct reader *r, struct q_load *q, struct row_cursors *c, uint64_t id)
{
	struct store_loaded *l = add_row(q);
	int rc;

	if (!l)
		return SQLITE_NOMEM;
	l->m = load_message(r, id, !q->no_body, &rc);
	if (rc != SQLITE_ROW)
		return rc;
	rc = load_rows(c, id, q->settled, l);
	if (!rc)
		look_at_text(r, q, l);
	if (!q->settled && bitmap_test(r->parts_due, id) && (l->bound_parts ? l->bound_parts : l->m->n_parts) == 1) {
		message_free(l->m); /* its due row knows all of it */
		free(l->sent);
		q->n_rows--;
	}
	return rc;
}

int read_fresh(struct reader *r, struct store_query *query)
{
	struct q_load *q = (struct q_load *)query;
	struct row_cursors c;
	struct cursor ids = {0};
	int rc = r->waiting || q->settled ? SQLITE_OK : mark_waiting(r), rc2;

	reset_load(q);
	if (rc) {
		waiting_free(r); /* half a bitmap must not be believed next time */
		return finish(q, NULL, rc);
	}
	open_cursors(r, &c, q->from_id, q->upto_id);
	for (cursor_open(&ids, r->st[R_IDS], q->from_id, q->upto_id); !rc && ids.on_row; cursor_next(&ids)) {
		if (is_full(q) || page_over(r)) {
			q->more = true;
			break;
		}
		if (q->settled ? is_final(&c, ids.at) : !bitmap_test(r->waiting, ids.at) && !is_final(&c, ids.at))
			rc = load_fresh(r, q, &c, ids.at);
		q->next_id = ids.at + 1;
	}
	rc2 = cursor_close(&ids);
	rc = rc ? rc : rc2;
	rc2 = close_cursors(&c);
	rc = rc ? rc : rc2;
	if (!q->more) {
		q->next_id = q->upto_id;
		if (!q->settled)
			waiting_free(r);
	}
	return finish(q, NULL, rc);
}

/* ---- events ---------------------------------------------------------------------------------------------- */

/* An event that finds no row is told without it: retention was there.  What cannot be read is told later. */
static int add_inbound(struct reader *r, struct store_event *e)
{
	sqlite3_stmt *st = r->st[R_EVENT_INBOUND];
	size_t n[5];
	char *at;
	int rc;

	BIND(st, e->key);
	rc = step_row(st);
	if (rc == SQLITE_ROW) {
		size_t all = 5;

		for (int i = 0; i < 5; i++)
			all += n[i] = (sqlite3_column_text(st, i), sqlite3_column_bytes(st, i));
		at = e->in_from = malloc(all);
		for (int i = 0; at && i < 5; i++) {
			if (n[i]) /* NULL has no place to copy from */
				memcpy(at, sqlite3_column_text(st, i), n[i]);
			at[n[i]] = '\0';
			at += n[i] + 1;
		}
		if (at) {
			e->in_to = e->in_from + n[0] + 1;
			e->in_text = e->in_to + n[1] + 1;
			e->in_raw_hex = e->in_text + n[2] + 1;
			e->in_missing = e->in_raw_hex + n[3] + 1;
		}
		rc = !at ? SQLITE_NOMEM : !n[4] || is_list_of_parts(e->in_missing) ? rc : SQLITE_CORRUPT;
		e->link = column(st, 5);
		e->in_dcs = column(st, 6);
		e->in_esm_class = column(st, 7);
		e->parts = column(st, 8);
	}
	sqlite3_reset(st);
	return rc;
}

int read_events(struct reader *r, struct store_query *query)
{
	struct q_events *q = (struct q_events *)query;
	sqlite3_stmt *st = r->st[R_EVENTS];
	int rc;

	q->rows = NULL;
	q->n_rows = 0;
	q->more = false;
	BIND(st, q->endpoint, q->shard, q->after_seq, q->limit + 1, EVENT_INBOUND);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_event *e;

		q->more = q->n_rows == q->limit || page_over(r);
		if (q->more)
			break;
		if (grow(&q->rows, q->n_rows, sizeof *q->rows) < 0) {
			rc = SQLITE_NOMEM;
			break;
		}
		e = &q->rows[q->n_rows++];
		*e = (struct store_event){
			.seq = column(st, 0),
			.kind = column(st, 1),
			.key = column(st, 2),
			.state = column(st, 3),
			.at = column(st, 4),
			.parts_delivered = column(st, 5),
			.part = column(st, 6),
			.to = column(st, 8),
			.parts = column(st, 10),
		};
		column_copy(st, 7, e->error, sizeof e->error);
		column_copy(st, 9, e->ref, sizeof e->ref);
		if (e->kind == EVENT_INBOUND)
			rc = add_inbound(r, e);
		else
			e->id = msg_key_id(e->key);
		if (rc != SQLITE_ROW && rc != SQLITE_DONE)
			break;
	}
	sqlite3_reset(st);
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		return 0;
	free_events(q);
	return db_errno(rc);
}

void free_events(struct q_events *q)
{
	for (unsigned i = 0; i < q->n_rows; i++)
		free(q->rows[i].in_from);
	free(q->rows);
	q->rows = NULL;
	q->n_rows = 0;
}
