/* SPDX-License-Identifier: Apache-2.0
 *
 * ask.c -- parts whose receipt does not come: the carrier is asked (query_sm, SMPP 3.4, 4.8).
 *
 *     sent, no receipt ─ query_after ─► asked ─┬─ a final state ─► final, as a receipt would have made it
 *                           ▲                  └─ on its way ────► a row for the timeline
 *                           └── after 2, 4, 8 … times as long, and a last time before the receipt deadline
 *
 * The question is about the message_id, so it helps where the receipt was lost and not where the answer was: a part
 * without an answer can be asked about only once a late answer has told its id.  It then waits in `sent` like others.
 *
 * WHO IS ASKED.  What waits in memory has its next time in its entry, and the sweep of `sent` brings it here.  What was
 * pushed out of memory is asked by walking through the receipt deadlines in `due`, nearest first: no row is written
 * for it.  When a part should have been asked follows from when it was submitted, so a walk asks those whose time came
 * since the walk before it, and nothing is lost or asked twice at once by a restart.
 *
 * HOW MUCH.  At most query_tps questions a second and window / 8 under way for a link.  Each keeps a place of the
 * window and a token of the rate from the moment it is chosen, so it does not find the wire full; and the next page of
 * the walk is read only when those of the last one have been asked.
 *
 * WHAT IS BELIEVED.  A final state but UNKNOWN, which carriers also say of what they have forgotten.  A carrier that
 * does not speak query_sm is asked no more until the link is started or configured again; so is one that has failed
 * ASK_FAILURES times and never once said anything.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "queue/queue_impl.h"

#define ASK_OPEN_MAX    16
#define ASK_FAILURES    5
#define ASK_REST_MS     5000         /* after "too many" */
#define ASK_LONGEST_S   86400        /* between two questions */
#define ASK_LAST_S      60           /* before the deadline: the last one */
#define ASK_PAGE        64
#define ASK_PAGES       16           /* a second */
#define ASK_WALK_MIN_MS 1000
#define ASK_WALK_MAX_MS 60000

/* One question, from the moment it is chosen until it is answered. */
struct ask {
	struct q_load load;
	struct queue *q;
	struct ask *next;
	uint64_t key, to, hash;
	struct store_msg msg;
	uint32_t link;
	uint8_t class;
	bool loaded;        /* the row is read and says what to ask: it waits for room */
	bool out;           /* with the driver */
	char smsc_id[66], from[MSG_FROM_MAX + 1];
};

/* ---- when ------------------------------------------------------------------------------------------------ */

static int64_t pause_s(const struct outlet *o, unsigned n_asked)
{
	int64_t s = o->query_after_ms / 1000;

	s = s < 1 ? 1 : s;
	for (unsigned i = 0; i < n_asked && s < ASK_LONGEST_S; i++)
		s *= 2;
	return s < ASK_LONGEST_S ? s : ASK_LONGEST_S;
}

/* The next time after `at`, should it be the n-th question; 0: none before the deadline. */
static int64_t next_time(const struct outlet *o, int64_t at_s, unsigned n, int64_t deadline_s)
{
	int64_t next = at_s + pause_s(o, n);

	if (next >= deadline_s)
		next = deadline_s - ASK_LAST_S > at_s ? deadline_s - ASK_LAST_S : 0;
	return next;
}

void ask_plan(const struct outlet *o, struct sent_entry *e, int64_t at_ms, int64_t now_ms)
{
	int64_t at = at_ms / 1000, now = now_ms / 1000, next;

	e->n_asked = 0;
	e->ask_s = 0;
	if (!o || !o->ops->ask || !e->hash || e->state != STATE_SENT)
		return;
	next = next_time(o, at, 0, e->deadline_s);
	/* After a restart: at once if its time is over, and then as if it had been asked each time. */
	for (int64_t later = next; later && later <= now && e->n_asked < UINT8_MAX; e->n_asked++) {
		next = later;
		later = next_time(o, later, e->n_asked + 1u, e->deadline_s);
	}
	e->n_asked -= e->n_asked > 0;
	e->ask_s = (uint32_t)next;
}

/* Did one of its times lie in (from, upto]? */
static bool had_time(const struct outlet *o, int64_t at_s, int64_t deadline_s, int64_t from_s, int64_t upto_s)
{
	int64_t t = next_time(o, at_s, 0, deadline_s);

	for (unsigned n = 1; t && t <= upto_s; n++) {
		if (t > from_s)
			return true;
		t = next_time(o, t, n, deadline_s);
	}
	return false;
}

/* ---- whether --------------------------------------------------------------------------------------------- */

static bool is_on(const struct outlet *o)
{
	return o->queries && o->ops->ask && !*o->query_off;
}

