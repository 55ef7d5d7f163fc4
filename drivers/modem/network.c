/* SPDX-License-Identifier: Apache-2.0 */
/* network.c -- see network.h.
 *
 * A poll is one round of questions, queued together; it is judged when the last is answered.  What modems say unasked
 * counts at once.  The two write the same thing differently: "+CREG: 0,1" is an answer, "+CREG: 1" and
 * "+CREG: 1,"00AF","12"" are not, and only the quotes tell. */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "drivers/modem/modem.h"

#define SEARCH_MS     2000u
#define SEARCH_MAX_MS 10000u
#define READY_MS      30000u
#define PAUSE_MIN_MS  2000u
#define PAUSE_MAX_MS  60000u
#define OPERATOR_POLLS 10u   /* of the polls while ready, one in so many asks for the operator's name */

static const struct domain {
	const char *query, *prefix, *name;
} domains[NET_DOMAINS] = {
	[NET_CS] = { "AT+CREG?", "+CREG:", "CREG" },
	[NET_PS] = { "AT+CGREG?", "+CGREG:", "CGREG" },
	[NET_EPS] = { "AT+CEREG?", "+CEREG:", "CEREG" },
};

/* ---- what a status means: 3GPP TS 27.007, 7.2 ---- */

static const char *const status_texts[] = {
	[0] = "not registered, not searching",
	[1] = "registered, home",
	[2] = "searching",
	[3] = "registration denied",
	[4] = "unknown",
	[5] = "registered, roaming",
	[6] = "registered for messages only, home",
	[7] = "registered for messages only, roaming",
	[8] = "emergency calls only",
	[9] = "registered, home, CSFB not preferred",
	[10] = "registered, roaming, CSFB not preferred",
};
#define N_STATUS ((int)(sizeof(status_texts) / sizeof(status_texts[0])))

static bool can_send(int status)
{
	return status == 1 || (status >= 5 && status <= 7) || status == 9 || status == 10;
}

/* Which of two says more. */
static int rank(int status)
{
	static const int ranks[] = { [0] = 1, [1] = 9, [2] = 3, [3] = 4, [4] = 0, [5] = 8, [6] = 7, [7] = 6, [8] = 2,
		[9] = 5, [10] = 5 };

	return status >= 0 && status < N_STATUS ? ranks[status] : -1;
}

static int best_status(const struct modem *m)
{
	int best = -1;

	for (unsigned i = 0; i < NET_DOMAINS; i++) {
		if (rank(m->net.status[i]) > rank(best))
			best = m->net.status[i];
	}
	return best;
}

const char *network_status_text(const struct modem *m)
{
	int best = best_status(m);

	return best >= 0 && best < N_STATUS ? status_texts[best] : "unknown";
}

int network_dbm(const struct modem *m)
{
	return m->net.rssi >= 0 && m->net.rssi <= 31 ? -113 + 2 * m->net.rssi : 0; /* 27.007, 8.5 */
}

/* ---- judging ---- */

static void schedule(struct modem *m, uint64_t ms);
static void poll(struct modem *m);

static void judge(struct modem *m)
{
	struct network *n = &m->net;
	char why[MODEM_WHY_MAX];

	if (!n->running)
		return;
	if (uv_now(m->loop) < n->paused_until_ms)
		return;
	if (can_send(best_status(m))) {
		life_event(m, EV_NETWORK, NULL);
		return;
	}
	snprintf(why, sizeof(why), "no network: %s", network_status_text(m));
	life_event(m, EV_NO_NETWORK, why);
}

/* The status in a line; -1: none. */
static int status_in(const char *rest)
{
	const char *comma = strchr(rest, ',');
	struct at_fields f = { rest };
	char second[16];
	long first, v;
	int r = at_field_number(&f, &first);

	if (r < 0 || first < 0 || first > 255)
		return -1;
	if (!comma || comma[1 + strspn(comma + 1, " ")] == '"')
		return (int)first;
	if (at_field(&f, second, sizeof(second)) < 0 || strlen(second) > 2)
		return (int)first;
	f.at = second;
	return at_field_number(&f, &v) == 0 && v >= 0 ? (int)v : (int)first;
}

bool network_urc(struct modem *m, const char *line)
{
	for (unsigned i = 0; i < NET_DOMAINS; i++) {
		const char *rest = at_after(line, domains[i].prefix);
		int status = rest ? status_in(rest) : -1;

		if (!rest)
			continue;
		if (status >= 0 && status != m->net.status[i]) {
			m->net.status[i] = status;
			judge(m);
			if (m->net.running && m->life.state == MODEM_SEARCHING)
				poll(m); /* is it the SIM? */
		}
		return true;
	}
	return false;
}

/* ---- a poll ---- */

static void on_domain(struct modem *m, unsigned i, const struct chat_answer *a)
{
	struct network *n = &m->net;

	if (a->end == CHAT_GONE)
		return;
	if (a->end == CHAT_ERROR || (a->end == CHAT_CME_ERROR && modem_class(a) == AT_CLASS_CONFIG)) {
		n->unsupported[i] = true;
		n->status[i] = -1;
	}
	for (unsigned k = 0; k < a->n_lines; k++) {
		const char *rest = at_after(a->lines[k], domains[i].prefix);
		int status = rest ? status_in(rest) : -1;

		if (status >= 0)
			n->status[i] = status;
	}
}

static void on_cs(void *arg, const struct chat_answer *a)
{
	on_domain(arg, NET_CS, a);
}

static void on_ps(void *arg, const struct chat_answer *a)
{
	on_domain(arg, NET_PS, a);
}

