/* SPDX-License-Identifier: Apache-2.0 */
/* modem_mo.c -- messages to the SIM, by command: `mo`, `mms`, `tpdu`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modem_sim.h"

#define MO_PARTS_MAX 20u

struct mo {
	char from[24], text[1800], hex[300], udh[100];
	uint32_t pid, dcs, gap_ms, lost;
	bool has_dcs, ucs2, reverse, twice;
};

struct due {
	uint8_t n;
	uint8_t tpdu[TPDU_MAX];
};

static void on_due(struct modem *m, void *arg)
{
	struct due *d = arg;

	modem_net_arrive(m, false, d->tpdu, d->n);
	free(d);
}

static void arrive_in(struct modem *m, const struct due *d, uint64_t ms)
{
	struct due *copy;

	m->counts.mo_made++;
	if (ms == 0) {
		modem_net_arrive(m, false, d->tpdu, d->n);
		return;
	}
	copy = malloc(sizeof(*copy));
	if (!copy)
		abort();
	*copy = *d;
	modem_later_always(m, ms, on_due, copy);
}

static int parse(struct mo *mo, struct modem_words *w)
{
	int r = modem_words_text(w, "sender", sizeof(mo->from), mo->from);
	uint32_t class;

	while (r == 0 && w->i < w->n) {
		if (modem_words_take(w, "text")) {
			modem_words_rest(w, sizeof(mo->text), mo->text);
		} else if (modem_words_take(w, "hex")) {
			r = modem_words_text(w, "hex", sizeof(mo->hex), mo->hex);
		} else if (modem_words_take(w, "udh")) {
			r = modem_words_text(w, "udh", sizeof(mo->udh), mo->udh);
		} else if (modem_words_take(w, "dcs")) {
			r = modem_words_number(w, 255, &mo->dcs);
			mo->has_dcs = true;
		} else if (modem_words_take(w, "class")) {
			r = modem_words_number(w, 3, &class);
			mo->dcs = r == 0 ? 0x10 + class : 0;
			mo->has_dcs = true;
		} else if (modem_words_take(w, "type0")) {
			mo->pid = 0x40;
		} else if (modem_words_take(w, "pid")) {
			r = modem_words_number(w, 255, &mo->pid);
		} else if (modem_words_take(w, "gap")) {
			r = modem_words_number(w, 86400000, &mo->gap_ms);
		} else if (modem_words_take(w, "lose")) {
			r = modem_words_number(w, MO_PARTS_MAX, &mo->lost);
		} else if (modem_words_take(w, "ucs2")) {
			mo->ucs2 = true;
		} else if (modem_words_take(w, "reverse")) {
			mo->reverse = true;
		} else if (modem_words_take(w, "twice")) {
			mo->twice = true;
		} else {
			return modem_words_complain(w, "\"%s\" is not understood behind mo", modem_words_peek(w));
		}
	}
	return r;
}

static void begin(struct tpdu_deliver *d, const struct mo *mo)
{
	memset(d, 0, sizeof(*d));
	strcpy(d->from, mo->from);
	d->pid = (uint8_t)mo->pid;
	d->dcs = mo->has_dcs ? (int)mo->dcs : -1;
	d->scts = modem_wall();
}

/* How many parts a text takes: cut it once without keeping anything. */
static int count_parts(const struct mo *mo, bool ucs2)
{
	struct tpdu_deliver d;
	const char *at = mo->text;
	unsigned n = 0;

	begin(&d, mo);
	if (tpdu_put_text(&d, &at, ucs2, 0, 1, 1) < 0)
		return -1;
	if (!*at)
		return 1;
	for (at = mo->text; *at && n <= MO_PARTS_MAX; n++)
		if (tpdu_put_text(&d, &at, ucs2, 0, 1, 2) < 0)
			return -1;
	return (int)n;
}

