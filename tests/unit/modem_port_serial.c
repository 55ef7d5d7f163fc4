/* SPDX-License-Identifier: Apache-2.0 */
/* modem_port_serial.c -- a port that libserialport opens.  No machine for tests has one, so the library is played: it
 * opens a pseudo terminal and notes what it is asked for. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <libserialport.h>

#include "drivers/modem/port.h"
#include "tests/unit/modem_wire.h"

/* ---- the library ---- */

static struct {
	char name[64];
	int fd, baud, bits, stopbits, opens, closes, frees;
	enum sp_parity parity;
	enum sp_flowcontrol flow;
	bool refuse_settings;
} sp;

enum sp_return __wrap_sp_get_port_by_name(const char *name, struct sp_port **ret);
enum sp_return __wrap_sp_open(struct sp_port *p, enum sp_mode mode);
enum sp_return __wrap_sp_close(struct sp_port *p);
void __wrap_sp_free_port(struct sp_port *p);
enum sp_return __wrap_sp_get_port_handle(const struct sp_port *p, void *ret);
enum sp_return __wrap_sp_set_baudrate(struct sp_port *p, int baud);
enum sp_return __wrap_sp_set_bits(struct sp_port *p, int bits);
enum sp_return __wrap_sp_set_parity(struct sp_port *p, enum sp_parity parity);
enum sp_return __wrap_sp_set_stopbits(struct sp_port *p, int stopbits);
enum sp_return __wrap_sp_set_flowcontrol(struct sp_port *p, enum sp_flowcontrol flow);

enum sp_return __wrap_sp_get_port_by_name(const char *name, struct sp_port **ret)
{
	snprintf(sp.name, sizeof(sp.name), "%s", name);
	*ret = (struct sp_port *)(void *)&sp;
	return SP_OK;
}

enum sp_return __wrap_sp_open(struct sp_port *p, enum sp_mode mode)
{
	assert_int_equal(mode, SP_MODE_READ_WRITE);
	sp.fd = open(sp.name, O_RDWR | O_NOCTTY | O_NONBLOCK);
	sp.opens++;
	return sp.fd < 0 ? SP_ERR_FAIL : SP_OK;
}

enum sp_return __wrap_sp_close(struct sp_port *p)
{
	sp.closes++;
	return close(sp.fd) < 0 ? SP_ERR_FAIL : SP_OK;
}

void __wrap_sp_free_port(struct sp_port *p)
{
	sp.frees++;
}

enum sp_return __wrap_sp_get_port_handle(const struct sp_port *p, void *ret)
{
	*(int *)ret = sp.fd;
	return SP_OK;
}

enum sp_return __wrap_sp_set_baudrate(struct sp_port *p, int baud)
{
	sp.baud = baud;
	return sp.refuse_settings ? SP_ERR_FAIL : SP_OK;
}

enum sp_return __wrap_sp_set_bits(struct sp_port *p, int bits)
{
	sp.bits = bits;
	return SP_OK;
}

enum sp_return __wrap_sp_set_parity(struct sp_port *p, enum sp_parity parity)
{
	sp.parity = parity;
	return SP_OK;
}

enum sp_return __wrap_sp_set_stopbits(struct sp_port *p, int stopbits)
{
	sp.stopbits = stopbits;
	return SP_OK;
}

enum sp_return __wrap_sp_set_flowcontrol(struct sp_port *p, enum sp_flowcontrol flow)
{
	sp.flow = flow;
	return SP_OK;
}

/* ---- the port ---- */

struct seen {
	uv_loop_t loop;
	struct wire wire;
	struct port *port;
	bool opened, gone;
	size_t n;
	char why[PORT_WHY_MAX];
};

static void on_opened(void *arg)
{
	((struct seen *)arg)->opened = true;
}

static void on_read(void *arg, const uint8_t *data, size_t n)
{
	((struct seen *)arg)->n += n;
}

static void on_gone(void *arg, const char *why)
{
	struct seen *s = arg;

	s->gone = true;
	snprintf(s->why, sizeof(s->why), "%s", why);
}

static const struct port_ops ops = { .opened = on_opened, .read = on_read, .gone = on_gone };

