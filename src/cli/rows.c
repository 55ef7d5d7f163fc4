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

#include "base/csv_rows.h"
#include "cli/fields.h"

enum {
	READ_OCTETS = 1 << 16,
};

struct rows {
	struct rows_config config;
	struct input *in;
	struct csv_rows csv;
	char *defaults[N_FIELDS]; /* JSON text, NULL: none */
	struct text line;         /* NDJSON: the present line */
	bool skipping;            /* it is too long: to its end */
	uint64_t number, index;
	bool ended;
	size_t at, n; /* of buf */
	struct text out, why, to, ref, fault;
	void (*tap)(void *arg, const char *octets, size_t n);
	void *tap_arg;
	char buf[READ_OCTETS];
};

static void init_csv(struct rows *r)
{
	const struct csv_rows_config config = { .delimiter = r->config.delimiter, .max_octets = ROW_MAX_OCTETS,
		.ignore_unknown = r->config.ignore_unknown, .has_to = r->defaults[FIELD_TO], .map = r->config.map };

	csv_rows_init(&r->csv, &config);
}

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
	init_csv(r);
	return r;
}

void rows_free(struct rows *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < N_FIELDS; i++)
		free(r->defaults[i]);
	csv_rows_done(&r->csv);
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
	csv_rows_done(&r->csv);
	init_csv(r);
	input_rewind(r->in);
	text_clear(&r->line);
	r->ended = r->skipping = false;
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

/* tlv.NAME columns as the object that a message has.  The name of what is not UTF-8, or NULL. */
static const char *write_tlvs(struct rows *r)
{
	bool any = false;

	for (unsigned i = 0; i < r->csv.n_tlvs; i++) {
		const struct csv_rows_tlv *t = &r->csv.tlvs[i];

		if (!t->text)
			continue;
		if (!text_is_utf8(t->text, t->n_text) || !text_is_utf8(t->name, strlen(t->name)))
			return t->name;
		text_puts(&r->out, any ? "," : r->out.n ? ",\"tlvs\":{" : "{\"tlvs\":{");
		text_json(&r->out, t->name, strlen(t->name));
		text_puts(&r->out, ":");
		text_json(&r->out, t->text, t->n_text);
		any = true;
	}
	if (any)
		text_puts(&r->out, "}");
	return NULL;
}

static void write_csv_row(struct rows *r, struct row *row)
{
	const char *bad;
	char why[128];

	text_clear(&r->out);
	for (size_t i = 0; i < N_FIELDS; i++) {
		if (!r->csv.texts[i] && !r->defaults[i])
			continue;
		text_add(&r->out, r->out.n ? "," : "{", 1);
		text_printf(&r->out, "\"%s\":", fields[i].name);
		if (!r->csv.texts[i]) {
			text_puts(&r->out, r->defaults[i]);
		} else if (field_to_json(&fields[i], r->csv.texts[i], r->csv.n_texts[i], &r->out) < 0) {
			snprintf(why, sizeof why, "%s %s", fields[i].name, cell_fault(&fields[i]));
			refuse(r, row, "invalid_row", why);
			return;
		}
	}
	bad = write_tlvs(r);
	if (bad) {
		snprintf(why, sizeof why, "tlv.%s is not UTF-8; save the file as UTF-8", bad);
		refuse(r, row, "invalid_row", why);
		return;
	}
	text_puts(&r->out, r->out.n ? "}\n" : "{}\n");
	hand_out(r, row);
}

static void keep_names(struct rows *r, struct row *row)
{
	text_clear(&r->to);
	text_clear(&r->ref);
	text_add(&r->to, r->csv.texts[FIELD_TO], r->csv.texts[FIELD_TO] ? r->csv.n_texts[FIELD_TO] : 0);
	text_add(&r->ref, r->csv.texts[FIELD_REF], r->csv.texts[FIELD_REF] ? r->csv.n_texts[FIELD_REF] : 0);
	row->to = r->to.at;
	row->ref = r->ref.at;
}

static int take_csv_row(struct rows *r, struct row *row)
{
	r->number = row->number = r->csv.csv.n_records;
	keep_names(r, row);
	if (r->csv.why)
		refuse(r, row, "invalid_row", r->csv.why);
	else
		write_csv_row(r, row);
	return 1;
}

static int broken_csv(struct rows *r)
{
	char why[512];

	csv_rows_why(&r->csv, why, sizeof why);
	text_clear(&r->fault);
	text_puts(&r->fault, why);
	if (r->csv.fault == CSV_ROWS_UNKNOWN)
		text_puts(&r->fault, " (--map NAME=FIELD renames, --ignore-unknown leaves out)");
	if (r->csv.fault == CSV_ROWS_NO_TO)
		text_puts(&r->fault, "; --map NAME=to renames one");
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
			result = csv_rows_feed(&r->csv, r->buf + r->at, r->n - r->at, &used);
			r->at += used;
		} else {
			result = csv_rows_end(&r->csv);
			r->ended = true;
		}
		if (result == CSV_BROKEN)
			return broken_csv(r);
		if (result == CSV_RECORD)
			return take_csv_row(r, row);
	}
	return 0;
}

/* -- NDJSON -- */

static void string_of(const json_t *object, const char *name, struct text *out)
{
	const char *s = json_string_value(json_object_get(object, name));

	text_clear(out);
	text_puts(out, s ? s : "");
}

static void refuse_json(struct rows *r, struct row *row, const json_t *object, const json_error_t *error)
{
	char why[JSON_ERROR_TEXT_LENGTH + 32];

	if (object)
		snprintf(why, sizeof why, "the line is no JSON object");
	else
		snprintf(why, sizeof why, "column %d: %s", error->column, error->text);
	refuse(r, row, "invalid_json", why);
}

/* NUL is let through: the gateway says where it stands. */
static void write_json_row(struct rows *r, struct row *row)
{
	json_error_t error;
	json_t *object = json_loadb(r->line.at, r->line.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	char *merged = NULL;
	bool lacks = false;

	row->to = row->ref = "";
	if (!json_is_object(object)) {
		refuse_json(r, row, object, &error);
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
