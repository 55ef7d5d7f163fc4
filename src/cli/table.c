/* SPDX-License-Identifier: Apache-2.0 */
/* table.c -- aligned tables, CSV and TSV; see table.h. */
#include "config.h"

#include "cli/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

enum {
	GAP = 2,               /* columns between two columns */
	MIN_WIDTH = 12,        /* no column is cut below this */
	REPLACEMENT = 0xfffd,
};

struct cell {
	char *value;
	enum table_tone tone;
};

struct table {
	enum table_style style;
	size_t n_width;
	bool colour, titled;
	size_t n_columns, n_rows, n_room;
	struct column {
		char *title;
		bool right;
		size_t n_width;
	} columns[TABLE_MAX_COLUMNS];
	struct cell *cells; /* n_rows + 1 rows of n_columns: the last one is being filled */
};

struct table *table_new(enum table_style style, size_t n_width, bool colour)
{
	struct table *t = calloc(1, sizeof *t);

	if (!t)
		abort();
	t->style = style;
	t->n_width = n_width;
	t->colour = colour;
	return t;
}

static void forget_rows(struct table *t)
{
	for (size_t i = 0; i < (t->n_rows + 1) * t->n_columns && t->cells; i++) {
		free(t->cells[i].value);
		t->cells[i] = (struct cell){ 0 };
	}
	t->n_rows = 0;
}

void table_free(struct table *t)
{
	if (!t)
		return;
	forget_rows(t);
	for (size_t i = 0; i < t->n_columns; i++)
		free(t->columns[i].title);
	free(t->cells);
	free(t);
}

int table_column(struct table *t, const char *title, bool right)
{
	if (t->n_columns == TABLE_MAX_COLUMNS)
		return -ENOSPC;
	t->columns[t->n_columns] = (struct column){ .title = text_strdup(title), .right = right };
	return (int)t->n_columns++;
}

static void make_room(struct table *t)
{
	size_t room = t->n_room ? t->n_room * 2 : 16;

	if (t->n_rows < t->n_room)
		return;
	t->cells = realloc(t->cells, room * t->n_columns * sizeof *t->cells);
	if (!t->cells)
		abort();
	memset(t->cells + t->n_room * t->n_columns, 0,
		(room - t->n_room) * t->n_columns * sizeof *t->cells);
	t->n_room = room;
}

static struct cell *cell_at(const struct table *t, size_t row, size_t column)
{
	return &t->cells[row * t->n_columns + column];
}

void table_cell(struct table *t, int column, enum table_tone tone, const char *value)
{
	struct cell *c;

	if (column < 0)
		return;
	make_room(t);
	c = cell_at(t, t->n_rows, (size_t)column);
	free(c->value);
	c->value = text_strdup(value);
	c->tone = tone;
}

void table_end_row(struct table *t)
{
	make_room(t);
	t->n_rows++;
	make_room(t);
}

