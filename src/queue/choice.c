/* SPDX-License-Identifier: Apache-2.0
 *
 * choice.c -- routes that choose among their links: the least busy, the cheapest, or always the same for a recipient.
 *
 * The lanes of such a route hang on an outlet that is no link, with rings of lanes like any other, so that one-time
 * codes come first and campaigns take turns; the link is chosen for each message when its turn comes, of those that
 * have room then.  Nothing is assigned earlier: a link that falls silent holds up what is in flight and no more.
 *
 * A link that refused a message is left out for it, and one of the others is asked (SKIP_ONE): refused by two is
 * refused.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "queue/queue_impl.h"

/* ---- can it take anything? ------------------------------------------------------------------------------- */

bool outlet_serves(const struct outlet *o, enum msg_class class)
{
	return o->up && !o->draining && !quota_shut(o, class) && !guard_shut(&o->guard, o->in_flight);
}

enum msg_reason outlet_why_not(const struct outlet *o, enum msg_class class)
{
	if (o->draining)
		return REASON_LINK_DRAIN;
	if (!o->up)
		return REASON_LINK_DOWN;
	if (quota_shut(o, class))
		return REASON_QUOTA;
	return guard_shut(&o->guard, o->in_flight) ? REASON_GUARD : REASON_LINK_DOWN;
}

/* Is the link of this index one of the lane's?  After a reload that left it alone, the one that refused it is. */
static bool left_out(const struct lane *l, unsigned i)
{
	return (l->key.skip & SKIP_ONE) && (l->key.skip & ~SKIP_ONE) == i && l->route->n_links > 1;
}

struct outlet *choice_up(const struct lane *l, enum msg_reason *ret_why)
{
	const struct queue_route *r = l->route;

	*ret_why = REASON_LINK_DOWN;
	for (unsigned i = 0; i < r->n_links; i++) {
		enum msg_reason why = outlet_why_not(r->links[i], l->key.class);

		if (left_out(l, i))
			continue;
		if (outlet_serves(r->links[i], l->key.class))
			return &r->choice->o;
		if (why != REASON_LINK_DOWN)
			*ret_why = why;
	}
	return NULL;
}

/* ---- which? ---------------------------------------------------------------------------------------------- */

static double load_of(const struct outlet *o)
{
	double weight = o->weight > 0 ? o->weight : 1;

	return o->window ? o->in_flight / (o->window * weight) : 1;
}

static bool less_busy(const struct outlet *a, const struct outlet *b)
{
	double x = load_of(a), y = load_of(b);

	if (x < y || x > y)
		return x < y;
	x = quota_share(a);
	y = quota_share(b);
	if (x < y || x > y)
		return x < y;
	return a->taken_us < b->taken_us;
}

static unsigned n_digits(uint64_t v)
{
	unsigned n = 1;

	while (v >= 10) {
		v /= 10;
		n++;
	}
	return n;
}

static double price_of(const struct outlet *o, uint64_t to)
{
	unsigned n = o->n_prices ? n_digits(to) : 0, longest = 0;
	double price = o->price;

	for (unsigned i = 0; i < o->n_prices; i++) {
		const struct outlet_price *p = &o->prices[i];
		uint64_t v = to;

		if (p->n_digits > n || p->n_digits <= longest)
			continue;
		for (unsigned k = n - p->n_digits; k; k--)
			v /= 10;
		if (v != p->digits)
			continue;
		longest = p->n_digits;
		price = p->price;
	}
	return price;
}

/* The highest of all links is the recipient's; without that one the second highest, and the others keep theirs. */
static uint64_t score_of(const struct outlet *o, uint64_t to)
{
	return hash_mix64(to * 0x9e3779b97f4a7c15ULL ^ hash_mix64(o->id));
}

struct pick {
	struct outlet *o;    /* that has room */
	double price;        /* the lowest so far, with room or without */
	uint64_t score;      /* likewise the highest */
	enum msg_reason why; /* the best one has none */
};

