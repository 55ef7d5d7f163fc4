/* SPDX-License-Identifier: Apache-2.0 */
/* store_purge.c -- retention: what goes and what stays, the sums of what went, and how large the file is. */
#include "store_fixture.h"

static void retention_takes_what_is_final_and_old(void **state)
{
	struct fixture *f = *state;
	uint64_t id = f->boot.next_id;
	struct op_purge o = {.limit = 2};
	struct store_spill spill_row = {.hash = 77, .key = msg_key(id, 1), .deadline = 1};
	struct op_spill spill = {.rows = &spill_row, .n_rows = 1};
	struct op_receipt parked = {.hash = {1}, .n_hash = 1, .n_park = 1, .link = 1, .at = 5, .stat = "DELIVRD", .state = STATE_DELIVERED};
	uint64_t n = 0;

	for (unsigned i = 0; i < 10; i++) {
		struct store_msg sm = sent_message(f, id + i, 2, REPORT_FINAL);
		struct op_final final = {.msg = sm, .state = STATE_EXPIRED, .at = 1};

		if (i != 3) /* this one still waits */
			assert_int_equal(put(f, OP_FINAL, &final.op), 0);
	}
	assert_int_equal(put(f, OP_SPILL, &spill.op), 0);
	assert_int_equal(put(f, OP_RECEIPT, &parked.op), 0);
	o.bodies_before = fixture_message(id + 5).created_ms;
	do {
		assert_int_equal(put(f, OP_PURGE, &o.op), 0);
	} while (o.ret_n == 2 && ++n < 100);
	assert_int_equal(count(f, "body"), 6);
	assert_int_equal(count(f, "message"), 10);
	assert_int_equal(count(f, "waiting"), 0); /* final since 1970 */
	assert_int_equal(count(f, "receipt_parked"), 1);
	o.parked_before = 6;
	o.rows_before = fixture_message(id + 6).created_ms;
	n = 0;
	do {
		assert_int_equal(put(f, OP_PURGE, &o.op), 0);
	} while (o.ret_n == 2 && ++n < 100);
	assert_int_equal(count(f, "message"), 5);
	assert_int_equal(count(f, "body"), 5);
	assert_int_equal(count(f, "submit"), 10);
	assert_int_equal(count(f, "final"), 4);
	assert_int_equal(count(f, "bound"), 5);
	assert_int_equal(count(f, "receipt_parked"), 0);
	assert_int_equal(count(f, "receipt_parked_id"), 0);
	assert_int_equal(sql(f, "SELECT min(id) FROM message"), id + 3);
}

static void all_old_rows_go(struct fixture *f, int64_t before)
{
	struct op_purge o = {.limit = 5, .rows_before = before};

	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(put(f, OP_PURGE, &o.op), 0);
}

