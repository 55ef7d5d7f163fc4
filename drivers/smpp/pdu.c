/* SPDX-License-Identifier: Apache-2.0 */
/* pdu.c -- see pdu.h.  The only file that includes libsmpp34. */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The headers of libsmpp34 want these. */
#include <arpa/inet.h>
#include <libsmpp34/smpp34.h>
#include <libsmpp34/smpp34_structs.h>

#include "smpp/pdu.h"
#include "smpp/status.h"

/* ---- framing ---- */

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

int32_t pdu_frame(const uint8_t *data, size_t n)
{
	uint32_t length;

	if (n < 4)
		return 0;
	length = get32(data);
	if (length < PDU_HEADER || length > PDU_MAX)
		return -EBADMSG;
	return n < length ? 0 : (int32_t)length;
}

void pdu_header_read(const uint8_t *pdu, struct pdu_header *ret)
{
	ret->length = get32(pdu);
	ret->id = get32(pdu + 4);
	ret->status = get32(pdu + 8);
	ret->seq = get32(pdu + 12);
}

/* ---- reader ---- */

struct reader {
	const uint8_t *at, *end;
	uint32_t status; /* of the first field that could not be read; 0: none */
};

static void blame(struct reader *r, uint32_t status)
{
	if (!r->status)
		r->status = status;
	r->at = r->end;
}

static uint8_t read_octet(struct reader *r)
{
	if (r->at == r->end) {
		blame(r, ESME_BAD_CMD_LEN);
		return 0;
	}
	return *r->at++;
}

/* A C-octet string of any length: the limits of the standard are passed over daily (names of services, long
 * numbers), and the PDU itself is the bound. */
static struct pdu_str read_str(struct reader *r, uint32_t status)
{
	size_t left = (size_t)(r->end - r->at);
	const uint8_t *nul = left ? memchr(r->at, 0, left) : NULL;
	struct pdu_str s = { (const char *)r->at, 0 };

	if (!nul) {
		blame(r, left ? status : ESME_BAD_CMD_LEN);
		return s;
	}
	s.n = (size_t)(nul - r->at);
	r->at = nul + 1;
	return s;
}

static struct pdu_str tlv_str(const uint8_t *value, uint16_t n)
{
	/* Many leave out the NUL; some pad with several. */
	return (struct pdu_str){ (const char *)value, strnlen((const char *)value, n) };
}

static void read_tlv(struct pdu_sm *sm, uint16_t tag, const uint8_t *value, uint16_t n, bool *has_payload)
{
	switch (tag) {
	case TLVID_message_payload:
		/* An empty one beside a short_message says nothing. */
		if (*has_payload || (!n && sm->n_text))
			return;
		*has_payload = true;
		sm->text = value;
		sm->n_text = n;
		return;
	case TLVID_receipted_message_id:
		if (!sm->receipted_id.n)
			sm->receipted_id = tlv_str(value, n);
		return;
	case TLVID_additional_status_info_text:
		if (!sm->additional_text.n)
			sm->additional_text = tlv_str(value, n);
		return;
	case TLVID_message_state:
		if (n == 1 && sm->message_state < 0)
			sm->message_state = value[0];
		return;
	case TLVID_network_error_code:
		if (n == 3 && !sm->network_error)
			sm->network_error = value;
		return;
	case TLVID_source_port:
		if (n == 2 && sm->source_port < 0)
			sm->source_port = get16(value);
		return;
	case TLVID_destination_port:
		if (n == 2 && sm->dest_port < 0)
			sm->dest_port = get16(value);
		return;
	case TLVID_user_message_reference:
		if (n == 2 && sm->number < 0)
			sm->number = get16(value);
		return;
	case TLVID_sar_msg_ref_num:
		if (n == 2)
			sm->sar_ref = get16(value);
		return;
	case TLVID_sar_total_segments:
		if (n == 1)
			sm->sar_total = value[0];
		return;
	case TLVID_sar_segment_seqnum:
		if (n == 1)
			sm->sar_seq = value[0];
		return;
	default:
		return;
	}
}

static void read_tlvs(struct reader *r, struct pdu_sm *sm)
{
	bool has_payload = false;

	while (r->end - r->at >= 4) {
		uint16_t tag = get16(r->at), n = get16(r->at + 2);

		r->at += 4;
		if (n > r->end - r->at)
			break;
		read_tlv(sm, tag, r->at, n, &has_payload);
		r->at += n;
	}
	if (!sm->sar_seq || sm->sar_seq > sm->sar_total)
		sm->sar_total = 0;
}

