/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_text.c -- any octets as the text of a message, received in every alphabet and sent again.
 *
 * Input: one octet for data_coding, one for esm_class, then the octets.  Promises held of what is received: sound UTF-8
 * without a NUL comes out, within its room; the facts lie inside the octets, and are the same from hexadecimal digits.
 * Of what is sent: septets packed behind any header are read back as they were, but for the filling that no receiver
 * can tell from a last `@` or CR, and a part never exceeds what a TP-UD holds. */
#include "codec/facts.h"
#include "codec/utf8.h"
#include "smpp/text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ESM_UDH 0x40
#define OCTETS_MAX 4096

static struct text_in in;

static size_t read_text(enum conf_alphabet a, uint8_t dc, const uint8_t *s, size_t n, size_t n_udh,
	struct gsm7_shift shift, char **ret)
{
	size_t cap = TEXT_UTF8_MAX(n), n_dst;

	*ret = malloc(cap);
	in.alphabet = a;
	n_dst = text_decode(&in, dc, s, n, n_udh, shift, *ret, cap);
	assert(n_dst <= cap && utf8_check(*ret, n_dst, NULL) == 0 && !memchr(*ret, 0, n_dst));
	return n_dst;
}

static void check_facts(uint8_t dc, uint8_t esm_class, const uint8_t *s, size_t n)
{
	char *hex = malloc(2 * n + 1);
	struct facts f, g;

	hex[0] = '\0';
	for (size_t i = 0; i < n; i++)
		sprintf(hex + 2 * i, "%02x", s[i]);
	facts_read(dc, esm_class, s, n, NULL, &f);
	facts_read_hex(dc, esm_class, hex, NULL, &g);
	free(hex);
	assert(f.encoding == g.encoding && f.n_udh == g.n_udh && f.malformed == g.malformed && f.binary == g.binary);
	assert(f.n_languages == g.n_languages && f.has_ports == g.has_ports && f.waiting == g.waiting);
	assert(f.n_udh <= n && f.n_udh <= FACTS_HEADER_MAX && f.n_languages <= FACTS_LANGUAGES);
	assert(f.n_udh == 0 || (esm_class & ESM_UDH));
}

/* The input as septets of one part, behind a header of `n_udh` octets. */
static void pack_and_read(const uint8_t *s, size_t n, uint8_t n_udh, struct gsm7_shift shift)
{
	const struct text_out out = { CONF_ALPHABET_GSM7_PACKED, CONF_FLASH_CLASS_BIT, { -1, -1, -1 } };
	unsigned room = SEGMENT_MAX_OCTETS * 8 / 7 - gsm7_header_septets(n_udh);
	struct segment_wire w = { .n_udh = n_udh };
	uint8_t buf[TEXT_PART_MAX], n_sent, dc;
	const uint8_t *sent;
	char *before, *after;
	size_t n_before, n_after;

	w.n_text = (uint8_t)(n < room ? n : room);
	for (unsigned i = 0; i < w.n_text; i++)
		w.text[i] = s[i] & 0x7f;
	assert(text_part(&out, ENC_GSM7, false, &w, buf, &sent, &n_sent, &dc) == 0);
	assert(n_udh + n_sent <= (int)SEGMENT_MAX_OCTETS);
	/* Of a full last octet, `@` or CR is filling. */
	if (w.n_text && (gsm7_fill_bits(n_udh) + 7u * w.n_text) % 8 == 0 &&
		(w.text[w.n_text - 1] == 0 || w.text[w.n_text - 1] == 0x0d))
		w.n_text--;
	n_before = read_text(CONF_ALPHABET_GSM7_UNPACKED, dc, w.text, w.n_text, 0, shift, &before);
	n_after = read_text(CONF_ALPHABET_GSM7_PACKED, dc, sent, n_sent, n_udh, shift, &after);
	assert(n_before == n_after && memcmp(before, after, n_after) == 0);
	free(before);
	free(after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gsm7_shift shift = { 0, 0 };
	uint8_t dc, esm_class, *copy;
	size_t n, n_udh = 0;
	char *text;

	if (size < 2 || size > OCTETS_MAX)
		return 0;
	if (!in.charsets)
		in.charsets = charsets_new();
	dc = data[0];
	esm_class = data[1];
	n = size - 2;
	copy = malloc(n ? n : 1); /* of its own size, so that reading past it is seen */
	memcpy(copy, data + 2, n);
	check_facts(dc, esm_class, copy, n);
	if ((esm_class & ESM_UDH) && udh_check(copy, n, &n_udh) == 0)
		udh_find_shift(copy, n, &shift);
	for (int a = CONF_ALPHABET_GSM7_UNPACKED; a <= CONF_ALPHABET_ASCII; a++) {
		read_text((enum conf_alphabet)a, dc, copy + n_udh, n - n_udh, n_udh, shift, &text);
		free(text);
	}
	if (n_udh < SEGMENT_MAX_OCTETS)
		pack_and_read(copy + n_udh, n - n_udh, (uint8_t)n_udh, shift);
	free(copy);
	return 0;
}
