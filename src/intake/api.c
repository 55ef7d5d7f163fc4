/* SPDX-License-Identifier: Apache-2.0 */
/* api.c -- the begin and the end of every request.
 *
 * A request passes the same gates in the same order: path (404), method (405), key (401), address (403), rate
 * (429), role (403), query parameters (400), body and its type (400, 415).  Only then a handler sees it.
 *
 * One log line per request at debug level, and one at info for each that was refused: path, status and code,
 * never a body, a key or a number (the query string holds numbers and is left out).
 */
#include "intake/api_impl.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "codec/msisdn.h"
#include "codec/unicode.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Calls. ---- */

static struct api_call *call_new(struct api *a, struct http_request *q)
{
	struct api_call *c = a->pool;

	if (c) {
		a->pool = c->next_free;
		a->n_pool--;
	} else {
		c = malloc(sizeof(*c));
		if (!c)
			return NULL;
	}
	memset(c, 0, sizeof(*c));
	c->api = a;
	c->q = q;
	a->n_calls++;
	return c;
}

static void call_maybe_free(struct api_call *c)
{
	struct api *a = c->api;

	if (c->q || c->pending)
		return;
	if (c->answer != c->answer_short)
		free(c->answer);
	json_out_done(&c->changed);
	a->n_calls--;
	if (a->n_pool >= API_POOL_CALLS) {
		free(c);
		return;
	}
	c->next_free = a->pool;
	a->pool = c;
	a->n_pool++;
}

void api_let_go(struct api_call *c)
{
	c->pending--;
	call_maybe_free(c);
}

void api_stream_begin(struct api_call *c, struct api_stream *s)
{
	struct api *a = c->api;

	s->next = a->streams;
	s->at_list = &a->streams;
	if (s->next)
		s->next->at_list = &s->next;
	a->streams = s;
	c->stream = s;
	api_hold(c);
}

void api_stream_done(struct api_call *c, struct api_stream *s)
{
	*s->at_list = s->next;
	if (s->next)
		s->next->at_list = s->at_list;
	c->stream = NULL;
	api_let_go(c);
}

struct auth_client *api_client(struct api_call *c)
{
	return auth_find(c->api->auth, c->client);
}

/* ---- Answers. ---- */

/* The request, for its answer.  What comes of it afterwards is nobody's: and when the answer is given, the request may
 * be gone, or another's already. */
static struct http_request *taken_back(struct api_call *c)
{
	struct http_request *q = c->q;

	q->user = NULL;
	c->q = NULL;
	return q;
}

static void finished(struct api_call *c, int status, const char *code)
{
	const char *path = c->route ? c->route->path : "-";
	const char *name = names_text(c->api->p.names, NAME_CLIENT, c->client);
	int64_t took_us = clock_mono_us() - c->started_us;

	if (!c->lines)
		stats_observe(&c->api->p.stats->request, took_us);
	if (code)
		log_info("http_refused", "path=%s status=%d code=%s client=%s", path, status, code, name);
	else
		log_debug("http_request", "path=%s status=%d client=%s took_us=%lld", path, status, name,
			(long long)took_us);
	call_maybe_free(c);
}

void api_drop(struct api_call *c)
{
	http_request_drop(taken_back(c));
	call_maybe_free(c);
}

void api_count_refused(struct api *a, enum api_code code)
{
	_Static_assert(API_CODE_N <= STATS_CODES, "a counter for every code");
	a->p.stats->refused[code]++;
}

/* Seconds after which it is worth another try; NULL: trying again is no use, or the caller knows better. */
static const char *retry_after(enum api_code code)
{
	int status = api_code_status(code);

	if (code == API_RATE_LIMITED || (status != 429 && status != 503))
		return NULL;
	return code == API_QUEUE_BUSY || code == API_ROOM_FULL || code == API_DATABASE_LOCKED || code == API_STOPPING ?
		"5" : "30";
}

