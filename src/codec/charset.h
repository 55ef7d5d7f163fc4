/* SPDX-License-Identifier: Apache-2.0 */
/* charset.h -- texts in the alphabets that SMPP names and GSM does not: Cyrillic, Hebrew, Japanese, Korean.
 *
 * The tables are ICU's.  Its converters keep state, so they live in a `struct charsets`, one for each thread that needs
 * it, and each is opened when the first text in its alphabet comes: most gateways never see one.
 *
 * Whatever the octets are, sound UTF-8 comes out, with U+FFFD for what has no meaning. */
#ifndef CODEC_CHARSET_H
#define CODEC_CHARSET_H

#include "codec/data_coding.h"

#include <stddef.h>
#include <stdint.h>

struct charsets;

struct charsets *charsets_new(void); /* NULL: out of memory */
void charsets_free(struct charsets *c);

/* Octets of UTF-8 that `n` octets may need. */
#define CHARSET_UTF8_MAX(n) ((size_t)(n)*3)

/* One of CODING_JIS_X_0208, _ISO_8859_5, _ISO_8859_8, _ISO_2022_JP, _JIS_X_0212, _KS_C_5601.
 *
 * The standard does not say how the two Japanese sets are put into octets.  Escape sequences speak for ISO-2022-JP;
 * else an even number of octets 21..7e are pairs of the set itself; else EUC-JP, or Shift_JIS, whichever it is without
 * a fault.  Korean is read as EUC-KR with Microsoft's additions.
 *
 * 0, or -ENOTSUP: another alphabet, or this ICU has no table for it; -ENOMEM, -ENOBUFS. */
int charset_to_utf8(struct charsets *c, enum data_coding_alphabet a, const uint8_t *src, size_t n, char *dst,
	size_t cap, size_t *ret_n);

#endif
