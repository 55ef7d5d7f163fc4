/* SPDX-License-Identifier: Apache-2.0
 *
 * story.h -- lives of messages as chains of store operations, and what must be on disk after each step of them.
 *
 * A tale is one run of a story under a number of its own.  Its operations are staged one after the other, each when the
 * one before was acknowledged; many tales run at a time, so their steps meet in one commit.  What belongs to a tale is
 * found by its number, so one query (tale_rows()) says which rows there are of it.
 *
 * How they must be is not written down but learned: model_learn() lives through each story on a store that nothing
 * happens to, and notes the rows after each step.  After a crash a tale of which `acked` steps were acknowledged must
 * look as the model after that step or, when one more had begun, after the next: nothing lost, nothing by halves.
 */
#ifndef STORY_H
#define STORY_H

#include <sqlite3.h>

#include "queue/store.h"

#define STORIES   11
#define STEPS_MAX 10
#define ROWS_SIZE 160
#define STORY_KEY "key" /* khash of the tale with a key; its client is the tale */

struct life;

struct tale {
	struct life *life;
	uint32_t n;                /* its number, never used again */
	uint8_t story, step;       /* step: acknowledged so far */
	uint64_t id;
	uint64_t set;              /* inbound in parts */
	struct message m;
	struct store_accept item;
	struct store_idem idem;
	struct store_progress progress;
	struct store_spill spill;
	struct store_lookup lookup;
	char name[24];
	int want;                  /* what the operation's r must be */
	union {
		struct store_op op;
		struct op_accept accept;
		struct op_lease lease;
		struct op_submit submit;
		struct op_attempt attempt;
		struct op_final final;
		struct op_receipt receipt;
		struct op_receipt_note note;
		struct op_receipt_form form;
		struct op_due_fire fire;
		struct op_backlog_delete backlog;
		struct op_spill spill;
		struct op_cancel cancel;
		struct op_inbound inbound;
		struct op_inbound_part part;
		struct op_events events;
		struct op_stream stream;
		struct op_name name;
		struct op_lane lane;
		struct op_lookup lookup;
	} u;
};

#define LIFE_WIDTH_MAX 64

/* Called on the loop thread.  refused() says what to do with an operation whose r is not what the story wants. */
struct life_events {
	void (*begun)(void *arg, const struct tale *t);
	void (*acked)(void *arg, const struct tale *t);
	/* Staged and committed: messages below low_water (0: not told) are over, tales below purged may be gone. */
	void (*marks)(void *arg, bool committed, uint64_t low_water, uint32_t purged);
	bool (*again)(void *arg, const struct store_op *op); /* false: the life ends */
	void *arg;
};

struct life {
	struct store *store;
	const struct life_events *events;
	uint64_t next_id, block_end;
	uint32_t next_n, end_n;    /* tales from next_n on, below end_n */
	unsigned width, seed, n_running;
	uint64_t low_cap;          /* 0: none; low water may not pass it, as tales of an earlier life are not over … */
	uint32_t purged_cap;       /* … and retention not these */
	bool housekeeping;         /* marks and purges all the time */
	bool over;
	struct tale tales[LIFE_WIDTH_MAX];
	struct {
		bool busy;
		unsigned turn;
		uint64_t low_water;
		uint32_t purged;
		union {
			struct store_op op;
			struct op_meta meta;
			struct op_purge purge;
			struct op_reserve reserve;
		} u;
	} house;
};

/* The rest of *l is set: the store is open.  Run the loop then; it has nothing left to do when the life is over. */
void life_start(struct life *l, const struct store_boot *boot);

unsigned story_steps(unsigned story);
const char *story_step_name(unsigned story, unsigned step);

struct tale_query {
	sqlite3 *db;
	sqlite3_stmt *st;
};
int tale_query_open(struct tale_query *q, sqlite3 *db);
void tale_query_done(struct tale_query *q);
int tale_rows(struct tale_query *q, uint32_t n, uint64_t id, char ret[ROWS_SIZE]);

struct model {
	char rows[STORIES][STEPS_MAX + 1][ROWS_SIZE];
};
int model_learn(const char *path, struct model *ret);

#endif
