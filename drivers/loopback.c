/* SPDX-License-Identifier: Apache-2.0 */
/* loopback.c -- a driver without a wire: the worked example for a new driver, and a test double for what lies above.
 *
 * Each part that is taken is settled `delay` later with the `outcome` of the configuration; delivered and undelivered
 * are followed by a receipt, as a carrier would send it.  What it shows:
 *
 *  - nothing is settled from inside submit(): a timer does it, also when the delay is 0;
 *  - the delay is the same for all, so the parts in flight are a ring in order of their time, and one timer serves it;
 *    nothing is allocated for a part;
 *  - what else a driver may have: an identity, facts, USSD.  Some codes ask for what a person or a network would
 *    do: *0# is never answered, *1# waits for an answer, *2# raises an alarm, *3# ends it, *4# and *5# say that there
 *    are no receipts, and that there are;
 *  - a receipt whose ack() says "not stored" is sent again, as a carrier would;
 *  - stop() settles what is in flight, and link_stopped() comes from the timer's close callback, when nothing of
 *    libuv is left, so that the core may call close() from it.
 */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"

/* Receipts to be sent again wait in the same ring.  Beyond this many they are dropped: the core then has a disk
 * that refuses everything. */
#define RECEIPTS_AGAIN 1024
#define WINDOW_MAX     1000 /* of the setting */

enum entry_kind { ENTRY_SUBMIT, ENTRY_RECEIPT };

struct entry {
	uint64_t due_ms; /* of uv_now() */
	uint64_t key, to;
	enum entry_kind kind;
	bool want_receipt;
};

struct loopback {
	struct link *link;
	uv_timer_t timer, ussd_timer;
	unsigned n_timers;
	char code[DRIVER_USSD_MAX + 1];
	driver_ussd_cb *ussd_done; /* NULL: nobody waits */
	void *ussd_arg;
	uint64_t settled, ussd_asked;
	bool running, up, stopping, starved;
	unsigned window, in_flight;
	uint64_t delay_ms;
	enum conf_outcome outcome;
	unsigned size, first, n; /* of ring[] */
	struct entry ring[];
};

static int loopback_open(struct link *l, const struct conf_link *c)
{
	unsigned window = c->window > 0 ? (unsigned)c->window : 1;
	unsigned size = WINDOW_MAX + RECEIPTS_AGAIN;
	struct loopback *lb;

	lb = calloc(1, sizeof(*lb) + size * sizeof(lb->ring[0]));
	if (!lb)
		return -ENOMEM;
	lb->link = l;
	lb->window = window;
	lb->size = size;
	lb->delay_ms = (uint64_t)c->delay_ms;
	lb->outcome = c->outcome;
	link_set_driver_data(l, lb);
	return 0;
}

static void on_up(uv_timer_t *t)
{
	struct loopback *lb = t->data;

	lb->up = true;
	link_identity(lb->link, link_conf(lb->link)->sim);
	link_up(lb->link, lb->window);
}

static int loopback_start(struct link *l)
{
	struct loopback *lb = link_driver_data(l);

	uv_timer_init(link_loop(l), &lb->timer); /* cannot fail */
	uv_timer_init(link_loop(l), &lb->ussd_timer);
	lb->timer.data = lb->ussd_timer.data = lb;
	lb->n_timers = 2;
	lb->running = true;
	lb->stopping = false;
	return uv_timer_start(&lb->timer, on_up, 0, 0);
}

static void on_timer(uv_timer_t *t);

static void arm(struct loopback *lb)
{
	uint64_t now = uv_now(link_loop(lb->link));
	uint64_t due = lb->ring[lb->first].due_ms;

	uv_timer_start(&lb->timer, on_timer, lb->stopping || due <= now ? 0 : due - now, 0);
}

static int push(struct loopback *lb, const struct entry *e)
{
	struct entry *slot = &lb->ring[(lb->first + lb->n) % lb->size];

	if (lb->n == lb->size)
		return -EAGAIN;
	*slot = *e;
	slot->due_ms = uv_now(link_loop(lb->link)) + lb->delay_ms;
	if (lb->n++ == 0)
		arm(lb);
	return 0;
}

