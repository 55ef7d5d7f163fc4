/* SPDX-License-Identifier: Apache-2.0 */
/* log_test.c -- log lines: quoting, bounds, levels, and that a reader who does not read stops nobody.
 *
 * Standard error is replaced by a pipe or a file while a line is written, and put back before anything is
 * asserted.
 */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int saved_stderr;
static int reader; /* the end of the pipe or socket where lines come out */
static char out[16384];

static void take_stderr(int writer)
{
	fflush(stderr);
	saved_stderr = dup(STDERR_FILENO);
	dup2(writer, STDERR_FILENO);
	close(writer);
}

static void take_stderr_by_pipe(void)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	/* The writing end must block: that the log never does is what is tested. */
	assert_int_equal(fcntl(fds[1], F_SETFL, 0), 0);
	reader = fds[0];
	take_stderr(fds[1]);
}

/* What has been written so far; the pipe is non-blocking for us, so this waits for nothing. */
static const char *read_lines(void)
{
	ssize_t n = read(reader, out, sizeof(out) - 1);

	out[n > 0 ? n : 0] = '\0';
	return out;
}

static void give_stderr_back(void)
{
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
}

/* After the stamp: "level=…". */
static const char *body(const char *line)
{
	int64_t ms;

	assert_memory_equal(line, "ts=", 3);
	assert_int_equal(clock_parse_rfc3339(line + 3, CLOCK_TEXT_LEN, &ms), 0);
	assert_true(line[3 + CLOCK_TEXT_LEN] == ' ');
	return line + 3 + CLOCK_TEXT_LEN + 1;
}

#define EXPECT_LINE(expected, call)                                     \
	do {                                                            \
		take_stderr_by_pipe();                                  \
		call;                                                   \
		give_stderr_back();                                     \
		assert_string_equal(body(read_lines()), expected "\n"); \
		close(reader);                                          \
	} while (0)

static void test_a_line_is_level_event_and_fields(void **state)
{
	log_open(LOG_LEVEL_INFO);
	EXPECT_LINE("level=info event=link_up link=acme took_ms=41",
		log_info("link_up", "link=%s took_ms=%d", "acme", 41));
	EXPECT_LINE("level=warn event=started", log_warn("started", NULL));
	EXPECT_LINE("level=error event=e a=x:7/y", log_error("e", "a=%s:%d/y", "x", 7));
}

static const struct {
	const char *value, *shown;
} quoted[] = {
	{"plain", "plain"},
	{"+12025550142", "+12025550142"},
	{"", "\"\""},
	{"two words", "\"two words\""},
	{"a\" level=error", "\"a\\\" level=error\""},
	{"k=v", "\"k=v\""},
	{"back\\slash", "\"back\\\\slash\""},
	{"line\nevent=forged", "\"line\\nevent=forged\""},
	{"\r\t\x01\x1b[31m\x7f", "\"\\r\\t\\x01\\x1b[31m\\x7f\""},
	{"Привет€😀", "Привет€😀"},
	{"да нет", "\"да нет\""},
	{"\xff", "\"\\xff\""},
	{"a\xc0\xaf", "\"a\\xc0\\xaf\""},	 /* overlong "/" */
	{"\xed\xa0\x80", "\"\\xed\\xa0\\x80\""}, /* a surrogate */
	{"\xc2\x9b"
	 "31m",
		"\"\\xc2\\x9b31m\""},	/* C1: control sequence introducer */
	{"\xe2\x82", "\"\\xe2\\x82\""}, /* cut in the middle */
	{"%s%n", "%s%n"},
};

static void test_values_cannot_leave_their_field(void **state)
{
	char expected[256];

	log_open(LOG_LEVEL_INFO);
	for (size_t i = 0; i < sizeof(quoted) / sizeof(quoted[0]); i++) {
		take_stderr_by_pipe();
		log_info("e", "v=%s n=%d", quoted[i].value, 1);
		give_stderr_back();
		snprintf(expected, sizeof(expected), "level=info event=e v=%s n=1\n", quoted[i].shown);
		assert_string_equal(body(read_lines()), expected);
		close(reader);
	}
}

