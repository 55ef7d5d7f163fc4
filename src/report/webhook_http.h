/* SPDX-License-Identifier: Apache-2.0 */
/* webhook_http.h -- signed POST requests: libcurl's multi interface on a libuv loop.
 *
 * libcurl says which sockets it waits for and when it wants to be called; every socket becomes a uv_poll
 * and the time one uv_timer.  There is no thread of ours; libcurl resolves names in threads of its own,
 * so that the loop never blocks.
 *
 * What a request may do is narrow on purpose, as its target is a client's to choose:
 *  - http and https only, no redirects (they could lead anywhere), certificates are verified;
 *  - no proxy from the environment, no cookies, no credentials from files;
 *  - unless allow_private, no connection to loopback, private, link-local and other special addresses.
 *    The check looks at the address that is connected to, not at the name, so that a name cannot be
 *    turned round behind it;
 *  - an answer's body is thrown away, and one that does not end is cut off.
 *
 * A post is one easy handle with the buffer of its body.  Posts are pooled: connections belong to the
 * multi handle and are kept when a post goes back, so a pool smaller than the number of endpoints costs
 * nothing but memory.
 */
#ifndef WEBHOOK_HTTP_H
#define WEBHOOK_HTTP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"

struct sockaddr;
struct webhook_http;
struct webhook_post;

struct webhook_limits {
	int64_t timeout_ms, connect_timeout_ms;
	bool allow_private;
	unsigned connections; /* kept open between requests, all endpoints together */
};

struct webhook_answer {
	int status;		/* 0: none came */
	int64_t retry_after_ms; /* as asked for by the endpoint, 0: not */
	bool private_address;	/* refused: allow_private is off */
	const char *error;	/* one phrase when no whole answer came; lent for the call */
};

typedef void (*webhook_post_cb)(void *arg, const struct webhook_answer *a);

int webhook_http_new(uv_loop_t *loop, struct webhook_http **ret);
/* For the requests that begin from now on. */
void webhook_http_limits(struct webhook_http *h, const struct webhook_limits *l);

/* A post out of the pool, its body empty; NULL when memory is out. */
struct webhook_post *webhook_post_take(struct webhook_http *h);
/* Back to the pool.  A request under way is broken off, without done(). */
void webhook_post_give(struct webhook_post *p);
struct buf *webhook_post_body(struct webhook_post *p);
/* Send the body, signed when there is a secret.  done() runs once, later, from the loop; then the post
 * may be sent again. */
int webhook_post_send(
	struct webhook_post *p, const char *url, const char *secret, webhook_post_cb done, void *arg);

/* When every post has been given back.  Closes the connections and handles, then stopped(). */
void webhook_http_stop(struct webhook_http *h, void (*stopped)(void *arg), void *arg);
void webhook_http_free(struct webhook_http *h); /* after stopped() */

/* Whether an address is none of the public internet's; for the guard, and for its test. */
bool webhook_is_private(const struct sockaddr *sa);

#endif
