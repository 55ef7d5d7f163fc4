/* SPDX-License-Identifier: Apache-2.0 */
/* at.h -- what modems say: octets to lines, lines to values (3GPP TS 27.005, 27.007).
 *
 * Pure: no port, no clock, no heap.  Modems are careless, so is what is accepted: echo on or off, CR LF, CR CR LF and
 * bare CR or LF as line ends, blanks and commas that are missing or too many, quotes that do not close, words where a
 * number is expected.  Nothing that a modem says is an error of the reader; what makes no sense is a line of its own
 * that nobody asked for. */
#ifndef MODEM_AT_H
#define MODEM_AT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest line is a PDU in hexadecimal: 12 octets of service centre and 175 of a TPDU make 374 digits.  USSD in
 * UCS-2 may come near 800.  What is longer is cut, and counted. */
#define AT_LINE_MAX 1024

enum at_kind {
	AT_LINE,       /* an answer, or unsolicited: only the command that runs can tell */
	AT_PROMPT,     /* "> " without a line end */
	AT_OK,
	AT_ERROR,      /* without a code: ERROR, COMMAND NOT SUPPORT, TOO MANY PARAMETERS … */
	AT_CMS_ERROR,
	AT_CME_ERROR,
	AT_NO_CARRIER, /* NO CARRIER, BUSY, NO ANSWER, NO DIALTONE: final only where a call was made */
};

struct at_reader {
	uint32_t n;        /* of line[] */
	bool cut;          /* more than fits came */
	uint64_t n_cut, n_nul;
	char line[AT_LINE_MAX + 1];
};

void at_reader_init(struct at_reader *r);
/* Drop what was begun. */
void at_reader_reset(struct at_reader *r);
/* Take octets; each() for every line (no line end, NUL-terminated, lent) and every prompt.  Empty lines are left out.
 * each() may reset the reader; it returns false to leave the rest alone (the port is gone).  Returns octets taken. */
size_t at_read(struct at_reader *r, const uint8_t *data, size_t n,
	bool (*each)(void *arg, char *line, size_t n, bool prompt), void *arg);

/* What a line is.  *ret_code: of the two errors with one; -1 where words stand in its place that we do not know. */
enum at_kind at_line_kind(const char *line, int *ret_code);

/* ---- fields: "+CREG: 2,1,"00AF",..." ---- */

/* `line` begins with this prefix ("+CREG:"), letters in any case, with or without the blank behind it; the rest, else
 * NULL. */
const char *at_after(const char *line, const char *prefix);

struct at_fields {
	const char *at; /* NULL: no more */
};

/* The next field, without blanks and quotes, at most n_dst - 1 octets; -ENOENT behind the last, -EMSGSIZE when it was
 * cut.  Parentheses keep their commas: (0-3),(0,1) are two fields. */
int at_field(struct at_fields *f, char *dst, size_t n_dst);
/* A field that must be a number: -EINVAL when it is none (it is skipped all the same). */
int at_field_number(struct at_fields *f, long *ret);
/* Of "(0-3,5)", "0-2" or "1": is n in it? */
bool at_list_has(const char *list, long n);

#endif
