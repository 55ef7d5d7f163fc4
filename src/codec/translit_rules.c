/* SPDX-License-Identifier: Apache-2.0 */
/* translit_rules.c -- see translit_rules.h.
 *
 * What a person expects in a text message is what stands on road signs and in passports of the country: plain
 * letters, no signs above or between them.  ICU's own rules serve libraries and map makers (BGN/PCGN, ISO 9, UNGEGN)
 * and differ in that.  So where a country has a rule of its own it stands here as a list of letters; where not, ICU's
 * rule is taken and what it puts above letters is taken off afterwards.
 *
 *   ru   BGN/PCGN without its signs and its "y" before a vowel: "Elena, eshchyo", not "Yelena, yeshchë"; й is y.
 *   uk   resolution 55 of the Cabinet of Ministers of Ukraine, 2010 (road signs, passports): Київ is Kyiv, where
 *        BGN/PCGN has Kyyiv.
 *   be   BGN/PCGN 1979 without its signs.
 *   bg   the Transliteration Act of 2009: щ is sht, ъ is a, -ия at the end is -ia.
 *   sr   the Latin alphabet of the language as typed without its signs: č and ć are c, đ is dj.
 *   mk   that of the passports: ѓ is gj, ќ is kj.
 *   kk   BGN/PCGN 1979; ä, ö, ü are in the alphabet of GSM-7 and stay.
 *   el   ELOT 743 as ICU has it (UNGEGN), without accents; a semicolon behind a Greek letter is a question mark.
 *   he   consonants as on road signs; vowels are not written and cannot be known.
 *   ar   ICU's letters without signs; vowels are not written.
 *   ka   the national system of 2002.
 *   hy   BGN/PCGN without apostrophes; marks that stand within a word go, but for the question mark.
 *   hi   ICU's (ISO 15919) without signs, without the "a" that nobody speaks at the end of a word.
 *   zh   pinyin without tones and dots.
 *   ja   kana after Hepburn.  What a Chinese character is in Japanese cannot be known from the character: it stays. */
#include "codec/translit_rules.h"

#include <stddef.h>

/* Letters that the list of a language lacks, as in a name of the neighbour's. */
#define OTHER_CYRILLIC ":: [:Cyrillic:] Cyrillic-Latin ;"
/* An apostrophe that only parts a consonant from є, ї, ю, я. */
#define NO_APOSTROPHE "[:L:] { [\\u0027’ʼ′] } [єїюяёеіЄЇЮЯЁЕІ] > ;"
/* Take off what ICU put above letters, but not the accents that the text had and GSM-7 has. */
#define PROTECT \
	"à > \\uE000 ; å > \\uE001 ; ä > \\uE002 ; é > \\uE003 ; è > \\uE004 ; ì > \\uE005 ; ñ > \\uE006 ; ò > \\uE007 ;" \
	"ö > \\uE008 ; ù > \\uE009 ; ü > \\uE00A ; Å > \\uE00B ; Ä > \\uE00C ; É > \\uE00D ; Ñ > \\uE00E ; Ö > \\uE00F ;" \
	"Ü > \\uE010 ; Ç > \\uE011 ; ::Null ;"
#define BARE \
	":: NFD ; [\\u0300-\\u036F] > ; :: NFC ;" \
	"\\uE000 > à ; \\uE001 > å ; \\uE002 > ä ; \\uE003 > é ; \\uE004 > è ; \\uE005 > ì ; \\uE006 > ñ ; \\uE007 > ò ;" \
	"\\uE008 > ö ; \\uE009 > ù ; \\uE00A > ü ; \\uE00B > Å ; \\uE00C > Ä ; \\uE00D > É ; \\uE00E > Ñ ; \\uE00F > Ö ;" \
	"\\uE010 > Ü ; \\uE011 > Ç ;"
