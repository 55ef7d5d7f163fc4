/* SPDX-License-Identifier: Apache-2.0 */
/* outbind.c -- let the SMSC call us (SMPP 3.4, 2.2.2 and 4.1.7).
 *
 * An SMSC that has something for us may open the connection itself: it says outbind, with its name and a password, and
 * we answer with bind_receiver on the same connection.  From then on it is a bind like any other; it receives, and
 * never sends.
 *
 * Whoever can reach the port can call, so: only from the networks that are configured; at most as many at a time as the
 * link has binds, the rest is hung up on; who does not say a sound outbind within response_timeout is hung up on; and
 * our own password is told only to who knew the SMSC's.
 *
 * A port that cannot be had is tried again, since the rest of the link can do without. */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf_form.h"
#include "base/log.h"
#include "base/secret.h"
#include "smpp/smpp.h"

#define LISTEN_AGAIN_MS 5000u

static bool may_call(const struct smpp *m, const struct session *s)
{
	struct sockaddr_storage a;

	session_peer(s, &a);
	return !m->n_outbind_from || conf_in_networks(m->outbind_from, m->n_outbind_from, (struct sockaddr *)&a);
}

static void on_call(void *arg, struct stream_listener *l)
{
	struct smpp *m = arg;

	for (unsigned i = 0; i < m->n_sessions; i++) {
		struct session *s = m->sessions[i];

		if (!session_is_free(s))
			continue;
		if (session_call(s, l) == 0 && !may_call(m, s))
			session_hang_up(s, "called from a network that may not");
		return;
	}
	log_warn("smpp_outbind_full", "link=%s", link_name(m->link)); /* not taken, so it is dropped */
}

static void listen_now(uv_timer_t *t)
{
	struct smpp *m = t->data;
	int r = stream_listen(m->conf.streams, m->outbind_listen, m->outbind_tls, on_call, m, &m->listener);

	if (r == 0) {
		log_info("smpp_outbind_listening", "link=%s listen=%s", link_name(m->link), m->outbind_listen);
		return;
	}
	m->listener = NULL;
	log_error("smpp_outbind_listen", "link=%s listen=%s reason=%s", link_name(m->link), m->outbind_listen,
		uv_strerror(r));
	uv_timer_start(&m->listen_timer, listen_now, LISTEN_AGAIN_MS, 0);
}

int smpp_outbind_open(struct smpp *m, const struct conf_link *c)
{
	if (!*c->outbind_listen)
		return 0;
	m->outbind_listen = strdup(c->outbind_listen);
	m->conf.outbind_system_id = strdup(c->outbind_system_id);
	m->conf.outbind_password = strdup(c->outbind_password);
	m->n_outbind_from = c->outbind_from.n;
	m->outbind_from = calloc(m->n_outbind_from + 1, sizeof(*m->outbind_from));
	if (!m->outbind_listen || !m->conf.outbind_system_id || !m->conf.outbind_password || !m->outbind_from)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_outbind_from; i++)
		conf_form_cidr(c->outbind_from.item[i], &m->outbind_from[i]); /* its form has been checked */
	return c->tls ? stream_tls_server_new(c->tls_cert, c->tls_key, &m->outbind_tls) : 0;
}

void smpp_outbind_start(struct smpp *m)
{
	if (!m->outbind_listen)
		return;
	uv_timer_init(link_loop(m->link), &m->listen_timer);
	m->listen_timer.data = m;
	m->n_running++;
	listen_now(&m->listen_timer);
}

static void on_timer_closed(uv_handle_t *h)
{
	smpp_one_stopped(h->data);
}

void smpp_outbind_stop(struct smpp *m)
{
	if (!m->outbind_listen)
		return;
	stream_listener_stop(m->listener);
	m->listener = NULL;
	uv_close((uv_handle_t *)&m->listen_timer, on_timer_closed);
}

void smpp_outbind_close(struct smpp *m)
{
	if (m->outbind_tls)
		stream_tls_unref(m->outbind_tls);
	secret_free(m->conf.outbind_password);
	free(m->conf.outbind_system_id);
	free(m->outbind_listen);
	free(m->outbind_from);
}
