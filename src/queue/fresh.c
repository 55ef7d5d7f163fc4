/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/fresh.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BITS 16
#define BLOCK_IDS (1u << BLOCK_BITS)

struct block {
	uint32_t n_set;
	uint32_t low_word; /* no bit is set in a word below */
	uint64_t word[BLOCK_IDS / 64];
};

struct fresh {
	uint64_t first;       /* number (id >> BLOCK_BITS) of block[0] */
	struct block **block; /* NULL: no bit set there */
	size_t n, cap;
};

struct fresh *fresh_new(uint64_t first_id)
{
	struct fresh *f = calloc(1, sizeof(*f));

	if (f)
		f->first = first_id >> BLOCK_BITS;
	return f;
}

void fresh_free(struct fresh *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++)
		free(f->block[i]);
	free(f->block);
	free(f);
}

static int grow(struct fresh *f, size_t n)
{
	size_t cap = f->cap ? f->cap : 16;
	struct block **b;

	while (cap < n)
		cap *= 2;
	if (cap > f->cap) {
		b = realloc(f->block, cap * sizeof(struct block *));
		if (!b)
			return -ENOMEM;
		f->block = b;
		f->cap = cap;
	}
	memset(f->block + f->n, 0, (n - f->n) * sizeof(struct block *));
	f->n = n;
	return 0;
}

int fresh_set(struct fresh *f, uint64_t id)
{
	uint64_t number = id >> BLOCK_BITS;
	uint32_t bit = id & (BLOCK_IDS - 1);
	struct block *b;
	size_t i;

	if (number < f->first)
		return -ERANGE;
	i = number - f->first;
	if (i >= f->n && grow(f, i + 1) < 0)
		return -ENOMEM;
	b = f->block[i];
	if (!b) {
		b = calloc(1, sizeof(*b));
		if (!b)
			return -ENOMEM;
		f->block[i] = b;
		b->low_word = bit / 64;
	}
	if (!(b->word[bit / 64] >> (bit % 64) & 1)) {
		b->word[bit / 64] |= 1ull << (bit % 64);
		b->n_set++;
	}
	if (bit / 64 < b->low_word)
		b->low_word = bit / 64;
	return 0;
}

bool fresh_clear(struct fresh *f, uint64_t id)
{
	uint64_t number = id >> BLOCK_BITS;
	uint32_t bit = id & (BLOCK_IDS - 1);
	struct block *b;

	if (number < f->first || number - f->first >= f->n)
		return false;
	b = f->block[number - f->first];
	if (!b || !(b->word[bit / 64] >> (bit % 64) & 1))
		return false;
	b->word[bit / 64] &= ~(1ull << (bit % 64));
	if (--b->n_set == 0) {
		f->block[number - f->first] = NULL;
		free(b);
	}
	return true;
}

uint64_t fresh_low(struct fresh *f, uint64_t next_id)
{
	size_t i = 0;
	struct block *b;

	while (i < f->n && !f->block[i])
		i++;
	if (i > 0) {
		memmove(f->block, f->block + i, (f->n - i) * sizeof(struct block *));
		f->n -= i;
		f->first += i;
	}
	if (f->n == 0) {
		f->first = next_id >> BLOCK_BITS;
		return next_id;
	}
	b = f->block[0];
	while (b->word[b->low_word] == 0)
		b->low_word++;
	return (f->first << BLOCK_BITS) + b->low_word * 64 + (unsigned)__builtin_ctzll(b->word[b->low_word]);
}
