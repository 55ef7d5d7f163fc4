/* SPDX-License-Identifier: Apache-2.0 */
/* at_trace.c -- see at_trace.h.
 *
 * A line of hexadecimal that is long enough for a TPDU is one, whatever it was sent or told for: what cannot be read as
 * one keeps its beginning only. */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "codec/tpdu.h"
#include "drivers/modem/at_trace.h"

#define HEX_MIN    20u /* digits; IMEI and IMSI have 15, an ICCID at most 20 and then some letter is rare */
#define KEPT_BLIND 8u  /* octets of a PDU that cannot be read: no text begins before */
#define MASK       '*'

int at_trace_start(struct at_trace *t, uint64_t now_ms)
{
	if (!t->ring)
		t->ring = malloc(AT_TRACE_LINES * sizeof(t->ring[0]));
	if (!t->ring)
		return -ENOMEM;
	t->until_ms = now_ms + AT_TRACE_MS;
	return 0;
}

void at_trace_stop(struct at_trace *t)
{
	free(t->ring);
	*t = (struct at_trace){ 0 };
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 0: it is no PDU. */
static size_t octets_of(const char *line, size_t n, uint8_t *dst, size_t cap)
{
	if (n <= HEX_MIN || n % 2 || n / 2 > cap)
		return 0;
	for (size_t i = 0; i < n / 2; i++) {
		int a = nibble(line[2 * i]), b = nibble(line[2 * i + 1]);

		if (a < 0 || b < 0)
			return 0;
		dst[i] = (uint8_t)(a << 4 | b);
	}
	return n / 2;
}

/* What is stored to be sent looks like a report to the phone, were it not in a list. */
static bool read_any(const uint8_t *octets, size_t n, bool out, struct tpdu *t)
{
	struct tpdu_fault fault;

	if (!out && tpdu_read(octets, n, TPDU_MT, true, t, &fault) == 0 && t->type != TPDU_SUBMIT_REPORT)
		return true;
	return tpdu_read(octets, n, TPDU_MO, true, t, &fault) == 0;
}

static void keep_pdu(struct at_trace_entry *e, const uint8_t *octets, size_t n)
{
	struct tpdu t;
	size_t from = KEPT_BLIND;

	memcpy(e->pdu, octets, n);
	e->n_pdu = (uint8_t)n;
	if (read_any(octets, n, e->out, &t)) {
		snprintf(e->text, sizeof(e->text), "%s", tpdu_type_name(t.type));
		from = t.field[TPDU_F_UD].n ? t.field[TPDU_F_UD].at + (size_t)t.n_udh : n;
		if (t.field[TPDU_F_REST].n && t.field[TPDU_F_REST].at < from)
			from = t.field[TPDU_F_REST].at;
	} else {
		snprintf(e->text, sizeof(e->text), "PDU");
	}
	for (size_t i = from; i < n; i++)
		e->pdu[i] = MASK;
}

void at_trace_add(struct at_trace *t, uint64_t now_ms, bool out, const char *line, size_t n)
{
	uint8_t octets[AT_TRACE_PDU];
	struct at_trace_entry *e;
	size_t n_octets;

	if (!t->until_ms)
		return;
	if (now_ms >= t->until_ms) {
		t->until_ms = 0;
		return;
	}
	e = &t->ring[t->n_seen++ % AT_TRACE_LINES];
	*e = (struct at_trace_entry){ .at_ms = clock_ms(), .out = out, .n_whole = (uint16_t)n };
	n_octets = octets_of(line, n, octets, sizeof(octets));
	if (n_octets)
		keep_pdu(e, octets, n_octets);
	else
		snprintf(e->text, sizeof(e->text), "%.*s", (int)n, line);
}

void at_trace_each(const struct at_trace *t, void (*each)(void *arg, const struct driver_pdu *p), void *arg)
{
	uint64_t first = t->n_seen > AT_TRACE_LINES ? t->n_seen - AT_TRACE_LINES : 0;

	for (uint64_t i = first; i < t->n_seen; i++) {
		const struct at_trace_entry *e = &t->ring[i % AT_TRACE_LINES];
		const struct driver_pdu p = {
			.at_ms = e->at_ms, .out = e->out, .command = e->text, .octets = e->pdu, .n = e->n_pdu,
			.n_whole = e->n_pdu ? e->n_pdu : e->n_whole, .seq = (uint32_t)i,
		};

		each(arg, &p);
	}
}
