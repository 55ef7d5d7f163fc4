/* SPDX-License-Identifier: Apache-2.0 */
/* fields.h -- values of message fields as JSON text, for the command line. */
#ifndef POSTHORN_CLI_FIELDS_H
#define POSTHORN_CLI_FIELDS_H

#include "base/fields.h"
#include "cli/text.h"

/* Add `value` as JSON of the field's type.  Returns 0, or -EINVAL when it is no such value (nothing is added). */
int field_to_json(const struct field *f, const char *value, size_t n, struct text *out);

#endif
