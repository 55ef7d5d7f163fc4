/* SPDX-License-Identifier: Apache-2.0 */
/* Ids as a response gave them and as the receipt spells them: which way leads back, and that the others do not.
 *
 * Numbers beyond 64 bits were computed with bc. */
#include "codec/receipt_id.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ID65 "12345678901234567890123456789012345678901234567890123456789012345"

#define SAME	  RECEIPT_WAY(RECEIPT_NAME_SAME, RECEIPT_BASE_SAME)
#define DEC	  RECEIPT_WAY(RECEIPT_NAME_SAME, RECEIPT_BASE_DEC)
#define HEX	  RECEIPT_WAY(RECEIPT_NAME_SAME, RECEIPT_BASE_HEX)
#define CUT_FRONT RECEIPT_WAY(RECEIPT_NAME_CUT_FRONT, RECEIPT_BASE_SAME)
#define CUT_BACK  RECEIPT_WAY(RECEIPT_NAME_CUT_BACK, RECEIPT_BASE_SAME)
#define ADD_FRONT RECEIPT_WAY(RECEIPT_NAME_ADD_FRONT, RECEIPT_BASE_SAME)
#define ADD_BACK  RECEIPT_WAY(RECEIPT_NAME_ADD_BACK, RECEIPT_BASE_SAME)

static const struct {
	const char *why;
	unsigned way;
	const char *response, *receipt;
	bool same; /* the way leads from the receipt's id to the key of the response's */
	const char *example;
} ids[] = {
	{"case does not count", SAME, "0AB3", "0ab3", true, ""},
	{"zeros do not count", SAME, "0000000123", "123", true, ""},
	{"zero is zero", SAME, "0000", "0", true, ""},
	{"0x does not count", SAME, "0x6AAD5", "6aad5", true, ""},
	{"0x of a name is a name", SAME, "0xyz", "yz", false, ""},
	{"no base is guessed", SAME, "10", "16", false, ""},
	{"a UUID", SAME, "6F1ED002-AB5E-4B2A", "6f1ed002-ab5e-4b2a", true, ""},
	{"a name counts", SAME, "smsc1:77", "77", false, ""},

	{"dec: seen in the field", DEC, "6aad5", "0000436949", true, ""},
	{"dec: capital letters and zeros in the response", DEC, "0006AAD5", "436949", true, ""},
	{"dec: digits of the response are hexadecimal", DEC, "10", "16", true, ""},
	{"dec: so the same digits are not the same", DEC, "16", "16", false, ""},
	{"dec: 0x", DEC, "0x6aad5", "436949", true, ""},
	{"dec: 32 bits", DEC, "ffffffff", "4294967295", true, ""},
	{"dec: one more", DEC, "100000000", "4294967296", true, ""},
	{"dec: 64 bits", DEC, "ffffffffffffffff", "18446744073709551615", true, ""},
	{"dec: one more", DEC, "10000000000000000", "18446744073709551616", true, ""},
	{"dec: 128 bits", DEC, "100000000000000000000000000000000", "340282366920938463463374607431768211456", true, ""},
	{"dec: 10^65 - 1", DEC, "f316271c7fc3908a8bef464e3945ef7a253609ffffffffffffffff",
		"99999999999999999999999999999999999999999999999999999999999999999", true, ""},
	{"dec: letters are no decimal number", DEC, "6aad5", "6aad5", false, ""},

	{"hex: the other way round", HEX, "436949", "6aad5", true, ""},
	{"hex: padded", HEX, "0000436949", "0006AAD5", true, ""},
	{"hex: digits of the receipt are hexadecimal", HEX, "16", "10", true, ""},
	{"hex: zero", HEX, "0", "00000000", true, ""},
	{"hex: 64 bits", HEX, "18446744073709551615", "FFFFFFFFFFFFFFFF", true, ""},
	{"hex: 128 bits", HEX, "340282366920938463463374607431768211456", "100000000000000000000000000000000", true, ""},
	{"hex: 65 digits give more than an id can hold", HEX, "1",
		"fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", false, ""},
	{"hex: a UUID is no number", HEX, "1", "6f1ed002-ab5e", false, ""},

	{"a name in front of the receipt's id", CUT_FRONT, "123", "acme-123", true, ""},
	{"two marks: the last", CUT_FRONT, "000123", "acme:smsc2:123", true, ""},
	{"a name without a mark", CUT_FRONT, "123456", "ACME123456", true, ""},
	{"digits too few to be a number", CUT_FRONT, "123", "acme123", false, ""},
	{"nothing to cut", CUT_FRONT, "123", "123", false, ""},
	{"nothing left", CUT_FRONT, "acme", "acme-", false, ""},
	{"in front, and decimal", RECEIPT_WAY(RECEIPT_NAME_CUT_FRONT, RECEIPT_BASE_DEC), "6aad5", "acme-436949", true, ""},
	{"a name behind it", CUT_BACK, "123", "123@smsc", true, ""},
	{"two marks: the first", CUT_BACK, "123", "123@smsc.example", true, ""},
	{"behind, without a mark", CUT_BACK, "123456", "123456smsc", true, ""},
	{"behind, and hexadecimal", RECEIPT_WAY(RECEIPT_NAME_CUT_BACK, RECEIPT_BASE_HEX), "436949", "6AAD5@smsc", true, ""},
	{"a mark alone", CUT_BACK, "123", "@123", false, ""},

	{"a name in front of the response's id", ADD_FRONT, "acme-123", "123", true, "acme-99"},
	{"a name without a mark", ADD_FRONT, "ACME123456", "123456", true, "acme100000"},
	{"no example yet", ADD_FRONT, "acme-123", "123", false, ""},
	{"the example has no name", ADD_FRONT, "acme-123", "123", false, "99"},
	{"the receipt has a name of its own", ADD_FRONT, "acme-x-123", "x-123", false, "acme-99"},
	{"a name behind", ADD_BACK, "123@smsc", "123", true, "99@smsc"},
	{"in front, and decimal", RECEIPT_WAY(RECEIPT_NAME_ADD_FRONT, RECEIPT_BASE_DEC), "acme-6AAD5", "436949", true,
		"acme-1"},
	{"a name too long to be put on", ADD_FRONT, "1", ID65, false, "acme-99"},
};

