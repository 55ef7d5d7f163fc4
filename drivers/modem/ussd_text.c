/* SPDX-License-Identifier: Apache-2.0 */
/* ussd_text.c -- the texts of +CUSD, in the three ways in which modems write them.
 *
 * The standard leaves the form to AT+CSCS and to the coding scheme behind the text, and makers did as they liked: plain
 * letters, packed septets in hexadecimal, UCS-2 in hexadecimal.  Where the make does not say (conf/modems), the text
 * itself tells: hexadecimal in fours that begin alike is UCS-2; hexadecimal with letters among its digits that unpacks
 * to nothing but what can be printed is packed; the rest is plain, as a balance of 12345678 is. */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/gsm7.h"
#include "codec/ucs2.h"
#include "codec/utf8.h"
#include "drivers/modem/at.h"
#include "drivers/modem/ussd.h"

#define OCTETS_MAX 520

/* The coding scheme of cell broadcast (3GPP TS 23.038, 5): is it UCS-2? */
static bool is_ucs2_scheme(long dcs)
{
	return dcs == 17 || ((dcs & 0xcc) == 0x48 && dcs >= 0) || ((dcs & 0xfc) == 0x98 && dcs >= 0);
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* -1: it is not all hexadecimal. */
static int octets_of(const char *s, size_t n, uint8_t dst[static OCTETS_MAX])
{
	if (n == 0 || n % 2 || n / 2 > OCTETS_MAX)
		return -1;
	for (size_t i = 0; i < n / 2; i++) {
		int a = nibble(s[2 * i]), b = nibble(s[2 * i + 1]);

		if (a < 0 || b < 0)
			return -1;
		dst[i] = (uint8_t)(a << 4 | b);
	}
	return (int)(n / 2);
}

/* All characters of one page or two, as those of a language are. */
static bool looks_like_ucs2(const uint8_t *o, int n)
{
	int page = -1;

	if (n < 4 || n % 2)
		return false;
	for (int i = 0; i < n; i += 2) {
		if (o[i] == 0 || o[i] == 0x20)
			continue;
		if (page >= 0 && o[i] != page)
			return false;
		page = o[i];
	}
	return page < 0 || page <= 0x0e;
}

/* Septets of so many octets, without what only fills (23.038, 6.1.2.3.1). */
static size_t unpack(const uint8_t *o, int n, uint8_t *septets)
{
	size_t n_septets = (size_t)n * 8 / 7;

	if (gsm7_unpack(o, (size_t)n, 0, septets, n_septets) < 0)
		return 0;
	if (n_septets % 8 == 0 && n_septets > 0 && (septets[n_septets - 1] == '\r' || septets[n_septets - 1] == 0))
		n_septets--;
	return n_septets;
}

static bool looks_packed(const char *s, size_t n, const uint8_t *o, int n_octets)
{
	uint8_t septets[OCTETS_MAX * 8 / 7 + 1];
	size_t n_septets = n_octets > 0 ? unpack(o, n_octets, septets) : 0;

	if (n_septets < 4 || strspn(s, "0123456789") >= n)
		return false;
	for (size_t i = 0; i < n_septets; i++) {
		/* Greek capitals are rare, and so many in a row are not text. */
		if (septets[i] > 0x0f && septets[i] < 0x20 && septets[i] != GSM7_ESC)
			return false;
	}
	return true;
}

static enum conf_make_ussd form_of(const char *s, size_t n, const uint8_t *o, int n_octets, long dcs)
{
	if (n_octets < 0)
		return CONF_MAKE_USSD_PLAIN;
	if (n_octets % 2 == 0 && (is_ucs2_scheme(dcs) || looks_like_ucs2(o, n_octets)))
		return CONF_MAKE_USSD_UCS2;
	return looks_packed(s, n, o, n_octets) ? CONF_MAKE_USSD_PACKED : CONF_MAKE_USSD_PLAIN;
}

static void decode(const char *s, size_t n, long dcs, enum conf_make_ussd form, char text[static USSD_TEXT_MAX])
{
	uint8_t o[OCTETS_MAX], septets[OCTETS_MAX * 8 / 7 + 1];
	int n_octets = octets_of(s, n, o);
	size_t k = 0;

	if (n_octets < 0)
		form = CONF_MAKE_USSD_PLAIN; /* whatever the make does as a rule */
	else if (form == CONF_MAKE_USSD_PACKED && is_ucs2_scheme(dcs))
		form = CONF_MAKE_USSD_UCS2;
	else if (form == CONF_MAKE_USSD_AUTO)
		form = form_of(s, n, o, n_octets, dcs);
	if (form == CONF_MAKE_USSD_UCS2)
		ucs2_to_utf8(o, (size_t)n_octets, text, USSD_TEXT_MAX - 1, &k);
	else if (form == CONF_MAKE_USSD_PACKED)
		gsm7_decode(septets, unpack(o, n_octets, septets), (struct gsm7_shift){ 0, 0 }, text, USSD_TEXT_MAX - 1, &k);
	else if (n * 2 < USSD_TEXT_MAX && utf8_check(s, n, NULL) < 0)
		latin1_to_utf8((const uint8_t *)s, n, text, USSD_TEXT_MAX - 1, &k);
	else
		memcpy(text, s, k = n < USSD_TEXT_MAX ? n : 0);
	text[k] = '\0';
}

int ussd_read(const char *line, enum conf_make_ussd form, unsigned *ret_status, char text[static USSD_TEXT_MAX])
{
	const char *rest = at_after(line, "+CUSD:"), *from, *to;
	struct at_fields f = { rest };
	char status[8];
	long dcs = -1;

	text[0] = '\0';
	if (!rest || at_field(&f, status, sizeof(status)) < 0 || status[0] < '0' || status[0] > '9')
		return -EINVAL;
	*ret_status = (unsigned)atoi(status);
	from = strchr(rest, '"');
	to = from ? strrchr(from + 1, '"') : NULL;
	if (!from)
		return 0;
	from++;
	if (!to)
		to = from + strlen(from); /* its end was lost */
	else if (to[1] == ',')
		dcs = strtol(to + 2, NULL, 10);
	decode(from, (size_t)(to - from), dcs, form, text);
	return 0;
}

/* ---- the other way ---- */

static int put_hex(const uint8_t *o, size_t n, char *dst, size_t cap)
{
	if (2 * n + 1 > cap)
		return -EMSGSIZE;
	for (size_t i = 0; i < n; i++)
		snprintf(dst + 2 * i, 3, "%02X", o[i]);
	return 0;
}

static int put_packed(const char *code, char *dst, size_t cap)
{
	uint8_t septets[DRIVER_USSD_MAX + 1], o[DRIVER_USSD_MAX];
	size_t n = 0, n_octets;

	for (const char *s = code; *s; s++) {
		int c = (unsigned char)*s < 0x80 ? gsm7_encode((uint32_t)*s) : -1;

		if (c < 0 || c > 0x7f)
			return -EINVAL;
		if (n == DRIVER_USSD_MAX)
			return -EMSGSIZE;
		septets[n++] = (uint8_t)c;
	}
	if (n % 8 == 7)
		septets[n++] = '\r'; /* else it would read as one more @ (23.038, 6.1.2.3.1) */
	if (gsm7_pack(septets, n, 0, o, sizeof(o), &n_octets) < 0)
		return -EMSGSIZE;
	return put_hex(o, n_octets, dst, cap);
}

int ussd_write(const char *code, enum conf_make_ussd form, char *dst, size_t cap)
{
	uint8_t o[2 * DRIVER_USSD_MAX];
	size_t n = strlen(code);

	if (form == CONF_MAKE_USSD_PACKED)
		return put_packed(code, dst, cap);
	if (form == CONF_MAKE_USSD_UCS2)
		return n > DRIVER_USSD_MAX || ucs2_from_utf8(code, n, o, sizeof(o), &n) < 0 ? -EMSGSIZE :
			put_hex(o, n, dst, cap);
	for (const char *s = code; *s; s++) {
		if ((unsigned char)*s < ' ' || (unsigned char)*s > '~' || *s == '"')
			return -EINVAL;
	}
	if (n >= cap)
		return -EMSGSIZE;
	memcpy(dst, code, n + 1);
	return 0;
}
