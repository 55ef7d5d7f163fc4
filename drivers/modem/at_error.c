/* SPDX-License-Identifier: Apache-2.0 */
/* at_error.c -- look up what at_error.def says. */
#include <config.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "drivers/modem/at_error.h"

struct row {
	int code;
	enum at_class class;
	unsigned bound;
	const char *text;
};

/* Each ascending, for the search. */
static const struct row cms[] = {
#define CMS(code, class, bound, text) { code, AT_CLASS_##class, bound, text },
#define CME(code, class, bound, text)
#include "drivers/modem/at_error.def"
#undef CMS
#undef CME
};

static const struct row cme[] = {
#define CMS(code, class, bound, text)
#define CME(code, class, bound, text) { code, AT_CLASS_##class, bound, text },
#include "drivers/modem/at_error.def"
#undef CMS
#undef CME
};

static int compare(const void *key, const void *row)
{
	int a = *(const int *)key, b = ((const struct row *)row)->code;

	return (a > b) - (a < b);
}

static const struct row *find(enum at_kind kind, int code)
{
	if (kind == AT_CMS_ERROR)
		return bsearch(&code, cms, sizeof(cms) / sizeof(cms[0]), sizeof(cms[0]), compare);
	if (kind == AT_CME_ERROR)
		return bsearch(&code, cme, sizeof(cme) / sizeof(cme[0]), sizeof(cme[0]), compare);
	return NULL;
}

enum at_class at_error_class(enum at_kind kind, int code)
{
	const struct row *row = find(kind, code);

	return row ? row->class : AT_CLASS_TEMPORARY;
}

unsigned at_error_bound(enum at_kind kind, int code)
{
	const struct row *row = find(kind, code);

	return row ? row->bound : 0;
}

enum outcome at_error_outcome(enum at_class class, unsigned bound, unsigned n)
{
	switch (class) {
	case AT_CLASS_PERMANENT:
		return OUTCOME_REJECTED;
	case AT_CLASS_RECIPIENT:
		return OUTCOME_RECIPIENT;
	case AT_CLASS_TEMPORARY:
		return bound && n >= bound ? OUTCOME_REJECTED : OUTCOME_RETRY;
	case AT_CLASS_THROTTLE:
		return OUTCOME_THROTTLED;
	case AT_CLASS_FULL:
	case AT_CLASS_NETWORK:
	case AT_CLASS_NOT_READY:
	case AT_CLASS_DEVICE:
	case AT_CLASS_CONFIG:
		return OUTCOME_LINK_FAULT;
	case AT_CLASS_UNKNOWN:
		return OUTCOME_UNKNOWN;
	case AT_CLASS_DUPLICATE:
		return OUTCOME_DUPLICATE;
	}
	return OUTCOME_RETRY;
}

const char *at_error_text(enum at_kind kind, int code, char *buf, size_t n_buf)
{
	const char *name = kind == AT_CMS_ERROR ? "CMS" : "CME";
	const struct row *row = find(kind, code);

	if (kind != AT_CMS_ERROR && kind != AT_CME_ERROR)
		snprintf(buf, n_buf, "ERROR");
	else if (row)
		snprintf(buf, n_buf, "%s %d: %s", name, code, row->text);
	else if (code < 0)
		snprintf(buf, n_buf, "%s: words that are not known", name);
	else
		snprintf(buf, n_buf, "%s %d", name, code);
	return buf;
}

/* "(U)SIM busy" is "SIM busy" on modems of before UMTS. */
static const char *after_u(const char *s)
{
	return strncasecmp(s, "(U)", 3) == 0 ? s + 3 : s;
}

static bool same_words(const char *text, const char *words)
{
	for (;;) {
		text = after_u(text);
		words = after_u(words);
		if (!*text || !*words)
			return *text == *words;
		if (strncasecmp(text, words, 1) != 0)
			return false;
		text++;
		words++;
	}
}

int at_error_code(enum at_kind kind, const char *words)
{
	const struct row *rows = kind == AT_CMS_ERROR ? cms : cme;
	size_t n = kind == AT_CMS_ERROR ? sizeof(cms) / sizeof(cms[0]) : sizeof(cme) / sizeof(cme[0]);

	for (size_t i = 0; i < n; i++) {
		if (same_words(rows[i].text, words))
			return rows[i].code;
	}
	return -1;
}
