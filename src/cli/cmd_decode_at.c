/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_decode_at.c -- see cmd_decode_at.h.
 *
 * Transcripts come from minicom, from logs of other gateways, out of mails.  What stands in front of a line of the
 * modem (times, arrows, "RX:") is skipped: a line begins where something that only modems say begins.  A line that says
 * nothing we know is shown without a meaning, so that nothing of the conversation is missing. */
#include "config.h"

#include "cli/cmd_decode_at.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "codec/tpdu.h"
#include "drivers/modem/at.h"
#include "drivers/modem/at_error.h"

#define LINES_MAX 100000
#define PDU_MIN   14 /* digits: what is shorter is a number, not a TPDU */

enum line_kind { LINE_OTHER, LINE_COMMAND, LINE_FINAL, LINE_ANSWER, LINE_PDU };

static const char *const kind_words[] = { "", "command", "result", "answer", "pdu" };

struct transcript {
	const struct cli *cli;
	struct table *table;
	json_t *list;
	unsigned n, n_known;
	int way; /* of the PDU that follows: 'T' to the phone, 'O' from it, 0 not told */
};

struct meaning {
	const char *prefix, *text;
};

static const struct meaning commands[] = {
	{ "+CMGS", "send a message; the octets of its TPDU" }, { "+CMGW", "store a message to be sent" },
	{ "+CMSS", "send a stored message" }, { "+CMGL", "list the messages of a memory" },
	{ "+CMGR", "read a message" }, { "+CMGD", "delete a message" }, { "+CNMA", "acknowledge a message or report" },
	{ "+CNMI", "how messages and reports are announced: mode, mt, bm, ds, bfr" },
	{ "+CPMS", "memories: to read, to write, to receive into" }, { "+CMGF", "0: PDU mode, 1: text mode" },
	{ "+CSMS", "1: phase 2+, which +CNMA needs" }, { "+CSCA", "number of the service centre" },
	{ "+CMMS", "keep the link open between messages" }, { "+CMEE", "1: errors as numbers, 2: as words" },
	{ "+CPIN", "state of the SIM, or its PIN" }, { "+CREG", "registration, circuit switched" },
	{ "+CGREG", "registration, packet switched" }, { "+CEREG", "registration, LTE" }, { "+COPS", "operator" },
	{ "+CSQ", "signal" }, { "+CFUN", "functions; 1,1 is a reset" }, { "+CUSD", "USSD" }, { "+CGSN", "IMEI" },
	{ "+CIMI", "IMSI" }, { "+CGMI", "maker" }, { "+CGMM", "model" }, { "+CGMR", "firmware" },
	{ "+CCID", "ICCID of the SIM" }, { "+CNUM", "own number" }, { "E0", "no echo" }, { "E1", "echo" },
	{ "Z", "reset to the stored profile" }, { "&F", "reset to the factory's profile" }, { "", "are you there?" },
};

static const char *const registration[] = { "not registered, not searching", "registered, home", "searching", "denied",
	"unknown", "registered, roaming", "registered for SMS only, home", "registered for SMS only, roaming",
	"emergency calls only", "registered, CSFB not preferred, home", "registered, CSFB not preferred, roaming" };

/* ---- meanings ---- */

static void of_command(const char *s, struct text *out)
{
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		size_t n = strlen(commands[i].prefix);

		if (strncasecmp(s, commands[i].prefix, n) == 0 && (n || !*s)) {
			text_puts(out, commands[i].text);
			return;
		}
	}
}

static const char *class_words(enum at_class class)
{
	switch (class) {
	case AT_CLASS_PERMANENT: return "this message will not go from here";
	case AT_CLASS_RECIPIENT: return "it is the number: it will not go from anywhere";
	case AT_CLASS_TEMPORARY: return "again later";
	case AT_CLASS_THROTTLE: return "slower, then again";
	case AT_CLASS_FULL: return "a memory is full";
	case AT_CLASS_NETWORK: return "no network now";
	case AT_CLASS_NOT_READY: return "not ready yet: no error";
	case AT_CLASS_DEVICE: return "the modem or its SIM cannot";
	case AT_CLASS_CONFIG: return "a setting is wrong";
	case AT_CLASS_UNKNOWN: return "it may have been sent";
	case AT_CLASS_DUPLICATE: return "the service centre has it already";
	}
	return "";
}

static void of_result(enum at_kind kind, int code, struct text *out)
{
	char text[120];

	if (kind == AT_OK)
		text_puts(out, "done");
	else if (kind == AT_NO_CARRIER)
		text_puts(out, "the call ended");
	else
		text_printf(out, "%s; %s", at_error_text(kind, code, text, sizeof text),
			class_words(at_error_class(kind, code)));
}

/* "+CREG: 2,1" of a query and "+CREG: 1" by itself. */
static void of_registration(struct at_fields f, struct text *out)
{
	long a, b;

	if (at_field_number(&f, &a) < 0)
		return;
	if (at_field_number(&f, &b) == 0)
		a = b;
	if (a >= 0 && (size_t)a < sizeof registration / sizeof registration[0])
		text_puts(out, registration[a]);
}

