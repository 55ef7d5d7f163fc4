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

#include "codec/unicode.h"
#include "intake/json_message.h"
#include "intake/json_text.h"
#include "intake/json_load.h"

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
static struct unicode *unicode;
static struct segment_rules rules; /* of the link */

static const struct segment_rules *rules_of(void *arg, uint32_t route)
{
	(void)arg;
	(void)route;
	return &rules;
}

/* As names would: "known" and "new" have numbers, there is no room for others, nor memory for one of them. */
static int campaign_of(void *arg, uint32_t client_id, const char *name, uint32_t *ret_id)
{
	(void)arg;
	assert_int_equal(client_id, 7);
	*ret_id = !strcmp(name, "known") ? 1 : !strcmp(name, "new") ? 2 : 0;
	return *ret_id ? 0 : !strcmp(name, "memory") ? -ENOMEM : -ENOSPC;
}

static int parse(const char *text, struct api_fault *f)
{
	struct json_message_ctx x = {
		.client = &client, .client_id = 7, .now_ms = NOW, .rules_of = rules_of,
		.campaign_of = campaign_of, .unicode = unicode};
	json_error_t e;
	json_t *row = json_loads(text, JSON_MESSAGE_DECODE, &e);
	int r;

	if (!row) {
		json_load_fault(&e, f);
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
	{"one campaign too many", "{" TO "\"text\":\"a\",\"campaign\":\"other\"}", API_TOO_MANY_CAMPAIGNS, "campaign"},
	{"a campaign and no memory", "{" TO "\"text\":\"a\",\"campaign\":\"memory\"}", API_QUEUE_BUSY, ""},
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
	{"a transliteration that is none", "{" TO "\"text\":\"a\",\"translit\":\"ru-Latin\"}", API_INVALID_TRANSLIT,
		"translit"},
	{"transliteration without a name", "{" TO "\"text\":\"a\",\"translit\":\"\"}", API_INVALID_TRANSLIT, "translit"},
	{"transliteration as yes or no", "{" TO "\"text\":\"a\",\"translit\":true}", API_WRONG_TYPE, "translit"},
	{"NUL in its name", "{" TO "\"text\":\"a\",\"translit\":\"ru-Latn\\u0000\"}", API_INVALID_TRANSLIT, "translit"},
	{"octets are not transliterated", "{" TO "\"data\":\"00\",\"translit\":\"ru-Latn\"}", API_INVALID_TRANSLIT,
		"translit"},
	{"nothing is left", "{" TO "\"text\":\"ь\",\"translit\":\"ru-Latn\"}", API_INVALID_TEXT, "text"},
	{"nfc as text", "{" TO "\"text\":\"a\",\"nfc\":\"yes\"}", API_WRONG_TYPE, "nfc"},
	{"the second half of a surrogate pair", "{" TO "\"text\":\"a\\ude00b\"}", API_INVALID_JSON, ""},
	{"the first half twice", "{" TO "\"text\":\"\\ud83d\\ud83d\"}", API_INVALID_JSON, ""},
	{"a surrogate as octets (CESU-8)", "{" TO "\"text\":\"\xed\xa0\xbd\"}", API_INVALID_UTF8, ""},
	{"a character cut off", "{" TO "\"text\":\"\xd0\"}", API_INVALID_UTF8, ""},
	{"beyond U+10FFFF", "{" TO "\"text\":\"\xf4\x90\x80\x80\"}", API_INVALID_UTF8, ""},
	{"DEL in the text", "{" TO "\"text\":\"a\\u007fb\"}", API_INVALID_TEXT, "text"},
	{"vertical tab", "{" TO "\"text\":\"a\\u000bb\"}", API_INVALID_TEXT, "text"},
	{"C1: windows-1252 read as ISO 8859-1", "{" TO "\"text\":\"it\\u0092s\"}", API_INVALID_TEXT, "text"},
	{"U+FFFF is no character", "{" TO "\"text\":\"a\\uffff\"}", API_INVALID_TEXT, "text"},
	{"U+FFFE, a byte order mark turned round", "{" TO "\"text\":\"\\ufffea\"}", API_INVALID_TEXT, "text"},
	{"U+FDD0 is none", "{" TO "\"text\":\"\\ufdd0\"}", API_INVALID_TEXT, "text"},
	{"U+1FFFE is none", "{" TO "\"text\":\"\\ud83f\\udffe\"}", API_INVALID_TEXT, "text"},
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
	{"a number of few digits keeps it: without it is a short code", "{" TO "\"text\":\"hi\",\"from\":\"+683 4002\"}",
		12025550142, "+6834002", CLASS_MARKETING, ENC_GSM7, 1, 2, 0, NOW + 86400000},
	{"eleven letters of two octets each", "{" TO "\"text\":\"hi\",\"from\":\"ÄÖÜÑäöüñàéù\"}",
		12025550142, "ÄÖÜÑäöüñàéù", CLASS_MARKETING, ENC_GSM7, 1, 2, 0, NOW + 86400000},
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

static const struct syntax {
	const char *why, *json, *says;
} syntax[] = {
	{"nothing", "", "there is no JSON in it"},
	{"not even that: jansson has no line for it", NULL, "there is no JSON in it"},
	{"a form", "to=+12025550142&text=a", "line 1, column 2: neither a JSON object nor an array"},
	{"a number", "17", "line 1, column 2: neither"},
	{"a comma too many", "{\"to\":1,}", "line 1, column 9: not JSON; check quotes"},
	{"on the second line", "{\"to\":\n", "line 2, column 0: the JSON ends too early"},
};

static void what_is_no_json_says_where_and_what_is_expected(void **state)
{
	for (size_t i = 0; i < sizeof(syntax) / sizeof(syntax[0]); i++) {
		struct api_fault f = {.code = API_CODE_N};
		const char *json = syntax[i].json;
		json_error_t e;

		assert_null(json_loadb(json, json ? strlen(json) : 0, JSON_MESSAGE_DECODE, &e));
		json_load_fault(&e, &f);
		if (f.code != API_INVALID_JSON || strncmp(f.message, syntax[i].says, strlen(syntax[i].says)) != 0)
			fail_msg("%s: %s", syntax[i].why, f.message);
	}
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
	assert_false(out.changed & JSON_CHANGED_SMART);
	/* 71 characters: two parts as UCS-2, one as GSM-7 */
	assert_int_equal(parse("{" TO "\"smart\":true,\"text\":\"\xe2\x80\x9c" X50 X10 X10 "\"}", &f), 0);
	assert_int_equal(out.m.encoding, ENC_GSM7);
	assert_int_equal(out.m.n_parts, 1);
	assert_memory_equal(out.m.text, "\"x", 2);
	assert_true(out.changed & JSON_CHANGED_SMART);
	/* a letter stays: still UCS-2, so the quotes stay, too */
	assert_int_equal(
		parse("{" TO "\"smart\":true,\"text\":\"\xd0\xb6\xe2\x80\x9c" X50 X10 X10 "\"}", &f), 0);
	assert_int_equal(out.m.encoding, ENC_UCS2);
	assert_false(out.changed & JSON_CHANGED_SMART);
}

static const struct {
	const char *why, *json, *text;
	unsigned changed, parts_before, parts, encoding;
} changed[] = {
	{"nothing is changed unless it is asked for", "\"text\":\"“Čau” мои\u0306\"", "“Čau” мои\u0306", 0, 0, 1, ENC_UCS2},
	{"transliterated", "\"text\":\"Привет, как дела?\",\"translit\":\"ru-Latn\"", "Privet, kak dela?",
		JSON_CHANGED_TRANSLIT, 1, 1, ENC_GSM7},
	{"nothing to transliterate", "\"text\":\"Hi\",\"translit\":\"ru-Latn\"", "Hi", 0, 0, 1, ENC_GSM7},
	{"gsm7 is wished: the transliterated text counts", "\"text\":\"Привет\",\"translit\":\"ru-Latn\",\"encoding\":\"gsm7\"",
		"Privet", JSON_CHANGED_TRANSLIT, 1, 1, ENC_GSM7},
	{"gsm7 is wished: the smart text counts", "\"text\":\"“Hi”…\",\"smart\":true,\"encoding\":\"gsm7\"", "\"Hi\"...",
		JSON_CHANGED_SMART, 1, 1, ENC_GSM7},
	{"composed", "\"text\":\"мои\u0306\",\"nfc\":true", "мой", JSON_CHANGED_NFC, 1, 1, ENC_UCS2},
	{"composed already", "\"text\":\"мой\",\"nfc\":true", "мой", 0, 0, 1, ENC_UCS2},
	{"first transliterated, then made cheaper: both are said",
		"\"text\":\"Да €\u200b" X50 X50 X50 X10 "\",\"translit\":\"ru-Latn\",\"smart\":true", "Da €" X50 X50 X50 X10,
		JSON_CHANGED_TRANSLIT | JSON_CHANGED_SMART, 3, 2, ENC_GSM7},
	{"composed, then made cheaper", "\"text\":\"е\u0308“" X50 X10 X10 "\",\"nfc\":true,\"smart\":true",
		"ё“" X50 X10 X10, JSON_CHANGED_NFC, 2, 2, ENC_UCS2},
	{"only zero-width characters do not vanish", "\"text\":\"\u200b\u200b\",\"smart\":true", "\u200b\u200b", 0, 0, 1, ENC_UCS2},
	{"octets are never touched", "\"data\":\"e2809c\",\"smart\":true,\"nfc\":true", "\x00\xe2\x80\x9c", 0, 0, 1, ENC_BINARY},
};

static void texts_are_changed_as_asked_for_and_it_is_known_how(void **state)
{
	for (size_t i = 0; i < sizeof(changed) / sizeof(changed[0]); i++) {
		char json[512];
		struct api_fault f;

		snprintf(json, sizeof(json), "{" TO "%s}", changed[i].json);
		if (parse(json, &f) != 0)
			fail_msg("%s: %s", changed[i].why, f.message);
		if (out.changed != changed[i].changed || out.m.n_parts != changed[i].parts ||
			out.m.encoding != changed[i].encoding)
			fail_msg("%s: changed %u, %u parts, encoding %u", changed[i].why, out.changed, out.m.n_parts,
				out.m.encoding);
		if (out.changed && out.parts_before != changed[i].parts_before)
			fail_msg("%s: %u parts before", changed[i].why, out.parts_before);
		if (out.m.flags & MSG_BINARY)
			assert_memory_equal(out.m.text, changed[i].text, 4);
		else if (out.m.n_text != strlen(changed[i].text) ||
			 memcmp(out.m.text, changed[i].text, out.m.n_text) != 0)
			fail_msg("%s: \"%.*s\"", changed[i].why, (int)out.m.n_text, out.m.text);
	}
}

static void the_client_may_wish_nfc_and_smart_for_all(void **state)
{
	struct api_fault f;

	client.nfc = client.smart = true;
	assert_int_equal(parse("{" TO "\"text\":\"мои\u0306\"}", &f), 0);
	assert_int_equal(out.changed, JSON_CHANGED_NFC);
	assert_int_equal(parse("{" TO "\"text\":\"мои\u0306\",\"nfc\":false,\"smart\":false}", &f), 0);
	assert_int_equal(out.changed, 0);
	client.nfc = client.smart = false;
}

static void assert_changed(const char *row, bool with_text, unsigned max_changes, const char *want)
{
	struct api_fault f;
	struct json_out o;

	assert_int_equal(parse(row, &f), 0);
	json_out_init(&o, 65536);
	json_text_changed(&o, &out, with_text, max_changes);
	assert_int_equal(buf_len(&o.b), strlen(want));
	assert_memory_equal(buf_data(&o.b), want, strlen(want));
	json_out_done(&o);
}

static void the_answer_says_what_was_changed(void **state)
{
	assert_changed("{" TO "\"text\":\"Hi\",\"smart\":true}", true, 32, "");
	assert_changed("{" TO "\"text\":\"Да\",\"translit\":\"ru-Latn\"}", true, 32,
		"\"changed\":{\"by\":[\"translit\"],\"parts_before\":1,\"text\":\"Da\"}");
	assert_changed("{" TO "\"text\":\"Да\",\"translit\":\"ru-Latn\"}", false, 4,
		"\"changed\":{\"by\":[\"translit\"],\"parts_before\":1}");
	assert_changed("{" TO "\"text\":\"a“b\u00ad e\u0301\",\"encoding\":\"gsm7\",\"smart\":true}", true, 2,
		"\"changed\":{\"by\":[\"smart\"],\"parts_before\":1,\"text\":\"a\\\"b é\",\"n_changes\":3,\"changes\":["
		"{\"position\":1,\"char\":\"“\",\"codepoint\":\"U+201C\",\"with\":\"\\\"\"},"
		"{\"position\":3,\"char\":\"\u00ad\",\"codepoint\":\"U+00AD\",\"with\":\"\"}]}");
	assert_changed("{" TO "\"text\":\"e\u0301\",\"encoding\":\"gsm7\",\"smart\":true}", false, 32,
		"\"changed\":{\"by\":[\"smart\"],\"parts_before\":1,\"n_changes\":1,\"changes\":["
		"{\"position\":0,\"char\":\"e\u0301\",\"codepoint\":\"U+0065 U+0301\",\"with\":\"é\"}]}");
}

/* Rows of many are answered from a bounded room. */
static void the_longest_list_of_a_row_fits(void **state)
{
	struct api_fault f;
	struct json_out o;

	assert_int_equal(parse("{" TO "\"encoding\":\"gsm7\",\"smart\":true,\"text\":\"e\u0301e\u0301e\u0301e\u0301e\u0301\"}", &f), 0);
	for (unsigned i = 0; i < SMART_CHANGES_MAX; i++) {
		struct smart_change *c = &out.look_alikes.changes[i];

		c->position = c->cp = 0x10ffff;
		for (unsigned k = 0; k < SMART_COMPOSE_MAX; k++)
			c->more[k] = 0x10fffd;
		strcpy(c->with, "\"\"\"\"\"\"\"");
	}
	out.changed = JSON_CHANGED_TRANSLIT | JSON_CHANGED_NFC | JSON_CHANGED_SMART;
	out.look_alikes.n_changes = UINT32_MAX;
	json_out_init(&o, 65536);
	json_text_changed(&o, &out, false, JSON_TEXT_ROW_CHANGES);
	assert_in_range(buf_len(&o.b), 500, JSON_TEXT_ROW_MAX);
	json_out_done(&o);
}

static const struct {
	const char *why;
	struct segment_rules rules;
	const char *json;
	enum api_code code;
	const char *says, *does_not_say;
} refused[] = {
	{"the default alphabet", {0}, "\"encoding\":\"gsm7\",\"text\":\"äšč\"", API_NOT_GSM7, "GSM-7 does not have š (U+0161) at 1, č",
		"ä"},
	{"more than six are counted", {0}, "\"encoding\":\"gsm7\",\"text\":\"абвгдежз\"", API_NOT_GSM7, ", and 2 more", "з"},
	{"what smart would do", {0}, "\"encoding\":\"gsm7\",\"text\":\"“a”\"", API_NOT_GSM7, "\"smart\": true does", NULL},
	{"smart cannot help", {0}, "\"encoding\":\"gsm7\",\"text\":\"ж\"", API_NOT_GSM7, "(U+0436) at 0", "smart"},
	{"the changed text is spoken of", {0}, "\"encoding\":\"gsm7\",\"translit\":\"ru-Latn\",\"text\":\"да 😀\"", API_NOT_GSM7,
		"😀 (U+1F600) at 3 in the text as changed", "д"},
	{"with the Turkish tables ş fits, ж does not", {.languages = 1 << 1}, "\"encoding\":\"gsm7\",\"text\":\"şж\"", API_NOT_GSM7,
		"language tables of the link does not have ж (U+0436) at 1", "ş"},
	{"each in a table, but in no two together", {.languages = 1 << 4 | 1 << 5 | 1 << 6},
		"\"encoding\":\"gsm7\",\"text\":\"কકक\"", API_NOT_GSM7, "GSM-7 does not have ক", NULL},
	{"no shift goes with sar: the tables do not count", {.concat = CONCAT_SAR, .languages = 1 << 1},
		"\"encoding\":\"gsm7\",\"text\":\"ş\"", API_NOT_GSM7, "GSM-7 does not have ş", "tables"},
	{"a link of Latin-1 lacks the euro", {.max_char = 0xff}, "\"encoding\":\"gsm7\",\"text\":\"é€\"", API_NOT_GSM7,
		"Latin-1 for GSM-7) does not have € (U+20AC) at 1", "é"},
	{"a link of ASCII lacks é", {.max_char = 0x7f}, "\"encoding\":\"gsm7\",\"text\":\"é\"", API_NOT_GSM7, "ASCII for GSM-7", NULL},
	{"four parts of UCS-2", {0}, "\"text\":\"ж" X50 X50 X50 X50 "y\"", API_TOO_MANY_PARTS,
		"needs 4 parts as ucs2, this client may send 3; shorten it, or avoid what forces ucs2: ж (U+0436) at 0", "smart"},
	{"what forces UCS-2 is counted", {0}, "\"text\":\"" X50 X50 X50 X50 "жжжжжжжж\"", API_TOO_MANY_PARTS,
		"ж (U+0436) at 200, ж (U+0436) at 201, ж (U+0436) at 202, ж (U+0436) at 203, ж (U+0436) at 204, ж (U+0436) at 205, and 2 more",
		"at 206"},
	{"what a table of the link has is not blamed", {.languages = 1 << 1}, "\"text\":\"şж" X50 X50 X50 X50 "\"", API_TOO_MANY_PARTS,
		"forces ucs2: ж (U+0436) at 1", "ş"},
	{"what smart would save", {0}, "\"text\":\"“" X50 X50 X50 X50 "y\"", API_TOO_MANY_PARTS, "\"smart\": true it needs 2", NULL},
	{"UCS-2 was asked for", {0}, "\"encoding\":\"ucs2\",\"text\":\"" X50 X50 X50 X50 "yy\"", API_TOO_MANY_PARTS,
		"let encoding be \"auto\"", "avoid"},
	{"16 bit references leave less room", {.concat = CONCAT_UDH16}, "\"text\":\"" X50 X50 X50 X50 X50 X50 X50 X50 X50 "1234567\"",
		API_TOO_MANY_PARTS, "needs 4 parts as gsm7", NULL},
	{"with a language table: the parts that it needs there", {.languages = 1 << 1},
		"\"text\":\"ş" X50 X50 X50 X50 X50 X50 X50 X50 X50 "\"", API_TOO_MANY_PARTS, "needs 4 parts as gsm7", "ucs2"},
	{"after transliteration", {0}, "\"translit\":\"ru-Latn\",\"text\":\"щ" X50 X50 X50 X50 X50 X50 X50 X50 X50 X10 "\"",
		API_TOO_MANY_PARTS, "the text, changed as asked for, needs 4 parts as gsm7", NULL},
};

static void refusals_say_what_the_link_cannot_carry(void **state)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct api_fault f = {.code = API_CODE_N};
		char json[1024];

		snprintf(json, sizeof(json), "{" TO "%s}", refused[i].json);
		rules = refused[i].rules;
		if (parse(json, &f) == 0)
			fail_msg("%s: accepted", refused[i].why);
		if (f.code != refused[i].code || !strstr(f.message, refused[i].says) ||
			(refused[i].does_not_say && strstr(f.message, refused[i].does_not_say)))
			fail_msg("%s: %s", refused[i].why, f.message);
	}
	rules = (struct segment_rules){0};
}

