/* SPDX-License-Identifier: Apache-2.0 */
/* modem_at_sms.c -- TS 27.005: memories, sending, reading. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modem_at.h"

static struct at_result csms(struct at_call *a)
{
	long v = at_number(a, 0, 0);

	if (a->op == AT_TEST) {
		at_line(a->p, a->m->profile->csms_max ? "+CSMS: (0,1)" : "+CSMS: (0)");
	} else if (a->op == AT_READ) {
		at_line(a->p, "+CSMS: %u,1,1,1", a->m->csms);
	} else {
		if (v < 0 || v > a->m->profile->csms_max)
			return at_cms(303);
		a->m->csms = (uint8_t)v;
		at_line(a->p, "+CSMS: 1,1,1");
	}
	return at_ok;
}

static struct at_result cmgf(struct at_call *a)
{
	long v = at_number(a, 0, 0);

	if (a->op == AT_TEST)
		at_line(a->p, "+CMGF: (0,1)");
	else if (a->op == AT_READ)
		at_line(a->p, "+CMGF: %u", a->m->cmgf);
	else if (v != 0 && v != 1)
		return at_cms(303);
	else
		a->m->cmgf = (uint8_t)v;
	return at_ok;
}

static struct at_result csca(struct at_call *a)
{
	char number[24], plus[26];
	const char *sca = a->m->sca;

	if (a->op == AT_READ) {
		at_line(a->p, "+CSCA: \"%s\",%u", sca, *sca == '+' ? 145 : 129);
	} else if (a->op == AT_SET) {
		at_arg(a, 0, number, sizeof(number));
		snprintf(plus, sizeof(plus), "%s%s", at_number(a, 1, 129) == 145 && *number != '+' ? "+" : "", number);
		snprintf(a->m->sca, sizeof(a->m->sca), "%.23s", plus);
	}
	return at_ok;
}

static void count_mems(struct modem *m, unsigned *used, unsigned *capacity)
{
	for (unsigned i = 0; i < 3; i++)
		modem_mem_count(m, m->use[i], &used[i], &capacity[i]);
}

static struct at_result cpms(struct at_call *a)
{
	unsigned used[3], capacity[3], n = at_n_args(a);
	struct modem *m = a->m;
	char names[3][8];

	if (a->op == AT_TEST) {
		at_line(a->p, "+CPMS: %s", m->profile->cpms_list);
		return at_ok;
	}
	if (a->op == AT_READ) {
		count_mems(m, used, capacity);
		at_line(a->p, "+CPMS: \"%s\",%u,%u,\"%s\",%u,%u,\"%s\",%u,%u", m->use[0], used[0], capacity[0], m->use[1],
			used[1], capacity[1], m->use[2], used[2], capacity[2]);
		return at_ok;
	}
	if (n == 0 || n > 3)
		return at_cms(302);
	for (unsigned i = 0; i < n; i++) {
		at_arg(a, i, names[i], sizeof(names[i]));
		if (*names[i] && (!modem_mem_known(m, names[i]) || (i > 0 && strcmp(names[i], "SR") == 0)))
			return at_cms(302);
	}
	for (unsigned i = 0; i < n; i++)
		if (*names[i])
			snprintf(m->use[i], sizeof(m->use[i]), "%.3s", names[i]);
	count_mems(m, used, capacity);
	at_line(a->p, "+CPMS: %u,%u,%u,%u,%u,%u", used[0], capacity[0], used[1], capacity[1], used[2], capacity[2]);
	m->said_full = false;
	modem_net_pump_soon(m);
	return at_ok;
}

static void on_routing_changed(struct modem *m, void *arg)
{
	modem_net_routing_changed(m);
}

static struct at_result set_cnmi(struct at_call *a)
{
	const struct modem_profile *pr = a->m->profile;
	struct modem *m = a->m;
	long v[5];

	for (unsigned i = 0; i < 5; i++)
		v[i] = at_number(a, i, i == 4 ? -2 : m->cnmi[i]);
	if (v[4] == -2)
		v[4] = pr->bfr & 1 ? 0 : 1;
	for (unsigned i = 0; i < 5; i++)
		if (v[i] < 0 || v[i] > 7)
			return at_cms(304);
	if (!(pr->mode & BIT(v[0])) || !(pr->mt & BIT(v[1])) || v[2] > 3 || !(pr->ds & BIT(v[3])) ||
		!(pr->bfr & BIT(v[4])) || pr->ds_refused & BIT(v[3]))
		return at_cms(303);
	if (pr->direct_needs_csms && m->csms == 0 && (v[1] == 2 || v[3] == 1))
		return at_cms(302);
	for (unsigned i = 0; i < 5; i++)
		m->cnmi[i] = (uint8_t)v[i];
	modem_later(m, 0, on_routing_changed, NULL); /* behind the answer */
	return at_ok;
}

