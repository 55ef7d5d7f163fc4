/* SPDX-License-Identifier: Apache-2.0 */
/* json_lines.h -- cut a stream of octets into lines, whatever the pieces in which it comes.
 *
 * For application/x-ndjson: lines end in LF, a CR before it is dropped, blank lines are skipped, and the last
 * line needs no LF.  Memory is bounded: a line longer than the limit is reported once, in its place, and its
 * octets are dropped as they come.
 *
 * json_digest chains rows into 128 bits, so that a repeated stream can be compared with what was done of the
 * first one without keeping it.  It tells mistakes from repetition; it is no signature.
 */
#ifndef INTAKE_JSON_LINES_H
#define INTAKE_JSON_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define JSON_LINE_MAX	262144
#define JSON_LINES_HELD (JSON_LINE_MAX + 1048576) /* what may be fed ahead of json_lines_next() */

struct json_lines {
	struct buf b;
	size_t scanned; /* octets of b known to hold no LF */
	size_t used;	/* octets of the line lent last, dropped by the next call */
	bool skipping;	/* inside a line that was too long */
	bool ended;
};

void json_lines_init(struct json_lines *l);
void json_lines_done(struct json_lines *l);

/* -ENOSPC, -ENOMEM: nothing was taken. */
int json_lines_feed(struct json_lines *l, const void *data, size_t n);
void json_lines_end(struct json_lines *l); /* no more comes */

/* 1: a line, without its end, lent until the next call.  -E2BIG: a line that was too long.  0: nothing more
 * for now. */
int json_lines_next(struct json_lines *l, const char **ret_line, size_t *ret_n);

struct json_digest {
	uint64_t lane[2];
};

void json_digest_init(
	struct json_digest *d, char kind); /* kind: what is digested, so that two kinds never match */
void json_digest_row(struct json_digest *d, const void *row, size_t n);
void json_digest_text(const struct json_digest *d, uint8_t ret[static 16]);

#endif
