/* SPDX-License-Identifier: Apache-2.0 */
/* slow_sync.c -- a disk that is slow to say that it has the octets: loaded before a program (LD_PRELOAD), each fsync()
 * and fdatasync() of it takes POSTHORN_SYNC_MS milliseconds more. */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static void rest(void)
{
	const char *text = getenv("POSTHORN_SYNC_MS");
	long ms = text ? strtol(text, NULL, 10) : 0;

	nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

int fdatasync(int fd)
{
	static int (*real)(int);

	if (!real)
		real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
	rest();
	return real(fd);
}

int fsync(int fd)
{
	static int (*real)(int);

	if (!real)
		real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
	rest();
	return real(fd);
}
