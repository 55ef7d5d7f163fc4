/* SPDX-License-Identifier: Apache-2.0
 *
 * store_reads.c -- what comes back: to the queue (also after a restart), to the API, to background work.
 */
#include "store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>

static void accept_at(struct fixture *f, struct message *m, uint8_t place, uint32_t lane, uint64_t seq)
{
	struct store_accept item = {.m = m, .place = place, .lane = lane, .seq = seq};
	struct op_accept o = {.items = &item, .n_items = 1};

	assert_int_equal(put(f, OP_ACCEPT, &o.op), 0);
}

static void finish(struct fixture *f, uint64_t id, uint8_t state)
{
	struct op_final o = {.msg = {.id = id, .n_parts = 1}, .state = state, .at = 1700000005000, .reason = REASON_RECEIPT};

	assert_int_equal(put(f, OP_FINAL, &o.op), 0);
}

/* ---- one message -------------------------------------------------------------------------------------------- */

static void a_message_comes_back_as_it_was(void **state)
{
	struct fixture *f = *state;
	struct message m = fixture_message(f->boot.next_id), *got;
	struct q_load q = {.from_id = m.id};

	m.text = "\x03\x24\x01\x02" "ab\0cd";
	m.n_text = 9;
	m.flags = MSG_BINARY;
	m.encoding = ENC_BINARY;
	m.n_parts = 3;
	m.send_at_ms = 1700000777000;
	accept_at(f, &m, PLACE_MEMORY, 0, 0);
	assert_int_equal(ask(f, Q_LOAD, &q.q), 0);
	assert_int_equal(q.n_rows, 1);
	got = q.rows[0].m;
	assert_int_equal(got->id, m.id);
	assert_int_equal(got->created_ms, m.created_ms);
	assert_int_equal(got->send_at_ms, m.send_at_ms);
	assert_int_equal(got->ttl_end_ms, m.ttl_end_ms);
	assert_int_equal(got->to, m.to);
	assert_int_equal(got->client, m.client);
	assert_int_equal(got->campaign, m.campaign);
	assert_int_equal(got->route, m.route);
	assert_int_equal(got->class, m.class);
	assert_int_equal(got->report, m.report);
	assert_int_equal(got->flags, MSG_BINARY);
	assert_int_equal(got->encoding, ENC_BINARY);
	assert_int_equal(got->wish, WISH_UCS2);
	assert_int_equal(got->n_parts, 3);
	assert_string_equal(got->ref, "order");
	assert_string_equal(got->tag, "red");
	assert_string_equal(got->from, "SHOP");
	assert_int_equal(got->n_text, 9);
	assert_memory_equal(got->text, m.text, 9);
	store_query_done(&q.q);
	q.from_id = m.id + 1;
	assert_int_equal(ask(f, Q_LOAD, &q.q), 0);
	assert_int_equal(q.n_rows, 0);
}

static void rows_say_how_far_a_message_is(void **state)
{
	struct fixture *f = *state;
	struct message m = fixture_message(f->boot.next_id);
	struct store_msg sm = {.id = m.id, .n_parts = 4};
	struct op_submit s = {.msg = sm, .at = 42, .link = 9, .smsc_id = "id-1"};
	struct op_final fin = {.msg = sm, .part = 2, .state = STATE_DELIVERED, .at = 43};
	struct op_attempt a = {.msg = sm, .part = 4, .at = 44, .link = 9, .outcome = OUTCOME_RETRY, .keep_lease = true};
	struct q_load q = {.from_id = m.id, .no_body = true};
	struct store_loaded *l;

	m.n_parts = 4;
	assert_int_equal(accept_message(f, &m, 7), 0);
	for (s.part = 1; s.part <= 2; s.part++)
		assert_int_equal(put(f, OP_SUBMIT, &s.op), 0);
	assert_int_equal(put(f, OP_FINAL, &fin.op), 0);
	assert_int_equal(put(f, OP_ATTEMPT, &a.op), 0);
	assert_int_equal(ask(f, Q_LOAD, &q.q), 0);
	l = &q.rows[0];
	assert_null(l->m->text);
	assert_false(l->final);
	assert_int_equal(l->submitted, 3);
	assert_int_equal(l->finals, 2);
	assert_int_equal(l->leased, 4);
	assert_int_equal(l->lease_link, 9);
	assert_int_equal(l->bound_link, 9);
	assert_int_equal(l->bound_ref, 77);
	assert_int_equal(l->bound_parts, 4);
	assert_int_equal(l->tries, 1);
	assert_int_equal(l->n_sent, 1); /* part 2 is final */
	assert_int_equal(l->sent[0].part, 1);
	assert_int_equal(l->sent[0].at, 42);
	assert_string_equal(l->sent[0].smsc_id, "id-1");
	store_query_done(&q.q);
}

/* ---- the queue's pages -------------------------------------------------------------------------------------- */

