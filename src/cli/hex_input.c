/* SPDX-License-Identifier: Apache-2.0 */
/* hex_input.c -- octets as people paste them; see hex_input.h. */
#include "config.h"

#include "cli/hex_input.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct line {
	const char *s;
	size_t n;
};

void hex_begin(struct hex_cursor *c, const char *s, size_t n)
{
	*c = (struct hex_cursor){ .at = s, .end = s + n, .line = 1 };
}

static struct line line_at(const struct hex_cursor *c)
{
	const char *end = memchr(c->at, '\n', (size_t)(c->end - c->at));

	return (struct line){ c->at, (size_t)((end ? end : c->end) - c->at) };
}

static void skip(struct hex_cursor *c, struct line l)
{
	c->at = l.s + l.n;
	if (c->at < c->end) {
		c->at++;
		c->line++;
	}
}

static bool begins(struct line l, const char *word)
{
	return l.n >= strlen(word) && strncasecmp(l.s, word, strlen(word)) == 0;
}

static struct line trim(struct line l)
{
	while (l.n && isspace((unsigned char)*l.s)) {
		l.s++;
		l.n--;
	}
	while (l.n && isspace((unsigned char)l.s[l.n - 1]))
		l.n--;
	return l;
}

/* What a modem says around messages and that holds nothing: OK, an echoed command, a prompt. */
static bool is_noise(struct line l)
{
	static const char *const words[] = { "OK", "ERROR", ">", "AT" };

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (l.n == strlen(words[i]) && begins(l, words[i]))
			return true;
	}
	return begins(l, "AT+CMGL") || begins(l, "AT+CMGR") || begins(l, "AT+CMGF") || begins(l, "AT+CNMI");
}

/* The number after the last comma, colon or equals sign. */
static long last_number(struct line l)
{
	size_t from = l.n;
	char digits[12];

	while (from > 0 && isdigit((unsigned char)l.s[from - 1]))
		from--;
	if (from == l.n || l.n - from >= sizeof digits)
		return -1;
	memcpy(digits, l.s + from, l.n - from);
	digits[l.n - from] = 0;
	return strtol(digits, NULL, 10);
}

/* The number after the first `n` commas, or -1. */
static long number_at(struct line l, const char *after, unsigned n_commas)
{
	size_t i = strlen(after);

	for (; i < l.n && n_commas; i++)
		n_commas -= l.s[i] == ',';
	while (i < l.n && l.s[i] == ' ')
		i++;
	return i < l.n && isdigit((unsigned char)l.s[i]) ? l.s[i] - '0' : -1;
}

/* A line that announces a message.  Stored ones are sent ones when their status is 2 or 3 (3GPP TS 27.005, 3.1). */
static bool read_announcement(struct line l, struct hex_message *m)
{
	long stored = -1;

	if (begins(l, "+CMT:") || begins(l, "+CDS:"))
		m->direction = HEX_MT;
	else if (begins(l, "+CMGL:"))
		stored = number_at(l, "+CMGL:", 1);
	else if (begins(l, "+CMGR:"))
		stored = number_at(l, "+CMGR:", 0);
	else if (begins(l, "AT+CMGS=") || begins(l, "AT+CMGW="))
		m->direction = HEX_MO;
	else
		return false;
	if (stored >= 0)
		m->direction = stored >= 2 ? HEX_MO : HEX_MT;
	m->from_modem = true;
	/* AT+CMGW=<length>,<stat>: the length stands first. */
	if (begins(l, "AT+CMGW=") && memchr(l.s, ',', l.n))
		l.n = (size_t)((const char *)memchr(l.s, ',', l.n) - l.s);
	m->n_counted = last_number(l);
	return true;
}

static bool is_announcement(struct line l)
{
	struct hex_message unused;

	return read_announcement(l, &unused);
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct half {
	int high; /* of an octet of which one digit was read; -1: none */
	unsigned line, column;
};

static int __attribute__((format(printf, 4, 5)))
bad(struct hex_fault *f, unsigned line, size_t column, const char *fmt, ...)
{
	va_list ap;

	f->line = line;
	f->column = (unsigned)column;
	va_start(ap, fmt);
	vsnprintf(f->what, sizeof f->what, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static int bad_digit(struct hex_fault *f, unsigned line, size_t column, unsigned char c)
{
	if (c > 0x20 && c < 0x7f)
		return bad(f, line, column, "\"%c\" is no hexadecimal digit", c);
	return bad(f, line, column, "octet %02X is no hexadecimal digit", c);
}

static int read_line(struct line l, unsigned line, struct text *out, struct half *half, struct hex_fault *fault)
{
	const char *begin = l.s;

	l = trim(l);
	if (l.n && *l.s == '>') { /* the prompt of AT+CMGS */
		l.s++;
		l.n--;
		l = trim(l);
	}
	if (half->high < 0 && l.n >= 2 && l.s[0] == '0' && (l.s[1] == 'x' || l.s[1] == 'X')) {
		l.s += 2;
		l.n -= 2;
	}
	for (size_t i = 0; i < l.n; i++) {
		int v = nibble(l.s[i]);
		size_t column = (size_t)(l.s - begin) + i + 1;
		char octet;

		if (l.s[i] == '\x1a') /* Ctrl-Z, the end of what AT+CMGS takes */
			continue;
		if (strchr(" \t:-,", l.s[i]) && l.s[i])
			continue;
		if (v < 0)
			return bad_digit(fault, line, column, (unsigned char)l.s[i]);
		if (half->high < 0) {
			*half = (struct half){ .high = v, .line = line, .column = (unsigned)column };
			continue;
		}
		octet = (char)(half->high << 4 | v);
		half->high = -1;
		text_add(out, &octet, 1);
	}
	return 0;
}

int hex_next(struct hex_cursor *c, struct hex_message *ret, struct hex_fault *ret_fault)
{
	struct half half = { .high = -1 };
	bool any = false;

	text_clear(&ret->octets);
	ret->from_modem = false;
	ret->direction = HEX_UNKNOWN;
	ret->n_counted = -1;
	while (c->at < c->end) {
		struct line whole = line_at(c), l = trim(whole);
		int r;

		if (l.n == 0 || is_noise(l)) {
			skip(c, whole);
			continue;
		}
		if (is_announcement(l)) {
			if (any)
				break; /* of the next message */
			read_announcement(l, ret);
			skip(c, whole);
			continue;
		}
		r = read_line(whole, c->line, &ret->octets, &half, ret_fault);
		if (r < 0)
			return r;
		any = true;
		skip(c, whole);
	}
	if (half.high >= 0)
		return bad(ret_fault, half.line, half.column, "an octet has two digits, and this is the last one");
	if (!any && ret->from_modem)
		return bad(ret_fault, c->line, 1, "the line of the modem is followed by no octets");
	return any;
}
