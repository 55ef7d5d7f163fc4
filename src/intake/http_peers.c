/* SPDX-License-Identifier: Apache-2.0 */
/* http_peers.c -- open addressing with linear probing; entries move back when one leaves, so there are no
 * tombstones. */
#include "intake/http_peers.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct entry {
	uint64_t net;
	uint32_t n; /* 0: free */
};

struct http_peers {
	uint64_t key;
	size_t mask;
	struct entry entries[];
};

void http_peer_key_of(const struct sockaddr_storage *addr, struct http_peer_key *ret_key)
{
	const struct sockaddr_in6 *a6 = (const struct sockaddr_in6 *)addr;
	const struct sockaddr_in *a4 = (const struct sockaddr_in *)addr;
	uint32_t v4;

	ret_key->net = 0;
	if (addr->ss_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&a6->sin6_addr)) {
		memcpy(&ret_key->net, &a6->sin6_addr, 8);
		return;
	}
	if (addr->ss_family == AF_INET6)
		memcpy(&v4, (const uint8_t *)&a6->sin6_addr + 12, 4);
	else if (addr->ss_family == AF_INET)
		v4 = a4->sin_addr.s_addr;
	else
		return;
	/* ::/32 is nobody's, so these never meet a /64. */
	ret_key->net = (uint64_t)v4 << 32 | 1;
}

int http_peers_new(unsigned max_connections, struct http_peers **ret_p)
{
	struct http_peers *p;
	size_t size = 64;

	while (size < 2 * (size_t)max_connections)
		size *= 2;
	p = calloc(1, sizeof(*p) + size * sizeof(p->entries[0]));
	if (p == NULL)
		return -ENOMEM;
	p->mask = size - 1;
	if (getrandom(&p->key, sizeof(p->key), 0) != sizeof(p->key)) {
		free(p);
		return -EIO;
	}
	*ret_p = p;
	return 0;
}

void http_peers_free(struct http_peers *p)
{
	free(p);
}

/* Two rounds of multiply and fold over a secret start. */
static size_t slot_of(const struct http_peers *p, uint64_t net)
{
	uint64_t x = net ^ p->key;

	x = (x ^ x >> 32) * (p->key | 1);
	x = (x ^ x >> 29) * 0x9e3779b97f4a7c15u;
	return (size_t)(x >> 32) & p->mask;
}

static struct entry *find(struct http_peers *p, uint64_t net)
{
	size_t i = slot_of(p, net);

	while (p->entries[i].n > 0 && p->entries[i].net != net)
		i = (i + 1) & p->mask;
	return &p->entries[i];
}

bool http_peers_enter(struct http_peers *p, const struct http_peer_key *k, unsigned max)
{
	struct entry *e;

	if (p == NULL)
		return true;
	e = find(p, k->net);
	if (e->n >= max)
		return false;
	e->net = k->net;
	e->n++;
	return true;
}

/* Close the gap: an entry may move back unless its own slot lies behind the gap. */
static void close_gap(struct http_peers *p, size_t gap)
{
	for (size_t i = (gap + 1) & p->mask; p->entries[i].n > 0; i = (i + 1) & p->mask) {
		size_t home = slot_of(p, p->entries[i].net);

		if (((i - home) & p->mask) < ((i - gap) & p->mask))
			continue;
		p->entries[gap] = p->entries[i];
		p->entries[i].n = 0;
		gap = i;
	}
}

void http_peers_leave(struct http_peers *p, const struct http_peer_key *k)
{
	struct entry *e;

	if (p == NULL)
		return;
	e = find(p, k->net);
	assert(e->n > 0);
	if (--e->n == 0)
		close_gap(p, (size_t)(e - p->entries));
}
