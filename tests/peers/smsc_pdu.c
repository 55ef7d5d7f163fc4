/* SPDX-License-Identifier: Apache-2.0 */
/* smsc_pdu.c -- strict reading and plain writing of SMPP 3.4 PDUs; smsc_pdu.h says why it stands alone.
 *
 * The reader keeps the first fault and from then on returns nothing, so that the field lists below read like
 * the tables of the standard, without a test after each field.
 */
#include "smsc_pdu.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

struct reader {
	const uint8_t *p, *end;
	struct smsc_fault *fault;
	bool bad;
};

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void smsc_pdu_header(const uint8_t *p, struct smsc_header *ret)
{
	ret->length = be32(p);
	ret->command = be32(p + 4);
	ret->status = be32(p + 8);
	ret->sequence = be32(p + 12);
}

static void fail(struct reader *r, const char *why, uint32_t status)
{
	if (r->bad)
		return;
	r->bad = true;
	r->fault->why = why;
	r->fault->status = status;
}

static void require(struct reader *r, bool ok, const char *why, uint32_t status)
{
	if (!ok)
		fail(r, why, status);
}

static uint8_t get_u8(struct reader *r, const char *why)
{
	if (r->bad || r->p == r->end) {
		fail(r, why, ESME_RINVCMDLEN);
		return 0;
	}
	return *r->p++;
}

/* `max` counts the NUL, as the standard does. */
static struct smsc_str get_cstr(struct reader *r, size_t max, const char *why, uint32_t status)
{
	size_t left = (size_t)(r->end - r->p);
	const uint8_t *nul;
	struct smsc_str s = {"", 0};

	if (r->bad)
		return s;
	nul = memchr(r->p, 0, left < max ? left : max);
	if (!nul) {
		fail(r, why, left < max ? ESME_RINVCMDLEN : status);
		return s;
	}
	s.s = (const char *)r->p;
	s.n = (size_t)(nul - r->p);
	r->p = nul + 1;
	return s;
}

static bool all_digits(struct smsc_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.s[i] < '0' || s.s[i] > '9')
			return false;
	return true;
}

/* SMPP 3.4, 5.2.6: all other values are reserved. */
static bool known_npi(uint8_t npi)
{
	static const uint8_t known[] = {0, 1, 3, 4, 6, 8, 9, 10, 14, 18};

	return memchr(known, npi, sizeof(known));
}

static void check_digits(struct reader *r, const struct smsc_addr *a, const char *why, uint32_t status)
{
	/* An international number has no plus sign and at most 15 digits (E.164); only alphanumeric
	 * addresses (TON 5) carry letters, and no more than 11 of them fit a TPDU. */
	if (a->ton == 5)
		require(r, a->digits.n <= 11, why, status);
	else if (a->ton == 1)
		require(r, all_digits(a->digits) && a->digits.n <= 15, why, status);
}

static struct smsc_addr get_source(struct reader *r, size_t max)
{
	struct smsc_addr a;

	a.ton = get_u8(r, "cut in source_addr_ton");
	a.npi = get_u8(r, "cut in source_addr_npi");
	a.digits = get_cstr(r, max, "source_addr too long or without NUL", ESME_RINVSRCADR);
	require(r, a.ton <= 6, "source_addr_ton is reserved", ESME_RINVSRCTON);
	require(r, known_npi(a.npi), "source_addr_npi is reserved", ESME_RINVSRCNPI);
	check_digits(r, &a, "source_addr does not fit its TON", ESME_RINVSRCADR);
	return a;
}

static struct smsc_addr get_dest(struct reader *r, size_t max)
{
	struct smsc_addr a;

	a.ton = get_u8(r, "cut in dest_addr_ton");
	a.npi = get_u8(r, "cut in dest_addr_npi");
	a.digits = get_cstr(r, max, "destination_addr too long or without NUL", ESME_RINVDSTADR);
	require(r, a.ton <= 6, "dest_addr_ton is reserved", ESME_RINVDSTTON);
	require(r, known_npi(a.npi), "dest_addr_npi is reserved", ESME_RINVDSTNPI);
	require(r, a.digits.n > 0, "destination_addr is empty", ESME_RINVDSTADR);
	check_digits(r, &a, "destination_addr does not fit its TON", ESME_RINVDSTADR);
	return a;
}

/* SMPP 3.4, 7.1.1: empty or YYMMDDhhmmsstnnp. */
static struct smsc_str get_time(struct reader *r, const char *why, uint32_t status)
{
	struct smsc_str s = get_cstr(r, 17, why, status);

