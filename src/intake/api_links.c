/* SPDX-License-Identifier: Apache-2.0 */
/* api_links.c -- what links tell beside their counters: facts and alarms, for the API and for graphs; and USSD. */
#include "intake/api_links.h"
#include "intake/json_load.h"

#include "base/clock.h"
#include "base/log.h"
#include "report/stats.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- GET /v1/links ---- */

static void put_fact(void *arg, const struct driver_fact *f)
{
	struct json_out *o = arg;

	json_out_key(o, f->name);
	if (!f->is_number)
		json_out_str(o, f->text);
	else if (isfinite(f->number))
		json_out_real(o, f->number);
	else
		json_out_null(o);
}

static void put_alarms(struct json_out *o, const struct link_view *v)
{
	json_out_key(o, "alarms");
	json_out_open(o, '[');
	for (unsigned i = 0; i < v->n_alarms; i++) {
		json_out_open(o, '{');
		json_out_kstr(o, "code", v->alarms[i].code);
		json_out_kstr(o, "text", v->alarms[i].text);
		json_out_ktime(o, "since", v->alarms[i].since_ms);
		json_out_close(o, '}');
	}
	json_out_close(o, ']');
}

static void put_used(struct json_out *o, const char *name, const struct quota_used *u, bool any)
{
	if (!any)
		return;
	json_out_key(o, name);
	json_out_open(o, '{');
	json_out_ku64(o, "used", u->used);
	json_out_key(o, "limit");
	if (u->limit)
		json_out_u64(o, u->limit);
	else
		json_out_null(o);
	json_out_ktime(o, "until", u->end_ms);
	json_out_close(o, '}');
}

/* Parts are counted for all periods where one has a bound, recipients only where they have. */
static void put_quota(struct json_out *o, const struct link_view *v)
{
	static const char *const parts[QUOTA_KINDS] = { "minute", "hour", "day", "month" };
	static const char *const recipients[QUOTA_KINDS] = { "", "", "recipients_day", "recipients_month" };

	if (!v->outlet->quota.any)
		return;
	json_out_key(o, "quota");
	json_out_open(o, '{');
	for (unsigned k = 0; k < QUOTA_KINDS; k++)
		put_used(o, parts[k], &v->quota.parts[k], true);
	for (unsigned k = 0; k < QUOTA_KINDS; k++)
		put_used(o, recipients[k], &v->quota.recipients[k], v->quota.recipients[k].limit);
	json_out_ktime(o, "used_up_until", v->quota.until_ms);
	json_out_close(o, '}');
}

static void put_guard(struct json_out *o, const struct outlet *out)
{
	static const char *const words[] = { [GUARD_OPEN] = "open", [GUARD_ASIDE] = "aside", [GUARD_PROBE] = "probe" };
	unsigned failed, all;

	if (out->guard_rule.failures <= 0)
		return;
	guard_counts(&out->guard, &out->guard_rule, clock_ms(), &failed, &all);
	json_out_key(o, "guard");
	json_out_open(o, '{');
	json_out_kstr(o, "state", words[out->guard.state]);
	json_out_ku64(o, "failed", failed);
	json_out_ku64(o, "of", all);
	json_out_ktime(o, "probe_at", out->guard.state == GUARD_ASIDE ? out->guard.probe_ms : 0);
	json_out_ku64(o, "set_aside", out->guard.trips);
	json_out_close(o, '}');
}

void api_put_told(struct json_out *o, struct link *l, const struct link_view *v)
{
	json_out_key(o, "facts");
	json_out_open(o, '{');
	link_facts(l, put_fact, o);
	json_out_close(o, '}');
	json_out_ku64(o, "sent_hour", v->sent_hour);
	json_out_ktime(o, "last_sent", v->last_sent_ms);
	put_alarms(o, v);
	if (*v->account)
		json_out_kstr(o, "account", v->account);
	put_quota(o, v);
	put_guard(o, v->outlet);
}

/* ---- /metrics ---- */

#define SAMPLES_MAX 8192u

struct sample {
	char name[DRIVER_FACT_NAME_MAX + 8], help[160];
	const char *link;
	double value;
	unsigned n; /* samples of a family stay in the order of the links */
};

struct samples {
	struct sample *list;
	unsigned n, cap;
	const char *link;
};

