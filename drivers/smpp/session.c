/* SPDX-License-Identifier: Apache-2.0 */
/* session.c -- see session.h for the picture and the promises.
 *
 * One timer serves all deadlines of a session.  It is set to the nearest one and looks again when it fires; a submit
 * need not touch it, because the deadline of a new request lies behind those that are waited for already. */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "smpp/session.h"
#include "smpp/status.h"

/* Room beside the submits for answers: so many unacknowledged inbound PDUs, and their like. */
#define MAX_OUT       (SESSION_MAX_UNSENT + 65536u)
#define KEEPALIVE_S   60u
#define UNBIND_MAX_MS 2000u
/* No quick retry with a password that was refused: many carriers lock the account for it. */
#define REFUSED_MS    60000u
/* ALYBND: the old session must die first, by the SMSC's own enquire_link. */
#define LINGER_MS     30000u
#define PART_KEEP     4096u /* octets of memory kept for PDUs that come in pieces */

enum state {
	ST_STOPPED,
	ST_WAIT,
	ST_CONNECTING,
	ST_OPEN,
	ST_BOUND_TX,
	ST_BOUND_RX,
	ST_BOUND_TRX,
	ST_DRAINING,
	ST_UNBINDING,
	ST_CLOSING,
};

enum event {
	EV_START,
	EV_TIMER,
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
	EV_STOP,
	EV_HURRY,
	EV_CLOSED,
};

static const char *const state_names[] = {
	"stopped", "wait", "connecting", "open", "bound_tx", "bound_rx", "bound_trx", "draining", "unbinding", "closing",
};

static const char *const event_names[] = {
	"start", "timer", "connected", "bound_tx", "bound_rx", "bound_trx", "refused", "unbind", "unbound", "drained",
	"silent", "broken", "fatal", "stop", "hurry", "closed",
};

struct session {
	uv_loop_t *loop;
	const struct session_conf *conf;
	struct session_counters *counters;
	const struct session_ops *ops;
	void *arg;
	enum session_kind kind;
	unsigned index;

	enum state state;
	bool stopping, told_down, paused;
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
	uint32_t bind_seq, unacked;

	unsigned failures; /* in a row */
	uint64_t wait_at_least_ms;
	uint64_t random;
};

static void dispatch(struct session *s, enum event ev);
static void on_timer(uv_timer_t *t);

/* ---- small things ---- */

static uint64_t now_ms(const struct session *s)
{
	/* 0 means "not set" above. */
	return uv_now(s->loop) + 1;
}

static bool is_bound(enum state st)
{
	return st >= ST_BOUND_TX && st <= ST_BOUND_TRX;
}

/* There is a peer to talk with. */
static bool is_talking(enum state st)
{
	return st >= ST_OPEN && st <= ST_UNBINDING;
}

