/* SPDX-License-Identifier: Apache-2.0 */
/* smsc_session.c -- what the carrier simulator answers to each PDU, in each state of a bind.
 *
 * The order of the questions for a submit is that of a carrier: is the session right, is the PDU sound, what
 * does the script want, is the rate kept; only then is it taken.  A PDU that breaks the standard is counted
 * and described, and still gets the answer that an SMSC would give.
 */
#include <stdio.h>
#include <string.h>

#include "smsc_sim.h"

/* SMPP 3.4, 4.1: at most 15 characters. */
#define OUR_SYSTEM_ID "smsc-sim"

static const struct smsc_str no_str = {"", 0};

/* SMPP 5.0, 4.8.4.18 */
static void put_congestion(const struct smsc_conn *c, struct smsc_out *o)
{
	if (c->sim->script.congestion < 0)
		return;
	smsc_out_octets(o, "\x04\x28\x00\x01", 4);
	smsc_out_u8(o, (uint8_t)c->sim->script.congestion);
}

static void respond_status(
	struct smsc_conn *c, const struct smsc_header *h, uint32_t status, unsigned n_answers)
{
	uint8_t buf[64];
	struct smsc_out o = {.p = buf, .cap = sizeof(buf)};
	size_t start = smsc_out_begin(&o, h->command | SMSC_RESP, status, h->sequence);

	/* Those whose response has a body get an empty message_id, unless the script plays the short ones. */
	if (!c->sim->script.status_resp_short) {
		if (h->command == CMD_SUBMIT_SM || h->command == CMD_DATA_SM)
			smsc_out_u8(&o, 0);
		else if (h->command == CMD_QUERY_SM)
			smsc_out_octets(&o, "\0\0\0\0", 4);
	}
	if (h->command == CMD_SUBMIT_SM || h->command == CMD_DATA_SM)
		put_congestion(c, &o);
	smsc_out_end(&o, start);
	smsc_conn_respond(c, o.p, o.n, n_answers);
}

static void respond_nack(struct smsc_conn *c, uint32_t sequence, uint32_t status, unsigned n_answers)
{
	uint8_t buf[SMSC_HEADER_LEN];
	struct smsc_out o = {.p = buf, .cap = sizeof(buf)};
	size_t start = smsc_out_begin(&o, CMD_GENERIC_NACK, status, sequence);

	smsc_out_end(&o, start);
	smsc_conn_respond(c, o.p, o.n, n_answers);
}

static void request(struct smsc_conn *c, uint32_t command)
{
	uint8_t buf[SMSC_HEADER_LEN];
	struct smsc_out o = {.p = buf, .cap = sizeof(buf)};
	size_t start = smsc_out_begin(&o, command, 0, c->next_sequence);

	c->next_sequence = c->next_sequence == 0x7FFFFFFF ? 1 : c->next_sequence + 1;
	smsc_out_end(&o, start);
	smsc_conn_respond(c, o.p, o.n, 0);
}

static void misbehave(struct smsc_conn *c, enum smsc_action action)
{
	switch (action) {
	case ACTION_DROP: smsc_conn_finish(c); break;
	case ACTION_UNBIND:
		request(c, CMD_UNBIND);
		c->unbinding = true;
		c->unbind_ms = c->sim->now_ms;
		break;
	case ACTION_GARBAGE:
	case ACTION_HALF_PDU:
	case ACTION_WRONG_LENGTH:
	case ACTION_HUGE_LENGTH:
	case ACTION_UNKNOWN_COMMAND:
	case ACTION_TRUNCATED:
	case ACTION_ZERO_SEQUENCE:
	case ACTION_HIGH_SEQUENCE:
	case ACTION_SAME_SEQUENCE:
	case ACTION_STRAY_RESPONSE:
	case ACTION_WRONG_REQUEST: smsc_fault(c, action); break;
	case ACTION_NONE:
	case ACTION_STATUS:
	case ACTION_NACK:
	case ACTION_STATE:
	case ACTION_SWALLOW:
	case ACTION_LOSE:
	case ACTION_MO: break;
	}
}

