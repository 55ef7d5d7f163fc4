/* SPDX-License-Identifier: Apache-2.0 */
/* smsc_receipt.c -- the pool, the wheel and the wording of deliver_sm; smsc_receipt.h says what they promise.
 */
#include "smsc_receipt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHUNK	  65536u /* items: 4 MB */
#define MO_MAX	  4096u
#define STATES	  (1u << 16)
#define CANCELLED (UINT64_C(1) << 63)

static const struct smsc_list empty_list = {SMSC_NONE, SMSC_NONE};

struct smsc_item *smsc_item(const struct smsc_receipts *q, uint32_t i)
{
	return &q->chunks[i / CHUNK][i % CHUNK];
}

int smsc_receipts_init(struct smsc_receipts *q, const struct smsc_script *script, struct smsc_stats *stats,
	uint32_t max, uint64_t first_id, uint64_t start_wall_s)
{
	memset(q, 0, sizeof(*q));
	q->script = script;
	q->stats = stats;
	q->max = max;
	q->free = SMSC_NONE;
	q->first_id = q->next_id = first_id;
	q->start_wall_s = start_wall_s;
	for (size_t i = 0; i < 1024; i++)
		q->near[i] = empty_list;
	for (size_t i = 0; i < 4096; i++)
		q->far[i] = empty_list;
	for (size_t i = 0; i < SMSC_ACCOUNTS_MAX; i++)
		q->ready[i] = empty_list;
	q->chunks = calloc(max / CHUNK + 1, sizeof(*q->chunks));
	q->mo = calloc(MO_MAX, sizeof(*q->mo));
	q->states = calloc(STATES, sizeof(*q->states));
	if (q->chunks && q->mo && q->states)
		return 0;
	smsc_receipts_done(q);
	return -ENOMEM;
}

void smsc_receipts_done(struct smsc_receipts *q)
{
	for (uint32_t i = 0; i < q->n_chunks; i++)
		free(q->chunks[i]);
	free(q->chunks);
	free(q->mo);
	free(q->states);
	free(q->quotes);
	memset(q, 0, sizeof(*q));
}

static void append(struct smsc_receipts *q, struct smsc_list *l, uint32_t i)
{
	smsc_item(q, i)->next = SMSC_NONE;
	if (l->head == SMSC_NONE)
		l->head = i;
	else
		smsc_item(q, l->tail)->next = i;
	l->tail = i;
}

static uint32_t item_new(struct smsc_receipts *q)
{
	uint32_t i = q->free;

	if (i != SMSC_NONE) {
		q->free = smsc_item(q, i)->next;
	} else {
		if (q->n_used == q->max)
			return SMSC_NONE;
		if (q->n_used == q->n_chunks * CHUNK) {
			q->chunks[q->n_chunks] = malloc(CHUNK * sizeof(struct smsc_item));
			if (!q->chunks[q->n_chunks])
				return SMSC_NONE;
			q->n_chunks++;
		}
		i = q->n_used++;
	}
	memset(smsc_item(q, i), 0, sizeof(struct smsc_item));
	return i;
}

void smsc_receipts_free(struct smsc_receipts *q, uint32_t i)
{
	struct smsc_item *it = smsc_item(q, i);
	uint32_t m;

	if (it->mo) {
		memcpy(&m, it->source, sizeof(m));
		q->mo[m].used = false;
	}
	it->next = q->free;
	q->free = i;
}

uint32_t smsc_receipts_due(const struct smsc_receipts *q, uint64_t id, uint32_t now_ms)
{
	const struct smsc_script *s = q->script;
	uint32_t jitter =
		s->receipt_jitter_ms ? (uint32_t)(smsc_hash(&id, 8, 1) % (s->receipt_jitter_ms + 1)) : 0;

	/* The clock counts whole milliseconds: one more, so that no delay is cut short. */
	return now_ms + s->receipt_delay_ms + jitter + (s->receipt_delay_ms > 0);
}

uint64_t smsc_receipts_issue(struct smsc_receipts *q, struct smsc_str dest, uint32_t now_ms, uint32_t due_ms)
{
	uint64_t id = q->next_id++;

	q->states[id % STATES] = (uint64_t)due_ms << 8 | smsc_script_outcome(q->script, dest);
	return id;
}

