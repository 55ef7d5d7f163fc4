/* SPDX-License-Identifier: Apache-2.0 */
/* port.c -- see port.h.
 *
 * A tty is opened in steps, by a thread of the pool, since each of them may wait for a device that hangs:
 *
 *  1. our own open() with O_NONBLOCK (no waiting for a carrier), flock(), a look whether somebody has made it
 *     exclusive.  Only a port that is ours by then is touched: whoever has it would lose his settings else;
 *  2. libserialport opens it and sets it up.  Where it cannot (not in sysfs, no modem lines) we set raw termios;
 *  3. what libserialport leaves open: VMIN 1, so that a read of 0 octets means "hung up" and nothing else; CLOCAL,
 *     since a modem without a call has no carrier; not HUPCL, so that a restart of the gateway does not drop DTR, at
 *     which some modems reset and lose the network; DTR and RTS raised; nothing old in the buffers.
 *
 * close() is the thread's too.  The lock is given up before, on the loop, so that the port may be opened again at once.
 *
 * TCP is the stream of the HTTP server and of SMPP, with telnet taken out.  Nobody hangs up there when the wire is cut:
 * TCP's keepalive has to notice. */
#include <config.h>

#include "drivers/modem/port.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include <libserialport.h>

#include "base/buf.h"
#include "base/conf_form.h"
#include "base/stream.h"
#include "drivers/modem/port_owner.h"
#include "drivers/modem/telnet.h"

#define BAUD_DEFAULT 115200
#define READ_SIZE    4096
#define READS_MAX    8     /* of one turn: a port that babbles must not have the loop for itself */
#define KEEPALIVE_S  15
#define PATH_SIZE    256

enum state { OPENING, OPEN, ENDED, CLOSED }; /* ENDED: gone() is on its way, or came */

/* What the thread works on: it must not see the port itself, which the loop may change. */
struct job {
	uv_work_t work;
	char path[PATH_SIZE];
	unsigned baud;
	bool rtscts, closing;
	bool pty; /* TIOCEXCL outlives who set it there, and would hold for ever after a crash: flock() must do */
	int fd, err;
	struct sp_port *sp; /* NULL: not by libserialport */
	char why[PORT_WHY_MAX];
};

struct port {
	uv_loop_t *loop;
	const struct port_ops *ops;
	void *arg;
	enum state state;
	unsigned chunk, gap_ms;
	bool working, told_gone, pausing;
	bool polled;        /* `poll` is in use */
	unsigned n_handles; /* of libuv, not closed yet */
	uv_timer_t timer;   /* paces what is written, and brings what must not come from inside a call */
	uv_poll_t poll;
	struct job job;
	struct buf out;
	/* tcp: */
	struct stream_loop *streams;
	struct stream *stream;
	struct telnet telnet;
	int err;
	char why[PORT_WHY_MAX];
};

/* ---- the thread: open, set up, close --------------------------------------------------------------------- */

static int fail(struct job *j, int err, const char *what)
{
	j->err = err;
	snprintf(j->why, sizeof(j->why), "%s: %s (%s)", j->path, what, strerror(-err));
	return err;
}

static int busy(struct job *j, pid_t pid)
{
	port_say_busy(j->path, pid, j->why, sizeof(j->why));
	return j->err = -EBUSY;
}

static int open_failed(struct job *j, int err)
{
	switch (err) {
	case EBUSY: return busy(j, 0);
	case EACCES:
	case EPERM:
		port_say_denied(j->path, j->why, sizeof(j->why));
		return j->err = -EACCES;
	case ENOENT:
	case ENXIO:
	case ENODEV: return fail(j, -ENOENT, "the port went away while it was opened");
	default: return fail(j, -err, "cannot be opened");
	}
}

