/* SPDX-License-Identifier: Apache-2.0 */
/* modem_finder.c -- which port is whose: modems on pseudo terminals that come and go in a folder of their own, and a
 * tree that stands for /sys. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "drivers/modem/finder_int.h"
#include "drivers/modem/modem.h"
#include "tests/unit/modem_wire.h"

/* ---- modems that answer no more than the finder asks ---- */

struct fake {
	struct wire wire;
	const char *name;         /* in the folder */
	const char *imei, *imsi, *iccid, *noise, *pcui;
	bool dumb;                /* takes everything, says nothing */
	unsigned knocks, asked;   /* AT, AT+CGSN */
	char line[128];
	size_t n_line, n_done;
};

static void say(struct fake *m, const char *text)
{
	char out[256];
	int n = snprintf(out, sizeof(out), "\r\n%s\r\n", text);

	wire_say(&m->wire, out, (size_t)n);
}

static void answer(struct fake *m, const char *value)
{
	if (value && value[0])
		say(m, value);
	say(m, value ? "OK" : "ERROR");
}

static void command(struct fake *m, const char *text)
{
	if (m->noise)
		say(m, m->noise);
	if (strcmp(text, "AT") == 0)
		m->knocks++;
	if (strcmp(text, "AT+CGSN") == 0)
		m->asked++;
	if (m->dumb)
		return;
	if (strcmp(text, "AT+CGMI") == 0)
		answer(m, "ACME");
	else if (strcmp(text, "AT+CGMM") == 0)
		answer(m, "+CGMM: \"M1\"");
	else if (strcmp(text, "AT+CGSN") == 0)
		answer(m, m->imei);
	else if (strcmp(text, "AT+CIMI") == 0)
		answer(m, m->imsi);
	else if (strcmp(text, "AT^ICCID?") == 0)
		answer(m, m->iccid);
	else if (strcmp(text, "AT^GETPORTMODE") == 0)
		answer(m, m->pcui);
	else if (strncmp(text, "AT+C", 4) == 0 || strncmp(text, "AT^", 3) == 0 || strncmp(text, "AT+", 3) == 0)
		answer(m, NULL);
	else
		answer(m, "");
}

static void on_heard(struct wire *w)
{
	struct fake *m = w->arg;

	for (; m->n_done < w->n; m->n_done++) {
		char c = (char)w->got[m->n_done];

		if (c == '\r') {
			m->line[m->n_line] = '\0';
			m->n_line = 0;
			command(m, m->line[0] == 0x1b ? m->line + 1 : m->line);
		} else if (m->n_line < sizeof(m->line) - 1) {
			m->line[m->n_line++] = c;
		}
	}
}

/* ---- a folder of ports, a tree of sysfs, links ---- */

#define N_MAX 8

struct link_of_test {
	struct finder_want *want;
	unsigned found, absent;
	bool release_now;
	char name[FINDER_PATH_MAX], imei[20], device[64];
	char why[FINDER_WHY_MAX];
	const struct conf_strings *ports;
};

struct world {
	uv_loop_t loop;
	char dir[64], sysfs[96], glob[96];
	char *globs[1];
	struct conf_strings ports;
	struct fake *fake[N_MAX];
	unsigned n_fakes;
	struct link_of_test link[N_MAX];
};

static void make_dirs(const char *path)
{
	char copy[512];

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *at = copy + 1; *at; at++)
		if (*at == '/') {
			*at = '\0';
			mkdir(copy, 0755);
			*at = '/';
		}
	mkdir(copy, 0755);
}

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	strcpy(w->dir, "/tmp/modem_finder.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->sysfs, sizeof(w->sysfs), "%s/sys", w->dir);
	snprintf(w->glob, sizeof(w->glob), "%s/tty*", w->dir);
	w->globs[0] = w->glob;
	w->ports = (struct conf_strings){ w->globs, 1 };
	finder_set_sysfs(w->sysfs);
	assert_int_equal(uv_loop_init(&w->loop), 0);
	return w;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	return remove(path);
}

