/* SPDX-License-Identifier: Apache-2.0 */
/* api_message.c -- what a JSON object must be to become a message, one fact per row.
 *
 * Good rows are compared with values written by hand from the contract (field table of posthorn-api(7)) and
 * from the specifications (parts and octets: 3GPP TS 23.040, 9.2.3.24.1); bad rows with the code and the
 * field of the fault.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "intake/json_message.h"

#define NOW INT64_C(1795305600000) /* 2026-11-22T00:00:00Z */

static struct conf_client client = {
	.name = (char *)"shop",
	.default_country = (char *)"RU",
	.from = (char *)"SHOP",
	.class = CONF_CLASS_MARKETING,
	.max_parts = 3,
	.ttl_ms = 86400000,
};
static struct json_message out;

static int parse(const char *text, struct api_fault *f)
{
	struct json_message_ctx x = {.client = &client, .client_id = 7, .now_ms = NOW};
	json_error_t e;
	json_t *row = json_loads(text, JSON_MESSAGE_DECODE, &e);
	int r;

	if (!row) {
		json_message_syntax_fault(&e, f);
		return -1;
	}
	r = json_message(row, &x, &out, f);
	if (r == 0) { /* strings are lent from the row */
		static char kept[MSG_TEXT_MAX];
		static char from[64], ref[80], tag[80];

		memcpy(kept, out.m.text, out.m.n_text);
		out.m.text = kept;
		memcpy(from, out.m.from, out.m.n_from);
		from[out.m.n_from] = '\0';
		out.m.from = from;
		memcpy(ref, out.m.ref, out.m.n_ref);
		out.m.ref = ref;
		memcpy(tag, out.m.tag, out.m.n_tag);
		out.m.tag = tag;
	}
	json_decref(row);
	return r;
}

#define TO "\"to\":\"+12025550142\","