/* Delivered, undelivered and corrected, expired unsent, of two parts; and one that is not final and stays. */
static void sums_outlive_their_rows(void **state)
{
	struct fixture *f = *state;
	uint64_t id = f->boot.next_id;
	struct message unsent = fixture_message(id + 3);
	struct op_final final = {.state = STATE_DELIVERED, .at = 1};

	for (unsigned i = 0; i < 3; i++) {
		final.msg = sent_message(f, id + i, i == 2 ? 2 : 1, REPORT_FINAL);
		final.state = i == 0 ? STATE_DELIVERED : STATE_UNDELIVERED;
		assert_int_equal(put(f, OP_FINAL, &final.op), 0);
	}
	final.msg = (struct store_msg){.id = id + 1, .n_parts = 1};
	final.state = STATE_DELIVERED; /* a later receipt says otherwise */
	assert_int_equal(put(f, OP_FINAL, &final.op), 0);
	assert_true(final.ret_correction);
	assert_int_equal(accept_message(f, &unsent, 0), 0);
	final.msg = (struct store_msg){.id = id + 3, .n_parts = 1};
	final.state = STATE_EXPIRED;
	assert_int_equal(put(f, OP_FINAL, &final.op), 0);
	sent_message(f, id + 4, 1, REPORT_FINAL);
	all_old_rows_go(f, INT64_MAX);
	assert_int_equal(count(f, "message"), 1);
	assert_int_equal(count(f, "total"), 3);
	assert_int_equal(sql(f, "SELECT count(*) FROM total WHERE client = 3 AND campaign = 7 AND tag = 'red' AND class = 2"
				" AND day = 1700000000000 / 86400000"), 3);
	assert_int_equal(sql(f, "SELECT messages * 100 + parts * 10 + taken FROM total WHERE state = 4 AND link = 9"), 222);
	assert_int_equal(sql(f, "SELECT messages * 100 + parts * 10 + taken FROM total WHERE state = 5 AND link = 9"), 122);
	assert_int_equal(sql(f, "SELECT messages * 100 + parts * 10 + taken FROM total WHERE state = 7 AND link = 0"), 110);
	/* Each is counted once, whatever a restart does. */
	fixture_reopen(f);
	final.msg = (struct store_msg){.id = id + 4, .n_parts = 1};
	final.state = STATE_DELIVERED;
	assert_int_equal(put(f, OP_FINAL, &final.op), 0);
	all_old_rows_go(f, INT64_MAX);
	assert_int_equal(count(f, "message"), 0);
	assert_int_equal(sql(f, "SELECT sum(messages) FROM total"), 5);
	assert_int_equal(sql(f, "SELECT messages FROM total WHERE state = 4"), 3);
}

/* A client may give each message a tag of its own: then sums are as many as rows were. */
static void a_day_has_room_for_so_many_tags(void **state)
{
	struct fixture *f = *state;
	uint64_t id = f->boot.next_id;
	struct op_final final = {.msg = sent_message(f, id, 1, REPORT_FINAL), .state = STATE_DELIVERED, .at = 1};

	assert_int_equal(put(f, OP_FINAL, &final.op), 0);
	sql(f, "INSERT INTO total WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
	       " SELECT 1700000000000 / 86400000, 3, 7, 't' || i, 2, 9, 4, 1, 1, 1 FROM n");
	assert_int_equal(count(f, "total"), 10000);
	all_old_rows_go(f, INT64_MAX);
	assert_int_equal(count(f, "message"), 0);
	assert_int_equal(count(f, "total"), 10001);
	assert_int_equal(sql(f, "SELECT messages FROM total WHERE tag = '' AND campaign = 7"), 1);
}

/* What is gone and what is there, more of it than a page may look at: the pages add up to all of it. */
static void sums_are_read_a_page_at_a_time(void **state)
{
	struct fixture *f = *state;
	struct q_totals q = {.last_day = 65535};
	uint64_t messages = 0, parts = 0, red = 0;
	unsigned pages = 0;

	sql(f, "INSERT INTO total WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)"
	       " SELECT 19000 + i % 3, 3, i, '', 2, 9, 4, 2, 3, 3 FROM n"); /* 3,000 campaigns a day */
	sql(f, "INSERT INTO message WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 59999)"
	       " SELECT 65536 + i, 3, 5, 7, 2 | (1 << 16), 79000000000, 1700000000000 + i, NULL, 0, '', NULL,"
	       " iif(i % 2, 'red', NULL) FROM n");
	do {
		assert_int_equal(ask(f, Q_TOTALS, &q.q), 0);
		for (unsigned i = 0; i < q.n_rows; i++) {
			messages += q.rows[i].messages;
			parts += q.rows[i].parts;
			assert_int_equal(q.rows[i].state, q.rows[i].day < 19100 ? STATE_DELIVERED : STATE_QUEUED);
		}
		q.after = q.next;
		store_query_done(&q.q);
	} while (q.after && ++pages < 100);
	assert_in_range(pages, 2, 99);
	assert_int_equal(messages, 9000 * 2 + 60000);
	assert_int_equal(parts, 9000 * 3 + 60000);
	q = (struct q_totals){.last_day = 65535, .client = 3, .campaign = 7, .tag = "red"};
	do {
		assert_int_equal(ask(f, Q_TOTALS, &q.q), 0);
		red += q.n_rows ? q.rows[0].messages : 0;
		q.after = q.next;
		store_query_done(&q.q);
	} while (q.after && ++pages < 200);
	assert_int_equal(red, 30000);
}

