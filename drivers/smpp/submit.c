/* SPDX-License-Identifier: Apache-2.0 */
/* submit.c -- a part of the core as a submit_sm.  This runs for every message: no allocation, no snprintf. */
#include <config.h>

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "codec/udh.h"
#include "smpp/smpp.h"
#include "smpp/text.h"

#define CONCAT8_LEN 5u   /* of an element 00: 3GPP TS 23.040, 9.2.3.24.1 */

#define ESM_UDH     0x40 /* 5.2.12 */

/* ---- times ---- */

static void two(char *dst, unsigned v)
{
	dst[0] = (char)('0' + v / 10);
	dst[1] = (char)('0' + v % 10);
}

/* SMPP 3.4, 7.1.1.2 */
static void relative(uint32_t s, char ret[static PDU_TIME_LEN + 1])
{
	unsigned days = s / 86400;

	two(ret, 0);
	two(ret + 2, days / 30); /* a month of a relative time has 30 days for most SMSCs */
	two(ret + 4, days % 30);
	two(ret + 6, s / 3600 % 24);
	two(ret + 8, s / 60 % 60);
	two(ret + 10, s % 60);
	memcpy(ret + 12, "000R", 5);
}

/* SMPP 3.4, 7.1.1.1, in UTC: zero quarters of an hour from it. */
static void absolute(int64_t unix_s, char ret[static PDU_TIME_LEN + 1])
{
	time_t t = (time_t)unix_s;
	struct tm tm;

	gmtime_r(&t, &tm);
	two(ret, (unsigned)tm.tm_year % 100);
	two(ret + 2, (unsigned)tm.tm_mon + 1);
	two(ret + 4, (unsigned)tm.tm_mday);
	two(ret + 6, (unsigned)tm.tm_hour);
	two(ret + 8, (unsigned)tm.tm_min);
	two(ret + 10, (unsigned)tm.tm_sec);
	memcpy(ret + 12, "000+", 5);
}

void smpp_validity(const struct smpp *m, uint32_t validity_s, int64_t now_ms, char ret[static PDU_TIME_LEN + 1])
{
	uint32_t s = validity_s < m->validity_max_s ? validity_s : m->validity_max_s;

	ret[0] = 0;
	if (!s)
		return;
	switch (m->validity) {
	case CONF_VALIDITY_RELATIVE:
		relative(s, ret);
		return;
	case CONF_VALIDITY_ABSOLUTE:
		absolute(now_ms / 1000 + s, ret);
		return;
	case CONF_VALIDITY_NONE:
		return;
	}
}

/* ---- settings ---- */

int smpp_settings(struct smpp *m, const struct conf_link *c)
{
	static const uint8_t receipts[] = { /* 5.2.17; success came with 5.0 */
		[CONF_DELIVERY_FINAL] = 0x01,
		[CONF_DELIVERY_FAILURE] = 0x02,
		[CONF_DELIVERY_SUCCESS] = 0x03,
	};
	int r;

	m->out.alphabet = c->alphabet;
	m->in.alphabet = c->alphabet;
	m->out.flash = c->flash;
	m->out.data_coding[ENC_GSM7] = (int)c->data_coding_gsm7;
	m->out.data_coding[ENC_UCS2] = (int)c->data_coding_ucs2;
	m->out.data_coding[ENC_BINARY] = (int)c->data_coding_binary;
	strncpy(m->service_type, c->service_type, PDU_SERVICE_TYPE_MAX);
	m->registered_delivery = receipts[c->registered_delivery];
	if (c->intermediate)
		m->registered_delivery |= 0x10;
	m->esm_mode = (uint8_t)c->message_mode; /* in the order of the bits: 5.2.12 */
	m->protocol_id = (uint8_t)c->protocol_id;
	m->priority[CLASS_OTP] = (uint8_t)c->priority_otp;
	m->priority[CLASS_SERVICE] = (uint8_t)c->priority_service;
	m->priority[CLASS_MARKETING] = (uint8_t)c->priority_marketing;
	m->replace_if_present = c->replace_if_present;
	m->user_message_reference = c->user_message_reference;
	m->validity = c->validity;
	m->validity_max_s = (uint32_t)(c->validity_max_ms / 1000);
	r = addresses_init(&m->addresses, c);
	return r < 0 ? r : tlvs_init(&m->tlvs, c);
}

void smpp_settings_done(struct smpp *m)
{
	addresses_done(&m->addresses);
	tlvs_done(&m->tlvs);
}

/* ---- texts ---- */

/* The core leaves the wire empty where the SMSC is to cut the text.  It goes by the plan of the message, which may be
 * older than the link's settings. */
static bool is_whole(const struct part *p)
{
	return p->n_text && !p->wire.n_text && !p->wire.n_udh;
}