static void backlog_is_paged_in_order_of_seq(void **state)
{
	struct fixture *f = *state;
	uint64_t id = f->boot.next_id;
	struct q_load q = {.lane = 2, .limit = 3};
	struct q_load expired = {.lane = 2, .limit = 10, .upto = 28334773};
	struct q_lane_count n = {.lane = 2, .after_seq = id, .upto_seq = id + 100};

	for (unsigned i = 0; i < 5; i++) {
		struct message m = fixture_message(id + i);

		if (i == 3)
			m.ttl_end_ms -= 60000; /* a minute earlier than the others: 28334773 */
		accept_at(f, &m, PLACE_BACKLOG, 2, id + 10 - i);
		m.id += 1000;
		accept_at(f, &m, PLACE_BACKLOG, 3, id + 10 - i);
	}
	assert_int_equal(ask(f, Q_BACKLOG, &q.q), 0);
	assert_int_equal(q.n_rows, 3);
	assert_true(q.more);
	assert_int_equal(q.rows[0].m->id, id + 4);
	assert_int_equal(q.rows[0].lane, 2);
	assert_int_equal(q.rows[0].seq, id + 6);
	assert_string_equal(q.rows[0].m->text, "hello");
	store_query_done(&q.q);
	q.after_seq = q.last_seq;
	assert_int_equal(ask(f, Q_BACKLOG, &q.q), 0);
	assert_int_equal(q.n_rows, 2);
	assert_false(q.more);
	assert_int_equal(q.rows[1].m->id, id);
	store_query_done(&q.q);
	assert_int_equal(ask(f, Q_EXPIRED, &expired.q), 0);
	assert_int_equal(expired.n_rows, 1);
	assert_int_equal(expired.rows[0].m->id, id + 3);
	store_query_done(&expired.q);
	assert_int_equal(ask(f, Q_LANE_COUNT, &n.q), 0);
	assert_int_equal(n.ret_n, 5);
	assert_int_equal(n.ret_n_minutes, 2);
	assert_int_equal(n.ret_minutes[0].minute, 28334773);
	assert_int_equal(n.ret_minutes[0].n, 1);
	assert_int_equal(n.ret_minutes[1].n, 4);
	store_query_done(&n.q);
	n.after_seq = id + 6; /* both ends are excluded */
	n.upto_seq = id + 10;
	assert_int_equal(ask(f, Q_LANE_COUNT, &n.q), 0);
	assert_int_equal(n.ret_n, 3);
	store_query_done(&n.q);
}

/* The cursors of a page step over a few rows and jump over many; ids may also fall. */
static void a_page_finds_the_rows_of_each_message(void **state)
{
	struct fixture *f = *state;
	uint64_t id = f->boot.next_id;
	static const unsigned order[] = {0, 40, 45, 20, 60};
	struct q_load q = {.lane = 2, .limit = 10};

	for (unsigned i = 0; i < 61; i++)
		sent_message(f, id + i, 1 + i % 3, REPORT_NONE);
	for (unsigned i = 0; i < 5; i++) {
		struct op_due_fire o = {.key = msg_key(id + order[i], 0), .lane = 2, .seq = id + 100 + i};

		assert_int_equal(put(f, OP_DUE_FIRE, &o.op), 0);
	}
	assert_int_equal(ask(f, Q_BACKLOG, &q.q), 0);
	assert_int_equal(q.n_rows, 5);
	for (unsigned i = 0; i < 5; i++) {
		unsigned n_parts = 1 + order[i] % 3;

		assert_int_equal(q.rows[i].m->id, id + order[i]);
		assert_int_equal(q.rows[i].n_sent, n_parts);
		assert_int_equal(q.rows[i].submitted, (1u << n_parts) - 1);
		assert_int_equal(q.rows[i].bound_parts, n_parts > 1 ? n_parts : 0);
	}
	store_query_done(&q.q);
}

static void due_tells_what_comes_next(void **state)
{
	struct fixture *f = *state;
	uint64_t id = f->boot.next_id;
	struct q_load q = {.upto = 2000, .limit = 2};

	for (unsigned i = 0; i < 4; i++) {
		struct message m = fixture_message(id + i);

		m.send_at_ms = i < 3 ? 1000 : 5000; /* three at the same time */
		accept_at(f, &m, PLACE_DUE, 0, 0);
	}
	assert_int_equal(ask(f, Q_DUE, &q.q), 0);
	assert_int_equal(q.n_rows, 2);
	assert_true(q.more);
	assert_int_equal(q.rows[1].due_at, 1000);
	assert_int_equal(q.rows[1].due_key, msg_key(id + 1, 0));
	assert_int_equal(q.rows[1].due_reason, REASON_SCHEDULED);
	store_query_done(&q.q);
	q.after_at = q.last_at;
	q.after_key = q.last_key;
	assert_int_equal(ask(f, Q_DUE, &q.q), 0);
	assert_int_equal(q.n_rows, 1);
	assert_false(q.more);
	assert_int_equal(q.last_at, 5000);
	store_query_done(&q.q);
	/* A row whose message is gone still comes, so that it can be taken away. */
	sql(f, "DELETE FROM message");
	q.upto = 9000;
	q.after_at = 1000;
	q.after_key = INT64_MAX;
	assert_int_equal(ask(f, Q_DUE, &q.q), 0);
	assert_int_equal(q.n_rows, 1);
	assert_null(q.rows[0].m);
	assert_int_equal(q.last_at, 0);
	store_query_done(&q.q);
}

