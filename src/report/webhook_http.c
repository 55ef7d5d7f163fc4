/* SPDX-License-Identifier: Apache-2.0 */
/* webhook_http.c -- see webhook_http.h. */
#include <config.h>

#include "report/webhook_http.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"
#include "report/webhook_json.h"

#define POOL_MAX       64	   /* posts kept for reuse */
#define POOL_BODY_KEEP (64 * 1024) /* octets of body memory that a pooled post keeps */
#define ANSWER_MAX \
	(64 * 1024) /* octets of an answer's body read for the sake of the connection, then cut off */
#define KEEPALIVE_S 60

struct webhook_http {
	uv_loop_t *loop;
	CURLM *multi;
	uv_timer_t timer;
	struct webhook_limits limits;
	struct webhook_post *pool;
	unsigned n_pool, n_handles; /* n_handles: timer and polls, closing ones too */
	bool closing;
	void (*stopped)(void *arg);
	void *arg;
};

struct webhook_post {
	struct webhook_http *http;
	struct webhook_post *next; /* in the pool */
	CURL *easy;
	struct buf body;
	bool under_way, private_address, whole_head;
	size_t n_answer;
	webhook_post_cb done;
	void *arg;
	/* Headers, linked by hand: they change only here, and no request allocates for them. */
	struct curl_slist type, expect, signature;
	char signature_text[sizeof("Posthorn-Signature: t=,v1=") + 20 + SECRET_HEX_SIZE];
	char error[CURL_ERROR_SIZE];
};

/* ---- sockets and time -------------------------------------------------------------------------------- */

struct watch {
	uv_poll_t poll;
	struct webhook_http *http;
	curl_socket_t fd;
};

static void on_closed(uv_handle_t *handle)
{
	struct webhook_http *h = handle->data;

	if (--h->n_handles == 0)
		h->stopped(h->arg);
}

static void on_watch_closed(uv_handle_t *handle)
{
	struct watch *w = handle->data;

	handle->data = w->http;
	on_closed(handle);
	free(w);
}

/* Tell those whose request has ended.  They may send again from there: nothing of libcurl's is on the
 * stack. */
static void finish_posts(struct webhook_http *h)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(h->multi, &left))) {
		struct webhook_answer a = {0};
		struct webhook_post *p;
		CURLcode code = msg->data.result;
		curl_off_t wait_s = 0;
		long status = 0;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&p);
		curl_easy_getinfo(p->easy, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_getinfo(p->easy, CURLINFO_RETRY_AFTER, &wait_s);
		curl_multi_remove_handle(h->multi, p->easy);
		p->under_way = false;
		/* Cut off by us, on_answer_body(): the status had come and is what counts. */
		if (code == CURLE_WRITE_ERROR && p->n_answer > ANSWER_MAX)
			code = CURLE_OK;
		/* libcurl 7.88 takes "HTTP/1.1 200 OK" and an early end for an answer; half a head
		 * acknowledges nothing. */
		if (code == CURLE_OK && !p->whole_head)
			code = CURLE_GOT_NOTHING;
		a.status = code == CURLE_OK ? (int)status : 0;
		a.retry_after_ms = wait_s * 1000;
		a.private_address = p->private_address && !a.status;
		a.error = p->private_address ? "private address"
			  : p->error[0]	     ? p->error
					     : curl_easy_strerror(code);
		p->done(p->arg, &a);
	}
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct watch *w = poll->data;
	struct webhook_http *h = w->http;
	int running, what = 0;

	if (status < 0)
		what = CURL_CSELECT_ERR;
	if (events & UV_READABLE)
		what |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		what |= CURL_CSELECT_OUT;
	curl_multi_socket_action(h->multi, w->fd, what, &running);
	finish_posts(h);
}

static void on_timer(uv_timer_t *timer)
{
	struct webhook_http *h = timer->data;
	int running;

	curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	finish_posts(h);
}

/* libcurl wants to be called in so many ms; never from here, which it calls itself. */
static int want_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct webhook_http *h = arg;

	if (timeout_ms < 0)
		uv_timer_stop(&h->timer);
	else if (!uv_is_closing((uv_handle_t *)&h->timer))
		uv_timer_start(&h->timer, on_timer, timeout_ms, 0);
	return 0;
}

static struct watch *watch_new(struct webhook_http *h, curl_socket_t fd)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	if (uv_poll_init_socket(h->loop, &w->poll, fd) < 0) {
		free(w);
		return NULL;
	}
	w->poll.data = w;
	w->http = h;
	w->fd = fd;
	h->n_handles++;
	curl_multi_assign(h->multi, fd, w);
	return w;
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct webhook_http *h = arg;
	struct watch *w = socket_arg;
	int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);

	if (what == CURL_POLL_REMOVE) {
		if (!w)
			return 0;
		curl_multi_assign(h->multi, fd, NULL);
		uv_poll_stop(&w->poll); /* at once: libcurl closes the socket next */
		uv_close((uv_handle_t *)&w->poll, on_watch_closed);
		return 0;
	}
	if (!w)
		w = watch_new(h, fd);
	if (!w)
		return -1; /* out of memory: libcurl fails the transfers (7.81 on), or they time out */
	return uv_poll_start(&w->poll, events, on_poll) < 0 ? -1 : 0;
}

