/* SPDX-License-Identifier: Apache-2.0 */
/* api_read.c -- look-ups: what was stored, corrected by what is in memory.
 *
 * Rows are read off the loop thread; when they come, the queue overlays what it knows better (a state that is
 * about to be committed, the reason of waiting, the next try).  A page whose texts do not fit an answer ends
 * early with a cursor; it never fails.
 */
#include "intake/api_impl.h"

#include "base/clock.h"
#include "codec/facts.h"
#include "codec/msisdn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One look-up of one call. */
struct look {
	struct api_call *c;
	struct api_list turn;
	uint64_t limit; /* 0: it asks for one thing */
	union {
		struct store_query q;
		struct q_message message;
		struct q_list list;
		struct q_stream stream;
		struct q_inbound inbound;
		struct q_parked parked;
	};
	char key[API_PARAM_MAX];
};

static struct look *look_new(
	struct api_call *c, enum store_query_kind kind, void (*done)(struct store_query *q))
{
	struct look *k = calloc(1, sizeof(*k));

	if (!k) {
		api_refuse(c, API_QUEUE_BUSY, NULL, "out of memory; try again");
		return NULL;
	}
	k->c = c;
	k->q.kind = kind;
	k->q.done = done;
	k->q.arg = k;
	return k;
}

static void look_start(struct look *k)
{
	bool few = k->q.kind == Q_LIST && *k->list.ref; /* a reference is of one message, as clients use it */

	api_hold(k->c);
	if (k->limit)
		api_list_start(k->c, &k->turn, &k->q, few ? 1 : (unsigned)k->limit);
	else
		store_read(k->c->api->p.store, STORE_API, &k->q);
}

static void look_end(struct look *k)
{
	struct api_call *c = k->c;

	store_query_done(&k->q);
	if (k->limit)
		api_list_end(&k->turn);
	free(k);
	api_let_go(c);
}

/* false: nobody waits for the answer, or it was a refusal and is given. */
static bool look_good(struct look *k, const char *what)
{
	if (!k->c->q)
		return false;
	if (k->q.r == 0)
		return true;
	if (k->q.r == -ENOENT)
		api_refuse(k->c, API_NOT_FOUND, NULL, "there is no such %s", what);
	else
		api_refuse(k->c, API_STORE_FAILED, NULL, "the store could not be read; try again");
	return false;
}

/* ---- Messages. ---- */

static const char *name_of(const struct api_call *c, enum name_kind kind, uint32_t id)
{
	return names_text(c->api->p.names, kind, id);
}

static void put_optional(struct json_out *o, const char *key, const char *s)
{
	if (*s)
		json_out_kstr(o, key, s);
}

static void put_to(struct json_out *o, uint64_t to)
{
	char text[MSG_TO_TEXT];

	json_out_kstr(o, "to", msg_to_text(to, text));
}

static void put_hex(struct json_out *o, const char *key, const uint8_t *s, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	char text[2 * SEGMENT_MAX_PARTS * SEGMENT_MAX_OCTETS];

	if (n > sizeof(text) / 2)
		n = sizeof(text) / 2;
	for (size_t i = 0; i < n; i++) {
		text[2 * i] = digits[s[i] >> 4];
		text[2 * i + 1] = digits[s[i] & 15];
	}
	json_out_key(o, key);
	json_out_strn(o, text, 2 * n);
}

static void put_text(struct json_out *o, const struct message *m)
{
	const uint8_t *d = (const uint8_t *)m->text;

	if (!m->text) {
		json_out_key(o, "text"); /* scrubbed at its age */
		json_out_null(o);
	} else if (!(m->flags & MSG_BINARY)) {
		json_out_key(o, "text");
		json_out_strn(o, m->text, m->n_text);
	} else if (m->n_text > 0 && d[0] < m->n_text) {
		if (d[0])
			put_hex(o, "udh", d + 1, d[0]);
		put_hex(o, "data", d + 1 + d[0], m->n_text - 1 - d[0]);
	}
}

