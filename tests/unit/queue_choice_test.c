/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_choice_test.c -- routes that choose among their links.
 */
#include <config.h>

#include "queue_world.h"

#include "queue/queue_impl.h"

#define TO 79001234567u
#define N  4

static struct world *world_with(struct fake *f[N], enum queue_choose choose, unsigned window)
{
	static const char *const names[N] = { "A", "B", "C", "D" };
	struct world *w = world_new(WORLD_LOOPBACK);
	struct queue_route r = { .choose = choose };

	world_up(w, false);
	world_stop_clock();
	r.id = names_get(w->names, NAME_ROUTE, "r");
	for (unsigned i = 0; i < N; i++) {
		f[i] = fake_new(w, names[i], window);
		r.links[r.n_links++] = &f[i]->o;
	}
	queue_set_routes(w->queue, &r, 1);
	return w;
}

static void end(struct world *w)
{
	world_halt(w);
	world_free(w);
}

static void add_to(struct world *w, unsigned n, uint64_t to, enum msg_class class)
{
	uint64_t before = w->committed;

	world_add(w, n, (struct message){ .class = class, .to = to }, NULL);
	RUN_UNTIL(w, w->committed == before + n);
	world_quiet(w);
}

static unsigned total(struct fake *f[N])
{
	unsigned n = 0;

	for (unsigned i = 0; i < N; i++)
		n += f[i]->n;
	return n;
}

static void take_lane(void *arg, const struct queue_lane_view *v)
{
	if (v->in_memory)
		*(struct queue_lane_view *)arg = *v;
}

static void load_is_spread_evenly(void **state)
{
	struct fake *f[N];
	struct world *w = world_with(f, CHOOSE_LOAD, 2);

	(void)state;
	add_to(w, 100, TO, CLASS_SERVICE);
	while (total(f) < 100) {
		unsigned before = total(f);

		for (unsigned i = 0; i < N; i++)
			fake_end_all(w, f[i], OUTCOME_SENT);
		world_pass(w, 10);
		assert_true(total(f) > before);
	}
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(f[i]->n, 25);
	end(w);
}

/* One at a time, each answered before the next comes: no load to tell them apart. */
static void those_that_were_idle_longest_are_next(void **state)
{
	struct fake *f[N];
	struct world *w = world_with(f, CHOOSE_LOAD, 2);

	(void)state;
	for (unsigned k = 0; k < 20; k++) {
		add_to(w, 1, TO + k, CLASS_SERVICE);
		for (unsigned i = 0; i < N; i++)
			fake_end_all(w, f[i], OUTCOME_SENT);
		world_pass(w, 10);
	}
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(f[i]->n, 5);
	end(w);
}

static void a_link_that_falls_silent_holds_up_its_window_only(void **state)
{
	struct fake *f[N];
	struct world *w = world_with(f, CHOOSE_LOAD, 2);

	(void)state;
	add_to(w, 40, TO, CLASS_SERVICE);
	for (unsigned k = 0; k < 20 && total(f) < 40; k++) {
		for (unsigned i = 1; i < N; i++)
			fake_end_all(w, f[i], OUTCOME_SENT);
		world_pass(w, 10);
	}
	assert_int_equal(f[0]->n, 2);
	assert_int_equal(total(f), 40);
	end(w);
}

static void weight_and_quota_decide(void **state)
{
	struct fake *f[N];
	struct world *w = world_with(f, CHOOSE_LOAD, 12);

	(void)state;
	f[0]->o.weight = 3;
	fake_up(w, f[3], false);
	f[2]->o.quota = (struct quota_limits){ .any = true, .parts = { [QUOTA_HOUR] = 2 }, .rule = { "UTC", 1, 0 } };
	f[2]->o.account = names_get(w->names, NAME_ACCOUNT, "C");
	queue_quota_changed(w->queue, &f[2]->o);
	add_to(w, 14, TO, CLASS_SERVICE);
	assert_int_equal(f[2]->n, 2);
	assert_int_equal(f[0]->n, 9); /* three times as many as … */
	assert_int_equal(f[1]->n, 3);
	assert_int_equal(f[3]->n, 0);
	end(w);
}

