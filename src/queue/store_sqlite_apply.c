/* SPDX-License-Identifier: Apache-2.0
 *
 * store_sqlite_apply.c -- operations that put rows down or take them away, without deciding what became of a message.
 *
 * Each returns one of SQLite's codes; any but SQLITE_OK rolls the whole batch back.  A defined outcome (-EEXIST) is
 * found before anything is written and set in op->r.  An operation may be applied several times when its batch is
 * bisected, so results are set afresh each time.
 */
#include "queue/store_sqlite.h"

#include <errno.h>
#include <stdlib.h>

#define REPLAY_ROWS 5000
#define IDEM_MS     INT64_C(86400000)
#define STREAM_MS   (2 * IDEM_MS)

int meta_set(struct writer *w, const char *k, int64_t v)
{
	sqlite3_stmt *st = w->st[W_META_SET];

	bind_text(st, 1, k);
	sqlite3_bind_int64(st, 2, v);
	return run(st);
}

/* ---- messages -------------------------------------------------------------------------------------------- */

static int insert_message(struct writer *w, const struct message *m)
{
	return rows_put(w, ROWS_MESSAGE,
		ROW(cell_int(m->id), cell_int(m->client), cell_int(m->route), cell_int(m->campaign),
			cell_int(msg_bits(m)), cell_int(m->to), cell_int(m->created_ms),
			m->send_at_ms ? cell_int(m->send_at_ms) : cell_text(NULL, 0), cell_int(m->ttl_end_ms),
			cell_text(m->from ? m->from : "", m->n_from),
			cell_text(m->n_ref ? m->ref : NULL, m->n_ref), cell_text(m->n_tag ? m->tag : NULL, m->n_tag)));
}

static int insert_body(struct writer *w, const struct message *m)
{
	struct cell text = cell_text(m->text ? m->text : "", m->n_text);
	struct cell tlvs = cell_text(m->n_tlvs ? (const char *)m->tlvs : NULL, m->n_tlvs);

	/* Octets with NULs are no text for SQLite. */
	if (m->flags & MSG_BINARY)
		text.type = SQLITE_BLOB;
	if (tlvs.type)
		tlvs.type = SQLITE_BLOB;
	return rows_put(w, ROWS_BODY, ROW(cell_int(m->id), text, tlvs));
}

static int insert_leases(struct writer *w, uint64_t id, uint64_t parts, uint32_t link)
{
	int rc = SQLITE_OK;

	for (; !rc && parts; parts &= parts - 1)
		rc = rows_put(w, ROWS_LEASE,
			ROW(cell_int(msg_key(id, __builtin_ctzll(parts) + 1)), cell_int(link), cell_int(w->now)));
	return rc;
}

static int insert_bound(struct writer *w, uint64_t id, uint32_t link, uint32_t ref, unsigned cut, unsigned parts)
{
	if (!parts)
		return SQLITE_OK;
	BIND(w->st[W_BOUND], id, link, ref, parts, cut);
	return run(w->st[W_BOUND]);
}

static int insert_backlog(struct writer *w, uint32_t lane, uint64_t seq, uint64_t id, uint32_t end)
{
	return rows_put(w, ROWS_BACKLOG, ROW(cell_int(lane), cell_int(seq), cell_int(id), cell_int(end)));
}

static int accept_one(struct writer *w, const struct store_accept *a)
{
	const struct message *m = a->m;
	int rc;

	rc = insert_message(w, m);
	if (!rc)
		rc = insert_body(w, m);
	if (!rc && a->place == PLACE_BACKLOG)
		rc = insert_backlog(w, a->lane, a->seq, m->id, end_minute(m->ttl_end_ms));
	if (!rc && a->place == PLACE_DUE) {
		BIND(w->st[W_DUE], m->send_at_ms, msg_key(m->id, 0), REASON_SCHEDULED, 0, 0);
		rc = run(w->st[W_DUE]);
	}
	if (!rc && a->leased)
		rc = insert_leases(w, m->id, a->leased, a->link);
	if (!rc && a->leased)
		rc = insert_bound(w, m->id, a->link, a->ref, a->cut, a->bound_parts);
	return rc;
}

/* ---- idempotency ----------------------------------------------------------------------------------------- */

static int put_progress(struct writer *w, const struct store_progress *p)
{
	sqlite3_stmt *st = w->st[W_STREAM];

	BIND(st, p->client, 0, w->now, p->rows, p->accepted, p->rejected, 0, p->done);
	bind_text(st, 2, p->name);
	sqlite3_bind_blob(st, 7, p->digest, sizeof p->digest, SQLITE_STATIC);
	return run(st);
}

int apply_accept(struct writer *w, struct store_op *op)
{
	struct op_accept *o = (struct op_accept *)op;
	int rc = SQLITE_OK;

	if (o->idem)
		rc = idem_take(w, o->idem);
	if (rc == SQLITE_ROW) {
		op->r = -EEXIST;
		return SQLITE_OK;
	}
	for (unsigned i = 0; !rc && i < o->n_items; i++)
		rc = accept_one(w, &o->items[i]);
	if (!rc && o->progress) {
		rc = put_progress(w, o->progress);
		w->of_keys |= rc != SQLITE_OK;
	}
	return rc;
}

