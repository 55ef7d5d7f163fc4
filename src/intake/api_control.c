/* SPDX-License-Identifier: Apache-2.0 */
/* api_control.c -- cancel messages; show and control links, queue and webhooks.
 *
 * An operator's control takes effect at once and is logged; it is not written to the configuration, so a
 * restart forgets it.
 */
#include "intake/api_impl.h"
#include "intake/api_links.h"
#include "intake/json_load.h"

#include "base/clock.h"
#include "base/conf_table.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Cancel. ---- */

static const char *cancel_word(int r)
{
	switch (r) {
	case CANCEL_DONE: return "cancelled";
	case CANCEL_UNCONFIRMED: return "unconfirmed";
	case CANCEL_IN_FLIGHT: return "in_flight";
	case CANCEL_FINAL: return "final";
	}
	return "not_found";
}

static void on_cancelled(void *arg, int r)
{
	struct api_call *c = arg;
	char text[96];
	int n;

	if (c->q && r == CANCEL_NOT_FOUND) {
		api_refuse(c, API_NOT_FOUND, NULL, "there is no such message");
	} else if (c->q && r < 0) {
		api_refuse(c, api_code_of_errno(r), NULL, "%s", api_code_help(api_code_of_errno(r)));
	} else if (c->q) {
		n = snprintf(text, sizeof(text), "{\"id\":\"%llu\",\"result\":\"%s\"}",
			(unsigned long long)c->id, cancel_word(r));
		api_answer(c, 200, text, (size_t)n);
	}
	api_let_go(c);
}

void api_cancel_message(struct api_call *c, const uint8_t *body, size_t n)
{
	int r;

	if (!api_parse_id(c->param[0], &c->id)) {
		api_refuse(c, API_NOT_FOUND, NULL, "there is no such message; an id is a decimal number");
		return;
	}
	r = queue_cancel(c->api->p.queue, c->id, c->scope, on_cancelled, c);
	if (r < 0)
		api_refuse(c, api_code_of_errno(r), NULL, "%s", api_code_help(api_code_of_errno(r)));
	else
		api_hold(c);
}

#define CANCEL_LISTED 10000

struct tag_cancel {
	struct api_call *c;
	bool list, truncated;
	unsigned listed;
	struct json_out out;
	char tag[MSG_REF_MAX + 1];
};

static void on_tag_each(void *arg, uint64_t id, int r)
{
	struct tag_cancel *t = arg;
	struct json_mark m = json_out_mark(&t->out);

	if (t->truncated || ++t->listed > CANCEL_LISTED) {
		t->truncated = true;
		return;
	}
	json_out_open(&t->out, '{');
	json_out_kid(&t->out, "id", id);
	json_out_kstr(&t->out, "result", cancel_word(r));
	json_out_close(&t->out, '}');
	if (json_out_full(&t->out)) {
		json_out_rewind(&t->out, m);
		t->truncated = true;
	}
}

static void answer_tag(struct tag_cancel *t, const uint64_t counts[CANCEL_N])
{
	struct json_out o;

	json_out_init(&o, API_ANSWER_MAX);
	json_out_open(&o, '{');
	json_out_ku64(&o, "cancelled", counts[CANCEL_DONE]);
	json_out_ku64(&o, "unconfirmed", counts[CANCEL_UNCONFIRMED]);
	json_out_ku64(&o, "in_flight", counts[CANCEL_IN_FLIGHT]);
	json_out_ku64(&o, "final", counts[CANCEL_FINAL]);
	if (t->list) {
		json_out_key(&o, "results");
		json_out_open(&o, '[');
		if (buf_len(&t->out.b))
			json_out_raw(&o, (const char *)buf_data(&t->out.b), buf_len(&t->out.b));
		json_out_close(&o, ']');
		if (t->truncated)
			json_out_kbool(&o, "truncated", true);
	}
	json_out_close(&o, '}');
	api_answer_out(t->c, 200, &o);
}

static void on_tag_done(void *arg, int r, const uint64_t counts[CANCEL_N])
{
	struct tag_cancel *t = arg;
	struct api_call *c = t->c;

	if (c->q && r < 0)
		api_refuse(c, api_code_of_errno(r), NULL, "%s", api_code_help(api_code_of_errno(r)));
	else if (c->q)
		answer_tag(t, counts);
	json_out_done(&t->out);
	free(t);
	api_let_go(c);
}

