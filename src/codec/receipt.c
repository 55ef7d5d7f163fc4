/* SPDX-License-Identifier: Apache-2.0 */
/* receipt.c -- read the text of a delivery receipt.
 *
 * A receipt is read as a row of tokens.  Where a token begins with a known key and a colon, the next token is
 * its value, unless that is itself a key: "err: text:" has an empty err.  Everything else is stepped over, so
 * separators, order and unknown fields do not matter. */
#include "codec/receipt.h"

#include <errno.h>
#include <string.h>

/* A receipt is some 150 characters; an SMSC that puts a long text behind it has said all before that. */
#define MAX_SCANNED 1024

enum field {
	FIELD_ID,
	FIELD_SUB,
	FIELD_DLVRD,
	FIELD_SUBMIT_DATE,
	FIELD_DONE_DATE,
	FIELD_STAT,
	FIELD_ERR,
	FIELD_TEXT,
	FIELD_NONE,
};

/* A blank stands for any or no blanks, underscores and hyphens.  Lower case. */
static const struct key {
	const char *word;
	enum field field;
} keys[] = {
	{"id", FIELD_ID},
	{"msg id", FIELD_ID},
	{"message id", FIELD_ID},
	{"sub", FIELD_SUB},
	{"dlvrd", FIELD_DLVRD},
	{"submit date", FIELD_SUBMIT_DATE},
	{"done date", FIELD_DONE_DATE},
	{"stat", FIELD_STAT},
	{"status", FIELD_STAT},
	{"err", FIELD_ERR},
	{"error", FIELD_ERR},
	{"text", FIELD_TEXT},
};

/* Most of what is looked at is no key: what keys begin with, a bit for each letter. */
#define LETTER(c) (1u << ((c) - 'a'))
#define KEYS_BEGIN (LETTER('i') | LETTER('m') | LETTER('s') | LETTER('d') | LETTER('e') | LETTER('t'))

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_separator(char c)
{
	switch (c) {
	case ' ':
	case '\t':
	case '\r':
	case '\n':
	case '|':
	case ',':
	case ';':
	case '\0': return true;
	}
	return false;
}

/* Octets of "key :" at `s`; 0 when `word` does not stand there. */
static size_t match_key(const char *s, size_t n, const char *word)
{
	size_t i = 0;

	for (; *word; word++) {
		if (*word == ' ') {
			while (i < n && (is_blank(s[i]) || s[i] == '_' || s[i] == '-'))
				i++;
			continue;
		}
		if (i >= n || lower(s[i]) != *word)
			return 0;
		i++;
	}
	while (i < n && is_blank(s[i]))
		i++;
	return i < n && s[i] == ':' ? i + 1 : 0;
}

static enum field find_key(const char *s, size_t n, size_t *ret_len)
{
	char first = n ? lower(*s) : '\0';

	if (first < 'a' || first > 'z' || !(KEYS_BEGIN & LETTER(first)))
		return FIELD_NONE;
	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		size_t len = keys[k].word[0] == first ? match_key(s, n, keys[k].word) : 0;

		if (len > 0) {
			*ret_len = len;
			return keys[k].field;
		}
	}
	return FIELD_NONE;
}

/* Length of the value at `s`: up to a separator, and nothing where the next key begins. */
static size_t value_length(const char *s, size_t n)
{
	size_t len;
	size_t i = 0;

	if (find_key(s, n, &len) != FIELD_NONE)
		return 0;
	while (i < n && !is_separator(s[i]))
		i++;
	return i;
}

/* Printable ASCII only: what a peer sends must not break a log line or a JSON string. */
static void copy_value(char *dst, size_t cap, const char *s, size_t n)
{
	if (n > cap - 1)
		n = cap - 1;
	for (size_t i = 0; i < n; i++)
		dst[i] = s[i] > ' ' && s[i] < 0x7f ? s[i] : '?';
	dst[n] = '\0';
}

static const struct word {
	const char *word;
	enum receipt_state state;
} words[] = {
	{"DELIVRD", RECEIPT_DELIVERED},
	{"DELIVERED", RECEIPT_DELIVERED},
	{"DELIVERD", RECEIPT_DELIVERED},
	{"ENROUTE", RECEIPT_ENROUTE},
	{"BUFFERED", RECEIPT_ENROUTE},
	{"BUFFERD", RECEIPT_ENROUTE},
	{"SCHEDULED", RECEIPT_ENROUTE},
	{"EXPIRED", RECEIPT_EXPIRED},
	{"EXPIRD", RECEIPT_EXPIRED},
	{"DELETED", RECEIPT_DELETED},
	{"UNDELIV", RECEIPT_UNDELIVERABLE},
	{"UNDELIVERED", RECEIPT_UNDELIVERABLE},
	{"UNDELIVERABLE", RECEIPT_UNDELIVERABLE},
	{"UNDELIVRD", RECEIPT_UNDELIVERABLE},
	{"FAILED", RECEIPT_UNDELIVERABLE},
	{"NOROUTE", RECEIPT_UNDELIVERABLE},
	{"ACCEPTD", RECEIPT_ACCEPTED},
	{"ACCEPTED", RECEIPT_ACCEPTED},
	{"UNKNOWN", RECEIPT_UNKNOWN},
	{"REJECTD", RECEIPT_REJECTED},
	{"REJECTED", RECEIPT_REJECTED},
	{"DND_REJECTED", RECEIPT_REJECTED},
	{"SKIPPED", RECEIPT_SKIPPED},
};