static void language_tables_of_the_link_make_it_fit(void **state)
{
	struct api_fault f;

	rules.languages = 1 << 1;
	assert_int_equal(parse("{" TO "\"encoding\":\"gsm7\",\"text\":\"şıĞİ\"}", &f), 0);
	assert_int_equal(out.m.encoding, ENC_GSM7);
	rules.languages = 0;
}

static void an_unknown_transliteration_is_answered_with_those_known(void **state)
{
	struct api_fault f;

	assert_int_not_equal(parse("{" TO "\"text\":\"a\",\"translit\":\"russian\"}", &f), 0);
	assert_int_equal(api_code_status(f.code), 400);
	assert_non_null(strstr(f.message, "\"russian\" is no transliteration; there are ru-Latn, uk-Latn, "));
	assert_non_null(strstr(f.message, ", Latn-ASCII"));
}

static void half_a_pair_is_named(void **state)
{
	struct api_fault f;

	assert_int_not_equal(parse("{" TO "\"text\":\"\\ud83d\"}", &f), 0);
	assert_non_null(strstr(f.message, "surrogate pair"));
}

/* Texts far beyond any limit: refused, with the size or the count, and quickly. */
static void a_text_of_100000_characters_is_refused(void **state)
{
	static const char *const tails[] = {"\"", "\",\"smart\":true", "\",\"nfc\":true", "\",\"translit\":\"ru-Latn\"",
		"\",\"translit\":\"zh-Latn\",\"smart\":true,\"nfc\":true"};
	static char json[300100];
	struct api_fault f;

	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		size_t n = (size_t)sprintf(json, "{" TO "\"text\":\"");

		for (unsigned k = 0; k < 100000; k++, n += 3)
			memcpy(json + n, "你", 3);
		sprintf(json + n, "%s}", tails[i]);
		assert_int_not_equal(parse(json, &f), 0);
		assert_int_equal(f.code, API_INVALID_TEXT);
		assert_non_null(strstr(f.message, "300000 octets"));
		/* just within the octets that are taken: now the parts count */
		n -= 260010;
		sprintf(json + n, "%s}", tails[i]);
		assert_int_not_equal(parse(json, &f), 0);
		assert_int_equal(f.code, API_TOO_MANY_PARTS);
	}
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