/* Vowels above and below Arabic letters: few write them. */
#define NO_HARAKAT    "[\\u064B-\\u065F\\u0670] > ;"
#define CHINESE_MARKS ":: Fullwidth-Halfwidth ; [｡。] > \\. ; [､、] > \\, ;"

const struct translit_rules translit_rules[] = {
	{"ru-Latn", "Russian",
		"а a|б b|в v|г g|д d|е e|ё yo|ж zh|з z|и i|й y|к k|л l|м m|н n|о o|п p|р r|с s|т t|у u|ф f|х kh|ц ts|ч ch|ш sh|"
		"щ shch|ъ |ы y|ь |э e|ю yu|я ya",
		NULL, OTHER_CYRILLIC, false},
	{"uk-Latn", "Ukrainian",
		"зг zgh|~є ie|~ї i|~й i|~ю iu|~я ia|а a|б b|в v|г h|ґ g|д d|е e|є ye|ж zh|з z|и y|і i|ї yi|й y|к k|л l|м m|н n|"
		"о o|п p|р r|с s|т t|у u|ф f|х kh|ц ts|ч ch|ш sh|щ shch|ь |ю yu|я ya",
		NO_APOSTROPHE, OTHER_CYRILLIC, false},
	{"be-Latn", "Belarusian",
		"а a|б b|в v|г h|ґ g|д d|е ye|ё yo|ж zh|з z|і i|й y|к k|л l|м m|н n|о o|п p|р r|с s|т t|у u|ў w|ф f|х kh|ц ts|"
		"ч ch|ш sh|ы y|ь |э e|ю yu|я ya",
		NO_APOSTROPHE, OTHER_CYRILLIC, false},
	{"bg-Latn", "Bulgarian",
		"а a|б b|в v|г g|д d|е e|ж zh|з z|и i|й y|к k|л l|м m|н n|о o|п p|р r|с s|т t|у u|ф f|х h|ц ts|ч ch|ш sh|щ sht|"
		"ъ a|ь y|ю yu|я ya",
		"[:L:] { ия } [^[:L:][:M:]] > ia ; [:L:] { ИЯ } [^[:L:][:M:]] > IA ;", OTHER_CYRILLIC, false},
	{"sr-Latn", "Serbian",
		"а a|б b|в v|г g|д d|ђ dj|đ dj|е e|ж z|з z|и i|ј j|к k|л l|љ lj|м m|н n|њ nj|о o|п p|р r|с s|т t|ћ c|у u|ф f|х h|"
		"ц c|ч c|џ dz|ш s",
		NULL, OTHER_CYRILLIC, false},
	{"mk-Latn", "Macedonian",
		"а a|б b|в v|г g|д d|ѓ gj|е e|ж zh|з z|ѕ dz|и i|ј j|к k|л l|љ lj|м m|н n|њ nj|о o|п p|р r|с s|т t|ќ kj|у u|ф f|"
		"х h|ц c|ч ch|џ dzh|ш sh",
		NULL, OTHER_CYRILLIC, false},
	{"kk-Latn", "Kazakh",
		"а a|ә ä|б b|в v|г g|ғ gh|д d|е e|ё yo|ж zh|з z|и i|й y|к k|қ q|л l|м m|н n|ң ng|о o|ө ö|п p|р r|с s|т t|у u|ұ u|"
		"ү ü|ф f|х kh|һ h|ц ts|ч ch|ш sh|щ shch|ъ |ы y|і i|ь |э e|ю yu|я ya",
		NULL, OTHER_CYRILLIC, false},
	{"el-Latn", "Greek", NULL, "[:Greek:] { \\; > \\? ; [:Greek:] { [\\u0387\\u00B7] > \\; ;" PROTECT ":: [:Greek:] Greek-Latin/UNGEGN ;" BARE, NULL, false},
	{"he-Latn", "Hebrew, consonants only",
		"א a|ב b|ג g|ד d|ה h|ו v|ז z|ח h|ט t|י y|כ k|ך kh|ל l|מ m|ם m|נ n|ן n|ס s|ע a|פ p|ף f|צ ts|ץ ts|ק k|ר r|ש sh|"
		"ת t|״ \"|׳ '|־ -",
		"[\\u0591-\\u05BD\\u05BF\\u05C1\\u05C2\\u05C4\\u05C5\\u05C7] > ;", NULL, false},
	{"ar-Latn", "Arabic, consonants only",
		"ـ |ا a|أ a|إ i|آ a|ى a|ة a|ث th|ج j|ح h|خ kh|ذ dh|ش sh|ص s|ض d|ط t|ظ z|ع a|غ gh|ء |ؤ w|ئ y|و w|ي y|، ,|؛ ;|؟ ?",
		NO_HARAKAT, ":: Null ;" PROTECT ":: [:Arabic:] Arabic-Latin ;" BARE, false},
	{"fa-Latn", "Persian, consonants only",
		"ـ |ا a|آ a|ث s|ج j|چ ch|ح h|خ kh|ذ z|ژ zh|ش sh|ص s|ض z|ط t|ظ z|ع a|غ gh|ق gh|ء |ئ y|ؤ v|و v|ی y|ي y|ک k|گ g|پ p|، ,|؛ ;|؟ ?|۔ .",
		NO_HARAKAT, ":: Null ;" PROTECT ":: [:Arabic:] Arabic-Latin ;" BARE, false},
	{"ka-Latn", "Georgian",
		"ა a|ბ b|გ g|დ d|ე e|ვ v|ზ z|თ t|ი i|კ k|ლ l|მ m|ნ n|ო o|პ p|ჟ zh|რ r|ს s|ტ t|უ u|ფ p|ქ k|ღ gh|ყ q|შ sh|ჩ ch|ც ts|"
		"ძ dz|წ ts|ჭ ch|ხ kh|ჯ j|ჰ h",
		NULL, NULL, false},
	{"hy-Latn", "Armenian",
		"ու u|~ե e|~ո o|ա a|բ b|գ g|դ d|ե ye|զ z|է e|ը y|թ t|ժ zh|ի i|լ l|խ kh|ծ ts|կ k|հ h|ձ dz|ղ gh|ճ ch|մ m|յ y|ն n|շ sh|"
		"ո vo|չ ch|պ p|ջ j|ռ r|ս s|վ v|տ t|ր r|ց ts|ւ v|փ p|ք k|և ev|օ o|ֆ f|՛ |՜ |՞ ?|։ .|՝ ,",
		NULL, NULL, false},
	{"hi-Latn", "Hindi", NULL,
		PROTECT ":: [:Devanagari:] Devanagari-Latin ; a { \\' } [iīuū] > ; ::Null ; ṁ } [bpm] > m ; ṁ > n ; m̐ > n ;"
		"[aāiīuūeēoō] [bcdfghjklmnprstvyzḍṭṇśṣñṅ]+ { a } [^[:L:][:M:]] > ;" BARE,
		NULL, false},
	{"th-Latn", "Thai, letter by letter", NULL, PROTECT ":: Thai-Latin ;" BARE, NULL, false},
	{"zh-Latn", "Chinese (pinyin without tones)", NULL, PROTECT ":: Han-Latin ;" CHINESE_MARKS BARE, NULL, false},
	{"ja-Latn", "Japanese kana", NULL,
		PROTECT ":: Katakana-Latin ; :: Hiragana-Latin ;" CHINESE_MARKS "n { \\' } n > ;" BARE, NULL, false},
	{"ko-Latn", "Korean", NULL, ":: Hangul-Latin ;", NULL, false},
	{"any-Latn", "any script, as ICU has it", NULL, ":: Any-Latin ;", NULL, false},
	{"Latn-ASCII", "Latin letters without accents; \"ascii\" for short", NULL, NULL, NULL, true},
};
const unsigned n_translit_rules = sizeof(translit_rules) / sizeof(translit_rules[0]);
