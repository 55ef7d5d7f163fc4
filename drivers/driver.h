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
	int64_t send_at_ms;   /* the peer shall keep it until then; 0: not.  Of links that schedule only */
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

/* A question about a part that the carrier took (query_sm, SMPP 3.4, 4.8).  Lent for the call. */
struct driver_question {
	uint64_t key;         /* what link_answered() gives back */
	const char *smsc_id;  /* as link_settled() gave it */
	const char *from;     /* as in struct part */
	uint64_t to;
};

/* What came of it. */
enum answer_kind {
	ANSWER_STATE,         /* the carrier says how the part stands */
	ANSWER_UNKNOWN,       /* it does not know the part */
	ANSWER_FAILED,        /* it could not say, and perhaps it never can */
	ANSWER_UNSUPPORTED,   /* it answers no such question */
	ANSWER_LATER,         /* not now: its limits */
	ANSWER_NONE,          /* nothing came in time */
	ANSWER_UNSENT         /* the connection went away first */
};
struct driver_answer {
	uint64_t key;
	enum answer_kind kind;
	enum receipt_state state;        /* of ANSWER_STATE … */
	const char *stat_raw, *err;      /* … and as received */
	const char *text;                /* of the others: what a person reads */
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
	bool numbered;        /* it gives back the number that we gave the part (msg_key_number()) … */
	uint16_t number;      /* … this one */
	bool intermediate;
	/* The link gives its ids again after a while: the id alone does not tell which part is meant, */
	bool recurs;
	int64_t taken_ms;     /* but when the peer took it does: Unix, by the peer's clock.  0: it does not say */
};

/* An inbound message (MO) that is no receipt. */
struct link_inbound {
	const char *from, *to;
	const char *text;     /* decoded to UTF-8, with U+FFFD where it was malformed */
	uint32_t n_text;
	const uint8_t *raw;   /* the octets of the text as received, UDH first */
	uint32_t n_raw;
	uint8_t data_coding, esm_class; /* as SMPP numbers them: a TP-DCS below 10 goes as 00, 04 or 08 (dcs_make()) */
	/* Equal only where it is the same message read again, from a memory that was not emptied in time: it is then
	 * acknowledged and not stored a second time.  0: there is no telling.  Parts of messages need none. */
	uint64_t digest;
};

#define DRIVER_MO  0x01 /* can receive messages */
#define DRIVER_DLR 0x02 /* can receive receipts */
#define DRIVER_OWN_IDS 0x04 /* its ids are its own making: receipts spell them as the answer did */

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

/* Something that a person wants to know of a link, and perhaps a graph: signal, operator, IMEI.  Lent for the call. */
struct driver_fact {
	const char *name;      /* a to z, digits and _, at most DRIVER_FACT_NAME_MAX: "signal_dbm".  The same on every call
				* while its meaning is the same, and the same in all drivers */
	const char *text;      /* when it is no number; UTF-8 */
	double number;
	bool is_number;        /* also a gauge of /metrics, posthorn_link_NAME */
	const char *unit;      /* for people: "dBm"; NULL: none */
	const char *help;      /* of a number: a sentence for /metrics; NULL: none */
};
#define DRIVER_FACT_NAME_MAX 40

/* How a USSD dialogue went on. */
struct driver_ussd {
	int r;                 /* 0; -ETIMEDOUT: no answer in time; -ENOTCONN: the link went away; -ECONNABORTED: the
				* network ended it; -EIO: refused.  Then `text` may say what was said */
	const char *text;      /* UTF-8; NULL is "" */
	bool more;             /* the network waits for an answer: the next ussd() is that */
};
typedef void driver_ussd_cb(void *arg, const struct driver_ussd *u);
#define DRIVER_USSD_MAX 182 /* characters of what is sent: 160 octets hold so many septets (3GPP TS 23.038, 6.1.2.3) */

/* A port of this machine where something may be that the driver serves; or a device without a port, that could have
 * one.  Strings are lent for the call, "" where not known. */
