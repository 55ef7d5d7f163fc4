/* SPDX-License-Identifier: Apache-2.0 */
/* table.h -- rows of text for people (aligned), for spreadsheets (CSV) and for pipes (TSV).
 *
 * Cells come from strangers: the text of an inbound message can hold anything.  For people, control characters, line
 * breaks and the characters that turn the direction of writing round are made harmless, so that nobody can move the
 * cursor of an operator's terminal by SMS; widths are those of the terminal (wcwidth), not octets.  CSV keeps cells as
 * they are, quoted after RFC 4180; TSV writes tab, line break and backslash as \t, \n, \r and \\.
 */
#ifndef POSTHORN_CLI_TABLE_H
#define POSTHORN_CLI_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/text.h"

enum table_style {
	TABLE_ALIGNED,
	TABLE_CSV,
	TABLE_TSV,
};

enum table_tone {
	TONE_PLAIN,
	TONE_GOOD,
	TONE_BAD,
	TONE_WAITING,
	TONE_DIM,
};

enum {
	TABLE_MAX_COLUMNS = 32,
};

struct table;

/* `n_width`: columns of the terminal, 0 for no limit.  `colour`: may colours be used? */
struct table *table_new(enum table_style style, size_t n_width, bool colour);
void table_free(struct table *t);

/* Before the first row.  `right`: numbers.  Returns the column's place, or -ENOSPC past TABLE_MAX_COLUMNS. */
int table_column(struct table *t, const char *title, bool right);

/* Cells are set in any order; those not set are "-" (aligned) or empty. */
void table_cell(struct table *t, int column, enum table_tone tone, const char *value);
void table_end_row(struct table *t);

/* Print the rows so far and forget them.  The title line is printed once; the widths of the first print stay the
 * least widths of the next, so that page after page lines up. */
void table_print(struct table *t, FILE *to);

/* Columns on a terminal.  Never fails: what has no width counts as one replacement character. */
size_t table_width(const char *s, size_t n);

/* Read one character of `s` (`n` > 0 octets) as it will be shown, and write one.  Returns the octets used. */
size_t table_char(const char *s, size_t n, uint32_t *ret_code, size_t *ret_width);
void table_put_char(struct text *out, uint32_t code);

/* Add `s` cut to `n_columns`, with an ellipsis when it was cut, everything harmful replaced. */
void table_fit(struct text *out, const char *s, size_t n_columns);

#endif
