/* SPDX-License-Identifier: Apache-2.0 */
/* webhook_json.c -- see webhook_json.h. */
#include <config.h>

#include "report/webhook_json.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "codec/facts.h"
#include "codec/utf8.h"

/* An octet of a string takes at most six: \u00XX.  U+FFFD for a broken octet takes three. */
#define ESCAPED(n) (6 * (n))
/* Keys, quotes, numbers, state and time of one event: counted 500, with a comma and the end of the list. */
#define EVENT_FRAME 768

static char *put(char *at, const char *s)
{
	size_t n = strlen(s);

	memcpy(at, s, n);
	return at + n;
}

/* RFC 8259, 7: quotation mark, reverse solidus and U+0000 to U+001F must be escaped. */
static char *put_escape(char *at, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char from[] = "\"\\\n\r\t", to[] = "\"\\nrt";
	const char *known = memchr(from, c, sizeof(from) - 1);

	*at++ = '\\';
	if (known) {
		*at++ = to[known - from];
		return at;
	}
	at = put(at, "u00");
	*at++ = hex[c >> 4];
	*at++ = hex[c & 15];
	return at;
}

static char *put_string(char *at, const char *s, size_t n)
{
	size_t good = n;
	uint32_t cp;

	if (utf8_check(s, n, &good) == 0)
		good = n;
	*at++ = '"';
	for (size_t i = 0; i < n;) {
		unsigned char c = s[i];

		if (c >= ' ' && c != '"' && c != '\\' && (c < 0x80 || i < good)) {
			*at++ = c;
			i++;
		} else if (c < 0x80) {
			at = put_escape(at, c);
			i++;
		} else { /* behind the first broken octet: one by one */
			i += utf8_next(s + i, n - i, &cp);
			at += utf8_put(at, UTF8_MAX_OCTETS, cp);
		}
	}
	*at++ = '"';
	return at;
}

/* ,"key": */
static char *put_key(char *at, const char *key)
{
	*at++ = ',';
	*at++ = '"';
	at = put(at, key);
	*at++ = '"';
	*at++ = ':';
	return at;
}

static char *put_pair(char *at, const char *key, const char *value, size_t n)
{
	return put_string(put_key(at, key), value, n);
}

/* As put_pair(), of a value of ours that needs no escapes. */
static char *put_word(char *at, const char *key, const char *value, size_t n)
{
	at = put_key(at, key);
	*at++ = '"';
	memcpy(at, value, n);
	at += n;
	*at++ = '"';
	return at;
}

static char *put_number(char *at, const char *key, uint64_t v)
{
	return text_u64(put_key(at, key), v);
}

static char *put_error(char *at, const char *error)
{
	const char *code;
	size_t n_text;

	msg_error_split(error, &code, &n_text);
	at = put(at, ",\"error\":{\"code\":");
	at = put_string(at, code, strlen(code));
	at = put_pair(at, "text", error, n_text);
	*at++ = '}';
	return at;
}

static char *put_status(char *at, const struct store_event *e)
{
	unsigned of_part = msg_key_part(e->key);
	const char *state = msg_state_name(e->state);
	char to[MSG_TO_TEXT];

	at = put(at, "\"type\":\"message.status\",\"id\":\"");
	at = text_u64(at, e->id);
	*at++ = '"';
	if (e->ref[0])
		at = put_pair(at, "ref", e->ref, strlen(e->ref));
	if (e->to) { /* 0: its row is past retention */
		msg_to_text(e->to, to);
		at = put_word(at, "to", to, strlen(to));
	}
	at = put_word(at, "state", state, strlen(state));
	/* Of a message, `part` is the part that decided; `scope` tells the two apart for those who asked
	 * for all. */
	if (of_part)
		at = put(at, ",\"scope\":\"part\"");
	if (of_part || e->part)
		at = put_number(at, "part", of_part ? of_part : e->part);
	at = put_number(at, "parts", e->parts);
	if (e->parts_delivered)
		at = put_number(at, "parts_delivered", e->parts_delivered);
	if (e->error[0])
		at = put_error(at, e->error);
	if (e->kind == EVENT_CORRECTION)
		at = put(at, ",\"correction\":true");
	return at;
}

