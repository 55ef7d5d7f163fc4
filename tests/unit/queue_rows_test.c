/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_rows_test.c -- rows on their way to memory and back: pages that are older than what is committed,
 * restarts, and a disk that refuses.
 *
 * Each test holds one order of events that once lost a message or sent it twice.  A lane holds 16 messages
 * (WORLD_SMALL_LANE), what comes after them has a row in the backlog.
 */
#include "queue_world.h"

#include <errno.h>

/* A step of retention takes a thousand rows.  Where more are old enough the next one follows in a second and not in a
 * minute: else more would come in a day than could ever go. */
static void retention_keeps_up(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK "retention: { body_days = 1; row_days = 1; };");
	struct fake *a;

	(void)state;
	world_up(w, false);
	world_stop_clock();
	a = fake_new(w, "A", 2000);
	a->o.reports = false;
	fake_route(w, a, NULL);
	fake_up(w, a, true);
	for (unsigned i = 0; i < 3; i++)
		world_add(w, 500, (struct message){.class = CLASS_SERVICE}, NULL);
	RUN_UNTIL(w, a->n == 1500);
	fake_end_all(w, a, OUTCOME_SENT);
	world_quiet(w);
	assert_int_equal(world_rows(w, "SELECT count(*) FROM final"), 1500);
	world_pass(w, 3 * 86400000ll);
	world_seconds(w, 40);
	world_quiet(w);
	assert_int_equal(world_rows(w, "SELECT count(*) FROM message"), 0);
	assert_int_equal(world_rows(w, "SELECT count(*) FROM body"), 0);
	world_down(w);
	world_free(w);
}

/* What memory lets go of is kept on disk for receipts to come, but not when retention has taken the message. */
static void what_retention_took_leaves_no_row_for_a_receipt(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK "retention: { body_days = 1; row_days = 1; };");
	struct fake *a;

	(void)state;
	world_sent_max(64);
	world_up(w, false);
	world_stop_clock();
	a = fake_new(w, "A", 500);
	fake_route(w, a, NULL);
	fake_up(w, a, true);
	world_add(w, 48, (struct message){.class = CLASS_SERVICE}, NULL);
	RUN_UNTIL(w, a->n == 48);
	fake_end_all(w, a, OUTCOME_SENT);
	for (unsigned i = 0; i < 48; i++)
		fake_receipt(w, a, a->key[i], RECEIPT_UNDELIVERABLE);
	RUN_UNTIL(w, w->final[STATE_UNDELIVERED] == 48);
	world_pass(w, 2 * 86400000ll);
	world_seconds(w, 5);
	world_quiet(w);
	assert_int_equal(world_rows(w, "SELECT count(*) FROM message"), 0);
	world_add(w, 128, (struct message){.class = CLASS_SERVICE}, NULL);
	RUN_UNTIL(w, a->n == 176);
	fake_end_all(w, a, OUTCOME_SENT);
	world_seconds(w, 1);
	world_quiet(w);
	assert_int_equal(world_rows(w, "SELECT count(*) FROM waiting"), 128 - 64); /* of the second ones */
	for (unsigned i = 48; i < 176; i++)
		fake_receipt(w, a, a->key[i], RECEIPT_DELIVERED);
	world_quiet(w);
	world_down(w);
	world_free(w);
	world_sent_max(0);
}

/* A receipt that was faster than the answer says that the part failed, and memory lets go of the part: the one that
 * corrects it finds it all the same. */
