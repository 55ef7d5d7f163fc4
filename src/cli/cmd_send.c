/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_send.c -- `posthorn send`: one message. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/one_message.h"
#include "cli/view.h"

enum {
	WAIT_FIRST_MS = 100,
	WAIT_MOST_MS = 5000,
};

struct send_input {
	struct cli *cli;
	struct one_message message;
	const char *key_id;
	bool wait;
	long max_wait_s;
};

enum {
	OPT_WAIT = 'w',
	OPT_MAX_WAIT = 0x100,
	OPT_KEY_ID,
};

static const struct argp_option send_options[] = {
	{ "wait", OPT_WAIT, NULL, 0, "Stay until the message is final; exit 0 only when it was delivered", 0 },
	{ "max-wait", OPT_MAX_WAIT, "SECONDS", 0, "Give up waiting after this (exit 1); implies --wait", 0 },
	{ "key-id", OPT_KEY_ID, "KEY", 0, "Idempotency key: the same command again within 24 h sends nothing new", 0 },
	{ 0 },
};

static const struct argp_child children[] = {
	{ &cli_argp, 0, NULL, 100 },
	{ &message_opts_argp, 0, NULL, 1 },
	{ 0 },
};

static error_t parse_send(int key, char *arg, struct argp_state *state)
{
	struct send_input *in = state->input;
	char *end;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = in->cli;
		state->child_inputs[1] = &in->message.opts;
		return 0;
	case OPT_WAIT:
		in->wait = true;
		return 0;
	case OPT_MAX_WAIT:
		in->wait = true;
		in->max_wait_s = strtol(arg, &end, 10);
		if (*end || in->max_wait_s < 1 || in->max_wait_s > 1000000000)
			argp_error(state, "--max-wait: \"%s\" is no number of seconds", arg);
		return 0;
	case OPT_KEY_ID:
		in->key_id = arg;
		return 0;
	case ARGP_KEY_ARG:
		one_message_arg(&in->message, arg, state);
		return 0;
	case ARGP_KEY_END:
		one_message_end(&in->message, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Returns the end that the state means, or -1 while it is not final. */
static int show_change(struct cli *cli, const struct api_answer *a, char *last, size_t size)
{
	const char *state = json_string_value(json_object_get(a->json, "state"));
	const char *reason = json_string_value(json_object_get(a->json, "reason"));
	struct text now = { 0 }, clean = { 0 };

	if (!state)
		return CLI_REFUSED;
	text_printf(&now, "%s%s%s", state, reason ? "  " : "", reason ? reason : "");
	if (strcmp(now.at, last) != 0) {
		snprintf(last, size, "%s", now.at);
		table_fit(&clean, now.at, 1000);
		if (!cli_printed_json(cli, a))
			puts(clean.at);
	}
	text_done(&now);
	text_done(&clean);
	if (!view_is_final(state))
		return -1;
	return strcmp(state, "delivered") == 0 ? CLI_OK : CLI_REFUSED;
}

static int wait_for(const struct send_input *in, const char *id, const char *first)
{
	char last[256];
	long wait_ms = WAIT_FIRST_MS;
	long long until_ms = in->max_wait_s ? cli_now_ms() + in->max_wait_s * 1000LL : 0;
	struct text path = { 0 };
	int end = -1;

	snprintf(last, sizeof last, "%s", first);
	text_puts(&path, "/v1/messages/");
	text_url(&path, id);
	while (end < 0) {
		struct api_answer answer;

		cli_sleep_ms(wait_ms);
		if (cli_interrupted) {
			end = CLI_INTERRUPTED;
			break;
		}
		end = cli_call(in->cli, "GET", path.at, NULL, &answer);
		if (end != CLI_OK)
			break;
		end = show_change(in->cli, &answer, last, sizeof last);
		api_answer_done(&answer);
		wait_ms = wait_ms * 3 / 2 > WAIT_MOST_MS ? WAIT_MOST_MS : wait_ms * 3 / 2;
		if (end < 0 && until_ms && cli_now_ms() >= until_ms) {
			cli_error("message %s is not final after %ld s", id, in->max_wait_s);
			end = CLI_REFUSED;
		}
	}
	text_done(&path);
	return end;
}

/* What the gateway did to the text, as it was asked to. */
static void show_changed(const json_t *changed)
{
	const char *text = json_string_value(json_object_get(changed, "text"));
	json_int_t before = json_integer_value(json_object_get(changed, "parts_before"));
	struct text by = { 0 }, clean = { 0 };
	json_t *name;
	size_t i;

	if (!changed)
		return;
	json_array_foreach(json_object_get(changed, "by"), i, name)
		text_printf(&by, "%s%s", i ? ", " : "", json_string_value(name) ? json_string_value(name) : "");
	table_fit(&clean, text ? text : "", 1000);
	cli_note("note: the text was changed by %s (parts before: %lld); it is now: %s", by.at ? by.at : "", (long long)before,
		clean.at ? clean.at : "");
	text_done(&by);
	text_done(&clean);
}

static void show_accepted(struct cli *cli, const struct api_answer *a)
{
	static const struct view_column columns[] = { { "id", NULL }, { "state", NULL }, { "parts", NULL },
		{ "encoding", NULL }, { 0 } };
	json_t *rows = json_pack("[O]", a->json);
	struct table *t = view_table(cli, rows, columns, false);

	table_print(t, stdout);
	table_free(t);
	json_decref(rows);
	show_changed(json_object_get(a->json, "changed"));
	if (a->replay)
		cli_note("note: this was sent before under the same --key-id; nothing new was sent");
}

static int send_it(struct send_input *in)
{
	json_t *body = one_message_json(&in->message);
	struct api_answer answer;
	const char *id, *state;
	int end, r;

	r = api_call(in->cli->api, "POST", "/v1/messages", body, in->key_id, &answer);
	json_decref(body);
	if (r < 0) {
		cli_error("cannot reach the gateway at %s: %s", api_url(in->cli->api), api_why(in->cli->api));
		if (r == -EPIPE)
			cli_note("hint: the message may have been accepted all the same; with --key-id the same command "
				 "can be repeated without sending twice");
		return r == -EINTR ? CLI_INTERRUPTED : CLI_UNREACHABLE;
	}
	id = json_string_value(json_object_get(answer.json, "id"));
	state = json_string_value(json_object_get(answer.json, "state"));
	if (answer.json)
		cli_printed_json(in->cli, &answer);
	if (answer.status != 202 && answer.status != 200) {
		cli_say_refusal(&answer);
		end = CLI_REFUSED;
	} else if (!id) {
		cli_error("%s answered without an id: is this a Posthorn gateway?", api_url(in->cli->api));
		end = CLI_REFUSED;
	} else {
		if (!in->cli->json)
			show_accepted(in->cli, &answer);
		end = in->wait ? wait_for(in, id, state ? state : "") : CLI_OK;
	}
	api_answer_done(&answer);
	return end;
}

int cmd_send(struct cli *cli, int argc, char **argv)
{
	static const char doc[] = "Send one message.  TEXT of several words is joined by blanks; `-` reads it from "
				  "standard input.\v"
				  "Examples:\n"
				  "  posthorn send +79121234567 Your parcel has arrived\n"
				  "  posthorn send +79121234567 'Code 4711' --class otp --ttl 300 --wait\n"
				  "  posthorn send +79121234567 - --send-at '2026-12-24 09:00' < text.txt\n"
				  "  id=$(posthorn send +79121234567 Hi --json | jq -r .id)\n"
				  "\n"
				  "An argument that begins with `-` (as a text may) goes after `--`.";
	const struct argp argp = { .options = send_options, .parser = parse_send, .args_doc = "TO TEXT...",
		.doc = doc, .children = children };
	struct send_input in = { .cli = cli };
	int end;

	cli_parse(&argp, argc, argv, 0, &in);
	end = cli_ready(cli);
	if (end == CLI_OK) {
		if (in.wait)
			cli_catch_interrupt();
		end = send_it(&in);
	}
	one_message_done(&in.message);
	return end;
}