static void world_free(struct world *w)
{
	for (unsigned i = 0; i < N_MAX; i++)
		if (w->link[i].want)
			finder_release(w->link[i].want);
	for (unsigned i = 0; i < w->n_fakes; i++)
		wire_cut(&w->fake[i]->wire);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	for (unsigned i = 0; i < w->n_fakes; i++)
		free(w->fake[i]);
	nftw(w->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(w);
}

static void show(struct world *w, struct fake *m, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	assert_int_equal(symlink(m->wire.path, path), 0);
	m->name = name;
}

static void hide(struct world *w, struct fake *m)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", w->dir, m->name);
	assert_int_equal(unlink(path), 0);
}

static struct fake *make(struct world *w, const char *imei, const char *iccid)
{
	struct fake *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	wire_open(&m->wire);
	m->wire.heard = on_heard;
	m->wire.arg = m;
	m->imei = imei;
	m->iccid = iccid;
	m->imsi = NULL;
	wire_listen(&m->wire, &w->loop);
	w->fake[w->n_fakes++] = m;
	return m;
}

static struct fake *plug(struct world *w, const char *name, const char *imei, const char *iccid)
{
	struct fake *m = make(w, imei, iccid);

	show(w, m, name);
	return m;
}

/* The modem starts again: its port hangs up, and it is there under another name. */
static void replug(struct world *w, struct fake *m, const char *name)
{
	hide(w, m);
	wire_cut(&m->wire);
	m->n_done = m->n_line = 0;
	wire_open(&m->wire);
	m->wire.heard = on_heard;
	m->wire.arg = m;
	wire_listen(&m->wire, &w->loop);
	show(w, m, name);
}

