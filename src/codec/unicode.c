/* SPDX-License-Identifier: Apache-2.0 */
/* unicode.c -- see unicode.h.
 *
 * ICU works on UTF-16 or on a UText over our UTF-8; a UText and a break iterator are opened once and pointed at text
 * after text, which allocates nothing.  The normaliser is a singleton of ICU's and needs no closing. */
#include "codec/unicode.h"

#include "codec/gsm7.h"
#include "codec/translit_rules.h"
#include "codec/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utext.h>
#include <unicode/utrans.h>

#define TEXT_MAX         (1 << 20) /* octets; far from where ICU's 32 bit lengths end */
#define FIRST_TO_COMPOSE 0x300
#define TRANSLIT_MAX     32
#define NFC_GROWTH       3 /* times, at most (Unicode Standard Annex 15) */
/* Marks on one letter that are put in order together.  ICU sorts them by insertion: twenty thousand would take a fifth
 * of a second.  Text of any language has a few (Stream-Safe Text Format, the same annex, allows 30). */
#define MARKS_MAX        128

struct unicode {
	UBreakIterator *clusters; /* NULL until needed */
	UText text;
	UChar *from, *to; /* the text as UTF-16, and what became of it */
	size_t n_from, n_to; /* their room */
	UTransliterator *script[TRANSLIT_MAX]; /* by place in translit_rules; NULL until needed */
	UTransliterator *rest[2];              /* what is done afterwards: [1] takes all accents off */
};

struct unicode *unicode_new(void)
{
	struct unicode *u = calloc(1, sizeof(*u));

	if (u)
		u->text = (UText)UTEXT_INITIALIZER;
	return u;
}

static void close_translit(UTransliterator *t)
{
	if (t)
		utrans_close(t);
}

