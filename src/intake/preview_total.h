/* SPDX-License-Identifier: Apache-2.0 */
/* preview_total.h -- the sums of a preview of many rows, in memory that does not grow with them.
 *
 * Each table has a bound; what no longer finds a place is counted as "other", so that the sums stay right.  A character
 * that makes a base dear stands in thousands of rows, so it finds its place long before the table is full.
 */
#ifndef INTAKE_PREVIEW_TOTAL_H
#define INTAKE_PREVIEW_TOTAL_H

#include "intake/preview_row.h"
#include "queue/names.h"

#define TOTAL_ROUTES	 64
#define TOTAL_CHARACTERS 1024 /* different culprits that are counted one by one */
#define TOTAL_SLOTS	 2048 /* of their hash table: at most half full */
#define TOTAL_CULPRITS	 20   /* told */
#define TOTAL_DEAREST	 10

struct total_sum {
	uint64_t rows, parts;
};

struct total_culprit {
	uint32_t cp; /* 0: the slot is free */
	uint64_t count, rows, last_row;
};

struct total_dear {
	uint64_t row, to;
	uint32_t n_units;
	uint8_t n_parts, encoding;
	struct json_out told; /* the row in full, when the caller wants that */
};

struct preview_total {
	uint64_t rows, accepted, refused, parts;
	uint64_t units[ENC_BINARY + 1], by_encoding[ENC_BINARY + 1], by_parts[SEGMENT_MAX_PARTS + 1];
	uint64_t errors[API_CODE_N];
	struct total_sum no_route, other_routes, route[TOTAL_ROUTES];
	uint32_t route_id[TOTAL_ROUTES];
	unsigned n_routes;
	struct total_sum suggestion, shorten; /* parts: saved */
	struct total_sum changed;	      /* texts that were changed as the message asked */
	uint64_t changed_parts_before;
	struct total_culprit culprits[TOTAL_SLOTS];
	unsigned n_culprits;
	uint64_t other_culprits;
	struct total_dear dearest[TOTAL_DEAREST]; /* the dearest first; of equals the one that came first */
	unsigned n_dearest;
};

void preview_total_init(struct preview_total *t);
void preview_total_done(struct preview_total *t);

void preview_total_refuse(struct preview_total *t, enum api_code code);
/* Returns the entry of the row when it is among the dearest so far, `told` empty; else NULL. */
struct total_dear *preview_total_add(struct preview_total *t, uint64_t row, const struct preview_row *p);
size_t preview_total_told(const struct preview_total *t); /* octets of all `told` */

void preview_total_out(struct json_out *o, const struct preview_total *t, const struct names *names);

#endif
