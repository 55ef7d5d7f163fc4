/* SPDX-License-Identifier: Apache-2.0 */
/* life.c -- the states of a modem: one table, one function that changes them.
 *
 * Three things are told apart, since each wants something else:
 *
 *   - the port is gone: whoever knows ports looks for it (finder.h), at once and whenever something changes;
 *   - the modem is there and does not answer: the ladder (ladder.h);
 *   - the modem answers, and says that it cannot send: no network, no SIM, a PIN.  The link pauses and says why;
 *     nothing is reset, and no message burns an attempt. */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "drivers/modem/modem.h"

static const char *const state_names[MODEM_STATES] = {
	[MODEM_STOPPED] = "stopped",
	[MODEM_ABSENT] = "absent",
	[MODEM_OPENING] = "opening",
	[MODEM_WAKING] = "waking",
	[MODEM_STARTING] = "starting",
	[MODEM_SEARCHING] = "searching",
	[MODEM_READY] = "ready",
	[MODEM_RESETTING] = "resetting",
	[MODEM_BLOCKED] = "blocked",
	[MODEM_STOPPING] = "stopping",
};

static const char *const event_names[] = {
	[EV_START] = "start", [EV_FOUND] = "found", [EV_ABSENT] = "absent", [EV_OPENED] = "opened", [EV_GONE] = "gone",
	[EV_AWAKE] = "awake", [EV_STUCK] = "stuck", [EV_STARTED] = "started", [EV_BLOCKED] = "blocked",
	[EV_STRANGER] = "stranger", [EV_NETWORK] = "network", [EV_NO_NETWORK] = "no_network", [EV_RESTART] = "restart",
	[EV_REOPEN] = "reopen", [EV_TIMER] = "timer", [EV_STOP] = "stop",
};

const char *life_state_name(enum modem_state s)
{
	return state_names[s];
}

/* ---- the port ---- */

static int on_write(void *arg, const void *data, size_t n)
{
	struct modem *m = arg;

	return m->port ? port_write(m->port, data, n) : -EPIPE;
}

static void on_unsolicited(void *arg, const char *line, const char *pdu)
{
	struct modem *m = arg;

	if (incoming_urc(m, line, pdu) || outgoing_late(m, line) || network_urc(m, line) || ussd_urc(m, line) ||
		calls_urc(m, line))
		return;
	startup_urc(m, line);
}

static void on_stuck(void *arg)
{
	modem_stuck(arg, "does not answer");
}

static void on_wire(void *arg, bool out, const char *line, size_t n, bool body)
{
	struct modem *m = arg;

	at_trace_add(&m->trace, uv_now(m->loop), out, line, n);
}

static const struct chat_ops chat_ops = {
	.write = on_write, .urc = on_unsolicited, .stuck = on_stuck, .wire = on_wire,
};

static void on_opened(void *arg)
{
	life_event(arg, EV_OPENED, NULL);
}

static void on_read(void *arg, const uint8_t *data, size_t n)
{
	struct modem *m = arg;

	if (m->chat)
		chat_feed(m->chat, data, n);
}

static void on_gone(void *arg, const char *why)
{
	struct modem *m = arg;

	m->life.n_lost++;
	life_event(m, EV_GONE, why);
}

static const struct port_ops port_ops = { .opened = on_opened, .read = on_read, .gone = on_gone };

void life_close_port(struct modem *m, bool restarted, const char *why)
{
	struct chat *c = m->chat;
	struct port *p = m->port;

	startup_abort(m);
	network_end(m);
	/* Whatever runs ends now; it must find nobody to ask more of. */
	m->chat = NULL;
	m->port = NULL;
	if (c)
		chat_stop(c);
	ussd_end(m, -ENOTCONN, why);
	outgoing_down(m, restarted, why);
	incoming_down(m);
	if (p)
		port_close(p);
}

/* ---- what the events do ---- */

static void no_action(struct modem *m, const char *why)
{
}

static void tell_down(struct modem *m, const char *why)
{
	link_down(m->link, why);
}

