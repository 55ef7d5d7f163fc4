/* SPDX-License-Identifier: Apache-2.0 */
/* words.h -- what octets of TPDUs and SMPP PDUs mean, in words: what both have in common. */
#ifndef POSTHORN_CLI_WORDS_H
#define POSTHORN_CLI_WORDS_H

#include <stdint.h>

#include "cli/sheet.h"
#include "codec/dcs.h"

const char *words_ton(unsigned ton);
const char *words_npi(unsigned npi);
const char *words_pid(unsigned pid);

/* "UCS-2, no class": of a TP-DCS, or of a data_coding from 10 on. */
void words_dcs(struct text *out, uint8_t octet);
json_t *words_dcs_json(uint8_t octet);

/* "4 days", "12 h 30 min". */
void words_span(struct text *out, uint32_t s);

/* Rows for the header at `at` of the sheet's octets, which is sound and takes `n_udh`; what it holds goes to `object`
 * as udh, concatenation, ports and languages. */
void words_udh(struct sheet *s, size_t at, size_t n_udh, json_t *object);

#endif
