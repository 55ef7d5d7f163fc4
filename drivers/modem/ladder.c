/* SPDX-License-Identifier: Apache-2.0 */
/* ladder.c -- see ladder.h.
 *
 * chat.c has sent ESC and AT for ten seconds when this begins.  Each step leaves the modem time to come back before the
 * next is taken; how much depends on what the step does.  A USB modem that resets itself takes its port away, which
 * ends the ladder (life.c: gone, absent, found) and begins a time of patience; one on a serial line stays, silent. */
#include <config.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/conf_make.h"
#include "base/log.h"
#include "drivers/modem/modem.h"

#define REOPEN_PAUSE_MS 1000u
#define RESET_MS        5000u   /* from AT+CFUN=1,1 until it may be dumb for a while */
#define POWER_MS        30000u  /* power_command may take so long */
#define ALARM_MIN_MS    60000u
#define ALARM_MAX_MS    1800000u
#define WELL_MS         600000u /* ready for so long: what comes next has nothing to do with before */

static const char *const step_names[] = {
	[LADDER_NONE] = "none", [LADDER_REOPEN] = "reopen", [LADDER_RESET] = "reset", [LADDER_POWER] = "power",
	[LADDER_ALARM] = "alarm",
};

static uint64_t now(const struct modem *m)
{
	return uv_now(m->loop);
}

/* Sticks need up to half a minute from plug to AT. */
static void be_patient(struct modem *m)
{
	m->ladder.patient_until_ms = now(m) + (uint64_t)link_conf(m->link)->restart_time_ms;
}

static void tell(struct modem *m, const char *why, const char *what)
{
	char text[MODEM_WHY_MAX + 64];

	snprintf(text, sizeof(text), "%s; %s", why, what);
	log_warn("modem_watchdog", "link=%s step=%s why=%s", link_name(m->link), step_names[m->ladder.step], why);
	link_down(m->link, text);
}

/* ---- the steps ---- */

static void step_reopen(struct modem *m, const char *why)
{
	m->ladder.n_reopens++;
	tell(m, why, "the port is opened again");
	life_arm(m, REOPEN_PAUSE_MS);
}

/* It may hear although it does not answer. */
static void step_reset(struct modem *m, const char *why)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "\x1b\r%s\r", quirks(m)->reset);

	m->ladder.n_resets++;
	tell(m, why, "it was told to reset itself");
	outgoing_down(m, true, why);
	if (m->port)
		port_write(m->port, line, (size_t)n);
	be_patient(m);
	life_arm(m, RESET_MS);
}

static void on_process_closed(uv_handle_t *h)
{
	struct modem *m = h->data;

	m->ladder.process_open = false;
	if (m->life.state == MODEM_RESETTING && m->ladder.step == LADDER_POWER)
		life_arm(m, REOPEN_PAUSE_MS);
	modem_handle_closed(m);
}

static void on_exit(uv_process_t *p, int64_t status, int signal)
{
	struct modem *m = p->data;

	m->ladder.running = false;
	uv_timer_stop(&m->ladder.timer);
	if (status != 0 || signal != 0)
		log_warn("modem_power_command", "link=%s status=%lld signal=%d", link_name(m->link), (long long)status,
			signal);
	be_patient(m);
	uv_close((uv_handle_t *)p, on_process_closed);
}

/* The port goes with the power, and all states with it: the command's time is its own. */
static void on_too_long(uv_timer_t *t)
{
	struct modem *m = t->data;

	if (m->ladder.running)
		uv_process_kill(&m->ladder.process, SIGKILL);
}

/* One at a time: what waits for a device may not even be killed. */
static bool has_power_command(const struct modem *m)
{
	return link_conf(m->link)->power_command.n > 0 && !m->ladder.process_open;
}

