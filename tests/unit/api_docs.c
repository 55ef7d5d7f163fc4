/* SPDX-License-Identifier: Apache-2.0 */
/* api_docs.c -- the manual page lists every error code, and the OpenAPI file every call, with nothing beside.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "intake/api_error.h"
#include "intake/api_route.h"

static char *read_file(const char *name)
{
	const char *dir = getenv("srcdir");
	char path[4096], *text = calloc(1, 1 << 18);
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir ? dir : ".", name);
	f = fopen(path, "r");
	if (!f)
		fail_msg("%s: cannot be opened", path);
	assert_true(fread(text, 1, (1 << 18) - 1, f) > 0);
	fclose(f);
	return text;
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

static void the_manual_page_lists_every_code_once(void **state)
{
	char *text = read_file("man/posthorn-api.7"), *errors = strstr(text, ".SH ERRORS"), *end;
	char line[80];

	assert_non_null(errors);
	end = strstr(errors, ".SH EXAMPLE");
	assert_non_null(end);
	*end = '\0';
	for (unsigned i = 0; i < API_CODE_N; i++) {
		snprintf(line, sizeof(line), "\n.TP\n.B %s\n", api_code_name(i));
		if (count(errors, line) != 1)
			fail_msg("%s stands %u times", api_code_name(i), count(errors, line));
	}
	assert_int_equal(count(errors, "\n.TP\n"), API_CODE_N);
	free(text);
}

/* "v1/messages/STAR/events" as the file has it: every parameter becomes "{". */
static void path_start(const char *path, char line[120])
{
	size_t n = 0;

	n += (size_t)sprintf(line, "\n  /");
	for (; *path && *path != '*'; path++)
		line[n++] = *path;
	line[n++] = *path == '*' ? '{' : ':';
	line[n] = '\0';
}

static void the_openapi_file_has_every_call(void **state)
{
	char *text = read_file("docs/openapi.yaml"), line[120];
	unsigned n = 0;

	for (const struct api_route *r; (r = api_route_at(n)); n++) {
		path_start(r->path, line);
		if (!strstr(text, line))
			fail_msg("%s is not described", r->path);
		for (unsigned i = 0; i < API_ROUTE_PARAMS && r->query[i]; i++) {
			snprintf(line, sizeof(line), "name: %s", r->query[i]);
			if (!strstr(text, line))
				fail_msg("parameter %s of %s is not described", r->query[i], r->path);
		}
	}
	assert_int_equal(count(text, "\n      operationId: "), n);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_manual_page_lists_every_code_once),
		cmocka_unit_test(the_openapi_file_has_every_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
