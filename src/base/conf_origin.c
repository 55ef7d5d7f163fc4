/* SPDX-License-Identifier: Apache-2.0 */
/* conf_origin.c -- where the value of a link's setting came from: the link, its profile, or the table's default. */
#include <config.h>

#include "base/conf_int.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static struct conf_origin *find(const struct conf_link *link, const char *setting)
{
	for (size_t i = 0; i < link->n_origins; i++) {
		if (strcmp(link->origins[i].setting, setting) == 0)
			return &link->origins[i];
	}
	return NULL;
}

static struct conf_origin *add(struct conf_link *link)
{
	struct conf_origin *more = reallocarray(link->origins, link->n_origins + 1, sizeof(*more));

	if (more == NULL)
		return NULL;
	link->origins = more;
	more[link->n_origins] = (struct conf_origin){0};
	return &more[link->n_origins++];
}

int conf_origin_note(struct conf_loader *l, const config_setting_t *cs, const char *setting, struct conf_link *link)
{
	struct conf_origin *o = find(link, setting);
	char file[PATH_MAX];
	char *copy;

	conf_source_file(l, cs, file, sizeof(file));
	copy = strdup(file);
	if (copy != NULL && o == NULL)
		o = add(link);
	if (copy == NULL || o == NULL) {
		free(copy);
		return -ENOMEM;
	}
	free(o->file);
	o->setting = setting;
	o->file = copy;
	o->line = config_setting_source_line(cs);
	return 0;
}

struct teller {
	void (*each)(void *arg, const char *link, const char *line);
	void *arg;
	size_t n;
};

static void tell(struct teller *t, const struct conf_link *link, const char *setting, const char *value)
{
	const struct conf_origin *o = find(link, setting);
	char line[PATH_MAX + 400];

	if (o != NULL)
		snprintf(line, sizeof(line), "links.%s.%s = %s (from %s:%u)", link->name, setting, value, o->file, o->line);
	else
		snprintf(line, sizeof(line), "links.%s.%s = %s (default)", link->name, setting, value);
	t->n++;
	t->each(t->arg, link->name, line);
}

static bool is_of(const char *driver, const struct conf_link *link)
{
	return driver == NULL || strcmp(driver, link->driver) == 0;
}

static void tell_link(struct teller *t, const struct conf_link *link)
{
	char value[200];

	for (size_t i = 0; i < conf_n_settings; i++) {
		const struct conf_setting *s = &conf_settings[i];

		if (s->section != CONF_LINK || !is_of(s->driver, link))
			continue;
		if ((s->flags & (CONF_SECRET | CONF_HIDDEN)) != 0)
			snprintf(value, sizeof(value), "(not shown)");
		else
			conf_show_value(s, (const char *)link + s->offset, value, sizeof(value));
		tell(t, link, s->name, value);
	}
	for (int i = 1; i < CONF_N_SECTIONS; i++) {
		const struct conf_section_info *info = &conf_sections[i];

		if (info->parent != CONF_LINK || !is_of(info->driver, link))
			continue;
		if (info->is_list)
			snprintf(value, sizeof(value), "( %zu )",
				*(const size_t *)(const void *)((const char *)link + info->count_offset));
		else
			snprintf(value, sizeof(value), "{ … }");
		tell(t, link, info->name, value);
	}
}

size_t conf_origins(const struct conf *c, void (*each)(void *arg, const char *link, const char *line), void *arg)
{
	struct teller t = {.each = each, .arg = arg};

	for (size_t i = 0; i < c->n_links; i++)
		tell_link(&t, &c->links[i]);
	return t.n;
}
