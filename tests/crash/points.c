/* SPDX-License-Identifier: Apache-2.0
 *
 * points.c -- the gateway that kills itself at a named point, and whose disk fails when it is told to.
 *
 * posthornd-points is posthornd, linked from the same objects with --wrap of the functions below.  The file
 * `<database>.point` says what is to happen; it is read when the database is opened and at each SIGUSR2:
 *
 *     kill NAME NTH             SIGKILL at the n-th time that NAME is passed
 *     fail CALL HOW             write, sync: io, full, short (vfs_shim.h), from now on; HOW none: mended
 *     clock SECONDS             the clock is set: so far from the true time (clock_moves.h)
 *     memory FIRST EVERY        the FIRST-th allocation fails, and then one in EVERY (memory_fails.h)
 *     break WHAT                a promise is broken from now on, for the tests that see the audits fail:
 *         answer                202 before the commit (early_answer.c)
 *         ack                   deliver_sm_resp before the commit
 *         lease                 leases are not kept
 *         final                 now and then a delivered message of before is called undelivered
 *         event                 now and then an event is dropped
 *         cancel                what is said to be cancelled is not
 *         stream                how far streams are is not kept
 *         quota                 half of what a quota counts is forgotten
 *
 * Names: `OP staged` (handed to the store, not committed), `OP applied` (inside the transaction), `OP committed` (on
 * disk, nobody was told), for OP in op_names; `part written` (the link has it, the answer is to come), `answer read`;
 * `receipt read`, `inbound read`; `migration step`, `migration commit`; `reload begun`, `reload routes`.
 *
 * What comes once a minute or an hour comes when a point of it is armed.
 *
 * With `<database>.faulty` beside it the database is opened on the VFS of vfs_shim.c; with `<database>.small` the table
 * of parts that wait for their receipts has room for SMALL of them.
 */
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "clock_moves.h"
#include "intake/inbound.h"
#include "memory_fails.h"
#include "queue/queue_impl.h"
#include "queue/sent.h"
#include "queue/store_sqlite.h"
#include "report/webhook.h"
#include "route/link.h"
#include "route/router.h"
#include "vfs_shim.h"

#define SMALL 16
#define DAY_MS (24 * 3600 * 1000)
#define RESERVE_NOW 16000 /* ids left: fewer than those at which the next block is asked for */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char armed[48], point_path[4200];
static unsigned n_left;
static uv_signal_t usr2;
static struct store *the_store;
static struct queue *the_queue;

static void pass(const char *name)
{
	pthread_mutex_lock(&mutex);
	if (n_left && !strcmp(name, armed) && !--n_left) {
		kill(getpid(), SIGKILL);
		pause();
	}
	pthread_mutex_unlock(&mutex);
}

static bool is_armed(const char *name)
{
	bool is;

	pthread_mutex_lock(&mutex);
	is = n_left && !strcmp(name, armed);
	pthread_mutex_unlock(&mutex);
	return is;
}

/* ---- what is asked for ----------------------------------------------------------------------------------- */

/* Retention comes once a minute: here it comes when it is armed. */
static void purge_now(void)
{
	static struct op_purge o;

	o = (struct op_purge){.op = {.kind = OP_PURGE, .rows = 1}, .bodies_before = clock_ms(), .limit = 1000};
	store_stage(the_store, STORE_BULK, &o.op);
}

/* sweep_second(): forms are stored once a minute, generations of keys looked at once an hour. */
static void hasten(const char *op)
{
	if (!strcmp(op, "purge") && the_store)
		purge_now();
	if (!strcmp(op, "receipt_form") && the_queue)
		the_queue->seconds = 44;
	if (!strcmp(op, "idem_rotate") && the_queue)
		the_queue->seconds = 3600;
}

static void fail_as(const char *call, const char *how)
{
	static const char *const hows[FAULT_N] = {"none", "io", "full", "short"};
	enum powercut_fault f = FAULT_NONE;

	for (int i = 0; i < FAULT_N; i++)
		if (!strcmp(how, hows[i]))
			f = i;
	powercut_fail(!strcmp(call, "sync") ? CALL_SYNC : !strcmp(call, "copy") ? CALL_COPY : CALL_WRITE, f, 1, 0, 1);
}