static void the_same_recipient_has_the_same_link(void **state)
{
	struct fake *f[N];
	struct world *w = world_with(f, CHOOSE_STICKY, 50);
	unsigned first[N], of[N] = { 0 };

	(void)state;
	for (unsigned k = 0; k < 40; k++)
		add_to(w, 1, TO + k, CLASS_SERVICE);
	for (unsigned i = 0; i < N; i++) {
		first[i] = f[i]->n;
		assert_true(first[i] >= 4); /* of ten each, on the average */
		fake_end_all(w, f[i], OUTCOME_SENT);
	}
	for (unsigned k = 0; k < 40; k++)
		add_to(w, 1, TO + k, CLASS_SERVICE);
	for (unsigned i = 0; i < N; i++) {
		assert_int_equal(f[i]->n, 2 * first[i]);
		fake_end_all(w, f[i], OUTCOME_SENT);
	}
	/* Without one of them the others keep theirs. */
	fake_up(w, f[1], false);
	for (unsigned i = 0; i < N; i++)
		of[i] = f[i]->n;
	for (unsigned k = 0; k < 40; k++)
		add_to(w, 1, TO + k, CLASS_SERVICE);
	assert_int_equal(f[1]->n, of[1]);
	for (unsigned i = 0; i < N; i++)
		assert_true(i == 1 || f[i]->n >= of[i] + first[i]);
	assert_int_equal(total(f), 120);
	end(w);
}

/* The link of the first recipient is full: it waits, those behind it do not. */
static void who_waits_for_its_link_lets_others_pass(void **state)
{
	struct fake *f[N];
	struct world *w = world_with(f, CHOOSE_STICKY, 1);

	(void)state;
	for (unsigned k = 0; k < 3; k++)
		add_to(w, 1, TO, CLASS_SERVICE);
	assert_int_equal(total(f), 1);
	for (unsigned k = 1; k < 40; k++)
		add_to(w, 1, TO + k, CLASS_SERVICE);
	assert_int_equal(total(f), N);
	end(w);
}

static void the_cheapest_takes_it_while_it_can(void **state)
{
	static const struct outlet_price dear[] = { { 79, 2, 5.0 }, { 7, 1, 0.5 } };
	struct fake *f[N];
	struct world *w = world_with(f, CHOOSE_PRICE, 2);

	(void)state;
	for (unsigned i = 0; i < N; i++)
		f[i]->o.price = 1;
	f[0]->o.prices = dear;
	f[0]->o.n_prices = 2;
	add_to(w, 1, 77001234567, CLASS_SERVICE); /* 0.5 over A */
	assert_int_equal(f[0]->n, 1);
	add_to(w, 6, TO, CLASS_SERVICE); /* 5 over A, 1 over the others, spread */
	assert_int_equal(f[0]->n, 1);
	for (unsigned i = 1; i < N; i++)
		assert_int_equal(f[i]->n, 2);
	add_to(w, 3, 77001234567, CLASS_SERVICE); /* one more has room over A, and the others wait for it */
	assert_int_equal(f[0]->n, 2);
	fake_end_all(w, f[0], OUTCOME_SENT);
	world_pass(w, 10);
	assert_int_equal(f[0]->n, 4);
	fake_up(w, f[0], false);
	fake_end_all(w, f[1], OUTCOME_SENT);
	add_to(w, 1, 77001234567, CLASS_SERVICE);
	assert_int_equal(f[1]->n, 3);
	end(w);
}

static void a_refusal_is_asked_of_one_other_link(void **state)
{
	struct fake *f[N];
	struct world *w = world_with(f, CHOOSE_LOAD, 10);

	(void)state;
	add_to(w, 1, TO, CLASS_SERVICE);
	for (unsigned i = 0; i < N; i++)
		fake_end_all(w, f[i], OUTCOME_REJECTED);
	world_pass(w, 10);
	assert_int_equal(total(f), 2);
	for (unsigned i = 0; i < N; i++)
		assert_true(f[i]->n <= 1);
	for (unsigned i = 0; i < N; i++)
		fake_end_all(w, f[i], OUTCOME_REJECTED);
	RUN_UNTIL(w, w->final[STATE_REJECTED] == 1);
	assert_int_equal(total(f), 2);
	end(w);
}

static void parts_of_a_message_stay_on_one_link(void **state)
{
	struct fake *f[N];
	struct world *w = world_with(f, CHOOSE_LOAD, 2);
	uint64_t id;

	(void)state;
	world_add_long(w, 5, clock_ms() + 86400000, &id);
	world_quiet(w);
	for (unsigned k = 0; k < 10 && total(f) < 5; k++) {
		for (unsigned i = 0; i < N; i++)
			fake_end_all(w, f[i], OUTCOME_SENT);
		world_pass(w, 10);
	}
	for (unsigned i = 0; i < N; i++)
		assert_true(f[i]->n == 0 || f[i]->n == 5);
	assert_int_equal(total(f), 5);
	end(w);
}

