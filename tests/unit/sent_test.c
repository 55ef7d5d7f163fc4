/* SPDX-License-Identifier: Apache-2.0
 *
 * sent_test.c -- the ring of parts whose receipts are to come.
 *
 * The bounds are made small, so that pushing out and renumbering happen after a few entries instead of after 2^19 and
 * 2^31.  What a table cannot reach is done at random beside a plain array that does the same by walking.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "queue/sent.h"

#define N_SPILLED 4096

struct spilled {
	uint64_t id[N_SPILLED];
	uint8_t state[N_SPILLED];
	unsigned n;
};

static void spill(void *arg, const struct sent_entry *e)
{
	struct spilled *sp = arg;

	assert_true(sp->n < N_SPILLED);
	sp->id[sp->n] = e->msg.id;
	sp->state[sp->n++] = e->state;
}

static struct sent *small(struct spilled *sp, uint32_t max, uint32_t renumber_at)
{
	struct sent *s = sent_new_within(&(struct sent_bounds){ max, renumber_at }, spill, sp);

	assert_non_null(s);
	memset(sp, 0, sizeof(*sp));
	return s;
}

static void add(struct sent *s, uint64_t hash, uint64_t id, unsigned part, uint64_t to, enum msg_state state)
{
	const struct sent_entry e = { .hash = hash, .msg = { .id = id }, .to = to, .part = (uint8_t)part,
		.state = (uint8_t)state, .deadline_s = (uint32_t)(1000 + id) };

	assert_int_equal(sent_add(s, &e), 0);
}

static uint64_t id_of(const struct sent_entry *e)
{
	return e ? e->msg.id : 0;
}

/* ---- what a receipt finds ---- */

enum { MAX_ROWS = 4 };

static const struct found {
	const char *why;
	struct {
		uint64_t hash, to;
		enum msg_state state;
	} rows[MAX_ROWS]; /* ids 1, 2, … */
	uint64_t hash, to, id; /* id 0: nothing */
} found[] = {
	{ "nothing was sent", { { 0 } }, 7, 12025550142, 0 },
	{ "the one", { { 7, 12025550142, STATE_SENT } }, 7, 12025550142, 1 },
	{ "another id", { { 7, 12025550142, STATE_SENT } }, 8, 12025550142, 0 },
	{ "another id of the same bucket", { { 7, 12025550142, STATE_SENT } }, 7 + 16, 12025550142, 0 },
	{ "another recipient", { { 7, 12025550142, STATE_SENT } }, 7, 12025550143, 0 },
	{ "a receipt that does not name the recipient", { { 7, 12025550142, STATE_SENT } }, 7, 0, 1 },
	{ "a recipient that is not kept", { { 7, 0, STATE_SENT } }, 7, 12025550142, 1 },
	{ "the recipient in national digits", { { 7, 12025550142, STATE_SENT } }, 7, 5550142, 1 },
	{ "the recipient with a trunk prefix", { { 7, 375291234567, STATE_SENT } }, 7, 80291234567, 1 },
	{ "one id for two recipients, first", { { 7, 12025550142, STATE_SENT }, { 7, 12025550143, STATE_SENT } },
		7, 12025550142, 1 },
	{ "one id for two recipients, second", { { 7, 12025550142, STATE_SENT }, { 7, 12025550143, STATE_SENT } },
		7, 12025550143, 2 },
	{ "an id given again: the newest", { { 7, 5550142, STATE_SENT }, { 7, 5550142, STATE_SENT } }, 7, 5550142, 2 },
	{ "unsettled before settled, though older", { { 7, 5550142, STATE_SENT }, { 7, 5550142, STATE_DELIVERED } },
		7, 5550142, 1 },
	{ "the newest of the settled", { { 7, 5550142, STATE_DELIVERED }, { 7, 5550142, STATE_UNDELIVERED } },
		7, 5550142, 2 },
	{ "behind others of its bucket",
		{ { 7, 5550142, STATE_SENT }, { 23, 5550142, STATE_SENT }, { 39, 5550142, STATE_SENT } }, 7, 0, 1 },
	{ "no id at all", { { 0, 5550142, STATE_SENT } }, 0, 5550142, 0 },
};

