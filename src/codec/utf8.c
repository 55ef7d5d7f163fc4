/* SPDX-License-Identifier: Apache-2.0 */
/* utf8.c -- check, read and write UTF-8.
 *
 * Most text is ASCII, so the check looks at eight octets at a time and falls back to one sequence at a time
 * at the first octet with its high bit set.  There is one decoder, sequence(), used by the check and by the
 * reader: what one accepts the other reads. */
#include "codec/utf8.h"

#include <errno.h>
#include <string.h>

#define REPLACEMENT 0xfffdu

/* Octets of the sequence at `s`, 0 when it is not well formed (Unicode 15, table 3-7; RFC 3629, 4). */
static inline size_t sequence(const uint8_t *s, size_t n, uint32_t *ret_cp)
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

int utf8_check(const char *s, size_t n, size_t *ret_bad_at)
{
	const uint8_t *u = (const uint8_t *)s;
	size_t i = 0;

	while (i < n) {
		uint64_t eight;
		uint32_t cp;
		size_t len;

		if (n - i >= sizeof(eight)) {
			memcpy(&eight, u + i, sizeof(eight));
			if ((eight & UINT64_C(0x8080808080808080)) == 0) {
				i += sizeof(eight);
				continue;
			}
		}
		len = sequence(u + i, n - i, &cp);
		if (len == 0) {
			if (ret_bad_at)
				*ret_bad_at = i;
			return -EILSEQ;
		}
		i += len;
	}
	return 0;
}

size_t utf8_next(const char *s, size_t n, uint32_t *ret_cp)
{
	size_t len;

	if (n == 0)
		return 0;
	len = sequence((const uint8_t *)s, n, ret_cp);
	if (len == 0) {
		*ret_cp = REPLACEMENT;
		return 1;
	}
	return len;
}

size_t utf8_put(char *dst, size_t cap, uint32_t cp)
{
	if (cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		cp = REPLACEMENT;
	if (cp < 0x80) {
		if (cap < 1)
			return 0;
		dst[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		if (cap < 2)
			return 0;
		dst[0] = (char)(0xc0 | cp >> 6);
		dst[1] = (char)(0x80 | (cp & 0x3f));
		return 2;
	}
	if (cp < 0x10000) {
		if (cap < 3)
			return 0;
		dst[0] = (char)(0xe0 | cp >> 12);
		dst[1] = (char)(0x80 | (cp >> 6 & 0x3f));
		dst[2] = (char)(0x80 | (cp & 0x3f));
		return 3;
	}
	if (cap < 4)
		return 0;
	dst[0] = (char)(0xf0 | cp >> 18);
	dst[1] = (char)(0x80 | (cp >> 12 & 0x3f));
	dst[2] = (char)(0x80 | (cp >> 6 & 0x3f));
	dst[3] = (char)(0x80 | (cp & 0x3f));
	return 4;
}
