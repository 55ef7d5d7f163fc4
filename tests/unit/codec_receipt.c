/* SPDX-License-Identifier: Apache-2.0 */
/* Receipts in the shapes that SMSCs send them, one a row. */
#include "codec/receipt.h"
#include "tests/unit/codec_hex.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define ID65 "12345678901234567890123456789012345678901234567890123456789012345"

static const struct {
	const char *why, *text;
	const char *id; /* NULL: none */
	const char *stat;
	enum receipt_state state;
	bool known, final;
	const char *err, *done;
} receipts[] = {
	{"the suggestion of the standard",
		"id:0123456789 sub:001 dlvrd:001 submit date:2607080911 done date:2607080912 stat:DELIVRD "
		"err:000 text:hello",
		"0123456789", "DELIVRD", RECEIPT_DELIVERED, true, true, "000", "20260708091200"},
	{"dates with seconds", "id:1 submit date:260708091159 done date:260708091201 stat:EXPIRED err:0", "1",
		"EXPIRED", RECEIPT_EXPIRED, true, true, "0", "20260708091201"},
	{"fourteen digits", "id:1 done date:20110314181534 stat:DELIVRD", "1", "DELIVRD", RECEIPT_DELIVERED,
		true, true, NULL, "20110314181534"},
	{"twelve digits with the century", "id:1 done date:202607080912 stat:DELIVRD", "1", "DELIVRD",
		RECEIPT_DELIVERED, true, true, NULL, "20260708091200"},
	{"year 98 is the last century", "id:1 done date:9812312359 stat:DELIVRD", "1", "DELIVRD",
		RECEIPT_DELIVERED, true, true, NULL, "19981231235900"},
	{"date of zeros", "id:1 done date:0000000000 stat:ENROUTE", "1", "ENROUTE", RECEIPT_ENROUTE, true,
		false, NULL, NULL},
	{"date without a value", "id:1 done date: stat:UNDELIV", "1", "UNDELIV", RECEIPT_UNDELIVERABLE, true,
		true, NULL, NULL},
	{"month 13", "id:1 done date:2613010000 stat:DELIVRD", "1", "DELIVRD", RECEIPT_DELIVERED, true, true,
		NULL, NULL},
	{"capital Text", "id:1 stat:DELIVRD err:000 Text:x", "1", "DELIVRD", RECEIPT_DELIVERED, true, true,
		"000", NULL},
	{"all capitals", "ID:1 STAT:DELIVRD ERR:000 TEXT:x", "1", "DELIVRD", RECEIPT_DELIVERED, true, true,
		"000", NULL},
	{"empty text", "id:1 stat:DELIVRD err:000 text:", "1", "DELIVRD", RECEIPT_DELIVERED, true, true,
		"000", NULL},
	{"text cut inside a character", "id:1 stat:DELIVRD text:\xd0", "1", "DELIVRD", RECEIPT_DELIVERED,
		true, true, NULL, NULL},
	{"state only", "stat:DELIVRD", NULL, "DELIVRD", RECEIPT_DELIVERED, true, true, NULL, NULL},
	{"id only", "id:77", "77", NULL, RECEIPT_NONE, false, false, NULL, NULL},
	{"another order", "stat:REJECTD err:12 done date:2607080912 id:9", "9", "REJECTD", RECEIPT_REJECTED,
		true, true, "12", "20260708091200"},
	{"text in front", "text:hi there id:9 stat:DELIVRD", "9", "DELIVRD", RECEIPT_DELIVERED, true, true,
		NULL, NULL},
	{"text in front imitates, the real fields follow", "text:id:6 stat:UNDELIV id:9 stat:DELIVRD", "9",
		"DELIVRD", RECEIPT_DELIVERED, true, true, NULL, NULL},
	{"text behind imitates", "id:9 stat:UNDELIV err:1 text:id:6 stat:DELIVRD err:000", "9", "UNDELIV",
		RECEIPT_UNDELIVERABLE, true, true, "1", NULL},
	{"sub and dlvrd of one digit", "id:1 sub:1 dlvrd:1 stat:DELETED", "1", "DELETED", RECEIPT_DELETED,
		true, true, NULL, NULL},
	{"hexadecimal err", "id:1 stat:UNDELIV err:21b", "1", "UNDELIV", RECEIPT_UNDELIVERABLE, true, true,
		"21b", NULL},
	{"long err", "id:1 stat:UNDELIV err:4294967295", "1", "UNDELIV", RECEIPT_UNDELIVERABLE, true, true,
		"4294967295", NULL},
	{"empty err in front of text", "id:1 stat:UNDELIV err: text:x", "1", "UNDELIV", RECEIPT_UNDELIVERABLE,
		true, true, NULL, NULL},
	{"lower case", "id:1 stat:delivrd", "1", "delivrd", RECEIPT_DELIVERED, true, true, NULL, NULL},
	{"written out", "id:1 stat:Delivered", "1", "Delivered", RECEIPT_DELIVERED, true, true, NULL, NULL},
	{"the word failed", "id:1 stat:FAILED", "1", "FAILED", RECEIPT_UNDELIVERABLE, true, true, NULL, NULL},
	{"UNDELIVERED", "id:1 stat:UNDELIVERED", "1", "UNDELIVERED", RECEIPT_UNDELIVERABLE, true, true, NULL,
		NULL},
	{"DND_REJECTED", "id:1 stat:DND_REJECTED", "1", "DND_REJECTED", RECEIPT_REJECTED, true, true, NULL,
		NULL},
	{"BUFFERED", "id:1 stat:BUFFERED", "1", "BUFFERED", RECEIPT_ENROUTE, true, false, NULL, NULL},
	{"NOROUTE", "id:1 stat:NOROUTE", "1", "NOROUTE", RECEIPT_UNDELIVERABLE, true, true, NULL, NULL},
	{"SKIPPED", "id:1 stat:SKIPPED", "1", "SKIPPED", RECEIPT_SKIPPED, true, true, NULL, NULL},
	{"ACCEPTD is not the end", "id:1 stat:ACCEPTD err:000", "1", "ACCEPTD", RECEIPT_ACCEPTED, true, false,
		"000", NULL},
	{"UNKNOWN is a word of the standard", "id:1 stat:UNKNOWN err:000", "1", "UNKNOWN", RECEIPT_UNKNOWN,
		true, true, "000", NULL},
	{"unknown word, no error: keep waiting", "id:1 stat:BADSTAT err:000", "1", "BADSTAT", RECEIPT_UNKNOWN,
		false, false, "000", NULL},
	{"unknown word with an error is the end", "id:1 stat:BADSTAT err:017", "1", "BADSTAT",
		RECEIPT_UNKNOWN, false, true, "017", NULL},
	{"a word is matched whole", "id:1 stat:DELIVRDX", "1", "DELIVRDX", RECEIPT_UNKNOWN, false, false,
		NULL, NULL},
	{"submitdate and donedate", "id:1 submitdate:2607080911 donedate:2607080912 stat:DELIVRD", "1",
		"DELIVRD", RECEIPT_DELIVERED, true, true, NULL, "20260708091200"},
	{"submit_date and done_date", "id:1 submit_date:2607080911 done_date:2607080912 stat:DELIVRD", "1",
		"DELIVRD", RECEIPT_DELIVERED, true, true, NULL, "20260708091200"},
	{"several blanks", "id:1   done  date:2607080912    stat:DELIVRD", "1", "DELIVRD", RECEIPT_DELIVERED,
		true, true, NULL, "20260708091200"},
	{"blanks around the colon", "id : 1 stat : DELIVRD", "1", "DELIVRD", RECEIPT_DELIVERED, true, true,
		NULL, NULL},
	{"bars", "id:1|sub:001|dlvrd:001|stat:DELIVRD|err:000|text:x", "1", "DELIVRD", RECEIPT_DELIVERED,
		true, true, "000", NULL},
	{"line feeds", "id:1\nstat:DELIVRD\r\nerr:000\n", "1", "DELIVRD", RECEIPT_DELIVERED, true, true,
		"000", NULL},
	{"UUID", "id:6f1ed002-ab5e-4b2a-9d3c-0f6e4c2a1b77 stat:DELIVRD",
		"6f1ed002-ab5e-4b2a-9d3c-0f6e4c2a1b77", "DELIVRD", RECEIPT_DELIVERED, true, true, NULL, NULL},
	{"id with a prefix and a colon", "id:smsc1:77 stat:DELIVRD", "smsc1:77", "DELIVRD", RECEIPT_DELIVERED,
		true, true, NULL, NULL},
	{"the first of two ids", "id:1 id:2 stat:DELIVRD", "1", "DELIVRD", RECEIPT_DELIVERED, true, true,
		NULL, NULL},
	{"words that end in a key", "paid:5 id:1 substat:X stat:DELIVRD", "1", "DELIVRD", RECEIPT_DELIVERED,
		true, true, NULL, NULL},
	{"longest id", "id:" ID65 " stat:DELIVRD", ID65, "DELIVRD", RECEIPT_DELIVERED, true, true, NULL,
		NULL},
	{"a longer one", "id:" ID65 "6 stat:DELIVRD", "123456789012345678901234567890123456789012345678~77d424536b0fa4a1",
		"DELIVRD", RECEIPT_DELIVERED, true, true, NULL, NULL},
	{"octets that a log cannot show", "id:1\x01\xff stat:DELIVRD", "1??", "DELIVRD", RECEIPT_DELIVERED,
		true, true, NULL, NULL},
};

