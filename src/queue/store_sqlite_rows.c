/* SPDX-License-Identifier: Apache-2.0
 *
 * store_sqlite_rows.c -- rows of a commit that go down together.
 *
 * A statement costs more than the row that it puts down: its values are bound, a cursor is opened, it is ended and
 * reset.  So the rows that every message needs are gathered while a batch is applied, and each table takes what was
 * gathered by one statement, INSERT … SELECT from a virtual table that reads them where they lie.  Rows that go are
 * gathered as well: as ranges of keys where these follow on each other, else by one statement that reads their keys.
 *
 * An operation sees what the operations before it wrote: who reads these tables calls rows_flush() first (prepare()
 * in store_sqlite_commit.c says who does), and of one table either new rows or rows that go are gathered, never both.
 */
#include "queue/store_sqlite.h"

#include <stdio.h>
#include <stdlib.h>

#define RANGE_ROWS 4 /* taken away one by one in the time of a statement */

struct table {
	unsigned statement, columns;
};

static const struct table tables[ROWS_TABLES] = {
	[ROWS_MESSAGE] = {W_MESSAGES, 12},
	[ROWS_BODY] = {W_BODIES, 3},
	[ROWS_BACKLOG] = {W_BACKLOGS, 4},
	[ROWS_LEASE] = {W_LEASES, 3},
	[ROWS_SUBMIT] = {W_SUBMITS, 5},
	[ROWS_FINAL] = {W_FINALS, 7},
	[ROWS_EVENT] = {W_EVENTS, 10},
	[ROWS_LOOKUP] = {W_LOOKUPS, 3},
	[ROWS_KEY] = {W_KEYS, 5},
};

/* ---- the virtual table ----------------------------------------------------------------------------------- */

struct gathered {
	sqlite3_vtab base;
	struct rows *rows;
	/* Only one statement reads it at a time. */
	struct gathered_cursor {
		sqlite3_vtab_cursor base;
		unsigned i;
	} cursor;
};

static int gathered_connect(sqlite3 *db, void *arg, int argc, const char *const *argv, sqlite3_vtab **ret, char **err)
{
	struct gathered *g = sqlite3_malloc(sizeof *g);
	int rc;

	if (!g)
		return SQLITE_NOMEM;
	rc = sqlite3_declare_vtab(db, "CREATE TABLE x (c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11)");
	*g = (struct gathered){.rows = arg};
	*ret = &g->base;
	if (rc != SQLITE_OK)
		sqlite3_free(g);
	return rc;
}

static int gathered_disconnect(sqlite3_vtab *vtab)
{
	sqlite3_free(vtab);
	return SQLITE_OK;
}

static int gathered_best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
	info->estimatedCost = info->estimatedRows = ROWS_MOST;
	return SQLITE_OK;
}

static int gathered_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **ret)
{
	*ret = &((struct gathered *)vtab)->cursor.base;
	return SQLITE_OK;
}

static int gathered_close(sqlite3_vtab_cursor *c)
{
	return SQLITE_OK;
}

static struct rows *rows_of(sqlite3_vtab_cursor *c)
{
	return ((struct gathered *)c->pVtab)->rows;
}

static int gathered_filter(sqlite3_vtab_cursor *c, int n, const char *s, int argc, sqlite3_value **argv)
{
	((struct gathered_cursor *)c)->i = 0;
	return SQLITE_OK;
}

static int gathered_next(sqlite3_vtab_cursor *c)
{
	((struct gathered_cursor *)c)->i++;
	return SQLITE_OK;
}

static int gathered_eof(sqlite3_vtab_cursor *c)
{
	const struct rows *r = rows_of(c);

	return ((struct gathered_cursor *)c)->i >= (r->reading == ROWS_TABLES ? r->n_going : r->n[r->reading]);
}

