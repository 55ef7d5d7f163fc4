/* SPDX-License-Identifier: Apache-2.0
 *
 * store_settle.c -- what became of parts, and what that makes of their message.
 */
#include "store_fixture.h"

#include "queue/sent.h"

/* ---- aggregation: a table of stories ------------------------------------------------------------------------ */

/* One letter each: D delivered, U undelivered, R rejected, E expired, N unconfirmed; part number before it. */
struct story {
	const char *why;
	unsigned n_parts;
	const char *settled;  /* "1D 2D": parts in order of their finals; part 0 is the message itself */
	int final;            /* of the message; -1: not final */
	int part;             /* that decided */
	int now;              /* the state that holds, corrections counted */
	int corrections;      /* of the message */
	unsigned delivered;
};

static const struct story stories[] = {
	{"one part delivered", 1, "1D", STATE_DELIVERED, 1, STATE_DELIVERED, 0, 1},
	{"one part, told as part 0", 1, "0E", STATE_EXPIRED, 0, STATE_EXPIRED, 0, 0},
	{"one part: final stays final", 1, "1D 1U", STATE_DELIVERED, 1, STATE_DELIVERED, 0, 1},
	{"one part: rejected is not corrected", 1, "1R 1D", STATE_REJECTED, 1, STATE_REJECTED, 0, 0},
	{"one part: undelivered, then delivered", 1, "1U 1D", STATE_UNDELIVERED, 1, STATE_DELIVERED, 1, 1},
	{"one part: expired, then delivered", 1, "1E 1D", STATE_EXPIRED, 1, STATE_DELIVERED, 1, 1},
	{"one part: unconfirmed, then delivered", 1, "1N 1D", STATE_UNCONFIRMED, 1, STATE_DELIVERED, 1, 1},
	{"one part: unconfirmed stays unless delivered", 1, "1N 1U", STATE_UNCONFIRMED, 1, STATE_UNCONFIRMED, 0, 0},
	{"one part: corrected once only", 1, "1N 1D 1D 1U", STATE_UNCONFIRMED, 1, STATE_DELIVERED, 1, 1},
	{"two parts: one delivered decides nothing", 2, "1D", -1, 0, STATE_SENT, 0, 1},
	{"two parts delivered", 2, "1D 2D", STATE_DELIVERED, 0, STATE_DELIVERED, 0, 2},
	{"in any order", 3, "3D 1D 2D", STATE_DELIVERED, 0, STATE_DELIVERED, 0, 3},
	{"the first that failed decides", 3, "2U", STATE_UNDELIVERED, 2, STATE_UNDELIVERED, 0, 0},
	{"the first that failed, after a delivered one", 3, "1D 3R 2U", STATE_REJECTED, 3, STATE_REJECTED, 0, 1},
	{"parts after the decision still count", 3, "2U 1D 3D", STATE_UNDELIVERED, 2, STATE_UNDELIVERED, 0, 2},
	{"a silent part alone decides nothing", 2, "1N", -1, 0, STATE_SENT, 0, 0},
	{"silence and delivery: unconfirmed", 2, "1D 2N", STATE_UNCONFIRMED, 2, STATE_UNCONFIRMED, 0, 1},
	{"delivery after silence: unconfirmed too", 2, "2N 1D", STATE_UNCONFIRMED, 0, STATE_UNCONFIRMED, 0, 1},
	{"silence, then a failure: failed", 2, "1N 2U", STATE_UNDELIVERED, 2, STATE_UNDELIVERED, 0, 0},
	{"a silent part delivered before the rest", 2, "1N 1D 2D", STATE_DELIVERED, 0, STATE_DELIVERED, 0, 2},
	{"a silent part delivered at last", 2, "1D 2N 2D", STATE_UNCONFIRMED, 2, STATE_DELIVERED, 1, 2},
	{"a failed part delivered after all", 2, "1U 2D 1D", STATE_UNDELIVERED, 1, STATE_DELIVERED, 1, 2},
	{"a failed part delivered, the other still out", 2, "1U 1D", STATE_UNDELIVERED, 1, STATE_UNDELIVERED, 0, 1},
	{"… and then the other", 2, "1U 1D 2D", STATE_UNDELIVERED, 1, STATE_DELIVERED, 1, 2},
	{"a rejected message is not corrected", 2, "1R 2D 1D", STATE_REJECTED, 1, STATE_REJECTED, 0, 1},
	{"expired as a whole, then all delivered", 2, "0E 1D 2D", STATE_EXPIRED, 0, STATE_DELIVERED, 1, 2},
	{"expired as a whole, one delivered", 2, "0E 1D", STATE_EXPIRED, 0, STATE_EXPIRED, 0, 1},
	{"cancelled as a whole stays", 2, "0C 1D 2D", STATE_CANCELLED, 0, STATE_CANCELLED, 0, 2},
	{"two failures: the first stays", 2, "1U 2E", STATE_UNDELIVERED, 1, STATE_UNDELIVERED, 0, 0},
	{"the same receipt twice", 2, "1D 1D 2D 2D", STATE_DELIVERED, 0, STATE_DELIVERED, 0, 2},
	{"sixty-four parts need all of them", 64, "64D 1D", -1, 0, STATE_SENT, 0, 2},
};

