/* SPDX-License-Identifier: Apache-2.0 */
/* trim.h -- memory that is free goes back to the system when the process rests.
 *
 * malloc() keeps what was freed between two blocks that are in use, and the threads that parse, write and post have
 * each a heap of their own: after a million rows that is as much as what waits needs.  Giving it back takes some 5 ms
 * and holds the locks of those heaps, so it is done by a thread of libuv's pool and in a quiet second only.
 */
#ifndef BASE_TRIM_H
#define BASE_TRIM_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct trim {
	uv_timer_t timer;
	uv_work_t work;
	bool at_work;
	int64_t last_us, trimmed_us; /* of processor: at the last tick, and when memory was given back last */
};

/* From now on, as long as the loop runs; keeps it from ending no longer than a trim takes.  Where the C library cannot
 * give memory back it does nothing. */
void trim_start(struct trim *t, uv_loop_t *loop);

#endif
