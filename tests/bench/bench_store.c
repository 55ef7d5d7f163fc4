/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_store.c -- how many whole life cycles a second the store takes: accept with lease, submit, final with event.
 *
 *     bench_store [--json] [--messages N] [--seconds S] [--batch N] [--keys | --refs] [--rows N] [--backlog]
 *                 [--dir FOLDER]
 *     bench_store --fill FILE --rows N [--keys]
 *     bench_store --in FILE [--keys | --refs] [--messages N]
 *
 * Each stage of a group is staged when the stage before it is on disk, with several groups under way, so a commit mixes
 * all three kinds as it does in service.  --rows: so many final messages are there before, their look-up runs built and
 * the low-water mark moved behind them, as they are in a database that was in service; their events were told.  --keys:
 * each message has a ref and a tag, and is an operation of its own with an idempotency key.  --refs: the same without
 * the key.  --backlog: then as many messages go to backlog, and the scan of a restart and the way back from backlog are
 * timed.
 *
 * What is put there before goes through the same housekeeping as in service, so that nothing of it is left to be done.
 *
 * --fill puts --rows final messages into the database of a gateway that does not run, through the same calls.  --in
 * measures in such a database, and leaves it there.
 */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "queue/store.h"

#define GROUPS 4

/* What a message has with --keys: an operation of its own, and these. */
struct keyed {
	struct op_accept accept;
	struct store_idem idem;
	char ref[24], tag[24], answer[64];
};

struct group {
	struct op_accept accept;
	struct keyed *keyed;
	struct store_accept *items;
	struct message *messages;
	struct op_submit *submits;
	struct op_final *finals;
	unsigned n, n_done;
};

static struct store *store;
static uint64_t next_id, block_end, n_wanted, n_begun, n_ended, n_failed;
static int64_t end_us; /* no group begins after it; 0: all are wanted */
static unsigned per_commit = 1000;
static bool backlog, filling;
static char text[160];

static struct {
	uint64_t messages, rows[8];
	unsigned n_rows, seconds;
	const char *dir, *fill, *in;
	bool json, keys, refs, backlog;
} opt = { .messages = 500000, .dir = "." };

static void begin(struct group *g);

static void on_end(struct store_op *op)
{
	struct group *g = op->arg;

	n_failed += op->r != 0;
	if (++g->n_done < g->n)
		return;
	n_ended += g->n;
	begin(g);
}

static void on_submitted(struct store_op *op)
{
	struct group *g = op->arg;

	n_failed += op->r != 0;
	if (++g->n_done < g->n)
		return;
	g->n_done = 0;
	for (unsigned i = 0; i < g->n; i++) {
		g->finals[i] = (struct op_final){
			.op = {.kind = OP_FINAL, .rows = 1, .done = on_end, .arg = g},
			.msg = g->submits[i].msg,
			.part = 1,
			.at = clock_ms(),
			.state = STATE_DELIVERED,
			.reason = REASON_RECEIPT,
			.error = "DELIVRD:000",
		};
		store_stage(store, STORE_SETTLE, &g->finals[i].op);
	}
}

static void on_accepted(struct store_op *op)
{
	struct group *g = op->arg;

	n_failed += op->r != 0;
	if (opt.keys && ++g->n_done < g->n)
		return;
	if (backlog) {
		n_ended += g->n;
		begin(g);
		return;
	}
	g->n_done = 0;
	for (unsigned i = 0; i < g->n; i++) {
		struct op_submit *s = &g->submits[i];

		*s = (struct op_submit){
			.op = {.kind = OP_SUBMIT, .rows = 1, .done = on_submitted, .arg = g},
			.msg = {.id = g->messages[i].id, .endpoint = filling ? 0 : 1, .report = REPORT_FINAL, .n_parts = 1},
			.part = 1,
			.at = clock_ms(),
			.link = 1,
			.hash = g->messages[i].id,
			.to = g->messages[i].to,
			.last = true,
		};
		snprintf(s->smsc_id, sizeof s->smsc_id, "%016llx", (unsigned long long)s->msg.id);
		store_stage(store, STORE_SETTLE, &s->op);
	}
}

