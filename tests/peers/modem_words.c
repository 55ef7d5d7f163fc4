/* SPDX-License-Identifier: Apache-2.0 */
/* modem_words.c -- a line cut into words, and a cursor over them.
 *
 * Every complaint names the place and the word: a misspelt fault that silently does nothing would make a test pass that
 * tests nothing.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modem_script.h"

int modem_words_complain(struct modem_words *w, const char *fmt, ...)
{
	int n = snprintf(w->err, w->n_err, "%s: ", w->where);
	va_list ap;

	va_start(ap, fmt);
	if (n >= 0 && (size_t)n < w->n_err)
		vsnprintf(w->err + n, w->n_err - (size_t)n, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* A word in double quotes may hold blanks, and \" \\ \n. */
static char *quoted(char *p)
{
	char *to = p;

	for (; *p && *p != '"'; p++) {
		if (*p == '\\' && p[1]) {
			p++;
			*to++ = *p == 'n' ? '\n' : *p;
		} else {
			*to++ = *p;
		}
	}
	if (*p == 0)
		return NULL;
	*to = 0;
	return p + 1;
}

int modem_words_split(struct modem_words *w, const char *line, const char *where, char *err, size_t n_err)
{
	char *p = w->buf;

	w->n = w->i = 0;
	w->where = where;
	w->err = err;
	w->n_err = n_err;
	if (strlen(line) >= sizeof(w->buf))
		return modem_words_complain(w, "the line is longer than %zu octets", sizeof(w->buf) - 1);
	strcpy(w->buf, line);
	for (;;) {
		p += strspn(p, " \t\r\n");
		/* `#` begins a comment only where a word could stand: *100# is a code. */
		if (*p == 0 || *p == '#')
			return 0;
		if (w->n == WORDS_MAX)
			return modem_words_complain(w, "too many words");
		if (*p == '"') {
			w->w[w->n++] = ++p;
			p = quoted(p);
			if (!p)
				return modem_words_complain(w, "a quote is not closed");
			continue;
		}
		w->w[w->n++] = p;
		p += strcspn(p, " \t\r\n");
		if (*p == 0)
			return 0;
		*p++ = 0;
	}
}

const char *modem_words_peek(const struct modem_words *w)
{
	return w->i < w->n ? w->w[w->i] : "";
}

bool modem_words_take(struct modem_words *w, const char *word)
{
	if (w->i == w->n || strcmp(w->w[w->i], word) != 0)
		return false;
	w->i++;
	return true;
}

int modem_words_number(struct modem_words *w, uint32_t max, uint32_t *ret)
{
	const char *s = modem_words_peek(w);
	char *end;
	unsigned long long v;

	if (*s < '0' || *s > '9')
		return modem_words_complain(w, "a number should stand at \"%s\"", s);
	errno = 0;
	v = strtoull(s, &end, 0);
	if (strcmp(end, "s") == 0) {
		v *= 1000;
		end++;
	}
	if (errno || v > max || (*end != 0 && strcmp(end, "ms") != 0))
		return modem_words_complain(w, "\"%s\" is not a number up to %u", s, max);
	w->i++;
	*ret = (uint32_t)v;
	return 0;
}

int modem_words_percent(struct modem_words *w, uint32_t *ret)
{
	const char *s = modem_words_peek(w);
	char *end;
	double v;

	if (modem_words_take(w, "on")) {
		*ret = 1000000;
		return 0;
	}
	if (modem_words_take(w, "off")) {
		*ret = 0;
		return 0;
	}
	v = strtod(s, &end);
	if (end == s || strcmp(end, "%") != 0 || !(v >= 0 && v <= 100))
		return modem_words_complain(w, "\"%s\" is not on, off or a percentage", s);
	w->i++;
	*ret = (uint32_t)(v * 10000 + 0.5);
	return 0;
}

int modem_words_text(struct modem_words *w, const char *what, size_t cap, char *ret)
{
	if (w->i == w->n)
		return modem_words_complain(w, "%s is missing", what);
	if (strlen(modem_words_peek(w)) >= cap)
		return modem_words_complain(w, "%s is longer than %zu octets", what, cap - 1);
	strcpy(ret, w->w[w->i++]);
	return 0;
}

void modem_words_rest(struct modem_words *w, size_t cap, char *ret)
{
	size_t n = 0;

	*ret = 0;
	for (; w->i < w->n && n < cap; w->i++)
		n += (size_t)snprintf(ret + n, cap - n, "%s%s", n ? " " : "", w->w[w->i]);
}

int modem_words_end(struct modem_words *w)
{
	if (w->i < w->n)
		return modem_words_complain(w, "\"%s\" is not understood here", modem_words_peek(w));
	return 0;
}