static void put_file(const char *dir, const char *name, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* An interface of a USB device; with a port when there is a modem behind it. */
static void usb(struct world *w, const char *device, const char *ids, int interface, const char *class, struct fake *m)
{
	char dir[256], path[512], link[512];

	snprintf(dir, sizeof(dir), "%s/bus/usb/devices/%s", w->sysfs, device);
	make_dirs(dir);
	put_file(dir, "idVendor", (char[]){ ids[0], ids[1], ids[2], ids[3], '\n', 0 });
	put_file(dir, "idProduct", ids + 5);
	put_file(dir, "devnum", "7\n");
	put_file(dir, "product", "A stick\n");
	snprintf(path, sizeof(path), "%s/%s:1.%d", dir, device, interface);
	make_dirs(path);
	put_file(path, "bInterfaceNumber", (char[]){ '0', (char)('0' + interface), '\n', 0 });
	put_file(path, "bInterfaceClass", class);
	put_file(path, "bInterfaceSubClass", "00\n");
	put_file(path, "bInterfaceProtocol", "ff\n");
	if (!m)
		return;
	snprintf(link, sizeof(link), "%s/class/tty/%s", w->sysfs, strrchr(m->wire.path, '/') + 1);
	make_dirs(link);
	strcat(link, "/device");
	strcat(path, "/ttyUSB9");
	make_dirs(path);
	assert_int_equal(symlink(path, link), 0);
}

static void on_found(void *arg, const struct finder_found *f)
{
	struct link_of_test *l = arg;

	l->found++;
	snprintf(l->name, sizeof(l->name), "%s", f->name);
	snprintf(l->imei, sizeof(l->imei), "%s", f->imei);
	snprintf(l->device, sizeof(l->device), "%s", f->device);
	if (l->release_now) {
		finder_release(l->want);
		l->want = NULL;
	}
}

static void on_absent(void *arg, const char *why)
{
	struct link_of_test *l = arg;

	l->absent++;
	snprintf(l->why, sizeof(l->why), "%s", why);
	if (l->release_now) {
		finder_release(l->want);
		l->want = NULL;
	}
}

static const struct conf_strings *on_ports(void *arg)
{
	return ((struct link_of_test *)arg)->ports;
}

static const struct finder_ops ops = { .found = on_found, .absent = on_absent, .ports = on_ports };

static struct link_of_test *want(struct world *w, const char *device)
{
	static const char *const names[N_MAX] = { "sim0", "sim1", "sim2", "sim3", "sim4", "sim5", "sim6", "sim7" };
	unsigned i = 0;

	while (w->link[i].ports)
		i++;
	w->link[i].ports = &w->ports;
	const struct finder_conf c = { .link = names[i], .device = device };

	assert_int_equal(finder_want(&w->loop, &c, &ops, &w->link[i], &w->link[i].want), 0);
	assert_int_equal(w->link[i].found + w->link[i].absent, 0); /* never from inside */
	return &w->link[i];
}

static bool was_told(void *arg)
{
	struct link_of_test *l = arg;

	return l->found || l->absent;
}

static bool was_found(void *arg)
{
	return ((struct link_of_test *)arg)->found > 0;
}

static bool was_absent(void *arg)
{
	return ((struct link_of_test *)arg)->absent > 0;
}

static void expect_found(struct world *w, struct link_of_test *l, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	if (!wire_wait(&w->loop, was_found, l))
		fail_msg("not found: %s", l->why);
	assert_string_equal(l->name, path);
	assert_int_equal(l->found, 1);
	l->found = l->absent = 0;
}

/* "@" stands for the folder. */
static void expect_absent(struct world *w, struct link_of_test *l, const char *why)
{
	char text[1024];
	size_t n = 0;

	assert_true(wire_wait(&w->loop, was_absent, l));
	for (; *why && n < sizeof(text) - 100; why++)
		if (*why == '@')
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", w->dir);
		else
			text[n++] = *why;
	text[n] = '\0';
	assert_string_equal(l->why, text);
	assert_int_equal(l->found, 0);
	l->absent = 0;
}

#define IMEI_A  "490154203237518"
#define IMEI_B  "356938035643809"
#define ICCID_A "89441000300000000017"
#define ICCID_B "89441000300000000025"

/* ---- by path ---- */

static void test_a_path_is_found_when_it_is_there(void **state)
{
	struct world *w = world_new();
	char path[128];
	struct link_of_test *l;
	struct fake *m = make(w, IMEI_A, ICCID_A);
	uint64_t began;

	snprintf(path, sizeof(path), "%s/ttyUSB0", w->dir);
	l = want(w, path);
	expect_absent(w, l, "@/ttyUSB0 is not there");
	began = uv_hrtime();
	show(w, m, "ttyUSB0");
	expect_found(w, l, "ttyUSB0");
	assert_true(uv_hrtime() - began < 5000000000u); /* by an event, not by the slow look */
	assert_int_equal(m->knocks, 0);
	assert_int_equal(finder_check(l->want, IMEI_B, "", ""), 0); /* whoever it is */
	world_free(w);
}

static void test_a_path_in_a_folder_that_is_not_there_yet(void **state)
{
	struct world *w = world_new();
	char path[128], dir[128];
	struct link_of_test *l;
	struct fake *m = make(w, IMEI_A, ICCID_A);

	snprintf(dir, sizeof(dir), "%s/serial", w->dir);
	snprintf(path, sizeof(path), "%s/serial/by-id", w->dir);
	l = want(w, path);
	expect_absent(w, l, "@/serial/by-id is not there");
	mkdir(dir, 0755);
	show(w, m, "serial/by-id");
	expect_found(w, l, "serial/by-id");
	world_free(w);
}

static void test_a_port_that_hangs_up_is_found_again_when_it_is_back(void **state)
{
	struct world *w = world_new();
	struct fake *m = plug(w, "ttyUSB0", IMEI_A, ICCID_A);
	struct link_of_test *l;
	char path[128];

	snprintf(path, sizeof(path), "%s/ttyUSB0", w->dir);
	l = want(w, path);
	expect_found(w, l, "ttyUSB0");
	hide(w, m);
	finder_again(l->want, FINDER_HUNG_UP, "it hung up");
	expect_absent(w, l, "@/ttyUSB0 is not there");
	show(w, m, "ttyUSB0");
	expect_found(w, l, "ttyUSB0");
	/* Not opened, for whatever reason: again after a pause. */
	finder_again(l->want, FINDER_NOT_OPEN, "in use");
	expect_found(w, l, "ttyUSB0");
	world_free(w);
}

static void test_one_path_is_for_one_link(void **state)
{
	struct world *w = world_new();
	struct link_of_test *a, *b;
	char path[128], why[256];

	plug(w, "ttyUSB0", IMEI_A, ICCID_A);
	snprintf(path, sizeof(path), "%s/ttyUSB0", w->dir);
	a = want(w, path);
	b = want(w, path);
	expect_found(w, a, "ttyUSB0");
	snprintf(why, sizeof(why), "@/ttyUSB0 is in use by link \"sim0\"");
	expect_absent(w, b, why);
	finder_release(a->want);
	a->want = NULL;
	expect_found(w, b, "ttyUSB0");
	world_free(w);
}

static void test_a_network_modem_is_there(void **state)
{
	struct world *w = world_new();
	struct link_of_test *l = want(w, "tcp:127.0.0.1:5000");

	assert_true(wire_wait(&w->loop, was_told, l));
	assert_string_equal(l->name, "tcp:127.0.0.1:5000");
	l->found = 0;
	finder_again(l->want, FINDER_HUNG_UP, NULL);
	assert_true(wire_wait(&w->loop, was_found, l));
	world_free(w);
}

static void test_what_is_no_device_is_refused(void **state)
{
	static const char *const bad[] = { "", "ttyUSB0", "imei:", "imei:12a", "phone:1" };
	struct finder_want *none;
	uv_loop_t loop;

	uv_loop_init(&loop);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct finder_conf c = { .link = "sim0", .device = bad[i] };

		assert_int_equal(finder_want(&loop, &c, &ops, NULL, &none), -EINVAL);
	}
	assert_int_equal(uv_loop_close(&loop), 0);
}

