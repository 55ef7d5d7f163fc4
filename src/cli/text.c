/* SPDX-License-Identifier: Apache-2.0 */
/* text.c -- a growing string and the little UTF-8 that the command line needs; the promises are in text.h. */
#include "config.h"

#include "cli/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void out_of_memory(void)
{
	fputs("posthorn: out of memory\n", stderr);
	exit(1);
}

static void reserve(struct text *t, size_t n_more)
{
	size_t room = t->n_room ? t->n_room : 64;

	if (n_more > SIZE_MAX / 4 || t->n > SIZE_MAX / 4)
		out_of_memory();
	while (room < t->n + n_more + 1)
		room *= 2;
	if (room == t->n_room)
		return;
	t->at = realloc(t->at, room);
	if (!t->at)
		out_of_memory();
	t->n_room = room;
}

void text_done(struct text *t)
{
	free(t->at);
	*t = (struct text){ 0 };
}

void text_clear(struct text *t)
{
	t->n = 0;
	if (t->at)
		t->at[0] = 0;
}

void text_add(struct text *t, const char *octets, size_t n)
{
	reserve(t, n);
	if (n)
		memcpy(t->at + t->n, octets, n);
	t->n += n;
	t->at[t->n] = 0;
}

void text_puts(struct text *t, const char *s)
{
	text_add(t, s, strlen(s));
}

void text_printf(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	reserve(t, (size_t)n);
	va_start(ap, fmt);
	vsnprintf(t->at + t->n, (size_t)n + 1, fmt, ap);
	va_end(ap);
	t->n += (size_t)n;
}

void text_json(struct text *t, const char *s, size_t n)
{
	size_t from = 0;

	text_add(t, "\"", 1);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		/* Runs without anything to escape are copied whole: most texts are one run. */
		text_add(t, s + from, i - from);
		from = i + 1;
		if (c == '"' || c == '\\')
			text_printf(t, "\\%c", c);
		else if (c == '\n')
			text_add(t, "\\n", 2);
		else
			text_printf(t, "\\u%04x", c);
	}
	text_add(t, s + from, n - from);
	text_add(t, "\"", 1);
}

void text_url(struct text *t, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			strchr("-._~", c))
			text_add(t, s, 1);
		else
			text_printf(t, "%%%02X", c);
	}
}

void text_csv(struct text *out, const char *field, size_t n, char delimiter)
{
	bool plain = true;

	for (size_t i = 0; i < n && plain; i++)
		plain = field[i] != delimiter && field[i] != '"' && field[i] != '\n' && field[i] != '\r';
	if (n && (field[0] == ' ' || field[n - 1] == ' '))
		plain = false;
	if (plain) {
		text_add(out, field, n);
		return;
	}
	text_add(out, "\"", 1);
	for (size_t i = 0; i < n; i++)
		text_add(out, field[i] == '"' ? "\"\"" : &field[i], field[i] == '"' ? 2 : 1);
	text_add(out, "\"", 1);
}

char *text_strdup(const char *s)
{
	char *copy;

	if (!s)
		return NULL;
	copy = strdup(s);
	if (!copy)
		out_of_memory();
	return copy;
}

size_t text_next_code(const char *s, size_t n, uint32_t *ret_code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char lead = (unsigned char)s[0];
	size_t n_octets;
	uint32_t code;

	if (lead < 0x80) {
		*ret_code = lead;
		return 1;
	}
	if (lead >= 0xc2 && lead < 0xe0)
		n_octets = 2;
	else if (lead >= 0xe0 && lead < 0xf0)
		n_octets = 3;
	else if (lead >= 0xf0 && lead < 0xf5)
		n_octets = 4;
	else
		return 0;
	if (n < n_octets)
		return 0;
	code = lead & (0x7fu >> n_octets);
	for (size_t i = 1; i < n_octets; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | ((unsigned char)s[i] & 0x3f);
	}
	if (code < least[n_octets] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return n_octets;
}

bool text_is_utf8(const char *s, size_t n)
{
	while (n) {
		uint32_t code;
		size_t used = text_next_code(s, n, &code);

		if (!used)
			return false;
		s += used;
		n -= used;
	}
	return true;
}
