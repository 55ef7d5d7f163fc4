/* SPDX-License-Identifier: Apache-2.0
 *
 * vfs_shim.c -- see vfs_shim.h.
 *
 * A node is what all handles of one path share: the whole content as the programs see it, and a mark for each block
 * that differs from the disk.  xSync writes the marked blocks through the real VFS and sets the length; it need not
 * sync, as it is this machine that lives on.  Locks and the shared memory of the WAL index are the real VFS's: a power
 * cut takes them away with the machine.
 */
#include "vfs_shim.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 512 /* what a disk writes whole */

struct node {
	struct node *next;
	char *path;
	unsigned n_refs;
	bool fresh;        /* made by us and never synced */
	bool dirty;
	uint8_t *data, *marks; /* marks: one octet a block */
	size_t n, cap;
};

struct file {
	sqlite3_file base;
	struct node *node; /* NULL: a temporary file, passed through */
	sqlite3_file *real;
	bool database; /* not its WAL */
};

static sqlite3_vfs *real_vfs, vfs;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct node *nodes;
static bool is_cut;
static uint64_t calls_left;
static enum powercut_tear tear_how;
static unsigned tear_seed;
static uint64_t n_calls_of[CALL_N], n_failed;
static struct {
	enum powercut_call call;
	enum powercut_fault how;
	uint64_t nth, count;
	unsigned seed;
} fault;

/* ---- nodes, under the mutex ------------------------------------------------------------------------------ */

static bool reserve(struct node *d, size_t n)
{
	size_t cap = d->cap ? d->cap : 65536;
	uint8_t *data, *marks;

	while (cap < n)
		cap *= 2;
	if (cap == d->cap)
		return true;
	data = realloc(d->data, cap);
	if (!data)
		return false;
	d->data = data;
	marks = realloc(d->marks, cap / BLOCK);
	if (!marks)
		return false;
	d->marks = marks;
	memset(d->data + d->cap, 0, cap - d->cap);
	memset(d->marks + d->cap / BLOCK, 0, (cap - d->cap) / BLOCK);
	d->cap = cap;
	return true;
}

static struct node *node_find(const char *path)
{
	struct node *d = nodes;

	while (d && strcmp(d->path, path))
		d = d->next;
	return d;
}

static void node_free(struct node *d)
{
	free(d->path);
	free(d->data);
	free(d->marks);
	free(d);
}

static void node_unref(struct node *d)
{
	struct node **at = &nodes;

	if (--d->n_refs)
		return;
	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	node_free(d);
}

static struct node *node_new(const char *path, sqlite3_file *real, bool fresh)
{
	struct node *d = calloc(1, sizeof *d);
	sqlite3_int64 n = 0;

	if (!d || !(d->path = strdup(path)) || real->pMethods->xFileSize(real, &n) || !reserve(d, n + 1) ||
		(n && real->pMethods->xRead(real, d->data, n, 0))) {
		if (d)
			node_free(d);
		return NULL;
	}
	d->n = n;
	d->fresh = fresh;
	d->next = nodes;
	nodes = d;
	return d;
}

static int write_block(struct node *d, sqlite3_file *real, size_t at, size_t n)
{
	d->marks[at / BLOCK] = 0;
	return real->pMethods->xWrite(real, d->data + at, (int)n, (sqlite3_int64)at);
}

static size_t block_size(const struct node *d, size_t at)
{
	return d->n - at < BLOCK ? d->n - at : BLOCK;
}

/* Write the marked blocks. */
static int flush(struct node *d, sqlite3_file *real)
{
	int rc = SQLITE_OK;

	for (size_t at = 0; !rc && at < d->n; at += BLOCK)
		if (d->marks[at / BLOCK])
			rc = write_block(d, real, at, block_size(d, at));
	return rc;
}

/* Write some of them. */
static void flush_torn(struct node *d, sqlite3_file *real)
{
	unsigned n_marked = 0, turn, i = 0;

	for (size_t at = 0; at < d->n; at += BLOCK)
		n_marked += d->marks[at / BLOCK];
	turn = (unsigned)rand_r(&tear_seed) % (n_marked + 1);
	for (size_t at = 0; at < d->n; at += BLOCK) {
		size_t n = block_size(d, at);

		if (!d->marks[at / BLOCK])
			continue;
		if (tear_how == TEAR_FRONT && i == turn)
			write_block(d, real, at, 1 + (size_t)rand_r(&tear_seed) % n);
		else if (tear_how == TEAR_FRONT ? i < turn : tear_how == TEAR_HOLE ? i != turn : rand_r(&tear_seed) & 1)
			write_block(d, real, at, n);
		i++;
	}
	if (rand_r(&tear_seed) & 1)
		real->pMethods->xTruncate(real, (sqlite3_int64)d->n);
}

