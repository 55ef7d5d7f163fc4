/* SPDX-License-Identifier: Apache-2.0 */
/* row_source.h -- the rows of a body, one after the other, whatever form the body has.
 *
 * An array was parsed whole; lines and records of CSV are cut from a stream as its octets come.  Whoever works on rows
 * (a post of many, a preview) steps from one to the next and asks for the present one as JSON: two calls, because a
 * repeated post compares rows without parsing them.
 *
 * Memory is bounded: what was fed and not yet stepped over is at most JSON_LINES_HELD octets.  row_source_hold() stops
 * the reading of the socket in time.
 */
#ifndef INTAKE_ROW_SOURCE_H
#define INTAKE_ROW_SOURCE_H

#include <jansson.h>

#include "base/buf.h"
#include "base/csv_rows.h"
#include "intake/api_error.h"
#include "intake/http.h"
#include "intake/json_lines.h"

enum row_form { ROWS_ARRAY, ROWS_LINES, ROWS_CSV };

enum row_step {
	ROW_HERE,    /* there is a row */
	ROW_NOT_YET, /* more octets must come first */
	ROW_END,     /* there are no more */
	ROW_BROKEN   /* CSV that cannot be cut into rows: row_source_why() */
};

struct row_source {
	enum row_form form;
	json_t *array;
	size_t at; /* of the array: the next row */
	struct json_lines lines;
	struct csv_rows csv;
	struct buf octets; /* of CSV, not looked at yet */
	bool ended; /* no more octets come */
	bool held;  /* the socket is not read */

	/* the present row of lines, lent until the next step */
	const char *raw;
	size_t n_raw;
	bool too_long;
};

void row_source_init_array(struct row_source *s, json_t *array); /* takes the reference */
void row_source_init_lines(struct row_source *s);
void row_source_init_csv(struct row_source *s); /* the first row names the fields: csv_rows.h */
void row_source_done(struct row_source *s);

/* -ENOSPC, -ENOMEM: nothing was taken. */
int row_source_feed(struct row_source *s, const uint8_t *data, size_t n);
void row_source_end(struct row_source *s);
/* Stop or go on reading the body of `q` (NULL: nobody is there). */
void row_source_hold(struct row_source *s, struct http_request *q, bool hold);

enum row_step row_source_step(struct row_source *s);
/* The present row, a reference of the caller's; NULL and why it is none.  Once for each step: the row of an array is
 * given away, so that the array is freed row by row and not ten thousand at once. */
json_t *row_source_take(struct row_source *s, struct api_fault *f);

void row_source_why(const struct row_source *s, struct api_fault *f);

/* Known before the last step of an array only. */
bool row_source_is_last(const struct row_source *s);
/* Go to row `at` of an array. */
void row_source_skip(struct row_source *s, size_t at);

#endif