static void what_a_parked_receipt_ended_is_found_by_its_correction(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;

	(void)state;
	world_sent_max(16);
	world_up(w, false);
	a = fake_new(w, "A", 50);
	fake_route(w, a, NULL);
	world_add(w, 1, (struct message){.class = CLASS_SERVICE}, NULL);
	RUN_UNTIL(w, a->n == 1);
	assert_int_equal(fake_receipt(w, a, a->key[0], RECEIPT_UNDELIVERABLE), 0);
	RUN_UNTIL(w, w->n_acks == 1);
	assert_int_equal(world_rows(w, "SELECT count(*) FROM receipt_parked"), 1);
	fake_end_all(w, a, OUTCOME_SENT);
	RUN_UNTIL(w, w->final[STATE_UNDELIVERED] == 1);
	world_add(w, 40, (struct message){.class = CLASS_SERVICE}, NULL);
	RUN_UNTIL(w, a->n == 41);
	fake_end_all(w, a, OUTCOME_SENT);
	world_quiet(w);
	assert_int_equal(fake_receipt(w, a, a->key[0], RECEIPT_DELIVERED), 0);
	RUN_UNTIL(w, w->n_acks == 2);
	assert_int_equal(world_rows(w, "SELECT count(*) FROM receipt_parked"), 0);
	assert_int_equal(world_rows(w, "SELECT count(*) FROM correction"), 1);
	world_sent_max(0);
	world_halt(w);
	world_free(w);
}

/* The page with the last rows of the lane was read; before it comes, more rows are accepted. */
static void rows_accepted_while_the_last_page_is_read_are_found(void **state)
{
	struct world *w = world_new(WORLD_SMALL_LANE WORLD_LOOPBACK);
	struct fake *a;

	(void)state;
	world_up(w, false);
	a = fake_new(w, "A", 200);
	a->o.up = false;
	fake_route(w, a, NULL);
	world_add(w, WORLD_LANE + 10, (struct message){.class = CLASS_MARKETING}, NULL);
	RUN_UNTIL(w, w->committed == WORLD_LANE + 10);
	world_hold_answer(Q_BACKLOG);
	fake_up(w, a, true);
	RUN_UNTIL(w, world_held() == 1);
	world_add(w, 50, (struct message){.class = CLASS_MARKETING}, NULL);
	RUN_UNTIL(w, w->committed == WORLD_LANE + 60);
	world_release(w);
	RUN_UNTIL(w, a->n == WORLD_LANE + 60);
	fake_end_all(w, a, OUTCOME_SENT);
	world_down(w);
	world_free(w);
}

/* A code is refused for now.  When its time has come, bulk does not get to the disk: an array with lower numbers, and
 * messages whose time has come before, which were found page by page.  Nor does a second pass. */
static void a_code_comes_back_at_its_time_whatever_else_is_due(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;
	unsigned held;

	(void)state;
	world_up(w, false);
	a = fake_new(w, "A", 100);
	a->o.retry_min_ms = 50;
	fake_route(w, a, NULL);
	world_add(w, 20, (struct message){.class = CLASS_SERVICE, .send_at_ms = clock_ms() + 500}, NULL);
	world_add(w, 1, (struct message){.class = CLASS_OTP}, NULL);
	RUN_UNTIL(w, w->committed == 21 && a->n == 1);
	world_quiet(w);
	world_hold_list(STORE_BULK);
	world_add(w, 5, (struct message){.class = CLASS_MARKETING}, NULL);
	world_seconds(w, 1);
	held = world_held();
	assert_true(held > 20);
	world_stop_seconds(w);
	fake_end(w, a, a->key[0], OUTCOME_RETRY);
	RUN_UNTIL(w, a->n == 2);
	assert_int_equal(a->key[1], a->key[0]);
	assert_int_equal(world_held(), held);
	world_release(w);
	RUN_UNTIL(w, a->n == 27);
	fake_end_all(w, a, OUTCOME_SENT);
	world_down(w);
	world_free(w);
}

/* A code that came back at its time is not on disk yet; where codes come back all the time there is always one.  What
 * else is due does not wait for it. */
