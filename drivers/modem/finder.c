/* SPDX-License-Identifier: Apache-2.0 */
/* finder.c -- see finder.h: the wants.
 *
 * Everything that is told is told from one timer, never from inside a call.  A callback may release any want, so the
 * list is walked from its head again after each. */
#include <config.h>

#include "drivers/modem/finder.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "drivers/modem/finder_int.h"
#include "drivers/modem/port.h"

#define SETTLE_MS    150   /* after a change: udev has more to do */
#define SCAN_MS      15000 /* without any, while somebody looks */
#define SCAN_IDLE_MS 60000
#define RETRY_MIN_MS 500
#define RETRY_MAX_MS 30000
#define LASTED_MS    10000 /* what hung up sooner than that does so again */

static struct finder *finders; /* one for each loop that has modems; loops of different threads are not foreseen */
static char sysfs_root[FINDER_PATH_MAX] = "/sys";

const char *finder_sysfs(void)
{
	return sysfs_root;
}

void finder_set_sysfs(const char *root)
{
	snprintf(sysfs_root, sizeof(sysfs_root), "%s", root);
}

/* ---- one finder ---- */

static void on_timer(uv_timer_t *t);

void finder_wake(struct finder *f)
{
	if (!f->in_turn && !f->stopped)
		uv_timer_start(&f->timer, on_timer, 0, 0);
}

static void at_most(uint64_t *when, uint64_t limit)
{
	if (*when > limit)
		*when = limit;
}

static void plan(struct finder *f)
{
	uint64_t now = uv_now(f->loop), when = f->scan_ms;

	for (const struct finder_want *w = f->wants; w; w = w->next)
		if (!w->held && w->due_ms > now)
			at_most(&when, w->due_ms);
	at_most(&when, finder_ask_due(f));
	uv_timer_start(&f->timer, on_timer, when > now ? when - now : 0, 0);
}

static void on_changed(void *arg)
{
	struct finder *f = arg;

	uint64_t soon = uv_now(f->loop) + SETTLE_MS;

	at_most(&f->scan_ms, soon);
	/* What was in vain may be so no more. */
	for (struct finder_want *w = f->wants; w; w = w->next)
		if (!w->held && w->kind != WANT_NETWORK)
			at_most(&w->due_ms, soon);
	if (!f->in_turn)
		plan(f);
}

static struct finder *find(uv_loop_t *loop)
{
	struct finder *f = finders;

	while (f && f->loop != loop)
		f = f->next;
	return f;
}

static int get(uv_loop_t *loop, struct finder **ret)
{
	struct finder *f = find(loop);
	int r;

	*ret = f;
	if (f)
		return 0;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->loop = loop;
	snprintf(f->sysfs, sizeof(f->sysfs), "%s", sysfs_root);
	r = watch_new(loop, on_changed, f, &f->watch);
	if (r < 0) {
		free(f);
		return r;
	}
	uv_timer_init(loop, &f->timer);
	f->timer.data = f;
	f->next = finders;
	finders = f;
	*ret = f;
	return 0;
}

static void on_timer_closed(uv_handle_t *h)
{
	free(h->data);
}

static void put(struct finder *f)
{
	struct finder **at = &finders;

	if (f->wants || f->in_turn)
		return;
	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	f->stopped = true;
	watch_stop(f->watch);
	finder_free_ttys(f);
	uv_close((uv_handle_t *)&f->timer, on_timer_closed);
}

/* ---- what a want is told ---- */

static void tell_found(struct finder_want *w, struct tty *t)
{
	const struct probe_identity none = { 0 }, *id = t ? &t->id : &none;
	const struct finder_found found = {
		.name = t ? t->path : w->device,
		.baud = w->baud ? w->baud : t ? t->baud : 0,
		.imei = id->imei, .imsi = id->imsi, .iccid = id->iccid, .maker = id->maker, .model = id->model,
		.device = t ? t->usb.device : "",
	};

	w->held = true;
	w->found_ms = uv_now(w->finder->loop);
	w->told[0] = '\0';
	w->tty = t;
	if (t) {
		t->holder = w;
		t->state = FINDER_PORT_HELD;
		t->why[0] = '\0';
	}
	log_info("modem_found", "link=%s port=%s device=%s", w->link, found.name, w->device);
	w->ops->found(w->arg, &found);
}

