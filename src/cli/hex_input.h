/* SPDX-License-Identifier: Apache-2.0 */
/* hex_input.h -- octets as people paste them: hexadecimal, with what is around it in logs and terminals.
 *
 * Blanks, line breaks, colons, hyphens and commas between octets do not matter, nor a leading 0x.  Lines of a modem may
 * stand in front:
 *
 *     +CMT: ,30            +CMGL: 3,1,,30       +CMGR: 1,,30         +CDS: 25         AT+CMGS=23
 *     0791...              0791...              0791...              0691...          > 0011...
 *
 * They begin a message each, and tell its direction, that the service centre stands in front, and how many octets the
 * modem counted.  Without such lines everything is one run of octets.
 */
#ifndef POSTHORN_CLI_HEX_INPUT_H
#define POSTHORN_CLI_HEX_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/text.h"

enum {
	HEX_MAX_OCTETS = 1 << 20, /* of input */
};

enum hex_direction {
	HEX_UNKNOWN,
	HEX_MT,
	HEX_MO,
};

struct hex_message {
	struct text octets;           /* .n octets, not a string */
	bool from_modem;              /* a line of a modem stood in front */
	enum hex_direction direction; /* as that line says */
	long n_counted;               /* octets of the TPDU as the modem counted them; -1: not said */
};

struct hex_cursor {
	const char *at, *end;
	unsigned line;
};

struct hex_fault {
	unsigned line, column; /* from 1 */
	char what[120];        /* a sentence without a full stop */
};

void hex_begin(struct hex_cursor *c, const char *s, size_t n);

/* 1 and the next message; 0 at the end; -EINVAL: no hexadecimal.  `ret->octets` is used again by each call. */
int hex_next(struct hex_cursor *c, struct hex_message *ret, struct hex_fault *ret_fault);

#endif
