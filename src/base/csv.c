/* SPDX-License-Identifier: Apache-2.0 */
/* csv.c -- the reader that csv.h describes.
 *
 * One octet, one step of a small machine:
 *
 *      START ──"──► QUOTED ──"──► CLOSED ──"──► QUOTED          (a doubled quote is a quote)
 *        │            │              │
 *        └─other─► PLAIN             └─other─► the record is at fault, read on to its end
 *
 * A delimiter or a line end leaves START, PLAIN and CLOSED for START; inside QUOTED both are data.
 *
 * The delimiter must be known before the first record can be cut, and the first record may come in pieces.  So until
 * then the octets of the first record are kept raw, with only the quotes watched to find its end; then it is cut.
 */
#include "base/csv.h"

#include <string.h>

enum { START, PLAIN, QUOTED, CLOSED };

static const char byte_order_mark[3] = { '\xef', '\xbb', '\xbf' };

void csv_init(struct csv *c, char delimiter, size_t max_octets)
{
	*c = (struct csv){ .delimiter = delimiter, .max_octets = max_octets, .line = 1, .line_now = 1 };
	buf_init(&c->raw, max_octets);
	buf_init(&c->fields, max_octets + CSV_MAX_FIELDS); /* and a terminator for each */
}

void csv_done(struct csv *c)
{
	buf_done(&c->raw);
	buf_done(&c->fields);
}

const char *csv_field(const struct csv *c, size_t i, size_t *ret_n)
{
	*ret_n = c->from[i + 1] - c->from[i] - 1;
	return (const char *)buf_data(&c->fields) + c->from[i];
}

static void blame(struct csv *c, enum csv_fault fault)
{
	if (c->fault == CSV_FINE)
		c->fault = fault;
}

/* As much of it as there is room for: what is left of a record at fault must not depend on how the reads fell. */
static void keep_in(struct csv *c, struct buf *b, const char *octets, size_t n)
{
	size_t room = buf_len(b) < c->max_octets ? c->max_octets - buf_len(b) : 0;

	if (n > room)
		blame(c, CSV_TOO_LONG);
	if (buf_add(b, octets, n < room ? n : room) < 0)
		blame(c, CSV_NO_MEMORY);
}

static void keep(struct csv *c, char octet)
{
	keep_in(c, &c->fields, &octet, 1);
}

static void end_field(struct csv *c)
{
	c->state = START;
	if (c->n_fields == CSV_MAX_FIELDS) {
		blame(c, CSV_TOO_MANY_FIELDS);
		return;
	}
	/* The terminator is ours and not counted against the limit, else the sizes in from[] could lie. */
	if (buf_add(&c->fields, "", 1) < 0)
		blame(c, CSV_NO_MEMORY);
	else
		c->from[++c->n_fields] = buf_len(&c->fields);
}

static void begin_record(struct csv *c)
{
	c->ready = false;
	c->begun = false;
	c->fault = CSV_FINE;
	c->n_fields = 0;
	c->state = START;
	c->line = c->line_now;
	c->from[0] = 0;
	buf_truncate(&c->fields, 0);
	buf_truncate(&c->raw, 0);
}

static enum csv_result end_record(struct csv *c)
{
	if (c->begun)
		end_field(c);
	c->n_records++;
	c->ready = true;
	return CSV_RECORD;
}

/* One octet that is not a line end outside quotes. */
static void take(struct csv *c, char octet)
{
	c->begun = true;
	switch (c->state) {
	case START:
		if (octet == '"') {
			c->state = QUOTED;
			c->n_quoted = 0;
			return;
		}
		c->state = PLAIN;
		/* fall through */
	case PLAIN:
		if (octet == c->delimiter)
			end_field(c);
		else
			keep(c, octet);
		return;
	case QUOTED:
		c->n_quoted++;
		if (octet == '"')
			c->state = CLOSED;
		else
			keep(c, octet);
		return;
	case CLOSED:
		if (octet == '"') {
			keep(c, '"');
			c->state = QUOTED;
		} else if (octet == c->delimiter) {
			end_field(c);
		} else {
			blame(c, CSV_AFTER_QUOTE);
			c->state = PLAIN;
		}
		return;
	}
}

/* The header, while its delimiter is unknown: keep it and watch the quotes.  Any of the three may separate here, and
 * a quote opens a field only at the beginning of one. */
static void take_raw(struct csv *c, char octet)
{
	bool separates = octet == ',' || octet == ';' || octet == '\t';

	c->begun = true;
	keep_in(c, &c->raw, &octet, 1);
	if (c->state == QUOTED) {
		c->n_quoted++;
		c->state = octet == '"' ? CLOSED : QUOTED;
	} else if (octet == '"' && c->state != PLAIN) {
		c->n_quoted = c->state == START ? 0 : c->n_quoted;
		c->state = QUOTED;
	} else {
		c->state = separates ? START : PLAIN;
	}
}

