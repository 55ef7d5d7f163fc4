/* SPDX-License-Identifier: Apache-2.0 */
/* conf.c -- from a file to a checked `struct conf`; see conf.h.
 *
 * libconfig parses; it knows syntax, not our settings.  What it read is walked group by group beside the
 * table: each name must be a setting of its section, each value of its type and range.  What concerns several
 * settings (a route and its links, two clients with one key) is checked at the end (conf_check.c), when the
 * order in the file no longer matters.
 *
 * The first fault ends the load: its line is what the operator needs, and later ones often follow from it.
 */
#include <config.h>

#include "base/conf.h"

#include "base/conf_form.h"
#include "base/conf_int.h"
#include "base/conf_table.h"
#include "base/secret.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX       (16 << 20) /* octets of a configuration file */
#define SECRET_MAX     4096	  /* octets of a secret's file */
#define STRINGS_MAX    10000	  /* items of a list of strings */
#define NAME_MAX_SHOWN 64

/* The table stores enums through `unsigned`. */
static_assert(sizeof(enum conf_bind) == sizeof(unsigned), "enums of the table have the size of unsigned");

/* ---- messages ---- */

/* "links[0].window" of a setting, from the root down; cut when it does not fit. */
static void append_path(const config_setting_t *cs, char *buf, size_t n)
{
	const config_setting_t *parent = config_setting_parent(cs);
	const char *name = config_setting_name(cs);
	size_t used;

	if (parent == NULL)
		return;
	append_path(parent, buf, n);
	used = strlen(buf);
	if (name == NULL)
		snprintf(buf + used, n - used, "[%d]", config_setting_index(cs));
	else
		snprintf(buf + used, n - used, "%s%.*s", used > 0 ? "." : "", NAME_MAX_SHOWN, name);
}

/* Where the setting stands.  libconfig before 1.7 names an included file without the folder it was looked for
 * in. */
void conf_source_file(const struct conf_loader *l, const config_setting_t *cs, char *buf, size_t n)
{
	const struct conf_profile *p = conf_profile_of(cs);
	const char *file = config_setting_source_file(cs), *folder = p != NULL ? p->folder : l->folder;

	if (file == NULL)
		snprintf(buf, n, "%s", p != NULL ? p->path : l->name);
	else
		snprintf(buf, n, "%s%s",
			file[0] == '/' || strncmp(file, folder, strlen(folder)) == 0 ? "" : folder, file);
}

/* Values are repeated in messages, and a message is one line. */
static void blank_controls(char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
	}
}

int conf_refuse(struct conf_loader *l, const config_setting_t *cs, const char *member, const char *fmt, ...)
{
	char path[256] = "", text[512], file[PATH_MAX];
	va_list ap;

	conf_source_file(l, cs, file, sizeof(file));
	append_path(cs, path, sizeof(path));
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	blank_controls(text);
	/* The root has no line of its own. */
	if (config_setting_is_root(cs))
		snprintf(l->err, l->n_err, "%s: %s: %s", file, member, text);
	else
		snprintf(l->err, l->n_err, "%s:%u: %s%s%s: %s", file, config_setting_source_line(cs), path,
			member[0] != '\0' ? "." : "", member, text);
	return -EINVAL;
}

int conf_no_memory(struct conf_loader *l)
{
	snprintf(l->err, l->n_err, "%s: out of memory", l->name);
	return -ENOMEM;
}

/* "one, two or three" */
static void list_words(const char *words, char *buf, size_t n)
{
	const char *w, *next;
	size_t n_word, n_next, used = 0;

	buf[0] = '\0';
	w = conf_word(words, 0, &n_word);
	for (size_t i = 1; w != NULL && used < n; i++, w = next, n_word = n_next) {
		next = conf_word(words, i, &n_next);
		used += (size_t)snprintf(buf + used, n - used, "%.*s", (int)n_word, w);
		if (next != NULL && used < n)
			used += (size_t)snprintf(buf + used, n - used, "%s",
				conf_word(words, i + 1, &n_word) != NULL ? ", " : " or ");
	}
}

