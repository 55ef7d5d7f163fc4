/* SPDX-License-Identifier: Apache-2.0 */
/* conf_make.c -- see conf_make.h. */
#include <config.h>

#include "base/conf_make.h"
#include "base/conf_int.h"
#include "base/conf_table.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define MAKES_MAX   256
#define STRINGS_MAX 64

enum kind { TEXT, STRINGS, NUMBER, SECONDS, FLAG, WORD };

static const struct field {
	const char *name;
	enum kind kind;
	size_t offset;
	double max;        /* of numbers, and of the octets of texts */
	const char *def;   /* of texts */
	const char *words;
} fields[] = {
#define FIELD(kind_, field, name_, max_, def_, ...)                                             \
	{ .name = name_, .kind = kind_, .offset = offsetof(struct conf_make, field), .max = max_, .def = def_, __VA_ARGS__ }
	FIELD(TEXT, name, "name", 64, ""),
	FIELD(TEXT, maker, "maker", 200, ""),
	FIELD(TEXT, model, "model", 200, ""),
	FIELD(TEXT, firmware, "firmware", 200, ""),
	FIELD(STRINGS, init, "init", 200, ""),
	FIELD(STRINGS, ready, "ready", 64, ""),
	FIELD(STRINGS, noise, "noise", 64, ""),
	FIELD(STRINGS, memories, "memories", 2, ""),
	FIELD(STRINGS, reports, "reports", 20, ""),
	FIELD(TEXT, iccid, "iccid", 40, ""),
	FIELD(TEXT, pin_retries, "pin_retries", 40, ""),
	FIELD(TEXT, hang_up, "hang_up", 40, "AT+CHUP"),
	FIELD(TEXT, reset, "reset", 40, "AT+CFUN=1,1"),
	FIELD(WORD, ussd, "ussd", 0, "auto", .words = "auto|plain|packed|ucs2"),
	FIELD(FLAG, reference_useless, "reference_useless", 0, ""),
	FIELD(SECONDS, command_gap_ms, "command_gap", 10, ""),
	FIELD(SECONDS, prompt_timeout_ms, "prompt_timeout", 120, ""),
	FIELD(NUMBER, chunk, "chunk", 4096, ""),
	FIELD(SECONDS, chunk_gap_ms, "chunk_gap", 1, ""),
#undef FIELD
};
#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

struct reader {
	struct conf_makes *set;
	const char *path;
	char *err;
	size_t n_err;
};

static int refuse(struct reader *r, const config_setting_t *cs, const char *what)
{
	snprintf(r->err, r->n_err, "%s:%u: %s: %s", r->path, config_setting_source_line(cs),
		config_setting_name(cs) ? config_setting_name(cs) : "modems", what);
	return -EINVAL;
}

static int no_memory(struct reader *r)
{
	snprintf(r->err, r->n_err, "%s: out of memory", r->path);
	return -ENOMEM;
}

/* ---- one value ---- */

static int read_text(struct reader *r, const config_setting_t *cs, const struct field *f, char **dst)
{
	const char *s = config_setting_get_string(cs);

	if (!s || strlen(s) > (size_t)f->max || s[strcspn(s, "\r\n\x1a\x1b")])
		return refuse(r, cs, "must be a short text of one line");
	free(*dst);
	*dst = strdup(s);
	return *dst ? 0 : no_memory(r);
}

static int read_strings(struct reader *r, const config_setting_t *cs, const struct field *f, struct conf_strings *dst)
{
	int n = config_setting_length(cs), e = 0;

	if ((!config_setting_is_array(cs) && !config_setting_is_list(cs)) || n > STRINGS_MAX)
		return refuse(r, cs, "must be a list of texts");
	conf_strings_done(dst);
	dst->item = calloc((size_t)n + 1, sizeof(*dst->item));
	if (!dst->item)
		return no_memory(r);
	for (int i = 0; i < n && e == 0; i++) {
		e = read_text(r, config_setting_get_elem(cs, (unsigned)i), f, &dst->item[i]);
		dst->n += e == 0;
	}
	return e;
}

