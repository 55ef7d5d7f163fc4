/* SPDX-License-Identifier: Apache-2.0 */
/* idem.c -- see idem.h. */
#include "queue/idem.h"

#include <stdlib.h>
#include <string.h>

/* Octet by octet, so that a file is the same everywhere; compilers know what is meant. */
static inline uint64_t get_le(const uint8_t *p)
{
	return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
	       (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

static inline void put_le(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

uint64_t idem_hash(const struct idem_shape *s, uint32_t client, const uint8_t khash[static 16])
{
	uint64_t x = get_le(khash) ^ (get_le(khash + 8) * UINT64_C(0x9e3779b97f4a7c15) + client);

	/* The octets are a digest as a rule, but nobody promises it: every bit must count for the upper ones. */
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	x ^= x >> 31;
	return x >> s->part << s->part;
}

/* ---- segments -------------------------------------------------------------------------------------------- */

/* Open addressing, half full at most.  A slot has the place of the key plus one and, above, some bits of its hash, so
 * that a key that is not there costs one look into the table.  The last that came is the first to go (cut), so a slot
 * can simply be emptied: nobody that is still there was put behind it. */
#define PLACE_BITS 17

struct idem_segment {
	uint64_t first;
	uint32_t from, n; /* places in use: [from, n); those before had aged when the segment was read back */
	uint32_t size;
	uint64_t *hashes;
	uint32_t *slots;
};

struct idem_segment *idem_segment_new(const struct idem_shape *s, uint64_t first)
{
	struct idem_segment *g = calloc(1, sizeof *g);

	if (!g)
		return NULL;
	g->first = first;
	g->size = UINT32_C(1) << s->segment;
	g->hashes = malloc(g->size * sizeof *g->hashes);
	g->slots = calloc(2 * g->size, sizeof *g->slots);
	if (!g->hashes || !g->slots) {
		idem_segment_free(g);
		return NULL;
	}
	return g;
}

void idem_segment_free(struct idem_segment *g)
{
	if (!g)
		return;
	free(g->hashes);
	free(g->slots);
	free(g);
}

uint64_t idem_segment_first(const struct idem_segment *g)
{
	return g->first;
}

static uint32_t slot_of(const struct idem_segment *g, uint64_t hash)
{
	return (uint32_t)(hash >> 20) & (2 * g->size - 1);
}

static uint32_t mark_of(uint64_t hash)
{
	return (uint32_t)(hash >> 49) << PLACE_BITS;
}

void idem_segment_add(struct idem_segment *g, uint64_t n, uint64_t hash)
{
	uint32_t at = slot_of(g, hash), place = (uint32_t)(n - g->first);

	if (g->from == g->n)
		g->from = place;
	g->hashes[place] = hash;
	g->n = place + 1;
	while (g->slots[at])
		at = (at + 1) & (2 * g->size - 1);
	g->slots[at] = mark_of(hash) | (place + 1);
}

void idem_segment_cut(struct idem_segment *g, uint64_t n)
{
	while (g->n > g->from && g->first + g->n > n) {
		uint32_t place = --g->n, at = slot_of(g, g->hashes[place]);

		while ((g->slots[at] & ((1u << PLACE_BITS) - 1)) != place + 1)
			at = (at + 1) & (2 * g->size - 1);
		g->slots[at] = 0;
	}
}

void idem_segment_foresee(const struct idem_segment *g, uint64_t hash)
{
	__builtin_prefetch(&g->slots[slot_of(g, hash)]);
}

bool idem_segment_find(const struct idem_segment *g, uint64_t hash, uint32_t *at, uint64_t *ret_n)
{
	uint32_t mask = 2 * g->size - 1, from = slot_of(g, hash), slot;

	while ((slot = g->slots[(from + *at) & mask])) {
		uint32_t place = (slot & ((1u << PLACE_BITS) - 1)) - 1;

		++*at;
		if ((slot ^ mark_of(hash)) >> PLACE_BITS || g->hashes[place] != hash)
			continue;
		*ret_n = g->first + place;
		return true;
	}
	return false;
}

const uint64_t *idem_segment_hashes(const struct idem_segment *g, uint32_t *ret_from, uint32_t *ret_upto)
{
	*ret_from = g->from;
	*ret_upto = g->n;
	return g->hashes;
}

/* ---- runs ------------------------------------------------------------------------------------------------ */

/* Bits of the hash that an entry has, all but those of the number; what names the part was shifted out above. */
static uint64_t low_bits(unsigned bits)
{
	return (UINT64_C(1) << bits) - 1;
}

void idem_entry_put(const struct idem_shape *s, unsigned level, uint64_t hash, uint64_t offset, uint8_t *to)
{
	unsigned bits = idem_run_bits(s, level);

	put_le(to, (hash << (bits - s->part) & ~low_bits(bits)) | offset);
}

void idem_entry_get(const struct idem_shape *s, unsigned level, uint64_t part, const uint8_t *from, uint64_t *ret_hash,
	uint64_t *ret_offset)
{
	unsigned bits = idem_run_bits(s, level), upper = bits - s->part;
	uint64_t v = get_le(from);

	*ret_offset = v & low_bits(bits);
	*ret_hash = (v & ~low_bits(bits)) >> upper | (upper ? part << (64 - upper) : 0);
}

/* ---- filters --------------------------------------------------------------------------------------------- */

#define BLOCK        ((size_t)IDEM_BLOCK)
#define UNIT_BLOCKS  126 /* for 2^11 keys: with its row a unit fits a page */
#define LARGE_BLOCKS 80  /* where most keys are, in few runs: each denies less, and all together as much */
#define LARGE_LEVEL  2

static unsigned unit_blocks(const struct idem_shape *s, unsigned level)
{
	unsigned most = level < LARGE_LEVEL ? UNIT_BLOCKS : LARGE_BLOCKS;
	unsigned n = s->unit < 11 ? most >> (11 - s->unit) : most;

	return n ? n : 1;
}

size_t idem_filter_size(const struct idem_shape *s, unsigned level)
{
	return (size_t)unit_blocks(s, level) * BLOCK;
}

static size_t block_of(const struct idem_shape *s, unsigned level, uint64_t hash)
{
	uint64_t rest = hash << (idem_run_bits(s, level) - s->unit) >> 32;

	return (size_t)(rest * unit_blocks(s, level) >> 32);
}

/* A bit in each word of 32, as octets: so a file is the same everywhere. */
static struct idem_mark mark_bits(uint64_t hash)
{
	static const uint32_t odd[8] = {0xcc92d33d, 0x40b2d003, 0x536e95df, 0x32833107, 0x3d90fbad, 0x3170fab3,
		0xd293056b, 0xf08db22f};
	struct idem_mark m = {{0}};

	for (int i = 0; i < 8; i++) {
		unsigned bit = (uint32_t)(hash >> 6) * odd[i] >> 27;

		m.octets[4 * i + bit / 8] = (uint8_t)(1u << bit % 8);
	}
	return m;
}

void idem_filter_add(const struct idem_shape *s, unsigned level, uint8_t *unit, uint64_t hash)
{
	struct idem_mark m = mark_bits(hash);
	uint8_t *block = unit + block_of(s, level, hash) * BLOCK;

	for (size_t i = 0; i < BLOCK; i++)
		block[i] |= m.octets[i];
}

void idem_filter_places(const struct idem_shape *s, uint64_t hash, size_t ret[static IDEM_LEVELS])
{
	for (unsigned level = 0; level < IDEM_LEVELS; level++) {
		uint64_t unit = idem_prefix(hash, idem_run_bits(s, level) - s->unit);

		ret[level] = unit * idem_filter_size(s, level) + block_of(s, level, hash) * BLOCK;
	}
}

struct idem_probe idem_filter_probe(const struct idem_shape *s, uint64_t hash)
{
	struct idem_probe p = {.mark = mark_bits(hash)};

	idem_filter_places(s, hash, p.at);
	return p;
}
