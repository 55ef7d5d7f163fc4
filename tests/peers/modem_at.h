/* SPDX-License-Identifier: Apache-2.0 */
/* modem_at.h -- between the command line and the commands. */
#ifndef MODEM_AT_H
#define MODEM_AT_H

#include "modem_sim.h"

enum at_op { AT_EXEC, AT_SET, AT_READ, AT_TEST };

struct at_call {
	struct modem_port *p;
	struct modem *m;
	enum at_op op;
	char name[16];
	char args[512]; /* behind '=' */
};

enum at_kind {
	AT_OK,
	AT_ERROR,
	AT_CME,
	AT_CMS,
	AT_TEXT,  /* a final line of its own, NO CARRIER for instance */
	AT_BARE,  /* lines, but no final result */
	AT_LATER, /* at_finish() follows, or a prompt */
};

struct at_result {
	enum at_kind kind;
	unsigned code;
	const char *text;
};

#define at_ok	   ((struct at_result){AT_OK, 0, NULL})
#define at_error   ((struct at_result){AT_ERROR, 0, NULL})
#define at_pending ((struct at_result){AT_LATER, 0, NULL})
#define at_cme(n)  ((struct at_result){AT_CME, (n), NULL})
#define at_cms(n)  ((struct at_result){AT_CMS, (n), NULL})

enum at_needs {
	NEEDS_NOTHING,
	NEEDS_SIM = 1,	/* in, and unlocked: otherwise +CME ERROR */
	NEEDS_SMS = 2,	/* the same with +CMS ERROR, and messages ready */
	NEEDS_CARD = 4, /* in, perhaps locked */
};

struct at_command {
	const char *name;
	struct at_result (*run)(struct at_call *a);
	unsigned needs;
	unsigned makers;
};

extern const struct at_command at_base_commands[], at_sim_commands[], at_sms_commands[];

/* modem_at.c */
void at_line(struct modem_port *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void at_finish(struct modem_port *p, struct at_result r);
/* Send what was put together; the command goes on. */
void at_send(struct modem_port *p);
/* The command ends without a word. */
void at_done_silently(struct modem_port *p);
void at_prompt(struct modem_port *p);
bool at_strike(struct modem_port *p, const struct modem_verdict *v);

/* Events of a port: `arg` is a struct at_port_ref, to be freed by `fn`.  The port is busy until at_finish(). */
struct at_port_ref {
	unsigned port;
};
void at_later(struct modem_port *p, uint64_t ms, modem_event_fn fn);

/* modem_commands.c */
struct at_result at_dispatch(struct at_call *a);
/* The i-th parameter without its quotes; "" when it is not there. */
const char *at_arg(const struct at_call *a, unsigned i, char *buf, size_t cap);
long at_number(const struct at_call *a, unsigned i, long otherwise);
unsigned at_n_args(const struct at_call *a);
/* Why a SIM command cannot go now: a +CME code, or 0. */
unsigned at_sim_trouble(const struct modem *m);

/* at_sms.c: ^Z has come; the text stands in p->line. */
void at_entry(struct modem_port *p);

#endif
