/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_faults_test.c -- links that come and go while parts of messages are under way.
 *
 * Each test holds one order of events that once lost a message, sent a part twice or ended the process.
 * "Half-sent": part 1 of two was taken by link A, part 2 waits.
 */
#include "queue_world.h"

#include <errno.h>

/* Part 1 is with A, and A has no room for part 2. */
static struct fake *half_leased(struct world *w, struct fake *b)
{
	struct fake *a = fake_new(w, "A", 1);

	fake_route(w, a, b);
	world_add_long(w, 2, 0, NULL);
	RUN_UNTIL(w, a->n == 1);
	return a;
}

/* A goes down, then answers for part 1: part 2 belongs to A and waits for it, though B is up. */
static void the_rest_of_a_message_waits_for_its_link(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a, *b;

	(void)state;
	world_up(w, false);
	b = fake_new(w, "B", 10);
	a = half_leased(w, b);
	fake_up(w, a, false);
	world_quiet(w);
	fake_end(w, a, a->key[0], OUTCOME_SENT);
	world_quiet(w);
	assert_int_equal(a->o.in_flight, 0);
	assert_int_equal(b->n, 0);
	fake_up(w, a, true);
	RUN_UNTIL(w, a->count[2] == 1);
	fake_end(w, a, a->key[1], OUTCOME_SENT);
	world_down(w);
	world_free(w);
}

/* A drains and is taken out of the configuration while part 2 waits for it; then B comes up. */
static void a_link_gone_for_good_hands_on_what_is_left(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a, *b;

	(void)state;
	world_up(w, false);
	b = fake_new(w, "B", 10);
	b->o.up = false;
	a = half_leased(w, b);
	a->o.draining = true;
	queue_outlet_changed(w->queue, &a->o);
	fake_end(w, a, a->key[0], OUTCOME_SENT);
	world_quiet(w);
	queue_forget_outlet(w->queue, &a->o);
	fake_up(w, b, true);
	RUN_UNTIL(w, b->n == 1);
	assert_int_equal(b->count[2], 1);
	fake_end_all(w, b, OUTCOME_SENT);
	world_down(w);
	world_free(w);
}

/* A is being removed while part 1 is under way there, and B is up.  The place in the window is A's until it answers. */
static void what_is_left_waits_for_what_is_under_way_over_a_link_that_goes(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a, *b;

	(void)state;
	world_up(w, false);
	b = fake_new(w, "B", 10);
	b->o.up = false;
	a = half_leased(w, b);
	a->o.draining = a->o.removed = true;
	queue_outlet_changed(w->queue, &a->o);
	fake_route(w, b, NULL);
	fake_up(w, b, true);
	world_quiet(w);
	assert_int_equal(b->n, 0);
	assert_int_equal(a->o.in_flight, 1);
	fake_end(w, a, a->key[0], OUTCOME_SENT);
	world_quiet(w);
	assert_int_equal(a->o.in_flight, 0);
	queue_forget_outlet(w->queue, &a->o);
	RUN_UNTIL(w, b->n == 1);
	assert_int_equal(b->count[2], 1);
	fake_end_all(w, b, OUTCOME_SENT);
	world_quiet(w);
	assert_int_equal(b->o.in_flight, 0);
	world_down(w);
	world_free(w);
}

/* The same over a restart: the next life is configured without A, and B comes up after the scan. */
static void a_link_gone_over_a_restart_hands_on_what_is_left(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a, *b;

	(void)state;
	world_up(w, false);
	a = half_leased(w, NULL);
	a->o.draining = true;
	queue_outlet_changed(w->queue, &a->o);
	fake_end(w, a, a->key[0], OUTCOME_SENT);
	world_quiet(w);
	world_down(w);
	world_up(w, false);
	b = fake_new(w, "B", 10);
	b->o.up = false;
	fake_route(w, b, NULL);
	RUN_UNTIL(w, !world_recovering(w));
	fake_up(w, b, true);
	RUN_UNTIL(w, b->n == 1);
	assert_int_equal(b->count[2], 1);
	fake_end_all(w, b, OUTCOME_SENT);
	world_down(w);
	world_free(w);
}