/* Those that the message was accepted with, its client's among them. */
static void put_tlvs(struct json_out *o, const struct message *m)
{
	struct msg_tlv v;
	size_t at = 0;

	if (!m->n_tlvs)
		return;
	json_out_key(o, "tlvs");
	json_out_open(o, '{');
	while (msg_tlv_next(m->tlvs, m->n_tlvs, &at, &v)) {
		char name[MSG_TLV_NAME_MAX + 1];

		snprintf(name, sizeof(name), "%.*s", (int)v.n_name, v.name);
		json_out_key(o, name);
		json_out_strn(o, v.value, v.n_value);
	}
	json_out_close(o, '}');
}

/* As the webhooks say it. */
static void put_error(struct json_out *o, const char *error)
{
	const char *code;
	size_t n_text;

	if (!error[0])
		return;
	msg_error_split(error, &code, &n_text);
	json_out_key(o, "error");
	json_out_open(o, '{');
	json_out_kstr(o, "code", code);
	json_out_key(o, "text");
	json_out_strn(o, error, n_text);
	json_out_close(o, '}');
}

static void put_part(struct json_out *o, const struct api_call *c, const struct store_part *p)
{
	json_out_open(o, '{');
	json_out_ku64(o, "part", p->part);
	json_out_kstr(o, "state", msg_state_name(p->state));
	if (p->reason != REASON_NONE)
		json_out_kstr(o, "reason", msg_reason_name(p->reason));
	put_optional(o, "link", name_of(c, NAME_LINK, p->link));
	put_optional(o, "smsc_id", p->smsc_id);
	if (*p->sender)
		json_out_kstr(o, "from", p->sender);
	json_out_ku64(o, "attempts", p->attempts);
	json_out_ktime(o, "submitted_at", p->submitted_at);
	json_out_ktime(o, "final_at", p->final_at);
	put_error(o, p->error);
	json_out_close(o, '}');
}

static void put_message(struct json_out *o, struct api_call *c, struct store_detail *d, bool with_parts)
{
	const struct message *m = d->m;
	int64_t since = 0;

	queue_overlay(c->api->p.queue, d, &since);
	json_out_open(o, '{');
	json_out_kid(o, "id", m->id);
	put_optional(o, "ref", m->n_ref ? m->ref : "");
	put_to(o, m->to);
	put_optional(o, "from", m->n_from ? m->from : "");
	put_text(o, m);
	put_tlvs(o, m);
	json_out_kstr(o, "class", msg_class_name(m->class));
	put_optional(o, "tag", m->n_tag ? m->tag : "");
	put_optional(o, "campaign", name_of(c, NAME_CAMPAIGN, m->campaign));
	if (c->scope == 0)
		put_optional(o, "client", name_of(c, NAME_CLIENT, m->client));
	put_optional(o, "route", name_of(c, NAME_ROUTE, m->route));
	json_out_kstr(o, "state", msg_state_name(d->state));
	if (d->reason != REASON_NONE)
		json_out_kstr(o, "reason", msg_reason_name(d->reason));
	if (since)
		json_out_ktime(o, "since", since);
	json_out_ktime(o, "next_try", d->next_try);
	json_out_kstr(o, "encoding", encoding_name(m->encoding));
	if (m->flags & MSG_FLASH)
		json_out_kbool(o, "flash", true);
	json_out_kstr(o, "report", msg_report_name(m->report));
	json_out_ktime(o, "created_at", m->created_ms);
	if (m->send_at_ms)
		json_out_ktime(o, "send_at", m->send_at_ms);
	json_out_ktime(o, "expires_at", m->ttl_end_ms);
	json_out_ktime(o, "final_at", d->final_at);
	if (d->decided_by)
		json_out_ku64(o, "decided_by", d->decided_by);
	put_error(o, d->error);
	if (d->parts_delivered || d->state == STATE_UNCONFIRMED)
		json_out_ku64(o, "parts_delivered", d->parts_delivered);
	json_out_ku64(o, "n_parts", d->n_parts); /* of the link that took it; the answer told those of the first one */
	if (with_parts) {
		json_out_key(o, "parts");
		json_out_open(o, '[');
		for (unsigned i = 0; i < d->n_parts; i++)
			put_part(o, c, &d->parts[i]);
		json_out_close(o, ']');
	}
	json_out_close(o, '}');
}

