/* SPDX-License-Identifier: Apache-2.0 */
/* incoming.c -- read what a modem received, hand it to the core, and delete it when it is on disk.
 *
 * A memory of a SIM has ten to fifty places; when all are taken the network keeps what comes next, and after days
 * throws it away.  So whatever is in a memory of a modem that is ours is read and deleted: messages, status reports,
 * notifications of MMS, binary ones, and what cannot be read at all, which goes to the core as octets; copies that some
 * modems keep of what they sent are deleted.  Only what was put there to be sent stays.
 *
 * Announcements (+CMTI, +CDSI) are hints: they get lost, name a memory that is not the one (Quectel: a report in SR
 * announced as SM), or never come (ZTE).  Therefore all memories are looked through at the start, after each hint that
 * led nowhere, and from time to time; sooner while status reports are to come and this modem stores them.
 *
 * Between the commit and the deletion the process may die.  The message is then read again: the core knows it by its
 * digest and only acknowledges it. */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "codec/tpdu.h"
#include "drivers/modem/modem.h"

#define LOOK_MS         60000
#define LOOK_REPORTS_MS 5000   /* status reports are to come */
#define AGAIN_MS        5000   /* after the core took nothing */
#define STORAGE_MS      30000  /* spec: listing a full SIM takes seconds */

#define ESM_UDH 0x40           /* driver.h: as SMPP numbers it (SMPP 3.4, 5.2.12) */
#define DC_BINARY 0x04

enum stored { STAT_UNREAD, STAT_READ, STAT_UNSENT, STAT_SENT }; /* 3GPP TS 27.005, 3.1 */

static void pump(struct modem *m);

static bool looking(const struct modem *m)
{
	return m->in.look < m->can.n_memories;
}

/* ---- what is read: to the core ---- */

static struct driver_token token_of(const struct incoming *in, const struct incoming_open *o)
{
	return (struct driver_token){ .a = (uint64_t)in->life << 32 | (uint64_t)(o - in->open), .b = 0 };
}

static const struct driver_token direct_token = { .a = 0, .b = 1 };

static enum receipt_state state_of(uint8_t status)
{
	switch (tpdu_outcome(status)) {
	case TPDU_COMPLETED:
		/* 01 and 02 are final for the centre, but nobody saw the message arrive (3GPP TS 23.040, 9.2.3.15). */
		return status == 0 ? RECEIPT_DELIVERED : RECEIPT_ACCEPTED;
	case TPDU_TRYING:
		return RECEIPT_ENROUTE;
	case TPDU_PERMANENT:
		return status == 0x46 ? RECEIPT_EXPIRED :
			status == 0x47 || status == 0x48 ? RECEIPT_DELETED : RECEIPT_UNDELIVERABLE;
	case TPDU_GIVEN_UP:
		break;
	}
	return RECEIPT_UNDELIVERABLE;
}

/* By the clock of the service centre.  Where it names no zone that there is, its time of day has to do: the core learns
 * how far that clock is from ours. */
static int64_t taken_ms(const struct tpdu_time *scts)
{
	struct tpdu_time t = *scts;
	int64_t s;

	if (!t.zone_known) {
		t.zone_known = true;
		t.zone_min = 0;
	}
	return tpdu_time_epoch(&t, &s) == 0 && s > 0 ? s * 1000 : 0;
}

static void give_report(struct modem *m, const struct tpdu *t, struct driver_token token)
{
	char id[OUTGOING_ID_SIZE], id2[OUTGOING_ID_SIZE], err[4];
	struct link_receipt r = {
		.smsc_id = id,
		.smsc_id_tlv = true, /* as we made it ourselves */
		.state = state_of(t->status),
		.stat_raw = tpdu_status_text(t->status),
		.err = err,
		.intermediate = tpdu_outcome(t->status) == TPDU_TRYING,
		.recurs = true,
		.taken_ms = taken_ms(&t->scts),
	};

	m->in.reports++;
	outgoing_reported(m, t->mr, t->address.text, id, id2);
	if (t->address.ton == TON_INTERNATIONAL) /* else it is only the end of one */
		r.from = strtoull(t->address.text, NULL, 10);
	r.smsc_id2 = id2[0] ? id2 : NULL;
	snprintf(err, sizeof(err), "%02X", t->status);
	link_receipt(m->link, &r, token);
}

