/* SPDX-License-Identifier: Apache-2.0
 *
 * notify.h -- tell systemd how we are (the sd_notify protocol: datagrams to the socket named in NOTIFY_SOCKET).
 */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

/* "READY=1", "STOPPING=1", "RELOADING=1\nMONOTONIC_USEC=…".  Without NOTIFY_SOCKET nothing happens. */
void notify_systemd(const char *state);

#endif
