/* SPDX-License-Identifier: Apache-2.0 */
/* api_body.c -- JSON bodies: small ones are parsed at once, large ones on another thread.
 *
 * A body of megabytes takes tens of milliseconds to parse; the loop has others to serve meanwhile.  A body becomes many
 * times its size: a bound for each holds while it is parsed, and then it takes room of what all may hold (http_room.h).
 */
#include "intake/api_impl.h"

#include "intake/json_lines.h"
#include "intake/json_load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define LESS_URGENT 5 /* nice(2) */

struct big {
	uv_work_t work;
	struct api_call *call;
	api_body_cb done;
	char *body;
	size_t n;
	json_t *root;
	size_t n_root, most;
	json_error_t error;
	bool wants_digest;
	uint8_t digest[16];
};

/* Only under a key will there ever be another body to hold against this one. */
static bool wants_digest(struct api_call *c)
{
	return http_header_get(c->q, "Idempotency-Key") != NULL;
}

static void digest_body(const void *body, size_t n, uint8_t ret[static 16])
{
	struct json_digest d;

	json_digest_init(&d, 'a');
	json_digest_row(&d, body, n);
	json_digest_text(&d, ret);
}

/* What would never find room is told so at once, and not that it should try again. */
static size_t most_of(const struct api_call *c)
{
	size_t most = http_request_most(c->q);

	return most < API_PARSED_MAX ? most : API_PARSED_MAX;
}

/* false: the request was answered. */
static bool hold(struct api_call *c, const json_t *root, size_t n)
{
	if (!root || n <= API_PARSED_SMALL || http_request_hold(c->q, n))
		return true;
	api_refuse(c, API_ROOM_FULL, NULL, "%s", api_code_help(API_ROOM_FULL));
	return false;
}

static void refuse_memory(struct api_call *c)
{
	struct api_fault f;

	api_fault_of_errno(-ENOMEM, &f);
	api_refuse_fault(c, &f);
}

/* Clients that post large bodies keep as many threads busy as there are; where they want the same processors as the
 * loop and the writer, what links and webhooks wait for goes first.  Of a thread, by its id, as Linux has it.
 *
 * It stays so: to go back needs CAP_SYS_NICE or a higher RLIMIT_NICE, and SCHED_BATCH, which can be undone, leaves a
 * thread its weight.  What else these threads do, names that are looked up and ports that are opened, waits for others
 * nearly all of its time, and waits for bodies in the same queue anyway. */
static void step_back(void)
{
	static _Thread_local bool done;

	if (!done)
		setpriority(PRIO_PROCESS, (id_t)gettid(), getpriority(PRIO_PROCESS, (id_t)gettid()) + LESS_URGENT);
	done = true;
}

/* A worker thread: touches nothing but `b`. */
static void big_parse(uv_work_t *w)
{
	struct big *b = (struct big *)w;

	step_back();
	b->root = json_load_within(b->body, b->n, b->most, &b->error, &b->n_root);
	if (b->wants_digest)
		digest_body(b->body, b->n, b->digest);
}

static void big_parsed(uv_work_t *w, int status)
{
	struct big *b = (struct big *)w;
	struct api_call *c = b->call;
	struct api *a = c->api;

	(void)status; /* cancelled: nobody is there, either */
	c->big = NULL;
	free(b->body);
	if (c->q && hold(c, b->root, b->n_root))
		b->done(c, b->root, &b->error, b->digest);
	json_decref(b->root);
	free(b);
	api_let_go(c);
	api_part_gone(a);
}

/* Its room is given back with the request: what has not begun goes with it, or clients that leave again and again
 * would have as many bodies wait here as they can send. */
void api_body_abort(struct api_call *c)
{
	if (c->big)
		uv_cancel((uv_req_t *)&c->big->work);
}

static void parse_big(struct api_call *c, const uint8_t *body, size_t n, api_body_cb done)
{
	struct big *b = calloc(1, sizeof(*b));

	if (b)
		b->body = malloc(n);
	if (!b || !b->body) {
		free(b);
		refuse_memory(c);
		return;
	}
	memcpy(b->body, body, n);
	b->n = n;
	b->call = c;
	b->done = done;
	b->most = most_of(c);
	b->wants_digest = wants_digest(c);
	if (uv_queue_work(c->api->p.loop, &b->work, big_parse, big_parsed) < 0) {
		free(b->body);
		free(b);
		refuse_memory(c);
		return;
	}
	stats_add(c->api->p.stats, STATS_BIG_BODIES, 1);
	c->big = b;
	c->api->n_open++;
	api_hold(c);
}

void api_body_parse(struct api_call *c, const uint8_t *body, size_t n, api_body_cb done)
{
	uint8_t digest[16] = {0};
	size_t n_root;
	json_error_t e;
	json_t *root;

	if (n > API_BIG_BODY) {
		parse_big(c, body, n, done);
		return;
	}
	root = json_load_within(body, n, most_of(c), &e, &n_root);
	if (json_is_array(root) && wants_digest(c))
		digest_body(body, n, digest);
	if (hold(c, root, n_root))
		done(c, root, &e, digest);
	json_decref(root);
}
