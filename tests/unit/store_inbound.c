/* SPDX-License-Identifier: Apache-2.0
 *
 * store_inbound.c -- parts of inbound messages in the store: what becomes of each, and that a set is joined once.
 */
#include "store_fixture.h"

#define HOUR 3600000

struct given {
	const char *text;  /* NULL: the end */
	unsigned ref, total, seq;
};

static int64_t put_at(struct fixture *f, struct op_inbound_part *o, struct given g, int64_t at)
{
	*o = (struct op_inbound_part){.at = at, .until = at + HOUR, .link = 9, .from = "+1202", .to = "12345",
		.ref = g.ref, .total = g.total, .seq = g.seq, .text = g.text, .n_text = strlen(g.text),
		.raw = (const uint8_t *)g.text, .n_raw = strlen(g.text), .esm_class = 0x40};
	return put(f, OP_INBOUND_PART, &o->op);
}

static struct op_inbound_part give(struct fixture *f, const char *text, unsigned total, unsigned seq)
{
	struct op_inbound_part o;

	assert_int_equal(put_at(f, &o, (struct given){text, 7, total, seq}, clock_ms()), 0);
	return o;
}

static int join(struct fixture *f, uint64_t set, unsigned have, const char *text, const char *missing)
{
	struct op_inbound o = {.at = 55, .link = 9, .client = 3, .endpoint = 3, .from = "+1202", .to = "12345", .text = text,
		.n_text = strlen(text), .raw = (const uint8_t *)text, .n_raw = strlen(text), .parts = 3,
		.missing = missing, .set = set, .have = have};

	return put(f, OP_INBOUND, &o.op);
}

static unsigned n_due(struct fixture *f, int64_t now)
{
	struct q_inbound_due q = {.now = now};

	assert_int_equal(ask(f, Q_INBOUND_DUE, &q.q), 0);
	return q.n_sets;
}

static uint32_t n_open(struct fixture *f)
{
	struct store_stats st;

	store_stats(f->store, &st);
	return st.inbound_open;
}

static void parts_in_any_order_make_a_set(void **state)
{
	struct fixture *f = *state;
	struct op_inbound_part o = give(f, "c", 3, 3);
	struct q_inbound_set q = {.set = o.ret_set};

	assert_false(o.ret_again);
	assert_int_equal(o.ret_have, 1);
	assert_int_equal(give(f, "a", 3, 1).ret_have, 2);
	assert_int_equal(n_due(f, clock_ms()), 0);
	assert_int_equal(n_due(f, clock_ms() + 2 * HOUR), 1); /* its deadline */
	fixture_reopen(f);
	assert_int_equal(n_open(f), 1);
	o = give(f, "bb", 3, 2);
	assert_int_equal(o.ret_have, 3);
	assert_int_equal(o.ret_set, q.set);
	assert_int_equal(n_due(f, clock_ms()), 1); /* complete: at once */
	assert_int_equal(ask(f, Q_INBOUND_SET, &q.q), 0);
	assert_int_equal(q.n_parts, 3);
	assert_int_equal(q.total, 3);
	assert_int_equal(q.link, 9);
	assert_string_equal(q.from, "+1202");
	assert_string_equal(q.to, "12345");
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(q.parts[i].seq, i + 1);
	assert_string_equal(q.parts[1].text, "bb");
	assert_memory_equal(q.parts[1].raw, "bb", 2);
	assert_int_equal(q.parts[1].n_raw, 2);
	assert_int_equal(q.parts[1].esm_class, 0x40);
	store_query_done(&q.q);
}