static int loopback_submit(struct link *l, const struct part *p)
{
	struct loopback *lb = link_driver_data(l);
	const struct entry e = {
		.key = p->key, .to = p->to, .kind = ENTRY_SUBMIT, .want_receipt = p->want_receipt,
	};
	int r;

	if (!lb->up)
		return -ENOTCONN;
	r = lb->in_flight < lb->window ? push(lb, &e) : -EAGAIN;
	if (r < 0)
		lb->starved = true;
	else
		lb->in_flight++;
	return r;
}

static void tell_receipt(struct loopback *lb, uint64_t key, uint64_t to)
{
	bool ok = lb->outcome == CONF_OUTCOME_DELIVERED;
	char id[RECEIPT_ID_SIZE];
	const struct link_receipt r = {
		.smsc_id = id,
		.from = to,
		.state = ok ? RECEIPT_DELIVERED : RECEIPT_UNDELIVERABLE,
		.stat_raw = ok ? "DELIVRD" : "UNDELIV",
		.err = ok ? "000" : "001",
	};

	snprintf(id, sizeof(id), "%" PRIx64, key);
	link_receipt(lb->link, &r, (struct driver_token){ key, to });
}

static void settle_part(struct loopback *lb, const struct entry *e)
{
	static const enum outcome outcomes[] = {
		[CONF_OUTCOME_DELIVERED] = OUTCOME_SENT,
		[CONF_OUTCOME_UNDELIVERED] = OUTCOME_SENT,
		[CONF_OUTCOME_NONE] = OUTCOME_SENT,
		[CONF_OUTCOME_REJECTED] = OUTCOME_REJECTED,
		[CONF_OUTCOME_RETRY] = OUTCOME_RETRY,
		[CONF_OUTCOME_UNKNOWN] = OUTCOME_UNKNOWN,
	};
	struct settle s = { .key = e->key, .outcome = outcomes[lb->outcome] };
	char id[RECEIPT_ID_SIZE];

	if (s.outcome == OUTCOME_SENT) {
		snprintf(id, sizeof(id), "%" PRIx64, e->key);
		s.smsc_id = id;
	} else {
		s.text = "as configured";
	}
	lb->settled++;
	link_settled(lb->link, &s);
	if (e->want_receipt &&
		(lb->outcome == CONF_OUTCOME_DELIVERED || lb->outcome == CONF_OUTCOME_UNDELIVERED))
		tell_receipt(lb, e->key, e->to);
}

/* ---- USSD ------------------------------------------------------------------------------------------------ */

static void ussd_done(struct loopback *lb, const struct driver_ussd *u)
{
	driver_ussd_cb *done = lb->ussd_done;

	lb->ussd_done = NULL;
	uv_timer_stop(&lb->ussd_timer);
	done(lb->ussd_arg, u);
}

static void ussd_silent(uv_timer_t *t)
{
	ussd_done(t->data, &(struct driver_ussd){ .r = -ETIMEDOUT });
}

static void ussd_answer(uv_timer_t *t)
{
	struct loopback *lb = t->data;
	const char *said = link_conf(lb->link)->ussd;

	if (strcmp(lb->code, "*0#") == 0) {
		uv_timer_start(t, ussd_silent, (uint64_t)link_conf(lb->link)->response_timeout_ms, 0);
		return;
	}
	if (strcmp(lb->code, "*2#") == 0 || strcmp(lb->code, "*3#") == 0)
		link_alarm(lb->link, "as_asked", lb->code[1] == '2' ? "somebody dialled *2#" : NULL);
	if (strcmp(lb->code, "*4#") == 0 || strcmp(lb->code, "*5#") == 0)
		link_reports(lb->link, lb->code[1] == '4' ? LINK_REPORTS_NO : LINK_REPORTS_YES);
	ussd_done(lb, &(struct driver_ussd){ .text = *said ? said : lb->code, .more = strcmp(lb->code, "*1#") == 0 });
}

static int loopback_ussd(struct link *l, const char *code, driver_ussd_cb *done, void *arg)
{
	struct loopback *lb = link_driver_data(l);

	if (!lb->up)
		return -ENOTCONN;
	snprintf(lb->code, sizeof(lb->code), "%s", code);
	lb->ussd_done = done;
	lb->ussd_arg = arg;
	lb->ussd_asked++;
	return uv_timer_start(&lb->ussd_timer, ussd_answer, 0, 0);
}

