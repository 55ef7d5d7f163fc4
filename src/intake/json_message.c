/* SPDX-License-Identifier: Apache-2.0 */
/* json_message.c -- see json_message.h.
 *
 * Two passes.  The first walks the keys of the object, so that a misspelt or ill-typed field is found
 * whatever else is wrong; the second takes the fields in a fixed order, so that the same row always gets the
 * same fault.
 *
 * Positions in faults are characters (code points) counted from 0, as a client's string index is in most
 * languages.
 */
#include "intake/json_message.h"

#include "base/clock.h"
#include "base/hash.h"
#include "codec/msisdn.h"
#include "codec/udh.h"
#include "codec/unicode.h"
#include "codec/utf8.h"
#include "intake/json_text.h"
#include "intake/json_tlvs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum field {
	F_TO,
	F_TEXT,
	F_FROM,
	F_REF,
	F_CLASS,
	F_SEND_AT,
	F_TTL,
	F_ENCODING,
	F_FLASH,
	F_CAMPAIGN,
	F_TAG,
	F_SMART,
	F_NFC,
	F_TRANSLIT,
	F_REPORT,
	F_DATA,
	F_UDH,
	F_KEY,
	F_TLVS,
	F_N
};

static const struct {
	const char *name;
	enum { T_STRING, T_INTEGER, T_BOOL, T_OBJECT } type;
	enum api_code code; /* when its value is wrong */
} fields[F_N] = {
	[F_TO] = {"to", T_STRING, API_INVALID_TO},
	[F_TEXT] = {"text", T_STRING, API_INVALID_TEXT},
	[F_FROM] = {"from", T_STRING, API_INVALID_FROM},
	[F_REF] = {"ref", T_STRING, API_INVALID_REF},
	[F_CLASS] = {"class", T_STRING, API_INVALID_CLASS},
	[F_SEND_AT] = {"send_at", T_STRING, API_INVALID_SEND_AT},
	[F_TTL] = {"ttl", T_INTEGER, API_INVALID_TTL},
	[F_ENCODING] = {"encoding", T_STRING, API_INVALID_ENCODING},
	[F_FLASH] = {"flash", T_BOOL, API_WRONG_TYPE},
	[F_CAMPAIGN] = {"campaign", T_STRING, API_INVALID_CAMPAIGN},
	[F_TAG] = {"tag", T_STRING, API_INVALID_TAG},
	[F_SMART] = {"smart", T_BOOL, API_WRONG_TYPE},
	[F_NFC] = {"nfc", T_BOOL, API_WRONG_TYPE},
	[F_TRANSLIT] = {"translit", T_STRING, API_INVALID_TRANSLIT},
	[F_REPORT] = {"report", T_STRING, API_INVALID_REPORT},
	[F_DATA] = {"data", T_STRING, API_INVALID_DATA},
	[F_UDH] = {"udh", T_STRING, API_INVALID_DATA},
	[F_KEY] = {"idempotency_key", T_STRING, API_INVALID_IDEMPOTENCY_KEY},
	[F_TLVS] = {"tlvs", T_OBJECT, API_INVALID_TLVS},
};

/* What other gateways call these things. */
static const struct {
	const char *theirs;
	enum field ours;
} aliases[] = {
	{"body", F_TEXT},
	{"content", F_TEXT},
	{"message", F_TEXT},
	{"msg", F_TEXT},
	{"recipient", F_TO},
	{"phone", F_TO},
	{"number", F_TO},
	{"msisdn", F_TO},
	{"destination", F_TO},
	{"dst", F_TO},
	{"sender", F_FROM},
	{"source", F_FROM},
	{"src", F_FROM},
	{"originator", F_FROM},
	{"priority", F_CLASS},
	{"validity", F_TTL},
	{"schedule", F_SEND_AT},
	{"date", F_SEND_AT},
	{"coding", F_ENCODING},
	{"reference", F_REF},
	{"client_ref", F_REF},
	{"dlr", F_REPORT},
	{"hex", F_DATA},
	{"transliterate", F_TRANSLIT},
	{"transliteration", F_TRANSLIT},
	{"normalize", F_NFC},
	{"normalise", F_NFC},
};