/* false: the request was answered. */
static bool tag_params(struct api_call *c, struct tag_cancel *t, uint32_t *ret_client)
{
	char results[16];

	if (!api_query_text(c, "tag", t->tag, sizeof(t->tag)) ||
		!api_query_text(c, "results", results, sizeof(results)) || !api_query_scope(c, ret_client))
		return false;
	if (!*ret_client)
		*ret_client =
			c->client; /* a tag belongs to a client; an operator who names none means its own */
	t->list = !strcmp(results, "all");
	if (t->tag[0] == '\0')
		api_refuse(
			c, API_INVALID_PARAMETER, "tag", "\"tag\" is missing: DELETE /v1/messages?tag=TAG");
	else if (results[0] && !t->list)
		api_refuse(c, API_INVALID_PARAMETER, "results", "\"results\" is \"all\", or is left out");
	else
		return true;
	return false;
}

void api_cancel_tag(struct api_call *c, const uint8_t *body, size_t n)
{
	struct tag_cancel *t = calloc(1, sizeof(*t));
	uint32_t client;
	int r;

	if (!t) {
		api_refuse(c, API_QUEUE_BUSY, NULL, "out of memory; try again");
		return;
	}
	t->c = c;
	json_out_init(&t->out, API_ANSWER_MAX - 4096);
	if (!tag_params(c, t, &client)) {
		free(t);
		return;
	}
	r = queue_cancel_tag(c->api->p.queue, client, t->tag, t->list ? on_tag_each : NULL, on_tag_done, t);
	if (r < 0) {
		free(t);
		api_refuse(c, api_code_of_errno(r), NULL, "%s", api_code_help(api_code_of_errno(r)));
	} else {
		api_hold(c);
	}
}

/* ---- Links. ---- */

/* For the links themselves: what each says without its binds. */
#define LINKS_ROOM (3u * 1024u * 1024u)

static const char *reports_word(const struct link_view *v)
{
	if (v->outlet->reports)
		return "yes";
	return v->state == LINK_UP ? "no" : "unknown";
}

/* How many receipts find their message, and how their ids are read. */
static void put_receipts(struct json_out *o, const struct outlet *out)
{
	const struct idform *f = out->idform;
	uint32_t received = 0, matched = 0;
	double rate = f ? idform_rate(f, &received, &matched) : -1;
	char name[40];
	int known = f && out->receipt_form == RECEIPT_ID_AUTO ? idform_known(f) : -1;

	json_out_key(o, "receipt_match");
	json_out_open(o, '{');
	json_out_key(o, "rate");
	if (rate < 0)
		json_out_null(o);
	else
		json_out_real(o, rate);
	json_out_ku64(o, "window", received);
	json_out_ku64(o, "received", f ? f->received : 0);
	json_out_ku64(o, "matched", f ? f->matched : 0);
	json_out_key(o, "age_s");
	if (f && idform_age(f) >= 0)
		json_out_real(o, idform_age(f));
	else
		json_out_null(o);
	json_out_kbool(o, "alarm", f && f->alarm);
	json_out_key(o, "form");
	if (known >= 0) {
		idform_name((unsigned)known, name, sizeof(name));
		json_out_str(o, name);
	} else {
		json_out_null(o);
	}
	json_out_key(o, "forms");
	json_out_open(o, '[');
	for (unsigned i = 0; f && i < IDFORM_N && f->hits[f->order[i]]; i++) {
		idform_name(f->order[i], name, sizeof(name));
		json_out_open(o, '{');
		json_out_kstr(o, "form", name);
		json_out_ku64(o, "hits", f->hits[f->order[i]]);
		json_out_close(o, '}');
	}
	json_out_close(o, ']');
	json_out_close(o, '}');
}

/* query_sm: is the carrier asked about what has no receipt, and what does it say? */
static void put_query(struct json_out *o, const struct outlet *out)
{
	json_out_key(o, "query");
	json_out_open(o, '{');
	json_out_kstr(o, "state", !out->queries ? "no" : *out->query_off ? "refused" : "on");
	json_out_kstr(o, "reason", out->queries ? out->query_off : "");
	json_out_ku64(o, "asked", out->queried);
	json_out_ku64(o, "answered", out->query_answered);
	json_out_ku64(o, "settled", out->query_settled);
	json_out_close(o, '}');
}

