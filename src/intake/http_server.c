/* SPDX-License-Identifier: Apache-2.0 */
/* http_server.c -- the server around the connections: listening, limits, the tick of the deadlines, the stop.
 *
 * Whoever comes beyond a limit is told so and let go; being told is itself limited, so that a flood of
 * refused connections holds no more memory than the admitted ones.
 */
#include <errno.h>
#include <stdlib.h>

#include "intake/http_int.h"

enum {
	REFUSED_MAX = 64,   /* connections that are being told to come later */
	END_OF_CHUNKS = 16, /* beyond max_answer, so that the last chunk always fits */
};

/* ---- The tick ---- */

static void abort_all(struct http_server *srv)
{
	for (struct http_node *n = srv->all.next; n != &srv->all; n = n->next)
		stream_abort(HTTP_CONN_OF(n, all)->s, -ECONNABORTED);
}

static void on_tick(uv_timer_t *h)
{
	struct http_server *srv = h->data;
	uint64_t now_ms = uv_now(stream_loop_uv(srv->sl));

	for (int i = 0; i < N_WAITS; i++) {
		struct http_node *head = &srv->waits[i];

		while (head->next != head && HTTP_CONN_OF(head->next, timed)->deadline_ms <= now_ms) {
			struct http_conn *c = HTTP_CONN_OF(head->next, timed);

			http_list_del(&c->timed); /* whatever comes of it, the loop goes on */
			http_conn_expire(c);
		}
	}
	if (srv->stopping && now_ms >= srv->stop_at_ms)
		abort_all(srv);
}

/* ---- Taking connections ---- */

static struct http_conn *conn_new(struct http_server *srv)
{
	struct http_conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->srv = srv;
	http_list_init(&c->all);
	http_list_init(&c->timed);
	return c;
}

static struct stream_conf stream_conf_of(const struct http_conn *c)
{
	const struct http_conf *conf = &c->srv->conf;

	return (struct stream_conf){
		.ops = &http_conn_ops,
		.arg = (void *)(uintptr_t)c,
		.max_out = conf->max_answer + END_OF_CHUNKS,
		.open_timeout_ms = conf->header_timeout_ms,
		.close_timeout_ms = conf->linger_ms,
	};
}

/* Under both limits?  If so it is counted. */
static bool admit(struct http_conn *c)
{
	struct http_server *srv = c->srv;
	struct sockaddr_storage addr;

	if (srv->counters.open >= srv->conf.max_connections)
		return false;
	stream_peer(c->s, &addr);
	http_peer_key_of(&addr, &c->peer);
	if (!http_peers_enter(srv->peers, &c->peer, srv->conf.max_per_address))
		return false;
	c->counted = true;
	srv->counters.open++;
	srv->counters.connections++;
	return true;
}

static void turn_away(struct http_conn *c)
{
	struct http_server *srv = c->srv;

	srv->counters.refused++;
	/* A handshake costs more than the answer is worth, and so does a crowd of refused ones. */
	if (++srv->n_refused > REFUSED_MAX || stream_is_tls(c->s)) {
		c->state = CONN_CLOSING;
		stream_abort(c->s, 0);
		return;
	}
	http_conn_refuse(c, 503, "too_many_connections", "too many connections; try again later");
}

static void welcome(struct http_conn *c)
{
	c->srv->n_conns++;
	http_list_add(&c->srv->all, &c->all);
	if (admit(c))
		http_conn_wait(c, WAIT_IDLE);
	else
		turn_away(c);
}

static void on_accept(void *arg, struct stream_listener *l)
{
	struct http_server *srv = arg;
	struct http_conn *c = conn_new(srv);
	struct stream_conf sc;

	if (c == NULL)
		return; /* the listener drops what was not taken */
	sc = stream_conf_of(c);
	if (stream_accept(l, &sc, &c->s) < 0) {
		free(c);
		return;
	}
	welcome(c);
}

int http_server_attach(struct http_server *srv, stream_sink_cb sink, void *sink_arg, struct stream **ret_s)
{
	struct http_conn *c = conn_new(srv);
	struct stream_conf sc;
	int r;

	if (c == NULL)
		return -ENOMEM;
	sc = stream_conf_of(c);
	r = stream_memory(srv->sl, &sc, sink, sink_arg, &c->s);
	if (r < 0) {
		free(c);
		return r;
	}
	*ret_s = c->s;
	welcome(c);
	return 0;
}

/* ---- Server ---- */

static unsigned or_default(unsigned value, unsigned def)
{
	return value > 0 ? value : def;
}

