/* SPDX-License-Identifier: Apache-2.0
 *
 * quota.c -- what may leave over an account within a minute, an hour, a day and a month of the operator's calendar.
 *
 * An account is a SIM, wherever it sits, or a link that has none.  Counted is each part at its lease, and the count is
 * on disk with the lease or before: after a crash it may be too high by what was leased and never written, never too
 * low.  What a driver gives back unsent, or a carrier refused because of our rate, is taken off again, unless the
 * period has changed meanwhile.  Rows hold absolute numbers, one for each account and kind of period, and are written
 * once per turn of the loop, in the commit of the leases.
 *
 * A period that goes on keeps its end when the settings change: nothing is forgotten by a reload.  Recipients are kept
 * as hashes until their period ends, for as many as the bound says.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/oom.h"
#include "queue/queue_impl.h"

struct recipients {
	uint64_t *slots; /* open addressing; 0 is free */
	size_t n, size;  /* size: a power of two, or 0 */
};

struct period {
	int64_t start, end; /* end 0: none has begun */
	uint64_t n;
	uint64_t fixed;     /* parts in flight that were counted elsewhere: they cannot be given back here */
	int64_t behind_us;  /* monotonic: since then the wall clock stands before `start`; 0: it does not */
	struct recipients to;
};

struct account {
	struct account *next;
	uint32_t id;
	struct period period[QUOTA_KINDS];
	bool closed[2];     /* what is left is too little for the message that was next; [1]: for class otp */
	struct op_quota *op; /* staged and still ours while `turn` is the store's */
	uint64_t turn;
};

/* ---- recipients ------------------------------------------------------------------------------------------ */

static uint64_t hash_of(uint64_t to)
{
	uint64_t h = hash_bytes(0, &to, sizeof(to));

	return h ? h : 1;
}

static uint64_t *slot(const struct recipients *r, uint64_t h)
{
	size_t i = h & (r->size - 1);

	while (r->slots[i] && r->slots[i] != h)
		i = (i + 1) & (r->size - 1);
	return &r->slots[i];
}

static bool has(const struct recipients *r, uint64_t h)
{
	return r->size && *slot(r, h);
}

static bool widen(struct recipients *r)
{
	struct recipients more = { .size = r->size ? r->size * 2 : 64 };

	more.slots = calloc(more.size, sizeof(*more.slots));
	if (!more.slots)
		return false;
	for (size_t i = 0; i < r->size; i++)
		if (r->slots[i])
			*slot(&more, r->slots[i]) = r->slots[i];
	more.n = r->n;
	free(r->slots);
	*r = more;
	return true;
}

/* True: it was not there. */
static bool add(struct recipients *r, uint64_t h)
{
	uint64_t *at;

	if (r->n * 2 >= r->size && !widen(r))
		return false;
	at = slot(r, h);
	if (*at)
		return false;
	*at = h;
	r->n++;
	return true;
}

static void forget(struct recipients *r)
{
	free(r->slots);
	*r = (struct recipients){ 0 };
}

/* ---- accounts and periods -------------------------------------------------------------------------------- */

static struct account *account_of(struct queue *q, uint32_t id)
{
	struct account *a;

	for (a = q->accounts; a; a = a->next)
		if (a->id == id)
			return a;
	a = calloc(1, sizeof(*a));
	if (!a)
		oom_end("the account of a SIM"); /* once per SIM: without it no quota could be kept */
	a->id = id;
	a->next = q->accounts;
	q->accounts = a;
	return a;
}

/* How many are under way: with the driver, and leased but not with it yet. */
static void in_flight(const struct queue *q, const struct account *a, uint64_t *ret_given, uint64_t *ret_held)
{
	*ret_given = *ret_held = 0;
	for (unsigned i = 0; i < q->n_outlets; i++) {
		const struct outlet *o = q->outlets[i];

		if (o->used != a)
			continue;
		*ret_given += o->in_flight - o->pace.held;
		*ret_held += o->pace.held;
	}
}

/* A clock that was wrong, and is set back, may leave a period that begins in a year: it lasts as long as a period does,
 * by the clock that nobody sets.  One that is behind after a start, and set right then, finds its counts as they
 * were. */
static bool is_over(const struct queue *q, struct period *p)
{
	if (q->now_ms >= p->end)
		return true;
	if (q->now_ms >= p->start)
		p->behind_us = 0;
	else if (!p->behind_us)
		p->behind_us = q->now_us;
	return p->behind_us && q->now_us - p->behind_us >= (p->end - p->start) * 1000;
}

