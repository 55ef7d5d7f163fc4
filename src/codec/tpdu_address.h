/* SPDX-License-Identifier: Apache-2.0 */
/* tpdu_address.h -- addresses as TPDUs carry them: digits in semi-octets, or a name in packed septets
 * (3GPP TS 23.040, 9.1.2.5), and the address of the service centre in front of a TPDU (3GPP TS 27.005, 3.1).
 *
 * The two differ in what their length octet counts: useful semi-octets in a TPDU, octets for the service centre.
 * Networks are careless here, so reading takes what can be shown and says in two flags what was odd. */
#ifndef CODEC_TPDU_ADDRESS_H
#define CODEC_TPDU_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TPDU_ADDRESS_DIGITS 20 /* semi-octets at most, 9.1.2.5 */
#define TPDU_ADDRESS_MAX    12 /* octets: length, type, ten of value */
#define TPDU_ADDRESS_TEXT   36 /* eleven septets, each at most three octets of UTF-8, a plus and a NUL */

/* Type of number; 3 bits. */
enum tpdu_ton {
	TON_UNKNOWN,
	TON_INTERNATIONAL,
	TON_NATIONAL,
	TON_NETWORK,
	TON_SUBSCRIBER,
	TON_ALPHANUMERIC,
	TON_ABBREVIATED,
	TON_RESERVED,
};

#define NPI_UNKNOWN 0
#define NPI_ISDN    1

struct tpdu_address {
	enum tpdu_ton ton;
	uint8_t npi;
	uint8_t n;        /* semi-octets by the length octet; of a service centre those there; written from `text` */
	bool extra_digit; /* read: an odd length with a digit where the filler belongs; it is not shown */
	bool stray_fill;  /* read: fillers among the digits, or counted as digits; they are not shown */
	char text[TPDU_ADDRESS_TEXT]; /* 0-9 * # a b c without a plus, or the name as UTF-8 */
};

/* "+46708251358", "12345" or "Design@Home" to an address: international, unknown, alphanumeric.  Digits may also be
 * `*` and `#`; whatever holds another character is a name of at most 11 septets.  `s` is checked UTF-8.
 * -EINVAL: `*ret_why` is a sentence without a full stop, never freed. */
int tpdu_address_make(const char *s, struct tpdu_address *ret, const char **ret_why);

/* As people write it: with a plus when it is international. */
void tpdu_address_show(const struct tpdu_address *a, char dst[static TPDU_ADDRESS_TEXT]);

/* Read the address at the start of `n` octets; `*ret_n` is the octets it takes.  -EBADMSG: it runs past the end or is
 * longer than 20 semi-octets. */
int tpdu_address_read(const uint8_t *src, size_t n, struct tpdu_address *ret, size_t *ret_n);

/* -EINVAL: a character that is none of an address of that type, or too many of them.  -ENOBUFS. */
int tpdu_address_put(const struct tpdu_address *a, uint8_t *dst, size_t cap, size_t *ret_n);

/* The same for the service centre.  An empty text is written as 00, which means the one stored in the modem, and a
 * length of 0 is read as an empty text. */
int tpdu_centre_read(const uint8_t *src, size_t n, struct tpdu_address *ret, size_t *ret_n);
int tpdu_centre_put(const struct tpdu_address *a, uint8_t *dst, size_t cap, size_t *ret_n);

#endif