static void on_reserved(struct store_op *op)
{
	struct op_reserve *o = (struct op_reserve *)op;
	struct group *g = op->arg;

	next_id = o->ret_from;
	block_end = next_id + 65536;
	free(o);
	begin(g);
}

/* Octets as a digest has them: nothing about their order helps an index. */
static void put_hash(uint8_t dst[static 16], uint64_t n)
{
	for (int i = 0; i < 2; i++) {
		uint64_t x = n * 2 + (uint64_t)i + 0x9e3779b97f4a7c15u;

		x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
		x = (x ^ x >> 27) * 0x94d049bb133111ebu;
		x ^= x >> 31;
		memcpy(dst + 8 * i, &x, 8);
	}
}

static void stage_keyed(struct group *g)
{
	for (unsigned i = 0; i < g->n; i++) {
		struct keyed *k = &g->keyed[i];
		struct message *m = &g->messages[i];

		m->n_ref = (uint8_t)snprintf(k->ref, sizeof k->ref, "order-%010llu", (unsigned long long)m->id);
		m->n_tag = (uint8_t)snprintf(k->tag, sizeof k->tag, "day-%02u", (unsigned)(m->id % 100));
		m->ref = k->ref;
		m->tag = k->tag;
		snprintf(k->answer, sizeof k->answer,
			"{\"id\":\"%llu\",\"state\":\"queued\",\"parts\":1,\"encoding\":\"gsm7\"}",
			(unsigned long long)m->id);
		k->idem = (struct store_idem){ .client = 1, .answer = k->answer };
		put_hash(k->idem.khash, m->id);
		put_hash(k->idem.bhash, ~m->id);
		k->accept = (struct op_accept){
			.op = {.kind = OP_ACCEPT, .rows = 1, .done = on_accepted, .arg = g},
			.items = &g->items[i],
			.n_items = 1,
			.idem = opt.refs ? NULL : &k->idem,
		};
		store_stage(store, STORE_BULK, &k->accept.op);
	}
}

static void begin(struct group *g)
{
	if (n_begun >= n_wanted || (end_us && clock_mono_us() >= end_us))
		return;
	if (next_id + per_commit > block_end) {
		struct op_reserve *o = calloc(1, sizeof *o);

		o->op = (struct store_op){.kind = OP_RESERVE, .rows = 1, .done = on_reserved, .arg = g};
		store_stage(store, STORE_SETTLE, &o->op);
		return;
	}
	g->n = per_commit;
	n_begun += g->n;
	for (unsigned i = 0; i < g->n; i++) {
		g->messages[i] = (struct message){
			.id = next_id++,
			.created_ms = clock_ms(),
			.ttl_end_ms = clock_ms() + 86400000,
			.to = 12025550000 + i,
			.client = 1,
			.route = 1,
			.class = CLASS_SERVICE,
			.n_parts = 1,
			.n_from = 4,
			.from = "SHOP",
			.text = text,
			.n_text = sizeof text,
		};
		g->items[i] = (struct store_accept){
			.m = &g->messages[i],
			.place = backlog ? PLACE_BACKLOG : PLACE_MEMORY,
			.lane = 1,
			.seq = g->messages[i].id,
			.leased = !backlog,
			.link = 1,
		};
	}
	g->n_done = 0;
	if (opt.keys) {
		stage_keyed(g);
		return;
	}
	g->accept = (struct op_accept){
		.op = {.kind = OP_ACCEPT, .rows = g->n, .done = on_accepted, .arg = g},
		.items = g->items,
		.n_items = g->n,
	};
	store_stage(store, STORE_BULK, &g->accept.op);
}

static struct store_boot open_store(const char *path)
{
	struct store_boot boot;
	char err[200];

