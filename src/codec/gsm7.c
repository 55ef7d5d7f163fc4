/* SPDX-License-Identifier: Apache-2.0 */
/* gsm7.c -- the GSM 7 bit default alphabet, its extension table, and the packing of septets.
 *
 * Every text passes through here at least twice, so nothing is searched: from septet to character by one
 * index, from character to septet by one index into the first 256 code points (all of ASCII and Latin-1), a
 * second small table for the Greek capitals, and a comparison for the euro sign, which is all that the
 * alphabet holds beyond those.
 *
 * The cells are those of 3GPP TS 23.038, 6.2.1 and 6.2.1.1.  Septet 09 is the capital C with cedilla, as the
 * document shows it; the mapping file that Unicode publishes has the small one there, phones do not. */
#include "codec/gsm7.h"

#include "codec/utf8.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

const int16_t gsm7_low[256] = {
	-1, -1, -1, -1, -1, -1, -1, -1,				/* 00 */
	-1, -1, 0x0a, -1, 0x1b0a, 0x0d, -1, -1,			/* 08 */
	-1, -1, -1, -1, -1, -1, -1, -1,				/* 10 */
	-1, -1, -1, -1, -1, -1, -1, -1,				/* 18 */
	0x20, 0x21, 0x22, 0x23, 0x02, 0x25, 0x26, 0x27,		/* 20 */
	0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f,		/* 28 */
	0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37,		/* 30 */
	0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f,		/* 38 */
	0x00, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47,		/* 40 */
	0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f,		/* 48 */
	0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57,		/* 50 */
	0x58, 0x59, 0x5a, 0x1b3c, 0x1b2f, 0x1b3e, 0x1b14, 0x11, /* 58 */
	-1, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67,		/* 60 */
	0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f,		/* 68 */
	0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77,		/* 70 */
	0x78, 0x79, 0x7a, 0x1b28, 0x1b40, 0x1b29, 0x1b3d, -1,	/* 78 */
	-1, -1, -1, -1, -1, -1, -1, -1,				/* 80 */
	-1, -1, -1, -1, -1, -1, -1, -1,				/* 88 */
	-1, -1, -1, -1, -1, -1, -1, -1,				/* 90 */
	-1, -1, -1, -1, -1, -1, -1, -1,				/* 98 */
	-1, 0x40, -1, 0x01, 0x24, 0x03, -1, 0x5f,		/* a0 */
	-1, -1, -1, -1, -1, -1, -1, -1,				/* a8 */
	-1, -1, -1, -1, -1, -1, -1, -1,				/* b0 */
	-1, -1, -1, -1, -1, -1, -1, 0x60,			/* b8 */
	-1, -1, -1, -1, 0x5b, 0x0e, 0x1c, 0x09,			/* c0 */
	-1, 0x1f, -1, -1, -1, -1, -1, -1,			/* c8 */
	-1, 0x5d, -1, -1, -1, -1, 0x5c, -1,			/* d0 */
	0x0b, -1, -1, -1, 0x5e, -1, -1, 0x1e,			/* d8 */
	0x7f, -1, -1, -1, 0x7b, 0x0f, 0x1d, -1,			/* e0 */
	0x04, 0x05, -1, -1, 0x07, -1, -1, -1,			/* e8 */
	-1, 0x7d, 0x08, -1, -1, -1, 0x7c, -1,			/* f0 */
	0x0c, 0x06, -1, -1, 0x7e, -1, -1, -1,			/* f8 */
};

#define GREEK_FIRST 0x390u

static const int16_t greek[32] = {
	-1, -1, -1, 0x13, 0x10, -1, -1, -1,   /* 00 */
	0x19, -1, -1, 0x14, -1, -1, 0x1a, -1, /* 08 */
	0x16, -1, -1, 0x18, -1, -1, 0x12, -1, /* 10 */
	0x17, 0x15, -1, -1, -1, -1, -1, -1,   /* 18 */
};