static bool is_settled(void *arg)
{
	struct seen *s = arg;

	return s->opened || s->gone;
}

static bool has_read(void *arg)
{
	return ((struct seen *)arg)->n >= 6;
}

static struct seen *open_port(const struct port_conf *like)
{
	struct seen *s = calloc(1, sizeof(*s));
	struct port_conf c = *like;
	char why[PORT_WHY_MAX];

	assert_non_null(s);
	assert_int_equal(uv_loop_init(&s->loop), 0);
	wire_open(&s->wire);
	c.name = s->wire.path;
	assert_int_equal(port_open(&s->loop, &c, &ops, s, &s->port, why), 0);
	assert_true(wire_wait(&s->loop, is_settled, s));
	assert_string_equal(s->why, "");
	return s;
}

static void seen_free(struct seen *s)
{
	uv_run(&s->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&s->loop), 0);
	wire_cut(&s->wire);
	free(s);
}

static bool can_lock(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY), r = flock(fd, LOCK_EX | LOCK_NB);

	close(fd);
	return r == 0;
}

static void test_the_library_sets_it_up_and_the_lock_stays_ours(void **state)
{
	struct seen *s;

	memset(&sp, 0, sizeof(sp));
	s = open_port(&(struct port_conf){ .baud = 9600, .rtscts = true });
	assert_string_equal(sp.name, s->wire.path);
	assert_true(sp.baud == 9600 && sp.bits == 8 && sp.stopbits == 1);
	assert_int_equal(sp.parity, SP_PARITY_NONE);
	assert_int_equal(sp.flow, SP_FLOWCONTROL_RTSCTS);
	assert_false(can_lock(s->wire.path));
	assert_int_equal(fcntl(sp.fd, F_GETFD), FD_CLOEXEC);
	wire_say(&s->wire, "\r\nOK\r\n", 6);
	assert_true(wire_wait(&s->loop, has_read, s));
	port_close(s->port);
	assert_true(can_lock(s->wire.path)); /* at once */
	seen_free(s);
	assert_true(sp.opens == 1 && sp.closes == 1 && sp.frees == 1);
}

static void test_where_the_library_fails_we_set_it_up(void **state)
{
	struct seen *s;

	memset(&sp, 0, sizeof(sp));
	sp.refuse_settings = true;
	s = open_port(&(struct port_conf){ 0 });
	assert_int_equal(sp.baud, 115200);
	assert_true(sp.opens == 1 && sp.closes == 1 && sp.frees == 1);
	assert_false(can_lock(s->wire.path));
	wire_say(&s->wire, "\r\nOK\r\n", 6);
	assert_true(wire_wait(&s->loop, has_read, s));
	port_close(s->port);
	seen_free(s);
	assert_int_equal(sp.closes, 1);
}

/* ---- permissions: as somebody who is not root ---- */

static int open_as_nobody(void)
{
	const char *words = geteuid() == 0 ? "must be in the group tty" : "no permission for";
	struct port_conf c = { 0 };
	struct seen *s = calloc(1, sizeof(*s));
	char why[PORT_WHY_MAX];

	if (!s || uv_loop_init(&s->loop) < 0)
		return 1;
	wire_open(&s->wire);
	if (geteuid() == 0) {
		if (chown(s->wire.path, 0, 5) < 0 || chmod(s->wire.path, 0660) < 0 || setgid(65534) < 0 ||
			setuid(65534) < 0)
			return 2;
	} else if (chmod(s->wire.path, 0) < 0) {
		return 2;
	}
	c.name = s->wire.path;
	if (port_open(&s->loop, &c, &ops, s, &s->port, why) < 0)
		return 3;
	if (!wire_wait(&s->loop, is_settled, s) || port_error(s->port) != -EACCES)
		return 4;
	return strstr(s->why, words) ? 0 : 5;
}

static void test_without_permission_the_group_is_named(void **state)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(open_as_nobody());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* First: no thread of the pool may be there yet when it forks. */
		cmocka_unit_test(test_without_permission_the_group_is_named),
		cmocka_unit_test(test_the_library_sets_it_up_and_the_lock_stays_ours),
		cmocka_unit_test(test_where_the_library_fails_we_set_it_up),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
