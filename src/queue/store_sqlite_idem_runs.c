/* SPDX-License-Identifier: Apache-2.0
 *
 * store_sqlite_idem_runs.c -- runs of keys on disk: written, merged, taken away.  store_sqlite_idem.c says what for.
 *
 * Who writes them is the commits themselves, behind their operations: for an eighth of a unit's keys that came, one
 * unit is written in a later commit, those of the lowest level first.  A level asks for one unit in the time in which a
 * unit's keys come, so none falls behind, and nobody waits for a timer or for another thread.  A commit writes no more
 * than for as many keys as came in it, and one: a code does not wait for what an array left to be done.
 *
 * A step changes rows inside the transaction, and what memory knows only when that is on disk (idem_committed()).
 * Where it fails, operations go on without it, and it is tried again when more keys have come: until then the segments
 * have them.
 *
 * Filters have a bound in memory; where it is reached the oldest goes, and its run is read instead.
 */
#include "queue/store_sqlite.h"

#include <limits.h>
#include <stdlib.h>

#define BACK_UNITS 16 /* 64 kB */
#define PACE 8 /* units that may be written in the time in which the keys of one come */

static const struct idem_shape *shape(const struct writer *w)
{
	return &w->keys.shape;
}

uint64_t idem_run_end(const struct writer *w, unsigned level, uint64_t first)
{
	return first + idem_run_size(&w->keys.shape, level);
}

bool idem_has_aged(const struct writer *w, unsigned level, uint64_t first)
{
	return idem_run_end(w, level, first) <= w->m.key_from;
}

/* ---- a unit of a run ------------------------------------------------------------------------------------- */

static int collect_entry(struct idem_keys *k, uint64_t hash, uint64_t offset)
{
	if (k->n_entries == k->cap) {
		size_t cap = k->cap ? 2 * k->cap : 4096;
		void *entries = realloc(k->entries, cap * sizeof *k->entries);
		void *octets = entries ? realloc(k->octets, cap * IDEM_ENTRY) : NULL;

		if (entries)
			k->entries = entries;
		if (!octets)
			return SQLITE_NOMEM;
		k->octets = octets;
		k->cap = cap;
	}
	k->entries[k->n_entries++] = (struct idem_entry){hash, offset};
	return SQLITE_OK;
}

static int collect_from_segment(struct writer *w, unsigned unit)
{
	unsigned bits = shape(w)->segment - shape(w)->unit;
	uint32_t from, upto;
	const uint64_t *hashes = idem_segment_hashes(w->keys.segments[0], &from, &upto);
	int rc = SQLITE_OK;

	for (uint32_t i = from; !rc && i < upto; i++)
		if (idem_prefix(hashes[i], bits) == unit)
			rc = collect_entry(&w->keys, hashes[i], i);
	return rc;
}

/* From one of the eight: the parts of its that begin as the unit does. */
static int collect_from_run(struct writer *w, unsigned level, uint64_t first, unsigned unit, uint64_t offset)
{
	unsigned bits = shape(w)->unit - shape(w)->part - IDEM_FANOUT;
	uint64_t row = idem_row(level, first, shape(w)->part, 0), hash, its;
	sqlite3_stmt *st = w->st[W_PARTS_OF];
	int rc, rc2 = SQLITE_OK;

	BIND(st, row + ((uint64_t)unit << bits), row + ((uint64_t)(unit + 1) << bits));
	while (!rc2 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		const uint8_t *from = sqlite3_column_blob(st, 1), *end = from + sqlite3_column_bytes(st, 1);

		if (!from)
			rc2 = no_blob(st);
		for (; !rc2 && end - from >= IDEM_ENTRY; from += IDEM_ENTRY) {
			idem_entry_get(shape(w), level, (uint64_t)column(st, 0) - row, from, &hash, &its);
			rc2 = collect_entry(&w->keys, hash, offset + its);
		}
	}
	sqlite3_reset(st);
	return rc2 || rc == SQLITE_DONE ? rc2 : rc;
}