struct driver_port {
	const char *path;      /* as links would name it; "": none, then `note` says what to do */
	const char *by_id;     /* a name that stays the same: "/dev/serial/by-id/…" */
	const char *usb;       /* where it is plugged in: "1-1.4" */
	unsigned vendor, product; /* of the USB device; 0: none */
	const char *state;     /* the driver's own word */
	const char *link;      /* that has it, or names it */
	const char *used_by;   /* another program that has it: "ModemManager (process 812)" */
	const char *maker, *model, *imei, *iccid; /* as it answered; the maker by its vendor number, if not asked */
	int answers;           /* AT commands, when it was asked last: 1 or 0; -1: a link has it, or nobody asked */
	const char *note;      /* a sentence: why it is of no use, what to do */
};
/* r: 0 or -errno, then there are none. */
typedef void driver_ports_cb(void *arg, int r, const struct driver_port *ports, unsigned n);

struct driver {
	const char *name;        /* what the configuration calls it: driver = "smpp" */
	unsigned caps;           /* DRIVER_MO | DRIVER_DLR | DRIVER_OWN_IDS */

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

	/* Ask the carrier how a part stands.  0: exactly one link_answered() follows, never from inside the call.
	 * -EAGAIN: no room on the wire now.  -ENOTCONN: not up.  -EINVAL: it cannot be asked for by this id.  May be
	 * NULL: the driver has no such question. */
	int (*ask)(struct link *l, const struct driver_question *question);

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

	/* Tell what is known of the link now, from memory: this waits for nothing.  What is not known is left out.  May
	 * be NULL. */
	void (*facts)(struct link *l, void (*each)(void *arg, const struct driver_fact *f), void *arg);

	/* Send a USSD code, or the answer to what the network asked; "" ends the dialogue.  0: exactly one done()
	 * follows, not from inside this call: when the network answered, when it took longer than the driver waits (a
	 * minute at most), or when the link goes away; before link_stopped().  -ENOTCONN: not up; -EBUSY: not now (the
	 * core asks for one at a time); -EINVAL: no such code.  NULL: the driver has none. */
	int (*ussd)(struct link *l, const char *code, driver_ussd_cb *done, void *arg);

	/* Look at the ports of this machine, in a thread; no device is opened, what links know is added.  0: exactly
	 * one done() follows, not from inside this call.  NULL: the driver needs none. */
	int (*ports)(uv_loop_t *loop, driver_ports_cb *done, void *arg);
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

void link_answered(struct link *l, const struct driver_answer *a);

/* How full the carrier says it is, 0 to 100 percent (congestion_state, SMPP 5.0, 4.8.4.18: above 80 it wants less).
 * Told for each response that says it, on whichever bind, before the link_settled() of the same response. */
void link_congestion(struct link *l, unsigned percent);

/* Whose account its messages go on: the ICCID of the SIM, or its IMSI where that cannot be read.  Quotas are counted
 * for it, so it is told before link_up() and whenever it changes.  "" or NULL: not known; then it is the link itself. */
void link_identity(struct link *l, const char *account);

/* Whether receipts will come, as found at run time: a modem that refuses every mode that gives them.  Without them what
 * is taken ends as unconfirmed (no_reports).  Unknown, as at the start, is as the settings say. */
enum link_reports { LINK_REPORTS_UNKNOWN, LINK_REPORTS_YES, LINK_REPORTS_NO };
void link_reports(struct link *l, enum link_reports told);

/* Something that a person must see to while the link may well be up: the SIM is full, it is not registered.  `code` is
 * stable, at most LINK_ALARM_CODE_MAX octets; `text` is a sentence, NULL when it is over.  Told again it changes the
 * text.  Logged once when it begins and once when it ends. */
#define LINK_ALARM_CODE_MAX 32
void link_alarm(struct link *l, const char *code, const char *text);

void link_receipt(struct link *l, const struct link_receipt *r, struct driver_token token);
void link_inbound(struct link *l, const struct link_inbound *m, struct driver_token token);
void link_stopped(struct link *l);

#endif
