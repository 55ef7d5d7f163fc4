/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_quota_test.c -- quotas: never exceeded, also over restarts and crashes; what waits says why and until when.
 */
#include <config.h>

#include <errno.h>
#include <string.h>

#include "queue_world.h"

#include "queue/queue_impl.h"

#define TO 79001234567u

static struct world *world_stopped(void)
{
	struct world *w = world_new(WORLD_LOOPBACK);

	world_up(w, false);
	world_stop_clock();
	return w;
}

static void end(struct world *w)
{
	world_halt(w);
	world_free(w);
}

static void limit(struct world *w, struct fake *f, enum quota_kind k, uint64_t parts, uint64_t recipients)
{
	f->o.quota.any = true;
	f->o.quota.parts[k] = parts;
	f->o.quota.recipients[k] = recipients;
	f->o.quota.rule = (struct period_rule){ "UTC", 1, 0 };
	f->o.account = names_get(w->names, NAME_ACCOUNT, "sim:1");
	queue_quota_changed(w->queue, &f->o);
	queue_outlet_changed(w->queue, &f->o);
	world_quiet(w);
}

static void add_to(struct world *w, unsigned n, uint64_t to, enum msg_class class)
{
	uint64_t before = w->committed;

	world_add(w, n, (struct message){ .class = class, .to = to }, NULL);
	RUN_UNTIL(w, w->committed == before + n);
	world_quiet(w);
}

static void reason_of(struct world *w, struct queue_lane_view *ret);
static void take_lane(void *arg, const struct queue_lane_view *v)
{
	if (v->in_memory)
		*(struct queue_lane_view *)arg = *v;
}

static void reason_of(struct world *w, struct queue_lane_view *ret)
{
	memset(ret, 0, sizeof(*ret));
	queue_lanes(w->queue, take_lane, ret);
}

static void next_period(struct world *w, struct fake *f)
{
	world_pass(w, f->o.quota_end_ms - clock_ms());
	world_seconds(w, 1);
}

static void a_quota_is_kept_and_what_waits_says_until_when(void **state)
{
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 100);
	struct queue_lane_view v;

	(void)state;
	fake_route(w, a, NULL);
	limit(w, a, QUOTA_HOUR, 5, 0);
	for (unsigned i = 0; i < 3; i++)
		add_to(w, 4, TO, CLASS_SERVICE);
	assert_int_equal(a->n, 5);
	fake_end_all(w, a, OUTCOME_SENT);
	world_quiet(w);
	assert_int_equal(a->n, 5);
	reason_of(w, &v);
	assert_int_equal(v.reason, REASON_QUOTA);
	assert_int_equal(v.next_try_ms, a->o.quota_end_ms);
	next_period(w, a);
	assert_int_equal(a->n, 10);
	next_period(w, a);
	assert_int_equal(a->n, 12);
	end(w);
}

static void the_next_link_takes_what_the_first_may_not(void **state)
{
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 100), *b = fake_new(w, "B", 100);

	(void)state;
	fake_route(w, a, b);
	limit(w, a, QUOTA_HOUR, 5, 0);
	add_to(w, 12, TO, CLASS_SERVICE);
	assert_int_equal(a->n, 5);
	assert_int_equal(b->n, 7);
	next_period(w, a);
	add_to(w, 3, TO, CLASS_SERVICE);
	assert_int_equal(a->n, 8); /* back to the first */
	end(w);
}

/* Killed with three in flight: they count, whatever became of them; the rest of the hour has two. */
static void the_count_survives_a_crash(void **state)
{
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 3);
	uint64_t sent;

	(void)state;
	fake_route(w, a, NULL);
	a->o.on_uncertain = UNCERTAIN_FAIL;
	limit(w, a, QUOTA_HOUR, 5, 0);
	add_to(w, 20, TO, CLASS_SERVICE);
	assert_int_equal(a->n, 3);
	sent = a->n;
	world_halt(w);
	world_up(w, false);
	world_stop_clock();
	a = fake_new(w, "A", 3);
	a->o.on_uncertain = UNCERTAIN_FAIL;
	fake_route(w, a, NULL);
	limit(w, a, QUOTA_HOUR, 5, 0);
	RUN_UNTIL(w, !world_recovering(w));
	for (unsigned i = 0; i < 5; i++) {
		world_quiet(w);
		fake_end_all(w, a, OUTCOME_SENT);
	}
	assert_int_equal(sent + a->n, 5);
	next_period(w, a);
	for (unsigned i = 0; i < 5; i++) {
		world_quiet(w);
		fake_end_all(w, a, OUTCOME_SENT);
	}
	assert_int_equal(a->n, 2 + 5);
	end(w);
}

