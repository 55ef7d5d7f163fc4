/* SPDX-License-Identifier: Apache-2.0 */
/* finder_scan.c -- the ports that there are, who answers on each, and which of them an identity means.
 *
 * Asking a port is not free: it may belong to something that is no modem at all, or be the second port of a modem
 * that is busy.  So a port is asked only while a link looks for an identity; once, and again only when its device
 * changes or, where it said nothing, after pauses that grow.  All ports of a stick are one modem: once a link has one
 * of them, the others are left alone.
 *
 * An identity is looked up when no port is left that was never asked: a second modem with the same IMEI must be noticed
 * before the first is used, for a text that leaves by the wrong SIM cannot be taken back. */
#include <config.h>

#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "drivers/modem/finder_int.h"

#define UNUSABLE_MIN_MS 2000
#define UNUSABLE_MAX_MS 60000
#define SILENT_MIN_MS   30000
#define SILENT_MAX_MS   900000
#define PARTIAL_MIN_MS  3000 /* a SIM that is not ready tells no number */
#define LISTED_MAX      4    /* ports of a sentence */

/* ---- one port ---- */

void tty_forget(struct tty *t)
{
	t->answered = false;
	t->unsolicited = false;
	t->pcui = -1;
	t->baud = 0;
	t->fails = 0;
	t->due_ms = 0;
	t->why[0] = '\0';
	memset(&t->id, 0, sizeof(t->id));
	if (!t->holder && !t->probe)
		t->state = FINDER_PORT_NEW;
}

static uint64_t grow(uint64_t min, uint64_t max, unsigned n)
{
	uint64_t pause = min << (n < 10 ? n : 10);

	return pause < max ? pause : max;
}

void tty_pause(struct tty *t, enum finder_port_state state, const char *why)
{
	bool silent = state == FINDER_PORT_SILENT;

	t->state = state;
	t->due_ms = uv_now(t->finder->loop) + (silent ? grow(SILENT_MIN_MS, SILENT_MAX_MS, t->fails)
						      : grow(UNUSABLE_MIN_MS, UNUSABLE_MAX_MS, t->fails));
	t->fails++;
	snprintf(t->why, sizeof(t->why), "%s", why);
}

void tty_release(struct tty *t)
{
	t->holder = NULL;
	t->state = t->answered ? FINDER_PORT_MODEM : FINDER_PORT_NEW;
}

static void read_facts(struct tty *t, const struct stat *st)
{
	const char *base = strrchr(t->real, '/');

	t->rdev = st->st_rdev;
	t->ino = st->st_ino;
	t->changed = st->st_ctim;
	usb_facts(t->finder->sysfs, base ? base + 1 : t->real, &t->usb);
	t->adjustable = !t->usb.native && strncmp(t->real, "/dev/pts/", 9) != 0;
}

static bool is_other(const struct tty *t, const struct stat *st)
{
	return t->rdev != st->st_rdev || t->ino != st->st_ino || t->changed.tv_sec != st->st_ctim.tv_sec ||
		t->changed.tv_nsec != st->st_ctim.tv_nsec;
}

/* ---- which there are ---- */

static struct tty *find_real(struct finder *f, const char *real)
{
	struct tty *t = f->ttys;

	while (t && strcmp(t->real, real) != 0)
		t = t->next;
	return t;
}

struct tty *finder_tty_of_path(struct finder *f, const char *path)
{
	char *real = realpath(path, NULL);
	struct tty *t = real ? find_real(f, real) : NULL;

	free(real);
	return t;
}

static struct tty *add(struct finder *f, const char *path, const char *real)
{
	struct tty *t, **at = &f->ttys;

	if (f->n_ttys == TTYS_MAX || strlen(path) >= sizeof(t->path) || strlen(real) >= sizeof(t->real))
		return NULL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->finder = f;
	t->pcui = -1;
	snprintf(t->path, sizeof(t->path), "%s", path);
	snprintf(t->real, sizeof(t->real), "%s", real);
	while (*at)
		at = &(*at)->next;
	*at = t;
	f->n_ttys++;
	return t;
}

static void see(struct finder *f, const char *path, bool by_path)
{
	char *real = realpath(path, NULL);
	struct tty *t = real ? find_real(f, real) : NULL;
	struct stat st;

	if (!real || stat(real, &st) < 0 || !S_ISCHR(st.st_mode)) {
		free(real);
		return;
	}
	if (!t) {
		t = add(f, path, real);
		if (t)
			read_facts(t, &st);
	} else if (is_other(t, &st) && !t->probe && !t->holder) {
		read_facts(t, &st);
		tty_forget(t);
	}
	if (t) {
		if (!t->seen && strlen(path) < sizeof(t->path))
			snprintf(t->path, sizeof(t->path), "%s", path); /* a symbolic link may have another name now */
		t->seen = true;
		t->absent = false;
		t->by_path |= by_path;
	}
	free(real);
}

