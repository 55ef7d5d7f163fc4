/* SPDX-License-Identifier: Apache-2.0 */
/* modem_port.c -- ptys and TCP ports, and the faults of the line between them and the host.
 *
 * A pty's slave stays open here as well, or its master would report a hang-up whenever no client is there.  Who else
 * has it open is told by inotify; while nobody has, the modem's octets go nowhere, as those of an unopened USB port do.
 * Unplugging closes both ends: the client sees the end of file or EIO that a pulled cable gives.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "modem_sim.h"

/* The handle outlives the port's descriptor until the loop has let go of it. */
struct port_watch {
	uv_poll_t poll;
	struct modem_port *p;
	bool listens;
};

static void on_port(uv_poll_t *h, int status, int events);
static void drain_inotify(struct modem_sim *sim);

static void on_watch_closed(uv_handle_t *h)
{
	free(h->data);
}

static struct port_watch *watch_new(struct modem_port *p, int fd, bool listens)
{
	struct port_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->p = p;
	w->listens = listens;
	w->poll.data = w;
	if (uv_poll_init(&p->m->sim->loop, &w->poll, fd) < 0) {
		free(w);
		return NULL;
	}
	uv_poll_start(&w->poll, UV_READABLE, on_port);
	return w;
}

static void watch_free(struct port_watch *w)
{
	if (!w)
		return;
	uv_poll_stop(&w->poll);
	uv_close((uv_handle_t *)&w->poll, on_watch_closed);
}

static void want(struct modem_port *p, int events)
{
	if (p->watch)
		uv_poll_start(&p->watch->poll, events, on_port);
}

struct modem_port *modem_port_new(struct modem *m, const char *name, enum modem_role role)
{
	struct modem_port *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->m = m;
	p->role = role;
	snprintf(p->name, sizeof(p->name), "%s", name);
	p->fd = p->keep = p->listener = p->inotify = -1;
	modem_at_reset(p);
	return p;
}

/* As udev does: the link appears whole or not at all. */
static int make_link(struct modem_port *p)
{
	char fresh[300];

	snprintf(fresh, sizeof(fresh), "%s.new", p->link);
	unlink(fresh);
	if (symlink(p->device, fresh) < 0 || rename(fresh, p->link) < 0)
		return -errno;
	return 0;
}

static int plug_pty(struct modem_port *p)
{
	struct termios t;
	int r;

	p->fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (p->fd < 0 || grantpt(p->fd) < 0 || unlockpt(p->fd) < 0 || ptsname_r(p->fd, p->device, sizeof(p->device)))
		return -errno;
	p->keep = open(p->device, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (p->keep < 0 || tcgetattr(p->keep, &t) < 0)
		return -errno;
	cfmakeraw(&t);
	cfsetspeed(&t, B9600);
	tcsetattr(p->keep, TCSANOW, &t);
	p->inotify = inotify_add_watch(p->m->sim->inotify, p->device, IN_OPEN | IN_CLOSE);
	p->openers = 0;
	p->watch = watch_new(p, p->fd, false);
	if (!p->watch)
		return -ENOMEM;
	r = make_link(p);
	return r;
}

static int plug_tcp(struct modem_port *p)
{
	socklen_t n = sizeof(p->addr);
	int one = 1;

	p->listener = socket(p->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->listener < 0)
		return -errno;
	setsockopt(p->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(p->listener, (struct sockaddr *)&p->addr, n) < 0 || listen(p->listener, 4) < 0 ||
		getsockname(p->listener, (struct sockaddr *)&p->addr, &n) < 0)
		return -errno;
	p->listen_watch = watch_new(p, p->listener, true);
	return p->listen_watch ? 0 : -ENOMEM;
}

int modem_port_plug(struct modem_port *p)
{
	int r;

	if (p->plugged)
		return 0;
	p->plugged = true;
	r = p->tcp ? plug_tcp(p) : plug_pty(p);
	if (r < 0)
		modem_port_unplug(p);
	return r;
}

static void hang_up(struct modem_port *p)
{
	watch_free(p->watch);
	p->watch = NULL;
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	p->n_out = 0;
	p->openers = 0;
}

void modem_port_unplug(struct modem_port *p)
{
	if (!p->plugged)
		return;
	p->plugged = false;
	if (p->inotify >= 0)
		inotify_rm_watch(p->m->sim->inotify, p->inotify);
	p->inotify = -1;
	if (p->keep >= 0)
		close(p->keep);
	p->keep = -1;
	hang_up(p);
	watch_free(p->listen_watch);
	p->listen_watch = NULL;
	if (p->listener >= 0)
		close(p->listener);
	p->listener = -1;
	if (*p->link)
		unlink(p->link);
	modem_at_reset(p);
}

void modem_port_free(struct modem_port *p)
{
	if (!p)
		return;
	if (p->dirty)
		TAILQ_REMOVE(&p->m->sim->dirty, p, dirty_entry);
	modem_port_unplug(p);
	free(p);
}

/* "12.345 sim0-at > AT+CSQ\r": `>` goes to the modem, `<` comes from it; after the faults of the line. */
static void trace(struct modem_port *p, char direction, const char *s, size_t n)
{
	FILE *f = p->m->sim->trace;
	uint64_t ms = p->m->sim->now_ms - p->m->sim->start_ms;

	if (!f || n == 0)
		return;
	fprintf(f, "%llu.%03u %s-%s %c ", (unsigned long long)(ms / 1000), (unsigned)(ms % 1000), p->m->name, p->name,
		direction);
	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)s[i];

		if (c == '\r' || c == '\n')
			fprintf(f, "\\%c", c == '\r' ? 'r' : 'n');
		else if (c < ' ' || c > '~' || c == '\\')
			fprintf(f, "\\x%02x", c);
		else
			putc(c, f);
	}
	putc('\n', f);
}

