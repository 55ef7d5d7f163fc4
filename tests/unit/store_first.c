/* SPDX-License-Identifier: Apache-2.0
 *
 * store_first.c -- lanes and names are on disk before all that refers to them, or it is not.
 *
 * A trigger in the database keeps a row from being stored for as long as it is there.
 */
#include "store_fixture.h"

#define SETTLE_OPS 1100 /* of four rows: more than one commit takes beside bulk */

struct answer {
	int r;
	bool there;
	uint64_t commits;
};

static struct fixture *fix;

static void answered(struct store_op *op)
{
	struct answer *a = op->arg;
	struct store_stats st;

	store_stats(fix->store, &st);
	*a = (struct answer){op->r, true, st.commits};
}

static void stage(enum store_list list, enum store_op_kind kind, struct store_op *op, struct answer *a)
{
	*a = (struct answer){0};
	*op = (struct store_op){.kind = kind, .rows = 1, .done = answered, .arg = a};
	store_stage(fix->store, list, op);
}

static void until(const struct answer *a)
{
	while (!a->there)
		uv_run(&fix->loop, UV_RUN_ONCE);
}

static void change(const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(fix->path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void keep_out(const char *table)
{
	char text[128];

	snprintf(text, sizeof text, "CREATE TRIGGER keep_out BEFORE INSERT ON %s BEGIN SELECT RAISE(ABORT, 'kept out'); END", table);
	change(text);
}

static int setup(void **state)
{
	int r = fixture_setup(state);

	fix = *state;
	return r;
}

static struct op_due_fire row_of(uint32_t lane)
{
	return (struct op_due_fire){.at = 1, .key = msg_key(fix->boot.next_id, 0), .lane = lane, .seq = 1};
}

static void a_lane_is_stored_no_later_than_its_first_row(void **state)
{
	static struct op_final finals[SETTLE_OPS];
	static struct answer final_answers[SETTLE_OPS];
	struct op_lane lane = {.lane = {.id = 77, .client = 1}};
	struct op_due_fire row = row_of(77);
	struct answer to_lane, to_row;

	(void)state;
	for (unsigned i = 0; i < SETTLE_OPS; i++) {
		finals[i] = (struct op_final){.msg = {.id = fix->boot.next_id + i, .n_parts = 1}, .part = 1, .state = STATE_DELIVERED,
			.reason = REASON_RECEIPT};
		stage(STORE_SETTLE, OP_FINAL, &finals[i].op, &final_answers[i]);
		finals[i].op.rows = 4;
	}
	stage(STORE_BULK, OP_DUE_FIRE, &row.op, &to_row);
	stage(STORE_FIRST, OP_LANE, &lane.op, &to_lane);
	until(&to_row);
	assert_true(to_lane.there);
	assert_int_equal(to_lane.r, 0);
	assert_int_equal(to_row.r, 0);
	assert_true(to_lane.commits <= to_row.commits);
	until(&final_answers[SETTLE_OPS - 1]);
}

static void nothing_is_stored_while_what_it_may_refer_to_is_not(void **state)
{
	struct op_lane lane = {.lane = {.id = 78, .client = 1}};
	struct op_name name = {.kind = NAME_CAMPAIGN, .id = 3, .text = "spring"};
	struct op_due_fire rows[3] = {row_of(78), row_of(78), row_of(78)};
	struct answer to_lane, to_name, to_rows[3];

	(void)state;
	keep_out("lane");
	stage(STORE_FIRST, OP_NAME, &name.op, &to_name);
	stage(STORE_FIRST, OP_LANE, &lane.op, &to_lane);
	for (int i = 0; i < 2; i++)
		stage(i ? STORE_SETTLE : STORE_BULK, OP_DUE_FIRE, &rows[i].op, &to_rows[i]);
	until(&to_rows[0]);
	until(&to_rows[1]);
	assert_true(to_rows[0].r < 0 && to_rows[1].r < 0);
	stage(STORE_OTP, OP_DUE_FIRE, &rows[2].op, &to_rows[2]); /* later, in another commit */
	until(&to_rows[2]);
	assert_true(to_rows[2].r < 0);
	assert_false(to_lane.there || to_name.there);
	change("DROP TRIGGER keep_out");
	until(&to_lane); /* nothing else is staged: it is tried again by itself */
	until(&to_name);
	assert_int_equal(to_lane.r, 0);
	assert_int_equal(to_name.r, 0);
	stage(STORE_BULK, OP_DUE_FIRE, &rows[0].op, &to_rows[0]);
	until(&to_rows[0]);
	assert_int_equal(to_rows[0].r, 0);
}

static void what_is_refused_for_its_own_sake_does_not_hold_the_others(void **state)
{
	struct op_lane lane = {.lane = {.id = 79, .client = 1}};
	struct op_final final = {.msg = {.id = fix->boot.next_id, .n_parts = 1}, .part = 1, .state = STATE_DELIVERED,
		.reason = REASON_RECEIPT};
	struct op_due_fire row = row_of(79);
	struct answer to_lane, to_final, to_row;

	(void)state;
	keep_out("final");
	stage(STORE_FIRST, OP_LANE, &lane.op, &to_lane);
	stage(STORE_SETTLE, OP_FINAL, &final.op, &to_final);
	stage(STORE_BULK, OP_DUE_FIRE, &row.op, &to_row);
	until(&to_final);
	until(&to_row);
	until(&to_lane);
	assert_true(to_final.r < 0);
	assert_int_equal(to_lane.r, 0);
	assert_int_equal(to_row.r, 0);
	change("DROP TRIGGER keep_out");
}

static void a_store_that_cannot_take_them_can_be_closed(void **state)
{
	struct op_lane lane = {.lane = {.id = 80, .client = 1}};
	struct op_due_fire row = row_of(80);
	struct answer to_lane, to_row;

	(void)state;
	keep_out("lane");
	stage(STORE_FIRST, OP_LANE, &lane.op, &to_lane);
	stage(STORE_BULK, OP_DUE_FIRE, &row.op, &to_row);
	until(&to_row);
	assert_true(to_row.r < 0);
	assert_false(to_lane.there);
	fixture_close(fix);
	assert_true(to_lane.there && to_lane.r < 0);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_lane_is_stored_no_later_than_its_first_row),
		TEST(nothing_is_stored_while_what_it_may_refer_to_is_not),
		TEST(what_is_refused_for_its_own_sake_does_not_hold_the_others),
		TEST(a_store_that_cannot_take_them_can_be_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
