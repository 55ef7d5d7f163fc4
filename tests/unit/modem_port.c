/* SPDX-License-Identifier: Apache-2.0 */
/* modem_port.c -- ports on pseudo terminals and on sockets of the loopback interface. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "drivers/modem/port.h"
#include "drivers/modem/telnet.h"
#include "tests/unit/modem_wire.h"

/* ---- a port and what it told ---- */

enum when { NEVER, IN_OPENED, IN_READ, IN_GONE };

struct seen {
	uv_loop_t loop;
	struct port *port;
	enum when close_when;
	unsigned opened, gone, closed;
	int err;
	size_t n, want;
	uint8_t got[1 << 17];
	char why[PORT_WHY_MAX];
	struct wire wire;
};

static void close_now(struct seen *s)
{
	port_close(s->port);
	s->port = NULL;
	s->closed++;
}

static void on_opened(void *arg)
{
	struct seen *s = arg;

	assert_false(s->closed);
	s->opened++;
	if (s->close_when == IN_OPENED)
		close_now(s);
}

static void on_read(void *arg, const uint8_t *data, size_t n)
{
	struct seen *s = arg;

	assert_false(s->closed || s->gone);
	assert_true(n > 0 && s->n + n < sizeof(s->got));
	memcpy(s->got + s->n, data, n);
	s->n += n;
	if (s->close_when == IN_READ)
		close_now(s);
}

static void on_gone(void *arg, const char *why)
{
	struct seen *s = arg;

	assert_false(s->closed);
	s->gone++;
	s->err = port_error(s->port);
	snprintf(s->why, sizeof(s->why), "%s", why);
	if (s->close_when == IN_GONE)
		close_now(s);
}

static const struct port_ops ops = { .opened = on_opened, .read = on_read, .gone = on_gone };

static bool is_settled(void *arg)
{
	struct seen *s = arg;

	return s->opened || s->gone;
}

static bool is_gone(void *arg)
{
	return ((struct seen *)arg)->gone > 0;
}

static bool has_read(void *arg)
{
	struct seen *s = arg;

	return s->n >= s->want;
}

static bool has_sent(void *arg)
{
	struct seen *s = arg;

	return s->wire.n >= s->want;
}

static void seen_init(struct seen *s)
{
	assert_int_equal(uv_loop_init(&s->loop), 0);
	s->wire.master = -1;
}

static struct seen *seen_new(void)
{
	struct seen *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	seen_init(s);
	return s;
}

static void open_conf(struct seen *s, const struct port_conf *c)
{
	char why[PORT_WHY_MAX];

	assert_int_equal(port_open(&s->loop, c, &ops, s, &s->port, why), 0);
	assert_false(s->opened);
	assert_true(wire_wait(&s->loop, is_settled, s));
}

static struct seen *open_wire(void)
{
	struct seen *s = seen_new();

	wire_open(&s->wire);
	wire_listen(&s->wire, &s->loop);
	open_conf(s, &(struct port_conf){ .name = s->wire.path });
	assert_string_equal(s->why, "");
	assert_int_equal(s->opened, 1);
	return s;
}

/* All ends: nothing may be left in the loop. */
static void seen_free(struct seen *s)
{
	if (s->port)
		close_now(s);
	wire_cut(&s->wire);
	uv_run(&s->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&s->loop), 0);
	free(s);
}

/* ---- ttys ---- */

static void test_octets_pass_unchanged_both_ways(void **state)
{
	struct seen *s = open_wire();
	uint8_t all[512];

	/* Also what a line discipline would take for an order: ^C, ^D, ^S, ^Z, CR, NL, 0xff. */
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (uint8_t)i;
	assert_int_equal(port_write(s->port, all, sizeof(all)), 0);
	s->want = sizeof(all);
	assert_true(wire_wait(&s->loop, has_sent, s));
	assert_memory_equal(s->wire.got, all, sizeof(all));
	wire_say(&s->wire, all, sizeof(all));
	assert_true(wire_wait(&s->loop, has_read, s));
	assert_memory_equal(s->got, all, sizeof(all));
	assert_int_equal(s->wire.n, sizeof(all)); /* no echo */
	seen_free(s);
}

