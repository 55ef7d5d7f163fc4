/* SPDX-License-Identifier: Apache-2.0 */
/* tpdu_address.c -- addresses of TPDUs.
 *
 * A name is packed like text and its length counts the semi-octets in which a bit of it stands, ceil(7n/4), so that
 * floor(4 * length / 7) gives the characters back (3GPP TS 23.040, 9.1.2.5).  Centres that count whole octets make
 * eight characters of seven; the eighth is then a septet 00, which is `@`, and nobody's name ends so. */
#include "codec/tpdu_address.h"

#include "codec/gsm7.h"
#include "codec/utf8.h"

#include <errno.h>
#include <string.h>

#define NAME_SEPTETS 11
#define FILLER       0xf

static const char digits[] = "0123456789*#abc";

/* ---- names ----------------------------------------------------------------------------------------------- */

static int name_septets(const char *s, size_t n, uint8_t septets[static NAME_SEPTETS], size_t *ret_n)
{
	size_t at = 0, len;

	for (size_t i = 0; i < n; i += len) {
		uint32_t cp;
		int code;

		len = utf8_next(s + i, n - i, &cp);
		code = gsm7_encode(cp);
		if (code < 0)
			return -EILSEQ;
		if (at + (code > 0x7f ? 2 : 1) > NAME_SEPTETS)
			return -E2BIG;
		if (code > 0x7f)
			septets[at++] = GSM7_ESC;
		septets[at++] = (uint8_t)(code & 0x7f);
	}
	*ret_n = at;
	return 0;
}

static void read_name(const uint8_t *value, size_t n_octets, struct tpdu_address *a)
{
	uint8_t septets[NAME_SEPTETS];
	size_t n = a->n * 4u / 7, n_text = 0;

	if (gsm7_unpack(value, n_octets, 0, septets, n) < 0)
		n = 0;
	if (n == 8 && septets[7] == 0)
		n = 7;
	gsm7_decode(septets, n, (struct gsm7_shift){ 0, 0 }, a->text, sizeof(a->text) - 1, &n_text);
	a->text[n_text] = '\0';
}

/* ---- digits ---------------------------------------------------------------------------------------------- */

static void read_digits(const uint8_t *value, size_t n_digits, struct tpdu_address *a)
{
	size_t at = 0;

	for (size_t i = 0; i < n_digits; i++) {
		unsigned nibble = value[i / 2] >> (i % 2 ? 4 : 0) & 0xf;

		if (nibble == FILLER)
			a->stray_fill = true;
		else
			a->text[at++] = digits[nibble];
	}
	a->text[at] = '\0';
	a->extra_digit = n_digits % 2 && value[n_digits / 2] >> 4 != FILLER;
}

/* Returns the digits, or -EINVAL. */
static int put_digits(const char *s, uint8_t value[static TPDU_ADDRESS_DIGITS / 2])
{
	int n = 0;

	for (; s[n]; n++) {
		const char *digit = strchr(digits, s[n]);
		unsigned nibble;

		if (!digit || n == TPDU_ADDRESS_DIGITS)
			return -EINVAL;
		nibble = (unsigned)(digit - digits);
		if (n % 2)
			value[n / 2] = (uint8_t)((value[n / 2] & 0xf) | nibble << 4);
		else
			value[n / 2] = (uint8_t)(FILLER << 4 | nibble);
	}
	return n;
}

/* ---- addresses ------------------------------------------------------------------------------------------- */

int tpdu_address_make(const char *s, struct tpdu_address *ret, const char **ret_why)
{
	const char *number = *s == '+' ? s + 1 : s;
	size_t n = strlen(number);
	uint8_t septets[NAME_SEPTETS];
	size_t n_septets;
	int r;

	*ret = (struct tpdu_address){ .ton = TON_UNKNOWN, .npi = NPI_ISDN };
	*ret_why = "the address is empty";
	if (n == 0)
		return -EINVAL;
	if (strspn(number, "0123456789*#") == n) {
		*ret_why = "a number has at most 20 digits";
		if (n > TPDU_ADDRESS_DIGITS)
			return -EINVAL;
		ret->ton = *s == '+' ? TON_INTERNATIONAL : TON_UNKNOWN;
		memcpy(ret->text, number, n + 1);
		return 0;
	}
	r = name_septets(s, strlen(s), septets, &n_septets);
	*ret_why = r == -E2BIG ? "a name has at most 11 septets of the GSM 7 bit default alphabet" :
				 "a name has only characters of the GSM 7 bit default alphabet";
	if (r < 0)
		return -EINVAL;
	ret->ton = TON_ALPHANUMERIC;
	ret->npi = NPI_UNKNOWN;
	memcpy(ret->text, s, strlen(s) + 1);
	return 0;
}

