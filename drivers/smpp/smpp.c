/* SPDX-License-Identifier: Apache-2.0 */
/* smpp.c -- the driver for SMPP carriers (3.3, 3.4, 5.0): a link as a set of binds.
 *
 * `bind` and `binds` of the configuration make sessions: so many transceivers, transmitters or receivers, or (split) so
 * many pairs of transmitter and receiver.  The window is one of each bind, so the link has as many places as its bound
 * transmitters have together, and the core is told whenever that changes.  A part goes out on the bind that waits for
 * the fewest answers; a receipt may come in on any.
 *
 * The link is up while one bind can send.  What the last failure was is what link_down() says.
 *
 * Where binds connect to and when they may is hosts.h; binds that the SMSC makes by calling us are outbind.c; how binds
 * come back to their own host is homing.c. */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf_form.h"
#include "base/log.h"
#include "base/secret.h"
#include "smpp/smpp.h"
#include "smpp/status.h"
#include "smpp/text.h"

/* ---- what the core is told ---- */

static uint32_t window_up(const struct smpp *m)
{
	uint32_t window = 0;

	for (unsigned i = 0; i < m->n_sessions; i++)
		window += session_can_submit(m->sessions[i]) ? m->conf.window : 0;
	return window;
}

static unsigned binds_up(const struct smpp *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->n_sessions; i++)
		n += session_is_up(m->sessions[i]);
	return n;
}

static void tell(struct smpp *m, const char *reason)
{
	uint32_t window = window_up(m);

	if (m->stopping)
		return;
	/* "Up" means that it can send. */
	if (m->receive_only && binds_up(m))
		reason = "bound as receiver, cannot send";
	if (!window) {
		m->up = false;
		if (reason)
			link_down(m->link, reason);
		return;
	}
	if (!m->up || window != m->told_window) {
		m->up = true;
		m->told_window = window;
		link_up(m->link, window);
	}
}

static void on_room(void *arg)
{
	struct smpp *m = arg;

	if (!m->starved || m->stopping)
		return;
	m->starved = false;
	link_ready(m->link);
}

static void on_up(void *arg, struct session *s)
{
	tell(arg, NULL);
	on_room(arg);
	smpp_homing_step(arg);
}

static void on_down(void *arg, struct session *s, const char *reason)
{
	struct smpp *m = arg;
	char text[256];

	/* Of several hosts the reason says which.  That somebody called and hung up is no reason for the link. */
	if (session_is_called(s)) {
		tell(m, NULL);
	} else if (m->hosts.n > 1) {
		snprintf(text, sizeof(text), "%s: %s", session_host(s), reason);
		tell(m, text);
	} else {
		tell(m, reason);
	}
	/* The bind that had no room may be the one that is gone. */
	if (window_up(m))
		on_room(m);
}

static void on_settled(void *arg, const struct settle *st)
{
	struct smpp *m = arg;

	link_settled(m->link, st);
}

static void on_answered(void *arg, const struct driver_answer *a)
{
	struct smpp *m = arg;

	link_answered(m->link, a);
}

static void on_congestion(void *arg, unsigned percent)
{
	struct smpp *m = arg;

	if (!m->stopping)
		link_congestion(m->link, percent);
}

static enum status_class classify(void *arg, uint32_t status)
{
	static const enum status_class classes[] = {
		[CONF_ERROR_PERMANENT] = STATUS_PERMANENT,
		[CONF_ERROR_RECIPIENT] = STATUS_RECIPIENT,
		[CONF_ERROR_TEMPORARY] = STATUS_TEMPORARY,
		[CONF_ERROR_THROTTLE] = STATUS_THROTTLE,
		[CONF_ERROR_LINK_FATAL] = STATUS_LINK_FATAL,
		[CONF_ERROR_DUPLICATE] = STATUS_DUPLICATE,
	};
	const struct smpp *m = arg;
	const struct conf_link *c = link_conf(m->link); /* asked each time: a reload may have changed it */

	if (status == ESME_OK)
		return STATUS_OK;
	for (size_t i = 0; i < c->errors.n; i++)
		if (status >= c->error[i].first && status <= c->error[i].last)
			return classes[c->error[i].class];
	return status_class(status);
}

