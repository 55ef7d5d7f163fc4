/* SPDX-License-Identifier: Apache-2.0 */
/* text.c -- see text.h.  Values of data_coding: SMPP 3.4, 5.2.19; those with a message class and those of message
 * waiting: 3GPP TS 23.038, 4. */
#include <config.h>

#include <errno.h>
#include <string.h>

#include "codec/data_coding.h"
#include "codec/ucs2.h"
#include "codec/udh.h"
#include "codec/utf8.h"
#include "smpp/text.h"

#define DC_DEFAULT  0x00
#define DC_ASCII    0x01
#define DC_LATIN1   0x03
#define DC_UCS2     0x08
#define DC_CLASS_0  0xf0 /* group 1111, which has no UCS-2 */

#define CR 0x0d

/* ---- out ---- */

/* Latin-1 or ASCII from UTF-8. */
static int narrow(const char *s, size_t n, uint32_t top, uint8_t *dst, size_t cap, size_t *ret_n)
{
	size_t n_dst = 0;

	while (n) {
		uint32_t cp;
		size_t took = utf8_next(s, n, &cp);

		if (cp > top)
			return -EILSEQ;
		if (n_dst == cap)
			return -ENOBUFS;
		dst[n_dst++] = (uint8_t)cp;
		s += took;
		n -= took;
	}
	*ret_n = n_dst;
	return 0;
}

/* A flash message has no data_coding in Latin-1, so it goes as septets, unless a TLV says that it is one. */
static enum conf_alphabet out_alphabet(const struct text_out *o, bool flash)
{
	if (flash && o->flash != CONF_FLASH_SUBUNIT && o->alphabet != CONF_ALPHABET_GSM7_PACKED)
		return CONF_ALPHABET_GSM7_UNPACKED;
	return o->alphabet;
}

static uint8_t out_coding(const struct text_out *o, enum encoding e, bool flash)
{
	static const uint8_t usual[] = {
		[CONF_ALPHABET_GSM7_UNPACKED] = DC_DEFAULT,
		[CONF_ALPHABET_GSM7_PACKED] = DC_DEFAULT,
		[CONF_ALPHABET_LATIN1] = DC_LATIN1,
		[CONF_ALPHABET_ASCII] = DC_ASCII,
	};

	if (flash && o->flash == CONF_FLASH_CLASS_GROUP && e != ENC_UCS2)
		return DC_CLASS_0 | dcs_make(e, false);
	if (flash && o->flash != CONF_FLASH_SUBUNIT)
		return dcs_make(e, true);
	if (o->data_coding[e] >= 0)
		return (uint8_t)o->data_coding[e];
	return e == ENC_GSM7 ? usual[o->alphabet] : dcs_make(e, false);
}

uint8_t text_binary_coding(const struct text_out *o, bool flash)
{
	return out_coding(o, ENC_BINARY, flash);
}

static uint32_t top_of(enum conf_alphabet a)
{
	return a == CONF_ALPHABET_ASCII ? 0x7f : 0xff;
}

/* `septets` has room for one more. */
static int pack(uint8_t *septets, size_t n, unsigned fill_bits, uint8_t *dst, size_t cap, size_t *ret_n)
{
	if ((fill_bits + n * 7) % 8 == 1)
		septets[n++] = CR;
	return gsm7_pack(septets, n, fill_bits, dst, cap, ret_n);
}

static int pack_part(const struct segment_wire *w, uint8_t *buf, size_t *ret_n)
{
	uint8_t septets[TEXT_PART_MAX + 1];

	memcpy(septets, w->text, w->n_text);
	return pack(septets, w->n_text, gsm7_fill_bits(w->n_udh), buf, TEXT_PART_MAX, ret_n);
}

static int narrow_part(const struct segment_wire *w, uint32_t top, uint8_t *buf, size_t *ret_n)
{
	char utf8[GSM7_UTF8_MAX(TEXT_PART_MAX)];
	struct gsm7_shift shift = { 0, 0 };
	size_t n = 0;

	/* Cut for another link, by tables that mean nothing to Latin-1. */
	if (w->n_udh && udh_find_shift(w->udh, w->n_udh, &shift) > 0)
		return -EILSEQ;
	gsm7_decode(w->text, w->n_text, shift, utf8, sizeof(utf8), &n);
	return narrow(utf8, n, top, buf, TEXT_PART_MAX, ret_n);
}

