/* SPDX-License-Identifier: Apache-2.0 */
/* mark.c -- a text with some of its characters marked; see mark.h. */
#include "config.h"

#include "cli/mark.h"

#include "cli/table.h"

struct marker {
	struct text *out;
	struct text line, below;
	size_t width, marked; /* columns of the line; of `below` */
	bool inverse, on;
};

static void turn(struct marker *m, bool on)
{
	if (m->inverse && m->on != on)
		text_puts(&m->line, on ? "\033[7m" : "\033[0m");
	m->on = on;
}

static void end_line(struct marker *m)
{
	turn(m, false);
	text_add(m->out, m->line.at ? m->line.at : "", m->line.n);
	text_puts(m->out, "\n");
	if (m->marked && !m->inverse) {
		text_add(m->out, m->below.at, m->below.n);
		text_puts(m->out, "\n");
	}
	text_clear(&m->line);
	text_clear(&m->below);
	m->width = m->marked = 0;
}

/* A mark below columns from..from + width - 1 of the line; one that stands there already is not repeated. */
static void mark_below(struct marker *m, size_t from, size_t width)
{
	if (!width) {
		from -= from > 0;
		width = 1;
	}
	for (; m->marked < from; m->marked++)
		text_puts(&m->below, " ");
	for (; m->marked < from + width; m->marked++)
		text_puts(&m->below, "^");
}

void mark_text(struct text *out, const char *s, size_t n, const size_t *at, size_t n_at, size_t n_columns,
	bool inverse)
{
	struct marker m = { .out = out, .inverse = inverse };

	for (size_t i = 0, position = 0, next = 0; i < n; position++) {
		bool line_end = s[i] == '\n', hit = next < n_at && at[next] == position;
		uint32_t code;
		size_t width, used = table_char(s + i, n - i, &code, &width);

		if (m.width + width > n_columns)
			end_line(&m);
		if (hit)
			mark_below(&m, m.width, width);
		next += hit;
		turn(&m, hit);
		if (!line_end)
			table_put_char(&m.line, code);
		m.width += width;
		i += used;
		if (line_end)
			end_line(&m);
	}
	if (m.line.n)
		end_line(&m);
	text_done(&m.line);
	text_done(&m.below);
}
