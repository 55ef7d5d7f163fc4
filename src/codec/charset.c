/* SPDX-License-Identifier: Apache-2.0 */
/* charset.c -- see charset.h.  Names of converters: ICU's own, which it documents as its aliases of IANA names. */
#include "codec/charset.h"

#include "codec/utf8.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/ucnv.h>
#include <unicode/ucnv_cb.h>
#include <unicode/utf16.h>

#define ESC 0x1b

enum table { ISO_8859_5, ISO_8859_8, ISO_2022_JP, EUC_JP, SHIFT_JIS, EUC_KR, TABLES };

static const char *const names[TABLES] = {
	[ISO_8859_5] = "ISO-8859-5",
	[ISO_8859_8] = "ISO-8859-8",
	[ISO_2022_JP] = "ISO-2022-JP-2", /* the one that has JIS X 0212 as well */
	[EUC_JP] = "EUC-JP",
	[SHIFT_JIS] = "Shift_JIS",
	[EUC_KR] = "windows-949",
};

struct charsets {
	UConverter *open[TABLES];
	UChar *units; /* as many as the longest text had octets, and what a converter may add */
	uint8_t *octets;
	size_t room;
};

struct charsets *charsets_new(void)
{
	return calloc(1, sizeof(struct charsets));
}

void charsets_free(struct charsets *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < TABLES; i++)
		if (c->open[i])
			ucnv_close(c->open[i]);
	free(c->units);
	free(c->octets);
	free(c);
}

/* ICU's own substitution writes U+001A for some; a text should show U+FFFD for all. */
static void U_CALLCONV replace(const void *context, UConverterToUnicodeArgs *args, const char *s, int32_t n,
	UConverterCallbackReason reason, UErrorCode *code)
{
	static const UChar unknown = 0xfffd;

	if (reason > UCNV_IRREGULAR)
		return; /* open, close, reset, clone */
	*code = U_ZERO_ERROR;
	ucnv_cbToUWriteUChars(args, &unknown, 1, 0, code);
}

static UConverter *converter(struct charsets *c, enum table t)
{
	UErrorCode code = U_ZERO_ERROR;

	if (!c->open[t]) {
		c->open[t] = ucnv_open(names[t], &code);
		if (U_FAILURE(code))
			c->open[t] = NULL;
	}
	return c->open[t];
}

#define DESIGNATION 8u /* octets of escape sequences around a text */

static int make_room(struct charsets *c, size_t n)
{
	size_t room = n + DESIGNATION;
	UChar *units;
	uint8_t *octets;

	if (room <= c->room)
		return 0;
	units = realloc(c->units, (2 * room + 2) * sizeof(*units));
	if (units)
		c->units = units;
	octets = realloc(c->octets, room);
	if (octets)
		c->octets = octets;
	if (!units || !octets)
		return -ENOMEM;
	c->room = room;
	return 0;
}

/* UTF-16 into c->units: how many; -ENOTSUP without the table.  -EILSEQ: `strict`, and it is no such text. */
static int32_t units_of(struct charsets *c, enum table t, bool strict, const uint8_t *src, size_t n)
{
	UConverter *cnv = converter(c, t);
	UErrorCode code = U_ZERO_ERROR;
	int32_t n_units;

	if (!cnv)
		return -ENOTSUP;
	ucnv_setToUCallBack(cnv, strict ? UCNV_TO_U_CALLBACK_STOP : replace, NULL, NULL, NULL, &code);
	n_units = ucnv_toUChars(cnv, c->units, (int32_t)(2 * c->room + 2), (const char *)src, (int32_t)n, &code);
	if (code == U_BUFFER_OVERFLOW_ERROR)
		return -ENOBUFS;
	return U_FAILURE(code) ? -EILSEQ : n_units;
}

/* ---- Japanese ---- */

static bool is_pairs(const uint8_t *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] < 0x21 || s[i] > 0x7e)
			return false;
	return n % 2 == 0;
}

/* The pairs of the set, with the escape sequences that name it and lead back to ASCII (RFC 1554). */
static int32_t read_pairs(struct charsets *c, const char *designation, const uint8_t *src, size_t n)
{
	size_t n_head = strlen(designation);

	memcpy(c->octets, designation, n_head);
	memcpy(c->octets + n_head, src, n);
	memcpy(c->octets + n_head + n, "\033(B", 3);
	return units_of(c, ISO_2022_JP, true, c->octets, n_head + n + 3);
}

static int32_t read_japanese(struct charsets *c, const char *designation, const uint8_t *src, size_t n)
{
	int32_t r = -EILSEQ;

	if (memchr(src, ESC, n))
		return units_of(c, ISO_2022_JP, false, src, n);
	if (is_pairs(src, n))
		r = read_pairs(c, designation, src, n);
	if (r == -EILSEQ)
		r = units_of(c, EUC_JP, true, src, n);
	if (r == -EILSEQ)
		r = units_of(c, SHIFT_JIS, true, src, n);
	return r == -EILSEQ ? units_of(c, EUC_JP, false, src, n) : r;
}

static int32_t read_any(struct charsets *c, enum data_coding_alphabet a, const uint8_t *src, size_t n)
{
	switch (a) {
	case CODING_ISO_8859_5:
		return units_of(c, ISO_8859_5, false, src, n);
	case CODING_ISO_8859_8:
		return units_of(c, ISO_8859_8, false, src, n);
	case CODING_ISO_2022_JP:
		return units_of(c, ISO_2022_JP, false, src, n);
	case CODING_KS_C_5601:
		return units_of(c, EUC_KR, false, src, n);
	case CODING_JIS_X_0208:
		return read_japanese(c, "\033$B", src, n);
	case CODING_JIS_X_0212:
		return read_japanese(c, "\033$(D", src, n);
	case CODING_DEFAULT:
	case CODING_GSM7:
	case CODING_ASCII:
	case CODING_OCTETS:
	case CODING_LATIN1:
	case CODING_UCS2:
	case CODING_N:
		break;
	}
	return -ENOTSUP;
}

int charset_to_utf8(struct charsets *c, enum data_coding_alphabet a, const uint8_t *src, size_t n, char *dst,
	size_t cap, size_t *ret_n)
{
	size_t n_dst = 0;
	int32_t n_units;

	if (n > INT32_MAX / 4)
		return -ENOBUFS;
	if (make_room(c, n) < 0)
		return -ENOMEM;
	n_units = n ? read_any(c, a, src, n) : 0;
	if (n_units < 0)
		return n_units;
	for (int32_t i = 0; i < n_units;) {
		UChar32 cp;
		size_t len;

		U16_NEXT(c->units, i, n_units, cp);
		len = utf8_put(dst + n_dst, cap - n_dst, (uint32_t)cp);
		if (!len)
			return -ENOBUFS;
		n_dst += len;
	}
	*ret_n = n_dst;
	return 0;
}
