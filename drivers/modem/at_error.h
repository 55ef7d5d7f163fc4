/* SPDX-License-Identifier: Apache-2.0 */
/* at_error.h -- what the codes of +CMS ERROR and +CME ERROR mean for the part and for the modem (at_error.def). */
#ifndef MODEM_AT_ERROR_H
#define MODEM_AT_ERROR_H

#include <stddef.h>

#include "drivers/modem/at.h"
#include "message.h"

enum at_class {
	/* As at_error.def explains them. */
	AT_CLASS_PERMANENT,
	AT_CLASS_RECIPIENT,
	AT_CLASS_TEMPORARY,
	AT_CLASS_THROTTLE,
	AT_CLASS_FULL,
	AT_CLASS_NETWORK,
	AT_CLASS_NOT_READY,
	AT_CLASS_DEVICE,
	AT_CLASS_CONFIG,
	AT_CLASS_UNKNOWN,
	AT_CLASS_DUPLICATE,
};

#define AT_PLAIN_ERROR_MAX 3 /* an ERROR without a code is TEMPORARY, and CONFIG after so many in a row */

/* `kind`: AT_ERROR, AT_CMS_ERROR or AT_CME_ERROR.  Codes that no table knows, and words, are temporary: attempts are
 * bounded above. */
enum at_class at_error_class(enum at_kind kind, int code);

/* So many refusals of one part with this code, and it is refused for good; 0: it never is. */
unsigned at_error_bound(enum at_kind kind, int code);

/* How a part ends that was refused so, the `n`th time in a row with this code (from 1).  What is of the modem and not
 * of the part gives OUTCOME_LINK_FAULT: the caller pauses the link as well. */
enum outcome at_error_outcome(enum at_class class, unsigned bound, unsigned n);

/* "CMS 21: short message transfer rejected", "CME 14: SIM busy", "ERROR"; written into `buf`. */
const char *at_error_text(enum at_kind kind, int code, char *buf, size_t n_buf);

/* The code for words of AT+CMEE=2, in any case and with or without "(U)"; -1: not known. */
int at_error_code(enum at_kind kind, const char *words);

#endif
