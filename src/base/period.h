/* SPDX-License-Identifier: Apache-2.0
 *
 * period.h -- minutes, hours, days and months as an operator counts them: by the calendar of a time zone, with days
 * that begin at a time of day and months that begin on a day.
 *
 * A day has 23 or 25 hours where clocks change; the month that begins on the 5th ends when the next one does.
 */
#ifndef BASE_PERIOD_H
#define BASE_PERIOD_H

#include <stdbool.h>
#include <stdint.h>

enum period_kind { PERIOD_MINUTE, PERIOD_HOUR, PERIOD_DAY, PERIOD_MONTH, PERIOD_N };

struct period_rule {
	char zone[64];      /* of the IANA database */
	unsigned month_day; /* 1 to 28 */
	unsigned day_at;    /* minutes from midnight */
};

bool period_zone_known(const char *zone);
/* "HH:MM" in minutes; -EINVAL. */
int period_clock(const char *text);

/* The period that holds `now_ms` (Unix time): [*ret_start, *ret_end).  -EINVAL for an unknown zone, -ENOMEM. */
int period_at(enum period_kind kind, const struct period_rule *r, int64_t now_ms, int64_t *ret_start, int64_t *ret_end);

#endif
