/* SPDX-License-Identifier: Apache-2.0 */
/* at.c and at_error.c: lines out of octets as modems send them, results, fields, and what the codes mean. */
#include <config.h>

#include "drivers/modem/at.h"
#include "drivers/modem/at_error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- lines ---- */

static char seen[4096];

static bool each(void *arg, char *line, size_t n, bool prompt)
{
	size_t at = strlen(seen);

	assert_int_equal(strlen(line), n);
	snprintf(seen + at, sizeof(seen) - at, "%s%s", prompt ? "PROMPT" : line, "|");
	return true;
}

static const struct {
	const char *why, *octets, *lines;
} transcripts[] = {
	{ "as the standard says", "\r\n+CSQ: 20,99\r\n\r\nOK\r\n", "+CSQ: 20,99|OK|" },
	{ "echo on", "AT+CSQ\r\r\n+CSQ: 20,99\r\n\r\nOK\r\n", "AT+CSQ|+CSQ: 20,99|OK|" },
	{ "CR CR LF, as Huawei sends", "\r\r\n^RSSI:18\r\r\n\r\r\nOK\r\r\n", "^RSSI:18|OK|" },
	{ "line feeds alone", "\n+CSQ: 1,99\nOK\n", "+CSQ: 1,99|OK|" },
	{ "carriage returns alone", "\rOK\r", "OK|" },
	{ "prompt", "\r\n> ", "PROMPT|" },
	{ "prompt without its blank", "\r\n>", "PROMPT|" },
	{ "prompt at the very beginning", "> ", "PROMPT|" },
	{ "prompt, then the echo of what is entered", "\r\n> 0011AB\x1a\r\n+CMGS: 7\r\n", "PROMPT|0011AB|+CMGS: 7|" },
	{ "two prompts, each for itself", "\r\n> \r\n> ", "PROMPT|PROMPT|" },
	{ "a sign inside a line is no prompt", "\r\n+COPS: 0,0,\"a > b\"\r\n", "+COPS: 0,0,\"a > b\"|" },
	{ "noise before the line end", "\x01\x7f\x02\r\nOK\r\n", "OK|" },
	{ "blanks around", "   OK  \r\n", "OK|" },
	{ "two lines with one line end between", "RING\r+CLIP: \"1\"\r\n", "RING|+CLIP: \"1\"|" },
	{ "not finished, not told", "\r\nOK", "" },
};

static void octets_become_lines(void **state)
{
	for (size_t i = 0; i < sizeof(transcripts) / sizeof(transcripts[0]); i++) {
		const char *s = transcripts[i].octets;

		/* Whole, and octet by octet. */
		for (size_t step = 1; step <= 64; step += 63) {
			struct at_reader r;

			at_reader_init(&r);
			seen[0] = '\0';
			for (size_t at = 0; at < strlen(s); at += step) {
				size_t n = strlen(s) - at < step ? strlen(s) - at : step;

				assert_int_equal(at_read(&r, (const uint8_t *)s + at, n, each, NULL), n);
			}
			if (strcmp(seen, transcripts[i].lines) != 0)
				print_error("%s\n", transcripts[i].why);
			assert_string_equal(seen, transcripts[i].lines);
		}
	}
}

static void nul_octets_are_left_out_and_counted(void **state)
{
	struct at_reader r;

	at_reader_init(&r);
	seen[0] = '\0';
	at_read(&r, (const uint8_t *)"\0O\0K\0\r\n", 7, each, NULL);
	assert_string_equal(seen, "OK|");
	assert_int_equal(r.n_nul, 3);
}

static void a_line_too_long_is_cut_and_counted(void **state)
{
	struct at_reader r;

	at_reader_init(&r);
	seen[0] = '\0';
	for (int i = 0; i < AT_LINE_MAX + 100; i++)
		at_read(&r, (const uint8_t *)"A", 1, each, NULL);
	at_read(&r, (const uint8_t *)"\r\nOK\r\n", 6, each, NULL);
	assert_int_equal(r.n_cut, 1);
	assert_int_equal(strlen(seen), AT_LINE_MAX + strlen("|OK|"));
	assert_string_equal(seen + AT_LINE_MAX, "|OK|");
}

static bool only_one(void *arg, char *line, size_t n, bool prompt)
{
	each(arg, line, n, prompt);
	return false;
}

static void reading_ends_when_it_is_told_to(void **state)
{
	struct at_reader r;

	at_reader_init(&r);
	seen[0] = '\0';
	assert_int_equal(at_read(&r, (const uint8_t *)"OK\r\nRING\r\n", 10, only_one, NULL), 3);
	assert_string_equal(seen, "OK|");
}

/* ---- results ---- */

