/* SPDX-License-Identifier: Apache-2.0 */
/* modem_wire.h -- a pseudo terminal under a loop, for tests of what sits on a serial port. */
#ifndef TESTS_MODEM_WIRE_H
#define TESTS_MODEM_WIRE_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include <uv.h>

/* The far end of a port: what it reads is kept. */
struct wire {
	int master, keep; /* keep: the slave, so that the master hears no end with each client */
	char path[64]; /* of the slave */
	uv_poll_t *poll; /* NULL: nobody listens */
	size_t n;
	uint8_t got[1 << 17];
	/* Called with each read, may be NULL. */
	void (*heard)(struct wire *w);
	void *arg;
};

static inline void wire_open(struct wire *w)
{
	memset(w, 0, sizeof(*w));
	w->master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (w->master < 0 || grantpt(w->master) < 0 || unlockpt(w->master) < 0 ||
		ptsname_r(w->master, w->path, sizeof(w->path)) != 0)
		abort();
	w->keep = open(w->path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (w->keep < 0)
		abort();
}

static inline void wire_on_poll(uv_poll_t *h, int status, int events)
{
	struct wire *w = h->data;
	ssize_t n = read(w->master, w->got + w->n, sizeof(w->got) - 1 - w->n);

	(void)events;
	(void)status;
	if (n <= 0)
		return;
	w->n += (size_t)n;
	w->got[w->n] = '\0';
	if (w->heard)
		w->heard(w);
}

static inline void wire_listen(struct wire *w, uv_loop_t *loop)
{
	if (!w->poll) {
		w->poll = malloc(sizeof(*w->poll));
		if (!w->poll || uv_poll_init(loop, w->poll, w->master) < 0)
			abort();
	}
	w->poll->data = w;
	uv_poll_start(w->poll, UV_READABLE, wire_on_poll);
}

static inline void wire_say(struct wire *w, const void *data, size_t n)
{
	if (write(w->master, data, n) != (ssize_t)n)
		abort();
}

static inline void wire_poll_closed(uv_handle_t *h)
{
	free(h);
}

/* To the port this is a hang-up. */
static inline void wire_cut(struct wire *w)
{
	if (w->poll)
		uv_close((uv_handle_t *)w->poll, wire_poll_closed);
	w->poll = NULL;
	if (w->master >= 0) {
		close(w->master);
		close(w->keep);
	}
	w->master = -1;
}

/* ---- run the loop until something is so; a test that waits in vain fails, it does not hang ---- */

struct wire_guard {
	uv_timer_t timer;
	uv_prepare_t prepare;
	bool (*so)(void *arg);
	void *arg;
	bool late;
	unsigned closed;
};

static inline void wire_too_late(uv_timer_t *t)
{
	((struct wire_guard *)t->data)->late = true;
	uv_stop(t->loop);
}

/* Just before the loop would sleep: what a timer brought is seen at once. */
static inline void wire_look(uv_prepare_t *p)
{
	struct wire_guard *g = p->data;

	if (g->so(g->arg))
		uv_stop(p->loop);
}

static inline void wire_guard_closed(uv_handle_t *h)
{
	struct wire_guard *g = h->data;

	if (++g->closed == 2)
		free(g);
}

static inline bool wire_wait(uv_loop_t *loop, bool (*so)(void *arg), void *arg)
{
	struct wire_guard *g = calloc(1, sizeof(*g));
	bool late;

	if (!g)
		abort();
	g->so = so;
	g->arg = arg;
	g->timer.data = g->prepare.data = g;
	uv_timer_init(loop, &g->timer);
	uv_prepare_init(loop, &g->prepare);
	uv_timer_start(&g->timer, wire_too_late, 20000, 0);
	uv_prepare_start(&g->prepare, wire_look);
	if (!so(arg))
		uv_run(loop, UV_RUN_DEFAULT);
	late = g->late && !so(arg);
	uv_close((uv_handle_t *)&g->timer, wire_guard_closed);
	uv_close((uv_handle_t *)&g->prepare, wire_guard_closed);
	return !late;
}

#endif
