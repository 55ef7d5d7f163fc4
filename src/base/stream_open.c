/* SPDX-License-Identifier: Apache-2.0 */
/* stream_open.c -- how a stream comes to be: listening and accepting, resolving and connecting.
 *
 * A name may have several addresses; each is tried in turn and gets its share of the time that is left.  The
 * resolver cannot always be cancelled, so what it works on outlives a stream that was ended meanwhile.
 */
#include "base/stream_int.h"
#include "base/stream_tls.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MIN_ATTEMPT_MS = 1000, /* for one address of several */
	BACKLOG = 1024,
	ADDRESS_TEXT = 128, /* more than the longest "[v6%zone]" */
};

/* ---- Addresses ---- */

int stream_parse_address(const char *where, struct sockaddr_storage *ret_addr)
{
	const char *colon = strrchr(where, ':');
	char host[ADDRESS_TEXT], *end_of_port;
	size_t n = colon != NULL ? (size_t)(colon - where) : 0;
	long port;

	if (n == 0 || n >= sizeof(host) || colon[1] < '0' || colon[1] > '9')
		return -EINVAL;
	port = strtol(colon + 1, &end_of_port, 10);
	if (*end_of_port != '\0' || port > 65535)
		return -EINVAL;
	memcpy(host, where, n);
	host[n] = '\0';
	memset(ret_addr, 0, sizeof(*ret_addr));
	if (strcmp(host, "*") == 0)
		return uv_ip6_addr("::", (int)port, (struct sockaddr_in6 *)ret_addr);
	if (host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = '\0';
		return uv_ip6_addr(host + 1, (int)port, (struct sockaddr_in6 *)ret_addr);
	}
	return uv_ip4_addr(host, (int)port, (struct sockaddr_in *)ret_addr);
}

/* ---- Listening ---- */

struct stream_listener {
	uv_tcp_t tcp;
	struct stream_loop *sl;
	struct stream_tls *tls;
	stream_accept_cb on_accept;
	void *arg;
	int port;
	uv_tcp_t drop; /* takes what on_accept left */
	bool offered;  /* a connection waits in libuv */
	bool dropping; /* `drop` is being closed */
	bool stopped, closed;
};

static void listener_free(struct stream_listener *l)
{
	if (!l->closed || l->dropping)
		return;
	stream_tls_unref(l->tls);
	free(l);
}

static void on_listener_closed(uv_handle_t *h)
{
	struct stream_listener *l = h->data;

	l->closed = true;
	listener_free(l);
}

void stream_listener_stop(struct stream_listener *l)
{
	if (l == NULL)
		return;
	l->stopped = true;
	uv_close((uv_handle_t *)&l->tcp, on_listener_closed);
}

int stream_listener_port(const struct stream_listener *l)
{
	return l->port;
}

static void on_dropped(uv_handle_t *h);

/* libuv listens no further while one waits, so what nobody could take (no memory) must go. */
static void drop_offered(struct stream_listener *l)
{
	if (l->dropping || l->stopped)
		return;
	uv_tcp_init(l->sl->uv, &l->drop);
	l->drop.data = l;
	l->dropping = true;
	l->offered = false;
	uv_accept((uv_stream_t *)&l->tcp, (uv_stream_t *)&l->drop);
	uv_close((uv_handle_t *)&l->drop, on_dropped);
}

static void on_dropped(uv_handle_t *h)
{
	struct stream_listener *l = h->data;

	l->dropping = false;
	if (l->offered)
		drop_offered(l);
	listener_free(l);
}

static void on_connection(uv_stream_t *h, int status)
{
	struct stream_listener *l = h->data;

	/* An error here is one connection that went before we took it, or no descriptors: libuv has then
	 * closed the waiting one.  The listener lives on. */
	if (status < 0)
		return;
	l->offered = true;
	l->on_accept(l->arg, l);
	if (l->offered)
		drop_offered(l);
}

