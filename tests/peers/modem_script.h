/* SPDX-License-Identifier: Apache-2.0 */
/* modem_script.h -- settings, rules and words of the modem simulator's language; posthorn-modem-sim(1) teaches it.
 *
 * One language for script files, --line and the control port.  A line is a setting (`latency 20`), a rule
 * (`on submit 4 reboot`), a thing to do now (`mo +49... text hello`), or one to do later (`at 5000 unplug 2000`).
 * In front may stand `modem NAME`, otherwise it is meant for all.
 */
#ifndef MODEM_SCRIPT_H
#define MODEM_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RULES_MAX 64u
#define WORDS_MAX 1024u

struct modem_sim;
struct modem;

/* Everything that a setting sets.  Times in milliseconds; chances in parts per million. */
struct modem_conf {
	uint32_t latency[2], answer_delay[2], report_delay[2], link_setup, rate;
	uint32_t report_none, report_twice, report_before;
	uint32_t report_mr_wrong, report_mr_zero, report_national, report_silent, report_comma;
	uint32_t mr_zero, mo_twice;
	uint32_t lose_to_host, lose_to_modem, garbage, urc_inside, urc_between, urc_in_prompt, noise, prompt_bare;
	uint32_t echo_stuck, creg_quotes, cpin_no_ok, chunk, baud;
	uint32_t ready_after, ready_code, boot_after, registered_after, storage_after_reset, reset_hangs;
	uint32_t signal[2], creg, cgreg, cereg;
	uint32_t ussd_delay, ussd_silent, cnma_timeout, rings;
	uint32_t retries, puk_retries;
	char pin[16], puk[16], imei[20], imsi[20], iccid[24], number[24], sca[24], operator_name[32];
	char urc_memory[8], report_urc[8];
};

enum modem_event_kind {
	ON_COMMAND, /* any command, or the one named */
	ON_CMGS,    /* +CMGS=, before the prompt */
	ON_SUBMIT,  /* the PDU is in */
};

enum modem_fault {
	FAULT_NONE,
	FAULT_CMS,
	FAULT_CME,
	FAULT_ERROR,
	FAULT_LATE,	   /* rightly, but late */
	FAULT_SILENT,	   /* the port says nothing more for a time */
	FAULT_REOPEN,	   /* nor before it is opened anew */
	FAULT_RESTART,
	FAULT_UNPLUG,
	FAULT_NO_ANSWER,   /* this one is never answered */
	FAULT_LOSE_PROMPT, /* it waits for a PDU without saying so */
	FAULT_LOSE_ANSWER, /* taken; neither +CMGS nor OK */
	FAULT_LOSE_OK,
	FAULT_LOSE_CMGS,
	FAULT_MR,
	FAULT_ST, /* what the report will say */
	FAULT_DO,
};

struct modem_rule {
	enum modem_event_kind event;
	char command[12], modem[16], to[24];
	uint64_t first, last, every, n_seen, n_hits;
	uint32_t ppm; /* 0: by count */
	enum modem_fault fault;
	uint32_t arg, then, then_ms;
	bool taken;
	char line[200]; /* of FAULT_DO */
};

struct modem_timed {
	char line[1024];
	uint32_t every;
};

struct modem_rules {
	struct modem_rule rule[RULES_MAX];
	unsigned n;
};

/* What the rules say of one event: the first fault, and what may go with any. */
struct modem_verdict {
	enum modem_fault fault;
	uint32_t arg;
	bool taken;
	int mr;			/* -1: as it should be */
	int st, then;		/* -1: delivered; none */
	uint32_t then_ms;
};

struct modem_words {
	char buf[2048];
	char *w[WORDS_MAX];
	unsigned n, i;
	const char *where;
	char *err;
	size_t n_err;
};

int modem_words_split(struct modem_words *w, const char *line, const char *where, char *err, size_t n_err);
int modem_words_complain(struct modem_words *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *modem_words_peek(const struct modem_words *w);
bool modem_words_take(struct modem_words *w, const char *word);
int modem_words_number(struct modem_words *w, uint32_t max, uint32_t *ret); /* `50`, `50ms`, `2s`, `0x46` */
int modem_words_percent(struct modem_words *w, uint32_t *ret);		     /* `5%`, `0.2%`, `on`, `off` */
int modem_words_text(struct modem_words *w, const char *what, size_t cap, char *ret);
/* The words from here on, with one blank between them. */
void modem_words_rest(struct modem_words *w, size_t cap, char *ret);
int modem_words_end(struct modem_words *w);

void modem_conf_init(struct modem_conf *c, unsigned index);
/* 0: taken.  1: no such setting.  <0: the complaint is written. */
int modem_conf_set(struct modem_conf *c, struct modem_words *w);

/* Behind the word `on`. */
int modem_rule_parse(struct modem_rules *r, const char *modem, struct modem_words *w);
void modem_judge(struct modem *m, enum modem_event_kind event, const char *command, const char *to,
	struct modem_verdict *ret);
bool modem_matches(const char *pattern, const char *s);

int modem_script_load(struct modem_sim *sim, const char *path, char *err, size_t n_err);

#endif