static void respond(struct api_call *c, int status, const char *type, const void *body, size_t n)
{
	struct http_request *q = taken_back(c);

	if (http_respond(q, status, type, body, n) == 0) {
		finished(c, status, NULL);
		return;
	}
	api_count_refused(c->api, API_ROOM_FULL);
	http_header_add(q, "Retry-After", retry_after(API_ROOM_FULL));
	if (http_respond_error(q, 503, api_code_name(API_ROOM_FULL),
		    "no room for the answer: fetch those that wait, or try again", NULL) < 0)
		http_request_drop(q);
	finished(c, 503, api_code_name(API_ROOM_FULL));
}

void api_answer(struct api_call *c, int status, const char *body, size_t n)
{
	respond(c, status, "application/json", body, n);
}

void api_answer_text(struct api_call *c, const char *type, const void *body, size_t n)
{
	respond(c, 200, type, body, n);
}

void api_answer_out(struct api_call *c, int status, struct json_out *o)
{
	if (json_out_full(o))
		api_refuse(c, API_INTERNAL, NULL, "the answer is larger than an answer may be; ask for less");
	else
		respond(c, status, "application/json", buf_data(&o->b), buf_len(&o->b));
	json_out_done(o);
}

void api_refuse_fault(struct api_call *c, const struct api_fault *f)
{
	int status = api_code_status(f->code);
	struct http_request *q = taken_back(c);

	api_count_refused(c->api, f->code);
	if (retry_after(f->code))
		http_header_add(q, "Retry-After", retry_after(f->code));
	if (http_respond_error(
		    q, status, api_code_name(f->code), f->message, f->field[0] ? f->field : NULL) < 0)
		http_request_drop(q);
	finished(c, status, api_code_name(f->code));
}

