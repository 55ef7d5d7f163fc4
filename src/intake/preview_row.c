/* SPDX-License-Identifier: Apache-2.0 */
/* preview_row.c -- what one message costs, and why; the words are in preview_row.h.
 *
 * A row of a base of millions passes here as well, so a text of one part, which nothing could make cheaper, is read
 * once more than for sending and not planned again.
 */
#include "intake/preview_row.h"

#include "codec/unicode.h"
#include "codec/utf8.h"
#include "intake/json_text.h"

#include <stdio.h>
#include <string.h>

/* ---- Finding out. ---- */

/* The tables that the link allows for this text, the default ones among them. */
static uint16_t tables_of(const struct preview_row *p)
{
	const struct segment_rules *r = &p->opts.rules;
	bool shifts = r->concat <= CONCAT_UDH16 && !r->max_char;

	return (uint16_t)((shifts ? r->languages & ((1u << GSM7_LANGUAGES) - 1) : 0) | 1);
}

static bool has_any(uint32_t cp, uint16_t tables)
{
	const struct gsm7_char *c = gsm7_char(cp);

	return ((c->in_main | c->in_single) & tables) != 0;
}

static bool is_culprit(const struct preview_row *p, uint32_t cp)
{
	switch (p->blame) {
	case BLAME_NOBODY: return false;
	case BLAME_NOT_DEFAULT: return !segment_fits_gsm7(cp, &p->opts.rules);
	case BLAME_NOT_ANY: return !segment_fits_gsm7(cp, &p->opts.rules) && !has_any(cp, tables_of(p));
	}
	return false;
}

static unsigned units_of(const struct segment_plan *p, uint32_t cp)
{
	if (p->encoding == ENC_UCS2)
		return cp > 0xffff ? 2 : 1;
	return gsm7_encode_shift(cp, p->shift) > 0x7f ? 2 : 1;
}

static void count(struct preview_row *p)
{
	const struct message *m = &p->jm->m;
	uint32_t cp;
	size_t len;

	p->n_characters = p->n_double = p->n_culprits = 0;
	for (size_t i = 0; i < m->n_text; i += len) {
		len = utf8_next(m->text + i, m->n_text - i, &cp);
		if (len == 0)
			return;
		p->n_characters++;
		p->n_double += units_of(&p->jm->plan, cp) == 2;
		p->n_culprits += is_culprit(p, cp);
	}
}

/* Whom to blame for UCS-2 depends on whether anybody is in no table at all. */
static void find_culprits(struct preview_row *p)
{
	const struct segment_plan *plan = &p->jm->plan;

	p->blame = BLAME_NOBODY;
	if (plan->encoding == ENC_UCS2 && p->opts.wish != WISH_UCS2)
		p->blame = BLAME_NOT_ANY;
	else if (plan->shift.locking || plan->shift.single)
		p->blame = BLAME_NOT_DEFAULT;
	count(p);
	if (p->blame == BLAME_NOT_ANY && p->n_culprits == 0) {
		p->blame = BLAME_NOT_DEFAULT;
		count(p);
	}
}

/* Units that `n_parts` parts of the plan hold when each takes as much as it can. */
static unsigned room_of(const struct preview_row *p, unsigned n_parts)
{
	const struct message *m = &p->jm->m;
	struct segment_plan plan = p->jm->plan;
	unsigned room = 0;

	if (n_parts == 1) {
		plan.n_parts = 1;
		return segment_capacity(&plan, p->n_udh);
	}
	/* A plan that keeps clusters whole may leave room in parts that another cut would fill. */
	if (p->opts.unicode && plan.encoding != ENC_BINARY &&
		segment_again(m->text, m->n_text, segment_cut(&p->jm->plan), NULL, &plan) < 0)
		return 0;
	for (unsigned i = 0; i < n_parts; i++)
		room += plan.units[i];
	return room;
}

static void find_over(struct preview_row *p)
{
	unsigned n_parts = p->jm->plan.n_parts, most, room;

	p->over = 0;
	if (n_parts < 2)
		return;
	most = segment_capacity(&p->jm->plan, p->n_udh) * (n_parts - 1);
	if (n_parts > 2 && p->n_units > most + PREVIEW_SHORTEN_AT)
		return;
	room = room_of(p, n_parts - 1);
	if (room > 0 && p->n_units - room <= PREVIEW_SHORTEN_AT)
		p->over = p->n_units - room;
}

void preview_row(struct preview_row *p, const struct json_message *jm, const struct segment_opts *opts)
{
	const struct message *m = &jm->m;

	p->jm = jm;
	p->opts = *opts;
	p->n_udh = m->flags & MSG_BINARY ? (uint8_t)m->text[0] : 0;
	p->n_units = 0;
	for (unsigned i = 0; i < jm->plan.n_parts; i++)
		p->n_units += jm->plan.units[i];
	find_over(p);
	p->smart.step = SMART_NONE;
	if (m->flags & MSG_BINARY) {
		p->blame = BLAME_NOBODY;
		p->n_characters = p->n_double = p->n_culprits = 0;
		return;
	}
	find_culprits(p);
	if (jm->plan.n_parts > 1 && !(jm->changed & JSON_CHANGED_SMART))
		smart_text(m->text, m->n_text, jm->plan.n_parts, &p->opts, p->text, &p->smart);
}

