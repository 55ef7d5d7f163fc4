/* SPDX-License-Identifier: Apache-2.0 */
/* facts.h -- what can be told of a received message from its octets alone, for the API and the webhooks.
 *
 * The store keeps the text as it was read, the octets as they came, data_coding and esm_class.  Encoding, class, ports,
 * languages and the border between header and data follow from these, so they are not stored but derived, here and
 * nowhere else. */
#ifndef CODEC_FACTS_H
#define CODEC_FACTS_H

#include "codec/data_coding.h"
#include "codec/udh.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FACTS_LANGUAGES 2 /* of the locking and of the single shift table */

struct facts {
	struct data_coding coding;
	const char *encoding;  /* data_coding_name() */
	const char *waiting;   /* message waiting: "voicemail", "fax", "email", "other"; NULL: it is none */
	bool binary;           /* the octets behind the header are data, not text */
	size_t n_udh;          /* octets of the header at the start; 0: none, or it is broken */
	bool has_ports;
	struct udh_ports ports;
	const char *languages[FACTS_LANGUAGES];
	unsigned n_languages;  /* of tables that we know; none when the text is not GSM-7 */
	bool malformed;        /* a broken header, or U+FFFD in the text */
};

/* `raw` may end after FACTS_HEADER_MAX octets: no header reaches further. */
#define FACTS_HEADER_MAX 256
void facts_read(uint8_t data_coding, uint8_t esm_class, const uint8_t *raw, size_t n_raw, const char *text,
	struct facts *ret);

/* The same with the octets as hexadecimal digits, as the store hands them out. */
void facts_read_hex(uint8_t data_coding, uint8_t esm_class, const char *raw_hex, const char *text, struct facts *ret);

#endif