static unsigned open_max(const struct outlet *o)
{
	unsigned n = o->window / 8;

	return n < 1 ? 1 : n < ASK_OPEN_MAX ? n : ASK_OPEN_MAX;
}

/* May one more question be put to this link now?  Takes its token and place when it may. */
static bool take_turn(struct queue *q, struct outlet *o)
{
	double rate = o->query_tps;

	if (!is_on(o) || !o->up || o->draining || o->asking >= open_max(o) || o->query_rest_ms > q->now_ms ||
		q->stopping)
		return false;
	if (!tokens_has(&o->query_tokens, &o->query_tokens_at_us, rate, rate < 1 ? 1 : rate, q->now_us) ||
		!pace_room(&o->pace, false, q->now_us))
		return false;
	o->query_tokens -= rate > 0;
	pace_hold(&o->pace, 1);
	pace_take(&o->pace, 1, q->now_us);
	o->asking++;
	return true;
}

static void turn_off(struct queue *q, struct outlet *o, const char *why)
{
	if (*o->query_off)
		return;
	snprintf(o->query_off, sizeof(o->query_off), "%s", *why ? why : "refused");
	log_warn("query_sm_off", "link=%s reason=%s", names_text(q->names, NAME_LINK, o->id), o->query_off);
}

/* ---- one question ---------------------------------------------------------------------------------------- */

static bool under_way(const struct queue *q, uint64_t key)
{
	for (const struct ask *a = q->asks; a; a = a->next)
		if (a->key == key)
			return true;
	return false;
}

static struct sent_entry *entry_of(struct queue *q, const struct ask *a)
{
	return sent_find_part(q->sent, a->hash, msg_key_id(a->key), msg_key_part(a->key));
}

static void forget(struct queue *q, struct ask *a)
{
	struct outlet *o = queue_outlet_of(q, a->link);
	struct ask **at = &q->asks;

	while (*at && *at != a)
		at = &(*at)->next;
	if (*at)
		*at = a->next;
	if (o && o->asking) {
		o->asking--;
		dispatch_dirty(q);
		if (!o->asking && !o->in_flight)
			o->ops->idle(o);
	}
	free(a);
}

/* It was not asked: not its fault, so soon again. */
static void put_off(struct queue *q, struct ask *a)
{
	struct sent_entry *e = entry_of(q, a);

	if (e && e->state == STATE_SENT) {
		e->ask_s = (uint32_t)(q->now_ms / 1000) + 1;
		e->n_asked -= e->n_asked > 0;
	}
	forget(q, a);
}

/* It makes no sense to ask about it, now or later. */
static void never_again(struct queue *q, struct ask *a)
{
	struct sent_entry *e = entry_of(q, a);

	if (e)
		e->ask_s = 0;
	forget(q, a);
}

static void put(struct queue *q, struct ask *a)
{
	struct outlet *o = queue_outlet_of(q, a->link);
	struct driver_question d = { .key = a->key, .smsc_id = a->smsc_id, .from = a->from, .to = a->to };
	int r = o && o->up && is_on(o) ? o->ops->ask(o, &d) : -ENOTCONN;

	if (r == -EAGAIN)
		return; /* the place it keeps is somewhere else on the wire just now: again in a second */
	if (r == -EINVAL) {
		never_again(q, a);
	} else if (r < 0) {
		put_off(q, a);
	} else {
		a->out = true;
		o->queried++;
		log_debug("queried", "msg=%llu part=%u link=%s smsc_id=%s", (unsigned long long)msg_key_id(a->key),
			msg_key_part(a->key), names_text(q->names, NAME_LINK, o->id), a->smsc_id);
	}
}

static const struct store_sent *sent_part(const struct store_loaded *x, unsigned part)
{
	for (unsigned i = 0; i < x->n_sent; i++)
		if (x->sent[i].part == part)
			return &x->sent[i];
	return NULL;
}

/* The id as the response had it, and the sender, are on disk only. */
static void loaded(struct store_query *sq)
{
	struct ask *a = (struct ask *)sq;
	struct queue *q = a->q;
	const struct store_loaded *x = sq->r == 0 && a->load.n_rows ? &a->load.rows[0] : NULL;
	const struct store_sent *s = x && x->m ? sent_part(x, msg_key_part(a->key)) : NULL;
	/* Unconfirmed after a late answer: what the carrier says may still correct it. */
	bool open = s && (!state_is_final(s->state) || state_may_correct(s->state, STATE_DELIVERED));

	if (open && s->link == a->link) {
		snprintf(a->smsc_id, sizeof(a->smsc_id), "%s", s->smsc_id);
		snprintf(a->from, sizeof(a->from), "%s", route_sender(q, x->m));
		a->loaded = true;
	}
	store_query_done(sq);
	q->now_ms = clock_ms();
	if (a->loaded && !q->stopping)
		put(q, a);
	else if (sq->r < 0 || q->stopping)
		put_off(q, a);
	else
		never_again(q, a);
}

