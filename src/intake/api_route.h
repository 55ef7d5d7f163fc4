/* SPDX-License-Identifier: Apache-2.0 */
/* api_route.h -- the one table of calls: method, path, who may, what it takes.
 *
 * Everything that can be refused before a handler runs is decided from this table, so that a new call cannot
 * forget a check.  docs/openapi.yaml describes the same calls; a test compares the two.
 */
#ifndef INTAKE_API_ROUTE_H
#define INTAKE_API_ROUTE_H

#include <stdbool.h>

#include "intake/http.h"

enum api_role {
	ROLE_ADMIN_OPEN, /* no key on the admin listener, an operator's on the main one */
	ROLE_CLIENT,	 /* any key */
	ROLE_OPERATOR
};

enum api_takes {
	TAKES_NOTHING,
	TAKES_JSON,
	TAKES_JSON_OR_LINES, /* application/x-ndjson is streamed */
	TAKES_ALL_FORMS	     /* and text/csv */
};

#define API_PATH_PARAMS	 2
#define API_PARAM_MAX	 256
#define API_ROUTE_PARAMS 12

struct api_call;

struct api_route {
	enum http_method method; /* GET serves HEAD too */
	const char *path;	 /* segments; "*" is any one segment, and becomes the next path parameter */
	enum api_role role;
	enum api_takes takes;
	/* The body is complete, or there is none.  Streams do not come here. */
	void (*handle)(struct api_call *c, const uint8_t *body, size_t n);
	const char *query[API_ROUTE_PARAMS]; /* allowed parameters, NULL at the end */
	void (*stream)(struct api_call *c);  /* the head of a stream is there, its body is still to come */
};

const struct api_route *api_route_at(unsigned i); /* NULL after the last */

/* The route of a request; path parameters go to `params`.  NULL: *ret_allow is "" when no route has the path,
 * else the value for the Allow header. */
const struct api_route *api_route_find(
	const struct http_request *q, char params[API_PATH_PARAMS][API_PARAM_MAX], const char **ret_allow);

/* The same for a path already cut into segments. */
const struct api_route *api_route_match(enum http_method method, const char *const *segments, unsigned n,
	char params[API_PATH_PARAMS][API_PARAM_MAX], const char **ret_allow);

bool api_route_has_param(const struct api_route *r, const char *name);

#endif
