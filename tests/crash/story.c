/* SPDX-License-Identifier: Apache-2.0
 *
 * story.c -- see story.h.
 *
 * A tale's number n is its endpoint and client number in events, keys and streams, its link and lane are n + 1, its
 * hash is n + 1, its times begin at due_at(n): so that its rows are found without reading those of the others.
 */
#include "story.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define LINK(t) ((t)->n + 1)
#define RUN     (UINT32_C(1) << 30) /* of the look-up table: above those that retention takes away */

static int64_t due_at(uint32_t n)
{
	return INT64_C(4000000000000) + (int64_t)n * 8;
}

static struct store_msg msg_of(const struct tale *t)
{
	return (struct store_msg){.id = t->id, .endpoint = t->n, .report = REPORT_ALL, .n_parts = t->m.n_parts,
		.lane = LINK(t), .seq = t->id};
}

/* ---- steps ----------------------------------------------------------------------------------------------- */

static void accept_as(struct tale *t, unsigned n_parts, uint64_t leased, enum store_place place)
{
	static char text[300];

	memset(text, 'x', sizeof text - 1);
	t->m = (struct message){.id = t->id, .created_ms = (int64_t)t->n * 1000, .ttl_end_ms = due_at(t->n), .to = 12025550000,
		.n_parts = n_parts, .text = text, .n_text = sizeof text - 1 - t->n % 200, .report = REPORT_ALL,
		.send_at_ms = place == PLACE_DUE ? due_at(t->n) : 0};
	t->item = (struct store_accept){.m = &t->m, .place = place, .lane = LINK(t), .seq = t->id, .leased = leased,
		.link = LINK(t), .ref = 7, .bound_parts = n_parts > 1 ? n_parts : 0};
	t->u.accept = (struct op_accept){.op = {.kind = OP_ACCEPT}, .items = &t->item, .n_items = 1};
}

static void accept_leased(struct tale *t)
{
	accept_as(t, 1, 1, PLACE_MEMORY);
}

static void accept_three(struct tale *t)
{
	accept_as(t, 3, 7, PLACE_MEMORY);
}

static void accept_backlog(struct tale *t)
{
	accept_as(t, 1, 0, PLACE_BACKLOG);
}

static void accept_later(struct tale *t)
{
	accept_as(t, 1, 0, PLACE_DUE);
}

static void accept_with_key(struct tale *t)
{
	accept_as(t, 1, 0, PLACE_BACKLOG);
	t->idem = (struct store_idem){.client = t->n, .khash = STORY_KEY, .bhash = "body", .answer = "{\"id\":\"1\"}"};
	t->progress = (struct store_progress){.client = t->n, .name = t->name, .rows = 1, .accepted = 1, .done = true};
	t->u.accept.idem = &t->idem;
	t->u.accept.progress = &t->progress;
}

static void accept_again(struct tale *t)
{
	free(t->idem.ret_answer);
	accept_with_key(t);
	t->u.accept.op.rows = 1;
	t->want = -EEXIST;
}

static void begin_stream(struct tale *t)
{
	t->u.stream = (struct op_stream){.op = {.kind = OP_STREAM}, .progress = {.client = t->n, .name = t->name}};
}

static void lease(struct tale *t)
{
	t->u.lease = (struct op_lease){.op = {.kind = OP_LEASE}, .id = t->id, .parts = 1, .link = LINK(t)};
}

static void unlease(struct tale *t)
{
	t->u.lease = (struct op_lease){.op = {.kind = OP_UNLEASE}, .id = t->id, .parts = 1, .link = LINK(t)};
}

static void submit_part(struct tale *t, unsigned part)
{
	t->u.submit = (struct op_submit){.op = {.kind = OP_SUBMIT}, .msg = msg_of(t), .part = part, .at = clock_ms(),
		.link = LINK(t), .hash = t->n + 1, .to = t->m.to, .last = part == t->m.n_parts};
	snprintf(t->u.submit.smsc_id, sizeof t->u.submit.smsc_id, "%s.%u", t->name, part);
}