static void put_bind(void *arg, const struct driver_bind *b)
{
	struct json_out *o = arg;

	json_out_open(o, '{');
	json_out_ku64(o, "n", b->n);
	json_out_kstr(o, "kind", b->kind);
	json_out_kstr(o, "host", b->host);
	json_out_kbool(o, "up", b->up);
	json_out_kstr(o, "state", b->state);
	json_out_kstr(o, "reason", b->reason);
	json_out_kstr(o, "version", b->version);
	json_out_ktime(o, "since", b->since_ms);
	json_out_ku64(o, "outstanding", b->outstanding);
	json_out_ku64(o, "unacknowledged", b->unacked);
	json_out_ku64(o, "response_ms_p50", b->response_ms_p50);
	json_out_ku64(o, "response_ms_p99", b->response_ms_p99);
	json_out_close(o, '}');
}

/* The last member, so that a list that gets too long can leave it out. */
static void put_binds(struct json_out *o, const struct link *l)
{
	struct json_mark m = json_out_mark(o);

	json_out_key(o, "binds");
	json_out_open(o, '[');
	link_binds(l, put_bind, o);
	json_out_close(o, ']');
	if (buf_len(&o->b) + LINKS_ROOM > API_ANSWER_MAX || json_out_full(o))
		json_out_rewind(o, m);
}

static void put_codes(struct json_out *o, const struct link_view *v)
{
	json_out_key(o, "errors");
	json_out_open(o, '[');
	for (unsigned i = 0; i < v->n_codes; i++) {
		const struct link_code *c = &v->codes[i];

		json_out_open(o, '{');
		json_out_ku64(o, "code", c->code);
		json_out_kstr(o, "name", c->name);
		json_out_kstr(o, "class", outcome_class(c->outcome));
		json_out_ku64(o, "count", c->n);
		json_out_close(o, '}');
	}
	json_out_close(o, ']');
	json_out_ku64(o, "errors_other", v->codes_other);
}

/* A link that is up has nothing to explain, unless less goes over it than it would take. */
static const char *reason_word(const struct link_view *v)
{
	if (v->state == LINK_UP && v->slowed && !*v->reason)
		return msg_reason_name(REASON_THROTTLED);
	if (v->state == LINK_UP && v->outlet->guard.state != GUARD_OPEN)
		return msg_reason_name(REASON_GUARD);
	if (v->state == LINK_UP && v->outlet->no_quota)
		return msg_reason_name(REASON_QUOTA);
	return v->reason;
}

static void put_link(void *arg, struct link *l)
{
	struct json_out *o = arg;
	struct link_view v;

	link_view(l, &v);
	json_out_open(o, '{');
	json_out_kstr(o, "name", v.name);
	json_out_kstr(o, "driver", v.driver);
	json_out_kstr(o, "state", link_state_name(v.state));
	json_out_kstr(o, "reason", reason_word(&v));
	json_out_ktime(o, "since", v.since_ms);
	json_out_kstr(o, "reports", reports_word(&v));
	json_out_ku64(o, "window", v.outlet->window);
	json_out_ku64(o, "waiting", v.outlet->waiting);
	json_out_ku64(o, "in_flight", v.outlet->in_flight);
	json_out_key(o, "tps");
	json_out_real(o, v.outlet->tps);
	json_out_key(o, "rate");
	json_out_real(o, v.rate);
	json_out_key(o, "rate_limit");
	json_out_real(o, v.rate_limit);
	json_out_ku64(o, "slowed", v.outlet->adapt.cuts);
	json_out_key(o, "overridden");
	json_out_open(o, '[');
	if (v.tps_by_hand)
		json_out_str(o, "tps");
	if (v.window_by_hand)
		json_out_str(o, "window");
	json_out_close(o, ']');
	if (v.congestion >= 0)
		json_out_ku64(o, "congestion", (uint64_t)v.congestion);
	json_out_ku64(o, "sent", v.outlet->sent);
	json_out_ku64(o, "retried", v.outlet->retried);
	json_out_ku64(o, "rejected", v.outlet->rejected);
	json_out_ku64(o, "throttled", v.outlet->throttled);
	json_out_ku64(o, "uncertain", v.outlet->uncertain);
	put_codes(o, &v);
	json_out_ku64(o, "receipts", v.receipts);
	put_receipts(o, v.outlet);
	if (v.can_ask)
		put_query(o, v.outlet);
	json_out_ku64(o, "inbound", v.inbound);
	json_out_ku64(o, "binds_total", v.driver_stats.binds);
	json_out_ku64(o, "binds_up", v.driver_stats.binds_up);
	json_out_ku64(o, "reconnects", v.driver_stats.reconnects);
	json_out_ku64(o, "enquire_timeouts", v.driver_stats.enquire_timeouts);
	json_out_ku64(o, "response_timeouts", v.driver_stats.response_timeouts);
	json_out_ku64(o, "malformed", v.driver_stats.malformed);
	json_out_ku64(o, "response_ms_p50", v.driver_stats.response_ms_p50);
	json_out_ku64(o, "response_ms_p99", v.driver_stats.response_ms_p99);
	api_put_told(o, l, &v);
	put_binds(o, l);
	json_out_close(o, '}');
}

