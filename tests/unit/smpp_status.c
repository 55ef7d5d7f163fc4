/* SPDX-License-Identifier: Apache-2.0 */
/* The table of command_status: codes and names as SMPP 3.4, 5.1.3 prints them, and as libsmpp34 lists them. */
#include <config.h>

#include "smpp/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <libsmpp34/smpp34.h>

#include <cmocka.h>

static void names_are_those_of_libsmpp34(void **state)
{
	static const struct {
		uint32_t status;
		const char *name;
	} theirs[] = {
#define OPERACION(name) { name, #name },
#include <libsmpp34/def_list/command_status.list>
#undef OPERACION
	};

	for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++)
		assert_string_equal(status_name(theirs[i].status), theirs[i].name);
	assert_true(sizeof(theirs) / sizeof(theirs[0]) > 40);
}

static void classes(void **state)
{
	/* Every row of the table, by class; 5.0's above 0x100. */
	static const struct {
		enum status_class class;
		uint32_t status[48];
	} all[] = {
		{ STATUS_PERMANENT, { 0x01, 0x06, 0x07, 0x0a, 0x0c, 0x11, 0x13, 0x15, 0x33, 0x34, 0x40, 0x42, 0x43, 0x44,
			0x45, 0x48, 0x49, 0x50, 0x51, 0x54, 0x55, 0x61, 0x62, 0x63, 0x65, 0x66, 0xc0, 0xc1, 0xc2, 0xc3,
			0xc4, 0x100, 0x101, 0x103, 0x104, 0x105, 0x106 } },
		{ STATUS_RECIPIENT, { 0x0b } },
		{ STATUS_TEMPORARY, { 0x08, 0x64, 0x67, 0xfe, 0xff, 0x102 } },
		{ STATUS_THROTTLE, { 0x14, 0x58 } },
		{ STATUS_LINK_FATAL, { 0x02, 0x03, 0x04, 0x05, 0x0d, 0x0e, 0x0f, 0x53 } },
	};
	static const struct {
		uint32_t status;
		enum status_class class;
	} v[] = {
		{ 0x00000000, STATUS_OK },
		{ 0x00000001, STATUS_PERMANENT },  /* ESME_RINVMSGLEN */
		{ 0x00000002, STATUS_LINK_FATAL }, /* ESME_RINVCMDLEN */
		{ 0x00000004, STATUS_LINK_FATAL }, /* ESME_RINVBNDSTS */
		{ 0x00000008, STATUS_TEMPORARY },  /* ESME_RSYSERR */
		{ 0x00000009, STATUS_TEMPORARY },  /* reserved */
		{ 0x0000000a, STATUS_PERMANENT },  /* ESME_RINVSRCADR */
		{ 0x0000000b, STATUS_RECIPIENT },  /* ESME_RINVDSTADR */
		{ 0x0000000e, STATUS_LINK_FATAL }, /* ESME_RINVPASWD */
		{ 0x00000014, STATUS_THROTTLE },   /* ESME_RMSGQFUL */
		{ 0x00000045, STATUS_PERMANENT },  /* ESME_RSUBMITFAIL */
		{ 0x00000058, STATUS_THROTTLE },   /* ESME_RTHROTTLED */
		{ 0x00000064, STATUS_TEMPORARY },  /* ESME_RX_T_APPN */
		{ 0x00000065, STATUS_PERMANENT },  /* ESME_RX_P_APPN */
		{ 0x000000ff, STATUS_TEMPORARY },  /* ESME_RUNKNOWNERR */
		{ 0x00000102, STATUS_TEMPORARY },  /* ESME_RSERTYPUNAVAIL, 5.0 */
		{ 0x00000107, STATUS_PERMANENT },  /* broadcast, 5.0 */
		{ 0x00000112, STATUS_PERMANENT },
		{ 0x00000113, STATUS_TEMPORARY },
		{ 0x00000400, STATUS_TEMPORARY },  /* vendor */
		{ 0xffffffff, STATUS_TEMPORARY },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (size_t k = 0; k < 48 && all[i].status[k]; k++)
			if (status_class(all[i].status[k]) != all[i].class || !*status_name(all[i].status[k]))
				fail_msg("%08x", all[i].status[k]);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		if (status_class(v[i].status) != v[i].class)
			fail_msg("%08x", v[i].status);
}

static void a_code_without_a_name_is_shown_in_hex(void **state)
{
	char buf[40];

	assert_string_equal(status_text(0x58, buf, sizeof(buf)), "ESME_RTHROTTLED");
	assert_string_equal(status_text(0x461, buf, sizeof(buf)), "command_status 0x00000461");
	assert_string_equal(status_name(0x461), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_those_of_libsmpp34),
		cmocka_unit_test(classes),
		cmocka_unit_test(a_code_without_a_name_is_shown_in_hex),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
