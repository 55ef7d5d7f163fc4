/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_test.c -- the queue over the real store: what is accepted reaches one final state, in lanes, over
 * restarts, cancellations and expiry; rates, shares and windows are kept.  What goes wrong only in one order
 * of events is in queue_faults_test.c (links and parts) and queue_rows_test.c (rows, pages, restarts, the
 * disk).
 */
#include "queue_world.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "queue/queue_impl.h"

static _Thread_local unsigned none_at; /* which calloc() of this thread has no memory, from 1 on; 0: none */

void *__real_calloc(size_t n, size_t size), *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return none_at && !--none_at ? NULL : __real_calloc(n, size);
}

static void accepted_messages_are_delivered(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);

	(void)state;
	world_up(w, true);
	world_add(w, 1, (struct message){.class = CLASS_OTP}, NULL);
	world_add(w, 1000, (struct message){.class = CLASS_MARKETING}, NULL);
	RUN_UNTIL(w, w->final[STATE_DELIVERED] == 1001);
	assert_int_equal(world_waiting(w), 0);
	assert_int_equal(w->committed, 1001);
	world_down(w);
	world_free(w);
}

static void more_than_a_lane_holds_goes_through_the_backlog(void **state)
{
	struct world *w = world_new("queue: { lane_window = 100; };" WORLD_LOOPBACK);

	(void)state;
	world_up(w, true);
	for (int i = 0; i < 10; i++)
		world_add(w, 1000, (struct message){.class = CLASS_MARKETING}, NULL);
	RUN_UNTIL(w, w->final[STATE_DELIVERED] == 10000);
	assert_int_equal(world_waiting(w), 0);
	world_down(w);
	world_free(w);
}

static void what_waits_survives_a_restart(void **state)
{
	struct world *w = world_new("queue: { lane_window = 100; };" WORLD_LOOPBACK);

	(void)state;
	world_up(w, false);
	world_add(w, 1000, (struct message){.class = CLASS_MARKETING}, NULL);
	world_add(w, 50, (struct message){.class = CLASS_SERVICE}, NULL);
	RUN_UNTIL(w, w->committed == 1050);
	assert_int_equal(world_waiting(w), 1050);
	world_down(w);
	world_up(w, true);
	RUN_UNTIL(w, w->final[STATE_DELIVERED] == 1050);
	RUN_UNTIL(w, world_waiting(w) == 0);
	world_down(w);
	world_up(w, true); /* and nothing is sent again */
	RUN_UNTIL(w, !world_recovering(w));
	assert_int_equal(w->final[STATE_DELIVERED], 0);
	assert_int_equal(world_waiting(w), 0);
	world_down(w);
	world_free(w);
}

static void scheduled_messages_go_when_their_time_has_come(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);

	(void)state;
	world_up(w, true);
	world_add(w, 20, (struct message){.class = CLASS_SERVICE, .send_at_ms = clock_ms() + 10000}, NULL);
	RUN_UNTIL(w, w->committed == 20);
	world_quiet(w);
	assert_int_equal(w->final[STATE_DELIVERED], 0);
	world_seconds(w, 9);
	assert_int_equal(w->final[STATE_DELIVERED], 0);
	world_seconds(w, 2);
	RUN_UNTIL(w, w->final[STATE_DELIVERED] == 20);
	world_down(w);
	world_free(w);
}

/* Those in memory, then those of the backlog: their minute must be over. */
static void ttl_ends_while_no_link_is_up(void **state)
{
	struct world *w = world_new("queue: { lane_window = 100; };" WORLD_LOOPBACK);

	(void)state;
	world_up(w, false);
	world_begin_minute();
	world_add(w, 300, (struct message){.class = CLASS_SERVICE, .ttl_end_ms = clock_ms() + 500}, NULL);
	RUN_UNTIL(w, w->committed == 300);
	world_seconds(w, 5);
	assert_int_equal(w->final[STATE_EXPIRED], 100);
	world_pass(w, 60000);
	world_seconds(w, 5);
	assert_int_equal(w->final[STATE_EXPIRED], 300);
	assert_int_equal(world_waiting(w), 0);
	world_down(w);
	world_free(w);
}

static int cancel_result = -99;

static void cancelled(void *arg, int r)
{
	(void)arg;
	cancel_result = r;
}

