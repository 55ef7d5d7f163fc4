/* SPDX-License-Identifier: Apache-2.0 */
/* log.c -- see log.h.
 *
 * Why the format is walked here and not handed to vsnprintf() whole: after formatting, a blank that the
 * caller wrote and one that came from the network look alike, and a recipient or a carrier's error text could
 * forge fields.  So each field is rendered by itself and quoted when its value needs it.  Every single
 * conversion is still done by snprintf().
 *
 * Why not O_NONBLOCK on standard error: the flag belongs to the open file, which may be the shell's terminal
 * too.  A pipe that polls writable has PIPE_BUF octets free, and a line is shorter; a socket (the journal)
 * takes MSG_DONTWAIT.
 *
 * The level and the count of dropped lines are the process's, like standard error itself: the only state
 * here.
 */
#include "base/log.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static_assert(LOG_LINE_MAX <= PIPE_BUF, "a line must be one atomic write to a pipe");

#define CUT_MARK "..." /* what a line that was cut ends in, before the quote if one is open */

enum sink { SINK_FILE, SINK_SOCKET };

static atomic_int the_level = LOG_LEVEL_INFO;
static atomic_int the_sink = SINK_FILE;
static atomic_bool in_journal;
static atomic_ulong n_dropped;

struct line {
	char text[LOG_LINE_MAX];
	size_t n; /* never above ROOM_END until the line is ended */
	bool cut;
	bool in_quotes; /* when it was cut */
};

/* The mark, a quote and the newline always fit. */
#define ROOM_END (LOG_LINE_MAX - (sizeof(CUT_MARK) - 1) - 2)

/* The value of one field before quoting; what does not fit a line need not fit here. */
struct value {
	char text[LOG_LINE_MAX];
	size_t n;
};

static void put(struct line *l, const char *text, size_t n)
{
	if (l->cut)
		return;
	if (n > ROOM_END - l->n) {
		l->cut = true; /* nothing after it either: a line does not lose its middle */
		return;
	}
	memcpy(l->text + l->n, text, n);
	l->n += n;
}

static void put_string(struct line *l, const char *text)
{
	put(l, text, strlen(text));
}

/* Octets of the well-formed UTF-8 sequence at `p` (RFC 3629, 4), 0 when there is none.  C1 controls count as
 * none: a terminal may obey them. */
