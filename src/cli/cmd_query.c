/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_query.c -- `status`, `events`, `list`, `inbound`, `streams`, `cancel`: ask about messages, and stop them. */
#include "config.h"

#include <string.h>

#include "cli/cli.h"
#include "cli/view.h"
#include "cli/when.h"

/* Options that become parameters of the URL.  The key is its place in `parameters`. */
struct query_input {
	struct cli *cli;
	struct text query;  /* "a=1&b=2" */
	const char *tag;
	bool all, text, details;
	size_t n_args;
	char **args;
};

enum {
	OPT_QUERY = 0x100, /* + the place in `parameters` */
	OPT_ALL = 0x200,
	OPT_TEXT,
	OPT_TAG,
	OPT_DETAILS,
};

static const char *const parameters[] = { "ref", "to", "state", "campaign", "since", "until", "limit", "after",
	"from" };

enum {
	P_REF,
	P_TO,
	P_STATE,
	P_CAMPAIGN,
	P_SINCE,
	P_UNTIL,
	P_LIMIT,
	P_AFTER,
	P_FROM,
	N_PARAMETERS,
};

static void add_parameter(struct query_input *in, const char *name, const char *value)
{
	text_printf(&in->query, "%c%s=", in->query.n ? '&' : '?', name);
	text_url(&in->query, value);
}

static void add_time(struct query_input *in, const char *name, const char *arg, struct argp_state *state)
{
	char at[WHEN_OCTETS];

	if (when_parse(arg, time(NULL), at, NULL) < 0)
		argp_error(state, "--%s: cannot read the time \"%s\" (try 2h, today, 2026-11-21, '2026-11-21 15:30')",
			name, arg);
	else
		add_parameter(in, name, at);
}

