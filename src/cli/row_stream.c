/* SPDX-License-Identifier: Apache-2.0 */
/* row_stream.c -- the rows of a file as the body of a post; see row_stream.h. */
#include "config.h"

#include "cli/row_stream.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"

enum {
	BAR_EVERY_MS = 200,
	LINE_EVERY_MS = 5000,
};

/* -- options -- */

enum {
	OPT_FORMAT = 0x3000,
	OPT_DELIMITER,
	OPT_MAP,
	OPT_IGNORE_UNKNOWN,
};

static const struct argp_option options[] = {
	{ "format", OPT_FORMAT, "FORMAT", 0, "csv or ndjson (default: by extension; .ndjson, .jsonl, else csv)", 0 },
	{ "delimiter", OPT_DELIMITER, "CHAR", 0, "What separates columns (default: , ; or tab, seen in the header)", 0 },
	{ "map", OPT_MAP, "COLUMN=FIELD", 0, "A column under another name; may be repeated", 0 },
	{ "ignore-unknown", OPT_IGNORE_UNKNOWN, NULL, 0, "Leave out columns that are no field of a message", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct file_opts *f = state->input;

	switch (key) {
	case OPT_FORMAT:
		if (strcmp(arg, "csv") != 0 && strcmp(arg, "ndjson") != 0)
			argp_error(state, "--format: csv or ndjson, not \"%s\"", arg);
		f->format = arg;
		return 0;
	case OPT_DELIMITER:
		f->delimiter = strcmp(arg, "tab") == 0 || strcmp(arg, "\\t") == 0 ? "\t" : arg;
		if (strlen(f->delimiter) != 1 || strchr("\"\r\n", f->delimiter[0]))
			argp_error(state, "--delimiter: one character, or `tab`");
		return 0;
	case OPT_MAP:
		if (!strchr(arg, '='))
			argp_error(state, "--map: COLUMN=FIELD, not \"%s\"", arg);
		else if (f->n_maps == FILE_MAX_MAPS)
			argp_error(state, "--map: at most %d", FILE_MAX_MAPS);
		else
			f->maps[f->n_maps++] = arg;
		return 0;
	case OPT_IGNORE_UNKNOWN:
		f->ignore_unknown = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp file_opts_argp = { .options = options, .parser = parse_option };

/* -- the file -- */

const char *file_name(const struct file_opts *file)
{
	return strcmp(file->path, "-") == 0 ? "standard input" : file->path;
}

static bool ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), n_end = strlen(end);

	return n >= n_end && strcmp(s + n - n_end, end) == 0;
}

int row_stream_open(struct row_stream *s, const struct file_opts *file, const json_t *defaults)
{
	struct rows_config config = { .defaults = defaults, .map = file->maps, .ignore_unknown = file->ignore_unknown,
		.delimiter = file->delimiter ? file->delimiter[0] : 0 };
	const char *path = file->path;
	int r = input_open(path, &s->in);

	if (r < 0) {
		cli_error("cannot open %s: %s", path, strerror(-r));
		return CLI_USAGE;
	}
	if (file->format ? strcmp(file->format, "ndjson") == 0 : ends_in(path, ".ndjson") || ends_in(path, ".jsonl"))
		config.format = ROWS_NDJSON;
	s->rows = rows_new(&config, s->in);
	s->bar = isatty(STDERR_FILENO);
	s->progress.n_octets = input_size(s->in);
	return s->rows ? CLI_OK : CLI_REFUSED;
}

void row_stream_close(struct row_stream *s)
{
	rows_free(s->rows);
	input_close(s->in);
}

void row_stream_rewind(struct row_stream *s)
{
	rows_rewind(s->rows);
	progress_restart(&s->progress, cli_now_ms());
	s->row.json = NULL;
	s->n_sent = s->n_skipped = 0;
	s->at_end = false;
}

/* -- progress -- */

static size_t stderr_columns(void)
{
	struct winsize w;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 1 ? (size_t)w.ws_col - 1 : 79;
}

void row_stream_clear(struct row_stream *s)
{
	if (s->bar_shown)
		fputs("\r\033[K", stderr);
	s->bar_shown = false;
}

void row_stream_show(struct row_stream *s, bool now)
{
	char line[256];
	long long now_ms = cli_now_ms();
	bool due;

	progress_update(&s->progress, now_ms, input_position(s->in), s->n_sent);
	due = progress_due(&s->progress, now_ms, s->bar ? BAR_EVERY_MS : LINE_EVERY_MS);
	if (s->quiet || !(due || (now && s->bar)))
		return;
	progress_line(&s->progress, s->bar, s->bar ? stderr_columns() : sizeof line - 1, line, sizeof line);
	if (s->bar)
		fprintf(stderr, "\r\033[K%s", line);
	else
		fprintf(stderr, "%s\n", line);
	s->bar_shown = s->bar;
}

/* -- the stream -- */

/* Make the next row that goes to the gateway the present one.  1, 0 at the end, -errno. */
static int next_sent_row(struct row_stream *s)
{
	int r;

	for (;;) {
		r = rows_next(s->rows, &s->row);
		if (r <= 0 || s->row.json)
			break;
		s->n_skipped++;
	}
	s->n_taken = 0;
	if (r > 0)
		s->n_sent++;
	else
		s->row.json = NULL;
	return r;
}

/* Rows are cut where the buffer of libcurl ends; what is left of one goes out with the next call. */
long row_stream_read(void *arg, char *buf, size_t n)
{
	struct row_stream *s = arg;
	size_t n_done = 0;

	while (n_done < n) {
		size_t part;

		if (!s->row.json) {
			int r;

			if (n_done && rows_wait(s->rows)) /* a slow pipe: let go what is there */
				break;
			r = next_sent_row(s);
			if (r < 0)
				return r;
			if (r == 0) {
				s->at_end = true;
				break;
			}
		}
		part = s->row.n_octets - s->n_taken;
		if (part > n - n_done)
			part = n - n_done;
		memcpy(buf + n_done, s->row.json + s->n_taken, part);
		n_done += part;
		s->n_taken += part;
		if (s->n_taken == s->row.n_octets)
			s->row.json = NULL;
	}
	row_stream_show(s, false);
	return (long)n_done;
}

bool row_stream_tick(void *arg)
{
	row_stream_show(arg, false);
	return true;
}