static void on_message(struct store_query *q)
{
	struct look *k = q->arg;
	struct json_out o;

	if (look_good(k, "message")) {
		json_out_init(&o, API_ANSWER_MAX);
		put_message(&o, k->c, &k->message.ret, true);
		api_answer_out(k->c, 200, &o);
	}
	look_end(k);
}

/* An id that cannot be one is as unknown as any other. */
static void look_up_message(struct api_call *c, void (*done)(struct store_query *q))
{
	struct look *k;
	uint64_t id;

	if (!api_parse_id(c->param[0], &id)) {
		api_refuse(c, API_NOT_FOUND, NULL, "there is no such message; an id is a decimal number");
		return;
	}
	k = look_new(c, Q_MESSAGE, done);
	if (!k)
		return;
	k->message.id = id;
	k->message.client = c->scope;
	look_start(k);
}

void api_get_message(struct api_call *c, const uint8_t *body, size_t n)
{
	look_up_message(c, on_message);
}

/* ---- The timeline. ---- */

struct moment {
	int64_t at;
	unsigned rank; /* of what happened within one millisecond */
	unsigned part;
	const char *event, *state, *outcome, *class, *reason, *smsc_id, *text, *from;
	uint32_t link, code;
	unsigned n; /* of an attempt, from 1; 0: none */
	bool has_code;
	int64_t next_at;
	bool correction;
	const char *raw;  /* a receipt said so: its state and code … */
	uint16_t receipt; /* … and receipt_mark() */
};

struct timeline {
	struct moment *m;
	unsigned n, cap;
};

static struct moment *moment_add(
	struct timeline *t, int64_t at, unsigned rank, unsigned part, const char *event)
{
	struct moment *m;

	if (at == 0 || t->n == t->cap)
		return NULL;
	m = &t->m[t->n++];
	*m = (struct moment){.at = at, .rank = rank, .part = part, .event = event};
	return m;
}

static void add_part(struct timeline *t, const struct store_part *p)
{
	struct moment *m = moment_add(t, p->leased_at, 1, p->part, "leased");

	if (m)
		m->link = p->link;
	m = moment_add(t, p->submitted_at, 3, p->part, "submitted");
	if (m) {
		m->link = p->link;
		m->smsc_id = p->smsc_id;
		m->from = p->sender;
	}
	if (!p->final_at)
		return;
	m = moment_add(t, p->final_at, 4, p->part, "final");
	if (m) { /* as it was then: a correction is a moment of its own */
		m->state = msg_state_name(p->first_state ? p->first_state : p->state);
		m->reason = msg_reason_name(p->first_state ? p->first_reason : p->reason);
		m->text = p->first_error;
		m->raw = p->raw;
		m->receipt = p->receipt;
	}
}

/* A receipt that changed nothing: it says less than is known, or the contrary of what stands. */
static void add_note(struct timeline *t, const struct store_note *n)
{
	struct moment *m = moment_add(t, n->at, 4, n->part, "receipt");

	if (!m)
		return;
	m->link = n->link;
	m->state = msg_state_name(n->state);
	m->outcome = state_is_final(n->state) ? "ignored" : "intermediate";
	m->raw = n->raw;
	m->receipt = n->receipt;
}

static void add_attempt(struct timeline *t, const struct store_attempt *a)
{
	struct moment *m = moment_add(t, a->at, 2, a->part, "attempt");

	if (!m)
		return;
	m->link = a->link;
	m->n = a->n;
	m->outcome = outcome_name(a->outcome);
	m->class = outcome_class(a->outcome);
	m->reason = a->reason == REASON_NONE ? NULL : msg_reason_name(a->reason);
	m->code = a->code;
	m->has_code = true;
	m->text = a->text;
	m->smsc_id = a->smsc_id;
	m->next_at = a->next_at;
}