/* What is left out is not read, and what retention took is no error. */
static void a_page_brings_what_it_was_asked_for(void **state)
{
	struct fixture *f = *state;
	uint64_t id = f->boot.next_id;
	struct q_load q = {.upto = 2000, .limit = 9};

	for (unsigned i = 0; i < 4; i++) {
		struct message m = fixture_message(id + i);

		m.send_at_ms = 1000 + i;
		accept_at(f, &m, PLACE_DUE, 0, 0);
	}
	sql(f, "UPDATE due SET reason = CASE at WHEN 1001 THEN 3 WHEN 1002 THEN 13 ELSE reason END");
	q.held = true;
	assert_int_equal(ask(f, Q_DUE, &q.q), 0);
	assert_int_equal(q.n_rows, 1);
	assert_int_equal(q.rows[0].m->id, id + 1);
	assert_int_equal(q.rows[0].due_reason, REASON_HOLD);
	assert_string_equal(q.rows[0].m->text, "hello");
	store_query_done(&q.q);
	q.held = false;
	q.unconfirmed = q.no_body = true;
	assert_int_equal(ask(f, Q_DUE, &q.q), 0);
	assert_int_equal(q.n_rows, 1);
	assert_int_equal(q.rows[0].m->id, id + 2);
	assert_int_equal(q.rows[0].due_reason, REASON_NO_RECEIPT);
	assert_null(q.rows[0].m->text);
	store_query_done(&q.q);
	q.unconfirmed = q.no_body = false;
	sql(f, "DELETE FROM body WHERE id = (SELECT min(id) FROM message)");
	assert_int_equal(ask(f, Q_DUE, &q.q), 0);
	assert_int_equal(q.n_rows, 4);
	assert_null(q.rows[0].m->text);
	assert_string_equal(q.rows[0].m->tag, "red");
	assert_string_equal(q.rows[3].m->text, "hello");
	store_query_done(&q.q);
}

/* An attempt over another link that the disk had refused has come behind it. */
static void a_held_part_is_of_the_link_that_made_its_due_row(void **state)
{
	struct fixture *f = *state;
	struct message m = fixture_message(f->boot.next_id);
	struct store_msg sm = {.id = m.id, .n_parts = 1};
	struct op_attempt hold = {.msg = sm, .part = 1, .at = 2, .next_at = 5000, .link = 9, .outcome = OUTCOME_UNKNOWN,
		.reason = REASON_HOLD};
	struct op_attempt late = {.msg = sm, .part = 1, .at = 1, .link = 7, .outcome = OUTCOME_REJECTED};
	struct q_load q = {.upto = 9000, .limit = 9, .held = true};

	assert_int_equal(accept_message(f, &m, 1), 0);
	assert_int_equal(put(f, OP_ATTEMPT, &hold.op), 0);
	assert_int_equal(put(f, OP_ATTEMPT, &late.op), 0);
	assert_int_equal(ask(f, Q_DUE, &q.q), 0);
	assert_int_equal(q.n_rows, 1);
	assert_int_equal(q.rows[0].lease_link, 9);
	store_query_done(&q.q);
}

static void leases_are_grouped_by_message(void **state)
{
	struct fixture *f = *state;
	uint64_t id = f->boot.next_id;
	struct message m = fixture_message(id), m2 = fixture_message(id + 1);
	struct q_load q = {.limit = UINT32_MAX};

	m.n_parts = 3;
	assert_int_equal(accept_message(f, &m, 5), 0);
	assert_int_equal(accept_message(f, &m2, 1), 0);
	fixture_reopen(f);
	assert_int_equal(ask(f, Q_LEASES, &q.q), 0);
	assert_int_equal(q.n_rows, 2);
	assert_int_equal(q.rows[0].leased, 5);
	assert_int_equal(q.rows[0].bound_parts, 3);
	assert_int_equal(q.rows[1].leased, 1);
	assert_int_equal(q.rows[1].m->id, id + 1);
	assert_false(q.more);
	store_query_done(&q.q);
}

