/* SPDX-License-Identifier: Apache-2.0 */
/* smart_tables.h -- the look-alikes as arrays, made at build time from src/codec/smart.tsv (see smart.h for their use).
 *
 * A character is found in two steps without a search, as in gsm7_tables.h. */
#ifndef CODEC_SMART_TABLES_H
#define CODEC_SMART_TABLES_H

#include "codec/smart.h"

struct smart_char {
	uint8_t step; /* enum smart_step that replaces it; SMART_NONE: it stays */
	uint8_t n;
	char with[5];
};

extern const uint8_t smart_pages[512]; /* by code point / 128 */
extern const uint16_t smart_cells[][128];
extern const struct smart_char smart_chars[]; /* [0]: stays */

static inline const struct smart_char *smart_char(uint32_t cp)
{
	return &smart_chars[cp < 0x10000 ? smart_cells[smart_pages[cp >> 7]][cp & 0x7f] : 0];
}

#endif
