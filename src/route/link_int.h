/* SPDX-License-Identifier: Apache-2.0
 *
 * link_int.h -- what the files of a link share and nobody else sees.
 *
 *     link.c       life and health, and every call between core and driver
 *     link_told.c  identity, facts, receipts or not, alarms
 *     link_ussd.c  USSD, and the balance that is asked for by it
 */
#ifndef LINK_INT_H
#define LINK_INT_H

#include "route/link.h"

struct link_alarms {
	struct link_alarm_view list[LINK_ALARMS_MAX]; /* the oldest first */
	unsigned n;
	uint64_t raised;
};

/* One dialogue at a time. */
struct link_dialogue {
	bool busy;
	void (*done)(void *arg, const struct driver_ussd *u);
	void *arg;
};

/* What is left on the SIM, as its network said last. */
struct link_balance {
	uv_timer_t timer;
	bool timed;          /* the timer is there and must be closed */
	bool known;
	double amount;
	char text[161];
};

#define LINK_MINUTES 60

/* What was taken of late, for people. */
struct link_recent {
	int64_t minute;      /* of the newest slot */
	uint32_t taken[LINK_MINUTES];
	int64_t last_ms;     /* wall clock; 0: nothing yet */
};

struct link {
	struct outlet outlet; /* first: what the queue knows of us */
	const struct driver *driver;
	void *driver_data;
	uv_loop_t *loop;
	struct queue *queue;
	struct names *names;
	struct link_sinks sinks;
	const struct conf_link *conf;
	char name[64];
	enum link_state state;
	char reason[400];
	int64_t since_ms;
	bool in_submit, removing, finishing;
	uv_timer_t farewell;      /* runs finish() from the loop, never from inside a callback */
	unsigned n_receipts_open; /* receipts whose commit is not done */
	uint64_t receipts, inbound;
	int congestion; /* percent, as the carrier said last; -1: it has not */
	bool tps_by_hand, window_by_hand; /* not as `conf` says */
	struct link_code code[LINK_CODES];
	unsigned n_codes;
	uint64_t codes_other;
	enum link_reports told_reports;
	char account[48];         /* as the driver told it; "": not known */
	struct outlet_price *prices;
	struct link_alarms alarms;
	struct link_dialogue ussd;
	struct link_balance balance;
	struct link_recent recent;
	void (*gone)(void *arg);
	void *gone_arg;
};

/* link_told.c */
void link_take_reports(struct link *l); /* from the settings and what the driver told */
void link_take_account(struct link *l); /* also its limits: tells the queue */
void link_recent_taken(struct link *l);
uint64_t link_recent_sum(struct link *l);
void link_outlet_alarm(struct outlet *o, const char *code, const char *text);

/* link_ussd.c */
void link_balance_soon(struct link *l);  /* it is up */
void link_balance_reread(struct link *l); /* its settings are others now */
void link_balance_forget(struct link *l); /* it is another SIM */
void link_balance_done(struct link *l, uv_close_cb closed); /* closed() with the timer, whose data is the link */

#endif