static void codes_come_first(void **state)
{
	struct fake *f[N];
	struct world *w = world_with(f, CHOOSE_LOAD, 1);
	uint64_t otp;
	bool seen = false;

	(void)state;
	add_to(w, 30, TO, CLASS_MARKETING);
	assert_int_equal(total(f), N);
	world_add(w, 1, (struct message){ .class = CLASS_OTP, .to = TO + 1 }, &otp);
	world_quiet(w);
	fake_end_all(w, f[2], OUTCOME_SENT);
	world_pass(w, 10);
	for (unsigned i = 0; i < f[2]->n; i++)
		seen |= f[2]->key[i] >> 8 == otp;
	assert_true(seen);
	end(w);
}

/* Rows come back into memory, also after a restart, and all of them go. */
static void what_waits_on_disk_goes_too(void **state)
{
	struct fake *f[N];
	struct world *w = world_with(f, CHOOSE_LOAD, 5);

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		add_to(w, 900, TO + i, CLASS_MARKETING);
	for (unsigned k = 0; k < 2000 && total(f) < 2000; k++) {
		for (unsigned i = 0; i < N; i++)
			fake_end_all(w, f[i], OUTCOME_SENT);
		world_pass(w, 10);
	}
	assert_true(total(f) >= 2000);
	end(w);
}

/* Five of ten failed: the others get what comes, until one message was let through and taken. */
static void a_link_that_fails_is_set_aside(void **state)
{
	struct fake *f[N];
	struct world *w = world_with(f, CHOOSE_ORDER, 20);
	unsigned n;

	(void)state;
	f[0]->o.guard_rule = (struct guard_rule){ 0.5, 10, 30, 15, 0 };
	add_to(w, 10, TO, CLASS_SERVICE);
	assert_int_equal(f[0]->n, 10);
	for (unsigned i = 0; i < 5; i++)
		fake_end(w, f[0], f[0]->key[i], OUTCOME_SENT);
	for (unsigned i = 5; i < 9; i++)
		fake_end(w, f[0], f[0]->key[i], OUTCOME_REJECTED);
	assert_int_equal(f[0]->o.guard.state, GUARD_OPEN);
	fake_end(w, f[0], f[0]->key[9], OUTCOME_UNKNOWN);
	f[0]->n_ended = 10;
	assert_int_equal(f[0]->o.guard.state, GUARD_ASIDE);
	world_pass(w, 10);
	fake_end_all(w, f[1], OUTCOME_SENT); /* what was refused went there */
	n = f[1]->n;
	add_to(w, 5, TO, CLASS_SERVICE);
	assert_int_equal(f[0]->n, 10);
	assert_int_equal(f[1]->n, n + 5);
	world_pass(w, 15 * 60000);
	world_seconds(w, 1);
	assert_int_equal(f[0]->o.guard.state, GUARD_PROBE);
	add_to(w, 5, TO, CLASS_SERVICE);
	assert_int_equal(f[0]->n, 11); /* one */
	fake_end_all(w, f[0], OUTCOME_REJECTED);
	world_pass(w, 10);
	assert_int_equal(f[0]->o.guard.state, GUARD_ASIDE);
	assert_int_equal(f[0]->n, 11);
	world_pass(w, 15 * 60000);
	world_seconds(w, 1);
	add_to(w, 1, TO, CLASS_SERVICE);
	assert_int_equal(f[0]->n, 12);
	fake_end_all(w, f[0], OUTCOME_SENT);
	assert_int_equal(f[0]->o.guard.state, GUARD_OPEN);
	world_pass(w, 10);
	add_to(w, 5, TO, CLASS_SERVICE);
	assert_int_equal(f[0]->n, 17);
	end(w);
}

