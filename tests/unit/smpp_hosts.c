/* SPDX-License-Identifier: Apache-2.0 */
/* Where binds go and when they may: hosts.h without a wire, the time told by the tests. */
#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "smpp/hosts.h"

#define BINDS 32u

static const struct hosts_conf usual = {
	.reconnect_min_ms = 1000, .reconnect_max_ms = 60000, .refused_ms = 60000, .linger_ms = 30000,
};

struct link_of {
	struct hosts h;
	struct hosts_seat seat[BINDS];
};

static void init(struct link_of *l, unsigned n_hosts, bool round_robin)
{
	static const char *const names[] = { "a", "b", "c" };
	struct hosts_conf conf = usual;

	conf.round_robin = round_robin;
	hosts_init(&l->h, &conf, 7);
	for (unsigned i = 0; i < n_hosts; i++)
		assert_int_equal(hosts_add(&l->h, names[i], 2775), 0);
	for (unsigned i = 0; i < BINDS; i++)
		l->seat[i] = (struct hosts_seat){ .home = hosts_home(&l->h, i) };
}

/* How many of the binds that wait get a seat now. */
static unsigned take_all(struct link_of *l, uint64_t now_ms)
{
	uint64_t again_ms;
	unsigned n = 0;

	for (unsigned i = 0; i < BINDS; i++)
		n += l->seat[i].phase == HOSTS_AWAY && hosts_take(&l->h, &l->seat[i], now_ms, &again_ms) == 0;
	return n;
}

static void bind_all(struct link_of *l)
{
	for (unsigned i = 0; i < BINDS; i++)
		if (l->seat[i].phase == HOSTS_TRYING)
			hosts_bound(&l->h, &l->seat[i]);
}

static void all_up(struct link_of *l, uint64_t now_ms)
{
	while (take_all(l, now_ms))
		bind_all(l);
	for (unsigned i = 0; i < BINDS; i++)
		assert_int_equal(l->seat[i].phase, HOSTS_BOUND);
}

static void one_goes_first_then_twice_as_many_each_time(void **state)
{
	static const unsigned wanted[] = { 1, 2, 4, 8, 16, 1 };
	struct link_of l;

	init(&l, 1, false);
	for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		assert_int_equal(take_all(&l, 0), wanted[i]);
		bind_all(&l);
	}
	hosts_done(&l.h);
}

static void pauses_by_what_failed(void **state)
{
	static const struct {
		const char *why;
		enum hosts_failure failure;
		uint64_t least[6], most[6];
	} rows[] = {
		{ "lost: doubles from a second to a minute", HOSTS_LOST, { 1000, 1500, 3000, 6000, 12000, 24000 },
			{ 1250, 2501, 5001, 10001, 20001, 40001 } },
		{ "an old session stands: as long as it lingers, then longer", HOSTS_BUSY,
			{ 30000, 30000, 30000, 30000, 30000, 30000 }, { 30000, 30000, 30000, 30000, 30000, 40001 } },
		{ "refused: a minute and more, ten at most", HOSTS_REFUSED, { 60000, 120000, 240000, 480000, 600000, 600000 },
			{ 66001, 132001, 264001, 528001, 660001, 660001 } },
		{ "denied: the same", HOSTS_DENIED, { 60000, 120000, 240000, 480000, 600000, 600000 },
			{ 66001, 132001, 264001, 528001, 660001, 660001 } },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct link_of l;
		uint64_t now_ms = 5, ms, again_ms;

		init(&l, 1, false);
		for (unsigned k = 0; k < 6; k++) {
			assert_int_equal(take_all(&l, now_ms), 1);
			ms = hosts_leave(&l.h, &l.seat[0], rows[i].failure, now_ms);
			if (ms < rows[i].least[k] || ms > rows[i].most[k])
				fail_msg("%s: pause %u is %llu", rows[i].why, k, (unsigned long long)ms);
			assert_int_equal(hosts_take(&l.h, &l.seat[9], now_ms + ms - 1, &again_ms), -EAGAIN);
			assert_int_equal(again_ms, now_ms + ms);
			now_ms += ms;
		}
		hosts_done(&l.h);
	}
}

