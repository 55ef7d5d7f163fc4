/* SPDX-License-Identifier: Apache-2.0 */
/* tpdu.c -- read SMS TPDUs.
 *
 * A cursor walks over the octets; every field is asked of it and none reads past its end.  The fields of a type stand
 * in its own function in the order of the document (3GPP TS 23.040, 9.2.2.1 to 9.2.2.3).
 *
 * About the header of user data: it is believed whole or not at all.  When it is longer than the user data, or an
 * element runs out of it, the user data is shown from its first octet, which for 7 bit text shows the octets of the
 * header as letters.  That is ugly, and better than a message that nobody sees. */
#include "codec/tpdu.h"

#include "codec/ucs2.h"
#include "codec/udh.h"

#include <errno.h>
#include <string.h>

const char *tpdu_type_name(enum tpdu_type t)
{
	static const char *const names[] = {
		[TPDU_DELIVER] = "SMS-DELIVER",
		[TPDU_SUBMIT_REPORT] = "SMS-SUBMIT-REPORT",
		[TPDU_STATUS_REPORT] = "SMS-STATUS-REPORT",
		[TPDU_DELIVER_REPORT] = "SMS-DELIVER-REPORT",
		[TPDU_SUBMIT] = "SMS-SUBMIT",
		[TPDU_COMMAND] = "SMS-COMMAND",
	};

	return names[t];
}

const char *tpdu_note_text(unsigned i)
{
	static const char *const texts[TPDU_NOTES] = {
		"the message type is reserved; read as SMS-DELIVER",
		"fillers among the digits of the address; left out",
		"an odd number of digits, but a digit in the filler's place; not shown",
		"TP-UDL is beyond 160 septets or 140 octets; cut to that",
		"fewer octets than TP-UDL says; what is there is shown",
		"TP-UDHI is set, but the header is broken; shown as text",
		"ends inside the optional fields; the rest is left out",
		"octets behind the end; ignored",
	};

	return texts[i];
}

/* ---- the cursor ------------------------------------------------------------------------------------------ */

struct cursor {
	const uint8_t *src;
	size_t n, at;
	struct tpdu *t;
	struct tpdu_fault *fault;
};

static int fail(struct cursor *c, const char *why)
{
	*c->fault = (struct tpdu_fault){ .at = c->at, .why = why };
	return -EBADMSG;
}

static void note(struct cursor *c, enum tpdu_note bit, size_t at)
{
	c->t->notes |= bit;
	c->t->note_at[__builtin_ctz(bit)] = (uint16_t)at;
}

static size_t left(const struct cursor *c)
{
	return c->n - c->at;
}

/* The next `n` octets are that field. */
static const uint8_t *take(struct cursor *c, enum tpdu_field f, size_t n)
{
	const uint8_t *at = c->src + c->at;

	if (left(c) < n)
		return NULL;
	c->t->field[f] = (struct tpdu_span){ .at = (uint16_t)c->at, .n = (uint16_t)n };
	c->at += n;
	return at;
}

static int take_octet(struct cursor *c, enum tpdu_field f, uint8_t *ret, const char *why)
{
	const uint8_t *at = take(c, f, 1);

	if (!at)
		return fail(c, why);
	*ret = *at;
	return 0;
}

static int take_time(struct cursor *c, enum tpdu_field f, struct tpdu_time *ret, const char *why)
{
	const uint8_t *at = take(c, f, TPDU_TIME_OCTETS);

	if (!at)
		return fail(c, why);
	tpdu_time_read(at, ret);
	return 0;
}

static int take_address(struct cursor *c)
{
	struct tpdu_address *a = &c->t->address;
	size_t n;

	if (tpdu_address_read(c->src + c->at, left(c), a, &n) < 0) {
		if (left(c) > 0 && c->src[c->at] > TPDU_ADDRESS_DIGITS)
			return fail(c, "the address is longer than 20 semi-octets");
		return fail(c, "ends inside the address");
	}
	if (a->stray_fill)
		note(c, TPDU_NOTE_FILL, c->at);
	if (a->extra_digit)
		note(c, TPDU_NOTE_DIGIT, c->at + n - 1);
	take(c, TPDU_F_ADDRESS, n);
	return 0;
}

