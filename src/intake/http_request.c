/* SPDX-License-Identifier: Apache-2.0 */
/* http_request.c -- questions a handler may ask about a request: path, query, headers. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "intake/http_int.h"

enum { NAME_MAX_OCTETS = 64 }; /* of a query parameter: ours are shorter, longer ones match nothing */

/* One name=value of a query, still encoded. */
struct pair {
	const char *name, *value;
	size_t n_name, n_value;
};

/* Step over one parameter; false at the end.  Empty ones ("a=1&&b=2") are skipped. */
static bool next_pair(const char **at, const char *end, struct pair *ret)
{
	const char *s, *amp, *eq;

	for (s = *at; s < end && *s == '&'; s++)
		;
	if (s >= end)
		return false;
	amp = memchr(s, '&', (size_t)(end - s));
	*at = amp != NULL ? amp : end;
	eq = memchr(s, '=', (size_t)(*at - s));
	ret->name = s;
	ret->n_name = (size_t)((eq != NULL ? eq : *at) - s);
	ret->value = eq != NULL ? eq + 1 : *at;
	ret->n_value = (size_t)(*at - ret->value);
	return true;
}

int http_query_get(const struct http_request *q, const char *name, char *buf, size_t cap)
{
	const struct http_head *h = &http_work_of(q)->head;
	const char *at = http_head_at(h, h->query), *end = at + h->n_query;
	char decoded[NAME_MAX_OCTETS];
	struct pair p;

	while (next_pair(&at, end, &p)) {
		if (http_percent_decode(p.name, p.n_name, true, decoded, sizeof(decoded)) == 0 &&
			strcmp(decoded, name) == 0)
			return http_percent_decode(p.value, p.n_value, true, buf, cap);
	}
	return -ENOENT;
}

int http_query_at(
	const struct http_request *q, unsigned i, char *name, size_t name_cap, char *value, size_t value_cap)
{
	const struct http_head *h = &http_work_of(q)->head;
	const char *at = http_head_at(h, h->query), *end = at + h->n_query;
	struct pair p;
	int r;

	do {
		if (!next_pair(&at, end, &p))
			return -ENOENT;
	} while (i-- > 0);
	r = http_percent_decode(p.name, p.n_name, true, name, name_cap);
	return r < 0 ? r : http_percent_decode(p.value, p.n_value, true, value, value_cap);
}

int http_path_segment(const struct http_request *q, unsigned i, char *buf, size_t cap)
{
	const struct http_head *h = &http_work_of(q)->head;
	const char *s = http_head_at(h, h->path), *end = s + h->n_path, *slash;

	for (;;) {
		if (s >= end || *s != '/')
			return -ENOENT;
		s++;
		slash = memchr(s, '/', (size_t)(end - s));
		if (slash == NULL)
			slash = end;
		if (i-- == 0)
			return http_percent_decode(s, (size_t)(slash - s), false, buf, cap);
		s = slash;
	}
}

const char *http_header_get(const struct http_request *q, const char *name)
{
	const struct http_head *h = &http_work_of(q)->head;
	size_t n = strlen(name);

	for (unsigned i = 0; i < h->n_headers; i++) {
		const struct http_header *x = &h->headers[i];

		if (x->n_name == n && strncasecmp(http_head_at(h, x->name), name, n) == 0)
			return http_head_at(h, x->value);
	}
	return NULL;
}

void http_request_peer(const struct http_request *q, struct sockaddr_storage *ret_addr)
{
	stream_peer(http_conn_stream(http_work_of(q)->conn), ret_addr);
}

bool http_request_is_left(const struct http_request *q)
{
	return stream_is_left(http_conn_stream(http_work_of(q)->conn));
}

bool http_request_is_tls(const struct http_request *q)
{
	return stream_is_tls(http_conn_stream(http_work_of(q)->conn));
}
