/* SPDX-License-Identifier: Apache-2.0 */
/* progress.h -- how far a submission is: the sums, and the line that shows them.
 *
 * The caller brings the clock, so that everything can be tested without waiting.  Percent and time left come from the
 * octets of the file, because how many rows it holds is known only at its end.  The rate is an average that forgets
 * with a half-life of some seconds: a mean over the whole run would hide for minutes that the gateway has paused.
 */
#ifndef POSTHORN_CLI_PROGRESS_H
#define POSTHORN_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
	uint64_t n_octets;      /* of the file; 0: not known */
	uint64_t n_octets_done;
	uint64_t n_rows;        /* sent so far */

	/* private */
	bool begun;
	int64_t since_ms, shown_ms;
	uint64_t rows_then, octets_then;
	double rows_per_s, octets_per_s;
};

/* Take new figures at `now_ms` (any clock that only goes forward). */
void progress_update(struct progress *p, int64_t now_ms, uint64_t n_octets_done, uint64_t n_rows);

/* Start over, as a resumed body does: figures go back to 0, the rate is kept. */
void progress_restart(struct progress *p, int64_t now_ms);

/* Is it time for another line?  `every_ms` after the last yes. */
bool progress_due(struct progress *p, int64_t now_ms, int64_t every_ms);

int progress_percent(const struct progress *p);    /* 0 to 100; -1: not known */
int64_t progress_seconds_left(const struct progress *p); /* -1: not known */

/* One line of at most `n_columns` columns, ASCII, without a line end: with a bar when there is room for one. */
void progress_line(const struct progress *p, bool bar, size_t n_columns, char *buf, size_t size);

/* 1234567 as 1,234,567.  0:07, 12:34, 1:02:03.  `buf` of 32 octets is enough for both. */
const char *progress_count(uint64_t n, char *buf, size_t size);
const char *progress_duration(int64_t seconds, char *buf, size_t size);

#endif