/* Begin the period that holds now, where the last one has ended. */
static void roll(const struct queue *q, struct account *a, const struct quota_limits *l, enum quota_kind k)
{
	static const enum period_kind kinds[QUOTA_KINDS] = { PERIOD_MINUTE, PERIOD_HOUR, PERIOD_DAY, PERIOD_MONTH };
	struct period *p = &a->period[k];

	if (!is_over(q, p))
		return;
	if (p->end) /* what was leased and is to leave yet leaves in the new one, and counts in both */
		in_flight(q, a, &p->fixed, &p->n);
	p->behind_us = 0;
	if (period_at(kinds[k], &l->rule, q->now_ms, &p->start, &p->end) < 0) {
		p->start = q->now_ms; /* no calendar to be had: a minute later is asked again */
		p->end = q->now_ms + 60000;
	}
	forget(&p->to);
	a->closed[0] = a->closed[1] = false;
}

static void roll_all(const struct queue *q, struct account *a, const struct quota_limits *l)
{
	for (unsigned k = 0; k < QUOTA_KINDS; k++)
		roll(q, a, l, k);
}

/* ---- what is left ---------------------------------------------------------------------------------------- */

static uint64_t limit_for(const struct quota_limits *l, enum quota_kind k, enum msg_class class)
{
	return class == CLASS_OTP ? l->parts[k] : l->parts[k] - l->parts[k] * l->reserve_otp / 100;
}

static unsigned room_of(const struct outlet *o, enum msg_class class)
{
	uint64_t room = UINT_MAX;

	for (unsigned k = 0; k < QUOTA_KINDS; k++) {
		uint64_t limit = limit_for(&o->quota, k, class), n = o->used->period[k].n;

		if (o->quota.parts[k] && (limit > n ? limit - n : 0) < room)
			room = limit > n ? limit - n : 0;
	}
	return (unsigned)room;
}

unsigned quota_room(const struct outlet *o, enum msg_class class)
{
	return o->used ? room_of(o, class) : UINT_MAX;
}

bool quota_takes_new(const struct outlet *o, uint64_t to)
{
	if (!o->no_new)
		return true;
	for (unsigned k = 0; k < QUOTA_KINDS; k++) {
		const struct recipients *r = &o->used->period[k].to;

		if (o->quota.recipients[k] && r->n >= o->quota.recipients[k] && !has(r, hash_of(to)))
			return false;
	}
	return true;
}

/* Has this period room for so many parts?  A message of more than it ever has begins when nothing of it is used, or it
 * would never go. */
static bool holds(const struct outlet *o, enum quota_kind k, enum msg_class class, unsigned n_parts)
{
	uint64_t limit = limit_for(&o->quota, k, class), n = o->used->period[k].n;

	return !o->quota.parts[k] || n + n_parts <= limit || (limit && n_parts > limit && !n);
}

double quota_share(const struct outlet *o)
{
	double share = 0;

	for (unsigned k = 0; o->used && k < QUOTA_KINDS; k++)
		if (o->quota.parts[k] && (double)o->used->period[k].n / (double)o->quota.parts[k] > share)
			share = (double)o->used->period[k].n / (double)o->quota.parts[k];
	return share;
}

/* ---- what follows for the outlet ------------------------------------------------------------------------- */

static bool binds(const struct outlet *o, enum quota_kind k)
{
	return o->quota.parts[k] || o->quota.recipients[k];
}

/* Set the marks that the choice of links looks at; true when one has changed. */
static bool mark(struct queue *q, struct outlet *o)
{
	struct account *a = o->used;
	bool was[3] = { o->no_quota, o->no_quota_otp, o->no_new };

	o->no_quota = a && (a->closed[0] || room_of(o, CLASS_MARKETING) == 0);
	o->no_quota_otp = a && (a->closed[1] || room_of(o, CLASS_OTP) == 0);
	o->no_new = false;
	o->quota_end_ms = 0;
	for (unsigned k = 0; a && k < QUOTA_KINDS; k++) {
		struct period *p = &a->period[k];

		o->no_new |= o->quota.recipients[k] && p->to.n >= o->quota.recipients[k];
		if (binds(o, k) && (!o->quota_end_ms || p->end < o->quota_end_ms))
			o->quota_end_ms = p->end;
	}
	if (was[0] == o->no_quota && was[1] == o->no_quota_otp && was[2] == o->no_new)
		return false;
	q->aside_changed = o->aside_changed = true;
	dispatch_dirty(q);
	return true;
}

