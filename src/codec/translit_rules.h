/* SPDX-License-Identifier: Apache-2.0 */
/* translit_rules.h -- how each script is written in Latin letters; see unicode_translit() for their use. */
#ifndef CODEC_TRANSLIT_RULES_H
#define CODEC_TRANSLIT_RULES_H

#include <stdbool.h>

struct translit_rules {
	const char *name; /* "ru-Latn" */
	const char *help;
	/* Pairs of small letters and what they become, as in "ж zh|ь |~є ie": nothing when they go, "~" for a letter that
	 * stands within a word.  What becomes of capital letters follows from them.  May be NULL. */
	const char *letters;
	const char *before, *after; /* ICU rules before and after those; may be NULL */
	bool accents_off;           /* in the end also from the letters that GSM-7 has */
};

extern const struct translit_rules translit_rules[];
extern const unsigned n_translit_rules;

#endif
