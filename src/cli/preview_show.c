/* SPDX-License-Identifier: Apache-2.0 */
/* preview_show.c -- a preview for people and for spreadsheets; see preview_show.h. */
#include "config.h"

#include "cli/preview_show.h"

#include <stdlib.h>
#include <string.h>

#include "cli/mark.h"
#include "cli/progress.h"

enum {
	MARKS_MOST = 100,    /* what the gateway lists */
	COLUMNS_DEFAULT = 79,
	POSITIONS_TOLD = 5,
	CHANGES_TOLD = 5,
	CULPRITS_TOLD = 10,
	REFUSED_TOLD = 20,
	REFUSED_ALIKE_TOLD = 3,
	REASONS_TOLD = 3,
};

/* -- words and numbers -- */

static const char *string_at(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? s : "";
}

static uint64_t count_at(const json_t *o, const char *name)
{
	json_int_t n = json_integer_value(json_object_get(o, name));

	return n > 0 ? (uint64_t)n : 0;
}

static const char *s_of(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static const char *encoding_words(const char *encoding)
{
	return strcmp(encoding, "gsm7") == 0 ? "GSM-7" : strcmp(encoding, "ucs2") == 0 ? "UCS-2" : "8 bit data";
}

static const char *units_words(const char *encoding)
{
	return strcmp(encoding, "gsm7") == 0 ? "septet" : strcmp(encoding, "ucs2") == 0 ? "unit" : "octet";
}

/* Everything that comes from a text is made harmless on its way to a terminal. */
static void say(struct text *line)
{
	struct text clean = { 0 };

	table_fit(&clean, line->at, SIZE_MAX / 2);
	puts(clean.at);
	text_done(&clean);
	text_clear(line);
}

static void add_character(struct text *out, const json_t *c)
{
	text_printf(out, "%s (%s%s%s)", string_at(c, "char"), string_at(c, "codepoint"), *string_at(c, "name") ? " " : "",
		string_at(c, "name"));
}

/* -- one message -- */

static void show_text(const struct cli *cli, const json_t *p, const char *text, size_t n_text)
{
	const json_t *culprits = json_object_get(p, "culprits");
	const json_t *changed = json_object_get(json_object_get(p, "changed"), "text");
	size_t at[MARKS_MOST], n_at = 0, i;
	struct text out = { 0 };
	json_t *c;

	if (json_is_string(changed)) {
		text = json_string_value(changed);
		n_text = json_string_length(changed);
	}
	json_array_foreach((json_t *)culprits, i, c)
		if (n_at < MARKS_MOST)
			at[n_at++] = (size_t)count_at(c, "position");
	mark_text(&out, text, n_text, at, n_at, cli->n_width ? cli->n_width : COLUMNS_DEFAULT, cli->color);
	fputs(out.at ? out.at : "", stdout);
	puts("");
	text_done(&out);
}

static void show_parts(const struct cli *cli, const json_t *p)
{
	const json_t *units = json_object_get(p, "units"), *left = json_object_get(p, "left");
	struct table *t = cli_table(cli);
	char cell[32];
	size_t i;
	json_t *v;

	table_column(t, "part", true);
	table_column(t, "units", true);
	table_column(t, "left", true);
	json_array_foreach((json_t *)units, i, v) {
		snprintf(cell, sizeof cell, "%zu", i + 1);
		table_cell(t, 0, TONE_PLAIN, cell);
		snprintf(cell, sizeof cell, "%lld", (long long)json_integer_value(v));
		table_cell(t, 1, TONE_PLAIN, cell);
		snprintf(cell, sizeof cell, "%lld", (long long)json_integer_value(json_array_get(left, i)));
		table_cell(t, 2, TONE_PLAIN, cell);
		table_end_row(t);
	}
	table_print(t, stdout);
	table_free(t);
}

static void say_numbers(const json_t *p, struct text *line)
{
	const char *encoding = string_at(p, "encoding"), *route = string_at(p, "route");
	uint64_t parts = count_at(p, "parts"), n_double = count_at(p, "n_double");

	text_printf(line, "%s, %llu part%s of up to %llu %ss", encoding_words(encoding), (unsigned long long)parts, s_of(parts),
		(unsigned long long)count_at(p, "capacity"), units_words(encoding));
	say(line);
	if (n_double) {
		text_printf(line, "%llu character%s take%s two %ss each", (unsigned long long)n_double, s_of(n_double),
			n_double == 1 ? "s" : "", units_words(encoding));
		say(line);
	}
	if (*route)
		text_printf(line, "to %s by route %s, link %s", string_at(p, "to"), route, string_at(p, "link"));
	else
		text_printf(line, "to %s: no route matches, it would wait", string_at(p, "to"));
	say(line);
}

static void add_languages(const json_t *p, struct text *line)
{
	const json_t *languages = json_object_get(p, "languages");
	size_t i;
	json_t *v;

	json_array_foreach((json_t *)languages, i, v)
		text_printf(line, "%s%s (%s shift)", i ? ", " : "", string_at(v, "language"), string_at(v, "table"));
}

/* The places of one character, which stands in the list from `i` on. */
static void add_positions(const json_t *culprits, size_t i, struct text *line)
{
	const char *codepoint = string_at(json_array_get(culprits, i), "codepoint");
	size_t n = 0;

	for (; i < json_array_size(culprits); i++) {
		const json_t *c = json_array_get(culprits, i);

		if (strcmp(string_at(c, "codepoint"), codepoint) != 0)
			continue;
		if (n < POSITIONS_TOLD)
			text_printf(line, "%s%llu", n ? ", " : " at ", (unsigned long long)count_at(c, "position"));
		n++;
	}
	if (n > POSITIONS_TOLD)
		text_printf(line, " and %zu more", n - POSITIONS_TOLD);
}

static bool seen_before(const json_t *culprits, size_t n, const char *codepoint)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(string_at(json_array_get(culprits, i), "codepoint"), codepoint) == 0)
			return true;
	return false;
}