static void take_fact(void *arg, const struct driver_fact *f)
{
	struct samples *s = arg;
	struct sample *more;

	if (!f->is_number || !isfinite(f->number) || s->n == SAMPLES_MAX)
		return;
	if (s->n == s->cap) {
		more = reallocarray(s->list, s->cap ? s->cap * 2 : 64, sizeof(*more));
		if (!more)
			return; /* a scrape without them, and another one in a minute */
		s->list = more;
		s->cap = s->cap ? s->cap * 2 : 64;
	}
	more = &s->list[s->n];
	*more = (struct sample){ .link = s->link, .value = f->number, .n = s->n };
	snprintf(more->name, sizeof(more->name), "link_%s", f->name);
	snprintf(more->help, sizeof(more->help), "%s%s%s%s", f->help ? f->help : "As the link tells it.",
		f->unit ? " In " : "", f->unit ? f->unit : "", f->unit ? "." : "");
	s->n++;
}

static void take_link(void *arg, struct link *l)
{
	struct samples *s = arg;

	s->link = link_name(l);
	link_facts(l, take_fact, s);
}

static int by_name(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : (x->n > y->n) - (x->n < y->n);
}

struct alarm_lines {
	struct buf *b;
	enum { ALARM_EACH, ALARM_NOW, ALARM_TOTAL } what;
};

static void put_alarm_lines(void *arg, struct link *l)
{
	struct alarm_lines *a = arg;
	struct link_view v;

	link_view(l, &v);
	if (a->what == ALARM_NOW)
		stats_text_value(a->b, "link_alarms", (const char *const[]){"link", v.name, NULL}, v.n_alarms);
	if (a->what == ALARM_TOTAL)
		stats_text_value(a->b, "link_alarms_total", (const char *const[]){"link", v.name, NULL},
			(double)v.alarms_raised);
	for (unsigned i = 0; a->what == ALARM_EACH && i < v.n_alarms; i++)
		stats_text_value(a->b, "link_alarm",
			(const char *const[]){"link", v.name, "alarm", v.alarms[i].code, NULL}, 1);
}

struct quota_lines {
	struct buf *b;
	const char *name;
	bool limit;
};

static void put_quota_lines(void *arg, struct link *l)
{
	static const char *const words[2][QUOTA_KINDS] = { { "minute", "hour", "day", "month" },
		{ "", "", "recipients_day", "recipients_month" } };
	const struct quota_lines *q = arg;
	struct link_view v;

	link_view(l, &v);
	for (unsigned i = 0; i < 2 * QUOTA_KINDS; i++) {
		const struct quota_used *u = i < QUOTA_KINDS ? &v.quota.parts[i] : &v.quota.recipients[i - QUOTA_KINDS];

		if (u->limit)
			stats_text_value(q->b, q->name, (const char *const[]){ "link", v.name, "of",
				words[i / QUOTA_KINDS][i % QUOTA_KINDS], NULL },
				(double)(q->limit ? u->limit : u->used));
	}
}

static void put_quotas(struct api *a, struct buf *b)
{
	struct quota_lines used = { b, "link_quota_used", false }, limit = { b, "link_quota_limit", true };

	stats_text_head(b, used.name, "gauge", "Parts or recipients of the period, of links with a bound on them.");
	a->p.link_each(a->p.link_arg, put_quota_lines, &used);
	stats_text_head(b, limit.name, "gauge", "That bound.");
	a->p.link_each(a->p.link_arg, put_quota_lines, &limit);
}

struct network {
	char operator[64], registration[64];
	bool any;
};

static void take_network(void *arg, const struct driver_fact *f)
{
	struct network *n = arg;
	bool operator = strcmp(f->name, "operator") == 0, registration = strcmp(f->name, "registration") == 0;

	if (f->is_number || !(operator || registration))
		return;
	n->any = true;
	snprintf(operator ? n->operator : n->registration, sizeof(n->operator), "%s", f->text);
}

static void put_network(void *arg, struct link *l)
{
	struct network n = {0};

	link_facts(l, take_network, &n);
	if (n.any)
		stats_text_value(arg, "link_network", (const char *const[]){"link", link_name(l), "operator", n.operator,
			"registration", n.registration, NULL}, 1);
}

/* Of two families of one name Prometheus takes neither, nor anything else of the answer. */
static bool has_family(const struct buf *b, const char *name)
{
	char head[DRIVER_FACT_NAME_MAX + 40];
	int n = snprintf(head, sizeof(head), "# TYPE posthorn_%s ", name);

	return memmem(buf_data(b), buf_len(b), head, (size_t)n) != NULL;
}

