/* SPDX-License-Identifier: Apache-2.0 */
/* api_turns.c -- the two engines by which requests share the loop fairly.
 *
 * What cannot go on because the queue is full waits in one list behind one timer; what has rows left to check runs in
 * one list behind one idle handle, a slice each in turn, so that two large posts share the loop and a single message
 * comes between any two slices. */
#include "intake/api_impl.h"

#include "base/clock.h"

/* ---- Waiters. ---- */

#define WAIT_MIN_MS 5
#define WAIT_MAX_MS 20

static void append_waiter(struct api *a, struct api_waiter *w)
{
	w->next = NULL;
	w->queued = true;
	*a->waiters_tail = w;
	a->waiters_tail = &w->next;
}

static void on_timer(uv_timer_t *t)
{
	struct api *a = t->data;
	struct api_waiter *last =
		a->waiters
			? (struct api_waiter *)((char *)a->waiters_tail - offsetof(struct api_waiter, next))
			: NULL;
	int64_t now_ms = clock_mono_ms();

	/* One at a time from the head: again() may take others out of the list, the last one included.  Each
	 * round puts at most one back at the end, so a bound on the rounds ends the walk in any case. */
	for (unsigned rounds = a->n_calls; a->waiters && rounds > 0; rounds--) {
		struct api_waiter *w = a->waiters;
		bool was_last = w == last;

		api_unwait(a, w);
		if (w->at_ms > now_ms)
			append_waiter(a, w);
		else
			w->again(w);
		if (was_last)
			break;
	}
	if (!a->waiters)
		uv_timer_stop(&a->timer);
}

void api_wait_until(struct api *a, struct api_waiter *w, int64_t at_ms)
{
	w->at_ms = at_ms;
	append_waiter(a, w);
	if (!uv_is_active((uv_handle_t *)&a->timer))
		uv_timer_start(&a->timer, on_timer, WAIT_MIN_MS, WAIT_MIN_MS);
}

void api_wait(struct api *a, struct api_waiter *w)
{
	int64_t now_ms = clock_mono_ms();

	if (w->delay_ms == 0) {
		w->since_ms = now_ms;
		w->delay_ms = WAIT_MIN_MS;
	} else if (w->delay_ms < WAIT_MAX_MS) {
		w->delay_ms += WAIT_MIN_MS;
	}
	api_wait_until(a, w, now_ms + w->delay_ms);
}

void api_wait_reset(struct api_waiter *w)
{
	w->delay_ms = 0;
}

bool api_wait_over(const struct api_waiter *w)
{
	return w->delay_ms != 0 && clock_mono_ms() - w->since_ms >= API_BUSY_MS;
}

void api_unwait(struct api *a, struct api_waiter *w)
{
	struct api_waiter **at = &a->waiters;

	if (!w->queued)
		return;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	if (!*at)
		a->waiters_tail = at;
	w->queued = false;
}

/* ---- Runners. ---- */

static void on_idle(uv_idle_t *t)
{
	struct api *a = t->data;
	struct api_runner *r = a->runners;

	if (r) {
		a->runners = r->next;
		if (!a->runners)
			a->runners_tail = &a->runners;
		r->queued = false;
		r->run(r);
	}
	if (!a->runners)
		uv_idle_stop(&a->idle);
}

void api_run_soon(struct api *a, struct api_runner *r)
{
	if (r->queued)
		return;
	r->queued = true;
	r->next = NULL;
	*a->runners_tail = r;
	a->runners_tail = &r->next;
	uv_idle_start(&a->idle, on_idle);
}

void api_run_never(struct api *a, struct api_runner *r)
{
	struct api_runner **at = &a->runners;

	if (!r->queued)
		return;
	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	if (!*at)
		a->runners_tail = at;
	r->queued = false;
}