static uint8_t state_of(char c)
{
	switch (c) {
	case 'D': return STATE_DELIVERED;
	case 'U': return STATE_UNDELIVERED;
	case 'R': return STATE_REJECTED;
	case 'E': return STATE_EXPIRED;
	case 'C': return STATE_CANCELLED;
	case 'N': return STATE_UNCONFIRMED;
	}
	fail_msg("no such state: %c", c);
	return 0;
}

struct told {
	int msg_state, n_corrected;
};

static struct told tell_story(struct fixture *f, const struct store_msg *sm, const char *settled)
{
	struct told told = {.msg_state = -1};
	unsigned part;
	char c;
	int n;

	for (; sscanf(settled, " %u%c%n", &part, &c, &n) == 2; settled += n) {
		struct op_final o = {.msg = *sm, .part = part, .at = 1700000002000, .state = state_of(c),
			.reason = REASON_RECEIPT, .error = "X:1"};

		assert_int_equal(put(f, OP_FINAL, &o.op), 0);
		assert_false(o.ret_new && o.ret_correction);
		if (o.ret_msg_state >= 0)
			told.msg_state = o.ret_msg_state;
	}
	return told;
}

static void check_story(struct fixture *f, uint64_t id, const struct story *s, const struct told *told)
{
	struct q_message q = {.id = id};
	char text[120];
	int corrections = 0;

	assert_int_equal(ask(f, Q_MESSAGE, &q.q), 0);
	snprintf(text, sizeof text, "SELECT state FROM final WHERE key = %llu", (unsigned long long)msg_key(id, 0));
	if ((int)sql(f, text) != s->final)
		fail_msg("%s: final is %d", s->why, (int)sql(f, text));
	if (q.ret.state != s->now)
		fail_msg("%s: state is %d", s->why, q.ret.state);
	for (unsigned i = 0; i < q.ret.n_corrections; i++)
		corrections += q.ret.corrections[i].part == 0;
	if (corrections != s->corrections)
		fail_msg("%s: %d corrections", s->why, corrections);
	if (q.ret.parts_delivered != s->delivered)
		fail_msg("%s: %u parts delivered", s->why, q.ret.parts_delivered);
	if (!s->corrections && (int)q.ret.decided_by != s->part)
		fail_msg("%s: decided by %u", s->why, q.ret.decided_by);
	if (told->msg_state != (s->final < 0 ? -1 : s->now))
		fail_msg("%s: told %d", s->why, told->msg_state);
	store_query_done(&q.q);
}

static void parts_make_the_message(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof stories / sizeof *stories; i++) {
		uint64_t id = f->boot.next_id + i;
		struct store_msg sm = sent_message(f, id, stories[i].n_parts, REPORT_NONE);
		struct told told = tell_story(f, &sm, stories[i].settled);

		check_story(f, id, &stories[i], &told);
	}
}

/* ---- events ------------------------------------------------------------------------------------------------- */

static unsigned events_of(struct fixture *f, uint64_t id, struct store_event *ret, unsigned max)
{
	struct q_events q = {.endpoint = 3, .shard = id % 4, .limit = 100};
	unsigned n = 0;

	assert_int_equal(ask(f, Q_EVENTS, &q.q), 0);
	for (unsigned i = 0; i < q.n_rows; i++) {
		assert_true(i == 0 || q.rows[i].seq > q.rows[i - 1].seq);
		if (q.rows[i].id == id && n < max)
			ret[n++] = q.rows[i];
	}
	store_query_done(&q.q);
	return n;
}

static void one_event_per_message_when_report_is_final(void **state)
{
	struct fixture *f = *state;
	uint64_t id = f->boot.next_id;
	struct store_msg sm = sent_message(f, id, 2, REPORT_FINAL);
	struct store_event e[9];

	assert_int_equal(f->n_wakes, 0);
	tell_story(f, &sm, "1D 2D 2D");
	assert_int_equal(events_of(f, id, e, 9), 1);
	assert_int_equal(e[0].kind, EVENT_STATUS);
	assert_int_equal(e[0].state, STATE_DELIVERED);
	assert_int_equal(e[0].key, msg_key(id, 0));
	assert_int_equal(e[0].parts, 2);
	assert_int_equal(e[0].parts_delivered, 2);
	assert_int_equal(e[0].to, 12025550142);
	assert_string_equal(e[0].ref, "order");
	assert_string_equal(e[0].error, ""); /* what the receipt of a delivery says is no error */
	assert_int_equal(f->n_wakes, 1);
	assert_int_equal(f->woken_endpoint, 3);
	assert_int_equal(f->woken_shard, id % 4);
}

