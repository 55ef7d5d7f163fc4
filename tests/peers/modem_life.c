/* SPDX-License-Identifier: Apache-2.0 */
/* modem_life.c -- a modem comes up, registers, restarts, is pulled out, falls silent.
 *
 * A USB modem that restarts goes from the bus and comes back as new devices; a serial one keeps its line and says
 * nothing for that time.  Either way all that commands have set is gone, and the PIN is asked for again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modem_at.h"

/* ---- registration */

static bool on_air(const struct modem *m)
{
	uint64_t up = m->sim->now_ms - m->booted_ms;

	return !m->off && m->cfun == 1 && !m->net_lost && !m->sim_out && m->pin_state == SIM_READY &&
	       up >= m->conf.registered_after;
}

static uint8_t stat_of(const struct modem *m, uint32_t configured)
{
	if (on_air(m))
		return (uint8_t)configured;
	return m->cfun == 1 && !m->sim_out ? 2 : 0; /* searching, or not even that */
}

uint8_t modem_creg(const struct modem *m)
{
	return stat_of(m, m->conf.creg);
}

uint8_t modem_cgreg(const struct modem *m)
{
	return stat_of(m, m->conf.cgreg);
}

uint8_t modem_cereg(const struct modem *m)
{
	return stat_of(m, m->conf.cereg);
}

/* TS 27.007, 10.1.20 and 7.2: home, roaming, both "SMS only", both "CSFB not preferred". */
static bool may_send(uint8_t stat)
{
	return stat == 1 || stat == 5 || stat == 6 || stat == 7 || stat == 9 || stat == 10;
}

bool modem_registered(const struct modem *m)
{
	return may_send(modem_creg(m)) || (!m->profile->no_cereg && may_send(modem_cereg(m)));
}

static void tell(struct modem *m, const char *name, uint8_t n, uint8_t stat, uint8_t *said)
{
	if (*said == stat)
		return;
	*said = stat;
	if (n == 1)
		modem_urc(m, "%s: %u", name, stat);
	else if (n == 2)
		modem_urc(m, "%s: %u,\"1A2B\",\"00C0FFEE\",7", name, stat);
}

void modem_registration_changed(struct modem *m)
{
	tell(m, "+CREG", m->n_creg, modem_creg(m), &m->said_creg);
	tell(m, "+CGREG", m->n_cgreg, modem_cgreg(m), &m->said_cgreg);
	if (!m->profile->no_cereg)
		tell(m, "+CEREG", m->n_cereg, modem_cereg(m), &m->said_cereg);
	modem_net_pump(m);
}

const char *modem_operator(const struct modem *m)
{
	return m->conf.operator_name;
}

static void on_registered(struct modem *m, void *arg)
{
	modem_registration_changed(m);
}

/* ---- silence */

static void on_talkative(struct modem *m, void *arg)
{
	if (m->silent_until != FOREVER && m->silent_until <= m->sim->now_ms)
		modem_net_pump(m);
}

bool modem_is_silent(struct modem *m)
{
	return m->silent_until == FOREVER || m->silent_until > m->sim->now_ms;
}

void modem_silence(struct modem *m, uint64_t ms)
{
	for (unsigned i = 0; i < m->n_ports; i++) {
		struct modem_port *p = m->ports[i];

		p->busy = p->prompt = false;
		p->n_line = p->n_held = p->n_answer = 0;
		p->rest = "";
	}
	m->silent_until = ms == 0 ? 0 : ms == FOREVER ? FOREVER : m->sim->now_ms + ms;
	modem_note(m, "silent", ms == 0 ? "no more" : "");
	if (ms != FOREVER)
		modem_later(m, ms, on_talkative, NULL);
}

/* ---- up and down */

