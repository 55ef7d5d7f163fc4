/* SPDX-License-Identifier: Apache-2.0 */
/* network.h -- is there a network that takes messages?
 *
 * Three registrations are looked at: circuit switched (CREG), packet (CGREG), LTE (CEREG); one that allows messages is
 * enough.  They are asked every few seconds while there is none, now and then later, and whenever the modem speaks of
 * one. */
#ifndef MODEM_NETWORK_H
#define MODEM_NETWORK_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "drivers/modem/at_error.h"

struct modem;

enum network_domain { NET_CS, NET_PS, NET_EPS, NET_DOMAINS };

struct network {
	uv_timer_t timer;
	bool running, polling;
	unsigned n_polls;
	int status[NET_DOMAINS];       /* of 3GPP TS 27.007, 7.2; -1: unknown */
	bool unsupported[NET_DOMAINS];
	int rssi;                      /* 0..31; 99 unknown */
	char operator_name[48], operator_code[8];
	/* The modem says that it cannot send although it is registered, or the like. */
	uint64_t paused_until_ms;
	char pause_why[160];
	unsigned n_pauses;
	uint64_t sent_at_pause;
	bool restart_after_pause;
};

int network_init(struct modem *m);
void network_begin(struct modem *m);
void network_end(struct modem *m);
/* True: the line was one of registration. */
bool network_urc(struct modem *m, const char *line);
void network_pause(struct modem *m, enum at_class class, const char *why);
/* An operator says: look now. */
void network_retry(struct modem *m);
/* dBm; 0: unknown. */
int network_dbm(const struct modem *m);
/* "registered, home", "searching": the best of the three. */
const char *network_status_text(const struct modem *m);

#endif