/* Say what the script puts in place of the right answer; false: nothing, go on. */
static bool answered_by_script(
	struct smsc_conn *c, const struct smsc_header *h, const struct smsc_verdict *v, unsigned n_answers)
{
	switch (v->answer) {
	case ACTION_NONE:
	case ACTION_STATE:
	case ACTION_LOSE:
	case ACTION_MO: return false;
	case ACTION_STATUS: respond_status(c, h, v->status, n_answers); return true;
	case ACTION_NACK: respond_nack(c, h->sequence, v->status, n_answers); return true;
	case ACTION_SWALLOW: return true;
	case ACTION_DROP:
	case ACTION_UNBIND:
	case ACTION_GARBAGE:
	case ACTION_HALF_PDU:
	case ACTION_WRONG_LENGTH:
	case ACTION_HUGE_LENGTH:
	case ACTION_UNKNOWN_COMMAND:
	case ACTION_TRUNCATED:
	case ACTION_ZERO_SEQUENCE:
	case ACTION_HIGH_SEQUENCE:
	case ACTION_SAME_SEQUENCE:
	case ACTION_STRAY_RESPONSE:
	case ACTION_WRONG_REQUEST: misbehave(c, v->answer); return true;
	}
	return false;
}

static int account_of(struct smsc_sim *sim, const char *system_id)
{
	struct smsc_account *a;

	for (unsigned i = 0; i < sim->n_accounts; i++)
		if (strcmp(sim->accounts[i].system_id, system_id) == 0)
			return (int)i;
	if (sim->n_accounts == SMSC_ACCOUNTS_MAX)
		return -1;
	a = &sim->accounts[sim->n_accounts];
	strcpy(a->system_id, system_id);
	TAILQ_INIT(&a->rx);
	return (int)sim->n_accounts++;
}

static uint32_t check_login(const struct smsc_options *o, const struct smsc_bind *b)
{
	if (o->system_id && (strlen(o->system_id) != b->system_id.n ||
				    memcmp(o->system_id, b->system_id.s, b->system_id.n) != 0))
		return ESME_RINVSYSID;
	if (o->password && (strlen(o->password) != b->password.n ||
				   memcmp(o->password, b->password.s, b->password.n) != 0))
		return ESME_RINVPASWD;
	return ESME_ROK;
}

static void bind_accepted(struct smsc_conn *c, const struct smsc_header *h, const struct smsc_bind *b)
{
	uint8_t buf[64];
	struct smsc_out o = {.p = buf, .cap = sizeof(buf)};
	size_t start;
	struct smsc_account *a = &c->sim->accounts[c->account];

	c->bound = h->command == CMD_BIND_TRANSMITTER ? BOUND_TX
		   : h->command == CMD_BIND_RECEIVER  ? BOUND_RX
						      : BOUND_TRX;
	c->sim->stats.binds++;
	start = smsc_out_begin(&o, h->command | SMSC_RESP, 0, h->sequence);
	smsc_out_cstr(&o, OUR_SYSTEM_ID, strlen(OUR_SYSTEM_ID));
	if (b->interface_version >= 0x34 && c->sim->script.version >= 34) {
		smsc_out_octets(&o, "\x02\x10\x00\x01", 4); /* sc_interface_version */
		smsc_out_u8(&o, c->sim->script.version == 50 ? 0x50 : 0x34);
	}
	smsc_out_end(&o, start);
	/* Never delayed: receipts may flow from now on, and none may come before this answer. */
	smsc_conn_write(c, o.p, o.n);
	if (c->bound & BOUND_RX) {
		TAILQ_INSERT_TAIL(&a->rx, c, rx);
		a->n_rx++;
	}
}

static void bind_refused(struct smsc_conn *c, const struct smsc_header *h, uint32_t status)
{
	uint8_t buf[64];
	struct smsc_out o = {.p = buf, .cap = sizeof(buf)};
	size_t start = smsc_out_begin(&o, h->command | SMSC_RESP, status, h->sequence);

	if (!c->sim->script.status_resp_short)
		smsc_out_cstr(&o, OUR_SYSTEM_ID, strlen(OUR_SYSTEM_ID));
	smsc_out_end(&o, start);
	smsc_conn_respond(c, o.p, o.n, 0);
	c->sim->stats.binds_refused++;
	if (status != ESME_RALYBND)
		smsc_conn_finish(c);
}

static unsigned n_bound(const struct smsc_sim *sim)
{
	const struct smsc_conn *c;
	unsigned n = 0;

	TAILQ_FOREACH(c, &sim->conns, all)
	n += c->bound != BOUND_NOT;
	return n;
}

