/* SPDX-License-Identifier: Apache-2.0 */
/* preview_row_test.c -- what a preview says of one message, a fact a row; and that the sums of many stay right when
 * their tables are full.
 *
 * Capacities are those of 3GPP TS 23.040, 9.2.3.24.1 and 9.2.3.24.15: 160 and 153 septets, 70 and 67 UTF-16 units, 140
 * and 134 octets; 155 and 149 septets beside one language table.  Names are those of the Unicode Character Database.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/unicode.h"
#include "codec/utf8.h"
#include "intake/preview_total.h"

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))
#define TURKISH (1u << 1) /* 3GPP TS 23.038, table 6.2.1.2.4.1 */

static struct conf_client client = {
	.name = (char *)"shop", .default_country = (char *)"", .from = (char *)"", .max_parts = 10, .ttl_ms = 86400000,
};
static struct segment_rules rules;
static struct unicode *unicode;
static struct json_message message;
static struct preview_row preview;

static const struct segment_rules *rules_of(void *arg, uint32_t route)
{
	(void)arg;
	(void)route;
	return &rules;
}

static void look_at(const char *text, const char *field, enum encoding_wish wish)
{
	static const char *const wishes[] = {"auto", "gsm7", "ucs2"};
	struct json_message_ctx x = {.client = &client, .client_id = 7, .now_ms = 1, .rules_of = rules_of,
		.unicode = unicode};
	struct segment_opts opts = {.rules = rules, .wish = wish, .max_parts = 10, .unicode = unicode};
	static json_t *row; /* lent to the message until the next one */
	struct api_fault f;

	json_decref(row);
	row = json_pack("{s:s,s:s,s:s}", "to", "+12025550142", field, text, "encoding", wishes[wish]);
	assert_non_null(row);
	if (json_message(row, &x, &message, &f) < 0)
		fail_msg("%s: %s", text, f.message);
	preview_row(&preview, &message, &opts);
}

static json_t *told(void)
{
	struct json_out o;
	json_t *v;

	json_out_init(&o, 1 << 20);
	json_out_open(&o, '{');
	preview_row_out(&o, &preview);
	json_out_close(&o, '}');
	v = json_loadb((char *)buf_data(&o.b), buf_len(&o.b), 0, NULL);
	assert_non_null(v);
	json_out_done(&o);
	return v;
}

