/* SPDX-License-Identifier: Apache-2.0 */
/* one_message.h -- one message as arguments give it: TO TEXT... and the options of a message. */
#ifndef POSTHORN_CLI_ONE_MESSAGE_H
#define POSTHORN_CLI_ONE_MESSAGE_H

#include "cli/message_opts.h"
#include "cli/text.h"

struct one_message {
	struct message_opts opts;
	const char *to;
	struct text text;
};

/* For ARGP_KEY_ARG and ARGP_KEY_END: the first argument is the recipient, the others are words of the text; `-` reads
 * it from standard input. */
void one_message_arg(struct one_message *m, char *arg, struct argp_state *state);
void one_message_end(struct one_message *m, struct argp_state *state);

/* A text from standard input, without the line end that echo adds.  -EFBIG, -EIO. */
int one_message_stdin(struct text *out);

json_t *one_message_json(struct one_message *m); /* a new object */
void one_message_done(struct one_message *m);

#endif
