/* SPDX-License-Identifier: Apache-2.0 */
/* smsc_stats.c -- counters, the table of seen messages and the audit log; smsc_stats.h says what each
 * promises. */
#include "smsc_stats.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEEN_TWICE (UINT64_C(1) << 63)

static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 x = (unsigned __int128)a * b;

	return (uint64_t)x ^ (uint64_t)(x >> 64);
}

uint64_t smsc_hash(const void *p, size_t n, uint64_t seed)
{
	const uint8_t *s = p;
	uint64_t h = seed ^ (n * UINT64_C(0x9E3779B97F4A7C15)), v;

	for (; n >= 8; n -= 8, s += 8) {
		memcpy(&v, s, 8);
		h = fold(h ^ v ^ UINT64_C(0xA0761D6478BD642F), UINT64_C(0xE7037ED1A0B428DB));
	}
	v = 0;
	memcpy(&v, s, n);
	h = fold(h ^ v ^ UINT64_C(0x8EBC6AF09C88C6E3), UINT64_C(0x589965CC75374CC3));
	return fold(h ^ UINT64_C(0x1D8E4E27C47D124F), UINT64_C(0xEB44ACCAB455D165));
}

int smsc_stats_init(struct smsc_stats *s, bool with_keys, size_t keys_max)
{
	memset(s, 0, sizeof(*s));
	s->with_keys = with_keys;
	s->keys_max = keys_max;
	if (!with_keys)
		return 0;
	s->keys_cap = 1 << 16;
	s->keys = calloc(s->keys_cap, sizeof(*s->keys));
	return s->keys ? 0 : -ENOMEM;
}

void smsc_stats_done(struct smsc_stats *s)
{
	free(s->keys);
	s->keys = NULL;
}

void smsc_stats_status(struct smsc_stats *s, uint32_t status)
{
	unsigned i;

	for (i = 0; i < s->n_statuses; i++)
		if (s->by_status[i].status == status)
			break;
	if (i == s->n_statuses) {
		if (i == SMSC_STATUSES_MAX)
			return;
		s->by_status[i].status = status;
		s->n_statuses++;
	}
	s->by_status[i].n++;
}

void smsc_stats_arrived(struct smsc_stats *s, uint64_t now_ms)
{
	s->submits++;
	if (now_ms - s->rate_ms >= 1000) {
		memset(s->per_ms, 0, sizeof(s->per_ms));
		s->rate_sum = 0;
		s->rate_ms = now_ms;
	}
	while (s->rate_ms < now_ms) {
		s->rate_ms++;
		s->rate_sum -= s->per_ms[s->rate_ms % 1000];
		s->per_ms[s->rate_ms % 1000] = 0;
	}
	s->per_ms[now_ms % 1000]++;
	if (++s->rate_sum > s->rate_peak)
		s->rate_peak = s->rate_sum;
}

void smsc_stats_query(struct smsc_stats *s, const struct smsc_ref *q)
{
	s->queries++;
	snprintf(s->query_id, sizeof(s->query_id), "%.*s", (int)q->message_id.n, q->message_id.s);
	snprintf(s->query_from, sizeof(s->query_from), "%u/%u/%.*s", q->source.ton, q->source.npi,
		(int)q->source.digits.n, q->source.digits.s);
}

static uint64_t *key_slot(uint64_t *keys, size_t cap, uint64_t key)
{
	size_t i = key & (cap - 1);

	while (keys[i] && (keys[i] & ~SEEN_TWICE) != key)
		i = (i + 1) & (cap - 1);
	return &keys[i];
}

/* Without memory the old table stays; the caller stops adding when it is nearly full. */
static void grow(struct smsc_stats *s)
{
	size_t cap = s->keys_cap * 2;
	uint64_t *keys = calloc(cap, sizeof(*keys));

	if (!keys)
		return;
	for (size_t i = 0; i < s->keys_cap; i++)
		if (s->keys[i])
			*key_slot(keys, cap, s->keys[i] & ~SEEN_TWICE) = s->keys[i];
	free(s->keys);
	s->keys = keys;
	s->keys_cap = cap;
}

