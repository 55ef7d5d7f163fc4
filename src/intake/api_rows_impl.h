/* SPDX-License-Identifier: Apache-2.0 */
/* api_rows_impl.h -- what the two files of a post of many share: see the head of api_rows.c for the picture.
 *
 *     api_rows.c        from the source to a checked row, the turns, the key, the answer
 *     api_rows_chunk.c  from a checked row to its result: chunks, staging, commits, the list of results
 */
#ifndef INTAKE_API_ROWS_IMPL_H
#define INTAKE_API_ROWS_IMPL_H

#include "intake/api_impl.h"
#include "intake/json_lines.h"
#include "intake/json_text.h"
#include "intake/row_source.h"

#define CHUNK_ROWS    QUEUE_BATCH_MAX
#define FLIGHT_ROWS   (2 * CHUNK_ROWS)
#define FLIGHT_CHUNKS 512  /* of one row each, when rows have keys: what share a commit */
#define OUT_STEP      ((size_t)64 << 10) /* octets of results in a stream's own room; more take as much */
#define CHUNK_NOTES   ((size_t)1 << 20) /* octets of errors and changes in one chunk */

struct slot {
	int32_t message;	  /* index in messages[], -1: refused */
	uint32_t note_at, note_n; /* in notes: the error, or "changed"; n = 0: none, or not listed */
};

struct chunk {
	struct chunk *next;
	struct rows *rows;
	struct queue_batch batch;
	struct store_progress progress;
	struct store_idem idem;
	struct api_key key;
	bool done;
	int r;
	int64_t staged_us;
	uint64_t first_row;
	unsigned cap, n_slots, n_messages, n_class[CLASS_N];
	uint8_t n_parts, encoding; /* of the row with a key */
	bool scheduled;
	struct json_out notes;
	struct message **messages;
	uint64_t *ids;
	struct slot *slots;
	char answer[160 + JSON_TEXT_ROW_MAX];
};

struct rows {
	struct api_stream stream;
	struct api_call *c;
	struct api *api;
	struct api_runner runner;
	struct api_waiter waiter;

	/* source */
	struct row_source source;
	bool is_lines;
	bool exhausted;	 /* the last row was taken */
	json_t *stashed; /* a parsed row that must begin a chunk of its own */
	bool drain;	 /* look at it only when nothing is in flight */
	uint64_t row;	 /* number of the next row */

	/* chunks */
	struct chunk *building;
	bool ready;		    /* building is complete and goes next */
	struct chunk *head, **tail; /* in flight, in order */
	unsigned n_flight, flight_rows;

	/* the key */
	char key[JSON_MESSAGE_KEY_MAX + 1];
	struct api_key held;
	struct op_stream begin;
	bool begun, beginning, was_done, last_staged;
	uint64_t skip; /* rows done by an earlier post */
	uint8_t known[16], digest[16];
	struct json_digest chain;
	uint64_t staged_accepted, staged_rejected;

	/* the answer */
	enum rows_results results;
	uint64_t accepted, rejected;
	unsigned listed, listed_max, errors_made;
	bool truncated;
	struct json_out out;
	size_t out_held; /* octets of room taken for it */
	bool stopped, conflict;
	uint64_t stopped_at;
	struct api_fault fault;
};

/* ---- api_rows.c ---- */

/* Stop here: what is in flight ends, the rest is refused. */
void rows_stop(struct rows *r, enum api_code code, const char *text);
void rows_pump(struct rows *r); /* r may be gone afterwards */

/* ---- api_rows_chunk.c ---- */

bool rows_need_building(struct rows *r, unsigned cap); /* false: out of memory, and stopped */
void rows_drop_building(struct rows *r);
void rows_accept(struct rows *r, const struct json_message *jm);
void rows_refuse(struct rows *r, const struct api_fault *f);
bool rows_send_building(struct rows *r); /* Give the chunk to the queue.  false: not now, or never. */

#endif
