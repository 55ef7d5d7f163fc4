/* SPDX-License-Identifier: Apache-2.0 */
/* csv.h -- read records of comma, semicolon or tab separated text (RFC 4180), fed in pieces of any size.
 *
 * Pure: no I/O.  What the world writes shapes it:
 *
 *  - Spreadsheets of half of Europe write semicolons, because the comma is their decimal point; so the delimiter is
 *    taken from the first record, the header, as the one that occurs most there outside quotes.
 *  - Text of a message has line breaks; inside quotes they belong to the field.
 *  - A byte order mark before the header is skipped.  Lines end in LF, CR LF or CR.
 *  - A quote inside an unquoted field (`5" pipe`) is an ordinary character, as every spreadsheet takes it.  But text
 *    after a closing quote (`"a"b`) is an error of that record: there is no telling what was meant.
 *
 * An empty line is a record of no fields (counted, so that numbers agree with what the spreadsheet shows).
 * Memory is bounded by `max_octets` for each record and CSV_MAX_FIELDS; a longer record is read to its end, dropped
 * and reported.  A quote that is never closed would swallow the rest of the file, so a quoted field that grows past
 * the limit ends the reading (CSV_BROKEN) instead.
 */
#ifndef BASE_CSV_H
#define BASE_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum {
	CSV_MAX_FIELDS = 64,
};

enum csv_result {
	CSV_MORE,   /* everything was taken, no record is complete yet */
	CSV_RECORD, /* a record is there; see fault */
	CSV_END,    /* from csv_end(): nothing is left */
	CSV_BROKEN, /* reading cannot go on; see fault */
};

enum csv_fault {
	CSV_FINE,
	CSV_TOO_LONG,
	CSV_TOO_MANY_FIELDS,
	CSV_AFTER_QUOTE, /* text after a closing quote */
	CSV_OPEN_QUOTE,  /* a quote that is never closed */
	CSV_NUL,         /* an octet 0: not a text file (UTF-16, most likely) */
	CSV_NO_MEMORY,
};

struct csv {
	char delimiter;     /* 0 until it is known */
	size_t max_octets;
	uint64_t n_records; /* so far; the number of the present record, from 1 */
	uint64_t line;      /* where the present record begins, from 1 */
	enum csv_fault fault;
	size_t n_fields;

	/* private */
	int state;
	uint64_t line_now;
	size_t n_mark;      /* octets of the byte order mark seen */
	size_t n_quoted;    /* octets since the quote was opened */
	bool after_cr, begun, ready;
	struct buf raw;     /* the first record, until its delimiter is known */
	struct buf fields;  /* each NUL-terminated */
	size_t from[CSV_MAX_FIELDS + 1];
};

/* `delimiter` 0: take it from the header. */
void csv_init(struct csv *c, char delimiter, size_t max_octets);
void csv_done(struct csv *c);

/* Take octets up to the end of a record.  `ret_used` says how many; call again with the rest. */
enum csv_result csv_feed(struct csv *c, const char *octets, size_t n, size_t *ret_used);

/* No more octets: the last record may lack its line end. */
enum csv_result csv_end(struct csv *c);

/* Field `i` of the present record, until the next csv_feed(). */
const char *csv_field(const struct csv *c, size_t i, size_t *ret_n);

/* Which of , ; tab separates this header? */
char csv_detect(const char *header, size_t n);

const char *csv_fault_text(enum csv_fault fault);

#endif
