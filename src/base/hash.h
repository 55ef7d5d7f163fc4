/* SPDX-License-Identifier: Apache-2.0
 *
 * hash.h -- 64-bit hashes of short strings.  They are stored on disk (waiting, lookup, receipt_parked): the function
 * must never change.  FNV-1a with a final mix; not for keys that an attacker profits from colliding.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t hash_mix64(uint64_t h)
{
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdULL;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53ULL;
	h ^= h >> 33;
	return h;
}

static inline uint64_t hash_bytes(uint64_t seed, const void *data, size_t n)
{
	const uint8_t *p = data;
	uint64_t h = 0xcbf29ce484222325ULL ^ hash_mix64(seed);

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3ULL;
	return hash_mix64(h);
}

#endif