static void see_glob(struct finder *f, const char *pattern)
{
	glob_t g;

	watch_folder_of(f->watch, pattern);
	if (glob(pattern, 0, NULL, &g) != 0)
		return;
	for (size_t i = 0; i < g.gl_pathc; i++) {
		watch_folder_of(f->watch, g.gl_pathv[i]);
		see(f, g.gl_pathv[i], false);
	}
	globfree(&g);
}

static void see_globs(struct finder *f, const struct conf_strings *ports, const struct conf_strings **ret_last)
{
	if (!ports || ports == *ret_last) /* as a rule all links have the same */
		return;
	*ret_last = ports;
	for (size_t i = 0; i < ports->n; i++)
		see_glob(f, ports->item[i]);
}

static void drop(struct finder *f, struct tty **at)
{
	struct tty *t = *at;

	*at = t->next;
	f->n_ttys--;
	if (t->probe) {
		probe_cancel(t->probe);
		f->n_probes--;
	}
	free(t);
}

void finder_scan(struct finder *f)
{
	const struct conf_strings *last = NULL;

	for (struct tty *t = f->ttys; t; t = t->next)
		t->seen = t->by_path = false;
	for (struct finder_want *w = f->wants; w; w = w->next) {
		if (w->kind == WANT_PATH) {
			watch_folder_of(f->watch, w->device);
			see(f, w->device, true);
		}
		/* Links that name a path look nowhere else. */
		else if (w->kind != WANT_NETWORK)
			see_globs(f, w->ops->ports ? w->ops->ports(w->arg) : NULL, &last);
	}
	for (struct tty **at = &f->ttys; *at;) {
		struct tty *t = *at;

		if (!t->seen && !t->holder) {
			drop(f, at);
			continue;
		}
		t->absent = !t->seen;
		/* A link names what was about to be asked: it goes first. */
		if (t->probe && t->by_path && !t->adjustable) {
			probe_cancel(t->probe);
			t->probe = NULL;
			t->state = FINDER_PORT_NEW;
			f->n_probes--;
		}
		at = &t->next;
	}
}

void finder_free_ttys(struct finder *f)
{
	while (f->ttys)
		drop(f, &f->ttys);
}

/* ---- who is asked ---- */

/* A modem whose other port a link has, or names. */
static const struct tty *sibling_in_use(const struct finder *f, const struct tty *t)
{
	const struct tty *s = f->ttys;

	if (!t->usb.native)
		return NULL;
	while (s && (s == t || strcmp(s->usb.device, t->usb.device) != 0 || !(s->holder || s->by_path)))
		s = s->next;
	return s;
}

static bool sibling_answered(const struct finder *f, const struct tty *t)
{
	const struct tty *s = f->ttys;

	if (!t->usb.native)
		return false;
	while (s && (s == t || strcmp(s->usb.device, t->usb.device) != 0 || !s->answered))
		s = s->next;
	return s != NULL;
}

/* Does somebody look for what this modem has not told? */
static bool lacks_something(const struct finder *f, const struct tty *t)
{
	for (const struct finder_want *w = f->wants; w; w = w->next) {
		if (w->held)
			continue;
		if ((w->kind == WANT_IMEI && !t->id.imei[0]) || (w->kind == WANT_IMSI && !t->id.imsi[0]) ||
			(w->kind == WANT_ICCID && !t->id.iccid[0]))
			return true;
	}
	return false;
}

static bool identity_is_wanted(const struct finder *f)
{
	const struct finder_want *w = f->wants;

	while (w && (w->held || w->kind == WANT_PATH || w->kind == WANT_NETWORK))
		w = w->next;
	return w != NULL;
}

/* A link that names this line, and not its speed. */
static bool speed_is_wanted(const struct finder *f, const struct tty *t)
{
	if (!t->adjustable || !t->by_path || t->answered)
		return false;
	for (const struct finder_want *w = f->wants; w; w = w->next)
		if (w->kind == WANT_PATH && !w->held && !w->baud &&
			finder_tty_of_path((struct finder *)f, w->device) == t)
			return true;
	return false;
}

