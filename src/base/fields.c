/* SPDX-License-Identifier: Apache-2.0 */
/* fields.c -- the table of message fields; see fields.h. */
#include "base/fields.h"

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

int field_integer(const char *value, size_t n, int64_t *ret)
{
	int64_t v = 0;

	trim(&value, &n);
	if (!n || n > 18) /* 18 digits always fit 64 bits */
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (!isdigit((unsigned char)value[i]))
			return -EINVAL;
		v = v * 10 + (value[i] - '0');
	}
	*ret = v;
	return 0;
}

int field_boolean(const char *value, size_t n, bool *ret)
{
	static const struct {
		const char *word;
		bool yes;
	} words[] = {
		{ "true", true }, { "yes", true }, { "1", true }, { "false", false }, { "no", false }, { "0", false },
	};

	trim(&value, &n);
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (strlen(words[i].word) == n && strncasecmp(words[i].word, value, n) == 0) {
			*ret = words[i].yes;
			return 0;
		}
	}
	return -EINVAL;
}
