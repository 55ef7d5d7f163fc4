/* SPDX-License-Identifier: Apache-2.0 */
/* trace.c -- see trace.h.
 *
 * What is secret is found by walking over the PDU, not by searching it: a walk that falls off the end means that the
 * PDU is not what its command_id says, and then nothing of its body is kept. */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "smpp/pdu.h"
#include "smpp/trace.h"

#define TLV_MESSAGE_PAYLOAD 0x0424u
#define MASK                '*'

/* ---- what is secret ---- */

struct walk {
	const uint8_t *pdu;
	size_t n, at;
	bool lost; /* off the end */
};

static void step(struct walk *w, size_t n)
{
	if (n > w->n - w->at)
		w->lost = true;
	else
		w->at += n;
}

static void step_str(struct walk *w)
{
	const uint8_t *nul = memchr(w->pdu + w->at, 0, w->n - w->at);

	if (nul)
		w->at = (size_t)(nul - w->pdu) + 1;
	else
		w->lost = true;
}

static uint8_t octet(struct walk *w)
{
	uint8_t v = w->at < w->n ? w->pdu[w->at] : 0;

	step(w, 1);
	return v;
}

static void mask(uint8_t *dst, size_t n_dst, size_t from, size_t to)
{
	for (size_t i = from; i < to && i < n_dst; i++)
		dst[i] = MASK;
}

/* A receipt quotes the text behind "text:"; what stands before it is what a receipt is read for. */
static size_t quoted(const uint8_t *text, size_t n)
{
	for (size_t i = 0; i + 5 <= n; i++)
		if (strncasecmp((const char *)text + i, "text:", 5) == 0)
			return i + 5;
	return n;
}

static void mask_text(const struct walk *w, uint8_t esm_class, uint8_t data_coding, size_t at, size_t n, uint8_t *dst,
	size_t n_dst)
{
	bool receipt = (esm_class & 0x3c) == 0x04 || (esm_class & 0x3c) == 0x20; /* SMPP 3.4, 5.2.12 */

	mask(dst, n_dst, receipt && data_coding != 8 ? at + quoted(w->pdu + at, n) : at, at + n);
}

/* submit_sm, deliver_sm (4.4.1, 4.6.1) and data_sm (4.7.1). */
static void redact_sm(struct walk *w, bool data_sm, uint8_t *dst, size_t n_dst)
{
	uint8_t esm_class, data_coding = 0;

	step_str(w);
	step(w, 2);
	step_str(w);
	step(w, 2);
	step_str(w);
	esm_class = octet(w);
	if (!data_sm) {
		step(w, 2);
		step_str(w);
		step_str(w);
	}
	step(w, data_sm ? 1 : 2);
	data_coding = octet(w);
	if (!data_sm) {
		size_t n_text;

		step(w, 1);
		n_text = octet(w);
		if (w->lost || n_text > w->n - w->at) {
			w->lost = true;
			return;
		}
		mask_text(w, esm_class, data_coding, w->at, n_text, dst, n_dst);
		step(w, n_text);
	}
	while (!w->lost && w->at < w->n) {
		unsigned tag = (unsigned)octet(w) << 8;
		size_t len;

		tag |= octet(w);
		len = (size_t)octet(w) << 8;
		len |= octet(w);
		if (!w->lost && tag == TLV_MESSAGE_PAYLOAD && len <= w->n - w->at)
			mask_text(w, esm_class, data_coding, w->at, len, dst, n_dst);
		step(w, len);
	}
}

/* bind_* and outbind: system_id, password (4.1.1, 4.1.7.1). */
static void redact_password(struct walk *w, uint8_t *dst, size_t n_dst)
{
	size_t from;

	step_str(w);
	from = w->at;
	step_str(w);
	if (!w->lost)
		mask(dst, n_dst, from, w->at - 1);
}