static void binds_lost_in_one_blow_are_one_failure(void **state)
{
	struct link_of l;
	uint64_t pauses = 0;

	init(&l, 1, false);
	all_up(&l, 0);
	for (unsigned i = 0; i < BINDS; i++)
		pauses += hosts_leave(&l.h, &l.seat[i], HOSTS_LOST, 1000) > 0;
	assert_int_equal(pauses, 1);
	assert_int_equal(l.h.one[0].n_failures, 1);
	assert_int_equal(take_all(&l, 1999), 0);
	assert_int_equal(take_all(&l, 2250), 1);
	hosts_done(&l.h);
}

static void bound_is_not_yet_alive(void **state)
{
	struct link_of l;
	uint64_t now_ms = 0, ms, first = 0;

	init(&l, 1, false);
	for (unsigned k = 0; k < 5; k++) {
		assert_int_equal(take_all(&l, now_ms), 1);
		bind_all(&l);
		ms = hosts_leave(&l.h, &l.seat[0], HOSTS_LOST, now_ms);
		if (k == 0)
			first = ms;
		now_ms += ms;
	}
	assert_true(ms > 4 * first);
	assert_int_equal(take_all(&l, now_ms), 1);
	bind_all(&l);
	hosts_alive(&l.h, &l.seat[0]);
	assert_true(hosts_leave(&l.h, &l.seat[0], HOSTS_LOST, now_ms) <= 1250);
	hosts_done(&l.h);
}

/* Four may bind, the others are refused or cut off: the four that live do not make the pauses short. */
static void the_living_do_not_hurry_the_others(void **state)
{
	static const struct {
		enum hosts_failure why;
		uint64_t after_five_ms;
	} rows[] = { { HOSTS_REFUSED, 600000 }, { HOSTS_LOST, 12000 } };

	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		struct link_of l;
		uint64_t now_ms = 0, ms = 0;

		init(&l, 1, false);
		while (take_all(&l, now_ms) && l.h.one[0].n_bound < 4)
			for (unsigned i = 0; i < BINDS && l.h.one[0].n_bound < 4; i++)
				if (l.seat[i].phase == HOSTS_TRYING)
					hosts_bound(&l.h, &l.seat[i]);
		for (unsigned i = 0; i < BINDS; i++)
			if (l.seat[i].phase == HOSTS_TRYING)
				now_ms += hosts_leave(&l.h, &l.seat[i], rows[k].why, now_ms);
		for (unsigned try = 0; try < 4; try++) {
			for (unsigned i = 0; i < 4; i++)
				hosts_alive(&l.h, &l.seat[i]);
			assert_int_equal(take_all(&l, now_ms), 1); /* one, not twenty-eight */
			for (unsigned i = 0; i < BINDS; i++)
				if (l.seat[i].phase == HOSTS_TRYING)
					ms = hosts_leave(&l.h, &l.seat[i], rows[k].why, now_ms);
			now_ms += ms;
		}
		assert_true(ms >= rows[k].after_five_ms);
		assert_int_equal(l.h.one[0].n_bound, 4);
		hosts_done(&l.h);
	}
}

static void a_dead_primary_sends_its_binds_to_the_next(void **state)
{
	struct link_of l;
	uint64_t now_ms = 0;

	init(&l, 3, false);
	assert_int_equal(take_all(&l, now_ms), 1);
	assert_int_equal(l.seat[0].host, 0);
	hosts_leave(&l.h, &l.seat[0], HOSTS_LOST, now_ms);
	all_up(&l, now_ms);
	assert_int_equal(l.h.one[1].n_bound, BINDS);
	/* One is lost when the primary may be tried again: it goes home. */
	hosts_leave(&l.h, &l.seat[5], HOSTS_LOST, 5000);
	assert_int_equal(take_all(&l, 5000), 1);
	assert_int_equal(l.seat[5].host, 0);
	hosts_done(&l.h);
}

