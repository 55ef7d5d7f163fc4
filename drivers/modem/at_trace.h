/* SPDX-License-Identifier: Apache-2.0 */
/* at_trace.h -- what went over the port of a modem, kept for a while when an operator asks for it.
 *
 * A ring of the last lines, both ways; it is there only when it was switched on, and switches itself off after ten
 * minutes.  A line is kept as it was; of a PDU the octets are, with '*' for each octet of its text.  PINs do not come
 * here at all (chat.c).  Numbers stay, as they are what such a look is for. */
#ifndef MODEM_AT_TRACE_H
#define MODEM_AT_TRACE_H

#include "driver.h"

#define AT_TRACE_LINES 1000u
#define AT_TRACE_TEXT  200u
#define AT_TRACE_PDU   200u
#define AT_TRACE_MS    600000u

struct at_trace_entry {
	int64_t at_ms; /* wall clock */
	uint16_t n_whole;
	uint8_t n_pdu;
	bool out;
	char text[AT_TRACE_TEXT];
	uint8_t pdu[AT_TRACE_PDU];
};

struct at_trace {
	struct at_trace_entry *ring; /* NULL: never switched on */
	uint64_t until_ms;           /* of the loop's clock; 0: off */
	uint64_t n_seen;
};

int at_trace_start(struct at_trace *t, uint64_t now_ms); /* anew, or for longer; 0 or -ENOMEM */
void at_trace_stop(struct at_trace *t);                  /* and forget */
void at_trace_add(struct at_trace *t, uint64_t now_ms, bool out, const char *line, size_t n);
/* From the oldest: `command` is the line, or the type of a PDU whose octets follow. */
void at_trace_each(const struct at_trace *t, void (*each)(void *arg, const struct driver_pdu *p), void *arg);

#endif