static void the_scan_finds_only_what_waits_nowhere_else(void **state)
{
	struct fixture *f = *state;
	uint64_t id = f->boot.next_id;
	struct op_lane lane = {.lane = {.id = 1}};
	struct q_load q = {.limit = 4};
	uint64_t found[20];
	unsigned n = 0;

	assert_int_equal(put(f, OP_LANE, &lane.op), 0);
	for (unsigned i = 0; i < 20; i++) {
		struct message m = fixture_message(id + i);

		m.send_at_ms = i % 5 == 1 ? 9000 : 0;
		if (i % 5 == 4)
			sent_message(f, m.id, 2, REPORT_NONE);
		else
			accept_at(f, &m, i % 5 == 0 ? PLACE_BACKLOG : i % 5 == 1 ? PLACE_DUE : PLACE_MEMORY, 1,
				id + 100 + i); /* a row that came back has a seq beyond its id */
		if (i % 5 == 2)
			finish(f, m.id, STATE_DELIVERED);
	}
	fixture_reopen(f);
	q.from_id = f->boot.low_water;
	q.upto_id = f->boot.next_id;
	do {
		assert_int_equal(ask(f, Q_FRESH, &q.q), 0);
		for (unsigned i = 0; i < q.n_rows; i++) {
			unsigned at = q.rows[i].m->id - id;

			assert_int_equal(q.rows[i].n_sent, at % 5 == 4 ? 2 : 0);
			assert_int_equal(q.rows[i].bound_parts, at % 5 == 4 ? 2 : 0);
			found[n++] = at;
		}
		q.from_id = q.next_id;
		store_query_done(&q.q);
	} while (q.more);
	assert_int_equal(n, 8);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(found[i], i / 2 * 5 + 3 + i % 2);
	assert_int_equal(q.next_id, f->boot.next_id);
}