static void report_all_tells_sent_and_every_part(void **state)
{
	struct fixture *f = *state;
	uint64_t id = f->boot.next_id;
	struct store_msg sm = sent_message(f, id, 2, REPORT_ALL);
	struct store_event e[9];

	tell_story(f, &sm, "1N 2D 1D");
	assert_int_equal(events_of(f, id, e, 9), 6);
	assert_int_equal(e[0].state, STATE_SENT);
	assert_int_equal(e[0].key, msg_key(id, 0));
	assert_int_equal(e[1].key, msg_key(id, 1));
	assert_int_equal(e[1].state, STATE_UNCONFIRMED);
	assert_int_equal(e[2].key, msg_key(id, 2));
	assert_int_equal(e[3].key, msg_key(id, 0));
	assert_int_equal(e[3].state, STATE_UNCONFIRMED);
	assert_int_equal(e[3].parts_delivered, 1);
	assert_int_equal(e[4].key, msg_key(id, 1));
	assert_int_equal(e[4].kind, EVENT_CORRECTION);
	assert_int_equal(e[5].key, msg_key(id, 0));
	assert_int_equal(e[5].kind, EVENT_CORRECTION);
	assert_int_equal(e[5].state, STATE_DELIVERED);
	assert_int_equal(e[5].parts_delivered, 2);
}

static void an_event_says_what_is_left_of_its_message(void **state)
{
	struct fixture *f = *state;
	uint64_t id = f->boot.next_id;
	struct store_msg sm = sent_message(f, id, 1, REPORT_FINAL);
	struct store_event e[9];

	tell_story(f, &sm, "1D");
	assert_int_equal(events_of(f, id, e, 9), 1);
	assert_int_equal(e[0].parts, 1);
	sql(f, "INSERT INTO bound SELECT id, 9, 1, 4, 0 FROM message"); /* cut otherwise than the client was told */
	assert_int_equal(events_of(f, id, e, 9), 1);
	assert_int_equal(e[0].parts, 4);
	sql(f, "DELETE FROM message");
	assert_int_equal(events_of(f, id, e, 9), 1);
	assert_int_equal(e[0].id, id);
	assert_int_equal(e[0].parts, 1);
	assert_int_equal(e[0].to, 0);
	assert_string_equal(e[0].ref, "");
}

static void no_endpoint_no_event(void **state)
{
	struct fixture *f = *state;
	struct store_msg sm = sent_message(f, f->boot.next_id, 1, REPORT_NONE);

	tell_story(f, &sm, "1D");
	sm = sent_message(f, f->boot.next_id + 1, 1, REPORT_FINAL);
	sm.endpoint = 0;
	tell_story(f, &sm, "1D");
	assert_int_equal(count(f, "event"), 0);
	assert_int_equal(f->n_wakes, 0);
}

/* ---- leases, submits, attempts ------------------------------------------------------------------------------ */

static void a_submit_replaces_its_lease(void **state)
{
	struct fixture *f = *state;
	struct message m = fixture_message(f->boot.next_id);
	struct op_submit o = {.msg = {.id = m.id, .n_parts = 2}, .part = 1, .at = 5, .link = 9, .smsc_id = "abc"};

	m.n_parts = 2;
	assert_int_equal(accept_message(f, &m, 3), 0);
	assert_int_equal(count(f, "lease"), 2);
	assert_int_equal(sql(f, "SELECT ref FROM bound"), 77);
	assert_int_equal(put(f, OP_SUBMIT, &o.op), 0);
	assert_int_equal(count(f, "lease"), 1);
	assert_int_equal(sql(f, "SELECT key & 255 FROM lease"), 2);
	assert_int_equal(count(f, "submit"), 1);
	/* A second acceptance does not overwrite the first. */
	strcpy(o.smsc_id, "def");
	assert_int_equal(put(f, OP_SUBMIT, &o.op), 0);
	assert_int_equal(count(f, "submit"), 1);
	assert_int_equal(sql(f, "SELECT smsc_id = 'abc' FROM submit"), 1);
	assert_int_equal(sql(f, "SELECT smsc_id = 'def' AND outcome = 0 FROM attempt"), 1);
}

static void an_attempt_moves_the_message_to_due(void **state)
{
	struct fixture *f = *state;
	struct message m = fixture_message(f->boot.next_id);
	struct store_accept item = {.m = &m, .place = PLACE_BACKLOG, .lane = 4, .seq = m.id, .leased = 1, .link = 9};
	struct op_accept a = {.items = &item, .n_items = 1};
	struct op_attempt o = {.msg = {.id = m.id, .n_parts = 1, .lane = 4, .seq = m.id}, .part = 1, .at = 100,
		.next_at = 5000, .link = 9, .outcome = OUTCOME_RETRY, .reason = REASON_RETRY, .skip = 2, .tries = 3,
		.code = 88, .text = "queue full"};

	assert_int_equal(put(f, OP_ACCEPT, &a.op), 0);
	assert_int_equal(put(f, OP_ATTEMPT, &o.op), 0);
	assert_int_equal(count(f, "lease"), 0);
	assert_int_equal(count(f, "backlog"), 0);
	assert_int_equal(sql(f, "SELECT at = 5000 AND reason = 2 AND tries = 3 AND skip = 2 FROM due"), 1);
	assert_int_equal(sql(f, "SELECT key FROM due"), msg_key(m.id, 1));
	o.next_at = 0;
	assert_int_equal(put(f, OP_ATTEMPT, &o.op), 0);
	assert_int_equal(sql(f, "SELECT n FROM attempt WHERE next_at IS NULL"), 2);
	assert_int_equal(count(f, "due"), 1);
}

