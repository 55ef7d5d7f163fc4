/* SPDX-License-Identifier: Apache-2.0 */
/* usb.h -- what sysfs tells of a serial port, and of sticks that show no port at all.
 *
 * Reads a few small files of the kernel's memory; nothing here waits for a device. */
#ifndef MODEM_USB_H
#define MODEM_USB_H

#include <stdbool.h>
#include <stddef.h>

struct usb_facts {
	char device[64];   /* where it is plugged in, "1-1.4"; "": not USB, or unknown */
	unsigned vendor, product;
	unsigned number;   /* the bus's own count: another device in the same socket has another */
	int interface;     /* -1 unknown */
	unsigned subclass, protocol; /* of the interface */
	/* The device is one modem and all its ports are that modem's.  Else each port leads to a wire of its own, with
	 * a speed that matters: USB to RS-232. */
	bool native;
};

/* `tty`: "ttyUSB2", what stands in /sys/class/tty; what is not there is not USB. */
void usb_facts(const char *sysfs, const char *tty, struct usb_facts *ret);

/* How likely this port of a modem is the one for commands and unsolicited codes: above 0 known to be, below 0 known for
 * other things that still answer AT (PPP). */
int usb_port_rank(const struct usb_facts *f);

/* Known from elsewhere to break when it is asked ^GETPORTMODE. */
bool usb_may_ask_port_mode(const struct usb_facts *f);

/* Who makes modems of this vendor number, "" nobody we know. */
const char *usb_maker(unsigned vendor);

/* A stick of a maker of modems that shows no serial port: a sentence that says what it shows and what to do.  False:
 * there is none. */
bool usb_hint(const char *sysfs, char *text, size_t n_text);

#define USB_HINT_MAX 400
struct usb_portless {
	char device[64];
	unsigned vendor, product;
	char text[USB_HINT_MAX];
};
/* All of them, as many as fit; returns how many. */
unsigned usb_portless(const char *sysfs, struct usb_portless *list, unsigned n_max);

#endif
