/* SPDX-License-Identifier: Apache-2.0
 *
 * period_test.c -- periods of an operator's calendar.  Instants were written down by hand from the rules of the zones:
 * in Europe/Berlin clocks change at 01:00 UTC on the last Sundays of March and October, by an hour.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/period.h"

static int64_t utc(const char *text)
{
	struct tm tm = { 0 };

	assert_non_null(strptime(text, "%Y-%m-%d %H:%M:%S", &tm));
	return (int64_t)timegm(&tm) * 1000;
}

static void periods_begin_and_end_by_the_calendar(void **state)
{
	static const struct {
		const char *why;
		enum period_kind kind;
		struct period_rule rule;
		const char *now, *start, *end;
	} v[] = {
		{ "a minute", PERIOD_MINUTE, { "UTC", 1, 0 }, "2026-03-01 10:20:59", "2026-03-01 10:20:00",
			"2026-03-01 10:21:00" },
		{ "its first instant is its own", PERIOD_MINUTE, { "UTC", 1, 0 }, "2026-03-01 10:21:00",
			"2026-03-01 10:21:00", "2026-03-01 10:22:00" },
		{ "an hour where clocks are half an hour off", PERIOD_HOUR, { "Asia/Kolkata", 1, 0 },
			"2026-03-01 10:20:59", "2026-03-01 09:30:00", "2026-03-01 10:30:00" },
		{ "a day", PERIOD_DAY, { "UTC", 1, 0 }, "2026-03-01 23:59:59", "2026-03-01 00:00:00",
			"2026-03-02 00:00:00" },
		{ "a day in another zone", PERIOD_DAY, { "Europe/Berlin", 1, 0 }, "2026-01-01 23:30:00",
			"2026-01-01 23:00:00", "2026-01-02 23:00:00" },
		{ "a day that begins at six, before six", PERIOD_DAY, { "Europe/Berlin", 1, 360 }, "2026-01-02 04:59:59",
			"2026-01-01 05:00:00", "2026-01-02 05:00:00" },
		{ "… and at six", PERIOD_DAY, { "Europe/Berlin", 1, 360 }, "2026-01-02 05:00:00", "2026-01-02 05:00:00",
			"2026-01-03 05:00:00" },
		{ "a day of 23 hours", PERIOD_DAY, { "Europe/Berlin", 1, 0 }, "2026-03-29 12:00:00",
			"2026-03-28 23:00:00", "2026-03-29 22:00:00" },
		{ "a day of 25 hours", PERIOD_DAY, { "Europe/Berlin", 1, 0 }, "2026-10-25 12:00:00",
			"2026-10-24 22:00:00", "2026-10-25 23:00:00" },
		{ "a day that begins at a time that does not exist once", PERIOD_DAY, { "Europe/Berlin", 1, 150 },
			"2026-03-29 12:00:00", "2026-03-29 01:30:00", "2026-03-30 00:30:00" },
		{ "a month", PERIOD_MONTH, { "UTC", 1, 0 }, "2026-02-28 23:59:59", "2026-02-01 00:00:00",
			"2026-03-01 00:00:00" },
		{ "a month that begins on the 28th, in February", PERIOD_MONTH, { "UTC", 28, 0 }, "2026-02-27 12:00:00",
			"2026-01-28 00:00:00", "2026-02-28 00:00:00" },
		{ "… on the 15th at six, over the end of the year", PERIOD_MONTH, { "Europe/Berlin", 15, 360 },
			"2026-01-15 04:59:59", "2025-12-15 05:00:00", "2026-01-15 05:00:00" },
		{ "a month with a change of clocks", PERIOD_MONTH, { "Europe/Berlin", 1, 0 }, "2026-03-20 00:00:00",
			"2026-02-28 23:00:00", "2026-03-31 22:00:00" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		int64_t start, end;

		if (period_at(v[i].kind, &v[i].rule, utc(v[i].now), &start, &end) < 0 || start != utc(v[i].start) ||
			end != utc(v[i].end))
			fail_msg("%s: begins %lld s and ends %lld s off", v[i].why,
				(long long)(start - utc(v[i].start)) / 1000, (long long)(end - utc(v[i].end)) / 1000);
	}
}

static void zones_and_times_of_day_are_checked(void **state)
{
	(void)state;
	assert_true(period_zone_known("Europe/Berlin"));
	assert_true(period_zone_known("UTC"));
	assert_false(period_zone_known("Europe/Berlinn"));
	assert_false(period_zone_known("GMT+3")); /* says nothing of summer time */
	assert_false(period_zone_known(""));
	assert_int_equal(period_clock("00:00"), 0);
	assert_int_equal(period_clock("23:59"), 1439);
	assert_true(period_clock("24:00") < 0);
	assert_true(period_clock("7:00") < 0);
	assert_true(period_clock("07:0") < 0);
	assert_true(period_clock("+7:00") < 0);
	assert_true(period_clock("07:00 ") < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(periods_begin_and_end_by_the_calendar),
		cmocka_unit_test(zones_and_times_of_day_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
