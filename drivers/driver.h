/* SPDX-License-Identifier: Apache-2.0
 *
 * driver.h -- the contract between the core and the code for one kind of link.
 *
 * A driver makes ONE attempt for each part and says how it ended.  When to try again, and where, is decided above it.
 * Everything runs on the loop thread.  The rules below are also asserts in link.c, which wraps every call:
 *
 *     open ─► start ─► link_up ─► submit … link_settled ─► link_down ─► (by itself) link_up …
 *                                                  └► stop ─► link_stopped ─► close
 *
 *  - exactly one link_settled() follows each submit() that returned 0, also when the wire breaks; it may follow
 *    link_down(), since a link that goes down may still hear answers (a late answer, settle.late, is one more);
 *  - no part is settled from inside submit();
 *  - a receipt or an inbound message is acknowledged to the peer only by ack(), which the core calls after the commit;
 *  - a driver reconnects by itself, with back-off and jitter; it never gives up unless the peer's refusal is permanent,
 *    and then says so by link_down() with a reason a person understands.
 *
 * A driver includes this file, message.h, codec/ and base/; never the queue, never another driver.
 */
#ifndef DRIVER_H
#define DRIVER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/conf.h"
#include "codec/gsm7.h"
#include "codec/receipt.h"
#include "codec/segment.h"
#include "message.h"

struct link;

/* One part on its way out.  Lent for the submit() call only. */
struct part {
	uint64_t key;         /* what link_settled() reports back */
	uint64_t to;          /* E.164 digits */
	const char *from;     /* sender as the client gave it: digits, short code or alphanumeric; "" = the link's own */
	uint8_t part, n_parts; /* from 1, as in the concatenation header; 1/1 when alone */
	uint16_t ref;         /* concatenation reference */
	enum encoding encoding;
	enum msg_class class;
	bool flash;
	bool want_receipt;
	uint32_t validity_s;  /* what is left of the ttl */
	struct segment_wire wire; /* UDH and text; for CONCAT_PAYLOAD see text/n_text */
	const char *text;     /* the whole UTF-8 text, for drivers that send it whole */
	uint32_t n_text;
	const uint8_t *tlvs;  /* values for TLVs that the link may declare, as in struct message */
	uint16_t n_tlvs;
};

struct settle {
	uint64_t key;
	enum outcome outcome;
	uint32_t code;        /* the wire's own code: command_status, CMS error; 0 = none */
	const char *smsc_id;  /* OUTCOME_SENT: as received, NUL-terminated, at most 64 octets are kept */
	const char *text;     /* what a person reads in the timeline; may be NULL */
	/* OUTCOME_RETRY: not before; OUTCOME_THROTTLED: the link rests for so long, and longer while nothing is taken,
	 * a second at most; 0 = the core decides. */
	uint32_t retry_after_ms;
	bool queue_full;      /* OUTCOME_THROTTLED: a queue is full, perhaps only the recipient's */
	bool late;            /* an answer for a part that was already settled as UNKNOWN */
};

/* Names an inbound PDU to its driver when it may be acknowledged. */
struct driver_token {
	uint64_t a, b;
};

/* A delivery receipt, as the driver read it. */
struct link_receipt {
	const char *smsc_id;  /* as received; "" = it names no message */
	bool smsc_id_tlv;     /* it is from receipted_message_id, which is as a rule spelt like the response */
	const char *smsc_id2; /* a second spelling in the same PDU (text beside the TLV), or NULL */
	uint64_t from;        /* the handset: the recipient of our message; 0 = unknown */
	uint64_t other;       /* the other number of the PDU: some do not swap them; 0 = none */
	enum receipt_state state;
	const char *stat_raw; /* the word or number as received */
	const char *err;      /* error code, raw; "" = none */
	const char *quoted;   /* the beginning of the message's text, as far as it quotes it; NULL or "" = not at all */
	bool intermediate;
};

/* An inbound message (MO) that is no receipt. */
struct link_inbound {
	const char *from, *to;
	const char *text;     /* decoded to UTF-8, with U+FFFD where it was malformed */
	uint32_t n_text;
	const uint8_t *raw;   /* the octets of the text as received, UDH first */
	uint32_t n_raw;
	uint8_t data_coding, esm_class; /* as SMPP numbers them: a TP-DCS below 10 goes as 00, 04 or 08 (dcs_make()) */
};

#define DRIVER_MO  0x01 /* can receive messages */
#define DRIVER_DLR 0x02 /* can receive receipts */

/* What a driver tells of itself for /v1/links and /metrics. */
struct driver_stats {
	uint32_t binds_up, binds;
	uint64_t reconnects, enquire_timeouts, response_timeouts, malformed, throttled;
	uint32_t response_ms_p50, response_ms_p99;
};

/* One session of a link, for people.  Strings are lent for the call. */
struct driver_bind {
	unsigned n;            /* from 0 */
	const char *kind;      /* "transceiver" */
	const char *host;      /* "smsc.example:2775" */
	const char *state;     /* the driver's own word */
	const char *reason;    /* why it is not bound, or why the last one ended; "" */
	const char *version;   /* of the protocol, as the peer told it; "" */
	int64_t since_ms;      /* of the state, wall clock */
	bool up;
	uint32_t outstanding;  /* submitted, not answered */
	uint32_t unacked;      /* received, not acknowledged */
	uint32_t response_ms_p50, response_ms_p99;
};