extern bool early_answers;
static char broken[24];

__attribute__((constructor)) static void keep_promises(void)
{
	early_answers = false;
}

static bool is_broken(const char *what)
{
	return !strcmp(broken, what);
}

/* In the transaction of whatever was applied. */
static void break_rows(struct writer *w, enum store_op_kind kind)
{
	static unsigned n;

	if (is_broken("lease"))
		sqlite3_exec(w->db, "DELETE FROM lease", NULL, NULL, NULL);
	if (is_broken("stream"))
		sqlite3_exec(w->db, "DELETE FROM stream", NULL, NULL, NULL);
	if (is_broken("quota") && kind == OP_QUOTA)
		sqlite3_exec(w->db, "UPDATE quota SET n = n / 2", NULL, NULL, NULL);
	if (kind != OP_FINAL || ++n % 10)
		return;
	if (is_broken("final"))
		sqlite3_exec(w->db, "UPDATE final SET state = 5 WHERE key = (SELECT min(key) FROM final WHERE state = 4)", NULL,
			NULL, NULL);
	else if (is_broken("event"))
		sqlite3_exec(w->db, "DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)", NULL, NULL, NULL);
}

static void read_orders(void)
{
	FILE *f = fopen(point_path, "r");
	char line[100] = "", a[24], b[24];
	unsigned n, every;
	long seconds;

	if (!f)
		return;
	if (fgets(line, sizeof line, f) && sscanf(line, "kill %23s %23s %u", a, b, &n) == 3) {
		pthread_mutex_lock(&mutex);
		snprintf(armed, sizeof armed, "%s %s", a, b);
		n_left = n;
		pthread_mutex_unlock(&mutex);
		hasten(a);
	} else if (sscanf(line, "fail %23s %23s", a, b) == 2) {
		fail_as(a, b);
	} else if (sscanf(line, "break %23s", broken) == 1) {
		early_answers = is_broken("answer");
		dprintf(STDERR_FILENO, "broken: %s\n", broken);
	} else if (sscanf(line, "clock %ld", &seconds) == 1) {
		clock_move(seconds);
		dprintf(STDERR_FILENO, "clock: %+ld s\n", seconds);
	} else if (sscanf(line, "memory %u %u", &n, &every) == 2) {
		memory_fail(n, every);
	}
	fclose(f);
}

static void on_usr2(uv_signal_t *s, int number)
{
	read_orders();
}

int __real_store_open(uv_loop_t *loop, const struct store_conf *c, struct store **ret, struct store_boot *ret_boot,
	char *err, size_t n_err);
int __wrap_store_open(uv_loop_t *loop, const struct store_conf *c, struct store **ret, struct store_boot *ret_boot,
	char *err, size_t n_err);

int __wrap_store_open(uv_loop_t *loop, const struct store_conf *c, struct store **ret, struct store_boot *ret_boot,
	char *err, size_t n_err)
{
	struct store_conf conf = *c;
	int r;

	snprintf(point_path, sizeof point_path, "%s.faulty", c->path);
	if (access(point_path, F_OK) == 0 && powercut_register() == SQLITE_OK)
		conf.vfs = POWERCUT_VFS;
	snprintf(point_path, sizeof point_path, "%s.point", c->path);
	read_orders();
	r = __real_store_open(loop, &conf, ret, ret_boot, err, n_err);
	if (r == 0)
		the_store = *ret;
	uv_signal_init(loop, &usr2);
	uv_signal_start(&usr2, on_usr2, SIGUSR2);
	uv_unref((uv_handle_t *)&usr2);
	return r;
}

void __real_store_close(struct store *s, void (*closed)(void *arg), void *arg);
void __wrap_store_close(struct store *s, void (*closed)(void *arg), void *arg);

