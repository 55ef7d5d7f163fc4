/* SPDX-License-Identifier: Apache-2.0 */
/* virtual_timer.c -- see virtual_timer.h. */
#include <config.h>

#include "tests/unit/virtual_timer.h"

#include <assert.h>
#include <stddef.h>
#include <uv.h>

#define TIMERS_MAX 16

struct timer {
	uv_timer_t *t; /* NULL: free */
	uv_timer_cb cb;
	uv_close_cb close_cb;
	uint64_t due_ms, repeat_ms;
	bool running, closing;
};

static struct timer timers[TIMERS_MAX];
static uint64_t now_ms = 1000000;

int __wrap_uv_timer_init(uv_loop_t *loop, uv_timer_t *t);
int __wrap_uv_timer_start(uv_timer_t *t, uv_timer_cb cb, uint64_t ms, uint64_t repeat);
int __wrap_uv_timer_stop(uv_timer_t *t);
void __wrap_uv_close(uv_handle_t *h, uv_close_cb cb);
uint64_t __wrap_uv_now(const uv_loop_t *loop);
int __wrap_uv_is_active(const uv_handle_t *h);
uint64_t __wrap_uv_timer_get_due_in(const uv_timer_t *t);

static struct timer *find(const uv_timer_t *t)
{
	for (size_t i = 0; i < TIMERS_MAX; i++) {
		if (timers[i].t == t)
			return &timers[i];
	}
	assert(!"no such timer, or too many");
	return NULL;
}

int __wrap_uv_timer_init(uv_loop_t *loop, uv_timer_t *t)
{
	struct timer *v = find(NULL);

	t->loop = loop;
	*v = (struct timer){ .t = t };
	return 0;
}

int __wrap_uv_timer_start(uv_timer_t *t, uv_timer_cb cb, uint64_t ms, uint64_t repeat)
{
	struct timer *v = find(t);

	assert(!v->closing);
	v->cb = cb;
	v->due_ms = now_ms + ms;
	v->repeat_ms = repeat;
	v->running = true;
	return 0;
}

int __wrap_uv_timer_stop(uv_timer_t *t)
{
	find(t)->running = false;
	return 0;
}

void __wrap_uv_close(uv_handle_t *h, uv_close_cb cb)
{
	struct timer *v = find((uv_timer_t *)h);

	v->running = false;
	v->closing = true;
	v->close_cb = cb;
}

uint64_t __wrap_uv_now(const uv_loop_t *loop)
{
	return now_ms;
}

int __wrap_uv_is_active(const uv_handle_t *h)
{
	return find((const uv_timer_t *)h)->running;
}

uint64_t __wrap_uv_timer_get_due_in(const uv_timer_t *t)
{
	const struct timer *v = find(t);

	return v->running && v->due_ms > now_ms ? v->due_ms - now_ms : 0;
}

static void close_all(void)
{
	for (size_t i = 0; i < TIMERS_MAX; i++) {
		struct timer v = timers[i];

		if (!v.t || !v.closing)
			continue;
		timers[i].t = NULL;
		if (v.close_cb)
			v.close_cb((uv_handle_t *)v.t);
	}
}

static struct timer *first_due(void)
{
	struct timer *first = NULL;

	for (size_t i = 0; i < TIMERS_MAX; i++) {
		struct timer *v = &timers[i];

		if (v->t && v->running && (!first || v->due_ms < first->due_ms))
			first = v;
	}
	return first;
}

static void fire(struct timer *v)
{
	if (v->due_ms > now_ms)
		now_ms = v->due_ms;
	if (v->repeat_ms)
		v->due_ms = now_ms + v->repeat_ms;
	else
		v->running = false;
	v->cb(v->t);
	close_all();
}

void virtual_advance(uint64_t ms)
{
	uint64_t until = now_ms + ms;
	struct timer *v;

	close_all();
	while ((v = first_due()) != NULL && v->due_ms <= until)
		fire(v);
	now_ms = until;
}

bool virtual_next(void)
{
	struct timer *v;

	close_all();
	v = first_due();
	if (v)
		fire(v);
	return v != NULL;
}