static void set_reason(struct session *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The first reason is the cause; those that follow are its consequences. */
static void set_reason(struct session *s, const char *fmt, ...)
{
	va_list ap;

	if (s->reason[0])
		return;
	va_start(ap, fmt);
	vsnprintf(s->reason, sizeof(s->reason), fmt, ap);
	va_end(ap);
}

static int put(struct session *s, const uint8_t *pdu, size_t n)
{
	int r = stream_write(s->stream, pdu, n);

	if (r == 0) {
		s->written += n;
		return 0;
	}
	if (r != -EPIPE) {
		set_reason(s, "the SMSC does not read");
		stream_abort(s->stream, r);
	}
	return r;
}

static void put_header(struct session *s, uint32_t id, uint32_t status, uint32_t seq)
{
	uint8_t pdu[PDU_HEADER];

	put(s, pdu, pdu_put_header(pdu, id, status, seq));
}

static void put_unbind(struct session *s, uint32_t id, uint32_t seq)
{
	uint8_t pdu[PDU_HEADER];

	if (pdu_put_unbind(pdu, id, seq) > 0)
		put(s, pdu, sizeof(pdu));
}

/* ---- deadlines ---- */

static void earlier(uint64_t *due, uint64_t ms)
{
	if (ms < *due)
		*due = ms;
}

/* In the order of sending, too: the pause moves the early ones to one time. */
static uint64_t answer_due(const struct session *s, const struct window_slot *slot)
{
	uint64_t from = slot->sent_ms > s->resumed_ms ? slot->sent_ms : s->resumed_ms;

	return from + s->conf->response_timeout_ms;
}

static uint64_t next_due(const struct session *s)
{
	const struct window_slot *oldest = window_oldest(&s->window);
	uint64_t due = UINT64_MAX;

	if (s->deadline_ms)
		earlier(&due, s->deadline_ms);
	if (!is_talking(s->state))
		return due;
	/* What we do not read cannot be late. */
	if (s->paused)
		return due;
	if (oldest)
		earlier(&due, answer_due(s, oldest));
	if (s->part_since_ms)
		earlier(&due, s->part_since_ms + s->conf->response_timeout_ms);
	if (s->enquire_sent_ms)
		earlier(&due, s->enquire_sent_ms + s->conf->response_timeout_ms);
	else if (is_bound(s->state) && s->conf->enquire_link_ms)
		earlier(&due, s->last_in_ms + s->conf->enquire_link_ms);
	return due;
}

static void arm(struct session *s)
{
	uint64_t due = next_due(s), now = now_ms(s);

	if (due == UINT64_MAX || s->state == ST_STOPPED || (s->armed_ms && s->armed_ms <= due))
		return;
	s->armed_ms = due;
	uv_timer_start(&s->timer, on_timer, due > now ? due - now : 0, 0);
}

static void set_deadline(struct session *s, uint64_t in_ms)
{
	s->deadline_ms = now_ms(s) + in_ms;
}

/* ---- how parts end ---- */

static enum outcome outcome_of(uint32_t status)
{
	switch (status_class(status)) {
	case STATUS_OK: return OUTCOME_SENT;
	case STATUS_PERMANENT: return OUTCOME_REJECTED;
	case STATUS_TEMPORARY: return OUTCOME_RETRY;
	case STATUS_THROTTLE: return OUTCOME_THROTTLED;
	/* The refusal is certain, so it is no UNKNOWN; and it costs an attempt, because a message that itself makes the
	 * SMSC answer so must not be tried for ever. */
	case STATUS_LINK_FATAL: return OUTCOME_RETRY;
	}
	return OUTCOME_RETRY;
}

static void settle(struct session *s, uint64_t key, enum outcome outcome, const char *text)
{
	const struct settle st = { .key = key, .outcome = outcome, .text = text };

	s->ops->settled(s->arg, &st);
}

/* `late`: the answer to a part that timed out. */
static void settle_answer(struct session *s, uint64_t key, const struct pdu_header *h, const uint8_t *pdu, bool late)
{
	char id[RECEIPT_ID_SIZE], text[40];
	struct settle st = { .key = key, .outcome = outcome_of(h->status), .code = h->status, .late = late };
	struct pdu_str smsc_id;

	if (h->id == PDU_GENERIC_NACK && h->status == ESME_OK)
		st.outcome = OUTCOME_RETRY; /* a nack says no, whatever its status */
	if (st.outcome == OUTCOME_SENT) {
		smsc_id = pdu_read_id(pdu, h->length);
		if (smsc_id.n >= sizeof(id))
			smsc_id.n = sizeof(id) - 1;
		memcpy(id, smsc_id.s, smsc_id.n);
		id[smsc_id.n] = 0;
		st.smsc_id = id;
	} else {
		st.text = h->id == PDU_GENERIC_NACK && h->status == ESME_OK ? "generic_nack"
									    : status_text(h->status, text, sizeof(text));
	}
	s->counters->throttled += st.outcome == OUTCOME_THROTTLED;
	s->ops->settled(s->arg, &st);
}

static void check_drained(struct session *s)
{
	if (s->state == ST_DRAINING && !s->window.n && !s->unacked)
		dispatch(s, EV_DRAINED);
}

static void check_room(struct session *s)
{
	if (is_bound(s->state))
		s->ops->room(s->arg);
}

/* ---- actions ---- */

static void tell_down(struct session *s)
{
	if (s->told_down)
		return;
	s->told_down = true;
	s->ops->down(s->arg, s, s->reason);
}

static uint64_t random_below(struct session *s, uint64_t n)
{
	/* xorshift64: that many binds do not knock at the same moment asks for no more. */
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return n ? s->random % n : 0;
}

/* Doubles from reconnect_min to reconnect_max, give or take a quarter, never outside the two. */
static void back_off(struct session *s)
{
	uint64_t min = s->conf->reconnect_min_ms, max = s->conf->reconnect_max_ms;
	uint64_t ms = min;

	for (unsigned i = 0; i < s->failures && ms < max; i++)
		ms *= 2;
	s->failures++;
	if (ms > max)
		ms = max;
	ms = ms - ms / 4 + random_below(s, ms / 2 + 1);
	if (ms < s->wait_at_least_ms)
		ms = s->wait_at_least_ms;
	if (ms < min)
		ms = min;
	if (ms > max)
		ms = max;
	s->wait_at_least_ms = 0;
	set_deadline(s, ms);
	log_info("smpp_wait", "link=%s bind=%u wait_ms=%llu reason=%s", s->conf->link, s->index, (unsigned long long)ms,
		s->reason);
}

static void settle_lost(struct session *s)
{
	struct window_slot slot;

	while (s->window.n) {
		window_drop(&s->window, &slot);
		if (slot.end_octet > s->taken)
			settle(s, slot.key, OUTCOME_UNSENT, "connection lost before it was written");
		else
			settle(s, slot.key, OUTCOME_UNKNOWN, "connection lost before the answer");
	}
}

static void do_closed(struct session *s)
{
	set_reason(s, "closed");
	tell_down(s);
	settle_lost(s);
	s->generation++;
	s->unacked = 0;
	s->paused = false;
	s->part_since_ms = s->enquire_sent_ms = s->resumed_ms = 0;
	buf_done(&s->part);
	if (s->stopping)
		dispatch(s, EV_STOP);
	else
		back_off(s);
}

static void on_timer_closed(uv_handle_t *h)
{
	struct session *s = h->data;

	s->ops->stopped(s->arg, s);
}

static void do_stopped(struct session *s)
{
	uv_close((uv_handle_t *)&s->timer, on_timer_closed);
}

static void on_open(void *arg)
{
	dispatch(arg, EV_CONNECTED);
}

static void on_read(void *arg, const uint8_t *data, size_t n);

static void on_drain(void *arg)
{
	check_room(arg);
}

static void on_closed(void *arg, int err)
{
	struct session *s = arg;
	const char *more = stream_error_text(s->stream);

	if (err == UV_EOF)
		set_reason(s, "closed by the SMSC");
	else if (err)
		set_reason(s, "%s%s%s", uv_strerror(err), *more ? ": " : "", more);
	s->taken = stream_octets_out(s->stream);
	s->stream = NULL;
	dispatch(s, EV_CLOSED);
}

static const struct stream_ops stream_ops = {
	.on_open = on_open,
	.on_read = on_read,
	.on_drain = on_drain,
	.on_closed = on_closed,
};

static void do_connect(struct session *s)
{
	const struct stream_target target = { .host = s->conf->host, .port = s->conf->port, .tls = s->conf->tls };
	const struct stream_conf conf = {
		.ops = &stream_ops,
		.arg = s,
		.max_out = MAX_OUT,
		.open_timeout_ms = (unsigned)s->conf->connect_timeout_ms,
		.keepalive_s = KEEPALIVE_S,
	};
	int r;

	s->reason[0] = 0;
	s->told_down = false;
	s->written = s->taken = 0;
	window_reset(&s->window);
	r = stream_connect(s->conf->streams, &target, &conf, &s->stream);
	if (r == 0)
		return;
	s->stream = NULL;
	set_reason(s, "cannot connect: %s", uv_strerror(r));
	dispatch(s, EV_CLOSED);
}

static void do_reconnect(struct session *s)
{
	s->counters->reconnects++;
	do_connect(s);
}

static void do_bind(struct session *s)
{
	static const uint32_t ids[] = {
		[SESSION_TX] = PDU_BIND_TRANSMITTER,
		[SESSION_RX] = PDU_BIND_RECEIVER,
		[SESSION_TRX] = PDU_BIND_TRANSCEIVER,
	};
	struct pdu_bind b = {
		.id = ids[s->kind],
		.seq = window_seq(&s->window),
		.system_id = s->conf->system_id,
		.password = s->conf->password,
		.system_type = s->conf->system_type,
		.address_range = s->conf->address_range,
		.interface_version = s->conf->interface_version,
	};
	uint8_t pdu[PDU_BIND_MAX];
	int n = pdu_put_bind(pdu, &b);

	s->bind_seq = b.seq;
	s->last_in_ms = now_ms(s);
	set_deadline(s, s->conf->response_timeout_ms);
	if (n > 0)
		put(s, pdu, (size_t)n);
}

static void do_bound(struct session *s)
{
	log_info("smpp_bound", "link=%s bind=%u state=%s", s->conf->link, s->index, state_names[s->state]);
	s->ops->up(s->arg, s);
}

static void do_close(struct session *s)
{
	stream_close(s->stream);
	tell_down(s);
}

static void do_abort(struct session *s)
{
	set_reason(s, s->stopping ? "stopped" : "no answer in time");
	stream_abort(s->stream, -ETIMEDOUT);
	tell_down(s);
}

static void do_drain(struct session *s)
{
	set_deadline(s, s->conf->response_timeout_ms);
	set_reason(s, "stopped");
	tell_down(s);
	check_drained(s);
}

static void do_unbind(struct session *s)
{
	uint64_t ms = s->conf->response_timeout_ms;

	set_deadline(s, ms < UNBIND_MAX_MS ? ms : UNBIND_MAX_MS);
	put_unbind(s, PDU_UNBIND, window_seq(&s->window));
}

/* ---- the rules ---- */

#define IN(state) (1u << (state))
#define BOUND     (IN(ST_BOUND_TX) | IN(ST_BOUND_RX) | IN(ST_BOUND_TRX))
#define LEAVING   (IN(ST_DRAINING) | IN(ST_UNBINDING))
#define STAY      (-1)

static const struct rule {
	unsigned in;
	enum event on;
	int to;
	void (*act)(struct session *s);
} rules[] = {
	/* in any of                             on            go to          and do       */
	{ IN(ST_STOPPED),                        EV_START,     ST_CONNECTING, do_connect   },
	{ IN(ST_WAIT),                           EV_TIMER,     ST_CONNECTING, do_reconnect },
	{ IN(ST_WAIT),                           EV_STOP,      ST_STOPPED,    do_stopped   },
	{ IN(ST_CONNECTING),                     EV_CONNECTED, ST_OPEN,       do_bind      },
	{ IN(ST_OPEN),                           EV_BOUND_TX,  ST_BOUND_TX,   do_bound     },
	{ IN(ST_OPEN),                           EV_BOUND_RX,  ST_BOUND_RX,   do_bound     },
	{ IN(ST_OPEN),                           EV_BOUND_TRX, ST_BOUND_TRX,  do_bound     },
	{ IN(ST_OPEN),                           EV_REFUSED,   ST_CLOSING,    do_close     },
	{ IN(ST_OPEN),                           EV_TIMER,     ST_CLOSING,    do_abort     },
	{ IN(ST_OPEN) | IN(ST_CONNECTING),       EV_STOP,      ST_CLOSING,    do_abort     },
	{ BOUND,                                 EV_STOP,      ST_DRAINING,   do_drain     },
	{ BOUND,                                 EV_FATAL,     ST_DRAINING,   do_drain     },
	{ BOUND,                                 EV_SILENT,    ST_CLOSING,    do_abort     },
	{ IN(ST_DRAINING),                       EV_DRAINED,   ST_UNBINDING,  do_unbind    },
	{ IN(ST_DRAINING),                       EV_TIMER,     ST_UNBINDING,  do_unbind    },
	{ IN(ST_UNBINDING),                      EV_UNBOUND,   ST_CLOSING,    do_close     },
	{ IN(ST_UNBINDING),                      EV_TIMER,     ST_CLOSING,    do_close     },
	{ IN(ST_OPEN) | BOUND | LEAVING,         EV_UNBIND,    ST_CLOSING,    do_close     },
	{ IN(ST_OPEN) | BOUND | LEAVING,         EV_BROKEN,    ST_CLOSING,    do_close     },
	{ IN(ST_OPEN),                           EV_FATAL,     ST_CLOSING,    do_close     },
	{ LEAVING,                               EV_SILENT,    ST_CLOSING,    do_abort     },
	{ LEAVING | IN(ST_CLOSING),              EV_STOP,      STAY,          NULL         },
	{ IN(ST_DRAINING),                       EV_HURRY,     ST_UNBINDING,  do_unbind    },
	{ IN(ST_STOPPED) | IN(ST_UNBINDING) | IN(ST_CLOSING),
	                                         EV_HURRY,     STAY,          NULL         },
	{ LEAVING,                               EV_FATAL,     STAY,          NULL         },
	{ IN(ST_CONNECTING) | IN(ST_OPEN) | BOUND | LEAVING | IN(ST_CLOSING),
	                                         EV_CLOSED,    ST_WAIT,       do_closed    },
};

static const struct rule *find_rule(enum state st, enum event ev)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].on == ev && rules[i].in & IN(st))
			return &rules[i];
	return NULL;
}