static void submit(struct tale *t)
{
	submit_part(t, 1);
}

static void submit_2(struct tale *t)
{
	submit_part(t, 2);
}

static void submit_3(struct tale *t)
{
	submit_part(t, 3);
}

static void attempt(struct tale *t)
{
	t->u.attempt = (struct op_attempt){.op = {.kind = OP_ATTEMPT}, .msg = msg_of(t), .part = 1, .at = clock_ms(),
		.next_at = due_at(t->n), .link = LINK(t), .outcome = OUTCOME_RETRY, .reason = REASON_RETRY, .tries = 1,
		.code = 0x14, .text = "ESME_RMSGQFUL"};
}

static void settle(struct tale *t, unsigned part, enum msg_state state)
{
	t->u.final = (struct op_final){.op = {.kind = OP_FINAL}, .msg = msg_of(t), .part = part, .at = clock_ms(),
		.state = state, .reason = REASON_RECEIPT, .error = "X:1", .hash = t->n + 1};
}

static void delivered(struct tale *t)
{
	settle(t, 1, STATE_DELIVERED);
}

static void undelivered(struct tale *t)
{
	settle(t, 1, STATE_UNDELIVERED);
}

static void undelivered_2(struct tale *t)
{
	settle(t, 2, STATE_UNDELIVERED);
}

static void delivered_2(struct tale *t)
{
	settle(t, 2, STATE_DELIVERED);
}

static void delivered_3(struct tale *t)
{
	settle(t, 3, STATE_DELIVERED);
}

static void expired(struct tale *t)
{
	settle(t, 0, STATE_EXPIRED);
}

static void cancelled(struct tale *t)
{
	settle(t, 0, STATE_CANCELLED);
	t->u.final.unless_submitted = true;
}

static uint32_t endpoint_of(void *arg, uint32_t client)
{
	return (uint32_t)(uintptr_t)arg;
}

static void receipt(struct tale *t)
{
	t->u.receipt = (struct op_receipt){.op = {.kind = OP_RECEIPT}, .hash = {t->n + 1}, .n_hash = 1, .n_park = 1,
		.certain = true, .link = LINK(t), .at = clock_ms(), .state = STATE_DELIVERED, .stat = "DELIVRD", .err = "000",
		.endpoint_of = endpoint_of, .endpoint_arg = (void *)(uintptr_t)t->n};
	snprintf(t->u.receipt.smsc_id, sizeof t->u.receipt.smsc_id, "%s.1", t->name);
}

static void note(struct tale *t)
{
	t->u.note = (struct op_receipt_note){.op = {.kind = OP_RECEIPT_NOTE}, .key = msg_key(t->id, 1), .at = clock_ms(),
		.link = LINK(t), .state = STATE_UNDELIVERED, .error = "UNDELIV:1"};
}

static void form(struct tale *t)
{
	t->u.form = (struct op_receipt_form){.op = {.kind = OP_RECEIPT_FORM}, .link = LINK(t), .hits = {0, 3, 2}};
}

static void fire(struct tale *t)
{
	t->u.fire = (struct op_due_fire){.op = {.kind = OP_DUE_FIRE}, .at = due_at(t->n), .key = msg_key(t->id, 1),
		.lane = LINK(t), .seq = t->id, .end_minute = 1};
}

static void forget_due(struct tale *t)
{
	t->u.fire = (struct op_due_fire){.op = {.kind = OP_DUE_FIRE}, .at = due_at(t->n), .key = msg_key(t->id, 0)};
}

static void spill(struct tale *t)
{
	t->spill = (struct store_spill){.hash = t->n + 1, .key = msg_key(t->id, 1), .deadline = due_at(t->n) + 1,
		.lane = LINK(t), .seq = t->id};
	t->u.spill = (struct op_spill){.op = {.kind = OP_SPILL}, .rows = &t->spill, .n_rows = 1};
}

