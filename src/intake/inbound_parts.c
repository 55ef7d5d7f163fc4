/* SPDX-License-Identifier: Apache-2.0 */
/* inbound_parts.c -- inbound messages that come in several parts.
 *
 *     part ─► OP_INBOUND_PART ─(committed)─► acknowledged
 *                    └─ the last one ─► read the set ─► join ─► rules ─► OP_INBOUND with the set
 *     timer ─► sets that are due: complete, closed, at their deadline ─┘
 *
 * Nothing about a set is kept in memory: what the process knew when it died is found again by the first sweep.  A set
 * may be joined by two hands at a time; the store takes the first and tells the other that it was done (-EEXIST), or
 * that one more part has come since it was read (-ESTALE).
 */
#include "intake/inbound_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "intake/inbound_join.h"
#include "route/link.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ESM_UDH	  0x40 /* SMPP 3.4, 5.2.12 */
#define SWEEP_MS  2000
#define JOINS_MAX 128 /* at a time; what is beyond is left to the next sweep */
#define TELL_MS	  60000 /* the same trouble is logged once in so long */

struct joining {
	struct inbound *in;
	struct q_inbound_set set;
	struct op_inbound op;
	struct inbound_joined joined;
};

static void join_begin(struct inbound *in, uint64_t set);
static void sweep(struct inbound *in);

static bool may_tell(int64_t *told_ms)
{
	int64_t now = clock_mono_ms();

	if (*told_ms && now - *told_ms < TELL_MS)
		return false;
	*told_ms = now;
	return true;
}

/* ---- Joining. ---- */

static void join_end(struct joining *j)
{
	struct inbound *in = j->in;

	inbound_joined_done(&j->joined);
	store_query_done(&j->set.q);
	free(j);
	if (--in->n_joins == 0 && in->again)
		sweep(in);
}

/* It stays due: the next sweep tries again. */
static void join_failed(struct joining *j, int r)
{
	if (may_tell(&j->in->told_failed_ms))
		log_error("inbound_join_failed", "link=%s set=%" PRIu64 " error=%s",
			names_text(j->in->needs.names, NAME_LINK, j->set.link), j->set.set, strerror(-r));
}

static void on_joined(struct store_op *op)
{
	struct joining *j = op->arg;
	struct inbound *in = j->in;
	struct stats *stats = in->needs.stats;
	uint64_t again = op->r == -ESTALE ? j->op.set : 0;

	if (op->r == 0) {
		stats_add(stats, STATS_INBOUND, 1);
		stats_add(stats, j->joined.n_missing ? STATS_INBOUND_PARTIAL : STATS_INBOUND_JOINED, 1);
		if (!j->op.client)
			stats_add(stats, STATS_INBOUND_UNROUTED, 1);
		if (j->joined.n_missing)
			log_info("inbound_partial", "link=%s inbound=%" PRIu64 " parts=%u missing=%s",
				names_text(in->needs.names, NAME_LINK, j->op.link), j->op.n, j->op.parts,
				j->joined.missing);
	} else if (op->r != -EEXIST && op->r != -ESTALE) {
		join_failed(j, op->r);
	}
	if (again)
		join_begin(in, again);
	join_end(j);
}

static int decode(void *arg, uint8_t data_coding, struct gsm7_shift shift, const uint8_t *text, size_t n, char *dst,
	size_t cap, size_t *ret_n)
{
	return link_decode(arg, data_coding, shift, text, n, dst, cap, ret_n);
}

static void join_stage(struct joining *j)
{
	struct inbound *in = j->in;
	const char *link = names_text(in->needs.names, NAME_LINK, j->set.link);
	struct link_inbound m = {.from = j->set.from, .to = j->set.to, .text = j->joined.text, .n_text = j->joined.n_text};

	j->op = (struct op_inbound){
		.op = {.kind = OP_INBOUND, .rows = 3 + j->set.n_parts, .done = on_joined, .arg = j},
		.at = clock_ms(),
		.link = j->set.link,
		.from = j->set.from,
		.to = j->set.to,
		.text = j->joined.text,
		.n_text = j->joined.n_text,
		.raw = j->joined.raw,
		.n_raw = j->joined.n_raw,
		.dcs = j->joined.dcs,
		.esm_class = j->joined.esm_class,
		.parts = j->set.total,
		.missing = j->joined.n_missing ? j->joined.missing : NULL,
		.set = j->set.set,
		.have = j->set.n_parts,
	};
	inbound_route(in, link, &m, &j->op);
	store_stage(in->needs.store, STORE_SETTLE, &j->op.op);
}

static void on_set_read(struct store_query *q)
{
	struct joining *j = q->arg;
	const struct inbound_needs *needs = &j->in->needs;
	struct inbound_decoder d = {.decode = NULL};
	int r = q->r;

	if (r == -ENOENT || j->in->stopping) { /* joined by another hand; or a matter of the next process */
		join_end(j);
		return;
	}
	if (r == 0) {
		d.arg = needs->link_find(needs->link_arg, names_text(needs->names, NAME_LINK, j->set.link));
		d.decode = d.arg ? decode : NULL;
		r = inbound_join(&j->set, &d, &j->joined);
	}
	if (r == 0) {
		join_stage(j);
		return;
	}
	join_failed(j, r);
	join_end(j);
}

