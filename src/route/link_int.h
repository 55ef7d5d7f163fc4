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
	enum link_reports told_reports;
	char account[64];         /* as the driver told it; "": not known */
	struct link_alarms alarms;
	struct link_dialogue ussd;
	void (*gone)(void *arg);
	void *gone_arg;
};

/* link_told.c */
void link_take_reports(struct link *l); /* from the settings and what the driver told */
void link_take_account(struct link *l);
void link_outlet_alarm(struct outlet *o, const char *code, const char *text);

#endif