static void weigh(struct queue *q, enum queue_choose choose, struct outlet *o, const struct lane *l, uint64_t to,
	struct pick *p)
{
	enum msg_reason why = dispatch_no_room(q, o, l->key.class);
	double price = choose == CHOOSE_PRICE ? price_of(o, to) : 0;
	uint64_t score = choose == CHOOSE_STICKY ? score_of(o, to) : 0;

	if (price > p->price || (choose == CHOOSE_STICKY && score < p->score))
		return;
	if (price < p->price || score > p->score) { /* better than all before, be they free */
		p->o = NULL;
		p->price = price;
		p->score = score;
	}
	if (why == REASON_NONE && (!p->o || less_busy(o, p->o)))
		p->o = o;
	if (why != REASON_NONE && !p->o)
		p->why = why;
}

/* Among those whose guards spare codes, or the others; how many would take it. */
static unsigned pick(struct queue *q, const struct lane *l, const struct qmsg *qm, bool spared, struct pick *p)
{
	const struct queue_route *r = l->route;
	unsigned n_parts = (unsigned)__builtin_popcountll(qm->todo), n_fit = 0;

	for (unsigned i = 0; r && i < r->n_links; i++) {
		struct outlet *o = r->links[i];

		if (left_out(l, i) || !outlet_serves(o, l->key.class) ||
			guard_spares(&o->guard, l->key.class == CLASS_OTP) != spared ||
			!quota_fits(o, l->key.class, qm->m->to, n_parts))
			continue;
		weigh(q, r->choose, o, l, qm->m->to, p);
		n_fit++;
	}
	return n_fit;
}

struct outlet *choice_pick(struct queue *q, const struct lane *l, const struct qmsg *qm, enum msg_reason *ret_why)
{
	const struct queue_route *r = l->route;
	struct pick p = { .price = 1e300, .why = REASON_QUOTA };
	bool fits = pick(q, l, qm, false, &p) || pick(q, l, qm, true, &p);

	for (unsigned i = 0; r && !fits && i < r->n_links; i++)
		if (!left_out(l, i) && outlet_serves(r->links[i], l->key.class))
			quota_close(q, r->links[i], l->key.class, qm->m->to);
	*ret_why = p.why;
	return p.o;
}

/* ---- routes ---------------------------------------------------------------------------------------------- */

static struct choice *choice_of(struct queue *q, uint32_t route)
{
	struct choice *c;

	for (c = q->choices; c; c = c->next)
		if (c->route == route)
			return c;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->route = route;
	c->o.choice = c;
	c->o.up = true;
	c->next = q->choices;
	q->choices = c;
	return c;
}

int choice_routes(struct queue *q, struct queue_route *routes, unsigned n)
{
	int r = 0;

	for (struct choice *c = q->choices; c; c = c->next)
		c->r = NULL;
	for (unsigned i = 0; i < n; i++) {
		routes[i].choice = routes[i].choose != CHOOSE_ORDER ? choice_of(q, routes[i].id) : NULL;
		if (routes[i].choice)
			routes[i].choice->r = &routes[i];
		else if (routes[i].choose != CHOOSE_ORDER)
			r = -ENOMEM; /* then in order */
	}
	return r;
}

void choice_sweep(struct queue *q)
{
	for (struct choice **p = &q->choices; *p;) {
		struct choice *c = *p;

		if (c->r) {
			p = &c->next;
			continue;
		}
		*p = c->next;
		free(c);
	}
}

/* Until a link of the route has room again by the clock alone. */
int64_t choice_wait_us(struct queue *q, struct choice *c)
{
	int64_t next = INT64_MAX;

	if (!c->r || !(c->o.lanes || c->o.otp_lanes))
		return next;
	for (unsigned i = 0; i < c->r->n_links; i++) {
		struct outlet *o = c->r->links[i];
		int64_t pause = o->pause_until_ms * 1000 - q->now_us, wait;

		if (!o->up || o->in_flight + o->asking >= o->window)
			continue;
		wait = pace_wait_us(&o->pace, false, q->now_us);
		if (wait < pause)
			wait = pause;
		if (wait > 0 && wait < next)
			next = wait;
	}
	return next;
}
