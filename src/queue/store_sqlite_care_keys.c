/* SPDX-License-Identifier: Apache-2.0
 *
 * store_sqlite_care_keys.c -- do the runs of idempotency keys (store_sqlite_idem.c) say what the keys say?
 *
 * A key that is in no run, or that a filter denies, is taken for new when it comes again, and its message goes twice.
 * Of each run that is asked the keys are summed up twice, by the rows of `idem` and by its own entries: numbers with
 * their hashes, the upper bits of which an entry has from its place.  The sums are the same when the entries are, each
 * in its place, none twice and none missing; and both are read from front to back, whatever the size.
 */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "queue/care.h"
#include "queue/idem.h"
#include "queue/store_schema.h"

struct key_run {
	unsigned level;
	uint64_t first, end;
	bool whole;
};

struct care_keys {
	sqlite3 *db;
	const struct idem_shape *shape;
	uint64_t from;             /* those below have aged: their rows may be gone, or there */
	struct key_run *runs;
	unsigned n_runs;
	int64_t wrong, lost, denied, stray;
};

struct key_sum {
	uint64_t n, sum;
};

static void add(struct key_sum *s, uint64_t n, uint64_t hash)
{
	s->n++;
	s->sum += hash_mix64(hash_mix64(n) ^ hash);
}

static sqlite3_stmt *prepare(struct care_keys *k, const char *sql, uint64_t from, uint64_t upto)
{
	sqlite3_stmt *st = NULL;

	if (sqlite3_prepare_v2(k->db, sql, -1, &st, NULL) != SQLITE_OK)
		return NULL;
	sqlite3_bind_int64(st, 1, (int64_t)from);
	sqlite3_bind_int64(st, 2, (int64_t)upto);
	return st;
}

/* SQLITE_OK when a loop of sqlite3_step() came to its end. */
static int ended(sqlite3_stmt *st, int rc)
{
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int read_number(struct care_keys *k, const char *sql, uint64_t from, uint64_t upto, uint64_t *ret)
{
	sqlite3_stmt *st = prepare(k, sql, from, upto);
	int rc = sqlite3_step(st);

	*ret = rc == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(st, 0) : 0;
	return ended(st, rc == SQLITE_ROW ? SQLITE_DONE : rc);
}

static int read_runs(struct care_keys *k)
{
	sqlite3_stmt *st = prepare(k, "SELECT level, n, whole FROM idem_run ORDER BY level DESC, n", 0, 0);
	unsigned cap = 0;
	int rc;

	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		unsigned level = (unsigned)sqlite3_column_int64(st, 0);
		uint64_t first = (uint64_t)sqlite3_column_int64(st, 1);

		if (level >= IDEM_LEVELS || first & (idem_run_size(k->shape, level) - 1)) {
			k->wrong++;
			continue;
		}
		if (k->n_runs == cap) {
			void *more = realloc(k->runs, (cap = cap ? 2 * cap : 64) * sizeof(*k->runs));

			if (!more) {
				rc = SQLITE_NOMEM;
				break;
			}
			k->runs = more;
		}
		k->runs[k->n_runs++] = (struct key_run){ level, first, first + idem_run_size(k->shape, level),
			sqlite3_column_int(st, 2) != 0 };
	}
	return ended(st, rc);
}

/* What has aged or was merged goes bit by bit, and nobody asks it. */
static bool is_asked(const struct care_keys *k, const struct key_run *r)
{
	if (r->end <= k->from)
		return false;
	for (unsigned i = 0; i < k->n_runs; i++)
		if (k->runs[i].whole && k->runs[i].level > r->level && k->runs[i].first <= r->first &&
			r->first < k->runs[i].end)
			return false;
	return true;
}

static int sum_keys(struct care_keys *k, uint64_t from, uint64_t upto, struct key_sum *ret)
{
	sqlite3_stmt *st =
		prepare(k, "SELECT n, client, khash FROM idem WHERE n >= ?1 AND n < ?2 ORDER BY n", from, upto);
	int rc;

	*ret = (struct key_sum){ 0 };
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		const void *blob = sqlite3_column_blob(st, 2);
		uint8_t khash[16] = { 0 };

		if (blob && sqlite3_column_bytes(st, 2) == sizeof(khash))
			memcpy(khash, blob, sizeof(khash));
		add(ret, (uint64_t)sqlite3_column_int64(st, 0),
			idem_hash(k->shape, (uint32_t)sqlite3_column_int64(st, 1), khash));
	}
	return ended(st, rc);
}

/* The entries of one unit, and the filter that they make. */
static int sum_unit(struct care_keys *k, const struct key_run *r, unsigned unit, struct key_sum *s, uint8_t *bits)
{
	unsigned parts = 1u << (k->shape->unit - k->shape->part);
	uint64_t row = idem_row(r->level, r->first, k->shape->part, 0), from = row + (uint64_t)unit * parts;
	sqlite3_stmt *st =
		prepare(k, "SELECT k, entries FROM idem_part WHERE k >= ?1 AND k < ?2 ORDER BY k", from, from + parts);
	int rc;

	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		uint64_t part = (uint64_t)sqlite3_column_int64(st, 0) - row, hash, offset;
		const uint8_t *e = sqlite3_column_blob(st, 1), *end = e ? e + sqlite3_column_bytes(st, 1) : NULL;

		for (; e && end - e >= IDEM_ENTRY; e += IDEM_ENTRY) {
			idem_entry_get(k->shape, r->level, part, e, &hash, &offset);
			idem_filter_add(k->shape, r->level, bits, hash);
			if (r->first + offset >= k->from)
				add(s, r->first + offset, hash);
		}
		s->n += e != end; /* half an entry: the sums must not be the same */
	}
	return ended(st, rc);
}

