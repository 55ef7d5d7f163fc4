/* SPDX-License-Identifier: Apache-2.0 */
/* tlv.h -- the TLVs that a link's configuration declares, as octets behind a submit_sm.
 *
 * Those with a value of the link's own are written once, when the link is opened; a message without TLVs copies that
 * block.  A message that brings values (its own or its client's; message.h) has the link's TLVs written with them: what
 * it names and the link does not declare stays behind, since only the links of a route that know a TLV can send it. */
#ifndef SMPP_TLV_H
#define SMPP_TLV_H

#include <stddef.h>
#include <stdint.h>

#include "base/conf.h"

#define TLV_VALUE_MAX 255u
#define TLVS_MAX      (CONF_TLVS_MAX * (4u + TLV_VALUE_MAX)) /* octets of all TLVs of a part */

struct tlvs {
	struct conf_tlv conf[CONF_TLVS_MAX]; /* name is a copy, value is not kept */
	uint16_t own_at[CONF_TLVS_MAX]; /* in own[], with tag and length */
	uint16_t own_n[CONF_TLVS_MAX];  /* 0: no value of the link's */
	unsigned n;
	uint8_t own[TLVS_MAX];
	uint16_t n_own;
	uint8_t made[TLVS_MAX];
};

/* 0, -ENOMEM or -EINVAL; tlvs_done() after any. */
int tlvs_init(struct tlvs *t, const struct conf_link *c);
void tlvs_done(struct tlvs *t);

/* The TLVs of a message whose values are `list` (`n` octets, 0: none); lent until the next call. */
const uint8_t *tlvs_for(struct tlvs *t, const uint8_t *list, size_t n, uint16_t *ret_n);

#endif
