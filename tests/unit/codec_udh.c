/* SPDX-License-Identifier: Apache-2.0 */
/* Headers, honest and hostile (3GPP TS 23.040, 9.2.3.24).  Each is put at the end of its allocation, so that
 * the sanitizer sees any octet read too many. */
#include "codec/udh.h"
#include "tests/unit/codec_hex.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct {
	const char *why, *hex;
	int r;
	struct udh_concat want;
} concats[] = {
	{"8 bit reference", "050003cc0201", 1, {0xcc, 2, 1, false}},
	{"16 bit reference", "060804abcd0302", 1, {0xabcd, 3, 2, true}},
	{"text behind the header is not looked at", "050003cc0201 ffff", 1, {0xcc, 2, 1, false}},
	{"behind ports", "0b 050415820000 0003010201", 1, {1, 2, 1, false}},
	{"the last of two counts", "0a 0003010201 0003020303", 1, {2, 3, 3, false}},
	{"an element without content is stepped over", "07 9000 0003cc0201", 1, {0xcc, 2, 1, false}},
	{"total 0", "050003cc0001", 0, {0}},
	{"sequence 0", "050003cc0200", 0, {0}},
	{"sequence beyond the total", "050003cc0203", 0, {0}},
	{"a bad one does not undo a good one", "0a 0003010201 0003020100", 1, {1, 2, 1, false}},
	{"wrong length of the element", "060004cc020100", 0, {0}},
	{"8 bit type with 16 bit name", "050803cc0201", 0, {0}},
	{"empty header", "00", 0, {0}},
	{"no octets", "", -EBADMSG, {0}},
	{"header longer than the data", "050003cc02", -EBADMSG, {0}},
	{"header of 255 in two octets", "ff00", -EBADMSG, {0}},
	{"element longer than the header", "050004cc0201", -EBADMSG, {0}},
	{"element of 255", "0500ffcc0201", -EBADMSG, {0}},
	{"type without a length", "0100", -EBADMSG, {0}},
	{"good element, then half a one", "06 0003cc0201 00", -EBADMSG, {0}},
	{"element runs into the text", "04 0003cc02 0101020304", -EBADMSG, {0}},
};

static void concatenation_is_found_or_refused(void **state)
{
	for (size_t i = 0; i < sizeof(concats) / sizeof(concats[0]); i++) {
		struct udh_concat got = {0};
		uint8_t octets[64], *exact;
		size_t n = from_hex(concats[i].hex, octets, sizeof(octets));

		exact = malloc(n ? n : 1);
		memcpy(exact, octets, n);
		print_message("%s\n", concats[i].why);
		assert_int_equal(udh_find_concat(exact, n, &got), concats[i].r);
		assert_int_equal(got.ref, concats[i].want.ref);
		assert_int_equal(got.total, concats[i].want.total);
		assert_int_equal(got.seq, concats[i].want.seq);
		assert_int_equal(got.wide, concats[i].want.wide);
		assert_int_equal(udh_check(exact, n, NULL), concats[i].r < 0 ? concats[i].r : 0);
		free(exact);
	}
}

static void ports_are_found(void **state)
{
	const uint8_t wide[] = {6, 5, 4, 0x0b, 0x84, 0x23, 0xf0}, narrow[] = {4, 4, 2, 0xf1, 0xf2};
	struct udh_ports p;

	assert_int_equal(udh_find_ports(wide, sizeof(wide), &p), 1);
	assert_int_equal(p.dst, 2948);
	assert_int_equal(p.src, 0x23f0);
	assert_true(p.wide);
	assert_int_equal(udh_find_ports(narrow, sizeof(narrow), &p), 1);
	assert_int_equal(p.dst, 0xf1);
	assert_int_equal(p.src, 0xf2);
	assert_false(p.wide);
	assert_int_equal(udh_find_ports(narrow, 4, &p), -EBADMSG);
}

static void languages_are_found(void **state)
{
	const uint8_t both[] = {6, 0x24, 1, 1, 0x25, 1, 3}, single[] = {3, 0x24, 1, 2}, none[] = {2, 0x24, 0};
	struct gsm7_shift s = {9, 9};

	assert_int_equal(udh_find_shift(none, sizeof(none), &s), 0);
	assert_int_equal(s.single, 9);
	assert_int_equal(udh_find_shift(both, sizeof(both), &s), 1);
	assert_int_equal(s.single, 1);
	assert_int_equal(s.locking, 3);
	assert_int_equal(udh_find_shift(single, sizeof(single), &s), 1);
	assert_int_equal(s.single, 2);
	assert_int_equal(s.locking, 0);
}

/* Every prefix and every change of one octet of a rich header: the walk ends and stays inside. */
static void mutations_stay_inside(void **state)
{
	const uint8_t rich[] = {12, 0, 3, 1, 2, 1, 5, 4, 0x0b, 0x84, 0, 0, 0x24};

	for (size_t n = 0; n <= sizeof(rich); n++) {
		uint8_t *exact = malloc(n ? n : 1);

		for (size_t at = 0; at < n; at++) {
			for (unsigned v = 0; v < 256; v++) {
				struct udh_walk w;
				struct udh_ie ie;

				memcpy(exact, rich, n);
				exact[at] = (uint8_t)v;
				if (udh_open(&w, exact, n, NULL) < 0)
					continue;
				while (udh_next(&w, &ie) > 0)
					assert_true(ie.data >= exact && ie.data + ie.n <= exact + n);
			}
		}
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(concatenation_is_found_or_refused),
		cmocka_unit_test(ports_are_found),
		cmocka_unit_test(languages_are_found),
		cmocka_unit_test(mutations_stay_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
