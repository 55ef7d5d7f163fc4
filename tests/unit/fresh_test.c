/* SPDX-License-Identifier: Apache-2.0
 *
 * fresh_test.c -- the bitmap behind the low-water mark, beside a plain array of flags.
 *
 * A mark that is too high loses a message in the next crash, so it is compared after every single step.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdint.h>

#include "queue/fresh.h"

#define BLOCK 65536u
#define NODE (5ull << 49) /* ids of node 5: as far from 0 as ids are in life */

/* ---- edges ---- */

static const struct edge {
	const char *why;
	uint64_t first, set[3], next; /* set: 0 ends it */
	uint64_t low;
} edges[] = {
	{ "nothing is set: what comes next", NODE + 1, { 0 }, NODE + 77, NODE + 77 },
	{ "the first id", NODE + 1, { NODE + 1 }, NODE + 77, NODE + 1 },
	{ "the lowest, not the last set", NODE + 1, { NODE + 9, NODE + 3 }, NODE + 77, NODE + 3 },
	{ "set twice", NODE + 1, { NODE + 3, NODE + 3 }, NODE + 77, NODE + 3 },
	{ "last bit of a word", NODE, { NODE + 64, NODE + 63 }, NODE + 77, NODE + 63 },
	{ "first bit of a word", NODE, { NODE + 64 }, NODE + 77, NODE + 64 },
	{ "last id of a block", NODE, { NODE + BLOCK - 1 }, NODE + BLOCK, NODE + BLOCK - 1 },
	{ "first id of the next block", NODE, { NODE + BLOCK }, NODE + BLOCK + 1, NODE + BLOCK },
	{ "empty blocks in front", NODE, { NODE + 40 * BLOCK + 7 }, NODE + 41 * BLOCK, NODE + 40 * BLOCK + 7 },
	{ "below the first id but in its block", NODE + 100, { NODE + 50 }, NODE + 200, NODE + 50 },
	{ "a database that begins at 0", 0, { 1 }, 9, 1 },
};

static void test_low_is_the_lowest_that_is_set(void **state)
{
	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
		const struct edge *e = &edges[i];
		struct fresh *f = fresh_new(e->first);
		uint64_t low;

		assert_non_null(f);
		for (unsigned k = 0; k < 3 && e->set[k]; k++)
			assert_int_equal(fresh_set(f, e->set[k]), 0);
		low = fresh_low(f, e->next);
		if (low != e->low || fresh_low(f, e->next) != low)
			fail_msg("%s: %llu", e->why, (unsigned long long)low);
		fresh_free(f);
	}
}

static void test_ids_below_the_first_block_are_refused(void **state)
{
	struct fresh *f = fresh_new(NODE + 2 * BLOCK + 5);

	assert_int_equal(fresh_set(f, NODE + 2 * BLOCK - 1), -ERANGE);
	assert_int_equal(fresh_set(f, 1), -ERANGE);
	assert_false(fresh_clear(f, NODE + 2 * BLOCK - 1));
	assert_int_equal(fresh_low(f, NODE + 3 * BLOCK), NODE + 3 * BLOCK);
	fresh_free(f);
}

/* What fresh_low() has passed may lie on disk as the mark: nothing below may come back in silence. */
static void test_what_low_has_passed_is_refused(void **state)
{
	struct fresh *f = fresh_new(NODE);

	assert_int_equal(fresh_set(f, NODE + BLOCK), 0);
	assert_int_equal(fresh_set(f, NODE + 1), 0); /* not passed yet */
	assert_true(fresh_clear(f, NODE + 1));
	assert_int_equal(fresh_low(f, NODE + 2 * BLOCK), NODE + BLOCK);
	assert_int_equal(fresh_set(f, NODE + 1), -ERANGE);
	assert_true(fresh_clear(f, NODE + BLOCK));
	assert_int_equal(fresh_low(f, NODE + 9 * BLOCK + 1), NODE + 9 * BLOCK + 1);
	assert_int_equal(fresh_set(f, NODE + 8 * BLOCK), -ERANGE);
	assert_int_equal(fresh_set(f, NODE + 9 * BLOCK + 1), 0);
	fresh_free(f);
}