static void what_is_due_does_not_wait_for_codes(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;

	(void)state;
	world_up(w, false);
	a = fake_new(w, "A", 100);
	a->o.retry_min_ms = 50;
	fake_route(w, a, NULL);
	world_add(w, 5, (struct message){.class = CLASS_SERVICE, .send_at_ms = clock_ms() + 500}, NULL);
	world_add(w, 1, (struct message){.class = CLASS_OTP}, NULL);
	RUN_UNTIL(w, w->committed == 6 && a->n == 1);
	world_quiet(w);
	world_hold_list(STORE_OTP);
	world_stop_seconds(w);
	fake_end(w, a, a->key[0], OUTCOME_RETRY);
	RUN_UNTIL(w, world_held() == 1);
	world_seconds(w, 1);
	RUN_UNTIL(w, a->n == 6);
	world_release(w);
	RUN_UNTIL(w, a->n == 7);
	fake_end_all(w, a, OUTCOME_SENT);
	world_quiet(w);
	assert_int_equal(world_waiting(w), 0);
	world_down(w);
	world_free(w);
}

/* The same due row is read by itself and with a page, before either is committed. */
static void a_due_row_fired_twice_counts_once(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;

	(void)state;
	world_up(w, false);
	world_stop_clock();
	a = fake_new(w, "A", 10);
	a->o.up = false;
	fake_route(w, a, NULL);
	world_add(w, 1, (struct message){.class = CLASS_OTP, .send_at_ms = clock_ms() + 500}, NULL);
	RUN_UNTIL(w, w->committed == 1);
	world_quiet(w);
	world_hold_op(OP_DUE_FIRE);
	world_hold_answer(Q_DUE);
	world_seconds(w, 1);
	assert_int_equal(world_held(), 2);
	world_release_answers(w);
	assert_int_equal(world_held(), 2);
	world_release(w);
	world_quiet(w);
	assert_int_equal(world_rows(w, "SELECT count(*) FROM backlog"), 1);
	assert_int_equal(world_rows(w, "SELECT count(*) FROM due"), 0);
	assert_int_equal(world_waiting(w), 1);
	fake_up(w, a, true);
	RUN_UNTIL(w, a->n == 1);
	fake_end_all(w, a, OUTCOME_SENT);
	world_quiet(w);
	assert_int_equal(a->n, 1);
	assert_int_equal(world_waiting(w), 0);
	world_down(w);
	world_free(w);
}

/* Eight codes are staged in a mixed batch, which goes with bulk; eight others of the same lane, with higher
 * numbers (their due rows fired), go with the codes: they are committed and read before them.  The page must
 * not be believed beyond the lowest number that is still staged. */
static void rows_overtaken_by_higher_numbers_are_read(void **state)
{
	struct world *w = world_new(WORLD_SMALL_LANE WORLD_LOOPBACK);
	struct fake *a;

	(void)state;
	world_up(w, false);
	a = fake_new(w, "A", 200);
	a->o.up = false;
	fake_route(w, a, NULL);
	world_add(w, WORLD_LANE, (struct message){.class = CLASS_OTP}, NULL);
	world_add(w, 8, (struct message){.class = CLASS_OTP, .send_at_ms = clock_ms() + 500}, NULL);
	RUN_UNTIL(w, w->committed == WORLD_LANE + 8);
	world_hold_op(OP_ACCEPT);
	w->mixed = true;
	world_add(w, 9, (struct message){.class = CLASS_OTP}, NULL);
	world_seconds(w, 2);
	fake_up(w, a, true);
	RUN_UNTIL(w, a->n == WORLD_LANE);
	world_quiet(w);
	assert_int_equal(w->committed, WORLD_LANE + 8);
	world_release(w);
	RUN_UNTIL(w, a->n == WORLD_LANE + 17);
	fake_end_all(w, a, OUTCOME_SENT);
	world_quiet(w);
	assert_int_equal(world_waiting(w), 0);
	world_down(w);
	world_free(w);
}

/* As before, but the lower ones are committed, and the queue is told, while the page with the higher ones is
 * on its way: it must be believed as far as all was committed when it was asked for. */
