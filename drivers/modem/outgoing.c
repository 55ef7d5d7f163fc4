/* SPDX-License-Identifier: Apache-2.0 */
/* outgoing.c -- send parts through a modem, and decide what to believe when its answer is lost.
 *
 * A final result that never came does not mean that nothing was sent, and modems lose them: a reset in mid-send, a
 * character lost on the wire, a firmware that swallows one of a thousand.  Sending again would double the message,
 * giving up would lose it.  But a modem leaves traces, and they are read before the core's on_uncertain is asked:
 *
 *  1. The line itself, late or without its OK: "+CMGS: 17" is the network's acceptance.
 *  2. The reference of the next part.  A modem counts its submissions in TP-MR (3GPP TS 23.040, 9.2.3.6), also those
 *     whose answer we never saw: from 16 to 18 means that 17 was this part; from 16 to 17 that it never left.  Not over
 *     a restart of the modem: it counts before the radio has done its work, and may forget what it counted.  Nor where
 *     it always says the same, or where more than one part is in doubt.
 *  3. A status report that names its recipient with a reference that we know of no other part.  Where it comes while
 *     the answer is still waited for, the answer has a few seconds left.
 *  4. What the modem keeps in its memory as sent.
 *
 * When the prompt never came nothing was sent: the part is tried again, here, at no cost.
 *
 * Status reports name a part by TP-MR and recipient, and TP-MR is one octet.  The id that the core keeps for a part is
 * made of the SIM, the reference, and a mark of the last digits of the recipient, which a report has in whatever form
 * it writes the number.  Where a modem says 0 each time, the reference is left out of it; where a line was torn by
 * another ("+CMGS: 1" of 17), it is wrong, and the report is known by its recipient. */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "drivers/modem/at_error.h"
#include "drivers/modem/modem.h"

#define REPORT_SOON_MS   600000  /* most reports come within; the others are found as well, later */
#define ANSWERS_MEAN     8       /* answers that make a habit */
#define TIMEOUT_MIN_MS   15000   /* beyond which, and so many times the mean, an answer is lost */
#define TIMEOUT_MEANS    5
#define PROMPTS_LOST_MAX 3       /* then the port is not to be trusted */
#define STORED_HEAD      6       /* digits of an absent service centre, first octet and TP-MR */
#define EVIDENCE_MS      30000   /* a status report as a rule comes sooner */
#define ANSWER_AFTER_REPORT_MS 4000 /* +CMGS: it waited for nothing but the line to be free */

static void send_next(struct modem *m);

static struct outgoing_part *part_in(const struct outgoing *o, enum outgoing_state s)
{
	for (unsigned i = 0; i < o->n; i++)
		if (o->part[i].state == s)
			return (struct outgoing_part *)&o->part[i];
	return NULL;
}

static unsigned count_in(const struct outgoing *o, enum outgoing_state s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < o->n; i++)
		n += o->part[i].state == s;
	return n;
}

/* ---- ids ---- */

static void tail_of(const char *number, char dst[static OUTGOING_TAIL + 1])
{
	size_t n = strlen(number);

	snprintf(dst, OUTGOING_TAIL + 1, "%s", number + (n > OUTGOING_TAIL ? n - OUTGOING_TAIL : 0));
}

/* The last digits of what names the SIM. */
static const char *sim_of(const struct modem *m)
{
	const char *s = m->id.iccid[0] ? m->id.iccid : m->id.imsi;
	size_t n = strlen(s);

	return n > 6 ? s + n - 6 : n ? s : "0";
}

/* mr -1: one whose reference says nothing.  Ids are logged and outlive numbers, so of the number there is only what
 * tells it from others. */
static void make_id(const struct modem *m, int mr, const char *tail, char id[static OUTGOING_ID_SIZE])
{
	unsigned mark = (unsigned)(hash_bytes(OUTGOING_TAIL, tail, strlen(tail)) & 0xfffff);

	if (mr < 0)
		snprintf(id, OUTGOING_ID_SIZE, "%s-x-%05x", sim_of(m), mark);
	else
		snprintf(id, OUTGOING_ID_SIZE, "%s-%d-%05x", sim_of(m), mr, mark);
}

