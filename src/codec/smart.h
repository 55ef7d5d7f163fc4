/* SPDX-License-Identifier: Apache-2.0 */
/* smart.h -- replace characters by look-alikes that cost less, where that saves parts and nowhere else.
 *
 * Three steps of rising force, each tried only when the one before does not give the fewest parts that can be had:
 *
 *   SMART_INVISIBLE  what shows nothing goes: zero-width space, soft hyphen, byte order mark, word joiner;
 *   SMART_MARKS      quotes, dashes, ellipses, blanks, bullets, full-width forms, composed forms (NFC);
 *   SMART_LETTERS    letters of another script that look exactly like Latin ones (Cyrillic "о" in "hellо").
 *
 * Accents are never taken off and no letter changes its look: that would be transliteration, which is asked for by its
 * own field.  A step is taken only as a whole and only when the plan of the result has fewer parts. */
#ifndef CODEC_SMART_H
#define CODEC_SMART_H

#include "codec/segment.h"

enum smart_step { SMART_NONE, SMART_INVISIBLE, SMART_MARKS, SMART_LETTERS };

#define SMART_CHANGES_MAX 32

struct smart_change {
	uint32_t position; /* in characters of the text as it was, from 0 */
	uint32_t cp;       /* what stood there */
	char with[5];      /* what stands there now; "" when it was taken out */
};

struct smart_result {
	enum smart_step step;   /* SMART_NONE: nothing was changed, `plan` and `n` are not set */
	size_t n;               /* octets of the new text */
	uint32_t n_changes;     /* characters changed; the first SMART_CHANGES_MAX are listed */
	struct smart_change changes[SMART_CHANGES_MAX];
	struct segment_plan plan;
};

/* Try the steps on a checked text.  `before` is the parts that it needs as it is (255: it cannot be sent).  `dst` has
 * room for 3 * n octets and is written in any case. */
void smart_text(const char *s, size_t n, unsigned before, const struct segment_opts *o, char *dst,
	struct smart_result *ret);

#endif