static void compare(size_t i, int r, const struct receipt *got)
{
	print_message("%s\n", receipts[i].why);
	assert_int_equal(r, 0);
	assert_int_equal(got->has_id, receipts[i].id != NULL);
	assert_string_equal(got->id, receipts[i].id ? receipts[i].id : "");
	assert_int_equal(got->has_stat, receipts[i].stat != NULL);
	assert_string_equal(got->stat_raw, receipts[i].stat ? receipts[i].stat : "");
	assert_int_equal(got->state, receipts[i].state);
	assert_int_equal(got->stat_known, receipts[i].known);
	assert_int_equal(receipt_is_final(got), receipts[i].final);
	assert_int_equal(got->has_err, receipts[i].err != NULL);
	assert_string_equal(got->err, receipts[i].err ? receipts[i].err : "");
	assert_int_equal(got->has_done_date, receipts[i].done != NULL);
	assert_string_equal(got->done_date, receipts[i].done ? receipts[i].done : "");
}

static void receipts_of_all_shapes_are_read(void **state)
{
	for (size_t i = 0; i < sizeof(receipts) / sizeof(receipts[0]); i++) {
		size_t n = strlen(receipts[i].text);
		uint8_t *exact = malloc(n);
		struct receipt got;

		memcpy(exact, receipts[i].text, n);
		compare(i, receipt_parse(exact, n, &got), &got);
		free(exact);
	}
}

