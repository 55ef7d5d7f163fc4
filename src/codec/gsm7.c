/* SPDX-License-Identifier: Apache-2.0 */
/* gsm7.c -- reading septets, packing them, and the names of the languages.
 *
 * Every text passes through here at least twice, so nothing is searched: from septet to character by one index, from
 * character to septet by one index into the first 256 code points (all of ASCII and Latin-1) or by two for the rest
 * (gsm7_tables.h).
 *
 * The cells are those of 3GPP TS 23.038, 6.2.1, 6.2.1.1 and annex A.  Septet 09 is the capital C with cedilla, as the
 * document shows it; the mapping file that Unicode publishes has the small one there, phones do not. */
#include "codec/gsm7.h"

#include "codec/utf8.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* 3GPP TS 23.038, 6.2.1.2.4 */
static const char names[GSM7_LANGUAGES][3] = {
	"", "tr", "es", "pt", "bn", "gu", "hi", "kn", "ml", "or", "pa", "ta", "te", "ur",
};

const char *gsm7_language_name(unsigned id)
{
	return id > 0 && id < GSM7_LANGUAGES ? names[id] : NULL;
}

unsigned gsm7_language(const char *name)
{
	for (unsigned i = 1; i < GSM7_LANGUAGES; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return 0;
}

static struct gsm7_shift known(struct gsm7_shift shift)
{
	if (shift.locking >= GSM7_LANGUAGES)
		shift.locking = 0;
	if (shift.single >= GSM7_LANGUAGES)
		shift.single = 0;
	return shift;
}

/* The character at `s`, of which `n` (1 or more) septets are left; returns the septets it takes. */
static size_t read_septet(const uint8_t *s, size_t n, struct gsm7_shift shift, uint32_t *ret_cp)
{
	uint8_t code = s[0] & 0x7f;

	if (code != GSM7_ESC) {
		*ret_cp = gsm7_main[shift.locking][code];
		return 1;
	}
	if (n < 2) {
		*ret_cp = ' ';
		return 1;
	}
	code = s[1] & 0x7f;
	*ret_cp = gsm7_single[shift.single][code];
	if (*ret_cp == 0)
		*ret_cp = gsm7_main[shift.locking][code];
	return 2;
}

int gsm7_decode(
	const uint8_t *septets, size_t n, struct gsm7_shift shift, char *dst, size_t cap, size_t *ret_n)
{
	size_t at = 0;

	shift = known(shift);
	for (size_t i = 0; i < n;) {
		uint32_t cp;
		size_t len;

		i += read_septet(septets + i, n - i, shift, &cp);
		len = utf8_put(dst + at, cap - at, cp);
		if (len == 0)
			return -ENOBUFS;
		at += len;
	}
	*ret_n = at;
	return 0;
}

int gsm7_pack(const uint8_t *septets, size_t n, unsigned fill_bits, uint8_t *dst, size_t cap, size_t *ret_n)
{
	unsigned n_bits = fill_bits; /* held in `bits`, not yet written; below 8 at the head of the loop */
	uint32_t bits = 0;
	size_t at = 0;

	if (n > (SIZE_MAX - 14) / 7 || (n * 7 + fill_bits + 7) / 8 > cap)
		return -ENOBUFS;
	for (size_t i = 0; i < n; i++) {
		bits |= (uint32_t)(septets[i] & 0x7f) << n_bits;
		n_bits += 7;
		while (n_bits >= 8) {
			dst[at++] = (uint8_t)bits;
			bits >>= 8;
			n_bits -= 8;
		}
	}
	if (n_bits > 0)
		dst[at++] = (uint8_t)bits;
	*ret_n = at;
	return 0;
}

int gsm7_unpack(const uint8_t *src, size_t n, unsigned fill_bits, uint8_t *septets, size_t n_septets)
{
	size_t bit = fill_bits;

	if (n > SIZE_MAX / 8 || n * 8 < fill_bits || (n * 8 - fill_bits) / 7 < n_septets)
		return -EBADMSG;
	for (size_t i = 0; i < n_septets; i++, bit += 7) {
		unsigned two = src[bit / 8];

		/* Reaching into the next octet, which the check above has counted. */
		if (bit % 8 > 1)
			two |= (unsigned)src[bit / 8 + 1] << 8;
		septets[i] = two >> bit % 8 & 0x7f;
	}
	return 0;
}