static int collect_from_runs(struct writer *w, unsigned level, uint64_t first, unsigned unit)
{
	uint64_t size = idem_run_size(shape(w), level - 1);
	int rc = SQLITE_OK;

	for (uint64_t offset = 0; !rc && offset < size << IDEM_FANOUT; offset += size)
		if (!idem_has_aged(w, level - 1, first + offset))
			rc = collect_from_run(w, level - 1, first + offset, unit, offset);
	return rc;
}

static int put_blob(sqlite3_stmt *st, uint64_t k, const void *p, size_t n)
{
	sqlite3_bind_int64(st, 1, (int64_t)k);
	sqlite3_bind_blob(st, 2, p, (int)n, SQLITE_STATIC);
	return run(st);
}

/* What was collected, part by part; within a part in no order. */
static int put_parts(struct writer *w, unsigned level, uint64_t first, unsigned unit)
{
	struct idem_keys *k = &w->keys;
	unsigned bits = k->shape.unit - k->shape.part, n = 1u << bits;
	uint64_t from = (uint64_t)unit << bits;
	size_t at[257] = {0}; /* beginnings, then ends */
	int rc = SQLITE_OK;

	for (size_t i = 0; i < k->n_entries; i++)
		at[idem_part(&k->shape, level, k->entries[i].hash) - from + 1]++;
	for (unsigned i = 1; i <= n; i++)
		at[i] += at[i - 1];
	for (size_t i = 0; i < k->n_entries; i++) {
		const struct idem_entry *e = &k->entries[i];

		idem_entry_put(&k->shape, level, e->hash, e->offset,
			k->octets + IDEM_ENTRY * at[idem_part(&k->shape, level, e->hash) - from]++);
	}
	for (unsigned i = 0; !rc && i < n; i++) {
		size_t begin = i ? at[i - 1] : 0;

		if (at[i] > begin)
			rc = put_blob(w->st[W_PART_KEYS], idem_row(level, first, k->shape.part, from + i),
				k->octets + IDEM_ENTRY * begin, IDEM_ENTRY * (at[i] - begin));
	}
	return rc;
}

static int put_filter(struct writer *w, unsigned level, struct idem_job *j, unsigned unit)
{
	struct idem_keys *k = &w->keys;
	uint8_t bits[4096] = {0};
	size_t size = idem_filter_size(&k->shape, level);

	for (size_t i = 0; i < k->n_entries; i++)
		idem_filter_add(&k->shape, level, bits, k->entries[i].hash);
	if (j->filter)
		memcpy(j->filter + unit * size, bits, size);
	return put_blob(w->st[W_FILTER], idem_row(level, j->first, k->shape.unit, unit), bits, size);
}

static int write_unit(struct writer *w, unsigned level)
{
	struct idem_job *j = &w->keys.jobs[level];
	unsigned unit = j->next + j->written, last = idem_run_units(shape(w), level) - 1;
	int rc = SQLITE_OK;

	w->keys.n_entries = 0;
	if (unit == 0 || unit == last) {
		BIND(w->st[W_RUN], level, (int64_t)j->first, unit == last);
		rc = run(w->st[W_RUN]);
	}
	if (!rc)
		rc = level ? collect_from_runs(w, level, j->first, unit) : collect_from_segment(w, unit);
	if (!rc)
		rc = put_parts(w, level, j->first, unit);
	if (!rc)
		rc = put_filter(w, level, j, unit);
	j->written++;
	return rc;
}

static unsigned units_left(const struct writer *w, unsigned level)
{
	const struct idem_job *j = &w->keys.jobs[level];

	return j->active ? idem_run_units(shape(w), level) - j->next - j->written : 0;
}

static uint64_t unit_price(const struct writer *w)
{
	return (UINT64_C(1) << shape(w)->unit) / PACE;
}

/* What ages in this very commit, and may have been purged in it, gets no rows any more. */
static bool goes_on(const struct writer *w, unsigned level)
{
	return units_left(w, level) && !idem_has_aged(w, level, w->keys.jobs[level].first);
}

static void bring_back_filter(struct writer *w);

