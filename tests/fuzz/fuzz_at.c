/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_at.c -- any octets as what a modem says, to the reader of lines and to a conversation, with time passing anyhow.
 *
 * Promises held: a line is bounded, ends in NUL and has no control characters; fields stay inside their bounds and come
 * to an end; each command ends exactly once, whatever the modem says and whenever; a text is written once at most, and
 * "was written" is told of just those; what a PIN is goes over the wire and into no trace; once stopped, nothing is
 * called any more. */
#include "drivers/modem/at.h"
#include "drivers/modem/at_error.h"
#include "drivers/modem/chat.h"
#include "tests/unit/virtual_timer.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- lines and fields ---- */

static void read_fields(const char *s)
{
	struct at_fields f = { s }, again = { s };
	char field[32];
	long n;

	for (size_t i = 0; i <= strlen(s) + 1; i++) {
		int r = at_field(&f, field, sizeof(field));
		int k = at_field_number(&again, &n);

		assert(strlen(field) < sizeof(field) && f.at == again.at);
		assert(k != 0 || (r == 0 && field[0]));
		if (r == -ENOENT)
			return;
		assert(!f.at || (f.at > s && f.at <= s + strlen(s)));
		at_list_has(field, 1);
	}
	assert(!"fields without end");
}

static bool on_any_line(void *arg, char *line, size_t n, bool prompt)
{
	char text[80];
	int code = -2;
	enum at_kind kind;

	assert(n > 0 && n <= AT_LINE_MAX && strlen(line) == n);
	for (size_t i = 0; i < n; i++)
		assert((unsigned char)line[i] >= ' ' && line[i] != 0x7f);
	assert(prompt || (line[0] != ' ' && line[n - 1] != ' '));
	kind = at_line_kind(line, &code);
	assert((kind == AT_CMS_ERROR || kind == AT_CME_ERROR) == (code != -2) && code >= -2 && code <= 65535);
	at_error_outcome(at_error_class(kind, code), at_error_bound(kind, code), 1);
	assert(at_error_text(kind, code, text, sizeof(text)) == text);
	read_fields(line);
	return true;
}

/* ---- a conversation ---- */

#define PIN      "SeCrEt"
#define BODY     "00112233AABBCC"
#define N_ASKED  512

static struct {
	struct chat *chat;
	bool stopped;
	unsigned n_asked, n_ended, n_bodies, n_told_written;
	bool ended[N_ASKED];
	unsigned asked_inside;
	bool stop_inside;
} w;

static int on_write(void *arg, const void *data, size_t n)
{
	assert(!w.stopped && n > 0);
	if (n == strlen(BODY) + 1 && memcmp(data, BODY "\x1a", n) == 0)
		w.n_bodies++;
	return n % 7 == 0 && w.n_asked % 16 == 3 ? -EPIPE : 0;
}

static void on_urc(void *arg, const char *line, const char *pdu)
{
	assert(!w.stopped && strlen(line) <= AT_LINE_MAX && (!pdu || strlen(pdu) >= 2));
}

static void on_stuck(void *arg)
{
	assert(!w.stopped);
}

static void on_wire(void *arg, bool out, const char *line, size_t n, bool body)
{
	if (out)
		assert(!memmem(line, n, PIN, strlen(PIN)));
}

static const struct chat_ops ops = { .write = on_write, .urc = on_urc, .stuck = on_stuck, .wire = on_wire };

static void ask(unsigned kind);

static void stop(void)
{
	if (w.stopped)
		return;
	/* Those that wait end inside. */
	chat_stop(w.chat);
	w.stopped = true;
}

static void on_done(void *arg, const struct chat_answer *a)
{
	bool *ended = arg;

	assert(!*ended && !w.stopped);
	*ended = true;
	w.n_ended++;
	w.n_told_written += a->body_written;
	assert(a->n_lines <= CHAT_LINES_MAX);
	for (unsigned i = 0; i < a->n_lines; i++)
		assert(strlen(a->lines[i]) <= AT_LINE_MAX);
	if (w.stop_inside && a->end != CHAT_GONE) {
		w.stop_inside = false;
		stop();
	} else if (w.asked_inside > 0) {
		ask(w.asked_inside--);
	}
}