static const struct bad {
	const char *why, *json;
	enum api_code code;
	const char *field;
} bad[] = {
	{"not JSON", "{", API_INVALID_JSON, ""},
	{"two values", "{} {}", API_INVALID_JSON, ""},
	{"the same field twice", "{" TO "\"text\":\"a\",\"text\":\"b\"}", API_INVALID_JSON, ""},
	{"lone surrogate in an escape", "{" TO "\"text\":\"\\ud800\"}", API_INVALID_JSON, ""},
	{"octets that are no UTF-8", "{" TO "\"text\":\"\xff\"}", API_INVALID_UTF8, ""},
	{"overlong form of a slash", "{" TO "\"text\":\"\xc0\xaf\"}", API_INVALID_UTF8, ""},
	{"a number is no message", "17", API_INVALID_JSON, ""},
	{"an array in an array", "[]", API_INVALID_JSON, ""},
	{"misspelt", "{" TO "\"text\":\"a\",\"tag_\":\"b\"}", API_UNKNOWN_FIELD, "tag_"},
	{"other gateways' name", "{" TO "\"message\":\"a\"}", API_UNKNOWN_FIELD, "message"},
	{"no recipient", "{\"text\":\"a\"}", API_MISSING_FIELD, "to"},
	{"recipient as a number", "{\"to\":12025550142,\"text\":\"a\"}", API_WRONG_TYPE, "to"},
	{"null is not absent", "{" TO "\"text\":\"a\",\"ref\":null}", API_WRONG_TYPE, "ref"},
	{"letters in the recipient", "{\"to\":\"+1202555abcd\",\"text\":\"a\"}", API_INVALID_TO, "to"},
	{"empty recipient", "{\"to\":\"\",\"text\":\"a\"}", API_INVALID_TO, "to"},
	{"16 digits", "{\"to\":\"+1234567890123456\",\"text\":\"a\"}", API_INVALID_TO, "to"},
	{"NUL in the recipient", "{\"to\":\"+12025550142\\u0000\",\"text\":\"a\"}", API_INVALID_TO, "to"},
	{"no text", "{" TO "\"ref\":\"a\"}", API_MISSING_FIELD, "text"},
	{"empty text", "{" TO "\"text\":\"\"}", API_INVALID_TEXT, "text"},
	{"NUL in the text", "{" TO "\"text\":\"a\\u0000b\"}", API_INVALID_TEXT, "text"},
	{"ESC in the text", "{" TO "\"text\":\"a\\u001bb\"}", API_INVALID_TEXT, "text"},
	{"text and data", "{" TO "\"text\":\"a\",\"data\":\"00\"}", API_TEXT_AND_DATA, "data"},
	{"udh without data", "{" TO "\"text\":\"a\",\"udh\":\"0500\"}", API_TEXT_AND_DATA, "udh"},
	{"data is not hex", "{" TO "\"data\":\"0g\"}", API_INVALID_DATA, "data"},
	{"half an octet", "{" TO "\"data\":\"012\"}", API_INVALID_DATA, "data"},
	{"no octet", "{" TO "\"data\":\"\"}", API_INVALID_DATA, "data"},
	{"udh whose length lies", "{" TO "\"data\":\"00\",\"udh\":\"0605040b84\"}", API_INVALID_DATA, "udh"},
	{"udh that says part 1 of 2, and two parts needed",
		"{" TO "\"udh\":\"050003010201\",\"data\":\""
		"00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		"00000000"
		"00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		"00000000"
		"00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		"00000000\"}",
		API_INVALID_DATA, "udh"},
	{"sender of 12 characters", "{" TO "\"text\":\"a\",\"from\":\"ABCDEFGHIJKL\"}", API_INVALID_FROM,
		"from"},
	{"sender in cyrillic", "{" TO "\"text\":\"a\",\"from\":\"\xd0\x9c\xd0\xb0\xd0\xb3\"}",
		API_INVALID_FROM, "from"},
	{"no such class", "{" TO "\"text\":\"a\",\"class\":\"bulk\"}", API_INVALID_CLASS, "class"},
	{"a class with a tail", "{" TO "\"text\":\"a\",\"class\":\"otp\\u0000x\"}", API_INVALID_CLASS,
		"class"},
	{"no such report", "{" TO "\"text\":\"a\",\"report\":\"some\"}", API_INVALID_REPORT, "report"},
	{"no zone", "{" TO "\"text\":\"a\",\"send_at\":\"2026-11-23T00:00:00\"}", API_INVALID_SEND_AT,
		"send_at"},
	{"367 days ahead", "{" TO "\"text\":\"a\",\"send_at\":\"2027-11-24T00:00:00Z\"}", API_INVALID_SEND_AT,
		"send_at"},
	{"ttl 0", "{" TO "\"text\":\"a\",\"ttl\":0}", API_INVALID_TTL, "ttl"},
	{"ttl beyond 31 days", "{" TO "\"text\":\"a\",\"ttl\":2678401}", API_INVALID_TTL, "ttl"},
	{"ttl in quotes", "{" TO "\"text\":\"a\",\"ttl\":\"60\"}", API_WRONG_TYPE, "ttl"},
	{"ttl with a fraction", "{" TO "\"text\":\"a\",\"ttl\":1.5}", API_WRONG_TYPE, "ttl"},
	{"flash as a number", "{" TO "\"text\":\"a\",\"flash\":1}", API_WRONG_TYPE, "flash"},
	{"ref of 65 octets",
		"{" TO "\"text\":\"a\",\"ref\":"
		       "\"12345678901234567890123456789012345678901234567890123456789012345\"}",
		API_INVALID_REF, "ref"},
	{"newline in a tag", "{" TO "\"text\":\"a\",\"tag\":\"a\\nb\"}", API_INVALID_TAG, "tag"},
	{"tab in a campaign", "{" TO "\"text\":\"a\",\"campaign\":\"a\\tb\"}", API_INVALID_CAMPAIGN,
		"campaign"},
	{"empty idempotency key", "{" TO "\"text\":\"a\",\"idempotency_key\":\"\"}",
		API_INVALID_IDEMPOTENCY_KEY, "idempotency_key"},
	{"no such encoding", "{" TO "\"text\":\"a\",\"encoding\":\"latin1\"}", API_INVALID_ENCODING,
		"encoding"},
	{"an encoding for octets", "{" TO "\"data\":\"00\",\"encoding\":\"ucs2\"}", API_INVALID_ENCODING,
		"encoding"},
	{"gsm7 wished, cyrillic given", "{" TO "\"text\":\"\xd0\xb6\",\"encoding\":\"gsm7\"}", API_NOT_GSM7,
		"text"},
	{"transliteration is not built in", "{" TO "\"text\":\"a\",\"translit\":\"ru-Latn\"}",
		API_UNSUPPORTED, "translit"},
};

