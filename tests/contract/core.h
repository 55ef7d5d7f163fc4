/* SPDX-License-Identifier: Apache-2.0 */
/* core.h -- a core in small, for judging drivers: it takes the part of src/route/link.c and keeps account.
 *
 * It holds the rules of driver.h against whatever driver it runs, with every test: no part is settled twice, none that
 * was not taken, none from inside submit(), none left when the link has stopped; nothing is told after that; a token is
 * acknowledged once.  Breaking one ends the test program, so no test needs to ask. */
#ifndef TESTS_CONTRACT_CORE_H
#define TESTS_CONTRACT_CORE_H

#include "driver.h"

#define CORE_PARTS   20000
#define CORE_TOKENS  20000
#define DEADLINE_MS  20000

enum ack_mode { ACK_AT_ONCE, ACK_HOLD, ACK_REFUSE_FIRST };

struct core_part {
	bool taken, settled;
	struct settle end;
	char id[70], text[100];
	unsigned n_receipts, n_late;
	enum outcome late;
};

struct link {
	uv_loop_t loop;
	const struct driver *driver;
	void *data;
	struct conf *conf;
	const struct conf_link *cl;
	bool started, up, stopped, in_submit, ready;
	unsigned window, n_up, n_down;
	char reason[200];

	struct core_part parts[CORE_PARTS]; /* by key, from 1 */
	unsigned n_parts;                   /* taken so far */
	unsigned in_flight, peak;
	unsigned n_settled, n_by[OUTCOME_N], n_late;

	enum ack_mode ack;
	struct driver_token tokens[CORE_TOKENS]; /* held */
	unsigned n_tokens;
	unsigned n_receipts, n_refused, n_unmatched, n_intermediate;
	struct link_receipt receipt; /* the last; its strings below */
	char receipt_id[70], receipt_id2[70], receipt_stat[32], receipt_err[32];
	unsigned congestion, n_congestion; /* congestion_state as told last */
	unsigned n_asked, n_answered;        /* questions; the last answer, its strings below */
	struct driver_answer answer;
	char answer_stat[16], answer_err[16], answer_text[64];
	char account[64];                  /* as told last */
	enum link_reports reports;
	char alarms[16][LINK_ALARM_CODE_MAX + 1];
	unsigned n_alarms;                 /* that go on */
	unsigned n_facts;                  /* of core_facts() */
	bool ussd_busy, ussd_more;         /* core_ussd() */
	unsigned n_ussd;
	int ussd_r;
	char ussd_text[400];
	unsigned n_inbound;
	char in_from[64], in_to[64], in_text[4096];
	uint8_t in_raw[1024], in_esm, in_dcs;
	uint32_t n_in_raw;
	uv_timer_t deadline;
	bool timed_out;
};

/* `settings` are those of one link: "driver = \"loopback\"; window = 10;". */
struct link *core_new(const char *settings);
void core_start(struct link *l);
/* Stop and wait for it if need be, close, and check that nothing is left. */
void core_free(struct link *l);
void core_stop(struct link *l); /* and wait */

/* A part like no other; r of submit(). */
int core_submit(struct link *l);
int core_submit_part(struct link *l, struct part *p); /* gives it its key */

/* Ask for all facts, hold their rules against them; true: one of this name is there, and *ret_number is its number. */
bool core_facts(struct link *l, const char *name, double *ret_number);
/* r of ussd(); the answer ends in ussd_r, ussd_text, ussd_more, and n_ussd rises. */
int core_ussd(struct link *l, const char *code);

/* Acknowledge all that is held. */
void core_ack_all(struct link *l, int status);

/* Run the loop until `cond`; fails the test after DEADLINE_MS. */
void core_deadline(struct link *l, bool begin);
bool core_turn(struct link *l, const char *what, const char *file, int line);
#define WAIT(l, cond)                                                    \
	do {                                                             \
		core_deadline(l, true);                                  \
		while (!(cond) && core_turn(l, #cond, __FILE__, __LINE__)) \
			;                                                \
		core_deadline(l, false);                                 \
	} while (0)

/* Submit until `n` parts were taken in all, as fast as the window allows; all are settled at the end. */
void core_send(struct link *l, unsigned n);

/* ---- the simulated carrier ---- */

struct sim {
	int pid, out;
	int port;
};

/* `args` end with NULL; the listening port is chosen by the simulator. */
void sim_start(struct sim *s, const char *const *args);
/* Its counters, as it ends. */
struct json_t *sim_stop(struct sim *s);

#endif
