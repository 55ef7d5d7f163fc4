/* SPDX-License-Identifier: Apache-2.0 */
/* modem.c -- the driver for GSM modems: its operations.  What they stand on: modem.h. */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf_make.h"
#include "codec/dcs.h"
#include "codec/ucs2.h"
#include "drivers/modem/modem.h"

#define SMS_TIMEOUT_MS 120000u /* for AT+CMGS where nothing is set; spec: 60 to 180 s */

static int modem_open(struct link *l, const struct conf_link *c)
{
	struct modem *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->link = l;
	m->loop = link_loop(l);
	m->makes = conf_makes_ref(c->makes);
	link_set_driver_data(l, m);
	return 0;
}

static int modem_start(struct link *l)
{
	struct modem *m = link_driver_data(l);
	int r = life_init(m);

	if (r == 0)
		r = ladder_init(m);
	if (r == 0)
		r = startup_init(m);
	if (r == 0)
		r = network_init(m);
	if (r == 0)
		r = outgoing_init(m);
	if (r == 0)
		r = incoming_init(m);
	if (r == 0)
		r = ussd_init(m);
	if (r < 0)
		return r; /* timers of libuv cannot fail */
	m->n_handles = 7;
	m->life.was_absent = false;
	life_event(m, EV_START, NULL);
	return 0;
}

static int modem_submit(struct link *l, const struct part *p)
{
	return outgoing_submit(link_driver_data(l), p);
}

static void modem_ack(struct link *l, struct driver_token token, int status)
{
	incoming_ack(link_driver_data(l), token, status);
}

/* The octets as incoming.c gave them: septets one an octet. */
static int modem_decode(struct link *l, uint8_t data_coding, struct gsm7_shift shift, const uint8_t *text, size_t n,
	char *dst, size_t cap, size_t *ret_n)
{
	struct dcs d;

	dcs_read(data_coding, &d);
	if (d.compressed || d.alphabet == DCS_OCTETS)
		return -ENOTSUP;
	if (d.alphabet == DCS_UCS2)
		return ucs2_to_utf8(text, n, dst, cap, ret_n);
	return gsm7_decode(text, n, shift, dst, cap, ret_n);
}

static int modem_ussd(struct link *l, const char *code, driver_ussd_cb *done, void *arg)
{
	return ussd_ask(link_driver_data(l), code, done, arg);
}

static void modem_stop(struct link *l)
{
	struct modem *m = link_driver_data(l);

	if (m->life.state == MODEM_STOPPING)
		life_arm(m, 0);
	else
		life_event(m, EV_STOP, NULL);
}

static void modem_close(struct link *l)
{
	struct modem *m = link_driver_data(l);

	link_set_driver_data(l, NULL);
	conf_makes_unref(m->makes);
	at_trace_stop(&m->trace);
	free(m);
}

static void modem_stats(struct link *l, struct driver_stats *ret)
{
	const struct modem *m = link_driver_data(l);
	struct chat_stats s = { 0 };

	if (m->chat)
		chat_stats(m->chat, &s);
	*ret = (struct driver_stats){
		.binds = 1,
		.binds_up = m->life.state == MODEM_READY,
		.reconnects = m->life.n_opened ? m->life.n_opened - 1 : 0,
		.response_timeouts = s.timeouts,
		.malformed = m->in.undecodable,
	};
}

static void modem_retry(struct link *l)
{
	struct modem *m = link_driver_data(l);

	if (m->life.state == MODEM_BLOCKED)
		life_event(m, EV_RESTART, NULL);
	else if (m->life.state == MODEM_RESETTING)
		life_arm(m, 0);
	else
		network_retry(m);
}

static void modem_binds(struct link *l, void (*each)(void *arg, const struct driver_bind *b), void *arg)
{
	const struct modem *m = link_driver_data(l);
	const struct driver_bind b = {
		.kind = "modem",
		.host = m->port ? port_path(m->port) : link_conf(l)->device,
		.state = life_state_name(m->life.state),
		.reason = m->life.why,
		.version = "",
		.since_ms = m->life.since_wall_ms,
		.up = m->life.state == MODEM_READY,
		.outstanding = m->out.n,
		.unacked = m->in.n_open,
	};

	each(arg, &b);
}

static int modem_trace(struct link *l, bool on)
{
	struct modem *m = link_driver_data(l);

	if (on)
		return at_trace_start(&m->trace, uv_now(m->loop));
	at_trace_stop(&m->trace);
	return 0;
}

static bool modem_traced(struct link *l, void (*each)(void *arg, const struct driver_pdu *p), void *arg)
{
	const struct modem *m = link_driver_data(l);

	at_trace_each(&m->trace, each, arg);
	return m->trace.until_ms > uv_now(m->loop);
}

enum at_class modem_text_class(const struct modem *m, enum at_kind kind, int code, unsigned *ret_bound)
{
	static const enum at_class classes[] = {
		[CONF_ERROR_PERMANENT] = AT_CLASS_PERMANENT,
		[CONF_ERROR_RECIPIENT] = AT_CLASS_RECIPIENT,
		[CONF_ERROR_TEMPORARY] = AT_CLASS_TEMPORARY,
		[CONF_ERROR_THROTTLE] = AT_CLASS_THROTTLE,
		[CONF_ERROR_LINK_FATAL] = AT_CLASS_DEVICE,
		[CONF_ERROR_DUPLICATE] = AT_CLASS_DUPLICATE,
	};
	const struct conf_link *c = link_conf(m->link); /* asked each time: a reload may have changed it */

	*ret_bound = 0;
	for (size_t i = 0; i < c->cms_errors.n && kind == AT_CMS_ERROR && code >= 0; i++)
		if ((uint32_t)code >= c->cms_error[i].first && (uint32_t)code <= c->cms_error[i].last)
			return classes[c->cms_error[i].class];
	*ret_bound = at_error_bound(kind, code);
	return at_error_class(kind, code);
}

/* `response_timeout` is made for networks of carriers; the radio is slower, where the operator does not say. */
unsigned modem_sms_timeout_ms(const struct modem *m)
{
	const struct conf_link *c = link_conf(m->link);

	for (size_t i = 0; i < c->n_origins; i++) {
		if (strcmp(c->origins[i].setting, "response_timeout") == 0)
			return (unsigned)c->response_timeout_ms;
	}
	return SMS_TIMEOUT_MS;
}

const struct driver modem_driver;
const struct driver modem_driver = {
	.name = "modem",
	.caps = DRIVER_MO | DRIVER_DLR | DRIVER_OWN_IDS,
	.open = modem_open,
	.start = modem_start,
	.submit = modem_submit,
	.ack = modem_ack,
	.decode = modem_decode,
	.stop = modem_stop,
	.close = modem_close,
	.stats = modem_stats,
	.retry = modem_retry,
	.binds = modem_binds,
	.facts = modem_facts,
	.ussd = modem_ussd,
	.trace = modem_trace,
	.traced = modem_traced,
	.ports = modem_ports,
};
