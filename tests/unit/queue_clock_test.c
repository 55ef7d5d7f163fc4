/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_clock_test.c -- somebody sets the clock, forth and back.
 */
#include "queue_world.h"

#define HOUR INT64_C(3600000)
#define DAY  (24 * HOUR)

static void add(struct world *w, struct message like)
{
	uint64_t before = w->committed;

	like.class = CLASS_SERVICE;
	world_add(w, 1, like, NULL);
	RUN_UNTIL(w, w->committed == before + 1);
	world_quiet(w);
}

static void end(struct world *w)
{
	world_halt(w);
	world_free(w);
}

#define DECREASED "SELECT count(*) FROM message a JOIN message b ON b.id > a.id WHERE b.created < a.created"

static void created_never_decreases(void **state)
{
	static const int64_t jumps[] = {-DAY, HOUR, -1, 3 * DAY, -2 * DAY};
	struct world *w = world_new(WORLD_LOOPBACK);

	(void)state;
	world_up(w, false);
	add(w, (struct message){0});
	for (size_t i = 0; i < sizeof jumps / sizeof *jumps; i++) {
		world_set_clock(jumps[i]);
		if (i % 2 == 0) { /* while it did not run */
			world_halt(w);
			world_up(w, false);
		}
		add(w, (struct message){0});
	}
	assert_int_equal(world_rows(w, "SELECT count(*) FROM message"), 6);
	assert_int_equal(world_rows(w, DECREASED), 0);
	end(w);
}

/* What is scheduled goes by the clock as it is set, not by the latest that it ever showed. */
static void a_clock_set_back_sends_nothing_early(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;

	(void)state;
	world_up(w, false);
	a = fake_new(w, "A", 10);
	fake_route(w, a, NULL);
	add(w, (struct message){0});
	assert_int_equal(a->n, 1);
	world_set_clock(-5 * HOUR);
	add(w, (struct message){.send_at_ms = clock_ms() + HOUR});
	world_seconds(w, 3);
	assert_int_equal(a->n, 1);
	world_set_clock(HOUR + 1000);
	world_seconds(w, 3);
	RUN_UNTIL(w, a->n == 2);
	end(w);
}

/* A retry that is due waits no longer when the clock went forth, and is not lost when it went back. */
static void a_retry_outlives_jumps(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;

	(void)state;
	world_up(w, false);
	a = fake_new(w, "A", 10);
	fake_route(w, a, NULL);
	add(w, (struct message){.ttl_end_ms = clock_ms() + 30 * DAY});
	fake_end(w, a, a->key[0], OUTCOME_RETRY);
	world_quiet(w);
	assert_int_equal(a->n, 1);
	world_set_clock(-DAY);
	world_seconds(w, 2);
	world_set_clock(2 * DAY);
	world_seconds(w, 3);
	RUN_UNTIL(w, a->n == 2);
	end(w);
}

/* Over by the clock is over; and it stays so when the clock comes back. */
static void a_clock_set_forth_ends_what_is_over(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;

	(void)state;
	world_up(w, false);
	a = fake_new(w, "A", 10);
	fake_route(w, a, NULL);
	fake_up(w, a, false);
	add(w, (struct message){.ttl_end_ms = clock_ms() + HOUR});
	world_set_clock(2 * HOUR);
	world_seconds(w, 10);
	RUN_UNTIL(w, w->final[STATE_EXPIRED] == 1);
	world_set_clock(-2 * HOUR);
	fake_up(w, a, true);
	world_seconds(w, 6);
	assert_int_equal(a->n, 0);
	assert_int_equal(w->final[STATE_EXPIRED], 1);
	end(w);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(created_never_decreases),
		cmocka_unit_test(a_clock_set_back_sends_nothing_early),
		cmocka_unit_test(a_retry_outlives_jumps),
		cmocka_unit_test(a_clock_set_forth_ends_what_is_over),
	};

	return WORLD_MAIN(tests, argc, argv);
}