static bool wanted(const struct smsc_receipts *q, uint8_t registered_delivery, unsigned outcome)
{
	bool success = q->script->outcomes[outcome].state == STATE_DELIVERED;

	switch (registered_delivery & 3) { /* SMPP 3.4, 5.2.17; 3 comes from 5.0 */
	case 1: return true;
	case 2: return !success;
	case 3: return success;
	}
	return false;
}

void smsc_receipts_quote(struct smsc_receipts *q, uint64_t id, const uint8_t *text, size_t n)
{
	if (!q->script->receipt_quotes)
		return;
	if (!q->quotes)
		q->quotes = calloc(STATES, sizeof(*q->quotes));
	if (!q->quotes)
		return;
	if (n > sizeof(*q->quotes) - 1)
		n = sizeof(*q->quotes) - 1;
	memcpy(q->quotes[id % STATES], text, n);
	q->quotes[id % STATES][n] = 0;
}

uint32_t smsc_receipts_new(struct smsc_receipts *q, uint64_t id, const struct smsc_message *m,
	uint8_t account, uint8_t origin, uint32_t now_ms)
{
	unsigned outcome = q->states[id % STATES] & 0xFF;
	struct smsc_item *it;
	uint32_t i;

	if (q->script->receipt_none || !wanted(q, m->registered_delivery, outcome))
		return SMSC_NONE;
	i = item_new(q);
	/* data_sm may carry addresses of 64 octets, deliver_sm only of 20: such a receipt cannot be sent. */
	if (i == SMSC_NONE || m->source.digits.n > 20 || m->dest.digits.n > 20) {
		q->stats->receipts_dropped++;
		if (i != SMSC_NONE)
			smsc_receipts_free(q, i);
		return SMSC_NONE;
	}
	it = smsc_item(q, i);
	it->id_low = (uint32_t)id;
	it->id_high = (uint16_t)(id >> 32);
	it->account = account;
	it->origin = origin;
	it->submit_ms = it->due_ms = now_ms;
	it->outcome = (uint8_t)outcome;
	it->other_bind = q->script->receipt_other_bind;
	it->source_tn = (uint8_t)(m->source.ton << 4 | (m->source.npi & 15));
	it->dest_tn = (uint8_t)(m->dest.ton << 4 | (m->dest.npi & 15));
	memcpy(it->source, m->source.digits.s, m->source.digits.n);
	memcpy(it->dest, m->dest.digits.s, m->dest.digits.n);
	q->stats->receipts_created++;
	if (q->script->receipt_unknown_every &&
		q->stats->receipts_created % q->script->receipt_unknown_every == 0)
		it->strange_id = 1;
	return i;
}

uint32_t smsc_receipts_new_mo(struct smsc_receipts *q, uint8_t account, const struct smsc_mo *mo)
{
	struct smsc_item *it;
	uint32_t i, m;

	for (m = 0; m < MO_MAX; m++)
		if (!q->mo[(q->mo_hint + m) % MO_MAX].used)
			break;
	m = m < MO_MAX ? (q->mo_hint + m) % MO_MAX : SMSC_NONE;
	i = m == SMSC_NONE ? SMSC_NONE : item_new(q);
	if (i == SMSC_NONE) {
		q->stats->mo_dropped++;
		return SMSC_NONE;
	}
	q->mo_hint = (m + 1) % MO_MAX;
	q->mo[m] = *mo;
	q->mo[m].used = true;
	it = smsc_item(q, i);
	it->mo = 1;
	it->account = account;
	memcpy(it->source, &m, sizeof(m));
	q->stats->mo_created++;
	return i;
}

static void place(struct smsc_receipts *q, uint32_t i)
{
	struct smsc_item *it = smsc_item(q, i);
	int32_t left = (int32_t)(it->due_ms - q->now_ms);

	if (left < 1)
		left = 1;
	if (left < 1024)
		append(q, &q->near[(q->now_ms + (uint32_t)left) % 1024], i);
	else if (left / 1024 < 4095)
		append(q, &q->far[(q->now_ms + (uint32_t)left) / 1024 % 4096], i);
	else /* farther than the ring reaches: looked at again after most of a turn */
		append(q, &q->far[(q->now_ms / 1024 + 4094) % 4096], i);
}