static int take_centre(struct cursor *c)
{
	size_t n;

	if (tpdu_centre_read(c->src, c->n, &c->t->centre, &n) < 0) {
		if (c->n > 0 && c->src[0] > TPDU_ADDRESS_MAX - 1)
			return fail(c, "the service centre's address is longer than 11 octets");
		return fail(c, "ends inside the service centre's address");
	}
	if (c->t->centre.stray_fill)
		note(c, TPDU_NOTE_FILL, 0);
	take(c, TPDU_F_CENTRE, n);
	return 0;
}

static void take_rest(struct cursor *c)
{
	if (left(c) > 0)
		take(c, TPDU_F_REST, left(c));
}

/* ---- user data ------------------------------------------------------------------------------------------- */

static bool counts_septets(uint8_t dcs)
{
	struct dcs d;

	dcs_read(dcs, &d);
	return d.alphabet == DCS_GSM7 && !d.compressed;
}

/* Units by TP-UDL, as far as the octets hold them. */
static size_t units_there(const struct tpdu *t)
{
	size_t there = counts_septets(t->dcs) ? t->n_ud * 8u / 7 : t->n_ud;

	return t->udl < there ? t->udl : there;
}

static void find_header(struct cursor *c, size_t ud_at)
{
	struct tpdu *t = c->t;
	size_t n_udh;

	if (!t->has_header)
		return;
	if (udh_check(t->ud, t->n_ud, &n_udh) < 0 ||
		(counts_septets(t->dcs) && gsm7_header_septets((unsigned)n_udh) > units_there(t)))
		note(c, TPDU_NOTE_HEADER, ud_at);
	else
		t->n_udh = (uint8_t)n_udh;
}

static int take_user_data(struct cursor *c)
{
	static const uint8_t most_units[2] = { TPDU_UD_MAX, TPDU_SEPTETS_MAX };
	struct tpdu *t = c->t;
	bool septets = counts_septets(t->dcs);
	unsigned units;
	size_t n, at;
	int r;

	r = take_octet(c, TPDU_F_UDL, &t->udl, "ends before TP-UDL");
	if (r < 0)
		return r;
	at = c->at;
	units = t->udl;
	if (units > most_units[septets]) {
		units = most_units[septets];
		note(c, TPDU_NOTE_UDL, at - 1);
	}
	n = septets ? (units * 7 + 7) / 8 : units;
	if (n > left(c)) {
		n = left(c);
		note(c, TPDU_NOTE_SHORT, c->n);
	}
	memcpy(t->ud, take(c, TPDU_F_UD, n), n);
	t->n_ud = (uint8_t)n;
	find_header(c, at);
	return 0;
}

size_t tpdu_body(const struct tpdu *t, uint8_t dst[static TPDU_SEPTETS_MAX])
{
	size_t n = units_there(t), n_head;

	if (!counts_septets(t->dcs)) {
		n -= t->n_udh;
		memcpy(dst, t->ud + t->n_udh, n);
		return n;
	}
	n_head = gsm7_header_septets(t->n_udh);
	n = n > TPDU_SEPTETS_MAX ? TPDU_SEPTETS_MAX : n;
	if (n < n_head || gsm7_unpack(t->ud + t->n_udh, (size_t)t->n_ud - t->n_udh, gsm7_fill_bits(t->n_udh), dst,
				  n - n_head) < 0)
		return 0;
	return n - n_head;
}

bool tpdu_is_text(const struct tpdu *t)
{
	struct dcs d;

	if (t->type == TPDU_STATUS_REPORT ? !(t->pi & 4) : t->type != TPDU_DELIVER && t->type != TPDU_SUBMIT)
		return false;
	dcs_read(t->dcs, &d);
	return !d.compressed && d.alphabet != DCS_OCTETS;
}

