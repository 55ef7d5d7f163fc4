/* SPDX-License-Identifier: Apache-2.0
 *
 * What a commit writes is the same whether operations come one by one or all at once: rows wait for each other inside a
 * commit (store_sqlite_rows.c), and nobody may notice.  Random operations on a few messages go into two databases, once
 * each in a commit of its own and once in as few as the store likes; results and tables are compared.
 */
#include "store_fixture.h"

#define IDS       24
#define PER_ROUND 400
#define ROUNDS    12

static uint32_t seed;
/* In every other round no row comes twice, so that none of those that wait meets one that is there: the store would do
 * all of it again with care, and the quick way would not be seen. */
static bool once, submitted[IDS], ended[IDS];
static int64_t told; /* only events that are on disk are ever done with */

static uint32_t any(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

union any_op {
	struct store_op op;
	struct op_accept accept;
	struct op_lease lease;
	struct op_submit submit;
	struct op_attempt attempt;
	struct op_final final;
	struct op_due_fire fire;
	struct op_events events;
	struct op_receipt receipt;
};

struct step {
	union any_op of[2]; /* one for each database */
	struct store_accept item;
	struct store_idem idem[2];
	struct message m;
	bool done[2];
};

static struct step steps[PER_ROUND];

static struct store_msg message_of(unsigned i)
{
	/* Every third message has two parts; the part numbers of the others stay 1. */
	return (struct store_msg){.id = 65536 + i, .endpoint = i % 5 ? 1 + i % 2 : 0,
		.report = i % 4 == 1 ? REPORT_ALL : REPORT_FINAL,
		.n_parts = i % 3 ? 1 : 2, .one_receipt = i % 6 == 0, .lane = i % 2 ? 7 : 0, .seq = 65536 + i};
}

static void make_accept(struct step *s, unsigned i)
{
	s->m = (struct message){.id = 65536 + i, .client = 1, .route = 1, .class = 1, .to = 491700000000 + i, .from = "Test",
		.n_from = 4, .text = "words", .n_text = 5, .created_ms = 1000 + i, .ttl_end_ms = 90000000, .n_parts = 1,
		.ref = i % 2 ? "r" : NULL, .n_ref = i % 2};
	s->item = (struct store_accept){.m = &s->m, .place = i % 2 ? PLACE_BACKLOG : PLACE_MEMORY, .lane = 7,
		.seq = 65536 + i, .leased = i % 4 == 0, .link = 3};
}

static void fill(struct step *s, union any_op *o)
{
	static unsigned last;
	/* Often the same again, so that its operations meet in a commit. */
	struct store_msg m = message_of(any(3) ? last : (last = any(IDS)));
	unsigned part = 1 + any(m.n_parts);

	unsigned i = (unsigned)(m.id - 65536), what = any(13);

	if (once && (what == 11 || (m.n_parts == 1 && ((what >= 2 && what <= 4 && submitted[i]) ||
							      (what >= 5 && what <= 7 && ended[i])))))
		what = 0;
	submitted[i] |= what >= 2 && what <= 4;
	ended[i] |= what >= 5 && what <= 7;
	switch (what) {
	case 0:
		*o = (union any_op){.lease = {.op.kind = OP_LEASE, .id = m.id, .parts = part, .link = 3}};
		break;
	case 1:
		*o = (union any_op){.lease = {.op.kind = OP_UNLEASE, .id = m.id, .parts = part}};
		break;
	case 2:
	case 3:
	case 4:
		*o = (union any_op){.submit = {.op.kind = OP_SUBMIT, .msg = m, .part = part, .at = 5000, .link = 3,
			.to = s->m.to, .hash = any(3) ? 77 + m.id * 2 + part : 0, .last = any(2), .ended = !any(6), .sender = ""}};
		snprintf(o->submit.smsc_id, sizeof o->submit.smsc_id, "%llu", (unsigned long long)m.id * 2 + part);
		break;
	case 5:
	case 6:
	case 7:
		*o = (union any_op){.final = {.op.kind = OP_FINAL, .msg = m, .part = any(5) ? part : 0, .at = 6000,
			.receipt = 1, .state = any(3) ? STATE_DELIVERED : STATE_UNDELIVERED, .reason = REASON_RECEIPT,
			.hash = any(2) ? m.id : 0, .unless_submitted = !any(6)}};
		if (o->final.unless_submitted)
			o->final.part = 0;
		strcpy(o->final.error, o->final.state == STATE_DELIVERED ? "DELIVRD:000" : any(2) ? "UNDELIV:1" : "");
		break;
	case 8:
		*o = (union any_op){.attempt = {.op.kind = OP_ATTEMPT, .msg = m, .part = part, .at = 5500, .link = 3, .code = 88,
			.next_at = any(2) ? 8000 + part : 0, .outcome = OUTCOME_RETRY, .reason = REASON_RETRY}};
		break;
	case 9:
		*o = (union any_op){.fire = {.op.kind = OP_DUE_FIRE, .at = 8000 + part, .key = m.id << 8 | part, .lane = m.lane,
			.seq = m.seq, .end_minute = 9}};
		break;
	case 10:
		*o = (union any_op){.events = {.op.kind = OP_EVENTS_DONE, .endpoint = 1, .shard = any(4), .seq = any((uint32_t)told + 1)}};
		break;
	case 11:
		*o = (union any_op){.receipt = {.op.kind = OP_RECEIPT, .hash = {77 + m.id * 2 + part}, .n_hash = 1,
			.n_park = 1, .link = 3, .to = 0, .at = 7000, .state = STATE_DELIVERED, .stat = "DELIVRD", .err = "000",
			.parked_max = 10}};
		snprintf(o->receipt.smsc_id, sizeof o->receipt.smsc_id, "%llu", (unsigned long long)m.id * 2 + part);
		break;
	case 12: /* often the same key, with two bodies */
		s->idem[0] = (struct store_idem){.client = 1 + any(2), .khash[0] = (uint8_t)any(64), .bhash[0] = (uint8_t)any(2),
			.answer = any(2) ? "{\"id\":\"1\"}" : "{}"};
		s->idem[1] = s->idem[0];
		*o = (union any_op){.accept = {.op.kind = OP_ACCEPT, .idem = &s->idem[0]}};
		break;
	}
}

static void on_done(struct store_op *op)
{
	*(bool *)op->arg = true;
}

static void stage(struct fixture *f, struct step *s, int which)
{
	struct store_op *op = &s->of[which].op;

	s->done[which] = false;
	op->rows = 1;
	op->done = on_done;
	op->arg = &s->done[which];
	store_stage(f->store, STORE_SETTLE, op);
}

static void until(struct fixture *f, const struct step *s, int which)
{
	while (!s->done[which])
		uv_run(&f->loop, UV_RUN_ONCE);
}

static void compare_results(const struct step *s, int i)
{
	const union any_op *a = &s->of[0], *b = &s->of[1];
	bool same = a->op.r == b->op.r;

	if (a->op.kind == OP_SUBMIT)
		same = same && a->submit.ret_claimed == b->submit.ret_claimed &&
		       a->submit.ret_settled == b->submit.ret_settled &&
		       a->submit.ret_state == b->submit.ret_state && a->submit.ret_msg_state == b->submit.ret_msg_state;
	if (a->op.kind == OP_FINAL)
		same = same && a->final.ret_new == b->final.ret_new &&
		       a->final.ret_correction == b->final.ret_correction &&
		       a->final.ret_msg_state == b->final.ret_msg_state;
	if (a->op.kind == OP_RECEIPT)
		same = same && a->receipt.ret_key == b->receipt.ret_key &&
		       a->receipt.ret_new == b->receipt.ret_new &&
		       a->receipt.ret_msg_state == b->receipt.ret_msg_state;
	if (a->op.kind == OP_ACCEPT && a->accept.idem) {
		const struct store_idem *x = a->accept.idem, *y = b->accept.idem;

		same = same && x->ret_same_body == y->ret_same_body && !x->ret_answer == !y->ret_answer &&
		       (!x->ret_answer || !strcmp(x->ret_answer, y->ret_answer));
		free(x->ret_answer);
		free(y->ret_answer);
	}
	if (!same)
		fail_msg("step %d: operation %d says r=%d alone and r=%d together", i, a->op.kind, a->op.r, b->op.r);
}

static char *dump(struct fixture *f)
{
	static const char *const tables[] = {"message", "body", "bound", "submit", "attempt", "final", "correction", "receipt",
		"backlog", "due", "waiting", "event", "receipt_parked", "idem"};
	static char text[2][1 << 20];
	static int turn;
	char *to = text[turn++ % 2], query[64];
	size_t n = 0;

	for (size_t i = 0; i <= sizeof tables / sizeof *tables; i++) {
		sqlite3_stmt *st = NULL;
		sqlite3 *db = NULL;

		if (i < sizeof tables / sizeof *tables)
			snprintf(query, sizeof query, "SELECT * FROM %s ORDER BY 1, 2", tables[i]);
		else
			strcpy(query, "SELECT key, link FROM lease ORDER BY 1"); /* when is the clock's */
		assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
		sqlite3_busy_timeout(db, 5000);
		assert_int_equal(sqlite3_prepare_v2(db, query, -1, &st, NULL), SQLITE_OK);
		while (sqlite3_step(st) == SQLITE_ROW) {
			n += snprintf(to + n, sizeof text[0] - n, "%.14s:", query + 14);
			for (int c = 0; c < sqlite3_column_count(st); c++)
				n += snprintf(to + n, sizeof text[0] - n, " %s", (const char *)sqlite3_column_text(st, c));
			n += snprintf(to + n, sizeof text[0] - n, "\n");
			assert_true(n < sizeof text[0]);
		}
		sqlite3_finalize(st);
		sqlite3_close(db);
	}
	return to;
}

static void compare_tables(struct fixture *alone, struct fixture *together)
{
	char *a = dump(alone), *b = dump(together), *from = a;

	if (!strcmp(a, b))
		return;
	for (; *a && *a == *b; a++, b++)
		if (*a == '\n')
			from = a + 1;
	b -= a - from;
	fail_msg("alone: %.*s  together: %.*s", (int)strcspn(from, "\n"), from, (int)strcspn(b, "\n"), b);
}

static void play(struct fixture *f[2], bool first)
{
	int n = first ? IDS : PER_ROUND;

	told = sql(f[0], "SELECT coalesce(max(seq), 0) FROM event");
	for (int i = 0; i < n; i++) {
		struct step *s = &steps[i];

		if (first) {
			make_accept(s, i);
			s->of[0] = (union any_op){.accept = {.op.kind = OP_ACCEPT, .items = &s->item, .n_items = 1}};
		} else {
			fill(s, &s->of[0]);
		}
		s->of[1] = s->of[0];
		if (s->of[1].op.kind == OP_ACCEPT && s->of[1].accept.idem)
			s->of[1].accept.idem = &s->idem[1];
		stage(f[0], s, 0);
		until(f[0], s, 0);
	}
	for (int i = 0; i < n; i++)
		stage(f[1], &steps[i], 1);
	until(f[1], &steps[n - 1], 1);
	for (int i = 0; i < n; i++)
		compare_results(&steps[i], i);
	compare_tables(f[0], f[1]);
}

static void one_by_one_is_as_all_at_once(void **state)
{
	void *f[2];

	for (uint32_t round = 1; round <= ROUNDS; round++) {
		assert_int_equal(fixture_setup(&f[0]), 0);
		assert_int_equal(fixture_setup(&f[1]), 0);
		seed = round;
		once = round % 2;
		memset(submitted, 0, sizeof submitted);
		memset(ended, 0, sizeof ended);
		play((struct fixture **)f, true);
		play((struct fixture **)f, false);
		play((struct fixture **)f, false);
		fixture_teardown(&f[0]);
		fixture_teardown(&f[1]);
	}
}

/* A few rows, and many more than are gathered at once, through all tables. */
static void many_go_together(void **state)
{
	struct fixture *f = *state;
	enum { MANY = 1500 };
	static struct message m[MANY];
	static struct store_accept items[MANY];
	static struct step s[MANY];
	struct op_accept accept = {.items = items, .n_items = MANY};

	for (unsigned i = 0; i < MANY; i++) {
		m[i] = (struct message){.id = 65536 + i, .client = 1, .route = 1, .to = i, .from = "x", .n_from = 1,
			.text = "t", .n_text = 1, .created_ms = 1, .ttl_end_ms = 1, .n_parts = 1};
		items[i] = (struct store_accept){.m = &m[i], .place = PLACE_BACKLOG, .lane = 1, .seq = 65536 + i, .leased = 1,
			.link = 1};
	}
	assert_int_equal(put(f, OP_ACCEPT, &accept.op), 0);
	assert_int_equal(sql(f, "SELECT (SELECT count(*) FROM message) + (SELECT count(*) FROM body) + (SELECT count(*) FROM"
				" backlog) + (SELECT count(*) FROM lease)"), 4 * MANY);
	for (unsigned i = 0; i < MANY; i++) {
		if (i % 100 == 50)
			continue; /* these stay */
		s[i].of[0] = (union any_op){.final = {.op.kind = OP_FINAL, .part = 1, .at = 1, .state = STATE_DELIVERED,
			.reason = REASON_RECEIPT,
			.msg = {.id = 65536 + i, .endpoint = 1, .n_parts = 1, .lane = 1, .seq = 65536 + i}}};
		stage(f, &s[i], 0);
	}
	until(f, &s[MANY - 1], 0);
	assert_int_equal(sql(f, "SELECT count(*) FROM final"), MANY - 15);
	assert_int_equal(sql(f, "SELECT count(*) FROM event"), MANY - 15);
	assert_int_equal(sql(f, "SELECT count(*) FROM lease WHERE (key >> 8) % 100 = (65536 + 50) % 100"), 15);
	assert_int_equal(sql(f, "SELECT count(*) FROM lease"), 15);
	assert_int_equal(sql(f, "SELECT count(*) FROM backlog WHERE seq % 100 = (65536 + 50) % 100"), 15);
	assert_int_equal(sql(f, "SELECT count(*) FROM backlog"), 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_by_one_is_as_all_at_once),
		cmocka_unit_test_setup_teardown(many_go_together, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