static bool same_word(const char *s, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++) {
		if (word[i] == '\0' || upper(s[i]) != word[i])
			return false;
	}
	return word[n] == '\0';
}

static void set_stat(struct receipt *r, const char *s, size_t n)
{
	copy_value(r->stat_raw, sizeof(r->stat_raw), s, n);
	r->has_stat = true;
	r->stat_known = false;
	r->state = RECEIPT_UNKNOWN;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (same_word(s, n, words[i].word)) {
			r->stat_known = true;
			r->state = words[i].state;
			return;
		}
	}
}

static unsigned two_digits(const char *s)
{
	return (unsigned)(s[0] - '0') * 10 + (unsigned)(s[1] - '0');
}

/* "YYYYMMDDhhmmss" is a time that a calendar may have. */
static bool is_date(const char *s)
{
	unsigned month = two_digits(s + 4), day = two_digits(s + 6);

	return month >= 1 && month <= 12 && day >= 1 && day <= 31 && two_digits(s + 8) <= 23 &&
	       two_digits(s + 10) <= 59 && two_digits(s + 12) <= 60;
}

/* Bring `n` digits to YYYYMMDDhhmmss.  Twelve digits are YYYYMMDDhhmm when that is a date of this or the last
 * century, else YYMMDDhhmmss: the first reading is wrong only for receipts from the years 2019 and 2020. Two
 * digits of a year: 00..37 is 20xx (SMPP 3.4, 7.1.1). */
static bool full_date(const char *s, size_t n, char out[15])
{
	bool century = n >= 12 && (two_digits(s) == 20 || two_digits(s) == 19);

	if (n != 10 && n != 12 && n != 14)
		return false;
	memset(out, '0', 14);
	out[14] = '\0';
	if (n == 14 || (n == 12 && century)) {
		memcpy(out, s, n);
		if (n == 14 || is_date(out))
			return is_date(out);
		memset(out, '0', 14);
	}
	memcpy(out, two_digits(s) <= 37 ? "20" : "19", 2);
	memcpy(out + 2, s, n);
	return is_date(out);
}

static void set_done_date(struct receipt *r, const char *s, size_t n)
{
	char date[15];

	for (size_t i = 0; i < n; i++) {
		if (!is_digit(s[i]))
			return;
	}
	if (!full_date(s, n, date))
		return;
	memcpy(r->done_date, date, sizeof(date));
	r->has_done_date = true;
}

static void set_field(struct receipt *r, enum field field, const char *s, size_t n)
{
	if (n == 0)
		return;
	switch (field) {
	case FIELD_ID:
		receipt_id_take(r->id, s, n);
		copy_value(r->id, sizeof(r->id), r->id, strlen(r->id));
		r->has_id = true;
		break;
	case FIELD_STAT: set_stat(r, s, n); break;
	case FIELD_ERR:
		copy_value(r->err, sizeof(r->err), s, n);
		r->has_err = true;
		break;
	case FIELD_DONE_DATE: set_done_date(r, s, n); break;
	case FIELD_SUB:
	case FIELD_DLVRD:
	case FIELD_SUBMIT_DATE:
	case FIELD_TEXT:
	case FIELD_NONE: break;
	}
}

static bool has_field(const struct receipt *r, enum field field)
{
	switch (field) {
	case FIELD_ID: return r->has_id;
	case FIELD_STAT: return r->has_stat;
	case FIELD_ERR: return r->has_err;
	case FIELD_DONE_DATE: return r->has_done_date;
	case FIELD_SUB:
	case FIELD_DLVRD:
	case FIELD_SUBMIT_DATE:
	case FIELD_TEXT:
	case FIELD_NONE: break;
	}
	return false;
}

/* Read fields into `r`.  In front of "text:" (`head` NULL) the first of equal fields counts, and "text:" ends
 * the scan. Behind it only what `head` lacks is taken, and the last of equal fields counts: the real ones
 * come after the quotation.  Returns the offset where the scan ended. */
