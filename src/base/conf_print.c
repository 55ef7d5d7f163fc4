/* SPDX-License-Identifier: Apache-2.0 */
/* conf_print.c -- the table as an example file; see conf_print_settings() in conf.h.
 *
 * Three links are shown, one per driver, because a link may only have the settings of its own driver.
 * Required settings have an example in place of a default, so that the file with everything uncommented is
 * one that loads.
 */
#include <config.h>

#include "base/conf_table.h"

#include <string.h>

static const struct {
	const char *driver, *link;
} drivers[] = {{"smpp", "acme"}, {"modem", "sim1"}, {"loopback", "null"}};

#define N_DRIVERS (sizeof(drivers) / sizeof(drivers[0]))

static void print_indent(FILE *f, int depth)
{
	for (int i = 0; i < depth; i++)
		fputc('\t', f);
}

static void print_strings(FILE *f, const char *words)
{
	int n = (int)strcspn(words, " ");

	fputc('[', f);
	while (n > 0) {
		fprintf(f, " \"%.*s\"", n, words);
		words += n + (words[n] == ' ');
		n = (int)strcspn(words, " ");
		if (n > 0)
			fputc(',', f);
	}
	fputs(" ]", f);
}

static void print_value(FILE *f, const struct conf_setting *s, const char *value)
{
	switch (s->type) {
	case CONF_STRING:
	case CONF_ENUM: fprintf(f, "\"%s\"", value); break;
	case CONF_INT:
	case CONF_DOUBLE:
	case CONF_BOOL:
	case CONF_DURATION: fputs(value, f); break;
	case CONF_STRINGS: print_strings(f, value); break;
	}
}

static void print_words(FILE *f, const char *words)
{
	const char *w;
	size_t n;

	for (size_t i = 0; (w = conf_word(words, i, &n)) != NULL; i++)
		fprintf(f, "%s%.*s", i > 0 ? ", " : "", (int)n, w);
}

static void print_range(FILE *f, const struct conf_setting *s)
{
	const char *what = s->type == CONF_STRINGS ? "Each" : "Text";

	if (s->words != NULL) {
		fputs(s->type == CONF_STRINGS ? "Any of " : "One of ", f);
		print_words(f, s->words);
	} else if (s->type == CONF_BOOL) {
		fputs("true or false", f);
	} else if (s->type != CONF_STRING && s->type != CONF_STRINGS) {
		fprintf(f, "%.12g to %.12g%s%s", s->min, s->max, s->unit != NULL ? " " : "",
			s->unit != NULL ? s->unit : "");
	} else if (s->min == s->max) {
		fprintf(f, "%s of %.0f characters", what, s->max);
	} else if (s->min > 1) {
		fprintf(f, "%s of %.0f to %.0f characters", what, s->min, s->max);
	} else {
		fprintf(f, "%s of up to %.0f characters", what, s->max);
	}
}

/* "# " first, so that it stays a comment; the tabs then line it up with its setting. */
static void begin_prose(FILE *f, int depth)
{
	fputs("# ", f);
	print_indent(f, depth);
}

static void print_setting(FILE *f, const struct conf_setting *s, int depth, const char *value)
{
	begin_prose(f, depth);
	fprintf(f, "%s\n", s->help);
	begin_prose(f, depth);
	print_range(f, s);
	if ((s->flags & CONF_REQUIRED) != 0 && s->example != NULL)
		fputs("; required", f);
	if ((s->flags & CONF_SECRET) != 0)
		fprintf(f, "; or %s_file = \"PATH\", or %s_env = \"NAME\"", s->name, s->name);
	if (s->apply == CONF_APPLY_LINK)
		fputs("; a change restarts the link", f);
	if (s->apply == CONF_APPLY_RESTART)
		fputs("; a change needs a restart", f);
	fputs(".\n#", f);
	print_indent(f, depth);
	fprintf(f, "%s = ", s->name);
	print_value(f, s, value);
	fputs(";\n", f);
}

