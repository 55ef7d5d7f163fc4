/* SPDX-License-Identifier: Apache-2.0 */
/* inbound.c -- see inbound.h.
 *
 * Numbers are compared as digits: a carrier writes the same short code as "12345" and "+12345".  A keyword is
 * the first word of the text, compared without regard to case, in any alphabet; what follows it may be a blank, a
 * mark or a sign ("STOP.", "stop, please", "СТОП!"), but "STOPPED" is another word.
 */
#include "intake/inbound_int.h"

#include "base/clock.h"
#include "base/log.h"
#include "codec/unicode.h"
#include "route/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define INBOUND_OPS	 4096 /* staged at once */
#define INBOUND_KEEP	 64   /* finished operations kept for the next message */

struct inbound *inbound_new(const struct inbound_needs *needs)
{
	struct inbound *in = calloc(1, sizeof(*in));

	if (in)
		in->needs = *needs;
	return in;
}

void inbound_reload(struct inbound *in, const struct conf *c)
{
	in->needs.conf = c;
}

void inbound_free(struct inbound *in)
{
	struct inbound_op *o;

	if (!in)
		return;
	while ((o = in->kept)) {
		in->kept = o->next;
		free(o);
	}
	in->freeing = true; /* the timer's close callback ends it, where there is one */
	if (!in->started || in->timer_closed)
		free(in);
}

/* ---- Rules. ---- */

static const char *without_plus(const char *s)
{
	return *s == '+' ? s + 1 : s;
}

static bool number_fits(const char *wanted, const char *number)
{
	return !*wanted || !strcasecmp(without_plus(wanted), without_plus(number));
}

/* The only one that sends and receives; operators watch. */
static const char *only_client(const struct conf *c)
{
	const char *name = NULL;

	for (size_t i = 0; i < c->n_clients; i++) {
		if (c->clients[i].role == CONF_ROLE_OPERATOR && c->n_clients > 1)
			continue;
		if (name)
			return NULL;
		name = c->clients[i].name;
	}
	return name;
}

const char *inbound_client(const struct conf *c, const char *link, const struct link_inbound *m)
{
	for (size_t i = 0; i < c->n_inbound; i++) {
		const struct conf_inbound *r = &c->inbound[i];

		if (number_fits(r->to, m->to) && number_fits(r->from, m->from) &&
			(!*r->link || !strcmp(r->link, link)) && unicode_begins_with_word(m->text ? m->text : "", m->n_text, r->keyword))
			return r->client;
	}
	return only_client(c);
}

/* ---- Operations. ---- */

static struct inbound_op *op_get(struct inbound *in)
{
	struct inbound_op *o = in->kept;

	if (in->n_work >= INBOUND_OPS)
		return NULL;
	if (o) {
		in->kept = o->next;
		in->n_kept--;
	} else {
		o = malloc(sizeof(*o));
		if (!o)
			return NULL;
	}
	memset(o, 0, sizeof(*o));
	o->in = in;
	o->next = in->work;
	o->at = &in->work;
	if (o->next)
		o->next->at = &o->next;
	in->work = o;
	in->n_work++;
	return o;
}

static void op_put(struct inbound_op *o)
{
	struct inbound *in = o->in;

	*o->at = o->next;
	if (o->next)
		o->next->at = o->at;
	in->n_work--;
	free(o->memory);
	if (in->n_kept >= INBOUND_KEEP) {
		free(o);
		return;
	}
	o->next = in->kept;
	in->kept = o;
	in->n_kept++;
}

static char *put(char *at, const void *s, size_t n)
{
	memcpy(at, s, n);
	at[n] = '\0';
	return at + n + 1;
}

