/* SPDX-License-Identifier: Apache-2.0 */
/* gsm7.h -- the GSM 7 bit alphabets: the default one, its extension, and those of the national languages
 * (3GPP TS 23.038, 6.2.1 and annex A).
 *
 * A septet is kept one to an octet ("unpacked"), as SMPP carries it; gsm7_pack() and gsm7_unpack() are for
 * TPDUs. Octet 00 is `@`, so septets are never a C string: a length goes with them everywhere.
 *
 * Which tables are in force says a `struct gsm7_shift`, the pair of identifiers that the header elements 25 (locking
 * shift: instead of the default table) and 24 (single shift: instead of the extension table) carry
 * (3GPP TS 23.040, 9.2.3.24.15 and .16).  The two are independent.  A receiver that does not know an identifier reads
 * with the default table in its place, and so do we. */
#ifndef CODEC_GSM7_H
#define CODEC_GSM7_H

#include "codec/gsm7_tables.h"

#include <stddef.h>
#include <stdint.h>

#define GSM7_ESC 0x1b

#define GSM7_LOCKING 0x3ffb /* bit n: n has a locking table, as all have but Spanish */
#define GSM7_PLAIN   0x000b /* bit n: there all of ASCII that the default table has as the same septet is it, too */

struct gsm7_shift {
	uint8_t locking, single; /* 0: the default */
};

/* "tr" and the like (ISO 639-1) for identifiers 1 to 13; NULL for others.  And back: 0 when there is none. */
const char *gsm7_language_name(unsigned id);
unsigned gsm7_language(const char *name);

/* Octets of UTF-8 that `n` septets may need: no table holds a character outside the basic plane. */
#define GSM7_UTF8_MAX(n) ((size_t)(n)*3)

/* The first half of gsm7_encode(), here so that it can be inlined into loops over text. */
extern const int16_t gsm7_low[256];

/* The code point in the tables of `shift`, as gsm7_encode() gives it; the main table's one septet is preferred. */
static inline int gsm7_encode_shift(uint32_t cp, struct gsm7_shift shift)
{
	const struct gsm7_char *c = gsm7_char(cp);
	unsigned in_main = c->in_main >> shift.locking & 1u, in_single = c->in_single >> shift.single & 1u;
	int code = in_main ? c->main[shift.locking] : GSM7_ESC << 8 | c->single[shift.single];

	return in_main | in_single ? code : -1;
}

/* The code point in the default tables: a septet (00..7f), or 0x1b00 | code for one that takes ESC and a
 * second septet, or -1 when the alphabet does not have it.  Exact, no look-alikes: U+0391 is not `A`, and `ç`
 * is not `Ç`. */
static inline int gsm7_encode(uint32_t cp)
{
	return cp < 256 ? gsm7_low[cp] : gsm7_encode_shift(cp, (struct gsm7_shift){0, 0});
}

/* What gsm7_encode() costs for the code point: 1 or 2 septets, 0 when it cannot be said. */
static inline unsigned gsm7_cost(uint32_t cp)
{
	int code = gsm7_encode(cp);

	return code < 0 ? 0 : code > 0x7f ? 2 : 1;
}

/* Septets to UTF-8.  Bit 7 of each octet is ignored.  Decode joined parts, not each alone, where the sender
 * may have cut an escape pair.  ESC before a code that the extension table lacks shows the main table's
 * character; ESC ESC and a last lone ESC show a space; ESC 0D is CR; ESC 0A is U+000C
 * (3GPP TS 23.038, 6.2.1.1).  -ENOBUFS when `cap` is too small; GSM7_UTF8_MAX(n) never is. */
int gsm7_decode(
	const uint8_t *septets, size_t n, struct gsm7_shift shift, char *dst, size_t cap, size_t *ret_n);

/* Septets that a user data header of `n_udh` octets (its length octet included) takes, and the zero bits
 * between its end and the first septet of text (3GPP TS 23.040, 9.2.3.24). */
static inline unsigned gsm7_header_septets(unsigned n_udh)
{
	return (n_udh * 8 + 6) / 7;
}

static inline unsigned gsm7_fill_bits(unsigned n_udh)
{
	return gsm7_header_septets(n_udh) * 7 - n_udh * 8;
}

/* Pack `n` septets behind `fill_bits` (0..6) zero bits; `*ret_n` is the octets written.  -ENOBUFS when they
 * exceed `cap`. */
int gsm7_pack(const uint8_t *septets, size_t n, unsigned fill_bits, uint8_t *dst, size_t cap, size_t *ret_n);

/* Unpack `n_septets` from `n` octets that begin with `fill_bits` (0..6) bits to skip.  -EBADMSG when the
 * octets hold fewer septets (nothing is written then); surplus octets are ignored.  `septets` has room for
 * n_septets. */
int gsm7_unpack(const uint8_t *src, size_t n, unsigned fill_bits, uint8_t *septets, size_t n_septets);

#endif
