/* SPDX-License-Identifier: Apache-2.0
 *
 * store_sqlite_commit.c -- one commit: which of the waiting operations go into it, and how they do.
 *
 * A failed batch is bisected: halves are tried until the operation that fails is alone, and only that one is refused.
 * When what fails is the disk and not the operation (full, I/O error), all that is left is refused with the first
 * single one: trying thousands of operations against a full disk would only make everybody wait.
 *
 * Another program may hold the write lock (a shell with a transaction).  It is waited for once; then all is refused as
 * with a full disk, and each batch waits but a moment until the lock is free.
 */
#include "queue/store_sqlite.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define CAREFUL 100  /* commits */
#define AHEAD   4    /* operations that memory is told of what they will read */
#define WINDOW  8192 /* commits that the latency histogram remembers, roughly */
#define LOCK_WAIT_MS   1000 /* for a lock that another program holds … */
#define LOCKED_WAIT_MS 50   /* … while it is known to */

/* ---- what goes into a batch ------------------------------------------------------------------------------ */

/* Returns the rows of what it took.  The first one always goes, however large it says it is. */
static unsigned take(struct batch *b, struct op_list *l, unsigned max_rows)
{
	struct store_op *op;
	unsigned rows = 0;

	while ((op = l->head) && b->n < COMMIT_MOST && (!rows || rows + op->rows <= max_rows)) {
		l->head = op->next;
		if (!l->head)
			l->tail = NULL;
		b->ops[b->n++] = op;
		rows += op->rows ? op->rows : 1;
	}
	b->rows += rows;
	return rows;
}

static bool is_quick(const struct batch *b, uint64_t now)
{
	return b->otp_ns && now - b->otp_ns < OTP_RECENT_NS;
}

/* How long bulk is left alone.
 *
 * Codes need the processor, too, and two clients that post arrays as fast as they are answered would leave none of it.
 *
 * Links, webhooks and answers to carriers have more of the writer's time than bulk, while they want it: after an array
 * they go on alone for TURN times as long as it took.  A link whose window is full goes on only as often as there is
 * a commit, and with an array in each of them it would all but stand still.  As it needs a moment to be back with its
 * next parts, it is waited for, if it had more than a few. */
static uint64_t bulk_held_ns(const struct batch *b, bool busy, uint64_t now)
{
	uint64_t until = b->turn_ns;

	if (is_quick(b, now))
		until = b->until_ns;
	else if (!busy && b->back_ns < until)
		until = b->back_ns;
	return now < until ? until - now : 0;
}

static uint64_t later_held_ns(const struct batch *b, uint64_t now)
{
	return now < b->later_ns + LATER_NS ? b->later_ns + LATER_NS - now : 0;
}

static bool is_few(const struct op_list *l)
{
	unsigned rows = 0;

	for (const struct store_op *op = l->head; op && rows <= FEW_ROWS; op = op->next)
		rows += op->rows ? op->rows : 1;
	return rows <= FEW_ROWS;
}

/* A client that waits for each answer is back within a moment of it, and would wait for two syncs, one for what came of
 * its last message and its own: both go into one.  It is waited for no longer than it would have to wait. */
static uint64_t front_held_ns(const struct batch *b, const struct op_list *settle, uint64_t now)
{
	return now < b->front_ns && is_few(settle) ? b->front_ns - now : 0;
}

/* Those who refer to it come along. */
static uint64_t first_held_ns(struct batch *b, uint64_t now)
{
	if (!b->first_ns)
		b->first_ns = now + LATER_NS;
	return now < b->first_ns ? b->first_ns - now : 0;
}

