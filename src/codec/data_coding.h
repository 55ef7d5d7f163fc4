/* SPDX-License-Identifier: Apache-2.0 */
/* data_coding.h -- what the data_coding of a received message says (SMPP 3.4, 5.2.19).
 *
 * Below 10 it is a list of alphabets of its own; from 10 on it is read as a TP-DCS (dcs.h): SMPP names only the groups
 * of message waiting and message class, but carriers pass the others on as they came.  Nothing is refused: what has no
 * meaning is octets, which are shown as hexadecimal.
 *
 * The store keeps the octet, so that what is shown of a message later follows from it. */
#ifndef CODEC_DATA_CODING_H
#define CODEC_DATA_CODING_H

#include "codec/dcs.h"

#include <stdbool.h>
#include <stdint.h>

enum data_coding_alphabet {
	CODING_DEFAULT, /* 00: whatever the link and its carrier have agreed on */
	CODING_GSM7,
	CODING_ASCII,
	CODING_OCTETS,
	CODING_LATIN1,
	CODING_JIS_X_0208,
	CODING_ISO_8859_5,
	CODING_ISO_8859_8,
	CODING_UCS2,
	CODING_ISO_2022_JP,
	CODING_JIS_X_0212,
	CODING_KS_C_5601,
	CODING_N
};

struct data_coding {
	enum data_coding_alphabet alphabet;
	int8_t message_class;     /* 0 (flash) .. 3, DCS_NO_CLASS */
	enum dcs_waiting waiting; /* the next two count when it is not DCS_WAITING_NONE */
	bool waiting_active;
	uint8_t waiting_kind;     /* 0 voicemail, 1 fax, 2 e-mail, 3 other */
};

void data_coding_read(uint8_t octet, struct data_coding *ret);

/* "gsm7", "ucs2", "binary", "iso-8859-5" ...; CODING_DEFAULT is "default". */
const char *data_coding_name(enum data_coding_alphabet a);

#endif
