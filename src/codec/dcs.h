/* SPDX-License-Identifier: Apache-2.0 */
/* dcs.h -- what a TP-DCS octet says (3GPP TS 23.038, 4): alphabet, message class, message waiting, compression.
 *
 * Every value has a meaning, the reserved ones too: 3GPP TS 23.038 asks a receiver to read them as the GSM 7 bit
 * default alphabet.  Nothing here is refused, `reserved` tells that the value was none to send.
 *
 * SMPP's data_coding is another octet with other meanings below 10 and shares those from 10 on; the SMPP driver reads
 * it and comes here for the shared part. */
#ifndef CODEC_DCS_H
#define CODEC_DCS_H

#include "codec/segment.h"

#include <stdbool.h>
#include <stdint.h>

enum dcs_alphabet {
	DCS_GSM7,
	DCS_OCTETS, /* 8 bit data */
	DCS_UCS2,
};

#define DCS_NO_CLASS (-1)

/* Message waiting indication, groups 1100 to 1110. */
enum dcs_waiting {
	DCS_WAITING_NONE,     /* the value is of no such group */
	DCS_WAITING_DISCARD,  /* the text may be thrown away */
	DCS_WAITING_STORE,
};

struct dcs {
	enum dcs_alphabet alphabet;
	int8_t message_class;    /* 0 (flash) .. 3, DCS_NO_CLASS */
	bool compressed;         /* 3GPP TS 23.042: the octets are to be kept, not shown */
	bool auto_delete;        /* group 01xx: to be deleted once read */
	bool reserved;           /* read as the nearest thing that is not */
	enum dcs_waiting waiting;
	bool waiting_active;     /* set the indicator, or clear it */
	uint8_t waiting_kind;    /* 0 voicemail, 1 fax, 2 e-mail, 3 other */
};

void dcs_read(uint8_t octet, struct dcs *ret);

/* The octet to send for a message of ours: 00, 04 or 08, with class 0 for flash 10, 14, 18. */
uint8_t dcs_make(enum encoding encoding, bool flash);

/* "gsm7", "octets", "ucs2". */
const char *dcs_alphabet_name(enum dcs_alphabet a);

#endif
