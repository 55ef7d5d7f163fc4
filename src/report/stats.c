/* SPDX-License-Identifier: Apache-2.0 */
/* stats.c -- see stats.h. */
#include "report/stats.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/utf8.h"

static const struct {
	const char *name, *help; /* help NULL: belongs to the family of the row above */
} counters[STATS_COUNTER_N] = {
#define STATS_ROW(sym, name, help) [STATS_##sym] = {name, help},
	STATS_COUNTERS(STATS_ROW)
#undef STATS_ROW
};

struct stats *stats_new(void)
{
	return calloc(1, sizeof(struct stats));
}

void stats_free(struct stats *s)
{
	free(s);
}

static uint64_t bound_us(unsigned i)
{
	return UINT64_C(100) << i;
}

void stats_observe(struct stats_histogram *h, int64_t us)
{
	unsigned i = 0;

	if (us < 0)
		us = 0;
	while (i < STATS_BUCKETS - 1 && (uint64_t)us > bound_us(i))
		i++;
	h->bucket[i]++;
	h->sum_us += (uint64_t)us;
}

int stats_text_head(struct buf *b, const char *name, const char *type, const char *help)
{
	char t[512];
	int n = snprintf(
		t, sizeof(t), "# HELP posthorn_%s %s\n# TYPE posthorn_%s %s\n", name, help, name, type);

	return n >= (int)sizeof(t) ? -ENOSPC : buf_add(b, t, (size_t)n);
}

/* Backslash, quote and newline (Prometheus text format, "Comments, help text, and type information").  One octet that
 * is no UTF-8, perhaps of a network's name, and nothing of the answer would be taken. */
static int add_label_value(struct buf *b, const char *v)
{
	size_t left = strlen(v), n;
	uint32_t cp;
	int r = 0;

	for (; left && r == 0; v += n, left -= n) {
		n = utf8_sequence((const uint8_t *)v, left, &cp);
		if (*v == '\\' || *v == '"')
			r = buf_add(b, "\\", 1);
		if (r == 0)
			r = *v == '\n' ? buf_add(b, "\\n", 2) : n ? buf_add(b, v, n) : buf_add(b, "?", 1);
		n += !n;
	}
	return r;
}

static int add_label(struct buf *b, bool first, const char *name, const char *value)
{
	int r = buf_add_str(b, first ? "{" : ",");

	if (r == 0)
		r = buf_add_str(b, name);
	if (r == 0)
		r = buf_add_str(b, "=\"");
	if (r == 0)
		r = add_label_value(b, value);
	return r < 0 ? r : buf_add(b, "\"", 1);
}

int stats_text_value(struct buf *b, const char *name, const char *const *labels, double value)
{
	char t[48];
	int r = buf_add_str(b, "posthorn_");

	if (r == 0)
		r = buf_add_str(b, name);
	for (unsigned i = 0; labels && labels[i] && r == 0; i += 2)
		r = add_label(b, i == 0, labels[i], labels[i + 1]);
	if (r == 0 && labels && labels[0])
		r = buf_add(b, "}", 1);
	snprintf(t, sizeof(t), " %.15g\n", value);
	return r < 0 ? r : buf_add_str(b, t);
}

static int single(struct buf *b, const char *name, const char *type, const char *help, double value)
{
	int r = stats_text_head(b, name, type, help);

	return r < 0 ? r : stats_text_value(b, name, NULL, value);
}

int stats_text_gauge(struct buf *b, const char *name, const char *help, double value)
{
	return single(b, name, "gauge", help, value);
}

int stats_text_counter(struct buf *b, const char *name, const char *help, double value)
{
	return single(b, name, "counter", help, value);
}

static int render_counters(const struct stats *s, struct buf *b)
{
	int r = 0;

	for (unsigned i = 0; i < STATS_COUNTER_N && r == 0; i++) {
		char family[64];

		if (counters[i].help) {
			snprintf(family, sizeof(family), "%.*s", (int)strcspn(counters[i].name, "{"),
				counters[i].name);
			r = stats_text_head(b, family, "counter", counters[i].help);
		}
		if (r == 0)
			r = stats_text_value(b, counters[i].name, NULL, (double)s->counter[i]);
	}
	return r;
}

static int render_refused(const struct stats *s, const char *(*code_name)(unsigned code), struct buf *b)
{
	int r = stats_text_head(b, "refused_total", "counter", "Requests and rows refused, by error code.");

	for (unsigned i = 0; i < STATS_CODES && r == 0; i++) {
		const char *name = code_name(i);

		if (name && s->refused[i])
			r = stats_text_value(b, "refused_total", (const char *const[]){"code", name, NULL},
				(double)s->refused[i]);
	}
	return r;
}

static int render_histogram(
	const struct stats_histogram *h, const char *name, const char *class, struct buf *b)
{
	char family[80], le[32];
	uint64_t n = 0;
	int r = 0;

	snprintf(family, sizeof(family), "%s_bucket", name);
	for (unsigned i = 0; i < STATS_BUCKETS && r == 0; i++) {
		n += h->bucket[i];
		if (i == STATS_BUCKETS - 1)
			snprintf(le, sizeof(le), "+Inf");
		else
			snprintf(le, sizeof(le), "%g", (double)bound_us(i) / 1e6);
		r = stats_text_value(b, family,
			(const char *const[]){"le", le, class ? "class" : NULL, class, NULL}, (double)n);
	}
	if (r < 0)
		return r;
	snprintf(family, sizeof(family), "%s_sum", name);
	r = stats_text_value(b, family, (const char *const[]){class ? "class" : NULL, class, NULL},
		(double)h->sum_us / 1e6);
	if (r < 0)
		return r;
	snprintf(family, sizeof(family), "%s_count", name);
	return stats_text_value(
		b, family, (const char *const[]){class ? "class" : NULL, class, NULL}, (double)n);
}

int stats_render(const struct stats *s, const char *(*code_name)(unsigned code), struct buf *b)
{
	int r = render_counters(s, b);

	if (r == 0)
		r = render_refused(s, code_name, b);
	if (r == 0)
		r = stats_text_head(b, "commit_seconds", "histogram",
			"From handing a message to the queue to its commit.");
	for (unsigned i = 0; i < CLASS_N && r == 0; i++)
		r = render_histogram(&s->commit[i], "commit_seconds", msg_class_name(i), b);
	if (r == 0)
		r = stats_text_head(
			b, "request_seconds", "histogram", "From the headers of a request to its answer.");
	return r < 0 ? r : render_histogram(&s->request, "request_seconds", NULL, b);
}
