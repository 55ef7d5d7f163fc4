/* SPDX-License-Identifier: Apache-2.0 */
/* rows.c -- turn a CSV or NDJSON file into rows of NDJSON; the promises are in rows.h.
 *
 * CSV rows are written as JSON text directly and not built as a tree first: a file of ten million rows is ordinary,
 * and the tree costs more than everything else here together.
 */
#include "config.h"

#include "cli/rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/csv.h"
#include "cli/fields.h"

enum {
	READ_OCTETS = 1 << 16,
};

struct rows {
	struct rows_config config;
	struct input *in;
	struct csv csv;
	bool have_header;
	size_t n_columns;
	const struct field *columns[CSV_MAX_FIELDS]; /* NULL: leave the column out */
	const char *texts[N_FIELDS];                 /* of the present record, by field */
	size_t n_texts[N_FIELDS];
	char *defaults[N_FIELDS];                    /* JSON text, NULL: none */
	struct text line;                            /* NDJSON: the present line */
	bool skipping;                               /* it is too long: to its end */
	uint64_t number, index;
	bool ended;
	size_t at, n; /* of buf */
	struct text out, why, to, ref, fault;
	void (*tap)(void *arg, const char *octets, size_t n);
	void *tap_arg;
	char buf[READ_OCTETS];
};

struct rows *rows_new(const struct rows_config *config, struct input *in)
{
	struct rows *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->config = *config;
	r->in = in;
	for (size_t i = 0; i < N_FIELDS; i++) {
		const json_t *value = json_object_get(config->defaults, fields[i].name);

		if (value)
			r->defaults[i] = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	}
	csv_init(&r->csv, config->delimiter, ROW_MAX_OCTETS);
	return r;
}

void rows_free(struct rows *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < N_FIELDS; i++)
		free(r->defaults[i]);
	csv_done(&r->csv);
	text_done(&r->line);
	text_done(&r->out);
	text_done(&r->why);
	text_done(&r->to);
	text_done(&r->ref);
	text_done(&r->fault);
	free(r);
}

void rows_rewind(struct rows *r)
{
	csv_done(&r->csv);
	csv_init(&r->csv, r->config.delimiter, ROW_MAX_OCTETS);
	input_rewind(r->in);
	text_clear(&r->line);
	r->have_header = r->ended = r->skipping = false;
	r->number = r->index = 0;
	r->at = r->n = 0;
}

bool rows_wait(const struct rows *r)
{
	return r->at == r->n && !r->ended && input_waits(r->in);
}

const char *rows_fault(const struct rows *r)
{
	return r->fault.n ? r->fault.at : "cannot be read";
}

void rows_tap(struct rows *r, void (*tap)(void *arg, const char *octets, size_t n), void *arg)
{
	r->tap = tap;
	r->tap_arg = arg;
}

static int fail(struct rows *r, int error, const char *what)
{
	text_clear(&r->fault);
	text_puts(&r->fault, what);
	return error;
}

/* 1: octets are in buf.  0: the end. */
static int fill(struct rows *r)
{
	ssize_t n;

	if (r->at < r->n)
		return 1;
	n = input_read(r->in, r->buf, sizeof r->buf);
	if (n < 0)
		return fail(r, (int)n, strerror((int)-n));
	r->at = 0;
	r->n = (size_t)n;
	if (n && r->tap)
		r->tap(r->tap_arg, r->buf, (size_t)n);
	return n > 0;
}

static void refuse(struct rows *r, struct row *row, const char *code, const char *why)
{
	text_clear(&r->why);
	text_puts(&r->why, why);
	row->json = NULL;
	row->n_octets = 0;
	row->code = code;
	row->why = r->why.at;
}

static void hand_out(struct rows *r, struct row *row)
{
	row->json = r->out.at;
	row->n_octets = r->out.n;
	row->index = r->index++;
}

/* -- CSV -- */

static int column_fault(struct rows *r, const char *what, const char *name, const char *mend)
{
	text_clear(&r->fault);
	text_printf(&r->fault, "%s: \"%s\"; %s", what, name, mend);
	return -EINVAL;
}

/* What field does this column feed?  --map says, else its own name. */
static const struct field *column_field(const struct rows *r, const char *name, size_t n)
{
	for (const char *const *m = r->config.map; m && *m; m++) {
		const char *equals = strchr(*m, '=');

		if (equals && (size_t)(equals - *m) == n && memcmp(*m, name, n) == 0)
			return field_find(equals + 1, strlen(equals + 1));
	}
	return field_find(name, n);
}