static int read_number(struct reader *r, const config_setting_t *cs, const struct field *f, int64_t *dst)
{
	int type = config_setting_type(cs);
	bool whole = type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
	double v = whole ? (double)config_setting_get_int64(cs) : config_setting_get_float(cs);

	if ((!whole && (type != CONFIG_TYPE_FLOAT || f->kind == NUMBER)) || !(v >= 0 && v <= f->max))
		return refuse(r, cs, "is no number, or out of range");
	*dst = (int64_t)(f->kind == SECONDS ? v * 1000 + 0.5 : v);
	return 0;
}

static int read_word(struct reader *r, const config_setting_t *cs, const struct field *f, unsigned *dst)
{
	const char *s = config_setting_get_string(cs);
	ptrdiff_t i = s ? conf_word_index(f->words, s) : -1;

	if (i < 0)
		return refuse(r, cs, "is none of the words that may stand there");
	*dst = (unsigned)i;
	return 0;
}

static int read_field(struct reader *r, const config_setting_t *cs, struct conf_make *m)
{
	for (size_t i = 0; i < N_FIELDS; i++) {
		const struct field *f = &fields[i];
		void *dst = (char *)m + f->offset;

		if (strcmp(f->name, config_setting_name(cs)) != 0)
			continue;
		switch (f->kind) {
		case TEXT:
			return read_text(r, cs, f, dst);
		case STRINGS:
			return read_strings(r, cs, f, dst);
		case NUMBER:
		case SECONDS:
			return read_number(r, cs, f, dst);
		case WORD:
			return read_word(r, cs, f, dst);
		case FLAG:
			if (config_setting_type(cs) != CONFIG_TYPE_BOOL)
				return refuse(r, cs, "must be true or false");
			*(bool *)dst = config_setting_get_bool(cs) != 0;
			return 0;
		}
	}
	return refuse(r, cs, "unknown setting of a make");
}

/* ---- one make ---- */

static int set_defaults(struct reader *r, struct conf_make *m)
{
	for (size_t i = 0; i < N_FIELDS; i++) {
		if (fields[i].kind != TEXT)
			continue;
		*(char **)(void *)((char *)m + fields[i].offset) = strdup(fields[i].def);
		if (!*(char **)(void *)((char *)m + fields[i].offset))
			return no_memory(r);
	}
	return 0;
}

static int compile(struct reader *r, const config_setting_t *cs, struct conf_make *m)
{
	const char *const texts[3] = { m->maker, m->model, m->firmware };

	for (unsigned i = 0; i < 3; i++) {
		if (!*texts[i])
			continue;
		if (regcomp(&m->pattern[i], texts[i], REG_EXTENDED | REG_ICASE | REG_NOSUB) != 0)
			return refuse(r, cs, "a pattern is no regular expression");
		m->has_pattern[i] = true;
		m->n_patterns++;
	}
	return *m->name ? 0 : refuse(r, cs, "a make without a name");
}

static int read_make(struct reader *r, const config_setting_t *cs)
{
	struct conf_makes *s = r->set;
	struct conf_make *more = reallocarray(s->make, s->n + 1, sizeof(*more)), *m;
	int e;

	if (!more)
		return no_memory(r);
	s->make = more;
	m = &more[s->n++];
	memset(m, 0, sizeof(*m));
	e = set_defaults(r, m);
	if (e == 0 && !config_setting_is_group(cs))
		e = refuse(r, cs, "must be a group");
	for (int i = 0; e == 0 && i < config_setting_length(cs); i++)
		e = read_field(r, config_setting_get_elem(cs, (unsigned)i), m);
	return e < 0 ? e : compile(r, cs, m);
}

/* ---- files ---- */