static void keep_lease_keeps_it(void **state)
{
	struct fixture *f = *state;
	struct message m = fixture_message(f->boot.next_id);
	struct op_attempt o = {.msg = {.id = m.id, .n_parts = 1}, .part = 1, .at = 1, .outcome = OUTCOME_UNKNOWN,
		.keep_lease = true};

	assert_int_equal(accept_message(f, &m, 1), 0);
	assert_int_equal(put(f, OP_ATTEMPT, &o.op), 0);
	assert_int_equal(count(f, "lease"), 1);
}

static void unless_submitted_leaves_alone_what_has_left(void **state)
{
	struct fixture *f = *state;
	struct message m = fixture_message(f->boot.next_id), m2 = fixture_message(f->boot.next_id + 1);
	struct op_final o = {.msg = {.id = m.id, .n_parts = 1}, .state = STATE_CANCELLED, .reason = REASON_CLIENT,
		.at = 1, .unless_submitted = true};

	assert_int_equal(accept_message(f, &m, 1), 0);
	assert_int_equal(put(f, OP_FINAL, &o.op), -EBUSY);
	assert_int_equal(count(f, "final"), 0);
	assert_int_equal(accept_message(f, &m2, 0), 0);
	o.msg.id = m2.id;
	assert_int_equal(put(f, OP_FINAL, &o.op), 0);
	assert_true(o.ret_new);
	assert_int_equal(o.ret_msg_state, STATE_CANCELLED);
	assert_int_equal(count(f, "final"), 1);
}

/* By whose word a message ends, and whether that of an attempt without an answer is left open by it. */
static const struct {
	const char *why;
	unsigned n_parts, part;
	enum outcome outcome;
	enum msg_state said;
	enum msg_reason reason;
	enum msg_state ends;
} doubts[] = {
	{"cancelled", 1, 0, OUTCOME_UNKNOWN, STATE_CANCELLED, REASON_CLIENT, STATE_UNCONFIRMED},
	{"out of time", 1, 0, OUTCOME_UNKNOWN, STATE_EXPIRED, REASON_TTL, STATE_UNCONFIRMED},
	{"the part of one, out of time", 1, 1, OUTCOME_UNKNOWN, STATE_EXPIRED, REASON_TTL, STATE_UNCONFIRMED},
	{"all of several, one in doubt", 3, 0, OUTCOME_UNKNOWN, STATE_CANCELLED, REASON_CLIENT, STATE_UNCONFIRMED},
	{"a part of several: the others have left", 3, 2, OUTCOME_UNKNOWN, STATE_EXPIRED, REASON_TTL, STATE_EXPIRED},
	{"the carrier's word", 1, 1, OUTCOME_UNKNOWN, STATE_EXPIRED, REASON_RECEIPT, STATE_EXPIRED},
	{"refused for good", 1, 1, OUTCOME_UNKNOWN, STATE_REJECTED, REASON_REFUSED, STATE_REJECTED},
	{"an answer came", 1, 0, OUTCOME_RETRY, STATE_CANCELLED, REASON_CLIENT, STATE_CANCELLED},
	{"never written", 1, 0, OUTCOME_UNSENT, STATE_CANCELLED, REASON_CLIENT, STATE_CANCELLED},
};

static void what_was_never_answered_is_not_called_cancelled_or_expired(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof doubts / sizeof *doubts; i++) {
		struct message m = fixture_message(f->boot.next_id + i);
		struct op_attempt a = {.msg = {.id = m.id}, .at = 1, .outcome = doubts[i].outcome};
		struct op_final o = {.part = doubts[i].part, .at = 2, .state = doubts[i].said, .reason = doubts[i].reason};
		struct q_message q = {.id = m.id};

		m.n_parts = a.msg.n_parts = doubts[i].n_parts;
		a.part = doubts[i].n_parts > 1 ? 2 : 1;
		o.msg = a.msg;
		assert_int_equal(accept_message(f, &m, 0), 0);
		assert_int_equal(put(f, OP_ATTEMPT, &a.op), 0);
		assert_int_equal(put(f, OP_FINAL, &o.op), 0);
		assert_int_equal(ask(f, Q_MESSAGE, &q.q), 0);
		if (o.ret_msg_state != (int)doubts[i].ends || q.ret.state != doubts[i].ends ||
			q.ret.reason != doubts[i].reason)
			fail_msg("%s: told %d, state %d, reason %d", doubts[i].why, o.ret_msg_state, q.ret.state, q.ret.reason);
		store_query_done(&q.q);
	}
}

/* Before its own final row, too. */
static void what_a_cancelled_tag_covers_is_in_doubt_as_well(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 2; i++) {
		struct message m = fixture_message(f->boot.next_id + i);
		struct op_attempt a = {.msg = {.id = m.id, .n_parts = 1}, .part = 1, .at = 1, .next_at = 2,
			.outcome = i ? OUTCOME_UNKNOWN : OUTCOME_RETRY};
		struct op_cancel c = {.client = m.client, .tag = "red", .upto_id = m.id};
		struct q_message q = {.id = m.id};

		assert_int_equal(accept_message(f, &m, 0), 0);
		assert_int_equal(put(f, OP_ATTEMPT, &a.op), 0);
		assert_int_equal(put(f, OP_CANCEL, &c.op), 0);
		assert_int_equal(ask(f, Q_MESSAGE, &q.q), 0);
		assert_int_equal(q.ret.state, i ? STATE_UNCONFIRMED : STATE_CANCELLED);
		assert_int_equal(q.ret.reason, REASON_CLIENT);
		store_query_done(&q.q);
	}
}

