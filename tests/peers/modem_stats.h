/* SPDX-License-Identifier: Apache-2.0 */
/* modem_stats.h -- what the simulated modems have seen: counters, duplicates, the log.
 *
 * A message is counted as accepted when the network took it, whether or not an answer got through, and as a duplicate
 * when the same recipient, TP-DCS, text and part (2 of 3) were accepted before, on any modem and under any reference of
 * the concatenation.  The log is JSON, a line an event, and is written before any answer about it.
 */
#ifndef MODEM_STATS_H
#define MODEM_STATS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JUDGED_KEPT  32u
#define REPEATS_KEPT 100u

struct tpdu_submit;
struct modem;

struct modem_counts {
	uint64_t commands, unknown, cmgs, submits, accepted, duplicates, refused, malformed, answers_lost;
	uint64_t reports_made, reports_direct, reports_stored, reports_dropped, reports_acked, reports_unacked;
	uint64_t mo_made, mo_direct, mo_stored, mo_shown, mo_acked, mo_unacked;
	uint64_t deleted, restarts, resets, unplugs, opens, pins_wrong, calls_hung_up, ussd, lines_lost, cancelled;
	uint64_t long_messages; /* first parts accepted */
};

struct modem_keys {
	uint64_t *key;
	size_t n, cap;
};

struct modem_judged {
	struct {
		const char *why;
		char hex[400];
	} malformed[JUDGED_KEPT];
	unsigned n_malformed;
	struct {
		char to[24], text[120];
	} repeats[REPEATS_KEPT];
	unsigned n_repeats;
};

struct modem_log {
	int fd, error;
	size_t n;
	char buf[1 << 16];
};

/* true: it was there already. */
bool modem_keys_add(struct modem_keys *k, const struct tpdu_submit *s);

int modem_log_open(struct modem_log *l, const char *path);
/* Takes `o`. */
void modem_log_add(struct modem_log *l, json_t *o);
void modem_log_flush(struct modem_log *l);
void modem_log_close(struct modem_log *l);
/* An event of this modem with a text, as {"event":…, "modem":…, …}. */
void modem_note(struct modem *m, const char *event, const char *detail);

json_t *modem_counts_json(const struct modem_counts *c);
json_t *modem_judged_json(const struct modem_judged *j);
void modem_counts_sum(struct modem_counts *sum, const struct modem_counts *c);
#endif
