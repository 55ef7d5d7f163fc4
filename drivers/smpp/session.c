/* SPDX-License-Identifier: Apache-2.0 */
/* session.c -- see session.h for the picture and the promises.
 *
 * One timer serves all deadlines of a session.  It is set to the nearest one and looks again when it fires; a submit
 * need not touch it, because the deadline of a new request lies behind those that are waited for already.
 *
 * What the SMSC sends is session_read.c. */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "smpp/session_int.h"

/* Room beside the submits for answers: so many unacknowledged inbound PDUs, and their like. */
#define MAX_OUT       (SESSION_MAX_UNSENT + 65536u)
#define KEEPALIVE_S   60u
#define UNBIND_MAX_MS 2000u

static const char *const state_names[] = {
	"stopped", "wait", "connecting", "open", "bound_tx", "bound_rx", "bound_trx", "draining", "unbinding", "closing",
};

static const char *const event_names[] = {
	"start", "timer", "connected", "bound_tx", "bound_rx", "bound_trx", "refused", "unbind", "unbound", "drained",
	"silent", "broken", "fatal", "stop", "hurry", "closed",
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
	if (s->state == ST_DRAINING && !s->window.n && !s->unacked)
		session_dispatch(s, EV_DRAINED);
}

void session_check_room(struct session *s)
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
	session_set_reason(s, "closed");
	tell_down(s);
	settle_lost(s);
	s->generation++;
	s->unacked = 0;
	s->paused = false;
	s->part_since_ms = s->enquire_sent_ms = s->resumed_ms = 0;
	buf_done(&s->part);
	if (s->stopping)
		session_dispatch(s, EV_STOP);
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

	if (err == UV_EOF)
		session_set_reason(s, "closed by the SMSC");
	else if (err)
		session_set_reason(s, "%s%s%s", uv_strerror(err), *more ? ": " : "", more);
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
	session_set_reason(s, "cannot connect: %s", uv_strerror(r));
	session_dispatch(s, EV_CLOSED);
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
		session_put(s, pdu, (size_t)n);
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
	session_set_reason(s, s->stopping ? "stopped" : "no answer in time");
	stream_abort(s->stream, -ETIMEDOUT);
	tell_down(s);
}

static void do_drain(struct session *s)
{
	set_deadline(s, s->conf->response_timeout_ms);
	session_set_reason(s, "stopped");
	tell_down(s);
	session_check_drained(s);
}

static void do_unbind(struct session *s)
{
	uint64_t ms = s->conf->response_timeout_ms;

	set_deadline(s, ms < UNBIND_MAX_MS ? ms : UNBIND_MAX_MS);
	session_put_unbind(s, PDU_UNBIND, window_seq(&s->window));
}

/* ---- the rules ---- */

#define IN(state) (1u << (state))
#define BOUND     (IN(ST_BOUND_TX) | IN(ST_BOUND_RX) | IN(ST_BOUND_TRX))
#define LEAVING   (IN(ST_DRAINING) | IN(ST_UNBINDING))
#define STAY      (-1)

/* clang-format off */
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
	session_dispatch(s, EV_START);
	return 0;
}

void session_stop(struct session *s)
{
	enum event ev = s->stopping ? EV_HURRY : EV_STOP;

	s->stopping = true;
	session_dispatch(s, ev);
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
