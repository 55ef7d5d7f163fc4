/* SPDX-License-Identifier: Apache-2.0
 *
 * link_told.c -- what a driver tells of its link beside messages: whose account it is, whether receipts come, facts for
 * people, and what they must see to.
 *
 * An alarm has one line in the log when it begins and one when it ends, however often it is told; those of the queue
 * (receipts that do not match) and of the core (a low balance) take the same way.
 */
#include "route/link_int.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* ---- identity -------------------------------------------------------------------------------------------- */

/* A SIM by its number, wherever it sits; a link that has none by its name, which has no colon. */
void link_take_account(struct link *l)
{
	char name[MSG_REF_MAX + 1];

	if (*l->account)
		snprintf(name, sizeof(name), "sim:%s", l->account);
	else
		snprintf(name, sizeof(name), "%s", l->name);
	l->outlet.account = names_get(l->names, NAME_ACCOUNT, name);
	queue_quota_changed(l->queue, &l->outlet);
}

void link_identity(struct link *l, const char *account)
{
	if (!account)
		account = "";
	if (strncmp(l->account, account, sizeof(l->account) - 1) == 0)
		return;
	snprintf(l->account, sizeof(l->account), "%s", account);
	log_info("link_account", "link=%s known=%s", l->name, *account ? "yes" : "no"); /* an ICCID is a person's */
	link_take_account(l);
	link_balance_forget(l);
}

/* ---- receipts -------------------------------------------------------------------------------------------- */

void link_take_reports(struct link *l)
{
	l->outlet.reports = (l->driver->caps & DRIVER_DLR) && l->conf->receipts != CONF_RECEIPTS_NONE &&
		l->told_reports != LINK_REPORTS_NO;
}

void link_reports(struct link *l, enum link_reports told)
{
	static const char *const words[] = { "unknown", "yes", "no" };

	if (l->told_reports == told)
		return;
	l->told_reports = told;
	log_info("link_reports", "link=%s reports=%s", l->name, words[told]);
	link_take_reports(l);
}

/* ---- alarms ---------------------------------------------------------------------------------------------- */

static struct link_alarm_view *alarm_find(struct link *l, const char *code)
{
	for (unsigned i = 0; i < l->alarms.n; i++)
		if (strcmp(l->alarms.list[i].code, code) == 0)
			return &l->alarms.list[i];
	return NULL;
}

static void alarm_over(struct link *l, struct link_alarm_view *v)
{
	struct link_alarms *a = &l->alarms;

	log_info("link_alarm_over", "link=%s alarm=%s after_s=%lld", l->name, v->code,
		(long long)(clock_ms() - v->since_ms) / 1000);
	memmove(v, v + 1, (size_t)(a->list + --a->n - v) * sizeof(*v));
}

static struct link_alarm_view *alarm_add(struct link *l, const char *code)
{
	struct link_alarm_view *v;

	if (l->alarms.n == LINK_ALARMS_MAX)
		return NULL; /* the log has had it: nobody looks at a seventeenth */
	v = &l->alarms.list[l->alarms.n++];
	snprintf(v->code, sizeof(v->code), "%s", code);
	v->since_ms = clock_ms();
	return v;
}

void link_alarm(struct link *l, const char *code, const char *text)
{
	struct link_alarm_view *v = alarm_find(l, code);

	assert(*code && strlen(code) <= LINK_ALARM_CODE_MAX);
	if (!text) {
		if (v)
			alarm_over(l, v);
		return;
	}
	if (!v) {
		log_warn("link_alarm", "link=%s alarm=%s text=%s", l->name, code, text);
		l->alarms.raised++;
		v = alarm_add(l, code);
	}
	if (v)
		snprintf(v->text, sizeof(v->text), "%s", text);
}

void link_outlet_alarm(struct outlet *o, const char *code, const char *text)
{
	link_alarm((struct link *)o, code, text);
}

/* ---- facts ----------------------------------------------------------------------------------------------- */

struct facts_out {
	void (*each)(void *arg, const struct driver_fact *f);
	void *arg;
};

static bool good_name(const char *name)
{
	size_t n = 0;

	for (; name[n]; n++)
		if (!islower((unsigned char)name[n]) && !isdigit((unsigned char)name[n]) && name[n] != '_')
			return false;
	return n > 0 && n <= DRIVER_FACT_NAME_MAX;
}

static void checked(void *arg, const struct driver_fact *f)
{
	struct facts_out *out = arg;

	assert(good_name(f->name)); /* it becomes part of a metric's name */
	assert(f->is_number || f->text);
	out->each(out->arg, f);
}

void link_facts(struct link *l, void (*each)(void *arg, const struct driver_fact *f), void *arg)
{
	struct facts_out out = { each, arg };

	if (l->driver->facts)
		l->driver->facts(l, checked, &out);
	if (!l->balance.known)
		return;
	each(arg, &(struct driver_fact){ .name = "balance", .number = l->balance.amount, .is_number = true,
		.help = "What is left on the SIM, as its network said last." });
	each(arg, &(struct driver_fact){ .name = "balance_text", .text = l->balance.text });
}

/* ---- of late --------------------------------------------------------------------------------------------- */

static void recent_move(struct link_recent *r, int64_t minute)
{
	if (minute - r->minute >= LINK_MINUTES || minute < r->minute)
		memset(r->taken, 0, sizeof(r->taken));
	else
		for (int64_t i = r->minute + 1; i <= minute; i++)
			r->taken[i % LINK_MINUTES] = 0;
	r->minute = minute;
}

void link_recent_taken(struct link *l)
{
	int64_t now = clock_ms(), minute = now / 60000;

	if (l->recent.minute != minute)
		recent_move(&l->recent, minute);
	l->recent.taken[minute % LINK_MINUTES]++;
	l->recent.last_ms = now;
}

uint64_t link_recent_sum(struct link *l)
{
	uint64_t n = 0;

	recent_move(&l->recent, clock_ms() / 60000);
	for (unsigned i = 0; i < LINK_MINUTES; i++)
		n += l->recent.taken[i];
	return n;
}