/* SMPP 3.4, 4.6.1: what deliver_sm has between registered_delivery and the TLVs, after the addresses. */
static void read_deliver_rest(struct reader *r, struct pdu_sm *sm)
{
	uint8_t n;

	sm->esm_class = read_octet(r);
	sm->protocol_id = read_octet(r);
	read_octet(r); /* priority_flag */
	/* Both should be empty in a deliver_sm, and are not always. */
	read_str(r, ESME_BAD_SCHEDULE);
	read_str(r, ESME_BAD_EXPIRY);
	sm->registered_delivery = read_octet(r);
	read_octet(r); /* replace_if_present_flag */
	sm->data_coding = read_octet(r);
	read_octet(r); /* sm_default_msg_id */
	n = read_octet(r);
	if (n > r->end - r->at) {
		blame(r, ESME_BAD_MSG_LEN);
		return;
	}
	sm->text = r->at;
	sm->n_text = n;
	r->at += n;
}

int pdu_read_sm(const uint8_t *pdu, size_t n, struct pdu_sm *ret, uint32_t *ret_status)
{
	struct reader r = { pdu + PDU_HEADER, pdu + n, 0 };

	memset(ret, 0, sizeof(*ret));
	ret->message_state = ret->source_port = ret->dest_port = ret->number = -1;
	ret->service_type = read_str(&r, ESME_BAD_SERVICE);
	ret->source_ton = read_octet(&r);
	ret->source_npi = read_octet(&r);
	ret->source = read_str(&r, ESME_BAD_SOURCE);
	ret->dest_ton = read_octet(&r);
	ret->dest_npi = read_octet(&r);
	ret->dest = read_str(&r, ESME_BAD_DEST);
	if (get32(pdu + 4) == PDU_DATA_SM) {
		ret->esm_class = read_octet(&r);
		ret->registered_delivery = read_octet(&r);
		ret->data_coding = read_octet(&r);
		ret->text = r.at;
	} else {
		read_deliver_rest(&r, ret);
	}
	if (r.status) {
		*ret_status = r.status;
		return -EBADMSG;
	}
	read_tlvs(&r, ret);
	return 0;
}

struct pdu_str pdu_read_id(const uint8_t *pdu, size_t n)
{
	const char *s = (const char *)pdu + PDU_HEADER;

	return (struct pdu_str){ s, strnlen(s, n - PDU_HEADER) };
}

int pdu_read_query_resp(const uint8_t *pdu, size_t n, struct pdu_query_resp *ret)
{
	struct reader r = { pdu + PDU_HEADER, pdu + n, 0 };

	ret->message_id = read_str(&r, ESME_BAD_CMD_LEN);
	ret->final_date = read_str(&r, ESME_BAD_CMD_LEN);
	ret->message_state = read_octet(&r);
	ret->error_code = r.at < r.end ? *r.at : -1;
	return r.status ? -EBADMSG : 0;
}

int pdu_read_outbind(const uint8_t *pdu, size_t n, struct pdu_str *ret_system_id, struct pdu_str *ret_password)
{
	struct reader r = { pdu + PDU_HEADER, pdu + n, 0 };

	*ret_system_id = read_str(&r, ESME_BAD_SYSTEM_ID);
	*ret_password = read_str(&r, ESME_BAD_PASSWORD);
	return r.status ? -EBADMSG : 0;
}

/* Whether [at, end) is TLVs and nothing else; *ret is the octet of the first of `tag`. */
static bool find_octet(const uint8_t *at, const uint8_t *end, uint16_t tag, int *ret)
{
	*ret = -1;
	while (end - at >= 4) {
		uint16_t n = get16(at + 2);

		if (n > end - at - 4)
			return false;
		if (get16(at) == tag && n == 1 && *ret < 0)
			*ret = at[4];
		at += 4 + n;
	}
	return at == end;
}

static bool resp_has_body(uint32_t id)
{
	return id != PDU_GENERIC_NACK && id != (PDU_RESP | PDU_ENQUIRE_LINK) && id != (PDU_RESP | PDU_UNBIND);
}

int pdu_read_resp_octet(const uint8_t *pdu, size_t n, uint16_t tag)
{
	const uint8_t *end = pdu + n, *at = pdu + PDU_HEADER;
	uint32_t id = get32(pdu + 4);
	int octet;

	if (resp_has_body(id)) {
		size_t len = strnlen((const char *)at, n - PDU_HEADER);

		at += len < n - PDU_HEADER ? len + 1 : len;
	}
	if (find_octet(at, end, tag, &octet) && octet >= 0)
		return octet;
	if (at != pdu + PDU_HEADER && get32(pdu + 8) && find_octet(pdu + PDU_HEADER, end, tag, &octet))
		return octet;
	return -1;
}

/* ---- writer ---- */

static uint8_t *put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

