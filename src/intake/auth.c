/* SPDX-License-Identifier: Apache-2.0 */
/* auth.c -- see auth.h. */
#include "intake/auth.h"

#include "base/secret.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

struct auth {
	struct auth_client *clients;
	unsigned n;
};

struct auth *auth_new(void)
{
	return calloc(1, sizeof(struct auth));
}

void auth_free(struct auth *a)
{
	if (!a)
		return;
	free(a->clients);
	free(a);
}

static double burst_of(const struct conf_client *c)
{
	return c->requests_per_second < 1 ? 1 : c->requests_per_second;
}

int auth_set(struct auth *a, const struct conf *c, uint32_t (*id_of)(void *arg, const char *name), void *arg)
{
	struct auth_client *clients = calloc(c->n_clients ? c->n_clients : 1, sizeof(*clients));

	if (!clients)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_clients; i++) {
		struct auth_client *cl = &clients[i], *old;

		cl->conf = &c->clients[i];
		cl->id = id_of(arg, c->clients[i].name);
		cl->is_operator = c->clients[i].role == CONF_ROLE_OPERATOR;
		cl->tokens = burst_of(cl->conf);
		old = auth_find(a, cl->id);
		if (old) {
			cl->tokens = old->tokens < cl->tokens ? old->tokens : cl->tokens;
			cl->tokens_at_us = old->tokens_at_us;
			cl->n_campaigns = old->n_campaigns;
		}
	}
	free(a->clients);
	a->clients = clients;
	a->n = (unsigned)c->n_clients;
	return 0;
}

struct auth_client *auth_find(struct auth *a, uint32_t id)
{
	for (unsigned i = 0; i < a->n; i++)
		if (a->clients[i].id == id)
			return &a->clients[i];
	return NULL;
}

struct auth_client *auth_find_name(struct auth *a, const char *name)
{
	for (unsigned i = 0; i < a->n; i++)
		if (!strcmp(a->clients[i].conf->name, name))
			return &a->clients[i];
	return NULL;
}

unsigned auth_n_clients(const struct auth *a)
{
	return a->n;
}

/* The client of a hash.  No branch in the loop depends on what was equal. */
static struct auth_client *client_of(struct auth *a, const uint8_t hash[SECRET_HASH_LEN])
{
	size_t found = 0; /* index + 1 */

	for (unsigned i = 0; i < a->n; i++) {
		size_t mask =
			(size_t)0 - (size_t)secret_equal(hash, a->clients[i].conf->key_hash, SECRET_HASH_LEN);

		found = (found & ~mask) | ((i + 1) & mask);
	}
	return found ? &a->clients[found - 1] : NULL;
}

/* RFC 6750, 2.1; the scheme in any case (RFC 9110, 11.1).  NULL: no bearer key. */
static const char *bearer(const char *authorization)
{
	if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
		return NULL;
	authorization += 7;
	while (*authorization == ' ')
		authorization++;
	return *authorization ? authorization : NULL;
}

/* 0: go on; else the seconds until a request may come. */
static unsigned take_token(struct auth_client *cl, int64_t now_us)
{
	double rate = cl->conf->requests_per_second, wait;

	if (rate <= 0)
		return 0;
	if (cl->tokens_at_us)
		cl->tokens += (double)(now_us - cl->tokens_at_us) * rate / 1e6;
	cl->tokens_at_us = now_us;
	if (cl->tokens > burst_of(cl->conf))
		cl->tokens = burst_of(cl->conf);
	if (cl->tokens >= 1) {
		cl->tokens -= 1;
		return 0;
	}
	wait = (1 - cl->tokens) / rate;
	return wait > 3600 ? 3600 : (unsigned)wait + 1;
}

enum auth_result auth_check(struct auth *a, const char *authorization, const struct sockaddr *peer,
	int64_t now_us, struct auth_client **ret, unsigned *ret_wait_s)
{
	const char *key = bearer(authorization);
	uint8_t hash[SECRET_HASH_LEN];
	struct auth_client *cl;

	if (!key)
		return AUTH_NO_KEY;
	if (secret_sha256(key, strlen(key), hash) < 0)
		return AUTH_BAD_KEY;
	cl = client_of(a, hash);
	if (!cl)
		return AUTH_BAD_KEY;
	*ret = cl;
	if (!conf_client_allows(cl->conf, peer))
		return AUTH_ADDRESS;
	*ret_wait_s = take_token(cl, now_us);
	return *ret_wait_s ? AUTH_RATE : AUTH_OK;
}
