/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c -- see clock.h.
 *
 * Dates are computed on the proleptic Gregorian calendar, as RFC 3339 demands, with years that begin in
 * March: the leap day is then the last of its year and the lengths of the months follow one straight line,
 * (153 m + 2) / 5.
 */
#include "base/clock.h"

#include <errno.h>
#include <stdbool.h>
#include <time.h>

#define MS_PER_S   1000
#define S_PER_DAY  86400
#define MS_PER_DAY ((int64_t)S_PER_DAY * MS_PER_S)

#define DAYS_PER_ERA 146097	       /* 400 years */
#define EPOCH_DAY    719468	       /* days from 0000-03-01 to 1970-01-01 */
#define YEAR_0_MS    (-62167219200000) /* 0000-01-01T00:00:00.000Z */
#define YEAR_9999_MS 253402300799999   /* 9999-12-31T23:59:59.999Z */

static int64_t read_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_ms(void)
{
	return read_us(CLOCK_REALTIME) / 1000;
}

int64_t clock_mono_ms(void)
{
	return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_mono_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

/* Days since 1970-01-01; month and day from 1, year from 0. */
static int64_t days_of_date(int year, int month, int day)
{
	int march_year = year - (month <= 2) + 400; /* never negative; one era is taken off again below */
	int era = march_year / 400;
	int year_of_era = march_year % 400;
	int day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
	int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return (int64_t)(era - 1) * DAYS_PER_ERA + day_of_era - EPOCH_DAY;
}

static void date_of_days(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
	int64_t shifted = days + EPOCH_DAY + DAYS_PER_ERA; /* years 0000 and later: never negative */
	int era = (int)(shifted / DAYS_PER_ERA);
	int day_of_era = (int)(shifted % DAYS_PER_ERA);
	/* Take the leap days that have passed off, so that a plain division by 365 counts years. */
	int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int march_month = (5 * day_of_year + 2) / 153;

	*ret_day = day_of_year - (153 * march_month + 2) / 5 + 1;
	*ret_month = march_month < 10 ? march_month + 3 : march_month - 9;
	*ret_year = year_of_era + (era - 1) * 400 + (*ret_month <= 2);
}

static char *put_digits(char *p, int value, int n_digits)
{
	for (int i = n_digits - 1; i >= 0; i--) {
		p[i] = (char)('0' + value % 10);
		value /= 10;
	}
	return p + n_digits;
}

size_t clock_format_rfc3339(int64_t ms, char buf[static CLOCK_TEXT_SIZE])
{
	int year, month, day;
	int64_t days;
	int rest;
	char *p = buf;

	if (ms < YEAR_0_MS)
		ms = YEAR_0_MS;
	if (ms > YEAR_9999_MS)
		ms = YEAR_9999_MS;
	days = ms / MS_PER_DAY;
	if (ms % MS_PER_DAY < 0)
		days--;
	rest = (int)(ms - days * MS_PER_DAY);
	date_of_days(days, &year, &month, &day);

	p = put_digits(p, year, 4);
	*p++ = '-';
	p = put_digits(p, month, 2);
	*p++ = '-';
	p = put_digits(p, day, 2);
	*p++ = 'T';
	p = put_digits(p, rest / 3600000, 2);
	*p++ = ':';
	p = put_digits(p, rest / 60000 % 60, 2);
	*p++ = ':';
	p = put_digits(p, rest / 1000 % 60, 2);
	*p++ = '.';
	p = put_digits(p, rest % 1000, 3);
	*p++ = 'Z';
	*p = '\0';
	return (size_t)(p - buf);
}

struct cursor {
	const char *p, *end;
};

/* Exactly `n_digits` digits with a value from `min` to `max`. */
static bool take_number(struct cursor *c, int n_digits, int min, int max, int *ret)
{
	int value = 0;

	if (c->end - c->p < n_digits)
		return false;
	for (int i = 0; i < n_digits; i++) {
		if (c->p[i] < '0' || c->p[i] > '9')
			return false;
		value = value * 10 + (c->p[i] - '0');
	}
	if (value < min || value > max)
		return false;
	c->p += n_digits;
	*ret = value;
	return true;
}

static bool take_char(struct cursor *c, char upper, char lower)
{
	if (c->p == c->end || (*c->p != upper && *c->p != lower))
		return false;
	c->p++;
	return true;
}

static bool take_date(struct cursor *c, int64_t *ret_days)
{
	static const uint8_t month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year, month, day;
	bool leap;

	if (!take_number(c, 4, 0, 9999, &year) || !take_char(c, '-', '-') ||
		!take_number(c, 2, 1, 12, &month) || !take_char(c, '-', '-') ||
		!take_number(c, 2, 1, 31, &day))
		return false;
	leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	if (day > month_days[month - 1] + (month == 2 && leap))
		return false;
	*ret_days = days_of_date(year, month, day);
	return true;
}

static bool take_fraction(struct cursor *c, int *ret_ms)
{
	int ms = 0, n_digits = 0;

	if (take_char(c, '.', '.')) {
		for (; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++, n_digits++) {
			if (n_digits < 3)
				ms = ms * 10 + (*c->p - '0');
		}
		if (n_digits == 0)
			return false;
		for (; n_digits < 3; n_digits++)
			ms *= 10;
	}
	*ret_ms = ms;
	return true;
}

static bool take_offset(struct cursor *c, int *ret_s)
{
	int hours, minutes, sign;

	if (take_char(c, 'Z', 'z')) {
		*ret_s = 0;
		return true;
	}
	if (take_char(c, '+', '+'))
		sign = 1;
	else if (take_char(c, '-', '-'))
		sign = -1;
	else
		return false;
	if (!take_number(c, 2, 0, 23, &hours) || !take_char(c, ':', ':') ||
		!take_number(c, 2, 0, 59, &minutes))
		return false;
	*ret_s = sign * (hours * 3600 + minutes * 60);
	return true;
}

/* RFC 3339, 5.7: a second 60 only where UTC can have one; `s` is the second after it. */
static bool can_follow_leap_second(int64_t s)
{
	int year, month, day;

	if (s % S_PER_DAY != 0)
		return false;
	date_of_days(s / S_PER_DAY, &year, &month, &day);
	return day == 1;
}

int clock_parse_rfc3339(const char *text, size_t n, int64_t *ret_ms)
{
	struct cursor c = {text, text + n};
	int hour, minute, second, ms, offset_s;
	int64_t days, s;

	if (!take_date(&c, &days) || !take_char(&c, 'T', 't') || !take_number(&c, 2, 0, 23, &hour) ||
		!take_char(&c, ':', ':') || !take_number(&c, 2, 0, 59, &minute) || !take_char(&c, ':', ':') ||
		!take_number(&c, 2, 0, 60, &second) || !take_fraction(&c, &ms) ||
		!take_offset(&c, &offset_s) || c.p != c.end)
		return -EINVAL;
	s = days * S_PER_DAY + hour * 3600 + minute * 60 + second - offset_s;
	if (second == 60) {
		if (!can_follow_leap_second(s))
			return -EINVAL;
		ms = 0; /* all of the leap second is one instant on the Unix time line */
	}
	*ret_ms = s * MS_PER_S + ms;
	return 0;
}
