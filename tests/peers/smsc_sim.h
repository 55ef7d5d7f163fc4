/* SPDX-License-Identifier: Apache-2.0 */
/* smsc_sim.h -- the parts of the carrier simulator put together: options, connections, accounts.
 *
 * One loop, one thread.  Within a turn PDUs are parsed where they were received and answers pile up in a
 * buffer for each connection; before the loop sleeps, the audit log and then every buffer goes out in one
 * write.  A connection whose buffer is full is not read until the peer has taken its answers, so memory per
 * connection is fixed.
 */
#ifndef SMSC_SIM_H
#define SMSC_SIM_H

#include <sys/queue.h>
#include <uv.h>

#include "smsc_receipt.h"
#include "smsc_script.h"
#include "smsc_stats.h"

#define SMSC_IN_CAP  (128u * 1024)
#define SMSC_OUT_CAP (256u * 1024)
#define SMSC_ROOM    2048u /* what one PDU may cause to be written, with room to spare */

struct smsc_options {
	const char *listen, *control, *system_id, *password, *stats_path, *log_path, *outcomes;
	uint32_t deliver_window, deliver_timeout_ms, receipt_retry_ms, receipt_tries;
	uint32_t enquire_link_s, bind_timeout_s, max_connections, max_pending, max_keys;
	uint64_t first_id;
	bool no_duplicates;
};

enum smsc_bind_state {
	BOUND_NOT,
	BOUND_TX = 1,
	BOUND_RX = 2,
	BOUND_TRX = 3, /* both bits */
};

/* One deliver_sm that waits for its response. */
struct smsc_slot {
	uint32_t sequence; /* 0: free */
	uint32_t item;
	uint32_t sent_ms;
};

struct smsc_conn {
	uv_tcp_t tcp;
	uv_write_t write;
	uv_connect_t connect; /* of one that we called */
	struct smsc_sim *sim;
	TAILQ_ENTRY(smsc_conn) all, rx;
	char peer[64];
	char system_id[16];
	uint32_t serial;
	enum smsc_bind_state bound;
	uint8_t account;

	uint8_t *in, *out, *busy; /* `busy` is with the kernel while `writing` */
	size_t n_in, n_out;
	uint8_t *delayed; /* answers of a slow carrier, each behind its due time */
	size_t delayed_head, delayed_end;
	bool writing, dirty, stalled, closing;
	bool finishing; /* close once all is written */
	bool mute;	/* the stream was broken on purpose: nothing more may follow */
	bool unbinding;

	struct smsc_slot *slots;
	uint32_t slots_mask, n_outstanding, next_sequence;
	uint32_t in_hand, answered, window_peak; /* submits not yet answered; answered in this turn */
	uint32_t opened_ms, last_in_ms, enquire_ms, unbind_ms;
	bool enquire_waits;
};

TAILQ_HEAD(smsc_conns, smsc_conn);

struct smsc_account {
	char system_id[16];
	struct smsc_conns rx;
	unsigned n_rx;
};

struct smsc_sim {
	uv_loop_t loop;
	struct smsc_options opt;
	struct smsc_script script;
	struct smsc_stats stats;
	struct smsc_receipts receipts;
	struct smsc_log log;

	uv_tcp_t listener, control;
	bool listening, listener_busy, stopping;
	struct sockaddr_storage addr; /* with the port that was chosen */
	uv_prepare_t prepare;
	uv_timer_t tick, housekeeping, restart;
	uv_signal_t sigterm, sigint, sigusr1;
	bool ticking;
	bool holding; /* receipts and MO stay here until told */
	uint32_t n_delayed; /* answers of all slow connections */

	struct smsc_conns conns;
	unsigned n_conns, n_controls;
	uint32_t next_serial;
	struct smsc_account accounts[SMSC_ACCOUNTS_MAX];
	unsigned n_accounts;

	uint64_t start_ns;
	uint32_t now_ms; /* since the start; set once for each chunk read and each tick */
	uint64_t wall_us;
	double tokens;
	uint64_t tokens_ns;
};

/* smsc_sim.c */
void smsc_sim_clock(struct smsc_sim *sim);
void smsc_sim_want_tick(struct smsc_sim *sim);
void smsc_sim_stop(struct smsc_sim *sim);
int smsc_sim_address(const char *text, struct sockaddr_storage *ret); /* "127.0.0.1:2775", "[::1]:2775" */
char *smsc_sim_json(struct smsc_sim *sim); /* one line, to be freed; NULL without memory */

/* smsc_conn.c: sockets and buffers. */
int smsc_conn_listen(struct smsc_sim *sim);
void smsc_conn_pause(struct smsc_sim *sim);
void smsc_conn_drop_all(struct smsc_sim *sim);
/* outbind (SMPP 3.4, 2.2.2): call the ESME and say who we are; it binds on that connection. */
int smsc_conn_call(struct smsc_sim *sim, const struct sockaddr *where, const char *system_id, const char *password);
bool smsc_conn_has_room(const struct smsc_conn *c);
void smsc_conn_write(struct smsc_conn *c, const void *p, size_t n);
/* An answer: delayed when the script says `slow`.  `n_answers` submits are thereby answered. */
void smsc_conn_respond(struct smsc_conn *c, const void *p, size_t n, unsigned n_answers);
void smsc_conn_flush(struct smsc_conn *c);
void smsc_conn_flush_all(struct smsc_sim *sim);
void smsc_conn_finish(struct smsc_conn *c); /* write what is there, then close */
void smsc_conn_close(struct smsc_conn *c);
void smsc_conn_release_delayed(struct smsc_sim *sim);

/* smsc_fault.c: octets that no carrier should say. */
void smsc_fault(struct smsc_conn *c, enum smsc_action action);

/* smsc_session.c: PDUs and bind states. */
void smsc_session_pdu(struct smsc_conn *c, const uint8_t *pdu, uint32_t length);
void smsc_session_bad_length(struct smsc_conn *c, const uint8_t *p, size_t n);
void smsc_session_closed(struct smsc_conn *c);
void smsc_session_housekeep(struct smsc_conn *c);
int smsc_session_mo(struct smsc_sim *sim, const struct smsc_mo *mo);

/* smsc_deliver.c: receipts and MO on their way to a bind. */
void smsc_deliver_pump(struct smsc_sim *sim);
void smsc_deliver_now(struct smsc_conn *caller);
bool smsc_deliver_answered(struct smsc_conn *c, uint32_t sequence, uint32_t status);
void smsc_deliver_timeouts(struct smsc_conn *c);
void smsc_deliver_lost(struct smsc_conn *c);

/* smsc_control.c */
int smsc_control_listen(struct smsc_sim *sim);
void smsc_control_close(struct smsc_sim *sim);

#endif