static void loopback_facts(struct link *l, void (*each)(void *arg, const struct driver_fact *f), void *arg)
{
	const struct loopback *lb = link_driver_data(l);

	each(arg, &(struct driver_fact){ .name = "operator", .text = "none" });
	if (*link_conf(l)->sim)
		each(arg, &(struct driver_fact){ .name = "iccid", .text = link_conf(l)->sim });
	each(arg, &(struct driver_fact){ .name = "settled", .number = (double)lb->settled, .is_number = true,
		.unit = "parts", .help = "Parts that the loopback link has answered." });
	each(arg, &(struct driver_fact){ .name = "ussd_asked", .number = (double)lb->ussd_asked, .is_number = true,
		.help = "USSD codes that the loopback link was asked to send." });
}

/* ---- end ------------------------------------------------------------------------------------------------- */

static void on_timer_closed(uv_handle_t *h)
{
	struct loopback *lb = h->data;

	if (--lb->n_timers)
		return;
	lb->running = false;
	link_stopped(lb->link);
}

static void close_timers(struct loopback *lb)
{
	if (lb->ussd_done)
		ussd_done(lb, &(struct driver_ussd){ .r = -ENOTCONN });
	uv_close((uv_handle_t *)&lb->timer, on_timer_closed);
	uv_close((uv_handle_t *)&lb->ussd_timer, on_timer_closed);
}

static void on_timer(uv_timer_t *t)
{
	struct loopback *lb = t->data;
	uint64_t now = uv_now(t->loop);

	/* What the core submits from inside link_settled() waits for another turn, whatever the delay. */
	for (unsigned left = lb->n; left && (lb->stopping || lb->ring[lb->first].due_ms <= now); left--) {
		struct entry e = lb->ring[lb->first];

		lb->first = (lb->first + 1) % lb->size;
		lb->n--;
		if (e.kind == ENTRY_RECEIPT) {
			tell_receipt(lb, e.key, e.to);
		} else {
			lb->in_flight--;
			settle_part(lb, &e);
		}
	}
	if (lb->starved && !lb->stopping && lb->in_flight < lb->window) {
		lb->starved = false;
		link_ready(lb->link);
	}
	if (lb->stopping && !lb->in_flight) {
		lb->n = 0;
		if (!uv_is_closing((uv_handle_t *)t))
			close_timers(lb);
	} else if (lb->n) {
		arm(lb);
	}
}

static void loopback_ack(struct link *l, struct driver_token token, int status)
{
	struct loopback *lb = link_driver_data(l);
	const struct entry e = { .key = token.a, .to = token.b, .kind = ENTRY_RECEIPT };

	if (status < 0 && lb->up)
		push(lb, &e);
}

static void loopback_stop(struct link *l)
{
	struct loopback *lb = link_driver_data(l);

	lb->up = false;
	lb->stopping = true;
	lb->starved = false;
	if (lb->running && !uv_is_closing((uv_handle_t *)&lb->timer))
		uv_timer_start(&lb->timer, on_timer, 0, 0);
}

static void loopback_close(struct link *l)
{
	struct loopback *lb = link_driver_data(l);

	assert(!lb->running);
	link_set_driver_data(l, NULL);
	free(lb);
}

static int loopback_set_window(struct link *l, unsigned window)
{
	struct loopback *lb = link_driver_data(l);

	lb->window = window;
	if (lb->up)
		link_up(l, window);
	return 0;
}

static void loopback_stats(struct link *l, struct driver_stats *ret)
{
	const struct loopback *lb = link_driver_data(l);

	*ret = (struct driver_stats){
		.binds = 1,
		.binds_up = lb->up,
		.response_ms_p50 = (uint32_t)lb->delay_ms,
		.response_ms_p99 = (uint32_t)lb->delay_ms,
	};
}

const struct driver loopback_driver = {
	.name = "loopback",
	.caps = DRIVER_DLR,
	.open = loopback_open,
	.start = loopback_start,
	.submit = loopback_submit,
	.ack = loopback_ack,
	.stop = loopback_stop,
	.close = loopback_close,
	.stats = loopback_stats,
	.set_window = loopback_set_window,
	.facts = loopback_facts,
	.ussd = loopback_ussd,
};