static void a_waiting_message_is_cancelled(void **state)
{
	struct world *w = world_new("queue: { lane_window = 100; };" WORLD_LOOPBACK);
	uint64_t first;

	(void)state;
	world_up(w, false);
	world_add(w, 1000, (struct message){.class = CLASS_SERVICE}, &first);
	RUN_UNTIL(w, w->committed == 1000);
	cancel_result = -99;
	assert_int_equal(queue_cancel(w->queue, first + 3, 0, cancelled, w), 0);
	RUN_UNTIL(w, cancel_result != -99);
	assert_int_equal(cancel_result, CANCEL_DONE);
	cancel_result = -99;
	assert_int_equal(queue_cancel(w->queue, first + 900, 0, cancelled, w), 0); /* in the backlog */
	RUN_UNTIL(w, cancel_result != -99);
	assert_int_equal(cancel_result, CANCEL_DONE);
	cancel_result = -99;
	assert_int_equal(queue_cancel(w->queue, first + 3, 0, cancelled, w), 0);
	RUN_UNTIL(w, cancel_result != -99);
	assert_int_equal(cancel_result, CANCEL_FINAL);
	link_start(w->link[0]);
	RUN_UNTIL(w, w->final[STATE_DELIVERED] == 998);
	world_down(w);
	world_free(w);
}

static uint64_t tag_counts[CANCEL_N];

static void tag_cancelled(void *arg, int r, const uint64_t counts[CANCEL_N])
{
	(void)arg;
	memcpy(tag_counts, counts, sizeof(tag_counts));
	cancel_result = r;
}

static void a_tag_is_cancelled_whole(void **state)
{
	struct world *w = world_new("queue: { lane_window = 100; };" WORLD_LOOPBACK);

	(void)state;
	world_up(w, false);
	world_add(w, 500, (struct message){.class = CLASS_SERVICE, .tag = "order-17", .n_tag = 8}, NULL);
	world_add(w, 500, (struct message){.class = CLASS_SERVICE}, NULL);
	RUN_UNTIL(w, w->committed == 1000);
	cancel_result = -99;
	assert_int_equal(queue_cancel_tag(w->queue, names_find(w->names, NAME_CLIENT, "shop"), "order-17",
				 NULL, tag_cancelled, w),
		0);
	RUN_UNTIL(w, cancel_result != -99);
	assert_int_equal(cancel_result, 0);
	assert_int_equal(tag_counts[CANCEL_DONE], 500);
	link_start(w->link[0]);
	RUN_UNTIL(w, w->final[STATE_DELIVERED] == 500);
	RUN_UNTIL(w, world_waiting(w) == 0);
	assert_int_equal(w->final[STATE_CANCELLED], 500);
	world_down(w);
	world_free(w);
}