static void fill_in(struct http_conf *c)
{
	c->max_head = c->max_head > 0 ? c->max_head : 16384;
	c->max_head = c->max_head < 32000 ? c->max_head : 32000; /* offsets in a head have 16 bits */
	c->max_body = c->max_body > 0 ? c->max_body : 8u << 20;
	c->max_answer = c->max_answer > 0 ? c->max_answer : 16u << 20;
	c->max_connections = or_default(c->max_connections, 4096);
	c->max_per_address = or_default(c->max_per_address, c->max_connections);
	c->header_timeout_ms = or_default(c->header_timeout_ms, 10000);
	c->body_window_ms = or_default(c->body_window_ms, 10000);
	c->body_min_rate = or_default(c->body_min_rate, 1024);
	c->body_time_ms = or_default(c->body_time_ms, 300000);
	c->idle_timeout_ms = or_default(c->idle_timeout_ms, 60000);
	c->write_timeout_ms = or_default(c->write_timeout_ms, 30000);
	c->linger_ms = or_default(c->linger_ms, 2000);
}

/* A deadline is met within an eighth of the shortest, and within half a second in any case. */
static void set_waits(struct http_server *srv)
{
	srv->wait_ms[WAIT_IDLE] = srv->conf.idle_timeout_ms;
	srv->wait_ms[WAIT_HEAD] = srv->conf.header_timeout_ms;
	srv->wait_ms[WAIT_BODY] = srv->conf.body_window_ms;
	srv->wait_ms[WAIT_WRITE] = srv->conf.write_timeout_ms;
	srv->tick_ms = 500;
	for (int i = 0; i < N_WAITS; i++) {
		http_list_init(&srv->waits[i]);
		if (srv->wait_ms[i] / 8 < srv->tick_ms)
			srv->tick_ms = srv->wait_ms[i] / 8;
	}
	if (srv->tick_ms < 10)
		srv->tick_ms = 10;
}

int http_server_new(struct stream_loop *sl, const struct http_conf *c, const struct http_ops *ops, void *arg,
	struct http_server **ret_srv)
{
	struct http_server *srv = calloc(1, sizeof(*srv));
	int r = 0;

	if (srv == NULL)
		return -ENOMEM;
	srv->sl = sl;
	srv->conf = *c;
	srv->ops = ops;
	srv->arg = arg;
	fill_in(&srv->conf);
	set_waits(srv);
	http_list_init(&srv->all);
	buf_init(&srv->scratch, SCRATCH_MAX);
	if (srv->conf.max_per_address < srv->conf.max_connections)
		r = http_peers_new(srv->conf.max_connections, &srv->peers);
	if (r < 0) {
		free(srv);
		return r;
	}
	uv_timer_init(stream_loop_uv(sl), &srv->tick);
	srv->tick.data = srv;
	uv_timer_start(&srv->tick, on_tick, srv->tick_ms, srv->tick_ms);
	uv_unref((uv_handle_t *)&srv->tick); /* it is the connections that keep the loop alive */
	*ret_srv = srv;
	return 0;
}

int http_server_listen(struct http_server *srv, const char *where)
{
	struct stream_listener **l = &srv->listeners[srv->n_listeners];
	int r;

	if (srv->n_listeners == LISTENERS_MAX)
		return -ENOSPC;
	r = stream_listen(srv->sl, where, srv->conf.tls, on_accept, srv, l);
	if (r == 0)
		srv->n_listeners++;
	return r;
}

int http_server_port(const struct http_server *srv)
{
	return srv->n_listeners > 0 ? stream_listener_port(srv->listeners[0]) : 0;
}

static void on_tick_closed(uv_handle_t *h)
{
	struct http_server *srv = h->data;

	srv->on_stopped(srv->arg);
	http_works_free(srv);
	http_peers_free(srv->peers);
	buf_done(&srv->scratch);
	free(srv);
}

void http_server_left(struct http_server *srv)
{
	if (!srv->stopping || srv->n_conns > 0 || srv->closing_tick)
		return;
	srv->closing_tick = true;
	uv_close((uv_handle_t *)&srv->tick, on_tick_closed);
}

void http_server_stop(struct http_server *srv, unsigned drain_ms, void (*on_stopped)(void *arg))
{
	uint64_t at_ms = uv_now(stream_loop_uv(srv->sl)) + drain_ms;

	if (!srv->stopping || at_ms < srv->stop_at_ms)
		srv->stop_at_ms = at_ms;
	if (!srv->stopping)
		uv_ref((uv_handle_t *)&srv->tick); /* the loop must last until the deadline */
	srv->stopping = true;
	srv->on_stopped = on_stopped;
	while (srv->n_listeners > 0)
		stream_listener_stop(srv->listeners[--srv->n_listeners]);
	for (struct http_node *n = srv->all.next; n != &srv->all; n = n->next) {
		struct http_conn *c = HTTP_CONN_OF(n, all);

		if (c->state == CONN_IDLE || c->state == CONN_HEAD)
			http_conn_close(c);
	}
	if (drain_ms == 0)
		abort_all(srv);
	http_server_left(srv);
}

void http_server_counters(const struct http_server *srv, struct http_counters *ret_counters)
{
	*ret_counters = srv->counters;
	for (const struct http_node *n = srv->all.next; n != &srv->all; n = n->next) {
		const struct http_conn *c = HTTP_CONN_OF(n, all);

		ret_counters->octets_in += stream_octets_in(c->s);
		ret_counters->octets_out += stream_octets_out(c->s);
	}
}