static void what_differs_in_its_key_is_another_message(void **state)
{
	struct fixture *f = *state;
	struct op_inbound_part o = {.at = 1, .until = HOUR, .link = 9, .from = "1", .to = "2", .ref = 7, .total = 2,
		.seq = 1, .text = "a", .n_text = 1, .raw = (const uint8_t *)"a", .n_raw = 1};
	struct op_inbound_part other[] = {o, o, o, o, o, o};

	other[0].link = 10;
	other[1].from = "3";
	other[2].to = "3";
	other[3].ref = 8;
	other[4].wide = true;
	other[5].total = 3;
	assert_int_equal(put(f, OP_INBOUND_PART, &o.op), 0);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(put(f, OP_INBOUND_PART, &other[i].op), 0);
		assert_false(other[i].ret_again);
		assert_int_equal(other[i].ret_have, 1);
	}
	assert_int_equal(count(f, "inbound_set"), 7);
	assert_int_equal(n_open(f), 7);
}

static void a_repetition_writes_nothing_also_when_it_was_joined(void **state)
{
	struct fixture *f = *state;
	uint64_t set = give(f, "a", 2, 1).ret_set;
	struct op_inbound_part o = give(f, "a", 2, 1);

	assert_true(o.ret_again);
	assert_int_equal(o.ret_set, set);
	assert_int_equal(o.ret_have, 1);
	give(f, "b", 2, 2);
	assert_int_equal(join(f, set, 2, "ab", NULL), 0);
	assert_int_equal(n_open(f), 0);
	assert_true(give(f, "b", 2, 2).ret_again);
	fixture_reopen(f);
	assert_true(give(f, "a", 2, 1).ret_again);
	assert_int_equal(count(f, "inbound"), 1);
	assert_int_equal(n_due(f, clock_ms() + 2 * HOUR), 0);
	/* what is left of it has no text */
	assert_int_equal(sql(f, "SELECT sum(length(text) + length(raw)) FROM inbound_part"), 0);
}

static void a_set_is_joined_once(void **state)
{
	struct fixture *f = *state;
	uint64_t set = give(f, "a", 2, 1).ret_set;
	struct q_inbound_set q = {.set = set};

	give(f, "b", 2, 2);
	assert_int_equal(join(f, set, 1, "a", "2"), -ESTALE); /* a part came since it was read */
	assert_int_equal(count(f, "inbound"), 0);
	assert_int_equal(join(f, set, 2, "ab", NULL), 0);
	assert_int_equal(join(f, set, 2, "ab", NULL), -EEXIST);
	assert_int_equal(join(f, 4711, 2, "ab", NULL), -EEXIST);
	assert_int_equal(count(f, "inbound"), 1);
	assert_int_equal(count(f, "event"), 1);
	assert_int_equal(sql(f, "SELECT parts = 3 AND missing IS NULL FROM inbound"), 1);
	assert_int_equal(ask(f, Q_INBOUND_SET, &q.q), -ENOENT);
}

static void another_text_under_a_used_number_begins_a_new_message(void **state)
{
	struct fixture *f = *state;
	uint64_t old = give(f, "a", 2, 1).ret_set;
	struct op_inbound_part o = give(f, "A", 2, 1);

	assert_false(o.ret_again);
	assert_int_not_equal(o.ret_set, old);
	assert_int_equal(o.ret_replaced, old);
	assert_int_equal(o.ret_have, 1);
	assert_int_equal(n_due(f, clock_ms()), 1);
	/* the old one is joined as it is, and nothing of it stays: its repetitions would be the new one's parts */
	assert_int_equal(join(f, old, 1, "a", "2"), 0);
	assert_int_equal(sql(f, "SELECT missing = '2' FROM inbound"), 1);
	assert_int_equal(count(f, "inbound_set"), 1);
	assert_int_equal(give(f, "B", 2, 2).ret_set, o.ret_set);
	assert_int_equal(join(f, o.ret_set, 2, "AB", NULL), 0);
	/* a joined one makes room without a word */
	o = give(f, "x", 2, 2);
	assert_int_equal(o.ret_replaced, 0);
	assert_int_equal(o.ret_have, 1);
	assert_int_equal(count(f, "inbound_set"), 1);
	assert_int_equal(count(f, "inbound_part"), 1);
	assert_int_equal(n_open(f), 1);
}

