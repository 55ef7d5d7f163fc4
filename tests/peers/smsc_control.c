/* SPDX-License-Identifier: Apache-2.0 */
/* smsc_control.c -- a line protocol for tests: one command a line, one answer a line.
 *
 *   stats                            the counters as one line of JSON
 *   mo FROM TO TEXT...               send a deliver_sm; UTF-8, as ASCII or UCS-2
 *   mo-hex FROM TO ESM DCS HEX [TLVS]  the same with everything given; `-` is no text, TLVS hexadecimal too
 *   outbind ADDRESS:PORT ID [PASSWORD]  call an ESME, which then binds on that connection
 *   drop                             close all SMPP connections
 *   pause, resume                    stop and start listening
 *   hold, release                    keep receipts and MO, and let them go
 *   calm                             no rule with `every` is followed any more
 *   quit                             end the process
 *
 * Answers are `ok`, `err REASON` or the JSON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smsc_sim.h"

#define CONTROLS_MAX 16u

struct control {
	uv_tcp_t tcp;
	TAILQ_ENTRY(control) all;
	struct smsc_sim *sim;
	char line[2048];
	size_t n;
};

static TAILQ_HEAD(, control) controls = TAILQ_HEAD_INITIALIZER(controls);

struct reply {
	uv_write_t write;
	char *text;
};

static void on_closed(uv_handle_t *h)
{
	struct control *k = h->data;

	TAILQ_REMOVE(&controls, k, all);
	k->sim->n_controls--;
	free(k);
}

static void hang_up(struct control *k)
{
	if (!uv_is_closing((uv_handle_t *)&k->tcp))
		uv_close((uv_handle_t *)&k->tcp, on_closed);
}

static void on_written(uv_write_t *w, int status)
{
	struct reply *r = (struct reply *)w;

	free(r->text);
	free(r);
}

/* Takes `text`; without memory the caller is cut off rather than left waiting. */
static void reply_take(struct control *k, char *text)
{
	struct reply *r = malloc(sizeof(*r));
	uv_buf_t bufs[2];

	if (!r || !text)
		goto fail;
	r->text = text;
	bufs[0] = uv_buf_init(text, (unsigned)strlen(text));
	bufs[1] = uv_buf_init((char *)"\n", 1);
	if (uv_write(&r->write, (uv_stream_t *)&k->tcp, bufs, 2, on_written) < 0)
		goto fail;
	return;

fail:
	free(text);
	free(r);
	hang_up(k);
}

static void reply(struct control *k, const char *text)
{
	reply_take(k, strdup(text));
}

/* UTF-8 to UTF-16BE; -1: not UTF-8, or longer than `max` octets. */
static int to_ucs2(const char *text, uint8_t *out, size_t max)
{
	const uint8_t *s = (const uint8_t *)text;
	size_t n = 0;

	while (*s) {
		unsigned more = *s < 0x80 ? 0 : *s < 0xE0 ? 1 : *s < 0xF0 ? 2 : 3;
		uint32_t cp = more == 0 ? *s : *s & (0x3Fu >> more);
		uint16_t unit[2];
		unsigned n_units = 1;

		for (s++; more > 0; more--, s++) {
			if ((*s & 0xC0) != 0x80)
				return -1;
			cp = cp << 6 | (*s & 0x3F);
		}
		unit[0] = (uint16_t)cp;
		if (cp > 0xFFFF) {
			unit[0] = (uint16_t)(0xD7C0 + (cp >> 10));
			unit[1] = (uint16_t)(0xDC00 | (cp & 0x3FF));
			n_units = 2;
		}
		if (n + 2 * n_units > max)
			return -1;
		for (unsigned i = 0; i < n_units; i++) {
			out[n++] = (uint8_t)(unit[i] >> 8);
			out[n++] = (uint8_t)unit[i];
		}
	}
	return (int)n;
}

static int from_hex(const char *s, uint8_t *out, size_t max)
{
	size_t n = strlen(s) / 2;
	unsigned v;

	if (strlen(s) % 2 || n > max || strspn(s, "0123456789abcdefABCDEF") != strlen(s))
		return -1;
	for (size_t i = 0; i < n; i++) {
		sscanf(s + 2 * i, "%2x", &v);
		out[i] = (uint8_t)v;
	}
	return (int)n;
}

static int read_text(struct smsc_mo *mo, const char *text)
{
	bool ascii = true;

	for (const char *p = text; *p; p++)
		ascii &= (*p & 0x80) == 0;
	if (!ascii) {
		mo->data_coding = 0x08;
		return to_ucs2(text, mo->text, sizeof(mo->text));
	}
	if (strlen(text) > sizeof(mo->text))
		return -1;
	memcpy(mo->text, text, strlen(text));
	return (int)strlen(text);
}

