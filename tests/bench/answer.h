/* SPDX-License-Identifier: Apache-2.0 */
/* answer.h -- the fastest carrier there can be, for measuring what talks to it: a process of its own that answers each
 * bind, submit_sm, enquire_link and unbind with success, all answers to one read in one write.  It looks at nothing
 * else of a PDU, keeps nothing and gives no receipts; its octets are written down from SMPP 3.4, not made by the code
 * under test. */
#ifndef BENCH_ANSWER_H
#define BENCH_ANSWER_H

#include <sys/types.h>

/* Begin one that listens on loopback: its port, and its pid to be ended with answer_stop().  Exits on failure. */
int answer_start(pid_t *ret_pid);
void answer_stop(pid_t pid);

#endif