void smsc_receipts_wait(struct smsc_receipts *q, uint32_t i, uint32_t due_ms)
{
	smsc_item(q, i)->due_ms = due_ms;
	q->n_timed++;
	place(q, i);
}

void smsc_receipts_ready(struct smsc_receipts *q, uint32_t i)
{
	append(q, &q->ready[smsc_item(q, i)->account], i);
	q->n_ready++;
}

static void cascade(struct smsc_receipts *q)
{
	struct smsc_list *l = &q->far[q->now_ms / 1024 % 4096];
	uint32_t i = l->head, next;

	*l = empty_list;
	for (; i != SMSC_NONE; i = next) {
		next = smsc_item(q, i)->next;
		/* Due in this very millisecond: the slot is emptied right after. */
		if ((int32_t)(smsc_item(q, i)->due_ms - q->now_ms) <= 0)
			append(q, &q->near[q->now_ms % 1024], i);
		else
			place(q, i);
	}
}

void smsc_receipts_tick(struct smsc_receipts *q, uint32_t now_ms)
{
	if (q->n_timed == 0)
		q->now_ms = now_ms;
	while (q->now_ms != now_ms) {
		struct smsc_list *l;
		uint32_t i, next;

		q->now_ms++;
		if (q->now_ms % 1024 == 0)
			cascade(q);
		l = &q->near[q->now_ms % 1024];
		i = l->head;
		*l = empty_list;
		for (; i != SMSC_NONE; i = next) {
			next = smsc_item(q, i)->next;
			q->n_timed--;
			smsc_receipts_ready(q, i);
		}
	}
}

uint32_t smsc_receipts_peek(const struct smsc_receipts *q, uint8_t account)
{
	return q->ready[account].head;
}

void smsc_receipts_pop(struct smsc_receipts *q, uint8_t account)
{
	struct smsc_list *l = &q->ready[account];

	l->head = smsc_item(q, l->head)->next;
	q->n_ready--;
}

#define NAME_60 "gateway-07.cluster-eu-central-1.messaging.carrier.example.net"

size_t smsc_id_format(enum smsc_id_form form, bool receipt, uint64_t id, char *buf)
{
	unsigned long long v = id;
	uint64_t h;
	int n = 0;

	switch (form) {
	case ID_DEC: n = snprintf(buf, SMSC_ID_MAX, "%llu", v); break;
	case ID_HEX: n = snprintf(buf, SMSC_ID_MAX, "%llx", v); break;
	case ID_UUID:
		/* Version 4 in form; the number is the last group, so that query_sm can find it again. */
		h = smsc_hash(&id, sizeof(id), 2);
		n = snprintf(buf, SMSC_ID_MAX, "%08x-%04x-4%03x-8%03x-%012llx", (unsigned)(h >> 32),
			(unsigned)(h >> 16 & 0xFFFF), (unsigned)(h >> 4 & 0xFFF), (unsigned)(h >> 40 & 0xFFF),
			v & 0xFFFFFFFFFFFFULL);
		break;
	case ID_HEX_RESP_DEC_RECEIPT: n = snprintf(buf, SMSC_ID_MAX, receipt ? "%llu" : "%llx", v); break;
	case ID_DEC_RESP_HEX_RECEIPT: n = snprintf(buf, SMSC_ID_MAX, receipt ? "%llx" : "%llu", v); break;
	case ID_LEADING_ZEROS: n = snprintf(buf, SMSC_ID_MAX, receipt ? "%llu" : "%020llu", v); break;
	case ID_NAME_IN_FRONT: n = snprintf(buf, SMSC_ID_MAX, receipt ? "acme-%llu" : "%llu", v); break;
	case ID_NAME_BEHIND: n = snprintf(buf, SMSC_ID_MAX, receipt ? "%llu@smsc" : "%llu", v); break;
	case ID_NAME_IN_RESP: n = snprintf(buf, SMSC_ID_MAX, receipt ? "%llu" : "acme-%llu", v); break;
	case ID_LONG: n = snprintf(buf, SMSC_ID_MAX, "%s-%020llu", NAME_60, v); break;
	case ID_TLV_DIFFERS: n = snprintf(buf, SMSC_ID_MAX, receipt ? "%010llu" : "%llx", v); break;
	}
	return (size_t)n;
}

