/* SPDX-License-Identifier: Apache-2.0
 *
 * faults_store_test.c -- a disk that fails, at every call in turn, and then goes on.
 *
 *     faults_store_test [STRIDE]
 *
 * A child lives two tales of each story (story.h) on a new database, from its making to its closing, and the n-th
 * write, sync, truncation, read or mapping of shared memory fails: once, or until five operations were refused.  What
 * was refused is staged again, as a client or a carrier does.  Each refusal says what it is (-ENOSPC or -EIO), a store
 * that cannot be opened says why in a sentence, and when the fault is gone all of it goes through.  Then the store is
 * closed, or the power cut, and the parent looks at what is there: each tale as it ends, nothing lost, nothing twice.
 *
 * Each n is tried (STRIDE 1, `make check-crash-long`), or one in so many of those calls of which there are many.
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
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "queue/care.h"
#include "story.h"
#include "vfs_shim.h"

#define TALES      (2 * STORIES)
#define WIDTH      5
#define PATIENCE   5  /* refusals until the disk is mended */
#define RUNS_MAX   20 /* of one kind of call and fault, when not all are asked for */
#define DEADLINE_S 30

struct fault {
	enum powercut_call call;
	enum powercut_fault how;
	bool lasts, cut; /* until it is mended; the power is cut at the end */
};

/* What the child has to say, in memory that both see. */
struct report {
	uint64_t n_calls[CALL_N], n_failed;
	unsigned n_refused, n_not_opened, n_wrong_errors, n_done;
	uint64_t ids[TALES + 1];
	uint8_t stories[TALES + 1];
	int last_error;
	char said[256]; /* when it could not be opened */
};

static struct report *report;
static unsigned stride;

/* ---- the child ------------------------------------------------------------------------------------------- */

static const struct fault *on;
static struct store *store;

static void begun(void *arg, const struct tale *t)
{
	report->ids[t->n] = t->id;
	report->stories[t->n] = t->story;
}

static void acked(void *arg, const struct tale *t)
{
	report->n_done += t->step == story_steps(t->story);
}

static void marks(void *arg, bool committed, uint64_t low_water, uint32_t purged)
{
}

static int error_of(const struct fault *f)
{
	return f->how == FAULT_IO || f->call != CALL_WRITE ? -EIO : -ENOSPC;
}

static bool again(void *arg, const struct store_op *op)
{
	if (op->r != error_of(on))
		report->n_wrong_errors++;
	if (++report->n_refused == PATIENCE)
		powercut_fail(0, FAULT_NONE, 0, 0, 1);
	return report->n_refused < 100;
}

static void open_it(uv_loop_t *loop, const struct store_conf *conf, struct store_boot *boot)
{
	int r;

	while ((r = store_open(loop, conf, &store, boot, report->said, sizeof report->said)) < 0) {
		if (r != error_of(on) || !report->said[0])
			report->n_wrong_errors++;
		if (++report->n_not_opened > 3)
			_exit(2);
		powercut_fail(0, FAULT_NONE, 0, 0, 1);
	}
}

static void closed(void *arg)
{
	*(bool *)arg = true;
}

static void child(const char *path, const struct fault *f, uint64_t nth)
{
	static const struct life_events events = {.begun = begun, .acked = acked, .marks = marks, .again = again};
	static struct life l;
	struct store_conf conf = {.path = path, .shards = 1, .vfs = POWERCUT_VFS};
	struct store_boot boot;
	struct store_stats st;
	uv_loop_t loop;
	bool is_closed = false;

	alarm(DEADLINE_S);
	if (!freopen("/dev/null", "w", stderr) || powercut_register() || uv_loop_init(&loop))
		_exit(1);
	on = f;
	if (nth)
		powercut_fail(f->call, f->how, nth, f->lasts ? 0 : 1, (unsigned)nth);
	open_it(&loop, &conf, &boot);
	l = (struct life){.store = store, .events = &events, .width = WIDTH, .next_n = 1, .end_n = 1 + TALES,
		.housekeeping = true};
	life_start(&l, &boot);
	uv_run(&loop, UV_RUN_DEFAULT);
	store_stats(store, &st);
	report->last_error = st.last_error;
	if (f->cut)
		powercut_cut();
	store_close(store, closed, &is_closed);
	uv_run(&loop, UV_RUN_DEFAULT);
	for (int c = 0; c < CALL_N; c++)
		report->n_calls[c] = powercut_n_calls(c);
	report->n_failed = powercut_n_failed();
	_exit(is_closed ? 0 : 3);
}

/* ---- the parent ------------------------------------------------------------------------------------------ */

static char path[64];
static struct model model;
static unsigned n_findings;

static void remove_all(void)
{
	static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
	char file[200];

	for (int i = 0; i < 4; i++) {
		snprintf(file, sizeof file, "%s%s", path, ends[i]);
		unlink(file);
	}
}

