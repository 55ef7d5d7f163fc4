/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_decode.c -- `posthorn decode`: what do these octets say?  Talks to no gateway. */
#include "config.h"

#include "cli/cmd_decode.h"
#include "cli/cmd_decode_at.h"

#include <errno.h>
#include <string.h>

struct decode_input {
	struct cli *cli;
	struct decode_opts opts;
	int (*decode)(const struct decode_opts *o, const struct hex_message *m);
	struct text hex;
	bool piped; /* from standard input: the place of an error is a line and a column there */
};

enum {
	OPT_DIR = 0x100,
	OPT_SMSC,
	OPT_NO_SMSC,
	OPT_ALPHABET,
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "A TPDU:", 1 },
	{ "dir", OPT_DIR, "WAY", 0, "mt: from the network to the phone; mo: from the phone (guessed otherwise)", 0 },
	{ "smsc", OPT_SMSC, NULL, 0, "The service centre stands in front, as with modems (guessed otherwise)", 0 },
	{ "no-smsc", OPT_NO_SMSC, NULL, 0, "The first octet is that of the TPDU", 0 },
	{ NULL, 0, NULL, 0, "A PDU of SMPP:", 2 },
	{ "alphabet", OPT_ALPHABET, "NAME",
		0, "What data_coding 00 means: gsm7 (one septet an octet; default), gsm7-packed, latin1, ascii", 0 },
	{ 0 },
};

static void set_alphabet(struct decode_opts *o, const char *arg, struct argp_state *state)
{
	static const char *const names[] = { [ALPHABET_GSM7] = "gsm7", [ALPHABET_GSM7_PACKED] = "gsm7-packed",
		[ALPHABET_LATIN1] = "latin1", [ALPHABET_ASCII] = "ascii" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (strcmp(arg, names[i]) == 0) {
			o->alphabet = (enum decode_alphabet)i;
			return;
		}
	}
	argp_error(state, "--alphabet: there are gsm7, gsm7-packed, latin1 and ascii, not \"%s\"", arg);
}

static void set_kind(struct decode_input *in, const char *arg, struct argp_state *state)
{
	if (strcmp(arg, "tpdu") == 0)
		in->decode = decode_tpdu;
	else if (strcmp(arg, "pdu") == 0)
		in->decode = decode_pdu;
	else if (strcmp(arg, "at") == 0)
		in->decode = NULL;
	else
		argp_error(state, "\"%s\" cannot be decoded: say `tpdu`, `pdu` or `at`", arg);
}

static int read_stdin(struct text *out)
{
	char buf[4096];
	size_t n;

	while ((n = fread(buf, 1, sizeof buf, stdin)) > 0) {
		if (out->n + n > HEX_MAX_OCTETS)
			return -EFBIG;
		text_add(out, buf, n);
	}
	return ferror(stdin) ? -EIO : 0;
}