static size_t scan(const char *s, size_t n, const struct receipt *head, struct receipt *r)
{
	for (size_t i = 0; i < n;) {
		enum field field;
		size_t len;

		if (is_separator(s[i])) {
			i++;
			continue;
		}
		field = find_key(s + i, n - i, &len);
		if (field == FIELD_NONE) {
			while (i < n && !is_separator(s[i]))
				i++;
			continue;
		}
		i += len;
		if (field == FIELD_TEXT) {
			if (!head)
				return i;
			continue;
		}
		while (i < n && is_blank(s[i]))
			i++;
		len = value_length(s + i, n - i);
		if (!has_field(head ? head : r, field))
			set_field(r, field, s + i, len);
		i += len;
	}
	return n;
}

/* Which octet of each pair is the low one, or -1: the text is not UTF-16.  A receipt begins with ASCII, where the high
 * octet is 0, and plain text has no 0 at all but perhaps at its end. */
static int low_octet(const uint8_t *text, size_t n)
{
	if (n < 4)
		return -1;
	if ((text[0] == 0xfe && text[1] == 0xff) || (text[0] == 0 && text[1] != 0 && text[2] == 0))
		return 1;
	if ((text[0] == 0xff && text[1] == 0xfe) || (text[0] != 0 && text[1] == 0 && text[2] != 0 && text[3] == 0))
		return 0;
	return -1;
}

/* Narrow UTF-16 to ASCII; what is not ASCII becomes `?`.  Returns the characters. */
static size_t narrow(const uint8_t *text, size_t n, unsigned low, char *dst, size_t cap)
{
	size_t at = 0;

	for (size_t i = 0; i + 1 < n && at < cap; i += 2) {
		uint8_t c = text[i + low];

		if (i == 0 && text[0] >= 0xfe && text[1] >= 0xfe)
			continue;
		dst[at++] = text[i + !low] == 0 && c < 0x80 ? (char)c : '?';
	}
	return at;
}

static void set_text(struct receipt *r, const char *s, size_t n)
{
	if (n > sizeof(r->text) - 1)
		n = sizeof(r->text) - 1;
	n = strnlen(s, n);
	memcpy(r->text, s, n);
	r->text[n] = '\0';
}

int receipt_parse(const uint8_t *text, size_t n, struct receipt *ret)
{
	const char *s = (const char *)text;
	char narrowed[MAX_SCANNED];
	struct receipt head;
	int low = low_octet(text, n);
	size_t at;

	memset(ret, 0, sizeof(*ret));
	if (low >= 0) {
		n = narrow(text, n, (unsigned)low, narrowed, sizeof(narrowed));
		s = narrowed;
	}
	if (n > MAX_SCANNED)
		n = MAX_SCANNED;
	at = scan(s, n, NULL, ret);
	set_text(ret, s + at, n - at);
	if (!ret->has_id || !ret->has_stat) {
		head = *ret;
		scan(s + at, n - at, &head, ret);
	}
	return ret->has_id || ret->has_stat ? 0 : -EBADMSG;
}

static bool err_is_zero(const struct receipt *r)
{
	return !r->has_err || r->err[strspn(r->err, "0")] == '\0';
}

bool receipt_is_final(const struct receipt *r)
{
	switch (r->state) {
	case RECEIPT_NONE:
	case RECEIPT_ENROUTE:
	case RECEIPT_ACCEPTED: return false;
	case RECEIPT_UNKNOWN: return r->stat_known || !err_is_zero(r);
	case RECEIPT_DELIVERED:
	case RECEIPT_EXPIRED:
	case RECEIPT_DELETED:
	case RECEIPT_UNDELIVERABLE:
	case RECEIPT_REJECTED:
	case RECEIPT_SKIPPED: break;
	}
	return true;
}

enum receipt_state receipt_state_from_tlv(uint8_t message_state)
{
	static const enum receipt_state states[] = {
		RECEIPT_ENROUTE, /* SCHEDULED: not yet tried, which is as far from final */
		RECEIPT_ENROUTE,
		RECEIPT_DELIVERED,
		RECEIPT_EXPIRED,
		RECEIPT_DELETED,
		RECEIPT_UNDELIVERABLE,
		RECEIPT_ACCEPTED,
		RECEIPT_UNKNOWN,
		RECEIPT_REJECTED,
		RECEIPT_SKIPPED,
	};

	return message_state < sizeof(states) / sizeof(states[0]) ? states[message_state] : RECEIPT_NONE;
}

const char *receipt_state_word(enum receipt_state state)
{
	switch (state) {
	case RECEIPT_NONE: return "";
	case RECEIPT_ENROUTE: return "ENROUTE";
	case RECEIPT_DELIVERED: return "DELIVRD";
	case RECEIPT_EXPIRED: return "EXPIRED";
	case RECEIPT_DELETED: return "DELETED";
	case RECEIPT_UNDELIVERABLE: return "UNDELIV";
	case RECEIPT_ACCEPTED: return "ACCEPTD";
	case RECEIPT_UNKNOWN: return "UNKNOWN";
	case RECEIPT_REJECTED: return "REJECTD";
	case RECEIPT_SKIPPED: return "SKIPPED";
	}
	return "";
}
