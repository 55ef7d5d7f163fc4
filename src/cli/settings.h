/* SPDX-License-Identifier: Apache-2.0 */
/* settings.h -- where the gateway is, and who we are to it.
 *
 * In this order: the option, the environment (POSTHORN_URL, POSTHORN_KEY), the file ($POSTHORN_CONFIG, else
 * $XDG_CONFIG_HOME/posthorn/cli.conf, else ~/.config/posthorn/cli.conf), the default.  The file has lines `name=value`
 * with the names url, key, key_file, ca_file; `#` begins a comment; an unknown name is an error with file and line.
 * A file that holds a key must be readable by its owner only, else it is refused: a key that others may have read
 * should be changed, and a warning would be overlooked for years.
 */
#ifndef POSTHORN_CLI_SETTINGS_H
#define POSTHORN_CLI_SETTINGS_H

struct settings_given { /* lent; NULL: not given */
	const char *url, *key, *key_file, *ca_file;
};

struct settings {
	char *url;     /* without a slash at its end */
	char *key;     /* NULL: none */
	char *ca_file; /* NULL: the system's */
};

/* Returns 0, or -errno after saying what is wrong. */
int settings_load(struct settings *ret, const struct settings_given *given);
void settings_done(struct settings *s);

#endif
