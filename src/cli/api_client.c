/* SPDX-License-Identifier: Apache-2.0 */
/* api_client.c -- one connection to the gateway's HTTP API, by libcurl; the promises are in api_client.h.
 *
 * One easy handle for all calls: libcurl keeps its connection, so polling costs no new TCP or TLS handshake.
 *
 * Of a stream only this is special: the gateway may answer before it has read everything (refused key, overload) and
 * close.  libcurl then reports a broken upload although the answer is there; so a broken transfer whose answer is
 * complete JSON counts as answered.
 */
#include "config.h"

#include "cli/api_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/cli.h"

enum {
	CONNECT_MS = 10000,
	CALL_MS = 75000,   /* an answer to USSD may take the gateway a minute */
	ANSWER_MAX_OCTETS = 64 << 20,
	STALL_S = 120,     /* the gateway pauses up to 30 s when it is full; beyond this the line is dead */
	UPLOAD_OCTETS = 256 << 10,
};

struct api {
	CURL *easy;
	char *url;
	char *authorization; /* the header line; NULL: no key */
	char *ca_file;
	bool loopback;
	struct text why;
	char error[CURL_ERROR_SIZE];
};

struct transfer {
	struct api *api;
	struct api_answer *answer;
	const struct api_stream *stream;
	int read_error;
	bool too_long;
};

void api_answer_done(struct api_answer *a)
{
	json_decref(a->json);
	text_done(&a->body);
	*a = (struct api_answer){ 0 };
}

static bool is_loopback(const char *host)
{
	return strncmp(host, "127.", 4) == 0 || strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}

/* Check the URL before anything is sent, and learn whether it stays on this machine. */
static int check_url(const char *url, bool *ret_loopback)
{
	CURLU *u = curl_url();
	char *scheme = NULL, *host = NULL, *query = NULL;
	int r = -EINVAL;

	if (!u)
		return -ENOMEM;
	if (curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_QUERY, &query, 0) == CURLUE_NO_QUERY &&
		(strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0)) {
		*ret_loopback = is_loopback(host);
		r = 0;
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(query);
	curl_url_cleanup(u);
	return r;
}

int api_new(const struct settings *s, struct api **ret_api)
{
	struct api *api;
	bool loopback;
	int r;

	if (s->key && strpbrk(s->key, "\r\n"))
		return -EINVAL;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -ENOMEM;
	r = check_url(s->url, &loopback);
	if (r < 0)
		return r;
	api = calloc(1, sizeof *api);
	if (!api)
		return -ENOMEM;
	api->easy = curl_easy_init();
	if (!api->easy) {
		free(api);
		return -ENOMEM;
	}
	api->url = text_strdup(s->url);
	api->ca_file = text_strdup(s->ca_file);
	api->loopback = loopback;
	if (s->key) {
		struct text line = { 0 };

		text_printf(&line, "Authorization: Bearer %s", s->key);
		api->authorization = line.at;
	}
	*ret_api = api;
	return 0;
}

void api_free(struct api *api)
{
	if (!api)
		return;
	curl_easy_cleanup(api->easy);
	if (api->authorization)
		explicit_bzero(api->authorization, strlen(api->authorization));
	free(api->authorization);
	free(api->url);
	free(api->ca_file);
	text_done(&api->why);
	free(api);
	curl_global_cleanup();
}

const char *api_why(const struct api *api)
{
	return api->why.n ? api->why.at : "no reason known";
}

const char *api_url(const struct api *api)
{
	return api->url;
}

static size_t on_body(char *octets, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	if (t->answer->body.n + size * n > ANSWER_MAX_OCTETS) {
		t->too_long = true;
		return 0;
	}
	text_add(&t->answer->body, octets, size * n);
	return size * n;
}

/* Does this header line bear `name`?  Then return its value. */
static const char *header_value(const char *line, size_t n, const char *name)
{
	size_t n_name = strlen(name);

	if (n <= n_name || strncasecmp(line, name, n_name) != 0 || line[n_name] != ':')
		return NULL;
	line += n_name + 1;
	return line + strspn(line, " \t");
}

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	char copy[128];
	size_t n_copy = size * n < sizeof copy - 1 ? size * n : sizeof copy - 1;
	const char *value;

	memcpy(copy, line, n_copy);
	copy[n_copy] = 0;
	value = header_value(copy, n_copy, "Retry-After");
	if (value)
		t->answer->retry_after_s = strtol(value, NULL, 10);
	value = header_value(copy, n_copy, "Idempotent-Replay");
	if (value)
		t->answer->replay = strncasecmp(value, "true", 4) == 0;
	return size * n;
}

static size_t on_read(char *buf, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	long got = t->stream->read(t->stream->arg, buf, size * n);

	if (got < 0) {
		t->read_error = (int)got;
		return CURL_READFUNC_ABORT;
	}
	return (size_t)got;
}

static int on_tick(void *arg, curl_off_t n_down, curl_off_t n_downloaded, curl_off_t n_up, curl_off_t n_uploaded)
{
	struct transfer *t = arg;

	if (cli_interrupted)
		return 1;
	return t->stream && t->stream->tick && !t->stream->tick(t->stream->arg);
}

