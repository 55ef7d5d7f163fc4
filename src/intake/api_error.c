/* SPDX-License-Identifier: Apache-2.0 */
/* api_error.c -- the table of api_error.h as data, and the making of one fault.
 *
 * A fault's text may quote what a client sent.  It is cut at a character, never inside one: the answer is JSON and must
 * stay valid UTF-8.
 */
#include "intake/api_error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int status;
	const char *help;
} codes[API_CODE_N] = {
#define API_ERROR_ROW(sym, name, status, help) [API_##sym] = { name, status, help },
	API_ERRORS(API_ERROR_ROW)
#undef API_ERROR_ROW
};

const char *api_code_name(enum api_code c)
{
	return codes[c].name;
}

int api_code_status(enum api_code c)
{
	return codes[c].status;
}

const char *api_code_help(enum api_code c)
{
	return codes[c].help;
}

/* Drop the octets of a character that the end of the buffer has cut. */
static void trim_utf8(char *s, size_t n)
{
	size_t lead = n;
	unsigned want;

	while (lead > 0 && n - lead < 4 && ((unsigned char)s[lead - 1] & 0xc0) == 0x80)
		lead--;
	if (lead == 0)
		return;
	lead--;
	want = (unsigned char)s[lead] < 0x80 ? 1 : (unsigned char)s[lead] < 0xe0 ? 2 : (unsigned char)s[lead] < 0xf0 ? 3 : 4;
	if (n - lead < want)
		s[lead] = '\0';
}

int api_fault_set(struct api_fault *f, enum api_code code, const char *field, const char *fmt, ...)
{
	va_list ap;
	int n;

	f->code = code;
	n = snprintf(f->field, sizeof(f->field), "%s", field ? field : "");
	if (n >= (int)sizeof(f->field))
		trim_utf8(f->field, sizeof(f->field) - 1);
	va_start(ap, fmt);
	n = vsnprintf(f->message, sizeof(f->message), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(f->message))
		trim_utf8(f->message, sizeof(f->message) - 1);
	return -EINVAL;
}