static void join_begin(struct inbound *in, uint64_t set)
{
	struct joining *j;

	if (in->stopping)
		return;
	j = in->n_joins < JOINS_MAX ? calloc(1, sizeof(*j)) : NULL;
	if (!j) {
		in->again = true;
		return;
	}
	in->n_joins++;
	j->in = in;
	j->set.set = set;
	j->set.q = (struct store_query){.kind = Q_INBOUND_SET, .done = on_set_read, .arg = j};
	store_read(in->needs.store, STORE_QUEUE, &j->set.q);
}

/* ---- Parts. ---- */

/* A sender that repeats its reference at once and one that the disk cannot follow look the same from here: both are
 * counted, and the second is told. */
static void tell_forced(struct inbound *in, const struct inbound_op *o)
{
	stats_add(in->needs.stats, STATS_INBOUND_FORCED, 1);
	if (may_tell(&in->told_full_ms))
		log_error("inbound_too_many_unfinished", "link=%s bound=%u",
			names_text(in->needs.names, NAME_LINK, o->part.link), INBOUND_SETS_MAX);
}

static void on_part_committed(struct store_op *op)
{
	struct inbound_op *o = op->arg;
	struct inbound *in = o->in;
	const struct op_inbound_part *p = &o->part;

	if (op->r < 0) {
		stats_add(in->needs.stats, STATS_INBOUND_FAILED, 1);
		if (may_tell(&in->told_failed_ms))
			log_error("inbound_lost_to_store", "link=%s error=%s",
				names_text(in->needs.names, NAME_LINK, p->link), strerror(-op->r));
		inbound_op_done(o);
		return;
	}
	stats_add(in->needs.stats, p->ret_again ? STATS_INBOUND_REPEATED : STATS_INBOUND_PARTS, 1);
	if (p->ret_replaced) {
		stats_add(in->needs.stats, STATS_INBOUND_REUSED, 1);
		join_begin(in, p->ret_replaced);
	}
	if (p->ret_forced) {
		tell_forced(in, o);
		join_begin(in, p->ret_forced);
	}
	if (!p->ret_again && p->ret_have == p->total)
		join_begin(in, p->ret_set);
	inbound_op_done(o);
}

bool inbound_is_part(const struct link_inbound *m, struct udh_concat *ret)
{
	/* The second line bounds what a set can hold: beyond, it is no handset's part, and stands for itself. */
	return (m->esm_class & ESM_UDH) && udh_find_concat(m->raw, m->n_raw, ret) > 0 && ret->total > 1 &&
	       (uint64_t)m->n_raw * ret->total <= INBOUND_RAW_MAX;
}

int inbound_take_part(struct inbound *in, struct link *l, const struct link_inbound *m, const struct udh_concat *c,
	struct driver_token token)
{
	struct inbound_strings s;
	struct inbound_op *o;
	int64_t now = clock_ms();
	int r;

	o = inbound_op_new(in, l, m, token, &s, &r);
	if (!o)
		return r;
	o->part = (struct op_inbound_part){
		.op = {.kind = OP_INBOUND_PART, .rows = 2, .done = on_part_committed, .arg = o},
		.at = now,
		.until = now + link_conf(l)->inbound_wait_ms,
		.link = link_id(l),
		.from = s.from,
		.to = s.to,
		.wide = c->wide,
		.ref = c->ref,
		.total = c->total,
		.seq = c->seq,
		.text = s.text,
		.n_text = s.n_text,
		.raw = s.raw,
		.n_raw = s.n_raw,
		.dcs = m->data_coding,
		.esm_class = m->esm_class,
	};
	store_stage(in->needs.store, STORE_SETTLE, &o->op);
	return 0;
}

/* ---- The sweep. ---- */

static void on_due_read(struct store_query *q)
{
	struct inbound *in = q->arg;

	in->sweeping = false;
	if (q->r < 0 || in->stopping)
		return;
	in->again = in->due.more;
	for (unsigned i = 0; i < in->due.n_sets; i++)
		join_begin(in, in->due.sets[i]);
}

static void sweep(struct inbound *in)
{
	if (in->sweeping || in->stopping)
		return;
	in->sweeping = true;
	in->again = false;
	in->due.q = (struct store_query){.kind = Q_INBOUND_DUE, .done = on_due_read, .arg = in};
	in->due.now = clock_ms();
	store_read(in->needs.store, STORE_QUEUE, &in->due.q);
}

static void on_timer(uv_timer_t *t)
{
	sweep(t->data);
}

void inbound_start(struct inbound *in)
{
	uv_timer_init(in->needs.loop, &in->timer);
	in->timer.data = in;
	in->started = true;
	uv_timer_start(&in->timer, on_timer, 0, SWEEP_MS);
}

static void on_timer_closed(uv_handle_t *h)
{
	struct inbound *in = h->data;

	in->timer_closed = true;
	if (in->freeing)
		free(in);
}

void inbound_stop(struct inbound *in)
{
	in->stopping = true;
	if (in->started)
		uv_close((uv_handle_t *)&in->timer, on_timer_closed);
}
