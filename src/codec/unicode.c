/* SPDX-License-Identifier: Apache-2.0 */
/* unicode.c -- see unicode.h.
 *
 * ICU works on UTF-16 or on a UText over our UTF-8; a UText and a break iterator are opened once and pointed at text
 * after text, which allocates nothing.  The normaliser is a singleton of ICU's and needs no closing. */
#include "codec/unicode.h"

#include "codec/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utext.h>

struct unicode {
	UBreakIterator *clusters; /* NULL until needed */
	UText text;
};

struct unicode *unicode_new(void)
{
	struct unicode *u = calloc(1, sizeof(*u));

	if (u)
		u->text = (UText)UTEXT_INITIALIZER;
	return u;
}

void unicode_free(struct unicode *u)
{
	if (!u)
		return;
	if (u->clusters)
		ubrk_close(u->clusters);
	utext_close(&u->text);
	free(u);
}

/* ---- grapheme clusters ---------------------------------------------------------------------------------- */

/* What of a long text is shown to the iterator: no cluster that a person writes comes near to it. */
#define CLUSTER_WINDOW 512

static bool is_ascii_joint(const char *s, size_t at)
{
	unsigned char before = (unsigned char)s[at - 1], after = (unsigned char)s[at];

	return before < 0x80 && after < 0x80 && !(before == '\r' && after == '\n');
}

static bool ready(struct unicode *u)
{
	UErrorCode e = U_ZERO_ERROR;

	if (!u->clusters)
		u->clusters = ubrk_open(UBRK_CHARACTER, "", NULL, 0, &e);
	return U_SUCCESS(e);
}

/* Back to the beginning of a character, or forward to the end of one. */
static size_t char_start(const char *s, size_t at)
{
	while (at > 0 && ((unsigned char)s[at] & 0xc0) == 0x80)
		at--;
	return at;
}

/* Characters that begin a cluster wherever one of them stands before: letters and signs that are neither marks nor
 * controls nor pictographs nor syllables in pieces, of the scripts that are most in use. */
static bool is_simple(uint32_t cp)
{
	return (cp >= 0x20 && cp < 0x7f) || (cp > 0xae && cp < 0x300) || (cp >= 0x370 && cp < 0x483) ||
	       (cp > 0x489 && cp < 0x591) || (cp >= 0x5d0 && cp < 0x5eb) || (cp >= 0x620 && cp < 0x64b) ||
	       (cp >= 0x660 && cp < 0x670) || (cp > 0x670 && cp < 0x6d6) || (cp >= 0x904 && cp < 0x93a) ||
	       (cp >= 0x3041 && cp < 0x3097) || (cp >= 0x30a0 && cp < 0x3100) || (cp >= 0x4e00 && cp < 0xa000);
}

static bool is_simple_joint(const char *s, size_t n, size_t at)
{
	size_t before = char_start(s, at - 1);
	uint32_t cp;

	utf8_next(s + at, n - at, &cp);
	if (!is_simple(cp))
		return false;
	utf8_next(s + before, at - before, &cp);
	return is_simple(cp);
}

size_t unicode_cluster_start(struct unicode *u, const char *s, size_t n, size_t at)
{
	UErrorCode e = U_ZERO_ERROR;
	size_t from, to;
	int32_t found;

	if (at == 0 || at >= n || is_ascii_joint(s, at) || is_simple_joint(s, n, at))
		return at;
	if (!ready(u))
		return at;
	from = at > CLUSTER_WINDOW ? char_start(s, at - CLUSTER_WINDOW) : 0;
	to = n - at > CLUSTER_WINDOW ? char_start(s, at + CLUSTER_WINDOW) : n;
	utext_openUTF8(&u->text, s + from, (int64_t)(to - from), &e);
	ubrk_setUText(u->clusters, &u->text, &e);
	if (U_FAILURE(e) || ubrk_isBoundary(u->clusters, (int32_t)(at - from)))
		return at;
	found = ubrk_preceding(u->clusters, (int32_t)(at - from));
	return found == UBRK_DONE || (found == 0 && from > 0) ? (from > 0 ? at : 0) : from + (size_t)found;
}

int unicode_cluster_marks(struct unicode *u, const char *s, size_t n, uint64_t *marks)
{
	UErrorCode e = U_ZERO_ERROR;

	if (!ready(u))
		return -ENOMEM;
	utext_openUTF8(&u->text, s, (int64_t)n, &e);
	ubrk_setUText(u->clusters, &u->text, &e);
	if (U_FAILURE(e))
		return -ENOMEM;
	memset(marks, 0, (n / 64 + 1) * sizeof(*marks));
	for (int32_t at = ubrk_first(u->clusters); at != UBRK_DONE; at = ubrk_next(u->clusters))
		marks[at / 64] |= UINT64_C(1) << (at % 64);
	return 0;
}

/* ---- normalisation --------------------------------------------------------------------------------------- */

struct sink {
	char *at;
	size_t n, cap;
};

int unicode_nfc(struct unicode *u, const char *s, size_t n, char *dst, size_t cap, size_t *ret_n)
{
	(void)u; (void)s; (void)n; (void)dst; (void)cap; (void)ret_n;
	return -ENOSYS;
}

const char *unicode_name(uint32_t cp, char *buf, size_t cap)
{
	UErrorCode e = U_ZERO_ERROR;

	if (u_charName((UChar32)cp, U_UNICODE_CHAR_NAME, buf, (int32_t)cap, &e) <= 0 || U_FAILURE(e))
		buf[0] = '\0';
	return buf;
}
