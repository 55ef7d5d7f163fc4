/* SPDX-License-Identifier: Apache-2.0 */
/* csv_rows.h -- records of CSV as rows of message fields: the header names the fields, each record has their values.
 *
 * The command line (`posthorn submit FILE`) and the gateway (a body of text/csv) read the same files, so the rule
 * stands here once:
 *
 *  - A line "sep=;" before the header tells the delimiter, as Excel writes it.
 *  - A column feeds the field of its name (field_find() says what counts as the same name); `map` may rename it.
 *    A column without a name is left out, an unknown one breaks the file unless it may be ignored, and so do two
 *    columns for one field.
 *  - A column "tlv.NAME" has the values of the TLV of that name (links.tlvs in posthorn.conf(5)), spelt as there.
 *  - A cell that is empty or missing is as good as none.  More cells than the header has, when one of them is filled,
 *    are an error of that row: most likely a text with the delimiter in it and no quotes.
 *  - Empty lines are no rows.
 */
#ifndef BASE_CSV_ROWS_H
#define BASE_CSV_ROWS_H

#include "base/csv.h"
#include "base/fields.h"

struct csv_rows_config {
	char delimiter;         /* 0: from the header */
	size_t max_octets;      /* of a record */
	bool ignore_unknown;    /* columns that are no field are left out */
	bool has_to;            /* the header may lack the recipient */
	const char *const *map; /* "column=field", ended by NULL; lent; may be NULL */
};

#define CSV_ROWS_TLVS_MAX 16 /* as a link may declare */
#define CSV_ROWS_TLV_NAME 32 /* octets: MSG_TLV_NAME_MAX */

struct csv_rows_tlv {
	char name[CSV_ROWS_TLV_NAME + 1];
	const char *text; /* of the present row; NULL: none */
	size_t n_text;
};

/* Why a file cannot be read as rows. */
enum csv_rows_fault {
	CSV_ROWS_FINE,
	CSV_ROWS_CSV,      /* see csv.fault */
	CSV_ROWS_EMPTY,    /* there is no header */
	CSV_ROWS_UNKNOWN,  /* a column that is no field */
	CSV_ROWS_TWICE,    /* two columns for one field */
	CSV_ROWS_NO_TO,    /* no column for the recipient */
};

struct csv_rows {
	struct csv_rows_config config;
	struct csv csv;
	bool have_header;
	enum csv_rows_fault fault;
	char column[64]; /* the one to blame */
	size_t n_columns;
	const struct field *columns[CSV_MAX_FIELDS]; /* NULL: left out, or a TLV's */
	uint8_t tlv_of[CSV_MAX_FIELDS];              /* from 1; 0: no TLV's */
	struct csv_rows_tlv tlvs[CSV_ROWS_TLVS_MAX];
	unsigned n_tlvs;

	/* The present row: its values by field, NULL when it has none; until the next csv_rows_feed(). */
	const char *texts[N_FIELDS];
	size_t n_texts[N_FIELDS];
	const char *why; /* it cannot be used; NULL: it can */
};

void csv_rows_init(struct csv_rows *r, const struct csv_rows_config *config);
void csv_rows_done(struct csv_rows *r);

/* Take octets up to the end of a row.  CSV_RECORD: a row is there.  CSV_BROKEN: it cannot be read, csv_rows_why() says
 * why. */
enum csv_result csv_rows_feed(struct csv_rows *r, const char *octets, size_t n, size_t *ret_used);
/* No more octets: the last row, then CSV_END. */
enum csv_result csv_rows_end(struct csv_rows *r);

/* Why the reading broke, in words that fit both a file and a body. */
void csv_rows_why(const struct csv_rows *r, char *buf, size_t cap);

#endif
