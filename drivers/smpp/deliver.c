/* SPDX-License-Identifier: Apache-2.0 */
/* deliver.c -- what a deliver_sm or data_sm is: a delivery receipt, or a message of somebody.
 *
 * esm_class says so (SMPP 3.4, 5.2.12), and where an SMSC leaves it at 0, the TLVs receipted_message_id and
 * message_state say so too, or a text that begins as a receipt and has both an id and a state we know.  The last
 * is a guess, and it is kept narrow: a person's message that begins with "id:" is still a message.
 *
 * Of TLVs and text the TLVs win; a different id in the text goes along as a second spelling.  A receipt without any id
 * belongs to nothing we could find: it is logged and answered, since it would only come again.
 *
 * Parts that sar_ TLVs hold together, and ports told by TLVs, are handed on with the header that says the same
 * (3GPP TS 23.040, 9.2.3.24.4 and .8), so that there is one way to join parts and to tell ports. */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "codec/udh.h"
#include "smpp/smpp.h"
#include "smpp/status.h"
#include "smpp/text.h"

#define ESM_TYPE         0x3c
#define ESM_RECEIPT      0x04
#define ESM_INTERMEDIATE 0x20
#define ESM_UDH          0x40

#define NETWORK_GSM 3 /* network_error_code, SMPP 3.4, 5.3.2.31 */

/* ---- receipts ---- */

#define TON_INTERNATIONAL 1 /* SMPP 3.4, 5.2.5 */
#define TON_ALPHANUMERIC  5

static void copy_str(char *dst, size_t size, struct pdu_str s)
{
	size_t n = s.n < size ? s.n : size - 1;

	memcpy(dst, s.s, n);
	dst[n] = 0;
}

/* The digits of an address, as a number; 0 when it is none. */
static uint64_t number_of(struct pdu_str s)
{
	uint64_t v = 0;
	size_t i = s.n && s.s[0] == '+' ? 1 : 0;

	if (s.n - i > 18)
		return 0;
	for (; i < s.n; i++) {
		if (s.s[i] < '0' || s.s[i] > '9')
			return 0;
		v = v * 10 + (uint64_t)(s.s[i] - '0');
	}
	return v;
}

/* Type of network and code, as three digits for GSM (type 3) as everybody writes it; some put three digits there. */
static void network_error(const uint8_t *e, char *dst, size_t size)
{
	unsigned code = (unsigned)e[1] << 8 | e[2];

	if (e[0] >= '0' && e[0] <= '9' && e[1] >= '0' && e[1] <= '9' && e[2] >= '0' && e[2] <= '9')
		snprintf(dst, size, "%c%c%c", e[0], e[1], e[2]);
	else if (e[0] == NETWORK_GSM || e[0] == 0)
		snprintf(dst, size, "%03u", code);
	else
		snprintf(dst, size, "%u/%03u", e[0], code);
}

/* The octets of the text behind a user data header. */
static const uint8_t *text_of(const struct pdu_sm *sm, size_t *ret_n)
{
	size_t n_udh = 0;

	if ((sm->esm_class & ESM_UDH) && udh_check(sm->text, sm->n_text, &n_udh) < 0)
		n_udh = 0;
	*ret_n = sm->n_text - n_udh;
	return sm->text + n_udh;
}

/* In ASCII or in UTF-16 of either order. */
static bool begins_with_id(const uint8_t *t, size_t n)
{
	size_t step = n > 1 && (t[0] == 0 || t[1] == 0) ? 2 : 1;

	if (n < 3 * step)
		return false;
	t += step == 2 && t[0] == 0;
	return (t[0] | 0x20) == 'i' && (t[step] | 0x20) == 'd' && t[2 * step] == ':';
}

/* `r` is filled when the text was read.  A text of type 0 is anybody's, so it is believed only where the operator says
 * that the carrier sends receipts so; a handset cannot set the TLV. */
static bool is_receipt(const struct smpp *m, const struct pdu_sm *sm, struct receipt *r)
{
	unsigned type = sm->esm_class & ESM_TYPE;
	bool tlvs = sm->receipted_id.n > 0;
	const uint8_t *text;
	size_t n;

	memset(r, 0, sizeof(*r));
	if (type != 0 && !(type & ESM_RECEIPT) && type != ESM_INTERMEDIATE)
		return false;
	text = text_of(sm, &n);
	if (type == 0 && !tlvs && (!link_conf(m->link)->untyped_receipts || !begins_with_id(text, n)))
		return false;
	if (n)
		receipt_parse(text, n, r);
	return type != 0 || tlvs || (r->has_id && r->has_stat && r->stat_known);
}

/* The TLV wins, unless the text knows more: a state that ends it beside one that does not, or beside "unknown". */
static void take_state(const struct pdu_sm *sm, const struct receipt *text, struct link_receipt *r, char *raw, size_t n)
{
	enum receipt_state tlv =
		sm->message_state >= 0 ? receipt_state_from_tlv((uint8_t)sm->message_state) : RECEIPT_NONE;
	bool vague = tlv == RECEIPT_NONE || tlv == RECEIPT_ENROUTE || tlv == RECEIPT_ACCEPTED || tlv == RECEIPT_UNKNOWN;

	r->state = text->has_stat ? text->state : RECEIPT_NONE;
	r->stat_raw = text->stat_raw;
	if (tlv != RECEIPT_NONE && !(vague && text->has_stat && text->stat_known && receipt_is_final(text)))
		r->state = tlv;
	if (sm->message_state >= 0 && !text->has_stat)
		snprintf(raw, n, "%d", sm->message_state);
	else if (tlv != RECEIPT_NONE && tlv != text->state)
		snprintf(raw, n, "%.19s/%d", text->stat_raw, sm->message_state); /* they disagree: show both */
	else
		return;
	r->stat_raw = raw;
}

