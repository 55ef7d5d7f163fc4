/* SPDX-License-Identifier: Apache-2.0 */
/* cli_csv_test.c -- the pure parts of the command line: CSV, rows, tables, progress, times.
 *
 * Expected values come from RFC 4180, RFC 3339, and what spreadsheets were seen to write.  Each CSV case is read whole
 * and then cut at every octet: how the reads fall must never matter.
 */
#include "config.h"

#include <errno.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/csv.h"
#include "cli/fields.h"
#include "cli/input.h"
#include "cli/mark.h"
#include "cli/progress.h"
#include "cli/rows.h"
#include "cli/table.h"
#include "cli/when.h"

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

enum {
	LIMIT = 40, /* octets of a record in these tests */
};

/* -- csv -- */

/* Records as text: fields between bars, records ended by a slash, faults as !N. */
static void note_record(const struct csv *c, struct text *out)
{
	if (c->fault != CSV_FINE)
		text_printf(out, "!%d", (int)c->fault);
	else
		for (size_t i = 0; i < c->n_fields; i++) {
			size_t n;
			const char *f = csv_field(c, i, &n);

			text_puts(out, i ? "|" : "");
			text_add(out, f, n);
		}
	text_puts(out, "/");
}

static void read_all(const char *s, size_t n, size_t n_cut, char delimiter, struct text *out)
{
	struct csv c;
	enum csv_result r = CSV_MORE;
	size_t at = 0;

	csv_init(&c, delimiter, LIMIT);
	while (at < n && r != CSV_BROKEN) {
		size_t end = at < n_cut ? n_cut : n, used;

		r = csv_feed(&c, s + at, end - at, &used);
		assert_true(used <= end - at);
		at += used;
		if (r == CSV_RECORD)
			note_record(&c, out);
	}
	while (r != CSV_BROKEN && r != CSV_END) {
		r = csv_end(&c);
		if (r == CSV_RECORD)
			note_record(&c, out);
	}
	if (r == CSV_BROKEN)
		text_printf(out, "broken %d", (int)c.fault);
	csv_done(&c);
}

static const struct csv_case {
	const char *why, *in;
	size_t n; /* 0: strlen(in) */
	const char *out;
} csv_cases[] = {
	{ "plain, RFC 4180, 2.1", "aaa,bbb,ccc\r\nzzz,yyy,xxx\r\n", 0, "aaa|bbb|ccc/zzz|yyy|xxx/" },
	{ "no last line end, RFC 4180, 2.2", "aaa,bbb\r\nzzz,yyy", 0, "aaa|bbb/zzz|yyy/" },
	{ "blanks are part of a field, RFC 4180, 2.4", "a, b ,c\n", 0, "a| b |c/" },
	{ "quoted, RFC 4180, 2.5", "\"aaa\",\"bbb\"\r\nzzz,yyy", 0, "aaa|bbb/zzz|yyy/" },
	{ "line break inside quotes, RFC 4180, 2.6", "\"aaa\",\"b\r\nbb\"\r\nz,y", 0, "aaa|b\r\nbb/z|y/" },
	{ "doubled quote, RFC 4180, 2.7", "\"aaa\",\"b\"\"bb\"", 0, "aaa|b\"bb/" },
	{ "delimiter inside quotes", "a,b\n\"x,y\",z\n", 0, "a|b/x,y|z/" },
	{ "semicolon, as European spreadsheets write", "to;text\n1;a,b\n", 0, "to|text/1|a,b/" },
	{ "tab", "to\ttext\n1\tx\n", 0, "to|text/1|x/" },
	{ "a quoted header hides its commas", "\"a,b,c\";d\n1;2\n", 0, "a,b,c|d/1|2/" },
	{ "byte order mark", "\xef\xbb\xbfto,text\n", 0, "to|text/" },
	{ "byte order mark before a quote", "\xef\xbb\xbf\"to\",text\n", 0, "to|text/" },
	{ "only the beginning of a mark is data", "\xef\xbbx,b\n", 0, "\xef\xbbx|b/" },
	{ "the mark alone", "\xef\xbb\xbf", 0, "" },
	{ "old Macintosh line ends", "a,b\rc,d\r", 0, "a|b/c|d/" },
	{ "empty lines are records of no fields", "a,b\n\n1,2\r\n\r\n", 0, "a|b//1|2//" },
	{ "empty fields", "a,b,c\n,,\n", 0, "a|b|c/||/" },
	{ "empty quoted field is a field", "a\n\"\"\n", 0, "a//" },
	{ "a quote inside a field is ordinary", "a,b\n5\" pipe,x\n", 0, "a|b/5\" pipe|x/" },
	{ "text after a closing quote", "a,b\n\"x\"y,z\n1,2\n", 0, "a|b/!3/1|2/" },
	{ "an open quote", "a,b\n1,\"x\n2,y\n", 0, "a|b/broken 4" },
	{ "an open quote in the header", "a,\"b\n1,2\n", 0, "broken 4" },
	{ "a NUL", "a,b\n\0,c\n", 8, "a|b/broken 5" },
	{ "the longest record", "a\n1234567890123456789012345678901234567890\nb\n", 0,
		"a/1234567890123456789012345678901234567890/b/" },
	{ "one octet too long: dropped, the next is fine", "a\n12345678901234567890123456789012345678901\nb\n", 0,
		"a/!1/b/" },
	{ "a quote that would swallow the rest", "a\n\"2345678901234567890123456789012345678901234\n", 0,
		"a/broken 4" },
	{ "nothing", "", 0, "" },
};