/* Should it be asked, now or when its pause is over? */
static bool is_to_be_asked(const struct finder *f, const struct tty *t)
{
	if (t->holder || t->probe || t->absent)
		return false;
	if (t->by_path)
		return speed_is_wanted(f, t);
	if (!identity_is_wanted(f) || sibling_in_use(f, t))
		return false;
	if (t->state == FINDER_PORT_MODEM)
		return lacks_something(f, t);
	return t->state != FINDER_PORT_SILENT || !sibling_answered(f, t);
}

static void on_probed(void *arg, const struct probe_answer *a)
{
	struct tty *t = arg;
	struct finder *f = t->finder;

	t->probe = NULL;
	f->n_probes--;
	if (a->modem) {
		t->answered = true;
		t->state = FINDER_PORT_MODEM;
		t->why[0] = '\0';
		t->baud = a->baud;
		t->unsolicited |= a->unsolicited;
		t->pcui = a->pcui;
		t->id = a->id;
		/* Should it lack something: */
		t->due_ms = uv_now(f->loop) + grow(PARTIAL_MIN_MS, UNUSABLE_MAX_MS, t->fails++);
	} else {
		t->answered = false;
		tty_pause(t, a->err ? FINDER_PORT_UNUSABLE : FINDER_PORT_SILENT, a->why);
	}
	log_info("modem_port", "port=%s state=%s maker=%s model=%s imei=%s baud=%u reason=%s", t->path,
		finder_port_state_name(t->state), t->id.maker, t->id.model, t->id.imei, t->baud, t->why);
	finder_wake(f);
}

static void ask(struct finder *f, struct tty *t)
{
	const struct probe_conf c = {
		.path = t->real, .speeds = t->adjustable, .ask_port_mode = usb_may_ask_port_mode(&t->usb),
		.only_knock = t->by_path,
	};

	if (probe_start(f->loop, &c, on_probed, t, &t->probe) < 0) {
		tty_pause(t, FINDER_PORT_UNUSABLE, "no memory");
		return;
	}
	t->state = FINDER_PORT_ASKING;
	f->n_probes++;
}

void finder_ask(struct finder *f)
{
	uint64_t now = uv_now(f->loop);

	for (struct tty *t = f->ttys; t && f->n_probes < PROBES_MAX; t = t->next)
		if (t->due_ms <= now && is_to_be_asked(f, t))
			ask(f, t);
}

uint64_t finder_ask_due(const struct finder *f)
{
	uint64_t when = UINT64_MAX;

	if (f->n_probes == PROBES_MAX)
		return when; /* the end of one wakes us */
	for (const struct tty *t = f->ttys; t; t = t->next)
		if (t->due_ms < when && is_to_be_asked(f, t))
			when = t->due_ms;
	return when;
}

/* ---- who is meant ---- */

/* The last digit of an IMEI is a check digit, which some leave out; an IMEISV has two of another kind in its place
 * (3GPP TS 23.003, 6.2).  The last of an ICCID likewise (ITU-T E.118, 4.1). */
static bool same_number(enum want_kind kind, const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b), n = na < nb ? na : nb;

	switch (kind) {
	case WANT_IMEI: return na == nb ? strcmp(a, b) == 0 : n >= 14 && strncmp(a, b, 14) == 0;
	case WANT_ICCID: return n >= 18 && na + 1 >= nb && nb + 1 >= na && strncmp(a, b, n) == 0;
	case WANT_IMSI: return strcmp(a, b) == 0;
	case WANT_PATH:
	case WANT_NETWORK: break;
	}
	return true;
}

static const char *number_of(enum want_kind kind, const struct probe_identity *id)
{
	return kind == WANT_IMEI ? id->imei : kind == WANT_ICCID ? id->iccid : kind == WANT_IMSI ? id->imsi : "";
}

int finder_same(const struct finder_want *w, const struct probe_identity *id)
{
	const char *number = number_of(w->kind, id);

	return !number[0] || same_number(w->kind, number, w->number) ? 0 : -ENXIO;
}

static bool is_meant(const struct finder_want *w, const struct tty *t)
{
	const char *number = number_of(w->kind, &t->id);

	return (t->answered || t->holder) && !t->absent && number[0] && same_number(w->kind, number, w->number);
}

