/* SPDX-License-Identifier: Apache-2.0 */
/* msisdn.h -- what people type as a phone number, and the one form we keep: E.164 digits as an integer.
 *
 * Clients paste numbers from forms and spreadsheets.  Digits with the usual punctuation are accepted: blank,
 * U+00A0, hyphen, dot, slash, parentheses, one leading plus.  Anything else is refused with a sentence for
 * the client, as a guess would send somebody's code to a stranger.  For the same reason nothing is guessed
 * beyond the table of countries: it says how national numbers look where a client has a default country, it
 * does not check numbering plans. */
#ifndef CODEC_MSISDN_H
#define CODEC_MSISDN_H

#include <stddef.h>
#include <stdint.h>

#define MSISDN_MIN_DIGITS 7
#define MSISDN_MAX_DIGITS 15 /* ITU-T E.164, 6.1 */

/* Normalise a recipient.  `default_country` is an ISO 3166 alpha-2 code or NULL.
 *
 * After `+` or 00 the digits are international.  Else, with a default country, they are national when they
 * are trunk prefix and subscriber number of that country, or begin as its mobile numbers do and have their
 * length; otherwise they are international without a plus.
 *
 * -EINVAL: `*ret_why` is a sentence without a full stop, never freed. */
int msisdn_normalise(
	const char *in, size_t n, const char *default_country, uint64_t *ret_number, const char **ret_why);

/* Whether the table has the country, for checking a configuration. */
int msisdn_country_known(const char *country);

enum sender_kind {
	SENDER_INVALID,
	SENDER_ALPHANUMERIC, /* at most 11 septets of GSM-7 (3GPP TS 23.040, 9.1.2.5) */
	SENDER_NUMBER,	     /* international number */
	SENDER_SHORT,	     /* short code: 3..8 digits, leading zeros count */
};

#define SENDER_SHORT_END 100000000u /* below it a number has as few digits as a short code */

/* What a sender is.  `*ret_number` is set for SENDER_NUMBER, `*ret_why` for SENDER_INVALID.  `s` is checked
 * UTF-8. */
enum sender_kind sender_classify(const char *s, size_t n, uint64_t *ret_number, const char **ret_why);

#endif
