/* SPDX-License-Identifier: Apache-2.0 */
/* modem_net.c -- the network behind the modem: takes messages, makes reports, hands over what waits.
 *
 * A message is judged when its PDU is in, accepted when the radio's time is over, and only then answered; rules say
 * what goes wrong in between.  What comes for the SIM waits in a queue here, outside the modem: a restart loses nothing
 * of it, and a full memory holds it up (TS 23.040, 3.2.8).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modem_at.h"

#define CENTRE_RETRY_MS 1000u /* what was refused comes again; real ones wait for longer */

/* One message between its PDU and its answer. */
struct flight {
	struct at_port_ref ref; /* first: it is also the argument of the port's events */
	struct tpdu_submit s;
	struct modem_verdict v;
	char verb[8];
	char hex[2 * (TPDU_SCA_MAX + TPDU_MAX) + 1];
	uint32_t radio_ms; /* how long the network took, which no program can shorten */
	uint8_t mr;
};

/* ---- what comes for the SIM */

void modem_net_arrive(struct modem *m, bool report, const uint8_t *tpdu, size_t n)
{
	struct net_item *item = calloc(1, sizeof(*item));

	if (!item || n > TPDU_MAX) {
		free(item);
		return;
	}
	item->report = report;
	item->n = (uint8_t)n;
	memcpy(item->tpdu, tpdu, n);
	TAILQ_INSERT_TAIL(&m->waiting, item, entry);
	modem_net_pump(m);
}

static void clear(struct net_items *items)
{
	struct net_item *item;

	while ((item = TAILQ_FIRST(items))) {
		TAILQ_REMOVE(items, item, entry);
		free(item);
	}
}

void modem_net_clear(struct modem *m)
{
	clear(&m->waiting);
	free(m->unacked);
	m->unacked = NULL;
}

/* TP-DCS and TP-PID of a DELIVER, behind its sender. */
static bool never_stored(const struct net_item *item)
{
	size_t at = 1 + 2 + (item->tpdu[1] + 1u) / 2;
	uint8_t pid, dcs;

	if (item->report || at + 2 > item->n)
		return false;
	pid = item->tpdu[at];
	dcs = item->tpdu[at + 1];
	return pid == 0x40 || (dcs & 0xF3) == 0xF0 || (dcs & 0xD3) == 0x10; /* type 0, class 0 */
}

static size_t sca_of(struct modem *m, uint8_t *sca)
{
	return tpdu_put_sca(sca, *m->sca ? m->sca : m->conf.sca);
}

static void say_direct(struct modem *m, const struct net_item *item)
{
	char hex[2 * (TPDU_SCA_MAX + TPDU_MAX) + 1];
	uint8_t pdu[TPDU_SCA_MAX + TPDU_MAX];
	size_t n = sca_of(m, pdu);

	memcpy(pdu + n, item->tpdu, item->n);
	tpdu_to_hex(pdu, n + item->n, hex);
	if (item->report && !modem_chance(m->sim, m->conf.report_comma))
		modem_urc(m, "+CDS: %u\n%s", item->n, hex);
	else
		modem_urc(m, "%s: ,%u\n%s", item->report ? "+CDS" : "+CMT", item->n, hex);
}

static void on_unacknowledged(struct modem *m, void *arg)
{
	uint32_t *serial = arg;
	bool mine = m->unacked && m->unacked_serial == *serial;

	free(serial);
	if (!mine)
		return;
	/* TS 27.005, 3.4.1: no acknowledgement in time; the modem stops to route directly. */
	if (m->unacked->report)
		m->counts.reports_unacked++;
	else
		m->counts.mo_unacked++;
	TAILQ_INSERT_HEAD(&m->waiting, m->unacked, entry);
	m->unacked = NULL;
	m->cnmi[1] = m->cnmi[3] = 0;
	modem_note(m, "routing-stopped", "no +CNMA");
}

static void route_directly(struct modem *m, struct net_item *item)
{
	uint32_t *serial;

	if (item->report)
		m->counts.reports_direct++;
	else
		m->counts.mo_direct++;
	say_direct(m, item);
	if (m->csms == 0) {
		free(item);
		return;
	}
	m->unacked = item;
	m->unacked_serial++;
	serial = malloc(sizeof(*serial));
	if (!serial)
		abort();
	*serial = m->unacked_serial;
	modem_later(m, m->conf.cnma_timeout, on_unacknowledged, serial);
}

static void on_pump(struct modem *m, void *arg)
{
	modem_net_pump(m);
}

