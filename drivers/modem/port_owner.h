/* SPDX-License-Identifier: Apache-2.0 */
/* port_owner.h -- who has the port that we may not have: sentences for people.
 *
 * They look through /proc, so call them in a thread, not on the loop. */
#ifndef MODEM_PORT_OWNER_H
#define MODEM_PORT_OWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A lock file as minicom, pppd and others write it (/run/lock/LCK..ttyUSB0): the process, if it lives and is not we;
 * else 0. */
pid_t port_lock_file_owner(const char *path);
/* "gammu-smsd (process 812)", as far as it can be seen; false: nobody but perhaps we. */
bool port_used_by(const char *path, char *who, size_t n_who);
/* "/dev/ttyUSB0 is in use by gammu-smsd (process 812): …".  `pid` 0: look for it. */
void port_say_busy(const char *path, pid_t pid, char *why, size_t n_why);
/* "no permission for /dev/ttyUSB0: …" */
void port_say_denied(const char *path, char *why, size_t n_why);

#endif