uint64_t batch_wait_ns(struct batch *b, const struct op_list waiting[STORE_LISTS], uint64_t now)
{
	uint64_t wait = UINT64_MAX, held;

	if (waiting[STORE_FIRST].head)
		wait = first_held_ns(b, now);
	if (!waiting[STORE_LATER].head)
		b->later_ns = 0;
	else if (!b->later_ns)
		b->later_ns = now;
	if (waiting[STORE_OTP].head)
		return 0;
	if (waiting[STORE_SETTLE].head && (held = front_held_ns(b, &waiting[STORE_SETTLE], now)) < wait)
		wait = held;
	if (waiting[STORE_BULK].head && (held = bulk_held_ns(b, false, now)) < wait)
		wait = held;
	if (b->later_ns && (held = later_held_ns(b, now)) < wait)
		wait = held;
	return wait;
}

/* A row takes about a microsecond, so a commit of this size takes no more than twice its sync.  On a slow disk what a
 * commit has no room for waits long for the next one.  While codes come in, commits are short, as the next code waits
 * for one that has begun. */
static unsigned most_rows(const struct batch *b, bool quick)
{
	if (quick)
		return COMMIT_QUICK_ROWS;
	return b->sync_us < COMMIT_ROWS ? COMMIT_ROWS : b->sync_us < COMMIT_MOST ? b->sync_us : COMMIT_MOST;
}

/* What bulk may have of them when its turn has come: on a slow disk half while others come in, as rows cost little
 * beside the sync. */
static unsigned bulk_rows(const struct batch *b, bool quick, bool recent)
{
	unsigned all = most_rows(b, quick);

	if (quick)
		return COMMIT_OTP_ROWS;
	return !recent ? all : b->sync_us < COMMIT_ROWS ? all / COMMIT_BULK_SHARE : all / 2;
}

/* A commit with codes has nothing else that can wait; but at most every second one is such: bulk keeps a share, or
 * intake would stand still. */
static bool codes_alone(const struct batch *b, const struct op_list waiting[STORE_LISTS])
{
	return waiting[STORE_OTP].head && !b->alone;
}

static bool were_busy(const struct batch *b, uint64_t now)
{
	return b->urgent_ns && now - b->urgent_ns < RECENT_NS;
}

/* What settles before codes, of which it leaves room for some. */
static unsigned take_urgent(struct batch *b, struct op_list waiting[STORE_LISTS], unsigned most)
{
	unsigned rows = take(b, &waiting[STORE_SETTLE], most - (waiting[STORE_OTP].head ? COMMIT_OTP_ROWS : 0));

	return rows + take(b, &waiting[STORE_OTP], rows < most ? most - rows : 1);
}

static void take_later(struct batch *b, struct op_list waiting[STORE_LISTS])
{
	if (take(b, &waiting[STORE_LATER], COMMIT_LATER_ROWS))
		b->later_ns = 0;
}

/* All of it; false: there is more, and the rest has to wait for that. */
static bool take_first(struct batch *b, struct op_list *first)
{
	take(b, first, COMMIT_MOST);
	b->n_first = b->n;
	b->first_stored = !b->n_first;
	b->first_ns = b->rows = 0;
	return !first->head;
}

void batch_gather(struct batch *b, struct op_list waiting[STORE_LISTS], uint64_t now)
{
	bool otp = waiting[STORE_OTP].head, busy = otp || waiting[STORE_SETTLE].head;
	bool alone = codes_alone(b, waiting), quick = otp || is_quick(b, now);
	bool bulk = waiting[STORE_BULK].head && !alone && !bulk_held_ns(b, busy, now);
	/* What can wait goes beside others, but first when it has waited: they may leave no place. */
	bool waited = !later_held_ns(b, now);
	unsigned share = bulk ? bulk_rows(b, quick, busy || were_busy(b, now)) : 0;

	b->otp_ns = otp ? now : b->otp_ns;
	b->urgent_ns = busy ? now : b->urgent_ns;
	b->alone = alone;
	b->n = b->rows = b->bulk_rows = b->urgent_rows = 0;
	if (!take_first(b, &waiting[STORE_FIRST]))
		return;
	if (waited && !alone)
		take_later(b, waiting);
	b->urgent_rows = take_urgent(b, waiting, most_rows(b, quick) - share);
	b->bulk_rows = bulk ? take(b, &waiting[STORE_BULK], share) : 0;
	if (b->bulk_rows)
		b->until_ns = now + b->bulk_rows * QUICK_ROW_NS;
	if (!waited && !alone && b->n)
		take_later(b, waiting);
}

