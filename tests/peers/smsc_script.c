/* SPDX-License-Identifier: Apache-2.0 */
/* smsc_script.c -- parse the scripts of the carrier simulator; smsc_judge.c applies them.
 *
 * Parsing splits a line into words once and then walks them with a cursor; every complaint names file, line
 * and word, because a misspelt fault that silently does nothing would make a test pass that tests nothing.
 */
#include "smsc_script.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 32

struct words {
	char *w[WORDS_MAX];
	unsigned n, i;
	const char *where;
	char *err;
	size_t n_err;
};

void smsc_script_init(struct smsc_script *s)
{
	memset(s, 0, sizeof(*s));
	s->congestion = -1;
	s->version = 34;
	s->outcomes[0] =
		(struct smsc_outcome){.stat = "DELIVRD", .err = "000", .state = STATE_DELIVERED, .weight = 1};
	s->n_outcomes = 1;
	s->total_weight = 1;
	s->receipt_esm = 0x04; /* SMPP 3.4, 5.2.12: delivery receipt */
}

__attribute__((format(printf, 2, 3))) static int complain(struct words *w, const char *fmt, ...)
{
	int n = snprintf(w->err, w->n_err, "%s: ", w->where);
	va_list ap;

	va_start(ap, fmt);
	if (n >= 0 && (size_t)n < w->n_err)
		vsnprintf(w->err + n, w->n_err - (size_t)n, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* Cut `line` in place into words; a word in double quotes may hold blanks. */
static int split(struct words *w, char *line)
{
	char *p = line;

	for (;;) {
		p += strspn(p, " \t\r\n");
		if (*p == 0 || *p == '#')
			return 0;
		if (w->n == WORDS_MAX)
			return complain(w, "too many words");
		if (*p == '"') {
			w->w[w->n++] = ++p;
			p = strchr(p, '"');
			if (!p)
				return complain(w, "a quote is not closed");
		} else {
			w->w[w->n++] = p;
			p += strcspn(p, " \t\r\n");
		}
		if (*p == 0)
			return 0;
		*p++ = 0;
	}
}

static const char *peek(const struct words *w)
{
	return w->i < w->n ? w->w[w->i] : "";
}

/* Step over `word` if it comes next. */
static bool take(struct words *w, const char *word)
{
	if (w->i == w->n || strcmp(w->w[w->i], word) != 0)
		return false;
	w->i++;
	return true;
}

static int number(struct words *w, uint64_t max, uint64_t *ret)
{
	const char *s = peek(w);
	char *end;
	unsigned long long v;

	if (*s < '0' || *s > '9')
		return complain(w, "a number should stand at \"%s\"", s);
	errno = 0;
	v = strtoull(s, &end, 0);
	if (errno || v > max || (*end != 0 && strcmp(end, "ms") != 0))
		return complain(w, "\"%s\" is not a number up to %llu", s, (unsigned long long)max);
	w->i++;
	*ret = v;
	return 0;
}

static int number32(struct words *w, uint32_t max, uint32_t *ret)
{
	uint64_t v;
	int r = number(w, max, &v);

	if (r == 0)
		*ret = (uint32_t)v;
	return r;
}

static int text(struct words *w, const char *what, size_t n, char *ret)
{
	if (w->i == w->n)
		return complain(w, "%s is missing", what);
	if (strlen(peek(w)) >= n)
		return complain(w, "%s is longer than %zu octets", what, n - 1);
	strcpy(ret, w->w[w->i++]);
	return 0;
}

static int end_of(struct words *w)
{
	if (w->i < w->n)
		return complain(w, "\"%s\" is not understood here", peek(w));
	return 0;
}

static int find(const char *const *names, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], word) == 0)
			return (int)i;
	return -1;
}

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

/* One of the words in `names`, as its index. */
static int choice(struct words *w, const char *const *names, size_t n, const char *what, int *ret)
{
	int i = find(names, n, peek(w));

	if (i < 0)
		return complain(w, "\"%s\" is no %s", peek(w), what);
	w->i++;
	*ret = i;
	return 0;
}

static int event(struct words *w, enum smsc_event *ret)
{
	static const char *const names[] = {"submit_sm", "bind", "enquire_link", "query_sm", "unbind"};
	int i = 0, r = choice(w, names, N_OF(names), "event", &i);

	*ret = (enum smsc_event)i;
	return r;
}

