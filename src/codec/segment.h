/* SPDX-License-Identifier: Apache-2.0 */
/* segment.h -- choose the encoding of a text, cut it into parts, and make the octets of one part.
 *
 * A plan is made for the client's answer (how many parts, what it costs) and again at dispatch for the link that takes
 * it, as encoding and concatenation belong to links.  It keeps no octets, only offsets into the text; segment_part()
 * makes a part from text and plan when it is written to the wire.  Nothing is allocated.  Plain text is read once.
 *
 * What a part holds (3GPP TS 23.040, 9.2.3.24.1), in the units of its encoding:
 *
 *                        GSM-7 septets,        UTF-16 units   octets
 *                        with 0, 1, 2 language
 *                        elements
 *     one part alone     160   155   152                 70      140
 *     CONCAT_UDH8        153   149   146                 67      134
 *     CONCAT_UDH16       152   148   145                 66      133
 *     CONCAT_SAR, _PAYLOAD  153                          67      134
 *
 * With sar_ TLVs and with message_payload the parts carry no header of ours, but the SMSC puts one before
 * each of them, so the room for an 8 bit reference is left free: a fuller part would be cut again or refused.
 * For the same reason such links take no national language tables.
 *
 * CONCAT_PAYLOAD is planned like CONCAT_SAR, so that the count is what the SMSC will make of it and bill; the
 * driver sends the texts of all parts joined as one message_payload.
 *
 * Which encoding: of the default alphabet, UCS-2, and the default alphabet with a locking table, a single shift table
 * or both, of the languages that the link knows, the one that needs the fewest parts.  Where several need the same
 * number the one that more telephones can show: the default alphabet, then UCS-2, then one language table, then two.
 * The two tables need not be of the same language.
 *
 * An escape pair and a surrogate pair are never cut, so a part may be one unit short.  Each part takes as much as it
 * can hold, which gives the smallest number of parts.  Where that divides grapheme clusters the cuts move back: of all
 * cuttings into this number of parts it is one that divides as few as possible. */
#ifndef CODEC_SEGMENT_H
#define CODEC_SEGMENT_H

#include "codec/gsm7.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct unicode;

#define SEGMENT_MAX_PARTS  64
#define SEGMENT_MAX_OCTETS 140 /* of a TP-UD, header included */

enum encoding {
	ENC_GSM7,
	ENC_UCS2,
	ENC_BINARY,
};

enum encoding_wish {
	WISH_AUTO, /* GSM-7 when the alphabet has every character, else UCS-2 */
	WISH_GSM7, /* or refuse */
	WISH_UCS2,
};

enum concat {
	CONCAT_UDH8,
	CONCAT_UDH16,
	CONCAT_SAR,
	CONCAT_PAYLOAD,
};

/* What a link understands.  Plans made by equal rules are equal. */
struct segment_rules {
	enum concat concat;
	uint16_t languages; /* bit n: the national language n of gsm7.h; not with CONCAT_SAR and CONCAT_PAYLOAD */
	uint32_t max_char;  /* GSM-7 goes over its wire as an alphabet that ends here, beyond it UCS-2; 0: as GSM-7 */
};

struct segment_opts {
	enum encoding_wish wish;
	struct segment_rules rules;
	uint8_t max_parts;	 /* 0: as many as SEGMENT_MAX_PARTS, which is also the upper limit */
	struct unicode *unicode; /* NULL: grapheme clusters may be cut */
};

struct segment_plan {
	enum encoding encoding;
	uint8_t n_parts; /* 1 for an empty text */
	enum concat concat;
	struct gsm7_shift shift; /* ENC_GSM7 */
	/* Septets, UTF-16 units or octets of each part, without header. */
	uint16_t units[SEGMENT_MAX_PARTS];
	/* Offsets in octets of the text or data; start[n_parts] is its length. */
	uint32_t start[SEGMENT_MAX_PARTS + 1];
};

struct segment_wire {
	uint8_t udh[SEGMENT_MAX_OCTETS]; /* its length octet first; n_udh is 0 when there is none */
	uint8_t n_udh;
	uint8_t text[160]; /* GSM-7: one septet an octet, unpacked; UCS-2: UTF-16BE; binary: as given */
	uint8_t n_text;
};

/* Plan a text that has passed utf8_check().
 *
 * -EILSEQ: WISH_GSM7 and the text does not fit; `*ret_bad_at` is the offset of the first character that is to
 * blame: one that no table has, or, when it is only that no pair of tables has all, one that the default ones lack.
 * -E2BIG: more parts than allowed; `*ret_bad_at` is the offset of the first character that finds no room, and of `ret`
 * only `encoding`, `concat`, `shift` and `n_parts` are set: the parts that would be needed, or 255 when 255 do not
 * suffice (the rest of the text is not read then). */
int segment_plan(const char *text, size_t n, const struct segment_opts *o, struct segment_plan *ret,
	size_t *ret_bad_at);

/* The default alphabet has the character, and the link can carry it. */
bool segment_fits_gsm7(uint32_t cp, const struct segment_rules *rules);

/* What fixes a plan beside the text, in 16 bits; never 0.  A message of which a part has left must not be cut in
 * another way, whatever became of the rules of its link: segment_again() makes the same plan.  -EINVAL when the number
 * is none that segment_cut() gives for a text, -EILSEQ and -E2BIG when the text does not go into that cut. */
uint16_t segment_cut(const struct segment_plan *p);
int segment_again(
	const char *text, size_t n, uint16_t cut, struct unicode *unicode, struct segment_plan *ret);
enum concat segment_cut_concat(uint16_t cut);

/* Make part number `part` (from 1) of a planned text.  `ref` is the reference of the concatenation;
 * CONCAT_UDH8 uses its low octet.  A single part has a header only for its languages.  -EINVAL when there is no such
 * part or the text is not the planned one. */
int segment_part(const char *text, const struct segment_plan *p, unsigned part, uint16_t ref,
	struct segment_wire *ret);

/* The same for octets.  `udh` is the client's own header, its length octet first, or n_udh 0; it goes with
 * each part, and the concatenation element is added to it when there is more than one.
 *
 * -EBADMSG: the header is not sound.  -EEXIST: more than one part is needed, but the header already says that
 * this is a part.  -EMSGSIZE: the header leaves no room.  -E2BIG as above.  `o->wish` is not looked at. */
int segment_binary_plan(const uint8_t *udh, size_t n_udh, size_t n_data, const struct segment_opts *o,
	struct segment_plan *ret);
int segment_binary_part(const uint8_t *udh, size_t n_udh, const uint8_t *data, const struct segment_plan *p,
	unsigned part, uint16_t ref, struct segment_wire *ret);

/* Units that a part of this plan holds when it is full, and what part number `part` could still take; `n_udh` is that
 * of segment_binary_plan(), 0 for a text. */
unsigned segment_capacity(const struct segment_plan *p, size_t n_udh);
unsigned segment_units_left(const struct segment_plan *p, unsigned part, size_t n_udh);

#endif
