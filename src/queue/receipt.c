/* SPDX-License-Identifier: Apache-2.0
 *
 * receipt.c -- what receipts say, of which part, and how their ids are read.
 *
 * Memory (sent) knows most parts whose receipt is to come; the others are looked for by the writer (op_receipt) in
 * `waiting`, and parked when nothing matches.  A receipt is acknowledged to the carrier only when its row is on disk.
 *
 * How a link spells ids is learned (idform.h).  While that is not known every form is tried, and when two of them find
 * different parts that still wait, none is believed: the receipt is parked as ambiguous.  When a form becomes known,
 * and when the operator changes the setting, what is parked of the link is tried again.  Likewise where ids come again
 * and the time tells which part is meant (taken.h), when the clock of who takes the parts becomes known.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "queue/queue_impl.h"

#define RETRY_PAGE  500
#define RETRY_PAGES 200 /* parked receipts of one link are not tried again without end */

enum msg_state receipt_leads_to(enum receipt_state s)
{
	switch (s) {
	case RECEIPT_DELIVERED:
		return STATE_DELIVERED;
	case RECEIPT_EXPIRED:
		return STATE_EXPIRED;
	case RECEIPT_REJECTED:
		return STATE_REJECTED;
	case RECEIPT_DELETED:
	case RECEIPT_UNDELIVERABLE:
	case RECEIPT_UNKNOWN:
	case RECEIPT_SKIPPED:
		return STATE_UNDELIVERED;
	case RECEIPT_NONE:
	case RECEIPT_ENROUTE:
	case RECEIPT_ACCEPTED:
		break;
	}
	return STATE_SENT;
}

/* ---- what was learned ------------------------------------------------------------------------------------ */

struct idform *receipt_forms(struct queue *q, uint32_t link)
{
	struct link_forms *l;

	for (l = q->forms; l; l = l->next)
		if (l->op.link == link)
			return &l->f;
	l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	idform_init(&l->f);
	l->op.link = link;
	l->next = q->forms;
	q->forms = l;
	return &l->f;
}

static void form_known(void *arg, uint32_t link, unsigned form, uint32_t hits)
{
	struct idform *f = receipt_forms(arg, link);

	if (f)
		idform_restore(f, form, hits);
}

int receipt_load_forms(struct queue *q)
{
	return store_forms(q->store, form_known, q);
}

static void forms_stored(struct store_op *op)
{
	struct link_forms *l = op->arg;

	l->q->settling--;
	l->storing = false;
	if (op->r < 0)
		l->f.dirty = true;
}

static void store_forms_of(struct queue *q, struct link_forms *l)
{
	if (!l->f.dirty || l->storing || q->stopping)
		return;
	l->storing = true;
	l->q = q;
	q->settling++;
	l->f.dirty = false;
	l->op.op = (struct store_op){ .kind = OP_RECEIPT_FORM, .rows = 2, .done = forms_stored, .arg = l };
	memcpy(l->op.hits, l->f.hits, sizeof(l->op.hits));
	store_stage(q->store, STORE_SETTLE, &l->op.op);
}

void receipt_done_forms(struct queue *q)
{
	for (struct link_forms *l = q->forms, *next; l; l = next) {
		next = l->next;
		free(l);
	}
	q->forms = NULL;
}

static void learn(struct queue *q, struct outlet *o, unsigned form)
{
	char name[40];

	if (o->receipt_form != RECEIPT_ID_AUTO || !idform_hit(o->idform, form))
		return;
	idform_name(form, name, sizeof(name));
	log_info("receipt_form_known", "link=%s form=%s", names_text(q->names, NAME_LINK, o->id), name);
	for (struct link_forms *l = q->forms; l; l = l->next)
		if (&l->f == o->idform)
			store_forms_of(q, l);
	queue_retry_parked(q, o);
}

static void judge(struct outlet *o)
{
	double rate;
	char text[96];
	int r = o->idform ? idform_judge(o->idform, o->match_alarm, &rate) : 0;

	if (r == 0 || !o->ops->alarm)
		return;
	snprintf(text, sizeof(text), "only %.3f of the receipts find their message, where %.2f should", rate,
		o->match_alarm);
	o->ops->alarm(o, "receipts_do_not_match", r > 0 ? text : NULL);
}