static int id_parse(const struct smsc_receipts *q, struct smsc_str s, uint64_t *ret)
{
	char copy[SMSC_ID_MAX], again[SMSC_ID_MAX], *end, *digits = copy;
	enum smsc_id_form form = q->script->id_form;
	int base = form == ID_HEX || form == ID_HEX_RESP_DEC_RECEIPT || form == ID_UUID ||
				   form == ID_TLV_DIFFERS ?
			   16 :
			   10;

	if (s.n == 0 || s.n >= sizeof(copy))
		return -ENOENT;
	memcpy(copy, s.s, s.n);
	copy[s.n] = 0;
	if ((form == ID_UUID || form == ID_NAME_IN_RESP || form == ID_LONG) && strrchr(copy, '-'))
		digits = strrchr(copy, '-') + 1;
	*ret = strtoull(digits, &end, base);
	/* Only the spelling that was given out names a message. */
	smsc_id_format(form, false, *ret, again);
	if (*end || strcmp(copy, again) != 0 || *ret < q->first_id || *ret >= q->next_id ||
		q->next_id - *ret > STATES)
		return -ENOENT;
	return 0;
}

int smsc_receipts_query(const struct smsc_receipts *q, struct smsc_str s, uint32_t now_ms,
	enum smsc_state *ret, uint32_t *ret_done_ms)
{
	uint64_t id, state;

	if (id_parse(q, s, &id) < 0)
		return -ENOENT;
	state = q->states[id % STATES];
	*ret_done_ms = (uint32_t)(state >> 8);
	if (state & CANCELLED)
		*ret = STATE_DELETED;
	else if ((int32_t)(now_ms - *ret_done_ms) < 0)
		*ret = STATE_ENROUTE;
	else
		*ret = q->script->outcomes[state & 0xFF].state;
	return 0;
}

int smsc_receipts_cancel(struct smsc_receipts *q, struct smsc_str s, uint32_t now_ms)
{
	uint64_t id, *state;

	if (id_parse(q, s, &id) < 0)
		return -ENOENT;
	state = &q->states[id % STATES];
	if ((*state & CANCELLED) || (int32_t)(now_ms - (uint32_t)(*state >> 8)) >= 0)
		return -EALREADY;
	*state |= CANCELLED;
	return 0;
}

void smsc_receipts_date(const struct smsc_receipts *q, uint32_t ms, char *buf)
{
	time_t t = (time_t)(q->start_wall_s + ms / 1000);
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(buf, 13, "%y%m%d%H%M%S", &tm);
}

static void write_mo(
	const struct smsc_receipts *q, const struct smsc_item *it, uint32_t sequence, struct smsc_out *o)
{
	const struct smsc_mo *mo;
	size_t start = smsc_out_begin(o, CMD_DELIVER_SM, 0, sequence);
	uint32_t m;

	memcpy(&m, it->source, sizeof(m));
	mo = &q->mo[m];
	smsc_out_deliver(o, &(struct smsc_deliver){.esm_class = mo->esm_class,
				    .data_coding = mo->data_coding,
				    .source_ton = 1,
				    .source_npi = 1,
				    .source = {mo->from, strlen(mo->from)},
				    .dest_npi = 1,
				    .dest = {mo->to, strlen(mo->to)},
				    .text = mo->text,
				    .n_text = mo->n_text});
	smsc_out_octets(o, mo->tlvs, mo->n_tlvs);
	smsc_out_end(o, start);
}

static const struct smsc_outcome *outcome_of(
	const struct smsc_receipts *q, const struct smsc_item *it, uint64_t id)
{
	static const struct smsc_outcome deleted = {.stat = "DELETED", .err = "000", .state = STATE_DELETED};

	static const struct smsc_outcome enroute = {.stat = "ENROUTE", .err = "000", .state = STATE_ENROUTE};

	if (it->outcome & SMSC_INTERMEDIATE)
		return &enroute;
	if (q->next_id - id <= STATES && (q->states[id % STATES] & CANCELLED))
		return &deleted;
	return &q->script->outcomes[it->outcome];
}

/* SMPP 3.4, appendix B.  The text of the message is left empty, as many carriers do, unless the script says `receipt
 * quotes`: it would triple an item. */
