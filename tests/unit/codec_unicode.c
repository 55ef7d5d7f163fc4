/* SPDX-License-Identifier: Apache-2.0 */
/* What the Unicode library does for us.  Expected forms are written by hand: clusters after Unicode Standard Annex 29,
 * composed forms after Annex 15. */
#include "codec/gsm7.h"
#include "codec/unicode.h"
#include "codec/utf8.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static struct unicode *unicode;

/* ---- grapheme clusters ---------------------------------------------------------------------------------- */

static const struct {
	const char *why, *before, *after; /* the cut is asked for between them */
	int back;                         /* octets that the cluster begins earlier */
} clusters[] = {
	{"two letters", "ab", "cd", 0},
	{"two Cyrillic letters", "аб", "вг", 0},
	{"CR and LF are one", "a\r", "\nb", 1},
	{"LF and CR are two", "a\n", "\rb", 0},
	{"an accent belongs to its letter", "xe", "\u0301y", 1},
	{"both accents do", "xe\u0323", "\u0302y", 3},
	{"a letter after an accent begins anew", "e\u0301", "y", 0},
	{"a family is one: emoji joined by ZWJ", "x👨\u200d👩\u200d", "👧y", 14},
	{"before the joiner, too", "x👨", "\u200d👩y", 4},
	{"a skin tone belongs to its hand", "x👍", "🏽y", 4},
	{"a flag is two letters", "x🇩", "🇪y", 4},
	{"two flags are two", "x🇩🇪", "🇫🇷", 0},
	{"the second of two flags", "x🇩🇪🇫", "🇷", 4},
	{"a keycap", "x1\ufe0f", "\u20e3", 4},
	{"a Devanagari vowel sign", "नम", "\u093f", 3},
	{"Hangul of parts", "x\u1112", "\u1161\u11ab", 3},
	{"the beginning and the end are boundaries", "", "abc", 0},
	{"the end", "abc", "", 0},
};

static void clusters_begin_where_the_standard_says(void **state)
{
	for (size_t i = 0; i < sizeof(clusters) / sizeof(clusters[0]); i++) {
		char s[128];
		size_t at = strlen(clusters[i].before), n = at + strlen(clusters[i].after), got;

		memcpy(s, clusters[i].before, at);
		memcpy(s + at, clusters[i].after, n - at + 1);
		got = unicode_cluster_start(unicode, s, n, at);
		if (got != at - (size_t)clusters[i].back)
			fail_msg("%s: %zu instead of %zu", clusters[i].why, got, at - (size_t)clusters[i].back);
	}
}

/* Whether a flag ends at a place is told by counting from the first of the row, however long it is. */
static void a_long_row_of_flags_is_cut_between_flags(void **state)
{
	enum { FLAGS = 300, OCTETS = 8 };
	static char s[1 + FLAGS * OCTETS + 1] = "x";

	for (unsigned i = 0; i < FLAGS; i++)
		memcpy(s + 1 + i * OCTETS, "🇩🇪", OCTETS);
	for (unsigned i = 1; i < FLAGS; i++) {
		size_t between = 1 + i * OCTETS;

		assert_int_equal(unicode_cluster_start(unicode, s, sizeof(s) - 1, between), between);
		assert_int_equal(unicode_cluster_start(unicode, s, sizeof(s) - 1, between + OCTETS / 2), between);
	}
}

/* ---- NFC -------------------------------------------------------------------------------------------------- */

static const struct {
	const char *why, *text, *want; /* NULL: as it is */
} forms[] = {
	{"ASCII", "abc", NULL},
	{"nothing", "", NULL},
	{"composed already", "é й ệ 한", NULL},
	{"a letter and its accent", "cafe\u0301", "café"},
	{"Cyrillic й of two", "мои\u0306", "мой"},
	{"two accents in the order of the standard", "e\u0323\u0302", "ệ"},
	{"and in the other", "e\u0302\u0323", "ệ"},
	{"no composed form: only put in order", "x\u0301\u0323", "x\u0323\u0301"},
	{"Hangul of parts", "\u1112\u1161\u11ab", "한"},
	{"kana with a sound mark", "か\u3099", "が"},
	{"singletons", "\u2126 \u212b \u212a", "Ω Å K"},
	{"excluded from composition: Devanagari qa stays two (Annex 15, 5)", "क\u093c", NULL},
	{"and the one becomes two, which is longer", "\u0958", "क\u093c"},
	{"three times as long in UTF-16 (Annex 15, table of expansion)", "\U0001d160", "\U0001d158\U0001d165\U0001d16e"},
	{"compatibility forms are left alone", "ﬁ Ａ ²", NULL},
	{"an emoji sequence", "👨\u200d👩", NULL},
};