bool preview_culprit(const struct preview_row *p, struct preview_walk *w, struct preview_culprit *ret)
{
	const struct message *m = &p->jm->m;

	while (p->blame != BLAME_NOBODY && w->at < m->n_text) {
		size_t at = w->at, len;

		len = utf8_next(m->text + at, m->n_text - at, &ret->cp);
		if (len == 0)
			return false;
		w->at += len;
		ret->position = w->position++;
		if (is_culprit(p, ret->cp)) {
			ret->s = m->text + at;
			ret->n = len;
			return true;
		}
	}
	return false;
}

/* ---- Telling. ---- */

void preview_character_out(struct json_out *o, uint32_t cp)
{
	char text[128];

	json_out_key(o, "char");
	json_out_strn(o, text, utf8_put(text, sizeof(text), cp));
	snprintf(text, sizeof(text), "U+%04X", (unsigned)cp);
	json_out_kstr(o, "codepoint", text);
	json_out_kstr(o, "name", unicode_name(cp, text, sizeof(text)));
}

static void put_numbers(struct json_out *o, const struct preview_row *p)
{
	const struct segment_plan *plan = &p->jm->plan;

	json_out_kstr(o, "encoding", encoding_name(plan->encoding));
	json_out_ku64(o, "parts", plan->n_parts);
	json_out_key(o, "units");
	json_out_open(o, '[');
	for (unsigned i = 0; i < plan->n_parts; i++)
		json_out_u64(o, plan->units[i]);
	json_out_close(o, ']');
	json_out_key(o, "left");
	json_out_open(o, '[');
	for (unsigned i = 1; i <= plan->n_parts; i++)
		json_out_u64(o, segment_units_left(plan, i, p->n_udh));
	json_out_close(o, ']');
	json_out_ku64(o, "units_left", segment_units_left(plan, plan->n_parts, p->n_udh));
	json_out_ku64(o, "capacity", segment_capacity(plan, p->n_udh));
	json_out_ku64(o, "n_characters", p->n_characters);
	json_out_ku64(o, "n_double", p->n_double);
}

static void put_table(struct json_out *o, const char *table, unsigned language)
{
	if (!language)
		return;
	json_out_open(o, '{');
	json_out_kstr(o, "table", table);
	json_out_kstr(o, "language", gsm7_language_name(language));
	json_out_close(o, '}');
}

static void put_languages(struct json_out *o, const struct segment_plan *plan)
{
	json_out_key(o, "languages");
	json_out_open(o, '[');
	put_table(o, "locking", plan->shift.locking);
	put_table(o, "single", plan->shift.single);
	json_out_close(o, ']');
}

static void put_culprits(struct json_out *o, const struct preview_row *p)
{
	const char *cost = p->jm->plan.encoding == ENC_UCS2 ? "forces ucs2" : "forces a language table";
	struct preview_walk w = {0};
	struct preview_culprit c;

	json_out_key(o, "culprits");
	json_out_open(o, '[');
	for (unsigned n = 0; n < PREVIEW_CULPRITS && preview_culprit(p, &w, &c); n++) {
		json_out_open(o, '{');
		json_out_ku64(o, "position", c.position);
		preview_character_out(o, c.cp);
		json_out_kstr(o, "cost", cost);
		json_out_close(o, '}');
	}
	json_out_close(o, ']');
	json_out_ku64(o, "n_culprits", p->n_culprits);
}

static void put_changes(struct json_out *o, const struct smart_result *s)
{
	json_out_key(o, "changes");
	json_out_open(o, '[');
	for (unsigned i = 0; i < s->n_changes && i < SMART_CHANGES_MAX; i++)
		json_text_change(o, &s->changes[i]);
	json_out_close(o, ']');
	json_out_ku64(o, "n_changes", s->n_changes);
}

static void put_suggestion(struct json_out *o, const struct preview_row *p)
{
	const struct smart_result *s = &p->smart;

	json_out_key(o, "suggestion");
	if (s->step == SMART_NONE) {
		json_out_null(o);
		return;
	}
	json_out_open(o, '{');
	json_out_key(o, "text");
	json_out_strn(o, p->text, s->n);
	json_out_kstr(o, "encoding", encoding_name(s->plan.encoding));
	json_out_ku64(o, "parts", s->plan.n_parts);
	json_out_ku64(o, "saves", p->jm->plan.n_parts - s->plan.n_parts);
	put_languages(o, &s->plan);
	put_changes(o, s);
	json_out_kstr(o, "by", "smart");
	json_out_close(o, '}');
}

static void put_shorten(struct json_out *o, const struct preview_row *p)
{
	json_out_key(o, "shorten");
	if (!p->over) {
		json_out_null(o);
		return;
	}
	json_out_open(o, '{');
	json_out_ku64(o, "units", p->over);
	json_out_ku64(o, "parts", p->jm->plan.n_parts - 1);
	json_out_ku64(o, "saves", 1);
	json_out_close(o, '}');
}

void preview_row_out(struct json_out *o, const struct preview_row *p)
{
	put_numbers(o, p);
	put_languages(o, &p->jm->plan);
	put_culprits(o, p);
	put_suggestion(o, p);
	put_shorten(o, p);
}