static void test_csv_reads(void **state)
{
	for (size_t i = 0; i < N_OF(csv_cases); i++) {
		const struct csv_case *v = &csv_cases[i];
		size_t n = v->n ? v->n : strlen(v->in);

		for (size_t cut = 0; cut <= n; cut++) {
			struct text out = { 0 };

			text_puts(&out, "");
			read_all(v->in, n, cut, 0, &out);
			if (strcmp(out.at, v->out) != 0)
				fail_msg("%s, cut at %zu: got %s, expected %s", v->why, cut, out.at, v->out);
			text_done(&out);
		}
	}
}

static void test_csv_has_at_most_64_fields(void **state)
{
	char line[256];
	struct text out = { 0 };

	memset(line, ',', sizeof line);
	line[CSV_MAX_FIELDS - 1] = '\n'; /* 63 delimiters: 64 fields */
	read_all(line, CSV_MAX_FIELDS, 0, ',', &out);
	assert_null(strchr(out.at, '!'));
	text_clear(&out);
	line[CSV_MAX_FIELDS - 1] = ',';
	line[CSV_MAX_FIELDS] = '\n';
	read_all(line, CSV_MAX_FIELDS + 1, 0, ',', &out);
	assert_non_null(strchr(out.at, '!'));
	text_done(&out);
}

static void test_csv_knows_lines(void **state)
{
	static const char in[] = "a,b\r\n\"x\r\ny\",1\r\nlast,2\r\n";
	static const uint64_t lines[] = { 1, 2, 4 };
	struct csv c;
	size_t at = 0, used;

	csv_init(&c, 0, LIMIT);
	for (size_t i = 0; i < N_OF(lines); i++) {
		assert_int_equal(csv_feed(&c, in + at, sizeof in - 1 - at, &used), CSV_RECORD);
		assert_int_equal(c.line, lines[i]);
		assert_int_equal(c.n_records, i + 1);
		at += used;
	}
	csv_done(&c);
}

static void test_csv_quotes_what_needs_it(void **state)
{
	static const struct {
		const char *in, *out;
	} v[] = {
		{ "plain", "plain" }, { "", "" }, { "a,b", "\"a,b\"" }, { "say \"hi\"", "\"say \"\"hi\"\"\"" },
		{ "a\r\nb", "\"a\r\nb\"" }, { " outer", "\" outer\"" }, { "a;b", "a;b" },
	};

	for (size_t i = 0; i < N_OF(v); i++) {
		struct text out = { 0 };

		text_puts(&out, "");
		text_csv(&out, v[i].in, strlen(v[i].in), ',');
		assert_string_equal(out.at, v[i].out);
		text_done(&out);
	}
}