static int check_filter(struct care_keys *k, const struct key_run *r, unsigned unit, const uint8_t *bits)
{
	uint64_t row = idem_row(r->level, r->first, k->shape->unit, unit);
	size_t size = idem_filter_size(k->shape, r->level);
	sqlite3_stmt *st = prepare(k, "SELECT bits FROM idem_filter WHERE k >= ?1 AND k <= ?2", row, row);
	int rc = sqlite3_step(st);
	const void *stored = rc == SQLITE_ROW ? sqlite3_column_blob(st, 0) : NULL;

	/* Of a run that is being written the rest has none.  One of another size was made by a version with more, or
	 * fewer, bits a key: nobody asks it. */
	if (rc == SQLITE_ROW || r->whole)
		k->denied += !stored || (sqlite3_column_bytes(st, 0) == (int)size && memcmp(stored, bits, size) != 0);
	return ended(st, rc == SQLITE_ROW ? SQLITE_DONE : rc);
}

static int check_run(struct care_keys *k, const struct key_run *r, uint64_t *covered)
{
	uint64_t from = r->first > k->from ? r->first : k->from;
	struct key_sum keys, entries = { 0 };
	uint8_t bits[4096];
	int rc = SQLITE_OK;

	for (unsigned unit = 0; !rc && unit < idem_run_units(k->shape, r->level); unit++) {
		memset(bits, 0, sizeof(bits));
		rc = sum_unit(k, r, unit, &entries, bits);
		if (!rc)
			rc = check_filter(k, r, unit, bits);
	}
	if (rc || !r->whole)
		return rc;
	rc = sum_keys(k, from, r->end, &keys);
	k->wrong += keys.n != entries.n || keys.sum != entries.sum;
	*covered += keys.n;
	return rc;
}

/* Rows that no run has. */
static int check_stray(struct care_keys *k)
{
	uint64_t parts, of_runs = 0, n;
	int rc = read_number(k, "SELECT count(*) FROM idem_part", 0, 0, &parts);

	for (unsigned i = 0; !rc && i < k->n_runs; i++) {
		const struct key_run *r = &k->runs[i];
		uint64_t row = idem_row(r->level, r->first, k->shape->part, 0);

		rc = read_number(k, "SELECT count(*) FROM idem_part WHERE k >= ?1 AND k < ?2", row,
			row + (idem_run_size(k->shape, r->level) >> k->shape->part), &n);
		of_runs += n;
	}
	k->stray = (int64_t)(parts - of_runs);
	return rc;
}

static int check_all(struct care_keys *k)
{
	uint64_t upto = 0, covered = 0, live = 0;
	int rc = read_number(k, "SELECT coalesce((SELECT v FROM meta WHERE k = 'idem_from'), 0)", 0, 0, &k->from);

	if (!rc)
		rc = read_runs(k);
	for (unsigned i = 0; !rc && i < k->n_runs; i++) {
		if (!is_asked(k, &k->runs[i]))
			continue;
		rc = check_run(k, &k->runs[i], &covered);
		if (k->runs[i].whole && k->runs[i].end > upto)
			upto = k->runs[i].end;
	}
	/* Those behind the last run are read into memory at start. */
	if (!rc)
		rc = read_number(k, "SELECT count(*) FROM idem WHERE n >= ?1 AND n < ?2", k->from, upto, &live);
	k->lost = (int64_t)(live - covered);
	return rc ? rc : check_stray(k);
}

void care_keys(struct sqlite3 *db, const struct idem_shape *shape, care_each_cb each, void *arg)
{
	struct care_keys k = { .db = db, .shape = shape };
	int rc = check_all(&k);
	const struct care_finding all[] = {
		{ CARE_ERROR, "unreadable", rc != SQLITE_OK, sqlite3_errmsg(db) },
		{ CARE_ERROR, "key_runs_wrong", rc ? 0 : k.wrong,
			"sorted runs that have not the idempotency keys of their numbers: what came before may be taken for"
			" new" },
		{ CARE_ERROR, "keys_in_no_run", rc ? 0 : k.lost,
			"idempotency keys that are in no sorted run: they are taken for new" },
		{ CARE_ERROR, "key_filters_wrong", rc ? 0 : k.denied,
			"filters of sorted runs that are not what their entries make: what came before may be taken for new" },
		{ CARE_ERROR, "key_parts_of_nothing", rc ? 0 : k.stray,
			"pieces of sorted runs of idempotency keys, of no run" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].n)
			each(arg, &all[i]);
	free(k.runs);
}