static int read_file(struct reader *r)
{
	const config_setting_t *list;
	config_t cfg;
	char *text;
	int e = conf_read_text(r->path, &text);

	if (e < 0) {
		snprintf(r->err, r->n_err, "%s: %s", r->path, e == -EINVAL ? "holds a NUL: no text" : strerror(-e));
		return e;
	}
	e = conf_parse(&cfg, text, "");
	free(text);
	if (e == -EINVAL)
		snprintf(r->err, r->n_err, "%s:%d: %s", r->path, config_error_line(&cfg), config_error_text(&cfg));
	else if (e < 0)
		no_memory(r);
	if (e < 0)
		goto out;
	list = config_lookup(&cfg, "modems");
	if (!list || !config_setting_is_list(list) || config_setting_length(config_root_setting(&cfg)) != 1 ||
		r->set->n + (size_t)config_setting_length(list) > MAKES_MAX) {
		snprintf(r->err, r->n_err, "%s: must be modems = ( { … }, … ), and nothing else", r->path);
		e = -EINVAL;
		goto out;
	}
	for (int i = 0; e == 0 && i < config_setting_length(list); i++)
		e = read_make(r, config_setting_get_elem(list, (unsigned)i));
out:
	config_destroy(&cfg);
	return e;
}

/* Files that are not there are none; those that were not looked for would be missed in silence. */
static int on_glob_error(const char *path, int error)
{
	return error == ENOMEM;
}

static int read_folder(struct reader *r, const char *folder)
{
	char pattern[PATH_MAX];
	glob_t g;
	int e = 0;

	if (snprintf(pattern, sizeof(pattern), "%smodems/*.conf", folder) >= (int)sizeof(pattern))
		return -ENAMETOOLONG;
	e = glob(pattern, 0, on_glob_error, &g);
	if (e != 0)
		return e == GLOB_NOMATCH ? 0 : no_memory(r);
	for (size_t i = 0; i < g.gl_pathc && e == 0; i++) {
		r->path = g.gl_pathv[i];
		e = read_file(r);
	}
	globfree(&g);
	return e;
}

int conf_makes_load(const char *folder, struct conf_makes **ret, char *err, size_t n_err)
{
	struct reader r = { .set = calloc(1, sizeof(*r.set)), .path = "modems", .err = err, .n_err = n_err };
	int e = r.set ? 0 : no_memory(&r);

	if (e == 0) {
		r.set->refs = 1;
		e = read_folder(&r, folder);
	}
	if (e == 0)
		e = read_folder(&r, PKGDATADIR "/");
	if (e < 0)
		conf_makes_unref(r.set);
	else
		*ret = r.set;
	return e;
}

struct conf_makes *conf_makes_ref(struct conf_makes *s)
{
	if (s)
		s->refs++;
	return s;
}

static void make_done(struct conf_make *m)
{
	for (size_t i = 0; i < N_FIELDS; i++) {
		void *field = (char *)m + fields[i].offset;

		if (fields[i].kind == TEXT)
			free(*(char **)field);
		else if (fields[i].kind == STRINGS)
			conf_strings_done(field);
	}
	for (unsigned i = 0; i < 3; i++) {
		if (m->has_pattern[i])
			regfree(&m->pattern[i]);
	}
}

void conf_makes_unref(struct conf_makes *s)
{
	if (!s || --s->refs > 0)
		return;
	for (size_t i = 0; i < s->n; i++)
		make_done(&s->make[i]);
	free(s->make);
	free(s);
}

const struct conf_make *conf_makes_find(const struct conf_makes *s, const char *maker, const char *model,
	const char *firmware)
{
	const char *const texts[3] = { maker, model, firmware };
	const struct conf_make *best = NULL;

	for (size_t i = 0; s && i < s->n; i++) {
		const struct conf_make *m = &s->make[i];
		bool fits = true;

		for (unsigned k = 0; k < 3; k++)
			fits = fits && (!m->has_pattern[k] || regexec(&m->pattern[k], texts[k], 0, NULL, 0) == 0);
		if (fits && (!best || m->n_patterns > best->n_patterns))
			best = m;
	}
	return best;
}