static int septets_part(enum conf_alphabet a, const struct segment_wire *w, uint8_t *buf, const uint8_t **ret_text,
	size_t *ret_n)
{
	*ret_text = buf;
	switch (a) {
	case CONF_ALPHABET_GSM7_UNPACKED:
		break;
	case CONF_ALPHABET_GSM7_PACKED:
		return pack_part(w, buf, ret_n);
	case CONF_ALPHABET_LATIN1:
	case CONF_ALPHABET_ASCII:
		return narrow_part(w, top_of(a), buf, ret_n);
	}
	*ret_text = w->text;
	*ret_n = w->n_text;
	return 0;
}

int text_part(const struct text_out *o, enum encoding e, bool flash, const struct segment_wire *w,
	uint8_t buf[static TEXT_PART_MAX], const uint8_t **ret_text, uint8_t *ret_n, uint8_t *ret_data_coding)
{
	size_t n = w->n_text;
	int r = 0;

	*ret_data_coding = out_coding(o, e, flash);
	*ret_text = w->text;
	if (e == ENC_GSM7)
		r = septets_part(out_alphabet(o, flash), w, buf, ret_text, &n);
	*ret_n = (uint8_t)n;
	return r;
}

static int septets_from_utf8(const char *s, size_t n, uint8_t *dst, size_t cap, size_t *ret_n)
{
	size_t n_dst = 0;

	while (n) {
		uint32_t cp;
		size_t took = utf8_next(s, n, &cp);
		int code = gsm7_encode(cp);

		if (code < 0)
			return -EILSEQ;
		if (cap - n_dst < 2)
			return -ENOBUFS;
		if (code > 0x7f)
			dst[n_dst++] = GSM7_ESC;
		dst[n_dst++] = (uint8_t)(code & 0x7f);
		s += took;
		n -= took;
	}
	*ret_n = n_dst;
	return 0;
}

static int septets_payload(
	enum conf_alphabet a, const char *utf8, size_t n, uint8_t *buf, size_t cap, size_t *ret_n, bool *ret_one)
{
	size_t n_septets;
	/* One is left for the CR. */
	int r = septets_from_utf8(utf8, n, buf, cap - 1, &n_septets);

	if (r < 0)
		return r;
	*ret_one = n_septets <= TEXT_PART_MAX;
	*ret_n = n_septets;
	switch (a) {
	case CONF_ALPHABET_GSM7_UNPACKED:
		break;
	case CONF_ALPHABET_GSM7_PACKED:
		return pack(buf, n_septets, 0, buf, cap, ret_n); /* in place: it never overtakes its reading */
	case CONF_ALPHABET_LATIN1:
	case CONF_ALPHABET_ASCII:
		return narrow(utf8, n, top_of(a), buf, cap, ret_n);
	}
	return 0;
}

int text_payload(const struct text_out *o, enum encoding e, bool flash, const char *utf8, size_t n, uint8_t *buf,
	size_t cap, size_t *ret_n, bool *ret_one, uint8_t *ret_data_coding)
{
	int r;

	*ret_data_coding = out_coding(o, e, flash);
	if (e == ENC_GSM7)
		return septets_payload(out_alphabet(o, flash), utf8, n, buf, cap, ret_n, ret_one);
	r = ucs2_from_utf8(utf8, n, buf, cap, ret_n);
	*ret_one = r == 0 && *ret_n <= SEGMENT_MAX_OCTETS;
	return r;
}

/* ---- in ---- */

#define REPLACEMENT 0xfffdu

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

/* As in a TP-UD: the text begins on a septet boundary counted from the start of the header.  The septets are laid at
 * the end of `dst`: with TEXT_UTF8_MAX() of room the letters made of them never reach those still to be read. */
static size_t decode_packed(const uint8_t *src, size_t n, size_t n_udh, struct gsm7_shift shift, char *dst, size_t cap)
{
	unsigned fill = gsm7_fill_bits((unsigned)n_udh);
	size_t n_septets = n * 8 < fill ? 0 : (n * 8 - fill) / 7, n_dst = 0;
	uint8_t *septets;

	if (cap < TEXT_UTF8_MAX(n))
		return 0;
	septets = (uint8_t *)dst + cap - n_septets;
	if (gsm7_unpack(src, n, fill, septets, n_septets) < 0)
		return 0;
	/* Seven octets hold eight septets; where only seven were meant, the eighth is filling: a CR, or nothing, which
	 * would read as `@`. */
	if (n_septets && (n * 8 - fill) % 7 == 0 && (septets[n_septets - 1] == 0 || septets[n_septets - 1] == CR))
		n_septets--;
	gsm7_decode(septets, n_septets, shift, dst, cap, &n_dst);
	return n_dst;
}

