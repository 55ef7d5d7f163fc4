/* SPDX-License-Identifier: Apache-2.0 */
/* conf_diff.c -- what a reload changes, said in the operator's words; see conf_diff() in conf.h.
 *
 * It follows the table, so a new setting is compared from the day it exists; and it says of each change what
 * it costs, so that whoever applies it need not know the settings.
 */
#include "base/conf_table.h"

#include <stdarg.h>
#include <string.h>

#define PATH_SIZE  320
#define VALUE_SIZE 200 /* longer values are cut: the line is for people */

struct diff {
	conf_change_cb cb;
	void *arg;
	const char *link; /* inside a link: its name */
	size_t n;
};

static void __attribute__((format(printf, 3, 4)))
tell(struct diff *d, enum conf_apply apply, const char *fmt, ...)
{
	char text[PATH_SIZE + 2 * VALUE_SIZE + 16];
	struct conf_change change = {.text = text, .apply = apply, .link = d->link};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	d->n++;
	d->cb(d->arg, &change);
}

static const void *at(const void *base, size_t offset)
{
	return (const char *)base + offset;
}

static bool same_strings(const struct conf_strings *a, const struct conf_strings *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->item[i], b->item[i]) != 0)
			return false;
	}
	return true;
}

static bool same_value(const struct conf_setting *s, const void *a, const void *b)
{
	switch (s->type) {
	case CONF_STRING: return strcmp(*(char *const *)a, *(char *const *)b) == 0;
	case CONF_INT:
	case CONF_DURATION: return *(const int64_t *)a == *(const int64_t *)b;
	case CONF_DOUBLE: return *(const double *)a == *(const double *)b;
	case CONF_BOOL: return *(const bool *)a == *(const bool *)b;
	case CONF_ENUM: return *(const unsigned *)a == *(const unsigned *)b;
	case CONF_STRINGS: return same_strings(a, b);
	}
	return true;
}

static void show_strings(const struct conf_strings *list, char *buf, size_t n)
{
	size_t used = (size_t)snprintf(buf, n, "[");

	for (size_t i = 0; i < list->n && used < n; i++)
		used += (size_t)snprintf(buf + used, n - used, "%s\"%s\"", i > 0 ? ", " : " ", list->item[i]);
	if (used < n)
		snprintf(buf + used, n - used, " ]");
}

void conf_show_value(const struct conf_setting *s, const void *field, char *buf, size_t n)
{
	const char *word;
	size_t n_word;

	switch (s->type) {
	case CONF_STRING: snprintf(buf, n, "\"%s\"", *(char *const *)field); break;
	case CONF_INT: snprintf(buf, n, "%lld", (long long)*(const int64_t *)field); break;
	case CONF_DURATION: snprintf(buf, n, "%.12g", (double)*(const int64_t *)field / 1000); break;
	case CONF_DOUBLE: snprintf(buf, n, "%.12g", *(const double *)field); break;
	case CONF_BOOL: snprintf(buf, n, "%s", *(const bool *)field ? "true" : "false"); break;
	case CONF_ENUM:
		word = conf_word(s->words, *(const unsigned *)field, &n_word);
		snprintf(buf, n, "%.*s", (int)n_word, word);
		break;
	case CONF_STRINGS: show_strings(field, buf, n); break;
	}
}

static void diff_setting(
	struct diff *d, const char *path, const struct conf_setting *s, const void *old, const void *new)
{
	char before[VALUE_SIZE], after[VALUE_SIZE];

	if (same_value(s, at(old, s->offset), at(new, s->offset)))
		return;
	if ((s->flags & (CONF_SECRET | CONF_HIDDEN)) != 0) {
		tell(d, s->apply, "%s%s: changed", path, s->name);
		return;
	}
	conf_show_value(s, at(old, s->offset), before, sizeof(before));
	conf_show_value(s, at(new, s->offset), after, sizeof(after));
	tell(d, s->apply, "%s%s: %s -> %s", path, s->name, before, after);
}

static void diff_section(
	struct diff *d, enum conf_section section, const char *path, const void *old, const void *new);

/* One list in both configurations. */
struct pair {
	const struct conf_section_info *info;
	enum conf_section section;
	const void *old, *new;
	size_t n_old, n_new;
};

static const void *item(const struct pair *p, const void *items, size_t i)
{
	return at(items, i * p->info->size);
}