static void rows_committed_behind_a_page_on_its_way_are_read(void **state)
{
	struct world *w = world_new(WORLD_SMALL_LANE WORLD_LOOPBACK);
	struct fake *a;

	(void)state;
	world_up(w, false);
	a = fake_new(w, "A", 200);
	a->o.up = false;
	fake_route(w, a, NULL);
	world_add(w, WORLD_LANE, (struct message){.class = CLASS_OTP}, NULL);
	world_add(w, 8, (struct message){.class = CLASS_OTP, .send_at_ms = clock_ms() + 500}, NULL);
	RUN_UNTIL(w, w->committed == WORLD_LANE + 8);
	world_hold_op(OP_ACCEPT);
	w->mixed = true;
	world_add(w, 9, (struct message){.class = CLASS_OTP}, NULL);
	world_seconds(w, 2);
	world_hold_answer(Q_BACKLOG);
	fake_up(w, a, true);
	RUN_UNTIL(w, world_held() == 2);
	world_release_ops(w);
	RUN_UNTIL(w, w->committed == WORLD_LANE + 17);
	world_release(w);
	RUN_UNTIL(w, a->n == WORLD_LANE + 17);
	fake_end_all(w, a, OUTCOME_SENT);
	world_quiet(w);
	assert_int_equal(world_waiting(w), 0);
	world_down(w);
	world_free(w);
}

/* The ttl of a lane's only message ends while no link is up; when one comes, the lane is freed in the middle
 * of its turn (the sanitizers see a turn that goes on with it). */
static void a_lane_is_served_whose_last_message_has_expired(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);

	(void)state;
	world_up(w, false);
	world_add(w, 1, (struct message){.class = CLASS_SERVICE, .ttl_end_ms = clock_ms() + 2000}, NULL);
	RUN_UNTIL(w, w->committed == 1);
	world_pass(w, 2500);
	link_start(w->link[0]);
	RUN_UNTIL(w, w->final[STATE_EXPIRED] == 1);
	assert_int_equal(link_outlet(w->link[0])->sent, 0);
	world_down(w);
	world_free(w);
}

/* A half-sent message of the backlog after a restart, its link down: page and memory do not know it when its
 * ttl ends. The part that has not left ends as expired, and the message with it; the part that has left stays
 * as it was. */
static void the_open_part_of_a_row_expires(void **state)
{
	struct world *w = world_new(WORLD_SMALL_LANE WORLD_LOOPBACK);
	struct fake *a;
	uint64_t id;

	(void)state;
	world_up(w, false);
	a = fake_new(w, "A", 1);
	a->o.up = false;
	fake_route(w, a, NULL);
	world_add(w, WORLD_LANE, (struct message){.class = CLASS_SERVICE, .ttl_end_ms = clock_ms() + 500},
		NULL);
	world_add_long(w, 2, clock_ms() + 120000, &id);
	RUN_UNTIL(w, w->committed == WORLD_LANE + 1);
	world_seconds(w, 5);
	assert_int_equal(w->final[STATE_EXPIRED], WORLD_LANE);
	fake_up(w, a, true);
	RUN_UNTIL(w, a->n == 1);
	fake_up(w, a, false);
	fake_end(w, a, a->key[0], OUTCOME_SENT);
	world_quiet(w);
	world_down(w);
	world_up(w, false);
	a = fake_new(w, "A", 10);
	a->o.up = false;
	fake_route(w, a, NULL);
	RUN_UNTIL(w, !world_recovering(w));
	world_quiet(w);
	assert_int_equal(world_state(w, id, 2), STATE_QUEUED);
	world_pass(w, 180000);
	world_seconds(w, 5);
	assert_int_equal(world_state(w, id, 1), STATE_SENT);
	assert_int_equal(world_state(w, id, 2), STATE_EXPIRED);
	fake_up(w, a, true);
	world_seconds(w, 2);
	assert_int_equal(a->n, 0);
	assert_int_equal(world_state(w, id, 0), STATE_EXPIRED);
	assert_int_equal(world_waiting(w), 0);
	world_down(w);
	world_free(w);
}

/* Twenty rows have expired and their final states are on their way to the disk when the link comes up; a page
 * read now would bring them again.  They are counted off once, or as many of the rows behind them would never
 * be asked for. */