static void of_signal(struct at_fields f, struct text *out)
{
	long rssi;

	if (at_field_number(&f, &rssi) < 0)
		return;
	if (rssi >= 0 && rssi <= 31)
		text_printf(out, "%ld dBm", rssi * 2 - 113); /* 3GPP TS 27.007, 8.5 */
	else
		text_puts(out, "signal not known");
}

static void of_place(struct at_fields f, const char *what, struct text *out)
{
	char memory[16];
	long index;

	if (at_field(&f, memory, sizeof memory) == 0 && at_field_number(&f, &index) == 0)
		text_printf(out, "%s in memory %s, place %ld", what, memory, index);
}

static void of_listed(struct at_fields f, bool with_index, struct text *out)
{
	static const char *const states[] = { "received, unread", "received, read", "stored, not sent", "stored, sent" };
	long index = 0, stat;

	if (with_index && at_field_number(&f, &index) < 0)
		return;
	if (at_field_number(&f, &stat) < 0 || stat < 0 || stat > 3)
		return;
	if (with_index)
		text_printf(out, "place %ld: ", index);
	text_puts(out, states[stat]);
}

static void of_sent(struct at_fields f, struct text *out)
{
	long mr;

	if (at_field_number(&f, &mr) == 0)
		text_printf(out, "the network took it; reference %ld", mr);
}

/* An answer or unsolicited, and what kind of PDU follows it. */
static void of_answer(const char *line, int *way, struct text *out)
{
	struct at_fields f;

	if ((f.at = at_after(line, "+CREG:")) || (f.at = at_after(line, "+CGREG:")) || (f.at = at_after(line, "+CEREG:")))
		of_registration(f, out);
	else if ((f.at = at_after(line, "+CSQ:")))
		of_signal(f, out);
	else if ((f.at = at_after(line, "+CMTI:")))
		of_place(f, "a message", out);
	else if ((f.at = at_after(line, "+CDSI:")))
		of_place(f, "a status report", out);
	else if ((f.at = at_after(line, "+CMGS:")) || (f.at = at_after(line, "+CMSS:")))
		of_sent(f, out);
	else if ((f.at = at_after(line, "+CMGL:")) || (f.at = at_after(line, "+CMGR:")))
		of_listed(f, at_after(line, "+CMGL:") != NULL, out);
	else if (at_after(line, "+CMT:"))
		text_puts(out, "a message comes in");
	else if (at_after(line, "+CDS:"))
		text_puts(out, "a status report comes in");
	else
		return;
	*way = at_after(line, "+CMT:") || at_after(line, "+CDS:") || at_after(line, "+CMGL:") || at_after(line, "+CMGR:") ?
		'T' : 0;
}

static size_t hex_digits(const char *s)
{
	size_t n = 0;

	while (isxdigit((unsigned char)s[n]))
		n++;
	return n;
}

static void of_text(const struct tpdu *t, struct text *out)
{
	char text[TPDU_TEXT_MAX];
	size_t n;

	if (!tpdu_is_text(t)) {
		text_printf(out, "; %u octets", t->n_ud);
		return;
	}
	tpdu_text(t, text, &n);
	text_puts(out, ": ");
	text_add(out, text, n);
}