/* An empty text has a row, octets or characters; the one without a row was lost, and takes no other with it. */
static void a_text_that_is_gone_is_damage_and_an_empty_one_is_not(void **state)
{
	struct fixture *f = *state;
	uint64_t id = f->boot.next_id;
	struct q_load page = {.lane = 1, .limit = 10}, fresh = {.from_id = id, .upto_id = id + 10, .limit = 10};
	char text[80];

	for (unsigned i = 0; i < 6; i++) {
		struct message m = fixture_message(id + i);

		m.n_text = i == 2 ? m.n_text : 0;
		m.flags = i % 3 == 1 ? MSG_BINARY : 0;
		accept_at(f, &m, i < 3 ? PLACE_BACKLOG : PLACE_MEMORY, 1, m.id);
	}
	assert_int_equal(ask(f, Q_BACKLOG, &page.q), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_non_null(page.rows[i].m->text);
	store_query_done(&page.q);
	assert_int_equal(store_damage(f->store), DAMAGE_NONE);
	snprintf(text, sizeof text, "DELETE FROM body WHERE id IN (%llu, %llu)", (unsigned long long)id + 1,
		(unsigned long long)id + 4);
	sql(f, text);
	assert_int_equal(ask(f, Q_BACKLOG, &page.q), 0);
	assert_int_equal(page.n_rows, 3);
	assert_int_equal(store_damage(f->store), DAMAGE_READING);
	assert_int_equal(ask(f, Q_FRESH, &fresh.q), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(page.rows[i].m->text == NULL, i == 1);
		assert_int_equal(fresh.rows[fresh.n_rows - 3 + i].m->text == NULL, i == 1);
	}
	store_query_done(&page.q);
	store_query_done(&fresh.q);
}

/* ---- states that are read from rows ------------------------------------------------------------------------- */

static uint8_t state_of(struct fixture *f, uint64_t id, uint8_t *ret_reason, int64_t *ret_next_try)
{
	struct q_message q = {.id = id};
	uint8_t s;

	assert_int_equal(ask(f, Q_MESSAGE, &q.q), 0);
	s = q.ret.state;
	*ret_reason = q.ret.reason;
	*ret_next_try = q.ret.next_try;
	store_query_done(&q.q);
	return s;
}

static void state_follows_from_rows(void **state)
{
	struct fixture *f = *state;
	uint64_t id = f->boot.next_id;
	struct message m = fixture_message(id);
	struct op_attempt a = {.msg = {.id = id, .n_parts = 2}, .part = 1, .at = clock_ms(), .link = 9,
		.outcome = OUTCOME_RETRY, .reason = REASON_RETRY, .code = 20, .text = "full"};
	struct op_lease lease = {.id = id, .parts = 3, .link = 9, .ref = 1, .bound_parts = 2};
	struct op_submit s = {.msg = {.id = id, .n_parts = 2}, .part = 1, .at = 5, .link = 9, .smsc_id = "a"};
	struct op_cancel cancel = {.client = 3, .tag = "red", .upto_id = id + 1, .at = 1};
	uint8_t reason;
	int64_t next;

	m.n_parts = 2;
	m.send_at_ms = clock_ms() + 100000;
	accept_at(f, &m, PLACE_DUE, 0, 0);
	assert_int_equal(state_of(f, id, &reason, &next), STATE_SCHEDULED);
	assert_int_equal(next, m.send_at_ms);
	assert_int_equal(reason, REASON_SCHEDULED);
	a.next_at = a.at + 50000;
	assert_int_equal(put(f, OP_ATTEMPT, &a.op), 0);
	assert_int_equal(state_of(f, id, &reason, &next), STATE_QUEUED);
	assert_int_equal(reason, REASON_RETRY);
	assert_int_equal(next, a.next_at);
	m = fixture_message(id + 1);
	accept_at(f, &m, PLACE_MEMORY, 0, 0);
	m.id++;
	accept_at(f, &m, PLACE_MEMORY, 0, 0);
	assert_int_equal(state_of(f, id + 1, &reason, &next), STATE_QUEUED);
	assert_int_equal(reason, REASON_NONE);
	assert_int_equal(put(f, OP_LEASE, &lease.op), 0);
	assert_int_equal(put(f, OP_CANCEL, &cancel.op), 0);
	assert_int_equal(state_of(f, id, &reason, &next), STATE_SENDING); /* it had left */
	assert_int_equal(state_of(f, id + 1, &reason, &next), STATE_CANCELLED);
	assert_int_equal(reason, REASON_CLIENT);
	assert_int_equal(state_of(f, id + 2, &reason, &next), STATE_QUEUED); /* after the cancel */
	assert_int_equal(put(f, OP_SUBMIT, &s.op), 0);
	assert_int_equal(state_of(f, id, &reason, &next), STATE_SENDING);
	s.part = 2;
	assert_int_equal(put(f, OP_SUBMIT, &s.op), 0);
	assert_int_equal(state_of(f, id, &reason, &next), STATE_SENT);
}

static void a_message_tells_everything(void **state)
{
	struct fixture *f = *state;
	uint64_t id = f->boot.next_id;
	struct store_msg sm = sent_message(f, id, 2, REPORT_FINAL);
	struct op_attempt a = {.msg = sm, .part = 2, .at = 7, .link = 8, .outcome = OUTCOME_UNKNOWN, .code = 99,
		.reason = REASON_HOLD, .text = "link died"};
	struct op_final fin = {.msg = sm, .part = 2, .state = STATE_UNDELIVERED, .at = 1700000009000, .reason = REASON_RECEIPT,
		.error = "UNDELIV:034"};
	struct q_message q = {.id = id, .client = 3};

	assert_int_equal(put(f, OP_ATTEMPT, &a.op), 0);
	assert_int_equal(put(f, OP_FINAL, &fin.op), 0);
	assert_int_equal(ask(f, Q_MESSAGE, &q.q), 0);
	assert_int_equal(q.ret.state, STATE_UNDELIVERED);
	assert_int_equal(q.ret.reason, REASON_RECEIPT);
	assert_int_equal(q.ret.decided_by, 2);
	assert_int_equal(q.ret.final_at, 1700000009000);
	assert_string_equal(q.ret.error, "UNDELIV:034");
	assert_int_equal(q.ret.link, 9);
	assert_int_equal(q.ret.n_parts, 2);
	assert_int_equal(q.ret.parts[0].state, STATE_SENT);
	assert_int_equal(q.ret.parts[0].attempts, 1);
	assert_int_equal(q.ret.parts[1].state, STATE_UNDELIVERED);
	assert_int_equal(q.ret.parts[1].attempts, 2);
	assert_int_equal(q.ret.parts[1].submitted_at, 1700000001000);
	assert_string_equal(q.ret.parts[1].smsc_id, "s2");
	assert_string_equal(q.ret.parts[1].error, "UNDELIV:034");
	assert_int_equal(q.ret.n_attempts, 1);
	assert_int_equal(q.ret.attempts[0].code, 99);
	assert_int_equal(q.ret.attempts[0].link, 8);
	assert_string_equal(q.ret.attempts[0].text, "link died");
	assert_string_equal(q.ret.m->text, "hello");
	store_query_done(&q.q);
	q.client = 4;
	assert_int_equal(ask(f, Q_MESSAGE, &q.q), -ENOENT);
	q.client = 0;
	q.id++;
	assert_int_equal(ask(f, Q_MESSAGE, &q.q), -ENOENT);
}

/* ---- lists -------------------------------------------------------------------------------------------------- */

/* Page through with the given limit; returns how many there were, each id once and falling. */
static unsigned list_all(struct fixture *f, struct q_list q, uint64_t *ret_last)
{
	uint64_t last = UINT64_MAX;
	unsigned n = 0;

	do {
		assert_int_equal(ask(f, Q_LIST, &q.q), 0);
		assert_true(q.n_rows <= q.limit);
		for (unsigned i = 0; i < q.n_rows; i++, n++) {
			assert_true(q.rows[i].m->id < last);
			last = q.rows[i].m->id;
		}
		q.after = q.next;
		store_query_done(&q.q);
	} while (q.next);
	*ret_last = last;
	return n;
}

static void make_thirty(struct fixture *f, uint64_t id)
{
	for (unsigned i = 0; i < 30; i++) {
		struct message m = fixture_message(id + i);

		m.client = i % 2 ? 3 : 4;
		m.campaign = i % 3;
		m.to = 12025550000 + i % 5;
		if (i % 10 == 9) {
			m.ref = "rare";
			m.n_ref = 4;
		}
		if (i % 6 == 5) {
			m.tag = "blue";
			m.n_tag = 4;
		}
		accept_at(f, &m, PLACE_MEMORY, 0, 0);
		if (i < 8)
			finish(f, m.id, STATE_DELIVERED);
	}
}

static void check_lists(struct fixture *f, uint64_t id)
{
	uint64_t last;

	assert_int_equal(list_all(f, (struct q_list){.state = -1, .limit = 7}, &last), 30);
	assert_int_equal(last, id);
	assert_int_equal(list_all(f, (struct q_list){.state = -1, .limit = 7, .client = 3}, &last), 15);
	assert_int_equal(list_all(f, (struct q_list){.state = -1, .limit = 7, .campaign = 2}, &last), 10);
	assert_int_equal(list_all(f, (struct q_list){.state = -1, .limit = 2, .to = 12025550003}, &last), 6);
	assert_int_equal(last, id + 3);
	assert_int_equal(list_all(f, (struct q_list){.state = -1, .limit = 2, .ref = "rare"}, &last), 3);
	assert_int_equal(list_all(f, (struct q_list){.state = -1, .limit = 2, .ref = "rare", .client = 4}, &last), 0);
	assert_int_equal(list_all(f, (struct q_list){.state = -1, .limit = 2, .tag = "blue", .client = 3}, &last), 5);
	assert_int_equal(list_all(f, (struct q_list){.state = -1, .limit = 2, .tag = "blue"}, &last), 5);
	assert_int_equal(list_all(f, (struct q_list){.state = STATE_DELIVERED, .limit = 3}, &last), 8);
	assert_int_equal(list_all(f, (struct q_list){.state = STATE_QUEUED, .limit = 30}, &last), 22);
	assert_int_equal(list_all(f, (struct q_list){.state = -1, .limit = 30, .since = fixture_message(id + 10).created_ms,
		.until = fixture_message(id + 20).created_ms}, &last), 10);
	assert_int_equal(last, id + 10);
}

static unsigned tagged_all(struct fixture *f, uint64_t upto)
{
	struct q_tagged q = {.client = 3, .tag = "blue", .upto_id = upto, .limit = 2};
	unsigned n = 0;
	uint64_t last = 0;

	do {
		assert_int_equal(ask(f, Q_TAGGED, &q.q), 0);
		for (unsigned i = 0; i < q.n_rows; i++, n++) {
			assert_true(q.rows[i].m->id > last);
			last = q.rows[i].m->id;
		}
		q.from_id = q.next_id;
		store_query_done(&q.q);
	} while (q.more);
	return n;
}

static void lists_and_tags_by_scan_and_by_index(void **state)
{
	struct fixture *f = *state;
	uint64_t id = f->boot.next_id;
	struct q_index q = {.run = (id >> 16) & UINT32_MAX, .below_id = id + 30};
	struct op_lookup o = {.run = q.run};

	make_thirty(f, id);
	check_lists(f, id);
	assert_int_equal(tagged_all(f, id + 29), 4); /* the fifth is final */
	assert_int_equal(tagged_all(f, id + 28), 3); /* the end is included */
	assert_int_equal(ask(f, Q_INDEX, &q.q), 0);
	assert_int_equal(q.ret_indexed_to, 0); /* the run is not complete */
	q.below_id = id + 65536;
	assert_int_equal(ask(f, Q_INDEX, &q.q), 0);
	assert_int_equal(q.ret_indexed_to, id + 65536);
	assert_int_equal(q.n_rows, 90);
	for (unsigned i = 1; i < q.n_rows; i++)
		assert_true((int64_t)q.rows[i - 1].hash <= (int64_t)q.rows[i].hash);
	o.rows = q.rows;
	o.n_rows = q.n_rows;
	o.indexed_to = q.ret_indexed_to;
	assert_int_equal(put(f, OP_LOOKUP, &o.op), 0);
	store_query_done(&q.q);
	check_lists(f, id);
	assert_int_equal(tagged_all(f, id + 29), 4);
	assert_int_equal(tagged_all(f, id + 28), 3);
	fixture_reopen(f);
	assert_int_equal(f->boot.indexed_to, id + 65536);
	/* What comes after the index is found beside it. */
	make_thirty(f, f->boot.next_id);
	assert_int_equal(list_all(f, (struct q_list){.state = -1, .limit = 2, .ref = "rare"}, &id), 6);
	assert_int_equal(tagged_all(f, f->boot.next_id + 29), 8);
	/* The scan alone must not find what the index has: it is used, not only there. */
	sql(f, "DELETE FROM lookup");
	assert_int_equal(list_all(f, (struct q_list){.state = -1, .limit = 2, .ref = "rare"}, &id), 3);
}

static void a_page_is_bounded(void **state)
{
	struct fixture *f = *state;
	uint64_t id = f->boot.next_id;
	struct q_list q = {.state = -1, .limit = 10, .campaign = 1};
	char text[400];

	snprintf(text, sizeof text,
		"WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) INSERT INTO message"
		" SELECT %llu + i, 3, 1, i = 0, 1 << 16, 1, i, NULL, 9, '', NULL, NULL FROM n", (unsigned long long)id);
	sql(f, text);
	assert_int_equal(ask(f, Q_LIST, &q.q), 0);
	assert_int_equal(q.n_rows, 0);
	assert_false(q.complete);
	assert_true(q.next > id);
	q.after = q.next;
	store_query_done(&q.q);
	assert_int_equal(list_all(f, q, &id), 1);
}

static void inbound_and_parked_are_listed_newest_first(void **state)
{
	struct fixture *f = *state;
	struct q_inbound q = {.limit = 2, .to = "12345"};
	struct q_parked p = {.limit = 3};

	for (unsigned i = 0; i < 5; i++) {
		struct op_inbound in = {.at = 100 + i, .link = 1, .client = i % 2 ? 3 : 0, .from = "+1", .to = "12345",
			.text = "hi", .n_text = 2, .raw = (const uint8_t *)"h\xaf", .n_raw = 2, .dcs = 0x19,
			.esm_class = 0x40};
		struct op_receipt r = {.hash = {i}, .n_hash = 1, .n_park = 1, .link = 1, .at = i, .smsc_id = "id",
			.stat = "DELIVRD", .err = "000", .to = 7};

		assert_int_equal(put(f, OP_INBOUND, &in.op), 0);
		assert_int_equal(put(f, OP_RECEIPT, &r.op), 0);
	}
	assert_int_equal(ask(f, Q_INBOUND, &q.q), 0);
	assert_int_equal(q.n_rows, 2);
	assert_int_equal(q.rows[0].at, 104);
	assert_string_equal(q.rows[0].raw_hex, "68af");
	assert_int_equal(q.rows[0].dcs, 0x19);
	assert_int_equal(q.rows[0].esm_class, 0x40);
	q.after = q.next;
	store_query_done(&q.q);
	q.limit = 10;
	q.since = 101;
	assert_int_equal(ask(f, Q_INBOUND, &q.q), 0);
	assert_int_equal(q.n_rows, 2);
	assert_int_equal(q.next, 0);
	store_query_done(&q.q);
	q.after = 0;
	q.client = 3;
	assert_int_equal(ask(f, Q_INBOUND, &q.q), 0);
	assert_int_equal(q.n_rows, 2);
	store_query_done(&q.q);
	assert_int_equal(ask(f, Q_PARKED, &p.q), 0);
	assert_int_equal(p.n_rows, 3);
	assert_int_equal(p.rows[0].at, 4);
	assert_string_equal(p.rows[0].stat, "DELIVRD");
	p.after = p.next;
	store_query_done(&p.q);
	assert_int_equal(ask(f, Q_PARKED, &p.q), 0);
	assert_int_equal(p.n_rows, 2);
	assert_int_equal(p.next, 0);
	store_query_done(&p.q);
}

/* ---- damage -------------------------------------------------------------------------------------------------- */

#define MANY 3000

/* Messages from `id` on that are final, and the number of the table's root page. */
static int64_t many_final(struct fixture *f, uint64_t id)
{
	sqlite3_stmt *st;
	sqlite3 *db;
	char sql[800];
	int64_t root;

	snprintf(sql, sizeof sql,
		"WITH RECURSIVE r(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM r WHERE i < %d)"
		" INSERT INTO message SELECT %llu + i, 1, 0, 0, 65536, 12025550142, 1, NULL, 4000000000000, 'S', NULL, NULL FROM r;"
		"INSERT INTO final SELECT id << 8, %d, 1, 0, 0, NULL, 0 FROM message; PRAGMA wal_checkpoint(TRUNCATE)",
		MANY - 1, (unsigned long long)id, STATE_DELIVERED);
	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT rootpage FROM sqlite_schema WHERE name = 'final'", -1, &st, NULL), 0);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	root = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return root;
}

/* Two children in the middle of an interior page change places: each page is sound, and no edge moves. */
static void swap_children(const char *path, int64_t page)
{
	uint8_t p[4096], left[4];
	int fd = open(path, O_RDWR | O_CLOEXEC);
	uint8_t *a, *b;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, p, sizeof p, (page - 1) * 4096), sizeof p);
	assert_int_equal(p[0], 5); /* interior page of a table */
	assert_true((p[3] << 8 | p[4]) > 6);
	a = p + (p[12 + 6] << 8 | p[12 + 7]);
	b = p + (p[12 + 8] << 8 | p[12 + 9]);
	memcpy(left, a, 4);
	memcpy(a, b, 4);
	memcpy(b, left, 4);
	assert_int_equal(pwrite(fd, p, sizeof p, (page - 1) * 4096), sizeof p);
	close(fd);
}

