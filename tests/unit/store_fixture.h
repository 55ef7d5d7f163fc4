/* SPDX-License-Identifier: Apache-2.0
 *
 * store_fixture.h -- a real store in a folder of its own, and calls that run the loop until the answer is there.
 *
 * Every wait has the deadline of the whole program (alarm): a test that hangs is killed and so fails.
 */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "queue/store.h"

struct fixture {
	uv_loop_t loop;
	struct store *store;
	struct store_boot boot;
	struct store_conf conf;
	char dir[64], path[96], err[256];
	unsigned n_wakes;
	uint32_t woken_endpoint;
	unsigned woken_shard;
};

static inline void fixture_woken(void *arg, uint32_t endpoint, unsigned shard)
{
	struct fixture *f = arg;

	f->n_wakes++;
	f->woken_endpoint = endpoint;
	f->woken_shard = shard;
}

static inline int fixture_open(struct fixture *f)
{
	return store_open(&f->loop, &f->conf, &f->store, &f->boot, f->err, sizeof f->err);
}

static inline void fixture_close(struct fixture *f)
{
	store_close(f->store, NULL, NULL);
	assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
	f->store = NULL;
}

static inline void fixture_reopen(struct fixture *f)
{
	fixture_close(f);
	assert_int_equal(fixture_open(f), 0);
}

static inline int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	alarm(120);
	strcpy(f->dir, "/tmp/store-test-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof f->path, "%s/db", f->dir);
	assert_int_equal(uv_loop_init(&f->loop), 0);
	f->conf = (struct store_conf){.path = f->path, .shards = 4, .on_events = fixture_woken, .arg = f};
	if (fixture_open(f) < 0)
		fail_msg("%s", f->err);
	*state = f;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
	struct fixture *f = *state;
	char file[128];

	if (f->store)
		fixture_close(f);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		snprintf(file, sizeof file, "%s%s", f->path, ends[i]);
		unlink(file);
	}
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

static inline void fixture_op_done(struct store_op *op)
{
	*(bool *)op->arg = true;
}

/* Stage, run the loop until done, return the outcome. */
static inline int put(struct fixture *f, enum store_op_kind kind, struct store_op *op)
{
	bool done = false;

	op->kind = kind;
	op->rows = 1;
	op->done = fixture_op_done;
	op->arg = &done;
	store_stage(f->store, STORE_SETTLE, op);
	while (!done)
		uv_run(&f->loop, UV_RUN_ONCE);
	return op->r;
}

static inline void fixture_query_done(struct store_query *q)
{
	*(bool *)q->arg = true;
}

static inline int ask(struct fixture *f, enum store_query_kind kind, struct store_query *q)
{
	bool done = false;

	q->kind = kind;
	q->done = fixture_query_done;
	q->arg = &done;
	store_read(f->store, kind <= Q_EVENTS ? STORE_QUEUE : STORE_API, q);
	while (!done)
		uv_run(&f->loop, UV_RUN_ONCE);
	return q->r;
}

/* A number straight from the file. */
static inline int64_t sql(struct fixture *f, const char *text)
{
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;
	int64_t v = -1;

	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	if (sqlite3_prepare_v2(db, text, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s: %s", text, sqlite3_errmsg(db));
	if (sqlite3_step(st) == SQLITE_ROW)
		v = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return v;
}

static inline int64_t count(struct fixture *f, const char *table)
{
	char text[80];

	snprintf(text, sizeof text, "SELECT count(*) FROM %s", table);
	return sql(f, text);
}

/* A message with everything set to something that can be told apart. */
static inline struct message fixture_message(uint64_t id)
{
	return (struct message){
		.id = id,
		.created_ms = 1700000000000 + (int64_t)(id & 0xffff) * 1000,
		.ttl_end_ms = 1700086400000,
		.to = 12025550142,
		.client = 3,
		.campaign = 7,
		.route = 5,
		.class = CLASS_MARKETING,
		.report = REPORT_ALL,
		.flags = MSG_FLASH,
		.encoding = ENC_UCS2,
		.wish = WISH_UCS2,
		.n_parts = 1,
		.n_ref = 5,
		.n_tag = 3,
		.n_from = 4,
		.n_text = 5,
		.ref = "order",
		.tag = "red",
		.from = "SHOP",
		.text = "hello",
	};
}

static inline int accept_message(struct fixture *f, struct message *m, uint64_t leased)
{
	struct store_accept item = {.m = m, .leased = leased, .link = 9, .ref = 77,
		.bound_parts = m->n_parts > 1 ? m->n_parts : 0};
	struct op_accept o = {.items = &item, .n_items = 1};

	return put(f, OP_ACCEPT, &o.op);
}

/* Accept a message of `n_parts` parts and submit them all; smsc_id is "s1", "s2" … */
static inline struct store_msg sent_message(struct fixture *f, uint64_t id, unsigned n_parts, uint8_t report)
{
	struct message m = fixture_message(id);
	struct store_msg sm = {.id = id, .endpoint = 3, .report = report, .n_parts = n_parts};

	m.n_parts = n_parts;
	m.report = report;
	assert_int_equal(accept_message(f, &m, n_parts >= 64 ? UINT64_MAX : (UINT64_C(1) << n_parts) - 1), 0);
	for (unsigned part = 1; part <= n_parts; part++) {
		struct op_submit o = {.msg = sm, .part = part, .at = 1700000001000, .link = 9, .to = m.to,
			.last = part == n_parts};

		snprintf(o.smsc_id, sizeof o.smsc_id, "s%u", part);
		assert_int_equal(put(f, OP_SUBMIT, &o.op), 0);
	}
	return sm;
}

#endif
