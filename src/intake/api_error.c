/* SPDX-License-Identifier: Apache-2.0 */
/* api_error.c -- the table of api_error.h as data, and the making of one fault.
 *
 * A fault's text may quote what a client sent.  It is cut at a character, never inside one: the answer is
 * JSON and must stay valid UTF-8.
 */
#include "intake/api_error.h"

#include "codec/utf8.h"
#include "intake/json_out.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int status;
	const char *help;
} codes[API_CODE_N] = {
#define API_ERROR_ROW(sym, name, status, help) [API_##sym] = {name, status, help},
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

/* Take out what a precision or the end of the buffer has left of a character. */
static void mend_utf8(char *s)
{
	size_t n = strlen(s), bad_at;

	while (utf8_check(s, n, &bad_at) < 0) {
		memmove(s + bad_at, s + bad_at + 1, n - bad_at);
		n--;
	}
}

int api_fault_set(struct api_fault *f, enum api_code code, const char *field, const char *fmt, ...)
{
	va_list ap;

	f->code = code;
	snprintf(f->field, sizeof(f->field), "%s", field ? field : "");
	mend_utf8(f->field);
	va_start(ap, fmt);
	vsnprintf(f->message, sizeof(f->message), fmt, ap);
	va_end(ap);
	mend_utf8(f->message);
	return -EINVAL;
}

void api_fault_out(struct json_out *o, const struct api_fault *f)
{
	json_out_key(o, "error");
	json_out_open(o, '{');
	json_out_kstr(o, "code", api_code_name(f->code));
	json_out_kstr(o, "message", f->message);
	if (f->field[0])
		json_out_kstr(o, "field", f->field);
	json_out_close(o, '}');
}