static void bad_rows_are_refused_with_code_and_field(void **state)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct api_fault f = {.code = API_CODE_N};

		if (parse(bad[i].json, &f) == 0)
			fail_msg("%s: accepted", bad[i].why);
		if (f.code != bad[i].code || strcmp(f.field, bad[i].field) != 0)
			fail_msg("%s: %s in \"%s\": %s", bad[i].why,
				f.code < API_CODE_N ? api_code_name(f.code) : "none", f.field, f.message);
		if (strlen(f.message) < 10)
			fail_msg("%s: says \"%s\"", bad[i].why, f.message);
	}
}

#define X10 "xxxxxxxxxx"
#define X50 X10 X10 X10 X10 X10

static const struct good {
	const char *why, *json;
	uint64_t to;
	const char *from;
	int class, encoding, n_parts, n_text;
	int64_t send_at_ms, ttl_end_ms;
} good[] = {
	{"defaults are the client's", "{" TO "\"text\":\"hi\"}", 12025550142, "SHOP", CLASS_MARKETING,
		ENC_GSM7, 1, 2, 0, NOW + 86400000},
	{"a national number of the client's country", "{\"to\":\"8 (916) 123-45-67\",\"text\":\"hi\"}",
		79161234567, "SHOP", CLASS_MARKETING, ENC_GSM7, 1, 2, 0, NOW + 86400000},
	{"one cyrillic letter makes it UCS-2", "{" TO "\"text\":\"\xd0\xb6\"}", 12025550142, "SHOP",
		CLASS_MARKETING, ENC_UCS2, 1, 2, 0, NOW + 86400000},
	{"160 septets are one part", "{" TO "\"text\":\"" X50 X50 X50 X10 "\"}", 12025550142, "SHOP",
		CLASS_MARKETING, ENC_GSM7, 1, 160, 0, NOW + 86400000},
	{"161 septets are two", "{" TO "\"text\":\"" X50 X50 X50 X10 "y\"}", 12025550142, "SHOP",
		CLASS_MARKETING, ENC_GSM7, 2, 161, 0, NOW + 86400000},
	{"a short code as sender, class and ttl",
		"{" TO "\"text\":\"hi\",\"from\":\"0777\",\"class\":\"otp\",\"ttl\":60}", 12025550142, "0777",
		CLASS_OTP, ENC_GSM7, 1, 2, 0, NOW + 60000},
	{"a number as sender loses its plus", "{" TO "\"text\":\"hi\",\"from\":\"+49 151 1234567\"}",
		12025550142, "491511234567", CLASS_MARKETING, ENC_GSM7, 1, 2, 0, NOW + 86400000},
	{"ttl counts from send_at",
		"{" TO "\"text\":\"hi\",\"ttl\":10,\"send_at\":\"2026-11-22T03:00:00+02:00\"}", 12025550142,
		"SHOP", CLASS_MARKETING, ENC_GSM7, 1, 2, NOW + 3600000, NOW + 3610000},
	{"send_at in the past is at once", "{" TO "\"text\":\"hi\",\"send_at\":\"2020-01-01T00:00:00Z\"}",
		12025550142, "SHOP", CLASS_MARKETING, ENC_GSM7, 1, 2, 0, NOW + 86400000},
	{"366 days ahead is allowed",
		"{" TO "\"text\":\"hi\",\"ttl\":1,\"send_at\":\"2027-11-23T00:00:00Z\"}", 12025550142, "SHOP",
		CLASS_MARKETING, ENC_GSM7, 1, 2, NOW + INT64_C(366) * 86400000,
		NOW + INT64_C(366) * 86400000 + 1000},
	{"line ends are text", "{" TO "\"text\":\"a\\r\\nb\"}", 12025550142, "SHOP", CLASS_MARKETING,
		ENC_GSM7, 1, 4, 0, NOW + 86400000},
	/* octet count of the header (7), header (7), data (2) */
	{"octets with a port header", "{" TO "\"udh\":\"0605040b8423f0\",\"data\":\"CAfe\"}", 12025550142,
		"SHOP", CLASS_MARKETING, ENC_BINARY, 1, 10, 0, NOW + 86400000},
};