static void keep_repeat(struct smsc_stats *s, const struct smsc_message *m)
{
	struct smsc_repeat *r;

	if (s->n_repeats == SMSC_REPEATS_KEPT)
		return;
	r = &s->repeats[s->n_repeats++];
	snprintf(r->to, sizeof(r->to), "%.*s", (int)m->dest.digits.n, m->dest.digits.s);
	r->n_text = (uint8_t)(m->n_text < sizeof(r->text) ? m->n_text : sizeof(r->text));
	memcpy(r->text, m->text, r->n_text);
}

void smsc_stats_accepted(struct smsc_stats *s, const struct smsc_message *m)
{
	uint64_t key, *slot;

	s->accepted++;
	if (!s->with_keys)
		return;
	key = smsc_hash(m->dest.digits.s, m->dest.digits.n, m->esm_class & 0x40);
	if (m->has_sar)
		key ^= (uint64_t)m->sar_ref << 16 | (uint64_t)m->sar_total << 8 | m->sar_seq;
	key = smsc_hash(m->text, m->n_text, key) & ~SEEN_TWICE;
	if (key == 0)
		key = 1;
	if (s->n_keys * 2 >= s->keys_cap && s->keys_cap < s->keys_max * 2)
		grow(s);
	slot = key_slot(s->keys, s->keys_cap, key);
	if (*slot) {
		s->duplicates++;
		s->repeated += !(*slot & SEEN_TWICE);
		*slot |= SEEN_TWICE;
		keep_repeat(s, m);
	} else if (s->n_keys >= s->keys_max || s->n_keys + 1 >= s->keys_cap / 8 * 7) {
		s->keys_dropped++;
	} else {
		*slot = key;
		s->n_keys++;
	}
}

void smsc_stats_malformed(struct smsc_stats *s, const char *why, const uint8_t *pdu, uint32_t length)
{
	struct smsc_malformed *m;

	if (s->malformed++ >= SMSC_MALFORMED_KEPT)
		return;
	m = &s->kept[s->malformed - 1];
	m->why = why;
	m->length = length;
	m->n_octets = length < sizeof(m->octets) ? length : sizeof(m->octets);
	memcpy(m->octets, pdu, m->n_octets);
}

static char *hex(char *p, const uint8_t *s, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*p++ = digits[s[i] >> 4];
		*p++ = digits[s[i] & 15];
	}
	return p;
}

static json_t *json_hex(const uint8_t *s, size_t n)
{
	char buf[2 * 64];

	return json_stringn(buf, (size_t)(hex(buf, s, n) - buf));
}

static json_t *json_statuses(const struct smsc_stats *s)
{
	json_t *o = json_object();
	char name[16];

	for (unsigned i = 0; i < s->n_statuses; i++) {
		snprintf(name, sizeof(name), "0x%08X", s->by_status[i].status);
		json_object_set_new(o, name, json_integer((json_int_t)s->by_status[i].n));
	}
	return o;
}

static json_t *json_malformed(const struct smsc_stats *s)
{
	json_t *a = json_array();

	for (uint64_t i = 0; i < s->malformed && i < SMSC_MALFORMED_KEPT; i++) {
		const struct smsc_malformed *m = &s->kept[i];

		json_array_append_new(
			a, json_pack("{s:s, s:I, s:o}", "why", m->why, "length", (json_int_t)m->length, "hex",
				   json_hex(m->octets, m->n_octets)));
	}
	return a;
}

static json_t *json_repeats(const struct smsc_stats *s)
{
	json_t *a = json_array(), *to;

	for (unsigned i = 0; i < s->n_repeats; i++) {
		const struct smsc_repeat *r = &s->repeats[i];

		/* A destination that is no UTF-8 is told in hex. */
		to = json_string(r->to);
		if (!to)
			to = json_hex((const uint8_t *)r->to, strlen(r->to));
		json_array_append_new(
			a, json_pack("{s:o, s:o}", "to", to, "hex", json_hex(r->text, r->n_text)));
	}
	return a;
}

static void set(json_t *o, const char *name, uint64_t v)
{
	json_object_set_new(o, name, json_integer((json_int_t)v));
}

