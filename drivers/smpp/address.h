/* SPDX-License-Identifier: Apache-2.0 */
/* address.h -- how senders and recipients stand on the wire of one link: TON, NPI, digits or letters.
 *
 * What nobody configures is what most carriers take: an international number is 1/1 without plus, letters are 5/0, a
 * short code is 3/0.  The rules of a link say otherwise for some: which sender goes out instead, which digits are taken
 * away or put before, which TON and NPI it has.  The first rule that matches decides, and a rule's TON and NPI win over
 * those of the link as a whole.
 *
 * Rules are prepared when the link is opened, and what concerns the sender alone is kept from part to part, as most of
 * a link's messages have the same sender.  No allocation after opening. */
#ifndef SMPP_ADDRESS_H
#define SMPP_ADDRESS_H

#include "base/conf.h"
#include "codec/msisdn.h"
#include "message.h"
#include "smpp/pdu.h"

#define ADDRESS_DIGITS_MAX 15u /* of a prefix, and of a number */

struct address {
	char text[MSG_FROM_MAX + 1]; /* UTF-8 */
	uint8_t ton, npi;
};

struct address_prefix {
	char digits[ADDRESS_DIGITS_MAX + 1];
	uint8_t n;
};

struct address_rule {
	unsigned kinds;                /* of senders: 1u << enum sender_kind */
	struct address_prefix begins;  /* the sender's own first digits; n 0: any */
	struct address_prefix *to;     /* beginnings of recipients; none: all */
	size_t n_to;
	struct address rewritten;      /* instead; text "": the same */
	struct address_prefix strip, add;
	int ton, npi;                  /* -1: as without the rule */
};

struct addresses {
	int source_ton, source_npi, dest_ton, dest_npi; /* -1: from the address */
	enum conf_sender_alphabet alphabet;
	struct address_rule *senders, *dests;
	unsigned n_senders, n_dests;   /* at most 32 of each */

	/* The sender of the last part. */
	char from[MSG_FROM_MAX + 1];
	bool from_known;
	struct address source;         /* without a rule */
	enum sender_kind kind;
	uint32_t candidates;           /* rules whose part about the sender holds */

	struct address made;           /* of a rule that strips or adds */
};

/* 0 or -ENOMEM; addresses_done() after either. */
int addresses_init(struct addresses *a, const struct conf_link *c);
void addresses_done(struct addresses *a);

/* The recipient as it goes out. */
void address_dest(const struct addresses *a, uint64_t to, struct address *ret);
/* The octets of a sender in the alphabet of the link: its text, or in `buf`.  A name that it cannot write, or
 * that a C-string cannot hold ("@" is 00 in the GSM alphabet), stays as it is, for the SMSC to judge. */
const char *address_octets(const struct addresses *a, const struct address *s, char buf[static PDU_ADDRESS_MAX + 1]);
/* And back: `dst` has room for four octets of each and a NUL.  What is UTF-8 already stays. */
void address_name(enum conf_sender_alphabet alphabet, const char *octets, size_t n, char *dst, size_t cap);
/* The sender as it goes out to that recipient; lent until the next call. */
const struct address *address_source(struct addresses *a, const char *from, uint64_t to);

#endif