static const char *kind_name(const config_setting_t *cs)
{
	switch (config_setting_type(cs)) {
	case CONFIG_TYPE_GROUP: return "a group";
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64: return "a whole number";
	case CONFIG_TYPE_FLOAT: return "a decimal number";
	case CONFIG_TYPE_STRING: return "a string";
	case CONFIG_TYPE_BOOL: return "a boolean";
	case CONFIG_TYPE_ARRAY:
	case CONFIG_TYPE_LIST: return "a list";
	default: return "something else";
	}
}

static int refuse_kind(struct conf_loader *l, const config_setting_t *cs, const char *expected)
{
	return conf_refuse(l, cs, "", "expected %s, found %s", expected, kind_name(cs));
}

/* ---- "did you mean" ---- */

static void keep_nearer(const char *name, const char *candidate, const char **best, int *best_distance)
{
	int d = conf_form_distance(name, candidate);

	if (d < *best_distance) {
		*best_distance = d;
		*best = candidate;
	}
}

static int refuse_unknown(struct conf_loader *l, const config_setting_t *cs, enum conf_section section)
{
	const char *name = config_setting_name(cs), *best = NULL;
	int n = (int)strlen(name), d = n < 3 ? 1 : n / 3 + 1; /* at most every third letter wrong */

	for (size_t i = 0; i < conf_n_settings; i++) {
		if (conf_settings[i].section == section)
			keep_nearer(name, conf_settings[i].name, &best, &d);
	}
	for (int i = 1; i < CONF_N_SECTIONS; i++) {
		if (conf_sections[i].parent == section)
			keep_nearer(name, conf_sections[i].name, &best, &d);
	}
	if (best != NULL)
		return conf_refuse(l, cs, "", "unknown setting; did you mean \"%s\"?", best);
	for (size_t i = 0; i < conf_n_settings; i++) {
		const struct conf_section_info *home = &conf_sections[conf_settings[i].section];

		if (strcmp(conf_settings[i].name, name) == 0)
			return conf_refuse(l, cs, "", "unknown setting here; it belongs to %s",
				home->name[0] != '\0' ? home->name : "the top of the file");
	}
	return conf_refuse(l, cs, "", "unknown setting");
}

/* ---- single values ---- */

/* Bounds, words and form of one string.  What is secret is not repeated in the message. */
static int check_string(
	struct conf_loader *l, const config_setting_t *cs, const struct conf_setting *s, const char *text)
{
	size_t n = strlen(text);
	bool hidden = (s->flags & (CONF_SECRET | CONF_HIDDEN)) != 0;
	char words[256];
	const char *fault, *near;

	if (n == 0 && (s->flags & CONF_REQUIRED) != 0)
		return conf_refuse(l, cs, "", "must not be empty");
	if (n == 0 && s->type == CONF_STRING)
		return 0;
	if (s->words != NULL) {
		if (conf_word_index(s->words, text) >= 0)
			return 0;
		list_words(s->words, words, sizeof(words));
		return conf_refuse(l, cs, "", "\"%.64s\" is not known; use %s", text, words);
	}
	if (n < (size_t)s->min || n > (size_t)s->max) {
		if (s->min == s->max)
			return conf_refuse(l, cs, "", "must have %.0f characters, has %zu", s->max, n);
		return conf_refuse(l, cs, "", "must have %.0f to %.0f characters, has %zu",
			s->min > 1 ? s->min : 1, s->max, n);
	}
	fault = conf_form_fault(s->form, text);
	if (fault == NULL)
		return 0;
	if (hidden)
		return conf_refuse(l, cs, "", "%s", fault);
	near = s->form == CONF_FORM_ERROR ? conf_form_status_near(text) : NULL;
	if (near != NULL)
		return conf_refuse(l, cs, "", "\"%.100s\" %s; did you mean \"%s\"?", text, fault, near);
	return conf_refuse(l, cs, "", "\"%.100s\" %s", text, fault);
}

/* A relative path starts from the folder of the file, so that the file means the same wherever it is used
 * from. */
