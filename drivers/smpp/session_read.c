/* SPDX-License-Identifier: Apache-2.0 */
/* session_read.c -- what the SMSC sends: from octets to PDUs, and what each of them means for the session.
 *
 * Most reads hold whole PDUs, which are handled where they lie.  Only the head of one whose rest has not come is
 * copied.  Every PDU is looked at in full before the next: one of them may pause the reading, or end the session. */
#include <config.h>

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "smpp/session_int.h"
#include "smpp/status.h"

#define PART_KEEP  4096u /* octets of memory kept for PDUs that come in pieces */

/* ---- how parts end ---- */

/* A queue that is full wants a rest, which may be the recipient's alone: short at first, the core makes it longer. */
#define QUEUE_FULL_MS 100u

static enum outcome outcome_of(enum status_class class)
{
	switch (class) {
	case STATUS_OK: return OUTCOME_SENT;
	case STATUS_PERMANENT: return OUTCOME_REJECTED;
	case STATUS_RECIPIENT: return OUTCOME_RECIPIENT;
	case STATUS_TEMPORARY: return OUTCOME_RETRY;
	case STATUS_THROTTLE: return OUTCOME_THROTTLED;
	case STATUS_LINK_FATAL: return OUTCOME_LINK_FAULT;
	case STATUS_DUPLICATE: return OUTCOME_DUPLICATE;
	}
	return OUTCOME_RETRY;
}

/* `late`: the answer to a part that timed out. */
static void settle_answer(struct session *s, uint64_t key, const struct pdu_header *h, const uint8_t *pdu, bool late)
{
	char id[RECEIPT_ID_SIZE], text[40];
	struct settle st = { .key = key, .outcome = outcome_of(s->ops->classify(s->arg, h->status)), .code = h->status,
		.late = late };
	struct pdu_str smsc_id;

	if (h->id == PDU_GENERIC_NACK && h->status == ESME_OK)
		st.outcome = OUTCOME_RETRY; /* a nack says no, whatever its status */
	if (st.outcome == OUTCOME_THROTTLED && h->status == ESME_QUEUE_FULL) {
		st.queue_full = true;
		st.retry_after_ms = QUEUE_FULL_MS;
	}
	if (st.outcome == OUTCOME_SENT || (st.outcome == OUTCOME_DUPLICATE && h->id != PDU_GENERIC_NACK)) {
		smsc_id = pdu_read_id(pdu, h->length);
		receipt_id_take(id, (const char *)smsc_id.s, smsc_id.n);
		st.smsc_id = id;
	}
	if (st.outcome != OUTCOME_SENT) {
		st.text = status_text(h->status, text, sizeof(text));
		if (h->id == PDU_GENERIC_NACK && h->status == ESME_OK)
			st.text = "generic_nack";
	}
	s->counters->throttled += st.outcome == OUTCOME_THROTTLED;
	s->ops->settled(s->arg, &st);
}

/* ---- answers ---- */

/* No quick retry with a password that was refused: many carriers lock the account for it. */
static enum hosts_failure refusal_class(uint32_t status)
{
	switch (status) {
	case ESME_BAD_PASSWORD:
	case ESME_BAD_SYSTEM_ID:
	case ESME_BAD_SYSTEM_TYPE:
		return HOSTS_DENIED;
	case ESME_BIND_FAILED:
		return HOSTS_REFUSED;
	case ESME_ALREADY_BOUND: /* the old session must die first, by the SMSC's own enquire_link */
		return HOSTS_BUSY;
	default:
		return HOSTS_LOST;
	}
}

static const char *refusal_means(uint32_t status)
{
	switch (status) {
	case ESME_BAD_PASSWORD: return " (wrong password)";
	case ESME_BAD_SYSTEM_ID: return " (unknown system_id)";
	case ESME_BAD_SYSTEM_TYPE: return " (wrong system_type)";
	case ESME_ALREADY_BOUND: return " (an old session still stands)";
	default: return "";
	}
}

static void handle_bind_resp(struct session *s, const struct pdu_header *h, const uint8_t *pdu)
{
	static const enum event bound[] = {
		[SESSION_TX] = EV_BOUND_TX, [SESSION_RX] = EV_BOUND_RX, [SESSION_TRX] = EV_BOUND_TRX,
	};
	char text[40];

	if (h->status == ESME_OK && h->id != PDU_GENERIC_NACK) {
		s->peer_version = pdu_read_resp_octet(pdu, h->length, PDU_TLV_SC_INTERFACE_VERSION);
		session_dispatch(s, bound[s->kind]);
		return;
	}
	session_set_reason(s, "bind refused: %s%s", status_text(h->status, text, sizeof(text)), refusal_means(h->status));
	s->why = refusal_class(h->status);
	if (s->why == HOSTS_DENIED || s->why == HOSTS_REFUSED)
		log_error("smpp_refused", "link=%s bind=%u reason=%s", s->conf->link, s->index, s->reason);
	session_dispatch(s, EV_REFUSED);
}