static void a_late_part_of_a_partial_message_opens_a_set_of_its_own(void **state)
{
	struct fixture *f = *state;
	uint64_t set = give(f, "a", 2, 1).ret_set;
	struct op_inbound_part o;

	assert_int_equal(join(f, set, 1, "a", "2"), 0);
	assert_true(give(f, "a", 2, 1).ret_again);
	o = give(f, "b", 2, 2);
	assert_false(o.ret_again);
	assert_int_not_equal(o.ret_set, set);
	assert_int_equal(o.ret_have, 1);
}

static void beyond_the_bound_the_one_next_to_its_deadline_is_due(void **state)
{
	struct fixture *f = *state;
	struct op_inbound_part o;
	uint64_t second;

	fixture_close(f);
	f->conf.max_inbound_sets = 2;
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(put_at(f, &o, (struct given){"a", 1, 2, 1}, clock_ms() + 60000), 0);
	assert_int_equal(put_at(f, &o, (struct given){"b", 2, 2, 1}, clock_ms()), 0);
	second = o.ret_set;
	assert_int_equal(o.ret_forced, 0);
	assert_int_equal(put_at(f, &o, (struct given){"c", 3, 2, 1}, clock_ms()), 0);
	assert_int_equal(o.ret_forced, second);
	assert_int_equal(n_due(f, clock_ms()), 1);
	assert_int_equal(put_at(f, &o, (struct given){"d", 4, 2, 1}, clock_ms()), 0);
	assert_int_not_equal(o.ret_forced, second);
	assert_int_equal(n_due(f, clock_ms()), 2);
	/* nobody joins them: the next is refused; what fits an open set is not */
	assert_int_equal(put_at(f, &o, (struct given){"e", 5, 2, 1}, clock_ms()), -EBUSY);
	assert_int_equal(put_at(f, &o, (struct given){"d", 4, 2, 2}, clock_ms()), 0);
	assert_int_equal(n_open(f), 4);
	assert_int_equal(join(f, second, 1, "b", "2"), 0);
	assert_int_equal(put_at(f, &o, (struct given){"e", 5, 2, 1}, clock_ms()), 0);
	assert_int_equal(n_open(f), 4);
}

static void joined_sets_go_when_their_time_has_passed(void **state)
{
	struct fixture *f = *state;
	struct op_purge p = {.limit = 100};
	struct op_inbound_part o;
	int64_t now = clock_ms();

	/* whole: at the deadline.  It came an hour and a second ago. */
	assert_int_equal(put_at(f, &o, (struct given){"old", 1, 2, 1}, now - HOUR - 1000), 0);
	assert_int_equal(join(f, o.ret_set, 1, "old", "2"), 0); /* partial: an hour more */
	assert_int_equal(put_at(f, &o, (struct given){"new", 2, 2, 1}, now), 0);
	assert_int_equal(join(f, o.ret_set, 1, "new", "2"), 0);
	assert_int_equal(put_at(f, &o, (struct given){"open", 3, 2, 1}, now - 3 * HOUR), 0);
	assert_int_equal(put(f, OP_PURGE, &p.op), 0);
	assert_int_equal(count(f, "inbound_set"), 3);
	fixture_close(f);
	sql(f, "UPDATE inbound_set SET due = 1 WHERE ref = 1");
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(put(f, OP_PURGE, &p.op), 0);
	assert_int_equal(count(f, "inbound_set"), 2);
	assert_int_equal(count(f, "inbound_part"), 2);
	assert_int_equal(sql(f, "SELECT count(*) FROM inbound_set WHERE joined = 0"), 1); /* never what is open */
	assert_int_equal(sql(f, "SELECT due - at FROM inbound_set WHERE joined <> 0"), HOUR);
}

