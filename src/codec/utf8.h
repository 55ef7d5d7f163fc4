/* SPDX-License-Identifier: Apache-2.0 */
/* utf8.h -- check, read and write UTF-8.
 *
 * Text enters the gateway as UTF-8 and is stored as UTF-8.  It is checked once, at the door, with
 * utf8_check(); all code behind the door may then use utf8_next(), which does not check again.  The check is
 * the strict one of RFC 3629: no overlong form (two spellings of one text would defeat every comparison), no
 * surrogates (they cannot be sent), at most U+10FFFF.
 *
 * None of these functions reads past the length it is given, whatever the octets are. */
#ifndef CODEC_UTF8_H
#define CODEC_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define UTF8_MAX_OCTETS 4 /* of one code point, RFC 3629, 3 */

/* 0, or -EILSEQ and `*ret_bad_at` (may be NULL) is the offset of the first octet of the sequence that is
 * wrong. */
int utf8_check(const char *s, size_t n, size_t *ret_bad_at);

/* The code point at `s`, which must have passed utf8_check(); returns the octets it takes, 0 only when `n` is
 * 0. A broken sequence gives U+FFFD and takes one octet, so that a loop over unchecked text still ends. */
size_t utf8_next(const char *s, size_t n, uint32_t *ret_cp);

/* Write one code point; returns the octets written, 0 when they do not fit in `cap` (nothing is written
 * then). What is no Unicode scalar value becomes U+FFFD. */
size_t utf8_put(char *dst, size_t cap, uint32_t cp);

#endif