/* Both parts are busy, with back-offs of 0.3 s and 2.5 s.  Part 1's due row brings part 1 back, not part 2 as
 * well. */
static void each_part_comes_back_by_its_own_due_row(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;

	(void)state;
	world_up(w, false);
	world_stop_clock();
	a = fake_new(w, "A", 10);
	fake_route(w, a, NULL);
	world_add_long(w, 2, 0, NULL);
	RUN_UNTIL(w, a->n == 2);
	fake_end(w, a, a->key[0], OUTCOME_RETRY);
	a->o.retry_min_ms = 2500;
	fake_end(w, a, a->key[1], OUTCOME_RETRY);
	world_quiet(w); /* the due rows are there */
	world_seconds(w, 1);
	assert_int_equal(a->count[1], 2);
	assert_int_equal(a->count[2], 1);
	world_seconds(w, 10);
	assert_int_equal(a->count[1], 2);
	assert_int_equal(a->count[2], 2);
	world_halt(w);
	world_free(w);
}

/* Part 1 is held for evidence, part 2 is busy: when part 2 comes back, part 1 stays held. */
static void a_held_part_stays_held_when_another_comes_back(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;

	(void)state;
	world_up(w, false);
	a = fake_new(w, "A", 10);
	a->o.on_uncertain = UNCERTAIN_HOLD;
	fake_route(w, a, NULL);
	world_add_long(w, 2, 0, NULL);
	RUN_UNTIL(w, a->n == 2);
	fake_end(w, a, a->key[0], OUTCOME_UNKNOWN);
	fake_end(w, a, a->key[1], OUTCOME_RETRY);
	world_seconds(w, 3);
	assert_int_equal(a->count[1], 1);
	assert_int_equal(a->count[2], 2);
	world_halt(w);
	world_free(w);
}

/* Part 1's answer is unknown (and held, or final at once), part 2 was never leased; then a restart: only part
 * 2 goes. */
static void after_a_restart_only_the_open_part_goes(void **state)
{
	static const int policies[] = {UNCERTAIN_FAIL, UNCERTAIN_HOLD};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct world *w = world_new(WORLD_LOOPBACK);
		struct fake *a;

		world_up(w, false);
		a = half_leased(w, NULL);
		a->o.on_uncertain = policies[i];
		fake_up(w, a, false);
		fake_end(w, a, a->key[0], OUTCOME_UNKNOWN);
		world_quiet(w);
		world_down(w);
		world_up(w, false);
		a = fake_new(w, "A", 10);
		fake_route(w, a, NULL);
		RUN_UNTIL(w, a->n > 0 && !world_recovering(w));
		world_seconds(w, 2);
		assert_int_equal(a->count[1], 0);
		assert_int_equal(a->count[2], 1);
		fake_end_all(w, a, OUTCOME_SENT);
		world_down(w);
		world_free(w);
	}
}

/* The driver has no room for part 1; a slot gets free, part 2 is leased and finds no room either.  The
 * message is in the list of those that wait for room once, or handing them over would never end. */
static void a_message_waits_once_for_room_on_the_wire(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;

	(void)state;
	world_up(w, false);
	a = fake_new(w, "A", 2);
	fake_route(w, a, NULL);
	world_add(w, 1, (struct message){.class = CLASS_SERVICE}, NULL);
	RUN_UNTIL(w, a->n == 1);
	a->answer = -EAGAIN;
	world_add_long(w, 2, 0, NULL);
	RUN_UNTIL(w, a->o.stalled);
	fake_end(w, a, a->key[0], OUTCOME_SENT);
	world_quiet(w);
	assert_ptr_equal(a->o.stalled, a->o.stalled_tail);
	a->answer = 0;
	queue_outlet_changed(w->queue, &a->o); /* as link_ready() does */
	assert_int_equal(a->n, 3);
	world_halt(w);
	world_free(w);
}

/* Five attempts are allowed, and each of five parts is busy once: that is one attempt. */
static void attempts_are_counted_in_rounds_over_the_parts(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;

	(void)state;
	world_up(w, false);
	a = fake_new(w, "A", 10);
	a->o.max_attempts = 5;
	fake_route(w, a, NULL);
	world_add_long(w, 5, 0, NULL);
	RUN_UNTIL(w, a->n == 5);
	fake_end_all(w, a, OUTCOME_RETRY);
	world_seconds(w, 2);
	assert_int_equal(w->final[STATE_REJECTED], 0);
	assert_int_equal(a->n, 10);
	world_halt(w);
	world_free(w);
}

