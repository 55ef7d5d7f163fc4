/* SPDX-License-Identifier: Apache-2.0 */
/* webhook_curl.c -- libcurl, with a little memory in reserve.
 *
 * It answers most of what it cannot have with an error, but not all: version 7.88 divides by the size of a table that
 * was not made.  So what it asks for in vain it gets from memory that is kept for that, and kept again as soon as there
 * is some.  By then others have been refused, and less is asked for.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "report/webhook.h"

#define RESERVE (64u << 10)

static _Atomic(void *) reserve;

/* Of any thread, as names are looked up on one. */
static void keep_reserve(void)
{
	void *p = atomic_load(&reserve) ? NULL : malloc(RESERVE), *none = NULL;

	if (p && !atomic_compare_exchange_strong(&reserve, &none, p))
		free(p);
}

static void spend_reserve(void)
{
	free(atomic_exchange(&reserve, NULL));
}

static void *more(size_t n)
{
	void *p = malloc(n);

	if (p) {
		keep_reserve();
		return p;
	}
	spend_reserve();
	return malloc(n);
}

static void *zeroed(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (p)
		return p;
	spend_reserve();
	return calloc(n, size);
}

static void *larger(void *old, size_t n)
{
	void *p = realloc(old, n);

	if (p || !n)
		return p;
	spend_reserve();
	return realloc(old, n);
}

static char *copy(const char *text)
{
	size_t n = strlen(text) + 1;
	char *p = more(n);

	return p ? memcpy(p, text, n) : NULL;
}

int webhook_curl_start(void)
{
	keep_reserve();
	return curl_global_init_mem(CURL_GLOBAL_DEFAULT, more, free, larger, copy, zeroed) == CURLE_OK ? 0 : -ENOMEM;
}

void webhook_curl_stop(void)
{
	curl_global_cleanup();
	spend_reserve();
}
