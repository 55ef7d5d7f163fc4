/* SPDX-License-Identifier: Apache-2.0
 *
 * refs.h -- concatenation references: no two messages that are under way to one recipient bear the same one.
 *
 * A telephone joins parts that agree in sender, reference and number of parts (3GPP TS 23.040, 9.2.3.24.1): with one
 * counter for the whole gateway two long texts to the same person meet by chance, and the 8-bit form has 256 values
 * only.  So each recipient counts for itself, or nearly so: recipients share REF_BUCKETS counters by a hash.  A
 * reference comes back to a recipient after 256 (udh8) or 65,536 further long messages in its bucket.
 *
 * References of messages that have begun are stored in their bound row together with the bucket, so that a restart can
 * go on counting from what it finds there.  A bucket of which nothing is found starts anywhere.
 */
#ifndef REFS_H
#define REFS_H

#include <stdint.h>

#define REF_BUCKETS 65536u
#define REF_ROWS    262144u /* newest bound rows that are read at start */

struct refs;

struct refs *refs_new(void); /* NULL: out of memory */
void refs_free(struct refs *r);

/* Told at start, the newest messages first, which need not be quite the order of the references: one that refs_next()
 * made. */
void refs_seen(struct refs *r, uint32_t ref);

/* The next reference for this recipient.  The low 16 bits go on the wire (the low 8 with CONCAT_UDH8), the others are
 * the bucket. */
uint32_t refs_next(struct refs *r, uint64_t to);

#endif