/* A refused, so the message waits for what follows A in its route; a reload takes A out, and B becomes the
 * first. */
static void a_refused_message_finds_the_links_of_a_new_route(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a, *b;

	(void)state;
	world_up(w, false);
	a = fake_new(w, "A", 10);
	b = fake_new(w, "B", 10);
	b->o.up = false;
	fake_route(w, a, b);
	world_add(w, 1, (struct message){.class = CLASS_SERVICE}, NULL);
	RUN_UNTIL(w, a->n == 1);
	fake_end(w, a, a->key[0], OUTCOME_REJECTED);
	world_quiet(w);
	fake_route(w, b, NULL);
	fake_up(w, b, true);
	RUN_UNTIL(w, b->n == 1);
	fake_end_all(w, b, OUTCOME_SENT);
	world_down(w);
	world_free(w);
}

static void link_is_gone(void *arg)
{
	*(bool *)arg = true;
}

/* The lease of both parts is on its way to the disk when the link is removed: the link lives until the lease
 * has come back, and the message, of which nothing has left, goes over the other link. */
static void a_link_is_removed_while_a_lease_is_committed(void **state)
{
	struct world *w =
		world_new(WORLD_CLIENTS "links = ({ name = \"lo1\"; driver = \"loopback\"; }, { name = "
					"\"lo2\"; driver = \"loopback\"; });"
					"routes = ({ name = \"r\"; links = [\"lo1\", \"lo2\"]; });");
	bool gone = false;

	(void)state;
	world_up(w, false);
	world_add_long(w, 2, 0, NULL);
	RUN_UNTIL(w, w->committed == 1);
	world_hold_op(OP_LEASE);
	link_start(w->link[0]);
	RUN_UNTIL(w, world_held() == 1);
	link_remove(w->link[0], link_is_gone, &gone);
	world_quiet(w);
	assert_false(gone);
	assert_int_equal(link_outlet(w->link[0])->in_flight, 2);
	w->link[0] = w->link[--w->n_links];
	world_release(w);
	RUN_UNTIL(w, gone);
	link_start(w->link[0]);
	RUN_UNTIL(w, w->final[STATE_DELIVERED] == 1);
	assert_int_equal(link_outlet(w->link[0])->sent, 2);
	world_down(w);
	world_free(w);
}

/* A message held for evidence has left memory.  Its answer comes after all, then its receipt; the deadline of
 * the hold finds it settled. */
static void a_late_answer_finds_a_message_that_left_memory(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct queue_stats s;
	struct fake *a;
	uint64_t id;

	(void)state;
	world_up(w, false);
	a = fake_new(w, "A", 10);
	a->o.on_uncertain = UNCERTAIN_HOLD;
	a->o.receipt_timeout_s = 60;
	fake_route(w, a, NULL);
	world_add(w, 1, (struct message){.class = CLASS_SERVICE}, &id);
	RUN_UNTIL(w, a->n == 1);
	fake_end(w, a, a->key[0], OUTCOME_UNKNOWN);
	world_quiet(w);
	queue_stats(w->queue, &s);
	assert_int_equal(s.resident, 0);
	fake_end_late(w, a, a->key[0]);
	world_quiet(w);
	assert_int_equal(world_state(w, id, 0), STATE_SENT);
	assert_int_equal(fake_receipt(w, a, a->key[0], RECEIPT_DELIVERED), 0);
	RUN_UNTIL(w, w->n_acks == 1);
	assert_int_equal(w->ack, 0);
	assert_int_equal(world_state(w, id, 0), STATE_DELIVERED);
	world_pass(w, 120000);
	world_seconds(w, 5);
	assert_int_equal(w->final[STATE_DELIVERED], 1);
	assert_int_equal(w->final[STATE_UNCONFIRMED], 0);
	assert_int_equal(a->n, 1);
	world_down(w);
	world_free(w);
}