static void on_found(void *arg, const struct finder_found *f)
{
	struct modem *m = arg;

	snprintf(m->port_name, sizeof(m->port_name), "%s", f->name);
	m->port_baud = f->baud;
	life_event(m, EV_FOUND, NULL);
}

static void on_absent(void *arg, const char *why)
{
	life_event(arg, EV_ABSENT, why);
}

static const struct conf_strings *ports(void *arg)
{
	const struct modem *m = arg;

	return link_conf(m->link)->modem_ports;
}

static const struct finder_ops finder_ops = { .found = on_found, .absent = on_absent, .ports = ports };

static void want_port(struct modem *m, const char *why)
{
	const struct conf_link *c = link_conf(m->link);
	const struct finder_conf conf = { .link = c->name, .device = c->device, .baud = (unsigned)c->baud };
	int r = finder_want(m->loop, &conf, &finder_ops, m, &m->life.want);

	if (r < 0)
		link_down(m->link, r == -EINVAL ? "the setting `device` names no port and no modem" : strerror(-r));
}

static void note_absent(struct modem *m, const char *why)
{
	m->life.was_absent = true;
	link_down(m->link, why);
}

static void open_port(struct modem *m, const char *why)
{
	const struct conf_link *c = link_conf(m->link);
	const struct port_conf conf = {
		.name = m->port_name, .baud = c->baud ? (unsigned)c->baud : m->port_baud, .rtscts = c->rtscts,
	};
	char text[PORT_WHY_MAX];
	int r;

	m->life.n_opened++;
	r = port_open(m->loop, &conf, &port_ops, m, &m->port, text);
	if (r < 0) {
		m->port = NULL;
		life_event(m, EV_GONE, text);
	}
}

static void take_port(struct modem *m, const char *why)
{
	if (m->life.was_absent)
		ladder_came_back(m);
	m->life.was_absent = false;
	m->life.found_ms = uv_now(m->loop);
	open_port(m, NULL);
}

static void reopen(struct modem *m, const char *why)
{
	life_close_port(m, false, why);
	open_port(m, NULL);
}

static void on_awake(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;

	if (a->end == CHAT_GONE)
		return; /* on_stuck() follows, or the port's end */
	if (a->end == CHAT_TIMEOUT)
		modem_ask(m, "AT", NULL, on_awake);
	else
		life_event(m, EV_AWAKE, NULL);
}

static void wake(struct modem *m, const char *why)
{
	if (!m->chat && chat_new(m->loop, &chat_ops, m, &m->chat) < 0) {
		modem_stuck(m, "no memory");
		return;
	}
	modem_ask(m, "AT", NULL, on_awake);
}

/* What the finder should think of it. */
static enum finder_trouble trouble_of(const struct modem *m, enum modem_state from)
{
	return from == MODEM_OPENING ? FINDER_NOT_OPEN : FINDER_HUNG_UP;
}

static void lost(struct modem *m, const char *why, enum finder_trouble t)
{
	life_close_port(m, true, why);
	m->life.was_absent = true;
	link_down(m->link, why);
	finder_again(m->life.want, t, why);
}

static void not_open(struct modem *m, const char *why)
{
	lost(m, why, trouble_of(m, MODEM_OPENING));
}

static void hung_up(struct modem *m, const char *why)
{
	lost(m, why, trouble_of(m, MODEM_READY));
}

static void stranger(struct modem *m, const char *why)
{
	lost(m, why, FINDER_NOT_MODEM);
}

/* What it was asked before it began anew is not answered any more, at least not soon. */
static void forget_what_runs(struct modem *m)
{
	struct chat *c = m->chat;

	m->chat = NULL;
	chat_stop(c);
	if (chat_new(m->loop, &chat_ops, m, &m->chat) < 0)
		modem_stuck(m, "no memory");
}

static void begin(struct modem *m, const char *why)
{
	network_end(m);
	incoming_down(m);
	if (why) {
		outgoing_down(m, true, why); /* the references are another SIM's, or counted anew */
		link_down(m->link, why);
		if (outgoing_on_air(m))
			forget_what_runs(m);
	}
	if (m->chat)
		startup_begin(m);
}

