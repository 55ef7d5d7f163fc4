/* SPDX-License-Identifier: Apache-2.0 */
/* virtual_timer.h -- libuv's timers by a clock that the test moves.
 *
 * Link with VIRTUAL_TIMER_WRAP; then uv_now() and all timers of the program follow virtual_advance(), no loop runs and
 * no time passes.  Handles that are closed end in virtual_advance() too, also in virtual_advance(0). */
#ifndef TESTS_VIRTUAL_TIMER_H
#define TESTS_VIRTUAL_TIMER_H

#include <stdbool.h>
#include <stdint.h>

/* Let so many milliseconds pass; what is due meanwhile is called in its order. */
void virtual_advance(uint64_t ms);
/* Up to the next timer; false: none runs. */
bool virtual_next(void);

#endif
