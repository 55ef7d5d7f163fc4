/* SPDX-License-Identifier: Apache-2.0 */
/* gsm7_tables.h -- the alphabets as arrays, made at build time from src/codec/alphabets (see gsm7.h for their use).
 *
 * A character that stands in any table has a number, found in two steps without a search; what each language's tables
 * do with it stands in one row under that number. */
#ifndef CODEC_GSM7_TABLES_H
#define CODEC_GSM7_TABLES_H

#include <stdint.h>

#define GSM7_LANGUAGES 14 /* identifiers 0 (default) to 13 */

/* For reading: the character of a septet, and of the septet after ESC (0: the table has no such cell). */
extern const uint16_t gsm7_main[GSM7_LANGUAGES][128];
extern const uint16_t gsm7_single[GSM7_LANGUAGES][128];

/* For writing.  Bit n of a mask: the character stands in that table of language n; the septet is then in [n]. */
struct gsm7_char {
	uint16_t in_main, in_single;
	uint8_t main[GSM7_LANGUAGES], single[GSM7_LANGUAGES];
};

extern const uint8_t gsm7_pages[512]; /* by code point / 128 */
extern const uint16_t gsm7_cells[][128];
extern const struct gsm7_char gsm7_chars[]; /* [0]: in no table */

static inline const struct gsm7_char *gsm7_char(uint32_t cp)
{
	return &gsm7_chars[cp < 0x10000 ? gsm7_cells[gsm7_pages[cp >> 7]][cp & 0x7f] : 0];
}

#endif
