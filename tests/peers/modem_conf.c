/* SPDX-License-Identifier: Apache-2.0 */
/* modem_conf.c -- the settings of a simulated modem, as a table. */
#include <stdio.h>
#include <string.h>

#include "modem_script.h"

enum kind { NUMBER, RANGE, PERCENT, TEXT };

#define DAY 86400000u
#define N(name, field, max) {name, NUMBER, offsetof(struct modem_conf, field), max}
#define R(name, field, max) {name, RANGE, offsetof(struct modem_conf, field), max}
#define P(name, field)	    {name, PERCENT, offsetof(struct modem_conf, field), 0}
#define T(name, field)	    {name, TEXT, offsetof(struct modem_conf, field), sizeof(((struct modem_conf *)0)->field)}

static const struct {
	const char *name;
	enum kind kind;
	size_t at;
	uint32_t max; /* or the size of a text */
} settings[] = {
	R("latency", latency, DAY),		    /* of the radio, for a message */
	N("link-setup", link_setup, DAY),	    /* and for setting up the link, which +CMMS saves */
	N("rate", rate, 100000),		    /* messages a second at most; 0: any */
	R("answer-delay", answer_delay, DAY),	    /* of every command */
	R("report-delay", report_delay, 7 * DAY),
	P("report-none", report_none), P("report-twice", report_twice),
	P("report-before", report_before),	    /* the answer to +CMGS */
	P("report-mr-wrong", report_mr_wrong), P("report-mr-zero", report_mr_zero),
	P("report-national", report_national),	    /* the recipient as 0..., without the country */
	P("report-silent", report_silent),	    /* stored without +CDSI */
	P("report-comma", report_comma),	    /* "+CDS: ,25" */
	T("report-urc-memory", report_urc),	    /* what +CDSI says, rightly or not */
	P("mr-zero", mr_zero),			    /* +CMGS: 0 for each; reports count on */
	P("mo-twice", mo_twice),
	T("urc-memory", urc_memory),		    /* what +CMTI says */
	P("lose-to-host", lose_to_host), P("lose-to-modem", lose_to_modem), /* of octets */
	P("garbage", garbage),			    /* of writes */
	P("urc-inside", urc_inside),		    /* of answers: an unsolicited line at any octet */
	P("urc-between", urc_between),		    /* of answers: between two of their lines */
	P("urc-in-prompt", urc_in_prompt),	    /* not only behind it */
	N("noise", noise, DAY),			    /* a line of the maker's noise so often */
	P("prompt-bare", prompt_bare),		    /* '>' without its blank */
	P("echo-stuck", echo_stuck), P("creg-quotes", creg_quotes),
	P("cpin-no-ok", cpin_no_ok),
	N("chunk", chunk, 4096),		    /* octets taken at once in a prompt; the rest is lost */
	N("baud", baud, 4000000),		    /* the only speed that works; 0: any */
	N("ready-after", ready_after, DAY), N("ready-code", ready_code, 600),
	N("boot-after", boot_after, DAY), N("registered-after", registered_after, DAY),
	P("reset-to-storage", storage_after_reset), P("reset-hangs", reset_hangs),
	R("signal", signal, 99), N("creg", creg, 10), N("cgreg", cgreg, 10), N("cereg", cereg, 10),
	N("ussd-delay", ussd_delay, DAY), P("ussd-silent", ussd_silent), N("cnma-timeout", cnma_timeout, DAY),
	N("rings", rings, 1000), N("pin-retries", retries, 10), N("puk-retries", puk_retries, 10),
	T("pin", pin), T("puk", puk), T("imei", imei), T("imsi", imsi), T("iccid", iccid), T("number", number),
	T("sca", sca), T("operator", operator_name),
};

static char luhn(const char *digits)
{
	unsigned sum = 0, n = (unsigned)strlen(digits);

	for (unsigned i = 0; i < n; i++) {
		unsigned d = (unsigned)(digits[i] - '0') * ((n - i) % 2 ? 2 : 1);

		sum += d > 9 ? d - 9 : d;
	}
	return (char)('0' + (10 - sum % 10) % 10);
}

void modem_conf_init(struct modem_conf *c, unsigned index)
{
	size_t n;

	memset(c, 0, sizeof(*c));
	c->signal[0] = 20;
	c->signal[1] = 99;
	c->creg = c->cgreg = c->cereg = 1;
	c->ready_code = 14; /* SIM busy: TS 27.007, 9.2 */
	c->boot_after = 1000;
	c->cnma_timeout = 15000;
	c->rings = 5;
	c->retries = 3;
	c->puk_retries = 10;
	strcpy(c->puk, "12345678");
	strcpy(c->sca, "+491710760000");
	strcpy(c->operator_name, "Posthorn");
	snprintf(c->imei, sizeof(c->imei), "8600000%07u", index % 10000000);
	n = strlen(c->imei);
	c->imei[n] = luhn(c->imei);
	snprintf(c->imsi, sizeof(c->imsi), "26201%010u", index);
	snprintf(c->iccid, sizeof(c->iccid), "894901%012u", index);
	n = strlen(c->iccid);
	c->iccid[n] = luhn(c->iccid);
	snprintf(c->number, sizeof(c->number), "+49151%08u", index);
}

/* Two numbers, or one that is both: a range cannot run backwards.  +CSQ's pair is no range. */
static int set_range(uint32_t *to, uint32_t max, struct modem_words *w)
{
	int r = modem_words_number(w, max, &to[0]);

	to[1] = to[0];
	if (r == 0 && w->i < w->n)
		r = modem_words_number(w, max, &to[1]);
	return r;
}

int modem_conf_set(struct modem_conf *c, struct modem_words *w)
{
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		char *to = (char *)c + settings[i].at;
		uint32_t *number = (uint32_t *)(void *)to;
		int r = 0;

		if (!modem_words_take(w, settings[i].name))
			continue;
		switch (settings[i].kind) {
		case NUMBER: r = modem_words_number(w, settings[i].max, number); break;
		case RANGE: r = set_range(number, settings[i].max, w); break;
		case PERCENT: r = modem_words_percent(w, number); break;
		case TEXT: r = modem_words_text(w, settings[i].name, settings[i].max, to); break;
		}
		return r ? r : modem_words_end(w);
	}
	return 1;
}
