/* SPDX-License-Identifier: Apache-2.0 */
/* settings.c -- where the gateway is, and who we are to it; the order is in settings.h. */
#include "config.h"

#include "cli/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/text.h"

enum {
	LINE_OCTETS = 4096,
	MAX_LINES = 1000,
};

static const char default_url[] = "http://127.0.0.1:8775";

static char *trimmed(char *s)
{
	char *end;

	s += strspn(s, " \t\r\n");
	end = s + strlen(s);
	while (end > s && strchr(" \t\r\n", end[-1]))
		*--end = 0;
	return s;
}

static bool is_private(FILE *f)
{
	struct stat st;

	return fstat(fileno(f), &st) == 0 && !(st.st_mode & 077) && (st.st_uid == geteuid() || st.st_uid == 0);
}

static int refuse_public(const char *path)
{
	cli_error("%s holds a key and others may read it: chmod 600 it, and change the key if they might have", path);
	return -EPERM;
}

static int read_key_file(const char *path, char **ret_key)
{
	char line[LINE_OCTETS];
	FILE *f = fopen(path, "re");
	int r = 0;

	if (!f) {
		r = -errno;
		cli_error("cannot read the key file %s: %s", path, strerror(errno));
		return r;
	}
	if (!is_private(f)) {
		r = refuse_public(path);
	} else if (!fgets(line, sizeof line, f) || !*trimmed(line)) {
		cli_error("the key file %s is empty", path);
		r = -EINVAL;
	} else {
		*ret_key = text_strdup(trimmed(line));
	}
	explicit_bzero(line, sizeof line);
	fclose(f);
	return r;
}

struct file_values {
	char *url, *key, *key_file, *ca_file;
};

static void file_values_done(struct file_values *v)
{
	free(v->url);
	free(v->key);
	free(v->key_file);
	free(v->ca_file);
}

static int take_line(struct file_values *v, char *line, const char *path, int n_line, FILE *f)
{
	char *name = trimmed(line), *equals = strchr(name, '=');
	char **place;

	if (!*name || *name == '#')
		return 0;
	if (!equals) {
		cli_error("%s:%d: expected name=value", path, n_line);
		return -EINVAL;
	}
	*equals = 0;
	name = trimmed(name);
	if (strcmp(name, "url") == 0) {
		place = &v->url;
	} else if (strcmp(name, "key") == 0) {
		place = &v->key;
		if (!is_private(f))
			return refuse_public(path);
	} else if (strcmp(name, "key_file") == 0) {
		place = &v->key_file;
	} else if (strcmp(name, "ca_file") == 0) {
		place = &v->ca_file;
	} else {
		cli_error("%s:%d: unknown setting \"%s\" (known: url, key, key_file, ca_file)", path, n_line, name);
		return -EINVAL;
	}
	free(*place);
	*place = text_strdup(trimmed(equals + 1));
	return 0;
}

static int read_file(struct file_values *v, const char *path, bool must_be_there)
{
	char line[LINE_OCTETS];
	FILE *f = fopen(path, "re");
	int r = 0;

	if (!f) {
		if (!must_be_there && (errno == ENOENT || errno == ENOTDIR))
			return 0;
		r = -errno;
		cli_error("cannot read %s: %s", path, strerror(errno));
		return r;
	}
	for (int n = 1; r == 0 && n <= MAX_LINES && fgets(line, sizeof line, f); n++)
		r = take_line(v, line, path, n, f);
	explicit_bzero(line, sizeof line);
	fclose(f);
	return r;
}

static int read_default_file(struct file_values *v)
{
	const char *given = getenv("POSTHORN_CONFIG"), *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	struct text path = { 0 };
	int r;

	if (given && *given)
		return read_file(v, given, true);
	if (base && *base)
		text_printf(&path, "%s/posthorn/cli.conf", base);
	else if (home && *home)
		text_printf(&path, "%s/.config/posthorn/cli.conf", home);
	else
		return 0;
	r = read_file(v, path.at, false);
	text_done(&path);
	return r;
}

static const char *first_of(const char *a, const char *b, const char *c)
{
	if (a && *a)
		return a;
	if (b && *b)
		return b;
	return c && *c ? c : NULL;
}

int settings_load(struct settings *ret, const struct settings_given *given)
{
	struct file_values v = { 0 };
	const char *url, *key, *env_key = getenv("POSTHORN_KEY");
	size_t n;
	int r;

	*ret = (struct settings){ 0 };
	r = read_default_file(&v);
	if (r < 0)
		goto out;
	url = first_of(given->url, getenv("POSTHORN_URL"), v.url);
	ret->url = text_strdup(url ? url : default_url);
	for (n = strlen(ret->url); n && ret->url[n - 1] == '/'; n--)
		ret->url[n - 1] = 0;
	ret->ca_file = text_strdup(first_of(given->ca_file, v.ca_file, NULL));

	/* A key and a file of one on the same level: the nearer word is the key itself. */
	key = first_of(given->key, NULL, NULL);
	if (!key && given->key_file)
		r = read_key_file(given->key_file, &ret->key);
	else if (!key && !(env_key && *env_key) && !v.key && v.key_file)
		r = read_key_file(v.key_file, &ret->key);
	else
		ret->key = text_strdup(first_of(key, env_key, v.key));
out:
	file_values_done(&v);
	if (r < 0)
		settings_done(ret);
	return r;
}

void settings_done(struct settings *s)
{
	if (s->key)
		explicit_bzero(s->key, strlen(s->key));
	free(s->url);
	free(s->key);
	free(s->ca_file);
	*s = (struct settings){ 0 };
}