int idem_work(struct writer *w)
{
	uint64_t came = w->m.key_next - w->saved.key_next;
	uint64_t left = w->keys.credit / unit_price(w), most = came / unit_price(w) + 1;
	int rc = SQLITE_OK;

	if (left > most)
		left = most;
	for (unsigned level = 0; level < IDEM_LEVELS; level++)
		for (; !rc && left && goes_on(w, level); left--)
			rc = write_unit(w, level);
	if (!rc && came)
		bring_back_filter(w);
	return rc;
}

/* ---- filters --------------------------------------------------------------------------------------------- */

static size_t filter_octets(const struct writer *w, unsigned level)
{
	return idem_run_units(shape(w), level) * idem_filter_size(shape(w), level);
}

static void drop_filter(struct writer *w, unsigned level, uint8_t **filter)
{
	if (*filter)
		w->keys.filter_octets -= filter_octets(w, level);
	free(*filter);
	*filter = NULL;
}

static struct idem_run *oldest_filter(struct idem_keys *k)
{
	struct idem_run *oldest = NULL;

	for (unsigned i = 0; i < k->n_runs; i++)
		if (k->runs[i].filter && (!oldest || k->runs[i].first < oldest->first))
			oldest = &k->runs[i];
	return oldest;
}

/* Room for a new one, at the cost of the oldest; NULL: there is none, the run is read instead. */
static uint8_t *make_filter(struct writer *w, unsigned level, uint64_t first)
{
	struct idem_keys *k = &w->keys;
	size_t size = filter_octets(w, level);
	struct idem_run *oldest;
	uint8_t *filter;

	if (size > k->filter_most)
		return NULL;
	if (k->filter_octets + size > k->filter_most)
		drop_filter(w, k->back.level, &k->back.filter);
	while (k->filter_octets + size > k->filter_most) {
		oldest = oldest_filter(k);
		if (!oldest || oldest->first > first)
			return NULL;
		drop_filter(w, oldest->level, &oldest->filter);
	}
	filter = calloc(1, size);
	k->filter_octets += filter ? size : 0;
	return filter;
}

/* The units that are on disk, from `from` on and no more than `most`; *ret_upto: those before it are there. */
static int load_filter(struct writer *w, unsigned level, uint64_t first, uint8_t *filter, unsigned from, unsigned most,
	unsigned *ret_upto)
{
	unsigned n = from, all = idem_run_units(shape(w), level), upto = all - from < most ? all : from + most;
	size_t size = idem_filter_size(shape(w), level);
	uint64_t row = idem_row(level, first, shape(w)->unit, 0);
	sqlite3_stmt *st = w->st[W_FILTERS_OF];
	int rc;

	BIND(st, row + from, row + upto);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW && (uint64_t)column(st, 0) == row + n) {
		const void *bits = sqlite3_column_blob(st, 1);

		if (!bits || sqlite3_column_bytes(st, 1) != (int)size)
			break;
		if (filter)
			memcpy(filter + n * size, bits, size);
		n++;
	}
	sqlite3_reset(st);
	*ret_upto = n;
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static struct idem_run *run_of(const struct writer *w, unsigned level, uint64_t first)
{
	for (unsigned i = 0; i < w->keys.n_runs; i++)
		if (w->keys.runs[i].level == level && w->keys.runs[i].first == first)
			return &w->keys.runs[i];
	return NULL;
}

/* The youngest run without a filter for which there is room, and some more: the next run that is made would take it
 * back. */
static const struct idem_run *find_without(const struct writer *w)
{
	const struct idem_keys *k = &w->keys;
	const struct idem_run *found = NULL;

	for (unsigned i = 0; i < k->n_runs; i++) {
		const struct idem_run *r = &k->runs[i];

		if (!r->filter && !r->broken && (!found || r->first > found->first) &&
			k->filter_octets + filter_octets(w, r->level) <= k->filter_most - k->filter_most / 8)
			found = r;
	}
	return found;
}

static void begin_back(struct writer *w)
{
	const struct idem_run *r = find_without(w);

	if (!r)
		return;
	w->keys.back = (struct idem_back){.first = r->first, .level = r->level};
	w->keys.back.filter = malloc(filter_octets(w, r->level));
	w->keys.filter_octets += w->keys.back.filter ? filter_octets(w, r->level) : 0;
}

