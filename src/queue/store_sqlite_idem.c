/* SPDX-License-Identifier: Apache-2.0
 *
 * store_sqlite_idem.c -- idempotency keys of messages: what came before is known, at the price of a row appended.
 *
 *     idem          every key with the digest of its body and its answer, in the order in which they came
 *     segments      in memory: the hashes of those that are in no run yet, two segments of 65,536 as a rule
 *     idem_run …    on disk: the hashes of all others, by hash, in runs; eight of a level become one of the next
 *     filters       in memory: what says of most runs that a key is not in them
 *
 * A look-up asks the segments and the filters; only where a filter says "maybe" it reads a page.  Whatever is found is
 * a candidate: its row in `idem` says whether it is the key.  So a hash that two keys share costs a row read, and never
 * makes one of them the other.
 *
 * All of this follows from rows.  A run counts when its row says that it is whole; what the last segments held is read
 * back from `idem` at start, and a run that was being written is gone on with, unit by unit.
 *
 * Keys age by generations: those below m.key_from are not looked at any more, and retention takes their rows away, as
 * it does with runs all of whose keys have aged, and with runs that were merged (idem_purge()).
 */
#include "queue/store_sqlite.h"

#include <stdlib.h>

/* ---- look-up --------------------------------------------------------------------------------------------- */

static bool is_blob(sqlite3_stmt *st, int i, const uint8_t *want, int n)
{
	const void *blob = sqlite3_column_blob(st, i);

	return blob && sqlite3_column_bytes(st, i) == n && !memcmp(blob, want, (size_t)n);
}

/* From `at` on: digest of the body, answer. */
static int take_answer(sqlite3_stmt *st, int at, struct store_idem *i)
{
	const char *answer = (const char *)sqlite3_column_text(st, at + 1);

	i->ret_same_body = is_blob(st, at, i->bhash, sizeof i->bhash);
	i->ret_answer = answer ? strdup(answer) : NULL;
	return i->ret_answer ? SQLITE_ROW : SQLITE_NOMEM;
}

/* SQLITE_OK: it is another key. */
static int try_candidate(struct writer *w, struct store_idem *i, uint64_t n)
{
	sqlite3_stmt *st = w->st[W_KEY];
	int rc;

	if (n < w->m.key_from)
		return SQLITE_OK;
	rc = rows_flush(w); /* it may have come in this very commit */
	if (rc)
		return rc;
	BIND(st, n);
	rc = step_row(st);
	if (rc == SQLITE_ROW && !sqlite3_column_blob(st, 1))
		rc = no_blob(st); /* not: another key */
	else if (rc == SQLITE_ROW && column(st, 0) == i->client && is_blob(st, 1, i->khash, sizeof i->khash))
		rc = take_answer(st, 2, i);
	else if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		rc = SQLITE_OK;
	sqlite3_reset(st);
	return rc;
}

static int look_in_segment(struct writer *w, const struct idem_segment *g, uint64_t hash, struct store_idem *i)
{
	uint32_t at = 0;
	uint64_t n;
	int rc = SQLITE_OK;

	while (!rc && idem_segment_find(g, hash, &at, &n))
		rc = try_candidate(w, i, n);
	return rc;
}

static int look_in_run(struct writer *w, const struct idem_run *r, uint64_t hash, struct store_idem *i)
{
	uint64_t part = idem_part(&w->keys.shape, r->level, hash), its, offset;
	sqlite3_stmt *st = w->st[W_PART_FIND];
	int rc, rc2 = SQLITE_OK;

	BIND(st, idem_row(r->level, r->first, w->keys.shape.part, part));
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		const uint8_t *from = sqlite3_column_blob(st, 0), *end = from + sqlite3_column_bytes(st, 0);

		if (!from)
			rc2 = no_blob(st);
		for (; !rc2 && end - from >= IDEM_ENTRY; from += IDEM_ENTRY) {
			idem_entry_get(&w->keys.shape, r->level, part, from, &its, &offset);
			if (its == hash)
				rc2 = try_candidate(w, i, r->first + offset);
		}
	}
	sqlite3_reset(st);
	return rc2 || rc == SQLITE_ROW || rc == SQLITE_DONE ? rc2 : rc;
}