/* -- rows -- */

static struct input *input_of(const char *s, size_t n)
{
	char path[] = "/tmp/posthorn-test-XXXXXX";
	int fd = mkstemp(path);
	struct input *in;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, s, n), n);
	close(fd);
	assert_int_equal(input_open(path, &in), 0);
	unlink(path);
	return in;
}

/* Rows as text; refused ones as "#row code". */
static int gather(struct rows *r, struct text *out)
{
	struct row row;
	int result;

	text_clear(out);
	text_puts(out, "");
	while ((result = rows_next(r, &row)) > 0) {
		if (row.json)
			text_add(out, row.json, row.n_octets);
		else
			text_printf(out, "#%d %s\n", (int)row.number, row.code);
	}
	return result;
}

static const struct rows_case {
	const char *why, *in;
	enum rows_format format;
	const char *defaults;
	int result;
	const char *out;
} rows_cases[] = {
	{ "fields get the types of the API", "to,text,ttl,flash\n+7,hi,060,Yes\n", ROWS_CSV, NULL, 0,
		"{\"to\":\"+7\",\"text\":\"hi\",\"ttl\":60,\"flash\":true}\n" },
	{ "an empty cell is left out, a default fills it", "to,text,campaign\n1,a,\n2,b,own\n", ROWS_CSV,
		"{\"campaign\":\"c\",\"ttl\":5}", 0,
		"{\"to\":\"1\",\"text\":\"a\",\"campaign\":\"c\",\"ttl\":5}\n"
		"{\"to\":\"2\",\"text\":\"b\",\"campaign\":\"own\",\"ttl\":5}\n" },
	{ "names of columns as people write them", "TO; Text ;Send At\n1;a;2026-12-24T09:00:00Z\n", ROWS_CSV, NULL, 0,
		"{\"to\":\"1\",\"text\":\"a\",\"send_at\":\"2026-12-24T09:00:00Z\"}\n" },
	{ "what JSON must escape (RFC 8259, 7)", "to,text\n1,\"a\"\"b\\\n\tc\"\n", ROWS_CSV, NULL, 0,
		"{\"to\":\"1\",\"text\":\"a\\\"b\\\\\\n\\u0009c\"}\n" },
	{ "the delimiter that Excel is told", "sep=;\nto;text\n1;a,b\n", ROWS_CSV, NULL, 0,
		"{\"to\":\"1\",\"text\":\"a,b\"}\n" },
	{ "bad rows are refused one by one", "to,text,ttl\n1,a,x\n2,\xff,1\n3,c,1,more\n4,d,1\n", ROWS_CSV, NULL, 0,
		"#2 invalid_row\n#3 invalid_row\n#4 invalid_row\n{\"to\":\"4\",\"text\":\"d\",\"ttl\":1}\n" },
	{ "columns of TLVs make one object; their names are spelt as given",
		"to,TLV.pe_id,text,tlv.Template\n1,11,a,22\n2,,b,\n3,,c,\"3\"\"3\"\n4,\xff,d,\n", ROWS_CSV, NULL, 0,
		"{\"to\":\"1\",\"text\":\"a\",\"tlvs\":{\"pe_id\":\"11\",\"Template\":\"22\"}}\n"
		"{\"to\":\"2\",\"text\":\"b\"}\n{\"to\":\"3\",\"text\":\"c\",\"tlvs\":{\"Template\":\"3\\\"3\"}}\n"
		"#5 invalid_row\n" },
	{ "two columns for one TLV", "to,tlv.a,TLV.a\n1,2,3\n", ROWS_CSV, NULL, -EINVAL, "" },
	{ "a TLV without a name", "to,tlv.\n1,2\n", ROWS_CSV, NULL, -EINVAL, "" },
	{ "a name that is too long for one", "to,tlv.abcdefghijabcdefghijabcdefghij123\n1,2\n", ROWS_CSV, NULL, -EINVAL, "" },
	{ "an unknown column refuses the file", "to,text,phone\n1,a,b\n", ROWS_CSV, NULL, -EINVAL, "" },
	{ "two columns for one field", "to,text,To\n1,a,b\n", ROWS_CSV, NULL, -EINVAL, "" },
	{ "no column for the recipient", "text\na\n", ROWS_CSV, NULL, -EINVAL, "" },
	{ "an empty file", "", ROWS_CSV, NULL, -EINVAL, "" },
	{ "an open quote ends it", "to,text\n1,a\n2,\"b\n", ROWS_CSV, NULL, -EINVAL,
		"{\"to\":\"1\",\"text\":\"a\"}\n" },
	{ "NDJSON goes through as it is", "{ \"to\" : \"1\" }\n\n{\"to\":\"2\"}", ROWS_NDJSON, NULL, 0,
		"{ \"to\" : \"1\" }\n{\"to\":\"2\"}\n" },
	{ "NDJSON gets what it lacks", "{\"to\":\"1\",\"tag\":\"own\"}\n{\"to\":\"2\"}\n", ROWS_NDJSON,
		"{\"tag\":\"t\"}", 0, "{\"to\":\"1\",\"tag\":\"own\"}\n{\"to\":\"2\",\"tag\":\"t\"}\n" },
	{ "NDJSON with a byte order mark", "\xef\xbb\xbf{\"to\":\"1\"}\r\n", ROWS_NDJSON, NULL, 0,
		"{\"to\":\"1\"}\r\n" },
	{ "NUL is the gateway's to name, also in a row that gets something", "{\"to\":\"1\",\"text\":\"a\\u0000b\"}\n", ROWS_NDJSON,
		"{\"tag\":\"t\"}", 0, "{\"to\":\"1\",\"text\":\"a\\u0000b\",\"tag\":\"t\"}\n" },
	{ "what is no object is refused", "nope\n[1]\n{\"to\":\"1\"}\n{\"a\":1,\"a\":2}\n", ROWS_NDJSON, NULL, 0,
		"#1 invalid_json\n#2 invalid_json\n{\"to\":\"1\"}\n#4 invalid_json\n" },
};