void modem_net_acknowledge(struct modem *m, bool good)
{
	struct net_item *item = m->unacked;

	m->unacked = NULL;
	if (good) {
		if (item->report)
			m->counts.reports_acked++;
		else
			m->counts.mo_acked++;
		free(item);
	} else {
		TAILQ_INSERT_TAIL(&m->waiting, item, entry);
	}
	modem_later(m, good ? 0 : CENTRE_RETRY_MS, on_pump, NULL);
}

static void say_stored(struct modem *m, bool report, const char *mem, int at)
{
	const char *lie = report ? m->conf.report_urc : m->conf.urc_memory;
	bool tell = report ? m->cnmi[3] == 2 && !modem_chance(m->sim, m->conf.report_silent) : m->cnmi[1] > 0;

	if (*lie)
		mem = lie;
	else if (report)
		mem = m->profile->report_urc;
	if (tell && m->cnmi[0] > 0)
		modem_urc(m, "%s: \"%s\",%d", report ? "+CDSI" : "+CMTI", mem, at);
	else if (tell && m->n_kept < KEPT_MAX)
		snprintf(m->kept[m->n_kept++], sizeof(m->kept[0]), "%s: \"%.8s\",%d", report ? "+CDSI" : "+CMTI", mem, at);
}

void modem_net_routing_changed(struct modem *m)
{
	if (m->cnmi[0] > 0) {
		for (unsigned i = 0; i < m->n_kept && m->cnmi[4] == 0; i++)
			modem_urc(m, "%s", m->kept[i]);
		m->n_kept = 0;
	}
	modem_net_pump(m);
}

/* false: full, the item stays in the network. */
static bool store(struct modem *m, const struct net_item *item)
{
	const char *name = item->report ? m->profile->report_mem : m->use[2];
	uint8_t sca[TPDU_SCA_MAX];
	char where[4];
	int at = modem_mem_put(m, name, SLOT_UNREAD, sca, sca_of(m, sca), item->tpdu, item->n, where);

	if (at < 0) {
		if (!m->said_full && m->profile->full)
			modem_urc(m, "%s", m->profile->full);
		m->said_full = true;
		return false;
	}
	m->said_full = false;
	if (item->report)
		m->counts.reports_stored++;
	else
		m->counts.mo_stored++;
	say_stored(m, item->report, where, at);
	return true;
}

enum route { ROUTE_DIRECT, ROUTE_STORE, ROUTE_DROP, ROUTE_WAIT };

/* TS 27.005, 3.4.1 */
static enum route route_of(struct modem *m, const struct net_item *item)
{
	unsigned mt = m->cnmi[1], ds = m->cnmi[3];
	bool direct = m->cnmi[0] > 0 && (m->csms == 1 || !m->profile->direct_needs_csms);

	if (item->report) {
		if (ds == 1 && m->profile->ds_idle & BIT(1))
			return ROUTE_STORE;
		if (ds == 1 && m->cnmi[0] == 0)
			return ROUTE_WAIT; /* mode 0: kept for later */
		if (ds == 1)
			return m->unacked ? ROUTE_WAIT : direct ? ROUTE_DIRECT : ROUTE_DROP;
		return ds == 2 ? ROUTE_STORE : ROUTE_DROP;
	}
	if (never_stored(item)) {
		if (item->tpdu[1 + 2 + (item->tpdu[1] + 1u) / 2] == 0x40)
			return ROUTE_DROP; /* type 0 is acknowledged and nothing else: TS 23.040, 9.2.3.9 */
		return mt > 0 && direct ? m->unacked ? ROUTE_WAIT : ROUTE_DIRECT : ROUTE_DROP;
	}
	if (mt == 2 && m->cnmi[0] == 0)
		return ROUTE_WAIT;
	if (mt == 2 && direct)
		return m->unacked ? ROUTE_WAIT : ROUTE_DIRECT;
	return ROUTE_STORE;
}

static bool reachable(struct modem *m)
{
	return !m->off && m->ready && modem_registered(m) && !modem_is_silent(m) && !at_sim_trouble(m);
}

/* Hand over as much as goes now; whatever changes that calls again. */
void modem_net_pump(struct modem *m)
{
	struct net_item *item, *next;

	if (!reachable(m))
		return;
	for (item = TAILQ_FIRST(&m->waiting); item; item = next) {
		enum route route = route_of(m, item);

		next = TAILQ_NEXT(item, entry);
		if (route == ROUTE_WAIT || (route == ROUTE_STORE && !store(m, item)))
			continue;
		TAILQ_REMOVE(&m->waiting, item, entry);
		if (route == ROUTE_DIRECT) {
			route_directly(m, item);
			continue;
		}
		if (route == ROUTE_DROP && item->report)
			m->counts.reports_dropped++;
		else if (route == ROUTE_DROP)
			m->counts.mo_shown++;
		free(item);
	}
}

