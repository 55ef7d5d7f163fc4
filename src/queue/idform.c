/* SPDX-License-Identifier: Apache-2.0 */
/* idform.c -- how the receipts of one link spell message ids. */
#include "queue/idform.h"

#include <stdio.h>
#include <string.h>

#include "queue/evidence.h"

#define KNOWN_HITS  20
#define KNOWN_SHARE 0.9
#define FADE_AT     4096  /* hits are halved: what counts is the last few thousand */
#define BUCKET_MIN  64    /* receipts … */
#define BUCKET_MS   10000 /* … and time before the next bucket begins: early receipts get their response meanwhile */

void idform_init(struct idform *f)
{
	static const uint8_t simple[] = {
		0, IDFORM_TEXT,
		/* The text more often differs in base than the TLV. */
		IDFORM_TEXT + RECEIPT_BASE_DEC, IDFORM_TEXT + RECEIPT_BASE_HEX, RECEIPT_BASE_DEC, RECEIPT_BASE_HEX,
	};
	unsigned n = sizeof(simple);

	memset(f, 0, sizeof(*f));
	memcpy(f->order, simple, sizeof(simple));
	for (unsigned way = RECEIPT_BASE_N; way < RECEIPT_WAYS; way++) {
		f->order[n++] = (uint8_t)(IDFORM_TEXT + way);
		f->order[n++] = (uint8_t)way;
	}
}

/* `form` has more hits than before: up past those that have fewer now. */
static void rise(struct idform *f, unsigned form)
{
	unsigned i = 0;

	while (f->order[i] != form)
		i++;
	for (; i > 0 && f->hits[f->order[i - 1]] < f->hits[form]; i--) {
		f->order[i] = f->order[i - 1];
		f->order[i - 1] = (uint8_t)form;
	}
}

void idform_restore(struct idform *f, unsigned form, uint32_t hits)
{
	if (form >= IDFORM_N || hits > FADE_AT)
		return;
	f->n_hits += hits - f->hits[form];
	f->hits[form] = hits;
	rise(f, form);
	f->was_good = idform_known(f) >= 0;
}

void idform_response(struct idform *f, const char *id)
{
	size_t n = strnlen(id, RECEIPT_ID_SIZE);

	if (n == 0 || n >= RECEIPT_ID_SIZE)
		return;
	memcpy(f->example, id, n + 1);
}

int idform_known(const struct idform *f)
{
	unsigned best = f->order[0];

	return f->hits[best] >= KNOWN_HITS && f->hits[best] >= KNOWN_SHARE * f->n_hits ? (int)best : -1;
}

bool idform_hit(struct idform *f, unsigned form)
{
	int known = idform_known(f);

	if (form >= IDFORM_N) /* vague */
		return false;
	f->hits[form]++;
	f->n_hits++;
	f->dirty = true;
	rise(f, form);
	if (f->n_hits >= FADE_AT) {
		f->n_hits = 0;
		for (unsigned i = 0; i < IDFORM_N; i++)
			f->n_hits += f->hits[i] /= 2;
	}
	return known != idform_known(f) && idform_known(f) >= 0;
}

/* The form of a link whose operator has set it: there the order of hits does not matter. */
static int next_set(struct idform_walk *w, char key[RECEIPT_ID_SIZE])
{
	enum receipt_id_base base = w->setting == RECEIPT_ID_DEC ? RECEIPT_BASE_DEC : RECEIPT_BASE_HEX;
	bool text_only = w->setting == RECEIPT_ID_TEXT;

	for (; w->i < 6; w->i++) {
		bool tlv = w->i < 3;
		const char *id = tlv ? w->tlv : w->text;
		unsigned step = w->i % 3, form = tlv ? 0 : IDFORM_TEXT;

		if (!id || (text_only && step != 0))
			continue;
		if (text_only) {
			if (receipt_id_key(id, RECEIPT_ID_TEXT, key) < 0)
				continue;
		} else if (step == 1) { /* the TLV is as a rule spelt like the response */
			if (receipt_id_undo(id, base, "", key) < 0)
				continue;
			form += base;
		} else if (step == 0 ? !tlv : tlv || receipt_id_undo(id, base, "", key) == 0) {
			continue; /* the text as it stands only when it is not the number that it should be */
		} else if (receipt_id_undo(id, 0, "", key) < 0) {
			continue;
		}
		w->i++;
		return (int)form;
	}
	return -1;
}