static void a_table_out_of_order_is_damage_and_no_answer(void **state)
{
	struct fixture *f = *state;
	struct q_load q = {.from_id = f->boot.next_id};
	int64_t root;
	int r;

	fixture_close(f);
	root = many_final(f, q.from_id);
	swap_children(f->path, root);
	assert_int_equal(fixture_open(f), 0);
	q.upto_id = f->boot.next_id;
	assert_int_equal(store_damage(f->store), DAMAGE_NONE);
	while ((r = ask(f, Q_FRESH, &q.q)) == 0 && q.more) { /* a slow machine: the page ended before it was there */
		q.from_id = q.next_id;
		store_query_done(&q.q);
	}
	assert_int_equal(r, -EUCLEAN);
	assert_int_equal(store_damage(f->store), DAMAGE_READING);
	store_query_done(&q.q);
}

static atomic_int reads_to_fail;
static ssize_t (*read_at)(int fd, void *buf, size_t n, off_t at);

static ssize_t read_fails(int fd, void *buf, size_t n, off_t at)
{
	if (atomic_load(&reads_to_fail) && atomic_fetch_sub(&reads_to_fail, 1) > 0) {
		errno = EIO;
		return -1;
	}
	return read_at(fd, buf, n, at);
}

/* SQLite itself would call that a malformed file. */
static void a_read_that_the_disk_refuses_is_no_damage(void **state)
{
	static const char *const calls[] = {"pread", "pread64"};
	sqlite3_vfs *vfs = sqlite3_vfs_find("unix");
	struct fixture *f = *state;
	struct message m = fixture_message(f->boot.next_id);
	struct q_message q = {.id = m.id};

	assert_int_equal(accept_message(f, &m, 0), 0);
	fixture_reopen(f); /* nothing of it is in memory */
	for (size_t i = 0; i < 2; i++) {
		sqlite3_syscall_ptr now = vfs->xGetSystemCall(vfs, calls[i]);

		if (now)
			read_at = (ssize_t (*)(int, void *, size_t, off_t))now;
		vfs->xSetSystemCall(vfs, calls[i], (sqlite3_syscall_ptr)read_fails);
	}
	atomic_store(&reads_to_fail, 1);
	assert_int_equal(ask(f, Q_MESSAGE, &q.q), -EIO);
	assert_int_equal(atomic_load(&reads_to_fail), 0);
	assert_int_equal(store_damage(f->store), DAMAGE_NONE);
	assert_int_equal(ask(f, Q_MESSAGE, &q.q), 0);
	assert_int_equal(q.ret.m->id, m.id);
	store_query_done(&q.q);
	for (size_t i = 0; i < 2; i++)
		vfs->xSetSystemCall(vfs, calls[i], NULL);
}