static char *resolve_path(const struct conf_loader *l, const char *path)
{
	char *r;

	if (path[0] == '\0' || path[0] == '/')
		return strdup(path);
	if (asprintf(&r, "%s%s", l->folder, path) < 0)
		return NULL;
	return r;
}

static int store_string(struct conf_loader *l, const struct conf_setting *s, const char *text, char **field)
{
	char *copy = s->form == CONF_FORM_PATH ? resolve_path(l, text) : strdup(text);

	if (copy == NULL)
		return conf_no_memory(l);
	secret_free(*field);
	*field = copy;
	return 0;
}

static int add_string(struct conf_loader *l, struct conf_strings *list, const char *text, size_t n)
{
	list->item[list->n] = strndup(text, n);
	if (list->item[list->n] == NULL)
		return conf_no_memory(l);
	list->n++;
	return 0;
}

static int make_room(struct conf_loader *l, struct conf_strings *list, size_t n)
{
	conf_strings_done(list);
	if (n == 0)
		return 0;
	list->item = calloc(n, sizeof(*list->item));
	return list->item != NULL ? 0 : conf_no_memory(l);
}

static int read_strings(struct conf_loader *l, const config_setting_t *cs, const struct conf_setting *s,
	struct conf_strings *list)
{
	int n, r;

	if (!config_setting_is_array(cs) && !config_setting_is_list(cs))
		return refuse_kind(l, cs, "a list of strings, [ \"…\", \"…\" ]");
	n = config_setting_length(cs);
	if (n == 0 && (s->flags & CONF_REQUIRED) != 0)
		return conf_refuse(l, cs, "", "must not be empty");
	if (n > STRINGS_MAX)
		return conf_refuse(l, cs, "", "has %d items; at most %d are allowed", n, STRINGS_MAX);
	r = make_room(l, list, (size_t)n);
	for (int i = 0; i < n && r == 0; i++) {
		const config_setting_t *item = config_setting_get_elem(cs, (unsigned)i);
		const char *text = config_setting_get_string(item);

		if (text == NULL)
			return refuse_kind(l, item, "a string");
		if (text[0] == '\0')
			return conf_refuse(l, item, "", "must not be empty");
		r = check_string(l, item, s, text);
		if (r == 0)
			r = add_string(l, list, text, strlen(text));
	}
	return r;
}

static int refuse_range(struct conf_loader *l, const config_setting_t *cs, const struct conf_setting *s)
{
	char value[32];

	if (config_setting_type(cs) == CONFIG_TYPE_FLOAT)
		snprintf(value, sizeof(value), "%g", config_setting_get_float(cs));
	else
		snprintf(value, sizeof(value), "%lld", config_setting_get_int64(cs));
	return conf_refuse(l, cs, "", "%s is out of range; allowed are %.12g to %.12g%s%s", value, s->min,
		s->max, s->unit != NULL ? " " : "", s->unit != NULL ? s->unit : "");
}

int conf_read_text(const char *path, char **ret)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t n = 0, size = 0, n_read = 0;
	int r = 0;

	if (f == NULL)
		return -errno;
	do {
		if (size - n < 4096) {
			char *more = realloc(text, size + 65536);

			if (more == NULL) {
				r = -ENOMEM;
				break;
			}
			text = more;
			size += 65536;
		}
		n_read = fread(text + n, 1, size - n - 1, f);
		n += n_read;
	} while (n_read > 0 && n <= FILE_MAX);
	if (r == 0 && ferror(f))
		r = -errno;
	else if (r == 0 && n > FILE_MAX)
		r = -EFBIG;
	else if (r == 0 && memchr(text, '\0', n) != NULL)
		r = -EINVAL;
	fclose(f);
	if (r < 0) {
		free(text);
		return r;
	}
	text[n] = '\0';
	*ret = text;
	return 0;
}