static int copy_in(struct inbound_op *o, const struct link_inbound *m, struct inbound_strings *s)
{
	size_t n_from = strlen(m->from), n_to = strlen(m->to);
	uint32_t n_text = m->n_text < INBOUND_TEXT_MAX ? m->n_text : INBOUND_TEXT_MAX;
	uint32_t n_raw = m->n_raw < INBOUND_RAW_MAX ? m->n_raw : INBOUND_RAW_MAX;
	char *at;

	o->memory = at = malloc(n_from + n_to + n_text + n_raw + 4);
	if (!at)
		return -ENOMEM;
	s->from = at;
	at = put(at, m->from, n_from);
	s->to = at;
	at = put(at, m->to, n_to);
	s->text = at;
	s->n_text = n_text;
	at = put(at, m->text ? m->text : "", n_text);
	s->raw = (const uint8_t *)at;
	s->n_raw = n_raw;
	put(at, m->raw ? m->raw : (const uint8_t *)"", n_raw);
	return 0;
}

struct inbound_op *inbound_op_new(struct inbound *in, struct link *l, const struct link_inbound *m,
	struct driver_token token, struct inbound_strings *ret, int *ret_r)
{
	struct inbound_op *o = op_get(in);

	*ret_r = -EAGAIN;
	if (!o)
		return NULL;
	*ret_r = copy_in(o, m, ret);
	if (*ret_r < 0) {
		op_put(o);
		return NULL;
	}
	o->link = l;
	o->token = token;
	return o;
}

void inbound_op_done(struct inbound_op *o)
{
	struct link *l = o->link;
	struct driver_token token = o->token;
	int r = o->op.r;

	op_put(o);
	if (l)
		link_ack(l, token, r);
}

/* ---- Whole messages. ---- */

static void on_committed(struct store_op *op)
{
	struct inbound_op *o = op->arg;
	struct inbound *in = o->in;

	if (op->r == 0) {
		stats_add(in->needs.stats, STATS_INBOUND, 1);
		if (!o->whole.client)
			stats_add(in->needs.stats, STATS_INBOUND_UNROUTED, 1);
	} else {
		stats_add(in->needs.stats, STATS_INBOUND_FAILED, 1);
		log_error("inbound_lost_to_store", "link=%s error=%s",
			names_text(in->needs.names, NAME_LINK, o->whole.link), strerror(-op->r));
	}
	inbound_op_done(o);
}

void inbound_route(struct inbound *in, const char *link, const struct link_inbound *m, struct op_inbound *op)
{
	const char *client = inbound_client(in->needs.conf, link, m);
	const struct conf_client *cl = client ? conf_find_client(in->needs.conf, client) : NULL;

	op->client = cl ? names_get(in->needs.names, NAME_CLIENT, cl->name) : 0;
	op->endpoint = cl && *cl->webhook.url ? op->client : 0;
}

static int take_whole(struct inbound *in, struct link *l, const struct link_inbound *m, struct driver_token token)
{
	struct inbound_strings s;
	struct inbound_op *o;
	int r;

	o = inbound_op_new(in, l, m, token, &s, &r);
	if (!o)
		return r;
	o->whole = (struct op_inbound){
		.op = {.kind = OP_INBOUND, .rows = 2, .done = on_committed, .arg = o},
		.at = clock_ms(),
		.link = link_id(l),
		.from = s.from,
		.to = s.to,
		.text = s.text,
		.n_text = s.n_text,
		.raw = s.raw,
		.n_raw = s.n_raw,
		.dcs = m->data_coding,
		.esm_class = m->esm_class,
	};
	inbound_route(in, link_name(l), m, &o->whole);
	store_stage(in->needs.store, STORE_SETTLE, &o->op);
	return 0;
}

int inbound_take(void *arg, struct link *l, const struct link_inbound *m, struct driver_token token)
{
	struct udh_concat c;

	if (inbound_is_part(m, &c))
		return inbound_take_part(arg, l, m, &c, token);
	return take_whole(arg, l, m, token);
}

void inbound_forget(struct inbound *in, const struct link *l)
{
	for (struct inbound_op *o = in->work; o; o = o->next)
		if (o->link == l)
			o->link = NULL;
}