static int on_sm(void *arg, struct session *s, const uint8_t *pdu, size_t n, const struct pdu_header *h,
	uint32_t *ret_status)
{
	const struct driver_token token = {
		.a = (uint64_t)session_index(s) << 32 | session_generation(s),
		.b = (uint64_t)h->id << 32 | h->seq,
	};

	return smpp_deliver(arg, pdu, n, token, ret_status);
}

void smpp_wake(struct smpp *m)
{
	for (unsigned i = 0; i < m->n_sessions; i++)
		session_wake(m->sessions[i]);
}

static void on_hosts_changed(void *arg)
{
	smpp_wake(arg);
}

void smpp_one_stopped(struct smpp *m)
{
	if (--m->n_running == 0)
		link_stopped(m->link);
}

static void on_stopped(void *arg, struct session *s)
{
	smpp_one_stopped(arg);
}

static const struct session_ops session_ops = {
	.up = on_up,
	.down = on_down,
	.settled = on_settled,
	.answered = on_answered,
	.congestion = on_congestion,
	.classify = classify,
	.room = on_room,
	.sm = on_sm,
	.hosts_changed = on_hosts_changed,
	.stopped = on_stopped,
};

/* ---- open and close ---- */

static void free_smpp(struct smpp *m)
{
	for (unsigned i = 0; i < m->n_sessions; i++)
		session_free(m->sessions[i]);
	if (m->conf.streams)
		stream_loop_stop(m->conf.streams);
	if (m->conf.tls)
		stream_tls_unref(m->conf.tls);
	secret_free(m->conf.password);
	free(m->conf.server_name);
	free(m->conf.source_address);
	smpp_outbind_close(m);
	hosts_done(&m->hosts);
	trace_stop(&m->trace);
	free(m->conf.system_id);
	free(m->conf.system_type);
	free(m->conf.address_range);
	free(m->raw);
	free(m->utf8);
	charsets_free(m->in.charsets);
	smpp_settings_done(m);
	free(m);
}