static void add_all(struct timeline *t, const struct store_detail *d)
{
	struct moment *m = moment_add(t, d->m->created_ms, 0, 0, "accepted");

	if (m)
		m->state = msg_state_name(d->m->send_at_ms ? STATE_SCHEDULED : STATE_QUEUED);
	for (unsigned i = 0; i < d->n_parts; i++)
		add_part(t, &d->parts[i]);
	for (unsigned i = 0; i < d->n_attempts; i++)
		add_attempt(t, &d->attempts[i]);
	for (unsigned i = 0; i < d->n_notes; i++)
		add_note(t, &d->notes[i]);
	/* The message's own end, unless its only part has just told it. */
	m = d->n_parts == 1 && d->parts[0].final_at ? NULL : moment_add(t, d->final_at, 5, 0, "final");
	if (m) {
		m->state = msg_state_name(d->first_state ? d->first_state : d->state);
		m->reason = d->first_reason == REASON_NONE ? NULL : msg_reason_name(d->first_reason);
		m->text = d->first_error;
	}
	for (unsigned i = 0; i < d->n_corrections; i++) {
		m = moment_add(t, d->corrections[i].at, 6, d->corrections[i].part, "final");
		if (!m)
			return;
		m->state = msg_state_name(d->corrections[i].state);
		m->correction = true;
		m->raw = d->corrections[i].raw;
		m->receipt = d->corrections[i].receipt;
	}
}

static int by_time(const void *a, const void *b)
{
	const struct moment *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return (int)x->part - (int)y->part;
}

/* The receipt in its own words, and the form by which its id was read. */
static void put_receipt(struct json_out *o, const char *raw, uint16_t receipt)
{
	const char *err = strchr(raw, ':');
	char stat[40], form[40];

	snprintf(stat, sizeof(stat), "%.*s", err ? (int)(err - raw) : (int)strlen(raw), raw);
	idform_name(receipt - 1u, form, sizeof(form));
	json_out_key(o, "receipt");
	json_out_open(o, '{');
	json_out_kstr(o, "stat", stat);
	json_out_kstr(o, "err", err ? err + 1 : "");
	json_out_kstr(o, "form", form);
	json_out_close(o, '}');
}

static void put_moment(struct json_out *o, const struct api_call *c, const struct moment *m)
{
	json_out_open(o, '{');
	json_out_ktime(o, "at", m->at);
	json_out_kstr(o, "event", m->event);
	if (m->part)
		json_out_ku64(o, "part", m->part);
	if (m->state)
		json_out_kstr(o, "state", m->state);
	if (m->n)
		json_out_ku64(o, "n", m->n);
	if (m->outcome)
		json_out_kstr(o, "outcome", m->outcome);
	if (m->class && *m->class)
		json_out_kstr(o, "class", m->class);
	if (m->reason && *m->reason)
		json_out_kstr(o, "reason", m->reason);
	put_optional(o, "link", name_of(c, NAME_LINK, m->link));
	if (m->smsc_id && *m->smsc_id)
		json_out_kstr(o, "smsc_id", m->smsc_id);
	if (m->from && *m->from)
		json_out_kstr(o, "from", m->from);
	if (m->has_code)
		json_out_ku64(o, "code", m->code);
	if (m->text && *m->text)
		json_out_kstr(o, "text", m->text);
	if (m->next_at)
		json_out_ktime(o, "next_try", m->next_at);
	if (m->receipt && m->raw)
		put_receipt(o, m->raw, m->receipt);
	if (m->correction)
		json_out_kbool(o, "correction", true);
	json_out_close(o, '}');
}

static void answer_events(struct api_call *c, struct store_detail *d)
{
	struct timeline t = {.cap = 2 + 3 * d->n_parts + d->n_attempts + d->n_corrections + d->n_notes};
	struct json_out o;

	t.m = calloc(t.cap, sizeof(*t.m));
	if (!t.m) {
		api_refuse(c, API_QUEUE_BUSY, NULL, "out of memory; try again");
		return;
	}
	add_all(&t, d);
	qsort(t.m, t.n, sizeof(*t.m), by_time);
	json_out_init(&o, API_ANSWER_MAX);
	json_out_open(&o, '{');
	json_out_kid(&o, "id", d->m->id);
	json_out_key(&o, "events");
	json_out_open(&o, '[');
	for (unsigned i = 0; i < t.n; i++)
		put_moment(&o, c, &t.m[i]);
	json_out_close(&o, ']');
	json_out_close(&o, '}');
	free(t.m);
	api_answer_out(c, 200, &o);
}

static void on_events(struct store_query *q)
{
	struct look *k = q->arg;

	if (look_good(k, "message"))
		answer_events(k->c, &k->message.ret);
	look_end(k);
}

