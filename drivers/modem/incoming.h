/* SPDX-License-Identifier: Apache-2.0 */
/* incoming.h -- what a modem received: messages and status reports, from +CMT and +CDS and out of its memories.
 *
 * Nothing is acknowledged or deleted before the core says that it is on disk. */
#ifndef MODEM_INCOMING_H
#define MODEM_INCOMING_H

#include "driver.h"

struct modem;

struct incoming {
	bool listing;  /* a look through a memory runs */
	unsigned look; /* … and this one of can.memories */
};

/* +CMT, +CDS with their PDU; +CMTI, +CDSI with memory and index. True: it was one of these. */
bool incoming_urc(struct modem *m, const char *line, const char *pdu);
/* Look through all memories: at the start, and now and then. */
void incoming_drain(struct modem *m);
void incoming_ack(struct modem *m, struct driver_token token, int status);
/* The port is gone: forget what can only be asked again. */
void incoming_gone(struct modem *m);

#endif
