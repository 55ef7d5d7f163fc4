/* SPDX-License-Identifier: Apache-2.0 */
/* api_lists.c -- lists take turns: what has been read for answers that are not written yet stays small.
 *
 * The store reads faster than answers are written, and a thousand connections may each ask for a thousand rows.  So
 * only a few lists are at work at a time, enough that the next page is read while one is written; others wait here,
 * unread, behind their connections.  Clients take turns, so that who asks for one list does not wait for all of
 * another's.  When its turn comes, a list whose client has left is dropped, and one whose answer would find no room is
 * refused: neither is read.
 */
#include "intake/api_impl.h"

#define AT_WORK	   4	/* each with a page, of which the store keeps 8 MB at most */
#define ROW_ANSWER 8192 /* octets of an answer that a row may become, */

/* … but a small room must not be kept free for the worst that may come. */
static size_t wanted_room(const struct api_list *l)
{
	size_t n = (size_t)l->rows * ROW_ANSWER, most = http_request_most(l->c->q) / 8;

	return n < most ? n : most;
}

/* In order of turns: each of a client's takes one, from that which is on. */
static void put_in_line(struct api *a, struct api_list *l)
{
	struct api_list **at = &a->lists;

	l->turn = a->list_turn;
	for (const struct api_list *o = a->lists; o; o = o->next)
		if (o->c->client == l->c->client)
			l->turn = o->turn + 1;
	while (*at && (*at)->turn <= l->turn)
		at = &(*at)->next;
	l->next = *at;
	*at = l;
	l->waits = true;
}

static void leave_line(struct api *a, struct api_list *l)
{
	struct api_list **at = &a->lists;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	l->waits = false;
}

/* false: it was dropped or refused. */
static bool may_begin(struct api_list *l, bool waited)
{
	/* Who closed its sending side may still read; but one that leaves looks the same, and is likelier here. */
	if (waited && http_request_is_left(l->c->q)) {
		api_drop(l->c);
		return false;
	}
	if (http_request_may_answer(l->c->q, wanted_room(l)))
		return true;
	api_refuse(l->c, API_ROOM_FULL, NULL, "no room for the answer: fetch those that wait, or try again");
	return false;
}

/* `fresh` has just come, or is NULL. */
static void go_on(struct api *a, const struct api_list *fresh)
{
	struct api_list *l;

	while ((l = a->lists) && a->n_lists < AT_WORK) {
		leave_line(a, l);
		if (!may_begin(l, l != fresh)) {
			l->query->done(l->query); /* nobody waits for it */
			continue;
		}
		a->list_turn = l->turn;
		a->n_lists++;
		l->at_work = true;
		store_read(a->p.store, STORE_API, l->query);
	}
}

void api_list_start(struct api_call *c, struct api_list *l, struct store_query *q, unsigned rows)
{
	*l = (struct api_list){.c = c, .query = q, .rows = rows};
	c->list = l;
	put_in_line(c->api, l);
	go_on(c->api, l);
}

void api_list_end(struct api_list *l)
{
	struct api *a = l->c->api;

	l->c->list = NULL;
	if (!l->at_work)
		return;
	l->at_work = false;
	a->n_lists--;
	go_on(a, NULL);
}

void api_list_abort(struct api_call *c)
{
	struct api_list *l = c->list;

	if (!l || !l->waits)
		return; /* at work: its end sees that nobody waits */
	leave_line(c->api, l);
	l->query->done(l->query);
}
