/* SPDX-License-Identifier: Apache-2.0 */
/* startup_reports.c -- where messages and status reports go: AT+CPMS, AT+CSMS, AT+CNMI.
 *
 * What modems say they can and what they do differ: some list a mode and refuse it, some take it and do nothing.  So
 * from the best to the worst each mode that the list allows is set, read back, and believed only then.  The best is to
 * have messages stored and announced (mt 1), since nothing is lost when we are away, and status reports sent on (ds 1),
 * since memories for them are small. */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/conf_make.h"
#include "base/log.h"
#include "drivers/modem/modem.h"

/* ---- memories ---- */

/* Those with messages.  MT is ME and SM together, BM holds broadcasts, TA and HD nothing. */
static bool is_memory(const char *name)
{
	return strcmp(name, "SM") == 0 || strcmp(name, "ME") == 0 || strcmp(name, "SR") == 0;
}

static bool has_memory(const struct modem_ability *can, const char *name)
{
	for (unsigned i = 0; i < can->n_memories; i++) {
		if (strcmp(can->memories[i], name) == 0)
			return true;
	}
	return false;
}

static void add_memory(struct modem_ability *can, const char *name)
{
	if (strlen(name) != 2 || has_memory(can, name) ||
		can->n_memories == sizeof(can->memories) / sizeof(can->memories[0]))
		return;
	snprintf(can->memories[can->n_memories++], sizeof(can->memories[0]), "%s", name);
}

/* `("SM","ME","SR"),("SM","ME"),("SM")`: what can be read is in the first list. */
static void take_list(struct modem_ability *can, const char *lists)
{
	struct at_fields f = { lists };
	char list[128], name[16];
	bool mt = false;

	if (at_field(&f, list, sizeof(list)) == -ENOENT)
		return;
	for (char *s = list; *s; s++) {
		if (strchr("()", *s))
			*s = ' ';
	}
	f.at = list;
	while (at_field(&f, name, sizeof(name)) != -ENOENT) {
		if (is_memory(name))
			add_memory(can, name);
		mt = mt || strcmp(name, "MT") == 0;
	}
	if (can->n_memories == 0 && mt)
		add_memory(can, "MT");
}

static void on_memories(void *arg, const struct chat_answer *a)
{
	const struct conf_strings *own;
	struct modem *m = arg;

	if (startup_deals_with(m, a))
		return;
	own = &link_conf(m->link)->memories;
	if (own->n == 0)
		own = &quirks(m)->memories;
	for (size_t i = 0; i < own->n; i++)
		add_memory(&m->can, own->item[i]);
	for (unsigned i = 0; i < a->n_lines && own->n == 0; i++) {
		const char *lists = at_after(a->lines[i], "+CPMS:");

		if (lists)
			take_list(&m->can, lists);
	}
	if (m->can.n_memories == 0)
		add_memory(&m->can, "SM");
	startup_next(m);
}

void startup_memories(struct modem *m)
{
	const struct chat_command cmd = {
		.text = "AT+CPMS=?", .prefix = "+CPMS:", .timeout_ms = 30000, .done = on_memories, .arg = m,
	};

	chat_command(m->chat, &cmd);
}

/* ---- phase 2+ ---- */

static void on_service(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;

	if (startup_deals_with(m, a))
		return;
	m->start.csms = a->end == CHAT_OK;
	startup_next(m);
}

/* Some modems send on (mt 2, ds 1) in no other service. */
void startup_service(struct modem *m)
{
	modem_ask(m, "AT+CSMS=1", "+CSMS:", on_service);
}

/* ---- what is told, and how ---- */

struct cnmi {
	int mode, mt, bm, ds, bfr;
};

static const int modes[] = { 2, 1, 3 }, mts[] = { 1, 2, 0 }, bfrs[] = { 0, 1 };

static bool allows(const struct startup *s, unsigned field, int n)
{
	const char *list = s->cnmi_can[field];

	return !*list || at_list_has(list, n);
}

static bool allows_all(const struct startup *s, const struct cnmi *c)
{
	return allows(s, 0, c->mode) && allows(s, 1, c->mt) && allows(s, 2, c->bm) && allows(s, 3, c->ds) &&
	       allows(s, 4, c->bfr);
}

/* From the best to the worst: reports first, then that messages are stored, then the rest. */
static unsigned ds_order(const struct modem *m, int order[3])
{
	switch (link_conf(m->link)->reports) {
	case CONF_MODEM_REPORTS_AUTO:
	case CONF_MODEM_REPORTS_DIRECT:
		order[0] = 1;
		order[1] = 2;
		order[2] = 0;
		return 3;
	case CONF_MODEM_REPORTS_STORED:
		order[0] = 2;
		order[1] = 1;
		order[2] = 0;
		return 3;
	case CONF_MODEM_REPORTS_NONE:
		break;
	}
	order[0] = 0;
	return 1;
}

