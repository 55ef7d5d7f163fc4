/* SPDX-License-Identifier: Apache-2.0 */
/* api_lists.c -- lists take turns: what has been read for answers that are not written yet stays small.
 *
 * The store reads faster than answers are written, and a thousand connections may each ask for a thousand rows.  So
 * only a few lists are at work at a time, enough that the next page is read while one is written; others wait here,
 * unread, behind their connections.  Clients take turns, so that who asks for one list does not wait for all of
 * another's.  When its turn comes, a list whose client has left is dropped, and one whose answer would find no room is
 * refused: neither is read.  Nor is one that has waited for half a minute: it is refused, with a reason.
 *
 * What was read becomes an answer in a turn of the loop of its own: a code that is posted meanwhile waits for one page
 * at most.
 */
#include "intake/api_impl.h"

#include "base/clock.h"

#define AT_WORK	    4			/* each with a page, of which the store keeps 1 MB or so */
#define ROW_ANSWER  8192		/* octets of an answer that a row may become, … */
#define PAGE_ANSWER ((size_t)1 << 20) /* … and a page of them, but for what is escaped */

#define SMALL_ROWS  10			/* so few seldom need room, and their length is looked at in any case */

/* A small room must not be kept free for the worst that may come. */
static size_t wanted_room(const struct api_list *l)
{
	size_t n = (size_t)l->rows * ROW_ANSWER, most = http_request_most(l->c->q) / 8;

	if (n > PAGE_ANSWER)
		n = PAGE_ANSWER;
	return n < most ? n : most;
}

/* In order of turns: each of a client's takes one, from the one behind that which is on.  Not from that itself: who
 * comes back as soon as it was served would be in it for ever, and who has two in line would never get to the
 * second. */
static void put_in_line(struct api *a, struct api_list *l)
{
	struct api_list **at = &a->lists;

	l->turn = a->list_turn + 1;
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
	if (!a->lists)
		api_unwait(a, &a->line);
}

/* false: it was dropped or refused. */
static bool may_begin(struct api_list *l, bool waited)
{
	/* Who closed its sending side may still read; but one that leaves looks the same, and is likelier here. */
	if (waited && http_request_is_left(l->c->q)) {
		api_drop(l->c);
		return false;
	}
	if (l->rows <= SMALL_ROWS || http_request_may_answer(l->c->q, wanted_room(l)))
		return true;
	api_refuse(l->c, API_ROOM_FULL, NULL, "no room for the answer: fetch those that wait, or try again");
	return false;
}

/* The end of a list: its query's own done(), which frees it. */
static void finish(struct api_list *l)
{
	l->query->arg = l->arg;
	l->done(l->query);
}

static void run(struct api_runner *r)
{
	finish((struct api_list *)((char *)r - offsetof(struct api_list, runner)));
}

/* A page takes milliseconds to become an answer: what comes together takes turns with all else the loop does. */
static void on_read(struct store_query *q)
{
	struct api_list *l = q->arg;

	if (l->c->q)
		api_run_soon(l->c->api, &l->runner);
	else
		finish(l);
}

/* `fresh` has just come, or is NULL. */
static void go_on(struct api *a, const struct api_list *fresh)
{
	struct api_list *l;

	while ((l = a->lists) && a->n_lists < AT_WORK) {
		leave_line(a, l);
		if (!may_begin(l, l != fresh)) {
			finish(l); /* nobody waits for it */
			continue;
		}
		a->list_turn = l->turn;
		a->n_lists++;
		l->at_work = true;
		store_read(a->p.store, STORE_API, l->query);
	}
}

/* ---- Those that wait too long: others take that long, or the disk hangs. ---- */

static struct api_list *late_one(const struct api *a, int64_t now_ms)
{
	struct api_list *l = a->lists;

	while (l && l->since_ms + API_BUSY_MS > now_ms)
		l = l->next;
	return l;
}

static void refuse_late(struct api_waiter *w);

/* One timer for all: it looks again when the next one may be late. */
static void watch_line(struct api *a)
{
	int64_t first_ms = INT64_MAX;

	for (const struct api_list *l = a->lists; l; l = l->next)
		if (l->since_ms < first_ms)
			first_ms = l->since_ms;
	a->line.again = refuse_late;
	if (a->lists)
		api_wait_until(a, &a->line, first_ms + API_BUSY_MS);
}

static void refuse_late(struct api_waiter *w)
{
	struct api *a = (struct api *)((char *)w - offsetof(struct api, line));
	int64_t now_ms = clock_mono_ms();
	struct api_list *l;

	while ((l = late_one(a, now_ms))) {
		leave_line(a, l);
		api_refuse(l->c, API_QUEUE_BUSY, NULL, "the lists before this one take too long; try again");
		finish(l);
	}
	api_unwait(a, w); /* another request of the same connection may have come */
	watch_line(a);
}

void api_list_start(struct api_call *c, struct api_list *l, struct store_query *q, unsigned rows)
{
	struct api *a = c->api;

	*l = (struct api_list){
		.c = c, .query = q, .done = q->done, .arg = q->arg, .runner = {.run = run}, .rows = rows};
	l->since_ms = clock_mono_ms();
	q->done = on_read;
	q->arg = l;
	c->list = l;
	put_in_line(a, l);
	go_on(a, l);
	if (!a->line.queued)
		watch_line(a);
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

	if (!l)
		return;
	if (l->waits)
		leave_line(c->api, l);
	else if (l->runner.queued)
		api_run_never(c->api, &l->runner);
	else
		return; /* it is being read, or answered: its end sees that nobody waits */
	finish(l);
}