static void test_a_port_is_set_up_for_a_modem(void **state)
{
	struct seen *s = open_wire();
	struct termios t;
	int fd = open(s->wire.path, O_RDWR | O_NOCTTY | O_NONBLOCK);

	if (fd < 0) /* it is exclusive, and we are not root */
		fd = dup(s->wire.master);
	assert_int_equal(tcgetattr(fd, &t), 0);
	assert_true(t.c_cflag & CLOCAL);
	assert_false(t.c_cflag & HUPCL);
	assert_false(t.c_lflag & (ICANON | ECHO | ISIG));
	assert_int_equal(t.c_cc[VMIN], 1);
	assert_int_equal(cfgetospeed(&t), B115200);
	close(fd);
	seen_free(s);
}

static void test_a_hang_up_is_told_once(void **state)
{
	struct seen *s = open_wire();

	wire_cut(&s->wire);
	assert_true(wire_wait(&s->loop, is_gone, s));
	assert_int_equal(port_write(s->port, "AT\r", 3), -EPIPE);
	while (uv_run(&s->loop, UV_RUN_NOWAIT))
		;
	assert_int_equal(s->gone, 1);
	assert_non_null(strstr(s->why, "hung up"));
	assert_true(s->err < 0);
	seen_free(s);
}

/* A hang-up that only a write notices. */
static void test_a_write_to_nobody_is_a_hang_up_from_the_loop(void **state)
{
	struct seen *s = open_wire();

	wire_cut(&s->wire);
	assert_int_equal(port_write(s->port, "AT\r", 3), 0);
	assert_false(s->gone); /* never from inside port_write() */
	assert_true(wire_wait(&s->loop, is_gone, s));
	assert_int_equal(s->gone, 1);
	seen_free(s);
}

/* Another process that has the port, as `name`; it lives until its pipe is closed. */
static pid_t occupy(const char *path, const char *name, int *ret_pipe)
{
	int ready[2], stay[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(stay), 0);
	pid = fork();
	if (pid == 0) {
		int fd = open(path, O_RDWR | O_NOCTTY);

		close(stay[1]);
		prctl(PR_SET_NAME, name);
		if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
			_exit(1);
		(void)!write(ready[1], "x", 1);
		(void)!read(stay[0], &c, 1);
		_exit(0);
	}
	close(ready[1]);
	close(stay[0]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	*ret_pipe = stay[1];
	return pid;
}

static void test_a_locked_port_is_refused_with_the_name_of_its_owner(void **state)
{
	struct seen *s = seen_new();
	int stay, status;
	pid_t pid;

	wire_open(&s->wire);
	pid = occupy(s->wire.path, "gammu-smsd", &stay);
	open_conf(s, &(struct port_conf){ .name = s->wire.path });
	assert_int_equal(s->opened, 0);
	assert_int_equal(s->err, -EBUSY);
	assert_non_null(strstr(s->why, "in use by gammu-smsd (process "));
	close_now(s);
	close(stay);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	s->gone = s->closed = 0;
	open_conf(s, &(struct port_conf){ .name = s->wire.path });
	assert_int_equal(s->opened, 1);
	seen_free(s);
}

/* Whoever has the port keeps its settings. */
static void test_a_port_that_is_refused_is_not_touched(void **state)
{
	struct seen *s = open_wire(), *other = seen_new();
	struct termios before, after;

	assert_int_equal(tcgetattr(s->wire.master, &before), 0);
	open_conf(other, &(struct port_conf){ .name = s->wire.path, .baud = 9600 });
	assert_int_equal(other->err, -EBUSY);
	assert_non_null(strstr(other->why, "another link of this gateway"));
	assert_int_equal(tcgetattr(s->wire.master, &after), 0);
	assert_int_equal(cfgetospeed(&before), cfgetospeed(&after));
	seen_free(other);
	seen_free(s);
}

static void test_a_port_can_be_opened_again_at_once(void **state)
{
	struct seen *s = open_wire();

	for (int i = 0; i < 20; i++) {
		port_close(s->port);
		s->opened = 0;
		open_conf(s, &(struct port_conf){ .name = s->wire.path });
		assert_string_equal(s->why, "");
	}
	seen_free(s);
}

static void test_a_symbolic_link_leads_to_the_port(void **state)
{
	struct seen *s = seen_new();
	char dir[] = "/tmp/modem_port.XXXXXX", name[64];

	assert_non_null(mkdtemp(dir));
	snprintf(name, sizeof(name), "%s/usb-modem-if00-port0", dir);
	wire_open(&s->wire);
	assert_int_equal(symlink(s->wire.path, name), 0);
	open_conf(s, &(struct port_conf){ .name = name });
	assert_int_equal(s->opened, 1);
	assert_string_equal(port_path(s->port), s->wire.path);
	seen_free(s);
	unlink(name);
	rmdir(dir);
}

static void test_what_is_no_port_is_refused_in_words(void **state)
{
	static const struct row {
		const char *name;
		int err;
		const char *words;
	} rows[] = {
		{ "/dev/no-such-port", -ENOENT, "/dev/no-such-port is not there" },
		{ "/etc/passwd", -ENOTTY, "/etc/passwd is a file, not a serial port" },
		{ "/tmp", -ENOTTY, "/tmp is a folder, not a serial port" },
		{ "tcp:", -EINVAL, "\"tcp:\" is not tcp:HOST:PORT" },
		{ "tcp:host", -EINVAL, "\"tcp:host\" is not tcp:HOST:PORT" },
		{ "tcp::5000", -EINVAL, "\"tcp::5000\" is not tcp:HOST:PORT" },
		{ "tcp:host:0", -EINVAL, "\"tcp:host:0\" is not tcp:HOST:PORT" },
		{ "tcp:host:65536", -EINVAL, "\"tcp:host:65536\" is not tcp:HOST:PORT" },
		{ "tcp:host:12x", -EINVAL, "\"tcp:host:12x\" is not tcp:HOST:PORT" },
	};
	struct seen *s = seen_new();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct port_conf c = { .name = rows[i].name };

		assert_int_equal(port_open(&s->loop, &c, &ops, s, &s->port, s->why), rows[i].err);
		assert_string_equal(s->why, rows[i].words);
	}
	/* Only opening it tells. */
	s->why[0] = '\0';
	open_conf(s, &(struct port_conf){ .name = "/dev/null" });
	assert_int_equal(s->err, -ENOTTY);
	assert_non_null(strstr(s->why, "not a serial port"));
	seen_free(s);
}

