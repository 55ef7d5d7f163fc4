/* SPDX-License-Identifier: Apache-2.0
 *
 * store_sqlite_purge.c -- retention: bodies, numbers and rows that are old enough go, in steps so small that they
 * disturb nobody.
 *
 * `created` never decreases with the id, so the first id that is too young is found by bisection and no index on time
 * is needed.  A cursor walks from where the last step ended; what is not final yet is passed over and looked at again
 * when the cursor has come round.  The cursors live in memory only: a restart looks again at what is left.
 *
 * Numbers are scrubbed in rows that stay, so nothing would tell a walk where to go on: a mark is kept on disk, and it
 * stops at what is not final.  The index of recipients goes with them: a hash of a number is as good as the number.
 *
 * A message that goes is counted in `total` first, by the day of its creation, client, campaign, tag, class, link and
 * final state, so sums outlive their rows (store_sqlite_total.c).  A client may give each message a tag of its own,
 * as a tag is a key for cancelling: a day has room for TAGS_MAX of them, about, and the rest is counted without.
 */
#include "queue/store_sqlite.h"

#define STEP_MAX   5000
#define TAGS_MAX   10000 /* rows of total for a day that have a tag; looked at once a step */
#define DAY_MS     86400000
#define INBOUND_TEXT_MS (4 * 24 * INT64_C(3600000)) /* a webhook may take 72 h to get it */
#define WAITING_MS (48 * INT64_C(3600000)) /* a waiting row outlives its final state, for repeats and corrections */

struct step {
	unsigned limit;
	uint64_t n;    /* rows looked at, by the busiest of the walks */
};

static void looked_at(struct step *s, uint64_t n)
{
	if (s->n < n)
		s->n = n;
}

static int one(struct writer *w, int which, int64_t arg, int64_t *ret_a, int64_t *ret_b)
{
	sqlite3_stmt *st = w->st[which];
	int rc;

	if (sqlite3_bind_parameter_count(st))
		BIND(st, arg);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		*ret_a = column(st, 0);
		if (ret_b)
			*ret_b = column(st, 1);
	}
	sqlite3_reset(st);
	return rc;
}

/* The first id created at or after `before`. */
static int bound_by_time(struct writer *w, int64_t before, uint64_t *ret)
{
	int64_t low = 0, high = 0, id, created;
	int rc = one(w, W_MESSAGE_TOP, 0, &high, NULL);

	if (rc != SQLITE_ROW)
		return rc;
	high++;
	while (low < high) {
		int64_t middle = low + (high - low) / 2;

		rc = one(w, W_MESSAGE_AT, middle, &id, &created);
		if (rc != SQLITE_ROW && rc != SQLITE_DONE)
			return rc;
		if (rc == SQLITE_DONE || created >= before)
			high = middle;
		else
			low = id + 1;
	}
	*ret = low;
	return SQLITE_OK;
}

static int delete_one(struct writer *w, int which, uint64_t id)
{
	BIND(w->st[which], id);
	return run(w->st[which]);
}

static int delete_range(struct writer *w, int which, uint64_t id)
{
	BIND(w->st[which], msg_key(id, 0), msg_key(id, 255));
	return run(w->st[which]);
}

/* Its last trace: what it adds to the sums. */
static int count_message(struct writer *w, uint64_t id)
{
	BIND(w->st[W_TOTAL], id, msg_key(id, 0), msg_key(id, 255), w->count_tags);
	return run(w->st[W_TOTAL]);
}