static struct ask *begin(struct queue *q, const struct store_msg *msg, uint32_t link, unsigned part, uint8_t class,
	uint64_t to, uint64_t hash)
{
	struct ask *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->q = q;
	a->key = msg_key(msg->id, part);
	a->msg = *msg;
	a->link = link;
	a->class = class;
	a->to = to;
	a->hash = hash;
	a->next = q->asks;
	q->asks = a;
	return a;
}

void ask_entry(void *arg, struct sent_entry *e)
{
	struct queue *q = arg;
	struct outlet *o = queue_outlet_of(q, e->link);
	struct ask *a;

	if (!o || under_way(q, msg_key(e->msg.id, e->part)) || !take_turn(q, o))
		return;
	a = begin(q, &e->msg, e->link, e->part, e->class, e->to, e->hash);
	if (!a) {
		o->asking--;
		return;
	}
	e->n_asked += e->n_asked < UINT8_MAX;
	e->ask_s = (uint32_t)next_time(o, q->now_ms / 1000, e->n_asked, e->deadline_s);
	a->load.q.kind = Q_LOAD;
	a->load.q.done = loaded;
	a->load.from_id = e->msg.id;
	a->load.limit = 1;
	a->load.no_body = true;
	a->load.settled = true;
	store_read(q->store, STORE_API, &a->load.q);
}

/* ---- what was pushed out of memory ----------------------------------------------------------------------- */

struct ask_walk {
	struct q_load load;
	struct queue *q;
};

/* False: its link may not be asked just now, so the walk waits here. */
static bool walk_one(struct queue *q, const struct store_loaded *x)
{
	unsigned part = msg_key_part(x->due_key);
	const struct store_sent *s = x->m && !x->final ? sent_part(x, part) : NULL;
	struct outlet *o = s ? queue_outlet_of(q, s->link) : NULL;
	uint64_t hash = o && is_on(o) ? settle_hash(o, s->smsc_id) : 0;
	struct store_msg msg;
	struct ask *a;

	if (!hash || sent_find_part(q->sent, hash, x->m->id, part) ||
		!had_time(o, s->at / 1000, x->due_at / 1000, q->ask_walk_before_ms / 1000, q->ask_walk_ms / 1000))
		return true;
	if (!o->up || o->query_rest_ms > q->now_ms || under_way(q, x->due_key))
		return true; /* it had its time, and its next one will come; others do not wait for this link */
	if (!take_turn(q, o))
		return false;
	msg = queue_store_msg(q, x->m, x->bound_parts ? x->bound_parts : x->m->n_parts);
	a = begin(q, &msg, s->link, part, x->m->class, x->m->to, hash);
	if (!a) {
		o->asking--;
		return false;
	}
	snprintf(a->smsc_id, sizeof(a->smsc_id), "%s", s->smsc_id);
	snprintf(a->from, sizeof(a->from), "%s", route_sender(q, x->m));
	a->loaded = true;
	put(q, a);
	return true;
}

static void walk(struct queue *q);

static void walked(struct store_query *sq)
{
	struct ask_walk *w = (struct ask_walk *)sq;
	struct queue *q = w->q;
	bool whole = sq->r == 0 && !q->stopping;
	unsigned i;

	q->now_ms = clock_ms();
	q->now_us = clock_mono_us();
	q->ask_walking = false;
	for (i = 0; whole && i < w->load.n_rows; i++) {
		whole = walk_one(q, &w->load.rows[i]);
		if (whole) {
			q->ask_walk_at = w->load.rows[i].due_at;
			q->ask_walk_key = w->load.rows[i].due_key;
		}
	}
	if (whole && w->load.more) {
		q->ask_walk_at = w->load.last_at;
		q->ask_walk_key = w->load.last_key;
	} else if (whole) { /* at the end: the next one begins anew */
		q->ask_walk_before_ms = q->ask_walk_ms;
		q->ask_walk_ms = 0;
		q->ask_walk_at = 0;
		q->ask_walk_key = 0;
	}
	whole = whole && w->load.more;
	store_query_done(sq);
	free(w);
	if (whole && ++q->ask_walk_pages < ASK_PAGES)
		walk(q);
}

