/* SPDX-License-Identifier: Apache-2.0
 *
 * vfs_shim.h -- an SQLite VFS, "powercut", on which the power can fail, and single calls too.
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

/* ---- power ---- */

/* Now; from any thread. */
void powercut_cut(void);
/* At the n-th write, truncation or sync from now on. */
void powercut_cut_at(uint64_t n_calls);

/* What of the unsynced blocks of 512 octets reaches the disk all the same. */
enum powercut_tear {
	TEAR_NONE,
	TEAR_RANDOM, /* any of them, in no order, as real disks do */
	TEAR_FRONT,  /* the first ones, and the next one in part */
	TEAR_HOLE,   /* all but one */
	TEAR_N
};
void powercut_tear(enum powercut_tear how, unsigned seed);

/* ---- faults ---- */

enum powercut_call {
	CALL_WRITE,
	CALL_SYNC,
	CALL_TRUNCATE,
	CALL_SHM_MAP,
	CALL_READ,
	CALL_COPY, /* a write to the database itself, which is what a checkpoint does */
	CALL_N
};

enum powercut_fault {
	FAULT_NONE,
	FAULT_IO,    /* EIO; a sync that fails drops some of what it should have written, and the next one is content */
	FAULT_FULL,  /* ENOSPC */
	FAULT_SHORT, /* ENOSPC, after a part was written */
	FAULT_N
};
/* The n-th such call from now on fails, and those that follow it until `count` have failed (0: until the next call of
 * this function). */
void powercut_fail(enum powercut_call call, enum powercut_fault how, uint64_t nth, uint64_t count, unsigned seed);
uint64_t powercut_n_failed(void);
uint64_t powercut_n_calls(enum powercut_call call);

#endif