void tpdu_text(const struct tpdu *t, char dst[static TPDU_TEXT_MAX], size_t *ret_n)
{
	struct gsm7_shift shift = { 0, 0 };
	uint8_t body[TPDU_SEPTETS_MAX];
	size_t n;

	*ret_n = 0;
	if (!tpdu_is_text(t))
		return;
	n = tpdu_body(t, body);
	if (!counts_septets(t->dcs)) {
		ucs2_to_utf8(body, n, dst, TPDU_TEXT_MAX, ret_n);
		return;
	}
	if (t->n_udh)
		udh_find_shift(t->ud, t->n_udh, &shift);
	gsm7_decode(body, n, shift, dst, TPDU_TEXT_MAX, ret_n);
}

/* ---- the types ------------------------------------------------------------------------------------------- */

static int read_submit(struct cursor *c)
{
	struct tpdu *t = c->t;
	enum tpdu_vp_form form = (enum tpdu_vp_form)(t->first >> 3 & 3);
	const uint8_t *vp;
	int r;

	t->reject_duplicates = t->first & 0x04;
	r = take_octet(c, TPDU_F_MR, &t->mr, "ends before TP-MR");
	if (r < 0)
		return r;
	r = take_address(c);
	if (r < 0)
		return r;
	r = take_octet(c, TPDU_F_PID, &t->pid, "ends before TP-PID");
	if (r < 0)
		return r;
	r = take_octet(c, TPDU_F_DCS, &t->dcs, "ends before TP-DCS");
	if (r < 0)
		return r;
	vp = take(c, TPDU_F_VP, tpdu_validity_octets(form));
	if (!vp)
		return fail(c, "ends inside TP-VP");
	tpdu_validity_read(form, vp, &t->validity);
	return take_user_data(c);
}

static int read_deliver(struct cursor *c)
{
	struct tpdu *t = c->t;
	int r;

	t->more = !(t->first & 0x04);
	t->loop = t->first & 0x08;
	r = take_address(c);
	if (r < 0)
		return r;
	r = take_octet(c, TPDU_F_PID, &t->pid, "ends before TP-PID");
	if (r < 0)
		return r;
	r = take_octet(c, TPDU_F_DCS, &t->dcs, "ends before TP-DCS");
	if (r < 0)
		return r;
	r = take_time(c, TPDU_F_SCTS, &t->scts, "ends inside TP-SCTS");
	if (r < 0)
		return r;
	return take_user_data(c);
}

/* TP-PI and what it announces (9.2.3.27).  A fault in here must not lose the report in front of it. */
static void read_optional(struct cursor *c)
{
	struct tpdu *t = c->t;
	struct tpdu_fault unused, *fault = c->fault;
	size_t n_pi = 1;
	int r = 0;

	while (n_pi < left(c) && (c->src[c->at + n_pi - 1] & 0x80))
		n_pi++;
	t->pi = *take(c, TPDU_F_PI, n_pi);
	c->fault = &unused;
	if (t->pi & 1)
		r = take_octet(c, TPDU_F_PID, &t->pid, "");
	if (r == 0 && (t->pi & 2))
		r = take_octet(c, TPDU_F_DCS, &t->dcs, "");
	if (r == 0 && (t->pi & 4))
		r = take_user_data(c);
	c->fault = fault;
	if (r < 0)
		note(c, TPDU_NOTE_OPTIONAL, c->at);
}

static int read_status_report(struct cursor *c)
{
	struct tpdu *t = c->t;
	int r;

	t->more = !(t->first & 0x04);
	t->loop = t->first & 0x08;
	r = take_octet(c, TPDU_F_MR, &t->mr, "ends before TP-MR");
	if (r < 0)
		return r;
	r = take_address(c);
	if (r < 0)
		return r;
	r = take_time(c, TPDU_F_SCTS, &t->scts, "ends inside TP-SCTS");
	if (r < 0)
		return r;
	r = take_time(c, TPDU_F_DT, &t->discharge, "ends inside TP-DT");
	if (r < 0)
		return r;
	r = take_octet(c, TPDU_F_ST, &t->status, "ends before TP-ST");
	if (r < 0)
		return r;
	if (left(c) > 0)
		read_optional(c);
	return 0;
}

