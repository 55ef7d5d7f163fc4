/* SPDX-License-Identifier: Apache-2.0 */
/* cli.h -- what all subcommands of posthorn share: the common options, the ends, the words on stderr.
 *
 * The program is a client of the HTTP API.  Of the server it links the codec, which decode and encode need, and what
 * looks after a database file, for check and backup; so it can be copied to any machine that reaches the gateway.
 * Answers go to stdout, everything else to stderr.
 */
#ifndef POSTHORN_CLI_CLI_H
#define POSTHORN_CLI_CLI_H

#include <argp.h>
#include <jansson.h>
#include <signal.h>
#include <stdbool.h>

#include "cli/api_client.h"
#include "cli/settings.h"
#include "cli/table.h"

/* Scripts rely on these numbers; man/posthorn.1 lists them. */
enum cli_end {
	CLI_OK = 0,
	CLI_REFUSED = 1,     /* the gateway refused, or the message did not arrive */
	CLI_USAGE = 2,
	CLI_UNREACHABLE = 3,
	CLI_PARTLY = 4,      /* some rows of many were refused */
	CLI_INTERRUPTED = 130, /* 128 + SIGINT, as shells say it */
};

struct cli {
	struct settings_given given; /* by options */
	bool json;
	enum table_style style;
	bool no_color;
	bool color;                  /* use colours: settled by cli_look() */
	size_t n_width;              /* of the terminal; 0: no limit */
	struct api *api;
};

struct command {
	const char *name;
	const char *summary;
	int (*run)(struct cli *cli, int argc, char **argv); /* returns an enum cli_end */
};

/* The common options.  A command makes them a child of its own parser and, in ARGP_KEY_INIT, hands them the cli:
 * state->child_inputs[0] = cli. */
extern const struct argp cli_argp;
extern const struct argp_child cli_argp_children[];

/* Set by SIGINT and SIGTERM after cli_catch_interrupt(): finish what must be finished and leave. */
extern volatile sig_atomic_t cli_interrupted;
void cli_catch_interrupt(void);

/* Wait, but not past an interrupt. */
void cli_sleep_ms(long ms);
long long cli_now_ms(void); /* a clock that only goes forward */

void cli_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void cli_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Parse the options of a command whose input begins as the cli does; ends the program on a usage error. */
void cli_parse(const struct argp *argp, int argc, char **argv, unsigned flags, void *input);

/* Colours and width of the terminal; for a command that talks to nobody. */
void cli_look(struct cli *cli);

/* Read the settings and make ready to talk.  Returns CLI_OK, or says what is wrong and returns the end. */
int cli_ready(struct cli *cli);

/* One call.  CLI_OK: the answer is a good one and `ret_answer` holds it.  Otherwise the error has been said, and with
 * --json a refusal has been printed on stdout; nothing is left to free. */
int cli_call(struct cli *cli, const char *method, const char *path, const json_t *body,
	struct api_answer *ret_answer);

/* Say a refusal as the server does: code, message, field, and what may help. */
void cli_say_refusal(const struct api_answer *answer);

/* With --json: the answer as it came, on a line of its own.  Returns whether that was all to do. */
bool cli_printed_json(const struct cli *cli, const struct api_answer *answer);

struct table *cli_table(const struct cli *cli);

/* The commands. */
int cmd_send(struct cli *cli, int argc, char **argv);
int cmd_preview(struct cli *cli, int argc, char **argv);
int cmd_submit(struct cli *cli, int argc, char **argv);
int cmd_status(struct cli *cli, int argc, char **argv);
int cmd_events(struct cli *cli, int argc, char **argv);
int cmd_list(struct cli *cli, int argc, char **argv);
int cmd_inbound(struct cli *cli, int argc, char **argv);
int cmd_streams(struct cli *cli, int argc, char **argv);
int cmd_cancel(struct cli *cli, int argc, char **argv);
int cmd_tail(struct cli *cli, int argc, char **argv);
int cmd_links(struct cli *cli, int argc, char **argv);
int cmd_queue(struct cli *cli, int argc, char **argv);
int cmd_webhooks(struct cli *cli, int argc, char **argv);
int cmd_receipts(struct cli *cli, int argc, char **argv);
int cmd_decode(struct cli *cli, int argc, char **argv);
int cmd_encode(struct cli *cli, int argc, char **argv);
int cmd_check(struct cli *cli, int argc, char **argv);
int cmd_backup(struct cli *cli, int argc, char **argv);
int cmd_key(struct cli *cli, int argc, char **argv);
int cmd_version(struct cli *cli, int argc, char **argv);

#endif
