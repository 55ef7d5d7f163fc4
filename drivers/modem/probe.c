/* SPDX-License-Identifier: Apache-2.0 */
/* probe.c -- see probe.h.
 *
 * Whether anybody is there is found out by knocking, before there is a conversation: at a wrong speed a modem answers
 * noise or nothing, and most ports of a stick are for other things.  A modem that was left in the middle of a text
 * takes ESC first; one that was told to be quiet or to speak in numbers is told otherwise. */
#include <config.h>

#include "drivers/modem/probe.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/modem/at.h"
#include "drivers/modem/chat.h"
#include "drivers/modem/port.h"

#define KNOCK_MS   400   /* the slowest answer to AT that was seen is near 300 */
#define COMMAND_MS 3000
#define WHOLE_MS   20000
#define WINDOW     64

/* In the order of how likely they are. */
static const unsigned speeds[] = { 115200, 9600, 19200, 38400, 57600, 230400, 460800, 921600 };
#define N_SPEEDS (sizeof(speeds) / sizeof(speeds[0]))

static const char *const knocks[] = { "AT\r", "\x1b" "ATE0Q0V1\r", "AT\r" };
#define N_KNOCKS (sizeof(knocks) / sizeof(knocks[0]))

enum step { MAKER, MODEL, IMEI, IMSI, ICCID, ICCID_LAST = ICCID + 7, PORT_MODE, N_STEPS };

/* The SIM's number is the vendors' own, save for the last one, which reads the file of the SIM (ETSI TS 102 221, 13.2;
 * 3GPP TS 27.007, 8.18). */
static const char *const commands[N_STEPS] = {
	[MAKER] = "AT+CGMI", [MODEL] = "AT+CGMM", [IMEI] = "AT+CGSN", [IMSI] = "AT+CIMI",
	[ICCID] = "AT+CCID", "AT^ICCID?", "AT+ICCID", "AT+QCCID", "AT+CICCID", "AT^SCID", "AT#CCID",
	"AT+CRSM=176,12258,0,0,10",
	[PORT_MODE] = "AT^GETPORTMODE",
};

struct probe {
	uv_loop_t *loop;
	probe_done_cb done;
	void *arg;
	char path[256];
	bool speeds, ask_port_mode, only_knock;
	struct port *port;
	struct chat *chat;
	uv_timer_t timer;
	uint64_t until_ms;
	unsigned speed, knock, step, timeouts;
	bool opened, ending;
	char window[WINDOW]; /* what came last, while knocking */
	size_t n_window;
	struct probe_answer answer;
	char why[PORT_WHY_MAX];
};

/* ---- what stands in answers ---- */

bool probe_digits(const char *line, size_t min, size_t max, char *dst, size_t n_dst)
{
	while (*line) {
		size_t n = strspn(line, "0123456789");

		if (n >= min && n <= max && n < n_dst) {
			memcpy(dst, line, n);
			dst[n] = '\0';
			return true;
		}
		line += n ? n : 1;
	}
	return false;
}

bool probe_iccid(const char *line, char dst[static 24])
{
	char *end;

	for (const char *at = line; *at; at++) {
		size_t n = strspn(at, "0123456789ABCDEFabcdef");

		if (n < 18 || n > 22) {
			at += n ? n - 1 : 0;
			continue;
		}
		memcpy(dst, at, n);
		dst[n] = '\0';
		if (dst[0] == '9' && dst[1] == '8')
			for (size_t i = 0; i + 1 < n; i += 2) {
				char c = dst[i];

				dst[i] = dst[i + 1];
				dst[i + 1] = c;
			}
		end = dst + strspn(dst, "0123456789");
		*end = '\0'; /* filled with F */
		if (strncmp(dst, "89", 2) == 0 && end - dst >= 18)
			return true;
		at += n - 1;
	}
	dst[0] = '\0';
	return false;
}

int probe_pcui(const char *line)
{
	const char *at = strstr(line, "PCUI:");

	/* One digit or two: it is the number of an interface. */
	if (!at || !isdigit((unsigned char)at[5]))
		return -1;
	return isdigit((unsigned char)at[6]) ? 10 * (at[5] - '0') + at[6] - '0' : at[5] - '0';
}