/* head, n times fill, tail */
static const struct fact {
	const char *why;
	const char *head, *fill;
	unsigned n;
	const char *tail;
	enum encoding_wish wish;
	struct segment_rules rules;
	const char *says; /* members that must be there and equal */
} facts[] = {
	{"160 letters fill one part", "", "a", 160, "", WISH_AUTO, {0},
		"{'encoding':'gsm7','parts':1,'units':[160],'left':[0],'units_left':0,'capacity':160,'culprits':[],"
		"'n_culprits':0,'shorten':null,'suggestion':null,'languages':[],'n_characters':160,'n_double':0}"},
	{"161 need two, one letter too many", "", "a", 161, "", WISH_AUTO, {0},
		"{'parts':2,'units':[153,8],'left':[0,145],'units_left':145,'capacity':153,"
		"'shorten':{'units':1,'parts':1,'saves':1}}"},
	{"ten too many are still worth a hint", "", "a", 170, "", WISH_AUTO, {0},
		"{'shorten':{'units':10,'parts':1,'saves':1}}"},
	{"eleven are not", "", "a", 171, "", WISH_AUTO, {0}, "{'parts':2,'shorten':null}"},
	{"one too many for two parts", "", "a", 307, "", WISH_AUTO, {0},
		"{'units':[153,153,1],'shorten':{'units':1,'parts':2,'saves':1}}"},
	{"eleven too many for two parts", "", "a", 317, "", WISH_AUTO, {0}, "{'parts':3,'shorten':null}"},
	{"a reference of 16 bits takes a septet more", "", "a", 161, "", WISH_AUTO, {.concat = CONCAT_UDH16},
		"{'units':[152,9],'capacity':152}"},
	{"70 cyrillic letters fill one part", "", "Ж", 70, "", WISH_AUTO, {0},
		"{'encoding':'ucs2','parts':1,'units':[70],'left':[0],'capacity':70,'n_culprits':70,'shorten':null}"},
	{"71 need two", "", "Ж", 71, "", WISH_AUTO, {0},
		"{'parts':2,'units':[67,4],'left':[0,63],'shorten':{'units':1,'parts':1,'saves':1}}"},
	{"a character of the extension table takes two septets", "", "[", 80, "", WISH_AUTO, {0},
		"{'encoding':'gsm7','units':[160],'n_characters':80,'n_double':80,'culprits':[]}"},
	{"an escape pair is not cut: the first part is one short", "", "a", 152, "€aaaaaaaaaaaaaaaaaaaa", WISH_AUTO, {0},
		"{'encoding':'gsm7','units':[152,22],'left':[1,131],'n_double':1}"},
	{"nor is a surrogate pair", "", "x", 66, "😀xxxxxxxxxx", WISH_AUTO, {0},
		"{'encoding':'ucs2','units':[66,12],'left':[1,55],'n_double':1,'n_culprits':1,"
		"'culprits':[{'position':66,'char':'😀','codepoint':'U+1F600','name':'GRINNING FACE','cost':'forces ucs2'}]}"},
	{"one curly quote in a short text: named, nothing to save", "say ", "“", 1, "hi", WISH_AUTO, {0},
		"{'encoding':'ucs2','parts':1,'n_culprits':1,'suggestion':null,'culprits':[{'position':4,'char':'“',"
		"'codepoint':'U+201C','name':'LEFT DOUBLE QUOTATION MARK','cost':'forces ucs2'}]}"},
	{"positions are characters, not octets", "éé", "“", 1, "", WISH_AUTO, {0},
		"{'culprits':[{'position':2,'char':'“','codepoint':'U+201C','name':'LEFT DOUBLE QUOTATION MARK',"
		"'cost':'forces ucs2'}]}"},
	{"a curly quote in a long text: smart saves two parts", "“", "a", 140, "", WISH_AUTO, {0},
		"{'encoding':'ucs2','parts':3,'suggestion':{'text':'\\\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',"
		"'encoding':'gsm7','parts':1,'saves':2,'languages':[],'changes':[{'position':0,'char':'“','codepoint':'U+201C',"
		"'with':'\\\"'}],'n_changes':1,'by':'smart'}}"},
	{"a letter that nothing replaces: no suggestion", "Ж", "a", 140, "", WISH_AUTO, {0},
		"{'parts':3,'n_culprits':1,'suggestion':null}"},
	{"100 culprits are listed, all are counted", "", "Ж", 101, "", WISH_AUTO, {0}, "{'n_culprits':101}"},
	{"UCS-2 by wish has no culprits", "“", "a", 10, "", WISH_UCS2, {0},
		"{'encoding':'ucs2','culprits':[],'n_culprits':0}"},
	{"a link of Latin-1 lacks the Greek of the default alphabet", "", "Δ", 1, "", WISH_AUTO, {.max_char = 0xff},
		"{'encoding':'ucs2','culprits':[{'position':0,'char':'Δ','codepoint':'U+0394',"
		"'name':'GREEK CAPITAL LETTER DELTA','cost':'forces ucs2'}]}"},
	{"Turkish on a link without tables", "ş", "a", 160, "", WISH_AUTO, {0},
		"{'encoding':'ucs2','parts':3,'languages':[],'n_culprits':1}"},
	{"Turkish on a link with them: the letter that forced the table", "ş", "a", 160, "", WISH_AUTO,
		{.languages = TURKISH},
		"{'encoding':'gsm7','parts':2,'units':[149,13],'left':[0,136],'capacity':149,'n_double':1,"
		"'languages':[{'table':'single','language':'tr'}],'culprits':[{'position':0,'char':'ş','codepoint':'U+015F',"
		"'name':'LATIN SMALL LETTER S WITH CEDILLA','cost':'forces a language table'}]}"},
	{"a short one goes as UCS-2 all the same, which more telephones show", "ş", "a", 10, "", WISH_AUTO,
		{.languages = TURKISH},
		"{'encoding':'ucs2','parts':1,'languages':[],'n_culprits':1,'culprits':[{'position':0,'char':'ş',"
		"'codepoint':'U+015F','name':'LATIN SMALL LETTER S WITH CEDILLA','cost':'forces ucs2'}]}"},
	{"of two foreign characters the one that no table has", "ş“", "a", 160, "", WISH_AUTO, {.languages = TURKISH},
		"{'encoding':'ucs2','n_culprits':1,'culprits':[{'position':1,'char':'“','codepoint':'U+201C',"
		"'name':'LEFT DOUBLE QUOTATION MARK','cost':'forces ucs2'}]}"},
	{"links that let the carrier cut take no tables", "ş", "a", 160, "", WISH_AUTO,
		{.languages = TURKISH, .concat = CONCAT_SAR}, "{'encoding':'ucs2','n_culprits':1}"},
};

