/* SPDX-License-Identifier: Apache-2.0 */
/* tpdu_put.c -- write SMS TPDUs; the promises are in tpdu.h.
 *
 * The SMS-SUBMIT is what a modem sends; the two other types are written for whoever plays the network: tests and the
 * simulated modem.  All three end in the same user data, made once by tpdu_set_ud(). */
#include "codec/tpdu.h"

#include "codec/udh.h"

#include <errno.h>
#include <string.h>

/* ---- user data ------------------------------------------------------------------------------------------- */

static int set_septets(struct tpdu *t, size_t n_udh, const uint8_t *body, size_t n_body)
{
	unsigned n_head = gsm7_header_septets((unsigned)n_udh);
	size_t n;

	if (n_body > TPDU_SEPTETS_MAX || n_head + n_body > TPDU_SEPTETS_MAX ||
		gsm7_pack(body, n_body, gsm7_fill_bits((unsigned)n_udh), t->ud + n_udh, TPDU_UD_MAX - n_udh, &n) < 0)
		return -EMSGSIZE;
	t->udl = (uint8_t)(n_head + n_body);
	t->n_ud = (uint8_t)(n_udh + n);
	return 0;
}

static int set_octets(struct tpdu *t, size_t n_udh, const uint8_t *body, size_t n_body)
{
	if (n_body > TPDU_UD_MAX - n_udh)
		return -EMSGSIZE;
	if (n_body)
		memcpy(t->ud + n_udh, body, n_body);
	t->udl = (uint8_t)(n_udh + n_body);
	t->n_ud = t->udl;
	return 0;
}

int tpdu_set_ud(struct tpdu *t, uint8_t dcs, const uint8_t *udh, size_t n_udh, const uint8_t *body, size_t n_body)
{
	struct dcs d;
	size_t n;
	int r;

	dcs_read(dcs, &d);
	if (n_udh > TPDU_UD_MAX)
		return -EMSGSIZE;
	if (n_udh && (udh_check(udh, n_udh, &n) < 0 || n != n_udh))
		return -EBADMSG;
	if (n_udh)
		memcpy(t->ud, udh, n_udh);
	r = d.alphabet == DCS_GSM7 && !d.compressed ? set_septets(t, n_udh, body, n_body) :
						      set_octets(t, n_udh, body, n_body);
	if (r < 0)
		return r;
	t->dcs = dcs;
	t->has_header = n_udh > 0;
	t->n_udh = (uint8_t)n_udh;
	return 0;
}

/* ---- the cursor ------------------------------------------------------------------------------------------ */

/* Writing goes on in silence after the first thing that fails; `r` says it at the end. */
struct out {
	uint8_t *dst;
	size_t cap, at;
	int r;
};

static void put_octets(struct out *o, const uint8_t *octets, size_t n)
{
	if (o->r == 0 && o->cap - o->at < n)
		o->r = -ENOBUFS;
	if (o->r < 0 || n == 0)
		return;
	memcpy(o->dst + o->at, octets, n);
	o->at += n;
}

static void put_octet(struct out *o, unsigned octet)
{
	uint8_t one = (uint8_t)octet;

	put_octets(o, &one, 1);
}

static void put_address(struct out *o, const struct tpdu_address *a, bool centre)
{
	uint8_t octets[TPDU_ADDRESS_MAX];
	size_t n;
	int r = centre ? tpdu_centre_put(a, octets, sizeof(octets), &n) :
			 tpdu_address_put(a, octets, sizeof(octets), &n);

	if (r == 0)
		put_octets(o, octets, n);
	else if (o->r == 0)
		o->r = r;
}

static void put_user_data(struct out *o, const struct tpdu *t)
{
	put_octet(o, t->udl);
	put_octets(o, t->ud, t->n_ud);
}

/* ---- the types ------------------------------------------------------------------------------------------- */

static void put_submit(struct out *o, const struct tpdu *t)
{
	uint8_t vp[TPDU_TIME_OCTETS];
	int n_vp = tpdu_validity_put(&t->validity, vp);

	if (n_vp < 0 || t->address.ton == TON_ALPHANUMERIC) {
		o->r = -EINVAL;
		return;
	}
	put_octet(o, (t->reply_path ? 0x80u : 0) | (t->has_header ? 0x40u : 0) | (t->report ? 0x20u : 0) |
			     (unsigned)t->validity.form << 3 | (t->reject_duplicates ? 0x04u : 0) | 1);
	put_octet(o, t->mr);
	put_address(o, &t->address, false);
	put_octet(o, t->pid);
	put_octet(o, t->dcs);
	put_octets(o, vp, (size_t)n_vp);
	put_user_data(o, t);
}

static unsigned first_of_network(const struct tpdu *t, unsigned mti)
{
	return (t->reply_path ? 0x80u : 0) | (t->has_header ? 0x40u : 0) | (t->report ? 0x20u : 0) |
	       (t->loop ? 0x08u : 0) | (t->more ? 0 : 0x04u) | mti;
}

static void put_deliver(struct out *o, const struct tpdu *t)
{
	put_octet(o, first_of_network(t, 0));
	put_address(o, &t->address, false);
	put_octet(o, t->pid);
	put_octet(o, t->dcs);
	put_octets(o, t->scts.raw, TPDU_TIME_OCTETS);
	put_user_data(o, t);
}

static void put_status_report(struct out *o, const struct tpdu *t)
{
	put_octet(o, first_of_network(t, 2) & ~0x80u & ~(t->pi & 4 ? 0 : 0x40u));
	put_octet(o, t->mr);
	put_address(o, &t->address, false);
	put_octets(o, t->scts.raw, TPDU_TIME_OCTETS);
	put_octets(o, t->discharge.raw, TPDU_TIME_OCTETS);
	put_octet(o, t->status);
	if (t->pi & 7)
		put_octet(o, t->pi & 7);
	if (t->pi & 1)
		put_octet(o, t->pid);
	if (t->pi & 2)
		put_octet(o, t->dcs);
	if (t->pi & 4)
		put_user_data(o, t);
}

int tpdu_put(const struct tpdu *t, bool with_centre, uint8_t *dst, size_t cap, size_t *ret_n_tpdu)
{
	struct out o = { .dst = dst, .cap = cap };
	size_t n_centre;

	if (with_centre)
		put_address(&o, &t->centre, true);
	n_centre = o.at;
	switch (t->type) {
	case TPDU_SUBMIT: put_submit(&o, t); break;
	case TPDU_DELIVER: put_deliver(&o, t); break;
	case TPDU_STATUS_REPORT: put_status_report(&o, t); break;
	case TPDU_DELIVER_REPORT:
	case TPDU_SUBMIT_REPORT:
	case TPDU_COMMAND: return -EINVAL;
	}
	if (o.r < 0)
		return o.r;
	*ret_n_tpdu = o.at - n_centre;
	return (int)o.at;
}

int tpdu_put_part(const struct tpdu_order *o, enum encoding encoding, const struct segment_wire *w,
	uint8_t dst[static TPDU_MAX], size_t *ret_n_tpdu)
{
	struct tpdu t = { .type = TPDU_SUBMIT, .centre = o->centre, .address = o->to, .mr = o->mr, .report = o->report };
	int r;

	if (o->validity_s)
		t.validity = (struct tpdu_validity){ .form = TPDU_VP_RELATIVE, .period_s = o->validity_s };
	r = tpdu_set_ud(&t, dcs_make(encoding, o->flash), w->udh, w->n_udh, w->text, w->n_text);
	if (r < 0)
		return r;
	return tpdu_put(&t, true, dst, TPDU_MAX, ret_n_tpdu);
}