static void on_eps(void *arg, const struct chat_answer *a)
{
	on_domain(arg, NET_EPS, a);
}

static void on_signal(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;
	long rssi;

	for (unsigned i = 0; i < a->n_lines; i++) {
		struct at_fields f = { at_after(a->lines[i], "+CSQ:") };

		if (f.at && at_field_number(&f, &rssi) == 0)
			m->net.rssi = (int)rssi;
	}
}

/* +COPS: 0,0,"Comviq",7 */
static void take_operator(const struct chat_answer *a, char *dst, size_t n_dst)
{
	for (unsigned i = 0; i < a->n_lines; i++) {
		struct at_fields f = { at_after(a->lines[i], "+COPS:") };
		char skipped[16];

		if (!f.at)
			continue;
		dst[0] = '\0';
		if (at_field(&f, skipped, sizeof(skipped)) == 0 && at_field(&f, skipped, sizeof(skipped)) == 0)
			at_field(&f, dst, n_dst);
	}
}

static void on_operator_name(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;

	take_operator(a, m->net.operator_name, sizeof(m->net.operator_name));
}

static void on_operator_code(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;

	take_operator(a, m->net.operator_code, sizeof(m->net.operator_code));
}

static void ask_operator(struct modem *m)
{
	modem_ask(m, "AT+COPS=3,2", NULL, NULL);
	modem_ask(m, "AT+COPS?", "+COPS:", on_operator_code);
	modem_ask(m, "AT+COPS=3,0", NULL, NULL);
	modem_ask(m, "AT+COPS?", "+COPS:", on_operator_name);
}

/* The SIM may have been taken out without a word. */
static void on_sim(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;
	struct network *n = &m->net;
	char text[80], why[160];

	n->polling = false;
	if (a->end == CHAT_GONE || !n->running)
		return;
	if (a->n_lines == 0 && (a->end == CHAT_CME_ERROR || a->end == CHAT_CMS_ERROR) &&
		modem_class(a) == AT_CLASS_DEVICE) {
		snprintf(why, sizeof(why), "the SIM cannot be used any more (%s)", modem_refusal(a, text, sizeof(text)));
		life_event(m, EV_RESTART, why);
		return;
	}
	judge(m);
	if (n->running && m->life.state == MODEM_READY && (n->n_polls % OPERATOR_POLLS == 1 || !n->operator_name[0]))
		ask_operator(m);
}

static void poll(struct modem *m)
{
	static const chat_done_cb done[NET_DOMAINS] = { [NET_CS] = on_cs, [NET_PS] = on_ps, [NET_EPS] = on_eps };
	struct network *n = &m->net;

	if (n->polling)
		return;
	n->n_polls++;
	for (unsigned i = 0; i < NET_DOMAINS; i++) {
		if (!n->unsupported[i])
			modem_ask(m, domains[i].query, domains[i].prefix, done[i]);
	}
	modem_ask(m, "AT+CSQ", "+CSQ:", on_signal);
	n->polling = modem_ask(m, "AT+CPIN?", "+CPIN:", on_sim) == 0;
}

static void on_timer(uv_timer_t *t)
{
	struct modem *m = t->data;
	struct network *n = &m->net;
	bool paused = n->paused_until_ms != 0;

	if (paused) {
		n->paused_until_ms = 0;
		if (n->restart_after_pause) {
			n->restart_after_pause = false;
			life_event(m, EV_RESTART, NULL);
			return;
		}
	}
	poll(m);
	schedule(m, m->life.state == MODEM_READY ? READY_MS : n->n_polls < 15 ? SEARCH_MS : SEARCH_MAX_MS);
}

static void schedule(struct modem *m, uint64_t ms)
{
	uv_timer_start(&m->net.timer, on_timer, ms, 0);
}

/* ---- pauses ---- */

/* The modem refuses to send although it is registered.  Each time in a row without a message that went, the pause
 * doubles. */
void network_pause(struct modem *m, enum at_class class, const char *why)
{
	struct network *n = &m->net;
	uint64_t ms;

	if (!n->running)
		return;
	if (m->out.sent != n->sent_at_pause)
		n->n_pauses = 0;
	n->sent_at_pause = m->out.sent;
	ms = (uint64_t)PAUSE_MIN_MS << (n->n_pauses < 5 ? n->n_pauses : 5);
	n->n_pauses++;
	if (ms > PAUSE_MAX_MS)
		ms = PAUSE_MAX_MS;
	n->paused_until_ms = uv_now(m->loop) + ms;
	n->restart_after_pause = class == AT_CLASS_DEVICE || class == AT_CLASS_CONFIG;
	schedule(m, ms);
	life_event(m, EV_NO_NETWORK, why);
}

void network_retry(struct modem *m)
{
	if (!m->net.running)
		return;
	m->net.paused_until_ms = 0;
	schedule(m, 0);
}

/* ---- life ---- */

void network_begin(struct modem *m)
{
	struct network *n = &m->net;

	n->running = true;
	n->polling = false;
	n->n_polls = 0;
	n->paused_until_ms = 0;
	n->restart_after_pause = false;
	n->operator_name[0] = n->operator_code[0] = '\0';
	n->rssi = 99;
	for (unsigned i = 0; i < NET_DOMAINS; i++) {
		n->status[i] = -1;
		n->unsupported[i] = false;
	}
	poll(m);
	schedule(m, SEARCH_MS);
}

void network_end(struct modem *m)
{
	m->net.running = m->net.polling = false;
	uv_timer_stop(&m->net.timer);
}

int network_init(struct modem *m)
{
	m->net.timer.data = m;
	m->net.rssi = 99;
	return uv_timer_init(m->loop, &m->net.timer);
}
