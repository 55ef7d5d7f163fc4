/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_decode_at.h -- `posthorn decode at FILE`: what passed between a modem and whoever talked to it, line by line. */
#ifndef POSTHORN_CLI_CMD_DECODE_AT_H
#define POSTHORN_CLI_CMD_DECODE_AT_H

#include "cli/cli.h"

/* `path`: "-" is standard input.  Returns an enum cli_end; CLI_REFUSED when nothing in it is of a modem. */
int decode_at(const struct cli *cli, const char *path);

#endif
