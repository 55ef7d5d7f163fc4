/* SPDX-License-Identifier: Apache-2.0
 *
 * store_sqlite_care.c -- see care.h.
 *
 * What is checked beside the pages of the file are the promises of queue.h, from rows alone: a message that is older
 * than low_water must be final, or something must stand for it in backlog, due or waiting, or nobody will ever look at
 * it again; what is not final must have its text; what refers to a message must find it.  Idempotency keys are those
 * of their runs (store_sqlite_care_keys.c).
 *
 * The connection is one that may write and is told not to (query_only): a read-only one cannot open a log of which no
 * index is there, as after a power cut.  Nothing of the store's own statements is used: it checks them.
 */
#include "queue/care.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queue/idem.h"
#include "queue/store_file.h"
#include "queue/store_schema.h"

#define DATABASE     "posthorn.db"
#define BUSY_MS      5000
#define DAMAGES_MAX  20
#define BACKUP_PAGES 1000 /* a step of 4 MB, so that it can be interrupted and tells how far it is */

static int refuse(char *err, size_t n_err, int r, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static int refuse(char *err, size_t n_err, int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, n_err, fmt, ap);
	va_end(ap);
	return r;
}

/* ---- opening ---------------------------------------------------------------------------------------------- */

static int find_file(const char *path, char *file, size_t n_file, char *err, size_t n_err)
{
	struct stat st;
	bool empty;
	int r;

	if (stat(path, &st) < 0)
		return refuse(err, n_err, -errno, "%s: %s", path, strerror(errno));
	if ((size_t)snprintf(file, n_file, S_ISDIR(st.st_mode) ? "%s/" DATABASE : "%s", path) >= n_file)
		return refuse(err, n_err, -ENAMETOOLONG, "%s: the path is too long", path);
	r = store_file_look(file, &empty, err, n_err);
	if (r < 0)
		return r;
	if (stat(file, &st) < 0)
		return refuse(err, n_err, -errno, "%s: %s", file, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return refuse(err, n_err, -EINVAL, "%s: no file", file);
	return 0;
}

static int64_t ask(sqlite3 *db, const char *sql, int64_t otherwise)
{
	sqlite3_stmt *st;
	int64_t v = otherwise;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		return otherwise;
	if (sqlite3_step(st) == SQLITE_ROW && sqlite3_column_type(st, 0) != SQLITE_NULL)
		v = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return v;
}

/* It may be the last that has it open. */
static void close_file(sqlite3 *db, const char *file)
{
	store_file_keep_log(db, file);
	sqlite3_close(db);
}

/* And hold one snapshot of it. */
static int open_file(const char *file, sqlite3 **ret_db, char *err, size_t n_err)
{
	int rc = sqlite3_open_v2(file, ret_db, SQLITE_OPEN_READWRITE, store_file_vfs());

	if (rc == SQLITE_OK) {
		sqlite3_busy_timeout(*ret_db, BUSY_MS);
		rc = sqlite3_exec(*ret_db,
			"PRAGMA query_only = 1; PRAGMA temp_store = FILE; BEGIN; SELECT count(*) FROM sqlite_schema",
			NULL, NULL, NULL);
	}
	if (rc != SQLITE_OK) {
		refuse(err, n_err, -EIO, "%s: %s", file, sqlite3_errmsg(*ret_db));
		close_file(*ret_db, file);
		return -EIO;
	}
	if (ask(*ret_db, "PRAGMA application_id", 0) != SCHEMA_APPLICATION_ID) {
		close_file(*ret_db, file);
		return refuse(err, n_err, -EINVAL, "%s: a database, but not one of Posthorn", file);
	}
	return 0;
}

/* ---- checking --------------------------------------------------------------------------------------------- */

struct checking {
	sqlite3 *db;
	const char *file;
	care_each_cb each;
	void *arg;
};

static void find(struct checking *c, enum care_kind kind, const char *code, int64_t n, const char *text)
{
	c->each(c->arg, &(struct care_finding){ .kind = kind, .code = code, .n = n, .text = text });
}

struct count {
	const char *code, *sql;
	enum care_kind kind; /* when it is not 0; facts are told always */
	const char *text;
};

#define ID_OF_KEY "(key >> 8)"

static const struct count counts[] = {
	{ "messages", "SELECT count(*) FROM message", CARE_FACT, "" },
	{ "messages_final", "SELECT count(*) FROM final WHERE (key & 255) = 0", CARE_FACT, "" },
	{ "messages_waiting", "SELECT count(*) FROM message WHERE NOT EXISTS"
		" (SELECT 1 FROM final WHERE key = message.id << 8)", CARE_FACT, "" },
	{ "leases", "SELECT count(*) FROM lease", CARE_FACT,
		"parts in flight; without a running gateway they are uncertain" },
	{ "inbound", "SELECT count(*) FROM inbound", CARE_FACT, "" },
	{ "events_waiting", "SELECT count(*) FROM event", CARE_FACT, "" },
	{ "receipts_parked", "SELECT count(*) FROM receipt_parked", CARE_FACT, "" },
	{ "events_dead", "SELECT count(*) FROM dead", CARE_WARNING,
		"events that webhooks refused for good; `posthorn webhooks` shows and replays them" },

	{ "lost", "SELECT count(*) FROM message WHERE id < coalesce((SELECT v FROM meta WHERE k = 'low_water'), 0)"
		" AND NOT EXISTS (SELECT 1 FROM final WHERE key = message.id << 8)"
		" AND id NOT IN (SELECT id FROM temp.accounted)", CARE_ERROR,
		"messages that are neither final nor waiting for anything: they will never be looked at again" },
	{ "without_text", "SELECT count(*) FROM message WHERE NOT EXISTS (SELECT 1 FROM body WHERE body.id = message.id)"
		" AND NOT EXISTS (SELECT 1 FROM final WHERE key = message.id << 8)", CARE_ERROR,
		"messages that wait and have no text" },
	{ "leases_of_nothing", "SELECT count(*) FROM lease WHERE NOT EXISTS"
		" (SELECT 1 FROM message WHERE id = " ID_OF_KEY ")", CARE_ERROR, "parts in flight of no message" },
	{ "submits_of_nothing", "SELECT count(*) FROM submit WHERE NOT EXISTS"
		" (SELECT 1 FROM message WHERE id = " ID_OF_KEY ")", CARE_ERROR, "parts that were sent, of no message" },
	{ "finals_of_nothing", "SELECT count(*) FROM final WHERE NOT EXISTS"
		" (SELECT 1 FROM message WHERE id = " ID_OF_KEY ")", CARE_ERROR, "final states of no message" },
	{ "unlawful_corrections", "SELECT count(*) FROM correction c WHERE NOT EXISTS"
		" (SELECT 1 FROM final f WHERE f.key = c.key)", CARE_ERROR, "corrections of what is not final" },
	{ "inbound_parts_of_nothing", "SELECT count(*) FROM inbound_part WHERE NOT EXISTS"
		" (SELECT 1 FROM inbound_set WHERE n = set_n)", CARE_ERROR, "parts of inbound messages without a set" },
	{ "unknown_clients", "SELECT count(*) FROM message WHERE client <> 0 AND NOT EXISTS"
		" (SELECT 1 FROM name WHERE kind = 1 AND name.id = client)", CARE_ERROR, "messages of a client without a name" },
	{ "unknown_campaigns", "SELECT count(*) FROM message WHERE campaign <> 0 AND NOT EXISTS"
		" (SELECT 1 FROM name WHERE kind = 2 AND name.id = campaign)", CARE_ERROR, "messages of a campaign without a name" },
	/* What boot(), each_name() and its neighbours (store_sqlite_db.c) refuse. */
	{ "damaged_rows", "SELECT (SELECT count(*) FROM meta WHERE typeof(v) <> 'integer'"
		" OR (k = 'next_block' AND v NOT BETWEEN 1 AND 1 << 33) OR (k IN ('low_water', 'indexed_to') AND v NOT BETWEEN 0"
		" AND ((SELECT v FROM meta WHERE k = 'node') << 49) + ((SELECT v FROM meta WHERE k = 'next_block') << 16)))"
		" + (SELECT count(*) FROM name WHERE kind NOT BETWEEN 1 AND 5 OR typeof(text) <> 'text'"
		" OR length(CAST(text AS BLOB)) NOT BETWEEN 1 AND 64)"
		" + (SELECT count(*) FROM (SELECT id - lag(id, 1, 0) OVER (PARTITION BY kind ORDER BY id) AS gap FROM name)"
		" WHERE gap NOT BETWEEN 1 AND 65536)"
		" + (SELECT count(*) FROM lane WHERE id < 1 OR class NOT BETWEEN 0 AND 2 OR skip NOT BETWEEN 0 AND 255)"
		" + (SELECT count(*) FROM cancel WHERE n < 1 OR typeof(tag) <> 'text' OR tag = '' OR upto_id < 0)"
		" + (SELECT count(*) FROM quota WHERE kind NOT BETWEEN 0 AND 3 OR start > end OR n < 0)"
		" + (SELECT count(*) FROM quota_recipient WHERE kind NOT BETWEEN 0 AND 3)", CARE_ERROR,
		"marks, names, lanes, cancellations or quotas that cannot be: the gateway does not start with them" },
	{ "unknown_lanes", "SELECT count(*) FROM backlog WHERE NOT EXISTS (SELECT 1 FROM lane WHERE lane.id = lane)",
		CARE_ERROR, "messages that wait in a lane nobody knows: they are not found after a start" },
};

/* All that stands for a message which is not final: see queue.h, "where an unresolved message is found". */
static const char accounted[] =
	"PRAGMA query_only = 0;"
	"CREATE TEMP TABLE accounted (id INTEGER PRIMARY KEY);"
	"INSERT OR IGNORE INTO temp.accounted SELECT id FROM backlog WHERE lane IN (SELECT id FROM lane);"
	"INSERT OR IGNORE INTO temp.accounted SELECT " ID_OF_KEY " FROM due;"
	"INSERT OR IGNORE INTO temp.accounted SELECT " ID_OF_KEY " FROM waiting;"
	"PRAGMA query_only = 1;";

static int check_pages(struct checking *c)
{
	char sql[64];
	sqlite3_stmt *st;
	int rc;

	snprintf(sql, sizeof(sql), "PRAGMA integrity_check(%d)", DAMAGES_MAX);
	rc = sqlite3_prepare_v2(c->db, sql, -1, &st, NULL);
	while (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(st, 0);

		if (text && strcmp(text, "ok") != 0)
			find(c, CARE_ERROR, "corrupt", 1, text);
		rc = SQLITE_OK;
	}
	if (rc != SQLITE_DONE)
		find(c, CARE_ERROR, "corrupt", 1, sqlite3_errmsg(c->db));
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? 0 : -EIO;
}

static void check_rows(struct checking *c)
{
	if (sqlite3_exec(c->db, accounted, NULL, NULL, NULL) != SQLITE_OK) {
		find(c, CARE_ERROR, "unreadable", 1, sqlite3_errmsg(c->db));
		return;
	}
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		const struct count *k = &counts[i];
		int64_t n = ask(c->db, k->sql, -1);

		if (n < 0)
			find(c, CARE_ERROR, "unreadable", 1, sqlite3_errmsg(c->db));
		else if (n || k->kind == CARE_FACT)
			find(c, k->kind, k->code, n, k->text);
	}
}