static void retry_parked(struct queue *q, uint32_t link);

void receipt_second(struct queue *q)
{
	for (unsigned i = 0; i < q->n_outlets; i++)
		judge(q->outlets[i]);
	for (struct link_forms *l = q->forms; l; l = l->next) {
		if (q->seconds % 60 == 45)
			store_forms_of(q, l);
		if (l->retry)
			retry_parked(q, l->op.link);
		l->retry = false;
	}
}

/* ---- which part it speaks of ----------------------------------------------------------------------------- */

struct found {
	uint64_t hash[IDFORM_TRIES_MAX];
	uint8_t form[IDFORM_TRIES_MAX];
	unsigned n_hash;
	struct sent_entry *e; /* NULL: not in memory */
	unsigned e_i;         /* … by this key */
	bool certain, ambiguous, verified; /* verified: a number of the PDU is that of the part */
	struct taken_claim claim;
	struct taken_pick pick; /* of the ids that were tried, the last */
};

/* Some do not swap the addresses.  Without a number any part of this key will do. */
static struct sent_entry *find_handset(
	struct queue *q, uint64_t hash, const struct link_receipt *r, struct found *f, bool *ret_verified)
{
	struct sent_entry *e;

	*ret_verified = r->from != 0;
	if (r->recurs)
		return recur_find(q, hash, r->from, &f->claim, &f->pick, &f->ambiguous);
	e = r->from ? sent_find(q->sent, hash, r->from) : NULL;
	if (!e && r->other)
		e = sent_find(q->sent, hash, r->other);
	*ret_verified = e != NULL;
	return e || r->from ? e : sent_find(q->sent, hash, 0);
}

/* Two ways that make one key of one spelling: a hit on it speaks for neither.  TLV and text that agree are no doubt. */
static bool is_new(struct found *f, uint64_t hash, unsigned form)
{
	for (unsigned i = 0; i < f->n_hash; i++) {
		if (f->hash[i] != hash)
			continue;
		if ((f->form[i] & ~IDFORM_VAGUE) / RECEIPT_WAYS == form / RECEIPT_WAYS)
			f->form[i] |= IDFORM_VAGUE;
		return false;
	}
	return true;
}

/* One more part that it may be.  An open one is better than one that is settled. */
static void consider(struct found *f, struct sent_entry *e, unsigned i, bool verified)
{
	if (f->e && f->e != e && f->e->state == STATE_SENT && e->state == STATE_SENT) {
		f->ambiguous = true;
		return;
	}
	if (f->e && (f->e == e || e->state != STATE_SENT))
		return;
	f->e = e;
	f->e_i = i;
	f->verified = verified;
}

static void find(struct queue *q, struct outlet *o, const struct link_receipt *r, int64_t come_ms, struct found *f)
{
	struct idform_walk w = { .f = o->idform, .setting = o->receipt_form, .verified = r->from || r->other };
	int known = o->receipt_form == RECEIPT_ID_AUTO ? idform_known(o->idform) : -1, form;
	char key[RECEIPT_ID_SIZE];

	memset(f, 0, sizeof(*f));
	f->claim = recur_claim(q, o, r->taken_ms, come_ms);
	w.tlv = r->smsc_id_tlv ? r->smsc_id : NULL;
	w.text = r->smsc_id_tlv ? r->smsc_id2 : r->smsc_id;
	while (f->n_hash < IDFORM_TRIES_MAX && (form = idform_next(&w, key)) >= 0) {
		uint64_t hash = sent_hash(o->id, key);
		bool sure = o->receipt_form != RECEIPT_ID_AUTO || form == known, verified;
		bool guess = form % RECEIPT_WAYS != 0 && !sure;
		struct sent_entry *e;

		if (!is_new(f, hash, (unsigned)form))
			continue;
		/* The one number there is may be ours: then a guess must find the handset now, or is none. */
		if (guess && !r->from && !sent_find(q->sent, hash, r->other))
			continue;
		if (f->n_hash == 0)
			f->certain = sure;
		f->hash[f->n_hash] = hash;
		f->form[f->n_hash++] = (uint8_t)form;
		e = find_handset(q, hash, r, f, &verified);
		if (r->recurs && f->ambiguous)
			return;
		if (e && sure) {
			f->e = e;
			f->e_i = f->n_hash - 1;
			f->verified = verified;
			f->ambiguous = false;
			return;
		}
		if (e)
			consider(f, e, f->n_hash - 1, verified);
	}
	if (f->ambiguous)
		f->e = NULL;
}