static void say_culprits(const json_t *p, struct text *line)
{
	const json_t *culprits = json_object_get(p, "culprits");
	size_t n = json_array_size(culprits), n_told = 0, n_more = 0;
	uint64_t n_all = count_at(p, "n_culprits");

	if (!n)
		return;
	if (strcmp(string_at(p, "encoding"), "ucs2") == 0) {
		text_puts(line, "UCS-2 because of");
	} else {
		text_puts(line, "Language table ");
		add_languages(p, line);
		text_puts(line, " because of");
	}
	for (size_t i = 0; i < n; i++) {
		const json_t *c = json_array_get(culprits, i);

		if (seen_before(culprits, i, string_at(c, "codepoint")))
			continue;
		if (n_told == CULPRITS_TOLD) {
			n_more++;
			continue;
		}
		text_puts(line, n_told++ ? "\n  " : " ");
		add_character(line, c);
		add_positions(culprits, i, line);
	}
	for (char *at = line->at, *end; at; at = end ? end + 1 : NULL) { /* each on a line of its own */
		struct text part = { 0 };

		end = strchr(at, '\n');
		text_add(&part, at, end ? (size_t)(end - at) : strlen(at));
		say(&part);
		text_done(&part);
	}
	text_clear(line);
	if (n_more)
		printf("  and %zu other characters\n", n_more);
	if (n_all > n)
		printf("  (the first %zu of %llu places are listed)\n", n, (unsigned long long)n_all);
}

static void add_changes(const json_t *changes, uint64_t n_all, struct text *line)
{
	size_t i, n = 0;
	json_t *c;

	json_array_foreach((json_t *)changes, i, c) {
		const char *with = string_at(c, "with");

		if (n == CHANGES_TOLD)
			break;
		text_printf(line, "%s%s (%s) at %llu ", n ? ", " : "", string_at(c, "char"), string_at(c, "codepoint"),
			(unsigned long long)count_at(c, "position"));
		text_printf(line, *with ? "becomes %s" : "goes%s", with);
		n++;
	}
	if (n_all > n)
		text_printf(line, ", and %llu more", (unsigned long long)(n_all - n));
}

