/* SPDX-License-Identifier: Apache-2.0 */
/* smart.h -- replace characters by look-alikes that cost less, where that saves parts and nowhere else.
 *
 * Three steps of rising force; each includes those before it:
 *
 *   SMART_INVISIBLE  what shows nothing goes (zero-width space, soft hyphen, byte order mark, word joiner), and a
 *                    letter with its accent behind it becomes one character (NFC);
 *   SMART_MARKS      quotes, dashes, ellipses, blanks, tabs, bullets, full-width forms, ligatures, and what shows
 *                    nothing but shapes its neighbours (joiners, direction marks);
 *   SMART_LETTERS    letters of another script that look exactly like Latin ones (Cyrillic "о" in "hellо").
 *
 * The first helps every text; the others are only taken when the whole text then goes in a 7 bit alphabet, as UCS-2
 * counts a typographic quote like a plain one.  Taken is the weakest step that gives the fewest parts of all, as a
 * whole, and only when that is fewer than the text needs as it is.  A text that needs one part is never changed, and
 * none becomes empty.
 *
 * Accents are never taken off and no letter changes its look: that would be transliteration, which is asked for by its
 * own field.  What is replaced by what stands in smart.tsv, a row a character. */
#ifndef CODEC_SMART_H
#define CODEC_SMART_H

#include "codec/segment.h"

enum smart_step { SMART_NONE, SMART_INVISIBLE, SMART_MARKS, SMART_LETTERS };

#define SMART_CHANGES_MAX 32
#define SMART_COMPOSE_MAX 4 /* characters that become one */

/* Octets that the new text may take. */
#define SMART_ROOM(n) ((size_t)(n)*2)

struct smart_change {
	uint32_t position;                /* in characters of the text as it was, from 0 */
	uint32_t cp;                      /* what stood there */
	uint32_t more[SMART_COMPOSE_MAX]; /* the accents behind it that went into `with`; 0 ends the list */
	char with[8];                     /* what stands there now; "" when it was taken out */
};

struct smart_result {
	enum smart_step step; /* SMART_NONE: nothing was changed, and all below but `n_changes` (0) is not set */
	size_t n;             /* octets of the new text */
	uint32_t n_changes;   /* places changed; the first SMART_CHANGES_MAX are listed */
	struct smart_change changes[SMART_CHANGES_MAX];
	struct segment_plan plan; /* of the new text, by the same options */
};

/* Try the steps on a checked text.  `before` is the parts that it needs as it is (255: it cannot be sent).  `dst` has
 * room for SMART_ROOM(n) octets and may be written whatever comes of it.  Without `o->unicode` nothing is composed. */
void smart_text(const char *s, size_t n, unsigned before, const struct segment_opts *o, char *dst,
	struct smart_result *ret);

#endif