/* The only place where the state changes. */
static void dispatch(struct session *s, enum event ev)
{
	const struct rule *rule = find_rule(s->state, ev);

	if (!rule) {
		s->counters->malformed++;
		log_warn("smpp_event", "link=%s bind=%u state=%s on=%s", s->conf->link, s->index, state_names[s->state],
			event_names[ev]);
		return;
	}
	if (rule->to == STAY)
		return;
	log_debug("smpp_state", "link=%s bind=%u from=%s on=%s to=%s", s->conf->link, s->index, state_names[s->state],
		event_names[ev], state_names[rule->to]);
	s->state = (enum state)rule->to;
	s->deadline_ms = 0;
	if (rule->act)
		rule->act(s);
	arm(s);
}

/* ---- what the SMSC sends ---- */

static void handle_bind_resp(struct session *s, const struct pdu_header *h)
{
	static const enum event bound[] = {
		[SESSION_TX] = EV_BOUND_TX, [SESSION_RX] = EV_BOUND_RX, [SESSION_TRX] = EV_BOUND_TRX,
	};
	char text[40];

	if (h->status == ESME_OK && h->id != PDU_GENERIC_NACK) {
		dispatch(s, bound[s->kind]);
		return;
	}
	set_reason(s, "bind refused: %s", status_text(h->status, text, sizeof(text)));
	switch (h->status) {
	case ESME_BAD_PASSWORD:
	case ESME_BAD_SYSTEM_ID:
	case ESME_BIND_FAILED:
		s->wait_at_least_ms = REFUSED_MS;
		log_error("smpp_refused", "link=%s bind=%u reason=%s", s->conf->link, s->index, s->reason);
		break;
	case ESME_ALREADY_BOUND:
		s->wait_at_least_ms = s->conf->enquire_link_ms ? s->conf->enquire_link_ms : LINGER_MS;
		break;
	default:
		break;
	}
	dispatch(s, EV_REFUSED);
}

