/* SPDX-License-Identifier: Apache-2.0 */
#include "route/router.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Prefixes are compared as numbers: 375 matches every number whose decimal digits begin with it. */
struct prefix {
	uint64_t digits;
	unsigned n;
};

struct rule {
	uint32_t id;
	unsigned class_mask;
	struct prefix *prefix;
	size_t n_prefix;
	uint32_t *client;
	size_t n_client;
	char **sender;
	size_t n_sender;
	char *first_link;
	struct segment_rules rules; /* of that link */
	struct route_tlvs tlvs;
	char *from, *from_fallback; /* the queue looks at them */
};

struct router {
	struct names *names;
	struct rule *rule;
	size_t n;
	struct route_tlvs tlvs; /* of all links */
};

struct router *router_new(struct names *names)
{
	struct router *r = calloc(1, sizeof(*r));

	if (r)
		r->names = names;
	return r;
}

static void rules_free(struct rule *rule, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(rule[i].prefix);
		free(rule[i].client);
		for (size_t k = 0; k < rule[i].n_sender; k++)
			free(rule[i].sender[k]);
		free(rule[i].sender);
		free(rule[i].first_link);
		free(rule[i].tlvs.tlv);
		free(rule[i].from);
		free(rule[i].from_fallback);
	}
	free(rule);
}

void router_free(struct router *r)
{
	if (!r)
		return;
	rules_free(r->rule, r->n);
	free(r->tlvs.tlv);
	free(r);
}

