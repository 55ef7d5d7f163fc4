/* SPDX-License-Identifier: Apache-2.0 */
/* conf_int.h -- what conf.c (from a file to values) and conf_check.c (whether the values fit together) share.
 * Nobody else includes it, nor libconfig.
 */
#ifndef BASE_CONF_INT_H
#define BASE_CONF_INT_H

#include "base/conf.h"
#include "base/conf_table.h"

#include <libconfig.h>

/* A parsed carriers/NAME.conf (conf_profile.c); the hook of its root, and of the link's group that names it. */
struct conf_profile {
	config_t cfg;
	char *path, *folder;
	struct conf_profile *next;
};

struct conf_loader {
	struct conf *c;
	const char *name;    /* of the file, as the operator gave it */
	char *folder;	     /* where relative paths start, "" or with a slash at the end */
	const char *scanned; /* the last included file whose numbers were looked at */
	struct conf_profile *profiles;
	char *err;
	size_t n_err;
};

/* Fill the message for a fault at `cs`, or for its member `member` that is not there.  Always -EINVAL. */
int conf_refuse(struct conf_loader *l, const config_setting_t *cs, const char *member, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
int conf_no_memory(struct conf_loader *l); /* the same for -ENOMEM */

/* The setting called so, also with the suffix of a secret; NULL: none. */
const struct conf_setting *conf_find_setting(enum conf_section section, const char *name);

/* conf.c: everything in `group` into the struct at `base`. */
int conf_read_group(struct conf_loader *l, const config_setting_t *group, enum conf_section section, void *base);
/* All of a file as a string; -EINVAL when it has a NUL, -EFBIG when it is no configuration by its size. */
int conf_read_text(const char *path, char **ret);
/* conf_parse.c: a text; `folder`, "" or one with a slash at its end, is where what it includes is.  -EINVAL: config_error_…()
 * tell; -ENOMEM.  `cfg` is to be destroyed in any case. */
int conf_parse(config_t *cfg, const char *text, const char *folder);
/* Refuse whole numbers that libconfig would cut. */
int conf_check_overflow(struct conf_loader *l, const char *file, const char *text);
/* The file that the setting stands in. */
void conf_source_file(const struct conf_loader *l, const config_setting_t *cs, char *buf, size_t n);

/* conf_profile.c: read the profile that a link's group names, if any, into the link at `base`. */
int conf_profile_read(struct conf_loader *l, const config_setting_t *group, void *base);
void conf_profiles_done(struct conf_loader *l);
/* The profile that a setting stands in, NULL: none. */
const struct conf_profile *conf_profile_of(const config_setting_t *cs);
/* The settings of a link's profile, NULL: none. */
const config_setting_t *conf_profile_root(const config_setting_t *group);
/* A setting as it was given, by the link or by its profile; NULL: at its default. */
const config_setting_t *conf_given(const config_setting_t *group, const char *name);

/* conf_origin.c: note where a link's setting was given; the last one counts. */
int conf_origin_note(struct conf_loader *l, const config_setting_t *cs, const char *setting, struct conf_link *link);

/* conf_links.c: one item of a list inside a link or client, when it has been read; and what a link has of them. */
int conf_check_item(struct conf_loader *l, const config_setting_t *group, enum conf_section section, const void *item);
int conf_check_link_lists(struct conf_loader *l, const config_setting_t *group, const struct conf_link *link);
int conf_check_client_lists(struct conf_loader *l, const config_setting_t *group, const struct conf_client *cl);

/* conf_check.c: after every value has been read. */
int conf_check_all(struct conf_loader *l, const config_setting_t *root);

#endif
