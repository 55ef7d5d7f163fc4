/* SPDX-License-Identifier: Apache-2.0 */
/* The window: answers in any order, the deadline in the order of sending, numbers that wrap, and the histogram. */
#include <config.h>

#include "smpp/window.h"
#include "tests/unit/codec_hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void answers_come_in_any_order(void **state)
{
	struct window w;
	struct window_slot slot;
	uint32_t seq[4];

	assert_int_equal(window_init(&w, 4), 0);
	for (unsigned i = 0; i < 4; i++) {
		assert_false(window_full(&w));
		seq[i] = window_seq(&w);
		assert_int_equal(seq[i], i + 1); /* SMPP 3.4, 5.1.4: from 1, one by one */
		window_add(&w, seq[i], 100 + i, 1000 + i, 10 * i);
	}
	assert_true(window_full(&w));
	assert_true(window_take(&w, seq[2], &slot));
	assert_int_equal(slot.key, 102);
	assert_int_equal(slot.end_octet, 20);
	assert_false(window_take(&w, seq[2], &slot)); /* an answer that comes twice */
	assert_true(window_take(&w, seq[0], &slot));
	assert_int_equal(window_oldest(&w)->key, 101);
	assert_true(window_take(&w, seq[3], &slot));
	assert_true(window_take(&w, seq[1], &slot));
	assert_null(window_oldest(&w));
	assert_int_equal(w.n, 0);
	window_done(&w);
}

static void numbers_that_were_never_sent(void **state)
{
	struct window w;
	struct window_slot slot;
	uint64_t key;

	assert_int_equal(window_init(&w, 1), 0);
	window_add(&w, window_seq(&w), 5, 0, 0);
	assert_false(window_take(&w, 0, &slot));
	assert_false(window_take(&w, 0xffffffff, &slot));
	assert_false(window_take(&w, 1 + w.mask + 1, &slot)); /* the same place, another number */
	assert_false(window_take_late(&w, 0, &key));
	assert_false(window_take_late(&w, 1, &key));
	assert_true(window_take(&w, 1, &slot));
	window_done(&w);
}

static void a_late_answer_is_known_once(void **state)
{
	struct window w;
	struct window_slot slot;
	uint64_t key = 0;

	assert_int_equal(window_init(&w, 2), 0);
	window_add(&w, window_seq(&w), 7, 10, 0);
	window_add(&w, window_seq(&w), 8, 11, 0);
	window_expire(&w, &slot);
	assert_int_equal(slot.key, 7);
	assert_false(window_take(&w, 1, &slot));
	assert_true(window_take_late(&w, 1, &key));
	assert_int_equal(key, 7);
	assert_false(window_take_late(&w, 1, &key));
	assert_int_equal(window_oldest(&w)->key, 8);
	window_drop(&w, &slot); /* the connection is gone: no answer can come */
	assert_false(window_take_late(&w, 2, &key));
	window_reset(&w);
	assert_int_equal(window_seq(&w), 1);
	window_done(&w);
}

static void numbers_wrap_and_pass_over_the_slow(void **state)
{
	struct window w;
	struct window_slot slot;

	assert_int_equal(window_init(&w, 2), 0);
	w.seq = WINDOW_SEQ_MAX - 1;
	window_add(&w, window_seq(&w), 1, 0, 0);
	assert_int_equal(w.seq, WINDOW_SEQ_MAX);
	window_add(&w, window_seq(&w), 2, 0, 0);
	assert_int_equal(w.seq, 1); /* never 0, never above 7FFFFFFF */
	assert_true(window_take(&w, 1, &slot));
	/* WINDOW_SEQ_MAX stays unanswered: its place is passed over each time round. */
	for (uint32_t i = 0; i < 3 * (w.mask + 1); i++) {
		uint32_t seq = window_seq(&w);

		assert_int_not_equal(seq & w.mask, WINDOW_SEQ_MAX & w.mask);
		window_add(&w, seq, 3, 0, 0);
		assert_true(window_take(&w, seq, &slot));
	}
	assert_true(window_take(&w, WINDOW_SEQ_MAX, &slot));
	assert_int_equal(slot.key, 1);
	window_done(&w);
}