/* ---- the guard --------------------------------------------------------------------------------------- */

struct network {
	uint8_t addr[16];
	unsigned n_bits;
};

static bool in_network(const uint8_t addr[static 16], const struct network *n)
{
	unsigned whole = n->n_bits / 8, rest = n->n_bits % 8;

	if (memcmp(addr, n->addr, whole) != 0)
		return false;
	return rest == 0 || ((addr[whole] ^ n->addr[whole]) >> (8 - rest)) == 0;
}

/* IANA special-purpose address registries (RFC 6890 and its followers); what is not globally reachable. */
static bool is_private4(const uint8_t *addr)
{
	static const struct network nets[] = {
		{{0}, 8},	   /* this network */
		{{10}, 8},	   /* RFC 1918 */
		{{100, 64}, 10},   /* carrier-grade NAT, RFC 6598 */
		{{127}, 8},	   /* loopback */
		{{169, 254}, 16},  /* link-local; also where clouds keep their credentials */
		{{172, 16}, 12},   /* RFC 1918 */
		{{192, 0, 0}, 24}, /* protocol assignments */
		{{192, 168}, 16},  /* RFC 1918 */
		{{198, 18}, 15},   /* benchmarking, RFC 2544 */
		{{224}, 3},	   /* multicast, reserved, broadcast */
	};
	uint8_t wide[16] = {0};

	memcpy(wide, addr, 4);
	for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++) {
		if (in_network(wide, &nets[i]))
			return true;
	}
	return false;
}

static bool is_private6(const uint8_t *addr)
{
	static const struct network nets[] = {
		{{0}, 96},	   /* unspecified, loopback, IPv4-compatible */
		{{0x01}, 64},	   /* discard, RFC 6666 */
		{{0xfc}, 7},	   /* unique local, RFC 4193 */
		{{0xfe, 0x80}, 9}, /* link-local and the former site-local */
		{{0xff}, 8},	   /* multicast */
	};
	/* An IPv4 address inside: mapped, NAT64 (RFC 6052), 6to4 (RFC 3056). */
	static const struct {
		struct network net;
		unsigned at;
	} inside[] = {
		{{{[10] = 0xff, [11] = 0xff}, 96}, 12},
		{{{0x00, 0x64, 0xff, 0x9b}, 96}, 12},
		{{{0x20, 0x02}, 16}, 2},
	};

	for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++) {
		if (in_network(addr, &nets[i]))
			return true;
	}
	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
		if (in_network(addr, &inside[i].net))
			return is_private4(addr + inside[i].at);
	}
	return false;
}

bool webhook_is_private(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return is_private4((const uint8_t *)&((const struct sockaddr_in *)sa)->sin_addr);
	if (sa->sa_family == AF_INET6)
		return is_private6((const uint8_t *)&((const struct sockaddr_in6 *)sa)->sin6_addr);
	return true; /* no other family leads to the internet */
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct webhook_post *p = arg;

	if (!p->http->limits.allow_private && webhook_is_private(&a->addr)) {
		p->private_address = true;
		return CURL_SOCKET_BAD;
	}
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* ---- posts ------------------------------------------------------------------------------------------- */

static size_t on_answer_body(char *data, size_t size, size_t n, void *arg)
{
	struct webhook_post *p = arg;

	p->n_answer += size * n;
	return p->n_answer > ANSWER_MAX ? 0 : size * n;
}

/* One call a line; the empty one ends the head, a new status line begins another (after a 1xx). */
static size_t on_answer_head(char *data, size_t size, size_t n, void *arg)
{
	struct webhook_post *p = arg;

	p->whole_head = data[0] == '\r' || data[0] == '\n';
	return size * n;
}

/* What is the same for every request. */
static void set_up_easy(struct webhook_post *p)
{
	CURL *e = p->easy;

	curl_easy_setopt(e, CURLOPT_PRIVATE, p);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, p->error);
	curl_easy_setopt(e, CURLOPT_USERAGENT, "posthorn/" PACKAGE_VERSION);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(e, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	/* One request at a time to a shard: HTTP/2 would add nothing but a second kind of flow control. */
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_S);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_S);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_answer_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, p);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_answer_head);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, p);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, p);
	p->type.data = (char *)"Content-Type: application/json";
	p->type.next = &p->expect;
	p->expect.data = (char *)"Expect:"; /* no round trip before a large body */
	p->signature.data = p->signature_text;
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, &p->type);
}