static void test_octets_are_paced_where_a_modem_wants_it(void **state)
{
	struct seen *s = seen_new();
	uint8_t data[200];
	uint64_t began;

	memset(data, 'A', sizeof(data));
	wire_open(&s->wire);
	open_conf(s, &(struct port_conf){ .name = s->wire.path, .chunk = 64, .gap_ms = 10 });
	began = uv_hrtime();
	assert_int_equal(port_write(s->port, data, sizeof(data)), 0);
	assert_int_equal(read(s->wire.master, s->wire.got, sizeof(s->wire.got)), 64);
	wire_listen(&s->wire, &s->loop);
	s->want = sizeof(data) - 64;
	assert_true(wire_wait(&s->loop, has_sent, s));
	/* Three pauses; the loop's clock may be one millisecond behind. */
	assert_true(uv_hrtime() - began >= 27 * 1000000u);
	/* The pause holds between two writes too. */
	assert_int_equal(port_write(s->port, data, 1), 0);
	assert_int_equal(port_write(s->port, data, 1), 0);
	s->want += 2;
	assert_true(wire_wait(&s->loop, has_sent, s));
	seen_free(s);
}

static void test_writes_are_bounded_whole_and_in_order(void **state)
{
	struct seen *s = seen_new();
	char line[32];
	unsigned n = 0;
	int r;

	wire_open(&s->wire);
	open_conf(s, &(struct port_conf){ .name = s->wire.path });
	/* Nobody reads: the kernel's buffer fills, then ours. */
	do {
		snprintf(line, sizeof(line), "line %08u\n", n);
		r = port_write(s->port, line, 14);
		n += r == 0;
	} while (r == 0 && n < 100000);
	assert_int_equal(r, -ENOBUFS);
	assert_true(n * 14 > PORT_OUT_MAX - 14);
	wire_listen(&s->wire, &s->loop);
	s->want = n * 14;
	assert_true(wire_wait(&s->loop, has_sent, s));
	for (unsigned i = 0; i < n; i++) {
		snprintf(line, sizeof(line), "line %08u\n", i);
		assert_memory_equal(s->wire.got + i * 14, line, 14);
	}
	assert_int_equal(s->wire.n, n * 14);
	seen_free(s);
}