static void test_rows_become_ndjson(void **state)
{
	for (size_t i = 0; i < N_OF(rows_cases); i++) {
		const struct rows_case *v = &rows_cases[i];
		json_t *defaults = v->defaults ? json_loads(v->defaults, 0, NULL) : NULL;
		const struct rows_config config = { .format = v->format, .defaults = defaults };
		struct input *in = input_of(v->in, strlen(v->in));
		struct rows *r = rows_new(&config, in);
		struct text out = { 0 }, again = { 0 };
		int result = gather(r, &out);

		if (result != v->result || strcmp(out.at, v->out) != 0)
			fail_msg("%s: got %d %s", v->why, result, out.at);
		/* Resuming stands on this: the same octets again. */
		rows_rewind(r);
		assert_int_equal(gather(r, &again), result);
		assert_string_equal(again.at, out.at);
		text_done(&out);
		text_done(&again);
		rows_free(r);
		input_close(in);
		json_decref(defaults);
	}
}

static const struct fault_case {
	const char *why, *in, *says;
} fault_cases[] = {
	{ "an unknown column is named, and what there is", "to,phone\n",
		"unknown column in the header: \"phone\"; columns are to, text, from, ref," },
	{ "a long name is cut in front of a character", "to,жжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжжж\n",
		"\"жжжжжжжжжжжжжжжжжжжжжжжжжжжжжжж\"; " },
	{ "also of three octets", "to,中中中中中中中中中中中中中中中中中中中中中中中\n",
		"\"中中中中中中中中中中中中中中中中中中中中中\"; " },
	{ "63 octets have room", "to,123456789012345678901234567890123456789012345678901234567890123\n",
		"567890123\"; " },
};