static void a_final_message_leaves_backlog_and_leases(void **state)
{
	struct fixture *f = *state;
	struct message m = fixture_message(f->boot.next_id);
	struct store_accept item = {.m = &m, .place = PLACE_BACKLOG, .lane = 4, .seq = m.id, .leased = 3, .link = 9,
		.bound_parts = 2};
	struct op_accept a = {.items = &item, .n_items = 1};
	struct op_final o = {.msg = {.id = m.id, .n_parts = 2, .lane = 4, .seq = m.id}, .state = STATE_EXPIRED, .at = 1};

	m.n_parts = 2;
	assert_int_equal(put(f, OP_ACCEPT, &a.op), 0);
	assert_int_equal(count(f, "backlog"), 1);
	assert_int_equal(put(f, OP_FINAL, &o.op), 0);
	assert_int_equal(count(f, "backlog"), 0);
	assert_int_equal(count(f, "lease"), 0);
}

/* ---- receipts ----------------------------------------------------------------------------------------------- */

static uint32_t endpoint_of(void *arg, uint32_t client)
{
	return client == 3 ? 3 : 0;
}

static int receive(struct fixture *f, struct op_receipt *o, uint64_t hash, uint64_t to, uint8_t state)
{
	*o = (struct op_receipt){.hash = {hash}, .n_hash = 1, .n_park = 1, .link = 9, .to = to, .at = 1700000003000, .state = state, .smsc_id = "x",
		.stat = "UNDELIV", .err = "034", .endpoint_of = endpoint_of};
	return put(f, OP_RECEIPT, &o->op);
}

static void a_receipt_before_the_response_is_parked_and_found(void **state)
{
	struct fixture *f = *state;
	struct message m = fixture_message(f->boot.next_id);
	struct op_submit s = {.msg = {.id = m.id, .n_parts = 1, .endpoint = 3}, .part = 1, .at = 5, .link = 9, .hash = 4711,
		.to = m.to, .smsc_id = "x", .last = true};
	struct op_receipt o;
	struct store_event e[9];

	assert_int_equal(accept_message(f, &m, 1), 0);
	assert_int_equal(receive(f, &o, 4711, 99999999999, STATE_UNDELIVERED), 0); /* another number: not this one's */
	assert_int_equal(receive(f, &o, 4711, 5550142, STATE_SENT), 0); /* an intermediate one says nothing */
	assert_int_equal(receive(f, &o, 4711, 5550142, STATE_UNDELIVERED), 0); /* the last seven digits suffice */
	assert_int_equal(o.ret_key, 0);
	assert_int_equal(count(f, "receipt_parked"), 3);
	fixture_reopen(f);
	assert_int_equal(put(f, OP_SUBMIT, &s.op), 0);
	assert_true(s.ret_settled);
	assert_int_equal(s.ret_state, STATE_UNDELIVERED);
	assert_int_equal(s.ret_msg_state, STATE_UNDELIVERED);
	assert_int_equal(count(f, "receipt_parked"), 1);
	assert_int_equal(events_of(f, m.id, e, 9), 1);
	assert_string_equal(e[0].error, "UNDELIV:034");
}

static void a_parked_receipt_older_than_its_message_is_left(void **state)
{
	struct fixture *f = *state;
	uint64_t id = f->boot.next_id;
	struct store_spill rows[] = {{.hash = 10, .key = msg_key(id, 1), .deadline = 900}};
	struct op_spill spill = {.rows = rows, .n_rows = 1};
	struct op_submit s = {.msg = {.id = id, .n_parts = 1}, .part = 1, .at = 800000, .link = 9, .hash = 11, .to = 12025550142,
		.since = 700000, .smsc_id = "x", .last = true};
	struct message m = fixture_message(id);
	struct op_receipt o;

	m.created_ms = 800000;
	for (unsigned i = 0; i < 70; i++) { /* more than are looked at */
		o = (struct op_receipt){.hash = {11}, .n_hash = 1, .n_park = 1, .link = 9, .to = m.to, .state = STATE_UNDELIVERED,
			.at = 600000};
		assert_int_equal(put(f, OP_RECEIPT, &o.op), 0);
	}
	o = (struct op_receipt){.hash = {11}, .n_hash = 1, .n_park = 1, .link = 9, .to = m.to, .state = STATE_EXPIRED, .at = 799000};
	assert_int_equal(put(f, OP_RECEIPT, &o.op), 0);
	o = (struct op_receipt){.hash = {11}, .n_hash = 1, .n_park = 1, .link = 9, .to = m.to, .state = STATE_DELIVERED, .at = 799500};
	assert_int_equal(put(f, OP_RECEIPT, &o.op), 0);
	assert_int_equal(accept_message(f, &m, 1), 0);
	assert_int_equal(put(f, OP_SUBMIT, &s.op), 0);
	assert_int_equal(s.ret_claimed, 2);
	assert_int_equal(s.ret_state, STATE_DELIVERED); /* in the order they came: expired, then corrected */
	assert_int_equal(count(f, "correction"), 1);
	assert_int_equal(count(f, "receipt_parked"), 70);
	/* One that is tried again, on what memory let go. */
	assert_int_equal(put(f, OP_SPILL, &spill.op), 0);
	o = (struct op_receipt){.hash = {10}, .n_hash = 1, .link = 9, .to = m.to, .state = STATE_DELIVERED, .at = 700000, .parked = 1};
	assert_int_equal(put(f, OP_RECEIPT, &o.op), 0);
	assert_int_equal(o.ret_key, 0);
	o.at = 790000;
	assert_int_equal(put(f, OP_RECEIPT, &o.op), 0);
	assert_int_equal(o.ret_key, msg_key(id, 1));
}