static void test_clear_says_whether_it_was_set(void **state)
{
	struct fresh *f = fresh_new(NODE);

	assert_false(fresh_clear(f, NODE + 3));
	assert_int_equal(fresh_set(f, NODE + 3), 0);
	assert_int_equal(fresh_set(f, NODE + 3), 0);
	assert_false(fresh_clear(f, NODE + 4));
	assert_false(fresh_clear(f, NODE + 3 + BLOCK));
	assert_true(fresh_clear(f, NODE + 3));
	assert_false(fresh_clear(f, NODE + 3));
	fresh_free(f);
	fresh_free(NULL);
}

/* ---- at random ---- */

#define MODEL_BLOCKS 6u
#define MODEL_IDS (MODEL_BLOCKS * BLOCK)

struct model {
	uint8_t set[MODEL_IDS];
	uint32_t first; /* block */
	uint32_t low;   /* no flag below: only to walk less */
};

static uint64_t rnd(uint64_t *x)
{
	*x = *x * 6364136223846793005ull + 1442695040888963407ull; /* Knuth's MMIX */
	return *x >> 33;
}

static uint32_t model_low(struct model *m, uint32_t next)
{
	while (m->low < next && !m->set[m->low])
		m->low++;
	m->first = m->low / BLOCK;
	return m->low;
}

/* One step on `i`; ids near the lowest are hit often, so that the mark moves. */
static void step(struct fresh *f, struct model *m, uint32_t i, bool set)
{
	if (!set) {
		assert_int_equal(fresh_clear(f, NODE + i), m->set[i]);
		m->set[i] = 0;
	} else if (i / BLOCK < m->first) {
		assert_int_equal(fresh_set(f, NODE + i), -ERANGE);
	} else {
		assert_int_equal(fresh_set(f, NODE + i), 0);
		m->set[i] = 1;
		if (i < m->low)
			m->low = i;
	}
}

static void run(uint64_t seed, uint32_t stride)
{
	static struct model m;
	struct fresh *f = fresh_new(NODE);
	uint64_t x = seed;

	m = (struct model){ 0 };
	for (uint32_t next = 0; next < MODEL_IDS; next += 1 + (uint32_t)(rnd(&x) % stride)) {
		uint32_t back = (uint32_t)(rnd(&x) % (2 * BLOCK));

		step(f, &m, next, rnd(&x) % 4 != 0);
		step(f, &m, m.low < MODEL_IDS ? m.low : next, false);
		step(f, &m, next > back ? next - back : 0, rnd(&x) % 8 == 0);
		if (fresh_low(f, NODE + next + 1) != NODE + model_low(&m, next + 1))
			fail_msg("seed %llu at %u: %llu, not %u", (unsigned long long)seed, next,
				(unsigned long long)(fresh_low(f, NODE + next + 1) - NODE), m.low);
	}
	for (uint32_t i = 0; i < MODEL_IDS; i++) /* what is left leaves, lowest first */
		if (m.set[i]) {
			assert_int_equal(fresh_low(f, NODE + MODEL_IDS), NODE + i);
			assert_true(fresh_clear(f, NODE + i));
		}
	assert_int_equal(fresh_low(f, NODE + MODEL_IDS), NODE + MODEL_IDS);
	fresh_free(f);
}

static void test_it_does_what_flags_do(void **state)
{
	static const uint32_t strides[] = { 2, 7, 150, 3000, 2 * BLOCK };

	for (size_t i = 0; i < sizeof(strides) / sizeof(strides[0]); i++)
		for (uint64_t seed = 1; seed <= 2; seed++)
			run(seed, strides[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_low_is_the_lowest_that_is_set),
		cmocka_unit_test(test_ids_below_the_first_block_are_refused),
		cmocka_unit_test(test_what_low_has_passed_is_refused),
		cmocka_unit_test(test_clear_says_whether_it_was_set),
		cmocka_unit_test(test_it_does_what_flags_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
