/* SPDX-License-Identifier: Apache-2.0
 *
 * modem_vectors.c -- dialogues with modems, one a file, played against the driver: tests/vectors/modem/README says how
 * they are written.
 *
 * The far end of the port answers each command as the file says, and what it does not say as standard.txt says, so a
 * file holds only what its make does otherwise, and the driver may ask in another order than when it was written.  What
 * the driver made of it is judged by the lines that begin with '?'.
 *
 * Without arguments all files of the folder; else those that are named, and what is said is shown. */
#include "core.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/segment.h"
#include "codec/tpdu_time.h"
#include "tests/unit/modem_wire.h"

#define LINES_MAX  600
#define BLOCKS_MAX 200
#define STEPS_MAX  60
#define HEARD_MAX  400
#define LINE       400

struct block {
	char command[LINE];       /* "AT+CMGS=*": of any end */
	unsigned first, n;        /* lines of the answer */
	unsigned stage;           /* steps in front of it: it holds when these have begun */
	bool standard, used;
};

static struct vector {
	char name[80];
	char line[LINES_MAX][LINE]; /* of answers, without "< " */
	unsigned n_lines;
	struct block block[BLOCKS_MAX];
	unsigned n_blocks;
	struct { unsigned at; char text[LINE]; } step[STEPS_MAX]; /* "! …", "? …" */
	unsigned n_steps;
	char settings[1024];      /* of the link */
	char end[4];              /* of a line: CR LF */
	bool echo;                /* until ATE0 */
	bool stubborn;            /* also after it */
	/* while it is played */
	struct wire wire;
	unsigned stage;           /* steps that have begun */
	size_t taken;             /* octets of wire.got that were used */
	bool prompt;
	unsigned rest, n_rest;    /* of the answer, behind the prompt */
	char heard[HEARD_MAX][LINE];
	unsigned n_heard;
	unsigned n_seen_receipts, n_seen_texts;
	bool show;
} v;

static bool show; /* each conversation */

/* ---- reading ---- */

static void add_line(const char *text)
{
	assert_true(v.n_lines < LINES_MAX && v.n_blocks > 0);
	snprintf(v.line[v.n_lines++], LINE, "%s", text);
	v.block[v.n_blocks - 1].n++;
}

static void add_block(const char *command, bool standard)
{
	assert_true(v.n_blocks < BLOCKS_MAX);
	v.block[v.n_blocks] = (struct block){ .first = v.n_lines, .standard = standard,
		.stage = standard ? 0 : v.n_steps };
	snprintf(v.block[v.n_blocks++].command, LINE, "%s", command);
}

static void directive(const char *path, unsigned at, const char *text)
{
	size_t n = strlen(v.settings);

	if (strncmp(text, "link ", 5) == 0)
		snprintf(v.settings + n, sizeof(v.settings) - n, " %s", text + 5);
	else if (strcmp(text, "end CR CR LF") == 0)
		strcpy(v.end, "\r\r\n");
	else if (strcmp(text, "echo") == 0)
		v.echo = true;
	else if (strcmp(text, "echo always") == 0)
		v.echo = v.stubborn = true;
	else
		fail_msg("%s:%u: no such directive: %s", path, at, text);
}

static void read_line(const char *path, unsigned at, const char *s, bool standard)
{
	const char *text = s[0] && s[1] == ' ' ? s + 2 : s + 1;

	switch (s[0]) {
	case '\0':
	case '#':
		break;
	case '>':
		add_block(text, standard);
		break;
	case '<':
		add_line(text);
		break;
	case '@':
		directive(path, at, text);
		break;
	case '!':
	case '?':
		assert_true(v.n_steps < STEPS_MAX);
		v.step[v.n_steps].at = at;
		snprintf(v.step[v.n_steps++].text, LINE, "%s", s);
		break;
	default:
		fail_msg("%s:%u: a line begins with > < @ ! ? or #", path, at);
	}
}