static void test_a_port_may_be_closed_at_any_time(void **state)
{
	char why[PORT_WHY_MAX];
	struct port_conf c = { 0 };

	for (enum when w = NEVER; w <= IN_GONE; w++) {
		struct seen *s = seen_new();

		wire_open(&s->wire);
		s->close_when = w;
		c.name = s->wire.path;
		assert_int_equal(port_open(&s->loop, &c, &ops, s, &s->port, why), 0);
		if (w == NEVER) {
			seen_free(s); /* before it was open */
			continue;
		}
		assert_true(wire_wait(&s->loop, is_settled, s));
		if (w != IN_OPENED) {
			memset(s->got, 'A', PORT_OUT_MAX);
			assert_int_equal(port_write(s->port, s->got, PORT_OUT_MAX), 0); /* and unsent octets */
			wire_say(&s->wire, "\r\nRING\r\n", 8);
			if (w == IN_GONE)
				wire_cut(&s->wire);
		}
		while (!s->closed)
			uv_run(&s->loop, UV_RUN_ONCE);
		assert_int_equal(s->closed, 1);
		seen_free(s);
	}
}

/* ---- TCP ---- */

struct server {
	uv_tcp_t listener, conn;
	char name[64];
	bool connected;
	size_t n;
	uint8_t got[1 << 15];
	char buf[4096];
};

static void on_alloc(uv_handle_t *h, size_t n, uv_buf_t *ret)
{
	struct server *v = h->data;

	(void)n;
	*ret = uv_buf_init(v->buf, sizeof(v->buf));
}

static void on_server_read(uv_stream_t *st, ssize_t n, const uv_buf_t *b)
{
	struct server *v = st->data;

	if (n > 0 && v->n + (size_t)n < sizeof(v->got)) {
		memcpy(v->got + v->n, b->base, (size_t)n);
		v->n += (size_t)n;
	}
}

static void on_connection(uv_stream_t *st, int status)
{
	struct server *v = st->data;

	assert_int_equal(status, 0);
	uv_tcp_init(st->loop, &v->conn);
	v->conn.data = v;
	assert_int_equal(uv_accept(st, (uv_stream_t *)&v->conn), 0);
	uv_read_start((uv_stream_t *)&v->conn, on_alloc, on_server_read);
	v->connected = true;
}

static void server_open(struct server *v, uv_loop_t *loop, const char *host)
{
	struct sockaddr_in a;
	int n = sizeof(a);

	memset(v, 0, sizeof(*v));
	uv_ip4_addr("127.0.0.1", 0, &a);
	uv_tcp_init(loop, &v->listener);
	v->listener.data = v;
	assert_int_equal(uv_tcp_bind(&v->listener, (struct sockaddr *)&a, 0), 0);
	assert_int_equal(uv_listen((uv_stream_t *)&v->listener, 1, on_connection), 0);
	uv_tcp_getsockname(&v->listener, (struct sockaddr *)&a, &n);
	snprintf(v->name, sizeof(v->name), "tcp:%s:%u", host, ntohs(a.sin_port));
}

static void server_say(struct server *v, const char *data, size_t n)
{
	uv_buf_t b = uv_buf_init((char *)data, (unsigned)n);

	assert_int_equal(uv_try_write((uv_stream_t *)&v->conn, &b, 1), n);
}

static bool is_connected(void *arg)
{
	return ((struct server *)arg)->connected;
}

struct pair {
	struct server *v;
	size_t want;
};

static bool server_has(void *arg)
{
	struct pair *p = arg;

	return p->v->n >= p->want;
}

