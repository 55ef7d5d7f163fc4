/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_world.c -- see queue_world.h.
 *
 * Refusing keeps the store's order: a deletion of nothing takes the place of the refused operation in its
 * list, and when its turn has come the other one is told -ENOSPC.  Answers kept back are given in the order
 * they were read, as the store gives them.
 */
#include "queue_world.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "queue/queue_impl.h"

#define TEXT_MAX   1000
#define HELD_MAX   4096
#define CALM_TURNS 4   /* an answer of the store may stage something in the turn after it */
#define PROGRAM_S  240 /* a loop that never ends is ended */

/* ---- the clocks
 * ------------------------------------------------------------------------------------------------- */

static struct {
	bool stopped;
	int64_t at_ms, at_us; /* where they stand */
	int64_t skew_us;
	int64_t set_ms; /* by which the wall clock alone was set */
} clocks;

int64_t __real_clock_ms(void);
int64_t __real_clock_mono_us(void);
int64_t __wrap_clock_ms(void);
int64_t __wrap_clock_mono_us(void);
int64_t __wrap_clock_mono_ms(void);

int64_t __wrap_clock_ms(void)
{
	return (clocks.stopped ? clocks.at_ms : __real_clock_ms()) + clocks.skew_us / 1000 + clocks.set_ms;
}

int64_t __wrap_clock_mono_us(void)
{
	return (clocks.stopped ? clocks.at_us : __real_clock_mono_us()) + clocks.skew_us;
}

int64_t __wrap_clock_mono_ms(void)
{
	return __wrap_clock_mono_us() / 1000;
}

void world_stop_clock(void)
{
	clocks.at_ms = __real_clock_ms();
	clocks.at_us = __real_clock_mono_us();
	clocks.stopped = true;
}

void world_begin_minute(void)
{
	clocks.skew_us += (60000 - clock_ms() % 60000) * 1000;
}

void world_set_clock(int64_t ms)
{
	clocks.set_ms += ms;
}

void world_pass(struct world *w, int64_t ms)
{
	clocks.skew_us += ms * 1000;
	dispatch_dirty(w->queue);
	world_quiet(w);
}

void world_stop_seconds(struct world *w)
{
	uv_timer_stop(&w->queue->second);
}

void world_seconds(struct world *w, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		clocks.skew_us += 1000000;
		sweep_second(&w->queue->second);
		world_quiet(w);
	}
}

/* ---- the store's gate
 * --------------------------------------------------------------------------------------------- */

struct held_op {
	enum store_list list;
	struct store_op *op;
};

struct query {
	struct store_query *q;
	void (*done)(struct store_query *q);
};

static struct {
	enum store_op_kind refuse;
	unsigned n_refuse;
	uint32_t hold_ops, hold_answers; /* bit: kind */
	uint32_t lists_held; /* bit: list; one of its operations is kept back, and so all behind it */
	struct held_op ops[HELD_MAX];
	struct query asked[HELD_MAX], answers[HELD_MAX];
	unsigned n_ops, n_asked, n_answers;
	uint32_t sent_max;
	unsigned n_no_marks;
	bool no_lanes, disk_set;
	uint64_t free_octets;
	int disk_error;
} gate;

void __real_store_stage(struct store *s, enum store_list list, struct store_op *op);
void __wrap_store_stage(struct store *s, enum store_list list, struct store_op *op);
void __real_store_read(struct store *s, enum store_reader reader, struct store_query *q);
void __wrap_store_read(struct store *s, enum store_reader reader, struct store_query *q);
struct sent *__real_sent_new(void (*spill)(void *arg, const struct sent_entry *e), void *arg);
struct sent *__wrap_sent_new(void (*spill)(void *arg, const struct sent_entry *e), void *arg);
int __real_fresh_set(struct fresh *f, uint64_t id);
int __wrap_fresh_set(struct fresh *f, uint64_t id);

struct stand_in {
	struct op_backlog_delete del;
	struct store_op *refused;
};

static void stand_in_done(struct store_op *op)
{
	struct store_op *refused = ((struct stand_in *)op)->refused;

	free(op);
	refused->r = -ENOSPC;
	refused->done(refused);
}

static void refuse(struct store *s, enum store_list list, struct store_op *op)
{
	struct stand_in *x = calloc(1, sizeof(*x));

	x->del.op.kind = OP_BACKLOG_DELETE;
	x->del.op.rows = 1;
	x->del.op.done = stand_in_done;
	x->refused = op;
	__real_store_stage(s, list, &x->del.op);
}

