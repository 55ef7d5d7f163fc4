/* SPDX-License-Identifier: Apache-2.0
 *
 * memory_fails.c -- see memory_fails.h.
 */
#include "memory_fails.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_uint left, every_nth;
static atomic_ulong n_asked, n_failed;

void memory_fail(unsigned first, unsigned every)
{
	atomic_store(&every_nth, every);
	atomic_store(&left, first);
}

/* xorshift: random() takes a lock, and who holds it may be who asks for memory. */
static unsigned some(unsigned most)
{
	static atomic_uint state = 2463534242;
	unsigned x = atomic_load(&state);

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	atomic_store(&state, x);
	return 1 + x % most;
}

static bool is_out(void)
{
	unsigned every;

	atomic_fetch_add(&n_asked, 1);
	if (!atomic_load(&left) || atomic_fetch_sub(&left, 1) != 1)
		return false;
	every = atomic_load(&every_nth);
	atomic_store(&left, every > 1 ? some(2 * every) : every);
	atomic_fetch_add(&n_failed, 1);
	errno = ENOMEM;
	return true;
}

/* ---- the functions --------------------------------------------------------------------------------------- */

/* dlsym() asks for no memory, as far as nothing goes wrong in it. */
#define NEXT(name) \
	static __typeof__(&name) next; \
	if (!next) \
		next = (__typeof__(next))dlsym(RTLD_NEXT, #name)

void *malloc(size_t n)
{
	NEXT(malloc);
	return is_out() ? NULL : next(n);
}

void *calloc(size_t n, size_t size)
{
	NEXT(calloc);
	return is_out() ? NULL : next(n, size);
}

void *realloc(void *p, size_t n)
{
	NEXT(realloc);
	return n && is_out() ? NULL : next(p, n); /* to nothing: a free() */
}

void *reallocarray(void *p, size_t n, size_t size)
{
	NEXT(reallocarray);
	return n && size && is_out() ? NULL : next(p, n, size);
}

int posix_memalign(void **ret, size_t to, size_t n)
{
	NEXT(posix_memalign);
	return is_out() ? ENOMEM : next(ret, to, n);
}

void *aligned_alloc(size_t to, size_t n)
{
	NEXT(aligned_alloc);
	return is_out() ? NULL : next(to, n);
}

/* ---- by the environment ---------------------------------------------------------------------------------- */

static void arm(const char *variable)
{
	const char *order = getenv(variable);
	unsigned first, every;

	if (order && sscanf(order, "%u %u", &first, &every) == 2)
		memory_fail(first, every);
}

__attribute__((constructor)) static void begin(void)
{
	atomic_store(&n_asked, 0);
	arm("POSTHORN_MEMORY");
}

void __real_notify_systemd(const char *state);
void __wrap_notify_systemd(const char *state);

/* main() tells whoever started it. */
void __wrap_notify_systemd(const char *state)
{
	if (!strncmp(state, "READY", 5)) {
		arm("POSTHORN_MEMORY_READY");
		dprintf(STDERR_FILENO, "memory: %lu asked for, %lu refused\n", atomic_load(&n_asked), atomic_load(&n_failed));
	}
	__real_notify_systemd(state);
}
