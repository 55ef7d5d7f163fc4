/* SPDX-License-Identifier: Apache-2.0
 *
 * inbound_join_test.c -- one message of several parts.  Octets are written out from 3GPP TS 23.040, 9.2.3.24, TS 23.038
 * and RFC 2781; the decoder here is a table of answers, so that nothing of ours reads what it has written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "intake/inbound_join.h"

#define FFFD "\xef\xbf\xbd"
#define GAP  "[\xe2\x80\xa6]"
#define GRIN "\xf0\x9f\x98\x80" /* U+1F600: d83d de00 */
#define UDH(total, seq) "050003" "07" total seq

struct part {
	unsigned seq, dcs;
	const char *hex, *text; /* text as it was read alone; the same as hex: there is no header */
};

static const struct vec {
	const char *why;
	unsigned total;
	struct part parts[4];
	/* What the decoder is asked and says; NULL: it must not be asked. */
	const char *asked, *says;
	const char *text, *raw, *missing;
	unsigned esm_class;
} vectors[] = {
	{"texts follow each other, the header goes with its only element", 2,
		{{1, 4, UDH("02", "01") "61", "61"}, {2, 4, UDH("02", "02") "62", "62"}}, "6162", "6162", "6162", "6162", "", 0},
	{"a surrogate pair that was cut apart is whole", 2,
		{{1, 8, UDH("02", "01") "0041d83d", "A" FFFD}, {2, 8, UDH("02", "02") "de000042", FFFD "B"}}, "0041d83dde000042",
		"A" GRIN "B", "A" GRIN "B", "0041d83dde000042", "", 0},
	{"an escape that was cut from its code is whole", 2,
		{{1, 0, UDH("02", "01") "411b", "A "}, {2, 0, UDH("02", "02") "65", "e"}}, "411b65", "A\xe2\x82\xac",
		"A\xe2\x82\xac", "411b65", "", 0},
	{"ports and languages of the first part stay", 2,
		{{1, 4, "0b" "05040b8423f0" "0003070201" "aa", "aa"}, {2, 4, "0b" "05040b8423f0" "0003070202" "bb", "bb"}},
		"aabb", "aabb", "aabb", "06" "05040b8423f0" "aabb", "", 0x40},
	{"a 16 bit reference goes as well", 2,
		{{1, 4, "0608040102" "0201" "aa", "aa"}, {2, 4, "0608040102" "0202" "bb", "bb"}}, "aabb", "aabb", "aabb", "aabb",
		"", 0},
	{"a gap in the middle, and the sides are read alone", 3,
		{{1, 0, UDH("03", "01") "61", "a"}, {3, 0, UDH("03", "03") "63", "c"}}, NULL, NULL, "a" GAP "c", "6163", "2", 0},
	{"one mark for a row of gaps, at both ends", 6,
		{{3, 0, UDH("06", "03") "61", "a"}, {4, 0, UDH("06", "04") "62", "b"}}, "6162", "ab", GAP "ab" GAP, "6162",
		"1,2,5,6", 0},
	{"another data_coding ends what is read together", 3,
		{{1, 0, UDH("03", "01") "61", "a"}, {2, 0, UDH("03", "02") "62", "b"}, {3, 8, UDH("03", "03") "0416", "\xd0\x96"}},
		"6162", "ab", "ab\xd0\x96", "61620416", "", 0},
	{"other language tables too", 2,
		{{1, 0, "08" "0003070201" "240101" "61", "a"}, {2, 0, "08" "0003070202" "240102" "62", "b"}}, NULL, NULL, "ab",
		"03" "240101" "6162", "", 0x40},
	{"UCS-2 of half a unit would tear all that follows", 2,
		{{1, 8, UDH("02", "01") "041600", "\xd0\x96" FFFD}, {2, 8, UDH("02", "02") "0416", "\xd0\x96"}}, NULL, NULL,
		"\xd0\x96" FFFD "\xd0\x96", "0416000416", "", 0},
	{"what makes less sense together is shown apart", 2,
		{{1, 3, UDH("02", "01") "6100", "a"}, {2, 3, UDH("02", "02") "62", "b"}}, "610062", "a" FFFD "b", "ab", "610062",
		"", 0},
	{"no header there after all, or a broken one: nothing is cut off", 2,
		{{1, 4, "aa", "aa"}, {2, 4, "7f00", "7f00"}}, "aa7f00", "aa7f00", "aa7f00", "aa7f00", "", 0},
	{"a part without text", 2,
		{{1, 0, UDH("02", "01"), ""}, {2, 0, UDH("02", "02") "62", "b"}}, "62", "b", "b", "62", "", 0},
};

static size_t from_hex(const char *hex, uint8_t *to)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++)
		assert_int_equal(sscanf(hex + 2 * i, "%2hhx", &to[i]), 1);
	return n;
}

static unsigned n_asked;

static int answer(void *arg, uint8_t data_coding, struct gsm7_shift shift, const uint8_t *text, size_t n, char *dst,
	size_t cap, size_t *ret_n)
{
	const struct vec *v = arg;
	uint8_t want[64];

	n_asked++;
	assert_non_null(v->asked);
	assert_true(cap == 4 * n + 4);
	assert_int_equal(n, from_hex(v->asked, want));
	assert_memory_equal(text, want, n);
	assert_int_equal(data_coding, v->parts[0].dcs);
	assert_int_equal(shift.single + shift.locking, 0);
	*ret_n = strlen(v->says);
	memcpy(dst, v->says, *ret_n);
	return 0;
}

