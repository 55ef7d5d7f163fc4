/* SPDX-License-Identifier: Apache-2.0 */
/* session.c -- see session.h for the picture and the promises.
 *
 * One timer serves all deadlines of a session.  It is set to the nearest one and looks again when it fires; a submit
 * need not touch it, because the deadline of a new request lies behind those that are waited for already.
 *
 * What the SMSC sends is session_read.c. */
#include <config.h>

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "smpp/session_int.h"

/* Room beside the submits for answers: so many unacknowledged inbound PDUs, and their like. */
#define MAX_OUT       (SESSION_MAX_UNSENT + 65536u)
#define UNBIND_MAX_MS 2000u

static const char *const state_names[] = {
	"stopped", "wait", "listening", "connecting", "called", "open", "bound_tx", "bound_rx", "bound_trx", "draining",
	"unbinding", "unbound", "closing",
};

static const char *const event_names[] = {
	"start", "listen", "seat", "timer", "call", "outbind", "connected", "bound_tx", "bound_rx", "bound_trx", "refused",
	"unbind", "unbound", "drained", "silent", "broken", "fatal", "rebind", "stop", "hurry", "closed",
};

static const char *const kind_names[] = {
	[SESSION_TX] = "transmitter", [SESSION_RX] = "receiver", [SESSION_TRX] = "transceiver",
};

static void on_timer(uv_timer_t *t);

/* ---- small things ---- */

void session_set_reason(struct session *s, const char *fmt, ...)
{
	va_list ap;

	if (s->reason[0])
		return;
	va_start(ap, fmt);
	vsnprintf(s->reason, sizeof(s->reason), fmt, ap);
	va_end(ap);
}

int session_put(struct session *s, const uint8_t *pdu, size_t n)
{
	int r = stream_write(s->stream, pdu, n);

	if (r == 0) {
		s->written += n;
		if (trace_is_on(s->trace))
			trace_add(s->trace, now_ms(s), s->index, true, pdu, n);
		return 0;
	}
	if (r != -EPIPE) {
		session_set_reason(s, "the SMSC does not read");
		stream_abort(s->stream, r);
	}
	return r;
}

void session_put_header(struct session *s, uint32_t id, uint32_t status, uint32_t seq)
{
	uint8_t pdu[PDU_HEADER];

	session_put(s, pdu, pdu_put_header(pdu, id, status, seq));
}