/* As GET /v1/inbound tells it (api_read.c). */
static char *put_facts(char *at, const struct store_event *e)
{
	struct facts f;

	facts_read_hex(e->in_dcs, e->in_esm_class, e->in_raw_hex, e->in_text, &f);
	at = put_pair(at, "encoding", f.encoding, strlen(f.encoding));
	if (f.coding.message_class >= 0)
		at = put_number(at, "class", (uint64_t)f.coding.message_class);
	if (f.waiting) {
		at = put(at, ",\"waiting\":{\"kind\":\"");
		at = put(at, f.waiting);
		at = put(at, f.coding.waiting_active ? "\",\"active\":true}" : "\",\"active\":false}");
	}
	if (f.has_ports) {
		at = put(at, ",\"ports\":{\"to\":");
		at = text_u64(at, f.ports.dst);
		at = put_number(at, "from", f.ports.src);
		*at++ = '}';
	}
	if (f.n_languages) {
		at = put(at, ",\"languages\":[");
		for (unsigned i = 0; i < f.n_languages; i++) {
			at = put(at, i ? ",\"" : "\"");
			at = put(at, f.languages[i]);
			*at++ = '"';
		}
		*at++ = ']';
	}
	if (f.n_udh)
		at = put_pair(at, "udh", e->in_raw_hex, 2 * f.n_udh);
	if (f.binary)
		at = put_pair(at, "data", e->in_raw_hex + 2 * f.n_udh, strlen(e->in_raw_hex) - 2 * f.n_udh);
	return f.malformed ? put(at, ",\"malformed\":true") : at;
}

/* How many parts it came in, and the numbers of those that did not. */
static char *put_parts(char *at, const struct store_event *e)
{
	at = put_number(at, "parts", e->parts);
	if (!e->in_missing || !*e->in_missing)
		return at;
	at = put(at, ",\"missing\":[");
	at = put(at, e->in_missing);
	*at++ = ']';
	return at;
}

static char *put_inbound(char *at, const struct store_event *e, const char *link)
{
	at = put(at, "\"type\":\"message.inbound\"");
	if (e->in_from) { /* NULL: its row is past retention */
		at = put_pair(at, "from", e->in_from, strlen(e->in_from));
		at = put_pair(at, "to", e->in_to, strlen(e->in_to));
		at = put_pair(at, "text", e->in_text, strlen(e->in_text));
		at = put_parts(at, e);
		at = put_facts(at, e);
	}
	if (*link)
		at = put_pair(at, "link", link, strlen(link));
	return at;
}

static char *put_event(
	char *at, const struct webhook_source *s, const struct store_event *e, const char *link)
{
	char time[CLOCK_TEXT_SIZE];

	at = put(at, "{\"event\":\"evt_");
	at = text_u64(at, s->endpoint);
	*at++ = '_';
	at = text_u64(at, s->shard);
	*at++ = '_';
	at = text_u64(at, e->seq);
	*at++ = '"';
	*at++ = ',';
	at = e->kind == EVENT_INBOUND ? put_inbound(at, e, link) : put_status(at, e);
	clock_format_rfc3339(e->at, time);
	at = put_word(at, "at", time, CLOCK_TEXT_LEN);
	*at++ = '}';
	return at;
}

static size_t room_for(const struct store_event *e, const char *link)
{
	size_t n = strlen(e->ref) + 2 * strlen(e->error) + strlen(link);

	if (e->in_from)
		n += strlen(e->in_from) + strlen(e->in_to) + strlen(e->in_text);
	if (e->in_missing)
		n += strlen(e->in_missing);
	return EVENT_FRAME + ESCAPED(n) + (e->in_from ? strlen(e->in_raw_hex) : 0);
}

int webhook_json(struct buf *b, const struct webhook_source *s, const struct store_event *events, unsigned n)
{
	unsigned done = 0;
	int r = buf_add_str(b, "{\"events\":[");

	for (; r == 0 && done < n; done++) {
		const struct store_event *e = &events[done];
		const char *link = e->kind == EVENT_INBOUND ? names_text(s->names, NAME_LINK, e->link) : "";
		uint8_t *room;
		char *at;

		r = buf_reserve(b, room_for(e, link), &room);
		if (r < 0)
			break;
		at = (char *)room;
		if (done)
			*at++ = ',';
		at = put_event(at, s, e, link);
		buf_commit(b, at - (char *)room);
	}
	/* The end fits always: EVENT_FRAME is larger than what it is for. */
	if (r == 0 || (r == -ENOSPC && done))
		r = buf_add_str(b, "]}");
	if (r == 0)
		return done;
	return r == -ENOSPC ? -EMSGSIZE : r;
}