/* What is the recipients' fault is not the link's, unless nearly all of it is so. */
static void recipients_that_do_not_exist_are_not_the_links_fault(void **state)
{
	struct fake *f[N];
	struct world *w = world_with(f, CHOOSE_ORDER, 20);

	(void)state;
	f[0]->o.guard_rule = (struct guard_rule){ 0.3, 10, 30, 15, 0 };
	add_to(w, 20, TO, CLASS_SERVICE);
	for (unsigned i = 0; i < 4; i++)
		fake_end(w, f[0], f[0]->key[i], OUTCOME_SENT);
	for (unsigned i = 4; i < 20; i++)
		fake_end(w, f[0], f[0]->key[i], OUTCOME_RECIPIENT);
	assert_int_equal(f[0]->o.guard.state, GUARD_OPEN);
	f[0]->n_ended = 20;
	world_pass(w, 10);
	add_to(w, 20, TO, CLASS_SERVICE);
	fake_end_all(w, f[0], OUTCOME_RECIPIENT);
	assert_int_equal(f[0]->o.guard.state, GUARD_ASIDE);
	end(w);
}

/* Failures of yesterday do not count. */
static void the_window_moves_on(void **state)
{
	const struct guard_rule r = { 0.5, 4, 30, 15, 0 };
	struct guard g = { 0 };
	unsigned failed, all;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_false(guard_end(&g, &r, GUARD_FAILED, 1000000000 + i * 60000));
	guard_counts(&g, &r, 1000000000 + 29 * 60000, &failed, &all);
	assert_int_equal(failed, 3);
	assert_false(guard_end(&g, &r, GUARD_FAILED, 1000000000 + 40 * 60000));
	guard_counts(&g, &r, 1000000000 + 40 * 60000, &failed, &all);
	assert_int_equal(failed, 1);
}

static void set_aside(struct world *w, struct fake *f)
{
	f->o.guard_rule = (struct guard_rule){ 0.5, 10, 30, 15, 0 };
	add_to(w, 10, TO, CLASS_SERVICE);
	fake_end_all(w, f, OUTCOME_RECIPIENT);
	assert_int_equal(f->o.guard.state, GUARD_ASIDE);
	world_pass(w, 10);
}

/* One is let through; the others do not wait for what becomes of it where another link can take them. */
static void others_do_not_wait_for_a_probe(void **state)
{
	struct fake *f[N];
	struct world *w = world_with(f, CHOOSE_ORDER, 20);
	unsigned n;

	(void)state;
	set_aside(w, f[0]);
	world_pass(w, 15 * 60000);
	world_seconds(w, 1);
	n = f[1]->n;
	add_to(w, 5, TO, CLASS_SERVICE);
	add_to(w, 1, TO, CLASS_OTP);
	assert_int_equal(f[0]->n, 11);
	assert_int_equal(f[1]->n, n + 5);
	fake_end_all(w, f[0], OUTCOME_SENT);
	world_pass(w, 10);
	add_to(w, 5, TO, CLASS_SERVICE);
	assert_int_equal(f[0]->n, 16);
	end(w);
}

static void others_do_not_wait_for_a_probe_of_the_cheapest(void **state)
{
	struct fake *f[N];
	struct world *w = world_with(f, CHOOSE_PRICE, 20);

	(void)state;
	for (unsigned i = 1; i < N; i++)
		f[i]->o.price = i;
	set_aside(w, f[0]);
	world_pass(w, 15 * 60000);
	world_seconds(w, 1);
	add_to(w, 5, TO, CLASS_SERVICE);
	assert_int_equal(f[0]->n, 11);
	assert_int_equal(f[1]->n, 4);
	end(w);
}

/* Without another link they wait, and say until when. */
/* … but where no other link is up, or nothing else comes. */
static void a_code_is_no_probe(void **state)
{
	static const enum queue_choose how[] = { CHOOSE_ORDER, CHOOSE_PRICE };

	(void)state;
	for (unsigned k = 0; k < 2; k++) {
		struct fake *f[N];
		struct world *w = world_with(f, how[k], 20);

		for (unsigned i = 1; i < N; i++)
			f[i]->o.price = i;
		set_aside(w, f[0]);
		world_pass(w, 15 * 60000);
		world_seconds(w, 1);
		add_to(w, 1, TO, CLASS_OTP);
		assert_int_equal(f[0]->n, 10);
		assert_int_equal(f[1]->n, 1);
		world_pass(w, 15 * 60000);
		world_seconds(w, 1);
		add_to(w, 1, TO, CLASS_OTP);
		assert_int_equal(f[0]->n, 11);
		fake_end_all(w, f[0], OUTCOME_REJECTED);
		world_pass(w, 15 * 60000);
		world_seconds(w, 1);
		for (unsigned i = 1; i < N; i++)
			fake_up(w, f[i], false);
		assert_int_equal(f[0]->o.guard.state, GUARD_PROBE);
		add_to(w, 1, TO, CLASS_OTP);
		assert_int_equal(f[0]->n, 12);
		end(w);
	}
}

