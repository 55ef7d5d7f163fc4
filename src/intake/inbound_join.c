/* SPDX-License-Identifier: Apache-2.0 */
/* inbound_join.c -- see inbound_join.h.
 *
 * Parts that follow each other and are written alike are a run; the octets of a run stand together in `raw` and are
 * read in one go.  A run ends at a gap, where data_coding or language tables change, and at UCS-2 of half a unit,
 * behind which every unit would be torn. */
#include "intake/inbound_join.h"

#include "codec/data_coding.h"
#include "codec/udh.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ESM_UDH     0x40 /* SMPP 3.4, 5.2.12 */
#define GAP         "[\xe2\x80\xa6]"
#define REPLACEMENT "\xef\xbf\xbd"

struct piece {
	const uint8_t *body;
	size_t n_body;
	struct gsm7_shift shift;
};

struct join {
	const struct q_inbound_set *s;
	const struct inbound_decoder *d;
	struct piece pieces[255];
	char *at; /* of the text */
};

static void read_piece(const struct store_inbound_part *p, struct piece *ret)
{
	size_t n_udh = 0;

	*ret = (struct piece){.shift = {0, 0}};
	if ((p->esm_class & ESM_UDH) && udh_check(p->raw, p->n_raw, &n_udh) == 0)
		udh_find_shift(p->raw, p->n_raw, &ret->shift);
	ret->body = p->raw + n_udh;
	ret->n_body = p->n_raw - n_udh;
}

/* ---- The header. ---- */

/* Room for as much as the header of the part takes; returns the octets of the new one, 0: none is left. */
static size_t put_header(uint8_t *dst, const struct store_inbound_part *p)
{
	struct udh_walk w;
	struct udh_ie ie;
	size_t n = 1;

	if (!(p->esm_class & ESM_UDH) || udh_check(p->raw, p->n_raw, NULL) < 0 ||
		udh_open(&w, p->raw, p->n_raw, NULL) < 0)
		return 0;
	while (udh_next(&w, &ie) > 0) {
		if (ie.iei == UDH_CONCAT8 || ie.iei == UDH_CONCAT16)
			continue;
		dst[n++] = ie.iei;
		dst[n++] = ie.n;
		memcpy(dst + n, ie.data, ie.n);
		n += ie.n;
	}
	dst[0] = (uint8_t)(n - 1);
	return n > 1 ? n : 0;
}

/* ---- The text. ---- */

static void put(struct join *j, const char *s, size_t n)
{
	memcpy(j->at, s, n);
	j->at += n;
}

static unsigned unreadable(const char *s, size_t n)
{
	const size_t step = sizeof(REPLACEMENT) - 1;
	unsigned found = 0;

	while (n >= step) {
		bool here = memcmp(s, REPLACEMENT, step) == 0;

		found += here;
		s += here ? step : 1;
		n -= here ? step : 1;
	}
	return found;
}

static bool half_units(const struct store_inbound_part *p, const struct piece *piece)
{
	struct data_coding coding;

	data_coding_read(p->dcs, &coding);
	return coding.alphabet == CODING_UCS2 && piece->n_body % 2;
}

static bool goes_on(const struct join *j, unsigned i)
{
	const struct store_inbound_part *p = &j->s->parts[i];
	const struct piece *a = &j->pieces[i], *b = &j->pieces[i + 1];

	return p[1].seq == p[0].seq + 1 && p[1].dcs == p[0].dcs && a->shift.locking == b->shift.locking &&
	       a->shift.single == b->shift.single && !half_units(p, a) && !half_units(p + 1, b);
}

/* Parts first … last, whose octets are the n at `body`. */
static void put_run(struct join *j, unsigned first, unsigned last, const uint8_t *body, size_t n)
{
	const struct store_inbound_part *p = j->s->parts;
	const struct inbound_decoder *d = j->d;
	unsigned apart = 0;
	size_t n_text = 0;
	int r = -ENOTSUP;

	for (unsigned i = first; i <= last; i++)
		apart += unreadable(p[i].text, p[i].n_text);
	if (last > first && d->decode)
		r = d->decode(d->arg, p[first].dcs, j->pieces[first].shift, body, n, j->at, 4 * n + 4, &n_text);
	if (r == 0 && unreadable(j->at, n_text) <= apart) {
		j->at += n_text;
		return;
	}
	for (unsigned i = first; i <= last; i++)
		put(j, p[i].text, p[i].n_text);
}

