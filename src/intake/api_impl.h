/* SPDX-License-Identifier: Apache-2.0 */
/* api_impl.h -- what the files of the API share, and nobody else.
 *
 *     api.c        begin and end of a request: route, key, checks, answer, log; turns and timers
 *     api_route.c  the table of calls
 *     api_submit.c POST /v1/messages: which kind, and one message
 *     api_body.c   JSON bodies, the large ones parsed on another thread
 *     api_rows.c, api_rows_chunk.c … many: arrays and streams in chunks
 *     api_read.c   look-ups: message, list, timeline, stream, inbound, parked receipts
 *     api_lists.c  lists take turns
 *     api_totals.c sums by day
 *     api_control.c cancel, links, queue, webhooks
 *     api_links.c  what links tell of themselves; USSD
 *     api_ports.c  ports of this machine
 *     api_preview.c what messages would cost (preview_row.c: one, preview_total.c: their sum)
 *     api_admin.c  health, readiness, metrics
 *
 * A call lives from on_request() until it was answered or aborted AND nothing asynchronous points at it any
 * more: `q` becomes NULL at the former, `pending` counts the latter.
 */
#ifndef INTAKE_API_IMPL_H
#define INTAKE_API_IMPL_H

#include <jansson.h>
#include <uv.h>

#include "intake/api.h"
#include "intake/api_error.h"
#include "intake/api_route.h"
#include "intake/auth.h"
#include "intake/json_message.h"
#include "intake/json_out.h"
#include "intake/preview_row.h"

#define API_BIG_BODY	  65536		     /* larger JSON is parsed off the loop thread */
#define API_PARSED_SMALL  65536		     /* up to here what was parsed takes no room: about a hundred messages */
#define API_PARSED_MAX	  ((size_t)32 << 20) /* octets of memory that one body may become */
#define API_LISTED_TOTAL  ((size_t)64 << 20) /* octets of rows that previews hold for their answers */
#define API_ANSWER_MAX	  ((size_t)8 << 20)  /* octets of one answer */
#define API_SLICE_ROWS	  500		     /* rows checked in one turn of the loop */
#define API_ARRAY_ROWS	  10000
#define API_BUSY_MS	  30000 /* how long a full queue may hold a request, or others a list */
#define API_POOL_CALLS	  256	/* finished calls kept for the next request */
#define API_KEY_BUCKETS	  1024
#define API_LIMIT_DEFAULT 100
#define API_LIMIT_MAX	  1000

struct api_listener {
	struct api *api;
	bool admin;
	const struct http_server *srv;
};

/* Waits for the queue to have room; tried again after 5 ms, then ever less often up to 20 ms.  Or for a time. */
struct api_waiter {
	struct api_waiter *next;
	bool queued;
	int64_t since_ms, at_ms;
	unsigned delay_ms;
	void (*again)(struct api_waiter *w);
};

/* Has rows to check; gets a slice in each turn of the loop. */
struct api_runner {
	struct api_runner *next;
	bool queued;
	void (*run)(struct api_runner *r);
};

/* (client, idempotency key) of a request in work. */
struct api_key {
	struct api_key *next;
	bool held;
	uint32_t client;
	uint8_t hash[16];
};

/* A body that is taken piece by piece, or an array that is worked off row by row: what the server's callbacks reach.
 * Held by its call from api_stream_begin() to api_stream_done(). */
struct api_stream;

struct api_stream_ops {
	void (*feed)(struct api_stream *s, const uint8_t *data, size_t n);
	void (*end)(struct api_stream *s);
	void (*abort)(struct api_stream *s);	/* nobody is left to be answered */
	void (*stopping)(struct api_stream *s); /* the gateway goes down: answer when the end is not in sight */
};

struct api_stream {
	const struct api_stream_ops *ops;
	struct api_stream *next, **at_list; /* of the api's */
};

/* A look-up of many rows: it waits for its turn, is at work, and ends. */
struct api_list {
	struct api_list *next;
	struct api_call *c;
	struct store_query *query;
	void (*done)(struct store_query *q); /* the query's own, and its argument */
	void *arg;
	struct api_runner runner; /* what was read becomes an answer in a turn of the loop of its own */
	unsigned rows;		  /* to find room for */
	uint64_t turn;
	int64_t since_ms;
	bool waits, at_work;
};