static const char *name_of(const void *named)
{
	return *(char *const *)named;
}

/* Position of the item that is the same one: by name, else by place.  `n` when there is none. */
static size_t find(const struct pair *p, const void *items, size_t n, const void *wanted, size_t place)
{
	if (!p->info->has_name)
		return place < n ? place : n;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(name_of(item(p, items, i)), name_of(wanted)) == 0)
			return i;
	}
	return n;
}

static void item_path(
	const struct pair *p, const char *path, const void *which, size_t place, char *buf, size_t n)
{
	if (p->info->has_name)
		snprintf(buf, n, "%s%s.%s", path, p->info->name, name_of(which));
	else
		snprintf(buf, n, "%s%s[%zu]", path, p->info->name, place);
}

static void diff_items(struct diff *d, const struct pair *p, const char *path)
{
	char name[PATH_SIZE];

	for (size_t i = 0; i < p->n_new; i++) {
		const void *it = item(p, p->new, i);
		size_t j = find(p, p->old, p->n_old, it, i);

		item_path(p, path, it, i, name, sizeof(name) - 1);
		if (p->info->parent == CONF_TOP) /* else we are inside an item */
			d->link = p->section == CONF_LINK ? name_of(it) : NULL;
		if (j == p->n_old) {
			tell(d, d->link != NULL ? CONF_APPLY_LINK : CONF_APPLY_RELOAD, "%s: added", name);
			continue;
		}
		strcat(name, ".");
		diff_section(d, p->section, name, item(p, p->old, j), it);
	}
}

static void diff_removed(struct diff *d, const struct pair *p, const char *path)
{
	char name[PATH_SIZE];

	for (size_t i = 0; i < p->n_old; i++) {
		const void *it = item(p, p->old, i);

		if (find(p, p->new, p->n_new, it, i) < p->n_new)
			continue;
		item_path(p, path, it, i, name, sizeof(name));
		if (p->info->parent == CONF_TOP)
			d->link = p->section == CONF_LINK ? name_of(it) : NULL;
		tell(d, d->link != NULL ? CONF_APPLY_LINK : CONF_APPLY_RELOAD, "%s: removed", name);
	}
}

/* Routes: the first match decides, so those that stayed must also have stayed in their order. */
static bool same_order(const struct pair *p)
{
	size_t last = 0;

	for (size_t i = 0; i < p->n_new; i++) {
		size_t j = find(p, p->old, p->n_old, item(p, p->new, i), i);

		if (j == p->n_old)
			continue;
		if (j < last)
			return false;
		last = j;
	}
	return true;
}

static void diff_list(
	struct diff *d, enum conf_section section, const char *path, const void *old, const void *new)
{
	const struct conf_section_info *info = &conf_sections[section];
	struct pair p = {
		.info = info,
		.section = section,
		.old = *(void *const *)at(old, info->offset),
		.new = *(void *const *)at(new, info->offset),
		.n_old = *(const size_t *)at(old, info->count_offset),
		.n_new = *(const size_t *)at(new, info->count_offset),
	};

	diff_items(d, &p, path);
	diff_removed(d, &p, path);
	if (info->parent == CONF_TOP)
		d->link = NULL;
	if (section == CONF_ROUTE && !same_order(&p))
		tell(d, CONF_APPLY_RELOAD, "%s%s: order changed", path, info->name);
}

static void diff_section(
	struct diff *d, enum conf_section section, const char *path, const void *old, const void *new)
{
	char name[PATH_SIZE];

	for (size_t i = 0; i < conf_n_settings; i++) {
		if (conf_settings[i].section == section)
			diff_setting(d, path, &conf_settings[i], old, new);
	}
	for (int i = 1; i < CONF_N_SECTIONS; i++) {
		const struct conf_section_info *info = &conf_sections[i];

		if (info->parent != section)
			continue;
		if (info->is_list) {
			diff_list(d, (enum conf_section)i, path, old, new);
			continue;
		}
		snprintf(name, sizeof(name), "%s%s.", path, info->name);
		diff_section(d, (enum conf_section)i, name, at(old, info->offset), at(new, info->offset));
	}
}

size_t conf_diff(const struct conf *old, const struct conf *new, conf_change_cb cb, void *arg)
{
	struct diff d = {.cb = cb, .arg = arg};

	diff_section(&d, CONF_TOP, "", old, new);
	return d.n;
}