static void texts_are_composed_as_the_standard_says(void **state)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		size_t n = strlen(forms[i].text), n_got;
		char got[64];
		int r = unicode_nfc(unicode, forms[i].text, n, got, sizeof(got), &n_got);

		if (!forms[i].want) {
			if (r != 0 || n_got != n)
				fail_msg("%s: returned %d", forms[i].why, r);
			continue;
		}
		if (r != 1 || n_got != strlen(forms[i].want) || memcmp(got, forms[i].want, n_got) != 0)
			fail_msg("%s: returned %d, \"%.*s\"", forms[i].why, r, (int)n_got, got);
	}
}

/* The quick judgement never overlooks a character. */
static void what_may_be_composed_is_seen_by_its_first_octets(void **state)
{
	unsigned n_quick = 0;

	for (uint32_t cp = 0x20; cp <= 0x10ffff; cp++) {
		char s[5] = "";

		if (cp >= 0xd800 && cp <= 0xdfff)
			continue;
		utf8_put(s, sizeof(s), cp);
		if (unicode_may_compose_here(s))
			continue;
		n_quick++;
		if (unicode_may_compose(cp))
			fail_msg("U+%04X", (unsigned)cp);
	}
	assert_in_range(n_quick, 24000, 30000);
	assert_false(unicode_may_compose_here("ж"));
	assert_true(unicode_may_compose_here("\u0301"));
}

static void no_room_is_said(void **state)
{
	size_t n;
	char got[64];

	assert_int_equal(unicode_nfc(unicode, "cafe\u0301", 6, got, 4, &n), -ENOBUFS);
	assert_int_equal(unicode_nfc(unicode, "cafe\u0301", 6, got, 5, &n), 1);
}

static void long_texts_are_composed(void **state)
{
	enum { PAIRS = 13000 };
	static char s[PAIRS * 3], got[PAIRS * 3];
	size_t n;

	for (unsigned i = 0; i < PAIRS; i++)
		memcpy(s + i * 3, "e\u0301", 3);
	assert_int_equal(unicode_nfc(unicode, s, sizeof(s), got, sizeof(got), &n), 1);
	assert_int_equal(n, PAIRS * 2);
	for (unsigned i = 0; i < PAIRS; i++)
		assert_memory_equal(got + i * 2, "é", 2);
}

/* Marks of two classes (230 and 220) in turns: the form has all of the lower class first. */
static size_t marks_in_turns(char *s, unsigned n_pairs)
{
	s[0] = 'x';
	for (unsigned i = 0; i < n_pairs; i++)
		memcpy(s + 1 + i * 4, "\u0301\u0316", 4);
	return 1 + (size_t)n_pairs * 4;
}

static void the_marks_of_a_letter_are_put_in_order(void **state)
{
	char s[1 + 64 * 4], got[sizeof(s)];
	size_t n;

	assert_int_equal(unicode_nfc(unicode, s, marks_in_turns(s, 64), got, sizeof(got), &n), 1);
	assert_int_equal(n, sizeof(s));
	for (unsigned i = 0; i < 128; i++)
		assert_memory_equal(got + 1 + i * 2, i < 64 ? "\u0316" : "\u0301", 2);
}

/* Sorted at once they took 200 ms a text: 10 s here. */
static void a_letter_with_thousands_of_marks_holds_nobody_up(void **state)
{
	enum { PAIRS = 9900, TIMES = 50 };
	static char s[1 + PAIRS * 4], got[sizeof(s)];
	size_t n_text = marks_in_turns(s, PAIRS), n;
	clock_t start = clock();

	for (unsigned i = 0; i < TIMES; i++) {
		assert_int_equal(unicode_nfc(unicode, s, n_text, got, sizeof(got), &n), 1);
		assert_int_equal(n, n_text);
	}
	assert_true(clock() - start < 2 * CLOCKS_PER_SEC);
}