/* submit_sm_resp, data_sm_resp, generic_nack. */
static void handle_answer(struct session *s, const struct pdu_header *h, const uint8_t *pdu)
{
	bool fatal = status_class(h->status) == STATUS_LINK_FATAL;
	struct window_slot slot;
	uint64_t late_key;
	char text[40];

	if (window_take(&s->window, h->seq, &slot)) {
		histogram_add(&s->counters->response_ms, now_ms(s) - slot.sent_ms);
		settle_answer(s, slot.key, h, pdu, false);
		check_room(s);
	} else if (window_take_late(&s->window, h->seq, &late_key)) {
		settle_answer(s, late_key, h, pdu, true);
	} else {
		/* A nack for no request of ours that speaks of our framing ends the session; all else is noise. */
		fatal = h->id == PDU_GENERIC_NACK && h->status == ESME_BAD_CMD_LEN;
		s->counters->malformed++;
		log_warn("smpp_unknown_seq", "link=%s bind=%u command_id=%08x seq=%u status=%s", s->conf->link, s->index,
			h->id, h->seq, status_text(h->status, text, sizeof(text)));
	}
	if (h->status == ESME_OK)
		s->failures = 0;
	if (fatal && is_talking(s->state)) {
		set_reason(s, "the SMSC answered %s", status_text(h->status, text, sizeof(text)));
		dispatch(s, EV_FATAL);
	}
	check_drained(s);
}