static const char *shown_value(const struct conf_setting *s)
{
	return s->example != NULL ? s->example : s->def;
}

static void print_groups(FILE *f, enum conf_section parent, int depth);
static void print_child(FILE *f, enum conf_section section, int depth);

static void print_section(FILE *f, enum conf_section section, int depth)
{
	for (size_t i = 0; i < conf_n_settings; i++) {
		if (conf_settings[i].section == section)
			print_setting(f, &conf_settings[i], depth, shown_value(&conf_settings[i]));
	}
	print_groups(f, section, depth);
}

/* The settings of one driver; those that all links have only with the first, to say them once. */
static void print_link(FILE *f, size_t which)
{
	const char *driver = drivers[which].driver;

	for (size_t i = 0; i < conf_n_settings; i++) {
		const struct conf_setting *s = &conf_settings[i];

		if (s->section != CONF_LINK)
			continue;
		if (s->driver == NULL && strcmp(s->name, "name") == 0)
			print_setting(f, s, 2, drivers[which].link);
		else if (s->driver == NULL && strcmp(s->name, "driver") == 0)
			print_setting(f, s, 2, driver);
		else if (s->driver == NULL ? which == 0 : strcmp(s->driver, driver) == 0)
			print_setting(f, s, 2, shown_value(s));
	}
	for (int i = 1; i < CONF_N_SECTIONS; i++) {
		const struct conf_section_info *info = &conf_sections[i];

		if (info->parent != CONF_LINK)
			continue;
		if (info->driver == NULL ? which == 0 : strcmp(info->driver, driver) == 0)
			print_child(f, (enum conf_section)i, 2);
	}
}

static void print_line(FILE *f, int depth, const char *text)
{
	fputc('#', f);
	print_indent(f, depth);
	fprintf(f, "%s\n", text);
}

static void print_list(FILE *f, enum conf_section section, int depth)
{
	fputc('#', f);
	print_indent(f, depth);
	fprintf(f, "%s = (\n", conf_sections[section].name);
	for (size_t i = 0; i < (section == CONF_LINK ? N_DRIVERS : 1); i++) {
		if (i > 0)
			print_line(f, depth + 1, ",");
		print_line(f, depth + 1, "{");
		if (section == CONF_LINK)
			print_link(f, i);
		else
			print_section(f, section, depth + 2);
		print_line(f, depth + 1, "}");
	}
	print_line(f, depth, ");");
}

static void print_child(FILE *f, enum conf_section section, int depth)
{
	const struct conf_section_info *info = &conf_sections[section];

	if (depth == 0)
		fputc('\n', f);
	begin_prose(f, depth);
	fprintf(f, "%s.\n", info->help);
	if (info->is_list) {
		print_list(f, section, depth);
		return;
	}
	fputc('#', f);
	print_indent(f, depth);
	fprintf(f, "%s: {\n", info->name);
	print_section(f, section, depth + 1);
	print_line(f, depth, "};");
}

static void print_groups(FILE *f, enum conf_section parent, int depth)
{
	for (int i = 1; i < CONF_N_SECTIONS; i++) {
		if (conf_sections[i].parent == parent)
			print_child(f, (enum conf_section)i, depth);
	}
}

void conf_print_settings(FILE *f)
{
	fputs("# posthorn.conf -- every setting of posthornd, commented out at its default.  Settings follow "
	      "\"#\" at once,\n"
	      "# prose follows \"# \".  Check a file with: posthornd -c FILE -t.  SIGHUP reloads it, all or "
	      "nothing.\n"
	      "# Unknown names are errors.  Durations are in seconds and may have decimals.  Relative paths, "
	      "also those of\n"
	      "# @include \"FILE\", start from the folder of this file.\n\n",
		f);
	print_section(f, CONF_TOP, 0);
}
