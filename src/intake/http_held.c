/* SPDX-License-Identifier: Apache-2.0 */
/* http_held.c -- what a connection takes of the room that all share: a large body until its request is answered, a
 * stream as long as it lasts, a large answer until the client has fetched it.
 *
 * A body takes its room before it is read, so that who finds none is told at once; one of unknown length takes more
 * as its buffer grows.  When it was parsed, its buffer goes, and what it was parsed into takes the room instead; where
 * that is more, it may go beyond the share of bodies, as a client that sent them all must not be sent away for it.
 */
#include "intake/http_int.h"

enum { FIRST_HELD = 16 * 1024 }; /* of a chunked body, then doubled as its buffer is */

typedef bool take_fn(struct http_room *r, uint32_t owner, size_t n);

static bool take(struct http_conn *c, uint32_t owner, size_t n, take_fn *how)
{
	struct http_server *srv = c->srv;
	bool taken = how(srv->conf.room, owner, n);

	if (taken)
		srv->counters.held += n;
	else
		srv->counters.no_room++;
	return taken;
}

static void give(struct http_conn *c, uint32_t owner, size_t n)
{
	if (n == 0)
		return;
	http_room_give(c->srv->conf.room, owner, n);
	c->srv->counters.held -= n;
}

static bool hold(struct http_work *x, size_t n, take_fn *how)
{
	struct http_conn *c = x->conn;

	if (c->srv->conf.room == NULL || n <= HTTP_SMALL || n <= x->held)
		return true;
	if (!take(c, x->q.owner, n - x->held, how))
		return false;
	x->held = n;
	return true;
}

bool http_hold_body(struct http_work *x, size_t n)
{
	return hold(x, n, http_room_take);
}

bool http_hold_more(struct http_work *x, size_t n)
{
	size_t all = FIRST_HELD;

	if (n <= HTTP_SMALL || n <= x->held)
		return true;
	while (all < n)
		all *= 2;
	return http_hold_body(x, all < x->conn->srv->conf.max_body ? all : n);
}

bool http_request_hold(struct http_request *q, size_t n)
{
	return hold(http_work_of(q), n, http_room_grow);
}

bool http_request_hold_more(struct http_request *q, size_t n)
{
	struct http_work *x = http_work_of(q);

	return hold(x, x->held + n, http_room_grow);
}

size_t http_request_most(const struct http_request *q)
{
	const struct http_room *room = http_work_of(q)->conn->srv->conf.room;

	return room != NULL ? http_room_most(room) : SIZE_MAX;
}

/* Whose room answers take: as long as some of a connection are not fetched, theirs whose the first of these was. */
static uint32_t owner_of_answers(const struct http_conn *c, const struct http_request *q)
{
	return c->n_answers > 0 ? c->answers_owner : q->owner;
}

bool http_request_may_answer(struct http_request *q, size_t n)
{
	struct http_conn *c = http_work_of(q)->conn;
	uint32_t owner = owner_of_answers(c, q);

	if (c->srv->conf.room == NULL || q->method == HTTP_METHOD_HEAD)
		return true;
	if (!take(c, owner, n, http_room_take))
		return false;
	give(c, owner, n);
	return true;
}

void http_let_go_body(struct http_work *x)
{
	give(x->conn, x->q.owner, x->held);
	x->held = 0;
}

bool http_hold_answer(struct http_work *x, size_t n)
{
	struct http_conn *c = x->conn;
	/* The answer to a post says what was accepted: it must not be another one for want of room. */
	bool may_refuse = x->q.method == HTTP_METHOD_GET && !x->q.is_watch;

	if (c->srv->conf.room == NULL || n <= HTTP_SMALL || x->q.method == HTTP_METHOD_HEAD)
		return true;
	c->answers_owner = owner_of_answers(c, &x->q);
	if (!take(c, c->answers_owner, n, may_refuse ? http_room_take : http_room_take_anyway))
		return !may_refuse;
	c->n_answers += n;
	stream_want_drain(c->s);
	return true;
}

void http_let_go_answers(struct http_conn *c)
{
	give(c, c->answers_owner, c->n_answers);
	c->n_answers = 0;
}