/* One PDU of a trace.  Lent for the call. */
struct driver_pdu {
	int64_t at_ms;         /* wall clock */
	unsigned bind;
	bool out;              /* ours */
	const char *command;   /* "submit_sm" */
	uint32_t status, seq;
	const uint8_t *octets; /* texts and passwords are masked */
	uint32_t n, n_whole;   /* kept, and what it had */
};

struct driver {
	const char *name;        /* what the configuration calls it: driver = "smpp" */
	unsigned caps;           /* DRIVER_MO | DRIVER_DLR */

	/* Would open() succeed?  Looks at what settings name (files), keeps nothing.  0, or -errno and what to mend.
	 * May be NULL: there is nothing to look at. */
	int (*check)(const struct conf_link *c, char *err, size_t n_err);

	/* Read settings, allocate, touch no wire.  Sets link_driver_data().  On failure leave nothing behind. */
	int (*open)(struct link *l, const struct conf_link *c);

	int (*start)(struct link *l);

	/* 0: taken, exactly one link_settled() follows, even if the wire breaks.
	 * -EAGAIN: no room on the wire now, link_ready() or link_down() follows.  -ENOTCONN: not up.
	 * -EMSGSIZE: no PDU of this link can hold it; nothing was taken. */
	int (*submit)(struct link *l, const struct part *p);

	/* What a sender becomes on this link for that recipient; lent until the next call.  May be NULL: it never
	 * changes.  It is asked when a part was taken, so that the timeline can tell. */
	const char *(*sender)(struct link *l, const char *from, uint64_t to);

	/* The commit is done (status 0: acknowledge) or failed (-errno: ask the peer to send again). */
	void (*ack)(struct link *l, struct driver_token token, int status);

	/* Read a text whose octets came in several parts and stand here one behind the other, without headers: what was
	 * cut apart between two of them is whole again.  `cap` is 4 * n + 4 or more.  -ENOTSUP: parts of this link
	 * cannot be read so (packed septets).  NULL: likewise. */
	int (*decode)(struct link *l, uint8_t data_coding, struct gsm7_shift shift, const uint8_t *text, size_t n,
		char *dst, size_t cap, size_t *ret_n);

	/* Finish what is in flight, say goodbye, close; ends with link_stopped(), within response_timeout.
	 * Called again: there is no time left, what is in flight may end as UNKNOWN. */
	void (*stop)(struct link *l);
	void (*close)(struct link *l); /* frees what open() made, after link_stopped() */

	void (*stats)(struct link *l, struct driver_stats *ret);

	/* An operator says: what failed may be tried again now, without waiting for the pause to end.  May be NULL. */
	void (*retry)(struct link *l);
	/* An operator says: bind again, one session after the other, with nothing in flight lost; what waits after a
	 * failure does so at once.  May be NULL. */
	void (*rebind)(struct link *l);
	/* The configuration was read again, and nothing changed that open() has read; the files that it names may have.
	 * May be NULL. */
	void (*reread)(struct link *l);
	/* Tell of each session.  May be NULL: it has none to speak of. */
	void (*binds)(struct link *l, void (*each)(void *arg, const struct driver_bind *b), void *arg);

	/* Keep what goes over the wire, for some minutes (on), or forget it.  0 or -errno.  Both may be NULL. */
	int (*trace)(struct link *l, bool on);
	/* Tell of what was kept, from the oldest; returns whether it is still on. */
	bool (*traced)(struct link *l, void (*each)(void *arg, const struct driver_pdu *p), void *arg);

	/* So many parts per bind may be in flight from here on, up to the setting's bound; link_up() tells the sum.  0
	 * or -errno: nothing changed.  NULL: the driver has no such window. */
	int (*set_window)(struct link *l, unsigned window);
};

/* The table made from drivers.def.  On failure *ret_why says so: unknown, or built without something. */
const struct driver *driver_find(const char *name, const char **ret_why);

/* ---- the core's half (src/route/link.c) ------------------------------------------------------------------ */

uv_loop_t *link_loop(const struct link *l);
const char *link_name(const struct link *l);
const struct conf_link *link_conf(const struct link *l); /* changes under a reload; never keep its strings */
void *link_driver_data(const struct link *l);
void link_set_driver_data(struct link *l, void *data);

void link_up(struct link *l, unsigned window);             /* can send; window: parts that may be in flight in all.
                                                            * Called again when the window changes. */
void link_down(struct link *l, const char *reason);        /* lent string, for people; called again when a new
                                                            * attempt failed for another reason */
void link_ready(struct link *l);                           /* after -EAGAIN: room again */
void link_settled(struct link *l, const struct settle *s);

/* How full the carrier says it is, 0 to 100 percent (congestion_state, SMPP 5.0, 4.8.4.18: above 80 it wants less).
 * Told for each response that says it, on whichever bind, before the link_settled() of the same response. */
void link_congestion(struct link *l, unsigned percent);

void link_receipt(struct link *l, const struct link_receipt *r, struct driver_token token);
void link_inbound(struct link *l, const struct link_inbound *m, struct driver_token token);
void link_stopped(struct link *l);

#endif