int apply_stream(struct writer *w, struct store_op *op)
{
	struct store_progress *p = &((struct op_stream *)op)->progress;
	sqlite3_stmt *st = w->st[W_STREAM_FIND];
	int rc;

	sqlite3_bind_int64(st, 1, p->client);
	bind_text(st, 2, p->name);
	rc = step_row(st);
	p->rows = p->accepted = p->rejected = 0;
	p->done = false;
	memset(p->digest, 0, sizeof p->digest);
	if (rc == SQLITE_ROW) {
		p->rows = column(st, 0);
		p->accepted = column(st, 1);
		p->rejected = column(st, 2);
		if (sqlite3_column_bytes(st, 3) == sizeof p->digest)
			memcpy(p->digest, sqlite3_column_blob(st, 3), sizeof p->digest);
		p->done = column(st, 4);
		op->r = -EEXIST;
	}
	sqlite3_reset(st);
	rc = rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? put_progress(w, p) : rc;
	w->of_keys |= rc != SQLITE_OK;
	return rc;
}

/* Hourly; the generations change when 24 h of the clock have passed since they last did. */
int apply_idem_rotate(struct writer *w, struct store_op *op)
{
	int rc;

	BIND(w->st[W_STREAMS_DROP], w->now - STREAM_MS);
	rc = run(w->st[W_STREAMS_DROP]);
	return rc || w->now - w->m.idem_at < IDEM_MS ? rc : idem_rotate(w);
}

/* ---- places where a message waits ------------------------------------------------------------------------ */

int apply_lease(struct writer *w, struct store_op *op)
{
	struct op_lease *o = (struct op_lease *)op;
	int rc = insert_leases(w, o->id, o->parts, o->link);

	return rc ? rc : insert_bound(w, o->id, o->link, o->ref, o->cut, o->bound_parts);
}

int apply_unlease(struct writer *w, struct store_op *op)
{
	struct op_lease *o = (struct op_lease *)op;
	int rc = SQLITE_OK;

	for (uint64_t parts = o->parts; !rc && parts; parts &= parts - 1) {
		BIND(w->st[W_LEASE_DELETE], msg_key(o->id, __builtin_ctzll(parts) + 1));
		rc = run(w->st[W_LEASE_DELETE]);
	}
	return rc;
}

int apply_due_fire(struct writer *w, struct store_op *op)
{
	struct op_due_fire *o = (struct op_due_fire *)op;
	int rc;

	BIND(w->st[W_DUE_DELETE], o->at, o->key);
	rc = run(w->st[W_DUE_DELETE]);
	o->ret_gone = o->at && !rc && !sqlite3_changes(w->db);
	if (rc || o->ret_gone || !o->lane)
		return rc;
	return insert_backlog(w, o->lane, o->seq, msg_key_id(o->key), o->end_minute);
}

int apply_backlog_delete(struct writer *w, struct store_op *op)
{
	struct op_backlog_delete *o = (struct op_backlog_delete *)op;

	return rows_drop_backlog(w, o->lane, o->seq);
}

int apply_spill(struct writer *w, struct store_op *op)
{
	struct op_spill *o = (struct op_spill *)op;
	int rc = SQLITE_OK;

	for (unsigned i = 0; !rc && i < o->n_rows; i++) {
		const struct store_spill *row = &o->rows[i];

		if (!row->scheduled) {
			BIND(w->st[W_WAITING], row->hash, row->key);
			rc = run(w->st[W_WAITING]);
		}
		if (rc)
			break;
		if (row->deadline) { /* 0: settled, kept for repeats and corrections */
			BIND(w->st[W_DUE], row->deadline, row->key,
				row->scheduled ? REASON_SCHEDULED : REASON_NO_RECEIPT, 0, 0);
			rc = run(w->st[W_DUE]);
		}
		if (!rc && row->lane)
			rc = rows_drop_backlog(w, row->lane, row->seq);
	}
	return rc;
}

int apply_cancel(struct writer *w, struct store_op *op)
{
	struct op_cancel *o = (struct op_cancel *)op;
	sqlite3_stmt *st = w->st[W_CANCEL];
	int rc;

	BIND(st, o->client, 0, o->upto_id, o->at);
	bind_text(st, 2, o->tag);
	rc = run(st);
	o->n = sqlite3_last_insert_rowid(w->db);
	return rc;
}

int apply_cancel_done(struct writer *w, struct store_op *op)
{
	BIND(w->st[W_CANCEL_DELETE], ((struct op_cancel *)op)->n);
	return run(w->st[W_CANCEL_DELETE]);
}

/* ---- events ---------------------------------------------------------------------------------------------- */

static int delete_events(struct writer *w, const struct op_events *o, uint64_t from)
{
	BIND(w->st[W_EVENTS_DELETE], o->endpoint, o->shard, from, o->seq);
	return run(w->st[W_EVENTS_DELETE]);
}

/* A seq must not come again after its row is gone and the process restarted: a reader's cursor may stand on it. */
static int keep_seq(struct writer *w)
{
	return meta_set(w, "seq", w->m.seq);
}

