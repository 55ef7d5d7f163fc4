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

#define UTF8_MAX_OCTETS	 4 /* of one code point, RFC 3629, 3 */
#define UTF8_REPLACEMENT 0xfffdu

/* 0, or -EILSEQ and `*ret_bad_at` (may be NULL) is the offset of the first octet of the sequence that is
 * wrong. */
int utf8_check(const char *s, size_t n, size_t *ret_bad_at);

/* Octets of the sequence at `s`, of which `n` (1 or more) may be read; 0 when it is not well formed (Unicode 15, table
 * 3-7; RFC 3629, 4).  The one decoder, here so that it can be inlined into loops over text. */
static inline size_t utf8_sequence(const uint8_t *s, size_t n, uint32_t *ret_cp)
{
	uint32_t cp;

	if (s[0] < 0x80) {
		*ret_cp = s[0];
		return 1;
	}
	if (s[0] < 0xc2) /* a continuation, or C0 and C1, which can only be overlong */
		return 0;
	if (s[0] < 0xe0) {
		if (n < 2 || (s[1] & 0xc0) != 0x80)
			return 0;
		*ret_cp = (uint32_t)(s[0] & 0x1f) << 6 | (s[1] & 0x3f);
		return 2;
	}
	if (s[0] < 0xf0) {
		if (n < 3 || (s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80)
			return 0;
		cp = (uint32_t)(s[0] & 0x0f) << 12 | (uint32_t)(s[1] & 0x3f) << 6 | (s[2] & 0x3f);
		if (cp < 0x800 || (cp >= 0xd800 && cp <= 0xdfff))
			return 0;
		*ret_cp = cp;
		return 3;
	}
	if (n < 4 || s[0] > 0xf4 || (s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80 || (s[3] & 0xc0) != 0x80)
		return 0;
	cp = (uint32_t)(s[0] & 0x07) << 18 | (uint32_t)(s[1] & 0x3f) << 12 | (uint32_t)(s[2] & 0x3f) << 6 |
	     (s[3] & 0x3f);
	if (cp < 0x10000 || cp > 0x10ffff)
		return 0;
	*ret_cp = cp;
	return 4;
}

/* The code point at `s`, which must have passed utf8_check(); returns the octets it takes, 0 only when `n` is
 * 0. A broken sequence gives U+FFFD and takes one octet, so that a loop over unchecked text still ends. */
static inline size_t utf8_next(const char *s, size_t n, uint32_t *ret_cp)
{
	size_t len = n > 0 ? utf8_sequence((const uint8_t *)s, n, ret_cp) : 0;

	if (len > 0)
		return len;
	*ret_cp = UTF8_REPLACEMENT;
	return n > 0;
}

/* The same, with the usual case in front; `i` is below `n`. */
static inline size_t utf8_at(const char *s, size_t n, size_t i, uint32_t *ret_cp)
{
	*ret_cp = (uint8_t)s[i];
	return *ret_cp < 0x80 ? 1 : utf8_next(s + i, n - i, ret_cp);
}

/* Write one code point; returns the octets written, 0 when they do not fit in `cap` (nothing is written
 * then). What is no Unicode scalar value becomes U+FFFD. */
size_t utf8_put(char *dst, size_t cap, uint32_t cp);

#endif
