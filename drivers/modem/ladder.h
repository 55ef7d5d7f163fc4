/* SPDX-License-Identifier: Apache-2.0 */
/* ladder.h -- what is tried when a modem does not answer, from the mildest.
 *
 *     (chat.c: ESC and AT) ─► patience ─► reopen ─► AT+CFUN=1,1 ─► power_command ─► alarm, pause ─┐
 *                                            ▲                                                   │
 *                                            └───────────────────────────────────────────────────┘
 *
 * Patience: a port that has just come back belongs to a modem that starts; a reset would only make it start again, and
 * many do that for ever.  A modem that was well for a while begins at the bottom again. */
#ifndef MODEM_LADDER_H
#define MODEM_LADDER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct modem;

enum ladder_step { LADDER_NONE, LADDER_REOPEN, LADDER_RESET, LADDER_POWER, LADDER_ALARM };

struct ladder {
	enum ladder_step step;   /* the last one taken */
	uint64_t patient_until_ms;
	uint64_t ready_since_ms; /* 0: not ready */
	unsigned rounds;         /* alarms in a row */
	uv_process_t process;    /* power_command */
	uv_timer_t timer;        /* how long that may take */
	bool running, process_open, alarmed; /* running: the process is */
	uint64_t n_stuck, n_reopens, n_resets, n_powers, n_alarms;
};

int ladder_init(struct modem *m);
/* It is stuck: take the next step. */
void ladder_climb(struct modem *m, const char *why);
/* The state's timer ran out in MODEM_RESETTING. */
void ladder_timer(struct modem *m);
/* The port came back after it had been away. */
void ladder_came_back(struct modem *m);
void ladder_ready(struct modem *m);
void ladder_not_ready(struct modem *m);
/* The link stops: whatever runs is ended. */
void ladder_stop(struct modem *m);

#endif
