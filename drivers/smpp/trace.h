/* SPDX-License-Identifier: Apache-2.0 */
/* trace.h -- what went over the wire of a link, kept for a while when an operator asks for it.
 *
 * A ring of the last TRACE_PDUS PDUs, both ways, of all binds.  It is there only when it was switched on, switches
 * itself off after TRACE_MS, and then still shows what it has.  No entry holds a text or a password: their octets are
 * '*' before they are kept.  Numbers and addresses stay, as they are what such a look is for; so do receipts, up to
 * their "text:".  What cannot be read as what it claims to be keeps its header only. */
#ifndef SMPP_TRACE_H
#define SMPP_TRACE_H

#include "driver.h"

#define TRACE_PDUS   1000u
#define TRACE_OCTETS 240u /* of one PDU; the rest is counted, not kept */
#define TRACE_MS     600000u

struct trace_entry {
	int64_t at_ms; /* wall clock */
	uint32_t n_whole;
	uint16_t n;
	uint8_t bind;
	bool out;
	uint8_t octets[TRACE_OCTETS];
};

struct trace {
	struct trace_entry *ring; /* NULL: never switched on */
	uint64_t until_ms;        /* of the loop's clock; 0: off */
	uint64_t n_seen;
};

static inline bool trace_is_on(const struct trace *t)
{
	return t->until_ms != 0;
}

int trace_start(struct trace *t, uint64_t now_ms); /* anew, or for longer; 0 or -ENOMEM */
void trace_stop(struct trace *t);                  /* and forget */

/* `pdu`: whole, as pdu_frame() says. */
void trace_add(struct trace *t, uint64_t now_ms, unsigned bind, bool out, const uint8_t *pdu, size_t n);

/* From the oldest. */
void trace_each(const struct trace *t, void (*each)(void *arg, const struct driver_pdu *p), void *arg);

/* Copy at most TRACE_OCTETS of a PDU without its secrets; returns how many. */
size_t trace_redact(const uint8_t *pdu, size_t n, uint8_t dst[static TRACE_OCTETS]);

#endif
