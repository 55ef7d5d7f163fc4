/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h -- the two clocks, and times as text.
 *
 * Real time (Unix milliseconds, UTC) is what is stored and shown; it may jump.  Monotonic time is for
 * deadlines and rates and means nothing outside this process.  Text is RFC 3339 in UTC with milliseconds,
 * made by arithmetic: strftime() and the time zone files would cost more than the rest of a log line, and
 * take a lock.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define CLOCK_TEXT_LEN	24 /* "2026-11-21T23:12:47.123Z" */
#define CLOCK_TEXT_SIZE (CLOCK_TEXT_LEN + 1)

int64_t clock_ms(void);	     /* real time, ms since 1970-01-01T00:00:00Z */
int64_t clock_mono_ms(void); /* monotonic */
int64_t clock_mono_us(void);

/* Write `ms` and a NUL into `buf`; returns CLOCK_TEXT_LEN.  Times outside the years 0000 to 9999 are shown as
 * the nearest end of that range: RFC 3339 has no form for them. */
size_t clock_format_rfc3339(int64_t ms, char buf[static CLOCK_TEXT_SIZE]);

/* Read all `n` octets of `text` as RFC 3339 (section 5.6): date, "T", time, optional fraction, then "Z" or an
 * offset. Digits of the fraction beyond milliseconds are cut.  A leap second is accepted where one can be
 * (23:59:60 UTC at the end of a month) and means the second after it, as on the Unix time line.  Anything
 * else is -EINVAL. */
int clock_parse_rfc3339(const char *text, size_t n, int64_t *ret_ms);

#endif
