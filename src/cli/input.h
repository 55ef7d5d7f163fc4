/* SPDX-License-Identifier: Apache-2.0 */
/* input.h -- a file, or a pipe that can be read twice.
 *
 * A submission that breaks off is resumed by posting the same body again, so what was read must be readable again.
 * A regular file is; of a pipe or a terminal a copy is kept in an unlinked temporary file ($TMPDIR or /tmp), so that
 * memory stays bounded and nothing of it can be found afterwards.
 */
#ifndef POSTHORN_CLI_INPUT_H
#define POSTHORN_CLI_INPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct input;

/* `path` "-" is standard input.  Returns 0 or -errno. */
int input_open(const char *path, struct input **ret_in);
void input_close(struct input *in);

/* Up to `n` octets; 0 at the end; -errno.  -EINTR comes through, so that Ctrl-C ends a wait for a pipe. */
ssize_t input_read(struct input *in, char *buf, size_t n);

/* Would input_read() wait for somebody to write? */
bool input_waits(const struct input *in);

void input_rewind(struct input *in);

/* A regular file, which can be read through beforehand? */
bool input_is_file(const struct input *in);

/* Octets in all; 0 when that is not known beforehand.  Octets read since the last rewind. */
uint64_t input_size(const struct input *in);
uint64_t input_position(const struct input *in);

/* Has the file been written to since it was opened?  A resumed body must not change. */
bool input_changed(const struct input *in);

#endif
