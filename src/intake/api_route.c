/* SPDX-License-Identifier: Apache-2.0 */
/* api_route.c -- see api_route.h. */
#include "intake/api_route.h"

#include "intake/api_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SEGMENTS_MAX 6

static const struct api_route routes[] = {
	{HTTP_METHOD_POST, "v1/messages", ROLE_CLIENT, TAKES_JSON_OR_LINES, api_post_messages, {"results"},
		api_post_lines},
	{HTTP_METHOD_GET, "v1/messages", ROLE_CLIENT, TAKES_NOTHING, api_list_messages,
		{"ref", "to", "tag", "state", "campaign", "since", "until", "limit", "after", "client"}, NULL},
	{HTTP_METHOD_DELETE, "v1/messages", ROLE_CLIENT, TAKES_NOTHING, api_cancel_tag,
		{"tag", "results", "client"}, NULL},
	{HTTP_METHOD_GET, "v1/messages/*", ROLE_CLIENT, TAKES_NOTHING, api_get_message, {NULL}, NULL},
	{HTTP_METHOD_DELETE, "v1/messages/*", ROLE_CLIENT, TAKES_NOTHING, api_cancel_message, {NULL}, NULL},
	{HTTP_METHOD_GET, "v1/messages/*/events", ROLE_CLIENT, TAKES_NOTHING, api_get_events, {NULL}, NULL},
	{HTTP_METHOD_GET, "v1/streams/*", ROLE_CLIENT, TAKES_NOTHING, api_get_stream, {"client"}, NULL},
	{HTTP_METHOD_POST, "v1/preview", ROLE_CLIENT, TAKES_ALL_FORMS, api_preview, {"results"},
		api_preview_stream},
	{HTTP_METHOD_GET, "v1/inbound", ROLE_CLIENT, TAKES_NOTHING, api_list_inbound,
		{"since", "from", "to", "limit", "after", "client"}, NULL},
	{HTTP_METHOD_GET, "v1/totals", ROLE_CLIENT, TAKES_NOTHING, api_totals,
		{"campaign", "tag", "since", "until", "after", "client"}, NULL},
	{HTTP_METHOD_GET, "v1/links", ROLE_OPERATOR, TAKES_NOTHING, api_list_links, {NULL}, NULL},
	{HTTP_METHOD_PATCH, "v1/links/*", ROLE_OPERATOR, TAKES_JSON, api_change_link, {NULL}, NULL},
	{HTTP_METHOD_GET, "v1/links/*/trace", ROLE_OPERATOR, TAKES_NOTHING, api_show_trace, {NULL}, NULL},
	{HTTP_METHOD_POST, "v1/links/*/ussd", ROLE_OPERATOR, TAKES_JSON, api_ussd, {NULL}, NULL},
	{HTTP_METHOD_POST, "v1/links/*/*", ROLE_OPERATOR, TAKES_NOTHING, api_control_link, {NULL}, NULL},
	{HTTP_METHOD_GET, "v1/ports", ROLE_OPERATOR, TAKES_NOTHING, api_list_ports, {NULL}, NULL},
	{HTTP_METHOD_GET, "v1/queue", ROLE_OPERATOR, TAKES_NOTHING, api_show_queue, {NULL}, NULL},
	{HTTP_METHOD_GET, "v1/webhooks", ROLE_OPERATOR, TAKES_NOTHING, api_list_webhooks, {NULL}, NULL},
	{HTTP_METHOD_POST, "v1/webhooks/*/replay", ROLE_OPERATOR, TAKES_NOTHING, api_replay_webhook,
		{"since"}, NULL},
	{HTTP_METHOD_GET, "v1/receipts/parked", ROLE_OPERATOR, TAKES_NOTHING, api_list_parked,
		{"link", "limit", "after"}, NULL},
	{HTTP_METHOD_GET, "healthz", ROLE_ADMIN_OPEN, TAKES_NOTHING, api_healthz, {NULL}, NULL},
	{HTTP_METHOD_GET, "readyz", ROLE_ADMIN_OPEN, TAKES_NOTHING, api_readyz, {NULL}, NULL},
	{HTTP_METHOD_GET, "metrics", ROLE_ADMIN_OPEN, TAKES_NOTHING, api_metrics, {NULL}, NULL},
};
#define N_ROUTES (sizeof(routes) / sizeof(routes[0]))