static void a_spilled_part_is_found_by_hash_and_verified(void **state)
{
	struct fixture *f = *state;
	uint64_t id = f->boot.next_id;
	struct store_msg sm;
	struct store_spill rows[] = {{.hash = 10, .key = msg_key(id, 1), .deadline = 900},
		{.hash = 10, .key = msg_key(id + 1, 1), .deadline = 901}, {.hash = UINT64_MAX, .key = msg_key(id + 2, 2),
			.deadline = 902}};
	struct op_spill spill = {.rows = rows, .n_rows = 3};
	struct op_receipt o;

	sm = sent_message(f, id, 1, REPORT_FINAL);
	sent_message(f, id + 1, 1, REPORT_FINAL);
	sent_message(f, id + 2, 2, REPORT_FINAL);
	assert_int_equal(put(f, OP_SPILL, &spill.op), 0);
	assert_int_equal(count(f, "due"), 3);
	assert_int_equal(receive(f, &o, 10, 44444444444, STATE_DELIVERED), 0);
	assert_int_equal(o.ret_key, 0);
	assert_int_equal(receive(f, &o, 10, 0, STATE_UNDELIVERED), 0);
	assert_int_equal(o.ret_key, msg_key(id + 1, 1)); /* the newest that is not settled */
	assert_true(o.ret_new);
	assert_int_equal(o.ret_msg_state, STATE_UNDELIVERED);
	assert_int_equal(receive(f, &o, 10, 12025550142, STATE_DELIVERED), 0);
	assert_int_equal(o.ret_key, msg_key(sm.id, 1));
	assert_true(o.ret_new);
	/* Both settled: the newest is corrected. */
	assert_int_equal(receive(f, &o, 10, 0, STATE_DELIVERED), 0);
	assert_int_equal(o.ret_key, msg_key(id + 1, 1));
	assert_true(o.ret_correction);
	assert_int_equal(o.ret_msg_state, STATE_DELIVERED);
	/* A part of two, by the second spelling. */
	o = (struct op_receipt){.hash = {5, UINT64_MAX}, .n_hash = 2, .link = 9, .state = STATE_DELIVERED, .at = 1};
	assert_int_equal(put(f, OP_RECEIPT, &o.op), 0);
	assert_int_equal(o.ret_key, msg_key(id + 2, 2));
	assert_true(o.ret_new);
	assert_int_equal(o.ret_msg_state, -1);
	/* From another link it is unknown. */
	o = (struct op_receipt){.hash = {10}, .n_hash = 1, .link = 8, .state = STATE_DELIVERED, .at = 1};
	assert_int_equal(put(f, OP_RECEIPT, &o.op), 0);
	assert_int_equal(o.ret_key, 0);
}

/* Park with three hashes; the response has but one of them. */
static void a_parked_receipt_is_claimed_by_any_of_its_hashes(void **state)
{
	struct fixture *f = *state;
	struct message m = fixture_message(f->boot.next_id);
	struct op_submit s = {.msg = {.id = m.id, .n_parts = 1}, .part = 1, .at = 5, .link = 9, .hash = UINT64_MAX - 1,
		.to = m.to, .smsc_id = "x", .last = true};
	struct op_receipt o = {.hash = {7, 8, UINT64_MAX - 1}, .form = {0, 15, 16}, .n_hash = 3, .n_park = 3, .link = 9,
		.to = 777, .other = 12025550142, .at = 1700000003000, .state = STATE_DELIVERED, .smsc_id = "y",
		.smsc_id2 = "z", .stat = "DELIVRD", .err = "000", .why = PARKED_OTHER_NUMBER, .tlv = true};
	struct q_message q = {.id = m.id};
	struct q_parked p = {.limit = 3, .link = 9};

	assert_int_equal(accept_message(f, &m, 1), 0);
	assert_int_equal(put(f, OP_RECEIPT, &o.op), 0);
	assert_int_equal(o.ret_key, 0);
	assert_int_equal(count(f, "receipt_parked_id"), 3);
	assert_int_equal(ask(f, Q_PARKED, &p.q), 0);
	assert_int_equal(p.n_rows, 1);
	assert_string_equal(p.rows[0].smsc_id2, "z");
	assert_int_equal(p.rows[0].why, PARKED_OTHER_NUMBER);
	assert_int_equal(p.rows[0].other, 12025550142);
	assert_true(p.rows[0].tlv);
	store_query_done(&p.q);
	p.link = 8;
	assert_int_equal(ask(f, Q_PARKED, &p.q), 0);
	assert_int_equal(p.n_rows, 0);
	store_query_done(&p.q);
	fixture_reopen(f);
	assert_int_equal(put(f, OP_SUBMIT, &s.op), 0);
	assert_true(s.ret_settled); /* the other number of the PDU is the handset */
	assert_int_equal(s.ret_claimed, 1);
	assert_int_equal(s.ret_claimed_at, 1700000003000);
	assert_int_equal(s.ret_form, 16);
	assert_int_equal(count(f, "receipt_parked"), 0);
	assert_int_equal(count(f, "receipt_parked_id"), 0);
	assert_int_equal(ask(f, Q_MESSAGE, &q.q), 0);
	assert_string_equal(q.ret.parts[0].raw, "DELIVRD:000");
	assert_string_equal(q.ret.parts[0].error, "");
	assert_int_equal(q.ret.parts[0].receipt, receipt_mark(16));
	assert_int_equal(sql(f, "SELECT error IS NULL FROM final"), 1); /* what is plain costs no octets */
	store_query_done(&q.q);
}