static void test_a_file_that_is_refused_says_why(void **state)
{
	for (size_t i = 0; i < N_OF(fault_cases); i++) {
		const struct rows_config config = { .format = ROWS_CSV };
		struct input *in = input_of(fault_cases[i].in, strlen(fault_cases[i].in));
		struct rows *r = rows_new(&config, in);
		struct row row;

		assert_int_equal(rows_next(r, &row), -EINVAL);
		if (!strstr(rows_fault(r), fault_cases[i].says))
			fail_msg("%s: %s", fault_cases[i].why, rows_fault(r));
		rows_free(r);
		input_close(in);
	}
}

static void test_columns_can_be_renamed_or_left_out(void **state)
{
	static const char *const map[] = { "phone=to", NULL };
	static const char in_text[] = "phone,text,shoe size\n1,a,42\n";
	const struct rows_config config = { .map = map, .ignore_unknown = true };
	struct input *in = input_of(in_text, sizeof in_text - 1);
	struct rows *r = rows_new(&config, in);
	struct text out = { 0 };

	assert_int_equal(gather(r, &out), 0);
	assert_string_equal(out.at, "{\"to\":\"1\",\"text\":\"a\"}\n");
	text_done(&out);
	rows_free(r);
	input_close(in);
}

static void test_rows_are_numbered_as_a_spreadsheet_does(void **state)
{
	static const char in_text[] = "to,text\n1,\"two\nlines\"\n\n2,b\n3,\xff\n4,d\n";
	const struct rows_config config = { .format = ROWS_CSV };
	struct input *in = input_of(in_text, sizeof in_text - 1);
	struct rows *r = rows_new(&config, in);
	struct row row;
	static const struct {
		uint64_t number, index;
		bool sent;
	} v[] = { { 2, 0, true }, { 4, 1, true }, { 5, 0, false }, { 6, 2, true } };

	for (size_t i = 0; i < N_OF(v); i++) {
		assert_int_equal(rows_next(r, &row), 1);
		assert_int_equal(row.number, v[i].number);
		assert_int_equal(row.json != NULL, v[i].sent);
		if (v[i].sent)
			assert_int_equal(row.index, v[i].index);
	}
	assert_int_equal(rows_next(r, &row), 0);
	rows_free(r);
	input_close(in);
}

static void test_a_pipe_can_be_read_twice(void **state)
{
	int pipe_fds[2], saved = dup(0);
	struct input *in;
	char buf[16];

	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(write(pipe_fds[1], "hello", 5), 5);
	dup2(pipe_fds[0], 0);
	assert_int_equal(input_open("-", &in), 0);
	dup2(saved, 0);
	assert_false(input_is_file(in));
	assert_int_equal(input_read(in, buf, 3), 3);
	assert_false(input_waits(in));
	input_rewind(in);
	assert_int_equal(input_read(in, buf, sizeof buf), 3); /* the copy */
	assert_memory_equal(buf, "hel", 3);
	assert_int_equal(input_read(in, buf, sizeof buf), 2); /* the pipe again */
	assert_memory_equal(buf, "lo", 2);
	assert_true(input_waits(in));
	close(pipe_fds[1]);
	assert_int_equal(input_read(in, buf, sizeof buf), 0);
	input_rewind(in);
	assert_int_equal(input_read(in, buf, sizeof buf), 5);
	assert_memory_equal(buf, "hello", 5);
	input_close(in);
	close(pipe_fds[0]);
	close(saved);
}

/* -- tables -- */

static void test_width_is_that_of_the_terminal(void **state)
{
	static const struct {
		const char *why, *s;
		size_t width;
	} v[] = {
		{ "letters", "abc", 3 }, { "cyrillic: two octets, one column", "привет", 6 },
		{ "wide: East Asian Width W (UAX 11)", "日本", 4 }, { "a combining accent takes none", "e\xcc\x81", 1 },
		{ "escape becomes one replacement", "\033[1m", 4 }, { "not UTF-8: one each", "\xff\xfe", 2 },
	};

	for (size_t i = 0; i < N_OF(v); i++) {
		if (table_width(v[i].s, strlen(v[i].s)) != v[i].width)
			fail_msg("%s: %zu", v[i].why, table_width(v[i].s, strlen(v[i].s)));
	}
}

