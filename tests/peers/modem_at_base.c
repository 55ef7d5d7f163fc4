/* SPDX-License-Identifier: Apache-2.0 */
/* modem_at_base.c -- commands of the device and the network: TS 27.007, V.250, and what makers add. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modem_at.h"

static struct at_result ok(struct at_call *a)
{
	return at_ok;
}

static struct at_result echo(struct at_call *a)
{
	a->p->echo = at_number(a, 0, 0) != 0;
	return at_ok;
}

static struct at_result quiet(struct at_call *a)
{
	a->p->quiet = at_number(a, 0, 0) != 0;
	return at_ok;
}

static struct at_result verbose(struct at_call *a)
{
	a->p->verbose = at_number(a, 0, 0) != 0;
	return at_ok;
}

static struct at_result reset(struct at_call *a)
{
	a->p->echo = a->p->verbose = true;
	a->p->quiet = false;
	a->m->cmee = 0;
	a->m->cmgf = 0;
	memset(a->m->cnmi, 0, sizeof(a->m->cnmi));
	return at_ok;
}

static struct at_result dial(struct at_call *a)
{
	return strchr(a->args, ';') ? at_ok : (struct at_result){AT_TEXT, 0, "NO CARRIER"};
}

static struct at_result hang_up(struct at_call *a)
{
	if (a->m->calling) {
		a->m->calling = 0;
		a->m->counts.calls_hung_up++;
		modem_note(a->m, "hung-up", a->m->caller);
	}
	return at_ok;
}

static struct at_result identify(struct at_call *a)
{
	at_line(a->p, "%s", a->m->profile->cgmi);
	at_line(a->p, "%s", a->m->profile->cgmm);
	at_line(a->p, "%s", a->m->profile->cgmr);
	return at_ok;
}

static struct at_result cgmi(struct at_call *a)
{
	if (a->op != AT_TEST)
		at_line(a->p, "%s", a->m->profile->cgmi);
	return at_ok;
}

static struct at_result cgmm(struct at_call *a)
{
	if (a->op != AT_TEST)
		at_line(a->p, "%s", a->m->profile->cgmm);
	return at_ok;
}

static struct at_result cgmr(struct at_call *a)
{
	const char *prefix = a->m->profile->cgmr_prefix;

	if (a->op != AT_TEST)
		at_line(a->p, "%s%s", prefix ? prefix : "", a->m->profile->cgmr);
	return at_ok;
}

static struct at_result cgsn(struct at_call *a)
{
	if (a->op != AT_TEST) {
		if (!*a->m->conf.imei)
			return at_error;
		at_line(a->p, "%s", a->m->conf.imei);
	}
	return at_ok;
}

static struct at_result cmee(struct at_call *a)
{
	long v = at_number(a, 0, 0);

	if (a->op == AT_TEST)
		at_line(a->p, "+CMEE: (0-%u)", a->m->profile->cmee_max);
	else if (a->op == AT_READ)
		at_line(a->p, "+CMEE: %u", a->m->cmee);
	else if (v < 0 || v > a->m->profile->cmee_max)
		return at_error;
	else
		a->m->cmee = (uint8_t)v;
	return at_ok;
}

static struct at_result registration(struct at_call *a, const char *name, uint8_t *n, uint8_t stat)
{
	const char *quote = modem_chance(a->m->sim, a->m->conf.creg_quotes) ? "\"\"" : "\"";
	long v = at_number(a, 0, 0);

	if (a->op == AT_TEST) {
		at_line(a->p, "%s: (0-2)", name);
	} else if (a->op == AT_READ) {
		/* creg-quotes: "1A2B"",0123 as some firmware writes it */
		if (*n == 2)
			at_line(a->p, "%s: 2,%u,\"1A2B%s,\"00C0FFEE\",7", name, stat, quote);
		else if (quote[1])
			at_line(a->p, "%s: %u,%u,\"1A2B\"\",\"00C0FFEE", name, *n, stat);
		else
			at_line(a->p, "%s: %u,%u", name, *n, stat);
	} else {
		if (v < 0 || v > 2)
			return at_cme(50);
		*n = (uint8_t)v;
	}
	return at_ok;
}

static struct at_result creg(struct at_call *a)
{
	return registration(a, "+CREG", &a->m->n_creg, modem_creg(a->m));
}

static struct at_result cgreg(struct at_call *a)
{
	return registration(a, "+CGREG", &a->m->n_cgreg, modem_cgreg(a->m));
}

static struct at_result cereg(struct at_call *a)
{
	if (a->m->profile->no_cereg)
		return at_error;
	return registration(a, "+CEREG", &a->m->n_cereg, modem_cereg(a->m));
}

static struct at_result cops(struct at_call *a)
{
	const char *name = modem_operator(a->m);