/* ---- transliteration -------------------------------------------------------------------------------------- */

static const struct {
	const char *why, *name, *text, *want;
} latin[] = {
	{"plain letters", "ru-Latn", "Привет, как дела?", "Privet, kak dela?"},
	{"й is y, щ is shch", "ru-Latn", "мой щенок", "moy shchenok"},
	{"the soft and the hard sign go", "ru-Latn", "день объезд", "den obezd"},
	{"е is e also where BGN has ye, ё is yo", "ru-Latn", "Ельцин ещё", "Eltsin eshchyo"},
	{"э and е are one letter", "ru-Latn", "это", "eto"},
	{"a word of capitals stays one", "ru-Latn", "ЩУКА ЖЮЛЬ БОРЩ", "SHCHUKA ZHYUL BORSHCH"},
	{"a first capital does not spread", "ru-Latn", "Щука Жюль", "Shchuka Zhyul"},
	{"one capital alone", "ru-Latn", "Я и ты", "Ya i ty"},
	{"letters of two characters (NFD)", "ru-Latn", "мои\u0306 еще\u0308", "moy eshchyo"},
	{"typographic marks become plain ones", "ru-Latn", "«Цена» — 5…", "\"Tsena\" - 5..."},
	{"what GSM-7 has stays", "ru-Latn", "цена 5 €, café, £, Ω", "tsena 5 €, café, £, Ω"},
	{"what it lacks loses its accent", "ru-Latn", "Łódź цена", "Lodz tsena"},
	{"a letter of the neighbour's", "ru-Latn", "Київ", "Kiiv"},
	{"no rule for an emoji: it stays", "ru-Latn", "да 😀", "da 😀"},
	{"Kyiv (resolution 55, 2010)", "uk-Latn", "Київ", "Kyiv"},
	{"є ї й ю я at the beginning of a word", "uk-Latn", "Єнакієве Їжакевич Йосипівка Юрій Яготин",
		"Yenakiieve Yizhakevych Yosypivka Yurii Yahotyn"},
	{"зг is zgh, in capitals too", "uk-Latn", "Згурський ЗГОДА", "Zghurskyi ZGHODA"},
	{"г is h, ґ is g", "uk-Latn", "Гадяч Ґалаґан", "Hadiach Galagan"},
	{"the apostrophe goes, whichever it is", "uk-Latn", "Знам'янка Знам’янка", "Znamianka Znamianka"},
	{"an English apostrophe stays", "uk-Latn", "don't", "don't"},
	{"ў is w, е is ye", "be-Latn", "Прывітанне, Ўладзімір", "Pryvitannye, Wladzimir"},
	{"щ is sht, ъ is a, й is y", "bg-Latn", "Щъркел Здравейте", "Shtarkel Zdraveyte"},
	{"-ия at the end is -ia (the Act, article 5)", "bg-Latn", "София СОФИЯ Илиян", "Sofia SOFIA Iliyan"},
	{"digraphs in words of capitals, too", "sr-Latn", "Љубав ЉУБАВ Њујорк Џон", "Ljubav LJUBAV Njujork Dzon"},
	{"Latin Serbian as typed without its signs", "sr-Latn", "Đorđe, čaša ćevapa", "Djordje, casa cevapa"},
	{"ѓ is gj, ќ is kj", "mk-Latn", "Ѓорѓи Ќе", "Gjorgji Kje"},
	{"ä, ö, ü are in GSM-7", "kk-Latn", "Сәлем Өң Үй Қазақстан", "Sälem Öng Üy Qazaqstan"},
	{"without accents; αυ is af before a hard consonant", "el-Latn", "Γειά σου, ευχαριστώ, αυτό", "Geia sou, efcharisto, afto"},
	{"the capitals of GSM-7 are Greek letters, too", "el-Latn", "ΘΕΣΣΑΛΟΝΙΚΗ", "THESSALONIKI"},
	{"but é is none", "el-Latn", "ένα café", "ena café"},
	{"the Greek question mark", "el-Latn", "τι κάνεις; a;b", "ti kaneis? a;b"},
	{"consonants", "he-Latn", "שלום", "shlvm"},
	{"points go", "he-Latn", "שָׁלוֹם", "shlvm"},
	{"letters, digits and marks", "ar-Latn", "السلام عليكم، ١٢؟", "alslam alykm, 12?"},
	{"letters that Arabic lacks", "fa-Latn", "چطور پگاه", "chtvr pgah"},
	{"Georgian", "ka-Latn", "გამარჯობა", "gamarjoba"},
	{"ye and vo at the beginning of a word", "hy-Latn", "Երևան ԵՐԵՎԱՆ որ մեր ով", "Yerevan YEREVAN vor mer vov"},
	{"the a that is not spoken", "hi-Latn", "नमस्ते दोस्त", "namaste dost"},
	{"a nasal before p, b, m and elsewhere", "hi-Latn", "मुंबई में", "mumbai men"},
	{"Thai", "th-Latn", "สวัสดี", "swasdi"},
	{"without tones and dots, but é of the text stays", "zh-Latn", "你好，café。女人", "ni hao, café.nu ren"},
	{"kana; a Chinese character stays, as its sound cannot be known", "ja-Latn", "こんにちは カタカナ 東京", "konnichiha katakana 東京"},
	{"Korean", "ko-Latn", "안녕하세요", "annyeonghaseyo"},
	{"several scripts", "any-Latn", "Привет Γειά", "Privet Geia"},
	{"accents off, those of GSM-7 too; signs stay", "Latn-ASCII", "Façade Ñandú Ærø Łódź £5 €", "Facade Nandu AEro Lodz £5 €"},
	{"the short name", "ascii", "é", "e"},
	{"case does not matter in names", "RU-latn", "да", "da"},
	{"nothing", "ru-Latn", "", ""},
};