static int open_unicode(void **state)
{
	unicode = unicode_new();
	return unicode ? 0 : -1;
}

static int close_unicode(void **state)
{
	unicode_free(unicode);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_rows_are_refused_with_code_and_field),
		cmocka_unit_test(good_rows_become_messages),
		cmocka_unit_test(binary_is_kept_as_message_h_says),
		cmocka_unit_test(what_is_no_json_says_where_and_what_is_expected),
		cmocka_unit_test(too_many_parts_says_how_many),
		cmocka_unit_test(not_gsm7_names_characters_and_positions),
		cmocka_unit_test(a_quoted_name_is_cut_between_characters),
		cmocka_unit_test(hints_name_the_field_that_was_meant),
		cmocka_unit_test(smart_replaces_only_when_it_saves),
		cmocka_unit_test(texts_are_changed_as_asked_for_and_it_is_known_how),
		cmocka_unit_test(the_client_may_wish_nfc_and_smart_for_all),
		cmocka_unit_test(the_answer_says_what_was_changed),
		cmocka_unit_test(the_longest_list_of_a_row_fits),
		cmocka_unit_test(refusals_say_what_the_link_cannot_carry),
		cmocka_unit_test(language_tables_of_the_link_make_it_fit),
		cmocka_unit_test(an_unknown_transliteration_is_answered_with_those_known),
		cmocka_unit_test(half_a_pair_is_named),
		cmocka_unit_test(a_text_of_100000_characters_is_refused),
		cmocka_unit_test(hash_knows_content_not_spelling),
		cmocka_unit_test(every_code_has_a_status_and_a_sentence),
		cmocka_unit_test(a_cut_fault_stays_utf8),
	};

	return cmocka_run_group_tests(tests, open_unicode, close_unicode);
}
