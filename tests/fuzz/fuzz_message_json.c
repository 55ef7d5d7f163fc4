/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_message_json.c -- any octets as the lines of a stream: cut, parsed, checked.
 *
 * Promises held: a row is either a message within its bounds or a fault whose text is UTF-8 and ends in its
 * array; the lines do not depend on where the stream is cut; what was accepted as text is UTF-8 without NUL,
 * and is planned the same a second time. */
#include "codec/unicode.h"
#include "codec/utf8.h"
#include "intake/json_lines.h"
#include "intake/json_message.h"
#include "intake/json_text.h"
#include "intake/json_load.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct json_message out;

static const struct route_tlvs *tlvs_of(void *arg, uint32_t route)
{
	static struct route_tlv tlv[] = {
		{ .name = "pe_id", .link = "l", .type = CONF_TLV_STRING, .max = 19 },
		{ .name = "c", .link = "l", .type = CONF_TLV_CSTRING, .min = 2, .max = 255 },
		{ .name = "n", .link = "l", .type = CONF_TLV_INT16, .max = 255 },
		{ .name = "h", .link = "l", .type = CONF_TLV_HEX, .max = 4 },
		{ .name = "h", .link = "m", .type = CONF_TLV_STRING, .max = 6, .required = true, .has_value = true },
	};
	static const struct route_tlvs set = { tlv, sizeof(tlv) / sizeof(tlv[0]) };

	(void)arg;
	(void)route;
	return &set;
}

static void check_fault(const struct api_fault *f)
{
	assert(f->code < API_CODE_N);
	assert(strnlen(f->message, sizeof(f->message)) < sizeof(f->message));
	assert(strnlen(f->field, sizeof(f->field)) < sizeof(f->field));
	assert(f->message[0]);
	assert(utf8_check(f->message, strlen(f->message), NULL) == 0);
	assert(utf8_check(f->field, strlen(f->field), NULL) == 0);
}

static void check_message(const struct message *m, const struct conf_client *cl)
{
	assert(m->to >= 1000000 && m->to <= UINT64_C(999999999999999));
	assert(m->n_ref <= MSG_REF_MAX && m->n_tag <= MSG_REF_MAX && m->n_from <= MSG_FROM_MAX);
	assert(m->n_parts >= 1 && m->n_parts <= cl->max_parts);
	assert(m->class < CLASS_N && m->encoding <= ENC_BINARY);
	assert(m->ttl_end_ms > m->created_ms && m->ttl_end_ms > m->send_at_ms);
	assert(m->n_text >= 1 && m->n_text <= MSG_TEXT_MAX);
	if (m->flags & MSG_BINARY) {
		assert((uint8_t)m->text[0] < m->n_text);
		return;
	}
	assert(!memchr(m->text, '\0', m->n_text));
	assert(utf8_check(m->text, m->n_text, NULL) == 0);
}

static void check_tlvs(const struct message *m)
{
	struct msg_tlv v, found;
	size_t at = 0;

	assert(m->n_tlvs <= MSG_TLVS_MAX);
	while (msg_tlv_next(m->tlvs, m->n_tlvs, &at, &v)) {
		char name[MSG_TLV_NAME_MAX + 1];

		assert(v.n_name && v.n_name <= MSG_TLV_NAME_MAX);
		memcpy(name, v.name, v.n_name);
		name[v.n_name] = '\0';
		assert(msg_tlv_find(m->tlvs, m->n_tlvs, name, &found) && found.value == v.value);
	}
	assert(at == m->n_tlvs);
}

static void check_copy(const struct message *m)
{
	struct message *copy = message_new(m);

	assert(copy);
	assert(copy->n_tlvs == m->n_tlvs && !memcmp(copy->tlvs, m->tlvs, m->n_tlvs));
	check_tlvs(copy);
	assert(copy->n_text == m->n_text && !memcmp(copy->text, m->text, m->n_text));
	message_free(copy);
}

/* What is answered of it is JSON, and fits where a row's is put. */
static void check_changed(const struct json_message *jm)
{
	struct json_out o;
	json_t *back;

	json_out_init(&o, 1 << 20);
	json_out_open(&o, '{');
	json_text_changed(&o, jm, false, JSON_TEXT_ROW_CHANGES);
	json_out_close(&o, '}');
	assert(!json_out_full(&o) && buf_len(&o.b) <= JSON_TEXT_ROW_MAX);
	back = json_loadb((const char *)buf_data(&o.b), buf_len(&o.b), 0, NULL);
	assert(back && json_object_size(back) == (jm->changed != 0));
	json_decref(back);
	json_out_done(&o);
}

static void one_row(const char *line, size_t n)
{
	static struct conf_client cl = {.name = (char *)"c",
		.default_country = (char *)"DE",
		.from = (char *)"",
		.max_parts = 10,
		.ttl_ms = 86400000,
		.class = CONF_CLASS_SERVICE};
	static struct unicode *unicode;
	struct json_message_ctx x = {.client = &cl, .client_id = 1, .now_ms = INT64_C(1795305600000),
		.tlvs_of = tlvs_of};
	struct api_fault f;
	json_error_t e;
	json_t *row = json_loadb(line, n, JSON_MESSAGE_DECODE, &e);
	uint8_t hash[16];

	if (!row) {
		json_load_fault(&e, &f);
		check_fault(&f);
		return;
	}
	if (!unicode)
		unicode = unicode_new(); /* kept for all inputs */
	x.unicode = unicode;
	assert(json_message_hash(row, hash) == 0);
	if (json_message(row, &x, &out, &f) < 0) {
		check_fault(&f);
	} else {
		check_message(&out.m, &cl);
		check_copy(&out.m);
		check_changed(&out);
	}
	json_decref(row);
}

static unsigned walk(struct json_lines *l, struct json_digest *d, int parse)
{
	const char *line = "";
	size_t n = 0;
	unsigned rows = 0;
	int r;

	while ((r = json_lines_next(l, &line, &n)) != 0) {
		rows++;
		json_digest_row(d, line, r > 0 ? n : 0);
		if (r > 0 && parse)
			one_row(line, n);
	}
	return rows;
}

static unsigned stream(const uint8_t *data, size_t size, size_t cut, int parse, uint8_t ret_digest[16])
{
	struct json_lines l;
	struct json_digest d;
	unsigned rows;

	json_lines_init(&l);
	json_digest_init(&d, 'l');
	json_lines_feed(&l, data, cut);
	rows = walk(&l, &d, parse);
	json_lines_feed(&l, data + cut, size - cut);
	rows += walk(&l, &d, parse);
	json_lines_end(&l);
	rows += walk(&l, &d, parse);
	json_lines_done(&l);
	json_digest_text(&d, ret_digest);
	return rows;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t whole[16], cut[16];
	unsigned rows;

	rows = stream(data, size, size, 1, whole);
	assert(stream(data, size, size / 2, 0, cut) == rows);
	assert(!memcmp(whole, cut, sizeof(whole)));
	return 0;
}