static int take_header(struct rows *r)
{
	static const char known[] = "columns are to, text, from, ref, class, campaign, tag, send_at, ttl, encoding, "
				    "flash, smart, nfc, translit, report, data, udh, idempotency_key (--map NAME=FIELD renames, "
				    "--ignore-unknown leaves out)";
	bool seen[N_FIELDS] = { false };

	if (r->csv.fault != CSV_FINE)
		return fail(r, -EINVAL, csv_fault_text(r->csv.fault));
	r->n_columns = r->csv.n_fields;
	for (size_t i = 0; i < r->n_columns; i++) {
		size_t n;
		const char *name = csv_field(&r->csv, i, &n);
		const struct field *f = column_field(r, name, n);

		r->columns[i] = f;
		if (!f && n && !r->config.ignore_unknown)
			return column_fault(r, "unknown column in the header", name, known);
		if (f && seen[f - fields])
			return column_fault(r, "two columns for one field", f->name, "leave one of them");
		if (f)
			seen[f - fields] = true;
	}
	if (!seen[FIELD_TO] && !r->defaults[FIELD_TO])
		return fail(r, -EINVAL,
			"the header has no column \"to\" (the first row must name the columns; --map NAME=to "
			"renames one)");
	r->have_header = true;
	return 0;
}

/* Sort the cells of the record by field; an empty cell is as good as none. */
static void sort_cells(struct rows *r)
{
	memset(r->texts, 0, sizeof r->texts);
	for (size_t i = 0; i < r->csv.n_fields && i < r->n_columns; i++) {
		size_t n;
		const char *cell = csv_field(&r->csv, i, &n);

		if (r->columns[i] && n) {
			r->texts[r->columns[i] - fields] = cell;
			r->n_texts[r->columns[i] - fields] = n;
		}
	}
}

static bool extra_cells(const struct rows *r)
{
	for (size_t i = r->n_columns; i < r->csv.n_fields; i++) {
		size_t n;

		csv_field(&r->csv, i, &n);
		if (n)
			return true;
	}
	return false;
}

static const char *cell_fault(const struct field *f)
{
	switch (f->type) {
	case FIELD_STRING:
		return "is not UTF-8; save the file as UTF-8";
	case FIELD_INTEGER:
		return "must be a whole number of seconds";
	case FIELD_BOOLEAN:
		return "must be true or false";
	}
	return "is wrong";
}

static void write_csv_row(struct rows *r, struct row *row)
{
	char why[128];

	text_clear(&r->out);
	for (size_t i = 0; i < N_FIELDS; i++) {
		if (!r->texts[i] && !r->defaults[i])
			continue;
		text_add(&r->out, r->out.n ? "," : "{", 1);
		text_printf(&r->out, "\"%s\":", fields[i].name);
		if (!r->texts[i]) {
			text_puts(&r->out, r->defaults[i]);
		} else if (field_to_json(&fields[i], r->texts[i], r->n_texts[i], &r->out) < 0) {
			snprintf(why, sizeof why, "%s %s", fields[i].name, cell_fault(&fields[i]));
			refuse(r, row, "invalid_row", why);
			return;
		}
	}
	text_puts(&r->out, r->out.n ? "}\n" : "{}\n");
	hand_out(r, row);
}

static void keep_names(struct rows *r, struct row *row)
{
	text_clear(&r->to);
	text_clear(&r->ref);
	text_add(&r->to, r->texts[FIELD_TO], r->texts[FIELD_TO] ? r->n_texts[FIELD_TO] : 0);
	text_add(&r->ref, r->texts[FIELD_REF], r->texts[FIELD_REF] ? r->n_texts[FIELD_REF] : 0);
	row->to = r->to.at;
	row->ref = r->ref.at;
}

/* 1: a row.  0: this record is none (the header, an empty line). */
static int take_record(struct rows *r, struct row *row)
{
	r->number = r->csv.n_records;
	if (r->csv.fault == CSV_FINE && !r->csv.n_fields)
		return 0;
	/* "sep=;" before the header is how Excel is told the delimiter. */
	if (!r->have_header && r->csv.n_fields && r->csv.n_records == 1 && !r->config.delimiter) {
		size_t n;
		const char *first = csv_field(&r->csv, 0, &n);

		if (n >= 4 && memcmp(first, "sep=", 4) == 0) {
			r->csv.delimiter = n > 4 ? first[4] : r->csv.delimiter;
			return 0;
		}
	}
	if (!r->have_header)
		return take_header(r);
	row->number = r->number;
	sort_cells(r);
	keep_names(r, row);
	if (r->csv.fault != CSV_FINE)
		refuse(r, row, "invalid_row", csv_fault_text(r->csv.fault));
	else if (extra_cells(r))
		refuse(r, row, "invalid_row",
			"the row has more cells than the header; put text that holds the delimiter in quotes");
	else
		write_csv_row(r, row);
	return 1;
}