struct work {
	const json_t *v[F_N];
	const struct json_message_ctx *x;
	struct json_message *out;
	struct api_fault *f;
};

/* ---- Pass one: names and types. ---- */

/* Letters that differ between two short names, all case and "_" apart; more than 2 is "another word". */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[2][32];
	size_t na = strlen(a), nb = strlen(b);

	if (na > 30 || nb > 30)
		return 99;
	for (size_t j = 0; j <= nb; j++)
		row[0][j] = (unsigned)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned *now = row[i & 1], *was = row[(i & 1) ^ 1];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned cost = was[j - 1] + ((a[i - 1] | 0x20) != (b[j - 1] | 0x20));

			if (was[j] + 1 < cost)
				cost = was[j] + 1;
			if (now[j - 1] + 1 < cost)
				cost = now[j - 1] + 1;
			now[j] = cost;
		}
	}
	return row[na & 1][nb];
}

/* The field that was probably meant, or NULL. */
static const char *nearest_field(const char *name)
{
	const char *best = NULL;
	unsigned best_distance = strlen(name) > 3 ? 3 : 2;

	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (!strcasecmp(name, aliases[i].theirs))
			return fields[aliases[i].ours].name;
	for (unsigned i = 0; i < F_N; i++) {
		unsigned d = distance(name, fields[i].name);

		if (d < best_distance) {
			best_distance = d;
			best = fields[i].name;
		}
	}
	return best;
}

static int unknown_field(struct work *w, const char *name)
{
	const char *near = nearest_field(name);

	if (near)
		return api_fault_set(w->f, API_UNKNOWN_FIELD, name,
			"a message has no field \"%.40s\"; did you mean \"%s\"?", name, near);
	return api_fault_set(w->f, API_UNKNOWN_FIELD, name,
		"a message has no field \"%.40s\"; remove it, or see posthorn-api(7) for the list", name);
}

static const char *type_name(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT: return "an object";
	case JSON_ARRAY: return "an array";
	case JSON_STRING: return "a string";
	case JSON_INTEGER: return "a number";
	case JSON_REAL: return "a number with a fraction";
	case JSON_TRUE:
	case JSON_FALSE: return "a boolean";
	case JSON_NULL: return "null";
	}
	return "something else";
}

static int check_type(struct work *w, enum field i, const json_t *v)
{
	static const char *const wanted[] = {
		"a string", "a whole number", "true or false", "an object of names and values"};
	bool ok = false;

	switch (fields[i].type) {
	case T_STRING: ok = json_is_string(v); break;
	case T_INTEGER: ok = json_is_integer(v); break;
	case T_BOOL: ok = json_is_boolean(v); break;
	case T_OBJECT: ok = json_is_object(v); break;
	}
	if (ok && fields[i].type == T_STRING && memchr(json_string_value(v), '\0', json_string_length(v)))
		return api_fault_set(w->f, fields[i].code, fields[i].name,
			"\"%s\" holds the control character U+0000 at position %u; remove it", fields[i].name,
			json_text_position(json_string_value(v), strlen(json_string_value(v))));
	if (ok)
		return 0;
	return api_fault_set(w->f, API_WRONG_TYPE, fields[i].name, "\"%s\" must be %s, not %s%s",
		fields[i].name, wanted[fields[i].type], type_name(v),
		json_is_null(v)					  ? "; leave the field out to get the default"
		: fields[i].type == T_STRING && json_is_number(v) ? "; put it in quotes"
								  : "");
}

static int walk(struct work *w, const json_t *row)
{
	const char *name;
	json_t *v;

	json_object_foreach((json_t *)row, name, v)
	{
		unsigned i = 0;
		int r;

		while (i < F_N && strcmp(name, fields[i].name) != 0)
			i++;
		if (i == F_N)
			return unknown_field(w, name);
		r = check_type(w, i, v);
		if (r < 0)
			return r;
		w->v[i] = v;
	}
	return 0;
}

