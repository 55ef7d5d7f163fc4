/* SPDX-License-Identifier: Apache-2.0 */
/* modem_at.c -- command lines: echo, prompts, one command after the other, answers, unsolicited lines.
 *
 * An answer is put together whole and leaves at once, so that what comes unasked stands before or behind it; only the
 * setting urc-inside puts it in between.  While a command runs, what arrives is held.
 */
#include "modem_at.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void run_rest(struct modem_port *p);

void modem_at_reset(struct modem_port *p)
{
	p->echo = p->verbose = true;
	p->quiet = p->busy = p->prompt = false;
	p->n_line = p->n_held = p->n_answer = p->n_pending = 0;
	p->rest = "";
}

static const char *eol(const struct modem_port *p)
{
	return p->m->profile->cr_cr_lf ? "\r\r\n" : "\r\n";
}

static void append(struct modem_port *p, const char *s, size_t n)
{
	if (n > ANSWER_CAP - p->n_answer)
		return;
	memcpy(p->answer + p->n_answer, s, n);
	p->n_answer += n;
}

void at_line(struct modem_port *p, const char *fmt, ...)
{
	char text[2048];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if (p->n_answer == 0)
		append(p, eol(p), strlen(eol(p)));
	append(p, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
	append(p, eol(p), strlen(eol(p)));
}

/* A final result has an empty line of its own in front. */
static void final_text(struct modem_port *p, const char *text)
{
	if (p->n_answer > 0)
		append(p, eol(p), strlen(eol(p)));
	at_line(p, "%s", text);
}

static const char *noise_line(struct modem *m)
{
	const char *line = m->profile->noise[m->noise_next % 5];

	if (!line) {
		m->noise_next = 0;
		line = m->profile->noise[0];
	}
	m->noise_next++;
	return line ? line : "^RSSI: 15";
}

/* Behind the first line end that follows a place drawn; the beginning, if there is none. */
static size_t between_lines(const struct modem_port *p)
{
	size_t from = (size_t)(modem_random(p->m->sim) % p->n_answer);
	const char *nl = memchr(p->answer + from, '\n', p->n_answer - from);
	size_t at = nl ? (size_t)(nl + 1 - p->answer) : 0;

	return at < p->n_answer ? at : 0;
}

/* What was put together goes out, with somebody's interruption if the script says so. */
static void send_answer(struct modem_port *p)
{
	struct modem *m = p->m;
	size_t at = p->n_answer;
	char line[160];
	int n;

	if (p->n_answer > 0 && modem_chance(m->sim, m->conf.urc_inside))
		at = (size_t)(modem_random(m->sim) % p->n_answer);
	else if (p->n_answer > 0 && modem_chance(m->sim, m->conf.urc_between))
		at = between_lines(p);
	modem_port_write(p, p->answer, at);
	if (at < p->n_answer) {
		n = snprintf(line, sizeof(line), "%s%s%s", eol(p), noise_line(m), eol(p));
		modem_port_write(p, line, (size_t)n);
		modem_port_write(p, p->answer + at, p->n_answer - at);
	}
	p->n_answer = 0;
}

static void release(struct modem_port *p)
{
	char held[HELD_CAP];
	size_t n = p->n_held;

	p->busy = false;
	if (p->n_pending > 0) {
		modem_port_write(p, p->pending, p->n_pending);
		p->n_pending = 0;
	}
	if (n == 0)
		return;
	memcpy(held, p->held, n);
	p->n_held = 0;
	modem_at_feed(p, held, n);
}

void at_done_silently(struct modem_port *p)
{
	p->n_answer = 0;
	p->rest = "";
	release(p);
}

void at_send(struct modem_port *p)
{
	send_answer(p);
}

static void on_answer_due(struct modem *m, void *arg)
{
	struct at_port_ref *ref = arg;
	struct modem_port *p = m->ports[ref->port];

	free(ref);
	send_answer(p);
	if (*p->rest)
		run_rest(p);
	else
		release(p);
}

/* The answer leaves now or in a while; then the next command of the line, or the next line. */
static void deliver_answer(struct modem_port *p)
{
	const uint32_t *delay = p->m->conf.answer_delay;

	if (delay[1] > 0)
		at_later(p, modem_between(p->m->sim, delay[0], delay[1]), on_answer_due);
	else {
		send_answer(p);
		release(p);
	}
}

void at_later(struct modem_port *p, uint64_t ms, modem_event_fn fn)
{
	struct at_port_ref *ref = malloc(sizeof(*ref));

	if (!ref)
		abort();
	ref->port = 0;
	while (p->m->ports[ref->port] != p)
		ref->port++;
	p->busy = true;
	modem_later(p->m, ms, fn, ref);
}

static const char *cme_text(unsigned code)
{
	switch (code) {
	case 3: return "operation not allowed";
	case 4: return "operation not supported";
	case 10: return "SIM not inserted";
	case 11: return "SIM PIN required";
	case 12: return "SIM PUK required";
	case 13: return "SIM failure";
	case 14: return "SIM busy";
	case 16: return "incorrect password";
	case 30: return "no network service";
	default: return "unknown error";
	}
}

static void final_line(struct modem_port *p, struct at_result r)
{
	bool old = p->m->profile->maker == MAKER_WAVECOM;
	unsigned cmee = p->m->cmee;
	char text[64] = "ERROR";

	if (!p->verbose)
		strcpy(text, "4");
	if (r.kind == AT_OK)
		strcpy(text, p->verbose ? "OK" : "0");
	else if (r.kind == AT_CMS && (cmee > 0 || !old))
		snprintf(text, sizeof(text), "+CMS ERROR: %u", r.code);
	else if (r.kind == AT_CME && cmee == 2)
		snprintf(text, sizeof(text), "+CME ERROR: %s", cme_text(r.code));
	else if (r.kind == AT_CME && cmee == 1)
		snprintf(text, sizeof(text), "+CME ERROR: %u", r.code);
	else if (r.kind == AT_TEXT)
		snprintf(text, sizeof(text), "%s", r.text);
	if (r.kind != AT_BARE)
		final_text(p, text);
}

void at_finish(struct modem_port *p, struct at_result r)
{
	if (r.kind == AT_OK && *p->rest) {
		run_rest(p);
		return;
	}
	p->rest = "";
	if (p->quiet)
		p->n_answer = 0;
	else
		final_line(p, r);
	deliver_answer(p);
}

/* ---- faults of any command */

static void on_late(struct modem *m, void *arg)
{
	struct at_port_ref *ref = arg;
	struct modem_port *p = m->ports[ref->port];

	free(ref);
	send_answer(p);
	release(p);
}

/* true: the fault has taken the command over. */
static bool strike(struct modem_port *p, const struct modem_verdict *v)
{
	struct modem *m = p->m;

	switch (v->fault) {
	case FAULT_CMS: at_finish(p, (struct at_result){AT_CMS, v->arg, NULL}); return true;
	case FAULT_CME: at_finish(p, (struct at_result){AT_CME, v->arg, NULL}); return true;
	case FAULT_ERROR: at_finish(p, (struct at_result){AT_ERROR, 0, NULL}); return true;
	case FAULT_SILENT: modem_silence(m, v->arg ? v->arg : FOREVER); return true;
	case FAULT_REOPEN:
		modem_silence(m, FOREVER);
		m->silent_reopen = true;
		return true;
	case FAULT_RESTART: modem_restart(m, v->arg, false); return true;
	case FAULT_UNPLUG:
		modem_unplug(m, v->arg);
		return true;
	case FAULT_LOSE_PROMPT:
		p->prompt = true; /* it waits for a PDU, but nobody knows */
		p->busy = false;
		p->n_line = 0;
		return true;
	case FAULT_NO_ANSWER:
	case FAULT_LOSE_ANSWER: at_done_silently(p); return true;
	default: return false;
	}
}

bool at_strike(struct modem_port *p, const struct modem_verdict *v)
{
	bool taken = strike(p, v);

	if (taken)
		modem_note(p->m, "fault", "command");
	return taken;
}

/* ---- commands */

static bool is_name(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* The end of a parameter: ';' outside quotes. */
static const char *end_of_command(const char *s)
{
	bool in_quotes = false;

	for (; *s && (in_quotes || *s != ';'); s++)
		if (*s == '"')
			in_quotes = !in_quotes;
	return s;
}

static const char *cut_extended(const char *s, struct at_call *a)
{
	const char *end = end_of_command(s), *at = s + 1;
	size_t n;

	while (at < end && is_name(*at))
		at++;
	n = (size_t)(at - s) < sizeof(a->name) - 1 ? (size_t)(at - s) : sizeof(a->name) - 1;
	memcpy(a->name, s, n);
	a->name[n] = 0;
	a->op = AT_EXEC;
	if (*at == '=') {
		at++;
		a->op = at < end && *at == '?' ? AT_TEST : AT_SET;
	} else if (*at == '?') {
		a->op = AT_READ;
	}
	n = (size_t)(end - at) < sizeof(a->args) - 1 ? (size_t)(end - at) : sizeof(a->args) - 1;
	memcpy(a->args, at, n);
	a->args[n] = 0;
	return *end == ';' ? end + 1 : end;
}

/* E0, V1, &F, S0=0, D123; */
static const char *cut_basic(const char *s, struct at_call *a)
{
	size_t n = 0;

	a->name[n++] = *s++;
	if (a->name[0] == '&' || a->name[0] == '\\')
		a->name[n++] = *s ? *s++ : 'F';
	a->name[n] = 0;
	n = 0;
	if (strchr("Dd", a->name[0])) {
		snprintf(a->args, sizeof(a->args), "%s", s);
		return s + strlen(s);
	}
	while (n < sizeof(a->args) - 1 && ((*s >= '0' && *s <= '9') || *s == '=' || *s == '?'))
		a->args[n++] = *s++;
	a->args[n] = 0;
	a->op = strchr(a->args, '?') ? AT_READ : AT_SET;
	while (*s == ' ' || *s == ';')
		s++;
	return s;
}

static void run_rest(struct modem_port *p)
{
	struct at_call a = {.p = p, .m = p->m};
	struct modem_verdict v;
	struct at_result r;

	while (*p->rest == ' ' || *p->rest == ';')
		p->rest++;
	if (*p->rest == 0) {
		at_finish(p, at_ok);
		return;
	}
	p->rest = strchr("+^#$*%!", *p->rest) ? cut_extended(p->rest, &a) : cut_basic(p->rest, &a);
	p->m->counts.commands++;
	modem_judge(p->m, ON_COMMAND, a.name, "", &v);
	if (v.fault == FAULT_LATE) {
		r = at_dispatch(&a);
		if (r.kind != AT_LATER) {
			final_line(p, r);
			p->rest = "";
			at_later(p, v.arg, on_late);
		}
		return;
	}
	if (v.fault != FAULT_NONE && at_strike(p, &v))
		return;
	r = at_dispatch(&a);
	if (r.kind != AT_LATER)
		at_finish(p, r);
}

static void run_line(struct modem_port *p)
{
	char *s = p->line, *at;

	p->line[p->n_line] = 0;
	p->n_line = 0;
	if (strcasecmp(s, "A/") == 0) {
		strcpy(p->command, p->last);
	} else {
		/* Whatever stood before it: noise, an escape, half a line of before. */
		for (at = s; *at && strncasecmp(at, "AT", 2) != 0; at++)
			;
		if (*at == 0)
			return;
		snprintf(p->command, sizeof(p->command), "%s", at + 2);
		strcpy(p->last, p->command);
	}
	p->busy = true;
	p->n_answer = 0;
	p->rest = p->command;
	run_rest(p);
}

/* ---- octets */

void at_prompt(struct modem_port *p)
{
	const char *s = p->m->conf.prompt_bare && modem_chance(p->m->sim, p->m->conf.prompt_bare) ? ">" : "> ";

	p->prompt = true;
	p->busy = false;
	p->n_line = 0;
	p->n_answer = 0;
	append(p, eol(p), strlen(eol(p)));
	append(p, s, strlen(s));
	send_answer(p);
}

static void feed_prompt(struct modem_port *p, char c)
{
	if (c == 0x1B) {
		p->prompt = false;
		p->n_line = 0;
		p->m->counts.cancelled++;
		p->busy = true;
		p->rest = "";
		at_finish(p, at_ok);
	} else if (c == 0x1A) {
		p->prompt = false;
		p->line[p->n_line] = 0;
		p->busy = true;
		p->rest = "";
		at_entry(p);
		p->n_line = 0;
	} else if (p->n_line < LINE_CAP - 1) {
		p->line[p->n_line++] = c;
		if (c == '\r' && p->m->cmgf == 1)
			modem_port_write(p, "\r\n> ", 4);
	}
}

static void feed_command(struct modem_port *p, char c)
{
	if (c == '\r') {
		run_line(p);
	} else if (c == '\b' || c == 0x7F) {
		p->n_line -= p->n_line > 0;
	} else if (c != '\n' && c != 0x1B && c != 0x1A && c != 0) {
		if (p->n_line < LINE_CAP - 1)
			p->line[p->n_line++] = c;
		else
			p->n_line = 0;
	}
}

void modem_at_feed(struct modem_port *p, const char *s, size_t n)
{
	uint32_t boot = p->m->boot;

	for (size_t i = 0; i < n && p->m->boot == boot && !p->m->off; i++) {
		size_t until = i;

		if (p->busy) {
			size_t room = HELD_CAP - p->n_held, rest = n - i;

			memcpy(p->held + p->n_held, s + i, rest < room ? rest : room);
			p->n_held += rest < room ? rest : room;
			return;
		}
		/* The echo of as much as is one piece: up to the end of a line. */
		while (until < n && s[until] != '\r' && s[until] != 0x1A && s[until] != 0x1B)
			until++;
		until += until < n;
		if (p->echo || p->m->conf.echo_stuck)
			modem_port_write(p, s + i, until - i);
		for (; i < until; i++) {
			if (p->prompt)
				feed_prompt(p, s[i]);
			else
				feed_command(p, s[i]);
		}
		i--;
	}
}

/* ---- unsolicited */

static void urc_to(struct modem_port *p, const char *text)
{
	char line[2048];
	size_t n = 0;

	/* A header and its PDU are two lines of one piece. */
	for (const char *at = text; at && n < sizeof(line);) {
		const char *nl = strchr(at, '\n');
		size_t len = nl ? (size_t)(nl - at) : strlen(at);

		n += (size_t)snprintf(line + n, sizeof(line) - n, "%s%.*s%s", at == text ? eol(p) : "", (int)len, at,
			eol(p));
		at = nl ? nl + 1 : NULL;
	}
	n = n < sizeof(line) ? n : sizeof(line) - 1;
	/* Most makers wait while a text is being entered. */
	if (p->prompt && n <= PENDING_CAP - p->n_pending && !modem_chance(p->m->sim, p->m->conf.urc_in_prompt)) {
		memcpy(p->pending + p->n_pending, line, n);
		p->n_pending += n;
		return;
	}
	modem_port_write(p, line, n);
}

void modem_urc(struct modem *m, const char *fmt, ...)
{
	char text[1536];
	va_list ap;

	if (m->off || modem_is_silent(m))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (unsigned i = 0; i < m->n_ports; i++)
		if (m->ports[i]->role == ROLE_AT)
			urc_to(m->ports[i], text);
}