/* More campaigns on one day than a page has room for, each of them of two links and two tags. */
static void sums_of_one_day_are_read_a_page_at_a_time(void **state)
{
	struct fixture *f = *state;
	static uint64_t messages[20001];
	struct q_totals q = {.last_day = 65535};
	unsigned pages = 0, of_four = 0;

	sql(f, "INSERT INTO total WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 79999)"
	       " SELECT 19000, 3, 1 + i / 4, 't' || (i % 2), 2, 8 + i / 2 % 2, 4, 1, 1, 1 FROM n");
	sql(f, "INSERT INTO total SELECT 19000, 4, campaign, tag, class, link, state, 1, 1, 1 FROM total"
	       " WHERE campaign <= 10");
	do {
		assert_int_equal(ask(f, Q_TOTALS, &q.q), 0);
		assert_in_range(q.n_rows, 1, 4096 + 8);
		for (unsigned i = 0; i < q.n_rows; i++)
			messages[q.rows[i].campaign] += q.rows[i].messages;
		q.after = q.next;
		store_query_done(&q.q);
	} while (q.after && ++pages < 100);
	assert_in_range(pages, 40000 / 4096, 60); /* two rows of a campaign */
	for (unsigned i = 1; i <= 20000; i++)
		assert_int_equal(messages[i], i <= 10 ? 8 : 4);
	/* One client's are found at once, whatever others have. */
	q = (struct q_totals){.last_day = 65535, .client = 4};
	assert_int_equal(ask(f, Q_TOTALS, &q.q), 0);
	assert_int_equal(q.n_rows, 20);
	assert_int_equal(q.next, 0);
	for (unsigned i = 0; i < q.n_rows; i++)
		of_four += q.rows[i].messages;
	assert_int_equal(of_four, 40);
	store_query_done(&q.q);
}

/* Pages that the next messages will take are not given back, as that means to move others into their place. */
static void what_little_is_free_is_kept(void **state)
{
	struct fixture *f = *state;
	uint64_t first = f->boot.next_id;
	struct op_purge o = {.limit = 1000};
	int64_t pages;

	for (uint64_t id = first; id < first + 600; id++) {
		struct op_final final = {.msg = sent_message(f, id, 2, REPORT_NONE), .state = STATE_EXPIRED, .at = 1};

		assert_int_equal(put(f, OP_FINAL, &final.op), 0);
	}
	o.rows_before = fixture_message(first + 40).created_ms;
	pages = sql(f, "PRAGMA page_count");
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(put(f, OP_PURGE, &o.op), 0);
	assert_in_range(sql(f, "PRAGMA freelist_count"), 1, pages / 8);
	assert_in_range(sql(f, "PRAGMA page_count"), pages, pages + 2);
}