/* The values of SMPP's data_coding, which agree with TP-DCS from 10 on. */
static uint8_t data_coding_of(uint8_t octet)
{
	struct dcs d;

	dcs_read(octet, &d);
	if (d.compressed)
		return DC_BINARY;
	if (octet >= 0x10)
		return octet;
	return dcs_make(d.alphabet == DCS_GSM7 ? ENC_GSM7 : d.alphabet == DCS_UCS2 ? ENC_UCS2 : ENC_BINARY, false);
}

/* The same message read twice, and no other, gives the same: from one place of one SIM. */
static uint64_t digest_of(const struct modem *m, const struct tpdu *t, const struct incoming_place *at)
{
	uint64_t h = hash_bytes(1, m->id.iccid, strlen(m->id.iccid));

	if (at) {
		h = hash_bytes(h, at->memory, strlen(at->memory));
		h = hash_bytes(h, &at->index, sizeof(at->index));
	}
	h = hash_bytes(h, t->address.text, strlen(t->address.text));
	h = hash_bytes(h, t->scts.raw, sizeof(t->scts.raw));
	h = hash_bytes(h, &t->udl, 1);
	h = hash_bytes(h, t->ud, t->n_ud);
	return h ? h : 1;
}

static const struct incoming_place *place_of(const struct modem *m, struct driver_token token)
{
	return token.b ? NULL : &m->in.open[token.a & 0xffffffffu].place;
}

static void give_message(struct modem *m, const struct tpdu *t, struct driver_token token)
{
	char from[TPDU_ADDRESS_TEXT], text[TPDU_TEXT_MAX];
	uint8_t raw[TPDU_UD_MAX + TPDU_SEPTETS_MAX];
	struct link_inbound in = {
		.from = from,
		.to = m->id.number,
		.text = text,
		.raw = raw,
		.data_coding = data_coding_of(t->dcs),
		.esm_class = t->n_udh ? ESM_UDH : 0,
		.digest = digest_of(m, t, place_of(m, token)),
	};
	size_t n;

	m->in.messages++;
	tpdu_address_show(&t->address, from);
	tpdu_text(t, text, &n);
	in.n_text = (uint32_t)n;
	memcpy(raw, t->ud, t->n_udh);
	in.n_raw = t->n_udh + (uint32_t)tpdu_body(t, raw + t->n_udh);
	link_inbound(m->link, &in, token);
}