int idform_next(struct idform_walk *w, char key[RECEIPT_ID_SIZE])
{
	if (w->setting != RECEIPT_ID_AUTO)
		return next_set(w, key);
	while (w->i < IDFORM_N) {
		unsigned form = w->f->order[w->i++], way = form % RECEIPT_WAYS;
		const char *id = form < IDFORM_TEXT ? w->tlv : w->text;

		if (!id || (!w->verified && way != 0 && (int)form != idform_known(w->f)))
			continue;
		if (receipt_id_undo(id, way, w->f->example, key) == 0)
			return (int)form;
	}
	return -1;
}

void idform_name(unsigned form, char *buf, unsigned n)
{
	const char *way;

	if (form == EVIDENCE_BY_TEXT) {
		snprintf(buf, n, "no id, recipient and text");
		return;
	}
	way = receipt_way_name((form &= ~IDFORM_VAGUE) % RECEIPT_WAYS);

	snprintf(buf, n, "%s%s%s", form < IDFORM_TEXT ? "tlv" : "text", *way ? "+" : "", way);
}

/* ---- match rate ------------------------------------------------------------------------------------------ */

void idform_received(struct idform *f, int64_t now_ms)
{
	struct idform_bucket *b = &f->bucket[f->at];

	f->received++;
	if (!f->n_buckets) {
		f->n_buckets = 1;
		b->from_ms = now_ms;
	} else if (now_ms < b->from_ms || (b->received >= BUCKET_MIN && now_ms - b->from_ms >= BUCKET_MS)) {
		f->at = (f->at + 1) % IDFORM_BUCKETS;
		f->n_buckets += f->n_buckets < IDFORM_BUCKETS;
		b = &f->bucket[f->at];
		*b = (struct idform_bucket){ .from_ms = now_ms };
	}
	b->received++;
}

void idform_matched(struct idform *f, int64_t received_ms)
{
	f->matched++;
	for (unsigned i = 0; i < f->n_buckets; i++) {
		struct idform_bucket *b = &f->bucket[(f->at + IDFORM_BUCKETS - i) % IDFORM_BUCKETS];

		if (b->from_ms <= received_ms) {
			b->matched += b->matched < b->received;
			return;
		}
	}
}

static double rate(const struct idform *f, unsigned skip, uint32_t *ret_received, uint32_t *ret_matched)
{
	uint32_t received = 0, matched = 0;

	for (unsigned i = skip; i < f->n_buckets; i++) {
		const struct idform_bucket *b = &f->bucket[(f->at + IDFORM_BUCKETS - i) % IDFORM_BUCKETS];

		received += b->received;
		matched += b->matched;
	}
	*ret_received = received;
	*ret_matched = matched;
	return received ? (double)matched / received : -1;
}

double idform_rate(const struct idform *f, uint32_t *ret_received, uint32_t *ret_matched)
{
	return rate(f, 0, ret_received, ret_matched);
}

int idform_judge(struct idform *f, double threshold, double *ret_rate)
{
	uint32_t received, matched;

	/* Without the newest bucket: what came in it may still be claimed. */
	*ret_rate = rate(f, 1, &received, &matched);
	if (threshold > 0 && received < BUCKET_MIN)
		return 0;
	if (threshold <= 0 || *ret_rate >= threshold) {
		f->was_good = f->was_good || threshold > 0;
		if (!f->alarm)
			return 0;
		f->alarm = false;
		return -1;
	}
	if (!f->was_good || f->alarm)
		return 0;
	f->alarm = true;
	f->alarms++;
	return 1;
}