/* Step 1.  The descriptor, with its lock. */
static int open_locked(struct job *j)
{
	pid_t pid = port_lock_file_owner(j->path);
	int exclusive = 0, fd, r = 0;

	if (pid)
		return busy(j, pid);
	fd = open(j->path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return open_failed(j, errno);
	/* Root may open what is exclusive, so ask. */
	if (!isatty(fd))
		r = fail(j, -ENOTTY, errno == EIO ? "no hardware behind this port" : "not a serial port");
	else if (flock(fd, LOCK_EX | LOCK_NB) < 0 || (!j->pty && ioctl(fd, TIOCGEXCL, &exclusive) == 0 && exclusive))
		r = busy(j, 0);
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

static speed_t speed_of(unsigned baud)
{
	static const struct {
		unsigned baud;
		speed_t speed;
	} speeds[] = {
		{ 1200, B1200 }, { 2400, B2400 }, { 4800, B4800 }, { 9600, B9600 }, { 19200, B19200 }, { 38400, B38400 },
		{ 57600, B57600 }, { 115200, B115200 }, { 230400, B230400 }, { 460800, B460800 }, { 921600, B921600 },
	};

	for (size_t i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++)
		if (speeds[i].baud == baud)
			return speeds[i].speed;
	return B115200;
}

static bool sp_settings(struct sp_port *sp, const struct job *j)
{
	return sp_set_baudrate(sp, (int)j->baud) == SP_OK && sp_set_bits(sp, 8) == SP_OK &&
		sp_set_parity(sp, SP_PARITY_NONE) == SP_OK && sp_set_stopbits(sp, 1) == SP_OK &&
		sp_set_flowcontrol(sp, j->rtscts ? SP_FLOWCONTROL_RTSCTS : SP_FLOWCONTROL_NONE) == SP_OK;
}

/* Step 2, by libserialport.  False: it cannot have this one. */
static bool open_sp(struct job *j)
{
	struct sp_port *sp;

	if (sp_get_port_by_name(j->path, &sp) != SP_OK)
		return false;
	if (sp_open(sp, SP_MODE_READ_WRITE) != SP_OK) {
		sp_free_port(sp);
		return false;
	}
	if (!sp_settings(sp, j) || sp_get_port_handle(sp, &j->fd) != SP_OK) {
		sp_close(sp);
		sp_free_port(sp);
		j->fd = -1;
		return false;
	}
	j->sp = sp;
	return true;
}

/* Steps 2, without it, and 3. */
static int set_up(struct job *j)
{
	int lines = TIOCM_DTR | TIOCM_RTS;
	struct termios t;

	if (tcgetattr(j->fd, &t) < 0)
		return -errno;
	if (!j->sp) {
		cfmakeraw(&t);
		cfsetspeed(&t, speed_of(j->baud));
		t.c_cflag &= ~(tcflag_t)(CSTOPB | CRTSCTS);
		t.c_cflag |= j->rtscts ? CRTSCTS : 0;
	}
	t.c_cflag &= ~(tcflag_t)HUPCL;
	t.c_cflag |= CLOCAL | CREAD;
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	if (tcsetattr(j->fd, TCSANOW, &t) < 0)
		return -errno;
	(void)ioctl(j->fd, TIOCMBIS, &lines); /* a pseudo terminal has none */
	(void)tcflush(j->fd, TCIOFLUSH);
	(void)fcntl(j->fd, F_SETFD, FD_CLOEXEC);
	return !j->pty && ioctl(j->fd, TIOCEXCL) < 0 ? -errno : 0;
}

static void close_fd(struct job *j)
{
	if (j->sp) {
		sp_close(j->sp);
		sp_free_port(j->sp);
	} else if (j->fd >= 0) {
		close(j->fd);
	}
	j->sp = NULL;
	j->fd = -1;
}

static void open_in_thread(struct job *j)
{
	int fd = open_locked(j), r;

	if (fd < 0)
		return;
	if (open_sp(j)) {
		/* Its own descriptor.  The first one's lock would keep it out, and ends with it. */
		close(fd);
		if (flock(j->fd, LOCK_EX | LOCK_NB) < 0) {
			busy(j, 0);
			close_fd(j);
			return;
		}
	} else {
		j->fd = fd;
	}
	r = set_up(j);
	if (r < 0) {
		fail(j, r, r == -EIO ? "no hardware behind this port, or it does not answer" : "cannot be set up");
		close_fd(j);
	}
}

static void work(uv_work_t *w)
{
	struct job *j = (struct job *)w;

	if (j->closing)
		close_fd(j);
	else
		open_in_thread(j);
}

/* ---- how a port ends ------------------------------------------------------------------------------------- */

static void on_work_done(uv_work_t *w, int status);
static void on_timer(uv_timer_t *t);

static void free_port(struct port *p)
{
	buf_done(&p->out);
	free(p);
}

/* Nothing of libuv is left but the descriptor. */
static void on_handle_closed(uv_handle_t *h)
{
	struct port *p = h->data;

	if (--p->n_handles > 0)
		return;
	if (p->streams)
		stream_loop_stop(p->streams);
	p->job.closing = true;
	/* Without memory for a thread: then it is closed here. */
	if (p->job.fd < 0 || uv_queue_work(p->loop, &p->job.work, work, on_work_done) < 0) {
		close_fd(&p->job);
		free_port(p);
	}
}

static void close_handles(struct port *p)
{
	uv_close((uv_handle_t *)&p->timer, on_handle_closed);
	if (p->polled)
		uv_close((uv_handle_t *)&p->poll, on_handle_closed);
}

/* Somebody may have it from here on. */
static void let_go(struct port *p)
{
	if (p->job.fd < 0)
		return;
	(void)tcflush(p->job.fd, TCIOFLUSH); /* else close() waits until all is sent, 30 s with some drivers */
	(void)ioctl(p->job.fd, TIOCNXCL);
	(void)flock(p->job.fd, LOCK_UN);
}

void port_close(struct port *p)
{
	assert(p->state != CLOSED);
	p->state = CLOSED;
	if (p->working) {
		(void)uv_cancel((uv_req_t *)&p->job.work); /* on_work_done() goes on */
	} else if (p->stream) {
		stream_abort(p->stream, 0); /* on_stream_closed() goes on */
	} else {
		let_go(p);
		close_handles(p);
	}
}

/* gone() follows from the loop. */
static void end(struct port *p, int err, const char *why)
{
	if (p->state >= ENDED)
		return;
	p->state = ENDED;
	p->err = err;
	if (why != p->why)
		snprintf(p->why, sizeof(p->why), "%s", why);
	if (p->polled)
		uv_poll_stop(&p->poll);
	uv_timer_start(&p->timer, on_timer, 0, 0);
}

static void hang_up(struct port *p, int err)
{
	char why[PORT_WHY_MAX];

	if (err == 0 || err == -EBADF || err == -EIO || err == -ENXIO || err == -ENODEV)
		snprintf(why, sizeof(why), "%s hung up: unplugged, or the modem starts again", p->job.path);
	else
		snprintf(why, sizeof(why), "%s: %s", p->job.path, strerror(-err));
	end(p, err ? err : -EIO, why);
}

/* ---- writing --------------------------------------------------------------------------------------------- */

static void on_poll(uv_poll_t *h, int status, int events);

static void want(struct port *p, bool writable)
{
	if (p->stream && writable)
		stream_want_drain(p->stream);
	if (p->streams)
		return;
	uv_poll_start(&p->poll, UV_READABLE | (writable ? UV_WRITABLE : 0), on_poll);
}

/* To the kernel: as many as it takes; -errno. */
static ssize_t put(struct port *p, const uint8_t *data, size_t n)
{
	ssize_t r;

	if (p->streams) {
		r = p->stream ? stream_write(p->stream, data, n) : -EPIPE;
		return r == 0 ? (ssize_t)n : r == -ENOBUFS ? 0 : r;
	}
	do
		r = write(p->job.fd, data, n);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return errno == EAGAIN ? 0 : -errno;
	return r;
}

static void flush(struct port *p)
{
	while (buf_len(&p->out) > 0 && !p->pausing) {
		size_t n = buf_len(&p->out);
		ssize_t r;

		if (p->chunk && n > p->chunk)
			n = p->chunk;
		r = put(p, buf_data(&p->out), n);
		if (r < 0) {
			hang_up(p, (int)r);
			return;
		}
		buf_consume(&p->out, (size_t)r);
		if (r == 0) {
			want(p, true);
			return;
		}
		/* A pause behind the last one too: the next write may come at once. */
		p->pausing = p->chunk > 0;
		if (p->pausing)
			uv_timer_start(&p->timer, on_timer, p->gap_ms, 0);
	}
	want(p, false);
}

int port_write(struct port *p, const void *data, size_t n)
{
	int r;

	if (p->state != OPEN)
		return -EPIPE;
	r = buf_add(&p->out, data, n);
	if (r < 0)
		return r == -ENOSPC ? -ENOBUFS : r;
	flush(p);
	return 0;
}

/* ---- the loop's half of a tty ---------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *t)
{
	struct port *p = t->data;

	if (p->state == ENDED && !p->told_gone) {
		p->told_gone = true;
		p->ops->gone(p->arg, p->why);
	} else if (p->state == OPEN) {
		p->pausing = false;
		flush(p);
	}
}

static void read_all(struct port *p)
{
	uint8_t data[READ_SIZE];

	for (unsigned i = 0; i < READS_MAX && p->state == OPEN; i++) {
		ssize_t n = read(p->job.fd, data, sizeof(data));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			hang_up(p, n < 0 ? -errno : 0);
			return;
		}
		p->ops->read(p->arg, data, (size_t)n);
		if ((size_t)n < sizeof(data))
			return; /* the next look is the poll's */
	}
}