static void note_sent(struct outgoing *o, uint64_t now_ms, int mr, bool torn, const char *tail, const char *id)
{
	struct outgoing_recent *r = &o->recent[o->at];

	o->at = (o->at + 1) % OUTGOING_RECENT;
	if (o->n_recent < OUTGOING_RECENT)
		o->n_recent++;
	*r = (struct outgoing_recent){ .mr = (uint8_t)mr, .torn = torn, .sent_ms = now_ms };
	snprintf(r->tail, sizeof(r->tail), "%s", tail);
	snprintf(r->id, sizeof(r->id), "%s", id);
}

/* ---- settling ---- */

/* Takes the part out first: the core may submit the next from inside. */
static void settle(struct modem *m, struct outgoing_part *p, struct settle s)
{
	struct outgoing *o = &m->out;
	size_t i = (size_t)(p - o->part);

	s.key = p->key;
	memmove(p, p + 1, (o->n - i - 1) * sizeof(*p));
	o->n--;
	link_settled(m->link, &s);
	if (o->n == 0)
		modem_drained(m);
}

static void settle_sent(struct modem *m, struct outgoing_part *p, int mr)
{
	struct outgoing *o = &m->out;
	char number[24], tail[OUTGOING_TAIL + 1], id[OUTGOING_ID_SIZE];

	snprintf(number, sizeof(number), "%" PRIu64, p->to);
	tail_of(number, tail);
	make_id(m, mr < 0 || o->mr_useless ? -1 : mr, tail, id);
	if (p->want_receipt) {
		note_sent(o, uv_now(m->loop), mr < 0 ? 0 : mr, mr < 0 || p->mr_torn, tail, id);
		incoming_reports_expected(m);
	}
	o->sent++;
	settle(m, p, (struct settle){ .outcome = OUTCOME_SENT, .smsc_id = id });
}

static void settle_unsent(struct modem *m, struct outgoing_part *p, const char *why)
{
	settle(m, p, (struct settle){ .outcome = OUTCOME_UNSENT, .text = why });
}

static void settle_unknown(struct modem *m, struct outgoing_part *p, const char *why)
{
	settle(m, p, (struct settle){ .outcome = OUTCOME_UNKNOWN, .text = why });
}

/* ---- doubt ---- */

static void on_timer(uv_timer_t *t);

static void arm(struct modem *m)
{
	struct outgoing *o = &m->out;
	uint64_t until = UINT64_MAX, now = uv_now(m->loop);

	for (unsigned i = 0; i < o->n; i++)
		if (o->part[i].state == OUT_DOUBTFUL && o->part[i].until_ms < until)
			until = o->part[i].until_ms;
	if (until == UINT64_MAX)
		uv_timer_stop(&o->timer);
	else
		uv_timer_start(&o->timer, on_timer, until > now ? until - now : 0, 0);
}

static void on_timer(uv_timer_t *t)
{
	struct modem *m = t->data;
	struct outgoing_part *p;
	uint64_t now = uv_now(m->loop);

	while ((p = part_in(&m->out, OUT_DOUBTFUL)) && p->until_ms <= now)
		settle_unknown(m, p, "written to the modem, which never answered; nothing tells whether it was sent");
	arm(m);
	send_next(m);
}

static void doubt(struct modem *m, struct outgoing_part *p)
{
	struct outgoing *o = &m->out;

	o->doubted++;
	p->state = OUT_DOUBTFUL;
	p->mr_before = o->mr_last;
	p->until_ms = uv_now(m->loop) + EVIDENCE_MS;
	log_warn("modem_answer_lost", "link=%s msg=%" PRIu64 " part=%u", link_name(m->link), msg_key_id(p->key),
		msg_key_part(p->key));
	arm(m);
}

