/* SPDX-License-Identifier: Apache-2.0 */
/* json_text.c -- see json_text.h.
 *
 * A text is changed from where it lies into the one of two rooms that it does not lie in, and in the end always lies in
 * `scratch` when it was changed: `spare` is then free for whoever has the message next. */
#include "intake/json_text.h"

#include "codec/unicode.h"
#include "codec/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CANNOT_SEND 255

/* Transliteration takes up to 10 microseconds a character, so what cannot become sendable by it is refused before.  A
 * part takes 153 letters, and few vanish. */
#define TRANSLIT_CHARS_A_PART 200

unsigned json_text_position(const char *s, size_t at)
{
	unsigned n = 0;

	for (size_t i = 0; i < at; i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

/* ---- changing -------------------------------------------------------------------------------------------- */

static char *room_for_next(struct json_message *jm)
{
	return jm->m.text == jm->scratch ? jm->spare : jm->scratch;
}

static void take_text(struct json_message *jm, const char *text, size_t n, enum json_change how)
{
	jm->m.text = text;
	jm->m.n_text = (uint32_t)n;
	jm->changed |= how;
}

int json_text_no_such_translit(const char *name, struct api_fault *f)
{
	const char *known;
	char list[300];
	size_t used = 0;

	list[0] = '\0';
	for (unsigned i = 0; (known = unicode_translit_name(i, NULL)) && used < sizeof(list); i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", known);
	return api_fault_set(f, API_INVALID_TRANSLIT, "translit", "\"%.20s\" is no transliteration; there are %s", name, list);
}

static int transliterate(
	struct json_message *jm, const struct json_text_wish *w, struct unicode *unicode, struct api_fault *f)
{
	unsigned n_chars = json_text_position(jm->m.text, jm->m.n_text);
	char *dst = room_for_next(jm);
	size_t n;
	int r;

	if (n_chars > w->max_parts * TRANSLIT_CHARS_A_PART)
		return api_fault_set(f, API_TOO_MANY_PARTS, "text",
			"the text has %u characters; transliterated they need more parts than this client may send, which is %u; "
			"shorten it",
			n_chars, w->max_parts);
	r = unicode_translit(unicode, w->translit, jm->m.text, jm->m.n_text, dst, sizeof(jm->scratch), &n);
	if (r == -ENOENT)
		return json_text_no_such_translit(w->translit, f);
	if (r == -ENOBUFS || (r == 0 && n > MSG_TEXT_MAX))
		return api_fault_set(f, API_INVALID_TEXT, "text",
			"the text transliterated takes more than %d octets; shorten it", MSG_TEXT_MAX);
	if (r < 0)
		return api_fault_set(f, API_QUEUE_BUSY, "translit", "no memory for the transliteration; try again");
	if (n == 0)
		return api_fault_set(f, API_INVALID_TEXT, "text",
			"nothing is left of the text when it is transliterated; leave \"translit\" out");
	if (n != jm->m.n_text || memcmp(dst, jm->m.text, n) != 0)
		take_text(jm, dst, n, JSON_CHANGED_TRANSLIT);
	return 0;
}

static int compose(struct json_message *jm, struct unicode *unicode, struct api_fault *f)
{
	char *dst = room_for_next(jm);
	size_t n;
	int r = unicode_nfc(unicode, jm->m.text, jm->m.n_text, dst, sizeof(jm->scratch), &n);

	if (r == -ENOBUFS || (r > 0 && n > MSG_TEXT_MAX))
		return api_fault_set(f, API_INVALID_TEXT, "text", "the text in NFC takes more than %d octets; shorten it",
			MSG_TEXT_MAX);
	if (r < 0)
		return api_fault_set(f, API_QUEUE_BUSY, "nfc", "no memory for NFC; try again");
	if (r > 0)
		take_text(jm, dst, n, JSON_CHANGED_NFC);
	return 0;
}

/* Parts that the text needs, 255 when it cannot be sent in that encoding. */
static unsigned parts_of(int r, const struct segment_plan *p)
{
	return r == 0 || r == -E2BIG ? p->n_parts : CANNOT_SEND;
}

static int try_smart(struct json_message *jm, const struct segment_opts *o, int r)
{
	char *dst = room_for_next(jm);

	smart_text(jm->m.text, jm->m.n_text, parts_of(r, &jm->plan), o, dst, &jm->look_alikes);
	if (jm->look_alikes.step == SMART_NONE)
		return r;
	jm->plan = jm->look_alikes.plan;
	take_text(jm, dst, jm->look_alikes.n, JSON_CHANGED_SMART);
	return 0;
}

/* ---- what is wrong with it ------------------------------------------------------------------------------- */

/* Parts after smart, when that would help and was not asked for; else 0.  Overwrites what the plan was. */
static unsigned parts_if_smart(
	struct json_message *jm, const struct json_text_wish *w, const struct segment_opts *o, unsigned before)
{
	if (w->smart)
		return 0;
	smart_text(jm->m.text, jm->m.n_text, before, o, room_for_next(jm), &jm->look_alikes);
	return jm->look_alikes.step == SMART_NONE ? 0 : jm->look_alikes.plan.n_parts;
}

int json_text_too_many(const struct json_message *jm, const struct json_text_wish *w, const char *field,
	const char *more, struct api_fault *f)
{
	const struct segment_plan *p = &jm->plan;

	if (p->n_parts == 255)
		return api_fault_set(f, API_TOO_MANY_PARTS, field,
			"the %s needs more than 254 parts as %s, this client may send %u; shorten it", field,
			encoding_name(p->encoding), w->max_parts);
	return api_fault_set(f, API_TOO_MANY_PARTS, field, "the %s%s needs %u parts as %s, this client may send %u; shorten it%s",
		field, jm->changed ? ", changed as asked for," : "", p->n_parts, encoding_name(p->encoding), w->max_parts, more);
}

static bool shifts_allowed(const struct segment_rules *rules)
{
	return rules->languages && rules->concat <= CONCAT_UDH16 && !rules->max_char;
}

/* Some alphabet that the link knows has the character. */
static bool has_char(const struct segment_rules *rules, uint32_t cp, bool languages)
{
	const struct gsm7_char *c = gsm7_char(cp);

	if (segment_fits_gsm7(cp, rules))
		return true;
	return languages && ((c->in_main | c->in_single) & rules->languages) != 0;
}

static const char *alphabet_name(const struct segment_rules *rules, bool languages)
{
	if (rules->max_char)
		return rules->max_char >= 0xff ? "the alphabet of the link (Latin-1 for GSM-7)"
					       : "the alphabet of the link (ASCII for GSM-7)";
	return languages ? "GSM-7 with the language tables of the link" : "GSM-7";
}

#define SHOWN 6

/* The first characters that no alphabet has, for a person; returns how many there are. */
static unsigned list_foreign(
	const char *s, size_t n, const struct segment_rules *rules, bool languages, char *list, size_t cap)
{
	unsigned position = 0, count = 0;
	size_t used = 0;

	for (size_t i = 0, len; i < n; i += len, position++) {
		uint32_t cp;

		len = utf8_next(s + i, n - i, &cp);
		if (has_char(rules, cp, languages) || count++ >= SHOWN)
			continue;
		used += (size_t)snprintf(list + used, cap - used, "%s%.*s (U+%04X) at %u", count > 1 ? ", " : "", (int)len, s + i,
			(unsigned)cp, position);
	}
	return count;
}

struct foreign {
	bool languages; /* the tables of the link were looked at, too */
	char list[SHOWN * 32 + 24];
};

static void find_foreign(const struct json_message *jm, const struct segment_rules *rules, struct foreign *ret)
{
	const size_t cap = sizeof(ret->list);
	unsigned n;

	ret->languages = shifts_allowed(rules);
	ret->list[0] = '\0';
	n = list_foreign(jm->m.text, jm->m.n_text, rules, ret->languages, ret->list, cap);
	if (n == 0) { /* each is in some table, but no two tables have them all */
		ret->languages = false;
		n = list_foreign(jm->m.text, jm->m.n_text, rules, false, ret->list, cap);
	}
	if (n > SHOWN)
		snprintf(ret->list + strlen(ret->list), cap - strlen(ret->list), ", and %u more", n - SHOWN);
}

static int too_many_parts(
	struct json_message *jm, const struct json_text_wish *w, const struct segment_opts *o, struct api_fault *f)
{
	unsigned parts = parts_if_smart(jm, w, o, jm->plan.n_parts);
	char hint[sizeof(struct foreign) + 80];
	struct foreign foreign;
	size_t n = 0;

	hint[0] = '\0';
	if (jm->plan.encoding == ENC_UCS2 && jm->m.wish == WISH_UCS2) {
		n = (size_t)snprintf(hint, sizeof(hint), ", or let encoding be \"auto\"");
	} else if (jm->plan.encoding == ENC_UCS2) {
		find_foreign(jm, &o->rules, &foreign);
		n = (size_t)snprintf(hint, sizeof(hint), ", or avoid what forces ucs2: %s", foreign.list);
	}
	if (parts)
		snprintf(hint + n, sizeof(hint) - n, "; with \"smart\": true it needs %u", parts);
	return json_text_too_many(jm, w, "text", hint, f);
}

static int not_gsm7(
	struct json_message *jm, const struct json_text_wish *w, const struct segment_opts *o, struct api_fault *f)
{
	struct foreign foreign;

	find_foreign(jm, &o->rules, &foreign);
	return api_fault_set(f, API_NOT_GSM7, "text", "%s does not have %s%s; replace them%s, or let encoding be \"auto\"",
		alphabet_name(&o->rules, foreign.languages), foreign.list, jm->changed ? " in the text as changed" : "",
		parts_if_smart(jm, w, o, CANNOT_SEND) ? " (\"smart\": true does)" : "");
}

/* ---- all of it ------------------------------------------------------------------------------------------- */

/* The parts of the text as it came; for `encoding: "gsm7"` those that it would need if that were not asked for. */
static uint8_t parts_before(const char *s, size_t n, const struct segment_opts *o)
{
	struct segment_opts any = *o;
	struct segment_plan p;
	size_t bad_at;
	int r = segment_plan(s, n, o, &p, &bad_at);

	if (r == -EILSEQ) {
		any.wish = WISH_AUTO;
		r = segment_plan(s, n, &any, &p, &bad_at);
	}
	return (uint8_t)parts_of(r, &p);
}

int json_text_plan(struct json_message *jm, const struct json_text_wish *w, const struct segment_opts *o,
	struct api_fault *f)
{
	const char *was = jm->m.text;
	size_t n_was = jm->m.n_text, bad_at;
	int r = 0;

	if (w->translit && !o->unicode)
		return api_fault_set(f, API_UNSUPPORTED, "translit", "this gateway cannot transliterate; leave the field out");
	if (w->translit)
		r = transliterate(jm, w, o->unicode, f);
	if (r == 0 && w->nfc && o->unicode)
		r = compose(jm, o->unicode, f);
	if (r < 0)
		return r;
	r = segment_plan(jm->m.text, jm->m.n_text, o, &jm->plan, &bad_at);
	if (w->smart)
		r = try_smart(jm, o, r);
	if (jm->changed)
		jm->parts_before = parts_before(was, n_was, o);
	if (jm->m.text == jm->spare)
		jm->m.text = memcpy(jm->scratch, jm->spare, jm->m.n_text);
	if (r == -EILSEQ)
		return not_gsm7(jm, w, o, f);
	if (r == -E2BIG)
		return too_many_parts(jm, w, o, f);
	if (r < 0)
		return api_fault_set(f, API_INVALID_TEXT, "text", "the text cannot be encoded");
	return 0;
}

/* ---- saying it ------------------------------------------------------------------------------------------- */

void json_text_change(struct json_out *o, const struct smart_change *c)
{
	char was[(1 + SMART_COMPOSE_MAX) * UTF8_MAX_OCTETS], code[(1 + SMART_COMPOSE_MAX) * 9];
	size_t n_was = utf8_put(was, sizeof(was), c->cp);
	int n_code = snprintf(code, sizeof(code), "U+%04X", (unsigned)c->cp);

	for (unsigned i = 0; i < SMART_COMPOSE_MAX && c->more[i]; i++) {
		n_was += utf8_put(was + n_was, sizeof(was) - n_was, c->more[i]);
		n_code += snprintf(code + n_code, sizeof(code) - (size_t)n_code, " U+%04X", (unsigned)c->more[i]);
	}
	json_out_open(o, '{');
	json_out_ku64(o, "position", c->position);
	json_out_key(o, "char");
	json_out_strn(o, was, n_was);
	json_out_kstr(o, "codepoint", code);
	json_out_kstr(o, "with", c->with);
	json_out_close(o, '}');
}

void json_text_changed(struct json_out *o, const struct json_message *jm, bool with_text, unsigned max_changes)
{
	static const struct {
		enum json_change how;
		const char *name;
	} by[] = {{JSON_CHANGED_TRANSLIT, "translit"}, {JSON_CHANGED_NFC, "nfc"}, {JSON_CHANGED_SMART, "smart"}};

	if (!jm->changed)
		return;
	json_out_key(o, "changed");
	json_out_open(o, '{');
	json_out_key(o, "by");
	json_out_open(o, '[');
	for (unsigned i = 0; i < sizeof(by) / sizeof(by[0]); i++)
		if (jm->changed & by[i].how)
			json_out_str(o, by[i].name);
	json_out_close(o, ']');
	json_out_ku64(o, "parts_before", jm->parts_before);
	if (with_text) {
		json_out_key(o, "text");
		json_out_strn(o, jm->m.text, jm->m.n_text);
	}
	if (jm->changed & JSON_CHANGED_SMART) {
		json_out_ku64(o, "n_changes", jm->look_alikes.n_changes);
		json_out_key(o, "changes");
		json_out_open(o, '[');
		for (unsigned i = 0; i < jm->look_alikes.n_changes && i < max_changes && i < SMART_CHANGES_MAX; i++)
			json_text_change(o, &jm->look_alikes.changes[i]);
		json_out_close(o, ']');
	}
	json_out_close(o, '}');
}
