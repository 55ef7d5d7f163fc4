/* SPDX-License-Identifier: Apache-2.0 */
/* modem.h -- one GSM modem as a link: what its files share.
 *
 *     finder.c ─► port.c ─► chat.c ◄─► at.c            who is where; octets; commands and answers
 *                              │
 *     life.c    absent ─► opening ─► waking ─► starting ─► searching ─► ready      states, one place that changes them
 *     startup.c        PIN, memories, CNMI … once for each opening
 *     network.c        registration, signal, operator
 *     outgoing.c       SMS-SUBMIT: one part after the other, and what to believe when an answer is lost
 *     reports.c        SMS-STATUS-REPORT: find its part
 *     incoming.c       SMS-DELIVER: out of every memory, deleted after the commit
 *     ussd.c, calls.c  what else comes
 *     quirks.c         how makes differ, from conf/modems/
 *     modem.c          the driver's operations
 *
 * All of it runs on the loop thread and waits for events only. */
#ifndef MODEM_H
#define MODEM_H

#include "driver.h"
#include "drivers/modem/at_error.h"
#include "drivers/modem/chat.h"
#include "drivers/modem/incoming.h"
#include "drivers/modem/outgoing.h"
#include "drivers/modem/port.h"

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

struct modem_identity {
	char maker[32], model[48], firmware[64];
	char imei[20], imsi[20], iccid[24], number[24]; /* "" unknown */
};

/* How this modem reports, as set and read back. */
enum modem_reports {
	REPORTS_NONE,   /* it has no way */
	REPORTS_DIRECT, /* +CDS */
	REPORTS_STORED, /* +CDSI, or found by looking */
};

struct modem_ability {
	enum modem_reports reports;
	bool direct_inbound;  /* +CMT; else +CMTI or by looking */
	bool must_ack;        /* +CSMS: 1: +CMT and +CDS want AT+CNMA */
	bool more_messages;   /* AT+CMMS */
	char memories[8][3];  /* all that can be read, "SM", "ME", "SR" … */
	unsigned n_memories;
};

struct modem {
	struct link *link;
	uv_loop_t *loop;
	enum modem_state state;
	struct port *port;    /* NULL: none open */
	struct chat *chat;    /* NULL: likewise */
	struct modem_identity id;
	struct modem_ability can;
	struct outgoing out;
	struct incoming in;
};

/* The port does not answer, or what it answers cannot be trusted: the ladder begins (life.c). */
void modem_stuck(struct modem *m, const char *why);
/* It cannot send for now by what it says (no network, no SIM, memory full): the link pauses, nobody is reset. */
void modem_pause(struct modem *m, enum at_class class, const char *why);
/* How long AT+CMGS may take. */
unsigned modem_sms_timeout_ms(const struct modem *m);

#endif