json_t *smsc_stats_json(const struct smsc_stats *s)
{
	json_t *o = json_object(), *r = json_object(), *mo = json_object();

	set(o, "connections", s->connections);
	set(o, "binds", s->binds);
	set(o, "binds_refused", s->binds_refused);
	set(o, "unbinds", s->unbinds);
	set(o, "enquire_links", s->enquire_links);
	set(o, "submits", s->submits);
	set(o, "accepted", s->accepted);
	set(o, "swallowed", s->swallowed);
	set(o, "lost_answers", s->lost_answers);
	set(o, "queries", s->queries);
	json_object_set_new(o, "query_id", json_string(s->query_id));
	json_object_set_new(o, "query_from", json_string(s->query_from));
	json_object_set_new(o, "by_status", json_statuses(s));
	set(o, "peak_per_s", s->rate_peak);
	set(o, "unique", s->n_keys);
	set(o, "repeated", s->repeated);
	set(o, "duplicates", s->duplicates);
	set(o, "keys_dropped", s->keys_dropped);
	json_object_set_new(o, "repeats", json_repeats(s));
	set(r, "created", s->receipts_created);
	set(r, "sent", s->receipts_sent);
	set(r, "acked", s->receipts_acked);
	set(r, "refused", s->receipts_refused);
	set(r, "retried", s->receipts_retried);
	set(r, "dropped", s->receipts_dropped);
	json_object_set_new(o, "receipts", r);
	set(mo, "created", s->mo_created);
	set(mo, "sent", s->mo_sent);
	set(mo, "acked", s->mo_acked);
	set(mo, "refused", s->mo_refused);
	set(mo, "dropped", s->mo_dropped);
	json_object_set_new(o, "mo", mo);
	set(o, "unknown_commands", s->unknown_commands);
	set(o, "unexpected_responses", s->unexpected_responses);
	set(o, "nacks_received", s->nacks_received);
	set(o, "timeouts", s->timeouts);
	set(o, "malformed", s->malformed);
	json_object_set_new(o, "malformed_pdus", json_malformed(s));
	return o;
}

int smsc_log_open(struct smsc_log *l, const char *path)
{
	l->n = 0;
	l->error = 0;
	l->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	return l->fd < 0 ? -errno : 0;
}

/* One word: blanks and controls, which an alphanumeric sender may hold, become %XX. */
static char *word(char *p, struct smsc_str s)
{
	if (s.n == 0)
		*p++ = '-';
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = (uint8_t)s.s[i];

		if (c > ' ' && c < 0x7F && c != '%') {
			*p++ = (char)c;
		} else {
			*p++ = '%';
			p = hex(p, &c, 1);
		}
	}
	return p;
}

void smsc_log_add(
	struct smsc_log *l, uint64_t time_us, uint32_t sequence, const char *id, const struct smsc_message *m)
{
	size_t need = 256 + 3 * (m->source.digits.n + m->dest.digits.n) + 2 * ((size_t)m->n_text + m->n_tlvs);
	char *p;

	if (l->fd < 0)
		return;
	if (need > sizeof(l->buf) - l->n)
		smsc_log_flush(l);
	p = l->buf + l->n;
	p += sprintf(p, "%llu %u 0 %s ", (unsigned long long)time_us, sequence, id);
	p = word(p, m->source.digits);
	*p++ = ' ';
	p = word(p, m->dest.digits);
	p += sprintf(p, " %02x %02x ", m->esm_class, m->data_coding);
	if (m->n_text == 0)
		*p++ = '-';
	p = hex(p, m->text, m->n_text);
	*p++ = ' ';
	if (m->n_tlvs == 0)
		*p++ = '-';
	p = hex(p, m->tlvs, m->n_tlvs);
	p += sprintf(p, " %.*s %.*s\n", m->schedule.n ? (int)m->schedule.n : 1, m->schedule.n ? m->schedule.s : "-",
		m->validity.n ? (int)m->validity.n : 1, m->validity.n ? m->validity.s : "-");
	l->n = (size_t)(p - l->buf);
}

void smsc_log_flush(struct smsc_log *l)
{
	size_t done = 0;

	while (done < l->n) {
		ssize_t r = write(l->fd, l->buf + done, l->n - done);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0) {
			if (!l->error)
				fprintf(stderr, "posthorn-smsc-sim: audit log: %s\n", strerror(errno));
			l->error = errno;
			break;
		}
		done += (size_t)r;
	}
	l->n = 0;
}

void smsc_log_close(struct smsc_log *l)
{
	if (l->fd < 0)
		return;
	smsc_log_flush(l);
	close(l->fd);
	l->fd = -1;
}
