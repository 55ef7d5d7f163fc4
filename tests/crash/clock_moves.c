/* SPDX-License-Identifier: Apache-2.0
 *
 * clock_moves.c -- see clock_moves.h.
 */
#include "clock_moves.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/time.h>
#include <time.h>

static atomic_long away;

void clock_move(long seconds)
{
	atomic_store(&away, seconds);
}

int clock_gettime(clockid_t id, struct timespec *ret)
{
	static int (*next)(clockid_t id, struct timespec *ret);
	int r;

	if (!next)
		next = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	r = next(id, ret);
	if (r == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		ret->tv_sec += atomic_load(&away);
	return r;
}

int gettimeofday(struct timeval *ret, void *zone)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	*ret = (struct timeval){ .tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000 };
	return 0;
}

time_t time(time_t *ret)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}