void unicode_free(struct unicode *u)
{
	if (!u)
		return;
	if (u->clusters)
		ubrk_close(u->clusters);
	for (unsigned i = 0; i < TRANSLIT_MAX; i++)
		close_translit(u->script[i]);
	close_translit(u->rest[0]);
	close_translit(u->rest[1]);
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
	from = at > CLUSTER_WINDOW ? window_start(s, at - CLUSTER_WINDOW) : 0;
	to = n - at > CLUSTER_WINDOW ? char_start(s, at + CLUSTER_WINDOW) : n;
	utext_openUTF8(&u->text, s + from, (int64_t)(to - from), &e);
	ubrk_setUText(u->clusters, &u->text, &e);
	if (U_FAILURE(e) || ubrk_isBoundary(u->clusters, (int32_t)(at - from)))
		return at;
	found = ubrk_preceding(u->clusters, (int32_t)(at - from));
	return found == UBRK_DONE ? at : from + (size_t)found;
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

/* Where the piece that begins at `from` ends: at the end of the text, or within more marks than any writing has. */
static int32_t piece_end(const UNormalizer2 *nfc, const UChar *s, int32_t n, int32_t from)
{
	unsigned n_joined = 0;

	for (int32_t i = from; i < n;) {
		int32_t at = i;
		UChar32 c;

		U16_NEXT(s, i, n, c);
		n_joined = unorm2_hasBoundaryBefore(nfc, c) ? 0 : n_joined + 1;
		if (n_joined > MARKS_MAX)
			return at;
	}
	return n;
}

/* Of `u->from`, which is not in that form, into `u->to`.  Units, or -ENOMEM. */
static int32_t normalize(struct unicode *u, const UNormalizer2 *nfc, int32_t n_from)
{
	UErrorCode e = U_ZERO_ERROR;
	int32_t n_to = 0;

	if (have_room(&u->to, &u->n_to, (size_t)n_from * NFC_GROWTH + 1) < 0)
		return -ENOMEM;
	for (int32_t from = 0, end; from < n_from; from = end) {
		end = piece_end(nfc, u->from, n_from, from);
		n_to += unorm2_normalize(nfc, u->from + from, end - from, u->to + n_to, (int32_t)u->n_to - n_to, &e);
		if (U_FAILURE(e))
			return -ENOMEM;
	}
	return n_to;
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
	n_to = normalize(u, nfc, n_from);
	if (n_to < 0)
		return -ENOMEM;
	if (n_to == n_from && memcmp(u->from, u->to, (size_t)n_to * sizeof(UChar)) == 0)
		return 0;
	r = to_utf8(u->to, n_to, dst, cap, ret_n);
	return r < 0 ? r : 1;
}

/* ---- transliteration: making the rules ------------------------------------------------------------------- */

#define RULES_MAX 32768 /* octets */

struct rules {
	char *at;
	size_t n;
	bool full;
};

static void add(struct rules *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct rules *r, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(r->at + r->n, RULES_MAX - r->n, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= RULES_MAX - r->n)
		r->full = true;
	else
		r->n += (size_t)n;
}

/* A character as ICU's rules write any. */
static void add_char(struct rules *r, uint32_t cp)
{
	add(r, "\\u%04X", (unsigned)cp);
}

enum letter_case { SMALL, TITLE, CAPITAL };

static void add_word(struct rules *r, const char *s, size_t n, enum letter_case c)
{
	size_t len;

	for (size_t i = 0; i < n; i += len) {
		uint32_t cp;

		len = utf8_next(s + i, n - i, &cp);
		add_char(r, c == CAPITAL || (c == TITLE && i == 0) ? (uint32_t)u_toupper((UChar32)cp) : cp);
	}
}

struct pair {
	const char *from, *to;
	size_t n_from, n_to;
	bool within; /* a word */
};

static void add_rule(struct rules *r, const struct pair *p, const char *behind, const char *before,
	enum letter_case from, enum letter_case to)
{
	if (!*behind && p->within)
		behind = "[[:L:][:M:]]";
	add(r, "%s%s", behind, *behind ? " { " : "");
	add_word(r, p->from, p->n_from, from);
	add(r, "%s%s > ", *before ? " } " : "", before);
	add_word(r, p->to, p->n_to, to);
	add(r, " ;\n");
}

/* Щ in a word of capitals is SHCH, else Shch. */
static void add_pair(struct rules *r, const struct pair *p)
{
	uint32_t cp;

	add_rule(r, p, "", "", SMALL, SMALL);
	utf8_next(p->from, p->n_from, &cp);
	if (u_toupper((UChar32)cp) == (UChar32)cp)
		return;
	if (utf8_next(p->from, p->n_from, &cp) < p->n_from) { /* two letters show by themselves which it is */
		add_rule(r, p, "", "", CAPITAL, CAPITAL);
	} else if (p->n_to > 1) {
		add_rule(r, p, "", "[:Lu:]", CAPITAL, CAPITAL);
		add_rule(r, p, "[:Lu:]", "[^[:Ll:]]", CAPITAL, CAPITAL);
	}
	add_rule(r, p, "", "", TITLE, TITLE);
}

static void add_letters(struct rules *r, const char *s)
{
	while (s && *s) {
		const char *blank = strchr(s, ' '), *end = strchr(s, '|');
		struct pair p;

		if (!end)
			end = s + strlen(s);
		p.within = *s == '~';
		p.from = s + p.within;
		p.n_from = (size_t)(blank - p.from);
		p.to = blank + 1;
		p.n_to = (size_t)(end - p.to);
		add_pair(r, &p);
		s = *end ? end + 1 : end;
	}
}

static UTransliterator *compile(struct rules *r)
{
	UTransliterator *made = NULL;
	UErrorCode e = U_ZERO_ERROR;
	UChar *rules = r->full ? NULL : malloc((r->n + 1) * sizeof(*rules));
	UParseError where;
	int32_t n;

	if (!rules)
		return NULL;
	u_strFromUTF8(rules, (int32_t)r->n + 1, &n, r->at, (int32_t)r->n, &e);
	made = utrans_openU(u"posthorn", -1, UTRANS_FORWARD, rules, n, &where, &e);
	free(rules);
	return U_FAILURE(e) ? NULL : made;
}

static UTransliterator *script_of(const struct translit_rules *t)
{
	struct rules r = {.at = malloc(RULES_MAX)};
	UTransliterator *made = NULL;

	if (r.at) {
		add(&r, "%s\n", t->before ? t->before : "");
		add_letters(&r, t->letters);
		add(&r, "%s\n", t->after ? t->after : "");
		made = compile(&r);
	}
	free(r.at);
	return made;
}

static bool stays(uint32_t cp, bool accents_off)
{
	return gsm7_encode(cp) >= 0 && (!accents_off || cp < 0x80 || !u_isalpha((UChar32)cp));
}

/* What is left that GSM-7 lacks: accents go, signs are spelt out.  Latin-ASCII would write << for « and ,, for „. */
static UTransliterator *rest_of(bool accents_off)
{
	struct rules r = {.at = malloc(RULES_MAX)};
	UTransliterator *made = NULL;

	if (r.at) {
		add(&r, ":: NFC ;\n[«»“”„‟] > \\\" ; [‹›‘’‚‛] > \\' ; × > x ; № > No\\. ; [ʹʺʻʼʽʾʿˈ] [:Mn:]* > ;\n:: [^");
		for (uint32_t cp = 0; cp < 0x10000; cp++)
			if (stays(cp, accents_off))
				add_char(&r, cp);
		add(&r, "] Latin-ASCII ;\n:: NFC ; [:Latin:] { [:Mn:]+ > ;\n");
		made = compile(&r);
	}
	free(r.at);
	return made;
}

/* ---- transliteration: use -------------------------------------------------------------------------------- */

#define TRANSLIT_GROWTH 8 /* times; a Chinese character can become six letters */

/* The place of the rules, or n_translit_rules. */
static unsigned find_rules(const char *name)
{
	unsigned i = 0;

	if (!strcasecmp(name, "ascii"))
		name = "Latn-ASCII";
	while (i < n_translit_rules && strcasecmp(name, translit_rules[i].name) != 0)
		i++;
	return i;
}

bool unicode_translit_known(const char *name)
{
	return find_rules(name) < n_translit_rules;
}

const char *unicode_translit_name(unsigned i, const char **ret_help)
{
	if (i >= n_translit_rules)
		return NULL;
	if (ret_help)
		*ret_help = translit_rules[i].help;
	return translit_rules[i].name;
}

static int run(UTransliterator *t, struct unicode *u, int32_t *n)
{
	UErrorCode e = U_ZERO_ERROR;
	int32_t limit = *n;

	utrans_transUChars(t, u->from, n, (int32_t)u->n_from, 0, &limit, &e);
	return U_SUCCESS(e) ? 0 : e == U_BUFFER_OVERFLOW_ERROR ? -ENOBUFS : -ENOMEM;
}

static bool all_stays(const UChar *s, int32_t n, bool accents_off)
{
	for (int32_t i = 0; i < n; i++)
		if (!stays(s[i], accents_off))
			return false;
	return true;
}

static int translit_utf16(struct unicode *u, unsigned i, int32_t *n)
{
	bool accents_off = translit_rules[i].accents_off;
	int r;

	if (!u->script[i])
		u->script[i] = script_of(&translit_rules[i]);
	if (!u->rest[accents_off])
		u->rest[accents_off] = rest_of(accents_off);
	if (!u->script[i] || !u->rest[accents_off])
		return -ENOMEM;
	r = run(u->script[i], u, n);
	if (r < 0 || all_stays(u->from, *n, accents_off))
		return r;
	return run(u->rest[accents_off], u, n);
}

int unicode_translit(
	struct unicode *u, const char *name, const char *s, size_t n, char *dst, size_t cap, size_t *ret_n)
{
	unsigned i = find_rules(name);
	int32_t n_text;
	int r;

	if (i >= n_translit_rules)
		return -ENOENT;
	r = unicode_nfc(u, s, n, dst, cap, &n);
	if (r >= 0)
		r = to_utf16(u, r > 0 ? dst : s, n, n * (TRANSLIT_GROWTH - 1) + TRANSLIT_GROWTH, &n_text);
	if (r >= 0)
		r = translit_utf16(u, i, &n_text);
	return r < 0 ? r : to_utf8(u->from, n_text, dst, cap, ret_n);
}

/* ---- words ------------------------------------------------------------------------------------------------ */

static bool is_of_word(uint32_t cp)
{
	return u_isalnum((UChar32)cp) || (U_GET_GC_MASK((UChar32)cp) & U_GC_M_MASK) || cp == '_';
}

static bool is_blank(uint32_t cp)
{
	return cp <= ' ' || cp == 0xfeff || u_isUWhiteSpace((UChar32)cp);
}

bool unicode_begins_with_word(const char *s, size_t n, const char *word)
{
	size_t n_word = strlen(word), i = 0, k = 0, step;
	uint32_t a, b;

	if (!n_word)
		return true;
	while (i < n && (step = utf8_next(s + i, n - i, &a), is_blank(a)))
		i += step;
	for (; k < n_word; k += utf8_next(word + k, n_word - k, &b), i += utf8_next(s + i, n - i, &a)) {
		if (i >= n)
			return false;
		utf8_next(word + k, n_word - k, &b);
		utf8_next(s + i, n - i, &a);
		if (u_foldCase((UChar32)a, U_FOLD_CASE_DEFAULT) != u_foldCase((UChar32)b, U_FOLD_CASE_DEFAULT))
			return false;
	}
	if (i >= n)
		return true;
	utf8_next(s + i, n - i, &a);
	return !is_of_word(a);
}

/* ---- names ------------------------------------------------------------------------------------------------ */

const char *unicode_name(uint32_t cp, char *buf, size_t cap)
{
	/* The one control that texts have and GSM-7 lacks; ICU has no name for it. */
	static const char tab[] = "CHARACTER TABULATION";
	UErrorCode e = U_ZERO_ERROR;

	if (cp == '\t' && cap >= sizeof(tab))
		memcpy(buf, tab, sizeof(tab));
	else if (u_charName((UChar32)cp, U_UNICODE_CHAR_NAME, buf, (int32_t)cap, &e) <= 0 || U_FAILURE(e))
		buf[0] = '\0';
	return buf;
}
