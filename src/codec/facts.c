/* SPDX-License-Identifier: Apache-2.0 */
/* facts.c -- see facts.h. */
#include "codec/facts.h"

#include <string.h>

#define ESM_UDH 0x40 /* SMPP 3.4, 5.2.12 */

static void add_language(struct facts *f, uint8_t id)
{
	const char *name = gsm7_language_name(id);

	if (name && (f->n_languages == 0 || strcmp(f->languages[0], name) != 0))
		f->languages[f->n_languages++] = name;
}

static void read_header(struct facts *f, const uint8_t *raw, size_t n)
{
	struct gsm7_shift shift = { 0, 0 };

	if (udh_check(raw, n, &f->n_udh) < 0) {
		f->n_udh = 0;
		f->malformed = true;
		return;
	}
	f->has_ports = udh_find_ports(raw, n, &f->ports) > 0;
	if (f->coding.alphabet != CODING_GSM7 && f->coding.alphabet != CODING_DEFAULT)
		return; /* the elements mean nothing there: 3GPP TS 23.040, 9.2.3.24.15 */
	udh_find_shift(raw, n, &shift);
	add_language(f, shift.locking);
	add_language(f, shift.single);
}

void facts_read(uint8_t data_coding, uint8_t esm_class, const uint8_t *raw, size_t n_raw, const char *text,
	struct facts *ret)
{
	/* 3GPP TS 23.038, 4, group 1100 */
	static const char *const kinds[] = { "voicemail", "fax", "email", "other" };

	*ret = (struct facts){ .n_udh = 0 };
	data_coding_read(data_coding, &ret->coding);
	ret->encoding = data_coding_name(ret->coding.alphabet);
	ret->binary = ret->coding.alphabet == CODING_OCTETS;
	if (ret->coding.waiting != DCS_WAITING_NONE)
		ret->waiting = kinds[ret->coding.waiting_kind & 3];
	if (esm_class & ESM_UDH)
		read_header(ret, raw, n_raw);
	if (text && strstr(text, "\xef\xbf\xbd"))
		ret->malformed = true;
}

static unsigned digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

void facts_read_hex(uint8_t data_coding, uint8_t esm_class, const char *raw_hex, const char *text, struct facts *ret)
{
	uint8_t raw[FACTS_HEADER_MAX];
	size_t n = 0;

	for (; n < sizeof(raw) && raw_hex[2 * n] && raw_hex[2 * n + 1]; n++)
		raw[n] = (uint8_t)(digit(raw_hex[2 * n]) << 4 | digit(raw_hex[2 * n + 1]));
	facts_read(data_coding, esm_class, raw, n, text, ret);
}
