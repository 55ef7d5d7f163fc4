/* SPDX-License-Identifier: Apache-2.0 */
/* stream_tls.h -- the TLS half of stream.c: octets in, octets out, no socket.
 *
 * A session is lent what came from the wire, and leaves in `out` what shall go to the wire.  It knows nothing
 * of libuv, so that the order of events is decided in one place, stream.c.  Only that file includes this one.
 */
#ifndef BASE_STREAM_TLS_H
#define BASE_STREAM_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

struct stream_tls;
struct tls_session;

struct stream_tls *stream_tls_ref(struct stream_tls *tls);

/* `server_name` is for clients: SNI and the check of the certificate; copied. */
int tls_session_new(
	struct stream_tls *tls, const char *server_name, size_t max_out, struct tls_session **ret_t);
void tls_session_free(struct tls_session *t);

/* Records for the wire.  The stream takes them from here. */
struct buf *tls_session_out(struct tls_session *t);

/* Lend octets from the wire to the calls that follow; tls_session_keep() copies what they left. */
void tls_session_lend(struct tls_session *t, const uint8_t *data, size_t n);
int tls_session_keep(struct tls_session *t);
bool tls_session_has_input(const struct tls_session *t);

/* 0: done.  -EAGAIN: more input is wanted.  -EPROTO: failed, tls_session_text() says why. */
int tls_session_handshake(struct tls_session *t);

/* Octets of one record; 0: the peer said goodbye; -EAGAIN; -EPROTO. */
ssize_t tls_session_recv(struct tls_session *t, uint8_t *data, size_t cap);

int tls_session_send(struct tls_session *t, const uint8_t *data, size_t n);
void tls_session_bye(struct tls_session *t);

/* The stream ended before the handshake did, and TLS itself has nothing to say. */
void tls_session_cut(struct tls_session *t, int err);
const char *tls_session_text(const struct tls_session *t);

#endif