static void told(struct modem *m, const struct outgoing_part *p, bool sent, const char *by)
{
	*(sent ? &m->out.believed_sent : &m->out.believed_unsent) += 1;
	log_info("modem_doubt_settled", "link=%s msg=%" PRIu64 " part=%u sent=%s by=%s", link_name(m->link),
		msg_key_id(p->key), msg_key_part(p->key), sent ? "yes" : "no", by);
}

static void believe_sent(struct modem *m, struct outgoing_part *p, int mr, const char *by)
{
	told(m, p, true, by);
	settle_sent(m, p, mr);
	arm(m);
}

/* The modem never took it: as if it had not been tried. */
static void believe_unsent(struct modem *m, struct outgoing_part *p, const char *by)
{
	told(m, p, false, by);
	p->state = OUT_WAITING;
	arm(m);
}

/* The modem gave a reference to the part after the one in doubt. */
static void judge_by_reference(struct modem *m, int mr)
{
	struct outgoing *o = &m->out;
	struct outgoing_part *p = part_in(o, OUT_DOUBTFUL);
	unsigned steps;

	if (!p || o->mr_useless || count_in(o, OUT_DOUBTFUL) != 1 || p->mr_before < 0)
		return;
	steps = (unsigned)(mr - p->mr_before) & 0xff;
	if (steps == 2)
		believe_sent(m, p, (p->mr_before + 1) & 0xff, "reference");
	else if (steps == 1)
		believe_unsent(m, p, "reference");
}

bool outgoing_late(struct modem *m, const char *line)
{
	struct outgoing_part *p = part_in(&m->out, OUT_DOUBTFUL);
	struct at_fields f = { at_after(line, "+CMGS:") };
	long mr;

	if (!f.at || !p || count_in(&m->out, OUT_DOUBTFUL) != 1 || at_field_number(&f, &mr) < 0)
		return false;
	m->out.mr_last = (int)mr & 0xff;
	believe_sent(m, p, m->out.mr_last, "late_answer");
	send_next(m);
	return true;
}

bool outgoing_stored_as_sent(struct modem *m, const char *pdu)
{
	for (unsigned i = 0; i < m->out.n; i++) {
		struct outgoing_part *p = &m->out.part[i];
		size_t n = strlen(p->pdu), k = strlen(pdu);
		/* The modem may have written its service centre, and a reference, into it: what is behind counts. */
		size_t tail = n - STORED_HEAD;

		if (p->state == OUT_DOUBTFUL && k >= tail && strcasecmp(pdu + k - tail, p->pdu + STORED_HEAD) == 0) {
			believe_sent(m, p, p->mr_before < 0 ? -1 : (p->mr_before + 1) & 0xff, "memory");
			return true;
		}
	}
	return false;
}

/* ---- status reports ---- */

static struct outgoing_recent *recent_of(struct outgoing *o, int mr, const char *tail)
{
	struct outgoing_recent *oldest = NULL;

	for (unsigned i = 0; i < o->n_recent; i++) { /* from the oldest */
		struct outgoing_recent *r =
			&o->recent[(o->at + OUTGOING_RECENT - o->n_recent + i) % OUTGOING_RECENT];

		if (strcmp(r->tail, tail) == 0 && (mr < 0 ? !r->reported : r->mr == mr)) {
			if (mr < 0)
				return r;
			oldest = r; /* of one reference the newest: it has wrapped */
		}
	}
	return oldest;
}

/* The one whose reference was not read right. */
static struct outgoing_recent *torn_of(struct outgoing *o, const char *tail)
{
	for (unsigned i = 0; i < o->n_recent; i++)
		if (o->recent[i].torn && !o->recent[i].reported && strcmp(o->recent[i].tail, tail) == 0)
			return &o->recent[i];
	return NULL;
}

static bool is_recipient(const struct outgoing_part *p, const char *tail)
{
	char number[24], own[OUTGOING_TAIL + 1];

	snprintf(number, sizeof(number), "%" PRIu64, p->to);
	tail_of(number, own);
	return strcmp(own, tail) == 0;
}

