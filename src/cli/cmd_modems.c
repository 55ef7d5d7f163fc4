/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_modems.c -- `modems`, `ussd`: the links that have a SIM in a table, and a word with their networks. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/view.h"

enum { OPT_WATCH = 0x100, OPT_PORTS };

struct modems_input {
	struct cli *cli;
	long watch_s; /* 0: once */
	bool ports;
	const char *words[2];
	size_t n_words, n_words_most;
};

static error_t parse_modems(int key, char *arg, struct argp_state *state)
{
	struct modems_input *in = state->input;
	char *end;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = in->cli;
		return 0;
	case OPT_WATCH:
		in->watch_s = strtol(arg, &end, 10);
		if (*end || in->watch_s < 1 || in->watch_s > 86400)
			argp_error(state, "--watch: \"%s\" is no number of seconds", arg);
		return 0;
	case OPT_PORTS:
		in->ports = true;
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

/* ---- one link as a row ----------------------------------------------------------------------------------- */

static bool has_sim(const json_t *link)
{
	const char *driver = json_string_value(json_object_get(link, "driver"));

	return (driver && strcmp(driver, "modem") == 0) || json_object_get(link, "account");
}

static void put_text(json_t *row, const char *name, const json_t *value)
{
	const char *s = json_string_value(value);

	if (s && *s)
		json_object_set_new(row, name, json_string(s));
}

/* Bars as phones draw them; dBm as 3GPP TS 27.007, 8.5 gives them: -113 is the least. */
static void put_signal(json_t *row, const json_t *dbm, bool bars)
{
	static const char *const drawn[] = { "▁___", "▁▃__", "▁▃▅_", "▁▃▅▇" };
	double v = json_number_value(dbm);
	char text[48];

	if (!json_is_number(dbm))
		return;
	snprintf(text, sizeof(text), "%s%s%.0f dBm", bars ? drawn[v >= -75 ? 3 : v >= -85 ? 2 : v >= -95 ? 1 : 0] : "",
		bars ? " " : "", v);
	json_object_set_new(row, "signal", json_string(text));
}

/* The bound of which the least is left. */
static void put_quota(json_t *row, const json_t *quota)
{
	const char *key;
	json_t *value;
	json_int_t least = 0;
	char text[80] = "";

	json_object_foreach((json_t *)quota, key, value) {
		json_int_t limit = json_integer_value(json_object_get(value, "limit"));
		json_int_t left = limit - json_integer_value(json_object_get(value, "used"));

		if (!limit || (*text && left >= least))
			continue;
		least = left;
		snprintf(text, sizeof(text), "%lld of %lld (%.20s)", (long long)(left > 0 ? left : 0), (long long)limit, key);
	}
	if (*text)
		json_object_set_new(row, "quota", json_string(text));
}

static void put_alarms(json_t *row, const json_t *alarms)
{
	char text[200] = "";
	size_t i, n = 0;
	json_t *alarm;

	json_array_foreach((json_t *)alarms, i, alarm) {
		const char *code = json_string_value(json_object_get(alarm, "code"));

		if (code && n < sizeof(text))
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%.40s", i ? " " : "", code);
	}
	if (*text)
		json_object_set_new(row, "alarms", json_string(text));
}

static json_t *row_of(const struct cli *cli, const json_t *link)
{
	const json_t *facts = json_object_get(link, "facts");
	json_t *row = json_object();
	json_int_t failures = 0;
	static const char *const failed[] = { "retried", "rejected", "uncertain" };

	json_object_set(row, "name", json_object_get(link, "name"));
	json_object_set(row, "state", json_object_get(link, "state"));
	put_text(row, "reason", json_object_get(link, "reason"));
	put_text(row, "operator", json_object_get(facts, "operator"));
	put_text(row, "registration", json_object_get(facts, "registration"));
	put_signal(row, json_object_get(facts, "signal_dbm"), cli->style == TABLE_ALIGNED);
	put_text(row, "imei", json_object_get(facts, "imei"));
	put_text(row, "sim", json_object_get(link, "account"));
	json_object_set(row, "waiting", json_object_get(link, "waiting"));
	json_object_set(row, "sent_hour", json_object_get(link, "sent_hour"));
	if (strcmp(json_string_value(json_object_get(link, "reports")) ?: "", "no") == 0)
		json_object_set_new(row, "reports", json_string("none"));
	put_quota(row, json_object_get(link, "quota"));
	for (size_t i = 0; i < sizeof(failed) / sizeof(failed[0]); i++)
		failures += json_integer_value(json_object_get(link, failed[i]));
	json_object_set_new(row, "failures", json_integer(failures));
	json_object_set(row, "last_sent", json_object_get(link, "last_sent"));
	put_alarms(row, json_object_get(link, "alarms"));
	return row;
}

static void show_modems(const struct cli *cli, const json_t *links)
{
	static const struct view_column columns[] = { { "name", NULL }, { "state", NULL }, { "operator", NULL },
		{ "registration", "network" }, { "signal", NULL }, { "reports", NULL }, { "imei", "IMEI" }, { "sim", "SIM" },
		{ "waiting", NULL }, { "sent_hour", "sent/h" }, { "quota", "quota left" }, { "failures", NULL }, { "last_sent", "last sent" },
		{ "reason", NULL }, { "alarms", NULL }, { 0 } };
	json_t *rows = json_array(), *link;
	struct table *t;
	size_t i;

	json_array_foreach((json_t *)links, i, link)
		if (has_sim(link))
			json_array_append_new(rows, row_of(cli, link));
	if (!json_array_size(rows) && cli->style == TABLE_ALIGNED) {
		cli_note("no link has a SIM; \"posthorn links\" shows all links");
	} else {
		t = view_table(cli, rows, columns, true);
		table_print(t, stdout);
		table_free(t);
	}
	fflush(stdout);
	json_decref(rows);
}

static void show_ports(const struct cli *cli, const json_t *ports)
{
	static const struct view_column columns[] = { { "path", "port" }, { "state", NULL }, { "answers", NULL },
		{ "link", NULL }, { "used_by", "used by" }, { "usb_id", "USB" }, { "usb", "at" }, { "maker", NULL }, { "model", NULL },
		{ "imei", "IMEI" }, { "iccid", "SIM" }, { "by_id", "stable name" }, { "note", NULL }, { 0 } };
	struct table *t;

	if (!json_array_size(ports) && cli->style == TABLE_ALIGNED) {
		cli_note("no serial port, and no device that could have one; docs/modems.md says what to look at");
		return;
	}
	t = view_table(cli, ports, columns, true);
	table_print(t, stdout);
	table_free(t);
	fflush(stdout);
}

static int modems_once(struct cli *cli, bool ports, bool clear)
{
	struct api_answer answer;
	int end = cli_call(cli, "GET", ports ? "/v1/ports" : "/v1/links", NULL, &answer);

	if (end != CLI_OK)
		return end;
	if (clear)
		fputs("\033[H\033[2J", stdout);
	if (!cli_printed_json(cli, &answer) && ports)
		show_ports(cli, view_rows_of(answer.json, "ports"));
	else if (!cli->json)
		show_modems(cli, view_rows_of(answer.json, "links"));
	api_answer_done(&answer);
	return CLI_OK;
}

int cmd_modems(struct cli *cli, int argc, char **argv)
{
	static const char doc[] = "Show the links that have a SIM: network, signal, what was sent and what may be.\v"
				  "Failures are attempts that were refused, for now or for good, and parts without an answer, since "
				  "the gateway began.\n"
				  "\n"
				  "Examples:\n"
				  "  posthorn modems\n"
				  "  posthorn modems --watch 5\n"
				  "  posthorn modems --ports";
	static const struct argp_option options[] = {
		{ "ports", OPT_PORTS, NULL, 0, "instead, all serial ports: which device, who has it, what to do", 0 },
		{ "watch", OPT_WATCH, "SECONDS", 0, "again and again, until interrupted", 0 }, { 0 } };
	const struct argp argp = { .options = options, .parser = parse_modems, .doc = doc, .children = cli_argp_children };
	struct modems_input in = { .cli = cli };
	int end;

	cli_parse(&argp, argc, argv, 0, &in);
	end = cli_ready(cli);
	if (end != CLI_OK)
		return end;
	if (in.watch_s)
		cli_catch_interrupt();
	do {
		end = modems_once(cli, in.ports, in.watch_s && !cli->json && isatty(STDOUT_FILENO));
		if (in.watch_s && end == CLI_OK)
			cli_sleep_ms(in.watch_s * 1000);
	} while (in.watch_s && end == CLI_OK && !cli_interrupted);
	return end;
}

/* ---- USSD ------------------------------------------------------------------------------------------------ */

int cmd_ussd(struct cli *cli, int argc, char **argv)
{
	static const char doc[] = "Send a USSD code over the SIM of a link, and show what its network answers.\v"
				  "Where the network asks back, the next code is the answer; an empty one ends the dialogue.\n"
				  "\n"
				  "Examples:\n"
				  "  posthorn ussd sim1 '*100#'\n"
				  "  posthorn ussd sim1 2";
	const struct argp argp = { .parser = parse_modems, .args_doc = "LINK CODE", .doc = doc,
		.children = cli_argp_children };
	struct modems_input in = { .cli = cli, .n_words_most = 2 };
	struct text path = { 0 }, shown = { 0 };
	struct api_answer answer;
	json_t *body;
	int end;

	cli_parse(&argp, argc, argv, 0, &in);
	if (in.n_words < 2) {
		cli_error("say the name of a link and a code");
		cli_note("Try `posthorn ussd --help'.");
		return CLI_USAGE;
	}
	body = json_pack("{s:s}", "code", in.words[1]);
	if (!body) {
		cli_error("the code is not valid UTF-8");
		return CLI_USAGE;
	}
	end = cli_ready(cli);
	text_puts(&path, "/v1/links/");
	text_url(&path, in.words[0]);
	text_puts(&path, "/ussd");
	if (end == CLI_OK)
		end = cli_call(cli, "POST", path.at, body, &answer);
	if (end == CLI_OK) {
		if (!cli_printed_json(cli, &answer)) {
			const char *said = json_string_value(json_object_get(answer.json, "text"));

			table_fit(&shown, said ? said : "", 10000); /* it comes from a network: nothing may move the cursor */
			puts(shown.at ? shown.at : "");
			if (json_is_false(json_object_get(answer.json, "done")))
				cli_note("the network waits for an answer: posthorn ussd %s ANSWER", in.words[0]);
		}
		api_answer_done(&answer);
	}
	json_decref(body);
	text_done(&path);
	text_done(&shown);
	return end;
}
