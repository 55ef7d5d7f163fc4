/* SPDX-License-Identifier: Apache-2.0 */
/* text_probe.c -- the text layer behind a pipe, so that programs of others can be asked the same.
 *
 *     text_probe plan | plan-whole | encode | decode
 *
 * One text a line in hexadecimal; one line of answer each:
 *
 *     plan         UTF-8 in; "gsm7" or "ucs2", then the units of each part, cut without regard to grapheme clusters
 *     plan-whole   the same, clusters kept whole where that costs nothing
 *     encode       UTF-8 in; septets of the default alphabet, one an octet, or "-" when it lacks a character
 *     decode       septets in, UTF-8 out
 *
 * What is no valid input is answered with "?". */
#include "codec/gsm7.h"
#include "codec/segment.h"
#include "codec/unicode.h"
#include "codec/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OCTETS_MAX 65536

static uint8_t in[OCTETS_MAX];

static int from_hex(const char *line, size_t n, size_t *ret_n)
{
	if (n % 2 || n / 2 > sizeof(in))
		return -EINVAL;
	for (size_t i = 0; i < n; i += 2) {
		char pair[3] = {line[i], line[i + 1], '\0'}, *end;

		in[i / 2] = (uint8_t)strtoul(pair, &end, 16);
		if (*end)
			return -EINVAL;
	}
	*ret_n = n / 2;
	return 0;
}

static void put_hex(const void *octets, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("%02x", ((const uint8_t *)octets)[i]);
	putchar('\n');
}

static void plan(size_t n, struct unicode *unicode)
{
	struct segment_opts o = {.unicode = unicode};
	struct segment_plan p;
	size_t bad_at;

	if (utf8_check((const char *)in, n, NULL) < 0 || segment_plan((const char *)in, n, &o, &p, &bad_at) < 0) {
		puts("?");
		return;
	}
	fputs(p.encoding == ENC_GSM7 ? "gsm7" : "ucs2", stdout);
	for (unsigned i = 0; i < p.n_parts; i++)
		printf(" %u", p.units[i]);
	putchar('\n');
}

static void encode(size_t n)
{
	static uint8_t septets[2 * OCTETS_MAX];
	const char *text = (const char *)in;
	size_t at = 0;

	if (utf8_check(text, n, NULL) < 0) {
		puts("?");
		return;
	}
	for (size_t i = 0; i < n;) {
		uint32_t cp;
		int code;

		i += utf8_next(text + i, n - i, &cp);
		code = gsm7_encode(cp);
		if (code < 0) {
			puts("-");
			return;
		}
		if (code > 0x7f)
			septets[at++] = GSM7_ESC;
		septets[at++] = (uint8_t)(code & 0x7f);
	}
	put_hex(septets, at);
}

static void decode(size_t n)
{
	static char text[GSM7_UTF8_MAX(OCTETS_MAX)];
	size_t len;

	if (gsm7_decode(in, n, (struct gsm7_shift){0, 0}, text, sizeof(text), &len) < 0)
		puts("?");
	else
		put_hex(text, len);
}

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";
	struct unicode *unicode = NULL;
	char *line = NULL;
	size_t cap = 0, n;

	if (strcmp(what, "plan-whole") == 0 && !(unicode = unicode_new()))
		return 1;
	while (getline(&line, &cap, stdin) >= 0) {
		if (from_hex(line, strcspn(line, "\n"), &n) < 0)
			puts("?");
		else if (strcmp(what, "encode") == 0)
			encode(n);
		else if (strcmp(what, "decode") == 0)
			decode(n);
		else if (strncmp(what, "plan", 4) == 0)
			plan(n, unicode);
		else
			break;
	}
	free(line);
	unicode_free(unicode);
	return !feof(stdin);
}