void batch_committed(struct batch *b, uint64_t took_ns, uint64_t now)
{
	uint64_t turn = b->bulk_rows ? TURN * took_ns * b->bulk_rows / b->rows : 0;

	if (b->bulk_rows)
		b->turn_ns = b->bulk_rows < LONG_BULK_ROWS ? 0 : now + (turn < TURN_MAX_NS ? turn : TURN_MAX_NS);
	b->back_ns = b->urgent_rows >= BACK_ROWS ? now + BACK_NS : 0;
	b->front_ns = 0;
	if (b->bulk_rows && b->bulk_rows <= FEW_ROWS)
		b->front_ns = now + (b->sync_us * 1000 < FRONT_MAX_NS ? b->sync_us * 1000 : FRONT_MAX_NS);
}

/* ---- how it goes down ------------------------------------------------------------------------------------ */

static apply_fn *const apply[OP_N] = {
	[OP_ACCEPT] = apply_accept,
	[OP_LEASE] = apply_lease,
	[OP_UNLEASE] = apply_unlease,
	[OP_SUBMIT] = apply_submit,
	[OP_ATTEMPT] = apply_attempt,
	[OP_FINAL] = apply_final,
	[OP_RECEIPT_NOTE] = apply_receipt_note,
	[OP_RECEIPT_FORM] = apply_receipt_form,
	[OP_RECEIPT] = apply_receipt,
	[OP_DUE_FIRE] = apply_due_fire,
	[OP_BACKLOG_DELETE] = apply_backlog_delete,
	[OP_SPILL] = apply_spill,
	[OP_CANCEL] = apply_cancel,
	[OP_CANCEL_DONE] = apply_cancel_done,
	[OP_INBOUND] = apply_inbound,
	[OP_EVENTS_DONE] = apply_events_done,
	[OP_EVENTS_DEAD] = apply_events_dead,
	[OP_EVENTS_REPLAY] = apply_events_replay,
	[OP_STREAM] = apply_stream,
	[OP_NAME] = apply_name,
	[OP_LANE] = apply_lane,
	[OP_META] = apply_meta,
	[OP_LOOKUP] = apply_lookup,
	[OP_PURGE] = apply_purge,
	[OP_IDEM_ROTATE] = apply_idem_rotate,
	[OP_RESERVE] = apply_reserve,
	[OP_INBOUND_PART] = apply_inbound_part,
	[OP_QUOTA] = apply_quota,
};

static void rollback(struct writer *w)
{
	/* SQLite has rolled back by itself after some errors. */
	if (!sqlite3_get_autocommit(w->db))
		sqlite3_exec(w->db, "ROLLBACK", NULL, NULL, NULL);
	w->m = w->saved;
	w->wakes.n = w->m.n_wakes;
	rows_forget(w);
	idem_rolled_back(w);
}

/* A message of one part that nothing is known of but what memory knows: its rows are new. */
static bool is_plain(const struct writer *w, const struct store_op *op)
{
	const struct op_submit *submit = (const struct op_submit *)op;
	const struct op_final *final = (const struct op_final *)op;

	if (w->careful)
		return false;
	if (op->kind == OP_SUBMIT)
		return submit->msg.n_parts == 1 && !submit->known && !submit->ended && !(submit->hash && w->m.n_parked);
	return final->msg.n_parts == 1 && final->part == 1 && !final->unless_submitted && !final->parked &&
		!final->repeats;
}

/* Before an operation: may its rows wait, and must it see those that do?  Of messages of several parts no final and no
 * submit row waits, and their operations look at no other message's. */