static void test_a_receipt_finds_the_newest_that_still_waits(void **state)
{
	struct spilled sp;

	for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
		const struct found *f = &found[i];
		struct sent *s = small(&sp, 16, 1u << 31);

		for (unsigned k = 0; k < MAX_ROWS && (f->rows[k].hash || f->rows[k].to); k++)
			add(s, f->rows[k].hash, k + 1, 1, f->rows[k].to, f->rows[k].state);
		if (id_of(sent_find(s, f->hash, f->to)) != f->id)
			fail_msg("%s: %llu", f->why, (unsigned long long)id_of(sent_find(s, f->hash, f->to)));
		sent_free(s);
	}
}

static const struct same {
	uint64_t a, b;
	bool same;
} same[] = {
	{ 12025550142, 12025550142, true },
	{ 12025550142, 5550142, true },
	{ 12025550142, 15550142, true }, /* the last seven digits decide */
	{ 12025550142, 550142, false },
	{ 12025550142, 12025550152, false },
	{ 12025550142, 12024550142, false },
	{ 0, 12025550142, true },
	{ 12025550142, 0, true },
};

static void test_seven_last_digits_are_one_handset(void **state)
{
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		if (sent_same_number(same[i].a, same[i].b) != same[i].same)
			fail_msg("%llu %llu", (unsigned long long)same[i].a, (unsigned long long)same[i].b);
}

static void test_the_hash_keeps_links_and_ids_apart_and_is_never_0(void **state)
{
	assert_int_equal(sent_hash(1, "0a3f"), sent_hash(1, "0a3f"));
	assert_true(sent_hash(1, "0a3f") != sent_hash(2, "0a3f"));
	assert_true(sent_hash(1, "0a3f") != sent_hash(1, "0a3e"));
	assert_true(sent_hash(1, "") != 0);
}

static void test_a_part_is_found_beside_its_brothers(void **state)
{
	struct spilled sp;
	struct sent *s = small(&sp, 16, 1u << 31);

	assert_null(sent_find_part(s, 7, 1, 1));
	add(s, 7, 1, 1, 0, STATE_SENT);
	add(s, 7, 1, 2, 0, STATE_SENT);
	add(s, 7, 2, 1, 0, STATE_SENT);
	assert_int_equal(sent_find_part(s, 7, 1, 2)->part, 2);
	assert_int_equal(sent_find_part(s, 7, 1, 1)->part, 1);
	assert_int_equal(id_of(sent_find_part(s, 7, 2, 1)), 2);
	assert_null(sent_find_part(s, 7, 2, 2));
	assert_null(sent_find_part(s, 8, 1, 1));
	sent_free(s);
}

static void test_settled_and_reopened_are_counted_once(void **state)
{
	struct spilled sp;
	struct sent *s = small(&sp, 16, 1u << 31);
	struct sent_entry *e;

	add(s, 7, 1, 1, 0, STATE_SENT);
	add(s, 8, 2, 1, 0, STATE_SENT);
	assert_int_equal(sent_count(s), 2);
	e = sent_find(s, 7, 0);
	sent_settle(s, e, STATE_UNDELIVERED);
	sent_settle(s, e, STATE_DELIVERED); /* a correction */
	assert_int_equal(sent_count(s), 1);
	sent_reopen(s, e);
	sent_reopen(s, e);
	assert_int_equal(sent_count(s), 2);
	assert_int_equal(e->state, STATE_SENT);
	sent_spill_all(s);
	assert_int_equal(sent_count(s), 0);
	sent_free(s);
}

/* ---- growing and pushing out ---- */

static void test_the_ring_grows_to_its_bound_and_no_further(void **state)
{
	struct spilled sp;
	struct sent *s = small(&sp, 8192, 1u << 31); /* grows once, from 4096 */

	for (uint64_t id = 1; id <= 8192; id++)
		add(s, id, id, 1, 0, STATE_SENT);
	assert_int_equal(sp.n, 0);
	for (uint64_t id = 1; id <= 8192; id++)
		assert_int_equal(id_of(sent_find(s, id, 0)), id);
	add(s, 8193, 8193, 1, 0, STATE_SENT);
	assert_int_equal(sp.n, 1);
	assert_int_equal(sp.id[0], 1);
	assert_null(sent_find(s, 1, 0));
	assert_int_equal(id_of(sent_find(s, 2, 0)), 2);
	assert_int_equal(sent_count(s), 8192);
	sent_free(s);
}

static void test_it_does_not_grow_for_what_was_delivered(void **state)
{
	struct spilled sp;
	struct sent *s = small(&sp, 8192, 1u << 31);

	for (uint64_t id = 1; id <= 4096; id++)
		add(s, id, id, 1, 0, STATE_DELIVERED);
	add(s, 4097, 4097, 1, 0, STATE_SENT);
	assert_null(sent_find(s, 1, 0)); /* its place was taken, a larger ring would still have it */
	assert_int_equal(id_of(sent_find(s, 2, 0)), 2);
	assert_int_equal(sp.n, 0);
	sent_free(s);
}