struct api_call {
	struct api_call *next_free;
	struct api *api;
	struct http_request *q; /* NULL: answered or gone */
	const struct api_route *route;
	unsigned pending; /* callbacks that will come */
	uint32_t client;  /* 0: the admin listener without a key */
	uint32_t scope;	  /* whose rows are seen: 0 = everybody's */
	bool is_operator, lines, csv; /* lines: the body is a stream, of CSV or NDJSON */
	int64_t started_us;
	char param[API_PATH_PARAMS][API_PARAM_MAX];
	struct api_stream *stream; /* of a post or preview of many; NULL: none, or it is answered */
	struct big *big;	   /* its body while it is parsed on another thread */
	struct api_list *list;	   /* NULL: it asks for none, or that is over */

	/* one message */
	struct queue_batch batch;
	struct message *message;
	uint64_t id;
	int64_t staged_us;
	uint8_t class, n_parts, encoding;
	bool scheduled;
	struct api_key key;
	struct store_idem idem;
	struct api_waiter waiter;
	struct json_out changed; /* what was done to its text; nothing for most */
	char *answer;            /* answer_short or malloc()ed; kept until the call is freed */
	char answer_short[160];
};

struct api {
	struct api_parts p;
	struct auth *auth;
	struct unicode *unicode; /* the loop thread's */
	struct api_listener main, admin;
	uv_timer_t timer; /* waiters */
	uv_idle_t idle;	  /* runners */
	unsigned n_open; /* handles, and bodies on other threads: it is freed when there are none */
	struct api_waiter *waiters, **waiters_tail;
	struct api_runner *runners, **runners_tail;
	struct api_key *keys[API_KEY_BUCKETS];
	struct api_stream *streams; /* all that are in work */
	struct api_list *lists; /* that wait, in order of turns */
	unsigned n_lists;	/* at work */
	uint64_t list_turn;	/* of the last that began */
	struct api_waiter line; /* for the first of them to have waited too long */
	struct api_call *pool;
	unsigned n_pool, n_calls;
	size_t listed_octets; /* of all previews; API_LISTED_TOTAL */
	bool stopping;
	struct json_message row;     /* scratch for the row that is being checked */
	struct preview_row *preview; /* … or looked at */
};

/* ---- api.c ---- */