static void forget_backlog(struct tale *t)
{
	t->u.backlog = (struct op_backlog_delete){.op = {.kind = OP_BACKLOG_DELETE}, .lane = LINK(t), .seq = t->id};
}

static void cancel(struct tale *t)
{
	t->u.cancel = (struct op_cancel){.op = {.kind = OP_CANCEL}, .client = t->n, .tag = "red", .upto_id = t->id, .at = 1};
}

static void cancel_done(struct tale *t)
{
	t->u.cancel = (struct op_cancel){.op = {.kind = OP_CANCEL_DONE}, .n = t->set};
}

static void inbound(struct tale *t)
{
	static const char text[] = "STOP";

	t->u.inbound = (struct op_inbound){.op = {.kind = OP_INBOUND}, .at = clock_ms(), .link = LINK(t), .endpoint = t->n,
		.from = t->name, .to = "12345", .text = text, .n_text = 4, .raw = (const uint8_t *)text, .n_raw = 4};
}

static void inbound_part(struct tale *t, unsigned seq)
{
	static const char text[] = "a part of it";

	t->u.part = (struct op_inbound_part){.op = {.kind = OP_INBOUND_PART}, .at = clock_ms(), .until = clock_ms() + 3600000,
		.link = LINK(t), .from = t->name, .to = "12345", .ref = 9, .total = 3, .seq = seq, .text = text, .n_text = 12,
		.raw = (const uint8_t *)text, .n_raw = 12};
}

static void inbound_1(struct tale *t)
{
	inbound_part(t, 1);
}

static void inbound_2(struct tale *t)
{
	inbound_part(t, 2);
}

static void inbound_3(struct tale *t)
{
	inbound_part(t, 3);
}

static void join(struct tale *t)
{
	inbound(t);
	t->u.inbound.set = t->set;
	t->u.inbound.have = 3;
	t->u.inbound.parts = 3;
}

static void heard(struct tale *t)
{
	t->u.events = (struct op_events){.op = {.kind = OP_EVENTS_DONE}, .endpoint = t->n, .seq = INT64_MAX};
}

static void not_heard(struct tale *t)
{
	t->u.events = (struct op_events){.op = {.kind = OP_EVENTS_DEAD}, .endpoint = t->n, .seq = INT64_MAX, .why = "410"};
}

static void replay(struct tale *t)
{
	t->u.events = (struct op_events){.op = {.kind = OP_EVENTS_REPLAY}, .endpoint = t->n};
}

static void name(struct tale *t)
{
	t->u.name = (struct op_name){.op = {.kind = OP_NAME}, .kind = NAME_CAMPAIGN, .id = t->n};
	memcpy(t->u.name.text, t->name, sizeof t->name);
}

static void lane(struct tale *t)
{
	t->u.lane = (struct op_lane){.op = {.kind = OP_LANE}, .lane = {.id = LINK(t), .client = t->n, .route = 1}};
}

static void lookup(struct tale *t)
{
	t->lookup = (struct store_lookup){.hash = t->n, .id = t->id};
	t->u.lookup = (struct op_lookup){.op = {.kind = OP_LOOKUP}, .run = RUN | t->n, .rows = &t->lookup, .n_rows = 1};
}

/* ---- stories --------------------------------------------------------------------------------------------- */

struct step {
	void (*fill)(struct tale *t);
	const char *name;
};

#define STEP(f) {f, #f}

