/* SPDX-License-Identifier: Apache-2.0 */
/* preview_show.h -- show what the gateway says of a preview: a text with its culprits marked, or the sums of a file. */
#ifndef POSTHORN_CLI_PREVIEW_SHOW_H
#define POSTHORN_CLI_PREVIEW_SHOW_H

#include <jansson.h>

#include "cli/cli.h"

/* One message: for people the marked text, a table of the parts, why, and what would save; else a table. */
void preview_show_one(const struct cli *cli, const json_t *preview, const char *text, size_t n_text);

/* Many: one table, the same for people and for spreadsheets, and sentences for people. */
void preview_show_sums(const struct cli *cli, const json_t *answer);

#endif