static int broken_csv(struct rows *r)
{
	text_clear(&r->fault);
	text_printf(&r->fault, "row %llu (line %llu): %s", (unsigned long long)r->csv.n_records + 1,
		(unsigned long long)r->csv.line, csv_fault_text(r->csv.fault));
	return -EINVAL;
}

static int next_csv(struct rows *r, struct row *row)
{
	while (!r->ended) {
		enum csv_result result;
		size_t used;
		int got = fill(r);

		if (got < 0)
			return got;
		if (got) {
			result = csv_feed(&r->csv, r->buf + r->at, r->n - r->at, &used);
			r->at += used;
		} else {
			result = csv_end(&r->csv);
			r->ended = true;
		}
		if (result == CSV_BROKEN)
			return broken_csv(r);
		if (result == CSV_RECORD) {
			int is_row = take_record(r, row);

			if (is_row)
				return is_row;
		}
	}
	if (!r->have_header)
		return fail(r, -EINVAL, "the file is empty; the first row must name the columns");
	return 0;
}

/* -- NDJSON -- */

static void string_of(const json_t *object, const char *name, struct text *out)
{
	const char *s = json_string_value(json_object_get(object, name));

	text_clear(out);
	text_puts(out, s ? s : "");
}

static void write_json_row(struct rows *r, struct row *row)
{
	json_error_t error;
	json_t *object = json_loadb(r->line.at, r->line.n, JSON_REJECT_DUPLICATES, &error);
	char *merged = NULL;
	bool lacks = false;

	row->to = row->ref = "";
	if (!json_is_object(object)) {
		refuse(r, row, "invalid_json", object ? "the line is no JSON object" : error.text);
		json_decref(object);
		return;
	}
	string_of(object, "to", &r->to);
	string_of(object, "ref", &r->ref);
	row->to = r->to.at;
	row->ref = r->ref.at;
	for (size_t i = 0; i < N_FIELDS && !lacks; i++)
		lacks = r->defaults[i] && !json_object_get(object, fields[i].name);
	if (lacks) {
		json_object_update_missing(object, (json_t *)r->config.defaults);
		merged = json_dumps(object, JSON_COMPACT);
	}
	text_clear(&r->out);
	text_add(&r->out, merged ? merged : r->line.at, merged ? strlen(merged) : r->line.n);
	text_add(&r->out, "\n", 1);
	free(merged);
	json_decref(object);
	hand_out(r, row);
}

static bool blank(const char *s, size_t n)
{
	while (n && (*s == ' ' || *s == '\t' || *s == '\r')) {
		s++;
		n--;
	}
	return n == 0;
}

/* 1: the line is a row.  0: it is empty. */
static int take_line(struct rows *r, struct row *row)
{
	bool too_long = r->skipping;

	r->skipping = false;
	row->number = ++r->number;
	if (r->number == 1 && r->line.n >= 3 && memcmp(r->line.at, "\xef\xbb\xbf", 3) == 0) {
		memmove(r->line.at, r->line.at + 3, r->line.n - 3);
		r->line.n -= 3;
	}
	if (too_long) {
		row->to = row->ref = "";
		refuse(r, row, "invalid_row", csv_fault_text(CSV_TOO_LONG));
	} else if (blank(r->line.at, r->line.n)) {
		text_clear(&r->line);
		return 0;
	} else {
		write_json_row(r, row);
	}
	text_clear(&r->line);
	return 1;
}

static void keep_line(struct rows *r, size_t n)
{
	if (r->line.n + n > ROW_MAX_OCTETS)
		r->skipping = true;
	else
		text_add(&r->line, r->buf + r->at, n);
}

static int next_ndjson(struct rows *r, struct row *row)
{
	while (!r->ended) {
		int got = fill(r);
		const char *end;

		if (got < 0)
			return got;
		if (!got) {
			r->ended = true;
			if ((r->line.n || r->skipping) && take_line(r, row))
				return 1;
			break;
		}
		end = memchr(r->buf + r->at, '\n', r->n - r->at);
		keep_line(r, end ? (size_t)(end - r->buf) - r->at : r->n - r->at);
		r->at = end ? (size_t)(end - r->buf) + 1 : r->n;
		if (end && take_line(r, row))
			return 1;
	}
	return 0;
}

int rows_next(struct rows *r, struct row *ret_row)
{
	*ret_row = (struct row){ .to = "", .ref = "" };
	switch (r->config.format) {
	case ROWS_CSV:
		return next_csv(r, ret_row);
	case ROWS_NDJSON:
		return next_ndjson(r, ret_row);
	}
	return -EINVAL;
}