static void on_bind(struct smsc_conn *c, const struct smsc_header *h, const uint8_t *pdu)
{
	struct smsc_sim *sim = c->sim;
	struct smsc_fault f;
	struct smsc_bind b;
	struct smsc_verdict v;
	uint32_t status;
	int account;

	if (c->bound != BOUND_NOT) {
		bind_refused(c, h, ESME_RALYBND);
		return;
	}
	if (h->command == CMD_BIND_TRANSCEIVER && sim->script.version < 34) { /* SMPP 3.4 brought it */
		sim->stats.unknown_commands++;
		respond_nack(c, h->sequence, ESME_RINVCMDID, 0);
		return;
	}
	if (smsc_pdu_read_bind(pdu + SMSC_HEADER_LEN, h->length - SMSC_HEADER_LEN, &b, &f) < 0) {
		smsc_stats_malformed(&sim->stats, f.why, pdu, h->length);
		bind_refused(c, h, f.status);
		return;
	}
	smsc_script_judge(&sim->script, EVENT_BIND, b.system_id, no_str, &v);
	if (v.answer == ACTION_STATUS) {
		bind_refused(c, h, v.status);
		return;
	}
	if (answered_by_script(c, h, &v, 0))
		return;
	status = check_login(&sim->opt, &b);
	if (!status && sim->script.bind_limit && n_bound(sim) >= sim->script.bind_limit)
		status = sim->script.bind_limit_status;
	memcpy(c->system_id, b.system_id.s, b.system_id.n);
	c->system_id[b.system_id.n] = 0;
	account = status ? -1 : account_of(sim, c->system_id);
	if (account < 0) {
		bind_refused(c, h, status ? status : ESME_RBINDFAIL);
		return;
	}
	c->account = (uint8_t)account;
	bind_accepted(c, h, &b);
	misbehave(c, v.after);
}

static bool over_rate(struct smsc_sim *sim)
{
	const struct smsc_script *s = &sim->script;
	uint64_t now = uv_hrtime();

	if (!s->tps)
		return false;
	if (s->tps_by_clock) { /* `tokens`: what the second has had */
		if (now / 1000000000 != sim->tokens_ns / 1000000000)
			sim->tokens = 0;
		sim->tokens_ns = now;
		sim->tokens += 1;
		return sim->tokens > s->tps;
	}
	sim->tokens += (double)(now - sim->tokens_ns) * s->tps / 1e9;
	sim->tokens_ns = now;
	if (sim->tokens > s->tps_burst)
		sim->tokens = s->tps_burst;
	if (sim->tokens < 1)
		return true;
	sim->tokens -= 1;
	return false;
}

/* Does the carrier of this script give a receipt for this part?  The header: 3GPP TS 23.040, 9.2.3.24.1. */
static bool wants_receipt(const struct smsc_script *s, const struct smsc_message *m)
{
	const uint8_t *u = m->text;

	if (s->receipt_parts == PARTS_EACH || !(m->esm_class & 0x40) || m->n_text < 6 || u[0] < 5 || u[1] != 0)
		return true;
	return s->receipt_parts == PARTS_FIRST ? u[5] == 1 : u[5] == u[4];
}

static void submit_taken(
	struct smsc_conn *c, const struct smsc_header *h, const struct smsc_message *m, bool lose)
{
	struct smsc_sim *sim = c->sim;
	uint8_t buf[128];
	struct smsc_out o = {.p = buf, .cap = sizeof(buf)};
	char spelt[SMSC_ID_MAX];
	uint32_t due_ms = smsc_receipts_due(&sim->receipts, sim->receipts.next_id, sim->now_ms), item;
	uint64_t id = smsc_receipts_issue(&sim->receipts, m->dest.digits, sim->now_ms, due_ms);
	size_t n_id = smsc_id_format(sim->script.id_form, false, id, spelt), start;
	int n_receipts = 1 + (sim->script.receipt_twice || sim->script.receipt_then);

