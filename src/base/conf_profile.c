/* SPDX-License-Identifier: Apache-2.0 */
/* conf_profile.c -- what a carrier is like, in a file of its own that links name: profile = "acme".
 *
 * A profile holds settings of a link, as if they stood in the link before its own ones: so the link's own win, and the
 * profile's win over the defaults.  A list is one setting: that of the link replaces that of the profile.  What makes a
 * link this one link (its name, where it connects to, who it is there) is not a profile's to say, so that profiles can
 * be handed on without a thought.
 *
 * The file is looked for beside the configuration first, so that an operator's version of a profile wins over the one
 * that came with Posthorn.  It is read with each load of the configuration, which is how a reload notices its changes.
 * It stays parsed until all checks are done: they point at lines of it. */
#include <config.h>

#include "base/conf_int.h"
#include "base/secret.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Who and where a link is.  Secrets and files of keys are among these; a carrier's port and its use of TLS are not. */
static const char *const own[] = {
	"name", "driver", "profile", "host", "hosts", "system_id", "password", "source_address", "tls_cert", "tls_key",
	"outbind_listen", "outbind_from", "outbind_system_id", "outbind_password", "device", "pin",
};

static int check_own(struct conf_loader *l, const config_setting_t *root)
{
	for (int i = 0; i < config_setting_length(root); i++) {
		const config_setting_t *cs = config_setting_get_elem(root, (unsigned)i);
		const char *name = config_setting_name(cs);

		for (size_t k = 0; k < sizeof(own) / sizeof(own[0]); k++) {
			size_t n = strlen(own[k]);

			if (strncmp(name, own[k], n) == 0 &&
				(name[n] == '\0' || strcmp(name + n, "_file") == 0 || strcmp(name + n, "_env") == 0))
				return conf_refuse(l, cs, "", "cannot stand in a profile; set it in the link");
		}
	}
	return 0;
}

static struct conf_profile *profile_new(struct conf_loader *l, char *path)
{
	struct conf_profile *p = path != NULL ? calloc(1, sizeof(*p)) : NULL;

	if (p == NULL) {
		free(path);
		return NULL;
	}
	p->path = path;
	p->folder = strndup(path, (size_t)(strrchr(path, '/') - path) + 1);
	p->next = l->profiles;
	l->profiles = p;
	return p->folder != NULL ? p : NULL; /* else conf_profiles_done() frees it */
}

static int parse(struct conf_loader *l, struct conf_profile *p, const char *text)
{
	const char *file;
	int r = conf_parse(&p->cfg, text, p->folder);

	if (r == 0) {
		config_setting_set_hook(config_root_setting(&p->cfg), p);
		return conf_check_overflow(l, p->path, text);
	}
	if (r == -ENOMEM)
		return conf_no_memory(l);
	file = config_error_file(&p->cfg);
	snprintf(l->err, l->n_err, "%s:%d: %s", file != NULL ? file : p->path, config_error_line(&p->cfg),
		config_error_text(&p->cfg) != NULL ? config_error_text(&p->cfg) : "cannot be read");
	return -EINVAL;
}

/* Its values into the link at `base`.  Relative paths in it start from its own folder. */
static int take(struct conf_loader *l, struct conf_profile *p, void *base)
{
	config_setting_t *root = config_root_setting(&p->cfg);
	char *folder = l->folder;
	int r;

	l->folder = p->folder;
	r = check_own(l, root);
	if (r == 0)
		r = conf_read_group(l, root, CONF_LINK, base);
	l->folder = folder;
	return r;
}

/* The file of a profile; -ENOENT with the message made when there is none. */
static int find(struct conf_loader *l, const config_setting_t *cs, const char *name, char **ret)
{
	char *beside = NULL, *installed = NULL;
	int r = -ENOMEM;

	if (asprintf(&beside, "%scarriers/%s.conf", l->folder, name) < 0)
		return conf_no_memory(l);
	if (access(beside, F_OK) == 0) {
		*ret = beside;
		return 0;
	}
	if (asprintf(&installed, "%s/carriers/%s.conf", PKGDATADIR, name) < 0) {
		conf_no_memory(l);
	} else if (access(installed, F_OK) == 0) {
		*ret = installed;
		installed = NULL;
		r = 0;
	} else {
		r = conf_refuse(l, cs, "", "there is no profile \"%s\": neither %s nor %s is a file", name, beside,
			installed);
		free(installed);
		installed = NULL;
	}
	free(beside);
	return r;
}

int conf_profile_read(struct conf_loader *l, const config_setting_t *group, void *base)
{
	const config_setting_t *cs = config_setting_get_member(group, "profile");
	const char *name = cs != NULL ? config_setting_get_string(cs) : NULL;
	struct conf_profile *p;
	char *path = NULL, *text;
	int r;

	if (name == NULL || name[0] == '\0')
		return 0; /* a wrong type is refused when the link is read */
	if (strchr(name, '/') != NULL)
		return conf_refuse(l, cs, "", "\"%.100s\" is not the name of a profile, but a path", name);
	r = find(l, cs, name, &path);
	if (r < 0)
		return r;
	p = profile_new(l, path);
	if (p == NULL)
		return conf_no_memory(l);
	r = conf_read_text(p->path, &text);
	if (r < 0)
		return conf_refuse(l, cs, "", "%s: %s", p->path, r == -EINVAL ? "holds a NUL: no text" : strerror(-r));
	r = parse(l, p, text);
	secret_free(text);
	if (r == 0)
		r = take(l, p, base);
	config_setting_set_hook((config_setting_t *)group, p);
	return r;
}

const struct conf_profile *conf_profile_of(const config_setting_t *cs)
{
	while (config_setting_parent(cs) != NULL)
		cs = config_setting_parent(cs);
	return config_setting_get_hook(cs);
}

const config_setting_t *conf_profile_root(const config_setting_t *group)
{
	const struct conf_profile *p = config_setting_parent(group) != NULL ? config_setting_get_hook(group) : NULL;

	return p != NULL ? config_root_setting(&p->cfg) : NULL;
}

const config_setting_t *conf_given(const config_setting_t *group, const char *name)
{
	const config_setting_t *cs = config_setting_get_member(group, name), *root = conf_profile_root(group);

	return cs != NULL || root == NULL ? cs : config_setting_get_member(root, name);
}

void conf_profiles_done(struct conf_loader *l)
{
	struct conf_profile *p;

	while ((p = l->profiles) != NULL) {
		l->profiles = p->next;
		config_destroy(&p->cfg);
		free(p->path);
		free(p->folder);
		free(p);
	}
}
