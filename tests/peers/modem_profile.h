/* SPDX-License-Identifier: Apache-2.0 */
/* modem_profile.h -- how the makers differ, as data.
 *
 * What a profile says of a command is what was seen of that family: which values of +CNMI it lists, which of these it
 * then refuses, where it puts reports and what it says about it.  Nothing here is a fault; faults are in scripts.
 */
#ifndef MODEM_PROFILE_H
#define MODEM_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

/* Vendors' own commands, as bits of `struct at_command.makers`. */
enum modem_maker {
	MAKER_GENERIC = 1,
	MAKER_HUAWEI = 2,
	MAKER_ZTE = 4,
	MAKER_SIMCOM = 8,
	MAKER_QUECTEL = 16,
	MAKER_CINTERION = 32,
	MAKER_TELIT = 64,
	MAKER_SIERRA = 128,
	MAKER_UBLOX = 256,
	MAKER_WAVECOM = 512,
	MAKER_QUALCOMM = 1024,
	MAKER_ANY = 0xFFFF,
};

enum modem_role {
	ROLE_AT,    /* answers, and says unsolicited things */
	ROLE_QUIET, /* answers only: a dial-up port */
	ROLE_DIAG,  /* says nothing at all */
};

enum modem_ussd_form { USSD_PLAIN, USSD_PACKED, USSD_UCS2 };

#define PROFILE_MEMS_MAX  4u
#define PROFILE_PORTS_MAX 4u
#define BIT(n) (1u << (n))

struct modem_profile {
	const char *name;
	enum modem_maker maker;
	const char *cgmi, *cgmm, *cgmr;
	const char *cgmr_prefix; /* "+CGMR: " where the answer carries it */

	/* +CNMI: what =? says, and what is taken.  `refused` is listed but refused, `idle` taken without effect. */
	const char *cnmi_list;
	uint8_t mode, mt, ds, bfr;
	uint8_t ds_refused, ds_idle;
	bool direct_needs_csms; /* mt 2 and ds 1 only with +CSMS=1 */
	uint8_t csms_max;	/* service 0, or 0 and 1 */

	struct {
		const char *name;
		uint16_t capacity, first;
	} mems[PROFILE_MEMS_MAX]; /* SM and ME are memories; MT is both; SR, if there, holds reports */
	const char *cpms_list; /* what =? says */
	const char *mem;       /* where it begins */
	const char *report_mem, *report_urc; /* where a stored report lies, and where +CDSI says it does */

	bool cr_cr_lf;
	uint8_t cmee_max;
	bool serial; /* a line that stays when the modem restarts */
	bool no_cereg;
	enum modem_ussd_form ussd;
	const char *boot[6];  /* said after a start, the last one when short messages work */
	const char *noise[5]; /* said again and again */
	const char *full;     /* said when the memory of received messages is full */
	struct {
		const char *name;
		enum modem_role role;
	} ports[PROFILE_PORTS_MAX];
};

const struct modem_profile *modem_profile_find(const char *name);
/* The i-th, or NULL behind the last. */
const struct modem_profile *modem_profile_at(unsigned i);

#endif
