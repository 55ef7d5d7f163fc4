/* SPDX-License-Identifier: Apache-2.0 */
/* modem_at_sim.c -- the SIM: PIN and its counters, numbers of the card, USSD. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modem_at.h"

static const char *pin_word(const struct modem *m)
{
	return m->pin_state == SIM_READY ? "READY" : m->pin_state == SIM_PIN ? "SIM PIN" : "SIM PUK";
}

static void unlock(struct modem *m)
{
	m->pin_state = SIM_READY;
	m->pin_left = m->conf.retries;
	modem_note(m, "pin", "right");
	modem_registration_changed(m);
	modem_net_pump(m);
}

static struct at_result wrong(struct modem *m, unsigned *left, enum sim_state then)
{
	m->counts.pins_wrong++;
	modem_note(m, "pin", "wrong");
	if (*left > 0)
		--*left;
	if (*left > 0)
		return at_cme(16); /* incorrect password: TS 27.007, 9.2.1 */
	m->pin_state = then;
	return at_cme(then == SIM_PUK ? 12 : 13);
}

static struct at_result enter_pin(struct at_call *a)
{
	struct modem *m = a->m;
	char pin[16], fresh[16];

	at_arg(a, 0, pin, sizeof(pin));
	at_arg(a, 1, fresh, sizeof(fresh));
	switch (m->pin_state) {
	case SIM_READY: return at_cme(3);
	case SIM_PIN:
		if (strcmp(pin, m->conf.pin) != 0)
			return wrong(m, &m->pin_left, SIM_PUK);
		unlock(m);
		return at_ok;
	case SIM_PUK:
		if (!*fresh)
			return at_cme(12);
		if (strcmp(pin, m->conf.puk) != 0)
			return wrong(m, &m->puk_left, SIM_BLOCKED);
		strcpy(m->conf.pin, fresh);
		unlock(m);
		return at_ok;
	case SIM_BLOCKED: break;
	}
	return at_cme(13);
}

static struct at_result cpin(struct at_call *a)
{
	if (a->op == AT_TEST)
		return at_ok;
	if (a->op == AT_SET)
		return enter_pin(a);
	if (a->m->pin_state == SIM_BLOCKED)
		return at_cme(13);
	if (!a->m->ready && a->m->pin_state == SIM_READY)
		return at_cme(a->m->conf.ready_code);
	at_line(a->p, "+CPIN: %s", pin_word(a->m));
	return modem_chance(a->m->sim, a->m->conf.cpin_no_ok) ? (struct at_result){AT_BARE, 0, NULL} : at_ok;
}

static struct at_result cpinr(struct at_call *a)
{
	at_line(a->p, "+CPINR: SIM PIN,%u,%u", a->m->pin_left, a->m->conf.retries);
	at_line(a->p, "+CPINR: SIM PUK,%u,%u", a->m->puk_left, a->m->conf.puk_retries);
	return at_ok;
}

/* ^CPIN: <state>,<left of this>,<puk>,<pin>,<puk2>,<pin2> */
static struct at_result huawei_cpin(struct at_call *a)
{
	struct modem *m = a->m;

	at_line(a->p, "^CPIN: %s,%u,%u,%u,10,3", pin_word(m), m->pin_state == SIM_PUK ? m->puk_left : m->pin_left,
		m->puk_left, m->pin_left);
	return at_ok;
}

static struct at_result spic(struct at_call *a)
{
	if (a->m->profile->maker == MAKER_CINTERION)
		at_line(a->p, "^SPIC: %u", a->m->pin_state == SIM_PUK ? a->m->puk_left : a->m->pin_left);
	else
		at_line(a->p, "+SPIC: %u,%u,3,10", a->m->pin_left, a->m->puk_left);
	return at_ok;
}

static struct at_result qpinc(struct at_call *a)
{
	at_line(a->p, "+QPINC: \"SC\",%u,%u", a->m->pin_left, a->m->puk_left);
	at_line(a->p, "+QPINC: \"P2\",3,10");
	return at_ok;
}