static enum parked_why why_parked(struct queue *q, const struct found *f)
{
	if (!f->n_hash)
		return PARKED_NO_ID;
	if (f->ambiguous)
		return PARKED_AMBIGUOUS;
	return !f->claim.any && sent_find(q->sent, f->hash[0], 0) ? PARKED_OTHER_NUMBER : PARKED_UNKNOWN_ID;
}

/* ---- on disk --------------------------------------------------------------------------------------------- */

struct receipt_job {
	struct op_receipt r;
	struct receipt_job *next, *prev;  /* in q->looking, newest first */
	struct evidence_receipt evidence; /* should it be parked */
	uint32_t n_retries;               /* of the queue, when this was staged */
	settle_then *done;
	void *done_arg;
	uint64_t a, b;
};

static void looking_add(struct queue *q, struct receipt_job *j)
{
	j->prev = NULL;
	j->next = q->looking;
	if (j->next)
		j->next->prev = j;
	q->looking = j;
}

static void looking_remove(struct queue *q, struct receipt_job *j)
{
	if (j->next)
		j->next->prev = j->prev;
	*(j->prev ? &j->prev->next : &q->looking) = j->next;
}

/* It may be the receipt of a part without an answer. */
static bool is_evidence(const struct receipt_job *j)
{
	bool quotes = *j->evidence.quoted || j->evidence.bare, numbered = j->evidence.numbered;

	return j->r.why == PARKED_UNKNOWN_ID ? quotes || numbered : j->r.why == PARKED_NO_ID && numbered;
}

bool receipt_on_its_way(struct queue *q, const struct evidence_part *p)
{
	for (const struct receipt_job *j = q->looking; j; j = j->next)
		if (!j->r.parked && !j->r.evidence_part && is_evidence(j) && evidence_fits(p, &j->evidence))
			return true;
	return false;
}

static void retry_soon(struct queue *q, uint32_t link)
{
	for (struct link_forms *l = q->forms; l; l = l->next)
		l->retry |= l->op.link == link;
}

/* It is parked, or still is.  What has changed since it was staged has not seen its row: a part may have become
 * uncertain, and those that are parked may have been tried again. */
static void stays_parked(struct queue *q, struct receipt_job *j)
{
	if (j->n_retries != q->n_retries)
		retry_soon(q, j->r.link);
	if (j->r.parked)
		return;
	q->stats.receipts_parked++;
	j->evidence.n = j->r.ret_parked;
	if ((*j->evidence.quoted || j->evidence.numbered || j->evidence.bare) &&
		(!is_evidence(j) || !uncertain_parked(q, &j->evidence)))
		evidence_unmatched(q->evidence, &j->evidence);
}

static void receipt_done(struct store_op *op)
{
	struct receipt_job *j = (struct receipt_job *)op;
	struct queue *q = op->arg;
	struct outlet *o = queue_outlet_of(q, j->r.link);

	q->settling--;
	looking_remove(q, j);
	if (op->r == 0 && j->r.ret_key) {
		q->stats.receipts_matched++;
		settle_account(q, msg_key_id(j->r.ret_key), CLASS_SERVICE, j->r.ret_msg_state, j->r.ret_correction);
		if (o && o->idform) {
			idform_matched(o->idform, j->r.at);
			if (j->r.to && j->r.ret_form < IDFORM_N)
				learn(q, o, j->r.ret_form);
		}
	} else if (op->r == 0) {
		stays_parked(q, j);
	}
	if (j->done)
		j->done(j->done_arg, j->a, j->b, op->r);
	pool_put(&q->pool_receipt, op);
}

