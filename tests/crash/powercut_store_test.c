/* SPDX-License-Identifier: Apache-2.0
 *
 * powercut_store_test.c -- what was acknowledged is there after the power failed.
 *
 * A child streams operations through a store whose VFS loses what was not synced, and tells the parent through a pipe
 * of each one whose done() said 0.  At a random write, truncation or sync the power fails; the child ends with the
 * first operation that is refused.  The parent then opens the database with the plain VFS, checks it whole, and looks
 * for every row it was told of.  The same with synchronous = OFF must lose something, or the test could not fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "queue/store.h"
#include "vfs_shim.h"

#define N_CUTS   12
#define N_GROUPS 8
#define GROUP    20

/* ---- the child ------------------------------------------------------------------------------------------- */

struct told {
	uint64_t kind, id;
};

struct life {
	struct op_accept accept;
	struct op_submit submits[GROUP];
	struct op_final finals[GROUP];
	struct store_accept items[GROUP];
	struct message messages[GROUP];
	unsigned n_left;
};

static struct store *store;
static uint64_t next_id, block_end;
static int told_fd;

static void begin(struct life *l);

static void tell(uint64_t kind, uint64_t id)
{
	struct told t = {kind, id};

	if (write(told_fd, &t, sizeof t) != sizeof t)
		_exit(3);
}

/* The first refusal is the end of the machine. */
static void check(const struct store_op *op)
{
	if (op->r)
		_exit(0);
}

static void on_final(struct store_op *op)
{
	struct life *l = op->arg;

	check(op);
	tell(OP_FINAL, ((struct op_final *)op)->msg.id);
	if (!--l->n_left)
		begin(l);
}

static void on_submit(struct store_op *op)
{
	struct life *l = op->arg;
	struct op_submit *s = (struct op_submit *)op;
	struct op_final *o = &l->finals[s - l->submits];

	check(op);
	tell(OP_SUBMIT, s->msg.id);
	*o = (struct op_final){.op = {.kind = OP_FINAL, .rows = 1, .done = on_final, .arg = l}, .msg = s->msg, .part = 1,
		.state = STATE_DELIVERED, .at = 2};
	store_stage(store, STORE_SETTLE, &o->op);
}

static void on_accept(struct store_op *op)
{
	struct life *l = op->arg;

	check(op);
	for (unsigned i = 0; i < GROUP; i++) {
		struct op_submit *o = &l->submits[i];

		tell(OP_ACCEPT, l->messages[i].id);
		*o = (struct op_submit){.op = {.kind = OP_SUBMIT, .rows = 1, .done = on_submit, .arg = l},
			.msg = {.id = l->messages[i].id, .endpoint = 1, .n_parts = 1}, .part = 1, .at = 1, .link = 1,
			.smsc_id = "0123456789abcdef"};
		store_stage(store, STORE_SETTLE, &o->op);
	}
}

static struct op_reserve reserve;

static void on_reserved(struct store_op *op)
{
	check(op);
	next_id = reserve.ret_from;
	block_end = next_id + 65536;
	begin(op->arg);
}

static void begin(struct life *l)
{
	static char text[200];

	memset(text, 'x', sizeof text);
	if (next_id + GROUP > block_end) {
		reserve.op = (struct store_op){.kind = OP_RESERVE, .rows = 1, .done = on_reserved, .arg = l};
		store_stage(store, STORE_SETTLE, &reserve.op);
		return;
	}
	l->n_left = GROUP;
	for (unsigned i = 0; i < GROUP; i++) {
		l->messages[i] = (struct message){.id = next_id++, .to = 1, .n_parts = 1, .text = text, .n_text = sizeof text};
		l->items[i] = (struct store_accept){.m = &l->messages[i], .leased = 1, .link = 1};
	}
	l->accept = (struct op_accept){.op = {.kind = OP_ACCEPT, .rows = GROUP, .done = on_accept, .arg = l},
		.items = l->items, .n_items = GROUP};
	store_stage(store, STORE_BULK, &l->accept.op);
}

static void child(const char *path, uint64_t cut_at, unsigned tear_seed, bool no_sync)
{
	static struct life lives[N_GROUPS];
	struct store_conf conf = {.path = path, .shards = 1, .vfs = POWERCUT_VFS, .unsafe_no_sync = no_sync};
	struct store_boot boot;
	uv_loop_t loop;
	char err[200];

	alarm(60);
	if (powercut_register() || uv_loop_init(&loop))
		_exit(1);
	powercut_tear(tear_seed);
	if (store_open(&loop, &conf, &store, &boot, err, sizeof err) < 0)
		_exit(2);
	next_id = boot.next_id;
	block_end = next_id + 65536;
	powercut_cut_at(cut_at);
	for (unsigned i = 0; i < N_GROUPS; i++)
		begin(&lives[i]);
	uv_run(&loop, UV_RUN_DEFAULT);
	_exit(4);
}

/* ---- the parent ------------------------------------------------------------------------------------------ */

struct audit {
	uint64_t n_told, n_lost;
};