/* A client came: what the silent modem would say again it says now. */
static void opened(struct modem_port *p)
{
	p->m->counts.opens++;
	if (p->m->silent_reopen) {
		p->m->silent_reopen = false;
		modem_silence(p->m, 0);
	}
}

static void on_accept(struct modem_port *p)
{
	int fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), one = 1;

	if (fd < 0)
		return;
	if (p->fd >= 0) { /* one at a time: the newer wins, as terminal servers can be set to do */
		hang_up(p);
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	p->fd = fd;
	p->openers = 1;
	p->n_line = p->n_held = 0;
	p->prompt = false;
	p->watch = watch_new(p, fd, false);
	opened(p);
}

static speed_t speed_of(uint32_t baud)
{
	static const struct {
		uint32_t baud;
		speed_t speed;
	} speeds[] = {{9600, B9600}, {19200, B19200}, {38400, B38400}, {57600, B57600}, {115200, B115200},
		{230400, B230400}, {460800, B460800}, {921600, B921600}};

	for (size_t i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++)
		if (speeds[i].baud == baud)
			return speeds[i].speed;
	return B0;
}

/* A pty has no line, but it keeps the speed that the client has set. */
static bool wrong_speed(const struct modem_port *p)
{
	struct termios t;

	return p->m->conf.baud && p->keep >= 0 && tcgetattr(p->keep, &t) == 0 &&
	       cfgetospeed(&t) != speed_of(p->m->conf.baud);
}

static size_t lose(struct modem_sim *sim, char *s, size_t n, uint32_t ppm)
{
	size_t kept = 0;

	if (!ppm)
		return n;
	for (size_t i = 0; i < n; i++)
		if (!modem_chance(sim, ppm))
			s[kept++] = s[i];
	return kept;
}

static void scramble(struct modem_sim *sim, char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		s[i] = (char)(modem_random(sim) | 0x80);
}

static void on_octets(struct modem_port *p, char *s, size_t n)
{
	struct modem *m = p->m;

	if (!p->tcp)
		drain_inotify(m->sim); /* who opened it to write this is told in the same turn, perhaps behind us */
	if (p->role == ROLE_DIAG || m->off || modem_is_silent(m))
		return;
	if (p->prompt && m->conf.chunk && n > m->conf.chunk)
		n = m->conf.chunk;
	n = lose(m->sim, s, n, m->conf.lose_to_modem);
	trace(p, '>', s, n);
	if (wrong_speed(p)) {
		scramble(m->sim, s, n < 4 ? n : 4);
		modem_port_write(p, s, n < 4 ? n : 4);
		return;
	}
	modem_at_feed(p, s, n);
}

static void on_readable(struct modem_port *p)
{
	char buf[4096];
	ssize_t n = read(p->fd, buf, sizeof(buf));

	if (n > 0)
		on_octets(p, buf, (size_t)n);
	else if (p->tcp && (n == 0 || (errno != EAGAIN && errno != EINTR)))
		hang_up(p);
}