static const uint16_t main_table[128] = {
	0x0040, 0x00a3, 0x0024, 0x00a5, 0x00e8, 0x00e9, 0x00f9, 0x00ec, /* 00 */
	0x00f2, 0x00c7, 0x000a, 0x00d8, 0x00f8, 0x000d, 0x00c5, 0x00e5, /* 08 */
	0x0394, 0x005f, 0x03a6, 0x0393, 0x039b, 0x03a9, 0x03a0, 0x03a8, /* 10 */
	0x03a3, 0x0398, 0x039e, 0x0020, 0x00c6, 0x00e6, 0x00df, 0x00c9, /* 18 */
	0x0020, 0x0021, 0x0022, 0x0023, 0x00a4, 0x0025, 0x0026, 0x0027, /* 20 */
	0x0028, 0x0029, 0x002a, 0x002b, 0x002c, 0x002d, 0x002e, 0x002f, /* 28 */
	0x0030, 0x0031, 0x0032, 0x0033, 0x0034, 0x0035, 0x0036, 0x0037, /* 30 */
	0x0038, 0x0039, 0x003a, 0x003b, 0x003c, 0x003d, 0x003e, 0x003f, /* 38 */
	0x00a1, 0x0041, 0x0042, 0x0043, 0x0044, 0x0045, 0x0046, 0x0047, /* 40 */
	0x0048, 0x0049, 0x004a, 0x004b, 0x004c, 0x004d, 0x004e, 0x004f, /* 48 */
	0x0050, 0x0051, 0x0052, 0x0053, 0x0054, 0x0055, 0x0056, 0x0057, /* 50 */
	0x0058, 0x0059, 0x005a, 0x00c4, 0x00d6, 0x00d1, 0x00dc, 0x00a7, /* 58 */
	0x00bf, 0x0061, 0x0062, 0x0063, 0x0064, 0x0065, 0x0066, 0x0067, /* 60 */
	0x0068, 0x0069, 0x006a, 0x006b, 0x006c, 0x006d, 0x006e, 0x006f, /* 68 */
	0x0070, 0x0071, 0x0072, 0x0073, 0x0074, 0x0075, 0x0076, 0x0077, /* 70 */
	0x0078, 0x0079, 0x007a, 0x00e4, 0x00f6, 0x00f1, 0x00fc, 0x00e0, /* 78 */
};

/* 0: the table has no such cell.  0D and 1B are reserved there; what to show for them is said in 6.2.1.1. */
static const uint16_t extension_table[128] = {
	[0x0a] = 0x000c,
	[0x0d] = 0x000d,
	[0x14] = 0x005e,
	[0x1b] = 0x0020,
	[0x28] = 0x007b,
	[0x29] = 0x007d,
	[0x2f] = 0x005c,
	[0x3c] = 0x005b,
	[0x3d] = 0x007e,
	[0x3e] = 0x005d,
	[0x40] = 0x007c,
	[0x65] = 0x20ac,
};

int gsm7_encode_high(uint32_t cp)
{
	if (cp - GREEK_FIRST < 32) /* unsigned: also false below the block */
		return greek[cp - GREEK_FIRST];
	return cp == 0x20ac ? GSM7_ESC << 8 | 0x65 : -1;
}

/* The character at `s`, of which `n` (1 or more) septets are left; returns the septets it takes. */
static size_t read_septet(const uint8_t *s, size_t n, uint32_t *ret_cp)
{
	uint8_t code = s[0] & 0x7f;

	if (code != GSM7_ESC) {
		*ret_cp = main_table[code];
		return 1;
	}
	if (n < 2) {
		*ret_cp = ' ';
		return 1;
	}
	code = s[1] & 0x7f;
	*ret_cp = extension_table[code] ? extension_table[code] : main_table[code];
	return 2;
}

int gsm7_decode(
	const uint8_t *septets, size_t n, struct gsm7_shift shift, char *dst, size_t cap, size_t *ret_n)
{
	size_t at = 0;

	(void)shift; /* no national table here: all of them fall back to the default ones, see the header */
	for (size_t i = 0; i < n;) {
		uint32_t cp;
		size_t len;

		i += read_septet(septets + i, n - i, &cp);
		len = utf8_put(dst + at, cap - at, cp);
		if (len == 0)
			return -ENOBUFS;
		at += len;
	}
	*ret_n = at;
	return 0;
}

int gsm7_pack(const uint8_t *septets, size_t n, unsigned fill_bits, uint8_t *dst, size_t cap, size_t *ret_n)
{
	unsigned n_bits = fill_bits; /* held in `bits`, not yet written; below 8 at the head of the loop */
	uint32_t bits = 0;
	size_t at = 0;

	if (n > (SIZE_MAX - 14) / 7 || (n * 7 + fill_bits + 7) / 8 > cap)
		return -ENOBUFS;
	for (size_t i = 0; i < n; i++) {
		bits |= (uint32_t)(septets[i] & 0x7f) << n_bits;
		n_bits += 7;
		while (n_bits >= 8) {
			dst[at++] = (uint8_t)bits;
			bits >>= 8;
			n_bits -= 8;
		}
	}
	if (n_bits > 0)
		dst[at++] = (uint8_t)bits;
	*ret_n = at;
	return 0;
}

int gsm7_unpack(const uint8_t *src, size_t n, unsigned fill_bits, uint8_t *septets, size_t n_septets)
{
	size_t bit = fill_bits;

	if (n > SIZE_MAX / 8 || n * 8 < fill_bits || (n * 8 - fill_bits) / 7 < n_septets)
		return -EBADMSG;
	for (size_t i = 0; i < n_septets; i++, bit += 7) {
		unsigned two = src[bit / 8];

		/* Reaching into the next octet, which the check above has counted. */
		if (bit % 8 > 1)
			two |= (unsigned)src[bit / 8 + 1] << 8;
		septets[i] = two >> bit % 8 & 0x7f;
	}
	return 0;
}
