/* SPDX-License-Identifier: Apache-2.0 */
/* ussd.h -- short codes of the operator ("*100#"): balance, own number, menus (3GPP TS 27.007, 7.15). */
#ifndef MODEM_USSD_H
#define MODEM_USSD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/conf_make.h"
#include "driver.h"

struct modem;

#define USSD_TEXT_MAX 1600 /* octets of UTF-8 */

struct ussd {
	uv_timer_t timer;
	driver_ussd_cb *done; /* NULL: nobody waits */
	void *arg;
	char code[DRIVER_USSD_MAX * 4 + 1];
	bool tried_packed;
	uint64_t n_network;   /* what the network said unasked … */
	char network_text[USSD_TEXT_MAX]; /* … last */
};

int ussd_init(struct modem *m);
/* driver.h */
int ussd_ask(struct modem *m, const char *code, driver_ussd_cb *done, void *arg);
/* True: it was a +CUSD. */
bool ussd_urc(struct modem *m, const char *line);
/* The port is gone, or the link stops. */
void ussd_end(struct modem *m, int r, const char *why);

/* ---- pure ---- */

/* The line as chat.c tells it: status (27.007: 0 to 5) and text; -EINVAL when it has no status. */
int ussd_read(const char *line, enum conf_make_ussd form, unsigned *ret_status, char text[static USSD_TEXT_MAX]);
/* A code as this modem wants it, in `dst`; -EMSGSIZE, or -EINVAL: the alphabet has no such character. */
int ussd_write(const char *code, enum conf_make_ussd form, char *dst, size_t cap);

#endif