/* Whether there is room for more tags on the day where the walk stands. */
static int look_at_tags(struct writer *w)
{
	int64_t id, created, n = 0;
	int rc = one(w, W_MESSAGE_AT, w->m.purge_message, &id, &created);

	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? SQLITE_OK : rc;
	BIND(w->st[W_TOTAL_TAGS], created / DAY_MS, TAGS_MAX);
	rc = first_column(w->st[W_TOTAL_TAGS], &n);
	w->count_tags = n < TAGS_MAX;
	return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static int delete_message(struct writer *w, uint64_t id)
{
	static const int by_id[] = {W_PURGE_BODY, W_PURGE_BOUND, W_PURGE_MESSAGE};
	static const int by_key[] = {W_PURGE_SUBMIT, W_PURGE_ATTEMPT, W_PURGE_FINAL, W_PURGE_CORRECTION, W_PURGE_NOTE,
		W_LEASES_DELETE};
	int rc = count_message(w, id);

	for (size_t i = 0; !rc && i < sizeof by_id / sizeof *by_id; i++)
		rc = delete_one(w, by_id[i], id);
	for (size_t i = 0; !rc && i < sizeof by_key / sizeof *by_key; i++)
		rc = delete_range(w, by_key[i], id);
	return rc;
}

static int delete_body(struct writer *w, uint64_t id)
{
	return delete_one(w, W_PURGE_BODY, id);
}

/* Walk ids from *cursor up to what was created before `before`; `gone` is called for those that are final. */
static int walk(struct writer *w, struct step *s, int which, uint64_t *cursor, int64_t before,
	int (*gone)(struct writer *w, uint64_t id))
{
	uint64_t ids[STEP_MAX], upto = 0;
	int64_t at;
	unsigned n = 0;
	int rc;

	rc = bound_by_time(w, before, &upto);
	if (rc)
		return rc == SQLITE_DONE ? SQLITE_OK : rc;
	BIND(w->st[which], *cursor, upto, s->limit);
	while (n < s->limit && (rc = sqlite3_step(w->st[which])) == SQLITE_ROW)
		ids[n++] = column(w->st[which], 0);
	sqlite3_reset(w->st[which]);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return rc;
	for (unsigned i = 0; i < n; i++) {
		rc = one(w, W_IS_FINAL, msg_key(ids[i], 0), &at, NULL);
		if (rc == SQLITE_ROW)
			rc = gone(w, ids[i]);
		if (rc != SQLITE_OK && rc != SQLITE_DONE)
			return rc;
	}
	*cursor = n == s->limit ? ids[n - 1] + 1 : 0;
	looked_at(s, n);
	return SQLITE_OK;
}

/* ---- what is scrubbed in rows that stay ---- */

static int scrub_number(struct writer *w, uint64_t id, uint64_t to)
{
	int rc;

	if (msg_to_is_scrubbed(to))
		return SQLITE_OK;
	BIND(w->st[W_SCRUB_NUMBER], id, msg_to_scrub(to));
	rc = run(w->st[W_SCRUB_NUMBER]);
	if (rc)
		return rc;
	BIND(w->st[W_SCRUB_LOOKUP], lookup_run(id), store_lookup_hash('n', 0, &to, sizeof to), id);
	return run(w->st[W_SCRUB_LOOKUP]);
}

static int scrub_numbers(struct writer *w, struct step *s, int64_t before)
{
	struct { uint64_t id, to; } rows[STEP_MAX];
	uint64_t upto = 0, mark = w->m.numbers_upto;
	sqlite3_stmt *st = w->st[W_OLD_NUMBERS];
	int64_t at;
	unsigned n = 0;
	int rc;

	rc = bound_by_time(w, before, &upto);
	if (rc)
		return rc == SQLITE_DONE ? SQLITE_OK : rc;
	BIND(st, mark, upto, s->limit);
	while (n < s->limit && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		rows[n].id = column(st, 0);
		rows[n++].to = column(st, 1);
	}
	sqlite3_reset(st);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return rc;
	looked_at(s, n);
	for (unsigned i = 0; i < n; i++) {
		rc = one(w, W_IS_FINAL, msg_key(rows[i].id, 0), &at, NULL);
		if (rc == SQLITE_DONE)
			break;
		if (rc == SQLITE_ROW)
			rc = scrub_number(w, rows[i].id, rows[i].to);
		if (rc)
			return rc;
		mark = rows[i].id + 1;
	}
	if (mark == w->m.numbers_upto)
		return SQLITE_OK;
	w->m.numbers_upto = mark;
	return meta_set(w, "numbers_upto", mark);
}

/* Of inbound messages: `which` is run for each that came before `before` and is not behind the mark yet. */
static int scrub_inbound(struct writer *w, struct step *s, int which, int64_t before, uint64_t *mark, const char *name)
{
	uint64_t rows[STEP_MAX], was = *mark;
	sqlite3_stmt *st = w->st[W_OLD_INBOUND];
	unsigned n = 0;
	int rc = SQLITE_ROW;

	BIND(st, *mark, s->limit);
	while (n < s->limit && (rc = sqlite3_step(st)) == SQLITE_ROW && column(st, 1) < before)
		rows[n++] = column(st, 0);
	sqlite3_reset(st);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return rc;
	rc = SQLITE_OK;
	for (unsigned i = 0; !rc && i < n; i++) {
		rc = delete_one(w, which, rows[i]);
		*mark = rows[i];
	}
	looked_at(s, n);
	return rc || *mark == was ? rc : meta_set(w, name, *mark);
}

static int scrub_texts(struct writer *w, struct step *s, int64_t before)
{
	int64_t events_gone = w->now - INBOUND_TEXT_MS;

	return scrub_inbound(
		w, s, W_SCRUB_TEXT, before < events_gone ? before : events_gone, &w->m.texts_upto, "texts_upto");
}

static int scrub_people(struct writer *w, struct step *s, int64_t before)
{
	int rc = scrub_numbers(w, s, before);

	return rc ? rc : scrub_inbound(w, s, W_SCRUB_SENDER, before, &w->m.senders_upto, "senders_upto");
}

static int delete_some(struct writer *w, struct step *s, int which, int64_t before)
{
	int rc;

	BIND(w->st[which], before, s->limit);
	rc = run(w->st[which]);
	looked_at(s, sqlite3_changes64(w->db));
	return rc;
}

/* Runs of the look-up table go when none of their messages is left. */
static int purge_lookup(struct writer *w, struct step *s)
{
	int64_t id, created;
	int rc = one(w, W_MESSAGE_AT, 0, &id, &created);

	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? SQLITE_OK : rc;
	return delete_some(w, s, W_PURGE_LOOKUP, lookup_run(id));
}

/* Readers' cursors, events and what was scrubbed go by the number: it never comes again, also after a restart. */
static int purge_inbound(struct writer *w, struct step *s, int64_t before)
{
	int rc = delete_some(w, s, W_PURGE_INBOUND, before);

	return rc || !sqlite3_changes64(w->db) ? rc : meta_set(w, "last_inbound", (int64_t)w->m.last_inbound);
}

static int purge_rows(struct writer *w, struct step *s, int64_t before)
{
	int rc = look_at_tags(w);

	if (!rc)
		rc = walk(w, s, W_OLD_MESSAGES, &w->m.purge_message, before, delete_message);
	if (!rc)
		rc = purge_lookup(w, s);
	if (!rc)
		rc = purge_inbound(w, s, before);
	return rc ? rc : delete_some(w, s, W_PURGE_DEAD, before);
}

/* Parked receipts that waited too long. */
static int purge_parked(struct writer *w, struct step *s, int64_t before)
{
	uint64_t rows[STEP_MAX];
	sqlite3_stmt *st = w->st[W_PARKED_OLDEST];
	unsigned n = 0;
	int rc = SQLITE_ROW;

	BIND(st, before, s->limit);
	while (n < s->limit && (rc = sqlite3_step(st)) == SQLITE_ROW)
		rows[n++] = column(st, 0);
	sqlite3_reset(st);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return rc;
	rc = SQLITE_OK;
	for (unsigned i = 0; !rc && i < n; i++)
		rc = forget_parked(w, rows[i]);
	w->m.n_parked_expired += n;
	looked_at(s, n);
	return rc;
}

/* Waiting rows whose message has been final for long enough, or is gone. */
static int sweep_waiting(struct writer *w, struct step *s)
{
	struct { uint64_t hash, key; } rows[STEP_MAX];
	sqlite3_stmt *st = w->st[W_OLD_WAITING];
	unsigned n = 0;
	int64_t a, at;
	int rc = SQLITE_ROW;

	BIND(st, w->m.purge_hash, w->m.purge_key, s->limit);
	while (n < s->limit && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		rows[n].hash = column(st, 0);
		rows[n++].key = column(st, 1);
	}
	sqlite3_reset(st);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return rc;
	for (unsigned i = 0; i < n; i++) {
		rc = one(w, W_IS_FINAL, msg_key(msg_key_id(rows[i].key), 0), &at, NULL);
		if (rc == SQLITE_ROW && at > w->now - WAITING_MS)
			continue;
		if (rc == SQLITE_DONE) { /* not final: gone only when the message is */
			rc = one(w, W_MESSAGE_AT, msg_key_id(rows[i].key), &a, &at);
			if (rc == SQLITE_ROW && (uint64_t)a == msg_key_id(rows[i].key))
				continue;
		}
		if (rc != SQLITE_ROW && rc != SQLITE_DONE)
			return rc;
		BIND(w->st[W_PURGE_WAITING], rows[i].hash, rows[i].key);
		rc = run(w->st[W_PURGE_WAITING]);
		if (rc)
			return rc;
	}
	/* Hashes are signed in the table: the walk begins at the lowest. */
	w->m.purge_hash = n == s->limit ? rows[n - 1].hash : (uint64_t)INT64_MIN;
	w->m.purge_key = n == s->limit ? rows[n - 1].key : 0;
	looked_at(s, n);
	return SQLITE_OK;
}

/* What no new set has taken away (store_sqlite_inbound.c).  A set has three parts as a rule and 255 at most. */
static int purge_sets(struct writer *w, struct step *s)
{
	unsigned most = s->limit / 16 + 1, n = 0;
	int rc = inbound_sets_purge(w, most, &n);

	looked_at(s, n == most ? s->limit : n);
	return rc;
}

static int purge_keys(struct writer *w, struct step *s)
{
	unsigned n = 0;
	int rc = idem_purge(w, s->limit, &n);

	looked_at(s, n);
	return rc;
}

/* What is free is used again soon: in a database in service as much comes as goes.  To give a page back, the last one
 * is moved into its place, and its parent and the map of pages change with it: with what the next hour takes again that
 * would cost more than its messages.  Only what is free beyond an eighth goes. */
static int give_back(struct writer *w)
{
	int64_t pages = 0, n_free = 0;
	int rc = one(w, W_PAGES, 0, &pages, NULL);

	if (rc == SQLITE_ROW)
		rc = one(w, W_PAGES_FREE, 0, &n_free, NULL);
	if (rc != SQLITE_ROW || n_free <= pages / 8)
		return rc == SQLITE_ROW ? SQLITE_OK : rc;
	while ((rc = sqlite3_step(w->st[W_VACUUM])) == SQLITE_ROW)
		;
	sqlite3_reset(w->st[W_VACUUM]);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int apply_purge(struct writer *w, struct store_op *op)
{
	struct op_purge *o = (struct op_purge *)op;
	struct step s = {.limit = o->limit < 1 ? 1 : o->limit > STEP_MAX ? STEP_MAX : o->limit};
	int rc = SQLITE_OK;

	if (o->bodies_before)
		rc = walk(w, &s, W_OLD_BODIES, &w->m.purge_body, o->bodies_before, delete_body);
	if (!rc && o->bodies_before)
		rc = scrub_texts(w, &s, o->bodies_before);
	if (!rc && o->numbers_before)
		rc = scrub_people(w, &s, o->numbers_before);
	if (!rc && o->rows_before)
		rc = purge_rows(w, &s, o->rows_before);
	if (!rc && o->parked_before)
		rc = purge_parked(w, &s, o->parked_before);
	if (!rc)
		rc = sweep_waiting(w, &s);
	if (!rc)
		rc = purge_sets(w, &s);
	if (!rc)
		rc = purge_keys(w, &s);
	if (!rc)
		rc = give_back(w);
	o->ret_n = s.n;
	return rc;
}
