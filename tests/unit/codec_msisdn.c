/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as people type them.  They are from ranges kept for examples where a country has such. */
#include "codec/msisdn.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *why, *typed, *country;
	uint64_t number; /* 0: refused */
} rows[] = {
	{"E.164", "+12025550142", NULL, 12025550142},
	{"without plus", "12025550142", NULL, 12025550142},
	{"two zeros for the plus", "0012025550142", NULL, 12025550142},
	{"punctuation", "+1 (202) 555-01.42", NULL, 12025550142},
	{"slash", "+49 30/23125000", NULL, 493023125000},
	{"no-break spaces",
		"+7\xc2\xa0"
		"900\xc2\xa0"
		"1234567",
		NULL, 79001234567},
	{"blanks around", "  +79001234567 ", NULL, 79001234567},
	{"seven digits are the fewest", "+2901234", NULL, 2901234},
	{"fifteen are the most", "+123456789012345", NULL, 123456789012345},
	{"home zero behind the country code", "+44 (0)20 7946 0018", NULL, 442079460018},
	{"Italy dials it from abroad", "+39 (0)6 1234567", NULL, 39061234567},
	{"plus wins over the country", "+447700900123", "RU", 447700900123},

	{"six digits", "+123456", NULL, 0},
	{"sixteen digits", "+1234567890123456", NULL, 0},
	{"hundreds of digits", "+111111111111111111111111111111111111111111111111111111", NULL, 0},
	{"empty", "", NULL, 0},
	{"only punctuation", "+ ()", NULL, 0},
	{"letters", "+1-800-FLOWERS", NULL, 0},
	{"plus in the middle", "1+2025550142", NULL, 0},
	{"two pluses", "++12025550142", NULL, 0},
	{"two numbers", "+12025550142,+12025550143", NULL, 0},
	{"other UTF-8",
		"+7\xe2\x80\xaf"
		"9001234567",
		NULL, 0},
	{"half of a no-break space", "+79001234567\xc2", NULL, 0},
	{"zero begins no country code", "+0123456789", NULL, 0},
	{"national without a country", "02079460018", NULL, 0},
	{"unknown country", "2025550142", "XX", 0},
	{"full-width digits",
		"+\xef\xbc\x91"
		"2025550142",
		NULL, 0},

	{"RU trunk 8", "8 (900) 123-45-67", "RU", 79001234567},
	{"RU own code", "79001234567", "RU", 79001234567},
	{"RU bare mobile", "9001234567", "RU", 79001234567},
	{"RU: Vietnam without plus is no trunk 8", "84912345678", "RU", 84912345678},
	{"RU: foreign without plus", "4915112345678", "RU", 4915112345678},
	{"RU: zero is no trunk there", "09001234567", "RU", 0},
	{"KZ trunk 8", "87011234567", "KZ", 77011234567},
	{"KZ bare", "7011234567", "KZ", 77011234567},
	{"BY trunk 80", "80 29 123-45-67", "BY", 375291234567},
	{"BY bare", "291234567", "BY", 375291234567},
	{"UA trunk", "050 123 4567", "UA", 380501234567},
	{"UA own code", "380501234567", "UA", 380501234567},
	{"TR trunk", "0532 123 45 67", "TR", 905321234567},
	{"TR bare", "5321234567", "TR", 905321234567},
	{"DE trunk", "0151 12345678", "DE", 4915112345678},
	{"DE own code", "4915112345678", "DE", 4915112345678},
	{"GB trunk", "07700 900123", "GB", 447700900123},
	{"GB bare mobile", "7700900123", "GB", 447700900123},
	{"FR trunk", "06 39 98 12 34", "FR", 33639981234},
	{"FR bare", "639981234", "FR", 33639981234},
	{"ES has no trunk", "612 345 678", "ES", 34612345678},
	{"PT has no trunk", "912345678", "PT", 351912345678},
	{"IT mobile that looks like its own code", "391 234 5678", "IT", 393912345678},
	{"IT own code", "393912345678", "IT", 393912345678},
	{"IT keeps the zero", "0612345678", "IT", 390612345678},
	{"US ten digits", "(202) 555-0142", "US", 12025550142},
	{"US trunk and code are the same", "1-202-555-0142", "US", 12025550142},
	{"CA ten digits", "416 555 0123", "CA", 14165550123},
	{"IN bare", "98765 43210", "IN", 919876543210},
	{"IN trunk", "098765 43210", "IN", 919876543210},
	{"PL", "512 345 678", "PL", 48512345678},
	{"NL trunk", "06 12345678", "NL", 31612345678},
	{"BR bare mobile, ninth digit in front", "11 91234-5678", "BR", 5511912345678},
	{"BR own code", "5511912345678", "BR", 5511912345678},
	{"BR: North America without plus", "12025550142", "BR", 12025550142},
	{"HU trunk 06", "06 20 123 4567", "HU", 36201234567},
	{"national but too short", "0151", "DE", 0},
};

