/* SPDX-License-Identifier: Apache-2.0 */
/* chat.c -- who may speak on an AT port, and whose is what the modem says.
 *
 * What shaped it, all of it seen on real modems:
 *
 *  1. Unsolicited lines come at any place: before the echo, between the lines of an answer, between +CMT and its PDU.
 *     Whose a line is, is therefore told by what it begins with, never by when it came.
 *  2. An answer may be lost, or late.  Then the next "OK" is anybody's.  So the port is brought back in step: ESC (a
 *     prompt may be open) and AT, until OK, and then until nothing has come for QUIET_MS, since what the modem owed us
 *     comes in one go with it.  A modem that goes on with a message in the air answers AT meanwhile, and "+CMGS: 7" with
 *     its OK comes minutes later: seen in another command, that OK is not the command's.
 *  3. The prompt may be late or lost.  Nothing was entered then, and the prompt that comes after all is closed by ESC.
 *     An OK instead of a prompt is a late one.
 *
 * The commands and what they may say lie in slots of their own: nothing is allocated for a message. */
#include <config.h>

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "drivers/modem/chat.h"
#include "drivers/modem/chat_line.h"

#define TIMEOUT_MS  5000u  /* local commands; spec: at-commands, 1 */
#define PROMPT_MS   10000u
#define FORMALITY_MS 3000u /* from the answer to a text to its OK */
#define TORN_MAX 40
#define SYNC_MS     1000u  /* for the answer to an AT, and … */
#define SYNC_TRIES  10u    /* … so often */
#define QUIET_MS    250u
#define PREFIX_MAX  24u
#define ANSWER_MAX  16384u
#define USSD_LINES  24u    /* of one +CUSD: 182 octets cannot hold more that say anything */
#define SECOND_WAIT 2u     /* other lines that may stand between +CMT and its PDU */

#define ESC    "\x1b"
#define CTRL_Z "\x1a"

struct slot {
	struct slot *next;
	struct chat_command cmd; /* its strings: the arrays below */
	char text[CHAT_TEXT_MAX], body[CHAT_TEXT_MAX], prefix[PREFIX_MAX];
};

struct slots {
	struct slot *first, **last;
};

enum chat_state {
	IDLE,
	GAP,    /* pause before the next command */
	SENT,   /* the final result is awaited */
	PROMPT, /* the prompt is */
	SYNC,   /* ESC and AT were written */
	QUIET,  /* OK came; does more? */
	FAILED, /* the port took nothing: the command ends from the timer */
};

struct chat {
	uv_timer_t timer;
	const struct chat_ops *ops;
	void *arg;
	struct chat_habits habits;
	struct chat_stats stats;
	enum chat_state state;
	bool stopped, in_done, out_of_step, synced_once;
	unsigned sync_tries;
	uint64_t ended_ms; /* the last final result */
	struct slot *running;
	struct slots urgent, waiting, unused;
	struct at_reader reader;
	/* the answer so far */
	struct chat_answer answer;
	const char *lines[CHAT_LINES_MAX];
	size_t n_text;
	char text[ANSWER_MAX];
	bool want_second; /* of a pair */
	/* unsolicited, begun */
	char header[AT_LINE_MAX + 1]; /* "": none; +CMT, +CDS, +CBM without their PDU */
	unsigned header_age;
	char ussd[AT_LINE_MAX + 1];   /* "": none; +CUSD whose quote is open */
	unsigned ussd_lines;
	/* A command that ended without an answer may get it yet. */
	char late_prefix[PREFIX_MAX]; /* "": none */
	bool late_final;              /* … its line came: the next OK is its */
	/* A line that may be the first half of one: "O", then something unsolicited, then "K". */
	char torn[TORN_MAX];          /* "": none */
	bool torn_between;            /* … and something unsolicited came behind it */
	struct slot slot[CHAT_QUEUE_MAX + 1];
};

static void start_next(struct chat *c);
static void on_timer(uv_timer_t *t);

/* ---- slots ---- */

static void slots_init(struct slots *l)
{
	l->first = NULL;
	l->last = &l->first;
}

