/* SPDX-License-Identifier: Apache-2.0
 *
 * powercut_store_test.c -- what was acknowledged is there after the power failed.
 *
 *     powercut_store_test [CUTS [SEED]]
 *
 * A child lives through many tales (story.h: all kinds of operations) at a time on a store whose VFS loses what was
 * not synced, and tells the parent through a pipe of each step that it begins and each that was acknowledged.  At a
 * random write, truncation or sync the power fails, now and then while the database is being made, opened or
 * recovered; what was not synced is gone, or reaches the disk in part.  The parent opens what is left with the plain
 * VFS, looks at it as `posthorn check` does, and compares the rows of every tale with those that its last step
 * leaves: nothing acknowledged is missing, and nothing is there by halves.  The next life goes on with the same
 * database, for some lives.
 *
 * With synchronous = OFF something must be lost, or the test could not fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "queue/care.h"
#include "queue/idem.h"
#include "story.h"
#include "vfs_shim.h"

#define CUTS        200
#define LIVES       4     /* of one database */
#define DEADLINE_S  60    /* of one life */
#define NEW_KEYS    500   /* in a life; segments have 64 */

static unsigned n_cuts = CUTS, first_seed = 20261121;

/* ---- the child ------------------------------------------------------------------------------------------- */

enum told_kind { TOLD_BEGUN, TOLD_ACKED, TOLD_MARKS, TOLD_MARKED };

struct told {
	uint8_t kind, story, step;
	uint32_t n; /* TOLD_MARK…: tales below may be gone */
	uint64_t id; /* TOLD_MARK…: low water */
};

static int told_fd;

static void tell(struct told t)
{
	if (write(told_fd, &t, sizeof t) != sizeof t)
		_exit(3);
}

static void begun(void *arg, const struct tale *t)
{
	tell((struct told){TOLD_BEGUN, t->story, t->step, t->n, t->id});
}

static void acked(void *arg, const struct tale *t)
{
	tell((struct told){TOLD_ACKED, t->story, t->step, t->n, t->id});
}

static void marks(void *arg, bool committed, uint64_t low_water, uint32_t purged)
{
	tell((struct told){committed ? TOLD_MARKED : TOLD_MARKS, 0, 0, purged, low_water});
}

/* The first refusal is the end of the machine. */
static bool no_more(void *arg, const struct store_op *op)
{
	_exit(0);
}

struct plan {
	const char *path;
	uint64_t cut_at;
	enum powercut_tear tear;
	unsigned seed, width;
	uint32_t first_n, purged_cap;
	uint64_t low_cap;
	bool no_sync, from_the_start; /* count the calls of the opening, too */
	const uint32_t *keys;         /* tales whose idempotency key is on disk */
	unsigned n_keys;
	uint32_t new_keys;            /* clients of those that come, beyond all tales */
};

struct keyed {
	struct op_accept accept;
	struct store_idem idem;
	int want;
};

static void on_key(struct store_op *op)
{
	struct keyed *k = (struct keyed *)op;

	if (op->r != k->want)
		_exit(op->r == 0 ? 5 : 0); /* new though it is there: its message would be sent twice */
	free(k->idem.ret_answer);
	free(k);
}

static void stage_key(struct store *s, uint32_t client, int want)
{
	struct keyed *k = calloc(1, sizeof *k);

	if (!k)
		_exit(6);
	k->want = want;
	k->idem = (struct store_idem){.client = client, .khash = STORY_KEY};
	k->accept = (struct op_accept){.op = {.kind = OP_ACCEPT, .rows = 1, .done = on_key}, .idem = &k->idem};
	store_stage(s, STORE_BULK, &k->accept.op);
}

/* A key whose row is there is known, wherever the store keeps what it finds rows by.  Then some come, a few in a
 * commit, so that there are runs, and runs of runs. */
static void ask_for_keys(struct store *s, uv_loop_t *loop, const struct plan *p)
{
	for (unsigned i = 0; i < p->n_keys; i++)
		stage_key(s, p->keys[i], -EEXIST);
	uv_run(loop, UV_RUN_DEFAULT);
	for (unsigned i = 0; i < NEW_KEYS; i++) {
		stage_key(s, p->new_keys + i, 0);
		if (i % 25 == 24)
			uv_run(loop, UV_RUN_DEFAULT);
	}
}