static void read_file(const char *name, bool standard)
{
	char path[300], s[LINE];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", VECTORS, name);
	f = fopen(path, "r");
	if (!f)
		fail_msg("%s: %s", path, strerror(errno));
	for (unsigned at = 1; fgets(s, sizeof(s), f); at++) {
		s[strcspn(s, "\n")] = '\0';
		read_line(path, at, s, standard);
	}
	fclose(f);
}

/* ---- the modem ---- */

static void say(const char *s)
{
	wire_say(&v.wire, s, strlen(s));
}

static void say_line(const char *s)
{
	if (v.show)
		fprintf(stderr, "\t< %s\n", s);
	say(v.end);
	say(s);
	say(v.end);
}

/* "> " alone is the prompt: what follows it is said when the text was entered. */
static void say_lines(unsigned first, unsigned n)
{
	for (unsigned i = first; i < first + n; i++) {
		if (strcmp(v.line[i], ">") == 0) {
			say("\r\n> ");
			v.prompt = true;
			v.rest = i + 1;
			v.n_rest = first + n - i - 1;
			return;
		}
		say_line(v.line[i]);
	}
}

static bool fits(const char *pattern, const char *s)
{
	size_t n = strlen(pattern);

	return n && pattern[n - 1] == '*' ? strncasecmp(pattern, s, n - 1) == 0 : strcasecmp(pattern, s) == 0;
}

/* Of the newest that hold, the first that was not used, else the last that was. */
static struct block *block_of(const char *command, bool standard)
{
	struct block *found = NULL;

	for (unsigned i = 0; i < v.n_blocks; i++) {
		struct block *b = &v.block[i];

		if (b->standard != standard || b->stage > v.stage || !fits(b->command, command))
			continue;
		if (!found || b->stage > found->stage || found->used)
			found = b;
	}
	return found;
}

static void entered(const char *command)
{
	struct block *b = block_of(command, false);

	if (!*command)
		return;
	if (v.show)
		fprintf(stderr, "\t> %s\n", command);
	assert_true(v.n_heard < HEARD_MAX);
	snprintf(v.heard[v.n_heard++], LINE, "%s", command);
	if (v.echo) {
		say(command);
		say("\r");
	}
	v.echo = v.echo && (v.stubborn || strcasecmp(command, "ATE0") != 0);
	b = b ? b : block_of(command, true);
	if (b) {
		b->used = true;
		say_lines(b->first, b->n);
	} else {
		say_line("ERROR");
	}
}

/* Ctrl-Z and ESC end what is entered behind a prompt. */
static void body_ended(bool sent)
{
	v.prompt = false;
	if (sent)
		say_lines(v.rest, v.n_rest);
	else
		say_line("OK");
}

static void heard(struct wire *w)
{
	char s[LINE];
	size_t n;

	while (w->n > v.taken) {
		const char *at = (const char *)w->got + v.taken;

		n = strcspn(at, v.prompt ? "\x1a\x1b" : "\r\x1b");
		if (n == w->n - v.taken)
			return; /* more of it is to come */
		snprintf(s, sizeof(s), "%.*s", (int)n, at);
		v.taken += n + 1;
		if (v.prompt)
			body_ended(at[n] == 0x1a);
		else
			entered(s);
	}
}

/* ---- steps ---- */

static const char *state_word(enum receipt_state s)
{
	switch (s) {
	case RECEIPT_DELIVERED:
		return "delivered";
	case RECEIPT_EXPIRED:
		return "expired";
	case RECEIPT_ACCEPTED:
		return "accepted";
	case RECEIPT_ENROUTE:
		return "trying";
	default:
		return "undeliverable";
	}
}

static void expect(const char *step, const char *is, const char *wanted)
{
	if (strcmp(is, wanted) != 0)
		fail_msg("%s: %s: it is \"%s\"", v.name, step, is);
}

