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
	int master;
	char path[64]; /* of the slave */
	uv_poll_t poll;
	bool polled;
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
}

static inline void wire_on_poll(uv_poll_t *h, int status, int events)
{
	struct wire *w = h->data;
	ssize_t n = read(w->master, w->got + w->n, sizeof(w->got) - 1 - w->n);

	(void)events;
	if (status < 0 || (n < 0 && errno == EIO)) {
		uv_poll_stop(h); /* nobody has the slave open */
		return;
	}
	if (n <= 0)
		return;
	w->n += (size_t)n;
	w->got[w->n] = '\0';
	if (w->heard)
		w->heard(w);
}

static inline void wire_listen(struct wire *w, uv_loop_t *loop)
{
	if (!w->polled && uv_poll_init(loop, &w->poll, w->master) < 0)
		abort();
	w->polled = true;
	w->poll.data = w;
	uv_poll_start(&w->poll, UV_READABLE, wire_on_poll);
}

static inline void wire_say(struct wire *w, const void *data, size_t n)
{
	if (write(w->master, data, n) != (ssize_t)n)
		abort();
}

/* To the port this is a hang-up. */
static inline void wire_cut(struct wire *w)
{
	if (w->polled && !uv_is_closing((uv_handle_t *)&w->poll))
		uv_close((uv_handle_t *)&w->poll, NULL);
	w->polled = false;
	if (w->master >= 0)
		close(w->master);
	w->master = -1;
}

/* ---- run the loop until something is so; a test that waits in vain fails, it does not hang ---- */

static inline void wire_too_late(uv_timer_t *t)
{
	t->data = NULL;
}

static inline void wire_guard_closed(uv_handle_t *h)
{
	free(h);
}

static inline bool wire_wait(uv_loop_t *loop, bool (*so)(void *arg), void *arg)
{
	uv_timer_t *guard = malloc(sizeof(*guard));
	bool late;

	if (!guard || uv_timer_init(loop, guard) < 0)
		abort();
	guard->data = guard;
	uv_timer_start(guard, wire_too_late, 20000, 0);
	while (!so(arg) && guard->data)
		uv_run(loop, UV_RUN_ONCE);
	late = !guard->data;
	uv_close((uv_handle_t *)guard, wire_guard_closed);
	return !late;
}

#endif
