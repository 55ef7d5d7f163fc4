/* SPDX-License-Identifier: Apache-2.0
 *
 * store_sqlite.c -- the threads of the store: hand-over, answers.
 *
 *     loop:    store_stage ─► staged ──(uv_prepare, once a turn)──► inbox ─┐            ┌─► done()
 *     writer:                                                              └► commit ─► outbox
 *
 * The loop takes the mutex once a turn to hand over and once a batch to collect; the writer once a batch.  The next
 * commit takes whatever has gathered while the last one was syncing, so batches grow with the load by themselves.
 */
#include "queue/store_file.h"
#include "queue/store_sqlite.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/oom.h"

#define LOOK_NS    UINT64_C(100000000)  /* between two looks at the file system: arrays write 100 MB a second … */
#define IDLE_NS    UINT64_C(1000000000) /* … and while nothing is written */

/* ---- writer thread --------------------------------------------------------------------------------------- */

static void look_at_disk(struct store *s, uint64_t *at)
{
	char wal[4096];
	struct statvfs fs;
	struct stat st;
	uint64_t now = uv_hrtime();

	if (*at && now - *at < LOOK_NS)
		return;
	*at = now;
	if (statvfs(s->path, &fs) == 0)
		atomic_store(&s->free_octets, (uint64_t)fs.f_bavail * fs.f_frsize);
	if (stat(s->path, &st) == 0)
		atomic_store(&s->db_octets, st.st_size);
	if (snprintf(wal, sizeof wal, "%s-wal", s->path) < (int)sizeof wal)
		atomic_store(&s->wal_octets, stat(wal, &st) == 0 ? st.st_size : 0);
}

static int grow_wakes(struct wakes *w, size_t n)
{
	size_t cap = w->cap ? w->cap : 64;
	struct wake *items;

	while (cap < n)
		cap *= 2;
	if (cap == w->cap)
		return 0;
	items = realloc(w->items, cap * sizeof *items);
	if (!items)
		return -ENOMEM;
	w->items = items;
	w->cap = cap;
	return 0;
}

int add_event(struct writer *w, uint32_t endpoint, unsigned shard, const struct store_event_row *e)
{
	unsigned slot = (endpoint * 31 + shard) % WAKE_SLOTS;
	struct wake wake = {endpoint, shard};
	if (w->woken[slot].batch != w->batch || memcmp(&w->woken[slot].w, &wake, sizeof wake)) {
		if (grow_wakes(&w->wakes, w->wakes.n + 1) < 0)
			return SQLITE_NOMEM;
		w->wakes.items[w->wakes.n++] = wake;
		w->woken[slot].w = wake;
		w->woken[slot].batch = w->batch;
	}
	return rows_put(w, ROWS_EVENT,
		ROW(cell_int(endpoint), cell_int(shard), cell_int((int64_t)++w->m.seq), cell_int(e->kind),
			cell_int((int64_t)e->key), cell_int(e->state), cell_int(e->at), cell_int(e->parts_delivered),
			cell_int(e->part), cell_string(rows_keep_error(w, e->error))));
}

/* Under the mutex.  What finds no memory goes with the next batch. */
static void publish_wakes(struct store *s)
{
	struct wakes *from = &s->writer.wakes, *to = &s->out_wakes, t;

	if (!to->n) {
		t = *to;
		*to = *from;
		*from = t;
	} else if (from->n && grow_wakes(to, to->n + from->n) == 0) {
		memcpy(to->items + to->n, from->items, from->n * sizeof *from->items);
		to->n += from->n;
		from->n = 0;
	}
}

static void publish(struct store *s, struct batch *b)
{
	uv_mutex_lock(&s->mutex);
	for (size_t i = 0; i < b->n; i++)
		op_list_add(&s->outbox, b->ops[i]);
	publish_wakes(s);
	uv_mutex_unlock(&s->mutex);
	uv_async_send(&s->async);
}

/* Under the mutex.  The writer is the last to go: SQLite tidies up when the last connection is closed, and two that are
 * closed at once would leave that to each other. */
static bool is_over(const struct store *s)
{
	return s->stop && s->n_threads == 1;
}

/* Under the mutex. */
static void fetch(struct store *s, struct op_list waiting[STORE_LISTS])
{
	for (int i = 0; i < STORE_LISTS; i++)
		op_list_splice(&waiting[i], &s->inbox[i]);
}