static void rows_that_expire_are_counted_off_once(void **state)
{
	struct world *w = world_new(WORLD_SMALL_LANE WORLD_LOOPBACK);
	struct fake *a;

	(void)state;
	world_up(w, false);
	a = fake_new(w, "A", 100);
	a->o.up = false;
	fake_route(w, a, NULL);
	world_begin_minute();
	world_add(w, WORLD_LANE + 20,
		(struct message){.class = CLASS_SERVICE, .ttl_end_ms = clock_ms() + 500}, NULL);
	world_add(w, 30, (struct message){.class = CLASS_SERVICE}, NULL);
	RUN_UNTIL(w, w->committed == WORLD_LANE + 50);
	world_seconds(w, 5);
	assert_int_equal(w->final[STATE_EXPIRED], WORLD_LANE);
	world_hold_op(OP_FINAL);
	world_pass(w, 60000);
	world_seconds(w, 5);
	assert_true(world_held() >= 20);
	fake_up(w, a, true);
	world_quiet(w);
	world_release(w);
	RUN_UNTIL(w, a->n == 30);
	fake_end_all(w, a, OUTCOME_SENT);
	world_quiet(w);
	assert_int_equal(w->final[STATE_EXPIRED], WORLD_LANE + 20);
	assert_int_equal(world_waiting(w), 0);
	world_down(w);
	world_free(w);
}

/* The rule of 200 waiting messages, most of them rows, is taken out; the rules are asked again for each. */
static uint32_t other_route(void *arg, const struct message *m)
{
	struct world *w = arg;

	(void)m;
	return names_get(w->names, NAME_ROUTE, "r2");
}

static void a_backlog_whose_route_is_gone_is_routed_again(void **state)
{
	struct world *w = world_new(WORLD_SMALL_LANE WORLD_LOOPBACK);
	struct queue_route r = {.n_links = 1};
	struct fake *a;

	(void)state;
	world_up(w, false);
	world_add(w, 200, (struct message){.class = CLASS_SERVICE}, NULL);
	RUN_UNTIL(w, w->committed == 200);
	queue_set_router(w->queue, other_route, w);
	a = fake_new(w, "A", 400);
	r.id = other_route(w, NULL);
	r.links[0] = &a->o;
	queue_set_routes(w->queue, &r, 1);
	RUN_UNTIL(w, a->n == 200);
	fake_end_all(w, a, OUTCOME_SENT);
	world_down(w);
	world_free(w);
}

/* In the second life seconds pass before the first page of the scan has come: low water must not pass what
 * was not read, or the third life would not look for it. */
static void low_water_stands_while_the_scan_has_not_come(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct queue_stats s;
	uint64_t first;

	(void)state;
	world_up(w, false);
	world_add(w, 50, (struct message){.class = CLASS_SERVICE}, &first);
	RUN_UNTIL(w, w->committed == 50);
	world_down(w);
	world_hold_answer(Q_LEASES);
	world_hold_answer(Q_FRESH);
	world_up(w, false);
	RUN_UNTIL(w, world_held() == 1);
	world_seconds(w, 2);
	world_release(w);
	RUN_UNTIL(w, !world_recovering(w));
	world_seconds(w, 2);
	queue_stats(w->queue, &s);
	assert_true(s.low_water <= first);
	world_down(w);
	world_up(w, true);
	RUN_UNTIL(w, w->final[STATE_DELIVERED] == 50);
	world_down(w);
	world_free(w);
}

/* ---- cancellations
 * -------------------------------------------------------------------------------------------------- */

static int cancelled_as;

static void cancelled(void *arg, int r)
{
	(void)arg;
	cancelled_as = r;
}

/* A page that holds ten rows was read and has not come; the lane's 16 messages are with A. */
static struct fake *page_under_way(struct world *w, uint64_t *ret_id)
{
	struct fake *a = fake_new(w, "A", WORLD_LANE);

	a->o.up = false;
	fake_route(w, a, NULL);
	world_add(w, WORLD_LANE + 10, (struct message){.class = CLASS_SERVICE}, ret_id);
	*ret_id += WORLD_LANE + 3; /* the fourth row */
	RUN_UNTIL(w, w->committed == WORLD_LANE + 10);
	world_hold_answer(Q_BACKLOG);
	fake_up(w, a, true);
	RUN_UNTIL(w, a->n == WORLD_LANE && world_held() == 1);
	return a;
}

