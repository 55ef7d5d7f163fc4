/* SPDX-License-Identifier: Apache-2.0
 *
 * memory_fails.h -- allocations that fail when a test says so, those of all libraries too.
 *
 * A program that links memory_fails.c has malloc() and its kin of its own, and so have all shared libraries in it: a
 * symbol of the program goes before one of the C library.  They hand on to the next ones, which are the C library's or
 * those of AddressSanitizer.
 *
 * The environment may arm it before main(), and then the number of allocations until the gateway was ready is told:
 *
 *     POSTHORN_MEMORY="FIRST EVERY"           as below
 *     POSTHORN_MEMORY_READY="FIRST EVERY"     … from then on
 */
#ifndef CRASH_MEMORY_FAILS_H
#define CRASH_MEMORY_FAILS_H

/* The `first`-th allocation from now on fails (0: none does, from now on), and after it one in `every`, by chance;
 * 0: no other; 1: each. */
void memory_fail(unsigned first, unsigned every);

#endif
