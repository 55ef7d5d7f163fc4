/* SPDX-License-Identifier: Apache-2.0
 *
 * store_sqlite_total.c -- how many messages there were and how they ended, by day.
 *
 * What retention has deleted is counted in `total` (store_sqlite_purge.c); what is still there is counted from its
 * rows.  A read goes through the days of the one and then through the ids of the other, a page at a time, and each
 * page is a sum of its own: who asks adds them up.  The cursor is a day in the first walk and an id in the second;
 * no id is as small as a day, because the first block of ids is never given out.
 *
 * What is deleted between two pages of one walk has left the rows and is in days that were read: it is missed.  That
 * touches the oldest rows only, and only while retention is at work.
 */
#include "queue/store_sqlite.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"

#define DAY_MS 86400000
#define SLOTS  8192 /* of the index over the rows of a page; a power of two */

struct sums {
	struct q_totals *q;
	uint32_t slot[SLOTS]; /* 1 + index of a row; the first of its chain is found by probing */
};

static bool same(const struct store_total *a, const struct store_total *b)
{
	return a->day == b->day && a->client == b->client && a->campaign == b->campaign && a->link == b->link &&
		a->class == b->class && a->state == b->state;
}

/* A page has no more rows than half of the slots, but for those of a last day. */
static bool is_full(const struct sums *s)
{
	return s->q->n_rows >= SLOTS / 2;
}

static int add(struct sums *s, const struct store_total *t)
{
	struct q_totals *q = s->q;
	const uint64_t key[] = {t->day, (uint64_t)t->client << 32 | t->campaign,
		(uint64_t)t->link << 32 | (uint64_t)t->class << 16 | (uint16_t)t->state};
	uint64_t at = hash_bytes(0, key, sizeof key);
	unsigned n;

	for (n = 0; n < SLOTS; n++, at++) {
		uint32_t *slot = &s->slot[at & (SLOTS - 1)];
		struct store_total *row = *slot ? &q->rows[*slot - 1] : NULL;

		if (row && !same(row, t))
			continue;
		if (!row) {
			if (grow(&q->rows, q->n_rows, sizeof *q->rows) < 0)
				return SQLITE_NOMEM;
			*slot = ++q->n_rows;
			row = &q->rows[q->n_rows - 1];
			*row = *t;
			return SQLITE_OK;
		}
		row->messages += t->messages;
		row->parts += t->parts;
		row->taken += t->taken;
		return SQLITE_OK;
	}
	/* More kinds on one day than a page has room for: as they are, not added up. */
	if (grow(&q->rows, q->n_rows, sizeof *q->rows) < 0)
		return SQLITE_NOMEM;
	q->rows[q->n_rows++] = *t;
	return SQLITE_OK;
}

static bool wanted(const struct q_totals *q, uint32_t client, uint32_t campaign, sqlite3_stmt *st, int tag)
{
	return (!q->client || client == q->client) && (!q->campaign || campaign == q->campaign) &&
		(!*q->tag || text_is(st, tag, q->tag));
}

/* ---- what is gone ----------------------------------------------------------------------------------------- */

static int add_day(struct reader *r, struct sums *s, uint32_t day)
{
	sqlite3_stmt *st = r->st[R_TOTAL];
	int rc, rc2 = SQLITE_OK;

	BIND(st, day);
	while (!rc2 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_total t = {.day = day, .client = column(st, 0), .campaign = column(st, 1),
			.class = column(st, 3), .link = column(st, 4), .state = column(st, 5),
			.messages = column(st, 6), .parts = column(st, 7), .taken = column(st, 8)};

		page_over(r); /* counts it: the day is read to its end */
		if (wanted(s->q, t.client, t.campaign, st, 2))
			rc2 = add(s, &t);
	}
	sqlite3_reset(st);
	return rc2 ? rc2 : rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* From day `from` on; s->q->next is set when the page ends before the last of them. */
static int add_days(struct reader *r, struct sums *s, uint32_t from, uint32_t last)
{
	int64_t day = 0;
	int rc;

	for (;;) {
		BIND(r->st[R_TOTAL_DAY], from, last);
		rc = first_column(r->st[R_TOTAL_DAY], &day);
		if (rc != SQLITE_ROW)
			return rc == SQLITE_DONE ? SQLITE_OK : rc;
		if (s->q->n_rows && (page_over(r) || is_full(s))) {
			s->q->next = day;
			return SQLITE_OK;
		}
		rc = add_day(r, s, day);
		if (rc)
			return rc;
		from = day + 1;
	}
}

/* ---- what is there ---------------------------------------------------------------------------------------- */

/* Where it went and how it stands; a state that is not final is STATE_QUEUED. */
static int look_at(struct reader *r, uint64_t id, struct store_total *t)
{
	sqlite3_stmt *st = r->st[R_SUM];
	int rc;

	BIND(st, msg_key(id, 0), msg_key(id, 255), id);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		t->link = column(st, 0);
		t->state = sqlite3_column_type(st, 1) == SQLITE_NULL ? STATE_QUEUED : column(st, 1);
		if (sqlite3_column_type(st, 2) != SQLITE_NULL)
			t->parts = column(st, 2);
		t->taken = column(st, 3);
	}
	sqlite3_reset(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int add_messages(struct reader *r, struct sums *s, uint64_t from, uint64_t upto)
{
	sqlite3_stmt *st = r->st[R_SUMS];
	int rc, rc2 = SQLITE_OK;

	BIND(st, from, upto);
	while (!rc2 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_total t = {.client = column(st, 1), .campaign = column(st, 2), .day = column(st, 4) / DAY_MS,
			.class = column(st, 5) & 3, .messages = 1, .parts = bits_parts(column(st, 5))};
		uint64_t id = column(st, 0);

		if (page_over(r) || is_full(s)) {
			s->q->next = id;
			break;
		}
		if (!wanted(s->q, t.client, t.campaign, st, 3))
			continue;
		rc2 = look_at(r, id, &t);
		if (!rc2)
			rc2 = add(s, &t);
	}
	sqlite3_reset(st);
	return rc2 ? rc2 : rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static int add_rest(struct reader *r, struct sums *s, uint64_t from)
{
	uint64_t low = 0, high = 0;
	int rc = first_created(r, (int64_t)s->q->first_day * DAY_MS, &low);

	if (!rc)
		rc = first_created(r, ((int64_t)s->q->last_day + 1) * DAY_MS, &high);
	return rc ? rc : add_messages(r, s, from > low ? from : low, high);
}

int read_totals(struct reader *r, struct store_query *query)
{
	struct q_totals *q = (struct q_totals *)query;
	uint64_t after = q->after;
	struct sums *s;
	int rc = SQLITE_OK;

	q->rows = NULL;
	q->n_rows = 0;
	q->next = 0;
	s = calloc(1, sizeof *s);
	if (!s)
		return -ENOMEM;
	s->q = q;
	if (after < ID_BLOCK)
		rc = add_days(r, s, after > q->first_day ? after : q->first_day, q->last_day);
	if (!rc && !q->next)
		rc = add_rest(r, s, after < ID_BLOCK ? 0 : after);
	free(s);
	if (rc)
		free_totals(q);
	return to_errno(rc);
}

void free_totals(struct q_totals *q)
{
	free(q->rows);
	q->rows = NULL;
	q->n_rows = 0;
}