static bool was_sent(const struct fake *f, uint64_t id)
{
	for (unsigned i = 0; i < f->n; i++)
		if (msg_key_id(f->key[i]) == id)
			return true;
	return false;
}

/* The cancellation is committed and answered; then comes the page that was read before.  It does not wake the
 * message. */
static void a_page_read_before_a_cancellation_does_not_undo_it(void **state)
{
	struct world *w = world_new(WORLD_SMALL_LANE WORLD_LOOPBACK);
	struct fake *a;
	uint64_t id;

	(void)state;
	world_up(w, false);
	a = page_under_way(w, &id);
	cancelled_as = -1;
	assert_int_equal(queue_cancel(w->queue, id, 0, cancelled, w), 0);
	RUN_UNTIL(w, cancelled_as != -1);
	assert_int_equal(cancelled_as, CANCEL_DONE);
	world_release(w);
	fake_end_all(w, a, OUTCOME_SENT);
	RUN_UNTIL(w, a->n >= WORLD_LANE + 9);
	world_quiet(w);
	assert_int_equal(a->n, WORLD_LANE + 9);
	assert_false(was_sent(a, id));
	fake_end_all(w, a, OUTCOME_SENT);
	world_quiet(w);
	assert_int_equal(world_waiting(w), 0);
	world_down(w);
	world_free(w);
}

/* The page comes while the cancellation is being committed, and the disk refuses the commit: the message is
 * sent. */
static void a_cancellation_that_failed_gives_back_what_a_page_brought(void **state)
{
	struct world *w = world_new(WORLD_SMALL_LANE WORLD_LOOPBACK);
	struct fake *a;
	uint64_t id;

	(void)state;
	world_up(w, false);
	a = page_under_way(w, &id);
	world_hold_op(OP_FINAL);
	cancelled_as = -1;
	assert_int_equal(queue_cancel(w->queue, id, 0, cancelled, w), 0);
	RUN_UNTIL(w, world_held() == 2);
	world_refuse(OP_FINAL, 1);
	world_release(w); /* the operation is on its way, the page is here */
	assert_int_equal(cancelled_as, -1);
	fake_end_all(w, a, OUTCOME_SENT);
	RUN_UNTIL(w, a->n == WORLD_LANE + 10);
	assert_int_equal(cancelled_as, -ENOSPC);
	assert_true(was_sent(a, id));
	fake_end_all(w, a, OUTCOME_SENT);
	world_down(w);
	world_free(w);
}

/* ---- a disk that refuses ---------------------------------------------------------------------------------- */

/* The attempt row of a busy part, and with it its due row, is refused once: it is staged again. */
static void a_retry_that_was_not_stored_is_stored_later(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;

	(void)state;
	world_up(w, false);
	a = fake_new(w, "A", 10);
	fake_route(w, a, NULL);
	world_add(w, 1, (struct message){.class = CLASS_SERVICE}, NULL);
	RUN_UNTIL(w, a->n == 1);
	world_refuse(OP_ATTEMPT, 1);
	fake_end(w, a, a->key[0], OUTCOME_RETRY);
	world_seconds(w, 4);
	assert_int_equal(world_refusals_left(), 0);
	assert_int_equal(a->n, 2);
	world_halt(w);
	world_free(w);
}

/* Due rows fire and are refused, three times each: they are read again, and counted once. */
static void due_rows_that_the_disk_refused_are_counted_once(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);

	(void)state;
	world_up(w, true);
	world_add(w, 5, (struct message){.class = CLASS_SERVICE, .send_at_ms = clock_ms() + 300}, NULL);
	RUN_UNTIL(w, w->committed == 5);
	world_refuse(OP_DUE_FIRE, 15);
	for (unsigned i = 0; i < 20 && w->final[STATE_DELIVERED] < 5; i++)
		world_seconds(w, 1);
	assert_int_equal(world_refusals_left(), 0);
	assert_int_equal(w->final[STATE_DELIVERED], 5);
	world_quiet(w);
	assert_int_equal(world_waiting(w), 0);
	world_down(w);
	world_free(w);
}

