/* SPDX-License-Identifier: Apache-2.0 */
/* fields.h -- the fields of a message as clients name them, and their types.
 *
 * Options, CSV columns and defaults for rows all speak of the same fields; this is the one table of them.  What a
 * value may be is for the gateway to judge: only what JSON needs (number, boolean, string) is known here.
 */
#ifndef BASE_FIELDS_H
#define BASE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* Values as people write them into cells: whole numbers of up to 18 digits; true, yes, 1, false, no, 0.  Outer blanks
 * do not matter.  -EINVAL for everything else. */
int field_integer(const char *value, size_t n, int64_t *ret);
int field_boolean(const char *value, size_t n, bool *ret);

#endif
