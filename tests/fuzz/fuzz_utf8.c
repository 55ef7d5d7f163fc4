/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_utf8.c -- any octets through the alphabets, and as a phone number.
 *
 * Promises held: the check and the reader agree; whatever a peer sends in any alphabet becomes valid UTF-8
 * within the stated bound; valid text survives UTF-16 unchanged; numbers have 7 to 15 digits. */
#include "codec/gsm7.h"
#include "codec/msisdn.h"
#include "codec/ucs2.h"
#include "codec/utf8.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The octets of `s` up to `n` are written again from their code points. */
static void reads_back(const char *s, size_t n)
{
	for (size_t i = 0; i < n;) {
		uint32_t cp;
		size_t len = utf8_next(s + i, n - i, &cp);
		char again[UTF8_MAX_OCTETS];

		assert(utf8_put(again, sizeof(again), cp) == len);
		assert(memcmp(again, s + i, len) == 0);
		i += len;
	}
}

/* A first U+FEFF is a mark and goes; U+FFFE turns the octets; both are by design. */
static void survives_utf16(const char *s, size_t n, uint8_t *wide, char *back)
{
	size_t n_wide, n_back;

	if (n >= 3 && (memcmp(s, "\xef\xbb\xbf", 3) == 0 || memcmp(s, "\xef\xbf\xbe", 3) == 0))
		return;
	assert(ucs2_from_utf8(s, n, wide, UCS2_FROM_UTF8_MAX(n), &n_wide) == 0);
	assert(ucs2_to_utf8(wide, n_wide, back, UCS2_TO_UTF8_MAX(n_wide), &n_back) == 0);
	assert(n_back == n && memcmp(back, s, n) == 0);
}

static void is_a_number_or_not(const char *s, size_t n, const char *country)
{
	const char *why;
	uint64_t number;

	if (msisdn_normalise(s, n, country, &number, &why) == 0)
		assert(number >= 1000000 && number <= UINT64_C(999999999999999));
	else
		assert(*why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const countries[] = {NULL, "RU", "US", "IT", "BR", "BY", "HU"};
	/* Any identifiers, also such as nobody knows. */
	const struct gsm7_shift shift = {.locking = size ? data[0] : 0, .single = size ? data[size - 1] : 0};
	const char *s = (const char *)data, *why;
	char *out = malloc(4 * size + 8);
	uint8_t *wide = malloc(2 * size + 8);
	size_t bad_at = size, n;
	uint64_t number;

	assert(out && wide);
	if (utf8_check(s, size, &bad_at) < 0)
		assert(bad_at < size);
	reads_back(s, bad_at);
	assert(utf8_check(s, bad_at, NULL) == 0);
	survives_utf16(s, bad_at, wide, out);
	sender_classify(s, bad_at, &number, &why);

	assert(ucs2_to_utf8(data, size, out, UCS2_TO_UTF8_MAX(size), &n) == 0);
	assert(utf8_check(out, n, NULL) == 0);
	assert(latin1_to_utf8(data, size, out, LATIN1_TO_UTF8_MAX(size), &n) == 0);
	assert(utf8_check(out, n, NULL) == 0);
	assert(gsm7_decode(data, size, shift, out, GSM7_UTF8_MAX(size), &n) == 0);
	assert(utf8_check(out, n, NULL) == 0);
	assert(gsm7_decode(data, size, (struct gsm7_shift){0, 0}, out, GSM7_UTF8_MAX(size), &n) == 0);
	assert(utf8_check(out, n, NULL) == 0);
	for (size_t i = 0; i < sizeof(countries) / sizeof(countries[0]); i++)
		is_a_number_or_not(s, size, countries[i]);
	free(wide);
	free(out);
	return 0;
}
