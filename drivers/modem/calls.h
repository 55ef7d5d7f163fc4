/* SPDX-License-Identifier: Apache-2.0 */
/* calls.h -- somebody calls the SIM: it is noted, and refused where `hang_up_calls` says so.  Sending goes on. */
#ifndef MODEM_CALLS_H
#define MODEM_CALLS_H

#include <stdbool.h>
#include <stdint.h>

struct modem;

struct calls {
	uint64_t n, rang_ms; /* of the loop's clock, the last time */
	bool refused;
};

/* True: RING, +CRING, +CLIP or what ends a call. */
bool calls_urc(struct modem *m, const char *line);

#endif
