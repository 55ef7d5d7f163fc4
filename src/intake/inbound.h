/* SPDX-License-Identifier: Apache-2.0 */
/* inbound.h -- what links hand in: an inbound message (MO) goes to a client, to the disk, and only then is
 * acknowledged.
 *
 * The first rule of `inbound` that matches names the client; no rule: the only client there is, else nobody,
 * and operators find it in GET /v1/inbound.  The acknowledgement to the peer follows the commit, so a message
 * that was acknowledged is never lost; one that was not is sent again by the peer.
 *
 * A part of a message is acknowledged when it is on disk.  The last one, or the deadline, joins what is there
 * (inbound_parts.c); the rules see the whole text.
 *
 * Operations come from a pool with a bound.  When it is used up the link is told to refuse for now: the
 * peer's own queue is then the buffer.
 */
#ifndef INTAKE_INBOUND_H
#define INTAKE_INBOUND_H

#include <uv.h>

#include "base/conf.h"
#include "driver.h"
#include "queue/names.h"
#include "queue/store.h"
#include "report/stats.h"

struct inbound;

struct inbound_needs {
	uv_loop_t *loop;
	struct store *store;
	struct names *names;
	struct stats *stats;
	const struct conf *conf;
	struct link *(*link_find)(void *arg, const char *name); /* NULL: no link of that name now */
	void *link_arg;
};

/* All lent.  NULL: out of memory. */
struct inbound *inbound_new(const struct inbound_needs *needs);
void inbound_start(struct inbound *in); /* first of all it joins what an earlier process left complete */
void inbound_reload(struct inbound *in, const struct conf *c);
void inbound_stop(struct inbound *in); /* nothing more is joined; parts and messages are still taken */
void inbound_free(struct inbound *in); /* the store is closed: nothing is staged any more */

/* For link_sinks.inbound.  0: link_ack(l, token, 0 or -errno) follows.  -EAGAIN, -ENOMEM: not taken, ask for
 * it again. */
int inbound_take(void *arg, struct link *l, const struct link_inbound *m, struct driver_token token);

/* A link is about to be freed: it gets no acknowledgement any more. */
void inbound_forget(struct inbound *in, const struct link *l);

/* The client that a message belongs to by the rules, or NULL.  Apart for tests. */
const char *inbound_client(const struct conf *c, const char *link, const struct link_inbound *m);

#endif