/* Sleep until there is work or it is time to look at the disk; false: the end. */
static bool collect(struct store *s, struct op_list waiting[STORE_LISTS], struct batch *b)
{
	uint64_t wait;
	bool go_on;

	uv_mutex_lock(&s->mutex);
	fetch(s, waiting);
	wait = batch_wait_ns(b, waiting, uv_hrtime());
	if (wait && !is_over(s)) {
		uv_cond_timedwait(&s->work, &s->mutex, wait < IDLE_NS ? wait : IDLE_NS);
		fetch(s, waiting);
		wait = batch_wait_ns(b, waiting, uv_hrtime());
	}
	go_on = wait != UINT64_MAX || !is_over(s);
	uv_mutex_unlock(&s->mutex);
	return go_on;
}

void store_thread_ended(struct store *s)
{
	uv_mutex_lock(&s->mutex);
	s->n_threads--;
	uv_cond_signal(&s->work);
	uv_mutex_unlock(&s->mutex);
	uv_async_send(&s->async);
}

static void write_thread(void *arg)
{
	struct store *s = arg;
	struct op_list waiting[STORE_LISTS] = {0};
	struct batch b = {.alone = false};
	uint64_t looked_at = 0;

	pthread_setname_np(pthread_self(), "writer"); /* for ps, top and the benchmarks */
	batch_locks(&s->writer);
	while (collect(s, waiting, &b)) {
		batch_gather(&b, waiting, uv_hrtime());
		if (b.n) {
			batch_commit(s, &b);
			batch_keep_first(&b, atomic_load(&s->last_try), waiting, uv_hrtime());
			publish(s, &b);
			checkpoint_after_commit(s);
		} else {
			batch_try_lock(s);
		}
		look_at_disk(s, &looked_at);
	}
	db_close_writer(&s->writer);
	store_thread_ended(s);
}

/* ---- reader threads -------------------------------------------------------------------------------------- */

static read_fn *const read_[Q_N] = {
	[Q_BACKLOG] = read_backlog,
	[Q_DUE] = read_due,
	[Q_LEASES] = read_leases,
	[Q_FRESH] = read_fresh,
	[Q_EXPIRED] = read_expired,
	[Q_LANE_COUNT] = read_lane_count,
	[Q_LOAD] = read_load,
	[Q_EVENTS] = read_events,
	[Q_MESSAGE] = read_message,
	[Q_LIST] = read_list,
	[Q_STREAM] = read_stream,
	[Q_WEBHOOKS] = read_webhooks,
	[Q_INBOUND] = read_inbound,
	[Q_PARKED] = read_parked,
	[Q_TOTALS] = read_totals,
	[Q_TAGGED] = read_tagged,
	[Q_INDEX] = read_index,
	[Q_INBOUND_SET] = read_inbound_set,
	[Q_INBOUND_DUE] = read_inbound_due,
};

bool page_over(struct reader *r)
{
	if (++r->n_examined >= PAGE_ROWS || r->n_octets >= PAGE_OCTETS)
		return true;
	return r->n_examined % 256 == 0 && clock_mono_us() > r->until_us;
}

/* One snapshot for a page, and its end: an open one keeps the WAL from starting over. */
static void answer(struct reader *r, struct store_query *q)
{
	int rc;

	r->n_examined = 0;
	r->n_octets = 0;
	r->until_us = clock_mono_us() + PAGE_US;
	rc = run(r->st[R_BEGIN]);
	q->r = rc ? db_errno(rc) : read_[q->kind](r, q);
	if (q->r == -EUCLEAN)
		damage_met(r->store, DAMAGE_READING, SQLITE_CORRUPT);
	for (int i = 0; i < R_N; i++)
		if (sqlite3_stmt_busy(r->st[i]))
			sqlite3_reset(r->st[i]);
	if (!sqlite3_get_autocommit(r->db))
		run(r->st[R_END]);
}

static void read_thread(void *arg)
{
	struct reader *r = arg;
	struct store *s = r->store;
	struct store_query *q;

	pthread_setname_np(pthread_self(), r == &s->readers[STORE_QUEUE] ? "reader-queue" : "reader-api");
	uv_mutex_lock(&s->mutex);
	for (;;) {
		while (!r->head && !s->stop)
			uv_cond_wait(&r->work, &s->mutex);
		q = r->head;
		if (!q)
			break;
		r->head = q->next;
		uv_mutex_unlock(&s->mutex);
		answer(r, q);
		uv_mutex_lock(&s->mutex);
		q->next = NULL;
		if (s->read_tail)
			s->read_tail->next = q;
		else
			s->read_head = q;
		s->read_tail = q;
		uv_async_send(&s->async);
	}
	uv_mutex_unlock(&s->mutex);
	db_close_reader(r);
	waiting_free(r);
	store_thread_ended(s);
}