const struct api_route *api_route_at(unsigned i)
{
	return i < N_ROUTES ? &routes[i] : NULL;
}

/* Does the pattern fit, whatever the method? */
static bool fits(const char *pattern, const char *const *segments, unsigned n)
{
	unsigned i = 0;

	for (;; i++) {
		size_t len = strcspn(pattern, "/");

		if (i == n)
			return false;
		if (len == 1 && *pattern == '*') {
			if (segments[i][0] == '\0')
				return false;
		} else if (strlen(segments[i]) != len || memcmp(segments[i], pattern, len) != 0) {
			return false;
		}
		if (pattern[len] == '\0')
			return i + 1 == n;
		pattern += len + 1;
	}
}

static bool take_params(
	const char *pattern, const char *const *segments, char params[API_PATH_PARAMS][API_PARAM_MAX])
{
	unsigned n = 0;

	for (unsigned i = 0;; i++) {
		size_t len = strcspn(pattern, "/");

		if (*pattern == '*') {
			if (strlen(segments[i]) >= API_PARAM_MAX)
				return false;
			strcpy(params[n++], segments[i]);
		}
		if (pattern[len] == '\0')
			return true;
		pattern += len + 1;
	}
}

static const char *allow_text(bool get, bool post, bool del, bool patch)
{
	static const char *const texts[16] = {
		"",
		"GET, HEAD",
		"POST",
		"GET, HEAD, POST",
		"DELETE",
		"GET, HEAD, DELETE",
		"POST, DELETE",
		"GET, HEAD, POST, DELETE",
		"PATCH",
		"GET, HEAD, PATCH",
		"POST, PATCH",
		"GET, HEAD, POST, PATCH",
		"DELETE, PATCH",
		"GET, HEAD, DELETE, PATCH",
		"POST, DELETE, PATCH",
		"GET, HEAD, POST, DELETE, PATCH",
	};

	return texts[get | post << 1 | del << 2 | patch << 3];
}

const struct api_route *api_route_match(enum http_method method, const char *const *segments, unsigned n,
	char params[API_PATH_PARAMS][API_PARAM_MAX], const char **ret_allow)
{
	bool get = false, post = false, del = false, patch = false;

	if (method == HTTP_METHOD_HEAD)
		method = HTTP_METHOD_GET;
	for (size_t i = 0; i < N_ROUTES; i++) {
		if (!fits(routes[i].path, segments, n))
			continue;
		if (routes[i].method == method && take_params(routes[i].path, segments, params))
			return &routes[i];
		get |= routes[i].method == HTTP_METHOD_GET;
		post |= routes[i].method == HTTP_METHOD_POST;
		del |= routes[i].method == HTTP_METHOD_DELETE;
		patch |= routes[i].method == HTTP_METHOD_PATCH;
	}
	*ret_allow = allow_text(get, post, del, patch);
	return NULL;
}

const struct api_route *api_route_find(
	const struct http_request *q, char params[API_PATH_PARAMS][API_PARAM_MAX], const char **ret_allow)
{
	char text[SEGMENTS_MAX][API_PARAM_MAX];
	const char *segments[SEGMENTS_MAX];
	unsigned n = 0;
	int r;

	*ret_allow = "";
	while (n < SEGMENTS_MAX) {
		r = http_path_segment(q, n, text[n], API_PARAM_MAX);
		if (r == -ENOENT)
			return api_route_match(q->method, segments, n, params, ret_allow);
		if (r < 0)
			return NULL;
		segments[n] = text[n];
		n++;
	}
	return NULL;
}

bool api_route_has_param(const struct api_route *r, const char *name)
{
	for (unsigned i = 0; i < API_ROUTE_PARAMS && r->query[i]; i++)
		if (!strcmp(r->query[i], name))
			return true;
	return false;
}
