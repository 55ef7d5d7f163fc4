/* SPDX-License-Identifier: Apache-2.0 */
/* tpdu_time.c -- time stamps and validity periods of TPDUs.
 *
 * Days are counted with the years beginning in March, so that the leap day is the last of its year and needs no case
 * of its own; the C library's functions are not used because they ask for the zone of the machine. */
#include "codec/tpdu_time.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MINUTE_S 60u
#define HOUR_S   3600u
#define DAY_S    86400u
#define WEEK_S   (7 * DAY_S)

#define ZONE_MAX_MIN (14 * 60)
#define ZONE_SIGN    0x08 /* in the octet: the high bit of the tens digit, which is the low nibble */

/* ---- swapped digits -------------------------------------------------------------------------------------- */

/* Two digits, tens in the low nibble; -1 when one is none. */
static int read_two(uint8_t octet)
{
	unsigned tens = octet & 0xf, units = octet >> 4;

	return tens > 9 || units > 9 ? -1 : (int)(tens * 10 + units);
}

static uint8_t put_two(unsigned v)
{
	return (uint8_t)(v % 10 << 4 | v / 10 % 10);
}

/* ---- the calendar ---------------------------------------------------------------------------------------- */

static unsigned days_in(unsigned year, unsigned month)
{
	static const uint8_t days[13] = { 0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	/* From 1990 to 2089 every fourth year is a leap year. */
	return days[month] + (month == 2 && year % 4 == 0);
}

/* Days from 1970-01-01; the Gregorian calendar repeats after 400 years of 146097 days. */
static int64_t days_from_date(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month <= 2 ? year - 1 : year, era = y / 400;
	unsigned year_of_era = (unsigned)(y - era * 400);
	unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468;
}

static bool is_date(const struct tpdu_time *t)
{
	return t->month >= 1 && t->month <= 12 && t->day >= 1 && t->day <= days_in(t->year, t->month) && t->hour < 24 &&
	       t->minute < 60 && t->second <= 60;
}

/* ---- time stamps ----------------------------------------------------------------------------------------- */

void tpdu_time_read(const uint8_t src[static TPDU_TIME_OCTETS], struct tpdu_time *ret)
{
	int two[6], zone = read_two(src[6] & ~ZONE_SIGN);
	bool digits = true;

	*ret = (struct tpdu_time){ 0 };
	memcpy(ret->raw, src, TPDU_TIME_OCTETS);
	for (unsigned i = 0; i < 6; i++) {
		two[i] = read_two(src[i]);
		digits = digits && two[i] >= 0;
	}
	if (digits) {
		ret->year = (uint16_t)(two[0] + (two[0] < 90 ? 2000 : 1900));
		ret->month = (uint8_t)two[1];
		ret->day = (uint8_t)two[2];
		ret->hour = (uint8_t)two[3];
		ret->minute = (uint8_t)two[4];
		ret->second = (uint8_t)two[5];
		ret->sound = is_date(ret);
	}
	ret->zone_known = zone >= 0 && zone * 15 <= ZONE_MAX_MIN;
	if (ret->zone_known)
		ret->zone_min = (int16_t)(src[6] & ZONE_SIGN ? -zone * 15 : zone * 15);
}

int tpdu_time_epoch(const struct tpdu_time *t, int64_t *ret_s)
{
	if (!t->sound || !t->zone_known)
		return -EINVAL;
	*ret_s = days_from_date(t->year, t->month, t->day) * (int64_t)DAY_S + t->hour * HOUR_S + t->minute * MINUTE_S +
		 t->second - t->zone_min * (int64_t)MINUTE_S;
	return 0;
}

static void put_time(struct tpdu_time *t)
{
	unsigned zone = (unsigned)(t->zone_min < 0 ? -t->zone_min : t->zone_min) / 15;
	uint8_t *raw = t->raw;

	raw[0] = put_two(t->year);
	raw[1] = put_two(t->month);
	raw[2] = put_two(t->day);
	raw[3] = put_two(t->hour);
	raw[4] = put_two(t->minute);
	raw[5] = put_two(t->second);
	raw[6] = put_two(zone) | (t->zone_min < 0 ? ZONE_SIGN : 0);
}

int tpdu_time_make(int64_t epoch_s, int zone_min, struct tpdu_time *ret)
{
	struct tpdu_time t = { .year = 1990, .month = 1, .sound = true, .zone_known = true };
	int64_t days, first = days_from_date(1990, 1, 1), behind = days_from_date(2090, 1, 1);
	int64_t local_s = epoch_s + zone_min * (int64_t)MINUTE_S;
	unsigned left, of_day;

	if (zone_min < -ZONE_MAX_MIN || zone_min > ZONE_MAX_MIN || zone_min % 15)
		return -EINVAL;
	if (local_s < first * (int64_t)DAY_S || local_s >= behind * (int64_t)DAY_S)
		return -EINVAL;
	days = local_s / DAY_S;
	of_day = (unsigned)(local_s % DAY_S);
	for (left = (unsigned)(days - first); left >= (t.year % 4 ? 365u : 366u); t.year++)
		left -= t.year % 4 ? 365u : 366u;
	for (; left >= days_in(t.year, t.month); t.month++)
		left -= days_in(t.year, t.month);
	t.day = (uint8_t)(left + 1);
	t.hour = (uint8_t)(of_day / HOUR_S);
	t.minute = (uint8_t)(of_day % HOUR_S / MINUTE_S);
	t.second = (uint8_t)(of_day % MINUTE_S);
	t.zone_min = (int16_t)zone_min;
	put_time(&t);
	*ret = t;
	return 0;
}

void tpdu_time_show(const struct tpdu_time *t, char dst[static TPDU_TIME_TEXT])
{
	unsigned zone = (unsigned)(t->zone_min < 0 ? -t->zone_min : t->zone_min) % 1000;
	int n;

	if (!t->sound) {
		for (unsigned i = 0; i < TPDU_TIME_OCTETS; i++)
			snprintf(dst + 2 * i, 3, "%02X", t->raw[i]);
		return;
	}
	n = snprintf(dst, TPDU_TIME_TEXT, "%04u-%02u-%02uT%02u:%02u:%02u", t->year % 10000u, t->month % 100u,
		t->day % 100u, t->hour % 100u, t->minute % 100u, t->second % 100u);
	if (t->zone_known)
		snprintf(dst + n, TPDU_TIME_TEXT - (size_t)n, "%c%02u:%02u", t->zone_min < 0 ? '-' : '+', zone / 60,
			zone % 60);
}

/* ---- validity -------------------------------------------------------------------------------------------- */

size_t tpdu_validity_octets(enum tpdu_vp_form form)
{
	return form == TPDU_VP_NONE ? 0 : form == TPDU_VP_RELATIVE ? 1 : TPDU_TIME_OCTETS;
}

/* 9.2.3.12.1 */
uint32_t tpdu_relative_s(uint8_t octet)
{
	if (octet <= 143)
		return (octet + 1u) * 5 * MINUTE_S;
	if (octet <= 167)
		return 12 * HOUR_S + (octet - 143u) * 30 * MINUTE_S;
	if (octet <= 196)
		return (octet - 166u) * DAY_S;
	return (octet - 192u) * WEEK_S;
}

uint8_t tpdu_relative_make(uint32_t period_s)
{
	unsigned octet = 0;

	while (octet < 255 && tpdu_relative_s((uint8_t)octet) < period_s)
		octet++;
	return (uint8_t)octet;
}

/* hh mm ss; 0 when it is none. */
static uint32_t read_hms(const uint8_t *src)
{
	int h = read_two(src[0]), m = read_two(src[1]), s = read_two(src[2]);

	if (h < 0 || m < 0 || s < 0 || m > 59 || s > 59)
		return 0;
	return (uint32_t)h * HOUR_S + (uint32_t)m * MINUTE_S + (uint32_t)s;
}

static uint32_t enhanced_period(uint8_t kind, const uint8_t *src)
{
	switch (kind) {
	case TPDU_VPE_RELATIVE: return tpdu_relative_s(src[0]);
	case TPDU_VPE_SECONDS: return src[0];
	case TPDU_VPE_HMS: return read_hms(src);
	default: return 0;
	}
}

void tpdu_validity_read(enum tpdu_vp_form form, const uint8_t *src, struct tpdu_validity *ret)
{
	*ret = (struct tpdu_validity){ .form = form };
	switch (form) {
	case TPDU_VP_NONE:
		return;
	case TPDU_VP_RELATIVE:
		ret->period_s = tpdu_relative_s(src[0]);
		return;
	case TPDU_VP_ABSOLUTE:
		tpdu_time_read(src, &ret->until);
		return;
	case TPDU_VP_ENHANCED:
		ret->extended = src[0] & 0x80;
		ret->single_shot = src[0] & 0x40;
		ret->enhanced = src[0] & 7;
		if (!ret->extended)
			ret->period_s = enhanced_period(ret->enhanced, src + 1);
		return;
	}
}

static int put_enhanced(const struct tpdu_validity *v, uint8_t dst[static TPDU_TIME_OCTETS])
{
	memset(dst, 0, TPDU_TIME_OCTETS);
	dst[0] = (uint8_t)((v->single_shot ? 0x40 : 0) | v->enhanced);
	switch (v->enhanced) {
	case TPDU_VPE_NONE:
		break;
	case TPDU_VPE_RELATIVE:
		dst[1] = tpdu_relative_make(v->period_s);
		break;
	case TPDU_VPE_SECONDS:
		if (v->period_s < 1 || v->period_s > 255)
			return -EINVAL;
		dst[1] = (uint8_t)v->period_s;
		break;
	case TPDU_VPE_HMS:
		if (v->period_s >= 100 * HOUR_S)
			return -EINVAL;
		dst[1] = put_two(v->period_s / HOUR_S);
		dst[2] = put_two(v->period_s % HOUR_S / MINUTE_S);
		dst[3] = put_two(v->period_s % MINUTE_S);
		break;
	default:
		return -EINVAL;
	}
	return TPDU_TIME_OCTETS;
}

int tpdu_validity_put(const struct tpdu_validity *v, uint8_t dst[static TPDU_TIME_OCTETS])
{
	switch (v->form) {
	case TPDU_VP_NONE:
		return 0;
	case TPDU_VP_RELATIVE:
		dst[0] = tpdu_relative_make(v->period_s);
		return 1;
	case TPDU_VP_ABSOLUTE:
		if (!v->until.sound || !v->until.zone_known)
			return -EINVAL;
		memcpy(dst, v->until.raw, TPDU_TIME_OCTETS);
		return TPDU_TIME_OCTETS;
	case TPDU_VP_ENHANCED:
		return put_enhanced(v, dst);
	}
	return -EINVAL;
}