static char *text_of(const struct fact *v)
{
	size_t n = strlen(v->head) + strlen(v->fill) * v->n + strlen(v->tail) + 1;
	char *s = calloc(1, n), *at = s;

	at += sprintf(at, "%s", v->head);
	for (unsigned i = 0; i < v->n; i++)
		at += sprintf(at, "%s", v->fill);
	sprintf(at, "%s", v->tail);
	return s;
}

/* Expectations are written with single quotes. */
static json_t *parse(const char *says)
{
	char *s = strdup(says);
	json_error_t e;
	json_t *v;

	for (char *at = s; *at; at++)
		if (*at == '\'')
			*at = '"';
	v = json_loads(s, 0, &e);
	if (!v)
		fail_msg("%s: %s", e.text, says);
	free(s);
	return v;
}

static void compare(const char *why, json_t *got, const char *says)
{
	json_t *wanted = parse(says), *v;
	const char *name;

	json_object_foreach(wanted, name, v)
	{
		if (json_equal(v, json_object_get(got, name)))
			continue;
		char *a = json_dumps(json_object_get(got, name), JSON_ENCODE_ANY), *b = json_dumps(v, JSON_ENCODE_ANY);
		fail_msg("%s: %s is %s, wanted %s", why, name, a ? a : "missing", b);
	}
	json_decref(wanted);
	json_decref(got);
}

static void a_preview_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_OF(facts); i++) {
		char *text = text_of(&facts[i]);

		rules = facts[i].rules;
		look_at(text, "text", facts[i].wish);
		compare(facts[i].why, told(), facts[i].says);
		free(text);
	}
	rules = (struct segment_rules){0};
}

static void a_preview_lists_100_culprits(void **state)
{
	json_t *v;

	(void)state;
	look_at("ЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖ"
		"ЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖ",
		"text", WISH_AUTO);
	v = told();
	assert_int_equal(json_array_size(json_object_get(v, "culprits")), 100);
	assert_int_equal(json_integer_value(json_object_get(v, "n_culprits")), 101);
	json_decref(v);
}

/* Units to take away, found by taking them away. */
static void shorten_says_the_least(void **state)
{
	static const enum concat concats[] = {CONCAT_UDH8, CONCAT_UDH16, CONCAT_SAR};
	char text[2 * 500 + 1];

	(void)state;
	for (unsigned c = 0; c < N_OF(concats); c++) {
		for (unsigned n = 1; n <= 500; n++) {
			unsigned over, parts;

			rules = (struct segment_rules){.concat = concats[c]};
			memset(text, 'a', n);
			text[n] = '\0';
			look_at(text, "text", n % 2 ? WISH_AUTO : WISH_UCS2);
			over = preview.over;
			parts = message.plan.n_parts;
			if (parts == 1) {
				assert_int_equal(over, 0);
				continue;
			}
			for (unsigned less = 1; less <= PREVIEW_SHORTEN_AT && less < n; less++) {
				text[n - less] = '\0';
				look_at(text, "text", n % 2 ? WISH_AUTO : WISH_UCS2);
				if (message.plan.n_parts < parts) {
					assert_int_equal(over, less);
					over = 0;
					break;
				}
			}
			assert_int_equal(over, 0);
		}
	}
	rules = (struct segment_rules){0};
}

/* 139 units: 67 and 67 and 5 when the letter may lose its accent, which it does not. */
static void shorten_counts_what_whole_clusters_left_free(void **state)
{
	char text[400] = "";

	(void)state;
	unicode = unicode_new();
	for (unsigned i = 0; i < 66; i++)
		strcat(text, "ж");
	strcat(text, "е\xcc\x81");
	for (unsigned i = 0; i < 71; i++)
		strcat(text, "ж");
	look_at(text, "text", WISH_AUTO);
	compare("an accent at the cut", told(),
		"{'units':[66,67,6],'left':[1,0,61],'shorten':{'units':5,'parts':2,'saves':1}}");
	unicode_free(unicode);
	unicode = NULL;
}

static void octets_are_counted_without_culprits(void **state)
{
	char hex[2 * 141 + 1];

	(void)state;
	memset(hex, 'e', sizeof(hex) - 1);
	hex[sizeof(hex) - 1] = '\0';
	look_at(hex, "data", WISH_AUTO);
	compare("141 octets", told(),
		"{'encoding':'binary','parts':2,'units':[134,7],'left':[0,127],'capacity':134,'culprits':[],"
		"'shorten':{'units':1,'parts':1,'saves':1},'suggestion':null}");
}