static void slots_add(struct slots *l, struct slot *s)
{
	s->next = NULL;
	*l->last = s;
	l->last = &s->next;
}

static struct slot *slots_take(struct slots *l)
{
	struct slot *s = l->first;

	if (s) {
		l->first = s->next;
		if (!l->first)
			l->last = &l->first;
	}
	return s;
}

static void release(struct chat *c, struct slot *s)
{
	if (s->cmd.secret)
		explicit_bzero(s->text, sizeof(s->text));
	slots_add(&c->unused, s);
}

/* ---- whose a line is ---- */

static bool is_known_urc(const struct chat *c, const char *line)
{
	return line_is_urc(line) || line_begins_with(line, c->habits.noise, c->habits.n_noise);
}

static bool is_own(const struct chat *c, const char *line)
{
	const struct chat_command *cmd;

	if (!c->running || c->state == FAILED)
		return false;
	cmd = &c->running->cmd;
	if (cmd->prefix)
		return at_after(line, cmd->prefix) != NULL;
	return !is_known_urc(c, line) && line_may_answer(line, cmd->text);
}

/* Echo is switched off at the start, and on by some modems when they reset themselves. */
static bool is_echo(const struct chat *c, const char *line)
{
	const struct chat_command *cmd = c->running ? &c->running->cmd : NULL;

	if (strncasecmp(line, "AT", 2) == 0 && (line[2] == '\0' || line_name_length(line + 2) > 0))
		return true;
	return cmd && (strcmp(line, cmd->text) == 0 || (cmd->body && strcmp(line, cmd->body) == 0));
}

/* ---- the port ---- */

static void trace(const struct chat *c, bool out, const char *line, size_t n, bool body)
{
	if (c->ops->wire)
		c->ops->wire(c->arg, out, line, n, body);
}

/* `text` without what stands behind its '='. */
static void trace_secret(const struct chat *c, bool out, const char *text)
{
	char shown[64];
	size_t n = strcspn(text, "=") + 1;

	if (n > sizeof(shown) - 5 || n > strlen(text))
		n = 2;
	memcpy(shown, text, n);
	memcpy(shown + n, "****", 4);
	trace(c, out, shown, n + 4, false);
}

static void trace_in(const struct chat *c, const char *line, size_t n)
{
	const struct chat_command *cmd = c->running ? &c->running->cmd : NULL;

	if (!c->ops->wire)
		return;
	if (cmd && cmd->secret && strncasecmp(line, cmd->text, strcspn(cmd->text, "=")) == 0)
		trace_secret(c, false, line);
	else
		trace(c, false, line, n, false);
}

static void arm(struct chat *c, enum chat_state state, uint64_t ms)
{
	c->state = state;
	uv_timer_start(&c->timer, on_timer, ms, 0);
}

static void rest(struct chat *c)
{
	c->state = IDLE;
	uv_timer_stop(&c->timer);
}

/* ---- the end of a command ---- */

/* Tell it; what it queues starts when it has returned, since it still reads the answer. */
static void tell_done(struct chat *c, struct slot *s, const struct chat_answer *a)
{
	bool was = c->in_done;

	c->in_done = true;
	if (s->cmd.done)
		s->cmd.done(s->cmd.arg, a);
	c->in_done = was;
	release(c, s);
}

static void add_line(struct chat *c, const char *line);

static void finish(struct chat *c, enum chat_end end, int code)
{
	struct slot *s = c->running;

	if (c->want_second)
		add_line(c, "");
	c->running = NULL;
	c->ended_ms = uv_now(c->timer.loop);
	c->answer.end = end;
	c->answer.code = code;
	c->answer.lines = c->lines;
	rest(c);
	tell_done(c, s, &c->answer);
	if (!c->stopped)
		start_next(c);
}