static void flush(struct modem_port *p)
{
	size_t done = 0;

	while (done < p->n_out && p->fd >= 0) {
		ssize_t n = write(p->fd, p->out + done, p->n_out - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	memmove(p->out, p->out + done, p->n_out - done);
	p->n_out -= done;
	want(p, p->n_out > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

static void on_port(uv_poll_t *h, int status, int events)
{
	struct port_watch *w = h->data;
	struct modem_port *p = w->p;

	modem_clock(p->m->sim);
	if (w->listens) {
		on_accept(p);
		return;
	}
	if (status < 0) {
		if (p->tcp)
			hang_up(p);
		return;
	}
	if (events & UV_READABLE)
		on_readable(p);
	if (events & UV_WRITABLE && p->watch == w)
		flush(p);
}

static void put(struct modem_port *p, const char *s, size_t n)
{
	if (n > OUT_CAP - p->n_out) { /* nobody reads: what a full buffer loses */
		p->m->counts.lines_lost++;
		return;
	}
	trace(p, '<', s, n);
	memcpy(p->out + p->n_out, s, n);
	p->n_out += n;
	if (!p->dirty) {
		p->dirty = true;
		TAILQ_INSERT_TAIL(&p->m->sim->dirty, p, dirty_entry);
	}
}

/* Up to eight strange octets somewhere in between. */
static void put_garbage(struct modem_port *p, const char *s, size_t n)
{
	size_t at = (size_t)(modem_random(p->m->sim) % (n + 1));
	char strange[8];
	size_t n_strange = 1 + (size_t)(modem_random(p->m->sim) % sizeof(strange));

	scramble(p->m->sim, strange, n_strange);
	put(p, s, at);
	put(p, strange, n_strange);
	put(p, s + at, n - at);
}

void modem_port_write(struct modem_port *p, const char *s, size_t n)
{
	struct modem *m = p->m;
	char copy[OUT_CAP];

	if (p->fd < 0 || p->openers == 0 || n == 0 || n > sizeof(copy) || modem_is_silent(m))
		return;
	if (m->conf.lose_to_host) {
		memcpy(copy, s, n);
		n = lose(m->sim, copy, n, m->conf.lose_to_host);
		s = copy;
	}
	if (modem_chance(m->sim, m->conf.garbage))
		put_garbage(p, s, n);
	else
		put(p, s, n);
}

void modem_ports_flush(struct modem_sim *sim)
{
	struct modem_port *p;

	while ((p = TAILQ_FIRST(&sim->dirty))) {
		TAILQ_REMOVE(&sim->dirty, p, dirty_entry);
		p->dirty = false;
		if (p->fd >= 0)
			flush(p);
	}
}

static struct modem_port *port_of_watch(struct modem_sim *sim, int wd)
{
	for (unsigned i = 0; i < sim->n_modems; i++)
		for (unsigned j = 0; j < sim->modems[i]->n_ports; j++)
			if (sim->modems[i]->ports[j]->inotify == wd)
				return sim->modems[i]->ports[j];
	return NULL;
}

static void on_opening(struct modem_port *p, uint32_t mask)
{
	if (mask & IN_OPEN) {
		p->openers++;
		opened(p);
	} else if (p->openers > 0 && --p->openers == 0) {
		p->n_out = 0;
		tcflush(p->keep, TCIFLUSH); /* what it has not read; the next one may have written already */
		p->prompt = false; /* DTR falls: the entry is over */
		p->n_line = 0;
	}
}

static void drain_inotify(struct modem_sim *sim)
{
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	while ((n = read(sim->inotify, buf, sizeof(buf))) > 0) {
		for (char *at = buf; at < buf + n;) {
			const struct inotify_event *e = (const struct inotify_event *)(void *)at;
			struct modem_port *p = port_of_watch(sim, e->wd);

			if (p && e->mask & (IN_OPEN | IN_CLOSE))
				on_opening(p, e->mask);
			at += sizeof(*e) + e->len;
		}
	}
}

static void on_inotify(uv_poll_t *h, int status, int events)
{
	modem_clock(h->data);
	drain_inotify(h->data);
}

int modem_ports_init(struct modem_sim *sim)
{
	int r;

	TAILQ_INIT(&sim->dirty);
	sim->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (sim->inotify < 0)
		return -errno;
	r = uv_poll_init(&sim->loop, &sim->inotify_poll, sim->inotify);
	sim->inotify_poll.data = sim;
	return r < 0 ? r : uv_poll_start(&sim->inotify_poll, UV_READABLE, on_inotify);
}

void modem_ports_done(struct modem_sim *sim)
{
	if (sim->inotify >= 0)
		close(sim->inotify);
	sim->inotify = -1;
}