static void found(void *arg, const struct care_finding *f)
{
	if (f->kind != CARE_ERROR)
		return;
	n_findings++;
	print_error("check: %s: %lld %s\n", f->code, (long long)f->n, f->text);
}

static bool is_whole(void)
{
	struct tale_query q;
	sqlite3 *db;
	char is[ROWS_SIZE], err[256] = "";
	unsigned n_wrong = 0;

	if (care_check(path, false, found, NULL, err, sizeof err) < 0 || n_findings) {
		print_error("%s\n", err);
		return false;
	}
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(tale_query_open(&q, db), 0);
	for (uint32_t n = 1; n <= TALES; n++) {
		const char *must = model.rows[report->stories[n]][story_steps(report->stories[n])];

		if (tale_rows(&q, n, report->ids[n], is) < 0)
			snprintf(is, sizeof is, "%s", sqlite3_errmsg(db));
		if (!strcmp(is, must) || !strncmp(is, "m0 b0 le0 bo0 su0 at0 fi0/0", 27)) /* retention took it */
			continue;
		print_error("tale %u, story %u:\n  is   %s\n  must %s\n", n, report->stories[n], is, must);
		n_wrong++;
	}
	tale_query_done(&q);
	sqlite3_close(db);
	return !n_wrong;
}

static void live(const struct fault *f, uint64_t nth)
{
	int status;
	pid_t pid;

	memset(report, 0, sizeof *report);
	remove_all();
	fflush(NULL);
	pid = fork();
	if (!pid)
		child(path, f, nth);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status)
		print_error("the child ended with %#x: %s\n", (unsigned)status, report->said);
	assert_int_equal(status, 0);
}

static const char *const call_names[CALL_N] = {"write", "sync", "truncate", "shm map", "read", "copy"};
static const char *const fault_names[FAULT_N] = {"", "EIO", "ENOSPC", "short write, ENOSPC"};

static void try_each(const struct fault *f, uint64_t n_calls)
{
	unsigned n_runs = 0, n_refused = 0, n_not_opened = 0, n_failed = 0;
	uint64_t by = stride ? stride : n_calls / RUNS_MAX + 1;

	for (uint64_t nth = 1; nth <= n_calls; nth += by) {
		bool right;

		live(f, nth);
		right = is_whole() && !report->n_wrong_errors && report->n_done == TALES && !report->last_error;
		if (!right)
			fail_msg("%s, %s at call %llu%s%s: %u of %u tales, %u refused, %u wrong errors, last error %d: %s",
				call_names[f->call], fault_names[f->how], (unsigned long long)nth, f->lasts ? " and on" : "",
				f->cut ? ", then a power cut" : "", report->n_done, TALES, report->n_refused,
				report->n_wrong_errors, report->last_error, report->said);
		n_runs++;
		n_refused += report->n_refused;
		n_not_opened += report->n_not_opened;
		n_failed += report->n_failed > 0;
	}
	print_message("%-8s  %-19s  %-5s  %-5s  %4llu calls, %3u tried, %3u failed, %3u operations refused, not opened %u times\n",
		call_names[f->call], fault_names[f->how], f->lasts ? "stays" : "once", f->cut ? "cut" : "close",
		(unsigned long long)n_calls, n_runs, n_failed, n_refused, n_not_opened);
	assert_true(n_failed > 0 || f->cut); /* what fails at the closing has no turn when the power is gone */
}

static void what_fails_is_refused_and_goes_through_later(void **state)
{
	static const struct { enum powercut_call call; enum powercut_fault how; } kinds[] = {
		{CALL_WRITE, FAULT_IO}, {CALL_WRITE, FAULT_FULL}, {CALL_WRITE, FAULT_SHORT}, {CALL_SYNC, FAULT_IO},
		{CALL_TRUNCATE, FAULT_IO}, {CALL_SHM_MAP, FAULT_IO}, {CALL_READ, FAULT_IO}, {CALL_COPY, FAULT_IO},
	};
	char dir[] = "/tmp/faults-XXXXXX";
	uint64_t n_calls[CALL_N];

	report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(report != MAP_FAILED);
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/db", dir);
	assert_int_equal(model_learn(path, &model), 0);
	live(&(struct fault){0}, 0);
	assert_true(is_whole());
	assert_int_equal(report->n_done, TALES);
	memcpy(n_calls, report->n_calls, sizeof n_calls);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		for (unsigned how = 0; how < (stride == 1 ? 4 : 3); how++)
			try_each(&(struct fault){kinds[i].call, kinds[i].how, how & 1, how & 2}, n_calls[kinds[i].call]);
	remove_all();
	assert_int_equal(rmdir(dir), 0);
	munmap(report, sizeof *report);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fails_is_refused_and_goes_through_later),
	};

	stride = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