/* The same in the other order: the receipt is parked until the late answer brings its id. */
static void a_late_answer_finds_its_parked_receipt(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct queue_stats s;
	struct fake *a;
	uint64_t id;

	(void)state;
	world_up(w, false);
	a = fake_new(w, "A", 10);
	a->o.on_uncertain = UNCERTAIN_HOLD;
	fake_route(w, a, NULL);
	world_add(w, 1, (struct message){.class = CLASS_SERVICE}, &id);
	RUN_UNTIL(w, a->n == 1);
	fake_end(w, a, a->key[0], OUTCOME_UNKNOWN);
	world_quiet(w);
	assert_int_equal(fake_receipt(w, a, a->key[0], RECEIPT_DELIVERED), 0);
	RUN_UNTIL(w, w->n_acks == 1);
	queue_stats(w->queue, &s);
	assert_int_equal(s.receipts_parked, 1);
	fake_end_late(w, a, a->key[0]);
	world_quiet(w);
	assert_int_equal(w->final[STATE_DELIVERED], 1);
	assert_int_equal(world_state(w, id, 0), STATE_DELIVERED);
	world_down(w);
	world_free(w);
}

/* The commit of what a receipt said is refused: it is not acknowledged, and when it comes again it settles
 * the part. */
static void a_receipt_whose_commit_failed_settles_when_it_comes_again(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct queue_stats s;
	struct fake *a;

	(void)state;
	world_up(w, false);
	a = fake_new(w, "A", 10);
	fake_route(w, a, NULL);
	world_add(w, 1, (struct message){.class = CLASS_SERVICE}, NULL);
	RUN_UNTIL(w, a->n == 1);
	fake_end(w, a, a->key[0], OUTCOME_SENT);
	world_quiet(w);
	world_refuse(OP_FINAL, 1);
	assert_int_equal(fake_receipt(w, a, a->key[0], RECEIPT_DELIVERED), 0);
	RUN_UNTIL(w, w->n_acks == 1);
	assert_int_equal(w->ack, -ENOSPC);
	queue_stats(w->queue, &s);
	assert_int_equal(s.receipts_waiting, 1);
	assert_int_equal(w->final[STATE_DELIVERED], 0);
	assert_int_equal(fake_receipt(w, a, a->key[0], RECEIPT_DELIVERED), 0);
	RUN_UNTIL(w, w->n_acks == 2);
	assert_int_equal(w->ack, 0);
	assert_int_equal(w->final[STATE_DELIVERED], 1);
	world_down(w);
	world_free(w);
}

/* There is no memory to mark a new message as fresh: it gets a row, which the next life finds though low water has
 * passed its id. */
static void what_cannot_be_marked_as_fresh_is_found_after_a_restart(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;

	(void)state;
	world_up(w, false);
	world_no_memory_for_marks(1);
	world_add(w, 3, (struct message){.class = CLASS_SERVICE}, NULL);
	RUN_UNTIL(w, w->committed == 3);
	world_seconds(w, 2);
	world_quiet(w);
	world_down(w);
	world_up(w, false);
	a = fake_new(w, "A", 10);
	fake_route(w, a, NULL);
	RUN_UNTIL(w, a->n == 3);
	fake_end_all(w, a, OUTCOME_SENT);
	world_down(w);
	world_free(w);
}

/* ---- the row of an attempt is refused, and its part goes on at once --------------------------------------- */

static int64_t leases(struct world *w)
{
	return world_rows(w, "SELECT count(*) FROM lease");
}

/* A's answer is not stored at once, and the part goes on over B: what is stored then leaves B's lease alone.  The
 * process ends: B's answer is what nobody knows, so it is B's policy that decides. */
