/* SPDX-License-Identifier: Apache-2.0 */
/* modem_action.c -- do what a line says: for every modem, or for the one that is named. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modem_sim.h"

/* ---- things that a modem can be told */

static int do_profile(struct modem *m, struct modem_words *w)
{
	const struct modem_profile *p = modem_profile_find(modem_words_peek(w));

	if (!p)
		return modem_words_complain(w, "\"%s\" is no profile", modem_words_peek(w));
	if (m->built)
		return modem_words_complain(w, "the profile must come first");
	w->i++;
	m->profile = p;
	return 0;
}

/* `unplug`, `unplug 2000`: back after that. */
static int do_unplug(struct modem *m, struct modem_words *w)
{
	uint32_t ms = 0;
	int r = w->i < w->n ? modem_words_number(w, UINT32_MAX, &ms) : 0;

	if (r < 0)
		return r;
	modem_unplug(m, ms);
	return 0;
}

static int do_replug(struct modem *m, struct modem_words *w)
{
	char name[20] = "";
	int r = w->i < w->n ? modem_words_text(w, "name", sizeof(name), name) : 0;

	if (r == 0 && modem_replug(m, name) < 0)
		return modem_words_complain(w, "%s is there", m->name);
	return r;
}

static int do_restart(struct modem *m, struct modem_words *w)
{
	bool storage = modem_words_take(w, "storage");
	uint32_t ms = 0;
	int r = w->i < w->n ? modem_words_number(w, UINT32_MAX, &ms) : 0;

	if (r == 0)
		modem_restart(m, ms, storage);
	return r;
}

static int do_silent(struct modem *m, struct modem_words *w)
{
	uint32_t ms = 0;
	int r = 0;

	if (modem_words_take(w, "forever")) {
		modem_silence(m, FOREVER);
	} else if (modem_words_take(w, "until-reopen")) {
		modem_silence(m, FOREVER);
		m->silent_reopen = true;
	} else {
		r = modem_words_number(w, UINT32_MAX, &ms);
		if (r == 0)
			modem_silence(m, ms);
	}
	return r;
}

static void on_network_back(struct modem *m, void *arg)
{
	m->net_lost = false;
	modem_registration_changed(m);
}

static void on_sim_back(struct modem *m, void *arg)
{
	m->sim_out = false;
	if (m->pin_state == SIM_READY && *m->conf.pin)
		m->pin_state = SIM_PIN;
	modem_registration_changed(m);
}

/* `network off 20s`, `sim out 20s`: and back by itself. */
static int off_and_on(struct modem *m, struct modem_words *w, const char *off, const char *on, bool *flag,
	modem_event_fn back)
{
	uint32_t ms = 0;
	int r = 0;

	if (modem_words_take(w, on)) {
		back(m, NULL);
		return 0;
	}
	if (!modem_words_take(w, off))
		return modem_words_complain(w, "%s or %s", off, on);
	if (w->i < w->n)
		r = modem_words_number(w, UINT32_MAX, &ms);
	if (r < 0)
		return r;
	*flag = true;
	modem_registration_changed(m);
	if (ms)
		modem_later_always(m, ms, back, NULL);
	return 0;
}

static int do_network(struct modem *m, struct modem_words *w)
{
	return off_and_on(m, w, "off", "on", &m->net_lost, on_network_back);
}

static int do_sim(struct modem *m, struct modem_words *w)
{
	if (modem_words_take(w, "puk")) {
		m->pin_state = SIM_PUK;
		m->pin_left = 0;
		return 0;
	}
	return off_and_on(m, w, "out", "in", &m->sim_out, on_sim_back);
}

/* `memory SM 10`, `memory SM full`: filled with old messages. */
static int do_memory(struct modem *m, struct modem_words *w)
{
	static const uint8_t old[] = {0x04, 0x05, 0x81, 0x21, 0x43, 0xF5, 0x00, 0x00, 0x52, 0x10, 0x10, 0x21, 0x00, 0x00,
		0x40, 0x03, 0x6F, 0x36, 0x19}; /* "old" from 12345 */
	uint8_t sca[TPDU_SCA_MAX];
	char name[4], where[4];
	struct modem_mem *mem;
	uint32_t n;
	int r = modem_words_text(w, "memory", sizeof(name), name);

	if (r < 0)
		return r;
	modem_build(m);
	mem = modem_mem_find(m, name);
	if (!mem)
		return modem_words_complain(w, "%s has no memory %s", m->name, name);
	if (modem_words_take(w, "full")) {
		size_t n_sca = tpdu_put_sca(sca, m->conf.sca);

		while (modem_mem_put(m, name, SLOT_READ, sca, n_sca, old, sizeof(old), where) >= 0)
			;
		return 0;
	}
	r = modem_words_number(w, 10000, &n);
	if (r == 0)
		modem_mem_resize(mem, n);
	return r;
}

static int do_call(struct modem *m, struct modem_words *w)
{
	char from[24];
	int r = modem_words_text(w, "caller", sizeof(from), from);

	if (r == 0)
		modem_call(m, from, m->conf.rings);
	return r;
}

static int do_urc(struct modem *m, struct modem_words *w)
{
	char text[512];

	modem_words_rest(w, sizeof(text), text);
	modem_urc(m, "%s", text);
	return 0;
}

/* Octets as they are, on the port that answers. */
static int do_octets(struct modem *m, struct modem_words *w)
{
	uint8_t buf[256];
	int n = tpdu_from_hex(modem_words_peek(w), strlen(modem_words_peek(w)), buf, sizeof(buf));

	if (n < 0)
		return modem_words_complain(w, "octets in hexadecimal");
	w->i++;
	for (unsigned i = 0; i < m->n_ports; i++)
		if (m->ports[i]->role == ROLE_AT)
			modem_port_write(m->ports[i], (const char *)buf, (size_t)n);
	return 0;
}