void api_list_links(struct api_call *c, const uint8_t *body, size_t n)
{
	struct json_out o;

	json_out_init(&o, API_ANSWER_MAX);
	json_out_open(&o, '{');
	json_out_key(&o, "links");
	json_out_open(&o, '[');
	queue_count_waiting(c->api->p.queue);
	c->api->p.link_each(c->api->p.link_arg, put_link, &o);
	json_out_close(&o, ']');
	json_out_close(&o, '}');
	api_answer_out(c, 200, &o);
}

/* What a link can be told, beside what its state allows. */
static int control_link(struct link *l, const char *what)
{
	struct link_view v;

	link_view(l, &v);
	if (!strcmp(what, "start") && v.state == LINK_STOPPING)
		return -EBUSY;
	if (!strcmp(what, "start"))
		link_start(l);
	else if (!strcmp(what, "stop"))
		link_stop(l);
	else if (!strcmp(what, "drain"))
		link_drain(l);
	else if (!strcmp(what, "rebind"))
		return link_rebind(l);
	else
		return link_trace(l, !strcmp(what, "trace"));
	return 0;
}

static bool is_control(const char *what)
{
	static const char *const words[] = { "start", "stop", "drain", "rebind", "trace", "untrace" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(what, words[i]))
			return true;
	return false;
}

static void refuse_control(struct api_call *c, int r)
{
	if (r == -EBUSY)
		api_refuse(c, API_LINK_STATE, NULL, "the link is still stopping; try again when it is stopped");
	else if (r == -EINVAL)
		api_refuse(c, API_LINK_STATE, NULL, "the link is not started");
	else if (r == -ENOTSUP)
		api_refuse(c, API_LINK_STATE, NULL, "a link of this driver has no such thing");
	else
		api_refuse(c, API_QUEUE_BUSY, NULL, "out of memory; try again");
}

/* What PATCH /v1/links/NAME says of one setting. */
struct change {
	const char *name;
	const json_t *value; /* NULL: not named; null: as configured */
	double number;
};

/* The bounds are the configuration's.  false: the request was answered. */
static bool take_change(struct api_call *c, struct change *ch)
{
	const struct conf_setting *s = conf_settings;

	if (!ch->value || json_is_null(ch->value))
		return true;
	while (s->section != CONF_LINK || strcmp(s->name, ch->name) != 0)
		s++; /* both are in the table */
	if (!json_is_number(ch->value) || (s->type == CONF_INT && !json_is_integer(ch->value))) {
		api_refuse(c, API_WRONG_TYPE, ch->name, "\"%s\" is a %snumber, or null for what is configured",
			ch->name, s->type == CONF_INT ? "whole " : "");
		return false;
	}
	ch->number = json_number_value(ch->value);
	if (ch->number >= s->min && ch->number <= s->max)
		return true;
	api_refuse(c, API_INVALID_PARAMETER, ch->name, "\"%s\" is out of range; allowed are %.12g to %.12g %s",
		ch->name, s->min, s->max, s->unit);
	return false;
}

