/* SPDX-License-Identifier: Apache-2.0 */
/* sheet.h -- octets taken apart, one field a line: place, name, octets, meaning in words.
 *
 * The lines are kept as JSON, so that what a person sees and what a script reads cannot differ.
 */
#ifndef POSTHORN_CLI_SHEET_H
#define POSTHORN_CLI_SHEET_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/text.h"

struct sheet {
	const uint8_t *octets; /* lent */
	json_t *fields;        /* array of { at, name, octets, meaning } */
};

void sheet_init(struct sheet *s, const uint8_t *octets);
void sheet_done(struct sheet *s);

/* The `n` octets at `at` are that field.  Nothing is added for no octets. */
void sheet_row(struct sheet *s, size_t at, size_t n, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* A field of `n` octets that is not shown. */
void sheet_secret(struct sheet *s, size_t at, const char *name, size_t n);

/* Add ", word" to the meaning of the last row. */
void sheet_also(struct sheet *s, const char *word);

/* Bring the rows into the order of their octets, of which no two begin at one. */
void sheet_sort(struct sheet *s);

void sheet_print(const struct sheet *s);

/* "07 91", as people read octets, and "0791", as machines do. */
void sheet_octets(struct text *out, const uint8_t *octets, size_t n);
json_t *sheet_hex(const uint8_t *octets, size_t n);

/* A text from a stranger, indented, line by line, with what would harm a terminal made visible. */
void sheet_print_text(const char *title, const char *s, size_t n);

#endif
