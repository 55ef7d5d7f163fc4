/* SPDX-License-Identifier: Apache-2.0
 *
 * router.h -- rules to links: the first rule whose prefix, class, client and sender all match names the route.
 *
 * A route is a rule; its links are in order of preference.  No rule: route 0, and the message waits with the reason
 * no_route until a reload brings a rule or its ttl ends.
 */
#ifndef ROUTER_H
#define ROUTER_H

#include "route/link.h"

struct router;

/* A TLV that a link of a route declares.  Names may repeat: each link says how its own is. */
struct route_tlv {
	char name[MSG_TLV_NAME_MAX + 1]; /* "": only the link gives the value */
	char link[64];
	enum conf_tlv_type type;
	int64_t min, max;
	bool required, has_value;
};

struct route_tlvs {
	struct route_tlv *tlv;
	size_t n;
};

struct router *router_new(struct names *names);
void router_free(struct router *r);
/* Take the rules of a configuration and tell the queue; `link_of` finds the link of a name. */
int router_set(struct router *r, struct queue *q, const struct conf *c,
	struct link *(*link_of)(void *arg, const char *name), void *arg);
/* The id (NAME_ROUTE) of the first matching rule, 0 = none. */
uint32_t router_match(const struct router *r, const struct message *m);
/* What its preferred link understands; the plainest rules when there is none. */
const struct segment_rules *router_rules(const struct router *r, uint32_t route);
/* What the links of a route declare; without a route, what all links do.  NULL: nothing. */
const struct route_tlvs *router_tlvs(const struct router *r, uint32_t route);
const char *router_first_link(const struct router *r, uint32_t route); /* name of its preferred link, or NULL */

#endif
