/* SPDX-License-Identifier: Apache-2.0
 *
 * store_sqlite_inbound.c -- inbound messages, and the parts that they come in.
 *
 * What a part means for its set is decided here, inside the transaction (op_inbound_part in store.h).  The texts of a
 * set are read, put together and given back by OP_INBOUND; in between a part may have come, so the writer compares how
 * many there are.  Message, event and the mark of the set are one commit: a set is joined once, whatever dies when.
 *
 * A joined set keeps the digests of its parts, so that a carrier that repeats them is only answered.  It goes when its
 * deadline has passed; a partial one had reached its deadline, and stays for as long again.  New sets take them away.
 */
#include "queue/store_sqlite.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"

#define SETS_GO 2 /* joined sets past their time that go with each new one: there are never many more than are of use */

/* ---- writer: parts --------------------------------------------------------------------------------------- */

struct set {
	uint64_t n;
	unsigned have;
	uint64_t joined;
};

/* SQLITE_OK and n = 0: there is none. */
static int find_set(struct writer *w, const struct op_inbound_part *o, struct set *ret)
{
	sqlite3_stmt *st = w->st[W_SET_FIND];
	int rc;

	*ret = (struct set){0};
	BIND(st, o->link, 0, 0, o->wide, o->ref, o->total);
	bind_text(st, 2, o->from);
	bind_text(st, 3, o->to);
	rc = step_row(st);
	if (rc == SQLITE_ROW)
		*ret = (struct set){column(st, 0), column(st, 1), column(st, 2)};
	sqlite3_reset(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int run_for(struct writer *w, int which, uint64_t n)
{
	BIND(w->st[which], n);
	return run(w->st[which]);
}

static int delete_set(struct writer *w, uint64_t n)
{
	int rc = run_for(w, W_PARTS_DELETE, n);

	return rc ? rc : run_for(w, W_SET_DELETE, n);
}

static int64_t digest_of(const struct op_inbound_part *o)
{
	return (int64_t)hash_bytes(o->dcs, o->raw, o->n_raw);
}

/* SQLITE_ROW: it is there, and `*ret_same` tells whether with these octets; SQLITE_DONE: it is not. */
static int look_for_part(struct writer *w, uint64_t set, const struct op_inbound_part *o, bool *ret_same)
{
	int64_t digest = 0;
	int rc;

	BIND(w->st[W_PART_DIGEST], set, o->seq);
	rc = first_column(w->st[W_PART_DIGEST], &digest);
	*ret_same = digest == digest_of(o);
	return rc;
}

/* The set stands in the way of a new message with its reference. */
static int make_room(struct writer *w, const struct set *s, struct op_inbound_part *o)
{
	if (s->joined)
		return delete_set(w, s->n);
	o->ret_replaced = s->n;
	return run_for(w, W_SET_REPLACED, s->n);
}

/* What is nearest to its deadline goes first. */
static int force_one(struct writer *w, struct op_inbound_part *o)
{
	int64_t n = 0;
	int rc = first_column(w->st[W_SET_FIRST], &n);

	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? SQLITE_OK : rc;
	o->ret_forced = n;
	return run_for(w, W_SET_DUE, n);
}

static int new_set(struct writer *w, struct op_inbound_part *o, struct set *ret)
{
	sqlite3_stmt *st = w->st[W_SET];
	unsigned n;
	int rc = inbound_sets_purge(w, SETS_GO, &n);

	if (!rc && w->m.n_inbound_open >= w->store->max_inbound_sets)
		rc = force_one(w, o);
	if (rc)
		return rc;
	BIND(st, o->link, 0, 0, o->wide, o->ref, o->total, o->at, o->until);
	bind_text(st, 2, o->from);
	bind_text(st, 3, o->to);
	rc = run(st);
	*ret = (struct set){.n = sqlite3_last_insert_rowid(w->db)};
	w->m.n_inbound_open++;
	return rc;
}

static int add_part(struct writer *w, struct set *s, const struct op_inbound_part *o)
{
	sqlite3_stmt *st = w->st[W_PART];
	int rc;

	BIND(st, s->n, o->seq, digest_of(o), o->dcs, o->esm_class);
	sqlite3_bind_text(st, 6, o->text ? o->text : "", o->n_text, SQLITE_STATIC);
	sqlite3_bind_blob(st, 7, o->raw ? (const void *)o->raw : "", o->n_raw, SQLITE_STATIC);
	rc = run(st);
	if (rc)
		return rc;
	s->have++;
	return run_for(w, W_SET_GROW, s->n);
}

int apply_inbound_part(struct writer *w, struct store_op *op)
{
	struct op_inbound_part *o = (struct op_inbound_part *)op;
	int rc, rc2 = SQLITE_DONE;
	bool same = false;
	struct set s;

	o->ret_replaced = o->ret_forced = 0;
	rc = find_set(w, o, &s);
	if (!rc && s.n)
		rc2 = look_for_part(w, s.n, o, &same);
	if (rc || (rc2 != SQLITE_ROW && rc2 != SQLITE_DONE))
		return rc ? rc : rc2;
	o->ret_again = rc2 == SQLITE_ROW && same;
	if (!o->ret_again) {
		bool fits = s.n && !s.joined && rc2 == SQLITE_DONE;

		if (!fits && w->m.n_inbound_open >= 2 * (uint64_t)w->store->max_inbound_sets) {
			op->r = -EBUSY;
			return SQLITE_OK;
		}
		if (!fits && s.n)
			rc = make_room(w, &s, o);
		if (!fits && !rc)
			rc = new_set(w, o, &s);
		if (!rc)
			rc = add_part(w, &s, o);
	}
	o->ret_set = s.n;
	o->ret_have = s.have;
	return rc;
}

/* ---- writer: messages ------------------------------------------------------------------------------------ */

struct set_state {
	uint64_t joined;
	unsigned have;
	bool current;
	int64_t until, at;
};

/* SQLITE_DONE: no such set. */
static int read_state(struct writer *w, uint64_t n, struct set_state *ret)
{
	sqlite3_stmt *st = w->st[W_SET_STATE];
	int rc;

	BIND(st, n);
	rc = step_row(st);
	if (rc == SQLITE_ROW)
		*ret = (struct set_state){column(st, 0), column(st, 1), column(st, 2), column(st, 3), column(st, 4)};
	sqlite3_reset(st);
	return rc;
}

/* A set that takes no parts any more has no repetitions to know. */
static int mark_joined(struct writer *w, const struct op_inbound *o, const struct set_state *s)
{
	int64_t due = s->until > w->now ? s->until : w->now + (s->until - s->at);
	int rc;

	w->m.n_inbound_open--;
	if (!s->current)
		return delete_set(w, o->set);
	rc = run_for(w, W_PARTS_EMPTY, o->set);
	if (rc)
		return rc;
	BIND(w->st[W_SET_JOINED], o->set, o->n, due);
	return run(w->st[W_SET_JOINED]);
}

static int insert_inbound(struct writer *w, struct op_inbound *o)
{
	sqlite3_stmt *st = w->st[W_INBOUND];
	int rc;

	BIND(st, o->at, o->link, o->client, 0, 0, 0, 0, o->dcs, o->esm_class, o->parts ? o->parts : 1);
	bind_text(st, 4, o->from ? o->from : "");
	bind_text(st, 5, o->to ? o->to : "");
	sqlite3_bind_text(st, 6, o->text ? o->text : "", o->n_text, SQLITE_STATIC);
	sqlite3_bind_blob(st, 7, o->raw ? (const void *)o->raw : "", o->n_raw, SQLITE_STATIC);
	bind_text_or_null(st, 11, o->missing);
	if (o->digest)
		sqlite3_bind_int64(st, 12, (int64_t)o->digest);
	else
		sqlite3_bind_null(st, 12);
	sqlite3_bind_int64(st, 13, (int64_t)w->m.last_inbound + 1);
	rc = run(st);
	o->n = rc || !sqlite3_changes(w->db) ? 0 : ++w->m.last_inbound;
	if (rc || !o->n || !o->endpoint)
		return rc;
	return add_event(w, o->endpoint, o->n % w->shards,
		&(struct store_event_row){.kind = EVENT_INBOUND, .key = o->n, .at = o->at});
}

int apply_inbound(struct writer *w, struct store_op *op)
{
	struct op_inbound *o = (struct op_inbound *)op;
	struct set_state s = {0};
	int rc;

	if (!o->set)
		return insert_inbound(w, o);
	rc = read_state(w, o->set, &s);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return rc;
	if (rc == SQLITE_DONE || s.joined)
		op->r = -EEXIST;
	else if (s.have != o->have)
		op->r = -ESTALE;
	if (op->r)
		return SQLITE_OK;
	rc = insert_inbound(w, o);
	return rc ? rc : mark_joined(w, o, &s);
}

int inbound_sets_purge(struct writer *w, unsigned limit, unsigned *ret_n)
{
	sqlite3_stmt *st = w->st[W_OLD_SETS];
	int rc = SQLITE_OK;
	int64_t n;

	*ret_n = 0;
	while (!rc && *ret_n < limit) {
		BIND(st, w->now, 1);
		rc = first_column(st, &n);
		if (rc == SQLITE_DONE)
			return SQLITE_OK;
		rc = rc == SQLITE_ROW ? delete_set(w, n) : rc;
		++*ret_n;
	}
	return rc;
}

/* ---- readers --------------------------------------------------------------------------------------------- */

static char *column_dup(sqlite3_stmt *st, int i)
{
	const char *text = (const char *)sqlite3_column_text(st, i);

	return strdup(text ? text : "");
}

static int set_part(struct store_inbound_part *p, sqlite3_stmt *st)
{
	uint32_t n_text = (sqlite3_column_text(st, 3), (uint32_t)sqlite3_column_bytes(st, 3));
	uint32_t n_raw = (sqlite3_column_blob(st, 4), (uint32_t)sqlite3_column_bytes(st, 4));

	*p = (struct store_inbound_part){.seq = column(st, 0), .dcs = column(st, 1), .esm_class = column(st, 2),
		.n_text = n_text, .n_raw = n_raw, .text = malloc((size_t)n_text + n_raw + 1)};
	if (!p->text)
		return SQLITE_NOMEM;
	if (n_text)
		memcpy(p->text, sqlite3_column_text(st, 3), n_text);
	p->text[n_text] = '\0';
	if (n_raw)
		memcpy(p->text + n_text + 1, sqlite3_column_blob(st, 4), n_raw);
	p->raw = (const uint8_t *)p->text + n_text + 1;
	return SQLITE_OK;
}

static int set_head(struct reader *r, struct q_inbound_set *q)
{
	sqlite3_stmt *st = r->st[R_SET];
	int rc;

	BIND(st, q->set);
	rc = step_row(st);
	if (rc == SQLITE_ROW) {
		q->link = column(st, 0);
		q->from = column_dup(st, 1);
		q->to = column_dup(st, 2);
		q->total = column(st, 3);
		if (!q->from || !q->to)
			rc = SQLITE_NOMEM;
	}
	sqlite3_reset(st);
	return rc;
}

/* All of it whatever its size: intake bounds what a set can hold. */
int read_inbound_set(struct reader *r, struct store_query *query)
{
	struct q_inbound_set *q = (struct q_inbound_set *)query;
	sqlite3_stmt *st = r->st[R_SET_PARTS];
	int rc;

	q->from = q->to = NULL;
	q->parts = NULL;
	q->n_parts = 0;
	rc = set_head(r, q);
	if (rc == SQLITE_DONE)
		return -ENOENT;
	if (rc != SQLITE_ROW)
		goto failed;
	BIND(st, q->set);
	while ((rc = step_row(st)) == SQLITE_ROW) {
		if (grow(&q->parts, q->n_parts, sizeof *q->parts) < 0)
			rc = SQLITE_NOMEM;
		else
			rc = set_part(&q->parts[q->n_parts++], st);
		if (rc)
			break;
	}
	sqlite3_reset(st);
	if (rc == SQLITE_DONE)
		return 0;
failed:
	free_inbound_set(q);
	return db_errno(rc);
}

void free_inbound_set(struct q_inbound_set *q)
{
	for (unsigned i = 0; i < q->n_parts; i++)
		free(q->parts[i].text);
	free(q->parts);
	free(q->from);
	free(q->to);
	q->from = q->to = NULL;
	q->parts = NULL;
	q->n_parts = 0;
}

int read_inbound_due(struct reader *r, struct store_query *query)
{
	struct q_inbound_due *q = (struct q_inbound_due *)query;
	sqlite3_stmt *st = r->st[R_SETS_DUE];
	int rc;

	q->n_sets = 0;
	q->more = false;
	BIND(st, q->now, INBOUND_DUE_MAX + 1);
	while ((rc = step_row(st)) == SQLITE_ROW) {
		q->more = q->n_sets == INBOUND_DUE_MAX;
		if (q->more)
			break;
		q->sets[q->n_sets++] = column(st, 0);
	}
	sqlite3_reset(st);
	return to_errno(rc);
}

bool is_list_of_parts(const char *s)
{
	while (*s >= '0' && *s <= '9') {
		s += strspn(s, "0123456789");
		if (!*s)
			return true;
		if (*s++ != ',')
			return false;
	}
	return false;
}

static int inbound_add(struct reader *r, struct q_inbound *q, sqlite3_stmt *st)
{
	struct store_inbound *in;

	if (grow(&q->rows, q->n_rows, sizeof *q->rows) < 0)
		return SQLITE_NOMEM;
	in = &q->rows[q->n_rows++];
	*in = (struct store_inbound){
		.n = column(st, 0),
		.at = column(st, 1),
		.link = column(st, 2),
		.client = column(st, 3),
		.from = column_dup(st, 4),
		.to = column_dup(st, 5),
		.text = column_dup(st, 6),
		.raw_hex = column_dup(st, 7),
		.dcs = column(st, 8),
		.esm_class = column(st, 9),
		.parts = column(st, 10),
		.missing = column_dup(st, 11),
	};
	r->n_octets += sizeof *in + (size_t)(sqlite3_column_bytes(st, 6) + sqlite3_column_bytes(st, 7));
	if (!in->from || !in->to || !in->text || !in->raw_hex || !in->missing)
		return SQLITE_NOMEM;
	return !*in->missing || is_list_of_parts(in->missing) ? SQLITE_OK : SQLITE_CORRUPT;
}

int read_inbound(struct reader *r, struct store_query *query)
{
	struct q_inbound *q = (struct q_inbound *)query;
	sqlite3_stmt *st = r->st[R_INBOUND];
	int rc, rc2 = SQLITE_OK;

	q->rows = NULL;
	q->n_rows = 0;
	q->next = 0;
	q->complete = true;
	BIND(st, q->after ? q->after : INT64_MAX);
	while (!rc2 && (rc = step_row(st)) == SQLITE_ROW) {
		if (column(st, 1) < q->since)
			break;
		if (q->n_rows >= q->limit || page_over(r)) {
			q->next = column(st, 0) + 1;
			q->complete = q->n_rows >= q->limit;
			break;
		}
		if ((!q->client || column(st, 3) == q->client) && (!*q->from || text_is(st, 4, q->from)) &&
			(!*q->to || text_is(st, 5, q->to)))
			rc2 = inbound_add(r, q, st);
	}
	sqlite3_reset(st);
	rc = rc2 ? rc2 : rc;
	if (to_errno(rc))
		free_inbound(q);
	return to_errno(rc);
}

void free_inbound(struct q_inbound *q)
{
	for (unsigned i = 0; i < q->n_rows; i++) {
		free(q->rows[i].from);
		free(q->rows[i].to);
		free(q->rows[i].text);
		free(q->rows[i].raw_hex);
		free(q->rows[i].missing);
	}
	free(q->rows);
	q->rows = NULL;
	q->n_rows = 0;
}