static void test_cells_are_cut_and_harmless(void **state)
{
	static const struct {
		const char *why, *s;
		size_t n;
		const char *out;
	} v[] = {
		{ "fits", "abc", 3, "abc" }, { "cut", "abcdef", 4, "abc…" }, { "a wide one is not halved", "日本語", 4, "日… " },
		{ "line breaks become blanks", "a\r\nb", 9, "a  b" },
		{ "no escape reaches the terminal", "\033]0;x\a", 9, "\xef\xbf\xbd]0;x\xef\xbf\xbd" },
		{ "nor C1 in UTF-8", "\xc2\x9b" "1m", 9, "\xef\xbf\xbd" "1m" },
		{ "nor a right-to-left override", "a\xe2\x80\xae" "b", 9, "a\xef\xbf\xbd" "b" },
	};

	for (size_t i = 0; i < N_OF(v); i++) {
		struct text out = { 0 };

		table_fit(&out, v[i].s, v[i].n);
		if (strcmp(out.at, v[i].out) != 0)
			fail_msg("%s: %s", v[i].why, out.at);
		text_done(&out);
	}
}

static void print_table(enum table_style style, size_t n_width, struct text *out)
{
	struct table *t = table_new(style, n_width, false);
	char buf[1024];
	FILE *f = fmemopen(buf, sizeof buf, "w");

	table_column(t, "name", false);
	table_column(t, "n", true);
	table_column(t, "text", false);
	table_cell(t, 0, TONE_PLAIN, "привет");
	table_cell(t, 1, TONE_PLAIN, "7");
	table_cell(t, 2, TONE_PLAIN, "a\tb, \"c\" and quite a long tail");
	table_end_row(t);
	table_cell(t, 1, TONE_PLAIN, "1234");
	table_end_row(t);
	table_print(t, f);
	fclose(f);
	text_puts(out, buf);
	table_free(t);
}

static void test_tables_in_three_styles(void **state)
{
	static const struct {
		enum table_style style;
		size_t n_width;
		const char *out;
	} v[] = {
		{ TABLE_ALIGNED, 0,
			"name       n  text\n"
			"привет     7  a b, \"c\" and quite a long tail\n"
			"-       1234  -\n" },
		{ TABLE_ALIGNED, 30,
			"name       n  text\n"
			"привет     7  a b, \"c\" and qu…\n"
			"-       1234  -\n" },
		{ TABLE_CSV, 30,
			"name,n,text\r\n"
			"привет,7,\"a\tb, \"\"c\"\" and quite a long tail\"\r\n"
			",1234,\r\n" },
		{ TABLE_TSV, 30,
			"name\tn\ttext\n"
			"привет\t7\ta\\tb, \"c\" and quite a long tail\n"
			"\t1234\t\n" },
	};

	for (size_t i = 0; i < N_OF(v); i++) {
		struct text out = { 0 };

		print_table(v[i].style, v[i].n_width, &out);
		assert_string_equal(out.at, v[i].out);
		text_done(&out);
	}
}

/* -- progress -- */

static void test_progress_counts(void **state)
{
	struct progress p = { .n_octets = 1000 };
	char line[128];

	assert_int_equal(progress_percent(&p), 0);
	assert_int_equal(progress_seconds_left(&p), -1);
	progress_update(&p, 5000, 0, 0);
	progress_update(&p, 6000, 100, 10); /* the first sample is the rate: 10 rows, 100 octets a second */
	assert_int_equal(progress_percent(&p), 10);
	assert_int_equal(progress_seconds_left(&p), 9);
	progress_line(&p, false, 100, line, sizeof line);
	assert_string_equal(line, " 10 %  10 rows  10 rows/s  0:09 left");
	progress_line(&p, true, 100, line, sizeof line);
	assert_string_equal(line, "[##......................]  10 %  10 rows  10 rows/s  0:09 left");
	progress_line(&p, true, 12, line, sizeof line);
	assert_string_equal(line, " 10 %  10 ro");
	progress_update(&p, 11000, 1000, 1000);
	assert_int_equal(progress_percent(&p), 100);
}