static void say_savings(const json_t *p, struct text *line)
{
	const json_t *s = json_object_get(p, "suggestion"), *shorten = json_object_get(p, "shorten");
	uint64_t parts, n;

	if (json_is_object(s)) {
		parts = count_at(s, "parts");
		n = count_at(s, "saves");
		text_printf(line, "With --smart: %s, %llu part%s, %llu less: ", encoding_words(string_at(s, "encoding")),
			(unsigned long long)parts, s_of(parts), (unsigned long long)n);
		add_changes(json_object_get(s, "changes"), count_at(s, "n_changes"), line);
		say(line);
	}
	if (json_is_object(shorten)) {
		n = count_at(shorten, "units");
		text_printf(line, "%llu %s%s less would save a part.", (unsigned long long)n,
			units_words(string_at(p, "encoding")), s_of(n));
		say(line);
	}
}

static void say_changed(const json_t *p, struct text *line)
{
	const json_t *changed = json_object_get(p, "changed"), *by = json_object_get(changed, "by");
	size_t i;
	json_t *v;

	if (!json_is_object(changed))
		return;
	text_puts(line, "The text was changed by ");
	json_array_foreach((json_t *)by, i, v)
		text_printf(line, "%s%s", i ? ", " : "", json_is_string(v) ? json_string_value(v) : "");
	text_printf(line, "; as it came it would need %llu part%s",
		(unsigned long long)count_at(changed, "parts_before"), s_of(count_at(changed, "parts_before")));
	if (json_object_get(changed, "changes")) {
		text_puts(line, ": ");
		add_changes(json_object_get(changed, "changes"), count_at(changed, "n_changes"), line);
	}
	say(line);
}

/* -- tables: what, name, rows, parts -- */

static void add_line(struct table *t, const char *what, const char *name, uint64_t rows, int64_t parts)
{
	char cell[32];

	table_cell(t, 0, TONE_PLAIN, what);
	table_cell(t, 1, TONE_PLAIN, name);
	snprintf(cell, sizeof cell, "%llu", (unsigned long long)rows);
	table_cell(t, 2, TONE_PLAIN, cell);
	if (parts >= 0) {
		snprintf(cell, sizeof cell, "%lld", (long long)parts);
		table_cell(t, 3, TONE_PLAIN, cell);
	}
	table_end_row(t);
}

static void add_culprit_lines(struct table *t, const json_t *culprits)
{
	struct text name = { 0 };
	size_t i;
	json_t *c;

	json_array_foreach((json_t *)culprits, i, c) {
		text_clear(&name);
		text_printf(&name, "%s %s %s", string_at(c, "char"), string_at(c, "codepoint"), string_at(c, "name"));
		add_line(t, "culprit", name.at, count_at(c, "rows"), -1);
	}
	text_done(&name);
}

static void add_map_lines(struct table *t, const char *what, const json_t *map)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)map, key, v)
		add_line(t, what, key, (uint64_t)json_integer_value(v), -1);
}

static void add_dearest_lines(struct table *t, const json_t *dearest)
{
	struct text name = { 0 };
	size_t i;
	json_t *d;

	json_array_foreach((json_t *)dearest, i, d) {
		/* The row as a spreadsheet counts, where the file could tell. */
		const json_t *number = json_object_get(d, "file_row");

		text_clear(&name);
		text_printf(&name, "row %lld, %s, %s",
			(long long)json_integer_value(number ? number : json_object_get(d, "row")), string_at(d, "to"),
			string_at(d, "encoding"));
		add_line(t, "dearest", name.at, 1, (int64_t)count_at(d, "parts"));
	}
	text_done(&name);
}

static void add_sum_line(struct table *t, const char *what, const char *name, const json_t *sum, const char *parts)
{
	if (count_at(sum, "rows"))
		add_line(t, what, name, count_at(sum, "rows"), (int64_t)count_at(sum, parts));
}

