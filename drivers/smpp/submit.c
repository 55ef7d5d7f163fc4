/* SPDX-License-Identifier: Apache-2.0 */
/* submit.c -- a part of the core as a submit_sm.  This runs for every message: no allocation, no snprintf. */
#include <config.h>

#include <errno.h>
#include <string.h>

#include "codec/msisdn.h"
#include "codec/udh.h"
#include "smpp/smpp.h"
#include "smpp/text.h"

/* SMPP 3.4, 5.2.5 and 5.2.6 */
#define TON_UNKNOWN       0
#define TON_INTERNATIONAL 1
#define TON_NETWORK       3
#define TON_ALPHANUMERIC  5
#define NPI_UNKNOWN       0
#define NPI_ISDN          1

#define CONCAT8_LEN       5u   /* of an element 00: 3GPP TS 23.040, 9.2.3.24.1 */

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

int smpp_encode(struct smpp *m, const struct part *p, uint32_t seq)
{
	char dest[21], validity[PDU_TIME_LEN + 1];
	uint8_t buf[TEXT_PART_MAX], udh[SEGMENT_MAX_OCTETS];
	struct pdu_submit s = {
		.seq = seq,
		.service_type = m->service_type,
		.dest_ton = m->dest_ton < 0 ? TON_INTERNATIONAL : (uint8_t)m->dest_ton,
		.dest_npi = m->dest_npi < 0 ? NPI_ISDN : (uint8_t)m->dest_npi,
		.dest = dest,
		.registered_delivery = p->want_receipt ? RECEIPT_FINAL : 0,
		.validity = validity,
		.to_display = p->flash && m->out.flash == CONF_FLASH_SUBUNIT,
	};
	size_t n;

	smpp_sender(m, p->from);
	s.source = m->source;
	s.source_ton = m->ton;
	s.source_npi = m->npi;
	digits(p->to, dest);
	smpp_validity(p->validity_s, validity);
	if ((is_whole(p) ? put_whole(m, p, &s) : put_part(m, p, &s, buf, udh)) < 0)
		return -EMSGSIZE;
	n = pdu_put_submit_sm(m->pdu, sizeof(m->pdu), &s);
	return n ? (int)n : -EMSGSIZE;
}