static void tear(struct node *d)
{
	sqlite3_file *real = calloc(1, real_vfs->szOsFile);
	int type = strstr(d->path, "-wal") ? SQLITE_OPEN_WAL : SQLITE_OPEN_MAIN_DB;

	if (real && !real_vfs->xOpen(real_vfs, d->path, real, SQLITE_OPEN_READWRITE | type, NULL)) {
		flush_torn(d, real);
		real->pMethods->xClose(real);
	}
	free(real);
}

static void cut(void)
{
	if (is_cut)
		return;
	is_cut = true;
	for (struct node *d = nodes; d; d = d->next) {
		if (d->fresh)
			real_vfs->xDelete(real_vfs, d->path, 0);
		else if (tear_how && d->dirty)
			tear(d);
	}
}

/* Count a call that changes the disk; true when there is no power (any more). */
static bool no_power(void)
{
	if (calls_left && !--calls_left)
		cut();
	return is_cut;
}

/* Is it this one's turn to fail? */
static enum powercut_fault fails(enum powercut_call call)
{
	n_calls_of[call]++;
	if (!fault.how || fault.call != call || (fault.nth && --fault.nth))
		return FAULT_NONE;
	if (fault.count && !--fault.count) {
		enum powercut_fault how = fault.how;

		fault.how = FAULT_NONE;
		n_failed++;
		return how;
	}
	n_failed++;
	return fault.how;
}

/* What could not be written is forgotten, by and large: the pages are clean, and the disk has not got them. */
static void forget_some(struct node *d, sqlite3_file *real)
{
	for (size_t at = 0; at < d->n; at += BLOCK) {
		if (d->marks[at / BLOCK] && rand_r(&fault.seed) % 4)
			d->marks[at / BLOCK] = 0;
		else if (d->marks[at / BLOCK])
			write_block(d, real, at, block_size(d, at));
	}
}

/* ---- files ----------------------------------------------------------------------------------------------- */

/* What was written and never synced is in the page cache, which outlives the program. */
static void leave_in_cache(struct node *d, sqlite3_file *real)
{
	if (d->n_refs > 1 || !d->dirty || is_cut)
		return;
	flush(d, real);
	real->pMethods->xTruncate(real, (sqlite3_int64)d->n);
}

static int pc_close(sqlite3_file *base)
{
	struct file *f = (struct file *)base;
	int rc;

	pthread_mutex_lock(&mutex);
	if (f->node) {
		leave_in_cache(f->node, f->real);
		node_unref(f->node);
	}
	pthread_mutex_unlock(&mutex);
	rc = f->real->pMethods->xClose(f->real);
	free(f->real);
	return rc;
}

static int pc_read(sqlite3_file *base, void *to, int n, sqlite3_int64 at)
{
	struct file *f = (struct file *)base;
	struct node *d = f->node;
	int there, rc = SQLITE_OK;

	if (!d)
		return f->real->pMethods->xRead(f->real, to, n, at);
	pthread_mutex_lock(&mutex);
	there = (size_t)at >= d->n ? 0 : d->n - at < (size_t)n ? (int)(d->n - at) : n;
	memcpy(to, d->data + (there ? at : 0), there);
	if (there < n) {
		memset((char *)to + there, 0, n - there);
		rc = SQLITE_IOERR_SHORT_READ;
	}
	if (is_cut || fails(CALL_READ))
		rc = SQLITE_IOERR_READ;
	pthread_mutex_unlock(&mutex);
	return rc;
}

static bool put(struct node *d, const void *from, size_t n, size_t at)
{
	if (!reserve(d, at + n))
		return false;
	memcpy(d->data + at, from, n);
	memset(d->marks + at / BLOCK, 1, (at + n - 1) / BLOCK - at / BLOCK + 1);
	d->dirty = true;
	if (d->n < at + n)
		d->n = at + n;
	return true;
}