	if (r->bad || s.n == 0)
		return s;
	if (s.n != 16 || !all_digits((struct smsc_str){s.s, 15}) || !memchr("+-R", s.s[15], 3)) {
		fail(r, why, status);
		return s;
	}
	if (s.s[15] != 'R')
		require(r,
			memcmp(s.s + 13, "48", 2) <= 0 && memcmp(s.s + 2, "12", 2) <= 0 &&
				memcmp(s.s + 4, "31", 2) <= 0 && memcmp(s.s + 6, "23", 2) <= 0,
			why, status);
	return s;
}

/* SMPP 3.4, 5.3.2: the sizes of those with a fixed one; 0 means that any size is fine. */
static size_t tlv_size(uint16_t tag)
{
	static const uint16_t one[] = {0x0005, 0x0006, 0x0007, 0x000D, 0x000E, 0x000F, 0x0010, 0x0019, 0x0030,
		0x0201, 0x0205, 0x020D, 0x020E, 0x020F, 0x0302, 0x0304, 0x0420, 0x0421, 0x0422, 0x0425,
		0x0426, 0x0427, 0x0501, 0x1201, 0x1204, 0x1380};
	static const uint16_t two[] = {0x0008, 0x0204, 0x020A, 0x020B, 0x020C, 0x1203, 0x1383};

	for (size_t i = 0; i < sizeof(one) / sizeof(one[0]); i++)
		if (one[i] == tag)
			return 1;
	for (size_t i = 0; i < sizeof(two) / sizeof(two[0]); i++)
		if (two[i] == tag)
			return 2;
	return tag == 0x0423 ? 3 : tag == 0x0017 ? 4 : 0; /* network_error_code, qos_time_to_live */
}

static void take_tlv(
	struct reader *r, struct smsc_message *m, uint16_t tag, const uint8_t *v, uint16_t n, unsigned *sar)
{
	size_t size = tlv_size(tag);

	require(r, !size || size == n, "TLV of a wrong size", ESME_RINVPARLEN);
	if (r->bad)
		return;
	switch (tag) {
	case 0x0424:
		require(r, m->n_text == 0, "text in short_message and in message_payload",
			ESME_RINVOPTPARSTREAM);
		m->text = v;
		m->n_text = n;
		break;
	case 0x0204:
		m->numbered = true;
		m->number = be16(v);
		break;
	case 0x020C:
		m->sar_ref = be16(v);
		*sar |= 1;
		break;
	case 0x020E:
		m->sar_total = v[0];
		*sar |= 2;
		break;
	case 0x020F:
		m->sar_seq = v[0];
		*sar |= 4;
		break;
	case 0x001E: fail(r, "receipted_message_id in a request to the SMSC", ESME_ROPTPARNOTALLWD); break;
	}
}

static void get_tlvs(struct reader *r, struct smsc_message *m)
{
	unsigned sar = 0;

	m->tlvs = r->p;
	m->n_tlvs = (uint32_t)(r->end - r->p);
	while (!r->bad && r->p < r->end) {
		uint16_t tag, n;

		if (r->end - r->p < 4) {
			fail(r, "stray octets behind the last TLV", ESME_RINVOPTPARSTREAM);
			return;
		}
		tag = be16(r->p);
		n = be16(r->p + 2);
		r->p += 4;
		if (n > r->end - r->p) {
			fail(r, "TLV longer than its PDU", ESME_RINVPARLEN);
			return;
		}
		take_tlv(r, m, tag, r->p, n, &sar);
		r->p += n;
	}
	if (r->bad || sar == 0)
		return;
	m->has_sar = true;
	require(r, sar == 7, "some but not all sar_ TLVs", ESME_RMISSINGOPTPARAM);
	require(r, m->sar_seq >= 1 && m->sar_seq <= m->sar_total, "sar_segment_seqnum out of range",
		ESME_RINVOPTPARAMVAL);
	require(r, !(m->esm_class & 0x40), "user data header and sar_ TLVs together", ESME_ROPTPARNOTALLWD);
}

/* 3GPP TS 23.040, 9.2.3.24: UDHL, then elements that fill it exactly. */
static void check_udh(struct reader *r, const struct smsc_message *m)
{
	const uint8_t *p = m->text, *end;

	if (m->n_text == 0 || p[0] == 0 || p[0] >= m->n_text) {
		fail(r, "UDHI set, but the header does not fit the text", ESME_RINVESMCLASS);
		return;
	}
	end = p + 1 + p[0];
	for (p++; p < end; p += 2 + p[1]) {
		if (end - p < 2 || end - p < 2 + p[1]) {
			fail(r, "user data header element runs past UDHL", ESME_RINVESMCLASS);
			return;
		}
		if ((p[0] == 0x00 && (p[1] != 3 || p[3] == 0 || p[4] == 0 || p[4] > p[3])) ||
			(p[0] == 0x08 && (p[1] != 4 || p[4] == 0 || p[5] == 0 || p[5] > p[4]))) {
			fail(r, "concatenation element out of range", ESME_RINVESMCLASS);
			return;
		}
	}
}