	if (store_open(uv_default_loop(), &(struct store_conf){.path = path, .shards = 4}, &store, &boot, err,
			sizeof err) < 0) {
		fprintf(stderr, "%s\n", err);
		exit(1);
	}
	next_id = boot.next_id;
	block_end = next_id + 65536;
	return boot;
}

static double thread_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Octets that this process gave to the disk. */
static uint64_t written(void)
{
	unsigned long long n = 0;
	char line[100];
	FILE *f = fopen("/proc/self/io", "r");

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "write_bytes: %llu", &n) == 1)
			break;
	if (f)
		fclose(f);
	return n;
}

static void make_groups(void)
{
	static struct group groups[GROUPS];

	for (int i = 0; i < GROUPS; i++) {
		struct group *g = &groups[i];

		if (!g->items) {
			g->items = calloc(per_commit, sizeof *g->items);
			g->messages = calloc(per_commit, sizeof *g->messages);
			g->submits = calloc(per_commit, sizeof *g->submits);
			g->finals = calloc(per_commit, sizeof *g->finals);
			g->keyed = calloc(opt.keys ? per_commit : 1, sizeof *g->keyed);
			if (!g->items || !g->messages || !g->submits || !g->finals || !g->keyed)
				abort();
		}
		begin(g);
	}
}

static void run(const char *what, uint64_t n)
{
	struct store_stats st, st0;
	int64_t from = clock_mono_us();
	clock_t cpu = clock();
	double s, cpu_s, loop_s = thread_s(), disk = (double)written();

	store_stats(store, &st0);
	n_wanted = n;
	end_us = opt.seconds && !filling && !backlog ? from + opt.seconds * 1000000ll : 0;
	n_begun = n_ended = 0;
	make_groups();
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
	s = (double)(clock_mono_us() - from) / 1e6;
	cpu_s = (double)(clock() - cpu) / CLOCKS_PER_SEC;
	loop_s = thread_s() - loop_s;
	disk = ((double)written() - disk) / (double)n_ended;
	store_stats(store, &st);
	if (filling)
		return;
	if (opt.json)
		printf("{\"name\":\"%s\",\"per_s\":%.0f,\"loop_us\":%.3f,\"writer_us\":%.3f,\"octets\":%.0f,"
		       "\"commits\":%llu,\"commit_p50_us\":%u,\"commit_p99_us\":%u,\"failed\":%llu}\n",
			what, (double)n_ended / s, loop_s * 1e6 / (double)n_ended,
			(cpu_s - loop_s) * 1e6 / (double)n_ended, disk, (unsigned long long)(st.commits - st0.commits),
			st.commit_us_p50, st.commit_us_p99, (unsigned long long)n_failed);
	else
		printf("%-12s %9llu messages  %8.0f /s  (%.2f s, CPU of loop %.2f s, of writer %.2f s, %.0f octets a "
		       "message written, %llu commits, p50 %u us, p99 %u us, failed %llu)\n",
			what, (unsigned long long)n_ended, (double)n_ended / s, s, loop_s, cpu_s - loop_s, disk,
			(unsigned long long)(st.commits - st0.commits), st.commit_us_p50, st.commit_us_p99,
			(unsigned long long)n_failed);
	fflush(stdout);
}

static void told(const char *what, const char *how, uint64_t n, int64_t from)
{
	double s = (double)(clock_mono_us() - from) / 1e6;

	if (opt.json)
		printf("{\"name\":\"%s\",\"rows\":%llu,\"s\":%.4f}\n", what, (unsigned long long)n, s);
	else
		printf("%-12s %9llu %s in %.3f s\n", what, (unsigned long long)n, how, s);
	fflush(stdout);
}

static uint64_t n_unresolved;

static void on_fresh(struct store_query *query)
{
	struct q_load *q = (struct q_load *)query;
	bool more = q->more;

	n_unresolved += q->n_rows;
	n_failed += q->q.r != 0;
	store_query_done(query);
	q->from_id = q->next_id;
	if (more)
		store_read(store, STORE_QUEUE, query);
}