static int pc_write(sqlite3_file *base, const void *from, int n, sqlite3_int64 at)
{
	struct file *f = (struct file *)base;
	struct node *d = f->node;
	enum powercut_fault how;
	int rc = SQLITE_OK;

	if (!d)
		return f->real->pMethods->xWrite(f->real, from, n, at);
	pthread_mutex_lock(&mutex);
	if (no_power()) {
		rc = SQLITE_IOERR_WRITE;
	} else if ((how = fails(CALL_WRITE)) != FAULT_NONE || (f->database && (how = fails(CALL_COPY)) != FAULT_NONE)) {
		rc = how == FAULT_IO ? SQLITE_IOERR_WRITE : SQLITE_FULL;
		if (how == FAULT_SHORT && n > 1)
			put(d, from, 1 + (size_t)rand_r(&fault.seed) % ((size_t)n - 1), (size_t)at);
	} else if (!put(d, from, (size_t)n, (size_t)at)) {
		rc = SQLITE_IOERR_NOMEM;
	}
	pthread_mutex_unlock(&mutex);
	return rc;
}

static int pc_truncate(sqlite3_file *base, sqlite3_int64 n)
{
	struct file *f = (struct file *)base;
	struct node *d = f->node;
	int rc = SQLITE_OK;

	if (!d)
		return f->real->pMethods->xTruncate(f->real, n);
	pthread_mutex_lock(&mutex);
	if (no_power() || fails(CALL_TRUNCATE)) {
		rc = SQLITE_IOERR_TRUNCATE;
	} else if ((size_t)n < d->n) {
		memset(d->data + n, 0, d->n - n);
		d->n = n;
		d->dirty = true;
	}
	pthread_mutex_unlock(&mutex);
	return rc;
}

static int sync_node(struct node *d, sqlite3_file *real)
{
	int rc = SQLITE_OK;

	if (no_power())
		return SQLITE_IOERR_FSYNC;
	if (fails(CALL_SYNC)) {
		forget_some(d, real);
		return SQLITE_IOERR_FSYNC;
	}
	if (d->dirty) {
		rc = flush(d, real);
		if (!rc)
			rc = real->pMethods->xTruncate(real, (sqlite3_int64)d->n);
	}
	if (!rc) {
		d->dirty = false;
		d->fresh = false;
	}
	return rc;
}

static int pc_sync(sqlite3_file *base, int flags)
{
	struct file *f = (struct file *)base;
	int rc;

	if (!f->node)
		return f->real->pMethods->xSync(f->real, flags);
	pthread_mutex_lock(&mutex);
	rc = sync_node(f->node, f->real);
	pthread_mutex_unlock(&mutex);
	return rc;
}

static int pc_size(sqlite3_file *base, sqlite3_int64 *ret)
{
	struct file *f = (struct file *)base;

	if (!f->node)
		return f->real->pMethods->xFileSize(f->real, ret);
	pthread_mutex_lock(&mutex);
	*ret = f->node->n;
	pthread_mutex_unlock(&mutex);
	return SQLITE_OK;
}

static int pc_control(sqlite3_file *base, int op, void *arg)
{
	struct file *f = (struct file *)base;

	/* The real file must not grow before a sync. */
	if (op == SQLITE_FCNTL_SIZE_HINT || op == SQLITE_FCNTL_CHUNK_SIZE)
		return SQLITE_OK;
	return f->real->pMethods->xFileControl(f->real, op, arg);
}

/* The rest goes to the real file as it is. */
#define REAL(base) (((struct file *)(base))->real)

static int pc_lock(sqlite3_file *f, int level)
{
	return REAL(f)->pMethods->xLock(REAL(f), level);
}

static int pc_unlock(sqlite3_file *f, int level)
{
	return REAL(f)->pMethods->xUnlock(REAL(f), level);
}

static int pc_check_lock(sqlite3_file *f, int *ret)
{
	return REAL(f)->pMethods->xCheckReservedLock(REAL(f), ret);
}

static int pc_sector_size(sqlite3_file *f)
{
	return REAL(f)->pMethods->xSectorSize(REAL(f));
}

static int pc_characteristics(sqlite3_file *f)
{
	return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f));
}

static int pc_shm_map(sqlite3_file *f, int page, int n, int extend, void volatile **ret)
{
	enum powercut_fault how;

	pthread_mutex_lock(&mutex);
	how = fails(CALL_SHM_MAP);
	pthread_mutex_unlock(&mutex);
	if (how)
		return how == FAULT_IO ? SQLITE_IOERR_SHMMAP : SQLITE_IOERR_SHMSIZE;
	return REAL(f)->pMethods->xShmMap(REAL(f), page, n, extend, ret);
}

