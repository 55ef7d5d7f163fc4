/* SPDX-License-Identifier: Apache-2.0
 *
 * store_sqlite_checkpoint.c -- from the WAL back into the database, beside the writer.
 *
 * What is committed lies in the WAL and must be copied back and synced before the WAL can begin anew.  SQLite would do
 * that inside a COMMIT, and everybody would wait for tens of milliseconds, a one-time code as well.  So a thread with a
 * connection of its own copies while commits go on, again and again as long as much is left; then the writer copies
 * the few pages that came meanwhile, and its next transaction begins the WAL anew.
 *
 *     writer:   ASKED at so many pages ─┐              ┌─► copies the rest ─► IDLE
 *     thread:                           └─► copies ─► DONE
 *
 * A checkpoint that fails, or that a reader stands in the way of, comes again some pages later; the first failure is
 * told, and when it works again: nothing is lost meanwhile, but the WAL grows.  A disk on which the copying cannot keep
 * up makes the writer wait, or the WAL would grow without bound.
 */
#include "base/log.h"
#include "queue/store_sqlite.h"

#include <errno.h>
#include <pthread.h>

#define BEGIN_PAGES 4000
#define AGAIN_PAGES 1000  /* after one that left something … */
#define SOON_PAGES  250   /* … or nothing, but a reader kept the WAL from beginning anew */
#define MOST_PAGES  32000 /* 128 MB: here the writer waits */
#define FEW_PAGES   200   /* the writer copies so many in no time */
#define ROUNDS      4

static int on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct checkpoint *c = arg;

	if (pages < c->pages) /* it has begun anew */
		c->next = BEGIN_PAGES;
	c->pages = pages;
	return SQLITE_OK;
}

/* Once when it begins, once when it is over.  The thread and the writer take turns, so both know what was told. */
static void tell(struct checkpoint *c, int rc, int n_pages)
{
	bool failing = rc != SQLITE_OK;

	if (failing == c->failing || (rc & 0xff) == SQLITE_BUSY) /* somebody else copies */
		return;
	c->failing = failing;
	if (failing)
		log_warn("checkpoint_failing", "error=%s code=%d", sqlite3_errstr(rc), rc);
	else
		log_warn("checkpoint_works", "wal_pages=%d", n_pages);
}

/* *ret_left: pages that are not copied yet. */
static int copy_back(struct checkpoint *c, sqlite3 *db, int *ret_left)
{
	int n_pages = 0, n_copied = 0;
	int rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, &n_pages, &n_copied);

	tell(c, rc, n_pages);
	*ret_left = n_pages - n_copied;
	return rc;
}

static void checkpoint_thread(void *arg)
{
	struct store *s = arg;
	struct checkpoint *c = &s->checkpoint;
	int left, rc;

	pthread_setname_np(pthread_self(), "checkpoint");
	uv_mutex_lock(&s->mutex);
	for (;;) {
		while (c->state != CHECKPOINT_ASKED && !s->stop)
			uv_cond_wait(&c->work, &s->mutex);
		if (s->stop)
			break;
		uv_mutex_unlock(&s->mutex);
		for (int i = 0; i < ROUNDS; i++) {
			rc = copy_back(c, c->db, &left);
			if (rc != SQLITE_OK || left <= FEW_PAGES)
				break;
		}
		uv_mutex_lock(&s->mutex);
		c->much_left = rc != SQLITE_OK || left > FEW_PAGES;
		c->state = CHECKPOINT_DONE;
		uv_cond_signal(&c->done);
	}
	c->state = CHECKPOINT_DONE; /* nobody waits for it any more */
	uv_cond_signal(&c->done);
	uv_mutex_unlock(&s->mutex);
	sqlite3_close(c->db);
	c->db = NULL;
	store_thread_ended(s);
}

void checkpoint_after_commit(struct store *s)
{
	struct checkpoint *c = &s->checkpoint;
	bool done, much_left;
	int left;

	uv_mutex_lock(&s->mutex);
	if (c->state == CHECKPOINT_IDLE && c->pages >= c->next) {
		c->state = CHECKPOINT_ASKED;
		uv_cond_signal(&c->work);
	}
	while (c->state == CHECKPOINT_ASKED && c->pages >= MOST_PAGES && !s->stop)
		uv_cond_wait(&c->done, &s->mutex);
	done = c->state == CHECKPOINT_DONE && !s->stop;
	if (done)
		c->state = CHECKPOINT_IDLE;
	much_left = c->much_left;
	uv_mutex_unlock(&s->mutex);
	if (!done)
		return;
	c->next = c->pages + AGAIN_PAGES;
	if (much_left && c->pages < MOST_PAGES)
		return; /* everybody would wait for it here */
	if (copy_back(c, s->writer.db, &left) == SQLITE_OK && left == 0)
		c->next = c->pages + SOON_PAGES;
}

int checkpoint_open(struct store *s)
{
	struct checkpoint *c = &s->checkpoint;
	int rc = db_open_reader(s, &c->db);

	c->next = BEGIN_PAGES;
	sqlite3_wal_hook(s->writer.db, on_commit, c);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(c->db, s->no_sync ? "PRAGMA synchronous = OFF" : "PRAGMA synchronous = FULL", NULL, NULL, NULL);
	return rc;
}

int checkpoint_start(struct store *s)
{
	return uv_thread_create(&s->checkpoint.thread, checkpoint_thread, s);
}
