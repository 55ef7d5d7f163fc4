/* SPDX-License-Identifier: Apache-2.0 */
/* preview_total.c -- the sums of a preview of many rows; see preview_total.h. */
#include "intake/preview_total.h"

#include "base/hash.h"

#include <stdio.h>
#include <string.h>

#define TOLD_MAX ((size_t)1 << 19) /* octets of one row told in full: text and suggestion of 40,000 octets, escaped */

void preview_total_init(struct preview_total *t)
{
	memset(t, 0, sizeof(*t));
}

void preview_total_done(struct preview_total *t)
{
	for (unsigned i = 0; i < t->n_dearest; i++)
		json_out_done(&t->dearest[i].told);
}

void preview_total_refuse(struct preview_total *t, enum api_code code)
{
	t->rows++;
	t->refused++;
	t->errors[code]++;
}

static struct total_sum *sum_of_route(struct preview_total *t, uint32_t route)
{
	if (!route)
		return &t->no_route;
	for (unsigned i = 0; i < t->n_routes; i++)
		if (t->route_id[i] == route)
			return &t->route[i];
	if (t->n_routes == TOTAL_ROUTES)
		return &t->other_routes;
	t->route_id[t->n_routes] = route;
	return &t->route[t->n_routes++];
}

static void count_culprit(struct preview_total *t, uint64_t row, uint32_t cp)
{
	size_t i = hash_mix64(cp) % TOTAL_SLOTS;
	struct total_culprit *c;

	while (t->culprits[i].cp && t->culprits[i].cp != cp)
		i = (i + 1) % TOTAL_SLOTS;
	c = &t->culprits[i];
	if (!c->cp) {
		if (t->n_culprits == TOTAL_CHARACTERS) {
			t->other_culprits++;
			return;
		}
		t->n_culprits++;
		c->cp = cp;
	}
	if (c->rows == 0 || c->last_row != row)
		c->rows++;
	c->last_row = row;
	c->count++;
}

static void count_culprits(struct preview_total *t, uint64_t row, const struct preview_row *p)
{
	struct preview_walk w = {0};
	struct preview_culprit c;

	for (uint32_t n = 0; n < p->n_culprits && preview_culprit(p, &w, &c); n++)
		count_culprit(t, row, c.cp);
}

static void add_sum(struct total_sum *s, unsigned parts)
{
	s->rows++;
	s->parts += parts;
}

/* Where it belongs among the dearest: behind all that are as dear. */
static struct total_dear *place(struct preview_total *t, unsigned n_parts)
{
	unsigned i = t->n_dearest;

	while (i > 0 && t->dearest[i - 1].n_parts < n_parts)
		i--;
	if (i == TOTAL_DEAREST)
		return NULL;
	if (t->n_dearest == TOTAL_DEAREST)
		json_out_done(&t->dearest[TOTAL_DEAREST - 1].told);
	else
		t->n_dearest++;
	memmove(&t->dearest[i + 1], &t->dearest[i], (t->n_dearest - 1 - i) * sizeof(t->dearest[i]));
	return &t->dearest[i];
}

struct total_dear *preview_total_add(struct preview_total *t, uint64_t row, const struct preview_row *p)
{
	const struct segment_plan *plan = &p->jm->plan;
	struct total_dear *d;

	t->rows++;
	t->accepted++;
	t->parts += plan->n_parts;
	t->units[plan->encoding] += p->n_units;
	t->by_encoding[plan->encoding]++;
	t->by_parts[plan->n_parts]++;
	add_sum(sum_of_route(t, p->jm->m.route), plan->n_parts);
	if (p->smart.step != SMART_NONE)
		add_sum(&t->suggestion, plan->n_parts - p->smart.plan.n_parts);
	if (p->over)
		add_sum(&t->shorten, 1);
	if (p->jm->changed) {
		add_sum(&t->changed, plan->n_parts);
		t->changed_parts_before += p->jm->parts_before;
	}
	count_culprits(t, row, p);
	d = place(t, plan->n_parts);
	if (!d)
		return NULL;
	*d = (struct total_dear){.row = row, .to = p->jm->m.to, .n_units = p->n_units, .n_parts = plan->n_parts,
		.encoding = (uint8_t)plan->encoding};
	json_out_init(&d->told, TOLD_MAX);
	return d;
}

size_t preview_total_told(const struct preview_total *t)
{
	size_t n = 0;

	for (unsigned i = 0; i < t->n_dearest; i++)
		n += buf_len(&t->dearest[i].told.b);
	return n;
}

/* ---- Telling. ---- */

static void put_encodings(struct json_out *o, const char *key, const uint64_t by[ENC_BINARY + 1])
{
	json_out_key(o, key);
	json_out_open(o, '{');
	for (unsigned e = 0; e <= ENC_BINARY; e++)
		if (by[e])
			json_out_ku64(o, encoding_name(e), by[e]);
	json_out_close(o, '}');
}

static void put_by_parts(struct json_out *o, const struct preview_total *t)
{
	char key[8];

	json_out_key(o, "by_parts");
	json_out_open(o, '{');
	for (unsigned i = 1; i <= SEGMENT_MAX_PARTS; i++) {
		if (!t->by_parts[i])
			continue;
		snprintf(key, sizeof(key), "%u", i);
		json_out_ku64(o, key, t->by_parts[i]);
	}
	json_out_close(o, '}');
}