static size_t utf8_sequence(const unsigned char *p, size_t n)
{
	size_t len = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
		     : (p[0] & 0xf0) == 0xe0	    ? 3
		     : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
						    : 0;

	if (len == 0 || len > n)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((p[0] == 0xc2 && p[1] < 0xa0) || (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
		(p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

static bool is_plain(const struct value *v)
{
	for (size_t i = 0; i < v->n;) {
		unsigned char c = (unsigned char)v->text[i];
		size_t len = 1;

		if (c <= ' ' || c == 0x7f || c == '"' || c == '\\' || c == '=')
			return false;
		if (c >= 0x80)
			len = utf8_sequence((const unsigned char *)v->text + i, v->n - i);
		if (len == 0)
			return false;
		i += len;
	}
	return v->n > 0;
}

static void put_escaped(struct line *l, unsigned char c)
{
	char text[5] = {'\\', (char)c, 0, 0, 0};

	switch (c) {
	case '"':
	case '\\': break;
	case '\n': text[1] = 'n'; break;
	case '\r': text[1] = 'r'; break;
	case '\t': text[1] = 't'; break;
	default: snprintf(text, sizeof(text), "\\x%02x", c);
	}
	put_string(l, text);
}

static void put_value(struct line *l, const struct value *v)
{
	bool plain = is_plain(v);

	if (!plain)
		put(l, "\"", 1);
	/* By character, so that a value that does not fit keeps its beginning and ends at a character. */
	for (size_t i = 0; i < v->n && !l->cut;) {
		const unsigned char *p = (const unsigned char *)v->text + i;
		size_t len = *p >= 0x80 ? utf8_sequence(p, v->n - i)
					: *p >= ' ' && *p != 0x7f && *p != '"' && *p != '\\';

		if (len > 0)
			put(l, v->text + i, len);
		else
			put_escaped(l, *p);
		l->in_quotes = !plain && l->cut;
		i += len > 0 ? len : 1;
	}
	if (plain || l->cut)
		return;
	put(l, "\"", 1);
	l->in_quotes = l->cut;
}

/* One conversion of a format, as far as the log knows them: "%-08.3lld". */
struct spec {
	char text[32]; /* with '*' replaced by its number */
	char length;   /* 0, 'H' (hh), 'h', 'l', 'L' (ll), 'z', 'j', 't' */
	char kind;
};

/* A va_list in a struct, because one passed by itself may not be used by caller and callee in turn
 * (C17, 7.16). */
struct args {
	va_list ap;
};

static const char *read_spec(const char *p, struct spec *s, struct args *args)
{
	static const char flags_and_digits[] = "-+ #0123456789.";
	size_t n = 0;

	s->text[n++] = *p++; /* the '%' */
	for (; *p != '\0' && (strchr(flags_and_digits, *p) != NULL || *p == '*'); p++) {
		if (*p == '*')
			n += (size_t)snprintf(s->text + n, sizeof(s->text) - n, "%d", va_arg(args->ap, int));
		else
			s->text[n++] = *p;
		assert(n < sizeof(s->text) - 4);
	}
	s->length = 0;
	for (; *p != '\0' && strchr("hlzjt", *p) != NULL; p++) {
		s->length = s->length == 'l' ? 'L' : s->length == 'h' ? 'H' : *p;
		s->text[n++] = *p;
		assert(n < sizeof(s->text) - 2);
	}
	s->kind = *p;
	s->text[n++] = *p;
	s->text[n] = '\0';
	return *p != '\0' ? p + 1 : p;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored \
	"-Wformat-nonliteral" /* the pieces of a format that the compiler checked at the call */

static int convert_signed(char *to, size_t n, const struct spec *s, struct args *args)
{
	switch (s->length) {
	case 'l': return snprintf(to, n, s->text, va_arg(args->ap, long));
	case 'L': return snprintf(to, n, s->text, va_arg(args->ap, long long));
	case 'z': return snprintf(to, n, s->text, va_arg(args->ap, ssize_t));
	case 'j': return snprintf(to, n, s->text, va_arg(args->ap, intmax_t));
	case 't': return snprintf(to, n, s->text, va_arg(args->ap, ptrdiff_t));
	default: return snprintf(to, n, s->text, va_arg(args->ap, int));
	}
}

static int convert_unsigned(char *to, size_t n, const struct spec *s, struct args *args)
{
	switch (s->length) {
	case 'l': return snprintf(to, n, s->text, va_arg(args->ap, unsigned long));
	case 'L': return snprintf(to, n, s->text, va_arg(args->ap, unsigned long long));
	case 'z': return snprintf(to, n, s->text, va_arg(args->ap, size_t));
	case 'j': return snprintf(to, n, s->text, va_arg(args->ap, uintmax_t));
	case 't': return snprintf(to, n, s->text, va_arg(args->ap, size_t));
	default: return snprintf(to, n, s->text, va_arg(args->ap, unsigned));
	}
}

/* snprintf() cuts by octets; half a letter would look like garbage and be quoted. */
static void drop_last_character(struct value *v)
{
	while (v->n > 0 && (v->text[v->n - 1] & 0xc0) == 0x80)
		v->n--;
	if (v->n > 0)
		v->n--;
}

/* Append one conversion to the value; -1 when the log does not know it (then its argument has an unknown
 * size). */
static int convert(struct value *v, const struct spec *s, struct args *args)
{
	char *to = v->text + v->n;
	size_t room = sizeof(v->text) - v->n;
	int n;

	switch (s->kind) {
	case 'd':
	case 'i': n = convert_signed(to, room, s, args); break;
	case 'u':
	case 'o':
	case 'x':
	case 'X': n = convert_unsigned(to, room, s, args); break;
	case 'c': n = snprintf(to, room, s->text, va_arg(args->ap, int)); break;
	case 'e':
	case 'f':
	case 'g': n = snprintf(to, room, s->text, va_arg(args->ap, double)); break;
	case 's': {
		const char *text = va_arg(args->ap, const char *);

		n = snprintf(to, room, s->text, text != NULL ? text : "(null)");
		break;
	}
	case 'p': n = snprintf(to, room, s->text, va_arg(args->ap, void *)); break;
	case 'm': n = snprintf(to, room, "%s", strerror(errno)); break;
	case '%': n = snprintf(to, room, "%%"); break;
	default: return -1;
	}
	if (n > 0)
		v->n += (size_t)n < room ? (size_t)n : room - 1;
	if (n > 0 && (size_t)n >= room)
		drop_last_character(v);
	return 0;
}

#pragma GCC diagnostic pop

/* " key=VALUE"; returns where the next field begins, NULL when the rest of the format cannot be read. */
static const char *put_field(struct line *l, const char *fmt, struct args *args)
{
	const char *key_end = strchr(fmt, '=');
	struct value v;
	struct spec s;

	assert(key_end != NULL);
	if (key_end == NULL)
		return NULL;
	put(l, " ", 1);
	put(l, fmt, (size_t)(key_end - fmt) + 1);
	v.n = 0;
	fmt = key_end + 1;
	while (*fmt != '\0' && *fmt != ' ') {
		if (*fmt != '%') {
			if (v.n < sizeof(v.text) - 1)
				v.text[v.n++] = *fmt;
			fmt++;
			continue;
		}
		fmt = read_spec(fmt, &s, args);
		if (convert(&v, &s, args) < 0) {
			assert(!"log: unknown conversion");
			return NULL;
		}
	}
	put_value(l, &v);
	return *fmt == ' ' ? fmt + 1 : fmt;
}

static void begin_line(struct line *l, enum log_level level)
{
	/* sd-daemon(3): the journal reads "<N>" in front of a line as its priority, as numbered in syslog(3).
	 */
	static const char *const priority[] = {"<3>", "<4>", "<6>", "<7>"};
	static const char *const name[] = {"error", "warn", "info", "debug"};
	char stamp[CLOCK_TEXT_SIZE];

	l->n = 0;
	l->cut = false;
	l->in_quotes = false;
	if (atomic_load_explicit(&in_journal, memory_order_relaxed)) {
		put_string(l, priority[level]);
	} else {
		clock_format_rfc3339(clock_ms(), stamp);
		put_string(l, "ts=");
		put_string(l, stamp);
		put(l, " ", 1);
	}
	put_string(l, "level=");
	put_string(l, name[level]);
	put_string(l, " event=");
}

static bool send_line(struct line *l)
{
	ssize_t n;

	if (l->cut) {
		memcpy(l->text + l->n, CUT_MARK, sizeof(CUT_MARK) - 1);
		l->n += sizeof(CUT_MARK) - 1;
		if (l->in_quotes)
			l->text[l->n++] = '"';
	}
	l->text[l->n++] = '\n';
	if (atomic_load_explicit(&the_sink, memory_order_relaxed) == SINK_SOCKET) {
		n = send(STDERR_FILENO, l->text, l->n, MSG_DONTWAIT | MSG_NOSIGNAL);
	} else {
		struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};

		if (poll(&p, 1, 0) != 1 || (p.revents & POLLOUT) == 0)
			return false;
		n = write(STDERR_FILENO, l->text, l->n);
	}
	return n >= 0;
}

/* Before a line after lines that were lost, say how many.  Whoever takes the count must bring it back on
 * failure. */
static bool send_dropped(void)
{
	unsigned long n = atomic_exchange(&n_dropped, 0);
	struct line l;
	char count[48];

	if (n == 0)
		return true;
	begin_line(&l, LOG_LEVEL_WARN);
	snprintf(count, sizeof(count), "log_dropped lines=%lu", n);
	put_string(&l, count);
	if (send_line(&l))
		return true;
	atomic_fetch_add(&n_dropped, n);
	return false;
}

void log_at(enum log_level level, const char *event, const char *fmt, ...)
{
	int saved_errno = errno;
	struct args args;
	struct line l;

	if (!log_on(level))
		return;
	begin_line(&l, level);
	put_string(&l, event);
	va_start(args.ap, fmt);
	while (fmt != NULL && *fmt != '\0') {
		errno = saved_errno; /* for %m, whatever was called in between */
		fmt = put_field(&l, fmt, &args);
	}
	va_end(args.ap);
	if (!send_dropped() || !send_line(&l))
		atomic_fetch_add(&n_dropped, 1);
	errno = saved_errno;
}

bool log_on(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&the_level, memory_order_relaxed);
}

/* systemd.exec(5): JOURNAL_STREAM is "DEVICE:INODE" of the journal's socket; compared, because the variable
 * is also inherited by children whose standard error goes elsewhere. */
static bool stderr_is_journal(const struct stat *st)
{
	const char *text = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;

	if (text == NULL || sscanf(text, "%llu:%llu", &device, &inode) != 2)
		return false;
	return device == (unsigned long long)st->st_dev && inode == (unsigned long long)st->st_ino;
}

void log_open(enum log_level level)
{
	struct stat st;
	bool known = fstat(STDERR_FILENO, &st) == 0;

	atomic_store(&the_level, (int)level);
	atomic_store(&the_sink, known && S_ISSOCK(st.st_mode) ? SINK_SOCKET : SINK_FILE);
	atomic_store(&in_journal, known && stderr_is_journal(&st));
}
