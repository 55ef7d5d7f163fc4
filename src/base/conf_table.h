/* SPDX-License-Identifier: Apache-2.0 */
/* conf_table.h -- every setting, declared once.
 *
 * A line of the table is all there is to a setting: the parser finds name, type and range in it, the default,
 * where the value goes, what a change costs, and the sentence that explains it to the operator.  To add one:
 * a field in conf.h, a line in conf_table.c, then write the example file anew (conf_print_settings) and
 * mention it in posthorn.conf.5; a test fails until all of them agree.
 */
#ifndef BASE_CONF_TABLE_H
#define BASE_CONF_TABLE_H

#include "base/conf.h"

enum conf_section {
	CONF_TOP,
	CONF_QUEUE,
	CONF_HTTP,
	CONF_HTTP_TLS,
	CONF_RETENTION,
	CONF_WEBHOOK,
	CONF_CLIENT,
	CONF_CLIENT_WEBHOOK,
	CONF_CLIENT_TLV,
	CONF_LINK,
	CONF_LINK_TLV,
	CONF_LINK_SENDER,
	CONF_LINK_DEST,
	CONF_LINK_QUOTA,
	CONF_LINK_GUARD,
	CONF_LINK_BALANCE,
	CONF_LINK_PRICE,
	CONF_ROUTE,
	CONF_INBOUND,
	CONF_N_SECTIONS
};

struct conf_section_info {
	const char *name; /* in its parent: "tls" */
	const char *help;
	enum conf_section parent;
	size_t offset; /* of the struct, or of the pointer to the items, in the parent's struct */
	size_t size;   /* of one struct */
	bool is_list;  /* ( { … }, { … } ): the next three matter */
	size_t count_offset;
	size_t max_items;
	bool has_name; /* the first field is the name by which items are compared */
	const char *driver; /* of a link's list: NULL, or the driver whose links have it */
};

enum conf_type {
	CONF_STRING,  /* char *; min and max bound its octets */
	CONF_INT,     /* int64_t */
	CONF_DOUBLE,  /* double */
	CONF_BOOL,    /* bool */
	CONF_ENUM,    /* enum; the value is the position among the words */
	CONF_STRINGS, /* struct conf_strings; min and max bound the octets of each */
	CONF_DURATION /* int64_t in ms; everything in the table in seconds */
};

/* What a string, or each of a list, must look like. */
enum conf_form {
	CONF_FORM_ANY, /* no control characters; so for all */
	CONF_FORM_NAME,
	CONF_FORM_HEX,
	CONF_FORM_DIGITS,
	CONF_FORM_PHONE,
	CONF_FORM_SENDER,
	CONF_FORM_COUNTRY,
	CONF_FORM_CIDR,
	CONF_FORM_ERROR,
	CONF_FORM_URL,
	CONF_FORM_LISTEN,
	CONF_FORM_HOST,
	CONF_FORM_ADDRESS,
	CONF_FORM_HOST_PORT,
	CONF_FORM_DEVICE,
	CONF_FORM_PATH,
	CONF_FORM_CLOCK,
	CONF_FORM_ZONE,
	CONF_FORM_PATTERN
};

#define CONF_SECRET   1u /* never shown; also as NAME_file and NAME_env */
#define CONF_HIDDEN   2u /* never shown */
#define CONF_REQUIRED 4u /* of its driver, if it has one */

struct conf_setting {
	enum conf_section section;
	const char *name;
	enum conf_type type;
	size_t offset;
	const char *def; /* as text; a list has its items parted by blanks */
	double min, max;
	const char *unit;    /* NULL: none */
	const char *words;   /* "one|two|three" for CONF_ENUM and lists of words */
	const char *help;    /* one sentence */
	const char *driver;  /* NULL: of every link */
	const char *example; /* for the example file, when there is no default */
	enum conf_form form;
	enum conf_apply apply;
	unsigned flags;
};

extern const struct conf_section_info conf_sections[CONF_N_SECTIONS];
extern const struct conf_setting conf_settings[];
extern const size_t conf_n_settings;

/* The i-th of "one|two|three", NULL when there are fewer; not terminated by a NUL. */
const char *conf_word(const char *words, size_t i, size_t *ret_n);
/* Its position, -1 when it is none of them. */
ptrdiff_t conf_word_index(const char *words, const char *word);

/* Free the items and leave an empty list. */
void conf_strings_done(struct conf_strings *list);
/* The same for a list of groups of the struct at `parent`. */
void conf_list_done(enum conf_section section, void *parent);

/* A value as it would be written; cut when it does not fit.  Never of what is secret. */
void conf_show_value(const struct conf_setting *s, const void *field, char *buf, size_t n);

/* Write the octets of a TLV's value; `dst` has room for `cap`.  Returns how many, or -EINVAL and what is wrong with it,
 * a sentence without its full stop. */
int conf_tlv_octets(enum conf_tlv_type type, int64_t min, int64_t max, const char *value, size_t n, uint8_t *dst,
	size_t cap, const char **ret_why);

#endif
