/* SPDX-License-Identifier: Apache-2.0 */
/* conf_int.h -- what conf.c (from a file to values) and conf_check.c (whether the values fit together) share.
 * Nobody else includes it, nor libconfig.
 */
#ifndef BASE_CONF_INT_H
#define BASE_CONF_INT_H

#include "base/conf.h"
#include "base/conf_table.h"

#include <libconfig.h>

struct conf_loader {
	struct conf *c;
	const char *name;    /* of the file, as the operator gave it */
	char *folder;	     /* where relative paths start, "" or with a slash at the end */
	const char *scanned; /* the last included file whose numbers were looked at */
	char *err;
	size_t n_err;
};

/* Fill the message for a fault at `cs`, or for its member `member` that is not there.  Always -EINVAL. */
int conf_refuse(struct conf_loader *l, const config_setting_t *cs, const char *member, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
int conf_no_memory(struct conf_loader *l); /* the same for -ENOMEM */

/* The setting called so, also with the suffix of a secret; NULL: none. */
const struct conf_setting *conf_find_setting(enum conf_section section, const char *name);

/* conf_check.c: after every value has been read. */
int conf_check_all(struct conf_loader *l, const config_setting_t *root);

#endif