/* The report overtook the answer, or the answer is lost: it gets a little longer. */
static void reported_on_air(struct modem *m, int mr, const char *tail)
{
	struct outgoing_part *p = part_in(&m->out, OUT_ON_AIR);

	if (!p || m->out.mr_useless || m->out.mr_last < 0 || mr != ((m->out.mr_last + 1) & 0xff))
		return;
	if (!is_recipient(p, tail))
		return;
	p->mr_reported = mr;
	chat_hurry(m->chat, ANSWER_AFTER_REPORT_MS);
}

void outgoing_reported(struct modem *m, uint8_t mr, const char *recipient, char id[static OUTGOING_ID_SIZE],
	char id2[static OUTGOING_ID_SIZE])
{
	struct outgoing *o = &m->out;
	struct outgoing_recent *r;
	char tail[OUTGOING_TAIL + 1];

	tail_of(recipient, tail);
	r = recent_of(o, mr, tail);
	for (unsigned i = 0; !r && i < o->n; i++) {
		if (o->part[i].state == OUT_DOUBTFUL && is_recipient(&o->part[i], tail)) {
			believe_sent(m, &o->part[i], mr, "status_report");
			r = recent_of(o, mr, tail);
		}
	}
	if (!r)
		r = o->mr_useless ? recent_of(o, -1, tail) : torn_of(o, tail);
	if (!r)
		reported_on_air(m, mr, tail);
	make_id(m, mr, tail, id);
	make_id(m, -1, tail, id2);
	if (!r)
		return;
	r->reported = true;
	if (strcmp(r->id, id) == 0) {
		id2[0] = '\0';
	} else {
		snprintf(id2, OUTGOING_ID_SIZE, "%s", id);
		snprintf(id, OUTGOING_ID_SIZE, "%s", r->id);
	}
}

bool outgoing_awaits_reports(const struct modem *m)
{
	for (unsigned i = 0; i < m->out.n_recent; i++) {
		const struct outgoing_recent *r = &m->out.recent[i];

		if (!r->reported && uv_now(m->loop) - r->sent_ms < REPORT_SOON_MS)
			return true;
	}
	return false;
}

/* ---- sending ---- */

static int reference_in(const struct chat_answer *a)
{
	struct at_fields f;
	long mr;

	for (unsigned i = 0; i < a->n_lines; i++) {
		f.at = at_after(a->lines[i], "+CMGS:");
		if (f.at && at_field_number(&f, &mr) == 0)
			return (int)mr & 0xff;
	}
	return -1;
}

/* A SIM that gave the same number twice in a row counts nothing. */
static void note_reference(struct outgoing *o, int mr)
{
	if (mr < 0)
		return;
	if (o->mr_last == mr)
		o->mr_useless = true;
	else if (o->mr_last >= 0)
		o->mr_useless = false;
	o->mr_last = mr;
}

/* A mean of about the last eight. */
static void note_answer_time(struct modem *m)
{
	struct outgoing *o = &m->out;
	uint64_t took_ms = uv_now(m->loop) - o->sent_ms;

	if (o->n_answers < ANSWERS_MEAN)
		o->n_answers++;
	o->mean_ms += ((int64_t)took_ms - (int64_t)o->mean_ms) / (int64_t)o->n_answers;
}

unsigned outgoing_timeout_ms(const struct modem *m)
{
	const struct outgoing *o = &m->out;
	unsigned most = modem_sms_timeout_ms(m);
	uint64_t learned = TIMEOUT_MIN_MS + TIMEOUT_MEANS * o->mean_ms;

	return o->n_answers < ANSWERS_MEAN || learned > most ? most : (unsigned)learned;
}

static void taken(struct modem *m, struct outgoing_part *p, int mr)
{
	struct outgoing *o = &m->out;

	o->errors_in_row = 0;
	note_answer_time(m);
	if (mr >= 0) {
		p->mr_torn = o->mr_last >= 0 && !o->mr_useless && mr != ((o->mr_last + 1) & 0xff);
		note_reference(o, mr);
		judge_by_reference(m, mr);
		p = part_in(o, OUT_ON_AIR); /* it may have moved */
	}
	settle_sent(m, p, mr);
}

