/* SPDX-License-Identifier: Apache-2.0 */
/* text.h -- texts as SMPP carries them: which octets, and which data_coding says what they are.
 *
 * Out: the core hands over GSM-7 septets, UTF-16BE or octets, cut into parts.  UTF-16 and octets go as they are.
 * Septets go as the link's alphabet asks: one to an octet or packed (data_coding 00, the SMSC's default alphabet), or
 * turned into Latin-1 or ASCII, which have a data_coding of their own (03, 01) and so need no agreement.  What Latin-1
 * lacks (the euro, Greek capitals) becomes `?`: a part of 160 septets would not fit as anything else.
 *
 * In: data_coding 00 means what the link's alphabet says; the others mean what the standard says.  Whatever comes,
 * UTF-8 goes out, and octets that are no text are shown as hexadecimal. */
#ifndef SMPP_TEXT_H
#define SMPP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/conf.h"
#include "codec/gsm7.h"
#include "codec/segment.h"

/* Room that text_part() may need: 160 septets, one to an octet. */
#define TEXT_PART_MAX 160u

/* The text of one part.  `*ret_text` is `buf` or points into `w`. */
void text_part(enum conf_alphabet a, enum encoding e, bool flash, const struct segment_wire *w,
	uint8_t buf[static TEXT_PART_MAX], const uint8_t **ret_text, uint8_t *ret_n, uint8_t *ret_data_coding);

/* A whole text in one piece, for message_payload; `e` is not ENC_BINARY.  -ENOBUFS. */
int text_payload(enum conf_alphabet a, enum encoding e, bool flash, const char *utf8, size_t n, uint8_t *buf,
	size_t cap, size_t *ret_n, uint8_t *ret_data_coding);

/* Room in UTF-8 for `n` octets received, whatever they are. */
#define TEXT_UTF8_MAX(n) ((size_t)(n)*4 + 4)

/* `n_udh` octets of header were before the text, which matters where it is packed. */
size_t text_decode(enum conf_alphabet a, uint8_t data_coding, const uint8_t *text, size_t n, size_t n_udh,
	struct gsm7_shift shift, char *dst, size_t cap);

/* Whether data_coding says UCS-2. */
bool text_is_ucs2(uint8_t data_coding);

#endif
