/* SPDX-License-Identifier: Apache-2.0 */
/* session.h -- one bind: a connection to the SMSC that is made, kept and made again until it is told to stop.
 *
 *             no seat yet     refused, time-out               enquire_link unanswered, broken PDU
 *              ┌──┐       ┌──────────────────────────► closing ◄─────────────────────────────┐
 *              ▼  │       │                               │ ▲                                │
 *     start ─► wait ──► connecting ──► open ──► bound (tx, rx, trx) ──► draining ──► unbinding
 *              ▲                        ▲                 │ │  └─ the SMSC's unbind ─► unbound ─► closing
 *              │                        │                 │ └─ stop, rebind, or a status that ends a session: draining
 *              └── the stream is closed ┼─────────────────┘
 *     listening ─ the SMSC calls ─► called ─ outbind: open, then as above, and back to listening
 *
 * Where a bind connects to, and when it may, is asked of hosts.h, which all binds of a link share.  A bind made for
 * outbind (SMPP 3.4, 2.2.2) has no host: it waits for the SMSC to call, hears its outbind, and answers with
 * bind_receiver on the same connection.
 *
 * What it promises:
 *
 *  1. Each submit that was taken is settled once: by its response, by the response time-out (unknown; a late answer is
 *     handed on as such), or when the connection is gone.  In the last case the octets that the kernel took decide: a
 *     PDU that was not handed over whole cannot have been acted on, so its part is UNSENT, the others are UNKNOWN.
 *  2. Nothing is settled from inside session_submit().  A question (session_ask()) has a place in the same window and
 *     one answer likewise.
 *  3. A deliver_sm or data_sm is answered when the core says so, and not before; the unanswered ones are bounded, and
 *     beyond the bound the peer is no longer read.
 *  4. Whatever the peer sends, the session answers, skips, or ends; it reads no octet outside what came.
 *  5. Every state that waits for the peer has a deadline.
 *  6. Neither side's unbind cuts a window: before ours, and before the answer to the SMSC's, what is in flight has a
 *     moment to be answered. */
#ifndef SMPP_SESSION_H
#define SMPP_SESSION_H

#include "base/stream.h"
#include "driver.h"
#include "smpp/hosts.h"
#include "smpp/pdu.h"
#include "smpp/status.h"
#include "smpp/trace.h"
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
	char *server_name, *source_address; /* NULL: none */
	unsigned keepalive_s;
	char *system_id, *password, *system_type, *address_range;
	char *outbind_system_id, *outbind_password; /* what an SMSC that calls must say; NULL: none may call */
	uint8_t interface_version;
	uint32_t window;
	uint64_t connect_timeout_ms, response_timeout_ms, enquire_link_ms;
};

struct session;

struct session_ops {
	void (*up)(void *arg, struct session *s);
	/* An attempt failed, or the session takes no more submits. */
	void (*down)(void *arg, struct session *s, const char *reason);
	void (*settled)(void *arg, const struct settle *st);
	void (*answered)(void *arg, const struct driver_answer *a);
	void (*congestion)(void *arg, unsigned percent);
	/* What a command_status means on this link. */
	enum status_class (*classify)(void *arg, uint32_t status);
	/* There is room, perhaps again. */
	void (*room)(void *arg);
	/* A deliver_sm or data_sm.  0: session_ack() follows, perhaps at once; -EBADMSG: to be answered with
	 * *ret_status now. */
	int (*sm)(void *arg, struct session *s, const uint8_t *pdu, size_t n, const struct pdu_header *h,
		uint32_t *ret_status);
	/* What hosts_take() answers has changed: those that wait may ask again. */
	void (*hosts_changed)(void *arg);
	void (*stopped)(void *arg, struct session *s);
};

/* What all sessions of a link share. */
struct session_link {
	uv_loop_t *loop;
	const struct session_conf *conf;
	struct hosts *hosts;
	struct session_counters *counters;
	struct trace *trace;
	const struct session_ops *ops;
	void *arg; /* of ops */
};

/* `home`: its host, as hosts_home() says; SESSION_CALLED: it waits for the SMSC to call. */
#define SESSION_CALLED UINT32_MAX
int session_new(const struct session_link *link, enum session_kind kind, unsigned index, unsigned home,
	struct session **ret_s);
void session_free(struct session *s); /* never started, or stopped */

int session_start(struct session *s);
void session_stop(struct session *s); /* drain, unbind, close; then stopped(), on a later turn */

void session_wake(struct session *s);   /* if it waits: look again whether it may connect */
void session_rebind(struct session *s); /* if it is bound: drain, unbind, and bind again */

/* The SMSC calls: only from inside the listener's callback, and only when session_is_free(). */
int session_call(struct session *s, struct stream_listener *l);
bool session_is_free(const struct session *s);
void session_peer(const struct session *s, struct sockaddr_storage *ret); /* who called */
void session_hang_up(struct session *s, const char *reason);              /* on who called */

/* The window, from here on.  0 or -ENOMEM: as it was. */
int session_set_window(struct session *s, uint32_t window);

unsigned session_index(const struct session *s);
/* Of the connection: it changes when that does. */
uint32_t session_generation(const struct session *s);
bool session_is_up(const struct session *s);
bool session_can_submit(const struct session *s); /* bound as transmitter or transceiver */
uint32_t session_outstanding(const struct session *s);

bool session_is_called(const struct session *s);    /* it is one for outbind */
const char *session_host(const struct session *s);  /* the one it speaks with, or spoke with last */
unsigned session_home(const struct session *s);
bool session_is_away(const struct session *s); /* bound, and not at home */
void session_view(const struct session *s, struct driver_bind *ret);

/* The number for the next submit_sm.  Only when session_can_submit(). */
uint32_t session_seq(struct session *s);

/* -EAGAIN: no room, room() follows.  -ENOTCONN: gone. */
int session_submit(struct session *s, uint64_t key, uint32_t seq, const uint8_t *pdu, size_t n);

/* The same for a query_sm: answered() follows instead of settled(). */
int session_ask(struct session *s, uint64_t key, uint32_t seq, const uint8_t *pdu, size_t n);

/* Answer a deliver_sm or data_sm (`id`) of that connection; nothing if it is gone. */
void session_ack(struct session *s, uint32_t generation, uint32_t id, uint32_t seq, uint32_t status);

#endif