static void finish(struct decode_input *in, struct argp_state *state)
{
	if (state->arg_num < 2) {
		argp_error(state, state->arg_num ? "the octets are missing (`-` reads them from standard input)" :
						   "say `tpdu` or `pdu`, and the octets, or `at` and a file");
		return;
	}
	if (!in->decode && state->arg_num > 2)
		argp_error(state, "one file at a time");
	if (!in->decode)
		return;
	if (strcmp(in->hex.at, "-") != 0)
		return;
	text_clear(&in->hex);
	in->piped = true;
	if (read_stdin(&in->hex) < 0)
		argp_failure(state, CLI_USAGE, 0, "standard input cannot be read or is longer than 1 MiB");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct decode_input *in = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = in->cli;
		return 0;
	case OPT_DIR:
		in->opts.direction = strcmp(arg, "mt") == 0 ? HEX_MT : HEX_MO;
		if (strcmp(arg, "mt") != 0 && strcmp(arg, "mo") != 0)
			argp_error(state, "--dir: there are mt and mo, not \"%s\"", arg);
		return 0;
	case OPT_SMSC:
		in->opts.centre = CENTRE_YES;
		return 0;
	case OPT_NO_SMSC:
		in->opts.centre = CENTRE_NO;
		return 0;
	case OPT_ALPHABET:
		set_alphabet(&in->opts, arg, state);
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num == 0) {
			set_kind(in, arg, state);
			return 0;
		}
		text_puts(&in->hex, state->arg_num > 1 ? " " : "");
		text_puts(&in->hex, arg);
		return 0;
	case ARGP_KEY_END:
		finish(in, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void print_error(const char *code, const char *message, json_t *where)
{
	json_t *error = json_pack("{s:{s:s, s:s, s:o}}", "error", "code", code, "message", message, "at", where);
	char *dump = json_dumps(error, JSON_COMPACT);

	if (dump)
		puts(dump);
	free(dump);
	json_decref(error);
}

void decode_say_bad(const struct cli *cli, const char *code, size_t at, const char *why)
{
	cli_error("octet %zu: %s", at, why);
	if (cli->json)
		print_error(code, why, json_integer((json_int_t)at));
}

static int say_bad_hex(const struct decode_input *in, const struct hex_fault *f)
{
	if (in->piped || f->line > 1)
		cli_error("line %u, column %u: %s", f->line, f->column, f->what);
	else
		cli_error("character %u: %s", f->column, f->what);
	if (in->cli->json)
		print_error("bad_hex", f->what, json_pack("{s:i, s:i}", "line", f->line, "column", f->column));
	return CLI_USAGE;
}

static int decode_all(const struct decode_input *in)
{
	struct hex_message m = { 0 };
	struct hex_cursor cursor;
	struct hex_fault fault;
	int end = CLI_OK, n = 0, r;

	hex_begin(&cursor, in->hex.at ? in->hex.at : "", in->hex.n);
	while ((r = hex_next(&cursor, &m, &fault)) > 0) {
		int one;

		if (n++ && !in->cli->json)
			putchar('\n');
		one = in->decode(&in->opts, &m);
		end = one != CLI_OK ? one : end;
	}
	if (r < 0)
		end = say_bad_hex(in, &fault);
	else if (n == 0) {
		cli_error("there are no octets");
		end = CLI_USAGE;
	}
	text_done(&m.octets);
	return end;
}

int cmd_decode(struct cli *cli, int argc, char **argv)
{
	static const char doc[] =
		"Show what octets say, field by field: a TPDU as modems give it, or PDUs of SMPP; or line by line what "
		"passed between a modem and whoever talked to it.  No gateway is asked.\v"
		"HEX may hold blanks, colons and line breaks; `-` reads it from standard input.  Lines of a modem "
		"(+CMT:, +CMGL:, +CMGR:, +CDS:, AT+CMGS=) may stand in front and tell what follows.\n"
		"\n"
		"Examples:\n"
		"  posthorn decode tpdu 0011000B916407281553F80000AA0AE8329BFD4697D9EC37\n"
		"  posthorn decode tpdu --dir mt --no-smsc 040B91...\n"
		"  posthorn decode pdu 00000010:80000004:00000058:00000007\n"
		"  posthorn decode at minicom.cap\n"
		"  posthorn decode tpdu - --json < modem.log | jq -r .text\n"
		"\n"
		"Exit status: 0 decoded, also with notes on what is odd; 1 the octets mean nothing; 2 no hexadecimal.";
	const struct argp argp = { .options = options, .parser = parse, .args_doc = "tpdu HEX...\npdu HEX...\nat FILE", .doc = doc,
		.children = cli_argp_children };
	struct decode_input in = { .cli = cli, .opts = { .cli = cli } };
	int end;

	cli_parse(&argp, argc, argv, 0, &in);
	cli_look(cli);
	end = in.decode ? decode_all(&in) : decode_at(cli, in.hex.at);
	text_done(&in.hex);
	return end;
}