static void test_what_the_disk_does_not_know_yet_is_not_given_up(void **state)
{
	struct spilled sp;
	struct sent *s = small(&sp, 8192, 1u << 31);

	for (uint64_t id = 1; id <= 8192; id++) {
		add(s, id, id, 1, 0, STATE_DELIVERED);
		if (id == 1 || id == 4097)
			sent_find(s, id, 0)->n_staged = 1;
	}
	add(s, 8193, 8193, 1, 0, STATE_SENT);
	assert_int_equal(id_of(sent_find(s, 1, 0)), 1);
	assert_int_equal(id_of(sent_find(s, 4097, 0)), 4097);
	sent_spill_all(s);
	assert_int_equal(sp.n, 3);
	assert_int_equal(sp.id[0], 1);
	assert_int_equal(sp.id[1], 4097);
	assert_int_equal(sp.id[2], 8193);
	sent_free(s);
}

static void test_the_oldest_leave_first_and_those_that_ended_without_a_word(void **state)
{
	static const enum msg_state states[] = { STATE_SENT, STATE_DELIVERED, STATE_UNDELIVERED, STATE_SENT,
		STATE_UNCONFIRMED, STATE_DELIVERED, STATE_SENT, STATE_SENT };
	static const uint64_t ids[] = { 1, 4, 7, 8 };
	struct spilled sp;
	struct sent *s = small(&sp, 8, 1u << 31);

	for (unsigned i = 0; i < 8; i++)
		add(s, 50 + i, i + 1, 1, 0, states[i]);
	assert_int_equal(sp.n, 0);
	for (unsigned i = 8; i < 16; i++)
		add(s, 50 + i, i + 1, 1, 0, STATE_SENT);
	assert_int_equal(sp.n, 4);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(sp.id[i], ids[i]);
		assert_int_equal(sp.state[i], states[ids[i] - 1]);
	}
	sent_spill_all(s);
	assert_int_equal(sp.n, 12);
	assert_int_equal(sp.id[11], 16);
	assert_int_equal(sent_count(s), 0);
	assert_null(sent_find(s, 65, 0));
	sent_free(s);
}

static const struct below {
	const char *why;
	uint64_t id;
	unsigned at_most, n; /* n of the ids 10, 20, 15, 30, 40 leave */
} below[] = {
	{ "none is below the first", 10, 99, 0 },
	{ "one", 11, 99, 1 },
	{ "the first that is not below holds those behind it", 20, 99, 1 },
	{ "three", 21, 99, 3 },
	{ "no more than asked for", 41, 2, 2 },
	{ "none asked for", 41, 0, 0 },
	{ "all", 41, 99, 5 },
};

static void test_spill_below_ends_at_the_first_that_is_not(void **state)
{
	static const uint64_t ids[] = { 10, 20, 15, 30, 40 };
	struct spilled sp;

	for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++) {
		struct sent *s = small(&sp, 8, 1u << 31);

		sent_spill_below(s, 100, 99); /* an empty one */
		for (unsigned k = 0; k < 5; k++)
			add(s, 1 + k, ids[k], 1, 0, STATE_SENT);
		sent_spill_below(s, below[i].id, below[i].at_most);
		if (sp.n != below[i].n)
			fail_msg("%s: %u", below[i].why, sp.n);
		assert_memory_equal(sp.id, ids, sp.n * sizeof(ids[0]));
		assert_int_equal(sent_count(s), 5 - sp.n);
		sent_free(s);
	}
}

static void test_one_id_for_all_is_found_by_the_recipient(void **state)
{
	struct spilled sp;
	struct sent *s = small(&sp, 16, 1u << 31);

	for (uint64_t id = 1; id <= 100; id++)
		add(s, 7, id, 1, 12025550000 + id, STATE_SENT);
	assert_int_equal(sp.n, 84);
	for (uint64_t id = 85; id <= 100; id++)
		assert_int_equal(id_of(sent_find(s, 7, 12025550000 + id)), id);
	assert_null(sent_find(s, 7, 12025550084));
	sent_free(s);
}

/* ---- the sweep ---- */

struct late {
	struct sent *s;
	uint64_t id[64];
	unsigned n;
	bool settle;
};