/* Its messages would be sent: the start must end. */
static void a_cancellation_that_a_start_has_no_memory_for_is_an_error(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	sqlite3 *db;

	(void)state;
	world_up(w, false);
	assert_int_equal(sqlite3_open(w->db, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "INSERT INTO cancel VALUES (1, 1, 'order-17', 5, 5)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	for (unsigned n = 1; n <= 2; n++) { /* what is remembered, and what works on it */
		none_at = n;
		assert_int_equal(cancel_load(w->queue), -ENOMEM);
		assert_int_equal(none_at, 0);
	}
	assert_int_equal(cancel_load(w->queue), 0);
	world_quiet(w);
	world_down(w);
	world_free(w);
}

static void a_refusal_for_good_fails_over_to_the_next_link(void **state)
{
	struct world *w = world_new(WORLD_CLIENTS
		"links = ({ name = \"bad\"; driver = \"loopback\"; outcome = \"rejected\"; },"
		"{ name = \"good\"; driver = \"loopback\"; }); routes = ({ links = [\"bad\", \"good\"]; });");

	(void)state;
	world_up(w, true);
	world_add(w, 10, (struct message){.class = CLASS_SERVICE}, NULL);
	RUN_UNTIL(w, w->final[STATE_DELIVERED] == 10);
	assert_int_equal(link_outlet(w->link[0])->rejected, 10);
	world_down(w);
	world_free(w);
}

static void long_messages_are_final_when_every_part_is(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	char text[400];

	(void)state;
	memset(text, 'a', sizeof(text));
	world_up(w, true);
	world_add(w, 100,
		(struct message){.class = CLASS_SERVICE, .text = text, .n_text = sizeof(text), .n_parts = 3},
		NULL);
	RUN_UNTIL(w, w->final[STATE_DELIVERED] == 100);
	assert_int_equal(link_outlet(w->link[0])->sent, 300);
	world_down(w);
	world_free(w);
}

static void uncertain_attempts_follow_the_policy(void **state)
{
	static const char *const policy[] = {"fail", "resend"};

	(void)state;
	for (int i = 0; i < 2; i++) {
		char conf[600];
		struct world *w;

		snprintf(conf, sizeof(conf),
			WORLD_CLIENTS
			"links = ({ name = \"lo\"; driver = \"loopback\"; outcome = \"unknown\";"
			"on_uncertain = \"%s\"; max_attempts = 3; }); routes = ({ links = [\"lo\"]; });",
			policy[i]);
		w = world_new(conf);
		world_up(w, true);
		world_add(w, 5, (struct message){.class = CLASS_SERVICE}, NULL);
		RUN_UNTIL(w, w->final[STATE_UNCONFIRMED] == 5);
		assert_int_equal(link_outlet(w->link[0])->uncertain, i == 0 ? 5 : 15);
		world_down(w);
		world_free(w);
	}
}

/* One link, three classes, three policies. */
static void each_class_has_its_own_policy(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;
	uint64_t id[CLASS_N];

	(void)state;
	world_up(w, false);
	a = fake_new(w, "A", 10);
	a->o.on_uncertain = UNCERTAIN_FAIL;
	a->o.on_uncertain_of[CLASS_OTP] = UNCERTAIN_RESEND + 1;
	a->o.on_uncertain_of[CLASS_MARKETING] = UNCERTAIN_HOLD + 1;
	fake_route(w, a, NULL);
	for (unsigned i = 0; i < CLASS_N; i++) {
		world_add(w, 1, (struct message){.class = i, .to = 12025550100 + i}, &id[i]);
		RUN_UNTIL(w, a->n == i + 1);
	}
	for (unsigned i = 0; i < CLASS_N; i++)
		fake_end(w, a, a->key[i], OUTCOME_UNKNOWN);
	RUN_UNTIL(w, a->n == CLASS_N + 1);
	world_quiet(w);
	assert_int_equal(msg_key_id(a->key[CLASS_N]), id[CLASS_OTP]); /* sent again */
	assert_int_equal(world_state(w, id[CLASS_SERVICE], 0), STATE_UNCONFIRMED);
	assert_false(state_is_final(world_state(w, id[CLASS_MARKETING], 0)));
	assert_int_equal(a->n, CLASS_N + 1);
	world_halt(w);
	world_free(w);
}

/* A bucket of 50 ms worth to begin with; no second sees more than 200, and little less. */
static void the_rate_of_a_link_is_kept(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	unsigned before[101] = {0};
	struct fake *a;

	(void)state;
	world_up(w, false);
	world_stop_clock();
	a = fake_new(w, "A", 1000);
	a->o.tps = 200;
	fake_route(w, a, NULL);
	world_add(w, 1000, (struct message){.class = CLASS_MARKETING}, NULL);
	RUN_UNTIL(w, w->committed == 1000);
	world_quiet(w);
	assert_int_equal(a->n, 10);
	for (unsigned i = 1; i <= 100; i++) {
		before[i] = a->n; /* of the i-th step of 50 ms */
		world_pass(w, 50);
		assert_true(a->n - before[i] <= 10);
		if (i >= 20)
			assert_true(before[i] - before[i - 20] <= 200);
	}
	assert_true(a->n >= 950);
	world_halt(w);
	world_free(w);
}

/* A client's own limit holds its lane, and nobody else's, though both wait for one link. */
static void the_rate_of_a_client_is_kept(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;

	(void)state;
	world_up(w, false);
	world_stop_clock();
	queue_set_client(
		w->queue, &(struct queue_client){
				  .id = names_get(w->names, NAME_CLIENT, "shop"), .tps = 20, .burst = 5});
	a = fake_new(w, "A", 1000);
	fake_route(w, a, NULL);
	world_add(w, 100, (struct message){.class = CLASS_SERVICE}, NULL);
	RUN_UNTIL(w, w->committed == 100);
	world_quiet(w);
	assert_int_equal(a->n, 5);
	world_add(w, 50,
		(struct message){.class = CLASS_SERVICE, .client = names_get(w->names, NAME_CLIENT, "bank")},
		NULL);
	RUN_UNTIL(w, w->committed == 150);
	world_quiet(w);
	assert_int_equal(a->n, 55);
	for (unsigned i = 1; i <= 10; i++) {
		world_pass(w, 100);
		assert_int_equal(a->n, 55 + i * 2);
	}
	world_halt(w);
	world_free(w);
}

/* While an otp came within ten seconds, max(1, 5 %) of the window is left free for the next one; then it is
 * not. */
static void a_part_of_the_window_is_kept_for_codes(void **state)
{
	static const struct {
		unsigned window, spare;
	} rows[] = {{100, 5}, {59, 2}, {10, 1}};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world *w = world_new(WORLD_LOOPBACK);
		unsigned window = rows[i].window, spare = rows[i].spare;
		struct fake *a;

		world_up(w, false);
		world_stop_clock();
		a = fake_new(w, "A", window);
		fake_route(w, a, NULL);
		world_add(w, 1, (struct message){.class = CLASS_OTP}, NULL);
		RUN_UNTIL(w, a->n == 1);
		fake_end_all(w, a, OUTCOME_SENT);
		world_add(w, 200, (struct message){.class = CLASS_MARKETING}, NULL);
		RUN_UNTIL(w, w->committed == 201);
		world_quiet(w);
		assert_int_equal(a->o.in_flight, window - spare);
		world_seconds(w, 9);
		assert_int_equal(a->o.in_flight, window - spare);
		world_add(w, spare, (struct message){.class = CLASS_OTP}, NULL);
		RUN_UNTIL(w, a->n == 1 + window);
		assert_int_equal(a->o.in_flight, window);
		for (unsigned k = 0; k < spare; k++)
			fake_end(w, a, a->key[a->n - 1 - k], OUTCOME_SENT);
		world_seconds(w, 9);
		assert_int_equal(a->o.in_flight, window - spare);
		world_seconds(w, 2);
		assert_int_equal(a->o.in_flight, window);
		world_halt(w);
		world_free(w);
	}
}