void api_get_events(struct api_call *c, const uint8_t *body, size_t n)
{
	look_up_message(c, on_events);
}

/* ---- Lists. ---- */

/* Ends a page: the cursor, and whether there is more. */
static void put_page_end(struct json_out *o, uint64_t next, bool complete)
{
	json_out_close(o, ']');
	json_out_key(o, "next");
	if (next)
		json_out_id(o, next);
	else
		json_out_null(o);
	json_out_kbool(o, "complete", complete);
	json_out_close(o, '}');
}

static void on_list(struct store_query *q)
{
	struct look *k = q->arg;
	struct q_list *l = &k->list;
	uint64_t next = l->next;
	struct json_out o;

	if (!look_good(k, "message")) {
		look_end(k);
		return;
	}
	json_out_init(&o, API_ANSWER_MAX);
	json_out_open(&o, '{');
	json_out_key(&o, "messages");
	json_out_open(&o, '[');
	for (unsigned i = 0; i < l->n_rows; i++) {
		struct json_mark m = json_out_mark(&o);

		put_message(&o, k->c, &l->rows[i], true);
		if (buf_len(&o.b) + 64 < API_ANSWER_MAX && !json_out_full(&o))
			continue;
		json_out_rewind(&o, m);
		next = l->rows[i - 1].m->id; /* the first row fits: one message is smaller than an answer */
		break;
	}
	put_page_end(&o, next, l->complete && next == l->next);
	api_answer_out(k->c, 200, &o);
	look_end(k);
}

/* Fill in the filters; false: the request was answered. */
static bool list_filters(struct api_call *c, struct look *k)
{
	struct q_list *l = &k->list;
	char text[API_PARAM_MAX];
	struct auth_client *cl = api_client(c);
	const char *why;

	if (!api_query_scope(c, &l->client) || !api_query_text(c, "ref", l->ref, sizeof(l->ref)) ||
		!api_query_text(c, "tag", l->tag, sizeof(l->tag)) || !api_query_time(c, "since", &l->since) ||
		!api_query_time(c, "until", &l->until) ||
		!api_query_u64(c, "after", 0, 1, UINT64_MAX >> 9, &l->after) ||
		!api_query_u64(c, "limit", API_LIMIT_DEFAULT, 1, API_LIMIT_MAX, &k->limit))
		return false;
	l->limit = (unsigned)k->limit;
	if (!api_query_text(c, "to", text, sizeof(text)))
		return false;
	if (text[0] && msisdn_normalise(text, strlen(text),
			       cl && *cl->conf->default_country ? cl->conf->default_country : NULL, &l->to,
			       &why) < 0) {
		api_refuse(c, API_INVALID_PARAMETER, "to", "not a phone number: %s", why);
		return false;
	}
	if (!api_query_text(c, "state", text, sizeof(text)))
		return false;
	l->state = text[0] ? msg_state_parse(text) : -1;
	if (text[0] && l->state < 0) {
		api_refuse(c, API_INVALID_PARAMETER, "state",
			"there is no such state; posthorn-api(7) lists them");
		return false;
	}
	return true;
}

static void answer_empty_page(struct api_call *c, const char *key)
{
	char text[80];
	int n = snprintf(text, sizeof(text), "{\"%s\":[],\"next\":null,\"complete\":true}", key);

	api_answer(c, 200, text, (size_t)n);
}

void api_list_messages(struct api_call *c, const uint8_t *body, size_t n)
{
	char campaign[API_PARAM_MAX];
	struct look *k = look_new(c, Q_LIST, on_list);

	if (!k)
		return;
	if (!list_filters(c, k) || !api_query_text(c, "campaign", campaign, sizeof(campaign))) {
		free(k);
		return;
	}
	if (campaign[0]) {
		k->list.campaign = names_find(c->api->p.names, NAME_CAMPAIGN, campaign);
		if (!k->list.campaign) {
			free(k);
			answer_empty_page(c, "messages");
			return;
		}
	}
	look_start(k);
}

/* ---- Streams. ---- */

