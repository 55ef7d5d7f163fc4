/* SPDX-License-Identifier: Apache-2.0 */
/* modem_text.c -- the default alphabet of TS 23.038, clause 6.2.1, written down anew, and UTF-16.
 *
 * The table is one string in the order of the standard; a table of code points would be the same thing harder to check
 * against the page.
 */
#include "modem_text.h"

#include <stdio.h>
#include <string.h>

#include "modem_tpdu.h"

static const char *const alphabet[128] = {
	"@", "£", "$", "¥", "è", "é", "ù", "ì", "ò", "Ç", "\n", "Ø", "ø", "\r", "Å", "å", /* 0x */
	"Δ", "_", "Φ", "Γ", "Λ", "Ω", "Π", "Ψ", "Σ", "Θ", "Ξ", NULL, "Æ", "æ", "ß", "É",  /* 1x */
	" ", "!", "\"", "#", "¤", "%", "&", "'", "(", ")", "*", "+", ",", "-", ".", "/",  /* 2x */
	"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", ":", ";", "<", "=", ">", "?",	  /* 3x */
	"¡", "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O",	  /* 4x */
	"P", "Q", "R", "S", "T", "U", "V", "W", "X", "Y", "Z", "Ä", "Ö", "Ñ", "Ü", "§",	  /* 5x */
	"¿", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o",	  /* 6x */
	"p", "q", "r", "s", "t", "u", "v", "w", "x", "y", "z", "ä", "ö", "ñ", "ü", "à",	  /* 7x */
};

static const struct {
	uint8_t code;
	const char *utf8;
} extension[] = {{0x0A, "\f"}, {0x14, "^"}, {0x28, "{"}, {0x29, "}"}, {0x2F, "\\"}, {0x3C, "["}, {0x3D, "~"},
	{0x3E, "]"}, {0x40, "|"}, {0x65, "€"}};

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

int modem_text_next(const char *s, char *out)
{
	uint8_t c = (uint8_t)*s;
	int n = c < 0x80 ? 1 : c >= 0xC2 && c < 0xE0 ? 2 : c >= 0xE0 && c < 0xF0 ? 3 : c >= 0xF0 && c < 0xF5 ? 4 : -1;

	if (c == 0 || n < 0)
		return -1;
	for (int i = 1; i < n; i++)
		if (((uint8_t)s[i] & 0xC0) != 0x80)
			return -1;
	memcpy(out, s, (size_t)n);
	out[n] = 0;
	return n;
}

static uint32_t code_point(const char *s, int n)
{
	uint32_t cp = n == 1 ? (uint8_t)s[0] : (uint8_t)s[0] & (0x7Fu >> n);

	for (int i = 1; i < n; i++)
		cp = cp << 6 | ((uint8_t)s[i] & 0x3Fu);
	return cp;
}

static char *put_code_point(char *p, uint32_t cp)
{
	if (cp < 0x80) {
		*p++ = (char)cp;
	} else if (cp < 0x800) {
		*p++ = (char)(0xC0 | cp >> 6);
		*p++ = (char)(0x80 | (cp & 0x3F));
	} else if (cp < 0x10000) {
		*p++ = (char)(0xE0 | cp >> 12);
		*p++ = (char)(0x80 | (cp >> 6 & 0x3F));
		*p++ = (char)(0x80 | (cp & 0x3F));
	} else {
		*p++ = (char)(0xF0 | cp >> 18);
		*p++ = (char)(0x80 | (cp >> 12 & 0x3F));
		*p++ = (char)(0x80 | (cp >> 6 & 0x3F));
		*p++ = (char)(0x80 | (cp & 0x3F));
	}
	return p;
}

static const char *extended(uint8_t code)
{
	for (size_t i = 0; i < N_OF(extension); i++)
		if (extension[i].code == code)
			return extension[i].utf8;
	return alphabet[code] ? alphabet[code] : " ";
}

void tpdu_septets_to_utf8(const uint8_t *septets, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++) {
		const char *s = septets[i] == 0x1B ? i + 1 < n ? extended(septets[++i]) : " " : alphabet[septets[i]];

		out = stpcpy(out, s);
	}
	*out = 0;
}

static int one_to_septets(const char *character, uint8_t *out)
{
	for (size_t i = 0; i < N_OF(alphabet); i++) {
		if (alphabet[i] && strcmp(alphabet[i], character) == 0) {
			out[0] = (uint8_t)i;
			return 1;
		}
	}
	for (size_t i = 0; i < N_OF(extension); i++) {
		if (strcmp(extension[i].utf8, character) == 0) {
			out[0] = 0x1B;
			out[1] = extension[i].code;
			return 2;
		}
	}
	return -1;
}

int tpdu_utf8_to_septets(const char *utf8, uint8_t *septets, size_t max)
{
	size_t used = 0;
	char character[5];
	uint8_t one[2];

	while (*utf8) {
		int n_char = modem_text_next(utf8, character);
		int n = n_char < 0 ? -1 : one_to_septets(character, one);

		if (n < 0 || used + (size_t)n > max)
			return -1;
		memcpy(septets + used, one, (size_t)n);
		used += (size_t)n;
		utf8 += n_char;
	}
	return (int)used;
}

bool tpdu_is_gsm7(const char *utf8)
{
	char character[5];
	uint8_t one[2];

	while (*utf8) {
		int n = modem_text_next(utf8, character);

		if (n < 0 || one_to_septets(character, one) < 0)
			return false;
		utf8 += n;
	}
	return true;
}

int tpdu_utf8_to_ucs2(const char *utf8, uint8_t *out, size_t max)
{
	char character[5];
	size_t n = 0;

	while (*utf8) {
		int n_char = modem_text_next(utf8, character);
		uint32_t cp = n_char < 0 ? 0 : code_point(character, n_char);
		uint32_t high = cp > 0xFFFF ? 0xD7C0 + (cp >> 10) : cp;
		size_t need = cp > 0xFFFF ? 4 : 2;

		if (n_char < 0 || n + need > max)
			return -1;
		out[n] = (uint8_t)(high >> 8);
		out[n + 1] = (uint8_t)high;
		if (need == 4) {
			out[n + 2] = (uint8_t)(0xDC | (cp >> 8 & 3));
			out[n + 3] = (uint8_t)cp;
		}
		n += need;
		utf8 += n_char;
	}
	return (int)n;
}

void tpdu_ucs2_to_utf8(const uint8_t *p, size_t n, char *out)
{
	for (size_t i = 0; i + 1 < n; i += 2) {
		uint32_t cp = (uint32_t)p[i] << 8 | p[i + 1];

		if (cp >= 0xD800 && cp < 0xDC00 && i + 3 < n) {
			uint32_t low = (uint32_t)p[i + 2] << 8 | p[i + 3];

			cp = 0x10000 + ((cp & 0x3FF) << 10 | (low & 0x3FF));
			i += 2;
		}
		out = put_code_point(out, cp);
	}
	*out = 0;
}

uint8_t tpdu_septet(const uint8_t *p, size_t index)
{
	size_t bit = 7 * index, at = bit / 8, shift = bit % 8;
	unsigned v = p[at] >> shift;

	if (shift > 1)
		v |= (unsigned)p[at + 1] << (8 - shift);
	return v & 0x7F;
}

void tpdu_pack(uint8_t *out, size_t at, const uint8_t *septets, size_t n)
{
	for (size_t i = 0; i < n; i++, at += 7) {
		unsigned v = (unsigned)septets[i] << (at % 8);

		out[at / 8] |= (uint8_t)v;
		if (v > 0xFF)
			out[at / 8 + 1] |= (uint8_t)(v >> 8);
	}
}
