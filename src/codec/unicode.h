/* SPDX-License-Identifier: Apache-2.0 */
/* unicode.h -- what only a Unicode library knows: normalisation, grapheme clusters, transliteration, names.
 *
 * unicode.c and charset.c are the only files that include ICU.  ICU keeps state in its objects, which are slow to open,
 * so they live in a `struct unicode`: one for each thread that needs it, opened as they are first needed.  All text is
 * checked UTF-8 (utf8_check()). */
#ifndef CODEC_UNICODE_H
#define CODEC_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct unicode;

struct unicode *unicode_new(void); /* NULL: out of memory */
void unicode_free(struct unicode *u);

/* The last boundary between grapheme clusters (Unicode Standard Annex 29) in 1..at, or 0 when the cluster around `at`
 * begins with the text.  `at` itself when it is a boundary.  The common case, between two letters that no rule joins,
 * costs a few comparisons. */
size_t unicode_cluster_start(struct unicode *u, const char *s, size_t n, size_t at);

/* All of them at a time: bit i of `marks` (bit i % 64 of word i / 64) is set when a cluster begins at i, and at `n`.
 * There is room for n / 64 + 1 words.  -ENOMEM. */
int unicode_cluster_marks(struct unicode *u, const char *s, size_t n, uint64_t *marks);

/* NFC.  Returns 1 and the new text, or 0 when the text is in that form already (nothing is written then but
 * `*ret_n`, which is `n`).  -ENOBUFS when `cap` is too small; three times `n` never is (Unicode Standard Annex 15).
 * -ENOMEM.  `s` and `dst` must not overlap.  Text below U+0300, as most is, costs one comparison an octet. */
int unicode_nfc(struct unicode *u, const char *s, size_t n, char *dst, size_t cap, size_t *ret_n);

/* NFC may join or reorder the character with one before it. */
bool unicode_may_compose(uint32_t cp);

/* The same, roughly and quickly, for the character that begins at `s` and is whole: false is certain, for Latin, Greek,
 * Cyrillic, most marks and Chinese characters. */
static inline bool unicode_may_compose_here(const char *s)
{
	uint8_t lead = (uint8_t)s[0];

	if (lead < 0xcc || (lead >= 0xce && lead <= 0xd1)) /* below U+0300, U+0380..047F */
		return false;
	if (lead == 0xe2) /* U+2000..20BF: general punctuation, currency signs */
		return (uint8_t)s[1] >= 0x83;
	return lead < 0xe4 || lead > 0xe9; /* U+4000..9FFF */
}

/* Transliterate by the name a client gives ("ru-Latn", see translit_rules.h; case does not matter).  What GSM-7 has
 * stays as it is, but for the letters of the script itself; what it lacks becomes what it has, where there is a rule
 * for it.  -ENOENT: no such name.  -ENOBUFS: more than `cap` octets.  -ENOMEM.
 *
 * The first call with a name compiles its rules, which takes from one millisecond to a hundred (zh-Latn, any-Latn);
 * they are kept.  Then it is from 0.1 to 10 microseconds a character: a long text holds up a loop. */
int unicode_translit(
	struct unicode *u, const char *name, const char *s, size_t n, char *dst, size_t cap, size_t *ret_n);
/* All names, one after the other; NULL beyond the last.  And what each is for, in a few words. */
const char *unicode_translit_name(unsigned i, const char **ret_help);
bool unicode_translit_known(const char *name);

/* The text begins with the word, whatever the case (simple case folding), behind blanks, and the word ends there: no
 * letter, digit, mark or "_" follows.  No word: true.  Also for text that is not checked. */
bool unicode_begins_with_word(const char *s, size_t n, const char *word);

/* "LEFT DOUBLE QUOTATION MARK"; "" where the character has no name.  `buf` has room for `cap` octets. */
const char *unicode_name(uint32_t cp, char *buf, size_t cap);

#endif