static const struct {
	const char *line;
	enum at_kind kind;
	int code;
} kinds[] = {
	{ "OK", AT_OK, 0 },
	{ "OKAY", AT_LINE, 0 },
	{ "ERROR", AT_ERROR, 0 },
	{ "COMMAND NOT SUPPORT", AT_ERROR, 0 },
	{ "TOO MANY PARAMETERS", AT_ERROR, 0 },
	{ "NO CARRIER", AT_NO_CARRIER, 0 },
	{ "BUSY", AT_NO_CARRIER, 0 },
	{ "+CMS ERROR: 500", AT_CMS_ERROR, 500 },
	{ "+CMS ERROR:38", AT_CMS_ERROR, 38 },
	{ "+CMS ERROR 21", AT_CMS_ERROR, 21 },
	{ "+CME ERROR: 14", AT_CME_ERROR, 14 },
	{ "+CME ERROR: SIM busy", AT_CME_ERROR, 14 },
	{ "+CME ERROR: sim not inserted", AT_CME_ERROR, 10 },
	{ "+CMS ERROR: (U)SIM PUK required", AT_CMS_ERROR, 316 },
	{ "+CMS ERROR: SIM PUK required", AT_CMS_ERROR, 316 },
	{ "+CME ERROR: quite beside itself", AT_CME_ERROR, -1 },
	{ "+CMS ERROR:", AT_CMS_ERROR, -1 },
	{ "+CMS ERROR: 99999999999999999999", AT_CMS_ERROR, -1 },
	{ "+CMTI: \"SM\",1", AT_LINE, 0 },
};

static void results_are_told_from_lines(void **state)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		int code = 0;

		if (at_line_kind(kinds[i].line, &code) != kinds[i].kind || code != kinds[i].code)
			fail_msg("%s: code %d", kinds[i].line, code);
	}
}

/* ---- fields ---- */

static const struct {
	const char *why, *line, *fields;
} fields[] = {
	{ "plain", "2,1", "2|1|" },
	{ "quoted", "2,1,\"00AF\",\"12\"", "2|1|00AF|12|" },
	{ "a comma in quotes", "0,0,\"A, B\",7", "0|0|A, B|7|" },
	{ "blanks all over", " 2 , 1 , \"x\" ", "2|1|x|" },
	{ "empty fields", ",,5", "||5|" },
	{ "one at the end", "1,", "1||" },
	{ "nothing at all", "", "|" },
	{ "lists keep their commas", "(0-3),(0,1),(2)", "(0-3)|(0,1)|(2)|" },
	{ "a quote that does not close, then one that does", "2,1,\"00AF,\"1234\"", "2|1|00AF|1234|" },
	{ "a quote that does not close at all", "2,1,\"00AF,1234", "2|1|00AF|1234|" },
	{ "a quote that does not close at the end", "2,1,\"00AF", "2|1|00AF|" },
	{ "a quote inside", "\"a\"b\",1", "a\"b|1|" },
	{ "a quote too many", "\"SM\"\",1", "SM\"|1|" },
	{ "words behind the quotes", "\"SM\"x,1", "SM\"x|1|" },
	{ "lists of quoted words", "(\"SM\",\"ME\"),(\"SM\")", "(\"SM\",\"ME\")|(\"SM\")|" },
};

static void fields_are_found_where_quotes_are_wrong(void **state)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		struct at_fields f = { fields[i].line };
		char field[64], all[256] = "";
		int n = 0;

		while (at_field(&f, field, sizeof(field)) != -ENOENT && n++ < 20) {
			strcat(all, field);
			strcat(all, "|");
		}
		if (strcmp(all, fields[i].fields) != 0)
			print_error("%s\n", fields[i].why);
		assert_string_equal(all, fields[i].fields);
	}
}

static void fields_that_do_not_fit_are_cut(void **state)
{
	struct at_fields f = { "abcdef,2" };
	char small[4];
	long n;

	assert_int_equal(at_field(&f, small, sizeof(small)), -EMSGSIZE);
	assert_string_equal(small, "abc");
	assert_int_equal(at_field_number(&f, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(at_field_number(&f, &n), -ENOENT);
}

static void words_are_no_numbers(void **state)
{
	struct at_fields f = { "many,7,\"8\",,9x,99999999999999999999,5" };
	long n = -1;

	assert_int_equal(at_field_number(&f, &n), -EINVAL);
	assert_int_equal(at_field_number(&f, &n), 0);
	assert_int_equal(n, 7);
	assert_int_equal(at_field_number(&f, &n), 0);
	assert_int_equal(n, 8);
	assert_int_equal(at_field_number(&f, &n), -EINVAL);
	assert_int_equal(at_field_number(&f, &n), -EINVAL);
	assert_int_equal(at_field_number(&f, &n), -EINVAL);
	assert_int_equal(at_field_number(&f, &n), 0);
	assert_int_equal(n, 5);
}

static void prefixes_are_met_in_any_case(void **state)
{
	assert_string_equal(at_after("+CREG: 1", "+CREG:"), "1");
	assert_string_equal(at_after("+creg:1", "+CREG:"), "1");
	assert_null(at_after("+CGREG: 1", "+CREG:"));
	assert_null(at_after("+CREG", "+CREG:"));
}

static const struct {
	const char *list;
	long n;
	bool has;
} lists[] = {
	{ "(0-3)", 0, true }, { "(0-3)", 3, true }, { "(0-3)", 4, false }, { "(0,2,3)", 1, false }, { "(0,2,3)", 2, true },
	{ "1", 1, true }, { "1", 0, false }, { "(0 - 2)", 1, true }, { "", 0, false }, { "()", 0, false },
	{ "(0-", 0, true }, { "(0-1,3-4)", 2, false }, { "(0-1,3-4)", 4, true }, { "(2)", 2, true }, { "(10)", 1, false },
};

static void lists_of_numbers_and_ranges(void **state)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		if (at_list_has(lists[i].list, lists[i].n) != lists[i].has)
			fail_msg("%s has %ld?", lists[i].list, lists[i].n);
	}
}

