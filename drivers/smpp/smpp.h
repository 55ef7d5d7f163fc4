/* SPDX-License-Identifier: Apache-2.0 */
/* smpp.h -- one SMPP link, as the files of this folder see it.  smpp.c has the operations, submit.c makes submit_sm
 * from parts, deliver.c makes receipts and inbound messages from deliver_sm, homing.c brings binds back to their hosts,
 * outbind.c lets the SMSC call. */
#ifndef SMPP_SMPP_H
#define SMPP_SMPP_H

#include "smpp/address.h"
#include "smpp/session.h"
#include "smpp/text.h"
#include "smpp/tlv.h"

#define SMPP_MAX_BINDS    64u /* 32 binds, of each kind when split */
#define SMPP_MAX_SESSIONS 96u /* and as many that the SMSC may make by outbind */

/* The text of 64 parts joined is at most 64 * 153 septets with an escape before some, or 64 * 67 UTF-16 units. */
#define SMPP_PAYLOAD_MAX 20480u

struct smpp {
	struct link *link;
	struct session_conf conf;
	struct session_counters counters;
	struct hosts hosts;
	struct trace trace;
	struct session *sessions[SMPP_MAX_SESSIONS];
	unsigned n_sessions, n_running; /* running: sessions, and the parts below that have handles */
	bool receive_only;
	bool up, starved, stopping;
	uint32_t told_window;

	/* homing.c */
	uint64_t return_ms;
	uv_timer_t return_timer;
	struct stream *probe;
	unsigned probed;               /* host */
	bool probe_open;
	bool to_rebind[SMPP_MAX_BINDS]; /* their turn will come */
	struct session *rebinding;     /* it is on its way, NULL: none */

	/* outbind.c */
	char *outbind_listen; /* NULL: no */
	struct conf_cidr *outbind_from;
	size_t n_outbind_from;
	struct stream_tls *outbind_tls;
	struct stream_listener *listener;
	uv_timer_t listen_timer;

	/* Settings of the PDUs; strings are copies, as a reload frees the link's. */
	struct text_out out;
	struct text_in in;
	char service_type[PDU_SERVICE_TYPE_MAX + 1];
	uint8_t registered_delivery; /* of parts for which a receipt is wanted */
	uint8_t esm_mode, protocol_id, priority[CLASS_N];
	bool replace_if_present, user_message_reference;
	enum conf_validity validity;
	uint32_t validity_max_s;
	enum conf_schedule schedule;
	struct addresses addresses;
	struct tlvs tlvs;

	/* Scratch, used within one call. */
	uint8_t pdu[PDU_SUBMIT_MAX(SMPP_PAYLOAD_MAX + TLVS_MAX)];
	uint8_t payload[SMPP_PAYLOAD_MAX];
	uint8_t *raw; /* PDU_MAX + 16 octets: a header made of TLVs, and the text */
	char *utf8;   /* TEXT_UTF8_MAX(PDU_MAX) */
};

/* Make the submit_sm of a part in m->pdu: its octets, or -EMSGSIZE. */
int smpp_encode(struct smpp *m, const struct part *p, uint32_t seq);

/* The settings of the PDUs.  0, -ENOMEM or -EINVAL; smpp_settings_done() after any. */
int smpp_settings(struct smpp *m, const struct conf_link *c);
void smpp_settings_done(struct smpp *m);

/* A validity_period (SMPP 3.4, 7.1.1) as the link wants it, from a clock that says `now_ms`; "" for 0 and for none.  It
 * counts from now, and its bound from when the SMSC may begin, in `wait_s`. */
void smpp_validity(const struct smpp *m, uint32_t validity_s, uint32_t wait_s, int64_t now_ms,
	char ret[static PDU_TIME_LEN + 1]);
/* The schedule_delivery_time likewise; "" when it is not to wait. */
void smpp_schedule(const struct smpp *m, uint32_t wait_s, int64_t now_ms, char ret[static PDU_TIME_LEN + 1]);

/* Hand a deliver_sm or data_sm to the core.  0, or -EBADMSG and the status to answer with. */
int smpp_deliver(struct smpp *m, const uint8_t *pdu, size_t n, struct driver_token token, uint32_t *ret_status);

/* Those that wait for a seat at a host may ask again. */
void smpp_wake(struct smpp *m);

/* One of the handles that a running link has is gone; the last one ends it. */
void smpp_one_stopped(struct smpp *m);

/* ---- homing.c ---- */

void smpp_homing_start(struct smpp *m);
void smpp_homing_stop(struct smpp *m);
void smpp_rebind_all(struct smpp *m);
/* A bind went up or down: is the next one's turn? */
void smpp_homing_step(struct smpp *m);

/* ---- outbind.c ---- */

int smpp_outbind_open(struct smpp *m, const struct conf_link *c);
void smpp_outbind_start(struct smpp *m);
void smpp_outbind_stop(struct smpp *m);
void smpp_outbind_close(struct smpp *m);

#endif
