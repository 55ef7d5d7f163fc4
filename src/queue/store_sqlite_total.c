/* SPDX-License-Identifier: Apache-2.0
 *
 * store_sqlite_total.c -- how many messages there were and how they ended, by day.
 *
 * What retention has deleted is counted in `total` (store_sqlite_purge.c); what is still there is counted from its
 * rows.  A read goes through the days of the one and then through the ids of the other, a page at a time, and each
 * page is a sum of its own: who asks adds them up.  The cursor is a place among the days, or an id.  A place is a day,
 * smaller than any id because the first block of ids is never given out; or a campaign of a client on a day, larger
 * than any id (DAY_SHIFT): a day may have more campaigns than a page has room for.
 *
 * What is deleted between two pages of one walk has left the rows and is in days that were read: it is missed.  That
 * touches the oldest rows only, and only while retention is at work.
 */
#include "queue/store_sqlite.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"

#define DAY_MS       86400000
#define ID_TOP       ((UINT64_C(1) << 55) - 1) /* of messages */
#define PAGE_KINDS   4096 /* rows of a page, or a few more */
#define DAY_SHIFT    48
#define CLIENT_SHIFT 24
#define NAME_TOP     ((uint32_t)1 << CLIENT_SHIFT) /* numbers of names stay below: 10,000,000 may be known */

struct sums {
	struct q_totals *q;
	uint32_t *slot; /* 1 + index of a row; the first of its chain is found by probing */
	size_t n_slots; /* a power of two, at most half of them taken */
	bool over;
	bool began;     /* with a day: a page has one, or a part of one */
};

static bool same(const struct store_total *a, const struct store_total *b)
{
	return a->day == b->day && a->client == b->client && a->campaign == b->campaign && a->link == b->link &&
		a->class == b->class && a->state == b->state;
}

static uint32_t *slot_of(const struct sums *s, const struct store_total *t)
{
	const uint64_t key[] = {t->day, (uint64_t)t->client << 32 | t->campaign,
		(uint64_t)t->link << 32 | (uint64_t)t->class << 16 | (uint16_t)t->state};
	size_t at = hash_bytes(0, key, sizeof key) & (s->n_slots - 1);

	while (s->slot[at] && !same(&s->q->rows[s->slot[at] - 1], t))
		at = (at + 1) & (s->n_slots - 1);
	return &s->slot[at];
}

/* Room for one more row. */
static int widen(struct sums *s)
{
	size_t n = s->n_slots ? s->n_slots * 2 : PAGE_KINDS / 4;

	if (s->q->n_rows < s->n_slots / 2)
		return SQLITE_OK;
	free(s->slot);
	s->slot = calloc(n, sizeof *s->slot);
	s->n_slots = s->slot ? n : 0;
	if (!s->slot)
		return SQLITE_NOMEM;
	for (uint32_t i = 0; i < s->q->n_rows; i++)
		*slot_of(s, &s->q->rows[i]) = i + 1;
	return SQLITE_OK;
}

/* Before a row is examined: is there room for it? */
static bool is_over(struct reader *r, struct sums *s)
{
	s->over = page_over(r) || s->q->n_rows >= PAGE_KINDS || s->over; /* its time is not looked at each time */
	return s->over;
}

static int add(struct sums *s, const struct store_total *t)
{
	struct q_totals *q = s->q;
	struct store_total *row;
	uint32_t *slot;

	if (widen(s))
		return SQLITE_NOMEM;
	slot = slot_of(s, t);
	if (!*slot) {
		if (grow(&q->rows, q->n_rows, sizeof *q->rows) < 0)
			return SQLITE_NOMEM;
		q->rows[q->n_rows] = *t;
		*slot = ++q->n_rows;
		return SQLITE_OK;
	}
	row = &q->rows[*slot - 1];
	row->messages += t->messages;
	row->parts += t->parts;
	row->taken += t->taken;
	return SQLITE_OK;
}

static bool wanted(const struct q_totals *q, uint32_t client, uint32_t campaign, sqlite3_stmt *st, int tag)
{
	return (!q->client || client == q->client) && (!q->campaign || campaign == q->campaign) &&
		(!*q->tag || text_is(st, tag, q->tag));
}