static void put_sum(struct json_out *o, const struct total_sum *s)
{
	json_out_open(o, '{');
	json_out_ku64(o, "rows", s->rows);
	json_out_ku64(o, "parts", s->parts);
	json_out_close(o, '}');
}

/* A list and no object: a route may have any name. */
static void put_by_route(struct json_out *o, const struct preview_total *t, const struct names *names)
{
	json_out_key(o, "by_route");
	json_out_open(o, '[');
	for (unsigned i = 0; i < t->n_routes; i++) {
		json_out_open(o, '{');
		json_out_kstr(o, "route", names_text(names, NAME_ROUTE, t->route_id[i]));
		json_out_ku64(o, "rows", t->route[i].rows);
		json_out_ku64(o, "parts", t->route[i].parts);
		json_out_close(o, '}');
	}
	json_out_close(o, ']');
	json_out_key(o, "no_route");
	put_sum(o, &t->no_route);
	json_out_key(o, "other_routes");
	put_sum(o, &t->other_routes);
}

static void put_errors(struct json_out *o, const struct preview_total *t)
{
	json_out_key(o, "errors");
	json_out_open(o, '{');
	for (unsigned i = 0; i < API_CODE_N; i++)
		if (t->errors[i])
			json_out_ku64(o, api_code_name(i), t->errors[i]);
	json_out_close(o, '}');
}

/* The most frequent of the rest: more rows first, of equals the lower code point. */
static const struct total_culprit *next_culprit(
	const struct preview_total *t, const struct total_culprit *before)
{
	const struct total_culprit *best = NULL;

	for (unsigned i = 0; i < TOTAL_SLOTS; i++) {
		const struct total_culprit *c = &t->culprits[i];

		if (!c->cp || (before && (c->rows > before->rows || (c->rows == before->rows && c->cp <= before->cp))))
			continue;
		if (!best || c->rows > best->rows || (c->rows == best->rows && c->cp < best->cp))
			best = c;
	}
	return best;
}

static void put_culprits(struct json_out *o, const struct preview_total *t)
{
	const struct total_culprit *c = NULL;

	json_out_key(o, "culprits");
	json_out_open(o, '[');
	for (unsigned i = 0; i < TOTAL_CULPRITS && (c = next_culprit(t, c)); i++) {
		json_out_open(o, '{');
		preview_character_out(o, c->cp);
		json_out_ku64(o, "rows", c->rows);
		json_out_ku64(o, "count", c->count);
		json_out_close(o, '}');
	}
	json_out_close(o, ']');
	json_out_ku64(o, "n_culprits", t->n_culprits);
	json_out_ku64(o, "other_culprits", t->other_culprits);
}

/* Sums are shown to more people than rows are: enough of the number to know it again by, no more. */
static void put_masked(struct json_out *o, uint64_t to)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "+%llu", (unsigned long long)to);

	for (int i = 5; i < n - 2; i++)
		text[i] = '*';
	json_out_kstr(o, "to", text);
}

static void put_dearest(struct json_out *o, const struct preview_total *t)
{
	json_out_key(o, "dearest");
	json_out_open(o, '[');
	for (unsigned i = 0; i < t->n_dearest; i++) {
		const struct total_dear *d = &t->dearest[i];

		json_out_open(o, '{');
		json_out_ku64(o, "row", d->row);
		put_masked(o, d->to);
		json_out_kstr(o, "encoding", encoding_name(d->encoding));
		json_out_ku64(o, "parts", d->n_parts);
		json_out_ku64(o, "units", d->n_units);
		json_out_close(o, '}');
	}
	json_out_close(o, ']');
}

static void put_saving(struct json_out *o, const char *key, const struct total_sum *s)
{
	json_out_key(o, key);
	json_out_open(o, '{');
	json_out_ku64(o, "rows", s->rows);
	json_out_ku64(o, "parts_saved", s->parts);
	json_out_close(o, '}');
}

static void put_changed(struct json_out *o, const struct preview_total *t)
{
	json_out_key(o, "changed");
	json_out_open(o, '{');
	json_out_ku64(o, "rows", t->changed.rows);
	json_out_ku64(o, "parts_before", t->changed_parts_before);
	json_out_ku64(o, "parts", t->changed.parts);
	json_out_close(o, '}');
}

void preview_total_out(struct json_out *o, const struct preview_total *t, const struct names *names)
{
	json_out_open(o, '{');
	json_out_ku64(o, "rows", t->rows);
	json_out_ku64(o, "accepted", t->accepted);
	json_out_ku64(o, "refused", t->refused);
	json_out_ku64(o, "parts", t->parts);
	put_encodings(o, "units", t->units);
	put_by_parts(o, t);
	put_encodings(o, "by_encoding", t->by_encoding);
	put_by_route(o, t, names);
	put_errors(o, t);
	put_culprits(o, t);
	put_changed(o, t);
	put_saving(o, "suggestion", &t->suggestion);
	put_saving(o, "shorten", &t->shorten);
	put_dearest(o, t);
	json_out_close(o, '}');
}