void api_metrics_told(struct api *a, struct buf *b)
{
	static const struct {
		const char *name, *type, *help;
	} families[] = {
		[ALARM_EACH] = {"link_alarm", "gauge", "1 for each alarm of a link that goes on."},
		[ALARM_NOW] = {"link_alarms", "gauge", "Alarms of the link that go on."},
		[ALARM_TOTAL] = {"link_alarms_total", "counter", "Alarms of the link that began."},
	};
	struct samples s = {0};
	bool fresh = false;

	put_quotas(a, b);
	for (unsigned i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		struct alarm_lines lines = {b, i};

		stats_text_head(b, families[i].name, families[i].type, families[i].help);
		a->p.link_each(a->p.link_arg, put_alarm_lines, &lines);
	}
	stats_text_head(b, "link_network", "gauge", "1, with the operator and the registration of a link that has a SIM.");
	a->p.link_each(a->p.link_arg, put_network, b);
	a->p.link_each(a->p.link_arg, take_link, &s);
	if (s.n)
		qsort(s.list, s.n, sizeof(*s.list), by_name);
	for (unsigned i = 0; i < s.n; i++) {
		const struct sample *x = &s.list[i];

		if (i == 0 || strcmp(x->name, x[-1].name) != 0)
			fresh = !has_family(b, x->name) && stats_text_head(b, x->name, "gauge", x->help) == 0;
		if (fresh)
			stats_text_value(b, x->name, (const char *const[]){"link", x->link, NULL}, x->value);
	}
	free(s.list);
}

/* ---- USSD ---- */

static void answer_ussd(struct api_call *c, const struct driver_ussd *u)
{
	struct json_out o;

	json_out_init(&o, API_ANSWER_MAX);
	json_out_open(&o, '{');
	json_out_kstr(&o, "text", u->text ? u->text : "");
	json_out_kbool(&o, "done", !u->more);
	json_out_close(&o, '}');
	api_answer_out(c, 200, &o);
}

static void refuse_ussd(struct api_call *c, int r, const char *text)
{
	switch (r) {
	case -ENOTSUP:
		api_refuse(c, API_UNSUPPORTED, NULL, "links of this driver have no USSD");
		break;
	case -EINVAL:
		api_refuse(c, API_INVALID_PARAMETER, "code", "\"code\" is no USSD code, such as \"*100#\"");
		break;
	case -ENOTCONN:
		api_refuse(c, API_LINK_STATE, NULL, "the link is not up");
		break;
	case -EBUSY:
		api_refuse(c, API_LINK_STATE, NULL, "another USSD code is being answered; try again when it is");
		break;
	case -ETIMEDOUT:
		api_refuse(c, API_NO_ANSWER, NULL, "the network did not answer in time");
		break;
	default:
		api_refuse(c, API_USSD_REFUSED, NULL, "the network refused it%s%.200s", text && *text ? ": " : "",
			text ? text : "");
	}
}

static void on_ussd(void *arg, const struct driver_ussd *u)
{
	struct api_call *c = arg;

	if (c->q && u->r == 0)
		answer_ussd(c, u);
	else if (c->q)
		refuse_ussd(c, u->r, u->text);
	api_let_go(c);
}

static void ask_ussd(struct api_call *c, struct link *l, json_t *root)
{
	const json_t *code = json_object_get(root, "code");
	const char *key;
	json_t *value;
	int r;

	json_object_foreach(root, key, value) {
		if (strcmp(key, "code") == 0)
			continue;
		api_refuse(c, API_UNKNOWN_FIELD, key, "\"%.40s\" is not known here; the only field is \"code\"", key);
		return;
	}
	if (!code) {
		api_refuse(c, API_MISSING_FIELD, "code", "\"code\" is missing, such as {\"code\":\"*100#\"}");
		return;
	}
	if (!json_is_string(code)) {
		api_refuse(c, API_WRONG_TYPE, "code", "\"code\" is a string");
		return;
	}
	r = link_ussd(l, json_string_value(code), on_ussd, c);
	if (r < 0)
		refuse_ussd(c, r, NULL);
	else
		api_hold(c);
}

void api_ussd(struct api_call *c, const uint8_t *body, size_t n)
{
	struct link *l = c->api->p.link_find(c->api->p.link_arg, c->param[0]);
	struct api_fault f;
	json_error_t e;
	json_t *root;

	if (!l) {
		api_refuse(c, API_NOT_FOUND, NULL, "there is no such link; GET /v1/links lists them");
		return;
	}
	if (n > API_BIG_BODY) {
		api_refuse(c, API_BODY_TOO_LARGE, NULL, "a code takes at most %d octets", API_BIG_BODY);
		return;
	}
	root = json_load(body, n, &e);
	if (!root) {
		json_load_fault(&e, &f);
		api_refuse_fault(c, &f);
		return;
	}
	if (json_is_object(root))
		ask_ussd(c, l, root);
	else
		api_refuse(c, API_INVALID_JSON, NULL, "the body is an object, such as {\"code\":\"*100#\"}");
	json_decref(root);
}
