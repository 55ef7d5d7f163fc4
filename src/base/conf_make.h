/* SPDX-License-Identifier: Apache-2.0 */
/* conf_make.h -- how modems of one make differ: the files modems/NAME.conf, beside the configuration and as installed.
 *
 * A file has a list, modems = ( { … }, … ), of makes.  A make says whom it is for by patterns of what the modem tells of
 * itself, and then only what differs.  The one with the most patterns that all fit is taken; of several those beside
 * the configuration come first, so that an operator's word wins over ours. */
#ifndef BASE_CONF_MAKE_H
#define BASE_CONF_MAKE_H

#include "base/conf.h"

#include <regex.h>

/* Order as the words in the table. */
enum conf_make_ussd { CONF_MAKE_USSD_AUTO, CONF_MAKE_USSD_PLAIN, CONF_MAKE_USSD_PACKED, CONF_MAKE_USSD_UCS2 };

struct conf_make {
	char *name;
	char *maker, *model, *firmware; /* patterns (POSIX extended, any case); "" fits all */
	regex_t pattern[3];
	unsigned n_patterns;            /* given */
	bool has_pattern[3];
	struct conf_strings init;       /* AT commands for each session */
	struct conf_strings ready;      /* beginnings of lines that mean: the SIM can be used now */
	struct conf_strings noise;      /* beginnings of lines that nobody asked for, which have no "+NAME:" in front */
	struct conf_strings memories;   /* none: what AT+CPMS=? says */
	struct conf_strings reports;    /* AT+CNMI to try before others: "2,1,0,2,1" */
	char *iccid;                    /* command; "": tried out */
	char *pin_retries;              /* likewise: AT+CPINR, AT^CPIN?, AT+SPIC, AT+QPINC="SC" */
	char *hang_up;                  /* AT+CHUP */
	char *reset;                    /* AT+CFUN=1,1; "" none */
	enum conf_make_ussd ussd;
	bool reference_useless;         /* +CMGS says the same number each time */
	int64_t command_gap_ms;         /* pause between commands */
	int64_t prompt_timeout_ms;
	int64_t chunk, chunk_gap_ms;    /* so many octets at a time, and the pause between; 0: all at once */
};

struct conf_makes {
	unsigned refs;
	struct conf_make *make;
	size_t n;
};

/* All of `folder`modems/ and of the installed ones.  -EINVAL and one line in `err` when a file is wrong. */
int conf_makes_load(const char *folder, struct conf_makes **ret, char *err, size_t n_err);
struct conf_makes *conf_makes_ref(struct conf_makes *s);
void conf_makes_unref(struct conf_makes *s); /* NULL is fine */

/* NULL: none fits. */
const struct conf_make *conf_makes_find(const struct conf_makes *s, const char *maker, const char *model,
	const char *firmware);

#endif