void __wrap_store_stage(struct store *s, enum store_list list, struct store_op *op)
{
	/* A row that is found by a lane or has a name is not on disk before those. */
	assert_int_equal(list == STORE_FIRST, op->kind == OP_LANE || op->kind == OP_NAME);
	if (gate.n_refuse && op->kind == gate.refuse) {
		gate.n_refuse--;
		refuse(s, list, op);
	} else if (gate.hold_ops >> op->kind & 1 || gate.lists_held >> list & 1) {
		assert_true(gate.n_ops < HELD_MAX);
		gate.lists_held |= 1u << list;
		gate.ops[gate.n_ops++] = (struct held_op){list, op};
	} else {
		__real_store_stage(s, list, op);
	}
}

static void answered(struct store_query *q)
{
	struct query a = {0};

	for (unsigned i = 0; i < gate.n_asked; i++)
		if (gate.asked[i].q == q) {
			a = gate.asked[i];
			gate.asked[i] = gate.asked[--gate.n_asked];
			break;
		}
	assert_non_null(a.q);
	q->done = a.done;
	if (gate.hold_answers >> q->kind & 1) {
		assert_true(gate.n_answers < HELD_MAX);
		gate.answers[gate.n_answers++] = a;
	} else {
		q->done(q);
	}
}

void __wrap_store_read(struct store *s, enum store_reader reader, struct store_query *q)
{
	assert_true(gate.n_asked < HELD_MAX);
	gate.asked[gate.n_asked++] = (struct query){q, q->done};
	q->done = answered;
	__real_store_read(s, reader, q);
}

struct sent *__wrap_sent_new(void (*spill)(void *arg, const struct sent_entry *e), void *arg)
{
	const struct sent_bounds b = {gate.sent_max, 1u << 31};

	return gate.sent_max ? sent_new_within(&b, spill, arg) : __real_sent_new(spill, arg);
}

int __wrap_fresh_set(struct fresh *f, uint64_t id)
{
	if (!gate.n_no_marks)
		return __real_fresh_set(f, id);
	gate.n_no_marks--;
	return -ENOMEM;
}

void world_no_memory_for_marks(unsigned n)
{
	gate.n_no_marks = n;
}

struct lane *__real_lane_get(struct queue *q, const struct message *m, unsigned skip);
struct lane *__wrap_lane_get(struct queue *q, const struct message *m, unsigned skip);

struct lane *__wrap_lane_get(struct queue *q, const struct message *m, unsigned skip)
{
	return gate.no_lanes ? NULL : __real_lane_get(q, m, skip);
}

void __real_store_disk(struct store *s, uint64_t *ret_free_octets, int *ret_last_error);
void __wrap_store_disk(struct store *s, uint64_t *ret_free_octets, int *ret_last_error);

void __wrap_store_disk(struct store *s, uint64_t *ret_free_octets, int *ret_last_error)
{
	__real_store_disk(s, ret_free_octets, ret_last_error);
	if (gate.disk_set) {
		*ret_free_octets = gate.free_octets;
		*ret_last_error = gate.disk_error;
	}
}

void world_disk(struct world *w, uint64_t free_octets, int last_error)
{
	gate.disk_set = true;
	gate.free_octets = free_octets;
	gate.disk_error = last_error;
	sweep_disk(w->queue);
}

void world_no_lanes(bool none)
{
	gate.no_lanes = none;
}

void world_refuse(enum store_op_kind kind, unsigned n)
{
	gate.refuse = kind;
	gate.n_refuse = n;
}

unsigned world_refusals_left(void)
{
	return gate.n_refuse;
}

void world_hold_op(enum store_op_kind kind)
{
	gate.hold_ops |= 1u << kind;
}

void world_hold_list(enum store_list list)
{
	gate.lists_held |= 1u << list;
}

void world_hold_answer(enum store_query_kind kind)
{
	gate.hold_answers |= 1u << kind;
}

unsigned world_held(void)
{
	return gate.n_ops + gate.n_answers;
}

void world_release_ops(struct world *w)
{
	gate.hold_ops = gate.lists_held = 0;
	for (unsigned i = 0; i < gate.n_ops; i++)
		__wrap_store_stage(w->store, gate.ops[i].list, gate.ops[i].op);
	gate.n_ops = 0;
}