/* `5`, `1..2`, `10..`, `every 7`, or nothing: always. */
static int when(struct words *w, struct smsc_rule *u)
{
	char *s, *dots;
	int r;

	u->first = 1;
	u->last = UINT64_MAX;
	if (take(w, "every")) {
		r = number(w, UINT32_MAX, &u->every);
		return r == 0 && u->every == 0 ? complain(w, "every 0 makes no sense") : r;
	}
	if (w->i == w->n || *peek(w) < '0' || *peek(w) > '9')
		return 0;
	s = w->w[w->i];
	dots = strstr(s, "..");
	if (!dots) {
		r = number(w, UINT32_MAX, &u->first);
		u->last = u->first;
		return r;
	}
	*dots = 0;
	r = number(w, UINT32_MAX, &u->first);
	if (r == 0 && dots[2]) {
		w->i--;
		w->w[w->i] = dots + 2;
		r = number(w, UINT32_MAX, &u->last);
	}
	if (r == 0 && (u->first == 0 || u->last < u->first))
		return complain(w, "the range is empty");
	return r;
}

static int patterns(struct words *w, struct smsc_rule *u)
{
	int r = 0;

	while (r == 0) {
		if (take(w, "to"))
			r = text(w, "pattern", sizeof(u->to), u->to);
		else if (take(w, "from"))
			r = text(w, "pattern", sizeof(u->from), u->from);
		else
			break;
	}
	return r;
}

static const struct {
	const char *name;
	enum smsc_action action;
	uint32_t status; /* default */
	bool wants_status, may_follow;
} actions[] = {
	{"throttle", ACTION_STATUS, ESME_RTHROTTLED, false, false},
	{"status", ACTION_STATUS, 0, true, false},
	{"nack", ACTION_NACK, 0, true, false},
	{"swallow", ACTION_SWALLOW, 0, false, false},
	{"lose", ACTION_LOSE, 0, false, false},
	{"drop", ACTION_DROP, 0, false, true},
	{"unbind", ACTION_UNBIND, 0, false, true},
	{"garbage", ACTION_GARBAGE, 0, false, true},
	{"half-pdu", ACTION_HALF_PDU, 0, false, true},
	{"wrong-length", ACTION_WRONG_LENGTH, 0, false, true},
	{"huge-length", ACTION_HUGE_LENGTH, 0, false, true},
	{"unknown-command", ACTION_UNKNOWN_COMMAND, 0, false, true},
	{"truncated", ACTION_TRUNCATED, 0, false, true},
	{"zero-sequence", ACTION_ZERO_SEQUENCE, 0, false, true},
	{"high-sequence", ACTION_HIGH_SEQUENCE, 0, false, true},
	{"same-sequence", ACTION_SAME_SEQUENCE, 0, false, true},
	{"stray-response", ACTION_STRAY_RESPONSE, 0, false, true},
	{"wrong-request", ACTION_WRONG_REQUEST, 0, false, true},
};

static int action(struct words *w, struct smsc_rule *u)
{
	for (size_t i = 0; i < N_OF(actions); i++) {
		if (!take(w, actions[i].name))
			continue;
		if (u->after && !actions[i].may_follow)
			return complain(w, "\"%s\" cannot follow an answer; use `on`", actions[i].name);
		u->action = actions[i].action;
		u->status = actions[i].status;
		return actions[i].wants_status ? number32(w, UINT32_MAX, &u->status) : 0;
	}
	return complain(w, "\"%s\" is no action", peek(w));
}

/* The next free rule, emptied; it counts only once `n_rules` is raised. */
static struct smsc_rule *new_rule(struct smsc_script *s)
{
	struct smsc_rule *u = &s->rules[s->n_rules];

	memset(u, 0, sizeof(*u));
	u->first = 1;
	u->last = UINT64_MAX;
	return u;
}

static int line_on(struct smsc_script *s, struct words *w)
{
	struct smsc_rule *u = new_rule(s);
	int r = event(w, &u->event);

	if (r == 0)
		r = when(w, u);
	if (r == 0)
		r = patterns(w, u);
	if (r == 0)
		r = action(w, u);
	if (r == 0)
		s->n_rules++;
	return r;
}

/* `after 100 submit_sm drop`; also written `drop after 100 [submit_sm]`. */
static int line_after(struct smsc_script *s, struct words *w, const char *fault)
{
	struct words one = {
		.w = {(char *)fault}, .n = 1, .where = w->where, .err = w->err, .n_err = w->n_err};
	struct smsc_rule *u = new_rule(s);
	int r = when(w, u);

	if (r == 0 && u->every == 0 && u->last == UINT64_MAX)
		return complain(w, "`after` needs a number");
	u->after = true;
	if (r == 0 && (!fault || w->i < w->n))
		r = event(w, &u->event);
	if (r == 0)
		r = patterns(w, u);
	if (r == 0)
		r = action(fault ? &one : w, u);
	if (r == 0)
		s->n_rules++;
	return r;
}