static void test_a_modem_behind_a_socket(void **state)
{
	struct seen *s = seen_new();
	struct server v;

	server_open(&v, &s->loop, "localhost");
	open_conf(s, &(struct port_conf){ .name = v.name });
	assert_string_equal(s->why, "");
	assert_true(wire_wait(&s->loop, is_connected, &v));
	assert_int_equal(port_write(s->port, "AT\r", 3), 0);
	assert_true(wire_wait(&s->loop, server_has, &(struct pair){ &v, 3 }));
	assert_memory_equal(v.got, "AT\r", 3);
	server_say(&v, "\r\nOK\r\n", 6);
	s->want = 6;
	assert_true(wire_wait(&s->loop, has_read, s));
	assert_memory_equal(s->got, "\r\nOK\r\n", 6);
	uv_close((uv_handle_t *)&v.conn, NULL);
	assert_true(wire_wait(&s->loop, is_gone, s));
	assert_int_equal(s->gone, 1);
	assert_non_null(strstr(s->why, "closed the connection"));
	assert_int_equal(port_write(s->port, "AT\r", 3), -EPIPE);
	uv_close((uv_handle_t *)&v.listener, NULL);
	seen_free(s);
}

static void test_a_telnet_server_is_recognised(void **state)
{
	struct seen *s = seen_new();
	struct server v;

	server_open(&v, &s->loop, "127.0.0.1");
	open_conf(s, &(struct port_conf){ .name = v.name, .chunk = 1, .gap_ms = 1 });
	assert_true(wire_wait(&s->loop, is_connected, &v));
	server_say(&v, "\xff\xfb\x01\r\nRDY\r\n", 10); /* IAC WILL ECHO */
	s->want = 7;
	assert_true(wire_wait(&s->loop, has_read, s));
	assert_memory_equal(s->got, "\r\nRDY\r\n", 7);
	/* DO BINARY, WILL BINARY, DONT ECHO */
	assert_true(wire_wait(&s->loop, server_has, &(struct pair){ &v, 9 }));
	assert_memory_equal(v.got, "\xff\xfd\x00\xff\xfb\x00\xff\xfe\x01", 9);
	assert_int_equal(port_write(s->port, "ATI\r", 4), 0);
	assert_true(wire_wait(&s->loop, server_has, &(struct pair){ &v, 13 }));
	assert_memory_equal(v.got + 9, "ATI\r", 4);
	uv_close((uv_handle_t *)&v.conn, NULL);
	uv_close((uv_handle_t *)&v.listener, NULL);
	seen_free(s);
}

static void test_writes_to_a_slow_socket_are_bounded(void **state)
{
	struct seen *s = seen_new();
	static uint8_t block[1024];
	struct server v;
	size_t n = 0;
	int r;

	server_open(&v, &s->loop, "127.0.0.1");
	open_conf(s, &(struct port_conf){ .name = v.name });
	do {
		r = port_write(s->port, block, sizeof(block));
		n += r == 0;
	} while (r == 0 && n < 1000);
	assert_int_equal(r, -ENOBUFS);
	assert_true(n >= PORT_OUT_MAX / sizeof(block) && n <= 2 * PORT_OUT_MAX / sizeof(block));
	assert_true(wire_wait(&s->loop, server_has, &(struct pair){ &v, n * sizeof(block) }));
	uv_close((uv_handle_t *)&v.conn, NULL);
	uv_close((uv_handle_t *)&v.listener, NULL);
	seen_free(s);
}

static void test_nobody_listens(void **state)
{
	struct seen *s = seen_new();
	struct server v;

	server_open(&v, &s->loop, "127.0.0.1");
	uv_close((uv_handle_t *)&v.listener, NULL);
	uv_run(&s->loop, UV_RUN_NOWAIT);
	open_conf(s, &(struct port_conf){ .name = v.name });
	assert_int_equal(s->opened, 0);
	assert_int_equal(s->err, -ECONNREFUSED);
	assert_non_null(strstr(s->why, "cannot connect"));
	seen_free(s);
}

static void test_a_socket_may_be_closed_at_any_time(void **state)
{
	for (enum when w = NEVER; w <= IN_GONE; w++) {
		struct seen *s = seen_new();
		char why[PORT_WHY_MAX];
		struct server v;

		server_open(&v, &s->loop, "127.0.0.1");
		s->close_when = w;
		assert_int_equal(port_open(&s->loop, &(struct port_conf){ .name = v.name }, &ops, s, &s->port, why), 0);
		if (w != NEVER) {
			assert_true(wire_wait(&s->loop, is_connected, &v));
			if (w != IN_OPENED)
				server_say(&v, "RING", 4);
			uv_close((uv_handle_t *)&v.conn, NULL);
			while (!s->closed)
				uv_run(&s->loop, UV_RUN_ONCE);
		}
		uv_close((uv_handle_t *)&v.listener, NULL);
		seen_free(s);
	}
}

