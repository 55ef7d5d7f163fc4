/* SPDX-License-Identifier: Apache-2.0
 *
 * recur.c -- links that give their ids again after a while: by the time at which it was taken, a part is found among
 * those of one id (taken.h), and the clock of who takes them is learned.
 */
#include <stdint.h>

#include "base/log.h"
#include "queue/queue_impl.h"

#define LOOK_MAX 1024 /* a modem whose references say nothing has one id for all texts to a recipient */

/* The account is the SIM, and each centre has a clock of its own. */
static struct taken_clock *clock_of(struct queue *q, const struct outlet *o)
{
	for (struct link_forms *l = q->forms; l; l = l->next) {
		if (l->op.link != o->id)
			continue;
		if (l->clock.account != o->account)
			l->clock = (struct taken_clock){ .account = o->account };
		return &l->clock;
	}
	return NULL;
}

struct taken_claim recur_claim(struct queue *q, const struct outlet *o, int64_t taken_ms, int64_t come_ms)
{
	struct taken_clock *c = o->own_ids && taken_ms ? clock_of(q, o) : NULL;
	struct taken_claim claim = { .any = false };

	if (c)
		claim = taken_claim(c, taken_ms / 1000, come_ms / 1000);
	claim.strict = q->recovering || q->remembering;
	return claim;
}

void recur_learn(struct queue *q, struct outlet *o, const struct taken_claim *c, const struct taken_pick *p)
{
	struct taken_clock *clock = c->any ? clock_of(q, o) : NULL;

	if (!clock || !taken_learn(clock, p, c))
		return;
	log_info("receipt_clock_known", "link=%s ahead_s=%lld", names_text(q->names, NAME_LINK, o->id),
		(long long)clock->off_s);
	queue_retry_parked(q, o);
}

void recur_learn_overtaken(struct queue *q, const struct op_submit *s)
{
	struct outlet *o = queue_outlet_of(q, s->link);
	struct taken_claim c;

	if (!o)
		return;
	c = recur_claim(q, o, s->ret_overtook_s * 1000, s->at);
	recur_learn(q, o, &c, &(struct taken_pick){ .n_open = 1, .first_s = s->at / 1000, .last_s = s->at / 1000 });
}

struct look {
	const struct taken_claim *claim;
	struct taken_pick *pick;
	int64_t now_s;
};

static void look_at(void *arg, struct sent_entry *e)
{
	const struct look *k = arg;
	bool over = e->state == STATE_UNCONFIRMED || (e->state == STATE_SENT && e->deadline_s <= k->now_s);

	taken_consider(k->pick, k->claim, &(struct taken_part){ .ref = (uintptr_t)e, .sent_s = e->sent_s,
		.open = e->state == STATE_SENT && !over, .over = over });
}

struct sent_entry *recur_find(struct queue *q, uint64_t hash, uint64_t to, const struct taken_claim *c,
	struct taken_pick *pick, bool *ret_doubt)
{
	struct look k = { .claim = c, .pick = pick, .now_s = q->now_ms / 1000 };
	struct taken_part best;
	struct sent_entry *e;

	if (!c->any) { /* it does not say when */
		e = sent_find(q->sent, hash, to);
		return e && e->state != STATE_UNCONFIRMED ? e : NULL;
	}
	*pick = (struct taken_pick){ 0 };
	sent_each(q->sent, hash, to, LOOK_MAX, look_at, &k);
	switch (taken_choose(pick, c, &best)) {
	case TAKEN_ONE:
		return (struct sent_entry *)(uintptr_t)best.ref;
	case TAKEN_DOUBT:
		*ret_doubt = true;
		break;
	case TAKEN_NONE:
		break;
	}
	return NULL;
}