static void on_poll(uv_poll_t *h, int status, int events)
{
	struct port *p = h->data;

	if (p->state != OPEN)
		return;
	if (status < 0) {
		/* What came before the end is still to be read; then the end itself is. */
		read_all(p);
		if (p->state == OPEN)
			hang_up(p, status);
		return;
	}
	if (events & UV_READABLE)
		read_all(p);
	if ((events & UV_WRITABLE) && p->state == OPEN)
		flush(p);
}

static void on_opened(struct port *p)
{
	int r = uv_poll_init(p->loop, &p->poll, p->job.fd);

	if (r == 0) {
		p->poll.data = p;
		p->n_handles++;
		p->polled = true;
		p->state = OPEN;
		want(p, false);
		p->ops->opened(p->arg);
	} else {
		hang_up(p, r);
	}
}

static void on_work_done(uv_work_t *w, int status)
{
	struct port *p = w->data;

	p->working = false;
	if (p->job.closing) {
		if (status < 0)
			close_fd(&p->job);
		free_port(p);
	} else if (p->state == CLOSED) {
		let_go(p);
		close_handles(p);
	} else if (p->job.err < 0) {
		end(p, p->job.err, p->job.why);
	} else {
		on_opened(p);
	}
}

/* Is it worth a thread?  Also what it really is: 0.1.1 wants the name below /dev. */
static int look_at(struct port *p, const char *name, char why[static PORT_WHY_MAX])
{
	char *real = realpath(name, NULL);
	struct stat st;
	int r = 0;

	if (!real || stat(real, &st) < 0) {
		r = -errno;
		snprintf(why, PORT_WHY_MAX, r == -ENOENT ? "%s is not there" : "%s: %s", name, strerror(-r));
	} else if (!S_ISCHR(st.st_mode)) {
		r = -ENOTTY;
		snprintf(why, PORT_WHY_MAX, "%s is a %s, not a serial port", name,
			S_ISREG(st.st_mode) ? "file" : S_ISDIR(st.st_mode) ? "folder" : "thing of another kind");
	} else if (strlen(real) >= sizeof(p->job.path)) {
		r = -ENAMETOOLONG;
		snprintf(why, PORT_WHY_MAX, "the name of the port is too long");
	} else {
		snprintf(p->job.path, sizeof(p->job.path), "%s", real);
		p->job.pty = major(st.st_rdev) >= 136 && major(st.st_rdev) <= 143; /* UNIX98_PTY_SLAVE_MAJOR */
	}
	free(real);
	return r;
}