/* One septet an octet.  With bit 7 set it is none: shown as unknown, so that a wrong `alphabet` of the link is seen
 * rather than read as other letters. */
static size_t decode_unpacked(const uint8_t *src, size_t n, struct gsm7_shift shift, char *dst, size_t cap)
{
	size_t n_dst = 0;

	for (size_t i = 0, end; i < n; i = end) {
		size_t n_run = 0;

		for (end = i; end < n && src[end] < 0x80; end++)
			;
		if (gsm7_decode(src + i, end - i, shift, dst + n_dst, cap - n_dst, &n_run) < 0)
			break;
		n_dst += n_run;
		for (; end < n && src[end] >= 0x80; end++)
			n_dst += utf8_put(dst + n_dst, cap - n_dst, REPLACEMENT);
	}
	return n_dst;
}

/* A text is a C string for those who read it later.  NULs at its end are terminators that somebody counted. */
static size_t without_nul(char *s, size_t n, size_t cap)
{
	size_t n_nul = 0, to;

	while (n && !s[n - 1])
		n--;
	for (size_t i = 0; i < n; i++)
		n_nul += !s[i];
	if (!n_nul)
		return n;
	to = n + 2 * n_nul;
	if (to > cap)
		return strnlen(s, n);
	for (size_t i = n, at = to; i-- > 0;) {
		if (s[i]) {
			s[--at] = s[i];
		} else {
			at -= 3;
			utf8_put(s + at, 3, REPLACEMENT);
		}
	}
	return to;
}

static size_t decode(const struct text_in *in, enum data_coding_alphabet a, const uint8_t *text, size_t n, size_t n_udh,
	struct gsm7_shift shift, char *dst, size_t cap)
{
	size_t n_dst = 0;

	switch (a) {
	case CODING_DEFAULT:
		if (in->alphabet == CONF_ALPHABET_LATIN1 || in->alphabet == CONF_ALPHABET_ASCII)
			return decode(in, CODING_LATIN1, text, n, n_udh, shift, dst, cap);
		return decode(in, CODING_GSM7, text, n, n_udh, shift, dst, cap);
	case CODING_GSM7:
		if (in->alphabet == CONF_ALPHABET_GSM7_PACKED)
			return decode_packed(text, n, n_udh, shift, dst, cap);
		return decode_unpacked(text, n, shift, dst, cap);
	case CODING_ASCII: /* what some call so has accents */
	case CODING_LATIN1:
		latin1_to_utf8(text, n, dst, cap, &n_dst);
		return without_nul(dst, n_dst, cap);
	case CODING_UCS2:
		ucs2_to_utf8(text, n, dst, cap, &n_dst);
		return without_nul(dst, n_dst, cap);
	case CODING_JIS_X_0208:
	case CODING_ISO_8859_5:
	case CODING_ISO_8859_8:
	case CODING_ISO_2022_JP:
	case CODING_JIS_X_0212:
	case CODING_KS_C_5601:
		if (charset_to_utf8(in->charsets, a, text, n, dst, cap, &n_dst) == 0)
			return without_nul(dst, n_dst, cap);
		break;
	case CODING_OCTETS:
	case CODING_N:
		break;
	}
	return hex(text, n, dst, cap);
}

size_t text_decode(const struct text_in *in, uint8_t data_coding, const uint8_t *text, size_t n, size_t n_udh,
	struct gsm7_shift shift, char *dst, size_t cap)
{
	struct data_coding coding;

	data_coding_read(data_coding, &coding);
	return decode(in, coding.alphabet, text, n, n_udh, shift, dst, cap);
}

bool text_is_packed(const struct text_in *in, uint8_t data_coding)
{
	struct data_coding coding;

	data_coding_read(data_coding, &coding);
	return in->alphabet == CONF_ALPHABET_GSM7_PACKED &&
	       (coding.alphabet == CODING_GSM7 || coding.alphabet == CODING_DEFAULT);
}

bool text_is_ucs2(uint8_t data_coding)
{
	struct data_coding coding;

	data_coding_read(data_coding, &coding);
	return coding.alphabet == CODING_UCS2;
}
