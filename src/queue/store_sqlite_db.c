/* SPDX-License-Identifier: Apache-2.0
 *
 * store_sqlite_db.c -- files and connections of the store: the lock, the settings, the schema and its migrations, and
 * what must be known before the first operation.
 *
 * One process at a time: `<path>.lock` is held with flock().  SQLite would let a second gateway in and make the two
 * take turns; each would then send what the other has leased.  The file is never removed: who removes a lock file that
 * somebody else has just opened lets a third one in.
 *
 * auto_vacuum and page_size can only be chosen while the file is empty; journal_mode stays in the file; all others
 * belong to the connection.
 */
#include "queue/store_file.h"
#include "queue/store_schema.h"
#include "queue/store_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "src/queue/schema_sql.h"

#define LONG_STEPS     1000000    /* of SQLite's machine: some ten milliseconds */
#define NAME_GAP       65536      /* between the numbers of two names */
#define LANE_MAX       (UINT32_MAX - 65536) /* some numbers are left to give */
#define BUSY_MS        5000       /* only while another connection opens or recovers the WAL */

int db_errno(int rc)
{
	if (rc == SQLITE_IOERR_NOMEM)
		return -ENOMEM;
	switch (rc & 0xff) {
	case SQLITE_OK: return 0;
	case SQLITE_FULL: return -ENOSPC;
	case SQLITE_NOMEM: return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return -ENOLCK;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: return -EUCLEAN;
	default: return -EIO;
	}
}

/* At start: our own statements do not fit, as the schema is not the one that its number says. */
static int start_errno(int rc)
{
	return db_errno(rc == SQLITE_ERROR ? SQLITE_CORRUPT : rc);
}

static const char *vfs_of(const struct store *s)
{
	return s->vfs ? s->vfs : store_file_vfs();
}

const char *db_text(sqlite3 *db, int rc)
{
	return db && sqlite3_errcode(db) != SQLITE_OK ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
}

int step_row(sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);

	for (int i = 0; rc == SQLITE_ROW && i < sqlite3_column_count(st); i++)
		if (sqlite3_column_type(st, i) == SQLITE_TEXT && !sqlite3_column_text(st, i))
			rc = SQLITE_NOMEM;
	return rc;
}

void column_copy(sqlite3_stmt *st, int i, char *to, size_t n)
{
	const void *text = sqlite3_column_blob(st, i); /* as it is: that takes no memory */
	size_t len = sqlite3_column_bytes(st, i);

	if (len > n - 1)
		len = n - 1;
	if (len)
		memcpy(to, text, len);
	to[len] = '\0';
}

/* ---- the lock -------------------------------------------------------------------------------------------- */

int db_lock(struct store *s, char *err, size_t n_err)
{
	size_t n = strlen(s->path) + sizeof ".lock";
	char *path = malloc(n);
	int r = 0;

	if (!path)
		return -ENOMEM;
	snprintf(path, n, "%s.lock", s->path);
	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock_fd < 0) {
		r = -errno;
		snprintf(err, n_err, "%s: %s", path, strerror(-r));
	} else if (flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		r = errno == EWOULDBLOCK ? -EBUSY : -errno;
		if (r == -EBUSY)
			snprintf(err, n_err, "%s: in use by another process; one gateway at a time has a data_dir", s->path);
		else
			snprintf(err, n_err, "%s: %s", path, strerror(-r));
		db_unlock(s);
	}
	free(path);
	return r;
}

void db_unlock(struct store *s)
{
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	s->lock_fd = -1;
}

static int64_t file_written_ms(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0 || st.st_size == 0)
		return 0;
	return (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
}

int64_t db_written_ms(const struct store *s)
{
	int64_t db = file_written_ms(s->path), wal;
	size_t n = strlen(s->path) + sizeof "-wal";
	char *path = malloc(n);

	if (!path)
		return db;
	snprintf(path, n, "%s-wal", s->path);
	wal = file_written_ms(path);
	free(path);
	return wal > db ? wal : db;
}

/* ---- connections ----------------------------------------------------------------------------------------- */