static void an_attempt_stored_late_leaves_the_next_lease(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a, *b;
	uint64_t id;

	(void)state;
	world_up(w, false);
	world_stop_clock();
	a = fake_new(w, "A", 10);
	b = fake_new(w, "B", 10);
	fake_route(w, a, b);
	world_add(w, 1, (struct message){.class = CLASS_SERVICE}, &id);
	RUN_UNTIL(w, a->n == 1);
	world_refuse(OP_ATTEMPT, 1);
	fake_end(w, a, a->key[0], OUTCOME_REJECTED);
	RUN_UNTIL(w, b->n == 1);
	world_seconds(w, 2);
	world_quiet(w);
	assert_int_equal(world_refusals_left(), 0);
	assert_int_equal(world_rows(w, "SELECT count(*) FROM attempt"), 1);
	assert_int_equal(leases(w), 1);
	world_halt(w);
	world_up(w, false);
	b = fake_new(w, "B", 10);
	b->o.on_uncertain = UNCERTAIN_FAIL;
	fake_route(w, b, NULL);
	RUN_UNTIL(w, !world_recovering(w));
	world_seconds(w, 2);
	world_quiet(w);
	assert_int_equal(b->n, 0);
	assert_int_equal(world_state(w, id, 0), STATE_UNCONFIRMED);
	world_halt(w);
	world_free(w);
}

/* The same over one link, which ended its session: the link does not tell the two leases apart. */
static void an_attempt_stored_late_leaves_the_next_lease_of_its_link(void **state)
{
	static const enum outcome outcomes[] = {OUTCOME_LINK_FAULT, OUTCOME_UNKNOWN};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct world *w = world_new(WORLD_LOOPBACK);
		struct fake *a;

		world_up(w, false);
		world_stop_clock();
		a = fake_new(w, "A", 10);
		a->o.on_uncertain = UNCERTAIN_RESEND;
		fake_route(w, a, NULL);
		world_add(w, 1, (struct message){.class = CLASS_SERVICE}, NULL);
		RUN_UNTIL(w, a->n == 1);
		world_refuse(OP_ATTEMPT, 1);
		fake_end(w, a, a->key[0], outcomes[i]);
		RUN_UNTIL(w, a->n == 2);
		world_seconds(w, 2);
		world_quiet(w);
		assert_int_equal(world_rows(w, "SELECT count(*) FROM attempt"), 1);
		assert_int_equal(leases(w), 1);
		world_halt(w);
		world_free(w);
	}
}

/* B's lease is on its way when the second is over: whether it will be there is not known yet, so A's answer waits. */
static void an_attempt_stored_late_waits_for_the_next_lease(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a, *b;

	(void)state;
	world_up(w, false);
	world_stop_clock();
	a = fake_new(w, "A", 10);
	b = fake_new(w, "B", 10);
	fake_route(w, a, b);
	world_add(w, 1, (struct message){.class = CLASS_SERVICE}, NULL);
	RUN_UNTIL(w, a->n == 1);
	world_refuse(OP_ATTEMPT, 1);
	world_hold_op(OP_LEASE);
	fake_end(w, a, a->key[0], OUTCOME_REJECTED);
	RUN_UNTIL(w, world_held() == 1);
	world_seconds(w, 2);
	world_release(w);
	RUN_UNTIL(w, b->n == 1);
	assert_int_equal(world_rows(w, "SELECT count(*) FROM attempt"), 0);
	world_seconds(w, 2);
	world_quiet(w);
	assert_int_equal(world_rows(w, "SELECT count(*) FROM attempt"), 1);
	assert_int_equal(leases(w), 1);
	world_halt(w);
	world_free(w);
}

/* B has answered, and that is not stored either: until it is, its lease alone tells the next life of B. */
static void an_attempt_stored_late_leaves_the_lease_of_what_is_not_stored(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a, *b;

	(void)state;
	world_up(w, false);
	world_stop_clock();
	a = fake_new(w, "A", 10);
	b = fake_new(w, "B", 10);
	fake_route(w, a, b);
	world_add(w, 1, (struct message){.class = CLASS_SERVICE}, NULL);
	RUN_UNTIL(w, a->n == 1);
	world_refuse(OP_ATTEMPT, 1);
	fake_end(w, a, a->key[0], OUTCOME_REJECTED);
	RUN_UNTIL(w, b->n == 1);
	assert_int_equal(world_refusals_left(), 0);
	world_refuse(OP_SUBMIT, 2);
	fake_end(w, b, b->key[0], OUTCOME_SENT);
	for (unsigned i = 0; i < 5 && !world_rows(w, "SELECT count(*) FROM attempt"); i++) {
		world_quiet(w);
		assert_int_equal(leases(w), 1);
		world_seconds(w, 1);
	}
	world_quiet(w);
	assert_int_equal(world_rows(w, "SELECT count(*) FROM attempt"), 1);
	assert_int_equal(world_rows(w, "SELECT count(*) FROM submit"), 0);
	assert_int_equal(leases(w), 1);
	world_seconds(w, 2);
	world_quiet(w);
	assert_int_equal(world_rows(w, "SELECT count(*) FROM submit"), 1);
	assert_int_equal(leases(w), 0);
	world_halt(w);
	world_free(w);
}