static int prepare(struct writer *w, const struct store_op *op)
{
	w->plain = false;
	switch (op->kind) {
	case OP_SUBMIT:
		w->plain = is_plain(w, op);
		return w->plain || ((const struct op_submit *)op)->msg.n_parts > 1 ? SQLITE_OK : rows_flush(w);
	case OP_FINAL:
		w->plain = is_plain(w, op);
		return w->plain || (((const struct op_final *)op)->msg.n_parts > 1 &&
					   !((const struct op_final *)op)->unless_submitted)
			       ? SQLITE_OK
			       : rows_flush(w);
	case OP_ACCEPT:
	case OP_LEASE:
	case OP_ATTEMPT:
	case OP_DUE_FIRE:
	case OP_BACKLOG_DELETE:
	case OP_SPILL:
	case OP_EVENTS_DONE:
	case OP_QUOTA:
	case OP_LOOKUP:
		return SQLITE_OK;
	default:
		return rows_flush(w);
	}
}

static void foresee(const struct writer *w, const struct store_op *op)
{
	const struct op_accept *accept = (const struct op_accept *)op;

	if (op->kind == OP_ACCEPT && accept->idem)
		idem_foresee(w, accept->idem);
}

/* SQLITE_OK only when the disk has it. */
static int commit(struct writer *w)
{
	int64_t from_us = clock_mono_us();
	int rc = run(w->st[W_COMMIT]);

	w->sync_us = clock_mono_us() - from_us;
	return rc;
}

static int apply_some(struct writer *w, struct store_op **ops, size_t n)
{
	int rc = SQLITE_OK;

	for (size_t i = 0; rc == SQLITE_OK && i < n; i++) {
		ops[i]->r = 0;
		if (i + AHEAD < n)
			foresee(w, ops[i + AHEAD]);
		rc = prepare(w, ops[i]);
		if (rc == SQLITE_OK)
			rc = apply[ops[i]->kind](w, ops[i]);
	}
	return rc;
}

/* All of these operations, or nothing of them; and before them what they refer to. */
static int apply_all(struct writer *w, struct batch *b, size_t from, size_t n)
{
	int rc;

	w->m.n_wakes = w->wakes.n;
	w->saved = w->m;
	w->batch++;
	w->of_keys = false;
	rc = run(w->st[W_BEGIN]);
	if (rc == SQLITE_OK && !b->first_stored)
		rc = apply_some(w, b->ops, b->n_first);
	if (rc == SQLITE_OK)
		rc = apply_some(w, b->ops + from, n);
	if (rc == SQLITE_OK)
		rc = rows_flush(w);
	if (rc == SQLITE_OK)
		rc = idem_work(w);
	if (rc == SQLITE_OK)
		rc = commit(w);
	if (rc == SQLITE_OK)
		idem_committed(w);
	else
		rollback(w);
	b->first_stored |= rc == SQLITE_OK;
	return rc;
}

static bool is_disk(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN: return true;
	default: return false;
	}
}

/* What can be left undone for long: it looks through old rows, or keeps what was learned, and a damaged page there is
 * nobody else's. */
static bool is_housekeeping(const struct store_op *op)
{
	return op->kind == OP_PURGE || op->kind == OP_LOOKUP || op->kind == OP_IDEM_ROTATE ||
		op->kind == OP_RECEIPT_FORM;
}

#define ASIDE_MS 60000

/* An operation that fails by itself.  A damaged page of keys: whether this one came before cannot be told, so its
 * messages must not be taken; of what becomes of others it says nothing. */
