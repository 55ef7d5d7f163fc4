/* SPDX-License-Identifier: Apache-2.0 */
/* care.h -- look after a database file from outside: tell what is wrong with it, and copy it while it is in use.
 *
 * Both work on the file itself, beside a running gateway or without one, and change nothing in it.  They read one
 * snapshot: what the gateway writes meanwhile is not in it, and its log (the -wal file) cannot be shortened until they
 * are done.
 */
#ifndef QUEUE_CARE_H
#define QUEUE_CARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum care_kind {
	CARE_FACT,    /* how it is: a count */
	CARE_WARNING, /* works, but somebody should look */
	CARE_ERROR,   /* a promise is broken, or the file is */
};

struct care_finding {
	enum care_kind kind;
	const char *code;  /* stable: "messages", "corrupt" */
	int64_t n;         /* how many */
	const char *text;  /* a sentence; "" for facts that need none */
};

typedef void (*care_each_cb)(void *arg, const struct care_finding *f);

struct idem_shape;
struct sqlite3;

/* The idempotency keys of an open database against their sorted runs; care_check() does it unless it is quick. */
void care_keys(struct sqlite3 *db, const struct idem_shape *shape, care_each_cb each, void *arg);

/* `path`: the database, or the folder it lies in.  `quick`: leave out reading every page.  0 when it could be looked
 * at, whatever was found; else -errno and a sentence in `err`. */
int care_check(const char *path, bool quick, care_each_cb each, void *arg, char *err, size_t n_err);

/* Copy the database to `to`, which must not exist unless `replace`.  The copy is complete, synced and read through
 * before it gets its name, so what is there under that name is always whole.  progress() may end it: true, and
 * -ECANCELED is returned.  Until then it is `to`.part; on failure nothing is left behind, and what one that was killed
 * left is replaced by the next to the same place.  -EBUSY: one to the same place is under way. */
int care_backup(const char *path, const char *to, bool replace,
	bool (*progress)(void *arg, int64_t pages_done, int64_t pages), void *arg, char *err, size_t n_err);

#endif
