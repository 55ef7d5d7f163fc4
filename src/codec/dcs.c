/* SPDX-License-Identifier: Apache-2.0 */
/* dcs.c -- what a TP-DCS octet says.
 *
 * The octet is divided by its four high bits into coding groups (3GPP TS 23.038, 4); each group reads its low bits in
 * its own way.  Groups and bits that the document reserves turn up in real traffic, most often as a class without the
 * bit that announces it; they are read as the document asks and marked. */
#include "codec/dcs.h"

/* Groups 00xx and 01xx. */
static void read_general(uint8_t octet, struct dcs *d)
{
	static const enum dcs_alphabet alphabets[4] = { DCS_GSM7, DCS_OCTETS, DCS_UCS2, DCS_GSM7 };

	d->auto_delete = octet & 0x40;
	d->compressed = octet & 0x20;
	d->alphabet = alphabets[octet >> 2 & 3];
	if (octet & 0x10)
		d->message_class = octet & 3;
	d->reserved = (octet & 0x0c) == 0x0c || (!(octet & 0x10) && (octet & 3));
}

/* Groups 1100, 1101 and 1110. */
static void read_waiting(uint8_t octet, struct dcs *d)
{
	d->alphabet = octet >> 4 == 0xe ? DCS_UCS2 : DCS_GSM7;
	d->waiting = octet >> 4 == 0xc ? DCS_WAITING_DISCARD : DCS_WAITING_STORE;
	d->waiting_active = octet & 8;
	d->waiting_kind = octet & 3;
	d->reserved = octet & 4;
}

/* Group 1111. */
static void read_class(uint8_t octet, struct dcs *d)
{
	d->alphabet = octet & 4 ? DCS_OCTETS : DCS_GSM7;
	d->message_class = octet & 3;
	d->reserved = octet & 8;
}

void dcs_read(uint8_t octet, struct dcs *ret)
{
	*ret = (struct dcs){ .alphabet = DCS_GSM7, .message_class = DCS_NO_CLASS, .waiting = DCS_WAITING_NONE };
	if (octet < 0x80)
		read_general(octet, ret);
	else if (octet < 0xc0)
		ret->reserved = true;
	else if (octet < 0xf0)
		read_waiting(octet, ret);
	else
		read_class(octet, ret);
}

uint8_t dcs_make(enum encoding encoding, bool flash)
{
	static const uint8_t octets[] = { [ENC_GSM7] = 0x00, [ENC_UCS2] = 0x08, [ENC_BINARY] = 0x04 };

	return octets[encoding] | (flash ? 0x10 : 0);
}

const char *dcs_alphabet_name(enum dcs_alphabet a)
{
	static const char *const names[] = { [DCS_GSM7] = "gsm7", [DCS_OCTETS] = "octets", [DCS_UCS2] = "ucs2" };

	return names[a];
}