/* The second campaign comes when the first has 600 messages waiting; 20 parts a second leave. */
static void campaigns_share_a_link_fairly(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	unsigned n[2] = {0, 0}, begin;
	struct fake *a;
	uint64_t second;

	(void)state;
	world_up(w, false);
	world_stop_clock();
	a = fake_new(w, "A", 50);
	a->o.tps = 20;
	a->o.burst = 20;
	fake_route(w, a, NULL);
	world_add(w, 600,
		(struct message){
			.class = CLASS_MARKETING, .campaign = names_get(w->names, NAME_CAMPAIGN, "one")},
		NULL);
	RUN_UNTIL(w, w->committed == 600);
	world_add(w, 600,
		(struct message){
			.class = CLASS_MARKETING, .campaign = names_get(w->names, NAME_CAMPAIGN, "two")},
		&second);
	RUN_UNTIL(w, w->committed == 1200);
	world_quiet(w);
	begin = a->n;
	while (a->n < begin + 200) {
		fake_end_all(w, a, OUTCOME_SENT);
		world_pass(w, 50);
	}
	for (unsigned i = begin; i < a->n; i++)
		n[msg_key_id(a->key[i]) >= second]++;
	assert_true(2 * n[0] <= 3 * n[1] && 2 * n[1] <= 3 * n[0]);
	fake_end_all(w, a, OUTCOME_SENT);
	world_down(w);
	world_free(w);
}

/* Memory keeps 16 of 60 receipts to come.  The others are looked for on disk: while what was pushed out is
 * still on its way there, and after; one that comes again changes nothing. */
static void receipts_find_what_memory_has_let_go(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct queue_stats s;
	struct fake *a;

	(void)state;
	world_sent_max(16);
	world_up(w, false);
	a = fake_new(w, "A", 100);
	fake_route(w, a, NULL);
	world_add(w, 60, (struct message){.class = CLASS_SERVICE}, NULL);
	RUN_UNTIL(w, a->n == 60);
	fake_end_all(w, a, OUTCOME_SENT);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(fake_receipt(w, a, a->key[i], RECEIPT_DELIVERED), 0);
	RUN_UNTIL(w, w->n_acks == 20);
	assert_int_equal(w->final[STATE_DELIVERED], 20);
	world_seconds(w, 2);
	queue_stats(w->queue, &s);
	assert_int_equal(s.receipts_waiting, 16);
	for (unsigned i = 0; i < 60; i++)
		assert_in_range(fake_receipt(w, a, a->key[i], RECEIPT_DELIVERED), 0, 1);
	world_quiet(w);
	queue_stats(w->queue, &s);
	assert_int_equal(w->final[STATE_DELIVERED], 60);
	assert_int_equal(s.receipts_parked, 0);
	assert_int_equal(s.receipts_waiting, 0);
	world_down(w);
	world_free(w);
}