static void test_conversions_take_their_arguments(void **state)
{
	const char *volatile nothing = NULL; /* volatile: else the compiler sees it and warns, rightly */

	log_open(LOG_LEVEL_INFO);
	EXPECT_LINE("level=info event=e a=-1 b=4294967295 c=ff d=9223372036854775807 e=18446744073709551615 "
		    "f=1.50 g=x",
		log_info("e", "a=%d b=%u c=%x d=%" PRId64 " e=%" PRIu64 " f=%.2f g=%c", -1, 4294967295u, 255,
			INT64_MAX, UINT64_MAX, 1.5, 'x'));
	EXPECT_LINE("level=info event=e a=7 b=-7 c=200 d=0007 e=ab f=5% g=9",
		log_info("e", "a=%zu b=%lld c=%hhu d=%04d e=%.*s f=%d%% g=%jd", (size_t)7, -7ll, 200, 7, 2,
			"abcdef", 5, (intmax_t)9));
	EXPECT_LINE("level=info event=e a=\"   7\" b=(null) c=1",
		log_info("e", "a=%*d b=%s c=%ld", 4, 7, nothing, 1l));
	errno = ENOENT;
	EXPECT_LINE("level=info event=e error=\"No such file or directory\" n=1",
		log_info("e", "error=%m n=%d", 1));
}

static void test_errno_is_kept(void **state)
{
	take_stderr_by_pipe();
	errno = EXDEV;
	log_info("e", "a=%s", "b");
	assert_int_equal(errno, EXDEV);
	give_stderr_back();
	close(reader);
}

static int n_evaluated;

static int evaluate(void)
{
	return ++n_evaluated;
}

static void test_levels_are_obeyed(void **state)
{
	log_open(LOG_LEVEL_WARN);
	take_stderr_by_pipe();
	log_info("hidden", NULL);
	log_debug("hidden", "n=%d", evaluate());
	log_warn("shown", NULL);
	give_stderr_back();
	assert_string_equal(body(read_lines()), "level=warn event=shown\n");
	assert_int_equal(n_evaluated, 0);
	assert_false(log_on(LOG_LEVEL_INFO));
	assert_true(log_on(LOG_LEVEL_ERROR));
	close(reader);
	log_open(LOG_LEVEL_DEBUG);
	EXPECT_LINE("level=debug event=shown n=1", log_debug("shown", "n=%d", evaluate()));
}

static const struct {
	const char *beginning, *end;
} cut[] = {
	{"", "...\n"},
	{"x", "...\n"}, /* from odd places: no letter of two octets is cut in two */
	{" ", "...\"\n"},
	{" x", "...\"\n"},
};

static void test_a_long_line_is_cut_and_says_so(void **state)
{
	log_open(LOG_LEVEL_INFO);
	for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
		char value[4000], *p = stpcpy(value, cut[i].beginning);
		size_t n, n_end = strlen(cut[i].end);
		const char *line;

		while (p < value + sizeof(value) - 3)
			p = stpcpy(p, "я");
		take_stderr_by_pipe();
		log_info("e", "v=%s lost=%d", value, 1);
		give_stderr_back();
		line = read_lines();
		n = strlen(line);
		assert_true(n <= LOG_LINE_MAX && n > LOG_LINE_MAX - 8);
		assert_string_equal(line + n - n_end, cut[i].end);
		assert_memory_equal(line + n - n_end - 2, "я", 2);
		assert_null(strstr(line, "lost="));
		close(reader);
	}
}