static void drop_all(struct chat *c)
{
	const struct chat_answer gone = { .end = CHAT_GONE, .code = -1, .lines = c->lines };
	struct slot *s = c->running;
	/* Those that wait now, not what the callbacks queue anew. */
	struct slots waiting = c->waiting, urgent = c->urgent;

	if (!waiting.first)
		slots_init(&waiting);
	if (!urgent.first)
		slots_init(&urgent);
	slots_init(&c->waiting);
	slots_init(&c->urgent);
	c->running = NULL;
	rest(c);
	if (s) {
		c->answer.end = CHAT_GONE;
		c->answer.code = -1;
		c->answer.lines = c->lines;
		tell_done(c, s, &c->answer);
	}
	while ((s = slots_take(&urgent)) != NULL)
		tell_done(c, s, &gone);
	while ((s = slots_take(&waiting)) != NULL)
		tell_done(c, s, &gone);
}

/* ---- in step again ---- */

static void sync_try(struct chat *c)
{
	static const char line[] = ESC "AT\r";

	c->sync_tries++;
	trace(c, true, "<ESC>AT", 7, false);
	c->ops->write(c->arg, line, sizeof(line) - 1); /* a failure is followed by the port's end, or by our time-out */
	arm(c, SYNC, SYNC_MS);
}

static void sync_start(struct chat *c)
{
	if (c->synced_once)
		c->stats.resyncs++;
	c->sync_tries = 0;
	c->want_second = false;
	c->late_final = false;
	at_reader_reset(&c->reader);
	sync_try(c);
}

static void sync_failed(struct chat *c)
{
	c->out_of_step = true;
	drop_all(c);
	if (!c->stopped)
		c->ops->stuck(c->arg);
	if (!c->stopped && c->state == IDLE)
		start_next(c);
}

static void sync_done(struct chat *c)
{
	c->out_of_step = false;
	c->synced_once = true;
	c->late_final = false;
	rest(c);
	start_next(c);
}

/* While out of step each final result may be anybody's; the last one, of an AT, is followed by silence. */
static void sync_final(struct chat *c, enum at_kind kind)
{
	if (c->state == QUIET)
		c->stats.late++;
	if (kind == AT_OK)
		arm(c, QUIET, QUIET_MS);
	else if (c->state == SYNC && c->sync_tries < SYNC_TRIES)
		sync_try(c); /* half a line of before stood in its buffer */
}

/* ---- commands ---- */

static void write_command(struct chat *c)
{
	struct slot *s = c->running;
	char line[CHAT_TEXT_MAX + 1];
	size_t n = strlen(s->text);
	unsigned timeout = s->cmd.timeout_ms ? s->cmd.timeout_ms : TIMEOUT_MS;
	unsigned prompt = c->habits.prompt_ms ? c->habits.prompt_ms : PROMPT_MS;

	memcpy(line, s->text, n);
	line[n] = '\r';
	if (s->cmd.secret)
		trace_secret(c, true, s->text);
	else
		trace(c, true, s->text, n, false);
	c->stats.commands++;
	if (c->ops->write(c->arg, line, n + 1) < 0)
		arm(c, FAILED, 0);
	else if (s->cmd.body)
		arm(c, PROMPT, prompt < timeout ? prompt : timeout);
	else
		arm(c, SENT, timeout);
	if (s->cmd.secret)
		explicit_bzero(line, sizeof(line));
}

static void write_body(struct chat *c)
{
	struct slot *s = c->running;
	char line[CHAT_TEXT_MAX + 1];
	size_t n = strlen(s->body);

	memcpy(line, s->body, n);
	line[n] = *CTRL_Z;
	trace(c, true, s->body, n, true);
	if (c->ops->write(c->arg, line, n + 1) < 0) {
		arm(c, FAILED, 0);
		return;
	}
	c->answer.body_written = true;
	arm(c, SENT, s->cmd.timeout_ms ? s->cmd.timeout_ms : TIMEOUT_MS);
}

static void start_next(struct chat *c)
{
	uint64_t since;

	if (c->state != IDLE || c->in_done || (!c->urgent.first && !c->waiting.first))
		return;
	if (c->out_of_step) {
		sync_start(c);
		return;
	}
	since = uv_now(c->timer.loop) - c->ended_ms;
	if (since < c->habits.gap_ms) {
		arm(c, GAP, c->habits.gap_ms - since);
		return;
	}
	c->running = slots_take(&c->urgent);
	if (!c->running)
		c->running = slots_take(&c->waiting);
	memset(&c->answer, 0, sizeof(c->answer));
	c->n_text = 0;
	c->want_second = false;
	write_command(c);
}

