/* SPDX-License-Identifier: Apache-2.0 */
/* modem_rules.c -- what shall go wrong when: parse the rules, and apply them.
 *
 * A rule counts the events that fit it for the life of the process, so that a fault which makes the modem restart does
 * not strike again at once.  A chance is drawn from the seeded generator: the same seed, the same run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modem_sim.h"

/* `*` at the end stands for any rest, `?` for one character; an empty pattern fits all. */
bool modem_matches(const char *pattern, const char *s)
{
	if (!*pattern)
		return true;
	for (; *pattern; pattern++, s++) {
		if (pattern[0] == '*' && pattern[1] == 0)
			return true;
		if (*s == 0 || (*pattern != '?' && *pattern != *s))
			return false;
	}
	return *s == 0;
}

/* `4`, `2..3`, `5..`, `every 7`, `10%`, or nothing: always. */
static int when(struct modem_words *w, struct modem_rule *u)
{
	const char *s = modem_words_peek(w);
	unsigned long long first = 0, last = 0;
	uint32_t n = 0;
	char tail;
	int r;

	u->first = 1;
	u->last = UINT64_MAX;
	if (modem_words_take(w, "every")) {
		r = modem_words_number(w, UINT32_MAX, &n);
		u->every = n;
		return r == 0 && n == 0 ? modem_words_complain(w, "every 0 makes no sense") : r;
	}
	if (*s < '0' || *s > '9')
		return 0;
	if (strchr(s, '%'))
		return modem_words_percent(w, &u->ppm);
	if (sscanf(s, "%llu..%llu%c", &first, &last, &tail) != 2) {
		if (sscanf(s, "%llu%c", &first, &tail) == 1)
			last = first;
		else if (sscanf(s, "%llu.%c%c", &first, &tail, &tail) == 2 && tail == '.')
			last = UINT64_MAX;
	}
	if (first == 0 || last < first)
		return modem_words_complain(w, "\"%s\" is no count of events", s);
	w->i++;
	u->first = first;
	u->last = last;
	return 0;
}

enum needs { NOTHING, CODE, TIME, OPTIONAL_TIME };

static const struct {
	const char *name;
	enum modem_fault fault;
	enum needs needs;
	int only; /* an event, or -1 */
} faults[] = {
	{"cms", FAULT_CMS, CODE, -1},
	{"cme", FAULT_CME, CODE, -1},
	{"error", FAULT_ERROR, NOTHING, -1},
	{"late", FAULT_LATE, TIME, -1},
	{"restart", FAULT_RESTART, OPTIONAL_TIME, -1},
	{"unplug", FAULT_UNPLUG, OPTIONAL_TIME, -1},
	{"no-answer", FAULT_NO_ANSWER, NOTHING, -1},
	{"lose-prompt", FAULT_LOSE_PROMPT, NOTHING, ON_CMGS},
	{"lose-answer", FAULT_LOSE_ANSWER, NOTHING, ON_SUBMIT},
	{"lose-ok", FAULT_LOSE_OK, NOTHING, ON_SUBMIT},
	{"lose-cmgs", FAULT_LOSE_CMGS, NOTHING, ON_SUBMIT},
	{"mr", FAULT_MR, CODE, ON_SUBMIT},
};

static int parse_silent(struct modem_words *w, struct modem_rule *u)
{
	u->fault = FAULT_SILENT;
	u->arg = 0;
	if (modem_words_take(w, "forever"))
		return 0;
	if (modem_words_take(w, "until-reopen")) {
		u->fault = FAULT_REOPEN;
		return 0;
	}
	return modem_words_number(w, UINT32_MAX - 1, &u->arg);
}

/* `st 0x46`, `st 0x30 then 0x00 2s` */
static int parse_st(struct modem_words *w, struct modem_rule *u)
{
	int r = modem_words_number(w, 255, &u->arg);

	u->fault = FAULT_ST;
	u->then = UINT32_MAX;
	if (r == 0 && modem_words_take(w, "then")) {
		r = modem_words_number(w, 255, &u->then);
		if (r == 0)
			r = modem_words_number(w, UINT32_MAX, &u->then_ms);
	}
	return r;
}

