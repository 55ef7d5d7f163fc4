/* SPDX-License-Identifier: Apache-2.0 */
/* port.h -- a serial port, or what stands in for one: "/dev/ttyUSB0", a symbolic link to it, "tcp:HOST:PORT".
 *
 * port.c is the only file that knows libserialport.  It opens ports for us where it can: names are resolved first,
 * since 0.1.1 refuses symbolic links; ttys that are in no sysfs (pseudo terminals) or have no modem lines get raw
 * termios of our own.  From then on a port is one descriptor under uv_poll.
 *
 * A port is ours alone: flock() and TIOCEXCL; -EBUSY with a sentence that names the likely owner when it is not.
 *
 * Whatever may wait for a device that hangs (open, its settings, close) is done by a thread of libuv's pool.
 *
 * A port hangs up when the poll fails or reads nothing: gone() comes once, and is the last callback.
 *
 * The far end of tcp: may be a terminal server that talks telnet: its negotiation is answered and taken out. */
#ifndef MODEM_PORT_H
#define MODEM_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct port;

#define PORT_OUT_MAX 8192 /* octets not yet with the kernel */
#define PORT_WHY_MAX 400

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

/* 0: opened() or gone() follows.  Else -ENOENT (no such port), -ENOTTY (no serial port), -EINVAL (tcp: without host or
 * port), -ENOMEM … and `why` says it for people, with how to mend it.  What only the thread can tell comes by gone():
 * see port_error(). */
int port_open(uv_loop_t *loop, const struct port_conf *c, const struct port_ops *ops, void *arg, struct port **ret,
	char why[static PORT_WHY_MAX]);
/* All or nothing; -ENOBUFS, -EPIPE when it is gone (gone() follows or came) or not open yet. */
int port_write(struct port *p, const void *data, size_t n);
/* Inside gone() and after it: -EBUSY (somebody else has it), -EACCES, -EIO … */
int port_error(const struct port *p);
/* From the next write on; what conf said before nobody knew whose port it is. */
void port_set_pace(struct port *p, unsigned chunk, unsigned gap_ms);
/* Must be called once, also after gone(); it never waits, and what is not sent is dropped.  No callback after this.
 * The port may be opened again at once.  The memory goes when libuv has closed the handles. */
void port_close(struct port *p);
/* What it really is, "/dev/ttyUSB2". */
const char *port_path(const struct port *p);
/* Is this the name of a port over TCP? */
bool port_is_network(const char *name);

#endif