static void what_waits_for_a_probe_says_so(void **state)
{
	struct fake *f[N];
	struct world *w = world_with(f, CHOOSE_ORDER, 20);
	struct queue_lane_view v = { 0 };

	(void)state;
	for (unsigned i = 1; i < N; i++)
		fake_up(w, f[i], false);
	set_aside(w, f[0]);
	add_to(w, 5, TO, CLASS_SERVICE);
	assert_int_equal(f[0]->n, 10);
	queue_lanes(w->queue, take_lane, &v);
	assert_int_equal(v.reason, REASON_GUARD);
	assert_int_equal(v.next_try_ms, f[0]->o.guard.probe_ms);
	world_pass(w, 15 * 60000);
	world_seconds(w, 1);
	assert_int_equal(f[0]->n, 11);
	fake_end_all(w, f[0], OUTCOME_SENT);
	world_pass(w, 10);
	assert_int_equal(f[0]->n, 15);
	end(w);
}

static void a_clock_that_is_set_back_puts_off_no_probe(void **state)
{
	struct fake *f[N];
	struct world *w = world_with(f, CHOOSE_ORDER, 20);

	(void)state;
	set_aside(w, f[0]);
	world_set_clock(-30 * INT64_C(86400000));
	world_seconds(w, 1);
	world_pass(w, 15 * 60000);
	world_seconds(w, 1);
	assert_int_equal(f[0]->o.guard.state, GUARD_PROBE);
	end(w);
}

/* Two thousand a second for a day, of which a tenth failed: not a half. */
static void many_parts_are_counted_as_many(void **state)
{
	const struct guard_rule r = { 0.5, 20, 1440, 15, 0 };
	struct guard g = { 0 };
	unsigned failed, all;

	(void)state;
	for (unsigned i = 0; i < 1000000; i++)
		assert_false(guard_end(&g, &r, i % 10 ? GUARD_TAKEN : GUARD_FAILED, 1000000000));
	guard_counts(&g, &r, 1000000000, &failed, &all);
	assert_int_equal(failed, 100000);
	assert_int_equal(all, 1000000);
}

/* Yesterday's campaign: numbers that do not exist any more, and tell so a day later. */
static void late_receipts_are_not_held_against_what_is_sent_now(void **state)
{
	struct fake *f[N];
	struct world *w = world_with(f, CHOOSE_ORDER, 100);

	(void)state;
	f[0]->o.guard_rule = (struct guard_rule){ 0.5, 10, 30, 15, 0 };
	f[0]->o.reports = true;
	add_to(w, 60, TO, CLASS_SERVICE);
	fake_end_all(w, f[0], OUTCOME_SENT);
	world_quiet(w);
	world_pass(w, 24 * 3600000);
	add_to(w, 20, TO, CLASS_SERVICE);
	fake_end_all(w, f[0], OUTCOME_SENT);
	world_quiet(w);
	for (unsigned i = 0; i < 20; i++)
		fake_receipt(w, f[0], f[0]->key[i], RECEIPT_UNDELIVERABLE);
	world_quiet(w);
	assert_int_equal(f[0]->o.guard.state, GUARD_OPEN);
	for (unsigned i = 60; i < 80; i++)
		fake_receipt(w, f[0], f[0]->key[i], RECEIPT_UNDELIVERABLE);
	world_quiet(w);
	assert_int_equal(f[0]->o.guard.state, GUARD_ASIDE);
	end(w);
}

/* Refused by one of two, and then the other one leaves the pool. */
static void what_one_refused_goes_over_it_when_it_is_the_last(void **state)
{
	struct fake *f[N];
	struct world *w = world_with(f, CHOOSE_LOAD, 10);
	struct queue_route r = { .choose = CHOOSE_LOAD, .n_links = 2, .links = { &f[0]->o, &f[1]->o } };

	(void)state;
	r.id = names_get(w->names, NAME_ROUTE, "r");
	queue_set_routes(w->queue, &r, 1);
	fake_up(w, f[1], false);
	add_to(w, 1, TO, CLASS_SERVICE);
	fake_end_all(w, f[0], OUTCOME_REJECTED);
	world_pass(w, 10);
	assert_int_equal(f[0]->n, 1);
	r.n_links = 1;
	queue_set_routes(w->queue, &r, 1);
	world_pass(w, 10);
	assert_int_equal(f[0]->n, 2);
	end(w);
}