static void the_oldest_parked_receipts_make_room(void **state)
{
	struct fixture *f = *state;
	struct store_stats st;

	for (unsigned i = 1; i <= 5; i++) {
		struct op_receipt o = {.hash = {i}, .n_hash = 1, .n_park = 1, .link = 9, .at = i, .state = STATE_DELIVERED,
			.parked_max = 2};

		assert_int_equal(put(f, OP_RECEIPT, &o.op), 0);
	}
	assert_int_equal(count(f, "receipt_parked"), 2);
	assert_int_equal(count(f, "receipt_parked_id"), 2);
	assert_int_equal(sql(f, "SELECT min(at) FROM receipt_parked"), 4);
	store_stats(f->store, &st);
	assert_int_equal(st.parked, 2);
	assert_int_equal(st.parked_dropped, 3);
}

/* Two guesses find a part that waits, each another: neither is believed, unless the first is certain. */
static void guesses_that_differ_settle_nothing(void **state)
{
	struct fixture *f = *state;
	uint64_t id = f->boot.next_id;
	struct store_spill rows[] = {{.hash = 10, .key = msg_key(id, 1)}, {.hash = 11, .key = msg_key(id + 1, 1)}};
	struct op_spill spill = {.rows = rows, .n_rows = 2};
	struct op_receipt o = {.hash = {11, 10}, .form = {16, 15}, .n_hash = 2, .n_park = 2, .link = 9, .state =
		STATE_DELIVERED, .at = 1700000003000};

	sent_message(f, id, 1, REPORT_FINAL);
	sent_message(f, id + 1, 1, REPORT_FINAL);
	assert_int_equal(put(f, OP_SPILL, &spill.op), 0);
	assert_int_equal(put(f, OP_RECEIPT, &o.op), 0);
	assert_int_equal(o.ret_key, 0);
	assert_int_equal(sql(f, "SELECT why FROM receipt_parked"), PARKED_AMBIGUOUS);
	o.parked = sql(f, "SELECT n FROM receipt_parked");
	assert_int_equal(put(f, OP_RECEIPT, &o.op), 0); /* tried again: it stays, and is not parked twice */
	assert_int_equal(count(f, "receipt_parked"), 1);
	o.certain = true;
	assert_int_equal(put(f, OP_RECEIPT, &o.op), 0);
	assert_int_equal(o.ret_key, msg_key(id + 1, 1));
	assert_int_equal(o.ret_form, 16);
	assert_int_equal(count(f, "receipt_parked"), 0);
	/* Settled ones are no rivals: what repeats an old receipt is not kept from a part that waits. */
	o.parked = 0;
	o.certain = false;
	assert_int_equal(put(f, OP_RECEIPT, &o.op), 0);
	assert_int_equal(o.ret_key, msg_key(id, 1));
}

static void what_contradicts_is_kept_for_the_timeline(void **state)
{
	struct fixture *f = *state;
	uint64_t id = f->boot.next_id;
	struct store_spill row = {.hash = 10, .key = msg_key(id, 1)};
	struct op_spill spill = {.rows = &row, .n_rows = 1};
	struct q_message q = {.id = id};
	struct op_receipt o;

	sent_message(f, id, 1, REPORT_FINAL);
	assert_int_equal(put(f, OP_SPILL, &spill.op), 0);
	assert_int_equal(receive(f, &o, 10, 0, STATE_DELIVERED), 0);
	assert_true(o.ret_new);
	assert_int_equal(receive(f, &o, 10, 0, STATE_DELIVERED), 0); /* a repeated one is not */
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(receive(f, &o, 10, 0, STATE_UNDELIVERED), 0);
	assert_false(o.ret_new || o.ret_correction);
	assert_int_equal(ask(f, Q_MESSAGE, &q.q), 0);
	assert_int_equal(q.ret.state, STATE_DELIVERED);
	assert_int_equal(q.ret.n_notes, 16);
	assert_int_equal(q.ret.notes[0].state, STATE_UNDELIVERED);
	assert_string_equal(q.ret.notes[0].raw, "UNDELIV:034");
	store_query_done(&q.q);
}