static void scripts_become_latin_as_people_write_them(void **state)
{
	for (size_t i = 0; i < sizeof(latin) / sizeof(latin[0]); i++) {
		char got[256];
		size_t n = 0;
		const char *text = latin[i].text;
		int r = unicode_translit(unicode, latin[i].name, text, strlen(text), got, sizeof(got), &n);

		if (r < 0 || n != strlen(latin[i].want) || memcmp(got, latin[i].want, n) != 0)
			fail_msg("%s: returned %d, \"%.*s\"", latin[i].why, r, (int)n, got);
	}
}

/* Every letter of a script, alone and within a word, so that none was forgotten. */
static const struct {
	const char *name;
	uint32_t first, last;
} scripts[] = {{"ru-Latn", 0x400, 0x45f}, {"uk-Latn", 0x400, 0x45f}, {"be-Latn", 0x400, 0x45f}, {"bg-Latn", 0x400, 0x45f},
	{"sr-Latn", 0x400, 0x45f}, {"mk-Latn", 0x400, 0x45f}, {"kk-Latn", 0x400, 0x45f}, {"el-Latn", 0x391, 0x3a1},
	{"el-Latn", 0x3a3, 0x3ce}, {"he-Latn", 0x5d0, 0x5ea}, {"ar-Latn", 0x621, 0x63a}, {"ar-Latn", 0x641, 0x652},
	{"fa-Latn", 0x621, 0x63a}, {"fa-Latn", 0x641, 0x652}, {"ka-Latn", 0x10d0, 0x10f0}, {"hy-Latn", 0x531, 0x556},
	{"hy-Latn", 0x561, 0x587}, {"hi-Latn", 0x905, 0x90c}, {"hi-Latn", 0x915, 0x939}, {"th-Latn", 0xe01, 0xe2e},
	{"ja-Latn", 0x3041, 0x3094}, {"ja-Latn", 0x30a1, 0x30f6}, {"ko-Latn", 0xac00, 0xac80}, {"zh-Latn", 0x4e00, 0x4e40}};

static void every_letter_of_a_script_ends_in_gsm7(void **state)
{
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		for (uint32_t cp = scripts[i].first; cp <= scripts[i].last; cp++) {
			char text[16], got[64];
			size_t n_text = 0, n, len;

			n_text += utf8_put(text, sizeof(text), cp);
			text[n_text++] = ' ';
			n_text += utf8_put(text + n_text, sizeof(text) - n_text, cp);
			n_text += utf8_put(text + n_text, sizeof(text) - n_text, cp);
			if (unicode_translit(unicode, scripts[i].name, text, n_text, got, sizeof(got), &n) < 0)
				fail_msg("%s: U+%04X", scripts[i].name, (unsigned)cp);
			for (size_t k = 0; k < n; k += len) {
				uint32_t out;

				len = utf8_next(got + k, n - k, &out);
				if (gsm7_encode(out) < 0)
					fail_msg("%s: U+%04X leaves U+%04X", scripts[i].name, (unsigned)cp, (unsigned)out);
			}
		}
}