void api_refuse(struct api_call *c, enum api_code code, const char *field, const char *fmt, ...)
{
	struct api_fault f;
	char text[sizeof(f.message)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	api_fault_set(&f, code, field, "%s", text);
	api_refuse_fault(c, &f);
}

enum api_code api_code_of_errno(int r)
{
	switch (r) {
	case -EAGAIN: return API_QUEUE_BUSY;
	case -EDQUOT: return API_TOO_MANY_WAITING;
	case -ENOBUFS: return API_QUEUE_FULL;
	case -ENOSPC: return API_DISK_FULL;
	case -ENOLCK: return API_DATABASE_LOCKED;
	case -EUCLEAN: return API_DATABASE_DAMAGED;
	case -ESHUTDOWN: return API_STOPPING;
	case -ENOMEM: return API_QUEUE_BUSY;
	}
	return API_STORE_FAILED;
}

void api_fault_of_errno(int r, struct api_fault *f)
{
	enum api_code code = api_code_of_errno(r);

	api_fault_set(f, code, NULL, "%s", api_code_help(code));
}

/* ---- Idempotency keys in work. ---- */

void api_key_hash(uint32_t client, const char *key, uint8_t ret[static 16])
{
	uint64_t lane[2] = {
		hash_bytes(client, key, strlen(key)), hash_bytes(~(uint64_t)client, key, strlen(key))};

	for (unsigned i = 0; i < 16; i++)
		ret[i] = (uint8_t)(lane[i / 8] >> (8 * (i % 8)));
}

static struct api_key **key_bucket(struct api *a, const struct api_key *k)
{
	return &a->keys[(k->hash[0] | k->hash[1] << 8) % API_KEY_BUCKETS];
}

static bool key_held(struct api *a, const struct api_key *k)
{
	for (const struct api_key *o = *key_bucket(a, k); o; o = o->next)
		if (o->client == k->client && !memcmp(o->hash, k->hash, sizeof(k->hash)))
			return true;
	return false;
}

bool api_key_in_work(struct api *a, uint32_t client, const char *key)
{
	struct api_key k = {.client = client};

	api_key_hash(client, key, k.hash);
	return key_held(a, &k);
}

bool api_key_take(struct api *a, struct api_key *k)
{
	struct api_key **bucket = key_bucket(a, k);

	if (key_held(a, k))
		return false;
	k->next = *bucket;
	k->held = true;
	*bucket = k;
	return true;
}

void api_key_drop(struct api *a, struct api_key *k)
{
	struct api_key **at = key_bucket(a, k);

	if (!k->held)
		return;
	while (*at != k)
		at = &(*at)->next;
	*at = k->next;
	k->held = false;
}

/* ---- What a message needs of the rest. ---- */

/* Names are kept for ever, so there is a bound; and since the start no client makes more than it leaves to others. */
static bool campaign_fits(struct api *a, const struct auth_client *cl)
{
	int64_t left = a->p.conf->queue.max_campaigns - (int64_t)names_count(a->p.names, NAME_CAMPAIGN);

	return cl && left > 0 && (int64_t)cl->n_campaigns < left;
}

static int campaign_look(void *arg, uint32_t client, const char *name, uint32_t *ret_id)
{
	struct api *a = arg;

	*ret_id = names_find(a->p.names, NAME_CAMPAIGN, name);
	return *ret_id || campaign_fits(a, auth_find(a->auth, client)) ? 0 : -ENOSPC;
}

static int campaign_make(void *arg, uint32_t client, const char *name, uint32_t *ret_id)
{
	struct api *a = arg;
	int r = campaign_look(arg, client, name, ret_id);
	bool is_new = r == 0 && *ret_id == 0;

	if (r < 0)
		return r;
	*ret_id = names_get(a->p.names, NAME_CAMPAIGN, name);
	if (is_new && *ret_id)
		auth_find(a->auth, client)->n_campaigns++;
	return *ret_id ? 0 : -ENOMEM;
}

static uint32_t route_of(void *arg, const struct message *m)
{
	struct api *a = arg;

	return router_match(a->p.router, m);
}

static const struct segment_rules *rules_of(void *arg, uint32_t route)
{
	struct api *a = arg;

	return router_rules(a->p.router, route);
}

static const struct route_tlvs *tlvs_of(void *arg, uint32_t route)
{
	struct api *a = arg;

	return router_tlvs(a->p.router, route);
}

void api_message_ctx(
	struct api *a, const struct auth_client *cl, bool make_names, struct json_message_ctx *ret)
{
	*ret = (struct json_message_ctx){
		.client = cl->conf,
		.client_id = cl->id,
		.now_ms = clock_ms(),
		.campaign_of = make_names ? campaign_make : campaign_look,
		.route_of = route_of,
		.rules_of = rules_of,
		.tlvs_of = tlvs_of,
		.unicode = a->unicode,
		.arg = a,
	};
}

/* ---- Query parameters. ---- */

bool api_query_text(struct api_call *c, const char *name, char *buf, size_t cap)
{
	int r = http_query_get(c->q, name, buf, cap);

	if (r == 0)
		return true;
	buf[0] = '\0';
	if (r == -ENOENT)
		return true;
	api_refuse(c, API_INVALID_PARAMETER, name,
		r == -ENOSPC ? "\"%s\" is too long" : "\"%s\" is not well encoded", name);
	return false;
}

/* Decimal digits only; false for anything else and beyond 64 bits. */
static bool parse_u64(const char *s, uint64_t *ret)
{
	uint64_t v = 0;

	if (*s == '\0')
		return false;
	for (; *s; s++) {
		unsigned digit = (unsigned)(*s - '0');

		if (digit > 9 || v > (UINT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*ret = v;
	return true;
}

bool api_parse_id(const char *s, uint64_t *ret)
{
	return parse_u64(s, ret) && *ret > 0 && *ret < UINT64_C(1) << 55; /* 6 bits of node, 49 of counter */
}

bool api_query_u64(
	struct api_call *c, const char *name, uint64_t dflt, uint64_t min, uint64_t max, uint64_t *ret)
{
	char text[32];

	*ret = dflt;
	if (!api_query_text(c, name, text, sizeof(text)))
		return false;
	if (text[0] == '\0' || (parse_u64(text, ret) && *ret >= min && *ret <= max))
		return true;
	api_refuse(c, API_INVALID_PARAMETER, name, "\"%s\" is a number from %llu to %llu", name,
		(unsigned long long)min, (unsigned long long)max);
	return false;
}

bool api_query_time(struct api_call *c, const char *name, int64_t *ret_ms)
{
	char text[48];

	*ret_ms = 0;
	if (!api_query_text(c, name, text, sizeof(text)))
		return false;
	if (text[0] == '\0' || clock_parse_rfc3339(text, strlen(text), ret_ms) == 0)
		return true;
	api_refuse(c, API_INVALID_PARAMETER, name,
		"\"%s\" is a time as in \"2026-11-21T15:30:00Z\" (in a query, write + as %%2B)", name);
	return false;
}

bool api_query_scope(struct api_call *c, uint32_t *ret_client)
{
	char name[API_PARAM_MAX];

	*ret_client = c->scope;
	if (!api_query_text(c, "client", name, sizeof(name)))
		return false;
	if (name[0] == '\0')
		return true;
	if (!c->is_operator) {
		api_refuse(c, API_NOT_OPERATOR, "client",
			"only operators may ask for other clients; leave \"client\" out");
		return false;
	}
	*ret_client = names_find(c->api->p.names, NAME_CLIENT, name);
	if (*ret_client)
		return true;
	api_refuse(c, API_NOT_FOUND, "client", "there is no client of that name");
	return false;
}

/* ---- The gates. ---- */

static void refuse_auth(struct api_call *c, enum auth_result r, unsigned wait_s)
{
	char text[16];

	switch (r) {
	case AUTH_OK: return;
	case AUTH_NO_KEY:
	case AUTH_BAD_KEY:
		stats_add(c->api->p.stats, STATS_AUTH_FAILED, 1);
		/* RFC 6750, 3: no error code when nothing was presented. */
		http_header_add(c->q, "WWW-Authenticate",
			r == AUTH_NO_KEY ? "Bearer realm=\"posthorn\""
					 : "Bearer realm=\"posthorn\", error=\"invalid_token\"");
		api_refuse(c, API_UNAUTHORIZED, NULL, "%s",
			r == AUTH_NO_KEY
				? "the key is missing; send the header \"Authorization: Bearer KEY\""
				: "no client has this key; check it, or make one with \"posthorn key new\"");
		return;
	case AUTH_ADDRESS:
		api_refuse(c, API_ADDRESS_NOT_ALLOWED, NULL,
			"this client may not call from this address; add it to the client's \"allow\"");
		return;
	case AUTH_RATE:
		snprintf(text, sizeof(text), "%u", wait_s);
		http_header_add(c->q, "Retry-After", text);
		api_refuse(c, API_RATE_LIMITED, NULL,
			"more requests per second than this client may send; wait %u s, or send arrays",
			wait_s);
		return;
	}
}

/* false: the request was answered. */
static bool pass_auth(struct api_call *c, bool admin)
{
	struct auth_client *cl = NULL;
	struct sockaddr_storage peer;
	enum auth_result r;
	unsigned wait_s = 0;

	c->q->is_watch = c->route->role == ROLE_ADMIN_OPEN;
	if (c->q->is_watch && admin)
		return true;
	http_request_peer(c->q, &peer);
	r = auth_check(c->api->auth, http_header_get(c->q, "Authorization"), (struct sockaddr *)&peer,
		c->started_us, &cl, &wait_s);
	if (cl) {
		c->client = cl->id;
		c->is_operator = cl->is_operator;
		c->scope = cl->is_operator ? 0 : cl->id;
		c->q->owner = cl->id;
	}
	if (r != AUTH_OK) {
		refuse_auth(c, r, wait_s);
		return false;
	}
	if (c->route->role != ROLE_CLIENT && !c->is_operator) {
		api_refuse(c, API_NOT_OPERATOR, NULL, "this call needs a key of role operator");
		return false;
	}
	return true;
}

static bool pass_query(struct api_call *c)
{
	char name[64], value[API_PARAM_MAX * 4];

	for (unsigned i = 0;; i++) {
		int r = http_query_at(c->q, i, name, sizeof(name), value, sizeof(value));

		if (r == -ENOENT)
			return true;
		if (r < 0) {
			api_refuse(c, API_INVALID_PARAMETER, NULL,
				"parameter %u of the query is too long or not well encoded", i + 1);
			return false;
		}
		if (!api_route_has_param(c->route, name)) {
			api_refuse(c, API_UNKNOWN_PARAMETER, name,
				"this call has no parameter \"%s\"; remove it", name);
			return false;
		}
	}
}

/* The media type without its parameters (RFC 9110, 8.3.1). */
static bool is_type(const char *header, const char *type)
{
	size_t n = strlen(type);

	return !strncasecmp(header, type, n) &&
	       (header[n] == '\0' || header[n] == ';' || header[n] == ' ' || header[n] == '\t');
}

static bool pass_type(struct api_call *c)
{
	const char *type = http_header_get(c->q, "Content-Type");
	bool lines = c->route->takes == TAKES_JSON_OR_LINES || c->route->takes == TAKES_ALL_FORMS;
	bool csv = c->route->takes == TAKES_ALL_FORMS;

	if (c->route->takes == TAKES_NOTHING) {
		if (!c->q->has_body || c->q->content_length == 0)
			return true;
		api_refuse(c, API_UNEXPECTED_BODY, NULL, "this call takes no body; leave it out");
		return false;
	}
	if (type && is_type(type, "application/json"))
		return true;
	if (type && lines && is_type(type, "application/x-ndjson")) {
		c->lines = true;
		return true;
	}
	if (type && csv && is_type(type, "text/csv")) {
		c->lines = c->csv = true;
		return true;
	}
	api_refuse(c, API_UNSUPPORTED_TYPE, NULL, "%s; send \"Content-Type: application/json\"%s",
		type ? "this Content-Type is not taken" : "Content-Type is missing",
		csv	? ", or application/x-ndjson or text/csv for a stream"
		: lines ? ", or application/x-ndjson for a stream"
			: "");
	return false;
}

static bool pass_route(struct api_call *c)
{
	const char *allow;

	c->route = api_route_find(c->q, c->param, &allow);
	if (c->route)
		return true;
	if (*allow) {
		http_header_add(c->q, "Allow", allow);
		api_refuse(c, API_METHOD_NOT_ALLOWED, NULL, "this path takes %s", allow);
	} else {
		api_refuse(c, API_NOT_FOUND, NULL, "there is no such path; posthorn-api(7) lists them");
	}
	return false;
}

/* ---- The server's callbacks. ---- */

static enum http_body on_request(void *arg, struct http_request *q)
{
	struct api_listener *l = arg;
	struct api_call *c = call_new(l->api, q);

	if (!c) {
		if (http_respond_error(
			    q, 503, api_code_name(API_QUEUE_BUSY), "out of memory; try again", NULL) < 0)
			http_request_drop(q);
		return HTTP_BODY_BUFFER;
	}
	q->user = c;
	c->started_us = clock_mono_us();
	if (!pass_route(c) || !pass_auth(c, l->admin) || !pass_query(c) || !pass_type(c))
		return HTTP_BODY_BUFFER;
	if (!c->lines)
		return HTTP_BODY_BUFFER;
	c->route->stream(c);
	return HTTP_BODY_STREAM;
}

static void on_body(void *arg, struct http_request *q, const uint8_t *data, size_t n)
{
	struct api_call *c = q->user;

	(void)arg;
	if (c && c->stream)
		c->stream->ops->feed(c->stream, data, n);
}

static void on_complete(void *arg, struct http_request *q, const uint8_t *data, size_t n)
{
	struct api_call *c = q->user;

	(void)arg;
	if (!c)
		return;
	if (c->stream)
		c->stream->ops->end(c->stream);
	else if (c->route->takes == TAKES_NOTHING && n > 0)
		api_refuse(c, API_UNEXPECTED_BODY, NULL, "this call takes no body; leave it out");
	else
		c->route->handle(c, data, n);
}

static void on_abort(void *arg, struct http_request *q)
{
	struct api_call *c = q->user;

	(void)arg;
	if (!c)
		return;
	q->user = NULL;
	c->q = NULL;
	api_hold(c); /* until the last line: what follows may let go of it */
	api_unwait(c->api, &c->waiter);
	if (c->message) {
		message_free(c->message);
		c->message = NULL;
		api_key_drop(c->api, &c->key);
	}
	if (c->stream)
		c->stream->ops->abort(c->stream);
	api_body_abort(c);
	api_list_abort(c);
	api_let_go(c);
}

const struct http_ops *api_ops(void)
{
	static const struct http_ops ops = {
		.on_request = on_request,
		.on_body = on_body,
		.on_complete = on_complete,
		.on_abort = on_abort,
	};

	return &ops;
}

/* ---- Life. ---- */

static uint32_t client_id_of(void *arg, const char *name)
{
	return names_get(arg, NAME_CLIENT, name);
}

struct api *api_new(const struct api_parts *p)
{
	struct api *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->p = *p;
	a->waiters_tail = &a->waiters;
	a->runners_tail = &a->runners;
	a->main = (struct api_listener){.api = a};
	a->admin = (struct api_listener){.api = a, .admin = true};
	a->unicode = unicode_new();
	a->auth = auth_new();
	a->preview = malloc(sizeof(*a->preview));
	if (!a->unicode || !a->auth || !a->preview || auth_set(a->auth, p->conf, client_id_of, p->names) < 0) {
		auth_free(a->auth);
		unicode_free(a->unicode);
		free(a->preview);
		free(a);
		return NULL;
	}
	uv_timer_init(p->loop, &a->timer); /* neither can fail */
	uv_idle_init(p->loop, &a->idle);
	a->timer.data = a;
	a->idle.data = a;
	a->n_open = 2;
	return a;
}

void *api_listener(struct api *a, bool admin)
{
	return admin ? &a->admin : &a->main;
}

void api_set_server(struct api *a, bool admin, const struct http_server *srv)
{
	(admin ? &a->admin : &a->main)->srv = srv;
}

int api_reload(struct api *a, const struct conf *c)
{
	int r = auth_set(a->auth, c, client_id_of, a->p.names);

	if (r < 0)
		return r;
	a->p.conf = c;
	return 0;
}

void api_stopping(struct api *a)
{
	struct api_stream *next;

	a->stopping = true;
	for (struct api_stream *s = a->streams; s; s = next) {
		next = s->next;
		s->ops->stopping(s);
	}
}

void api_part_gone(struct api *a)
{
	struct api_call *c;

	if (--a->n_open > 0)
		return;
	while ((c = a->pool)) {
		a->pool = c->next_free;
		free(c);
	}
	auth_free(a->auth);
	unicode_free(a->unicode);
	free(a->preview);
	free(a);
}

static void on_handle_closed(uv_handle_t *h)
{
	api_part_gone(h->data);
}

void api_free(struct api *a)
{
	if (!a)
		return;
	a->main.srv = a->admin.srv = NULL;
	uv_close((uv_handle_t *)&a->timer, on_handle_closed);
	uv_close((uv_handle_t *)&a->idle, on_handle_closed);
}
