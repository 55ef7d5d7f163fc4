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

#define TEXT_MAX         (1 << 20) /* octets; far from where ICU's 32 bit lengths end */
#define FIRST_TO_COMPOSE 0x300
#define NFC_GROWTH       3 /* times, at most (Unicode Standard Annex 15) */

struct unicode {
	UBreakIterator *clusters; /* NULL until needed */
	UText text;
	UChar *from, *to; /* the text as UTF-16, and what became of it */
	size_t n_from, n_to; /* their room */
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
	free(u->from);
	free(u->to);
	free(u);
}

/* ---- grapheme clusters ---------------------------------------------------------------------------------- */

/* What of a long text is shown to the iterator on either side, at least: no cluster that a person writes comes near
 * to it. */
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

/* Back to the beginning of a character. */
static size_t char_start(const char *s, size_t at)
{
	while (at > 0 && ((unsigned char)s[at] & 0xc0) == 0x80)
		at--;
	return at;
}

/* Back to an ASCII character.  What stands before one does not matter for what follows it; behind a flag it would, as
 * flags are pairs that are counted from the first. */
static size_t window_start(const char *s, size_t at)
{
	while (at > 0 && (unsigned char)s[at] >= 0x80)
		at--;
	return at;
}

size_t unicode_cluster_start(struct unicode *u, const char *s, size_t n, size_t at)
{
	UErrorCode e = U_ZERO_ERROR;
	size_t from, to;
	int32_t found;

	if (at == 0 || at >= n || is_ascii_joint(s, at))
		return at;
	if (!ready(u))
		return at;
	from = at > CLUSTER_WINDOW ? window_start(s, at - CLUSTER_WINDOW) : 0;
	to = n - at > CLUSTER_WINDOW ? char_start(s, at + CLUSTER_WINDOW) : n;
	utext_openUTF8(&u->text, s + from, (int64_t)(to - from), &e);
	ubrk_setUText(u->clusters, &u->text, &e);
	if (U_FAILURE(e) || ubrk_isBoundary(u->clusters, (int32_t)(at - from)))
		return at;
	found = ubrk_preceding(u->clusters, (int32_t)(at - from));
	return found == UBRK_DONE ? at : from + (size_t)found;
}

/* ---- UTF-16 and normalisation ---------------------------------------------------------------------------- */

/* Room for `n` UTF-16 units.  It is kept: callers bound their texts. */
static int have_room(UChar **at, size_t *n_at, size_t n)
{
	UChar *more;

	if (*n_at >= n)
		return 0;
	more = realloc(*at, n * sizeof(*more));
	if (!more)
		return -ENOMEM;
	*at = more;
	*n_at = n;
	return 0;
}

/* Text to u->from, with room for `n_more` units behind it. */
static int to_utf16(struct unicode *u, const char *s, size_t n, size_t n_more, int32_t *ret_n)
{
	UErrorCode e = U_ZERO_ERROR;

	if (n > TEXT_MAX || have_room(&u->from, &u->n_from, n + n_more + 1) < 0)
		return -ENOMEM;
	u_strFromUTF8(u->from, (int32_t)u->n_from, ret_n, s, (int32_t)n, &e);
	return U_FAILURE(e) ? -EILSEQ : 0;
}

static int to_utf8(const UChar *s, int32_t n, char *dst, size_t cap, size_t *ret_n)
{
	UErrorCode e = U_ZERO_ERROR;
	int32_t n_dst;

	u_strToUTF8(dst, cap > INT32_MAX ? INT32_MAX : (int32_t)cap, &n_dst, s, n, &e);
	if (U_FAILURE(e))
		return e == U_BUFFER_OVERFLOW_ERROR ? -ENOBUFS : -EILSEQ;
	*ret_n = (size_t)n_dst;
	return 0;
}

bool unicode_may_compose(uint32_t cp)
{
	if (cp < FIRST_TO_COMPOSE)
		return false;
	return u_getIntPropertyValue((UChar32)cp, UCHAR_NFC_QUICK_CHECK) == UNORM_MAYBE ||
	       u_getCombiningClass((UChar32)cp) != 0;
}

/* CC 80 is U+0300: NFC leaves text alone that has nothing from there on. */
static bool all_below_marks(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] >= 0xcc)
			return false;
	return true;
}

int unicode_nfc(struct unicode *u, const char *s, size_t n, char *dst, size_t cap, size_t *ret_n)
{
	UErrorCode e = U_ZERO_ERROR;
	const UNormalizer2 *nfc;
	int32_t n_from, n_to;
	int r;

	*ret_n = n;
	if (all_below_marks(s, n))
		return 0;
	r = to_utf16(u, s, n, 0, &n_from);
	if (r < 0)
		return r;
	nfc = unorm2_getNFCInstance(&e);
	if (U_FAILURE(e))
		return -ENOMEM;
	if (unorm2_quickCheck(nfc, u->from, n_from, &e) == UNORM_YES)
		return 0;
	if (have_room(&u->to, &u->n_to, (size_t)n_from * NFC_GROWTH + 1) < 0)
		return -ENOMEM;
	n_to = unorm2_normalize(nfc, u->from, n_from, u->to, (int32_t)u->n_to, &e);
	if (U_FAILURE(e))
		return -ENOMEM;
	if (n_to == n_from && memcmp(u->from, u->to, (size_t)n_to * sizeof(UChar)) == 0)
		return 0;
	r = to_utf8(u->to, n_to, dst, cap, ret_n);
	return r < 0 ? r : 1;
}

/* ---- names ------------------------------------------------------------------------------------------------ */

const char *unicode_name(uint32_t cp, char *buf, size_t cap)
{
	UErrorCode e = U_ZERO_ERROR;

	if (u_charName((UChar32)cp, U_UNICODE_CHAR_NAME, buf, (int32_t)cap, &e) <= 0 || U_FAILURE(e))
		buf[0] = '\0';
	return buf;
}
