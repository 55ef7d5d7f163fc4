/* SPDX-License-Identifier: Apache-2.0 */
/* trim_test.c -- what malloc() keeps between blocks in use goes back when the process rests, and not before. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "base/trim.h"

#define BLOCKS 60000 /* of 1,000 octets */
#define STAYS  1000  /* one of so many: no end of a heap is free */
#define MB     (1 << 20)

static void *blocks[BLOCKS];

static size_t resident(void)
{
	size_t rss;

	assert_int_equal(uv_resident_set_memory(&rss), 0);
	return rss;
}

/* On a heap of another thread, as those of the gateway are. */
static void fill_and_free(void *arg)
{
	for (unsigned i = 0; i < BLOCKS; i++) {
		blocks[i] = malloc(1000);
		if (blocks[i])
			memset(blocks[i], 1, 1000);
	}
	for (unsigned i = 0; i < BLOCKS; i++)
		if (i % STAYS) {
			free(blocks[i]);
			blocks[i] = NULL;
		}
}

static void in_thread(uv_thread_cb f)
{
	uv_thread_t t;

	assert_int_equal(uv_thread_create(&t, f, NULL), 0);
	uv_thread_join(&t);
}

static double processor_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void work_for(double seconds)
{
	for (double until = processor_s() + seconds; processor_s() < until;)
		;
}

struct busy {
	uv_timer_t timer;
	size_t least;
	unsigned ticks;
};

/* Most of a processor. */
static void on_busy(uv_timer_t *timer)
{
	struct busy *b = timer->data;
	size_t now = resident();

	work_for(0.2);
	if (now < b->least)
		b->least = now;
	if (++b->ticks == 12)
		uv_stop(timer->loop);
}

struct wait {
	uv_timer_t timer;
	size_t wanted;
	unsigned ticks;
};

static void on_wait(uv_timer_t *timer)
{
	struct wait *w = timer->data;

	if (resident() <= w->wanted || ++w->ticks == 100)
		uv_stop(timer->loop);
}

__attribute__((unused)) static void free_memory_goes_back_in_a_quiet_second(void **state)
{
	struct busy busy = { .least = SIZE_MAX };
	struct wait wait = { 0 };
	struct trim trim;
	uv_loop_t loop;
	size_t full;

	assert_int_equal(uv_loop_init(&loop), 0);
	trim_start(&trim, &loop);
	in_thread(fill_and_free);
	full = resident();
	uv_timer_init(&loop, &busy.timer);
	busy.timer.data = &busy;
	uv_timer_start(&busy.timer, on_busy, 0, 250);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_true(busy.least + 8 * MB > full); /* while it works it keeps what it will want again */

	uv_close((uv_handle_t *)&busy.timer, NULL);
	uv_timer_init(&loop, &wait.timer);
	wait.timer.data = &wait;
	wait.wanted = full - 40 * MB;
	uv_timer_start(&wait.timer, on_wait, 100, 100);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_true(resident() <= wait.wanted);

	uv_close((uv_handle_t *)&wait.timer, NULL);
	uv_close((uv_handle_t *)&trim.timer, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	for (unsigned i = 0; i < BLOCKS; i += STAYS)
		free(blocks[i]);
}

static void it_keeps_no_loop_from_ending(void **state)
{
	struct trim trim;
	uv_loop_t loop;

	assert_int_equal(uv_loop_init(&loop), 0);
	trim_start(&trim, &loop);
	assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
	uv_close((uv_handle_t *)&trim.timer, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

#ifndef __has_feature /* clang's */
#define __has_feature(x) 0
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_keeps_no_loop_from_ending),
/* Not with the sanitizer's malloc(). */
#if HAVE_MALLOC_TRIM && !defined(__SANITIZE_ADDRESS__) && !__has_feature(address_sanitizer)
		cmocka_unit_test(free_memory_goes_back_in_a_quiet_second),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
