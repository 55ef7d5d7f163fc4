/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_gsm7.c -- any octets as packed septets, in any language and behind any header.
 *
 * The first octet is the fill bits and the two next ones the tables, known or not.  Promises held: packing what was
 * unpacked gives the same bits; any septets decode to sound UTF-8 in the room that is promised; and what a character
 * is encoded as decodes to it again. */
#include "codec/gsm7.h"
#include "codec/utf8.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void pack_again(const uint8_t *septets, size_t n, unsigned fill, const uint8_t *octets, size_t n_octets)
{
	size_t n_again, n_bits = n * 7 + fill, cap = (n_bits + 7) / 8;
	uint8_t *again = malloc(cap + 1);

	assert(gsm7_pack(septets, n, fill, again, cap, &n_again) == 0);
	assert(n_again == cap && n_again <= n_octets);
	for (size_t bit = fill; bit < n_bits; bit++)
		assert((again[bit / 8] >> bit % 8 & 1) == (octets[bit / 8] >> bit % 8 & 1));
	for (size_t bit = 0; bit < fill; bit++)
		assert((again[0] >> bit & 1) == 0);
	if (cap)
		assert(gsm7_pack(septets, n, fill, again, cap - 1, &n_again) == -ENOBUFS);
	free(again);
}

static void encode_again(const char *text, size_t n, struct gsm7_shift shift)
{
	char one[4];
	uint8_t septets[2];
	size_t n_one, len;

	for (size_t i = 0; i < n; i += len) {
		uint32_t cp;
		int code;

		len = utf8_next(text + i, n - i, &cp);
		code = gsm7_encode_shift(cp, shift);
		if (code < 0)
			continue; /* the blank of an unassigned cell in a table that has none */
		septets[0] = GSM7_ESC;
		septets[code > 0x7f] = (uint8_t)(code & 0x7f);
		assert(gsm7_decode(septets, code > 0x7f ? 2 : 1, shift, one, sizeof(one), &n_one) == 0);
		assert(n_one == len && memcmp(one, text + i, len) == 0);
		if (shift.locking == 0 && shift.single == 0)
			assert(gsm7_encode(cp) == code && gsm7_cost(cp) == (code > 0x7f ? 2 : 1));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gsm7_shift shift, known;
	unsigned fill;
	size_t n, n_text;
	uint8_t *septets;
	char *text;

	if (size < 3 || size > 4096)
		return 0;
	fill = data[0] % 7;
	shift = (struct gsm7_shift){ .locking = data[1], .single = data[2] };
	known.locking = shift.locking < GSM7_LANGUAGES ? shift.locking : 0;
	known.single = shift.single < GSM7_LANGUAGES ? shift.single : 0;
	data += 3;
	size -= 3;
	n = size * 8 < fill ? 0 : (size * 8 - fill) / 7;
	septets = malloc(n + 1);
	assert(gsm7_unpack(data, size, fill, septets, n + 1) == -EBADMSG);
	if (size * 8 >= fill)
		assert(gsm7_unpack(data, size, fill, septets, n) == 0);
	if (n)
		pack_again(septets, n, fill, data, size);
	text = malloc(GSM7_UTF8_MAX(n) + 1);
	assert(gsm7_decode(septets, n, shift, text, GSM7_UTF8_MAX(n), &n_text) == 0);
	assert(utf8_check(text, n_text, NULL) == 0);
	encode_again(text, n_text, known);
	/* Unpacked, as SMPP carries it; bit 7 is ignored. */
	text = realloc(text, GSM7_UTF8_MAX(size) + 1);
	assert(gsm7_decode(data, size, shift, text, GSM7_UTF8_MAX(size), &n_text) == 0);
	assert(utf8_check(text, n_text, NULL) == 0);
	free(text);
	free(septets);
	return 0;
}