static void do_send(struct link *l, const char *what)
{
	struct part p = { .from = "", .part = 1, .n_parts = 1, .encoding = ENC_GSM7, .want_receipt = true,
		.validity_s = 3600 };
	char *text;

	p.to = strtoull(what + (*what == '+'), &text, 10);
	p.wire.n_text = (uint8_t)snprintf((char *)p.wire.text, sizeof(p.wire.text), "%s", text + (*text == ' '));
	assert_int_equal(core_submit_part(l, &p), 0);
}

/* "sent 17", "retry 500", "rejected 8": the last part; the reference is in its id. */
static void want_end(struct link *l, const char *step, const char *wanted)
{
	static const char *const words[OUTCOME_N] = { [OUTCOME_SENT] = "sent", [OUTCOME_RETRY] = "retry",
		[OUTCOME_REJECTED] = "rejected", [OUTCOME_RECIPIENT] = "recipient", [OUTCOME_UNKNOWN] = "unknown",
		[OUTCOME_THROTTLED] = "throttled" };
	struct core_part *p = &l->parts[l->n_parts];
	char is[120];
	const char *id;

	WAIT(l, p->settled);
	id = strchr(p->id, '-');
	if (p->end.outcome == OUTCOME_SENT)
		snprintf(is, sizeof(is), "sent %.*s", id ? (int)strcspn(id + 1, "-") : 0, id ? id + 1 : "");
	else
		snprintf(is, sizeof(is), "%s %u", words[p->end.outcome] ? words[p->end.outcome] : "?", p->end.code);
	expect(step, is, wanted);
}

/* "report delivered 2026-03-01T10:00:00+01:00": of the last part, taken then. */
static void want_report(struct link *l, const char *step, const char *wanted)
{
	char is[200], time[TPDU_TIME_TEXT] = "-";
	struct tpdu_time t;

	WAIT(l, l->n_receipts > v.n_seen_receipts);
	v.n_seen_receipts++;
	if (tpdu_time_make(l->receipt.taken_ms / 1000, 0, &t) == 0)
		tpdu_time_show(&t, time);
	snprintf(is, sizeof(is), "%s %s%s", state_word(l->receipt.state), time,
		strcmp(l->receipt_id, l->parts[l->n_parts].id) == 0 ? "" : " (of another part)");
	expect(step, is, wanted);
}

static void want_text(struct link *l, const char *step, const char *wanted)
{
	char is[LINE];

	WAIT(l, l->n_inbound > v.n_seen_texts);
	v.n_seen_texts++;
	snprintf(is, sizeof(is), "%s %.300s", l->in_from, l->in_text);
	expect(step, is, wanted);
}

struct fact {
	const char *name;
	char is[100];
};

static void fact_told(void *arg, const struct driver_fact *f)
{
	struct fact *k = arg;

	if (strcmp(f->name, k->name) == 0 && f->is_number)
		snprintf(k->is, sizeof(k->is), "%g", f->number);
	else if (strcmp(f->name, k->name) == 0)
		snprintf(k->is, sizeof(k->is), "%s", f->text);
}

static bool fact_is(struct link *l, const char *wanted)
{
	char name[64];
	size_t n = strcspn(wanted, " ");
	struct fact k = { name, "" };

	snprintf(name, sizeof(name), "%.*s", (int)n, wanted);
	l->driver->facts(l, fact_told, &k);
	return strcmp(k.is, wanted + n + (wanted[n] == ' ')) == 0;
}

static bool was_heard(const char *pattern)
{
	for (unsigned i = 0; i < v.n_heard; i++)
		if (fits(pattern, v.heard[i]))
			return true;
	return false;
}

static bool has_alarm(const struct link *l, const char *code)
{
	for (unsigned i = 0; i < l->n_alarms; i++)
		if (strcmp(l->alarms[i], code) == 0)
			return true;
	return false;
}