int conf_check_overflow(struct conf_loader *l, const char *file, const char *text)
{
	char number[80];
	unsigned line = conf_form_overflow(text, number, sizeof(number));

	if (line == 0)
		return 0;
	snprintf(l->err, l->n_err,
		"%s:%u: %s is too large a number; beyond 32 bits write it with an L behind it", file, line,
		number);
	return -EINVAL;
}

/* The file itself was looked at before it was parsed; what it includes is known only now. */
static int check_included(struct conf_loader *l, const config_setting_t *cs)
{
	const char *name = config_setting_source_file(cs);
	char file[PATH_MAX];
	char *text;
	int r;

	if (name == NULL || name == l->scanned)
		return 0;
	l->scanned = name;
	conf_source_file(l, cs, file, sizeof(file));
	r = conf_read_text(file, &text);
	if (r < 0)
		return conf_refuse(l, cs, "", "%s: %s", file, strerror(-r));
	r = conf_check_overflow(l, file, text);
	free(text);
	return r;
}

/* Any number as a double: exact up to 2^53, which is far beyond every range of the table. */
static int read_number(
	struct conf_loader *l, const config_setting_t *cs, const struct conf_setting *s, double *ret)
{
	double v;
	int r = check_included(l, cs);

	if (r < 0)
		return r;
	switch (config_setting_type(cs)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64: v = (double)config_setting_get_int64(cs); break;
	case CONFIG_TYPE_FLOAT:
		if (s->type == CONF_INT)
			return refuse_kind(l, cs, "a whole number");
		v = config_setting_get_float(cs);
		break;
	default: return refuse_kind(l, cs, s->type == CONF_INT ? "a whole number" : "a number");
	}
	if (!(v >= s->min && v <= s->max))
		return refuse_range(l, cs, s);
	*ret = v;
	return 0;
}

static int read_value(
	struct conf_loader *l, const config_setting_t *cs, const struct conf_setting *s, void *base)
{
	void *field = (char *)base + s->offset;
	const char *text;
	double number;
	int r;

	switch (s->type) {
	case CONF_STRING:
	case CONF_ENUM:
		text = config_setting_get_string(cs);
		if (text == NULL)
			return refuse_kind(l, cs, "a string");
		r = check_string(l, cs, s, text);
		if (r < 0)
			return r;
		if (s->type == CONF_STRING)
			return store_string(l, s, text, field);
		*(unsigned *)field = (unsigned)conf_word_index(s->words, text);
		return 0;
	case CONF_INT:
		r = read_number(l, cs, s, &number);
		if (r == 0)
			*(int64_t *)field = (int64_t)number;
		return r;
	case CONF_DURATION:
		r = read_number(l, cs, s, &number);
		if (r == 0)
			*(int64_t *)field = llround(number * 1000);
		return r;
	case CONF_DOUBLE: return read_number(l, cs, s, field);
	case CONF_BOOL:
		if (config_setting_type(cs) != CONFIG_TYPE_BOOL)
			return refuse_kind(l, cs, "true or false");
		*(bool *)field = config_setting_get_bool(cs) != 0;
		return 0;
	case CONF_STRINGS: return read_strings(l, cs, s, field);
	}
	return -EINVAL;
}

/* ---- secrets ---- */