static int copy_in(char *dst, size_t n_dst, const char *src, const char **ret)
{
	size_t n = strlen(src);

	if (n >= n_dst)
		return -EMSGSIZE;
	memcpy(dst, src, n + 1);
	*ret = dst;
	return 0;
}

int chat_command(struct chat *c, const struct chat_command *cmd)
{
	struct slot *s;
	int r;

	if (c->stopped)
		return -EPIPE;
	s = slots_take(&c->unused);
	if (!s)
		return -ENOBUFS;
	s->cmd = *cmd;
	r = copy_in(s->text, sizeof(s->text), cmd->text, &s->cmd.text);
	if (r == 0 && cmd->body)
		r = copy_in(s->body, sizeof(s->body), cmd->body, &s->cmd.body);
	if (r == 0 && cmd->prefix)
		r = copy_in(s->prefix, sizeof(s->prefix), cmd->prefix, &s->cmd.prefix);
	if (r < 0) {
		release(c, s);
		return r;
	}
	slots_add(cmd->urgent ? &c->urgent : &c->waiting, s);
	start_next(c);
	return 0;
}

void chat_hurry(struct chat *c, unsigned ms)
{
	if (c->state == SENT && uv_timer_get_due_in(&c->timer) > ms)
		arm(c, SENT, ms);
}

/* No answer came.  What was asked may be answered yet: see is_late(). */
static void give_up(struct chat *c)
{
	c->stats.timeouts++;
	c->out_of_step = true;
	if (c->running->cmd.prefix && c->answer.body_written)
		memcpy(c->late_prefix, c->running->prefix, PREFIX_MAX);
	finish(c, CHAT_TIMEOUT, -1);
	/* Nothing else may wait, and the modem may still sit in its prompt. */
	if (!c->stopped && c->state == IDLE)
		sync_start(c);
}

static void on_timer(uv_timer_t *t)
{
	struct chat *c = t->data;

	switch (c->state) {
	case IDLE:
		break;
	case GAP:
		rest(c);
		start_next(c);
		break;
	case SENT:
	case PROMPT:
		give_up(c);
		break;
	case SYNC:
		if (c->sync_tries < SYNC_TRIES)
			sync_try(c);
		else
			sync_failed(c);
		break;
	case QUIET:
		sync_done(c);
		break;
	case FAILED:
		c->out_of_step = true;
		finish(c, CHAT_GONE, -1);
		break;
	}
}

/* ---- lines ---- */

static void tell_urc(struct chat *c, const char *line, const char *pdu)
{
	c->stats.urcs++;
	c->ops->urc(c->arg, line, pdu);
}

/* Forget a header whose PDU does not come; false when that ended the chat. */
static bool drop_header(struct chat *c)
{
	char header[AT_LINE_MAX + 1];

	if (!c->header[0])
		return true;
	memcpy(header, c->header, sizeof(header));
	c->header[0] = '\0';
	tell_urc(c, header, NULL);
	return !c->stopped;
}

static void on_urc(struct chat *c, const char *line)
{
	if (line_wants_pdu(line)) {
		if (!drop_header(c))
			return;
		memcpy(c->header, line, strlen(line) + 1);
		c->header_age = 0;
		return;
	}
	tell_urc(c, line, NULL);
}

static void on_pdu(struct chat *c, const char *pdu)
{
	char header[AT_LINE_MAX + 1];

	memcpy(header, c->header, sizeof(header));
	c->header[0] = '\0';
	tell_urc(c, header, pdu);
}

static void ussd_close(struct chat *c)
{
	char line[AT_LINE_MAX + 1];

	memcpy(line, c->ussd, sizeof(line));
	c->ussd[0] = '\0';
	tell_urc(c, line, NULL);
}