static void add_campaigns(struct world *w, unsigned from, unsigned upto)
{
	char name[16];

	for (unsigned i = from; i < upto; i++) {
		snprintf(name, sizeof(name), "c%u", i);
		world_add(w, 1,
			(struct message){.class = CLASS_MARKETING, .campaign = names_get(w->names, NAME_CAMPAIGN, name)},
			NULL);
		if (i % 100 == 99)
			world_quiet(w);
	}
	RUN_UNTIL(w, w->committed == upto);
}

static uint64_t resident(struct world *w)
{
	struct queue_stats s;

	queue_stats(w->queue, &s);
	return s.resident;
}

/* Each message has a campaign, so a lane, of its own: memory has as many as it may, and some for the link (256 lanes).
 * Each goes, also after a restart. */
static void memory_is_bounded_with_as_many_lanes_as_messages(void **state)
{
	struct world *w = world_new("queue: { max_resident = 1024; };" WORLD_LOOPBACK);
	unsigned n_before;
	struct fake *a;

	(void)state;
	world_up(w, false);
	a = fake_new(w, "A", 10);
	fake_route(w, a, NULL);
	fake_up(w, a, true);
	add_campaigns(w, 0, 1900);
	world_seconds(w, 3);
	assert_true(resident(w) <= 1024 + 256);
	assert_int_equal(a->n, 10);
	assert_int_equal(world_waiting(w), 1900);
	while (a->n < 700) {
		unsigned n = a->n;

		fake_end_all(w, a, OUTCOME_SENT);
		RUN_UNTIL(w, a->n > n);
		assert_true(resident(w) <= 1024 + 256);
	}
	fake_end_all(w, a, OUTCOME_SENT);
	world_quiet(w);
	n_before = a->n_ended;
	world_halt(w);
	world_up(w, false);
	a = fake_new(w, "A", 10);
	fake_route(w, a, NULL);
	fake_up(w, a, true);
	world_quiet(w);
	assert_true(resident(w) <= 1024 + 256);
	world_stop_seconds(w); /* what comes next does not wait for a second to pass */
	while (world_waiting(w)) {
		fake_end_all(w, a, OUTCOME_SENT);
		world_turn(w);
		assert_true(resident(w) <= 1024 + 256);
	}
	fake_end_all(w, a, OUTCOME_SENT);
	world_quiet(w);
	assert_int_equal(world_rows(w, "SELECT count(*) FROM submit"), 1900);
	assert_true(n_before + a->n >= 1900 && n_before + a->n <= 1910); /* what was in flight went again */
	assert_int_equal(world_rows(w, "SELECT count(*) FROM backlog b LEFT JOIN submit s ON s.key >> 8 = b.id"
				       " WHERE s.key IS NULL"), 0);
	world_halt(w);
	world_free(w);
}

/* One campaign has all of the memory there is: another one goes on all the same. */
static void a_small_campaign_does_not_wait_for_memory(void **state)
{
	struct world *w = world_new("queue: { max_resident = 1024; lane_window = 1024; };" WORLD_LOOPBACK);
	struct fake *a;
	uint64_t last;
	bool went = false;

	(void)state;
	world_up(w, false);
	a = fake_new(w, "A", 10);
	fake_route(w, a, NULL);
	fake_up(w, a, true);
	world_add(w, 1000, (struct message){.class = CLASS_MARKETING}, NULL);
	world_add(w, 500, (struct message){.class = CLASS_MARKETING}, NULL);
	RUN_UNTIL(w, w->committed == 1500);
	world_add(w, 1,
		(struct message){
			.class = CLASS_MARKETING, .campaign = names_get(w->names, NAME_CAMPAIGN, "small")},
		&last);
	RUN_UNTIL(w, w->committed == 1501);
	world_quiet(w);
	for (unsigned i = 0; i < 5; i++) {
		fake_end_all(w, a, OUTCOME_SENT);
		world_quiet(w);
	}
	for (unsigned i = 0; i < a->n; i++)
		went |= msg_key_id(a->key[i]) == last;
	assert_true(went);
	while (a->n < 1501) {
		fake_end_all(w, a, OUTCOME_SENT);
		world_turn(w);
	}
	fake_end_all(w, a, OUTCOME_SENT);
	world_down(w);
	world_free(w);
}

