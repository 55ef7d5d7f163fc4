/* SPDX-License-Identifier: Apache-2.0 */
/* conf_parse.c -- a text through libconfig, which does not look at what malloc() gave it. */
#include "base/conf_int.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/oom.h"

/* More than libconfig was seen to take for a text of any form: 40 octets for each of it. */
#define ROOM_BASE  (256 * 1024)
#define ROOM_TIMES 64

struct parse {
	config_t *cfg;
	const char *text, *folder;
	int ok;
	bool whole;
};

/* Names and texts that it could not keep are null. */
static bool is_whole(const config_setting_t *cs)
{
	if (config_setting_type(cs) == CONFIG_TYPE_STRING)
		return config_setting_get_string(cs) != NULL;
	for (int i = 0; i < config_setting_length(cs); i++) {
		const config_setting_t *item = config_setting_get_elem(cs, (unsigned)i);

		if ((config_setting_is_group(cs) && config_setting_name(item) == NULL) || !is_whole(item))
			return false;
	}
	return true;
}

static void parse(void *arg)
{
	struct parse *p = arg;

	config_init(p->cfg);
	if (p->folder[0] != '\0')
		config_set_include_dir(p->cfg, p->folder);
	p->ok = config_read_string(p->cfg, p->text);
	p->whole = p->ok != CONFIG_TRUE || is_whole(config_root_setting(p->cfg));
	if (p->folder[0] != '\0' && config_get_include_dir(p->cfg) == NULL)
		p->whole = false; /* it would look elsewhere */
}

/* Its scanner calls exit() for want of memory; a gateway that reads its file again must not come to that. */
static bool has_room(size_t n)
{
	void *room = malloc(ROOM_BASE + ROOM_TIMES * n);

	free(room);
	return room != NULL;
}

int conf_parse(config_t *cfg, const char *text, const char *folder)
{
	struct parse p = {.cfg = cfg, .text = text, .folder = folder};

	memset(cfg, 0, sizeof(*cfg));
	if (!has_room(strlen(text)) || oom_guard(parse, &p) < 0) {
		memset(cfg, 0, sizeof(*cfg)); /* nobody knows what of it is whole */
		return -ENOMEM;
	}
	if (!p.whole)
		return -ENOMEM;
	return p.ok == CONFIG_TRUE ? 0 : -EINVAL;
}