/* ---- by identity ---- */

static void test_a_modem_is_found_by_its_imei_among_others(void **state)
{
	struct world *w = world_new();
	struct link_of_test *l;

	plug(w, "ttyUSB0", NULL, NULL)->dumb = true;
	plug(w, "ttyUSB1", IMEI_B, ICCID_B);
	plug(w, "ttyUSB2", IMEI_A, ICCID_A);
	l = want(w, "imei:" IMEI_A);
	expect_found(w, l, "ttyUSB2");
	assert_string_equal(l->imei, IMEI_A);
	assert_int_equal(finder_check(l->want, IMEI_A, "", ICCID_A), 0);
	assert_int_equal(finder_check(l->want, IMEI_B, "", ICCID_A), -ENXIO);
	world_free(w);
}

static void test_who_was_there_instead_is_told(void **state)
{
	struct world *w = world_new();
	struct link_of_test *l = want(w, "imei:" IMEI_A);

	expect_absent(w, l, "no modem with IMEI " IMEI_A ": no port @/tty* is there");
	plug(w, "ttyUSB0", NULL, NULL)->dumb = true;
	plug(w, "ttyUSB1", IMEI_B, ICCID_B);
	plug(w, "ttyUSB2", NULL, ICCID_B);
	expect_absent(w, l, "no modem with IMEI " IMEI_A " on any of 3 ports looked at (@/ttyUSB0: nobody answers AT; "
		"@/ttyUSB1: IMEI " IMEI_B "; @/ttyUSB2: a modem that tells no IMEI)");
	plug(w, "ttyUSB3", IMEI_A, ICCID_A);
	expect_found(w, l, "ttyUSB3");
	world_free(w);
}

static void test_a_modem_is_found_after_it_got_another_number(void **state)
{
	struct world *w = world_new();
	struct fake *m = plug(w, "ttyUSB0", IMEI_A, ICCID_A);
	struct link_of_test *l = want(w, "imei:" IMEI_A);

	expect_found(w, l, "ttyUSB0");
	for (int i = 0; i < 3; i++) {
		replug(w, m, i % 2 ? "ttyUSB1" : "ttyUSB5");
		finder_again(l->want, FINDER_HUNG_UP, "it hung up");
		expect_found(w, l, i % 2 ? "ttyUSB1" : "ttyUSB5");
	}
	world_free(w);
}

/* Somebody else is behind the old name. */
static void test_another_modem_under_the_old_name_is_not_taken(void **state)
{
	struct world *w = world_new();
	struct fake *a = plug(w, "ttyUSB0", IMEI_A, ICCID_A), *b = plug(w, "ttyUSB1", IMEI_B, ICCID_B);
	struct link_of_test *l = want(w, "imei:" IMEI_A);

	expect_found(w, l, "ttyUSB0");
	replug(w, a, "ttyUSB7");
	replug(w, b, "ttyUSB0");
	finder_again(l->want, FINDER_HUNG_UP, NULL);
	expect_found(w, l, "ttyUSB7");
	world_free(w);
}