/* One more line of the text; a quote ends it, as what cannot be text does.  False: the line is not of it. */
static bool ussd_goes_on(struct chat *c, const char *line, enum at_kind kind)
{
	size_t n = strlen(c->ussd), n_line = strlen(line);

	if (kind != AT_LINE || is_known_urc(c, line) || n + 1 + n_line > AT_LINE_MAX || ++c->ussd_lines > USSD_LINES) {
		ussd_close(c);
		return false;
	}
	c->ussd[n] = '\n';
	memcpy(c->ussd + n + 1, line, n_line + 1);
	if (strchr(line, '"'))
		ussd_close(c);
	return true;
}

static void add_line(struct chat *c, const char *line)
{
	size_t n = strlen(line) + 1;
	const struct chat_command *cmd = &c->running->cmd;

	c->want_second = cmd->follows && !c->want_second;
	if (cmd->each) {
		cmd->each(cmd->arg, line);
		return;
	}
	if (c->answer.n_lines >= CHAT_LINES_MAX || n > sizeof(c->text) - c->n_text)
		return;
	memcpy(c->text + c->n_text, line, n);
	c->lines[c->answer.n_lines++] = c->text + c->n_text;
	c->n_text += n;
}

static enum chat_end end_of(enum at_kind kind)
{
	if (kind == AT_OK)
		return CHAT_OK;
	if (kind == AT_CMS_ERROR)
		return CHAT_CMS_ERROR;
	return kind == AT_CME_ERROR ? CHAT_CME_ERROR : CHAT_ERROR;
}

static void on_final(struct chat *c, enum at_kind kind, int code)
{
	if (c->state == SYNC || c->state == QUIET) {
		sync_final(c, kind);
		return;
	}
	if (!c->running || c->state == FAILED || (c->late_final && kind == AT_OK) ||
		(c->state == PROMPT && kind == AT_OK)) {
		c->late_final = false;
		c->stats.late++;
		return;
	}
	finish(c, end_of(kind), code);
}

static void on_prompt(struct chat *c)
{
	switch (c->state) {
	case PROMPT:
		write_body(c);
		break;
	case SENT:
		if (c->answer.body_written)
			break; /* once more, for each line of the text */
		c->ops->write(c->arg, ESC, 1);
		give_up(c);
		break;
	case IDLE:
	case GAP:
		/* Late: whoever asked for it has gone. */
		c->out_of_step = true;
		sync_start(c);
		break;
	case SYNC:
	case QUIET:
		if (c->sync_tries < SYNC_TRIES)
			sync_try(c);
		break;
	case FAILED:
		break;
	}
}

static void on_own(struct chat *c, const char *line)
{
	if (c->want_second) /* a header where its second line should stand */
		add_line(c, "");
	if (!c->running)
		return;
	add_line(c, line);
	/* "+CMGS: 17": the rest is a formality, and some modems forget it. */
	if (c->state == SENT && c->answer.body_written)
		arm(c, SENT, FORMALITY_MS);
}

/* The answer to a command that we have given up. */
static void note_late(struct chat *c, const char *line)
{
	if (!c->late_prefix[0] || !at_after(line, c->late_prefix))
		return;
	if (c->running && c->running->cmd.prefix && strcasecmp(c->running->prefix, c->late_prefix) == 0 &&
		c->answer.body_written)
		return; /* may as well be its own */
	c->late_prefix[0] = '\0';
	c->late_final = true;
}

/* Some firmware cuts a line in two to say something else.  The half is dealt with as it stands, since most short lines
 * are whole; but where the other half makes a final result of it, or the answer that is waited for, that is what it
 * is. */
static bool is_torn_half(struct chat *c, const char *line, char joined[static AT_LINE_MAX + TORN_MAX])
{
	int code;

	if (!c->torn_between)
		return false;
	snprintf(joined, AT_LINE_MAX + TORN_MAX, "%s%s", c->torn, line);
	c->torn[0] = '\0';
	c->torn_between = false;
	return at_line_kind(joined, &code) != AT_LINE ||
		(c->running && c->running->cmd.prefix && at_after(joined, c->running->cmd.prefix));
}