/* Writer thread: which endpoint, if any, hears of this client's messages. */
static uint32_t endpoint_of(void *arg, uint32_t client)
{
	struct queue *q = arg;

	return client < QUEUE_CLIENTS_MAX && atomic_load(&q->has_webhook[client]) ? client : 0;
}

/* Final parts are found under their folded ids also on a link whose ids are taken as text. */
static void add_folded(struct outlet *o, const struct link_receipt *r, struct op_receipt *op)
{
	char key[RECEIPT_ID_SIZE];

	if (o->receipt_form != RECEIPT_ID_TEXT || op->n_hash == IDFORM_TRIES_MAX ||
		receipt_id_key(r->smsc_id, RECEIPT_ID_AUTO, key) < 0)
		return;
	op->hash[op->n_hash] = sent_hash(o->id, key);
	op->form[op->n_hash++] = r->smsc_id_tlv ? 0 : IDFORM_TEXT;
}

/* Keys kept with a parked receipt: all that it may mean; when the form is known that one, and the ids as they are. */
static unsigned keys_to_park(const struct outlet *o, const struct found *f)
{
	unsigned n = 1;

	if (o->receipt_form != RECEIPT_ID_AUTO || idform_known(o->idform) < 0 || o->idform->alarm)
		return f->n_hash;
	while (n < f->n_hash && (f->form[n] & ~IDFORM_VAGUE) % RECEIPT_WAYS == 0)
		n++;
	return n < f->n_hash ? n : f->n_hash;
}

/* What it says besides its id, and the part that this fits; the writer is asked first whether the id is known after
 * all. */
static void add_evidence(struct queue *q, struct outlet *o, const struct link_receipt *r, struct receipt_job *j)
{
	struct evidence_receipt *e = &j->evidence;
	struct evidence_part *p;

	*e = (struct evidence_receipt){ .from = r->from, .other = r->other, .at_ms = q->now_ms, .link = o->id,
		.hash = j->r.n_hash ? j->r.hash[0] : 0, .state = j->r.state, .numbered = r->numbered,
		.number = r->number, .bare = o->own_ids && r->from, .claim = j->r.claim };
	text_copy(e->quoted, sizeof(e->quoted), r->quoted);
	receipt_raw(r, e->error, sizeof(e->error));
	if (!is_evidence(j))
		return;
	p = uncertain_part_of(q, o, e);
	if (!p)
		return;
	j->r.evidence = p->msg;
	j->r.evidence_part = p->part;
	j->r.evidence_form = (uint8_t)evidence_form(p, e);
	if (e->hash)
		evidence_settled(p, e->hash);
}

static struct receipt_job *look_on_disk(
	struct queue *q, struct outlet *o, const struct link_receipt *r, const struct found *f, enum msg_state state)
{
	struct receipt_job *j = (struct receipt_job *)pool_get(q, &q->pool_receipt, OP_RECEIPT, receipt_done);

	if (!j)
		return NULL;
	settle_flush_spill(q); /* what memory let go must be on disk before it is looked for there */
	memcpy(j->r.hash, f->hash, sizeof(j->r.hash));
	memcpy(j->r.form, f->form, sizeof(j->r.form));
	j->r.n_hash = f->ambiguous ? 0 : f->n_hash;
	j->r.n_park = keys_to_park(o, f);
	if (!f->ambiguous)
		add_folded(o, r, &j->r);
	j->r.certain = f->certain;
	j->r.link = o->id;
	j->r.to = r->from;
	j->r.other = r->other;
	j->r.at = q->now_ms;
	j->r.state = state;
	j->r.why = why_parked(q, f);
	j->r.tlv = r->smsc_id_tlv;
	j->r.one_receipt = o->one_receipt;
	j->r.parked_max = q->parked_max;
	j->r.parked = 0;
	j->r.evidence_part = 0;
	j->r.claim = f->claim;
	j->evidence = (struct evidence_receipt){ 0 };
	text_copy(j->r.smsc_id, sizeof(j->r.smsc_id), r->smsc_id);
	text_copy(j->r.smsc_id2, sizeof(j->r.smsc_id2), r->smsc_id2);
	text_copy(j->r.stat, sizeof(j->r.stat), r->stat_raw);
	text_copy(j->r.err, sizeof(j->r.err), r->err);
	j->r.endpoint_of = endpoint_of;
	j->r.endpoint_arg = q;
	j->r.op.rows = 3;
	j->done = NULL;
	j->n_retries = q->n_retries;
	looking_add(q, j);
	queue_stage(q, STORE_SETTLE, &j->r.op);
	q->settling++;
	return j;
}