void __wrap_store_close(struct store *s, void (*closed)(void *arg), void *arg)
{
	the_store = NULL;
	the_queue = NULL;
	uv_close((uv_handle_t *)&usr2, NULL);
	__real_store_close(s, closed, arg);
}

/* ---- operations ------------------------------------------------------------------------------------------ */

static const char *const op_names[OP_N] = {
	[OP_ACCEPT] = "accept", [OP_LEASE] = "lease", [OP_UNLEASE] = "unlease", [OP_SUBMIT] = "submit",
	[OP_ATTEMPT] = "attempt", [OP_FINAL] = "final", [OP_RECEIPT] = "receipt", [OP_DUE_FIRE] = "due_fire",
	[OP_BACKLOG_DELETE] = "backlog_delete", [OP_SPILL] = "spill", [OP_CANCEL] = "cancel",
	[OP_CANCEL_DONE] = "cancel_done", [OP_INBOUND] = "inbound", [OP_EVENTS_DONE] = "events_done",
	[OP_EVENTS_DEAD] = "events_dead", [OP_EVENTS_REPLAY] = "events_replay", [OP_STREAM] = "stream",
	[OP_INBOUND_PART] = "inbound_part", [OP_NAME] = "name", [OP_LANE] = "lane", [OP_META] = "meta",
	[OP_LOOKUP] = "lookup", [OP_PURGE] = "purge", [OP_IDEM_ROTATE] = "idem_rotate", [OP_RESERVE] = "reserve",
	[OP_RECEIPT_NOTE] = "receipt_note", [OP_RECEIPT_FORM] = "receipt_form", [OP_QUOTA] = "quota",
};

static void pass_op(const struct store_op *op, const char *where)
{
	char name[48];

	if (!op_names[op->kind])
		return;
	snprintf(name, sizeof name, "%s %s", op_names[op->kind], where);
	pass(name);
}

/* done() of those whose commit is waited for. */
static struct told {
	struct told *next;
	struct store_op *op;
	void (*done)(struct store_op *op);
} *told;

static void committed(struct store_op *op)
{
	struct told **at = &told, *t;

	if (!op->r)
		pass_op(op, "committed");
	while ((*at)->op != op)
		at = &(*at)->next;
	t = *at;
	*at = t->next;
	op->done = t->done;
	free(t);
	if (op->done)
		op->done(op);
}

void __real_store_stage(struct store *s, enum store_list list, struct store_op *op);
void __wrap_store_stage(struct store *s, enum store_list list, struct store_op *op);

void __wrap_store_stage(struct store *s, enum store_list list, struct store_op *op)
{
	char name[48];

	snprintf(name, sizeof name, "%s committed", op_names[op->kind] ? op_names[op->kind] : "");
	if (is_armed(name)) {
		struct told *t = malloc(sizeof *t);

		*t = (struct told){told, op, op->done};
		told = t;
		op->done = committed;
	}
	__real_store_stage(s, list, op);
	pass_op(op, "staged");
}

/* Each time, not once a day. */
static void age_keys(struct writer *w)
{
	if (is_armed("idem_rotate applied") || is_armed("idem_rotate committed"))
		w->m.idem_at -= DAY_MS;
}

/* It says that it is done, and nothing is. */
static bool only_says_so(struct store_op *op)
{
	struct op_final *f = (struct op_final *)op;

	if (op->kind != OP_FINAL || f->state != STATE_CANCELLED || !is_broken("cancel"))
		return false;
	f->ret_new = true;
	f->ret_correction = f->ret_unparked = false;
	f->ret_msg_state = STATE_CANCELLED;
	return true;
}

/* In the transaction, before its COMMIT. */
#define APPLIED(what) \
	int __real_apply_##what(struct writer *w, struct store_op *op); \
	int __wrap_apply_##what(struct writer *w, struct store_op *op); \
	int __wrap_apply_##what(struct writer *w, struct store_op *op) \
	{ \
		int rc; \
		if (op->kind == OP_IDEM_ROTATE) \
			age_keys(w); \
		rc = only_says_so(op) ? SQLITE_OK : __real_apply_##what(w, op); \
		break_rows(w, op->kind); \
		pass_op(op, "applied"); \
		return rc; \
	}

