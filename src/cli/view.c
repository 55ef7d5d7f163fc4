/* SPDX-License-Identifier: Apache-2.0 */
/* view.c -- show the gateway's JSON as tables; see view.h. */
#include "config.h"

#include "cli/view.h"

#include <stdlib.h>
#include <string.h>

#include "cli/when.h"

bool view_is_final(const char *state)
{
	static const char *const finals[] = { "delivered", "undelivered", "rejected", "expired", "cancelled",
		"unconfirmed" };

	for (size_t i = 0; i < sizeof finals / sizeof finals[0]; i++) {
		if (strcmp(finals[i], state) == 0)
			return true;
	}
	return false;
}

enum table_tone view_tone(const char *state)
{
	if (strcmp(state, "delivered") == 0 || strcmp(state, "up") == 0)
		return TONE_GOOD;
	if (strcmp(state, "unconfirmed") == 0 || strcmp(state, "cancelled") == 0)
		return TONE_WAITING;
	if (view_is_final(state) || strcmp(state, "down") == 0 || strcmp(state, "failed") == 0)
		return TONE_BAD;
	return strcmp(state, "sent") == 0 ? TONE_PLAIN : TONE_WAITING;
}

const json_t *view_get(const json_t *object, const char *path)
{
	const char *dot;

	while ((dot = strchr(path, '.')) && !json_object_get(object, path)) {
		char name[64];

		if ((size_t)(dot - path) >= sizeof name)
			return NULL;
		memcpy(name, path, (size_t)(dot - path));
		name[dot - path] = 0;
		object = json_object_get(object, name);
		path = dot + 1;
	}
	return json_object_get(object, path);
}

const json_t *view_rows_of(const json_t *answer, const char *name)
{
	const json_t *named = json_object_get(answer, name), *only = NULL, *value;
	const char *key;

	if (json_is_array(named))
		return named;
	if (json_is_array(answer))
		return answer;
	json_object_foreach((json_t *)answer, key, value) {
		if (json_is_array(value)) {
			if (only)
				return NULL;
			only = value;
		}
	}
	return only;
}

static bool is_time(const char *s)
{
	size_t n = strlen(s);

	return n >= 20 && n < WHEN_OCTETS && s[4] == '-' && s[10] == 'T' && s[n - 1] == 'Z' && s[13] == ':';
}

static void add_string(const struct cli *cli, const char *s, struct text *out)
{
	char local[WHEN_OCTETS];

	if (cli->style != TABLE_ALIGNED || !is_time(s)) {
		text_puts(out, s);
		return;
	}
	when_show(s, true, local, sizeof local);
	text_puts(out, local);
}

/* What a carrier said: "UNDELIV (034)". */
static bool add_error(const json_t *object, struct text *out)
{
	const char *code = json_string_value(json_object_get(object, "code"));
	const char *text = json_string_value(json_object_get(object, "text"));

	if (!code || !text || json_object_size(object) != 2)
		return false;
	text_puts(out, text);
	if (strcmp(code, text) != 0)
		text_printf(out, " (%s)", code);
	return true;
}

void view_text(const struct cli *cli, const json_t *value, struct text *out)
{
	char *dump;
	size_t i;
	json_t *item;

	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_NULL:
		return;
	case JSON_TRUE:
		text_puts(out, "yes");
		return;
	case JSON_FALSE:
		text_puts(out, "no");
		return;
	case JSON_INTEGER:
		text_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		return;
	case JSON_REAL:
		text_printf(out, "%.6g", json_real_value(value));
		return;
	case JSON_STRING:
		add_string(cli, json_string_value(value), out);
		return;
	case JSON_ARRAY:
		json_array_foreach((json_t *)value, i, item) {
			text_puts(out, i ? "," : "");
			view_text(cli, item, out);
		}
		return;
	case JSON_OBJECT:
		if (add_error(value, out))
			return;
		dump = json_dumps(value, JSON_COMPACT);
		text_puts(out, dump ? dump : "");
		free(dump);
		return;
	}
}

static void add_row(const struct cli *cli, struct table *t, const json_t *row, const struct view_column *columns,
	size_t n_columns)
{
	struct text text = { 0 };

	for (size_t i = 0; i < n_columns; i++) {
		const json_t *value = view_get(row, columns[i].field);
		bool state = strcmp(columns[i].field, "state") == 0;

		text_clear(&text);
		view_text(cli, value, &text);
		table_cell(t, (int)i, state && text.n ? view_tone(text.at) : TONE_PLAIN, text.n ? text.at : "");
	}
	table_end_row(t);
	text_done(&text);
}