void world_release_answers(struct world *w)
{
	(void)w;
	gate.hold_answers = 0;
	for (unsigned i = 0; i < gate.n_answers; i++)
		gate.answers[i].q->done(gate.answers[i].q);
	gate.n_answers = 0;
}

void world_release(struct world *w)
{
	world_release_ops(w);
	world_release_answers(w);
}

void world_sent_max(uint32_t max)
{
	gate.sent_max = max;
}

/* ---- the loop
 * --------------------------------------------------------------------------------------------------- */

static void turned(uv_timer_t *t)
{
	(void)t;
}

void world_turn(struct world *w)
{
	uv_run(&w->loop, UV_RUN_ONCE);
}

void world_quiet(struct world *w)
{
	unsigned calm = 0;

	while (calm < CALM_TURNS) {
		size_t n = gate.n_asked;

		for (int i = 0; i < STORE_LISTS; i++)
			n += store_pending(w->store, (enum store_list)i);
		world_turn(w);
		calm = n ? 0 : calm + 1;
	}
}

/* ---- up and down
 * -------------------------------------------------------------------------------------------------- */

struct world *world_new(const char *conf)
{
	struct world *w = calloc(1, sizeof(*w));

	memset(&gate, 0, sizeof(gate));
	memset(&clocks, 0, sizeof(clocks));
	w->conf_text = conf;
	strcpy(w->dir, "/tmp/queue_test.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->db, sizeof(w->db), "%s/q.db", w->dir);
	return w;
}

void world_free(struct world *w)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -r %s", w->dir);
	assert_int_equal(system(cmd), 0);
	free(w);
}

static void on_final(void *arg, enum msg_class class, enum msg_state state)
{
	struct world *w = arg;

	(void)class;
	w->final[state]++;
}

static void on_events(void *arg, uint32_t endpoint, unsigned shard)
{
	(void)arg;
	(void)endpoint;
	(void)shard;
}

static int no_inbound(void *arg, struct link *l, const struct link_inbound *m, struct driver_token t)
{
	(void)arg;
	(void)l;
	(void)m;
	(void)t;
	return -ENOSYS;
}

static void no_forget(void *arg, const struct link *l)
{
	(void)arg;
	(void)l;
}

static struct link *link_of(void *arg, const char *name)
{
	struct world *w = arg;

	for (unsigned i = 0; i < w->n_links; i++)
		if (strcmp(link_name(w->link[i]), name) == 0)
			return w->link[i];
	return NULL;
}

static uint32_t route_of(void *arg, const struct message *m)
{
	return router_match(((struct world *)arg)->router, m);
}

void world_up(struct world *w, bool start_links)
{
	struct store_conf sc = {.path = w->db, .shards = 4, .on_events = on_events, .arg = w};
	struct queue_events ev = {.on_final = on_final, .arg = w};
	struct link_sinks sinks = {no_inbound, no_forget, w};
	struct store_boot boot;
	char err[256] = "";

	memset(w->final, 0, sizeof(w->final));
	w->committed = w->failed = 0;
	w->closed = false;
	w->n_links = w->n_fakes = w->n_acks = 0;
	uv_loop_init(&w->loop);
	uv_timer_init(&w->loop, &w->turn);
	uv_timer_start(&w->turn, turned, 1, 1);
	assert_int_equal(conf_load_string(w->conf_text, "test.conf", &w->conf, err, sizeof(err)), 0);
	assert_int_equal(store_open(&w->loop, &sc, &w->store, &boot, err, sizeof(err)), 0);
	w->names = names_new();
	assert_int_equal(names_load(w->names, w->store), 0);
	assert_int_equal(queue_new(&w->loop, w->store, &boot, w->conf, w->names, &ev, &w->queue), 0);
	w->router = router_new(w->names);
	for (size_t i = 0; i < w->conf->n_links; i++) {
		w->link[i] =
			link_new(&w->loop, w->queue, w->names, &sinks, &w->conf->links[i], err, sizeof(err));
		assert_non_null(w->link[i]);
		w->n_links++;
	}
	queue_set_router(w->queue, route_of, w);
	assert_int_equal(router_set(w->router, w->queue, w->conf, link_of, w), 0);
	if (start_links)
		for (unsigned i = 0; i < w->n_links; i++)
			link_start(w->link[i]);
	queue_start(w->queue);
}

static void closed(void *arg)
{
	struct world *w = arg;

	queue_free(w->queue);
	router_free(w->router);
	names_free(w->names);
	for (unsigned i = 0; i < w->n_fakes; i++)
		free(w->fake[i]);
	w->closed = true;
}