static void check_text(struct reader *r, const struct smsc_message *m)
{
	uint32_t n = m->n_text;

	if (r->bad)
		return;
	require(r, !(m->registered_delivery & 0xE0), "reserved bits in registered_delivery",
		ESME_RINVREGDLVFLG);
	if (m->esm_class & 0x40) {
		check_udh(r, m);
		if (r->bad)
			return;
		n -= 1u + m->text[0];
	}
	require(r, m->data_coding != 0x08 || n % 2 == 0, "UCS-2 text of an odd length", ESME_RINVMSGLEN);
}

static struct reader reader_of(const uint8_t *body, size_t n, struct smsc_fault *f)
{
	return (struct reader){.p = body, .end = body + n, .fault = f};
}

static int result(const struct reader *r)
{
	return r->bad ? -EBADMSG : 0;
}

static void at_end(struct reader *r)
{
	require(r, r->p == r->end, "octets behind the last field", ESME_RINVCMDLEN);
}

int smsc_pdu_read_bind(const uint8_t *body, size_t n, struct smsc_bind *ret, struct smsc_fault *f)
{
	struct reader r = reader_of(body, n, f);

	ret->system_id = get_cstr(&r, 16, "system_id too long or without NUL", ESME_RINVSYSID);
	ret->password = get_cstr(&r, 9, "password too long or without NUL", ESME_RINVPASWD);
	ret->system_type = get_cstr(&r, 13, "system_type too long or without NUL", ESME_RINVSYSTYP);
	ret->interface_version = get_u8(&r, "cut in interface_version");
	require(&r, get_u8(&r, "cut in addr_ton") <= 6, "addr_ton is reserved", ESME_RBINDFAIL);
	require(&r, known_npi(get_u8(&r, "cut in addr_npi")), "addr_npi is reserved", ESME_RBINDFAIL);
	ret->address_range = get_cstr(&r, 41, "address_range too long or without NUL", ESME_RBINDFAIL);
	at_end(&r);
	return result(&r);
}

int smsc_pdu_read_submit(const uint8_t *body, size_t n, struct smsc_message *ret, struct smsc_fault *f)
{
	struct reader r = reader_of(body, n, f);
	uint8_t sm_length;

	ret->has_sar = ret->numbered = false;
	get_cstr(&r, 6, "service_type too long or without NUL", ESME_RINVSERTYP);
	ret->source = get_source(&r, 21);
	ret->dest = get_dest(&r, 21);
	ret->esm_class = get_u8(&r, "cut in esm_class");
	get_u8(&r, "cut in protocol_id");
	require(&r, get_u8(&r, "cut in priority_flag") <= 3, "priority_flag over 3", ESME_RINVPRTFLG);
	ret->schedule = get_time(&r, "schedule_delivery_time is no SMPP time", ESME_RINVSCHED);
	ret->validity = get_time(&r, "validity_period is no SMPP time", ESME_RINVEXPIRY);
	ret->registered_delivery = get_u8(&r, "cut in registered_delivery");
	require(&r, get_u8(&r, "cut in replace_if_present_flag") <= 1, "replace_if_present_flag over 1",
		ESME_RINVREPFLAG);
	ret->data_coding = get_u8(&r, "cut in data_coding");
	get_u8(&r, "cut in sm_default_msg_id");
	sm_length = get_u8(&r, "cut in sm_length");
	require(&r, sm_length <= 254, "sm_length 255", ESME_RINVMSGLEN);
	require(&r, sm_length <= r.end - r.p, "sm_length runs past the PDU", ESME_RINVMSGLEN);
	if (r.bad)
		return -EBADMSG;
	ret->text = r.p;
	ret->n_text = sm_length;
	r.p += sm_length;
	get_tlvs(&r, ret);
	check_text(&r, ret);
	return result(&r);
}