static void forget_settings(struct modem *m)
{
	m->cmee = m->cmgf = m->csms = m->cmms = m->csdh = m->cops_format = 0;
	m->cfun = 1;
	memset(m->cnmi, 0, sizeof(m->cnmi));
	m->cnmi[4] = m->profile->bfr & 1 ? 0 : 1;
	m->n_creg = m->n_cgreg = m->n_cereg = 0;
	m->said_creg = m->said_cgreg = m->said_cereg = 0;
	memcpy(m->csmp, (uint8_t[]){17, 167, 0, 0}, sizeof(m->csmp));
	m->clip = m->crc = m->curc_off = m->said_full = false;
	strcpy(m->cscs, "IRA");
	strcpy(m->sca, m->conf.sca);
	for (unsigned i = 0; i < 3; i++)
		strcpy(m->use[i], m->profile->mem);
	m->calling = m->n_kept = 0;
	if (m->unacked) {
		TAILQ_INSERT_HEAD(&m->waiting, m->unacked, entry);
		m->unacked = NULL;
	}
	for (unsigned i = 0; i < m->n_ports; i++)
		modem_at_reset(m->ports[i]);
}

static void on_ready(struct modem *m, void *arg)
{
	unsigned last = 0;

	m->ready = true;
	while (last < 6 && m->profile->boot[last])
		last++;
	if (last > 0 && strstr(m->profile->boot[last - 1], "CPIN") == NULL)
		modem_urc(m, "%s", m->profile->boot[last - 1]);
	modem_registration_changed(m);
}

static void on_noise(struct modem *m, void *arg)
{
	if (m->conf.noise == 0)
		return;
	modem_noise(m);
	modem_later(m, m->conf.noise, on_noise, NULL);
}

void modem_noise(struct modem *m)
{
	const char *line = m->profile->noise[m->noise_next];

	if (!line) {
		m->noise_next = 0;
		line = m->profile->noise[0];
	}
	m->noise_next = (m->noise_next + 1) % 5;
	if (!m->curc_off)
		modem_urc(m, "%s", line ? line : "^RSSI: 15");
}

static void say_boot(struct modem *m)
{
	for (unsigned i = 0; i + 1 < 6 && m->profile->boot[i + 1]; i++) {
		if (strstr(m->profile->boot[i], "CPIN: READY") && m->pin_state != SIM_READY)
			modem_urc(m, "+CPIN: SIM PIN");
		else
			modem_urc(m, "%s", m->profile->boot[i]);
	}
}

void modem_power_on(struct modem *m)
{
	m->boot++;
	m->off = m->storage = false;
	m->silent_until = 0;
	m->silent_reopen = false;
	m->booted_ms = m->sim->now_ms;
	if (m->boot == 1) {
		m->pin_left = m->pin_state == SIM_PUK ? 0 : m->conf.retries;
		m->puk_left = m->conf.puk_retries;
	}
	if (m->pin_state == SIM_READY && *m->conf.pin)
		m->pin_state = SIM_PIN;
	forget_settings(m);
	m->ready = m->conf.ready_after == 0;
	for (unsigned i = 0; i < m->n_ports; i++) {
		int r = modem_port_plug(m->ports[i]);

		if (r < 0)
			fprintf(stderr, "posthorn-modem-sim: %s-%s: %s\n", m->name, m->ports[i]->name, strerror(-r));
	}
	say_boot(m);
	if (m->ready)
		on_ready(m, NULL);
	else
		modem_later(m, m->conf.ready_after, on_ready, NULL);
	if (m->conf.registered_after)
		modem_later(m, m->conf.registered_after, on_registered, NULL);
	if (m->conf.noise)
		modem_later(m, m->conf.noise, on_noise, NULL);
	modem_note(m, "up", m->profile->name);
}

static void on_back(struct modem *m, void *arg)
{
	modem_power_on(m);
}

static void go_down(struct modem *m, bool pull)
{
	m->boot++;
	m->off = true;
	m->ready = false;
	for (unsigned i = 0; i < m->n_ports; i++) {
		if (pull || !m->ports[i]->serial)
			modem_port_unplug(m->ports[i]);
		else
			modem_at_reset(m->ports[i]);
	}
}