static size_t receipt_text(const struct smsc_receipts *q, const struct smsc_item *it,
	const struct smsc_outcome *oc, const char *id, char *buf, size_t n)
{
	uint64_t number = (uint64_t)it->id_high << 32 | it->id_low;
	const char *quoted = q->quotes ? q->quotes[number % STATES] : "";
	char submitted[13], done[13];

	smsc_receipts_date(q, it->submit_ms, submitted);
	smsc_receipts_date(q, it->due_ms, done);
	if (q->script->receipt_form == RECEIPT_NO_ID)
		return (size_t)snprintf(buf, n, "stat:%s err:%s", oc->stat, oc->err);
	return (size_t)snprintf(buf, n,
		"id:%s sub:001 dlvrd:%s submit date:%.10s done date:%.10s stat:%s err:%s text:%s", id,
		oc->state == STATE_DELIVERED ? "001" : "000", submitted, done, oc->stat, oc->err, quoted);
}

static void write_sm(
	const struct smsc_receipts *q, const struct smsc_item *it, size_t n_text, const char *text, struct smsc_out *o)
{
	struct smsc_str handset = {it->dest, strnlen(it->dest, sizeof(it->dest))};
	struct smsc_str sender = {it->source, strnlen(it->source, sizeof(it->source))};
	struct smsc_deliver d = {.esm_class = it->outcome & SMSC_INTERMEDIATE ? 0x20 : q->script->receipt_esm,
		.data_coding = q->script->receipt_form == RECEIPT_UTF16 ? 8 : 0,
		.source_ton = it->dest_tn >> 4,
		.source_npi = it->dest_tn & 15,
		.source = handset,
		.dest_ton = it->source_tn >> 4,
		.dest_npi = it->source_tn & 15,
		.dest = sender,
		.text = text,
		.n_text = n_text};

	if (q->script->receipt_unswapped) {
		d.source = sender;
		d.dest = handset;
	}
	if (q->script->receipt_anonymous)
		d.source.n = d.dest.n = 0;
	smsc_out_deliver(o, &d);
}

static void write_payload(bool wide, const char *text, size_t n, struct smsc_out *o)
{
	smsc_out_u16(o, 0x0424); /* message_payload */
	smsc_out_u16(o, (uint16_t)(wide ? 2 * n : n));
	for (size_t i = 0; i < n; i++) {
		if (wide)
			smsc_out_u8(o, 0);
		smsc_out_u8(o, (uint8_t)text[i]);
	}
}

void smsc_receipts_write(const struct smsc_receipts *q, uint32_t i, uint32_t sequence, struct smsc_out *o)
{
	const struct smsc_item *it = smsc_item(q, i);
	uint64_t id = (uint64_t)it->id_high << 32 | it->id_low;
	const struct smsc_outcome *oc;
	enum smsc_receipt_form form;
	char spelt[SMSC_ID_MAX], text[254];
	size_t n_id, n_text = 0, start;

	if (it->mo) {
		write_mo(q, it, sequence, o);
		return;
	}
	oc = outcome_of(q, it, id);
	if (it->strange_id)
		id ^= UINT64_C(0x800000000000); /* never issued */
	n_id = smsc_id_format(q->script->id_form, true, id, spelt);
	form = q->script->receipt_form;
	if (form != RECEIPT_TLV)
		n_text = receipt_text(q, it, oc, spelt, text, sizeof(text));
	start = smsc_out_begin(o, CMD_DELIVER_SM, 0, sequence);
	write_sm(q, it, form == RECEIPT_BOTH || form == RECEIPT_TEXT || form == RECEIPT_NO_ID ? n_text : 0, text, o);
	if (form == RECEIPT_PAYLOAD || form == RECEIPT_UTF16)
		write_payload(form == RECEIPT_UTF16, text, n_text, o);
	if (form == RECEIPT_BOTH || form == RECEIPT_TLV) {
		if (q->script->id_form == ID_TLV_DIFFERS)
			n_id = smsc_id_format(ID_TLV_DIFFERS, false, id, spelt);
		smsc_out_u16(o, 0x001E);
		smsc_out_u16(o, (uint16_t)(n_id + 1));
		smsc_out_cstr(o, spelt, n_id);
		smsc_out_u16(o, 0x0427);
		smsc_out_u16(o, 1);
		smsc_out_u8(o, (uint8_t)oc->state);
	}
	smsc_out_end(o, start);
}
