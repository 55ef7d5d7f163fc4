/* SPDX-License-Identifier: Apache-2.0 */
/* homing.c -- bring binds back to their own host, and bind again on request.
 *
 * A bind that found its host dead works at another one.  It would stay there until that connection breaks, which may
 * be months; and the primary host is the primary for a reason.  So every host_return a host that is missed is tried
 * from outside, by a connection (with TLS, where the link has it) that says nothing and ends: no bind in use is
 * risked for a look at a dead host.  If it stands, the binds that belong there move.
 *
 * Moving is the same as binding again for an operator: drain, unbind, close, and then hosts.h says where to.  One bind
 * does so at a time, and the next one's turn comes when it is bound; one that does not come back stops the rest, so a
 * link loses at most one bind to a carrier that takes no more.  One that had to go to another host again stops the
 * rest, too. */
#include <config.h>

#include "base/log.h"
#include "smpp/smpp.h"

static void stop_turns(struct smpp *m)
{
	for (unsigned i = 0; i < SMPP_MAX_BINDS; i++)
		m->to_rebind[i] = false;
}

void smpp_homing_step(struct smpp *m)
{
	if (m->stopping)
		return;
	if (m->rebinding && !session_is_up(m->rebinding))
		return;
	if (m->rebinding && session_is_away(m->rebinding))
		stop_turns(m);
	m->rebinding = NULL;
	for (unsigned i = 0; i < m->n_sessions && i < SMPP_MAX_BINDS; i++) {
		if (!m->to_rebind[i])
			continue;
		m->to_rebind[i] = false;
		if (!session_is_up(m->sessions[i]))
			continue;
		m->rebinding = m->sessions[i];
		session_rebind(m->sessions[i]);
		return;
	}
}

void smpp_rebind_all(struct smpp *m)
{
	for (unsigned i = 0; i < m->n_sessions && i < SMPP_MAX_BINDS; i++)
		m->to_rebind[i] = session_is_up(m->sessions[i]);
	smpp_homing_step(m);
}

/* ---- looking at a host ---- */

static void on_probe_open(void *arg)
{
	struct smpp *m = arg;

	m->probe_open = true;
	stream_close(m->probe);
}

static void on_probe_read(void *arg, const uint8_t *data, size_t n)
{
}

static void on_probe_closed(void *arg, int err)
{
	struct smpp *m = arg;
	const char *label = m->hosts.one[m->probed].label;

	m->probe = NULL;
	if (m->stopping) {
		smpp_one_stopped(m);
		return;
	}
	log_info("smpp_host", "link=%s host=%s answers=%s", link_name(m->link), label, m->probe_open ? "yes" : "no");
	if (!m->probe_open)
		return;
	hosts_retry_one(&m->hosts, m->probed);
	smpp_wake(m);
	for (unsigned i = 0; i < m->n_sessions && i < SMPP_MAX_BINDS; i++)
		m->to_rebind[i] = session_is_away(m->sessions[i]) && session_home(m->sessions[i]) == m->probed;
	smpp_homing_step(m);
}

static const struct stream_ops probe_ops = {
	.on_open = on_probe_open,
	.on_read = on_probe_read,
	.on_closed = on_probe_closed,
};

static void look(struct smpp *m, unsigned host)
{
	const struct stream_target target = {
		.host = m->hosts.one[host].name,
		.port = m->hosts.one[host].port,
		.source = m->conf.source_address,
		.tls = m->conf.tls,
		.server_name = m->conf.server_name,
	};
	const struct stream_conf conf = {
		.ops = &probe_ops, .arg = m, .open_timeout_ms = (unsigned)m->conf.connect_timeout_ms,
	};

	m->probed = host;
	m->probe_open = false;
	if (stream_connect(m->conf.streams, &target, &conf, &m->probe) < 0)
		m->probe = NULL;
}

/* The hosts take turns, so that one that is dead for good does not hide another that is back. */
static void on_return(uv_timer_t *t)
{
	struct smpp *m = t->data;
	bool missed[HOSTS_MAX] = { false };

	if (m->probe || m->rebinding)
		return;
	for (unsigned i = 0; i < m->n_sessions && i < SMPP_MAX_BINDS; i++)
		missed[session_home(m->sessions[i])] |= session_is_away(m->sessions[i]);
	for (unsigned k = 1; k <= m->hosts.n; k++) {
		unsigned i = (m->probed + k) % m->hosts.n;

		if (missed[i]) {
			look(m, i);
			return;
		}
	}
}

/* ---- life ---- */

void smpp_homing_start(struct smpp *m)
{
	stop_turns(m);
	m->rebinding = NULL;
	if (m->hosts.n < 2 || !m->return_ms)
		return;
	uv_timer_init(link_loop(m->link), &m->return_timer);
	m->return_timer.data = m;
	uv_timer_start(&m->return_timer, on_return, m->return_ms, m->return_ms);
	m->n_running++;
}

static void on_return_closed(uv_handle_t *h)
{
	smpp_one_stopped(h->data);
}

void smpp_homing_stop(struct smpp *m)
{
	if (m->hosts.n < 2 || !m->return_ms)
		return;
	if (m->probe) {
		m->n_running++;
		stream_abort(m->probe, -UV_ECANCELED);
	}
	uv_close((uv_handle_t *)&m->return_timer, on_return_closed);
}
