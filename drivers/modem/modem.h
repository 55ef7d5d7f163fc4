/* SPDX-License-Identifier: Apache-2.0 */
/* modem.h -- one GSM modem as a link: what its files share.
 *
 *     finder.c ─► port.c ─► chat.c ◄─► at.c            who is where; octets; commands and answers
 *                              │
 *     life.c    absent ─► opening ─► waking ─► starting ─► searching ─► ready      states, one place that changes them
 *     ladder.c         what is tried when it does not answer
 *     startup.c        memories, CNMI … once for each opening; startup_pin.c, startup_reports.c
 *     network.c        registration, signal, operator
 *     outgoing.c       SMS-SUBMIT: one part after the other, and what to believe when an answer is lost
 *     incoming.c       SMS-DELIVER and SMS-STATUS-REPORT: out of every memory, deleted after the commit
 *     ussd.c, calls.c  what else comes
 *     quirks.c         how makes differ, from conf/modems/
 *     facts.c, at_trace.c  what people see of it
 *     modem.c          the driver's operations
 *
 * All of it runs on the loop thread and waits for events only. */
#ifndef MODEM_H
#define MODEM_H

#include "driver.h"
#include "drivers/modem/at_error.h"
#include "drivers/modem/at_trace.h"
#include "drivers/modem/calls.h"
#include "drivers/modem/chat.h"
#include "drivers/modem/finder.h"
#include "drivers/modem/incoming.h"
#include "drivers/modem/ladder.h"
#include "drivers/modem/life.h"
#include "drivers/modem/network.h"
#include "drivers/modem/outgoing.h"
#include "drivers/modem/port.h"
#include "drivers/modem/quirks.h"
#include "drivers/modem/startup.h"
#include "drivers/modem/ussd.h"

#define MODEM_WHY_MAX 256

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
	char cnmi[32];        /* the command that says so; "" none was taken */
	bool direct_inbound;  /* +CMT; else +CMTI or by looking */
	bool must_ack;        /* +CSMS: 1: +CMT and +CDS want AT+CNMA */
	bool more_messages;   /* AT+CMMS */
	char memories[8][3];  /* all that can be read, "SM", "ME", "SR" … */
	unsigned n_memories;
};

struct modem {
	struct link *link;
	uv_loop_t *loop;
	struct port *port;    /* NULL: none open */
	struct chat *chat;    /* NULL: likewise */
	char port_name[300];  /* as found */
	unsigned port_baud;
	struct modem_identity id;
	struct modem_ability can;
	struct conf_makes *makes;     /* ours until the link closes */
	const struct conf_make *make; /* NULL: none of them, or not known yet; see quirks() */
	struct life life;
	struct ladder ladder;
	struct startup start;
	struct network net;
	struct outgoing out;
	struct incoming in;
	struct ussd ussd;
	struct calls calls;
	struct at_trace trace;
	unsigned n_handles;   /* of libuv, not yet closed; with the last one the link has stopped */
	uint64_t n_unknown;   /* unsolicited lines that nobody knows */
};

/* The port does not answer, or what it answers cannot be trusted: the ladder begins (life.c). */
void modem_stuck(struct modem *m, const char *why);
/* It cannot send for now by what it says (no network, no SIM, memory full): the link pauses, nobody is reset. */
void modem_pause(struct modem *m, enum at_class class, const char *why);
/* How long AT+CMGS may take. */
unsigned modem_sms_timeout_ms(const struct modem *m);
/* Nothing is unsettled any more (outgoing.c). */
void modem_drained(struct modem *m);

/* One of n_handles. */
void modem_handle_closed(struct modem *m);

/* A command of ours with `m` for its callback. */
int modem_ask(struct modem *m, const char *text, const char *prefix, chat_done_cb done);
/* "AT+CPIN: no answer", "CME 10: SIM not inserted": why a command ended otherwise than by OK. */
const char *modem_refusal(const struct chat_answer *a, char *buf, size_t n_buf);
enum at_kind modem_error_kind(const struct chat_answer *a);
enum at_class modem_class(const struct chat_answer *a);
/* What a refusal of a text means: `cms_errors` of the link, then the table.  *ret_bound: as at_error_bound(). */
enum at_class modem_text_class(const struct modem *m, enum at_kind kind, int code, unsigned *ret_bound);

/* facts.c */
void modem_facts(struct link *l, void (*each)(void *arg, const struct driver_fact *f), void *arg);

/* ports.c */
int modem_ports(uv_loop_t *loop, driver_ports_cb *done, void *arg);

#endif
