/* SPDX-License-Identifier: Apache-2.0 */
/* fields.h -- the fields of a message as the API names them, and their types.
 *
 * Options, CSV columns and defaults for rows all speak of the same fields; this is the one table of them.  What a
 * value may be is for the gateway to judge: only what JSON needs (number, boolean, string) is known here.
 */
#ifndef POSTHORN_CLI_FIELDS_H
#define POSTHORN_CLI_FIELDS_H

#include "cli/text.h"

enum field_type {
	FIELD_STRING,
	FIELD_INTEGER,
	FIELD_BOOLEAN,
};

struct field {
	const char *name;
	enum field_type type;
};

enum {
	FIELD_TO = 0, /* places in the table that others need by name */
	FIELD_TEXT = 1,
	FIELD_REF = 3,
	N_FIELDS = 18,
};

extern const struct field fields[N_FIELDS];

/* By name; case and outer blanks do not matter, `-` and blanks stand for `_`.  NULL: there is none. */
const struct field *field_find(const char *name, size_t n);

/* Add `value` as JSON of the field's type.  Returns 0, or -EINVAL when it is no such value (nothing is added). */
int field_to_json(const struct field *f, const char *value, size_t n, struct text *out);

#endif
