/* SPDX-License-Identifier: Apache-2.0 */
/* fields.c -- values of message fields as JSON text; see fields.h. */
#include "config.h"

#include "cli/fields.h"

#include <errno.h>

int field_to_json(const struct field *f, const char *value, size_t n, struct text *out)
{
	int64_t number;
	bool yes;

	switch (f->type) {
	case FIELD_STRING:
		if (!text_is_utf8(value, n))
			return -EINVAL;
		text_json(out, value, n);
		return 0;
	case FIELD_INTEGER:
		if (field_integer(value, n, &number) < 0)
			return -EINVAL;
		text_printf(out, "%lld", (long long)number);
		return 0;
	case FIELD_BOOLEAN:
		if (field_boolean(value, n, &yes) < 0)
			return -EINVAL;
		text_puts(out, yes ? "true" : "false");
		return 0;
	}
	return -EINVAL;
}
