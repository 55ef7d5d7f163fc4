/* SPDX-License-Identifier: Apache-2.0 */
/* startup.h -- what is asked and set once for each opening of the port, one step after the other.
 *
 * A step that meets "not ready yet" is taken again, each second and whenever the modem says that it is ready; a step
 * without an answer likewise, a few times.  It ends by one event: EV_STARTED, EV_BLOCKED or EV_STUCK (life.h). */
#ifndef MODEM_STARTUP_H
#define MODEM_STARTUP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "drivers/modem/chat.h"

struct modem;

struct startup {
	unsigned step, sub;      /* of the table in startup.c; within the step */
	unsigned run;            /* counts beginnings */
	bool running;
	unsigned n_timeouts;     /* of this step */
	uint64_t not_ready_since_ms; /* 0: it is */
	uv_timer_t timer;
	/* startup_pin.c */
	long pin_tries;          /* left; -1: unknown */
	unsigned counters_left;  /* ways of asking for it */
	bool pin_entered;
	/* startup_reports.c */
	char cnmi_can[5][24];    /* of AT+CNMI=?; "" unknown */
	unsigned cnmi_try;
	bool csms;
};

int startup_init(struct modem *m);
void startup_begin(struct modem *m);
void startup_abort(struct modem *m);
/* A line that may mean "ready now". */
void startup_urc(struct modem *m, const char *line);

/* ---- for its steps ---- */

void startup_next(struct modem *m);
/* Take this step again in a while. */
void startup_wait(struct modem *m, uint64_t ms);
/* A person must act; looked at again after `again_ms`, 0: never by itself. */
void startup_block(struct modem *m, uint64_t again_ms, const char *why);
/* It was no plain answer, and has been dealt with: gone, no answer, not ready yet. */
bool startup_deals_with(struct modem *m, const struct chat_answer *a);

void startup_pin(struct modem *m);
void startup_memories(struct modem *m);
void startup_service(struct modem *m);
void startup_reports(struct modem *m);

#endif