static int pc_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	return REAL(f)->pMethods->xShmLock(REAL(f), offset, n, flags);
}

static void pc_shm_barrier(sqlite3_file *f)
{
	REAL(f)->pMethods->xShmBarrier(REAL(f));
}

static int pc_shm_unmap(sqlite3_file *f, int delete)
{
	return REAL(f)->pMethods->xShmUnmap(REAL(f), delete);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = pc_close,
	.xRead = pc_read,
	.xWrite = pc_write,
	.xTruncate = pc_truncate,
	.xSync = pc_sync,
	.xFileSize = pc_size,
	.xLock = pc_lock,
	.xUnlock = pc_unlock,
	.xCheckReservedLock = pc_check_lock,
	.xFileControl = pc_control,
	.xSectorSize = pc_sector_size,
	.xDeviceCharacteristics = pc_characteristics,
	.xShmMap = pc_shm_map,
	.xShmLock = pc_shm_lock,
	.xShmBarrier = pc_shm_barrier,
	.xShmUnmap = pc_shm_unmap,
};

/* ---- the VFS --------------------------------------------------------------------------------------------- */

static int open_node(struct file *f, const char *path, bool was_there)
{
	int rc = SQLITE_OK;

	pthread_mutex_lock(&mutex);
	f->node = node_find(path);
	if (!f->node)
		f->node = node_new(path, f->real, !was_there);
	if (!f->node || is_cut)
		rc = SQLITE_CANTOPEN;
	if (f->node)
		f->node->n_refs++;
	pthread_mutex_unlock(&mutex);
	return rc;
}

static int pc_open(sqlite3_vfs *v, const char *path, sqlite3_file *base, int flags, int *ret_flags)
{
	struct file *f = (struct file *)base;
	int was_there = 0, rc;

	*f = (struct file){.real = calloc(1, real_vfs->szOsFile), .database = flags & SQLITE_OPEN_MAIN_DB};
	if (!f->real)
		return SQLITE_NOMEM;
	if (path)
		real_vfs->xAccess(real_vfs, path, SQLITE_ACCESS_EXISTS, &was_there);
	rc = real_vfs->xOpen(real_vfs, path, f->real, flags, ret_flags);
	if (rc) {
		free(f->real);
		return rc;
	}
	f->base.pMethods = &methods; /* from here on SQLite calls xClose */
	return path && !(flags & SQLITE_OPEN_DELETEONCLOSE) ? open_node(f, path, was_there) : SQLITE_OK;
}

static int pc_delete(sqlite3_vfs *v, const char *path, int sync_dir)
{
	int rc = SQLITE_IOERR_DELETE;

	pthread_mutex_lock(&mutex);
	if (!no_power())
		rc = real_vfs->xDelete(real_vfs, path, sync_dir);
	pthread_mutex_unlock(&mutex);
	return rc;
}

int powercut_register(void)
{
	real_vfs = sqlite3_vfs_find(NULL);
	if (!real_vfs)
		return SQLITE_ERROR;
	vfs = *real_vfs;
	vfs.pNext = NULL;
	vfs.zName = POWERCUT_VFS;
	vfs.szOsFile = sizeof(struct file);
	vfs.xOpen = pc_open;
	vfs.xDelete = pc_delete;
	return sqlite3_vfs_register(&vfs, 0);
}

void powercut_cut(void)
{
	pthread_mutex_lock(&mutex);
	cut();
	pthread_mutex_unlock(&mutex);
}

void powercut_cut_at(uint64_t n_calls)
{
	pthread_mutex_lock(&mutex);
	calls_left = n_calls;
	pthread_mutex_unlock(&mutex);
}

void powercut_tear(enum powercut_tear how, unsigned seed)
{
	tear_how = how;
	tear_seed = seed;
}

void powercut_fail(enum powercut_call call, enum powercut_fault how, uint64_t nth, uint64_t count, unsigned seed)
{
	pthread_mutex_lock(&mutex);
	fault.call = call;
	fault.how = how;
	fault.nth = nth;
	fault.count = count;
	fault.seed = seed;
	pthread_mutex_unlock(&mutex);
}

static uint64_t counted(const uint64_t *of)
{
	uint64_t n;

	pthread_mutex_lock(&mutex);
	n = *of;
	pthread_mutex_unlock(&mutex);
	return n;
}

uint64_t powercut_n_failed(void)
{
	return counted(&n_failed);
}

uint64_t powercut_n_calls(enum powercut_call call)
{
	return counted(&n_calls_of[call]);
}