void modem_net_pump_soon(struct modem *m)
{
	if (!TAILQ_EMPTY(&m->waiting))
		modem_later(m, 0, on_pump, NULL);
}

/* ---- reports */

struct report {
	uint8_t n;
	uint8_t tpdu[TPDU_MAX];
};

static void on_report_due(struct modem *m, void *arg)
{
	struct report *r = arg;

	modem_net_arrive(m, true, r->tpdu, r->n);
	free(r);
}

/* "+49151..." as the network may give it back: 0151... */
static size_t national(uint8_t *ra, const char *to)
{
	char number[32];

	if (to[0] != '+' || strlen(to) < 6)
		return tpdu_put_address(ra, to);
	snprintf(number, sizeof(number), "0%s", to + 3);
	return tpdu_put_address(ra, number);
}

static void make_report(struct modem *m, const struct flight *f, uint8_t st, uint64_t ms, bool at_once)
{
	struct report *r = calloc(1, sizeof(*r));
	uint8_t ra[16], mr = f->mr;
	size_t n_ra = f->s.n_da;
	int64_t now = modem_wall();

	if (!r)
		return;
	memcpy(ra, f->s.da, n_ra);
	if (modem_chance(m->sim, m->conf.report_national))
		n_ra = national(ra, f->s.to);
	if (modem_chance(m->sim, m->conf.report_mr_wrong))
		mr = (uint8_t)(mr + 100);
	if (modem_chance(m->sim, m->conf.report_mr_zero))
		mr = 0;
	m->counts.reports_made++;
	r->n = (uint8_t)tpdu_put_report(r->tpdu, mr, ra, n_ra, now, now + (int64_t)ms / 1000, st);
	if (at_once)
		on_report_due(m, r);
	else
		modem_later_always(m, ms, on_report_due, r);
}

static void reports(struct modem *m, const struct flight *f)
{
	uint32_t delay = modem_between(m->sim, m->conf.report_delay[0], m->conf.report_delay[1]);
	uint8_t st = (uint8_t)(f->v.st < 0 ? 0 : f->v.st);
	bool before;

	if (!f->s.srr || modem_chance(m->sim, m->conf.report_none))
		return;
	before = modem_chance(m->sim, m->conf.report_before);
	make_report(m, f, st, delay, before);
	if (modem_chance(m->sim, m->conf.report_twice))
		make_report(m, f, st, delay, false);
	if (f->v.then >= 0)
		make_report(m, f, (uint8_t)f->v.then, delay + f->v.then_ms, false);
}

/* ---- sending */

static void log_submit(struct modem *m, const struct flight *f, bool again)
{
	const struct tpdu_submit *s = &f->s;
	json_t *o;

	if (m->sim->log.fd < 0)
		return;
	o = json_pack("{s:s, s:s, s:f, s:i, s:i, s:s, s:i, s:i, s:b, s:b, s:s}", "event", "submit", "modem", m->name, "time",
		modem_wall_exactly(), "radio_ms", (int)f->radio_ms, "mr", f->mr, "to", s->to, "dcs", s->dcs, "pid", s->pid,
		"srr", s->srr, "duplicate", again, "pdu", f->hex);
	if (!o)
		return;
	if (s->concat)
		json_object_set_new(o, "concat",
			json_pack("{s:i, s:i, s:i}", "ref", s->ref, "total", s->total, "seq", s->seq));
	json_object_set_new(o, s->alphabet == TPDU_8BIT || s->shifted ? "hex" : "text", json_string(s->text));
	modem_log_add(&m->sim->log, o);
}

static void remember_repeat(struct modem_sim *sim, const struct tpdu_submit *s)
{
	struct modem_judged *j = &sim->judged;

	if (j->n_repeats == REPEATS_KEPT)
		return;
	snprintf(j->repeats[j->n_repeats].to, sizeof(j->repeats[0].to), "%s", s->to);
	snprintf(j->repeats[j->n_repeats].text, sizeof(j->repeats[0].text), "%.60s", s->text);
	j->n_repeats++;
}

static void accepted(struct modem *m, struct flight *f)
{
	bool again = modem_keys_add(&m->sim->keys, &f->s);

	f->mr = f->v.mr >= 0 ? (uint8_t)f->v.mr : m->mr++;
	m->counts.accepted++;
	m->counts.duplicates += again;
	m->counts.long_messages += f->s.concat && f->s.seq == 1;
	if (again)
		remember_repeat(m->sim, &f->s);
	log_submit(m, f, again);
	m->last_sent_ms = m->sim->now_ms;
	m->link_until_ms = m->cmms == 2 ? FOREVER : m->cmms == 1 ? m->sim->now_ms + 5000 : 0;
	reports(m, f);
}

