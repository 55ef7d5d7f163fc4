/* SPDX-License-Identifier: Apache-2.0 */
/* port.h -- a serial port, or what stands in for one: "/dev/ttyUSB0", a symbolic link to it, "tcp:HOST:PORT".
 *
 * The only file that knows libserialport.  It opens ports for us where it can: names are resolved first, since 0.1.1
 * refuses symbolic links; ttys that are in no sysfs (pseudo terminals) or have no modem lines get raw termios of our
 * own.  From then on a port is one descriptor under uv_poll.
 *
 * A port is ours alone: flock() and TIOCEXCL; -EBUSY with a sentence that names the likely owner when it is not.
 *
 * It hangs up when the poll fails or reads nothing: gone() comes once, and is the last callback. */
#ifndef MODEM_PORT_H
#define MODEM_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct port;

#define PORT_OUT_MAX 8192 /* octets not yet with the kernel */
#define PORT_WHY_MAX 200

struct port_conf {
	const char *name;
	unsigned baud;          /* 0: 115200; of no meaning for tcp: */
	unsigned chunk, gap_ms; /* so many octets at a time, with a pause between (quirk); 0: no such rule */
	bool rtscts;
};

struct port_ops {
	void (*opened)(void *arg);                 /* never from inside port_open() */
	void (*read)(void *arg, const uint8_t *data, size_t n); /* lent; n > 0 */
	void (*gone)(void *arg, const char *why);  /* a sentence for people; not after port_close() */
};

/* 0: opened() or gone() follows.  Else -ENOENT (no such port), -EBUSY, -EACCES, -ENOTTY, -ENOMEM … and `why` says it for
 * people, with how to mend it. */
int port_open(uv_loop_t *loop, const struct port_conf *c, const struct port_ops *ops, void *arg, struct port **ret,
	char why[static PORT_WHY_MAX]);
/* All or nothing; -ENOBUFS, -EPIPE when it is gone (gone() follows or came). */
int port_write(struct port *p, const void *data, size_t n);
/* Ends by itself; no callback after this.  The memory goes when libuv has closed the handles. */
void port_close(struct port *p);
/* What it really is, "/dev/ttyUSB2". */
const char *port_path(const struct port *p);

#endif
