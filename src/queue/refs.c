/* SPDX-License-Identifier: Apache-2.0
 *
 * refs.c -- see refs.h.  Counters run round: which of two stored values is the later one is told by their distance,
 * much as for sequence numbers (RFC 1982).  Rows come newest first, so only a little later is later: what is further
 * away is from long ago, be it by 60,000 messages to one number.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <uv.h>

#include "base/hash.h"
#include "queue/refs.h"

#define LATER_MAX 4096

struct refs {
	uint16_t last[REF_BUCKETS];
	bool known[REF_BUCKETS]; /* `last` comes from a row or was given out, not from chance */
};

struct refs *refs_new(void)
{
	struct refs *r = calloc(1, sizeof(*r));

	/* Another gateway, or this one with a new database, may have written to the same people just now. */
	if (r && uv_random(NULL, NULL, r->last, sizeof(r->last), 0, NULL) != 0) {
		free(r);
		return NULL;
	}
	return r;
}

void refs_free(struct refs *r)
{
	free(r);
}

void refs_seen(struct refs *r, uint32_t ref)
{
	uint32_t bucket = ref >> 16;
	uint16_t value = (uint16_t)ref, later = (uint16_t)(value - r->last[bucket]);

	if (r->known[bucket] && (later == 0 || later > LATER_MAX))
		return;
	r->last[bucket] = value;
	r->known[bucket] = true;
}

uint32_t refs_next(struct refs *r, uint64_t to)
{
	uint32_t bucket = (uint32_t)(hash_mix64(to) % REF_BUCKETS);

	r->known[bucket] = true;
	return bucket << 16 | ++r->last[bucket];
}