static void good_rows_become_messages(void **state)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const struct good *g = &good[i];
		struct api_fault f;
		const struct message *m = &out.m;

		if (parse(g->json, &f) < 0)
			fail_msg("%s: %s: %s", g->why, api_code_name(f.code), f.message);
		if (m->to != g->to || strcmp(m->from, g->from) != 0 || m->class != g->class ||
			m->encoding != g->encoding || m->n_parts != g->n_parts ||
			(int)m->n_text != g->n_text || m->send_at_ms != g->send_at_ms ||
			m->ttl_end_ms != g->ttl_end_ms || m->client != 7 || m->created_ms != NOW)
			fail_msg("%s: to=%llu from=%s class=%d encoding=%d parts=%d n_text=%d send_at=%lld "
				 "ttl_end=%lld",
				g->why, (unsigned long long)m->to, m->from, m->class, m->encoding, m->n_parts,
				(int)m->n_text, (long long)m->send_at_ms, (long long)m->ttl_end_ms);
	}
}

static void binary_is_kept_as_message_h_says(void **state)
{
	static const uint8_t want[] = {7, 0x06, 0x05, 0x04, 0x0b, 0x84, 0x23, 0xf0, 0xca, 0xfe};
	struct api_fault f;

	assert_int_equal(parse("{" TO "\"udh\":\"0605040b8423f0\",\"data\":\"CAfe\",\"flash\":true}", &f), 0);
	assert_int_equal(out.m.n_text, sizeof(want));
	assert_memory_equal(out.m.text, want, sizeof(want));
	assert_int_equal(out.m.flags, MSG_BINARY | MSG_FLASH);
}

static void too_many_parts_says_how_many(void **state)
{
	struct api_fault f;

	/* 460 septets: 3 × 153 = 459 and one more */
	assert_int_not_equal(
		parse("{" TO "\"text\":\"" X50 X50 X50 X50 X50 X50 X50 X50 X50 X10 "\"}", &f), 0);
	assert_int_equal(f.code, API_TOO_MANY_PARTS);
	assert_int_equal(api_code_status(f.code), 422);
	assert_non_null(strstr(f.message, "needs 4 parts"));
	assert_non_null(strstr(f.message, "may send 3"));
}

static void not_gsm7_names_characters_and_positions(void **state)
{
	struct api_fault f;

	assert_int_not_equal(
		parse("{" TO "\"encoding\":\"gsm7\",\"text\":\"\xc3\xa4 \xe2\x80\x9cx\"}", &f), 0);
	assert_int_equal(f.code, API_NOT_GSM7);
	assert_non_null(strstr(f.message, "\xe2\x80\x9c (U+201C) at 2"));
	assert_null(strstr(f.message, "U+00E4")); /* ä is in the alphabet */
}

static void a_quoted_name_is_cut_between_characters(void **state)
{
	struct api_fault f;

	/* 41 octets of name: the 40 that are quoted would end inside the last character */
	assert_int_not_equal(
		parse("{\"t\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6"
		      "\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6\":1}",
			&f),
		0);
	assert_int_equal(f.code, API_UNKNOWN_FIELD);
	assert_non_null(strstr(f.message, "\xd0\xb6\";"));
}