static void handle_response(struct session *s, const struct pdu_header *h, const uint8_t *pdu)
{
	if (s->state == ST_OPEN && h->seq == s->bind_seq &&
		(h->id == (PDU_RESP | PDU_BIND_TRANSMITTER) || h->id == (PDU_RESP | PDU_BIND_RECEIVER) ||
			h->id == (PDU_RESP | PDU_BIND_TRANSCEIVER) || h->id == PDU_GENERIC_NACK)) {
		handle_bind_resp(s, h);
		return;
	}
	switch (h->id) {
	case PDU_RESP | PDU_SUBMIT_SM:
	case PDU_RESP | PDU_DATA_SM:
	case PDU_GENERIC_NACK:
		handle_answer(s, h, pdu);
		return;
	case PDU_RESP | PDU_ENQUIRE_LINK:
		s->failures = 0; /* it holds: the next loss starts from reconnect_min */
		return;
	case PDU_RESP | PDU_UNBIND:
		if (s->state == ST_UNBINDING) {
			dispatch(s, EV_UNBOUND);
			return;
		}
		break;
	default:
		break;
	}
	s->counters->malformed++;
	log_warn("smpp_unexpected", "link=%s bind=%u command_id=%08x seq=%u", s->conf->link, s->index, h->id, h->seq);
}