/* The code point to show for `code`: itself, a blank for what breaks lines, or the replacement character. */
static uint32_t harmless(uint32_t code)
{
	if (code == '\n' || code == '\r' || code == '\t' || code == 0x2028 || code == 0x2029)
		return ' ';
	if (code < 0x20 || (code >= 0x7f && code < 0xa0))
		return REPLACEMENT;
	/* Embeddings, overrides and isolates (Unicode Standard Annex 9, 2): they would turn the rest of the line. */
	if ((code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code == 0xfeff)
		return REPLACEMENT;
	return wcwidth((wchar_t)code) < 0 ? REPLACEMENT : code;
}

size_t table_char(const char *s, size_t n, uint32_t *ret_code, size_t *ret_width)
{
	size_t used = text_next_code(s, n, ret_code);
	int width;

	*ret_code = used ? harmless(*ret_code) : REPLACEMENT;
	width = wcwidth((wchar_t)*ret_code);
	*ret_width = width < 0 ? 1 : (size_t)width;
	return used ? used : 1;
}

size_t table_width(const char *s, size_t n)
{
	size_t width = 0;

	while (n) {
		uint32_t code;
		size_t w, used = table_char(s, n, &code, &w);

		width += w;
		s += used;
		n -= used;
	}
	return width;
}

void table_put_char(struct text *out, uint32_t c)
{
	char s[4];
	size_t n = 1;

	if (c < 0x80) {
		s[0] = (char)c;
	} else if (c < 0x800) {
		s[0] = (char)(0xc0 | c >> 6);
		n = 2;
	} else if (c < 0x10000) {
		s[0] = (char)(0xe0 | c >> 12);
		n = 3;
	} else {
		s[0] = (char)(0xf0 | c >> 18);
		n = 4;
	}
	for (size_t i = 1; i < n; i++)
		s[i] = (char)(0x80 | (c >> 6 * (n - 1 - i) & 0x3f));
	text_add(out, s, n);
}

void table_fit(struct text *out, const char *s, size_t n_columns)
{
	size_t n = strlen(s), width = 0;
	bool cut = table_width(s, n) > n_columns;
	size_t room = cut && n_columns ? n_columns - 1 : n_columns;

	while (n) {
		uint32_t code;
		size_t w, used = table_char(s, n, &code, &w);

		if (width + w > room)
			break;
		table_put_char(out, code);
		width += w;
		s += used;
		n -= used;
	}
	if (cut && n_columns) {
		text_puts(out, "…");
		width++;
	}
	/* A wide character may have left one column over. */
	for (; cut && width < n_columns; width++)
		text_add(out, " ", 1);
}

static const char *tone_begin(enum table_tone tone)
{
	switch (tone) {
	case TONE_PLAIN:
		return "";
	case TONE_GOOD:
		return "\033[32m";
	case TONE_BAD:
		return "\033[31m";
	case TONE_WAITING:
		return "\033[33m";
	case TONE_DIM:
		return "\033[2m";
	}
	return "";
}

static void add_aligned(const struct table *t, struct text *out, size_t column, const char *value,
	enum table_tone tone)
{
	const struct column *c = &t->columns[column];
	size_t width = table_width(value, strlen(value));
	size_t pad = width < c->n_width ? c->n_width - width : 0;
	bool last = column + 1 == t->n_columns;
	bool toned = t->colour && tone != TONE_PLAIN;

	if (c->right)
		text_printf(out, "%*s", (int)pad, "");
	if (toned)
		text_puts(out, tone_begin(tone));
	table_fit(out, value, c->n_width);
	if (toned)
		text_puts(out, "\033[0m");
	if (!last)
		text_printf(out, "%*s", (int)((c->right ? 0 : pad) + GAP), "");
}

static void add_tsv(struct text *out, const char *value)
{
	for (; *value; value++) {
		switch (*value) {
		case '\t':
			text_puts(out, "\\t");
			break;
		case '\n':
			text_puts(out, "\\n");
			break;
		case '\r':
			text_puts(out, "\\r");
			break;
		case '\\':
			text_puts(out, "\\\\");
			break;
		default:
			text_add(out, value, 1);
		}
	}
}

static void add_cell(const struct table *t, struct text *out, size_t column, const char *value,
	enum table_tone tone)
{
	switch (t->style) {
	case TABLE_ALIGNED:
		add_aligned(t, out, column, value && *value ? value : "-", tone);
		return;
	case TABLE_CSV:
		if (column)
			text_add(out, ",", 1);
		text_csv(out, value ? value : "", value ? strlen(value) : 0, ',');
		return;
	case TABLE_TSV:
		if (column)
			text_add(out, "\t", 1);
		add_tsv(out, value ? value : "");
		return;
	}
}

static void measure(struct table *t)
{
	for (size_t i = 0; i < t->n_columns; i++) {
		struct column *c = &t->columns[i];
		size_t width = table_width(c->title, strlen(c->title));

		if (width > c->n_width)
			c->n_width = width;
		for (size_t row = 0; row < t->n_rows; row++) {
			const char *value = cell_at(t, row, i)->value;

			width = value ? table_width(value, strlen(value)) : 1;
			if (width > c->n_width)
				c->n_width = width;
		}
	}
}

/* Too wide for the terminal: take from the widest column, again and again, until it fits or all are small. */
static void squeeze(struct table *t)
{
	if (!t->n_width)
		return;
	for (;;) {
		size_t total = 0, widest = 0, second = MIN_WIDTH, over;

		for (size_t i = 0; i < t->n_columns; i++) {
			total += t->columns[i].n_width + (i ? GAP : 0);
			if (t->columns[i].n_width > t->columns[widest].n_width)
				widest = i;
		}
		if (total <= t->n_width || t->columns[widest].n_width <= MIN_WIDTH)
			return;
		for (size_t i = 0; i < t->n_columns; i++) {
			size_t width = t->columns[i].n_width;

			if (i != widest && width > second && width < t->columns[widest].n_width)
				second = width;
		}
		over = total - t->n_width;
		if (t->columns[widest].n_width - second > over)
			t->columns[widest].n_width -= over;
		else
			t->columns[widest].n_width = second;
	}
}

static void end_line(const struct table *t, struct text *line, FILE *to)
{
	/* RFC 4180 asks for CR LF. */
	text_puts(line, t->style == TABLE_CSV ? "\r\n" : "\n");
	fwrite(line->at, 1, line->n, to);
	text_clear(line);
}

void table_print(struct table *t, FILE *to)
{
	struct text line = { 0 };

	if (!t->n_columns)
		return;
	if (t->style == TABLE_ALIGNED) {
		measure(t);
		squeeze(t);
	}
	if (!t->titled) {
		for (size_t i = 0; i < t->n_columns; i++)
			add_cell(t, &line, i, t->columns[i].title, TONE_DIM);
		end_line(t, &line, to);
		t->titled = true;
	}
	for (size_t row = 0; row < t->n_rows; row++) {
		for (size_t i = 0; i < t->n_columns; i++)
			add_cell(t, &line, i, cell_at(t, row, i)->value, cell_at(t, row, i)->tone);
		end_line(t, &line, to);
	}
	text_done(&line);
	forget_rows(t);
}