static void apply_changes(struct api_call *c, struct link *l, const struct change *tps, const struct change *window)
{
	struct json_out o;
	int r = 0;

	if (window->value)
		r = link_set_window(l, (unsigned)window->number);
	if (r == -EOPNOTSUPP) {
		api_refuse(c, API_LINK_STATE, "window", "links of this driver have a window of their own");
		return;
	}
	if (r < 0) {
		api_refuse(c, API_QUEUE_BUSY, "window", "out of memory; try again");
		return;
	}
	if (tps->value)
		link_set_tps(l, json_is_null(tps->value) ? -1 : tps->number);
	log_info("link_change", "link=%s tps=%.12g window=%u client=%s", c->param[0], link_outlet(l)->tps,
		link_outlet(l)->window, names_text(c->api->p.names, NAME_CLIENT, c->client));
	json_out_init(&o, API_ANSWER_MAX);
	queue_count_waiting(c->api->p.queue);
	put_link(&o, l);
	api_answer_out(c, 200, &o);
}

static void change_link(struct api_call *c, struct link *l, json_t *root)
{
	struct change tps = {.name = "tps", .value = json_object_get(root, "tps")};
	struct change window = {.name = "window", .value = json_object_get(root, "window")};
	const char *key;
	json_t *value;

	json_object_foreach(root, key, value) {
		if (strcmp(key, tps.name) == 0 || strcmp(key, window.name) == 0)
			continue;
		api_refuse(c, API_UNKNOWN_FIELD, key, "\"%.40s\" cannot be changed so; tps and window can", key);
		return;
	}
	if (!tps.value && !window.value)
		api_refuse(c, API_MISSING_FIELD, NULL, "say \"tps\", \"window\" or both");
	else if (take_change(c, &tps) && take_change(c, &window))
		apply_changes(c, l, &tps, &window);
}

void api_change_link(struct api_call *c, const uint8_t *body, size_t n)
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
		api_refuse(c, API_BODY_TOO_LARGE, NULL, "a change takes at most %d octets", API_BIG_BODY);
		return;
	}
	root = json_load(body, n, &e);
	if (!root) {
		json_load_fault(&e, &f);
		api_refuse_fault(c, &f);
		return;
	}
	if (json_is_object(root))
		change_link(c, l, root);
	else
		api_refuse(c, API_INVALID_JSON, NULL, "the body is an object, such as {\"tps\":50}");
	json_decref(root);
}

void api_control_link(struct api_call *c, const uint8_t *body, size_t n)
{
	const char *what = c->param[1];
	struct link *l = c->api->p.link_find(c->api->p.link_arg, c->param[0]);
	struct json_out o;
	struct link_view v;
	int r;

	if (!l) {
		api_refuse(c, API_NOT_FOUND, NULL, "there is no such link; GET /v1/links lists them");
		return;
	}
	if (!is_control(what)) {
		api_refuse(c, API_NOT_FOUND, NULL, "a link can be told to start, stop, drain, rebind, trace or untrace");
		return;
	}
	r = control_link(l, what);
	if (r < 0) {
		refuse_control(c, r);
		return;
	}
	log_info("link_control", "link=%s do=%s client=%s", c->param[0], what,
		names_text(c->api->p.names, NAME_CLIENT, c->client));
	link_view(l, &v);
	json_out_init(&o, 4096);
	json_out_open(&o, '{');
	json_out_kstr(&o, "name", v.name);
	json_out_kstr(&o, "state", link_state_name(v.state));
	json_out_close(&o, '}');
	api_answer_out(c, 202, &o);
}

#define TRACE_OCTETS_SHOWN 240u

static void put_pdu(void *arg, const struct driver_pdu *p)
{
	char hex[2 * TRACE_OCTETS_SHOWN + 1];
	uint32_t n = p->n < TRACE_OCTETS_SHOWN ? p->n : TRACE_OCTETS_SHOWN;
	struct json_out *o = arg;

	for (uint32_t i = 0; i < n; i++)
		snprintf(hex + 2 * i, 3, "%02x", p->octets[i]);
	hex[2 * n] = '\0'; /* a line of a modem has none */
	json_out_open(o, '{');
	json_out_ktime(o, "at", p->at_ms);
	json_out_ku64(o, "bind", p->bind);
	json_out_kstr(o, "direction", p->out ? "out" : "in");
	json_out_kstr(o, "command", p->command);
	json_out_ku64(o, "status", p->status);
	json_out_ku64(o, "sequence", p->seq);
	json_out_ku64(o, "length", p->n_whole);
	json_out_kstr(o, "octets", hex);
	json_out_close(o, '}');
}

