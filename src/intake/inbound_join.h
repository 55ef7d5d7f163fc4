/* SPDX-License-Identifier: Apache-2.0 */
/* inbound_join.h -- make one message of the parts of a set.
 *
 * Octets are put together before they are read, where the link can (driver.decode): a sender may cut between the
 * two halves of a surrogate pair, or between an escape and its code.  Where it cannot, and where reading them together
 * makes less sense than reading them apart did, the texts of the parts follow each other.
 *
 * Of the header, what stood in the first part stays, less the concatenation.  A part that is not there shows as […],
 * one mark for all that are missing in a row.
 */
#ifndef INTAKE_INBOUND_JOIN_H
#define INTAKE_INBOUND_JOIN_H

#include "codec/gsm7.h"
#include "queue/store.h"

#include <stddef.h>
#include <stdint.h>

#define INBOUND_MISSING_SIZE 1020 /* "1,2, … 255", less one of them, and the NUL */

struct inbound_joined {
	char *text;
	uint32_t n_text;
	uint8_t *raw;
	uint32_t n_raw;
	uint8_t dcs, esm_class;
	unsigned n_missing;
	char missing[INBOUND_MISSING_SIZE];
};

/* As driver.decode(); NULL: no link. */
struct inbound_decoder {
	int (*decode)(void *arg, uint8_t data_coding, struct gsm7_shift shift, const uint8_t *text, size_t n, char *dst,
		size_t cap, size_t *ret_n);
	void *arg;
};

/* 0 or -ENOMEM; -EINVAL when the set has no parts. */
int inbound_join(const struct q_inbound_set *s, const struct inbound_decoder *d, struct inbound_joined *ret);
void inbound_joined_done(struct inbound_joined *j);

#endif
