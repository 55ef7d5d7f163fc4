/* SPDX-License-Identifier: Apache-2.0 */
/* when.c -- times as people write them, and as they read them; see when.h. */
#include "config.h"

#include "cli/when.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_utc(time_t at, char ret[WHEN_OCTETS])
{
	struct tm tm;

	gmtime_r(&at, &tm);
	strftime(ret, WHEN_OCTETS, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

/* `2h`, `+30m`: the seconds from now.  Returns 0 or -EINVAL. */
static int parse_span(const char *s, long *ret_s)
{
	static const struct {
		char unit;
		long seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 } };
	bool ahead = *s == '+';
	const char *digits = s + ahead;
	char *end;
	long n;

	if (*digits < '0' || *digits > '9')
		return -EINVAL;
	errno = 0;
	n = strtol(digits, &end, 10);
	if (errno || n > 100000000 || !*end || end[1])
		return -EINVAL;
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (*end == units[i].unit && n <= LONG_MAX / units[i].seconds / 2) {
			*ret_s = ahead ? n * units[i].seconds : -n * units[i].seconds;
			return 0;
		}
	}
	return -EINVAL;
}

static time_t midnight(time_t now, int days_back)
{
	struct tm tm;

	localtime_r(&now, &tm);
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_mday -= days_back;
	tm.tm_isdst = -1;
	return mktime(&tm);
}

/* A date, or date and time, of the local clock.  A day that does not exist (31 February) is refused, not moved. */
static int parse_local(const char *s, time_t *ret_at)
{
	static const char *const forms[] = { "%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M",
		"%Y-%m-%dT%H:%M:%S" };

	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		struct tm tm = { .tm_isdst = -1 };
		const char *end = strptime(s, forms[i], &tm);
		int day = tm.tm_mday;

		if (!end || *end)
			continue;
		*ret_at = mktime(&tm);
		return tm.tm_mday == day ? 0 : -EINVAL;
	}
	return -EINVAL;
}

/* Date, T, time and an offset: whether the numbers are right is for the gateway to say. */
static bool is_rfc3339(const char *s)
{
	size_t n = strlen(s);
	int used = 0;

	if (n < 20 || n >= WHEN_OCTETS)
		return false;
	sscanf(s, "%*4d-%*2d-%*2d%*1[Tt]%*2d:%*2d:%*2d%n", &used);
	if (used != 19)
		return false;
	return strspn(s + used, ".0123456789") < n - (size_t)used && strspn(s + used, ".0123456789Zz+-:") == n - 19;
}

int when_parse(const char *s, time_t now, char ret[WHEN_OCTETS], bool *ret_relative)
{
	bool relative = true;
	time_t at = now;
	long span;

	if (is_rfc3339(s)) {
		memcpy(ret, s, strlen(s) + 1);
		if (ret_relative)
			*ret_relative = false;
		return 0;
	}
	if (strcmp(s, "today") == 0)
		at = midnight(now, 0);
	else if (strcmp(s, "yesterday") == 0)
		at = midnight(now, 1);
	else if (parse_span(s, &span) == 0)
		at = now + span;
	else if (parse_local(s, &at) == 0)
		relative = false;
	else if (strcmp(s, "now") != 0)
		return -EINVAL;
	write_utc(at, ret);
	if (ret_relative)
		*ret_relative = relative;
	return 0;
}

void when_show(const char *rfc3339, bool ms, char *buf, size_t size)
{
	struct tm tm = { 0 };
	char fraction[8] = "";
	const char *end = strptime(rfc3339, "%Y-%m-%dT%H:%M:%S", &tm);
	size_t n;
	time_t at;

	if (end && *end == '.') {
		size_t n_digits = strspn(end + 1, "0123456789");

		if (ms)
			snprintf(fraction, sizeof fraction, ".%.3s", end + 1);
		end += 1 + n_digits;
	}
	if (!end || strcmp(end, "Z") != 0) {
		snprintf(buf, size, "%s", rfc3339);
		return;
	}
	at = timegm(&tm);
	localtime_r(&at, &tm);
	n = strftime(buf, size, "%Y-%m-%d %H:%M:%S", &tm);
	if (n)
		snprintf(buf + n, size - n, "%s", fraction);
}
