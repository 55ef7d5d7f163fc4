/* SPDX-License-Identifier: Apache-2.0 */
/* hosts.h -- where the binds of a link go, and when they may knock.
 *
 * A link has one host or several, and up to 64 binds.  A bind that wants to connect asks for a seat at a host, says how
 * it went, and gives the seat back when its connection has ended.  All binds share what one of them learns:
 *
 *  1. A host that failed is left alone for a while, which doubles with each failure in a row; then ONE bind tries it,
 *     and when that is bound two more may, then four.  So it is at the start, too: a wrong password costs one attempt,
 *     not thirty-two, and a carrier that allows four binds is not asked for thirty at once, again and again.
 *  2. How long depends on what failed.  Lost or unreachable: from reconnect_min, doubled up to reconnect_max.  The old
 *     session still stands (ESME_RALYBND): the linger time.  Refused: from `refused`, doubled up to ten times that.
 *     A refusal of who we are holds at all hosts, because each of them would refuse the same.
 *  3. Many binds that are lost in one blow are one failure.
 *  4. "In a row" ends when a connection that began after the failure has shown life, by an answer or a message.  To be
 *     bound is not enough: there are carriers that take a bind and close at once.
 *
 * Each bind has a home: with order "primary" it is the first host for all, with "round_robin" they take turns.  A bind
 * whose home is left alone goes elsewhere: to the next host in order, or where the fewest are.  It comes home when it
 * is lost, or when homing.c finds that home answers again.
 *
 * Pure: no clock, no I/O; the caller brings the time. */
#ifndef SMPP_HOSTS_H
#define SMPP_HOSTS_H

#include <stdbool.h>
#include <stdint.h>

#define HOSTS_MAX      8u
#define HOSTS_PARALLEL 64u

enum hosts_failure {
	HOSTS_NONE,    /* it was we who ended it */
	HOSTS_LOST,    /* no connection, no answer, or the connection broke */
	HOSTS_BUSY,    /* ESME_RALYBND */
	HOSTS_REFUSED, /* this host refuses the bind */
	HOSTS_DENIED,  /* who we are is refused */
};

struct hosts_conf {
	bool round_robin;
	uint64_t reconnect_min_ms, reconnect_max_ms, refused_ms, linger_ms;
};

struct hosts_one {
	char *name, *label; /* "smsc.example", and with its port for people */
	int port;
	uint32_t n_failures;    /* in a row */
	uint32_t n_refused;     /* the same, only refusals */
	uint32_t epoch;         /* counts failures */
	uint32_t n_trying, n_bound;
	uint32_t parallel;      /* how many may try at a time */
	uint64_t not_before_ms;
};

struct hosts {
	struct hosts_conf conf;
	struct hosts_one one[HOSTS_MAX];
	unsigned n;
	uint32_t n_denied; /* in a row, at whatever host */
	uint64_t random;
};

enum hosts_phase { HOSTS_AWAY, HOSTS_TRYING, HOSTS_BOUND };

/* What a bind holds. */
struct hosts_seat {
	unsigned home, host; /* host: of the last try */
	uint32_t epoch;
	enum hosts_phase phase;
};

#define HOSTS_NEVER UINT64_MAX

void hosts_init(struct hosts *h, const struct hosts_conf *conf, uint64_t seed);
void hosts_done(struct hosts *h);

/* -ENOSPC: HOSTS_MAX are there. */
int hosts_add(struct hosts *h, const char *name, int port);

/* The home of the `i`-th bind of a kind. */
unsigned hosts_home(const struct hosts *h, unsigned i);

/* 0: the seat is taken, connect to seat->host.  -EAGAIN: ask again at *ret_again_ms; HOSTS_NEVER: when another bind has
 * gone on, which the caller sees. */
int hosts_take(struct hosts *h, struct hosts_seat *seat, uint64_t now_ms, uint64_t *ret_again_ms);

void hosts_bound(struct hosts *h, struct hosts_seat *seat);
void hosts_alive(struct hosts *h, const struct hosts_seat *seat);

/* The connection ended.  Returns the pause that this means for the host, 0: none, or it was counted already. */
uint64_t hosts_leave(struct hosts *h, struct hosts_seat *seat, enum hosts_failure why, uint64_t now_ms);

/* A person, or a look from outside, says that it may be tried now: all, or one. */
void hosts_retry(struct hosts *h);
void hosts_retry_one(struct hosts *h, unsigned host);

#endif
