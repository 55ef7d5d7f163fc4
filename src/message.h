/* SPDX-License-Identifier: Apache-2.0
 *
 * message.h -- the thing that travels: a message, its parts, their states and the lawful moves.
 *
 *     scheduled ──► queued ──► sending ──► sent ──► delivered · undelivered · rejected
 *         └───────────┴───────────┴─────────┴────►  expired · cancelled · unconfirmed
 *
 * A message is immutable once it was accepted; what happens to it is told by rows beside it (lease, submit,
 * attempt, final) and, while it is held in memory, by the queue.  A final state stays final but for one lawful
 * correction: expired, unconfirmed or undelivered may become delivered when a later receipt says so.
 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/segment.h"

/* ---- identity ------------------------------------------------------------------------------------------- */

/* id = node (6 bits) << 49 | counter (49 bits), so that key = id * 256 + part fits a signed 64-bit integer.
 * Part 0 is the message itself, parts count from 1.  Ids are shown as decimal text. */
#define MSG_COUNTER_BITS 49
#define MSG_NODE_MAX     63

static inline uint64_t msg_key(uint64_t id, unsigned part)
{
	return id << 8 | part;
}

static inline uint64_t msg_key_id(uint64_t key)
{
	return key >> 8;
}

static inline unsigned msg_key_part(uint64_t key)
{
	return key & 0xff;
}

/* ---- words ---------------------------------------------------------------------------------------------- */

enum msg_class {
	CLASS_OTP,       /* one-time codes: overtake everything, have a reserved share */
	CLASS_SERVICE,   /* what a person waits for: orders, reminders */
	CLASS_MARKETING, /* bulk */
	CLASS_N
};

enum msg_report {
	REPORT_FINAL, /* one event per message, when it is final */
	REPORT_ALL,   /* also sent, and every part */
	REPORT_NONE
};

enum msg_state {
	STATE_SCHEDULED,
	STATE_QUEUED,
	STATE_SENDING, /* a part was leased or submitted, not all */
	STATE_SENT,    /* the carrier took every part */
	STATE_DELIVERED,
	STATE_UNDELIVERED,
	STATE_REJECTED,
	STATE_EXPIRED,
	STATE_CANCELLED,
	STATE_UNCONFIRMED,
	STATE_N
};

static inline bool state_is_final(enum msg_state s)
{
	return s >= STATE_DELIVERED;
}

/* May `to` replace the final state `from`?  The only lawful correction (see the head of this file). */
static inline bool state_may_correct(enum msg_state from, enum msg_state to)
{
	return to == STATE_DELIVERED &&
	       (from == STATE_EXPIRED || from == STATE_UNCONFIRMED || from == STATE_UNDELIVERED);
}

/* Why a message waits, or why it ended as it did.  Stored in due.reason and final.reason: append only. */
enum msg_reason {
	REASON_NONE,
	REASON_SCHEDULED,   /* send_at is still to come */
	REASON_RETRY,       /* the carrier said: again later */
	REASON_HOLD,        /* uncertain, held for evidence */
	REASON_LINK_DOWN,   /* no link of its route is up */
	REASON_WINDOW_FULL, /* the link's window is full */
	REASON_THROTTLED,   /* the link's rate, ours or the carrier's */
	REASON_CLIENT_RATE, /* the client's own tps */
	REASON_NO_ROUTE,    /* no rule matches */
	REASON_BACKLOG,     /* earlier messages of its lane go first */
	REASON_DISK,        /* the disk reserve is touched: nothing is sent */
	REASON_TTL,         /* its time ran out */
	REASON_NO_ANSWER,   /* written, never answered, policy hold or fail */
	REASON_NO_RECEIPT,  /* taken by the carrier, no receipt in time */
	REASON_NO_REPORTS,  /* this link gives no receipts */
	REASON_REFUSED,     /* every link of the route refused it for good */
	REASON_ATTEMPTS,    /* attempts used up */
	REASON_RECEIPT,     /* a delivery receipt said so */
	REASON_CLIENT,      /* the client cancelled it */
	REASON_LINK_DRAIN,  /* its link drains */
	REASON_HELD,        /* an operator holds it */
	REASON_STORE,       /* waiting for the disk */
	REASON_N
};

/* How one attempt ended.  Only the queue may choose between a lost and a double message, so UNKNOWN exists.  Stored in
 * attempt.outcome: append only. */