/* Both orders of octets, with and without a byte order mark: data_coding is not asked. */
static void receipts_in_utf16_are_read(void **state)
{
	for (size_t i = 0; i < sizeof(receipts) / sizeof(receipts[0]); i++) {
		const char *s = receipts[i].text;
		size_t n = strlen(s);
		uint8_t big[2 + 2 * 256] = {0xfe, 0xff}, little[2 + 2 * 256] = {0xff, 0xfe};
		struct receipt got;

		assert_true(n <= 256);
		for (size_t k = 0; k < n; k++)
			big[3 + 2 * k] = little[2 + 2 * k] = (uint8_t)s[k];
		compare(i, receipt_parse(big + 2, 2 * n, &got), &got);
		compare(i, receipt_parse(big, 2 * n + 2, &got), &got);
		compare(i, receipt_parse(little + 2, 2 * n, &got), &got);
		compare(i, receipt_parse(little, 2 * n + 2, &got), &got);
	}
}

static void nul_ends_a_value(void **state)
{
	static const char text[] = "id:12 stat:DELIVRD"; /* with its NUL */
	struct receipt got;

	assert_int_equal(receipt_parse((const uint8_t *)text, sizeof(text), &got), 0);
	assert_string_equal(got.stat_raw, "DELIVRD");
	assert_int_equal(got.state, RECEIPT_DELIVERED);
}