/* Answers.  The request is over afterwards; the call may be freed, unless it is pending. */
void api_answer(struct api_call *c, int status, const char *body, size_t n);
void api_answer_out(struct api_call *c, int status, struct json_out *o); /* also frees o's memory */
void api_answer_text(struct api_call *c, const char *type, const void *body, size_t n);
void api_refuse(struct api_call *c, enum api_code code, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void api_refuse_fault(struct api_call *c, const struct api_fault *f);
/* As queue_add() and store errors are told to clients. */
enum api_code api_code_of_errno(int r);
void api_fault_of_errno(int r, struct api_fault *f);
void api_count_refused(struct api *a, enum api_code code);
void api_drop(struct api_call *c); /* cut the connection instead; the call may be freed, unless it is pending */

static inline void api_hold(struct api_call *c)
{
	c->pending++;
}
void api_let_go(struct api_call *c); /* the end of a callback: the call may be freed here */
void api_part_gone(struct api *a);   /* of n_open: the api may be freed here */

void api_stream_begin(struct api_call *c, struct api_stream *s);
void api_stream_done(struct api_call *c, struct api_stream *s); /* the call may be freed here */

struct auth_client *api_client(struct api_call *c); /* NULL: no longer configured */

void api_wait(struct api *a, struct api_waiter *w);
void api_wait_until(struct api *a, struct api_waiter *w, int64_t at_ms);
void api_wait_reset(struct api_waiter *w);
bool api_wait_over(const struct api_waiter *w); /* 30 s have passed */
void api_unwait(struct api *a, struct api_waiter *w);
void api_run_soon(struct api *a, struct api_runner *r);
void api_run_never(struct api *a, struct api_runner *r);

bool api_key_take(struct api *a, struct api_key *k); /* false: somebody else is at it */
void api_key_drop(struct api *a, struct api_key *k);
bool api_key_in_work(struct api *a, uint32_t client, const char *key);
void api_key_hash(uint32_t client, const char *key, uint8_t ret[static 16]);

void api_message_ctx(
	struct api *a, const struct auth_client *cl, bool make_names, struct json_message_ctx *ret);

/* Query parameters; each answers the request itself when the value is wrong and returns false then. */
bool api_query_text(struct api_call *c, const char *name, char *buf, size_t cap); /* "" when absent */
bool api_query_u64(
	struct api_call *c, const char *name, uint64_t dflt, uint64_t min, uint64_t max, uint64_t *ret);
bool api_query_time(struct api_call *c, const char *name, int64_t *ret_ms); /* 0 when absent */
bool api_query_scope(
	struct api_call *c, uint32_t *ret_client); /* operators: ?client=NAME; others: themselves */
bool api_parse_id(const char *s, uint64_t *ret);

/* ---- api_lists.c ---- */

/* Read when it is this call's turn, if there is room for so many rows.  q->done() comes in any case, at once perhaps;
 * the request is gone by then if it was refused or its client has left.  It calls api_list_end() before it frees. */
void api_list_start(struct api_call *c, struct api_list *l, struct store_query *q, unsigned rows);
void api_list_end(struct api_list *l);
void api_list_abort(struct api_call *c); /* nobody waits for it */

/* ---- handlers ---- */

void api_post_messages(struct api_call *c, const uint8_t *body, size_t n);
void api_list_messages(struct api_call *c, const uint8_t *body, size_t n);
void api_cancel_tag(struct api_call *c, const uint8_t *body, size_t n);
void api_get_message(struct api_call *c, const uint8_t *body, size_t n);
void api_cancel_message(struct api_call *c, const uint8_t *body, size_t n);
void api_get_events(struct api_call *c, const uint8_t *body, size_t n);
void api_get_stream(struct api_call *c, const uint8_t *body, size_t n);
void api_preview(struct api_call *c, const uint8_t *body, size_t n);
void api_list_inbound(struct api_call *c, const uint8_t *body, size_t n);
void api_list_links(struct api_call *c, const uint8_t *body, size_t n);
void api_show_trace(struct api_call *c, const uint8_t *body, size_t n);
void api_control_link(struct api_call *c, const uint8_t *body, size_t n);
void api_ussd(struct api_call *c, const uint8_t *body, size_t n);
void api_list_ports(struct api_call *c, const uint8_t *body, size_t n);
void api_change_link(struct api_call *c, const uint8_t *body, size_t n);
void api_show_queue(struct api_call *c, const uint8_t *body, size_t n);
void api_list_webhooks(struct api_call *c, const uint8_t *body, size_t n);
void api_replay_webhook(struct api_call *c, const uint8_t *body, size_t n);
void api_totals(struct api_call *c, const uint8_t *body, size_t n);
void api_list_parked(struct api_call *c, const uint8_t *body, size_t n);
void api_healthz(struct api_call *c, const uint8_t *body, size_t n);
void api_readyz(struct api_call *c, const uint8_t *body, size_t n);
void api_metrics(struct api_call *c, const uint8_t *body, size_t n);
void api_post_lines(struct api_call *c);     /* a stream begins */
void api_preview_stream(struct api_call *c); /* … to be looked at */

/* ---- api_rows.c ---- */

enum rows_results { RESULTS_ALL, RESULTS_ERRORS };

/* Take the array (owned from here on) or, when NULL, lines to come.  `key` may be NULL.  `digest` is of the
 * array's body.  Answers by itself. */
void rows_begin(struct api_call *c, json_t *array, const char *key, const uint8_t digest[static 16],
	enum rows_results results);

/* ---- api_body.c ---- */

/* Parse a JSON body and hand it to `done`, at once or, when it is large, after it was parsed on another thread; not at
 * all when the request is gone by then or was refused.  `root` is lent, NULL when it is no JSON.  `digest` is of the
 * body of a request with an Idempotency-Key, else zero. */
typedef void (*api_body_cb)(
	struct api_call *c, json_t *root, const json_error_t *e, const uint8_t digest[static 16]);
void api_body_parse(struct api_call *c, const uint8_t *body, size_t n, api_body_cb done);
void api_body_abort(struct api_call *c); /* nobody waits for it */

#endif