/* ---- Pass two: values. ---- */

static const char *text_of(const struct work *w, enum field i)
{
	return w->v[i] ? json_string_value(w->v[i]) : NULL;
}

static int take_to(struct work *w)
{
	const json_t *v = w->v[F_TO];
	const char *country = w->x->client->default_country, *why;

	if (!v)
		return api_fault_set(w->f, API_MISSING_FIELD, "to",
			"\"to\" is missing: the recipient's number, as in \"+12025550142\"");
	if (msisdn_normalise(json_string_value(v), json_string_length(v), *country ? country : NULL,
		    &w->out->m.to, &why) < 0)
		return api_fault_set(w->f, API_INVALID_TO, "to",
			"not a phone number: %s; write it in international form, as in \"+12025550142\"",
			why);
	return 0;
}

static int take_from(struct work *w)
{
	struct message *m = &w->out->m;
	const char *s = w->x->client->from, *why;
	size_t n = strlen(s);
	uint64_t number;

	if (w->v[F_FROM]) {
		s = json_string_value(w->v[F_FROM]);
		n = json_string_length(w->v[F_FROM]);
	}
	m->from = s;
	m->n_from = 0;
	if (n == 0)
		return 0;
	switch (sender_classify(s, n, &number, &why)) {
	case SENDER_INVALID:
		return api_fault_set(w->f, API_INVALID_FROM, "from",
			"%s; a sender is a number, a short code, or up to 11 GSM characters", why);
	case SENDER_NUMBER:
		/* Without its plus a number of few digits is a short code. */
		m->n_from = (uint8_t)snprintf(w->out->from, sizeof(w->out->from), "%s%llu",
			number < SENDER_SHORT_END ? "+" : "", (unsigned long long)number);
		m->from = w->out->from;
		return 0;
	case SENDER_SHORT:
	case SENDER_ALPHANUMERIC: break;
	}
	if (n > MSG_FROM_MAX)
		return api_fault_set(w->f, API_INVALID_FROM, "from",
			"the sender takes %zu octets of UTF-8, at most %d are kept; use a shorter one", n,
			MSG_FROM_MAX);
	m->n_from = (uint8_t)n;
	return 0;
}

/* ref, tag, campaign: short, printable, shown and searched as they are. */
static int take_label(struct work *w, enum field i, enum api_code code, const char **ret, size_t *ret_n)
{
	const char *s;
	size_t n;

	*ret = "";
	*ret_n = 0;
	if (!w->v[i])
		return 0;
	s = json_string_value(w->v[i]);
	n = json_string_length(w->v[i]);
	if (n > MSG_REF_MAX)
		return api_fault_set(w->f, code, fields[i].name,
			"\"%s\" takes %zu octets, at most %d are kept; shorten it", fields[i].name, n,
			MSG_REF_MAX);
	for (size_t j = 0; j < n; j++)
		if ((unsigned char)s[j] < 0x20 || s[j] == 0x7f)
			return api_fault_set(w->f, code, fields[i].name,
				"\"%s\" holds the control character U+%04X at position %u; remove it",
				fields[i].name, (unsigned char)s[j], json_text_position(s, j));
	*ret = s;
	*ret_n = n;
	return 0;
}

static int take_labels(struct work *w)
{
	struct message *m = &w->out->m;
	const char *campaign;
	size_t n;
	int r;

	r = take_label(w, F_REF, API_INVALID_REF, &m->ref, &n);
	if (r < 0)
		return r;
	m->n_ref = (uint8_t)n;
	r = take_label(w, F_TAG, API_INVALID_TAG, &m->tag, &n);
	if (r < 0)
		return r;
	m->n_tag = (uint8_t)n;
	return take_label(w, F_CAMPAIGN, API_INVALID_CAMPAIGN, &campaign, &n);
}