/* All of a small file, less one line end; refuses what others could have read. */
static int read_secret_file(
	struct conf_loader *l, const config_setting_t *cs, const char *path, char *buf, size_t n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n_read;
	int r = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		r = conf_refuse(l, cs, "", "%s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		r = conf_refuse(l, cs, "", "%s is not a plain file", path);
	else if ((st.st_mode & S_IROTH) != 0)
		r = conf_refuse(l, cs, "", "%s can be read by everybody; chmod 600 it", path);
	if (r < 0)
		goto out;
	n_read = read(fd, buf, n);
	if (n_read < 0) {
		r = conf_refuse(l, cs, "", "%s: %s", path, strerror(errno));
		goto out;
	}
	if ((size_t)n_read == n) {
		r = conf_refuse(l, cs, "", "%s is longer than %zu octets", path, n - 1);
		goto out;
	}
	if (n_read > 0 && buf[n_read - 1] == '\n')
		n_read--;
	if (n_read > 0 && buf[n_read - 1] == '\r')
		n_read--;
	buf[n_read] = '\0';
	if (strlen(buf) != (size_t)n_read || n_read == 0)
		r = conf_refuse(l, cs, "", "%s %s", path, n_read == 0 ? "is empty" : "holds a NUL");
out:
	if (fd >= 0)
		close(fd);
	return r;
}

static int read_secret_from_file(
	struct conf_loader *l, const config_setting_t *cs, const struct conf_setting *s, char **field)
{
	char buf[SECRET_MAX + 1];
	const char *name = config_setting_get_string(cs);
	char *path;
	int r;

	if (name == NULL)
		return refuse_kind(l, cs, "a string");
	path = resolve_path(l, name);
	if (path == NULL)
		return conf_no_memory(l);
	r = read_secret_file(l, cs, path, buf, sizeof(buf));
	if (r == 0)
		r = check_string(l, cs, s, buf);
	if (r == 0)
		r = store_string(l, s, buf, field);
	secret_wipe(buf, sizeof(buf));
	free(path);
	return r;
}

static int read_secret_from_env(
	struct conf_loader *l, const config_setting_t *cs, const struct conf_setting *s, char **field)
{
	const char *name = config_setting_get_string(cs), *text;
	int r;

	if (name == NULL)
		return refuse_kind(l, cs, "a string");
	text = getenv(name);
	if (text == NULL || text[0] == '\0')
		return conf_refuse(l, cs, "", "environment variable \"%.100s\" is %s", name,
			text == NULL ? "not set" : "empty");
	r = check_string(l, cs, s, text);
	return r < 0 ? r : store_string(l, s, text, field);
}

/* A secret may be given in one of three ways; here is where a second one is noticed. */
static int check_one_way(struct conf_loader *l, const config_setting_t *cs, const struct conf_setting *s)
{
	const config_setting_t *group = config_setting_parent(cs);
	static const char *const suffixes[] = {"", "_file", "_env"};
	char name[NAME_MAX_SHOWN];
	int n_ways = 0;

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", s->name, suffixes[i]);
		n_ways += config_setting_get_member(group, name) != NULL;
	}
	if (n_ways > 1)
		return conf_refuse(
			l, cs, "", "give only one of %s, %s_file and %s_env", s->name, s->name, s->name);
	return 0;
}

static int read_secret(
	struct conf_loader *l, const config_setting_t *cs, const struct conf_setting *s, void *base)
{
	const char *suffix = config_setting_name(cs) + strlen(s->name);
	char **field = (char **)(void *)((char *)base + s->offset);
	int r = check_one_way(l, cs, s);

	if (r < 0)
		return r;
	if (strcmp(suffix, "_file") == 0)
		return read_secret_from_file(l, cs, s, field);
	if (strcmp(suffix, "_env") == 0)
		return read_secret_from_env(l, cs, s, field);
	return read_value(l, cs, s, base);
}

/* ---- sections ---- */

const struct conf_setting *conf_find_setting(enum conf_section section, const char *name)
{
	for (size_t i = 0; i < conf_n_settings; i++) {
		const struct conf_setting *s = &conf_settings[i];
		size_t n = strlen(s->name);

		if (s->section != section || strncmp(name, s->name, n) != 0)
			continue;
		if (name[n] == '\0')
			return s;
		if ((s->flags & CONF_SECRET) != 0 &&
			(strcmp(name + n, "_file") == 0 || strcmp(name + n, "_env") == 0))
			return s;
	}
	return NULL;
}

static int find_section(enum conf_section parent, const char *name)
{
	for (int i = 1; i < CONF_N_SECTIONS; i++) {
		if (conf_sections[i].parent == parent && strcmp(conf_sections[i].name, name) == 0)
			return i;
	}
	return -1;
}

