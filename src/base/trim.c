/* SPDX-License-Identifier: Apache-2.0 */
/* trim.c -- see trim.h. */
#include "base/trim.h"

#include <time.h>

#include "config.h"

#if HAVE_MALLOC_TRIM
#include <malloc.h>
#endif

#define TICK_MS    1000
#define QUIET_US   200000  /* of processor in a tick: what the writer does behind what came takes a quarter of that */
#define WORTH_US   2000000 /* since the last time: some ten thousand messages */

/* All threads'. */
static int64_t processor_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void give_back(uv_work_t *work)
{
#if HAVE_MALLOC_TRIM
	malloc_trim(0);
#endif
}

static void given_back(uv_work_t *work, int status)
{
	struct trim *t = work->data;

	t->at_work = false;
}

static void tick(uv_timer_t *timer)
{
	struct trim *t = timer->data;
	int64_t now = processor_us();
	bool quiet = now - t->last_us < QUIET_US;

	t->last_us = now;
	if (!quiet || t->at_work || now - t->trimmed_us < WORTH_US)
		return;
	t->trimmed_us = now;
	t->at_work = uv_queue_work(timer->loop, &t->work, give_back, given_back) == 0;
}

void trim_start(struct trim *t, uv_loop_t *loop)
{
	*t = (struct trim){.last_us = processor_us()};
	t->timer.data = t->work.data = t;
	uv_timer_init(loop, &t->timer);
	uv_timer_start(&t->timer, tick, TICK_MS, TICK_MS);
	uv_unref((uv_handle_t *)&t->timer);
}
