/* SPDX-License-Identifier: Apache-2.0 */
/* text.h -- texts as SMPP carries them: which octets, and which data_coding says what they are.
 *
 * Out: the core hands over GSM-7 septets, UTF-16BE or octets, cut into parts.  UTF-16 and octets go as they are.
 * Septets go as the link's alphabet asks: one to an octet or packed (data_coding 00, the SMSC's default alphabet), or
 * turned into Latin-1 or ASCII, which have a data_coding of their own (03, 01).  The link may say other values.  What
 * Latin-1 lacks (the euro, Greek capitals) is refused here: the planner takes UCS-2 for it, and a letter is never
 * replaced.
 *
 * Packed septets stand as in a TP-UD, behind a header and its fill bits, but no TP-UDL says how many there are, only
 * the octets.  Where seven bits are left over they would read as one `@` more, so they hold a CR, as in the other
 * bearers that count in octets (3GPP TS 23.038, 6.1.2.3.1).
 *
 * In: data_coding 00 means what the link's alphabet says; the others mean what the standard says (data_coding.h), also
 * where the link sends other values.  Whatever comes, UTF-8 goes out, with U+FFFD for what makes no sense, and octets
 * that are no text are shown as hexadecimal. */
#ifndef SMPP_TEXT_H
#define SMPP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/conf.h"
#include "codec/charset.h"
#include "codec/gsm7.h"
#include "codec/segment.h"

/* Room that text_part() may need: 160 septets, one to an octet. */
#define TEXT_PART_MAX 160u

/* What a link says of its texts. */
struct text_out {
	enum conf_alphabet alphabet;
	enum conf_flash flash;
	int data_coding[3]; /* by enum encoding; -1: the usual one.  Of flash messages only with CONF_FLASH_SUBUNIT */
};

/* The text of one part.  `*ret_text` is `buf` or points into `w`.  -EILSEQ: the link's alphabet lacks a character. */
int text_part(const struct text_out *o, enum encoding e, bool flash, const struct segment_wire *w,
	uint8_t buf[static TEXT_PART_MAX], const uint8_t **ret_text, uint8_t *ret_n, uint8_t *ret_data_coding);

/* A whole text in one piece, for message_payload; `e` is not ENC_BINARY.  `*ret_one` tells that a single part has room
 * for it, which is counted in septets, whatever they go as.  -ENOBUFS, -EILSEQ. */
int text_payload(const struct text_out *o, enum encoding e, bool flash, const char *utf8, size_t n, uint8_t *buf,
	size_t cap, size_t *ret_n, bool *ret_one, uint8_t *ret_data_coding);

/* The data_coding of octets. */
uint8_t text_binary_coding(const struct text_out *o, bool flash);

/* Room in UTF-8 for `n` octets received, whatever they are. */
#define TEXT_UTF8_MAX(n) ((size_t)(n)*4 + 4)

struct text_in {
	enum conf_alphabet alphabet; /* what data_coding 00 means, and whether septets are packed */
	struct charsets *charsets;
};

/* `cap` is TEXT_UTF8_MAX(n) or more; what is returned holds no NUL.  `n_udh` octets of header were before the text,
 * which matters where it is packed. */
size_t text_decode(const struct text_in *in, uint8_t data_coding, const uint8_t *text, size_t n, size_t n_udh,
	struct gsm7_shift shift, char *dst, size_t cap);

/* Whether the octets are packed septets, of which each part has its own filling. */
bool text_is_packed(const struct text_in *in, uint8_t data_coding);

/* Whether data_coding says UCS-2. */
bool text_is_ucs2(uint8_t data_coding);

#endif
