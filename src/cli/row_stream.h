/* SPDX-License-Identifier: Apache-2.0 */
/* row_stream.h -- the rows of a file as the body of a post, with a bar that shows how far it is.
 *
 * Shared by the commands that send files: which file and how to read it (options), the octets for libcurl as it asks
 * for them, and the progress on standard error: a bar on a terminal, else a line now and then.
 */
#ifndef POSTHORN_CLI_ROW_STREAM_H
#define POSTHORN_CLI_ROW_STREAM_H

#include <argp.h>

#include "cli/progress.h"
#include "cli/rows.h"

enum {
	FILE_MAX_MAPS = 64,
};

/* What was asked for. */
struct file_opts {
	const char *path;
	const char *format, *delimiter; /* NULL: find out */
	const char *maps[FILE_MAX_MAPS + 1];
	size_t n_maps;
	bool ignore_unknown;
};

/* The file as errors call it. */
const char *file_name(const struct file_opts *file);

/* --format, --delimiter, --map, --ignore-unknown; its input is a struct file_opts. */
extern const struct argp file_opts_argp;

struct row_stream {
	struct input *in;
	struct rows *rows;
	bool quiet;
	uint64_t n_sent;    /* rows handed to the wire since the last rewind */
	uint64_t n_skipped; /* rows refused here since then */
	bool at_end;        /* every row was handed to the wire */
	struct row row;     /* its octets from n_taken on still have to go */
	size_t n_taken;
	struct progress progress;
	bool bar, bar_shown;
};

/* Open the file; `defaults` is lent.  Returns CLI_OK, or says what is wrong and returns the end. */
int row_stream_open(struct row_stream *s, const struct file_opts *file, const json_t *defaults);
void row_stream_close(struct row_stream *s);
void row_stream_rewind(struct row_stream *s);

/* Up to `n` octets of the body, for struct api_stream; `arg` is the row_stream. */
long row_stream_read(void *arg, char *buf, size_t n);

/* Show how far it is when that is due, or a bar `now`; and take the bar away. */
void row_stream_show(struct row_stream *s, bool now);
void row_stream_clear(struct row_stream *s);
bool row_stream_tick(void *arg);

#endif