static int take_words(struct work *w)
{
	struct message *m = &w->out->m;
	const char *class = text_of(w, F_CLASS), *report = text_of(w, F_REPORT);
	int r;

	m->class = (uint8_t)w->x->client->class;
	if (class) {
		r = msg_class_parse(class);
		if (r < 0)
			return api_fault_set(w->f, API_INVALID_CLASS, "class",
				"\"%.40s\" is no class; it is \"otp\", \"service\" or \"marketing\"", class);
		m->class = (uint8_t)r;
	}
	m->report = REPORT_FINAL;
	if (report) {
		r = msg_report_parse(report);
		if (r < 0)
			return api_fault_set(w->f, API_INVALID_REPORT, "report",
				"\"%.40s\" is no kind of report; it is \"all\", \"final\" or \"none\"",
				report);
		m->report = (uint8_t)r;
	}
	if (w->v[F_FLASH] && json_is_true(w->v[F_FLASH]))
		m->flags |= MSG_FLASH;
	return 0;
}

static int take_send_at(struct work *w)
{
	const int64_t ahead = INT64_C(86400000) * JSON_MESSAGE_AHEAD_DAYS;
	struct message *m = &w->out->m;
	const json_t *v = w->v[F_SEND_AT];
	int64_t at;

	if (!v)
		return 0;
	if (clock_parse_rfc3339(json_string_value(v), json_string_length(v), &at) < 0)
		return api_fault_set(w->f, API_INVALID_SEND_AT, "send_at",
			"\"%.40s\" is not RFC 3339; write date, time and zone, as in "
			"\"2026-11-21T18:30:00+03:00\"",
			json_string_value(v));
	if (at > w->x->now_ms + ahead)
		return api_fault_set(w->f, API_INVALID_SEND_AT, "send_at",
			"\"%.40s\" is more than %d days ahead; post it later", json_string_value(v),
			JSON_MESSAGE_AHEAD_DAYS);
	/* A time that has passed is not an error: "not before" holds. */
	m->send_at_ms = at > w->x->now_ms ? at : 0;
	return 0;
}

static int take_times(struct work *w)
{
	struct message *m = &w->out->m;
	int64_t ttl_ms = w->x->client->ttl_ms;
	int r;

	m->created_ms = w->x->now_ms;
	r = take_send_at(w);
	if (r < 0)
		return r;
	if (w->v[F_TTL]) {
		json_int_t ttl_s = json_integer_value(w->v[F_TTL]);

		if (ttl_s < 1 || ttl_s > JSON_MESSAGE_TTL_MAX_S)
			return api_fault_set(w->f, API_INVALID_TTL, "ttl",
				"%lld is out of range; ttl is 1 to %d seconds", (long long)ttl_s,
				JSON_MESSAGE_TTL_MAX_S);
		ttl_ms = ttl_s * 1000;
	}
	m->ttl_end_ms = (m->send_at_ms ? m->send_at_ms : m->created_ms) + ttl_ms;
	return 0;
}

static int take_key(struct work *w)
{
	const json_t *v = w->v[F_KEY];

	if (!v)
		return 0;
	if (!json_message_key_ok(json_string_value(v), json_string_length(v)))
		return api_fault_set(w->f, API_INVALID_IDEMPOTENCY_KEY, "idempotency_key",
			"an idempotency key is 1 to %d printable ASCII characters", JSON_MESSAGE_KEY_MAX);
	w->out->idempotency_key = json_string_value(v);
	return 0;
}

static int take_translit(struct work *w)
{
	const char *name = text_of(w, F_TRANSLIT);

	if (!name)
		return 0;
	if (!unicode_translit_known(name))
		return json_text_no_such_translit(name, w->f);
	if (w->v[F_DATA])
		return api_fault_set(w->f, API_INVALID_TRANSLIT, "translit",
			"octets given as \"data\" are not transliterated; leave the field out");
	return 0;
}