static void scan(const char *what, const struct store_boot *boot)
{
	struct q_load q = {
		.q = {.kind = Q_FRESH, .done = on_fresh},
		.from_id = boot->low_water,
		.upto_id = boot->next_id,
		.limit = 1000,
	};
	int64_t from = clock_mono_us();

	n_unresolved = 0;
	store_read(store, STORE_QUEUE, &q.q);
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
	told(what, "unresolved", n_unresolved, from);
}

static void on_page(struct store_query *query)
{
	struct q_load *q = (struct q_load *)query;
	bool more = q->more;

	n_unresolved += q->n_rows;
	n_failed += q->q.r != 0;
	store_query_done(query);
	q->after_seq = q->last_seq;
	if (more)
		store_read(store, STORE_QUEUE, query);
}

static void read_lane(void)
{
	struct q_load q = {.q = {.kind = Q_BACKLOG, .done = on_page}, .lane = 1, .limit = 1000};
	int64_t from = clock_mono_us();

	n_unresolved = 0;
	store_read(store, STORE_QUEUE, &q.q);
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
	told("read back", "read back", n_unresolved, from);
}

static void close_store(void)
{
	store_close(store, NULL, NULL);
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

/* ---- a database that was in service -------------------------------------------------------------------------- */

static struct q_index run_query;
static struct op_lookup run_op;
static struct op_meta mark;

static void on_run_written(struct store_op *op)
{
	n_failed += op->r != 0;
	store_query_done(&run_query.q);
	run_query.run++;
	store_read(store, STORE_QUEUE, &run_query.q);
}

/* As the gateway does it behind the hot path: every run that is complete. */
static void on_run(struct store_query *query)
{
	n_failed += query->r != 0;
	if (!run_query.ret_indexed_to) {
		store_query_done(query);
		return;
	}
	run_op = (struct op_lookup){
		.op = {.kind = OP_LOOKUP, .rows = 1000, .done = on_run_written},
		.run = run_query.run,
		.rows = run_query.rows,
		.n_rows = run_query.n_rows,
		.indexed_to = run_query.ret_indexed_to,
	};
	store_stage(store, STORE_BULK, &run_op.op);
}

#define COUNTER(id) ((id) & ((1ull << 49) - 1))
#define PURGE_STEP 1000
#define PURGE_EACH 100000

static struct op_purge purge;

static void on_purged(struct store_op *op)
{
	n_failed += op->r != 0;
	if (purge.ret_n >= PURGE_STEP)
		store_stage(store, STORE_BULK, &purge.op);
}

/* As the gateway does it each minute: what runs of keys were merged from goes.  Nothing else is old. */
static void tidy_up(void)
{
	purge = (struct op_purge){.op = {.kind = OP_PURGE, .rows = 1, .done = on_purged}, .limit = PURGE_STEP};
	store_stage(store, STORE_BULK, &purge.op);
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

static void fill(uint64_t rows, struct store_boot *boot)
{
	filling = true;
	for (uint64_t n; rows; rows -= n) {
		n = rows < PURGE_EACH ? rows : PURGE_EACH;
		run("fill", n);
		tidy_up();
	}
	run_query = (struct q_index){
		.q = {.kind = Q_INDEX, .done = on_run},
		.run = (uint32_t)(COUNTER(boot->indexed_to) >> 16),
		.below_id = next_id,
	};
	store_read(store, STORE_QUEUE, &run_query.q);
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
	mark = (struct op_meta){.op = {.kind = OP_META, .rows = 1}, .low_water = next_id};
	store_stage(store, STORE_SETTLE, &mark.op);
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
	boot->indexed_to = (boot->indexed_to & ~COUNTER(UINT64_MAX)) | (uint64_t)run_query.run << 16;
	filling = false;
}

/* ---- the run ------------------------------------------------------------------------------------------------- */

static void run_at_sizes(struct store_boot *boot)
{
	uint64_t there = 0;

	for (unsigned i = 0; i < opt.n_rows; i++) {
		char name[60];

		if (opt.rows[i] > there)
			fill(opt.rows[i] - there, boot);
		snprintf(name, sizeof name, "%llu rows", (unsigned long long)opt.rows[i]);
		run(name, opt.messages);
		there = opt.rows[i] + n_ended;
	}
	if (!opt.n_rows)
		run("life cycles", opt.messages);
}

static void measure(const char *path)
{
	static struct op_lane lane = {.op = {.kind = OP_LANE, .rows = 1}, .lane = {.id = 1}};
	struct store_boot boot = open_store(path);

	run_at_sizes(&boot);
	close_store();
	if (!opt.backlog)
		return;
	boot = open_store(path);
	scan("all final", &boot);
	backlog = true;
	store_stage(store, STORE_SETTLE, &lane.op);
	run("to backlog", opt.messages);
	close_store();
	boot = open_store(path);
	scan("in backlog", &boot);
	read_lane();
	close_store();
}

static const struct argp_option options[] = {
	{ "json", 'j', NULL, 0, "one JSON object a line", 0 },
	{ "messages", 'n', "N", 0, "life cycles (500000)", 0 },
	{ "seconds", 's', "S", 0, "begin no life cycles after so long (until all are through)", 0 },
	{ "batch", 'b', "N", 0, "messages of a group (1000); four groups are under way", 0 },
	{ "rows", 'r', "N", 0, "final messages that are there before (0); again: measured at each of these sizes", 0 },
	{ "keys", 'k', NULL, 0, "with ref, tag and idempotency key", 0 },
	{ "refs", 'R', NULL, 0, "with ref and tag, and as operations of their own, but without a key", 0 },
	{ "backlog", 'B', NULL, 0, "also to backlog, restart, and back", 0 },
	{ "dir", 'd', "FOLDER", 0, "where the database is made (.)", 0 },
	{ "fill", 'f', "FILE", 0, "only put --rows messages into that database", 0 },
	{ "in", 'i', "FILE", 0, "measure in that database", 0 },
	{ 0 },
};

static error_t option(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'j': opt.json = true; return 0;
	case 'n': opt.messages = strtoull(arg, NULL, 10); return 0;
	case 's': opt.seconds = (unsigned)strtoul(arg, NULL, 10); return 0;
	case 'b': per_commit = (unsigned)strtoul(arg, NULL, 10); return 0;
	case 'r':
		if (opt.n_rows == 8)
			argp_error(state, "at most 8 times --rows");
		opt.rows[opt.n_rows++] = strtoull(arg, NULL, 10);
		return 0;
	case 'k': opt.keys = true; return 0;
	case 'R': opt.keys = opt.refs = true; return 0;
	case 'B': opt.backlog = true; return 0;
	case 'd': opt.dir = arg; return 0;
	case 'f': opt.fill = arg; return 0;
	case 'i': opt.in = arg; return 0;
	case ARGP_KEY_END:
		if (!per_commit || per_commit > 5000 || !opt.messages || (opt.fill && !opt.rows[0]))
			argp_error(state, "a batch of 1 to 5000, some messages, and rows to fill with");
		return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
	const struct argp argp = { options, option, NULL, "The store alone.", NULL, NULL, NULL };
	struct store_boot boot;
	char path[500], file[520];

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	memset(text, 'x', sizeof text);
	if (opt.fill) {
		boot = open_store(opt.fill);
		fill(opt.rows[0], &boot);
		close_store();
		return n_failed != 0;
	}
	if (opt.in) {
		measure(opt.in);
		return n_failed != 0;
	}
	snprintf(path, sizeof path, "%s/bench_store.%d", opt.dir, (int)getpid());
	measure(path);
	for (int i = 0; i < 4; i++) {
		snprintf(file, sizeof file, "%s%s", path, ends[i]);
		unlink(file);
	}
	return n_failed != 0;
}