static void test_one_write_per_line(void **state)
{
	int fds[2];
	char packet[4096];
	ssize_t n;

	/* In a socket of packets each write is one. */
	log_open(LOG_LEVEL_INFO);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
	reader = fds[0];
	take_stderr(fds[1]);
	log_open(LOG_LEVEL_INFO);
	log_info("one", "a=%s b=%d c=%s", "x y", 1, "z");
	log_info("two", NULL);
	give_stderr_back();
	n = read(reader, packet, sizeof(packet) - 1);
	assert_true(n > 0);
	packet[n] = '\0';
	assert_string_equal(body(packet), "level=info event=one a=\"x y\" b=1 c=z\n");
	n = read(reader, packet, sizeof(packet) - 1);
	packet[n > 0 ? n : 0] = '\0';
	assert_string_equal(body(packet), "level=info event=two\n");
	close(reader);
	log_open(LOG_LEVEL_INFO);
}

static void fill_and_log(size_t n_lines)
{
	for (size_t i = 0; i < n_lines; i++)
		log_info("flood", "v=%0200zu", i);
}

static void count_lost(const char *kind)
{
	const char *p, *mark;
	unsigned long n_lost = 0;
	size_t n_got = 0, n_sent = 3000;

	fill_and_log(n_sent); /* far more than fits; a log that blocks would hang here for ever */
	while (*(p = read_lines()) != '\0') {
		for (; (p = strstr(p, "event=flood")) != NULL; p++)
			n_got++;
	}
	log_info("after", NULL);
	give_stderr_back();
	p = read_lines();
	mark = strstr(p, "event=log_dropped lines=");
	if (mark == NULL)
		fail_msg("%s: no word of lost lines", kind);
	n_lost = strtoul(mark + strlen("event=log_dropped lines="), NULL, 10);
	assert_non_null(strstr(mark, "event=after\n"));
	assert_true(n_got > 0);
	assert_true(n_lost > 0);
	assert_int_equal(n_got + n_lost, n_sent);
	close(reader);
}

static void test_a_reader_that_does_not_read_stops_nobody(void **state)
{
	int fds[2];

	take_stderr_by_pipe();
	log_open(LOG_LEVEL_INFO);
	count_lost("pipe");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	reader = fds[0];
	take_stderr(fds[1]);
	log_open(LOG_LEVEL_INFO);
	count_lost("socket");
	log_open(LOG_LEVEL_INFO);
}

static void test_the_journal_stamps_lines_itself(void **state)
{
	struct stat st;
	char stream[64];

	take_stderr_by_pipe();
	fstat(STDERR_FILENO, &st);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open(LOG_LEVEL_DEBUG);
	log_error("a", NULL);
	log_warn("b", NULL);
	log_info("c", NULL);
	log_debug("d", NULL);
	setenv("JOURNAL_STREAM", "1:1", 1); /* inherited, but our standard error is something else */
	log_open(LOG_LEVEL_INFO);
	log_info("e", NULL);
	unsetenv("JOURNAL_STREAM");
	log_open(LOG_LEVEL_INFO);
	give_stderr_back();
	read_lines();
	assert_memory_equal(out,
		"<3>level=error event=a\n<4>level=warn event=b\n<6>level=info event=c\n<7>level=debug "
		"event=d\nts=",
		strlen("<3>level=error event=a\n<4>level=warn event=b\n<6>level=info event=c\n<7>level=debug "
		       "event=d\nts="));
	close(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_line_is_level_event_and_fields),
		cmocka_unit_test(test_values_cannot_leave_their_field),
		cmocka_unit_test(test_conversions_take_their_arguments),
		cmocka_unit_test(test_errno_is_kept),
		cmocka_unit_test(test_levels_are_obeyed),
		cmocka_unit_test(test_a_long_line_is_cut_and_says_so),
		cmocka_unit_test(test_one_write_per_line),
		cmocka_unit_test(test_a_reader_that_does_not_read_stops_nobody),
		cmocka_unit_test(test_the_journal_stamps_lines_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