static bool in_use(const char *file)
{
	char lock[4200];
	bool held;
	int fd;

	snprintf(lock, sizeof(lock), "%s.lock", file);
	fd = open(lock, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	held = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	close(fd);
	return held;
}

static void tell_file(struct checking *c)
{
	char wal[4200];
	struct stat st;

	find(c, CARE_FACT, "in_use", in_use(c->file), "1: a gateway has it open");
	find(c, CARE_FACT, "schema", ask(c->db, "PRAGMA user_version", 0), "");
	find(c, CARE_FACT, "octets", ask(c->db, "PRAGMA page_count", 0) * ask(c->db, "PRAGMA page_size", 0), "");
	find(c, CARE_FACT, "octets_free", ask(c->db, "PRAGMA freelist_count", 0) * ask(c->db, "PRAGMA page_size", 0),
		"inside the file, used again before it grows");
	snprintf(wal, sizeof(wal), "%s-wal", c->file);
	find(c, CARE_FACT, "octets_log", stat(wal, &st) == 0 ? st.st_size : 0, "");
}

int care_check(const char *path, bool quick, care_each_cb each, void *arg, char *err, size_t n_err)
{
	char file[4096];
	struct checking c = { .file = file, .each = each, .arg = arg };
	int64_t version;
	int r;

	r = find_file(path, file, sizeof(file), err, n_err);
	if (r == 0)
		r = open_file(file, &c.db, err, n_err);
	if (r < 0)
		return r;
	tell_file(&c);
	version = ask(c.db, "PRAGMA user_version", 0);
	if (version > SCHEMA_VERSION)
		find(&c, CARE_ERROR, "newer_schema", version, "made by a newer Posthorn: this one cannot read it");
	else if (version < 1)
		find(&c, CARE_ERROR, "corrupt", 1, "the schema has a number that no Posthorn gives");
	else if (version < SCHEMA_VERSION)
		find(&c, CARE_WARNING, "older_schema", version, "the next start of the gateway brings it forward");
	if (!quick)
		check_pages(&c);
	if (version == SCHEMA_VERSION)
		check_rows(&c);
	if (version == SCHEMA_VERSION && !quick)
		care_keys(c.db, &IDEM_SHAPE, each, arg);
	close_file(c.db, file);
	return 0;
}

/* ---- copying ---------------------------------------------------------------------------------------------- */

struct copying {
	sqlite3 *from, *to;
	const char *part; /* its name until it is whole */
	int fd;           /* of that file: its lock, from beginning to end */
	bool (*progress)(void *arg, int64_t pages_done, int64_t pages);
	void *arg;
	char *err;
	size_t n_err;
};

/* The source stays in its read transaction, so a step does not begin anew when the gateway has written. */
static int copy_pages(struct copying *c)
{
	sqlite3_backup *b = sqlite3_backup_init(c->to, "main", c->from, "main");
	int rc = SQLITE_OK, r = 0;

	if (!b)
		return refuse(c->err, c->n_err, -EIO, "%s: %s", c->part, sqlite3_errmsg(c->to));
	do {
		int pages;

		rc = sqlite3_backup_step(b, BACKUP_PAGES);
		pages = sqlite3_backup_pagecount(b);
		if ((rc == SQLITE_OK || rc == SQLITE_DONE) && c->progress &&
			c->progress(c->arg, pages - sqlite3_backup_remaining(b), pages))
			r = refuse(c->err, c->n_err, -ECANCELED, "interrupted; nothing is left of it");
	} while (r == 0 && rc == SQLITE_OK);
	sqlite3_backup_finish(b);
	if (r == 0 && rc != SQLITE_DONE)
		r = refuse(c->err, c->n_err, rc == SQLITE_FULL ? -ENOSPC : -EIO, "%s: %s", c->part, sqlite3_errstr(rc));
	return r;
}

/* Without the log of its own that its header asks for: one file is easier to carry about. */
static int seal(struct copying *c)
{
	if (sqlite3_exec(c->to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL) != SQLITE_OK)
		return refuse(c->err, c->n_err, -EIO, "%s: %s", c->part, sqlite3_errmsg(c->to));
	if (fsync(c->fd) < 0)
		return refuse(c->err, c->n_err, -errno, "%s: %s", c->part, strerror(errno));
	return 0;
}

static int verify(struct copying *c)
{
	sqlite3_stmt *st;
	bool ok = false;

	if (sqlite3_prepare_v2(c->to, "PRAGMA quick_check(1)", -1, &st, NULL) == SQLITE_OK) {
		ok = sqlite3_step(st) == SQLITE_ROW && strcmp((const char *)sqlite3_column_text(st, 0), "ok") == 0;
		sqlite3_finalize(st);
	}
	return ok ? 0
		  : refuse(c->err, c->n_err, -EIO,
			    "the copy is damaged, so the original probably is: run `posthorn check`");
}

static int sync_folder(const char *path)
{
	char copy[4096];
	int fd, r;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return r;
}

static void forget_logs(const struct copying *c)
{
	static const char *const ends[] = { "-journal", "-wal", "-shm" };
	char path[4200];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", c->part, ends[i]);
		unlink(path);
	}
}