static void put_text(struct join *j, const uint8_t *body)
{
	const struct q_inbound_set *s = j->s;
	unsigned next = 1; /* the number that is due */

	for (unsigned i = 0, last; i < s->n_parts; i = last + 1) {
		size_t n = j->pieces[i].n_body;

		for (last = i; last + 1 < s->n_parts && goes_on(j, last); last++)
			n += j->pieces[last + 1].n_body;
		if (s->parts[i].seq != next)
			put(j, GAP, sizeof(GAP) - 1);
		put_run(j, i, last, body, n);
		body += n;
		next = s->parts[last].seq + 1u;
	}
	if (next <= s->total)
		put(j, GAP, sizeof(GAP) - 1);
}

/* ---- All of it. ---- */

static void list_missing(const struct q_inbound_set *s, struct inbound_joined *ret)
{
	size_t n = 0;

	for (unsigned seq = 1, i = 0; seq <= s->total; seq++) {
		if (i < s->n_parts && s->parts[i].seq == seq) {
			i++;
			continue;
		}
		n += (size_t)snprintf(ret->missing + n, sizeof(ret->missing) - n, n ? ",%u" : "%u", seq);
		ret->n_missing++;
	}
}

/* What decode() may need, for each run of one part at worst, or the text that is there. */
static size_t room_for_text(const struct join *j)
{
	size_t n = (j->s->n_parts + 1) * (sizeof(GAP) - 1) + 1;

	for (unsigned i = 0; i < j->s->n_parts; i++) {
		size_t decoded = 4 * j->pieces[i].n_body + 4, there = j->s->parts[i].n_text;

		n += decoded > there ? decoded : there;
	}
	return n;
}

static int join(struct join *j, struct inbound_joined *ret)
{
	const struct store_inbound_part *first = &j->s->parts[0];
	size_t n_raw = first->n_raw, n_text, n_head;

	for (unsigned i = 0; i < j->s->n_parts; i++) {
		read_piece(&j->s->parts[i], &j->pieces[i]);
		n_raw += j->pieces[i].n_body;
	}
	n_text = room_for_text(j);
	ret->raw = malloc(n_raw + 1);
	ret->text = malloc(n_text);
	if (!ret->raw || !ret->text)
		return -ENOMEM;
	n_head = put_header(ret->raw, first);
	ret->n_raw = (uint32_t)n_head;
	for (unsigned i = 0; i < j->s->n_parts; i++) {
		memcpy(ret->raw + ret->n_raw, j->pieces[i].body, j->pieces[i].n_body);
		ret->n_raw += (uint32_t)j->pieces[i].n_body;
	}
	ret->dcs = first->dcs;
	ret->esm_class = n_head ? first->esm_class : first->esm_class & (uint8_t)~ESM_UDH;
	j->at = ret->text;
	put_text(j, ret->raw + n_head);
	ret->n_text = (uint32_t)(j->at - ret->text);
	*j->at = '\0';
	list_missing(j->s, ret);
	return 0;
}

int inbound_join(const struct q_inbound_set *s, const struct inbound_decoder *d, struct inbound_joined *ret)
{
	struct join j = {.s = s, .d = d};
	int r;

	*ret = (struct inbound_joined){.n_missing = 0};
	if (s->n_parts == 0 || s->n_parts > 255)
		return -EINVAL;
	r = join(&j, ret);
	if (r < 0)
		inbound_joined_done(ret);
	return r;
}

void inbound_joined_done(struct inbound_joined *j)
{
	free(j->text);
	free(j->raw);
	j->text = NULL;
	j->raw = NULL;
}
