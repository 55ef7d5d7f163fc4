/* SPDX-License-Identifier: Apache-2.0 */
/* text.h -- a growing string and the little UTF-8 that the command line needs.
 *
 * A command that runs for seconds and then ends has nothing to gain from carrying "out of memory" through every
 * call: text_*() end the program with exit status 1 when memory is gone.  What grows by a user's file is bounded by
 * the callers (csv.h, rows.h), not here.
 */
#ifndef POSTHORN_CLI_TEXT_H
#define POSTHORN_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *at;      /* NUL-terminated once something was added; NULL before */
	size_t n;      /* octets in use, without the NUL */
	size_t n_room; /* octets allocated */
};

void text_done(struct text *t);
void text_clear(struct text *t); /* keeps the memory */
void text_add(struct text *t, const char *octets, size_t n);
void text_puts(struct text *t, const char *s);
void text_printf(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Add `s` as a JSON string with its quotes.  `s` must be valid UTF-8. */
void text_json(struct text *t, const char *s, size_t n);

/* Add `s` as a component of a URL: everything but the unreserved characters of RFC 3986, 2.3, becomes %XX. */
void text_url(struct text *t, const char *s);

/* Add one field of CSV as it must be written: quoted when it holds the delimiter, a quote, a line end or outer blanks
 * (RFC 4180, 2.5 to 2.7; csv.h reads it). */
void text_csv(struct text *t, const char *field, size_t n, char delimiter);

char *text_strdup(const char *s); /* NULL gives NULL */

/* Read one code point of `s` (`n` > 0 octets).  Returns the octets used (1 to 4), or 0 when they are not UTF-8:
 * overlong forms, surrogates and values above U+10FFFF are refused (RFC 3629, 3). */
size_t text_next_code(const char *s, size_t n, uint32_t *ret_code);
bool text_is_utf8(const char *s, size_t n);

#endif
