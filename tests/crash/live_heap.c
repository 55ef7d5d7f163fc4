/* SPDX-License-Identifier: Apache-2.0
 *
 * live_heap.c -- a gateway that tells how many octets of its heap are in use.
 *
 * What a process has resident is more than what it holds: an allocator keeps what was freed, the sanitizer's for good.
 * posthornd-heap is posthornd with a thread that writes what is allocated and not freed, as one number of eight octets,
 * into the file that POSTHORN_HEAP names, ten times a second.  Without a sanitizer nothing is written: glibc can tell
 * of its first arena only.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static _Atomic uint64_t *in_use;

static void *watch(void *arg)
{
	for (;; usleep(100000))
		atomic_store_explicit(in_use, __sanitizer_get_current_allocated_bytes(), memory_order_relaxed);
	return arg;
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("POSTHORN_HEAP");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*in_use), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	pthread_t thread;

	if (at == MAP_FAILED) {
		fprintf(stderr, "posthornd-heap: POSTHORN_HEAP must name a file of eight octets\n");
		_exit(1);
	}
	close(fd);
	in_use = at;
	if (__sanitizer_get_current_allocated_bytes)
		pthread_create(&thread, NULL, watch, NULL);
}