static void tell_absent(struct finder_want *w, const char *why)
{
	snprintf(w->told, sizeof(w->told), "%s", why);
	w->ops->absent(w->arg, why);
}

/* 1: *ret is the port; 0: wait; -ENOENT and why. */
static int look_for_path(struct finder_want *w, struct tty **ret, char why[static FINDER_WHY_MAX])
{
	struct tty *t = finder_tty_of_path(w->finder, w->device);
	char hint[300];
	struct stat st;

	if (!t || t->absent) {
		/* What is no port is for port_open() to refuse, with its own words. */
		if (!t && stat(w->device, &st) == 0) {
			*ret = NULL;
			return 1;
		}
		if (usb_hint(w->finder->sysfs, hint, sizeof(hint)))
			snprintf(why, FINDER_WHY_MAX, "%.80s is not there; %s", w->device, hint);
		else
			snprintf(why, FINDER_WHY_MAX, "%s is not there", w->device);
		return -ENOENT;
	}
	if (t->holder && t->holder != w) {
		snprintf(why, FINDER_WHY_MAX, "%s is in use by link \"%s\"", w->device, t->holder->link);
		return -ENOENT;
	}
	if (t->probe)
		return 0;
	/* An RS-232 line whose speed nobody told: whoever answers has found it. */
	if (t->adjustable && !w->baud && t->state != FINDER_PORT_MODEM) {
		if (t->state != FINDER_PORT_SILENT && t->state != FINDER_PORT_UNUSABLE)
			return 0;
		snprintf(why, FINDER_WHY_MAX, "%.90s: %s", w->device, t->why);
		return -ENOENT;
	}
	*ret = t;
	return 1;
}

/* True: it was told something, and the list may be another. */
static bool tell(struct finder_want *w)
{
	char why[FINDER_WHY_MAX] = "";
	struct tty *t = NULL;
	int r;

	if (w->held || w->due_ms > uv_now(w->finder->loop))
		return false;
	if (w->kind == WANT_NETWORK)
		r = 1;
	else if (w->kind == WANT_PATH)
		r = look_for_path(w, &t, why);
	else
		r = finder_match(w->finder, w, &t, why);
	if (r > 0)
		tell_found(w, t);
	else if (r < 0 && strcmp(why, w->told) != 0)
		tell_absent(w, why);
	else
		return false;
	return true;
}

static bool somebody_looks(const struct finder *f)
{
	const struct finder_want *w = f->wants;

	while (w && w->held)
		w = w->next;
	return w != NULL;
}

static void on_timer(uv_timer_t *t)
{
	struct finder *f = t->data;
	struct finder_want *w;

	f->in_turn = true;
	if (f->scan_ms <= uv_now(f->loop)) {
		finder_scan(f);
		f->scan_ms = uv_now(f->loop) + (somebody_looks(f) ? SCAN_MS : SCAN_IDLE_MS);
	}
	for (w = f->wants; w; w = tell(w) ? f->wants : w->next)
		;
	finder_ask(f);
	f->in_turn = false;
	if (f->wants)
		plan(f);
	else
		put(f);
}

/* ---- the calls ---- */

static bool parse(struct finder_want *w, const char *device)
{
	static const struct {
		const char *prefix;
		enum want_kind kind;
	} forms[] = { { "imei:", WANT_IMEI }, { "iccid:", WANT_ICCID }, { "imsi:", WANT_IMSI } };

	if (strlen(device) >= sizeof(w->device))
		return false;
	snprintf(w->device, sizeof(w->device), "%s", device);
	w->number = "";
	if (port_is_network(device)) {
		w->kind = WANT_NETWORK;
		return true;
	}
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		size_t n = strlen(forms[i].prefix);

		if (strncmp(device, forms[i].prefix, n) != 0)
			continue;
		w->kind = forms[i].kind;
		w->number = w->device + n;
		return w->number[0] && w->number[strspn(w->number, "0123456789")] == '\0';
	}
	w->kind = WANT_PATH;
	return device[0] == '/';
}

int finder_want(uv_loop_t *loop, const struct finder_conf *c, const struct finder_ops *ops, void *arg,
	struct finder_want **ret)
{
	struct finder_want *w = calloc(1, sizeof(*w)), **at;
	int r;

