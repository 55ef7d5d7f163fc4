/* SPDX-License-Identifier: Apache-2.0 */
/* when.h -- times as people write them, and as they read them.
 *
 * The API speaks RFC 3339 in UTC.  People say "two hours ago" and mean their own clock.
 */
#ifndef POSTHORN_CLI_WHEN_H
#define POSTHORN_CLI_WHEN_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

enum {
	WHEN_OCTETS = 40,
};

/* Turn `s` into RFC 3339 UTC.  Understood: RFC 3339 itself (passed on as it is), `2026-11-21`, `2026-11-21 15:30` and
 * `2026-11-21 15:30:00` of local time, `today`, `yesterday`, `now`, and a span such as `90s`, `30m`, `2h`, `7d`, `1w`
 * back from `now` (or ahead, with a `+` before it).  Returns 0 or -EINVAL.  `ret_relative` (may be NULL) says whether
 * the answer depends on `now`. */
int when_parse(const char *s, time_t now, char ret[WHEN_OCTETS], bool *ret_relative);

/* RFC 3339 for a person: local time, `2026-11-21 15:30:00`, with `.123` when `ms`.  What cannot be read is copied. */
void when_show(const char *rfc3339, bool ms, char *buf, size_t size);

#endif