static void test_two_modems_with_one_imei_are_told_and_the_iccid_decides(void **state)
{
	struct world *w = world_new();
	struct link_of_test *l, *by_iccid;

	plug(w, "ttyUSB0", IMEI_A, ICCID_A);
	plug(w, "ttyUSB1", IMEI_A, ICCID_B);
	l = want(w, "imei:" IMEI_A);
	expect_absent(w, l, "two modems answer to imei:" IMEI_A " (@/ttyUSB0 and @/ttyUSB1); use iccid: or the path of the "
		"port");
	by_iccid = want(w, "iccid:" ICCID_B);
	expect_found(w, by_iccid, "ttyUSB1");
	world_free(w);
}

static void test_a_modem_is_found_by_its_imsi(void **state)
{
	struct world *w = world_new();
	struct link_of_test *l;

	plug(w, "ttyUSB0", IMEI_A, ICCID_A)->imsi = "001010123456789";
	plug(w, "ttyUSB1", IMEI_A, ICCID_B)->imsi = "001010123456780";
	l = want(w, "imsi:001010123456780");
	expect_found(w, l, "ttyUSB1");
	world_free(w);
}

static void test_of_two_ports_of_one_modem_the_talkative_one_is_used(void **state)
{
	struct world *w = world_new();
	struct link_of_test *l;

	plug(w, "ttyUSB0", IMEI_A, ICCID_A);
	plug(w, "ttyUSB1", IMEI_A, ICCID_A)->noise = "^RSSI:18";
	l = want(w, "imei:" IMEI_A);
	expect_found(w, l, "ttyUSB1");
	world_free(w);
}

/* A SIM that is not ready tells its number later. */
static void test_what_a_modem_does_not_tell_at_first_is_asked_again(void **state)
{
	struct world *w = world_new();
	struct fake *m = plug(w, "ttyUSB0", IMEI_A, NULL);
	struct link_of_test *l = want(w, "iccid:" ICCID_A);

	expect_absent(w, l, "no modem with ICCID " ICCID_A " on any of 1 ports looked at (@/ttyUSB0: a modem that tells no "
		"ICCID)");
	m->iccid = "^ICCID: " ICCID_A;
	expect_found(w, l, "ttyUSB0");
	world_free(w);
}

static void test_what_was_learnt_is_not_asked_again(void **state)
{
	struct world *w = world_new();
	struct fake *a = plug(w, "ttyUSB0", IMEI_A, ICCID_A), *b = plug(w, "ttyUSB1", IMEI_B, ICCID_B);
	struct link_of_test *l = want(w, "imei:" IMEI_A), *other;

	expect_found(w, l, "ttyUSB0");
	finder_again(l->want, FINDER_NOT_OPEN, "in use");
	expect_found(w, l, "ttyUSB0");
	/* Now it is held: another look leaves it alone. */
	plug(w, "ttyUSB2", NULL, NULL)->dumb = true;
	other = want(w, "imei:" IMEI_B);
	expect_found(w, other, "ttyUSB1");
	assert_int_equal(a->asked, 1);
	assert_int_equal(b->asked, 1);
	world_free(w);
}

static void test_a_modem_in_use_by_another_link_is_told(void **state)
{
	struct world *w = world_new();
	struct link_of_test *a, *b;

	plug(w, "ttyUSB0", IMEI_A, ICCID_A);
	a = want(w, "imei:" IMEI_A);
	expect_found(w, a, "ttyUSB0");
	b = want(w, "iccid:" ICCID_A);
	expect_absent(w, b, "the modem with ICCID " ICCID_A " is @/ttyUSB0, in use by link \"sim0\"");
	finder_release(a->want);
	a->want = NULL;
	expect_found(w, b, "ttyUSB0");
	world_free(w);
}