static int gathered_column(sqlite3_vtab_cursor *c, sqlite3_context *to, int i)
{
	const struct rows *r = rows_of(c);
	unsigned row = ((struct gathered_cursor *)c)->i;
	const struct cell *cell;

	if (r->reading == ROWS_TABLES) {
		sqlite3_result_int64(to, (int64_t)r->going[row].key);
		return SQLITE_OK;
	}
	cell = &r->cells[r->reading][row * tables[r->reading].columns + i];
	switch (cell->type) {
	case SQLITE_INTEGER: sqlite3_result_int64(to, cell->v); break;
	case SQLITE_TEXT: sqlite3_result_text(to, cell->p, (int)cell->n, SQLITE_STATIC); break;
	case SQLITE_BLOB: sqlite3_result_blob(to, cell->p, (int)cell->n, SQLITE_STATIC); break;
	default: break; /* NULL */
	}
	return SQLITE_OK;
}

static int gathered_rowid(sqlite3_vtab_cursor *c, sqlite3_int64 *ret)
{
	*ret = ((struct gathered_cursor *)c)->i;
	return SQLITE_OK;
}

static const sqlite3_module module = {
	.xConnect = gathered_connect,
	.xBestIndex = gathered_best_index,
	.xDisconnect = gathered_disconnect,
	.xOpen = gathered_open,
	.xClose = gathered_close,
	.xFilter = gathered_filter,
	.xNext = gathered_next,
	.xEof = gathered_eof,
	.xColumn = gathered_column,
	.xRowid = gathered_rowid,
};

int rows_open(struct writer *w)
{
	for (int i = 0; i < ROWS_TABLES; i++) {
		w->rows.cells[i] = calloc(ROWS_MOST * tables[i].columns, sizeof(struct cell));
		if (!w->rows.cells[i])
			return SQLITE_NOMEM;
	}
	return sqlite3_create_module(w->db, "gathered", &module, &w->rows);
}

void rows_close(struct writer *w)
{
	for (int i = 0; i < ROWS_TABLES; i++)
		free(w->rows.cells[i]);
	memset(&w->rows, 0, sizeof w->rows);
}

/* ---- rows that come -------------------------------------------------------------------------------------- */

static int put_down(struct writer *w, enum rows_table t)
{
	int rc;

	if (!w->rows.n[t])
		return SQLITE_OK;
	w->rows.reading = t;
	rc = run(w->st[tables[t].statement]);
	w->of_keys |= rc != SQLITE_OK && t == ROWS_KEY;
	w->rows.n[t] = 0;
	return rc;
}

int rows_put(struct writer *w, enum rows_table t, const struct cell *row)
{
	struct rows *r = &w->rows;
	unsigned columns = tables[t].columns;
	int rc = SQLITE_OK;

	if (t == ROWS_LEASE)
		rc = rows_take_away(w, DROP_LEASE);
	else if (t == ROWS_BACKLOG)
		rc = rows_take_away(w, DROP_BACKLOG);
	if (!rc && r->n[t] == ROWS_MOST)
		rc = put_down(w, t);
	if (!rc)
		memcpy(&r->cells[t][r->n[t]++ * columns], row, columns * sizeof *row);
	return rc;
}

/* Its text may go before the row is put down. */
const char *rows_keep_error(struct writer *w, const char *error)
{
	struct rows *r = &w->rows;
	char *kept = r->errors[r->n_errors++ % (2 * ROWS_MOST)];

	if (!error || !*error)
		return NULL;
	snprintf(kept, sizeof r->errors[0], "%s", error);
	return kept;
}

/* ---- rows that go ---------------------------------------------------------------------------------------- */

static const struct kind_of_drop {
	enum rows_table table;
	uint64_t step; /* between keys of which nothing lies in between */
	unsigned range, some;
} drops[DROPS] = {
	[DROP_LEASE] = {ROWS_LEASE, 256, W_LEASES_DELETE, W_LEASES_GONE},
	[DROP_BACKLOG] = {ROWS_BACKLOG, 1, W_BACKLOG_RANGE_DELETE, W_BACKLOGS_GONE},
};

static int by_key(const void *a, const void *b)
{
	const struct drop *x = a, *y = b;

	if (x->lane != y->lane)
		return x->lane < y->lane ? -1 : 1;
	return x->key < y->key ? -1 : x->key > y->key;
}

