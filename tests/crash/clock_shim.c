/* SPDX-License-Identifier: Apache-2.0
 *
 * clock_shim.c -- a gateway whose wall clock a test moves.
 *
 * posthornd-clock is posthornd linked with --wrap=clock_ms: to what the system says it adds the milliseconds that
 * stand, as one number of eight octets, in the file that POSTHORN_CLOCK names.  The test maps the file and writes
 * there; each read of the clock sees it at once, in every thread.  Timers and rates go by the monotonic clock and are
 * left alone, as with a clock that is set.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int64_t __real_clock_ms(void);
int64_t __wrap_clock_ms(void);

static _Atomic int64_t *offset;

__attribute__((constructor)) static void map_offset(void)
{
	const char *path = getenv("POSTHORN_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*offset), PROT_READ, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED) {
		fprintf(stderr, "posthornd-clock: POSTHORN_CLOCK must name a file of eight octets\n");
		_exit(1);
	}
	close(fd);
	offset = at;
}

int64_t __wrap_clock_ms(void)
{
	return __real_clock_ms() + atomic_load_explicit(offset, memory_order_relaxed);
}
