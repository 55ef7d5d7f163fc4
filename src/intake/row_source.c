/* SPDX-License-Identifier: Apache-2.0 */
/* row_source.c -- the rows of an array or of a stream of lines; the promises are in row_source.h. */
#include "intake/row_source.h"

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

void row_source_done(struct row_source *s)
{
	json_decref(s->array);
	json_lines_done(&s->lines);
}

int row_source_feed(struct row_source *s, const uint8_t *data, size_t n)
{
	return json_lines_feed(&s->lines, data, n);
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

enum row_step row_source_step(struct row_source *s)
{
	switch (s->form) {
	case ROWS_LINES: return step_line(s);
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
	row = json_loadb(s->raw, s->n_raw, JSON_MESSAGE_DECODE, &e);
	if (!row)
		json_message_syntax_fault(&e, f);
	return row;
}

json_t *row_source_take(struct row_source *s, struct api_fault *f)
{
	json_t *row;

	switch (s->form) {
	case ROWS_LINES: return take_line(s, f);
	case ROWS_ARRAY: break;
	}
	row = json_incref(json_array_get(s->array, s->at - 1));
	json_array_set_new(s->array, s->at - 1, json_null());
	return row;
}

bool row_source_is_last(const struct row_source *s)
{
	return s->form == ROWS_ARRAY && s->at == json_array_size(s->array);
}

void row_source_skip(struct row_source *s, size_t at)
{
	s->at = at;
}
