/* SPDX-License-Identifier: Apache-2.0 */
/* http_peers.h -- how many connections each address has open.
 *
 * A table of fixed size, because it never holds more addresses than there may be connections.  An IPv6 host
 * owns a whole /64, so that is what counts as one address.  The hash is keyed at start: addresses are the
 * attacker's choice.
 */
#ifndef INTAKE_HTTP_PEERS_H
#define INTAKE_HTTP_PEERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct http_peers;

struct http_peer_key {
	uint64_t net; /* 0: not an IP connection */
};

void http_peer_key_of(const struct sockaddr_storage *addr, struct http_peer_key *ret_key);

int http_peers_new(unsigned max_connections, struct http_peers **ret_p);
void http_peers_free(struct http_peers *p);

/* One more, unless it has `max` already.  Without a table (NULL) there is no limit. */
bool http_peers_enter(struct http_peers *p, const struct http_peer_key *k, unsigned max);
void http_peers_leave(struct http_peers *p, const struct http_peer_key *k);

#endif