static int learn_port(struct stream_listener *l)
{
	struct sockaddr_storage a;
	int n = sizeof(a);
	int r = uv_tcp_getsockname(&l->tcp, (struct sockaddr *)&a, &n);

	if (r < 0)
		return r;
	l->port = ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port
						: ((struct sockaddr_in *)&a)->sin_port);
	return 0;
}

int stream_listen(struct stream_loop *sl, const char *where, struct stream_tls *tls,
	stream_accept_cb on_accept, void *arg, struct stream_listener **ret_l)
{
	struct stream_listener *l;
	struct sockaddr_storage a;
	int r = stream_parse_address(where, &a);

	if (r < 0)
		return r;
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return -ENOMEM;
	r = uv_tcp_init(sl->uv, &l->tcp);
	if (r < 0) {
		free(l);
		return r;
	}
	l->tcp.data = l;
	l->sl = sl;
	l->tls = stream_tls_ref(tls);
	l->on_accept = on_accept;
	l->arg = arg;
	r = uv_tcp_bind(&l->tcp, (struct sockaddr *)&a, 0);
	if (r == 0)
		r = uv_listen((uv_stream_t *)&l->tcp, BACKLOG, on_connection);
	if (r == 0)
		r = learn_port(l);
	if (r < 0) {
		stream_listener_stop(l);
		return r;
	}
	*ret_l = l;
	return 0;
}

int stream_accept(struct stream_listener *l, const struct stream_conf *c, struct stream **ret_s)
{
	struct stream *s;
	int r = stream_new(l->sl, c, &s);

	if (r < 0)
		return r;
	r = uv_accept((uv_stream_t *)&l->tcp, (uv_stream_t *)&s->tcp);
	l->offered = r < 0;
	if (r == 0 && l->tls != NULL)
		r = stream_begin_tls(s, l->tls, NULL);
	if (r < 0) {
		stream_discard(s);
		return r;
	}
	*ret_s = s;
	stream_stands(s);
	return 0;
}

/* ---- Connecting ---- */

/* What is needed until the connection stands.  Outlives the stream when the resolver cannot be cancelled. */
struct opening {
	uv_getaddrinfo_t resolve;
	uv_connect_t connect;
	struct stream *s; /* NULL: nobody waits any more */
	struct addrinfo *addrs, *next;
	struct sockaddr_storage source;
	bool has_source;
	bool resolving;
};

static void opening_free(struct opening *o)
{
	uv_freeaddrinfo(o->addrs);
	free(o);
}

void stream_opening_leave(struct stream *s)
{
	struct opening *o = s->opening;

	s->opening = NULL;
	if (o == NULL)
		return;
	o->s = NULL;
	if (o->resolving)
		uv_cancel((uv_req_t *)&o->resolve); /* may fail; its callback frees in either case */
	else
		opening_free(o);
}

static void on_connected(uv_connect_t *req, int status)
{
	struct opening *o = req->data;
	struct stream *s = o->s;

	if (s->state == ST_ENDED || s->reopening)
		return;
	if (status < 0) {
		stream_opening_next(s, status);
		return;
	}
	stream_opening_leave(s);
	stream_stands(s);
}

/* Try the next address.  Each gets its share of the time that is left. */
static void connect_next(struct stream *s)
{
	struct opening *o = s->opening;
	struct addrinfo *a = o->next;
	uint64_t now_ms = uv_now(s->sl->uv), share_ms, left = 1;
	int r = 0;

	o->next = a->ai_next;
	for (struct addrinfo *x = a->ai_next; x != NULL; x = x->ai_next)
		left++;
	share_ms = s->open_until_ms > now_ms ? (s->open_until_ms - now_ms) / left : 0;
	if (share_ms < MIN_ATTEMPT_MS && left > 1)
		share_ms = MIN_ATTEMPT_MS;
	stream_set_deadline(s, now_ms + share_ms < s->open_until_ms ? now_ms + share_ms : s->open_until_ms);
	o->connect.data = o;
	if (o->has_source)
		r = uv_tcp_bind(&s->tcp, (struct sockaddr *)&o->source, 0);
	if (r == 0)
		r = uv_tcp_connect(&o->connect, &s->tcp, a->ai_addr, on_connected);
	if (r < 0) {
		stream_opening_next(s, r);
	}
}