void modem_restart(struct modem *m, uint32_t ms, bool storage)
{
	m->counts.restarts++;
	modem_note(m, "restart", storage ? "as a disk" : "");
	go_down(m, false);
	m->storage = storage;
	if (!storage)
		modem_later(m, ms ? ms : m->conf.boot_after, on_back, NULL);
}

void modem_unplug(struct modem *m, uint32_t ms)
{
	m->counts.unplugs++;
	modem_note(m, "unplugged", "");
	go_down(m, true);
	if (ms)
		modem_later(m, ms, on_back, NULL);
}

int modem_replug(struct modem *m, const char *name)
{
	if (!m->off)
		return -EALREADY;
	for (unsigned i = 0; *name && i < m->n_ports; i++)
		if (!m->ports[i]->tcp)
			snprintf(m->ports[i]->link, sizeof(m->ports[i]->link), "%.200s/%.20s-%s", m->sim->opt.dir, name,
				m->ports[i]->name);
	modem_power_on(m);
	return 0;
}

/* ---- calls */

static void on_ring(struct modem *m, void *arg)
{
	if (m->calling == 0)
		return;
	modem_urc(m, m->crc ? "+CRING: VOICE" : "RING");
	if (m->clip)
		modem_urc(m, "+CLIP: \"%s\",%u,,,,0", m->caller, *m->caller == '+' ? 145 : 129);
	if (--m->calling == 0)
		modem_urc(m, "NO CARRIER");
	else
		modem_later(m, 3000, on_ring, NULL);
}

void modem_call(struct modem *m, const char *from, unsigned rings)
{
	bool rings_now = m->calling > 0;

	snprintf(m->caller, sizeof(m->caller), "%s", from);
	m->calling = rings;
	if (!rings_now)
		on_ring(m, NULL);
}

/* ---- making */

static int add_ports(struct modem *m)
{
	const struct modem_options *o = &m->sim->opt;
	bool usb = o->tcp == NULL;

	for (unsigned i = 0; i < PORTS_MAX && m->profile->ports[i].name; i++) {
		struct modem_port *p;

		if (!(o->all_ports && usb) && m->profile->ports[i].role != ROLE_AT)
			continue;
		p = modem_port_new(m, m->profile->ports[i].name, m->profile->ports[i].role);
		if (!p)
			return -ENOMEM;
		p->serial = m->profile->serial;
		m->ports[m->n_ports++] = p;
		if (usb)
			snprintf(p->link, sizeof(p->link), "%.200s/%s-%s", o->dir, m->name, p->name);
	}
	return 0;
}

static int add_memories(struct modem *m)
{
	for (unsigned i = 0; i < MEMS_MAX && m->profile->mems[i].name; i++) {
		struct modem_mem *mem = &m->mems[m->n_mems++];

		strcpy(mem->name, m->profile->mems[i].name);
		mem->first = m->profile->mems[i].first;
		modem_mem_resize(mem, m->profile->mems[i].capacity);
	}
	return 0;
}

int modem_add(struct modem_sim *sim)
{
	struct modem *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->sim = sim;
	m->index = sim->n_modems;
	m->profile = modem_profile_find(sim->opt.profile);
	snprintf(m->name, sizeof(m->name), "%.10s%u", sim->opt.prefix, m->index);
	TAILQ_INIT(&m->waiting);
	modem_conf_init(&m->conf, m->index);
	m->off = true;
	sim->modems[sim->n_modems++] = m;
	return 0;
}

int modem_build(struct modem *m)
{
	int r;

	if (m->built)
		return 0;
	m->built = true;
	r = add_ports(m);
	if (r == 0)
		r = add_memories(m);
	return r;
}

void modem_free(struct modem *m)
{
	for (unsigned i = 0; i < m->n_ports; i++)
		modem_port_free(m->ports[i]);
	for (unsigned i = 0; i < m->n_mems; i++)
		free(m->mems[i].slots);
	modem_net_clear(m);
	free(m);
}