static bool of_pdu(const char *hex, int way, struct text *out)
{
	uint8_t octets[TPDU_MAX];
	char number[TPDU_ADDRESS_TEXT];
	size_t n = hex_digits(hex) / 2;
	struct tpdu_fault fault;
	struct tpdu t;

	if (n > sizeof octets)
		return false;
	for (size_t i = 0; i < n; i++) {
		const char pair[] = { hex[2 * i], hex[2 * i + 1], '\0' };

		octets[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	if (tpdu_read(octets, n, way == 'O' ? TPDU_MO : TPDU_MT, true, &t, &fault) < 0) {
		text_printf(out, "no TPDU: octet %zu: %s", fault.at, fault.why);
		return true;
	}
	tpdu_address_show(&t.address, number);
	text_printf(out, "%s %s %s", tpdu_type_name(t.type), t.type == TPDU_SUBMIT ? "to" : t.type == TPDU_DELIVER ? "from" :
		"about", number);
	if (t.type == TPDU_STATUS_REPORT)
		text_printf(out, ", reference %u: %s", t.mr, tpdu_status_text(t.status));
	else
		of_text(&t, out);
	return true;
}

/* ---- lines ---- */

/* Where the modem's own begins: the first word that only modems say, or hexadecimal to the end of the line. */
static const char *begin_of(const char *line)
{
	for (const char *p = line; *p; p++) {
		bool at_word = p == line || strchr(" \t]>:|<", p[-1]) != NULL;
		int code;

		if (!at_word)
			continue;
		if ((strncasecmp(p, "AT", 2) == 0 && (p[2] == '\0' || strchr("+^&EZDHIQVS$%", toupper((unsigned char)p[2])))) ||
			((*p == '+' || *p == '^') && isalpha((unsigned char)p[1])))
			return p;
		if (at_line_kind(p, &code) != AT_LINE)
			return p;
		if (hex_digits(p) >= PDU_MIN && p[strspn(p, "0123456789abcdefABCDEF\x1a ")] == '\0')
			return p;
	}
	return line;
}

static enum line_kind take(struct transcript *t, const char *s, struct text *meaning)
{
	int code, way = t->way;
	enum at_kind kind = at_line_kind(s, &code);

	t->way = 0;
	if (strncasecmp(s, "AT", 2) == 0) {
		of_command(s + 2, meaning);
		t->way = strncasecmp(s, "AT+CMGS=", 8) == 0 || strncasecmp(s, "AT+CMGW=", 8) == 0 ? 'O' : 0;
		return LINE_COMMAND;
	}
	if (kind != AT_LINE && kind != AT_PROMPT) {
		of_result(kind, code, meaning);
		return LINE_FINAL;
	}
	if (hex_digits(s) >= PDU_MIN && of_pdu(s, way, meaning))
		return LINE_PDU;
	if (*s == '+' || *s == '^') {
		of_answer(s, &t->way, meaning);
		return LINE_ANSWER;
	}
	t->way = way; /* a prompt, a blank, an echo between a line and its PDU */
	return LINE_OTHER;
}

static void show(struct transcript *t, const char *line, enum line_kind kind, const struct text *meaning)
{
	char n[16];

	t->n_known += kind != LINE_OTHER;
	if (t->list) {
		json_array_append_new(t->list, json_pack("{s:i, s:s, s:s, s:s}", "line", (int)t->n, "kind", kind_words[kind],
			"text", line, "meaning", meaning->at ? meaning->at : ""));
		return;
	}
	snprintf(n, sizeof n, "%u", t->n);
	table_cell(t->table, 0, TONE_DIM, n);
	table_cell(t->table, 1, TONE_PLAIN, kind_words[kind]);
	table_cell(t->table, 2, TONE_PLAIN, line);
	if (meaning->at)
		table_cell(t->table, 3, kind == LINE_FINAL && strncmp(meaning->at, "done", 4) != 0 ? TONE_BAD : TONE_GOOD,
			meaning->at);
	table_end_row(t->table);
}

/* A PIN is not shown: what is decoded is pasted into tickets. */
static void mask_pin(char *line)
{
	char *pin = strcasestr(line, "+CPIN=");

	for (char *p = pin ? pin + 6 : NULL; p && *p; p++)
		if (isdigit((unsigned char)*p))
			*p = '*';
}

static void take_line(struct transcript *t, char *line, struct text *meaning)
{
	const char *s;

	t->n++;
	line[strcspn(line, "\r\n")] = '\0';
	for (char *p = line; *p; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p > '~')
			*p = ' ';
	mask_pin(line);
	s = begin_of(line);
	if (line[strspn(line, " ")] == '\0')
		return;
	text_clear(meaning);
	show(t, s, take(t, s, meaning), meaning);
}

static int read_all(struct transcript *t, FILE *f)
{
	struct text meaning = { 0 };
	size_t n_room = 0;
	char *line = NULL;
	int r = 0;

	while (r == 0 && getline(&line, &n_room, f) >= 0) {
		if (strlen(line) > AT_LINE_MAX * 2 || t->n == LINES_MAX)
			r = -EFBIG;
		else
			take_line(t, line, &meaning);
	}
	text_done(&meaning);
	free(line);
	return r ? r : ferror(f) ? -EIO : 0;
}

static int print(struct transcript *t, const char *path, int r)
{
	if (t->list) {
		json_t *o = json_pack("{s:o}", "lines", t->list);

		json_dumpf(o, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(o);
	} else {
		table_print(t->table, stdout);
		table_free(t->table);
	}
	if (r == -EFBIG)
		cli_error("%s: line %u: too long, or too many of them, for what a modem says", path, t->n + 1);
	else if (r < 0)
		cli_error("%s: %s", path, strerror(-r));
	else if (!t->n_known)
		cli_error("%s: nothing in it is of a modem", path);
	return r < 0 || !t->n_known ? CLI_REFUSED : CLI_OK;
}

int decode_at(const struct cli *cli, const char *path)
{
	static const char *const titles[] = { "line", "kind", "what was said", "meaning" };
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	struct transcript t = { .cli = cli };
	int r;

	if (!f) {
		cli_error("%s: %s", path, strerror(errno));
		return CLI_USAGE;
	}
	if (cli->json)
		t.list = json_array();
	else
		t.table = cli_table(cli);
	for (size_t i = 0; t.table && i < sizeof titles / sizeof titles[0]; i++)
		table_column(t.table, titles[i], i == 0);
	r = read_all(&t, f);
	if (f != stdin)
		fclose(f);
	return print(&t, path, r);
}