static int take_wish(struct work *w)
{
	const char *s = text_of(w, F_ENCODING);
	struct message *m = &w->out->m;

	if (!s || !strcmp(s, "auto"))
		m->wish = WISH_AUTO;
	else if (!strcmp(s, "gsm7"))
		m->wish = WISH_GSM7;
	else if (!strcmp(s, "ucs2"))
		m->wish = WISH_UCS2;
	else
		return api_fault_set(w->f, API_INVALID_ENCODING, "encoding",
			"\"%.40s\" is no encoding; it is \"auto\", \"gsm7\" or \"ucs2\"", s);
	if (s && w->v[F_DATA] && m->wish != WISH_AUTO)
		return api_fault_set(w->f, API_INVALID_ENCODING, "encoding",
			"octets given as \"data\" have no encoding; leave the field out");
	return take_translit(w);
}

/* ---- The content. ---- */

/* What no telephone can show: control characters but TAB, LF, FF and CR, and code points that are no characters and
 * never will be (Unicode 15, 23.7). */
static bool is_control(uint32_t cp)
{
	if (cp < 0x20)
		return cp != '\t' && cp != '\n' && cp != '\f' && cp != '\r';
	return cp >= 0x7f && cp < 0xa0;
}

static bool is_noncharacter(uint32_t cp)
{
	return (cp & 0xfffe) == 0xfffe || (cp >= 0xfdd0 && cp <= 0xfdef);
}

static int check_characters(struct work *w, const char *s, size_t n)
{
	size_t len;

	for (size_t i = 0; i < n; i += len) {
		uint32_t cp = (unsigned char)s[i];

		len = cp < 0x80 ? 1 : utf8_next(s + i, n - i, &cp);
		if (is_control(cp))
			return api_fault_set(w->f, API_INVALID_TEXT, "text",
				"the text holds the control character U+%04X at position %u; remove it%s", (unsigned)cp,
				json_text_position(s, i),
				cp < 0x80 ? "" : ", or read the source as windows-1252 instead of ISO 8859-1");
		if (is_noncharacter(cp))
			return api_fault_set(w->f, API_INVALID_TEXT, "text",
				"the text holds U+%04X at position %u, which is no character; remove it", (unsigned)cp,
				json_text_position(s, i));
	}
	return 0;
}

static int take_text(struct work *w)
{
	struct message *m = &w->out->m;
	const json_t *v = w->v[F_TEXT];
	size_t n = json_string_length(v);

	m->text = json_string_value(v);
	if (n == 0)
		return api_fault_set(
			w->f, API_INVALID_TEXT, "text", "the text is empty; give at least one character");
	if (n > MSG_TEXT_MAX)
		return api_fault_set(w->f, API_INVALID_TEXT, "text",
			"the text takes %zu octets, at most %d can be sent; shorten it", n, MSG_TEXT_MAX);
	m->n_text = (uint32_t)n;
	return check_characters(w, m->text, n);
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'			? c - '0'
	       : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
							: -1;
}

/* Octets of a hexadecimal field into `dst`, at most `cap`. */
static int take_hex(struct work *w, enum field i, uint8_t *dst, size_t cap, size_t *ret_n)
{
	const char *s, *name = fields[i].name;
	size_t n;

	*ret_n = 0;
	if (!w->v[i])
		return 0;
	s = json_string_value(w->v[i]);
	n = json_string_length(w->v[i]);
	for (size_t j = 0; j < n; j++)
		if (hex_digit(s[j]) < 0)
			return api_fault_set(w->f, API_INVALID_DATA, name,
				"\"%s\" is not hexadecimal at position %u; two digits for each octet, "
				"nothing else",
				name, json_text_position(s, j));
	if (n % 2)
		return api_fault_set(w->f, API_INVALID_DATA, name,
			"\"%s\" has an odd number of digits; two digits for each octet", name);
	if (n / 2 > cap)
		return api_fault_set(w->f, API_INVALID_DATA, name,
			"\"%s\" has %zu octets, at most %zu can be sent", name, n / 2, cap);
	for (size_t j = 0; j < n / 2; j++)
		dst[j] = (uint8_t)(hex_digit(s[2 * j]) << 4 | hex_digit(s[2 * j + 1]));
	*ret_n = n / 2;
	return 0;
}

