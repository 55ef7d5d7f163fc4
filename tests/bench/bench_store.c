/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_store.c -- how many whole life cycles a second the store takes: accept with lease, submit, final with event.
 *
 *     bench_store [messages [per_commit [directory]]]
 *
 * Each stage of a group is staged when the stage before it is on disk, with several groups under way, so a commit mixes
 * all three kinds as it does in service.  Then the database is opened again and the scan of a restart is timed, once
 * with everything final and once with a million more that wait in backlog.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "queue/store.h"

#define GROUPS 4

struct group {
	struct op_accept accept;
	struct store_accept *items;
	struct message *messages;
	struct op_submit *submits;
	struct op_final *finals;
	unsigned n, n_done;
};

static struct store *store;
static uint64_t next_id, block_end, n_wanted, n_begun, n_ended, n_failed;
static unsigned per_commit = 1000;
static bool backlog;
static char text[160];

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
			.msg = {.id = g->messages[i].id, .endpoint = 1, .report = REPORT_FINAL, .n_parts = 1},
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

static void begin(struct group *g)
{
	if (n_begun >= n_wanted)
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

static void run(const char *what, uint64_t n)
{
	static struct group groups[GROUPS];
	struct store_stats st;
	int64_t from = clock_mono_us();
	clock_t cpu = clock();
	double s;

	n_wanted = n;
	n_begun = n_ended = 0;
	for (int i = 0; i < GROUPS; i++) {
		struct group *g = &groups[i];

		if (!g->items) {
			g->items = calloc(per_commit, sizeof *g->items);
			g->messages = calloc(per_commit, sizeof *g->messages);
			g->submits = calloc(per_commit, sizeof *g->submits);
			g->finals = calloc(per_commit, sizeof *g->finals);
		}
		begin(g);
	}
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
	s = (clock_mono_us() - from) / 1e6;
	store_stats(store, &st);
	printf("%-12s %9llu messages  %8.0f /s  (%.2f s, CPU %.2f s, writer busy %.2f s, %llu commits, p50 %u us, p99 %u us, failed"
	       " %llu)\n",
		what, (unsigned long long)n_ended, n_ended / s, s, (double)(clock() - cpu) / CLOCKS_PER_SEC,
		st.busy_us / 1e6, (unsigned long long)st.commits, st.commit_us_p50, st.commit_us_p99,
		(unsigned long long)n_failed);
}

static uint64_t n_unresolved;
static unsigned n_pages;

static void on_fresh(struct store_query *query)
{
	struct q_load *q = (struct q_load *)query;
	bool more = q->more;

	n_unresolved += q->n_rows;
	n_pages++;
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

	n_unresolved = n_pages = 0;
	store_read(store, STORE_QUEUE, &q.q);
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
	printf("%-12s %9llu unresolved in %.3f s, %u pages\n", what, (unsigned long long)n_unresolved,
		(clock_mono_us() - from) / 1e6, n_pages);
}

static void on_page(struct store_query *query)
{
	struct q_load *q = (struct q_load *)query;
	bool more = q->more;

	n_unresolved += q->n_rows;
	n_pages++;
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

	n_unresolved = n_pages = 0;
	store_read(store, STORE_QUEUE, &q.q);
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
	printf("%-12s %9llu read back in %.3f s, %u pages\n", "backlog", (unsigned long long)n_unresolved,
		(clock_mono_us() - from) / 1e6, n_pages);
}

static void close_store(void)
{
	store_close(store, NULL, NULL);
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 500000;
	const char *dir = argc > 3 ? argv[3] : ".";
	static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
	static struct op_lane lane = {.op = {.kind = OP_LANE, .rows = 1}, .lane = {.id = 1}};
	struct store_boot boot;
	char path[500], file[520];

	if (argc > 2)
		per_commit = atoi(argv[2]);
	memset(text, 'x', sizeof text);
	snprintf(path, sizeof path, "%s/bench_store.%d", dir, (int)getpid());
	boot = open_store(path);
	run("life cycles", n);
	close_store();
	boot = open_store(path);
	scan("all final", &boot);
	backlog = true;
	store_stage(store, STORE_SETTLE, &lane.op);
	run("to backlog", n);
	close_store();
	boot = open_store(path);
	scan("in backlog", &boot);
	read_lane();
	close_store();
	for (int i = 0; i < 4; i++) {
		snprintf(file, sizeof file, "%s%s", path, ends[i]);
		unlink(file);
	}
	return n_failed != 0;
}
