/* SPDX-License-Identifier: Apache-2.0
 *
 * idem.h -- idempotency keys in memory: the newest ones, and filters of those on disk.  No SQL; see
 * store_sqlite_idem.c for how keys live there.
 *
 * Keys are numbered as they come.  Here a key is its hash only, so what is found is a candidate: the row of that number
 * says whether it is the same key.
 *
 * A SEGMENT is a hash table of keys whose numbers follow on each other: 8 octets a key for the hash, and 8 for the
 * table.
 *
 * A RUN is on disk: the keys of 8^level segments, by hash.  It is cut by the upper bits of the hash into units (the
 * work of a step, and a piece of the filter) and these into parts (a row).  An entry has 8 octets: the bits of the hash
 * that follow on those that name the part, and in the lower ones the number within the run.
 *
 * A FILTER says of a hash that a run has not got it, or that it may: a Bloom filter in blocks of a cache line's half,
 * eight bits of each.  In small runs it has 16 bits a key and is wrong in about one of seven hundred, in those of 2^22
 * keys and more 10 bits, wrong in one of eighty.
 */
#ifndef IDEM_H
#define IDEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Sizes, as powers of two, in keys.  A unit has at least 8 parts: what goes into a unit of a run comes from whole parts
 * of eight smaller ones. */
struct idem_shape {
	uint8_t segment, unit, part;
};
#define IDEM_SHAPE  ((struct idem_shape){16, 11, 6})
#define IDEM_FANOUT 3 /* 8 runs make one of the next level */
#define IDEM_LEVELS 5 /* of up to 2^28 keys */
#define IDEM_BLOCK  32 /* octets of a filter in which the bits of one hash are */

/* The lower bits, of which no entry knows, are clear. */
uint64_t idem_hash(const struct idem_shape *s, uint32_t client, const uint8_t khash[static 16]);

/* ---- segments -------------------------------------------------------------------------------------------- */

struct idem_segment;

struct idem_segment *idem_segment_new(const struct idem_shape *s, uint64_t first);
void idem_segment_free(struct idem_segment *g);
uint64_t idem_segment_first(const struct idem_segment *g); /* number; of a whole segment, whatever is in it */
void idem_segment_add(struct idem_segment *g, uint64_t n, uint64_t hash); /* rising */
void idem_segment_cut(struct idem_segment *g, uint64_t n); /* n and what is above was not to be */
void idem_segment_foresee(const struct idem_segment *g, uint64_t hash); /* it will be looked for */
/* Candidates one after the other, *at beginning with 0; false: no more. */
bool idem_segment_find(const struct idem_segment *g, uint64_t hash, uint32_t *at, uint64_t *ret_n);
/* Hashes of the keys first + *ret_from up to first + *ret_upto, which is not one of them. */
const uint64_t *idem_segment_hashes(const struct idem_segment *g, uint32_t *ret_from, uint32_t *ret_upto);

/* ---- runs ------------------------------------------------------------------------------------------------ */

static inline unsigned idem_run_bits(const struct idem_shape *s, unsigned level)
{
	return s->segment + IDEM_FANOUT * level;
}

static inline uint64_t idem_run_size(const struct idem_shape *s, unsigned level)
{
	return UINT64_C(1) << idem_run_bits(s, level);
}

static inline unsigned idem_run_units(const struct idem_shape *s, unsigned level)
{
	return 1u << (idem_run_bits(s, level) - s->unit);
}

/* The first `bits` of a hash. */
static inline uint64_t idem_prefix(uint64_t hash, unsigned bits)
{
	return bits ? hash >> (64 - bits) : 0;
}

static inline uint64_t idem_part(const struct idem_shape *s, unsigned level, uint64_t hash)
{
	return idem_prefix(hash, idem_run_bits(s, level) - s->part);
}

/* Rows of parts and units are numbered so that those of a run follow on each other, and those of one level. */
static inline uint64_t idem_row(unsigned level, uint64_t first, unsigned bits, uint64_t i)
{
	return (uint64_t)level << 56 | ((first >> bits) + i);
}

#define IDEM_ENTRY 8
void idem_entry_put(const struct idem_shape *s, unsigned level, uint64_t hash, uint64_t offset, uint8_t *to);
/* Back again; `part` is that of the row. */
void idem_entry_get(const struct idem_shape *s, unsigned level, uint64_t part, const uint8_t *from, uint64_t *ret_hash,
	uint64_t *ret_offset);

/* ---- filters --------------------------------------------------------------------------------------------- */

size_t idem_filter_size(const struct idem_shape *s, unsigned level); /* octets of a unit */
void idem_filter_add(const struct idem_shape *s, unsigned level, uint8_t *unit, uint64_t hash);
/* The bits of a hash in its block, the same for every filter, and where the block is in that of a whole run: the same
 * for all of a level. */
struct idem_mark {
	uint8_t octets[IDEM_BLOCK];
};
struct idem_probe {
	struct idem_mark mark;
	size_t at[IDEM_LEVELS];
};
void idem_filter_places(const struct idem_shape *s, uint64_t hash, size_t ret[static IDEM_LEVELS]);
struct idem_probe idem_filter_probe(const struct idem_shape *s, uint64_t hash);

/* `filter`: of the whole run, unit by unit. */
static inline bool idem_filter_maybe(const struct idem_probe *p, unsigned level, const uint8_t *filter)
{
	const uint8_t *block = filter + p->at[level];
	uint64_t missing = 0;

	for (size_t i = 0; i < IDEM_BLOCK; i += 8) {
		uint64_t have, want;

		memcpy(&have, block + i, 8);
		memcpy(&want, p->mark.octets + i, 8);
		missing |= want & ~have;
	}
	return !missing;
}

#endif