	smsc_receipts_quote(&sim->receipts, id, m->text, m->n_text);
	smsc_receipts_number(&sim->receipts, id, m);
	smsc_stats_accepted(&sim->stats, m);
	smsc_log_add(&sim->log, sim->wall_us, h->sequence, spelt, m);
	for (int i = sim->script.receipt_intermediate ? -1 : 0; wants_receipt(&sim->script, m) && i < n_receipts; i++) {
		item = smsc_receipts_new(&sim->receipts, id, m, c->account, (uint8_t)c->serial, sim->now_ms);
		if (item == SMSC_NONE)
			continue;
		if (i < 0)
			smsc_item(&sim->receipts, item)->outcome |= SMSC_INTERMEDIATE;
		if (i > 0 && sim->script.receipt_then) {
			smsc_item(&sim->receipts, item)->outcome = sim->script.receipt_then;
			smsc_receipts_tick(&sim->receipts, sim->now_ms);
			smsc_receipts_wait(&sim->receipts, item, due_ms + sim->script.receipt_then_ms);
			smsc_sim_want_tick(sim);
			continue;
		}
		if (sim->script.receipt_first) {
			smsc_receipts_ready(&sim->receipts, item);
			smsc_deliver_now(c);
			continue;
		}
		smsc_receipts_tick(&sim->receipts, sim->now_ms);
		smsc_receipts_wait(&sim->receipts, item, due_ms);
		smsc_sim_want_tick(sim);
	}
	if (lose) {
		sim->stats.lost_answers++;
		c->in_hand--;
		return;
	}
	smsc_stats_status(&sim->stats, 0);
	start = smsc_out_begin(&o, h->command | SMSC_RESP, 0, h->sequence);
	smsc_out_cstr(&o, spelt, n_id);
	put_congestion(c, &o);
	smsc_out_end(&o, start);
	smsc_conn_respond(c, o.p, o.n, 1);
}

static void script_mo(struct smsc_sim *sim, const struct smsc_rule *u)
{
	struct smsc_mo mo = {.n_text = (uint8_t)strlen(u->mo_text)};

	strcpy(mo.from, u->mo_from);
	strcpy(mo.to, u->mo_to);
	memcpy(mo.text, u->mo_text, mo.n_text);
	smsc_session_mo(sim, &mo);
}

static void on_submit(struct smsc_conn *c, const struct smsc_header *h, const uint8_t *pdu)
{
	struct smsc_sim *sim = c->sim;
	const uint8_t *body = pdu + SMSC_HEADER_LEN;
	size_t n = h->length - SMSC_HEADER_LEN;
	struct smsc_verdict v = {.answer = ACTION_NONE};
	struct smsc_message m;
	struct smsc_fault f = {.status = 0};
	int r;

	smsc_stats_arrived(&sim->stats, sim->now_ms);
	if (++c->in_hand > c->window_peak)
		c->window_peak = c->in_hand;
	r = h->command == CMD_SUBMIT_SM ? smsc_pdu_read_submit(body, n, &m, &f)
					: smsc_pdu_read_data(body, n, &m, &f);
	if (r < 0)
		smsc_stats_malformed(&sim->stats, f.why, pdu, h->length);
	else if (!(c->bound & BOUND_TX))
		f.status = ESME_RINVBNDSTS;
	if (f.status == 0 && sim->script.n_rules > 0)
		smsc_script_judge(&sim->script, EVENT_SUBMIT_SM, m.source.digits, m.dest.digits, &v);
	if (v.answer == ACTION_STATUS || v.answer == ACTION_NACK)
		smsc_stats_status(&sim->stats, v.status);
	if (v.answer == ACTION_SWALLOW) {
		sim->stats.swallowed++;
		c->in_hand--;
	}
	if (f.status || !answered_by_script(c, h, &v, 1)) {
		if (f.status == 0 && over_rate(sim))
			f.status = ESME_RTHROTTLED;
		if (f.status) {
			smsc_stats_status(&sim->stats, f.status);
			respond_status(c, h, f.status, 1);
		} else {
			submit_taken(c, h, &m, v.answer == ACTION_LOSE);
		}
	}
	if (v.mo)
		script_mo(sim, v.mo);
	misbehave(c, v.after);
}

static void on_query(struct smsc_conn *c, const struct smsc_header *h, const uint8_t *pdu)
{
	struct smsc_sim *sim = c->sim;
	uint8_t buf[128];
	struct smsc_out o = {.p = buf, .cap = sizeof(buf)};
	struct smsc_verdict v;
	struct smsc_fault f;
	struct smsc_ref q;
	enum smsc_state state;
	uint32_t done_ms;
	char date[17];
	size_t start;

	if (smsc_pdu_read_query(pdu + SMSC_HEADER_LEN, h->length - SMSC_HEADER_LEN, &q, &f) < 0) {
		smsc_stats_malformed(&sim->stats, f.why, pdu, h->length);
		respond_status(c, h, f.status, 0);
		return;
	}
	smsc_stats_query(&sim->stats, &q);
	smsc_script_judge(&sim->script, EVENT_QUERY_SM, q.source.digits, no_str, &v);
	if (answered_by_script(c, h, &v, 0))
		return;
	if (smsc_receipts_query(&sim->receipts, q.message_id, sim->now_ms, &state, &done_ms) < 0) {
		respond_status(c, h, ESME_RQUERYFAIL, 0);
		return;
	}
	if (v.answer == ACTION_STATE)
		state = (enum smsc_state)v.status;
	start = smsc_out_begin(&o, h->command | SMSC_RESP, 0, h->sequence);
	smsc_out_cstr(&o, q.message_id.s, q.message_id.n);
	smsc_receipts_date(&sim->receipts, done_ms, date);
	strcpy(date + 12, "000+"); /* SMPP 3.4, 7.1.1: tenths, quarter hours from UTC */
	smsc_out_cstr(&o, date, state == STATE_ENROUTE ? 0 : 16);
	smsc_out_u8(&o, (uint8_t)state);
	smsc_out_u8(&o, 0);
	smsc_out_end(&o, start);
	smsc_conn_respond(c, o.p, o.n, 0);
}

