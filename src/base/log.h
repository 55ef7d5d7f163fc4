/* SPDX-License-Identifier: Apache-2.0 */
/* log.h -- one line of key=value per event, to standard error.
 *
 *     log_info("link_up", "link=%s took_ms=%d", name, ms);
 *     ts=2026-11-21T23:12:47.123Z level=info event=link_up link=acme took_ms=41
 *
 * The format is a list of fields, key=VALUE, parted by single blanks; each VALUE may mix text and conversions
 * ("peer=%s:%d").  What a conversion yields can never break out of its field: values with blanks, quotes,
 * "=", backslashes or control characters are put in quotes and escaped.  Pass NULL as format when there are
 * no fields.
 *
 * Promises: one write(2) per line; at most LOG_LINE_MAX octets, a longer line is cut and ends in "..."; never
 * waits for a reader that does not read (the line is dropped, and the next one that goes out is preceded by
 * how many were); may be called from any thread.  errno is kept.  SIGPIPE is the program's to ignore.
 *
 * error: a person must act.  warn: we coped, look soon.  info: an event of business.  debug: everything; only
 * here may message texts and full numbers appear.  Passwords and keys: nowhere.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#define LOG_LINE_MAX 2048 /* with the newline; below PIPE_BUF, so that lines of several threads do not mix \
			   */

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Log up to `level` from now on.  Looks whether standard error is the systemd journal, which stamps lines
 * itself: then no "ts", and a priority in front.  May be called again (reload).  Before the first call the
 * level is info. */
void log_open(enum log_level level);

/* Whether a line of this level would be written; for values that are dear to compute. */
bool log_on(enum log_level level);

void log_at(enum log_level level, const char *event, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(...) log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_at(LOG_LEVEL_INFO, __VA_ARGS__)
/* The arguments are not evaluated when debug is off. */
#define log_debug(...) (log_on(LOG_LEVEL_DEBUG) ? log_at(LOG_LEVEL_DEBUG, __VA_ARGS__) : (void)0)

#endif
