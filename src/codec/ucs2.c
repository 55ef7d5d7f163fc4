/* SPDX-License-Identifier: Apache-2.0 */
/* ucs2.c -- between UTF-8 and UTF-16BE or Latin-1.
 *
 * 3GPP TS 23.038, 6.2.3 says UCS-2, big endian.  Phones have sent surrogate pairs under that name since emoji
 * exist, so we write and read UTF-16. */
#include "codec/ucs2.h"

#include "codec/utf8.h"

#include <errno.h>
#include <stdbool.h>

#define REPLACEMENT 0xfffdu

static bool is_high(uint32_t unit)
{
	return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low(uint32_t unit)
{
	return unit >= 0xdc00 && unit <= 0xdfff;
}

int ucs2_from_utf8(const char *s, size_t n, uint8_t *dst, size_t cap, size_t *ret_n)
{
	size_t at = 0;

	for (size_t i = 0; i < n;) {
		uint32_t cp;

		i += utf8_next(s + i, n - i, &cp);
		if (cap - at < (cp > 0xffff ? 4u : 2u))
			return -ENOBUFS;
		if (cp > 0xffff) {
			uint32_t high = 0xd800 + ((cp - 0x10000) >> 10);

			dst[at++] = (uint8_t)(high >> 8);
			dst[at++] = (uint8_t)high;
			cp = 0xdc00 + ((cp - 0x10000) & 0x3ff);
		}
		dst[at++] = (uint8_t)(cp >> 8);
		dst[at++] = (uint8_t)cp;
	}
	*ret_n = at;
	return 0;
}

static uint32_t unit_at(const uint8_t *src, bool little)
{
	return little ? (uint32_t)src[1] << 8 | src[0] : (uint32_t)src[0] << 8 | src[1];
}

/* The code point that begins with the unit at `src`; returns the octets it takes.  n is 1 or more. */
static size_t read_cp(const uint8_t *src, size_t n, bool little, uint32_t *ret_cp)
{
	uint32_t unit;

	*ret_cp = REPLACEMENT;
	if (n < 2)
		return 1;
	unit = unit_at(src, little);
	if (is_high(unit) && n >= 4 && is_low(unit_at(src + 2, little))) {
		*ret_cp = 0x10000 + ((unit - 0xd800) << 10) + (unit_at(src + 2, little) - 0xdc00);
		return 4;
	}
	if (!is_high(unit) && !is_low(unit))
		*ret_cp = unit;
	return 2;
}

int ucs2_to_utf8(const uint8_t *src, size_t n, char *dst, size_t cap, size_t *ret_n)
{
	size_t at = 0, i = 0;
	bool little = false;

	if (n % 2 == 1 && src[n - 1] == 0)
		n--;
	if (n >= 2 && (unit_at(src, false) == 0xfeff || unit_at(src, true) == 0xfeff)) {
		little = src[0] == 0xff;
		i = 2;
	}
	while (i < n) {
		uint32_t cp;
		size_t len;

		i += read_cp(src + i, n - i, little, &cp);
		len = utf8_put(dst + at, cap - at, cp);
		if (len == 0)
			return -ENOBUFS;
		at += len;
	}
	*ret_n = at;
	return 0;
}

int latin1_to_utf8(const uint8_t *src, size_t n, char *dst, size_t cap, size_t *ret_n)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		size_t len = utf8_put(dst + at, cap - at, src[i]);

		if (len == 0)
			return -ENOBUFS;
		at += len;
	}
	*ret_n = at;
	return 0;
}
