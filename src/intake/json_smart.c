/* SPDX-License-Identifier: Apache-2.0 */
/* json_smart.c -- replace what word processors put into texts by what GSM-7 has.
 *
 * One curly quote turns 160 characters into 70.  Only marks are replaced whose look-alike says the same:
 * quotes, dashes, blanks, bullets, and characters that show nothing.  Letters are never touched: that would
 * be transliteration, and a name belongs to its bearer.
 */
#include "intake/json_message.h"

#include "codec/utf8.h"

#include <string.h>

/* Sorted by code point. */
static const struct {
	uint32_t cp;
	const char *with;
} table[] = {
	{0x0060, "'"},	 /* ` GRAVE ACCENT */
	{0x00a0, " "},	 /* NO-BREAK SPACE */
	{0x00ab, "\""},	 /* « */
	{0x00ad, ""},	 /* SOFT HYPHEN */
	{0x00b4, "'"},	 /* ´ ACUTE ACCENT */
	{0x00b7, "."},	 /* · MIDDLE DOT */
	{0x00bb, "\""},	 /* » */
	{0x02bc, "'"},	 /* MODIFIER LETTER APOSTROPHE */
	{0x2002, " "},	 /* EN SPACE */
	{0x2003, " "},	 /* EM SPACE */
	{0x2007, " "},	 /* FIGURE SPACE */
	{0x2008, " "},	 /* PUNCTUATION SPACE */
	{0x2009, " "},	 /* THIN SPACE */
	{0x200a, " "},	 /* HAIR SPACE */
	{0x200b, ""},	 /* ZERO WIDTH SPACE */
	{0x2010, "-"},	 /* HYPHEN */
	{0x2011, "-"},	 /* NON-BREAKING HYPHEN */
	{0x2012, "-"},	 /* FIGURE DASH */
	{0x2013, "-"},	 /* EN DASH */
	{0x2014, "-"},	 /* EM DASH */
	{0x2015, "-"},	 /* HORIZONTAL BAR */
	{0x2018, "'"},	 /* ‘ */
	{0x2019, "'"},	 /* ’ */
	{0x201a, "'"},	 /* ‚ */
	{0x201b, "'"},	 /* ‛ */
	{0x201c, "\""},	 /* “ */
	{0x201d, "\""},	 /* ” */
	{0x201e, "\""},	 /* „ */
	{0x201f, "\""},	 /* ‟ */
	{0x2022, "-"},	 /* BULLET */
	{0x2026, "..."}, /* … */
	{0x202f, " "},	 /* NARROW NO-BREAK SPACE */
	{0x2032, "'"},	 /* PRIME */
	{0x2033, "\""},	 /* DOUBLE PRIME */
	{0x2039, "'"},	 /* ‹ */
	{0x203a, "'"},	 /* › */
	{0x2060, ""},	 /* WORD JOINER */
	{0x2212, "-"},	 /* MINUS SIGN */
	{0x3000, " "},	 /* IDEOGRAPHIC SPACE */
	{0xfeff, ""},	 /* ZERO WIDTH NO-BREAK SPACE */
};

static const char *look_alike(uint32_t cp)
{
	size_t lo = 0, hi = sizeof(table) / sizeof(table[0]);

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (table[mid].cp == cp)
			return table[mid].with;
		if (table[mid].cp < cp)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

size_t json_message_smart(const char *s, size_t n, char *dst)
{
	size_t used = 0, len;
	uint32_t cp;

	for (size_t i = 0; i < n; i += len) {
		const char *with, *from = s + i;

		len = utf8_next(s + i, n - i, &cp);
		if (len == 0)
			break;
		with = look_alike(cp);
		if (with)
			from = with;
		memcpy(dst + used, from, with ? strlen(with) : len);
		used += with ? strlen(with) : len;
	}
	return used;
}