/* "+CGMI: "huawei"" and "huawei" are the same. */
static void take_text(const char *line, char *dst, size_t n_dst)
{
	const char *colon = line[0] == '+' || line[0] == '^' ? strchr(line, ':') : NULL;
	size_t n;

	if (colon)
		line = colon + 1;
	line += strspn(line, " \"");
	n = strcspn(line, "\"");
	while (n && line[n - 1] == ' ')
		n--;
	if (n >= n_dst)
		n = n_dst - 1;
	for (size_t i = 0; i < n; i++)
		dst[i] = isprint((unsigned char)line[i]) ? line[i] : '?';
	dst[n] = '\0';
}

/* ---- how it ends ---- */

static void on_timer_closed(uv_handle_t *h)
{
	free(h->data);
}

void probe_cancel(struct probe *p)
{
	p->ending = true;
	if (p->chat)
		chat_stop(p->chat);
	if (p->port)
		port_close(p->port);
	p->chat = NULL;
	p->port = NULL;
	uv_close((uv_handle_t *)&p->timer, on_timer_closed);
}

static void on_end(uv_timer_t *t)
{
	struct probe *p = t->data;
	struct probe_answer a = p->answer;

	a.why = p->why;
	/* The port is free when done() is told. */
	probe_cancel(p);
	p->done(p->arg, &a);
}

/* Ends on the next turn: port and chat may be in the middle of a callback. */
static void end(struct probe *p)
{
	if (p->ending)
		return;
	p->ending = true;
	uv_timer_start(&p->timer, on_end, 0, 0);
}

static void end_silent(struct probe *p)
{
	snprintf(p->why, sizeof(p->why), p->speeds ? "nobody answers AT at any speed" : "nobody answers AT");
	end(p);
}

/* ---- the questions ---- */

static void ask(struct probe *p);

static void take_answer(struct probe *p, const char *line)
{
	struct probe_identity *id = &p->answer.id;

	switch (p->step) {
	case MAKER:
		if (!id->maker[0])
			take_text(line, id->maker, sizeof(id->maker));
		break;
	case MODEL:
		if (!id->model[0])
			take_text(line, id->model, sizeof(id->model));
		break;
	case IMEI:
		if (!id->imei[0])
			(void)probe_digits(line, 14, 17, id->imei, sizeof(id->imei));
		break;
	case IMSI:
		if (!id->imsi[0])
			(void)probe_digits(line, 14, 15, id->imsi, sizeof(id->imsi));
		break;
	case PORT_MODE:
		if (p->answer.pcui < 0)
			p->answer.pcui = probe_pcui(line);
		break;
	default:
		if (!id->iccid[0])
			(void)probe_iccid(line, id->iccid);
		break;
	}
}

static void next(struct probe *p)
{
	p->step++;
	if (p->step > ICCID && p->step <= ICCID_LAST && p->answer.id.iccid[0])
		p->step = ICCID_LAST + 1;
	if (p->step == PORT_MODE && !p->ask_port_mode)
		p->step++;
	if (p->step == N_STEPS || uv_now(p->loop) >= p->until_ms)
		end(p);
	else
		ask(p);
}

static void on_answer(void *arg, const struct chat_answer *a)
{
	struct probe *p = arg;

	if (p->ending)
		return;
	if (a->end == CHAT_GONE || (a->end == CHAT_TIMEOUT && ++p->timeouts > 2)) {
		end(p); /* with what it has told */
		return;
	}
	for (unsigned i = 0; a->end == CHAT_OK && i < a->n_lines; i++)
		take_answer(p, a->lines[i]);
	next(p);
}

static void ask(struct probe *p)
{
	const struct chat_command c = {
		.text = commands[p->step], .timeout_ms = COMMAND_MS, .done = on_answer, .arg = p,
	};

	if (chat_command(p->chat, &c) < 0)
		end(p);
}

static int chat_write(void *arg, const void *data, size_t n)
{
	struct probe *p = arg;

	return p->port ? port_write(p->port, data, n) : -EPIPE;
}

