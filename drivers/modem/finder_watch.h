/* SPDX-License-Identifier: Apache-2.0 */
/* finder_watch.h -- be told when ports come and go: inotify on their folders, and the kernel's own events where they
 * reach us.
 *
 * Not uv_fs_event: it asks for every write in the folder, and each octet to a modem is a write in /dev. */
#ifndef MODEM_FINDER_WATCH_H
#define MODEM_FINDER_WATCH_H

#include <uv.h>

struct watch;

/* changed() comes for each bunch of events, from the loop.  Without inotify (no more instances) there are only the
 * kernel's events, without both none: the owner looks now and then anyway. */
int watch_new(uv_loop_t *loop, void (*changed)(void *arg), void *arg, struct watch **ret);
/* Watch the folder of this path or glob; while it is not there, the nearest above it.  Again and again, if need be. */
void watch_folder_of(struct watch *w, const char *path);
/* No callback after this; it frees itself. */
void watch_stop(struct watch *w);

#endif
