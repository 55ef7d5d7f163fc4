/* SPDX-License-Identifier: Apache-2.0
 *
 * link.c -- one configured link: health, window, rate, and the core's half of a driver.
 *
 * Every call between core and driver goes through here, with the rules of driver.h as asserts: a driver that settles
 * a part twice, or not at all, is found by the first test that runs it.  The window that the driver reports
 * (link_up) is the upper bound; the queue counts what is in flight.
 */
#include "route/link_int.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

const char *link_state_name(enum link_state s)
{
	static const char *const name[LINK_N] = { "stopped", "starting", "up", "down", "draining", "stopping" };

	return s < LINK_N ? name[s] : "unknown";
}

static void set_state(struct link *l, enum link_state s, const char *reason)
{
	if (l->state != s || strcmp(l->reason, reason) != 0)
		log_info("link_state", "link=%s from=%s to=%s reason=%s", l->name, link_state_name(l->state),
			link_state_name(s), reason);
	if (l->state != s)
		l->since_ms = clock_ms();
	l->state = s;
	if (reason != l->reason)
		snprintf(l->reason, sizeof(l->reason), "%s", reason);
	l->outlet.up = (s == LINK_UP || s == LINK_DRAINING) && l->outlet.window; /* 0: it only receives */
	l->outlet.draining = s == LINK_DRAINING || s == LINK_STOPPING;
}

/* ---- what the queue asks of us --------------------------------------------------------------------------- */

static int submit(struct outlet *o, const struct part *p)
{
	struct link *l = (struct link *)o;
	int r;

	if (l->state != LINK_UP && l->state != LINK_DRAINING)
		return -ENOTCONN;
	l->in_submit = true;
	r = l->driver->submit(l, p);
	l->in_submit = false;
	return r;
}

static void idle(struct outlet *o);
static const char *sender(struct outlet *o, const char *from, uint64_t to);
static int ask(struct outlet *o, const struct driver_question *question)
{
	struct link *l = (struct link *)o;
	int r;

	if (!l->driver->ask)
		return -EINVAL;
	if (l->state != LINK_UP)
		return -ENOTCONN;
	l->in_submit = true;
	r = l->driver->ask(l, question);
	l->in_submit = false;
	return r;
}

static const struct outlet_ops outlet_ops = { .submit = submit, .sender = sender, .ask = ask, .idle = idle,
	.alarm = link_outlet_alarm };

static const char *sender(struct outlet *o, const char *from, uint64_t to)
{
	struct link *l = (struct link *)o;

	return l->driver->sender ? l->driver->sender(l, from, to) : from;
}

static void link_rules(const struct conf_link *c, struct segment_rules *ret)
{
	static const enum concat concats[] = {
		[CONF_CONCAT_UDH8] = CONCAT_UDH8,
		[CONF_CONCAT_UDH16] = CONCAT_UDH16,
		[CONF_CONCAT_SAR] = CONCAT_SAR,
		[CONF_CONCAT_PAYLOAD] = CONCAT_PAYLOAD,
	};

	memset(ret, 0, sizeof(*ret));
	ret->concat = concats[c->concat];
	ret->max_char = c->alphabet == CONF_ALPHABET_LATIN1 ? 0xff : c->alphabet == CONF_ALPHABET_ASCII ? 0x7f : 0;
	for (size_t i = 0; i < c->languages.n; i++)
		ret->languages |= (uint16_t)(1u << gsm7_language(c->languages.item[i]));
}

static uint8_t of_class(enum conf_on_uncertain_of word)
{
	switch (word) {
	case CONF_ON_UNCERTAIN_OF_LINK: break;
	case CONF_ON_UNCERTAIN_OF_RESEND: return UNCERTAIN_RESEND + 1;
	case CONF_ON_UNCERTAIN_OF_HOLD: return UNCERTAIN_HOLD + 1;
	case CONF_ON_UNCERTAIN_OF_FAIL: return UNCERTAIN_FAIL + 1;
	}
	return 0;
}