static struct at_result cnmi(struct at_call *a)
{
	const uint8_t *n = a->m->cnmi;

	if (a->op == AT_SET)
		return set_cnmi(a);
	if (a->op == AT_TEST)
		at_line(a->p, "+CNMI: %s", a->m->profile->cnmi_list);
	else
		at_line(a->p, "+CNMI: %u,%u,%u,%u,%u", n[0], n[1], n[2], n[3], n[4]);
	return at_ok;
}

/* ---- reading */

static void show(struct modem_port *p, const char *head, const struct modem_slot *s)
{
	char hex[2 * sizeof(s->pdu) + 1];

	tpdu_to_hex(s->pdu, s->n, hex);
	at_line(p, "%s%u,,%u", head, s->stat, s->n - s->n_sca);
	at_line(p, "%s", hex);
}

static void mark_read(struct modem_slot *s)
{
	if (s->stat == SLOT_UNREAD)
		s->stat = SLOT_READ;
}

static const char *const stat_words[] = {"REC UNREAD", "REC READ", "STO UNSENT", "STO SENT", "ALL"};

static long stat_of(const struct at_call *a)
{
	char word[16];

	at_arg(a, 0, word, sizeof(word));
	for (long i = 0; i < 5; i++)
		if (strcmp(word, stat_words[i]) == 0)
			return i;
	return at_number(a, 0, 0);
}

static struct at_result cmgl(struct at_call *a)
{
	struct modem *m = a->m;
	long stat = stat_of(a);
	char head[32];

	if (a->op == AT_TEST) {
		at_line(a->p, "+CMGL: (0-4)");
		return at_ok;
	}
	if (stat < 0 || stat > 4)
		return at_cms(304);
	for (unsigned i = 0; i < modem_mem_end(m, m->use[0]); i++) {
		struct modem_slot *s = modem_mem_slot(m, m->use[0], i);

		if (!s || (stat != 4 && (long)s->stat != stat))
			continue;
		snprintf(head, sizeof(head), "+CMGL: %u,", i);
		show(a->p, head, s);
		mark_read(s);
	}
	return at_ok;
}

static struct at_result cmgr(struct at_call *a)
{
	struct modem_slot *s;
	long i = at_number(a, 0, -1);

	if (a->op == AT_TEST)
		return at_ok;
	if (i < 0 || (unsigned long)i >= modem_mem_end(a->m, a->m->use[0]))
		return at_cms(321);
	s = modem_mem_slot(a->m, a->m->use[0], (unsigned)i);
	if (!s)
		return at_ok;
	show(a->p, "+CMGR: ", s);
	mark_read(s);
	return at_ok;
}

static struct at_result cmgd(struct at_call *a)
{
	struct modem *m = a->m;
	long index = at_number(a, 0, -1), flag = at_number(a, 1, 0);
	unsigned end = modem_mem_end(m, m->use[0]);

	if (a->op == AT_TEST) {
		at_line(a->p, "+CMGD: (0-%u),(0-4)", end - 1);
		return at_ok;
	}
	if (flag < 0 || flag > 4)
		return at_cms(304);
	if (flag == 0) {
		if (index < 0 || (unsigned long)index >= end)
			return at_cms(321);
		modem_mem_delete(m, m->use[0], (unsigned)index);
	}
	for (unsigned i = 0; flag > 0 && i < end; i++) {
		struct modem_slot *s = modem_mem_slot(m, m->use[0], i);

		if (s && (flag == 4 || s->stat == SLOT_READ || (flag >= 2 && s->stat == SLOT_SENT) ||
				 (flag == 3 && s->stat == SLOT_UNSENT)))
			modem_mem_delete(m, m->use[0], i);
	}
	modem_net_pump_soon(m);
	return at_ok;
}