static void test_a_port_that_a_link_names_is_not_asked_for_others(void **state)
{
	struct world *w = world_new();
	struct fake *m = plug(w, "ttyUSB0", IMEI_B, ICCID_B);
	struct link_of_test *a, *b;
	char path[128];

	snprintf(path, sizeof(path), "%s/ttyUSB0", w->dir);
	a = want(w, path);
	expect_found(w, a, "ttyUSB0");
	/* Also while the link does not have it. */
	finder_again(a->want, FINDER_NOT_OPEN, NULL);
	b = want(w, "imei:" IMEI_A);
	expect_absent(w, b, "no modem with IMEI " IMEI_A " on any of 1 ports looked at (@/ttyUSB0: left to the link that "
		"names it)");
	assert_int_equal(m->knocks, 0);
	/* While it has it, and when its modem has said who it is. */
	expect_found(w, a, "ttyUSB0");
	expect_absent(w, b, "no modem with IMEI " IMEI_A " on any of 1 ports looked at (@/ttyUSB0: in use by link \"sim0\")");
	assert_int_equal(finder_check(a->want, IMEI_B, "", ""), 0);
	expect_absent(w, b, "no modem with IMEI " IMEI_A " on any of 1 ports looked at (@/ttyUSB0: IMEI " IMEI_B ")");
	world_free(w);
}

static void test_a_port_that_is_in_use_is_told_with_its_owner(void **state)
{
	struct world *w = world_new();
	struct fake *m = plug(w, "ttyUSB0", IMEI_A, ICCID_A);
	int fd = open(m->wire.path, O_RDWR | O_NOCTTY);
	struct link_of_test *l;

	assert_int_equal(flock(fd, LOCK_EX), 0);
	l = want(w, "imei:" IMEI_A);
	assert_true(wire_wait(&w->loop, was_absent, l));
	assert_non_null(strstr(l->why, "is in use by another link of this gateway"));
	l->absent = 0;
	close(fd);
	expect_found(w, l, "ttyUSB0"); /* after a pause */
	world_free(w);
}

/* ---- sticks with several ports ---- */

static void test_of_a_known_stick_the_port_for_commands_is_used(void **state)
{
	struct world *w = world_new();
	struct fake *m[4];
	struct link_of_test *l, *other;

	for (int i = 0; i < 4; i++) {
		static const char *const names[] = { "ttyUSB0", "ttyUSB1", "ttyUSB2", "ttyUSB3" };

		m[i] = make(w, IMEI_A, ICCID_A);
		m[i]->dumb = i < 2;
		usb(w, "1-1.4", "2c7c:0125\n", i, "ff\n", m[i]);
		if (i < 3)
			show(w, m[i], names[i]);
	}
	l = want(w, "imei:" IMEI_A);
	expect_found(w, l, "ttyUSB2");
	assert_string_equal(l->device, "1-1.4");
	/* One port is in use: the others, also one that comes late, are left alone. */
	show(w, m[3], "ttyUSB3");
	other = want(w, "imei:" IMEI_B);
	assert_true(wire_wait(&w->loop, was_absent, other));
	assert_non_null(strstr(other->why, "on any of 4 ports"));
	assert_int_equal(m[3]->knocks, 0);
	world_free(w);
}

static void test_a_huawei_stick_says_itself_which_port_is_for_commands(void **state)
{
	struct world *w = world_new();
	struct fake *m[2];
	struct link_of_test *l;

	for (int i = 0; i < 2; i++) {
		m[i] = make(w, IMEI_A, ICCID_A);
		m[i]->pcui = "^GETPORTMODE: TYPE: WCDMA: huawei,MDM:0,PCUI:3,DIAG:1";
		usb(w, "1-1", "12d1:14ac\n", i ? 3 : 0, "ff\n", m[i]);
		show(w, m[i], i ? "ttyUSB3" : "ttyUSB0");
	}
	l = want(w, "imei:" IMEI_A);
	expect_found(w, l, "ttyUSB3");
	world_free(w);
}

static void test_two_sticks_with_one_imei_are_two(void **state)
{
	struct world *w = world_new();
	struct link_of_test *l;

	for (int i = 0; i < 2; i++) {
		struct fake *m = make(w, IMEI_A, NULL);

		usb(w, i ? "1-2" : "1-1", "2c7c:0125\n", 2, "ff\n", m);
		show(w, m, i ? "ttyUSB2" : "ttyUSB0");
	}
	l = want(w, "imei:" IMEI_A);
	assert_true(wire_wait(&w->loop, was_absent, l));
	assert_non_null(strstr(l->why, "two modems answer to imei:" IMEI_A));
	world_free(w);
}