/* Not given stays NULL. */
static int copy_given(const char *text, char **ret)
{
	if (!*text)
		return 0;
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

static int copy_settings(struct smpp *m, const struct conf_link *c)
{
	struct session_conf *sc = &m->conf;

	int r = smpp_settings(m, c);

	if (r < 0)
		return r;
	sc->link = link_name(m->link);
	sc->interface_version = (uint8_t)c->interface_version;
	sc->window = (uint32_t)c->window;
	sc->connect_timeout_ms = (uint64_t)c->connect_timeout_ms;
	sc->response_timeout_ms = (uint64_t)c->response_timeout_ms;
	sc->enquire_link_ms = (uint64_t)c->enquire_link_ms;
	m->return_ms = (uint64_t)c->host_return_ms;
	sc->keepalive_s = (unsigned)((c->tcp_keepalive_ms + 999) / 1000);
	sc->system_id = strdup(c->system_id);
	sc->password = strdup(c->password);
	sc->system_type = strdup(c->system_type);
	sc->address_range = strdup(c->address_range);
	if (copy_given(c->tls_server_name, &sc->server_name) < 0 ||
		copy_given(c->source_address, &sc->source_address) < 0)
		return -ENOMEM;
	m->raw = malloc(PDU_MAX + 16);
	m->utf8 = malloc(TEXT_UTF8_MAX(PDU_MAX));
	m->in.charsets = charsets_new();
	if (!sc->system_id || !sc->password || !sc->system_type || !sc->address_range || !m->raw ||
		!m->utf8 || !m->in.charsets)
		return -ENOMEM;
	return 0;
}

/* A bind that cannot be written should be known before it is tried. */
static int check_bind(const struct session_conf *sc)
{
	const struct pdu_bind b = {
		.id = PDU_BIND_TRANSCEIVER,
		.seq = 1,
		.system_id = sc->system_id,
		.password = sc->password,
		.system_type = sc->system_type,
		.address_range = sc->address_range,
	};
	uint8_t pdu[PDU_BIND_MAX];
	int n = pdu_put_bind(pdu, &b);

	secret_wipe(pdu, sizeof(pdu));
	return n < 0 ? n : 0;
}

#define LINGER_MS 30000u /* how long an SMSC may need to see that our old session is gone, when we do not know better */

static int make_hosts(struct smpp *m, const struct conf_link *c)
{
	const struct hosts_conf conf = {
		.round_robin = c->host_order == CONF_HOST_ORDER_ROUND_ROBIN,
		.reconnect_min_ms = (uint64_t)c->reconnect_min_ms,
		.reconnect_max_ms = (uint64_t)c->reconnect_max_ms,
		.refused_ms = (uint64_t)c->reconnect_refused_ms,
		.linger_ms = c->enquire_link_ms ? (uint64_t)c->enquire_link_ms : LINGER_MS,
	};
	char name[256];
	int port, r = 0;

	hosts_init(&m->hosts, &conf, uv_hrtime() ^ (uint64_t)(uintptr_t)m);
	if (*c->host)
		return hosts_add(&m->hosts, c->host, (int)c->port);
	for (size_t i = 0; i < c->hosts.n && r == 0; i++) {
		r = conf_form_host_port(c->hosts.item[i], name, sizeof(name), &port);
		if (r == 0)
			r = hosts_add(&m->hosts, name, port ? port : (int)c->port);
	}
	return r;
}

static int add_sessions(struct smpp *m, enum session_kind kind, int64_t binds, bool called)
{
	const struct session_link link = {
		.loop = link_loop(m->link),
		.conf = &m->conf,
		.hosts = &m->hosts,
		.counters = &m->counters,
		.trace = &m->trace,
		.ops = &session_ops,
		.arg = m,
	};

	for (int64_t i = 0; i < binds && m->n_sessions < SMPP_MAX_SESSIONS; i++) {
		unsigned home = called ? SESSION_CALLED : hosts_home(&m->hosts, (unsigned)i);
		int r = session_new(&link, kind, m->n_sessions, home, &m->sessions[m->n_sessions]);

		if (r < 0)
			return r;
		m->n_sessions++;
	}
	return 0;
}

static int add_binds(struct smpp *m, const struct conf_link *c)
{
	int r;

	switch (c->bind) {
	case CONF_BIND_TRANSCEIVER: return add_sessions(m, SESSION_TRX, c->binds, false);
	case CONF_BIND_TRANSMITTER: return add_sessions(m, SESSION_TX, c->binds, false);
	case CONF_BIND_RECEIVER:
		m->receive_only = true;
		return add_sessions(m, SESSION_RX, c->binds, false);
	case CONF_BIND_SPLIT:
		r = add_sessions(m, SESSION_TX, c->binds, false);
		return r < 0 ? r : add_sessions(m, SESSION_RX, c->binds, false);
	}
	return -EINVAL;
}

/* Those that wait for the SMSC's outbind come last: they never send, and pick() has a bit for each that may. */
static int make_sessions(struct smpp *m, const struct conf_link *c)
{
	int r = add_binds(m, c);

	return r < 0 || !m->outbind_listen ? r : add_sessions(m, SESSION_RX, c->binds, true);
}

static int load_tls(const struct conf_link *c, struct stream_tls **ret)
{
	const struct stream_tls_client_conf tls = {
		.verify = c->tls_verify,
		.ca_file = *c->tls_ca ? c->tls_ca : NULL,
		.cert_file = *c->tls_cert ? c->tls_cert : NULL,
		.key_file = *c->tls_key ? c->tls_key : NULL,
	};

	return stream_tls_client_new(&tls, ret);
}

static const char *tls_fault(int r)
{
	return r == -EINVAL ? "not PEM, or key and certificate do not fit" : strerror(-r);
}

static int make_tls(struct smpp *m, const struct conf_link *c)
{
	int r = c->tls ? load_tls(c, &m->conf.tls) : 0;

	if (r < 0)
		log_error("smpp_tls", "link=%s tls_ca=%s tls_cert=%s tls_key=%s reason=%s", link_name(m->link), c->tls_ca,
			c->tls_cert, c->tls_key, tls_fault(r));
	return r;
}

static int smpp_check(const struct conf_link *c, char *err, size_t n_err)
{
	struct stream_tls *tls = NULL;
	int r = c->tls ? load_tls(c, &tls) : 0;

	if (r < 0)
		snprintf(err, n_err, "tls_ca \"%s\", tls_cert \"%s\", tls_key \"%s\": %s", c->tls_ca, c->tls_cert, c->tls_key,
			tls_fault(r));
	stream_tls_unref(tls);
	return r;
}

static int smpp_open(struct link *l, const struct conf_link *c)
{
	struct smpp *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	m->link = l;
	r = copy_settings(m, c);
	if (r == 0)
		r = check_bind(&m->conf);
	if (r == 0)
		r = make_tls(m, c);
	if (r == 0)
		r = make_hosts(m, c);
	if (r == 0)
		r = smpp_outbind_open(m, c);
	if (r == 0)
		r = stream_loop_new(link_loop(l), &m->conf.streams);
	if (r == 0)
		r = make_sessions(m, c);
	if (r < 0) {
		free_smpp(m);
		return r;
	}
	link_set_driver_data(l, m);
	return 0;
}

static void smpp_close(struct link *l)
{
	struct smpp *m = link_driver_data(l);

	assert(!m->n_running);
	link_set_driver_data(l, NULL);
	free_smpp(m);
}

static int smpp_start(struct link *l)
{
	struct smpp *m = link_driver_data(l);
	int r;

	m->stopping = m->up = m->starved = false;
	hosts_retry(&m->hosts);
	smpp_homing_start(m);
	smpp_outbind_start(m);
	for (unsigned i = 0; i < m->n_sessions; i++) {
		r = session_start(m->sessions[i]);
		/* Only setting up a timer can fail, and libuv's cannot. */
		assert(r == 0);
		m->n_running++;
	}
	return 0;
}

static void smpp_stop(struct link *l)
{
	struct smpp *m = link_driver_data(l);

	if (!m->stopping) {
		m->stopping = true;
		smpp_homing_stop(m);
		smpp_outbind_stop(m);
	}
	for (unsigned i = 0; i < m->n_sessions; i++)
		session_stop(m->sessions[i]); /* told twice, it waits for no answers */
}

/* All of the binds, or none. */
static int smpp_set_window(struct link *l, unsigned window)
{
	struct smpp *m = link_driver_data(l);
	uint32_t before = m->conf.window;

	for (unsigned i = 0; i < m->n_sessions; i++) {
		int r = session_set_window(m->sessions[i], window);

		if (r < 0) {
			while (i--)
				session_set_window(m->sessions[i], before); /* there is room for that */
			return r;
		}
	}
	m->conf.window = window;
	tell(m, NULL);
	on_room(m);
	return 0;
}

/* ---- traffic ---- */

/* The bind that waits for the fewest answers, of those not in `tried`. */
static struct session *pick(const struct smpp *m, uint64_t tried)
{
	struct session *best = NULL;

	for (unsigned i = 0; i < m->n_sessions; i++) {
		struct session *s = m->sessions[i];

		if (!session_can_submit(s) || tried >> i & 1)
			continue;
		if (!best || session_outstanding(s) < session_outstanding(best))
			best = s;
	}
	return best;
}

static int smpp_submit(struct link *l, const struct part *p)
{
	struct smpp *m = link_driver_data(l);
	struct session *s;
	uint64_t tried = 0;
	int r = -ENOTCONN;

	if (m->stopping)
		return r;
	while ((s = pick(m, tried))) {
		uint32_t seq = session_seq(s);
		int n = smpp_encode(m, p, seq);

		if (n < 0)
			return n;
		r = session_submit(s, p->key, seq, m->pdu, (size_t)n);
		if (r == 0)
			return 0;
		tried |= 1ull << session_index(s);
	}
	if (tried && window_up(m))
		r = -EAGAIN;
	if (r == -EAGAIN)
		m->starved = true; /* until there is room: another may have found some, and still somebody waits */
	return r;
}

/* On any bind that sends: all are of one account. */
static int smpp_ask(struct link *l, const struct driver_question *q)
{
	struct smpp *m = link_driver_data(l);
	struct session *s = m->stopping ? NULL : pick(m, 0);
	const struct address *source;
	struct pdu_query query = { .message_id = q->smsc_id };
	char name[PDU_ADDRESS_MAX + 1];
	uint8_t pdu[PDU_QUERY_MAX];
	size_t n;

	if (!s)
		return -ENOTCONN;
	source = address_source(&m->addresses, q->from, q->to);
	query.seq = session_seq(s);
	query.source = address_octets(&m->addresses, source, name);
	query.source_ton = source->ton;
	query.source_npi = source->npi;
	n = *q->smsc_id ? pdu_put_query_sm(pdu, &query) : 0;
	return n ? session_ask(s, q->key, query.seq, pdu, n) : -EINVAL;
}

static const char *smpp_sender(struct link *l, const char *from, uint64_t to)
{
	struct smpp *m = link_driver_data(l);

	return address_source(&m->addresses, from, to)->text;
}

static void smpp_ack(struct link *l, struct driver_token token, int status)
{
	struct smpp *m = link_driver_data(l);
	uint64_t index = token.a >> 32;

	assert(index < m->n_sessions);
	session_ack(m->sessions[index], (uint32_t)token.a, (uint32_t)(token.b >> 32), (uint32_t)token.b,
		status == 0 ? ESME_OK : ESME_TEMPORARY);
}

static int smpp_decode(struct link *l, uint8_t data_coding, struct gsm7_shift shift, const uint8_t *text, size_t n,
	char *dst, size_t cap, size_t *ret_n)
{
	struct smpp *m = link_driver_data(l);

	if (text_is_packed(&m->in, data_coding))
		return -ENOTSUP;
	*ret_n = text_decode(&m->in, data_coding, text, n, 0, shift, dst, cap);
	return 0;
}

/* Places for calls that may come are no binds. */
static unsigned n_binds(const struct smpp *m)
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->n_sessions; i++)
		n += !session_is_called(m->sessions[i]) || session_is_up(m->sessions[i]);
	return n;
}

