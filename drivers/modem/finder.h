/* SPDX-License-Identifier: Apache-2.0 */
/* finder.h -- which port is whose.
 *
 * A link names its modem by a port ("/dev/ttyUSB2", "/dev/serial/by-id/…", "tcp:HOST:PORT") or by who answers there
 * ("imei:…", "iccid:…", "imsi:…").  Port numbers change with every reset of a stick; the finder keeps looking.
 *
 *     want ─► looking ─found()─► held by the link ─finder_again()─► looking …
 *                └─absent()─┘
 *
 * There is one finder for each loop; all links share it, so that no port is asked twice and none that is in use is
 * asked at all.  It looks when something in the folders of the ports changes, and now and then in case that it was not
 * told.  A path is found as soon as it is there: nobody is asked.  For an identity each port is opened for a moment
 * and asked who it is; of several ports of one modem the one with the unsolicited codes is found.  Ports that are held,
 * that another program has, or that a link names by its path are left alone; what was learnt is kept as long as the
 * device stays plugged in, and ports that say nothing are asked ever more seldom.
 *
 * No callback comes from inside a call of this file. */
#ifndef MODEM_FINDER_H
#define MODEM_FINDER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/conf.h"

struct finder_want;

#define FINDER_WHY_MAX 400

/* All strings are lent, "" where not known. */
struct finder_found {
	const char *name;              /* for port_open() */
	unsigned baud;                 /* it answered at that; 0: not tried, or of no meaning */
	const char *imei, *imsi, *iccid;
	const char *maker, *model;
	const char *device;            /* where it is plugged in: "1-1.4" of the USB, else "" */
};

struct finder_ops {
	/* The port is the link's until finder_again() or finder_release(). */
	void (*found)(void *arg, const struct finder_found *f);
	/* It is not there, or cannot be told from another; a sentence for link_down().  Comes again when the reason
	 * changes.  The finder goes on looking. */
	void (*absent)(void *arg, const char *why);
	/* The globs of `modem_ports` as they are now: a reload may change them.  Lent. */
	const struct conf_strings *(*ports)(void *arg);
};

struct finder_conf {
	const char *link;   /* its name, for messages */
	const char *device; /* the setting */
	unsigned baud;      /* 0: try the usual ones */
};

/* 0: found() or absent() follows.  -EINVAL: `device` is none of the forms above; -ENOMEM.  `c` is lent for the call. */
int finder_want(uv_loop_t *loop, const struct finder_conf *c, const struct finder_ops *ops, void *arg,
	struct finder_want **ret);

/* What is wrong with the port that was found. */
enum finder_trouble {
	FINDER_HUNG_UP,   /* it went away: look at once, and again when something changes */
	FINDER_NOT_OPEN,  /* it could not be opened: pause, longer each time */
	FINDER_NOT_MODEM, /* it answers nothing, or is somebody else: likewise, and what was known of it is forgotten */
};
/* The link has closed the port, or never had it; found() or absent() follows.  `why`: for people; may be NULL. */
void finder_again(struct finder_want *w, enum finder_trouble t, const char *why);

/* Who answered on the port that was found; "" unknown.  -ENXIO: not whom the link wants (then close the port and call
 * finder_again() with FINDER_NOT_MODEM).  Call it at each opening: a cached answer may be old. */
int finder_check(struct finder_want *w, const char *imei, const char *imsi, const char *iccid);

/* No callback after this; the link has closed its port. */
void finder_release(struct finder_want *w);

/* ---- for people ---- */

enum finder_port_state {
	FINDER_PORT_NEW,      /* not asked yet */
	FINDER_PORT_ASKING,
	FINDER_PORT_MODEM,    /* answers */
	FINDER_PORT_SILENT,   /* opens, but nobody answers AT */
	FINDER_PORT_UNUSABLE, /* does not open; see why */
	FINDER_PORT_HELD,     /* by a link */
};

struct finder_port {
	const char *path, *device;
	enum finder_port_state state;
	const char *link;              /* that holds it, or wants it by its path; "" none */
	const char *maker, *model, *imei, *imsi, *iccid;
	unsigned baud;
	bool unsolicited;              /* its codes come here: the port to use, of several */
	const char *why;               /* why it is of no use; "" */
};

const char *finder_port_state_name(enum finder_port_state s);
/* What stands for /sys. */
const char *finder_sysfs(void);
/* All ports that the globs of all links name.  Nothing when no link of this loop wants a modem. */
void finder_ports(uv_loop_t *loop, void (*each)(void *arg, const struct finder_port *p), void *arg);

#endif
