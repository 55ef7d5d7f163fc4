/* SPDX-License-Identifier: Apache-2.0 */
/* sheet.c -- octets taken apart, one field a line; see sheet.h. */
#include "config.h"

#include "cli/sheet.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/table.h"

enum {
	OCTETS_A_LINE = 10, /* 30 columns: place, name and a few words beside them fit a terminal of 80 */
	MEANING_OCTETS = 1024,
};

void sheet_init(struct sheet *s, const uint8_t *octets)
{
	*s = (struct sheet){ .octets = octets, .fields = json_array() };
}

void sheet_done(struct sheet *s)
{
	json_decref(s->fields);
	s->fields = NULL;
}

json_t *sheet_hex(const uint8_t *octets, size_t n)
{
	struct text hex = { 0 };
	json_t *j;

	for (size_t i = 0; i < n; i++)
		text_printf(&hex, "%02X", octets[i]);
	j = json_stringn(hex.at ? hex.at : "", hex.n);
	text_done(&hex);
	return j;
}

void sheet_octets(struct text *out, const uint8_t *octets, size_t n)
{
	for (size_t i = 0; i < n; i++)
		text_printf(out, i ? " %02X" : "%02X", octets[i]);
}

static void add_row(struct sheet *s, size_t at, const char *name, json_t *octets, const char *meaning)
{
	json_t *row = json_object(), *words = json_string(meaning);

	json_object_set_new(row, "at", json_integer((json_int_t)at));
	json_object_set_new(row, "name", json_string(name));
	json_object_set_new(row, "octets", octets);
	json_object_set_new(row, "meaning", words ? words : json_string("(no text)"));
	json_array_append_new(s->fields, row);
}

void sheet_row(struct sheet *s, size_t at, size_t n, const char *name, const char *fmt, ...)
{
	char meaning[MEANING_OCTETS];
	va_list ap;

	if (n == 0)
		return;
	va_start(ap, fmt);
	vsnprintf(meaning, sizeof meaning, fmt, ap);
	va_end(ap);
	add_row(s, at, name, sheet_hex(s->octets + at, n), meaning);
}

void sheet_secret(struct sheet *s, size_t at, const char *name, size_t n)
{
	char meaning[48];

	snprintf(meaning, sizeof meaning, "%zu characters, not shown", n);
	add_row(s, at, name, json_string(""), meaning);
}

static int by_place(const void *a, const void *b)
{
	json_int_t at_a = json_integer_value(json_object_get(*(json_t *const *)a, "at"));
	json_int_t at_b = json_integer_value(json_object_get(*(json_t *const *)b, "at"));

	return at_a < at_b ? -1 : at_a > at_b;
}

void sheet_sort(struct sheet *s)
{
	size_t n = json_array_size(s->fields);
	json_t **rows = calloc(n + 1, sizeof *rows), *sorted = json_array();

	if (!rows)
		abort();
	for (size_t i = 0; i < n; i++)
		rows[i] = json_array_get(s->fields, i);
	qsort(rows, n, sizeof *rows, by_place);
	for (size_t i = 0; i < n; i++)
		json_array_append(sorted, rows[i]);
	free(rows);
	json_decref(s->fields);
	s->fields = sorted;
}

void sheet_also(struct sheet *s, const char *word)
{
	json_t *row = json_array_get(s->fields, json_array_size(s->fields) - 1);
	struct text meaning = { 0 };

	text_printf(&meaning, "%s, %s", json_string_value(json_object_get(row, "meaning")), word);
	json_object_set_new(row, "meaning", json_string(meaning.at));
	text_done(&meaning);
}

static int name_columns(const struct sheet *s)
{
	const json_t *row;
	size_t i, most = 0;

	json_array_foreach(s->fields, i, row) {
		size_t n = json_string_length(json_object_get(row, "name"));

		most = n > most ? n : most;
	}
	return (int)most;
}

/* The octets of a row, some on each line; the meaning stands beside the first. */
static void print_row(const json_t *row, int n_name)
{
	const char *hex = json_string_value(json_object_get(row, "octets"));
	size_t n = strlen(hex) / 2;
	struct text meaning = { 0 };

	table_fit(&meaning, json_string_value(json_object_get(row, "meaning")), MEANING_OCTETS);
	printf("%5lld  %-*s  ", (long long)json_integer_value(json_object_get(row, "at")), n_name,
		json_string_value(json_object_get(row, "name")));
	for (size_t i = 0; i < n; i++) {
		if (i == OCTETS_A_LINE)
			printf(" %s\n", meaning.n ? meaning.at : "");
		else if (i && i % OCTETS_A_LINE == 0)
			putchar('\n');
		if (i && i % OCTETS_A_LINE == 0)
			printf("%*s", 9 + n_name, "");
		printf("%.2s ", hex + 2 * i);
	}
	if (n <= OCTETS_A_LINE)
		printf("%*s %s", (int)(3 * (OCTETS_A_LINE - n)), "", meaning.n ? meaning.at : "");
	putchar('\n');
	text_done(&meaning);
}

void sheet_print(const struct sheet *s)
{
	int n_name = name_columns(s);
	const json_t *row;
	size_t i;

	json_array_foreach(s->fields, i, row)
		print_row(row, n_name);
}

void sheet_print_text(const char *title, const char *s, size_t n)
{
	struct text line = { 0 }, clean = { 0 };

	printf("\n%s\n", title);
	for (size_t from = 0; from <= n;) {
		const char *end = memchr(s + from, '\n', n - from);
		size_t n_line = end ? (size_t)(end - s) - from : n - from;

		text_clear(&line);
		text_clear(&clean);
		for (size_t i = 0; i < n_line; i++) /* a NUL would end the line */
			text_add(&line, s[from + i] ? s + from + i : "\x01", 1);
		if (line.n)
			table_fit(&clean, line.at, line.n);
		printf("    %s\n", clean.n ? clean.at : "");
		from += n_line + 1;
	}
	text_done(&line);
	text_done(&clean);
}