static void answer_sm(struct session *s, uint32_t id, uint32_t seq, uint32_t status)
{
	uint8_t pdu[PDU_SM_RESP_LEN];

	put(s, pdu, pdu_put_sm_resp(pdu, PDU_RESP | id, status, seq));
}

static void handle_sm(struct session *s, const struct pdu_header *h, const uint8_t *pdu)
{
	uint32_t status = ESME_OK;

	if (s->state == ST_OPEN || s->kind == SESSION_TX) {
		answer_sm(s, h->id, h->seq, ESME_BAD_BIND_STATE);
		return;
	}
	s->failures = 0;
	s->unacked++; /* first: the core may acknowledge from inside */
	if (s->ops->sm(s->arg, s, pdu, h->length, h, &status) == 0)
		return;
	s->unacked--;
	answer_sm(s, h->id, h->seq, status);
	check_drained(s);
}

static void handle_request(struct session *s, const struct pdu_header *h, const uint8_t *pdu)
{
	char text[256];

	switch (h->id) {
	case PDU_DELIVER_SM:
	case PDU_DATA_SM:
		handle_sm(s, h, pdu);
		return;
	case PDU_ENQUIRE_LINK:
		put_header(s, PDU_RESP | PDU_ENQUIRE_LINK, ESME_OK, h->seq);
		return;
	case PDU_UNBIND:
		put_unbind(s, PDU_RESP | PDU_UNBIND, h->seq);
		set_reason(s, "unbound by the SMSC");
		dispatch(s, EV_UNBIND);
		return;
	case PDU_OUTBIND:
	case PDU_ALERT_NOTIFICATION:
		/* Neither has a response (SMPP 3.4, 4.1.7 and 4.12). */
		if (pdu_describe(pdu, h->length, text, sizeof(text)) == 0)
			log_debug("smpp_notice", "link=%s bind=%u text=%s", s->conf->link, s->index, text);
		return;
	default:
		s->counters->malformed++;
		log_warn("smpp_unknown_command", "link=%s bind=%u command_id=%08x", s->conf->link, s->index, h->id);
		put_header(s, PDU_GENERIC_NACK, ESME_BAD_CMD_ID, h->seq);
		return;
	}
}

static void handle_pdu(struct session *s, const uint8_t *pdu)
{
	struct pdu_header h;

	pdu_header_read(pdu, &h);
	if (h.id & PDU_RESP)
		handle_response(s, &h, pdu);
	else
		handle_request(s, &h, pdu);
}