static void on_cancel(struct smsc_conn *c, const struct smsc_header *h, const uint8_t *pdu)
{
	struct smsc_sim *sim = c->sim;
	struct smsc_fault f;
	struct smsc_ref q;

	if (smsc_pdu_read_cancel(pdu + SMSC_HEADER_LEN, h->length - SMSC_HEADER_LEN, &q, &f) < 0) {
		smsc_stats_malformed(&sim->stats, f.why, pdu, h->length);
		respond_status(c, h, f.status, 0);
		return;
	}
	respond_status(c, h,
		smsc_receipts_cancel(&sim->receipts, q.message_id, sim->now_ms) < 0 ? ESME_RCANCELFAIL
										    : ESME_ROK,
		0);
}

static void on_plain(struct smsc_conn *c, const struct smsc_header *h, const uint8_t *pdu)
{
	struct smsc_sim *sim = c->sim;
	struct smsc_verdict v;

	if (h->length != SMSC_HEADER_LEN)
		smsc_stats_malformed(&sim->stats, "a body where none belongs", pdu, h->length);
	*(h->command == CMD_UNBIND ? &sim->stats.unbinds : &sim->stats.enquire_links) += 1;
	smsc_script_judge(&sim->script, h->command == CMD_UNBIND ? EVENT_UNBIND : EVENT_ENQUIRE_LINK, no_str,
		no_str, &v);
	if (answered_by_script(c, h, &v, 0))
		return;
	respond_status(c, h, ESME_ROK, 0);
	if (h->command == CMD_UNBIND)
		smsc_conn_finish(c);
	else
		misbehave(c, v.after);
}

static void on_response(struct smsc_conn *c, const struct smsc_header *h, const uint8_t *pdu)
{
	struct smsc_stats *s = &c->sim->stats;
	struct smsc_fault f;
	bool known = true;

	switch (h->command) {
	case CMD_DELIVER_SM | SMSC_RESP:
		if (smsc_pdu_check_deliver_resp(h, pdu + SMSC_HEADER_LEN, &f) < 0)
			smsc_stats_malformed(s, f.why, pdu, h->length);
		known = smsc_deliver_answered(c, h->sequence, h->status);
		break;
	case CMD_ENQUIRE_LINK | SMSC_RESP:
		known = c->enquire_waits;
		c->enquire_waits = false;
		break;
	case CMD_UNBIND | SMSC_RESP:
		known = c->unbinding;
		if (known)
			smsc_conn_finish(c);
		break;
	case CMD_GENERIC_NACK:
		s->nacks_received++;
		/* A nacked deliver_sm is refused for good: the peer does not speak it. */
		smsc_deliver_answered(c, h->sequence, h->status ? ESME_RINVCMDID : 0);
		break;
	default: known = false;
	}
	if (!known)
		s->unexpected_responses++;
}

static bool is_bind(uint32_t command)
{
	return command == CMD_BIND_TRANSMITTER || command == CMD_BIND_RECEIVER ||
	       command == CMD_BIND_TRANSCEIVER;
}

static bool needs_tx(uint32_t command)
{
	return command == CMD_QUERY_SM || command == CMD_CANCEL_SM || command == CMD_REPLACE_SM;
}

