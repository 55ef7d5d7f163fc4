/* SPDX-License-Identifier: Apache-2.0
 *
 * backup_dies.c -- `posthorn backup` that is killed on its way.
 *
 *     backup-dies DATABASE COPY copied|named
 *
 * SIGKILL when all pages were copied, or when the copy was read through and is to get its name.
 */
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "queue/care.h"

static const char *where;

static void pass(const char *name)
{
	if (strcmp(name, where))
		return;
	kill(getpid(), SIGKILL);
	pause();
}

int __real_sqlite3_backup_finish(sqlite3_backup *b);
int __wrap_sqlite3_backup_finish(sqlite3_backup *b);

int __wrap_sqlite3_backup_finish(sqlite3_backup *b)
{
	pass("copied");
	return __real_sqlite3_backup_finish(b);
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);

int __wrap_rename(const char *from, const char *to)
{
	pass("named");
	return __real_rename(from, to);
}

int main(int argc, char **argv)
{
	char err[256];

	if (argc != 4)
		return 2;
	where = argv[3];
	if (care_backup(argv[1], argv[2], false, NULL, NULL, err, sizeof err) < 0) {
		fprintf(stderr, "%s\n", err);
		return 1;
	}
	return 0;
}
