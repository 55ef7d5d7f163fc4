/* SPDX-License-Identifier: Apache-2.0 */
/* conf_use.c -- what is done with a configuration once it is read: look things up in it, and free it; see
 * conf.h. */
#include "base/conf_make.h"
#include "base/conf_make.h"
#include "base/conf_table.h"
#include "base/secret.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

void conf_strings_done(struct conf_strings *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->item[i]);
	free(list->item);
	*list = (struct conf_strings){0};
}

static void free_section(enum conf_section section, void *base);

void conf_list_done(enum conf_section section, void *parent)
{
	const struct conf_section_info *info = &conf_sections[section];
	char **items = (char **)(void *)((char *)parent + info->offset);
	size_t *count = (size_t *)(void *)((char *)parent + info->count_offset);

	for (size_t i = 0; i < *count; i++)
		free_section(section, *items + i * info->size);
	free(*items);
	*items = NULL;
	*count = 0;
}

static void free_section(enum conf_section section, void *base)
{
	for (size_t i = 0; i < conf_n_settings; i++) {
		void *field = (char *)base + conf_settings[i].offset;

		if (conf_settings[i].section != section)
			continue;
		if (conf_settings[i].type == CONF_STRING)
			secret_free(*(char **)field);
		else if (conf_settings[i].type == CONF_STRINGS)
			conf_strings_done(field);
	}
	for (int i = 1; i < CONF_N_SECTIONS; i++) {
		const struct conf_section_info *info = &conf_sections[i];

		if (info->parent != section)
			continue;
		if (info->is_list)
			conf_list_done((enum conf_section)i, base);
		else
			free_section((enum conf_section)i, (char *)base + info->offset);
	}
}

void conf_free(struct conf *c)
{
	if (c == NULL)
		return;
	conf_makes_unref(c->makes);
	/* What is not in the table: made by the checks. */
	for (size_t i = 0; i < c->n_clients; i++)
		free(c->clients[i].networks);
	for (size_t i = 0; i < c->n_routes; i++)
		free(c->routes[i].link);
	for (size_t i = 0; i < c->n_links; i++) {
		for (size_t k = 0; k < c->links[i].n_origins; k++)
			free(c->links[i].origins[k].file);
		free(c->links[i].origins);
		free(c->links[i].error);
		free(c->links[i].cms_error);
	}
	free_section(CONF_TOP, c);
	free(c);
}

/* ---- look-ups ---- */

const struct conf_client *conf_find_client(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->n_clients; i++) {
		if (strcmp(c->clients[i].name, name) == 0)
			return &c->clients[i];
	}
	return NULL;
}

const struct conf_link *conf_find_link(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->n_links; i++) {
		if (strcmp(c->links[i].name, name) == 0)
			return &c->links[i];
	}
	return NULL;
}

static bool in_network(const struct conf_cidr *net, const uint8_t addr[16])
{
	size_t n = net->n_bits / 8;
	unsigned rest = net->n_bits % 8;

	return memcmp(net->addr, addr, n) == 0 &&
	       (rest == 0 || ((net->addr[n] ^ addr[n]) >> (8 - rest)) == 0);
}

bool conf_in_networks(const struct conf_cidr *networks, size_t n, const struct sockaddr *peer)
{
	uint8_t addr[16] = {[10] = 0xff, [11] = 0xff}; /* RFC 4291, 2.5.5.2 */

	if (peer->sa_family == AF_INET)
		memcpy(addr + 12, &((const struct sockaddr_in *)(const void *)peer)->sin_addr, 4);
	else if (peer->sa_family == AF_INET6)
		memcpy(addr, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr, 16);
	else
		return false;
	for (size_t i = 0; i < n; i++) {
		if (in_network(&networks[i], addr))
			return true;
	}
	return false;
}

bool conf_client_allows(const struct conf_client *cl, const struct sockaddr *peer)
{
	return cl->allow.n == 0 || conf_in_networks(cl->networks, cl->allow.n, peer);
}