static void round_robin_spreads_and_a_dead_host_is_shared_out(void **state)
{
	struct link_of l;

	init(&l, 3, true);
	all_up(&l, 0);
	assert_int_equal(l.h.one[0].n_bound, 11);
	assert_int_equal(l.h.one[1].n_bound, 11);
	assert_int_equal(l.h.one[2].n_bound, 10);
	for (unsigned i = 0; i < BINDS; i++)
		if (l.seat[i].host == 1)
			hosts_leave(&l.h, &l.seat[i], HOSTS_LOST, 10);
	all_up(&l, 10);
	assert_int_equal(l.h.one[0].n_bound, 16);
	assert_int_equal(l.h.one[1].n_bound, 0);
	assert_int_equal(l.h.one[2].n_bound, 16);
	hosts_done(&l.h);
}

/* All hosts belong to one carrier, and it is the same password everywhere. */
static void a_wrong_password_is_told_once_for_all_hosts(void **state)
{
	struct link_of l;
	uint64_t ms;

	init(&l, 3, false);
	assert_int_equal(take_all(&l, 0), 1);
	ms = hosts_leave(&l.h, &l.seat[0], HOSTS_DENIED, 0);
	assert_int_equal(take_all(&l, ms - 1), 0);
	assert_int_equal(take_all(&l, ms), 1);
	hosts_leave(&l.h, &l.seat[0], HOSTS_DENIED, ms);
	hosts_done(&l.h);
	init(&l, 3, true);
	assert_int_equal(take_all(&l, 0), 3); /* nothing is known yet: one each */
	ms = 0;
	for (unsigned i = 0; i < 3; i++)
		ms += hosts_leave(&l.h, &l.seat[i], HOSTS_DENIED, 0);
	assert_true(ms < 70000); /* counted once */
	assert_int_equal(take_all(&l, 700000), 1);
	hosts_done(&l.h);
}

static void an_operator_tries_at_once(void **state)
{
	struct link_of l;

	init(&l, 2, false);
	assert_int_equal(take_all(&l, 0), 1);
	hosts_leave(&l.h, &l.seat[0], HOSTS_DENIED, 0);
	assert_int_equal(take_all(&l, 10), 0);
	hosts_retry(&l.h);
	assert_int_equal(take_all(&l, 10), 1);
	assert_int_equal(l.seat[0].host, 0);
	bind_all(&l);
	assert_int_equal(take_all(&l, 10), 2);
	hosts_done(&l.h);
}

static void labels_are_readable(void **state)
{
	struct hosts h;

	hosts_init(&h, &usual, 1);
	assert_int_equal(hosts_add(&h, "smsc.example", 2775), 0);
	assert_int_equal(hosts_add(&h, "2001:db8::1", 2776), 0);
	assert_string_equal(h.one[0].label, "smsc.example:2775");
	assert_string_equal(h.one[1].label, "[2001:db8::1]:2776");
	for (unsigned i = 2; i < HOSTS_MAX; i++)
		assert_int_equal(hosts_add(&h, "x", 1), 0);
	assert_int_equal(hosts_add(&h, "x", 1), -ENOSPC);
	hosts_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_goes_first_then_twice_as_many_each_time),
		cmocka_unit_test(pauses_by_what_failed),
		cmocka_unit_test(binds_lost_in_one_blow_are_one_failure),
		cmocka_unit_test(bound_is_not_yet_alive),
		cmocka_unit_test(the_living_do_not_hurry_the_others),
		cmocka_unit_test(a_dead_primary_sends_its_binds_to_the_next),
		cmocka_unit_test(round_robin_spreads_and_a_dead_host_is_shared_out),
		cmocka_unit_test(a_wrong_password_is_told_once_for_all_hosts),
		cmocka_unit_test(an_operator_tries_at_once),
		cmocka_unit_test(labels_are_readable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