/* What had to go, or found no memory, comes back when there is room: some units with each commit that has keys.  They
 * change no more, so it does not matter what becomes of that. */
static void bring_back_filter(struct writer *w)
{
	struct idem_back *b = &w->keys.back;
	struct idem_run *r;
	unsigned from;
	int rc;

	if (!b->filter)
		begin_back(w);
	if (!b->filter)
		return;
	r = run_of(w, b->level, b->first);
	from = b->next;
	rc = r ? load_filter(w, b->level, b->first, b->filter, from, BACK_UNITS, &b->next) : SQLITE_OK;
	if (!r || rc || b->next == from) { /* merged, or aged; or it cannot be read */
		drop_filter(w, b->level, &b->filter);
		if (r)
			r->broken = !rc;
	} else if (b->next == idem_run_units(shape(w), b->level)) {
		r->filter = b->filter;
		b->filter = NULL;
	}
}

/* ---- after a commit -------------------------------------------------------------------------------------- */

void idem_stop_job(struct writer *w, unsigned level)
{
	drop_filter(w, level, &w->keys.jobs[level].filter);
	w->keys.jobs[level] = (struct idem_job){0};
}

static void drop_run(struct writer *w, unsigned i)
{
	struct idem_keys *k = &w->keys;

	drop_filter(w, k->runs[i].level, &k->runs[i].filter);
	k->runs[i] = k->runs[--k->n_runs];
}

static void drop_segment(struct idem_keys *k)
{
	idem_segment_free(k->segments[0]);
	memmove(k->segments, k->segments + 1, --k->n_segments * sizeof *k->segments);
}

static void drop_runs(struct writer *w, unsigned level, uint64_t from, uint64_t upto)
{
	for (unsigned i = w->keys.n_runs; i--;) {
		const struct idem_run *r = &w->keys.runs[i];

		if (r->level == level && r->first >= from && r->first < upto)
			drop_run(w, i);
	}
}

/* The run is whole: what it was made from is not asked any more.  There is room for it since it was begun. */
static void publish_run(struct writer *w, unsigned level)
{
	struct idem_keys *k = &w->keys;
	struct idem_job *j = &k->jobs[level];

	if (level)
		drop_runs(w, level - 1, j->first, idem_run_end(w, level, j->first));
	else
		drop_segment(k);
	k->runs[k->n_runs++] = (struct idem_run){.first = j->first, .level = level, .filter = j->filter};
	*j = (struct idem_job){0};
}

static void drop_what_aged(struct writer *w)
{
	struct idem_keys *k = &w->keys;

	for (unsigned level = 0; level < IDEM_LEVELS; level++)
		if (k->jobs[level].active && idem_has_aged(w, level, k->jobs[level].first))
			idem_stop_job(w, level);
	for (unsigned i = k->n_runs; i--;)
		if (idem_has_aged(w, k->runs[i].level, k->runs[i].first))
			drop_run(w, i);
	while (k->n_segments && idem_has_aged(w, 0, idem_segment_first(k->segments[0])))
		drop_segment(k);
}

/* Eight that follow on each other, or what has not aged of them. */
static bool can_merge(const struct writer *w, unsigned level, uint64_t first)
{
	uint64_t size = idem_run_size(shape(w), level - 1);

	for (uint64_t at = first; at < idem_run_end(w, level, first); at += size)
		if (!idem_has_aged(w, level - 1, at) && !run_of(w, level - 1, at))
			return false;
	return true;
}

static bool find_work(const struct writer *w, unsigned level, uint64_t *ret_first)
{
	const struct idem_keys *k = &w->keys;

	if (!level) {
		*ret_first = k->n_segments ? idem_segment_first(k->segments[0]) : 0;
		return k->n_segments && idem_run_end(w, 0, *ret_first) <= w->m.key_next;
	}
	for (unsigned i = 0; i < k->n_runs; i++) {
		*ret_first = k->runs[i].first & ~(idem_run_size(shape(w), level) - 1);
		if (k->runs[i].level == level - 1 && can_merge(w, level, *ret_first))
			return true;
	}
	return false;
}