static int line_bind(struct smsc_script *s, struct words *w)
{
	struct smsc_rule *u = new_rule(s);
	int r;

	if (take(w, "limit")) {
		r = number32(w, 10000, &s->bind_limit);
		return r < 0 ? r : number32(w, UINT32_MAX, &s->bind_limit_status);
	}
	if (!take(w, "refuse"))
		return complain(w, "bind refuse STATUS [first N], or bind limit N STATUS");
	u->event = EVENT_BIND;
	u->action = ACTION_STATUS;
	r = number32(w, UINT32_MAX, &u->status);
	if (r == 0 && take(w, "first"))
		r = number(w, UINT32_MAX, &u->last);
	if (r == 0)
		s->n_rules++;
	return r;
}

static int line_mo(struct smsc_script *s, struct words *w)
{
	struct smsc_rule *u = new_rule(s);
	int r = when(w, u);

	u->action = ACTION_MO;
	if (r == 0 && !take(w, "from"))
		return complain(w, "mo WHEN from FROM to TO text \"TEXT\"");
	if (r == 0)
		r = text(w, "from", sizeof(u->mo_from), u->mo_from);
	if (r == 0 && !take(w, "to"))
		return complain(w, "mo WHEN from FROM to TO text \"TEXT\"");
	if (r == 0)
		r = text(w, "to", sizeof(u->mo_to), u->mo_to);
	if (r == 0 && !take(w, "text"))
		return complain(w, "mo WHEN from FROM to TO text \"TEXT\"");
	if (r == 0)
		r = text(w, "text", sizeof(u->mo_text), u->mo_text);
	if (r == 0)
		s->n_rules++;
	return r;
}

static int line_enquire(struct smsc_script *s, struct words *w)
{
	struct smsc_rule *u = new_rule(s);

	u->event = EVENT_ENQUIRE_LINK;
	u->action = ACTION_SWALLOW;
	s->n_rules++;
	return 0;
}

static int line_tps(struct smsc_script *s, struct words *w)
{
	int r = number32(w, 10000000, &s->tps);

	if (r == 0 && s->tps == 0)
		return complain(w, "tps 0 would take nothing");
	/* A tenth of a second's worth: enough for a sender that works in ticks, too little to hide a burst.
	 */
	s->tps_burst = s->tps / 10 ? s->tps / 10 : 1;
	s->tps_by_clock = r == 0 && take(w, "by-clock");
	if (r == 0 && !s->tps_by_clock && take(w, "burst"))
		r = number32(w, 10000000, &s->tps_burst);
	return r;
}

static int line_id(struct smsc_script *s, struct words *w)
{
	static const char *const forms[] = {
		"dec", "hex", "uuid", "hex-resp-dec-receipt", "dec-resp-hex-receipt", "leading-zeros",
		"name-in-front", "name-behind", "name-in-resp", "long", "tlv-differs"};
	int i = 0, r = choice(w, forms, N_OF(forms), "form of an id", &i);

	s->id_form = (enum smsc_id_form)i;
	return r;
}

static int receipt_form(struct smsc_script *s, struct words *w)
{
	static const char *const forms[] = {"both", "text", "tlv", "payload", "utf16", "no-id"};
	int i = 0,
	    r = choice(w, forms, N_OF(forms), "form of a receipt (text, tlv, both, payload, utf16, no-id)", &i);

	s->receipt_form = (enum smsc_receipt_form)i;
	return r;
}

static struct smsc_outcome *new_outcome(struct smsc_script *s, const char *stat);

/* `receipt then STAT MS`: a second receipt that says something else. */
static int receipt_then(struct smsc_script *s, struct words *w)
{
	char stat[sizeof(s->outcomes[0].stat)];
	int r = text(w, "stat", sizeof(stat), stat);

	if (r == 0)
		r = number32(w, 86400 * 1000, &s->receipt_then_ms);
	if (r == 0 && s->n_outcomes == SMSC_OUTCOMES_MAX)
		return complain(w, "more than %u outcomes", SMSC_OUTCOMES_MAX);
	if (r == 0) {
		new_outcome(s, stat);
		s->receipt_then = (uint8_t)s->n_outcomes++;
	}
	return r;
}

static int receipt_parts(struct smsc_script *s, struct words *w)
{
	static const char *const parts[] = {"each", "first", "last"};
	int i = 0, r = choice(w, parts, N_OF(parts), "kind of parts (each, first, last)", &i);

	s->receipt_parts = (enum smsc_receipt_parts)i;
	return r;
}