static void cut_header(struct csv *c)
{
	const char *raw = (const char *)buf_data(&c->raw);

	c->delimiter = csv_detect(raw, buf_len(&c->raw));
	c->state = START;
	for (size_t i = 0; i < buf_len(&c->raw); i++)
		take(c, raw[i]);
}

static enum csv_result finish(struct csv *c)
{
	/* An empty line before the header tells nothing of the delimiter. */
	if (!c->delimiter && c->begun)
		cut_header(c);
	return end_record(c);
}

/* Skip a byte order mark, which may come one octet at a time.  Returns false when `octet` was part of it. */
static bool past_mark(struct csv *c, char octet)
{
	if (c->n_mark >= sizeof byte_order_mark)
		return true;
	if (octet == byte_order_mark[c->n_mark]) {
		c->n_mark++;
		return false;
	}
	for (size_t i = 0, n = c->n_mark; i < n; i++) { /* it only began like one: then it is data */
		if (c->delimiter)
			take(c, byte_order_mark[i]);
		else
			take_raw(c, byte_order_mark[i]);
	}
	c->n_mark = sizeof byte_order_mark;
	return true;
}

static bool swallowing(const struct csv *c)
{
	return c->state == QUOTED && c->n_quoted > c->max_octets;
}

/* Octets from here on that are nothing but data; most of a file is. */
static size_t data_run(const struct csv *c, const char *s, size_t n)
{
	char end = c->state == QUOTED ? '"' : c->delimiter;
	size_t i = 0;

	if (!c->delimiter || c->n_mark < sizeof byte_order_mark || (c->state != PLAIN && c->state != QUOTED))
		return 0;
	while (i < n && s[i] != end && s[i] != '\n' && s[i] != '\r' && s[i])
		i++;
	return i;
}

static void take_run(struct csv *c, const char *s, size_t n)
{
	keep_in(c, &c->fields, s, n);
	c->after_cr = false;
	if (c->state == QUOTED)
		c->n_quoted += n;
}

enum csv_result csv_feed(struct csv *c, const char *octets, size_t n, size_t *ret_used)
{
	if (c->ready)
		begin_record(c);
	for (size_t i = 0; i < n; i++) {
		size_t n_run = data_run(c, octets + i, n - i);
		bool second_of_crlf;
		char octet;

		if (n_run) {
			take_run(c, octets + i, n_run);
			i += n_run;
			*ret_used = i;
			if (swallowing(c)) {
				c->fault = CSV_OPEN_QUOTE;
				return CSV_BROKEN;
			}
			if (i == n)
				break;
		}
		octet = octets[i];
		second_of_crlf = c->after_cr && octet == '\n';
		*ret_used = i + 1;
		c->after_cr = octet == '\r';
		if (octet == '\n' ? !second_of_crlf : octet == '\r')
			c->line_now++;
		if (!past_mark(c, octet))
			continue;
		if (!octet) {
			c->fault = CSV_NUL;
			return CSV_BROKEN;
		}
		if (c->state != QUOTED) {
			if (second_of_crlf)
				continue;
			if (octet == '\n' || octet == '\r')
				return finish(c);
		}
		if (c->delimiter)
			take(c, octet);
		else
			take_raw(c, octet);
		if (swallowing(c)) {
			c->fault = CSV_OPEN_QUOTE;
			return CSV_BROKEN;
		}
	}
	*ret_used = n;
	return CSV_MORE;
}

enum csv_result csv_end(struct csv *c)
{
	if (c->ready)
		begin_record(c);
	if (c->n_mark && c->n_mark < sizeof byte_order_mark)
		past_mark(c, 0);
	if (!c->begun)
		return CSV_END;
	if (c->state == QUOTED) {
		c->fault = CSV_OPEN_QUOTE;
		return CSV_BROKEN;
	}
	return finish(c);
}

char csv_detect(const char *header, size_t n)
{
	static const char candidates[] = ",;\t";
	size_t count[3] = { 0 };
	size_t best = 0;
	bool quoted = false;

	for (size_t i = 0; i < n; i++) {
		const char *hit = header[i] ? strchr(candidates, header[i]) : NULL;

		if (header[i] == '"')
			quoted = !quoted;
		else if (hit && !quoted)
			count[hit - candidates]++;
	}
	for (size_t i = 1; i < 3; i++) {
		if (count[i] > count[best])
			best = i;
	}
	return candidates[best];
}

const char *csv_fault_text(enum csv_fault fault)
{
	switch (fault) {
	case CSV_FINE:
		return "nothing wrong";
	case CSV_TOO_LONG:
		return "the row is too long";
	case CSV_TOO_MANY_FIELDS:
		return "the row has too many fields";
	case CSV_AFTER_QUOTE:
		return "text follows a closing quote; double a quote that belongs to the text";
	case CSV_OPEN_QUOTE:
		return "a quote is opened and never closed";
	case CSV_NO_MEMORY:
		return "out of memory";
	case CSV_NUL:
		return "the file holds an octet 0; save it as UTF-8 text (it may be UTF-16)";
	}
	return "unknown";
}