static uint8_t *put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)(v >> 16));
	put16(p + 2, (uint16_t)v);
	return p + 4;
}

static uint8_t *put_mem(uint8_t *p, const void *data, size_t n)
{
	if (n)
		memcpy(p, data, n);
	return p + n;
}

/* `n` is without the NUL. */
static uint8_t *put_str(uint8_t *p, const char *s, size_t n)
{
	p = put_mem(p, s, n);
	*p = 0;
	return p + 1;
}

static uint8_t *put_sar(uint8_t *p, const struct pdu_submit *s)
{
	p = put16(p, TLVID_sar_msg_ref_num);
	p = put16(p, 2);
	p = put16(p, s->sar_ref);
	p = put16(p, TLVID_sar_total_segments);
	p = put16(p, 1);
	*p++ = s->sar_total;
	p = put16(p, TLVID_sar_segment_seqnum);
	p = put16(p, 1);
	*p++ = s->sar_seq;
	return p;
}

size_t pdu_put_header(uint8_t dst[static PDU_HEADER], uint32_t id, uint32_t status, uint32_t seq)
{
	put32(dst, PDU_HEADER);
	put32(dst + 4, id);
	put32(dst + 8, status);
	put32(dst + 12, seq);
	return PDU_HEADER;
}

size_t pdu_put_sm_resp(uint8_t dst[static PDU_SM_RESP_LEN], uint32_t id, uint32_t status, uint32_t seq)
{
	pdu_put_header(dst, id, status, seq);
	put32(dst, PDU_SM_RESP_LEN);
	dst[PDU_HEADER] = 0;
	return PDU_SM_RESP_LEN;
}

size_t pdu_put_query_sm(uint8_t dst[static PDU_QUERY_MAX], const struct pdu_query *q)
{
	size_t n_id = strlen(q->message_id), n_source = strlen(q->source);
	uint8_t *p = dst + PDU_HEADER;

	if (n_id > PDU_ID_MAX || n_source > PDU_ADDRESS_MAX)
		return 0;
	p = put_str(p, q->message_id, n_id);
	*p++ = q->source_ton;
	*p++ = q->source_npi;
	p = put_str(p, q->source, n_source);
	pdu_put_header(dst, PDU_QUERY_SM, 0, q->seq);
	put32(dst, (uint32_t)(p - dst));
	return (size_t)(p - dst);
}

size_t pdu_put_submit_sm(uint8_t *dst, size_t cap, const struct pdu_submit *s)
{
	size_t n_service = strlen(s->service_type), n_source = strlen(s->source), n_dest = strlen(s->dest);
	size_t n_validity = strlen(s->validity), n_schedule = s->schedule ? strlen(s->schedule) : 0;
	uint8_t *p = dst + PDU_HEADER;

	if (n_service > PDU_SERVICE_TYPE_MAX || n_source > PDU_ADDRESS_MAX || n_dest > PDU_ADDRESS_MAX ||
		(n_validity && n_validity != PDU_TIME_LEN) || (n_schedule && n_schedule != PDU_TIME_LEN) ||
		s->n_udh + s->n_text > (int)PDU_SHORT_MAX ||
		cap < PDU_SUBMIT_MAX((s->payload ? s->n_payload : 0u) + s->n_tlvs))
		return 0;
	p = put_str(p, s->service_type, n_service);
	*p++ = s->source_ton;
	*p++ = s->source_npi;
	p = put_str(p, s->source, n_source);
	*p++ = s->dest_ton;
	*p++ = s->dest_npi;
	p = put_str(p, s->dest, n_dest);
	*p++ = s->esm_class;
	*p++ = s->protocol_id;
	*p++ = s->priority;
	p = put_str(p, s->schedule, n_schedule);
	p = put_str(p, s->validity, n_validity);
	*p++ = s->registered_delivery;
	*p++ = s->replace_if_present;
	*p++ = s->data_coding;
	*p++ = 0; /* sm_default_msg_id */
	*p++ = s->payload ? 0 : (uint8_t)(s->n_udh + s->n_text);
	if (!s->payload) {
		p = put_mem(p, s->udh, s->n_udh);
		p = put_mem(p, s->text, s->n_text);
	}
	if (s->numbered) {
		p = put16(p, TLVID_user_message_reference);
		p = put16(p, 2);
		p = put16(p, s->number);
	}
	if (s->to_display) {
		p = put16(p, TLVID_dest_addr_subunit);
		p = put16(p, 1);
		*p++ = 0x01; /* SMPP 3.4, 5.3.2.1: MS display */
	}
	if (s->sar_total)
		p = put_sar(p, s);
	if (s->payload) {
		p = put16(p, TLVID_message_payload);
		p = put16(p, s->n_payload);
		p = put_mem(p, s->payload, s->n_payload);
	}
	p = put_mem(p, s->tlvs, s->n_tlvs);
	pdu_put_header(dst, PDU_SUBMIT_SM, 0, s->seq);
	put32(dst, (uint32_t)(p - dst));
	return (size_t)(p - dst);
}