static void late(void *arg, struct sent_entry *e)
{
	struct late *l = arg;

	assert_true(l->n < 64);
	l->id[l->n++] = e->msg.id;
	if (l->settle)
		sent_settle(l->s, e, STATE_UNCONFIRMED);
}

static void ask(void *arg, struct sent_entry *e)
{
	(void)arg;
	(void)e;
	fail_msg("nothing here has a time to be asked about");
}

static void test_the_sweep_calls_late_once_for_each(void **state)
{
	struct spilled sp;
	struct late l = { .s = small(&sp, 16, 1u << 31), .settle = true };

	sent_sweep(l.s, 100, UINT32_MAX, late, ask, &l); /* an empty one */
	for (uint64_t id = 1; id <= 10; id++)
		add(l.s, id, id, 1, 0, id == 3 ? STATE_DELIVERED : STATE_SENT);
	sent_sweep(l.s, 100, 1000, late, ask, &l); /* deadlines are 1001 … 1010 */
	assert_int_equal(l.n, 0);
	sent_sweep(l.s, 100, 1004, late, ask, &l);
	assert_int_equal(l.n, 3); /* 1, 2, 4 */
	assert_int_equal(l.id[0], 1);
	assert_int_equal(l.id[1], 2);
	assert_int_equal(l.id[2], 4);
	assert_int_equal(sent_count(l.s), 6);
	sent_sweep(l.s, 100, 1004, late, ask, &l);
	assert_int_equal(l.n, 3);
	sent_sweep(l.s, 100, UINT32_MAX, late, ask, &l);
	assert_int_equal(l.n, 9);
	assert_int_equal(sent_count(l.s), 0);
	sent_free(l.s);
}

static void test_one_round_of_the_sweep_looks_at_each_once(void **state)
{
	struct spilled sp;
	struct late l = { .s = small(&sp, 16, 1u << 31) }; /* late() could not store it: asked again next round */

	for (uint64_t id = 1; id <= 10; id++)
		add(l.s, id, id, 1, 0, STATE_SENT);
	sent_sweep(l.s, 4, UINT32_MAX, late, ask, &l);
	sent_sweep(l.s, 4, UINT32_MAX, late, ask, &l);
	assert_int_equal(l.n, 8);
	sent_sweep(l.s, 4, UINT32_MAX, late, ask, &l); /* 9, 10 and round again */
	for (unsigned i = 0; i < 12; i++)
		assert_int_equal(l.id[i], i % 10 + 1);
	l.n = 0;
	sent_sweep(l.s, 100, UINT32_MAX, late, ask, &l);
	assert_int_equal(l.n, 10);
	sent_free(l.s);
}

static void test_the_sweep_goes_on_where_pushed_out_ones_were(void **state)
{
	struct spilled sp;
	struct late l = { .s = small(&sp, 8, 1u << 31) };

	for (uint64_t id = 1; id <= 8; id++)
		add(l.s, id, id, 1, 0, STATE_SENT);
	sent_sweep(l.s, 2, UINT32_MAX, late, ask, &l);
	for (uint64_t id = 9; id <= 12; id++) /* 1 … 4 leave: the next in turn are among them */
		add(l.s, id, id, 1, 0, STATE_SENT);
	sent_sweep(l.s, 1, UINT32_MAX, late, ask, &l);
	assert_int_equal(l.id[2], 5);
	sent_spill_all(l.s);
	sent_sweep(l.s, 8, UINT32_MAX, late, ask, &l);
	assert_int_equal(l.n, 3);
	sent_free(l.s);
}

/* ---- numbers that begin again ---- */

static void test_nothing_is_lost_where_numbers_begin_again(void **state)
{
	struct spilled sp;
	struct late l = { .s = small(&sp, 8, 21) }; /* begins again within a full ring, at another slot each time */

	for (uint64_t id = 1; id <= 200; id++) {
		add(l.s, id % 5 + 1, id, 1, 0, STATE_SENT);
		for (uint64_t k = id > 8 ? id - 7 : 1; k <= id; k++)
			assert_int_equal(id_of(sent_find_part(l.s, k % 5 + 1, k, 1)), k);
		if (id > 8)
			assert_null(sent_find_part(l.s, (id - 8) % 5 + 1, id - 8, 1));
		assert_int_equal(sent_count(l.s), id > 8 ? 8 : id);
	}
	assert_int_equal(sp.n, 192);
	for (unsigned i = 0; i < sp.n; i++)
		assert_int_equal(sp.id[i], i + 1);
	sent_sweep(l.s, 8, UINT32_MAX, late, ask, &l);
	assert_int_equal(l.n, 8);
	sent_free(l.s);
}