/* ---- one receipt for all parts */

static void one_receipt_speaks_for_all_that_was_taken(void **state)
{
	struct fixture *f = *state;
	struct message m = fixture_message(f->boot.next_id);
	struct store_msg sm = {.id = m.id, .n_parts = 3, .one_receipt = true};
	struct op_final o = {.msg = sm, .part = 1, .at = 9, .state = STATE_DELIVERED, .reason = REASON_RECEIPT,
		.error = "DELIVRD:000", .receipt = receipt_mark(0)};
	struct op_submit s = {.msg = sm, .at = 8, .link = 9, .to = m.to};

	m.n_parts = 3;
	assert_int_equal(accept_message(f, &m, 7), 0);
	for (s.part = 1; s.part <= 2; s.part++)
		assert_int_equal(put(f, OP_SUBMIT, &s.op), 0);
	assert_int_equal(put(f, OP_FINAL, &o.op), 0);
	assert_int_equal(o.ret_msg_state, -1); /* the third was not taken yet */
	assert_int_equal(count(f, "final"), 2);
	s.part = 3;
	assert_int_equal(put(f, OP_SUBMIT, &s.op), 0);
	assert_true(s.ret_settled);
	assert_int_equal(s.ret_msg_state, STATE_DELIVERED);
	assert_int_equal(sql(f, "SELECT count(*) FROM final WHERE state = 4"), 4);
}

static void silence_of_one_part_is_not_silence_of_all(void **state)
{
	struct fixture *f = *state;
	struct store_msg sm = sent_message(f, f->boot.next_id, 2, REPORT_NONE);
	struct op_final o = {.msg = sm, .part = 1, .at = 9, .state = STATE_UNCONFIRMED, .reason = REASON_NO_RECEIPT};

	o.msg.one_receipt = true;
	assert_int_equal(put(f, OP_FINAL, &o.op), 0);
	assert_int_equal(count(f, "final"), 1);
	o.state = STATE_DELIVERED;
	o.part = 2;
	o.receipt = receipt_mark(0);
	assert_int_equal(put(f, OP_FINAL, &o.op), 0); /* the receipt comes after all, for the other part */
	assert_int_equal(o.ret_msg_state, STATE_DELIVERED);
	assert_int_equal(count(f, "correction"), 1);
}

/* ---- what is final, and may still be told of */

static void what_may_be_corrected_is_waited_for(void **state)
{
	struct fixture *f = *state;
	static const struct { char state; unsigned n; } ends[] = {{'D', 0}, {'R', 0}, {'U', 1}, {'E', 2}, {'N', 3}};

	for (unsigned i = 0; i < 5; i++) {
		struct store_msg sm = sent_message(f, f->boot.next_id + i, 1, REPORT_NONE);
		struct op_final o = {.msg = sm, .part = 1, .at = 9, .state = state_of(ends[i].state), .hash = 100 + i};

		assert_int_equal(put(f, OP_FINAL, &o.op), 0);
		assert_int_equal(count(f, "waiting"), ends[i].n);
	}
}

static void the_rest_of_a_failed_message_is_waited_for(void **state)
{
	struct fixture *f = *state;
	struct store_msg sm = sent_message(f, f->boot.next_id, 3, REPORT_NONE);
	struct op_receipt o;

	tell_story(f, &sm, "1D 2U");
	assert_int_equal(count(f, "waiting"), 1);
	fixture_reopen(f);
	assert_int_equal(receive(f, &o, sent_hash(9, "s3"), 12025550142, STATE_DELIVERED), 0);
	assert_int_equal(o.ret_key, msg_key(sm.id, 3));
	assert_true(o.ret_new);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(parts_make_the_message),
		TEST(one_event_per_message_when_report_is_final),
		TEST(report_all_tells_sent_and_every_part),
		TEST(an_event_says_what_is_left_of_its_message),
		TEST(no_endpoint_no_event),
		TEST(a_submit_replaces_its_lease),
		TEST(an_attempt_moves_the_message_to_due),
		TEST(keep_lease_keeps_it),
		TEST(unless_submitted_leaves_alone_what_has_left),
		TEST(what_was_never_answered_is_not_called_cancelled_or_expired),
		TEST(what_a_cancelled_tag_covers_is_in_doubt_as_well),
		TEST(a_final_message_leaves_backlog_and_leases),
		TEST(a_receipt_before_the_response_is_parked_and_found),
		TEST(a_parked_receipt_older_than_its_message_is_left),
		TEST(a_spilled_part_is_found_by_hash_and_verified),
		TEST(a_parked_receipt_is_claimed_by_any_of_its_hashes),
		TEST(the_oldest_parked_receipts_make_room),
		TEST(guesses_that_differ_settle_nothing),
		TEST(what_contradicts_is_kept_for_the_timeline),
		TEST(one_receipt_speaks_for_all_that_was_taken),
		TEST(silence_of_one_part_is_not_silence_of_all),
		TEST(what_may_be_corrected_is_waited_for),
		TEST(the_rest_of_a_failed_message_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