static bool is_zero(const char *err)
{
	return err[strspn(err, "0")] == '\0';
}

static void give_receipt(struct smpp *m, const struct pdu_sm *sm, const struct receipt *text, struct driver_token token)
{
	char id[RECEIPT_ID_SIZE], err[16], stat[24];
	struct link_receipt r = {
		.smsc_id = text->id,
		.from = number_of(sm->source),
		.other = number_of(sm->dest),
		.err = text->err,
		.quoted = text->text,
		.intermediate = (sm->esm_class & ESM_TYPE) == ESM_INTERMEDIATE,
	};

	if (sm->receipted_id.n) {
		receipt_id_take(id, (const char *)sm->receipted_id.s, sm->receipted_id.n);
		r.smsc_id = id;
		r.smsc_id_tlv = true;
		if (text->has_id && strcmp(text->id, id) != 0)
			r.smsc_id2 = text->id;
	}
	take_state(sm, text, &r, stat, sizeof(stat));
	if (sm->network_error) {
		network_error(sm->network_error, err, sizeof(err));
		if (is_zero(text->err) || !is_zero(err))
			r.err = err;
	}
	/* A word nobody knows, without an error code, settles nothing (codec/receipt.h). */
	if (r.state == RECEIPT_UNKNOWN && text->has_stat && sm->message_state < 0 && !receipt_is_final(text))
		r.intermediate = true;
	if (!r.smsc_id[0])
		log_warn("smpp_receipt_without_id", "link=%s stat=%s", m->conf.link, r.stat_raw);
	link_receipt(m->link, &r, token);
}

/* ---- messages ---- */

/* What TLVs say of parts and ports, as the header that says the same; 0: nothing. */
static size_t put_udh(uint8_t *dst, const struct pdu_sm *sm)
{
	uint16_t to = (uint16_t)sm->dest_port, from = sm->source_port < 0 ? 0 : (uint16_t)sm->source_port;
	size_t n = 1;

	if (sm->sar_total > 1) {
		memcpy(dst + n,
			(const uint8_t[]){ UDH_CONCAT16, 4, (uint8_t)(sm->sar_ref >> 8), (uint8_t)sm->sar_ref,
				sm->sar_total, sm->sar_seq },
			6);
		n += 6;
	}
	if (sm->dest_port >= 0) {
		memcpy(dst + n,
			(const uint8_t[]){ UDH_PORTS16, 4, (uint8_t)(to >> 8), (uint8_t)to, (uint8_t)(from >> 8),
				(uint8_t)from },
			6);
		n += 6;
	}
	dst[0] = (uint8_t)(n - 1);
	return n > 1 ? n : 0;
}

/* A name is shown in letters.  International numbers are shown as everywhere else in the API: with "+".  Others are not ours to interpret. */
static void copy_address(const struct smpp *m, char *dst, size_t cap, struct pdu_str s, uint8_t ton)
{
	size_t n;

	if (ton == TON_ALPHANUMERIC) {
		address_name(m->addresses.alphabet, s.s, s.n, dst, cap);
		return;
	}
	dst[0] = '+';
	copy_str(dst + 1, cap - 1, s);
	n = strlen(dst + 1);
	if (ton != TON_INTERNATIONAL || n == 0 || strspn(dst + 1, "0123456789") != n)
		memmove(dst, dst + 1, n + 1);
}

static void give_message(struct smpp *m, const struct pdu_sm *sm, struct driver_token token)
{
	char from[PDU_ADDRESS_MAX * 4], to[PDU_ADDRESS_MAX * 4];
	struct gsm7_shift shift = { 0, 0 };
	struct link_inbound in = {
		.from = from,
		.to = to,
		.text = m->utf8,
		.raw = sm->text,
		.n_raw = sm->n_text,
		.data_coding = sm->data_coding,
		.esm_class = sm->esm_class,
	};
	size_t n_udh = 0, n_made;

	copy_address(m, from, sizeof(from), sm->source, sm->source_ton);
	copy_address(m, to, sizeof(to), sm->dest, sm->dest_ton);
	if (sm->esm_class & ESM_UDH) {
		/* A broken header is shown with the text, as nobody knows where it ends. */
		if (udh_check(sm->text, sm->n_text, &n_udh) < 0)
			n_udh = 0;
		else
			udh_find_shift(sm->text, sm->n_text, &shift);
	} else if ((n_made = put_udh(m->raw, sm)) > 0) {
		memcpy(m->raw + n_made, sm->text, sm->n_text);
		in.raw = m->raw;
		in.n_raw = (uint32_t)n_made + sm->n_text;
		in.esm_class |= ESM_UDH;
	}
	in.n_text = (uint32_t)text_decode(&m->in, sm->data_coding, sm->text + n_udh, sm->n_text - n_udh, n_udh,
		shift, m->utf8, TEXT_UTF8_MAX(PDU_MAX));
	link_inbound(m->link, &in, token);
}

int smpp_deliver(struct smpp *m, const uint8_t *pdu, size_t n, struct driver_token token, uint32_t *ret_status)
{
	struct pdu_sm sm;
	struct receipt text;

	if (pdu_read_sm(pdu, n, &sm, ret_status) < 0) {
		m->counters.malformed++;
		log_warn("smpp_malformed", "link=%s octets=%zu answer=%s", m->conf.link, n, status_name(*ret_status));
		return -EBADMSG;
	}
	if (is_receipt(m, &sm, &text))
		give_receipt(m, &sm, &text, token);
	else
		give_message(m, &sm, token);
	return 0;
}