/* ---- at random, beside a plain array ---- */

struct plain {
	struct sent_entry e[8192];
	unsigned head, tail;
	struct spilled spilled;
};

static void plain_pop(struct plain *p)
{
	const struct sent_entry *e = &p->e[p->head++];

	if (e->state == STATE_SENT)
		spill(&p->spilled, e);
}

static const struct sent_entry *plain_find(const struct plain *p, uint64_t hash, uint64_t to)
{
	for (int settled = 0; settled < 2; settled++)
		for (unsigned i = p->tail; i-- > p->head;)
			if (p->e[i].hash == hash && p->e[i].to == to && (p->e[i].state != STATE_SENT) == settled)
				return &p->e[i];
	return NULL;
}

static void plain_settle(struct plain *p, uint64_t id, enum msg_state state)
{
	for (unsigned i = p->head; i < p->tail; i++)
		if (p->e[i].msg.id == id)
			p->e[i].state = (uint8_t)state;
}

static uint32_t rnd(uint64_t *x)
{
	*x = *x * 6364136223846793005ull + 1442695040888963407ull; /* Knuth's MMIX */
	return (uint32_t)(*x >> 33);
}

static void test_it_does_what_a_plain_array_does(void **state)
{
	static struct plain p;
	static struct spilled sp;
	static const enum msg_state ends[] = { STATE_DELIVERED, STATE_UNDELIVERED, STATE_SENT };
	struct sent *s = small(&sp, 16, 50);
	uint64_t x = 20250401;

	for (unsigned step = 0; p.tail < 8192 && p.spilled.n < N_SPILLED - 32; step++) {
		uint64_t hash = rnd(&x) % 24 + 1, to = rnd(&x) % 3 + 1;
		const struct sent_entry *want = plain_find(&p, hash, to);
		struct sent_entry *got = sent_find(s, hash, to);

		if (id_of(got) != id_of(want))
			fail_msg("step %u: %llu, not %llu", step, (unsigned long long)id_of(got),
				(unsigned long long)id_of(want));
		if (rnd(&x) % 3 == 0 && got) {
			enum msg_state end = ends[rnd(&x) % 3];

			plain_settle(&p, got->msg.id, end);
			if (end == STATE_SENT)
				sent_reopen(s, got);
			else
				sent_settle(s, got, end);
		} else if (rnd(&x) % 64 == 0) {
			unsigned n = rnd(&x) % 4;

			sent_spill_below(s, UINT64_MAX, n);
			for (; n && p.head != p.tail; n--)
				plain_pop(&p);
		} else {
			if (p.tail - p.head == 16)
				plain_pop(&p);
			add(s, hash, p.tail + 1, 1, to, STATE_SENT);
			p.e[p.tail] = (struct sent_entry){ .hash = hash, .to = to, .state = STATE_SENT };
			p.e[p.tail].msg.id = p.tail + 1;
			p.tail++;
		}
	}
	assert_int_equal(sp.n, p.spilled.n);
	assert_memory_equal(sp.id, p.spilled.id, sp.n * sizeof(sp.id[0]));
	assert_memory_equal(sp.state, p.spilled.state, sp.n);
	sent_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_receipt_finds_the_newest_that_still_waits),
		cmocka_unit_test(test_seven_last_digits_are_one_handset),
		cmocka_unit_test(test_the_hash_keeps_links_and_ids_apart_and_is_never_0),
		cmocka_unit_test(test_a_part_is_found_beside_its_brothers),
		cmocka_unit_test(test_settled_and_reopened_are_counted_once),
		cmocka_unit_test(test_the_ring_grows_to_its_bound_and_no_further),
		cmocka_unit_test(test_it_does_not_grow_for_what_was_delivered),
		cmocka_unit_test(test_what_the_disk_does_not_know_yet_is_not_given_up),
		cmocka_unit_test(test_the_oldest_leave_first_and_those_that_ended_without_a_word),
		cmocka_unit_test(test_spill_below_ends_at_the_first_that_is_not),
		cmocka_unit_test(test_one_id_for_all_is_found_by_the_recipient),
		cmocka_unit_test(test_the_sweep_calls_late_once_for_each),
		cmocka_unit_test(test_one_round_of_the_sweep_looks_at_each_once),
		cmocka_unit_test(test_the_sweep_goes_on_where_pushed_out_ones_were),
		cmocka_unit_test(test_nothing_is_lost_where_numbers_begin_again),
		cmocka_unit_test(test_it_does_what_a_plain_array_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