/* There must be a place in the list for each run that is being written. */
static int make_room(struct idem_keys *k)
{
	for (unsigned i = 0; i < IDEM_LEVELS; i++)
		if (grow(&k->runs, k->n_runs + i, sizeof *k->runs) < 0)
			return SQLITE_NOMEM;
	return SQLITE_OK;
}

static void begin_job(struct writer *w, unsigned level, uint64_t first)
{
	w->keys.jobs[level] = (struct idem_job){.active = true, .first = first, .filter = make_filter(w, level, first)};
}

static bool find_jobs(struct writer *w)
{
	bool any = false;
	uint64_t first;

	for (unsigned level = 0; level < IDEM_LEVELS; level++) {
		if (!w->keys.jobs[level].active && find_work(w, level, &first) && make_room(&w->keys) == SQLITE_OK)
			begin_job(w, level, first);
		any |= w->keys.jobs[level].active;
	}
	return any;
}

void idem_committed(struct writer *w)
{
	struct idem_keys *k = &w->keys;
	uint64_t came = w->m.key_next - w->saved.key_next, done = 0;

	for (unsigned level = 0; level < IDEM_LEVELS; level++) {
		struct idem_job *j = &k->jobs[level];

		done += j->written;
		j->next += j->written;
		j->written = 0;
		if (j->active && !units_left(w, level))
			publish_run(w, level);
	}
	if (!came && !done && w->m.key_from == w->saved.key_from)
		return;
	drop_what_aged(w);
	k->credit += came;
	k->credit -= done * unit_price(w);
	if (!find_jobs(w))
		k->credit = 0; /* work that comes is paid for by keys that come */
}

void idem_rolled_back(struct writer *w)
{
	struct idem_keys *k = &w->keys;

	k->put_off = false;
	for (unsigned level = 0; level < IDEM_LEVELS; level++) {
		k->put_off |= k->jobs[level].written > 0;
		k->jobs[level].written = 0;
	}
	if (k->put_off)
		k->credit = 0;
	while (k->n_segments && idem_segment_first(k->segments[k->n_segments - 1]) > w->m.key_next)
		idem_segment_free(k->segments[--k->n_segments]);
	if (k->n_segments)
		idem_segment_cut(k->segments[k->n_segments - 1], w->m.key_next);
}

/* ---- retention ------------------------------------------------------------------------------------------- */

static int purge_aged(struct writer *w, unsigned limit, unsigned *n)
{
	uint64_t upto = w->m.key_from;
	int64_t oldest = 0;
	int rc = first_column(w->st[W_KEY_OLDEST], &oldest);

	if (rc != SQLITE_ROW || (uint64_t)oldest >= upto)
		return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
	if (upto - (uint64_t)oldest > limit)
		upto = (uint64_t)oldest + limit;
	BIND(w->st[W_KEYS_DELETE], (int64_t)upto);
	rc = run(w->st[W_KEYS_DELETE]);
	*n = (unsigned)(upto - (uint64_t)oldest);
	return rc;
}

struct listed_run {
	unsigned level;
	uint64_t first;
	bool whole;
};

/* Merged into a run of a higher level. */
static bool is_covered(const struct writer *w, const struct listed_run *r, const struct listed_run *all, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (all[i].whole && all[i].level > r->level && r->first >= all[i].first &&
			r->first < idem_run_end(w, all[i].level, all[i].first))
			return true;
	return false;
}

/* Its level is a place in a table, and its keys begin where one of that size can. */
static bool is_run(const struct writer *w, int64_t level, int64_t first, int64_t whole)
{
	return level >= 0 && level < IDEM_LEVELS && first >= 0 && (whole == 0 || whole == 1) &&
		((uint64_t)first & (idem_run_size(shape(w), (unsigned)level) - 1)) == 0;
}

static int list_runs(struct writer *w, struct listed_run **ret, unsigned *ret_n)
{
	sqlite3_stmt *st = w->st[W_RUNS];
	struct listed_run *all = NULL;
	unsigned n = 0;
	int rc;

	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		rc = !is_run(w, column(st, 0), column(st, 1), column(st, 2)) ? SQLITE_CORRUPT :
			grow(&all, n, sizeof *all) < 0 ? SQLITE_NOMEM : SQLITE_OK;
		if (rc)
			break;
		all[n++] = (struct listed_run){(unsigned)column(st, 0), (uint64_t)column(st, 1), column(st, 2)};
	}
	sqlite3_reset(st);
	*ret = all;
	*ret_n = n;
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Of `n` numbers from `from` on those that have a row, as many as may go: a range of numbers, as their rows follow on
 * each other, and a statement that reads their keys first costs more. */