static size_t count(const struct view_column *columns)
{
	size_t n = 0;

	while (columns && columns[n].field)
		n++;
	return n;
}

void view_add(const struct cli *cli, struct table *t, const json_t *rows, const struct view_column *columns)
{
	size_t i;
	json_t *row;

	json_array_foreach((json_t *)rows, i, row)
		add_row(cli, t, row, columns, count(columns));
}

struct found_columns {
	struct view_column at[TABLE_MAX_COLUMNS];
	bool number[TABLE_MAX_COLUMNS];
	size_t n;
};

static void note_column(struct found_columns *f, const char *field, const char *title, const json_t *value)
{
	for (size_t i = 0; i < f->n; i++) {
		if (strcmp(f->at[i].field, field) == 0) {
			f->number[i] |= json_is_number(value);
			return;
		}
	}
	if (f->n == TABLE_MAX_COLUMNS)
		return;
	f->number[f->n] = json_is_number(value);
	f->at[f->n++] = (struct view_column){ field, title };
}

/* Names point into the rows and live as long as they do. */
static void find_columns(struct found_columns *f, const json_t *rows, bool open)
{
	size_t i;
	json_t *row, *value;
	const char *key;

	json_array_foreach((json_t *)rows, i, row) {
		for (size_t c = 0; c < f->n; c++)
			f->number[c] |= json_is_number(view_get(row, f->at[c].field));
		if (!open)
			continue;
		json_object_foreach(row, key, value) {
			bool reached = false;

			for (size_t c = 0; c < f->n && !reached; c++)
				reached = strncmp(f->at[c].field, key, strlen(key)) == 0 &&
					f->at[c].field[strlen(key)] == '.';
			if (!reached)
				note_column(f, key, NULL, value);
		}
	}
}

struct table *view_table(const struct cli *cli, const json_t *rows, const struct view_column *columns, bool open)
{
	struct found_columns f = { .n = 0 };
	struct table *t = cli_table(cli);
	size_t i;
	json_t *row;

	for (size_t c = 0; c < count(columns); c++)
		note_column(&f, columns[c].field, columns[c].title, NULL);
	find_columns(&f, rows, open);
	/* A known field that nobody has is left out of an open view, lest it be a row of dashes. */
	for (size_t c = 0; open && c < f.n;) {
		bool used = false;

		json_array_foreach((json_t *)rows, i, row)
			used |= view_get(row, f.at[c].field) != NULL;
		if (used) {
			c++;
			continue;
		}
		memmove(f.at + c, f.at + c + 1, (f.n - c - 1) * sizeof f.at[0]);
		memmove(f.number + c, f.number + c + 1, (f.n - c - 1) * sizeof f.number[0]);
		f.n--;
	}
	for (size_t c = 0; c < f.n; c++)
		table_column(t, f.at[c].title && cli->style == TABLE_ALIGNED ? f.at[c].title : f.at[c].field,
			f.number[c]);
	json_array_foreach((json_t *)rows, i, row)
		add_row(cli, t, row, f.at, f.n);
	return t;
}

static bool is_table(const json_t *value)
{
	return json_is_array(value) && json_is_object(json_array_get(value, 0));
}

static void show_scalars(const struct cli *cli, const json_t *object)
{
	struct text text = { 0 }, name = { 0 };
	const char *key;
	json_t *value;
	size_t widest = 0;

	json_object_foreach((json_t *)object, key, value)
		widest = strlen(key) > widest && !is_table(value) ? strlen(key) : widest;
	json_object_foreach((json_t *)object, key, value) {
		if (is_table(value) || json_is_null(value) || (json_is_array(value) && !json_array_size(value)))
			continue;
		text_clear(&text);
		text_clear(&name);
		view_text(cli, value, &name);
		table_fit(&text, name.at ? name.at : "", SIZE_MAX / 2);
		printf("%-*s  %s\n", (int)widest, key, text.at ? text.at : "");
	}
	text_done(&text);
	text_done(&name);
}

void view_object(const struct cli *cli, const json_t *object, const struct view_column *columns)
{
	const char *key;
	json_t *value;
	bool several = false;

	if (cli->style == TABLE_ALIGNED) {
		show_scalars(cli, object);
		several = true;
	}
	json_object_foreach((json_t *)object, key, value) {
		struct table *t;

		if (!is_table(value))
			continue;
		if (several)
			printf("\n%s\n", key);
		t = view_table(cli, value, columns, true);
		table_print(t, stdout);
		table_free(t);
		if (cli->style != TABLE_ALIGNED) /* a spreadsheet holds one table */
			return;
	}
}