static void take_quota(struct quota_limits *q, const struct conf_quota *c)
{
	*q = (struct quota_limits){ .parts = { [QUOTA_MINUTE] = (uint64_t)c->minute, [QUOTA_HOUR] = (uint64_t)c->hour,
			[QUOTA_DAY] = (uint64_t)c->day, [QUOTA_MONTH] = (uint64_t)c->month },
		.recipients = { [QUOTA_DAY] = (uint64_t)c->recipients_day,
			[QUOTA_MONTH] = (uint64_t)c->recipients_month },
		.reserve_otp = (unsigned)c->reserve_otp,
		.rule = { .month_day = (unsigned)c->month_day, .day_at = (unsigned)c->day_at_minute } };
	for (unsigned k = 0; k < QUOTA_KINDS; k++)
		q->any |= q->parts[k] || q->recipients[k];
	snprintf(q->rule.zone, sizeof(q->rule.zone), "%s", *c->zone ? c->zone : "UTC");
}

static void take_prices(struct link *l, const struct conf_link *c)
{
	struct outlet_price *p = calloc(c->n_prices + 1, sizeof(*p));

	l->outlet.price = c->price; /* prefixes have at most 15 digits: conf_table.c */
	l->outlet.weight = c->weight;
	free(l->prices);
	l->prices = p;
	l->outlet.prices = p;
	l->outlet.n_prices = p ? (unsigned)c->n_prices : 0;
	for (size_t i = 0; p && i < c->n_prices; i++)
		p[i] = (struct outlet_price){ strtoull(c->prices[i].prefix, NULL, 10),
			(unsigned)strlen(c->prices[i].prefix), c->prices[i].price };
}

static void take_conf(struct link *l, const struct conf_link *c)
{
	struct outlet *o = &l->outlet;

	l->conf = c;
	l->tps_by_hand = false;
	o->tps = c->tps;
	o->burst = (unsigned)c->burst;
	o->on_uncertain = c->on_uncertain == CONF_ON_UNCERTAIN_RESEND ? UNCERTAIN_RESEND :
		c->on_uncertain == CONF_ON_UNCERTAIN_HOLD ? UNCERTAIN_HOLD : UNCERTAIN_FAIL;
	o->on_uncertain_of[CLASS_OTP] = of_class(c->on_uncertain_otp);
	o->on_uncertain_of[CLASS_SERVICE] = of_class(c->on_uncertain_service);
	o->on_uncertain_of[CLASS_MARKETING] = of_class(c->on_uncertain_marketing);
	switch (c->receipt_id) {
	case CONF_RECEIPT_ID_AUTO:
		o->receipt_form = RECEIPT_ID_AUTO;
		break;
	case CONF_RECEIPT_ID_TEXT:
		o->receipt_form = RECEIPT_ID_TEXT;
		break;
	case CONF_RECEIPT_ID_HEX:
		o->receipt_form = RECEIPT_ID_HEX;
		break;
	case CONF_RECEIPT_ID_DEC:
		o->receipt_form = RECEIPT_ID_DEC;
		break;
	}
	o->own_ids = l->driver->caps & DRIVER_OWN_IDS;
	if (o->own_ids)
		o->receipt_form = RECEIPT_ID_TEXT;
	o->one_receipt = c->receipts == CONF_RECEIPTS_ONE;
	o->schedules = c->schedule != CONF_SCHEDULE_HERE && strcmp(l->driver->name, "smpp") == 0;
	o->numbers = c->user_message_reference;
	link_take_reports(l);
	o->match_alarm = (double)c->receipt_match_alarm / 100;
	link_rules(c, &o->rules);
	o->receipt_timeout_s = c->receipt_timeout_ms / 1000;
	o->queries = c->query == CONF_QUERY_LATE && l->driver->ask;
	o->query_after_ms = c->query_after_ms;
	o->query_tps = c->query_tps;
	o->query_off[0] = '\0';
	o->query_failures = 0;
	o->max_attempts = (unsigned)c->max_attempts;
	o->retry_min_ms = c->retry_min_ms;
	o->retry_max_ms = c->retry_max_ms;
	take_prices(l, c);
	take_quota(&o->quota, &c->quota);
	o->guard_rule = (struct guard_rule){ c->guard.failures, (unsigned)c->guard.of, (unsigned)c->guard.minutes,
		(unsigned)c->guard.probe_minutes, (unsigned)c->guard.silence };
	link_take_account(l);
}

/* ---- life ------------------------------------------------------------------------------------------------ */

static void unopened(uv_handle_t *h)
{
	struct link *l = h->data;

	free(l->prices);
	free(l);
}