/* ---- libsmpp34 ---- */

/* Copy a string into a field of `size` octets with its NUL. */
static bool fill(uint8_t *field, size_t size, const char *s)
{
	size_t n = strlen(s);

	if (n >= size)
		return false;
	memcpy(field, s, n + 1);
	return true;
}

int pdu_put_bind(uint8_t dst[static PDU_BIND_MAX], const struct pdu_bind *b)
{
	bind_transceiver_t t; /* the three binds have one layout */
	int n = 0;

	memset(&t, 0, sizeof(t));
	t.command_id = b->id;
	t.sequence_number = b->seq;
	t.interface_version = SMPP_VERSION; /* it packs no other */
	if (!fill(t.system_id, sizeof(t.system_id), b->system_id) ||
		!fill(t.password, sizeof(t.password), b->password) ||
		!fill(t.system_type, sizeof(t.system_type), b->system_type) ||
		!fill(t.address_range, sizeof(t.address_range), b->address_range))
		return -EINVAL;
	if (smpp34_pack2(dst, PDU_BIND_MAX, &n, &t) != 0)
		return -EINVAL;
	/* Behind it are addr_ton, addr_npi and address_range with its NUL. */
	dst[(size_t)n - strlen(b->address_range) - 4] = b->interface_version;
	return n;
}

int pdu_put_unbind(uint8_t dst[static PDU_HEADER], uint32_t id, uint32_t seq)
{
	uint8_t buf[PDU_HEADER + 1]; /* it wants one octet more than it writes */
	unbind_t t;
	int n = 0;

	memset(&t, 0, sizeof(t));
	t.command_id = id;
	t.sequence_number = seq;
	if (smpp34_pack2(buf, sizeof(buf), &n, &t) != 0 || n != (int)PDU_HEADER)
		return -EINVAL;
	memcpy(dst, buf, PDU_HEADER);
	return n;
}

/* Octets of the mandatory part of a PDU that has `n_before` fixed octets and a C-octet string `n_str` times over;
 * 0 when it is not whole.  The string may have `size` octets with its NUL: what is longer, libsmpp34 would cut. */
static size_t mandatory(const uint8_t *pdu, size_t n, unsigned n_before, unsigned n_str, const uint8_t *sizes)
{
	size_t at = PDU_HEADER;

	for (unsigned i = 0; i < n_str; i++) {
		size_t left, len;

		if (n - at < n_before)
			return 0;
		at += n_before;
		left = n - at < sizes[i] ? n - at : sizes[i];
		len = strnlen((const char *)pdu + at, left);
		if (len == left)
			return 0;
		at += len + 1;
	}
	return at;
}

/* The gate: only the mandatory part, only with its length, only into a zeroed struct. */
static int unpack(const uint8_t *pdu, size_t n_mandatory, void *ret, size_t n_ret)
{
	uint8_t copy[256];

	if (!n_mandatory || n_mandatory > sizeof(copy))
		return -EBADMSG;
	memcpy(copy, pdu, n_mandatory);
	put32(copy, (uint32_t)n_mandatory);
	memset(ret, 0, n_ret);
	return smpp34_unpack2(ret, copy, (int)n_mandatory) == 0 ? 0 : -EBADMSG;
}

int pdu_describe(const uint8_t *pdu, size_t n, char *text, size_t n_text)
{
	union {
		outbind_t outbind;
		alert_notification_t alert;
	} u;
	uint32_t id = get32(pdu + 4);
	int r;

	if (id == PDU_OUTBIND) {
		static const uint8_t sizes[] = { 16, 9 }; /* system_id, password: SMPP 3.4, 4.1.7.1 */

		r = unpack(pdu, mandatory(pdu, n, 0, 2, sizes), &u, sizeof(u));
		if (r == 0)
			snprintf(text, n_text, "system_id=%s", (const char *)u.outbind.system_id);
		return r;
	}
	if (id == PDU_ALERT_NOTIFICATION) {
		static const uint8_t sizes[] = { 65, 65 }; /* source_addr, esme_addr: 4.12.1 */

		r = unpack(pdu, mandatory(pdu, n, 2, 2, sizes), &u, sizeof(u));
		if (r == 0)
			snprintf(text, n_text, "source_addr=%s esme_addr=%s",
				(const char *)u.alert.source_addr, (const char *)u.alert.esme_addr);
		return r;
	}
	return -ENOTSUP;
}