static void what_never_left_is_given_back(void **state)
{
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 100);

	(void)state;
	fake_route(w, a, NULL);
	limit(w, a, QUOTA_HOUR, 5, 0);
	add_to(w, 8, TO, CLASS_SERVICE);
	assert_int_equal(a->n, 5);
	for (unsigned i = 0; i < 2; i++)
		fake_end(w, a, a->key[i], OUTCOME_UNSENT);
	world_quiet(w);
	assert_int_equal(a->n, 7); /* two went again, in the place of those that never left */
	for (unsigned i = 2; i < 7; i++)
		fake_end(w, a, a->key[i], OUTCOME_REJECTED); /* they left */
	world_quiet(w);
	assert_int_equal(a->n, 7);
	end(w);
}

/* Given back in the hour that follows, it was not of that hour. */
static void nothing_is_given_back_to_another_period(void **state)
{
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 5);

	(void)state;
	fake_route(w, a, NULL);
	limit(w, a, QUOTA_HOUR, 5, 0);
	add_to(w, 20, TO, CLASS_SERVICE);
	assert_int_equal(a->n, 5);
	next_period(w, a);
	fake_end(w, a, a->key[0], OUTCOME_UNSENT);
	world_quiet(w);
	for (unsigned i = 1; i < 5; i++)
		fake_end(w, a, a->key[i], OUTCOME_SENT);
	world_quiet(w);
	assert_true(a->n - 5 <= 5);
	assert_true(a->n - 5 >= 4);
	end(w);
}

static void codes_have_their_share(void **state)
{
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 100);

	(void)state;
	fake_route(w, a, NULL);
	a->o.quota.reserve_otp = 20;
	limit(w, a, QUOTA_HOUR, 10, 0);
	add_to(w, 20, TO, CLASS_MARKETING);
	assert_int_equal(a->n, 8);
	add_to(w, 3, TO, CLASS_OTP);
	assert_int_equal(a->n, 10);
	end(w);
}

static void known_recipients_go_on(void **state)
{
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 100);

	(void)state;
	fake_route(w, a, NULL);
	limit(w, a, QUOTA_DAY, 0, 3);
	for (unsigned i = 0; i < 6; i++)
		add_to(w, 1, TO + i, CLASS_SERVICE);
	assert_int_equal(a->n, 3);
	for (unsigned i = 0; i < 6; i++)
		add_to(w, 1, TO + i, CLASS_SERVICE);
	world_pass(w, 300); /* the lane is looked through again */
	assert_int_equal(a->n, 6);
	world_halt(w);
	world_up(w, false);
	world_stop_clock();
	a = fake_new(w, "A", 100);
	fake_route(w, a, NULL);
	limit(w, a, QUOTA_DAY, 0, 3);
	RUN_UNTIL(w, !world_recovering(w));
	world_quiet(w);
	for (unsigned i = 0; i < a->n; i++) /* those in flight when it was killed go again, and no other */
		assert_true(a->n <= 6);
	a->n_ended = 0;
	fake_end_all(w, a, OUTCOME_SENT);
	world_pass(w, 300);
	assert_true(a->n <= 6);
	end(w);
}

static void a_long_message_is_not_begun_with_less_than_it_needs(void **state)
{
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 100);
	uint64_t id;

	(void)state;
	fake_route(w, a, NULL);
	limit(w, a, QUOTA_HOUR, 5, 0);
	add_to(w, 3, TO, CLASS_SERVICE);
	assert_int_equal(a->n, 3);
	world_add_long(w, 3, clock_ms() + 86400000, &id);
	world_quiet(w);
	assert_int_equal(a->n, 3);
	fake_end_all(w, a, OUTCOME_SENT);
	next_period(w, a);
	assert_int_equal(a->n, 6);
	fake_end_all(w, a, OUTCOME_SENT);
	/* One of more parts than an hour has begins in a new hour and goes on in the next. */
	next_period(w, a);
	world_add_long(w, 7, clock_ms() + 86400000, &id);
	world_quiet(w);
	assert_int_equal(a->n, 6 + 5);
	fake_end_all(w, a, OUTCOME_SENT);
	next_period(w, a);
	assert_int_equal(a->n, 6 + 7);
	end(w);
}