/* ---- what the codes mean ---- */

static const struct {
	const char *why;
	enum at_kind kind;
	int code;
	unsigned n;
	enum outcome outcome;
} outcomes[] = {
	{ "no such number: nor by any other modem", AT_CMS_ERROR, 1, 1, OUTCOME_RECIPIENT },
	{ "rejected once may be a bad moment", AT_CMS_ERROR, 21, 1, OUTCOME_RETRY },
	{ "rejected twice is not", AT_CMS_ERROR, 21, 2, OUTCOME_REJECTED },
	{ "congestion costs no attempt", AT_CMS_ERROR, 42, 1, OUTCOME_THROTTLED },
	{ "the centre has it", AT_CMS_ERROR, 197, 1, OUTCOME_DUPLICATE },
	{ "a PDU that is wrong may have lost an octet on the wire", AT_CMS_ERROR, 304, 1, OUTCOME_RETRY },
	{ "the same PDU does not lose one each time", AT_CMS_ERROR, 304, 3, OUTCOME_REJECTED },
	{ "no SIM is not the message's fault", AT_CMS_ERROR, 310, 9, OUTCOME_LINK_FAULT },
	{ "nor is a network that is away", AT_CMS_ERROR, 331, 9, OUTCOME_LINK_FAULT },
	{ "a time-out of the network may have sent it", AT_CMS_ERROR, 332, 1, OUTCOME_UNKNOWN },
	{ "all and nothing", AT_CMS_ERROR, 500, 2, OUTCOME_RETRY },
	{ "but not for ever", AT_CMS_ERROR, 500, 3, OUTCOME_REJECTED },
	{ "not in any table", AT_CMS_ERROR, 1234, 50, OUTCOME_RETRY },
	{ "words that nobody knows", AT_CME_ERROR, -1, 1, OUTCOME_RETRY },
	{ "no code at all", AT_ERROR, -1, 1, OUTCOME_RETRY },
	{ "a wrong PIN is the device's", AT_CME_ERROR, 16, 1, OUTCOME_LINK_FAULT },
};

static void codes_decide_what_becomes_of_a_part(void **state)
{
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
		enum at_class class = at_error_class(outcomes[i].kind, outcomes[i].code);
		unsigned bound = at_error_bound(outcomes[i].kind, outcomes[i].code);

		if (at_error_outcome(class, bound, outcomes[i].n) != outcomes[i].outcome)
			fail_msg("%s", outcomes[i].why);
	}
}

/* Not ready yet is no fault of anything: 3GPP TS 27.007, 9.2 (14), TS 27.005, 3.2.5 (314). */
static void a_sim_that_starts_is_not_broken(void **state)
{
	assert_int_equal(at_error_class(AT_CME_ERROR, 14), AT_CLASS_NOT_READY);
	assert_int_equal(at_error_class(AT_CME_ERROR, 515), AT_CLASS_NOT_READY);
	assert_int_equal(at_error_class(AT_CMS_ERROR, 314), AT_CLASS_NOT_READY);
	assert_int_equal(at_error_class(AT_CMS_ERROR, 317), AT_CLASS_NOT_READY);
	assert_int_equal(at_error_class(AT_CMS_ERROR, 515), AT_CLASS_NOT_READY);
}

static void codes_are_told_in_words(void **state)
{
	char buf[80];

	assert_string_equal(at_error_text(AT_CMS_ERROR, 38, buf, sizeof(buf)), "CMS 38: network out of order");
	assert_string_equal(at_error_text(AT_CME_ERROR, 10, buf, sizeof(buf)), "CME 10: SIM not inserted");
	assert_string_equal(at_error_text(AT_CMS_ERROR, 4711, buf, sizeof(buf)), "CMS 4711");
	assert_string_equal(at_error_text(AT_ERROR, -1, buf, sizeof(buf)), "ERROR");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(octets_become_lines),
		cmocka_unit_test(nul_octets_are_left_out_and_counted),
		cmocka_unit_test(a_line_too_long_is_cut_and_counted),
		cmocka_unit_test(reading_ends_when_it_is_told_to),
		cmocka_unit_test(results_are_told_from_lines),
		cmocka_unit_test(fields_are_found_where_quotes_are_wrong),
		cmocka_unit_test(fields_that_do_not_fit_are_cut),
		cmocka_unit_test(words_are_no_numbers),
		cmocka_unit_test(prefixes_are_met_in_any_case),
		cmocka_unit_test(lists_of_numbers_and_ranges),
		cmocka_unit_test(codes_decide_what_becomes_of_a_part),
		cmocka_unit_test(a_sim_that_starts_is_not_broken),
		cmocka_unit_test(codes_are_told_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
