/* SPDX-License-Identifier: Apache-2.0
 *
 * period.c -- see period.h.
 *
 * ICU's calendar is made anew for each question: one is asked when a period ends, not for a message.
 */
#include <config.h>

#include "base/period.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unicode/ucal.h>
#include <unicode/ustring.h>

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)

static int wide(const char *zone, UChar *to, int32_t cap)
{
	UErrorCode e = U_ZERO_ERROR;
	int32_t n;

	u_strFromUTF8(to, cap, &n, zone, -1, &e);
	return U_FAILURE(e) || n >= cap ? -EINVAL : 0;
}

bool period_zone_known(const char *zone)
{
	UErrorCode e = U_ZERO_ERROR;
	UChar id[80], canonical[80];
	UBool system = 0;

	/* "GMT+3" would be taken, too, but says nothing of summer time. */
	if (wide(zone, id, 80) < 0)
		return false;
	ucal_getCanonicalTimeZoneID(id, -1, canonical, 80, &system, &e);
	return U_SUCCESS(e) && system;
}

int period_clock(const char *text)
{
	unsigned h, m;
	int n = 0;

	if (strlen(text) != 5 || sscanf(text, "%2u:%2u%n", &h, &m, &n) != 2 || n != 5 || h > 23 || m > 59 || text[0] == '+' ||
		text[3] == '+')
		return -EINVAL;
	return (int)(h * 60 + m);
}

/* Minutes and hours are cut from the clock on the wall: where it changes by half an hour, an hour is shorter once. */
static void cut(UCalendar *c, int64_t step, int64_t now_ms, int64_t *ret_start, int64_t *ret_end, UErrorCode *e)
{
	int64_t offset = ucal_get(c, UCAL_ZONE_OFFSET, e) + ucal_get(c, UCAL_DST_OFFSET, e);
	int64_t into = ((now_ms + offset) % step + step) % step;

	*ret_start = now_ms - into;
	*ret_end = *ret_start + step;
}

static void begin(UCalendar *c, enum period_kind kind, const struct period_rule *r, UErrorCode *e)
{
	if (kind == PERIOD_MONTH)
		ucal_set(c, UCAL_DAY_OF_MONTH, (int32_t)r->month_day);
	ucal_set(c, UCAL_HOUR_OF_DAY, (int32_t)r->day_at / 60);
	ucal_set(c, UCAL_MINUTE, (int32_t)r->day_at % 60);
	ucal_set(c, UCAL_SECOND, 0);
	ucal_set(c, UCAL_MILLISECOND, 0);
	(void)e;
}

static int64_t start_of(UCalendar *c, enum period_kind kind, const struct period_rule *r, int64_t base, int by,
	UErrorCode *e)
{
	ucal_setMillis(c, (UDate)base, e);
	begin(c, kind, r, e);
	if (by)
		ucal_add(c, kind == PERIOD_MONTH ? UCAL_MONTH : UCAL_DAY_OF_MONTH, by, e);
	/* An addition may leave the time of day where it was moved by a change of clocks: say it again. */
	begin(c, kind, r, e);
	return (int64_t)ucal_getMillis(c, e);
}

int period_at(enum period_kind kind, const struct period_rule *r, int64_t now_ms, int64_t *ret_start, int64_t *ret_end)
{
	UErrorCode e = U_ZERO_ERROR;
	UChar id[80];
	UCalendar *c;

	if (!period_zone_known(r->zone) || wide(r->zone, id, 80) < 0)
		return -EINVAL;
	c = ucal_open(id, -1, "en_US", UCAL_GREGORIAN, &e);
	if (U_FAILURE(e))
		return -ENOMEM;
	ucal_setMillis(c, (UDate)now_ms, &e);
	if (kind == PERIOD_MINUTE || kind == PERIOD_HOUR) {
		cut(c, kind == PERIOD_MINUTE ? MINUTE_MS : HOUR_MS, now_ms, ret_start, ret_end, &e);
	} else {
		*ret_start = start_of(c, kind, r, now_ms, 0, &e);
		if (*ret_start > now_ms)
			*ret_start = start_of(c, kind, r, now_ms, -1, &e);
		*ret_end = start_of(c, kind, r, *ret_start, 1, &e);
	}
	ucal_close(c);
	return U_FAILURE(e) || *ret_end <= now_ms ? -EINVAL : 0;
}