void session_put_unbind(struct session *s, uint32_t id, uint32_t seq)
{
	uint8_t pdu[PDU_HEADER];

	if (pdu_put_unbind(pdu, id, seq) > 0)
		session_put(s, pdu, sizeof(pdu));
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

void session_arm(struct session *s)
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

static void settle(struct session *s, uint64_t key, enum outcome outcome, const char *text)
{
	const struct settle st = { .key = key, .outcome = outcome, .text = text };

	s->ops->settled(s->arg, &st);
}

void session_check_drained(struct session *s)
{
	if ((s->state == ST_DRAINING || s->state == ST_UNBOUND) && !s->window.n && !s->unacked)
		session_dispatch(s, EV_DRAINED);
}

void session_check_room(struct session *s)
{
	if (is_bound(s->state))
		s->ops->room(s->arg);
}

#define ODD_TOLD 50u   /* of a connection, one by one */
#define ODD_THEN 1000u /* then each so many */

bool session_odd(struct session *s)
{
	s->counters->malformed++;
	return ++s->n_odd <= ODD_TOLD || s->n_odd % ODD_THEN == 0;
}

/* ---- actions ---- */

static void tell_down(struct session *s)
{
	if (s->told_down)
		return;
	s->told_down = true;
	s->ops->down(s->arg, s, s->reason);
}

/* The host this bind speaks with, or spoke with last. */
static const char *host_label(const struct session *s)
{
	return s->called ? s->peer : s->hosts->one[s->seat.host].label;
}

void session_alive(struct session *s)
{
	if (!s->called)
		hosts_alive(s->hosts, &s->seat);
}

/* Give the seat back, and tell the others what this one learnt. */
static uint64_t leave_host(struct session *s)
{
	uint64_t ms;

	if (s->called || s->seat.phase == HOSTS_AWAY)
		return 0;
	ms = hosts_leave(s->hosts, &s->seat, s->stopping ? HOSTS_NONE : s->why, now_ms(s));
	if (ms)
		log_info("smpp_wait", "link=%s bind=%u host=%s wait_ms=%llu reason=%s", s->conf->link, s->index,
			host_label(s), (unsigned long long)ms, s->reason);
	s->ops->hosts_changed(s->arg);
	return ms;
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
	session_set_reason(s, "closed");
	tell_down(s);
	settle_lost(s);
	leave_host(s);
	s->generation++;
	s->unacked = 0;
	s->paused = false;
	s->part_since_ms = s->enquire_sent_ms = s->resumed_ms = 0;
	buf_done(&s->part);
	if (s->stopping)
		session_dispatch(s, EV_STOP); /* again, where a link that drained was stopped by what we just told it */
	else if (s->called)
		session_dispatch(s, EV_LISTEN);
	else
		session_wake(s);
}

/* Is there a seat at a host?  If not, until when, or until another bind has gone on. */
static void do_ask(struct session *s)
{
	uint64_t again_ms;

	if (hosts_take(s->hosts, &s->seat, now_ms(s), &again_ms) == 0)
		session_dispatch(s, EV_SEAT);
	else if (again_ms != HOSTS_NEVER)
		s->deadline_ms = again_ms;
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
	session_dispatch(arg, EV_CONNECTED);
}

static void on_drain(void *arg)
{
	session_check_room(arg);
}

static void on_closed(void *arg, int err)
{
	struct session *s = arg;
	const char *more = stream_error_text(s->stream);

	if (*more) /* what TLS says is the reason; that it is an error of the protocol says nothing */
		session_set_reason(s, "%s", more);
	else if (err == UV_EOF)
		session_set_reason(s, "closed by the SMSC");
	else if (err)
		session_set_reason(s, "%s", uv_strerror(err));
	s->taken = stream_octets_out(s->stream);
	s->stream = NULL;
	session_dispatch(s, EV_CLOSED);
}

static const struct stream_ops stream_ops = {
	.on_open = on_open,
	.on_read = session_on_read,
	.on_drain = on_drain,
	.on_closed = on_closed,
};

static struct stream_conf stream_conf_of(struct session *s)
{
	return (struct stream_conf){
		.ops = &stream_ops,
		.arg = s,
		.max_out = MAX_OUT,
		.open_timeout_ms = (unsigned)s->conf->connect_timeout_ms,
		.keepalive_s = s->conf->keepalive_s,
	};
}

/* Nothing of the connection before stays. */
static void begin(struct session *s)
{
	s->reason[0] = 0;
	s->told_down = false;
	s->why = HOSTS_LOST;
	s->peer_version = -1;
	s->n_odd = 0;
	s->written = s->taken = 0;
	window_reset(&s->window);
}

static void do_connect(struct session *s)
{
	const struct hosts_one *host = &s->hosts->one[s->seat.host];
	const struct stream_target target = {
		.host = host->name,
		.port = host->port,
		.source = s->conf->source_address,
		.tls = s->conf->tls,
		.server_name = s->conf->server_name,
	};
	const struct stream_conf conf = stream_conf_of(s);
	int r;

	begin(s);
	s->counters->reconnects += s->tried;
	s->tried = true;
	r = stream_connect(s->conf->streams, &target, &conf, &s->stream);
	if (r == 0)
		return;
	s->stream = NULL;
	session_set_reason(s, "cannot connect: %s", uv_strerror(r));
	session_dispatch(s, EV_CLOSED);
}

/* An outbind must come, and soon: whoever calls holds a place. */
static void do_called(struct session *s)
{
	s->last_in_ms = now_ms(s);
	set_deadline(s, s->conf->response_timeout_ms);
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
		session_put(s, pdu, (size_t)n);
}

static void do_bound(struct session *s)
{
	log_info("smpp_bound", "link=%s bind=%u host=%s state=%s version=0x%02x", s->conf->link, s->index, host_label(s),
		state_names[s->state], s->peer_version < 0 ? 0 : (unsigned)s->peer_version);
	if (!s->called) {
		hosts_bound(s->hosts, &s->seat);
		s->ops->hosts_changed(s->arg);
	}
	s->ops->up(s->arg, s);
}

/* The pause is known before anybody is told, so that the reason can say it. */
static void do_refused(struct session *s)
{
	uint64_t ms = leave_host(s);
	size_t n = strlen(s->reason);

	if (ms && (s->why == HOSTS_DENIED || s->why == HOSTS_REFUSED))
		snprintf(s->reason + n, sizeof(s->reason) - n, "; next try in %.3g s, at once with \"posthorn links start %s\"",
			(double)ms / 1000, s->conf->link);
	stream_close(s->stream);
	tell_down(s);
}

static void do_close(struct session *s)
{
	stream_close(s->stream);
	tell_down(s);
}

static void do_abort(struct session *s)
{
	session_set_reason(s, s->stopping ? "stopped" : "no answer in time");
	stream_abort(s->stream, -ETIMEDOUT);
	tell_down(s);
}

static void do_rebind(struct session *s)
{
	s->why = HOSTS_NONE;
	set_deadline(s, s->conf->response_timeout_ms);
	session_set_reason(s, "rebind");
	tell_down(s);
	session_check_drained(s);
}

static void do_drain(struct session *s)
{
	set_deadline(s, s->conf->response_timeout_ms);
	session_set_reason(s, "stopped");
	tell_down(s);
	session_check_drained(s);
}

/* No good-bye to a stranger: it would hold the place until it said its own. */
static void do_hang_up(struct session *s)
{
	stream_abort(s->stream, -ECONNABORTED);
	tell_down(s);
}

static uint64_t farewell_ms(const struct session *s)
{
	return s->conf->response_timeout_ms < UNBIND_MAX_MS ? s->conf->response_timeout_ms : UNBIND_MAX_MS;
}

static void do_unbind(struct session *s)
{
	set_deadline(s, farewell_ms(s));
	session_put_unbind(s, PDU_UNBIND, window_seq(&s->window));
}

/* The SMSC goes.  Its answers to what is in flight may still come, and those that we owe it are on their way; the
 * answer to its unbind ends both, so it is the last that we say. */
static void do_unbound(struct session *s)
{
	set_deadline(s, farewell_ms(s));
	tell_down(s);
	session_check_drained(s);
}

static void do_goodbye(struct session *s)
{
	session_put_unbind(s, PDU_RESP | PDU_UNBIND, s->unbind_seq);
	do_close(s);
}

/* ---- the rules ---- */

#define IN(state) (1u << (state))
#define BOUND     (IN(ST_BOUND_TX) | IN(ST_BOUND_RX) | IN(ST_BOUND_TRX))
#define OPENING   (IN(ST_CALLED) | IN(ST_OPEN))
#define LEAVING   (IN(ST_DRAINING) | IN(ST_UNBINDING) | IN(ST_UNBOUND))
#define STAY      (-1)

/* clang-format off */
static const struct rule {
	unsigned in;
	enum event on;
	int to;
	void (*act)(struct session *s);
} rules[] = {
	/* in any of                             on            go to          and do       */
	{ IN(ST_STOPPED),                        EV_START,     ST_WAIT,       do_ask       },
	{ IN(ST_STOPPED) | IN(ST_WAIT),          EV_LISTEN,    ST_LISTENING,  NULL         },
	{ IN(ST_WAIT),                           EV_TIMER,     ST_WAIT,       do_ask       },
	{ IN(ST_WAIT),                           EV_SEAT,      ST_CONNECTING, do_connect   },
	{ IN(ST_WAIT) | IN(ST_LISTENING),        EV_STOP,      ST_STOPPED,    do_stopped   },
	{ IN(ST_LISTENING),                      EV_CALL,      ST_CALLED,     do_called    },
	{ IN(ST_CALLED),                         EV_CONNECTED, STAY,          NULL         },
	{ IN(ST_CALLED),                         EV_OUTBIND,   ST_OPEN,       do_bind      },
	{ IN(ST_CONNECTING),                     EV_CONNECTED, ST_OPEN,       do_bind      },
	{ IN(ST_OPEN),                           EV_BOUND_TX,  ST_BOUND_TX,   do_bound     },
	{ IN(ST_OPEN),                           EV_BOUND_RX,  ST_BOUND_RX,   do_bound     },
	{ IN(ST_OPEN),                           EV_BOUND_TRX, ST_BOUND_TRX,  do_bound     },
	{ IN(ST_OPEN),                           EV_REFUSED,   ST_CLOSING,    do_refused   },
	{ IN(ST_CALLED),                         EV_REFUSED,   ST_CLOSING,    do_hang_up   },
	{ OPENING,                               EV_TIMER,     ST_CLOSING,    do_abort     },
	{ OPENING | IN(ST_CONNECTING),           EV_STOP,      ST_CLOSING,    do_abort     },
	{ BOUND,                                 EV_STOP,      ST_DRAINING,   do_drain     },
	{ BOUND,                                 EV_FATAL,     ST_DRAINING,   do_drain     },
	{ BOUND,                                 EV_REBIND,    ST_DRAINING,   do_rebind    },
	{ BOUND,                                 EV_SILENT,    ST_CLOSING,    do_abort     },
	{ BOUND | IN(ST_DRAINING),               EV_UNBIND,    ST_UNBOUND,    do_unbound   },
	{ IN(ST_DRAINING),                       EV_DRAINED,   ST_UNBINDING,  do_unbind    },
	{ IN(ST_DRAINING),                       EV_TIMER,     ST_UNBINDING,  do_unbind    },
	{ IN(ST_UNBINDING),                      EV_UNBOUND,   ST_CLOSING,    do_close     },
	{ IN(ST_UNBINDING),                      EV_TIMER,     ST_CLOSING,    do_close     },
	{ IN(ST_UNBOUND),                        EV_DRAINED,   ST_CLOSING,    do_goodbye   },
	{ IN(ST_UNBOUND),                        EV_TIMER,     ST_CLOSING,    do_goodbye   },
	{ IN(ST_UNBOUND),                        EV_UNBIND,    STAY,          NULL         },
	{ OPENING | IN(ST_UNBINDING),            EV_UNBIND,    ST_CLOSING,    do_goodbye   },
	{ OPENING | BOUND | LEAVING,             EV_BROKEN,    ST_CLOSING,    do_close     },
	{ OPENING,                               EV_FATAL,     ST_CLOSING,    do_close     },
	{ LEAVING,                               EV_SILENT,    ST_CLOSING,    do_abort     },
	{ LEAVING | IN(ST_CLOSING) | IN(ST_STOPPED),
	                                         EV_STOP,      STAY,          NULL         },
	{ IN(ST_DRAINING),                       EV_HURRY,     ST_UNBINDING,  do_unbind    },
	{ IN(ST_UNBOUND),                        EV_HURRY,     ST_CLOSING,    do_goodbye   },
	{ IN(ST_STOPPED) | IN(ST_UNBINDING) | IN(ST_CLOSING),
	                                         EV_HURRY,     STAY,          NULL         },
	{ LEAVING,                               EV_FATAL,     STAY,          NULL         },
	{ IN(ST_CONNECTING) | OPENING | BOUND | LEAVING | IN(ST_CLOSING),
	                                         EV_CLOSED,    ST_WAIT,       do_closed    },
};
/* clang-format on */

static const struct rule *find_rule(enum state st, enum event ev)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].on == ev && rules[i].in & IN(st))
			return &rules[i];
	return NULL;
}

