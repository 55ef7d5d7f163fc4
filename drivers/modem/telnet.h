/* SPDX-License-Identifier: Apache-2.0 */
/* telnet.h -- take telnet's negotiation out of what a terminal server sends (RFC 854, 855, 1143).
 *
 * Modems speak ASCII, so an IAC (255) with a verb behind it means that the other end is a telnet server, and not only a
 * socket in front of a wire.  We want eight clean bits both ways (RFC 856) and no "go ahead" (RFC 858), no echo, and
 * nothing else; each option is answered once, which ends every loop.
 *
 * Pure: no socket, no heap. */
#ifndef MODEM_TELNET_H
#define MODEM_TELNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct telnet {
	bool on;           /* it is one */
	uint8_t state, verb;
	uint8_t will[32], do_[32]; /* requests answered, one bit for each option */
};

/* Room for what answers n octets. */
#define TELNET_ANSWER_MAX(n) (9 + (n))

void telnet_init(struct telnet *t);
/* Move what is data to the front of data[]; its length.  What must be answered goes to answer[], which has room for
 * TELNET_ANSWER_MAX(n). */
size_t telnet_read(struct telnet *t, uint8_t *data, size_t n, uint8_t *answer, size_t *ret_n_answer);

#endif
