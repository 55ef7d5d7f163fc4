/* SPDX-License-Identifier: Apache-2.0 */
/* api_lines.c -- lines come out the same wherever the stream is cut; digests tell rows apart; JSON is written
 * right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "intake/json_lines.h"
#include "intake/json_out.h"

/* Take all lines that are there; each is written as "[line]", one too long as "!". */
static void drain(struct json_lines *l, char *out)
{
	const char *line;
	size_t n;
	int r;

	while ((r = json_lines_next(l, &line, &n)) != 0) {
		if (r == -E2BIG) {
			strcat(out, "!");
			continue;
		}
		strcat(out, "[");
		strncat(out, line, n);
		strcat(out, "]");
	}
}

static void lines_do_not_depend_on_the_cuts(void **state)
{
	static const char text[] = "{\"a\":1}\n\n \t\r\n{\"b\":2}\r\n{\"c\"\r:3}\n\n{\"d\":4}";
	static const char want[] = "[{\"a\":1}][{\"b\":2}][{\"c\"\r:3}][{\"d\":4}]";
	const size_t n = sizeof(text) - 1;

	for (size_t i = 0; i <= n; i++) {
		for (size_t j = i; j <= n; j++) {
			struct json_lines l;
			char out[200] = "";

			json_lines_init(&l);
			json_lines_feed(&l, text, i);
			drain(&l, out);
			json_lines_feed(&l, text + i, j - i);
			drain(&l, out);
			json_lines_feed(&l, text + j, n - j);
			drain(&l, out);
			json_lines_end(&l);
			drain(&l, out);
			assert_string_equal(out, want);
			json_lines_done(&l);
		}
	}
}

static void a_line_too_long_is_one_row_and_costs_no_memory(void **state)
{
	struct json_lines l;
	char out[100] = "", block[4096];

	memset(block, 'x', sizeof(block));
	json_lines_init(&l);
	json_lines_feed(&l, "one\n", 4);
	for (unsigned i = 0; i < 2000; i++) { /* 8 MB in one line */
		assert_int_equal(json_lines_feed(&l, block, sizeof(block)), 0);
		drain(&l, out);
		assert_true(buf_len(&l.b) <= JSON_LINE_MAX + sizeof(block));
	}
	json_lines_feed(&l, "x\ntwo\n", 6);
	drain(&l, out);
	json_lines_end(&l);
	drain(&l, out);
	assert_string_equal(out, "[one]![two]");
	json_lines_done(&l);
}

static void the_longest_line_is_taken_and_one_octet_more_is_not(void **state)
{
	char *big = malloc(JSON_LINE_MAX + 3);

	for (unsigned more = 0; more < 2; more++) {
		for (unsigned lf = 0; lf < 2; lf++) {
			struct json_lines l;
			const char *line;
			size_t n;

			memset(big, 'x', JSON_LINE_MAX + more);
			json_lines_init(&l);
			json_lines_feed(&l, big, JSON_LINE_MAX + more);
			json_lines_feed(&l, "\r\n", lf ? 2 : 0);
			json_lines_end(&l);
			assert_int_equal(json_lines_next(&l, &line, &n), more ? -E2BIG : 1);
			if (!more)
				assert_int_equal(n, JSON_LINE_MAX);
			assert_int_equal(json_lines_next(&l, &line, &n), 0);
			json_lines_done(&l);
		}
	}
	free(big);
}

static void chain(const char *const *rows, uint8_t ret[16])
{
	struct json_digest d;

	json_digest_init(&d, 'l');
	for (; *rows; rows++)
		json_digest_row(&d, *rows, strlen(*rows));
	json_digest_text(&d, ret);
}

static void a_chain_knows_order_bounds_and_kind(void **state)
{
	static const char *const chains[][4] = {
		{"a", "b", "c", NULL},
		{"a", "c", "b", NULL},
		{"ab", "c", NULL},
		{"a", "bc", NULL},
		{"a", "b", NULL},
		{"abc", NULL},
		{"", "abc", NULL},
		{NULL},
	};
	enum { N = sizeof(chains) / sizeof(chains[0]) };
	uint8_t digest[N][16], again[16];
	struct json_digest d;

	for (unsigned i = 0; i < N; i++) {
		chain(chains[i], digest[i]);
		chain(chains[i], again);
		assert_memory_equal(digest[i], again, 16);
		for (unsigned j = 0; j < i; j++) {
			assert_memory_not_equal(digest[i], digest[j], 8); /* each lane by itself */
			assert_memory_not_equal(digest[i] + 8, digest[j] + 8, 8);
		}
	}
	json_digest_init(&d, 'a');
	json_digest_text(&d, again);
	assert_memory_not_equal(again, digest[N - 1], 16);
}

static void strings_are_escaped_as_rfc_8259_says(void **state)
{
	static const struct {
		const char *why, *in, *out;
		size_t n;
	} t[] = {
		{"plain", "abc", "\"abc\"", 3},
		{"quote and backslash", "a\"b\\c", "\"a\\\"b\\\\c\"", 5},
		{"short forms", "\b\t\n\f\r", "\"\\b\\t\\n\\f\\r\"", 5},
		{"no short form for VT", "\v", "\"\\u000b\"", 1},
		{"NUL", "a\0b", "\"a\\u0000b\"", 3},
		{"DEL and beyond stay", "\x7f\xd0\xb6", "\"\x7f\xd0\xb6\"", 3},
		{"a broken octet becomes U+FFFD",
			"a\xff"
			"b",
			"\"a\xef\xbf\xbd"
			"b\"",
			3},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct json_out o;

		json_out_init(&o, 1000);
		json_out_strn(&o, t[i].in, t[i].n);
		buf_add(&o.b, "", 1);
		if (strcmp((char *)buf_data(&o.b), t[i].out) != 0)
			fail_msg("%s: %s", t[i].why, (char *)buf_data(&o.b));
		json_out_done(&o);
	}
}

static void commas_bounds_and_rewinding(void **state)
{
	struct json_out o;
	struct json_mark m;

	json_out_init(&o, 45);
	json_out_open(&o, '{');
	json_out_key(&o, "a");
	json_out_open(&o, '[');
	json_out_u64(&o, UINT64_MAX);
	m = json_out_mark(&o);
	json_out_str(&o, "much too long for what is left");
	assert_true(json_out_full(&o));
	json_out_rewind(&o, m);
	json_out_bool(&o, true);
	json_out_close(&o, ']');
	json_out_kid(&o, "b", 7);
	json_out_close(&o, '}');
	assert_false(json_out_full(&o));
	buf_add(&o.b, "", 1);
	assert_string_equal((char *)buf_data(&o.b), "{\"a\":[18446744073709551615,true],\"b\":\"7\"}");
	json_out_done(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_do_not_depend_on_the_cuts),
		cmocka_unit_test(a_line_too_long_is_one_row_and_costs_no_memory),
		cmocka_unit_test(the_longest_line_is_taken_and_one_octet_more_is_not),
		cmocka_unit_test(a_chain_knows_order_bounds_and_kind),
		cmocka_unit_test(strings_are_escaped_as_rfc_8259_says),
		cmocka_unit_test(commas_bounds_and_rewinding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
