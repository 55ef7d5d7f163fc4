/* SPDX-License-Identifier: Apache-2.0 */
/* probe.h -- ask one port who is there: open it, knock at each speed, a few commands, close it. */
#ifndef MODEM_PROBE_H
#define MODEM_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct probe;

struct probe_identity {
	char maker[32], model[48], imei[20], imsi[20], iccid[24]; /* "" unknown */
};

struct probe_answer {
	bool modem;        /* somebody answers AT */
	int err;           /* the port does not open: -EBUSY, -EACCES …; 0 */
	const char *why;   /* it is of no use; lent */
	unsigned baud;     /* at which it answered */
	bool unsolicited;  /* it said something that nobody asked for */
	int pcui;          /* Huawei: the interface for commands, as it says; -1 unknown */
	struct probe_identity id;
};

struct probe_conf {
	const char *path;
	bool speeds;        /* its speed matters: try all; else one */
	bool ask_port_mode; /* ^GETPORTMODE */
	bool only_knock;    /* the speed is all that is wanted */
};

typedef void (*probe_done_cb)(void *arg, const struct probe_answer *a);

/* done() comes once, never from inside this call; then the probe is gone. */
int probe_start(uv_loop_t *loop, const struct probe_conf *c, probe_done_cb done, void *arg, struct probe **ret);
/* No done(). */
void probe_cancel(struct probe *p);

/* ---- what stands in answers, pure ---- */

/* The first run of min to max digits; false: there is none. */
bool probe_digits(const char *line, size_t min, size_t max, char *dst, size_t n_dst);
/* An ICCID, with its digits in order: some modems show them as they lie on the SIM, in swapped pairs.  All begin with
 * 89 (ITU-T E.118, 4.1). */
bool probe_iccid(const char *line, char dst[static 24]);
/* Huawei's "^GETPORTMODE: TYPE: WCDMA: huawei,MDM:0,PCUI:2,…": 2; -1: not there. */
int probe_pcui(const char *line);

#endif