static void test_the_rate_forgets_but_not_at_once(void **state)
{
	struct progress p = { .n_octets = 100000 };

	progress_update(&p, 0, 0, 0);
	progress_update(&p, 1000, 1000, 100);
	progress_update(&p, 6000, 1000, 100); /* nothing for 5 s: half */
	assert_true(p.rows_per_s > 49.9 && p.rows_per_s < 50.1);
	progress_restart(&p, 6000); /* a resumed body begins anew; its rate does not jump */
	progress_update(&p, 7000, 500, 50);
	assert_true(p.rows_per_s > 49.9 && p.rows_per_s < 50.1);
}

static void test_progress_without_a_size(void **state)
{
	struct progress p = { 0 };
	char line[128];

	progress_update(&p, 0, 0, 0);
	progress_update(&p, 1000, 5000, 1234567);
	assert_int_equal(progress_percent(&p), -1);
	progress_line(&p, true, 100, line, sizeof line);
	assert_string_equal(line, "1,234,567 rows  1,234,567 rows/s");
}

static void test_figures_for_people(void **state)
{
	char buf[32];

	assert_string_equal(progress_count(0, buf, sizeof buf), "0");
	assert_string_equal(progress_count(999, buf, sizeof buf), "999");
	assert_string_equal(progress_count(1000, buf, sizeof buf), "1,000");
	assert_string_equal(progress_count(UINT64_MAX, buf, sizeof buf), "18,446,744,073,709,551,615");
	assert_string_equal(progress_duration(7, buf, sizeof buf), "0:07");
	assert_string_equal(progress_duration(754, buf, sizeof buf), "12:34");
	assert_string_equal(progress_duration(3723, buf, sizeof buf), "1:02:03");
}

/* -- times -- */

static void test_times_are_read(void **state)
{
	static const time_t now = 1795304242; /* 2026-11-21T23:37:22Z */
	static const struct {
		const char *in, *out; /* NULL: refused */
		bool relative;
	} v[] = {
		{ "2026-11-21T15:30:00Z", "2026-11-21T15:30:00Z", false },
		{ "2026-11-21T15:30:00.123+03:00", "2026-11-21T15:30:00.123+03:00", false },
		{ "2026-11-21", "2026-11-20T21:00:00Z", false },
		{ "2026-11-21 15:30", "2026-11-21T12:30:00Z", false },
		{ "2026-11-21T15:30:59", "2026-11-21T12:30:59Z", false },
		{ "2h", "2026-11-21T21:37:22Z", true },
		{ "+30m", "2026-11-22T00:07:22Z", true },
		{ "1w", "2026-11-14T23:37:22Z", true },
		{ "now", "2026-11-21T23:37:22Z", true },
		{ "today", "2026-11-21T21:00:00Z", true }, /* it is 02:37 of the 22nd in Moscow */
		{ "yesterday", "2026-11-20T21:00:00Z", true },
		{ "2026-02-31", NULL, false },
		{ "2026-11-21T15:30:00", "2026-11-21T12:30:00Z", false },
		{ "2 hours", NULL, false },
		{ "-2h", NULL, false },
		{ "", NULL, false },
		{ "99999999999999999999h", NULL, false },
	};

	setenv("TZ", "MSK-3", 1);
	tzset();
	for (size_t i = 0; i < N_OF(v); i++) {
		char out[WHEN_OCTETS];
		bool relative = false;
		int r = when_parse(v[i].in, now, out, &relative);

		if (r != (v[i].out ? 0 : -EINVAL) || (v[i].out && strcmp(out, v[i].out) != 0) ||
			relative != v[i].relative)
			fail_msg("\"%s\": %d %s", v[i].in, r, r ? "" : out);
	}
}