static struct at_result cnma(struct at_call *a)
{
	if (a->op == AT_TEST) {
		at_line(a->p, "+CNMA: (0-2)");
		return at_ok;
	}
	if (a->m->csms == 0)
		return at_cms(303);
	if (!a->m->unacked)
		return at_cms(340); /* no +CNMA acknowledgement expected */
	modem_net_acknowledge(a->m, at_number(a, 0, 0) != 2);
	return at_ok;
}

/* ---- sending and writing */

static void on_prompt_due(struct modem *m, void *arg)
{
	struct at_port_ref *ref = arg;
	struct modem_port *p = m->ports[ref->port];

	free(ref);
	at_prompt(p);
}

static struct at_result prompt(struct at_call *a, bool store)
{
	struct modem_port *p = a->p;
	struct modem_verdict v;

	p->entry.store = store;
	p->entry.stat = SLOT_UNSENT;
	p->entry.length = 0;
	if (a->m->cmgf == 1) {
		at_arg(a, 0, p->entry.to, sizeof(p->entry.to));
	} else {
		long length = at_number(a, 0, -1);

		if (length < 8 || length > 164 + 12)
			return at_cms(304);
		p->entry.length = (unsigned)length;
		p->entry.stat = (uint8_t)at_number(a, 1, SLOT_UNSENT);
	}
	if (!store)
		a->m->counts.cmgs++;
	modem_judge(a->m, ON_CMGS, "", "", &v);
	if (v.fault == FAULT_LATE) {
		at_later(p, v.arg, on_prompt_due);
		return at_pending;
	}
	if (v.fault != FAULT_NONE && at_strike(p, &v))
		return at_pending;
	at_prompt(p);
	return at_pending;
}

static struct at_result cmgs(struct at_call *a)
{
	return a->op == AT_SET ? prompt(a, false) : a->op == AT_TEST ? at_ok : at_error;
}

static struct at_result cmgw(struct at_call *a)
{
	return a->op == AT_SET ? prompt(a, true) : a->op == AT_TEST ? at_ok : at_error;
}

static struct at_result cmss(struct at_call *a)
{
	long i = at_number(a, 0, -1);
	struct modem_slot *s = i < 0 ? NULL : modem_mem_slot(a->m, a->m->use[1], (unsigned)i);

	if (a->op == AT_TEST)
		return at_ok;
	if (!s || s->stat == SLOT_UNREAD || s->stat == SLOT_READ)
		return at_cms(321);
	s->stat = SLOT_SENT;
	modem_net_submit(a->p, s->pdu, s->n, (unsigned)(s->n - s->n_sca), "CMSS");
	return at_pending;
}

/* Text mode: a SUBMIT of the default alphabet, as +CSMP says. */
static int build_text(struct modem_port *p, const char *text, uint8_t *pdu)
{
	struct tpdu_deliver d = {.dcs = p->m->csmp[3]};
	const char *at = text;
	size_t n = 0;

	pdu[n++] = 0;
	pdu[n++] = (uint8_t)((p->m->csmp[0] & 0x20) | 0x11);
	pdu[n++] = 0;
	n += tpdu_put_address(pdu + n, p->entry.to);
	pdu[n++] = p->m->csmp[2];
	pdu[n++] = p->m->csmp[3];
	pdu[n++] = p->m->csmp[1];
	if (tpdu_put_text(&d, &at, (p->m->csmp[3] & 0x0C) == 0x08, 0, 1, 1) < 0 || *at)
		return -1;
	pdu[n++] = d.udl;
	memcpy(pdu + n, d.ud, d.n_ud);
	p->entry.length = (unsigned)(n + d.n_ud - 1);
	return (int)(n + d.n_ud);
}

static int read_entry(struct modem_port *p, uint8_t *pdu)
{
	char text[LINE_CAP];
	size_t n = 0;

	if (p->m->cmgf == 1) {
		snprintf(text, sizeof(text), "%s", p->line);
		return build_text(p, text, pdu);
	}
	for (const char *s = p->line; *s; s++)
		if (*s != '\r' && *s != '\n' && *s != ' ')
			text[n++] = *s;
	return tpdu_from_hex(text, n, pdu, TPDU_SCA_MAX + TPDU_MAX);
}

