/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_preview.c -- `posthorn preview`: what a text, or a whole file of them, would cost, and why; nothing is sent.
 *
 * A file goes out as one stream, like a submission; but nothing is stored there, so there is no key, and when it breaks
 * off it begins anew by the same command.  The gateway counts rows from 0 without the header; the file is walked once
 * more to say its own row numbers, those that a spreadsheet shows.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/one_message.h"
#include "cli/preview_show.h"
#include "cli/row_stream.h"

struct preview {
	struct cli *cli;
	struct one_message message;
	struct file_opts file;
	struct row_stream stream;
};

enum {
	OPT_FILE = 'f',
	OPT_QUIET = 'q',
	REFUSED_LISTED = 1000, /* as the gateway lists at most */
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "A file instead of TO TEXT:", 2 },
	{ "file", OPT_FILE, "FILE", 0, "Count all rows of a CSV or NDJSON file (`-` is standard input)", 0 },
	{ "quiet", OPT_QUIET, NULL, 0, "No progress", 0 },
	{ 0 },
};

static const struct argp_child children[] = {
	{ &cli_argp, 0, NULL, 100 },
	{ &message_opts_argp, 0, NULL, 1 },
	{ &file_opts_argp, 0, NULL, 2 },
	{ 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct preview *p = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = p->cli;
		state->child_inputs[1] = &p->message.opts;
		state->child_inputs[2] = &p->file;
		return 0;
	case OPT_FILE:
		p->file.path = arg;
		return 0;
	case OPT_QUIET:
		p->stream.quiet = true;
		return 0;
	case ARGP_KEY_ARG:
		one_message_arg(&p->message, arg, state);
		return 0;
	case ARGP_KEY_END:
		if (!p->file.path)
			one_message_end(&p->message, state);
		else if (state->arg_num)
			argp_error(state, "--file and TO TEXT exclude each other");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int preview_text(struct preview *p)
{
	json_t *body = one_message_json(&p->message);
	struct api_answer answer;
	int end = cli_call(p->cli, "POST", "/v1/preview", body, &answer);

	json_decref(body);
	if (end != CLI_OK)
		return end;
	if (!cli_printed_json(p->cli, &answer))
		preview_show_one(p->cli, answer.json, p->message.text.at, p->message.text.n);
	api_answer_done(&answer);
	return CLI_OK;
}

/* -- a file -- */

/* An entry of the answer that names a row of the stream. */
struct named {
	json_int_t index;
	json_t *entry;
};

static int compare_named(const void *a, const void *b)
{
	const struct named *x = a, *y = b;

	return x->index < y->index ? -1 : x->index > y->index;
}

static size_t take_named(struct named *named, size_t n, const json_t *list, const char *number)
{
	size_t i;
	json_t *entry;

	json_array_foreach((json_t *)list, i, entry)
		named[n++] = (struct named){ json_integer_value(json_object_get(entry, number)), entry };
	return n;
}

static void add_one(json_t *object, const char *name)
{
	json_object_set_new(object, name, json_integer(json_integer_value(json_object_get(object, name)) + 1));
}

/* Rows that were refused here never reached the gateway; they count all the same. */
static void add_own_refusal(json_t *answer, const struct row *row)
{
	json_t *sums = json_object_get(answer, "summary"), *results = json_object_get(answer, "results");

	add_one(json_object_get(sums, "errors"), row->code);
	add_one(sums, "refused");
	add_one(sums, "rows");
	if (json_array_size(results) < REFUSED_LISTED)
		json_array_append_new(results, json_pack("{s:I,s:{s:s,s:s}}", "file_row", (json_int_t)row->number, "error",
			"code", row->code, "message", row->why));
	else
		json_object_set_new(answer, "truncated", json_true());
}

/* Those that were refused here stand behind the gateway's; a person reads them from the first row on. */
static void sort_results(json_t *results)
{
	json_t *sorted = json_array();
	struct named *named = calloc(json_array_size(results) + 1, sizeof *named);
	size_t n;

	if (named) {
		n = take_named(named, 0, results, "file_row");
		qsort(named, n, sizeof *named, compare_named);
		for (size_t i = 0; i < n; i++)
			json_array_append(sorted, named[i].entry);
		json_array_clear(results);
		json_array_extend(results, sorted);
	}
	free(named);
	json_decref(sorted);
}

/* Walk the file once more, as far as there is something to say. */
static void name_rows(struct preview *p, json_t *answer)
{
	const json_t *results = json_object_get(answer, "results");
	const json_t *dearest = json_object_get(json_object_get(answer, "summary"), "dearest");
	struct named *named = calloc(json_array_size(results) + json_array_size(dearest) + 1, sizeof *named);
	uint64_t n_own = p->stream.n_skipped;
	size_t n, i = 0;
	struct row row;

	if (!named)
		return;
	n = take_named(named, take_named(named, 0, results, "row"), dearest, "row");
	qsort(named, n, sizeof *named, compare_named);
	rows_rewind(p->stream.rows);
	while ((i < n || n_own) && !cli_interrupted && rows_next(p->stream.rows, &row) > 0) {
		if (!row.json) {
			add_own_refusal(answer, &row);
			n_own -= n_own > 0;
		}
		for (; row.json && i < n && named[i].index == (json_int_t)row.index; i++)
			json_object_set_new(named[i].entry, "file_row", json_integer((json_int_t)row.number));
	}
	free(named);
	sort_results(json_object_get(answer, "results"));
}

static int tell_file(struct preview *p, struct api_answer *a)
{
	const json_t *sums;
	char *text;

	if (a->status != 200) {
		if (a->json)
			cli_printed_json(p->cli, a);
		cli_say_refusal(a);
		return CLI_REFUSED;
	}
	if (!json_is_object(json_object_get(a->json, "summary"))) {
		cli_error("%s answered without sums: is this a Posthorn gateway?", api_url(p->cli->api));
		return CLI_REFUSED;
	}
	name_rows(p, a->json);
	sums = json_object_get(a->json, "summary");
	if (p->cli->json) {
		text = json_dumps(a->json, JSON_COMPACT);
		puts(text ? text : "");
		free(text);
	}
	if (!json_integer_value(json_object_get(sums, "rows"))) {
		cli_error("%s holds no rows", file_name(&p->file));
		return CLI_USAGE;
	}
	if (!p->cli->json)
		preview_show_sums(p->cli, a->json);
	return json_integer_value(json_object_get(sums, "refused")) ? CLI_PARTLY : CLI_OK;
}

static int preview_file(struct preview *p)
{
	const struct api_stream stream = { .path = "/v1/preview?results=errors", .content_type = "application/x-ndjson",
		.read = row_stream_read, .tick = row_stream_tick, .arg = &p->stream };
	struct api_answer answer;
	int end, r;

	r = api_post_stream(p->cli->api, &stream, &answer);
	if (r == 0)
		row_stream_show(&p->stream, p->stream.at_end);
	row_stream_clear(&p->stream);
	if (r == 0) {
		end = tell_file(p, &answer);
		api_answer_done(&answer);
		return end;
	}
	if (cli_interrupted || r == -EINTR)
		return CLI_INTERRUPTED;
	if (r == -ECONNREFUSED || r == -EPIPE) {
		cli_error("cannot reach the gateway at %s: %s", api_url(p->cli->api), api_why(p->cli->api));
		return CLI_UNREACHABLE;
	}
	cli_error("%s: %s", file_name(&p->file), rows_fault(p->stream.rows));
	return CLI_USAGE;
}

static int open_and_preview(struct preview *p)
{
	int end = row_stream_open(&p->stream, &p->file, p->message.opts.fields);

	if (end == CLI_OK)
		end = cli_ready(p->cli);
	if (end == CLI_OK) {
		cli_catch_interrupt();
		end = preview_file(p);
	}
	row_stream_close(&p->stream);
	return end;
}

int cmd_preview(struct cli *cli, int argc, char **argv)
{
	static const char doc[] =
		"Show what a message would become and cost, and why: encoding, parts, the characters that make it dear, what "
		"would save parts, the route.  With --file, the sums of a whole file.  Nothing is sent.\v"
		"Examples:\n"
		"  posthorn preview +79121234567 'Don’t panic'\n"
		"  posthorn preview +79121234567 - --smart < text.txt\n"
		"  posthorn preview --file customers.csv\n"
		"  posthorn preview --file customers.csv --smart --csv > costs.csv\n"
		"  posthorn preview --file list.csv --map Phone=to --map Message=text\n"
		"\n"
		"The options of a message apply to rows that do not say it themselves.\n"
		"\n"
		"Exit status 4: some rows of the file would be refused.";
	const struct argp argp = { .options = options, .parser = parse_option, .args_doc = "TO TEXT...\n--file=FILE",
		.doc = doc, .children = children };
	struct preview p = { .cli = cli };
	int end;

	cli_parse(&argp, argc, argv, 0, &p);
	if (p.file.path) {
		end = open_and_preview(&p);
	} else {
		end = cli_ready(cli);
		if (end == CLI_OK)
			end = preview_text(&p);
	}
	one_message_done(&p.message);
	return end;
}