void api_show_trace(struct api_call *c, const uint8_t *body, size_t n)
{
	struct link *l = c->api->p.link_find(c->api->p.link_arg, c->param[0]);
	struct json_out o;
	bool on;

	if (!l) {
		api_refuse(c, API_NOT_FOUND, NULL, "there is no such link; GET /v1/links lists them");
		return;
	}
	json_out_init(&o, API_ANSWER_MAX);
	json_out_open(&o, '{');
	json_out_key(&o, "pdus");
	json_out_open(&o, '[');
	on = link_traced(l, put_pdu, &o);
	json_out_close(&o, ']');
	json_out_kbool(&o, "tracing", on);
	json_out_close(&o, '}');
	api_answer_out(c, 200, &o);
}

/* ---- The queue. ---- */

struct lanes {
	struct api_call *c;
	struct json_out o;
	bool truncated;
};

static void put_lane(void *arg, const struct queue_lane_view *v)
{
	struct lanes *l = arg;
	struct names *names = l->c->api->p.names;
	struct json_mark m = json_out_mark(&l->o);
	struct json_out *o = &l->o;

	if (l->truncated || (v->waiting == 0 && v->in_flight == 0))
		return;
	json_out_open(o, '{');
	json_out_kstr(o, "class", msg_class_name(v->class));
	json_out_kstr(o, "client", names_text(names, NAME_CLIENT, v->client));
	json_out_kstr(o, "campaign", names_text(names, NAME_CAMPAIGN, v->campaign));
	json_out_kstr(o, "route", names_text(names, NAME_ROUTE, v->route));
	json_out_kstr(o, "link", names_text(names, NAME_LINK, v->link));
	json_out_ku64(o, "waiting", v->waiting);
	json_out_ku64(o, "in_memory", v->in_memory);
	json_out_ku64(o, "in_flight", v->in_flight);
	json_out_kstr(o, "reason", msg_reason_name(v->reason));
	json_out_ktime(o, "since", v->since_ms);
	json_out_ktime(o, "next_try", v->next_try_ms);
	json_out_ktime(o, "oldest", v->oldest_ms);
	if (v->oldest_id)
		json_out_kid(o, "oldest_id", v->oldest_id);
	json_out_close(o, '}');
	if (buf_len(&o->b) + 64 < API_ANSWER_MAX && !json_out_full(o))
		return;
	json_out_rewind(o, m);
	l->truncated = true;
}

void api_show_queue(struct api_call *c, const uint8_t *body, size_t n)
{
	struct lanes l = {.c = c};
	struct queue_stats s;

	queue_stats(c->api->p.queue, &s);
	json_out_init(&l.o, API_ANSWER_MAX);
	json_out_open(&l.o, '{');
	json_out_ku64(&l.o, "waiting", s.waiting);
	json_out_ku64(&l.o, "in_memory", s.resident);
	json_out_ku64(&l.o, "in_flight", s.in_flight);
	json_out_ku64(&l.o, "receipts_waiting", s.receipts_waiting);
	json_out_kbool(&l.o, "recovering", s.recovering);
	json_out_key(&l.o, "lanes");
	json_out_open(&l.o, '[');
	queue_lanes(c->api->p.queue, put_lane, &l);
	json_out_close(&l.o, ']');
	if (l.truncated)
		json_out_kbool(&l.o, "truncated", true);
	json_out_close(&l.o, '}');
	api_answer_out(c, 200, &l.o);
}

/* ---- Webhooks. ---- */

#define ENDPOINTS_MAX 10000

/* The endpoints are read one after the other: each costs a count over its rows. */
struct hooks {
	struct api_call *c;
	struct json_out o;
	struct q_webhooks q;
	uint32_t *endpoints;
	unsigned n, cap, at;
	uint32_t wanted;
};

static void count_hook(void *arg, uint32_t endpoint, const struct webhook_view *v)
{
	struct hooks *h = arg;

	if (h->n < h->cap)
		h->endpoints[h->n++] = endpoint;
}

