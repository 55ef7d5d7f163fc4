/* SPDX-License-Identifier: Apache-2.0 */
/* view.h -- show the gateway's JSON as tables.
 *
 * The gateway may say more tomorrow than it does today (a new counter of a link, a new figure of the queue), and the
 * command line should show it without being rebuilt.  So a view names the fields it knows, in the order people want
 * them, and what else an object holds follows behind.
 */
#ifndef POSTHORN_CLI_VIEW_H
#define POSTHORN_CLI_VIEW_H

#include <jansson.h>

#include "cli/cli.h"

struct view_column {
	const char *field; /* "error.code" reaches into an object */
	const char *title; /* NULL: the field's name */
};

/* The array of rows in an answer: the member `name`, else the only array there is, else the answer itself. */
const json_t *view_rows_of(const json_t *answer, const char *name);

/* Fill a table (columns are made here) with `rows`; `open`: fields that `columns` does not name follow. */
struct table *view_table(const struct cli *cli, const json_t *rows, const struct view_column *columns, bool open);

/* Add rows to a table that view_table() made with the same columns and not `open`. */
void view_add(const struct cli *cli, struct table *t, const json_t *rows, const struct view_column *columns);

/* An object: scalars as `name  value` lines, then each array of objects as a table. */
void view_object(const struct cli *cli, const json_t *object, const struct view_column *columns);

/* The text of a value, "" when there is none; lists are joined by commas, times turned to local ones for people. */
void view_text(const struct cli *cli, const json_t *value, struct text *out);
const json_t *view_get(const json_t *object, const char *path);

enum table_tone view_tone(const char *state);
bool view_is_final(const char *state);

#endif
