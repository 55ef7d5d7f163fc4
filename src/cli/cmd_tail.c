/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_tail.c -- `posthorn tail`: a line for each message as it comes, and for each change of its state.
 *
 * The API has pages, newest first, and no push; so the newest pages are read again and again, back to the oldest
 * message that is still followed.  The last TRACKED messages are followed; a message that is older, or that falls out
 * because thousands come each second, is no longer seen to change: this is a window to look through, not a log
 * (webhooks are that).  When more came between two looks than fit in MAX_PAGES, a line says so.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/view.h"
#include "cli/when.h"

enum {
	TRACKED = 4096,  /* a power of two: a ring */
	PAGE_ROWS = 200,
	MAX_PAGES = 10,
	LINES_BEFORE = 10,
	ID_OCTETS = 24,  /* a signed 64-bit integer in decimal */
	STATE_OCTETS = 16,
};

struct tracked {
	char id[ID_OCTETS];
	char state[STATE_OCTETS];
	uint64_t seen; /* the look that saw it last */
};

struct tail_input {
	struct cli *cli;
	long interval_ms;
	long n_most;       /* lines; 0: no end */
	long n_before;
	struct text filter;
	struct text floor; /* created_at of the oldest message of the first look: what is older is none of ours */

	struct tracked *ring;
	size_t n_ring;     /* how many were ever entered; the place is modulo TRACKED */
	uint64_t look;
	long n_lines;
};

enum {
	OPT_INTERVAL = 'i',
	OPT_COUNT = 'c',
	OPT_LINES = 'n',
	OPT_CAMPAIGN = 0x100,
	OPT_TO,
	OPT_REF,
};

static const struct argp_option options[] = {
	{ "interval", OPT_INTERVAL, "SECONDS", 0, "Look this often (default 1)", 0 },
	{ "count", OPT_COUNT, "N", 0, "End after N lines", 0 },
	{ "lines", OPT_LINES, "N", 0, "Begin with the last N messages (default 10)", 0 },
	{ "campaign", OPT_CAMPAIGN, "NAME", 0, "Only of this campaign", 0 },
	{ "to", OPT_TO, "NUMBER", 0, "Only to this recipient", 0 },
	{ "ref", OPT_REF, "TEXT", 0, "Only with this reference", 0 },
	{ 0 },
};

static long number(const char *arg, long least, long most, const char *name, struct argp_state *state)
{
	char *end;
	long n = strtol(arg, &end, 10);

	if (*end || end == arg || n < least || n > most)
		argp_error(state, "--%s: \"%s\" is no number from %ld to %ld", name, arg, least, most);
	return n;
}

static void add_filter(struct tail_input *in, const char *name, const char *value)
{
	text_printf(&in->filter, "&%s=", name);
	text_url(&in->filter, value);
}