static void put_hook(void *arg, uint32_t endpoint, const struct webhook_view *v)
{
	struct hooks *h = arg;
	struct json_out *o = &h->o;

	if (endpoint != h->wanted)
		return;
	json_out_open(o, '{');
	json_out_kstr(o, "client", v->client);
	json_out_kstr(o, "url", v->url);
	json_out_ku64(o, "waiting", h->q.waiting);
	json_out_ku64(o, "dead", h->q.dead);
	json_out_ktime(o, "oldest", h->q.oldest_at);
	json_out_ku64(o, "posted", v->posted);
	json_out_ku64(o, "delivered", v->delivered);
	json_out_ku64(o, "failed", v->failed);
	json_out_kstr(o, "last_error", v->last_error ? v->last_error : "");
	json_out_ktime(o, "last_ok", v->last_ok_ms);
	json_out_ktime(o, "retry_at", v->retry_at_ms);
	json_out_ku64(o, "busy_shards", v->busy_shards);
	json_out_close(o, '}');
}

static void hooks_end(struct hooks *h)
{
	struct api_call *c = h->c;

	if (c->q) {
		json_out_close(&h->o, ']');
		json_out_close(&h->o, '}');
		api_answer_out(c, 200, &h->o);
	} else {
		json_out_done(&h->o);
	}
	free(h->endpoints);
	free(h);
	api_let_go(c);
}

static void hooks_next(struct hooks *h);

static void on_hook(struct store_query *q)
{
	struct hooks *h = q->arg;

	h->wanted = h->q.endpoint;
	webhooks_each(h->c->api->p.webhooks, put_hook, h);
	store_query_done(q);
	h->at++;
	hooks_next(h);
}

static void hooks_next(struct hooks *h)
{
	if (h->at == h->n || !h->c->q) {
		hooks_end(h);
		return;
	}
	h->q = (struct q_webhooks){
		.q = {.kind = Q_WEBHOOKS, .done = on_hook, .arg = h},
		.endpoint = h->endpoints[h->at],
	};
	store_read(h->c->api->p.store, STORE_API, &h->q.q);
}

void api_list_webhooks(struct api_call *c, const uint8_t *body, size_t n)
{
	struct hooks *h = calloc(1, sizeof(*h));

	if (h) {
		h->cap = auth_n_clients(c->api->auth) < ENDPOINTS_MAX ? auth_n_clients(c->api->auth)
								      : ENDPOINTS_MAX;
		h->endpoints = calloc(h->cap + 1, sizeof(*h->endpoints));
	}
	if (!h || !h->endpoints) {
		free(h);
		api_refuse(c, API_QUEUE_BUSY, NULL, "out of memory; try again");
		return;
	}
	h->c = c;
	json_out_init(&h->o, API_ANSWER_MAX);
	json_out_open(&h->o, '{');
	json_out_key(&h->o, "webhooks");
	json_out_open(&h->o, '[');
	if (c->api->p.webhooks)
		webhooks_each(c->api->p.webhooks, count_hook, h);
	api_hold(c);
	hooks_next(h);
}

static void on_replayed(void *arg, int64_t n)
{
	struct api_call *c = arg;
	char text[48];
	int len;

	if (c->q && n < 0) {
		api_refuse(
			c, api_code_of_errno((int)n), NULL, "%s", api_code_help(api_code_of_errno((int)n)));
	} else if (c->q) {
		len = snprintf(text, sizeof(text), "{\"replayed\":%lld}", (long long)n);
		api_answer(c, 202, text, (size_t)len);
	}
	api_let_go(c);
}

void api_replay_webhook(struct api_call *c, const uint8_t *body, size_t n)
{
	uint32_t endpoint = names_find(c->api->p.names, NAME_CLIENT, c->param[0]);
	int64_t since;
	int r;

	if (!api_query_time(c, "since", &since))
		return;
	if (!endpoint || !c->api->p.webhooks) {
		api_refuse(c, API_NOT_FOUND, NULL, "there is no such webhook; GET /v1/webhooks lists them");
		return;
	}
	r = webhooks_replay(c->api->p.webhooks, endpoint, since, on_replayed, c);
	if (r == -ENOENT)
		api_refuse(c, API_NOT_FOUND, NULL, "this client has no webhook");
	else if (r < 0)
		api_refuse(c, api_code_of_errno(r), NULL, "%s", api_code_help(api_code_of_errno(r)));
	else
		api_hold(c);
}