static struct webhook_post *post_new(struct webhook_http *h)
{
	struct webhook_post *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->easy = curl_easy_init();
	if (!p->easy) {
		free(p);
		return NULL;
	}
	p->http = h;
	buf_init(&p->body, WEBHOOK_BODY_MAX);
	set_up_easy(p);
	return p;
}

static void post_free(struct webhook_post *p)
{
	curl_easy_cleanup(p->easy);
	buf_done(&p->body);
	free(p);
}

struct webhook_post *webhook_post_take(struct webhook_http *h)
{
	struct webhook_post *p = h->pool;

	if (!p)
		return post_new(h);
	h->pool = p->next;
	h->n_pool--;
	return p;
}

void webhook_post_give(struct webhook_post *p)
{
	struct webhook_http *h = p->http;

	if (p->under_way) {
		p->under_way = false;
		curl_multi_remove_handle(h->multi, p->easy);
	}
	if (h->n_pool == POOL_MAX) {
		post_free(p);
		return;
	}
	buf_reset(&p->body, POOL_BODY_KEEP);
	p->next = h->pool;
	h->pool = p;
	h->n_pool++;
}

struct buf *webhook_post_body(struct webhook_post *p)
{
	return &p->body;
}

/* HMAC of "t.body"; the time is inside so that a request cannot be played again later. */
static int sign(struct webhook_post *p, const char *secret)
{
	uint8_t mac[SECRET_HASH_LEN];
	char hex[SECRET_HEX_SIZE], stamp[24];
	int n = snprintf(stamp, sizeof(stamp), "%" PRId64 ".", clock_ms() / 1000);
	struct secret_span spans[] = {{stamp, n}, {buf_data(&p->body), buf_len(&p->body)}};
	int r = secret_hmac_sha256(secret, strlen(secret), spans, 2, mac);

	if (r < 0)
		return r;
	secret_hex(mac, sizeof(mac), hex);
	snprintf(p->signature_text, sizeof(p->signature_text), "Posthorn-Signature: t=%.*s,v1=%s", n - 1,
		stamp, hex);
	return 0;
}

int webhook_post_send(
	struct webhook_post *p, const char *url, const char *secret, webhook_post_cb done, void *arg)
{
	const struct webhook_limits *l = &p->http->limits;
	int64_t connect_ms = l->connect_timeout_ms < l->timeout_ms ? l->connect_timeout_ms : l->timeout_ms;
	int r = *secret ? sign(p, secret) : 0;

	if (r < 0)
		return r;
	p->expect.next = *secret ? &p->signature : NULL;
	p->private_address = p->whole_head = false;
	p->n_answer = 0;
	p->error[0] = '\0';
	p->done = done;
	p->arg = arg;
	if (curl_easy_setopt(p->easy, CURLOPT_URL, url) != CURLE_OK)
		return -ENOMEM;
	curl_easy_setopt(p->easy, CURLOPT_TIMEOUT_MS, (long)l->timeout_ms);
	curl_easy_setopt(p->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
	curl_easy_setopt(p->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)buf_len(&p->body));
	curl_easy_setopt(p->easy, CURLOPT_POSTFIELDS, (char *)buf_data(&p->body));
	if (curl_multi_add_handle(p->http->multi, p->easy) != CURLM_OK)
		return -ENOMEM;
	p->under_way = true;
	return 0;
}

/* ---- life -------------------------------------------------------------------------------------------- */

int webhook_http_new(uv_loop_t *loop, struct webhook_http **ret)
{
	struct webhook_http *h;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -ENOMEM;
	h = calloc(1, sizeof(*h));
	if (h)
		h->multi = curl_multi_init();
	if (!h || !h->multi) {
		free(h);
		curl_global_cleanup();
		return -ENOMEM;
	}
	h->loop = loop;
	uv_timer_init(loop, &h->timer);
	h->timer.data = h;
	h->n_handles = 1;
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, want_timer);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	*ret = h;
	return 0;
}

void webhook_http_limits(struct webhook_http *h, const struct webhook_limits *l)
{
	h->limits = *l;
	/* Without it libcurl keeps four for each request under way, which is none between two batches. */
	curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)l->connections);
}

void webhook_http_stop(struct webhook_http *h, void (*stopped)(void *arg), void *arg)
{
	struct webhook_post *p;

	h->stopped = stopped;
	h->arg = arg;
	while ((p = h->pool)) {
		h->pool = p->next;
		post_free(p);
	}
	h->n_pool = 0;
	curl_multi_cleanup(h->multi);
	uv_timer_stop(&h->timer);
	uv_close((uv_handle_t *)&h->timer, on_closed);
}

void webhook_http_free(struct webhook_http *h)
{
	if (!h)
		return;
	curl_global_cleanup();
	free(h);
}