/* `ussd *100# "Balance: 5.00" [plain|packed|ucs2]` */
static int do_ussd(struct modem *m, struct modem_words *w)
{
	struct modem_ussd *u = &m->ussd[m->n_ussd];
	int r;

	if (m->n_ussd == USSD_MAX)
		return modem_words_complain(w, "more than %u codes", USSD_MAX);
	r = modem_words_text(w, "code", sizeof(u->code), u->code);
	if (r == 0)
		r = modem_words_text(w, "text", sizeof(u->text), u->text);
	if (r < 0)
		return r;
	u->form = modem_words_take(w, "plain")    ? USSD_PLAIN
		: modem_words_take(w, "packed") ? USSD_PACKED
		: modem_words_take(w, "ucs2")   ? USSD_UCS2
						: -1;
	m->n_ussd++;
	return 0;
}

static int do_noise(struct modem *m, struct modem_words *w)
{
	modem_noise(m);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct modem *, struct modem_words *);
} actions[] = {{"profile", do_profile}, {"unplug", do_unplug}, {"replug", do_replug},
	{"restart", do_restart}, {"silence", do_silent}, {"network", do_network},
	{"sim", do_sim}, {"memory", do_memory}, {"call", do_call}, {"urc", do_urc},
	{"octets", do_octets}, {"ussd", do_ussd}, {"noise-now", do_noise}};

static int set(struct modem *m, struct modem_words *w)
{
	int r;

	if (modem_words_take(w, "reg")) { /* all three at once */
		r = modem_words_number(w, 10, &m->conf.creg);
		m->conf.cgreg = m->conf.cereg = m->conf.creg;
	} else {
		r = modem_conf_set(&m->conf, w);
	}
	if (r == 0 && m->sim->running)
		modem_registration_changed(m);
	return r;
}

static int do_one(struct modem *m, struct modem_words *w)
{
	int r = modem_mo_action(m, w);

	for (size_t i = 0; r == 1 && i < sizeof(actions) / sizeof(actions[0]); i++)
		if (modem_words_take(w, actions[i].name))
			r = actions[i].run(m, w);
	if (r == 1)
		r = set(m, w);
	if (r == 1)
		return modem_words_complain(w, "\"%s\" is no setting and no action", modem_words_peek(w));
	return r < 0 ? r : modem_words_end(w);
}

/* ---- later */

static void on_timed(struct modem *m, void *arg)
{
	struct modem_timed *t = arg;
	char err[300];

	if (modem_do(m->sim, t->line, "timed", err, sizeof(err)) < 0)
		fprintf(stderr, "posthorn-modem-sim: %s\n", err);
	if (t->every)
		modem_later_always(m, t->every, on_timed, t);
	else
		free(t);
}

/* Each word in quotes, so that it is the same word when the line is read again. */
static int quote_rest(struct modem_words *w, char *to, size_t cap)
{
	size_t n = 0;

	for (; w->i < w->n; w->i++) {
		const char *s = w->w[w->i];

		if (n + 2 * strlen(s) + 4 > cap)
			return modem_words_complain(w, "the line is too long");
		to[n++] = '"';
		for (; *s; s++) {
			if (*s == '"' || *s == '\\' || *s == '\n')
				to[n++] = '\\';
			to[n++] = *s == '\n' ? 'n' : *s;
		}
		to[n++] = '"';
		to[n++] = ' ';
	}
	to[n] = 0;
	return 0;
}

/* `at 5s ACTION`, `every 10s ACTION`; in front of it stood the modem, which goes along. */
static int timed(struct modem_sim *sim, const char *name, bool every, struct modem_words *w)
{
	struct modem_timed *t = calloc(1, sizeof(*t));
	uint32_t ms = 0;
	int r, n;

	if (!t)
		return -1;
	r = modem_words_number(w, UINT32_MAX, &ms);
	if (r < 0 || (every && ms == 0)) {
		free(t);
		return r < 0 ? r : modem_words_complain(w, "every 0 makes no sense");
	}
	t->every = every ? ms : 0;
	n = *name ? snprintf(t->line, sizeof(t->line), "modem %s ", name) : 0;
	r = quote_rest(w, t->line + n, sizeof(t->line) - (size_t)n);
	if (r < 0) {
		free(t);
		return r;
	}
	modem_later_always(sim->modems[0], ms, on_timed, t);
	return 0;
}

int modem_do(struct modem_sim *sim, const char *line, const char *where, char *err, size_t n_err)
{
	struct modem_words w;
	char name[16] = "";
	bool found = false;
	unsigned start;
	int r = modem_words_split(&w, line, where, err, n_err);

	if (r < 0 || w.n == 0)
		return r;
	if (modem_words_take(&w, "modem"))
		r = modem_words_text(&w, "modem", sizeof(name), name);
	if (r < 0)
		return r;
	if (modem_words_take(&w, "on"))
		return modem_rule_parse(&sim->rules, name, &w);
	if (modem_words_take(&w, "at"))
		return timed(sim, name, false, &w);
	if (modem_words_take(&w, "every"))
		return timed(sim, name, true, &w);
	start = w.i;
	for (unsigned i = 0; r == 0 && i < sim->n_modems; i++) {
		if (!modem_matches(name, sim->modems[i]->name))
			continue;
		found = true;
		w.i = start;
		r = do_one(sim->modems[i], &w);
	}
	return r == 0 && !found ? modem_words_complain(&w, "there is no modem %s", name) : r;
}