static void hints_name_the_field_that_was_meant(void **state)
{
	static const struct {
		const char *theirs, *hint;
	} t[] = {{"txt", "\"text\""}, {"sendAt", "\"send_at\""}, {"body", "\"text\""},
		{"Campain", "\"campaign\""}, {"recipient", "\"to\""}};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct api_fault f;
		char json[80];

		snprintf(json, sizeof(json), "{\"%s\":\"a\"}", t[i].theirs);
		assert_int_not_equal(parse(json, &f), 0);
		if (!strstr(f.message, t[i].hint))
			fail_msg("%s: %s", t[i].theirs, f.message);
	}
}

static void smart_replaces_only_when_it_saves(void **state)
{
	struct api_fault f;

	assert_int_equal(
		parse("{" TO "\"smart\":true,\"text\":\"\xe2\x80\x9cHi\xe2\x80\x9d\xe2\x80\xa6\"}", &f), 0);
	assert_int_equal(
		out.m.encoding, ENC_UCS2); /* one part either way: nothing is saved, nothing is changed */
	assert_false(out.smart);
	/* 71 characters: two parts as UCS-2, one as GSM-7 */
	assert_int_equal(parse("{" TO "\"smart\":true,\"text\":\"\xe2\x80\x9c" X50 X10 X10 "\"}", &f), 0);
	assert_int_equal(out.m.encoding, ENC_GSM7);
	assert_int_equal(out.m.n_parts, 1);
	assert_memory_equal(out.m.text, "\"x", 2);
	assert_true(out.smart);
	/* a letter stays: still UCS-2, so the quotes stay, too */
	assert_int_equal(
		parse("{" TO "\"smart\":true,\"text\":\"\xd0\xb6\xe2\x80\x9c" X50 X10 X10 "\"}", &f), 0);
	assert_int_equal(out.m.encoding, ENC_UCS2);
	assert_false(out.smart);
}

static void hash_knows_content_not_spelling(void **state)
{
	json_t *a = json_loads("{\"to\":\"1\",\"text\":\"x\"}", 0, NULL),
	       *b = json_loads("{ \"text\" : \"x\", \"to\":\"1\" }", 0, NULL);
	json_t *c = json_loads("{\"to\":\"1\",\"text\":\"y\"}", 0, NULL);
	uint8_t ha[16], hb[16], hc[16];

	assert_int_equal(json_message_hash(a, ha), 0);
	assert_int_equal(json_message_hash(b, hb), 0);
	assert_int_equal(json_message_hash(c, hc), 0);
	assert_memory_equal(ha, hb, 16);
	assert_memory_not_equal(ha, hc, 16);
	json_decref(a);
	json_decref(b);
	json_decref(c);
}

static void every_code_has_a_status_and_a_sentence(void **state)
{
	for (unsigned i = 0; i < API_CODE_N; i++) {
		assert_in_range(api_code_status(i), 400, 505);
		assert_true(strlen(api_code_help(i)) > 10);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(api_code_name(i), api_code_name(j));
	}
}

static void a_cut_fault_stays_utf8(void **state)
{
	struct api_fault f;
	char text[600] = "x";

	for (unsigned i = 0; i < 250; i++)
		strcat(text, "\xd0\xb6");
	api_fault_set(&f, API_INVALID_TEXT, text, "%s", text);
	assert_int_equal(strlen(f.message) % 2, 1); /* 1 + whole characters of two octets */
	assert_int_equal(strlen(f.field) % 2, 1);
	assert_true(strlen(f.message) > 370);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_rows_are_refused_with_code_and_field),
		cmocka_unit_test(good_rows_become_messages),
		cmocka_unit_test(binary_is_kept_as_message_h_says),
		cmocka_unit_test(too_many_parts_says_how_many),
		cmocka_unit_test(not_gsm7_names_characters_and_positions),
		cmocka_unit_test(a_quoted_name_is_cut_between_characters),
		cmocka_unit_test(hints_name_the_field_that_was_meant),
		cmocka_unit_test(smart_replaces_only_when_it_saves),
		cmocka_unit_test(hash_knows_content_not_spelling),
		cmocka_unit_test(every_code_has_a_status_and_a_sentence),
		cmocka_unit_test(a_cut_fault_stays_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