static const struct step stories[STORIES][STEPS_MAX] = {
	{STEP(accept_leased), STEP(submit), STEP(delivered), STEP(heard)},
	{STEP(lane), STEP(accept_backlog), STEP(lease), STEP(submit), STEP(undelivered), STEP(receipt), STEP(note),
		STEP(not_heard), STEP(replay), STEP(heard)},
	{STEP(lane), STEP(accept_backlog), STEP(lease), STEP(attempt), STEP(fire), STEP(lease), STEP(submit), STEP(spill),
		STEP(receipt), STEP(receipt)},
	{STEP(accept_later), STEP(cancel), STEP(cancelled), STEP(forget_due), STEP(cancel_done)},
	{STEP(accept_three), STEP(submit), STEP(submit_2), STEP(submit_3), STEP(delivered), STEP(undelivered_2),
		STEP(delivered_3), STEP(not_heard), STEP(delivered_2)},
	{STEP(inbound), STEP(heard)},
	{STEP(inbound_2), STEP(inbound_1), STEP(inbound_1), STEP(inbound_3), STEP(join), STEP(heard)},
	{STEP(receipt), STEP(accept_leased), STEP(submit)},
	{STEP(lane), STEP(begin_stream), STEP(accept_with_key), STEP(accept_again), STEP(lease), STEP(unlease),
		STEP(expired)},
	{STEP(name), STEP(lane), STEP(accept_backlog), STEP(lookup), STEP(form), STEP(expired)},
	{STEP(lane), STEP(accept_leased), STEP(unlease), STEP(lease), STEP(attempt), STEP(expired), STEP(forget_backlog)},
};

unsigned story_steps(unsigned story)
{
	unsigned n = 0;

	while (n < STEPS_MAX && stories[story][n].fill)
		n++;
	return n;
}

const char *story_step_name(unsigned story, unsigned step)
{
	return step < STEPS_MAX && stories[story][step].name ? stories[story][step].name : "end";
}

/* ---- a life ---------------------------------------------------------------------------------------------- */

static void next_step(struct tale *t);

static void next_tale(struct tale *t)
{
	struct life *l = t->life;

	free(t->idem.ret_answer);
	*t = (struct tale){.life = l};
	if (l->over || l->next_n >= l->end_n || l->next_id >= l->block_end) {
		t->story = STORIES; /* rests */
		l->n_running--;
		return;
	}
	t->n = l->next_n++;
	t->id = l->next_id++;
	t->story = l->seed ? (unsigned)rand_r(&l->seed) % STORIES : t->n % STORIES;
	snprintf(t->name, sizeof t->name, "tale %u", t->n);
	next_step(t);
}

static void on_step(struct store_op *op)
{
	struct tale *t = op->arg;
	struct life *l = t->life;

	if (op->r != t->want) {
		if (l->over || !l->events->again(l->events->arg, op)) {
			l->over = true;
			next_tale(t);
			return;
		}
		next_step(t);
		return;
	}
	if (op->kind == OP_INBOUND_PART)
		t->set = t->u.part.ret_set;
	else if (op->kind == OP_CANCEL)
		t->set = t->u.cancel.n;
	t->step++;
	l->events->acked(l->events->arg, t);
	if (t->step < story_steps(t->story))
		next_step(t);
	else
		next_tale(t);
}

static enum store_list list_of(const struct tale *t)
{
	switch (t->u.op.kind) {
	case OP_ACCEPT: return t->n % 3 ? STORE_BULK : STORE_OTP;
	case OP_LANE:
	case OP_NAME: return STORE_FIRST;
	default: return STORE_SETTLE;
	}
}

static void next_step(struct tale *t)
{
	enum store_list list;

	memset(&t->u, 0, sizeof t->u);
	t->want = 0;
	stories[t->story][t->step].fill(t);
	list = list_of(t);
	t->u.op.rows = 1;
	t->u.op.done = on_step;
	t->u.op.arg = t;
	t->life->events->begun(t->life->events->arg, t);
	store_stage(t->life->store, list, &t->u.op);
}

static void keep_house(struct life *l);

static void on_house(struct store_op *op)
{
	struct life *l = op->arg;

	l->house.busy = false;
	if (op->r) {
		if (l->over || !l->events->again(l->events->arg, op)) {
			l->over = true;
			return;
		}
		l->house.turn--;
	} else {
		l->events->marks(l->events->arg, true, op->kind == OP_META ? l->house.low_water : 0, l->house.purged);
	}
	if (l->n_running && !l->over)
		keep_house(l);
}

