/* SPDX-License-Identifier: Apache-2.0 */
/* tpdu_time.h -- time stamps and validity periods of TPDUs (3GPP TS 23.040, 9.2.3.11 and 9.2.3.12).
 *
 * Time stamps come from service centres, and real ones send month 0, zone FF or letters where digits belong.  That is
 * no reason to lose a message: a stamp that cannot be read is kept as octets and says that it is not sound. */
#ifndef CODEC_TPDU_TIME_H
#define CODEC_TPDU_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TPDU_TIME_OCTETS 7

struct tpdu_time {
	uint8_t raw[TPDU_TIME_OCTETS];
	bool sound;      /* the fields below make a date and a time of day */
	bool zone_known; /* the zone is two digits and at most 14 hours */
	uint16_t year;   /* 1990..2089: the wire has two digits */
	uint8_t month, day, hour, minute, second; /* local time; a leap second is 60 */
	int16_t zone_min; /* local time minus UTC, in minutes; a multiple of 15 */
};

void tpdu_time_read(const uint8_t src[static TPDU_TIME_OCTETS], struct tpdu_time *ret);

/* Seconds since 1970, UTC.  -EINVAL: the stamp is not sound, or its zone is unknown. */
int tpdu_time_epoch(const struct tpdu_time *t, int64_t *ret_s);

/* The stamp of a moment in a zone; all of `ret` is filled.  -EINVAL: outside 1990 to 2089, or no such zone. */
int tpdu_time_make(int64_t epoch_s, int zone_min, struct tpdu_time *ret);

/* "2002-08-26T19:37:41-01:00", without a zone where it is unknown, or the seven octets as hexadecimal. */
#define TPDU_TIME_TEXT 32
void tpdu_time_show(const struct tpdu_time *t, char dst[static TPDU_TIME_TEXT]);

/* TP-VPF, 9.2.3.3 */
enum tpdu_vp_form {
	TPDU_VP_NONE = 0,
	TPDU_VP_ENHANCED = 1,
	TPDU_VP_RELATIVE = 2,
	TPDU_VP_ABSOLUTE = 3,
};

/* What an enhanced period consists of, 9.2.3.12.3: bits 2 to 0. */
enum tpdu_vp_enhanced {
	TPDU_VPE_NONE = 0,
	TPDU_VPE_RELATIVE = 1,
	TPDU_VPE_SECONDS = 2, /* 1 to 255 */
	TPDU_VPE_HMS = 3,     /* up to 99:59:59 */
	/* 4 to 7 are reserved */
};

struct tpdu_validity {
	enum tpdu_vp_form form;
	uint32_t period_s;      /* relative and enhanced; 0: none, or it makes no sense */
	struct tpdu_time until; /* absolute */
	uint8_t enhanced;       /* an enum tpdu_vp_enhanced, or reserved */
	bool single_shot;       /* enhanced: one attempt */
	bool extended;          /* enhanced, read: an extension octet follows the first; no period is read then */
};

/* Octets of TP-VP in that form. */
size_t tpdu_validity_octets(enum tpdu_vp_form form);

void tpdu_validity_read(enum tpdu_vp_form form, const uint8_t *src, struct tpdu_validity *ret);

/* Octets written, 0, 1 or 7.  -EINVAL: a period that the form cannot express, or a stamp that is not sound. */
int tpdu_validity_put(const struct tpdu_validity *v, uint8_t dst[static TPDU_TIME_OCTETS]);

/* The relative octet and back: the shortest period that is not below `period_s`, FF (63 weeks) beyond the last. */
uint8_t tpdu_relative_make(uint32_t period_s);
uint32_t tpdu_relative_s(uint8_t octet);

#endif