/* Two ports of one modem, as far as anybody can tell: a SIM is in one modem only. */
static bool same_modem(const struct tty *a, const struct tty *b)
{
	if (a->usb.native && b->usb.native)
		return strcmp(a->usb.device, b->usb.device) == 0;
	if (a->id.iccid[0] && b->id.iccid[0])
		return same_number(WANT_ICCID, a->id.iccid, b->id.iccid);
	return a->id.imsi[0] && strcmp(a->id.imsi, b->id.imsi) == 0;
}

/* The port to use, of several: where commands go and unsolicited codes come. */
static int rank(const struct tty *t)
{
	int r = 10 * usb_port_rank(&t->usb) + (t->unsolicited ? 5 : 0);

	if (t->pcui >= 0)
		r += t->pcui == t->usb.interface ? 25 : -5;
	return r;
}

static const char *word(enum want_kind kind)
{
	return kind == WANT_IMEI ? "IMEI" : kind == WANT_ICCID ? "ICCID" : "IMSI";
}

struct sentence {
	char *at;
	size_t left;
};

__attribute__((format(printf, 2, 3))) static void put(struct sentence *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(s->at, s->left, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= s->left)
		n = s->left ? (int)s->left - 1 : 0;
	s->at += n;
	s->left -= (size_t)n;
}

/* What was found on one port instead. */
static void put_port(struct sentence *s, const struct finder *f, const struct finder_want *w, const struct tty *t)
{
	const char *number = number_of(w->kind, &t->id);
	const struct tty *other = sibling_in_use(f, t);
	size_t n_path = strlen(t->path);

	put(s, "%s: ", t->path);
	if (number[0])
		put(s, "%s %s", word(w->kind), number);
	else if (t->holder)
		put(s, "in use by link \"%s\"", t->holder->link);
	else if (t->answered)
		put(s, "a modem that tells no %s", word(w->kind));
	else if (t->by_path)
		put(s, "left to the link that names it");
	else if (other)
		put(s, "the same modem as %s", other->path);
	else if (strncmp(t->why, t->path, n_path) == 0)
		put(s, "%s", t->why + n_path + strspn(t->why + n_path, ": "));
	else
		put(s, "%s", t->why);
}

static void say_nobody(const struct finder *f, const struct finder_want *w, char why[static FINDER_WHY_MAX])
{
	struct sentence s = { why, FINDER_WHY_MAX };
	char hint[300];
	unsigned n = 0;

	if (f->n_ttys == 0) {
		const struct conf_strings *ports = w->ops->ports ? w->ops->ports(w->arg) : NULL;

		put(&s, "no modem with %s %s: no port", word(w->kind), w->number);
		for (size_t i = 0; ports && i < ports->n; i++)
			put(&s, "%s%s", i ? ", " : " ", ports->item[i]);
		put(&s, " is there");
	} else {
		put(&s, "no modem with %s %s on any of %u ports looked at (", word(w->kind), w->number, f->n_ttys);
		for (const struct tty *t = f->ttys; t && n < LISTED_MAX; t = t->next) {
			put(&s, "%s", n++ ? "; " : "");
			put_port(&s, f, w, t);
		}
		put(&s, "%s)", f->n_ttys > n ? "; …" : "");
	}
	if (usb_hint(f->sysfs, hint, sizeof(hint)))
		put(&s, "; %s", hint);
}

int finder_match(struct finder *f, const struct finder_want *w, struct tty **ret, char why[static FINDER_WHY_MAX])
{
	struct tty *best = NULL;
	const struct tty *held = NULL;

	for (const struct tty *t = f->ttys; t; t = t->next)
		if (t->probe || (t->state == FINDER_PORT_NEW && is_to_be_asked(f, t)))
			return 0;
	for (struct tty *t = f->ttys; t; t = t->next) {
		if (!is_meant(w, t))
			continue;
		if (best && !same_modem(best, t)) {
			snprintf(why, FINDER_WHY_MAX, "two modems answer to %.40s (%.100s and %.100s); use %sthe path of the port",
				w->device, best->path, t->path, w->kind == WANT_IMEI ? "iccid: or " : "");
			return -ENOTUNIQ;
		}
		if (t->holder || t->by_path)
			held = t;
		if (!best || rank(t) > rank(best))
			best = t;
	}
	if (!best) {
		say_nobody(f, w, why);
		return -ENOENT;
	}
	if (held) {
		snprintf(why, FINDER_WHY_MAX, "the modem with %s %.24s is %.100s, %s%s%s", word(w->kind), w->number, held->path,
			held->holder ? "in use by link \"" : "which another link names", held->holder ? held->holder->link : "",
			held->holder ? "\"" : "");
		return -ENOENT;
	}
	*ret = best;
	return 1;
}