static void set_of(const struct vec *v, struct q_inbound_set *s, struct store_inbound_part *parts, uint8_t raw[4][64])
{
	*s = (struct q_inbound_set){.total = v->total, .parts = parts};
	for (; s->n_parts < 4 && v->parts[s->n_parts].hex; s->n_parts++) {
		const struct part *p = &v->parts[s->n_parts];

		parts[s->n_parts] = (struct store_inbound_part){.seq = p->seq, .dcs = p->dcs, .esm_class = strcmp(p->hex, p->text) ? 0x40 : 0,
			.text = (char *)p->text, .n_text = strlen(p->text), .raw = raw[s->n_parts],
			.n_raw = from_hex(p->hex, raw[s->n_parts])};
	}
}

static void parts_become_one_message(void **state)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		const struct vec *v = &vectors[i];
		struct inbound_decoder d = {.decode = answer, .arg = (void *)v};
		struct store_inbound_part parts[4];
		uint8_t raw[4][64], want[64];
		struct inbound_joined j;
		struct q_inbound_set s;

		n_asked = 0;
		set_of(v, &s, parts, raw);
		assert_int_equal(inbound_join(&s, &d, &j), 0);
		if (strcmp(j.text, v->text) != 0 || j.n_text != strlen(v->text))
			fail_msg("%s: \"%s\"", v->why, j.text);
		if (j.n_raw != from_hex(v->raw, want) || memcmp(j.raw, want, j.n_raw) != 0)
			fail_msg("%s: octets", v->why);
		if (strcmp(j.missing, v->missing) != 0 || j.esm_class != v->esm_class || j.dcs != v->parts[0].dcs)
			fail_msg("%s: missing %s, esm_class %02x", v->why, j.missing, j.esm_class);
		if (n_asked != (v->asked ? 1 : 0))
			fail_msg("%s: asked %u times", v->why, n_asked);
		inbound_joined_done(&j);
	}
}

static int cannot(void *arg, uint8_t data_coding, struct gsm7_shift shift, const uint8_t *text, size_t n, char *dst,
	size_t cap, size_t *ret_n)
{
	return -ENOTSUP;
}

/* Packed septets, or a link that is gone. */
static void without_a_decoder_the_texts_follow_each_other(void **state)
{
	struct inbound_decoder none = {.decode = NULL}, packed = {.decode = cannot};
	struct store_inbound_part parts[4];
	struct inbound_joined j;
	struct q_inbound_set s;
	uint8_t raw[4][64];

	set_of(&vectors[2], &s, parts, raw);
	assert_int_equal(inbound_join(&s, &none, &j), 0);
	assert_string_equal(j.text, "A e");
	inbound_joined_done(&j);
	assert_int_equal(inbound_join(&s, &packed, &j), 0);
	assert_string_equal(j.text, "A e");
	inbound_joined_done(&j);
}

static void the_longest_list_of_what_is_missing(void **state)
{
	struct store_inbound_part part = {.seq = 1, .text = (char *)"a", .n_text = 1, .raw = (const uint8_t *)"a", .n_raw = 1};
	struct q_inbound_set s = {.total = 255, .parts = &part, .n_parts = 1};
	struct inbound_decoder none = {.decode = NULL};
	struct inbound_joined j;

	assert_int_equal(inbound_join(&s, &none, &j), 0);
	assert_int_equal(j.n_missing, 254);
	assert_string_equal(j.missing + strlen(j.missing) - 8, ",254,255");
	assert_string_equal(j.text, "a" GAP);
	inbound_joined_done(&j);
	s.n_parts = 0;
	assert_int_equal(inbound_join(&s, &none, &j), -EINVAL);
}

/* The most that a set can hold, each octet read as the widest character there is. */
static int widest(void *arg, uint8_t data_coding, struct gsm7_shift shift, const uint8_t *text, size_t n, char *dst,
	size_t cap, size_t *ret_n)
{
	memset(dst, 'x', cap);
	*ret_n = cap;
	return 0;
}

static void the_largest_set_fits(void **state)
{
	static struct store_inbound_part parts[255];
	struct q_inbound_set s = {.total = 255, .parts = parts};
	struct inbound_decoder d = {.decode = widest};
	uint8_t raw[257] = {0};
	struct inbound_joined j;

	for (unsigned i = 0; i < 255; i++)
		if (i % 2 == 0) /* a gap behind each */
			parts[s.n_parts++] = (struct store_inbound_part){.seq = i + 1, .text = (char *)"", .raw = raw,
				.n_raw = sizeof raw};
	assert_int_equal(inbound_join(&s, &d, &j), 0);
	assert_int_equal(j.n_raw, 128 * 257);
	inbound_joined_done(&j);
	for (unsigned i = 0; i < 255; i++)
		parts[i] = (struct store_inbound_part){.seq = i + 1, .text = (char *)"", .raw = raw, .n_raw = sizeof raw};
	s.n_parts = 255;
	assert_int_equal(inbound_join(&s, &d, &j), 0);
	assert_int_equal(j.n_text, 4 * 255 * 257 + 4);
	inbound_joined_done(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_become_one_message),
		cmocka_unit_test(without_a_decoder_the_texts_follow_each_other),
		cmocka_unit_test(the_longest_list_of_what_is_missing),
		cmocka_unit_test(the_largest_set_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