static void gone(void *arg)
{
	struct world *w = arg;

	if (--w->left == 0)
		store_close(w->store, closed, w);
}

static void stopped(void *arg)
{
	struct world *w = arg;

	w->left = w->n_links;
	assert_true(w->left > 0);
	for (unsigned i = 0; i < w->n_links; i++)
		link_remove(w->link[i], gone, w);
}

static void stop(struct world *w, int64_t deadline_ms)
{
	assert_int_equal(world_held(), 0);
	clocks.stopped = false;
	uv_close((uv_handle_t *)&w->turn, NULL);
	queue_stop(w->queue, deadline_ms, stopped, w);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_true(w->closed);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	conf_free(w->conf);
}

void world_down(struct world *w)
{
	stop(w, 20000);
}

void world_halt(struct world *w)
{
	stop(w, 0);
}

/* ---- messages
 * ------------------------------------------------------------------------------------------------------ */

struct batch {
	struct queue_batch b;
	struct world *w;
	struct message *m[QUEUE_BATCH_MAX];
	uint64_t ids[QUEUE_BATCH_MAX];
};

static void batch_done(struct queue_batch *b, int r)
{
	struct batch *x = (struct batch *)b;

	if (r == 0)
		x->w->committed += b->n;
	else
		x->w->failed += b->n;
	free(x);
}

int world_try_add(struct world *w, unsigned n, struct message like, uint64_t *ret_first)
{
	struct batch *x = calloc(1, sizeof(*x));
	int r;

	if (!like.client)
		like.client = names_get(w->names, NAME_CLIENT, "shop");
	if (!like.to)
		like.to = 79001234567;
	if (!like.text) {
		like.text = "hello";
		like.n_text = 5;
	}
	like.ref = like.ref ? like.ref : "";
	like.tag = like.tag ? like.tag : "";
	like.from = like.from ? like.from : "";
	if (!like.n_parts)
		like.n_parts = 1;
	if (!like.ttl_end_ms)
		like.ttl_end_ms = clock_ms() + 86400000;
	like.route = route_of(w, &like);
	for (unsigned i = 0; i < n; i++) {
		if (i + 1 == n && w->mixed)
			like.class = CLASS_MARKETING;
		x->m[i] = message_new(&like);
	}
	x->w = w;
	x->b.messages = x->m;
	x->b.ids = x->ids;
	x->b.n = n;
	x->b.done = batch_done;
	r = queue_add(w->queue, &x->b);
	if (ret_first)
		*ret_first = r ? 0 : x->ids[0];
	if (r < 0) { /* they are still ours */
		for (unsigned i = 0; i < n; i++)
			message_free(x->m[i]);
		free(x);
	}
	return r;
}

void world_add(struct world *w, unsigned n, struct message like, uint64_t *ret_first)
{
	assert_int_equal(world_try_add(w, n, like, ret_first), 0);
}