static void note_refused(struct writer *w, struct batch *b, struct store_op *op, int rc, bool of_keys)
{
	bool aside = (is_damage(rc) || rc == SQLITE_IOERR_READ) && (of_keys || is_housekeeping(op));
	bool told = store_damage(w->store) != DAMAGE_NONE;

	if (aside && of_keys && is_damage(rc))
		op->r = -EUCLEAN; /* for good, which those who ask are told */
	if (is_damage(rc))
		damage_met(w->store, aside ? DAMAGE_READING : DAMAGE_WRITING, rc);
	if (is_disk(rc) && !aside)
		b->disk = rc;
	/* A page of these that the disk does not read may be asked for all the time. */
	if (aside && !is_damage(rc)) {
		if (w->now - w->aside_told < ASIDE_MS)
			return;
		w->aside_told = w->now;
	}
	/* A disk that stays full is told once, and damage too. */
	if (is_damage(rc) ? !told : !b->disk || !atomic_load(&w->store->last_error))
		log_error("store_refused", "operation=%d error=%s code=%d", op->kind, sqlite3_errstr(rc), rc);
}

static bool is_locked(int rc)
{
	return db_errno(rc) == -ENOLCK;
}

static void refuse(struct store_op **ops, size_t n, int rc)
{
	int r = db_errno(rc);

	for (size_t i = 0; i < n; i++)
		ops[i]->r = r == -ENOSPC || r == -ENOLCK ? r : -EIO;
}

/* Once more, as it may have been what is done for keys of before that failed. */
static int without_work(struct writer *w, struct batch *b, size_t from, size_t n, int why)
{
	int rc = apply_all(w, b, from, n);

	if (rc == SQLITE_OK && is_damage(why))
		damage_met(w->store, DAMAGE_READING, why);
	else if (rc == SQLITE_OK)
		log_error("store_keys_put_off", "error=%s code=%d", sqlite3_errstr(why), why);
	return rc;
}

/* Nothing goes down without what it refers to, whatever it is that keeps that from being stored. */
static int first_by_itself(struct writer *w, struct batch *b)
{
	int rc = b->first_stored ? SQLITE_OK : apply_all(w, b, 0, 0);

	if (rc == SQLITE_OK)
		return rc;
	b->disk = rc;
	if (is_damage(rc))
		damage_met(w->store, DAMAGE_WRITING, rc);
	else if (!atomic_load(&w->store->last_error))
		log_error("store_refused", "operation=%d error=%s code=%d", b->ops[0]->kind, sqlite3_errstr(rc), rc);
	return rc;
}

static int bisect(struct writer *w, struct batch *b, size_t from, size_t n)
{
	bool of_keys;
	int rc, rc2;

	if (b->disk) {
		refuse(b->ops + from, n, b->disk);
		return b->disk;
	}
	rc = apply_all(w, b, from, n);
	if (is_locked(rc)) {
		b->disk = rc;
		refuse(b->ops + from, n, rc);
		return rc;
	}
	if ((rc & 0xff) == SQLITE_CONSTRAINT && !w->careful) {
		w->careful = CAREFUL; /* a carrier that says things twice will do so again */
		rc = apply_all(w, b, from, n);
	}
	if (rc != SQLITE_OK && w->keys.put_off)
		rc = without_work(w, b, from, n, rc);
	if (rc == SQLITE_OK)
		return rc;
	of_keys = w->of_keys;
	rc2 = first_by_itself(w, b);
	if (rc2 != SQLITE_OK || !n) {
		refuse(b->ops + from, n, rc2);
		return rc2;
	}
	if (n > 1) {
		rc = bisect(w, b, from, n / 2);
		rc2 = bisect(w, b, from + n / 2, n - n / 2);
		return rc2 ? rc2 : rc;
	}
	refuse(b->ops + from, 1, rc);
	note_refused(w, b, b->ops[from], rc, of_keys);
	return rc;
}

void batch_locks(struct writer *w)
{
	sqlite3_busy_timeout(w->db, w->locked_us ? LOCKED_WAIT_MS : LOCK_WAIT_MS);
}

/* Told when it begins and when it is over. */
static void note_lock(struct writer *w, bool locked)
{
	int64_t now_us = clock_mono_us();

	if (locked == (w->locked_us != 0))
		return;
	if (locked)
		log_error("database_locked", "file=%s why=%s", w->store->path,
			"another program holds the database's write lock; until it ends, nothing is accepted");
	else
		log_warn("database_unlocked", "file=%s after_ms=%lld", w->store->path,
			(long long)(now_us - w->locked_us) / 1000);
	w->locked_us = locked ? now_us : 0;
	batch_locks(w);
}

