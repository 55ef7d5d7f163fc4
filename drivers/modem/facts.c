/* SPDX-License-Identifier: Apache-2.0 */
/* facts.c -- what people see of a modem: who it is, how it hears, what it remembers, how often it had to be helped.
 *
 * IMEI, IMSI and number are a person's; they go where operators look, and into no log. */
#include <config.h>

#include "drivers/modem/modem.h"

struct teller {
	void (*each)(void *arg, const struct driver_fact *f);
	void *arg;
};

static void text(const struct teller *t, const char *name, const char *value)
{
	const struct driver_fact f = { .name = name, .text = value };

	if (value && *value)
		t->each(t->arg, &f);
}

static void number(const struct teller *t, const char *name, double value, const char *unit, const char *help)
{
	const struct driver_fact f = { .name = name, .number = value, .is_number = true, .unit = unit, .help = help };

	t->each(t->arg, &f);
}

static void identity(const struct modem *m, const struct teller *t)
{
	text(t, "modem_state", life_state_name(m->life.state));
	if (m->port)
		text(t, "port", port_path(m->port));
	text(t, "maker", m->id.maker);
	text(t, "model", m->id.model);
	text(t, "firmware", m->id.firmware);
	text(t, "imei", m->id.imei);
	text(t, "imsi", m->id.imsi);
	text(t, "iccid", m->id.iccid);
	text(t, "number", m->id.number);
}

static void network(const struct modem *m, const struct teller *t)
{
	int dbm = network_dbm(m);

	if (!m->net.running)
		return;
	text(t, "registration", network_status_text(m));
	text(t, "operator", m->net.operator_name);
	text(t, "operator_code", m->net.operator_code);
	if (dbm)
		number(t, "signal_dbm", dbm, "dBm", "Strength of the signal that a modem receives.");
}

static void storage(const struct modem *m, const struct teller *t)
{
	static const char *const reports[] = {
		[REPORTS_NONE] = "none", [REPORTS_DIRECT] = "direct", [REPORTS_STORED] = "stored",
	};

	if (m->life.state != MODEM_SEARCHING && m->life.state != MODEM_READY)
		return;
	text(t, "reports", reports[m->can.reports]);
	number(t, "storage_used", m->in.used, NULL, "Messages in the memories of a modem and its SIM, as last looked.");
	number(t, "storage_total", m->in.total, NULL, "Messages that these memories can hold.");
}

static void counters(const struct modem *m, const struct teller *t)
{
	number(t, "watchdog_reopens", (double)m->ladder.n_reopens, NULL,
		"How often the port of a modem was opened anew because it did not answer.");
	number(t, "watchdog_resets", (double)m->ladder.n_resets, NULL,
		"How often a modem was told to reset itself because it did not answer.");
	number(t, "watchdog_power_cycles", (double)m->ladder.n_powers, NULL,
		"How often power_command was run because a modem did not answer.");
	number(t, "watchdog_alarms", (double)m->ladder.n_alarms, NULL,
		"How often nothing of that helped, and a modem was left alone for a while.");
	text(t, "ussd_unasked", m->ussd.network_text);
	number(t, "ussd_unasked_total", (double)m->ussd.n_network, NULL,
		"USSD texts that the network sent to a modem unasked: top-ups, warnings, offers.");
	number(t, "calls", (double)m->calls.n, NULL, "Incoming calls of a modem.");
	number(t, "port_losses", (double)m->life.n_lost, NULL, "How often the port of a modem went away.");
	number(t, "answers_lost", (double)m->out.doubted, NULL,
		"Parts that were written to a modem and whose answer was lost.");
}

void modem_facts(struct link *l, void (*each)(void *arg, const struct driver_fact *f), void *arg)
{
	const struct modem *m = link_driver_data(l);
	const struct teller t = { each, arg };

	identity(m, &t);
	network(m, &t);
	storage(m, &t);
	counters(m, &t);
}