/* Below the oldest tale that is not over all is final. */
static void keep_house(struct life *l)
{
	l->house.low_water = l->low_cap ? l->low_cap : l->next_id;
	l->house.purged = l->purged_cap ? l->purged_cap : l->next_n;
	for (unsigned i = 0; i < l->width; i++) {
		const struct tale *t = &l->tales[i];

		if (t->story == STORIES)
			continue;
		if (t->id < l->house.low_water)
			l->house.low_water = t->id;
		if (t->n < l->house.purged)
			l->house.purged = t->n;
	}
	memset(&l->house.u, 0, sizeof l->house.u);
	switch (l->house.turn++ % 5) {
	case 0:
	case 2: l->house.u.meta = (struct op_meta){.op = {.kind = OP_META}, .low_water = l->house.low_water}; break;
	case 1:
	case 3:
		l->house.u.purge = (struct op_purge){.op = {.kind = OP_PURGE}, .limit = 7};
		if (l->house.turn % 10 == 4)
			l->house.u.purge.rows_before = (int64_t)l->house.purged * 1000;
		break;
	case 4: l->house.u.reserve = (struct op_reserve){.op = {.kind = l->house.turn % 2 ? OP_RESERVE : OP_IDEM_ROTATE}}; break;
	}
	l->house.busy = true;
	l->house.u.op.rows = 1;
	l->house.u.op.done = on_house;
	l->house.u.op.arg = l;
	l->events->marks(l->events->arg, false, l->house.u.op.kind == OP_META ? l->house.low_water : 0,
		l->house.purged);
	store_stage(l->store, STORE_SETTLE, &l->house.u.op);
}

void life_start(struct life *l, const struct store_boot *boot)
{
	l->next_id = boot->next_id;
	l->block_end = boot->next_id + 65536;
	l->n_running = l->width;
	for (unsigned i = 0; i < l->width; i++) {
		l->tales[i] = (struct tale){.life = l};
		next_tale(&l->tales[i]);
	}
	if (l->housekeeping)
		keep_house(l);
}

/* ---- what is there --------------------------------------------------------------------------------------- */

#define N(what) "(SELECT count(*) FROM " what ")"
#define SUM(what, from) "(SELECT coalesce(sum(" what "), 0) FROM " from ")"
#define KEYS "key BETWEEN ?1 * 256 AND ?1 * 256 + 255"
/* A start takes the others away. */
#define LANE_IN_USE N("lane WHERE id = ?2 + 1 AND EXISTS (SELECT 1 FROM backlog WHERE lane = lane.id)")

/* ?1 id, ?2 n, ?3 name, ?4 due_at() */
static const char rows_sql[] = "SELECT printf('m%d b%d le%d bo%d su%d at%d fi%d/%d co%d no%d bl%d du%d wa%d pa%d fo%d ev%d/%d"
	" de%d in%d is%d/%d ip%d id%d st%d ca%d lo%d na%d la%d',"
	N("message WHERE id = ?1") "," N("body WHERE id = ?1") "," N("lease WHERE " KEYS) "," N("bound WHERE id = ?1") ","
	N("submit WHERE " KEYS) "," N("attempt WHERE " KEYS) ","
	N("final WHERE " KEYS) "," SUM("state * (1 + (key & 255))", "final WHERE " KEYS) ","
	N("correction WHERE " KEYS) "," N("receipt WHERE " KEYS) ","
	N("backlog WHERE lane = ?2 + 1") "," N("due WHERE at BETWEEN ?4 AND ?4 + 7") "," N("waiting WHERE hash = ?2 + 1") ","
	N("receipt_parked_id i JOIN receipt_parked p ON p.n = i.n WHERE i.hash = ?2 + 1") ","
	N("receipt_form WHERE link = ?2 + 1") ","
	N("event WHERE endpoint = ?2") "," SUM("kind * 16 + state", "event WHERE endpoint = ?2") ","
	N("dead WHERE endpoint = ?2") ","
	N("inbound WHERE sender = ?3 AND text = 'STOP'") ","
	N("inbound_set WHERE sender = ?3") "," SUM("have + 10 * (joined <> 0)", "inbound_set WHERE sender = ?3") ","
	N("inbound_set JOIN inbound_part ON set_n = n WHERE sender = ?3") ","
	N("idem WHERE client = ?2") ","
	SUM("1 + rows + 2 * done", "stream WHERE client = ?2") ","
	N("cancel WHERE client = ?2") "," N("lookup WHERE run = (1 << 30 | ?2)") ","
	N("name WHERE kind = 2 AND id = ?2") "," LANE_IN_USE ")";

