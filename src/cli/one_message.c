/* SPDX-License-Identifier: Apache-2.0 */
/* one_message.c -- one message as arguments give it; see one_message.h. */
#include "config.h"

#include "cli/one_message.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

enum {
	TEXT_MAX_OCTETS = 1 << 20, /* the gateway's limit is far below; this bounds what stdin can make us hold */
};

void one_message_arg(struct one_message *m, char *arg, struct argp_state *state)
{
	if (state->arg_num == 0) {
		m->to = arg;
		return;
	}
	text_puts(&m->text, state->arg_num > 1 ? " " : "");
	text_puts(&m->text, arg);
}

int one_message_stdin(struct text *out)
{
	char buf[4096];
	size_t n;

	while ((n = fread(buf, 1, sizeof buf, stdin)) > 0) {
		if (out->n + n > TEXT_MAX_OCTETS)
			return -EFBIG;
		text_add(out, buf, n);
	}
	/* The line end that echo and editors add is not part of the text. */
	if (out->n && out->at[out->n - 1] == '\n')
		out->at[--out->n] = 0;
	if (out->n && out->at[out->n - 1] == '\r')
		out->at[--out->n] = 0;
	return ferror(stdin) ? -EIO : 0;
}

void one_message_end(struct one_message *m, struct argp_state *state)
{
	if (state->arg_num < 2) {
		argp_error(state, state->arg_num ? "the text is missing (`-` reads it from standard input)" :
						   "the recipient and the text are missing");
		return;
	}
	if (strcmp(m->text.at, "-") == 0) {
		text_clear(&m->text);
		if (one_message_stdin(&m->text) < 0)
			argp_failure(state, CLI_USAGE, 0, "the text on standard input cannot be read or is too long");
	}
	if (m->text.n && !text_is_utf8(m->text.at, m->text.n))
		argp_failure(state, CLI_USAGE, 0, "the text is not UTF-8");
}

json_t *one_message_json(struct one_message *m)
{
	json_t *o = json_object();

	json_object_set_new(o, "to", json_string(m->to));
	json_object_set_new(o, "text", json_stringn(m->text.at ? m->text.at : "", m->text.n));
	if (m->opts.fields)
		json_object_update(o, m->opts.fields);
	return o;
}

void one_message_done(struct one_message *m)
{
	json_decref(m->opts.fields);
	text_done(&m->text);
}
