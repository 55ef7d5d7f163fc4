/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_conf.c -- any text as a configuration.
 *
 * Promises held: a refusal has a message of one line and leaves nothing; what is taken equals itself when
 * read again, and every change from the defaults can be told.  Includes and secrets from files are left out:
 * a fuzzer must not open what it makes up.
 */
#include "base/conf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);
const char *__lsan_default_options(void);

/* libconfig 1.5 forgets what it had of a string when the file ends inside it: some octets per refused file,
 * which we cannot reach.  Leaks of our own are still reported. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig\n";
}

const char *__lsan_default_options(void)
{
	return "print_suppressions=0";
}

static void count(void *arg, const struct conf_change *change)
{
	assert(change->text[0] != '\0' && strchr(change->text, '\n') == NULL);
	(*(size_t *)arg)++;
}

static void compare(const char *text, const struct conf *c)
{
	struct conf *again = NULL, *empty = NULL;
	char err[256];
	size_t n = 0;
	int r;

	r = conf_load_string(text, "f", &again, err, sizeof(err));
	assert(r == 0);
	assert(conf_diff(c, again, count, &n) == 0 && n == 0);
	r = conf_load_string("", "f", &empty, err, sizeof(err));
	assert(r == 0);
	assert(conf_diff(empty, c, count, &n) == n);
	conf_free(again);
	conf_free(empty);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf *c = NULL;
	char err[256] = "";
	char *text = malloc(size + 1);
	int r;

	assert(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	if (strstr(text, "@include") == NULL && strstr(text, "_file") == NULL) {
		r = conf_load_string(text, "f", &c, err, sizeof(err));
		if (r == 0) {
			compare(text, c);
			conf_free(c);
		} else {
			assert(c == NULL && err[0] != '\0' && strchr(err, '\n') == NULL);
		}
	}
	free(text);
	return 0;
}