	if (a->op == AT_TEST) {
		at_line(a->p, "+COPS: (2,\"%s\",\"%.8s\",\"26201\",7),,(0-4),(0-2)", name, name);
	} else if (a->op == AT_SET) {
		if (at_number(a, 0, 0) == 3)
			a->m->cops_format = (uint8_t)at_number(a, 1, 0);
	} else if (!modem_registered(a->m)) {
		at_line(a->p, "+COPS: 0");
	} else if (a->m->cops_format == 2) {
		at_line(a->p, "+COPS: 0,2,\"26201\",7");
	} else {
		at_line(a->p, "+COPS: 0,%u,\"%s\",7", a->m->cops_format, name);
	}
	return at_ok;
}

static struct at_result csq(struct at_call *a)
{
	if (a->op == AT_TEST)
		at_line(a->p, "+CSQ: (0-31,99),(0-7,99)");
	else
		at_line(a->p, "+CSQ: %u,%u", a->m->net_lost ? 99 : a->m->conf.signal[0], a->m->conf.signal[1]);
	return at_ok;
}

static void on_reset(struct modem *m, void *arg)
{
	modem_restart(m, 0, modem_chance(m->sim, m->conf.storage_after_reset));
}

static struct at_result cfun(struct at_call *a)
{
	struct modem *m = a->m;
	long fun = at_number(a, 0, 1);

	if (a->op == AT_TEST) {
		at_line(a->p, "+CFUN: (0,1,4),(0,1)");
		return at_ok;
	}
	if (a->op == AT_READ) {
		at_line(a->p, "+CFUN: %u", m->cfun);
		return at_ok;
	}
	if (fun != 0 && fun != 1 && fun != 4)
		return at_cme(50);
	if (modem_chance(m->sim, m->conf.reset_hangs)) {
		modem_silence(m, FOREVER);
		return at_pending;
	}
	if (at_number(a, 1, 0) == 1) {
		m->counts.resets++;
		modem_later(m, 20, on_reset, NULL); /* after the OK has left */
		return at_ok;
	}
	m->cfun = (uint8_t)fun;
	modem_registration_changed(m);
	return at_ok;
}

static struct at_result cscs(struct at_call *a)
{
	char set[12];

	if (a->op == AT_TEST) {
		at_line(a->p, "+CSCS: (\"IRA\",\"GSM\",\"UCS2\")");
	} else if (a->op == AT_READ) {
		at_line(a->p, "+CSCS: \"%s\"", a->m->cscs);
	} else {
		at_arg(a, 0, set, sizeof(set));
		if (strcmp(set, "IRA") != 0 && strcmp(set, "GSM") != 0 && strcmp(set, "UCS2") != 0)
			return at_cme(50);
		strcpy(a->m->cscs, set);
	}
	return at_ok;
}

static struct at_result flag(struct at_call *a, const char *name, bool *value, const char *behind)
{
	if (a->op == AT_TEST)
		at_line(a->p, "%s: (0,1)", name);
	else if (a->op == AT_READ)
		at_line(a->p, "%s: %u%s", name, *value, behind);
	else
		*value = at_number(a, 0, 0) != 0;
	return at_ok;
}

static struct at_result clip(struct at_call *a)
{
	return flag(a, "+CLIP", &a->m->clip, ",1");
}

static struct at_result crc(struct at_call *a)
{
	return flag(a, "+CRC", &a->m->crc, "");
}

static struct at_result cpas(struct at_call *a)
{
	at_line(a->p, "+CPAS: %u", a->m->calling ? 3 : 0);
	return at_ok;
}

static struct at_result clcc(struct at_call *a)
{
	if (a->m->calling)
		at_line(a->p, "+CLCC: 1,1,4,0,0,\"%s\",%u", a->m->caller, *a->m->caller == '+' ? 145 : 129);
	return at_ok;
}

static struct at_result cclk(struct at_call *a)
{
	if (a->op == AT_READ)
		at_line(a->p, "+CCLK: \"26/01/02,03:04:05+04\"");
	return at_ok;
}

static struct at_result ipr(struct at_call *a)
{
	if (a->op == AT_READ)
		at_line(a->p, "+IPR: %u", a->m->conf.baud);
	else if (a->op == AT_TEST)
		at_line(a->p, "+IPR: (0,9600,19200,38400,57600,115200),()");
	return at_ok;
}

static struct at_result cgatt(struct at_call *a)
{
	if (a->op == AT_READ)
		at_line(a->p, "+CGATT: %u", modem_registered(a->m));
	return at_ok;
}

/* ---- makers */

static struct at_result curc(struct at_call *a)
{
	if (a->op == AT_SET)
		a->m->curc_off = at_number(a, 0, 1) == 0;
	return at_ok;
}

static struct at_result getportmode(struct at_call *a)
{
	at_line(a->p, "^GETPORTMODE:TYPE:WCDMA:huawei,MDM:0,DIAG:1,PCUI:2");
	return at_ok;
}

static struct at_result setport(struct at_call *a)
{
	if (a->op == AT_READ)
		at_line(a->p, "FF;10,12,16");
	return at_ok;
}

