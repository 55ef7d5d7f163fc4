/* SPDX-License-Identifier: Apache-2.0 */
/* finder_int.h -- what the finder's files share.
 *
 *     finder.c        wants: who looks for what, and what they are told
 *     finder_scan.c   ttys: which there are, what is known of them, which is whose
 *     finder_watch.c  when to look
 *     probe.c         ask one */
#ifndef MODEM_FINDER_INT_H
#define MODEM_FINDER_INT_H

#include <sys/types.h>
#include <time.h>

#include "drivers/modem/finder.h"
#include "drivers/modem/finder_watch.h"
#include "drivers/modem/probe.h"
#include "drivers/modem/usb.h"

#define FINDER_PATH_MAX 256
#define TTYS_MAX        512 /* more are left out */
#define PROBES_MAX      4   /* at a time */

/* One serial port that there is. */
struct tty {
	struct tty *next;
	struct finder *finder;
	char path[FINDER_PATH_MAX]; /* as the glob or the setting gives it */
	char real[FINDER_PATH_MAX];
	struct usb_facts usb;
	bool adjustable;            /* its speed matters */
	bool seen;                  /* by the look that runs */
	bool absent;                /* not there any more, but somebody still holds it */
	bool by_path;               /* a link names it by its path: not ours to ask for others */
	/* Another device behind the same name is seen by these. */
	dev_t rdev;
	ino_t ino;
	struct timespec changed;
	enum finder_port_state state;
	struct finder_want *holder;
	struct probe *probe;
	uint64_t due_ms;            /* not to be asked before; of uv_now() */
	unsigned fails;
	/* What the last probe told: */
	bool answered;
	unsigned baud;
	bool unsolicited;
	int pcui;
	struct probe_identity id;
	char why[200];
};

enum want_kind { WANT_PATH, WANT_NETWORK, WANT_IMEI, WANT_ICCID, WANT_IMSI };

struct finder_want {
	struct finder_want *next;
	struct finder *finder;
	const struct finder_ops *ops;
	void *arg;
	enum want_kind kind;
	char link[64];
	char device[FINDER_PATH_MAX]; /* the setting */
	const char *number;           /* in it, behind "imei:" */
	unsigned baud;
	bool held;                    /* found() was told */
	struct tty *tty;              /* … of this one; NULL for tcp: */
	uint64_t found_ms;            /* when found() was told */
	uint64_t due_ms;              /* not to be found before */
	unsigned fails;
	char told[FINDER_WHY_MAX];    /* by the last absent() */
};

struct finder {
	struct finder *next;
	uv_loop_t *loop;
	char sysfs[FINDER_PATH_MAX];
	struct finder_want *wants;
	struct tty *ttys;
	unsigned n_ttys, n_probes;
	struct watch *watch;
	uv_timer_t timer;
	uint64_t scan_ms;             /* when to look through the globs again */
	bool in_turn, stopped;
};

/* ---- finder_scan.c ---- */

/* Look through the globs: ttys come and go. */
void finder_scan(struct finder *f);
/* Ask those that should be asked now, as far as there is room. */
void finder_ask(struct finder *f);
/* When to call finder_ask() again, at the latest; UINT64_MAX never. */
uint64_t finder_ask_due(const struct finder *f);
/* Nothing is known of it any more. */
void tty_forget(struct tty *t);
/* It was of no use: not again before a pause that grows. */
void tty_pause(struct tty *t, enum finder_port_state state, const char *why);
/* Nobody holds it any more. */
void tty_release(struct tty *t);
struct tty *finder_tty_of_path(struct finder *f, const char *path);
void finder_free_ttys(struct finder *f);

/* Whom the identity names.  1: *ret is the port; 0: wait, some are still to be asked; -ENOENT or -ENOTUNIQ and why. */
int finder_match(struct finder *f, const struct finder_want *w, struct tty **ret, char why[static FINDER_WHY_MAX]);
/* -ENXIO: it is known, and another.  Empty strings are not known. */
int finder_same(const struct finder_want *w, const struct probe_identity *id);

/* ---- finder.c ---- */

/* Something changed: look at all wants on the next turn. */
void finder_wake(struct finder *f);
/* For tests, before the first want: a tree that stands for /sys. */
void finder_set_sysfs(const char *root);

#endif