/* ---- TCP ------------------------------------------------------------------------------------------------- */

static void on_stream_open(void *arg)
{
	struct port *p = arg;

	p->state = OPEN;
	p->ops->opened(p->arg);
}

static void on_stream_read(void *arg, const uint8_t *data, size_t n)
{
	uint8_t mine[READ_SIZE], answer[TELNET_ANSWER_MAX(READ_SIZE)];
	struct port *p = arg;

	for (size_t at = 0, piece; at < n && p->state == OPEN; at += piece) {
		size_t kept, n_answer;

		piece = n - at < sizeof(mine) ? n - at : sizeof(mine);
		memcpy(mine, data + at, piece);
		kept = telnet_read(&p->telnet, mine, piece, answer, &n_answer);
		if (n_answer)
			(void)stream_write(p->stream, answer, n_answer); /* beside what is paced; a failure ends it */
		if (kept)
			p->ops->read(p->arg, mine, kept);
	}
}

static void on_stream_drain(void *arg)
{
	struct port *p = arg;

	if (p->state == OPEN)
		flush(p);
}

static void on_stream_closed(void *arg, int err)
{
	struct port *p = arg;
	bool opened = p->state == OPEN;
	char why[PORT_WHY_MAX];

	if (p->state == CLOSED) {
		p->stream = NULL;
		close_handles(p);
		return;
	}
	if (err == UV_EOF)
		snprintf(why, sizeof(why), "%s closed the connection", p->job.path);
	else
		snprintf(why, sizeof(why), "%s: %s: %s", p->job.path, opened ? "the connection broke" : "cannot connect",
			uv_strerror(err));
	p->stream = NULL;
	end(p, err == UV_EOF ? -EIO : err, why);
}

