/* SPDX-License-Identifier: Apache-2.0 */
/* stats_test.c -- values of labels, as Prometheus reads them: what a network or a maker wrote may be anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "report/stats.h"

static void labels_are_always_utf8_and_one_line(void **state)
{
	static const struct {
		const char *value, *wanted;
	} v[] = {
		{ "", "" },
		{ "T-Mobile D", "T-Mobile D" },
		{ "Билайн", "Билайн" },
		{ "a\"b\\c\nd", "a\\\"b\\\\c\\nd" },
		{ "caf\xe9", "caf?" },
		{ "\xe9\"", "?\\\"" },
		{ "\xd0", "?" },                 /* cut in the middle of a character */
		{ "\xed\xa0\x80", "???" },       /* a surrogate */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct buf b;
		char wanted[100];

		buf_init(&b, 1000);
		assert_int_equal(stats_text_value(&b, "x", (const char *const[]){ "of", v[i].value, NULL }, 1), 0);
		snprintf(wanted, sizeof(wanted), "posthorn_x{of=\"%s\"} 1\n", v[i].wanted);
		assert_int_equal(buf_len(&b), strlen(wanted));
		assert_memory_equal(buf_data(&b), wanted, strlen(wanted));
		buf_done(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(labels_are_always_utf8_and_one_line) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