void batch_try_lock(struct store *s)
{
	struct writer *w = &s->writer;

	if (!w->locked_us || is_locked(run(w->st[W_BEGIN])))
		return;
	if (!sqlite3_get_autocommit(w->db))
		sqlite3_exec(w->db, "ROLLBACK", NULL, NULL, NULL);
	note_lock(w, false);
	atomic_store_explicit(&s->last_error, 0, memory_order_relaxed);
}

static void count_latency(struct store *s, uint64_t us)
{
	unsigned log2 = us > 3 ? 63 - __builtin_clzll(us) : 2;
	unsigned i = us > 3 ? (log2 - 2) * 4 + (us >> (log2 - 2) & 3) + 1 : 0;

	if (i >= LATENCY_BUCKETS)
		i = LATENCY_BUCKETS - 1;
	atomic_fetch_add_explicit(&s->latency[i], 1, memory_order_relaxed);
	if (atomic_load_explicit(&s->commits, memory_order_relaxed) % WINDOW)
		return;
	for (i = 0; i < LATENCY_BUCKETS; i++)
		atomic_store_explicit(&s->latency[i], s->latency[i] / 2, memory_order_relaxed);
}

/* What a COMMIT takes without its rows: small ones tell it, so it falls to these at once, and rises slowly. */
static void note_sync(struct batch *b, uint64_t us)
{
	b->sync_us = us < b->sync_us ? us : b->sync_us + (us - b->sync_us) / 16;
}

void batch_commit(struct store *s, struct batch *b)
{
	int64_t from_us = clock_mono_us(), us;
	int rc;

	s->writer.now = clock_ms();
	b->disk = 0;
	if (b->given_up) {
		refuse(b->ops, b->n, SQLITE_FULL);
		return;
	}
	rc = bisect(&s->writer, b, b->n_first, b->n - b->n_first);
	note_lock(&s->writer, is_locked(b->disk));
	s->writer.careful -= s->writer.careful > 0;
	note_sync(b, (uint64_t)s->writer.sync_us);
	us = clock_mono_us() - from_us;
	atomic_fetch_add_explicit(&s->commits, 1, memory_order_relaxed);
	atomic_store_explicit(&s->parked, s->writer.m.n_parked, memory_order_relaxed);
	atomic_store_explicit(&s->parked_expired, s->writer.m.n_parked_expired, memory_order_relaxed);
	atomic_store_explicit(&s->parked_dropped, s->writer.m.n_parked_dropped, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->rows, b->rows, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->busy_us, us, memory_order_relaxed);
	atomic_store_explicit(&s->last_error, db_errno(rc), memory_order_relaxed);
	atomic_store_explicit(&s->inbound_open, s->writer.m.n_inbound_open, memory_order_relaxed);
	count_latency(s, us);
	batch_committed(b, us > s->writer.sync_us ? (uint64_t)(us - s->writer.sync_us) * 1000 : 0, uv_hrtime());
}

void batch_keep_first(struct batch *b, bool last_try, struct op_list waiting[STORE_LISTS], uint64_t now)
{
	struct op_list kept = {0};

	if (b->first_stored)
		return;
	if (last_try) {
		refuse(b->ops, b->n_first, SQLITE_FULL);
		b->given_up = true;
		return;
	}
	for (size_t i = 0; i < b->n_first; i++)
		op_list_add(&kept, b->ops[i]);
	op_list_splice(&kept, &waiting[STORE_FIRST]);
	waiting[STORE_FIRST] = kept;
	b->first_ns = now + FIRST_AGAIN_NS;
	b->n -= b->n_first;
	memmove(b->ops, b->ops + b->n_first, b->n * sizeof(b->ops[0]));
}
