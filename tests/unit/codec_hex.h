/* SPDX-License-Identifier: Apache-2.0 */
/* codec_hex.h -- expected octets written as hex, and random numbers that are the same in each run. */
#ifndef TESTS_CODEC_HEX_H
#define TESTS_CODEC_HEX_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline unsigned hex_nibble(char c)
{
	const char *digits = "0123456789abcdef", *at = strchr(digits, c | 0x20);

	assert(c != '\0' && at);
	return (unsigned)(at - digits);
}

/* Octets written; blanks between octets are skipped. */
static inline size_t from_hex(const char *hex, uint8_t *dst, size_t cap)
{
	size_t n = 0;

	for (; *hex; hex++) {
		if (*hex == ' ')
			continue;
		assert(n < cap);
		dst[n++] = (uint8_t)(hex_nibble(hex[0]) << 4 | hex_nibble(hex[1]));
		hex++;
	}
	return n;
}

/* xorshift32 */
static inline uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

#endif