static void on_stream(struct store_query *q)
{
	struct look *k = q->arg;
	const struct store_progress *p = &k->stream.progress;
	struct json_out o;

	/* Begun, but no chunk is on disk yet: nothing is done, and that is an answer. */
	if (q->r == -ENOENT && api_key_in_work(k->c->api, p->client, k->key))
		q->r = 0;
	if (look_good(k, "stream")) {
		json_out_init(&o, 4096);
		json_out_open(&o, '{');
		json_out_kstr(&o, "key", k->key);
		json_out_ku64(&o, "rows", p->rows);
		json_out_ku64(&o, "accepted", p->accepted);
		json_out_ku64(&o, "rejected", p->rejected);
		json_out_kbool(&o, "done", p->done);
		json_out_close(&o, '}');
		api_answer_out(k->c, 200, &o);
	}
	look_end(k);
}

void api_get_stream(struct api_call *c, const uint8_t *body, size_t n)
{
	struct look *k = look_new(c, Q_STREAM, on_stream);
	uint32_t client;

	if (!k)
		return;
	if (!api_query_scope(c, &client)) {
		free(k);
		return;
	}
	snprintf(k->key, sizeof(k->key), "%s", c->param[0]);
	/* A key belongs to a client; an operator who names none means its own. */
	k->stream.progress.client = client ? client : c->client;
	k->stream.progress.name = k->key;
	look_start(k);
}

/* ---- Inbound messages and parked receipts. ---- */

/* As the webhook tells it (webhook_json.c). */
static void put_facts(struct json_out *o, const struct store_inbound *m)
{
	struct facts f;

	facts_read_hex(m->dcs, m->esm_class, m->raw_hex, m->text, &f);
	json_out_kstr(o, "encoding", f.encoding);
	if (f.coding.message_class >= 0)
		json_out_ku64(o, "class", (uint64_t)f.coding.message_class);
	if (f.waiting) {
		json_out_key(o, "waiting");
		json_out_open(o, '{');
		json_out_kstr(o, "kind", f.waiting);
		json_out_kbool(o, "active", f.coding.waiting_active);
		json_out_close(o, '}');
	}
	if (f.has_ports) {
		json_out_key(o, "ports");
		json_out_open(o, '{');
		json_out_ku64(o, "to", f.ports.dst);
		json_out_ku64(o, "from", f.ports.src);
		json_out_close(o, '}');
	}
	if (f.n_languages) {
		json_out_key(o, "languages");
		json_out_open(o, '[');
		for (unsigned i = 0; i < f.n_languages; i++)
			json_out_str(o, f.languages[i]);
		json_out_close(o, ']');
	}
	if (f.n_udh) {
		json_out_key(o, "udh");
		json_out_strn(o, m->raw_hex, 2 * f.n_udh);
	}
	if (f.binary)
		json_out_kstr(o, "data", m->raw_hex + 2 * f.n_udh);
	if (f.malformed)
		json_out_kbool(o, "malformed", true);
}

/* How many parts it came in, and the numbers of those that did not. */
static void put_parts(struct json_out *o, const struct store_inbound *m)
{
	const char *at = m->missing;
	char *end;

	json_out_ku64(o, "parts", m->parts);
	if (!*at)
		return;
	json_out_key(o, "missing");
	json_out_open(o, '[');
	for (; *at; at = *end == ',' ? end + 1 : end)
		json_out_u64(o, strtoul(at, &end, 10));
	json_out_close(o, ']');
}

static void put_inbound(struct json_out *o, const struct api_call *c, const struct store_inbound *m)
{
	json_out_open(o, '{');
	json_out_kid(o, "id", m->n);
	json_out_ktime(o, "at", m->at);
	json_out_kstr(o, "from", m->from);
	json_out_kstr(o, "to", m->to);
	json_out_kstr(o, "text", m->text);
	put_parts(o, m);
	put_facts(o, m);
	json_out_kstr(o, "link", name_of(c, NAME_LINK, m->link));
	if (c->scope == 0)
		put_optional(o, "client", name_of(c, NAME_CLIENT, m->client));
	json_out_kstr(o, "raw", m->raw_hex);
	json_out_ku64(o, "data_coding", m->dcs);
	json_out_ku64(o, "esm_class", m->esm_class);
	json_out_close(o, '}');
}