static error_t parse_query(int key, char *arg, struct argp_state *state)
{
	struct query_input *in = state->input;
	int place = key - OPT_QUERY;

	if (place >= 0 && place < N_PARAMETERS) {
		if (place == P_SINCE || place == P_UNTIL)
			add_time(in, parameters[place], arg, state);
		else
			add_parameter(in, parameters[place], arg);
		return 0;
	}
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = in->cli;
		return 0;
	case OPT_ALL:
		in->all = true;
		return 0;
	case OPT_TEXT:
		in->text = true;
		return 0;
	case OPT_DETAILS:
		in->details = true;
		return 0;
	case OPT_TAG:
		in->tag = arg;
		return 0;
	case ARGP_KEY_ARGS:
		in->args = state->argv + state->next;
		in->n_args = (size_t)(state->argc - state->next);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void query_done(struct query_input *in)
{
	text_done(&in->query);
}

static void usage(const char *what, const char *command)
{
	cli_error("%s", what);
	cli_note("Try `posthorn %s --help'.", command);
}

/* -- status -- */

static const struct view_column part_columns[] = { { "part", NULL }, { "state", NULL }, { "link", NULL },
	{ "smsc_id", "smsc id" }, { "attempts", "tries" }, { "submitted_at", "submitted" }, { "final_at", "final" },
	{ "error.code", "error" }, { "error.text", "meaning" }, { 0 } };

/* For a spreadsheet each part is a row that names its message. */
static void name_parts(const json_t *message)
{
	json_t *part, *parts = json_object_get(message, "parts");
	size_t i;

	json_array_foreach(parts, i, part)
		json_object_set(part, "id", json_object_get(message, "id"));
}

static void show_message(const struct cli *cli, const json_t *message, struct table **t)
{
	static const struct view_column flat[] = { { "id", NULL }, { "part", NULL }, { "state", NULL },
		{ "link", NULL }, { "smsc_id", NULL }, { "attempts", NULL }, { "submitted_at", NULL },
		{ "final_at", NULL }, { "error.code", NULL }, { "error.text", NULL }, { 0 } };
	const json_t *parts = json_object_get(message, "parts");

	if (cli->style == TABLE_ALIGNED) {
		view_object(cli, message, part_columns);
		return;
	}
	name_parts(message);
	if (*t)
		view_add(cli, *t, parts, flat);
	else
		*t = view_table(cli, parts, flat, false);
	table_print(*t, stdout);
}

/* Every id is asked for; the worst end is the end. */
static int for_each_id(struct query_input *in, const char *method, const char *suffix,
	void (*show)(const struct cli *cli, const json_t *answer, struct table **t))
{
	struct table *t = NULL;
	int worst = CLI_OK;

	for (size_t i = 0; i < in->n_args; i++) {
		struct text path = { 0 };
		struct api_answer answer;
		int end;

		text_puts(&path, "/v1/messages/");
		text_url(&path, in->args[i]);
		text_puts(&path, suffix);
		end = cli_call(in->cli, method, path.at, NULL, &answer);
		text_done(&path);
		if (end == CLI_OK) {
			if (i && in->cli->style == TABLE_ALIGNED && !in->cli->json && strcmp(method, "GET") == 0)
				putchar('\n');
			if (!cli_printed_json(in->cli, &answer))
				show(in->cli, answer.json, &t);
			api_answer_done(&answer);
		}
		worst = end > worst ? end : worst;
		if (end == CLI_UNREACHABLE) /* the others will not be reached either */
			break;
	}
	if (t && strcmp(method, "DELETE") == 0)
		table_print(t, stdout);
	table_free(t);
	return worst;
}

int cmd_status(struct cli *cli, int argc, char **argv)
{
	static const char doc[] = "Show messages: state, what they wait for, and each part.\v"
				  "Examples:\n"
				  "  posthorn status 281474976710656\n"
				  "  posthorn status 17 18 19 --csv\n"
				  "  posthorn status 17 --json | jq -r .state";
	const struct argp argp = { .parser = parse_query, .args_doc = "ID...", .doc = doc,
		.children = cli_argp_children };
	struct query_input in = { .cli = cli };
	int end;

	cli_parse(&argp, argc, argv, 0, &in);
	if (!in.n_args) {
		usage("which message?  Give its id", "status");
		return CLI_USAGE;
	}
	end = cli_ready(cli);
	return end == CLI_OK ? for_each_id(&in, "GET", "", show_message) : end;
}

/* -- events -- */

static void show_events(const struct cli *cli, const json_t *answer, struct table **t)
{
	static const struct view_column columns[] = { { "at", NULL }, { "event", NULL }, { "part", NULL },
		{ "state", NULL }, { "link", NULL }, { "outcome", NULL }, { "code", NULL }, { "text", "meaning" },
		{ "smsc_id", "smsc id" }, { "reason", NULL }, { "next_try", "next try" }, { 0 } };
	const json_t *rows = view_rows_of(answer, "events");
	struct table *own = view_table(cli, rows, columns, true);

	table_print(own, stdout);
	table_free(own);
}

int cmd_events(struct cli *cli, int argc, char **argv)
{
	static const char doc[] = "Show the timeline of a message: every state, attempt, link and code, with its time.\v"
				  "Example:\n"
				  "  posthorn events 281474976710656";
	const struct argp argp = { .parser = parse_query, .args_doc = "ID", .doc = doc,
		.children = cli_argp_children };
	struct query_input in = { .cli = cli };
	int end;

	cli_parse(&argp, argc, argv, 0, &in);
	if (in.n_args != 1) {
		usage("give one id", "events");
		return CLI_USAGE;
	}
	end = cli_ready(cli);
	return end == CLI_OK ? for_each_id(&in, "GET", "/events", show_events) : end;
}

/* -- pages -- */

/* Print a page and, with --all, those behind it.  Each is printed before the next is asked for, so that memory holds
 * one page only. */
static int show_pages(struct query_input *in, const char *path, const char *name, const struct view_column *columns)
{
	struct table *t = NULL;
	struct text url = { 0 }, after = { 0 };
	bool empty, onwards;
	int end;

	do {
		struct api_answer answer;
		const json_t *rows;
		struct text next = { 0 };

		text_clear(&url);
		text_printf(&url, "%s%s", path, in->query.n ? in->query.at : "");
		if (after.n) {
			text_puts(&url, in->query.n ? "&after=" : "?after=");
			text_url(&url, after.at);
		}
		end = cli_call(in->cli, "GET", url.at, NULL, &answer);
		if (end != CLI_OK)
			break;
		rows = view_rows_of(answer.json, name);
		/* A cursor may be a string or a number. */
		view_text(&(struct cli){ .style = TABLE_TSV }, json_object_get(answer.json, "next"), &next);
		/* The gateway looks at so many rows for one page; a filter may leave none of them.  That is no answer
		 * yet. */
		empty = next.n && !json_array_size(rows) && json_is_false(json_object_get(answer.json, "complete"));
		onwards = in->all || empty;
		if (!empty && !cli_printed_json(in->cli, &answer)) {
			if (t)
				view_add(in->cli, t, rows, columns);
			else
				t = view_table(in->cli, rows, columns, false);
			table_print(t, stdout);
			fflush(stdout);
		}
		api_answer_done(&answer);
		/* The same cursor again would be a loop without end. */
		if (next.n && after.n && strcmp(next.at, after.at) == 0)
			text_clear(&next);
		text_done(&after);
		after = next;
	} while (after.n && onwards && !ferror(stdout));
	if (end == CLI_OK && after.n && !in->all && !in->cli->json)
		cli_note("there are more: --all, or --after %s", after.at);
	table_free(t);
	text_done(&url);
	text_done(&after);
	return end;
}

static const struct argp_option list_options[] = {
	{ "ref", OPT_QUERY + P_REF, "TEXT", 0, "With this reference", 0 },
	{ "to", OPT_QUERY + P_TO, "NUMBER", 0, "To this recipient", 0 },
	{ "state", OPT_QUERY + P_STATE, "STATE", 0,
		"scheduled, queued, sending, sent, delivered, undelivered, rejected, expired, cancelled or unconfirmed", 0 },
	{ "campaign", OPT_QUERY + P_CAMPAIGN, "NAME", 0, "Of this campaign", 0 },
	{ "since", OPT_QUERY + P_SINCE, "TIME", 0, "From then: 2h, today, 2026-11-21, '2026-11-21 15:30'", 0 },
	{ "until", OPT_QUERY + P_UNTIL, "TIME", 0, "Up to then", 0 },
	{ "limit", OPT_QUERY + P_LIMIT, "N", 0, "Rows a page", 0 },
	{ "after", OPT_QUERY + P_AFTER, "CURSOR", 0, "The page behind this one (what `next` said)", 0 },
	{ "all", OPT_ALL, NULL, 0, "All pages", 0 },
	{ "text", OPT_TEXT, NULL, 0, "With the text", 0 },
	{ 0 },
};

int cmd_list(struct cli *cli, int argc, char **argv)
{
	static const char doc[] = "List messages, newest first.\v"
				  "Examples:\n"
				  "  posthorn list --state rejected --since 2h\n"
				  "  posthorn list --campaign spring --all --csv > spring.csv\n"
				  "  posthorn list --ref order-4711 --text";
	static const struct view_column columns[] = { { "id", NULL }, { "created_at", "created" }, { "to", NULL },
		{ "from", NULL }, { "class", NULL }, { "state", NULL }, { "reason", NULL }, { "ref", NULL },
		{ "campaign", NULL }, { "final_at", "final" }, { 0 } };
	static const struct view_column with_text[] = { { "id", NULL }, { "created_at", "created" }, { "to", NULL },
		{ "from", NULL }, { "class", NULL }, { "state", NULL }, { "reason", NULL }, { "ref", NULL },
		{ "campaign", NULL }, { "final_at", "final" }, { "text", NULL }, { 0 } };
	const struct argp argp = { .options = list_options, .parser = parse_query, .doc = doc,
		.children = cli_argp_children };
	struct query_input in = { .cli = cli };
	int end;

	cli_parse(&argp, argc, argv, 0, &in);
	if (in.n_args) {
		usage("list takes options only (one message: posthorn status ID)", "list");
		return CLI_USAGE;
	}
	end = cli_ready(cli);
	if (end == CLI_OK)
		end = show_pages(&in, "/v1/messages", "messages", in.text ? with_text : columns);
	query_done(&in);
	return end;
}

static const struct argp_option inbound_options[] = {
	{ "from", OPT_QUERY + P_FROM, "NUMBER", 0, "From this sender", 0 },
	{ "to", OPT_QUERY + P_TO, "NUMBER", 0, "To this number", 0 },
	{ "since", OPT_QUERY + P_SINCE, "TIME", 0, "From then: 2h, today, 2026-11-21, '2026-11-21 15:30'", 0 },
	{ "limit", OPT_QUERY + P_LIMIT, "N", 0, "Rows a page", 0 },
	{ "after", OPT_QUERY + P_AFTER, "CURSOR", 0, "The page behind this one", 0 },
	{ "all", OPT_ALL, NULL, 0, "All pages", 0 },
	{ "details", OPT_DETAILS, NULL, 0, "Also class, ports, languages, header, data, and the octets as they came", 0 },
	{ 0 },
};

int cmd_inbound(struct cli *cli, int argc, char **argv)
{
	static const char doc[] = "List received messages, newest first.\v"
				  "Examples:\n"
				  "  posthorn inbound --since today\n"
				  "  posthorn inbound --to 12345 --all --csv > answers.csv\n"
				  "  posthorn inbound --details --limit 5";
	static const struct view_column columns[] = { { "id", NULL }, { "at", NULL }, { "from", NULL }, { "to", NULL },
		{ "link", NULL }, { "client", NULL }, { "encoding", NULL }, { "parts", NULL }, { "missing", NULL },
		{ "text", NULL }, { 0 } };
	static const struct view_column details[] = { { "id", NULL }, { "at", NULL }, { "from", NULL }, { "to", NULL },
		{ "link", NULL }, { "client", NULL }, { "encoding", NULL }, { "parts", NULL }, { "missing", NULL },
		{ "data_coding", NULL }, { "class", NULL },
		{ "waiting.kind", "waiting" }, { "waiting.active", "active" }, { "ports.to", NULL },
		{ "ports.from", NULL }, { "languages", NULL }, { "malformed", NULL }, { "udh", NULL },
		{ "data", NULL }, { "raw", NULL }, { "text", NULL }, { 0 } };
	const struct argp argp = { .options = inbound_options, .parser = parse_query, .doc = doc,
		.children = cli_argp_children };
	struct query_input in = { .cli = cli };
	int end;

	cli_parse(&argp, argc, argv, 0, &in);
	if (in.n_args) {
		usage("inbound takes options only", "inbound");
		return CLI_USAGE;
	}
	end = cli_ready(cli);
	if (end == CLI_OK)
		end = show_pages(&in, "/v1/inbound", "inbound", in.details ? details : columns);
	query_done(&in);
	return end;
}

/* -- streams -- */

int cmd_streams(struct cli *cli, int argc, char **argv)
{
	static const char doc[] = "Show how far a submission is: rows done, accepted, refused.\v"
				  "KEY is what `posthorn submit` printed.\n"
				  "\n"
				  "Example:\n"
				  "  posthorn streams submit-0f343b0931126a20f133d67c2b018a3b";
	const struct argp argp = { .parser = parse_query, .args_doc = "KEY", .doc = doc,
		.children = cli_argp_children };
	struct query_input in = { .cli = cli };
	struct api_answer answer;
	struct text path = { 0 };
	int end;

	cli_parse(&argp, argc, argv, 0, &in);
	if (in.n_args != 1) {
		usage("give one key", "streams");
		return CLI_USAGE;
	}
	end = cli_ready(cli);
	if (end != CLI_OK)
		return end;
	text_puts(&path, "/v1/streams/");
	text_url(&path, in.args[0]);
	end = cli_call(cli, "GET", path.at, NULL, &answer);
	text_done(&path);
	if (end != CLI_OK)
		return end;
	if (!cli_printed_json(cli, &answer)) {
		if (cli->style == TABLE_ALIGNED) {
			view_object(cli, answer.json, NULL);
		} else {
			json_t *rows = json_pack("[O]", answer.json);
			struct table *t = view_table(cli, rows, NULL, true);

			table_print(t, stdout);
			table_free(t);
			json_decref(rows);
		}
	}
	api_answer_done(&answer);
	return CLI_OK;
}

/* -- cancel -- */

static void show_cancelled(const struct cli *cli, const json_t *answer, struct table **t)
{
	static const struct view_column columns[] = { { "id", NULL }, { "result", NULL }, { 0 } };
	json_t *rows = json_pack("[O]", answer);

	if (*t)
		view_add(cli, *t, rows, columns);
	else
		*t = view_table(cli, rows, columns, false);
	json_decref(rows);
}

static int cancel_tag(struct query_input *in)
{
	struct text path = { 0 };
	struct api_answer answer;
	int end;

	text_puts(&path, "/v1/messages?tag=");
	text_url(&path, in->tag);
	end = cli_call(in->cli, "DELETE", path.at, NULL, &answer);
	text_done(&path);
	if (end != CLI_OK)
		return end;
	if (!cli_printed_json(in->cli, &answer))
		view_object(in->cli, answer.json, NULL);
	api_answer_done(&answer);
	return CLI_OK;
}

int cmd_cancel(struct cli *cli, int argc, char **argv)
{
	static const char doc[] =
		"Cancel messages that have not gone.\v"
		"The answer says what became of each: `cancelled`; `unconfirmed`: it goes no more, but an attempt was never "
		"answered; `in_flight`: a part had left and the rest goes too; `final`: too late.  A tag cancels everything that waits under it.\n"
		"\n"
		"Examples:\n"
		"  posthorn cancel 281474976710656\n"
		"  posthorn cancel --tag spring-sale";
	static const struct argp_option options[] = {
		{ "tag", OPT_TAG, "TAG", 0, "Everything that waits with this tag", 0 },
		{ 0 },
	};
	const struct argp argp = { .options = options, .parser = parse_query, .args_doc = "ID...\n--tag TAG",
		.doc = doc, .children = cli_argp_children };
	struct query_input in = { .cli = cli };
	int end;

	cli_parse(&argp, argc, argv, 0, &in);
	if (!in.n_args == !in.tag) {
		usage("give ids, or --tag", "cancel");
		return CLI_USAGE;
	}
	end = cli_ready(cli);
	if (end != CLI_OK)
		return end;
	return in.tag ? cancel_tag(&in) : for_each_id(&in, "DELETE", "", show_cancelled);
}
