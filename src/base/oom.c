/* SPDX-License-Identifier: Apache-2.0 */
/* oom.c -- see oom.h. */
#include "base/oom.h"

#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "base/log.h"

void oom_end(const char *what)
{
	log_error("out_of_memory", "for=%s", what);
	_exit(EXIT_FAILURE);
}

/* ---- libraries that crash ---- */

static const int faults[] = { SIGSEGV, SIGBUS, SIGABRT };
#define N_FAULTS (sizeof(faults) / sizeof(faults[0]))

static sigjmp_buf way_out;
static pthread_t guarded;

static void on_fault(int number)
{
	if (pthread_equal(pthread_self(), guarded))
		siglongjmp(way_out, 1);
	signal(number, SIG_DFL);
	raise(number);
}

int oom_guard(void (*work)(void *arg), void *arg)
{
	struct sigaction act = { .sa_handler = on_fault }, before[N_FAULTS];
	locale_t locale = uselocale((locale_t)0); /* libconfig has one of its own meanwhile */
	int r = 0;

	guarded = pthread_self();
	for (size_t i = 0; i < N_FAULTS; i++)
		sigaction(faults[i], &act, &before[i]);
	if (sigsetjmp(way_out, 1) == 0) {
		work(arg);
	} else {
		uselocale(locale);
		r = -ENOMEM;
	}
	for (size_t i = 0; i < N_FAULTS; i++)
		sigaction(faults[i], &before[i], NULL);
	return r;
}

static const char *needed;

static void on_need(int number)
{
	oom_end(needed);
}

void oom_must(void (*work)(void *arg), void *arg, const char *what)
{
	struct sigaction act = { .sa_handler = on_need }, before;

	needed = what;
	sigaction(SIGABRT, &act, &before);
	work(arg);
	sigaction(SIGABRT, &before, NULL);
}

/* ---- libuv ---- */

/* Of its calls only that for the table of what is watched grows a thing; without it libuv would call abort(). */
static void *grow(void *p, size_t n)
{
	void *q = realloc(p, n);

	if (!q && n)
		oom_end("the table of open files");
	return q;
}

void oom_guard_uv(void)
{
	uv_replace_allocator(malloc, grow, calloc, free);
}
