/* SPDX-License-Identifier: Apache-2.0
 *
 * link.h -- one configured link: health, window, rate, and the core's half of a driver (see drivers/driver.h).
 *
 *     stopped ─start─► starting ─link_up─► up ─link_down─► down ─link_up─► up
 *        ▲                                  └─drain─► draining ─(nothing in flight)─► stopped
 *        └──────────────── stop ────────────────────┘
 */
#ifndef LINK_H
#define LINK_H

#include "driver.h"
#include "queue/queue.h"

enum link_state { LINK_STOPPED, LINK_STARTING, LINK_UP, LINK_DOWN, LINK_DRAINING, LINK_STOPPING, LINK_N };

const char *link_state_name(enum link_state s);

/* What a link hands on; plugged in by main.c. */
struct link_sinks {
	int (*inbound)(void *arg, struct link *l, const struct link_inbound *m, struct driver_token token);
	void (*forget)(void *arg, const struct link *l); /* it is about to be freed: no link_ack() any more */
	void *arg;
};

struct link *link_new(uv_loop_t *loop, struct queue *q, struct names *names, const struct link_sinks *sinks,
	const struct conf_link *c, char *err, size_t n_err);
/* After a reload: 0, or 1 when connection settings changed and the link must be made anew. */
int link_reconfigure(struct link *l, const struct conf_link *c);
/* Of a link that is not stopped: what failed is tried again at once. */
void link_start(struct link *l);
/* Bind again, one session after the other.  -EINVAL: not started; -ENOTSUP: its driver has none. */
int link_rebind(struct link *l);
void link_drain(struct link *l); /* by hand: finish what was taken, then stop */
void link_stop(struct link *l);  /* by hand, or at the end; what waits is routed again */
/* After link_stop() or link_remove(): there is no time left to wait for answers. */
void link_hurry(struct link *l);
/* Stop it, then free it; gone() after that. */
void link_remove(struct link *l, void (*gone)(void *arg), void *arg);

/* By hand, until a reload or a restart: other than the configuration says.  tps < 0 and window 0: as it says again.
 * The bounds are the settings', the caller's to keep.  -EOPNOTSUPP: this driver has no window; -ENOMEM. */
void link_set_tps(struct link *l, double tps);
int link_set_window(struct link *l, unsigned window);

struct outlet *link_outlet(struct link *l);
uint32_t link_id(const struct link *l);
void link_ack(struct link *l, struct driver_token token, int status);
/* driver.decode(); -ENOTSUP where the driver has none. */
int link_decode(struct link *l, uint8_t data_coding, struct gsm7_shift shift, const uint8_t *text, size_t n, char *dst,
	size_t cap, size_t *ret_n);

/* How often a carrier answered so, since the link was made. */
#define LINK_CODES 32
struct link_code {
	uint32_t code;
	enum outcome outcome; /* what became of the part when it was last so */
	char name[48];        /* "ESME_RTHROTTLED"; "" when the driver has no word for it */
	uint64_t n;
};

struct link_view {
	const char *name, *driver, *reason;
	enum link_state state;
	int64_t since_ms;
	const struct outlet *outlet;
	double rate;            /* parts per second that left of late */
	double rate_limit;      /* what they may be now: tps, or less while the carrier refuses; 0: no limit */
	bool slowed;            /* it is less */
	struct driver_stats driver_stats;
	uint64_t receipts, inbound;
	int congestion; /* percent, as the carrier said last; -1: it has not */
	bool tps_by_hand, window_by_hand;
	const struct link_code *codes; /* in the order in which they came first; lent until the next event */
	unsigned n_codes;
	uint64_t codes_other;          /* answers with a code beyond the first LINK_CODES */
};
void link_view(struct link *l, struct link_view *ret);
/* Keep what goes over the wire for some minutes; see driver.h. */
int link_trace(struct link *l, bool on);
bool link_traced(struct link *l, void (*each)(void *arg, const struct driver_pdu *p), void *arg);
void link_binds(const struct link *l, void (*each)(void *arg, const struct driver_bind *b), void *arg);

#endif
