/* SPDX-License-Identifier: Apache-2.0 */
/* life.h -- the states of a modem, and the one place that changes them. */
#ifndef MODEM_LIFE_H
#define MODEM_LIFE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct modem;

enum modem_state {
	MODEM_STOPPED,
	MODEM_ABSENT,    /* no such port, or nobody of that identity on any */
	MODEM_OPENING,
	MODEM_WAKING,    /* AT until OK */
	MODEM_STARTING,  /* startup.c */
	MODEM_SEARCHING, /* all set; no network that takes messages */
	MODEM_READY,
	MODEM_RESETTING, /* a step of the ladder */
	MODEM_BLOCKED,   /* a person must act: PIN, PUK, no SIM, not a modem */
	MODEM_STOPPING,
};
#define MODEM_STATES (MODEM_STOPPING + 1)

enum modem_event {
	EV_START,      /* the core says so */
	EV_FOUND,      /* finder: the port is ours */
	EV_ABSENT,     /* finder: no such port */
	EV_OPENED,
	EV_GONE,       /* the port hung up, or could not be opened */
	EV_AWAKE,      /* it answered */
	EV_STUCK,      /* it does not */
	EV_STARTED,    /* startup is through */
	EV_BLOCKED,    /* startup needs a person */
	EV_STRANGER,   /* it is not whom the settings name */
	EV_NETWORK,    /* messages can be sent */
	EV_NO_NETWORK, /* they cannot */
	EV_RESTART,    /* another SIM, or what startup found may have changed */
	EV_REOPEN,     /* a step of the ladder: close the port and open it again */
	EV_TIMER,
	EV_STOP,
};

struct finder_want;

struct life {
	enum modem_state state;
	uint64_t since_ms;       /* of the state, of the loop's clock */
	int64_t since_wall_ms;
	char why[256];           /* of the last event that took something from us */
	struct finder_want *want;
	uint64_t found_ms;       /* the port appeared */
	bool was_absent;         /* … after it had not been there */
	uv_timer_t timer;
	bool stop_again;
	uint64_t n_opened, n_lost;
};

int life_init(struct modem *m);
/* An event; `why` is a sentence where something is taken from us, else NULL. */
void life_event(struct modem *m, enum modem_event ev, const char *why);
const char *life_state_name(enum modem_state s);
/* The timer of the state; it is stopped whenever the state changes. */
void life_arm(struct modem *m, uint64_t ms);
/* Close the port, with all that hangs on it; `restarted`: the modem may have begun anew. */
void life_close_port(struct modem *m, bool restarted, const char *why);

#endif