/* A page that ends by what it may look at says so; one that ends by its limit is what was asked for. */
static void a_page_of_parked_receipts_tells_why_it_ended(void **state)
{
	struct fixture *f = *state;
	struct q_parked q = {.limit = 5};

	sql(f, "INSERT INTO receipt_parked (n, hash, link, smsc_id, recipient, state, stat, err, at) WITH RECURSIVE n(i) AS"
	       " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) SELECT i, 1, 9, 'a', 1, 4, 'DELIVRD', '0', 1 FROM n");
	assert_int_equal(ask(f, Q_PARKED, &q.q), 0);
	assert_int_equal(q.n_rows, 5);
	assert_true(q.next && q.complete);
	store_query_done(&q.q);
	q = (struct q_parked){.limit = 5, .link = 8};
	assert_int_equal(ask(f, Q_PARKED, &q.q), 0);
	assert_int_equal(q.n_rows, 0);
	assert_true(q.next && !q.complete);
	q.after = 5000;
	assert_int_equal(ask(f, Q_PARKED, &q.q), 0);
	assert_true(!q.next && q.complete);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(a_message_comes_back_as_it_was),
		TEST(rows_say_how_far_a_message_is),
		TEST(backlog_is_paged_in_order_of_seq),
		TEST(a_page_finds_the_rows_of_each_message),
		TEST(due_tells_what_comes_next),
		TEST(a_page_brings_what_it_was_asked_for),
		TEST(a_held_part_is_of_the_link_that_made_its_due_row),
		TEST(leases_are_grouped_by_message),
		TEST(the_scan_finds_only_what_waits_nowhere_else),
		TEST(a_text_that_is_gone_is_damage_and_an_empty_one_is_not),
		TEST(state_follows_from_rows),
		TEST(a_message_tells_everything),
		TEST(a_table_out_of_order_is_damage_and_no_answer),
		TEST(a_read_that_the_disk_refuses_is_no_damage),
		TEST(lists_and_tags_by_scan_and_by_index),
		TEST(a_page_is_bounded),
		TEST(inbound_and_parked_are_listed_newest_first),
		TEST(a_page_of_parked_receipts_tells_why_it_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