static void show_table(const struct cli *cli, const json_t *sums)
{
	struct table *t = cli_table(cli);
	const json_t *map;
	const char *key;
	size_t i;
	json_t *v;

	table_column(t, "what", false);
	table_column(t, "name", false);
	table_column(t, "rows", true);
	table_column(t, "parts", true);
	add_line(t, "total", "", count_at(sums, "accepted"), (int64_t)count_at(sums, "parts"));
	map = json_object_get(sums, "by_parts");
	json_object_foreach((json_t *)map, key, v)
		add_line(t, "parts", key, (uint64_t)json_integer_value(v), strtoll(key, NULL, 10) * json_integer_value(v));
	add_map_lines(t, "encoding", json_object_get(sums, "by_encoding"));
	map = json_object_get(sums, "by_route");
	json_array_foreach((json_t *)map, i, v)
		add_sum_line(t, "route", string_at(v, "route"), v, "parts");
	add_sum_line(t, "other_routes", "", json_object_get(sums, "other_routes"), "parts");
	add_sum_line(t, "no_route", "", json_object_get(sums, "no_route"), "parts");
	add_map_lines(t, "refused", json_object_get(sums, "errors"));
	add_culprit_lines(t, json_object_get(sums, "culprits"));
	add_sum_line(t, "changed", "before", json_object_get(sums, "changed"), "parts_before");
	add_sum_line(t, "changed", "now", json_object_get(sums, "changed"), "parts");
	add_sum_line(t, "saving", "smart", json_object_get(sums, "suggestion"), "parts_saved");
	add_sum_line(t, "saving", "shorten", json_object_get(sums, "shorten"), "parts_saved");
	add_dearest_lines(t, json_object_get(sums, "dearest"));
	table_print(t, stdout);
	table_free(t);
}

/* A preview of one as the sums of one row, for spreadsheets. */
static json_t *sums_of_one(const json_t *p)
{
	const json_t *culprits = json_object_get(p, "culprits");
	json_t *unique = json_array(), *sums;
	char parts[24];
	size_t i;
	json_t *c;

	snprintf(parts, sizeof parts, "%llu", (unsigned long long)count_at(p, "parts"));
	json_array_foreach((json_t *)culprits, i, c) {
		json_t *copy;

		if (seen_before(culprits, i, string_at(c, "codepoint")))
			continue;
		copy = json_copy(c);
		json_object_set_new(copy, "rows", json_integer(1));
		json_array_append_new(unique, copy);
	}
	sums = json_pack("{s:i,s:I,s:{s:i},s:{s:i},s:o}", "accepted", 1, "parts", (json_int_t)count_at(p, "parts"), "by_parts",
		parts, 1, "by_encoding", string_at(p, "encoding"), 1, "culprits", unique);
	if (*string_at(p, "route"))
		json_object_set_new(sums, "by_route", json_pack("[{s:s,s:i,s:I}]", "route", string_at(p, "route"), "rows", 1,
			"parts", (json_int_t)count_at(p, "parts")));
	if (json_is_object(json_object_get(p, "suggestion")))
		json_object_set_new(sums, "suggestion", json_pack("{s:i,s:I}", "rows", 1, "parts_saved",
			(json_int_t)count_at(json_object_get(p, "suggestion"), "saves")));
	if (json_is_object(json_object_get(p, "shorten")))
		json_object_set_new(sums, "shorten", json_pack("{s:i,s:i}", "rows", 1, "parts_saved", 1));
	return sums;
}

void preview_show_one(const struct cli *cli, const json_t *p, const char *text, size_t n_text)
{
	struct text line = { 0 };
	json_t *sums;

	if (cli->style != TABLE_ALIGNED) {
		sums = sums_of_one(p);
		show_table(cli, sums);
		json_decref(sums);
		return;
	}
	if (n_text)
		show_text(cli, p, text, n_text);
	say_numbers(p, &line);
	puts("");
	show_parts(cli, p);
	if (json_array_size(json_object_get(p, "culprits")) || json_is_object(json_object_get(p, "changed")) ||
		json_is_object(json_object_get(p, "suggestion")) || json_is_object(json_object_get(p, "shorten")))
		puts("");
	say_culprits(p, &line);
	say_changed(p, &line);
	say_savings(p, &line);
	text_done(&line);
}

/* -- many -- */

static void say_saving(const json_t *sums, const char *name, const char *words)
{
	const json_t *s = json_object_get(sums, name);
	uint64_t rows = count_at(s, "rows"), saved = count_at(s, "parts_saved"), parts = count_at(sums, "parts");
	char a[32], b[32];

	if (!saved || !parts)
		return;
	printf("%s would save %s part%s (%.1f %%) in %s row%s.\n", words, progress_count(saved, a, sizeof a), s_of(saved),
		100.0 * (double)saved / (double)parts, progress_count(rows, b, sizeof b), s_of(rows));
}

