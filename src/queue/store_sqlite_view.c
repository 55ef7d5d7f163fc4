/* SPDX-License-Identifier: Apache-2.0
 *
 * store_sqlite_view.c -- reads of the API and of background work: lists, counts, small tables, and the runs of the
 * look-up table.
 *
 * A list never costs more than one page: it ends early, says where to go on and that it is not complete.  Ids rise with
 * time, so since and until become bounds of the id.  ref, to and tag are looked up in the runs of the look-up table,
 * newest first; what is too young to be indexed is scanned.  The hash of a hit may lie, so the row is always compared.
 */
#include "queue/store_sqlite.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"

uint64_t store_lookup_hash(char what, uint32_t client, const void *value, size_t n)
{
	uint64_t seed = (uint8_t)what;

	if (what == 't')
		seed |= (uint64_t)client << 8;
	return hash_bytes(seed, value, n);
}

/* ---- lists -------------------------------------------------------------------------------------------------- */

static uint64_t meta_id(struct reader *r, const char *k)
{
	int64_t v = 0;

	bind_text(r->st[R_META], 1, k);
	first_column(r->st[R_META], &v);
	return v;
}

int first_created(struct reader *r, int64_t at, uint64_t *ret)
{
	sqlite3_stmt *st = r->st[R_CREATED_AT];
	int64_t low = 0, high = 0;
	int rc = first_column(r->st[R_TOP], &high);

	for (high++; low < high && (rc == SQLITE_ROW || rc == SQLITE_DONE);) {
		int64_t middle = low + (high - low) / 2;

		BIND(st, middle);
		rc = step_row(st);
		if (rc == SQLITE_ROW && column(st, 1) < at)
			low = column(st, 0) + 1;
		else
			high = middle;
		sqlite3_reset(st);
	}
	*ret = low;
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static uint64_t run_start(struct reader *r, uint32_t run)
{
	return r->store->node << MSG_COUNTER_BITS | (uint64_t)run << 16;
}

bool text_is(sqlite3_stmt *st, int i, const char *want)
{
	const char *text = (const char *)sqlite3_column_text(st, i);

	return text && !strcmp(text, want);
}

/* The row of R_IDS_DOWN, as far as it can say. */
static bool row_matches(const struct q_list *q, sqlite3_stmt *st)
{
	return (!q->client || column(st, 1) == q->client) && (!q->campaign || column(st, 2) == q->campaign) &&
	       (!q->to || (uint64_t)column(st, 3) == q->to) && (!*q->ref || text_is(st, 4, q->ref)) &&
	       (!*q->tag || text_is(st, 5, q->tag));
}

static bool message_matches(const struct q_list *q, const struct message *m)
{
	return (!q->client || m->client == q->client) && (!q->campaign || m->campaign == q->campaign) &&
	       (!q->to || m->to == q->to) && (!*q->ref || !strcmp(m->ref, q->ref)) &&
	       (!*q->tag || !strcmp(m->tag, q->tag));
}

static size_t detail_octets(const struct store_detail *d)
{
	return sizeof *d + sizeof *d->m + d->m->n_text + d->m->n_tlvs + d->n_parts * sizeof *d->parts +
	       d->n_corrections * sizeof *d->corrections;
}

static int list_add(struct reader *r, struct q_list *q, uint64_t id)
{
	struct store_detail d;
	int rc = load_detail(r, id, false, &d);

	if (rc)
		return rc == SQLITE_DONE ? SQLITE_OK : rc;
	if (!message_matches(q, d.m) || (q->state >= 0 && d.state != q->state)) {
		free_detail(&d);
		return SQLITE_OK;
	}
	if (grow(&q->rows, q->n_rows, sizeof *q->rows) < 0) {
		free_detail(&d);
		return SQLITE_NOMEM;
	}
	r->n_octets += detail_octets(&d);
	q->rows[q->n_rows++] = d;
	return SQLITE_OK;
}

/* Before a row is examined: is there room for it?  `below` is where the next page would begin. */
static bool list_ends(struct reader *r, struct q_list *q, uint64_t below)
{
	if (q->n_rows < q->limit && !page_over(r))
		return false;
	q->complete = q->n_rows >= q->limit;
	q->next = below;
	return true;
}

static int list_scan(struct reader *r, struct q_list *q, uint64_t low, uint64_t high)
{
	sqlite3_stmt *st = r->st[R_IDS_DOWN];
	int rc, rc2 = SQLITE_OK;

	BIND(st, low, high);
	while (!rc2 && (rc = step_row(st)) == SQLITE_ROW) {
		uint64_t id = column(st, 0);

		if (list_ends(r, q, id + 1))
			break;
		if (row_matches(q, st))
			rc2 = list_add(r, q, id);
	}
	sqlite3_reset(st);
	return rc2 ? rc2 : rc;
}

static int list_run(struct reader *r, struct q_list *q, uint32_t run, uint64_t hash, uint64_t low, uint64_t high)
{
	sqlite3_stmt *st = r->st[R_LOOKUP_DOWN];
	int rc, rc2 = SQLITE_OK;

	BIND(st, run, hash, high);
	while (!rc2 && (rc = step_row(st)) == SQLITE_ROW) {
		uint64_t id = column(st, 0);

		if (id < low || list_ends(r, q, id + 1))
			break;
		rc2 = list_add(r, q, id);
	}
	sqlite3_reset(st);
	return rc2 ? rc2 : rc;
}

static bool list_hash(const struct q_list *q, uint64_t *ret)
{
	if (*q->ref)
		*ret = store_lookup_hash('r', 0, q->ref, strlen(q->ref));
	else if (q->to)
		*ret = store_lookup_hash('n', 0, &q->to, sizeof q->to);
	else if (*q->tag && q->client)
		*ret = store_lookup_hash('t', q->client, q->tag, strlen(q->tag));
	else
		return false;
	return true;
}

static int list_lookup(struct reader *r, struct q_list *q, uint64_t hash, uint64_t low, uint64_t high)
{
	uint64_t indexed_to = meta_id(r, "indexed_to");
	int64_t bottom = 0;
	uint32_t run, last;
	int rc = SQLITE_DONE;

	if (high > indexed_to) {
		rc = list_scan(r, q, low > indexed_to ? low : indexed_to, high);
		high = indexed_to;
	}
	if (to_errno(rc) || q->next || high <= low)
		return rc;
	rc = first_column(r->st[R_BOTTOM], &bottom);
	if (low < (uint64_t)bottom)
		low = bottom;
	if (rc != SQLITE_ROW || high <= low)
		return rc;
	last = lookup_run(low);
	for (run = lookup_run(high - 1); !to_errno(rc) && !q->next; run--) {
		if (list_ends(r, q, run_start(r, run + 1) < high ? run_start(r, run + 1) : high))
			break;
		rc = list_run(r, q, run, hash, low, high);
		if (run == last)
			break;
	}
	return rc;
}

int read_list(struct reader *r, struct store_query *query)
{
	struct q_list *q = (struct q_list *)query;
	uint64_t low = 0, high = q->after ? q->after : INT64_MAX, hash, until;
	int rc = SQLITE_OK;

	q->rows = NULL;
	q->n_rows = 0;
	q->next = 0;
	q->complete = true;
	if (q->since)
		rc = first_created(r, q->since, &low);
	if (!rc && q->until) {
		rc = first_created(r, q->until, &until);
		high = until < high ? until : high;
	}
	if (!rc)
		rc = list_hash(q, &hash) ? list_lookup(r, q, hash, low, high) : list_scan(r, q, low, high);
	if (to_errno(rc))
		free_view(query);
	return to_errno(rc);
}

/* ---- by tag ------------------------------------------------------------------------------------------------- */

static bool tagged_ends(struct reader *r, struct q_tagged *q, uint64_t next)
{
	q->next_id = next;
	q->more = q->n_rows >= q->limit || page_over(r);
	return q->more;
}

static int tagged_add(struct reader *r, struct q_tagged *q, uint64_t id)
{
	struct store_loaded l = {0};
	int rc = load_one(r, id, false, &l);

	if (rc == SQLITE_ROW && !l.final && l.m->client == q->client && !strcmp(l.m->tag, q->tag)) {
		if (grow(&q->rows, q->n_rows, sizeof *q->rows) == 0) {
			q->rows[q->n_rows++] = l;
			return SQLITE_OK;
		}
		rc = SQLITE_NOMEM;
	}
	message_free(l.m);
	free(l.sent);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int tagged_runs(struct reader *r, struct q_tagged *q, uint64_t low, uint64_t high)
{
	uint64_t hash = store_lookup_hash('t', q->client, q->tag, strlen(q->tag));
	sqlite3_stmt *st = r->st[R_LOOKUP_UP];
	int rc = SQLITE_OK;

	for (uint32_t run = lookup_run(low), last = lookup_run(high - 1); !rc && !q->more && run <= last; run++) {
		uint64_t from = run_start(r, run) > low ? run_start(r, run) : low;

		if (tagged_ends(r, q, from))
			break;
		BIND(st, run, hash, from);
		while (!rc && (rc = step_row(st)) == SQLITE_ROW) {
			rc = SQLITE_OK;
			if ((uint64_t)column(st, 0) >= high || tagged_ends(r, q, column(st, 0)))
				break;
			rc = tagged_add(r, q, column(st, 0));
		}
		sqlite3_reset(st);
		rc = rc == SQLITE_DONE ? SQLITE_OK : rc;
	}
	return rc;
}

static int tagged_tail(struct reader *r, struct q_tagged *q, uint64_t low, uint64_t high)
{
	sqlite3_stmt *st = r->st[R_IDS_TAGGED];
	int rc, rc2 = SQLITE_OK;

	BIND(st, low, high);
	while (!rc2 && (rc = step_row(st)) == SQLITE_ROW) {
		if (tagged_ends(r, q, column(st, 0)))
			break;
		if (column(st, 1) == q->client && text_is(st, 2, q->tag))
			rc2 = tagged_add(r, q, column(st, 0));
	}
	sqlite3_reset(st);
	return rc2 ? rc2 : rc;
}

int read_tagged(struct reader *r, struct store_query *query)
{
	struct q_tagged *q = (struct q_tagged *)query;
	uint64_t indexed_to = meta_id(r, "indexed_to"), low = q->from_id, upto = q->upto_id + 1, middle;
	int64_t bottom = 0;
	int rc = first_column(r->st[R_BOTTOM], &bottom);

	q->rows = NULL;
	q->n_rows = 0;
	q->more = false;
	if (low < (uint64_t)bottom)
		low = bottom;
	q->next_id = low;
	middle = upto < indexed_to ? upto : indexed_to;
	if (!to_errno(rc) && low < middle) {
		rc = tagged_runs(r, q, low, middle);
		low = middle;
	}
	if (!to_errno(rc) && !q->more && low < upto)
		rc = tagged_tail(r, q, low, upto);
	if (!q->more)
		q->next_id = upto;
	if (to_errno(rc))
		free_view(query);
	return to_errno(rc);
}

/* ---- the look-up table -------------------------------------------------------------------------------------- */

static int by_hash(const void *a, const void *b)
{
	const struct store_lookup *x = a, *y = b;

	if ((int64_t)x->hash != (int64_t)y->hash)
		return (int64_t)x->hash < (int64_t)y->hash ? -1 : 1; /* as the table sorts them */
	return x->id < y->id ? -1 : x->id > y->id;
}

static int index_add(struct q_index *q, uint64_t id, char what, uint32_t client, const void *value, size_t n)
{
	if (!n)
		return SQLITE_OK;
	if (grow(&q->rows, q->n_rows, sizeof *q->rows) < 0)
		return SQLITE_NOMEM;
	q->rows[q->n_rows++] = (struct store_lookup){store_lookup_hash(what, client, value, n), id};
	return SQLITE_OK;
}

static int index_message(struct q_index *q, sqlite3_stmt *st)
{
	uint64_t id = column(st, 0), to = column(st, 2);
	const char *ref = (const char *)sqlite3_column_text(st, 3), *tag = (const char *)sqlite3_column_text(st, 4);
	int rc = index_add(q, id, 'n', 0, &to, sizeof to);

	if (!rc && ref)
		rc = index_add(q, id, 'r', 0, ref, strlen(ref));
	if (!rc && tag)
		rc = index_add(q, id, 't', column(st, 1), tag, strlen(tag));
	return rc;
}

int read_index(struct reader *r, struct store_query *query)
{
	struct q_index *q = (struct q_index *)query;
	uint64_t from = run_start(r, q->run), upto = run_start(r, q->run + 1);
	sqlite3_stmt *st = r->st[R_RUN];
	int rc = SQLITE_DONE, rc2 = SQLITE_OK;

	q->rows = NULL;
	q->n_rows = 0;
	q->ret_indexed_to = 0;
	if (upto > q->below_id)
		return 0;
	BIND(st, from, upto);
	while (!rc2 && (rc = step_row(st)) == SQLITE_ROW)
		rc2 = index_message(q, st);
	sqlite3_reset(st);
	rc = rc2 ? rc2 : rc;
	if (to_errno(rc)) {
		free_view(query);
		return to_errno(rc);
	}
	if (q->n_rows)
		qsort(q->rows, q->n_rows, sizeof *q->rows, by_hash);
	q->ret_indexed_to = upto;
	return 0;
}

/* ---- counts and small tables -------------------------------------------------------------------------------- */

static int add_minute(struct q_lane_count *q, uint32_t minute)
{
	unsigned low = 0, high = q->ret_n_minutes;
	struct store_minute *m = q->ret_minutes;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (m[middle].minute < minute)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == q->ret_n_minutes || m[low].minute != minute) {
		if (grow(&q->ret_minutes, q->ret_n_minutes, sizeof *m) < 0)
			return SQLITE_NOMEM;
		m = q->ret_minutes;
		memmove(m + low + 1, m + low, (q->ret_n_minutes - low) * sizeof *m);
		m[low] = (struct store_minute){minute, 0};
		q->ret_n_minutes++;
	}
	m[low].n++;
	return SQLITE_OK;
}

int read_lane_count(struct reader *r, struct store_query *query)
{
	struct q_lane_count *q = (struct q_lane_count *)query;
	sqlite3_stmt *st = r->st[R_BACKLOG_ENDS];
	int rc, rc2 = SQLITE_OK;

	q->ret_minutes = NULL;
	q->ret_n_minutes = 0;
	q->ret_n = 0;
	BIND(st, q->lane, q->after_seq, q->upto_seq);
	while (!rc2 && (rc = step_row(st)) == SQLITE_ROW) {
		q->ret_n++;
		rc2 = add_minute(q, column(st, 0));
	}
	sqlite3_reset(st);
	rc = rc2 ? rc2 : rc;
	if (to_errno(rc))
		free_view(query);
	return to_errno(rc);
}

int read_stream(struct reader *r, struct store_query *query)
{
	struct store_progress *p = &((struct q_stream *)query)->progress;
	sqlite3_stmt *st = r->st[R_STREAM];
	int rc;

	BIND(st, p->client);
	bind_text(st, 2, p->name);
	rc = step_row(st);
	if (rc == SQLITE_ROW) {
		p->rows = column(st, 0);
		p->accepted = column(st, 1);
		p->rejected = column(st, 2);
		if (sqlite3_column_bytes(st, 3) == sizeof p->digest)
			memcpy(p->digest, sqlite3_column_blob(st, 3), sizeof p->digest);
		p->done = column(st, 4);
	}
	sqlite3_reset(st);
	return rc == SQLITE_DONE ? -ENOENT : to_errno(rc);
}

int read_webhooks(struct reader *r, struct store_query *query)
{
	struct q_webhooks *q = (struct q_webhooks *)query;
	int64_t waiting = 0, dead = 0, at;
	int rc;

	q->oldest_at = 0;
	BIND(r->st[R_EVENTS_COUNT], q->endpoint);
	rc = first_column(r->st[R_EVENTS_COUNT], &waiting);
	if (!to_errno(rc)) {
		BIND(r->st[R_DEAD_COUNT], q->endpoint);
		rc = first_column(r->st[R_DEAD_COUNT], &dead);
	}
	for (unsigned i = 0; !to_errno(rc) && i < r->store->shards; i++) {
		BIND(r->st[R_EVENTS_OLDEST], q->endpoint, i);
		rc = first_column(r->st[R_EVENTS_OLDEST], &at);
		if (rc == SQLITE_ROW && (!q->oldest_at || at < q->oldest_at))
			q->oldest_at = at;
	}
	q->waiting = waiting;
	q->dead = dead;
	return to_errno(rc);
}

int read_parked(struct reader *r, struct store_query *query)
{
	struct q_parked *q = (struct q_parked *)query;
	sqlite3_stmt *st = r->st[R_PARKED];
	int rc;

	q->rows = NULL;
	q->n_rows = 0;
	q->next = 0;
	q->complete = true;
	BIND(st, q->after ? q->after : INT64_MAX);
	while ((rc = step_row(st)) == SQLITE_ROW) {
		struct store_parked *p;

		if (q->n_rows >= q->limit || page_over(r)) {
			q->next = column(st, 0) + 1;
			q->complete = q->n_rows >= q->limit;
			break;
		}
		if (q->link && column(st, 1) != q->link)
			continue;
		if (grow(&q->rows, q->n_rows, sizeof *q->rows) < 0) {
			rc = SQLITE_NOMEM;
			break;
		}
		p = &q->rows[q->n_rows++];
		*p = (struct store_parked){.n = column(st, 0), .link = column(st, 1), .to = column(st, 2),
			.other = column(st, 3), .at = column(st, 4), .state = column(st, 5), .why = column(st, 6),
			.tlv = column(st, 7)};
		column_copy(st, 8, p->smsc_id, sizeof p->smsc_id);
		column_copy(st, 9, p->smsc_id2, sizeof p->smsc_id2);
		column_copy(st, 10, p->stat, sizeof p->stat);
		column_copy(st, 11, p->err, sizeof p->err);
		p->taken = (int64_t)column(st, 12);
	}
	sqlite3_reset(st);
	if (to_errno(rc))
		free_view(query);
	return to_errno(rc);
}

/* ---- freeing ------------------------------------------------------------------------------------------------ */

static void free_list(struct q_list *q)
{
	for (unsigned i = 0; i < q->n_rows; i++)
		free_detail(&q->rows[i]);
	free(q->rows);
	q->rows = NULL;
	q->n_rows = 0;
}

static void free_tagged(struct q_tagged *q)
{
	free_loaded(q->rows, q->n_rows);
	q->rows = NULL;
	q->n_rows = 0;
}

#define FREE_ROWS(q)             \
	do {                     \
		free((q)->rows); \
		(q)->rows = NULL; \
		(q)->n_rows = 0; \
	} while (0)

void free_view(struct store_query *q)
{
	switch (q->kind) {
	case Q_LANE_COUNT:
		free(((struct q_lane_count *)q)->ret_minutes);
		((struct q_lane_count *)q)->ret_minutes = NULL;
		((struct q_lane_count *)q)->ret_n_minutes = 0;
		break;
	case Q_MESSAGE: free_detail(&((struct q_message *)q)->ret); break;
	case Q_LIST: free_list((struct q_list *)q); break;
	case Q_INBOUND: free_inbound((struct q_inbound *)q); break;
	case Q_PARKED: FREE_ROWS((struct q_parked *)q); break;
	case Q_TAGGED: free_tagged((struct q_tagged *)q); break;
	case Q_INDEX: FREE_ROWS((struct q_index *)q); break;
	}
}
