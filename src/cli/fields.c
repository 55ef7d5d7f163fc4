/* SPDX-License-Identifier: Apache-2.0 */
/* fields.c -- the table of message fields; see fields.h. */
#include "config.h"

#include "cli/fields.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

const struct field fields[N_FIELDS] = {
	[FIELD_TO] = { "to", FIELD_STRING },
	[FIELD_TEXT] = { "text", FIELD_STRING },
	{ "from", FIELD_STRING },
	[FIELD_REF] = { "ref", FIELD_STRING },
	{ "class", FIELD_STRING },
	{ "campaign", FIELD_STRING },
	{ "tag", FIELD_STRING },
	{ "send_at", FIELD_STRING },
	{ "ttl", FIELD_INTEGER },
	{ "encoding", FIELD_STRING },
	{ "flash", FIELD_BOOLEAN },
	{ "smart", FIELD_BOOLEAN },
	{ "nfc", FIELD_BOOLEAN },
	{ "translit", FIELD_STRING },
	{ "report", FIELD_STRING },
	{ "data", FIELD_STRING },
	{ "udh", FIELD_STRING },
	{ "idempotency_key", FIELD_STRING },
};

static void trim(const char **s, size_t *n)
{
	while (*n && isspace((unsigned char)**s)) {
		(*s)++;
		(*n)--;
	}
	while (*n && isspace((unsigned char)(*s)[*n - 1]))
		(*n)--;
}

static bool same_name(const char *wanted, const char *name, size_t n)
{
	if (strlen(wanted) != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = name[i] == '-' || name[i] == ' ' ? '_' : (char)tolower((unsigned char)name[i]);

		if (c != wanted[i])
			return false;
	}
	return true;
}

const struct field *field_find(const char *name, size_t n)
{
	trim(&name, &n);
	for (size_t i = 0; i < N_FIELDS; i++) {
		if (same_name(fields[i].name, name, n))
			return &fields[i];
	}
	return NULL;
}

static int integer_to_json(const char *value, size_t n, struct text *out)
{
	if (!n || n > 18) /* 18 digits always fit 64 bits */
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (!isdigit((unsigned char)value[i]))
			return -EINVAL;
	}
	while (n > 1 && *value == '0') { /* JSON allows no leading zeros (RFC 8259, 6) */
		value++;
		n--;
	}
	text_add(out, value, n);
	return 0;
}

static int boolean_to_json(const char *value, size_t n, struct text *out)
{
	static const struct {
		const char *word;
		bool yes;
	} words[] = {
		{ "true", true }, { "yes", true }, { "1", true }, { "false", false }, { "no", false }, { "0", false },
	};

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (strlen(words[i].word) == n && strncasecmp(words[i].word, value, n) == 0) {
			text_puts(out, words[i].yes ? "true" : "false");
			return 0;
		}
	}
	return -EINVAL;
}

int field_to_json(const struct field *f, const char *value, size_t n, struct text *out)
{
	switch (f->type) {
	case FIELD_STRING:
		if (!utf8_valid(value, n))
			return -EINVAL;
		text_json(out, value, n);
		return 0;
	case FIELD_INTEGER:
		trim(&value, &n);
		return integer_to_json(value, n, out);
	case FIELD_BOOLEAN:
		trim(&value, &n);
		return boolean_to_json(value, n, out);
	}
	return -EINVAL;
}