/* The only place where the state changes. */
void session_dispatch(struct session *s, enum event ev)
{
	const struct rule *rule = find_rule(s->state, ev);

	if (!rule) {
		if (session_odd(s))
			log_warn("smpp_event", "link=%s bind=%u state=%s on=%s", s->conf->link, s->index,
				state_names[s->state], event_names[ev]);
		return;
	}
	if (rule->to == STAY)
		return;
	log_debug("smpp_state", "link=%s bind=%u from=%s on=%s to=%s", s->conf->link, s->index, state_names[s->state],
		event_names[ev], state_names[rule->to]);
	if (s->state != (enum state)rule->to)
		s->since_ms = clock_ms();
	s->state = (enum state)rule->to;
	s->deadline_ms = 0;
	if (rule->act)
		rule->act(s);
	session_arm(s);
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
			session_put_header(s, PDU_ENQUIRE_LINK, 0, window_seq(&s->window));
		}
		session_check_room(s);
	}
	session_check_drained(s);
}

static void enquire(struct session *s, uint64_t now)
{
	if (s->enquire_sent_ms) {
		if (s->enquire_sent_ms + s->conf->response_timeout_ms > now)
			return;
		s->enquire_sent_ms = 0;
		s->counters->enquire_timeouts++;
		session_set_reason(s, "enquire_link was not answered");
		session_dispatch(s, EV_SILENT);
		return;
	}
	if (!is_bound(s->state) || !s->conf->enquire_link_ms || s->last_in_ms + s->conf->enquire_link_ms > now)
		return;
	s->enquire_sent_ms = now;
	session_put_header(s, PDU_ENQUIRE_LINK, 0, window_seq(&s->window));
}