static struct at_result sysinfo(struct at_call *a)
{
	at_line(a->p, "^SYSINFO:%u,3,0,5,%u,,4", modem_registered(a->m) ? 2 : 0, a->m->sim_out ? 255 : 1);
	return at_ok;
}

static struct at_result qcfg(struct at_call *a)
{
	char what[24];

	at_arg(a, 0, what, sizeof(what));
	if (at_n_args(a) == 1)
		at_line(a->p, "+QCFG: \"%s\",0", what);
	return at_ok;
}

static struct at_result qinistat(struct at_call *a)
{
	at_line(a->p, "+QINISTAT: %u", a->m->ready ? 7 : at_sim_trouble(a->m) == 11 ? 1 : 0);
	return at_ok;
}

static struct at_result smgo(struct at_call *a)
{
	unsigned used, capacity;

	modem_mem_count(a->m, a->m->use[2], &used, &capacity);
	if (a->op == AT_READ)
		at_line(a->p, "^SMGO: 1,%u", used >= capacity);
	return at_ok;
}

#define ANY	MAKER_ANY
#define NOTHING NEEDS_NOTHING

const struct at_command at_base_commands[] = {
	{"E", echo, NOTHING, ANY}, {"Q", quiet, NOTHING, ANY}, {"V", verbose, NOTHING, ANY},
	{"Z", reset, NOTHING, ANY}, {"&F", reset, NOTHING, ANY}, {"&C", ok, NOTHING, ANY}, {"&D", ok, NOTHING, ANY},
	{"&W", ok, NOTHING, ANY}, {"&K", ok, NOTHING, ANY}, {"S", ok, NOTHING, ANY}, {"X", ok, NOTHING, ANY},
	{"L", ok, NOTHING, ANY}, {"M", ok, NOTHING, ANY}, {"H", hang_up, NOTHING, ANY}, {"D", dial, NEEDS_SIM, ANY},
	{"I", identify, NOTHING, ANY}, {"+CMEE", cmee, NOTHING, ANY}, {"+CGMI", cgmi, NOTHING, ANY},
	{"+GMI", cgmi, NOTHING, ANY}, {"+CGMM", cgmm, NOTHING, ANY}, {"+GMM", cgmm, NOTHING, ANY},
	{"+CGMR", cgmr, NOTHING, ANY}, {"+GMR", cgmr, NOTHING, ANY}, {"+CGSN", cgsn, NOTHING, ANY},
	{"+GSN", cgsn, NOTHING, ANY}, {"+CREG", creg, NOTHING, ANY}, {"+CGREG", cgreg, NOTHING, ANY},
	{"+CEREG", cereg, NOTHING, ANY}, {"+COPS", cops, NEEDS_SIM, ANY}, {"+CSQ", csq, NOTHING, ANY},
	{"+CFUN", cfun, NOTHING, ANY}, {"+CSCS", cscs, NOTHING, ANY}, {"+CLIP", clip, NEEDS_SIM, ANY},
	{"+CRC", crc, NOTHING, ANY}, {"+CHUP", hang_up, NOTHING, ANY}, {"+CPAS", cpas, NOTHING, ANY},
	{"+CLCC", clcc, NEEDS_SIM, ANY}, {"+CCLK", cclk, NOTHING, ANY}, {"+IPR", ipr, NOTHING, ANY},
	{"+IFC", ok, NOTHING, ANY}, {"+ICF", ok, NOTHING, ANY}, {"+CGATT", cgatt, NEEDS_SIM, ANY},
	{"^CURC", curc, NOTHING, MAKER_HUAWEI}, {"^GETPORTMODE", getportmode, NOTHING, MAKER_HUAWEI},
	{"^SETPORT", setport, NOTHING, MAKER_HUAWEI}, {"^U2DIAG", ok, NOTHING, MAKER_HUAWEI},
	{"^SYSINFO", sysinfo, NOTHING, MAKER_HUAWEI}, {"^PORTSEL", ok, NOTHING, MAKER_HUAWEI},
	{"^DSFLOWRPT", ok, NOTHING, MAKER_HUAWEI}, {"+ZCDRUN", ok, NOTHING, MAKER_ZTE},
	{"+ZOPRT", ok, NOTHING, MAKER_ZTE}, {"+ZSNT", ok, NOTHING, MAKER_ZTE},
	{"+QCFG", qcfg, NOTHING, MAKER_QUECTEL}, {"+QINDCFG", ok, NOTHING, MAKER_QUECTEL},
	{"+QURCCFG", ok, NOTHING, MAKER_QUECTEL}, {"+QINISTAT", qinistat, NOTHING, MAKER_QUECTEL},
	{"\\Q", ok, NOTHING, MAKER_CINTERION}, {"^SMGO", smgo, NOTHING, MAKER_CINTERION},
	{"^SCFG", ok, NOTHING, MAKER_CINTERION}, {NULL, NULL, 0, 0}};
