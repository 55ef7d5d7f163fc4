/* SPDX-License-Identifier: Apache-2.0 */
/* posthorn.c -- main of the command line: find the subcommand and run it. */
#include "config.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static const struct command commands[] = {
	{ "send", "send one message", cmd_send },
	{ "submit", "send a file of messages (CSV or NDJSON)", cmd_submit },
	{ "preview", "show parts, encoding and route of a text; send nothing", cmd_preview },
	{ "status", "show messages and their parts", cmd_status },
	{ "events", "show the timeline of a message", cmd_events },
	{ "list", "list messages, newest first", cmd_list },
	{ "tail", "follow messages as they come and end", cmd_tail },
	{ "cancel", "cancel messages by id or tag", cmd_cancel },
	{ "inbound", "list received messages", cmd_inbound },
	{ "streams", "show how far a submission is", cmd_streams },
	{ "links", "show, start, stop, drain, rebind or change links (operator)", cmd_links },
	{ "queue", "show what waits, and why (operator)", cmd_queue },
	{ "webhooks", "show endpoints; replay dead letters", cmd_webhooks },
	{ "receipts", "show receipts that matched nothing yet (operator)", cmd_receipts },
	{ "decode", "show what a TPDU or an SMPP PDU says (no gateway)", cmd_decode },
	{ "encode", "show the parts and TPDUs of a text (no gateway)", cmd_encode },
	{ "check", "look for damage in a database (on the gateway's machine)", cmd_check },
	{ "backup", "copy a database while it is in use (likewise)", cmd_backup },
	{ "key", "make a key for a client", cmd_key },
	{ "version", "print the version", cmd_version },
};

enum {
	N_COMMANDS = sizeof commands / sizeof commands[0],
};

struct main_input {
	struct cli *cli;
	int command_at; /* of argv; 0: none was given */
};

static const char main_doc[] = "Talk to a Posthorn SMS gateway.\v"
	"Commands:\n"
	"%s"
	"\n"
	"`posthorn COMMAND --help` explains one, with examples.\n"
	"\n"
	"To begin:\n"
	"  posthorn key new                           make a key; its hash is for the gateway\n"
	"  export POSTHORN_KEY=ph_...                 or in ~/.config/posthorn/cli.conf\n"
	"  posthorn send +79121234567 Hello --wait    send, and see it arrive\n"
	"  posthorn submit customers.csv --campaign spring\n"
	"\n"
	"Exit status: 0 done; 1 refused or failed; 2 wrong usage; 3 gateway not reached; "
	"4 some rows of a submission refused; 130 interrupted.";

static char *help_filter(int key, const char *text, void *input)
{
	struct text list = { 0 }, all = { 0 };
	const char *at;

	if (key != ARGP_KEY_HELP_POST_DOC || !text)
		return (char *)text;
	at = strstr(text, "%s");
	if (!at)
		return (char *)text;
	for (size_t i = 0; i < N_COMMANDS; i++)
		text_printf(&list, "  %-10s %s\n", commands[i].name, commands[i].summary);
	text_add(&all, text, (size_t)(at - text));
	text_puts(&all, list.at);
	text_puts(&all, at + 2);
	text_done(&list);
	return all.at; /* argp frees it */
}

static error_t parse_main(int key, char *arg, struct argp_state *state)
{
	struct main_input *in = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = in->cli;
		return 0;
	case ARGP_KEY_ARG:
		in->command_at = state->next - 1;
		state->next = state->argc; /* the rest is for the command */
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_state_help(state, stderr, ARGP_HELP_STD_USAGE & ~(unsigned)ARGP_HELP_EXIT_OK);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Texts are UTF-8 whatever the locale says; wcwidth() must know more than ASCII even in the C locale. */
static void set_locale(void)
{
	setlocale(LC_ALL, "");
	if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
		setlocale(LC_CTYPE, "C.UTF-8");
	setlocale(LC_NUMERIC, "C");
}

static const struct command *find(const char *name)
{
	if (strcmp(name, "link") == 0) /* `link set acme` is about one */
		name = "links";
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

int main(int argc, char **argv)
{
	const struct argp argp = { .parser = parse_main, .args_doc = "COMMAND [ARGUMENT...]", .doc = main_doc,
		.children = cli_argp_children, .help_filter = help_filter };
	struct cli cli = { 0 };
	struct main_input in = { .cli = &cli };
	const struct command *command;
	struct text name = { 0 };
	int end;

	set_locale();
	argp_program_version = "posthorn " PACKAGE_VERSION;
	argp_err_exit_status = CLI_USAGE;
	cli_parse(&argp, argc, argv, ARGP_IN_ORDER, &in);
	if (!in.command_at)
		return CLI_USAGE;
	command = find(argv[in.command_at]);
	if (!command) {
		cli_error("there is no command \"%s\"; `posthorn --help` lists them", argv[in.command_at]);
		return CLI_USAGE;
	}
	text_printf(&name, "posthorn %s", command->name);
	argv[in.command_at] = name.at; /* what --help and usage errors of the command call it */
	end = command->run(&cli, argc - in.command_at, argv + in.command_at);
	api_free(cli.api);
	text_done(&name);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		cli_error("cannot write to standard output");
		return end ? end : CLI_REFUSED;
	}
	return end;
}