static int parse_fault(struct modem_words *w, struct modem_rule *u)
{
	if (modem_words_take(w, "silent"))
		return parse_silent(w, u);
	if (modem_words_take(w, "st"))
		return parse_st(w, u);
	if (modem_words_take(w, "do")) {
		u->fault = FAULT_DO;
		modem_words_rest(w, sizeof(u->line), u->line);
		return 0;
	}
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		const char *next;

		if (!modem_words_take(w, faults[i].name))
			continue;
		if (faults[i].only >= 0 && u->event != (enum modem_event_kind)faults[i].only)
			return modem_words_complain(w, "\"%s\" does not go with this event", faults[i].name);
		u->fault = faults[i].fault;
		next = modem_words_peek(w);
		if (faults[i].needs == NOTHING || (faults[i].needs == OPTIONAL_TIME && (*next < '0' || *next > '9')))
			return 0;
		return modem_words_number(w, UINT32_MAX - 1, &u->arg);
	}
	return modem_words_complain(w, "\"%s\" is no fault", modem_words_peek(w));
}

int modem_rule_parse(struct modem_rules *r, const char *modem, struct modem_words *w)
{
	struct modem_rule *u = &r->rule[r->n];
	int e = 0;

	if (r->n == RULES_MAX)
		return modem_words_complain(w, "more than %u rules", RULES_MAX);
	memset(u, 0, sizeof(*u));
	snprintf(u->modem, sizeof(u->modem), "%s", modem);
	if (modem_words_take(w, "cmgs")) {
		u->event = ON_CMGS;
	} else if (modem_words_take(w, "submit")) {
		u->event = ON_SUBMIT;
	} else if (modem_words_take(w, "command")) {
		u->event = ON_COMMAND;
		if (strchr("+^#$*AESZ&", *modem_words_peek(w)) && *modem_words_peek(w))
			e = modem_words_text(w, "command", sizeof(u->command), u->command);
	} else {
		return modem_words_complain(w, "\"%s\" is no event: command, cmgs, submit", modem_words_peek(w));
	}
	if (e == 0)
		e = when(w, u);
	if (e == 0 && modem_words_take(w, "to"))
		e = modem_words_text(w, "pattern", sizeof(u->to), u->to);
	if (e == 0)
		e = parse_fault(w, u);
	if (e == 0)
		u->taken = modem_words_take(w, "taken");
	if (e == 0)
		e = modem_words_end(w);
	if (e == 0)
		r->n++;
	return e;
}

static bool strikes(struct modem_sim *sim, struct modem_rule *u)
{
	u->n_seen++;
	if (u->ppm)
		return modem_chance(sim, u->ppm);
	if (u->every)
		return u->n_seen % u->every == 0;
	return u->n_seen >= u->first && u->n_seen <= u->last;
}

static void apply(struct modem *m, struct modem_rule *u, struct modem_verdict *v)
{
	char err[256], line[256];

	u->n_hits++;
	switch (u->fault) {
	case FAULT_MR: v->mr = (int)(u->arg & 255); break;
	case FAULT_ST:
		v->st = (int)u->arg;
		v->then = u->then == UINT32_MAX ? -1 : (int)u->then;
		v->then_ms = u->then_ms;
		break;
	case FAULT_DO:
		snprintf(line, sizeof(line), "modem %s %s", m->name, u->line);
		if (modem_do(m->sim, line, "rule", err, sizeof(err)) < 0)
			fprintf(stderr, "posthorn-modem-sim: %s\n", err);
		break;
	default:
		if (v->fault == FAULT_NONE) {
			v->fault = u->fault;
			v->arg = u->arg;
			v->taken = u->taken;
		}
	}
}

void modem_judge(struct modem *m, enum modem_event_kind event, const char *command, const char *to,
	struct modem_verdict *ret)
{
	*ret = (struct modem_verdict){.mr = -1, .st = -1, .then = -1};
	for (unsigned i = 0; i < m->sim->rules.n; i++) {
		struct modem_rule *u = &m->sim->rules.rule[i];

		if (u->event != event || !modem_matches(u->modem, m->name) || !modem_matches(u->to, to))
			continue;
		if (*u->command && strcasecmp(u->command, command) != 0)
			continue;
		if (strikes(m->sim, u))
			apply(m, u, ret);
	}
}

int modem_script_load(struct modem_sim *sim, const char *path, char *err, size_t n_err)
{
	char line[2048], where[512];
	FILE *f = fopen(path, "re");
	unsigned n = 0;
	int r = 0;

	if (!f) {
		snprintf(err, n_err, "%s: cannot be opened", path);
		return -1;
	}
	while (r == 0 && fgets(line, sizeof(line), f)) {
		snprintf(where, sizeof(where), "%s:%u", path, ++n);
		r = modem_do(sim, line, where, err, n_err);
	}
	fclose(f);
	return r;
}