static int look_in_old_keys(struct writer *w, struct store_idem *i)
{
	sqlite3_stmt *st = w->st[W_OLD_KEY_FIND];
	int rc;

	if (!w->m.old_keys)
		return SQLITE_OK;
	sqlite3_bind_int64(st, 1, i->client);
	sqlite3_bind_blob(st, 2, i->khash, sizeof i->khash, SQLITE_STATIC);
	rc = step_row(st);
	if (rc == SQLITE_ROW)
		rc = take_answer(st, 0, i);
	sqlite3_reset(st);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* SQLITE_OK: unknown. */
static int look(struct writer *w, struct store_idem *i, uint64_t hash)
{
	struct idem_keys *k = &w->keys;
	struct idem_probe probe = idem_filter_probe(&k->shape, hash);
	int rc = SQLITE_OK;

	for (unsigned s = 0; !rc && s < k->n_segments; s++)
		rc = look_in_segment(w, k->segments[s], hash, i);
	for (unsigned r = 0; !rc && r < k->n_runs; r++) {
		const struct idem_run *x = &k->runs[r];

		if (!x->filter || idem_filter_maybe(&probe, x->level, x->filter))
			rc = look_in_run(w, x, hash, i);
	}
	return rc ? rc : look_in_old_keys(w, i);
}

/* ---- a new key ------------------------------------------------------------------------------------------- */

static int remember(struct writer *w, uint64_t n, uint64_t hash)
{
	struct idem_keys *k = &w->keys;
	uint64_t first = n & ~(idem_run_size(&k->shape, 0) - 1);

	if (!k->n_segments || idem_segment_first(k->segments[k->n_segments - 1]) != first) {
		struct idem_segment *g;

		if (grow(&k->segments, k->n_segments, sizeof *k->segments) < 0)
			return SQLITE_NOMEM;
		g = idem_segment_new(&k->shape, first);
		if (!g)
			return SQLITE_NOMEM;
		k->segments[k->n_segments++] = g;
	}
	idem_segment_add(k->segments[k->n_segments - 1], n, hash);
	return SQLITE_OK;
}

static struct cell cell_blob(const void *p, size_t n)
{
	return (struct cell){.p = p, .n = (uint32_t)n, .type = SQLITE_BLOB};
}

static int add(struct writer *w, const struct store_idem *i, uint64_t hash)
{
	const char *answer = i->answer ? i->answer : "";
	uint64_t n = w->m.key_next;
	int rc = remember(w, n, hash);

	if (rc)
		return rc;
	w->m.key_next++;
	return rows_put(w, ROWS_KEY,
		ROW(cell_int(n), cell_int(i->client), cell_blob(i->khash, sizeof i->khash),
			cell_blob(i->bhash, sizeof i->bhash), cell_string(answer)));
}

/* With millions of keys their filters are not in the processor's cache: of each run one line is read, and what memory
 * takes to bring it would make most of a look-up. */
void idem_foresee(const struct writer *w, const struct store_idem *i)
{
	const struct idem_keys *k = &w->keys;
	uint64_t hash = idem_hash(&k->shape, i->client, i->khash);
	size_t at[IDEM_LEVELS];

	idem_filter_places(&k->shape, hash, at);
	for (unsigned s = 0; s < k->n_segments; s++)
		idem_segment_foresee(k->segments[s], hash);
	for (unsigned r = 0; r < k->n_runs; r++)
		if (k->runs[r].filter)
			__builtin_prefetch(k->runs[r].filter + at[k->runs[r].level]);
}

int idem_take(struct writer *w, struct store_idem *i)
{
	uint64_t hash = idem_hash(&w->keys.shape, i->client, i->khash);
	int rc;

	free(i->ret_answer);
	i->ret_answer = NULL;
	i->ret_same_body = false;
	rc = look(w, i, hash);
	w->of_keys |= rc != SQLITE_OK && rc != SQLITE_ROW;
	return rc ? rc : add(w, i, hash);
}

int idem_rotate(struct writer *w)
{
	struct writer_marks *m = &w->m;
	int rc = SQLITE_OK;

	m->idem = !m->idem;
	m->idem_at = w->now;
	m->key_from = m->key_gen;
	m->key_gen = m->key_next;
	if (m->old_keys >> m->idem & 1)
		rc = run(w->st[m->idem ? W_OLD_KEYS_DROP_1 : W_OLD_KEYS_DROP_0]);
	m->old_keys &= ~(1u << m->idem);
	if (!rc)
		rc = meta_set(w, "idem", m->idem);
	if (!rc)
		rc = meta_set(w, "idem_from", (int64_t)m->key_from);
	if (!rc)
		rc = meta_set(w, "idem_gen", (int64_t)m->key_gen);
	return rc ? rc : meta_set(w, "idem_at", m->idem_at);
}

/* ---- start ----------------------------------------------------------------------------------------------- */

static int open_segments(struct writer *w, uint64_t from)
{
	sqlite3_stmt *st = w->st[W_KEYS_FROM];
	int rc, rc2 = SQLITE_OK;

	BIND(st, (int64_t)from);
	while (!rc2 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		const uint8_t *khash = sqlite3_column_blob(st, 2);

		if (!khash)
			rc2 = no_blob(st);
		else if (sqlite3_column_bytes(st, 2) != 16 || (uint64_t)column(st, 0) < from)
			rc2 = SQLITE_CORRUPT; /* unknown, its request would be taken again; and they come in order */
		else
			rc2 = remember(w, (uint64_t)column(st, 0),
				idem_hash(&w->keys.shape, (uint32_t)column(st, 1), khash));
		from = (uint64_t)column(st, 0) + 1;
	}
	sqlite3_reset(st);
	return rc2 || rc == SQLITE_DONE ? rc2 : rc;
}

/* As small as can be merged: units of 8 parts, segments of 8 units. */
static struct idem_shape small_shape(unsigned bits)
{
	return (struct idem_shape){bits, bits - 3, bits - 6};
}

int idem_open(struct writer *w)
{
	struct idem_keys *k = &w->keys;
	uint64_t from;
	int rc;

	k->shape = w->store->idem_bits ? small_shape(w->store->idem_bits) : IDEM_SHAPE;
	k->filter_most = w->store->idem_filter_octets;
	rc = idem_open_runs(w, &from);
	if (!rc)
		rc = open_segments(w, from);
	/* The segment that was being written may have aged, or never have been read back. */
	if (k->jobs[0].active && (!k->n_segments || idem_segment_first(k->segments[0]) != k->jobs[0].first))
		idem_stop_job(w, 0);
	return rc;
}

void idem_close(struct writer *w)
{
	struct idem_keys *k = &w->keys;

	for (unsigned i = 0; i < k->n_segments; i++)
		idem_segment_free(k->segments[i]);
	for (unsigned i = 0; i < k->n_runs; i++)
		free(k->runs[i].filter);
	for (unsigned i = 0; i < IDEM_LEVELS; i++)
		free(k->jobs[i].filter);
	free(k->back.filter);
	free(k->segments);
	free(k->runs);
	free(k->entries);
	free(k->octets);
	*k = (struct idem_keys){0};
}
