/* SPDX-License-Identifier: Apache-2.0 */
/* ussd_text.c: what networks answer to short codes, in the three ways in which modems write it. */
#include <config.h>

#include "drivers/modem/ussd.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Packed: 3GPP TS 23.038, 6.1.2.3; "hellohello" is E8329BFD4697D9EC37 in its own example of packing. */
static const struct {
	const char *why, *line;
	enum conf_make_ussd form;
	unsigned status;
	const char *text;
} answers[] = {
	{ "plain", "+CUSD: 0,\"Balance: 12.50\",15", CONF_MAKE_USSD_AUTO, 0, "Balance: 12.50" },
	{ "a menu", "+CUSD: 1,\"1 Balance\n2 Top up\",15", CONF_MAKE_USSD_AUTO, 1, "1 Balance\n2 Top up" },
	{ "quotes inside", "+CUSD: 0,\"say \"yes\", then\",15", CONF_MAKE_USSD_AUTO, 0, "say \"yes\", then" },
	{ "no scheme", "+CUSD: 0,\"hello\"", CONF_MAKE_USSD_AUTO, 0, "hello" },
	{ "no text", "+CUSD: 4", CONF_MAKE_USSD_AUTO, 4, "" },
	{ "no blank, lower case", "+cusd:2,\"x\"", CONF_MAKE_USSD_AUTO, 2, "x" },
	{ "its end lost", "+CUSD: 0,\"hello", CONF_MAKE_USSD_AUTO, 0, "hello" },
	{ "packed, found out", "+CUSD: 0,\"E8329BFD4697D9EC37\",15", CONF_MAKE_USSD_AUTO, 0, "hellohello" },
	{ "packed, known", "+CUSD: 0,\"E8329BFD4697D9EC37\",15", CONF_MAKE_USSD_PACKED, 0, "hellohello" },
	{ "a make that packs said it plainly", "+CUSD: 0,\"hello\",15", CONF_MAKE_USSD_PACKED, 0, "hello" },
	{ "an odd digit: no hexadecimal", "+CUSD: 0,\"041104300\",72", CONF_MAKE_USSD_AUTO, 0, "041104300" },
	{ "UCS-2", "+CUSD: 0,\"04110430043B0430043D0441\",72", CONF_MAKE_USSD_AUTO, 0, "Баланс" },
	{ "UCS-2 with a wrong scheme", "+CUSD: 0,\"00420061006C\",15", CONF_MAKE_USSD_AUTO, 0, "Bal" },
	{ "UCS-2, known", "+CUSD: 0,\"00310032\",15", CONF_MAKE_USSD_UCS2, 0, "12" },
	{ "a number is a number", "+CUSD: 0,\"12345678\",15", CONF_MAKE_USSD_AUTO, 0, "12345678" },
	{ "Latin-1 octets", "+CUSD: 0,\"sald\xf3\",15", CONF_MAKE_USSD_AUTO, 0, "saldó" },
};

static void answers_are_read(void **state)
{
	char text[USSD_TEXT_MAX];
	unsigned status;

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		assert_int_equal(ussd_read(answers[i].line, answers[i].form, &status, text), 0);
		if (status != answers[i].status || strcmp(text, answers[i].text) != 0)
			fail_msg("%s: %u \"%s\"", answers[i].why, status, text);
	}
	assert_int_equal(ussd_read("+CUSD:", CONF_MAKE_USSD_AUTO, &status, text), -EINVAL);
	assert_int_equal(ussd_read("RING", CONF_MAKE_USSD_AUTO, &status, text), -EINVAL);
}

/* AA180C3602 is *100# as Huawei's sticks want it. */
static void codes_are_written(void **state)
{
	char text[800], small[8];

	assert_int_equal(ussd_write("*100#", CONF_MAKE_USSD_AUTO, text, sizeof(text)), 0);
	assert_string_equal(text, "*100#");
	assert_int_equal(ussd_write("*100#", CONF_MAKE_USSD_PACKED, text, sizeof(text)), 0);
	assert_string_equal(text, "AA180C3602");
	assert_int_equal(ussd_write("*1#", CONF_MAKE_USSD_UCS2, text, sizeof(text)), 0);
	assert_string_equal(text, "002A00310023");
	assert_int_equal(ussd_write("a\"b", CONF_MAKE_USSD_PLAIN, text, sizeof(text)), -EINVAL);
	assert_int_equal(ussd_write("*1#\r", CONF_MAKE_USSD_PLAIN, text, sizeof(text)), -EINVAL);
	assert_int_equal(ussd_write("*100#123", CONF_MAKE_USSD_PACKED, small, sizeof(small)), -EMSGSIZE);
	assert_int_equal(ussd_write("*100#123", CONF_MAKE_USSD_PLAIN, small, sizeof(small)), -EMSGSIZE);
}

/* Seven letters leave seven bits over, which would read as one more: 23.038, 6.1.2.3.1. */
static void seven_letters_stay_seven(void **state)
{
	char text[64], line[96], read[USSD_TEXT_MAX];
	unsigned status;

	assert_int_equal(ussd_write("1234567", CONF_MAKE_USSD_PACKED, text, sizeof(text)), 0);
	snprintf(line, sizeof(line), "+CUSD: 0,\"%s\",15", text);
	assert_int_equal(ussd_read(line, CONF_MAKE_USSD_PACKED, &status, read), 0);
	assert_string_equal(read, "1234567");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_read),
		cmocka_unit_test(codes_are_written),
		cmocka_unit_test(seven_letters_stay_seven),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