int tale_query_open(struct tale_query *q, sqlite3 *db)
{
	q->db = db;
	return sqlite3_prepare_v2(db, rows_sql, -1, &q->st, NULL) == SQLITE_OK ? 0 : -EIO;
}

void tale_query_done(struct tale_query *q)
{
	sqlite3_finalize(q->st);
}

int tale_rows(struct tale_query *q, uint32_t n, uint64_t id, char ret[ROWS_SIZE])
{
	char text[24];
	int r = -EIO;

	snprintf(text, sizeof text, "tale %u", n);
	sqlite3_bind_int64(q->st, 1, (int64_t)id);
	sqlite3_bind_int64(q->st, 2, n);
	sqlite3_bind_text(q->st, 3, text, -1, SQLITE_TRANSIENT);
	sqlite3_bind_int64(q->st, 4, due_at(n));
	if (sqlite3_step(q->st) == SQLITE_ROW) {
		snprintf(ret, ROWS_SIZE, "%s", (const char *)sqlite3_column_text(q->st, 0));
		r = 0;
	}
	sqlite3_reset(q->st);
	return r;
}

/* ---- the model ------------------------------------------------------------------------------------------- */

struct learning {
	struct tale_query q;
	struct model *model;
	int r;
};

static void learn(void *arg, const struct tale *t)
{
	struct learning *g = arg;

	if (tale_rows(&g->q, t->n, t->id, g->model->rows[t->story][t->step]) < 0)
		g->r = -EIO;
}

static void learn_nothing(void *arg, const struct tale *t)
{
	if (t->step == 0)
		learn(arg, t);
}

static bool must_not_fail(void *arg, const struct store_op *op)
{
	struct learning *g = arg;

	fprintf(stderr, "operation %d: %s\n", op->kind, strerror(-op->r));
	g->r = op->r ? op->r : -EINVAL;
	return false;
}

int model_learn(const char *path, struct model *ret)
{
	struct learning g = {.model = ret};
	const struct life_events events = {.begun = learn_nothing, .acked = learn, .again = must_not_fail, .arg = &g};
	struct life *l = calloc(1, sizeof *l);
	struct store_conf conf = {.path = path, .shards = 1};
	struct store_boot boot;
	sqlite3 *db = NULL;
	uv_loop_t loop;
	char err[256];
	int r;

	memset(ret, 0, sizeof *ret);
	*l = (struct life){.events = &events, .next_n = 1, .end_n = 1 + STORIES, .width = 1};
	uv_loop_init(&loop);
	r = store_open(&loop, &conf, &l->store, &boot, err, sizeof err);
	if (r < 0) {
		fprintf(stderr, "%s\n", err);
		return r;
	}
	if (sqlite3_open(path, &db) != SQLITE_OK || tale_query_open(&g.q, db) < 0)
		return -EIO;
	sqlite3_busy_timeout(db, 5000);
	life_start(l, &boot);
	uv_run(&loop, UV_RUN_DEFAULT);
	tale_query_done(&g.q);
	sqlite3_close(db);
	store_close(l->store, NULL, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	free(l);
	return g.r;
}
