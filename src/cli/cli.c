/* SPDX-License-Identifier: Apache-2.0 */
/* cli.c -- what all subcommands share: options, errors, waiting; see cli.h. */
#include "config.h"

#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum {
	OPT_URL = 0x1000,
	OPT_KEY,
	OPT_KEY_FILE,
	OPT_CA_FILE,
	OPT_JSON,
	OPT_CSV,
	OPT_TSV,
	OPT_NO_COLOR,
};

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "Common:", 100 },
	{ "url", OPT_URL, "URL", 0, "The gateway (POSTHORN_URL; default http://127.0.0.1:8775)", 0 },
	{ "key", OPT_KEY, "KEY",
		0, "The client's key.  Everybody on this machine can read it in the process list: better are "
		   "--key-file, POSTHORN_KEY or the configuration file", 0 },
	{ "key-file", OPT_KEY_FILE, "FILE", 0, "Read the key from FILE (mode 600)", 0 },
	{ "ca-file", OPT_CA_FILE, "FILE", 0, "Trust these authorities for https instead of the system's", 0 },
	{ "json", OPT_JSON, NULL, 0, "Print each answer of the gateway as it is, one a line", 0 },
	{ "csv", OPT_CSV, NULL, 0, "Tables as CSV", 0 },
	{ "tsv", OPT_TSV, NULL, 0, "Tables as tab separated values", 0 },
	{ "no-color", OPT_NO_COLOR, NULL, 0, "No colours, not even on a terminal (also NO_COLOR)", 0 },
	{ "no-colour", OPT_NO_COLOR, NULL, OPTION_ALIAS | OPTION_HIDDEN, NULL, 0 },
	{ 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct cli *cli = state->input;

	switch (key) {
	case OPT_URL:
		cli->given.url = arg;
		return 0;
	case OPT_KEY:
		cli->given.key = arg;
		return 0;
	case OPT_KEY_FILE:
		cli->given.key_file = arg;
		return 0;
	case OPT_CA_FILE:
		cli->given.ca_file = arg;
		return 0;
	case OPT_JSON:
		cli->json = true;
		return 0;
	case OPT_CSV:
		cli->style = TABLE_CSV;
		return 0;
	case OPT_TSV:
		cli->style = TABLE_TSV;
		return 0;
	case OPT_NO_COLOR:
		cli->no_color = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp cli_argp = { .options = options, .parser = parse_option };
const struct argp_child cli_argp_children[] = { { &cli_argp, 0, NULL, 100 }, { 0 } };

volatile sig_atomic_t cli_interrupted;

static void on_signal(int signal)
{
	cli_interrupted = signal;
}

void cli_catch_interrupt(void)
{
	/* Without SA_RESTART: a read from a pipe must end.  Once: the second Ctrl-C ends the program at once. */
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
}

void cli_sleep_ms(long ms)
{
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	fflush(stdout);
	while (!cli_interrupted && nanosleep(&left, &left) < 0 && errno == EINTR)
		continue;
}

long long cli_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void cli_error(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("posthorn: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void cli_note(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void cli_parse(const struct argp *argp, int argc, char **argv, unsigned flags, void *input)
{
	error_t r = argp_parse(argp, argc, argv, flags, NULL, input);

	if (r) {
		cli_error("%s", strerror(r));
		exit(CLI_USAGE);
	}
}

static size_t terminal_width(void)
{
	struct winsize w;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0)
		return w.ws_col;
	return 0;
}

void cli_look(struct cli *cli)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	bool terminal = isatty(STDOUT_FILENO);

	cli->color = terminal && !cli->no_color && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
	cli->n_width = terminal ? terminal_width() : 0;
}

int cli_ready(struct cli *cli)
{
	struct settings settings;
	int r;

	cli_look(cli);
	if (settings_load(&settings, &cli->given) < 0)
		return CLI_USAGE;
	r = api_new(&settings, &cli->api);
	if (r == -EINVAL)
		cli_error("\"%s\" is no URL of a gateway (http://HOST:PORT or https://HOST), or the key holds a line "
			  "break",
			settings.url);
	else if (r < 0)
		cli_error("cannot start libcurl: %s", strerror(-r));
	settings_done(&settings);
	return r < 0 ? CLI_USAGE : CLI_OK;
}

/* What may help, by the code of the error or else by the status. */
static const char *hint_for(long status, const char *code)
{
	static const struct {
		const char *code;
		const char *hint;
	} hints[] = {
		{ "idempotency_conflict",
			"something else was sent under this key within 24 h; give another --key-id to send it anyway" },
		{ "idempotency_in_progress", "the same submission still runs; wait for it" },
		{ "not_operator", "this needs the key of an operator" },
	};

	for (size_t i = 0; code && i < sizeof hints / sizeof hints[0]; i++) {
		if (strcmp(hints[i].code, code) == 0)
			return hints[i].hint;
	}
	switch (status) {
	case 401:
		return "give a key with --key-file, POSTHORN_KEY or ~/.config/posthorn/cli.conf; "
		       "`posthorn key new` makes one";
	case 403:
		return "this key may not do that, or not from this address";
	case 404:
		return "what belongs to another client is not found either; an operator sees all";
	case 405:
	case 501:
		return "is this gateway older than this program?  See `posthorn version`";
	default:
		return NULL;
	}
}

static const char *string_at(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s ? s : "";
}

void cli_say_refusal(const struct api_answer *answer)
{
	const json_t *error = json_object_get(answer->json, "error");
	const char *code = string_at(error, "code"), *field = string_at(error, "field");
	const char *message = string_at(error, "message");
	const char *hint = hint_for(answer->status, code);
	struct text line = { 0 };

	text_puts(&line, *message ? message : "the gateway gave no reason");
	text_puts(&line, " (");
	if (*code)
		text_printf(&line, "%s, ", code);
	if (*field)
		text_printf(&line, "field %s, ", field);
	text_printf(&line, "status %ld)", answer->status);
	cli_error("%s", line.at);
	text_done(&line);
	if (answer->retry_after_s > 0)
		cli_note("hint: try again in %ld s", answer->retry_after_s);
	if (hint)
		cli_note("hint: %s", hint);
}

bool cli_printed_json(const struct cli *cli, const struct api_answer *answer)
{
	char *dump;

	if (!cli->json)
		return false;
	dump = json_dumps(answer->json, JSON_COMPACT | JSON_ENCODE_ANY);
	if (dump)
		puts(dump);
	free(dump);
	return true;
}

int cli_call(struct cli *cli, const char *method, const char *path, const json_t *body,
	struct api_answer *ret_answer)
{
	int r = api_call(cli->api, method, path, body, NULL, ret_answer);

	if (r == -EINTR)
		return CLI_INTERRUPTED;
	if (r < 0) {
		cli_error("cannot reach the gateway at %s: %s", api_url(cli->api), api_why(cli->api));
		cli_note("hint: is posthornd running, and is --url (or POSTHORN_URL) right?");
		return CLI_UNREACHABLE;
	}
	if (ret_answer->status >= 200 && ret_answer->status < 300 && ret_answer->json)
		return CLI_OK;
	if (ret_answer->status >= 200 && ret_answer->status < 300)
		cli_error("%s answered with no JSON: is this a Posthorn gateway?", api_url(cli->api));
	else
		cli_say_refusal(ret_answer);
	if (ret_answer->json)
		cli_printed_json(cli, ret_answer);
	api_answer_done(ret_answer);
	return CLI_REFUSED;
}

struct table *cli_table(const struct cli *cli)
{
	return table_new(cli->style, cli->n_width, cli->color);
}