enum outcome {
	OUTCOME_SENT,      /* taken, smsc_id known (it may be empty) */
	OUTCOME_RETRY,     /* refused for now: again later, costs an attempt */
	OUTCOME_THROTTLED, /* refused because of our rate: again soon, costs no attempt */
	OUTCOME_REJECTED,  /* refused for good by this link */
	OUTCOME_UNKNOWN,   /* written, but no answer came */
	OUTCOME_UNSENT,    /* never written: the link went away first, costs nothing */
	OUTCOME_LINK_FAULT, /* refused because of the link's session, not of the part: again on a new one */
	OUTCOME_DUPLICATE, /* refused because it was taken before: as sent, smsc_id as a rule unknown */
	OUTCOME_RECIPIENT, /* refused for good, and by any link: it is the number */
	OUTCOME_N
};

const char *msg_class_name(enum msg_class c);
const char *msg_report_name(enum msg_report r);
const char *msg_state_name(enum msg_state s);
const char *msg_reason_name(enum msg_reason r);
const char *outcome_name(enum outcome o);
/* The class of a refusal, as `errors` of a link says it; "" when it was none. */
const char *outcome_class(enum outcome o);
const char *encoding_name(enum encoding e);

/* An error is kept as "text:code", in the carrier's words.  Either half may stand alone and then is both. */
void msg_error_split(const char *error, const char **ret_code, size_t *ret_n_text);

/* The inverse of the above; -EINVAL for an unknown word. */
int msg_class_parse(const char *word);
int msg_report_parse(const char *word);
int msg_state_parse(const char *word);

/* ---- the message ---------------------------------------------------------------------------------------- */

#define MSG_REF_MAX  64 /* octets of ref, tag and campaign */
#define MSG_FROM_MAX 22 /* 11 characters of the GSM alphabet */
#define MSG_TEXT_MAX 40000 /* octets of UTF-8: 64 parts of anything */

#define MSG_FLASH  0x01 /* message class 0 */
#define MSG_BINARY 0x02 /* text holds: octet count of the UDH, UDH, data */

/* Values of TLVs that a message brings for links that declare them, by name: each is the octet count of the name, the
 * name, the octet count of the value (two octets, the higher one first), the value as text. */
#define MSG_TLVS_MAX     512 /* octets of all of them */
#define MSG_TLV_NAME_MAX 32

struct msg_tlv {
	const char *name, *value; /* no NUL behind them */
	size_t n_name, n_value;
};

/* The one at *at of `n` octets, and *at moved behind it.  False at the end, or where the octets make no sense. */
bool msg_tlv_next(const uint8_t *list, size_t n, size_t *at, struct msg_tlv *ret);
bool msg_tlv_find(const uint8_t *list, size_t n, const char *name, struct msg_tlv *ret);
/* Put one behind the `*n` octets at `list`, which has room for MSG_TLVS_MAX; -ENOBUFS. */
int msg_tlv_add(uint8_t *list, size_t *n, const char *name, const char *value, size_t n_value);

/* One allocation: the strings lie behind the struct and are NUL-terminated (text may hold NULs when binary). */
struct message {
	uint64_t id;
	int64_t created_ms; /* Unix time; never decreases with id */
	int64_t send_at_ms; /* 0: at once */
	int64_t ttl_end_ms; /* final by then */
	uint64_t to;        /* E.164 digits as a number */
	uint32_t client;    /* names are integers: store.h, NAME_CLIENT ... */
	uint32_t campaign;  /* 0: none */
	uint32_t route;
	uint8_t class;      /* enum msg_class */
	uint8_t report;     /* enum msg_report */
	uint8_t flags;      /* MSG_FLASH | MSG_BINARY */
	uint8_t encoding;   /* enum encoding, as answered to the client */
	uint8_t wish;       /* enum encoding_wish */
	uint8_t n_parts;    /* as answered; a link with other rules may need another number */
	uint8_t n_ref, n_tag, n_from;
	uint16_t n_tlvs;
	uint32_t n_text;
	const char *ref, *tag, *from, *text;
	const uint8_t *tlvs; /* see above; n_tlvs octets */
};

/* A recipient whose number was scrubbed: bit 63, its first digits, and how many it had.  Never given to a link. */
uint64_t msg_to_scrub(uint64_t to);
bool msg_to_is_scrubbed(uint64_t to);
/* "+12025550142", or "+1202*******" of one that was scrubbed. */
#define MSG_TO_TEXT 40
const char *msg_to_text(uint64_t to, char dst[static MSG_TO_TEXT]);

/* Copy `m` with its strings into one new allocation; NULL when memory is out.  Freed by message_free(). */
struct message *message_new(const struct message *m);
void message_free(struct message *m);

#endif
