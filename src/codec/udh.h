/* SPDX-License-Identifier: Apache-2.0 */
/* udh.h -- read the user data header at the start of a TP-UD (3GPP TS 23.040, 9.2.3.24).
 *
 * Headers come from phones and lie.  Nothing here reads past the octets it is given, and a header whose
 * lengths do not add up is -EBADMSG as a whole: the caller then shows the text without interpreting it, as
 * half a header is worth less than none.  An element of known type with a wrong length or with nonsense in it
 * (sequence 0, sequence beyond the total) is skipped as if it were unknown.  When an element stands twice,
 * the last one counts. */
#ifndef CODEC_UDH_H
#define CODEC_UDH_H

#include "codec/gsm7.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum udh_iei {
	UDH_CONCAT8 = 0x00,  /* 9.2.3.24.1 */
	UDH_PORTS8 = 0x04,   /* 9.2.3.24.3 */
	UDH_PORTS16 = 0x05,  /* 9.2.3.24.4 */
	UDH_CONCAT16 = 0x08, /* 9.2.3.24.8 */
	UDH_SINGLE = 0x24,   /* 9.2.3.24.15 */
	UDH_LOCKING = 0x25,  /* 9.2.3.24.16 */
};

struct udh_walk {
	const uint8_t *at, *end;
};

struct udh_ie {
	uint8_t iei;
	uint8_t n;
	const uint8_t *data; /* points into the user data */
};

struct udh_concat {
	uint16_t ref;
	uint8_t total; /* 1..255 */
	uint8_t seq;   /* 1..total */
	bool wide;     /* 16 bit reference; 8 and 16 bit references are different number spaces */
};

struct udh_ports {
	uint16_t dst, src;
	bool wide;
};

/* Begin a walk over the header of the `n` octets of user data at `ud`; `*ret_n_udh` (may be NULL) is the
 * octets of the header, its length octet included.  -EBADMSG when it is longer than the data. */
int udh_open(struct udh_walk *w, const uint8_t *ud, size_t n, size_t *ret_n_udh);

/* 1 and the next element, 0 at the end, -EBADMSG when an element runs out of the header. */
int udh_next(struct udh_walk *w, struct udh_ie *ret);

/* The whole header is sound: 0, or -EBADMSG. */
int udh_check(const uint8_t *ud, size_t n, size_t *ret_n_udh);

/* 1 and the element, 0 when there is none, -EBADMSG when the header is broken anywhere. */
int udh_find_concat(const uint8_t *ud, size_t n, struct udh_concat *ret);
int udh_find_ports(const uint8_t *ud, size_t n, struct udh_ports *ret);
int udh_find_shift(const uint8_t *ud, size_t n, struct gsm7_shift *ret);

#endif