static int default_strings(struct conf_loader *l, const char *words, struct conf_strings *list)
{
	size_t n = words[0] != '\0';
	const char *end;
	int r;

	for (const char *p = words; *p != '\0'; p++)
		n += *p == ' ';
	r = make_room(l, list, n);
	for (size_t i = 0; i < n && r == 0; i++, words = end + 1) {
		end = strchrnul(words, ' ');
		r = add_string(l, list, words, (size_t)(end - words));
	}
	return r;
}

static int set_default(struct conf_loader *l, const struct conf_setting *s, void *base)
{
	void *field = (char *)base + s->offset;

	switch (s->type) {
	case CONF_STRING: return store_string(l, s, s->def, field);
	case CONF_INT: *(int64_t *)field = strtoll(s->def, NULL, 0); break;
	case CONF_DURATION: *(int64_t *)field = llround(strtod(s->def, NULL) * 1000); break;
	case CONF_DOUBLE: *(double *)field = strtod(s->def, NULL); break;
	case CONF_BOOL: *(bool *)field = strcmp(s->def, "true") == 0; break;
	case CONF_ENUM: *(unsigned *)field = (unsigned)conf_word_index(s->words, s->def); break;
	case CONF_STRINGS: return default_strings(l, s->def, field);
	}
	return 0;
}

/* Of a section and of the groups in it; its lists begin empty. */
static int set_defaults(struct conf_loader *l, enum conf_section section, void *base)
{
	int r = 0;

	for (size_t i = 0; i < conf_n_settings && r == 0; i++) {
		if (conf_settings[i].section == section)
			r = set_default(l, &conf_settings[i], base);
	}
	for (int i = 1; i < CONF_N_SECTIONS && r == 0; i++) {
		if (conf_sections[i].parent == section && !conf_sections[i].is_list)
			r = set_defaults(l, (enum conf_section)i, (char *)base + conf_sections[i].offset);
	}
	return r;
}

/* What an item of a list inside a link or client must have, and whether it makes sense. */
static int check_item(
	struct conf_loader *l, const config_setting_t *group, enum conf_section section, const void *item)
{
	for (size_t i = 0; i < conf_n_settings; i++) {
		const struct conf_setting *s = &conf_settings[i];

		if (s->section == section && (s->flags & CONF_REQUIRED) != 0 &&
			config_setting_get_member(group, s->name) == NULL)
			return conf_refuse(l, group, s->name, "is missing and has no default");
	}
	return conf_check_item(l, group, section, item);
}

/* SIMs are blocked without a word: their guard is on unless it is switched off. */
static void set_defaults_of_driver(const config_setting_t *group, struct conf_link *link)
{
	const char *driver;

	if (!config_setting_lookup_string(group, "driver", &driver) || strcmp(driver, "modem") != 0)
		return;
	link->guard.failures = CONF_GUARD_MODEM;
	link->guard.silence = CONF_GUARD_SILENCE_MODEM;
}

static int read_item(
	struct conf_loader *l, const config_setting_t *group, enum conf_section section, void *item)
{
	int r = set_defaults(l, section, item);

	if (r == 0 && section == CONF_LINK && config_setting_is_group(group))
		set_defaults_of_driver(group, item);
	if (r == 0 && section == CONF_LINK && config_setting_is_group(group))
		r = conf_profile_read(l, group, item);
	if (r == 0)
		r = conf_read_group(l, group, section, item);
	if (r == 0 && conf_sections[section].parent != CONF_TOP)
		r = check_item(l, group, section, item);
	return r;
}

static int read_list(
	struct conf_loader *l, const config_setting_t *cs, enum conf_section section, void *parent)
{
	const struct conf_section_info *info = &conf_sections[section];
	size_t *count = (size_t *)(void *)((char *)parent + info->count_offset);
	char *items;
	int n, r = 0;