void tpdu_address_show(const struct tpdu_address *a, char dst[static TPDU_ADDRESS_TEXT])
{
	bool plus = a->ton == TON_INTERNATIONAL && a->text[0];

	if (plus)
		dst[0] = '+';
	memcpy(dst + plus, a->text, strnlen(a->text, TPDU_ADDRESS_TEXT - 2) + 1);
}

static void read_type(uint8_t type, struct tpdu_address *a)
{
	*a = (struct tpdu_address){ .ton = (enum tpdu_ton)(type >> 4 & 7), .npi = type & 0xf };
}

int tpdu_address_read(const uint8_t *src, size_t n, struct tpdu_address *ret, size_t *ret_n)
{
	size_t n_value;

	if (n < 2 || src[0] > TPDU_ADDRESS_DIGITS)
		return -EBADMSG;
	n_value = (src[0] + 1u) / 2;
	if (n < 2 + n_value)
		return -EBADMSG;
	read_type(src[1], ret);
	ret->n = src[0];
	if (ret->ton == TON_ALPHANUMERIC)
		read_name(src + 2, n_value, ret);
	else
		read_digits(src + 2, ret->n, ret);
	*ret_n = 2 + n_value;
	return 0;
}

/* Type and value; `*ret_semi` is what the length of a TPDU address counts.  Returns the octets or -EINVAL. */
static int put_value(const struct tpdu_address *a, uint8_t dst[static TPDU_ADDRESS_MAX - 1], unsigned *ret_semi)
{
	uint8_t septets[NAME_SEPTETS];
	size_t n_septets, n_octets;
	int n;

	if (a->ton > TON_RESERVED || a->npi > 0xf || memchr(a->text, 0, sizeof(a->text)) == NULL)
		return -EINVAL;
	dst[0] = (uint8_t)(0x80 | (unsigned)a->ton << 4 | a->npi);
	if (a->ton == TON_ALPHANUMERIC) {
		if (name_septets(a->text, strlen(a->text), septets, &n_septets) < 0 ||
			gsm7_pack(septets, n_septets, 0, dst + 1, TPDU_ADDRESS_MAX - 2, &n_octets) < 0)
			return -EINVAL;
		*ret_semi = (unsigned)(n_septets * 7 + 3) / 4;
		return (int)n_octets + 1;
	}
	n = put_digits(a->text, dst + 1);
	if (n < 0)
		return n;
	*ret_semi = (unsigned)n;
	return (n + 1) / 2 + 1;
}

static int put(const struct tpdu_address *a, bool centre, uint8_t *dst, size_t cap, size_t *ret_n)
{
	uint8_t value[TPDU_ADDRESS_MAX - 1];
	unsigned n_semi;
	int n = put_value(a, value, &n_semi);

	if (n < 0)
		return n;
	if (cap < (size_t)n + 1)
		return -ENOBUFS;
	dst[0] = (uint8_t)(centre ? (unsigned)n : n_semi);
	memcpy(dst + 1, value, (size_t)n);
	*ret_n = (size_t)n + 1;
	return 0;
}

int tpdu_address_put(const struct tpdu_address *a, uint8_t *dst, size_t cap, size_t *ret_n)
{
	return put(a, false, dst, cap, ret_n);
}

/* ---- the service centre ---------------------------------------------------------------------------------- */

int tpdu_centre_read(const uint8_t *src, size_t n, struct tpdu_address *ret, size_t *ret_n)
{
	*ret = (struct tpdu_address){ .ton = TON_UNKNOWN };
	if (n < 1 || src[0] > TPDU_ADDRESS_MAX - 1 || n < 1u + src[0])
		return -EBADMSG;
	*ret_n = 1u + src[0];
	if (src[0] == 0)
		return 0;
	read_type(src[1], ret);
	ret->n = (uint8_t)((src[0] - 1u) * 2);
	if (ret->ton == TON_ALPHANUMERIC) {
		read_name(src + 2, src[0] - 1u, ret);
		return 0;
	}
	if (ret->n > 0 && src[src[0]] >> 4 == FILLER)
		ret->n--;
	read_digits(src + 2, ret->n, ret);
	return 0;
}

int tpdu_centre_put(const struct tpdu_address *a, uint8_t *dst, size_t cap, size_t *ret_n)
{
	if (a->text[0])
		return put(a, true, dst, cap, ret_n);
	if (cap < 1)
		return -ENOBUFS;
	dst[0] = 0;
	*ret_n = 1;
	return 0;
}