/* How long to wait between two walks: a quarter of the shortest pause is soon enough. */
static int64_t walk_pause_ms(const struct queue *q)
{
	int64_t ms = INT64_MAX;

	for (unsigned i = 0; i < q->n_outlets; i++)
		if (is_on(q->outlets[i]) && q->outlets[i]->query_after_ms / 4 < ms)
			ms = q->outlets[i]->query_after_ms / 4;
	if (ms == INT64_MAX)
		return 0;
	return ms < ASK_WALK_MIN_MS ? ASK_WALK_MIN_MS : ms < ASK_WALK_MAX_MS ? ms : ASK_WALK_MAX_MS;
}

static void walk(struct queue *q)
{
	int64_t pause = walk_pause_ms(q);
	struct ask_walk *w;

	if (!pause || q->ask_walking || q->recovering || (!q->ask_walk_ms && q->now_ms < q->ask_walk_before_ms + pause))
		return;
	w = calloc(1, sizeof(*w));
	if (!w)
		return;
	if (!q->ask_walk_ms)
		q->ask_walk_ms = q->now_ms;
	q->ask_walking = true;
	w->q = q;
	w->load.q.kind = Q_DUE;
	w->load.q.done = walked;
	w->load.upto = INT64_MAX;
	w->load.after_at = q->ask_walk_at;
	w->load.after_key = q->ask_walk_key;
	w->load.limit = ASK_PAGE;
	w->load.no_body = true;
	w->load.unconfirmed = true;
	store_read(q->store, STORE_API, &w->load.q);
}

void ask_second(struct queue *q)
{
	for (struct ask *a = q->asks, *next; a; a = next) {
		next = a->next;
		if (a->loaded && !a->out)
			put(q, a);
	}
	q->ask_walk_pages = 0;
	walk(q);
}

void ask_free_all(struct queue *q)
{
	while (q->asks) {
		struct ask *a = q->asks;

		q->asks = a->next;
		free(a);
	}
}

/* ---- what the carrier says ------------------------------------------------------------------------------- */

static bool is_final_answer(enum receipt_state s)
{
	switch (s) {
	case RECEIPT_DELIVERED:
	case RECEIPT_EXPIRED:
	case RECEIPT_DELETED:
	case RECEIPT_UNDELIVERABLE:
	case RECEIPT_REJECTED:
	case RECEIPT_SKIPPED:
		return true;
	case RECEIPT_NONE:
	case RECEIPT_ENROUTE:
	case RECEIPT_ACCEPTED:
	case RECEIPT_UNKNOWN:
		break;
	}
	return false;
}

/* It says how the part stands. */
static void stands(struct queue *q, struct outlet *o, struct ask *a, const struct driver_answer *d)
{
	struct link_receipt r = { .state = d->state, .stat_raw = d->stat_raw, .err = d->err };
	int x;

	o->query_answered++;
	o->query_failures = 0;
	if (!is_final_answer(d->state)) {
		receipt_note_asked(q, o, a->key, &r);
		forget(q, a);
		return;
	}
	x = settle_asked(q, o, &a->msg, msg_key_part(a->key), a->class, a->hash, &r);
	o->query_settled += x == 0;
	if (x < 0)
		put_off(q, a);
	else
		forget(q, a);
}

static void failed(struct queue *q, struct outlet *o, struct ask *a, const struct driver_answer *d)
{
	o->query_failures++;
	log_debug("query_failed", "msg=%llu part=%u link=%s reason=%s", (unsigned long long)msg_key_id(a->key),
		msg_key_part(a->key), names_text(q->names, NAME_LINK, o->id), d->text);
	if (o->query_failures >= ASK_FAILURES && !o->query_answered)
		turn_off(q, o, d->text);
	forget(q, a);
}

void queue_answered(struct queue *q, struct outlet *o, const struct driver_answer *d)
{
	struct link_receipt said = { .state = RECEIPT_NONE, .stat_raw = d->text, .err = "" };
	struct ask *a = q->asks;

	q->now_ms = clock_ms();
	while (a && (a->key != d->key || a->link != o->id || !a->out))
		a = a->next;
	if (!a) {
		log_error("answer_unknown", "link=%s msg=%llu", names_text(q->names, NAME_LINK, o->id),
			(unsigned long long)msg_key_id(d->key));
		return;
	}
	switch (d->kind) {
	case ANSWER_STATE:
		stands(q, o, a, d);
		break;
	case ANSWER_UNKNOWN:
		receipt_note_asked(q, o, a->key, &said);
		never_again(q, a);
		break;
	case ANSWER_FAILED:
	case ANSWER_NONE:
		failed(q, o, a, d);
		break;
	case ANSWER_UNSUPPORTED:
		turn_off(q, o, d->text);
		put_off(q, a);
		break;
	case ANSWER_LATER:
		o->query_rest_ms = q->now_ms + ASK_REST_MS;
		put_off(q, a);
		break;
	case ANSWER_UNSENT:
		put_off(q, a);
		break;
	}
}
