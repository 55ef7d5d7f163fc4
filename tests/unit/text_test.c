/* SPDX-License-Identifier: Apache-2.0
 *
 * text_test.c -- short texts put into bounded places.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "message.h"

static void what_does_not_fit_is_cut(void **state)
{
	static const struct { const char *why, *in, *out; } rows[] = {
		{"nothing", NULL, ""},
		{"empty", "", ""},
		{"shorter", "ab", "ab"},
		{"just so", "abc", "abc"},
		{"longer", "abcd", "abc"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char dst[5] = "....";

		text_copy(dst, 4, rows[i].in);
		assert_string_equal(dst, rows[i].out);
		assert_int_equal(dst[4], '\0');
	}
}

static void texts_are_put_behind_each_other(void **state)
{
	char dst[8], *end = dst + sizeof(dst), *at = text_put(dst, end, "DELIV");

	at = text_put(at, end, ":");
	assert_int_equal(at - dst, 6);
	at = text_put(at, end, "000");
	assert_string_equal(dst, "DELIV:0");
	assert_ptr_equal(text_put(at, end, "more"), at); /* full */
	assert_string_equal(dst, "DELIV:0");
}

static void numbers_are_digits(void **state)
{
	static const struct { uint64_t v; const char *text; } rows[] = {
		{0, "0"},
		{9, "9"},
		{10, "10"},
		{12025550142, "12025550142"},
		{UINT64_MAX, "18446744073709551615"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char dst[21];

		*text_u64(dst, rows[i].v) = '\0';
		assert_string_equal(dst, rows[i].text);
	}
}

static void a_recipient_is_shown_with_what_was_kept_of_it(void **state)
{
	char dst[MSG_TO_TEXT];

	assert_string_equal(msg_to_text(12025550142, dst), "+12025550142");
	assert_string_equal(msg_to_text(msg_to_scrub(12025550142), dst), "+1202*******");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_does_not_fit_is_cut),
		cmocka_unit_test(texts_are_put_behind_each_other),
		cmocka_unit_test(numbers_are_digits),
		cmocka_unit_test(a_recipient_is_shown_with_what_was_kept_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