/* message.h: octet count of the UDH (its own length octet included), UDH, data. */
static int take_data(struct work *w)
{
	struct message *m = &w->out->m;
	uint8_t *dst = (uint8_t *)w->out->scratch;
	size_t n_udh, n_data;
	int r;

	r = take_hex(w, F_UDH, dst + 1, SEGMENT_MAX_OCTETS, &n_udh);
	if (r < 0)
		return r;
	if (n_udh > 0) {
		size_t n_sound;

		if (udh_check(dst + 1, n_udh, &n_sound) < 0 || n_sound != n_udh)
			return api_fault_set(w->f, API_INVALID_DATA, "udh",
				"the header's lengths do not add up; it begins with its own length octet, as "
				"in \"0605040b8423f0\"");
	}
	dst[0] = (uint8_t)n_udh;
	r = take_hex(w, F_DATA, dst + 1 + n_udh, SEGMENT_MAX_PARTS * SEGMENT_MAX_OCTETS, &n_data);
	if (r < 0)
		return r;
	if (n_udh + n_data == 0)
		return api_fault_set(
			w->f, API_INVALID_DATA, "data", "\"data\" is empty; give at least one octet");
	m->flags |= MSG_BINARY;
	m->text = w->out->scratch;
	m->n_text = (uint32_t)(1 + n_udh + n_data);
	return 0;
}

static int take_content(struct work *w)
{
	if (w->v[F_TEXT] && w->v[F_DATA])
		return api_fault_set(w->f, API_TEXT_AND_DATA, "data",
			"\"text\" and \"data\" exclude each other; give one");
	if (w->v[F_UDH] && !w->v[F_DATA])
		return api_fault_set(w->f, API_TEXT_AND_DATA, "udh",
			"\"udh\" goes with \"data\"; for a text the gateway makes it");
	if (w->v[F_DATA])
		return take_data(w);
	if (w->v[F_TEXT])
		return take_text(w);
	return api_fault_set(
		w->f, API_MISSING_FIELD, "text", "\"text\" is missing (or \"data\", for octets)");
}

/* ---- Encoding and parts. ---- */

static void options(const struct work *w, struct segment_opts *o)
{
	const struct json_message_ctx *x = w->x;
	int64_t max = x->client->max_parts;

	memset(o, 0, sizeof(*o));
	o->wish = w->out->m.wish;
	if (x->rules_of)
		o->rules = *x->rules_of(x->arg, w->out->m.route);
	o->max_parts = max > 0 && max < SEGMENT_MAX_PARTS ? (uint8_t)max : 0;
	o->unicode = x->unicode;
}

static bool wants(const struct work *w, enum field i, bool client_wants)
{
	return w->v[i] ? json_is_true(w->v[i]) : client_wants;
}

static struct json_text_wish text_wish(const struct work *w)
{
	return (struct json_text_wish){
		.translit = text_of(w, F_TRANSLIT),
		.nfc = wants(w, F_NFC, w->x->client->nfc),
		.smart = wants(w, F_SMART, w->x->client->smart),
		.max_parts = (unsigned)w->x->client->max_parts,
	};
}

static int plan_text(struct work *w)
{
	struct json_text_wish wish = text_wish(w);

	options(w, &w->out->opts);
	return json_text_plan(w->out, &wish, &w->out->opts, w->f);
}

static int plan_data(struct work *w)
{
	struct json_message *out = w->out;
	const uint8_t *d = (const uint8_t *)out->m.text;
	struct json_text_wish wish = text_wish(w);
	int r;

	options(w, &out->opts);
	r = segment_binary_plan(d + 1, d[0], out->m.n_text - 1 - d[0], &out->opts, &out->plan);
	switch (r) {
	case 0: return 0;
	case -E2BIG: return json_text_too_many(out, &wish, "data", "", w->f);
	case -EEXIST:
		return api_fault_set(w->f, API_INVALID_DATA, "udh",
			"the data needs several parts, but \"udh\" already says that this is one; leave "
			"concatenation to the gateway");
	case -EMSGSIZE:
		return api_fault_set(
			w->f, API_INVALID_DATA, "udh", "the header leaves no room for data; shorten it");
	}
	return api_fault_set(w->f, API_INVALID_DATA, "udh", "the header is not sound");
}

