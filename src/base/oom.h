/* SPDX-License-Identifier: Apache-2.0 */
/* oom.h -- where want of memory has no error to return.
 *
 * Everywhere else an allocation that fails is an answer: -ENOMEM, a request refused, a part tried later.  Left are a
 * few octets without which nothing could be promised any more, and libraries that do not look at what malloc() gave
 * them (libconfig) or call abort() (libuv).  Then the process ends with a line that says so and status 1, as after a
 * kill -9: nothing acknowledged is lost.
 */
#ifndef BASE_OOM_H
#define BASE_OOM_H

/* Log what could not be had, and end. */
void oom_end(const char *what) __attribute__((noreturn));

/* Run work(arg), code of a library that runs into a null pointer or calls abort() for want of memory: 0, or -ENOMEM
 * when it did, and what it held then is never given back.  A fault of another thread ends the process as ever.  For
 * input of the operator only: nobody else may bring the process past a fault. */
int oom_guard(void (*work)(void *arg), void *arg);

/* Have libuv end the process with a line, where it would call abort(): before its first use. */
void oom_guard_uv(void);

#endif