static void refuse(struct modem_port *p, struct at_result r)
{
	p->m->counts.refused++;
	at_finish(p, r);
}

static void answer(struct modem_port *p, const struct flight *f)
{
	unsigned mr = modem_chance(p->m->sim, p->m->conf.mr_zero) ? 0 : f->mr;

	if (f->v.fault != FAULT_LOSE_CMGS)
		at_line(p, "+%s: %u", f->verb, mr);
	if (f->v.fault == FAULT_LOSE_CMGS || f->v.fault == FAULT_LOSE_OK)
		p->m->counts.answers_lost++;
	if (f->v.fault == FAULT_LOSE_OK) {
		at_send(p);
		at_done_silently(p);
	} else {
		at_finish(p, at_ok);
	}
}

/* The radio's time is over. */
static void conclude(struct modem_port *p, struct flight *f)
{
	struct modem *m = p->m;

	if (!modem_registered(m)) {
		refuse(p, at_cms(331)); /* no network service */
		return;
	}
	switch (f->v.fault) {
	case FAULT_NONE:
	case FAULT_LATE:
	case FAULT_LOSE_OK:
	case FAULT_LOSE_CMGS:
		accepted(m, f);
		answer(p, f);
		return;
	case FAULT_LOSE_ANSWER: f->v.taken = true; break;
	default: break;
	}
	if (f->v.taken) {
		accepted(m, f);
		m->counts.answers_lost++;
	} else {
		m->counts.refused++;
	}
	at_strike(p, &f->v);
}

static void on_radio(struct modem *m, void *arg)
{
	struct flight *f = arg;

	conclude(m->ports[f->ref.port], f);
	free(f);
}

static uint64_t radio_ms(struct modem *m, const struct modem_verdict *v)
{
	uint64_t ms = modem_between(m->sim, m->conf.latency[0], m->conf.latency[1]), gap, since;

	if (m->conf.link_setup && m->link_until_ms <= m->sim->now_ms)
		ms += m->conf.link_setup;
	if (v->fault == FAULT_LATE)
		ms += v->arg;
	if (m->conf.rate) {
		gap = 1000 / m->conf.rate;
		since = m->sim->now_ms - m->last_sent_ms;
		if (m->last_sent_ms && since + ms < gap)
			ms = gap - since;
	}
	return ms;
}

static void malformed(struct modem_port *p, const char *why, const char *hex)
{
	struct modem_judged *j = &p->m->sim->judged;

	p->m->counts.malformed++;
	if (j->n_malformed < JUDGED_KEPT) {
		j->malformed[j->n_malformed].why = why;
		snprintf(j->malformed[j->n_malformed].hex, sizeof(j->malformed[0].hex), "%s", hex);
		j->n_malformed++;
	}
	modem_note(p->m, "malformed", why);
	at_finish(p, at_cms(304)); /* invalid PDU mode parameter */
}

void modem_net_submit(struct modem_port *p, const uint8_t *pdu, size_t n, unsigned length, const char *verb)
{
	struct flight *f = calloc(1, sizeof(*f));
	char sca[24];
	size_t n_sca = 0;
	const char *why;
	uint64_t ms;

	if (!f)
		abort();
	p->m->counts.submits++;
	tpdu_to_hex(pdu, n, f->hex);
	why = tpdu_read_sca(pdu, n, &n_sca, sca);
	if (!why && n - n_sca != length)
		why = "the length in the command is not that of the TPDU";
	if (!why)
		why = tpdu_read_submit(pdu + n_sca, n - n_sca, &f->s);
	if (why) {
		malformed(p, why, f->hex);
		free(f);
		return;
	}
	if (pdu[0] == 0 && !*p->m->sca) {
		refuse(p, at_cms(330)); /* SMSC address unknown */
		free(f);
		return;
	}
	while (p->m->ports[f->ref.port] != p)
		f->ref.port++;
	snprintf(f->verb, sizeof(f->verb), "%s", verb);
	modem_judge(p->m, ON_SUBMIT, "", f->s.to, &f->v);
	ms = radio_ms(p->m, &f->v);
	f->radio_ms = ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
	if (ms > 0) {
		p->busy = true;
		modem_later(p->m, ms, on_radio, f);
		return;
	}
	conclude(p, f);
	free(f);
}
