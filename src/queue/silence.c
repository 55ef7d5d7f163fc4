/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/silence.h"

#include <stdlib.h>
#include <string.h>

#define WEIGHT (1.0 / 100) /* of the newest part in the share */

void silence_sent(struct silence *s, uint64_t key, uint64_t to, int64_t now_s)
{
	if (s->n == SILENCE_WATCHED)
		return;
	s->part[(s->first + s->n++) % SILENCE_WATCHED] = (struct silence_part){ .key = key, .to = to,
		.sent_s = (uint32_t)now_s };
}

void silence_report(struct silence *s, uint64_t key, double age_s, int64_t now_s)
{
	s->n_run = 0;
	s->last_s = now_s;
	for (unsigned i = 0; key && i < s->n; i++) {
		struct silence_part *p = &s->part[(s->first + i) % SILENCE_WATCHED];

		if (p->key != key || p->reported)
			continue;
		p->reported = true;
		s->age_s[s->n_ages++ % SILENCE_AGES] = (float)age_s;
	}
}

void silence_deaf(struct silence *s)
{
	s->n = 0;
}

static int by_age(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return x < y ? -1 : x > y;
}

double silence_in_time_s(const struct silence *s)
{
	unsigned n = s->n_ages < SILENCE_AGES ? s->n_ages : SILENCE_AGES;
	float age[SILENCE_AGES];
	double t;

	if (!n)
		return SILENCE_MIN_S;
	memcpy(age, s->age_s, n * sizeof(age[0]));
	qsort(age, n, sizeof(age[0]), by_age);
	t = SILENCE_TIMES * (double)age[n * 95 / 100];
	return t < SILENCE_MIN_S ? SILENCE_MIN_S : t > SILENCE_MAX_S ? SILENCE_MAX_S : t;
}

static void add_to_run(struct silence *s, uint64_t to)
{
	for (unsigned i = 0; i < s->n_run; i++)
		if (s->run[i] == to)
			return; /* one phone that is off is one, however often it is texted */
	if (s->n_run < SILENCE_RUN_MAX)
		s->run[s->n_run++] = to;
}

/* The share stands still while nothing comes: it is what was before. */
static void judge(struct silence *s, const struct silence_part *p)
{
	double weight = s->n_known < 1 / WEIGHT ? 1.0 / (s->n_known + 1) : WEIGHT;

	if (!p->reported && p->sent_s > s->last_s)
		add_to_run(s, p->to);
	if (s->n_run > 1)
		return;
	s->share += weight * ((p->reported ? 1 : 0) - s->share);
	s->n_known++;
}

bool silence_clock(struct silence *s, unsigned limit, int64_t now_s)
{
	double in_time_s;

	if (!s->n || now_s <= s->part[s->first].sent_s + SILENCE_MIN_S)
		return false;
	in_time_s = silence_in_time_s(s);
	while (s->n && now_s - s->part[s->first].sent_s > in_time_s) {
		judge(s, &s->part[s->first]);
		s->first = (s->first + 1) % SILENCE_WATCHED;
		s->n--;
	}
	return limit && s->n_run >= limit && s->n_known >= SILENCE_KNOWN && s->share > SILENCE_BEFORE;
}
