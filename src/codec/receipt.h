/* SPDX-License-Identifier: Apache-2.0 */
/* receipt.h -- read the text of a delivery receipt.
 *
 * The text of a receipt is only a suggestion in the standard (SMPP 3.4, appendix B), and every SMSC has its
 * own: other words, other dates, fields left out or in another order, the whole in UTF-16.  The parser looks
 * for the fields it knows and takes what it finds; it refuses only a text with neither an id nor a state.
 *
 * The receipt quotes the beginning of the message, and that text belongs to whoever wrote it.  "text:"
 * therefore ends the search: a message that says "stat:DELIVRD" reports nothing.  Only when id or state is
 * missing in front of it does the search go on behind it, and then the last of equal fields counts. */
#ifndef CODEC_RECEIPT_H
#define CODEC_RECEIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/receipt_id.h"

enum receipt_state {
	RECEIPT_NONE, /* the receipt names no state */
	RECEIPT_ENROUTE,
	RECEIPT_DELIVERED,
	RECEIPT_EXPIRED,
	RECEIPT_DELETED,
	RECEIPT_UNDELIVERABLE,
	RECEIPT_ACCEPTED,
	RECEIPT_UNKNOWN,
	RECEIPT_REJECTED,
	RECEIPT_SKIPPED,
};

struct receipt {
	char id[RECEIPT_ID_SIZE]; /* as spelt; of a long one what receipt_id_take() makes of it */
	char stat_raw[24];	  /* as spelt, cut when longer */
	char err[12];		  /* as spelt, cut when longer */
	char text[24];		  /* what it quotes of the message: as received, up to a NUL, cut; "" when nothing */
	char done_date[16];	  /* YYYYMMDDhhmmss in the SMSC's unknown zone; seconds 00 when not given */
	enum receipt_state state;
	bool stat_known; /* stat_raw is a word we know; an unknown word gives RECEIPT_UNKNOWN */
	bool has_id, has_stat, has_err, has_done_date;
};

/* Parse `n` octets.  Whether they are UTF-16, and which end comes first, is seen from the octets: data_coding says
 * UCS-2 of plain ASCII, and ASCII of UTF-16, too often.  `*ret` is filled also on failure (all has_ false).
 * -EBADMSG when there is neither an id nor a state. */
int receipt_parse(const uint8_t *text, size_t n, struct receipt *ret);

/* The state settles the message.  An unknown word does so only together with a non-zero err; ENROUTE and
 * ACCEPTED never do. */
bool receipt_is_final(const struct receipt *r);

/* The message_state TLV (SMPP 3.4, 5.2.28; 0 and 9 from 5.0).  RECEIPT_NONE when not defined. */
enum receipt_state receipt_state_from_tlv(uint8_t message_state);

/* The word that the standard uses in a receipt, e.g. "DELIVRD"; "" for RECEIPT_NONE. */
const char *receipt_state_word(enum receipt_state state);

#endif