/* A refused part may have used up a reference, or may not: what comes next proves nothing of those before. */
static void forget_reference(struct outgoing *o)
{
	o->mr_last = -1;
	for (unsigned i = 0; i < o->n; i++)
		o->part[i].mr_before = -1;
}

/* How often in a row this part was refused with this code, this time included. */
static unsigned refusals(struct outgoing *o, uint64_t key, uint32_t code)
{
	struct outgoing_refusal *r = NULL;

	for (unsigned i = 0; i < OUTGOING_REFUSALS && !r; i++)
		if (o->refusal[i].key == key)
			r = &o->refusal[i];
	if (!r) {
		r = &o->refusal[o->at_refusal];
		o->at_refusal = (o->at_refusal + 1) % OUTGOING_REFUSALS;
		*r = (struct outgoing_refusal){ .key = key };
	}
	r->n = r->code == code ? r->n + 1 : 1;
	r->code = code;
	return r->n;
}

static enum at_class class_of(struct modem *m, enum at_kind kind, int code, unsigned *ret_bound)
{
	struct outgoing *o = &m->out;
	enum at_class class = modem_text_class(m, kind, code, ret_bound);

	o->errors_in_row = kind == AT_ERROR ? o->errors_in_row + 1 : 0;
	return o->errors_in_row >= AT_PLAIN_ERROR_MAX ? AT_CLASS_CONFIG : class;
}

static void refused(struct modem *m, struct outgoing_part *p, const struct chat_answer *a)
{
	struct outgoing *o = &m->out;
	enum at_kind kind = modem_error_kind(a);
	unsigned bound;
	enum at_class class = class_of(m, kind, a->code, &bound);
	uint32_t code = a->code > 0 ? (uint32_t)a->code : 0;
	char text[120];
	struct settle s = {
		.code = code,
		.text = at_error_text(kind, a->code, text, sizeof(text)),
		.outcome = at_error_outcome(class, bound, refusals(o, p->key, code)),
	};

	forget_reference(o);
	if (class == AT_CLASS_UNKNOWN) {
		doubt(m, p); /* "network timeout": it was tried, so its reference is used up whatever came of it */
		return;
	}
	if (class == AT_CLASS_FULL) {
		incoming_drain(m);
		s.outcome = OUTCOME_THROTTLED; /* soon there is room */
	}
	o->failed++;
	settle(m, p, s);
	if (s.outcome == OUTCOME_LINK_FAULT) {
		o->errors_in_row = 0;
		modem_pause(m, class, text);
	}
}

static void no_answer(struct modem *m, struct outgoing_part *p, const struct chat_answer *a)
{
	struct outgoing *o = &m->out;

	if (a->body_written && p->mr_reported >= 0) {
		o->doubted++;
		o->mr_last = p->mr_reported;
		believe_sent(m, p, p->mr_reported, "status_report");
		return;
	}
	if (a->body_written) {
		doubt(m, p);
		return;
	}
	p->state = OUT_WAITING;
	if (a->end == CHAT_TIMEOUT && ++p->prompts_lost >= PROMPTS_LOST_MAX) {
		settle(m, p, (struct settle){ .outcome = OUTCOME_RETRY, .text = "the modem gave no prompt for the text" });
		modem_stuck(m, "no prompt after AT+CMGS");
	}
}

static void on_sent(void *arg, const struct chat_answer *a)
{
	struct modem *m = arg;
	struct outgoing_part *p = part_in(&m->out, OUT_ON_AIR);
	int mr = reference_in(a);

	if (!p)
		return; /* abandoned */
	/* "+CMGS: 17" is the acceptance, whatever became of the OK. */
	if (a->end == CHAT_OK || mr >= 0)
		taken(m, p, mr);
	else if (a->end == CHAT_TIMEOUT || a->end == CHAT_GONE)
		no_answer(m, p, a);
	else
		refused(m, p, a);
	send_next(m);
	if (m->out.starved && m->out.n < OUTGOING_WINDOW) {
		m->out.starved = false;
		link_ready(m->link);
	}
}