static struct at_result zpinpuk(struct at_call *a)
{
	at_line(a->p, "+ZPINPUK: %u,%u", a->m->pin_left, a->m->puk_left);
	return at_ok;
}

static struct at_result upincnt(struct at_call *a)
{
	at_line(a->p, "+UPINCNT: %u,3,%u,10", a->m->pin_left, a->m->puk_left);
	return at_ok;
}

static struct at_result telit_pct(struct at_call *a)
{
	at_line(a->p, "#PCT: %u", a->m->pin_state == SIM_PUK ? a->m->puk_left : a->m->pin_left);
	return at_ok;
}

static struct at_result clck(struct at_call *a)
{
	char what[8];

	if (a->op == AT_TEST)
		at_line(a->p, "+CLCK: (\"SC\",\"AO\",\"OI\",\"AI\",\"IR\",\"FD\")");
	else if (strcmp(at_arg(a, 0, what, sizeof(what)), "SC") == 0 && at_number(a, 1, 2) == 2)
		at_line(a->p, "+CLCK: %u", *a->m->conf.pin != 0);
	return at_ok;
}

static struct at_result cimi(struct at_call *a)
{
	if (a->op != AT_TEST)
		at_line(a->p, "%s", a->m->conf.imsi);
	return at_ok;
}

static struct at_result iccid(struct at_call *a)
{
	if (a->op != AT_TEST)
		at_line(a->p, "%s: %s", a->name, a->m->conf.iccid);
	return at_ok;
}

static struct at_result bare_iccid(struct at_call *a)
{
	if (a->op != AT_TEST)
		at_line(a->p, "%s", a->m->conf.iccid);
	return at_ok;
}

static struct at_result cnum(struct at_call *a)
{
	if (a->op == AT_EXEC && *a->m->conf.number)
		at_line(a->p, "+CNUM: \"\",\"%s\",145", a->m->conf.number);
	return at_ok;
}

/* ---- USSD: TS 27.007, 7.15; the coding scheme is that of a cell broadcast, 15: default alphabet. */

static void say_ussd(struct modem *m, const char *text, enum modem_ussd_form form)
{
	uint8_t octets[512] = {0}, septets[512];
	char hex[1025];
	int n;

	switch (form) {
	case USSD_PLAIN: modem_urc(m, "+CUSD: 0,\"%s\",15", text); return;
	case USSD_PACKED:
		n = tpdu_utf8_to_septets(text, septets, sizeof(septets));
		if (n < 0)
			return;
		/* Seven bits left over would read as another '@': TS 23.038, 6.1.2.3.1 fills with CR. */
		if (n % 8 == 7)
			septets[n++] = '\r';
		tpdu_pack(octets, 0, septets, (size_t)n);
		tpdu_to_hex(octets, (7u * (unsigned)n + 7) / 8, hex);
		modem_urc(m, "+CUSD: 0,\"%s\",15", hex);
		return;
	case USSD_UCS2:
		n = tpdu_utf8_to_ucs2(text, octets, sizeof(octets));
		if (n < 0)
			return;
		tpdu_to_hex(octets, (size_t)n, hex);
		modem_urc(m, "+CUSD: 0,\"%s\",72", hex);
	}
}

struct ussd_answer {
	char text[512];
	int form;
};

static void on_ussd(struct modem *m, void *arg)
{
	struct ussd_answer *u = arg;

	if (u->form < 0)
		modem_urc(m, "+CUSD: 4"); /* not supported */
	else
		say_ussd(m, u->text, (enum modem_ussd_form)u->form);
	free(u);
}