static void step_power(struct modem *m, const char *why)
{
	const struct conf_strings *words = &link_conf(m->link)->power_command;
	char *args[32] = { NULL };
	uv_process_options_t o = { .exit_cb = on_exit, .file = words->item[0], .args = args };
	int r;

	for (size_t i = 0; i < words->n && i < sizeof(args) / sizeof(args[0]) - 1; i++)
		args[i] = words->item[i];
	m->ladder.n_powers++;
	tell(m, why, "power_command was started");
	outgoing_down(m, true, why);
	m->ladder.process.data = m;
	m->ladder.process_open = true;
	m->n_handles++;
	r = uv_spawn(m->loop, &m->ladder.process, &o);
	m->ladder.running = r == 0;
	if (r < 0) {
		log_error("modem_power_command", "link=%s command=%s reason=%s", link_name(m->link), words->item[0],
			uv_strerror(r));
		uv_close((uv_handle_t *)&m->ladder.process, on_process_closed);
		return;
	}
	uv_timer_start(&m->ladder.timer, on_too_long, POWER_MS, 0);
}

static uint64_t alarm_pause(const struct ladder *l)
{
	uint64_t ms = ALARM_MIN_MS << (l->rounds < 6 ? l->rounds - 1 : 5);

	return ms < ALARM_MAX_MS ? ms : ALARM_MAX_MS;
}

static void step_alarm(struct modem *m, const char *why)
{
	struct ladder *l = &m->ladder;
	char text[MODEM_WHY_MAX + 128], what[64];
	uint64_t pause;

	l->n_alarms++;
	l->rounds++;
	l->alarmed = true;
	pause = alarm_pause(l);
	snprintf(text, sizeof(text), "the modem does not come back by itself (%s): look at its power and its cable", why);
	link_alarm(m->link, "modem_stuck", text);
	snprintf(what, sizeof(what), "tried again in %u seconds", (unsigned)(pause / 1000));
	tell(m, why, what);
	life_arm(m, pause);
}

/* ---- which ---- */

static enum ladder_step step_after(const struct modem *m, enum ladder_step step)
{
	switch (step) {
	case LADDER_NONE:
	case LADDER_ALARM:
		return LADDER_REOPEN;
	case LADDER_REOPEN:
		if (*quirks(m)->reset)
			return LADDER_RESET;
		/* fall through */
	case LADDER_RESET:
		return has_power_command(m) ? LADDER_POWER : LADDER_ALARM;
	case LADDER_POWER:
		return LADDER_ALARM;
	}
	return LADDER_REOPEN;
}

static void on_still_here(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;

	if (a->end != CHAT_GONE)
		life_event(m, EV_AWAKE, NULL);
}

void ladder_climb(struct modem *m, const char *why)
{
	struct ladder *l = &m->ladder;

	l->n_stuck++;
	if (now(m) < l->patient_until_ms && m->chat) {
		/* It is starting: asked on, by what chat.c does before each command. */
		link_down(m->link, "the modem has just come back and does not answer yet");
		modem_ask(m, "AT", NULL, on_still_here);
		return;
	}
	l->step = step_after(m, l->step);
	switch (l->step) {
	case LADDER_NONE:
	case LADDER_REOPEN:
		step_reopen(m, why);
		break;
	case LADDER_RESET:
		step_reset(m, why);
		break;
	case LADDER_POWER:
		step_power(m, why);
		break;
	case LADDER_ALARM:
		step_alarm(m, why);
		break;
	}
}

void ladder_timer(struct modem *m)
{
	life_event(m, EV_REOPEN, m->life.why);
}

int ladder_init(struct modem *m)
{
	m->ladder.timer.data = m;
	return uv_timer_init(m->loop, &m->ladder.timer);
}

void ladder_came_back(struct modem *m)
{
	be_patient(m);
}

void ladder_ready(struct modem *m)
{
	struct ladder *l = &m->ladder;

	l->ready_since_ms = now(m);
	l->patient_until_ms = 0;
	if (l->alarmed)
		link_alarm(m->link, "modem_stuck", NULL);
	l->alarmed = false;
}

void ladder_not_ready(struct modem *m)
{
	struct ladder *l = &m->ladder;

	if (l->ready_since_ms && now(m) - l->ready_since_ms >= WELL_MS) {
		l->step = LADDER_NONE;
		l->rounds = 0;
	}
	l->ready_since_ms = 0;
}

void ladder_stop(struct modem *m)
{
	struct ladder *l = &m->ladder;

	if (l->running)
		uv_process_kill(&l->process, SIGKILL);
	if (l->alarmed)
		link_alarm(m->link, "modem_stuck", NULL);
	l->alarmed = false;
}