static void note_torn(struct chat *c, const char *line)
{
	size_t n = line_name_length(line), n_line = strlen(line);

	if (n > 0 && line[n] == ':') {
		c->torn_between = c->torn[0] != '\0';
		return;
	}
	c->torn_between = false;
	c->torn[0] = '\0';
	if (c->running && n_line < TORN_MAX)
		memcpy(c->torn, line, n_line + 1);
}

/* In the order of what is surest. */
static void on_text(struct chat *c, const char *line)
{
	char joined[AT_LINE_MAX + TORN_MAX];
	int code = -1;
	enum at_kind kind;

	if (is_torn_half(c, line, joined))
		line = joined;
	kind = at_line_kind(line, &code);
	if (kind == AT_LINE)
		note_torn(c, line);
	else
		c->torn[0] = '\0'; /* a result is whole: no half of what comes next */
	if (c->ussd[0] && ussd_goes_on(c, line, kind))
		return;
	if (c->stopped)
		return;
	if (c->header[0] && line_is_hex(line)) {
		on_pdu(c, line);
		return;
	}
	if (c->header[0] && c->header_age++ >= SECOND_WAIT && !drop_header(c))
		return;
	if (c->running && c->want_second && line_is_hex(line)) {
		add_line(c, line);
		return;
	}
	if (kind != AT_LINE && kind != AT_NO_CARRIER) {
		on_final(c, kind, code);
		return;
	}
	if (is_echo(c, line))
		return;
	note_late(c, line);
	if (is_own(c, line) && !(c->late_final && c->state == PROMPT)) {
		on_own(c, line);
	} else if (line_is_open_ussd(line)) {
		memcpy(c->ussd, line, strlen(line) + 1);
		c->ussd_lines = 0;
	} else {
		on_urc(c, line);
	}
}

static bool on_line(void *arg, char *line, size_t n, bool prompt)
{
	struct chat *c = arg;

	trace_in(c, line, n);
	if (prompt && c->ussd[0])
		return true; /* "> Menu": loses its sign, not its place */
	if (prompt)
		on_prompt(c);
	else
		on_text(c, line);
	return !c->stopped;
}

/* Octets of the line end before it may be lost. */
static void look_for_prompt(struct chat *c)
{
	struct at_reader *r = &c->reader;

	if (c->state == PROMPT && r->n >= 2 && memcmp(r->line + r->n - 2, "> ", 2) == 0) {
		at_reader_reset(r);
		on_prompt(c);
	}
}

void chat_feed(struct chat *c, const uint8_t *data, size_t n)
{
	if (c->stopped)
		return;
	at_read(&c->reader, data, n, on_line, c);
	if (!c->stopped)
		look_for_prompt(c);
}

/* ---- beginning and end ---- */

int chat_new(uv_loop_t *loop, const struct chat_ops *ops, void *arg, struct chat **ret)
{
	struct chat *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	r = uv_timer_init(loop, &c->timer);
	if (r < 0) {
		free(c);
		return r;
	}
	c->timer.data = c;
	c->ops = ops;
	c->arg = arg;
	c->out_of_step = true;
	at_reader_init(&c->reader);
	slots_init(&c->urgent);
	slots_init(&c->waiting);
	slots_init(&c->unused);
	for (size_t i = 0; i < sizeof(c->slot) / sizeof(c->slot[0]); i++)
		slots_add(&c->unused, &c->slot[i]);
	*ret = c;
	return 0;
}

void chat_set_habits(struct chat *c, const struct chat_habits *h)
{
	c->habits = *h;
}

static void on_closed(uv_handle_t *h)
{
	free(h->data);
}

void chat_stop(struct chat *c)
{
	if (c->stopped)
		return;
	c->stopped = true;
	drop_all(c);
	uv_close((uv_handle_t *)&c->timer, on_closed);
}

bool chat_is_idle(const struct chat *c)
{
	return c->state == IDLE && !c->urgent.first && !c->waiting.first;
}

void chat_stats(const struct chat *c, struct chat_stats *ret)
{
	*ret = c->stats;
}
