/* SPDX-License-Identifier: Apache-2.0 */
/* chat.h -- one command at a time on one AT port.
 *
 *     idle ─command─► sent ─(prompt)─► body written ─► … ─final result─► idle
 *                       └──────────── time out ──► resync: ESC, then AT until OK ──► idle, or stuck
 *
 * Commands queue and run in order, urgent ones before the others; the callback of one may queue the next.  Lines that
 * the running command did not ask for are unsolicited and go to urc(), at whatever place they come.  A second line that
 * belongs to the first (+CMT, +CDS: the PDU) comes with it.
 *
 * A new chat begins out of step, as after a time-out: the first command waits until the modem has answered an AT.
 *
 * A command whose answer never came ends as CHAT_TIMEOUT; `body_written` then says whether a text may have left all the
 * same.  After it the port is brought back in step by ESC and AT, and a final result that is late is not taken for that
 * of the next command.  When the port stays dumb, all that is queued ends as CHAT_GONE and stuck() is called; the next
 * command tries again.
 *
 * A "+CUSD:" of several lines comes as one, with line feeds. */
#ifndef MODEM_CHAT_H
#define MODEM_CHAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "drivers/modem/at.h"

struct chat;

enum chat_end {
	CHAT_OK,
	CHAT_ERROR,      /* no code */
	CHAT_CMS_ERROR,
	CHAT_CME_ERROR,
	CHAT_TIMEOUT,
	CHAT_GONE,       /* the port went away or is dumb, or chat_stop() */
};

#define CHAT_LINES_MAX 64   /* of one answer; more go to `each`, or are dropped */
#define CHAT_TEXT_MAX  1024 /* of a command, and of what is written after the prompt */
#define CHAT_QUEUE_MAX 32

struct chat_answer {
	enum chat_end end;
	int code;               /* of the two with a code; -1 unknown word */
	bool body_written;      /* the prompt came and the body went out whole, with its Ctrl-Z */
	unsigned n_lines;
	const char *const *lines; /* intermediate lines, without those that were unsolicited; lent */
};

typedef void (*chat_done_cb)(void *arg, const struct chat_answer *a);

struct chat_command {
	const char *text;       /* "AT+CSQ", without line end; copied, as are the others */
	/* Its answers begin with it: "+CSQ:"; at most 23 octets.  NULL: lines that begin with the command's own name or
	 * with none, and look like no URC we know, are its own. */
	const char *prefix;
	const char *body;       /* what is written after the prompt, without Ctrl-Z; NULL: none */
	/* Each line with the prefix is followed by one more that belongs to it (+CMGL, +CMGR): they come in pairs, the
	 * second is "" when it was lost. */
	bool follows;
	bool urgent;            /* before all that is queued */
	bool secret;            /* not in the trace: PIN */
	unsigned timeout_ms;    /* 0: 5 s (spec/at-commands.md, 1) */
	/* Each line as it comes, instead of `lines`; may be NULL. */
	void (*each)(void *arg, const char *line);
	chat_done_cb done;      /* exactly once, never from inside chat_command(); may be NULL */
	void *arg;
};

struct chat_ops {
	/* To the port; a failure will be told as its end. */
	int (*write)(void *arg, const void *data, size_t n);
	/* Unsolicited.  `pdu`: the second line of +CMT, +CDS and +CBM; NULL when it was lost, and for others.  Lent. */
	void (*urc)(void *arg, const char *line, const char *pdu);
	/* Neither ESC nor AT helps. */
	void (*stuck)(void *arg);
	/* Each line over the wire, for the trace, without what is secret; may be NULL.  `body`: it is what was entered
	 * behind a prompt. */
	void (*wire)(void *arg, bool out, const char *line, size_t n, bool body);
};

/* How a make differs; lent while the chat is there. */
struct chat_habits {
	unsigned gap_ms;          /* between a final result and the next command; 0: none */
	unsigned prompt_ms;       /* so long may the prompt take; 0: 10 s */
	const char *const *noise; /* beginnings of lines that nobody asked for, beside those that chat.c knows */
	size_t n_noise;
};

struct chat_stats {
	uint64_t commands, timeouts, resyncs, urcs, late; /* late: final results that nobody waited for */
};

int chat_new(uv_loop_t *loop, const struct chat_ops *ops, void *arg, struct chat **ret);
/* All that is queued ends as CHAT_GONE on this call's way; then it frees itself.  No callback after that. */
void chat_stop(struct chat *c);

void chat_set_habits(struct chat *c, const struct chat_habits *h);

/* 0, -ENOBUFS (too many wait), -EMSGSIZE, -EPIPE (stopped). */
int chat_command(struct chat *c, const struct chat_command *cmd);
/* What the port read. */
void chat_feed(struct chat *c, const uint8_t *data, size_t n);
/* Nothing runs and nothing waits. */
bool chat_is_idle(const struct chat *c);
void chat_stats(const struct chat *c, struct chat_stats *ret);

#endif