/* The SIM moves to another port: its count moves with it. */
static void the_count_is_the_accounts(void **state)
{
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 100), *b = fake_new(w, "B", 100);

	(void)state;
	fake_route(w, a, NULL);
	limit(w, a, QUOTA_HOUR, 5, 0);
	add_to(w, 3, TO, CLASS_SERVICE);
	fake_end_all(w, a, OUTCOME_SENT);
	fake_up(w, a, false);
	fake_route(w, b, NULL);
	limit(w, b, QUOTA_HOUR, 5, 0);
	add_to(w, 5, TO, CLASS_SERVICE);
	assert_int_equal(b->n, 2);
	b->o.account = names_get(w->names, NAME_ACCOUNT, "sim:2");
	queue_quota_changed(w->queue, &b->o);
	world_pass(w, 10);
	assert_int_equal(b->n, 5);
	end(w);
}

/* More parts than a minute has, when much of the day is used already: it begins in a new minute all the same. */
static void one_that_no_minute_holds_begins_though_the_day_is_used(void **state)
{
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 100);
	uint64_t id;

	(void)state;
	fake_route(w, a, NULL);
	a->o.quota.parts[QUOTA_DAY] = 1000;
	limit(w, a, QUOTA_MINUTE, 5, 0);
	add_to(w, 2, TO, CLASS_SERVICE);
	world_add_long(w, 7, clock_ms() + 86400000, &id);
	world_quiet(w);
	add_to(w, 1, TO, CLASS_SERVICE);
	assert_int_equal(a->n, 2);
	fake_end_all(w, a, OUTCOME_SENT);
	next_period(w, a);
	assert_int_equal(a->n, 7);
	fake_end_all(w, a, OUTCOME_SENT);
	next_period(w, a);
	assert_int_equal(a->n, 10);
	/* Of what the day does not hold, nothing is begun in the middle of it. */
	a->o.quota.parts[QUOTA_DAY] = 12;
	limit(w, a, QUOTA_MINUTE, 5, 0);
	next_period(w, a);
	world_add_long(w, 7, clock_ms() + 86400000, &id);
	world_quiet(w);
	assert_int_equal(a->n, 10);
	end(w);
}

/* Of several bounds, the one that is reached says until when. */
static void what_waits_names_the_period_that_is_used_up(void **state)
{
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 100);
	struct queue_lane_view v;
	struct quota_view used;

	(void)state;
	fake_route(w, a, NULL);
	a->o.quota.parts[QUOTA_MINUTE] = 100;
	limit(w, a, QUOTA_DAY, 5, 0);
	add_to(w, 6, TO, CLASS_SERVICE);
	assert_int_equal(a->n, 5);
	reason_of(w, &v);
	queue_quota(w->queue, &a->o, &used);
	assert_int_equal(v.reason, REASON_QUOTA);
	assert_int_equal(v.next_try_ms, used.parts[QUOTA_DAY].end_ms);
	assert_int_equal(used.until_ms, used.parts[QUOTA_DAY].end_ms);
	end(w);
}

static void who_is_one_recipient_too_many_is_told_until_when(void **state)
{
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 100);
	struct queue_lane_view v;
	struct quota_view used;

	(void)state;
	fake_route(w, a, NULL);
	limit(w, a, QUOTA_DAY, 0, 2);
	for (unsigned i = 0; i < 3; i++)
		add_to(w, 1, TO + i, CLASS_SERVICE);
	assert_int_equal(a->n, 2);
	reason_of(w, &v);
	queue_quota(w->queue, &a->o, &used);
	assert_int_equal(v.reason, REASON_QUOTA);
	assert_int_equal(v.next_try_ms, used.recipients[QUOTA_DAY].end_ms);
	end(w);
}

/* A clock that was wrong and is set back: no period lasts longer than it does, and nothing is forgotten before. */
static void a_clock_that_is_set_back_prolongs_a_period_by_one(void **state)
{
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 100);

	(void)state;
	fake_route(w, a, NULL);
	limit(w, a, QUOTA_MINUTE, 5, 0);
	add_to(w, 20, TO, CLASS_SERVICE);
	assert_int_equal(a->n, 5);
	world_set_clock(-365 * INT64_C(86400000));
	world_seconds(w, 58);
	assert_int_equal(a->n, 5);
	world_seconds(w, 64);
	assert_true(a->n >= 10 && a->n <= 20);
	end(w);
}