/* The stream cannot be trusted any more. */
static void broken(struct session *s, const char *reason)
{
	s->counters->malformed++;
	put_header(s, PDU_GENERIC_NACK, ESME_BAD_CMD_LEN, 0);
	set_reason(s, "%s", reason);
	log_warn("smpp_broken", "link=%s bind=%u reason=%s", s->conf->link, s->index, reason);
	dispatch(s, EV_BROKEN);
}

/* Add to the PDU that came in pieces what it lacks, no more; returns the octets taken, or -ENOMEM. */
static ssize_t complete(struct session *s, const uint8_t *data, size_t n)
{
	size_t have = buf_len(&s->part), want = 4;
	struct pdu_header h;
	int r;

	if (have >= PDU_HEADER) {
		pdu_header_read(buf_data(&s->part), &h);
		want = h.length;
	} else if (have >= 4) {
		want = PDU_HEADER; /* never more than a sound length, and pdu_frame() has seen this one */
	}
	if (n > want - have)
		n = want - have;
	r = buf_add(&s->part, data, n);
	return r < 0 ? r : (ssize_t)n;
}

/* One PDU, or a piece of it: the octets taken, negative when the session has ended by it. */
static ssize_t take(struct session *s, const uint8_t *data, size_t n)
{
	bool in_part = buf_len(&s->part) > 0;
	ssize_t took = 0;
	int32_t length;

	if (in_part) {
		took = complete(s, data, n);
		length = took < 0 ? (int32_t)took : pdu_frame(buf_data(&s->part), buf_len(&s->part));
	} else {
		length = pdu_frame(data, n);
	}
	if (length < 0) {
		broken(s, length == -ENOMEM ? "out of memory" : "command_length out of range");
		return -1;
	}
	if (length == 0) {
		if (in_part)
			return took;
		s->part_since_ms = now_ms(s);
		return buf_add(&s->part, data, n) < 0 ? (broken(s, "out of memory"), -1) : (ssize_t)n;
	}
	if (!in_part) {
		handle_pdu(s, data);
		return length;
	}
	s->part_since_ms = 0;
	handle_pdu(s, buf_data(&s->part));
	buf_reset(&s->part, PART_KEEP);
	return took;
}

static void on_read(void *arg, const uint8_t *data, size_t n)
{
	struct session *s = arg;

	s->last_in_ms = now_ms(s);
	s->enquire_sent_ms = 0;
	while (n && is_talking(s->state)) {
		ssize_t took = take(s, data, n);

		if (took < 0)
			return;
		data += took;
		n -= (size_t)took;
		if (s->unacked < SESSION_MAX_UNACKED || !is_talking(s->state))
			continue;
		s->paused = true;
		if (n)
			stream_unread(s->stream, n);
		else
			stream_pause(s->stream);
		break;
	}
	arm(s);
}

/* ---- the timer ---- */

static void expire(struct session *s, uint64_t now)
{
	const struct window_slot *oldest;
	struct window_slot slot;

	while ((oldest = window_oldest(&s->window)) && answer_due(s, oldest) <= now) {
		window_expire(&s->window, &slot);
		s->counters->response_timeouts++;
		settle(s, slot.key, OUTCOME_UNKNOWN, "no answer in time");
		/* Is anybody there?  Asked at once, as more parts may be on their way into the same hole. */
		if (s->conf->enquire_link_ms && is_bound(s->state) && !s->enquire_sent_ms) {
			s->enquire_sent_ms = now;
			put_header(s, PDU_ENQUIRE_LINK, 0, window_seq(&s->window));
		}
		check_room(s);
	}
	check_drained(s);
}

static void enquire(struct session *s, uint64_t now)
{
	if (s->enquire_sent_ms) {
		if (s->enquire_sent_ms + s->conf->response_timeout_ms > now)
			return;
		s->enquire_sent_ms = 0;
		s->counters->enquire_timeouts++;
		set_reason(s, "enquire_link was not answered");
		dispatch(s, EV_SILENT);
		return;
	}
	if (!is_bound(s->state) || !s->conf->enquire_link_ms || s->last_in_ms + s->conf->enquire_link_ms > now)
		return;
	s->enquire_sent_ms = now;
	put_header(s, PDU_ENQUIRE_LINK, 0, window_seq(&s->window));
}

