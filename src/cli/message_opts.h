/* SPDX-License-Identifier: Apache-2.0 */
/* message_opts.h -- the options that set fields of a message: shared by send, preview and submit. */
#ifndef POSTHORN_CLI_MESSAGE_OPTS_H
#define POSTHORN_CLI_MESSAGE_OPTS_H

#include <argp.h>
#include <jansson.h>
#include <stdbool.h>

struct message_opts {
	json_t *fields;        /* object; NULL until the first option; whoever declared it decrefs it */
	bool relative_send_at; /* --send-at depends on when the program was started */
};

/* Its input is a struct message_opts. */
extern const struct argp message_opts_argp;
/* The same without `ref`: what may hold for all rows of a file. */
extern const struct argp message_rows_argp;

#endif