static void each_way_leads_back_to_the_key(void **state)
{
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		char key[RECEIPT_ID_SIZE], undone[RECEIPT_ID_SIZE] = "-";
		int r;

		assert_int_equal(receipt_id_key(ids[i].response, RECEIPT_ID_AUTO, key), 0);
		r = receipt_id_undo(ids[i].receipt, ids[i].way, ids[i].example, undone);
		if ((r == 0 && strcmp(key, undone) == 0) != ids[i].same)
			fail_msg("%s: %s, not %s (%d)", ids[i].why, undone, key, r);
	}
}

static void as_text_every_octet_counts(void **state)
{
	char key[RECEIPT_ID_SIZE];

	assert_int_equal(receipt_id_key("0x0aB3", RECEIPT_ID_TEXT, key), 0);
	assert_string_equal(key, "0x0aB3");
}

static void long_ids_that_differ_stay_different(void **state)
{
	char a[RECEIPT_ID_SIZE], b[RECEIPT_ID_SIZE];

	(void)state;
	receipt_id_take(a, ID65, 65);
	assert_string_equal(a, ID65);
	receipt_id_take(a, ID65 "a", 66);
	assert_int_equal(strlen(a), 65);
	receipt_id_take(b, ID65 "b", 66);
	assert_string_not_equal(a, b);
	receipt_id_take(b, ID65 "A", 66);
	assert_string_equal(a, b);
	receipt_id_take(b, ID65 "a" ID65, 131);
	assert_string_not_equal(a, b);
	receipt_id_take(a, "", 0);
	assert_string_equal(a, "");
}

static void ids_of_no_length_are_refused(void **state)
{
	char out[RECEIPT_ID_SIZE];

	for (int form = RECEIPT_ID_TEXT; form <= RECEIPT_ID_AUTO; form++) {
		assert_int_equal(receipt_id_key("", (enum receipt_id_form)form, out), -EINVAL);
		assert_int_equal(receipt_id_key(ID65, (enum receipt_id_form)form, out), 0);
		assert_int_equal(receipt_id_key(ID65 "6", (enum receipt_id_form)form, out), -EINVAL);
	}
	for (unsigned way = 0; way < RECEIPT_WAYS; way++) {
		assert_int_equal(receipt_id_undo("", way, "acme-1", out), -EINVAL);
		assert_int_equal(receipt_id_undo(ID65 "6", way, "acme-1", out), -EINVAL);
	}
	assert_int_equal(receipt_id_undo("1", RECEIPT_WAYS, "", out), -EINVAL);
}

/* Whatever way, the longest ids fit what they are written to (run with sanitizers). */
static void long_ids_and_long_names_fit(void **state)
{
	static const char *const all[] = {ID65, "-" ID65, "a-234567890123456789012345678901234567890123456789012345678901234",
		"234567890123456789012345678901234567890123456789012345678901234-a",
		"fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "1-", "-1", "--", "0x", "0x0"};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++)
			for (unsigned way = 0; way < RECEIPT_WAYS; way++) {
				char out[RECEIPT_ID_SIZE];

				if (receipt_id_undo(all[i], way, all[k], out) == 0)
					assert_in_range(strlen(out), 1, 65);
			}
}

static void every_way_has_a_name_of_its_own(void **state)
{
	for (unsigned a = 0; a < RECEIPT_WAYS; a++)
		for (unsigned b = 0; b < a; b++)
			assert_string_not_equal(receipt_way_name(a), receipt_way_name(b));
	assert_string_equal(receipt_way_name(RECEIPT_WAY(RECEIPT_NAME_ADD_BACK, RECEIPT_BASE_HEX)), "add-back+hex");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_way_leads_back_to_the_key),
		cmocka_unit_test(as_text_every_octet_counts),
		cmocka_unit_test(long_ids_that_differ_stay_different),
		cmocka_unit_test(ids_of_no_length_are_refused),
		cmocka_unit_test(long_ids_and_long_names_fit),
		cmocka_unit_test(every_way_has_a_name_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
