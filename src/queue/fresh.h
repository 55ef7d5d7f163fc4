/* SPDX-License-Identifier: Apache-2.0
 *
 * fresh.h -- which unresolved ids have no row in backlog, due or waiting: the ones a restart must scan for.
 *
 * A bit per id, in blocks of 2^16 that exist only while a bit in them is set.  The lowest set bit is the low-water
 * mark.
 */
#ifndef FRESH_H
#define FRESH_H

#include <stdbool.h>
#include <stdint.h>

struct fresh;

struct fresh *fresh_new(uint64_t first_id);
void fresh_free(struct fresh *f);
int fresh_set(struct fresh *f, uint64_t id);    /* -ENOMEM; ids below the first block are -ERANGE */
bool fresh_clear(struct fresh *f, uint64_t id); /* whether it was set */
/* No id below is set; `next_id` when none is set at all.  Blocks below the answer are given up, and fresh_set() refuses
 * their ids from then on: a scan that brings old ids must be over before the first call. */
uint64_t fresh_low(struct fresh *f, uint64_t next_id);

#endif