static void on_timer(uv_timer_t *t)
{
	struct session *s = t->data;
	uint64_t now = now_ms(s);

	s->armed_ms = 0;
	if (is_talking(s->state) && !s->paused && s->part_since_ms &&
		s->part_since_ms + s->conf->response_timeout_ms <= now)
		session_broken(s, "half a PDU, and no more of it");
	if (is_talking(s->state) && !s->paused)
		expire(s, now);
	if (is_talking(s->state) && !s->paused)
		enquire(s, now);
	if (s->deadline_ms && s->deadline_ms <= now) {
		s->deadline_ms = 0;
		session_dispatch(s, EV_TIMER);
	}
	session_arm(s);
}

/* ---- for the link ---- */

int session_new(const struct session_link *link, enum session_kind kind, unsigned index, unsigned home,
	struct session **ret_s)
{
	struct session *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	r = window_init(&s->window, link->conf->window);
	if (r < 0) {
		free(s);
		return r;
	}
	buf_init(&s->part, PDU_MAX);
	s->loop = link->loop;
	s->conf = link->conf;
	s->hosts = link->hosts;
	s->counters = link->counters;
	s->trace = link->trace;
	s->ops = link->ops;
	s->arg = link->arg;
	s->kind = kind;
	s->index = index;
	s->called = home == SESSION_CALLED;
	s->seat.home = s->seat.host = s->called ? 0 : home;
	s->peer_version = -1;
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
	s->stopping = s->tried = false;
	s->reason[0] = 0;
	session_dispatch(s, s->called ? EV_LISTEN : EV_START);
	return 0;
}

