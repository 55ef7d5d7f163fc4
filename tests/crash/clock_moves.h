/* SPDX-License-Identifier: Apache-2.0
 *
 * clock_moves.h -- a real-time clock that somebody sets, for one process: its own and that of all libraries in it.
 *
 * Like memory_fails.h: the program's clock_gettime(), gettimeofday() and time() go before those of the C library.  The
 * monotonic clock is left alone, as it is when a clock is set.
 */
#ifndef CRASH_CLOCK_MOVES_H
#define CRASH_CLOCK_MOVES_H

/* So many seconds away from the true time, from now on. */
void clock_move(long seconds);

#endif