/* Nothing took its place: the lease goes with the attempt, however late. */
static void an_attempt_stored_late_takes_its_own_lease(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;

	(void)state;
	world_up(w, false);
	world_stop_clock();
	a = fake_new(w, "A", 10);
	fake_route(w, a, NULL);
	world_add(w, 1, (struct message){.class = CLASS_SERVICE}, NULL);
	RUN_UNTIL(w, a->n == 1);
	a->o.retry_min_ms = 60000;
	world_refuse(OP_ATTEMPT, 1);
	fake_end(w, a, a->key[0], OUTCOME_RETRY);
	world_quiet(w);
	assert_int_equal(leases(w), 1);
	world_seconds(w, 2);
	world_quiet(w);
	assert_int_equal(leases(w), 0);
	assert_int_equal(world_rows(w, "SELECT count(*) FROM due"), 1);
	world_halt(w);
	world_free(w);
}

/* The disk refuses what became of a part, and the gateway is told to stop: while there is time it tries again. */
static void what_the_disk_refused_is_stored_before_the_end(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;

	(void)state;
	world_up(w, false);
	a = fake_new(w, "A", 10);
	fake_route(w, a, NULL);
	world_add(w, 1, (struct message){.class = CLASS_SERVICE}, NULL);
	RUN_UNTIL(w, a->n == 1);
	world_refuse(OP_SUBMIT, 1);
	fake_end(w, a, a->key[0], OUTCOME_SENT);
	world_down(w);
	world_up(w, false);
	assert_int_equal(leases(w), 0);
	assert_int_equal(world_rows(w, "SELECT count(*) FROM submit"), 1);
	world_halt(w);
	world_free(w);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rest_of_a_message_waits_for_its_link),
		cmocka_unit_test(a_link_gone_for_good_hands_on_what_is_left),
		cmocka_unit_test(what_is_left_waits_for_what_is_under_way_over_a_link_that_goes),
		cmocka_unit_test(a_link_gone_over_a_restart_hands_on_what_is_left),
		cmocka_unit_test(each_part_comes_back_by_its_own_due_row),
		cmocka_unit_test(a_held_part_stays_held_when_another_comes_back),
		cmocka_unit_test(after_a_restart_only_the_open_part_goes),
		cmocka_unit_test(a_message_waits_once_for_room_on_the_wire),
		cmocka_unit_test(attempts_are_counted_in_rounds_over_the_parts),
		cmocka_unit_test(a_refused_message_finds_the_links_of_a_new_route),
		cmocka_unit_test(a_link_is_removed_while_a_lease_is_committed),
		cmocka_unit_test(a_late_answer_finds_a_message_that_left_memory),
		cmocka_unit_test(a_late_answer_finds_its_parked_receipt),
		cmocka_unit_test(a_receipt_whose_commit_failed_settles_when_it_comes_again),
		cmocka_unit_test(what_cannot_be_marked_as_fresh_is_found_after_a_restart),
		cmocka_unit_test(an_attempt_stored_late_leaves_the_next_lease),
		cmocka_unit_test(an_attempt_stored_late_leaves_the_next_lease_of_its_link),
		cmocka_unit_test(an_attempt_stored_late_waits_for_the_next_lease),
		cmocka_unit_test(an_attempt_stored_late_leaves_the_lease_of_what_is_not_stored),
		cmocka_unit_test(an_attempt_stored_late_takes_its_own_lease),
		cmocka_unit_test(what_the_disk_refused_is_stored_before_the_end),
	};

	return WORLD_MAIN(tests, argc, argv);
}
