/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_csv.c -- any octets as a CSV file.
 *
 * Promises held: where the reads are cut changes nothing; a field never runs past its record; no record is longer than
 * the limit; what text_csv() writes is read back as it was.  The first octet chooses delimiter and cut.
 */
#include "base/csv.h"
#include "cli/text.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	LIMIT = 256,
};

/* Everything that was read, in a form that two readings can be compared by: lengths before octets. */
static void note(const struct csv *c, struct text *log, struct text *copy)
{
	size_t n_all = 0;

	text_printf(log, "record %llu line %llu fault %d fields %zu\n", (unsigned long long)c->n_records,
		(unsigned long long)c->line, (int)c->fault, c->n_fields);
	assert(c->n_fields <= CSV_MAX_FIELDS);
	for (size_t i = 0; i < c->n_fields; i++) {
		size_t n;
		const char *field = csv_field(c, i, &n);

		assert(strlen(field) == n);
		n_all += n;
		text_printf(log, "%zu:", n);
		text_add(log, field, n);
		if (copy && c->fault == CSV_FINE) {
			text_puts(copy, i ? ";" : "");
			/* A lone empty field would be an empty line. */
			if (c->n_fields == 1 && !n)
				text_puts(copy, "\"\"");
			text_csv(copy, field, n, ';');
		}
	}
	assert(n_all <= LIMIT);
	if (copy && c->fault == CSV_FINE)
		text_puts(copy, "\r\n");
}

static void read_csv(const char *s, size_t n, size_t n_step, char delimiter, struct text *log, struct text *copy)
{
	struct csv c;
	enum csv_result r = CSV_MORE;
	size_t at = 0, used;

	csv_init(&c, delimiter, LIMIT);
	while (at < n && r != CSV_BROKEN) {
		/* Pieces end at fixed places of the file, whatever the records are. */
		size_t piece = n_step - at % n_step;

		if (piece > n - at)
			piece = n - at;
		r = csv_feed(&c, s + at, piece, &used);
		assert(used <= piece && (used == piece || r != CSV_MORE));
		at += used;
		if (r == CSV_RECORD)
			note(&c, log, copy);
	}
	while (r != CSV_BROKEN && r != CSV_END) {
		r = csv_end(&c);
		assert(r != CSV_MORE);
		if (r == CSV_RECORD)
			note(&c, log, copy);
	}
	text_printf(log, "end %d fault %d\n", (int)r, r == CSV_BROKEN ? (int)c.fault : 0);
	csv_done(&c);
}

static size_t count_fine(const char *log)
{
	size_t n = 0;

	for (const char *at = strstr(log, " fault 0 fields "); at; at = strstr(at + 1, " fault 0 fields "))
		n++;
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char delimiters[] = { 0, ',', ';', '\t' };
	struct text whole = { 0 }, cut = { 0 }, copy = { 0 }, again = { 0 }, copied_again = { 0 };
	const char *s = (const char *)data + 1;

	if (!size)
		return 0;
	read_csv(s, size - 1, SIZE_MAX, delimiters[data[0] & 3], &whole, &copy);
	read_csv(s, size - 1, 1 + data[0] / 4 % 32, delimiters[data[0] & 3], &cut, NULL);
	assert(cut.n == whole.n && memcmp(cut.at, whole.at, cut.n) == 0);

	/* A byte order mark that was data would be a mark at the head of the copy; quoting does not shield it. */
	if (copy.n && (unsigned char)copy.at[0] != 0xef) {
		read_csv(copy.at, copy.n, SIZE_MAX, ';', &again, &copied_again);
		/* Quotes that stood inside a plain field are doubled now and may pass the limit of a quoted one;
		 * else the copy of the copy is the copy. */
		if (!strstr(again.at, " fault 4"))
			assert(count_fine(again.at) && copied_again.n == copy.n &&
				memcmp(copied_again.at, copy.at, copy.n) == 0);
	}
	text_done(&whole);
	text_done(&cut);
	text_done(&copy);
	text_done(&again);
	text_done(&copied_again);
	return 0;
}
