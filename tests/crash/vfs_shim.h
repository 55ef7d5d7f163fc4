/* SPDX-License-Identifier: Apache-2.0
 *
 * vfs_shim.h -- an SQLite VFS, "powercut", on which the power can fail.
 *
 * Writes, truncations and new files stay in memory until xSync; what was not synced when the power fails never reaches
 * the disk, or reaches it in part.  Connections of one process share what is in memory, as they would share the page
 * cache.  From the cut on every call fails.  The program then ends, and another one opens the file with the plain VFS.
 *
 * Not simulated: the undoing of an unsynced deletion (in WAL mode files are deleted only by an orderly close).
 */
#ifndef VFS_SHIM_H
#define VFS_SHIM_H

#include <stdint.h>

#define POWERCUT_VFS "powercut"

int powercut_register(void);
/* Now; from any thread. */
void powercut_cut(void);
/* At the n-th write, truncation or sync from now on. */
void powercut_cut_at(uint64_t n_calls);
/* Not 0: a random part of the unsynced blocks does reach the disk, in no order, as real disks do. */
void powercut_tear(unsigned seed);
uint64_t powercut_n_syncs(void);

#endif
