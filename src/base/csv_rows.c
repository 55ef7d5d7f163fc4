/* SPDX-License-Identifier: Apache-2.0 */
/* csv_rows.c -- records of CSV as rows of message fields; the rules are in csv_rows.h. */
#include "base/csv_rows.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

void csv_rows_init(struct csv_rows *r, const struct csv_rows_config *config)
{
	memset(r, 0, sizeof *r);
	r->config = *config;
	csv_init(&r->csv, config->delimiter, config->max_octets);
}

void csv_rows_done(struct csv_rows *r)
{
	csv_done(&r->csv);
}

static bool broken(struct csv_rows *r, enum csv_rows_fault fault, const char *column, size_t n)
{
	size_t most = sizeof r->column - 1;

	if (n > most) /* cut in front of a character, not within it (UTF-8) */
		for (n = most; n > 0 && ((unsigned char)column[n] & 0xc0) == 0x80; n--)
			;
	r->fault = fault;
	snprintf(r->column, sizeof r->column, "%.*s", (int)n, column);
	return false;
}

/* What does this column feed?  The map says, else its own name. */
static const char *target(const struct csv_rows *r, const char *name, size_t *n)
{
	for (const char *const *m = r->config.map; m && *m; m++) {
		const char *equals = strchr(*m, '=');

		if (equals && (size_t)(equals - *m) == *n && memcmp(*m, name, *n) == 0) {
			*n = strlen(equals + 1);
			return equals + 1;
		}
	}
	return name;
}

#define TLV_PREFIX "tlv."
#define N_TLV_PREFIX (sizeof(TLV_PREFIX) - 1)

/* 0: it is no TLV's.  -1: it is, but two columns are, or it cannot be one. */
static int take_tlv(struct csv_rows *r, size_t column, const char *name, size_t n, enum csv_rows_fault *ret_why)
{
	struct csv_rows_tlv *t = &r->tlvs[r->n_tlvs];

	if (n <= N_TLV_PREFIX || strncasecmp(name, TLV_PREFIX, N_TLV_PREFIX) != 0)
		return 0;
	name += N_TLV_PREFIX;
	n -= N_TLV_PREFIX;
	*ret_why = CSV_ROWS_UNKNOWN;
	if (n > CSV_ROWS_TLV_NAME || r->n_tlvs == CSV_ROWS_TLVS_MAX)
		return -1;
	*ret_why = CSV_ROWS_TWICE;
	for (unsigned i = 0; i < r->n_tlvs; i++)
		if (strlen(r->tlvs[i].name) == n && memcmp(r->tlvs[i].name, name, n) == 0)
			return -1;
	memcpy(t->name, name, n);
	t->name[n] = '\0';
	r->tlv_of[column] = (uint8_t)++r->n_tlvs;
	return 1;
}

static bool take_header(struct csv_rows *r)
{
	bool seen[N_FIELDS] = { false };

	if (r->csv.fault != CSV_FINE)
		return broken(r, CSV_ROWS_CSV, "", 0);
	r->n_columns = r->csv.n_fields;
	for (size_t i = 0; i < r->n_columns; i++) {
		size_t n;
		const char *name = csv_field(&r->csv, i, &n), *to;
		enum csv_rows_fault why;
		size_t n_to = n;
		const struct field *f;
		int tlv;

		to = target(r, name, &n_to);
		f = field_find(to, n_to);
		tlv = f ? 0 : take_tlv(r, i, to, n_to, &why);
		r->columns[i] = f;
		if (tlv < 0)
			return broken(r, why, name, n);
		if (tlv > 0)
			continue;
		if (!f && n && !r->config.ignore_unknown)
			return broken(r, CSV_ROWS_UNKNOWN, name, n);
		if (f && seen[f - fields])
			return broken(r, CSV_ROWS_TWICE, f->name, strlen(f->name));
		if (f)
			seen[f - fields] = true;
	}
	if (!seen[FIELD_TO] && !r->config.has_to)
		return broken(r, CSV_ROWS_NO_TO, "to", 2);
	r->have_header = true;
	return true;
}

static void sort_cells(struct csv_rows *r)
{
	memset(r->texts, 0, sizeof r->texts);
	for (unsigned i = 0; i < r->n_tlvs; i++)
		r->tlvs[i].text = NULL;
	for (size_t i = 0; i < r->csv.n_fields && i < r->n_columns; i++) {
		size_t n;
		const char *cell = csv_field(&r->csv, i, &n);

		if (r->columns[i] && n) {
			r->texts[r->columns[i] - fields] = cell;
			r->n_texts[r->columns[i] - fields] = n;
		} else if (r->tlv_of[i] && n) {
			r->tlvs[r->tlv_of[i] - 1].text = cell;
			r->tlvs[r->tlv_of[i] - 1].n_text = n;
		}
	}
}