static int delete_rows(struct writer *w, int next, int which, uint64_t from, uint64_t n, unsigned *left)
{
	int64_t first = 0;
	uint64_t end = from + n;
	int rc;

	BIND(w->st[next], (int64_t)from);
	rc = first_column(w->st[next], &first);
	if (rc != SQLITE_ROW || (uint64_t)first >= end)
		return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
	if (end - (uint64_t)first > *left)
		end = (uint64_t)first + *left;
	*left -= (unsigned)(end - (uint64_t)first);
	BIND(w->st[which], first, (int64_t)end);
	return run(w->st[which]);
}

/* Its rows, as many as may go; with the last of them itself. */
static int delete_run(struct writer *w, const struct listed_run *r, unsigned *left)
{
	const struct idem_shape *s = shape(w);
	int rc = delete_rows(w, W_PART_NEXT, W_PARTS_OLD, idem_row(r->level, r->first, s->part, 0),
		idem_run_size(s, r->level) >> s->part, left);

	if (!rc && *left)
		rc = delete_rows(w, W_FILTER_NEXT, W_FILTERS_OLD, idem_row(r->level, r->first, s->unit, 0),
			idem_run_units(s, r->level), left);
	if (rc || !*left)
		return rc;
	BIND(w->st[W_RUN_DELETE], r->level, (int64_t)r->first);
	return run(w->st[W_RUN_DELETE]);
}

static int purge_runs(struct writer *w, unsigned limit, unsigned *ret_n)
{
	struct listed_run *all;
	unsigned n_all, left = limit;
	int rc = list_runs(w, &all, &n_all);

	for (unsigned i = 0; !rc && left && i < n_all; i++)
		if (idem_has_aged(w, all[i].level, all[i].first) || is_covered(w, &all[i], all, n_all))
			rc = delete_run(w, &all[i], &left);
	free(all);
	if (*ret_n < limit - left)
		*ret_n = limit - left;
	return rc;
}

int idem_purge(struct writer *w, unsigned limit, unsigned *ret_n)
{
	int rc = purge_aged(w, limit, ret_n);

	return rc ? rc : purge_runs(w, limit, ret_n);
}

/* ---- start ----------------------------------------------------------------------------------------------- */

static int open_run(struct writer *w, const struct listed_run *r)
{
	struct idem_keys *k = &w->keys;
	uint8_t *filter;
	unsigned n = 0;
	int rc = make_room(k);

	if (rc)
		return rc;
	filter = make_filter(w, r->level, r->first);
	if (filter || !r->whole)
		rc = load_filter(w, r->level, r->first, filter, 0, UINT_MAX, &n);
	if (r->whole && n < idem_run_units(shape(w), r->level))
		drop_filter(w, r->level, &filter); /* it would deny what it has not got */
	if (r->whole)
		k->runs[k->n_runs++] = (struct idem_run){.first = r->first, .level = r->level, .filter = filter};
	else
		k->jobs[r->level] = (struct idem_job){.active = true, .first = r->first, .next = n, .filter = filter};
	return rc;
}

/* The newest first, so that filters are theirs. */
int idem_open_runs(struct writer *w, uint64_t *ret_upto)
{
	struct listed_run *all;
	unsigned n_all;
	int rc = list_runs(w, &all, &n_all);

	*ret_upto = w->m.key_from;
	for (unsigned i = 0; !rc && i < n_all; i++) {
		if (idem_has_aged(w, all[i].level, all[i].first) || is_covered(w, &all[i], all, n_all))
			continue;
		rc = open_run(w, &all[i]);
		if (all[i].whole && *ret_upto < idem_run_end(w, all[i].level, all[i].first))
			*ret_upto = idem_run_end(w, all[i].level, all[i].first);
	}
	free(all);
	return rc;
}