/* ---- telnet ---- */

static void test_telnet_is_taken_out(void **state)
{
	static const struct row {
		const char *why, *in;
		size_t n_in;
		const char *out;
		size_t n_out;
		const char *answer;
		size_t n_answer;
	} rows[] = {
		{ "no telnet at all", "\r\nOK\r\n", 6, "\r\nOK\r\n", 6, "", 0 },
		{ "one octet 255 is data", "a\xff\xff" "b", 4, "a\xff" "b", 3, "", 0 },
		{ "WILL BINARY is what we ask for", "\xff\xfb\x00", 3, "", 0, "\xff\xfd\x00\xff\xfb\x00", 6 },
		{ "DO SUPPRESS-GO-AHEAD", "\xff\xfd\x03", 3, "", 0, "\xff\xfd\x00\xff\xfb\x00\xff\xfb\x03", 9 },
		{ "DO TERMINAL-TYPE is refused", "\xff\xfd\x18", 3, "", 0, "\xff\xfd\x00\xff\xfb\x00\xff\xfc\x18", 9 },
		{ "a question is answered once", "\xff\xfd\x18\xff\xfd\x18", 6, "", 0,
			"\xff\xfd\x00\xff\xfb\x00\xff\xfc\x18", 9 },
		{ "WONT needs no answer", "\xff\xfc\x01", 3, "", 0, "\xff\xfd\x00\xff\xfb\x00", 6 },
		{ "a subnegotiation, with 255 in it", "a\xff\xfa\x18\x01\xff\xff\xff\xf0" "b", 10, "ab", 2, "", 0 },
		{ "a command without option", "a\xff\xf1" "b", 4, "ab", 2, "", 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *x = &rows[i];
		/* Whole, and octet by octet. */
		for (size_t step = 1; step <= x->n_in; step += x->n_in > 1 ? x->n_in - 1 : 1) {
			uint8_t out[64], answer[128];
			size_t n_out = 0, n_answer = 0, n;
			struct telnet t;

			telnet_init(&t);
			for (size_t at = 0; at < x->n_in; at += step) {
				memcpy(out + n_out, x->in + at, step);
				n_out += telnet_read(&t, out + n_out, step, answer + n_answer, &n);
				assert_true(n <= TELNET_ANSWER_MAX(step));
				n_answer += n;
			}
			if (n_out != x->n_out || memcmp(out, x->out, n_out) != 0 || n_answer != x->n_answer ||
				memcmp(answer, x->answer, n_answer) != 0)
				fail_msg("%s (steps of %zu)", x->why, step);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_octets_pass_unchanged_both_ways),
		cmocka_unit_test(test_a_port_is_set_up_for_a_modem),
		cmocka_unit_test(test_a_hang_up_is_told_once),
		cmocka_unit_test(test_a_write_to_nobody_is_a_hang_up_from_the_loop),
		cmocka_unit_test(test_a_locked_port_is_refused_with_the_name_of_its_owner),
		cmocka_unit_test(test_a_port_that_is_refused_is_not_touched),
		cmocka_unit_test(test_a_port_can_be_opened_again_at_once),
		cmocka_unit_test(test_a_symbolic_link_leads_to_the_port),
		cmocka_unit_test(test_what_is_no_port_is_refused_in_words),
		cmocka_unit_test(test_octets_are_paced_where_a_modem_wants_it),
		cmocka_unit_test(test_writes_are_bounded_whole_and_in_order),
		cmocka_unit_test(test_a_port_may_be_closed_at_any_time),
		cmocka_unit_test(test_a_modem_behind_a_socket),
		cmocka_unit_test(test_a_telnet_server_is_recognised),
		cmocka_unit_test(test_writes_to_a_slow_socket_are_bounded),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_a_socket_may_be_closed_at_any_time),
		cmocka_unit_test(test_telnet_is_taken_out),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