/* submit_sm_resp, data_sm_resp, generic_nack. */
static void handle_answer(struct session *s, const struct pdu_header *h, const uint8_t *pdu)
{
	bool fatal = s->ops->classify(s->arg, h->status) == STATUS_LINK_FATAL;
	struct window_slot slot;
	uint64_t late_key;
	char text[40];

	if (window_take(&s->window, h->seq, &slot)) {
		histogram_add(&s->counters->response_ms, now_ms(s) - slot.sent_ms);
		histogram_add(&s->response_ms, now_ms(s) - slot.sent_ms);
		settle_answer(s, slot.key, h, pdu, false);
		if (!fatal)
			session_check_room(s); /* else nothing more goes this way */
	} else if (window_take_late(&s->window, h->seq, &late_key)) {
		settle_answer(s, late_key, h, pdu, true);
	} else {
		/* A nack for no request of ours that speaks of our framing ends the session; all else is noise. */
		fatal = h->id == PDU_GENERIC_NACK && h->status == ESME_BAD_CMD_LEN;
		if (session_odd(s))
			log_warn("smpp_unknown_seq", "link=%s bind=%u command_id=%08x seq=%u status=%s", s->conf->link,
				s->index, h->id, h->seq, status_text(h->status, text, sizeof(text)));
	}
	if (h->status == ESME_OK)
		session_alive(s);
	if (fatal && is_talking(s->state)) {
		session_set_reason(s, "the SMSC answered %s", status_text(h->status, text, sizeof(text)));
		session_dispatch(s, EV_FATAL);
	}
	session_check_drained(s);
}

/* The shortest response that can hold a TLV of one octet. */
#define RESP_WITH_OCTET (PDU_HEADER + 5u)

static void read_congestion(struct session *s, const struct pdu_header *h, const uint8_t *pdu)
{
	int percent = h->length < RESP_WITH_OCTET ? -1 : pdu_read_resp_octet(pdu, h->length, PDU_TLV_CONGESTION_STATE);

	if (percent >= 0 && percent <= 100) /* above is reserved */
		s->ops->congestion(s->arg, (unsigned)percent);
}

static void handle_response(struct session *s, const struct pdu_header *h, const uint8_t *pdu)
{
	read_congestion(s, h, pdu);
	if (s->state == ST_OPEN && h->seq == s->bind_seq &&
		(h->id == (PDU_RESP | PDU_BIND_TRANSMITTER) || h->id == (PDU_RESP | PDU_BIND_RECEIVER) ||
			h->id == (PDU_RESP | PDU_BIND_TRANSCEIVER) || h->id == PDU_GENERIC_NACK)) {
		handle_bind_resp(s, h, pdu);
		return;
	}
	switch (h->id) {
	case PDU_RESP | PDU_SUBMIT_SM:
	case PDU_RESP | PDU_DATA_SM:
	case PDU_GENERIC_NACK:
		handle_answer(s, h, pdu);
		return;
	case PDU_RESP | PDU_ENQUIRE_LINK:
		session_alive(s); /* it holds: the next loss starts from reconnect_min */
		return;
	case PDU_RESP | PDU_UNBIND:
		if (s->state == ST_UNBINDING) {
			session_dispatch(s, EV_UNBOUND);
			return;
		}
		break;
	default:
		break;
	}
	if (session_odd(s))
		log_warn("smpp_unexpected", "link=%s bind=%u command_id=%08x seq=%u", s->conf->link, s->index, h->id,
			h->seq);
}

void session_answer_sm(struct session *s, uint32_t id, uint32_t seq, uint32_t status)
{
	uint8_t pdu[PDU_SM_RESP_LEN];

	session_put(s, pdu, pdu_put_sm_resp(pdu, PDU_RESP | id, status, seq));
}

static void handle_sm(struct session *s, const struct pdu_header *h, const uint8_t *pdu)
{
	uint32_t status = ESME_OK;

	if (s->state == ST_CALLED || s->state == ST_OPEN || s->kind == SESSION_TX) {
		session_answer_sm(s, h->id, h->seq, ESME_BAD_BIND_STATE);
		return;
	}
	session_alive(s);
	s->unacked++; /* first: the core may acknowledge from inside */
	if (s->ops->sm(s->arg, s, pdu, h->length, h, &status) == 0)
		return;
	s->unacked--;
	session_answer_sm(s, h->id, h->seq, status);
	session_check_drained(s);
}

/* Equal, in a time that does not say how much of it was. */
static bool same(struct pdu_str got, const char *want)
{
	size_t n = strlen(want);
	uint8_t diff = got.n != n;

	for (size_t i = 0; i < got.n; i++)
		diff |= (uint8_t)(got.s[i] ^ (n ? want[i % n] : 0));
	return !diff;
}

/* The SMSC that called says who it is (SMPP 3.4, 4.1.7.1).  There is no response to an outbind: the answer is a
 * bind_receiver, or the end. */