int apply_events_done(struct writer *w, struct store_op *op)
{
	struct op_events *o = (struct op_events *)op;
	int rc = delete_events(w, o, 0);

	o->ret_n = sqlite3_changes64(w->db);
	return rc ? rc : keep_seq(w);
}

int apply_events_dead(struct writer *w, struct store_op *op)
{
	struct op_events *o = (struct op_events *)op;
	sqlite3_stmt *st = w->st[W_EVENTS_DEAD];
	int rc;

	BIND(st, o->endpoint, o->shard, o->from_seq, o->seq, 0, w->now);
	bind_text(st, 5, o->why);
	rc = run(st);
	o->ret_n = sqlite3_changes64(w->db);
	return rc ? rc : delete_events(w, o, o->from_seq);
}

int apply_events_replay(struct writer *w, struct store_op *op)
{
	struct op_events *o = (struct op_events *)op;
	sqlite3_stmt *st = w->st[W_DEAD];
	int rc, rc2 = SQLITE_OK;

	o->ret_n = 0;
	BIND(st, o->endpoint, o->since, REPLAY_ROWS);
	while (!rc2 && (rc = step_row(st)) == SQLITE_ROW) {
		struct store_event_row e = {
			.kind = column(st, 1),
			.key = column(st, 2),
			.state = column(st, 3),
			.at = column(st, 4),
			.parts_delivered = column(st, 5),
			.part = column(st, 6),
			.error = (const char *)sqlite3_column_text(st, 7),
		};
		uint64_t of = e.kind == EVENT_INBOUND ? e.key : msg_key_id(e.key);

		rc2 = add_event(w, o->endpoint, of % w->shards, &e);
		if (rc2)
			break;
		BIND(w->st[W_DEAD_DELETE], o->endpoint, column(st, 0));
		rc2 = run(w->st[W_DEAD_DELETE]);
		o->ret_n++;
	}
	sqlite3_reset(st);
	if (rc2)
		return rc2;
	return rc == SQLITE_DONE ? keep_seq(w) : rc;
}

/* ---- small tables ---------------------------------------------------------------------------------------- */

int apply_name(struct writer *w, struct store_op *op)
{
	struct op_name *o = (struct op_name *)op;

	BIND(w->st[W_NAME], o->kind, o->id);
	bind_text(w->st[W_NAME], 3, o->text);
	return run(w->st[W_NAME]);
}

int apply_lane(struct writer *w, struct store_op *op)
{
	const struct store_lane *l = &((struct op_lane *)op)->lane;

	BIND(w->st[W_LANE], l->id, l->class, l->client, l->campaign, l->route, l->skip);
	return run(w->st[W_LANE]);
}

int apply_meta(struct writer *w, struct store_op *op)
{
	return meta_set(w, "low_water", ((struct op_meta *)op)->low_water);
}

int apply_reserve(struct writer *w, struct store_op *op)
{
	struct op_reserve *o = (struct op_reserve *)op;

	o->ret_from = w->node << MSG_COUNTER_BITS | w->m.next_block * ID_BLOCK;
	w->m.next_block++;
	return meta_set(w, "next_block", w->m.next_block);
}

int apply_lookup(struct writer *w, struct store_op *op)
{
	struct op_lookup *o = (struct op_lookup *)op;
	int rc = SQLITE_OK;

	for (unsigned i = 0; !rc && i < o->n_rows; i++)
		rc = rows_put(w, ROWS_LOOKUP,
			ROW(cell_int(o->run), cell_int(o->rows[i].hash), cell_int(o->rows[i].id)));
	if (!rc && o->indexed_to)
		rc = meta_set(w, "indexed_to", o->indexed_to);
	return rc;
}

/* ---- quotas ---------------------------------------------------------------------------------------------- */

static int purge_quota(struct writer *w, int64_t before)
{
	int rc;

	BIND(w->st[W_PURGE_QUOTA], before);
	rc = run(w->st[W_PURGE_QUOTA]);
	if (rc)
		return rc;
	BIND(w->st[W_PURGE_QUOTA_RECIPIENT], before);
	return run(w->st[W_PURGE_QUOTA_RECIPIENT]);
}

int apply_quota(struct writer *w, struct store_op *op)
{
	struct op_quota *o = (struct op_quota *)op;
	int rc = SQLITE_OK;

	for (unsigned i = 0; rc == SQLITE_OK && i < o->n_rows; i++) {
		const struct store_quota *v = &o->rows[i];

		BIND(w->st[W_QUOTA], v->account, v->kind, v->start, v->end, (int64_t)v->n);
		rc = run(w->st[W_QUOTA]);
	}
	for (unsigned i = 0; rc == SQLITE_OK && i < o->n_recipients; i++) {
		const struct store_quota_recipient *v = &o->recipients[i];

		BIND(w->st[W_QUOTA_RECIPIENT], v->end, v->account, v->kind, (int64_t)v->hash);
		rc = run(w->st[W_QUOTA_RECIPIENT]);
	}
	return rc || !o->purge_before ? rc : purge_quota(w, o->purge_before);
}