static bool extra_cells(const struct csv_rows *r)
{
	for (size_t i = r->n_columns; i < r->csv.n_fields; i++) {
		size_t n;

		csv_field(&r->csv, i, &n);
		if (n)
			return true;
	}
	return false;
}

/* "sep=;" */
static bool take_separator(struct csv_rows *r)
{
	const char *first;
	size_t n;

	if (r->csv.n_records != 1 || !r->csv.n_fields || r->config.delimiter)
		return false;
	first = csv_field(&r->csv, 0, &n);
	if (n < 4 || memcmp(first, "sep=", 4) != 0)
		return false;
	if (n > 4)
		r->csv.delimiter = first[4];
	return true;
}

/* CSV_MORE: this record is no row. */
static enum csv_result take_record(struct csv_rows *r)
{
	if (r->csv.fault == CSV_FINE && !r->csv.n_fields)
		return CSV_MORE;
	if (!r->have_header) {
		if (take_separator(r))
			return CSV_MORE;
		return take_header(r) ? CSV_MORE : CSV_BROKEN;
	}
	sort_cells(r);
	r->why = NULL;
	if (r->csv.fault != CSV_FINE)
		r->why = csv_fault_text(r->csv.fault);
	else if (extra_cells(r))
		r->why = "the row has more cells than the header; put text that holds the delimiter in quotes";
	return CSV_RECORD;
}

static enum csv_result broken_csv(struct csv_rows *r)
{
	broken(r, CSV_ROWS_CSV, "", 0);
	return CSV_BROKEN;
}

enum csv_result csv_rows_feed(struct csv_rows *r, const char *octets, size_t n, size_t *ret_used)
{
	enum csv_result result = CSV_MORE;
	size_t at = 0, used;

	while (at < n && result == CSV_MORE) {
		result = csv_feed(&r->csv, octets + at, n - at, &used);
		at += used;
		if (result == CSV_RECORD)
			result = take_record(r);
		else if (result == CSV_BROKEN)
			result = broken_csv(r);
	}
	*ret_used = at;
	return result;
}

enum csv_result csv_rows_end(struct csv_rows *r)
{
	enum csv_result result = csv_end(&r->csv);

	if (result == CSV_RECORD)
		result = take_record(r);
	else if (result == CSV_BROKEN)
		result = broken_csv(r);
	if (result == CSV_RECORD || result == CSV_BROKEN)
		return result;
	if (r->have_header)
		return CSV_END;
	broken(r, CSV_ROWS_EMPTY, "", 0);
	return CSV_BROKEN;
}

/* "columns are to, text, ..." */
static void list_columns(char *buf, size_t cap)
{
	size_t n = (size_t)snprintf(buf, cap, "columns are");

	for (size_t i = 0; i < N_FIELDS && n < cap; i++)
		n += (size_t)snprintf(buf + n, cap - n, "%s %s", i ? "," : "", fields[i].name);
	if (n < cap)
		snprintf(buf + n, cap - n, ", tlv.NAME");
}

void csv_rows_why(const struct csv_rows *r, char *buf, size_t cap)
{
	char known[256];
	uint64_t n_row;

	switch (r->fault) {
	case CSV_ROWS_FINE:
		snprintf(buf, cap, "nothing wrong");
		return;
	case CSV_ROWS_CSV:
		/* A record that is never completed is not counted yet. */
		n_row = r->csv.n_records + (r->csv.fault == CSV_OPEN_QUOTE || r->csv.fault == CSV_NUL);
		snprintf(buf, cap, "row %llu (line %llu): %s", (unsigned long long)n_row,
			(unsigned long long)r->csv.line, csv_fault_text(r->csv.fault));
		return;
	case CSV_ROWS_EMPTY:
		snprintf(buf, cap, "there is nothing in it; the first row must name the columns");
		return;
	case CSV_ROWS_UNKNOWN:
		list_columns(known, sizeof known);
		snprintf(buf, cap, "unknown column in the header: \"%s\"; %s", r->column, known);
		return;
	case CSV_ROWS_TWICE:
		snprintf(buf, cap, "two columns for one field: \"%s\"; leave one of them", r->column);
		return;
	case CSV_ROWS_NO_TO:
		snprintf(buf, cap, "the header has no column \"to\" (the first row must name the columns)");
		return;
	}
}