static int read_type(struct cursor *c, enum tpdu_direction dir)
{
	static const enum tpdu_type types[2][3] = {
		[TPDU_MT] = { TPDU_DELIVER, TPDU_SUBMIT_REPORT, TPDU_STATUS_REPORT },
		[TPDU_MO] = { TPDU_DELIVER_REPORT, TPDU_SUBMIT, TPDU_COMMAND },
	};
	struct tpdu *t = c->t;
	unsigned mti;

	if (left(c) == 0)
		return fail(c, "there is no TPDU");
	mti = c->src[c->at] & 3;
	if (mti == 3 && dir == TPDU_MO)
		return fail(c, "the message type is reserved");
	if (mti == 3) {
		note(c, TPDU_NOTE_TYPE, c->at);
		mti = 0;
	}
	t->type = types[dir][mti];
	t->first = *take(c, TPDU_F_FIRST, 1);
	t->reply_path = t->first & 0x80 && (t->type == TPDU_DELIVER || t->type == TPDU_SUBMIT);
	t->has_header = t->first & 0x40;
	t->report = t->first & 0x20;
	return 0;
}

int tpdu_read(const uint8_t *src, size_t n, enum tpdu_direction dir, bool has_centre, struct tpdu *ret,
	struct tpdu_fault *ret_fault)
{
	struct cursor c = { .src = src, .n = n > UINT16_MAX ? UINT16_MAX : n, .t = ret, .fault = ret_fault };
	int r;

	memset(ret, 0, sizeof(*ret));
	if (has_centre) {
		r = take_centre(&c);
		if (r < 0)
			return r;
	}
	r = read_type(&c, dir);
	if (r < 0)
		return r;
	switch (ret->type) {
	case TPDU_DELIVER: r = read_deliver(&c); break;
	case TPDU_SUBMIT: r = read_submit(&c); break;
	case TPDU_STATUS_REPORT: r = read_status_report(&c); break;
	case TPDU_DELIVER_REPORT:
	case TPDU_SUBMIT_REPORT:
	case TPDU_COMMAND: take_rest(&c); return 0;
	}
	if (r < 0)
		return r;
	if (left(&c) > 0)
		note(&c, TPDU_NOTE_SURPLUS, c.at);
	take_rest(&c);
	return 0;
}

/* ---- TP-ST ----------------------------------------------------------------------------------------------- */

/* 80 to FF are reserved and read as "service rejected" of the last class. */
static uint8_t known_status(uint8_t status)
{
	return status & 0x80 ? 0x63 : status;
}

enum tpdu_outcome tpdu_outcome(uint8_t status)
{
	return (enum tpdu_outcome)(known_status(status) >> 5 & 3);
}

const char *tpdu_status_text(uint8_t status)
{
	static const char *const completed[] = { "received by the SME",
		"forwarded to the SME, delivery not confirmed", "replaced by the service centre" };
	static const char *const temporary[] = { "congestion", "SME busy", "no response from SME", "service rejected",
		"quality of service not available", "error in SME" };
	static const char *const permanent[] = { "remote procedure error", "incompatible destination",
		"connection rejected by SME", "not obtainable", "quality of service not available",
		"no interworking available", "validity period expired", "deleted by the sender",
		"deleted by the service centre", "message does not exist" };
	unsigned low;

	if (status & 0x80)
		return "reserved, read as service rejected";
	low = status & 0x1f;
	if (low >= 0x10)
		return "specific to the service centre";
	switch (tpdu_outcome(status)) {
	case TPDU_COMPLETED:
		if (low < sizeof(completed) / sizeof(completed[0]))
			return completed[low];
		break;
	case TPDU_TRYING:
	case TPDU_GIVEN_UP:
		if (low < sizeof(temporary) / sizeof(temporary[0]))
			return temporary[low];
		break;
	case TPDU_PERMANENT:
		if (low < sizeof(permanent) / sizeof(permanent[0]))
			return permanent[low];
		break;
	}
	return "reserved";
}
