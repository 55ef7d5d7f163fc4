/* SPDX-License-Identifier: Apache-2.0 */
/* api_preview.c -- POST /v1/preview: what a message would become and cost, nothing sent, nothing stored.
 *
 * It goes through json_message() like a post, so that what previews well is accepted.  "culprits" are the
 * characters that force UCS-2, with their positions (characters counted from 0), each place listed, at most
 * 100.
 */
#include "intake/api_impl.h"

#include "codec/gsm7.h"
#include "codec/utf8.h"
#include "intake/json_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PREVIEW_ROWS 1000
#define CULPRITS_MAX 100

/* What one part holds, in its units: TS 23.040, 9.2.3.24.1; see segment.h. */
static unsigned room_of_part(const struct segment_plan *p, const struct message *m)
{
	static const unsigned alone[] = {[ENC_GSM7] = 160, [ENC_UCS2] = 70, [ENC_BINARY] = 140};
	static const unsigned joined[][3] = {
		[CONCAT_UDH8] = {153, 67, 134},
		[CONCAT_UDH16] = {152, 66, 133},
		[CONCAT_SAR] = {153, 67, 134},
		[CONCAT_PAYLOAD] = {153, 67, 134},
	};
	unsigned udh = m->flags & MSG_BINARY ? (uint8_t)m->text[0] : 0, room;

	if (p->n_parts == 1)
		room = alone[p->encoding];
	else if (udh > 0) /* the client's header has its length octet already: the element is 5 or 6 octets */
		room = 140 - (p->concat == CONCAT_UDH16 ? 6 : 5);
	else
		room = joined[p->concat][p->encoding];
	return room > udh ? room - udh : 0;
}

static void put_culprit(struct json_out *o, const char *s, size_t len, uint32_t cp, unsigned position)
{
	char text[16];

	json_out_open(o, '{');
	json_out_ku64(o, "position", position);
	json_out_key(o, "char");
	json_out_strn(o, s, len);
	snprintf(text, sizeof(text), "U+%04X", (unsigned)cp);
	json_out_kstr(o, "codepoint", text);
	json_out_close(o, '}');
}

static void put_culprits(struct json_out *o, const struct message *m)
{
	unsigned position = 0, n = 0;
	size_t len;
	uint32_t cp;

	json_out_key(o, "culprits");
	json_out_open(o, '[');
	for (size_t i = 0;
		m->encoding == ENC_UCS2 && m->wish != WISH_UCS2 && i < m->n_text && n < CULPRITS_MAX;
		i += len, position++) {
		len = utf8_next(m->text + i, m->n_text - i, &cp);
		if (len == 0)
			break;
		if (gsm7_encode(cp) >= 0)
			continue;
		put_culprit(o, m->text + i, len, cp, position);
		n++;
	}
	json_out_close(o, ']');
}

/* What `smart` would make of it, when that saves parts; else null. */
static void put_suggestion(struct json_out *o, struct api_call *c, struct json_message *jm)
{
	const struct message *m = &jm->m;
	struct segment_opts opts = {
		.wish = m->wish, .rules = *router_rules(c->api->p.router, m->route), .unicode = c->api->unicode};
	struct smart_result *r = &jm->look_alikes;

	json_out_key(o, "suggestion");
	if (m->flags & MSG_BINARY || jm->changed & JSON_CHANGED_SMART) {
		json_out_null(o);
		return;
	}
	smart_text(m->text, m->n_text, m->n_parts, &opts, jm->spare, r);
	if (r->step == SMART_NONE) {
		json_out_null(o);
		return;
	}
	json_out_open(o, '{');
	json_out_key(o, "text");
	json_out_strn(o, jm->spare, r->n);
	json_out_kstr(o, "encoding", encoding_name(r->plan.encoding));
	json_out_ku64(o, "parts", r->plan.n_parts);
	json_out_close(o, '}');
}

static void put_route(struct json_out *o, struct api_call *c, uint32_t route)
{
	const char *link = route ? router_first_link(c->api->p.router, route) : NULL;

	json_out_key(o, "route");
	if (route)
		json_out_str(o, names_text(c->api->p.names, NAME_ROUTE, route));
	else
		json_out_null(o);
	json_out_key(o, "link");
	if (link)
		json_out_str(o, link);
	else
		json_out_null(o);
}