static void on_timer(uv_timer_t *t)
{
	struct session *s = t->data;
	uint64_t now = now_ms(s);

	s->armed_ms = 0;
	if (is_talking(s->state) && !s->paused && s->part_since_ms && s->part_since_ms + s->conf->response_timeout_ms <= now)
		broken(s, "half a PDU, and no more of it");
	if (is_talking(s->state) && !s->paused)
		expire(s, now);
	if (is_talking(s->state) && !s->paused)
		enquire(s, now);
	if (s->deadline_ms && s->deadline_ms <= now) {
		s->deadline_ms = 0;
		dispatch(s, EV_TIMER);
	}
	arm(s);
}

/* ---- for the link ---- */

int session_new(uv_loop_t *loop, enum session_kind kind, unsigned index, const struct session_conf *conf,
	struct session_counters *counters, const struct session_ops *ops, void *arg, struct session **ret_s)
{
	struct session *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	r = window_init(&s->window, conf->window);
	if (r < 0) {
		free(s);
		return r;
	}
	buf_init(&s->part, PDU_MAX);
	s->loop = loop;
	s->kind = kind;
	s->index = index;
	s->conf = conf;
	s->counters = counters;
	s->ops = ops;
	s->arg = arg;
	s->random = (uv_hrtime() ^ (uint64_t)(uintptr_t)s) | 1;
	*ret_s = s;
	return 0;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	assert(s->state == ST_STOPPED);
	window_done(&s->window);
	buf_done(&s->part);
	free(s);
}

int session_start(struct session *s)
{
	int r = uv_timer_init(s->loop, &s->timer);

	if (r < 0)
		return r;
	s->timer.data = s;
	s->armed_ms = 0;
	s->failures = 0;
	s->stopping = false;
	dispatch(s, EV_START);
	return 0;
}

void session_stop(struct session *s)
{
	enum event ev = s->stopping ? EV_HURRY : EV_STOP;

	s->stopping = true;
	dispatch(s, ev);
}

unsigned session_index(const struct session *s)
{
	return s->index;
}

uint32_t session_generation(const struct session *s)
{
	return s->generation;
}

bool session_is_up(const struct session *s)
{
	return is_bound(s->state);
}

bool session_can_submit(const struct session *s)
{
	return s->state == ST_BOUND_TX || s->state == ST_BOUND_TRX;
}

uint32_t session_outstanding(const struct session *s)
{
	return s->window.n;
}

uint32_t session_seq(struct session *s)
{
	return window_seq(&s->window);
}

/* Is there room for `n` octets?  What lies in the stream's buffer only until the end of this turn is not in the way. */
static bool has_room(struct session *s, size_t n)
{
	if (window_full(&s->window))
		return false;
	if (stream_unsent(s->stream) + n <= SESSION_MAX_UNSENT)
		return true;
	stream_flush(s->stream);
	return stream_unsent(s->stream) + n <= SESSION_MAX_UNSENT;
}

int session_submit(struct session *s, uint64_t key, uint32_t seq, const uint8_t *pdu, size_t n)
{
	bool first = !s->window.n;

	if (!session_can_submit(s))
		return -ENOTCONN;
	if (!has_room(s, n))
		return -EAGAIN;
	if (put(s, pdu, n) < 0)
		return -ENOTCONN;
	window_add(&s->window, seq, key, now_ms(s), s->written);
	if (first)
		arm(s);
	return 0;
}

void session_ack(struct session *s, uint32_t generation, uint32_t id, uint32_t seq, uint32_t status)
{
	if (generation != s->generation || !is_talking(s->state))
		return;
	answer_sm(s, id, seq, status);
	s->unacked--;
	if (s->paused && s->unacked <= SESSION_MAX_UNACKED / 2) {
		s->paused = false;
		s->last_in_ms = s->resumed_ms = now_ms(s);
		stream_resume(s->stream);
		arm(s);
	}
	check_drained(s);
}
