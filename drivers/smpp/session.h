/* SPDX-License-Identifier: Apache-2.0 */
/* session.h -- one bind: a connection to the SMSC that is made, kept and made again until it is told to stop.
 *
 *                     refused, time-out                   enquire_link unanswered, broken PDU, unbind
 *            ┌─────────────────────────────► closing ◄──────────────────────────────┐
 *            │                                  │                                   │
 *     wait ──┴► connecting ──► open ──► bound (tx, rx, trx) ──► draining ──► unbinding
 *       ▲                                       │         stop, or a status that ends a session
 *       └───────────── the stream is closed ────┘
 *
 * What it promises:
 *
 *  1. Each submit that was taken is settled once: by its response, by the response time-out (unknown; a late answer is
 *     handed on as such), or when the connection is gone.  In the last case the octets that the kernel took decide: a
 *     PDU that was not handed over whole cannot have been acted on, so its part is UNSENT, the others are UNKNOWN.
 *  2. Nothing is settled from inside session_submit().
 *  3. A deliver_sm or data_sm is answered when the core says so, and not before; the unanswered ones are bounded, and
 *     beyond the bound the peer is no longer read.
 *  4. Whatever the peer sends, the session answers, skips, or ends; it reads no octet outside what came.
 *  5. Every state that waits for the peer has a deadline. */
#ifndef SMPP_SESSION_H
#define SMPP_SESSION_H

#include "base/stream.h"
#include "driver.h"
#include "smpp/pdu.h"
#include "smpp/status.h"
#include "smpp/window.h"

enum session_kind { SESSION_TX, SESSION_RX, SESSION_TRX };

/* Unsent octets of a bind beyond which no submit is taken: more would only wait in the kernel's place. */
#define SESSION_MAX_UNSENT 65536u
/* deliver_sm and data_sm of a bind that wait for their ack(). */
#define SESSION_MAX_UNACKED 1000u

/* Of all binds of a link. */
struct session_counters {
	uint64_t reconnects, enquire_timeouts, response_timeouts, malformed, throttled;
	struct histogram response_ms;
};

/* Lent for the life of the session. */
struct session_conf {
	const char *link; /* its name, for the log */
	struct stream_loop *streams;
	struct stream_tls *tls; /* NULL: plain */
	char *host, *system_id, *password, *system_type, *address_range;
	int port;
	uint8_t interface_version;
	uint32_t window;
	uint64_t connect_timeout_ms, response_timeout_ms, enquire_link_ms, reconnect_min_ms, reconnect_max_ms;
};

struct session;

struct session_ops {
	void (*up)(void *arg, struct session *s);
	/* An attempt failed, or the session takes no more submits. */
	void (*down)(void *arg, struct session *s, const char *reason);
	void (*settled)(void *arg, const struct settle *st);
	/* What a command_status means on this link. */
	enum status_class (*classify)(void *arg, uint32_t status);
	/* There is room, perhaps again. */
	void (*room)(void *arg);
	/* A deliver_sm or data_sm.  0: session_ack() follows, perhaps at once; -EBADMSG: to be answered with
	 * *ret_status now. */
	int (*sm)(void *arg, struct session *s, const uint8_t *pdu, size_t n, const struct pdu_header *h,
		uint32_t *ret_status);
	void (*stopped)(void *arg, struct session *s);
};

int session_new(uv_loop_t *loop, enum session_kind kind, unsigned index, const struct session_conf *conf,
	struct session_counters *counters, const struct session_ops *ops, void *arg, struct session **ret_s);
void session_free(struct session *s); /* never started, or stopped */

int session_start(struct session *s);
void session_stop(struct session *s); /* drain, unbind, close; then stopped(), on a later turn */

/* The window, from here on.  0 or -ENOMEM: as it was. */
int session_set_window(struct session *s, uint32_t window);

unsigned session_index(const struct session *s);
/* Of the connection: it changes when that does. */
uint32_t session_generation(const struct session *s);
bool session_is_up(const struct session *s);
bool session_can_submit(const struct session *s); /* bound as transmitter or transceiver */
uint32_t session_outstanding(const struct session *s);

/* The number for the next submit_sm.  Only when session_can_submit(). */
uint32_t session_seq(struct session *s);

/* -EAGAIN: no room, room() follows.  -ENOTCONN: gone. */
int session_submit(struct session *s, uint64_t key, uint32_t seq, const uint8_t *pdu, size_t n);

/* Answer a deliver_sm or data_sm (`id`) of that connection; nothing if it is gone. */
void session_ack(struct session *s, uint32_t generation, uint32_t id, uint32_t seq, uint32_t status);

#endif
