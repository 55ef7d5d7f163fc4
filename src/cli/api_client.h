/* SPDX-License-Identifier: Apache-2.0 */
/* api_client.h -- one connection to the gateway's HTTP API.
 *
 * Calls block; the connection is kept between them.  Only http and https are spoken, no redirect is followed (the key
 * would go along), and answers are bounded.  An answer of any status is an answer: what it means is for the caller.
 */
#ifndef POSTHORN_CLI_API_CLIENT_H
#define POSTHORN_CLI_API_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "cli/settings.h"
#include "cli/text.h"

struct api;

struct api_answer {
	long status;
	json_t *json;        /* NULL: the body is no JSON */
	struct text body;
	long retry_after_s;  /* of Retry-After; 0: none */
	bool replay;         /* the answer of an earlier request with the same idempotency key */
};

void api_answer_done(struct api_answer *a);

int api_new(const struct settings *s, struct api **ret_api); /* 0 or -errno; `s` is copied */
void api_free(struct api *api);

/* Returns 0 when an answer came, or -errno: -ECONNREFUSED when there was no way to the gateway, -EPIPE when the
 * connection broke on the way, -EINTR when the caller was interrupted; api_why() says more.  `path` begins with a
 * slash.  `key_id` is the idempotency key, NULL for none. */
int api_call(struct api *api, const char *method, const char *path, const json_t *body, const char *key_id,
	struct api_answer *ret_answer);

struct api_stream {
	const char *path;
	const char *content_type;
	const char *key_id;
	/* Up to `n` octets of the body; 0 ends it, -errno breaks it off. */
	long (*read)(void *arg, char *buf, size_t n);
	/* Called at least once a second.  false: break off. */
	bool (*tick)(void *arg);
	void *arg;
};

/* Post a body of any length in constant memory. */
int api_post_stream(struct api *api, const struct api_stream *s, struct api_answer *ret_answer);

const char *api_why(const struct api *api);
const char *api_url(const struct api *api);

#endif