static void every_name_compiles_and_keeps_ascii(void **state)
{
	static const char ascii[] = "Hello, it's \"5\" <tag> & {json} [x] ~|^\\ \n\r @$_#%+-*/=;:?!().";
	const char *name, *help;
	unsigned i = 0;

	for (; (name = unicode_translit_name(i, &help)); i++) {
		char got[256];
		size_t n;

		assert_true(unicode_translit_known(name));
		assert_true(strlen(help) > 3);
		if (unicode_translit(unicode, name, ascii, sizeof(ascii) - 1, got, sizeof(got), &n) < 0)
			fail_msg("%s does not compile", name);
		if (n != sizeof(ascii) - 1 || memcmp(got, ascii, n) != 0)
			fail_msg("%s: \"%.*s\"", name, (int)n, got);
	}
	assert_int_equal(i, 20);
}

static void an_unknown_name_and_no_room_are_said(void **state)
{
	char got[16];
	size_t n;

	assert_int_equal(unicode_translit(unicode, "xx-Latn", "a", 1, got, sizeof(got), &n), -ENOENT);
	assert_int_equal(unicode_translit(unicode, "", "a", 1, got, sizeof(got), &n), -ENOENT);
	assert_false(unicode_translit_known("ru"));
	assert_int_equal(unicode_translit(unicode, "ru-Latn", "щщщщ", 8, got, 15, &n), -ENOBUFS);
	assert_int_equal(unicode_translit(unicode, "ru-Latn", "щщщщ", 8, got, 16, &n), 0);
}

static void long_texts_are_transliterated(void **state)
{
	enum { CHARS = 20000 };
	static char s[CHARS * 2], got[CHARS * 4];
	size_t n;

	for (unsigned i = 0; i < CHARS; i++)
		memcpy(s + i * 2, "щ", 2);
	assert_int_equal(unicode_translit(unicode, "ru-Latn", s, sizeof(s), got, sizeof(got), &n), 0);
	assert_int_equal(n, CHARS * 4); /* shch */
}

/* ---- names ------------------------------------------------------------------------------------------------ */

static void characters_have_their_names(void **state)
{
	char name[128], few[8];

	assert_string_equal(unicode_name(0x201c, name, sizeof(name)), "LEFT DOUBLE QUOTATION MARK");
	assert_string_equal(unicode_name(0x1f600, name, sizeof(name)), "GRINNING FACE");
	assert_string_equal(unicode_name('\t', name, sizeof(name)), "CHARACTER TABULATION");
	assert_string_equal(unicode_name('\t', few, sizeof(few)), "");
	assert_string_equal(unicode_name(0xe000, name, sizeof(name)), ""); /* private use */
	assert_string_equal(unicode_name(0xffff, name, sizeof(name)), "");
	assert_string_equal(unicode_name(0x201c, few, sizeof(few)), ""); /* none rather than half of one */
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
		cmocka_unit_test(clusters_begin_where_the_standard_says),
		cmocka_unit_test(a_long_row_of_flags_is_cut_between_flags),
		cmocka_unit_test(texts_are_composed_as_the_standard_says),
		cmocka_unit_test(what_may_be_composed_is_seen_by_its_first_octets),
		cmocka_unit_test(no_room_is_said),
		cmocka_unit_test(long_texts_are_composed),
		cmocka_unit_test(the_marks_of_a_letter_are_put_in_order),
		cmocka_unit_test(a_letter_with_thousands_of_marks_holds_nobody_up),
		cmocka_unit_test(scripts_become_latin_as_people_write_them),
		cmocka_unit_test(every_letter_of_a_script_ends_in_gsm7),
		cmocka_unit_test(every_name_compiles_and_keeps_ascii),
		cmocka_unit_test(an_unknown_name_and_no_room_are_said),
		cmocka_unit_test(long_texts_are_transliterated),
		cmocka_unit_test(characters_have_their_names),
	};

	return cmocka_run_group_tests(tests, open_unicode, close_unicode);
}