/* The request comes as plain text, packed or UCS-2 in hexadecimal, whatever the modem has taught its host. */
static void read_code(const char *s, char *code, size_t cap)
{
	uint8_t octets[64];
	int n = tpdu_from_hex(s, strlen(s), octets, sizeof(octets));
	char text[256] = "";

	snprintf(code, cap, "%s", s);
	if (n < 2 || (size_t)n * 2 != strlen(s) || strspn(s, "0123456789") == strlen(s))
		return;
	if (n % 2 == 0 && octets[0] == 0 && octets[1] != 0) {
		tpdu_ucs2_to_utf8(octets, (size_t)n, text);
	} else {
		uint8_t septets[64];
		size_t n_septets = (size_t)n * 8 / 7;

		octets[n < 64 ? n : 63] = 0;
		for (size_t i = 0; i < n_septets && i < sizeof(septets); i++)
			septets[i] = tpdu_septet(octets, i);
		if (n_septets > 0 && (septets[n_septets - 1] == '\r' || septets[n_septets - 1] == 0))
			n_septets--;
		tpdu_septets_to_utf8(septets, n_septets, text);
	}
	snprintf(code, cap, "%.*s", (int)cap - 1, text);
}

static struct at_result cusd(struct at_call *a)
{
	struct modem *m = a->m;
	char given[128], code[128];
	struct ussd_answer *u;

	if (a->op == AT_TEST) {
		at_line(a->p, "+CUSD: (0-2)");
		return at_ok;
	}
	if (a->op == AT_READ) {
		at_line(a->p, "+CUSD: 0");
		return at_ok;
	}
	if (!*at_arg(a, 1, given, sizeof(given)) || modem_chance(m->sim, m->conf.ussd_silent))
		return at_ok;
	if (!modem_registered(m))
		return at_cme(30);
	m->counts.ussd++;
	read_code(given, code, sizeof(code));
	modem_note(m, "ussd", code);
	u = calloc(1, sizeof(*u));
	if (!u)
		return at_error;
	u->form = -1;
	for (unsigned i = 0; i < m->n_ussd; i++) {
		if (strcmp(m->ussd[i].code, code) != 0)
			continue;
		strcpy(u->text, m->ussd[i].text);
		u->form = m->ussd[i].form < 0 ? (int)m->profile->ussd : m->ussd[i].form;
	}
	modem_later(m, m->conf.ussd_delay, on_ussd, u);
	return at_ok;
}

#define HUAWEI	MAKER_HUAWEI
#define NOTHING NEEDS_NOTHING

const struct at_command at_sim_commands[] = {{"+CPIN", cpin, NEEDS_CARD, MAKER_ANY},
	{"+CPINR", cpinr, NEEDS_CARD, MAKER_GENERIC | MAKER_SIERRA | MAKER_QUALCOMM},
	{"^CPIN", huawei_cpin, NEEDS_CARD, HUAWEI}, {"+SPIC", spic, NEEDS_CARD, MAKER_SIMCOM},
	{"^SPIC", spic, NEEDS_CARD, MAKER_CINTERION}, {"+QPINC", qpinc, NEEDS_CARD, MAKER_QUECTEL},
	{"+ZPINPUK", zpinpuk, NEEDS_CARD, MAKER_ZTE}, {"+UPINCNT", upincnt, NEEDS_CARD, MAKER_UBLOX},
	{"#PCT", telit_pct, NEEDS_CARD, MAKER_TELIT}, {"+CLCK", clck, NEEDS_CARD, MAKER_ANY},
	{"+CIMI", cimi, NEEDS_SIM, MAKER_ANY},
	{"+CCID", iccid, NEEDS_CARD,
		MAKER_GENERIC | MAKER_UBLOX | MAKER_WAVECOM | MAKER_QUALCOMM | MAKER_TELIT | MAKER_ZTE},
	{"+ICCID", iccid, NEEDS_CARD, MAKER_GENERIC | MAKER_SIERRA}, {"^ICCID", iccid, NEEDS_CARD, HUAWEI},
	{"+QCCID", iccid, NEEDS_CARD, MAKER_QUECTEL}, {"+CICCID", iccid, NEEDS_CARD, MAKER_SIMCOM},
	{"+CCID", bare_iccid, NEEDS_CARD, MAKER_SIMCOM}, {"#CCID", iccid, NEEDS_CARD, MAKER_TELIT},
	{"^SCID", iccid, NEEDS_CARD, MAKER_CINTERION}, {"+CNUM", cnum, NEEDS_SIM, MAKER_ANY},
	{"+CUSD", cusd, NEEDS_SIM, MAKER_ANY}, {NULL, NULL, NOTHING, 0}};