size_t trace_redact(const uint8_t *pdu, size_t n, uint8_t dst[static TRACE_OCTETS])
{
	struct walk w = { pdu, n, PDU_HEADER, false };
	size_t n_dst = n < TRACE_OCTETS ? n : TRACE_OCTETS;
	struct pdu_header h;

	pdu_header_read(pdu, &h);
	memcpy(dst, pdu, n_dst);
	switch (h.id) {
	case PDU_BIND_RECEIVER:
	case PDU_BIND_TRANSMITTER:
	case PDU_BIND_TRANSCEIVER:
	case PDU_OUTBIND:
		redact_password(&w, dst, n_dst);
		break;
	case PDU_SUBMIT_SM:
	case PDU_DELIVER_SM:
	case PDU_DATA_SM:
		redact_sm(&w, h.id == PDU_DATA_SM, dst, n_dst);
		break;
	default:
		/* Responses have no text; what else a peer may send is unknown, and so may be anything. */
		w.lost = !(h.id & PDU_RESP) && h.id != PDU_ENQUIRE_LINK && h.id != PDU_UNBIND &&
			h.id != PDU_ALERT_NOTIFICATION;
		break;
	}
	return w.lost ? PDU_HEADER : n_dst;
}

/* ---- the ring ---- */

int trace_start(struct trace *t, uint64_t now_ms)
{
	if (!t->ring)
		t->ring = malloc(TRACE_PDUS * sizeof(t->ring[0]));
	if (!t->ring)
		return -ENOMEM;
	t->until_ms = now_ms + TRACE_MS;
	return 0;
}

void trace_stop(struct trace *t)
{
	free(t->ring);
	*t = (struct trace){ 0 };
}

void trace_add(struct trace *t, uint64_t now_ms, unsigned bind, bool out, const uint8_t *pdu, size_t n)
{
	struct trace_entry *e;

	if (now_ms >= t->until_ms) {
		t->until_ms = 0;
		return;
	}
	e = &t->ring[t->n_seen++ % TRACE_PDUS];
	e->at_ms = clock_ms();
	e->bind = (uint8_t)bind;
	e->out = out;
	e->n_whole = (uint32_t)n;
	e->n = (uint16_t)trace_redact(pdu, n, e->octets);
}

static const char *command_name(uint32_t id)
{
	static const struct {
		uint32_t id;
		const char *name;
	} names[] = {
		{ 0x80000000, "generic_nack" }, { 0x01, "bind_receiver" }, { 0x80000001, "bind_receiver_resp" },
		{ 0x02, "bind_transmitter" }, { 0x80000002, "bind_transmitter_resp" }, { 0x03, "query_sm" },
		{ 0x80000003, "query_sm_resp" }, { 0x04, "submit_sm" }, { 0x80000004, "submit_sm_resp" },
		{ 0x05, "deliver_sm" }, { 0x80000005, "deliver_sm_resp" }, { 0x06, "unbind" },
		{ 0x80000006, "unbind_resp" }, { 0x09, "bind_transceiver" }, { 0x80000009, "bind_transceiver_resp" },
		{ 0x0b, "outbind" }, { 0x15, "enquire_link" }, { 0x80000015, "enquire_link_resp" },
		{ 0x102, "alert_notification" }, { 0x103, "data_sm" }, { 0x80000103, "data_sm_resp" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].id == id)
			return names[i].name;
	return "unknown";
}

void trace_each(const struct trace *t, void (*each)(void *arg, const struct driver_pdu *p), void *arg)
{
	uint64_t first = t->n_seen > TRACE_PDUS ? t->n_seen - TRACE_PDUS : 0;

	for (uint64_t i = first; i < t->n_seen; i++) {
		const struct trace_entry *e = &t->ring[i % TRACE_PDUS];
		struct pdu_header h;

		pdu_header_read(e->octets, &h);
		each(arg, &(struct driver_pdu){
			.at_ms = e->at_ms,
			.bind = e->bind,
			.out = e->out,
			.command = command_name(h.id),
			.status = h.status,
			.seq = h.seq,
			.octets = e->octets,
			.n = e->n,
			.n_whole = e->n_whole,
		});
	}
}
