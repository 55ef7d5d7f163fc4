/* SPDX-License-Identifier: Apache-2.0 */
/* text.c -- see text.h.  Values of data_coding: SMPP 3.4, 5.2.19; those with a message class and those of message
 * waiting: 3GPP TS 23.038, 4. */
#include <config.h>

#include <errno.h>
#include <string.h>

#include "codec/ucs2.h"
#include "codec/utf8.h"
#include "smpp/text.h"

#define DC_DEFAULT  0x00
#define DC_ASCII    0x01
#define DC_OCTETS_2 0x02
#define DC_LATIN1   0x03
#define DC_OCTETS   0x04
#define DC_UCS2     0x08
#define DC_CLASS_0  0x10 /* set beside the alphabet bits: show at once */

/* ---- out ---- */

/* Latin-1 or ASCII from UTF-8; false when there is no room. */
static bool narrow(const char *s, size_t n, uint32_t top, uint8_t *dst, size_t cap, size_t *ret_n)
{
	size_t n_dst = 0;

	while (n) {
		uint32_t cp;
		size_t took = utf8_next(s, n, &cp);

		if (n_dst == cap)
			return false;
		dst[n_dst++] = cp > top ? '?' : (uint8_t)cp;
		s += took;
		n -= took;
	}
	*ret_n = n_dst;
	return true;
}

/* How septets leave, and how we say so.  A flash message has no data_coding in Latin-1, so it goes as septets. */
static enum conf_alphabet out_alphabet(enum conf_alphabet a, bool flash, uint8_t *ret_data_coding)
{
	if (flash) {
		*ret_data_coding = DC_CLASS_0;
		return a == CONF_ALPHABET_GSM7_PACKED ? a : CONF_ALPHABET_GSM7_UNPACKED;
	}
	*ret_data_coding = a == CONF_ALPHABET_LATIN1 ? DC_LATIN1 : a == CONF_ALPHABET_ASCII ? DC_ASCII : DC_DEFAULT;
	return a;
}

static uint32_t top_of(enum conf_alphabet a)
{
	return a == CONF_ALPHABET_ASCII ? 0x7f : 0xff;
}

static void septets_part(enum conf_alphabet a, const struct segment_wire *w, uint8_t *buf, const uint8_t **ret_text,
	uint8_t *ret_n)
{
	char utf8[GSM7_UTF8_MAX(TEXT_PART_MAX)];
	size_t n = 0;

	switch (a) {
	case CONF_ALPHABET_GSM7_UNPACKED:
		*ret_text = w->text;
		*ret_n = w->n_text;
		return;
	case CONF_ALPHABET_GSM7_PACKED:
		gsm7_pack(w->text, w->n_text, gsm7_fill_bits(w->n_udh), buf, TEXT_PART_MAX, &n);
		break;
	case CONF_ALPHABET_LATIN1:
	case CONF_ALPHABET_ASCII:
		gsm7_decode(w->text, w->n_text, (struct gsm7_shift){ 0, 0 }, utf8, sizeof(utf8), &n);
		narrow(utf8, n, top_of(a), buf, TEXT_PART_MAX, &n);
		break;
	}
	*ret_text = buf;
	*ret_n = (uint8_t)n;
}

void text_part(enum conf_alphabet a, enum encoding e, bool flash, const struct segment_wire *w,
	uint8_t buf[static TEXT_PART_MAX], const uint8_t **ret_text, uint8_t *ret_n, uint8_t *ret_data_coding)
{
	if (e == ENC_GSM7) {
		a = out_alphabet(a, flash, ret_data_coding);
		septets_part(a, w, buf, ret_text, ret_n);
		return;
	}
	*ret_data_coding = (uint8_t)((e == ENC_UCS2 ? DC_UCS2 : DC_OCTETS) | (flash ? DC_CLASS_0 : 0));
	*ret_text = w->text;
	*ret_n = w->n_text;
}

static int septets_from_utf8(const char *s, size_t n, uint8_t *dst, size_t cap, size_t *ret_n)
{
	size_t n_dst = 0;

	while (n) {
		uint32_t cp;
		size_t took = utf8_next(s, n, &cp);
		int code = gsm7_encode(cp);

		if (cap - n_dst < 2)
			return -ENOBUFS;
		if (code < 0)
			code = '?';
		if (code > 0x7f)
			dst[n_dst++] = GSM7_ESC;
		dst[n_dst++] = (uint8_t)(code & 0x7f);
		s += took;
		n -= took;
	}
	*ret_n = n_dst;
	return 0;
}