static void run_step(struct link *l, const char *step)
{
	const char *word = step + 2, *rest = strchr(word, ' ');
	size_t n = rest ? (size_t)(rest - word) : strlen(word);

	rest = rest ? rest + 1 : "";
#define IS(kind, w) (step[0] == (kind) && n == strlen(w) && strncmp(word, w, n) == 0)
	if (IS('!', "send"))
		do_send(l, rest);
	else if (IS('!', "say"))
		say_line(rest);
	else if (IS('!', "ussd"))
		assert_int_equal(core_ussd(l, rest), 0);
	else if (IS('?', "up"))
		WAIT(l, l->up);
	else if (IS('?', "sent") || IS('?', "retry") || IS('?', "rejected") || IS('?', "recipient") ||
		IS('?', "throttled") || IS('?', "unknown"))
		want_end(l, step, word);
	else if (IS('?', "report"))
		want_report(l, step, rest);
	else if (IS('?', "text"))
		want_text(l, step, rest);
	else if (IS('?', "ussd")) {
		WAIT(l, l->n_ussd > 0 && !l->ussd_busy);
		expect(step, l->ussd_text, rest);
	} else if (IS('?', "fact"))
		WAIT(l, fact_is(l, rest));
	else if (IS('?', "heard"))
		WAIT(l, was_heard(rest));
	else if (IS('?', "unheard"))
		assert_false(was_heard(rest));
	else if (IS('?', "alarm"))
		WAIT(l, has_alarm(l, rest));
	else if (IS('?', "account"))
		expect(step, l->account, rest);
	else if (IS('?', "reports"))
		expect(step, l->reports == LINK_REPORTS_YES ? "yes" : l->reports == LINK_REPORTS_NO ? "no" : "unknown", rest);
	else
		fail_msg("%s: no such step: %s", v.name, step);
#undef IS
}

/* ---- one file ---- */

static void play(void **state)
{
	char settings[1400];
	struct link *l;

	memset(&v, 0, sizeof(v));
	v.show = show;
	snprintf(v.name, sizeof(v.name), "%s", (const char *)*state);
	strcpy(v.end, "\r\n");
	read_file(v.name, false);
	read_file("standard.txt", true);
	assert_true(v.n_steps > 0);
	wire_open(&v.wire);
	v.wire.heard = heard;
	snprintf(settings, sizeof(settings), "driver = \"modem\"; device = \"%s\";%s", v.wire.path, v.settings);
	l = core_new(settings);
	wire_listen(&v.wire, &l->loop);
	core_start(l);
	for (unsigned i = 0; i < v.n_steps; i++) {
		v.stage = i + 1;
		run_step(l, v.step[i].text);
	}
	core_stop(l);
	wire_cut(&v.wire);
	core_free(l);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(int argc, char **argv)
{
	static struct CMUnitTest tests[100];
	char *names[100];
	unsigned n = 0;
	DIR *d = opendir(VECTORS);
	struct dirent *e;

	show = argc > 1;
	for (int i = 1; i < argc && n < 100; i++)
		names[n++] = argv[i];
	while (argc == 1 && d && (e = readdir(d)) && n < 100) {
		size_t len = strlen(e->d_name);

		if (len > 4 && strcmp(e->d_name + len - 4, ".txt") == 0 && strcmp(e->d_name, "standard.txt") != 0)
			names[n++] = strdup(e->d_name);
	}
	if (d)
		closedir(d);
	if (!n || chdir(MAKES) < 0) { /* the folder modems, as beside a configuration */
		fprintf(stderr, "no vectors in " VECTORS ", or no " MAKES "\n");
		return 1;
	}
	qsort(names, n, sizeof(*names), by_name);
	for (unsigned i = 0; i < n; i++)
		tests[i] = (struct CMUnitTest){ .name = names[i], .test_func = play, .initial_state = names[i] };
	n = (unsigned)_cmocka_run_group_tests("modem_vectors", tests, n, NULL, NULL);
	return n != 0;
}