/* Nobody knows what it is, but it takes a place, and an operator may want to see it. */
static void give_octets(struct modem *m, const uint8_t *octets, size_t n, const char *why, struct driver_token token)
{
	const struct link_inbound in = {
		.from = "", .to = m->id.number, .text = "", .raw = octets, .n_raw = (uint32_t)n, .data_coding = DC_BINARY,
		.digest = hash_bytes(2, octets, n) | 1,
	};

	m->in.undecodable++;
	log_warn("modem_pdu_unreadable", "link=%s octets=%zu why=\"%s\"", link_name(m->link), n, why);
	link_inbound(m->link, &in, token);
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* As far as it is hexadecimal. */
static size_t octets_of(const char *hex, uint8_t *dst, size_t cap)
{
	size_t n = 0;
	int a, b;

	while (n < cap && (a = nibble(hex[0])) >= 0 && (b = nibble(hex[1])) >= 0) {
		dst[n++] = (uint8_t)(a << 4 | b);
		hex += 2;
	}
	return n;
}

/* ---- acknowledging ---- */

/* It came too late, behind a command that took long or after a silence: such a modem has set mt and ds to 0 meanwhile
 * and hands on nothing more (3GPP TS 27.005, 3.4.1). */
static void on_acknowledged(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;
	const struct chat_command again = { .text = m->can.cnmi, .urgent = true };

	if (a->end == CHAT_OK || a->end == CHAT_GONE || !m->can.cnmi[0] || !m->chat)
		return;
	log_info("modem_routing_again", "link=%s cnmi=%s", link_name(m->link), m->can.cnmi);
	chat_command(m->chat, &again);
}

static void ack_direct(struct modem *m, int status)
{
	/* Without it the network sends it again; some modems then report no more until it is given (27.005, 3.4.4). */
	const struct chat_command cmd = {
		.text = status < 0 ? "AT+CNMA=2" : "AT+CNMA=1", .urgent = true, .done = on_acknowledged, .arg = m,
	};

	if (m->can.must_ack && m->chat)
		chat_command(m->chat, &cmd);
}

/* ---- reading ---- */

/* `length`: octets of the TPDU as the modem counts them, which many do wrongly.  Only where it is all there is, there
 * is no service centre in front (some old modems). */
static void give(struct modem *m, const char *pdu, long length, struct driver_token token)
{
	uint8_t octets[TPDU_MAX + 16];
	size_t n = octets_of(pdu, octets, sizeof(octets));
	struct tpdu_fault fault = { .why = "no octets" };
	struct tpdu t;

	if (n == 0 && token.b)
		return; /* nothing came but its announcement */
	if (n == 0 || tpdu_read(octets, n, TPDU_MT, length != (long)n, &t, &fault) < 0)
		give_octets(m, octets, n, fault.why, token);
	else if (t.type == TPDU_DELIVER)
		give_message(m, &t, token);
	else if (t.type == TPDU_STATUS_REPORT)
		give_report(m, &t, token);
	else
		give_octets(m, octets, n, tpdu_type_name(t.type), token);
}

/* ---- places ---- */

static bool same_place(const struct incoming_place *a, const struct incoming_place *b)
{
	return a->index == b->index && strcmp(a->memory, b->memory) == 0;
}

static struct incoming_open *open_find(struct incoming *in, const struct incoming_place *at)
{
	for (unsigned i = 0; i < INCOMING_OPEN; i++)
		if (in->open[i].state != INCOMING_FREE && same_place(&in->open[i].place, at))
			return &in->open[i];
	return NULL;
}

static struct incoming_open *open_new(struct incoming *in, const struct incoming_place *at)
{
	for (unsigned i = 0; i < INCOMING_OPEN; i++) {
		struct incoming_open *o = &in->open[i];

		if (o->state == INCOMING_FREE) {
			*o = (struct incoming_open){ .state = INCOMING_STORING, .place = *at, .life = in->life };
			in->n_open++;
			return o;
		}
	}
	return NULL;
}

static void open_free(struct incoming *in, struct incoming_open *o)
{
	o->state = INCOMING_FREE;
	in->n_open--;
}

/* As many octets as were announced, with or without the service centre.  Some modems count wrongly. */
static bool is_whole(long length, const char *pdu)
{
	uint8_t centre = 0;
	size_t n = strlen(pdu);

	octets_of(pdu, &centre, 1);
	return length < 0 || n == 2 * (size_t)length || n == 2 * ((size_t)length + 1 + centre);
}

/* Octets of it were lost on the wire: the good copy is still there, and is read once more. */
static bool looks_torn(struct incoming *in, const struct incoming_place *at, long length, const char *pdu)
{
	if (is_whole(length, pdu) || same_place(&in->torn, at) || in->n_read == INCOMING_READS) {
		in->torn = (struct incoming_place){ "", 0 };
		return false;
	}
	in->torn = *at;
	in->read[in->n_read++] = *at;
	return true;
}

static void take_stored(struct modem *m, const struct incoming_place *at, long stat, long length, const char *pdu)
{
	struct incoming *in = &m->in;
	struct incoming_open *o;

	if (!*pdu && length > 0)
		return; /* the line was lost on the wire, not the message: the next look reads it again */
	if (stat == STAT_UNSENT || open_find(in, at) || looks_torn(in, at, length, pdu))
		return;
	o = open_new(in, at);
	if (!o) {
		in->look_again = true;
		return;
	}
	if (stat == STAT_SENT) {
		/* A copy is evidence once: left there, it would be taken for that of the same text some day. */
		outgoing_stored_as_sent(m, pdu);
		o->state = INCOMING_STORED;
		return;
	}
	give(m, pdu, length, token_of(in, o));
}

static void arm(struct modem *m, uint64_t ms);

void incoming_ack(struct modem *m, struct driver_token token, int status)
{
	struct incoming *in = &m->in;
	struct incoming_open *o = &in->open[token.a & 0xffffffffu];

	if (token.b) {
		ack_direct(m, status);
		return;
	}
	if (token.a >> 32 != in->life)
		return; /* of a port that is gone: it will be read again */
	assert(o->state == INCOMING_STORING);
	if (status == 0) {
		o->state = INCOMING_STORED;
	} else {
		open_free(in, o);
		in->blocked = true; /* not at once: the core has no room, or no disk */
		arm(m, AGAIN_MS);
	}
	pump(m);
}

/* ---- commands, one after the other ---- */

static int run(struct modem *m, struct chat_command *cmd, chat_done_cb done)
{
	int r;

	cmd->timeout_ms = STORAGE_MS;
	cmd->done = done;
	cmd->arg = m;
	r = chat_command(m->chat, cmd);
	m->in.busy = r == 0;
	if (r < 0)
		arm(m, AGAIN_MS);
	return r;
}

static void ended(struct modem *m)
{
	m->in.busy = false;
	pump(m);
}

/* It cannot be selected (any more): nothing of it is asked for, until the next look. */
static void give_up_memory(struct modem *m)
{
	struct incoming *in = &m->in;
	unsigned kept = 0;

	for (unsigned i = 0; i < INCOMING_OPEN; i++)
		if (in->open[i].state == INCOMING_STORED && strcmp(in->open[i].place.memory, in->selected) == 0)
			open_free(in, &in->open[i]);
	for (unsigned i = 0; i < in->n_read; i++)
		if (strcmp(in->read[i].memory, in->selected) != 0)
			in->read[kept++] = in->read[i];
	in->n_read = kept;
	if (looking(m) && strcmp(m->can.memories[in->look], in->selected) == 0)
		in->look++;
	in->looked_at = false;
	in->selected[0] = '\0';
}

/* "+CPMS: 3,50,…": how full the one that is read is. */
static void on_selected(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;
	struct incoming *in = &m->in;
	struct at_fields f = { NULL };
	long used, total;

	if (a->end != CHAT_OK) {
		if (a->end != CHAT_GONE)
			give_up_memory(m);
		ended(m);
		return;
	}
	for (unsigned i = 0; i < a->n_lines && !f.at; i++)
		f.at = at_after(a->lines[i], "+CPMS:");
	in->used_now = in->total_now = 0;
	if (f.at && at_field_number(&f, &used) == 0 && at_field_number(&f, &total) == 0 && used >= 0 && total >= 0) {
		in->used_now = (unsigned)used;
		in->total_now = (unsigned)total;
	} else {
		in->used_now = 1; /* it does not say: look */
	}
	ended(m);
}

static void select_memory(struct modem *m, const char *memory)
{
	char text[24];
	struct chat_command cmd = { .text = text, .prefix = "+CPMS:" };

	snprintf(text, sizeof(text), "AT+CPMS=\"%s\"", memory);
	snprintf(m->in.selected, sizeof(m->in.selected), "%s", memory);
	run(m, &cmd, on_selected);
}

static void on_deleted(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;
	struct incoming *in = &m->in;
	struct incoming_open *o = open_find(in, &in->at);

	if (a->end != CHAT_OK && a->end != CHAT_GONE && a->end != CHAT_TIMEOUT)
		log_warn("modem_delete_failed", "link=%s memory=%s index=%u code=%d", link_name(m->link), in->at.memory,
			in->at.index, a->code);
	if (o && a->end != CHAT_GONE)
		open_free(in, o);
	ended(m);
}

static void delete_one(struct modem *m, const struct incoming_open *o)
{
	char text[24];
	struct chat_command cmd = { .text = text };

	if (strcmp(m->in.selected, o->place.memory) != 0) {
		select_memory(m, o->place.memory);
		return;
	}
	m->in.at = o->place;
	snprintf(text, sizeof(text), "AT+CMGD=%u", o->place.index);
	run(m, &cmd, on_deleted);
}

/* "+CMGR: 1,,24" and the PDU behind it. */
static void on_read(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;
	struct at_fields f;
	long stat = STAT_UNREAD, length = -1;
	char alpha[64];
	bool found = false;

	for (unsigned i = 0; i + 1 < a->n_lines && !found; i++) {
		f.at = at_after(a->lines[i], "+CMGR:");
		if (!f.at)
			continue;
		found = true;
		if (at_field_number(&f, &stat) < 0)
			stat = STAT_UNREAD;
		at_field(&f, alpha, sizeof(alpha));
		if (at_field_number(&f, &length) < 0)
			length = -1;
		take_stored(m, &m->in.at, stat, length, a->lines[i + 1]);
	}
	/* Announced, and not there: it is in another memory. */
	if (!found && a->end != CHAT_GONE)
		m->in.look_again = true;
	ended(m);
}

static void read_one(struct modem *m)
{
	struct incoming *in = &m->in;
	char text[24];
	struct chat_command cmd = { .text = text, .prefix = "+CMGR:", .follows = true };

	if (strcmp(in->selected, in->read[0].memory) != 0) {
		select_memory(m, in->read[0].memory);
		return;
	}
	in->at = in->read[0];
	memmove(in->read, in->read + 1, --in->n_read * sizeof(in->read[0]));
	snprintf(text, sizeof(text), "AT+CMGR=%u", in->at.index);
	run(m, &cmd, on_read);
}

/* "+CMGL: 3,0,,24", then its PDU. */
static void on_list_line(void *arg, const char *line)
{
	struct modem *m = arg;
	struct incoming *in = &m->in;
	struct at_fields f = { at_after(line, "+CMGL:") };
	char alpha[64];
	long index;

	if (!f.at && in->reading_pdu) {
		in->reading_pdu = false;
		take_stored(m, &in->at, in->list_stat, in->list_length, line);
		return;
	}
	in->reading_pdu = false;
	if (!f.at || at_field_number(&f, &index) < 0 || index < 0 || index > UINT16_MAX)
		return;
	if (at_field_number(&f, &in->list_stat) < 0)
		in->list_stat = STAT_UNREAD;
	at_field(&f, alpha, sizeof(alpha));
	if (at_field_number(&f, &in->list_length) < 0)
		in->list_length = -1;
	in->at.index = (uint16_t)index;
	snprintf(in->at.memory, sizeof(in->at.memory), "%s", in->selected);
	in->reading_pdu = true;
}

static void on_listed(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;

	m->in.reading_pdu = false;
	if (a->end != CHAT_GONE)
		m->in.look++;
	ended(m);
}

static void list_all(struct modem *m)
{
	struct chat_command cmd = { .text = "AT+CMGL=4", .prefix = "+CMGL:", .follows = true, .each = on_list_line };

	run(m, &cmd, on_listed);
}

/* The next step of a look through all memories. */
static void look_on(struct modem *m)
{
	struct incoming *in = &m->in;
	const char *memory = m->can.memories[in->look];

	if (!in->looked_at || strcmp(in->selected, memory) != 0) {
		in->looked_at = true; /* select it also when it is selected: the answer tells how full it is */
		select_memory(m, memory);
		return;
	}
	in->looked_at = false;
	in->used += in->used_now;
	in->total += in->total_now;
	if (in->used_now == 0) {
		in->look++;
		pump(m);
		return;
	}
	list_all(m);
}

static void look_begin(struct modem *m)
{
	struct incoming *in = &m->in;

	in->looked_ms = uv_now(m->loop);
	in->look = 0;
	in->look_again = in->looked_at = in->blocked = false;
	in->used = in->total = 0;
}

static void pump(struct modem *m)
{
	struct incoming *in = &m->in;

	if (in->busy || !in->up || !m->chat)
		return;
	for (unsigned i = 0; i < INCOMING_OPEN; i++) {
		if (in->open[i].state == INCOMING_STORED) {
			in->looked_at = false;
			delete_one(m, &in->open[i]);
			return;
		}
	}
	if (in->blocked)
		return;
	if (in->n_read && in->n_open < INCOMING_OPEN) {
		in->looked_at = false;
		read_one(m);
	} else if (looking(m)) {
		look_on(m);
	} else if (in->look_again && in->n_open == 0) {
		look_begin(m);
		pump(m);
	}
}

/* ---- the next look ---- */

/* A +CDS that was torn on its way was never acknowledged, and such a modem says nothing more until it is, or after a
 * time sets ds to 0 and never says anything again (3GPP TS 27.005, 3.4.1).  Refused, the report comes again; where
 * nothing is open this is an error 340, and that is all. */
static void unblock_reports(struct modem *m)
{
	const struct chat_command refuse = { .text = "AT+CNMA=2" }, again = { .text = m->can.cnmi };
	struct incoming *in = &m->in;

	if (m->can.must_ack && outgoing_awaits_reports(m) && in->reports == in->reports_then && m->chat) {
		chat_command(m->chat, &refuse);
		if (m->can.cnmi[0])
			chat_command(m->chat, &again);
	}
	in->reports_then = in->reports;
}

static void on_timer(uv_timer_t *t)
{
	struct modem *m = t->data;

	struct incoming *in = &m->in;
	bool reports = outgoing_awaits_reports(m);
	bool stored = m->can.reports == REPORTS_STORED || !in->direct;
	uint64_t now = uv_now(m->loop);

	arm(m, reports ? LOOK_REPORTS_MS : LOOK_MS);
	unblock_reports(m);
	/* Some take the setting for direct reports and store them all the same, without a word (ZTE). */
	if (in->blocked || (reports && stored) || now - in->looked_ms >= LOOK_MS)
		incoming_drain(m);
}

static void arm(struct modem *m, uint64_t ms)
{
	if (m->in.up)
		uv_timer_start(&m->in.timer, on_timer, ms, 0);
}

void incoming_drain(struct modem *m)
{
	m->in.blocked = false;
	if (looking(m))
		m->in.look_again = true;
	else
		look_begin(m);
	pump(m);
}

void incoming_reports_expected(struct modem *m)
{
	if (m->in.up && uv_timer_get_due_in(&m->in.timer) > LOOK_REPORTS_MS)
		arm(m, LOOK_REPORTS_MS);
}

/* ---- unsolicited ---- */

static void announced(struct modem *m, const char *fields)
{
	struct incoming *in = &m->in;
	struct at_fields f = { fields };
	struct incoming_place *p = &in->read[in->n_read];
	char memory[16];
	long index;

	if (at_field(&f, memory, sizeof(memory)) < 0 || strlen(memory) != 2 || at_field_number(&f, &index) < 0 ||
		index < 0 || index > UINT16_MAX || in->n_read == INCOMING_READS) {
		in->look_again = true;
	} else {
		memcpy(p->memory, memory, sizeof(p->memory));
		p->index = (uint16_t)index;
		in->n_read++;
	}
	pump(m);
}

/* "+CMT: [<alpha>],<length>", "+CDS: <length>": the last field. */
static long length_in(const char *fields)
{
	struct at_fields f = { fields };
	char field[64], last[64] = "";
	char *end;
	long v;

	while (at_field(&f, field, sizeof(field)) != -ENOENT)
		memcpy(last, field, sizeof(last));
	v = strtol(last, &end, 10);
	return end == last ? -1 : v;
}

/* One that lost octets may say anything: it is refused once, and comes again. */
static void take_direct(struct modem *m, long length, const char *pdu)
{
	struct incoming *in = &m->in;

	if (m->can.must_ack && !in->direct_torn && !is_whole(length, pdu)) {
		in->direct_torn = true;
		ack_direct(m, -EBADMSG);
		return;
	}
	in->direct_torn = false;
	give(m, pdu, length, direct_token);
}

bool incoming_urc(struct modem *m, const char *line, const char *pdu)
{
	const char *rest;

	if ((rest = at_after(line, "+CMTI:")) || (rest = at_after(line, "+CDSI:")))
		announced(m, rest);
	else if ((rest = at_after(line, "+CMT:")) || (rest = at_after(line, "+CDS:")))
		take_direct(m, length_in(rest), pdu ? pdu : "");
	else
		return false;
	m->in.direct = m->in.direct || at_after(line, "+CDS:");
	return true;
}

/* ---- life ---- */

void incoming_up(struct modem *m)
{
	m->in.up = true;
	m->in.look = m->can.n_memories;
	m->in.selected[0] = '\0';
	arm(m, LOOK_MS);
	incoming_drain(m);
}

void incoming_down(struct modem *m)
{
	struct incoming *in = &m->in;

	in->up = in->busy = in->blocked = in->reading_pdu = in->looked_at = in->look_again = false;
	in->direct = false;
	in->life++;
	in->n_read = 0;
	in->n_open = 0;
	memset(in->open, 0, sizeof(in->open));
	if (in->timer_open)
		uv_timer_stop(&in->timer);
}

int incoming_init(struct modem *m)
{
	int r = uv_timer_init(m->loop, &m->in.timer);

	if (r < 0)
		return r;
	m->in.timer.data = m;
	m->in.timer_open = true;
	m->in.life = 1;
	return 0;
}

void incoming_done(struct modem *m, uv_close_cb closed)
{
	uv_close((uv_handle_t *)&m->in.timer, closed);
}