/* Those that share the account: one, but for a SIM that was just moved. */
static void mark_all(struct queue *q, const struct account *a)
{
	for (unsigned i = 0; i < q->n_outlets; i++)
		if (q->outlets[i]->used == a)
			mark(q, q->outlets[i]);
}

/* May a message of so many parts, of which none has left, begin here? */
bool quota_fits(const struct outlet *o, enum msg_class class, uint64_t to, unsigned n_parts)
{
	if (!o->used)
		return true;
	for (unsigned k = 0; k < QUOTA_KINDS; k++)
		if (!holds(o, k, class, n_parts))
			return false;
	return quota_takes_new(o, to);
}

/* Shorter ones may not overtake it for ever: they wait with it.  Not where only its recipient is one too many. */
void quota_close(struct queue *q, struct outlet *o, enum msg_class class, uint64_t to)
{
	if (!o->used || !quota_takes_new(o, to))
		return;
	o->used->closed[class == CLASS_OTP] = true;
	mark_all(q, o->used);
}

/* ---- on disk --------------------------------------------------------------------------------------------- */

static void stored(struct store_op *op)
{
	struct op_quota *o = (struct op_quota *)op;
	struct queue *q = op->arg;

	/* Numbers are absolute: the next ones say it all.  Recipients are told once. */
	o->n_rows = 0;
	if (op->r < 0 && o->n_recipients && queue_again(q, op))
		return;
	if (op->r < 0)
		log_error("quota_not_stored", "error=%s", strerror(-op->r));
	free(o->recipients);
	free(o);
}

static struct op_quota *staged_op(struct queue *q, struct account *a)
{
	struct op_quota *o = a->op;

	if (o && a->turn == store_turn(q->store))
		return o;
	o = calloc(1, sizeof(*o));
	if (!o)
		return NULL;
	o->op.kind = OP_QUOTA;
	o->op.rows = QUOTA_KINDS;
	o->op.done = stored;
	o->op.arg = q;
	a->op = o;
	a->turn = store_turn(q->store);
	store_stage(q->store, STORE_SETTLE, &o->op);
	return o;
}

/* The numbers as they are now, into what goes to the disk before this turn's leases. */
static void stage(struct queue *q, struct account *a)
{
	struct op_quota *o = staged_op(q, a);

	if (!o)
		return; /* the next part tries again */
	o->n_rows = QUOTA_KINDS;
	for (unsigned k = 0; k < QUOTA_KINDS; k++)
		o->rows[k] = (struct store_quota){ .account = a->id, .kind = (uint8_t)k, .start = a->period[k].start,
			.end = a->period[k].end, .n = a->period[k].n };
}

static void stage_recipient(struct queue *q, struct account *a, enum quota_kind k, uint64_t h)
{
	struct op_quota *o = staged_op(q, a);

	if (o && o->n_recipients == o->cap_recipients) {
		unsigned cap = o->cap_recipients ? o->cap_recipients * 2 : 16;
		struct store_quota_recipient *more = reallocarray(o->recipients, cap, sizeof(*more));

		if (!more)
			return;
		o->recipients = more;
		o->cap_recipients = cap;
	}
	if (!o)
		return;
	o->recipients[o->n_recipients++] = (struct store_quota_recipient){ .account = a->id, .kind = (uint8_t)k,
		.end = a->period[k].end, .hash = h };
	o->op.rows++;
}

/* ---- counting -------------------------------------------------------------------------------------------- */

void quota_take(struct queue *q, struct outlet *o, unsigned n_parts, uint64_t to)
{
	struct account *a = o->used;
	uint64_t h = hash_of(to);

	if (!a)
		return;
	roll_all(q, a, &o->quota);
	for (unsigned k = 0; k < QUOTA_KINDS; k++)
		a->period[k].n += n_parts;
	stage(q, a);
	for (unsigned k = QUOTA_DAY; k < QUOTA_KINDS; k++)
		if (o->quota.recipients[k] && add(&a->period[k].to, h))
			stage_recipient(q, a, k, h);
	mark_all(q, a);
}