static void smpp_stats(struct link *l, struct driver_stats *ret)
{
	const struct smpp *m = link_driver_data(l);
	const struct session_counters *c = &m->counters;

	*ret = (struct driver_stats){
		.binds = n_binds(m),
		.binds_up = binds_up(m),
		.reconnects = c->reconnects,
		.enquire_timeouts = c->enquire_timeouts,
		.response_timeouts = c->response_timeouts,
		.malformed = c->malformed,
		.throttled = c->throttled,
		.response_ms_p50 = histogram_percentile(&c->response_ms, 50),
		.response_ms_p99 = histogram_percentile(&c->response_ms, 99),
	};
}

/* Certificates are read again: they were renewed, or an operator who tries again has mended them.  They are shown when
 * a bind connects the next time. */
static void reload_tls(struct smpp *m)
{
	int r = m->conf.tls ? stream_tls_reload(m->conf.tls) : 0;

	if (r == 0 && m->outbind_tls)
		r = stream_tls_reload(m->outbind_tls);
	if (r < 0)
		log_error("smpp_tls", "link=%s reason=%s (the old certificates stay)", link_name(m->link), strerror(-r));
}

static void smpp_reread(struct link *l)
{
	reload_tls(link_driver_data(l));
}

static void smpp_retry(struct link *l)
{
	struct smpp *m = link_driver_data(l);

	if (m->stopping)
		return;
	reload_tls(m);
	hosts_retry(&m->hosts);
	smpp_wake(m);
}