static sqlite3_stmt *prepare(sqlite3 *db, enum store_op_kind kind)
{
	static const char *const queries[] = {
		[OP_ACCEPT] = "SELECT count(*) FROM message JOIN body USING (id) WHERE id = ?1",
		[OP_SUBMIT] = "SELECT count(*) FROM submit WHERE key = ?1 * 256 + 1",
		[OP_FINAL] = "SELECT count(*) FROM final WHERE key = ?1 * 256",
	};
	sqlite3_stmt *st;

	assert_int_equal(sqlite3_prepare_v2(db, queries[kind], -1, &st, NULL), SQLITE_OK);
	return st;
}

static bool is_there(sqlite3_stmt *st, uint64_t id)
{
	bool there;

	sqlite3_bind_int64(st, 1, (int64_t)id);
	there = sqlite3_step(st) == SQLITE_ROW && sqlite3_column_int(st, 0) == 1;
	sqlite3_reset(st);
	return there;
}

/* What one commit wrote is there together: no final row without its event, no message without its body. */
static bool is_whole(sqlite3 *db)
{
	sqlite3_stmt *st;
	bool whole;

	assert_int_equal(sqlite3_prepare_v2(db, "SELECT (SELECT count(*) FROM final) = (SELECT count(*) FROM event)"
		" AND (SELECT count(*) FROM message) = (SELECT count(*) FROM body)", -1, &st, NULL), SQLITE_OK);
	whole = sqlite3_step(st) == SQLITE_ROW && sqlite3_column_int(st, 0) == 1;
	sqlite3_finalize(st);
	return whole;
}

static bool is_sound(sqlite3 *db)
{
	sqlite3_stmt *st;
	bool sound;

	if (sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &st, NULL) != SQLITE_OK)
		return false;
	sound = sqlite3_step(st) == SQLITE_ROW && !strcmp((const char *)sqlite3_column_text(st, 0), "ok");
	sqlite3_finalize(st);
	return sound;
}

static void audit(const char *path, const struct told *told, size_t n, struct audit *a)
{
	static const enum store_op_kind kinds[] = {OP_ACCEPT, OP_SUBMIT, OP_FINAL};
	sqlite3_stmt *st[OP_N] = {0};
	sqlite3 *db;

	a->n_told += n;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (is_sound(db) && is_whole(db)) {
		for (int i = 0; i < 3; i++)
			st[kinds[i]] = prepare(db, kinds[i]);
		for (size_t i = 0; i < n; i++)
			a->n_lost += !is_there(st[told[i].kind], told[i].id);
		for (int i = 0; i < 3; i++)
			sqlite3_finalize(st[kinds[i]]);
	} else {
		a->n_lost += n + 1;
	}
	sqlite3_close(db);
}

static void make_database(const char *path)
{
	struct store_conf conf = {.path = path, .shards = 1};
	struct store_boot boot;
	uv_loop_t loop;
	char err[200];

	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(store_open(&loop, &conf, &store, &boot, err, sizeof err), 0);
	store_close(store, NULL, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

static struct told *read_told(int fd, size_t *ret_n)
{
	size_t n = 0, cap = 4096;
	struct told *t = malloc(cap * sizeof *t);
	ssize_t r;

	while ((r = read(fd, (char *)t + n, cap * sizeof *t - n)) > 0) {
		n += (size_t)r;
		if (n == cap * sizeof *t)
			t = realloc(t, (cap *= 2) * sizeof *t);
	}
	*ret_n = n / sizeof *t;
	return t;
}

/* One life of a machine. */
static void live_and_cut(const char *path, uint64_t cut_at, unsigned seed, bool no_sync, struct audit *a)
{
	struct told *told;
	int fds[2], status;
	size_t n;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		close(fds[0]);
		told_fd = fds[1];
		child(path, cut_at, seed, no_sync);
	}
	close(fds[1]);
	told = read_told(fds[0], &n);
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	audit(path, told, n, a);
	free(told);
}

static void remove_all(const char *path)
{
	static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
	char file[200];

	for (int i = 0; i < 4; i++) {
		snprintf(file, sizeof file, "%s%s", path, ends[i]);
		unlink(file);
	}
}

static struct audit cut_many(bool no_sync)
{
	char dir[] = "/tmp/powercut-XXXXXX", path[64];
	struct audit a = {0};
	unsigned seed = 20261121;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/db", dir);
	make_database(path);
	for (unsigned i = 0; i < N_CUTS; i++) {
		/* Most early, two so late that a checkpoint (at 4,000 pages, two writes each) was or is under way. */
		uint64_t cut_at = 1 + rand_r(&seed) % 1500 + (i % 6 == 5 ? 7500 : 0);

		live_and_cut(path, cut_at, i % 2 ? seed | 1 : 0, no_sync, &a);
		if (no_sync && a.n_lost) /* what is left of it may be beyond repair */
			break;
	}
	remove_all(path);
	assert_int_equal(rmdir(dir), 0);
	return a;
}

static void nothing_acknowledged_is_lost(void **state)
{
	struct audit a = cut_many(false);

	print_message("%llu acknowledged, %llu lost\n", (unsigned long long)a.n_told, (unsigned long long)a.n_lost);
	assert_true(a.n_told > 1000);
	assert_int_equal(a.n_lost, 0);
}

static void without_sync_something_is_lost(void **state)
{
	struct audit a = cut_many(true);

	print_message("%llu acknowledged, %llu lost\n", (unsigned long long)a.n_told, (unsigned long long)a.n_lost);
	assert_true(a.n_lost > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_acknowledged_is_lost),
		cmocka_unit_test(without_sync_something_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