void store_read(struct store *s, enum store_reader reader, struct store_query *q)
{
	struct reader *r = &s->readers[reader];

	q->next = NULL;
	if (!s->n_pending++)
		uv_ref((uv_handle_t *)&s->async);
	uv_mutex_lock(&s->mutex);
	if (r->head)
		r->tail->next = q;
	else
		r->head = q;
	r->tail = q;
	uv_cond_signal(&r->work);
	uv_mutex_unlock(&s->mutex);
}

void store_query_done(struct store_query *q)
{
	switch ((enum store_query_kind)q->kind) {
	case Q_BACKLOG:
	case Q_DUE:
	case Q_LEASES:
	case Q_FRESH:
	case Q_EXPIRED:
	case Q_LOAD: free_load((struct q_load *)q); break;
	case Q_EVENTS: free_events((struct q_events *)q); break;
	case Q_INBOUND_SET: free_inbound_set((struct q_inbound_set *)q); break;
	case Q_INBOUND_DUE: break;
	case Q_TOTALS: free_totals((struct q_totals *)q); break;
	case Q_LANE_COUNT:
	case Q_MESSAGE:
	case Q_LIST:
	case Q_STREAM:
	case Q_WEBHOOKS:
	case Q_INBOUND:
	case Q_PARKED:
	case Q_TAGGED:
	case Q_INDEX: free_view(q); break;
	case Q_N: break;
	}
}

/* ---- loop thread ----------------------------------------------------------------------------------------- */

static void on_idle(uv_idle_t *h)
{
}

void store_stage(struct store *s, enum store_list list, struct store_op *op)
{
	op->list = list;
	op_list_add(&s->staged[list], op);
	s->pending[list]++;
	if (!s->n_pending++)
		uv_ref((uv_handle_t *)&s->async);
	if (!s->any_staged) {
		/* A prepare handle that runs after ours may have staged it: the loop must not sleep before the next
		 * turn. */
		s->any_staged = true;
		uv_idle_start(&s->idle, on_idle);
	}
}

uint64_t store_turn(const struct store *s)
{
	return s->turn;
}

size_t store_pending(const struct store *s, enum store_list list)
{
	return s->pending[list];
}

static void hand_over(struct store *s)
{
	if (!s->any_staged)
		return;
	s->any_staged = false;
	s->turn++;
	uv_idle_stop(&s->idle);
	uv_mutex_lock(&s->mutex);
	for (int i = 0; i < STORE_LISTS; i++)
		op_list_splice(&s->inbox[i], &s->staged[i]);
	uv_cond_signal(&s->work);
	uv_mutex_unlock(&s->mutex);
}

static void on_prepare(uv_prepare_t *h)
{
	hand_over(h->data);
}

static void finish_ops(struct store *s, struct store_op *op)
{
	struct store_op *next;

	for (; op; op = next) {
		next = op->next; /* done() may free it */
		s->pending[op->list]--;
		s->n_pending--;
		if (op->done)
			op->done(op);
	}
}

static void finish_queries(struct store *s, struct store_query *q)
{
	struct store_query *next;

	for (; q; q = next) {
		next = q->next;
		s->n_pending--;
		if (q->done)
			q->done(q);
	}
}

static void on_handle_closed(uv_handle_t *h)
{
	struct store *s = h->data;
	void (*closed)(void *arg) = s->closed;
	void *arg = s->closed_arg;

	if (--s->n_handles)
		return;
	uv_cond_destroy(&s->work);
	uv_cond_destroy(&s->readers[0].work);
	uv_cond_destroy(&s->readers[1].work);
	uv_cond_destroy(&s->checkpoint.work);
	uv_cond_destroy(&s->checkpoint.done);
	uv_mutex_destroy(&s->mutex);
	db_unlock(s);
	free(s->out_wakes.items);
	free(s->path);
	free(s->vfs);
	free(s);
	if (closed)
		closed(arg);
}

static void close_handles(struct store *s)
{
	uv_close((uv_handle_t *)&s->prepare, on_handle_closed);
	uv_close((uv_handle_t *)&s->idle, on_handle_closed);
	uv_close((uv_handle_t *)&s->async, on_handle_closed);
}