static void smpp_rebind(struct link *l)
{
	struct smpp *m = link_driver_data(l);

	if (m->stopping)
		return;
	smpp_retry(l); /* what is not bound is not left to wait */
	smpp_rebind_all(m);
}

static void smpp_binds(struct link *l, void (*each)(void *arg, const struct driver_bind *b), void *arg)
{
	const struct smpp *m = link_driver_data(l);
	struct driver_bind b;

	for (unsigned i = 0; i < m->n_sessions; i++) {
		session_view(m->sessions[i], &b);
		each(arg, &b);
	}
}

static int smpp_trace(struct link *l, bool on)
{
	struct smpp *m = link_driver_data(l);

	if (on)
		return trace_start(&m->trace, uv_now(link_loop(l)) + 1);
	trace_stop(&m->trace);
	return 0;
}

static bool smpp_traced(struct link *l, void (*each)(void *arg, const struct driver_pdu *p), void *arg)
{
	const struct smpp *m = link_driver_data(l);

	trace_each(&m->trace, each, arg);
	return m->trace.until_ms > uv_now(link_loop(l));
}

const struct driver smpp_driver = {
	.name = "smpp",
	.caps = DRIVER_MO | DRIVER_DLR,
	.check = smpp_check,
	.open = smpp_open,
	.start = smpp_start,
	.submit = smpp_submit,
	.ask = smpp_ask,
	.sender = smpp_sender,
	.ack = smpp_ack,
	.decode = smpp_decode,
	.stop = smpp_stop,
	.close = smpp_close,
	.stats = smpp_stats,
	.retry = smpp_retry,
	.rebind = smpp_rebind,
	.reread = smpp_reread,
	.binds = smpp_binds,
	.trace = smpp_trace,
	.traced = smpp_traced,
	.set_window = smpp_set_window,
};