/* How many from here on follow on each other. */
static unsigned one_range(enum drops what, const struct drop *d, unsigned n)
{
	unsigned i = 1;

	while (i < n && d[i].key - d[i - 1].key <= drops[what].step)
		i++;
	return i;
}

static int take_range(struct writer *w, enum drops what, const struct drop *from, const struct drop *to)
{
	sqlite3_stmt *st = w->st[drops[what].range];

	if (what == DROP_LEASE)
		BIND(st, from->key, to->key);
	else
		BIND(st, from->lane, from->key, to->key);
	return run(st);
}

static int take_some(struct writer *w, enum drops what, const struct drop *d, unsigned n)
{
	sqlite3_stmt *st = w->st[drops[what].some];

	w->rows.reading = ROWS_TABLES;
	w->rows.going = d;
	w->rows.n_going = n;
	if (what == DROP_BACKLOG)
		BIND(st, d->lane);
	return run(st);
}

/* Of one lane.  A statement costs as much as some rows of another. */
static int take_lane(struct writer *w, enum drops what, const struct drop *d, unsigned n)
{
	unsigned ranges = 0, k;
	int rc = SQLITE_OK;

	for (unsigned i = 0; i < n; i += one_range(what, d + i, n - i))
		ranges++;
	if (ranges > 1 && ranges > n / RANGE_ROWS)
		return take_some(w, what, d, n);
	for (; !rc && n; d += k, n -= k) {
		k = one_range(what, d, n);
		rc = take_range(w, what, d, d + k - 1);
	}
	return rc;
}

int rows_take_away(struct writer *w, enum drops what)
{
	struct drop *d = w->rows.drops[what];
	unsigned n = w->rows.n_drops[what], from = 0;
	int rc = SQLITE_OK;

	if (!n)
		return rc;
	w->rows.n_drops[what] = 0;
	qsort(d, n, sizeof *d, by_key);
	for (unsigned i = 1; !rc && i <= n; i++) {
		if (i < n && d[i].lane == d[from].lane)
			continue;
		rc = take_lane(w, what, d + from, i - from);
		from = i;
	}
	return rc;
}

static int drop(struct writer *w, enum drops what, uint32_t lane, uint64_t key)
{
	struct rows *r = &w->rows;
	int rc = put_down(w, drops[what].table);

	if (!rc && r->n_drops[what] == DROPS_MOST)
		rc = rows_take_away(w, what);
	if (!rc)
		r->drops[what][r->n_drops[what]++] = (struct drop){key, lane};
	return rc;
}

int rows_drop_backlog(struct writer *w, uint32_t lane, uint64_t seq)
{
	return drop(w, DROP_BACKLOG, lane, seq);
}

/* Between the leases of two messages of one part, one after the other, no other can lie. */
int rows_drop_lease(struct writer *w, const struct store_msg *m, unsigned part)
{
	sqlite3_stmt *st = w->st[part ? W_LEASE_DELETE : W_LEASES_DELETE];
	int rc;

	if (m->n_parts == 1 && part == 1)
		return drop(w, DROP_LEASE, 0, msg_key(m->id, 1));
	rc = put_down(w, ROWS_LEASE);
	if (rc)
		return rc;
	if (part)
		BIND(st, msg_key(m->id, part));
	else
		BIND(st, msg_key(m->id, 1), msg_key(m->id, 255));
	return run(st);
}

/* ---- all of them ----------------------------------------------------------------------------------------- */

int rows_flush(struct writer *w)
{
	int rc = SQLITE_OK;

	for (int i = 0; !rc && i < ROWS_TABLES; i++)
		rc = put_down(w, i);
	for (int i = 0; !rc && i < DROPS; i++)
		rc = rows_take_away(w, i);
	return rc;
}

void rows_forget(struct writer *w)
{
	memset(w->rows.n, 0, sizeof w->rows.n);
	memset(w->rows.n_drops, 0, sizeof w->rows.n_drops);
}
