/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_operate.c -- `links`, `queue`, `webhooks`, `receipts`: what the operator looks at and turns. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/view.h"
#include "cli/when.h"

#define WORDS_MAX 4

struct operate_input {
	struct cli *cli;
	char since[WHEN_OCTETS];
	const char *words[WORDS_MAX];
	size_t n_words;
	size_t n_words_most;
	bool binds, trace;
};

enum {
	OPT_SINCE = 0x100,
	OPT_BINDS,
	OPT_TRACE,
};

static error_t parse_operate(int key, char *arg, struct argp_state *state)
{
	struct operate_input *in = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = in->cli;
		return 0;
	case OPT_SINCE:
		if (when_parse(arg, time(NULL), in->since, NULL) < 0)
			argp_error(state, "--since: cannot read the time \"%s\"", arg);
		return 0;
	case OPT_BINDS:
		in->binds = true;
		return 0;
	case OPT_TRACE:
		in->trace = true;
		return 0;
	case ARGP_KEY_ARG:
		if (in->n_words == in->n_words_most)
			argp_error(state, "\"%s\" is one word too many", arg);
		else
			in->words[in->n_words++] = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Rows and how the page ends, no more. */
static bool is_page(const json_t *answer, const char *name)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)answer, key, value) {
		if (strcmp(key, name) != 0 && strcmp(key, "next") != 0 && strcmp(key, "complete") != 0)
			return false;
	}
	return true;
}

/* The rows of one kind as a table, and whatever else the answer says. */
static void show(const struct cli *cli, const json_t *answer, const char *name, const struct view_column *columns)
{
	const json_t *rows = view_rows_of(answer, name);
	const json_t *next = json_object_get(answer, "next");
	struct table *t;

	if (!rows || !is_page(answer, name)) {
		view_object(cli, answer, columns);
		return;
	}
	if (!json_array_size(rows) && cli->style == TABLE_ALIGNED) {
		cli_note("none");
		return;
	}
	t = view_table(cli, rows, columns, true);
	table_print(t, stdout);
	table_free(t);
	if (next && !json_is_null(next))
		cli_note("there are more");
}

static int ask(struct cli *cli, const char *method, const char *path, const char *name,
	const struct view_column *columns)
{
	struct api_answer answer;
	int end = cli_call(cli, method, path, NULL, &answer);

	if (end != CLI_OK)
		return end;
	if (!cli_printed_json(cli, &answer))
		show(cli, answer.json, name, columns);
	api_answer_done(&answer);
	return CLI_OK;
}

static int wrong(const char *command, const char *what)
{
	cli_error("%s", what);
	cli_note("Try `posthorn %s --help'.", command);
	return CLI_USAGE;
}

static const struct view_column link_columns[] = { { "name", NULL }, { "driver", NULL }, { "state", NULL },
	{ "reason", NULL }, { "since", NULL }, { "window", NULL }, { "tps", NULL }, { "rate", NULL },
	{ "rate_limit", "limit" }, { "reports", NULL }, { 0 } };

/* The binds of all links as one list, each with the name of its link. */
static json_t *binds_of(const json_t *links)
{
	json_t *all = json_array(), *link, *bind;
	size_t i, j;

	json_array_foreach((json_t *)links, i, link) {
		json_array_foreach(json_object_get(link, "binds"), j, bind) {
			json_object_set(bind, "link", json_object_get(link, "name"));
			json_array_append(all, bind);
		}
	}
	return all;
}

static void show_binds(const struct cli *cli, const json_t *links)
{
	static const struct view_column columns[] = { { "link", NULL }, { "n", NULL }, { "kind", NULL }, { "host", NULL },
		{ "state", NULL }, { "reason", NULL }, { "since", NULL }, { "outstanding", NULL }, { 0 } };
	json_t *all = binds_of(links);
	struct table *t = view_table(cli, all, columns, true);

	table_print(t, stdout);
	table_free(t);
	json_decref(all);
}

static const json_t *link_called(const json_t *links, const char *name)
{
	json_t *link;
	size_t i;

	json_array_foreach((json_t *)links, i, link) {
		const char *other = json_string_value(json_object_get(link, "name"));

		if (other && strcmp(other, name) == 0)
			return link;
	}
	return NULL;
}

/* All of them in a table, without what is a table of its own; the binds; or one link with all that it says. */
static int show_links(const struct cli *cli, const json_t *answer, const char *name, bool binds)
{
	const json_t *links = view_rows_of(answer, "links"), *one = NULL;
	json_t *link;
	size_t i;

	if (name) {
		one = link_called(links, name);
		if (!one) {
			cli_error("there is no link \"%s\"", name);
			return CLI_REFUSED;
		}
		view_object(cli, one, link_columns);
	} else if (binds) {
		show_binds(cli, links);
	} else {
		json_array_foreach((json_t *)links, i, link) {
			json_object_del(link, "binds");
			json_object_del(link, "errors");
		}
		show(cli, answer, "links", link_columns);
	}
	return CLI_OK;
}