static int receipt_esm(struct smsc_script *s, struct words *w)
{
	uint32_t esm = 0;
	int r = number32(w, 255, &esm);

	s->receipt_esm = (uint8_t)esm;
	return r;
}

static int line_receipt(struct smsc_script *s, struct words *w)
{
	if (take(w, "twice"))
		s->receipt_twice = true;
	else if (take(w, "other-bind"))
		s->receipt_other_bind = true;
	else if (take(w, "none"))
		s->receipt_none = true;
	else if (take(w, "intermediate"))
		s->receipt_intermediate = true;
	else if (take(w, "quotes"))
		s->receipt_quotes = true;
	else if (take(w, "unswapped"))
		s->receipt_unswapped = true;
	else if (take(w, "anonymous"))
		s->receipt_anonymous = true;
	else if (take(w, "then"))
		return receipt_then(s, w);
	else if (take(w, "parts"))
		return receipt_parts(s, w);
	else if (take(w, "esm-class"))
		return receipt_esm(s, w);
	else if (take(w, "form"))
		return receipt_form(s, w);
	else if (take(w, "delay"))
		return number32(w, 7 * 86400 * 1000, &s->receipt_delay_ms);
	else if (take(w, "jitter"))
		return number32(w, 86400 * 1000, &s->receipt_jitter_ms);
	else if (take(w, "unknown-id") && take(w, "every"))
		return number32(w, UINT32_MAX, &s->receipt_unknown_every);
	else
		return complain(w, "\"%s\" is not understood behind receipt", peek(w));
	return 0;
}

static enum smsc_state state_of(const char *stat)
{
	static const struct {
		const char *stat;
		enum smsc_state state;
	} states[] = {{"DELIVRD", STATE_DELIVERED}, {"EXPIRED", STATE_EXPIRED}, {"DELETED", STATE_DELETED},
		{"UNDELIV", STATE_UNDELIVERABLE}, {"ACCEPTD", STATE_ACCEPTED}, {"UNKNOWN", STATE_UNKNOWN},
		{"REJECTD", STATE_REJECTED}, {"ENROUTE", STATE_ENROUTE}};

	for (size_t i = 0; i < N_OF(states); i++)
		if (strcmp(states[i].stat, stat) == 0)
			return states[i].state;
	return STATE_UNKNOWN;
}

static struct smsc_outcome *new_outcome(struct smsc_script *s, const char *stat)
{
	struct smsc_outcome *o = &s->outcomes[s->n_outcomes];

	memset(o, 0, sizeof(*o));
	snprintf(o->stat, sizeof(o->stat), "%s", stat);
	o->state = state_of(stat);
	strcpy(o->err, o->state == STATE_DELIVERED ? "000" : "001");
	return o;
}

static int line_outcome(struct smsc_script *s, struct words *w)
{
	struct smsc_outcome *o;
	char to[sizeof(o->to)] = "", stat[sizeof(o->stat)];
	int r;

	if (s->n_outcomes == SMSC_OUTCOMES_MAX)
		return complain(w, "more than %u outcomes", SMSC_OUTCOMES_MAX);
	if (!take(w, "to"))
		return complain(w, "outcome to PATTERN STAT [err ERR]");
	r = text(w, "pattern", sizeof(to), to);
	if (r == 0)
		r = text(w, "stat", sizeof(stat), stat);
	if (r)
		return r;
	o = new_outcome(s, stat);
	strcpy(o->to, to);
	if (take(w, "err"))
		r = text(w, "err", sizeof(o->err), o->err);
	if (r == 0)
		s->n_outcomes++;
	return r;
}

static int line_slow(struct smsc_script *s, struct words *w)
{
	return number32(w, 600000, &s->slow_ms);
}

static int line_congestion(struct smsc_script *s, struct words *w)
{
	uint32_t percent;
	int r = number32(w, 100, &percent);

	if (r == 0)
		s->congestion = (int)percent;
	return r;
}

static int line_version(struct smsc_script *s, struct words *w)
{
	uint32_t v = 0;
	int r = number32(w, 255, &v);

	if (r == 0 && v != 33 && v != 34 && v != 50)
		return complain(w, "the versions are 33, 34 and 50");
	s->version = (uint8_t)v;
	return r;
}

static int line_fragment(struct smsc_script *s, struct words *w)
{
	s->fragment = true;
	return 0;
}

static int line_restart(struct smsc_script *s, struct words *w)
{
	if (!take(w, "every"))
		return complain(w, "restart every MS");
	return number32(w, 86400 * 1000, &s->restart_ms);
}