struct link *link_new(uv_loop_t *loop, struct queue *q, struct names *names, const struct link_sinks *sinks,
	const struct conf_link *c, char *err, size_t n_err)
{
	const char *why;
	const struct driver *d = driver_find(c->driver, &why);
	struct link *l;
	int r;

	if (!d) {
		snprintf(err, n_err, "links.%s.driver: \"%s\": %s", c->name, c->driver, why);
		return NULL;
	}
	l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	l->driver = d;
	l->loop = loop;
	l->queue = q;
	l->names = names;
	l->sinks = *sinks;
	snprintf(l->name, sizeof(l->name), "%s", c->name);
	l->outlet.ops = &outlet_ops;
	l->outlet.id = names_get(names, NAME_LINK, c->name);
	l->conf = c;
	l->since_ms = clock_ms();
	l->congestion = -1;
	snprintf(l->reason, sizeof(l->reason), "not started");
	take_conf(l, c);
	uv_timer_init(loop, &l->farewell);
	l->farewell.data = l;
	r = d->open(l, c);
	if (r < 0) {
		snprintf(err, n_err, "links.%s: %s", c->name, strerror(-r));
		uv_close((uv_handle_t *)&l->farewell, unopened);
		return NULL;
	}
	return l;
}

void link_set_tps(struct link *l, double tps)
{
	l->tps_by_hand = tps >= 0;
	l->outlet.tps = l->tps_by_hand ? tps : l->conf->tps;
	queue_outlet_changed(l->queue, &l->outlet);
}

int link_set_window(struct link *l, unsigned window)
{
	int r;

	if (!l->driver->set_window)
		return -EOPNOTSUPP;
	r = l->driver->set_window(l, window ? window : (unsigned)l->conf->window);
	if (r == 0)
		l->window_by_hand = window != 0;
	return r;
}

int link_reconfigure(struct link *l, const struct conf_link *c)
{
	enum receipt_id_form was = l->outlet.receipt_form;

	take_conf(l, c);
	link_balance_reread(l);
	if (l->window_by_hand && link_set_window(l, 0) < 0)
		log_warn("window_by_hand_stays", "link=%s error=memory", l->name);
	if (l->driver->reread)
		l->driver->reread(l);
	queue_outlet_changed(l->queue, &l->outlet);
	if (l->outlet.receipt_form != was)
		queue_retry_parked(l->queue, &l->outlet);
	return 0;
}

void link_start(struct link *l)
{
	int r;

	if (l->state == LINK_DRAINING) { /* thought better of it */
		set_state(l, LINK_UP, "");
		queue_outlet_changed(l->queue, &l->outlet);
		return;
	}
	if (l->state != LINK_STOPPED) {
		if (l->driver->retry && l->state != LINK_STOPPING)
			l->driver->retry(l);
		return;
	}
	set_state(l, LINK_STARTING, "connecting");
	l->outlet.query_off[0] = '\0';
	l->outlet.query_failures = 0;
	r = l->driver->start(l);
	if (r < 0 && l->state == LINK_STARTING)
		set_state(l, LINK_STOPPED, strerror(-r));
}

int link_rebind(struct link *l)
{
	if (!l->driver->rebind)
		return -ENOTSUP;
	if (l->state != LINK_UP && l->state != LINK_DOWN)
		return -EINVAL;
	l->driver->rebind(l);
	return 0;
}

void link_stop(struct link *l)
{
	if (l->state == LINK_STOPPED || l->state == LINK_STOPPING)
		return;
	set_state(l, LINK_STOPPING, "stopped by an operator");
	queue_outlet_changed(l->queue, &l->outlet);
	l->driver->stop(l);
}

void link_hurry(struct link *l)
{
	if (l->state == LINK_STOPPING)
		l->driver->stop(l);
}

static void drained(struct link *l)
{
	if (l->state == LINK_DRAINING && l->outlet.in_flight == 0)
		link_stop(l);
}

void link_drain(struct link *l)
{
	if (l->state != LINK_UP) {
		link_stop(l);
		return;
	}
	set_state(l, LINK_DRAINING, "drained by an operator");
	queue_outlet_changed(l->queue, &l->outlet);
	drained(l);
}