/* schedule_delivery_time (SMPP 3.4, 5.2.15): all links of the route keep what is for later, so it leaves at once. */
static void what_is_for_later_leaves_at_once_where_all_links_keep_it(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a, *b;
	uint64_t id, held;

	(void)state;
	world_up(w, false);
	world_stop_clock();
	a = fake_new(w, "A", 10);
	b = fake_new(w, "B", 10);
	fake_route(w, a, b);
	fake_up(w, b, false);
	a->o.schedules = true;
	world_add(w, 1, (struct message){.class = CLASS_SERVICE, .send_at_ms = clock_ms() + 60000}, &held);
	world_seconds(w, 2);
	assert_int_equal(a->n, 0); /* B might get it, and would send it too early */
	b->o.schedules = true;
	world_add(w, 1, (struct message){.class = CLASS_SERVICE, .send_at_ms = clock_ms() + 60000}, &id);
	RUN_UNTIL(w, a->n == 1);
	assert_int_equal(msg_key_id(a->key[0]), id);
	assert_int_equal(a->send_at_ms, clock_ms() + 60000);
	fake_end_all(w, a, OUTCOME_SENT);
	world_quiet(w);
	assert_int_equal(world_state(w, id, 0), STATE_SENT);
	world_seconds(w, 60);
	assert_int_equal(a->n, 2); /* and the first one at its time */
	assert_int_equal(msg_key_id(a->key[1]), held);
	assert_int_equal(a->send_at_ms, 0);
	world_halt(w);
	world_free(w);
}

/* What is to wait at a carrier is refused like the rest when there is no memory for its lane. */
static void what_is_for_later_is_refused_without_memory_where_all_links_keep_it(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct message later = {.class = CLASS_SERVICE, .send_at_ms = clock_ms() + 60000};
	struct fake *a;

	(void)state;
	world_up(w, false);
	a = fake_new(w, "A", 10);
	fake_route(w, a, NULL);
	a->o.schedules = true;
	world_no_lanes(true);
	assert_int_equal(world_try_add(w, 1, later, NULL), -ENOMEM);
	assert_int_equal(world_try_add(w, 3, later, NULL), -ENOMEM);
	world_no_lanes(false);
	world_quiet(w);
	assert_int_equal(world_waiting(w), 0);
	assert_int_equal(world_try_add(w, 1, later, NULL), 0);
	RUN_UNTIL(w, a->n == 1);
	fake_end_all(w, a, OUTCOME_SENT);
	world_down(w);
	world_free(w);
}

static void what_its_link_does_not_keep_any_more_waits_here(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;
	uint64_t id;

	(void)state;
	world_up(w, false);
	world_stop_clock();
	a = fake_new(w, "A", 10);
	fake_route(w, a, NULL);
	fake_up(w, a, false);
	a->o.schedules = true;
	world_add(w, 1, (struct message){.class = CLASS_SERVICE, .send_at_ms = clock_ms() + 60000}, &id);
	world_quiet(w);
	a->o.schedules = false; /* the configuration was read again */
	fake_up(w, a, true);
	world_seconds(w, 30);
	assert_int_equal(a->n, 0);
	assert_int_equal(world_state(w, id, 0), STATE_SCHEDULED);
	assert_int_equal(world_waiting(w), 0);
	world_seconds(w, 31);
	assert_int_equal(a->n, 1);
	assert_int_equal(a->send_at_ms, 0);
	fake_end_all(w, a, OUTCOME_SENT);
	world_quiet(w);
	world_halt(w);
	world_free(w);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepted_messages_are_delivered),
		cmocka_unit_test(more_than_a_lane_holds_goes_through_the_backlog),
		cmocka_unit_test(what_waits_survives_a_restart),
		cmocka_unit_test(scheduled_messages_go_when_their_time_has_come),
		cmocka_unit_test(ttl_ends_while_no_link_is_up),
		cmocka_unit_test(a_waiting_message_is_cancelled),
		cmocka_unit_test(a_tag_is_cancelled_whole),
		cmocka_unit_test(a_cancellation_that_a_start_has_no_memory_for_is_an_error),
		cmocka_unit_test(a_refusal_for_good_fails_over_to_the_next_link),
		cmocka_unit_test(long_messages_are_final_when_every_part_is),
		cmocka_unit_test(uncertain_attempts_follow_the_policy),
		cmocka_unit_test(each_class_has_its_own_policy),
		cmocka_unit_test(the_rate_of_a_link_is_kept),
		cmocka_unit_test(the_rate_of_a_client_is_kept),
		cmocka_unit_test(a_part_of_the_window_is_kept_for_codes),
		cmocka_unit_test(campaigns_share_a_link_fairly),
		cmocka_unit_test(what_is_for_later_leaves_at_once_where_all_links_keep_it),
		cmocka_unit_test(what_is_for_later_is_refused_without_memory_where_all_links_keep_it),
		cmocka_unit_test(what_its_link_does_not_keep_any_more_waits_here),
		cmocka_unit_test(receipts_find_what_memory_has_let_go),
	};

	return WORLD_MAIN(tests, argc, argv);
}