static int line_first(struct smsc_script *s, struct words *w)
{
	s->receipt_first = true;
	return 0;
}

static int line_short(struct smsc_script *s, struct words *w)
{
	s->status_resp_short = true;
	return 0;
}

int smsc_script_line(struct smsc_script *s, const char *line, const char *where, char *err, size_t n_err)
{
	static const struct {
		const char *name;
		int (*parse)(struct smsc_script *, struct words *);
	} kinds[] = {{"on", line_on}, {"bind", line_bind}, {"mo", line_mo}, {"tps", line_tps},
		{"id", line_id}, {"receipt", line_receipt}, {"outcome", line_outcome}, {"slow", line_slow},
		{"congestion", line_congestion}, {"version", line_version}, {"fragment", line_fragment},
		{"restart", line_restart},
		{"receipt-first", line_first}, {"status-resp-short", line_short},
		{"no-enquire-answer", line_enquire}};
	static const char *const faults[] = {
		"drop", "unbind", "garbage", "half-pdu", "wrong-length", "unknown-command", "huge-length",
		"truncated", "zero-sequence", "high-sequence", "same-sequence", "stray-response", "wrong-request"};
	struct words w = {.where = where, .err = err, .n_err = n_err};
	char copy[512];
	int i, r;

	if (strlen(line) >= sizeof(copy))
		return complain(&w, "the line is longer than %zu octets", sizeof(copy) - 1);
	strcpy(copy, line);
	r = split(&w, copy);
	if (r || w.n == 0)
		return r;
	r = 1;
	if (take(&w, "after"))
		r = line_after(s, &w, NULL);
	for (size_t k = 0; r == 1 && k < N_OF(kinds); k++)
		if (take(&w, kinds[k].name))
			r = kinds[k].parse(s, &w);
	i = r == 1 ? find(faults, N_OF(faults), peek(&w)) : -1;
	if (i >= 0) {
		w.i++;
		r = take(&w, "after") ? line_after(s, &w, faults[i]) : complain(&w, "`after` is missing");
	}
	if (s->n_rules > SMSC_RULES_MAX)
		return complain(&w, "more than %u rules", SMSC_RULES_MAX);
	if (r == 1)
		return complain(&w, "\"%s\" is no line of a script", peek(&w));
	return r ? r : end_of(&w);
}

int smsc_script_load(struct smsc_script *s, const char *path, char *err, size_t n_err)
{
	char line[1024], where[512];
	FILE *f = fopen(path, "re");
	unsigned n = 0;
	int r = 0;

	if (!f) {
		r = -errno;
		snprintf(err, n_err, "%s: %s", path, strerror(-r));
		return r;
	}
	while (r == 0 && fgets(line, sizeof(line), f)) {
		snprintf(where, sizeof(where), "%s:%u", path, ++n);
		r = smsc_script_line(s, line, where, err, n_err);
	}
	if (r == 0 && ferror(f)) {
		snprintf(err, n_err, "%s: cannot be read", path);
		r = -EIO;
	}
	fclose(f);
	return r;
}

int smsc_script_outcomes(struct smsc_script *s, const char *spec, char *err, size_t n_err)
{
	char copy[512], *save, *item;

	if (strlen(spec) >= sizeof(copy))
		return snprintf(err, n_err, "--outcomes: too long"), -EINVAL;
	strcpy(copy, spec);
	for (unsigned i = 0; i < s->n_outcomes; i++)
		s->outcomes[i].weight = 0;
	s->total_weight = 0;
	for (item = strtok_r(copy, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
		char stat[16] = "", e[4] = "", tail = 0;
		unsigned weight = 0;

		if (s->n_outcomes == SMSC_OUTCOMES_MAX)
			return snprintf(err, n_err, "--outcomes: more than %u", SMSC_OUTCOMES_MAX), -EINVAL;
		if ((sscanf(item, "%15[^:=]:err=%3[^=]=%u%c", stat, e, &weight, &tail) != 3 &&
			    (e[0] = 0, sscanf(item, "%15[^:=]=%u%c", stat, &weight, &tail) != 2)) ||
			weight == 0 || weight > 1000000)
			return snprintf(err, n_err, "--outcomes: \"%s\" is not STAT[:err=ERR]=WEIGHT", item),
			       -EINVAL;
		new_outcome(s, stat)->weight = weight;
		if (e[0])
			strcpy(s->outcomes[s->n_outcomes].err, e);
		s->n_outcomes++;
		s->total_weight += weight;
	}
	if (s->total_weight == 0)
		return snprintf(err, n_err, "--outcomes: nothing given"), -EINVAL;
	return 0;
}