static error_t parse_tail(int key, char *arg, struct argp_state *state)
{
	struct tail_input *in = state->input;
	char *end;
	double seconds;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = in->cli;
		return 0;
	case OPT_INTERVAL:
		seconds = strtod(arg, &end);
		if (*end || end == arg || !(seconds >= 0.1 && seconds <= 3600))
			argp_error(state, "--interval: \"%s\" is no number of seconds from 0.1 to 3600", arg);
		in->interval_ms = (long)(seconds * 1000);
		return 0;
	case OPT_COUNT:
		in->n_most = number(arg, 1, 1000000000, "count", state);
		return 0;
	case OPT_LINES:
		in->n_before = number(arg, 0, PAGE_ROWS, "lines", state);
		return 0;
	case OPT_CAMPAIGN:
		add_filter(in, "campaign", arg);
		return 0;
	case OPT_TO:
		add_filter(in, "to", arg);
		return 0;
	case OPT_REF:
		add_filter(in, "ref", arg);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "\"%s\" is one word too many", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const char *string_at(const json_t *row, const char *name)
{
	const char *s = json_string_value(json_object_get(row, name));

	return s ? s : "";
}

/* Newest first, as most of what a page shows came lately. */
static struct tracked *find(const struct tail_input *in, const char *id)
{
	size_t n = in->n_ring < TRACKED ? in->n_ring : TRACKED;

	for (size_t i = 1; i <= n; i++) {
		struct tracked *t = &in->ring[(in->n_ring - i) % TRACKED];

		if (strcmp(t->id, id) == 0)
			return t;
	}
	return NULL;
}

static void print_line(struct tail_input *in, const json_t *row)
{
	const struct cli *cli = in->cli;
	const char *state = string_at(row, "state"), *final = string_at(row, "final_at");
	char when[WHEN_OCTETS];
	struct text line = { 0 }, clean = { 0 };

	in->n_lines++;
	if (cli->json) {
		char *dump = json_dumps(row, JSON_COMPACT);

		puts(dump ? dump : "{}");
		free(dump);
		return;
	}
	when_show(*final ? final : string_at(row, "created_at"), true, when, sizeof when);
	text_printf(&line, "%s  %s  %-15s  %-11s  %s", when, string_at(row, "id"), string_at(row, "to"), state,
		string_at(row, "reason"));
	if (*string_at(row, "ref"))
		text_printf(&line, "  ref=%s", string_at(row, "ref"));
	while (line.n && line.at[line.n - 1] == ' ')
		line.at[--line.n] = 0;
	table_fit(&clean, line.at, SIZE_MAX / 2);
	if (cli->color && view_tone(state) == TONE_GOOD)
		printf("\033[32m%s\033[0m\n", clean.at);
	else if (cli->color && view_tone(state) == TONE_BAD)
		printf("\033[31m%s\033[0m\n", clean.at);
	else
		puts(clean.at);
	text_done(&line);
	text_done(&clean);
}

/* Enter a row that is new, or note its new state.  Returns whether it is worth a line. */
static bool note_row(struct tail_input *in, const json_t *row)
{
	struct tracked *t = find(in, string_at(row, "id"));
	bool changed = true;

	if (t)
		changed = strcmp(t->state, string_at(row, "state")) != 0;
	else
		t = &in->ring[in->n_ring++ % TRACKED];
	snprintf(t->id, sizeof t->id, "%s", string_at(row, "id"));
	snprintf(t->state, sizeof t->state, "%s", string_at(row, "state"));
	t->seen = in->look;
	return changed;
}

/* Is there anything behind this page that could change?  Ids of one gateway grow, so all that is followed and not
 * seen in this look lies further back. */
static bool more_to_see(const struct tail_input *in)
{
	size_t n = in->n_ring < TRACKED ? in->n_ring : TRACKED;

	for (size_t i = 1; i <= n; i++) {
		const struct tracked *t = &in->ring[(in->n_ring - i) % TRACKED];

		if (t->seen != in->look && !view_is_final(t->state))
			return true;
	}
	return false;
}

/* Read the newest pages; gather the rows, newest first. */
static int read_pages(struct tail_input *in, json_t *ret_rows)
{
	struct text path = { 0 }, after = { 0 };
	bool first_look = in->look == 1, again = false;
	int end = CLI_OK;

	for (int page = 0; page < MAX_PAGES; page++) {
		struct api_answer answer;
		const json_t *rows;
		size_t i, n_new = 0;
		json_t *row;

		text_clear(&path);
		text_printf(&path, "/v1/messages?limit=%ld%s", first_look && in->n_before ? in->n_before : PAGE_ROWS,
			in->filter.n ? in->filter.at : "");
		if (in->floor.n) {
			text_puts(&path, "&since=");
			text_url(&path, in->floor.at);
		}
		if (after.n) {
			text_puts(&path, "&after=");
			text_url(&path, after.at);
		}
		end = cli_call(in->cli, "GET", path.at, NULL, &answer);
		if (end != CLI_OK)
			break;
		rows = view_rows_of(answer.json, "messages");
		json_array_foreach((json_t *)rows, i, row) {
			struct tracked *t = find(in, string_at(row, "id"));

			if (t)
				t->seen = in->look;
			n_new += !t;
			json_array_append(ret_rows, row);
		}
		text_clear(&after);
		view_text(&(struct cli){ .style = TABLE_TSV }, json_object_get(answer.json, "next"), &after);
		again = after.n && !first_look && (n_new == json_array_size(rows) || more_to_see(in));
		again = again && json_array_size(rows);
		if (page + 1 == MAX_PAGES && again && n_new)
			cli_note("... more came than can be shown");
		api_answer_done(&answer);
		if (!again)
			break;
	}
	text_done(&path);
	text_done(&after);
	return end;
}

static bool enough(const struct tail_input *in)
{
	return cli_interrupted || ferror(stdout) || (in->n_most && in->n_lines >= in->n_most);
}

static int look(struct tail_input *in)
{
	json_t *rows = json_array();
	int end;

	in->look++;
	end = read_pages(in, rows);
	for (size_t i = end == CLI_OK ? json_array_size(rows) : 0; i-- && !enough(in);) {
		const json_t *row = json_array_get(rows, i);

		if (note_row(in, row) && !(in->look == 1 && !in->n_before))
			print_line(in, row);
	}
	if (in->look == 1 && json_array_size(rows))
		text_puts(&in->floor, string_at(json_array_get(rows, json_array_size(rows) - 1), "created_at"));
	json_decref(rows);
	fflush(stdout);
	return end;
}

int cmd_tail(struct cli *cli, int argc, char **argv)
{
	static const char doc[] = "Follow messages: a line for each new one and for each change of its state, until "
				  "Ctrl-C.\v"
				  "Examples:\n"
				  "  posthorn tail\n"
				  "  posthorn tail --campaign spring --lines 0\n"
				  "  posthorn tail --json | jq -c 'select(.state == \"rejected\")'";
	const struct argp argp = { .options = options, .parser = parse_tail, .doc = doc,
		.children = cli_argp_children };
	struct tail_input in = { .cli = cli, .interval_ms = 1000, .n_before = LINES_BEFORE };
	int end;

	cli_parse(&argp, argc, argv, 0, &in);
	end = cli_ready(cli);
	if (end != CLI_OK)
		goto out;
	cli_catch_interrupt();
	in.ring = calloc(TRACKED, sizeof *in.ring);
	if (!in.ring)
		abort();
	for (;;) {
		end = look(&in);
		/* A gateway that restarts comes back; one that was never there, or refuses, ends it. */
		if (end != CLI_OK && !(end == CLI_UNREACHABLE && in.look > 1))
			break;
		if (enough(&in))
			break;
		cli_sleep_ms(in.interval_ms);
		if (cli_interrupted)
			break;
	}
	if (cli_interrupted || end == CLI_INTERRUPTED) /* that is how it is meant to end */
		end = CLI_OK;
out:
	free(in.ring);
	text_done(&in.filter);
	text_done(&in.floor);
	return end;
}
