/* SPDX-License-Identifier: Apache-2.0
 *
 * early_answer.c -- the gateway as it must not be: it says 202 before the disk has the message.
 *
 * posthornd-early is posthornd, linked from the same objects with -Wl,--wrap=queue_add and this file.  It
 * exists for one purpose: kill9_can_fail.py runs the kill -9 audit against it and demands that messages are
 * missed.  An audit that finds nothing wrong with this program would find nothing wrong with any.
 *
 * The real queue_add() gets a batch of our own, and works as always; the caller hears done(b, 0) from an idle
 * handle, which libuv runs before the prepare handle that gives what was staged to the writer: always before
 * the commit. Batches with an idempotency key or a stream's progress lend more than they say and are passed
 * on untouched.
 */
#include <errno.h>
#include <stdlib.h>

#include "queue/queue_impl.h"

int __real_queue_add(struct queue *q, struct queue_batch *b);
int __wrap_queue_add(struct queue *q, struct queue_batch *b);

bool early_answers = true; /* points.c has it false until it is told otherwise */

struct early {
	struct queue_batch own;
	struct queue_batch *caller; /* NULL: it has its answer */
	bool committed;
	uv_idle_t idle;
};

static void idle_closed(uv_handle_t *h)
{
	struct early *e = h->data;

	h->data = NULL;
	if (e->committed)
		free(e);
}

static void answer(uv_idle_t *idle)
{
	struct early *e = idle->data;
	struct queue_batch *b = e->caller;

	e->caller = NULL;
	uv_close((uv_handle_t *)idle, idle_closed);
	b->done(b, 0);
}

/* On disk at last (or not): nobody is told. */
static void committed(struct queue_batch *own, int r)
{
	struct early *e = own->arg;

	(void)r;
	e->committed = true;
	if (!e->idle.data)
		free(e);
}

int __wrap_queue_add(struct queue *q, struct queue_batch *b)
{
	struct early *e;
	int r;

	if (!early_answers || b->idem || b->progress || !b->n)
		return __real_queue_add(q, b);
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->own = *b;
	e->own.done = committed;
	e->own.arg = e;
	r = __real_queue_add(q, &e->own);
	if (r < 0) {
		free(e);
		return r;
	}
	e->caller = b;
	uv_idle_init(q->loop, &e->idle);
	e->idle.data = e;
	uv_idle_start(&e->idle, answer);
	return 0;
}
