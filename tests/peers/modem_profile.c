/* SPDX-License-Identifier: Apache-2.0 */
/* modem_profile.c -- the table of makers; modem_profile.h says what the columns mean. */
#include "modem_profile.h"

#include <stddef.h>
#include <string.h>

#define MODES (BIT(0) | BIT(1) | BIT(2))

static const struct modem_profile profiles[] = {
	{.name = "generic", .maker = MAKER_GENERIC, .cgmi = "Posthorn", .cgmm = "Simulated modem", .cgmr = "1.0",
		.cnmi_list = "(0-2),(0-3),(0,2),(0-2),(0,1)",
		.mode = MODES, .mt = 0xF, .ds = 7, .bfr = 3, .csms_max = 1,
		.mems = {{"SM", 50, 1}, {"ME", 100, 1}, {"SR", 20, 1}},
		.cpms_list = "(\"SM\",\"ME\",\"MT\",\"SR\"),(\"SM\",\"ME\",\"MT\"),(\"SM\",\"ME\",\"MT\")", .mem = "SM",
		.report_mem = "SM", .report_urc = "SM", .cmee_max = 2,
		.ports = {{"at", ROLE_AT}}},
	/* Codes on the second port only; CR CR LF; indices from 0; comes back as a disk when told so. */
	{.name = "huawei-e173", .maker = MAKER_HUAWEI, .cgmi = "huawei", .cgmm = "E173", .cgmr = "11.126.85.00.209",
		.cnmi_list = "(0,1,2),(0,1,2,3),(0,2),(0,1,2),(0,1)",
		.mode = MODES, .mt = 0xF, .ds = 7, .bfr = 3, .csms_max = 1,
		.mems = {{"SM", 50, 0}, {"ME", 255, 0}}, .cpms_list = "(\"ME\",\"MT\",\"SM\"),(\"ME\",\"MT\",\"SM\"),(\"ME\",\"MT\",\"SM\")",
		.mem = "SM", .report_mem = "SM", .report_urc = "SM", .cr_cr_lf = true, .cmee_max = 2, .no_cereg = true,
		.ussd = USSD_PACKED, .boot = {"^SIMST:1", "^SRVST:2", "^MODE:5,4"},
		.noise = {"^RSSI:17", "^BOOT:20155019,0,0,0,75", "^MODE:5,4", "^DSFLOWRPT:00000012,00000000,00000000,0000,0000,0000,0000"},
		.full = "^SMMEMFULL: \"SM\"", .ports = {{"modem", ROLE_QUIET}, {"diag", ROLE_DIAG}, {"at", ROLE_AT}}},
	/* ds 1 is taken and does nothing; reports are stored. */
	{.name = "zte", .maker = MAKER_ZTE, .cgmi = "ZTE INCORPORATED", .cgmm = "MF190", .cgmr = "BD_P673A2V1.0.0B09",
		.cnmi_list = "(0,1,2),(0,1,2,3),(0,2),(0,1,2),(0,1)",
		.mode = MODES, .mt = 0xF, .ds = 7, .bfr = 3, .ds_idle = BIT(1), .csms_max = 1,
		.mems = {{"SM", 20, 0}, {"ME", 100, 0}}, .cpms_list = "(\"ME\",\"MT\",\"SM\",\"SR\"),(\"ME\",\"MT\",\"SM\",\"SR\"),(\"ME\",\"MT\",\"SM\",\"SR\")",
		.mem = "SM", .report_mem = "SM", .report_urc = "SM", .cmee_max = 2, .no_cereg = true, .ussd = USSD_UCS2,
		.boot = {"+ZUSIMR:2", "+ZUSIMR:2"}, .noise = {"+ZUSIMR:2", "+ZPASR: \"HSDPA\"", "+ZDONR: \"o2 - de\",262,7,\"CS_PS\",\"ROAM_OFF\""},
		.ports = {{"diag", ROLE_DIAG}, {"at", ROLE_AT}, {"modem", ROLE_QUIET}}},
	/* A serial module: the line stays, nothing works before SMS Ready. */
	{.name = "sim800", .maker = MAKER_SIMCOM, .cgmi = "SIMCOM_Ltd", .cgmm = "SIMCOM_SIM800L", .cgmr = "Revision:1418B06SIM800L24",
		.cnmi_list = "(0-3),(0-3),(0,2,3),(0-2),(0,1)",
		.mode = 0xF, .mt = 0xF, .ds = 7, .bfr = 3, .csms_max = 1,
		.mems = {{"SM", 30, 1}, {"ME", 50, 1}}, .cpms_list = "(\"SM\",\"ME\",\"SM_P\",\"ME_P\",\"MT\"),(\"SM\",\"ME\",\"SM_P\",\"ME_P\",\"MT\"),(\"SM\",\"ME\",\"SM_P\",\"ME_P\",\"MT\")",
		.mem = "SM", .report_mem = "SM", .report_urc = "SM", .cmee_max = 2, .serial = true, .no_cereg = true,
		.boot = {"RDY", "+CFUN: 1", "+CPIN: READY", "Call Ready", "SMS Ready"}, .noise = {"UNDER-VOLTAGE WARNNING"},
		.full = "+SMSFULL", .ports = {{"at", ROLE_AT}}},
	{.name = "sim7600", .maker = MAKER_SIMCOM, .cgmi = "SIMCOM INCORPORATED", .cgmm = "SIMCOM_SIM7600E-H", .cgmr = "LE20B04SIM7600M22",
		.cgmr_prefix = "+CGMR: ", .cnmi_list = "(0,1,2),(0,1,2,3),(0,2),(0,1,2),(0,1)",
		.mode = MODES, .mt = 0xF, .ds = 7, .bfr = 3, .csms_max = 1,
		.mems = {{"SM", 30, 0}, {"ME", 23, 0}, {"SR", 20, 0}}, .cpms_list = "(\"ME\",\"MT\",\"SM\",\"SR\"),(\"ME\",\"MT\",\"SM\"),(\"ME\",\"MT\",\"SM\")",
		.mem = "SM", .report_mem = "SR", .report_urc = "SR", .cmee_max = 2,
		.boot = {"+CPIN: READY", "PB DONE", "SMS DONE"}, .full = "+SMS FULL",
		.ports = {{"diag", ROLE_DIAG}, {"nmea", ROLE_DIAG}, {"at", ROLE_AT}, {"modem", ROLE_QUIET}}},
	/* A report is put into SR and announced as SM. */
	{.name = "ec25", .maker = MAKER_QUECTEL, .cgmi = "Quectel", .cgmm = "EC25", .cgmr = "EC25EFAR06A06M4G",
		.cnmi_list = "(0-2),(0-3),(0,2),(0-2),(0,1)",
		.mode = MODES, .mt = 0xF, .ds = 7, .bfr = 3, .csms_max = 1,
		.mems = {{"SM", 50, 0}, {"ME", 255, 0}, {"SR", 20, 0}}, .cpms_list = "(\"SM\",\"ME\",\"MT\",\"SR\"),(\"SM\",\"ME\",\"MT\",\"SR\"),(\"SM\",\"ME\",\"MT\",\"SR\")",
		.mem = "ME", .report_mem = "SR", .report_urc = "SM", .cmee_max = 2,
		.boot = {"RDY", "+CFUN: 1", "+CPIN: READY", "+QUSIM: 1", "+QIND: PB DONE", "+QIND: SMS DONE"},
		.noise = {"+QIND: \"csq\",24,99", "+QIND: \"act\",\"LTE\""}, .full = "+QIND: \"smsfull\",\"ME\"",
		.ports = {{"diag", ROLE_DIAG}, {"nmea", ROLE_DIAG}, {"at", ROLE_AT}, {"modem", ROLE_QUIET}}},
	/* bfr must be 1; direct routing only after +CSMS=1, and then every one is to be acknowledged. */
	{.name = "mc35", .maker = MAKER_CINTERION, .cgmi = "SIEMENS", .cgmm = "MC35i", .cgmr = "REVISION 02.00",
		.cnmi_list = "(0-3),(0,1),(0,2,3),(0,2),(1)",
		.mode = 0xF, .mt = 3, .ds = 5, .bfr = BIT(1), .direct_needs_csms = true, .csms_max = 1,
		.mems = {{"SM", 20, 1}, {"ME", 25, 1}}, .cpms_list = "(\"MT\",\"SM\",\"ME\"),(\"MT\",\"SM\",\"ME\"),(\"MT\",\"SM\",\"ME\")",
		.mem = "MT", .report_mem = "SM", .report_urc = "SM", .cmee_max = 2, .serial = true, .no_cereg = true,
		.boot = {"^SYSSTART"}, .full = "^SMGO: 1", .ports = {{"at", ROLE_AT}}},
	{.name = "cinterion", .maker = MAKER_CINTERION, .cgmi = "Cinterion", .cgmm = "BGS2-W", .cgmr = "REVISION 02.000",
		.cnmi_list = "(0-3),(0-3),(0,2,3),(0-2),(1)",
		.mode = 0xF, .mt = 0xF, .ds = 7, .bfr = BIT(1), .direct_needs_csms = true, .csms_max = 1,
		.mems = {{"SM", 20, 1}, {"ME", 25, 1}}, .cpms_list = "(\"MT\",\"SM\",\"ME\"),(\"MT\",\"SM\",\"ME\"),(\"MT\",\"SM\",\"ME\")",
		.mem = "MT", .report_mem = "SM", .report_urc = "SM", .cmee_max = 2, .serial = true, .no_cereg = true,
		.boot = {"^SYSSTART"}, .full = "^SMGO: 1", .ports = {{"at", ROLE_AT}}},
	{.name = "telit", .maker = MAKER_TELIT, .cgmi = "Telit", .cgmm = "GE910-QUAD", .cgmr = "13.00.006",
		.cnmi_list = "(0-2),(0-3),(0,2),(0,1),(0)",
		.mode = MODES, .mt = 0xF, .ds = 3, .bfr = BIT(0), .csms_max = 1,
		.mems = {{"SM", 30, 1}, {"ME", 100, 1}}, .cpms_list = "(\"SM\",\"ME\"),(\"SM\",\"ME\"),(\"SM\",\"ME\")",
		.mem = "SM", .report_mem = "SM", .report_urc = "SM", .cmee_max = 2, .no_cereg = true,
		.full = "#SMSFULL", .ports = {{"at", ROLE_AT}, {"modem", ROLE_QUIET}}},
	{.name = "sierra", .maker = MAKER_SIERRA, .cgmi = "Sierra Wireless, Incorporated", .cgmm = "MC7304",
		.cgmr = "SWI9X15C_05.05.58.00 r27044 carmd-fwbuild1 2015/03/05 00:02:40",
		.cnmi_list = "(0,1,2),(0,1,2,3),(0,2),(0,1,2),(0,1)",
		.mode = MODES, .mt = 0xF, .ds = 7, .bfr = 3, .csms_max = 1,
		.mems = {{"SM", 30, 0}, {"ME", 255, 0}}, .cpms_list = "(\"ME\",\"MT\",\"SM\"),(\"ME\",\"MT\",\"SM\"),(\"ME\",\"MT\",\"SM\")",
		.mem = "SM", .report_mem = "SM", .report_urc = "SM", .cmee_max = 2, .noise = {"+WIND: 7"},
		.ports = {{"diag", ROLE_DIAG}, {"nmea", ROLE_DIAG}, {"at", ROLE_AT}}},
	{.name = "u-blox", .maker = MAKER_UBLOX, .cgmi = "u-blox", .cgmm = "SARA-U270", .cgmr = "23.41",
		.cnmi_list = "(0-2),(0-3),(0-3),(0-2),(0-1)",
		.mode = MODES, .mt = 0xF, .ds = 7, .bfr = 3, .csms_max = 1,
		.mems = {{"SM", 50, 1}, {"ME", 350, 1}, {"SR", 50, 1}}, .cpms_list = "(\"BM\",\"ME\",\"MT\",\"SM\",\"SR\"),(\"ME\",\"MT\",\"SM\"),(\"ME\",\"MT\",\"SM\")",
		.mem = "ME", .report_mem = "SR", .report_urc = "SR", .cmee_max = 2, .no_cereg = true,
		.full = "+UUSMSFULL", .ports = {{"at", ROLE_AT}}},
	/* Old: no reports at all, +CMEE up to 1, ten places on the SIM. */
	{.name = "wavecom", .maker = MAKER_WAVECOM, .cgmi = "WAVECOM MODEM", .cgmm = "900E", .cgmr = "4.10",
		.cnmi_list = "(0-2),(0-2),(0,2),(0),(0,1)",
		.mode = MODES, .mt = 7, .ds = 1, .bfr = 3, .csms_max = 0,
		.mems = {{"SM", 10, 1}}, .cpms_list = "(\"SM\"),(\"SM\"),(\"SM\")",
		.mem = "SM", .report_mem = "SM", .report_urc = "SM", .cmee_max = 1, .serial = true, .no_cereg = true,
		.boot = {"+WIND: 3", "+WIND: 4"}, .ports = {{"at", ROLE_AT}}},
	/* ds 1 is listed and refused, ds 2 works. */
	{.name = "qualcomm", .maker = MAKER_QUALCOMM, .cgmi = "QUALCOMM INCORPORATED", .cgmm = "MSM8916", .cgmr = "MPSS.DPM.2.0 1 [Jan 01 2016 00:00:00]",
		.cnmi_list = "(0,1,2),(0,1,2,3),(0,2),(0,1,2),(0,1)",
		.mode = MODES, .mt = 0xF, .ds = 7, .bfr = 3, .ds_refused = BIT(1), .csms_max = 1,
		.mems = {{"SM", 40, 0}, {"ME", 23, 0}}, .cpms_list = "(\"ME\",\"MT\",\"SM\",\"SR\"),(\"ME\",\"MT\",\"SM\",\"SR\"),(\"ME\",\"MT\",\"SM\",\"SR\")",
		.mem = "ME", .report_mem = "ME", .report_urc = "ME", .cmee_max = 2,
		.ports = {{"diag", ROLE_DIAG}, {"at", ROLE_AT}}},
};

const struct modem_profile *modem_profile_at(unsigned i)
{
	return i < sizeof(profiles) / sizeof(profiles[0]) ? &profiles[i] : NULL;
}

const struct modem_profile *modem_profile_find(const char *name)
{
	const struct modem_profile *p = NULL;

	for (unsigned i = 0; (p = modem_profile_at(i)) && strcmp(p->name, name) != 0; i++)
		;
	return p;
}
