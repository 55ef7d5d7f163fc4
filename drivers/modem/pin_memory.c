/* SPDX-License-Identifier: Apache-2.0 */
/* pin_memory.c -- see pin_memory.h. */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"
#include "drivers/modem/modem.h"
#include "drivers/modem/pin_memory.h"

#define DIGEST (2 * SECRET_HASH_LEN + 1)

static const char *const words[] = { [PIN_NEW] = "new", [PIN_SENT] = "sent", [PIN_REFUSED] = "refused" };

struct job {
	uv_work_t work;
	struct modem *m;
	pin_memory_cb cb;
	unsigned run;           /* of start-up: another one has begun since? */
	bool write;
	enum pin_mark mark;
	int r;
	char path[PATH_MAX], digest[DIGEST];
};

static int digest_of(const char *a, const char *b, char ret[static DIGEST])
{
	uint8_t hash[SECRET_HASH_LEN];
	char text[160];
	int n = snprintf(text, sizeof(text), "posthorn modem %s %s", a, b);
	int r = secret_sha256(text, (size_t)n, hash);

	secret_wipe(text, sizeof(text));
	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(hash); i++)
		snprintf(ret + 2 * i, 3, "%02x", hash[i]);
	return 0;
}

/* What names the SIM; as a rule its number can be read before its PIN is given. */
static const char *sim_of(const struct modem *m)
{
	return m->id.iccid[0] ? m->id.iccid : m->id.imei[0] ? m->id.imei : link_name(m->link);
}

/* ---- on a thread ---- */

static int read_mark(struct job *j)
{
	char line[DIGEST + 16] = "", digest[DIGEST] = "", word[16] = "";
	FILE *f = fopen(j->path, "re");

	j->mark = PIN_NEW;
	if (!f)
		return errno == ENOENT ? 0 : -errno;
	if (fgets(line, sizeof(line), f) && sscanf(line, "%64s %15s", digest, word) == 2 && strcmp(digest, j->digest) == 0)
		j->mark = strcmp(word, words[PIN_SENT]) == 0 ? PIN_SENT : PIN_REFUSED;
	fclose(f);
	return 0;
}

static int write_mark(const struct job *j)
{
	char fresh[PATH_MAX + 8];
	int fd, r = 0;

	if (j->mark == PIN_NEW)
		return unlink(j->path) < 0 && errno != ENOENT ? -errno : 0;
	snprintf(fresh, sizeof(fresh), "%s.new", j->path);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (dprintf(fd, "%s %s\n", j->digest, words[j->mark]) < 0 || fsync(fd) < 0)
		r = -errno;
	close(fd);
	if (r == 0 && rename(fresh, j->path) < 0)
		r = -errno;
	return r;
}

static void work(uv_work_t *w)
{
	struct job *j = w->data;

	j->r = j->write ? write_mark(j) : read_mark(j);
}

/* ---- on the loop ---- */

static void on_done(uv_work_t *w, int status)
{
	struct job *j = w->data;
	struct modem *m = j->m;

	if (j->cb && m->start.running && m->start.run == j->run)
		j->cb(m, status < 0 ? status : j->r, j->mark);
	free(j);
	modem_handle_closed(m);
}

static int queue(struct modem *m, bool write, enum pin_mark mark, pin_memory_cb cb)
{
	const struct conf_link *c = link_conf(m->link);
	struct job *j = calloc(1, sizeof(*j));
	char name[DIGEST];
	int r = j ? digest_of(sim_of(m), c->pin, j->digest) : -ENOMEM;

	if (r == 0)
		r = digest_of(sim_of(m), "", name);
	if (r == 0 && snprintf(j->path, sizeof(j->path), "%s/modem-pin-%.16s", c->data_dir, name) >= (int)sizeof(j->path))
		r = -ENAMETOOLONG;
	if (r == 0) {
		j->m = m;
		j->cb = cb;
		j->run = m->start.run;
		j->write = write;
		j->mark = mark;
		j->work.data = j;
		r = uv_queue_work(m->loop, &j->work, work, on_done);
	}
	if (r < 0)
		free(j);
	else
		m->n_handles++;
	return r;
}

int pin_memory_read(struct modem *m, pin_memory_cb cb)
{
	return queue(m, false, PIN_NEW, cb);
}

int pin_memory_write(struct modem *m, enum pin_mark mark, pin_memory_cb cb)
{
	return queue(m, true, mark, cb);
}
