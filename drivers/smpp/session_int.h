/* SPDX-License-Identifier: Apache-2.0 */
/* session_int.h -- what session.c (states, deadlines, what is sent) and session_read.c (what the SMSC sends) share.
 * Nobody else includes it. */
#ifndef SMPP_SESSION_INT_H
#define SMPP_SESSION_INT_H

#include "smpp/session.h"

enum state {
	ST_STOPPED,
	ST_WAIT,
	ST_LISTENING,
	ST_CONNECTING,
	ST_CALLED,
	ST_OPEN,
	ST_BOUND_TX,
	ST_BOUND_RX,
	ST_BOUND_TRX,
	ST_DRAINING,
	ST_UNBINDING,
	ST_UNBOUND,
	ST_CLOSING,
};

enum event {
	EV_START,
	EV_LISTEN,
	EV_SEAT,
	EV_TIMER,
	EV_CALL,
	EV_OUTBIND,
	EV_CONNECTED,
	EV_BOUND_TX,
	EV_BOUND_RX,
	EV_BOUND_TRX,
	EV_REFUSED,
	EV_UNBIND,
	EV_UNBOUND,
	EV_DRAINED,
	EV_SILENT,
	EV_BROKEN,
	EV_FATAL,
	EV_REBIND,
	EV_STOP,
	EV_HURRY,
	EV_CLOSED,
};

struct session {
	uv_loop_t *loop;
	const struct session_conf *conf;
	struct hosts *hosts;
	struct session_counters *counters;
	struct trace *trace;
	const struct session_ops *ops;
	void *arg;
	enum session_kind kind;
	unsigned index;
	struct hosts_seat seat;
	enum hosts_failure why; /* it ends, as the host will count it */

	enum state state;
	int64_t since_ms; /* of the state, wall clock */
	bool called;      /* by the SMSC: no host of ours */
	bool stopping, told_down, paused, tried;
	uv_timer_t timer;
	uint64_t armed_ms;    /* when the timer fires; 0: not set */
	uint64_t deadline_ms; /* of the state; 0: none */
	char reason[160];     /* why the session ends; "": not known yet */

	struct stream *stream;
	uint32_t generation;
	uint64_t written; /* octets given to the stream */
	uint64_t taken;   /* octets the kernel had when the stream ended */
	uint64_t last_in_ms;
	uint64_t resumed_ms; /* when reading went on after a pause */
	uint64_t enquire_sent_ms; /* 0: none is waited for */
	struct buf part;          /* the head of a PDU whose rest has not come */
	uint64_t part_since_ms;
	struct window window;
	uint32_t bind_seq, unbind_seq, unacked;
	int peer_version; /* sc_interface_version, -1: not told */
	char peer[56];    /* who called */
	uint32_t n_odd;   /* of this connection */
	struct histogram response_ms;
};

/* In the window a query_sm is told from a submit_sm by this bit of its key, which keys of parts do not have. */
#define KEY_ASKED (UINT64_C(1) << 63)

static inline uint64_t now_ms(const struct session *s)
{
	/* 0 means "not set" above. */
	return uv_now(s->loop) + 1;
}

static inline bool is_bound(enum state st)
{
	return st >= ST_BOUND_TX && st <= ST_BOUND_TRX;
}

/* There is a peer to talk with. */
static inline bool is_talking(enum state st)
{
	return st >= ST_CALLED && st <= ST_UNBOUND;
}

/* ---- session.c ---- */

/* The only place where the state changes. */
void session_dispatch(struct session *s, enum event ev);
/* The first reason is the cause; those that follow are its consequences. */
void session_set_reason(struct session *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void session_arm(struct session *s); /* the timer, for the nearest deadline */

int session_put(struct session *s, const uint8_t *pdu, size_t n);
void session_put_header(struct session *s, uint32_t id, uint32_t status, uint32_t seq);
void session_put_unbind(struct session *s, uint32_t id, uint32_t seq);

void session_alive(struct session *s);          /* the SMSC answered: it is not one that closes after each bind */
void session_check_drained(struct session *s); /* is a session that drains empty now? */
void session_check_room(struct session *s);

/* Count something odd that the SMSC said; false: it has said so much of it that the log need not hear of each. */
bool session_odd(struct session *s);

/* ---- session_read.c ---- */

void session_on_read(void *arg, const uint8_t *data, size_t n);
void session_answer_sm(struct session *s, uint32_t id, uint32_t seq, uint32_t status);
/* The stream cannot be trusted any more. */
void session_broken(struct session *s, const char *reason);

#endif