/* A reader's cursor, events and retention go by it. */
static void a_number_never_comes_again(void **state)
{
	struct fixture *f = *state;
	struct op_purge p = {.limit = 100, .rows_before = 3};
	struct op_inbound o = {.link = 9, .from = "1", .to = "2", .text = "", .raw = (const uint8_t *)""};

	for (o.at = 1; o.at < 3; o.at++)
		assert_int_equal(put(f, OP_INBOUND, &o.op), 0);
	assert_int_equal(o.n, 2);
	assert_int_equal(put(f, OP_PURGE, &p.op), 0);
	assert_int_equal(count(f, "inbound"), 0);
	assert_int_equal(put(f, OP_INBOUND, &o.op), 0);
	assert_int_equal(o.n, 3);
	p.rows_before = 4;
	assert_int_equal(put(f, OP_PURGE, &p.op), 0);
	assert_int_equal(count(f, "inbound"), 0);
	fixture_reopen(f);
	assert_int_equal(put(f, OP_INBOUND, &o.op), 0);
	assert_int_equal(o.n, 4);
	assert_int_equal(sql(f, "SELECT n FROM inbound"), 4);
}

static void new_sets_take_old_ones_away(void **state)
{
	struct fixture *f = *state;
	struct op_inbound_part o;

	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(put_at(f, &o, (struct given){"a", i, 2, 1}, clock_ms()), 0);
		assert_int_equal(join(f, o.ret_set, 1, "a", "2"), 0);
	}
	fixture_close(f);
	sql(f, "UPDATE inbound_set SET due = 1");
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(put_at(f, &o, (struct given){"a", 77, 2, 1}, clock_ms()), 0);
	assert_int_equal(count(f, "inbound_set"), 5 - 2 + 1);
	assert_int_equal(put_at(f, &o, (struct given){"b", 77, 2, 2}, clock_ms()), 0);
	assert_int_equal(count(f, "inbound_set"), 5 - 2 + 1);
	assert_int_equal(put_at(f, &o, (struct given){"a", 78, 2, 1}, clock_ms()), 0);
	assert_int_equal(put_at(f, &o, (struct given){"a", 79, 2, 1}, clock_ms()), 0);
	assert_int_equal(count(f, "inbound_set"), 3);
}

static void more_are_due_than_a_page_holds(void **state)
{
	struct fixture *f = *state;
	struct q_inbound_due q = {.now = clock_ms() + 2 * HOUR};
	struct op_inbound_part o;

	for (unsigned i = 0; i < INBOUND_DUE_MAX + 1; i++)
		assert_int_equal(put_at(f, &o, (struct given){"a", i, 2, 1}, clock_ms()), 0);
	assert_int_equal(ask(f, Q_INBOUND_DUE, &q.q), 0);
	assert_int_equal(q.n_sets, INBOUND_DUE_MAX);
	assert_true(q.more);
}

static void the_event_and_the_list_tell_what_is_missing(void **state)
{
	struct fixture *f = *state;
	uint64_t set = give(f, "a", 3, 2).ret_set;
	struct q_events e = {.endpoint = 3, .limit = 9};
	struct q_inbound l = {.limit = 9};

	assert_int_equal(join(f, set, 1, "a", "1,3"), 0);
	e.shard = 1;
	assert_int_equal(ask(f, Q_EVENTS, &e.q), 0);
	assert_int_equal(e.n_rows, 1);
	assert_int_equal(e.rows[0].parts, 3);
	assert_string_equal(e.rows[0].in_missing, "1,3");
	store_query_done(&e.q);
	assert_int_equal(ask(f, Q_INBOUND, &l.q), 0);
	assert_int_equal(l.rows[0].parts, 3);
	assert_string_equal(l.rows[0].missing, "1,3");
	store_query_done(&l.q);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(parts_in_any_order_make_a_set),
		TEST(what_differs_in_its_key_is_another_message),
		TEST(a_repetition_writes_nothing_also_when_it_was_joined),
		TEST(a_set_is_joined_once),
		TEST(another_text_under_a_used_number_begins_a_new_message),
		TEST(a_late_part_of_a_partial_message_opens_a_set_of_its_own),
		TEST(beyond_the_bound_the_one_next_to_its_deadline_is_due),
		TEST(joined_sets_go_when_their_time_has_passed),
		TEST(new_sets_take_old_ones_away),
		TEST(more_are_due_than_a_page_holds),
		TEST(a_number_never_comes_again),
		TEST(the_event_and_the_list_tell_what_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
