/* SPDX-License-Identifier: Apache-2.0 */
/* mark.h -- a text with some of its characters marked, for a terminal or a page.
 *
 * Wide characters are marked in both columns.  A character without a width (a combining mark, a zero-width space) is
 * marked under the one before it, as there is nothing of its own to point at.  Line breaks of the text end a line; what
 * could move the cursor is made harmless, as in tables.
 */
#ifndef POSTHORN_CLI_MARK_H
#define POSTHORN_CLI_MARK_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/text.h"

/* Add the text in lines of at most `n_columns`, the characters at the given positions (ascending, counted from 0)
 * marked: in inverse video, or by ^ in a line below. */
void mark_text(struct text *out, const char *s, size_t n, const size_t *at, size_t n_at, size_t n_columns,
	bool inverse);

#endif
