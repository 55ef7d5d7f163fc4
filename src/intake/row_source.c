/* SPDX-License-Identifier: Apache-2.0 */
/* row_source.c -- the rows of an array or of a stream of lines; the promises are in row_source.h. */
#include "intake/row_source.h"

#include "intake/json_load.h"
#include "intake/json_message.h"

#include <errno.h>
#include <string.h>

static void init(struct row_source *s, enum row_form form, json_t *array)
{
	memset(s, 0, sizeof(*s));
	s->form = form;
	s->array = array;
	s->raw = "";
	json_lines_init(&s->lines);
	buf_init(&s->octets, JSON_LINES_HELD);
}

void row_source_init_array(struct row_source *s, json_t *array)
{
	init(s, ROWS_ARRAY, array);
	s->ended = true;
}

void row_source_init_lines(struct row_source *s)
{
	init(s, ROWS_LINES, NULL);
}

void row_source_init_csv(struct row_source *s)
{
	const struct csv_rows_config config = {.max_octets = JSON_LINE_MAX};

	init(s, ROWS_CSV, NULL);
	csv_rows_init(&s->csv, &config);
}

void row_source_done(struct row_source *s)
{
	json_decref(s->array);
	s->array = NULL;
	json_lines_done(&s->lines);
	buf_done(&s->octets);
	csv_rows_done(&s->csv);
}

int row_source_feed(struct row_source *s, const uint8_t *data, size_t n)
{
	return s->form == ROWS_CSV ? buf_add(&s->octets, data, n) : json_lines_feed(&s->lines, data, n);
}

void row_source_end(struct row_source *s)
{
	s->ended = true;
	json_lines_end(&s->lines);
}

void row_source_hold(struct row_source *s, struct http_request *q, bool hold)
{
	if (s->ended || !q || hold == s->held)
		return;
	s->held = hold;
	if (hold)
		http_request_pause(q);
	else
		http_request_resume(q);
}

static enum row_step step_line(struct row_source *s)
{
	int r;

	s->raw = "";
	s->n_raw = 0;
	r = json_lines_next(&s->lines, &s->raw, &s->n_raw);
	s->too_long = r < 0;
	if (r != 0)
		return ROW_HERE;
	return s->ended ? ROW_END : ROW_NOT_YET;
}

static enum row_step step_csv(struct row_source *s)
{
	enum csv_result r = CSV_MORE;
	size_t used = 0;

	if (buf_len(&s->octets)) {
		r = csv_rows_feed(&s->csv, (const char *)buf_data(&s->octets), buf_len(&s->octets), &used);
		buf_consume(&s->octets, used);
	}
	if (r == CSV_MORE && s->ended)
		r = csv_rows_end(&s->csv);
	switch (r) {
	case CSV_MORE: return ROW_NOT_YET;
	case CSV_RECORD: return ROW_HERE;
	case CSV_END: return ROW_END;
	case CSV_BROKEN: break;
	}
	return ROW_BROKEN;
}

enum row_step row_source_step(struct row_source *s)
{
	switch (s->form) {
	case ROWS_LINES: return step_line(s);
	case ROWS_CSV: return step_csv(s);
	case ROWS_ARRAY: break;
	}
	if (s->at >= json_array_size(s->array))
		return ROW_END;
	s->at++;
	return ROW_HERE;
}

static json_t *take_line(struct row_source *s, struct api_fault *f)
{
	json_error_t e;
	json_t *row;

	if (s->too_long) {
		api_fault_set(f, API_ROW_TOO_LONG, NULL,
			"the line is longer than %d octets; one message a line", JSON_LINE_MAX);
		return NULL;
	}
	row = json_load(s->raw, s->n_raw, &e);
	if (!row)
		json_load_fault(&e, f);
	return row;
}

static json_t *cell_value(const struct field *field, const char *s, size_t n, struct api_fault *f)
{
	json_t *v = NULL;
	int64_t number;
	bool yes;

	switch (field->type) {
	case FIELD_STRING:
		v = json_stringn(s, n);
		if (!v)
			api_fault_set(f, API_INVALID_UTF8, field->name,
				"\"%s\" is not valid UTF-8; save the file as UTF-8", field->name);
		return v;
	case FIELD_INTEGER:
		if (field_integer(s, n, &number) == 0)
			return json_integer(number);
		api_fault_set(f, API_WRONG_TYPE, field->name, "\"%s\" must be a whole number, not \"%.*s\"",
			field->name, (int)(n < 40 ? n : 40), s);
		return NULL;
	case FIELD_BOOLEAN:
		if (field_boolean(s, n, &yes) == 0)
			return json_boolean(yes);
		api_fault_set(f, API_WRONG_TYPE, field->name, "\"%s\" must be true or false, not \"%.*s\"",
			field->name, (int)(n < 40 ? n : 40), s);
		return NULL;
	}
	return NULL;
}

/* tlv.NAME columns as the object that a message has.  False: a value is not UTF-8. */
static bool put_tlvs(json_t *row, const struct csv_rows *c, struct api_fault *f)
{
	json_t *all = NULL;

	for (unsigned i = 0; i < c->n_tlvs; i++) {
		const struct csv_rows_tlv *t = &c->tlvs[i];
		json_t *v = t->text ? json_stringn(t->text, t->n_text) : NULL;

		if (!t->text)
			continue;
		if (!all) {
			all = json_object();
			json_object_set_new_nocheck(row, "tlvs", all);
		}
		if (!v || json_object_set_new(all, t->name, v) < 0) {
			api_fault_set(f, API_INVALID_UTF8, "tlvs", "\"tlv.%s\" is not valid UTF-8; save the file as UTF-8",
				t->name);
			return false;
		}
	}
	return true;
}

static json_t *take_csv(struct row_source *s, struct api_fault *f)
{
	const struct csv_rows *c = &s->csv;
	json_t *row;

	if (c->why) {
		api_fault_set(f, c->csv.fault == CSV_TOO_LONG ? API_ROW_TOO_LONG : API_INVALID_CSV, NULL, "%s", c->why);
		return NULL;
	}
	row = json_object();
	for (unsigned i = 0; i < N_FIELDS; i++) {
		json_t *v;

		if (!c->texts[i])
			continue;
		v = cell_value(&fields[i], c->texts[i], c->n_texts[i], f);
		if (!v) {
			json_decref(row);
			return NULL;
		}
		json_object_set_new_nocheck(row, fields[i].name, v);
	}
	if (!put_tlvs(row, c, f)) {
		json_decref(row);
		return NULL;
	}
	return row;
}

json_t *row_source_take(struct row_source *s, struct api_fault *f)
{
	json_t *row;

	switch (s->form) {
	case ROWS_LINES: return take_line(s, f);
	case ROWS_CSV: return take_csv(s, f);
	case ROWS_ARRAY: break;
	}
	row = json_incref(json_array_get(s->array, s->at - 1));
	json_array_set_new(s->array, s->at - 1, json_null());
	return row;
}

void row_source_why(const struct row_source *s, struct api_fault *f)
{
	char why[300];

	csv_rows_why(&s->csv, why, sizeof(why));
	api_fault_set(f, API_INVALID_CSV, s->csv.column[0] ? s->csv.column : NULL, "%s", why);
}

bool row_source_is_last(const struct row_source *s)
{
	return s->form == ROWS_ARRAY && s->at == json_array_size(s->array);
}

void row_source_skip(struct row_source *s, size_t at)
{
	s->at = at;
}