static void chat_urc(void *arg, const char *line, const char *pdu)
{
	struct probe *p = arg;

	(void)line;
	(void)pdu;
	p->answer.unsolicited = true;
}

static void chat_stuck(void *arg)
{
	end(arg);
}

static const struct chat_ops chat_ops = { .write = chat_write, .urc = chat_urc, .stuck = chat_stuck };

static void talk(struct probe *p)
{
	uv_timer_stop(&p->timer);
	p->answer.modem = true;
	p->answer.baud = p->speeds ? speeds[p->speed] : 0;
	if (p->only_knock || chat_new(p->loop, &chat_ops, p, &p->chat) < 0)
		end(p);
	else
		ask(p);
}

/* ---- knocking ---- */

static int open_port(struct probe *p);

static void on_knock(uv_timer_t *t)
{
	struct probe *p = t->data;
	int r;

	if (p->knock < (p->speeds ? N_KNOCKS - 1 : N_KNOCKS)) {
		const char *text = knocks[p->knock++];

		uv_timer_start(&p->timer, on_knock, KNOCK_MS, 0);
		(void)port_write(p->port, text, strlen(text)); /* gone() tells, if anything */
		return;
	}
	if (!p->speeds || ++p->speed == N_SPEEDS || uv_now(p->loop) >= p->until_ms) {
		end_silent(p);
		return;
	}
	port_close(p->port);
	p->port = NULL;
	r = open_port(p);
	if (r < 0) {
		p->answer.err = r;
		end(p);
	}
}

/* The final result to a knock, among whatever else comes. */
static void listen_for_ok(struct probe *p, const uint8_t *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p->n_window == WINDOW - 1) {
			memmove(p->window, p->window + 1, WINDOW - 2);
			p->n_window--;
		}
		p->window[p->n_window++] = data[i] ? (char)data[i] : ' ';
		p->window[p->n_window] = '\0';
		if (strstr(p->window, "\n^") || strstr(p->window, "\n+"))
			p->answer.unsolicited = true; /* nothing was asked yet */
		if (strstr(p->window, "\nOK\r") || strstr(p->window, "\rOK\r")) {
			talk(p);
			return;
		}
	}
}

static void on_opened(void *arg)
{
	struct probe *p = arg;

	p->opened = true;
	p->knock = 0;
	p->n_window = 0;
	p->window[0] = '\0';
	if (!p->ending)
		on_knock(&p->timer);
}

static void on_read(void *arg, const uint8_t *data, size_t n)
{
	struct probe *p = arg;

	if (p->ending)
		return;
	if (p->chat)
		chat_feed(p->chat, data, n);
	else if (!p->answer.modem)
		listen_for_ok(p, data, n);
}

static void on_gone(void *arg, const char *why)
{
	struct probe *p = arg;

	if (!p->answer.modem) {
		p->answer.err = port_error(p->port);
		snprintf(p->why, sizeof(p->why), "%s", why);
	}
	end(p);
}

static const struct port_ops port_ops = { .opened = on_opened, .read = on_read, .gone = on_gone };

static int open_port(struct probe *p)
{
	const struct port_conf c = { .name = p->path, .baud = speeds[p->speed] };

	return port_open(p->loop, &c, &port_ops, p, &p->port, p->why);
}

int probe_start(uv_loop_t *loop, const struct probe_conf *c, probe_done_cb done, void *arg, struct probe **ret)
{
	struct probe *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->loop = loop;
	p->done = done;
	p->arg = arg;
	p->speeds = c->speeds;
	p->ask_port_mode = c->ask_port_mode;
	p->only_knock = c->only_knock;
	p->answer.pcui = -1;
	p->until_ms = uv_now(loop) + WHOLE_MS;
	snprintf(p->path, sizeof(p->path), "%s", c->path);
	uv_timer_init(loop, &p->timer);
	p->timer.data = p;
	*ret = p;
	r = open_port(p);
	if (r < 0) {
		p->answer.err = r;
		end(p);
	}
	return 0;
}