static void numbers_are_brought_to_one_form(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *why = NULL;
		uint64_t number = 0;
		int r = msisdn_normalise(
			rows[i].typed, strlen(rows[i].typed), rows[i].country, &number, &why);

		print_message("%s\n", rows[i].why);
		assert_int_equal(r, rows[i].number ? 0 : -EINVAL);
		assert_int_equal(number, rows[i].number);
		assert_int_equal(why != NULL, r < 0);
	}
}

static void country_is_known_by_its_capital_letters(void **state)
{
	assert_true(msisdn_country_known("RU"));
	assert_false(msisdn_country_known("ru"));
	assert_false(msisdn_country_known("XX"));
	assert_false(msisdn_country_known(""));
}

static const struct {
	const char *why, *sender;
	enum sender_kind kind;
	uint64_t number;
} senders[] = {
	{"name", "SHOP", SENDER_ALPHANUMERIC, 0},
	{"eleven", "Design@Home", SENDER_ALPHANUMERIC, 0},
	{"eleven, one of two octets",
		"Gr\xc3\xbc\xc3\x9f"
		"e und e",
		SENDER_ALPHANUMERIC, 0},
	{"blank within", "My Shop 24", SENDER_ALPHANUMERIC, 0},
	{"one letter among digits", "1234567890a", SENDER_ALPHANUMERIC, 0},
	{"twelve", "twelveletter", SENDER_INVALID, 0},
	{"eleven, one of which costs two", "[2345678901", SENDER_INVALID, 0},
	{"ten, one of which costs two", "[234567890", SENDER_ALPHANUMERIC, 0},
	{"not in the alphabet", "\xd0\x96", SENDER_INVALID, 0},
	{"line feed", "a\nb", SENDER_INVALID, 0},
	{"empty", "", SENDER_INVALID, 0},
	{"two digits", "12", SENDER_INVALID, 0},
	{"three digits", "112", SENDER_SHORT, 0},
	{"eight digits", "12345678", SENDER_SHORT, 0},
	{"zeros in front belong to a short code", "00123", SENDER_SHORT, 0},
	{"nine digits", "123456789", SENDER_NUMBER, 123456789},
	{"plus and eight digits", "+12345678", SENDER_NUMBER, 12345678},
	{"international", "+12025550142", SENDER_NUMBER, 12025550142},
	{"without plus", "12025550142", SENDER_NUMBER, 12025550142},
	{"sixteen digits", "1234567890123456", SENDER_INVALID, 0},
	{"national", "02079460018", SENDER_INVALID, 0},
	{"plus and letters", "+ACME", SENDER_INVALID, 0},
};

static void senders_are_told_apart(void **state)
{
	for (size_t i = 0; i < sizeof(senders) / sizeof(senders[0]); i++) {
		const char *why = NULL;
		uint64_t number = 0;

		print_message("%s\n", senders[i].why);
		assert_int_equal(sender_classify(senders[i].sender, strlen(senders[i].sender), &number, &why),
			senders[i].kind);
		assert_int_equal(number, senders[i].number);
		assert_int_equal(why != NULL, senders[i].kind == SENDER_INVALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_brought_to_one_form),
		cmocka_unit_test(country_is_known_by_its_capital_letters),
		cmocka_unit_test(senders_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
