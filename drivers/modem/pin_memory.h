/* SPDX-License-Identifier: Apache-2.0 */
/* pin_memory.h -- which PIN was refused by which SIM, over restarts of the process.
 *
 * A file of data_dir for each SIM, with a digest of SIM and PIN and what came of it.  It is written before the PIN is
 * given, so that a process that dies in between does not try for ever.  Files are read and written by a thread of
 * libuv's pool. */
#ifndef MODEM_PIN_MEMORY_H
#define MODEM_PIN_MEMORY_H

#include <stdbool.h>

struct modem;

enum pin_mark {
	PIN_NEW,     /* this PIN was not given to this SIM */
	PIN_SENT,    /* it was, and what came of it is not known */
	PIN_REFUSED,
};

typedef void (*pin_memory_cb)(struct modem *m, int r, enum pin_mark mark);

/* Of the SIM that answers now and the PIN of the settings.  0: cb() follows, unless start-up begins anew meanwhile. */
int pin_memory_read(struct modem *m, pin_memory_cb cb);
/* `mark` PIN_NEW forgets it.  `cb` may be NULL. */
int pin_memory_write(struct modem *m, enum pin_mark mark, pin_memory_cb cb);

#endif
