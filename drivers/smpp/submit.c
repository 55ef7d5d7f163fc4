/* SPDX-License-Identifier: Apache-2.0 */
/* submit.c -- a part of the core as a submit_sm.  This runs for every message: no allocation, no snprintf. */
#include <config.h>

#include <errno.h>
#include <string.h>

#include "codec/msisdn.h"
#include "smpp/smpp.h"
#include "smpp/text.h"

/* SMPP 3.4, 5.2.5 and 5.2.6 */
#define TON_UNKNOWN       0
#define TON_INTERNATIONAL 1
#define TON_NETWORK       3
#define TON_ALPHANUMERIC  5
#define NPI_UNKNOWN       0
#define NPI_ISDN          1

#define ESM_UDH           0x40 /* 5.2.12 */
#define RECEIPT_FINAL     0x01 /* 5.2.17 */

/* Carriers take less than the format can say; 63 days is what a TP-VP can (3GPP TS 23.040, 9.2.3.12.1). */
#define VALIDITY_MAX_S (63u * 86400u)

/* Decimal digits and a NUL; returns their number.  `dst` has room for 21. */
static unsigned digits(uint64_t v, char *dst)
{
	char tmp[20];
	unsigned n = 0, i = 0;

	do
		tmp[n++] = (char)('0' + v % 10);
	while (v /= 10);
	while (n)
		dst[i++] = tmp[--n];
	dst[i] = 0;
	return i;
}

static void two(char *dst, unsigned v)
{
	dst[0] = (char)('0' + v / 10);
	dst[1] = (char)('0' + v % 10);
}

void smpp_validity(uint32_t validity_s, char ret[static PDU_TIME_LEN + 1])
{
	unsigned s = validity_s < VALIDITY_MAX_S ? validity_s : VALIDITY_MAX_S;
	unsigned days = s / 86400;

	ret[0] = 0;
	if (!s)
		return;
	two(ret, 0);
	two(ret + 2, days / 30); /* a month of a relative time has 30 days for most SMSCs */
	two(ret + 4, days % 30);
	two(ret + 6, s / 3600 % 24);
	two(ret + 8, s / 60 % 60);
	two(ret + 10, s % 60);
	memcpy(ret + 12, "000R", 5);
}

static void copy_address(char *dst, const char *src)
{
	size_t n = strnlen(src, PDU_ADDRESS_MAX);

	memcpy(dst, src, n);
	dst[n] = 0;
}

void smpp_sender(struct smpp *m, const char *from)
{
	uint64_t number;
	const char *why;

	if (m->from_known && strcmp(m->from, from) == 0)
		return;
	copy_address(m->from, from);
	m->from_known = strlen(from) <= PDU_ADDRESS_MAX;
	copy_address(m->source, from);
	m->ton = TON_UNKNOWN;
	m->npi = NPI_UNKNOWN;
	switch (*from ? sender_classify(from, strlen(from), &number, &why) : SENDER_INVALID) {
	case SENDER_NUMBER:
		digits(number, m->source);
		m->ton = TON_INTERNATIONAL;
		m->npi = NPI_ISDN;
		break;
	case SENDER_SHORT:
		m->ton = TON_NETWORK;
		break;
	case SENDER_ALPHANUMERIC:
		m->ton = TON_ALPHANUMERIC;
		break;
	case SENDER_INVALID:
		/* Checked at the door; what comes here all the same goes as it is, for the SMSC to judge. */
		break;
	}
	if (m->source_ton >= 0)
		m->ton = (uint8_t)m->source_ton;
	if (m->source_npi >= 0)
		m->npi = (uint8_t)m->source_npi;
}

/* The core leaves the wire empty where the SMSC is to cut the text. */
static bool is_whole(const struct smpp *m, const struct part *p)
{
	return m->concat == CONF_CONCAT_PAYLOAD && p->n_text && !p->wire.n_text && !p->wire.n_udh;
}

/* Binary texts are kept as the octet count of their header, header, data (message.h). */
static int whole_binary(struct smpp *m, const struct part *p, struct pdu_submit *s, size_t *ret_n)
{
	uint8_t n_udh = (uint8_t)p->text[0];

	if (n_udh >= p->n_text || p->n_text - 1 > sizeof(m->payload))
		return -EMSGSIZE;
	memcpy(m->payload, p->text + 1, p->n_text - 1);
	*ret_n = p->n_text - 1;
	s->esm_class = n_udh ? ESM_UDH : 0;
	s->data_coding = p->flash ? 0x14 : 0x04;
	return 0;
}

/* A text in one piece: as short_message where it fits one part, which every SMSC takes, else as message_payload. */
static int put_whole(struct smpp *m, const struct part *p, struct pdu_submit *s)
{
	bool octet_each = p->encoding == ENC_GSM7 && m->alphabet != CONF_ALPHABET_GSM7_PACKED;
	size_t n;
	int r;

	if (p->encoding == ENC_BINARY)
		r = whole_binary(m, p, s, &n);
	else
		r = text_payload(m->alphabet, p->encoding, p->flash, p->text, p->n_text, m->payload,
			sizeof(m->payload), &n, &s->data_coding);
	if (r < 0)
		return -EMSGSIZE;
	if (n <= (octet_each ? TEXT_PART_MAX : SEGMENT_MAX_OCTETS)) {
		s->text = m->payload;
		s->n_text = (uint8_t)n;
	} else {
		s->payload = m->payload;
		s->n_payload = (uint16_t)n;
	}
	return 0;
}

int smpp_encode(struct smpp *m, const struct part *p, uint32_t seq)
{
	char dest[21], validity[PDU_TIME_LEN + 1];
	uint8_t buf[TEXT_PART_MAX];
	struct pdu_submit s = {
		.seq = seq,
		.service_type = m->service_type,
		.dest_ton = m->dest_ton < 0 ? TON_INTERNATIONAL : (uint8_t)m->dest_ton,
		.dest_npi = m->dest_npi < 0 ? NPI_ISDN : (uint8_t)m->dest_npi,
		.dest = dest,
		.registered_delivery = p->want_receipt ? RECEIPT_FINAL : 0,
		.validity = validity,
	};
	size_t n;
	int r;

	smpp_sender(m, p->from);
	s.source = m->source;
	s.source_ton = m->ton;
	s.source_npi = m->npi;
	digits(p->to, dest);
	smpp_validity(p->validity_s, validity);
	if (is_whole(m, p)) {
		r = put_whole(m, p, &s);
		if (r < 0)
			return r;
	} else {
		text_part(m->alphabet, p->encoding, p->flash, &p->wire, buf, &s.text, &s.n_text, &s.data_coding);
		s.udh = p->wire.udh;
		s.n_udh = p->wire.n_udh;
		s.esm_class = s.n_udh ? ESM_UDH : 0;
	}
	/* Never a header and sar_ TLVs together. */
	if (m->concat == CONF_CONCAT_SAR && p->n_parts > 1 && !s.n_udh) {
		s.sar_ref = p->ref;
		s.sar_total = p->n_parts;
		s.sar_seq = p->part;
	}
	n = pdu_put_submit_sm(m->pdu, sizeof(m->pdu), &s);
	return n ? (int)n : -EMSGSIZE;
}
