/* SPDX-License-Identifier: Apache-2.0 */
/* preview_row.h -- what one message costs, and why.
 *
 * The message has been through json_message(), so encoding and parts are those that sending would give.  Beside them
 * stands what a person wants to know before money is spent:
 *
 *   culprits    the characters that force the dearer encoding: where the text goes as UCS-2, those that no alphabet of
 *               the link has (or, when each of them stands in some table but no pair of tables has them all, those that
 *               the default alphabet lacks); where it needs language tables, those that the default alphabet lacks.
 *   suggestion  what `smart` would make of the text, when that saves parts.
 *   shorten     how many units too long the text is for one part less, when that is a few.
 *
 * Positions are characters (code points) of the text as it would go, from 0.
 */
#ifndef INTAKE_PREVIEW_ROW_H
#define INTAKE_PREVIEW_ROW_H

#include "codec/smart.h"
#include "intake/json_message.h"
#include "intake/json_out.h"

#define PREVIEW_CULPRITS   100 /* listed for a row; all are counted */
#define PREVIEW_SHORTEN_AT 10  /* units over a boundary that are worth a hint */

enum preview_blame {
	BLAME_NOBODY,
	BLAME_NOT_DEFAULT, /* what the default alphabet lacks */
	BLAME_NOT_ANY      /* what all alphabets of the link lack */
};

struct preview_row {
	const struct json_message *jm; /* lent */
	struct segment_opts opts;      /* by which it was planned */
	enum preview_blame blame;
	unsigned n_udh;
	uint32_t n_units, n_characters, n_double, n_culprits; /* double: characters that take two units */
	unsigned over; /* units to take away for one part less; 0: too many, or there is one part */
	struct smart_result smart;
	char text[SMART_ROOM(MSG_TEXT_MAX)];
};

struct preview_culprit {
	const char *s; /* its octets */
	size_t n;
	uint32_t cp, position;
};

struct preview_walk {
	size_t at;
	uint32_t position;
};

/* Find it all out; `jm` is lent as long as `p` is used. */
void preview_row(struct preview_row *p, const struct json_message *jm, const struct segment_opts *opts);

/* The next culprit; a walk begins with {0}.  false: there are no more. */
bool preview_culprit(const struct preview_row *p, struct preview_walk *w, struct preview_culprit *ret);

/* The fields of the answer, into an open object. */
void preview_row_out(struct json_out *o, const struct preview_row *p);

/* "char", "codepoint" and "name", into an open object. */
void preview_character_out(struct json_out *o, uint32_t cp);

#endif