int smsc_pdu_read_data(const uint8_t *body, size_t n, struct smsc_message *ret, struct smsc_fault *f)
{
	struct reader r = reader_of(body, n, f);

	ret->has_sar = ret->numbered = false;
	ret->schedule = ret->validity = (struct smsc_str){"", 0};
	get_cstr(&r, 6, "service_type too long or without NUL", ESME_RINVSERTYP);
	ret->source = get_source(&r, 65);
	ret->dest = get_dest(&r, 65);
	ret->esm_class = get_u8(&r, "cut in esm_class");
	ret->registered_delivery = get_u8(&r, "cut in registered_delivery");
	ret->data_coding = get_u8(&r, "cut in data_coding");
	ret->text = r.p;
	ret->n_text = 0;
	get_tlvs(&r, ret);
	check_text(&r, ret);
	return result(&r);
}

static struct smsc_str get_message_id(struct reader *r)
{
	return get_cstr(r, 65, "message_id too long or without NUL", ESME_RINVMSGID);
}

int smsc_pdu_read_query(const uint8_t *body, size_t n, struct smsc_ref *ret, struct smsc_fault *f)
{
	struct reader r = reader_of(body, n, f);

	ret->message_id = get_message_id(&r);
	ret->source = get_source(&r, 21);
	at_end(&r);
	return result(&r);
}

int smsc_pdu_read_cancel(const uint8_t *body, size_t n, struct smsc_ref *ret, struct smsc_fault *f)
{
	struct reader r = reader_of(body, n, f);

	get_cstr(&r, 6, "service_type too long or without NUL", ESME_RINVSERTYP);
	ret->message_id = get_message_id(&r);
	ret->source = get_source(&r, 21);
	get_u8(&r, "cut in dest_addr_ton");
	get_u8(&r, "cut in dest_addr_npi");
	get_cstr(&r, 21, "destination_addr too long or without NUL", ESME_RINVDSTADR);
	at_end(&r);
	return result(&r);
}

int smsc_pdu_check_deliver_resp(const struct smsc_header *h, const uint8_t *body, struct smsc_fault *f)
{
	size_t n = h->length - SMSC_HEADER_LEN;

	f->status = 0;
	f->why = NULL;
	if (n == 0 && h->status == 0)
		f->why = "deliver_sm_resp without message_id beside status 0";
	else if (n > 0 && (n > 1 || body[0] != 0))
		f->why = "message_id of deliver_sm_resp is not empty";
	return f->why ? -EBADMSG : 0;
}

static uint8_t *room(struct smsc_out *o, size_t n)
{
	assert(o->cap - o->n >= n);
	o->n += n;
	return o->p + o->n - n;
}

void smsc_out_u8(struct smsc_out *o, uint8_t v)
{
	*room(o, 1) = v;
}

void smsc_out_u16(struct smsc_out *o, uint16_t v)
{
	uint8_t *p = room(o, 2);

	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

void smsc_out_u32(struct smsc_out *o, uint32_t v)
{
	put32(room(o, 4), v);
}

void smsc_out_octets(struct smsc_out *o, const void *p, size_t n)
{
	if (n)
		memcpy(room(o, n), p, n);
}

void smsc_out_cstr(struct smsc_out *o, const char *s, size_t n)
{
	smsc_out_octets(o, s, n);
	smsc_out_u8(o, 0);
}

size_t smsc_out_begin(struct smsc_out *o, uint32_t command, uint32_t status, uint32_t sequence)
{
	size_t start = o->n;

	smsc_out_u32(o, 0);
	smsc_out_u32(o, command);
	smsc_out_u32(o, status);
	smsc_out_u32(o, sequence);
	return start;
}

void smsc_out_end(struct smsc_out *o, size_t start)
{
	put32(o->p + start, (uint32_t)(o->n - start));
}

void smsc_out_deliver(struct smsc_out *o, const struct smsc_deliver *d)
{
	assert(d->n_text <= 254);
	smsc_out_u8(o, 0); /* service_type */
	smsc_out_u8(o, d->source_ton);
	smsc_out_u8(o, d->source_npi);
	smsc_out_cstr(o, d->source.s, d->source.n);
	smsc_out_u8(o, d->dest_ton);
	smsc_out_u8(o, d->dest_npi);
	smsc_out_cstr(o, d->dest.s, d->dest.n);
	smsc_out_u8(o, d->esm_class);
	/* protocol_id, priority_flag, schedule_delivery_time, validity_period, registered_delivery,
	 * replace_if_present_flag: all zero or empty towards an ESME (SMPP 3.4, 4.6.1). */
	smsc_out_octets(o, "\0\0\0\0\0\0", 6);
	smsc_out_u8(o, d->data_coding);
	smsc_out_u8(o, 0); /* sm_default_msg_id */
	smsc_out_u8(o, (uint8_t)d->n_text);
	smsc_out_octets(o, d->text, d->n_text);
}