APPLIED(accept)
APPLIED(lease)
APPLIED(submit)
APPLIED(final)
APPLIED(inbound)
APPLIED(events_done)
APPLIED(purge)
APPLIED(lane)
APPLIED(name)
APPLIED(due_fire)
APPLIED(attempt)
APPLIED(unlease)
APPLIED(receipt)
APPLIED(backlog_delete)
APPLIED(spill)
APPLIED(cancel)
APPLIED(cancel_done)
APPLIED(events_dead)
APPLIED(events_replay)
APPLIED(stream)
APPLIED(inbound_part)
APPLIED(meta)
APPLIED(lookup)
APPLIED(idem_rotate)
APPLIED(reserve)
APPLIED(receipt_note)
APPLIED(receipt_form)
APPLIED(quota)

/* ---- a world in which they come about ---------------------------------------------------------------------- */

int __real_queue_new(uv_loop_t *loop, struct store *s, const struct store_boot *boot, const struct conf *c,
	struct names *names, const struct queue_events *events, struct queue **ret);
int __wrap_queue_new(uv_loop_t *loop, struct store *s, const struct store_boot *boot, const struct conf *c,
	struct names *names, const struct queue_events *events, struct queue **ret);

int __wrap_queue_new(uv_loop_t *loop, struct store *s, const struct store_boot *boot, const struct conf *c,
	struct names *names, const struct queue_events *events, struct queue **ret)
{
	int r = __real_queue_new(loop, s, boot, c, names, events, ret);

	the_queue = *ret;
	return r;
}

struct sent *__real_sent_new(void (*spill)(void *arg, const struct sent_entry *e), void *arg);
struct sent *__wrap_sent_new(void (*spill)(void *arg, const struct sent_entry *e), void *arg);

struct sent *__wrap_sent_new(void (*spill)(void *arg, const struct sent_entry *e), void *arg)
{
	static const struct sent_bounds small = {SMALL, 1u << 31};
	char path[sizeof point_path];

	snprintf(path, sizeof path, "%.*s.small", (int)(strlen(point_path) - strlen(".point")), point_path);
	return access(path, F_OK) == 0 ? sent_new_within(&small, spill, arg) : __real_sent_new(spill, arg);
}

/* As if the block of ids were nearly used up. */
uint64_t __real_queue_take_id(struct queue *q);
uint64_t __wrap_queue_take_id(struct queue *q);

uint64_t __wrap_queue_take_id(struct queue *q)
{
	bool wanted = is_armed("reserve staged") || is_armed("reserve applied") || is_armed("reserve committed");

	if (wanted && !q->reserved_from && q->id_end - q->next_id > RESERVE_NOW)
		q->next_id = q->id_end - RESERVE_NOW;
	return __real_queue_take_id(q);
}

/* An event that is refused twice in 50 ms is a dead letter. */
struct webhooks *__real_webhooks_new(uv_loop_t *loop, struct store *s, struct names *names, const struct conf *c);
struct webhooks *__wrap_webhooks_new(uv_loop_t *loop, struct store *s, struct names *names, const struct conf *c);

struct webhooks *__wrap_webhooks_new(uv_loop_t *loop, struct store *s, struct names *names, const struct conf *c)
{
	static const struct webhook_times times = {1000, 300000, 3600000, 50, 2, 30000};
	struct webhooks *w = __real_webhooks_new(loop, s, names, c);

	if (w)
		webhooks_times(w, &times);
	return w;
}

/* ---- the other points ------------------------------------------------------------------------------------ */

/* Called when a driver has taken a part; the octets leave with the same turn of the loop. */
static void next_turn(uv_timer_t *t)
{
	pass("part written");
}

void __real_pace_take(struct pace *p, unsigned n, int64_t now_us);
void __wrap_pace_take(struct pace *p, unsigned n, int64_t now_us);

