/* SPDX-License-Identifier: Apache-2.0 */
/* ports.c -- all serial ports of this machine, for people who look for their modem.
 *
 * What the finder knows is copied on the loop; everything else (globs, stable names, who has a port open, sticks
 * without a port) is looked up in a thread, as /proc of a machine with many processes takes its time.  No port is
 * opened. */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drivers/modem/finder.h"
#include "drivers/modem/modem.h"
#include "drivers/modem/port_owner.h"
#include "drivers/modem/usb.h"

#define ROWS_MAX     256
#define PORTLESS_MAX 16
#define PATH_SIZE    256

struct row {
	char path[PATH_SIZE], real[PATH_SIZE], by_id[PATH_SIZE], used_by[64];
	char link[64], note[FINDER_WHY_MAX];
	char maker[64], model[64], imei[24], iccid[24];
	const char *state;
	struct usb_facts usb;
	int answers;
	bool held;
};

struct look {
	uv_work_t work;
	driver_ports_cb *done;
	void *arg;
	char sysfs[PATH_SIZE];
	unsigned n, n_portless;
	struct row row[ROWS_MAX];
	struct usb_portless portless[PORTLESS_MAX];
};

/* ---- on the loop ---- */

static void copy(char *dst, size_t n, const char *src)
{
	snprintf(dst, n, "%s", src ? src : "");
}

static void add_known(void *arg, const struct finder_port *p)
{
	struct look *k = arg;
	struct row *r = &k->row[k->n];

	if (k->n == ROWS_MAX)
		return;
	k->n++;
	copy(r->path, sizeof(r->path), p->path);
	copy(r->link, sizeof(r->link), p->link);
	copy(r->note, sizeof(r->note), p->why);
	copy(r->maker, sizeof(r->maker), p->maker);
	copy(r->model, sizeof(r->model), p->model);
	copy(r->imei, sizeof(r->imei), p->imei);
	copy(r->iccid, sizeof(r->iccid), p->iccid);
	r->state = finder_port_state_name(p->state);
	r->held = p->state == FINDER_PORT_HELD;
	r->answers = p->state == FINDER_PORT_MODEM ? 1 : p->state == FINDER_PORT_SILENT ? 0 : -1;
}

/* ---- in the thread ---- */

static bool is_listed(const struct look *k, const char *real)
{
	for (unsigned i = 0; i < k->n; i++)
		if (strcmp(k->row[i].real, real) == 0)
			return true;
	return false;
}

static void resolve(struct row *r)
{
	char *real = realpath(r->path, NULL);

	copy(r->real, sizeof(r->real), real ? real : r->path);
	free(real);
}

/* Those that no link looks at. */
static void add_others(struct look *k)
{
	static const char *const globs[] = { "/dev/ttyUSB*", "/dev/ttyACM*" };
	glob_t g;

	for (size_t i = 0; i < sizeof(globs) / sizeof(globs[0]); i++) {
		if (glob(globs[i], 0, NULL, &g) != 0)
			continue;
		for (size_t n = 0; n < g.gl_pathc && k->n < ROWS_MAX; n++) {
			struct row *r = &k->row[k->n];

			if (is_listed(k, g.gl_pathv[n]))
				continue;
			*r = (struct row){ .state = "unlisted", .answers = -1 };
			copy(r->path, sizeof(r->path), g.gl_pathv[n]);
			resolve(r);
			k->n++;
		}
		globfree(&g);
	}
}

/* udev's names; the first that leads there. */
static void add_stable_names(struct look *k)
{
	static const char dir[] = "/dev/serial/by-id";
	char path[PATH_SIZE];
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char *real;

		if (e->d_name[0] == '.' || snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) >= (int)sizeof(path))
			continue;
		real = realpath(path, NULL);
		for (unsigned i = 0; real && i < k->n; i++)
			if (!k->row[i].by_id[0] && strcmp(k->row[i].real, real) == 0)
				copy(k->row[i].by_id, sizeof(k->row[i].by_id), path);
		free(real);
	}
	if (d)
		closedir(d);
}

static void describe(const struct look *k, struct row *r)
{
	const char *base = strrchr(r->real, '/');

	usb_facts(k->sysfs, base ? base + 1 : r->real, &r->usb);
	if (!*r->maker)
		copy(r->maker, sizeof(r->maker), usb_maker(r->usb.vendor));
	if (!r->held)
		(void)port_used_by(r->real, r->used_by, sizeof(r->used_by));
	if (!*r->note && access(r->real, R_OK | W_OK) < 0 && errno == EACCES)
		port_say_denied(r->real, r->note, sizeof(r->note));
}

static void look(uv_work_t *w)
{
	struct look *k = w->data;

	for (unsigned i = 0; i < k->n; i++)
		resolve(&k->row[i]);
	add_others(k);
	add_stable_names(k);
	for (unsigned i = 0; i < k->n; i++)
		describe(k, &k->row[i]);
	k->n_portless = usb_portless(k->sysfs, k->portless, PORTLESS_MAX);
}

/* ---- on the loop again ---- */

static int by_path(const void *a, const void *b)
{
	return strverscmp(((const struct row *)a)->path, ((const struct row *)b)->path);
}

static void looked(uv_work_t *w, int status)
{
	struct look *k = w->data;
	struct driver_port *ports = calloc(k->n + k->n_portless + 1, sizeof(*ports));
	unsigned n = 0;

	qsort(k->row, k->n, sizeof(k->row[0]), by_path);
	for (unsigned i = 0; ports && i < k->n; i++) {
		const struct row *r = &k->row[i];

		ports[n++] = (struct driver_port){ .path = r->path, .by_id = r->by_id, .usb = r->usb.device,
			.vendor = r->usb.vendor, .product = r->usb.product, .state = r->state, .link = r->link,
			.used_by = r->used_by, .maker = r->maker, .model = r->model, .imei = r->imei, .iccid = r->iccid,
			.answers = r->answers, .note = r->note };
	}
	for (unsigned i = 0; ports && i < k->n_portless; i++) {
		const struct usb_portless *p = &k->portless[i];

		ports[n++] = (struct driver_port){ .path = "", .by_id = "", .usb = p->device, .vendor = p->vendor,
			.product = p->product, .state = "no_port", .answers = -1, .link = "", .used_by = "", .maker = usb_maker(p->vendor),
			.model = "", .imei = "", .iccid = "", .note = p->text };
	}
	k->done(k->arg, status < 0 ? status : ports ? 0 : -ENOMEM, ports, status < 0 ? 0 : n);
	free(ports);
	free(k);
}

int modem_ports(uv_loop_t *loop, driver_ports_cb *done, void *arg)
{
	struct look *k = calloc(1, sizeof(*k));
	int r;

	if (!k)
		return -ENOMEM;
	k->work.data = k;
	k->done = done;
	k->arg = arg;
	copy(k->sysfs, sizeof(k->sysfs), finder_sysfs());
	finder_ports(loop, add_known, k);
	r = uv_queue_work(loop, &k->work, look, looked);
	if (r < 0)
		free(k);
	return r;
}