static void write_entry(struct modem_port *p, const uint8_t *pdu, size_t n)
{
	size_t n_sca = n ? 1u + pdu[0] : 0;
	char where[4];
	int at;

	if (n_sca > TPDU_SCA_MAX || n < n_sca || n - n_sca != p->entry.length) {
		at_finish(p, at_cms(304));
		return;
	}
	at = modem_mem_put(p->m, p->m->use[1], p->entry.stat <= SLOT_SENT ? (enum slot_stat)p->entry.stat : SLOT_UNSENT,
		pdu, n_sca, pdu + n_sca, n - n_sca, where);
	if (at < 0) {
		at_finish(p, at_cms(322));
		return;
	}
	at_line(p, "+CMGW: %d", at);
	at_finish(p, at_ok);
}

void at_entry(struct modem_port *p)
{
	uint8_t pdu[TPDU_SCA_MAX + TPDU_MAX];
	int n = read_entry(p, pdu);

	if (n < 0) {
		p->m->counts.malformed++;
		modem_note(p->m, "malformed", p->line);
		at_finish(p, at_cms(304));
	} else if (p->entry.store) {
		write_entry(p, pdu, (size_t)n);
	} else {
		modem_net_submit(p, pdu, (size_t)n, p->entry.length, "CMGS");
	}
}

static struct at_result cmms(struct at_call *a)
{
	long v = at_number(a, 0, 0);

	if (a->op == AT_TEST)
		at_line(a->p, "+CMMS: (0-2)");
	else if (a->op == AT_READ)
		at_line(a->p, "+CMMS: %u", a->m->cmms);
	else if (v < 0 || v > 2)
		return at_cms(302);
	else
		a->m->cmms = (uint8_t)v;
	return at_ok;
}

static struct at_result csmp(struct at_call *a)
{
	uint8_t *v = a->m->csmp;

	if (a->op == AT_READ)
		at_line(a->p, "+CSMP: %u,%u,%u,%u", v[0], v[1], v[2], v[3]);
	for (unsigned i = 0; a->op == AT_SET && i < 4; i++)
		v[i] = (uint8_t)at_number(a, i, v[i]);
	return at_ok;
}

static struct at_result csdh(struct at_call *a)
{
	a->m->csdh = at_number(a, 0, 0) != 0;
	return at_ok;
}

static struct at_result cgsms(struct at_call *a)
{
	if (a->op == AT_TEST)
		at_line(a->p, "+CGSMS: (0-3)");
	else if (a->op == AT_READ)
		at_line(a->p, "+CGSMS: %u", a->m->cgsms);
	else
		a->m->cgsms = (uint8_t)(at_number(a, 0, 1) & 3);
	return at_ok;
}

static struct at_result fine(struct at_call *a)
{
	return at_ok;
}

#define ANY MAKER_ANY

const struct at_command at_sms_commands[] = {{"+CSMS", csms, NEEDS_CARD, ANY}, {"+CMGF", cmgf, NEEDS_NOTHING, ANY},
	{"+CSCA", csca, NEEDS_SMS, ANY}, {"+CPMS", cpms, NEEDS_SMS, ANY}, {"+CNMI", cnmi, NEEDS_SMS, ANY},
	{"+CMGL", cmgl, NEEDS_SMS, ANY}, {"+CMGR", cmgr, NEEDS_SMS, ANY}, {"+CMGD", cmgd, NEEDS_SMS, ANY},
	{"+CNMA", cnma, NEEDS_SMS, ANY}, {"+CMGS", cmgs, NEEDS_SMS, ANY}, {"+CMGW", cmgw, NEEDS_SMS, ANY},
	{"+CMSS", cmss, NEEDS_SMS, ANY}, {"+CMMS", cmms, NEEDS_NOTHING, ANY}, {"+CSMP", csmp, NEEDS_NOTHING, ANY},
	{"+CSDH", csdh, NEEDS_NOTHING, ANY}, {"+CGSMS", cgsms, NEEDS_NOTHING, ANY},
	{"+CSCB", fine, NEEDS_NOTHING, ANY}, {"+CSAS", fine, NEEDS_NOTHING, ANY}, {NULL, NULL, 0, 0}};
