/* SPDX-License-Identifier: Apache-2.0 */
/* input.c -- a file, or a pipe that can be read twice; the promises are in input.h. */
#include "config.h"

#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct input {
	int fd;
	int copy;           /* what was read from a pipe; -1 for a file */
	bool ended;         /* the pipe is at its end */
	uint64_t n_copied;
	uint64_t at;
	struct stat first;
};

static int open_copy(void)
{
	char path[4096];
	const char *dir = getenv("TMPDIR");
	size_t n_dir;
	int fd;

	if (!dir || !*dir)
		dir = "/tmp";
	n_dir = strlen(dir);
	if (n_dir + sizeof "/posthorn-XXXXXX" > sizeof path)
		return -ENAMETOOLONG;
	memcpy(path, dir, n_dir);
	memcpy(path + n_dir, "/posthorn-XXXXXX", sizeof "/posthorn-XXXXXX");
	fd = mkstemp(path); /* mode 0600 */
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

int input_open(const char *path, struct input **ret_in)
{
	struct input *in = calloc(1, sizeof *in);
	int r;

	if (!in)
		return -ENOMEM;
	in->copy = -1;
	in->fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (in->fd < 0 || fstat(in->fd, &in->first) < 0) {
		r = -errno;
		goto fail;
	}
	if (S_ISDIR(in->first.st_mode)) {
		r = -EISDIR;
		goto fail;
	}
	if (!S_ISREG(in->first.st_mode)) {
		in->copy = open_copy();
		if (in->copy < 0) {
			r = in->copy;
			goto fail;
		}
	}
	*ret_in = in;
	return 0;

fail:
	input_close(in);
	return r;
}

void input_close(struct input *in)
{
	if (!in)
		return;
	if (in->fd >= 0)
		close(in->fd);
	if (in->copy >= 0)
		close(in->copy);
	free(in);
}

static int keep_copy(struct input *in, const char *buf, size_t n)
{
	while (n) {
		ssize_t r = pwrite(in->copy, buf, n, (off_t)in->n_copied);

		if (r < 0)
			return -errno;
		buf += r;
		n -= (size_t)r;
		in->n_copied += (uint64_t)r;
	}
	return 0;
}

ssize_t input_read(struct input *in, char *buf, size_t n)
{
	ssize_t r;

	if (in->copy < 0)
		r = pread(in->fd, buf, n, (off_t)in->at);
	else if (in->at < in->n_copied)
		r = pread(in->copy, buf, n, (off_t)in->at);
	else if (in->ended)
		return 0;
	else
		r = read(in->fd, buf, n);
	if (r < 0)
		return -errno;
	if (in->copy >= 0 && in->at == in->n_copied) {
		int kept = keep_copy(in, buf, (size_t)r);

		if (kept < 0)
			return kept;
		in->ended = r == 0;
	}
	in->at += (uint64_t)r;
	return r;
}

bool input_waits(const struct input *in)
{
	struct pollfd p = { .fd = in->fd, .events = POLLIN };

	if (in->copy < 0 || in->at < in->n_copied || in->ended)
		return false;
	return poll(&p, 1, 0) == 0;
}

void input_rewind(struct input *in)
{
	in->at = 0;
}

bool input_is_file(const struct input *in)
{
	return in->copy < 0;
}

uint64_t input_size(const struct input *in)
{
	return in->copy < 0 ? (uint64_t)in->first.st_size : 0;
}

uint64_t input_position(const struct input *in)
{
	return in->at;
}

bool input_changed(const struct input *in)
{
	struct stat now;

	if (in->copy >= 0)
		return false;
	return fstat(in->fd, &now) < 0 || now.st_size != in->first.st_size ||
		now.st_mtim.tv_sec != in->first.st_mtim.tv_sec ||
		now.st_mtim.tv_nsec != in->first.st_mtim.tv_nsec;
}