static int send_text(struct modem *m, const struct mo *mo, struct modem_words *w)
{
	bool ucs2 = mo->ucs2 || (mo->has_dcs ? (mo->dcs & 0x0C) == 0x08 : !tpdu_is_gsm7(mo->text));
	struct due parts[MO_PARTS_MAX];
	const char *at = mo->text;
	int n = count_parts(mo, ucs2);
	uint64_t ms = 0;

	if (n < 0 || n > (int)MO_PARTS_MAX)
		return modem_words_complain(w, "the text is not UTF-8, not in that alphabet, or too long");
	m->mo_ref++;
	for (int i = 0; i < n; i++) {
		struct tpdu_deliver d;

		begin(&d, mo);
		tpdu_put_text(&d, &at, ucs2, m->mo_ref, (unsigned)i + 1, (unsigned)n);
		parts[i].n = (uint8_t)tpdu_put_deliver(parts[i].tpdu, &d);
	}
	for (int i = 0; i < n; i++) {
		int part = mo->reverse ? n - 1 - i : i;

		if ((uint32_t)part + 1 == mo->lost)
			continue;
		arrive_in(m, &parts[part], ms);
		if (mo->twice || modem_chance(m->sim, m->conf.mo_twice))
			arrive_in(m, &parts[part], ms);
		ms += mo->gap_ms;
	}
	return 0;
}

/* Octets as they are; the header, if there is one, in front. */
static int send_octets(struct modem *m, const struct mo *mo, struct modem_words *w)
{
	struct tpdu_deliver d;
	struct due one;
	uint8_t body[TPDU_UD_MAX];
	int n_udh, n;

	begin(&d, mo);
	n_udh = tpdu_from_hex(mo->udh, strlen(mo->udh), d.ud, sizeof(d.ud));
	n = tpdu_from_hex(mo->hex, strlen(mo->hex), body, sizeof(body));
	if (n_udh < 0 || n < 0 || n_udh + n > (int)TPDU_UD_MAX)
		return modem_words_complain(w, "this is not up to 140 octets in hexadecimal");
	memcpy(d.ud + n_udh, body, (size_t)n);
	d.udhi = n_udh > 0;
	d.n_ud = (uint8_t)(n_udh + n);
	d.udl = d.n_ud;
	d.dcs = mo->has_dcs ? (int)mo->dcs : 4;
	one.n = (uint8_t)tpdu_put_deliver(one.tpdu, &d);
	arrive_in(m, &one, 0);
	if (mo->twice)
		arrive_in(m, &one, 0);
	return 0;
}

/* An m-notification-ind to the WAP push port: OMA MMS encapsulation, 6.2. */
static int send_mms(struct modem *m, struct modem_words *w)
{
	struct mo mo = {.dcs = 4, .has_dcs = true};
	int r = modem_words_text(w, "sender", sizeof(mo.from), mo.from);

	if (r < 0)
		return r;
	strcpy(mo.udh, "0605040B8423F0");
	/* WSP push: application/vnd.wap.mms-message; then transaction abc123, 1 KB, a day, http://mmsc/abc */
	strcpy(mo.hex, "0106226170706C69636174696F6E2F766E642E7761702E6D6D732D6D65737361676500AF84"
		       "8C8298616263313233008D928A808E0204008805810301518083687474703A2F2F6D6D73632F61626300");
	return send_octets(m, &mo, w);
}

static int send_tpdu(struct modem *m, struct modem_words *w)
{
	struct due one;
	int n = tpdu_from_hex(modem_words_peek(w), strlen(modem_words_peek(w)), one.tpdu, sizeof(one.tpdu));

	if (n < 1)
		return modem_words_complain(w, "a TPDU in hexadecimal, without a service centre");
	w->i++;
	if ((one.tpdu[0] & 3) == 2) {
		m->counts.reports_made++;
		modem_net_arrive(m, true, one.tpdu, (size_t)n);
		return 0;
	}
	one.n = (uint8_t)n;
	arrive_in(m, &one, 0);
	return 0;
}

int modem_mo_action(struct modem *m, struct modem_words *w)
{
	struct mo mo = {.pid = 0};
	int r;

	if (modem_words_take(w, "mms"))
		return send_mms(m, w);
	if (modem_words_take(w, "tpdu"))
		return send_tpdu(m, w);
	if (!modem_words_take(w, "mo"))
		return 1;
	r = parse(&mo, w);
	if (r < 0)
		return r;
	return *mo.hex || *mo.udh ? send_octets(m, &mo, w) : send_text(m, &mo, w);
}