static void utf16_behind_an_ascii_head_does_no_harm(void **state)
{
	static const char text[] = "id:12 stat:DELIVRD err:000 text:\x04\x16\x00:\x04\x16";
	struct receipt got;

	assert_int_equal(receipt_parse((const uint8_t *)text, sizeof(text) - 1, &got), 0);
	assert_string_equal(got.id, "12");
	assert_string_equal(got.err, "000");
}

static void what_is_no_receipt_is_refused(void **state)
{
	static const char *const texts[] = {
		"", "hello", "id", "id:", "stat:", "id: stat: err:000", "text:hello", ":::::"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct receipt got;

		print_message("\"%s\"\n", texts[i]);
		assert_int_equal(
			receipt_parse((const uint8_t *)texts[i], strlen(texts[i]), &got), -EBADMSG);
		assert_false(got.has_id || got.has_stat);
		assert_int_equal(got.state, RECEIPT_NONE);
	}
}

static void long_words_are_cut_for_display_only(void **state)
{
	static const char text[] = "id:1 stat:ABCDEFGHIJKLMNOPQRSTUVWXYZ err:12345678901234";
	struct receipt got;

	assert_int_equal(receipt_parse((const uint8_t *)text, sizeof(text) - 1, &got), 0);
	assert_string_equal(got.stat_raw, "ABCDEFGHIJKLMNOPQRSTUVW");
	assert_string_equal(got.err, "12345678901");
}

/* SMPP 3.4, 5.2.28, and 5.0, 4.7.15 */
static void message_state_values_are_those_of_the_standard(void **state)
{
	static const char *const words[] = {"ENROUTE", "ENROUTE", "DELIVRD", "EXPIRED", "DELETED", "UNDELIV",
		"ACCEPTD", "UNKNOWN", "REJECTD", "SKIPPED", "", ""};

	for (unsigned v = 0; v < sizeof(words) / sizeof(words[0]); v++)
		assert_string_equal(receipt_state_word(receipt_state_from_tlv((uint8_t)v)), words[v]);
	assert_int_equal(receipt_state_from_tlv(255), RECEIPT_NONE);
}

/* As it stands behind "text:", and nothing where there is none. */
static void what_is_quoted_is_kept(void **state)
{
	static const struct {
		const char *why, *receipt, *text;
	} rows[] = {
		{"to the end", "id:1 stat:DELIVRD err:000 text:Hello you", "Hello you"},
		{"cut", "id:1 stat:DELIVRD err:000 Text:abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvw"},
		{"empty", "id:1 stat:DELIVRD err:000 text:", ""},
		{"none", "id:1 stat:DELIVRD err:000", ""},
	};
	struct receipt r;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(receipt_parse((const uint8_t *)rows[i].receipt, strlen(rows[i].receipt), &r), 0);
		if (strcmp(r.text, rows[i].text) != 0)
			fail_msg("%s: \"%s\"", rows[i].why, r.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(receipts_of_all_shapes_are_read),
		cmocka_unit_test(receipts_in_utf16_are_read),
		cmocka_unit_test(nul_ends_a_value),
		cmocka_unit_test(utf16_behind_an_ascii_head_does_no_harm),
		cmocka_unit_test(what_is_no_receipt_is_refused),
		cmocka_unit_test(long_words_are_cut_for_display_only),
		cmocka_unit_test(message_state_values_are_those_of_the_standard),
		cmocka_unit_test(what_is_quoted_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
