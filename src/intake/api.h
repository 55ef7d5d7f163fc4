/* SPDX-License-Identifier: Apache-2.0 */
/* api.h -- the HTTP API, version 1, between the HTTP server and the parts that do the work.
 *
 * Promises:
 *
 *  1. 202 means on disk, synced: the answer to a post is written in the commit's callback and nowhere else.
 *  2. Memory is bounded for any body: streams are read, checked and committed in chunks of at most 1,000
 * rows, and the socket is not read while two chunks are held.
 *  3. The loop is never kept for long: JSON over 64 kB is parsed on another thread, rows are checked at most
 * 500 a turn.
 *  4. A client sees and touches its own messages only; others' are 404, as if they were not there.
 *
 * How to plug it in: api_new(), http_server_new(…, api_ops(), api_listener(api, admin)), api_set_server(). On
 * the admin listener /healthz, /readyz and /metrics need no key; everything else is the same on both.
 *
 * To stop: api_stopping(), http_server_stop() for both servers, stop queue and store, then api_free().
 */
#ifndef INTAKE_API_H
#define INTAKE_API_H

#include <stdbool.h>

#include "base/conf.h"
#include "intake/http.h"
#include "queue/names.h"
#include "queue/queue.h"
#include "queue/store.h"
#include "report/stats.h"
#include "report/webhook.h"
#include "route/link.h"
#include "route/router.h"

struct api;

/* All lent; they must outlive the api.  webhooks may be NULL (none). */
struct api_parts {
	uv_loop_t *loop;
	struct queue *queue;
	struct store *store;
	struct names *names;
	struct router *router;
	struct webhooks *webhooks;
	struct stats *stats;
	const struct conf *conf;
	struct link *(*link_find)(void *arg, const char *name);
	void (*link_each)(void *arg, void (*each)(void *each_arg, struct link *l), void *each_arg);
	void *link_arg;
};

struct api *api_new(const struct api_parts *p); /* NULL: out of memory */

/* For http_server_new(): the table of callbacks, and their argument for one of the two listeners. */
const struct http_ops *api_ops(void);
void *api_listener(struct api *a, bool admin);
/* Whose counters /metrics shows for that listener. */
void api_set_server(struct api *a, bool admin, const struct http_server *srv);

/* A new configuration is in force; the old one may be freed afterwards.  -ENOMEM: the old one stays. */
int api_reload(struct api *a, const struct conf *c);

/* From now on /readyz says stopping, and streams that are still coming in are answered with how far they got.
 */
void api_stopping(struct api *a);

/* No request may be left (both servers stopped, store closed).  The memory goes when libuv has closed the
 * handles: run the loop once more. */
void api_free(struct api *a);

#endif
