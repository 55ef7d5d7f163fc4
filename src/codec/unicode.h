/* SPDX-License-Identifier: Apache-2.0 */
/* unicode.h -- what only a Unicode library knows: normalisation, grapheme clusters, transliteration, names.
 *
 * The one file that includes ICU.  ICU keeps state in its objects, which are slow to open, so they live in a
 * `struct unicode`: one for each thread that needs it, opened as they are first needed.  All text is checked UTF-8
 * (utf8_check()). */
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

/* NFC.  -ENOBUFS when `cap` is too small; three times `n` never is.  `s` and `dst` must not overlap. */
int unicode_nfc(struct unicode *u, const char *s, size_t n, char *dst, size_t cap, size_t *ret_n);

/* Transliterate by the name a client gives ("ru-Latn"); the result holds no character that GSM-7 lacks where the
 * script has a rule for it.  -ENOENT: no such name.  -ENOBUFS.  The first call with a name compiles its rules, which
 * takes some milliseconds. */
int unicode_translit(struct unicode *u, const char *name, const char *s, size_t n, char *dst, size_t cap,
	size_t *ret_n);
/* All names, one after the other; NULL beyond the last.  And what each is for, in a few words. */
const char *unicode_translit_name(unsigned i, const char **ret_help);

/* "LEFT DOUBLE QUOTATION MARK"; "" where the character has no name.  `buf` has room for `cap` octets. */
const char *unicode_name(uint32_t cp, char *buf, size_t cap);

#endif