int text_payload(enum conf_alphabet a, enum encoding e, bool flash, const char *utf8, size_t n, uint8_t *buf,
	size_t cap, size_t *ret_n, uint8_t *ret_data_coding)
{
	size_t n_septets;
	int r;

	if (e == ENC_UCS2) {
		*ret_data_coding = (uint8_t)(DC_UCS2 | (flash ? DC_CLASS_0 : 0));
		return ucs2_from_utf8(utf8, n, buf, cap, ret_n);
	}
	a = out_alphabet(a, flash, ret_data_coding);
	if (a == CONF_ALPHABET_LATIN1 || a == CONF_ALPHABET_ASCII)
		return narrow(utf8, n, top_of(a), buf, cap, ret_n) ? 0 : -ENOBUFS;
	r = septets_from_utf8(utf8, n, buf, cap, &n_septets);
	if (r < 0)
		return r;
	*ret_n = n_septets;
	/* In place: packing never overtakes its reading. */
	return a == CONF_ALPHABET_GSM7_PACKED ? gsm7_pack(buf, n_septets, 0, buf, cap, ret_n) : 0;
}

/* ---- in ---- */

enum form { FORM_SEPTETS, FORM_LATIN1, FORM_UCS2, FORM_OCTETS };

static enum form form_of(enum conf_alphabet a, uint8_t dc)
{
	static const enum form by_bits[] = { FORM_SEPTETS, FORM_OCTETS, FORM_UCS2, FORM_OCTETS };

	if (dc == DC_DEFAULT)
		return a == CONF_ALPHABET_LATIN1 || a == CONF_ALPHABET_ASCII ? FORM_LATIN1 : FORM_SEPTETS;
	if (dc == DC_ASCII || dc == DC_LATIN1)
		return FORM_LATIN1;
	if (dc == DC_UCS2)
		return FORM_UCS2;
	if (dc < 0x10)
		return FORM_OCTETS; /* 02, 04, and alphabets that we have no table for */
	switch (dc >> 4) {
	case 0x1: return by_bits[dc >> 2 & 3];
	case 0xc:
	case 0xd: return FORM_SEPTETS;
	case 0xe: return FORM_UCS2;
	case 0xf: return dc & 0x04 ? FORM_OCTETS : FORM_SEPTETS;
	default: return FORM_OCTETS;
	}
}

static size_t hex(const uint8_t *data, size_t n, char *dst, size_t cap)
{
	static const char digits[] = "0123456789abcdef";

	if (n > cap / 2)
		n = cap / 2;
	for (size_t i = 0; i < n; i++) {
		dst[2 * i] = digits[data[i] >> 4];
		dst[2 * i + 1] = digits[data[i] & 0x0f];
	}
	return 2 * n;
}

/* As in a TP-UD: the text begins on a septet boundary counted from the start of the header. */
static size_t decode_packed(const uint8_t *src, size_t n, size_t n_udh, struct gsm7_shift shift, char *dst, size_t cap)
{
	unsigned fill = gsm7_fill_bits((unsigned)n_udh);
	uint8_t septets[SEGMENT_MAX_OCTETS * 8 / 7];
	size_t n_septets, n_dst = 0;

	if (n > SEGMENT_MAX_OCTETS)
		return hex(src, n, dst, cap); /* no TP-UD is that long */
	n_septets = n * 8 < fill ? 0 : (n * 8 - fill) / 7;
	if (gsm7_unpack(src, n, fill, septets, n_septets) < 0)
		return 0;
	/* Seven octets hold eight septets; where only seven were meant, the eighth reads as `@`. */
	if (n_septets && (n * 8 - fill) % 7 == 0 && septets[n_septets - 1] == 0)
		n_septets--;
	gsm7_decode(septets, n_septets, shift, dst, cap, &n_dst);
	return n_dst;
}

size_t text_decode(enum conf_alphabet a, uint8_t data_coding, const uint8_t *text, size_t n, size_t n_udh,
	struct gsm7_shift shift, char *dst, size_t cap)
{
	size_t n_dst = 0;

	switch (form_of(a, data_coding)) {
	case FORM_SEPTETS:
		if (a == CONF_ALPHABET_GSM7_PACKED)
			return decode_packed(text, n, n_udh, shift, dst, cap);
		gsm7_decode(text, n, shift, dst, cap, &n_dst);
		return n_dst;
	case FORM_LATIN1:
		latin1_to_utf8(text, n, dst, cap, &n_dst);
		return n_dst;
	case FORM_UCS2:
		ucs2_to_utf8(text, n, dst, cap, &n_dst);
		return n_dst;
	case FORM_OCTETS:
		break;
	}
	return hex(text, n, dst, cap);
}

bool text_is_ucs2(uint8_t data_coding)
{
	return form_of(CONF_ALPHABET_GSM7_UNPACKED, data_coding) == FORM_UCS2;
}
