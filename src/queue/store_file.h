/* SPDX-License-Identifier: Apache-2.0 */
/* store_file.h -- the file of a database and its log, before SQLite opens them and as it closes them: for the store,
 * and for who looks at the file from outside (care.h).
 *
 * SQLite takes a file of no octet, or of one, for a database that is to be made, and removes the log beside it; and the
 * last connection that closes copies the log into the file and removes it, whatever it has found there.  Both would
 * destroy what is left of a damaged database.
 */
#ifndef QUEUE_STORE_FILE_H
#define QUEUE_STORE_FILE_H

#include <stdbool.h>
#include <stddef.h>

struct sqlite3;

/* Name of the VFS to open it with: as SQLite's own, but for a read that the disk refuses (EIO).  SQLite calls that a
 * damaged file; here it is an error of the disk, which may be gone when it is read again.  NULL: SQLite's own. */
const char *store_file_vfs(void);

/* -EUCLEAN and a sentence when file and log cannot belong together, or the file is none.  *ret_empty: it is there, and
 * of no octet. */
int store_file_look(const char *path, bool *ret_empty, char *err, size_t n_err);
/* Before a connection is closed that shall leave the log as it is.  A log without an octet still goes, as nothing is in
 * it. */
void store_file_keep_log(struct sqlite3 *db, const char *path);

#endif
