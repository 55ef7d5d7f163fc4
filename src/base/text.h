/* SPDX-License-Identifier: Apache-2.0
 *
 * text.h -- short texts from one bounded place to another, where every message goes by: snprintf() costs ten times as
 * much.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Put `s` (NULL: nothing) at `at`, cut so that its NUL is before `end`; `at` is before `end`.  Returns where the NUL
 * is: the next one goes there. */
static inline char *text_put(char *at, const char *end, const char *s)
{
	size_t n = s ? strlen(s) : 0, room = (size_t)(end - at) - 1;

	if (n > room)
		n = room;
	if (n)
		memcpy(at, s, n);
	at[n] = '\0';
	return at + n;
}

/* Into an array, cut to fit. */
static inline void text_copy(char *dst, size_t size, const char *s)
{
	text_put(dst, dst + size, s);
}

/* Decimal digits, at most 20 and no NUL; returns the end. */
static inline char *text_u64(char *at, uint64_t v)
{
	char digits[20];
	unsigned n = 0;

	do
		digits[n++] = (char)('0' + v % 10);
	while (v /= 10);
	while (n)
		*at++ = digits[--n];
	return at;
}

#endif
