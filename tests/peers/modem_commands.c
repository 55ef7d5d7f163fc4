/* SPDX-License-Identifier: Apache-2.0 */
/* modem_commands.c -- find a command in the tables, and cut its parameters. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "modem_at.h"

/* The start and the length of the i-th parameter; quotes may hold commas. */
static const char *find_arg(const char *s, unsigned i, size_t *ret)
{
	for (;; i--) {
		bool in_quotes = false;
		size_t n = 0;

		while (s[n] && (in_quotes || s[n] != ',')) {
			if (s[n] == '"')
				in_quotes = !in_quotes;
			n++;
		}
		if (i == 0) {
			*ret = n;
			return s;
		}
		if (s[n] == 0)
			return NULL;
		s += n + 1;
	}
}

const char *at_arg(const struct at_call *a, unsigned i, char *buf, size_t cap)
{
	size_t n = 0;
	const char *s = find_arg(a->args, i, &n);

	*buf = 0;
	if (!s)
		return buf;
	while (n > 0 && *s == ' ') {
		s++;
		n--;
	}
	while (n > 0 && s[n - 1] == ' ')
		n--;
	if (n >= 2 && s[0] == '"' && s[n - 1] == '"') {
		s++;
		n -= 2;
	}
	if (n >= cap)
		n = cap - 1;
	memcpy(buf, s, n);
	buf[n] = 0;
	return buf;
}

long at_number(const struct at_call *a, unsigned i, long otherwise)
{
	char buf[16], *end;
	long v;

	if (!*at_arg(a, i, buf, sizeof(buf)))
		return otherwise;
	v = strtol(buf, &end, 10);
	return *end ? -1 : v;
}

unsigned at_n_args(const struct at_call *a)
{
	unsigned n = 0;
	size_t len;

	if (!*a->args)
		return 0;
	while (find_arg(a->args, n, &len))
		n++;
	return n;
}

unsigned at_sim_trouble(const struct modem *m)
{
	if (m->sim_out)
		return 10;
	if (m->pin_state == SIM_PIN)
		return 11;
	if (m->pin_state == SIM_PUK)
		return 12;
	if (m->pin_state == SIM_BLOCKED)
		return 13;
	return m->ready ? 0 : m->conf.ready_code;
}

/* TS 27.005, 3.2.5: the same troubles have other numbers for messages. */
static unsigned sms_trouble(const struct modem *m)
{
	unsigned cme = at_sim_trouble(m);

	switch (cme) {
	case 10: return 310;
	case 11: return 311;
	case 12: return 316;
	case 13: return 313;
	case 14: return 314;
	default: return cme;
	}
}

static const struct at_command *find(const struct at_command *table, const struct at_call *a)
{
	for (; table->name; table++)
		if (strcasecmp(table->name, a->name) == 0 && table->makers & a->m->profile->maker)
			return table;
	return NULL;
}

struct at_result at_dispatch(struct at_call *a)
{
	const struct at_command *c = find(at_base_commands, a);

	if (!c)
		c = find(at_sim_commands, a);
	if (!c)
		c = find(at_sms_commands, a);
	if (!c) {
		a->m->counts.unknown++;
		return at_error;
	}
	if (c->needs & NEEDS_CARD && a->m->sim_out)
		return at_cme(10);
	if (c->needs & NEEDS_SIM && at_sim_trouble(a->m))
		return at_cme(at_sim_trouble(a->m));
	if (c->needs & NEEDS_SMS && a->op != AT_TEST && sms_trouble(a->m))
		return at_cms(sms_trouble(a->m));
	return c->run(a);
}
