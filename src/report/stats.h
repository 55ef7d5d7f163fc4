/* SPDX-License-Identifier: Apache-2.0 */
/* stats.h -- counters and histograms of what the API and its neighbours do, each with a name and a sentence.
 *
 * A plain table in the owner's hands, no globals: whoever counts is given the `struct stats`.  One thread
 * counts and renders, so there are no atomics.  stats_text_*() write the Prometheus text format (version
 * 0.0.4) for everybody who has something to show, so that label values are escaped in one place.
 */
#ifndef REPORT_STATS_H
#define REPORT_STATS_H

#include <stdint.h>

#include "base/buf.h"
#include "message.h"

/* X(symbol, name, help) */
#define STATS_COUNTERS(X)                                                                        \
	X(ACCEPTED_OTP, "accepted_total{class=\"otp\"}",                                         \
		"Messages accepted: on disk and answered, by class.")                            \
	X(ACCEPTED_SERVICE, "accepted_total{class=\"service\"}", NULL)                           \
	X(ACCEPTED_MARKETING, "accepted_total{class=\"marketing\"}", NULL)                       \
	X(ROWS_REJECTED, "rows_rejected_total", "Rows of arrays and streams that were refused.") \
	X(REPLAYS, "idempotent_replays_total", "Requests answered from an idempotency key.")     \
	X(STREAMS_STOPPED, "streams_stopped_total",                                              \
		"Arrays and streams cut short by overload or a failing store.")                  \
	X(AUTH_FAILED, "auth_failed_total", "Requests without a key or with a wrong one.")       \
	X(BIG_BODIES, "big_bodies_total", "JSON bodies parsed off the loop thread.")             \
	X(INBOUND, "inbound_total", "Inbound messages committed.")                               \
	X(INBOUND_FAILED, "inbound_failed_total",                                                \
		"Inbound messages handed back to the link because the store refused them.")      \
	X(INBOUND_UNROUTED, "inbound_unrouted_total", "Inbound messages that no rule gave to a client.") \
	X(INBOUND_PARTS, "inbound_parts_total", "Parts of inbound messages committed.")          \
	X(INBOUND_REPEATED, "inbound_parts_repeated_total",                                      \
		"Parts of inbound messages that were there already: acknowledged, nothing else.") \
	X(INBOUND_JOINED, "inbound_joined_total", "Inbound messages joined from all of their parts.") \
	X(INBOUND_PARTIAL, "inbound_partial_total",                                              \
		"Inbound messages given to their client although parts of them never came.")     \
	X(INBOUND_REUSED, "inbound_reference_reused_total",                                      \
		"Unfinished inbound messages whose reference came back with another text.")      \
	X(INBOUND_FORCED, "inbound_forced_total",                                                \
		"Inbound messages that had to be joined early because too many were unfinished.")

enum stats_counter {
#define STATS_ENUM(sym, name, help) STATS_##sym,
	STATS_COUNTERS(STATS_ENUM)
#undef STATS_ENUM
		STATS_COUNTER_N
};

/* Upper bounds double from 100 microseconds to 52 seconds; the last bucket has none. */
#define STATS_BUCKETS 21

struct stats_histogram {
	uint64_t bucket[STATS_BUCKETS];
	uint64_t sum_us;
};

#define STATS_CODES 96 /* error codes that are counted one by one */

struct stats {
	uint64_t counter[STATS_COUNTER_N];
	uint64_t refused[STATS_CODES];		/* answers by error code: enum api_code */
	struct stats_histogram commit[CLASS_N]; /* accept to commit, by class */
	struct stats_histogram request;		/* headers read to answer written, streams left out */
};

struct stats *stats_new(void);
void stats_free(struct stats *s);

static inline void stats_add(struct stats *s, enum stats_counter c, uint64_t n)
{
	s->counter[c] += n;
}

void stats_observe(struct stats_histogram *h, int64_t us);

/* ---- Prometheus text.  All return 0, -ENOSPC or -ENOMEM. ---- */

/* "# HELP posthorn_NAME …" and "# TYPE"; `type` is counter, gauge or histogram. */
int stats_text_head(struct buf *b, const char *name, const char *type, const char *help);
/* One sample.  `labels` are name, value pairs ended by NULL; values are escaped. */
int stats_text_value(struct buf *b, const char *name, const char *const *labels, double value);
/* Head and one sample without labels. */
int stats_text_gauge(struct buf *b, const char *name, const char *help, double value);
int stats_text_counter(struct buf *b, const char *name, const char *help, double value);

/* Everything in `s`; code_name gives the word of an error code, NULL = no such code. */
int stats_render(const struct stats *s, const char *(*code_name)(unsigned code), struct buf *b);

#endif