/* Questions one after the other; those behind one that failed are not put, and get what holds otherwise.  Whoever puts
 * them looks at rc before anything is made of the answers: a mark taken for missing because it could not be read would
 * give ids twice, or leave messages behind. */
struct asking {
	sqlite3 *db;
	int rc;
};

/* `otherwise`: there is no row, or it is NULL. */
static int64_t ask(struct asking *a, const char *sql, int64_t otherwise)
{
	sqlite3_stmt *st;
	int64_t v = otherwise;
	int rc;

	if (a->rc != SQLITE_OK)
		return otherwise;
	a->rc = sqlite3_prepare_v2(a->db, sql, -1, &st, NULL);
	if (a->rc != SQLITE_OK)
		return otherwise;
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW && sqlite3_column_type(st, 0) == SQLITE_INTEGER)
		v = column(st, 0);
	else if (rc == SQLITE_ROW && sqlite3_column_type(st, 0) != SQLITE_NULL)
		a->rc = SQLITE_CORRUPT; /* what is asked for is always a number */
	else if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		a->rc = rc;
	sqlite3_finalize(st);
	return v;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static int prepare_all(sqlite3 *db, const char *const *sql, int n, sqlite3_stmt **st)
{
	for (int i = 0; i < n; i++) {
		int rc = sqlite3_prepare_v3(db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &st[i], NULL);

		if (rc != SQLITE_OK)
			return rc;
	}
	return SQLITE_OK;
}

#define STATEMENT_SQL(name, sql) sql,

static int prepare_writer(struct writer *w)
{
	static const char *const sql[] = {WRITER_STATEMENTS(STATEMENT_SQL)};

	return prepare_all(w->db, sql, W_N, w->st);
}

/* The store is being closed: who reads for long is not waited for, least of all in a b-tree that has no end. */
static int is_too_late(void *arg)
{
	return atomic_load(&((struct store *)arg)->last_try);
}

int db_prepare_reader(struct reader *r)
{
	static const char *const sql[] = {READER_STATEMENTS(STATEMENT_SQL)};

	sqlite3_progress_handler(r->db, LONG_STEPS, is_too_late, r->store);
	return prepare_all(r->db, sql, R_N, r->st);
}

int db_open_reader(struct store *s, sqlite3 **ret_db)
{
	/* Read-only could not take part in the WAL's shared memory on every file system; query_only is as good. */
	int rc = sqlite3_open_v2(s->path, ret_db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, vfs_of(s));

	if (rc != SQLITE_OK)
		return rc;
	sqlite3_busy_timeout(*ret_db, BUSY_MS);
	return sqlite3_exec(*ret_db,
		"PRAGMA query_only = ON; PRAGMA cache_size = -2000; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY", NULL,
		NULL, NULL);
}

void db_close_reader(struct reader *r)
{
	for (int i = 0; i < R_N; i++)
		sqlite3_finalize(r->st[i]);
	sqlite3_close(r->db);
	r->db = NULL;
}

void db_close_writer(struct writer *w)
{
	for (int i = 0; i < W_N; i++)
		sqlite3_finalize(w->st[i]);
	sqlite3_close(w->db);
	rows_close(w);
	idem_close(w);
	free(w->wakes.items);
	w->db = NULL;
}

/* ---- the schema ------------------------------------------------------------------------------------------ */

/* migrate[v] takes version v to v + 1, inside the transaction of migrate_all().  An empty database gets schema.sql,
 * which is always the newest. */
