/* SPDX-License-Identifier: Apache-2.0 */
/* finder_watch.c -- see finder_watch.h. */
#include "drivers/modem/finder_watch.h"

#include <errno.h>
#include <limits.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#define KERNEL_EVENTS 1 /* group of NETLINK_KOBJECT_UEVENT; udev's own (2) come later and say no more to us */

struct source {
	uv_poll_t poll;
	int fd; /* -1: there is none */
};

struct watch {
	void (*changed)(void *arg);
	void *arg;
	bool stopped;
	unsigned n_open;
	struct source notify, kernel;
};

static void on_notify(uv_poll_t *h, int status, int events)
{
	struct watch *w = h->data;
	char buf[4096];
	bool any = false;

	(void)status;
	(void)events;
	while (read(w->notify.fd, buf, sizeof(buf)) > 0)
		any = true;
	if (any && !w->stopped)
		w->changed(w->arg);
}

/* "add@/devices/…\0ACTION=add\0SUBSYSTEM=tty\0…" */
static bool is_of_a_tty(const char *text, size_t n)
{
	const char *end = text + n;

	for (; text < end; text += strlen(text) + 1)
		if (strcmp(text, "SUBSYSTEM=tty") == 0)
			return true;
	return false;
}

static void on_kernel(uv_poll_t *h, int status, int events)
{
	struct watch *w = h->data;
	struct sockaddr_nl from;
	socklen_t n_from = sizeof(from);
	char buf[8192];
	bool any = false;
	ssize_t n;

	(void)status;
	(void)events;
	while ((n = recvfrom(w->kernel.fd, buf, sizeof(buf) - 1, 0, (struct sockaddr *)&from, &n_from)) > 0) {
		buf[n] = '\0';
		any |= from.nl_pid == 0 && is_of_a_tty(buf, (size_t)n); /* the kernel, not a process that plays it */
		n_from = sizeof(from);
	}
	any |= n < 0 && errno == ENOBUFS; /* some were lost */
	if (any && !w->stopped)
		w->changed(w->arg);
}

static void begin(struct watch *w, struct source *s, uv_loop_t *loop, uv_poll_cb cb)
{
	if (s->fd < 0)
		return;
	if (uv_poll_init(loop, &s->poll, s->fd) < 0) {
		close(s->fd);
		s->fd = -1;
		return;
	}
	s->poll.data = w;
	w->n_open++;
	uv_poll_start(&s->poll, UV_READABLE, cb);
}

static int kernel_socket(void)
{
	const struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_groups = KERNEL_EVENTS };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int watch_new(uv_loop_t *loop, void (*changed)(void *arg), void *arg, struct watch **ret)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->changed = changed;
	w->arg = arg;
	w->notify.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	w->kernel.fd = kernel_socket();
	begin(w, &w->notify, loop, on_notify);
	begin(w, &w->kernel, loop, on_kernel);
	*ret = w;
	return 0;
}

void watch_folder_of(struct watch *w, const char *path)
{
	char dir[PATH_MAX], *slash;
	size_t n = strcspn(path, "*?[");

	if (w->notify.fd < 0 || n == 0 || n >= sizeof(dir))
		return;
	memcpy(dir, path, n);
	dir[n] = '\0';
	while ((slash = strrchr(dir, '/'))) {
		slash[slash == dir] = '\0';
		/* IN_ATTRIB: udev gives the port to its group a moment after it is there. */
		if (inotify_add_watch(w->notify.fd, dir, IN_CREATE | IN_DELETE | IN_MOVE | IN_ATTRIB | IN_ONLYDIR) >= 0)
			return;
		if (slash == dir)
			return;
	}
}

static void on_closed(uv_handle_t *h)
{
	struct watch *w = h->data;

	if (--w->n_open > 0)
		return;
	if (w->notify.fd >= 0)
		close(w->notify.fd);
	if (w->kernel.fd >= 0)
		close(w->kernel.fd);
	free(w);
}

void watch_stop(struct watch *w)
{
	w->stopped = true;
	if (w->n_open == 0) {
		free(w);
		return;
	}
	if (w->notify.fd >= 0)
		uv_close((uv_handle_t *)&w->notify.poll, on_closed);
	if (w->kernel.fd >= 0)
		uv_close((uv_handle_t *)&w->kernel.poll, on_closed);
}