static int get_links(struct cli *cli, const char *name, bool binds)
{
	struct api_answer answer;
	int end = cli_call(cli, "GET", "/v1/links", NULL, &answer);

	if (end != CLI_OK)
		return end;
	if (!cli_printed_json(cli, &answer))
		end = show_links(cli, answer.json, name, binds);
	api_answer_done(&answer);
	return end;
}

static int get_trace(struct cli *cli, const char *name)
{
	static const struct view_column columns[] = { { "at", NULL }, { "bind", NULL }, { "direction", NULL },
		{ "command", NULL }, { "status", NULL }, { "sequence", NULL }, { "length", NULL }, { "octets", NULL }, { 0 } };
	struct text path = { 0 };
	struct api_answer answer;
	struct table *t;
	int end;

	text_puts(&path, "/v1/links/");
	text_url(&path, name);
	text_puts(&path, "/trace");
	end = cli_call(cli, "GET", path.at, NULL, &answer);
	text_done(&path);
	if (end != CLI_OK)
		return end;
	if (!cli_printed_json(cli, &answer)) {
		t = view_table(cli, view_rows_of(answer.json, "pdus"), columns, false);
		table_print(t, stdout);
		table_free(t);
		if (!json_is_true(json_object_get(answer.json, "tracing")))
			cli_note("nothing more is kept; \"posthorn links trace %s\" keeps it for ten minutes", name);
	}
	api_answer_done(&answer);
	return CLI_OK;
}

/* "tps=50" into the object; "tps=reset" is null.  false: not understood. */
static bool add_change(json_t *change, const char *word)
{
	const char *equals = strchr(word, '=');
	char name[32], *end;
	double value;

	if (!equals || equals == word || (size_t)(equals - word) >= sizeof(name) || !equals[1])
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)(equals - word), word);
	if (strcmp(equals + 1, "reset") == 0)
		return json_object_set_new(change, name, json_null()) == 0;
	value = strtod(equals + 1, &end);
	if (*end)
		return false;
	if (value == (double)(json_int_t)value) /* the gateway knows which of them are whole */
		return json_object_set_new(change, name, json_integer((json_int_t)value)) == 0;
	return json_object_set_new(change, name, json_real(value)) == 0;
}

static int set_link(struct cli *cli, const struct operate_input *in)
{
	struct text path = { 0 };
	struct api_answer answer;
	json_t *change = json_object();
	int end = CLI_OK;

	for (size_t i = 2; i < in->n_words && end == CLI_OK; i++)
		if (!add_change(change, in->words[i]))
			end = wrong("links", "say what to set: tps=NUMBER, window=NUMBER, or =reset");
	if (end == CLI_OK)
		end = cli_ready(cli);
	text_puts(&path, "/v1/links/");
	text_url(&path, in->words[1]);
	if (end == CLI_OK)
		end = cli_call(cli, "PATCH", path.at, change, &answer);
	if (end == CLI_OK) {
		if (!cli_printed_json(cli, &answer))
			view_object(cli, answer.json, link_columns);
		api_answer_done(&answer);
	}
	json_decref(change);
	text_done(&path);
	return end;
}

