/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_decode.h -- the two readers behind `posthorn decode`.
 *
 * Each takes the octets of one message, prints what they are, and returns an enum cli_end; CLI_REFUSED when they mean
 * nothing, which it has said. */
#ifndef POSTHORN_CLI_CMD_DECODE_H
#define POSTHORN_CLI_CMD_DECODE_H

#include "cli/cli.h"
#include "cli/hex_input.h"

enum decode_centre {
	CENTRE_GUESS,
	CENTRE_YES,
	CENTRE_NO,
};

/* What data_coding 00 means on the link that the PDU is from. */
enum decode_alphabet {
	ALPHABET_GSM7,
	ALPHABET_GSM7_PACKED,
	ALPHABET_LATIN1,
	ALPHABET_ASCII,
};

struct decode_opts {
	const struct cli *cli;
	enum hex_direction direction;
	enum decode_centre centre;
	enum decode_alphabet alphabet;
};

int decode_tpdu(const struct decode_opts *o, const struct hex_message *m);
int decode_pdu(const struct decode_opts *o, const struct hex_message *m);

/* Say, with --json also on stdout, that the octets are none. */
void decode_say_bad(const struct cli *cli, const char *code, size_t at, const char *why);

#endif
