/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_world.h -- a queue over the real store in a folder of its own, and what a test needs to choose an
 * interleaving.
 *
 * Three things that depend on luck elsewhere are the test's here; the program is linked with --wrap for them:
 *   - time: the clocks run on, but a test can make them jump, or stop them.  So nothing waits for a time to
 * pass;
 *   - the disk: operations of one kind are refused as a full disk refuses them, or kept back before they are
 * staged;
 *   - pages: an answer that was read is kept back until what the test wants has been committed after it.
 *
 * Links are fakes whose answers the test gives, or loopback drivers.  "Nothing happens" means: world_quiet()
 * came back, so all that was under way in the store and the loop has passed, and the count is still what it
 * was.
 */
#ifndef QUEUE_WORLD_H
#define QUEUE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/conf.h"
#include "driver.h"
#include "queue/queue.h"
#include "route/link.h"
#include "route/router.h"

#define WORLD_CLIENTS                                   \
	"clients = ({ name = \"shop\"; key_sha256 = \"" \
	"0000000000000000000000000000000000000000000000000000000000000000\"; });"
/* One loopback link. */
#define WORLD_LOOPBACK                                                                     \
	WORLD_CLIENTS "links = ({ name = \"lo\"; driver = \"loopback\"; window = 100; });" \
		      "routes = ({ name = \"r\"; links = [\"lo\"]; });"
/* The smallest lane: more than 16 messages of it go through the backlog. */
#define WORLD_SMALL_LANE "queue: { lane_window = 16; };"
#define WORLD_LANE	 16

struct fake {
	struct outlet o;
	int answer;	    /* of submit() */
	unsigned n;	    /* parts taken */
	unsigned n_ended;   /* of these: answered by fake_end_all() */
	unsigned count[8];  /* by part number */
	uint64_t key[2048]; /* in the order they came */
	uint16_t ref[2048];
	struct segment_wire wire; /* of the last one */
	int64_t send_at_ms; /* likewise */
	int ask_answer;	    /* of ask() */
	unsigned n_asked;   /* questions taken */
	uint64_t asked[2048];
	char asked_id[66], asked_from[24]; /* of the last one */
};

struct world {
	uv_loop_t loop;
	uv_timer_t turn; /* so that no turn of the loop sleeps for long */
	const char *conf_text;
	char dir[64], db[96];
	struct store *store;
	struct names *names;
	struct queue *queue;
	struct router *router;
	struct conf *conf;
	struct link *link[4];
	unsigned n_links, left;
	struct fake *fake[4];
	unsigned n_fakes;
	uint64_t final[STATE_N];
	uint64_t committed, failed; /* messages, by the outcome of their batch */
	unsigned n_acks;	    /* receipts whose commit is done, or failed */
	int ack;		    /* the outcome of the last one */
	bool closed;
	bool mixed; /* world_add(): the last one is marketing, so the batch goes with bulk */
};

struct world *world_new(const char *conf);
void world_free(struct world *w);
void world_up(struct world *w, bool start_links);
void world_down(struct world *w); /* in peace: nothing may be in flight */
void world_halt(struct world *w); /* without waiting for what is in flight; what is staged is committed */

/* ---- the loop
 * ------------------------------------------------------------------------------------------------ */

void world_turn(struct world *w); /* one turn */
/* Turn until neither the store nor the queue has anything under way. */
void world_quiet(struct world *w);

/* Turn until the condition holds; a test that waits for more than 20 real seconds fails. */
#define RUN_UNTIL(w, cond)                                  \
	do {                                                \
		uint64_t end_ = uv_hrtime() + 20000000000u; \
		while (!(cond) && uv_hrtime() < end_)       \
			world_turn(w);                      \
		assert_true(cond);                          \
	} while (0)

/* ---- time
 * ---------------------------------------------------------------------------------------------------- */

void world_stop_clock(
	void); /* from here on only world_pass() and world_seconds() move it; until world_down() */
void world_begin_minute(void); /* rows end by the minute: the clocks jump to where the next one begins */
void world_set_clock(int64_t ms); /* somebody sets the wall clock forth or back; the monotonic one goes on */
void world_pass(struct world *w, int64_t ms);	 /* the clocks jump; the links are looked at */
void world_stop_seconds(struct world *w); /* what the queue does each second, it does not */
void world_seconds(struct world *w, unsigned n); /* n seconds, with what the queue does each second */

/* ---- the store
 * ----------------------------------------------------------------------------------------------- */

void world_refuse(enum store_op_kind kind, unsigned n); /* the next n: -ENOSPC, in their turn */
unsigned world_refusals_left(void);
void world_hold_op(enum store_op_kind kind);	    /* from here on: not staged before world_release(), nor
						     * is what comes behind it in its list */
void world_hold_list(enum store_list list);	    /* likewise, all of a list */
void world_hold_answer(enum store_query_kind kind); /* likewise: read, but not given to the queue */
unsigned world_held(void);
void world_release(struct world *w);
void world_release_ops(struct world *w); /* of these the operations alone: their commits come before the answers */
void world_no_memory_for_marks(unsigned n); /* of fresh messages: fresh_set() fails for the next n */
void world_disk(struct world *w, uint64_t free_octets, int last_error); /* what the queue sees of it, now */
void world_no_lanes(bool none); /* no memory for another lane */
void world_release_answers(struct world *w); /* of these the answers alone */
void world_sent_max(uint32_t max); /* receipts kept in memory, of the next world_up() */

/* ---- messages
 * ------------------------------------------------------------------------------------------------ */

/* Unset members of `like` get a sensible value. */
void world_add(struct world *w, unsigned n, struct message like, uint64_t *ret_first);
int world_try_add(struct world *w, unsigned n, struct message like, uint64_t *ret_first); /* what queue_add() says */
/* One service message of so many parts (160 septets do not fit one part: 3GPP TS 23.040, 9.2.3.24.1). */
void world_add_long(struct world *w, unsigned n_parts, int64_t ttl_end_ms, uint64_t *ret_id);
uint64_t world_waiting(struct world *w);
bool world_recovering(struct world *w);
int64_t world_rows(struct world *w, const char *sql); /* the number that a question to the database gives */
enum msg_state world_state(struct world *w, uint64_t id, unsigned part); /* as stored; part 0: the message */

/* ---- links
 * --------------------------------------------------------------------------------------------------- */

/* Owned by the world; freed with the queue that knew it. */
struct fake *fake_new(struct world *w, const char *name, unsigned window);
/* The route of all messages: over `a`, then over `b` if there is one. */
void fake_route(struct world *w, struct fake *a, struct fake *b);
void fake_up(struct world *w, struct fake *f, bool up);
void fake_end(struct world *w, struct fake *f, uint64_t key, enum outcome outcome);
void fake_end_all(
	struct world *w, struct fake *f, enum outcome outcome); /* what was taken and not ended by this yet */
void fake_end_late(struct world *w, struct fake *f, uint64_t key); /* SENT, after it had ended as UNKNOWN */
/* A receipt for what fake_end() answered; what queue_receipt() says.  The commit is told in ack and n_acks.
 */
int fake_receipt(struct world *w, struct fake *f, uint64_t key, enum receipt_state state);

int world_main(const struct CMUnitTest *tests, size_t n, const char *only);
#define WORLD_MAIN(tests, argc, argv) \
	world_main(tests, sizeof(tests) / sizeof((tests)[0]), (argc) > 1 ? (argv)[1] : NULL)

#endif