/* Binary texts are kept as the octet count of their header, header, data (message.h). */
static int whole_binary(struct smpp *m, const struct part *p, struct pdu_submit *s, size_t *ret_n, bool *ret_one)
{
	uint8_t n_udh = (uint8_t)p->text[0];

	if (n_udh >= p->n_text || p->n_text - 1 > sizeof(m->payload))
		return -EMSGSIZE;
	memcpy(m->payload, p->text + 1, p->n_text - 1);
	*ret_n = p->n_text - 1;
	*ret_one = *ret_n <= SEGMENT_MAX_OCTETS;
	s->esm_class = n_udh ? ESM_UDH : 0;
	s->data_coding = text_binary_coding(&m->out, p->flash);
	return 0;
}

/* A text in one piece: as short_message where it fits one part, which every SMSC takes, else as message_payload. */
static int put_whole(struct smpp *m, const struct part *p, struct pdu_submit *s)
{
	bool one;
	size_t n;
	int r;

	if (p->encoding == ENC_BINARY)
		r = whole_binary(m, p, s, &n, &one);
	else
		r = text_payload(&m->out, p->encoding, p->flash, p->text, p->n_text, m->payload, sizeof(m->payload),
			&n, &one, &s->data_coding);
	if (r < 0)
		return r;
	if (one) {
		s->text = m->payload;
		s->n_text = (uint8_t)n;
	} else {
		s->payload = m->payload;
		s->n_payload = (uint16_t)n;
	}
	return 0;
}

/* One of several parts that has no concatenation element: the plan leaves it to the sar_ TLVs.  These and a header must
 * not stand together, so a header that the client gave takes the element; the plan left room for it (segment.h). */
static int hold_together(const struct part *p, struct pdu_submit *s, uint8_t udh[static SEGMENT_MAX_OCTETS])
{
	struct udh_concat c;

	if (!s->n_udh) {
		s->sar_ref = p->ref;
		s->sar_total = p->n_parts;
		s->sar_seq = p->part;
		return 0;
	}
	if (udh_find_concat(s->udh, s->n_udh, &c) > 0)
		return 0;
	if (s->n_udh + CONCAT8_LEN + s->n_text > (int)SEGMENT_MAX_OCTETS)
		return -EMSGSIZE;
	memcpy(udh, s->udh, s->n_udh);
	memcpy(udh + s->n_udh, (const uint8_t[]){ UDH_CONCAT8, 3, (uint8_t)p->ref, p->n_parts, p->part }, CONCAT8_LEN);
	s->udh = udh;
	s->n_udh += CONCAT8_LEN;
	udh[0] = s->n_udh - 1;
	return 0;
}

static int put_part(struct smpp *m, const struct part *p, struct pdu_submit *s, uint8_t buf[static TEXT_PART_MAX],
	uint8_t udh[static SEGMENT_MAX_OCTETS])
{
	int r = text_part(&m->out, p->encoding, p->flash, &p->wire, buf, &s->text, &s->n_text, &s->data_coding);

	s->udh = p->wire.udh;
	s->n_udh = p->wire.n_udh;
	if (r == 0 && p->n_parts > 1)
		r = hold_together(p, s, udh);
	s->esm_class = s->n_udh ? ESM_UDH : 0;
	return r;
}

/* The same whenever a part is sent again, so that both can be told to be one; neighbours differ. */
static uint16_t number_of(uint64_t key)
{
	return (uint16_t)(msg_key_id(key) + msg_key_part(key));
}

int smpp_encode(struct smpp *m, const struct part *p, uint32_t seq)
{
	const struct address *source = address_source(&m->addresses, p->from, p->to);
	struct address dest;
	char validity[PDU_TIME_LEN + 1];
	char name[PDU_ADDRESS_MAX + 1];
	uint8_t buf[TEXT_PART_MAX], udh[SEGMENT_MAX_OCTETS];
	struct pdu_submit s = {
		.seq = seq,
		.service_type = m->service_type,
		.source = address_octets(&m->addresses, source, name),
		.source_ton = source->ton,
		.source_npi = source->npi,
		.protocol_id = m->protocol_id,
		.priority = m->priority[p->class],
		.registered_delivery = p->want_receipt ? m->registered_delivery : 0,
		/* Parts have one sender and recipient: each would replace the one before. */
		.replace_if_present = m->replace_if_present && p->n_parts == 1,
		.validity = validity,
		.numbered = m->user_message_reference,
		.number = number_of(p->key),
		.to_display = p->flash && m->out.flash == CONF_FLASH_SUBUNIT,
	};
	size_t n;

	address_dest(&m->addresses, p->to, &dest);
	s.dest = dest.text;
	s.dest_ton = dest.ton;
	s.dest_npi = dest.npi;
	smpp_validity(m, p->validity_s, m->validity == CONF_VALIDITY_ABSOLUTE ? clock_ms() : 0, validity);
	if ((is_whole(p) ? put_whole(m, p, &s) : put_part(m, p, &s, buf, udh)) < 0)
		return -EMSGSIZE;
	s.esm_class |= m->esm_mode;
	s.tlvs = tlvs_for(&m->tlvs, p->tlvs, p->n_tlvs, &s.n_tlvs);
	n = pdu_put_submit_sm(m->pdu, sizeof(m->pdu), &s);
	return n ? (int)n : -EMSGSIZE;
}