/* Why it costs that: how many are UCS-2, and the characters in most rows. */
static void say_reasons(const json_t *sums, struct text *line)
{
	const json_t *culprits = json_object_get(sums, "culprits");
	uint64_t ucs2 = count_at(json_object_get(sums, "by_encoding"), "ucs2"), n_all = count_at(sums, "n_culprits");
	char a[32], b[32];
	size_t i, n = 0;
	json_t *c;

	if (ucs2)
		printf("%s of %s messages %s UCS-2: 70 characters to a part instead of 160.\n", progress_count(ucs2, a, sizeof a),
			progress_count(count_at(sums, "accepted"), b, sizeof b), ucs2 == 1 ? "is" : "are");
	json_array_foreach((json_t *)culprits, i, c) {
		if (n == REASONS_TOLD)
			break;
		text_puts(line, n++ ? ", " : "What makes them dear: ");
		add_character(line, c);
		text_printf(line, " in %s%s", progress_count(count_at(c, "rows"), a, sizeof a), n > 1 ? "" : count_at(c, "rows") == 1 ? " row" : " rows");
	}
	if (n_all > n)
		text_printf(line, ", and %llu other character%s", (unsigned long long)(n_all - n), s_of(n_all - n));
	if (n)
		say(line);
}

static void say_changed_rows(const json_t *changed)
{
	uint64_t rows = count_at(changed, "rows"), before = count_at(changed, "parts_before"), now = count_at(changed, "parts");
	char a[32], b[32], c[32];

	if (rows)
		printf("%s text%s would be changed, and need %s part%s instead of %s.\n", progress_count(rows, a, sizeof a),
			s_of(rows), progress_count(now, b, sizeof b), s_of(now), progress_count(before, c, sizeof c));
}

/* Of one fault that a whole file has, a few rows are enough: another one must be seen beside it. */
static bool told_enough(const char *const *told, size_t n_told, const char *message)
{
	size_t n_same = 0;

	for (size_t i = 0; i < n_told; i++)
		n_same += strcmp(told[i], message) == 0;
	return n_told == REFUSED_TOLD || n_same == REFUSED_ALIKE_TOLD;
}

static void show_refused(const struct cli *cli, const json_t *results, uint64_t n_refused)
{
	struct table *t = cli_table(cli);
	const char *told[REFUSED_TOLD];
	char cell[32];
	size_t i, n = 0;
	json_t *r;

	table_column(t, "row", true);
	table_column(t, "code", false);
	table_column(t, "message", false);
	json_array_foreach((json_t *)results, i, r) {
		const json_t *error = json_object_get(r, "error"), *number = json_object_get(r, "file_row");

		if (!error || told_enough(told, n, string_at(error, "message")))
			continue;
		snprintf(cell, sizeof cell, "%lld",
			(long long)json_integer_value(number ? number : json_object_get(r, "row")));
		table_cell(t, 0, TONE_PLAIN, cell);
		table_cell(t, 1, TONE_BAD, string_at(error, "code"));
		table_cell(t, 2, TONE_PLAIN, string_at(error, "message"));
		table_end_row(t);
		told[n++] = string_at(error, "message");
	}
	if (n) {
		puts("");
		table_print(t, stdout);
	}
	if (n && n_refused > n)
		printf("and %s more; --json lists up to 1,000 of them\n", progress_count(n_refused - n, cell, sizeof cell));
	table_free(t);
}

void preview_show_sums(const struct cli *cli, const json_t *answer)
{
	const json_t *sums = json_object_get(answer, "summary");
	uint64_t accepted = count_at(sums, "accepted"), refused = count_at(sums, "refused"), parts = count_at(sums, "parts");
	struct text line = { 0 };
	char a[32], b[32], c[32];

	if (cli->style != TABLE_ALIGNED) {
		show_table(cli, sums);
		return;
	}
	printf("%s message%s in %s part%s; %s row%s would be refused.\n", progress_count(accepted, a, sizeof a), s_of(accepted),
		progress_count(parts, b, sizeof b), s_of(parts), progress_count(refused, c, sizeof c), s_of(refused));
	say_reasons(sums, &line);
	say_changed_rows(json_object_get(sums, "changed"));
	say_saving(sums, "suggestion", "--smart");
	say_saving(sums, "shorten", "Texts at most 10 units shorter");
	puts("");
	show_table(cli, sums);
	show_refused(cli, json_object_get(answer, "results"), refused);
	text_done(&line);
}