static void farewell_closed(uv_handle_t *h)
{
	struct link *l = h->data;
	void (*gone)(void *) = l->gone;
	void *arg = l->gone_arg;

	free(l->prices);
	free(l);
	gone(arg);
}

static void balance_closed(uv_handle_t *h)
{
	struct link *l = h->data;

	uv_close((uv_handle_t *)&l->farewell, farewell_closed);
}

static void finish(uv_timer_t *t)
{
	struct link *l = t->data;

	if (l->outlet.in_flight || l->outlet.asking || l->n_receipts_open)
		return; /* idle() or receipt_stored() comes again */
	queue_forget_outlet(l->queue, &l->outlet);
	l->sinks.forget(l->sinks.arg, l);
	l->driver->close(l);
	if (l->balance.timed)
		link_balance_done(l, balance_closed);
	else
		uv_close((uv_handle_t *)&l->farewell, farewell_closed);
}

/* Leases on their way to the disk and receipts being committed still point to us. */
static void finish_when_idle(struct link *l)
{
	l->finishing = true;
	if (!l->outlet.in_flight && !l->outlet.asking && !l->n_receipts_open)
		uv_timer_start(&l->farewell, finish, 0, 0);
}

static void idle(struct outlet *o)
{
	struct link *l = (struct link *)o;

	if (l->finishing)
		finish_when_idle(l);
}

void link_remove(struct link *l, void (*gone)(void *arg), void *arg)
{
	l->removing = true;
	l->gone = gone;
	l->gone_arg = arg;
	l->outlet.removed = true;
	if (l->state == LINK_STOPPED)
		finish_when_idle(l);
	else
		link_stop(l);
}

/* ---- what drivers tell us -------------------------------------------------------------------------------- */

uv_loop_t *link_loop(const struct link *l)
{
	return l->loop;
}

const char *link_name(const struct link *l)
{
	return l->name;
}

const struct conf_link *link_conf(const struct link *l)
{
	return l->conf;
}

void *link_driver_data(const struct link *l)
{
	return l->driver_data;
}

void link_set_driver_data(struct link *l, void *data)
{
	l->driver_data = data;
}

void link_up(struct link *l, unsigned window)
{
	l->outlet.window = window;
	if (l->state == LINK_DOWN)
		l->congestion = -1; /* of the sessions before */
	if (l->state == LINK_STARTING || l->state == LINK_DOWN)
		adapt_new_sessions(&l->outlet.adapt);
	if (l->state == LINK_STARTING || l->state == LINK_DOWN) {
		set_state(l, LINK_UP, "");
		link_balance_soon(l);
	} else {
		set_state(l, l->state, l->reason);
	}
	queue_outlet_changed(l->queue, &l->outlet);
}

void link_down(struct link *l, const char *reason)
{
	if (l->state == LINK_STOPPING || l->state == LINK_STOPPED)
		return;
	if (l->state == LINK_DRAINING) {
		link_stop(l);
		return;
	}
	set_state(l, LINK_DOWN, reason);
	queue_outlet_changed(l->queue, &l->outlet);
}

void link_ready(struct link *l)
{
	queue_outlet_changed(l->queue, &l->outlet);
}

/* A carrier may invent as many codes as it likes: the first ones are told one by one. */
static void count_code(struct link *l, const struct settle *s)
{
	struct link_code *c = l->code, *end = l->code + l->n_codes;

	while (c < end && c->code != s->code)
		c++;
	if (c == l->code + LINK_CODES) {
		l->codes_other++;
		return;
	}
	if (c == end) {
		l->n_codes++;
		c->code = s->code;
		snprintf(c->name, sizeof(c->name), "%s", s->text ? s->text : "");
	}
	c->outcome = s->outcome;
	c->n++;
}

void link_settled(struct link *l, const struct settle *s)
{
	assert(!l->in_submit); /* driver.h: no part is settled from inside submit() */
	log_debug("settled", "msg=%llu part=%u link=%s end=%s code=%u smsc_id=%s", (unsigned long long)msg_key_id(s->key),
		msg_key_part(s->key), l->name, outcome_name(s->outcome), s->code, s->smsc_id ? s->smsc_id : "");
	if (s->outcome == OUTCOME_SENT || s->outcome == OUTCOME_DUPLICATE)
		link_recent_taken(l);
	if (s->code)
		count_code(l, s);
	queue_settle(l->queue, &l->outlet, s);
	drained(l);
}