void session_stop(struct session *s)
{
	enum event ev = s->stopping ? EV_HURRY : EV_STOP;

	s->stopping = true;
	session_dispatch(s, ev);
}

void session_wake(struct session *s)
{
	if (s->state != ST_WAIT || s->called)
		return;
	s->deadline_ms = now_ms(s);
	session_arm(s); /* not at once: whoever wakes us is in the middle of something */
}

void session_rebind(struct session *s)
{
	if (is_bound(s->state))
		session_dispatch(s, EV_REBIND);
}

bool session_is_free(const struct session *s)
{
	return s->state == ST_LISTENING;
}

void session_peer(const struct session *s, struct sockaddr_storage *ret)
{
	stream_peer(s->stream, ret);
}

void session_hang_up(struct session *s, const char *reason)
{
	session_set_reason(s, "%s", reason);
	log_warn("smpp_outbind_refused", "link=%s bind=%u peer=%s reason=%s", s->conf->link, s->index, s->peer, reason);
	session_dispatch(s, EV_REFUSED);
}

static void name_peer(struct session *s)
{
	struct sockaddr_storage a;
	char text[INET6_ADDRSTRLEN] = "?";

	stream_peer(s->stream, &a);
	if (a.ss_family == AF_INET6)
		uv_ip6_name((struct sockaddr_in6 *)&a, text, sizeof(text));
	else if (a.ss_family == AF_INET)
		uv_ip4_name((struct sockaddr_in *)&a, text, sizeof(text));
	snprintf(s->peer, sizeof(s->peer), "%s", text);
}

int session_call(struct session *s, struct stream_listener *l)
{
	const struct stream_conf conf = stream_conf_of(s);
	int r;

	begin(s);
	r = stream_accept(l, &conf, &s->stream);
	if (r < 0)
		return r;
	name_peer(s);
	session_dispatch(s, EV_CALL);
	return 0;
}

int session_set_window(struct session *s, uint32_t window)
{
	return window_resize(&s->window, window);
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

bool session_is_called(const struct session *s)
{
	return s->called;
}

const char *session_host(const struct session *s)
{
	return host_label(s);
}

unsigned session_home(const struct session *s)
{
	return s->seat.home;
}

bool session_is_away(const struct session *s)
{
	return !s->called && is_bound(s->state) && s->seat.host != s->seat.home;
}

void session_view(const struct session *s, struct driver_bind *ret)
{
	static const char *const versions[] = { "3.3", "3.4", "5.0" };
	int v = s->peer_version;

	*ret = (struct driver_bind){
		.n = s->index,
		.kind = kind_names[s->kind],
		.host = host_label(s),
		.state = state_names[s->state],
		.reason = is_bound(s->state) ? "" :
			s->state == ST_WAIT && !s->reason[0] ? "another bind goes first" : s->reason,
		.version = v < 0 ? "" : versions[v >= 0x50 ? 2 : v >= 0x34 ? 1 : 0],
		.since_ms = s->since_ms,
		.up = is_bound(s->state),
		.outstanding = s->window.n,
		.unacked = s->unacked,
		.response_ms_p50 = histogram_percentile(&s->response_ms, 50),
		.response_ms_p99 = histogram_percentile(&s->response_ms, 99),
	};
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
	if (session_put(s, pdu, n) < 0)
		return -ENOTCONN;
	window_add(&s->window, seq, key, now_ms(s), s->written);
	if (first)
		session_arm(s);
	return 0;
}

void session_ack(struct session *s, uint32_t generation, uint32_t id, uint32_t seq, uint32_t status)
{
	if (generation != s->generation || !is_talking(s->state))
		return;
	session_answer_sm(s, id, seq, status);
	s->unacked--;
	if (s->paused && s->unacked <= SESSION_MAX_UNACKED / 2) {
		s->paused = false;
		s->last_in_ms = s->resumed_ms = now_ms(s);
		stream_resume(s->stream);
		session_arm(s);
	}
	session_check_drained(s);
}