	if (!config_setting_is_list(cs))
		return refuse_kind(l, cs, "a list of groups, ( { … }, { … } )");
	n = config_setting_length(cs);
	if ((size_t)n > info->max_items)
		return conf_refuse(l, cs, "", "has %d items; at most %zu are allowed", n, info->max_items);
	conf_list_done(section, parent); /* that of a profile */
	if (n == 0)
		return 0;
	items = calloc((size_t)n, info->size);
	if (items == NULL)
		return conf_no_memory(l);
	*(void **)(void *)((char *)parent + info->offset) = items;
	for (int i = 0; i < n && r == 0; i++) {
		*count = (size_t)i + 1; /* before it is filled, so that conf_free() sees a half-read one */
		r = read_item(l, config_setting_get_elem(cs, (unsigned)i), section, items + (size_t)i * info->size);
	}
	return r;
}

static int read_member(
	struct conf_loader *l, const config_setting_t *cs, enum conf_section section, void *base)
{
	const struct conf_setting *s = conf_find_setting(section, config_setting_name(cs));
	int child = s == NULL ? find_section(section, config_setting_name(cs)) : 0;

	if (child < 0)
		return refuse_unknown(l, cs, section);
	if (section == CONF_LINK &&
		conf_origin_note(l, cs, s != NULL ? s->name : conf_sections[child].name, base) < 0)
		return conf_no_memory(l);
	if (s != NULL)
		return (s->flags & CONF_SECRET) != 0 ? read_secret(l, cs, s, base)
						     : read_value(l, cs, s, base);
	if (conf_sections[child].is_list)
		return read_list(l, cs, (enum conf_section)child, base);
	return conf_read_group(l, cs, (enum conf_section)child, (char *)base + conf_sections[child].offset);
}

/* Everything in `group` must be known; what is not in it keeps its default. */
int conf_read_group(struct conf_loader *l, const config_setting_t *group, enum conf_section section, void *base)
{
	int n, r = 0;

	if (!config_setting_is_group(group))
		return refuse_kind(l, group, "a group, { … }");
	n = config_setting_length(group);
	for (int i = 0; i < n && r == 0; i++)
		r = read_member(l, config_setting_get_elem(group, (unsigned)i), section, base);
	return r;
}

/* ---- load ---- */

static int refuse_syntax(struct conf_loader *l, const config_t *cfg)
{
	const char *file = config_error_file(cfg);

	snprintf(l->err, l->n_err, "%s:%d: %s", file != NULL ? file : l->name, config_error_line(cfg),
		config_error_text(cfg) != NULL ? config_error_text(cfg) : "cannot be read");
	return -EINVAL;
}

int conf_load_string(const char *text, const char *name, struct conf **ret, char *err, size_t n_err)
{
	const char *slash = strrchr(name, '/');
	struct conf_loader l = {.name = name, .err = err, .n_err = n_err};
	config_t cfg;
	int r;

	memset(&cfg, 0, sizeof(cfg));
	l.c = calloc(1, sizeof(*l.c));
	l.folder = strndup(name, slash != NULL ? (size_t)(slash - name) + 1 : 0);
	if (l.c == NULL || l.folder == NULL) {
		r = conf_no_memory(&l);
		goto out;
	}
	r = conf_parse(&cfg, text, l.folder);
	if (r < 0) {
		r = r == -ENOMEM ? conf_no_memory(&l) : refuse_syntax(&l, &cfg);
		goto out;
	}
	r = conf_check_overflow(&l, name, text);
	if (r == 0)
		r = set_defaults(&l, CONF_TOP, l.c);
	if (r == 0)
		r = conf_read_group(&l, config_root_setting(&cfg), CONF_TOP, l.c);
	if (r == 0)
		r = conf_check_all(&l, config_root_setting(&cfg));
	if (r == 0) {
		*ret = l.c;
		l.c = NULL;
	}
out:
	conf_free(l.c);
	conf_profiles_done(&l);
	free(l.folder);
	config_destroy(&cfg);
	return r;
}

int conf_load(const char *path, struct conf **ret, char *err, size_t n_err)
{
	char *text;
	int r = conf_read_text(path, &text);

	if (r < 0) {
		snprintf(err, n_err, "%s: %s", path, r == -EINVAL ? "holds a NUL: no text" : strerror(-r));
		return r;
	}
	r = conf_load_string(text, path, ret, err, n_err);
	secret_free(text); /* passwords may stand in it */
	return r;
}