static void send_next(struct modem *m)
{
	struct outgoing *o = &m->out;
	struct outgoing_part *p;
	char text[24];
	struct chat_command cmd = {
		.text = text,
		.prefix = "+CMGS:",
		.timeout_ms = outgoing_timeout_ms(m),
		.done = on_sent,
		.arg = m,
	};

	if (!o->up || !m->chat || part_in(o, OUT_ON_AIR))
		return;
	p = part_in(o, OUT_WAITING);
	if (!p)
		return;
	snprintf(text, sizeof(text), "AT+CMGS=%u", p->n_tpdu);
	cmd.body = p->pdu;
	p->state = OUT_ON_AIR;
	o->sent_ms = uv_now(m->loop);
	if (chat_command(m->chat, &cmd) < 0)
		p->state = OUT_WAITING; /* its queue is full: what is in there ends, and calls us by incoming.c */
}

static int make_pdu(const struct part *p, struct outgoing_part *ret)
{
	static const char hex[] = "0123456789ABCDEF";
	struct tpdu_order order = { .report = p->want_receipt, .flash = p->flash, .validity_s = p->validity_s };
	uint8_t octets[TPDU_MAX];
	const char *why;
	char number[24];
	size_t n_tpdu;
	int n;

	snprintf(number, sizeof(number), "+%" PRIu64, p->to);
	if (tpdu_address_make(number, &order.to, &why) < 0)
		return -EMSGSIZE;
	n = tpdu_put_part(&order, p->encoding, &p->wire, octets, &n_tpdu);
	if (n < 0)
		return -EMSGSIZE;
	for (int i = 0; i < n; i++) {
		ret->pdu[2 * i] = hex[octets[i] >> 4];
		ret->pdu[2 * i + 1] = hex[octets[i] & 15];
	}
	ret->pdu[2 * n] = '\0';
	ret->n_tpdu = (uint16_t)n_tpdu;
	return 0;
}

int outgoing_submit(struct modem *m, const struct part *p)
{
	struct outgoing *o = &m->out;
	struct outgoing_part *q = &o->part[o->n];
	int r;

	if (!o->up)
		return -ENOTCONN;
	if (o->n == OUTGOING_WINDOW) {
		o->starved = true;
		return -EAGAIN;
	}
	*q = (struct outgoing_part){ .key = p->key, .to = p->to, .want_receipt = p->want_receipt, .state = OUT_WAITING,
		.mr_reported = -1 };
	r = make_pdu(p, q);
	if (r < 0)
		return r;
	o->n++;
	send_next(m);
	return 0;
}

/* ---- life ---- */

void outgoing_up(struct modem *m)
{
	m->out.up = true;
	m->out.starved = false;
	send_next(m);
}

void outgoing_down(struct modem *m, bool restarted, const char *why)
{
	struct outgoing *o = &m->out;
	struct outgoing_part *p;

	o->up = false;
	if (restarted)
		forget_reference(o);
	while ((p = part_in(o, OUT_WAITING)))
		settle_unsent(m, p, why);
}

bool outgoing_on_air(const struct modem *m)
{
	return part_in(&m->out, OUT_ON_AIR) != NULL;
}

bool outgoing_is_empty(const struct modem *m)
{
	return m->out.n == 0;
}

void outgoing_abandon(struct modem *m, const char *why)
{
	struct outgoing *o = &m->out;

	o->up = false;
	while (o->n) {
		struct outgoing_part *p = &o->part[0];

		if (p->state == OUT_WAITING)
			settle_unsent(m, p, why);
		else
			settle_unknown(m, p, why);
	}
	arm(m);
}

int outgoing_init(struct modem *m)
{
	int r = uv_timer_init(m->loop, &m->out.timer);

	if (r < 0)
		return r;
	m->out.timer.data = m;
	m->out.timer_open = true;
	m->out.mr_last = -1;
	return 0;
}

void outgoing_done(struct modem *m, uv_close_cb closed)
{
	assert(m->out.n == 0);
	uv_close((uv_handle_t *)&m->out.timer, closed);
}
