/* SPDX-License-Identifier: Apache-2.0 */
/* rows.h -- turn a CSV or NDJSON file into rows of NDJSON for the gateway.
 *
 * Reading the same input again with the same settings gives the same octets: that is what lets a submission go on
 * where it broke off.  So nothing here may depend on the clock, on chance, or on how the reads were cut.
 *
 * A row that cannot be turned into JSON (octets that are not UTF-8, a ttl that is no number) is refused here and not
 * sent; rows are judged one by one, as the gateway does.  A file that cannot be cut into rows at all is a fatal fault:
 * there is no telling which text belongs to whom.
 */
#ifndef POSTHORN_CLI_ROWS_H
#define POSTHORN_CLI_ROWS_H

#include <jansson.h>

#include "cli/input.h"
#include "cli/text.h"

enum rows_format {
	ROWS_CSV,
	ROWS_NDJSON,
};

enum {
	ROW_MAX_OCTETS = 1 << 20,
};

struct rows_config {
	enum rows_format format;
	char delimiter;         /* 0: from the header */
	bool ignore_unknown;    /* columns that are no field: leave them out instead of refusing the file */
	const json_t *defaults; /* object: for rows that lack the field; lent for the life of the rows; may be NULL */
	const char *const *map; /* "column=field", ended by NULL; lent likewise; may be NULL */
};

struct row {
	const char *json; /* with its line end; until the next rows_next().  NULL: refused here */
	size_t n_octets;
	uint64_t number;  /* in the file as a spreadsheet counts: the header of a CSV is row 1 */
	uint64_t index;   /* among the rows that were sent, from 0: what the gateway calls `row`; of json only */
	const char *code, *why; /* of a refused row */
	const char *to, *ref;   /* of the row, as far as they could be read; "" when not */
};

struct rows;

struct rows *rows_new(const struct rows_config *config, struct input *in); /* `in` is lent */
void rows_free(struct rows *r);

/* 1: a row.  0: the end.  -EINTR: a signal came, call again or leave.  Otherwise -errno, and rows_fault() says more. */
int rows_next(struct rows *r, struct row *ret_row);

void rows_rewind(struct rows *r);

/* Is there nothing to hand out without waiting for somebody to write? */
bool rows_wait(const struct rows *r);

const char *rows_fault(const struct rows *r);

/* Called with each octet that is read: for a digest of the content.  NULL to end it. */
void rows_tap(struct rows *r, void (*tap)(void *arg, const char *octets, size_t n), void *arg);

#endif