static int tlvs_add(struct route_tlvs *set, const struct conf_link *l)
{
	struct route_tlv *more = reallocarray(set->tlv, set->n + l->n_tlvs + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	set->tlv = more;
	for (size_t i = 0; i < l->n_tlvs; i++) {
		const struct conf_tlv *c = &l->tlvs[i];
		struct route_tlv *t = &set->tlv[set->n++];

		*t = (struct route_tlv){ .type = c->type, .min = c->min, .max = c->max, .required = c->required,
			.has_value = *c->value };
		strncpy(t->name, c->name, sizeof(t->name) - 1);
		strncpy(t->link, l->name, sizeof(t->link) - 1);
	}
	return 0;
}

static int rule_make(struct router *r, const struct conf_route *c, struct rule *u)
{
	u->id = names_get(r->names, NAME_ROUTE, c->name);
	u->class_mask = c->class_mask;
	u->prefix = calloc(c->prefix.n + 1, sizeof(*u->prefix));
	u->client = calloc(c->client.n + 1, sizeof(*u->client));
	u->sender = calloc(c->sender.n + 1, sizeof(*u->sender));
	if (!u->id || !u->prefix || !u->client || !u->sender)
		return -ENOMEM;
	for (; u->n_prefix < c->prefix.n; u->n_prefix++) {
		const char *p = c->prefix.item[u->n_prefix]; /* digits, at most 15: conf_table.c */

		u->prefix[u->n_prefix] = (struct prefix){ strtoull(p, NULL, 10), (unsigned)strlen(p) };
	}
	for (; u->n_client < c->client.n; u->n_client++) {
		u->client[u->n_client] = names_get(r->names, NAME_CLIENT, c->client.item[u->n_client]);
		if (!u->client[u->n_client])
			return -ENOMEM;
	}
	for (; u->n_sender < c->sender.n; u->n_sender++) {
		u->sender[u->n_sender] = strdup(c->sender.item[u->n_sender]);
		if (!u->sender[u->n_sender])
			return -ENOMEM;
	}
	u->first_link = strdup(c->links.item[0]);
	u->from = strdup(c->from);
	u->from_fallback = strdup(c->from_fallback);
	for (size_t i = 0; i < c->links.n; i++)
		if (tlvs_add(&u->tlvs, c->link[i]) < 0)
			return -ENOMEM;
	return u->first_link && u->from && u->from_fallback ? 0 : -ENOMEM;
}

int router_set(struct router *r, struct queue *q, const struct conf *c,
	struct link *(*link_of)(void *arg, const char *name), void *arg)
{
	struct rule *rule = calloc(c->n_routes + 1, sizeof(*rule));
	struct queue_route *route = calloc(c->n_routes + 1, sizeof(*route));
	struct route_tlvs all = { 0 };
	int x = rule && route ? 0 : -ENOMEM;

	for (size_t i = 0; x == 0 && i < c->n_links; i++)
		x = tlvs_add(&all, &c->links[i]);
	for (size_t i = 0; x == 0 && i < c->n_routes; i++) {
		x = rule_make(r, &c->routes[i], &rule[i]);
		route[i].id = rule[i].id;
		route[i].from = rule[i].from;
		route[i].from_fallback = rule[i].from_fallback;
		route[i].choose = (enum queue_choose)c->routes[i].choose; /* the words are in the same order */
		route[i].from_mask = c->routes[i].from_mask;
		for (size_t k = 0; k < c->routes[i].links.n && route[i].n_links < QUEUE_ROUTE_LINKS; k++) {
			struct link *l = link_of(arg, c->routes[i].links.item[k]);

			if (!l)
				continue;
			if (route[i].n_links == 0)
				rule[i].rules = link_outlet(l)->rules;
			route[i].links[route[i].n_links++] = link_outlet(l);
		}
	}
	if (x < 0) {
		if (rule)
			rules_free(rule, c->n_routes);
		free(route);
		free(all.tlv);
		return x;
	}
	rules_free(r->rule, r->n);
	free(r->tlvs.tlv);
	r->tlvs = all;
	r->rule = rule;
	r->n = c->n_routes;
	queue_set_routes(q, route, (unsigned)c->n_routes);
	free(route);
	return 0;
}

static unsigned n_digits(uint64_t v)
{
	unsigned n = 1;

	while (v >= 10) {
		v /= 10;
		n++;
	}
	return n;
}

static bool prefix_fits(const struct rule *u, uint64_t to)
{
	unsigned n = u->n_prefix ? n_digits(to) : 0;

	for (size_t i = 0; i < u->n_prefix; i++) {
		uint64_t v = to;

		if (u->prefix[i].n > n)
			continue;
		for (unsigned k = n - u->prefix[i].n; k; k--)
			v /= 10;
		if (v == u->prefix[i].digits)
			return true;
	}
	return u->n_prefix == 0;
}

static bool client_fits(const struct rule *u, uint32_t client)
{
	for (size_t i = 0; i < u->n_client; i++)
		if (u->client[i] == client)
			return true;
	return u->n_client == 0;
}

static bool sender_fits(const struct rule *u, const char *from)
{
	for (size_t i = 0; i < u->n_sender; i++)
		if (strcmp(u->sender[i], from) == 0)
			return true;
	return u->n_sender == 0;
}

uint32_t router_match(const struct router *r, const struct message *m)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct rule *u = &r->rule[i];

		if ((u->class_mask >> m->class & 1) && prefix_fits(u, m->to) && client_fits(u, m->client) &&
			sender_fits(u, m->from ? m->from : ""))
			return u->id;
	}
	return 0;
}

const char *router_first_link(const struct router *r, uint32_t route)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->rule[i].id == route)
			return r->rule[i].first_link;
	return NULL;
}

const struct route_tlvs *router_tlvs(const struct router *r, uint32_t route)
{
	const struct route_tlvs *set = &r->tlvs;

	for (size_t i = 0; route && i < r->n; i++)
		if (r->rule[i].id == route)
			set = &r->rule[i].tlvs;
	return set->n ? set : NULL;
}

const struct segment_rules *router_rules(const struct router *r, uint32_t route)
{
	static const struct segment_rules plainest;

	for (size_t i = 0; i < r->n; i++)
		if (r->rule[i].id == route)
			return &r->rule[i].rules;
	return &plainest;
}
