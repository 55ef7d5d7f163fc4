/* SPDX-License-Identifier: Apache-2.0 */
/* smsc_script.h -- the misbehaviour of the carrier simulator, read from small text files.
 *
 * A script is a list of lines; `#` begins a comment.  posthorn-smsc-sim(1) describes them all.  Two kinds:
 *
 *  - rules:    `on EVENT [WHEN] [to PATTERN] [from PATTERN] ANSWER`   what to do instead of the right answer
 *              `after N|every N EVENT FAULT`                           what to do once the answer is out
 *  - settings: `slow 50ms`, `receipt twice`, `id hex`, `tps 100`, ...
 *
 * Each rule counts the events that match it, over all connections and for the life of the process, so that a
 * fault that cuts the connection does not strike again at once after the peer has come back.
 */
#ifndef SMSC_SCRIPT_H
#define SMSC_SCRIPT_H

#include "smsc_pdu.h"

#define SMSC_RULES_MAX	  64u
#define SMSC_OUTCOMES_MAX 32u

enum smsc_event {
	EVENT_SUBMIT_SM, /* data_sm as well */
	EVENT_BIND,
	EVENT_ENQUIRE_LINK,
	EVENT_QUERY_SM,
	EVENT_UNBIND,
};

/* What takes the place of the right answer, or (from ACTION_DROP on) may also follow it. */
enum smsc_action {
	ACTION_NONE,
	ACTION_STATUS,	/* answer with this status */
	ACTION_NACK,	/* answer with generic_nack and this status */
	ACTION_STATE,	/* of query_sm: answer with this message_state */
	ACTION_SWALLOW, /* neither take it nor answer */
	ACTION_LOSE,	/* take it, but never answer */
	ACTION_DROP,	/* close the connection */
	ACTION_UNBIND,
	ACTION_GARBAGE,
	ACTION_HALF_PDU,
	ACTION_WRONG_LENGTH,
	ACTION_HUGE_LENGTH,
	ACTION_UNKNOWN_COMMAND,
	ACTION_TRUNCATED,
	ACTION_ZERO_SEQUENCE,
	ACTION_HIGH_SEQUENCE,
	ACTION_SAME_SEQUENCE,
	ACTION_STRAY_RESPONSE,
	ACTION_WRONG_REQUEST,
	ACTION_MO, /* only of `mo` lines */
};

enum smsc_id_form {
	ID_DEC,
	ID_HEX,
	ID_UUID,
	ID_HEX_RESP_DEC_RECEIPT,
	ID_DEC_RESP_HEX_RECEIPT,
	ID_LEADING_ZEROS, /* twenty digits in the response, without the zeros in the receipt */
	ID_NAME_IN_FRONT, /* "acme-N" in the receipt, N in the response */
	ID_NAME_BEHIND,	  /* "N@smsc" in the receipt */
	ID_NAME_IN_RESP,  /* "acme-N" in the response, N in the receipt */
	ID_LONG,	  /* more octets than the standard allows; those that differ stand last */
	ID_TLV_DIFFERS,	  /* hexadecimal in response and TLV, ten decimal digits in the text */
};

enum smsc_receipt_form {
	RECEIPT_BOTH,
	RECEIPT_TEXT,
	RECEIPT_TLV,
	RECEIPT_PAYLOAD, /* the text in message_payload */
	RECEIPT_UTF16,	 /* the same in UTF-16 with data_coding 8 */
	RECEIPT_NO_ID,	 /* a text that names no message */
};

enum smsc_receipt_parts {
	PARTS_EACH,
	PARTS_FIRST, /* of a message with a concatenation header, a receipt for its first part only */
	PARTS_LAST,
};

struct smsc_outcome {
	char stat[16]; /* the word of the receipt, as given */
	char err[4];
	enum smsc_state state;
	unsigned weight; /* 0: only by rule */
	char to[24];	 /* pattern of the rule, or empty */
};

struct smsc_rule {
	enum smsc_event event;
	enum smsc_action action;
	bool after;	      /* follows the answer */
	uint64_t first, last; /* of the matching events, from 1 */
	uint64_t every;	      /* 0: use first and last */
	uint32_t status;
	char to[24], from[24];
	uint64_t n_seen;
	char mo_from[21], mo_to[21], mo_text[161];
};

struct smsc_script {
	struct smsc_rule rules[SMSC_RULES_MAX + 1]; /* one more: being read */
	unsigned n_rules;
	bool calm; /* those with `every` rest */
	struct smsc_outcome outcomes[SMSC_OUTCOMES_MAX];
	unsigned n_outcomes, total_weight;

	uint32_t slow_ms;
	uint32_t tps, tps_burst; /* 0: no limit */
	bool tps_by_clock;	 /* so many in each second of the clock, instead of a bucket */
	enum smsc_id_form id_form;
	enum smsc_receipt_form receipt_form;
	bool receipt_first, receipt_twice, receipt_other_bind, receipt_none;
	uint32_t receipt_unknown_every;
	uint32_t receipt_delay_ms, receipt_jitter_ms;
	bool receipt_intermediate; /* one more in front: esm_class 20, ENROUTE */
	bool receipt_unswapped, receipt_anonymous;
	bool receipt_quotes; /* the first 20 octets of the text behind "text:" */
	bool receipt_numbered; /* with the user_message_reference that the message had */
	uint8_t receipt_esm; /* esm_class */
	enum smsc_receipt_parts receipt_parts;
	uint8_t receipt_then; /* the outcome of a second receipt; 0: none */
	uint32_t receipt_then_ms;
	bool status_resp_short;
	uint8_t version;      /* 33, 34 or 50 */
	bool fragment;        /* one octet a segment */
	uint32_t restart_ms;  /* close all connections so often; 0: never */
	uint32_t bind_limit, bind_limit_status; /* binds at a time; 0: any number */
	int congestion; /* congestion_state of submit_sm_resp and data_sm_resp; -1: none */
};

/* What the rules say of one event; at most one answer, at most one fault behind it, at most one MO. */
struct smsc_verdict {
	enum smsc_action answer, after;
	uint32_t status;
	const struct smsc_rule *mo;
};

void smsc_script_init(struct smsc_script *s);

/* Read a file, or one line of it (`where` names the source).  -EINVAL: `err` holds `file:line: reason`. */
int smsc_script_load(struct smsc_script *s, const char *path, char *err, size_t n_err);
int smsc_script_line(struct smsc_script *s, const char *line, const char *where, char *err, size_t n_err);

/* `DELIVRD=90,UNDELIV:err=021=5`: replaces the weighted outcomes. */
int smsc_script_outcomes(struct smsc_script *s, const char *spec, char *err, size_t n_err);

/* Count one event and collect the verdict.  `to` and `from` may be empty. */
void smsc_script_judge(struct smsc_script *s, enum smsc_event event, struct smsc_str from, struct smsc_str to,
	struct smsc_verdict *ret);

/* The outcome of a message, always the same for the same destination; an index into `outcomes`. */
unsigned smsc_script_outcome(const struct smsc_script *s, struct smsc_str to);

#endif
