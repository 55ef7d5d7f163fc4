/* SPDX-License-Identifier: Apache-2.0 */
/* modem_stats.c -- counters, the table of seen messages and the log; modem_stats.h says what each promises. */
#include "modem_stats.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "modem_sim.h"

/* FNV-1a, 64 bits; not for security. */
static uint64_t hash(uint64_t h, const void *p, size_t n)
{
	const uint8_t *s = p;

	for (size_t i = 0; i < n; i++)
		h = (h ^ s[i]) * UINT64_C(0x100000001B3);
	return h;
}

static uint64_t *slot(uint64_t *keys, size_t cap, uint64_t key)
{
	size_t i = key & (cap - 1);

	while (keys[i] && keys[i] != key)
		i = (i + 1) & (cap - 1);
	return &keys[i];
}

static void grow(struct modem_keys *k)
{
	size_t cap = k->cap ? 2 * k->cap : 4096;
	uint64_t *fresh = calloc(cap, sizeof(*fresh));

	if (!fresh)
		abort();
	for (size_t i = 0; i < k->cap; i++)
		if (k->key[i])
			*slot(fresh, cap, k->key[i]) = k->key[i];
	free(k->key);
	k->key = fresh;
	k->cap = cap;
}

bool modem_keys_add(struct modem_keys *k, const struct tpdu_submit *s)
{
	uint64_t key = hash(UINT64_C(0xCBF29CE484222325), s->to, strlen(s->to)), *at;

	key = hash(key, (uint8_t[]){s->dcs, s->total, s->seq}, 3);
	key = hash(key, s->text, strlen(s->text));
	key += key == 0;
	if (2 * (k->n + 1) > k->cap)
		grow(k);
	at = slot(k->key, k->cap, key);
	if (*at)
		return true;
	*at = key;
	k->n++;
	return false;
}

#define COUNT(name) {#name, offsetof(struct modem_counts, name)}

static const struct {
	const char *name;
	size_t at;
} counts[] = {COUNT(commands), COUNT(unknown), COUNT(cmgs), COUNT(submits), COUNT(accepted), COUNT(duplicates),
	COUNT(refused), COUNT(malformed), COUNT(answers_lost), COUNT(long_messages), COUNT(reports_made),
	COUNT(reports_direct), COUNT(reports_stored), COUNT(reports_dropped), COUNT(reports_acked),
	COUNT(reports_unacked), COUNT(mo_made), COUNT(mo_direct), COUNT(mo_stored), COUNT(mo_shown), COUNT(mo_acked),
	COUNT(mo_unacked), COUNT(deleted), COUNT(restarts), COUNT(resets), COUNT(unplugs), COUNT(opens),
	COUNT(pins_wrong), COUNT(calls_hung_up), COUNT(ussd), COUNT(lines_lost), COUNT(cancelled)};

static uint64_t *count_at(struct modem_counts *c, size_t i)
{
	return (uint64_t *)(void *)((char *)c + counts[i].at);
}

json_t *modem_counts_json(const struct modem_counts *c)
{
	struct modem_counts copy = *c;
	json_t *o = json_object();

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		json_object_set_new(o, counts[i].name, json_integer((json_int_t)*count_at(&copy, i)));
	return o;
}

void modem_counts_sum(struct modem_counts *sum, const struct modem_counts *c)
{
	struct modem_counts copy = *c;

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		*count_at(sum, i) += *count_at(&copy, i);
}

json_t *modem_judged_json(const struct modem_judged *j)
{
	json_t *o = json_object(), *bad = json_array(), *again = json_array();

	for (unsigned i = 0; i < j->n_malformed; i++)
		json_array_append_new(
			bad, json_pack("{s:s, s:s}", "why", j->malformed[i].why, "pdu", j->malformed[i].hex));
	for (unsigned i = 0; i < j->n_repeats; i++) {
		/* Cut in the middle of a character it would be no UTF-8. */
		json_t *text = json_string(j->repeats[i].text);

		json_array_append_new(again, json_pack("{s:s, s:o}", "to", j->repeats[i].to, "text",
						     text ? text : json_string("")));
	}
	json_object_set_new(o, "malformed", bad);
	json_object_set_new(o, "repeats", again);
	return o;
}

int modem_log_open(struct modem_log *l, const char *path)
{
	l->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	return l->fd < 0 ? -errno : 0;
}

void modem_log_add(struct modem_log *l, json_t *o)
{
	size_t n = l->fd < 0 ? 0 : json_dumpb(o, NULL, 0, JSON_COMPACT);

	if (n > 0 && n < sizeof(l->buf)) {
		if (n + 1 > sizeof(l->buf) - l->n)
			modem_log_flush(l);
		l->n += json_dumpb(o, l->buf + l->n, n, JSON_COMPACT);
		l->buf[l->n++] = '\n';
	}
	json_decref(o);
}

void modem_log_flush(struct modem_log *l)
{
	size_t done = 0;

	while (done < l->n) {
		ssize_t n = write(l->fd, l->buf + done, l->n - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			l->error = errno;
			break;
		}
		done += (size_t)n;
	}
	l->n = 0;
}

void modem_log_close(struct modem_log *l)
{
	if (l->fd < 0)
		return;
	modem_log_flush(l);
	close(l->fd);
	l->fd = -1;
}

void modem_note(struct modem *m, const char *event, const char *detail)
{
	json_t *o;

	if (m->sim->log.fd < 0)
		return;
	o = json_pack("{s:s, s:s, s:f, s:s%}", "event", event, "modem", m->name, "time", modem_wall_exactly(), "detail", detail,
		strlen(detail));
	if (o)
		modem_log_add(&m->sim->log, o);
}