/* A late response has found what was parked for it. */
void receipt_claimed(struct queue *q, uint32_t link, const struct op_submit *s)
{
	struct outlet *o = queue_outlet_of(q, link);

	q->stats.receipts_claimed += s->ret_claimed;
	q->stats.receipts_matched += s->ret_claimed;
	if (!o || !o->idform)
		return;
	if (o->guard_rule.silence && !s->known) /* when it came nobody knew the part */
		silence_report(&o->silence, msg_key(s->msg.id, s->part), 0, q->now_ms / 1000);
	for (unsigned i = 0; i < s->ret_claimed; i++)
		idform_matched(o->idform, s->ret_claimed_at);
	learn(q, o, s->ret_form);
}

/* What was parked has found its part in memory. */
void receipt_unparked(struct queue *q, uint32_t link, int64_t at)
{
	struct outlet *o = queue_outlet_of(q, link);

	q->stats.receipts_matched++;
	if (o && o->idform)
		idform_matched(o->idform, at);
}

/* ---- what it says ---------------------------------------------------------------------------------------- */

void receipt_raw(const struct link_receipt *r, char *error, size_t n)
{
	const char *end = error + n;
	char *at = text_put(error, end, r->stat_raw);

	at = text_put(at, end, r->err && *r->err ? ":" : "");
	text_put(at, end, r->err);
}

static void note_done(struct store_op *op)
{
	pool_put(&((struct queue *)op->arg)->pool_note, op);
}

/* It changes nothing, but whoever reads the timeline should see it.  Nobody waits for this row. */
static void note(struct queue *q, struct outlet *o, uint64_t key, unsigned form, const struct link_receipt *r,
	enum msg_state state)
{
	struct op_receipt_note *n = (struct op_receipt_note *)pool_get(q, &q->pool_note, OP_RECEIPT_NOTE, note_done);

	if (!n)
		return;
	n->key = key;
	n->at = q->now_ms;
	n->link = o->id;
	n->state = state;
	n->receipt = receipt_mark(form);
	receipt_raw(r, n->error, sizeof(n->error));
	n->op.rows = 1;
	queue_stage(q, STORE_SETTLE, &n->op);
}

static void note_found(struct queue *q, struct outlet *o, const struct found *f, const struct link_receipt *r,
	enum msg_state state)
{
	note(q, o, msg_key(f->e->msg.id, f->e->part), f->form[f->e_i], r, state);
}

void receipt_note_asked(struct queue *q, struct outlet *o, uint64_t key, const struct link_receipt *r)
{
	note(q, o, key, EVIDENCE_ASKED, r, STATE_SENT);
}

static void put_words(const struct outlet *o, const struct link_receipt *r, const struct found *f, struct op_final *say)
{
	say->receipt = receipt_mark(f->form[f->e_i]);
	say->msg.one_receipt = o->one_receipt;
	receipt_raw(r, say->error, sizeof(say->error));
}

static int settle_entry(struct queue *q, struct outlet *o, const struct link_receipt *r, const struct found *f,
	struct op_final *say, settle_then *done, void *arg, uint64_t a, uint64_t b)
{
	unsigned form = f->form[f->e_i];
	bool verified = f->verified;
	int x;