/* Against a plain array that is searched. */
static void any_order_against_a_list(void **state)
{
	enum { SIZE = 37 };
	struct { uint32_t seq; uint64_t key; } list[SIZE];
	unsigned n = 0;
	uint32_t rnd = 99;
	struct window w;
	struct window_slot slot;

	assert_int_equal(window_init(&w, SIZE), 0);
	for (uint64_t i = 0; i < 100000; i++) {
		assert_int_equal(w.n, n);
		if (n)
			assert_int_equal(window_oldest(&w)->key, list[0].key);
		if (!window_full(&w) && next_random(&rnd) % 2) {
			list[n].seq = window_seq(&w);
			list[n].key = i;
			window_add(&w, list[n].seq, i, i, 0);
			n++;
		} else if (n) {
			unsigned at = next_random(&rnd) % n;

			assert_true(window_take(&w, list[at].seq, &slot));
			assert_int_equal(slot.key, list[at].key);
			for (n--; at < n; at++)
				list[at] = list[at + 1];
		}
	}
	window_done(&w);
}

static void percentiles(void **state)
{
	struct histogram h = { 0 };

	assert_int_equal(histogram_percentile(&h, 50), 0);
	for (unsigned i = 0; i < 98; i++)
		histogram_add(&h, 3);
	histogram_add(&h, 100);
	histogram_add(&h, 100);
	assert_int_equal(histogram_percentile(&h, 50), 3);
	/* The bucket of 100 ms ends at most a quarter above it. */
	assert_in_range(histogram_percentile(&h, 99), 100, 125);
	histogram_add(&h, UINT64_MAX);
	assert_true(histogram_percentile(&h, 100) > 3600000);
	for (unsigned i = 0; i < 200000; i++)
		histogram_add(&h, 40);
	assert_in_range(histogram_percentile(&h, 50), 40, 50); /* of late, not of all time */
}

static void every_value_lies_in_its_bucket(void **state)
{
	for (uint64_t ms = 0; ms < 100000; ms += 1 + ms / 50) {
		struct histogram h = { 0 };
		uint32_t top;

		histogram_add(&h, ms);
		top = histogram_percentile(&h, 50);
		assert_true(top >= ms && top <= ms + ms / 4);
	}
}

/* Up under load, with numbers that wrapped, then down below what waits: nothing is lost or mixed up. */
static void the_window_changes_while_requests_wait(void **state)
{
	struct window w;
	struct window_slot slot;

	assert_int_equal(window_init(&w, 10), 0);
	w.seq = WINDOW_SEQ_MAX - 5;
	for (uint32_t i = 0; i < 10; i++)
		window_add(&w, window_seq(&w), 100 + i, 1000 + i, i);
	assert_true(window_full(&w));
	assert_int_equal(window_resize(&w, 1000), 0);
	for (uint32_t i = 10; i < 1000; i++)
		window_add(&w, window_seq(&w), 100 + i, 1000 + i, i);
	assert_true(window_full(&w));
	assert_int_equal(window_resize(&w, 3), 0);
	assert_true(window_full(&w));
	assert_true(window_take(&w, WINDOW_SEQ_MAX, &slot)); /* the fifth, out of order */
	assert_int_equal(slot.key, 104);
	assert_false(window_take(&w, WINDOW_SEQ_MAX, &slot));
	for (uint32_t i = 0; i < 1000; i++) {
		if (i == 4)
			continue;
		assert_int_equal(window_oldest(&w)->key, 100 + i);
		assert_int_equal(window_oldest(&w)->sent_ms, 1000 + i);
		assert_true(window_take(&w, window_oldest(&w)->seq, &slot));
		assert_int_equal(slot.end_octet, i);
	}
	assert_null(window_oldest(&w));
	assert_false(window_full(&w));
	window_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_come_in_any_order),
		cmocka_unit_test(numbers_that_were_never_sent),
		cmocka_unit_test(a_late_answer_is_known_once),
		cmocka_unit_test(numbers_wrap_and_pass_over_the_slow),
		cmocka_unit_test(any_order_against_a_list),
		cmocka_unit_test(percentiles),
		cmocka_unit_test(every_value_lies_in_its_bucket),
		cmocka_unit_test(the_window_changes_while_requests_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