static void test_a_stick_without_ports_is_noticed(void **state)
{
	static const struct row {
		const char *ids, *class, *words;
	} rows[] = {
		{ "12d1:1f01\n", "08\n", "the USB device 12d1:1f01 (A stick) at 1-1 is in storage mode: switch it to modem mode: "
			"usb_modeswitch -v 12d1 -p 1f01 -J" },
		{ "12d1:14dc\n", "e0\n", "the USB device 12d1:14dc (A stick) at 1-1 shows itself as a network card (HiLink mode)" },
		{ "2c7c:0125\n", "ff\n", "the USB device 2c7c:0125 (A stick) at 1-1 shows no serial port" },
		{ "0781:5567\n", "08\n", NULL }, /* storage of somebody who makes no modems */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world *w = world_new();
		struct link_of_test *l;

		usb(w, "1-1", rows[i].ids, 0, rows[i].class, NULL);
		l = want(w, "imei:" IMEI_A);
		assert_true(wire_wait(&w->loop, was_absent, l));
		if (rows[i].words ? !strstr(l->why, rows[i].words) : strstr(l->why, "USB") != NULL)
			fail_msg("%s: %s", rows[i].ids, l->why);
		world_free(w);
	}
}

/* ---- how it ends ---- */

static void test_a_want_may_be_released_at_any_time(void **state)
{
	for (int when = 0; when < 5; when++) {
		struct world *w = world_new();
		struct link_of_test *l, *other;

		plug(w, "ttyUSB0", IMEI_A, ICCID_A);
		l = want(w, when == 4 ? "imei:" IMEI_B : "imei:" IMEI_A);
		other = want(w, "imei:" IMEI_A);
		l->release_now = when >= 3;
		for (int turn = 0; turn < when && when < 3; turn++)
			uv_run(&w->loop, UV_RUN_ONCE); /* scanned; opened, asking */
		if (when >= 3) {
			assert_true(wire_wait(&w->loop, was_told, l));
			assert_null(l->want);
			expect_found(w, other, "ttyUSB0");
		}
		world_free(w);
	}
}

static unsigned n_listed;

static void list(void *arg, const struct finder_port *p)
{
	n_listed++;
	assert_string_equal(p->imei, IMEI_A);
	assert_string_equal(p->link, "sim0");
	assert_string_equal(p->maker, "ACME");
	assert_string_equal(p->model, "M1");
	assert_string_equal(finder_port_state_name(p->state), "in_use");
}

static void test_ports_are_listed(void **state)
{
	struct world *w = world_new();
	struct link_of_test *l;

	finder_ports(&w->loop, list, w);
	assert_int_equal(n_listed, 0);
	plug(w, "ttyUSB0", IMEI_A, ICCID_A);
	l = want(w, "imei:" IMEI_A);
	expect_found(w, l, "ttyUSB0");
	finder_ports(&w->loop, list, w);
	assert_int_equal(n_listed, 1);
	world_free(w);
}

static struct {
	bool told;
	unsigned n;
	char all[1000];
} seen;

static void see(void *arg, int r, const struct driver_port *ports, unsigned n)
{
	assert_int_equal(r, 0);
	for (unsigned i = 0; i < n; i++) {
		const struct driver_port *p = &ports[i];
		const char *base = strrchr(p->path, '/');
		size_t at = strlen(seen.all);

		if (strncmp(p->path, "/dev/ttyUSB", 11) == 0 || strncmp(p->path, "/dev/ttyACM", 11) == 0)
			continue; /* of the machine that this runs on */
		snprintf(seen.all + at, sizeof(seen.all) - at, "%s %04x:%04x %s %s %s%s|", base ? base + 1 : "-", p->vendor,
			p->product, p->state, p->maker, p->link, *p->note ? " !" : "");
	}
	seen.told = true;
}

static bool was_seen(void *arg)
{
	return seen.told;
}