static void search(struct modem *m, const char *why)
{
	incoming_up(m);
	network_begin(m);
}

static void blocked(struct modem *m, const char *why)
{
	link_down(m->link, why);
}

static uint32_t window_of(const struct modem *m)
{
	int64_t window = link_conf(m->link)->window;

	return window < OUTGOING_WINDOW ? (uint32_t)window : OUTGOING_WINDOW;
}

static void go_up(struct modem *m, const char *why)
{
	ladder_ready(m);
	m->life.why[0] = '\0';
	outgoing_up(m);
	link_up(m->link, window_of(m));
}

static void go_down(struct modem *m, const char *why)
{
	ladder_not_ready(m);
	outgoing_down(m, false, why);
	link_down(m->link, why);
}

static void climb(struct modem *m, const char *why)
{
	ladder_not_ready(m);
	startup_abort(m);
	network_end(m);
	outgoing_down(m, false, why);
	ladder_climb(m, why);
}

static void step_of_ladder(struct modem *m, const char *why)
{
	ladder_timer(m);
}

static void stop_finish(struct modem *m, const char *why);

/* What is on the air may end; for so long as an answer may take. */
static void stop_begin(struct modem *m, const char *why)
{
	ladder_stop(m);
	startup_abort(m);
	network_end(m);
	outgoing_down(m, false, "the link stops");
	life_arm(m, m->chat && !outgoing_is_empty(m) ? modem_sms_timeout_ms(m) : 0);
}

void modem_handle_closed(struct modem *m)
{
	if (--m->n_handles == 0)
		link_stopped(m->link);
}

static void on_closed(uv_handle_t *h)
{
	modem_handle_closed(h->data);
}

static void stop_finish(struct modem *m, const char *why)
{
	life_close_port(m, false, "the link stops");
	outgoing_abandon(m, "the link stops; the modem had not answered yet");
	if (m->life.want)
		finder_release(m->life.want);
	m->life.want = NULL;
	outgoing_done(m, on_closed);
	incoming_done(m, on_closed);
	uv_close((uv_handle_t *)&m->life.timer, on_closed);
	uv_close((uv_handle_t *)&m->ladder.timer, on_closed);
	uv_close((uv_handle_t *)&m->start.timer, on_closed);
	uv_close((uv_handle_t *)&m->net.timer, on_closed);
	uv_close((uv_handle_t *)&m->ussd.timer, on_closed);
}

/* ---- the table ---- */