/* A socket that failed to connect is of no more use, and a handle is renewed only by closing it. */
static void on_reopen(uv_handle_t *h)
{
	struct stream *s = h->data;
	int r;

	s->reopening = false;
	if (s->state == ST_ENDED) {
		stream_closed_opening(h);
		return;
	}
	r = uv_tcp_init(s->sl->uv, &s->tcp);
	assert(r == 0); /* without a socket it only fills in the struct */
	s->tcp.data = s;
	connect_next(s);
}

bool stream_opening_has_next(const struct stream *s)
{
	return s->opening->next != NULL && !s->reopening;
}

void stream_opening_next(struct stream *s, int err)
{
	struct opening *o = s->opening;

	while (o->next != NULL && o->has_source && o->next->ai_family != o->source.ss_family)
		o->next = o->next->ai_next;
	if (o->next == NULL) {
		stream_end(s, err);
		return;
	}
	s->reopening = true;
	stream_list_del(&s->timed);
	uv_close((uv_handle_t *)&s->tcp, on_reopen);
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *res)
{
	struct opening *o = req->data;
	struct stream *s = o->s;

	o->resolving = false;
	o->addrs = res;
	o->next = res;
	if (s == NULL) {
		opening_free(o);
		return;
	}
	if (s->state == ST_ENDED)
		return; /* stream_closed_opening() is on its way */
	/* -EADDRNOTAVAIL: none of the source's family. */
	stream_opening_next(s, status < 0 ? status : -EADDRNOTAVAIL);
}

static int resolve(struct stream *s, const struct stream_target *t)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV};
	struct opening *o = s->opening;
	struct in6_addr numeric;
	char service[8];
	int r;

	/* AI_ADDRCONFIG would hide ::1 and 127.0.0.1 on a host without other addresses of the family. */
	if (uv_inet_pton(AF_INET, t->host, &numeric) == 0 || uv_inet_pton(AF_INET6, t->host, &numeric) == 0)
		hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
	snprintf(service, sizeof(service), "%u", (unsigned)t->port & 0xffff);
	o->resolve.data = o;
	r = uv_getaddrinfo(s->sl->uv, &o->resolve, on_resolved, t->host, service, &hints);
	o->resolving = r == 0;
	return r;
}

static int parse_source(struct opening *o, const char *source)
{
	if (source == NULL)
		return 0;
	o->has_source = true;
	if (uv_ip4_addr(source, 0, (struct sockaddr_in *)&o->source) == 0)
		return 0;
	return uv_ip6_addr(source, 0, (struct sockaddr_in6 *)&o->source);
}

int stream_connect(struct stream_loop *sl, const struct stream_target *t, const struct stream_conf *c,
	struct stream **ret_s)
{
	struct stream *s;
	int r = stream_new(sl, c, &s);

	if (r < 0)
		return r;
	s->opening = calloc(1, sizeof(*s->opening));
	r = s->opening != NULL ? 0 : -ENOMEM;
	if (r == 0) {
		s->opening->s = s;
		r = parse_source(s->opening, t->source);
	}
	if (r == 0 && t->tls != NULL)
		r = stream_begin_tls(s, t->tls, t->server_name != NULL ? t->server_name : t->host);
	if (r == 0)
		r = resolve(s, t);
	if (r < 0) {
		stream_opening_leave(s);
		stream_discard(s);
		return r;
	}
	stream_set_deadline(s, s->open_until_ms);
	*ret_s = s;
	return 0;
}