static void child(const struct plan *p)
{
	static const struct life_events events = {.begun = begun, .acked = acked, .marks = marks, .again = no_more};
	static struct life l;
	struct store_conf conf = {.path = p->path, .shards = 1, .vfs = POWERCUT_VFS, .unsafe_no_sync = p->no_sync,
		.idem_bits = 6};
	struct store_boot boot;
	uv_loop_t loop;
	char err[256];

	alarm(DEADLINE_S);
	if (!freopen("/dev/null", "w", stderr)) /* what it logs of its end is no news */
		_exit(1);
	if (powercut_register() || uv_loop_init(&loop))
		_exit(1);
	powercut_tear(p->tear, p->seed);
	if (p->from_the_start)
		powercut_cut_at(p->cut_at);
	if (store_open(&loop, &conf, &l.store, &boot, err, sizeof err) < 0)
		_exit(p->from_the_start ? 0 : 2);
	if (!p->from_the_start)
		powercut_cut_at(p->cut_at);
	ask_for_keys(l.store, &loop, p);
	l.events = &events;
	l.width = p->width;
	l.seed = p->seed | 1;
	l.next_n = p->first_n;
	l.end_n = UINT32_MAX;
	l.low_cap = p->low_cap;
	l.purged_cap = p->purged_cap;
	l.housekeeping = true;
	life_start(&l, &boot);
	uv_run(&loop, UV_RUN_DEFAULT);
	_exit(4);
}

/* ---- the parent ------------------------------------------------------------------------------------------ */

/* What is known of a tale; n is its place. */
struct known {
	uint64_t id;
	uint8_t story, begun, acked; /* begun: steps that may be there */
};

struct machine {
	char path[64];
	struct known *tales;
	uint32_t n_tales, cap;       /* from 1 on */
	uint32_t purged, audited;    /* audited: tales below were over in an earlier life */
	uint64_t low_staged, low_marked;
	uint32_t *keys;              /* of tales, as plan has them */
	unsigned n_keys;
};

struct audit {
	bool looks_at_keys;
	const struct model *model;
	uint64_t n_acked, n_tales, n_lost, n_marks_lost, n_care, n_empty, n_keys, n_runs, n_merged;
	bool quiet;
	uint64_t steps[STORIES][STEPS_MAX + 1]; /* tales that a cut left there */
};

static struct known *tale_of(struct machine *m, uint32_t n)
{
	if (n >= m->cap) {
		uint32_t cap = n < 2048 ? 4096 : n * 2;

		m->tales = realloc(m->tales, cap * sizeof *m->tales);
		assert_non_null(m->tales);
		memset(m->tales + m->cap, 0, (cap - m->cap) * sizeof *m->tales);
		m->cap = cap;
	}
	if (n >= m->n_tales)
		m->n_tales = n + 1;
	return &m->tales[n];
}

static void hear(struct machine *m, struct audit *a, const struct told *t)
{
	struct known *k;

	switch ((enum told_kind)t->kind) {
	case TOLD_BEGUN:
		k = tale_of(m, t->n);
		*k = (struct known){t->id, t->story, t->step + 1, t->step};
		break;
	case TOLD_ACKED:
		k = tale_of(m, t->n);
		k->acked = t->step;
		a->n_acked++;
		break;
	case TOLD_MARKS:
		m->low_staged = t->id ? t->id : m->low_staged;
		m->purged = t->n;
		break;
	case TOLD_MARKED: m->low_marked = t->id ? t->id : m->low_marked; break;
	}
}

static void blame(const char *what, const struct known *k, uint32_t n, const char *is, const char *must, bool quiet)
{
	static unsigned n_said;

	if (!quiet && n_said++ < 5)
		print_error("tale %u, story %u, %u of %u steps acknowledged (next: %s): %s\n  is   %s\n  must %s\n", n, k->story,
			k->acked, story_steps(k->story), story_step_name(k->story, k->acked), what, is, must);
}

/* Not lost when it was over and retention may have taken it. */
static bool is_right(const struct machine *m, const struct audit *a, const struct known *k, uint32_t n, const char *is)
{
	if (!strcmp(is, a->model->rows[k->story][k->acked]))
		return true;
	if (k->begun > k->acked && !strcmp(is, a->model->rows[k->story][k->begun]))
		return true;
	return n < m->purged && k->acked == story_steps(k->story) && !strncmp(is, "m0 b0 le0 bo0 su0 at0 fi0/0", 27);
}

static void audit_tales(struct machine *m, sqlite3 *db, struct audit *a)
{
	struct tale_query q;
	char is[ROWS_SIZE];

	assert_int_equal(tale_query_open(&q, db), 0);
	for (uint32_t n = m->audited ? m->audited : 1; n < m->n_tales; n++) {
		const struct known *k = &m->tales[n];

		if (!k->id)
			continue;
		a->n_tales++;
		a->steps[k->story][k->acked]++;
		if (tale_rows(&q, n, k->id, is) < 0)
			snprintf(is, sizeof is, "%s", sqlite3_errmsg(db));
		if (is_right(m, a, k, n, is))
			continue;
		a->n_lost++;
		blame("lost or by halves", k, n, is, a->model->rows[k->story][k->acked], a->quiet);
	}
	tale_query_done(&q);
}

