/* SPDX-License-Identifier: Apache-2.0 */
/* progress.c -- how far a submission is; see progress.h. */
#include "config.h"

#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	SAMPLE_MS = 250,      /* shorter samples are mostly noise of the buffers between us and the wire */
	MEMORY_MS = 5000,     /* the weight of what lies this far back has fallen to a half */
	BAR_COLUMNS = 24,
	FEW_COLUMNS = 72,     /* narrower terminals get no bar */
};

/* A sample of length `dt` weighs dt / (dt + memory): cheap, and right for samples of any length. */
static double blend(double old, uint64_t more, int64_t dt_ms)
{
	double now = (double)more * 1000.0 / (double)dt_ms;
	double weight = (double)dt_ms / (double)(dt_ms + MEMORY_MS);

	return old + (now - old) * weight;
}

static uint64_t grown(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

void progress_update(struct progress *p, int64_t now_ms, uint64_t n_octets_done, uint64_t n_rows)
{
	int64_t dt_ms = now_ms - p->since_ms;

	p->n_octets_done = n_octets_done;
	p->n_rows = n_rows;
	if (!p->begun) {
		p->begun = true;
		p->since_ms = p->shown_ms = now_ms;
		p->rows_then = n_rows;
		p->octets_then = n_octets_done;
		return;
	}
	if (dt_ms < SAMPLE_MS)
		return;
	if (p->rows_per_s > 0 || p->octets_per_s > 0) {
		p->rows_per_s = blend(p->rows_per_s, grown(n_rows, p->rows_then), dt_ms);
		p->octets_per_s = blend(p->octets_per_s, grown(n_octets_done, p->octets_then), dt_ms);
	} else { /* the first sample is all we know */
		p->rows_per_s = (double)grown(n_rows, p->rows_then) * 1000.0 / (double)dt_ms;
		p->octets_per_s = (double)grown(n_octets_done, p->octets_then) * 1000.0 / (double)dt_ms;
	}
	p->since_ms = now_ms;
	p->rows_then = n_rows;
	p->octets_then = n_octets_done;
}

void progress_restart(struct progress *p, int64_t now_ms)
{
	p->n_octets_done = p->n_rows = 0;
	p->octets_then = p->rows_then = 0;
	p->since_ms = now_ms;
}

bool progress_due(struct progress *p, int64_t now_ms, int64_t every_ms)
{
	if (now_ms - p->shown_ms < every_ms)
		return false;
	p->shown_ms = now_ms;
	return true;
}

int progress_percent(const struct progress *p)
{
	if (!p->n_octets)
		return -1;
	if (p->n_octets_done >= p->n_octets)
		return 100;
	return (int)((double)p->n_octets_done * 100.0 / (double)p->n_octets);
}

int64_t progress_seconds_left(const struct progress *p)
{
	double left;

	if (!p->n_octets || p->octets_per_s < 1)
		return -1;
	left = (double)grown(p->n_octets, p->n_octets_done) / p->octets_per_s;
	return left > 1e9 ? -1 : (int64_t)(left + 0.5);
}

const char *progress_count(uint64_t n, char *buf, size_t size)
{
	char digits[24];
	size_t n_digits = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, n);
	size_t at = 0;

	for (size_t i = 0; i < n_digits && at + 2 < size; i++) {
		if (i && (n_digits - i) % 3 == 0)
			buf[at++] = ',';
		buf[at++] = digits[i];
	}
	buf[at] = 0;
	return buf;
}

const char *progress_duration(int64_t seconds, char *buf, size_t size)
{
	int s = (int)(seconds % 60), m = (int)(seconds / 60 % 60);

	if (seconds >= 3600)
		snprintf(buf, size, "%" PRId64 ":%02d:%02d", seconds / 3600, m, s);
	else
		snprintf(buf, size, "%d:%02d", m, s);
	return buf;
}

static size_t draw_bar(int percent, char *buf)
{
	int filled = percent * BAR_COLUMNS / 100;

	buf[0] = '[';
	for (int i = 0; i < BAR_COLUMNS; i++)
		buf[1 + i] = i < filled ? '#' : '.';
	memcpy(buf + 1 + BAR_COLUMNS, "] ", 3);
	return BAR_COLUMNS + 3;
}

void progress_line(const struct progress *p, bool bar, size_t n_columns, char *buf, size_t size)
{
	char line[256], count[32], rate[32], left[32];
	int percent = progress_percent(p);
	int64_t seconds = progress_seconds_left(p);
	size_t n = 0;

	if (bar && percent >= 0 && n_columns >= FEW_COLUMNS)
		n = draw_bar(percent, line);
	if (percent >= 0)
		n += (size_t)snprintf(line + n, sizeof line - n, "%3d %%  ", percent);
	n += (size_t)snprintf(line + n, sizeof line - n, "%s rows  %s rows/s",
		progress_count(p->n_rows, count, sizeof count),
		progress_count((uint64_t)(p->rows_per_s + 0.5), rate, sizeof rate));
	if (seconds >= 0 && percent < 100)
		snprintf(line + n, sizeof line - n, "  %s left", progress_duration(seconds, left, sizeof left));
	if (n_columns < size)
		size = n_columns + 1;
	snprintf(buf, size, "%s", line);
}