void link_answered(struct link *l, const struct driver_answer *a)
{
	assert(!l->in_submit);
	queue_answered(l->queue, &l->outlet, a);
}

void link_congestion(struct link *l, unsigned percent)
{
	assert(percent <= 100);
	l->congestion = (int)percent;
	queue_congestion(l->queue, &l->outlet, percent);
}

static void receipt_stored(void *arg, uint64_t a, uint64_t b, int r)
{
	struct link *l = arg;

	l->n_receipts_open--;
	if (l->finishing)
		finish_when_idle(l);
	else
		link_ack(l, (struct driver_token){ a, b }, r);
}

void link_receipt(struct link *l, const struct link_receipt *r, struct driver_token token)
{
	int x;

	l->receipts++;
	x = queue_receipt(l->queue, &l->outlet, r, receipt_stored, l, token.a, token.b);
	if (x == 0)
		l->n_receipts_open++;
	else
		l->driver->ack(l, token, x > 0 ? 0 : x);
}

void link_inbound(struct link *l, const struct link_inbound *m, struct driver_token token)
{
	int r;

	l->inbound++;
	r = l->sinks.inbound(l->sinks.arg, l, m, token);
	if (r < 0)
		l->driver->ack(l, token, r);
}

void link_ack(struct link *l, struct driver_token token, int status)
{
	l->driver->ack(l, token, status);
}

int link_decode(struct link *l, uint8_t data_coding, struct gsm7_shift shift, const uint8_t *text, size_t n, char *dst,
	size_t cap, size_t *ret_n)
{
	assert(cap >= 4 * n + 4);
	if (!l->driver->decode)
		return -ENOTSUP;
	return l->driver->decode(l, data_coding, shift, text, n, dst, cap, ret_n);
}

void link_stopped(struct link *l)
{
	assert(!l->ussd.busy); /* driver.h: its done() comes before */
	set_state(l, LINK_STOPPED, l->reason);
	queue_outlet_changed(l->queue, &l->outlet);
	if (l->removing)
		finish_when_idle(l);
}

/* ---- views ----------------------------------------------------------------------------------------------- */

struct outlet *link_outlet(struct link *l)
{
	return &l->outlet;
}

uint32_t link_id(const struct link *l)
{
	return l->outlet.id;
}

void link_binds(const struct link *l, void (*each)(void *arg, const struct driver_bind *b), void *arg)
{
	if (l->driver->binds)
		l->driver->binds((struct link *)l, each, arg);
}

int link_trace(struct link *l, bool on)
{
	return l->driver->trace ? l->driver->trace(l, on) : -ENOTSUP;
}

bool link_traced(struct link *l, void (*each)(void *arg, const struct driver_pdu *p), void *arg)
{
	return l->driver->traced && l->driver->traced(l, each, arg);
}

void link_view(struct link *l, struct link_view *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->name = l->name;
	ret->driver = l->driver->name;
	ret->reason = l->reason;
	ret->state = l->state;
	ret->since_ms = l->since_ms;
	ret->outlet = &l->outlet;
	ret->rate = pace_sent(&l->outlet.pace, clock_mono_us());
	ret->slowed = l->outlet.adapt.limit > 0 && (l->outlet.tps <= 0 || l->outlet.adapt.limit < l->outlet.tps);
	ret->rate_limit = ret->slowed ? l->outlet.adapt.limit : l->outlet.tps;
	ret->tps_by_hand = l->tps_by_hand;
	ret->window_by_hand = l->window_by_hand;
	ret->receipts = l->receipts;
	ret->inbound = l->inbound;
	ret->congestion = l->congestion;
	ret->can_ask = l->driver->ask != NULL;
	ret->told_reports = l->told_reports;
	ret->account = l->account;
	queue_quota(l->queue, &l->outlet, &ret->quota);
	ret->sent_hour = link_recent_sum(l);
	ret->last_sent_ms = l->recent.last_ms;
	ret->alarms = l->alarms.list;
	ret->n_alarms = l->alarms.n;
	ret->alarms_raised = l->alarms.raised;
	ret->codes = l->code;
	ret->n_codes = l->n_codes;
	ret->codes_other = l->codes_other;
	if (l->driver->stats)
		l->driver->stats(l, &ret->driver_stats);
}