/* Between open() and flock() another backup may have given the file its name: then it is not ours to empty. */
static bool still_named(const struct copying *c)
{
	struct stat named, held;

	return stat(c->part, &named) == 0 && fstat(c->fd, &held) == 0 && named.st_dev == held.st_dev &&
		named.st_ino == held.st_ino;
}

/* The file is made here and with few rights, as it holds texts and numbers.  One that is there and that nobody has
 * locked was left by a backup that was killed: it is used again.  SQLite's own locks on it would go with any descriptor
 * of it that is closed, so this one is closed last. */
static int open_copy(struct copying *c)
{
	c->fd = open(c->part, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (c->fd < 0)
		return refuse(c->err, c->n_err, -errno, "%s: %s", c->part, strerror(errno));
	if (flock(c->fd, LOCK_EX | LOCK_NB) < 0 || !still_named(c)) {
		close(c->fd);
		c->fd = -1;
		return refuse(c->err, c->n_err, -EBUSY, "%s: another backup to this place is under way", c->part);
	}
	forget_logs(c);
	if (ftruncate(c->fd, 0) < 0 || fchmod(c->fd, 0600) < 0)
		return refuse(c->err, c->n_err, -errno, "%s: %s", c->part, strerror(errno));
	if (sqlite3_open_v2(c->part, &c->to, SQLITE_OPEN_READWRITE, store_file_vfs()) != SQLITE_OK)
		return refuse(c->err, c->n_err, -EIO, "%s: %s", c->part, sqlite3_errmsg(c->to));
	return 0;
}

static int name_it(struct copying *c, const char *to)
{
	if (rename(c->part, to) < 0)
		return refuse(c->err, c->n_err, -errno, "%s: %s", to, strerror(errno));
	sync_folder(to);
	return 0;
}

int care_backup(const char *path, const char *to, bool replace,
	bool (*progress)(void *arg, int64_t pages_done, int64_t pages), void *arg, char *err, size_t n_err)
{
	char file[4096], part[4096];
	struct copying c = { .part = part, .fd = -1, .progress = progress, .arg = arg, .err = err, .n_err = n_err };
	int r;

	r = find_file(path, file, sizeof(file), err, n_err);
	if (r < 0)
		return r;
	if ((size_t)snprintf(part, sizeof(part), "%s.part", to) >= sizeof(part))
		return refuse(err, n_err, -ENAMETOOLONG, "%s: the path is too long", to);
	if (!replace && access(to, F_OK) == 0)
		return refuse(err, n_err, -EEXIST, "%s is there already; --force replaces it", to);
	r = open_file(file, &c.from, err, n_err);
	if (r < 0)
		return r;
	r = open_copy(&c);
	if (r == 0)
		r = copy_pages(&c);
	if (r == 0)
		r = verify(&c);
	if (r == 0)
		r = seal(&c);
	sqlite3_close(c.to);
	close_file(c.from, file);
	if (r == 0)
		r = name_it(&c, to);
	if (c.fd >= 0) {
		if (r < 0) {
			forget_logs(&c);
			unlink(part);
		}
		close(c.fd);
	}
	return r;
}