static const struct stream_ops stream_ops = {
	.on_open = on_stream_open,
	.on_read = on_stream_read,
	.on_drain = on_stream_drain,
	.on_closed = on_stream_closed,
};

bool port_is_network(const char *name)
{
	return strncmp(name, "tcp:", 4) == 0;
}

/* "tcp:HOST:PORT", "tcp:[::1]:PORT" */
static int parse_network(const char *name, char *host, size_t n_host, int *ret_port)
{
	int r = conf_form_host_port(name + 4, host, n_host, ret_port);

	return r == 0 && *ret_port == 0 ? -EINVAL : r;
}

static int open_network(struct port *p, const char *name, char why[static PORT_WHY_MAX])
{
	const struct stream_conf c = {
		.ops = &stream_ops, .arg = p, .max_out = PORT_OUT_MAX, .keepalive_s = KEEPALIVE_S,
	};
	char host[256];
	struct stream_target t = { .host = host };
	int r = parse_network(name, host, sizeof(host), &t.port);

	if (r < 0) {
		snprintf(why, PORT_WHY_MAX, "\"%s\" is not tcp:HOST:PORT", name);
		return r;
	}
	snprintf(p->job.path, sizeof(p->job.path), "%s", name);
	telnet_init(&p->telnet);
	r = stream_loop_new(p->loop, &p->streams);
	if (r == 0)
		r = stream_connect(p->streams, &t, &c, &p->stream);
	if (r < 0)
		snprintf(why, PORT_WHY_MAX, "%s: %s", name, uv_strerror(r));
	return r;
}

/* ---- opening --------------------------------------------------------------------------------------------- */

static int open_tty(struct port *p, const char *name, char why[static PORT_WHY_MAX])
{
	int r = look_at(p, name, why);

	if (r < 0)
		return r;
	p->job.work.data = p;
	r = uv_queue_work(p->loop, &p->job.work, work, on_work_done);
	p->working = r == 0;
	if (r < 0)
		snprintf(why, PORT_WHY_MAX, "%s: %s", name, uv_strerror(r));
	return r;
}

int port_open(uv_loop_t *loop, const struct port_conf *c, const struct port_ops *ops, void *arg, struct port **ret,
	char why[static PORT_WHY_MAX])
{
	struct port *p = calloc(1, sizeof(*p));
	int r;

	if (!p) {
		snprintf(why, PORT_WHY_MAX, "no memory");
		return -ENOMEM;
	}
	*p = (struct port){ .loop = loop, .ops = ops, .arg = arg, .chunk = c->chunk, .gap_ms = c->gap_ms };
	p->job.fd = -1;
	p->job.baud = c->baud ? c->baud : BAUD_DEFAULT;
	p->job.rtscts = c->rtscts;
	buf_init(&p->out, PORT_OUT_MAX);
	uv_timer_init(loop, &p->timer);
	p->timer.data = p;
	p->n_handles = 1;
	r = port_is_network(c->name) ? open_network(p, c->name, why) : open_tty(p, c->name, why);
	if (r < 0) {
		p->state = CLOSED;
		close_handles(p);
		return r;
	}
	*ret = p;
	return 0;
}

void port_set_pace(struct port *p, unsigned chunk, unsigned gap_ms)
{
	p->chunk = chunk;
	p->gap_ms = gap_ms;
}

int port_error(const struct port *p)
{
	return p->err;
}

const char *port_path(const struct port *p)
{
	return p->job.path;
}
