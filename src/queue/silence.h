/* SPDX-License-Identifier: Apache-2.0
 *
 * silence.h -- a link that takes what it is given, and whose reports merely stop.
 *
 * A network that blocks a SIM may go on taking its texts and throw them away: nothing fails, only the reports cease.
 * Phones that are switched off look alike, so it is called silence only where all of this holds:
 *
 *   - the link gave reports: of the parts before, more than SILENCE_BEFORE had one in time, and there were enough;
 *   - the last parts to so many different recipients (guard.silence) had none in time;
 *   - no report at all came over the link since they were sent, not even a late one, or one of something else.
 *
 * In time is SILENCE_TIMES the time within which 95 of 100 of this link's reports came, at least SILENCE_MIN_S.  Then
 * the link is set aside as by the guard (guard.h), and one message each probe_minutes is let through until a report
 * comes.
 * Pure; no heap. */
#ifndef SILENCE_H
#define SILENCE_H

#include <stdbool.h>
#include <stdint.h>

#define SILENCE_BEFORE 0.7
#define SILENCE_KNOWN  20    /* parts before that must have been seen */
#define SILENCE_TIMES  4
#define SILENCE_MIN_S  600
#define SILENCE_MAX_S  21600
#define SILENCE_WATCHED 128  /* parts at a time; with more under way some are not looked at */
#define SILENCE_AGES    64
#define SILENCE_RUN_MAX 100  /* guard.silence */

struct silence {
	struct silence_part {
		uint64_t key, to;
		uint32_t sent_s;
		bool reported;
	} part[SILENCE_WATCHED]; /* a ring, in order of sending */
	unsigned first, n;
	float age_s[SILENCE_AGES];
	unsigned n_ages;          /* ever */
	double share;             /* had one in time; of the last hundred or so … */
	unsigned n_known;         /* … parts that were judged */
	int64_t last_s;           /* a report came: what was sent before says nothing of silence */
	uint64_t run[SILENCE_RUN_MAX]; /* different recipients of later parts without one */
	unsigned n_run;
	uint32_t account;         /* the SIM that all of this is of */
};

/* The link took a part that shall be reported. */
void silence_sent(struct silence *s, uint64_t key, uint64_t to, int64_t now_s);
/* A report came: of this part, or of none that is known (0), so long behind it. */
void silence_report(struct silence *s, uint64_t key, double age_s, int64_t now_s);
/* The link is down: what is under way says nothing, neither of silence nor of how it was before. */
void silence_deaf(struct silence *s);
/* Time has passed.  True: the reports have stopped; `limit` is guard.silence, 0 never. */
bool silence_clock(struct silence *s, unsigned limit, int64_t now_s);
/* How long a report may take. */
double silence_in_time_s(const struct silence *s);

#endif