/* One recipient too many for the first, and the second is down. */
static void the_link_after_the_next_takes_what_the_first_may_not(void **state)
{
	struct fake *f[N];
	struct world *w = world_with(f, CHOOSE_ORDER, 10);

	(void)state;
	f[0]->o.quota = (struct quota_limits){ .any = true, .recipients = { [QUOTA_DAY] = 2 }, .rule = { "UTC", 1, 0 } };
	f[0]->o.account = names_get(w->names, NAME_ACCOUNT, "A");
	queue_quota_changed(w->queue, &f[0]->o);
	fake_up(w, f[1], false);
	for (unsigned i = 0; i < 4; i++)
		add_to(w, 1, TO + i, CLASS_SERVICE);
	world_pass(w, 300);
	assert_int_equal(f[0]->n, 2);
	assert_int_equal(f[2]->n, 2);
	end(w);
}

/* A long message that another link of the pool holds closes none: shorter ones use what is left there. */
static void a_long_message_closes_no_link_while_another_holds_it(void **state)
{
	struct fake *f[N];
	struct world *w = world_with(f, CHOOSE_ORDER, 20);
	struct queue_route r = { .choose = CHOOSE_PRICE, .n_links = 2, .links = { &f[0]->o, &f[1]->o } };
	uint64_t id;

	(void)state;
	r.id = names_get(w->names, NAME_ROUTE, "r");
	f[1]->o.price = 1;
	queue_set_routes(w->queue, &r, 1);
	for (unsigned i = 0; i < 2; i++) {
		f[i]->o.quota = (struct quota_limits){ .any = true, .parts = { [QUOTA_HOUR] = 5 }, .rule = { "UTC", 1, 0 } };
		f[i]->o.account = names_get(w->names, NAME_ACCOUNT, i ? "B" : "A");
		queue_quota_changed(w->queue, &f[i]->o);
	}
	add_to(w, 3, TO, CLASS_SERVICE);
	world_add_long(w, 3, clock_ms() + 86400000, &id);
	world_quiet(w);
	assert_int_equal(f[0]->n, 3);
	assert_int_equal(f[1]->n, 3);
	add_to(w, 2, TO, CLASS_SERVICE);
	assert_int_equal(f[0]->n, 5);
	/* None holds the next one, and so what is left there waits for the hour to end, too. */
	world_add_long(w, 3, clock_ms() + 86400000, &id);
	world_quiet(w);
	add_to(w, 2, TO, CLASS_SERVICE);
	assert_int_equal(total(f), 8);
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(load_is_spread_evenly),
		cmocka_unit_test(those_that_were_idle_longest_are_next),
		cmocka_unit_test(a_link_that_falls_silent_holds_up_its_window_only),
		cmocka_unit_test(weight_and_quota_decide),
		cmocka_unit_test(the_same_recipient_has_the_same_link),
		cmocka_unit_test(who_waits_for_its_link_lets_others_pass),
		cmocka_unit_test(the_cheapest_takes_it_while_it_can),
		cmocka_unit_test(a_refusal_is_asked_of_one_other_link),
		cmocka_unit_test(parts_of_a_message_stay_on_one_link),
		cmocka_unit_test(codes_come_first),
		cmocka_unit_test(what_waits_on_disk_goes_too),
		cmocka_unit_test(a_link_that_fails_is_set_aside),
		cmocka_unit_test(recipients_that_do_not_exist_are_not_the_links_fault),
		cmocka_unit_test(the_window_moves_on),
		cmocka_unit_test(a_long_message_closes_no_link_while_another_holds_it),
		cmocka_unit_test(others_do_not_wait_for_a_probe),
		cmocka_unit_test(others_do_not_wait_for_a_probe_of_the_cheapest),
		cmocka_unit_test(a_code_is_no_probe),
		cmocka_unit_test(what_waits_for_a_probe_says_so),
		cmocka_unit_test(a_clock_that_is_set_back_puts_off_no_probe),
		cmocka_unit_test(many_parts_are_counted_as_many),
		cmocka_unit_test(late_receipts_are_not_held_against_what_is_sent_now),
		cmocka_unit_test(what_one_refused_goes_over_it_when_it_is_the_last),
		cmocka_unit_test(the_link_after_the_next_takes_what_the_first_may_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