static void command_mo(struct control *k, char *rest, bool as_hex)
{
	struct smsc_mo mo = {.esm_class = 0};
	char hex[520], tlvs[2 * SMSC_MO_TLVS_MAX + 1] = "";
	unsigned esm, dcs;
	int at = 0, n, n_tlvs;

	if (as_hex) {
		if (sscanf(rest, "%20s %20s %x %x %519s %1400s", mo.from, mo.to, &esm, &dcs, hex, tlvs) < 5) {
			reply(k, "err mo-hex FROM TO ESM DCS HEX [TLVS]");
			return;
		}
		_Static_assert(sizeof(tlvs) == 1401, "the format above");
		n_tlvs = from_hex(tlvs, mo.tlvs, sizeof(mo.tlvs));
		if (n_tlvs < 0) {
			reply(k, "err the TLVs are not hexadecimal");
			return;
		}
		mo.n_tlvs = (uint16_t)n_tlvs;
		mo.esm_class = (uint8_t)esm;
		mo.data_coding = (uint8_t)dcs;
		n = strcmp(hex, "-") == 0 ? 0 : from_hex(hex, mo.text, sizeof(mo.text));
	} else {
		if (sscanf(rest, "%20s %20s %n", mo.from, mo.to, &at) != 2 || at == 0) {
			reply(k, "err mo FROM TO TEXT");
			return;
		}
		n = read_text(&mo, rest + at);
	}
	if (n < 0) {
		reply(k, "err the text is not valid or longer than 254 octets");
		return;
	}
	mo.n_text = (uint8_t)n;
	n = smsc_session_mo(k->sim, &mo);
	reply(k, n == 0 ? "ok" : n == UV_ENOTCONN ? "err nobody has bound yet" : "err too many are waiting");
}

static void command_outbind(struct control *k, const char *rest)
{
	char where[80], system_id[16], password[9] = "";
	struct sockaddr_storage a;
	int r = UV_EINVAL;

	if (sscanf(rest, "%79s %15s %8s", where, system_id, password) >= 2 && smsc_sim_address(where, &a) == 0)
		r = smsc_conn_call(k->sim, (struct sockaddr *)&a, system_id, password);
	reply(k, r == 0 ? "ok" : "err outbind ADDRESS:PORT SYSTEM_ID [PASSWORD]");
}

static void command(struct control *k, char *line)
{
	struct smsc_sim *sim = k->sim;
	int r;

	smsc_sim_clock(sim);
	if (strcmp(line, "stats") == 0) {
		reply_take(k, smsc_sim_json(sim));
	} else if (strncmp(line, "mo ", 3) == 0) {
		command_mo(k, line + 3, false);
	} else if (strncmp(line, "mo-hex ", 7) == 0) {
		command_mo(k, line + 7, true);
	} else if (strcmp(line, "drop") == 0) {
		smsc_conn_drop_all(sim);
		reply(k, "ok");
	} else if (strncmp(line, "outbind ", 8) == 0) {
		command_outbind(k, line + 8);
	} else if (strcmp(line, "pause") == 0) {
		smsc_conn_pause(sim);
		reply(k, "ok");
	} else if (strcmp(line, "resume") == 0) {
		r = smsc_conn_listen(sim);
		reply(k, r == 0 ? "ok" : "err cannot listen");
	} else if (strcmp(line, "hold") == 0 || strcmp(line, "release") == 0) {
		sim->holding = line[0] == 'h';
		reply(k, "ok");
	} else if (strcmp(line, "calm") == 0) {
		sim->script.calm = true;
		reply(k, "ok");
	} else if (strcmp(line, "quit") == 0) {
		reply(k, "ok");
		smsc_sim_stop(sim);
	} else {
		reply(k, "err unknown command");
	}
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	struct control *k = h->data;

	*buf = uv_buf_init(k->line + k->n, (unsigned)(sizeof(k->line) - 1 - k->n));
}

static void on_read(uv_stream_t *st, ssize_t n, const uv_buf_t *buf)
{
	struct control *k = st->data;
	char *nl;

	if (n < 0) { /* also a line that does not fit: libuv then reports ENOBUFS */
		hang_up(k);
		return;
	}
	k->n += (size_t)n;
	k->line[k->n] = 0;
	while (!uv_is_closing((uv_handle_t *)st) && (nl = strchr(k->line, '\n'))) {
		*nl = 0;
		if (nl > k->line && nl[-1] == '\r')
			nl[-1] = 0;
		command(k, k->line);
		k->n -= (size_t)(nl + 1 - k->line);
		memmove(k->line, nl + 1, k->n + 1);
	}
}

static void on_connection(uv_stream_t *st, int status)
{
	struct smsc_sim *sim = st->data;
	struct control *k = status < 0 ? NULL : calloc(1, sizeof(*k));

	if (!k)
		return;
	k->sim = sim;
	TAILQ_INSERT_TAIL(&controls, k, all);
	uv_tcp_init(&sim->loop, &k->tcp);
	k->tcp.data = k;
	sim->n_controls++;
	if (uv_accept(st, (uv_stream_t *)&k->tcp) < 0 || sim->n_controls > CONTROLS_MAX ||
		uv_read_start((uv_stream_t *)&k->tcp, on_alloc, on_read) < 0)
		hang_up(k);
}

int smsc_control_listen(struct smsc_sim *sim)
{
	sim->control.data = sim;
	return uv_listen((uv_stream_t *)&sim->control, 16, on_connection);
}

void smsc_control_close(struct smsc_sim *sim)
{
	struct control *k;

	TAILQ_FOREACH(k, &controls, all)
	hang_up(k);
}