int64_t world_rows(struct world *w, const char *sql)
{
	sqlite3_stmt *st;
	int64_t n;
	sqlite3 *db;

	assert_int_equal(sqlite3_open_v2(w->db, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

void world_add_long(struct world *w, unsigned n_parts, int64_t ttl_end_ms, uint64_t *ret_id)
{
	char text[TEXT_MAX];
	unsigned n = n_parts * 140; /* septets; a part of several holds 153 */

	memset(text, 'a', sizeof(text));
	assert_true(n_parts > 1 && n <= sizeof(text));
	world_add(w, 1,
		(struct message){.class = CLASS_SERVICE,
			.text = text,
			.n_text = n,
			.n_parts = (uint8_t)n_parts,
			.ttl_end_ms = ttl_end_ms},
		ret_id);
}

uint64_t world_waiting(struct world *w)
{
	struct queue_stats s;

	queue_stats(w->queue, &s);
	return s.waiting;
}

bool world_recovering(struct world *w)
{
	struct queue_stats s;

	queue_stats(w->queue, &s);
	return s.recovering;
}

static void state_read(struct store_query *q)
{
	*(bool *)q->arg = true;
}

enum msg_state world_state(struct world *w, uint64_t id, unsigned part)
{
	struct q_message m = {.q = {.kind = Q_MESSAGE, .done = state_read}, .id = id};
	enum msg_state state;
	bool read = false;

	m.q.arg = &read;
	store_read(w->store, STORE_API, &m.q);
	RUN_UNTIL(w, read);
	assert_int_equal(m.q.r, 0);
	assert_true(part <= m.ret.n_parts);
	state = part ? m.ret.parts[part - 1].state : m.ret.state;
	store_query_done(&m.q);
	return state;
}

/* ---- links
 * ----------------------------------------------------------------------------------------------------------
 */

static int fake_submit(struct outlet *o, const struct part *p)
{
	struct fake *f = (struct fake *)o;

	if (f->answer)
		return f->answer;
	assert_true(f->n < sizeof(f->key) / sizeof(f->key[0]));
	f->ref[f->n] = p->ref;
	f->wire = p->wire;
	f->send_at_ms = p->send_at_ms;
	f->key[f->n++] = p->key;
	f->count[p->part]++;
	return 0;
}

static int fake_ask(struct outlet *o, const struct driver_question *d)
{
	struct fake *f = (struct fake *)o;

	if (f->ask_answer)
		return f->ask_answer;
	assert_true(f->n_asked < sizeof(f->asked) / sizeof(f->asked[0]));
	f->asked[f->n_asked++] = d->key;
	snprintf(f->asked_id, sizeof(f->asked_id), "%s", d->smsc_id);
	snprintf(f->asked_from, sizeof(f->asked_from), "%s", d->from);
	return 0;
}

static void fake_idle(struct outlet *o)
{
	(void)o;
}

struct fake *fake_new(struct world *w, const char *name, unsigned window)
{
	static const struct outlet_ops ops = {.submit = fake_submit, .ask = fake_ask, .idle = fake_idle};
	struct fake *f = calloc(1, sizeof(*f));

	f->o.ops = &ops;
	f->o.id = names_get(w->names, NAME_LINK, name);
	f->o.up = true;
	f->o.window = window;
	f->o.reports = true;
	f->o.receipt_form = RECEIPT_ID_TEXT;
	f->o.max_attempts = 50;
	f->o.retry_min_ms = 300;
	f->o.retry_max_ms = 100000;
	f->o.on_uncertain = UNCERTAIN_RESEND;
	f->o.rules.concat = CONCAT_UDH8;
	w->fake[w->n_fakes++] = f;
	return f;
}

void fake_route(struct world *w, struct fake *a, struct fake *b)
{
	struct queue_route r = {.id = names_get(w->names, NAME_ROUTE, "r")};

	r.links[r.n_links++] = &a->o;
	if (b)
		r.links[r.n_links++] = &b->o;
	queue_set_routes(w->queue, &r, 1);
}

void fake_up(struct world *w, struct fake *f, bool up)
{
	f->o.up = up;
	queue_outlet_changed(w->queue, &f->o);
}

static void id_of(uint64_t key, char id[32])
{
	snprintf(id, 32, "%llu", (unsigned long long)key);
}

void fake_end(struct world *w, struct fake *f, uint64_t key, enum outcome outcome)
{
	char id[32];
	struct settle s = {.key = key, .outcome = outcome, .smsc_id = id, .code = 20};

	id_of(key, id);
	queue_settle(w->queue, &f->o, &s);
}

void fake_end_all(struct world *w, struct fake *f, enum outcome outcome)
{
	while (f->n_ended < f->n)
		fake_end(w, f, f->key[f->n_ended++], outcome);
}

void fake_end_late(struct world *w, struct fake *f, uint64_t key)
{
	char id[32];
	struct settle s = {.key = key, .outcome = OUTCOME_SENT, .smsc_id = id, .late = true};

	id_of(key, id);
	queue_settle(w->queue, &f->o, &s);
}

static void acknowledged(void *arg, uint64_t a, uint64_t b, int r)
{
	struct world *w = arg;

	(void)a;
	(void)b;
	w->n_acks++;
	w->ack = r;
}

int fake_receipt(struct world *w, struct fake *f, uint64_t key, enum receipt_state state)
{
	char id[32];
	struct link_receipt r = {.smsc_id = id, .state = state, .stat_raw = "", .err = ""};

	id_of(key, id);
	return queue_receipt(w->queue, &f->o, &r, acknowledged, w, 0, 0);
}

int world_main(const struct CMUnitTest *tests, size_t n, const char *only)
{
	if (only)
		cmocka_set_test_filter(only);
	alarm(PROGRAM_S);
	log_open(getenv("POSTHORN_TEST_LOG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
	return _cmocka_run_group_tests("queue", tests, n, NULL, NULL);
}