static const struct rule {
	enum modem_state in;
	enum modem_event on;
	enum modem_state to;
	void (*act)(struct modem *m, const char *why);
} rules[] = {
	{ MODEM_STOPPED, EV_START, MODEM_ABSENT, want_port },

	{ MODEM_ABSENT, EV_FOUND, MODEM_OPENING, take_port },
	{ MODEM_ABSENT, EV_ABSENT, MODEM_ABSENT, note_absent },

	{ MODEM_OPENING, EV_OPENED, MODEM_WAKING, wake },
	{ MODEM_OPENING, EV_GONE, MODEM_ABSENT, not_open },

	{ MODEM_WAKING, EV_AWAKE, MODEM_STARTING, begin },
	{ MODEM_WAKING, EV_STUCK, MODEM_RESETTING, climb },
	{ MODEM_WAKING, EV_GONE, MODEM_ABSENT, hung_up },

	{ MODEM_STARTING, EV_STARTED, MODEM_SEARCHING, search },
	{ MODEM_STARTING, EV_BLOCKED, MODEM_BLOCKED, blocked },
	{ MODEM_STARTING, EV_STRANGER, MODEM_ABSENT, stranger },
	{ MODEM_STARTING, EV_STUCK, MODEM_RESETTING, climb },
	{ MODEM_STARTING, EV_RESTART, MODEM_STARTING, begin },
	{ MODEM_STARTING, EV_GONE, MODEM_ABSENT, hung_up },

	{ MODEM_SEARCHING, EV_NETWORK, MODEM_READY, go_up },
	{ MODEM_SEARCHING, EV_NO_NETWORK, MODEM_SEARCHING, tell_down },
	{ MODEM_SEARCHING, EV_RESTART, MODEM_STARTING, begin },
	{ MODEM_SEARCHING, EV_STUCK, MODEM_RESETTING, climb },
	{ MODEM_SEARCHING, EV_GONE, MODEM_ABSENT, hung_up },

	{ MODEM_READY, EV_NETWORK, MODEM_READY, no_action },
	{ MODEM_READY, EV_NO_NETWORK, MODEM_SEARCHING, go_down },
	{ MODEM_READY, EV_RESTART, MODEM_STARTING, begin },
	{ MODEM_READY, EV_STUCK, MODEM_RESETTING, climb },
	{ MODEM_READY, EV_GONE, MODEM_ABSENT, hung_up },

	{ MODEM_RESETTING, EV_TIMER, MODEM_RESETTING, step_of_ladder },
	{ MODEM_RESETTING, EV_REOPEN, MODEM_OPENING, reopen },
	{ MODEM_RESETTING, EV_AWAKE, MODEM_STARTING, begin },
	{ MODEM_RESETTING, EV_STUCK, MODEM_RESETTING, climb },
	{ MODEM_RESETTING, EV_GONE, MODEM_ABSENT, hung_up },

	{ MODEM_BLOCKED, EV_TIMER, MODEM_STARTING, begin },
	{ MODEM_BLOCKED, EV_RESTART, MODEM_STARTING, begin },
	{ MODEM_BLOCKED, EV_STUCK, MODEM_RESETTING, climb },
	{ MODEM_BLOCKED, EV_GONE, MODEM_ABSENT, hung_up },

	{ MODEM_STOPPING, EV_GONE, MODEM_STOPPED, stop_finish },
	{ MODEM_STOPPING, EV_STUCK, MODEM_STOPPED, stop_finish },
	{ MODEM_STOPPING, EV_TIMER, MODEM_STOPPED, stop_finish },
};

static const struct rule stop_rule = { .on = EV_STOP, .to = MODEM_STOPPING, .act = stop_begin };

static const struct rule *rule_for(enum modem_state in, enum modem_event on)
{
	if (on == EV_STOP)
		return in == MODEM_STOPPED || in == MODEM_STOPPING ? NULL : &stop_rule;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (rules[i].in == in && rules[i].on == on)
			return &rules[i];
	}
	return NULL;
}

void life_event(struct modem *m, enum modem_event ev, const char *why)
{
	struct life *l = &m->life;
	const struct rule *u = rule_for(l->state, ev);
	char kept[sizeof(l->why)];

	if (!u) {
		log_debug("modem_event_ignored", "link=%s state=%s event=%s", link_name(m->link), state_names[l->state],
			event_names[ev]);
		return;
	}
	if (why) {
		snprintf(kept, sizeof(kept), "%s", why); /* it may be of what is freed now */
		memcpy(l->why, kept, sizeof(l->why));
		why = kept;
	}
	if (u->to != l->state) {
		log_info("modem_state", "link=%s from=%s to=%s event=%s why=%s", link_name(m->link),
			state_names[l->state], state_names[u->to], event_names[ev], why ? why : "");
		l->state = u->to;
		l->since_ms = uv_now(m->loop);
		l->since_wall_ms = clock_ms();
		uv_timer_stop(&l->timer);
	}
	u->act(m, why);
}

/* ---- what others ask for ---- */

static void on_timer(uv_timer_t *t)
{
	life_event(t->data, EV_TIMER, NULL);
}

void life_arm(struct modem *m, uint64_t ms)
{
	uv_timer_start(&m->life.timer, on_timer, ms, 0);
}

int life_init(struct modem *m)
{
	m->life.timer.data = m;
	m->life.since_wall_ms = clock_ms();
	return uv_timer_init(m->loop, &m->life.timer);
}

void modem_stuck(struct modem *m, const char *why)
{
	life_event(m, EV_STUCK, why);
}

void modem_pause(struct modem *m, enum at_class class, const char *why)
{
	network_pause(m, class, why);
}

void modem_drained(struct modem *m)
{
	if (m->life.state == MODEM_STOPPING)
		life_arm(m, 0);
}