void __wrap_pace_take(struct pace *p, unsigned n, int64_t now_us)
{
	static uv_timer_t timer;

	__real_pace_take(p, n, now_us);
	if (!is_armed("part written"))
		return;
	if (!timer.data)
		uv_timer_init(usr2.loop, &timer);
	timer.data = &timer;
	uv_unref((uv_handle_t *)&timer);
	uv_timer_start(&timer, next_turn, 0, 0);
}

void __real_queue_settle(struct queue *q, struct outlet *o, const struct settle *s);
void __wrap_queue_settle(struct queue *q, struct outlet *o, const struct settle *s);

void __wrap_queue_settle(struct queue *q, struct outlet *o, const struct settle *s)
{
	pass("answer read");
	__real_queue_settle(q, o, s);
}

int __real_queue_receipt(struct queue *q, struct outlet *o, const struct link_receipt *r,
	void (*done)(void *arg, uint64_t a, uint64_t b, int r), void *arg, uint64_t a, uint64_t b);
int __wrap_queue_receipt(struct queue *q, struct outlet *o, const struct link_receipt *r,
	void (*done)(void *arg, uint64_t a, uint64_t b, int r), void *arg, uint64_t a, uint64_t b);

int __wrap_queue_receipt(struct queue *q, struct outlet *o, const struct link_receipt *r,
	void (*done)(void *arg, uint64_t a, uint64_t b, int r), void *arg, uint64_t a, uint64_t b)
{
	pass("receipt read");
	return __real_queue_receipt(q, o, r, done, arg, a, b);
}

int __real_inbound_take(void *arg, struct link *l, const struct link_inbound *m, struct driver_token token);
int __wrap_inbound_take(void *arg, struct link *l, const struct link_inbound *m, struct driver_token token);
void __real_link_ack(struct link *l, struct driver_token token, int status);
void __wrap_link_ack(struct link *l, struct driver_token token, int status);

int __wrap_inbound_take(void *arg, struct link *l, const struct link_inbound *m, struct driver_token token)
{
	int r;

	pass("inbound read");
	r = __real_inbound_take(arg, l, m, token);
	if (r == 0 && is_broken("ack"))
		__real_link_ack(l, token, 0);
	return r;
}

void __wrap_link_ack(struct link *l, struct driver_token token, int status)
{
	if (!is_broken("ack"))
		__real_link_ack(l, token, status);
}

int __real_sqlite3_exec(sqlite3 *db, const char *sql, int (*cb)(void *, int, char **, char **), void *arg, char **err);
int __wrap_sqlite3_exec(sqlite3 *db, const char *sql, int (*cb)(void *, int, char **, char **), void *arg, char **err);

int __wrap_sqlite3_exec(sqlite3 *db, const char *sql, int (*cb)(void *, int, char **, char **), void *arg, char **err)
{
	int rc;

	if (strstr(sql, "user_version"))
		pass("migration commit");
	rc = __real_sqlite3_exec(db, sql, cb, arg, err);
	if (!strncmp(sql, "ALTER TABLE", 11))
		pass("migration step");
	return rc;
}

void __real_link_remove(struct link *l, void (*gone)(void *arg), void *arg);
void __wrap_link_remove(struct link *l, void (*gone)(void *arg), void *arg);

void __wrap_link_remove(struct link *l, void (*gone)(void *arg), void *arg)
{
	__real_link_remove(l, gone, arg);
	pass("reload begun");
}

int __real_router_set(struct router *r, struct queue *q, const struct conf *c,
	struct link *(*link_of)(void *arg, const char *name), void *arg);
int __wrap_router_set(struct router *r, struct queue *q, const struct conf *c,
	struct link *(*link_of)(void *arg, const char *name), void *arg);

int __wrap_router_set(struct router *r, struct queue *q, const struct conf *c,
	struct link *(*link_of)(void *arg, const char *name), void *arg)
{
	int e = __real_router_set(r, q, c, link_of, arg);

	pass("reload routes");
	return e;
}
