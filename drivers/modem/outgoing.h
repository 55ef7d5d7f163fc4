/* SPDX-License-Identifier: Apache-2.0 */
/* outgoing.h -- parts on their way out through one modem: in order, one at a time on the air.
 *
 *     waiting ─AT+CMGS─► on the air ─+CMGS: mr─► settled
 *                            └─(no answer)─► doubtful ─evidence─► settled
 *                                                └─(none in time)─► settled as UNKNOWN
 *
 * More parts are taken than are on the air, so that the modem never waits for the disk; and a part in doubt does not
 * keep the others from going, as what becomes of them is what tells of it.  outgoing.c says what is believed. */
#ifndef MODEM_OUTGOING_H
#define MODEM_OUTGOING_H

#include "driver.h"
#include "codec/tpdu.h"

struct modem;
struct chat_answer;

#define OUTGOING_WINDOW 4
#define OUTGOING_RECENT 64  /* parts whose status report is to come, for what a reference alone does not tell */
#define OUTGOING_REFUSALS 16 /* parts that were refused lately */
#define OUTGOING_TAIL   6   /* digits of a number that every way of writing it has */

enum outgoing_state {
	OUT_WAITING,  /* not written, or written and taken back */
	OUT_ON_AIR,   /* AT+CMGS runs */
	OUT_DOUBTFUL, /* the text was written, the answer never came */
};

struct outgoing_part {
	uint64_t key, to;
	enum outgoing_state state;
	char pdu[2 * TPDU_MAX + 1];  /* service centre and TPDU, upper case hexadecimal */
	uint16_t n_tpdu;             /* octets without the service centre: what AT+CMGS counts */
	bool want_receipt;
	uint8_t prompts_lost;
	bool mr_torn;                /* as in outgoing_recent */
	int mr_reported;             /* on the air: a status report told of it before the answer; -1: none */
	/* of a doubtful one */
	uint64_t until_ms;           /* of the loop's clock */
	int mr_before;               /* the reference that was given last before it; -1: its count proves nothing */
};

struct outgoing_recent {
	uint8_t mr;
	char id[44];                 /* as settled: what its report must say */
	char tail[OUTGOING_TAIL + 1];
	uint64_t sent_ms;            /* uv_now() */
	bool reported;
	bool torn;                   /* the reference may have been read wrongly: it is not the one after the last */
};

struct outgoing_refusal {
	uint64_t key;
	uint32_t code;
	unsigned n;
};

struct outgoing {
	uv_timer_t timer;            /* until_ms of the doubtful */
	bool timer_open, starved, up;
	unsigned n;                  /* of part[], in the order in which they were taken */
	struct outgoing_part part[OUTGOING_WINDOW];
	int mr_last;                 /* -1: none since the modem began */
	bool mr_useless;             /* it says the same each time */
	unsigned at, n_recent;       /* of recent[], a ring */
	struct outgoing_recent recent[OUTGOING_RECENT];
	unsigned errors_in_row;      /* plain ERROR */
	unsigned at_refusal;         /* of refusal[], a ring */
	struct outgoing_refusal refusal[OUTGOING_REFUSALS];
	unsigned n_answers;          /* of the mean below */
	uint64_t sent_ms, mean_ms;   /* AT+CMGS was written; how long it takes as a rule */
	uint64_t sent, failed, doubted, believed_sent, believed_unsent; /* counters for people */
};

int outgoing_init(struct modem *m);
/* Closes the timer; `closed` when that is done.  Nothing may be unsettled. */
void outgoing_done(struct modem *m, uv_close_cb closed);

int outgoing_submit(struct modem *m, const struct part *p);
/* The modem can send (again). */
void outgoing_up(struct modem *m);
/* It cannot: what was not written goes back to the core, what is in doubt waits for evidence.  `restarted`: the port
 * went away or the modem was reset. */
void outgoing_down(struct modem *m, bool restarted, const char *why);
/* AT+CMGS runs. */
bool outgoing_on_air(const struct modem *m);
bool outgoing_is_empty(const struct modem *m);
/* No more time: all that is left is settled, what is in doubt as UNKNOWN. */
void outgoing_abandon(struct modem *m, const char *why);

/* How long AT+CMGS may take: what the setting says, or less where this modem answers sooner as a rule. */
unsigned outgoing_timeout_ms(const struct modem *m);
/* A +CMGS: line that no command waited for.  True: it told of a part in doubt. */
bool outgoing_late(struct modem *m, const char *line);
/* A status report: the ids under which its part may be known, in `id` and, "" or another one, in `id2`.  It may settle a
 * part in doubt first. */
#define OUTGOING_ID_SIZE 44
void outgoing_reported(struct modem *m, uint8_t mr, const char *recipient, char id[static OUTGOING_ID_SIZE],
	char id2[static OUTGOING_ID_SIZE]);
/* A message that the modem keeps as sent, as hexadecimal.  True: it is a part in doubt, and was sent then. */
bool outgoing_stored_as_sent(struct modem *m, const char *pdu);
/* A report may come any moment. */
bool outgoing_awaits_reports(const struct modem *m);

#endif