/* Closing goes in two steps, each of them when nothing is left for it to wait for. */
static void go_on_closing(struct store *s)
{
	unsigned n_threads;

	if (!s->closing || s->n_pending)
		return;
	uv_mutex_lock(&s->mutex);
	s->stop = true;
	n_threads = s->n_threads;
	uv_cond_signal(&s->work);
	uv_cond_signal(&s->readers[0].work);
	uv_cond_signal(&s->readers[1].work);
	uv_cond_signal(&s->checkpoint.work);
	uv_mutex_unlock(&s->mutex);
	if (n_threads || s->stopping)
		return;
	s->stopping = true;
	uv_thread_join(&s->writer_thread);
	uv_thread_join(&s->readers[0].thread);
	uv_thread_join(&s->readers[1].thread);
	uv_thread_join(&s->checkpoint.thread);
	close_handles(s);
}

static void on_async(uv_async_t *h)
{
	struct store *s = h->data;
	struct wakes wakes;
	struct store_op *ops;
	struct store_query *queries;

	uv_mutex_lock(&s->mutex);
	ops = s->outbox.head;
	s->outbox = (struct op_list){0};
	queries = s->read_head;
	s->read_head = s->read_tail = NULL;
	wakes = s->out_wakes;
	s->out_wakes = (struct wakes){0};
	uv_mutex_unlock(&s->mutex);

	for (size_t i = 0; s->on_events && i < wakes.n; i++)
		s->on_events(s->arg, wakes.items[i].endpoint, wakes.items[i].shard);
	free(wakes.items);
	finish_ops(s, ops);
	finish_queries(s, queries);
	if (!s->n_pending && !s->closing)
		uv_unref((uv_handle_t *)&s->async);
	go_on_closing(s);
}

void store_close(struct store *s, void (*closed)(void *arg), void *arg)
{
	s->closed = closed;
	s->closed_arg = arg;
	s->closing = true;
	atomic_store(&s->last_try, true);
	uv_ref((uv_handle_t *)&s->async);
	uv_async_send(&s->async);
}

/* ---- opening --------------------------------------------------------------------------------------------- */

static int open_readers(struct store *s, const struct store_boot *boot, char *err, size_t n_err)
{
	for (int i = 0; i < 2; i++) {
		struct reader *r = &s->readers[i];
		int rc;

		r->store = s;
		r->fresh_from = boot->low_water;
		r->fresh_upto = boot->next_id;
		rc = db_open_reader(s, &r->db);
		if (rc == SQLITE_OK)
			rc = db_prepare_reader(r);
		if (rc != SQLITE_OK) {
			snprintf(err, n_err, "%s: %s%s", s->path, db_text(r->db, rc), db_mend(rc));
			return db_errno(rc);
		}
	}
	return 0;
}

static int open_checkpoint(struct store *s, char *err, size_t n_err)
{
	int rc = checkpoint_open(s);

	if (rc != SQLITE_OK)
		snprintf(err, n_err, "%s: %s%s", s->path, sqlite3_errstr(rc), db_mend(rc));
	return db_errno(rc);
}

static void start_another(struct store *s, int r)
{
	/* No memory for a thread at start: the process ends anyway, and with it the threads. */
	if (r < 0)
		oom_end("a thread that works on the database");
	uv_mutex_lock(&s->mutex);
	s->n_threads++;
	uv_mutex_unlock(&s->mutex);
}

static int start_threads(struct store *s)
{
	look_at_disk(s, &(uint64_t){ 0 }); /* free_octets is asked for before the writer's first look */
	if (uv_thread_create(&s->writer_thread, write_thread, s) < 0)
		return -EAGAIN;
	s->n_threads++;
	for (int i = 0; i < 2; i++)
		start_another(s, uv_thread_create(&s->readers[i].thread, read_thread, &s->readers[i]));
	start_another(s, checkpoint_start(s));
	return 0;
}

static void start_handles(struct store *s)
{
	uv_prepare_init(s->loop, &s->prepare);
	uv_idle_init(s->loop, &s->idle);
	if (uv_async_init(s->loop, &s->async, on_async) < 0)
		oom_end("the handle that wakes the loop");
	s->prepare.data = s->idle.data = s->async.data = s;
	s->n_handles = 3;
	uv_prepare_start(&s->prepare, on_prepare);
	uv_unref((uv_handle_t *)&s->prepare);
	uv_unref((uv_handle_t *)&s->idle);
	uv_unref((uv_handle_t *)&s->async);
}