/* ---- what is gone ----------------------------------------------------------------------------------------- */

/* Where a page of that day may begin. */
struct place {
	uint32_t day, client, campaign;
};

/* 0: there is none. */
static uint64_t cursor_of(struct place p)
{
	uint64_t cursor = (uint64_t)p.day << DAY_SHIFT | (uint64_t)p.client << CLIENT_SHIFT | p.campaign;

	return p.client < NAME_TOP && p.campaign < NAME_TOP && cursor > ID_TOP ? cursor : 0;
}

static struct place place_of(uint64_t cursor)
{
	if (cursor < ID_BLOCK)
		return (struct place){.day = cursor};
	return (struct place){.day = cursor >> DAY_SHIFT, .client = cursor >> CLIENT_SHIFT & (NAME_TOP - 1),
		.campaign = cursor & (NAME_TOP - 1)};
}

/* May the page end before this row, and does it?  A campaign is read to its end: it has at most 10,000 tags a day. */
static bool day_ends(struct reader *r, struct sums *s, struct place *at, const struct store_total *t)
{
	bool over = is_over(r, s), goes_on = t->client == at->client && t->campaign == at->campaign;

	at->client = t->client;
	at->campaign = t->campaign;
	if (!over || goes_on)
		return false;
	s->q->next = cursor_of(*at);
	return s->q->next != 0;
}

/* From `at` on; s->q->next is set when the page ends before the end of the day. */
static int add_day(struct reader *r, struct sums *s, struct place at)
{
	sqlite3_stmt *st = r->st[R_TOTAL];
	uint32_t client = s->q->client;
	int rc, rc2 = SQLITE_OK;

	if (client > at.client)
		at = (struct place){.day = at.day, .client = client};
	BIND(st, at.day, at.client, at.campaign, client ? client : UINT32_MAX);
	while (!rc2 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct store_total t = {.day = at.day, .client = column(st, 0), .campaign = column(st, 1),
			.class = column(st, 3), .link = column(st, 4), .state = column(st, 5),
			.messages = column(st, 6), .parts = column(st, 7), .taken = column(st, 8)};

		if (day_ends(r, s, &at, &t))
			break;
		if (wanted(s->q, t.client, t.campaign, st, 2))
			rc2 = add(s, &t);
	}
	sqlite3_reset(st);
	return rc2 ? rc2 : rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/* From `at` on; s->q->next is set when the page ends before the last of them. */
static int add_days(struct reader *r, struct sums *s, struct place at, uint32_t last)
{
	int64_t day = 0;
	int rc;

	for (;;) {
		BIND(r->st[R_TOTAL_DAY], at.day, last);
		rc = first_column(r->st[R_TOTAL_DAY], &day);
		if (rc != SQLITE_ROW)
			return rc == SQLITE_DONE ? SQLITE_OK : rc;
		if (day != at.day)
			at = (struct place){.day = day};
		if (s->began && is_over(r, s)) {
			s->q->next = day;
			return SQLITE_OK;
		}
		s->began = true;
		rc = add_day(r, s, at);
		if (rc || s->q->next)
			return rc;
		at = (struct place){.day = day + 1};
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

		if (is_over(r, s)) {
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

static int add_all(struct reader *r, struct sums *s)
{
	struct q_totals *q = s->q;
	bool by_id = q->after >= ID_BLOCK && q->after <= ID_TOP;
	struct place at = by_id ? (struct place){0} : place_of(q->after);
	int rc = SQLITE_OK;

	if (at.day < q->first_day)
		at = (struct place){.day = q->first_day};
	if (!by_id)
		rc = add_days(r, s, at, q->last_day);
	return rc || q->next ? rc : add_rest(r, s, by_id ? q->after : 0);
}

int read_totals(struct reader *r, struct store_query *query)
{
	struct q_totals *q = (struct q_totals *)query;
	struct sums s = {.q = q};
	int rc;

	q->rows = NULL;
	q->n_rows = 0;
	q->next = 0;
	rc = add_all(r, &s);
	free(s.slot);
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