static void audit_marks(const struct machine *m, sqlite3 *db, struct audit *a)
{
	sqlite3_stmt *st;
	uint64_t low;

	if (!m->low_staged)
		return;
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT v FROM meta WHERE k = 'low_water'", -1, &st, NULL), SQLITE_OK);
	low = sqlite3_step(st) == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(st, 0) : UINT64_MAX;
	sqlite3_finalize(st);
	a->n_marks_lost += low < m->low_marked || low > m->low_staged;
}

static int64_t number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *st;
	int64_t n = 0;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	if (sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

/* For the next life to ask for. */
static void list_keys(struct machine *m, sqlite3 *db, struct audit *a)
{
	sqlite3_stmt *st;

	free(m->keys);
	m->keys = calloc((size_t)number(db, "SELECT count(*) FROM idem") + 1, sizeof *m->keys);
	assert_non_null(m->keys);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT client FROM idem", -1, &st, NULL), SQLITE_OK);
	for (m->n_keys = 0; sqlite3_step(st) == SQLITE_ROW; m->n_keys++)
		m->keys[m->n_keys] = (uint32_t)sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	a->n_keys += m->n_keys;
	a->n_runs += (uint64_t)number(db, "SELECT count(*) FROM idem_run");
	a->n_merged += (uint64_t)number(db, "SELECT count(*) FROM idem_run WHERE level AND whole");
}

/* Runs are smaller here than care_check() knows them: they are looked at by themselves. */
static const struct idem_shape SHAPE = {6, 3, 0};

static bool is_of_keys(const struct care_finding *f)
{
	return strncmp(f->code, "key", 3) == 0;
}

static void found(void *arg, const struct care_finding *f)
{
	struct audit *a = arg;

	if (f->kind != CARE_ERROR || (is_of_keys(f) && !a->looks_at_keys))
		return;
	a->n_care += f->n > 0 ? (uint64_t)f->n : 1;
	if (!a->quiet)
		print_error("check: %s: %lld %s\n", f->code, (long long)f->n, f->text);
}

static bool is_empty(const char *path)
{
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;
	bool empty = true;

	if (access(path, F_OK) == 0 && sqlite3_open(path, &db) == SQLITE_OK &&
		sqlite3_prepare_v2(db, "SELECT count(*) FROM sqlite_schema", -1, &st, NULL) == SQLITE_OK)
		empty = sqlite3_step(st) == SQLITE_ROW && !sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return empty;
}

/* A database of which nothing was acknowledged may be not there yet. */
static void audit(struct machine *m, struct audit *a, bool all)
{
	sqlite3 *db;
	char err[256];

	if (m->n_tales <= 1 && is_empty(m->path)) {
		a->n_empty++;
		return;
	}
	if (care_check(m->path, false, found, a, err, sizeof err) < 0) {
		if (!a->quiet)
			print_error("check: %s\n", err);
		a->n_care++;
	}
	assert_int_equal(sqlite3_open(m->path, &db), SQLITE_OK);
	a->looks_at_keys = true;
	care_keys(db, &SHAPE, found, a);
	a->looks_at_keys = false;
	if (all)
		m->audited = 1;
	if (a->n_care) {
		a->n_lost += m->n_tales;
	} else {
		audit_tales(m, db, a);
		audit_marks(m, db, a);
		list_keys(m, db, a);
	}
	m->audited = m->n_tales;
	sqlite3_close(db);
}

static void read_told(int fd, struct machine *m, struct audit *a)
{
	struct told t[512];
	size_t have = 0;
	ssize_t n;

	while ((n = read(fd, (char *)t + have, sizeof t - have)) > 0) {
		size_t i;

		have += (size_t)n;
		for (i = 0; i < have / sizeof *t; i++)
			hear(m, a, &t[i]);
		have -= i * sizeof *t;
		memmove(t, t + i, have);
	}
}

/* One life of a machine. */
static void live_and_cut(struct machine *m, const struct plan *p, struct audit *a)
{
	int fds[2], status;
	pid_t pid;

	m->low_staged = m->low_marked = 0;
	assert_int_equal(pipe(fds), 0);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		close(fds[0]);
		told_fd = fds[1];
		child(p);
	}
	close(fds[1]);
	read_told(fds[0], m, a);
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
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

/* Early cuts are many and cheap; every tenth is so late that a checkpoint (at 4,000 pages) was or is under way. */
static struct plan plan_life(struct machine *m, unsigned i, unsigned *seed, bool no_sync)
{
	unsigned roll = (unsigned)rand_r(seed);
	struct plan p = {.path = m->path, .first_n = m->n_tales ? m->n_tales : 1, .no_sync = no_sync};

	for (uint32_t n = 1; n < m->n_tales && !p.low_cap; n++) {
		const struct known *k = &m->tales[n];

		if (k->id && k->acked < story_steps(k->story)) {
			p.low_cap = k->id;
			p.purged_cap = n;
		}
	}
	p.keys = m->keys;
	p.n_keys = m->n_keys;
	p.new_keys = UINT32_C(1) << 30 | i * NEW_KEYS;
	p.tear = i % TEAR_N;
	p.width = 1 + roll % LIFE_WIDTH_MAX;
	p.from_the_start = i % 4 == 0;
	p.cut_at = 1 + (unsigned)rand_r(seed) % (p.from_the_start && roll % 3 == 0 ? 60 : 1200);
	if (i % 10 == 9)
		p.cut_at += 4000 + roll % 8000;
	p.seed = (unsigned)rand_r(seed);
	return p;
}

static void cut_many(unsigned n, bool no_sync, struct audit *a)
{
	char dir[] = "/tmp/powercut-XXXXXX";
	struct machine m = {0};
	struct model model;
	unsigned seed = first_seed;

	assert_non_null(mkdtemp(dir));
	snprintf(m.path, sizeof m.path, "%s/db", dir);
	assert_int_equal(model_learn(m.path, &model), 0);
	remove_all(m.path);
	a->model = &model;
	for (unsigned i = 0; i < n; i++) {
		bool last = i % LIVES == LIVES - 1 || i == n - 1;
		struct plan p = plan_life(&m, i, &seed, no_sync);

		live_and_cut(&m, &p, a);
		audit(&m, a, last);
		if (a->n_lost || a->n_care) {
			if (!no_sync)
				print_error("seed %u, cut %u: at call %llu%s, tear %d, width %u\n", first_seed, i,
					(unsigned long long)p.cut_at, p.from_the_start ? " of the opening" : "", p.tear, p.width);
			break;
		}
		if (last) {
			remove_all(m.path);
			free(m.tales);
			free(m.keys);
			memset((char *)&m + sizeof m.path, 0, sizeof m - sizeof m.path);
		}
	}
	free(m.tales);
	free(m.keys);
	remove_all(m.path);
	assert_int_equal(rmdir(dir), 0);
}

static void nothing_acknowledged_is_lost(void **state)
{
	struct audit a = {0};
	unsigned never = 0;

	cut_many(n_cuts, false, &a);
	for (unsigned s = 0; s < STORIES; s++)
		for (unsigned i = 0; i < story_steps(s); i++)
			if (!a.steps[s][i] && ++never <= 5)
				print_message("no cut before %s of story %u\n", story_step_name(s, i), s);
	print_message("%u cuts, %llu operations acknowledged, %llu tales looked at, %llu wrong, %llu marks wrong, %llu findings; "
		"%llu databases not yet there; %llu keys asked for, %llu runs of them, %llu merged\n", n_cuts, (unsigned long long)a.n_acked, (unsigned long long)a.n_tales,
		(unsigned long long)a.n_lost, (unsigned long long)a.n_marks_lost, (unsigned long long)a.n_care,
		(unsigned long long)a.n_empty, (unsigned long long)a.n_keys, (unsigned long long)a.n_runs,
		(unsigned long long)a.n_merged);
	assert_true(a.n_acked > 100 * n_cuts);
	assert_true(a.n_merged > 0);
	assert_int_equal(a.n_lost, 0);
	assert_int_equal(a.n_marks_lost, 0);
	assert_int_equal(a.n_care, 0);
	if (n_cuts >= CUTS)
		assert_int_equal(never, 0);
}

static void without_sync_something_is_lost(void **state)
{
	struct audit a = {.quiet = true};

	cut_many(20, true, &a);
	print_message("%llu operations acknowledged, %llu tales wrong\n", (unsigned long long)a.n_acked,
		(unsigned long long)a.n_lost);
	assert_true(a.n_lost > 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_acknowledged_is_lost),
		cmocka_unit_test(without_sync_something_is_lost),
	};
	const char *cuts = argc > 1 ? argv[1] : getenv("POSTHORN_CRASH_CUTS");

	if (cuts)
		n_cuts = (unsigned)strtoul(cuts, NULL, 10);
	if (argc > 2)
		first_seed = (unsigned)strtoul(argv[2], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
