/* SPDX-License-Identifier: Apache-2.0
 *
 * store_file.c -- see store_file.h.
 */
#include "queue/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_VERSIONS 18 /* the file format's octets for who writes and who reads: 1 = without a log, 2 = with one */

/* -1: there is none. */
static int64_t octets_of(const char *path, const char *end)
{
	char file[4200];
	struct stat st;

	if (snprintf(file, sizeof file, "%s%s", path, end) >= (int)sizeof file || stat(file, &st) < 0)
		return -1;
	return st.st_size;
}

/* The first that the gateway does with a file is to say in its header that it has a log, and nothing else takes that
 * back as long as there is one.  A backup says that it has none. */
static bool says_it_has_no_log(const char *path)
{
	uint8_t versions[2] = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (pread(fd, versions, sizeof versions, HEADER_VERSIONS) < 0)
		versions[0] = 0;
	close(fd);
	return versions[0] == 1 && versions[1] == 1;
}

int store_file_look(const char *path, bool *ret_empty, char *err, size_t n_err)
{
	int64_t octets = octets_of(path, "");

	*ret_empty = octets == 0;
	if (octets == 1) {
		snprintf(err, n_err, "%s: one octet, which is no database; a backup can be put back in place of it and of its"
			" -wal", path);
		return -EUCLEAN;
	}
	if (octets_of(path, "-wal") <= 0)
		return 0;
	if (octets <= 0)
		snprintf(err, n_err, "%s: %s, but there is %s-wal, the log of a database; put the file back, or a backup in place"
			" of both", path, octets < 0 ? "is missing" : "empty", path);
	else if (says_it_has_no_log(path))
		snprintf(err, n_err, "%s: the log beside it (-wal) is that of another database; where this one is a backup that was"
			" put back, move -wal and -shm away", path);
	else
		return 0;
	return -EUCLEAN;
}

/* ---- the VFS --------------------------------------------------------------------------------------------- */

#define VFS_NAME    "posthorn"
#define METHODS_MAX 4 /* SQLite's own VFS has one table of methods for each way to lock */

/* The file stays that of SQLite's VFS; its methods are a copy of its own, with another xRead. */
struct methods {
	sqlite3_io_methods copy; /* first: a file points to it */
	const sqlite3_io_methods *of;
};

static struct {
	pthread_mutex_t mutex;
	sqlite3_vfs vfs;
	struct methods methods[METHODS_MAX];
} own = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static int read_file(sqlite3_file *f, void *buf, int n, sqlite3_int64 at)
{
	int rc = ((const struct methods *)f->pMethods)->of->xRead(f, buf, n, at);

	return rc == SQLITE_IOERR_CORRUPTFS ? SQLITE_IOERR_READ : rc;
}

/* `of` itself when there are more tables than expected: then all is as without this VFS. */
static const sqlite3_io_methods *methods_of(const sqlite3_io_methods *of)
{
	const sqlite3_io_methods *ret = of;

	pthread_mutex_lock(&own.mutex);
	for (struct methods *m = own.methods; m < own.methods + METHODS_MAX && ret == of; m++) {
		if (!m->of) {
			m->copy = *of;
			m->copy.xRead = read_file;
			m->of = of;
		}
		if (m->of == of)
			ret = &m->copy;
	}
	pthread_mutex_unlock(&own.mutex);
	return ret;
}

static int open_with_methods(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *ret_flags)
{
	sqlite3_vfs *of = vfs->pAppData;
	int rc = of->xOpen(of, name, f, flags, ret_flags);

	if (f->pMethods)
		f->pMethods = methods_of(f->pMethods);
	return rc;
}

static void register_vfs(void)
{
	sqlite3_vfs *of = sqlite3_vfs_find(NULL);

	if (!of)
		return;
	own.vfs = *of;
	own.vfs.zName = VFS_NAME;
	own.vfs.pAppData = of;
	own.vfs.pNext = NULL;
	own.vfs.xOpen = open_with_methods;
	sqlite3_vfs_register(&own.vfs, 0);
}

const char *store_file_vfs(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, register_vfs);
	return sqlite3_vfs_find(VFS_NAME) ? VFS_NAME : NULL;
}

void store_file_keep_log(struct sqlite3 *db, const char *path)
{
	if (db && octets_of(path, "-wal") > 0)
		sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}
