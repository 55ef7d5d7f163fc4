/* SPDX-License-Identifier: Apache-2.0 */
/* auth.h -- who asks: a bearer key becomes a client, or a reason why not.
 *
 * Keys are kept as SHA-256 only.  A presented key is hashed and compared with every client's hash, each in
 * constant time and all of them always, so that time tells neither how much of a hash was right nor which
 * client it was. Then the client's address list, then its rate of requests (a token bucket of one second; a
 * batch is one request). Keys are never logged.
 */
#ifndef INTAKE_AUTH_H
#define INTAKE_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"

struct auth;
struct sockaddr;

struct auth_client {
	const struct conf_client *conf; /* of the configuration in force */
	uint32_t id;			/* NAME_CLIENT */
	bool is_operator;
	double tokens; /* requests that may come now */
	int64_t tokens_at_us;
	uint32_t n_campaigns; /* new ones that it has named since the start */
};

enum auth_result {
	AUTH_OK,
	AUTH_NO_KEY,  /* no Authorization header, or not Bearer */
	AUTH_BAD_KEY, /* nobody's */
	AUTH_ADDRESS, /* right key, wrong address */
	AUTH_RATE     /* too many requests; *ret_wait_s says when again */
};

struct auth *auth_new(void);
void auth_free(struct auth *a);

/* Take the clients of `c`, which must live until the next call.  Buckets of clients that stay go on. -ENOMEM.
 */
int auth_set(struct auth *a, const struct conf *c, uint32_t (*id_of)(void *arg, const char *name), void *arg);

/* `authorization` is the header's value or NULL.  *ret is set for AUTH_OK, AUTH_ADDRESS and AUTH_RATE, and
 * valid until the next auth_set(). */
enum auth_result auth_check(struct auth *a, const char *authorization, const struct sockaddr *peer,
	int64_t now_us, struct auth_client **ret, unsigned *ret_wait_s);

/* NULL when the client is gone. */
struct auth_client *auth_find(struct auth *a, uint32_t id);
struct auth_client *auth_find_name(struct auth *a, const char *name);
unsigned auth_n_clients(const struct auth *a);

#endif
