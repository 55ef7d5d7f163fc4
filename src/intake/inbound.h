/* SPDX-License-Identifier: Apache-2.0 */
/* inbound.h -- what links hand in: an inbound message (MO) goes to a client, to the disk, and only then is
 * acknowledged.
 *
 * The first rule of `inbound` that matches names the client; no rule: the only client there is, else nobody,
 * and operators find it in GET /v1/inbound.  The acknowledgement to the peer follows the commit, so a message
 * that was acknowledged is never lost; one that was not is sent again by the peer.
 *
 * Operations come from a pool with a bound.  When it is used up the link is told to refuse for now: the
 * peer's own queue is then the buffer.
 */
#ifndef INTAKE_INBOUND_H
#define INTAKE_INBOUND_H

#include "base/conf.h"
#include "driver.h"
#include "queue/names.h"
#include "queue/store.h"
#include "report/stats.h"

struct inbound;

/* All lent.  NULL: out of memory. */
struct inbound *inbound_new(struct store *s, struct names *names, struct stats *stats, const struct conf *c);
void inbound_reload(struct inbound *in, const struct conf *c);
void inbound_free(struct inbound *in); /* the store is closed: nothing is staged any more */

/* For link_sinks.inbound.  0: link_ack(l, token, 0 or -errno) follows.  -EAGAIN, -ENOMEM: not taken, ask for
 * it again. */
int inbound_take(void *arg, struct link *l, const struct link_inbound *m, struct driver_token token);

/* A link is about to be freed: it gets no acknowledgement any more. */
void inbound_forget(struct inbound *in, const struct link *l);

/* The client that a message belongs to by the rules, or NULL.  Apart for tests. */
const char *inbound_client(const struct conf *c, const char *link, const struct link_inbound *m);

#endif
