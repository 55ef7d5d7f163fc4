/* SPDX-License-Identifier: Apache-2.0 */
/* smsc_stats.h -- what the carrier simulator has seen: counters, duplicates, the audit log.
 *
 * The numbers are the evidence that tests and benchmarks quote, so each says exactly what it counts:
 *
 *  - a message is counted as unique or duplicate only when it was accepted (answered with status 0, or
 * accepted and the answer lost on purpose): sending a refused text again is right, sending an accepted one
 * again is not;
 *  - the key of a message is (destination, UDHI bit, sar_ TLVs, text octets with their UDH), 63 bits of hash;
 *  - the peak rate is the largest number of submits that arrived within any 1000 consecutive milliseconds.
 *
 * Everything is bounded: keys by `keys_max`, descriptions of malformed PDUs and of duplicates by small
 * arrays.
 */
#ifndef SMSC_STATS_H
#define SMSC_STATS_H

#include <jansson.h>

#include "smsc_pdu.h"

#define SMSC_MALFORMED_KEPT 16u
#define SMSC_REPEATS_KEPT   100u
#define SMSC_STATUSES_MAX   64u

/* Not for security: fast, and the same in every run. */
uint64_t smsc_hash(const void *p, size_t n, uint64_t seed);

struct smsc_malformed {
	const char *why;
	uint8_t octets[64];
	uint32_t n_octets, length; /* kept, and of the whole PDU */
};

struct smsc_repeat {
	char to[22];
	uint8_t text[64];
	uint8_t n_text;
};

struct smsc_stats {
	uint64_t connections, binds, binds_refused, unbinds, enquire_links;
	uint64_t submits, accepted, swallowed, lost_answers;
	uint64_t queries;
	char query_id[65], query_from[32]; /* of the last query_sm; "TON/NPI/ADDRESS" */
	struct {
		uint32_t status;
		uint64_t n;
	} by_status[SMSC_STATUSES_MAX];
	unsigned n_statuses;
	uint64_t unknown_commands, unexpected_responses, nacks_received, timeouts;
	uint64_t malformed;
	struct smsc_malformed kept[SMSC_MALFORMED_KEPT];
	uint64_t receipts_created, receipts_sent, receipts_acked, receipts_refused, receipts_retried,
		receipts_dropped;
	uint64_t mo_created, mo_sent, mo_acked, mo_refused, mo_dropped;
	uint32_t window_peak; /* over all binds that have ended; the living ones tell their own */

	uint64_t *keys; /* open addressing; 0 is free, the top bit says "seen more than once" */
	size_t n_keys, keys_cap, keys_max;
	bool with_keys;
	uint64_t duplicates, repeated, keys_dropped;
	struct smsc_repeat repeats[SMSC_REPEATS_KEPT];
	unsigned n_repeats;

	uint32_t per_ms[1000]; /* submits by millisecond, a ring */
	uint64_t rate_ms;      /* the newest millisecond in it */
	uint64_t rate_sum, rate_peak;
};

int smsc_stats_init(struct smsc_stats *s, bool with_keys, size_t keys_max);
void smsc_stats_done(struct smsc_stats *s);

void smsc_stats_status(struct smsc_stats *s, uint32_t status);
void smsc_stats_arrived(struct smsc_stats *s, uint64_t now_ms);
void smsc_stats_query(struct smsc_stats *s, const struct smsc_ref *q);
void smsc_stats_accepted(struct smsc_stats *s, const struct smsc_message *m);
void smsc_stats_malformed(struct smsc_stats *s, const char *why, const uint8_t *pdu, uint32_t length);

/* A new JSON object with all of it but the binds.  NULL without memory. */
json_t *smsc_stats_json(const struct smsc_stats *s);

/* The audit log: one line for each accepted message, in memory until smsc_log_flush(), which the loop calls
 * once a turn and before any answer of that turn is written. */
struct smsc_log {
	int fd; /* -1: no log */
	size_t n;
	int error;
	char buf[1 << 19]; /* text and TLVs of the largest PDU in hexadecimal, nearly twice */
};

int smsc_log_open(struct smsc_log *l, const char *path);
void smsc_log_add(struct smsc_log *l, uint64_t time_us, uint32_t sequence, const char *id,
	const struct smsc_message *m);
void smsc_log_flush(struct smsc_log *l);
void smsc_log_close(struct smsc_log *l);

#endif
