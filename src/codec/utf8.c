/* SPDX-License-Identifier: Apache-2.0 */
/* utf8.c -- check, read and write UTF-8.
 *
 * Most text is ASCII, so the check looks at eight octets at a time and falls back to one sequence at a time
 * at the first octet with its high bit set.  There is one decoder, utf8_sequence(), used by the check and by the
 * reader: what one accepts the other reads. */
#include "codec/utf8.h"

#include <errno.h>
#include <string.h>

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
		len = utf8_sequence(u + i, n - i, &cp);
		if (len == 0) {
			if (ret_bad_at)
				*ret_bad_at = i;
			return -EILSEQ;
		}
		i += len;
	}
	return 0;
}

size_t utf8_put(char *dst, size_t cap, uint32_t cp)
{
	if (cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		cp = UTF8_REPLACEMENT;
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
