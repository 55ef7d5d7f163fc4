/* SPDX-License-Identifier: Apache-2.0
 *
 * store_file.c -- see store_file.h.
 */
#include "queue/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
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

void store_file_keep_log(struct sqlite3 *db, const char *path)
{
	if (db && octets_of(path, "-wal") > 0)
		sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}