static void test_times_are_shown_in_local_time(void **state)
{
	char buf[WHEN_OCTETS];

	setenv("TZ", "MSK-3", 1);
	tzset();
	when_show("2026-11-21T21:37:22.045Z", true, buf, sizeof buf);
	assert_string_equal(buf, "2026-11-22 00:37:22.045");
	when_show("2026-11-21T21:37:22.045Z", false, buf, sizeof buf);
	assert_string_equal(buf, "2026-11-22 00:37:22");
	when_show("soon", false, buf, sizeof buf);
	assert_string_equal(buf, "soon");
}

/* -- marks -- */

static const struct mark_case {
	const char *why, *in;
	size_t at[4], n_at, n_columns;
	bool inverse;
	const char *out;
} mark_cases[] = {
	{ "one character", "Don’t", { 3 }, 1, 20, false, "Don’t\n   ^\n" },
	{ "nothing to mark, no line of marks", "abc", { 0 }, 0, 20, false, "abc\n" },
	{ "two, with a gap", "“Hi”", { 0, 3 }, 2, 20, false, "“Hi”\n^  ^\n" },
	{ "a wide character takes two columns (Unicode Standard Annex 11)", "a中b文", { 1, 3 }, 2, 20, false,
		"a中b文\n ^^ ^^\n" },
	{ "a combining mark is marked under its letter", "ae\xcc\x81x", { 2 }, 1, 20, false, "ae\xcc\x81x\n ^\n" },
	{ "letter and mark both: one mark", "e\xcc\x81", { 0, 1 }, 2, 20, false, "e\xcc\x81\n^\n" },
	{ "a mark with nothing before it", "\xcc\x81" "a", { 0 }, 1, 20, false, "\xcc\x81" "a\n^\n" },
	{ "lines are broken at the width, marks below their own", "abcdef", { 1, 4 }, 2, 3, false, "abc\n ^\ndef\n ^\n" },
	{ "a wide character does not stand on the edge", "ab中c", { 2 }, 1, 3, false, "ab\n中c\n^^\n" },
	{ "line breaks of the text", "ab\n\ncd", { 4 }, 1, 20, false, "ab\n\ncd\n^\n" },
	{ "inverse video, runs joined", "a““b", { 1, 2 }, 2, 20, true, "a\033[7m““\033[0mb\n" },
	{ "inverse video ends with the line", "ab", { 1 }, 1, 20, true, "a\033[7mb\033[0m\n" },
	{ "an escape sequence is harmless", "\033[2J", { 0 }, 0, 20, false, "�[2J\n" },
};

static void test_marks(void **state)
{
	for (size_t i = 0; i < N_OF(mark_cases); i++) {
		const struct mark_case *v = &mark_cases[i];
		struct text out = { 0 };

		mark_text(&out, v->in, strlen(v->in), v->at, v->n_at, v->n_columns, v->inverse);
		if (strcmp(out.at, v->out) != 0)
			fail_msg("%s: got\n%s, expected\n%s", v->why, out.at, v->out);
		text_done(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_csv_reads),
		cmocka_unit_test(test_csv_has_at_most_64_fields),
		cmocka_unit_test(test_csv_knows_lines),
		cmocka_unit_test(test_csv_quotes_what_needs_it),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_rows_become_ndjson),
		cmocka_unit_test(test_a_file_that_is_refused_says_why),
		cmocka_unit_test(test_columns_can_be_renamed_or_left_out),
		cmocka_unit_test(test_rows_are_numbered_as_a_spreadsheet_does),
		cmocka_unit_test(test_a_pipe_can_be_read_twice),
		cmocka_unit_test(test_width_is_that_of_the_terminal),
		cmocka_unit_test(test_cells_are_cut_and_harmless),
		cmocka_unit_test(test_tables_in_three_styles),
		cmocka_unit_test(test_progress_counts),
		cmocka_unit_test(test_the_rate_forgets_but_not_at_once),
		cmocka_unit_test(test_progress_without_a_size),
		cmocka_unit_test(test_figures_for_people),
		cmocka_unit_test(test_times_are_read),
		cmocka_unit_test(test_times_are_shown_in_local_time),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
