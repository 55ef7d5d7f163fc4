/* SPDX-License-Identifier: Apache-2.0 */
/* http_held.c -- what a connection takes of the room that all share: a large body until its request is answered, a
 * stream as long as it lasts, a large answer until the client has fetched it.
 *
 * A body takes its room before it is read, so that who finds none is told at once; one of unknown length takes more
 * as its buffer grows.  When it was parsed, its buffer goes, and what it was parsed into takes the room instead.
 */
#include "intake/http_int.h"

enum { FIRST_HELD = 16 * 1024 }; /* of a chunked body, then doubled as its buffer is */

static bool take(struct http_conn *c, uint32_t owner, size_t n, bool may_refuse)
{
	struct http_server *srv = c->srv;
	bool taken = may_refuse ? http_room_take(srv->conf.room, owner, n)
				: http_room_take_anyway(srv->conf.room, owner, n);

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

bool http_hold_body(struct http_work *x, size_t n)
{
	struct http_conn *c = x->conn;

	if (c->srv->conf.room == NULL || n <= HTTP_SMALL || n <= x->held)
		return true;
	if (!take(c, x->q.owner, n - x->held, true))
		return false;
	x->held = n;
	return true;
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
	return http_hold_body(http_work_of(q), n);
}

void http_let_go_body(struct http_work *x)
{
	give(x->conn, x->q.owner, x->held);
	x->held = 0;
}

bool http_hold_answer(struct http_work *x, size_t n)
{
	struct http_conn *c = x->conn;

	if (c->srv->conf.room == NULL || n <= HTTP_SMALL || x->q.method == HTTP_METHOD_HEAD)
		return true;
	if (c->n_answers == 0)
		c->answers_owner = x->q.owner;
	/* The answer to a post says what was accepted: it must not be another one for want of room. */
	if (!take(c, c->answers_owner, n, x->q.method == HTTP_METHOD_GET))
		return x->q.method != HTTP_METHOD_GET;
	c->n_answers += n;
	stream_want_drain(c->s);
	return true;
}

void http_let_go_answers(struct http_conn *c)
{
	give(c, c->answers_owner, c->n_answers);
	c->n_answers = 0;
}