static void set_common(struct api *api, struct transfer *t, const char *path)
{
	CURL *e = api->easy;
	struct text url = { 0 };

	curl_easy_reset(e); /* keeps the connection */
	text_printf(&url, "%s%s", api->url, path);
	curl_easy_setopt(e, CURLOPT_URL, url.at);
	text_done(&url);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, api->error);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(e, CURLOPT_USERAGENT, PACKAGE_NAME "-cli/" PACKAGE_VERSION);
#if LIBCURL_VERSION_NUM >= 0x075500 /* 7.85.0 */
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(e, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	if (api->loopback) /* a proxy would look for the gateway on its own machine */
		curl_easy_setopt(e, CURLOPT_PROXY, "");
	if (api->ca_file)
		curl_easy_setopt(e, CURLOPT_CAINFO, api->ca_file);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, on_tick);
	curl_easy_setopt(e, CURLOPT_XFERINFODATA, t);
}

static struct curl_slist *headers_of(const struct api *api, const char *content_type, const char *key_id)
{
	struct curl_slist *list = curl_slist_append(NULL, "Accept: application/json");
	struct text line = { 0 };

	if (api->authorization)
		list = curl_slist_append(list, api->authorization);
	if (content_type) {
		text_printf(&line, "Content-Type: %s", content_type);
		list = curl_slist_append(list, line.at);
		text_clear(&line);
	}
	if (key_id) {
		text_printf(&line, "Idempotency-Key: %s", key_id);
		list = curl_slist_append(list, line.at);
	}
	text_done(&line);
	return list;
}

static int error_of(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_URL_MALFORMAT:
		return -ECONNREFUSED;
	default:
		return -EPIPE;
	}
}

static int perform(struct api *api, struct transfer *t)
{
	struct api_answer *a = t->answer;
	CURLcode code;

	api->error[0] = 0;
	code = curl_easy_perform(api->easy);
	curl_easy_getinfo(api->easy, CURLINFO_RESPONSE_CODE, &a->status);
	if (a->body.n && (code == CURLE_OK || a->status >= 200))
		a->json = json_loadb(a->body.at, a->body.n, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
	if (code == CURLE_OK || (a->json && a->status >= 200 && !cli_interrupted && !t->read_error))
		return 0;
	text_clear(&api->why);
	text_puts(&api->why,
		t->too_long ? "the answer is too long" : api->error[0] ? api->error : curl_easy_strerror(code));
	api_answer_done(a);
	if (t->read_error)
		return t->read_error;
	return code == CURLE_ABORTED_BY_CALLBACK ? -EINTR : error_of(code);
}

int api_call(struct api *api, const char *method, const char *path, const json_t *body, const char *key_id,
	struct api_answer *ret_answer)
{
	struct transfer t = { .api = api, .answer = ret_answer };
	char *dump = body ? json_dumps(body, JSON_COMPACT) : NULL;
	bool post = strcmp(method, "POST") == 0;
	struct curl_slist *headers = headers_of(api, dump ? "application/json" : NULL, key_id);
	int r;

	*ret_answer = (struct api_answer){ 0 };
	set_common(api, &t, path);
	curl_easy_setopt(api->easy, CURLOPT_TIMEOUT_MS, (long)CALL_MS);
	if (post || dump) { /* also without a body: Content-Length: 0 must be there */
		curl_easy_setopt(api->easy, CURLOPT_POSTFIELDS, dump ? dump : "");
		curl_easy_setopt(api->easy, CURLOPT_POSTFIELDSIZE, dump ? (long)strlen(dump) : 0L);
		if (!dump) /* no body, so no type; libcurl would add that of a form */
			headers = curl_slist_append(headers, "Content-Type:");
	}
	if (!post)
		curl_easy_setopt(api->easy, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(api->easy, CURLOPT_HTTPHEADER, headers);
	r = perform(api, &t);
	curl_slist_free_all(headers);
	free(dump);
	return r;
}

int api_post_stream(struct api *api, const struct api_stream *s, struct api_answer *ret_answer)
{
	struct transfer t = { .api = api, .answer = ret_answer, .stream = s };
	struct curl_slist *headers = headers_of(api, s->content_type, s->key_id);
	int r;

	*ret_answer = (struct api_answer){ 0 };
	set_common(api, &t, s->path);
	/* The length is not known before the end, so the body goes out in chunks (RFC 9112, 7.1). */
	headers = curl_slist_append(headers, "Transfer-Encoding: chunked");
	curl_easy_setopt(api->easy, CURLOPT_POST, 1L);
	curl_easy_setopt(api->easy, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(api->easy, CURLOPT_READDATA, &t);
	curl_easy_setopt(api->easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_OCTETS);
	curl_easy_setopt(api->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(api->easy, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
	curl_easy_setopt(api->easy, CURLOPT_HTTPHEADER, headers);
	r = perform(api, &t);
	curl_slist_free_all(headers);
	return r;
}
