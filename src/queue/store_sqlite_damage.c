/* SPDX-License-Identifier: Apache-2.0
 *
 * store_sqlite_damage.c -- a database that is damaged: looked for at start, remembered while the gateway runs.
 *
 * The start reads the first and the last row of each table and index, which is the root page and the pages at both
 * edges, however large they are.  What is damaged in between is met by whoever needs it.  Then it is said once and
 * remembered until the process ends: no operator reads hundreds of lines, and no page becomes whole again by itself.
 */
#include "queue/store_sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"

bool is_damage(int rc)
{
	return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
}

const char *db_mend(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: return "; `posthorn check` tells what is damaged, and a backup can be put back in place of"
		" the file and of its -wal and -shm";
	/* Our own statements: the schema is not the one that its number says. */
	case SQLITE_ERROR: return "; its tables are not as Posthorn made them: damaged, or changed by another program;"
		" `posthorn check` tells what is damaged, and a backup can be put back in place of the file and of its -wal and"
		" -shm";
	case SQLITE_BUSY: return "; another program has it open: perhaps a shell, which must let it go";
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN: return "; posthornd must be allowed to write it, and in its folder";
	case SQLITE_FULL: return "; free some space";
	default: return "";
	}
}

void store_says(const struct store *s, int r, const char *what, char *err, size_t n_err)
{
	bool damage = r == -EUCLEAN;

	snprintf(err, n_err, "%s: %s cannot be read: %s%s", s->path, what, damage ? "damaged" :
		r == -ENOMEM ? "out of memory" : strerror(-r), damage ? db_mend(SQLITE_CORRUPT) : "");
}

/* ---- the edges ------------------------------------------------------------------------------------------- */

/* Each b-tree with the first column that it is sorted by, and what an index leaves out. */
static const char trees[] =
	"SELECT s.type, s.name, s.tbl_name,"
	" coalesce(CASE s.type WHEN 'table' THEN (SELECT name FROM pragma_table_info(s.name) WHERE pk = 1)"
	" ELSE (SELECT name FROM pragma_index_info(s.name) WHERE seqno = 0) END, 'rowid'),"
	" CASE WHEN s.type = 'index' AND instr(s.sql, ' WHERE ') > 0 THEN substr(s.sql, instr(s.sql, ' WHERE ')) ELSE '' END"
	" FROM sqlite_schema s WHERE s.rootpage > 0";

struct edge {
	bool found, number; /* a row; whose first column is one */
	int64_t v;
};

static int look_at(sqlite3 *db, const char *sql, struct edge *ret)
{
	sqlite3_stmt *st;
	int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

	*ret = (struct edge){0};
	if (rc != SQLITE_OK)
		return rc;
	rc = sqlite3_step(st);
	ret->found = rc == SQLITE_ROW;
	ret->number = ret->found && sqlite3_column_type(st, 0) == SQLITE_INTEGER;
	ret->v = ret->number ? sqlite3_column_int64(st, 0) : 0;
	sqlite3_finalize(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int look_at_edge(sqlite3 *db, sqlite3_stmt *tree, bool last, struct edge *ret)
{
	const char *name[5];
	bool index;
	char *sql;
	int rc;

	for (int i = 0; i < 5; i++)
		if (!(name[i] = (const char *)sqlite3_column_text(tree, i)))
			return sqlite3_column_type(tree, i) == SQLITE_NULL ? SQLITE_CORRUPT : SQLITE_NOMEM;
	index = strcmp(name[0], "index") == 0;
	sql = sqlite3_mprintf("SELECT \"%w\" FROM \"%w\"%s%w%s%s ORDER BY 1 %s LIMIT 1", name[3], name[2],
		index ? " INDEXED BY \"" : "", index ? name[1] : "", index ? "\"" : "", name[4], last ? "DESC" : "ASC");
	rc = sql ? look_at(db, sql, ret) : SQLITE_NOMEM;
	sqlite3_free(sql);
	/* A statement that does not fit says nothing of the pages: what others have added to the schema is theirs. */
	return rc == SQLITE_ERROR ? SQLITE_OK : rc;
}

static int look_at_tree(sqlite3 *db, sqlite3_stmt *tree)
{
	struct edge first, last;
	int rc = look_at_edge(db, tree, false, &first);

	if (rc == SQLITE_OK)
		rc = look_at_edge(db, tree, true, &last);
	if (rc == SQLITE_OK && (first.found != last.found || (first.number && last.number && first.v > last.v)))
		rc = SQLITE_CORRUPT;
	return rc;
}

int damage_at_edges(struct store *s, char *err, size_t n_err)
{
	sqlite3 *db = s->writer.db;
	sqlite3_stmt *tree;
	int rc = sqlite3_prepare_v2(db, trees, -1, &tree, NULL), r;

	*err = '\0';
	while (rc == SQLITE_OK && (rc = sqlite3_step(tree)) == SQLITE_ROW) {
		rc = look_at_tree(db, tree);
		if (rc != SQLITE_OK)
			snprintf(err, n_err, "%s: %s %s: %s%s", s->path, (const char *)sqlite3_column_text(tree, 0),
				(const char *)sqlite3_column_text(tree, 1), sqlite3_errstr(rc), db_mend(rc));
	}
	r = rc == SQLITE_DONE ? 0 : db_errno(rc);
	if (r && !*err)
		snprintf(err, n_err, "%s: %s%s", s->path, db_text(db, rc), db_mend(rc));
	sqlite3_finalize(tree);
	return r;
}

/* ---- while it runs --------------------------------------------------------------------------------------- */

void damage_met(struct store *s, enum store_damage by, int rc)
{
	int before = atomic_load(&s->damage);

	do {
		if (before >= (int)by)
			return;
	} while (!atomic_compare_exchange_weak(&s->damage, &before, by));
	log_error("database_damaged", "file=%s error=%s code=%d why=%s%s", s->path, sqlite3_errstr(rc), rc,
		by == DAMAGE_WRITING ? "what becomes of messages cannot be stored: nothing is accepted or sent until a start with"
				       " a whole database"
				     : "what lies there cannot be read, all else goes on",
		db_mend(rc));
}

enum store_damage store_damage(const struct store *s)
{
	return (enum store_damage)atomic_load_explicit(&s->damage, memory_order_relaxed);
}

void store_says_damaged(const struct store *s)
{
	log_error("recovery_failed", "file=%s why=%s%s", s->path,
		"it is damaged, and what waits cannot all be read: nothing goes on without it", db_mend(SQLITE_CORRUPT));
}
