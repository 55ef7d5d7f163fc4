/* SPDX-License-Identifier: Apache-2.0 */
/* at.c -- octets of a modem to lines, and lines to values.
 *
 * Three things are easy to get wrong:
 *
 *  1. The prompt has no line end, so it must be seen at its first octet: a '>' where a line begins.  The blank behind
 *     it may be missing; leading blanks of a line are left out anyway.  A line of text that begins with '>' is told as
 *     a prompt and the rest of the line.
 *  2. With echo on, the text that was entered comes back behind the prompt, with its Ctrl-Z.  Control characters are
 *     no part of any line, so it compares equal to what was written.
 *  3. Quotes that do not close ("+CREG: 2,1,"00AF,"1234"") must not swallow what follows: a quote behind a comma opens
 *     a field, also inside one that seems open. */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "drivers/modem/at.h"
#include "drivers/modem/at_error.h"

/* ---- lines ---- */

void at_reader_init(struct at_reader *r)
{
	memset(r, 0, sizeof(*r));
}

void at_reader_reset(struct at_reader *r)
{
	r->n = 0;
	r->cut = false;
}

/* A line is complete; false: leave the rest alone. */
static bool tell_line(struct at_reader *r, bool (*each)(void *arg, char *line, size_t n, bool prompt), void *arg)
{
	size_t n = r->n;

	if (r->cut)
		r->n_cut++;
	while (n > 0 && r->line[n - 1] == ' ')
		n--;
	r->line[n] = '\0';
	at_reader_reset(r);
	return n == 0 || each(arg, r->line, n, false);
}

static void put(struct at_reader *r, char c)
{
	if (r->n < AT_LINE_MAX)
		r->line[r->n++] = c;
	else
		r->cut = true;
}

size_t at_read(struct at_reader *r, const uint8_t *data, size_t n,
	bool (*each)(void *arg, char *line, size_t n, bool prompt), void *arg)
{
	for (size_t i = 0; i < n; i++) {
		char c = (char)data[i];

		if (c == '\r' || c == '\n') {
			if (r->n > 0 && !tell_line(r, each, arg))
				return i + 1;
		} else if (c == '>' && r->n == 0) {
			char prompt[] = ">";

			if (!each(arg, prompt, 1, true))
				return i + 1;
		} else if (c == '\0') {
			r->n_nul++;
		} else if ((unsigned char)c >= ' ' && c != 0x7f && (c != ' ' || r->n > 0)) {
			put(r, c);
		}
	}
	return n;
}

/* ---- results ---- */

static const struct result {
	const char *word;
	enum at_kind kind;
} results[] = {
	{ "OK", AT_OK },
	{ "ERROR", AT_ERROR },
	{ "COMMAND NOT SUPPORT", AT_ERROR },
	{ "TOO MANY PARAMETERS", AT_ERROR },
	{ "ABORTED", AT_ERROR },
	{ "NO CARRIER", AT_NO_CARRIER },
	{ "BUSY", AT_NO_CARRIER },
	{ "NO ANSWER", AT_NO_CARRIER },
	{ "NO DIALTONE", AT_NO_CARRIER },
	{ "NO DIAL TONE", AT_NO_CARRIER },
};

static int code_of(enum at_kind kind, const char *s)
{
	char *end;
	long code;

	errno = 0;
	code = strtol(s, &end, 10);
	if (end != s && *end == '\0' && errno == 0 && code >= 0 && code <= 65535)
		return (int)code;
	return at_error_code(kind, s);
}

/* "+CMS ERROR: 500", also without its colon or blank. */
static const char *after_error(const char *line, const char *prefix)
{
	size_t n = strlen(prefix);

	if (strncasecmp(line, prefix, n) != 0)
		return NULL;
	line += n;
	return line + strspn(line, ": ");
}

enum at_kind at_line_kind(const char *line, int *ret_code)
{
	const char *rest;

	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		if (strcmp(line, results[i].word) == 0)
			return results[i].kind;
	}
	rest = after_error(line, "+CMS ERROR");
	if (rest) {
		*ret_code = code_of(AT_CMS_ERROR, rest);
		return AT_CMS_ERROR;
	}
	rest = after_error(line, "+CME ERROR");
	if (rest) {
		*ret_code = code_of(AT_CME_ERROR, rest);
		return AT_CME_ERROR;
	}
	return AT_LINE;
}

/* ---- fields ---- */

const char *at_after(const char *line, const char *prefix)
{
	size_t n = strlen(prefix);

	if (strncasecmp(line, prefix, n) != 0)
		return NULL;
	return line + n + strspn(line + n, " ");
}

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

/* The octet behind the quoted text that begins at `s`, and where the next field's comma may stand. */
static const char *end_of_quoted(const char *s, const char **ret_next)
{
	const char *comma = NULL;

	for (const char *p = s; *p; p++) {
		const char *behind;

		if (*p == ',' && !comma)
			comma = p;
		if (*p != '"')
			continue;
		behind = skip_blanks(p + 1);
		if (*behind == ',' || *behind == ')' || *behind == '\0') {
			*ret_next = behind;
			return p;
		}
		if (p > s && p[-1] == ',') { /* it opens the next field: ours never closed */
			*ret_next = comma;
			return comma;
		}
	}
	*ret_next = comma ? comma : s + strlen(s);
	return *ret_next;
}

/* The same of a field without quotes; what stands in parentheses keeps its commas. */
static const char *end_of_bare(const char *s)
{
	unsigned depth = 0;

	for (; *s && (*s != ',' || depth > 0); s++) {
		if (*s == '(')
			depth++;
		else if (*s == ')' && depth > 0)
			depth--;
	}
	return s;
}

static int copy(const char *from, const char *end, char *dst, size_t n_dst)
{
	size_t n;

	while (end > from && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	n = (size_t)(end - from);
	if (n_dst == 0)
		return -EMSGSIZE;
	if (n >= n_dst) {
		memcpy(dst, from, n_dst - 1);
		dst[n_dst - 1] = '\0';
		return -EMSGSIZE;
	}
	memcpy(dst, from, n);
	dst[n] = '\0';
	return 0;
}

int at_field(struct at_fields *f, char *dst, size_t n_dst)
{
	const char *s, *end, *next;

	if (!f->at)
		return -ENOENT;
	s = skip_blanks(f->at);
	if (*s == '"') {
		s++;
		end = end_of_quoted(s, &next);
		next = end_of_bare(next);
	} else {
		end = next = end_of_bare(s);
	}
	f->at = *next == ',' ? next + 1 : NULL;
	return copy(s, end, dst, n_dst);
}

int at_field_number(struct at_fields *f, long *ret)
{
	char buf[24], *end;
	long v;
	int r = at_field(f, buf, sizeof(buf));

	if (r == -ENOENT)
		return r;
	errno = 0;
	v = strtol(buf, &end, 10);
	if (r < 0 || end == buf || *end || errno)
		return -EINVAL;
	*ret = v;
	return 0;
}

bool at_list_has(const char *list, long n)
{
	const char *s = list;

	while (*s) {
		char *end;
		long from, to;

		from = to = strtol(s, &end, 10);
		if (end == s) { /* parentheses, commas, blanks */
			s++;
			continue;
		}
		s = skip_blanks(end);
		if (*s == '-') {
			to = strtol(s + 1, &end, 10);
			if (end == s + 1)
				to = from;
			s = end;
		}
		if (n >= from && n <= to)
			return true;
	}
	return false;
}