static void on_inbound(struct store_query *q)
{
	struct look *k = q->arg;
	uint64_t next = k->inbound.next;
	struct json_out o;

	if (!look_good(k, "message")) {
		look_end(k);
		return;
	}
	json_out_init(&o, API_ANSWER_MAX);
	json_out_open(&o, '{');
	json_out_key(&o, "inbound");
	json_out_open(&o, '[');
	for (unsigned i = 0; i < k->inbound.n_rows; i++) {
		struct json_mark m = json_out_mark(&o);

		put_inbound(&o, k->c, &k->inbound.rows[i]);
		if (buf_len(&o.b) + 64 < API_ANSWER_MAX && !json_out_full(&o))
			continue;
		json_out_rewind(&o, m);
		next = k->inbound.rows[i].n + 1; /* not 0: the first row fits (inbound.c) */
		break;
	}
	put_page_end(&o, next, k->inbound.complete && next == k->inbound.next);
	api_answer_out(k->c, 200, &o);
	look_end(k);
}

void api_list_inbound(struct api_call *c, const uint8_t *body, size_t n)
{
	struct look *k = look_new(c, Q_INBOUND, on_inbound);

	if (!k)
		return;
	if (!api_query_scope(c, &k->inbound.client) ||
		!api_query_text(c, "from", k->inbound.from, sizeof(k->inbound.from)) ||
		!api_query_text(c, "to", k->inbound.to, sizeof(k->inbound.to)) ||
		!api_query_time(c, "since", &k->inbound.since) ||
		!api_query_u64(c, "after", 0, 1, INT64_MAX, &k->inbound.after) ||
		!api_query_u64(c, "limit", API_LIMIT_DEFAULT, 1, API_LIMIT_MAX, &k->limit)) {
		free(k);
		return;
	}
	k->inbound.limit = (unsigned)k->limit;
	look_start(k);
}

static void put_parked(struct json_out *o, const struct api_call *c, const struct store_parked *p)
{
	json_out_open(o, '{');
	json_out_kid(o, "id", p->n);
	json_out_ktime(o, "at", p->at);
	json_out_kstr(o, "link", name_of(c, NAME_LINK, p->link));
	json_out_kstr(o, "smsc_id", p->smsc_id);
	put_optional(o, "smsc_id2", p->smsc_id2);
	json_out_kstr(o, "stat", p->stat);
	json_out_kstr(o, "err", p->err);
	json_out_kstr(o, "state", msg_state_name(p->state));
	json_out_kstr(o, "reason", parked_why_name(p->why));
	json_out_ku64(o, "age_s", p->at < clock_ms() ? (uint64_t)(clock_ms() - p->at) / 1000 : 0);
	if (p->to)
		put_to(o, p->to);
	json_out_close(o, '}');
}

static void on_parked(struct store_query *q)
{
	struct look *k = q->arg;
	struct json_out o;

	if (look_good(k, "receipt")) {
		json_out_init(&o, API_ANSWER_MAX);
		json_out_open(&o, '{');
		json_out_key(&o, "receipts");
		json_out_open(&o, '[');
		for (unsigned i = 0; i < k->parked.n_rows; i++)
			put_parked(&o, k->c, &k->parked.rows[i]);
		put_page_end(&o, k->parked.next, k->parked.complete);
		api_answer_out(k->c, 200, &o);
	}
	look_end(k);
}

void api_list_parked(struct api_call *c, const uint8_t *body, size_t n)
{
	struct look *k = look_new(c, Q_PARKED, on_parked);
	char link[API_PARAM_MAX];

	if (!k)
		return;
	if (!api_query_text(c, "link", link, sizeof(link)) ||
		!api_query_u64(c, "after", 0, 1, INT64_MAX, &k->parked.after) ||
		!api_query_u64(c, "limit", API_LIMIT_DEFAULT, 1, API_LIMIT_MAX, &k->limit)) {
		free(k);
		return;
	}
	k->parked.link = *link ? names_find(c->api->p.names, NAME_LINK, link) : 0;
	if (*link && !k->parked.link) {
		free(k);
		answer_empty_page(c, "receipts");
		return;
	}
	k->parked.limit = (unsigned)k->limit;
	look_start(k);
}