static const char *const migrate[SCHEMA_VERSION] = {
	[1] = "ALTER TABLE bound ADD COLUMN cut INTEGER NOT NULL DEFAULT 0",
	/* A parked receipt of before is found by the one hash that it has, and no more. */
	[2] = "ALTER TABLE final ADD COLUMN receipt INTEGER NOT NULL DEFAULT 0;"
	      "ALTER TABLE correction ADD COLUMN receipt INTEGER NOT NULL DEFAULT 0;"
	      "ALTER TABLE receipt_parked ADD COLUMN smsc_id2 TEXT NOT NULL DEFAULT '';"
	      "ALTER TABLE receipt_parked ADD COLUMN tlv INTEGER NOT NULL DEFAULT 0;"
	      "ALTER TABLE receipt_parked ADD COLUMN other INTEGER NOT NULL DEFAULT 0;"
	      "ALTER TABLE receipt_parked ADD COLUMN why INTEGER NOT NULL DEFAULT 0;"
	      "ALTER TABLE receipt_parked ADD COLUMN ids BLOB NOT NULL DEFAULT x'';"
	      "DROP INDEX receipt_parked_hash;"
	      "CREATE TABLE receipt (key INTEGER NOT NULL, n INTEGER NOT NULL, at INTEGER NOT NULL,"
	      " link INTEGER NOT NULL, state INTEGER NOT NULL, receipt INTEGER NOT NULL, error TEXT NOT NULL,"
	      " PRIMARY KEY (key, n)) WITHOUT ROWID;"
	      "CREATE TABLE receipt_parked_id (hash INTEGER NOT NULL, n INTEGER NOT NULL, form INTEGER NOT NULL,"
	      " PRIMARY KEY (hash, n)) WITHOUT ROWID;"
	      "INSERT INTO receipt_parked_id SELECT hash, n, 0 FROM receipt_parked;"
	      "CREATE TABLE receipt_form (link INTEGER NOT NULL, form INTEGER NOT NULL, hits INTEGER NOT NULL,"
	      " PRIMARY KEY (link, form)) WITHOUT ROWID",
	[3] = "ALTER TABLE inbound ADD COLUMN parts INTEGER NOT NULL DEFAULT 1;"
	      "ALTER TABLE inbound ADD COLUMN missing TEXT;"
	      "CREATE TABLE inbound_set (n INTEGER PRIMARY KEY AUTOINCREMENT, link INTEGER NOT NULL, sender TEXT NOT NULL,"
	      " recipient TEXT NOT NULL, wide INTEGER NOT NULL, ref INTEGER NOT NULL, total INTEGER NOT NULL,"
	      " at INTEGER NOT NULL, until INTEGER NOT NULL, due INTEGER NOT NULL, have INTEGER NOT NULL,"
	      " current INTEGER NOT NULL, joined INTEGER NOT NULL);"
	      "CREATE UNIQUE INDEX inbound_set_key ON inbound_set (link, sender, recipient, ref, total, wide)"
	      " WHERE current = 1;"
	      "CREATE INDEX inbound_set_open ON inbound_set (due) WHERE joined = 0;"
	      "CREATE INDEX inbound_set_joined ON inbound_set (due) WHERE joined <> 0;"
	      "CREATE TABLE inbound_part (set_n INTEGER NOT NULL, seq INTEGER NOT NULL, digest INTEGER NOT NULL,"
	      " dcs INTEGER NOT NULL, esm_class INTEGER NOT NULL, text TEXT NOT NULL, raw BLOB NOT NULL,"
	      " PRIMARY KEY (set_n, seq)) WITHOUT ROWID",
	[4] = "ALTER TABLE body ADD COLUMN tlvs BLOB; ALTER TABLE submit ADD COLUMN sender TEXT",
	[5] = "CREATE TABLE quota (account INTEGER NOT NULL, kind INTEGER NOT NULL, start INTEGER NOT NULL,"
	      " end INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (account, kind)) WITHOUT ROWID;"
	      "CREATE TABLE quota_recipient (end INTEGER NOT NULL, account INTEGER NOT NULL, kind INTEGER NOT NULL,"
	      " hash INTEGER NOT NULL, PRIMARY KEY (end, account, kind, hash)) WITHOUT ROWID",
	[6] = "ALTER TABLE inbound ADD COLUMN digest INTEGER;"
	      "CREATE UNIQUE INDEX inbound_digest ON inbound (digest) WHERE digest IS NOT NULL",
	[7] = "ALTER TABLE receipt_parked ADD COLUMN taken INTEGER NOT NULL DEFAULT 0",
	[8] = "CREATE TABLE total (day INTEGER NOT NULL, client INTEGER NOT NULL, campaign INTEGER NOT NULL,"
	      " tag TEXT NOT NULL, class INTEGER NOT NULL, link INTEGER NOT NULL, state INTEGER NOT NULL,"
	      " messages INTEGER NOT NULL, parts INTEGER NOT NULL, taken INTEGER NOT NULL,"
	      " PRIMARY KEY (day, client, campaign, tag, class, link, state)) WITHOUT ROWID",
	/* What is in idem_0 and idem_1 stays there until it has aged. */
	[9] = "CREATE TABLE idem (n INTEGER PRIMARY KEY, client INTEGER NOT NULL, khash BLOB NOT NULL,"
	      " bhash BLOB NOT NULL, answer TEXT NOT NULL);"
	      "CREATE TABLE idem_run (level INTEGER NOT NULL, n INTEGER NOT NULL, whole INTEGER NOT NULL,"
	      " PRIMARY KEY (level, n)) WITHOUT ROWID;"
	      "CREATE TABLE idem_part (k INTEGER PRIMARY KEY, entries BLOB NOT NULL);"
	      "CREATE TABLE idem_filter (k INTEGER PRIMARY KEY, bits BLOB NOT NULL)",
};

