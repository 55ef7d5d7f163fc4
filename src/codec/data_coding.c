/* SPDX-License-Identifier: Apache-2.0 */
/* data_coding.c -- see data_coding.h. */
#include "codec/data_coding.h"

/* SMPP 3.4, 5.2.19.  Those without a line are octets: 02, 04, 09 (pictograms), and the reserved 0B, 0C, 0F. */
static const enum data_coding_alphabet low[16] = {
	[0x00] = CODING_DEFAULT,
	[0x01] = CODING_ASCII,
	[0x02] = CODING_OCTETS,
	[0x03] = CODING_LATIN1,
	[0x04] = CODING_OCTETS,
	[0x05] = CODING_JIS_X_0208,
	[0x06] = CODING_ISO_8859_5,
	[0x07] = CODING_ISO_8859_8,
	[0x08] = CODING_UCS2,
	[0x09] = CODING_OCTETS,
	[0x0a] = CODING_ISO_2022_JP,
	[0x0b] = CODING_OCTETS,
	[0x0c] = CODING_OCTETS,
	[0x0d] = CODING_JIS_X_0212,
	[0x0e] = CODING_KS_C_5601,
	[0x0f] = CODING_OCTETS,
};

void data_coding_read(uint8_t octet, struct data_coding *ret)
{
	static const enum data_coding_alphabet alphabets[] = {
		[DCS_GSM7] = CODING_GSM7,
		[DCS_OCTETS] = CODING_OCTETS,
		[DCS_UCS2] = CODING_UCS2,
	};
	struct dcs d;

	*ret = (struct data_coding){ .message_class = DCS_NO_CLASS, .waiting = DCS_WAITING_NONE };
	if (octet < 0x10) {
		ret->alphabet = low[octet];
		return;
	}
	dcs_read(octet, &d);
	ret->alphabet = d.compressed ? CODING_OCTETS : alphabets[d.alphabet];
	ret->message_class = d.message_class;
	ret->waiting = d.waiting;
	ret->waiting_active = d.waiting_active;
	ret->waiting_kind = d.waiting_kind;
}

const char *data_coding_name(enum data_coding_alphabet a)
{
	static const char *const names[CODING_N] = {
		[CODING_DEFAULT] = "default",
		[CODING_GSM7] = "gsm7",
		[CODING_ASCII] = "ascii",
		[CODING_OCTETS] = "binary",
		[CODING_LATIN1] = "latin1",
		[CODING_JIS_X_0208] = "jis-x-0208",
		[CODING_ISO_8859_5] = "iso-8859-5",
		[CODING_ISO_8859_8] = "iso-8859-8",
		[CODING_UCS2] = "ucs2",
		[CODING_ISO_2022_JP] = "iso-2022-jp",
		[CODING_JIS_X_0212] = "jis-x-0212",
		[CODING_KS_C_5601] = "ks-c-5601",
	};

	return names[a];
}