	put_words(o, r, f, say);
	x = settle_receipt(q, f->e, say, done, arg, a, b);
	if (x == 0 && verified)
		learn(q, o, form);
	return x;
}

/* Its reports come: whatever they say, and of whatever. */
static void heard_of(struct queue *q, struct outlet *o, const struct sent_entry *e)
{
	if (!o->guard_rule.silence && !o->guard.silent)
		return;
	silence_report(&o->silence, e ? msg_key(e->msg.id, e->part) : 0, e ? (double)q->now_ms / 1000 - e->sent_s : 0,
		q->now_ms / 1000);
	if (guard_reported(&o->guard))
		queue_guard_moved(q, o);
}

int queue_receipt(struct queue *q, struct outlet *o, const struct link_receipt *r, settle_then *done, void *arg,
	uint64_t a, uint64_t b)
{
	enum msg_state state = r->intermediate ? STATE_SENT : receipt_leads_to(r->state);
	struct op_final say = { .state = state, .at = clock_ms() };
	struct receipt_job *j;
	struct found f;

	q->now_ms = say.at; /* a gateway that only listens has no turn of dispatch that would set it */
	if (!o->idform)
		o->idform = receipt_forms(q, o->id);
	if (!o->idform)
		return -ENOMEM;
	find(q, o, r, q->now_ms, &f);
	heard_of(q, o, f.e);
	if (state == STATE_SENT) { /* ENROUTE, ACCEPTD: nothing changes */
		if (f.e)
			note_found(q, o, &f, r, state);
		return 1;
	}
	idform_received(o->idform, q->now_ms);
	if (!f.e) {
		j = look_on_disk(q, o, r, &f, state);
		if (!j)
			return -ENOMEM;
		add_evidence(q, o, r, j);
		j->done = done;
		j->done_arg = arg;
		j->a = a;
		j->b = b;
		recur_learn(q, o, &f.claim, &f.pick); /* behind it, so that it is among what is tried again */
		return 0;
	}
	recur_learn(q, o, &f.claim, &f.pick);
	idform_matched(o->idform, q->now_ms);
	if (f.e->state == STATE_SENT)
		idform_aged(o->idform, (double)q->now_ms / 1000 - f.e->sent_s);
	if (f.e->state == STATE_SENT || state_may_correct(f.e->state, state))
		return settle_entry(q, o, r, &f, &say, done, arg, a, b);
	if (f.e->state == state) {
		q->stats.receipts_repeated++;
	} else {
		q->stats.receipts_ignored++;
		note_found(q, o, &f, r, state);
	}
	if (!f.e->n_staged)
		return 1;
	put_words(o, r, &f, &say);
	return settle_receipt_again(q, f.e, &say, done, arg, a, b);
}

/* ---- what was settled before a restart --------------------------------------------------------------------- */

#define SETTLED_IDS  131072 /* two blocks: the newest one may hardly be begun */
#define SETTLED_PAGE 1000

/* All parts are known.  Of what came meanwhile, some was not believed where others might have fitted better. */
static void remembered(struct queue *q)
{
	q->remembering = false;
	for (unsigned i = 0; i < q->n_outlets && !q->stopping; i++)
		if (q->outlets[i]->own_ids)
			queue_retry_parked(q, q->outlets[i]);
}

struct settled {
	struct q_load load;
	struct queue *q;
};

static void settled_read(struct store_query *sq)
{
	struct settled *t = (struct settled *)sq;
	struct queue *q = t->q;
	bool more = sq->r == 0 && t->load.more && sent_count(q->sent) < SENT_MAX / 2 && !q->stopping;
	struct store_stats st;

	store_stats(q->store, &st);
	q->any_parked = st.parked > 0 || q->looking;
	for (unsigned i = 0; sq->r == 0 && i < t->load.n_rows; i++) {
		struct store_loaded *x = &t->load.rows[i];
		struct store_msg sm;

		if (!x->m || q->stopping)
			continue;
		sm = queue_store_msg(q, x->m, x->bound_parts ? x->bound_parts : x->m->n_parts);
		for (unsigned k = 0; k < x->n_sent; k++)
			settle_remember(q, x->m, &sm, &x->sent[k]);
	}
	t->load.from_id = t->load.next_id;
	store_query_done(sq);
	if (more) {
		store_read(q->store, STORE_API, &t->load.q);
		return;
	}
	remembered(q);
	free(t);
}

