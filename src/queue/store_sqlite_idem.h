/* SPDX-License-Identifier: Apache-2.0 */
/* store_sqlite_idem.h -- what the writer knows of idempotency keys, and does with them.  See store_sqlite_idem.c. */
#ifndef STORE_SQLITE_IDEM_H
#define STORE_SQLITE_IDEM_H

#include "queue/idem.h"

struct store_idem;
struct writer;

/* All of it follows from rows. */
struct idem_run {
	uint64_t first;
	unsigned level;
	uint8_t *filter;          /* NULL: there was no room */
	bool broken;              /* on disk it is not whole: it stays without */
};

/* The filter of a run that has none, on its way back into memory. */
struct idem_back {
	uint64_t first;
	unsigned level, next;     /* units that are there */
	uint8_t *filter;          /* NULL: none is */
};

/* A run that is being written: one from a segment, each other one from eight of the level below. */
struct idem_job {
	bool active;
	uint64_t first;
	unsigned next, written;   /* units: on disk, and in the transaction that is open */
	uint8_t *filter;
};

struct idem_keys {
	struct idem_shape shape;
	struct idem_segment **segments; /* what is in no run yet, rising */
	struct idem_run *runs;
	unsigned n_segments, n_runs;
	struct idem_job jobs[IDEM_LEVELS];
	struct idem_back back;
	uint64_t filter_octets, filter_most;
	uint64_t credit;          /* keys that came, for which work is still to be done */
	bool put_off;             /* there was work in what was rolled back last; in what is tried next there is none */
	struct idem_entry {
		uint64_t hash, offset;
	} *entries;               /* of a unit */
	uint8_t *octets;
	size_t n_entries, cap;
};

int idem_open(struct writer *w);
void idem_close(struct writer *w);
/* It will be taken soon: memory may bring what the look-up reads. */
void idem_foresee(const struct writer *w, const struct store_idem *i);
/* SQLITE_OK: it was unknown, and is known from now on.  SQLITE_ROW: it is known, results are set. */
int idem_take(struct writer *w, struct store_idem *i);
int idem_rotate(struct writer *w); /* a new generation; the oldest one has aged */
/* At the end of a transaction: a little of what is to be done for keys of before. */
int idem_work(struct writer *w);
void idem_committed(struct writer *w);
void idem_rolled_back(struct writer *w);
/* What has aged, or was merged into another run; ret_n: about how many rows. */
int idem_purge(struct writer *w, unsigned limit, unsigned *ret_n);

/* ---- what the two files share ---- */

/* *ret_upto: below it all keys are in runs, or have aged. */
int idem_open_runs(struct writer *w, uint64_t *ret_upto);
void idem_stop_job(struct writer *w, unsigned level);
uint64_t idem_run_end(const struct writer *w, unsigned level, uint64_t first);
bool idem_has_aged(const struct writer *w, unsigned level, uint64_t first);

#endif