static struct store *store_alloc(uv_loop_t *loop, const struct store_conf *c)
{
	struct store *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->loop = loop;
	s->path = strdup(c->path);
	s->vfs = c->vfs ? strdup(c->vfs) : NULL;
	s->no_sync = c->unsafe_no_sync;
	s->shards = c->shards ? c->shards : 1;
	s->max_inbound_sets = c->max_inbound_sets ? c->max_inbound_sets : INBOUND_SETS_MAX;
	s->idem_bits = c->idem_bits;
	s->idem_filter_octets = c->idem_filter_octets ? c->idem_filter_octets : IDEM_FILTER_OCTETS;
	s->node = c->node;
	s->on_events = c->on_events;
	s->arg = c->arg;
	s->lock_fd = -1;
	s->writer.store = s;
	s->writer.shards = s->shards;
	s->writer.node = s->node;
	uv_mutex_init(&s->mutex);
	uv_cond_init(&s->work);
	uv_cond_init(&s->readers[0].work);
	uv_cond_init(&s->readers[1].work);
	uv_cond_init(&s->checkpoint.work);
	uv_cond_init(&s->checkpoint.done);
	return s;
}

int store_open(uv_loop_t *loop, const struct store_conf *c, struct store **ret, struct store_boot *ret_boot, char *err,
	size_t n_err)
{
	struct store *s = store_alloc(loop, c);
	int64_t written_ms;
	int r;

	/* Nobody reads SQLite's memory statistics, and each malloc() would take a global mutex for them.  Refused, and
	 * harmless, when SQLite is in use already. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	*ret_boot = (struct store_boot){0};
	if (!s || !s->path || (c->vfs && !s->vfs)) {
		snprintf(err, n_err, "out of memory");
		r = -ENOMEM;
		goto failed;
	}
	r = db_lock(s, err, n_err);
	written_ms = db_written_ms(s);
	if (!r)
		r = db_open_writer(s, ret_boot, err, n_err);
	if (!r)
		r = open_readers(s, ret_boot, err, n_err);
	if (!r)
		r = open_checkpoint(s, err, n_err);
	if (r)
		goto failed;
	r = start_threads(s);
	if (r) {
		snprintf(err, n_err, "%s: no memory for a thread, or too many threads: %s", s->path, strerror(-r));
		goto failed;
	}
	start_handles(s);
	ret_boot->written_ms = written_ms;
	*ret = s;
	return 0;

failed:
	if (s) {
		db_close_reader(&s->readers[0]);
		db_close_reader(&s->readers[1]);
		sqlite3_close(s->checkpoint.db);
		/* It closes last: what was refused is left as it was. */
		store_file_keep_log(s->writer.db, s->path ? s->path : "");
		db_close_writer(&s->writer);
		db_unlock(s);
		free(s->path);
		free(s->vfs);
		free(s);
	}
	return r;
}

/* ---- figures --------------------------------------------------------------------------------------------- */

static uint32_t latency_at(const uint32_t *n, uint64_t total, unsigned percent)
{
	uint64_t sum = 0, want = (total * percent + 99) / 100;

	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		sum += n[i];
		if (sum && sum >= want) /* the upper end of bucket i */
			return i ? (uint32_t)((((i - 1) % 4) + 5) << ((i - 1) / 4)) : 4;
	}
	return 0;
}

void store_disk(struct store *s, uint64_t *ret_free_octets, int *ret_last_error)
{
	*ret_free_octets = atomic_load_explicit(&s->free_octets, memory_order_relaxed);
	*ret_last_error = atomic_load_explicit(&s->last_error, memory_order_relaxed);
}

void store_stats(struct store *s, struct store_stats *ret)
{
	uint32_t n[LATENCY_BUCKETS];
	uint64_t total = 0;

	for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
		total += n[i] = atomic_load_explicit(&s->latency[i], memory_order_relaxed);
	*ret = (struct store_stats){
		.commits = s->commits,
		.parked = s->parked,
		.parked_expired = s->parked_expired,
		.parked_dropped = s->parked_dropped,
		.rows = s->rows,
		.busy_us = s->busy_us,
		.wal_octets = s->wal_octets,
		.db_octets = s->db_octets,
		.free_octets = s->free_octets,
		.commit_us_p50 = latency_at(n, total, 50),
		.commit_us_p99 = latency_at(n, total, 99),
		.inbound_open = (uint32_t)s->inbound_open,
		.last_error = s->last_error,
		.damage = store_damage(s),
	};
}
