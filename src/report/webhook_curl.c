/* SPDX-License-Identifier: Apache-2.0 */
/* webhook_curl.c -- libcurl, with a little memory in reserve.
 *
 * It answers most of what it cannot have with an error, but not all: version 7.88 divides by the size of a table that
 * was not made.  So what it asks for in vain it gets from memory that is kept for that, and kept again as soon as there
 * is some.  By then others have been refused, and less is asked for.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "report/webhook.h"

#define RESERVES 4 /* what one gives back, another thread may be the one to get */
#define RESERVE  (32u << 10)

static _Atomic(void *) reserve[RESERVES];

/* One of them.  Of any thread, as names are looked up on one. */
static void keep_reserve(void)
{
	for (unsigned i = 0; i < RESERVES; i++) {
		void *p = atomic_load(&reserve[i]) ? NULL : malloc(RESERVE), *none = NULL;

		if (p && !atomic_compare_exchange_strong(&reserve[i], &none, p))
			free(p);
		if (p)
			return;
	}
}

/* False: there is none. */
static bool spend_reserve(void)
{
	void *p = NULL;

	for (unsigned i = 0; !p && i < RESERVES; i++)
		p = atomic_exchange(&reserve[i], NULL);
	free(p);
	return p;
}

static void *more(size_t n)
{
	void *p = malloc(n);

	if (p) {
		keep_reserve();
		return p;
	}
	while (!p && spend_reserve())
		p = malloc(n);
	return p;
}

static void *zeroed(size_t n, size_t size)
{
	void *p = calloc(n, size);

	while (!p && spend_reserve())
		p = calloc(n, size);
	return p;
}

static void *larger(void *old, size_t n)
{
	void *p = realloc(old, n);

	while (!p && n && spend_reserve())
		p = realloc(old, n);
	return p;
}

static char *copy(const char *text)
{
	size_t n = strlen(text) + 1;
	char *p = more(n);

	return p ? memcpy(p, text, n) : NULL;
}

int webhook_curl_start(void)
{
	for (unsigned i = 0; i < RESERVES; i++)
		keep_reserve();
	return curl_global_init_mem(CURL_GLOBAL_DEFAULT, more, free, larger, copy, zeroed) == CURLE_OK ? 0 : -ENOMEM;
}

void webhook_curl_stop(void)
{
	curl_global_cleanup();
	while (spend_reserve())
		;
}
