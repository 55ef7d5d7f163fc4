/* SPDX-License-Identifier: Apache-2.0 */
/* Planning and cutting take nothing from the heap, once what ICU opens is open.
 *
 * Our own calls are counted by the linker's --wrap, those of ICU by the hooks that it has for the purpose. */
#include "codec/segment.h"
#include "codec/unicode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/uclean.h>

#include <cmocka.h>

static unsigned long n_taken;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
	n_taken++;
	return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	n_taken++;
	return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	n_taken++;
	return __real_realloc(p, n);
}

static void *U_CALLCONV icu_malloc(const void *context, size_t n)
{
	n_taken++;
	return __real_malloc(n);
}

static void *U_CALLCONV icu_realloc(const void *context, void *p, size_t n)
{
	n_taken++;
	return __real_realloc(p, n);
}

static void U_CALLCONV icu_free(const void *context, void *p)
{
	free(p);
}

/* Repeated until they make several parts; the numbers move the cuts about. */
static const char *const texts[] = {
	"Your code is 4711. ",
	"[Shop] save 5€ {today} ",
	"Ваш код 4711. ",
	"آپ کا کوڈ ",
	"👨‍👩‍👧‍👦 👍🏽 ",
	"आपका कोड क्षमा ",
	"Şifreniz ığ ",
	"e\xcc\x81\r\n",
};

#define N_TEXTS (sizeof(texts) / sizeof(texts[0]))

static unsigned long cut_many(struct unicode *unicode, unsigned n)
{
	static char text[4096];
	unsigned long n_parts = 0;

	for (unsigned i = 0; i < n; i++) {
		struct segment_opts o = {.unicode = unicode, .rules.languages = i % 3 ? 0 : 0x3ffe};
		const char *s = texts[i % N_TEXTS];
		struct segment_plan p;
		struct segment_wire w;
		size_t at = i % 7, bad_at;

		memset(text, 'a', at);
		for (unsigned k = i / N_TEXTS % 30; k-- > 0; at += strlen(s))
			memcpy(text + at, s, strlen(s));
		if (segment_plan(text, at, &o, &p, &bad_at) < 0)
			continue;
		for (unsigned k = 1; k <= p.n_parts; k++)
			n_parts += segment_part(text, &p, k, 1, &w) == 0;
		segment_again(text, at, segment_cut(&p), unicode, &p);
	}
	return n_parts;
}

static void nothing_is_taken_for_a_text(void **state)
{
	struct unicode *unicode = unicode_new();
	unsigned long n_parts;

	assert_non_null(unicode);
	cut_many(unicode, 1000);
	assert_true(n_taken > 0); /* the counters count: what ICU opened */
	n_taken = 0;
	n_parts = cut_many(unicode, 100000);
	assert_int_equal(n_taken, 0);
	assert_true(n_parts > 200000);
	unicode_free(unicode);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_taken_for_a_text),
	};
	UErrorCode e = U_ZERO_ERROR;

	u_setMemoryFunctions(NULL, icu_malloc, icu_realloc, icu_free, &e);
	return U_FAILURE(e) || cmocka_run_group_tests(tests, NULL, NULL);
}