/* A receipt that repeats one of before the restart should not be parked as one of nothing.  The newest messages are
 * enough, and they come behind all else; what was parked meanwhile is claimed. */
void receipt_remember_settled(struct queue *q)
{
	struct settled *t = calloc(1, sizeof(*t));

	if (!t) {
		remembered(q);
		return;
	}
	q->remembering = true;
	t->q = q;
	t->load.q.kind = Q_FRESH;
	t->load.q.done = settled_read;
	t->load.from_id = q->recover_upto > SETTLED_IDS ? q->recover_upto - SETTLED_IDS : 0;
	t->load.upto_id = q->recover_upto;
	t->load.limit = SETTLED_PAGE;
	t->load.no_body = true;
	t->load.settled = true;
	store_read(q->store, STORE_API, &t->load.q);
}

/* ---- what is parked, once more --------------------------------------------------------------------------- */

struct retry {
	struct q_parked page;
	struct queue *q;
	unsigned n_pages;
};

static void retry_one(struct queue *q, struct outlet *o, const struct store_parked *p)
{
	const struct link_receipt r = { .smsc_id = p->smsc_id, .smsc_id_tlv = p->tlv,
		.smsc_id2 = *p->smsc_id2 ? p->smsc_id2 : NULL, .from = p->to, .other = p->other, .stat_raw = p->stat,
		.err = p->err, .recurs = o->own_ids, .taken_ms = p->taken };
	struct op_final say = { .state = p->state, .at = p->at, .parked = p->n };
	struct receipt_job *j;
	struct found f;

	find(q, o, &r, p->at, &f);
	if (f.e && p->at / 1000 < f.e->since_s)
		return;
	if (!f.e && f.n_hash && !f.ambiguous) {
		j = look_on_disk(q, o, &r, &f, p->state);
		if (j) {
			j->r.parked = p->n;
			j->r.at = p->at;
		}
	} else if (f.e && (f.e->state == STATE_SENT || f.e->state == p->state ||
				  state_may_correct(f.e->state, p->state))) { /* one that repeats goes as well */
		settle_entry(q, o, &r, &f, &say, NULL, NULL, 0, 0);
	}
}

static void retry_read(struct store_query *sq)
{
	struct retry *t = (struct retry *)sq;
	struct queue *q = t->q;
	struct outlet *o = queue_outlet_of(q, t->page.link);
	bool more = sq->r == 0 && t->page.next && ++t->n_pages < RETRY_PAGES;

	for (unsigned i = 0; sq->r == 0 && o && o->idform && !q->stopping && i < t->page.n_rows; i++)
		retry_one(q, o, &t->page.rows[i]);
	t->page.after = t->page.next;
	store_query_done(sq);
	if (more && o && !q->stopping)
		store_read(q->store, STORE_API, &t->page.q);
	else
		free(t);
}

/* In a second, so that many changes cost one reading.  What is on its way to the disk now, and is not there by then,
 * asks for one more when it is: stays_parked(). */
void queue_retry_parked(struct queue *q, struct outlet *o)
{
	q->n_retries++;
	retry_soon(q, o->id);
}

static void retry_parked(struct queue *q, uint32_t link)
{
	struct store_stats st;
	struct retry *t;

	store_stats(q->store, &st);
	if (!st.parked || q->stopping)
		return;
	t = calloc(1, sizeof(*t));
	if (!t)
		return;
	t->q = q;
	t->page.q.kind = Q_PARKED;
	t->page.q.done = retry_read;
	t->page.link = link;
	t->page.limit = RETRY_PAGE;
	store_read(q->store, STORE_API, &t->page.q);
}

void receipt_pools(struct queue *q)
{
	q->pool_receipt.size = sizeof(struct receipt_job);
	q->pool_note.size = sizeof(struct op_receipt_note);
}