static void on_request(struct smsc_conn *c, const struct smsc_header *h, const uint8_t *pdu)
{
	if (h->command == CMD_SUBMIT_SM || h->command == CMD_DATA_SM) {
		on_submit(c, h, pdu);
	} else if (is_bind(h->command)) {
		on_bind(c, h, pdu);
	} else if (h->command == CMD_ENQUIRE_LINK || (h->command == CMD_UNBIND && c->bound != BOUND_NOT)) {
		on_plain(c, h, pdu);
	} else if (h->command == CMD_UNBIND || (needs_tx(h->command) && !(c->bound & BOUND_TX))) {
		respond_status(c, h, ESME_RINVBNDSTS, 0);
	} else if (h->command == CMD_QUERY_SM) {
		on_query(c, h, pdu);
	} else if (h->command == CMD_CANCEL_SM) {
		on_cancel(c, h, pdu);
	} else if (h->command == CMD_REPLACE_SM) {
		respond_status(c, h, ESME_RREPLACEFAIL, 0);
	} else {
		c->sim->stats.unknown_commands++;
		respond_nack(c, h->sequence, ESME_RINVCMDID, 0);
	}
}

void smsc_session_pdu(struct smsc_conn *c, const uint8_t *pdu, uint32_t length)
{
	struct smsc_header h;

	smsc_pdu_header(pdu, &h);
	if (h.command & SMSC_RESP) {
		on_response(c, &h, pdu);
		return;
	}
	if (h.status != 0)
		smsc_stats_malformed(&c->sim->stats, "command_status in a request", pdu, length);
	if (h.sequence == 0 || h.sequence > 0x7FFFFFFF)
		smsc_stats_malformed(&c->sim->stats, "sequence_number out of range", pdu, length);
	on_request(c, &h, pdu);
}

void smsc_session_bad_length(struct smsc_conn *c, const uint8_t *p, size_t n)
{
	smsc_stats_malformed(&c->sim->stats, "command_length out of range", p, (uint32_t)n);
	respond_nack(c, 0, ESME_RINVCMDLEN, 0);
	smsc_conn_finish(c);
}

void smsc_session_closed(struct smsc_conn *c)
{
	struct smsc_account *a = &c->sim->accounts[c->account];

	if (c->window_peak > c->sim->stats.window_peak)
		c->sim->stats.window_peak = c->window_peak;
	if (c->bound & BOUND_RX) {
		TAILQ_REMOVE(&a->rx, c, rx);
		a->n_rx--;
	}
	c->bound = BOUND_NOT;
	smsc_deliver_lost(c);
}

/* Once a second.  Every wait of ours ends here, so a silent peer cannot hold a connection for ever. */
void smsc_session_housekeep(struct smsc_conn *c)
{
	struct smsc_sim *sim = c->sim;
	const struct smsc_options *o = &sim->opt;
	uint32_t quiet_ms = sim->now_ms - c->last_in_ms;

	if (c->closing)
		return;
	smsc_deliver_timeouts(c);
	if (c->bound == BOUND_NOT && sim->now_ms - c->opened_ms > o->bind_timeout_s * 1000) {
		smsc_conn_close(c);
	} else if (c->n_in > 0 && !c->stalled && !c->finishing && quiet_ms > 30000) {
		smsc_stats_malformed(&sim->stats, "a PDU was never completed", c->in, (uint32_t)c->n_in);
		smsc_conn_close(c);
	} else if (c->finishing && quiet_ms > 30000 + sim->script.slow_ms) {
		smsc_conn_close(c);
	} else if (c->unbinding && sim->now_ms - c->unbind_ms > 10000) {
		sim->stats.timeouts++;
		smsc_conn_close(c);
	} else if (c->enquire_waits && sim->now_ms - c->enquire_ms > 10000) {
		sim->stats.timeouts++;
		smsc_conn_close(c);
	} else if (o->enquire_link_s && !c->enquire_waits && c->bound && smsc_conn_has_room(c) &&
		   quiet_ms > o->enquire_link_s * 1000) {
		c->enquire_waits = true;
		c->enquire_ms = sim->now_ms;
		request(c, CMD_ENQUIRE_LINK);
	}
}

/* To the first account that can receive, or to the first there is: then it waits for a receiver. */
int smsc_session_mo(struct smsc_sim *sim, const struct smsc_mo *mo)
{
	unsigned i = 0;
	uint32_t item;

	if (sim->n_accounts == 0)
		return UV_ENOTCONN;
	while (i < sim->n_accounts && sim->accounts[i].n_rx == 0)
		i++;
	item = smsc_receipts_new_mo(&sim->receipts, (uint8_t)(i < sim->n_accounts ? i : 0), mo);
	if (item == SMSC_NONE)
		return UV_ENOBUFS;
	smsc_receipts_ready(&sim->receipts, item);
	return 0;
}