void quota_back(struct queue *q, struct outlet *o, unsigned n_parts)
{
	struct account *a = o->used;

	if (!a)
		return;
	for (unsigned k = 0; k < QUOTA_KINDS; k++) {
		struct period *p = &a->period[k];
		uint64_t here = p->fixed < n_parts ? n_parts - p->fixed : 0;

		p->fixed -= n_parts - here;
		p->n -= here < p->n ? here : p->n;
	}
	a->closed[0] = a->closed[1] = false;
	stage(q, a);
	mark_all(q, a);
}

/* ---- life ------------------------------------------------------------------------------------------------ */

void queue_quota_changed(struct queue *q, struct outlet *o)
{
	struct account *a = o->quota.any && o->account ? account_of(q, o->account) : NULL;

	q->now_ms = clock_ms();
	for (unsigned k = 0; a && a != o->used && k < QUOTA_KINDS; k++)
		a->period[k].fixed += o->in_flight;
	o->used = a;
	if (a) {
		roll_all(q, a, &o->quota);
		a->closed[0] = a->closed[1] = false;
	}
	mark(q, o);
}

void quota_clock(struct queue *q, struct outlet *o)
{
	if (!o->used || q->now_ms < o->quota_end_ms)
		return;
	roll_all(q, o->used, &o->quota);
	mark(q, o);
}

static void purge(struct queue *q)
{
	struct op_quota *o = q->accounts ? calloc(1, sizeof(*o)) : NULL;

	if (!o)
		return;
	o->op.kind = OP_QUOTA;
	o->op.rows = 100;
	o->op.done = stored;
	o->op.arg = q;
	o->purge_before = q->now_ms;
	store_stage(q->store, STORE_BULK, &o->op);
}

void quota_second(struct queue *q)
{
	for (unsigned i = 0; i < q->n_outlets; i++) {
		struct outlet *o = q->outlets[i];

		if (!o->used)
			continue;
		roll_all(q, o->used, &o->quota); /* also when the clock was set back */
		mark(q, o);
	}
	if (q->seconds % 60 == 15)
		purge(q);
}

static void quota_known(void *arg, const struct store_quota *v)
{
	struct period *p = &account_of(arg, v->account)->period[v->kind];

	p->start = v->start;
	p->end = v->end;
	p->n = v->n;
}

static void recipient_known(void *arg, const struct store_quota_recipient *v)
{
	struct period *p;

	if (v->kind >= QUOTA_KINDS)
		return;
	p = &account_of(arg, v->account)->period[v->kind];
	if (p->end == v->end)
		add(&p->to, v->hash);
}

int quota_load(struct queue *q)
{
	return store_quotas(q->store, q->now_ms, quota_known, recipient_known, q);
}

void quota_done(struct queue *q)
{
	while (q->accounts) {
		struct account *a = q->accounts;

		q->accounts = a->next;
		for (unsigned k = 0; k < QUOTA_KINDS; k++)
			forget(&a->period[k].to);
		free(a);
	}
}

static bool used_up(const struct outlet *o, enum quota_kind k, enum msg_class class)
{
	const struct period *p = &o->used->period[k];

	return (o->quota.parts[k] && p->n >= limit_for(&o->quota, k, class)) ||
		(o->quota.recipients[k] && p->to.n >= o->quota.recipients[k]);
}

int64_t quota_until(const struct outlet *o, enum msg_class class)
{
	int64_t until = 0;

	for (unsigned k = 0; o->used && k < QUOTA_KINDS; k++)
		if (used_up(o, k, class) && o->used->period[k].end > until)
			until = o->used->period[k].end;
	return until || !quota_shut(o, class) ? until : o->quota_end_ms;
}

void queue_quota(struct queue *q, const struct outlet *o, struct quota_view *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (unsigned k = 0; o->used && k < QUOTA_KINDS; k++) {
		const struct period *p = &o->used->period[k];
		bool on = clock_ms() < p->end;

		ret->parts[k] = (struct quota_used){ o->quota.parts[k], on ? p->n : 0, on ? p->end : 0 };
		ret->recipients[k] = (struct quota_used){ o->quota.recipients[k], on ? p->to.n : 0, on ? p->end : 0 };
	}
	ret->until_ms = quota_until(o, CLASS_MARKETING);
	if (!ret->until_ms)
		ret->until_ms = quota_until(o, CLASS_OTP);
	if (ret->until_ms <= clock_ms())
		ret->until_ms = 0;
	(void)q;
}