/* What the message asked for is done already, and said by json_text_changed(). */
static void a_changed_text_gets_no_suggestion(void **state)
{
	char text[200] = "“";

	(void)state;
	memset(text + 3, 'a', 100);
	client.smart = true;
	look_at(text, "text", WISH_AUTO);
	compare("smart is the client's", told(),
		"{'encoding':'gsm7','parts':1,'suggestion':null,'n_culprits':0,'n_characters':101}");
	client.smart = false;
}

/* ---- Sums. ---- */

static struct preview_total total;

/* A text of the one character, or of n letters. */
static void add(uint64_t row, uint32_t route, uint32_t cp, unsigned n_letters)
{
	char text[2000];
	size_t n = cp ? utf8_put(text, sizeof(text), cp) : 0;

	memset(text + n, 'a', n_letters);
	text[n + n_letters] = '\0';
	look_at(text, "text", WISH_AUTO);
	message.m.route = route;
	preview_total_add(&total, row, &preview);
}

static void sums_stay_right_when_tables_are_full(void **state)
{
	uint64_t count = 0, rows;

	(void)state;
	preview_total_init(&total);
	for (uint32_t i = 0; i < 3000; i++)
		add(i, 1 + i % 100, 0x4e00 + i, 3); /* as many ideographs, on a hundred routes */
	for (unsigned i = 0; i < TOTAL_SLOTS; i++)
		count += total.culprits[i].count;
	assert_int_equal(total.n_culprits, TOTAL_CHARACTERS);
	assert_int_equal(count, TOTAL_CHARACTERS);
	assert_int_equal(total.other_culprits, 3000 - TOTAL_CHARACTERS);
	rows = total.other_routes.rows;
	for (unsigned i = 0; i < total.n_routes; i++)
		rows += total.route[i].rows;
	assert_int_equal(total.n_routes, TOTAL_ROUTES);
	assert_int_equal(total.other_routes.rows, 30 * (100 - TOTAL_ROUTES));
	assert_int_equal(rows, 3000);
	/* One that came in time is counted on. */
	add(3000, 0, 0x4e00, 3);
	assert_int_equal(total.other_culprits, 3000 - TOTAL_CHARACTERS);
	assert_int_equal(total.no_route.rows, 1);
	preview_total_done(&total);
}

static void the_dearest_come_first_and_of_equals_the_earlier(void **state)
{
	static const unsigned letters[] = {10, 400, 200, 10, 400, 200, 900, 10, 10, 10, 10, 10, 10, 200};
	static const uint64_t wanted[TOTAL_DEAREST] = {6, 1, 4, 2, 5, 13, 0, 3, 7, 8};

	(void)state;
	preview_total_init(&total);
	for (unsigned i = 0; i < N_OF(letters); i++)
		add(i, 0, 0, letters[i]);
	assert_int_equal(total.n_dearest, TOTAL_DEAREST);
	for (unsigned i = 0; i < TOTAL_DEAREST; i++)
		assert_int_equal(total.dearest[i].row, wanted[i]);
	/* 900 letters: 6 parts of 153; 400: 3; 200: 2; 8 of 10: 1. */
	assert_int_equal(total.parts, 6 + 2 * 3 + 3 * 2 + 8);
	assert_int_equal(total.by_parts[1], 8);
	assert_int_equal(total.by_parts[2], 3);
	assert_int_equal(total.by_parts[3], 2);
	assert_int_equal(total.by_parts[6], 1);
	preview_total_done(&total);
}

static void a_row_counts_once_for_a_character(void **state)
{
	(void)state;
	preview_total_init(&total);
	look_at("ЖЖЖ", "text", WISH_AUTO);
	preview_total_add(&total, 0, &preview);
	preview_total_add(&total, 1, &preview);
	for (unsigned i = 0; i < TOTAL_SLOTS; i++) {
		if (!total.culprits[i].cp)
			continue;
		assert_int_equal(total.culprits[i].count, 6);
		assert_int_equal(total.culprits[i].rows, 2);
	}
	assert_int_equal(total.n_culprits, 1);
	preview_total_done(&total);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_preview_says),
		cmocka_unit_test(a_preview_lists_100_culprits),
		cmocka_unit_test(shorten_says_the_least),
		cmocka_unit_test(shorten_counts_what_whole_clusters_left_free),
		cmocka_unit_test(octets_are_counted_without_culprits),
		cmocka_unit_test(a_changed_text_gets_no_suggestion),
		cmocka_unit_test(sums_stay_right_when_tables_are_full),
		cmocka_unit_test(the_dearest_come_first_and_of_equals_the_earlier),
		cmocka_unit_test(a_row_counts_once_for_a_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