static void on_each(void *arg, const char *line)
{
	assert(!w.stopped && strlen(line) <= AT_LINE_MAX);
}

static void ask(unsigned kind)
{
	static const struct chat_command commands[] = {
		{ .text = "AT" },
		{ .text = "AT+CSQ", .prefix = "+CSQ:" },
		{ .text = "AT+CMGS=12", .prefix = "+CMGS:", .body = BODY, .timeout_ms = 60000 },
		{ .text = "AT+CMGL=4", .prefix = "+CMGL:", .follows = true, .each = on_each },
		{ .text = "AT+CMGR=1", .prefix = "+CMGR:", .follows = true, .urgent = true },
		{ .text = "AT+CPIN=\"" PIN "\"", .secret = true },
		{ .text = "AT+CGMI" },
		{ .text = "AT+CUSD=1,\"*100#\",15", .urgent = true },
	};
	struct chat_command c = commands[kind % (sizeof(commands) / sizeof(commands[0]))];

	if (w.n_asked == N_ASKED)
		return;
	c.done = on_done;
	c.arg = &w.ended[w.n_asked];
	if (chat_command(w.chat, &c) == 0)
		w.n_asked++;
}

static void says(const char *s)
{
	chat_feed(w.chat, (const uint8_t *)s, strlen(s));
}

/* What modems say, so that an input gets somewhere without guessing letters. */
static void says_nth(unsigned n)
{
	static const char *const lines[] = {
		"\r\nOK\r\n", "\r\n> ", ">", "\r\nERROR\r\n", "\r\n+CMS ERROR: 500\r\n", "+CME ERROR: SIM busy\r\n",
		"+CMGS: 7\r\n", "+CSQ: 1,99\r\n", "+CMT: ,24\r\n", "0791AABB\r\n", "+CDS: 25\r\n", "+CMGL: 1,0,,24\r\n",
		"+CMGR: 1,,24\r\n", "+CUSD: 1,\"Menu\r\n", "more\",15\r\n", "RING\r\n", "AT+CSQ\r\r\n", BODY "\x1a\r\n",
		"\r\r\n^RSSI:18\r\r\n", "+CREG: 2,1,\"00AF,\"1234\"\r\n", "huawei\r\n", "NO CARRIER\r\n", "\0\r\n", "> > \r\n",
	};

	says(lines[n % (sizeof(lines) / sizeof(lines[0]))]);
}

/* The octets are a script: the upper three bits say what happens. */
static void converse(const uint8_t *data, size_t size)
{
	static const unsigned waits[] = { 0, 1, 249, 250, 1000, 5000, 10000, 60000 };

	for (size_t i = 0; i < size && !w.stopped; i++) {
		unsigned low = data[i] & 31;

		switch (data[i] >> 5) {
		case 0:
		case 1:
			says_nth(low);
			break;
		case 2:
			ask(low);
			break;
		case 3:
			virtual_advance(waits[low & 7]);
			break;
		case 4: {
			size_t n = size - i - 1 < low ? size - i - 1 : low;

			chat_feed(w.chat, data + i + 1, n);
			i += n;
			break;
		}
		case 5:
			w.asked_inside = low & 3;
			break;
		case 6:
			virtual_next();
			break;
		case 7:
			w.stop_inside = low == 31;
			break;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct at_reader r;
	struct chat_stats stats;

	if (size > 4096)
		return 0;
	at_reader_init(&r);
	assert(at_read(&r, data, size, on_any_line, NULL) == size);

	memset(&w, 0, sizeof(w));
	assert(chat_new(NULL, &ops, NULL, &w.chat) == 0);
	converse(data, size);
	if (!w.stopped) {
		chat_stats(w.chat, &stats);
		assert(stats.timeouts <= stats.commands);
		w.asked_inside = 0;
		w.stop_inside = false;
		stop();
	}
	assert(w.n_ended == w.n_asked && w.n_told_written <= w.n_bodies && w.n_bodies <= w.n_asked);
	virtual_advance(0);
	return 0;
}
