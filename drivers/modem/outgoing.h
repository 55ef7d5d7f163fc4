/* SPDX-License-Identifier: Apache-2.0 */
/* outgoing.h -- parts on their way out through one modem: in order, one at a time on the air.
 *
 * A second part is taken while the first is on the air, so that the modem never waits for the disk.  What happens when
 * the answer to AT+CMGS is lost stands in outgoing.c. */
#ifndef MODEM_OUTGOING_H
#define MODEM_OUTGOING_H

#include "driver.h"
#include "codec/tpdu.h"

struct modem;

#define OUTGOING_WINDOW 4

struct outgoing_part {
	uint64_t key, to;
	char tpdu[2 * TPDU_MAX + 1]; /* service centre and TPDU, upper case hexadecimal */
	uint16_t n_tpdu;             /* octets without the service centre */
	bool want_receipt;
	bool doubtful;               /* written, no answer */
	int64_t written_ms;          /* uv_now() */
};

struct outgoing {
	struct outgoing_part part[OUTGOING_WINDOW]; /* ring in order */
	unsigned first, n;
	bool starved;                /* told the core -EAGAIN */
};

int outgoing_submit(struct modem *m, const struct part *p);
/* The modem can send (again), or cannot. */
void outgoing_up(struct modem *m);
void outgoing_down(struct modem *m, const char *why);
/* Nothing is unsettled. */
bool outgoing_is_empty(const struct modem *m);
/* Settle all, at once: what was never written as UNSENT, what was as UNKNOWN. */
void outgoing_abandon(struct modem *m, const char *why);

#endif