static void handle_outbind(struct session *s, const uint8_t *pdu, size_t n)
{
	struct pdu_str system_id, password;
	bool known;

	if (pdu_read_outbind(pdu, n, &system_id, &password) < 0) {
		session_broken(s, "an outbind that cannot be read");
		return;
	}
	known = same(system_id, s->conf->outbind_system_id);
	known &= same(password, s->conf->outbind_password);
	if (known) {
		session_dispatch(s, EV_OUTBIND);
		return;
	}
	session_hang_up(s, "outbind with a wrong system_id or password");
}

static void handle_request(struct session *s, const struct pdu_header *h, const uint8_t *pdu)
{
	char text[256];

	switch (h->id) {
	case PDU_DELIVER_SM:
	case PDU_DATA_SM:
		handle_sm(s, h, pdu);
		return;
	case PDU_ENQUIRE_LINK:
		session_put_header(s, PDU_RESP | PDU_ENQUIRE_LINK, ESME_OK, h->seq);
		return;
	case PDU_UNBIND:
		s->unbind_seq = h->seq;
		session_set_reason(s, "unbound by the SMSC");
		session_dispatch(s, EV_UNBIND);
		return;
	case PDU_OUTBIND:
		if (s->state == ST_CALLED) {
			handle_outbind(s, pdu, h->length);
			return;
		}
		/* fall through */
	case PDU_ALERT_NOTIFICATION:
		/* Neither has a response (SMPP 3.4, 4.1.7 and 4.12). */
		if (pdu_describe(pdu, h->length, text, sizeof(text)) == 0)
			log_debug("smpp_notice", "link=%s bind=%u text=%s", s->conf->link, s->index, text);
		return;
	default:
		if (session_odd(s))
			log_warn("smpp_unknown_command", "link=%s bind=%u command_id=%08x", s->conf->link, s->index, h->id);
		session_put_header(s, PDU_GENERIC_NACK, ESME_BAD_CMD_ID, h->seq);
		return;
	}
}

static void handle_pdu(struct session *s, const uint8_t *pdu)
{
	struct pdu_header h;

	pdu_header_read(pdu, &h);
	if (trace_is_on(s->trace))
		trace_add(s->trace, now_ms(s), s->index, false, pdu, h.length);
	if (h.id & PDU_RESP)
		handle_response(s, &h, pdu);
	else
		handle_request(s, &h, pdu);
}

void session_broken(struct session *s, const char *reason)
{
	s->counters->malformed++;
	session_put_header(s, PDU_GENERIC_NACK, ESME_BAD_CMD_LEN, 0);
	session_set_reason(s, "%s", reason);
	log_warn("smpp_broken", "link=%s bind=%u reason=%s", s->conf->link, s->index, reason);
	session_dispatch(s, EV_BROKEN);
}

/* Add to the PDU that came in pieces what it lacks, no more; returns the octets taken, or -ENOMEM. */
static ssize_t complete(struct session *s, const uint8_t *data, size_t n)
{
	size_t have = buf_len(&s->part), want = 4;
	struct pdu_header h;
	int r;

	if (have >= PDU_HEADER) {
		pdu_header_read(buf_data(&s->part), &h);
		want = h.length;
	} else if (have >= 4) {
		want = PDU_HEADER; /* never more than a sound length, and pdu_frame() has seen this one */
	}
	if (n > want - have)
		n = want - have;
	r = buf_add(&s->part, data, n);
	return r < 0 ? r : (ssize_t)n;
}

/* One PDU, or a piece of it: the octets taken, negative when the session has ended by it. */
static ssize_t take(struct session *s, const uint8_t *data, size_t n)
{
	bool in_part = buf_len(&s->part) > 0;
	ssize_t took = 0;
	int32_t length;

	if (in_part) {
		took = complete(s, data, n);
		length = took < 0 ? (int32_t)took : pdu_frame(buf_data(&s->part), buf_len(&s->part));
	} else {
		length = pdu_frame(data, n);
	}
	if (length < 0) {
		session_broken(s, length == -ENOMEM ? "out of memory" : "command_length out of range");
		return -1;
	}
	if (length == 0) {
		if (in_part)
			return took;
		s->part_since_ms = now_ms(s);
		return buf_add(&s->part, data, n) < 0 ? (session_broken(s, "out of memory"), -1) : (ssize_t)n;
	}
	if (!in_part) {
		handle_pdu(s, data);
		return length;
	}
	s->part_since_ms = 0;
	handle_pdu(s, buf_data(&s->part));
	buf_reset(&s->part, PART_KEEP);
	return took;
}

void session_on_read(void *arg, const uint8_t *data, size_t n)
{
	struct session *s = arg;

	s->last_in_ms = now_ms(s);
	s->enquire_sent_ms = 0;
	while (n && is_talking(s->state)) {
		ssize_t took = take(s, data, n);

		if (took < 0)
			return;
		data += took;
		n -= (size_t)took;
		if (s->unacked < SESSION_MAX_UNACKED || !is_talking(s->state))
			continue;
		s->paused = true;
		if (n)
			stream_unread(s->stream, n);
		else
			stream_pause(s->stream);
		break;
	}
	session_arm(s);
}
