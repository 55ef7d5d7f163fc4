/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_care.c -- `posthorn check` and `posthorn backup`: look after the database, on the machine where it lies. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/progress.h"
#include "queue/care.h"

#define DATA_DIR "/var/lib/posthorn" /* as the setting data_dir has it by default */

struct care_input {
	struct cli *cli;
	const char *data_dir, *to;
	bool quick, force, is_backup;
};

enum {
	OPT_DATA_DIR = 'd',
	OPT_QUICK = 0x100,
	OPT_FORCE,
};

static error_t parse_care(int key, char *arg, struct argp_state *state)
{
	struct care_input *in = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = in->cli;
		return 0;
	case OPT_DATA_DIR:
		in->data_dir = arg;
		return 0;
	case OPT_QUICK:
		in->quick = true;
		return 0;
	case OPT_FORCE:
		in->force = true;
		return 0;
	case ARGP_KEY_ARG:
		if (!in->is_backup || in->to)
			argp_error(state, "\"%s\" is one word too many; --data-dir says where the database is", arg);
		in->to = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		if (in->is_backup)
			argp_error(state, "say to which file: `posthorn backup FILE`");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

#define OPTION_DATA_DIR \
	{ "data-dir", OPT_DATA_DIR, "FOLDER", 0, "Where the database is (data_dir of posthorn.conf); default " DATA_DIR, 0 }

static int failed(const struct cli *cli, int r, const char *err)
{
	cli_error("%s", err);
	if (r == -EACCES || r == -EPERM)
		cli_note("run it as the user of the gateway, or as root");
	else if (r == -ENOENT)
		cli_note("--data-dir says where the database is");
	if (cli->json) {
		json_t *o = json_pack("{s:{s:s}}", "error", "message", err);

		json_dumpf(o, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(o);
	}
	return CLI_REFUSED;
}

/* ---- check ---- */

struct findings {
	const struct cli *cli;
	struct table *table;
	json_t *list;
	unsigned n_errors, n_warnings;
};

static void on_finding(void *arg, const struct care_finding *f)
{
	static const char *const kinds[] = { [CARE_FACT] = "", [CARE_WARNING] = "warning", [CARE_ERROR] = "ERROR" };
	static const char *const words[] = { [CARE_FACT] = "fact", [CARE_WARNING] = "warning", [CARE_ERROR] = "error" };
	static const enum table_tone tones[] = { TONE_PLAIN, TONE_WAITING, TONE_BAD };
	struct findings *x = arg;
	char n[24];

	x->n_errors += f->kind == CARE_ERROR;
	x->n_warnings += f->kind == CARE_WARNING;
	if (x->list) {
		json_array_append_new(x->list, json_pack("{s:s, s:s, s:I, s:s}", "kind", words[f->kind], "code", f->code,
			"n", (json_int_t)f->n, "text", f->text));
		return;
	}
	snprintf(n, sizeof(n), "%" PRId64, f->n);
	table_cell(x->table, 0, tones[f->kind], f->code);
	table_cell(x->table, 1, TONE_PLAIN, n);
	if (f->kind != CARE_FACT)
		table_cell(x->table, 2, tones[f->kind], kinds[f->kind]);
	if (*f->text)
		table_cell(x->table, 3, TONE_DIM, f->text);
	table_end_row(x->table);
}

static void show(struct findings *x)
{
	if (x->list) {
		json_t *o = json_pack("{s:o, s:i, s:i}", "findings", x->list, "errors", (int)x->n_errors, "warnings",
			(int)x->n_warnings);

		json_dumpf(o, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(o);
		return;
	}
	table_print(x->table, stdout);
	table_free(x->table);
	if (x->n_errors)
		cli_error("%u things are wrong.  Stop the gateway, keep a copy of the folder as it is, and put back the last "
			  "good backup; man posthorn tells what that means", x->n_errors);
	else
		cli_note("nothing is wrong");
}

int cmd_check(struct cli *cli, int argc, char **argv)
{
	static const char doc[] = "Look through a database for damage and for broken promises.\v"
				  "It may run beside the gateway, and changes nothing.  Every page is read, which takes some\n"
				  "seconds for a gigabyte; --quick leaves that out.  Exit status 1: something is wrong.\n"
				  "\n"
				  "  posthorn check\n"
				  "  posthorn check --data-dir /srv/posthorn --json | jq '.findings[] | select(.kind == \"error\")'";
	static const struct argp_option options[] = {
		OPTION_DATA_DIR,
		{ "quick", OPT_QUICK, NULL, 0, "Rows only; do not read every page", 0 },
		{ 0 },
	};
	const struct argp argp = { .options = options, .parser = parse_care, .doc = doc, .children = cli_argp_children };
	struct care_input in = { .cli = cli, .data_dir = DATA_DIR };
	struct findings x = { .cli = cli };
	char err[400];
	int r;

	cli_parse(&argp, argc, argv, 0, &in);
	cli_look(cli);
	if (cli->json) {
		x.list = json_array();
	} else {
		x.table = cli_table(cli);
		table_column(x.table, "what", false);
		table_column(x.table, "number", true);
		table_column(x.table, "verdict", false);
		table_column(x.table, "meaning", false);
	}
	r = care_check(in.data_dir, in.quick, on_finding, &x, err, sizeof(err));
	if (r < 0) {
		json_decref(x.list);
		table_free(x.table);
		return failed(cli, r, err);
	}
	show(&x);
	return x.n_errors ? CLI_REFUSED : CLI_OK;
}

/* ---- backup ---- */

struct copying {
	bool tell;
	int64_t pages;
	long long told_ms;
};

static bool on_pages(void *arg, int64_t done, int64_t pages)
{
	struct copying *c = arg;
	long long now = cli_now_ms();

	c->pages = pages;
	if (c->tell && pages && now - c->told_ms >= 200) {
		c->told_ms = now;
		fprintf(stderr, "\r%3d %%", (int)(done * 100 / pages));
		fflush(stderr);
	}
	return cli_interrupted;
}

int cmd_backup(struct cli *cli, int argc, char **argv)
{
	static const char doc[] = "Copy the database to FILE, also while the gateway runs.\v"
				  "The copy is one moment of the database, whole and synced before it gets its name.\n"
				  "Until then it is FILE.part, which only a backup that was killed leaves behind: the next to\n"
				  "the same FILE replaces it.\n"
				  "\n"
				  "  posthorn backup /backup/posthorn-$(date +%F).db\n"
				  "\n"
				  "To put it back: stop the gateway, move posthorn.db, posthorn.db-wal and posthorn.db-shm out of\n"
				  "data_dir, copy FILE there as posthorn.db with the owner it had, start the gateway.  What was\n"
				  "accepted after the backup is then unknown, and what was still waiting in it is sent, also where\n"
				  "it has been sent since: stop the links first (posthorn links drain), if that matters.";
	static const struct argp_option options[] = {
		OPTION_DATA_DIR,
		{ "force", OPT_FORCE, NULL, 0, "Replace FILE when it is there", 0 },
		{ 0 },
	};
	const struct argp argp = { .options = options, .parser = parse_care, .args_doc = "FILE", .doc = doc,
		.children = cli_argp_children };
	struct care_input in = { .cli = cli, .data_dir = DATA_DIR, .is_backup = true };
	struct copying c = { .tell = isatty(STDERR_FILENO) };
	char err[400];
	int r;

	cli_parse(&argp, argc, argv, 0, &in);
	cli_catch_interrupt();
	r = care_backup(in.data_dir, in.to, in.force, on_pages, &c, err, sizeof(err));
	if (c.told_ms)
		fputs("\r     \r", stderr);
	if (r == -ECANCELED) {
		cli_error("%s", err);
		return CLI_INTERRUPTED;
	}
	if (r < 0)
		return failed(cli, r, err);
	if (cli->json)
		printf("{\"pages\":%" PRId64 "}\n", c.pages);
	else
		cli_note("%s: %" PRId64 " pages, read through and synced", in.to, c.pages);
	return CLI_OK;
}
