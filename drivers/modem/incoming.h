/* SPDX-License-Identifier: Apache-2.0 */
/* incoming.h -- what a modem received: messages and status reports, from +CMT and +CDS and out of its memories.
 *
 *     +CMTI, +CDSI ─► read one ┐
 *     start, timer ─► list all ┴─► to the core ─(committed)─► AT+CMGD
 *     +CMT, +CDS ────────────────► to the core ─(committed)─► AT+CNMA
 *
 * Nothing is acknowledged or deleted before the core says that it is on disk.  What is not deleted is found again by
 * the next look through the memories. */
#ifndef MODEM_INCOMING_H
#define MODEM_INCOMING_H

#include "driver.h"

struct modem;

#define INCOMING_OPEN  64 /* handed to the core, not yet on disk or not yet deleted */
#define INCOMING_READS 32 /* announced, not yet read; what is beyond is found by a look through the memory */

struct incoming_place {
	char memory[3]; /* "SM" */
	uint16_t index;
};

enum incoming_open_state { INCOMING_FREE, INCOMING_STORING, INCOMING_STORED };

struct incoming_open {
	enum incoming_open_state state;
	struct incoming_place place;
	uint32_t life; /* of the port when it was read */
};

struct incoming {
	uv_timer_t timer;       /* the next look */
	bool timer_open, up;
	uint32_t life;          /* counts openings of the port: places of another one mean nothing */
	struct incoming_open open[INCOMING_OPEN];
	unsigned n_open;
	struct incoming_place read[INCOMING_READS];
	unsigned n_read;
	bool busy;              /* a command of ours runs */
	bool reading_pdu;       /* the next line is a PDU, of `at`, and this was said of it: */
	long list_stat, list_length;
	struct incoming_place at;
	struct incoming_place torn; /* read once, and shorter than announced */
	bool direct_torn;       /* likewise, and refused */
	char selected[3];       /* memory of AT+CPMS; "": unknown */
	unsigned look;          /* of can.memories: the next one; can.n_memories: no look runs */
	bool looked_at;         /* … and this one was just selected */
	bool look_again, blocked; /* blocked: open[] was full, or the core took nothing */
	unsigned used, total;   /* of all memories, as seen last */
	unsigned used_now, total_now;
	uint64_t looked_ms;     /* uv_now() */
	uint64_t reports_then;  /* at the last look */
	uint64_t messages, reports, undecodable, full;
};

int incoming_init(struct modem *m);
void incoming_done(struct modem *m, uv_close_cb closed);

/* The modem is set up: look through all memories, and again now and then. */
void incoming_up(struct modem *m);
/* The port is gone: forget what can only be asked again. */
void incoming_down(struct modem *m);
/* Look soon: something says that there is more. */
void incoming_drain(struct modem *m);
/* A part was sent whose status report will be stored. */
void incoming_reports_expected(struct modem *m);
/* +CMT, +CDS with their PDU; +CMTI, +CDSI with memory and index.  True: it was one of these. */
bool incoming_urc(struct modem *m, const char *line, const char *pdu);
void incoming_ack(struct modem *m, struct driver_token token, int status);

#endif