int cmd_links(struct cli *cli, int argc, char **argv)
{
	static const char doc[] = "Show the links with state, reason and counters, one link with its binds, or control one.\v"
				  "stop: at once; what is under way ends as it ends.  drain: send nothing new, then stop.  start: "
				  "up again; a link that waits after a failure tries at once.  rebind: its binds are made again, "
				  "one after the other.  trace: keep what goes over the wire for ten minutes.  untrace: forget it.\n"
				  "set: another tps or window, until the configuration is read again; =reset takes it back.\n"
				  "\n"
				  "Examples:\n"
				  "  posthorn links\n"
				  "  posthorn links acme\n"
				  "  posthorn links --binds\n"
				  "  posthorn links drain acme\n"
				  "  posthorn links set acme tps=50 window=20\n"
				  "  posthorn links trace acme; posthorn links --trace acme\n"
				  "  watch -n 2 posthorn links";
	static const struct argp_option options[] = {
		{ "binds", OPT_BINDS, NULL, 0, "show the binds of all links, each with its host", 0 },
		{ "trace", OPT_TRACE, NULL, 0, "show what went over the wire of a link", 0 }, { 0 } };
	static const char *const verbs[] = { "start", "stop", "drain", "rebind", "trace", "untrace" };
	const struct argp argp = { .options = options, .parser = parse_operate,
		.args_doc = "[NAME]\nstart|stop|drain|rebind|trace|untrace NAME\nset NAME SETTING=VALUE...", .doc = doc,
		.children = cli_argp_children };
	struct operate_input in = { .cli = cli, .n_words_most = WORDS_MAX };
	struct text path = { 0 };
	bool known = false;
	int end;

	cli_parse(&argp, argc, argv, 0, &in);
	if (in.n_words > 2 && strcmp(in.words[0], "set") == 0)
		return set_link(cli, &in);
	for (size_t i = 0; in.n_words == 2 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		known |= strcmp(in.words[0], verbs[i]) == 0;
	if (in.n_words > 1 && !known)
		return wrong("links", "say start, stop, drain, rebind, trace or untrace and the name of one link, or set, the name "
				      "and what");
	if (in.trace && in.n_words != 1)
		return wrong("links", "--trace wants the name of one link");
	end = cli_ready(cli);
	if (end != CLI_OK)
		return end;
	if (in.trace)
		return get_trace(cli, in.words[0]);
	if (in.n_words < 2)
		return get_links(cli, in.n_words ? in.words[0] : NULL, in.binds);
	text_puts(&path, "/v1/links/");
	text_url(&path, in.words[1]);
	text_printf(&path, "/%s", in.words[0]);
	end = ask(cli, "POST", path.at, "links", link_columns);
	text_done(&path);
	return end;
}

int cmd_queue(struct cli *cli, int argc, char **argv)
{
	static const char doc[] = "Show what waits: by lane, link and reason, with the oldest of each.\v"
				  "Example:\n"
				  "  posthorn queue";
	static const struct view_column columns[] = { { "class", NULL }, { "client", NULL }, { "campaign", NULL }, { "route", NULL }, { "link", NULL }, { "reason", NULL }, { "waiting", NULL },
		{ "oldest", NULL }, { 0 } };
	const struct argp argp = { .parser = parse_operate, .doc = doc, .children = cli_argp_children };
	struct operate_input in = { .cli = cli };
	int end;

	cli_parse(&argp, argc, argv, 0, &in);
	end = cli_ready(cli);
	return end == CLI_OK ? ask(cli, "GET", "/v1/queue", "lanes", columns) : end;
}

int cmd_webhooks(struct cli *cli, int argc, char **argv)
{
	static const char doc[] =
		"Show webhook endpoints with what waits and their dead letters, or let a client's dead letters go again.\v"
		"Examples:\n"
		"  posthorn webhooks\n"
		"  posthorn webhooks replay shop --since 2h\n"
		"  posthorn webhooks replay shop --since '2026-11-21 15:30'";
	static const struct argp_option options[] = {
		{ "since", OPT_SINCE, "TIME", 0, "Replay dead letters from then on: 2h, today, RFC 3339", 0 },
		{ 0 },
	};
	static const struct view_column columns[] = { { "client", NULL }, { "url", NULL }, { "waiting", NULL },
		{ "dead", NULL }, { "oldest", NULL }, { "last_error", "last error" }, { 0 } };
	const struct argp argp = { .options = options, .parser = parse_operate, .args_doc = "\nreplay CLIENT",
		.doc = doc, .children = cli_argp_children };
	struct operate_input in = { .cli = cli, .n_words_most = 2 };
	struct text path = { 0 };
	int end;

	cli_parse(&argp, argc, argv, 0, &in);
	if (in.n_words && (in.n_words != 2 || strcmp(in.words[0], "replay") != 0))
		return wrong("webhooks", "say `replay` and the name of one client");
	/* From the beginning of time is seldom meant, and it cannot be called back. */
	if (in.n_words && !in.since[0])
		return wrong("webhooks", "replay from when?  Give --since");
	end = cli_ready(cli);
	if (end != CLI_OK)
		return end;
	if (!in.n_words)
		return ask(cli, "GET", "/v1/webhooks", "webhooks", columns);
	text_puts(&path, "/v1/webhooks/");
	text_url(&path, in.words[1]);
	text_puts(&path, "/replay?since=");
	text_url(&path, in.since);
	end = ask(cli, "POST", path.at, "webhooks", columns);
	text_done(&path);
	return end;
}

int cmd_receipts(struct cli *cli, int argc, char **argv)
{
	static const char doc[] = "Show delivery receipts that matched no message yet.\v"
				  "Some are early and will match when the carrier's answer comes; many of them mean that "
				  "`receipt_id` of the link is set wrong.\n"
				  "\n"
				  "Example:\n"
				  "  posthorn receipts";
	static const struct view_column columns[] = { { "at", NULL }, { "link", NULL }, { "smsc_id", "smsc id" },
		{ "to", NULL }, { "stat", "state" }, { "err", "error" }, { "age_s", "age s" },
		{ "reason", NULL }, { 0 } };
	const struct argp argp = { .parser = parse_operate, .args_doc = "[parked]", .doc = doc,
		.children = cli_argp_children };
	struct operate_input in = { .cli = cli, .n_words_most = 1 };
	int end;

	cli_parse(&argp, argc, argv, 0, &in);
	if (in.n_words && strcmp(in.words[0], "parked") != 0)
		return wrong("receipts", "the only receipts to list are the parked ones");
	end = cli_ready(cli);
	return end == CLI_OK ? ask(cli, "GET", "/v1/receipts/parked", "receipts", columns) : end;
}