static int take_tlvs(struct work *w)
{
	const struct json_message_ctx *x = w->x;
	struct message *m = &w->out->m;
	size_t n;
	int r = json_tlvs(w->v[F_TLVS], x->client, x->tlvs_of ? x->tlvs_of(x->arg, m->route) : NULL, w->out->tlvs, &n,
		w->f);

	m->tlvs = w->out->tlvs;
	m->n_tlvs = (uint16_t)n;
	return r;
}

static int finish(struct work *w)
{
	const struct json_message_ctx *x = w->x;
	struct message *m = &w->out->m;
	const char *campaign = text_of(w, F_CAMPAIGN);
	int r;

	m->client = x->client_id;
	m->route = x->route_of ? x->route_of(x->arg, m) : 0;
	r = m->flags & MSG_BINARY ? plan_data(w) : plan_text(w);
	if (r < 0)
		return r;
	r = take_tlvs(w);
	if (r < 0)
		return r;
	m->encoding = (uint8_t)w->out->plan.encoding;
	m->n_parts = w->out->plan.n_parts;
	/* Last, as a new name is kept for ever: no refused row may leave one. */
	if (!campaign || !*campaign || !x->campaign_of)
		return 0;
	r = x->campaign_of(x->arg, x->client_id, campaign, &m->campaign);
	if (r == -ENOSPC)
		return api_fault_set(w->f, API_TOO_MANY_CAMPAIGNS, "campaign",
			"there are as many campaigns as there may be, or this client has its share of them; use \"tag\" for "
			"labels of few messages");
	return r < 0 ? api_fault_set(w->f, API_QUEUE_BUSY, NULL, "out of memory; try again") : 0;
}

int json_message(
	const json_t *row, const struct json_message_ctx *x, struct json_message *ret, struct api_fault *f)
{
	static int (*const steps[])(struct work *) = {
		take_to,
		take_from,
		take_labels,
		take_words,
		take_times,
		take_key,
		take_wish,
		take_content,
		finish,
	};
	struct work w = {.x = x, .out = ret, .f = f};
	int r;

	memset(&ret->m, 0, sizeof(ret->m));
	ret->idempotency_key = NULL;
	ret->changed = 0;
	if (!json_is_object(row))
		return api_fault_set(
			f, API_INVALID_JSON, NULL, "a message is a JSON object, not %s", type_name(row));
	r = walk(&w, row);
	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		r = steps[i](&w);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- Around it. ---- */

bool json_message_key_ok(const char *key, size_t n)
{
	if (n < 1 || n > JSON_MESSAGE_KEY_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (key[i] < 0x20 || key[i] > 0x7e)
			return false;
	return true;
}

struct hash_state {
	uint64_t lane[2];
};

static int hash_piece(const char *piece, size_t n, void *arg)
{
	struct hash_state *h = arg;

	for (size_t i = 0; i < n; i++) { /* octet by octet: pieces are jansson's business and must not show */
		h->lane[0] = (h->lane[0] ^ (uint8_t)piece[i]) * 0x100000001b3ULL;
		h->lane[1] = (h->lane[1] ^ (uint8_t)piece[i]) * 0x9e3779b97f4a7c15ULL;
		h->lane[1] ^= h->lane[1] >> 29;
	}
	return 0;
}

int json_message_hash(const json_t *row, uint8_t ret[static 16])
{
	struct hash_state h = {{0xcbf29ce484222325ULL, 0x6c62272e07bb0142ULL}};

	if (json_dump_callback(row, hash_piece, &h, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) < 0)
		return -ENOMEM;
	for (unsigned i = 0; i < 16; i++)
		ret[i] = (uint8_t)(hash_mix64(h.lane[i / 8]) >> (8 * (i % 8)));
	return 0;
}