/* Booted with a clock that stands in the past: what was counted counts until the clock is right, and then on. */
static void a_clock_that_is_behind_at_first_forgets_nothing(void **state)
{
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 100);
	int64_t year = 365 * INT64_C(86400000);

	(void)state;
	fake_route(w, a, NULL);
	limit(w, a, QUOTA_MONTH, 5, 0);
	add_to(w, 8, TO, CLASS_SERVICE);
	assert_int_equal(a->n, 5);
	fake_end_all(w, a, OUTCOME_SENT);
	world_halt(w);
	world_set_clock(-year);
	world_up(w, false);
	world_stop_clock();
	a = fake_new(w, "A", 100);
	fake_route(w, a, NULL);
	limit(w, a, QUOTA_MONTH, 5, 0);
	RUN_UNTIL(w, !world_recovering(w));
	world_seconds(w, 100);
	assert_int_equal(a->n, 0);
	world_set_clock(year);
	world_seconds(w, 3);
	assert_int_equal(a->n, 0);
	end(w);
}

/* The list of codes may be committed before the one that holds the counts. */
static void no_part_leaves_before_its_count_is_on_disk(void **state)
{
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 100);

	(void)state;
	fake_route(w, a, NULL);
	limit(w, a, QUOTA_HOUR, 5, 0);
	world_hold_op(OP_QUOTA);
	add_to(w, 1, TO, CLASS_OTP);
	assert_int_equal(a->n, 0);
	world_release(w);
	world_quiet(w);
	assert_int_equal(a->n, 1);
	end(w);
}

/* Also where its lane is looked through, as no new recipients may have anything. */
static void nor_where_recipients_are_used_up(void **state)
{
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 100);
	uint64_t id;

	(void)state;
	fake_route(w, a, NULL);
	a->o.quota.parts[QUOTA_HOUR] = 5;
	limit(w, a, QUOTA_DAY, 0, 1);
	a->o.quota.parts[QUOTA_HOUR] = 5;
	queue_quota_changed(w->queue, &a->o);
	world_add_long(w, 3, clock_ms() + 86400000, &id);
	world_quiet(w);
	assert_int_equal(a->n, 3);
	assert_true(a->o.no_new);
	fake_up(w, a, false);
	world_add_long(w, 3, clock_ms() + 86400000, &id);
	world_quiet(w);
	fake_up(w, a, true);
	world_pass(w, 300);
	assert_int_equal(a->n, 3);
	end(w);
}

/* Leased in one hour, and the link had no room before the next one. */
static void what_leaves_in_a_period_counts_in_it(void **state)
{
	struct world *w = world_stopped();
	struct fake *a = fake_new(w, "A", 100);

	(void)state;
	fake_route(w, a, NULL);
	limit(w, a, QUOTA_HOUR, 5, 0);
	a->answer = -EAGAIN;
	add_to(w, 3, TO, CLASS_SERVICE);
	assert_int_equal(a->o.in_flight, 3);
	next_period(w, a);
	a->answer = 0;
	queue_outlet_changed(w->queue, &a->o);
	add_to(w, 9, TO, CLASS_SERVICE);
	assert_int_equal(a->n, 5);
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quota_is_kept_and_what_waits_says_until_when),
		cmocka_unit_test(the_next_link_takes_what_the_first_may_not),
		cmocka_unit_test(the_count_survives_a_crash),
		cmocka_unit_test(what_never_left_is_given_back),
		cmocka_unit_test(nothing_is_given_back_to_another_period),
		cmocka_unit_test(codes_have_their_share),
		cmocka_unit_test(known_recipients_go_on),
		cmocka_unit_test(a_long_message_is_not_begun_with_less_than_it_needs),
		cmocka_unit_test(the_count_is_the_accounts),
		cmocka_unit_test(one_that_no_minute_holds_begins_though_the_day_is_used),
		cmocka_unit_test(what_leaves_in_a_period_counts_in_it),
		cmocka_unit_test(nor_where_recipients_are_used_up),
		cmocka_unit_test(what_waits_names_the_period_that_is_used_up),
		cmocka_unit_test(who_is_one_recipient_too_many_is_told_until_when),
		cmocka_unit_test(a_clock_that_is_set_back_prolongs_a_period_by_one),
		cmocka_unit_test(a_clock_that_is_behind_at_first_forgets_nothing),
		cmocka_unit_test(no_part_leaves_before_its_count_is_on_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