/* The same load again and again with what is old going: pages are used again, and the file does not grow. */
static void under_a_steady_load_the_file_does_not_grow(void **state)
{
	struct fixture *f = *state;
	uint64_t id = f->boot.next_id;
	struct op_purge o = {.limit = 1000};
	int64_t empty = sql(f, "PRAGMA page_count"), at_first = 0, pages = 0;

	for (unsigned round = 0; round < 12; round++) {
		for (unsigned i = 0; i < 200; i++, id++) {
			struct op_final final = {.msg = sent_message(f, id, 2, REPORT_NONE), .state = STATE_EXPIRED, .at = 1};

			assert_int_equal(put(f, OP_FINAL, &final.op), 0);
		}
		o.rows_before = fixture_message(id - 400).created_ms; /* two rounds stay */
		assert_int_equal(put(f, OP_PURGE, &o.op), 0);
		pages = sql(f, "PRAGMA page_count");
		if (round == 3)
			at_first = pages;
	}
	assert_in_range(pages, 1, at_first + at_first / 20);
	o.rows_before = INT64_MAX;
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(put(f, OP_PURGE, &o.op), 0);
	pages = sql(f, "PRAGMA page_count"); /* and gives back what it needs no more, but for an eighth */
	assert_in_range(sql(f, "PRAGMA freelist_count"), 0, pages / 8);
	assert_in_range(pages - sql(f, "PRAGMA freelist_count"), 1, empty + 2);
	assert_true(at_first > empty + 10);
}

static void numbers_go_at_their_own_age(void **state)
{
	struct fixture *f = *state;
	uint64_t id = f->boot.next_id, to = fixture_message(id).to;
	struct op_purge o = {.limit = 2};
	struct store_lookup row = {store_lookup_hash('n', 0, &to, sizeof to), id};
	struct op_lookup lookup = {.run = id >> 16, .rows = &row, .n_rows = 1};
	struct op_inbound in = {.at = 5, .from = "+12025550142", .to = "12345", .text = "hi", .n_text = 2};
	char text[MSG_TO_TEXT];
	uint64_t n = 0;

	for (unsigned i = 0; i < 6; i++) {
		struct store_msg sm = sent_message(f, id + i, 1, REPORT_FINAL);
		struct op_final final = {.msg = sm, .state = STATE_EXPIRED, .at = 1};

		if (i != 4) /* this one still waits */
			assert_int_equal(put(f, OP_FINAL, &final.op), 0);
	}
	assert_int_equal(put(f, OP_LOOKUP, &lookup.op), 0);
	assert_int_equal(put(f, OP_INBOUND, &in.op), 0);
	in.at = INT64_MAX;
	assert_int_equal(put(f, OP_INBOUND, &in.op), 0);
	o.numbers_before = fixture_message(id + 3).created_ms;
	do {
		assert_int_equal(put(f, OP_PURGE, &o.op), 0);
	} while (o.ret_n == 2 && ++n < 100);
	assert_int_equal(sql(f, "SELECT count(*) FROM message WHERE recipient < 0"), 3);
	assert_int_equal(count(f, "lookup"), 0);
	assert_int_equal(sql(f, "SELECT count(*) FROM inbound WHERE sender = ''"), 1);
	assert_int_equal(sql(f, "SELECT count(*) FROM inbound WHERE text = 'hi'"), 2); /* texts have their own age */
	assert_string_equal(msg_to_text(sql(f, "SELECT min(recipient) FROM message"), text), "+1202*******");
	o.numbers_before = fixture_message(id + 6).created_ms;
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(put(f, OP_PURGE, &o.op), 0);
	assert_int_equal(sql(f, "SELECT count(*) FROM message WHERE recipient < 0"), 4); /* it stops at what waits */
	fixture_close(f);
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(put(f, OP_PURGE, &o.op), 0);
	assert_int_equal(o.ret_n, 2); /* it goes on there, and does not begin anew */
	o.bodies_before = INT64_MAX;
	assert_int_equal(put(f, OP_PURGE, &o.op), 0);
	assert_int_equal(sql(f, "SELECT count(*) FROM inbound WHERE text = 'hi'"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(retention_takes_what_is_final_and_old),
		TEST(sums_outlive_their_rows),
		TEST(a_day_has_room_for_so_many_tags),
		TEST(sums_are_read_a_page_at_a_time),
		TEST(sums_of_one_day_are_read_a_page_at_a_time),
		TEST(what_little_is_free_is_kept),
		TEST(under_a_steady_load_the_file_does_not_grow),
		TEST(numbers_go_at_their_own_age),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