static void test_ports_and_sticks_are_shown_to_people(void **state)
{
	struct world *w = world_new();
	struct link_of_test *l;

	plug(w, "ttyUSB0", IMEI_A, ICCID_A);
	usb(w, "1-1", "12d1:1f01\n", 0, "08\n", NULL);
	usb(w, "1-2", "19d2:0031\n", 0, "ff\n", plug(w, "ttyUSB1", IMEI_B, ICCID_B));
	l = want(w, "imei:" IMEI_A);
	expect_found(w, l, "ttyUSB0");
	assert_int_equal(modem_ports(&w->loop, see, NULL), 0);
	assert_false(seen.told); /* not from inside */
	assert_true(wire_wait(&w->loop, was_seen, NULL));
	assert_string_equal(seen.all, "ttyUSB0 0000:0000 in_use ACME sim0|ttyUSB1 19d2:0031 modem ACME |"
		"- 12d1:1f01 no_port Huawei  !|");
	world_free(w);
}

/* ---- what stands in answers ---- */

static void test_numbers_are_read_as_modems_write_them(void **state)
{
	static const struct row {
		const char *line, *iccid;
	} rows[] = {
		{ "+CCID: \"89441000300000000017\"", ICCID_A },
		{ "^ICCID: 98440100030000000071", ICCID_A },         /* in swapped pairs */
		{ "+QCCID: 8944100030000000001F", "8944100030000000001" }, /* 19 digits, filled */
		{ "ICCID:89441000300000000017", ICCID_A },
		{ "+CRSM: 144,0,\"98440100030000000071\"", ICCID_A },
		{ "+CCID: 12345678901234567890", NULL },             /* no telecommunications card */
		{ "ERROR", NULL },
	};
	char text[24];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(probe_iccid(rows[i].line, text), rows[i].iccid != NULL);
		assert_string_equal(text, rows[i].iccid ? rows[i].iccid : "");
	}
	assert_true(probe_digits("+CGSN: \"490154203237518\"", 14, 17, text, sizeof(text)));
	assert_string_equal(text, IMEI_A);
	assert_false(probe_digits("1234567890123", 14, 17, text, sizeof(text)));
	assert_int_equal(probe_pcui("^GETPORTMODE: TYPE: WCDMA: huawei,MDM:0,PCUI:2"), 2);
	assert_int_equal(probe_pcui("^GETPORTMODE: MDM:0"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_path_is_found_when_it_is_there),
		cmocka_unit_test(test_a_path_in_a_folder_that_is_not_there_yet),
		cmocka_unit_test(test_a_port_that_hangs_up_is_found_again_when_it_is_back),
		cmocka_unit_test(test_one_path_is_for_one_link),
		cmocka_unit_test(test_a_network_modem_is_there),
		cmocka_unit_test(test_what_is_no_device_is_refused),
		cmocka_unit_test(test_a_modem_is_found_by_its_imei_among_others),
		cmocka_unit_test(test_who_was_there_instead_is_told),
		cmocka_unit_test(test_a_modem_is_found_after_it_got_another_number),
		cmocka_unit_test(test_another_modem_under_the_old_name_is_not_taken),
		cmocka_unit_test(test_two_modems_with_one_imei_are_told_and_the_iccid_decides),
		cmocka_unit_test(test_a_modem_is_found_by_its_imsi),
		cmocka_unit_test(test_of_two_ports_of_one_modem_the_talkative_one_is_used),
		cmocka_unit_test(test_what_a_modem_does_not_tell_at_first_is_asked_again),
		cmocka_unit_test(test_what_was_learnt_is_not_asked_again),
		cmocka_unit_test(test_a_modem_in_use_by_another_link_is_told),
		cmocka_unit_test(test_a_port_that_a_link_names_is_not_asked_for_others),
		cmocka_unit_test(test_a_port_that_is_in_use_is_told_with_its_owner),
		cmocka_unit_test(test_of_a_known_stick_the_port_for_commands_is_used),
		cmocka_unit_test(test_a_huawei_stick_says_itself_which_port_is_for_commands),
		cmocka_unit_test(test_two_sticks_with_one_imei_are_two),
		cmocka_unit_test(test_a_stick_without_ports_is_noticed),
		cmocka_unit_test(test_a_want_may_be_released_at_any_time),
		cmocka_unit_test(test_ports_are_listed),
		cmocka_unit_test(test_ports_and_sticks_are_shown_to_people),
		cmocka_unit_test(test_numbers_are_read_as_modems_write_them),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