	if (!w)
		return -ENOMEM;
	r = parse(w, c->device) ? get(loop, &w->finder) : -EINVAL;
	if (r < 0) {
		free(w);
		return r;
	}
	w->ops = ops;
	w->arg = arg;
	w->baud = c->baud;
	snprintf(w->link, sizeof(w->link), "%s", c->link);
	/* In the order of their coming: the first of two that want the same gets it. */
	for (at = &w->finder->wants; *at; at = &(*at)->next)
		;
	*at = w;
	w->finder->scan_ms = 0;
	finder_wake(w->finder);
	*ret = w;
	return 0;
}

static void let_go(struct finder_want *w)
{
	if (w->tty)
		tty_release(w->tty);
	w->tty = NULL;
	w->held = false;
}

void finder_again(struct finder_want *w, enum finder_trouble trouble, const char *why)
{
	struct finder *f = w->finder;
	struct tty *t = w->tty;
	uint64_t pause = (uint64_t)RETRY_MIN_MS << (w->fails < 6 ? w->fails : 6);

	assert(w->held);
	if (pause > RETRY_MAX_MS)
		pause = RETRY_MAX_MS;
	let_go(w);
	w->due_ms = 0;
	if (trouble == FINDER_HUNG_UP) {
		/* Whoever comes back there may be another; and the name is there for a moment after the end. */
		w->fails = uv_now(f->loop) - w->found_ms < LASTED_MS ? w->fails + 1 : 0;
		w->due_ms = uv_now(f->loop) + (w->fails > 1 ? pause : SETTLE_MS);
		if (t) {
			tty_forget(t);
			t->due_ms = w->due_ms;
		}
		at_most(&f->scan_ms, w->due_ms);
	} else {
		w->fails++;
		w->due_ms = uv_now(f->loop) + pause;
		if (t && trouble == FINDER_NOT_MODEM) {
			tty_forget(t);
			tty_pause(t, FINDER_PORT_SILENT, why ? why : "it did not answer as a modem");
		}
	}
	if (!f->in_turn)
		plan(f);
}

int finder_check(struct finder_want *w, const char *imei, const char *imsi, const char *iccid)
{
	struct probe_identity id = { 0 };

	snprintf(id.imei, sizeof(id.imei), "%s", imei);
	snprintf(id.imsi, sizeof(id.imsi), "%s", imsi);
	(void)probe_iccid(iccid, id.iccid);
	if (w->tty) {
		snprintf(id.maker, sizeof(id.maker), "%s", w->tty->id.maker);
		snprintf(id.model, sizeof(id.model), "%s", w->tty->id.model);
		if (memcmp(&w->tty->id, &id, sizeof(id)) != 0)
			finder_wake(w->finder); /* others may look for it */
		w->tty->id = id;
	}
	w->fails = 0;
	return finder_same(w, &id);
}

void finder_release(struct finder_want *w)
{
	struct finder_want **at = &w->finder->wants;
	struct finder *f = w->finder;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	let_go(w);
	free(w);
	f->scan_ms = 0; /* what only it named goes */
	finder_wake(f);
	put(f);
}

/* ---- for people ---- */

const char *finder_port_state_name(enum finder_port_state s)
{
	static const char *const names[] = {
		[FINDER_PORT_NEW] = "new", [FINDER_PORT_ASKING] = "asking", [FINDER_PORT_MODEM] = "modem",
		[FINDER_PORT_SILENT] = "silent", [FINDER_PORT_UNUSABLE] = "unusable", [FINDER_PORT_HELD] = "in_use",
	};

	return names[s];
}

static const char *link_of(const struct finder *f, const struct tty *t)
{
	if (t->holder)
		return t->holder->link;
	for (const struct finder_want *w = f->wants; t->by_path && w; w = w->next)
		if (w->kind == WANT_PATH && (strcmp(w->device, t->path) == 0 || strcmp(w->device, t->real) == 0))
			return w->link;
	return "";
}

void finder_ports(uv_loop_t *loop, void (*each)(void *arg, const struct finder_port *p), void *arg)
{
	const struct finder *f = find(loop);

	for (const struct tty *t = f ? f->ttys : NULL; t; t = t->next) {
		const struct finder_port p = {
			.path = t->path, .device = t->usb.device, .state = t->state, .link = link_of(f, t),
			.maker = t->id.maker, .model = t->id.model, .imei = t->id.imei, .imsi = t->id.imsi,
			.iccid = t->id.iccid, .baud = t->baud, .unsolicited = t->unsolicited, .why = t->why,
		};

		each(arg, &p);
	}
}