static void put_preview(struct json_out *o, struct api_call *c, struct json_message *jm)
{
	const struct segment_plan *p = &jm->plan;
	char text[24];

	json_out_open(o, '{');
	json_out_kstr(o, "encoding", encoding_name(p->encoding));
	json_out_ku64(o, "parts", p->n_parts);
	json_out_key(o, "units");
	json_out_open(o, '[');
	for (unsigned i = 0; i < p->n_parts; i++)
		json_out_u64(o, p->units[i]);
	json_out_close(o, ']');
	json_out_ku64(o, "units_left", room_of_part(p, &jm->m) - p->units[p->n_parts - 1]);
	json_out_key(o, "languages");
	json_out_open(o, '[');
	json_out_close(o, ']');
	put_culprits(o, &jm->m);
	json_out_kbool(o, "smart", jm->changed & JSON_CHANGED_SMART);
	json_text_changed(o, jm, true, SMART_CHANGES_MAX);
	put_suggestion(o, c, jm);
	snprintf(text, sizeof(text), "+%llu", (unsigned long long)jm->m.to);
	json_out_kstr(o, "to", text);
	json_out_key(o, "from");
	json_out_strn(o, jm->m.from, jm->m.n_from);
	put_route(o, c, jm->m.route);
	json_out_close(o, '}');
}

static void put_fault(struct json_out *o, const struct api_fault *f, size_t row)
{
	json_out_open(o, '{');
	json_out_ku64(o, "row", row);
	json_out_key(o, "error");
	json_out_open(o, '{');
	json_out_kstr(o, "code", api_code_name(f->code));
	json_out_kstr(o, "message", f->message);
	if (f->field[0])
		json_out_kstr(o, "field", f->field);
	json_out_close(o, '}');
	json_out_close(o, '}');
}

static void preview_one(struct api_call *c, const json_t *row, const struct json_message_ctx *x)
{
	struct api_fault f;
	struct json_out o;

	if (json_message(row, x, &c->api->row, &f) < 0) {
		api_refuse_fault(c, &f);
		return;
	}
	json_out_init(&o, API_ANSWER_MAX);
	put_preview(&o, c, &c->api->row);
	api_answer_out(c, 200, &o);
}

static void preview_many(struct api_call *c, const json_t *array, const struct json_message_ctx *x)
{
	struct api_fault f;
	struct json_out o;

	if (json_array_size(array) > PREVIEW_ROWS) {
		api_refuse(c, API_TOO_MANY_ROWS, NULL, "a preview takes at most %d rows", PREVIEW_ROWS);
		return;
	}
	json_out_init(&o, API_ANSWER_MAX);
	json_out_open(&o, '{');
	json_out_key(&o, "results");
	json_out_open(&o, '[');
	for (size_t i = 0; i < json_array_size(array); i++) {
		if (json_message(json_array_get(array, i), x, &c->api->row, &f) < 0)
			put_fault(&o, &f, i);
		else
			put_preview(&o, c, &c->api->row);
	}
	json_out_close(&o, ']');
	json_out_close(&o, '}');
	api_answer_out(c, 200, &o);
}

/* Small bodies only: they are parsed and answered between two turns of the loop. */
void api_preview(struct api_call *c, const uint8_t *body, size_t n)
{
	struct auth_client *cl = api_client(c);
	struct json_message_ctx x;
	struct api_fault f;
	json_error_t e;
	json_t *root;

	if (!cl) {
		api_refuse(c, API_UNAUTHORIZED, NULL, "this client is no longer configured");
		return;
	}
	if (n > API_BIG_BODY) {
		api_refuse(c, API_BODY_TOO_LARGE, NULL, "a preview takes at most %d octets; send fewer rows",
			API_BIG_BODY);
		return;
	}
	root = json_loadb((const char *)body, n, JSON_MESSAGE_DECODE, &e);
	if (!root) {
		json_message_syntax_fault(&e, &f);
		api_refuse_fault(c, &f);
		return;
	}
	api_message_ctx(c->api, cl, false, &x);
	if (json_is_array(root))
		preview_many(c, root, &x);
	else
		preview_one(c, root, &x);
	json_decref(root);
}