/* More messages are in memory than a lane may have now, and get rows.  They leave before these rows are read, some
 * while the page with theirs is on its way: each goes once, and nothing waits then. */
static void rows_that_go_before_they_are_read_are_not_waited_for(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;

	(void)state;
	world_up(w, false);
	a = fake_new(w, "A", 100);
	a->o.up = false;
	fake_route(w, a, NULL);
	world_add(w, 60, (struct message){.class = CLASS_SERVICE}, NULL);
	RUN_UNTIL(w, w->committed == 60);
	world_down(w);
	w->conf_text = WORLD_SMALL_LANE WORLD_LOOPBACK;
	world_up(w, false);
	a = fake_new(w, "A", 100);
	a->o.up = false;
	a->o.reports = false;
	fake_route(w, a, NULL);
	RUN_UNTIL(w, !world_recovering(w));
	world_quiet(w);
	assert_int_equal(world_rows(w, "SELECT count(*) FROM backlog"), 60 - WORLD_LANE);
	world_hold_answer(Q_BACKLOG);
	fake_up(w, a, true);
	RUN_UNTIL(w, a->n == 60);
	fake_end_all(w, a, OUTCOME_SENT);
	world_quiet(w);
	assert_int_equal(world_held(), 1);
	world_release(w);
	world_quiet(w);
	world_seconds(w, 2);
	assert_int_equal(a->n, 60);
	assert_int_equal(world_waiting(w), 0);
	world_add(w, 20, (struct message){.class = CLASS_MARKETING}, NULL);
	RUN_UNTIL(w, a->n == 80);
	world_seconds(w, 2);
	fake_end_all(w, a, OUTCOME_SENT);
	world_down(w);
	world_free(w);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(retention_keeps_up),
		cmocka_unit_test(what_retention_took_leaves_no_row_for_a_receipt),
		cmocka_unit_test(rows_accepted_while_the_last_page_is_read_are_found),
		cmocka_unit_test(a_code_comes_back_at_its_time_whatever_else_is_due),
		cmocka_unit_test(what_a_parked_receipt_ended_is_found_by_its_correction),
		cmocka_unit_test(what_is_due_does_not_wait_for_codes),
		cmocka_unit_test(a_due_row_fired_twice_counts_once),
		cmocka_unit_test(rows_overtaken_by_higher_numbers_are_read),
		cmocka_unit_test(rows_committed_behind_a_page_on_its_way_are_read),
		cmocka_unit_test(a_lane_is_served_whose_last_message_has_expired),
		cmocka_unit_test(the_open_part_of_a_row_expires),
		cmocka_unit_test(rows_that_expire_are_counted_off_once),
		cmocka_unit_test(a_backlog_whose_route_is_gone_is_routed_again),
		cmocka_unit_test(low_water_stands_while_the_scan_has_not_come),
		cmocka_unit_test(a_page_read_before_a_cancellation_does_not_undo_it),
		cmocka_unit_test(a_cancellation_that_failed_gives_back_what_a_page_brought),
		cmocka_unit_test(a_retry_that_was_not_stored_is_stored_later),
		cmocka_unit_test(due_rows_that_the_disk_refused_are_counted_once),
		cmocka_unit_test(memory_is_bounded_with_as_many_lanes_as_messages),
		cmocka_unit_test(a_small_campaign_does_not_wait_for_memory),
		cmocka_unit_test(rows_that_go_before_they_are_read_are_not_waited_for),
	};

	return WORLD_MAIN(tests, argc, argv);
}