static int migrate_all(sqlite3 *db, int64_t from)
{
	char sql[80];
	int rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

	if (rc == SQLITE_OK && from == 0)
		rc = sqlite3_exec(db, schema_sql, NULL, NULL, NULL);
	for (int64_t v = from; from > 0 && rc == SQLITE_OK && v < SCHEMA_VERSION; v++)
		rc = sqlite3_exec(db, migrate[v], NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return rc; /* closing the connection rolls back */
	snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", SCHEMA_APPLICATION_ID,
		SCHEMA_VERSION);
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

/* Whose it is, and of which version; only read, as it may be somebody else's. */
static int check_schema(struct store *s, int64_t *ret_version, char *err, size_t n_err)
{
	struct asking a = { s->writer.db, SQLITE_OK };
	int64_t n_tables = ask(&a, "SELECT count(*) FROM sqlite_schema", 0);
	int64_t version = ask(&a, "PRAGMA user_version", 0);
	int64_t application = ask(&a, "PRAGMA application_id", 0);

	if (a.rc != SQLITE_OK) {
		snprintf(err, n_err, "%s: %s%s", s->path, db_text(a.db, a.rc), db_mend(a.rc));
		return start_errno(a.rc);
	}
	if (n_tables && application != SCHEMA_APPLICATION_ID) {
		snprintf(err, n_err, "%s: a database, but not one of Posthorn", s->path);
		return -EINVAL;
	}
	/* An empty one has the number 0. */
	if (version < 0 || (version == 0) != (n_tables == 0)) {
		snprintf(err, n_err, "%s: damaged: %d tables with the schema's number %d, which Posthorn does not give%s", s->path,
			(int)n_tables, (int)version, db_mend(SQLITE_CORRUPT));
		return -EUCLEAN;
	}
	if (version > SCHEMA_VERSION) {
		snprintf(err, n_err, "%s: made by a newer Posthorn (schema %d, this one knows up to %d); start that one,"
			" or put a backup back that is older", s->path, (int)version, SCHEMA_VERSION);
		return -EINVAL;
	}
	*ret_version = version;
	return 0;
}

/* It is ours: from here on it may be written. */
static int bring_forward(struct store *s, int64_t version, char *err, size_t n_err)
{
	sqlite3 *db = s->writer.db;
	int rc = SQLITE_OK;

	if (version == 0)
		rc = sqlite3_exec(db, "PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		snprintf(err, n_err, "%s: %s%s", s->path, db_text(db, rc), db_mend(rc));
	if (rc != SQLITE_OK || version == SCHEMA_VERSION)
		return start_errno(rc);
	rc = migrate_all(db, version);
	if (rc != SQLITE_OK)
		snprintf(err, n_err, "%s: the schema cannot be brought to version %d: %s%s", s->path,
			SCHEMA_VERSION, db_text(db, rc), db_mend(rc));
	return start_errno(rc);
}

/* The log goes into the file when the gateway runs (store_sqlite_checkpoint.c): not by the first commit of a start that
 * may be refused after it. */
static int set_pragmas(struct store *s)
{
	char sql[400];

	snprintf(sql, sizeof sql,
		"PRAGMA synchronous = %s; PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = 0;"
		"PRAGMA cache_size = -8000; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0; PRAGMA foreign_keys = OFF",
		s->no_sync ? "OFF" : "FULL");
	return sqlite3_exec(s->writer.db, sql, NULL, NULL, NULL);
}

/* ---- what is known at start ------------------------------------------------------------------------------ */

static int64_t meta_get(struct asking *a, const char *k, int64_t otherwise)
{
	char sql[80];

	snprintf(sql, sizeof sql, "SELECT v FROM meta WHERE k = '%s'", k);
	return ask(a, sql, otherwise);
}

/* Order per message holds as all of its events are in one shard, so another number of shards moves what waits. */
static int set_shards(struct writer *w)
{
	struct asking a = { w->db, SQLITE_OK };
	char sql[200];
	int rc;

	if (meta_get(&a, "shards", 0) == (int64_t)w->shards || a.rc != SQLITE_OK)
		return a.rc;
	snprintf(sql, sizeof sql, "UPDATE event SET shard = CASE kind WHEN %d THEN key %% %u ELSE (key >> 8) %% %u END",
		EVENT_INBOUND, w->shards, w->shards);
	rc = sqlite3_exec(w->db, sql, NULL, NULL, NULL);
	return rc ? rc : meta_set(w, "shards", w->shards);
}

/* Marks of another time would give ids twice, or leave messages behind. */
static bool marks_hold(uint64_t block, const struct store_boot *b)
{
	return block >= 1 && block < UINT64_C(1) << (MSG_COUNTER_BITS - 16) && b->low_water <= b->next_id &&
		b->indexed_to <= b->next_id;
}

/* Reserve the first block, and read the marks.  All in one transaction. */
static int boot(struct writer *w, struct store_boot *ret)
{
	struct writer_marks *m = &w->m;
	struct asking a = { w->db, sqlite3_exec(w->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) };
	uint64_t block = meta_get(&a, "next_block", 1);
	int rc;

	ret->next_id = w->node << MSG_COUNTER_BITS | block * ID_BLOCK;
	ret->low_water = meta_get(&a, "low_water", ret->next_id);
	ret->indexed_to = meta_get(&a, "indexed_to", ret->next_id);
	ret->last_created = ask(&a, "SELECT created FROM message ORDER BY id DESC LIMIT 1", 0);
	/* Lanes that nothing waits in are made anew when they are needed. */
	rc = sqlite3_exec(w->db, "DELETE FROM lane WHERE NOT EXISTS (SELECT 1 FROM backlog WHERE lane = lane.id)", NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		a.rc = rc;
	ret->next_lane = ask(&a, "SELECT max(id) FROM lane", 0) + 1;
	m->next_block = block + 1;
	m->seq = ask(&a,
		"SELECT max(s) FROM (SELECT max(seq) AS s FROM event UNION ALL SELECT max(seq) FROM dead)", 0);
	if (m->seq < (uint64_t)meta_get(&a, "seq", 0))
		m->seq = meta_get(&a, "seq", 0);
	m->n_parked = ask(&a, "SELECT count(*) FROM receipt_parked", 0);
	m->last_parked = ask(&a, "SELECT max(n) FROM receipt_parked", 0);
	m->n_inbound_open = ask(&a, "SELECT count(*) FROM inbound_set WHERE joined = 0", 0);
	atomic_store(&w->store->inbound_open, m->n_inbound_open);
	m->purge_hash = (uint64_t)INT64_MIN;
	m->numbers_upto = meta_get(&a, "numbers_upto", 0);
	m->texts_upto = meta_get(&a, "texts_upto", 0);
	m->senders_upto = meta_get(&a, "senders_upto", 0);
	m->last_inbound = ask(&a, "SELECT max(n) FROM inbound", 0);
	m->last_inbound = most(m->last_inbound, meta_get(&a, "last_inbound", 0));
	m->last_inbound = most(m->last_inbound, most(m->texts_upto, m->senders_upto)); /* of before it was kept */
	m->idem = meta_get(&a, "idem", 0);
	m->idem_at = meta_get(&a, "idem_at", 0);
	m->old_keys = ask(&a, "SELECT EXISTS (SELECT 1 FROM idem_0) + 2 * EXISTS (SELECT 1 FROM idem_1)", 0);
	m->key_from = meta_get(&a, "idem_from", 0);
	m->key_gen = meta_get(&a, "idem_gen", 0);
	m->key_next = most(ask(&a, "SELECT max(n) + 1 FROM idem", 0), m->key_gen);
	rc = a.rc || marks_hold(block, ret) ? a.rc : SQLITE_CORRUPT;
	if (!rc && !m->idem_at) {
		m->idem_at = w->now;
		rc = meta_set(w, "idem_at", m->idem_at);
	}
	if (!rc)
		rc = meta_set(w, "next_block", m->next_block);
	if (!rc)
		rc = meta_set(w, "low_water", ret->low_water);
	if (!rc)
		rc = meta_set(w, "indexed_to", ret->indexed_to);
	if (!rc)
		rc = meta_set(w, "node", w->node);
	if (!rc)
		rc = set_shards(w);
	return rc ? rc : sqlite3_exec(w->db, "COMMIT", NULL, NULL, NULL);
}

static int check_node(struct store *s, char *err, size_t n_err)
{
	struct asking a = { s->writer.db, SQLITE_OK };
	int64_t node = meta_get(&a, "node", s->node);

	if (a.rc != SQLITE_OK) {
		snprintf(err, n_err, "%s: %s%s", s->path, db_text(a.db, a.rc), db_mend(a.rc));
		return start_errno(a.rc);
	}
	/* Ids must rise: what is bisected by time, and low_water, would break under a smaller node. */
	if (node == (int64_t)s->node)
		return 0;
	snprintf(err, n_err, "%s: belongs to node %d, not %d", s->path, (int)node, (int)s->node);
	return -EINVAL;
}

int db_open_writer(struct store *s, struct store_boot *ret_boot, char *err, size_t n_err)
{
	struct writer *w = &s->writer;
	int64_t version = 0;
	bool empty;
	int r, rc;

	r = store_file_look(s->path, &empty, err, n_err);
	if (r)
		return r;
	rc = sqlite3_open_v2(s->path, &w->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
		vfs_of(s));
	if (rc != SQLITE_OK)
		goto failed;
	sqlite3_busy_timeout(w->db, BUSY_MS);
	sqlite3_extended_result_codes(w->db, 1);
	rc = set_pragmas(s);
	if (rc != SQLITE_OK)
		goto failed;
	r = check_schema(s, &version, err, n_err);
	if (!r && version > 0)
		r = damage_at_edges(s, err, n_err);
	if (!r && version > 0)
		r = check_node(s, err, n_err);
	if (!r)
		r = bring_forward(s, version, err, n_err);
	if (r)
		return r;
	ret_boot->fresh = version == 0;
	rc = rows_open(w);
	if (rc == SQLITE_OK)
		rc = prepare_writer(w);
	if (rc != SQLITE_OK)
		goto failed;
	w->now = clock_ms();
	rc = boot(w, ret_boot);
	if (rc == SQLITE_OK)
		rc = idem_open(w);
	if (rc != SQLITE_OK)
		goto failed;
	s->parked = w->m.n_parked;
	if (ret_boot->fresh && empty)
		log_warn("database_new", "file=%s why=%s", s->path, "it was empty, as after a first start that was cut short; if"
			" messages were in it, stop, and put a backup back");
	else if (ret_boot->fresh)
		log_info("database_new", "file=%s", s->path);
	return 0;

failed:
	snprintf(err, n_err, "%s: %s%s", s->path, db_text(w->db, rc), db_mend(rc));
	return start_errno(rc);
}

/* ---- blocking look-ups at start -------------------------------------------------------------------------- */

/* each() says what is wrong with its row: a start ends with that, as the row would be missing. */
static int each_row(struct store *s, const char *sql, int (*each)(void *arg, sqlite3_stmt *st), void *arg)
{
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;
	int rc;

	rc = db_open_reader(s, &db);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);
	while (rc == SQLITE_OK && (rc = step_row(st)) == SQLITE_ROW)
		rc = each(arg, st);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return rc == SQLITE_DONE ? 0 : start_errno(rc);
}

struct each {
	void *arg;
	int64_t kind, id; /* of the name before */
	void (*name)(void *arg, enum name_kind kind, uint32_t id, const char *text);
	void (*lane)(void *arg, const struct store_lane *l);
	void (*cancel)(void *arg, uint64_t n, uint32_t client, const char *tag, uint64_t upto_id);
	void (*ref)(void *arg, uint32_t ref);
	void (*form)(void *arg, uint32_t link, unsigned form, uint32_t hits);
	void (*quota)(void *arg, const struct store_quota *v);
	void (*recipient)(void *arg, const struct store_quota_recipient *v);
};

static bool is_in(int64_t v, int64_t least, int64_t most)
{
	return v >= least && v <= most;
}

/* A word that the API took: NULL, for one, is none. */
static bool is_word(sqlite3_stmt *st, int i)
{
	return sqlite3_column_type(st, i) == SQLITE_TEXT && is_in(sqlite3_column_bytes(st, i), 1, MSG_REF_MAX) &&
		*(const char *)sqlite3_column_text(st, i);
}

/* Numbers count up, and are the places in a table: only want of memory ever left one out. */
static bool is_next(const struct each *e, int64_t kind, int64_t id)
{
	int64_t before = kind == e->kind ? e->id : 0;

	return is_in(kind, e->kind, NAME_ACCOUNT) && is_in(id, before + 1, before + NAME_GAP);
}

static int each_name(void *arg, sqlite3_stmt *st)
{
	struct each *e = arg;
	int64_t kind = column(st, 0), id = column(st, 1);

	if (!is_next(e, kind, id) || !is_word(st, 2))
		return SQLITE_CORRUPT;
	e->kind = kind;
	e->id = id;
	e->name(e->arg, kind, id, (const char *)sqlite3_column_text(st, 2));
	return SQLITE_OK;
}

/* All that a lane is known by lies in its row. */
static bool is_lane(sqlite3_stmt *st)
{
	return is_in(column(st, 0), 1, LANE_MAX) && is_in(column(st, 1), 0, CLASS_N - 1) &&
		is_in(column(st, 2), 0, UINT32_MAX) && is_in(column(st, 3), 0, UINT32_MAX) &&
		is_in(column(st, 4), 0, UINT32_MAX) && is_in(column(st, 5), 0, UINT8_MAX);
}

static int each_lane(void *arg, sqlite3_stmt *st)
{
	struct each *e = arg;
	struct store_lane l = {
		.id = column(st, 0),
		.class = column(st, 1),
		.client = column(st, 2),
		.campaign = column(st, 3),
		.route = column(st, 4),
		.skip = column(st, 5),
	};

	if (!is_lane(st))
		return SQLITE_CORRUPT;
	e->lane(e->arg, &l);
	return SQLITE_OK;
}

static int each_cancel(void *arg, sqlite3_stmt *st)
{
	struct each *e = arg;
	int64_t n = column(st, 0), client = column(st, 1), upto_id = column(st, 3);

	if (n < 1 || !is_in(client, 0, UINT32_MAX) || !is_word(st, 2) || upto_id < 0)
		return SQLITE_CORRUPT;
	e->cancel(e->arg, n, client, (const char *)sqlite3_column_text(st, 2), upto_id);
	return SQLITE_OK;
}

/* Any number is as good as another: it only says where to go on. */
static int each_ref(void *arg, sqlite3_stmt *st)
{
	struct each *e = arg;

	e->ref(e->arg, column(st, 0));
	return SQLITE_OK;
}

int store_names(struct store *s, void (*each)(void *arg, enum name_kind kind, uint32_t id, const char *text), void *arg)
{
	return each_row(s, "SELECT kind, id, text FROM name ORDER BY kind, id", each_name,
		&(struct each){.arg = arg, .kind = NAME_CLIENT, .name = each});
}

int store_lanes(struct store *s, void (*each)(void *arg, const struct store_lane *l), void *arg)
{
	return each_row(s, "SELECT id, class, client, campaign, route, skip FROM lane ORDER BY id", each_lane,
		&(struct each){.arg = arg, .lane = each});
}

int store_cancels(struct store *s,
	void (*each)(void *arg, uint64_t n, uint32_t client, const char *tag, uint64_t upto_id), void *arg)
{
	return each_row(s, "SELECT n, client, tag, upto_id FROM cancel ORDER BY n", each_cancel,
		&(struct each){.arg = arg, .cancel = each});
}

int store_refs(struct store *s, uint32_t most, void (*each)(void *arg, uint32_t ref), void *arg)
{
	char sql[96];

	snprintf(sql, sizeof sql, "SELECT ref FROM bound WHERE parts > 1 ORDER BY id DESC LIMIT %u", most);
	return each_row(s, sql, each_ref, &(struct each){.arg = arg, .ref = each});
}

/* One that there is not is passed over: it is learned anew. */
static int each_form(void *arg, sqlite3_stmt *st)
{
	struct each *e = arg;

	if (is_in(column(st, 1), 0, UINT16_MAX) && is_in(column(st, 2), 0, UINT32_MAX))
		e->form(e->arg, column(st, 0), column(st, 1), column(st, 2));
	return SQLITE_OK;
}

int store_forms(struct store *s, void (*each)(void *arg, uint32_t link, unsigned form, uint32_t hits), void *arg)
{
	return each_row(s, "SELECT link, form, hits FROM receipt_form", each_form, &(struct each){.arg = arg, .form = each});
}

static bool is_account(int64_t account, int64_t kind)
{
	return is_in(account, 0, UINT32_MAX) && is_in(kind, 0, QUOTA_KINDS - 1);
}

static int each_quota(void *arg, sqlite3_stmt *st)
{
	const struct each *e = arg;
	struct store_quota v = { .account = column(st, 0), .kind = column(st, 1), .start = column(st, 2),
		.end = column(st, 3), .n = column(st, 4) };

	if (!is_account(column(st, 0), column(st, 1)) || v.start > v.end || column(st, 4) < 0)
		return SQLITE_CORRUPT;
	e->quota(e->arg, &v);
	return SQLITE_OK;
}

static int each_recipient(void *arg, sqlite3_stmt *st)
{
	const struct each *e = arg;
	struct store_quota_recipient v = { .end = column(st, 0), .account = column(st, 1), .kind = column(st, 2),
		.hash = column(st, 3) };

	if (!is_account(column(st, 1), column(st, 2)))
		return SQLITE_CORRUPT;
	e->recipient(e->arg, &v);
	return SQLITE_OK;
}

int store_quotas(struct store *s, int64_t now_ms, void (*each)(void *arg, const struct store_quota *v),
	void (*each_recipient_cb)(void *arg, const struct store_quota_recipient *v), void *arg)
{
	struct each e = { .arg = arg, .quota = each, .recipient = each_recipient_cb };
	char sql[120];
	int r;

	snprintf(sql, sizeof sql, "SELECT account, kind, start, end, n FROM quota WHERE end > %lld", (long long)now_ms);
	r = each_row(s, sql, each_quota, &e);
	if (r < 0)
		return r;
	snprintf(sql, sizeof sql, "SELECT end, account, kind, hash FROM quota_recipient WHERE end > %lld",
		(long long)now_ms);
	return each_row(s, sql, each_recipient, &e);
}