/* What is known of the make, where the settings leave it open. */
static bool known(const struct modem *m, unsigned nth, struct cnmi *ret)
{
	const struct conf_strings *list = &quirks(m)->reports;
	struct cnmi c;

	if (link_conf(m->link)->reports != CONF_MODEM_REPORTS_AUTO || nth >= list->n ||
		sscanf(list->item[nth], "%d,%d,%d,%d,%d", &c.mode, &c.mt, &c.bm, &c.ds, &c.bfr) != 5)
		return false;
	*ret = c;
	return true;
}

/* The nth that the modem may take; false: there are no more. */
static bool candidate(const struct modem *m, unsigned nth, struct cnmi *ret)
{
	int order[3];
	unsigned n_ds = ds_order(m, order), n = 0;

	while (known(m, n, ret)) {
		if (n++ == nth)
			return true;
	}
	for (unsigned d = 0; d < n_ds; d++) {
		for (unsigned i = 0; i < 3 * 3 * 2; i++) {
			struct cnmi c = { modes[i / 6], mts[i / 2 % 3], 0, order[d], bfrs[i % 2] };

			if (!allows_all(&m->start, &c) || n++ != nth)
				continue;
			*ret = c;
			return true;
		}
	}
	return false;
}

static void try_next(struct modem *m);

static void settled(struct modem *m, const struct cnmi *c)
{
	struct modem_ability *can = &m->can;

	snprintf(m->can.cnmi, sizeof(m->can.cnmi), "AT+CNMI=%d,%d,%d,%d,%d", c->mode, c->mt, c->bm, c->ds, c->bfr);
	can->reports = c->ds == 1 ? REPORTS_DIRECT : c->ds == 2 ? REPORTS_STORED : REPORTS_NONE;
	can->direct_inbound = c->mt == 2;
	can->must_ack = m->start.csms && (c->ds == 1 || c->mt == 2);
	log_info("modem_reports", "link=%s cnmi=%d,%d,%d,%d,%d", link_name(m->link), c->mode, c->mt, c->bm, c->ds,
		c->bfr);
	link_reports(m->link, can->reports == REPORTS_NONE ? LINK_REPORTS_NO : LINK_REPORTS_YES);
	startup_next(m);
}

/* Nothing could be set: messages are found by looking, reports never come. */
static void nothing_works(struct modem *m)
{
	static const struct cnmi none = { 0, 0, 0, 0, 0 };

	log_warn("modem_reports", "link=%s cnmi=refused", link_name(m->link));
	settled(m, &none);
}

/* "+CNMI: 2,1,0,1,0": what it does now. */
static bool read_back(const struct chat_answer *a, struct cnmi *ret)
{
	for (unsigned i = 0; i < a->n_lines; i++) {
		struct at_fields f = { at_after(a->lines[i], "+CNMI:") };
		long v[5] = { 0 };
		unsigned n = 0;

		while (f.at && n < 5 && at_field_number(&f, &v[n]) == 0)
			n++;
		if (n >= 4) {
			*ret = (struct cnmi){ (int)v[0], (int)v[1], (int)v[2], (int)v[3], (int)v[4] };
			return true;
		}
	}
	return false;
}

static void on_read_back(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;
	struct cnmi wanted, is;

	if (startup_deals_with(m, a))
		return;
	if (!candidate(m, m->start.cnmi_try, &wanted)) {
		nothing_works(m);
		return;
	}
	if (!read_back(a, &is))
		is = wanted; /* it cannot tell: then it is as it was set */
	if (is.mt == wanted.mt && is.ds == wanted.ds) {
		settled(m, &is);
		return;
	}
	m->start.cnmi_try++;
	try_next(m);
}

static void on_tried(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;

	if (startup_deals_with(m, a))
		return;
	if (a->end == CHAT_OK) {
		modem_ask(m, "AT+CNMI?", "+CNMI:", on_read_back);
		return;
	}
	m->start.cnmi_try++;
	try_next(m);
}

static void try_next(struct modem *m)
{
	struct cnmi c;
	char text[40];

	if (!candidate(m, m->start.cnmi_try, &c)) {
		nothing_works(m);
		return;
	}
	snprintf(text, sizeof(text), "AT+CNMI=%d,%d,%d,%d,%d", c.mode, c.mt, c.bm, c.ds, c.bfr);
	modem_ask(m, text, NULL, on_tried);
}

/* "+CNMI: (0-3),(0,1),(0,2,3),(0,2),(1)" */
static void on_can(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;
	struct startup *s = &m->start;

	if (startup_deals_with(m, a))
		return;
	memset(s->cnmi_can, 0, sizeof(s->cnmi_can));
	for (unsigned i = 0; i < a->n_lines && a->end == CHAT_OK; i++) {
		struct at_fields f = { at_after(a->lines[i], "+CNMI:") };

		for (unsigned k = 0; f.at && k < 5; k++)
			at_field(&f, s->cnmi_can[k], sizeof(s->cnmi_can[k]));
	}
	try_next(m);
}

void startup_reports(struct modem *m)
{
	m->start.cnmi_try = 0;
	modem_ask(m, "AT+CNMI=?", "+CNMI:", on_can);
}
